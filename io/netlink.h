/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.h - the kernel's interfaces, addresses and routes: looked at, changed, watched.
 * A `struct netlink` speaks for the network namespace it was opened in, whatever thread uses it.
 * Functions return 0 or a negative errno, with `e` naming the interface.  Thread: one at a time. */
#ifndef IO_NETLINK_H
#define IO_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errbuf.h"
#include "io/addr.h"

struct ev_loop;
struct netlink;
struct netlink_watch;

enum { NETLINK_NAME_SIZE = 16, NETLINK_KIND_SIZE = 16 };

struct netlink_link {
    int ifindex;
    char name[NETLINK_NAME_SIZE];
    char kind[NETLINK_KIND_SIZE]; /* "veth", "tun", "bridge"; "" for a plain device */
    uint8_t mac[6];
    uint32_t mtu;
    bool is_up; /* administratively */
    bool has_carrier;
    int peer_ifindex; /* veth: the other end, maybe in another namespace; 0: none */
};

/* `netns`: a name or path as in netns.h; NULL: the calling thread's own. */
int netlink_open(struct netlink **out, const char *netns, struct errbuf *e);
void netlink_close(struct netlink *nl);

/* All interfaces, in the kernel's order; the caller frees *out. */
int netlink_links(struct netlink *nl, struct netlink_link **out, size_t *n, struct errbuf *e);
int netlink_link_find(struct netlink *nl, const char *name, struct netlink_link *out, struct errbuf *e); /* -ENODEV */
int netlink_link_up(struct netlink *nl, const char *name, struct errbuf *e);
int netlink_link_down(struct netlink *nl, const char *name, struct errbuf *e);
int netlink_link_set_mtu(struct netlink *nl, const char *name, uint32_t mtu, struct errbuf *e);
int netlink_link_set_mac(struct netlink *nl, const char *name, const uint8_t mac[6], struct errbuf *e);
int netlink_link_set_netns(struct netlink *nl, const char *name, const char *netns, struct errbuf *e);
int netlink_link_delete(struct netlink *nl, const char *name, struct errbuf *e);

/* A pair of veth ends, both down; `peer_netns`: where the second one is made, NULL: beside the first. */
int netlink_veth_add(struct netlink *nl, const char *name, const char *peer, const char *peer_netns, struct errbuf *e);

int netlink_addr_add(struct netlink *nl, const char *name, const struct ip_addr *addr, struct errbuf *e);
int netlink_addr_delete(struct netlink *nl, const char *name, const struct ip_addr *addr, struct errbuf *e);
/* `to` NULL: the default route of the gateway's family.  `name` NULL: by whatever interface reaches the gateway. */
int netlink_route_add(struct netlink *nl, const struct ip_addr *to, const struct ip_addr *gateway, const char *name,
                      struct errbuf *e);

/* Calls `changed` from the loop for every interface that appears, changes or (`is_gone`) disappears.
 * `overrun`: the kernel could not tell us everything; look at all of them again. */
struct netlink_watch_events {
    void (*changed)(void *arg, const struct netlink_link *link, bool is_gone);
    void (*overrun)(void *arg);
};
int netlink_watch_open(struct netlink_watch **out, struct ev_loop *loop, const char *netns,
                       const struct netlink_watch_events *events, void *arg, struct errbuf *e);
void netlink_watch_close(struct netlink_watch *w);

#endif

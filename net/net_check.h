/* SPDX-License-Identifier: Apache-2.0 */
/* net_check.h - what the parts of net_doc.c share while a document is made.  Private to net/. */
#ifndef NET_NET_CHECK_H
#define NET_NET_CHECK_H

#include "base/hmap.h"
#include "net/net_doc_read.h"

/* Who uses something that only one may use. */
struct net_using {
    struct hmap_link link;
    uint64_t a, b; /* the thing */
    const char *text;
    const void *who;
};

struct net_check {
    struct net_doc *doc;
    struct hmap uses;
    struct errbuf *e;
};

/* Zeroed memory of the document; NULL, and the error is set: there is none. */
void *net_need(struct net_check *c, size_t n, size_t size);
/* Notes that `who` uses the thing (a, b, text).  Gives who used it before, or NULL in `*before`. */
int net_use(struct net_check *c, struct net_using thing, const void **before);

/* What kind of thing is used, in `a` of a struct net_using, above what tells one from another. */
enum net_thing {
    NET_THING_VLAN = 1,
    NET_THING_DATAPATH,
    NET_THING_PORT,
    NET_THING_ADDRESS,
    NET_THING_MAC,
    NET_THING_FORWARD,
    NET_THING_POLICY,
};
static inline uint64_t net_thing(enum net_thing kind, uint64_t of)
{
    return (uint64_t)kind << 56 | of;
}

/* The subnet of the network that has the address, NULL: none. */
const struct ip_addr *net_subnet_of(const struct net_network *n, const struct ip_addr *ip);
/* Whether every bit behind the prefix has this value. */
bool net_host_bits_are(const struct ip_addr *ip, unsigned want);
/* Whether it is, by its prefix, the address of a subnet itself, or a broadcast address. */
bool net_is_for_no_host(const struct ip_addr *ip);

/* Routers, policies and DHCP; networks, switches and hosts are there. */
int net_routers_make(struct net_check *c, const struct raw_doc *raw);
/* Of a router that is complete. */
int net_spread_check(struct net_check *c, const struct net_router *r, const struct net_source_nat *s,
                     const struct doc_node *node);

#endif

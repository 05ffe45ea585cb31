/* SPDX-License-Identifier: Apache-2.0 */
/* dns_forward.h - DNS queries on their way to resolvers and back, from this host's own sockets.
 * Flow: query of a host -> [dns_forward] -> resolver; its answer -> [dns_forward] -> host.
 * Spec: RFC 5452 (every query has a source port and an id that nobody can guess, and takes an answer only from whom it
 * was sent to), RFC 5625 (what a forwarder leaves alone).   Thread: C.
 *
 * Each query has a socket of its own, connected, so that the kernel chooses its port and lets only the resolver's datagrams
 * in.  A resolver that says nothing for DNS_TRY_MS, is not there, or fails, is followed by the next. */
#ifndef CONTROLLER_DNS_FORWARD_H
#define CONTROLLER_DNS_FORWARD_H

#include <ev.h>

#include "base/bytes.h"
#include "base/list.h"
#include "net/net_doc.h"

enum { DNS_QUERIES_MAX = 256, DNS_QUERIES_OF_ONE = 32, DNS_TRY_MS = 1200, DNS_TRIES = 4, DNS_QUERY_MAX = 1500 };

/* Where an answer goes. */
struct dns_asker {
    uint64_t datapath_id;
    uint32_t port; /* of the switch */
    uint16_t vlan, udp_port;
    net_mac mac;
    struct ip_addr ip, own; /* own: the router's, that was asked */
};

struct dns_forward {
    struct ev_loop *loop;
    void (*answer)(void *arg, const struct dns_asker *to, const uint8_t *bytes, size_t n);
    void *arg;
    uint16_t port;       /* of resolvers */
    struct list queries; /* struct dns_query */
    size_t n_queries;
    uint64_t n_forwarded, n_answered, n_failed, n_kept_back;
};

void dns_forward_init(struct dns_forward *f, struct ev_loop *loop,
                      void (*answer)(void *arg, const struct dns_asker *to, const uint8_t *bytes, size_t n), void *arg);
void dns_forward_fini(struct dns_forward *f);
/* `bytes`: a query that dns_serve wants forwarded.  It is answered once, or not at all when it is there already. */
void dns_forward_query(struct dns_forward *f, const struct net_router *r, const struct dns_asker *from,
                       const uint8_t *bytes, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* services_impl.h - what the parts of the services share.  Private to services.c and services_*.c.   Thread: C. */
#ifndef CONTROLLER_SERVICES_IMPL_H
#define CONTROLLER_SERVICES_IMPL_H

#include "controller/controller.h"
#include "controller/frame.h"

enum {
    ND_ROUTER_SOLICITATION = 133,
    ND_ROUTER_ADVERTISEMENT,
    ND_SOLICITATION,
    ND_ADVERTISEMENT,
    OPTION_SOURCE = 1,
    OPTION_TARGET,
    ICMP_SUM_AT = 2,
};

const struct net_router *services_router(const struct controller *c, int network); /* NULL: none */
/* Takes what `w` has. */
void services_send(struct controller *c, int sw, uint32_t port, struct wr *w);
/* A switch from where a flood of the network reaches all of it, NET_NONE: none. */
int services_flood_switch(const struct controller *c, int network);

/* --- services_nd.c --- */
bool services_is_own(const struct controller *c, int network, const struct ip_addr *ip);
/* RFC 4861, 7.2.4: to who asked, or to all when it has no address yet (it asks whether this one is free). */
void services_advertise_neighbor(struct controller *c, int sw, uint32_t port, int network, const struct ip_addr *target,
                                 const struct ip_addr *to, net_mac to_mac);
/* `vlan` 0: untagged. */
void services_advertise_router(struct controller *c, int sw, uint32_t port, int network, uint16_t vlan);
void services_advertise_all(struct controller *c);

/* --- services_dns.c --- */
/* A query that came by that port, in the frame `f` with the packet `ip`. */
void services_dns(struct controller *c, int sw, uint32_t in_port, int network, const struct frame *f,
                  const struct ip_packet *ip);
void services_dns_init(struct controller *c);

#endif

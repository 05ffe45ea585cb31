/* SPDX-License-Identifier: Apache-2.0 */
/* services_impl.h - what the parts of the services share.  Private to services.c and services_*.c.   Thread: C. */
#ifndef CONTROLLER_SERVICES_IMPL_H
#define CONTROLLER_SERVICES_IMPL_H

#include "controller/controller.h"
#include "controller/frame.h"
#include "controller/session.h"

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
/* The same, to go on in a table of the switch. */
void services_send_on(struct controller *c, int sw, const struct session_place *at, struct wr *w);
/* An ICMP error about `ip`, whose sender is at the MAC address and in the network that `f` came from.  Not about what must not be
 * answered, nor more often than ICMP_ERRORS_PER_S. */
struct icmp_code {
    uint8_t type, code;
};
struct icmp_error {
    struct icmp_code code[2]; /* of ICMP, of ICMPv6 */
    uint16_t mtu;             /* of the next hop; 0: it is about something else */
    uint32_t reg0;            /* what translations have done to the packet: WAY_HAIRPIN... */
};
void services_send_error(struct controller *c, int sw, int network, const struct frame *f, const struct ip_packet *ip,
                         const struct icmp_error *e);
/* The MAC address of a host that the switches know the way to; 0: of none. */
net_mac services_mac(const struct controller *c, int network, const struct ip_addr *ip);
/* A switch from where a flood of the network reaches all of it, NET_NONE: none. */
int services_flood_switch(const struct controller *c, int network);

/* What the switch knew of the frame beside its bytes. */
struct frame_state {
    uint64_t metadata;
    uint32_t reg0;
};
struct frame_state services_state(const struct ofp_packet_in *p);
/* A token bucket by time, `*due_ns`: when the next one were due, did they come evenly. */
bool services_take_token(const struct controller *c, uint64_t *due_ns, unsigned per_s, unsigned burst);

/* --- services_mtu.c --- */
/* A frame that is too large for the network that its route leads to. */
void services_too_big(struct controller *c, int sw, int network, const struct frame *f, const struct ip_packet *ip,
                      const struct ofp_packet_in *p);

/* --- services_resolve.c --- */
void services_resolve_init(struct controller *c);
/* Somebody wants to send there: it is asked for, unless it was just now. */
void services_want(struct controller *c, int network, const struct ip_addr *ip);
/* A frame that was shown for the MAC address of its next hop. */
void services_resolve(struct controller *c, int sw, int network, const struct ip_packet *ip,
                      const struct ofp_packet_in *p);
void services_resolved(struct controller *c, int network, const struct ip_addr *ip, net_mac mac);
void services_resolve_tick(struct controller *c);

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

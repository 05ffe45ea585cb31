/* SPDX-License-Identifier: Apache-2.0 */
/* services.h - what a router says itself: neighbor discovery, router advertisements, DHCP, DNS, ICMP errors, and its
 * questions for the MAC addresses of next hops.
 * Flow: packet-in of a flow of kind service, ttl, no-route, closed, resolve, too-big -> [services] -> packet-out, neighbors.
 * Spec: RFC 826, 1122 (2.3.2.2), 4861, 4862, 8106, 2131, 1812 (4.3), 4443.   Thread: C. */
#ifndef CONTROLLER_SERVICES_H
#define CONTROLLER_SERVICES_H

#include "controller/dhcp6.h"
#include "controller/dns_forward.h"
#include "controller/flow.h"
#include "controller/neighbors.h"

struct controller;
struct lease_store;
struct ofp_packet_in;

enum {
    NEIGHBOR_TICK_MS = 100,
    ICMP_ERRORS_PER_S = 100,
    ICMP_ERRORS_BURST = 50,
    CUT_PER_S = 1000, /* IPv4 packets that are cut */
    CUT_BURST = 100,
    ADVERTISE_S = 200,
    ROUTER_LIFETIME_S = 1800
};

struct services {
    struct neighbors neighbors;
    struct ev_timer waiting; /* runs while frames wait for neighbors */
    struct dhcp_server dhcp;
    struct dhcp6_server dhcp6;
    struct dns_forward dns;
    struct lease_store *leases; /* NULL: they are kept in memory only; borrowed */
    uint64_t errors_ns;         /* when the next ICMP error is due, were they sent evenly: RFC 1812, 4.3.2.8 */
    uint64_t cut_ns;            /* the same of a packet that is cut */
    uint64_t advertised_ns;
    uint64_t n_errors, n_errors_kept_back;
};

void services_init(struct controller *c); /* its `services`; its loop is there */
void services_fini(struct services *s);

/* A frame that a flow of that kind has shown. */
void services_packet_in(struct controller *c, int sw, uint32_t in_port, enum flow_kind kind,
                        const struct ofp_packet_in *p);
/* A frame of a host that was not known: what it says about its addresses. */
void services_learn(struct controller *c, int network, const uint8_t *bytes, size_t n);
/* What a switch holds from an earlier controller's time. */
void services_recall(struct controller *c, const struct flow_set *held);
void services_tick(struct controller *c); /* every second or so */

#endif

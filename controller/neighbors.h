/* SPDX-License-Identifier: Apache-2.0 */
/* neighbors.h - the MAC addresses of IP addresses that the document does not have with both: hosts that got theirs by DHCP,
 * guests of shared ports, the routers of others.
 * Flow: ARP, neighbor discovery, leases -> [neighbors] -> view -> compiler; who is asked for -> services.
 * Spec: RFC 826, RFC 4861 in spirit: an entry is asked for again before it is given up.   Thread: C. */
#ifndef CONTROLLER_NEIGHBORS_H
#define CONTROLLER_NEIGHBORS_H

#include "base/hmap.h"
#include "net/net_doc.h"

enum { NEIGHBORS_MAX = 65536, NEIGHBOR_ASK_MS = 1000, NEIGHBOR_FRESH_MS = 60000, NEIGHBOR_TRIES = 5 };

struct neighbor {
    struct hmap_link link;
    uint16_t vlan;
    struct ip_addr ip;
    net_mac mac; /* 0: asked for, no answer yet */
    uint64_t seen_ns, asked_ns;
    unsigned n_asked; /* since it was seen */
};

struct neighbors {
    struct hmap map;
};

void neighbors_init(struct neighbors *n);
void neighbors_fini(struct neighbors *n);
/* Returns whether something changed that flows are made of. */
bool neighbors_see(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip, net_mac mac, uint64_t now_ns);
/* Somebody wants to send there.  Returns whether it is time to ask. */
bool neighbors_want(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip, uint64_t now_ns);
/* Runs `ask` for each that must be asked for again; forgets those that gave no answer.  Returns whether one was given up
 * that had been known. */
bool neighbors_tick(struct neighbors *n, uint64_t now_ns, void (*ask)(void *arg, const struct neighbor *of), void *arg);
bool neighbors_forget(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip);

#define for_each_neighbor(n_, neighbors_) for_each_hmap (struct neighbor, n_, &(neighbors_)->map, link)

#endif

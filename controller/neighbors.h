/* SPDX-License-Identifier: Apache-2.0 */
/* neighbors.h - the MAC addresses of IP addresses that the document does not have with both: hosts that got theirs by DHCP,
 * guests of shared ports, the routers of others.
 * Flow: ARP, neighbor discovery, leases -> [neighbors] -> view -> compiler; who is asked for -> services.
 * Spec: RFC 826, RFC 4861 in spirit: an entry is asked for again before it is given up; RFC 1122, 2.3.2.2: the last frame
 * that wants to go there waits for the answer.   Thread: C. */
#ifndef CONTROLLER_NEIGHBORS_H
#define CONTROLLER_NEIGHBORS_H

#include "base/hmap.h"
#include "net/net_doc.h"

enum {
    NEIGHBORS_MAX = 65536,
    NEIGHBORS_HELD_MAX = 1024, /* frames that wait */
    NEIGHBOR_ASK_MS = 1000,
    NEIGHBOR_FRESH_MS = 60000,
    NEIGHBOR_TRIES = 5,       /* of one that was known */
    NEIGHBOR_FIRST_TRIES = 3, /* of one that was not: RFC 4861, 10, MAX_MULTICAST_SOLICIT */
};

/* A frame that waits for the MAC address of its next hop, and what its switch knew about it.  From malloc. */
struct neighbor_frame {
    uint64_t datapath_id, metadata;
    uint32_t reg0;
    bool is_cut; /* not all of it is here: it cannot be sent */
    size_t n;
    uint8_t bytes[];
};

struct neighbor {
    struct hmap_link link;
    uint16_t vlan;
    struct ip_addr ip;
    net_mac mac; /* 0: asked for, no answer yet */
    uint64_t seen_ns, asked_ns;
    unsigned n_asked;            /* since it was seen */
    struct neighbor_frame *held; /* NULL: none; only while it has no MAC address */
};

struct neighbors {
    struct hmap map;
    size_t n_held;
};

void neighbors_init(struct neighbors *n);
void neighbors_fini(struct neighbors *n);
/* Returns whether something changed that flows are made of. */
bool neighbors_see(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip, net_mac mac, uint64_t now_ns);
/* Somebody wants to send there.  Returns whether it is time to ask. */
bool neighbors_want(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip, uint64_t now_ns);
/* `frame` (takes) waits there, in place of an earlier one; it is freed when nobody is asked for, or too many wait. */
void neighbors_hold(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip, struct neighbor_frame *frame);
/* What waited there, gives; NULL: nothing. */
struct neighbor_frame *neighbors_take(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip);
net_mac neighbors_mac(const struct neighbors *n, uint16_t vlan, const struct ip_addr *ip); /* 0: not known */

/* Runs `ask` for each that must be asked for again, `lost` for those that gave no answer, before they are forgotten.  Returns
 * whether one was given up that had been known. */
struct neighbor_events {
    void (*ask)(void *arg, const struct neighbor *of);
    void (*lost)(void *arg, const struct neighbor *of);
};
bool neighbors_tick(struct neighbors *n, uint64_t now_ns, const struct neighbor_events *events, void *arg);
bool neighbors_forget(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip);

#define for_each_neighbor(n_, neighbors_) for_each_hmap (struct neighbor, n_, &(neighbors_)->map, link)

#endif

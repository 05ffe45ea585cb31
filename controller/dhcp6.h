/* SPDX-License-Identifier: Apache-2.0 */
/* dhcp6.h - a DHCPv6 server for the networks of a document: addresses (IA_NA), DNS servers, the domain.
 * Flow: packet-in of a message -> [dhcp6] -> answer; leases -> neighbors, store.
 * Spec: RFC 8415, RFC 3646.   Thread: C.
 *
 * A declared host (by the MAC address that it sends from) gets the addresses that the document gives it, without a lease: the
 * document is the binding.  Others get one of `range6` for each IA_NA, known by its DUID and IAID.  An address is taken by a
 * Request or a rapid commit, not by a Solicit. */
#ifndef CONTROLLER_DHCP6_H
#define CONTROLLER_DHCP6_H

#include "controller/dhcp4.h"

enum { DHCP6_CLIENT_MAX = 4 + 130, DHCP6_IAS_MAX = 4, DHCP6_ADDRESSES_MAX = 16 };

struct dhcp6_lease {
    struct hmap_link by_client, by_address;
    uint16_t vlan;
    bool is_declined;                 /* nobody's, for a while */
    uint8_t client[DHCP6_CLIENT_MAX]; /* IAID, DUID */
    uint8_t n_client;
    net_mac mac;
    struct ip_addr ip;
    uint64_t end_ns;
};

struct dhcp6_server {
    struct hmap by_client, by_address; /* (VLAN, ...) */
};

void dhcp6_init(struct dhcp6_server *s);
void dhcp6_fini(struct dhcp6_server *s);

struct dhcp6_answer {
    bool has_frame; /* `w` got an answer, untagged, to send out of the port that the message came by */
    size_t n_bound, n_released;
    struct ip_addr bound[DHCP6_ADDRESSES_MAX],
        released[DHCP6_ADDRESSES_MAX]; /* bound: declared hosts' too, without lease */
    net_mac mac;
};
/* The answer is appended to `w`. */
void dhcp6_serve(struct dhcp6_server *s, const struct net_doc *doc, int network, const struct dhcp_frame *in,
                 struct wr *w, struct dhcp6_answer *out);
/* Whether the network's router advertises that addresses are to be had here; that anything is. */
bool dhcp6_has_addresses(const struct net_doc *doc, int network);
bool dhcp6_is_served(const struct net_doc *doc, int network);

/* A lease of an earlier time (copied), unless its client or its address has another already. */
void dhcp6_restore(struct dhcp6_server *s, const struct dhcp6_lease *l);
const struct dhcp6_lease *dhcp6_lease_at(const struct dhcp6_server *s, uint16_t vlan,
                                         const struct ip_addr *ip); /* NULL: none */
void dhcp6_tick(struct dhcp6_server *s, uint64_t now_ns);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* dhcp4.h - a DHCP server for the networks of a document; it remembers who has which address.
 * Flow: packet-in of a request -> [dhcp4] -> answer; leases -> neighbors, store.
 * Spec: RFC 2131, RFC 2132.   Thread: C.
 *
 * A client is known by its client identifier, else by its hardware address.  A declared host (by its MAC address) always
 * gets the address that the document gives it; others one of the range: the one they had, the one they ask for, the next
 * that is free.  Addresses that somebody declined are left alone for a while. */
#ifndef CONTROLLER_DHCP4_H
#define CONTROLLER_DHCP4_H

#include "base/bytes.h"
#include "base/hmap.h"
#include "net/net_doc.h"

enum { DHCP_CLIENT_MAX = 64, DHCP_LEASES_MAX = 65536, DHCP_OFFER_S = 60, DHCP_DECLINED_S = 600 };

enum dhcp_lease_state { DHCP_OFFERED, DHCP_BOUND, DHCP_DECLINED };
struct dhcp_lease {
    struct hmap_link by_client, by_address;
    uint16_t vlan;
    enum dhcp_lease_state state;
    uint8_t client[DHCP_CLIENT_MAX]; /* type and identifier; declined: empty */
    uint8_t n_client;
    net_mac mac;
    uint32_t address; /* host order */
    uint64_t end_ns;
    char name[64]; /* that the client says it has; "": none */
};

struct dhcp_server {
    struct hmap by_client, by_address; /* (VLAN, ...) */
    uint64_t n_offers, n_acks, n_naks, n_full;
};

void dhcp_init(struct dhcp_server *s);
void dhcp_fini(struct dhcp_server *s);

/* What becomes of a request. */
struct dhcp_answer {
    bool has_frame; /* `w` got an answer, untagged, to send out of the port that the request came by */
    bool is_bound;  /* an address was given for good: `lease` has it */
    bool is_released;
    struct ip_addr address; /* bound, released */
    net_mac mac;
};
struct dhcp_frame {
    const uint8_t *bytes; /* tagged or not */
    size_t n;
    uint64_t now_ns;
};
/* The answer is appended to `w`. */
void dhcp_serve(struct dhcp_server *s, const struct net_doc *doc, int network, const struct dhcp_frame *in,
                struct wr *w, struct dhcp_answer *out);
/* A lease of an earlier time (copied), unless its client or its address has another already. */
void dhcp_restore(struct dhcp_server *s, const struct dhcp_lease *l);
/* The lease that an address is given by, NULL: none. */
const struct dhcp_lease *dhcp_lease_at(const struct dhcp_server *s, uint16_t vlan, uint32_t address);
/* Forgets what ended; to be called now and then. */
void dhcp_tick(struct dhcp_server *s, uint64_t now_ns);

#define for_each_lease(l_, server_) for_each_hmap (struct dhcp_lease, l_, &(server_)->by_client, by_client)

#endif

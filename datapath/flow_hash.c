/* SPDX-License-Identifier: Apache-2.0 */
/* flow_hash.c - see flow_hash.h. */
#include "datapath/flow_hash.h"

#include "base/hash.h"
#include "datapath/pkt.h"

/* What tells flows apart at every layer; a field that the frame lacks reads as zero. */
static const enum field_id fields[] = {
    FIELD_ETH_DST,  FIELD_ETH_SRC,  FIELD_ETH_TYPE, FIELD_VLAN_VID, FIELD_PBB_ISID, FIELD_MPLS_LABEL, FIELD_IP_PROTO,
    FIELD_IPV4_SRC, FIELD_IPV4_DST, FIELD_IPV6_SRC, FIELD_IPV6_DST, FIELD_ARP_SPA,  FIELD_ARP_TPA,
};
static const enum field_id ports[] = { FIELD_TCP_SRC, FIELD_TCP_DST };

static uint64_t add_fields(uint64_t h, const struct key *k, const enum field_id *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct value v = key_get(k, ids[i]);

        h = hash_add(h, v.lo ^ hash_mix(v.hi));
    }
    return h;
}

uint32_t flow_hash(struct pkt *p, uint64_t salt)
{
    uint64_t h = hash_mix(salt + 1);

    pkt_parse(p, 1u << LAYER_L2 | 1u << LAYER_MPLS | 1u << LAYER_L3 | 1u << LAYER_L4);
    h = add_fields(h, &p->key, fields, sizeof fields / sizeof *fields);
    if (!p->is_fragment)
        h = add_fields(h, &p->key, ports, sizeof ports / sizeof *ports);
    return (uint32_t)(hash_mix(h) >> 32);
}

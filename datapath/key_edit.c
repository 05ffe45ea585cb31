/* SPDX-License-Identifier: Apache-2.0 */
/* key_edit.c - the key part of the actions that change a frame; see key_edit.h.
 * Flow: classify -> [key_edit] -> classify (next table). */
#include "datapath/key_edit.h"

#include "datapath/proto.h"

#include <errno.h>
#include <string.h>

static uint64_t get(const struct key *k, enum field_id id)
{
    return key_get(k, id).lo;
}

static void zero_words(struct key *k, enum field_id first, enum field_id next)
{
    unsigned from = field_place[first].word, to = field_place[next].word;

    memset(&k->w[from], 0, (to - from) * sizeof k->w[0]);
}

static uint16_t eth_type(const struct key *k)
{
    return (uint16_t)get(k, FIELD_ETH_TYPE);
}

static bool cond_holds(const struct key *k, const struct field_cond *c)
{
    uint64_t v = get(k, c->field);

    return (c->is_any ? v != 0 : v == c->value) && key_meets_needs(k, c->field);
}

bool key_meets_needs(const struct key *k, enum field_id id)
{
    const struct field_info *f = &field_table[id];

    if (f->layer == LAYER_L4 && get(k, FIELD_IP_FRAG) & IP_FRAG_LATER)
        return false;
    if (f->need[0][0].field == FIELD_NONE)
        return true;
    for (int i = 0; i < FIELD_NEEDS && f->need[i][0].field != FIELD_NONE; i++) {
        bool holds = true;

        for (int j = 0; holds && j < FIELD_CONDS && f->need[i][j].field != FIELD_NONE; j++)
            holds = cond_holds(k, &f->need[i][j]);
        if (holds)
            return true;
    }
    return false;
}

/* The header is there to be written to, as far as a key can tell beyond the prerequisites. */
static bool is_there(const struct key *k, enum field_id id)
{
    switch ((int)id) {
    case FIELD_ETH_TYPE:
        return eth_type(k) >= ETH_TYPE_MIN;
    case FIELD_VLAN_VID:
        return get(k, FIELD_VLAN_VID) != 0;
    case FIELD_ND_SLL:
    case FIELD_ND_TLL: /* an option that is missing reads as zero, and so does one of zeros */
        return get(k, id) != 0;
    case FIELD_SCTP_SRC:
    case FIELD_SCTP_DST: /* the checksum of all fragments together cannot be made from one */
        return !get(k, FIELD_IP_FRAG);
    }
    return true;
}

/* A type, and not one of a tag: those are pushed and popped, and a mask that reads tags need not read eth_type. */
static bool is_type_to_set(uint64_t type)
{
    return type >= ETH_TYPE_MIN && !is_vlan_tpid((uint16_t)type);
}

/* The type of an ICMPv6 message decides whether its body has neighbour discovery fields. */
static int icmpv6_type_changed(struct key *k, uint64_t old)
{
    uint64_t now = get(k, FIELD_ICMPV6_TYPE);

    if (now == old)
        return 0;
    if (now == ICMPV6_NEIGHBOR_SOLICIT || now == ICMPV6_NEIGHBOR_ADVERT)
        return -EAGAIN;
    zero_words(k, FIELD_ND_TARGET, FIELD_TUN_METADATA0);
    return 0;
}

/* What says how to read all that is behind it. */
static int type_changed(const struct key *k, enum field_id id, uint64_t old)
{
    return get(k, id) == old ? 0 : -EAGAIN;
}

/* The bottom-of-stack bit decides whether there are labels behind. */
static int mpls_bos_changed(struct key *k, uint64_t old)
{
    uint64_t now = get(k, FIELD_MPLS_BOS);

    if (now == old)
        return 0;
    if (!now)
        return -EAGAIN;
    k->w[field_place[FIELD_MPLS3_LABEL].word] = 0;
    key_set_u64(k, FIELD_MPLS2_LABEL, 0);
    key_set_u64(k, FIELD_MPLS2_TC, 0);
    key_set_u64(k, FIELD_MPLS2_BOS, 0);
    key_set_u64(k, FIELD_MPLS2_TTL, 0);
    return 0;
}

/* A tag is what the bit VLAN_PRESENT says: setting the whole of it may push or pop one. */
static int key_set_vlan_tci(struct key *k, uint64_t v, uint64_t mask)
{
    uint64_t tci = (get(k, FIELD_VLAN_TCI) & ~mask) | (v & mask);

    if (!(tci & VLAN_PRESENT))
        return get(k, FIELD_VLAN_VID) ? key_pop_vlan(k) : 0;
    if (!get(k, FIELD_VLAN_VID))
        (void)key_push_vlan(k, ETH_TYPE_VLAN);
    key_set_u64(k, FIELD_VLAN_TCI, tci);
    return 0;
}

/* A port of 16 bits, reserved ones at the end of its range, is one of 32. */
static void widen_in_port(struct key *k)
{
    uint64_t port = get(k, FIELD_IN_PORT16);

    key_set_u64(k, FIELD_IN_PORT, port >= 0xff00 ? port | 0xffff0000 : port);
}

int key_set_field(struct key *k, enum field_id id, struct value v, struct value mask)
{
    uint64_t old;

    if (id == FIELD_VLAN_TCI)
        return key_set_vlan_tci(k, v.lo, mask.lo);
    if (!field_table[id].is_settable)
        return -EINVAL;
    if (!key_meets_needs(k, id) || !is_there(k, id))
        return -ENOENT;
    old = get(k, id);
    if (id == FIELD_ETH_TYPE && !is_type_to_set((old & ~mask.lo) | (v.lo & mask.lo)))
        return -EINVAL;
    key_set_masked(k, id, v, mask);
    if (id == FIELD_VLAN_VID)
        key_set_u64(k, id, get(k, id) | VLAN_PRESENT);
    if (id == FIELD_IN_PORT16)
        widen_in_port(k);
    if (id == FIELD_ETH_TYPE || id == FIELD_IP_PROTO)
        return type_changed(k, id, old);
    if (id == FIELD_ICMPV6_TYPE)
        return icmpv6_type_changed(k, old);
    if (id == FIELD_MPLS_BOS)
        return mpls_bos_changed(k, old);
    return 0;
}

/* --- VLAN tags --- */

int key_push_vlan(struct key *k, uint16_t tpid)
{
    uint64_t vid = get(k, FIELD_VLAN_VID);

    if (!is_vlan_tpid(tpid))
        return -EINVAL;
    if (get(k, FIELD_VLAN2_VID))
        key_set_u64(k, FIELD_VLAN_MORE, 1);
    key_set_u64(k, FIELD_VLAN2_VID, vid);
    key_set_u64(k, FIELD_VLAN2_PCP, get(k, FIELD_VLAN_PCP));
    key_set_u64(k, FIELD_VLAN2_TPID, get(k, FIELD_VLAN_TPID));
    /* VID and PCP stay what they were: the new tag's are copied from the old one, or zero (5.12.1). */
    key_set_u64(k, FIELD_VLAN_VID, vid | VLAN_PRESENT);
    key_set_u64(k, FIELD_VLAN_TPID, tpid);
    return 0;
}

int key_pop_vlan(struct key *k)
{
    if (!get(k, FIELD_VLAN_VID))
        return -ENOENT;
    if (get(k, FIELD_VLAN_MORE))
        return -EAGAIN;
    key_set_u64(k, FIELD_VLAN_VID, get(k, FIELD_VLAN2_VID));
    key_set_u64(k, FIELD_VLAN_PCP, get(k, FIELD_VLAN2_PCP));
    key_set_u64(k, FIELD_VLAN_TPID, get(k, FIELD_VLAN2_TPID));
    key_set_u64(k, FIELD_VLAN2_VID, 0);
    key_set_u64(k, FIELD_VLAN2_PCP, 0);
    key_set_u64(k, FIELD_VLAN2_TPID, 0);
    return 0;
}

/* --- MPLS labels: entry `n` as it lies on the wire --- */

static const enum field_id label_fields[3] = { FIELD_MPLS_LABEL, FIELD_MPLS2_LABEL, FIELD_MPLS3_LABEL };

static uint32_t entry_get(const struct key *k, int n)
{
    const struct field_place *f = &field_place[label_fields[n]];

    return (uint32_t)(k->w[f->word] >> (f->shift - MPLS_LABEL_SHIFT));
}

static void entry_set(struct key *k, int n, uint32_t entry)
{
    const struct field_place *f = &field_place[label_fields[n]];
    unsigned shift = f->shift - MPLS_LABEL_SHIFT;

    k->w[f->word] = (k->w[f->word] & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)entry << shift;
}

int key_push_mpls(struct key *k, uint16_t ethertype)
{
    uint32_t outer = entry_get(k, 0);

    if (!is_mpls_type(ethertype))
        return -EINVAL;
    if (eth_type(k) == ETH_TYPE_NONE)
        return -ENOENT;
    if (is_mpls_type(eth_type(k))) {
        entry_set(k, 2, entry_get(k, 1)); /* zero when `outer` was the last */
        entry_set(k, 1, outer);
        entry_set(k, 0, outer & ~(uint32_t)MPLS_BOS);
    } else {
        entry_set(k, 0, MPLS_BOS | (uint32_t)(is_ip_type(eth_type(k)) ? get(k, FIELD_IP_TTL) : 0));
    }
    key_set_u64(k, FIELD_ETH_TYPE, ethertype);
    key_set_u64(k, FIELD_PBB_ISID, 0);
    key_set_u64(k, FIELD_PBB_UCA, 0);
    zero_words(k, FIELD_IP_PROTO, FIELD_TUN_METADATA0);
    return 0;
}

int key_pop_mpls(struct key *k, uint16_t ethertype)
{
    bool was_bottom = entry_get(k, 0) & MPLS_BOS;
    uint32_t second = entry_get(k, 1), third = entry_get(k, 2);

    if (!is_mpls_type(eth_type(k)))
        return -ENOENT;
    key_set_u64(k, FIELD_ETH_TYPE, ethertype);
    entry_set(k, 0, 0);
    entry_set(k, 1, 0);
    entry_set(k, 2, 0);
    if (!is_mpls_type(ethertype) || was_bottom)
        return -EAGAIN;
    entry_set(k, 0, second);
    if (second & MPLS_BOS)
        return 0;
    entry_set(k, 1, third);
    return third & MPLS_BOS ? 0 : -EAGAIN;
}

/* --- PBB: what is pushed are backbone addresses, ethertype and I-TAG; the frame becomes their payload --- */

int key_push_pbb(struct key *k, uint16_t ethertype)
{
    uint64_t isid = eth_type(k) == ETH_TYPE_PBB ? get(k, FIELD_PBB_ISID) : 0;
    uint64_t dst = get(k, FIELD_ETH_DST), src = get(k, FIELD_ETH_SRC);

    if (ethertype != ETH_TYPE_PBB)
        return -EINVAL;
    zero_words(k, FIELD_ETH_DST, FIELD_TUN_METADATA0);
    key_set_u64(k, FIELD_ETH_DST, dst);
    key_set_u64(k, FIELD_ETH_SRC, src);
    key_set_u64(k, FIELD_ETH_TYPE, ETH_TYPE_PBB);
    key_set_u64(k, FIELD_PBB_ISID, isid);
    return 0;
}

int key_pop_pbb(struct key *k)
{
    /* A B-TAG has to be popped before (7.2.5). */
    if (eth_type(k) != ETH_TYPE_PBB || get(k, FIELD_VLAN_VID))
        return -ENOENT;
    return -EAGAIN;
}

/* --- TTL --- */

int key_set_mpls_ttl(struct key *k, uint8_t ttl)
{
    if (!is_mpls_type(eth_type(k)))
        return -ENOENT;
    key_set_u64(k, FIELD_MPLS_TTL, ttl);
    return 0;
}

int key_dec_mpls_ttl(struct key *k)
{
    uint64_t ttl = get(k, FIELD_MPLS_TTL);

    if (!is_mpls_type(eth_type(k)))
        return -ENOENT;
    if (ttl <= 1)
        return -ETIME;
    key_set_u64(k, FIELD_MPLS_TTL, ttl - 1);
    return 0;
}

int key_set_ip_ttl(struct key *k, uint8_t ttl)
{
    if (!is_ip_type(eth_type(k)))
        return -ENOENT;
    key_set_u64(k, FIELD_IP_TTL, ttl);
    return 0;
}

int key_dec_ip_ttl(struct key *k)
{
    uint64_t ttl = get(k, FIELD_IP_TTL);

    if (!is_ip_type(eth_type(k)))
        return -ENOENT;
    if (ttl <= 1)
        return -ETIME;
    key_set_u64(k, FIELD_IP_TTL, ttl - 1);
    return 0;
}

int key_copy_ttl_out(struct key *k)
{
    if (!is_mpls_type(eth_type(k)))
        return -ENOENT;
    if (get(k, FIELD_MPLS_BOS))
        return -EAGAIN; /* from an IP header that is not in the key */
    key_set_u64(k, FIELD_MPLS_TTL, get(k, FIELD_MPLS2_TTL));
    return 0;
}

int key_copy_ttl_in(struct key *k)
{
    if (!is_mpls_type(eth_type(k)))
        return -ENOENT;
    /* To an IP header below the last label: not in the key. */
    if (!get(k, FIELD_MPLS_BOS))
        key_set_u64(k, FIELD_MPLS2_TTL, get(k, FIELD_MPLS_TTL));
    return 0;
}

/* --- the tuple of a connection --- */

/* Where that protocol's ports are, or what connections have in their place. */
static bool l4_fields(uint64_t proto, enum field_id f[2])
{
    bool is_icmp = proto == IP_PROTO_ICMP || proto == IP_PROTO_ICMPV6;

    f[0] = is_icmp ? FIELD_ICMPV4_TYPE : FIELD_TCP_SRC;
    f[1] = is_icmp ? FIELD_ICMPV4_CODE : FIELD_TCP_DST;
    return is_icmp || proto == IP_PROTO_TCP || proto == IP_PROTO_UDP || proto == IP_PROTO_SCTP;
}

static void swap(struct key *k, enum field_id a, enum field_id b)
{
    struct value v = key_get(k, a);

    key_set(k, a, key_get(k, b));
    key_set(k, b, v);
}

static bool is_zero(const struct key *k, enum field_id id)
{
    struct value v = key_get(k, id);

    return !(v.hi | v.lo);
}

bool key_swap_tuple(struct key *k)
{
    uint64_t type = eth_type(k), own = get(k, FIELD_IP_PROTO), other = get(k, FIELD_CT_NW_PROTO), ports[2] = { 0 };
    bool is_ipv4 = type == ETH_TYPE_IPV4;
    enum field_id f[2];

    if (!other || !is_ip_type((uint16_t)type) || !is_zero(k, is_ipv4 ? FIELD_CT_IPV6_SRC : FIELD_CT_NW_SRC) ||
        !is_zero(k, is_ipv4 ? FIELD_CT_IPV6_DST : FIELD_CT_NW_DST))
        return false;
    swap(k, is_ipv4 ? FIELD_IPV4_SRC : FIELD_IPV6_SRC, is_ipv4 ? FIELD_CT_NW_SRC : FIELD_CT_IPV6_SRC);
    swap(k, is_ipv4 ? FIELD_IPV4_DST : FIELD_IPV6_DST, is_ipv4 ? FIELD_CT_NW_DST : FIELD_CT_IPV6_DST);
    if (l4_fields(own, f))
        for (int i = 0; i < 2; i++) {
            ports[i] = get(k, f[i]);
            key_set_u64(k, f[i], 0);
        }
    if (l4_fields(other, f)) {
        key_set_u64(k, f[0], get(k, FIELD_CT_TP_SRC));
        key_set_u64(k, f[1], get(k, FIELD_CT_TP_DST));
    }
    key_set_u64(k, FIELD_CT_TP_SRC, ports[0]);
    key_set_u64(k, FIELD_CT_TP_DST, ports[1]);
    swap(k, FIELD_IP_PROTO, FIELD_CT_NW_PROTO);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite_field.c - sets fields and TTLs of a frame and keeps its checksums right; see pkt.h.
 * Flow: classify -> [rewrite] -> port tx.
 * Spec: OpenFlow 1.3.5, 5.12 and 7.2.5; RFC 1624 (incremental checksums), RFC 768 (UDP's zero), RFC 9260 (SCTP's CRC),
 * RFC 3828 (UDP-Lite), RFC 4340 (DCCP).
 *
 * Theory: the key is changed first (key_edit.c), then the field is written from the key to its `struct spot`.  A frame
 * whose transport checksum is left to the device (`is_l4_todo`) has the pseudo-header's plain sum in its checksum field:
 * addresses change that, anything else does not. */
#include "datapath/rewrite.h"

#include "base/bytes.h"
#include "datapath/checksum.h"
#include "datapath/key_edit.h"
#include "datapath/offload.h"
#include "datapath/proto.h"

#include <errno.h>
#include <string.h>

/* Where a field lies on the wire: `len` bytes (2, 4, 6 or 16) at `ofs` behind the start of a header, in them from
 * bit `shift` up; and which checksums cover it. */
enum base { BASE_NONE, BASE_FRAME, BASE_TYPE, BASE_MPLS, BASE_L3, BASE_L4, BASE_ND_OPTION };
enum cover { COVER_NONE, COVER_IPV4, COVER_ADDRESS, COVER_L4 };

struct spot {
    uint8_t base, ofs, len, shift, cover;
};

/* Fields without an entry are in the key alone. */
static const struct spot spots[FIELD_N] = {
    [FIELD_ETH_DST] = { BASE_FRAME, 0, 6, 0, COVER_NONE },    [FIELD_ETH_SRC] = { BASE_FRAME, 6, 6, 0, COVER_NONE },
    [FIELD_ETH_TYPE] = { BASE_TYPE, 0, 2, 0, COVER_NONE },    [FIELD_IP_PROTO] = { BASE_L3, 9, 1, 0, COVER_ADDRESS },
    [FIELD_VLAN_PCP] = { BASE_FRAME, 14, 2, 13, COVER_NONE }, [FIELD_VLAN_VID] = { BASE_FRAME, 14, 2, 0, COVER_NONE },
    [FIELD_PBB_ISID] = { BASE_L3, 0, 4, 0, COVER_NONE },      [FIELD_PBB_UCA] = { BASE_L3, 0, 4, 27, COVER_NONE },
    [FIELD_MPLS_LABEL] = { BASE_MPLS, 0, 4, 12, COVER_NONE }, [FIELD_MPLS_TC] = { BASE_MPLS, 0, 4, 9, COVER_NONE },
    [FIELD_MPLS_BOS] = { BASE_MPLS, 0, 4, 8, COVER_NONE },    [FIELD_MPLS_TTL] = { BASE_MPLS, 0, 4, 0, COVER_NONE },
    [FIELD_IP_DSCP] = { BASE_L3, 0, 2, 2, COVER_IPV4 },       [FIELD_IP_ECN] = { BASE_L3, 0, 2, 0, COVER_IPV4 },
    [FIELD_IP_TOS] = { BASE_L3, 0, 2, 0, COVER_IPV4 },        [FIELD_IP_TTL] = { BASE_L3, 8, 2, 8, COVER_IPV4 },
    [FIELD_IPV6_FLABEL] = { BASE_L3, 0, 4, 0, COVER_NONE },   [FIELD_IPV4_SRC] = { BASE_L3, 12, 4, 0, COVER_ADDRESS },
    [FIELD_IPV4_DST] = { BASE_L3, 16, 4, 0, COVER_ADDRESS },  [FIELD_IPV6_SRC] = { BASE_L3, 8, 16, 0, COVER_ADDRESS },
    [FIELD_IPV6_DST] = { BASE_L3, 24, 16, 0, COVER_ADDRESS }, [FIELD_ARP_OP] = { BASE_L3, 6, 2, 0, COVER_NONE },
    [FIELD_ARP_SHA] = { BASE_L3, 8, 6, 0, COVER_NONE },       [FIELD_ARP_SPA] = { BASE_L3, 14, 4, 0, COVER_NONE },
    [FIELD_ARP_THA] = { BASE_L3, 18, 6, 0, COVER_NONE },      [FIELD_ARP_TPA] = { BASE_L3, 24, 4, 0, COVER_NONE },
    [FIELD_TCP_SRC] = { BASE_L4, 0, 2, 0, COVER_L4 },         [FIELD_TCP_DST] = { BASE_L4, 2, 2, 0, COVER_L4 },
    [FIELD_UDP_SRC] = { BASE_L4, 0, 2, 0, COVER_L4 },         [FIELD_UDP_DST] = { BASE_L4, 2, 2, 0, COVER_L4 },
    [FIELD_SCTP_SRC] = { BASE_L4, 0, 2, 0, COVER_L4 },        [FIELD_SCTP_DST] = { BASE_L4, 2, 2, 0, COVER_L4 },
    [FIELD_ICMPV4_TYPE] = { BASE_L4, 0, 2, 8, COVER_L4 },     [FIELD_ICMPV4_CODE] = { BASE_L4, 0, 2, 0, COVER_L4 },
    [FIELD_ICMPV6_TYPE] = { BASE_L4, 0, 2, 8, COVER_L4 },     [FIELD_ICMPV6_CODE] = { BASE_L4, 0, 2, 0, COVER_L4 },
    [FIELD_ND_TARGET] = { BASE_L4, 8, 16, 0, COVER_L4 },      [FIELD_ND_SLL] = { BASE_ND_OPTION, 2, 6, 0, COVER_L4 },
    [FIELD_ND_TLL] = { BASE_ND_OPTION, 2, 6, 0, COVER_L4 },
};

static bool is_ipv6(const struct pkt *p)
{
    return key_get(&p->key, FIELD_ETH_TYPE).lo == ETH_TYPE_IPV6;
}

static struct spot spot_of(const struct pkt *p, enum field_id id)
{
    struct spot s = spots[id];

    if (id == FIELD_IP_PROTO)
        s.ofs = (uint8_t)p->ip_proto_at;
    if (s.cover == COVER_IPV4 && is_ipv6(p)) {
        s.cover = COVER_NONE;
        if (id == FIELD_IP_TTL)
            s = (struct spot){ BASE_L3, 6, 2, 0, COVER_NONE };
        else
            s.shift += 4; /* the traffic class is four bits to the left of IPv4's type of service */
    }
    return s;
}

/* Offset of the field's bytes, or -ENOENT: the header is not there in full. */
static int spot_offset(const struct pkt *p, const struct spot *s)
{
    uint32_t start = 0;

    switch ((enum base)s->base) {
    case BASE_NONE:
    case BASE_FRAME:
        break;
    case BASE_TYPE:
        if (key_get(&p->key, FIELD_ETH_TYPE).lo >= ETH_TYPE_MIN)
            start = (p->l3_ofs ? p->l3_ofs : p->mpls_ofs) - 2u;
        break;
    case BASE_MPLS:
        start = p->mpls_ofs;
        break;
    case BASE_L3:
        start = key_get(&p->key, FIELD_ETH_TYPE).lo == ETH_TYPE_PBB || p->l3_len ? p->l3_ofs : 0;
        break;
    case BASE_L4:
        start = p->l4_proto ? p->l4_ofs : 0;
        break;
    case BASE_ND_OPTION:
        start = p->nd_option_ofs;
        break;
    }
    if ((!start && s->base != BASE_FRAME) || start + s->ofs + s->len > rte_pktmbuf_data_len(p->m))
        return -ENOENT;
    if (s->base == BASE_L4 && (uint32_t)s->ofs + s->len > p->l4_len)
        return -ENOENT;
    return (int)(start + s->ofs);
}

/* --- checksums --- */

/* Offset of the transport checksum behind the L4 header's start for protocols with an Internet checksum; -1: none. */
static int l4_csum_offset(uint8_t proto)
{
    switch (proto) {
    case IP_PROTO_TCP:
        return 16;
    case IP_PROTO_UDP:
    case IP_PROTO_DCCP:
    case IP_PROTO_UDPLITE:
        return 6;
    case IP_PROTO_ICMP:
    case IP_PROTO_ICMPV6:
        return 2;
    }
    return -1;
}

/* The protocol whose header has a checksum to be kept right.  DCCP and UDP-Lite have no fields, and are not parsed, but their
 * sums cover the addresses, whatever part of the rest they cover (RFC 4340, 9.1; RFC 3828, 3.1). */
static uint8_t summed_proto(const struct pkt *p)
{
    uint8_t proto = (uint8_t)key_get(&p->key, FIELD_IP_PROTO).lo;

    if (p->l4_proto || (proto != IP_PROTO_DCCP && proto != IP_PROTO_UDPLITE))
        return p->l4_proto;
    return p->l4_ofs && p->l4_len >= 8 && p->l4_ofs + 8u <= rte_pktmbuf_data_len(p->m) ? proto : 0;
}

static void fix_l4(struct pkt *p, uint16_t delta, enum cover cover)
{
    uint8_t proto = summed_proto(p);
    int ofs = l4_csum_offset(proto);
    uint8_t *field;
    uint16_t now;

    if (ofs < 0 || (cover == COVER_ADDRESS && proto == IP_PROTO_ICMP))
        return;
    field = byte_at(p, p->l4_ofs + (uint32_t)ofs);
    now = be16_load(field);
    if (is_l4_todo(p)) {
        if (cover == COVER_ADDRESS)
            be16_store(field, csum_add(now, delta));
        return;
    }
    if (proto == IP_PROTO_UDP && !now)
        return; /* sent without a checksum */
    now = csum_complete(now, delta);
    if ((proto == IP_PROTO_UDP || proto == IP_PROTO_UDPLITE) && !now)
        now = 0xffff;
    be16_store(field, now);
}

static void fix_sctp(struct pkt *p)
{
    if (!(p->m->ol_flags & REWRITE_L4_TODO) || !is_l4_todo(p))
        be32_store(byte_at(p, p->l4_ofs + 8u), __builtin_bswap32(csum_sctp(p->m, p->l4_ofs, p->l4_len)));
}

/* The bytes of field `id` were changed: words that summed up to `old` now sum up to `now`. */
static void fix_checksums(struct pkt *p, enum field_id id, enum cover cover, uint16_t old, uint16_t now)
{
    uint16_t delta = csum_delta(old, now);
    bool is_v4_header = cover == COVER_IPV4 || (cover == COVER_ADDRESS && !is_ipv6(p));

    if (cover == COVER_NONE)
        return;
    if (is_v4_header) {
        uint8_t *field = byte_at(p, p->l3_ofs + 10u);

        be16_store(field, csum_complete(be16_load(field), delta));
    }
    if (cover == COVER_IPV4)
        return;
    if (p->l4_proto == IP_PROTO_SCTP) {
        if (cover == COVER_L4)
            fix_sctp(p);
        return;
    }
    if (id == FIELD_IPV6_DST && p->is_source_routed)
        return;
    fix_l4(p, delta, cover);
}

/* --- fields --- */

/* Writes the field's value as the key has it. */
static void write_spot(const struct pkt *p, enum field_id id, const struct spot *s, uint8_t *at)
{
    struct value v = key_get(&p->key, id);
    uint64_t bits = id == FIELD_VLAN_VID ? 0xfff : field_ones(id).lo, word;

    switch (s->len) {
    case 1:
        *at = (uint8_t)v.lo;
        return;
    case 2:
        word = (be16_load(at) & ~(bits << s->shift)) | (v.lo & bits) << s->shift;
        be16_store(at, (uint16_t)word);
        return;
    case 4:
        word = (be32_load(at) & ~(bits << s->shift)) | v.lo << s->shift;
        be32_store(at, (uint32_t)word);
        return;
    case 6:
        be16_store(at, (uint16_t)(v.lo >> 32));
        be32_store(at + 2, (uint32_t)v.lo);
        return;
    case 16:
        be64_store(at, v.hi);
        be64_store(at + 8, v.lo);
        return;
    }
}

/* Sum of the bytes of a field; a single one lies in the lower half of its word in every sum. */
static uint16_t sum_of(const uint8_t *at, unsigned len)
{
    return len == 1 ? *at : csum_words(at, len);
}

/* The layers that are read another way when the field changes. */
static unsigned layers_behind(enum field_id id)
{
    switch ((int)id) {
    case FIELD_ETH_TYPE:
        return REWRITE_STRUCTURE;
    case FIELD_IP_PROTO:
        return 1 << LAYER_L3 | 1 << LAYER_L4;
    case FIELD_ICMPV6_TYPE: /* another body */
        return 1 << LAYER_L4;
    case FIELD_MPLS_BOS: /* more or fewer labels */
        return 1 << LAYER_MPLS;
    }
    return 0;
}

int pkt_set_field(struct pkt *p, enum field_id id, struct value v, struct value mask)
{
    enum layer layer = field_table[id].layer;
    unsigned needed = 1u << layer;
    struct spot s;
    uint16_t old;
    uint8_t *at;
    int ofs, err;
    bool is_type = id == FIELD_ETH_TYPE || id == FIELD_IP_PROTO;

    if (spots[id].cover != COVER_NONE)
        needed |= 1 << LAYER_L4; /* its checksum may cover the field */
    pkt_parse(p, needed);
    if (id == FIELD_VLAN_TCI)
        return pkt_set_vlan_tci(p, (uint16_t)v.lo, (uint16_t)mask.lo);
    if (spots[id].base == BASE_NONE) {
        err = key_set_field(&p->key, id, v, mask);
        p->in_port = (uint32_t)key_get(&p->key, FIELD_IN_PORT).lo;
        return err;
    }
    if (!p->l3_ofs && !p->mpls_ofs)
        return -ENOENT;
    s = spot_of(p, id);
    ofs = spot_offset(p, &s);
    if (ofs < 0)
        return field_table[id].is_settable ? ofs : -EINVAL;
    if (is_type && offload_of(p->m) & OFFLOAD_ANY_SEG)
        return -ENOSPC; /* nobody could cut it any more */
    err = key_set_field(&p->key, id, v, mask);
    if (err && err != -EAGAIN)
        return err;
    if (is_type)
        (void)offload_checksum(p->m); /* a device would not find its header any more */
    at = byte_at(p, (uint32_t)ofs);
    old = sum_of(at, s.len);
    write_spot(p, id, &s, at);
    if (id == FIELD_IP_PROTO)
        key_set_u64(&p->key, id, old); /* the sum is that of what it was; the key is read anew below */
    fix_checksums(p, id, (enum cover)s.cover, old, sum_of(at, s.len));
    if (layers_behind(id)) {
        p->layers &= (uint16_t)~layers_behind(id);
        pkt_parse(p, needed);
    }
    return 0;
}

/* --- TTL --- */

/* Writes the TTL from the key, which has it already. */
static void write_ttl(struct pkt *p, enum field_id id)
{
    struct spot s = spot_of(p, id);
    uint8_t *at = byte_at(p, (s.base == BASE_MPLS ? p->mpls_ofs : p->l3_ofs) + (uint32_t)s.ofs);
    uint16_t old = csum_words(at, s.len);

    write_spot(p, id, &s, at);
    fix_checksums(p, id, (enum cover)s.cover, old, csum_words(at, s.len));
}

static bool has_label(struct pkt *p)
{
    pkt_parse(p, 1 << LAYER_MPLS);
    return p->mpls_ofs && rte_pktmbuf_data_len(p->m) >= p->mpls_ofs + 4u;
}

static bool has_ip(struct pkt *p)
{
    pkt_parse(p, 1 << LAYER_L3);
    return p->l3_len && is_ip_type((uint16_t)key_get(&p->key, FIELD_ETH_TYPE).lo);
}

int pkt_set_mpls_ttl(struct pkt *p, uint8_t ttl)
{
    if (!has_label(p))
        return -ENOENT;
    (void)key_set_mpls_ttl(&p->key, ttl);
    write_ttl(p, FIELD_MPLS_TTL);
    return 0;
}

int pkt_dec_mpls_ttl(struct pkt *p)
{
    int err = has_label(p) ? key_dec_mpls_ttl(&p->key) : -ENOENT;

    if (!err)
        write_ttl(p, FIELD_MPLS_TTL);
    return err;
}

int pkt_set_ip_ttl(struct pkt *p, uint8_t ttl)
{
    if (!has_ip(p))
        return -ENOENT;
    (void)key_set_ip_ttl(&p->key, ttl);
    write_ttl(p, FIELD_IP_TTL);
    return 0;
}

int pkt_dec_ip_ttl(struct pkt *p)
{
    int err = has_ip(p) ? key_dec_ip_ttl(&p->key) : -ENOENT;

    if (!err)
        write_ttl(p, FIELD_IP_TTL);
    return err;
}

/* The TTL byte of what follows the outermost label: the next label, or an IP header when that was the last (nothing says
 * so, hence its lengths must agree with the frame's).  NULL: neither.
 * `ip`: start of the IPv4 header, whose checksum covers the byte; else NULL. */
static uint8_t *inner_ttl(const struct pkt *p, uint8_t **ip)
{
    uint32_t ofs = p->mpls_ofs + 4u, n = rte_pktmbuf_data_len(p->m), header_len, len;
    uint8_t *inner = byte_at(p, ofs);

    *ip = NULL;
    if (!(be32_load(inner - 4) & MPLS_BOS))
        return n >= ofs + 4 ? inner + 3 : NULL;
    if (n < ofs + 20)
        return NULL;
    if (*inner >> 4 == 6)
        return n >= ofs + 40 && be16_load(inner + 4) + ofs + 40 <= rte_pktmbuf_pkt_len(p->m) ? inner + 7 : NULL;
    header_len = (*inner & 0xfu) * 4;
    len = be16_load(inner + 2);
    if (*inner >> 4 != 4 || header_len < 20 || len < header_len || ofs + len > rte_pktmbuf_pkt_len(p->m))
        return NULL;
    *ip = inner;
    return inner + 8;
}

int pkt_copy_ttl_out(struct pkt *p)
{
    uint8_t *ip, *ttl = has_label(p) ? inner_ttl(p, &ip) : NULL;

    return ttl ? pkt_set_mpls_ttl(p, *ttl) : -ENOENT;
}

int pkt_copy_ttl_in(struct pkt *p)
{
    uint8_t *ip, *ttl = has_label(p) ? inner_ttl(p, &ip) : NULL;
    uint16_t old;

    if (!ttl)
        return -ENOENT;
    (void)key_copy_ttl_in(&p->key);
    old = ip ? be16_load(ip + 8) : 0;
    *ttl = (uint8_t)key_get(&p->key, FIELD_MPLS_TTL).lo;
    if (ip)
        be16_store(ip + 10, csum_complete(be16_load(ip + 10), csum_delta(old, be16_load(ip + 8))));
    return 0;
}

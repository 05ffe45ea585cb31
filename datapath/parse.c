/* SPDX-License-Identifier: Apache-2.0 */
/* parse.c - from the bytes of a frame to its key; see pkt.h.
 * Flow: port rx -> [parse] -> classify.
 * Spec: IEEE 802.3, 802.1Q, 802.1ah; RFC 3032 (MPLS), 791, 8200, 826, 9293, 768, 9260, 792, 4443, 4861; field meanings
 * of OpenFlow 1.3.5, 7.2.3.7.
 *
 * Theory: each layer has one function that first computes, then writes every key word of its layer once.  What follows
 * MPLS labels is not looked at (OpenFlow matches demand that), so `l3_ofs` is 0 there.  A header is believed only when
 * all of it is there and its lengths agree with those around it.  Headers are read from one contiguous window of
 * `PKT_HEADERS_MAX` bytes: the first segment when that holds it, else a copy on the stack; hence a key does not depend
 * on how a frame is cut into segments. */
#include "datapath/pkt.h"

#include "base/bytes.h"
#include "datapath/proto.h"
#include "datapath/shaper.h"

#include <rte_mbuf.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* The readable bytes of the headers, and what the frame has in all. */
struct window {
    const uint8_t *p;
    uint32_t n, frame_len;
};

static ALWAYS_INLINE uint64_t *word_at(struct key *k, enum field_id id)
{
    return &k->w[field_place[id].word];
}

/* `v` at the place of the field; `v` must fit. */
static ALWAYS_INLINE uint64_t at(enum field_id id, uint64_t v)
{
    return v << field_place[id].shift;
}

/* Zeroes the words from that of `first` up to that of `next`, exclusive; unrolled, for memset() would become `rep stos`,
 * which takes longer to begin than all these stores. */
static ALWAYS_INLINE void zero_words(struct key *k, enum field_id first, enum field_id next)
{
#pragma GCC unroll 20
    for (unsigned i = field_place[first].word; i < field_place[next].word; i++)
        k->w[i] = 0;
}

static ALWAYS_INLINE uint64_t be48_load(const uint8_t *p)
{
    return (uint64_t)be16_load(p) << 32 | be32_load(p + 2);
}

static ALWAYS_INLINE void put_ipv6(struct key *k, enum field_id id, const uint8_t *p)
{
    word_at(k, id)[0] = be64_load(p);
    word_at(k, id)[1] = be64_load(p + 8);
}

static ALWAYS_INLINE uint16_t eth_type(struct key *k)
{
    return (uint16_t)(*word_at(k, FIELD_ETH_TYPE) >> field_place[FIELD_ETH_TYPE].shift);
}

void pkt_init(struct pkt *p, struct rte_mbuf *m, uint32_t in_port)
{
    p->m = m;
    p->in_port = in_port;
    p->queue = SHAPER_QUEUE_NONE;
    p->layers = 1 << LAYER_META;
    zero_words(&p->key, FIELD_IN_PORT, FIELD_TUNNEL_ID);
    *word_at(&p->key, FIELD_IN_PORT) = at(FIELD_IN_PORT, in_port) | at(FIELD_IN_PHY_PORT, in_port);
}

unsigned key_map_layers(const struct key_map *map)
{
    unsigned layers = 0;

    for (int i = 0; i < FIELD_N; i++) {
        const struct field_info *f = &field_table[i];
        unsigned last = f->word + (f->bits > 64);

        if ((map->bits[f->word / 64] >> f->word % 64 & 1) || (map->bits[last / 64] >> last % 64 & 1))
            layers |= 1u << f->layer;
    }
    return layers;
}

/* --- L2 --- */

/* Walks the tags that begin at byte 12; writes their two key words.  Returns where the type behind them is. */
static ALWAYS_INLINE uint32_t parse_vlans(struct pkt *p, const struct window *w, uint64_t *vlan)
{
    uint64_t second = 0;
    uint32_t ofs = 12;
    unsigned n = 0;

    *vlan = 0;
    while (n < PKT_VLANS_MAX && is_vlan_tpid(be16_load(w->p + ofs)) && w->n >= ofs + 6) {
        uint16_t tpid = be16_load(w->p + ofs), tci = be16_load(w->p + ofs + 2);
        uint64_t pcp = tci >> 13, vid = VLAN_PRESENT | (tci & 0xfff);

        if (n == 0) {
            *vlan = at(FIELD_VLAN_PCP, pcp) | at(FIELD_VLAN_VID, vid);
            second = at(FIELD_VLAN_TPID, tpid);
        } else if (n == 1) {
            second |= at(FIELD_VLAN2_TPID, tpid) | at(FIELD_VLAN2_PCP, pcp) | at(FIELD_VLAN2_VID, vid);
        } else {
            second |= at(FIELD_VLAN_MORE, 1);
        }
        n++;
        ofs += 4;
    }
    p->n_vlans = (uint8_t)n;
    *word_at(&p->key, FIELD_VLAN_TPID) = second;
    return ofs;
}

/* A length instead of a type: LLC.  Returns the ethertype of a SNAP header, else ETH_TYPE_NONE. */
static uint16_t parse_llc(struct pkt *p, const struct window *w, uint32_t ofs)
{
    static const uint8_t snap[6] = { 0xaa, 0xaa, 0x03, 0, 0, 0 };

    p->eth_type_ofs = 0;
    p->l3_ofs = (uint16_t)(ofs + 2);
    if (w->n < ofs + 10 || memcmp(w->p + ofs + 2, snap, sizeof snap) || be16_load(w->p + ofs + 8) < ETH_TYPE_MIN)
        return ETH_TYPE_NONE;
    p->l3_ofs = (uint16_t)(ofs + 10);
    return be16_load(w->p + ofs + 8);
}

static void parse_l2(struct pkt *p, const struct window *w)
{
    struct key *k = &p->key;
    uint64_t vlan, itag = 0;
    uint16_t type;
    uint32_t ofs;

    p->layers |= 1 << LAYER_L2;
    p->mpls_ofs = 0;
    if (w->n < 14) {
        p->eth_type_ofs = p->l3_ofs = 0;
        p->n_vlans = 0;
        zero_words(k, FIELD_ETH_DST, FIELD_MPLS_LABEL);
        return;
    }
    ofs = parse_vlans(p, w, &vlan);
    type = be16_load(w->p + ofs);
    p->eth_type_ofs = (uint16_t)ofs;
    p->l3_ofs = (uint16_t)(ofs + 2);
    if (type < ETH_TYPE_MIN)
        type = parse_llc(p, w, ofs);
    if (is_mpls_type(type)) {
        p->mpls_ofs = p->l3_ofs;
        p->l3_ofs = 0;
    } else if (type == ETH_TYPE_PBB && w->n >= p->l3_ofs + 4u) {
        uint32_t tci = be32_load(w->p + p->l3_ofs);

        itag = at(FIELD_PBB_ISID, tci & 0xffffff) | at(FIELD_PBB_UCA, tci >> 27 & 1);
    }
    *word_at(k, FIELD_ETH_DST) = at(FIELD_ETH_DST, be48_load(w->p)) | at(FIELD_ETH_TYPE, type);
    *word_at(k, FIELD_ETH_SRC) = at(FIELD_ETH_SRC, be48_load(w->p + 6)) | vlan;
    *word_at(k, FIELD_PBB_ISID) = itag;
}

/* --- MPLS --- */

static void parse_mpls(struct pkt *p, const struct window *w)
{
    static const enum field_id labels[] = { FIELD_MPLS_LABEL, FIELD_MPLS2_LABEL, FIELD_MPLS3_LABEL };
    uint32_t ofs = p->mpls_ofs;

    p->layers |= 1 << LAYER_MPLS;
    zero_words(&p->key, FIELD_MPLS_LABEL, FIELD_IP_PROTO);
    if (!ofs)
        return;
    for (int i = 0; i < 3 && w->n >= ofs + 4; i++, ofs += 4) {
        uint32_t entry = be32_load(w->p + ofs);

        /* Label, TC, BoS and TTL lie in the key as they do in the entry. */
        *word_at(&p->key, labels[i]) |= (uint64_t)entry << (field_place[labels[i]].shift - MPLS_LABEL_SHIFT);
        if (entry & MPLS_BOS)
            break;
    }
}

/* --- L3 --- */

static ALWAYS_INLINE void put_ip_word(struct pkt *p, uint8_t proto, uint8_t tos, uint8_t ttl, unsigned frag)
{
    *word_at(&p->key, FIELD_IP_PROTO) = at(FIELD_IP_PROTO, proto) | at(FIELD_IP_DSCP, tos >> 2) |
                                        at(FIELD_IP_ECN, tos & 3) | at(FIELD_IP_TTL, ttl) | at(FIELD_IP_FRAG, frag);
}

static ALWAYS_INLINE void parse_ipv4(struct pkt *p, const struct window *w)
{
    const uint8_t *ip = w->p + p->l3_ofs;
    uint32_t left = w->frame_len - p->l3_ofs, header_len, total_len;
    uint16_t frag;
    unsigned frag_bits;

    if (w->n < p->l3_ofs + 20u || ip[0] >> 4 != 4)
        return;
    header_len = (ip[0] & 0xfu) * 4;
    total_len = be16_load(ip + 2);
    if (header_len < 20 || total_len < header_len || total_len > left || w->n < p->l3_ofs + header_len)
        return;
    frag = be16_load(ip + 6);
    frag_bits = frag & 0x3fff ? IP_FRAG_ANY : 0;
    if (frag & 0x1fff)
        frag_bits |= IP_FRAG_LATER;
    p->l3_len = (uint16_t)header_len;
    p->ip_proto_at = 9;
    p->is_fragment = frag_bits != 0;
    if (!(frag_bits & IP_FRAG_LATER)) {
        p->l4_ofs = (uint16_t)(p->l3_ofs + header_len);
        p->l4_len = (uint16_t)(total_len - header_len);
    }
    put_ip_word(p, ip[9], ip[1], ip[8], frag_bits);
    *word_at(&p->key, FIELD_IPV4_SRC) = at(FIELD_IPV4_SRC, be32_load(ip + 12)) | at(FIELD_IPV4_DST, be32_load(ip + 16));
}

/* One IPv6 header chain while it is walked. */
struct chain {
    uint32_t ofs, end; /* next header's place; end of what may be read */
    uint32_t proto_at; /* of the byte that says `proto` */
    unsigned exthdr;   /* OFPIEH_* */
    unsigned frag;     /* IP_FRAG_* */
    uint8_t proto;     /* type of the header at `ofs` */
    uint8_t rank;      /* order of RFC 8200, 4.1, reached so far */
    uint8_t n_hop, n_dest;
};

/* Notes an extension header of kind `bit` whose place in the recommended order is `rank`. */
static void chain_note(struct chain *c, unsigned bit, uint8_t rank)
{
    if (bit == IPV6_EXT_DEST) {
        /* May stand before the routing header and once more at the end. */
        if (++c->n_dest > 2) {
            c->exthdr |= IPV6_EXT_UNREP;
            return;
        }
        if (c->rank == 7)
            c->exthdr |= IPV6_EXT_UNSEQ;
        rank = c->rank < 2 ? 2 : 7;
    } else if (c->exthdr & bit) {
        c->exthdr |= IPV6_EXT_UNREP;
    }
    if (rank < c->rank)
        c->exthdr |= IPV6_EXT_UNSEQ;
    else
        c->rank = rank;
    c->exthdr |= bit;
}

/* The bit of hop-by-hop options says that they are "the first extension header in the packet" (7.2.3.7). */
static void chain_note_hop(struct chain *c, bool is_first)
{
    if (is_first)
        chain_note(c, IPV6_EXT_HOP, 1);
    else
        c->exthdr |= IPV6_EXT_UNSEQ;
    if (c->n_hop++)
        c->exthdr |= IPV6_EXT_UNREP;
}

/* Steps over one extension header.  False: `c->proto` is no such header, or one that is not there in full. */
static bool chain_step(struct chain *c, const struct window *w, struct pkt *p)
{
    const uint8_t *h = w->p + c->ofs;
    uint32_t len;

    if (c->proto != IP_PROTO_HOPOPTS && c->proto != IP_PROTO_ROUTING && c->proto != IP_PROTO_DSTOPTS &&
        c->proto != IP_PROTO_FRAGMENT && c->proto != IP_PROTO_AH) {
        if (c->proto == IP_PROTO_ESP)
            chain_note(c, IPV6_EXT_ESP, 6);
        else if (c->proto == IP_PROTO_NONE)
            c->exthdr |= IPV6_EXT_NONEXT;
        return false;
    }
    if (c->end < c->ofs + 8)
        return false;
    len = c->proto == IP_PROTO_FRAGMENT ? 8 : c->proto == IP_PROTO_AH ? (h[1] + 2u) * 4 : (h[1] + 1u) * 8;
    if (len < 8 || c->end < c->ofs + len)
        return false;
    if (c->proto == IP_PROTO_HOPOPTS) {
        chain_note_hop(c, c->ofs == p->l3_ofs + 40u);
    } else if (c->proto == IP_PROTO_ROUTING) {
        p->is_source_routed |= h[3] != 0;
        chain_note(c, IPV6_EXT_ROUTER, 3);
    } else if (c->proto == IP_PROTO_DSTOPTS) {
        chain_note(c, IPV6_EXT_DEST, 0);
    } else if (c->proto == IP_PROTO_AH) {
        chain_note(c, IPV6_EXT_AUTH, 5);
    } else {
        uint16_t place = be16_load(h + 2);

        chain_note(c, IPV6_EXT_FRAG, 4);
        /* Offset 0 without more to follow is an atomic fragment, a whole packet (RFC 6946). */
        c->frag |= place & 0xfff9 ? IP_FRAG_ANY : 0;
        c->frag |= place & 0xfff8 ? IP_FRAG_LATER : 0;
    }
    c->proto = h[0];
    c->proto_at = c->ofs;
    c->ofs += len;
    return !(c->frag & IP_FRAG_LATER);
}

static void parse_ipv6(struct pkt *p, const struct window *w)
{
    const uint8_t *ip = w->p + p->l3_ofs;
    uint32_t first, payload_len, left = w->frame_len - p->l3_ofs;
    struct chain c = { .ofs = p->l3_ofs + 40u, .proto_at = p->l3_ofs + 6u };

    if (w->n < c.ofs || ip[0] >> 4 != 6)
        return;
    first = be32_load(ip);
    payload_len = be16_load(ip + 4);
    if (payload_len > left - 40)
        return;
    c.end = RTE_MIN(w->n, c.ofs + payload_len);
    c.proto = ip[6];
    while (chain_step(&c, w, p))
        ;
    p->l3_len = (uint16_t)(c.ofs - p->l3_ofs);
    p->ip_proto_at = (uint16_t)(c.proto_at - p->l3_ofs);
    p->is_fragment = c.frag != 0;
    if (!(c.frag & IP_FRAG_LATER)) {
        p->l4_ofs = (uint16_t)c.ofs;
        p->l4_len = (uint16_t)(payload_len + 40 - p->l3_len);
    }
    put_ip_word(p, c.proto, (uint8_t)(first >> 20), ip[7], c.frag);
    *word_at(&p->key, FIELD_IP_PROTO) |= at(FIELD_IPV6_FLABEL, first & 0xfffff) | at(FIELD_IPV6_EXTHDR, c.exthdr);
    put_ipv6(&p->key, FIELD_IPV6_SRC, ip + 8);
    put_ipv6(&p->key, FIELD_IPV6_DST, ip + 24);
}

static void parse_arp(struct pkt *p, const struct window *w)
{
    const uint8_t *arp = w->p + p->l3_ofs;

    /* Ethernet and IPv4 addresses only. */
    if (w->n < p->l3_ofs + 28u || be32_load(arp) != 0x00010800 || be16_load(arp + 4) != 0x0604)
        return;
    p->l3_len = 28;
    *word_at(&p->key, FIELD_ARP_OP) = at(FIELD_ARP_OP, be16_load(arp + 6)) | at(FIELD_ARP_SHA, be48_load(arp + 8));
    *word_at(&p->key, FIELD_ARP_SPA) = at(FIELD_ARP_SPA, be32_load(arp + 14)) | at(FIELD_ARP_TPA, be32_load(arp + 24));
    *word_at(&p->key, FIELD_ARP_THA) = at(FIELD_ARP_THA, be48_load(arp + 18));
}

static void parse_l3(struct pkt *p, const struct window *w)
{
    uint16_t type = eth_type(&p->key);

    p->layers |= 1 << LAYER_L3;
    p->l3_len = p->l4_ofs = p->l4_len = 0;
    p->is_fragment = p->is_source_routed = 0;
    zero_words(&p->key, FIELD_IP_PROTO, FIELD_TCP_SRC);
    if (!p->l3_ofs)
        return;
    if (type == ETH_TYPE_IPV4)
        parse_ipv4(p, w);
    else if (type == ETH_TYPE_IPV6)
        parse_ipv6(p, w);
    else if (type == ETH_TYPE_ARP || type == ETH_TYPE_RARP)
        parse_arp(p, w);
}

/* --- L4 --- */

/* Neighbour discovery, RFC 4861, 4.3 and 4.4: `end` bounds what may be read. */
static void parse_nd(struct pkt *p, const struct window *w, uint32_t end)
{
    bool is_solicitation = w->p[p->l4_ofs] == ICMPV6_NEIGHBOR_SOLICIT;
    uint8_t wanted = is_solicitation ? ND_OPTION_SLL : ND_OPTION_TLL;
    uint32_t ofs = p->l4_ofs + 24u;

    if (end < ofs)
        return;
    put_ipv6(&p->key, FIELD_ND_TARGET, w->p + p->l4_ofs + 8);
    while (end >= ofs + 8) {
        uint32_t len = w->p[ofs + 1] * 8u;

        if (!len || end < ofs + len)
            return;
        if (w->p[ofs] == wanted && len == 8) {
            enum field_id id = is_solicitation ? FIELD_ND_SLL : FIELD_ND_TLL;

            *word_at(&p->key, id) = at(id, be48_load(w->p + ofs + 2));
            p->nd_option_ofs = (uint16_t)ofs;
            return;
        }
        ofs += len;
    }
}

static void parse_l4(struct pkt *p, const struct window *w)
{
    uint8_t proto = (uint8_t)(*word_at(&p->key, FIELD_IP_PROTO) >> field_place[FIELD_IP_PROTO].shift);
    const uint8_t *h = w->p + p->l4_ofs;
    uint32_t end = RTE_MIN(w->n, (uint32_t)p->l4_ofs + p->l4_len);
    unsigned size = l4_header_size(proto);
    bool is_v6 = eth_type(&p->key) == ETH_TYPE_IPV6;

    p->layers |= 1 << LAYER_L4;
    p->nd_option_ofs = 0;
    p->l4_proto = 0;
    zero_words(&p->key, FIELD_TCP_SRC, FIELD_TUN_METADATA0);
    if (!p->l4_ofs || !size || end < p->l4_ofs + size || (proto == IP_PROTO_ICMP && is_v6) ||
        (proto == IP_PROTO_ICMPV6 && !is_v6))
        return;
    p->l4_proto = proto;
    if (proto == IP_PROTO_ICMP || proto == IP_PROTO_ICMPV6) {
        *word_at(&p->key, FIELD_TCP_SRC) = at(FIELD_ICMPV4_TYPE, h[0]) | at(FIELD_ICMPV4_CODE, h[1]);
        if (is_v6 && (h[0] == ICMPV6_NEIGHBOR_SOLICIT || h[0] == ICMPV6_NEIGHBOR_ADVERT))
            parse_nd(p, w, end);
        return;
    }
    *word_at(&p->key, FIELD_TCP_SRC) = at(FIELD_TCP_SRC, be16_load(h)) | at(FIELD_TCP_DST, be16_load(h + 2)) |
                                       (proto == IP_PROTO_TCP ? at(FIELD_TCP_FLAGS, be16_load(h + 12) & 0xfff) : 0);
}

void pkt_parse(struct pkt *p, unsigned layers)
{
    enum { L2 = 1 << LAYER_L2, MPLS = 1 << LAYER_MPLS, L3 = 1 << LAYER_L3, L4 = 1 << LAYER_L4 };
    uint8_t copy[PKT_HEADERS_MAX];
    struct window w;

    layers &= ~(unsigned)p->layers;
    if (!layers)
        return;
    if (layers & 1 << LAYER_TUNNEL) {
        zero_words(&p->key, FIELD_TUNNEL_ID, FIELD_CT_STATE);
        zero_words(&p->key, FIELD_TUN_METADATA0, FIELD_TUN_METADATA15);
        *word_at(&p->key, FIELD_TUN_METADATA15) = 0;
    }
    if (layers & 1 << LAYER_CT)
        zero_words(&p->key, FIELD_CT_STATE, FIELD_ETH_DST);
    p->layers |= (uint16_t)(layers & (1 << LAYER_TUNNEL | 1 << LAYER_CT));
    if (!(layers & (L2 | MPLS | L3 | L4)))
        return;

    w.frame_len = rte_pktmbuf_pkt_len(p->m);
    w.n = RTE_MIN(w.frame_len, (uint32_t)PKT_HEADERS_MAX);
    w.p = rte_pktmbuf_read(p->m, 0, w.n, copy);
    if (!(p->layers & L2))
        parse_l2(p, &w);
    if (layers & MPLS)
        parse_mpls(p, &w);
    if (layers & (L3 | L4) && !(p->layers & L3))
        parse_l3(p, &w);
    if (layers & L4)
        parse_l4(p, &w);
}

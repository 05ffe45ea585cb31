/* SPDX-License-Identifier: Apache-2.0 */
/* frames.h - frames for tests: a small builder, mbufs over plain memory (no DPDK environment needed; every segment ends
 * where its memory ends, so that a sanitizer sees each byte read too many), and checksums computed the naive way. */
#ifndef TESTS_FRAMES_H
#define TESTS_FRAMES_H

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "datapath/pkt.h"
#include "datapath/proto.h"

enum { FRAME_MAX = 1024, FRAME_HEADROOM = 128, FRAME_SEGMENTS_MAX = 8 };

enum frame_l3 { FRAME_V4, FRAME_V6, FRAME_ARP, FRAME_LLC, FRAME_SNAP, FRAME_OTHER };
enum frame_frag { FRAME_WHOLE, FRAME_FIRST, FRAME_LATER };
enum frame_todo { FRAME_DONE, FRAME_PARTIAL, FRAME_TSO, FRAME_TODOS };

/* What to build. */
struct frame_form {
    const char *name;
    enum frame_l3 l3;
    uint8_t proto; /* of L4 */
    uint8_t n_tags, n_labels;
    bool is_pbb;            /* tags and labels are then inside */
    uint8_t n_option_words; /* of IPv4 */
    const char
        *exthdrs; /* IPv6: h hop-by-hop, d destination, r routing (a segment left), a AH, f fragment, e ESP, n none */
    enum frame_frag frag; /* IPv6: needs an 'f' among the extension headers */
    bool is_unsummed;     /* UDP without checksum */
    uint8_t coverage;     /* of UDP-Lite's or DCCP's checksum, as they say it; 0: everything */
    uint8_t icmp_type;
    uint8_t nd_option; /* its type; 0: none */
    uint16_t payload;  /* bytes behind the L4 header */
    uint8_t padding;   /* bytes behind the L3 packet */
};

/* A frame, and what is needed to sum it up: offsets count from its end, since edits happen at its front. */
struct frame {
    uint8_t b[FRAME_MAX];
    unsigned n;
    unsigned l3_end, l4_end; /* bytes from the start of that header to the end of the frame; 0: none */
    unsigned l4_len;
    uint8_t proto, named_proto; /* of the L4 header that is there, and what the IP header calls it */
    bool is_v6, is_unsummed;
    uint8_t final_dst[16]; /* of a source route */
    bool is_routed;
    uint8_t tail[24]; /* first fragment: what the other fragments carry */
    unsigned tail_len;
    enum frame_todo todo;
};

static inline void frame_put(struct frame *f, const void *p, unsigned n)
{
    memcpy(f->b + f->n, p, n);
    f->n += n;
}

/* `n` different bytes from `first` on. */
static inline void frame_fill(struct frame *f, unsigned n, uint8_t first)
{
    for (unsigned i = 0; i < n; i++)
        f->b[f->n++] = (uint8_t)(first + i * 7);
}

static inline void frame_u8(struct frame *f, uint8_t v)
{
    f->b[f->n++] = v;
}

static inline void frame_u16(struct frame *f, uint16_t v)
{
    be16_store(f->b + f->n, v);
    f->n += 2;
}

static inline void frame_u32(struct frame *f, uint32_t v)
{
    be32_store(f->b + f->n, v);
    f->n += 4;
}

/* --- the naive way --- */

static inline uint32_t ref_sum(const uint8_t *p, unsigned n, uint32_t sum)
{
    for (unsigned i = 0; i < n; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] * 256;
        if (sum > 0xffff)
            sum -= 0xffff;
    }
    return sum;
}

static inline uint32_t ref_crc32c(const uint8_t *p, unsigned n, unsigned hole)
{
    uint32_t crc = 0xffffffff;

    for (unsigned i = 0; i < n; i++) {
        crc ^= i >= hole && i < hole + 4 ? 0 : p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

static inline int ref_csum_offset(uint8_t proto)
{
    bool is_6 = proto == IP_PROTO_UDP || proto == IP_PROTO_DCCP || proto == IP_PROTO_UDPLITE;

    return proto == IP_PROTO_TCP ? 16 : is_6 ? 6 : l4_header_size(proto) == 4 ? 2 : -1;
}

/* Sum of the pseudo-header of the frame whose bytes are at `b`, `n` of them. */
static inline uint32_t ref_pseudo(const struct frame *f, const uint8_t *b, unsigned n)
{
    const uint8_t *ip = b + n - f->l3_end;
    unsigned len = f->l4_len + f->tail_len;
    uint8_t rest[4] = { 0, f->named_proto, (uint8_t)(len >> 8), (uint8_t)len };
    uint32_t sum = ref_sum(rest, 4, 0);

    if (f->proto == IP_PROTO_ICMP)
        return 0;
    if (!f->is_v6)
        return ref_sum(ip + 12, 8, sum);
    sum = ref_sum(ip + 8, 16, sum);
    return ref_sum(f->is_routed ? f->final_dst : ip + 24, 16, sum);
}

/* How many bytes of the transport packet its checksum covers. */
static inline unsigned ref_covered(uint8_t proto, const uint8_t *l4, unsigned len)
{
    unsigned n = proto == IP_PROTO_UDPLITE              ? be16_load(l4 + 4)
                 : proto == IP_PROTO_DCCP && l4[5] & 15 ? (l4[4] + (l4[5] & 15) - 1u) * 4
                                                        : 0;

    return n ? n : len;
}

/* NULL, or what is wrong with the checksums of the bytes, a frame that `f` became. */
static inline const char *ref_check(const struct frame *f, const uint8_t *b, unsigned n)
{
    const uint8_t *ip = b + n - f->l3_end, *l4 = b + n - f->l4_end;
    int ofs = ref_csum_offset(f->proto);
    uint32_t sum, pseudo, field;

    if (f->l3_end && !f->is_v6 && ref_sum(ip, (ip[0] & 15) * 4u, 0) != 0xffff)
        return "IPv4 header checksum";
    if (!f->l4_end)
        return NULL;
    if (f->proto == IP_PROTO_SCTP) {
        uint32_t crc = (uint32_t)l4[8] | (uint32_t)l4[9] << 8 | (uint32_t)l4[10] << 16 | (uint32_t)l4[11] << 24;

        if (f->tail_len)
            return NULL;
        return crc == (f->todo ? 0 : ref_crc32c(l4, f->l4_len, 8)) ? NULL : "SCTP checksum";
    }
    if (ofs < 0)
        return NULL;
    pseudo = ref_pseudo(f, b, n);
    field = be16_load(l4 + ofs);
    if (f->todo)
        return field % 0xffff == pseudo % 0xffff ? NULL : "pseudo-header sum";
    if (f->is_unsummed)
        return field ? "UDP checksum where there was none" : NULL;
    sum = ref_sum(f->tail, f->tail_len, ref_sum(l4, ref_covered(f->proto, l4, f->l4_len), pseudo));
    if ((f->proto == IP_PROTO_UDP || f->proto == IP_PROTO_UDPLITE) && !field)
        return "UDP checksum lost";
    return sum == 0xffff ? NULL : "transport checksum";
}

/* --- building --- */

static inline void frame_addresses(struct frame *f, uint8_t first)
{
    frame_u8(f, 0x02);
    frame_fill(f, 5, first);
    frame_u8(f, 0x06);
    frame_fill(f, 5, (uint8_t)(first + 0x40));
}

static inline void frame_l4(struct frame *f, const struct frame_form *form)
{
    unsigned start = f->n;

    switch (form->proto) {
    case IP_PROTO_TCP:
        frame_u16(f, 0x1357);
        frame_u16(f, 0x2468);
        frame_fill(f, 8, 0x31);
        frame_u16(f, 0x5112);
        frame_u16(f, 0x7210);
        frame_u32(f, 0);
        break;
    case IP_PROTO_UDP:
        frame_u16(f, 0x3579);
        frame_u16(f, 0x468a);
        frame_u16(f, (uint16_t)(8 + form->payload));
        frame_u16(f, 0);
        break;
    case IP_PROTO_SCTP:
        frame_u16(f, 0x579b);
        frame_u16(f, 0x68ac);
        frame_fill(f, 4, 0x51);
        frame_u32(f, 0);
        break;
    case IP_PROTO_UDPLITE:
        frame_u16(f, 0x79bd);
        frame_u16(f, 0x8ace);
        frame_u16(f, form->coverage);
        frame_u16(f, 0);
        break;
    case IP_PROTO_DCCP:
        frame_u16(f, 0x9bdf);
        frame_u16(f, 0xace0);
        frame_u8(f, 4); /* words of header */
        frame_u8(f, (uint8_t)(0x30 + form->coverage));
        frame_u16(f, 0);
        frame_fill(f, 8, 0x45);
        break;
    case IP_PROTO_ICMP:
    case IP_PROTO_ICMPV6:
        frame_u8(f, form->icmp_type);
        frame_u8(f, form->icmp_type == 3 ? 2 : 0);
        frame_u16(f, 0);
        frame_u32(f, 0);
        if (form->proto == IP_PROTO_ICMPV6 && form->icmp_type >= ICMPV6_NEIGHBOR_SOLICIT) {
            frame_fill(f, 16, 0xb1);
            if (form->nd_option) {
                frame_u16(f, 14 << 8 | 1); /* a nonce first */
                frame_fill(f, 6, 0x91);
                frame_u8(f, form->nd_option);
                frame_u8(f, 1);
                frame_fill(f, 6, 0xc2);
            }
        }
        break;
    }
    frame_fill(f, form->payload, 0x19);
    f->l4_len = f->n - start;
}

/* Extension headers; returns the first one's type, and sets `last` to where the last one names what follows. */
static inline uint8_t frame_exthdrs(struct frame *f, const struct frame_form *form, uint8_t *first)
{
    uint8_t *next = first,
            types[128] = { ['h'] = 0, ['d'] = 60, ['r'] = 43, ['a'] = 51, ['f'] = 44, ['e'] = 50, ['n'] = 59 };
    const char *s = form->exthdrs ? form->exthdrs : "";

    for (; *s; s++) {
        uint8_t *header = f->b + f->n;

        *next = types[(unsigned char)*s];
        if (*s == 'e' || *s == 'n')
            return *next;
        next = header;
        frame_u8(f, 0);
        frame_u8(f, *s == 'r' ? 2 : *s == 'a' ? 4 : *s == 'f' ? 0 : 1);
        if (*s == 'r') {
            frame_u16(f, 0x0001);
            frame_u32(f, 0);
            frame_fill(f, 16, 0xd3);
            memcpy(f->final_dst, header + 8, 16);
            f->is_routed = true;
        } else if (*s == 'f') {
            frame_u16(f, form->frag == FRAME_FIRST ? 1 : form->frag == FRAME_LATER ? 0x0128 : 0);
            frame_u32(f, 0x11223344);
        } else {
            frame_fill(f, *s == 'a' ? 22 : 14, 0x01);
        }
    }
    *next = form->proto;
    return form->proto;
}

static inline void frame_ip(struct frame *f, const struct frame_form *form)
{
    unsigned l3 = f->n, l4;
    uint8_t *ip = f->b + l3;
    uint8_t last = form->proto;
    int ofs;

    if (form->l3 == FRAME_V6) {
        frame_u32(f, 0x6b954321);
        frame_u32(f, 0x3f);
        frame_u8(f, 0x20);
        frame_fill(f, 15, 0x21);
        frame_u8(f, 0x2a);
        frame_fill(f, 15, 0x83);
        last = frame_exthdrs(f, form, ip + 6);
    } else {
        frame_u8(f, (uint8_t)(0x45 + form->n_option_words));
        frame_u8(f, 0xb9);
        frame_u16(f, 0);
        frame_u16(f, 0x7788);
        frame_u16(f, form->frag == FRAME_FIRST ? 0x2000 : form->frag == FRAME_LATER ? 0x0025 : 0x4000);
        frame_u8(f, 0x3f);
        frame_u8(f, form->proto);
        frame_u16(f, 0);
        frame_u32(f, 0x0a0b0c0d);
        frame_u32(f, 0xc0a81e2f);
        memset(f->b + f->n, 1, form->n_option_words * 4u);
        f->n += form->n_option_words * 4u;
    }
    l4 = f->n;
    frame_l4(f, form);
    f->is_v6 = form->l3 == FRAME_V6;
    f->is_unsummed = form->is_unsummed;
    f->proto = f->named_proto = last;
    if (form->frag == FRAME_FIRST)
        for (f->tail_len = 0; f->tail_len < sizeof f->tail; f->tail_len++)
            f->tail[f->tail_len] = (uint8_t)(f->tail_len * 5 + 3);
    if (f->is_v6)
        be16_store(ip + 4, (uint16_t)(f->n - l3 - 40));
    else
        be16_store(ip + 2, (uint16_t)(f->n - l3));
    f->l3_end = f->n - l3;
    f->l4_end = form->frag == FRAME_LATER || last != form->proto ? 0 : f->n - l4;
    if (!f->is_v6)
        be16_store(ip + 10, (uint16_t)~ref_sum(ip, l4 - l3, 0));
    ofs = ref_csum_offset(form->proto);
    if (f->l4_end && ofs >= 0 && !form->is_unsummed) {
        uint32_t sum = ref_pseudo(f, f->b, f->n);

        if (!f->todo)
            sum = 0xffff &
                  ~ref_sum(f->tail, f->tail_len, ref_sum(f->b + l4, ref_covered(last, f->b + l4, f->l4_len), sum));
        be16_store(f->b + l4 + ofs, (uint16_t)(sum || form->proto != IP_PROTO_UDP ? sum : 0xffff));
    } else if (f->l4_end && form->proto == IP_PROTO_SCTP && !f->todo) {
        uint32_t crc = ref_crc32c(f->b + l4, f->l4_len, 8);

        for (int i = 0; i < 4; i++)
            f->b[l4 + 8 + (unsigned)i] = (uint8_t)(crc >> 8 * i);
    }
    f->l3_end += form->padding;
    f->l4_end += f->l4_end ? form->padding : 0u;
}

static inline void frame_build(struct frame *f, const struct frame_form *form, enum frame_todo todo)
{
    static const uint16_t types[] = { [FRAME_V4] = 0x0800,  [FRAME_V6] = 0x86dd,   [FRAME_ARP] = 0x0806,
                                      [FRAME_LLC] = 0x0040, [FRAME_SNAP] = 0x0060, [FRAME_OTHER] = 0x9abc };

    memset(f, 0, sizeof *f);
    f->todo = todo;
    frame_addresses(f, 0x11);
    if (form->is_pbb) {
        frame_u16(f, ETH_TYPE_PBB);
        frame_u32(f, 0xa8123456);
        frame_addresses(f, 0x23);
    }
    for (unsigned i = 0; i < form->n_tags; i++) {
        frame_u16(f, i + 1 < form->n_tags ? 0x88a8 : 0x8100);
        frame_u16(f, (uint16_t)(0x7064 + i * 0x2011));
    }
    frame_u16(f, form->n_labels ? ETH_TYPE_MPLS : types[form->l3]);
    for (unsigned i = 0; i < form->n_labels; i++)
        frame_u32(f,
                  ((0x1234561fu + i * 0x01010223u) & ~(uint32_t)MPLS_BOS) | (i + 1 == form->n_labels ? MPLS_BOS : 0u));
    switch (form->l3) {
    case FRAME_SNAP:
        frame_u32(f, 0xaaaa0300);
        frame_u32(f, 0x00000800);
        frame_ip(f, form);
        break;
    case FRAME_V4:
    case FRAME_V6:
        frame_ip(f, form);
        break;
    case FRAME_ARP:
        frame_u32(f, 0x00010800);
        frame_u32(f, 0x06040002);
        frame_fill(f, 20, 0x61);
        break;
    case FRAME_LLC:
        frame_u32(f, 0x42420300);
        frame_fill(f, 60, 0x02);
        break;
    case FRAME_OTHER:
        frame_fill(f, 50, 0x02);
        break;
    }
    frame_fill(f, form->padding, 0xee);
}

/* --- mbufs over plain memory --- */

struct frame_mbuf {
    struct rte_mbuf seg[FRAME_SEGMENTS_MAX];
    void *memory[FRAME_SEGMENTS_MAX];
    unsigned n_segs;
};

static inline void frame_mbuf_add(struct frame_mbuf *fm, const uint8_t *b, unsigned n)
{
    unsigned i = fm->n_segs++, room = i ? 0 : FRAME_HEADROOM;
    struct rte_mbuf *m = &fm->seg[i];

    memset(m, 0, sizeof *m);
    fm->memory[i] = malloc(room + n + !(room + n));
    if (n)
        memcpy((uint8_t *)fm->memory[i] + room, b, n);
    m->buf_addr = fm->memory[i];
    m->buf_len = (uint16_t)(room + n);
    m->data_off = (uint16_t)room;
    m->data_len = (uint16_t)n;
    rte_mbuf_refcnt_set(m, 1);
    fm->seg[0].pkt_len += n;
    fm->seg[0].nb_segs = (uint16_t)fm->n_segs;
    if (i)
        fm->seg[i - 1].next = m;
}

/* `n` bytes, the first `first` of them in a segment of their own when that is fewer. */
static inline struct rte_mbuf *frame_mbuf_init(struct frame_mbuf *fm, const uint8_t *b, unsigned n, unsigned first)
{
    fm->n_segs = 0;
    frame_mbuf_add(fm, b, RTE_MIN(first, n));
    if (first < n)
        frame_mbuf_add(fm, b + first, n - first);
    return &fm->seg[0];
}

static inline void frame_mbuf_fini(struct frame_mbuf *fm)
{
    for (unsigned i = 0; i < fm->n_segs; i++)
        free(fm->memory[i]);
}

/* Says in the mbuf what is still to be done with the frame. */
static inline void frame_mbuf_offload(struct rte_mbuf *m, const struct frame *f)
{
    if (!f->todo || !f->l4_end)
        return;
    m->ol_flags |= f->is_v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
    m->l2_len = (f->n - f->l3_end) & 127;
    m->l3_len = (f->l3_end - f->l4_end) & 511;
    m->ol_flags |= f->proto == IP_PROTO_TCP   ? RTE_MBUF_F_TX_TCP_CKSUM
                   : f->proto == IP_PROTO_UDP ? RTE_MBUF_F_TX_UDP_CKSUM
                                              : RTE_MBUF_F_TX_SCTP_CKSUM;
    if (f->todo == FRAME_TSO) {
        m->ol_flags |= f->proto == IP_PROTO_TCP ? RTE_MBUF_F_TX_TCP_SEG : RTE_MBUF_F_TX_UDP_SEG;
        m->l4_len = f->proto == IP_PROTO_TCP ? 20 : 8;
        m->tso_segsz = 8;
    }
}

/* --- comparing --- */

/* NULL, or the name of the first field of these layers that differs. */
static inline const char *key_differs(const struct key *a, const struct key *b, unsigned layers)
{
    for (int i = 0; i < FIELD_N; i++) {
        struct value x = key_get(a, (enum field_id)i), y = key_get(b, (enum field_id)i);

        if (layers >> field_table[i].layer & 1 && (x.hi != y.hi || x.lo != y.lo))
            return field_table[i].name;
    }
    return NULL;
}

enum { FRAME_LAYERS = 1 << LAYER_L2 | 1 << LAYER_MPLS | 1 << LAYER_L3 | 1 << LAYER_L4 };

/* The same for all that the parser leaves. */
static inline const char *pkt_differs(const struct pkt *a, const struct pkt *b)
{
    const char *field = key_differs(&a->key, &b->key, FRAME_LAYERS);

    if (field)
        return field;
    return a->eth_type_ofs != b->eth_type_ofs ? "eth_type_ofs"
           : a->l3_ofs != b->l3_ofs           ? "l3_ofs"
           : a->mpls_ofs != b->mpls_ofs       ? "mpls_ofs"
           : a->l3_len != b->l3_len           ? "l3_len"
           : a->l3_len && is_ip_type((uint16_t)key_get(&a->key, FIELD_ETH_TYPE).lo) && a->ip_proto_at != b->ip_proto_at
               ? "ip_proto_at"
           : a->l4_ofs != b->l4_ofs                     ? "l4_ofs"
           : a->l4_len != b->l4_len                     ? "l4_len"
           : a->nd_option_ofs != b->nd_option_ofs       ? "nd_option_ofs"
           : a->l4_proto != b->l4_proto                 ? "l4_proto"
           : a->n_vlans != b->n_vlans                   ? "n_vlans"
           : a->is_fragment != b->is_fragment           ? "is_fragment"
           : a->is_source_routed != b->is_source_routed ? "is_source_routed"
                                                        : NULL;
}

/* Forms that cover every path of parser and rewriting. */
static const struct frame_form frame_forms[] = {
    { "tcp4", FRAME_V4, IP_PROTO_TCP, .payload = 21 },
    { "tcp4 tagged", FRAME_V4, IP_PROTO_TCP, .n_tags = 1, .payload = 30, .padding = 4 },
    { "udp4", FRAME_V4, IP_PROTO_UDP, .payload = 14, .padding = 3 },
    { "udp4 tagged", FRAME_V4, IP_PROTO_UDP, .n_tags = 1, .is_unsummed = true, .payload = 5 },
    { "udp4 options", FRAME_V4, IP_PROTO_UDP, .n_option_words = 3, .payload = 9 },
    { "udp4 unsummed", FRAME_V4, IP_PROTO_UDP, .n_tags = 2, .is_unsummed = true, .payload = 12 },
    { "sctp4", FRAME_V4, IP_PROTO_SCTP, .n_tags = 3, .payload = 17 },
    { "icmp4", FRAME_V4, IP_PROTO_ICMP, .icmp_type = 8, .payload = 11 },
    { "tcp4 first fragment", FRAME_V4, IP_PROTO_TCP, .frag = FRAME_FIRST, .payload = 12 },
    { "udp4 first fragment", FRAME_V4, IP_PROTO_UDP, .frag = FRAME_FIRST, .n_tags = 1, .payload = 16 },
    { "sctp4 first fragment", FRAME_V4, IP_PROTO_SCTP, .frag = FRAME_FIRST, .payload = 12 },
    { "udp4 later fragment", FRAME_V4, IP_PROTO_UDP, .frag = FRAME_LATER, .payload = 16 },
    { "other4", FRAME_V4, 47, .payload = 20 },
    { "udplite4", FRAME_V4, IP_PROTO_UDPLITE, .n_tags = 1, .coverage = 12, .payload = 18 },
    { "udplite4 all", FRAME_V4, IP_PROTO_UDPLITE, .n_option_words = 1, .payload = 13, .padding = 3 },
    { "dccp4", FRAME_V4, IP_PROTO_DCCP, .coverage = 2, .payload = 18 },
    { "udplite6", FRAME_V6, IP_PROTO_UDPLITE, .coverage = 8, .payload = 17 },
    { "dccp6", FRAME_V6, IP_PROTO_DCCP, .exthdrs = "r", .payload = 17 },
    { "dccp6 first fragment", FRAME_V6, IP_PROTO_DCCP, .exthdrs = "f", .frag = FRAME_FIRST, .payload = 16 },
    { "tcp6", FRAME_V6, IP_PROTO_TCP, .payload = 21 },
    { "udp6 tagged", FRAME_V6, IP_PROTO_UDP, .n_tags = 2, .payload = 22, .padding = 2 },
    { "sctp6", FRAME_V6, IP_PROTO_SCTP, .payload = 16 },
    { "icmp6", FRAME_V6, IP_PROTO_ICMPV6, .icmp_type = 128, .payload = 13 },
    { "ns", FRAME_V6, IP_PROTO_ICMPV6, .icmp_type = 135, .nd_option = 1, .n_tags = 1 },
    { "ns without option", FRAME_V6, IP_PROTO_ICMPV6, .icmp_type = 135 },
    { "na", FRAME_V6, IP_PROTO_ICMPV6, .icmp_type = 136, .nd_option = 2 },
    { "tcp6 all headers", FRAME_V6, IP_PROTO_TCP, .exthdrs = "hdrfad", .payload = 20 },
    { "udp6 routed", FRAME_V6, IP_PROTO_UDP, .exthdrs = "r", .payload = 15 },
    { "udp6 first fragment", FRAME_V6, IP_PROTO_UDP, .exthdrs = "f", .frag = FRAME_FIRST, .payload = 16 },
    { "tcp6 later fragment", FRAME_V6, IP_PROTO_TCP, .exthdrs = "hf", .frag = FRAME_LATER, .payload = 16 },
    { "esp6", FRAME_V6, IP_PROTO_TCP, .exthdrs = "he", .payload = 20 },
    { "none6", FRAME_V6, IP_PROTO_TCP, .exthdrs = "n", .payload = 20 },
    { "arp", FRAME_ARP, .padding = 18 },
    { "arp tagged", FRAME_ARP, .n_tags = 1 },
    { "mpls ip4", FRAME_V4, IP_PROTO_UDP, .n_labels = 1, .payload = 14 },
    { "mpls ip6", FRAME_V6, IP_PROTO_TCP, .n_labels = 2, .n_tags = 1, .payload = 14 },
    { "mpls three", FRAME_V4, IP_PROTO_TCP, .n_labels = 3, .payload = 14 },
    { "mpls five", FRAME_V4, IP_PROTO_TCP, .n_labels = 5, .n_tags = 4, .payload = 14 },
    { "pbb", FRAME_V4, IP_PROTO_TCP, .is_pbb = true, .n_tags = 1, .payload = 14 },
    { "pbb mpls", FRAME_V6, IP_PROTO_UDP, .is_pbb = true, .n_labels = 1, .payload = 14 },
    { "eight tags", FRAME_V4, IP_PROTO_UDP, .n_tags = 8, .payload = 14 },
    { "nine tags", FRAME_V4, IP_PROTO_UDP, .n_tags = 9, .payload = 14 },
    { "llc", FRAME_LLC },
    { "snap", FRAME_SNAP, IP_PROTO_UDP, .n_tags = 1, .payload = 14 },
    { "other", FRAME_OTHER },
};
enum { FRAME_FORMS = sizeof frame_forms / sizeof *frame_forms };

#endif

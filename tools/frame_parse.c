/* SPDX-License-Identifier: Apache-2.0 */
/* frame_parse.c - see frame_parse.h. */
#include "tools/frame_parse.h"

#include "base/bytes.h"

enum {
    TYPE_IPV4 = 0x0800,
    TYPE_ARP = 0x0806,
    TYPE_VLAN = 0x8100,
    TYPE_IPV6 = 0x86dd,
    TYPE_QINQ = 0x88a8,
};
enum {
    PROTO_HOPOPTS = 0,
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_AUTH = 51,
    PROTO_ICMP6 = 58,
    PROTO_DSTOPTS = 60,
    PROTO_SCTP = 132,
};

static void parse_vlans(struct frame_parsed *f, struct rd *r)
{
    while ((f->ethertype == TYPE_VLAN || f->ethertype == TYPE_QINQ) && f->n_vlans < FRAME_VLANS_MAX) {
        uint16_t tci = rd_u16(r), type = rd_u16(r);

        if (r->bad)
            return;
        f->vlans[f->n_vlans++] = (struct frame_vlan){ f->ethertype, tci & 0xfff, (uint8_t)(tci >> 13) };
        f->ethertype = type;
    }
}

static void parse_arp(struct frame_parsed *f, struct rd *r)
{
    uint32_t kinds = rd_u32(r), lens = rd_u16(r);
    uint16_t op = rd_u16(r);
    const uint8_t *body = kinds == 0x00010800 && lens == 0x0604 ? rd_bytes(r, 20) : NULL;

    if (!body)
        return;
    f->arp_op = op;
    f->arp_sha = body;
    f->arp_spa = body + 6;
    f->arp_tpa = body + 16;
}

static void parse_tcp(struct frame_parsed *f, struct rd *r, size_t ip_payload)
{
    uint16_t offset_flags;
    size_t header;

    f->sport = rd_u16(r);
    f->dport = rd_u16(r);
    f->seq = rd_u32(r);
    f->ack = rd_u32(r);
    offset_flags = rd_u16(r);
    f->window = rd_u16(r);
    f->tcp_flags = (uint8_t)offset_flags;
    header = (size_t)(offset_flags >> 12) * 4;
    f->payload = ip_payload > header ? ip_payload - header : 0;
    if (!r->bad)
        f->l4 = FRAME_L4_TCP;
}

static void parse_icmp(struct frame_parsed *f, struct rd *r, enum frame_l4 l4)
{
    f->icmp_type = rd_u8(r);
    f->icmp_code = rd_u8(r);
    rd_skip(r, 2);
    f->icmp_id = rd_u16(r);
    f->icmp_seq = rd_u16(r);
    if (l4 == FRAME_L4_ICMP6 && (f->icmp_type == 135 || f->icmp_type == 136))
        f->icmp_target = rd_bytes(r, 16);
    if (!r->bad)
        f->l4 = l4;
}

/* `ip_payload`: bytes that the IP header says follow. */
static void parse_l4(struct frame_parsed *f, struct rd *r, size_t ip_payload)
{
    switch (f->ip_proto) {
    case PROTO_TCP:
        parse_tcp(f, r, ip_payload);
        break;
    case PROTO_UDP:
    case PROTO_SCTP:
        f->sport = rd_u16(r);
        f->dport = rd_u16(r);
        f->payload = ip_payload > 8 ? ip_payload - 8 : 0;
        if (!r->bad)
            f->l4 = f->ip_proto == PROTO_UDP ? FRAME_L4_UDP : FRAME_L4_SCTP;
        break;
    case PROTO_ICMP:
        parse_icmp(f, r, FRAME_L4_ICMP);
        break;
    case PROTO_ICMP6:
        parse_icmp(f, r, FRAME_L4_ICMP6);
        break;
    default:
        break;
    }
}

static void parse_ipv4(struct frame_parsed *f, struct rd *r)
{
    const uint8_t *h = rd_bytes(r, 20);
    size_t header, total;
    uint16_t frag;

    if (!h)
        return;
    header = (size_t)(h[0] & 15) * 4;
    if (h[0] >> 4 != 4 || header < 20) {
        r->bad = true;
        return;
    }
    total = be16_load(h + 2);
    frag = be16_load(h + 6);
    f->ip_version = 4;
    f->ttl = h[8];
    f->ip_proto = h[9];
    f->ip_src = h + 12;
    f->ip_dst = h + 16;
    f->has_more = frag & 0x2000;
    f->fragment_offset = (uint16_t)((frag & 0x1fff) * 8);
    f->is_fragment = f->has_more || f->fragment_offset;
    rd_skip(r, header - 20);
    if (!f->fragment_offset && !r->bad)
        parse_l4(f, r, total > header ? total - header : 0);
}

/* Walks the extension headers.  Returns the bytes that are left behind them. */
static size_t skip_extensions(struct frame_parsed *f, struct rd *r, size_t left)
{
    /* Bounded by the frame: each takes 8 bytes at least. */
    while (!r->bad) {
        size_t len;

        if (f->ip_proto == PROTO_FRAGMENT) {
            const uint8_t *h = rd_bytes(r, 8);

            if (!h)
                break;
            f->is_fragment = true;
            f->has_more = h[3] & 1;
            f->fragment_offset = be16_load(h + 2) & 0xfff8;
            f->ip_proto = h[0];
            len = 8;
        } else if (f->ip_proto == PROTO_HOPOPTS || f->ip_proto == PROTO_ROUTING || f->ip_proto == PROTO_DSTOPTS ||
                   f->ip_proto == PROTO_AUTH) {
            const uint8_t *h = rd_bytes(r, 2);

            if (!h)
                break;
            len = f->ip_proto == PROTO_AUTH ? (size_t)(h[1] + 2) * 4 : (size_t)(h[1] + 1) * 8;
            rd_skip(r, len - 2);
            f->ip_proto = h[0];
        } else {
            return left;
        }
        left = left > len ? left - len : 0;
        if (f->fragment_offset)
            return left;
    }
    return left;
}

static void parse_ipv6(struct frame_parsed *f, struct rd *r)
{
    const uint8_t *h = rd_bytes(r, 40);
    size_t left;

    if (!h)
        return;
    if (h[0] >> 4 != 6) {
        r->bad = true;
        return;
    }
    f->ip_version = 6;
    f->ip_proto = h[6];
    f->ttl = h[7];
    f->ip_src = h + 8;
    f->ip_dst = h + 24;
    left = skip_extensions(f, r, be16_load(h + 4));
    if (!f->fragment_offset && !r->bad)
        parse_l4(f, r, left);
}

bool frame_parse(struct frame_parsed *out, const uint8_t *p, size_t n)
{
    struct rd r = rd_init(p, n);

    *out = (struct frame_parsed){ 0 };
    out->dst = rd_bytes(&r, 6);
    out->src = rd_bytes(&r, 6);
    out->ethertype = rd_u16(&r);
    if (r.bad)
        return false;
    parse_vlans(out, &r);
    if (!r.bad && out->ethertype == TYPE_ARP)
        parse_arp(out, &r);
    else if (!r.bad && out->ethertype == TYPE_IPV4)
        parse_ipv4(out, &r);
    else if (!r.bad && out->ethertype == TYPE_IPV6)
        parse_ipv6(out, &r);
    out->is_cut = r.bad;
    return true;
}

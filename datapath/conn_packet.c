/* SPDX-License-Identifier: Apache-2.0 */
/* conn_packet.c - see conn_packet.h. */
#include "datapath/conn_packet.h"

#include <string.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "datapath/checksum.h"
#include "datapath/pkt.h"
#include "datapath/rewrite.h"

enum {
    TCP_HEADER = 20,
    TCP_HEADER_MAX = 60,
    UDP_HEADER = 8,
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_SCALE = 3,
    ICMP_HEADER = 8,
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    INNER_PORTS = 8, /* bytes of the transport header that every ICMP error has (RFC 792) */
    INNER_EXTENSIONS = 8,
};

enum icmp_type {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_QUENCH = 4,
    ICMP_REDIRECT = 5,
    ICMP_ECHO = 8,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETER = 12,
    ICMP_TIMESTAMP = 13,
    ICMP_TIMESTAMP_REPLY = 14,
    ICMP_INFORMATION = 15,
    ICMP_INFORMATION_REPLY = 16,
    ICMP_MASK = 17,
    ICMP_MASK_REPLY = 18,
    ICMPV6_ERROR_LAST = 4,
    ICMPV6_ECHO = 128,
    ICMPV6_ECHO_REPLY = 129,
};

static const uint8_t *look(const struct rte_mbuf *m, uint32_t ofs, uint32_t len, void *room)
{
    return rte_pktmbuf_read(m, ofs, len, room);
}

/* --- checksums --- */

/* The plain sum of the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1). */
static uint16_t pseudo_sum(const struct conn_tuple *t, uint32_t len)
{
    uint64_t sum = len + t->proto;
    const uint64_t w[] = { t->src.hi, t->src.lo, t->dst.hi, t->dst.lo };

    for (unsigned i = 0; i < 4; i++)
        sum += (w[i] >> 48) + (w[i] >> 32 & 0xffff) + (w[i] >> 16 & 0xffff) + (w[i] & 0xffff);
    return csum_fold(sum);
}

/* The datagram's own length: it may end before the packet does (RFC 768).  0: it cannot be so. */
static uint32_t udp_len(const struct pkt *p)
{
    uint8_t room[2];
    const uint8_t *at = look(p->m, p->l4_ofs + 4u, 2, room);
    uint16_t len = at ? be16_load(at) : 0;

    return len < UDP_HEADER || len > p->l4_len ? 0 : len;
}

/* Those left for later are right when they are made. */
static bool is_summed_right(const struct pkt *p, const struct conn_tuple *t)
{
    uint64_t flags = p->m->ol_flags;
    uint32_t len = p->l4_len;
    uint16_t sum, field;
    uint8_t room[2];

    if (is_l4_todo(p) || (flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD || p->is_fragment ||
        p->is_source_routed)
        return true;
    if (t->proto == IP_PROTO_UDP) {
        const uint8_t *at = look(p->m, p->l4_ofs + 6u, 2, room);

        field = at ? be16_load(at) : 0;
        len = udp_len(p);
        if (!field || !len)
            return at && len && t->family == 4;
    }
    if (t->proto == IP_PROTO_SCTP)
        return true; /* its receiver checks it; to do so here would cost more than all the rest */
    sum = csum_frame(p->m, p->l4_ofs, len);
    if (t->proto != IP_PROTO_ICMP)
        sum = csum_add(sum, pseudo_sum(t, len));
    return sum == 0xffff;
}

static bool is_header_right(const struct pkt *p)
{
    uint8_t room[TCP_HEADER_MAX];
    const uint8_t *ip = p->l3_len <= sizeof room ? look(p->m, p->l3_ofs, p->l3_len, room) : NULL;

    return ip && csum_words(ip, p->l3_len) == 0xffff;
}

/* --- transport --- */

int8_t conn_packet_scale(const uint8_t *h, unsigned header)
{
    for (unsigned i = TCP_HEADER; i < header && h[i] != OPTION_END;) {
        unsigned size = h[i] == OPTION_NOP ? 1 : i + 1 < header ? h[i + 1] : 0;

        if (h[i] != OPTION_NOP && (size < 2 || i + size > header))
            break;
        if (h[i] == OPTION_SCALE && size == 3)
            return (int8_t)(h[i + 2] > INT8_MAX ? INT8_MAX : h[i + 2]);
        i += size;
    }
    return -1;
}

static bool read_tcp(struct conn_packet *out, const struct pkt *p)
{
    uint8_t room[TCP_HEADER_MAX];
    const uint8_t *h = p->l4_len >= TCP_HEADER ? look(p->m, p->l4_ofs, TCP_HEADER, room) : NULL;
    unsigned header = h ? (h[12] >> 4) * 4u : 0;

    if (header < TCP_HEADER || header > p->l4_len)
        return false;
    h = look(p->m, p->l4_ofs, header, room);
    if (!h)
        return false;
    out->kind = CONN_KIND_TCP;
    out->tcp = (struct tcp_segment){
        .seq = be32_load(h + 4),
        .ack = be32_load(h + 8),
        .len = p->l4_len - header,
        .window = be16_load(h + 14),
        .flags = h[13] & 0x3f,
        .scale = h[13] & TCP_SYN ? conn_packet_scale(h, header) : -1,
    };
    return true;
}

static bool is_sctp_init(uint8_t chunk)
{
    enum { INIT = 1, INIT_ACK = 2 };

    return chunk == INIT || chunk == INIT_ACK;
}

static bool read_ports(struct conn_packet *out, const struct pkt *p, unsigned least)
{
    uint8_t room[16];
    const uint8_t *h = p->l4_len >= least ? look(p->m, p->l4_ofs, least, room) : NULL;

    if (!h)
        return false;
    out->tuple.src_port = be16_load(h);
    out->tuple.dst_port = be16_load(h + 2);
    if (out->tuple.proto == IP_PROTO_UDP) {
        out->kind = CONN_KIND_UDP;
        return be16_load(h + 4) >= 8 && be16_load(h + 4) <= p->l4_len;
    }
    if (out->tuple.proto == IP_PROTO_SCTP) {
        out->kind = CONN_KIND_SCTP;
        out->chunk = h[12];
        out->sctp.tag = be32_load(h + 4);
        h = is_sctp_init(h[12]) && p->l4_len >= least + 4 ? look(p->m, p->l4_ofs + least, 4, room) : NULL;
        out->sctp.init_tag = h ? be32_load(h) : 0;
    }
    return true;
}

/* --- ICMP --- */

/* The type of the request that a query or an answer belongs to; -1: neither. */
static int request_of(const struct conn_tuple *t, uint8_t type, bool *is_reply)
{
    *is_reply = false;
    if (t->proto == IP_PROTO_ICMPV6) {
        *is_reply = type == ICMPV6_ECHO_REPLY;
        return type == ICMPV6_ECHO || *is_reply ? ICMPV6_ECHO : -1;
    }
    switch (type) {
    case ICMP_ECHO:
    case ICMP_TIMESTAMP:
    case ICMP_INFORMATION:
    case ICMP_MASK:
        return type;
    case ICMP_ECHO_REPLY:
        *is_reply = true;
        return ICMP_ECHO;
    case ICMP_TIMESTAMP_REPLY:
    case ICMP_INFORMATION_REPLY:
    case ICMP_MASK_REPLY:
        *is_reply = true;
        return type - 1;
    }
    return -1;
}

static bool is_error(const struct conn_tuple *t, uint8_t type)
{
    if (t->proto == IP_PROTO_ICMPV6)
        return type >= 1 && type <= ICMPV6_ERROR_LAST;
    return type == ICMP_UNREACHABLE || type == ICMP_QUENCH || type == ICMP_REDIRECT || type == ICMP_TIME_EXCEEDED ||
           type == ICMP_PARAMETER;
}

/* One that may stand before the transport header. */
static bool is_extension(uint8_t proto)
{
    return proto == IP_PROTO_HOPOPTS || proto == IP_PROTO_ROUTING || proto == IP_PROTO_DSTOPTS ||
           proto == IP_PROTO_FRAGMENT;
}

/* Finds the transport header of the packet that an error is about; 0: it is not there. */
static uint32_t read_inner_ip(struct conn_tuple *t, const struct pkt *p, uint32_t ofs)
{
    uint8_t room[IPV6_HEADER];
    const uint8_t *ip;
    uint32_t at;

    if (t->family == 4) {
        ip = look(p->m, ofs, IPV4_HEADER, room);
        if (!ip || ip[0] >> 4 != 4 || (ip[0] & 0xf) < 5 || be16_load(ip + 6) & 0x1fff)
            return 0;
        t->src = value_of(be32_load(ip + 12));
        t->dst = value_of(be32_load(ip + 16));
        t->proto = ip[9];
        return ofs + (ip[0] & 0xfu) * 4;
    }
    ip = look(p->m, ofs, IPV6_HEADER, room);
    if (!ip || ip[0] >> 4 != 6)
        return 0;
    t->src = (struct value){ be64_load(ip + 8), be64_load(ip + 16) };
    t->dst = (struct value){ be64_load(ip + 24), be64_load(ip + 32) };
    t->proto = ip[6];
    at = ofs + IPV6_HEADER;
    for (unsigned i = 0; i < INNER_EXTENSIONS && is_extension(t->proto); i++) {
        bool is_fragment = t->proto == IP_PROTO_FRAGMENT;

        ip = look(p->m, at, 8, room);
        if (!ip || (is_fragment && be16_load(ip + 2) & 0xfff8)) /* of a datagram the first has the ports */
            return 0;
        t->proto = ip[0];
        at += is_fragment ? 8 : (ip[1] + 1u) * 8;
    }
    return at;
}

static bool read_inner(struct conn_packet *out, const struct pkt *p)
{
    struct conn_tuple inner = out->tuple, *t = &inner;
    uint32_t ofs = p->l4_ofs + (uint32_t)ICMP_HEADER, l4 = read_inner_ip(t, p, ofs);
    uint8_t room[INNER_PORTS];
    const uint8_t *h =
        l4 && l4 + INNER_PORTS <= (uint32_t)p->l4_ofs + p->l4_len ? look(p->m, l4, INNER_PORTS, room) : NULL;
    bool is_reply;
    int request;

    if (!h || l4 > UINT16_MAX)
        return false;
    out->kind = CONN_KIND_ERROR;
    out->inner_ofs = (uint16_t)ofs;
    out->inner_l4_ofs = (uint16_t)l4;
    t->src_port = t->dst_port = 0;
    switch (t->proto) {
    case IP_PROTO_TCP:
    case IP_PROTO_UDP:
    case IP_PROTO_SCTP:
        t->src_port = be16_load(h);
        t->dst_port = be16_load(h + 2);
        break;
    case IP_PROTO_ICMP:
    case IP_PROTO_ICMPV6:
        request = request_of(t, h[0], &is_reply);
        t->src_port = be16_load(h + 4);
        t->dst_port = h[0];
        if (request < 0 || (t->proto == IP_PROTO_ICMP) != (t->family == 4))
            return false;
        break;
    }
    out->tuple = conn_tuple_inverse(t);
    return true;
}

static bool read_icmp(struct conn_packet *out, const struct pkt *p)
{
    uint8_t room[ICMP_HEADER];
    const uint8_t *h = p->l4_len >= ICMP_HEADER ? look(p->m, p->l4_ofs, ICMP_HEADER, room) : NULL;
    bool is_reply;
    int request;

    if (!h || (out->tuple.proto == IP_PROTO_ICMP) != (out->tuple.family == 4))
        return false;
    if (is_error(&out->tuple, h[0]))
        return read_inner(out, p);
    request = request_of(&out->tuple, h[0], &is_reply);
    if (request < 0)
        return false;
    out->kind = is_reply ? CONN_KIND_REPLY : CONN_KIND_QUERY;
    out->tuple.src_port = be16_load(h + 4);
    out->tuple.dst_port = h[0];
    return true;
}

static bool read_l4(struct conn_packet *out, const struct pkt *p)
{
    switch (out->tuple.proto) {
    case IP_PROTO_TCP:
        return read_tcp(out, p) && read_ports(out, p, 8);
    case IP_PROTO_UDP:
        return read_ports(out, p, 8);
    case IP_PROTO_SCTP:
        return read_ports(out, p, 16);
    case IP_PROTO_ICMP:
    case IP_PROTO_ICMPV6:
        return read_icmp(out, p);
    }
    out->kind = CONN_KIND_OTHER;
    return true;
}

void conn_packet_read(struct conn_packet *out, struct pkt *p, uint16_t zone)
{
    struct conn_tuple *t = &out->tuple;
    uint16_t type;

    memset(out, 0, sizeof *out);
    pkt_parse(p, 1u << LAYER_L4);
    type = (uint16_t)key_get(&p->key, FIELD_ETH_TYPE).lo;
    if (!is_ip_type(type) || !p->l3_len || !p->l4_ofs)
        return;
    t->zone = zone;
    t->family = type == ETH_TYPE_IPV4 ? 4 : 6;
    t->proto = (uint8_t)key_get(&p->key, FIELD_IP_PROTO).lo;
    t->src = key_get(&p->key, t->family == 4 ? FIELD_IPV4_SRC : FIELD_IPV6_SRC);
    t->dst = key_get(&p->key, t->family == 4 ? FIELD_IPV4_DST : FIELD_IPV6_DST);
    if (t->family == 4 && !is_header_right(p))
        return;

    struct conn_tuple outer = *t; /* of an error it becomes another */

    if (!read_l4(out, p) || (l4_header_size(outer.proto) && !is_summed_right(p, &outer)))
        out->kind = CONN_KIND_NONE;
}

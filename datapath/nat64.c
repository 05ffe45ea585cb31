/* SPDX-License-Identifier: Apache-2.0 */
/* nat64.c - see nat64.h.
 *
 * Theory.  What is in front of the transport header is written anew in a buffer, and takes the old one's place; of an ICMP error
 * this goes as far as the transport header of the packet that it is about.  Checksums of the transport follow by difference;
 * that of an ICMP error, whose inside has changed in length, is summed up.
 * Datagrams that came in fragments are whole here (reassembly.c), and are cut again by whoever sends them; so is what IPv4 let
 * be cut on the way and is too large for every IPv6 link (RFC 7915, 4): it is marked as if it had been joined. */
#include "datapath/nat64.h"

#include <errno.h>
#include <string.h>

#include "base/embedded.h"
#include "datapath/checksum.h"
#include "datapath/conn_packet.h"
#include "datapath/fragment.h"
#include "datapath/icmp64.h"
#include "datapath/offload.h"
#include "datapath/rewrite.h"

enum {
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    FRAGMENT_HEADER = 8,
    ICMP_HEADER = 8,
    IPV4_DF = 0x4000,
    IPV4_WHOLE_MAX = 1260, /* IPv4 packets up to that may be cut on the way (RFC 7915, 5.1) */
    IPV6_MTU_MIN = 1280,
    TCP_SUM_AT = 16,
    UDP_SUM_AT = 6,
    ICMP_SUM_AT = 2,
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_LOOSE_ROUTE = 131,
    OPTION_STRICT_ROUTE = 137,
    INNER_LEAST = 8, /* bytes of a transport header that conn_packet_read() has seen */
};

/* What both families say. */
struct ip_head {
    uint8_t family, tos, ttl, proto;
    bool may_cut; /* IPv4 without DF */
    uint16_t id;
    uint32_t payload;
    struct value src, dst;
};

/* What stands before the transport header. */
struct head {
    uint8_t bytes[PKT_HEADERS_MAX];
    uint32_t n;
};

/* --- headers --- */

/* `l3_len`: with options and extension headers. */
static struct ip_head ip_read(const uint8_t *ip, uint32_t l3_len)
{
    struct ip_head h = { .family = ip[0] >> 4 };

    if (h.family == 4) {
        h.tos = ip[1];
        h.ttl = ip[8];
        h.proto = ip[9];
        h.id = be16_load(ip + 4);
        h.may_cut = !(be16_load(ip + 6) & IPV4_DF);
        h.payload = be16_load(ip + 2) - l3_len;
        h.src = value_of(be32_load(ip + 12));
        h.dst = value_of(be32_load(ip + 16));
        return h;
    }
    h.tos = (uint8_t)(be16_load(ip) >> 4);
    h.ttl = ip[7];
    h.proto = ip[6];
    h.payload = be16_load(ip + 4) + (uint32_t)IPV6_HEADER - l3_len;
    h.src = (struct value){ be64_load(ip + 8), be64_load(ip + 16) };
    h.dst = (struct value){ be64_load(ip + 24), be64_load(ip + 32) };
    return h;
}

static void put_ipv4(uint8_t *out, const struct ip_head *h)
{
    be16_store(out, (uint16_t)(0x4500 | h->tos));
    be16_store(out + 2, (uint16_t)(IPV4_HEADER + h->payload));
    be16_store(out + 4, h->may_cut ? h->id : 0);
    be16_store(out + 6, h->may_cut ? 0 : IPV4_DF);
    out[8] = h->ttl;
    out[9] = h->proto;
    be16_store(out + 10, 0);
    be32_store(out + 12, (uint32_t)h->src.lo);
    be32_store(out + 16, (uint32_t)h->dst.lo);
    be16_store(out + 10, (uint16_t)~csum_words(out, IPV4_HEADER));
}

static void put_ipv6(uint8_t *out, const struct ip_head *h)
{
    be32_store(out, UINT32_C(6) << 28 | (uint32_t)h->tos << 20);
    be16_store(out + 4, (uint16_t)h->payload);
    out[6] = h->proto;
    out[7] = h->ttl;
    be64_store(out + 8, h->src.hi);
    be64_store(out + 16, h->src.lo);
    be64_store(out + 24, h->dst.hi);
    be64_store(out + 32, h->dst.lo);
}

static void head_add_ip(struct head *out, const struct ip_head *h)
{
    if (h->family == 4)
        put_ipv4(out->bytes + out->n, h);
    else
        put_ipv6(out->bytes + out->n, h);
    out->n += h->family == 4 ? IPV4_HEADER : IPV6_HEADER;
}

static uint16_t address_sum(struct value a, struct value b)
{
    const uint64_t w[] = { a.hi, a.lo, b.hi, b.lo };
    uint64_t sum = 0;

    for (unsigned i = 0; i < 4; i++)
        sum += (w[i] >> 48) + (w[i] >> 32 & 0xffff) + (w[i] >> 16 & 0xffff) + (w[i] & 0xffff);
    return csum_fold(sum);
}

/* What ICMPv6 sums beside its own bytes, and ICMP does not. */
static uint16_t icmp_pseudo_sum(const struct ip_head *h)
{
    return h->family == 4 ? 0 : csum_fold((uint64_t)address_sum(h->src, h->dst) + h->payload + IP_PROTO_ICMPV6);
}

/* The frame up to the IP header, with the other Ethertype. */
static int head_begin(struct head *out, const struct pkt *p, uint8_t family)
{
    enum { ALL = IPV6_HEADER + ICMP_HEADER + IPV6_HEADER };

    if (p->l3_ofs + (uint32_t)ALL > sizeof out->bytes || p->l3_ofs > rte_pktmbuf_data_len(p->m))
        return -ENOSPC;
    memcpy(out->bytes, byte_at(p, 0), p->l3_ofs);
    be16_store(out->bytes + p->l3_ofs - 2, family == 4 ? ETH_TYPE_IPV4 : ETH_TYPE_IPV6);
    out->n = p->l3_ofs;
    return 0;
}

/* Puts it in place of the frame's first `old` bytes. */
static int replace_head(struct pkt *p, uint32_t old, const struct head *h)
{
    struct rte_mbuf *m = p->m;

    if (old > rte_pktmbuf_data_len(m) || h->n > old + rte_pktmbuf_headroom(m) ||
        rte_pktmbuf_data_len(m) - old + h->n > UINT16_MAX)
        return -ENOSPC;
    if (h->n > old)
        (void)rte_pktmbuf_prepend(m, (uint16_t)(h->n - old));
    else
        (void)rte_pktmbuf_adj(m, (uint16_t)(old - h->n));
    memcpy(byte_at(p, 0), h->bytes, h->n);
    p->layers &= (uint16_t)~REWRITE_STRUCTURE;
    pkt_parse(p, 1u << LAYER_L2);
    return 0;
}

/* --- what is left to be done to the frame --- */

/* A sum that the device could not find any more is done here. */
static int settle_offload(struct pkt *p)
{
    if (!(p->m->ol_flags & REWRITE_L4_TODO) || is_l4_todo(p))
        return 0;
    if (offload_of(p->m) & OFFLOAD_ANY_SEG)
        return -ENOSPC;
    return offload_checksum(p->m) ? -ENOENT : 0;
}

static void follow_offload(struct rte_mbuf *m, uint16_t l3_ofs, uint8_t family)
{
    if (!(m->ol_flags & REWRITE_L4_TODO))
        return;
    m->l2_len = l3_ofs & 0x7f; /* as it was: it reached up to the transport header with l3_len */
    m->l3_len = family == 4 ? IPV4_HEADER : IPV6_HEADER;
    m->ol_flags &= ~(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
    m->ol_flags |= family == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
}

/* How the packet may be cut: RFC 7915, 4 and 5.1.1.  A joined one is no larger in pieces than it came in, with the new headers. */
static void follow_fragments(struct rte_mbuf *m, struct ip_head *h, const struct nat64 *x)
{
    enum { MORE = IPV6_HEADER + FRAGMENT_HEADER - IPV4_HEADER };

    if (h->family == 4) {
        h->may_cut = is_joined(m) || (h->payload + IPV4_HEADER <= IPV4_WHOLE_MAX && !(offload_of(m) & OFFLOAD_ANY_SEG));
        h->id = is_joined(m) ? (uint16_t)m->hash.usr : x->id;
        if (is_joined(m))
            m->tso_segsz = m->tso_segsz > MORE ? (uint16_t)(m->tso_segsz - MORE) : 0;
        return;
    }
    if (h->may_cut && h->payload + IPV6_HEADER > IPV6_MTU_MIN && !(offload_of(m) & OFFLOAD_ANY_SEG)) {
        m->ol_flags |= FRAGMENT_JOINED;
        m->tso_segsz = IPV6_MTU_MIN;
    } else if (is_joined(m)) {
        m->tso_segsz = (uint16_t)RTE_MIN(m->tso_segsz + MORE, UINT16_MAX);
    }
    if (is_joined(m))
        m->hash.usr = h->id;
}

/* --- transport --- */

static void add_to_sum(struct pkt *p, uint32_t at, uint16_t delta, bool is_udp)
{
    uint16_t now = csum_complete(be16_load(byte_at(p, at)), delta);

    be16_store(byte_at(p, at), is_udp && !now ? 0xffff : now);
}

/* UDP over IPv4 may be without, over IPv6 not (RFC 7915, 4.5). */
static int sum_udp(struct pkt *p, const struct ip_head *h)
{
    uint32_t len = be16_load(byte_at(p, p->l4_ofs + 4u));
    uint16_t sum;

    if (len > p->l4_len)
        return -ENOENT;
    sum = csum_add(csum_frame(p->m, p->l4_ofs, len),
                   csum_fold((uint64_t)address_sum(h->src, h->dst) + len + IP_PROTO_UDP));
    sum = (uint16_t)~sum;
    be16_store(byte_at(p, p->l4_ofs + (uint32_t)UDP_SUM_AT), sum ? sum : 0xffff);
    return 0;
}

/* The echo's type changes, and what is summed. */
static void echo(struct pkt *p, uint8_t type, const struct ip_head *was, const struct ip_head *h)
{
    uint8_t *icmp = byte_at(p, p->l4_ofs);
    uint16_t old = csum_add(be16_load(icmp), icmp_pseudo_sum(was)), now;

    icmp[0] = type;
    now = csum_add(be16_load(icmp), icmp_pseudo_sum(h));
    add_to_sum(p, p->l4_ofs + (uint32_t)ICMP_SUM_AT, csum_delta(old, now), false);
}

static int transport(struct pkt *p, const struct conn_tuple *want, const struct ip_head *was, const struct ip_head *h)
{
    uint16_t delta = csum_delta(address_sum(was->src, was->dst), address_sum(h->src, h->dst));
    uint32_t at = p->l4_ofs + (want->proto == IP_PROTO_TCP ? TCP_SUM_AT : UDP_SUM_AT);

    switch (want->proto) {
    case IP_PROTO_ICMP:
    case IP_PROTO_ICMPV6:
        if (p->l4_ofs + (uint32_t)ICMP_HEADER > rte_pktmbuf_data_len(p->m))
            return -ENOSPC;
        /* of a tuple the type is that of the request, or, inverted, of its answer: as this frame must have it */
        echo(p, (uint8_t)want->dst_port, was, h);
        return 0;
    case IP_PROTO_TCP:
    case IP_PROTO_UDP:
        if (at + 2 > rte_pktmbuf_data_len(p->m))
            return -ENOSPC;
        if (is_l4_todo(p))
            be16_store(byte_at(p, at), csum_add(be16_load(byte_at(p, at)), delta));
        else if (want->proto == IP_PROTO_UDP && !be16_load(byte_at(p, at)))
            return sum_udp(p, h);
        else
            add_to_sum(p, at, delta, want->proto == IP_PROTO_UDP);
        return 0;
    case IP_PROTO_SCTP: /* its checksum is over its own bytes alone */
        return 0;
    }
    return -ENOENT; /* RFC 6146, 3.5: no other protocol */
}

static int plain_frame(struct pkt *p, const struct nat64 *x)
{
    struct conn_tuple want = conn_tuple_inverse(&x->tuple[!x->dir]);
    struct ip_head was = ip_read(byte_at(p, p->l3_ofs), p->l3_len), h = was;
    struct head head;
    int err = head_begin(&head, p, want.family);

    was.payload = h.payload = p->l4_len;
    h.family = want.family;
    h.proto = want.proto;
    h.src = want.src;
    h.dst = want.dst;
    if (!err && h.family == 4 && h.payload > UINT16_MAX - IPV4_HEADER)
        err = -ENOSPC;
    if (!err)
        err = transport(p, &want, &was, &h);
    if (err)
        return err;
    follow_fragments(p->m, &h, x);
    head_add_ip(&head, &h);
    follow_offload(p->m, p->l3_ofs, h.family);
    err = replace_head(p, p->l4_ofs, &head);
    if (!err && is_joined(p->m) && p->m->ol_flags & REWRITE_L4_TODO) /* in pieces nobody can */
        err = offload_checksum(p->m) ? -ENOENT : 0;
    return err;
}

/* --- ICMP errors --- */

static uint32_t inner_sum_at(uint8_t proto)
{
    return proto == IP_PROTO_TCP ? TCP_SUM_AT : proto == IP_PROTO_UDP ? UDP_SUM_AT : ICMP_SUM_AT;
}

/* The transport header of the packet that the error is about, of which `n` bytes are there, as who sent it made it. */
static void inner_transport(uint8_t *l4, uint32_t n, const struct conn_tuple *sent, const struct ip_head *was,
                            const struct ip_head *h)
{
    uint32_t sum_at = inner_sum_at(sent->proto);
    uint16_t old, now;

    if (conn_tuple_has_ids(sent)) {
        old = csum_fold((uint64_t)be16_load(l4) + be16_load(l4 + 4) + icmp_pseudo_sum(was));
        l4[0] = (uint8_t)sent->dst_port;
        be16_store(l4 + 4, sent->src_port);
        now = csum_fold((uint64_t)be16_load(l4) + be16_load(l4 + 4) + icmp_pseudo_sum(h));
    } else {
        old = csum_fold((uint64_t)be32_load(l4) + address_sum(was->src, was->dst));
        be16_store(l4, sent->src_port);
        be16_store(l4 + 2, sent->dst_port);
        now = csum_fold((uint64_t)be32_load(l4) + address_sum(h->src, h->dst));
    }
    if (sent->proto == IP_PROTO_SCTP || sum_at + 2 > n || (sent->proto == IP_PROTO_UDP && !be16_load(l4 + sum_at)))
        return;
    be16_store(l4 + sum_at, csum_complete(be16_load(l4 + sum_at), csum_delta(old, now)));
}

/* Of the packet that the error is about, the bytes behind its IP header; what RFC 4884 puts behind it is left out. */
static uint32_t inner_bytes(const struct pkt *p, const struct conn_packet *cp, uint32_t told)
{
    uint32_t n = (uint32_t)p->l4_ofs + p->l4_len - cp->inner_l4_ofs, header = cp->inner_l4_ofs - cp->inner_ofs;

    return told >= header + INNER_LEAST ? RTE_MIN(n, told - header) : n;
}

/* The addresses of an error on its way: it may come from any router. */
static void error_addresses(struct ip_head *h, const struct conn_tuple *want, const struct nat64 *x)
{
    h->dst = want->dst;
    if (h->family == 4) /* a router's IPv6 address stands for nothing: the translator speaks for it */
        h->src = want->src;
    else
        h->src = embedded_make(x->tuple[!x->dir].dst, x->prefix_len, (uint32_t)h->src.lo);
}

/* The ICMP header in the other family, and the packet that it is about, into the head.  `*n`: bytes that follow that packet's IP
 * header. */
static int error_inside(struct head *out, struct pkt *p, const struct conn_packet *cp, const struct nat64 *x,
                        uint32_t *n)
{
    const struct conn_tuple *sent = &x->tuple[!x->dir];
    struct ip_head was = ip_read(byte_at(p, cp->inner_ofs), (uint32_t)cp->inner_l4_ofs - cp->inner_ofs), h = was;
    struct icmp64 icmp = icmp64_read(byte_at(p, p->l4_ofs), was.family, was.payload);

    if (!(was.family == 4 ? icmp64_to_ipv6(&icmp) : icmp64_to_ipv4(&icmp)))
        return -ENOENT;
    *n = inner_bytes(p, cp, icmp.n_told);
    if (sent->family == 6) /* RFC 4443, 2.4(c): all of it fits the smallest MTU */
        *n = RTE_MIN(*n, (uint32_t)(IPV6_MTU_MIN - 2 * IPV6_HEADER - ICMP_HEADER));
    h.family = sent->family;
    h.proto = sent->proto;
    h.src = sent->src;
    h.dst = sent->dst;
    h.may_cut = h.family == 4 && h.payload + IPV4_HEADER <= IPV4_WHOLE_MAX;
    h.id = 0;
    inner_transport(byte_at(p, cp->inner_l4_ofs), RTE_MIN(*n, rte_pktmbuf_data_len(p->m) - (uint32_t)cp->inner_l4_ofs),
                    sent, &was, &h);
    icmp64_write(out->bytes + out->n, &icmp);
    out->n += ICMP_HEADER;
    head_add_ip(out, &h);
    return 0;
}

static int error_frame(struct pkt *p, const struct conn_packet *cp, const struct nat64 *x)
{
    struct conn_tuple want = conn_tuple_inverse(&x->tuple[!x->dir]);
    struct ip_head h = ip_read(byte_at(p, p->l3_ofs), p->l3_len);
    struct head head = { .n = 0 }, inside = { .n = 0 };
    uint32_t n = 0, l4_ofs;
    int err;

    if (cp->inner_l4_ofs + (uint32_t)INNER_LEAST > rte_pktmbuf_data_len(p->m))
        return -ENOSPC;
    err = error_inside(&inside, p, cp, x, &n);
    h.family = want.family;
    h.proto = want.family == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6;
    error_addresses(&h, &want, x);
    h.payload = inside.n + n;
    if (!err)
        err = head_begin(&head, p, want.family);
    if (err)
        return err;
    follow_fragments(p->m, &h, x);
    head_add_ip(&head, &h);
    l4_ofs = head.n;
    memcpy(head.bytes + head.n, inside.bytes, inside.n);
    head.n += inside.n;
    err = replace_head(p, cp->inner_l4_ofs, &head);
    if (err)
        return err;
    be16_store(byte_at(p, l4_ofs + ICMP_SUM_AT),
               (uint16_t)~csum_add(csum_frame(p->m, l4_ofs, h.payload), icmp_pseudo_sum(&h)));
    return 0;
}

/* It has other addresses to go to (RFC 7915, 4.1 and 5.1). */
static bool has_route_to_go(const struct pkt *p)
{
    const uint8_t *ip = byte_at(p, p->l3_ofs);

    if (ip[0] >> 4 == 6)
        return p->is_source_routed;
    for (unsigned i = IPV4_HEADER, size; i + 3 <= p->l3_len && ip[i] != OPTION_END; i += size) {
        size = ip[i] == OPTION_NOP ? 1 : ip[i + 1];
        if ((ip[i] == OPTION_LOOSE_ROUTE || ip[i] == OPTION_STRICT_ROUTE) && ip[i + 2] <= size)
            return true;
        if (!size)
            return false;
    }
    return false;
}

int nat64_frame(struct pkt *p, const struct conn_packet *cp, const struct nat64 *x)
{
    const struct conn_tuple *six = &x->tuple[x->tuple[CONN_ORIGINAL].family == 4]; /* of which one side is */
    int err = pkt_writable(p);

    if (err)
        return err;
    if (has_route_to_go(p) || embedded_is_in(six->src, six->dst, x->prefix_len))
        return -ENOENT; /* a source in the prefix: RFC 6146, 3.5 */
    err = settle_offload(p);
    if (err)
        return err;
    return cp->kind == CONN_KIND_ERROR ? error_frame(p, cp, x) : plain_frame(p, x);
}

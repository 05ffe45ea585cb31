/* SPDX-License-Identifier: Apache-2.0 */
/* offload.c - see offload.h.
 *
 * Theory: sums are ones' complement, so one in network order can be computed and stored without swapping (RFC 1071, 2), and
 * the length in a pseudo-header sum can be exchanged without reading the addresses; that is right even with a routing header.
 * librte_gso is not used: it has no TCP over IPv6, and its UDP means IP fragments, not datagrams.  Segments are copies: header
 * and payload are touched anyway for the sum, and the original may be shared. */
#include "datapath/offload.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include <linux/virtio_net.h>

#include <rte_ip.h>

#include "base/bytes.h"
#include "datapath/checksum.h"
#include "datapath/port.h"

enum {
    L2_LEN_MAX = 127,
    L3_LEN_MAX = 511, /* bits of struct rte_mbuf */
    HEADERS_MAX = 1024,
    TCP_CKSUM_OFS = 16,
    UDP_CKSUM_OFS = 6,
    SCTP_CKSUM_OFS = 8,
    TCP_FLAGS_OFS = 13,
    TCP_FIN = 1,
    TCP_PSH = 8,
    TCP_CWR = 0x80,
    VNET_GSO_UDP_L4 = 5, /* not in Debian 12's linux/virtio_net.h */
    VLAN_TAGS_MAX = 8,
    IPV6_EXTENSIONS_MAX = 8,
};

/* Where the headers of a frame lie, as its own bytes say. */
struct place {
    uint16_t l2_len, l3_len;
    uint8_t proto;
    bool is_ipv6, is_fragment, has_labels;
};

static inline uint32_t fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

/* The sum complemented, never 0: that would mean "none" to UDP, and is the same number as 0xffff. */
static inline uint16_t finish_sum(uint32_t sum)
{
    uint16_t v = (uint16_t)~fold(sum);

    return v ? v : 0xffff;
}

/* Copies `n` bytes into the frame, across segments.  The caller has checked that they are there. */
static void put_bytes(struct rte_mbuf *m, uint32_t offset, const void *src, uint32_t n)
{
    const uint8_t *from = src;

    while (m && offset >= m->data_len) {
        offset -= m->data_len;
        m = m->next;
    }
    for (; m && n; m = m->next, offset = 0) {
        uint32_t part = RTE_MIN(n, m->data_len - offset);

        memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, offset), from, part);
        from += part;
        n -= part;
    }
}

bool offload_is_shared(const struct rte_mbuf *m)
{
    for (; m; m = m->next)
        if (!RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1)
            return true;
    return false;
}

/* Sums from `start` for `len` bytes, the field's present contents included, and stores the complement. */
static int sum_to(struct rte_mbuf *m, uint32_t start, uint32_t len, uint32_t field)
{
    uint16_t sum;

    if (field + 2 > m->pkt_len || start + len > m->pkt_len)
        return -EBADMSG;
    sum = rte_cpu_to_be_16(csum_frame(m, start, len)); /* in network order, as memory has it */
    sum = finish_sum(sum);
    put_bytes(m, field, &sum, 2);
    return 0;
}

/* CRC32c over the SCTP packet with its checksum field zero (RFC 9260, appendix A); stored least significant byte first. */
static int crc_to(struct rte_mbuf *m, uint32_t start, uint32_t len)
{
    static const uint8_t zero[4];
    uint32_t crc = UINT32_MAX, field = start + SCTP_CKSUM_OFS, offset = start;
    const struct rte_mbuf *seg = m;

    if (len < 12 || start + len > m->pkt_len)
        return -EBADMSG;
    put_bytes(m, field, zero, 4);
    while (offset >= seg->data_len) {
        offset -= seg->data_len;
        seg = seg->next;
    }
    for (; seg && len; seg = seg->next, offset = 0) {
        uint32_t part = RTE_MIN(len, seg->data_len - offset);

        crc = csum_crc32c(rte_pktmbuf_mtod_offset(seg, const uint8_t *, offset), part, crc);
        len -= part;
    }
    crc = rte_cpu_to_le_32(~crc);
    put_bytes(m, field, &crc, 4);
    return 0;
}

/* Bytes of the L4 packet, Ethernet padding excluded; from the IP header when that makes sense. */
static uint32_t l4_size(const struct rte_mbuf *m)
{
    uint32_t start = m->l2_len + m->l3_len, rest = m->pkt_len - start, size;
    uint8_t copy[8];
    const uint8_t *ip = rte_pktmbuf_read(m, m->l2_len, sizeof copy, copy);

    if (!ip)
        return rest;
    if (m->ol_flags & RTE_MBUF_F_TX_IPV6)
        size = be16_load(ip + 4) + 40u - m->l3_len;
    else
        size = be16_load(ip + 2) - (uint32_t)m->l3_len;
    return size && size <= rest ? size : rest;
}

int offload_checksum(struct rte_mbuf *m)
{
    uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
    uint32_t start = m->l2_len + m->l3_len, len;

    if (!l4)
        return 0;
    len = start < m->pkt_len ? l4_size(m) : 0;
    m->ol_flags &= ~(RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
    if (l4 == RTE_MBUF_F_TX_SCTP_CKSUM)
        return crc_to(m, start, len);
    if (len < (l4 == RTE_MBUF_F_TX_TCP_CKSUM ? 20 : 8))
        return -EBADMSG;
    return sum_to(m, start, len, start + (l4 == RTE_MBUF_F_TX_TCP_CKSUM ? TCP_CKSUM_OFS : UDP_CKSUM_OFS));
}

/* --- where the headers lie --- */

/* Walks IPv6 extension headers; false: cut short, or none of those that precede TCP or UDP. */
static bool walk_ipv6(struct rd *r, struct place *p)
{
    size_t before = r->left;
    uint8_t next;

    rd_skip(r, 6);
    next = rd_u8(r);
    rd_skip(r, 33);
    for (int i = 0; i < IPV6_EXTENSIONS_MAX && !r->bad; i++) {
        if (next == IPPROTO_FRAGMENT) {
            next = rd_u8(r);
            rd_skip(r, 7);
            p->is_fragment = true;
        } else if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
            next = rd_u8(r);
            rd_skip(r, rd_u8(r) * 8u + 6);
        } else {
            break;
        }
    }
    p->proto = next;
    p->l3_len = (uint16_t)(before - r->left);
    p->is_ipv6 = true;
    return !r->bad;
}

static bool walk_ipv4(struct rd *r, struct place *p)
{
    uint8_t version = rd_u8(r);

    rd_skip(r, 5);
    p->is_fragment = rd_u16(r) & 0x3fff;
    rd_skip(r, 1);
    p->proto = rd_u8(r);
    p->l3_len = (uint16_t)((version & 15) * 4);
    if (version >> 4 != 4 || p->l3_len < 20)
        return false;
    rd_skip(r, p->l3_len - 10u);
    return !r->bad;
}

/* Skips MPLS labels; returns the type of what follows the last, which its first bits must tell. */
static uint16_t walk_labels(struct rd *r, struct place *p)
{
    p->has_labels = true;
    for (uint32_t entry = 0; !(entry & 0x100) && !r->bad;)
        entry = rd_u32(r);
    if (r->bad || !r->left)
        return 0;
    return *r->p >> 4 == 4 ? 0x0800 : *r->p >> 4 == 6 ? 0x86dd : 0;
}

/* Finds the L4 header of an Ethernet frame, with VLAN tags and MPLS labels or not; all of it must be in the first segment. */
static bool walk(const struct rte_mbuf *m, struct place *p)
{
    struct rd r = rd_init(rte_pktmbuf_mtod(m, const void *), m->data_len);
    uint16_t type;

    rd_skip(&r, 12);
    type = rd_u16(&r);
    for (int i = 0; i < VLAN_TAGS_MAX && (type == 0x8100 || type == 0x88a8); i++) {
        rd_skip(&r, 2);
        type = rd_u16(&r);
    }
    if (type == 0x8847 || type == 0x8848)
        type = walk_labels(&r, p);
    p->l2_len = (uint16_t)(m->data_len - r.left);
    if (r.bad)
        return false;
    if (type == 0x0800)
        return walk_ipv4(&r, p);
    return type == 0x86dd && walk_ipv6(&r, p);
}

/* --- software segmentation --- */

/* A place in the payload of the frame that is being cut. */
struct payload {
    const struct rte_mbuf *seg;
    uint32_t offset, left;
};

/* Appends `n` bytes of the payload to `m`, with more mbufs as needed. */
static int append_payload(struct rte_mbuf *m, struct payload *from, uint32_t n, struct rte_mempool *pool)
{
    struct rte_mbuf *last = m;

    m->pkt_len += n;
    from->left -= n;
    while (n) {
        uint32_t room = rte_pktmbuf_tailroom(last), part;

        if (from->offset == from->seg->data_len) {
            from->seg = from->seg->next;
            from->offset = 0;
            continue;
        }
        if (!room) {
            last->next = rte_pktmbuf_alloc(pool);
            if (!last->next)
                return -ENOMEM;
            last = last->next;
            m->nb_segs++;
            continue;
        }
        part = RTE_MIN(RTE_MIN(n, room), from->seg->data_len - from->offset);
        memcpy(rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len),
               rte_pktmbuf_mtod_offset(from->seg, const uint8_t *, from->offset), part);
        last->data_len = (uint16_t)(last->data_len + part);
        from->offset += part;
        n -= part;
    }
    return 0;
}

/* Makes the copied headers those of segment `i`, which carries `n` bytes. */
static void fix_headers(struct rte_mbuf *s, const struct rte_mbuf *whole, uint32_t i, uint32_t n, bool is_last)
{
    uint8_t *ip = rte_pktmbuf_mtod_offset(s, uint8_t *, whole->l2_len), *l4 = ip + whole->l3_len;
    uint32_t size = (uint32_t)whole->l4_len + n;
    uint32_t old_size = whole->pkt_len - whole->l2_len - whole->l3_len;
    bool is_tcp = whole->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
    uint8_t *field = l4 + (is_tcp ? TCP_CKSUM_OFS : UDP_CKSUM_OFS);
    uint16_t ip_sum;

    if (whole->ol_flags & RTE_MBUF_F_TX_IPV6) {
        be16_store(ip + 4, (uint16_t)(whole->l3_len - 40u + size));
    } else {
        be16_store(ip + 2, (uint16_t)(whole->l3_len + size));
        be16_store(ip + 4, (uint16_t)(be16_load(ip + 4) + i));
        be16_store(ip + 10, 0);
        ip_sum = (uint16_t)~rte_raw_cksum(ip, whole->l3_len);
        memcpy(ip + 10, &ip_sum, 2);
    }
    if (is_tcp) {
        be32_store(l4 + 4, be32_load(l4 + 4) + i * whole->tso_segsz);
        if (!is_last)
            l4[TCP_FLAGS_OFS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
        if (i)
            l4[TCP_FLAGS_OFS] &= (uint8_t)~TCP_CWR; /* RFC 3168, 6.1.2: said once */
    } else {
        be16_store(l4 + 4, (uint16_t)size);
    }
    /* both 16-bit halves: a frame may be larger than 65535 bytes, and its sum was made from a 32-bit length */
    be16_store(field, (uint16_t)fold(be16_load(field) + (0xffff ^ fold(old_size)) + size));
}

static struct rte_mbuf *make_segment(const struct rte_mbuf *whole, const uint8_t *headers, struct payload *from,
                                     uint32_t i, struct rte_mempool *pool)
{
    uint32_t headers_len = (uint32_t)whole->l2_len + whole->l3_len + whole->l4_len;
    uint32_t segment_size = whole->tso_segsz, n = RTE_MIN(from->left, segment_size);
    struct rte_mbuf *s = rte_pktmbuf_alloc(pool);
    char *room;

    if (!s)
        return NULL;
    room = rte_pktmbuf_append(s, (uint16_t)headers_len);
    if (!room)
        goto free_segment;
    memcpy(room, headers, headers_len);
    if (append_payload(s, from, n, pool))
        goto free_segment;
    s->port = whole->port;
    s->tx_offload = whole->tx_offload;
    s->tso_segsz = 0;
    s->ol_flags = whole->ol_flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
    s->ol_flags |= whole->ol_flags & RTE_MBUF_F_TX_TCP_SEG ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
    fix_headers(s, whole, i, n, !from->left);
    return s;

free_segment:
    rte_pktmbuf_free(s);
    return NULL;
}

/* Frames on their way out. */
struct batch {
    struct rte_mbuf *frame[PORT_BURST];
    uint16_t n;
};

static void batch_flush(struct batch *b, struct offload_out *out)
{
    if (b->n)
        out->emit(out->arg, b->frame, b->n);
    b->n = 0;
}

static inline void batch_add(struct batch *b, struct rte_mbuf *m, struct offload_out *out)
{
    b->frame[b->n++] = m;
    if (b->n == PORT_BURST)
        batch_flush(b, out);
}

static void lose(struct rte_mbuf *m, struct offload_out *out)
{
    rte_pktmbuf_free(m);
    out->n_lost++;
}

/* Sums in software what the device cannot sum. */
static void finish(struct batch *b, struct rte_mbuf *m, struct offload_out *out)
{
    if (offload_of(m) & ~out->caps) {
        if (unlikely(offload_is_shared(m))) {
            struct rte_mbuf *copy = rte_pktmbuf_copy(m, out->pool, 0, UINT32_MAX);

            if (!copy) {
                lose(m, out);
                return;
            }
            rte_pktmbuf_free(m);
            m = copy;
        }
        if (unlikely(offload_checksum(m))) {
            lose(m, out);
            return;
        }
    }
    batch_add(b, m, out);
}

/* Cuts one frame. */
static void cut(struct batch *b, struct rte_mbuf *m, struct offload_out *out)
{
    uint32_t headers_len = (uint32_t)m->l2_len + m->l3_len + m->l4_len;
    bool is_tcp = m->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
    uint8_t copy[HEADERS_MAX];
    const uint8_t *headers;
    struct payload from = { .seg = m, .offset = headers_len };

    if (headers_len >= m->pkt_len || !m->tso_segsz || m->l3_len < (m->ol_flags & RTE_MBUF_F_TX_IPV6 ? 40 : 20) ||
        m->l4_len < (is_tcp ? 20 : 8) || !(headers = rte_pktmbuf_read(m, 0, headers_len, copy))) {
        lose(m, out);
        return;
    }
    from.left = m->pkt_len - headers_len;
    while (from.offset >= from.seg->data_len) {
        from.offset -= from.seg->data_len;
        from.seg = from.seg->next;
    }
    for (uint32_t i = 0; from.left; i++) {
        struct rte_mbuf *s = make_segment(m, headers, &from, i, out->pool);

        if (!s) {
            out->n_lost++;
            break;
        }
        finish(b, s, out);
    }
    rte_pktmbuf_free(m);
}

/* What of the work on a frame the device cannot do.  None cuts what lies behind labels or another Ethernet header: its own
 * stack would take the frame for what the outermost type says. */
static unsigned lacking(const struct rte_mbuf *m, unsigned caps)
{
    unsigned needed = offload_of(m);
    struct place p = { 0 };

    if (likely(!(needed & OFFLOAD_ANY_SEG)) || (walk(m, &p) && !p.has_labels && p.l2_len == m->l2_len))
        return needed & ~caps;
    return needed & (~caps | OFFLOAD_ANY_SEG);
}

void offload_prepare(struct rte_mbuf **frames, uint16_t n, struct offload_out *out)
{
    struct batch b = { .n = 0 };
    unsigned missing = 0;

    for (uint16_t i = 0; i < n; i++)
        missing |= lacking(frames[i], out->caps);
    if (likely(!missing)) {
        out->emit(out->arg, frames, n);
        return;
    }
    for (uint16_t i = 0; i < n; i++) {
        if (lacking(frames[i], out->caps) & OFFLOAD_ANY_SEG)
            cut(&b, frames[i], out);
        else
            finish(&b, frames[i], out);
    }
    batch_flush(&b, out);
}

/* --- struct virtio_net_hdr --- */

/* Stores the places in the mbuf; false when its bit fields cannot hold them, or the L4 header is cut off. */
static bool place_to_mbuf(struct rte_mbuf *m, const struct place *p)
{
    uint32_t l4 = (uint32_t)p->l2_len + p->l3_len;
    uint32_t left = m->data_len - l4;
    uint8_t l4_len = p->proto == IPPROTO_TCP ? 20 : p->proto == IPPROTO_UDP ? 8 : 12;

    if (p->l2_len > L2_LEN_MAX || p->l3_len > L3_LEN_MAX || left < l4_len)
        return false;
    if (p->proto == IPPROTO_TCP) {
        l4_len = (uint8_t)((rte_pktmbuf_mtod_offset(m, const uint8_t *, l4)[12] >> 4) * 4);
        if (l4_len < 20 || left < l4_len)
            return false;
    }
    m->l2_len = p->l2_len;
    m->l3_len = p->l3_len;
    m->l4_len = l4_len;
    m->ol_flags |= p->is_ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
    return true;
}

static uint64_t cksum_flag(uint8_t proto)
{
    return proto == IPPROTO_TCP   ? RTE_MBUF_F_TX_TCP_CKSUM
           : proto == IPPROTO_UDP ? RTE_MBUF_F_TX_UDP_CKSUM
                                  : RTE_MBUF_F_TX_SCTP_CKSUM;
}

/* Is the checksum asked for the one of the frame's own L4 header? */
static bool is_own_checksum(const struct place *p, const struct virtio_net_hdr *h)
{
    if (p->is_fragment || h->csum_start != p->l2_len + p->l3_len)
        return false;
    return (p->proto == IPPROTO_TCP && h->csum_offset == TCP_CKSUM_OFS) ||
           (p->proto == IPPROTO_UDP && h->csum_offset == UDP_CKSUM_OFS) ||
           (p->proto == IPPROTO_SCTP && h->csum_offset == SCTP_CKSUM_OFS);
}

/* A frame merged by a device that checked its sum says nothing of the field, which must hold the pseudo-header's. */
static void store_pseudo_sum(struct rte_mbuf *m, const struct place *p)
{
    uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, p->l2_len), *l4 = ip + p->l3_len;
    uint32_t size = m->pkt_len - p->l2_len - p->l3_len;
    uint32_t sum = p->is_ipv6 ? rte_raw_cksum(ip + 8, 32) : rte_raw_cksum(ip + 12, 8);
    uint16_t field;

    sum = fold(__builtin_bswap16((uint16_t)sum) + fold(size) + p->proto);
    field = __builtin_bswap16((uint16_t)sum);
    memcpy(l4 + (p->proto == IPPROTO_TCP ? TCP_CKSUM_OFS : UDP_CKSUM_OFS), &field, 2);
}

static int gso_from_vnet(struct rte_mbuf *m, const struct virtio_net_hdr *h, const struct place *p)
{
    unsigned type = h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
    uint8_t proto = type == VNET_GSO_UDP_L4 ? IPPROTO_UDP : IPPROTO_TCP;
    bool is_known = type == VIRTIO_NET_HDR_GSO_TCPV4 || type == VIRTIO_NET_HDR_GSO_TCPV6 || type == VNET_GSO_UDP_L4;
    bool has_sum = h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;

    if (!is_known || !h->gso_size || p->proto != proto || p->is_fragment || (has_sum && !is_own_checksum(p, h)) ||
        (type == VIRTIO_NET_HDR_GSO_TCPV4 && p->is_ipv6) || (type == VIRTIO_NET_HDR_GSO_TCPV6 && !p->is_ipv6) ||
        !place_to_mbuf(m, p))
        return -EBADMSG;
    if (!has_sum)
        store_pseudo_sum(m, p);
    m->ol_flags |= cksum_flag(proto);
    if (m->pkt_len - m->l2_len - m->l3_len - m->l4_len > h->gso_size) {
        m->ol_flags |= proto == IPPROTO_UDP ? RTE_MBUF_F_TX_UDP_SEG : RTE_MBUF_F_TX_TCP_SEG;
        m->tso_segsz = h->gso_size;
    }
    return 0;
}

int offload_from_vnet(struct rte_mbuf *m, const struct virtio_net_hdr *h)
{
    struct place p = { 0 };
    bool is_walked;

    if (likely(!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && h->gso_type == VIRTIO_NET_HDR_GSO_NONE))
        return 0;
    if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && (uint32_t)h->csum_start + h->csum_offset + 2 > m->pkt_len)
        return -EBADMSG;
    is_walked = walk(m, &p);
    if ((h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) != VIRTIO_NET_HDR_GSO_NONE)
        return is_walked ? gso_from_vnet(m, h, &p) : -EBADMSG;
    if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
        return 0;
    if (!is_walked || !is_own_checksum(&p, h) || !place_to_mbuf(m, &p))
        return sum_to(m, h->csum_start, m->pkt_len - h->csum_start, (uint32_t)h->csum_start + h->csum_offset);
    m->ol_flags |= cksum_flag(p.proto);
    return 0;
}

void offload_guess(struct rte_mbuf *m)
{
    struct place p = { 0 };
    const uint8_t *ip, *l4;
    uint32_t size, sum;

    if (!walk(m, &p) || p.is_fragment || !place_to_mbuf(m, &p))
        return;
    ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, p.l2_len);
    l4 = ip + p.l3_len;
    size = l4_size(m);
    sum = p.is_ipv6 ? rte_raw_cksum(ip + 8, 32) : rte_raw_cksum(ip + 12, 8);
    sum = fold(__builtin_bswap16((uint16_t)sum) + fold(size) + p.proto);
    if ((p.proto == IPPROTO_TCP && be16_load(l4 + TCP_CKSUM_OFS) == sum) ||
        (p.proto == IPPROTO_UDP && sum && be16_load(l4 + UDP_CKSUM_OFS) == sum) ||
        (p.proto == IPPROTO_SCTP && !be32_load(l4 + SCTP_CKSUM_OFS)))
        m->ol_flags |= cksum_flag(p.proto);
    else
        m->ol_flags &= ~(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
}

void offload_to_vnet(const struct rte_mbuf *m, struct virtio_net_hdr *h)
{
    uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
    bool is_tcp = l4 == RTE_MBUF_F_TX_TCP_CKSUM || m->ol_flags & RTE_MBUF_F_TX_TCP_SEG;

    memset(h, 0, sizeof *h);
    if (likely(!offload_of(m)))
        return;
    h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    h->csum_start = (uint16_t)(m->l2_len + m->l3_len);
    h->csum_offset = is_tcp ? TCP_CKSUM_OFS : UDP_CKSUM_OFS;
    h->hdr_len = (uint16_t)(h->csum_start + m->l4_len);
    if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
        const uint8_t *flags;
        uint8_t copy;

        h->gso_type = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
        h->gso_size = m->tso_segsz;
        flags = rte_pktmbuf_read(m, h->csum_start + TCP_FLAGS_OFS, 1, &copy);
        if (flags && *flags & TCP_CWR)
            h->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
    } else if (m->ol_flags & RTE_MBUF_F_TX_UDP_SEG) {
        h->gso_type = VNET_GSO_UDP_L4;
        h->gso_size = m->tso_segsz;
    }
}

void offload_to_ethdev(struct rte_mbuf *m)
{
    uint32_t start = m->l2_len + m->l3_len, size = m->pkt_len - start, field;
    uint16_t sum, zero = 0;
    const void *p;

    if (!(m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)))
        return;
    field = start + (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG ? TCP_CKSUM_OFS : UDP_CKSUM_OFS);
    p = rte_pktmbuf_read(m, field, 2, &sum);
    if (!p)
        return;
    be16_store(&sum, (uint16_t)fold(be16_load(p) + (0xffff ^ fold(size))));
    put_bytes(m, field, &sum, 2);
    if (m->ol_flags & RTE_MBUF_F_TX_IPV4) {
        m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
        put_bytes(m, m->l2_len + 10u, &zero, 2);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_offload.c - checksums and segments against a slow reference, and headers that lie. */
#include "datapath/offload.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_net.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "datapath/eal.h"

enum { FRAME_MAX = 66000, SEGMENTS_MAX = 4096, GSO_UDP_L4 = 5, ALL_CAPS = OFFLOAD_ANY_CKSUM | OFFLOAD_ANY_SEG };

/* A frame, and where its parts begin. */
struct sample {
    uint8_t data[FRAME_MAX];
    unsigned l3, l4, payload, len;
    uint8_t proto;
    bool is_ipv6;
};

static uint32_t seed = 7;

static unsigned pick(unsigned n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

/* The reference: bytes, one after the other. */
static uint32_t slow_sum(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++) {
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static uint32_t slow_crc32c(const uint8_t *p, size_t n)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

static uint32_t pseudo_sum(const struct sample *s, unsigned size)
{
    uint32_t sum = s->is_ipv6 ? slow_sum(s->data + s->l3 + 8, 32, 0) : slow_sum(s->data + s->l3 + 12, 8, 0);

    return slow_sum((const uint8_t[]){ 0, s->proto, (uint8_t)(size >> 8), (uint8_t)size }, 4, sum);
}

static unsigned field_offset(uint8_t proto)
{
    return proto == IPPROTO_TCP ? 16 : proto == IPPROTO_UDP ? 6 : 8;
}

static void add_ipv4(struct sample *s, unsigned payload)
{
    uint8_t *ip = s->data + s->l3;
    unsigned len = 20 + 4 * pick(11);

    for (unsigned i = 0; i < len; i++)
        ip[i] = (uint8_t)pick(256);
    ip[0] = (uint8_t)(0x40 | len / 4);
    be16_store(ip + 2, (uint16_t)(len + payload));
    be16_store(ip + 6, 0x4000);
    ip[9] = s->proto;
    be16_store(ip + 10, 0);
    be16_store(ip + 10, (uint16_t)~slow_sum(ip, len, 0));
    s->l4 = s->l3 + len;
}

static void add_ipv6(struct sample *s, unsigned payload)
{
    static const uint8_t kinds[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS };
    uint8_t *ip = s->data + s->l3, *next = ip + 6;
    unsigned ofs = 40, n = pick(3);

    for (unsigned i = 0; i < ofs; i++)
        ip[i] = (uint8_t)pick(256);
    ip[0] = 0x60;
    for (unsigned i = 0; i < n; i++) {
        unsigned units = pick(4);

        *next = kinds[i];
        memset(ip + ofs, 1, units * 8 + 8);
        next = ip + ofs;
        ip[ofs + 1] = (uint8_t)units;
        ofs += units * 8 + 8;
    }
    *next = s->proto;
    be16_store(ip + 4, (uint16_t)(ofs - 40 + payload));
    s->l4 = s->l3 + ofs;
}

/* A frame whose checksum is still to be done. */
static void make_sample(struct sample *s, uint8_t proto, bool is_ipv6, unsigned n_payload)
{
    unsigned tags = pick(4), l4_len = proto == IPPROTO_TCP ? 20 + 4 * pick(11) : proto == IPPROTO_UDP ? 8 : 12;
    uint8_t *l4;

    s->proto = proto;
    s->is_ipv6 = is_ipv6;
    for (unsigned i = 0; i < 12; i++)
        s->data[i] = (uint8_t)pick(256);
    for (unsigned i = 0; i < tags; i++) {
        be16_store(s->data + 12 + 4 * i, i ? 0x8100 : 0x88a8);
        be16_store(s->data + 14 + 4 * i, (uint16_t)pick(4095));
    }
    be16_store(s->data + 12 + 4 * tags, is_ipv6 ? 0x86dd : 0x0800);
    s->l3 = 14 + 4 * tags;
    (is_ipv6 ? add_ipv6 : add_ipv4)(s, l4_len + n_payload);
    l4 = s->data + s->l4;
    s->payload = s->l4 + l4_len;
    s->len = s->payload + n_payload;
    for (unsigned i = s->l4; i < s->len; i++)
        s->data[i] = (uint8_t)pick(256);
    if (proto == IPPROTO_TCP)
        l4[12] = (uint8_t)(l4_len / 4 << 4);
    if (proto == IPPROTO_UDP)
        be16_store(l4 + 4, (uint16_t)(8 + n_payload));
    if (proto == IPPROTO_SCTP)
        be32_store(l4 + 8, 0);
    else
        be16_store(l4 + field_offset(proto), (uint16_t)pseudo_sum(s, l4_len + n_payload));
}

/* What is in front of the L3 header grows by `n` bytes at `ofs`, which are to be written. */
static uint8_t *open_up(struct sample *s, unsigned ofs, unsigned n)
{
    memmove(s->data + ofs + n, s->data + ofs, s->len - ofs);
    s->l3 += n;
    s->l4 += n;
    s->payload += n;
    s->len += n;
    return s->data + ofs;
}

static void add_labels(struct sample *s, unsigned n)
{
    uint8_t *label = open_up(s, s->l3, 4 * n);

    be16_store(label - 2, 0x8847);
    for (unsigned i = 0; i < n; i++)
        be32_store(label + (size_t)4 * i, pick(1 << 20) << 12 | (i + 1 == n ? 0x100u : 0u) | 64);
}

static struct virtio_net_hdr sample_hdr(const struct sample *s, unsigned gso_size)
{
    struct virtio_net_hdr h = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .csum_start = (uint16_t)s->l4,
        .csum_offset = (uint16_t)field_offset(s->proto),
        .hdr_len = (uint16_t)s->payload,
        .gso_size = (uint16_t)gso_size,
    };

    if (gso_size)
        h.gso_type = s->proto == IPPROTO_UDP ? GSO_UDP_L4
                     : s->is_ipv6            ? VIRTIO_NET_HDR_GSO_TCPV6
                                             : VIRTIO_NET_HDR_GSO_TCPV4;
    else
        h.hdr_len = (uint16_t)s->payload;
    return h;
}

/* The bytes in mbufs of uneven sizes, the first one holding `head` of them at least. */
static struct rte_mbuf *to_mbuf(const uint8_t *data, unsigned len, unsigned head)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(eal_pool()), *last = m;
    unsigned part = len < head ? len : head + pick(len - head + 1), done = 0;

    assert_non_null(m);
    for (;;) {
        if (part > rte_pktmbuf_tailroom(last))
            part = rte_pktmbuf_tailroom(last);
        memcpy(rte_pktmbuf_mtod(last, void *), data + done, part);
        last->data_len = (uint16_t)part;
        done += part;
        if (done == len)
            break;
        last = last->next = rte_pktmbuf_alloc(eal_pool());
        assert_non_null(last);
        m->nb_segs++;
        part = pick(len - done) + 1;
        if (part < 700 && len > 4000)
            part = len - done < 700 ? len - done : 700;
    }
    m->pkt_len = len;
    return m;
}

static unsigned flatten(const struct rte_mbuf *m, uint8_t *out)
{
    unsigned len = 0;

    for (; m; len += m->data_len, m = m->next)
        memcpy(out + len, rte_pktmbuf_mtod(m, const void *), m->data_len);
    return len;
}

/* What offload_prepare gave. */
static struct rte_mbuf *sent[SEGMENTS_MAX];
static unsigned n_sent;

static void collect(void *arg, struct rte_mbuf **frames, uint16_t n)
{
    (void)arg;
    assert_true(n_sent + n <= SEGMENTS_MAX);
    memcpy(sent + n_sent, frames, n * sizeof *frames);
    n_sent += n;
}

static uint64_t prepare(struct rte_mbuf *m, unsigned caps)
{
    struct offload_out out = { .caps = caps, .pool = eal_pool(), .emit = collect };

    n_sent = 0;
    offload_prepare(&m, 1, &out);
    return out.n_lost;
}

static void free_sent(void)
{
    rte_pktmbuf_free_bulk(sent, n_sent);
    n_sent = 0;
}

/* The bytes at `data` are a whole frame like `s`, and sum up right. */
static void check_sums(const struct sample *s, const uint8_t *data, unsigned len)
{
    unsigned size = len - s->l4;

    if (s->proto == IPPROTO_SCTP) {
        static uint8_t copy[FRAME_MAX];
        uint32_t crc;

        memcpy(copy, data + s->l4, size);
        memcpy(&crc, copy + 8, 4);
        memset(copy + 8, 0, 4);
        assert_int_equal(rte_le_to_cpu_32(crc), slow_crc32c(copy, size));
    } else {
        assert_int_equal(slow_sum(data + s->l4, size, pseudo_sum(s, size)), 0xffff);
        assert_int_not_equal(be16_load(data + s->l4 + field_offset(s->proto)), 0);
    }
    if (!s->is_ipv6)
        assert_int_equal(slow_sum(data + s->l3, s->l4 - s->l3, 0), 0xffff);
}

static void completes_checksums(void **state)
{
    static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
    static struct sample s;
    static uint8_t got[FRAME_MAX];

    (void)state;
    for (int i = 0; i < 600; i++) {
        struct virtio_net_hdr h;
        struct rte_mbuf *m;
        unsigned field, width;

        make_sample(&s, protos[i % 3], i & 1, pick(i % 10 ? 1500 : 20000));
        h = sample_hdr(&s, 0);
        m = to_mbuf(s.data, s.len, s.payload);
        assert_int_equal(offload_from_vnet(m, &h), 0);
        assert_int_equal(m->l2_len, s.l3);
        assert_int_equal(m->l3_len, s.l4 - s.l3);
        assert_int_equal(offload_of(m), i % 3 == 0   ? OFFLOAD_TCP_CKSUM
                                        : i % 3 == 1 ? OFFLOAD_UDP_CKSUM
                                                     : OFFLOAD_SCTP_CKSUM);
        assert_int_equal(prepare(m, 0), 0);
        assert_int_equal(n_sent, 1);
        assert_int_equal(offload_of(sent[0]), 0);
        assert_int_equal(flatten(sent[0], got), s.len);
        check_sums(&s, got, s.len);
        field = s.l4 + field_offset(s.proto);
        width = s.proto == IPPROTO_SCTP ? 4 : 2;
        memset(got + field, 0, width);
        memset(s.data + field, 0, width);
        assert_memory_equal(got, s.data, s.len);
        free_sent();
    }
}

/* Without a header that says it: a checksum that is to be done is done, one that is done stays, fragments are let alone. */
static void guesses_what_is_missing(void **state)
{
    static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
    static struct sample s;
    static uint8_t done[FRAME_MAX], again[FRAME_MAX];

    for (unsigned i = 0; i < 600; i++) {
        struct rte_mbuf *m;
        unsigned n;

        make_sample(&s, protos[i % 3], i & 1, pick(1400));
        m = to_mbuf(s.data, s.len, s.payload);
        offload_guess(m);
        assert_int_not_equal(offload_of(m), 0);
        assert_int_equal(prepare(m, 0), 0);
        n = flatten(sent[0], done);
        free_sent();
        check_sums(&s, done, n);
        m = to_mbuf(done, n, s.payload);
        offload_guess(m);
        assert_int_equal(prepare(m, 0), 0);
        assert_int_equal(flatten(sent[0], again), n);
        assert_memory_equal(again, done, n);
        free_sent();
        if (!s.is_ipv6)
            be16_store(s.data + s.l3 + 6, 0x2000);
        n = s.is_ipv6 ? pick(s.payload) : s.len; /* or cut somewhere in its headers */
        m = to_mbuf(s.data, n ? n : 1, n ? n : 1);
        offload_guess(m);
        assert_int_equal(offload_of(m), 0);
        rte_pktmbuf_free(m);
    }
}

static void leaves_padding_out(void **state)
{
    static struct sample s;
    static uint8_t got[FRAME_MAX];
    struct virtio_net_hdr h;
    struct rte_mbuf *m;

    (void)state;
    make_sample(&s, IPPROTO_SCTP, false, 5);
    memset(s.data + s.len, 0xa5, 9);
    h = sample_hdr(&s, 0);
    m = to_mbuf(s.data, s.len + 9, s.payload);
    assert_int_equal(offload_from_vnet(m, &h), 0);
    assert_int_equal(prepare(m, 0), 0);
    assert_int_equal(flatten(sent[0], got), s.len + 9);
    check_sums(&s, got, s.len);
    free_sent();
}

static void check_segment(const struct sample *s, const uint8_t *data, unsigned len, unsigned i, bool is_last,
                          unsigned mss)
{
    const uint8_t *ip = data + s->l3, *whole_ip = s->data + s->l3, *l4 = data + s->l4, *whole_l4 = s->data + s->l4;

    check_sums(s, data, len);
    assert_memory_equal(data, s->data, s->l3);
    assert_memory_equal(data + s->payload, s->data + s->payload + i * mss, len - s->payload);
    if (s->is_ipv6) {
        assert_int_equal(be16_load(ip + 4), len - s->l3 - 40);
    } else {
        assert_int_equal(be16_load(ip + 2), len - s->l3);
        assert_int_equal(be16_load(ip + 4), (uint16_t)(be16_load(whole_ip + 4) + i));
    }
    if (s->proto == IPPROTO_UDP) {
        assert_int_equal(be16_load(l4 + 4), len - s->l4);
        return;
    }
    assert_int_equal(be32_load(l4 + 4), be32_load(whole_l4 + 4) + i * mss);
    assert_int_equal(l4[13], whole_l4[13] & ~(is_last ? 0 : 1 | 8) & ~(i ? 0x80 : 0));
}

static void cuts_into_segments(void **state)
{
    static struct sample s;
    static uint8_t got[FRAME_MAX];

    (void)state;
    for (int i = 0; i < 200; i++) {
        unsigned mss = 1 + pick(i % 3 ? 1460 : 9000), n_payload = mss + 1 + pick(mss * 20), sum = 0, want;
        unsigned caps = i & 4 ? OFFLOAD_ANY_CKSUM : 0;
        struct virtio_net_hdr h;
        struct rte_mbuf *m;

        if (n_payload > 64000)
            n_payload = 64000;
        make_sample(&s, i & 1 ? IPPROTO_UDP : IPPROTO_TCP, i & 2, n_payload);
        h = sample_hdr(&s, mss);
        m = to_mbuf(s.data, s.len, s.payload);
        assert_int_equal(offload_from_vnet(m, &h), 0);
        assert_true(offload_of(m) & OFFLOAD_ANY_SEG);
        assert_int_equal(prepare(m, caps), 0);
        want = (n_payload + mss - 1) / mss;
        assert_int_equal(n_sent, want);
        for (unsigned k = 0; k < n_sent; k++) {
            unsigned len = flatten(sent[k], got);

            assert_int_equal(len, sent[k]->pkt_len);
            if (caps) {
                assert_int_not_equal(offload_of(sent[k]), 0);
                assert_int_equal(offload_checksum(sent[k]), 0);
                flatten(sent[k], got);
            }
            assert_int_equal(offload_of(sent[k]), 0);
            check_segment(&s, got, len, k, k + 1 == want, mss);
            sum += len - s.payload;
        }
        assert_int_equal(sum, n_payload);
        free_sent();
    }
}

/* No device cuts them, whatever it says; they may come with labels, or get them (or PBB's header) on the way. */
static void cuts_what_is_behind_other_headers(void **state)
{
    static struct sample s;
    static uint8_t got[FRAME_MAX];

    (void)state;
    for (int i = 0; i < 60; i++) {
        bool is_pbb = i % 3 == 0;
        struct virtio_net_hdr h;
        struct rte_mbuf *m;

        make_sample(&s, i & 1 ? IPPROTO_UDP : IPPROTO_TCP, i & 2, 2500);
        if (!is_pbb)
            add_labels(&s, 1 + pick(4));
        h = sample_hdr(&s, 1000);
        m = to_mbuf(s.data, s.len, s.payload);
        assert_int_equal(offload_from_vnet(m, &h), 0);
        assert_true(offload_of(m) & OFFLOAD_ANY_SEG);
        assert_int_equal(m->l2_len, s.l3);
        if (is_pbb) {
            uint8_t *header = open_up(&s, 0, 18);

            memcpy(header, header + 18, 12);
            be16_store(header + 12, 0x88e7);
            be32_store(header + 14, 0x1234);
            memcpy(rte_pktmbuf_prepend(m, 18), header, 18);
            m->l2_len += 18;
        }
        assert_int_equal(prepare(m, ALL_CAPS), 0);
        assert_int_equal(n_sent, 3);
        for (unsigned k = 0; k < n_sent; k++) {
            assert_int_equal(offload_checksum(sent[k]), 0);
            check_segment(&s, got, flatten(sent[k], got), k, k == 2, 1000);
        }
        free_sent();
    }
}

static void hands_headers_on(void **state)
{
    static struct sample s;

    (void)state;
    for (int i = 0; i < 100; i++) {
        struct virtio_net_hdr h, back;
        struct rte_mbuf *m;
        bool is_cut = i & 4;

        make_sample(&s, i & 1 ? IPPROTO_UDP : IPPROTO_TCP, i & 2, 3000);
        h = sample_hdr(&s, is_cut ? 1400 : 0);
        s.data[s.l4 + 13] = i & 8 ? 0x80 : 0; /* CWR */
        if (is_cut && !(i & 1) && i & 8)
            h.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
        m = to_mbuf(s.data, s.len, s.payload);
        assert_int_equal(offload_from_vnet(m, &h), 0);
        assert_int_equal(prepare(m, ALL_CAPS), 0);
        assert_ptr_equal(sent[0], m);
        offload_to_vnet(m, &back);
        assert_memory_equal(&back, &h, sizeof h);
        free_sent();
    }
}

/* One way in which a header can be wrong about a TCP segment over IPv4 (change it there). */
static const struct {
    const char *name;
    uint8_t gso_type;
    int start, offset, gso_size, want;
    unsigned caps; /* of the frame, when taken */
} lies[] = {
    { "right", VIRTIO_NET_HDR_GSO_TCPV4, 0, 0, 100, 0, OFFLOAD_TCP_CKSUM | OFFLOAD_TCP4_SEG },
    { "smaller than a segment", VIRTIO_NET_HDR_GSO_TCPV4, 0, 0, 1000, 0, OFFLOAD_TCP_CKSUM },
    { "sum elsewhere", VIRTIO_NET_HDR_GSO_NONE, 4, 0, 0, 0, 0 },
    { "sum at another field", VIRTIO_NET_HDR_GSO_NONE, 0, 2, 0, 0, 0 },
    { "sum behind the end", VIRTIO_NET_HDR_GSO_NONE, 2000, 0, 0, -EBADMSG, 0 },
    { "field behind the end", VIRTIO_NET_HDR_GSO_NONE, 0, 1100, 0, -EBADMSG, 0 },
    { "segments, sum elsewhere", VIRTIO_NET_HDR_GSO_TCPV4, 4, 0, 100, -EBADMSG, 0 },
    { "no segment size", VIRTIO_NET_HDR_GSO_TCPV4, 0, 0, 0, -EBADMSG, 0 },
    { "IPv6", VIRTIO_NET_HDR_GSO_TCPV6, 0, 0, 100, -EBADMSG, 0 },
    { "UDP", GSO_UDP_L4, 0, 0, 100, -EBADMSG, 0 },
    { "UDP fragments", VIRTIO_NET_HDR_GSO_UDP, 0, 0, 100, -EBADMSG, 0 },
    { "unknown", 77, 0, 0, 100, -EBADMSG, 0 },
};

static void refuses_lies(void **state)
{
    static struct sample s;

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct virtio_net_hdr h;
        struct rte_mbuf *m;
        int got;

        make_sample(&s, IPPROTO_TCP, false, 900);
        h = sample_hdr(&s, (unsigned)lies[i].gso_size);
        h.gso_type = lies[i].gso_type;
        h.csum_start = (uint16_t)(h.csum_start + lies[i].start);
        h.csum_offset = (uint16_t)(h.csum_offset + lies[i].offset);
        m = to_mbuf(s.data, s.len, s.payload);
        got = offload_from_vnet(m, &h);
        if (got != lies[i].want || (!got && offload_of(m) != lies[i].caps))
            fail_msg("%s: got %d, caps %#x", lies[i].name, got, offload_of(m));
        rte_pktmbuf_free(m);
    }
}

/* A frame merged by hardware comes without NEEDS_CSUM: the field is made what the convention asks for. */
static void takes_merged_frames(void **state)
{
    static struct sample s;
    static uint8_t got[FRAME_MAX];

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct virtio_net_hdr h;
        struct rte_mbuf *m;

        make_sample(&s, i & 1 ? IPPROTO_UDP : IPPROTO_TCP, i & 2, 4000);
        be16_store(s.data + s.l4 + field_offset(s.proto), (uint16_t)pick(65536));
        h = sample_hdr(&s, 1200);
        h.flags = 0;
        m = to_mbuf(s.data, s.len, s.payload);
        assert_int_equal(offload_from_vnet(m, &h), 0);
        assert_int_equal(prepare(m, 0), 0);
        assert_int_equal(n_sent, 4);
        for (unsigned k = 0; k < n_sent; k++)
            check_sums(&s, got, flatten(sent[k], got));
        free_sent();
    }
}

/* Header fields beyond the mbuf's bit fields: summed at reception. */
static void sums_what_does_not_fit(void **state)
{
    static struct sample s;
    static uint8_t got[FRAME_MAX];
    struct virtio_net_hdr h;
    struct rte_mbuf *m;

    (void)state;
    make_sample(&s, IPPROTO_UDP, true, 100);
    memmove(s.data + s.l3 + 40 + 800, s.data + s.l4, s.len - s.l4); /* 800 bytes of options before UDP */
    s.data[s.l3 + 6] = IPPROTO_DSTOPTS;
    memset(s.data + s.l3 + 40, 1, 800);
    s.data[s.l3 + 40] = IPPROTO_UDP;
    s.data[s.l3 + 41] = 99;
    s.len = s.l3 + 840 + 108;
    s.l4 = s.l3 + 840;
    be16_store(s.data + s.l3 + 4, 908);
    h = sample_hdr(&s, 0);
    m = to_mbuf(s.data, s.len, s.len);
    assert_int_equal(offload_from_vnet(m, &h), 0);
    assert_int_equal(offload_of(m), 0);
    check_sums(&s, got, flatten(m, got));
    rte_pktmbuf_free(m);
}

static void spares_shared_frames(void **state)
{
    static struct sample s;
    static uint8_t got[FRAME_MAX];
    struct virtio_net_hdr h;
    struct rte_mbuf *m, *clone;

    (void)state;
    make_sample(&s, IPPROTO_TCP, true, 2500);
    h = sample_hdr(&s, 0);
    m = to_mbuf(s.data, s.len, s.payload);
    assert_int_equal(offload_from_vnet(m, &h), 0);
    clone = rte_pktmbuf_clone(m, eal_pool());
    assert_non_null(clone);
    assert_int_equal(prepare(clone, 0), 0);
    check_sums(&s, got, flatten(sent[0], got));
    flatten(m, got);
    assert_memory_equal(got, s.data, s.len);
    assert_int_equal(offload_of(m), OFFLOAD_TCP_CKSUM);
    free_sent();
    rte_pktmbuf_free(m);
}

/* DPDK's devices want the pseudo-header sum without the length. */
static void suits_ethdev(void **state)
{
    static struct sample s;
    static uint8_t got[FRAME_MAX];

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct virtio_net_hdr h;
        struct rte_mbuf *m;
        uint32_t want;

        make_sample(&s, i & 1 ? IPPROTO_UDP : IPPROTO_TCP, i & 2, 5000);
        h = sample_hdr(&s, 1000);
        want = pseudo_sum(&s, 0);
        m = to_mbuf(s.data, s.len, s.payload);
        assert_int_equal(offload_from_vnet(m, &h), 0);
        offload_to_ethdev(m);
        flatten(m, got);
        assert_int_equal(be16_load(got + s.l4 + field_offset(s.proto)), want);
        if (!s.is_ipv6) {
            assert_int_equal(be16_load(got + s.l3 + 10), 0);
            assert_true(m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM);
        }
        rte_pktmbuf_free(m);
    }
}

/* Any header on any frame: an error or a frame that can be sent, and no access out of bounds (run it under ASan). */
static void survives_noise(void **state)
{
    static struct sample s;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        static const uint8_t types[] = { 0, 1, 3, 4, 5, 0x81, 0x84, 0xff };
        unsigned cut;
        struct virtio_net_hdr h;
        struct rte_mbuf *m;

        make_sample(&s, (const uint8_t[]){ IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP }[pick(3)], pick(2), pick(300));
        if (pick(4) == 0)
            add_labels(&s, 1 + pick(30));
        h = sample_hdr(&s, 1 + pick(200));
        h.flags = (uint8_t)(pick(4) ? h.flags : pick(256));
        h.gso_type = pick(3) ? h.gso_type : types[pick(8)];
        h.csum_start = (uint16_t)(pick(3) ? h.csum_start : pick(pick(2) ? 65536 : 400));
        h.csum_offset = (uint16_t)(pick(3) ? h.csum_offset : pick(pick(2) ? 65536 : 40));
        for (unsigned k = pick(4); k; k--)
            s.data[pick(s.payload)] = (uint8_t)pick(256);
        cut = pick(2) ? s.len : 14 + pick(s.len - 13);
        m = to_mbuf(s.data, cut, 14);
        if (offload_from_vnet(m, &h)) {
            rte_pktmbuf_free(m);
            continue;
        }
        offload_to_vnet(m, &h);
        prepare(m, pick(2) ? 0 : OFFLOAD_ANY_CKSUM);
        free_sent();
    }
    assert_int_equal(rte_mempool_in_use_count(eal_pool()), 0);
}

int main(void)
{
    char dir[] = "/tmp/trama-test-XXXXXX";
    struct errbuf e = { "" };
    int failed;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completes_checksums),     cmocka_unit_test(leaves_padding_out),
        cmocka_unit_test(guesses_what_is_missing), cmocka_unit_test(cuts_into_segments),
        cmocka_unit_test(hands_headers_on),        cmocka_unit_test(refuses_lies),
        cmocka_unit_test(takes_merged_frames),     cmocka_unit_test(sums_what_does_not_fit),
        cmocka_unit_test(spares_shared_frames),    cmocka_unit_test(suits_ethdev),
        cmocka_unit_test(survives_noise),          cmocka_unit_test(cuts_what_is_behind_other_headers),
    };

    if (!mkdtemp(dir) ||
        eal_start(&(struct eal_conf){ .run_dir = dir, .hugepages = EAL_HUGEPAGES_OFF, .n_mbufs = 8192 }, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eal_stop();
    rmdir(dir);
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_frame.c - frames of the controller: what is written reads back, sums are right, and what is cut short is refused. */
#include "controller/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct ip_addr v4_a = { 4, 32, { 10, 0, 0, 1 } }, v4_b = { 4, 32, { 10, 0, 0, 2 } };
static const struct ip_addr v6_a = { 6, 128, { 0xfd, [15] = 1 } }, v6_b = { 6, 128, { 0xfd, [15] = 2 } };

static uint32_t sum(const uint8_t *p, size_t n)
{
    uint32_t s = 0;

    for (size_t i = 0; i < n; i++)
        s += (uint32_t)p[i] << (i % 2 ? 0 : 8);
    return s;
}

static unsigned folded(uint32_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return s;
}

static void test_arp(void **state)
{
    const struct arp a = { .op = 1, .sha = UINT64_C(0x020000000001), .spa = v4_a, .tpa = v4_b };

    for (uint16_t vlan = 0; vlan < 20; vlan += 10) {
        struct frame f;
        struct arp b;
        struct wr w;

        wr_init(&w);
        arp_write(&w, UINT64_C(0xffffffffffff), vlan, &a);
        assert_false(w.bad);
        assert_int_equal(w.len, vlan ? 64 : 60);
        assert_true(frame_read(&f, w.p, w.len));
        assert_int_equal(f.is_tagged, vlan != 0);
        assert_int_equal(f.vlan, vlan);
        assert_int_equal(f.type, FRAME_ARP);
        assert_true(f.src == a.sha);
        assert_true(arp_read(&b, &f));
        assert_true(b.op == 1 && b.sha == a.sha && !b.tha && ip_equal(&b.spa, &v4_a) && ip_equal(&b.tpa, &v4_b));
        for (size_t n = 0; n < (vlan ? 18u : 14u) + 28; n++)
            assert_false(frame_read(&f, w.p, n) && arp_read(&b, &f));
        wr_fini(&w);
    }
}

/* `proto`: with its pseudo header or not; every length, also odd ones. */
static void check_ip(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, size_t n)
{
    const struct ip_write how = {
        .dst_mac = 1,
        .src_mac = 2,
        .vlan = 7,
        .src = src,
        .dst = dst,
        .proto = proto,
        .ttl = 9,
        .sum_at = proto == 17 ? 6 : 2,
    };
    size_t n_ip = src->family == 4 ? 4 : 16;
    uint8_t payload[100];
    uint32_t pseudo = 0;
    struct ip_packet ip;
    struct frame f;
    struct wr w;

    memset(payload, 0x5a, sizeof payload);
    wr_init(&w);
    ip_write(&w, &how, payload, n);
    assert_false(w.bad);
    assert_true(frame_read(&f, w.p, w.len));
    assert_true(ip_read(&ip, &f));
    assert_true(ip_equal(&ip.src, src) && ip_equal(&ip.dst, dst) && ip.proto == proto && ip.ttl == 9);
    assert_int_equal(ip.n_data, n);
    assert_false(ip.is_later_fragment);
    if (src->family == 4)
        assert_int_equal(folded(sum(f.data, 20)), 0xffff);
    if (proto != 1)
        pseudo = sum(src->bytes, n_ip) + sum(dst->bytes, n_ip) + proto + (uint32_t)n;
    assert_int_equal(folded(pseudo + sum(ip.data, n)), 0xffff);
    wr_fini(&w);
}

static void test_ip(void **state)
{
    for (size_t n = 8; n < 90; n++) {
        check_ip(&v4_a, &v4_b, FRAME_ICMP, n);
        check_ip(&v4_a, &v4_b, FRAME_UDP, n);
        check_ip(&v6_a, &v6_b, FRAME_UDP, n);
        check_ip(&v6_a, &v6_b, FRAME_ICMPV6, n);
    }
}

/* Lengths that lie, headers that are too short, another version: none, or no more than is there. */
static void test_bad_ip(void **state)
{
    uint8_t bytes[64] = { [12] = 8, [14] = 0x45, [17] = 50, [22] = 64, [23] = 17 };
    struct ip_packet ip;
    struct frame f;

    assert_true(frame_read(&f, bytes, sizeof bytes) && ip_read(&ip, &f));
    assert_int_equal(ip.n_data, 30);
    bytes[17] = 200; /* longer than what is there */
    assert_true(ip_read(&ip, &f));
    assert_int_equal(ip.n_data, sizeof bytes - 14 - 20);
    bytes[17] = 10; /* shorter than its header */
    assert_false(ip_read(&ip, &f));
    bytes[17] = 50;
    bytes[14] = 0x44;
    assert_false(ip_read(&ip, &f));
    bytes[14] = 0x4f; /* a header of 60 bytes in 50 */
    assert_false(ip_read(&ip, &f));
    bytes[14] = 0x65;
    assert_false(ip_read(&ip, &f));
    bytes[14] = 0x45;
    bytes[21] = 1;
    assert_true(ip_read(&ip, &f) && ip.is_later_fragment);
    for (size_t n = 0; n < 34; n++)
        assert_false(frame_read(&f, bytes, n) && ip_read(&ip, &f));
}

/* What a segment is answered with where nobody listens: RFC 9293, 3.10.7.1. */
static void test_reset(void **state)
{
    enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
    static const struct {
        uint8_t flags, offset;
        size_t n_data; /* with its header */
        bool is_answered;
        uint32_t seq, ack; /* of the answer */
        uint8_t answer;
    } cases[] = {
        { SYN, 5, 20, true, 0, 0xfffffff1, RST | ACK },
        { SYN, 10, 40, true, 0, 0xfffffff1, RST | ACK },
        { SYN, 5, 50, true, 0, 15, RST | ACK },
        /* wraps */ { FIN, 5, 30, true, 0, 0xfffffffb, RST | ACK },
        { ACK, 5, 33, true, 7000, 0, RST },
        { SYN | ACK, 5, 20, true, 7000, 0, RST },
        { RST, 5, 20, false, 0, 0, 0 },
        { RST | ACK, 5, 20, false, 0, 0, 0 },
        { SYN, 4, 20, false, 0, 0, 0 },
        { SYN, 10, 39, false, 0, 0, 0 },
        { SYN, 5, 12, false, 0, 0, 0 },
    };
    const struct ip_write how = { .dst_mac = 1, .src_mac = 2, .vlan = 7, .ttl = 9 };

    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const struct ip_addr *a = i & 1 ? &v6_a : &v4_a, *b = i & 1 ? &v6_b : &v4_b;
        uint8_t bytes[60] = { 0x12, 0x34, 0, 53 };
        struct ip_packet in = { .src = *a,
                                .dst = *b,
                                .proto = FRAME_TCP,
                                .data = bytes,
                                .n_data = cases[i / 2].n_data },
                         out;
        size_t n_ip = i & 1 ? 16 : 4;
        struct frame f;
        struct wr w;

        be32_store(bytes + 4, 0xfffffff0);
        be32_store(bytes + 8, 7000);
        bytes[12] = (uint8_t)(cases[i / 2].offset << 4);
        bytes[13] = cases[i / 2].flags;
        wr_init(&w);
        assert_int_equal(tcp_reset_write(&w, &how, &in), cases[i / 2].is_answered);
        if (cases[i / 2].is_answered) {
            assert_true(frame_read(&f, w.p, w.len) && ip_read(&out, &f));
            assert_true(ip_equal(&out.src, b) && ip_equal(&out.dst, a) && out.proto == FRAME_TCP && out.n_data == 20);
            assert_int_equal(be32_load(out.data), 53u << 16 | 0x1234);
            assert_int_equal(be32_load(out.data + 4), cases[i / 2].seq);
            assert_int_equal(be32_load(out.data + 8), cases[i / 2].ack);
            assert_int_equal(be16_load(out.data + 12), 5 << 12 | cases[i / 2].answer);
            assert_int_equal(folded(sum(a->bytes, n_ip) + sum(b->bytes, n_ip) + FRAME_TCP + 20 + sum(out.data, 20)),
                             0xffff);
        } else {
            assert_int_equal(w.len, 0);
        }
        wr_fini(&w);
    }
}

/* RFC 791, 3.1 and 3.2: every size, an option that all fragments have and one that the first has, a packet that is a fragment. */
static void check_cut(size_t n, uint16_t mtu, uint16_t place)
{
    static const uint8_t options[8] = { 0x83, 3, 4, 0x44, 4, 5, 0, 0 }, later[8] = { 0x83, 3, 4, 1, 1, 1, 1, 0 };
    const struct ip_write how = {
        .dst_mac = 2, .src_mac = 3, .vlan = 7, .src = &v4_a, .dst = &v4_b, .proto = 17, .sum_at = SIZE_MAX
    };
    uint8_t data[8 + 3000], whole[28 + 3000], *ip = whole;
    struct frame f = {
        .dst = 2, .src = 3, .is_tagged = true, .vlan = 7, .type = FRAME_IP, .data = whole, .n_data = 28 + n
    };
    struct ip_packet p, piece;
    struct frame out;
    struct wr w;
    size_t at = 0;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + i / 256);
    wr_init(&w);
    ip_write(&w, &how, data, 8 + n);
    memcpy(whole, w.p + 18, 20);
    memcpy(whole + 20, options, 8);
    memcpy(whole + 28, data, n);
    wr_fini(&w);
    ip[0] = 0x47;
    be16_store(ip + 2, (uint16_t)(28 + n));
    be16_store(ip + 6, place);
    assert_true(ip_read(&p, &f) && ip_may_cut(&p) && ip_is_whole(&p));
    while (at < n) {
        size_t next;
        uint16_t got;

        wr_init(&w);
        next = ip_cut(&w, &f, &p, mtu, at);
        assert_true(!w.bad && frame_read(&out, w.p, w.len) && ip_read(&piece, &out));
        assert_true(out.dst == 2 && out.src == 3 && out.vlan == 7 && piece.n_whole <= mtu && next > at);
        assert_int_equal(folded(sum(piece.whole, 28)), 0xffff);
        got = be16_load(piece.whole + 6);
        assert_int_equal(got & 0x1fff, (place & 0x1fff) + at / 8);
        assert_int_equal(got & 0x2000, next < n || place & 0x2000 ? 0x2000 : 0);
        assert_true(at % 8 == 0 && piece.n_data == next - at && (next == n || piece.n_data + 28 + 8 > mtu));
        assert_memory_equal(piece.data, data + at, piece.n_data);
        assert_memory_equal(piece.whole + 20, at ? later : options, 8);
        wr_fini(&w);
        at = next;
    }
    assert_true(at == n);
}

static void test_cut(void **state)
{
    static const uint16_t mtus[] = { 68, 576, 1280, 1399, 1400, 1500 };

    for (size_t i = 0; i < sizeof mtus / sizeof *mtus; i++)
        for (size_t n = 1; n < 3000; n += 37) {
            check_cut(n, mtus[i], 0);
            check_cut(n, mtus[i], 0x2000 | 100);
            check_cut(n, mtus[i], 200);
        }
}

static void test_may_cut(void **state)
{
    uint8_t ip[28] = { 0x45, [3] = 28, [9] = 17, [12] = 10, [16] = 10 };
    struct frame f = { .type = FRAME_IP, .data = ip, .n_data = sizeof ip };
    struct ip_packet p;

    assert_true(ip_read(&p, &f) && ip_may_cut(&p) && ip_is_whole(&p));
    ip[6] = 0x40;
    assert_true(ip_read(&p, &f) && !ip_may_cut(&p));
    ip[6] = 0;
    f.n_data--;
    assert_true(ip_read(&p, &f) && ip_may_cut(&p) && !ip_is_whole(&p));
}

static void test_addresses(void **state)
{
    struct ip_addr local = ip_link_local(UINT64_C(0x021122334455));
    static const uint8_t want[] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55 };
    static const struct ip_addr none = { 6 }, many = { 6, 128, { 0xff, 2 } },
                                broadcast = { 4, 32, { 255, 255, 255, 255 } };

    assert_memory_equal(local.bytes, want, sizeof want);
    assert_true(ip_is_single(&local) && ip_is_single(&v4_a));
    assert_false(ip_is_single(&none) || ip_is_single(&many) || ip_is_single(&broadcast));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arp),     cmocka_unit_test(test_ip),        cmocka_unit_test(test_bad_ip),
        cmocka_unit_test(test_reset),   cmocka_unit_test(test_addresses), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_may_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_rewrite_mss.c - what a TCP SYN announces, lowered: with checksums that are done or left to do, at every place, and any
 * bytes for options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/datapath/check.h"
#include "tests/unit/datapath/frames.h"

enum { TCP_AT = 14 + 4 + 20, OPTIONS_AT = TCP_AT + 20, OPTIONS_MAX = 40 };

struct segment {
    uint8_t b[OPTIONS_AT + OPTIONS_MAX];
    unsigned n;
};

static uint16_t sum(const uint8_t *p, unsigned n)
{
    uint32_t s = 0;

    for (unsigned i = 0; i < n; i++)
        s += (uint32_t)p[i] << (i & 1 ? 0 : 8);
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

/* A tagged frame; `is_todo`: a device is to do the checksum, and its field holds the sum of the pseudo-header. */
static void build(struct segment *s, const uint8_t *options, unsigned n, uint8_t flags, bool is_todo)
{
    uint8_t head[OPTIONS_AT] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 10, 8, 0, 0x45 };
    uint8_t pseudo[12] = { 10, 0, 0, 1, 10, 0, 0, 2, 0, IP_PROTO_TCP };
    uint32_t both;

    be16_store(head + 20, (uint16_t)(40 + n));
    head[26] = 64;
    head[27] = IP_PROTO_TCP;
    memcpy(head + 30, pseudo, 8);
    be16_store(head + 28, (uint16_t)~sum(head + 18, 20));
    be32_store(head + TCP_AT, 0x13881388);
    head[TCP_AT + 12] = (uint8_t)((20 + n) / 4 << 4);
    head[TCP_AT + 13] = flags;
    be16_store(pseudo + 10, (uint16_t)(20 + n));
    memcpy(s->b, head, sizeof head);
    memcpy(s->b + sizeof head, options, n);
    s->n = (unsigned)sizeof head + n;
    both = (uint32_t)sum(pseudo, sizeof pseudo) + (is_todo ? 0 : sum(s->b + TCP_AT, 20 + n));
    both = (both & 0xffff) + (both >> 16);
    be16_store(s->b + TCP_AT + 16, is_todo ? (uint16_t)both : (uint16_t)~both);
}

/* Does it to what has `before` as options: then it is what one has that had `after` from the start. */
static void check(const uint8_t *before, const uint8_t *after, unsigned n, uint8_t flags, const char *name)
{
    for (int todo = 0; todo < 2; todo++) {
        struct segment in, want;
        struct frame_mbuf fm;
        struct pkt p;

        build(&in, before, n, flags, todo);
        build(&want, after, n, flags, todo);
        pkt_init(&p, frame_mbuf_init(&fm, in.b, in.n, in.n), 1);
        if (todo) {
            p.m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
            p.m->l2_len = 18;
            p.m->l3_len = 20;
        }
        CHECK(!pkt_clamp_mss(&p, 1360), "%s", name);
        CHECK(!memcmp(rte_pktmbuf_mtod(p.m, uint8_t *), want.b, want.n), "%s: other bytes (sum %s)", name,
              todo ? "to do" : "done");
        frame_mbuf_fini(&fm);
    }
}

static const struct {
    const char *name;
    uint8_t flags, n, before[12], after[12];
} cases[] = {
    { "lowered", 2, 4, { 2, 4, 0x05, 0xb4 }, { 2, 4, 0x05, 0x50 } },
    { "SYN and ACK", 0x12, 4, { 2, 4, 0xff, 0xff }, { 2, 4, 0x05, 0x50 } },
    { "one too much", 2, 4, { 2, 4, 0x05, 0x51 }, { 2, 4, 0x05, 0x50 } },
    { "as it should be", 2, 4, { 2, 4, 0x05, 0x50 }, { 2, 4, 0x05, 0x50 } },
    { "less", 2, 4, { 2, 4, 0x02, 0x18 }, { 2, 4, 0x02, 0x18 } },
    { "no SYN", 0x10, 4, { 2, 4, 0x05, 0xb4 }, { 2, 4, 0x05, 0xb4 } },
    { "an odd place", 2, 8, { 1, 2, 4, 0x23, 0x45 }, { 1, 2, 4, 0x05, 0x50 } },
    { "behind others", 2, 12, { 4, 2, 3, 3, 7, 2, 4, 0x05, 0xb4, 1 }, { 4, 2, 3, 3, 7, 2, 4, 0x05, 0x50, 1 } },
    { "twice", 2, 8, { 2, 4, 0x05, 0xb4, 2, 4, 0x12, 0x34 }, { 2, 4, 0x05, 0x50, 2, 4, 0x05, 0x50 } },
    { "none", 2, 0, { 0 }, { 0 } },
    { "behind the end", 2, 8, { 0, 1, 2, 4, 0x05, 0xb4 }, { 0, 1, 2, 4, 0x05, 0xb4 } },
    { "of 3 bytes", 2, 4, { 2, 3, 0xff, 0xff }, { 2, 3, 0xff, 0xff } },
    { "of no bytes", 2, 4, { 2, 0, 0xff, 0xff }, { 2, 0, 0xff, 0xff } },
    { "beyond the header", 2, 4, { 1, 2, 4, 0xff }, { 1, 2, 4, 0xff } },
    { "a type at the end", 2, 4, { 1, 1, 1, 2 }, { 1, 1, 1, 2 } },
    { "behind one of a byte", 2, 8, { 5, 1, 2, 4, 0xff, 0xff }, { 5, 1, 2, 4, 0xff, 0xff } },
};

static void table(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i].before, cases[i].after, cases[i].n, cases[i].flags, cases[i].name);
}

/* Every value, at an even and an odd place: the sum is what it would be had the value been there from the start. */
static void every_value(void **state)
{
    for (uint32_t v = 0; v <= UINT16_MAX; v++) {
        uint8_t before[8] = { 2, 4, (uint8_t)(v >> 8), (uint8_t)v }, after[8];
        uint16_t now = (uint16_t)(v < 1360 ? v : 1360);

        memcpy(after, before, sizeof after);
        be16_store(after + 2, now);
        check(before, after, 8, 2, "even");
        memmove(before + 1, before, 4);
        memmove(after + 1, after, 4);
        before[0] = after[0] = 1;
        check(before, after, 8, 2, "odd");
    }
}

/* Any bytes: read as a receiver does. */
static void any_options(void **state)
{
    uint64_t seed = 88172645463325252u;

    for (int i = 0; i < 200000; i++) {
        uint8_t before[OPTIONS_MAX], after[OPTIONS_MAX];
        unsigned n = (unsigned)(i % 11) * 4;

        for (unsigned k = 0; k < n; k++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            before[k] = (uint8_t)(seed >> 60 < 12 ? seed >> 40 & 7 : seed >> 32);
        }
        memcpy(after, before, n);
        for (unsigned k = 0; k < n && after[k] != 0; k += after[k] == 1 ? 1 : after[k + 1]) {
            if (after[k] == 1)
                continue;
            if (k + 1 == n || after[k + 1] < 2 || k + after[k + 1] > n)
                break;
            if (after[k] == 2 && after[k + 1] == 4 && be16_load(after + k + 2) > 1360)
                be16_store(after + k + 2, 1360);
        }
        check(before, after, n, 2, "any");
    }
}

/* The header says that it is longer than what is there: in the packet, or in the frame. */
static void cut_short(void **state)
{
    static const uint8_t options[8] = { 1, 1, 2, 4, 0xff, 0xff };

    for (unsigned n = TCP_AT; n < OPTIONS_AT + 8; n++) {
        struct segment s;
        struct frame_mbuf fm;
        struct pkt p;

        build(&s, options, sizeof options, 2, false);
        pkt_init(&p, frame_mbuf_init(&fm, s.b, n, n), 1);
        (void)pkt_clamp_mss(&p, 1360); /* whether it is TCP at all is the parser's to say */
        assert_memory_equal(rte_pktmbuf_mtod(p.m, uint8_t *), s.b, n);
        frame_mbuf_fini(&fm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(every_value),
        cmocka_unit_test(any_options),
        cmocka_unit_test(cut_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

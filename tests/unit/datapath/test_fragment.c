/* SPDX-License-Identifier: Apache-2.0 */
/* test_fragment.c - datagrams in pieces through a bridge that puts them together: every order, copies, overlaps, lengths that
 * lie, time, bounds; what leaves is the whole, to the byte, or fit for the port; no mbuf is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_mempool.h>

#include "base/bytes.h"
#include "check.h"
#include "datapath/checksum.h"
#include "datapath/eal.h"
#include "datapath/port_mem.h"
#include "pipe_world.h"
#include "rule_make.h"

enum { IN = 0, OTHER = 1, OUT = 3, SIZE_MAX_ = 65535 + 64, TIMEOUT_S = 15, TABLE = 1024, PARTS = 128 };

static struct pipe_world w;
static struct rule *rule;
static unsigned n_mbufs;

/* --- datagrams --- */

enum form { V4, V4_TAGGED, V4_OPTIONS, V4_DF, V6, V6_HOP, V6_TAGGED, FORMS };
static const char *const form_name[] = { "IPv4", "IPv4 tagged",     "IPv4 with options", "IPv4 DF",
                                         "IPv6", "IPv6 hop-by-hop", "IPv6 tagged" };

struct frame {
    unsigned n;
    uint8_t b[SIZE_MAX_];
};

static bool is_v6(enum form form)
{
    return form >= V6;
}

static unsigned l2_size(enum form form)
{
    return form == V4_TAGGED || form == V6_TAGGED ? 18 : 14;
}

/* Bytes of the IP header, up to where a fragment header would stand. */
static unsigned l3_size(enum form form)
{
    return form == V4_OPTIONS ? 32 : form == V6_HOP ? 56 : is_v6(form) ? 40 : 20;
}

/* What the whole carries: a UDP datagram whose bytes tell their place. */
static void fill_payload(uint8_t *b, unsigned start, unsigned n, unsigned size)
{
    static const uint8_t udp[] = { 0x13, 0x57, 0x24, 0x68 };

    for (unsigned i = start; i < start + n; i++)
        *b++ = i < 4 ? udp[i] : i < 6 ? (uint8_t)(size >> (5 - i) * 8) : i < 8 ? 0 : (uint8_t)(i * 7 + i / 256);
}

/* The frame with `n` bytes from `start` of a datagram of `size`; all of it: no fragment. */
static void make(struct frame *f, enum form form, uint32_t id, unsigned start, unsigned n, unsigned size)
{
    static const uint8_t eth[12] = { 2, 0, 0, 0, 0, 0x2b, 2, 0, 0, 0, 0, 0x1a };
    static const uint8_t options[12] = { 0x94, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0 }; /* router alert; record route; end */
    static const uint8_t extensions[16] = { 43, 0, 1, 4, 0, 0, 0, 0, /* hop-by-hop; routing, of a type nobody knows */
                                            0,  0, 4, 0, 0, 0, 0, 0 };
    bool is_fragment = n < size, has_more = start + n < size;
    unsigned l2 = l2_size(form), l3 = l3_size(form);
    uint8_t *ip = f->b + l2, *end = ip + l3;

    memset(f->b, 0, l2 + l3 + 8);
    memcpy(f->b, eth, sizeof eth);
    if (l2 == 18)
        be32_store(f->b + 12, 0x81000005);
    be16_store(ip - 2, is_v6(form) ? 0x86dd : 0x0800);
    if (!is_v6(form)) {
        ip[0] = (uint8_t)(0x40 | l3 / 4);
        ip[1] = 0xb8 | 2;
        be16_store(ip + 2, (uint16_t)(l3 + n));
        be16_store(ip + 4, (uint16_t)id);
        be16_store(ip + 6, (uint16_t)((form == V4_DF) << 14 | has_more << 13 | start / 8));
        ip[8] = 63;
        ip[9] = 17;
        be32_store(ip + 12, 0x0a0b0c0d);
        be32_store(ip + 16, 0xc0a81e2f);
        if (form == V4_OPTIONS)
            memcpy(ip + 20, options, sizeof options);
        if (form == V4_OPTIONS && start)
            memset(ip + 24, 1, 7); /* as a sender of fragments leaves it: RFC 791, 3.2 */
        be16_store(ip + 10, (uint16_t)~csum_words(ip, l3));
    } else {
        uint8_t *type = ip + 6;

        be32_store(ip, 0x6ba54321);
        be16_store(ip + 4, (uint16_t)(l3 - 40 + 8 * is_fragment + n));
        ip[7] = 63;
        memset(ip + 8, 0x2a, 16);
        memset(ip + 24, 0x2b, 16);
        if (form == V6_HOP) {
            *type = 0;
            memcpy(ip + 40, extensions, sizeof extensions);
            type = ip + 48;
        }
        *type = is_fragment ? 44 : 17;
        if (is_fragment) {
            end[0] = 17;
            be16_store(end + 2, (uint16_t)(start | has_more));
            be32_store(end + 4, id);
            end += 8;
        }
    }
    fill_payload(end, start, n, size);
    f->n = (unsigned)(end + n - f->b);
}

/* --- the world --- */

static void give_to(int port, unsigned queue, const struct frame *f)
{
    assert_int_equal(port_mem_give(w.port[port], queue, f->b, f->n), 0);
    datapath_poll(w.dp, 0);
}

static void give(enum form form, uint32_t id, unsigned start, unsigned n, unsigned size)
{
    static struct frame f;

    make(&f, form, id, start, n, size);
    give_to(IN, 0, &f);
}

static uint64_t dropped(enum drop why)
{
    return pipe_dropped(&w, why);
}

static bool take(struct frame *f)
{
    f->n = (unsigned)port_mem_take(w.port[OUT], 0, f->b, sizeof f->b);
    return f->n;
}

static void expect_nothing(const char *what)
{
    static struct frame f;

    CHECK(!take(&f), "%s: a frame of %u bytes left", what, f.n);
}

static void expect(const struct frame *want, const char *what)
{
    static struct frame got;

    CHECK(take(&got), "%s: nothing left", what);
    CHECK(got.n == want->n, "%s: %u bytes left instead of %u", what, got.n, want->n);
    for (unsigned i = 0; i < got.n; i++)
        CHECK(got.b[i] == want->b[i], "%s: byte %u is %02x, not %02x", what, i, got.b[i], want->b[i]);
}

static void expect_whole(enum form form, unsigned size)
{
    static struct frame want;

    make(&want, form, 7, 0, size, size);
    expect(&want, form_name[form]);
    expect_nothing(form_name[form]);
}

static void open_with(const struct act *acts, unsigned n)
{
    struct match none = { 0 };
    struct rule_code code = { .meter_id = 0, .apply = acts, .n_apply = (uint16_t)n, .goto_table = NO_GOTO };

    pipe_open(&w);
    assert_int_equal(rule_new(&rule, w.b, &(struct rule_conf){ .priority = 3, .match = &none, .code = &code }), 0);
    assert_int_equal(bridge_rule_add(w.b, rule), 0);
    datapath_commit(w.dp);
    assert_int_equal(bridge_set_fragments(w.b, FRAGMENTS_JOIN), 0);
}

static int setup(void **state)
{
    struct act out = { .type = ACT_OUTPUT, .port = pipe_number[OUT] };

    n_mbufs = rte_mempool_in_use_count(eal_pool());
    open_with(&out, 1);
    return 0;
}

static int teardown(void **state)
{
    bridge_rule_remove(w.b, rule);
    pipe_close(&w);
    assert_int_equal(rte_mempool_in_use_count(eal_pool()), n_mbufs);
    return 0;
}

/* --- the tests --- */

static void test_every_order(void **state)
{
    static const unsigned start[] = { 0, 8, 1480, 2960, 3000 };

    for (int form = 0; form < FORMS; form++)
        for (unsigned order = 0; order < 24; order++) {
            unsigned at[] = { 0, 1, 2, 3 }, rest = order;

            for (unsigned i = 0; i < 4; i++) { /* the order's number in the factorial system */
                unsigned k = i + rest % (4 - i), x = at[k];

                rest /= 4 - i;
                memmove(at + i + 1, at + i, (k - i) * sizeof *at);
                at[i] = x;
            }
            for (unsigned i = 0; i < 4; i++) {
                expect_nothing("before the last");
                give(form, 7, start[at[i]], start[at[i] + 1] - start[at[i]], 3000);
            }
            expect_whole(form, 3000);
        }
    for (enum drop d = DROP_FRAGMENT_BAD; d <= DROP_FRAGMENT_NO_ROOM; d++)
        assert_int_equal(dropped(d), 0);
}

static void test_largest(void **state)
{
    for (int form = 0; form < FORMS; form++) {
        unsigned size = (is_v6(form) ? 65535 + 40 : 65535) - l3_size(form);

        for (unsigned start = 0; start < size; start += 1400)
            give(form, 7, start, size - start < 1400 ? size - start : 1400, size);
        expect_whole(form, size);
    }
}

/* The last fragment of a short datagram comes padded to Ethernet's least size. */
static void test_padding(void **state)
{
    static struct frame f;

    give(V4, 7, 0, 16, 20);
    make(&f, V4, 7, 16, 4, 20);
    memset(f.b + f.n, 0xee, 60 - f.n);
    f.n = 60;
    give_to(IN, 0, &f);
    expect_whole(V4, 20);
}

static void test_twice(void **state)
{
    for (int form = 0; form < FORMS; form++) {
        uint64_t before = dropped(DROP_FRAGMENT_TWICE);

        give(form, 7, 1000, 1000, 2500);
        give(form, 7, 1000, 1000, 2500);
        give(form, 7, 2000, 500, 2500);
        give(form, 7, 1000, 1000, 2500);
        give(form, 7, 2000, 500, 2500);
        give(form, 7, 0, 1000, 2500);
        expect_whole(form, 2500);
        assert_int_equal(dropped(DROP_FRAGMENT_TWICE) - before, 3);
    }
}

static void test_overlap(void **state)
{
    static const struct {
        const char *name;
        struct {
            unsigned start, n, size;
        } at[3];
    } cases[] = {
        { "one byte row", { { 0, 808, 2000 }, { 800, 1200, 2000 } } },
        { "behind", { { 800, 1200, 2000 }, { 0, 808, 2000 } } },
        { "inside", { { 0, 1600, 2000 }, { 800, 8, 2000 }, { 1600, 400, 2000 } } },
        { "around", { { 800, 8, 2000 }, { 0, 1600, 2000 }, { 1600, 400, 2000 } } },
        { "the headers again, longer", { { 0, 8, 2000 }, { 0, 16, 2000 }, { 16, 1984, 2000 } } },
        { "TCP flags (RFC 1858)", { { 0, 16, 2000 }, { 8, 1992, 2000 } } },
        { "two ends", { { 800, 200, 1000 }, { 1600, 400, 2000 }, { 0, 800, 2000 } } },
        { "beyond the end", { { 800, 200, 1000 }, { 1000, 8, 2000 }, { 0, 800, 2000 } } },
        { "an end before others", { { 1600, 8, 2000 }, { 800, 200, 1000 }, { 0, 800, 2000 } } },
        { "the same bytes, but the last", { { 800, 8, 2000 }, { 800, 8, 808 }, { 0, 800, 2000 } } },
    };

    for (int form = 0; form < FORMS; form++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            uint64_t before = dropped(DROP_FRAGMENT_OVERLAP), late = dropped(DROP_FRAGMENT_TIMEOUT);
            unsigned n = cases[i].at[2].n ? 3 : 2;

            for (unsigned k = 0; k < n; k++)
                give(form, (uint32_t)(100 + i), cases[i].at[k].start, cases[i].at[k].n, cases[i].at[k].size);
            expect_nothing(cases[i].name);
            clock_warp(&w.clock, TIMEOUT_S * (uint64_t)NSEC_PER_S);
            datapath_poll(w.dp, 0);
            CHECK(dropped(DROP_FRAGMENT_OVERLAP) - before == 2, "%s, %s: %lu dropped", form_name[form], cases[i].name,
                  dropped(DROP_FRAGMENT_OVERLAP) - before);
            assert_int_equal(dropped(DROP_FRAGMENT_TIMEOUT) - late, n - 2); /* the third began anew, and was alone */
        }
}

static void test_bad(void **state)
{
    for (int form = 0; form < FORMS; form++) {
        uint64_t before = dropped(DROP_FRAGMENT_BAD);
        static struct frame f;

        give(form, 7, 0, 9, 2000);         /* not by eight, and not the last */
        give(form, 7, 8, 0, 2000);         /* nothing in it */
        give(form, 7, 65528, 16, 65544);   /* beyond what a datagram may have */
        give(form, 7, 65528, 1480, 67008); /* far beyond */
        assert_int_equal(dropped(DROP_FRAGMENT_BAD) - before, 4);
        make(&f, form, 7, 0, 8, 2000);
        f.n--; /* cut off: no sound header, so no fragment; a frame like any other */
        give_to(IN, 0, &f);
        expect(&f, form_name[form]);
        give(form, 7, 0, 1000, 2000);
        give(form, 7, 1000, 1000, 2000);
        expect_whole(form, 2000);
    }
}

static void test_time(void **state)
{
    give(V4, 7, 0, 1000, 2000);
    clock_warp(&w.clock, NSEC_PER_S);
    give(V6, 2, 0, 1000, 2500);
    give(V6, 2, 1000, 1000, 2500);
    clock_warp(&w.clock, (TIMEOUT_S - 1) * (uint64_t)NSEC_PER_S - 1);
    datapath_poll(w.dp, 0);
    assert_int_equal(dropped(DROP_FRAGMENT_TIMEOUT), 0);
    clock_warp(&w.clock, 1);
    datapath_poll(w.dp, 0);
    assert_int_equal(dropped(DROP_FRAGMENT_TIMEOUT), 1);
    give(V4, 7, 1000, 1000, 2000); /* too late */
    expect_nothing("the second half");
    clock_warp(&w.clock, NSEC_PER_S);
    datapath_poll(w.dp, 0);
    assert_int_equal(dropped(DROP_FRAGMENT_TIMEOUT), 3);
    give(V4, 7, 0, 1000, 2000); /* with the half that is there */
    expect_whole(V4, 2000);
}

/* Fragments of datagrams that never become whole push out one another, not those that do. */
static void test_bounds(void **state)
{
    unsigned room = eal_pool()->size / 8;

    for (uint32_t id = 1000; id < 1000 + 3 * TABLE; id++)
        give(V6, id, 0, 8, 2000);
    assert_int_equal(dropped(DROP_FRAGMENT_NO_ROOM), 3 * TABLE - (room < TABLE ? room : TABLE));
    for (uint32_t id = 1; id < 200; id++)
        for (unsigned i = 0; i < 100; i++)
            if (i != 50)
                give(V6, id, i * 8, 8, 800);
    assert_true(rte_mempool_in_use_count(eal_pool()) - n_mbufs <= room + 64);
    give(V6, 7777, 0, 1000, 2000);
    give(V6, 7777, 1000, 1000, 2000);
    expect_whole(V6, 2000);
}

static void test_tiny(void **state)
{
    for (int form = 0; form < FORMS; form++) {
        uint64_t before = dropped(DROP_FRAGMENT_NO_ROOM);

        for (unsigned i = 0; i < PARTS; i++)
            give(form, 7, i * 8, 8, PARTS * 8);
        expect_whole(form, PARTS * 8);
        for (unsigned i = 0; i < PARTS + 1; i++)
            give(form, 7, (PARTS - i) * 8, 8, PARTS * 8 + 8);
        expect_nothing("one too many");
        assert_int_equal(dropped(DROP_FRAGMENT_NO_ROOM) - before, PARTS + 1);
    }
}

/* What differs by port, VLAN, protocol or identification is of another datagram. */
static void test_apart(void **state)
{
    static struct frame f;

    make(&f, V4, 7, 0, 1000, 2000);
    give_to(OTHER, 0, &f);
    give(V4_TAGGED, 7, 0, 1000, 2000);
    give(V4, 8, 0, 1000, 2000);
    make(&f, V4, 7, 0, 1000, 2000);
    f.b[14 + 9] = 1;
    give_to(IN, 0, &f);
    make(&f, V4, 7, 0, 1000, 2000);
    f.b[14 + 15] ^= 1;
    give_to(IN, 0, &f);
    give(V4, 7, 1000, 1000, 2000);
    expect_nothing("halves of others");
    give(V4, 7, 0, 1000, 2000);
    expect_whole(V4, 2000);
}

/* A port that comes to stand in the place of another has nothing of that one's. */
static void test_port_goes(void **state)
{
    struct errbuf e;
    uint16_t before = w.index[IN];

    give(V4, 7, 0, 1000, 2000);
    datapath_port_remove(w.dp, w.index[IN]);
    assert_int_equal(datapath_port_add(w.b, w.port[IN], pipe_number[IN], NULL, &w.index[IN], &e), 0);
    assert_int_equal(w.index[IN], before);
    give(V4, 7, 1000, 1000, 2000);
    expect_nothing("a half of the port before");
    give(V4, 7, 0, 1000, 2000);
    expect_whole(V4, 2000);
}

/* RFC 3168, 5.3: congestion that one fragment met was met by the datagram. */
static void test_ecn(void **state)
{
    static const struct {
        uint8_t first, then;
        int want; /* -1: dropped */
    } cases[] = { { 2, 3, 3 }, { 3, 2, 3 }, { 1, 3, 3 }, { 0, 0, 0 }, { 2, 1, 2 }, { 3, 0, -1 }, { 0, 3, -1 } };

    for (int form = V4; form <= V6; form += V6 - V4)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            static struct frame f;
            uint64_t before = dropped(DROP_FRAGMENT_BAD);

            for (unsigned k = 0; k < 2; k++) {
                uint8_t ecn = k ? cases[i].then : cases[i].first, *ip = f.b + l2_size(form);

                make(&f, form, 7, k * 1000, 1000, 2000);
                ip[1] = form == V4 ? (uint8_t)((ip[1] & 0xfc) | ecn) : (uint8_t)((ip[1] & 0xcf) | ecn << 4);
                give_to(IN, 0, &f);
            }
            if (cases[i].want < 0) {
                expect_nothing("bits that contradict");
                assert_int_equal(dropped(DROP_FRAGMENT_BAD) - before, 2);
                continue;
            }
            assert_true(take(&f));
            assert_int_equal(form == V4 ? f.b[15] & 3 : f.b[15] >> 4 & 3, cases[i].want);
        }
}

/* A port with room for it takes the whole; at a smaller one come out fragments as came in. */
static void test_cut(void **state)
{
    static struct frame want;

    for (int form = 0; form < FORMS; form++) {
        unsigned most = (1500 - l3_size(form) - 8 * is_v6(form)) / 8 * 8, size = 2 * most + 100;
        uint64_t before = dropped(DROP_TOO_BIG);

        for (unsigned mtu = 1500; mtu; mtu = mtu == 1500 ? 9000 : 0) {
            datapath_port_set_mtu(w.dp, w.index[OUT], (uint16_t)mtu);
            give(form, 7, 0, most, size);
            give(form, 7, 2 * most, 100, size);
            give(form, 7, most, most, size);
            for (unsigned start = 0; mtu == 1500 && start < size; start += most) {
                make(&want, form, 7, start, size - start < most ? size - start : most, size);
                expect(&want, form_name[form]);
            }
            if (mtu == 9000)
                expect_whole(form, size);
        }
        expect_nothing("more than that");
        assert_int_equal(dropped(DROP_TOO_BIG), before);
    }
}

/* Smaller than the fragments were: only IPv4 without DF may be cut so. */
static void test_cut_smaller(void **state)
{
    static struct frame want;

    datapath_port_set_mtu(w.dp, w.index[OUT], 600);
    for (int form = 0; form < FORMS; form++) {
        unsigned most = (600 - l3_size(form)) / 8 * 8;
        uint64_t before = dropped(DROP_TOO_BIG);

        give(form, 7, 0, 1000, 1300);
        give(form, 7, 1000, 300, 1300);
        for (unsigned start = 0; !is_v6(form) && form != V4_DF && start < 1300; start += most) {
            make(&want, form, 7, start, 1300 - start < most ? 1300 - start : most, 1300);
            expect(&want, form_name[form]);
        }
        expect_nothing("more than that");
        assert_int_equal(dropped(DROP_TOO_BIG) - before, is_v6(form) || form == V4_DF);
        give(form, 7, 0, 240, 300); /* together they fit */
        give(form, 7, 240, 60, 300);
        expect_whole(form, 300);
    }
}

/* Actions see the whole: what they change is in every fragment, to every port that it is sent to. */
static void test_actions(void **state)
{
    static struct frame want;
    struct act acts[] = {
        { .type = ACT_PUSH_VLAN, .ethertype = 0x8100 },
        { .type = ACT_SET_FIELD,
          .field = FIELD_VLAN_VID,
          .value = value_of(0x1005),
          .mask = field_ones(FIELD_VLAN_VID) },
        { .type = ACT_OUTPUT, .port = pipe_number[4] },
        { .type = ACT_SET_FIELD, .field = FIELD_UDP_SRC, .value = value_of(0x9abc), .mask = field_ones(FIELD_UDP_SRC) },
        { .type = ACT_OUTPUT, .port = pipe_number[OUT] }
    };

    teardown(NULL);
    open_with(acts, sizeof acts / sizeof *acts);
    datapath_port_set_mtu(w.dp, w.index[OUT], 1400);
    for (int form = V4; form <= V6; form += V6 - V4) {
        static struct frame f;

        give(form, 7, 8, 1992, 2000);
        give(form, 7, 0, 8, 2000);
        f.n = (unsigned)port_mem_take(w.port[4], 0, f.b, sizeof f.b);
        make(&want, form == V4 ? V4_TAGGED : V6_TAGGED, 7, 0, 2000, 2000);
        assert_int_equal(f.n, want.n);
        assert_memory_equal(f.b, want.b, f.n);
        if (form == V6) { /* came larger than the port takes */
            assert_int_equal(dropped(DROP_TOO_BIG), 1);
            continue;
        }
        make(&want, V4_TAGGED, 7, 0, 1376, 2000);
        be16_store(want.b + 38, 0x9abc);
        expect(&want, "first");
        make(&want, V4_TAGGED, 7, 1376, 624, 2000);
        expect(&want, "second");
    }
}

/* Off: they pass as they are, or none does; what waited is let go of in time. */
static void test_modes(void **state)
{
    static struct frame f;

    give(V4, 7, 0, 1000, 2000);
    assert_int_equal(bridge_set_fragments(w.b, FRAGMENTS_NORMAL), 0);
    give(V4, 7, 1000, 1000, 2000);
    make(&f, V4, 7, 1000, 1000, 2000);
    expect(&f, "normal");
    assert_int_equal(bridge_set_fragments(w.b, FRAGMENTS_DROP), 0);
    give(V4, 7, 1000, 1000, 2000);
    expect_nothing("drop");
    assert_int_equal(dropped(DROP_FRAGMENT), 1);
    clock_warp(&w.clock, TIMEOUT_S * (uint64_t)NSEC_PER_S);
    datapath_poll(w.dp, 0);
    assert_int_equal(dropped(DROP_FRAGMENT_TIMEOUT), 1);
}

/* Fragments by chance, some of them damaged: at most one frame comes of each, and no mbuf is lost. */
static void test_random(void **state)
{
    uint64_t seed = 20261126, n_whole = 0;
    static struct frame f;

    for (unsigned i = 0; i < 30000; i++) {
        enum form form = random_below(&seed, FORMS);
        unsigned start = random_below(&seed, 12) * 8, n = 1 + random_below(&seed, 40);

        make(&f, form, random_below(&seed, 3), start, n, 96 + random_below(&seed, 2) * 8);
        if (random_below(&seed, 20) == 0)
            f.b[random_below(&seed, f.n)] ^= (uint8_t)(1 + random_below(&seed, 255));
        give_to(IN, 0, &f);
        clock_warp(&w.clock, random_below(&seed, 2) * NSEC_PER_S);
        n_whole += take(&f);
        expect_nothing("a second");
    }
    assert_true(n_whole > 100);
}

/* --- two workers --- */

/* Fragments come in by queues of both; each datagram is put together by the one that owns it, and both own some. */
static void test_two_workers(void **state)
{
    struct datapath_conf conf = {
        .n_workers = 2, .cpu = { -1, -1 }, .is_manual = true, .pool = eal_pool(), .clock = &w.clock
    };
    struct port_conf pc = { .name = "two", .type = PORT_MEM, .n_queues = 2 };
    struct act out = { .type = ACT_OUTPUT, .port = DP_PORT_IN_PORT };
    struct rule_code code = { .apply = &out, .n_apply = 1, .goto_table = NO_GOTO };
    struct match none = { 0 };
    struct worker_stats st[2];
    struct port_handle h;
    struct datapath *dp;
    struct bridge *b;
    struct port *port;
    struct rule *r;
    struct errbuf e;
    uint16_t index;
    static struct frame f;
    unsigned whole = 0;

    assert_int_equal(datapath_open(&dp, &conf, &e), 0);
    assert_int_equal(bridge_open(&b, dp, &e), 0);
    assert_int_equal(port_acquire(&h, &pc, &e), 0);
    assert_int_equal(port_open(&port, &pc, &h, eal_pool(), &e), 0);
    assert_int_equal(datapath_port_add(b, port, 11, NULL, &index, &e), 0);
    assert_int_equal(rule_new(&r, b, &(struct rule_conf){ .priority = 3, .match = &none, .code = &code }), 0);
    assert_int_equal(bridge_rule_add(b, r), 0);
    datapath_commit(dp);
    assert_int_equal(bridge_set_fragments(b, FRAGMENTS_JOIN), 0);
    for (uint32_t id = 0; id < 100; id++)
        for (unsigned i = 0; i < 3; i++) {
            make(&f, V4, id, i * 1000, 1000, 3000);
            assert_int_equal(port_mem_give(port, (id + i) % 2, f.b, f.n), 0);
            for (unsigned k = 0; k < 4; k++)
                datapath_poll(dp, k % 2);
        }
    for (unsigned q = 0; q < 2; q++)
        while (port_mem_take(port, q, f.b, sizeof f.b))
            whole++;
    assert_int_equal(whole, 100);
    for (unsigned i = 0; i < 2; i++)
        datapath_worker_stats(dp, i, &st[i]);
    assert_int_equal(st[0].joined + st[1].joined, 100);
    assert_true(st[0].joined > 20 && st[1].joined > 20);
    bridge_rule_remove(b, r);
    datapath_commit(dp);
    datapath_port_remove(dp, index);
    port_close(port);
    bridge_close(b);
    datapath_close(dp);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_order), TEST(test_largest), TEST(test_padding),     TEST(test_twice),       TEST(test_overlap),
        TEST(test_bad),         TEST(test_time),    TEST(test_bounds),      TEST(test_tiny),        TEST(test_apart),
        TEST(test_port_goes),   TEST(test_ecn),     TEST(test_cut),         TEST(test_cut_smaller), TEST(test_actions),
        TEST(test_modes),       TEST(test_random),  TEST(test_two_workers),
    };
    int failed = pipe_start();

    if (!failed)
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    pipe_stop();
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_meter.c - meters: how much passes, to the frame, at rates low and high, in packets and bits; bands; what a frame
 * looks like behind one; several threads at one meter.  Also run under ThreadSanitizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <rte_mbuf.h>
#include <string.h>

#include "base/bytes.h"
#include "datapath/meter.h"
#include "datapath/port_mem.h"
#include "pipe_world.h"

static struct pipe_world w;
static struct rule *rules[4];
static struct meter *meters[4];
static unsigned n_rules, n_meters;

static int setup(void **state)
{
    n_rules = n_meters = 0;
    pipe_open(&w);
    return 0;
}

static int teardown(void **state)
{
    while (n_rules)
        bridge_rule_remove(w.b, rules[--n_rules]);
    while (n_meters)
        bridge_meter_remove(w.b, meters[--n_meters]);
    pipe_close(&w);
    return 0;
}

static struct meter *add_meter(uint32_t id, bool is_pktps, const struct band_spec *bands, unsigned n)
{
    struct meter_spec spec = { .id = id, .is_pktps = is_pktps, .bands = bands, .n_bands = n };
    struct meter *m;

    assert_int_equal(meter_new(&m, w.b, &spec), 0);
    bridge_meter_add(w.b, m);
    datapath_commit(w.dp);
    meters[n_meters++] = m;
    return m;
}

static void add_rule(uint8_t table, uint64_t dscp, uint32_t meter_id, const struct act *apply, unsigned n,
                     uint8_t goto_table)
{
    struct rule_code code = { .meter_id = meter_id, .apply = apply, .n_apply = (uint16_t)n, .goto_table = goto_table };
    struct match m = { 0 };
    struct rule *r;

    if (dscp) {
        match_set(&m, FIELD_ETH_TYPE, 0x0800);
        match_set(&m, FIELD_IP_DSCP, dscp);
    }
    assert_int_equal(
        rule_new(&r, w.b, &(struct rule_conf){ .table_id = table, .priority = 3, .match = &m, .code = &code }), 0);
    assert_int_equal(bridge_rule_add(w.b, r), 0);
    datapath_commit(w.dp);
    rules[n_rules++] = r;
}

/* How many of `n` frames, evenly spread from `from` over `ns`, pass. */
static uint64_t passed(struct meter *m, uint32_t bytes, uint64_t n, uint64_t from, uint64_t ns)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < n; i++)
        count += !meter_charge(m, bytes, from + ns / n * i);
    return count;
}

static const uint64_t S = NSEC_PER_S, BEGIN = UINT64_C(7777777777777);

/* Over a second, at twice and more of the rate: first with the burst, then the rate and nothing else. */
static void test_exact(void **state)
{
    static const struct {
        bool is_pktps;
        uint32_t rate, burst, bytes;
        uint64_t offered;
        uint64_t first, then; /* frames that pass in the first and in the second second */
    } cases[] = {
        { true, 1000, 1, 60, 2000, 1000, 1000 },
        { true, 1000, 50, 60, 2000, 1049, 1000 },
        { true, 1000000, 1, 60, 2000000, 1000000, 1000000 },
        { true, 1000000, 1000, 60, 4000000, 1000999, 1000000 },
        { true, 3, 2, 60, 1000, 4, 3 },
        { true, 10, 1, 60, 10, 10, 10 },         /* just as much as may pass */
        { false, 1000, 8, 1000, 250, 127, 125 }, /* 1 Mbit/s, frames of 8 kbit; the burst, and the one that ends it */
        { false, 1000000, 1, 125, 2000000, 1000002, 1000000 },
        { false, 100000000, 1000, 1500, 16666666, 8333418, 8333333 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct band_spec band = { .kind = BAND_DROP, .rate = cases[i].rate, .burst = cases[i].burst };
        struct meter_spec spec = { .id = 1, .is_pktps = cases[i].is_pktps, .bands = &band, .n_bands = 1 };
        struct meter *m;
        uint64_t first, then, slack = cases[i].rate >= 1000000 ? 1 + cases[i].then / 5000 : 1;

        assert_int_equal(meter_new(&m, w.b, &spec), 0);
        first = passed(m, cases[i].bytes, cases[i].offered, BEGIN, S);
        then = passed(m, cases[i].bytes, cases[i].offered, BEGIN + S, S);
        if (first + slack < cases[i].first || first > cases[i].first + slack || then + slack < cases[i].then ||
            then > cases[i].then + slack)
            fail_msg("case %zu: %lu, then %lu", i, first, then);
        bridge_meter_add(w.b, m);
        bridge_meter_remove(w.b, m);
        datapath_commit(w.dp);
    }
}

/* Without a burst size a band lets pass METER_BURST_NS of its rate at once; a bit rate also what is larger than that. */
static void test_default_burst(void **state)
{
    const struct band_spec packets = { .kind = BAND_DROP, .rate = 1000 }, bits = { .kind = BAND_DROP, .rate = 100 };
    struct meter *m = add_meter(1, true, &packets, 1), *large = add_meter(2, false, &bits, 1);
    unsigned n = 0;

    while (!meter_charge(m, 60, BEGIN))
        n++;
    assert_int_equal(n, 1000 * (uint64_t)METER_BURST_NS / S);
    /* 64 KiB, which is more than five seconds of the rate, pass every five seconds */
    for (int i = 0; i < 4; i++) {
        assert_null(meter_charge(large, 65536, BEGIN + (uint64_t)i * 5300000000));
        assert_non_null(meter_charge(large, 65536, BEGIN + (uint64_t)i * 5300000000 + S));
    }
}

/* The band with the highest rate that is exceeded, in whatever order they are sent. */
static void test_bands(void **state)
{
    const struct band_spec bands[] = {
        { .kind = BAND_REMARK, .rate = 1000, .burst = 10, .prec_level = 1 },
        { .kind = BAND_DROP, .rate = 3000, .burst = 10 },
        { .kind = BAND_REMARK, .rate = 2000, .burst = 10, .prec_level = 2 },
    };
    struct meter *m = add_meter(1, true, bands, 3);
    unsigned n[4] = { 0 };

    for (int i = 0; i < 4000; i++) {
        const struct band *x = meter_charge(m, 60, BEGIN + (uint64_t)i * 250000);

        n[x ? x->index : 3]++;
    }
    assert_in_range(n[1], 988, 1012);
    assert_in_range(n[2], 988, 1012);
    assert_in_range(n[0], 988, 1012);
    assert_in_range(n[3], 988, 1012);
}

/* A band may sleep for as long as it likes. */
static void test_long_sleep(void **state)
{
    const struct band_spec band = { .kind = BAND_DROP, .rate = 10, .burst = 1 };
    struct meter *m = add_meter(1, true, &band, 1);
    uint64_t now = BEGIN;

    for (int days = 1; days < 300; days += 7) {
        now += (uint64_t)days * 86400 * S;
        assert_null(meter_charge(m, 60, now));
        assert_non_null(meter_charge(m, 60, now + S / 20));
        assert_null(meter_charge(m, 60, now + S / 10));
    }
}

enum { THREADS = 4, EACH = 200000 };

struct hand {
    pthread_t thread;
    struct meter *m;
    uint64_t passed;
};

static void *offer(void *arg)
{
    struct hand *h = arg;

    /* all offer the same second, each four times the rate */
    h->passed = passed(h->m, 60, EACH, BEGIN, S);
    return NULL;
}

/* Each thread goes through the same second at its own pace: what passes is one second's worth for them all, and no more. */
static void test_threads(void **state)
{
    const struct band_spec band = { .kind = BAND_DROP, .rate = EACH / 4, .burst = 100 };
    struct meter *m = add_meter(1, true, &band, 1);
    struct hand hands[THREADS];
    uint64_t sum = 0;

    for (int i = 0; i < THREADS; i++) {
        hands[i] = (struct hand){ .m = m };
        assert_int_equal(pthread_create(&hands[i].thread, NULL, offer, &hands[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(hands[i].thread, NULL);
        sum += hands[i].passed;
    }
    assert_true(sum <= EACH / 4 + 101);
    assert_true(sum >= EACH / 4);
}

static uint8_t dscp_out(int port)
{
    uint8_t f[2048];

    assert_int_equal(port_mem_take(w.port[port], 0, f, sizeof f), PIPE_FRAME);
    return f[15] >> 2;
}

static void give_dscp(uint8_t dscp)
{
    uint8_t f[PIPE_FRAME];

    pipe_udp(f, PIPE_SRC, 1, 1);
    f[15] = (uint8_t)(dscp << 2);
    pipe_give(&w, 0, f);
}

static void test_drop_in_pipeline(void **state)
{
    const struct band_spec band = { .kind = BAND_DROP, .rate = 10, .burst = 3 };
    const struct act out = { .type = ACT_OUTPUT, .port = pipe_number[1] };
    struct meter *m = add_meter(1, true, &band, 1);
    struct rule_stat st;

    add_rule(0, 0, 1, &out, 1, NO_GOTO);
    for (int i = 0; i < 5; i++)
        give_dscp(0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(pipe_sent(&w), i < 3 ? 1 << 1 : 0);
    assert_int_equal(pipe_dropped(&w, DROP_METER), 2);
    clock_warp(&w.clock, S / 10);
    give_dscp(0);
    give_dscp(0);
    assert_int_equal(pipe_sent(&w), 1 << 1);
    assert_int_equal(pipe_sent(&w), 0);
    meter_stats(m, &st);
    assert_int_equal(st.packets, 7);
    assert_int_equal(st.bytes, 7 * PIPE_FRAME);
    meter_band_stats(m, 0, &st);
    assert_int_equal(st.packets, 3);
    assert_int_equal(st.bytes, 3 * PIPE_FRAME);
    rule_stats(w.b, rules[0], &st);
    assert_int_equal(st.packets, 7);
}

/* Drop precedence goes up in its class, to three at most; what has none stays. */
static void test_remark(void **state)
{
    static const struct {
        uint8_t in, out;
    } cases[] = { { 10, 12 }, { 12, 14 }, { 14, 14 }, { 18, 20 }, { 34, 36 }, { 38, 38 },
                  { 0, 0 },   { 46, 46 }, { 8, 8 },   { 11, 11 }, { 42, 42 }, { 2, 2 } };
    const struct band_spec band = { .kind = BAND_REMARK, .rate = 1, .burst = 1, .prec_level = 1 };
    const struct act out = { .type = ACT_OUTPUT, .port = pipe_number[1] };

    add_meter(1, true, &band, 1);
    add_rule(0, 0, 1, &out, 1, NO_GOTO);
    give_dscp(10);
    assert_int_equal(dscp_out(1), 10); /* within the rate */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        give_dscp(cases[i].in);
        assert_int_equal(dscp_out(1), cases[i].out);
    }
}

/* A later table sees what the meter made of the frame, also when the program comes from the cache. */
static void test_remark_is_seen(void **state)
{
    const struct band_spec band = { .kind = BAND_REMARK, .rate = 1, .burst = 2, .prec_level = 2 };
    const struct act one = { .type = ACT_OUTPUT, .port = pipe_number[1] };
    const struct act two = { .type = ACT_OUTPUT, .port = pipe_number[2] };

    add_meter(1, true, &band, 1);
    add_rule(0, 0, 1, NULL, 0, 4);
    add_rule(4, 10, 0, &one, 1, NO_GOTO);
    add_rule(4, 14, 0, &two, 1, NO_GOTO);
    for (int i = 0; i < 5; i++) {
        give_dscp(10);
        assert_int_equal(pipe_sent(&w), i < 2 ? 1 << 1 : 1 << 2);
    }
}

static uint8_t told_dscp;

static void see(void *arg, const struct event *ev)
{
    told_dscp = rte_pktmbuf_mtod(ev->frame, const uint8_t *)[15] >> 2;
}

/* The controller meter is for packet-ins, and for nothing else; its remarks are in what is told, not in what is sent. */
static void test_controller(void **state)
{
    const struct band_spec bands[] = {
        { .kind = BAND_DROP, .rate = 10, .burst = 3 },
        { .kind = BAND_REMARK, .rate = 1, .burst = 1, .prec_level = 1 },
    };
    const struct act acts[] = { { .type = ACT_CONTROLLER, .max_len = 0xffff },
                                { .type = ACT_OUTPUT, .port = pipe_number[1] } };
    unsigned n = 0;

    add_meter(METER_CONTROLLER, true, bands, 2);
    add_rule(0, 0, 0, acts, 2, NO_GOTO);
    for (int i = 0; i < 5; i++) {
        give_dscp(10);
        assert_int_equal(dscp_out(1), 10);
        if (datapath_events(w.dp, 10, see, NULL)) {
            assert_int_equal(told_dscp, n ? 12 : 10);
            n++;
        }
    }
    assert_int_equal(n, 3);
    assert_int_equal(pipe_dropped(&w, DROP_METER), 2);
}

/* A meter that is changed begins with a full burst, and goes on counting. */
static void test_versions(void **state)
{
    const struct band_spec slow = { .kind = BAND_DROP, .rate = 1, .burst = 1 };
    const struct band_spec quick = { .kind = BAND_DROP, .rate = 1, .burst = 4 };
    const struct act out = { .type = ACT_OUTPUT, .port = pipe_number[1] };
    struct meter_spec spec = { .id = 1, .is_pktps = true, .bands = &quick, .n_bands = 1 };
    struct meter *m = add_meter(1, true, &slow, 1), *next;
    struct rule_stat st;

    add_rule(0, 0, 1, &out, 1, NO_GOTO);
    give_dscp(0);
    give_dscp(0);
    assert_int_equal(pipe_sent(&w) + pipe_sent(&w), 1 << 1);
    spec.replaces = m;
    assert_int_equal(meter_new(&next, w.b, &spec), 0);
    bridge_meter_add(w.b, next);
    bridge_meter_remove(w.b, m);
    datapath_commit(w.dp);
    meters[0] = next;
    for (int i = 0; i < 6; i++)
        give_dscp(0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(pipe_sent(&w), i < 4 ? 1 << 1 : 0);
    meter_stats(next, &st);
    assert_int_equal(st.packets, 8);
    meter_band_stats(next, 0, &st);
    assert_int_equal(st.packets, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_exact),      T(test_default_burst),    T(test_bands),  T(test_long_sleep),
        T(test_threads),    T(test_drop_in_pipeline), T(test_remark), T(test_remark_is_seen),
        T(test_controller), T(test_versions),
#undef T
    };
    int failed;

    if (pipe_start())
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    pipe_stop();
    return failed;
}

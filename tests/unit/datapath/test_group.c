/* SPDX-License-Identifier: Apache-2.0 */
/* test_group.c - frames through groups: every type, chains, weights, liveness, versions, counters, drops by reason.
 * One thread: the test polls the worker itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "datapath/action_set.h"
#include "datapath/group.h"
#include "pipe_world.h"
#include "rule_make.h"

enum { N_GROUPS = 64 };

static struct pipe_world w;
static struct rule *the_rule;
static struct group *groups[N_GROUPS]; /* to be removed at the end */
static unsigned n_groups;

static int setup(void **state)
{
    the_rule = NULL;
    n_groups = 0;
    pipe_open(&w);
    return 0;
}

static int teardown(void **state)
{
    if (the_rule)
        bridge_rule_remove(w.b, the_rule);
    for (unsigned i = 0; i < n_groups; i++)
        bridge_group_remove(w.b, groups[i]);
    pipe_close(&w);
    return 0;
}

/* --- helpers --- */

static struct act output(uint32_t port)
{
    return (struct act){ .type = ACT_OUTPUT, .port = port };
}

static struct act group(uint32_t id)
{
    return (struct act){ .type = ACT_GROUP, .group = id };
}

static struct act set(enum field_id f, uint64_t v)
{
    return (struct act){ .type = ACT_SET_FIELD, .field = f, .value = value_of(v), .mask = field_ones(f) };
}

/* A bucket with weight 1 that watches nothing. */
#define BUCKET(...) \
    { \
        .acts = (const struct act[]){ __VA_ARGS__ }, \
        .n_acts = sizeof((const struct act[]){ __VA_ARGS__ }) / sizeof(struct act), .weight = 1, \
        .watch_port = DP_PORT_NONE, .watch_group = GROUP_NONE \
    }

static struct group *make_group(uint32_t id, enum group_type type, const struct bucket *k, unsigned n,
                                const struct group *replaces)
{
    struct group_spec spec = { .id = id, .type = type, .buckets = k, .n_buckets = n, .replaces = replaces };
    struct group *g;

    assert_int_equal(group_new(&g, w.b, &spec), 0);
    bridge_group_add(w.b, g);
    return g;
}

static struct group *add_group(uint32_t id, enum group_type type, const struct bucket *k, unsigned n)
{
    struct group *g = make_group(id, type, k, n, NULL);

    datapath_commit(w.dp);
    groups[n_groups++] = g;
    return g;
}

/* The one rule, which every frame matches. */
static void add_rule(const struct act *apply, unsigned n_apply, const struct act *write, unsigned n_write)
{
    struct rule_code code = { .apply = apply,
                              .n_apply = (uint16_t)n_apply,
                              .write = write,
                              .n_write = (uint16_t)n_write,
                              .goto_table = NO_GOTO };
    struct match any = { 0 };
    struct rule_conf conf = { .priority = 3, .match = &any, .code = &code, .cookie = 77 };

    assert_null(the_rule);
    assert_int_equal(rule_new(&the_rule, w.b, &conf), 0);
    assert_int_equal(bridge_rule_add(w.b, the_rule), 0);
    datapath_commit(w.dp);
}

static void give(const uint8_t *f)
{
    pipe_give(&w, 0, f);
}

static void give_udp(void)
{
    uint8_t f[PIPE_FRAME];

    pipe_udp(f, PIPE_SRC, 0x0a000001, 1111);
    give(f);
}

static int took(int port)
{
    return pipe_take(&w, port);
}

static unsigned sent(void)
{
    return pipe_sent(&w);
}

static uint64_t dropped(enum drop why)
{
    return pipe_dropped(&w, why);
}

static uint64_t bucket_packets(const struct group *g, unsigned i)
{
    struct rule_stat st;

    group_bucket_stats(g, i, &st);
    return st.packets;
}

/* --- tests --- */

/* Every bucket changes a copy of its own, and what follows the group in the list sees none of it. */
static void test_all(void **state)
{
    const struct bucket k[] = {
        BUCKET(set(FIELD_ETH_DST, 0x31), output(pipe_number[1])), BUCKET(output(pipe_number[2])),
        BUCKET(output(pipe_number[3]), set(FIELD_ETH_DST, 0x33)), /* as a set: the output is last */
    };
    const struct act apply[] = { group(9), output(pipe_number[4]) };
    struct group *g = add_group(9, GROUP_ALL, k, 3);
    struct rule_stat st;

    add_rule(apply, 2, NULL, 0);
    for (int round = 0; round < 2; round++) {
        give_udp();
        assert_int_equal(took(1), 0x31);
        assert_int_equal(took(2), 0x2b);
        assert_int_equal(took(3), 0x33);
        assert_int_equal(took(4), 0x2b);
        assert_int_equal(sent(), 0);
    }
    group_stats(g, &st);
    assert_int_equal(st.packets, 2);
    assert_int_equal(st.bytes, 2 * PIPE_FRAME);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(bucket_packets(g, i), 2);
}

/* In an action set the group is done last but for nothing, and no output beside it. */
static void test_action_set(void **state)
{
    const struct bucket k[] = { BUCKET(output(pipe_number[1])), BUCKET(output(pipe_number[2])) };
    const struct act write[] = { output(pipe_number[4]), group(9), set(FIELD_ETH_DST, 0x44) };

    add_group(9, GROUP_ALL, k, 2);
    add_rule(NULL, 0, write, 3);
    give_udp();
    assert_int_equal(took(1), 0x44);
    assert_int_equal(took(2), 0x44);
    assert_int_equal(sent(), 0);
}

static void test_set_order(void **state)
{
    struct action_set s = { 0 };
    const struct act acts[] = {
        output(4), { .type = ACT_PUSH_VLAN, .ethertype = 0x8100 }, set(FIELD_VLAN_VID, 0x1005),
        output(6), { .type = ACT_POP_MPLS, .ethertype = 0x0800 },  { .type = ACT_DEC_IP_TTL },
    };
    const enum act_type want[] = { ACT_POP_MPLS, ACT_PUSH_VLAN, ACT_DEC_IP_TTL, ACT_SET_FIELD, ACT_OUTPUT };

    assert_false(action_set_finish(&s));
    for (unsigned i = 0; i < sizeof acts / sizeof *acts; i++)
        action_set_write(&s, &acts[i]);
    assert_true(action_set_finish(&s));
    assert_int_equal(s.n, sizeof want / sizeof *want);
    for (unsigned i = 0; i < s.n; i++)
        assert_int_equal(s.acts[i].type, want[i]);
    assert_int_equal(s.acts[4].port, 6);
}

/* Groups that forward to groups; a bucket with a group and an output does the group. */
static void test_chain(void **state)
{
    const struct bucket leaf[] = { BUCKET(output(pipe_number[1])), BUCKET(output(pipe_number[2])) };
    const struct bucket middle[] = { BUCKET(group(3), set(FIELD_ETH_DST, 0x55), output(pipe_number[4])) };
    const struct bucket top[] = { BUCKET(group(2)), BUCKET(output(pipe_number[3])) };
    const struct act apply[] = { group(1) };

    add_group(3, GROUP_ALL, leaf, 2);
    add_group(2, GROUP_INDIRECT, middle, 1);
    add_group(1, GROUP_ALL, top, 2);
    add_rule(apply, 1, NULL, 0);
    give_udp();
    assert_int_equal(took(1), 0x55);
    assert_int_equal(took(2), 0x55);
    assert_int_equal(took(3), 0x2b);
    assert_int_equal(sent(), 0);
}

/* Chains that are too deep, or that come to too much, are cut off and counted; so is what leads nowhere. */
static void test_bounds(void **state)
{
    const struct act apply[] = { group(1) };

    add_rule(apply, 1, NULL, 0);
    give_udp();
    assert_int_equal(dropped(DROP_NO_GROUP), 1);
    for (uint32_t id = 1; id <= 40; id++) { /* each has the next one twice: 2^40 frames, if there were no bounds */
        const struct bucket k[] = { BUCKET(group(id + 1)), BUCKET(group(id + 1)) };

        add_group(id, GROUP_ALL, k, 2);
    }
    give_udp();
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_TOO_LONG), 1);
}

static void test_depth(void **state)
{
    const struct act apply[] = { group(1) };

    for (uint32_t id = 1; id <= 50; id++) {
        const struct bucket k[] = { BUCKET(group(id + 1)) };

        add_group(id, GROUP_INDIRECT, k, 1);
    }
    add_rule(apply, 1, NULL, 0);
    give_udp();
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_GROUP_DEPTH), 1);
}

static void test_empty(void **state)
{
    const struct bucket k[] = { { .watch_port = DP_PORT_NONE, .watch_group = GROUP_NONE } };
    const struct act apply[] = { group(1), group(2), group(3), output(pipe_number[1]) };

    add_group(1, GROUP_ALL, NULL, 0);
    add_group(2, GROUP_ALL, k, 1);
    add_group(3, GROUP_SELECT, k, 1); /* without weight */
    add_rule(apply, 4, NULL, 0);
    give_udp();
    assert_int_equal(sent(), 1 << 1);
    assert_int_equal(dropped(DROP_NO_BUCKET), 2);
    assert_int_equal(dropped(DROP_NO_ACTION), 1);
}

enum { FLOWS = 20000 };

/* How FLOWS flows are shared out over ports 1 and up: counts them, and checks that each keeps its port. */
static void share_out(unsigned count[PIPE_PORTS], bool is_mac_only)
{
    uint64_t seed = 4711;

    memset(count, 0, PIPE_PORTS * sizeof *count);
    for (int i = 0; i < FLOWS; i++) {
        uint64_t r = random_next(&seed);
        uint8_t f[PIPE_FRAME];
        unsigned first;

        pipe_udp(f, PIPE_SRC, (uint32_t)r, (uint16_t)(r >> 32));
        if (is_mac_only) {
            memset(f + 14, 0, PIPE_FRAME - 14);
            be16_store(f + 12, 0x88b5);
            be32_store(f + 8, (uint32_t)r);
        }
        give(f);
        first = sent();
        assert_true(first && !(first & (first - 1)) && first != 1);
        if (i % 16 == 0) {
            give(f);
            assert_int_equal(sent(), first);
        }
        count[__builtin_ctz(first)]++;
    }
}

static void assert_share(unsigned count, double part)
{
    if (count < FLOWS * (part - 0.02) || count > FLOWS * (part + 0.02))
        fail_msg("%u of %d flows, wanted %f", count, FLOWS, part);
}

static void test_select(void **state)
{
    struct bucket k[] = { BUCKET(output(pipe_number[1])), BUCKET(output(pipe_number[2])),
                          BUCKET(output(pipe_number[3])), BUCKET(output(pipe_number[4])) };
    const struct act apply[] = { group(1) };
    unsigned count[PIPE_PORTS];

    k[0].weight = 1;
    k[1].weight = 0;
    k[2].weight = 2;
    k[3].weight = 5;
    struct group *g = add_group(1, GROUP_SELECT, k, 4);

    add_rule(apply, 1, NULL, 0);
    for (int mac_only = 0; mac_only < 2; mac_only++) {
        share_out(count, mac_only);
        assert_share(count[1], 1 / 8.);
        assert_int_equal(count[2], 0);
        assert_share(count[3], 2 / 8.);
        assert_share(count[4], 5 / 8.);
    }

    struct rule_stat all;

    group_stats(g, &all);
    assert_int_equal(all.packets,
                     bucket_packets(g, 0) + bucket_packets(g, 1) + bucket_packets(g, 2) + bucket_packets(g, 3));

    struct worker_stats ws;

    datapath_worker_stats(w.dp, 0, &ws);
    assert_int_equal(ws.cache_misses, 1); /* the choice is not the cache's business */
}

/* A select group in a select group: the inner choice must not follow from the outer one. */
static void test_select_in_select(void **state)
{
    const struct bucket inner[] = { BUCKET(output(pipe_number[1])), BUCKET(output(pipe_number[2])) };
    const struct bucket outer[] = { BUCKET(group(2)), BUCKET(output(pipe_number[3])) };
    const struct act apply[] = { group(1) };
    unsigned count[PIPE_PORTS];

    add_group(2, GROUP_SELECT, inner, 2);
    add_group(1, GROUP_SELECT, outer, 2);
    add_rule(apply, 1, NULL, 0);
    share_out(count, false);
    assert_share(count[1], .25);
    assert_share(count[2], .25);
    assert_share(count[3], .5);
}

/* The flows of a bucket that dies move to the others, in proportion; no other flow moves, and all come back. */
static void test_select_liveness(void **state)
{
    struct bucket k[] = { BUCKET(output(pipe_number[1])), BUCKET(output(pipe_number[2])),
                          BUCKET(output(pipe_number[3])) };
    const struct act apply[] = { group(1) };
    static unsigned before[2000];
    unsigned moved[PIPE_PORTS] = { 0 };

    for (int i = 0; i < 3; i++)
        k[i].watch_port = pipe_number[i + 1];
    add_group(1, GROUP_SELECT, k, 3);
    add_rule(apply, 1, NULL, 0);
    for (int round = 0; round < 3; round++) {
        datapath_port_set_link(w.dp, w.index[2], round != 1);
        for (unsigned i = 0; i < 2000; i++) {
            uint8_t f[PIPE_FRAME];

            pipe_udp(f, PIPE_SRC, 0x0a010000 + i, 1111);
            give(f);

            unsigned now = sent();

            if (!round)
                before[i] = now;
            else if (round == 2 || before[i] != 1 << 2)
                assert_int_equal(now, before[i]);
            else
                moved[__builtin_ctz(now)]++;
        }
    }
    assert_int_equal(moved[2], 0);
    assert_in_range(moved[1], 250, 420);
    assert_in_range(moved[3], 250, 420);
    for (int i = 1; i < 4; i++)
        datapath_port_set_link(w.dp, w.index[i], false);
    give_udp();
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_NO_BUCKET), 1);
}

static void test_fast_failover(void **state)
{
    const struct bucket watched[] = {
        { .watch_port = pipe_number[3], .watch_group = GROUP_NONE },
        { .watch_port = 4444, .watch_group = GROUP_NONE }, /* not there */
    };
    struct bucket k[] = { BUCKET(output(pipe_number[1])), BUCKET(output(pipe_number[2])),
                          BUCKET(output(pipe_number[4])) };
    const struct act apply[] = { group(1) };

    k[0].watch_port = pipe_number[1];
    k[1].watch_group = 2;
    k[2].watch_port = pipe_number[4];
    add_group(2, GROUP_ALL, watched, 2);
    add_group(1, GROUP_FF, k, 3);
    add_rule(apply, 1, NULL, 0);

    give_udp();
    assert_int_equal(sent(), 1 << 1);
    datapath_port_set_link(w.dp, w.index[1], false);
    give_udp();
    assert_int_equal(sent(), 1 << 2);
    datapath_port_set_flags(w.dp, w.index[3], PORT_FLAG_DOWN); /* the watched group dies of it */
    give_udp();
    assert_int_equal(sent(), 1 << 4);
    datapath_port_set_link(w.dp, w.index[4], false);
    give_udp();
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_NO_BUCKET), 1);
    datapath_port_set_flags(w.dp, w.index[3], 0);
    give_udp();
    assert_int_equal(sent(), 1 << 2);
    datapath_port_set_link(w.dp, w.index[1], true);
    give_udp();
    assert_int_equal(sent(), 1 << 1);
}

/* Groups that watch each other in a circle (the agent refuses them) are dead, and hang nobody. */
static void test_watch_circle(void **state)
{
    struct bucket k[] = { BUCKET(output(pipe_number[1])), BUCKET(output(pipe_number[2])) };
    const struct act apply[] = { group(1) };

    k[0].watch_group = k[1].watch_group = 2;
    add_group(1, GROUP_FF, k, 2);
    k[0].watch_group = k[1].watch_group = 1;
    add_group(2, GROUP_FF, k, 2);
    add_rule(apply, 1, NULL, 0);
    give_udp();
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_NO_BUCKET), 1);
}

/* A change of rule and groups is seen whole or not at all; the group's own counter goes on, its buckets' begin anew. */
static void test_versions(void **state)
{
    const struct bucket one[] = { BUCKET(output(pipe_number[1])) }, two[] = { BUCKET(output(pipe_number[2])) };
    const struct act apply[] = { group(1) };
    struct group *old = add_group(1, GROUP_INDIRECT, one, 1);
    struct rule_stat st;

    add_rule(apply, 1, NULL, 0);
    give_udp();
    assert_int_equal(sent(), 1 << 1);

    make_group(1, GROUP_INDIRECT, two, 1, old);
    bridge_group_remove(w.b, old);
    give_udp();
    assert_int_equal(sent(), 1 << 1);
    datapath_abort(w.dp);
    give_udp();
    assert_int_equal(sent(), 1 << 1);

    struct group *new = make_group(1, GROUP_INDIRECT, two, 1, old);

    bridge_group_remove(w.b, old);
    datapath_commit(w.dp);
    groups[0] = new;
    give_udp();
    assert_int_equal(sent(), 1 << 2);
    group_stats(new, &st);
    assert_int_equal(st.packets, 4);
    assert_int_equal(bucket_packets(new, 0), 1);

    bridge_group_remove(w.b, new);
    datapath_commit(w.dp);
    n_groups = 0;
    give_udp();
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_NO_GROUP), 1);
}

/* By packet-out the group is met as it is when the worker comes to it, and is not bound to the size of a job. */
static void test_packet_out(void **state)
{
    const struct bucket small[] = { BUCKET(set(FIELD_ETH_DST, 0x66), output(pipe_number[1])) };
    const struct act mixed[] = { group(1), output(pipe_number[2]) }, last[] = { group(2) };
    struct bucket *many = calloc(600, sizeof *many);
    const struct bucket one[] = { BUCKET(output(pipe_number[3])) };
    uint8_t f[PIPE_FRAME];

    assert_non_null(many);
    for (int i = 0; i < 600; i++)
        many[i] = one[0];
    add_group(1, GROUP_INDIRECT, small, 1);
    add_group(2, GROUP_ALL, many, 600);
    free(many);
    pipe_udp(f, PIPE_SRC, 1, 1);
    assert_int_equal(datapath_send(w.b, DP_PORT_CONTROLLER, mixed, 2, f, PIPE_FRAME), 0);
    datapath_poll(w.dp, 0);
    assert_int_equal(took(1), 0x66);
    assert_int_equal(took(2), 0x2b);
    assert_int_equal(datapath_send(w.b, DP_PORT_CONTROLLER, last, 1, f, PIPE_FRAME), 0);
    datapath_poll(w.dp, 0);
    for (int i = 0; i < 600; i++)
        assert_int_equal(took(3), 0x2b);
    assert_int_equal(sent(), 0);
}

/* What a bucket does to a frame is not seen by the tables behind. */
static void test_bucket_edits_stay(void **state)
{
    const struct bucket k[] = { BUCKET(set(FIELD_ETH_DST, 0x77), output(pipe_number[1])) };
    const struct act apply[] = { group(1) }, out[] = { output(pipe_number[2]) };
    struct rule_code first = { .apply = apply, .n_apply = 1, .goto_table = 5 };
    struct rule_code second = { .apply = out, .n_apply = 1, .goto_table = NO_GOTO };
    struct match any = { 0 }, dst = { 0 };
    struct rule *r[2];

    add_group(1, GROUP_INDIRECT, k, 1);
    match_set(&dst, FIELD_ETH_DST, PIPE_DST);
    assert_int_equal(rule_new(&r[0], w.b, &(struct rule_conf){ .match = &any, .code = &first }), 0);
    assert_int_equal(rule_new(&r[1], w.b, &(struct rule_conf){ .table_id = 5, .match = &dst, .code = &second }), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(bridge_rule_add(w.b, r[i]), 0);
    datapath_commit(w.dp);
    give_udp();
    assert_int_equal(took(1), 0x77);
    assert_int_equal(took(2), 0x2b);
    for (int i = 0; i < 2; i++)
        bridge_rule_remove(w.b, r[i]);
}

static void test_too_many_acts(void **state)
{
    struct act acts[ACTION_SET_MAX + 1];
    struct bucket k = { .acts = acts, .n_acts = ACTION_SET_MAX + 1 };
    struct group_spec spec = { .id = 1, .buckets = &k, .n_buckets = 1 };
    struct group *g;

    for (int i = 0; i <= ACTION_SET_MAX; i++)
        acts[i] = set((enum field_id)(FIELD_REG0 + i), 1);
    assert_int_equal(group_new(&g, w.b, &spec), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_all),
        T(test_action_set),
        T(test_set_order),
        T(test_chain),
        T(test_bounds),
        T(test_depth),
        T(test_empty),
        T(test_select),
        T(test_select_in_select),
        T(test_select_liveness),
        T(test_fast_failover),
        T(test_watch_circle),
        T(test_versions),
        T(test_packet_out),
        T(test_bucket_edits_stay),
        T(test_too_many_acts),
#undef T
    };
    int failed;

    if (pipe_start())
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    pipe_stop();
    return failed;
}

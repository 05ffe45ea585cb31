/* SPDX-License-Identifier: Apache-2.0 */
/* test_flow_table.c - vswitch/flow_table.h: what OpenFlow 1.3.5, 6.4 asks of flow-mods, over a datapath without frames. */
#include "vswitch/flow_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "fake_datapath.h"

struct gone {
    uint64_t cookie;
    enum flow_gone why;
    uint64_t packets;
};

struct fixture {
    struct datapath dp;
    struct bridge bridge;
    struct clock clock;
    struct flow_table *ft;
    struct gone gone[64];
    size_t n_gone;
};

static void on_removed(void *arg, const struct flow *f, enum flow_gone why)
{
    struct fixture *x = arg;
    struct rule_stat s;

    flow_stats(x->ft, f, &s);
    if (x->n_gone < 64)
        x->gone[x->n_gone++] = (struct gone){ f->rule->cookie, why, s.packets };
}

static struct fixture *begin(uint32_t max_flows)
{
    struct fixture *x = calloc(1, sizeof *x);

    x->bridge.dp = &x->dp;
    clock_stop(&x->clock);

    struct flow_table_conf conf = {
        .dp = &x->dp,
        .bridge = &x->bridge,
        .clock = &x->clock,
        .max_flows = max_flows,
        .removed = on_removed,
        .arg = x,
    };

    assert_int_equal(flow_table_new(&x->ft, &conf), 0);
    return x;
}

static void end(struct fixture *x)
{
    flow_table_free(x->ft);
    fake_datapath_reclaim(&x->dp);
    assert_int_equal(x->dp.n_live, 0);
    free(x);
}

/* A flow in few words: `port` 0 leaves in_port out, `type` 0 eth_type; it outputs to `out`. */
struct sketch {
    uint8_t table;
    uint16_t priority;
    uint32_t port;
    uint16_t type;
    uint32_t out;
    uint64_t cookie;
    uint16_t flags, idle, hard;
};

static void match_of(struct match *m, const struct sketch *k)
{
    *m = (struct match){ 0 };
    if (k->port)
        match_set(m, FIELD_IN_PORT, k->port);
    if (k->type)
        match_set(m, FIELD_ETH_TYPE, k->type);
}

static int add_or_modify(struct fixture *x, const struct sketch *k, const struct flow_query *modify)
{
    struct match m;
    struct act act = { .type = ACT_OUTPUT, .port = k->out };
    struct rule_code code = { .apply = &act, .n_apply = 1, .goto_table = NO_GOTO };

    match_of(&m, k);

    struct flow_spec s = {
        .table_id = k->table,
        .priority = k->priority,
        .match = &m,
        .cookie = k->cookie,
        .idle_s = k->idle,
        .hard_s = k->hard,
        .flags = k->flags,
        .code = &code,
        .instructions = &k->out,
        .n_instructions = sizeof k->out,
    };

    return modify ? flow_modify(x->ft, modify, &s) : flow_add(x->ft, &s);
}

static int finish(struct fixture *x, int err)
{
    if (err)
        flow_table_abort(x->ft);
    else
        flow_table_commit(x->ft);
    return err;
}

static int add(struct fixture *x, struct sketch k)
{
    return finish(x, add_or_modify(x, &k, NULL));
}

static struct flow_query query(struct match *m, const struct sketch *k, bool is_strict)
{
    match_of(m, k);
    return (struct flow_query){
        .table_id = k->table,
        .is_strict = is_strict,
        .priority = k->priority,
        .match = m,
        .cookie = k->cookie,
        .cookie_mask = k->cookie ? UINT64_MAX : 0,
        .out_port = k->out ? k->out : FLOW_ANY,
        .out_group = FLOW_ANY,
    };
}

/* What is there, as "table/priority/in_port/eth_type>output", in order. */
static const char *dump(struct fixture *x, unsigned budget_each)
{
    static char text[4096];
    struct match any = { 0 }, m;
    struct flow_query q = { .table_id = FLOW_TABLE_ALL, .match = &any, .out_port = FLOW_ANY, .out_group = FLOW_ANY };
    struct flow_cursor c;
    size_t n = 0;

    text[0] = '\0';
    assert_int_equal(flow_cursor_init(&c, x->ft, &q), 0);
    for (;;) {
        unsigned budget = budget_each;
        const struct flow *f = flow_cursor_next(&c, &budget);

        if (!f && budget)
            break;
        if (!f)
            continue;
        compact_match_expand(&m, f->rule->match);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%u/%u/%u/%x>%u", n ? " " : "", f->rule->table_id,
                              f->rule->priority, (unsigned)key_get(&m.value, FIELD_IN_PORT).lo,
                              (unsigned)key_get(&m.value, FIELD_ETH_TYPE).lo, f->rule->code.apply[0].port);
        assert_int_equal(f->n_instructions, 4);
        assert_memory_equal(f->instructions, &f->rule->code.apply[0].port, 4);
    }
    flow_cursor_fini(&c);
    return text;
}

static void fill(struct fixture *x)
{
    static const struct sketch flows[] = {
        { .table = 0, .priority = 5, .port = 3, .out = 11, .cookie = 101 },
        { .table = 0, .priority = 5, .port = 3, .type = 0x800, .out = 12, .cookie = 102 },
        { .table = 0, .priority = 6, .port = 3, .out = 13, .cookie = 103 },
        { .table = 0, .priority = 5, .port = 4, .out = 11, .cookie = 104 },
        { .table = 2, .priority = 5, .port = 3, .out = 12, .cookie = 105 },
        { .table = 253, .priority = 0, .out = 14, .cookie = 106 },
    };

    for (size_t i = 0; i < sizeof flows / sizeof *flows; i++)
        assert_int_equal(add(x, flows[i]), 0);
    assert_string_equal(dump(x, 100), "0/5/3/0>11 0/5/3/800>12 0/6/3/0>13 0/5/4/0>11 2/5/3/0>12 253/0/0/0>14");
}

enum { DEL, DEL_STRICT, MOD, MOD_STRICT };

static const struct {
    const char *name;
    int command;
    struct sketch what;
    uint64_t cookie_mask;
    const char *want;
} change_cases[] = {
    { "loose, all of a table", DEL, { .table = 0 }, 0, "2/5/3/0>12 253/0/0/0>14" },
    { "loose, everything", DEL, { .table = FLOW_TABLE_ALL }, 0, "" },
    { "loose, by port, any priority",
      DEL,
      { .table = 0, .priority = 77, .port = 3 },
      0,
      "0/5/4/0>11 2/5/3/0>12 253/0/0/0>14" },
    { "loose, narrower than any",
      DEL,
      { .table = 0, .port = 4, .type = 0x806 },
      0,
      "0/5/3/0>11 0/5/3/800>12 0/6/3/0>13 0/5/4/0>11 2/5/3/0>12 253/0/0/0>14" },
    { "loose, by output",
      DEL,
      { .table = FLOW_TABLE_ALL, .out = 12 },
      0,
      "0/5/3/0>11 0/6/3/0>13 0/5/4/0>11 253/0/0/0>14" },
    { "loose, by cookie",
      DEL,
      { .table = FLOW_TABLE_ALL, .cookie = 104 },
      0,
      "0/5/3/0>11 0/5/3/800>12 0/6/3/0>13 2/5/3/0>12 253/0/0/0>14" },
    { "loose, by masked cookie",
      DEL,
      { .table = FLOW_TABLE_ALL, .cookie = 102 },
      0xfe,
      "0/5/3/0>11 0/5/4/0>11 2/5/3/0>12 253/0/0/0>14" },
    { "strict",
      DEL_STRICT,
      { .table = 0, .priority = 5, .port = 3 },
      0,
      "0/5/3/800>12 0/6/3/0>13 0/5/4/0>11 2/5/3/0>12 253/0/0/0>14" },
    { "strict, every table",
      DEL_STRICT,
      { .table = FLOW_TABLE_ALL, .priority = 5, .port = 3 },
      0,
      "0/5/3/800>12 0/6/3/0>13 0/5/4/0>11 253/0/0/0>14" },
    { "strict, other output",
      DEL_STRICT,
      { .table = 0, .priority = 5, .port = 3, .out = 12 },
      0,
      "0/5/3/0>11 0/5/3/800>12 0/6/3/0>13 0/5/4/0>11 2/5/3/0>12 253/0/0/0>14" },
    { "strict, other cookie",
      DEL_STRICT,
      { .table = 0, .priority = 5, .port = 3, .cookie = 9 },
      0,
      "0/5/3/0>11 0/5/3/800>12 0/6/3/0>13 0/5/4/0>11 2/5/3/0>12 253/0/0/0>14" },
    { "modify loose",
      MOD,
      { .table = 0, .port = 3 },
      0,
      "0/5/3/0>99 0/5/3/800>99 0/6/3/0>99 0/5/4/0>11 2/5/3/0>12 253/0/0/0>14" },
    { "modify strict",
      MOD_STRICT,
      { .table = 0, .priority = 6, .port = 3 },
      0,
      "0/5/3/0>11 0/5/3/800>12 0/6/3/0>99 0/5/4/0>11 2/5/3/0>12 253/0/0/0>14" },
    { "modify nothing",
      MOD_STRICT,
      { .table = 0, .priority = 7, .port = 3 },
      0,
      "0/5/3/0>11 0/5/3/800>12 0/6/3/0>13 0/5/4/0>11 2/5/3/0>12 253/0/0/0>14" },
};

static void delete_and_modify(void **state)
{
    for (size_t i = 0; i < sizeof change_cases / sizeof *change_cases; i++) {
        struct fixture *x = begin(0);
        struct match m;
        struct flow_query q = query(&m, &change_cases[i].what,
                                    change_cases[i].command == DEL_STRICT || change_cases[i].command == MOD_STRICT);

        fill(x);
        if (change_cases[i].cookie_mask)
            q.cookie_mask = change_cases[i].cookie_mask;

        bool is_delete = change_cases[i].command == DEL || change_cases[i].command == DEL_STRICT;
        struct sketch to = { .out = 99 };
        int err = is_delete ? flow_delete(x->ft, &q, FLOW_GONE_DELETE) : add_or_modify(x, &to, &q);

        assert_int_equal(err, 0);

        /* Taken back it is as before, made again it stays. */
        flow_table_abort(x->ft);
        assert_string_equal(dump(x, 1), "0/5/3/0>11 0/5/3/800>12 0/6/3/0>13 0/5/4/0>11 2/5/3/0>12 253/0/0/0>14");
        assert_int_equal(fake_datapath_visible(&x->dp), 6);
        assert_int_equal(x->n_gone, 0);
        assert_int_equal(is_delete ? flow_delete(x->ft, &q, FLOW_GONE_DELETE) : add_or_modify(x, &to, &q), 0);
        flow_table_commit(x->ft);
        if (strcmp(dump(x, 1), change_cases[i].want))
            fail_msg("%s: got %s", change_cases[i].name, dump(x, 3));
        for (size_t k = 0; k < x->n_gone; k++)
            assert_int_equal(x->gone[k].why, FLOW_GONE_DELETE);
        assert_int_equal(fake_datapath_visible(&x->dp) + (is_delete ? x->n_gone : 0), 6);
        assert_true(is_delete || !x->n_gone);
        end(x);
    }
}

static const struct flow *only(struct fixture *x)
{
    struct match any = { 0 };
    struct flow_query q = { .table_id = FLOW_TABLE_ALL, .match = &any, .out_port = FLOW_ANY, .out_group = FLOW_ANY };
    struct flow_cursor c;
    unsigned budget = 10;

    assert_int_equal(flow_cursor_init(&c, x->ft, &q), 0);

    const struct flow *f = flow_cursor_next(&c, &budget);

    assert_non_null(f);
    flow_cursor_fini(&c);
    return f;
}

static void replaced_and_reset(void **state)
{
    static const struct {
        bool is_modify, is_reset;
        uint64_t packets;
        uint64_t age_s, cookie;
        uint16_t idle, flags;
    } cases[] = {
        { false, false, 7, 0, 42, 33, FLOW_SEND_REMOVED },
        { false, true, 0, 0, 42, 33, FLOW_SEND_REMOVED | FLOW_RESET_COUNTS },
        { true, false, 7, 5, 41, 22, 0 },
        { true, true, 0, 5, 41, 22, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *x = begin(0);
        struct sketch k = { .table = 1, .priority = 2, .port = 3, .out = 4, .cookie = 41, .idle = 22 };
        struct match m;
        struct flow_query q = query(&m, &k, true);
        struct rule_stat s;

        assert_int_equal(add(x, k), 0);
        clock_warp(&x->clock, 5 * (uint64_t)NSEC_PER_S);
        fake_rule_count(only(x)->rule, 7, 700, clock_now(&x->clock));

        struct sketch to = { .table = 1,
                             .priority = 2,
                             .port = 3,
                             .out = 9,
                             .cookie = 42,
                             .idle = 33,
                             .flags = (uint16_t)(FLOW_SEND_REMOVED | (cases[i].is_reset ? FLOW_RESET_COUNTS : 0)) };

        q.cookie_mask = 0;
        q.out_port = FLOW_ANY;
        assert_int_equal(finish(x, add_or_modify(x, &to, cases[i].is_modify ? &q : NULL)), 0);

        const struct flow *f = only(x);

        flow_stats(x->ft, f, &s);
        assert_int_equal(s.packets, cases[i].packets);
        assert_int_equal(flow_age_ns(x->ft, f), cases[i].age_s * NSEC_PER_S);
        assert_int_equal(f->rule->cookie, cases[i].cookie);
        assert_int_equal(f->idle_s, cases[i].idle);
        assert_int_equal(f->flags, cases[i].flags);
        assert_int_equal(f->rule->code.apply[0].port, 9);
        assert_int_equal(x->n_gone, 0);
        assert_int_equal(flow_table_count(x->ft, 1), 1);

        /* A reset of its counters is not a use: idleness counts from the last frame, 5 s after the beginning. */
        if (cases[i].is_modify) {
            clock_warp(&x->clock, 21 * (uint64_t)NSEC_PER_S);
            flow_table_run(x->ft);
            assert_int_equal(x->n_gone, 0);
            clock_warp(&x->clock, 2 * (uint64_t)NSEC_PER_S);
            flow_table_run(x->ft);
            assert_int_equal(x->n_gone, 1);
        }
        end(x);
    }
}

static void overlap(void **state)
{
    static const struct {
        struct sketch what;
        int want;
    } cases[] = {
        { { .table = 0, .priority = 5, .port = 3 }, -EEXIST }, /* the very same is an overlap too */
        { { .table = 0, .priority = 5, .type = 0x806 }, -EEXIST },
        { { .table = 0, .priority = 5, .port = 9, .type = 0x806 }, 0 },
        { { .table = 0, .priority = 8, .type = 0x806 }, 0 },
        { { .table = 1, .priority = 5, .port = 3 }, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *x = begin(0);
        struct sketch k = cases[i].what;

        fill(x);
        k.flags = FLOW_CHECK_OVERLAP;
        k.out = 50;
        assert_int_equal(add(x, k), cases[i].want);
        assert_int_equal(fake_datapath_visible(&x->dp), cases[i].want ? 6 : 7);
        end(x);
    }
}

static void limit(void **state)
{
    struct fixture *x = begin(3);

    for (uint32_t i = 1; i <= 3; i++)
        assert_int_equal(add(x, (struct sketch){ .table = 4, .priority = 1, .port = i, .out = i }), 0);
    assert_int_equal(add(x, (struct sketch){ .table = 4, .priority = 1, .port = 4, .out = 4 }), -ENOSPC);
    assert_int_equal(add(x, (struct sketch){ .table = 4, .priority = 1, .port = 2, .out = 20 }), 0);
    assert_int_equal(add(x, (struct sketch){ .table = 5, .priority = 1, .port = 4, .out = 4 }), 0);
    assert_string_equal(dump(x, 9), "4/1/1/0>1 4/1/2/0>20 4/1/3/0>3 5/1/4/0>4");
    assert_int_equal(flow_table_count(x->ft, 4), 3);
    assert_int_equal(flow_table_limit(x->ft, 4), 3);
    end(x);
}

static void timeouts(void **state)
{
    struct fixture *x = begin(0);

    assert_int_equal(flow_table_next_ns(x->ft), WHEEL_NEVER);
    assert_int_equal(add(x, (struct sketch){ .priority = 1, .port = 1, .out = 1, .cookie = 1, .hard = 10 }), 0);
    assert_int_equal(add(x, (struct sketch){ .priority = 1, .port = 2, .out = 2, .cookie = 2, .idle = 4 }), 0);
    assert_int_equal(add(x, (struct sketch){ .priority = 1, .port = 3, .out = 3, .cookie = 3, .idle = 4, .hard = 8 }),
                     0);
    assert_int_equal(add(x, (struct sketch){ .priority = 1, .port = 4, .out = 4, .cookie = 4 }), 0);

    struct match m;
    struct sketch k = { .priority = 1, .port = 3 };
    struct flow_query q = query(&m, &k, true);
    struct flow_cursor c;
    unsigned budget = 100;

    assert_int_equal(flow_cursor_init(&c, x->ft, &q), 0);

    const struct flow *used = flow_cursor_next(&c, &budget);

    flow_cursor_fini(&c);
    clock_warp(&x->clock, WHEEL_TICK_NS); /* a timeout may be late by that */
    for (int s = 1; s <= 20; s++) {
        clock_warp(&x->clock, NSEC_PER_S);
        if (s <= 7)
            fake_rule_count(used->rule, 1, 100, clock_now(&x->clock));
        flow_table_run(x->ft);

        static const uint64_t want_n[] = { 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3 };

        assert_int_equal(x->n_gone, s <= 10 ? want_n[s] : 3);
        fake_datapath_reclaim(&x->dp);
    }
    assert_int_equal(x->gone[0].cookie, 2);
    assert_int_equal(x->gone[0].why, FLOW_GONE_IDLE);
    assert_int_equal(x->gone[1].cookie, 3);
    assert_int_equal(x->gone[1].why, FLOW_GONE_HARD);
    assert_int_equal(x->gone[1].packets, 7);
    assert_int_equal(x->gone[2].cookie, 1);
    assert_int_equal(x->gone[2].why, FLOW_GONE_HARD);
    assert_string_equal(dump(x, 5), "0/1/4/0>4");
    end(x);
}

/* One commit for many requests that build on each other; and a failure in the midst of a request changes nothing. */
static void bundle_and_failure(void **state)
{
    struct fixture *x = begin(0);
    struct match m;
    struct sketch all = { .table = FLOW_TABLE_ALL }, to = { .out = 77 },
                  again = { .priority = 5, .port = 3, .out = 78 };
    struct flow_query q = query(&m, &all, false);
    const char *before = "0/5/3/0>11 0/5/3/800>12 0/6/3/0>13 0/5/4/0>11 2/5/3/0>12 253/0/0/0>14";

    fill(x);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(add_or_modify(x, &again, NULL), 0);
        assert_int_equal(add_or_modify(x, &to, &q), 0);
        assert_int_equal(flow_delete(x->ft, &q, FLOW_GONE_DELETE), 0);
        assert_int_equal(add_or_modify(x, &again, NULL), 0);
        assert_int_equal(fake_datapath_visible(&x->dp), 6);
        if (!round) {
            flow_table_abort(x->ft);
            assert_string_equal(dump(x, 2), before);
            assert_int_equal(fake_datapath_visible(&x->dp), 6);
        }
    }
    flow_table_commit(x->ft);
    assert_string_equal(dump(x, 2), "0/5/3/0>78");
    assert_int_equal(fake_datapath_visible(&x->dp), 1);
    assert_int_equal(x->n_gone, 6);
    end(x);

    for (int at = 1; at <= 6; at++) {
        x = begin(0);
        fill(x);
        x->dp.fail_in = at;
        assert_int_equal(finish(x, add_or_modify(x, &to, &q)), -ENOMEM);
        assert_string_equal(dump(x, 2), before);
        assert_int_equal(fake_datapath_visible(&x->dp), 6);
        end(x);
    }
}

static void walk_while_changing(void **state)
{
    struct fixture *x = begin(0);
    struct match any = { 0 }, m;
    struct flow_query q = { .table_id = FLOW_TABLE_ALL, .match = &any, .out_port = FLOW_ANY, .out_group = FLOW_ANY };
    struct flow_cursor c, other;
    unsigned seen = 0, n_seen[200] = { 0 };

    for (uint32_t i = 1; i <= 100; i++)
        assert_int_equal(add(x, (struct sketch){ .table = i % 2, .priority = 1, .port = i, .out = i }), 0);
    assert_int_equal(flow_cursor_init(&c, x->ft, &q), 0);
    assert_int_equal(flow_cursor_init(&other, x->ft, &q), 0);
    for (uint32_t step = 0;; step++) {
        unsigned budget = 1, budget_other = 1;
        const struct flow *f = flow_cursor_next(&c, &budget);

        if (!f && budget)
            break;
        seen++;
        n_seen[f->rule->code.apply[0].port]++;
        if (step == 10)
            (void)flow_cursor_next(&other, &budget_other);

        /* The flow just seen goes, one in front is modified, another replaced, a new one comes. */
        struct sketch k = { .table = f->rule->table_id, .priority = 1, .port = f->rule->code.apply[0].port };
        struct sketch k2 = { .table = 1, .priority = 1, .port = 99 }, to = { .out = 99 };
        struct flow_query del = query(&m, &k, true);

        assert_int_equal(finish(x, flow_delete(x->ft, &del, FLOW_GONE_DELETE)), 0);
        del = query(&m, &k2, true);
        assert_int_equal(finish(x, add_or_modify(x, &to, &del)), 0);
        assert_int_equal(add(x, (struct sketch){ .table = 0, .priority = 1, .port = 98, .out = 98 }), 0);
        assert_int_equal(add(x, (struct sketch){ .table = step % 2, .priority = 1, .port = 1000 + step, .out = 150 }),
                         0);
    }
    assert_int_equal(seen, 100);
    for (int i = 1; i <= 100; i++)
        assert_int_equal(n_seen[i], 1);
    flow_cursor_fini(&c);
    flow_cursor_fini(&other);
    end(x);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(delete_and_modify),
        cmocka_unit_test(replaced_and_reset),
        cmocka_unit_test(overlap),
        cmocka_unit_test(limit),
        cmocka_unit_test(timeouts),
        cmocka_unit_test(bundle_and_failure),
        cmocka_unit_test(walk_while_changing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

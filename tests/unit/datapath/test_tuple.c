/* SPDX-License-Identifier: Apache-2.0 */
/* test_tuple.c - what a lookup does not show of a tuple space: the bounds of its subtables, and that empty ones go. */
#include "datapath/tuple.h"

#include "datapath/rcu.h"
#include "datapath/tuple_order.h"
#include "tests/unit/datapath/rule_make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { RULES = 100 };

struct fixture {
    struct rcu *rcu;
    struct tuple_space space;
    struct rule *rules[RULES];
};

static int setup(void **state)
{
    static struct fixture f;

    assert_int_equal(rcu_new(&f.rcu, 1), 0);
    tuple_space_init(&f.space, f.rcu);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    tuple_space_fini(&f->space);
    rcu_free(f->rcu);
    return 0;
}

static struct rule *insert(struct fixture *f, enum field_id id, uint64_t v, uint16_t priority)
{
    struct match m = { 0 };

    match_set(&m, id, v);

    struct rule *r = rule_make(&m, priority, 1);

    assert_int_equal(tuple_space_insert(&f->space, r), 0);
    return r;
}

static void take_out(struct fixture *f, struct rule *r)
{
    tuple_space_unlink(&f->space, r);
    rcu_defer(f->rcu, free, r);
}

/* The bound of the subtable at place `i`; -1: there are not so many. */
static int bound_at(const struct fixture *f, uint32_t i)
{
    const struct order *o = atomic_load(&f->space.order);

    assert_true(!o || o->n <= 1);
    return o && o->n && i < o->chunk[0]->n ? order_bound(&o->chunk[0]->entry[i]) : -1;
}

static void bound_rises_at_once_and_falls_late(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(bound_at(f, 0), -1);
    for (unsigned i = 0; i < RULES; i++)
        f->rules[i] = insert(f, FIELD_ETH_DST, i, (uint16_t)(10 + i % 2));
    assert_int_equal(bound_at(f, 0), 11);

    struct rule *high[2] = { insert(f, FIELD_ETH_DST, 500, 900), insert(f, FIELD_ETH_DST, 501, 900) };

    assert_int_equal(bound_at(f, 0), 900);
    for (unsigned i = 0; i < 60; i++)
        take_out(f, f->rules[i]);
    assert_int_equal(bound_at(f, 0), 900);
    take_out(f, high[0]);
    assert_int_equal(bound_at(f, 0), 900);
    take_out(f, high[1]); /* the last one; removals enough have been paid */
    assert_int_equal(bound_at(f, 0), 11);
    high[0] = insert(f, FIELD_ETH_DST, 502, 901);
    take_out(f, high[0]);
    assert_int_equal(bound_at(f, 0), 901); /* one removal does not pay for 40 rules */
    for (unsigned i = 60; i < 74; i++)
        take_out(f, f->rules[i]);
    assert_int_equal(bound_at(f, 0), 11);
    for (unsigned i = 74; i < RULES; i++)
        take_out(f, f->rules[i]);
    assert_int_equal(bound_at(f, 0), -1);
    assert_int_equal(f->space.by_mask.n, 0);
}

static void subtables_sort_by_bound(void **state)
{
    struct fixture *f = *state;
    struct rule *a = insert(f, FIELD_ETH_DST, 1, 300), *b = insert(f, FIELD_IN_PORT, 2, 400), *c;

    assert_int_equal(bound_at(f, 0), 400);
    assert_int_equal(bound_at(f, 1), 300);
    c = insert(f, FIELD_ETH_DST, 3, 500);
    assert_int_equal(bound_at(f, 0), 500);
    assert_int_equal(bound_at(f, 1), 400);
    assert_int_equal(bound_at(f, 2), -1);
    take_out(f, c);
    assert_int_equal(bound_at(f, 0), 400);
    assert_int_equal(bound_at(f, 1), 300);
    take_out(f, b);
    assert_int_equal(bound_at(f, 0), 300);
    assert_int_equal(bound_at(f, 1), -1);
    take_out(f, a);
    assert_int_equal(bound_at(f, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bound_rises_at_once_and_falls_late, setup, teardown),
        cmocka_unit_test_setup_teardown(subtables_sort_by_bound, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

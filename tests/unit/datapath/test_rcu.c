/* SPDX-License-Identifier: Apache-2.0 */
/* test_rcu.c - what is deferred runs in order, not before its grace period, and may defer more. */
#include "datapath/rcu.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WORKERS = 3 };

static void count(void *arg)
{
    ++*(unsigned *)arg;
}

static void waits_for_readers(void **state)
{
    struct rcu *r;
    unsigned n = 0;

    (void)state;
    assert_int_equal(rcu_new(&r, WORKERS), 0);
    rcu_defer(r, count, &n);
    assert_int_equal(n, 0);
    assert_int_equal(rcu_reclaim(r), 0); /* nobody reads */
    assert_int_equal(n, 1);

    rcu_register(r, 1);
    rcu_defer(r, count, &n);
    assert_int_equal(rcu_reclaim(r), 0); /* registered, but offline */
    assert_int_equal(n, 2);

    rcu_register(r, 2);
    rcu_online(r, 1);
    rcu_online(r, 2);
    rcu_defer(r, count, &n);
    assert_int_equal(rcu_reclaim(r), 1);
    rcu_quiescent(r, 1);
    assert_int_equal(rcu_reclaim(r), 1);
    assert_int_equal(n, 2);
    rcu_offline(r, 2);
    assert_int_equal(rcu_reclaim(r), 0);
    assert_int_equal(n, 3);

    rcu_defer(r, count, &n);
    rcu_offline(r, 1);
    rcu_wait(r);
    assert_int_equal(n, 4);
    rcu_unregister(r, 1);
    rcu_unregister(r, 2);
    rcu_free(r);
}

static void tokens(void **state)
{
    struct rcu *r;
    unsigned n = 0;

    (void)state;
    assert_int_equal(rcu_new(&r, WORKERS), 0);
    rcu_register(r, 0);
    rcu_online(r, 0);
    rcu_defer(r, count, &n);

    uint64_t token = rcu_start(r);

    assert_false(rcu_is_over(r, token));
    rcu_quiescent(r, 0);
    assert_true(rcu_is_over(r, token));
    rcu_wait_for(r, token);
    assert_int_equal(n, 0); /* calls nothing */
    rcu_offline(r, 0);
    rcu_free(r);
    assert_int_equal(n, 1); /* runs the rest */
    rcu_free(NULL);
}

struct order {
    struct rcu *rcu;
    unsigned seen, next;
    unsigned is_right;
};

static void next_in_order(void *arg)
{
    struct order *o = arg;

    o->is_right += o->seen == o->next;
    o->seen++;
    o->next++;
}

static void keeps_order_while_growing(void **state)
{
    enum { N = 5000 };
    struct rcu *r;
    struct order o = { 0 };
    unsigned n = 0;

    (void)state;
    assert_int_equal(rcu_new(&r, WORKERS), 0);
    rcu_register(r, 0);
    for (unsigned round = 0; round < 3; round++) {
        rcu_online(r, 0);
        for (unsigned i = 0; i < N; i++) {
            if (i == 40)
                rcu_quiescent(r, 0);
            if (i == 100)
                rcu_reclaim(r);
            rcu_defer(r, i % 2 ? next_in_order : count, i % 2 ? (void *)&o : (void *)&n);
        }
        assert_int_equal(n, round * N / 2 + 20);
        rcu_offline(r, 0);
        rcu_wait(r);
        assert_int_equal(n, (round + 1) * N / 2);
        assert_int_equal(o.is_right, n);
    }
    rcu_free(r);
}

static void defer_again(void *arg)
{
    struct order *o = arg;

    if (++o->seen < 5)
        rcu_defer(o->rcu, defer_again, o);
}

static void may_defer_more(void **state)
{
    struct order o = { 0 };

    (void)state;
    assert_int_equal(rcu_new(&o.rcu, WORKERS), 0);
    rcu_register(o.rcu, 0);
    rcu_online(o.rcu, 0);
    rcu_defer(o.rcu, defer_again, &o);
    rcu_quiescent(o.rcu, 0);
    assert_int_equal(rcu_reclaim(o.rcu), 1); /* the second needs a grace period of its own */
    assert_int_equal(o.seen, 1);
    rcu_quiescent(o.rcu, 0);
    assert_int_equal(rcu_reclaim(o.rcu), 1);
    assert_int_equal(o.seen, 2);
    rcu_offline(o.rcu, 0);
    rcu_free(o.rcu);
    assert_int_equal(o.seen, 5);
}

static void refuses_no_workers(void **state)
{
    struct rcu *r;

    (void)state;
    assert_int_equal(rcu_new(&r, 0), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_readers),         cmocka_unit_test(tokens),
        cmocka_unit_test(keeps_order_while_growing), cmocka_unit_test(may_defer_more),
        cmocka_unit_test(refuses_no_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

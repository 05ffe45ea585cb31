/* SPDX-License-Identifier: Apache-2.0 */
/* test_tuple_order.c - the sorted sequence of subtables against a plain array, through splits and merges of its chunks. */
#include "datapath/tuple_order.h"

#include "datapath/rcu.h"
#include "tests/unit/datapath/rule_make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

enum { ITEMS = 1000, STEPS = 12000 };

struct item {
    bool is_in;
    uint64_t key;
};

static struct tuple *as_tuple(struct item *it)
{
    return (struct tuple *)it;
}

static void check(struct order *o, const struct item *items)
{
    size_t want = 0, n = 0;
    uint64_t before = 0;

    for (int i = 0; i < ITEMS; i++)
        want += items[i].is_in;
    for (uint32_t i = 0; o && i < o->n; i++) {
        assert_in_range(o->chunk[i]->n, 1, ORDER_CHUNK);
        for (uint32_t k = 0; k < o->chunk[i]->n; k++, n++) {
            const struct order_entry *e = &o->chunk[i]->entry[k];
            const struct item *it = (const struct item *)e->tuple;

            assert_true(it->is_in && it->key == e->key);
            assert_true(!n || before < e->key);
            before = e->key;
        }
    }
    assert_int_equal(n, want);
}

static void keys_sort_by_falling_bound(void **state)
{
    struct order_entry e = { .key = order_key(300, 5) };

    (void)state;
    assert_int_equal(order_bound(&e), 300);
    assert_true(order_key(65535, 9) < order_key(65534, 1));
    assert_true(order_key(1, 9) < order_key(0, 1));
    assert_true(order_key(7, 1) < order_key(7, 2));
}

static void agrees_with_array(void **state)
{
    static struct item items[ITEMS];
    _Atomic(struct order *) order = NULL;
    struct rcu *rcu;
    uint64_t random = 99;

    (void)state;
    assert_int_equal(rcu_new(&rcu, 1), 0);
    for (int step = 0; step < STEPS; step++) {
        unsigned i = random_below(&random, ITEMS);
        struct item *it = &items[i];
        uint64_t was = it->key, key = order_key((uint16_t)random_below(&random, 20), i);
        struct order_entry e = { .key = key, .tuple = as_tuple(it) };

        if (it->is_in && (step / 3000 % 2 || !random_below(&random, 4))) {
            assert_int_equal(order_change(&order, rcu, &was, NULL), 0);
            it->is_in = false;
        } else {
            if (it->is_in && key == was)
                continue;
            assert_int_equal(order_change(&order, rcu, it->is_in ? &was : NULL, &e), 0);
            it->is_in = true;
            it->key = key;
        }
        if (step % 20 == 0)
            check(order, items);
        rcu_reclaim(rcu);
    }
    for (int i = 0; i < ITEMS; i++)
        if (items[i].is_in) {
            assert_int_equal(order_change(&order, rcu, &items[i].key, NULL), 0);
            items[i].is_in = false;
        }
    check(order, items);
    assert_int_equal(atomic_load(&order)->n, 0);
    order_free(order);
    rcu_free(rcu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_sort_by_falling_bound),
        cmocka_unit_test(agrees_with_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

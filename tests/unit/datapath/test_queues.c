/* SPDX-License-Identifier: Apache-2.0 */
/* test_queues.c - which receive queue is moved to which worker: chosen cases, and over random loads that every move makes the
 * busiest worker less busy, and that moves come to an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "datapath/queues.h"

enum { WORKERS_MAX = 4, QUEUES_MAX = 24, ROUNDS = 20000 };

static void test_chosen(void **state)
{
    struct queue_cost two[] = { { 0, true, 0.5F }, { 0, true, 0.5F } };
    struct queue_cost one[] = { { 0, true, 1.0F } };
    struct queue_cost calm[] = { { 0, true, 0.3F }, { 0, true, 0.2F } };
    struct queue_cost fixed[] = { { 0, false, 0.5F }, { 0, false, 0.5F } };
    struct queue_cost best[] = { { 0, true, 0.1F }, { 0, true, 0.3F }, { 0, true, 0.6F }, { 1, true, 0.2F } };
    struct queue_cost even[] = { { 0, true, 0.5F }, { 0, true, 0.5F }, { 1, true, 0.95F } };
    struct queue_choice c = { 9, 9 };

    assert_true(queues_choose(two, 2, 2, &c));
    assert_int_equal(c.worker, 1);
    assert_false(queues_choose(two, 2, 1, &c));
    assert_false(queues_choose(two, 0, 2, &c));
    assert_false(queues_choose(one, 1, 2, &c)); /* another worker would have as much to do with it */
    assert_false(queues_choose(calm, 2, 2, &c));
    assert_false(queues_choose(fixed, 2, 2, &c));
    assert_false(queues_choose(even, 3, 2, &c));
    assert_true(queues_choose(best, 4, 2, &c));
    assert_int_equal(c.queue, 1); /* 0.7 and 0.5; the last would leave 0.4 and 0.8 */
    assert_int_equal(c.worker, 1);
}

static float most(const struct queue_cost *q, unsigned n)
{
    float load[WORKERS_MAX] = { 0 }, max = 0;

    for (unsigned i = 0; i < n; i++)
        load[q[i].worker] += q[i].part;
    for (unsigned w = 0; w < WORKERS_MAX; w++)
        max = load[w] > max ? load[w] : max;
    return max;
}

static void test_random(void **state)
{
    srand(1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned n = (unsigned)rand() % QUEUES_MAX, n_workers = 2 + (unsigned)rand() % (WORKERS_MAX - 1), moves = 0;
        struct queue_cost q[QUEUES_MAX];
        struct queue_choice c;

        for (unsigned i = 0; i < n; i++)
            q[i] = (struct queue_cost){ (unsigned)rand() % n_workers, rand() % 4 != 0, (float)(rand() % 500) / 1000 };
        while (queues_choose(q, n, n_workers, &c)) {
            float before = most(q, n);

            assert_true(c.queue < n && c.worker < n_workers);
            assert_true(q[c.queue].may_move);
            assert_int_not_equal(q[c.queue].worker, c.worker);
            q[c.queue].worker = c.worker;
            assert_true(most(q, n) <= before);
            assert_true(++moves <= 2 * QUEUES_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_chosen), cmocka_unit_test(test_random) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_clock.c - base/clock.h. */
#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void runs_and_warps(void **state)
{
    struct clock c = { 0 };
    uint64_t plain = clock_now(NULL), a = clock_now(&c);

    assert_true(a >= plain);
    clock_warp(&c, UINT64_C(3600) * NSEC_PER_S);
    uint64_t b = clock_now(&c);
    assert_true(b - a >= UINT64_C(3600) * NSEC_PER_S);
    assert_true(b - a < UINT64_C(3700) * NSEC_PER_S);
    assert_true(clock_wall_ns() > UINT64_C(1600000000) * NSEC_PER_S);
}

static void stands_still(void **state)
{
    struct clock c = { 0 };

    clock_warp(&c, 17);
    clock_stop(&c);
    uint64_t a = clock_now(&c);
    assert_int_equal(clock_now(&c), a);
    clock_stop(&c);
    assert_int_equal(clock_now(&c), a);
    clock_warp(&c, 5);
    assert_int_equal(clock_now(&c), a + 5);
}

static void *warp_often(void *arg)
{
    for (int i = 0; i < 10000; i++)
        clock_warp(arg, 3);
    return NULL;
}

static void many_threads(void **state)
{
    struct clock c = { 0 };
    pthread_t threads[3];

    clock_stop(&c);
    uint64_t start = clock_now(&c), last = start;

    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, warp_often, &c), 0);
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_now(&c);

        assert_true(now >= last);
        last = now;
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(clock_now(&c) - start, 3 * 3 * 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_and_warps),
        cmocka_unit_test(stands_still),
        cmocka_unit_test(many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

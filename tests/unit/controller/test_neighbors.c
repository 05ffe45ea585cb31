/* SPDX-License-Identifier: Apache-2.0 */
/* test_neighbors.c - what is known of neighbors over simulated time. */
#include "controller/neighbors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"

static const struct ip_addr one = { 4, 32, { 10, 0, 0, 1 } }, two = { 4, 32, { 10, 0, 0, 2 } };
static unsigned n_asked, n_lost, n_lost_frames;

static void count(void *arg, const struct neighbor *of)
{
    n_asked++;
}

static void count_lost(void *arg, const struct neighbor *of)
{
    n_lost++;
    n_lost_frames += of->held != NULL;
}

static const struct neighbor_events events = { .ask = count, .lost = count_lost };

static struct neighbor_frame *frame(uint32_t mark)
{
    struct neighbor_frame *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->reg0 = mark;
    return f;
}

static uint64_t ms(uint64_t n)
{
    return 1 + n * NSEC_PER_MS;
}

static void test_learning(void **state)
{
    struct neighbors n;

    neighbors_init(&n);
    assert_true(neighbors_see(&n, 10, &one, 5, ms(0)));
    assert_false(neighbors_see(&n, 10, &one, 5, ms(1)));
    assert_true(neighbors_see(&n, 10, &one, 6, ms(2))); /* it moved to another interface */
    assert_true(neighbors_see(&n, 20, &one, 5, ms(3))); /* another network */
    assert_int_equal(n.map.n, 2);
    assert_true(neighbors_forget(&n, 10, &one));
    assert_false(neighbors_forget(&n, 10, &one));
    assert_int_equal(n.map.n, 1);
    neighbors_fini(&n);
}

/* One question a second, three in all; then it is given up, and may be asked for anew. */
static void test_asking(void **state)
{
    struct neighbors n;

    neighbors_init(&n);
    n_asked = n_lost = 0;
    assert_true(neighbors_want(&n, 10, &one, ms(0)));
    assert_false(neighbors_want(&n, 10, &one, ms(999)));
    for (uint64_t t = 1000; t < 3000; t += 100)
        assert_false(neighbors_tick(&n, ms(t), &events, NULL));
    assert_int_equal(n_asked, NEIGHBOR_FIRST_TRIES - 1);
    assert_int_equal(n.map.n, 1);
    assert_false(neighbors_tick(&n, ms(3100), &events, NULL)); /* it was never known: nothing changes by it */
    assert_int_equal(n.map.n, 0);
    assert_int_equal(n_lost, 1);
    assert_true(neighbors_want(&n, 10, &one, ms(5200)));
    neighbors_fini(&n);
}

/* One that was known is asked for again in time, and stays as long as it answers. */
static void test_ageing(void **state)
{
    struct neighbors n;
    uint64_t t = NEIGHBOR_FRESH_MS;

    neighbors_init(&n);
    neighbors_see(&n, 10, &one, 5, ms(0));
    neighbors_see(&n, 10, &two, 6, ms(0));
    n_asked = 0;
    assert_false(neighbors_tick(&n, ms(t - 1), &events, NULL));
    assert_int_equal(n_asked, 0);
    assert_false(neighbors_tick(&n, ms(t), &events, NULL));
    assert_int_equal(n_asked, 2);
    assert_false(neighbors_see(&n, 10, &two, 6, ms(t + 10)));
    for (unsigned i = 1; i < NEIGHBOR_TRIES; i++)
        assert_false(neighbors_tick(&n, ms(t + i * NEIGHBOR_ASK_MS), &events, NULL));
    assert_int_equal(n_asked, 2 + NEIGHBOR_TRIES - 1);
    assert_true(neighbors_tick(&n, ms(t + NEIGHBOR_TRIES * NEIGHBOR_ASK_MS), &events, NULL)); /* flows must go */
    assert_int_equal(n.map.n, 1);
    for_each_neighbor(of, &n) assert_true(ip_equal(&of->ip, &two));
    neighbors_fini(&n);
}

/* The last frame waits, as long as its neighbor is asked for, and leaves once. */
static void test_holding(void **state)
{
    struct neighbor_frame *f;
    struct neighbors n;

    neighbors_init(&n);
    neighbors_hold(&n, 10, &one, frame(1)); /* nobody is asked for */
    assert_null(neighbors_take(&n, 10, &one));
    neighbors_want(&n, 10, &one, ms(0));
    neighbors_hold(&n, 10, &one, frame(2));
    neighbors_hold(&n, 10, &one, frame(3));
    assert_int_equal(n.n_held, 1);
    assert_null(neighbors_take(&n, 20, &one));
    assert_int_equal(neighbors_mac(&n, 10, &one), 0);
    neighbors_see(&n, 10, &one, 5, ms(10));
    assert_int_equal(neighbors_mac(&n, 10, &one), 5);
    f = neighbors_take(&n, 10, &one);
    assert_non_null(f);
    assert_int_equal(f->reg0, 3);
    free(f);
    assert_null(neighbors_take(&n, 10, &one));
    neighbors_hold(&n, 10, &one, frame(4)); /* it is known */
    assert_null(neighbors_take(&n, 10, &one));
    /* One that does not answer: who waited is shown, and goes. */
    n_lost = n_lost_frames = 0;
    neighbors_want(&n, 10, &two, ms(0));
    neighbors_hold(&n, 10, &two, frame(5));
    for (uint64_t t = 1000; t < 3100; t += 1000)
        neighbors_tick(&n, ms(t), &events, NULL);
    assert_int_equal(n_lost, 1);
    assert_int_equal(n_lost_frames, 1);
    assert_int_equal(n.n_held, 0);
    /* There is a bound, and what is given up makes room. */
    for (unsigned i = 0; i < NEIGHBORS_HELD_MAX + 10; i++) {
        struct ip_addr ip = { 4, 32, { 10, 1, (uint8_t)(i >> 8), (uint8_t)i } };

        neighbors_want(&n, 10, &ip, ms(4000));
        neighbors_hold(&n, 10, &ip, frame(i));
    }
    assert_int_equal(n.n_held, NEIGHBORS_HELD_MAX);
    for (uint64_t t = 5000; t < 7100; t += 1000)
        neighbors_tick(&n, ms(t), &events, NULL);
    assert_int_equal(n.n_held, 0);
    neighbors_want(&n, 10, &two, ms(8000));
    neighbors_hold(&n, 10, &two, frame(6));
    assert_int_equal(n.n_held, 1);
    neighbors_fini(&n); /* with one that waits */
}

static void test_bound(void **state)
{
    struct neighbors n;

    neighbors_init(&n);
    for (unsigned i = 0; i < NEIGHBORS_MAX + 100; i++) {
        struct ip_addr ip = { 4, 32, { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } };

        assert_int_equal(neighbors_see(&n, 10, &ip, 5, ms(0)), i < NEIGHBORS_MAX);
    }
    assert_int_equal(n.map.n, NEIGHBORS_MAX);
    neighbors_fini(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learning), cmocka_unit_test(test_asking), cmocka_unit_test(test_ageing),
        cmocka_unit_test(test_holding),  cmocka_unit_test(test_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

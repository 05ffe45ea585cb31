/* SPDX-License-Identifier: Apache-2.0 */
/* test_wheel.c - base/wheel.h, against a plain array as the model. */
#include "base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define TICK ((uint64_t)WHEEL_TICK_NS)

static void one_timeout(void **state)
{
    static const struct {
        uint64_t start, at;
    } cases[] = {
        { 0, 1 },
        { 0, TICK },
        { 5 * TICK + 3, 6 * TICK + 1 },
        { 63 * TICK, 64 * TICK },
        { 0, 64 * TICK },
        { 1, 4096 * TICK + 7 },
        { 77 * TICK, UINT64_C(100000000000) },
        { 12345, UINT64_C(3600000000000) },
        { UINT64_C(999999999999), UINT64_C(31536000000000000) },
        { 7, UINT64_MAX / 2 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wheel w;
        struct wheel_link l;
        int steps = 0;

        wheel_init(&w, cases[i].start);
        wheel_link_init(&l);
        assert_int_equal(wheel_next_ns(&w), WHEEL_NEVER);
        assert_false(wheel_is_armed(&l));
        wheel_arm(&w, &l, cases[i].at);
        assert_true(wheel_is_armed(&l));
        assert_null(wheel_pop(&w, cases[i].at - 1));
        /* Going from one promised time to the next gets there soon, and never late. */
        for (uint64_t now; (now = wheel_next_ns(&w)) < cases[i].at; steps++)
            assert_null(wheel_pop(&w, now));
        assert_true(steps <= WHEEL_LEVELS);
        assert_true(wheel_next_ns(&w) < cases[i].at + TICK);
        assert_ptr_equal(wheel_pop(&w, wheel_next_ns(&w)), &l);
        assert_false(wheel_is_armed(&l));
        assert_int_equal(wheel_next_ns(&w), WHEEL_NEVER);
    }
}

static void in_the_past_and_never(void **state)
{
    struct wheel w;
    struct wheel_link past, never;

    wheel_init(&w, 1000 * TICK);
    wheel_link_init(&past);
    wheel_link_init(&never);
    wheel_arm(&w, &past, 3 * TICK);
    wheel_arm(&w, &never, UINT64_MAX);
    assert_true(wheel_next_ns(&w) <= 1000 * TICK);
    assert_ptr_equal(wheel_pop(&w, 1000 * TICK), &past);
    assert_null(wheel_pop(&w, UINT64_MAX / 2));
    assert_true(wheel_next_ns(&w) > UINT64_MAX / 2);
    assert_true(wheel_is_armed(&never));
    wheel_disarm(&w, &never);
    assert_int_equal(wheel_next_ns(&w), WHEEL_NEVER);
}

enum { N = 5000 };

struct item {
    struct wheel_link link;
    bool is_armed;
};

static struct item items[N];

static uint64_t rnd(void)
{
    return (uint64_t)random() << 31 ^ (uint64_t)random();
}

static void pop_all(struct wheel *w, uint64_t now)
{
    for (struct wheel_link *l; (l = wheel_pop(w, now));) {
        struct item *it = (struct item *)((char *)l - offsetof(struct item, link));

        assert_true(it->is_armed);
        assert_true(l->at_ns <= now);
        it->is_armed = false;
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(wheel_is_armed(&items[i].link), items[i].is_armed);
        assert_true(!items[i].is_armed || items[i].link.at_ns + TICK > now);
    }
}

static void like_the_model(void **state)
{
    static struct wheel w;
    uint64_t now = UINT64_C(123456789012345);

    srandom(11);
    wheel_init(&w, now);
    for (int i = 0; i < N; i++)
        wheel_link_init(&items[i].link);
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 100; i++) {
            struct item *it = &items[rnd() % N];

            if (rnd() % 4 == 0) {
                wheel_disarm(&w, &it->link);
                it->is_armed = false;
            } else {
                /* From microseconds to weeks ahead. */
                wheel_arm(&w, &it->link, now + rnd() % (UINT64_C(1) << (10 + rnd() % 40)));
                it->is_armed = true;
            }
        }
        now += rnd() % (UINT64_C(1) << (10 + rnd() % 38));
        pop_all(&w, now);
    }
    pop_all(&w, now + (UINT64_C(1) << 52));
    assert_int_equal(wheel_next_ns(&w), WHEEL_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_timeout),
        cmocka_unit_test(in_the_past_and_never),
        cmocka_unit_test(like_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

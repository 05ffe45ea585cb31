/* SPDX-License-Identifier: Apache-2.0 */
/* test_cache.c - what a worker remembers of its translations: found again, told apart, bounded, and set aside when it
 * does not pay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "datapath/cache.h"

enum { BYTES = 1 << 18, SERIAL = 3, VERSION = 17 };

static struct cache *c;

static int setup(void **state)
{
    return cache_new(&c, BYTES);
}

static int teardown(void **state)
{
    cache_free(c);
    return 0;
}

/* A key of `n` words that differs in the last one. */
static struct cache_key key_of(unsigned n, uint64_t v, uint32_t point)
{
    struct entry_mask m = { .n = (uint16_t)n };
    struct key k = { 0 };
    struct cache_key out;

    for (unsigned i = 0; i < n; i++) {
        m.word[i] = (uint8_t)(2 * i);
        m.mask[i] = UINT64_MAX;
        k.w[2 * i] = 1000 + i;
    }
    k.w[2 * (n - 1)] = v;
    cache_key_init(&out, &m, &k, point);
    return out;
}

static void store(const struct cache_key *k, uint64_t program)
{
    uint64_t w[2] = { program, op_head(OP_END, 0, 0) };

    assert_int_equal(*cache_store(c, k, SERIAL, VERSION, w, 2), program);
}

static void test_found_again(void **state)
{
    struct cache_key k = key_of(3, 5, 1);

    assert_null(cache_find(c, &k, SERIAL, VERSION));
    store(&k, 99);
    assert_int_equal(*cache_find(c, &k, SERIAL, VERSION), 99);
}

static void test_told_apart(void **state)
{
    struct cache_key k = key_of(3, 5, 1), other = key_of(3, 6, 1), point = key_of(3, 5, 2), longer = key_of(4, 5, 1);

    store(&k, 99);
    assert_null(cache_find(c, &other, SERIAL, VERSION));
    assert_null(cache_find(c, &point, SERIAL, VERSION));
    assert_null(cache_find(c, &longer, SERIAL, VERSION));
    assert_null(cache_find(c, &k, SERIAL + 1, VERSION));
    assert_null(cache_find(c, &k, SERIAL, VERSION + 1));
    /* bits outside the mask make no difference */
    struct entry_mask m = { .n = 1, .word = { 4 }, .mask = { 0xff00 } };
    struct key a = { .w = { [4] = 0x1234 } }, b = { .w = { [4] = 0x12ff, [5] = 7 } };
    struct cache_key ka, kb;

    cache_key_init(&ka, &m, &a, 1);
    cache_key_init(&kb, &m, &b, 1);
    store(&ka, 7);
    assert_int_equal(*cache_find(c, &kb, SERIAL, VERSION), 7);
}

/* The same key in a newer version takes the old one's place, and equal programs are kept once. */
static void test_new_version_and_interning(void **state)
{
    struct cache_key k = key_of(3, 5, 1), l = key_of(3, 6, 1);
    uint64_t w[2] = { 1234, op_head(OP_END, 0, 0) };
    const uint64_t *first = cache_store(c, &k, SERIAL, VERSION, w, 2);

    assert_ptr_equal(cache_store(c, &k, SERIAL, VERSION + 1, w, 2), first);
    assert_ptr_equal(cache_store(c, &l, SERIAL, VERSION + 1, w, 2), first);
    assert_null(cache_find(c, &k, SERIAL, VERSION));
    assert_ptr_equal(cache_find(c, &k, SERIAL, VERSION + 1), first);
}

/* Far more keys and programs than there is room for: what is found is right, and the newest is found. */
static void test_bounded(void **state)
{
    for (uint64_t i = 1; i < 200000; i++) {
        struct cache_key k = key_of(2 + i % 5, i, 1), old = key_of(2 + i / 2 % 5, i / 2, 1);
        const uint64_t *found;

        store(&k, i);
        found = cache_find(c, &k, SERIAL, VERSION);
        if (found)
            assert_int_equal(*found, i);
        found = i > 3 ? cache_find(c, &old, SERIAL, VERSION) : NULL;
        if (found)
            assert_int_equal(*found, i / 2);
    }
}

/* A program too long for the pool is run from where it was made. */
static void test_long_program(void **state)
{
    static uint64_t w[BYTES / 8];
    struct cache_key k = key_of(3, 5, 1);

    assert_ptr_equal(cache_store(c, &k, SERIAL, VERSION, w, BYTES / 8), w);
    assert_null(cache_find(c, &k, SERIAL, VERSION));
}

/* Traffic that never repeats: after a while the cache is not asked; when traffic repeats again, it is used again. */
static void test_steps_aside(void **state)
{
    uint64_t w[1] = { op_head(OP_END, 0, 0) };
    unsigned aside = 0, hits = 0;

    for (uint64_t i = 0; i < 100000; i++) {
        struct cache_key k = key_of(3, i, 1);

        assert_null(cache_find(c, &k, SERIAL, VERSION));
        aside += cache_store(c, &k, SERIAL, VERSION, w, 1) == w;
    }
    assert_true(aside > 50000);
    for (uint64_t i = 0; i < 400000; i++) {
        struct cache_key k = key_of(3, i % 10, 1);

        if (cache_find(c, &k, SERIAL, VERSION))
            hits++;
        else
            cache_store(c, &k, SERIAL, VERSION, w, 1);
    }
    assert_true(hits > 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_found_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_version_and_interning, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_program, setup, teardown),
        cmocka_unit_test_setup_teardown(test_steps_aside, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_cache.c - what a worker remembers of its translations: found again, told apart, bounded, and set aside when it
 * does not pay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "datapath/cache.h"

enum { BYTES = 1 << 18, SPACE = 3, VERSION = 17 };

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

static struct key_columns keys;

/* Frame `i` has a key of `n` words, all of a burst, that differs from others' in the last one. */
static void key_of(unsigned i, unsigned n, uint64_t v)
{
    uint64_t h = 0;

    keys.n_words = n;
    for (unsigned j = 0; j < n; j++) {
        keys.word[j][i] = j + 1 < n ? 1000 + j : v;
        h = hash_add(h, keys.word[j][i]);
    }
    keys.hash[i] = cache_hash_end(h);
}

static const struct cache_point here = { .space = SPACE, .version = VERSION, .in_port = 77 };

/* The program is known by its first word. */
static void store(const struct cache_point *at, unsigned i, uint64_t program)
{
    uint64_t w[2] = { op_head(OP_SET_QUEUE, 0, program), op_head(OP_END, 0, 0) };
    struct program_buf made = { .w = w, .n = 2 };
    struct program *p = cache_store(c, at, &keys, i, &made);

    if (!p) {
        cache_clear(c);
        p = cache_store(c, at, &keys, i, &made);
    }
    assert_int_equal(op_arg(*program_words(p)), program);
}

/* What frame 0's key leads to; 0: nothing. */
static uint64_t found(const struct cache_point *at)
{
    struct program *p;

    return cache_find(c, at, &keys, 1, &p) ? op_arg(*program_words(p)) : 0;
}

static void test_found_again(void **state)
{
    key_of(0, 3, 5);
    assert_int_equal(found(&here), 0);
    store(&here, 0, 99);
    assert_int_equal(found(&here), 99);
    assert_int_equal(op_arg(*program_words(cache_find_again(c, &here, &keys, 0))), 99);
    key_of(0, 3, 6);
    assert_null(cache_find_again(c, &here, &keys, 0));
}

static void test_told_apart(void **state)
{
    struct cache_point other = here;

    key_of(0, 3, 5);
    store(&here, 0, 99);
    other.space++;
    assert_int_equal(found(&other), 0);
    other = here;
    other.version++;
    assert_int_equal(found(&other), 0);
    other = here;
    other.in_port++;
    assert_int_equal(found(&other), 0);
    key_of(0, 3, 6);
    assert_int_equal(found(&here), 0);
    /* keys of equal hash, and so of one set and tag */
    keys.word[2][0] = 5;
    keys.word[1][0] = 7;
    store(&here, 0, 100);
    keys.word[1][0] = 8;
    assert_int_equal(found(&here), 0);
    store(&here, 0, 101);
    assert_int_equal(found(&here), 101);
    keys.word[1][0] = 7;
    assert_int_equal(found(&here), 100);
}

/* Every frame of a burst is told what is its own. */
static void test_burst(void **state)
{
    struct program *out[PORT_BURST];

    for (unsigned i = 0; i < PORT_BURST; i += 2) {
        key_of(i, 5, 1000 + i);
        store(&here, i, 1 + i);
    }
    for (unsigned i = 0; i < PORT_BURST; i++)
        key_of(i, 5, 1000 + i);
    assert_int_equal(cache_find(c, &here, &keys, PORT_BURST, out), PORT_BURST / 2);
    for (unsigned i = 0; i < PORT_BURST; i++) {
        if (i % 2)
            assert_null(out[i]);
        else
            assert_int_equal(op_arg(*program_words(out[i])), 1 + i);
    }
}

/* The same key in a newer version takes the old one's place, and equal programs are kept once. */
static void test_new_version_and_interning(void **state)
{
    uint64_t w[2] = { op_head(OP_SET_QUEUE, 0, 1234), op_head(OP_END, 0, 0) };
    struct program_buf made = { .w = w, .n = 2 };
    struct cache_point later = here;
    struct program *first, *out[2];

    later.version++;
    key_of(0, 3, 5);
    key_of(1, 3, 6);
    first = cache_store(c, &here, &keys, 0, &made);
    assert_ptr_equal(cache_store(c, &later, &keys, 0, &made), first);
    assert_ptr_equal(cache_store(c, &later, &keys, 1, &made), first);
    assert_int_equal(found(&here), 0);
    assert_int_equal(cache_find(c, &later, &keys, 2, out), 2);
    assert_ptr_equal(out[0], first);
    assert_ptr_equal(out[1], first);
}

/* Far more keys and programs than there is room for: what is found is right. */
static void test_bounded(void **state)
{
    for (uint64_t i = 1; i < 200000; i++) {
        uint64_t got;

        key_of(0, 2 + (unsigned)i % 5, i);
        store(&here, 0, i);
        got = found(&here);
        assert_true(!got || got == i);
        if (i < 4)
            continue;
        key_of(0, 2 + (unsigned)i / 2 % 5, i / 2);
        got = found(&here);
        assert_true(!got || got == i / 2);
    }
}

/* A program too long for the pool is refused, and nothing is remembered. */
static void test_long_program(void **state)
{
    static uint64_t w[BYTES / 8];
    struct program_buf made = { .w = w, .n = BYTES / 8 };

    key_of(0, 3, 5);
    w[0] = op_head(OP_END, 0, 0);
    assert_null(cache_store(c, &here, &keys, 0, &made));
    assert_int_equal(found(&here), 0);
}

/* Traffic that never repeats: after a while the cache is not asked; when traffic repeats again, it is used again. */
static void test_steps_aside(void **state)
{
    unsigned aside = 0, hits = 0;

    for (uint64_t i = 1; i < 1000000; i++) {
        key_of(0, 3, i);
        assert_int_equal(found(&here), 0);
        store(&here, 0, 7);
        aside += !cache_find_again(c, &here, &keys, 0);
    }
    assert_true(aside > 800000);
    for (uint64_t i = 0; i < 1000000; i++) {
        key_of(0, 3, i % 10);
        if (found(&here))
            hits++;
        else
            store(&here, 0, 8);
    }
    assert_true(hits > 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_found_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_burst, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_version_and_interning, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_program, setup, teardown),
        cmocka_unit_test_setup_teardown(test_steps_aside, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

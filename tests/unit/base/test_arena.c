/* SPDX-License-Identifier: Apache-2.0 */
/* test_arena.c - base/arena.h and base/errbuf.h. */
#include "base/arena.h"

#include "base/errbuf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void gives_zeroed_aligned_memory(void **state)
{
    struct arena a;

    arena_init(&a);
    for (int round = 0; round < 3; round++) {
        for (size_t n = 1; n < 3000; n += 7) {
            uint8_t *p = arena_calloc(&a, n, 1);

            assert_non_null(p);
            assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xaa, n);
        }
        arena_reset(&a);
    }
    arena_fini(&a);
    arena_fini(NULL);
}

static void larger_than_a_chunk(void **state)
{
    struct arena a;

    arena_init(&a);
    uint8_t *small = arena_calloc(&a, 10, 1), *big = arena_calloc(&a, 1 << 20, 1);

    assert_non_null(big);
    memset(big, 1, 1 << 20);
    assert_int_equal(small[9], 0);
    assert_non_null(arena_calloc(&a, 0, 8));
    arena_fini(&a);
}

static void refuses_overflow(void **state)
{
    struct arena a;

    arena_init(&a);
    assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
    assert_null(arena_calloc(&a, SIZE_MAX - 3, 1));
    assert_non_null(arena_calloc(&a, 1, 1));
    arena_fini(&a);
}

static void copies(void **state)
{
    struct arena a;

    arena_init(&a);
    assert_string_equal(arena_dup(&a, "abcdef", 3), "abc");
    assert_string_equal(arena_dup(&a, NULL, 0), "");
    assert_string_equal(arena_printf(&a, "%s-%d", "port", 17), "port-17");
    arena_fini(&a);
}

static void first_error_stays(void **state)
{
    struct errbuf e = { 0 };
    char big[1000];

    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(errbuf_set(&e, -EINVAL, "port %s", "p7"), -EINVAL);
    assert_int_equal(errbuf_set(&e, -ENOENT, "later"), -ENOENT);
    errbuf_prefix(&e, "f.yaml:%d", 3);
    assert_string_equal(e.text, "f.yaml:3: port p7");
    errbuf_prefix(&e, "%s", big);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_int_equal(errbuf_set(NULL, -EIO, "nobody listens"), -EIO);
    errbuf_prefix(NULL, "nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_zeroed_aligned_memory),
        cmocka_unit_test(larger_than_a_chunk),
        cmocka_unit_test(refuses_overflow),
        cmocka_unit_test(copies),
        cmocka_unit_test(first_error_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_pages.c - base/pages.h. */
#include "base/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <cmocka.h>

static void zeroed_of_any_size(void **state)
{
    for (size_t n = 1; n < 4 << 20; n = n * 3 + 1) {
        uint32_t *p = pages_calloc(n, sizeof *p);

        assert_non_null(p);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(p[i], 0);
            p[i] = UINT32_MAX;
        }
        free(p);
    }
}

/* Before anybody has touched them. */
static void its_pages_are_there(void **state)
{
    enum { N = 16 << 20, PAGE = 4096 };
    uint8_t *p = pages_calloc(N, 1);
    uint8_t *begin = (uint8_t *)(((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    static unsigned char is_there[N / PAGE - 1];
    unsigned n = 0;

    assert_non_null(p);
    assert_int_equal(mincore(begin, sizeof is_there * PAGE, is_there), 0);
    for (size_t i = 0; i < sizeof is_there; i++)
        n += is_there[i] & 1;
    assert_int_equal(n, sizeof is_there);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_of_any_size),
        cmocka_unit_test(its_pages_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

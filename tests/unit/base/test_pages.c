/* SPDX-License-Identifier: Apache-2.0 */
/* test_pages.c - base/pages.h. */
#include "base/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
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

static long faults(void)
{
    struct rusage u;

    assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
    return u.ru_minflt;
}

/* Reading first, as who looks for something in an empty table does, and then writing, costs no faults. */
static void its_pages_are_there(void **state)
{
    enum { N = 16 << 20, STEP = 4096 };
    uint8_t *p = pages_calloc(N, 1);
    long before = faults();
    unsigned sum = 0;

    assert_non_null(p);
    for (size_t i = 0; i < N; i += STEP)
        sum += p[i];
    for (size_t i = 0; i < N; i += STEP)
        p[i] = 1;
    assert_int_equal(sum, 0);
    assert_in_range(faults() - before, 0, N / STEP / 8);
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

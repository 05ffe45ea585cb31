/* SPDX-License-Identifier: Apache-2.0 */
/* test_match.c - the comparisons of base/match.h, plain and compact, which must agree. */
#include "base/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

struct cond {
    enum field_id field;
    uint64_t value, mask; /* mask 0: exact */
};

static void make(struct match *m, const struct cond *c)
{
    *m = (struct match){ 0 };
    for (int i = 0; i < 3; i++)
        if (c[i].mask)
            match_set_masked(m, c[i].field, value_of(c[i].value), value_of(c[i].mask));
        else if (c[i].value)
            match_set(m, c[i].field, c[i].value);
}

static struct compact_match *compact(const struct match *m)
{
    struct compact_match *c = malloc(compact_match_size(m));

    compact_match_init(c, m);
    return c;
}

static void covers_and_overlaps(void **state)
{
    static const struct {
        struct cond a[3], b[3];
        bool covers, covered, overlaps;
    } cases[] = {
        { { { 0 } }, { { 0 } }, true, true, true },
        { { { 0 } }, { { FIELD_IN_PORT, 7 } }, true, false, true },
        { { { FIELD_IN_PORT, 7 } }, { { FIELD_IN_PORT, 8 } }, false, false, false },
        { { { FIELD_IN_PORT, 7 } }, { { FIELD_IN_PORT, 7 }, { FIELD_ETH_TYPE, 0x800 } }, true, false, true },
        { { { FIELD_IN_PORT, 7 } }, { { FIELD_ETH_TYPE, 0x800 } }, false, false, true },
        { { { FIELD_IPV4_SRC, 0x0a000000, 0xff000000 } },
          { { FIELD_IPV4_SRC, 0x0a0b0000, 0xffff0000 } },
          true,
          false,
          true },
        { { { FIELD_IPV4_SRC, 0x0a000000, 0xff000000 } },
          { { FIELD_IPV4_SRC, 0x0b0b0000, 0xffff0000 } },
          false,
          false,
          false },
        { { { FIELD_IPV4_SRC, 3, 0xff } }, { { FIELD_IPV4_SRC, 0x0a000000, 0xff000000 } }, false, false, true },
        { { { FIELD_TCP_DST, 80 }, { FIELD_ETH_SRC, 5 } },
          { { FIELD_ETH_SRC, 5 }, { FIELD_IN_PORT, 2 } },
          false,
          false,
          true },
        { { { FIELD_TCP_DST, 80 }, { FIELD_ETH_SRC, 5 } },
          { { FIELD_ETH_SRC, 6 }, { FIELD_IN_PORT, 2 } },
          false,
          false,
          false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct match a, b;

        make(&a, cases[i].a);
        make(&b, cases[i].b);

        struct compact_match *ca = compact(&a), *cb = compact(&b);

        assert_int_equal(match_covers(&a, &b), cases[i].covers);
        assert_int_equal(match_covers(&b, &a), cases[i].covered);
        assert_int_equal(match_overlaps(&a, &b), cases[i].overlaps);
        assert_int_equal(compact_match_covers(ca, cb), cases[i].covers);
        assert_int_equal(compact_match_covers(cb, ca), cases[i].covered);
        assert_int_equal(compact_match_overlaps(ca, cb), cases[i].overlaps);
        assert_int_equal(compact_match_overlaps(cb, ca), cases[i].overlaps);
        free(ca);
        free(cb);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(covers_and_overlaps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_text_table.c - tools/text_table.h: columns and units. */
#include "tools/text_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void columns(void **state)
{
    struct text_table t;
    struct str s = { 0 };

    text_table_init(&t, "NAME >N WHAT");
    text_table_add(&t, "%s", "a");
    text_table_add(&t, "%d", 1234);
    text_table_add(&t, "%s", "");
    text_table_add(&t, "%s", "longer");
    text_table_add(&t, "%d", 7);
    text_table_add(&t, "%s", "x y");
    text_table_print(&t, &s);
    assert_string_equal(str_text(&s), "NAME       N  WHAT\n"
                                      "a       1234  -\n"
                                      "longer     7  x y\n");
    str_fini(&s);
    text_table_fini(&t);
}

static void units(void **state)
{
    static const struct {
        uint64_t n;
        const char *want;
    } cases[] = {
        { 0, "0 B" },         { 999, "999 B" },      { 1000, "1.00 kB" },        { 1464, "1.46 kB" },
        { 9994, "9.99 kB" },  { 9995, "10.0 kB" },   { 99949, "99.9 kB" },       { 99950, "100 kB" },
        { 999499, "999 kB" }, { 999500, "1.00 MB" }, { 20100000000, "20.1 GB" }, { UINT64_MAX, "18.4 EB" },
    };
    char text[UNITS_TEXT_SIZE];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(units_bytes(cases[i].n, text), cases[i].want);
}

static void times(void **state)
{
    char text[UNITS_TEXT_SIZE];

    assert_string_equal(units_seconds(59, text), "59 s");
    assert_string_equal(units_seconds(200, text), "3 min 20 s");
    assert_string_equal(units_seconds(7500, text), "2 h 5 min");
    assert_string_equal(units_seconds(86400 * 7 + 3600 * 3 + 59, text), "7 d 3 h");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(columns), cmocka_unit_test(units), cmocka_unit_test(times) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

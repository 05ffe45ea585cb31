/* SPDX-License-Identifier: Apache-2.0 */
/* test_str.c - growing text. */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void grows(void **state)
{
    struct str s;
    char want[5000];

    (void)state;
    str_init(&s);
    assert_string_equal(str_text(&s), "");
    for (int i = 0; i < 499; i++) {
        str_printf(&s, "%09d ", i);
        snprintf(want + i * 10, sizeof want - (size_t)i * 10, "%09d ", i);
    }
    assert_int_equal(s.len, 4990);
    assert_string_equal(str_text(&s), want);
    str_cut(&s, 3);
    str_add(&s, "ab");
    str_add_char(&s, 'c');
    assert_string_equal(str_text(&s), "000abc");
    str_printf(&s, "%s", want);
    assert_int_equal(s.len, 6 + strlen(want));
    str_fini(&s);
}

static void gives_text(void **state)
{
    struct str s = { 0 };
    char *text;

    (void)state;
    text = str_take(&s);
    assert_string_equal(text, "");
    free(text);
    str_add_len(&s, "seven", 4);
    text = str_take(&s);
    assert_string_equal(text, "seve");
    free(text);
    assert_null(s.s);
    str_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(grows), cmocka_unit_test(gives_text) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

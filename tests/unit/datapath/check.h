/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - an assertion that says which case of a table failed.  Include behind <cmocka.h>. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#define CHECK(cond_, ...) ((cond_) ? (void)0 : check_failed(__VA_ARGS__))

__attribute__((format(printf, 1, 2))) static inline void check_failed(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprint_error(format, args);
    va_end(args);
    print_error("\n");
    fail();
}

#endif

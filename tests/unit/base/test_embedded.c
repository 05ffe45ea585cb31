/* SPDX-License-Identifier: Apache-2.0 */
/* test_embedded.c - base/embedded.h: the addresses of RFC 6052. */
#include "base/embedded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const uint32_t ipv4 = 0xc0000221; /* 192.0.2.33 */

/* RFC 6052, 2.4, tables 2 and 3. */
static const struct {
    struct value prefix;
    unsigned len;
    struct value want;
} cases[] = {
    { { 0x20010db800000000, 0 }, 32, { 0x20010db8c0000221, 0 } },
    { { 0x20010db801000000, 0 }, 40, { 0x20010db801c00002, 0x0021000000000000 } },
    { { 0x20010db801220000, 0 }, 48, { 0x20010db80122c000, 0x0002210000000000 } },
    { { 0x20010db801220300, 0 }, 56, { 0x20010db8012203c0, 0x0000022100000000 } },
    { { 0x20010db801220344, 0 }, 64, { 0x20010db801220344, 0x00c0000221000000 } },
    { { 0x20010db801220344, 0 }, 96, { 0x20010db801220344, 0x00000000c0000221 } },
    { { 0x0064ff9b00000000, 0 }, 96, { 0x0064ff9b00000000, 0x00000000c0000221 } },
};

static void rfc_6052_examples(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value got = embedded_make(cases[i].prefix, cases[i].len, ipv4);

        assert_true(embedded_prefix_is_sound(cases[i].prefix, cases[i].len));
        assert_int_equal(got.hi, cases[i].want.hi);
        assert_int_equal(got.lo, cases[i].want.lo);
        assert_int_equal(embedded_ipv4(got, cases[i].len), ipv4);
        assert_true(embedded_is_in(got, cases[i].prefix, cases[i].len));
        got.hi ^= UINT64_C(1) << (64 - 32);
        assert_false(embedded_is_in(got, cases[i].prefix, cases[i].len));
    }
}

/* The last bit of a prefix counts, the next one does not. */
static void ends_of_prefixes(void **state)
{
    static const struct value prefix = { 0x20010db801220344, 0 };

    assert_false(embedded_is_in((struct value){ prefix.hi ^ 1, 0 }, prefix, 64));
    assert_true(embedded_is_in((struct value){ prefix.hi, UINT64_C(1) << 63 }, prefix, 64));
    assert_false(embedded_is_in((struct value){ prefix.hi, UINT64_C(1) << 32 }, prefix, 96));
    assert_true(embedded_is_in((struct value){ prefix.hi, UINT64_C(1) << 31 }, prefix, 96));
}

static void masks(void **state)
{
    assert_int_equal(ipv6_prefix_mask(0).hi | ipv6_prefix_mask(0).lo, 0);
    assert_int_equal(ipv6_prefix_mask(1).hi, UINT64_C(1) << 63);
    assert_int_equal(ipv6_prefix_mask(64).hi, UINT64_MAX);
    assert_int_equal(ipv6_prefix_mask(64).lo, 0);
    assert_int_equal(ipv6_prefix_mask(65).lo, UINT64_C(1) << 63);
    assert_int_equal(ipv6_prefix_mask(128).hi & ipv6_prefix_mask(128).lo, UINT64_MAX);
}

static void unsound_prefixes(void **state)
{
    static const struct value zero = { 0x0064ff9b00000000, 0 };

    for (unsigned len = 0; len <= 128; len++)
        assert_int_equal(embedded_prefix_is_sound(zero, len),
                         len == 32 || len == 40 || len == 48 || len == 56 || len == 64 || len == 96);
    assert_false(embedded_prefix_is_sound((struct value){ 0x20010db800000001, 0 }, 48)); /* bits behind it */
    assert_false(embedded_prefix_is_sound((struct value){ 0x20010db800000000, 1 }, 96));
    assert_false(
        embedded_prefix_is_sound((struct value){ 0x20010db800000000, UINT64_C(1) << 56 }, 96)); /* bits 64-71 */
    assert_true(embedded_prefix_is_sound((struct value){ 0x20010db800000000, UINT64_C(1) << 55 }, 96));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_6052_examples),
        cmocka_unit_test(ends_of_prefixes),
        cmocka_unit_test(masks),
        cmocka_unit_test(unsound_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_nptv6.c - base/nptv6.h: addresses of one prefix for another (RFC 6296). */
#include "base/nptv6.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct nptv6 example = { { 0xfd01020304050000, 0 }, { 0x20010db800010000, 0 }, 48, 48 };

static uint32_t sum(struct value v)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < 64; i += 16)
        n += (v.hi >> i & 0xffff) + (v.lo >> i & 0xffff);
    while (n >> 16)
        n = (n & 0xffff) + (n >> 16);
    return n == 0xffff ? 0 : (uint32_t)n;
}

/* There and back; and no checksum sees it. */
static void there_and_back(const struct nptv6 *t, struct value in, struct value out)
{
    struct value v = in;

    assert_true(nptv6_is_sound(t));
    assert_int_equal(nptv6_to_outside(t, &v), NPTV6_MAPPED);
    assert_int_equal(v.hi, out.hi);
    assert_int_equal(v.lo, out.lo);
    assert_int_equal(sum(v), sum(in));
    assert_int_equal(nptv6_to_inside(t, &v), NPTV6_MAPPED);
    assert_int_equal(v.hi, in.hi);
    assert_int_equal(v.lo, in.lo);
}

/* RFC 6296, 3.1 to 3.3: FD01:203:405:1::1234 is 2001:DB8:1:D550::1234 outside. */
static void rfc_6296_example(void **state)
{
    there_and_back(&example, (struct value){ 0xfd01020304050001, 0x1234 },
                   (struct value){ 0x20010db80001d550, 0x1234 });
}

/* 3.4: the subnet that is all ones has no other; the one that would become all ones becomes zero. */
static void subnets(void **state)
{
    struct value v = { 0xfd0102030405ffff, 0x1234 };

    assert_int_equal(nptv6_to_outside(&example, &v), NPTV6_NONE);
    v = (struct value){ 0x20010db80001ffff, 0x1234 };
    assert_int_equal(nptv6_to_inside(&example, &v), NPTV6_NONE);
    there_and_back(&example, (struct value){ 0xfd01020304052ab0, 1 }, (struct value){ 0x20010db800010000, 1 });
    there_and_back(&example, (struct value){ 0xfd01020304050000, 1 }, (struct value){ 0x20010db80001d54f, 1 });
}

/* 3.5: prefixes above 48 bits leave the subnet alone; the first word of the identifier that is not all ones makes up for it. */
static void long_prefixes(void **state)
{
    static const struct nptv6 t = { { 0xfd01020304050001, 0 }, { 0x20010db800010002, 0 }, 64, 64 };
    struct value v = { t.inside.hi, 0 };

    there_and_back(&t, (struct value){ t.inside.hi, 0x0000000000001234 },
                   (struct value){ t.outside.hi, 0xd54e000000001234 });
    there_and_back(&t, (struct value){ t.inside.hi, 0xffff000000001234 },
                   (struct value){ t.outside.hi, 0xffffd54e00001234 });
    there_and_back(&t, (struct value){ t.inside.hi, 0xfffffffffffffffe },
                   (struct value){ t.outside.hi, 0xffffffffffffd54d });
    assert_int_equal(nptv6_to_outside(&t, &v), NPTV6_NONE);
    v.lo = UINT64_MAX;
    assert_int_equal(nptv6_to_outside(&t, &v), NPTV6_NONE);
}

/* 3.2: a shorter prefix goes on with zeros. */
static void unequal_prefixes(void **state)
{
    static const struct nptv6 t = { { 0xfd00000000000000, 0 }, { 0x20010db812340000, 0 }, 40, 48 };
    struct value v = { 0xfd00000000010005, 1 };

    assert_int_equal(nptv6_to_outside(&t, &v), NPTV6_OTHER); /* it would be a subnet that the outside has no room for */
    there_and_back(&t, (struct value){ 0xfd00000000000005, 1 }, (struct value){ 0x20010db81234bd18, 1 });
}

static void others(void **state)
{
    struct value v = { 0xfd01020304060001, 0x1234 };

    assert_int_equal(nptv6_to_outside(&example, &v), NPTV6_OTHER);
    assert_int_equal(v.hi, 0xfd01020304060001);
    assert_int_equal(nptv6_to_inside(&example, &v), NPTV6_OTHER);
}

static void every_subnet(void **state)
{
    for (unsigned i = 0; i < 0xffff; i++) {
        struct value v = { example.inside.hi | i, 0x0123456789abcdef };
        struct value was = v;

        assert_int_equal(nptv6_to_outside(&example, &v), NPTV6_MAPPED);
        assert_int_equal(sum(v), sum(was));
        assert_int_equal(nptv6_to_inside(&example, &v), NPTV6_MAPPED);
        assert_int_equal(v.hi, was.hi);
    }
}

static void unsound(void **state)
{
    struct nptv6 t = example;

    t.inside_len = 0;
    assert_false(nptv6_is_sound(&t));
    t.inside_len = 65;
    assert_false(nptv6_is_sound(&t));
    t.inside_len = 32;
    assert_false(nptv6_is_sound(&t)); /* bits behind it */
    t = example;
    t.outside.lo = 1;
    assert_false(nptv6_is_sound(&t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_6296_example), cmocka_unit_test(subnets), cmocka_unit_test(long_prefixes),
        cmocka_unit_test(unequal_prefixes), cmocka_unit_test(others),  cmocka_unit_test(every_subnet),
        cmocka_unit_test(unsound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_field.c - the generated registry: names, places that do not overlap, prerequisites. */
#include "base/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void names_find_fields(void **state)
{
    static const struct {
        const char *name;
        enum field_id want;
    } cases[] = {
        { "in_port", FIELD_IN_PORT }, { "eth_dst", FIELD_ETH_DST }, { "dl_dst", FIELD_ETH_DST },
        { "nw_src", FIELD_IPV4_SRC }, { "tp_dst", FIELD_TCP_DST },  { "reg1", FIELD_REG1 },
        { "reg15", FIELD_REG15 },     { "nd_tll", FIELD_ND_TLL },   { "", FIELD_NONE },
        { "reg", FIELD_NONE },        { "reg16", FIELD_NONE },      { "zzz", FIELD_NONE },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(field_by_name(cases[i].name, strlen(cases[i].name)), cases[i].want);
    assert_int_equal(field_by_name("reg1,eth", 4), FIELD_REG1);
}

/* Two fields share bits only when one is told apart from the other by a prerequisite. */
static void places_are_apart(void **state)
{
    uint64_t used[KEY_WORDS] = { 0 };

    (void)state;
    for (int i = 0; i < FIELD_N; i++) {
        const struct field_info *f = &field_table[i];
        struct value ones = field_ones((enum field_id)i);

        assert_non_null(f->name);
        if (f->is_view)
            continue;
        assert_in_range(f->word, 0, KEY_WORDS - 1);
        if (f->bits > 64) {
            assert_int_equal(used[f->word] | used[f->word + 1], 0);
            used[f->word] = used[f->word + 1] = UINT64_MAX;
            continue;
        }
        assert_in_range(f->shift + f->bits, 1, 64);
        if (f->need[0][0].field == FIELD_NONE)
            assert_int_equal(used[f->word] & ones.lo << f->shift, 0);
        used[f->word] |= ones.lo << f->shift;
    }
    assert_int_equal(field_table[FIELD_UDP_DST].word, field_table[FIELD_TCP_DST].word);
    assert_int_equal(field_table[FIELD_UDP_DST].shift, field_table[FIELD_TCP_DST].shift);
}

static void needs(void **state)
{
    const struct field_info *icmp = &field_table[FIELD_ICMPV6_TYPE], *mpls = &field_table[FIELD_MPLS_LABEL];

    (void)state;
    assert_int_equal(field_table[FIELD_ETH_DST].need[0][0].field, FIELD_NONE);
    assert_int_equal(icmp->need[0][0].field, FIELD_ETH_TYPE);
    assert_int_equal(icmp->need[0][0].value, 0x86dd);
    assert_int_equal(icmp->need[0][1].field, FIELD_IP_PROTO);
    assert_int_equal(icmp->need[0][1].value, 58);
    assert_int_equal(icmp->need[1][0].field, FIELD_NONE);
    assert_int_equal(mpls->need[1][0].value, 0x8848);
    assert_int_equal(mpls->need[1][1].field, FIELD_NONE);
    assert_true(field_table[FIELD_VLAN_PCP].need[0][0].is_any);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_find_fields),
        cmocka_unit_test(places_are_apart),
        cmocka_unit_test(needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

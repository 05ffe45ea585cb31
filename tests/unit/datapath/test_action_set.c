/* SPDX-License-Identifier: Apache-2.0 */
/* test_action_set.c - what an action set holds after several writes, and in what order. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "datapath/action_set.h"

static struct act set(enum field_id id, uint64_t v, uint64_t mask)
{
    return (struct act){ .type = ACT_SET_FIELD, .field = id, .value = value_of(v), .mask = value_of(mask) };
}

static struct act move(enum field_id from, enum field_id to)
{
    return (struct act){ .type = ACT_MOVE, .src = { from, 0, 32 }, .dst = { to, 0, 32 } };
}

static const struct act out_7 = { .type = ACT_OUTPUT, .port = 7 }, out_8 = { .type = ACT_OUTPUT, .port = 8 };
static const struct act pop = { .type = ACT_POP_VLAN };

/* OpenFlow 1.3.5, 5.10. */
static void orders_and_replaces(void **state)
{
    struct action_set s = { 0 };
    const struct act a[] = { out_7, set(FIELD_ETH_DST, 5, 0xff),      pop, set(FIELD_ETH_SRC, 6, 0xff), out_8,
                             pop,   set(FIELD_ETH_DST, 0x900, 0xff00) };

    (void)state;
    for (size_t i = 0; i < sizeof a / sizeof *a; i++)
        action_set_write(&s, &a[i]);
    assert_true(action_set_finish(&s));
    assert_int_equal(s.n, 4);
    assert_int_equal(s.acts[0].type, ACT_POP_VLAN);
    assert_int_equal(s.acts[1].field, FIELD_ETH_DST);
    assert_int_equal(s.acts[1].value.lo, 0x905);
    assert_int_equal(s.acts[1].mask.lo, 0xffff);
    assert_int_equal(s.acts[2].field, FIELD_ETH_SRC);
    assert_int_equal(s.acts[3].port, 8);
}

static void drops_without_output(void **state)
{
    struct action_set s = { 0 };

    (void)state;
    action_set_write(&s, &pop);
    assert_false(action_set_finish(&s));
}

/* ovs-actions(7), Action Sets: "executed in the order added", whatever names the same bits have. */
static void keeps_the_order_of_what_overlaps(void **state)
{
    const struct act reg0 = set(FIELD_REG0, 1, 1), xreg0 = set(FIELD_XREG0, 2, 3), reg1 = set(FIELD_REG1, 3, 3);
    const struct act ttl = { .type = ACT_SET_IP_TTL, .ttl = 9 }, ip_ttl = set(FIELD_IP_TTL, 8, 0xff);
    struct action_set s = { 0 };

    (void)state;
    action_set_write(&s, &reg1);
    action_set_write(&s, &reg0);
    action_set_write(&s, &reg1); /* not the same bits as reg0's: the first one takes it in */
    assert_int_equal(s.n, 2);
    action_set_write(&s, &xreg0);
    action_set_write(&s, &reg0);
    assert_int_equal(s.n, 4);
    assert_int_equal(s.acts[3].field, FIELD_REG0);
    action_set_write(&s, &ttl);
    action_set_write(&s, &ip_ttl);
    action_set_write(&s, &ttl);
    assert_int_equal(s.n, 7);
    assert_int_equal(s.acts[5].type, ACT_SET_FIELD);
    assert_int_equal(s.acts[6].type, ACT_SET_IP_TTL);
}

static void keeps_moves_in_their_place(void **state)
{
    const struct act reg0 = set(FIELD_REG0, 1, 1), there = move(FIELD_REG0, FIELD_REG3),
                     back = move(FIELD_REG3, FIELD_REG0);
    struct action_set s = { 0 };

    (void)state;
    action_set_write(&s, &reg0);
    action_set_write(&s, &there);
    action_set_write(&s, &reg0);
    action_set_write(&s, &back);
    action_set_write(&s, &out_7);
    assert_true(action_set_finish(&s));
    assert_int_equal(s.n, 5);
    assert_int_equal(s.acts[1].type, ACT_MOVE);
    assert_int_equal(s.acts[2].field, FIELD_REG0);
    assert_int_equal(s.acts[3].src.field, FIELD_REG3);
}

static void tells_when_it_is_full(void **state)
{
    const struct act there = move(FIELD_REG0, FIELD_REG3);
    struct action_set s = { 0 };

    (void)state;
    for (int i = 0; i < ACTION_SET_MAX; i++)
        action_set_write(&s, &there);
    assert_false(s.is_overflown);
    action_set_write(&s, &there);
    assert_true(s.is_overflown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_and_replaces),        cmocka_unit_test(drops_without_output),
        cmocka_unit_test(keeps_moves_in_their_place), cmocka_unit_test(keeps_the_order_of_what_overlaps),
        cmocka_unit_test(tells_when_it_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

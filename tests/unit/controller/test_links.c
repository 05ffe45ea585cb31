/* SPDX-License-Identifier: Apache-2.0 */
/* test_links.c - controller/links.h: when a link is used, moved through time by hand. */
#include "controller/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define MS UINT64_C(1000000)
#define LATE (LINK_TIMEOUT_MS * MS)

static void both_up(struct link_track *l, enum link_state first, uint64_t now_ns)
{
    link_track_init(l, first);
    link_set_end(l, 0, END_UP, now_ns);
    link_set_end(l, 1, END_UP, now_ns);
}

static void presumed_until_late(void **state)
{
    struct link_track l;

    both_up(&l, LINK_PRESUMED, 5 * MS);
    assert_true(link_is_used(&l));
    assert_false(link_is_settled(&l, 5 * MS));
    assert_false(link_tick(&l, 5 * MS + LATE - 1));
    assert_true(link_tick(&l, 5 * MS + LATE));
    assert_int_equal(l.state, LINK_DOWN);
    assert_true(link_is_settled(&l, 5 * MS + LATE));
}

static void needs_both_ways(void **state)
{
    struct link_track l;

    both_up(&l, LINK_DOWN, 5 * MS);
    assert_false(link_heard(&l, 0, 6 * MS));
    assert_false(link_is_used(&l));
    assert_true(link_heard(&l, 1, 7 * MS));
    assert_int_equal(l.state, LINK_UP);
    assert_true(link_is_settled(&l, 7 * MS));
    for (uint64_t t = 8 * MS; t < 7 * MS + LATE; t += 500 * MS)
        assert_false(link_heard(&l, 0, t)); /* one way only */
    assert_true(link_tick(&l, 7 * MS + LATE));
    assert_int_equal(l.state, LINK_DOWN);
    assert_true(link_heard(&l, 1, 9 * MS + LATE));
    assert_int_equal(l.state, LINK_UP);
}

static void ports_and_switches(void **state)
{
    struct link_track l;

    both_up(&l, LINK_PRESUMED, 5 * MS);
    link_heard(&l, 0, 6 * MS);
    link_heard(&l, 1, 6 * MS);
    assert_false(link_set_end(&l, 0, END_UNKNOWN, 7 * MS)); /* its switch is not connected: stays as it is */
    assert_int_equal(l.state, LINK_UP);
    assert_false(link_tick(&l, 7 * MS + 2 * LATE));
    assert_false(link_set_end(&l, 0, END_UP, 8 * MS + 2 * LATE));
    assert_int_equal(l.state, LINK_UP);
    assert_true(link_set_end(&l, 1, END_DOWN, 9 * MS + 2 * LATE)); /* at once */
    assert_int_equal(l.state, LINK_DOWN);
    assert_false(link_heard(&l, 0, 10 * MS + 2 * LATE)); /* still on its way when the port went down */
    assert_false(link_set_end(&l, 1, END_UP, 11 * MS + 2 * LATE));
    assert_false(link_heard(&l, 0, 12 * MS + 2 * LATE)); /* what was heard before does not count */
    assert_true(link_heard(&l, 1, 13 * MS + 2 * LATE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presumed_until_late),
        cmocka_unit_test(needs_both_ways),
        cmocka_unit_test(ports_and_switches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

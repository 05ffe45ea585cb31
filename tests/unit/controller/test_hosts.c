/* SPDX-License-Identifier: Apache-2.0 */
/* test_hosts.c - controller/hosts.h: learned, moved, forgotten, and never too many. */
#include "controller/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define MOVE_NS ((uint64_t)HOSTS_MOVE_MS * 1000000)

static void move_and_forget(void **state)
{
    struct hosts h;
    const struct host_place here = { 7, 11 }, there = { 8, 12 };

    hosts_init(&h);
    assert_int_equal(hosts_see(&h, 10, 0x020000000001, here, 1000), HOSTS_NEW);
    assert_int_equal(hosts_see(&h, 10, 0x020000000001, here, 2000), HOSTS_SAME);
    assert_int_equal(hosts_see(&h, 20, 0x020000000001, there, 3000), HOSTS_NEW); /* in another network it is another */
    assert_int_equal(hosts_see(&h, 10, 0x020000000001, there, 1000 + MOVE_NS - 1), HOSTS_REFUSED);
    assert_int_equal(hosts_see(&h, 10, 0x020000000001, there, 1000 + MOVE_NS), HOSTS_MOVED);
    assert_int_equal(hosts_at(&h, here), 0);
    assert_int_equal(hosts_at(&h, there), 2);
    assert_false(hosts_forget(&h, 10, 0x020000000001, here)); /* it was idle there, and lives here */
    assert_true(hosts_forget(&h, 10, 0x020000000001, there));
    assert_int_equal(hosts_at(&h, there), 1);
    assert_int_equal(hosts_forget_place(&h, (struct host_place){ 8, 13 }), 0);
    assert_int_equal(hosts_forget_place(&h, (struct host_place){ 8, 0 }), 1);
    assert_int_equal(h.map.n, 0);
    assert_int_equal(h.ports.n, 0);
    hosts_fini(&h);
}

static void bounds(void **state)
{
    struct hosts h;
    const struct host_place full = { 7, 11 };
    net_mac mac = 0x020000000000;

    hosts_init(&h);
    for (int i = 0; i < HOSTS_PER_PORT_MAX; i++)
        assert_int_equal(hosts_see(&h, 10, mac++, full, 0), HOSTS_NEW);
    assert_int_equal(hosts_see(&h, 10, mac, full, 0), HOSTS_REFUSED);
    assert_int_equal(hosts_see(&h, 10, mac, (struct host_place){ 7, 12 }, 0), HOSTS_NEW);
    assert_int_equal(hosts_see(&h, 10, mac, full, MOVE_NS), HOSTS_REFUSED); /* nor may it move there */
    assert_int_equal(hosts_at(&h, (struct host_place){ 7, 12 }), 1);
    assert_true(hosts_forget(&h, 10, 0x020000000000, full));
    assert_int_equal(hosts_see(&h, 10, mac, full, MOVE_NS), HOSTS_MOVED);
    for (uint32_t port = 100; h.map.n < HOSTS_MAX; port++)
        for (int i = 0; i < HOSTS_PER_PORT_MAX && h.map.n < HOSTS_MAX; i++)
            assert_int_equal(hosts_see(&h, 10, ++mac, (struct host_place){ 9, port }, 0), HOSTS_NEW);
    assert_int_equal(hosts_see(&h, 10, ++mac, (struct host_place){ 10, 1 }, 0), HOSTS_REFUSED);
    assert_int_equal(hosts_at(&h, (struct host_place){ 10, 1 }), 0);
    hosts_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(move_and_forget), cmocka_unit_test(bounds) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

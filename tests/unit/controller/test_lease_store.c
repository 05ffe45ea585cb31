/* SPDX-License-Identifier: Apache-2.0 */
/* test_lease_store.c - leases written and read back, over simulated time; files that are none of ours. */
#include "controller/lease_store.h"

#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/trama-leases-XXXXXX", path[64];

static int setup(void **state)
{
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/leases", dir);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static struct lease_store *open_store(void)
{
    struct errbuf e = { 0 };
    struct lease_store *s;

    if (lease_store_open(&s, path, &e))
        fail_msg("%s", e.text);
    return s;
}

static void test_round_trip(void **state)
{
    struct dhcp_lease a = { .vlan = 10,
                            .client = "\x01"
                                      "abcdef",
                            .n_client = 7,
                            .mac = UINT64_C(0x0261626364ff),
                            .address = 0xfe000a64,
                            .end_ns = 3600 * (uint64_t)NSEC_PER_S,
                            .name = "it's \"me\"" };
    struct dhcp_lease b = {
        .vlan = 20, .client = "\0\0", .n_client = 2, .mac = 2, .address = 5, .end_ns = 60 * (uint64_t)NSEC_PER_S
    };
    struct lease_store *s = open_store();
    const struct dhcp_lease *found;
    struct dhcp_server server;

    lease_store_put(s, &a, 0);
    lease_store_put(s, &b, 0);
    b.end_ns = 0; /* ended by now */
    b.address = 6;
    lease_store_put(s, &b, 0);
    lease_store_remove(s, 20, 5);
    lease_store_close(s);

    s = open_store();
    dhcp_init(&server);
    assert_int_equal(lease_store_load(s, &server, 1000 * (uint64_t)NSEC_PER_S, NULL), 0);
    assert_null(dhcp_lease_at(&server, 20, 5));
    assert_null(dhcp_lease_at(&server, 20, 6));
    found = dhcp_lease_at(&server, 10, 0xfe000a64);
    assert_non_null(found);
    assert_int_equal(found->state, DHCP_BOUND);
    assert_true(found->mac == a.mac && found->n_client == 7);
    assert_memory_equal(found->client, a.client, 7);
    assert_string_equal(found->name, a.name);
    assert_in_range(found->end_ns / NSEC_PER_S, 1000 + 3590, 1000 + 3600);
    dhcp_fini(&server);
    lease_store_close(s);
}

static void test_others_files(void **state)
{
    struct errbuf e = { 0 };
    struct lease_store *s = NULL;
    sqlite3 *db;
    FILE *f;

    assert_int_equal(lease_store_open(&s, dir, &e), -EINVAL); /* a directory */
    assert_non_null(strstr(e.text, dir));
    snprintf(path, sizeof path, "%s/text", dir);
    f = fopen(path, "w");
    fputs("this is no database, but long enough to be taken for one by who does not look", f);
    fclose(f);
    e = (struct errbuf){ 0 };
    assert_int_equal(lease_store_open(&s, path, &e), -EINVAL);
    assert_non_null(strstr(e.text, "not a database"));
    snprintf(path, sizeof path, "%s/other", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA application_id = 7; CREATE TABLE x (y)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    e = (struct errbuf){ 0 };
    assert_int_equal(lease_store_open(&s, path, &e), -EINVAL);
    assert_non_null(strstr(e.text, "another program's"));
    assert_null(s);
}

static void test_round_trip6(void **state)
{
    struct dhcp6_lease a = { .vlan = 10,
                             .client = "\0\1\2\3abcdef",
                             .n_client = 10,
                             .mac = UINT64_C(0x0261626364ff),
                             .ip = { 6, 128, { 0xfd, [7] = 1, [15] = 9 } },
                             .end_ns = 3600 * (uint64_t)NSEC_PER_S };
    struct dhcp6_lease b = a;
    const struct dhcp6_lease *back;
    struct dhcp6_server server;
    struct errbuf e = { 0 };
    struct lease_store *s = open_store();

    b.ip.bytes[15] = 10;
    b.client[0] = 1;
    lease_store_put6(s, &a, 0);
    lease_store_put6(s, &b, 0);
    lease_store_remove6(s, 10, &b.ip);
    lease_store_close(s);
    s = open_store();
    dhcp6_init(&server);
    assert_int_equal(lease_store_load6(s, &server, 5 * (uint64_t)NSEC_PER_S, &e), 0);
    assert_int_equal(server.by_client.n, 1);
    back = dhcp6_lease_at(&server, 10, &a.ip);
    assert_non_null(back);
    assert_int_equal(back->mac, a.mac);
    assert_int_equal(back->n_client, 10);
    assert_memory_equal(back->client, a.client, 10);
    assert_true(back->end_ns > 3600 * (uint64_t)NSEC_PER_S && back->end_ns <= 3605 * (uint64_t)NSEC_PER_S);
    dhcp6_fini(&server);
    lease_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_round_trip6),
        cmocka_unit_test(test_others_files),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

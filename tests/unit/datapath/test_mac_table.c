/* SPDX-License-Identifier: Apache-2.0 */
/* test_mac_table.c - learning, moving, aging and flushing of addresses; several workers at once. */
#include "datapath/mac_table.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/datapath/rule_make.h"

static const uint64_t MAC_A = 0x020000000a01, MAC_B = 0x020000000b02;

static unsigned count(const struct mac_table *t, uint64_t now_ms)
{
    struct mac_entry e;
    unsigned n = 0;

    for (uint32_t at = 0; mac_table_next(t, &at, now_ms, &e);)
        n++;
    return n;
}

static void steps(void **state)
{
    enum what { LEARN, FIND, FLUSH, FLUSH_PORT, AGING };
    static const struct {
        enum what what;
        uint64_t mac;
        uint16_t vlan, port; /* FIND: what is wanted; AGING: seconds */
        uint64_t now_ms;
    } rows[] = {
        { FIND, MAC_A, 10, MAC_PORT_NONE, 5000 },
        { LEARN, MAC_A, 10, 3, 5000 },
        { FIND, MAC_A, 10, 3, 5000 },
        { FIND, MAC_A, 11, MAC_PORT_NONE, 5000 }, /* each VLAN on its own */
        { FIND, MAC_B, 10, MAC_PORT_NONE, 5000 },
        { LEARN, MAC_A, 11, 4, 5001 },
        { LEARN, MAC_A, 0, 0, 5001 }, /* port 0, untagged */
        { LEARN, MAC_A, 4095, 5, 5001 },
        { FIND, MAC_A, 10, 3, 5002 },
        { FIND, MAC_A, 11, 4, 5002 },
        { FIND, MAC_A, 0, 0, 5002 },
        { FIND, MAC_A, 4095, 5, 5002 },
        { LEARN, MAC_A, 10, 7, 5003 }, /* moves, within the second too */
        { FIND, MAC_A, 10, 7, 5003 },
        { FIND, MAC_A, 10, 7, 305000 }, /* 300 s is not yet older */
        { FIND, MAC_A, 10, MAC_PORT_NONE, 306000 },
        { FIND, MAC_A, 10, 7, 305999 },
        { LEARN, MAC_A, 10, 7, 400000 }, /* seen again */
        { FIND, MAC_A, 10, 7, 700000 },
        { LEARN, MAC_A, 10, 7, 399000 }, /* a late frame does not make it older */
        { FIND, MAC_A, 10, 7, 700000 },
        { FIND, MAC_A, 10, 7, 100 }, /* a clock that lags */
        { AGING, 0, 0, 20, 0 },
        { FIND, MAC_A, 10, MAC_PORT_NONE, 421000 },
        { FIND, MAC_A, 10, 7, 420000 },
        { LEARN, 0x010000000001, 10, 3, 420000 }, /* a group, broadcast, zero: not learned */
        { FIND, 0x010000000001, 10, MAC_PORT_NONE, 420000 },
        { LEARN, 0xffffffffffff, 10, 3, 420000 },
        { FIND, 0xffffffffffff, 10, MAC_PORT_NONE, 420000 },
        { LEARN, 0, 10, 3, 420000 },
        { FIND, 0, 10, MAC_PORT_NONE, 420000 },
        { LEARN, MAC_B, 10, 8, 420000 },
        { FLUSH_PORT, 0, 0, 7, 0 },
        { FIND, MAC_A, 10, MAC_PORT_NONE, 420000 },
        { FIND, MAC_B, 10, 8, 420000 },
        { LEARN, MAC_A, 10, 9, 420000 },
        { FIND, MAC_A, 10, 9, 420000 },
        { FLUSH, 0, 0, 0, 0 },
        { FIND, MAC_A, 10, MAC_PORT_NONE, 420000 },
        { FIND, MAC_B, 10, MAC_PORT_NONE, 420000 },
        { LEARN, MAC_A, 10, 2, UINT64_C(5000000000000) }, /* 158 years on */
        { FIND, MAC_A, 10, 2, UINT64_C(5000000020000) },
        { FIND, MAC_A, 10, MAC_PORT_NONE, UINT64_C(5000000021000) },
    };
    struct mac_table *t;

    (void)state;
    assert_int_equal(mac_table_new(&t, 64), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        switch (rows[i].what) {
        case LEARN:
            mac_table_learn(t, rows[i].mac, rows[i].vlan, rows[i].port, rows[i].now_ms);
            break;
        case FIND:
            if (mac_table_find(t, rows[i].mac, rows[i].vlan, rows[i].now_ms) != rows[i].port)
                fail_msg("row %zu: found %u", i, mac_table_find(t, rows[i].mac, rows[i].vlan, rows[i].now_ms));
            break;
        case FLUSH:
            mac_table_flush(t);
            break;
        case FLUSH_PORT:
            mac_table_flush_port(t, rows[i].port);
            break;
        case AGING:
            mac_table_set_aging(t, rows[i].port);
            break;
        }
    mac_table_free(t);
    mac_table_free(NULL);
}

static void walks_live_entries(void **state)
{
    struct mac_table *t;
    struct mac_entry e;
    uint32_t at = 0;

    (void)state;
    assert_int_equal(mac_table_new(&t, 100), 0);
    assert_false(mac_table_next(t, &at, 9000, &e));
    mac_table_learn(t, MAC_A, 33, 5, 9000);
    at = 0;
    assert_true(mac_table_next(t, &at, 21500, &e));
    assert_int_equal(e.mac, MAC_A);
    assert_int_equal(e.vlan, 33);
    assert_int_equal(e.port, 5);
    assert_int_equal(e.age_s, 12);
    assert_false(mac_table_next(t, &at, 21500, &e));
    mac_table_learn(t, MAC_B, 34, 6, 300000);
    assert_int_equal(count(t, 300000), 2);
    assert_int_equal(count(t, 310000), 1);
    mac_table_free(t);
}

/* One bucket: the entry seen longest ago gives way. */
static void oldest_is_replaced(void **state)
{
    struct mac_table *t;

    (void)state;
    assert_int_equal(mac_table_new(&t, 1), 0);
    for (unsigned i = 0; i < 4; i++)
        mac_table_learn(t, MAC_A + i, 1, (uint16_t)(20 + i), 1000 * (i + 1));
    mac_table_learn(t, MAC_A, 1, 20, 6000);
    mac_table_learn(t, MAC_B, 1, 30, 7000);
    assert_int_equal(mac_table_find(t, MAC_A, 1, 7000), 20);
    assert_int_equal(mac_table_find(t, MAC_A + 1, 1, 7000), MAC_PORT_NONE);
    assert_int_equal(mac_table_find(t, MAC_A + 2, 1, 7000), 22);
    assert_int_equal(mac_table_find(t, MAC_A + 3, 1, 7000), 23);
    assert_int_equal(mac_table_find(t, MAC_B, 1, 7000), 30);
    assert_int_equal(count(t, 7000), 4);
    mac_table_flush_port(t, 22); /* an empty place goes before an old one */
    mac_table_learn(t, MAC_B + 1, 1, 31, 8000);
    assert_int_equal(mac_table_find(t, MAC_A + 3, 1, 8000), 23);
    assert_int_equal(mac_table_find(t, MAC_B + 1, 1, 8000), 31);
    mac_table_free(t);
}

static void holds_what_it_is_made_for(void **state)
{
    enum { N = 4096 };
    struct mac_table *t;
    unsigned n_found = 0;

    (void)state;
    assert_int_equal(mac_table_new(&t, 4 * N), 0);
    for (unsigned i = 0; i < N; i++)
        mac_table_learn(t, MAC_A + i, 2, (uint16_t)(i % 500), 1000);
    for (unsigned i = 0; i < N; i++) {
        uint16_t port = mac_table_find(t, MAC_A + i, 2, 1000);

        assert_true(port == i % 500 || port == MAC_PORT_NONE);
        n_found += port != MAC_PORT_NONE;
    }
    assert_in_range(n_found, N * 98 / 100, N);
    assert_int_equal(count(t, 1000), n_found);
    mac_table_free(t);
}

static void refuses_sizes(void **state)
{
    struct mac_table *t;

    (void)state;
    assert_int_equal(mac_table_new(&t, 0), -EINVAL);
    assert_int_equal(mac_table_new(&t, UINT32_MAX), -EINVAL);
}

enum { WORKERS = 2, MACS = 40, TURNS = 500000 };

struct worker {
    struct mac_table *table;
    uint64_t random;
    atomic_uint *n_wrong;
    pthread_t thread;
};

/* Address i lives on the ports 8 i to 8 i + 7: any other port would be a torn entry. */
static void *learn_and_find(void *arg)
{
    struct worker *w = arg;

    for (unsigned turn = 0; turn < TURNS; turn++) {
        unsigned i = random_below(&w->random, MACS);

        mac_table_learn(w->table, MAC_A + i, 6, (uint16_t)(8 * i + random_below(&w->random, 8)), turn);
        i = random_below(&w->random, MACS);

        uint16_t port = mac_table_find(w->table, MAC_A + i, 6, turn);

        if (port != MAC_PORT_NONE && port / 8 != i)
            atomic_fetch_add(w->n_wrong, 1);
    }
    return NULL;
}

static void workers_do_not_tear(void **state)
{
    struct worker workers[WORKERS];
    struct mac_table *t;
    struct mac_entry e;
    atomic_uint n_wrong = 0;

    (void)state;
    assert_int_equal(mac_table_new(&t, MACS / 2), 0); /* too small: entries replace one another all the time */
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ .table = t, .random = i + 77, .n_wrong = &n_wrong };
        assert_int_equal(pthread_create(&workers[i].thread, NULL, learn_and_find, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 20000; i++) {
        mac_table_flush_port(t, (uint16_t)(i % (8 * MACS)));
        for (uint32_t at = 0; mac_table_next(t, &at, 0, &e);)
            assert_true(e.vlan == 6 && e.port / 8 == e.mac - MAC_A);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    assert_int_equal(atomic_load(&n_wrong), 0);
    assert_true(count(t, TURNS) > 0);
    mac_table_flush(t);
    assert_int_equal(count(t, TURNS), 0);
    for (unsigned i = 0; i < 4; i++) { /* no entry is stuck */
        mac_table_learn(t, MAC_B + i, 6, 1, TURNS);
        assert_int_equal(mac_table_find(t, MAC_B + i, 6, TURNS), 1);
    }
    mac_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps),
        cmocka_unit_test(walks_live_entries),
        cmocka_unit_test(oldest_is_replaced),
        cmocka_unit_test(holds_what_it_is_made_for),
        cmocka_unit_test(refuses_sizes),
        cmocka_unit_test(workers_do_not_tear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_worker.c - the workers as threads: frames through sleeping and busy workers, from one worker's port to another's,
 * while the control thread changes tables and ports under them.  Also run under ThreadSanitizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "datapath/datapath.h"
#include "datapath/eal.h"
#include "datapath/port.h"
#include "datapath/port_mem.h"

enum { N_PORTS = 4, FRAME = 60, PATIENCE_S = 20 };

struct world {
    struct datapath *dp;
    struct bridge *b;
    struct port *port[N_PORTS];
    uint16_t index[N_PORTS];
};

static struct world w;

static void add_port(int i)
{
    char name[16];
    struct port_conf pc = { .name = name, .type = PORT_MEM };
    struct port_handle h;
    struct errbuf e = { 0 };

    snprintf(name, sizeof name, "m%d", i);
    assert_int_equal(port_acquire(&h, &pc, &e), 0);
    assert_int_equal(port_open(&w.port[i], &pc, &h, eal_pool(), &e), 0);
    assert_int_equal(datapath_port_add(w.b, w.port[i], (uint32_t)i + 1, NULL, &w.index[i], &e), 0);
}

static int setup(void **state)
{
    struct datapath_conf conf = { .n_workers = 2, .cpu = { -1, -1 }, .pool = eal_pool() };
    struct errbuf e = { 0 };

    assert_int_equal(datapath_open(&w.dp, &conf, &e), 0);
    assert_int_equal(bridge_open(&w.b, w.dp, &e), 0);
    for (int i = 0; i < N_PORTS; i++)
        add_port(i);
    return 0;
}

static int teardown(void **state)
{
    for (int i = 0; i < N_PORTS; i++) {
        datapath_port_remove(w.dp, w.index[i]);
        port_close(w.port[i]);
    }
    bridge_close(w.b);
    datapath_close(w.dp);
    return 0;
}

static struct rule *rule(uint8_t table, uint64_t metadata, uint8_t go, uint64_t write, uint32_t out)
{
    struct act output = { .type = ACT_OUTPUT, .port = out };
    struct rule_code code = { .apply = &output,
                              .n_apply = out != 0,
                              .goto_table = go,
                              .metadata = write,
                              .metadata_mask = write ? UINT64_MAX : 0 };
    struct match match = { 0 };
    struct rule *r;

    if (metadata)
        match_set(&match, FIELD_METADATA, metadata);
    assert_int_equal(rule_new(&r, w.b, &(struct rule_conf){ table, 5, &match, &code }), 0);
    assert_int_equal(bridge_rule_add(w.b, r), 0);
    return r;
}

static void give(int port)
{
    uint8_t f[FRAME] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5 };

    assert_int_equal(port_mem_give(w.port[port], 0, f, sizeof f), 0);
}

/* Waits until the port has sent a frame. */
static void take(int port)
{
    uint8_t f[FRAME];
    uint64_t end = clock_now(NULL) + PATIENCE_S * (uint64_t)NSEC_PER_S;

    while (!port_mem_take(w.port[port], 0, f, sizeof f)) {
        if (clock_now(NULL) > end)
            fail_msg("port %d sent nothing", port);
        sched_yield();
    }
}

/* Port 0 is served by worker 0, port 1 by worker 1: each frame is handed over, and wakes sleepers. */
static void test_handover(void **state)
{
    struct rule *r = rule(0, 0, NO_GOTO, 0, 2);

    datapath_commit(w.dp);
    for (int i = 0; i < 2000; i++) {
        int burst = 1 + i % 3;

        for (int k = 0; k < burst; k++)
            give(0);
        for (int k = 0; k < burst; k++)
            take(1);
    }
    bridge_rule_remove(w.b, r);
    datapath_commit(w.dp);
}

/* Two tables that only fit together pairwise, exchanged at once again and again: no frame may meet half of a change. */
static void test_commit_is_atomic(void **state)
{
    enum { ROUNDS = 3000 };
    struct rule *old0 = rule(0, 0, 1, 1, 0), *old1 = rule(1, 1, NO_GOTO, 0, 3);
    uint64_t drops[DROP_N];

    datapath_commit(w.dp);
    for (uint64_t i = 2; i < ROUNDS; i++) {
        struct rule *new0, *new1;

        give(0);
        give(1);
        new0 = rule(0, 0, 1, i, 0);
        bridge_rule_remove(w.b, old0);
        new1 = rule(1, i, NO_GOTO, 0, 3);
        bridge_rule_remove(w.b, old1);
        if (i % 7 == 0) { /* thought better of it */
            datapath_abort(w.dp);
        } else {
            datapath_commit(w.dp);
            old0 = new0;
            old1 = new1;
        }
        take(2);
        take(2);
    }
    datapath_drops(w.dp, drops);
    assert_int_equal(drops[DROP_TABLE_MISS], 0);
    bridge_rule_remove(w.b, old0);
    bridge_rule_remove(w.b, old1);
    datapath_commit(w.dp);
}

/* A port leaves and comes back while others flood to it. */
static void test_ports_come_and_go(void **state)
{
    struct rule *r = rule(0, 0, NO_GOTO, 0, DP_PORT_ALL);

    datapath_commit(w.dp);
    for (int i = 0; i < 300; i++) {
        give(0);
        give(1);
        datapath_port_remove(w.dp, w.index[3]);
        port_close(w.port[3]);
        add_port(3);
        take(2);
        take(2);
        take(0);
        take(1);
    }
    bridge_rule_remove(w.b, r);
    datapath_commit(w.dp);
}

static void give_number(uint64_t n)
{
    uint8_t f[FRAME] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5 };

    memcpy(f + 14, &n, sizeof n);
    while (port_mem_give(w.port[0], 0, f, sizeof f))
        sched_yield();
}

/* The queue goes from one worker to the other under the traffic of one flow: every frame comes out, and in order. */
static void test_queue_moves(void **state)
{
    enum { FRAMES = 60000, UNDER_WAY = 200, MOVE_EVERY = 150 };
    struct rule *r = rule(0, 0, NO_GOTO, 0, 2);
    uint64_t end = clock_now(NULL) + PATIENCE_S * (uint64_t)NSEC_PER_S;
    struct queue_info info;
    uint8_t f[FRAME];

    datapath_commit(w.dp);
    for (uint64_t given = 0, taken = 0, n; taken < FRAMES;) {
        if (given < FRAMES && given - taken < UNDER_WAY) {
            give_number(given++);
            if (given % MOVE_EVERY == 0)
                assert_int_equal(datapath_queue_move(w.dp, w.index[0], 0, given / MOVE_EVERY % 2), 0);
        }
        while (port_mem_take(w.port[1], 0, f, sizeof f)) {
            memcpy(&n, f + 14, sizeof n);
            assert_int_equal(n, taken++);
        }
        if (clock_now(NULL) > end)
            fail_msg("%u frames came out", (unsigned)taken);
    }
    assert_true(datapath_queues_moved(w.dp) >= FRAMES / MOVE_EVERY - 1);
    assert_int_equal(datapath_queue_info(w.dp, w.index[0], 0, &info), 0);
    assert_true(info.is_pinned);
    assert_int_equal(datapath_queue_move(w.dp, w.index[0], 1, 0), -ENOENT);
    assert_int_equal(datapath_queue_move(w.dp, w.index[0], 0, 2), -ENOENT);
    bridge_rule_remove(w.b, r);
    datapath_commit(w.dp);
}

static void count_event(void *arg, const struct event *ev)
{
    ++*(unsigned *)arg;
}

static void test_packet_out_and_in(void **state)
{
    struct act table = { .type = ACT_OUTPUT, .port = DP_PORT_TABLE };
    struct rule *r = rule(0, 0, NO_GOTO, 0, DP_PORT_CONTROLLER);
    uint8_t f[FRAME] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5 };
    unsigned n = 0;
    uint64_t end = clock_now(NULL) + PATIENCE_S * (uint64_t)NSEC_PER_S;

    datapath_commit(w.dp);
    for (int i = 0; i < 500; i++) {
        while (datapath_send(w.b, DP_PORT_CONTROLLER, &table, 1, f, sizeof f))
            sched_yield();
        datapath_events(w.dp, 8, count_event, &n);
    }
    while (n < 500 && clock_now(NULL) < end) {
        datapath_events(w.dp, 8, count_event, &n);
        sched_yield();
    }
    assert_int_equal(n, 500);
    bridge_rule_remove(w.b, r);
    datapath_commit(w.dp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_handover, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commit_is_atomic, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ports_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_packet_out_and_in, setup, teardown),
    };
    char dir[] = "/tmp/trama-test-XXXXXX";
    struct errbuf e = { 0 };
    int failed;

    if (!mkdtemp(dir))
        return 1;
    if (eal_start(&(struct eal_conf){ .run_dir = dir, .hugepages = EAL_HUGEPAGES_OFF, .n_mbufs = 8192 }, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eal_stop();
    rmdir(dir);
    return failed;
}

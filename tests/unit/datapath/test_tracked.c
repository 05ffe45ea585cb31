/* SPDX-License-Identifier: Apache-2.0 */
/* test_tracked.c - frames of several connections that come in together: each meets its own connection, and those of one leave in
 * the order in which they came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <rte_mbuf.h>
#include <string.h>

#include "base/bytes.h"
#include "datapath/checksum.h"
#include "datapath/conn_track.h"
#include "datapath/eal.h"
#include "datapath/port_mem.h"
#include "tests/unit/datapath/pipe_world.h"
#include "tests/unit/datapath/rule_make.h"

enum { ZONE = 5, PORT_FIRST = 1000, CONNS = 3, RULES_MAX = 16 };

static struct pipe_world w;
static struct rule *rules[RULES_MAX];
static unsigned n_rules;

static void add(uint8_t table, uint16_t priority, struct match m, const struct act *acts, unsigned n)
{
    struct rule_code code = { .apply = acts, .n_apply = (uint16_t)n, .goto_table = NO_GOTO };
    struct rule_conf conf = { table, priority, &m, &code };

    assert_int_equal(rule_new(&rules[n_rules], w.b, &conf), 0);
    assert_int_equal(bridge_rule_add(w.b, rules[n_rules++]), 0);
    datapath_commit(w.dp);
}

/* Everything is tracked; what is invalid is dropped; a connection that begins at port PORT_FIRST + i gets the mark 1 + i, and
 * leaves by port 1 + i. */
static int setup(void **state)
{
    struct act track = { .type = ACT_CT, .ct = { .zone = ZONE, .table_id = 1 } };
    struct act commit[3] = {
        { .type = ACT_CT, .n_body = 1, .ct = { .flags = CT_COMMIT, .zone = ZONE, .table_id = ACT_TABLE_SAME } },
        { .type = ACT_SET_FIELD, .field = FIELD_CT_MARK, .mask = field_ones(FIELD_CT_MARK) },
        { .type = ACT_OUTPUT }
    };
    struct match m = { 0 }, invalid = { 0 };

    pipe_open(&w);
    n_rules = 0;
    match_set(&m, FIELD_ETH_TYPE, 0x0800);
    add(0, 1, m, &track, 1);
    match_set_masked(&invalid, FIELD_CT_STATE, value_of(CT_INV), value_of(CT_INV));
    add(1, 99, invalid, NULL, 0);
    for (unsigned i = 0; i < CONNS; i++) {
        struct match first = m, known = m;

        commit[1].value = value_of(1 + i);
        commit[2].port = pipe_number[1 + i];
        match_set(&first, FIELD_IP_PROTO, 17);
        match_set(&first, FIELD_UDP_SRC, PORT_FIRST + i);
        add(1, 1, first, commit, 3);
        match_set(&known, FIELD_CT_MARK, 1 + i);
        add(1, 9, known, &commit[2], 1);
    }
    return 0;
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < n_rules; i++)
        bridge_rule_remove(w.b, rules[i]);
    pipe_close(&w);
    return 0;
}

/* A frame of connection `i`; its last byte is `tail`. */
static void frame(uint8_t *f, unsigned i, uint8_t tail)
{
    pipe_udp(f, PIPE_SRC, 0x0a000001, (uint16_t)(PORT_FIRST + i));
    be16_store(f + 24, (uint16_t)~csum_words(f + 14, 20));
    memset(f + 42, 0xf7, PIPE_FRAME - 42);
    f[PIPE_FRAME - 1] = tail;
    be16_store(f + 40, (uint16_t)~csum_fold((uint64_t)csum_words(f + 26, 8) + 17 + 26 + csum_words(f + 34, 26)));
}

/* Comes in in two pieces: no frame for the quick way. */
static void give_pieces(const uint8_t *f)
{
    enum { FIRST = 51 }; /* an odd one: the rest's bytes are the other halves of the checksum's words */
    struct rte_mbuf *m = rte_pktmbuf_alloc(eal_pool()), *rest = rte_pktmbuf_alloc(eal_pool());

    memcpy(rte_pktmbuf_append(m, FIRST), f, FIRST);
    memcpy(rte_pktmbuf_append(rest, PIPE_FRAME - FIRST), f + FIRST, PIPE_FRAME - FIRST);
    assert_int_equal(rte_pktmbuf_chain(m, rest), 0);
    assert_int_equal(port_mem_give_mbuf(w.port[0], 0, m), 0);
}

static void each_meets_its_own(void **state)
{
    uint64_t random = 3;

    for (unsigned burst = 0; burst < 3000; burst++) {
        unsigned n = 1 + random_below(&random, 8), wanted[CONNS] = { 0 };
        uint8_t f[PIPE_FRAME], out[PIPE_FRAME];

        for (unsigned k = 0; k < n; k++) {
            unsigned i = random_below(&random, CONNS);

            frame(f, i, 0);
            assert_int_equal(port_mem_give(w.port[0], 0, f, sizeof f), 0);
            wanted[i]++;
        }
        datapath_poll(w.dp, 0);
        for (unsigned i = 0; i < CONNS; i++)
            while (port_mem_take(w.port[1 + i], 0, out, sizeof out)) {
                assert_int_equal(be16_load(out + 34), PORT_FIRST + i);
                assert_in_range(wanted[i]--, 1, n);
            }
        for (unsigned i = 0; i < CONNS; i++)
            assert_int_equal(wanted[i], 0);
    }
}

static void order_is_kept(void **state)
{
    uint64_t random = 9;

    for (unsigned burst = 0; burst < 300; burst++) {
        unsigned n = 2 + random_below(&random, 20), last[CONNS] = { 0 };
        uint8_t f[PIPE_FRAME], out[PIPE_FRAME];

        for (unsigned k = 0; k < n; k++) {
            frame(f, random_below(&random, CONNS), (uint8_t)(1 + k));
            if (random_below(&random, 3))
                assert_int_equal(port_mem_give(w.port[0], 0, f, sizeof f), 0);
            else
                give_pieces(f);
        }
        datapath_poll(w.dp, 0);
        for (unsigned i = 0; i < CONNS; i++)
            for (; port_mem_take(w.port[1 + i], 0, out, sizeof out); last[i] = out[PIPE_FRAME - 1], n--)
                assert_true(out[PIPE_FRAME - 1] > last[i]);
        assert_int_equal(n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_meets_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(order_is_kept, setup, teardown),
    };
    int failed = pipe_start();

    if (failed)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    pipe_stop();
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_pipeline.c - frames through bridges of `mem` ports: rules, tables, action sets, versions, reserved ports, NORMAL
 * with its VLAN modes, packet-in and packet-out, drops by reason.  One thread: the test polls the workers itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <rte_mbuf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/datapath.h"
#include "datapath/eal.h"
#include "datapath/fragment.h"
#include "datapath/mac_table.h"
#include "datapath/port.h"
#include "datapath/port_mem.h"

enum { N_PORTS = 5, FRAME = 60 };

/* Port i + 1 of the bridge; numbers are spread so that index and number are never the same by chance. */
static const uint32_t number[N_PORTS] = { 11, 7, 300, 42, 5 };

struct world {
    struct datapath *dp;
    struct bridge *b;
    struct port *port[N_PORTS];
    uint16_t index[N_PORTS];
    struct clock clock;
    struct rule *rules[64]; /* to be removed at the end */
    unsigned n_rules;
};

static struct world w;

static void open_world(size_t cache_bytes, unsigned n_workers)
{
    struct datapath_conf conf = {
        .n_workers = n_workers, .cpu = { -1, -1 }, .is_manual = true, .pool = eal_pool(), .clock = &w.clock
    };
    struct errbuf e = { 0 };

    conf.cache_bytes = cache_bytes;
    memset(&w, 0, sizeof w);
    clock_stop(&w.clock);
    assert_int_equal(datapath_open(&w.dp, &conf, &e), 0);
    assert_int_equal(bridge_open(&w.b, w.dp, &e), 0);
    for (int i = 0; i < N_PORTS; i++) {
        char name[16];
        struct port_conf pc = { .name = name, .type = PORT_MEM };
        struct port_handle h;

        snprintf(name, sizeof name, "m%d", i);
        assert_int_equal(port_acquire(&h, &pc, &e), 0);
        assert_int_equal(port_open(&w.port[i], &pc, &h, eal_pool(), &e), 0);
        assert_int_equal(datapath_port_add(w.b, w.port[i], number[i], NULL, &w.index[i], &e), 0);
    }
}

static int setup(void **state)
{
    open_world(0, 1);
    return 0;
}

static int setup_two(void **state)
{
    open_world(0, 2);
    return 0;
}

/* Its cache has room for some ten programs. */
static int setup_small(void **state)
{
    open_world(4096, 1);
    return 0;
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < w.n_rules; i++)
        bridge_rule_remove(w.b, w.rules[i]);
    datapath_commit(w.dp);
    for (int i = 0; i < N_PORTS; i++) {
        datapath_port_remove(w.dp, w.index[i]);
        port_close(w.port[i]);
    }
    bridge_close(w.b);
    datapath_close(w.dp);
    return 0;
}

/* --- helpers --- */

struct text_rule {
    uint8_t table;
    uint16_t priority;
    struct match match;
    struct act apply[4], write[4];
    unsigned n_apply, n_write;
    bool is_clear;
    uint8_t go;
    uint64_t metadata, metadata_mask;
};

static struct rule *add_replacing(const struct text_rule *t, const struct rule *old)
{
    struct rule_code code = {
        .apply = t->apply,
        .write = t->write,
        .n_apply = (uint16_t)t->n_apply,
        .n_write = (uint16_t)t->n_write,
        .is_clear = t->is_clear,
        .goto_table = t->go ? t->go : NO_GOTO,
        .metadata = t->metadata,
        .metadata_mask = t->metadata_mask,
    };
    struct rule_conf conf = { t->table, t->priority, &t->match, &code, .cookie = 77, .replaces = old };
    struct rule *r;

    assert_int_equal(rule_new(&r, w.b, &conf), 0);
    assert_int_equal(bridge_rule_add(w.b, r), 0);
    return r;
}

static struct rule *add(const struct text_rule *t)
{
    struct rule *r = add_replacing(t, NULL);

    datapath_commit(w.dp);
    w.rules[w.n_rules++] = r;
    return r;
}

static struct act output(uint32_t port)
{
    return (struct act){ .type = ACT_OUTPUT, .port = port };
}

static struct act set(enum field_id f, uint64_t v)
{
    return (struct act){ .type = ACT_SET_FIELD, .field = f, .value = value_of(v), .mask = field_ones(f) };
}

/* An untagged (vid < 0) or tagged UDP frame. */
static size_t udp(uint8_t *f, uint64_t dst, uint64_t src, int vid, uint32_t ip_dst, uint8_t ttl)
{
    uint8_t *p = f;

    memset(f, 0, FRAME + (vid >= 0 ? 4 : 0));
    for (int i = 0; i < 6; i++) {
        p[i] = (uint8_t)(dst >> (40 - 8 * i));
        p[6 + i] = (uint8_t)(src >> (40 - 8 * i));
    }
    p += 12;
    if (vid >= 0) {
        be16_store(p, 0x8100);
        be16_store(p + 2, (uint16_t)vid);
        p += 4;
    }
    be16_store(p, 0x0800);
    p += 2;
    p[0] = 0x45;
    be16_store(p + 2, 46);
    p[8] = ttl;
    p[9] = 17;
    be32_store(p + 12, 0x0a000001);
    be32_store(p + 16, ip_dst);

    uint32_t sum = 0;

    for (int i = 0; i < 20; i += 2)
        sum += be16_load(p + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    be16_store(p + 10, (uint16_t)~sum);
    be16_store(p + 20, 1111);
    be16_store(p + 22, 2222);
    be16_store(p + 24, 26);
    return FRAME + (vid >= 0 ? 4 : 0);
}

enum { A = 0x1a, B = 0x2b, C = 0x3c };
static const uint64_t MAC = UINT64_C(0x020000000000), ALL_ONES = UINT64_C(0xffffffffffff);

static void give(int port, const uint8_t *f, size_t n)
{
    assert_int_equal(port_mem_give(w.port[port], 0, f, n), 0);
    datapath_poll(w.dp, 0);
    datapath_poll(w.dp, 0);
}

static void give_udp(int port, uint64_t dst, uint64_t src, int vid)
{
    uint8_t f[FRAME + 4];

    give(port, f, udp(f, dst, src, vid, 0x0a000002, 64));
}

/* Which ports sent a frame, as a set of bits; takes one frame of each. */
static unsigned sent(void)
{
    uint8_t f[2048];
    unsigned set = 0;

    for (int i = 0; i < N_PORTS; i++)
        if (port_mem_take(w.port[i], 0, f, sizeof f))
            set |= 1u << i;
    return set;
}

static uint64_t dropped(enum drop why)
{
    uint64_t drops[DROP_N];

    datapath_drops(w.dp, drops);
    return drops[why];
}

/* --- tests --- */

static void test_miss_and_match(void **state)
{
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_TABLE_MISS), 1);

    struct text_rule t = { .priority = 10, .apply = { output(number[2]), output(number[3]) }, .n_apply = 2 };

    match_set(&t.match, FIELD_IN_PORT, number[0]);

    struct rule *r = add(&t);

    give_udp(0, MAC | B, MAC | A, -1);
    give_udp(1, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 1 << 2 | 1 << 3);
    assert_int_equal(dropped(DROP_TABLE_MISS), 2);

    struct rule_stat st;
    struct table_stats ts;

    rule_stats(w.b, r, &st);
    assert_int_equal(st.packets, 1);
    assert_int_equal(st.bytes, FRAME);
    bridge_table_stats(w.b, 0, &ts);
    assert_int_equal(ts.lookups, 3);
    assert_int_equal(ts.matched, 1);
}

static void test_priority_and_empty_rule(void **state)
{
    struct text_rule low = { .priority = 3, .apply = { output(number[1]) }, .n_apply = 1 };
    struct text_rule high = { .priority = 9 };

    match_set(&high.match, FIELD_ETH_TYPE, 0x0800);
    add(&low);
    add(&high);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_NO_ACTION), 1);
}

/* A later table sees what an earlier one set; metadata is carried; write-actions wait until the end. */
static void test_tables_and_action_set(void **state)
{
    struct text_rule t0 = { .priority = 1,
                            .apply = { set(FIELD_ETH_DST, MAC | C) },
                            .n_apply = 1,
                            .write = { output(number[1]), set(FIELD_ETH_SRC, MAC | 0x77) },
                            .n_write = 2,
                            .go = 4,
                            .metadata = 0x55,
                            .metadata_mask = 0xff };
    struct text_rule t4 = { .table = 4, .priority = 5, .write = { output(number[3]) }, .n_write = 1 };
    uint8_t f[2048];

    match_set(&t4.match, FIELD_ETH_DST, MAC | C);
    match_set_masked(&t4.match, FIELD_METADATA, value_of(0x50), value_of(0xf0));
    add(&t0);
    add(&t4);
    for (int round = 0; round < 3; round++) { /* the first is translated, the others come from the cache */
        give_udp(0, MAC | B, MAC | A, -1);
        assert_int_equal(port_mem_take(w.port[1], 0, f, sizeof f), 0);
        assert_int_equal(port_mem_take(w.port[3], 0, f, sizeof f), FRAME);
        assert_int_equal(f[5], C);
        assert_int_equal(f[11], 0x77);
    }

    struct worker_stats ws;

    datapath_worker_stats(w.dp, 0, &ws);
    assert_int_equal(ws.cache_misses, 1);
    assert_int_equal(ws.cache_hits, 2);
}

/* Of many bursts some are timed, and what they cost is told by stage. */
static void test_stages_are_timed(void **state)
{
    struct text_rule t0 = { .priority = 1, .write = { output(number[1]) }, .n_write = 1 };
    struct worker_times times;

    add(&t0);
    datapath_worker_times(w.dp, 0, &times);
    assert_int_equal(times.frames, 0);
    for (int i = 0; i < 200; i++)
        give_udp(0, MAC | B, MAC | A, -1);
    datapath_worker_times(w.dp, 0, &times);
    assert_in_range(times.frames, 1, 100);
    for (int s = 0; s < STAGES; s++)
        assert_true(times.cycles[s] > 0);
}

static void test_clear_actions(void **state)
{
    struct text_rule t0 = { .priority = 1, .write = { output(number[1]) }, .n_write = 1, .go = 1 };
    struct text_rule t1 = { .table = 1, .priority = 1, .is_clear = true };

    add(&t0);
    add(&t1);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_NO_ACTION), 1);
}

/* Two copies out, changed in between: the first must not see what was done to the second. */
static void test_change_between_outputs(void **state)
{
    struct text_rule t = { .priority = 1,
                           .apply = { output(number[1]), set(FIELD_ETH_DST, MAC | C), output(number[2]),
                                      output(DP_PORT_IN_PORT) },
                           .n_apply = 4 };
    uint8_t f[2048];

    add(&t);
    give_udp(0, MAC | B, MAC | A, -1);
    port_mem_take(w.port[1], 0, f, sizeof f);
    assert_int_equal(f[5], B);
    port_mem_take(w.port[2], 0, f, sizeof f);
    assert_int_equal(f[5], C);
    assert_int_equal(port_mem_take(w.port[0], 0, f, sizeof f), FRAME);
}

static void test_output_to_in_port_and_missing(void **state)
{
    struct text_rule t = { .priority = 1, .apply = { output(number[0]), output(12345) }, .n_apply = 2 };

    add(&t);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_TO_IN_PORT), 1);
    assert_int_equal(dropped(DROP_NO_SUCH_PORT), 1);
}

static void test_all_and_flood(void **state)
{
    struct text_rule t = { .priority = 1, .apply = { output(DP_PORT_ALL) }, .n_apply = 1 };
    struct text_rule u = { .priority = 2, .apply = { output(DP_PORT_FLOOD) }, .n_apply = 1 };

    add(&t);
    datapath_port_set_flags(w.dp, w.index[2], PORT_FLAG_NO_FLOOD);
    datapath_port_set_flags(w.dp, w.index[3], PORT_FLAG_NO_FWD);
    give_udp(1, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 1 << 0 | 1 << 2 | 1 << 4);
    assert_int_equal(dropped(DROP_NO_FWD), 1);
    add(&u);
    give_udp(1, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 1 << 0 | 1 << 4);
    datapath_port_set_flags(w.dp, w.index[1], PORT_FLAG_NO_RECV);
    give_udp(1, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_NO_RECV), 1);
}

/* What is not committed is not there; what is aborted never was; a replaced rule hands its counters on. */
static void test_versions(void **state)
{
    struct text_rule t = { .priority = 5, .apply = { output(number[1]) }, .n_apply = 1 };
    struct text_rule u = { .priority = 5, .apply = { output(number[2]) }, .n_apply = 1 };
    struct rule *old = add(&t);

    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 1 << 1);

    struct rule *r;

    add_replacing(&u, old);
    bridge_rule_remove(w.b, old);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 1 << 1);
    datapath_abort(w.dp);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 1 << 1);

    r = add_replacing(&u, old);
    bridge_rule_remove(w.b, old);
    datapath_commit(w.dp);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 1 << 2);

    struct rule_stat st;

    rule_stats(w.b, r, &st);
    assert_int_equal(st.packets, 4);
    bridge_rule_remove(w.b, r);
    datapath_commit(w.dp);
    w.n_rules = 0;
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 0);
}

/* A mask that grows after entries were made: they must not answer for it. */
static void test_mask_grows(void **state)
{
    struct text_rule t = { .priority = 1, .apply = { output(number[1]) }, .n_apply = 1 };
    struct text_rule u = { .priority = 2, .apply = { output(number[2]) }, .n_apply = 1 };
    uint8_t f[FRAME];

    add(&t);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 1 << 1);
    match_set(&u.match, FIELD_ETH_TYPE, 0x0800);
    match_set_masked(&u.match, FIELD_IPV4_DST, value_of(0x0a090000), value_of(0xffff0000));
    add(&u);
    give(0, f, udp(f, MAC | B, MAC | A, -1, 0x0a090807, 9));
    assert_int_equal(sent(), 1 << 2);
    give(0, f, udp(f, MAC | B, MAC | A, -1, 0x0a080807, 9));
    assert_int_equal(sent(), 1 << 1);
}

struct seen {
    unsigned n;
    struct event last;
    uint8_t frame[FRAME];
};

static void see(void *arg, const struct event *ev)
{
    struct seen *s = arg;

    s->n++;
    s->last = *ev;
    memcpy(s->frame, rte_pktmbuf_mtod(ev->frame, uint8_t *), FRAME);
}

static void test_packet_in(void **state)
{
    struct text_rule miss = { .apply = { { .type = ACT_CONTROLLER, .max_len = 128 } }, .n_apply = 1 };
    struct text_rule act = {
        .priority = 4, .table = 0, .apply = { output(DP_PORT_CONTROLLER), output(number[1]) }, .n_apply = 2
    };
    struct text_rule ttl = { .priority = 6, .apply = { { .type = ACT_DEC_IP_TTL }, output(number[2]) }, .n_apply = 2 };
    struct seen s = { 0 };
    uint8_t f[FRAME];

    add(&miss);
    give_udp(3, MAC | B, MAC | A, -1);
    assert_int_equal(datapath_events(w.dp, 10, see, &s), 1);
    assert_int_equal(s.last.type, EVENT_PACKET_IN);
    assert_int_equal(s.last.reason, EVENT_NO_MATCH);
    assert_int_equal(s.last.in_port, number[3]);
    assert_int_equal(s.last.max_len, 128);
    assert_int_equal(s.last.cookie, 77);
    assert_ptr_equal(s.last.bridge, w.b);
    assert_int_equal(s.frame[5], B);

    match_set(&act.match, FIELD_IN_PORT, number[3]);
    add(&act);
    give_udp(3, MAC | B, MAC | A, -1);
    assert_int_equal(datapath_events(w.dp, 10, see, &s), 1);
    assert_int_equal(s.last.reason, EVENT_ACTION);
    assert_int_equal(sent(), 1 << 1);

    match_set(&ttl.match, FIELD_ETH_TYPE, 0x0800);
    add(&ttl);
    give(0, f, udp(f, MAC | B, MAC | A, -1, 1, 1));
    assert_int_equal(datapath_events(w.dp, 10, see, &s), 1);
    assert_int_equal(s.last.reason, EVENT_INVALID_TTL);
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_TTL), 1);
    give(0, f, udp(f, MAC | B, MAC | A, -1, 1, 2));
    assert_int_equal(sent(), 1 << 2);

    datapath_port_set_flags(w.dp, w.index[3], PORT_FLAG_NO_PACKET_IN);
    add(&(struct text_rule){ .priority = 1 });
    give_udp(3, MAC | B, MAC | A, -1);
    assert_int_equal(datapath_events(w.dp, 10, see, &s), 0);
}

/* More packet-ins than there is room for: counted, and the rest arrive. */
static void test_packet_in_flood(void **state)
{
    struct text_rule miss = { .apply = { { .type = ACT_CONTROLLER, .max_len = 0xffff } }, .n_apply = 1 };
    struct seen s = { 0 };
    unsigned total = 0, n;

    add(&miss);
    for (int i = 0; i < 3000; i++)
        give_udp(3, MAC | B, MAC | A, -1);
    while ((n = datapath_events(w.dp, 100, see, &s)))
        total += n;
    assert_int_equal(total, s.n);
    assert_true(s.n >= 1000);
    assert_int_equal(s.n + dropped(DROP_EVENT_FULL), 3000);
}

static void test_packet_out(void **state)
{
    struct act acts[] = { set(FIELD_ETH_DST, MAC | 0x99), output(number[1]), output(DP_PORT_TABLE) };
    struct text_rule t = { .priority = 1, .apply = { output(number[4]) }, .n_apply = 1 };
    struct act alone[] = { output(DP_PORT_TABLE), output(number[2]) };
    uint8_t f[9000], g[9000];
    size_t n = udp(f, MAC | B, MAC | A, -1, 7, 7);

    add(&t);
    assert_int_equal(datapath_send(w.b, DP_PORT_CONTROLLER, acts, 3, f, n), 0);
    datapath_poll(w.dp, 0);
    assert_int_equal(port_mem_take(w.port[1], 0, g, sizeof g), n);
    assert_int_equal(g[5], 0x99);
    assert_int_equal(port_mem_take(w.port[4], 0, g, sizeof g), n);
    assert_int_equal(datapath_send(w.b, DP_PORT_CONTROLLER, alone, 2, f, n), 0);
    datapath_poll(w.dp, 0);
    datapath_poll(w.dp, 0);
    assert_int_equal(sent(), 1 << 4 | 1 << 2);

    /* a frame of many segments */
    memset(f + n, 0x5a, sizeof f - n);
    assert_int_equal(datapath_send(w.b, DP_PORT_CONTROLLER, acts, 2, f, sizeof f), 0);
    datapath_poll(w.dp, 0);
    assert_int_equal(port_mem_take(w.port[1], 0, g, sizeof g), sizeof f);
    assert_memory_equal(g + 6, f + 6, sizeof f - 6);
}

/* What was to leave by a port that goes meanwhile does not leave by the one that comes to stand in its place. */
static void test_port_goes(void **state)
{
    struct act act = output(number[4]);
    struct errbuf e = { 0 };
    uint16_t before = w.index[4];
    uint8_t f[64];
    size_t n = udp(f, MAC | B, MAC | A, -1, 7, 7);

    for (int i = 0; i < 100; i++)
        assert_int_equal(datapath_send(w.b, DP_PORT_CONTROLLER, &act, 1, f, n), 0);
    datapath_port_remove(w.dp, w.index[4]);
    assert_int_equal(dropped(DROP_NO_SUCH_PORT), 100);
    assert_int_equal(datapath_port_add(w.b, w.port[4], number[4], NULL, &w.index[4], &e), 0);
    assert_int_equal(w.index[4], before);
    datapath_poll(w.dp, 0);
    assert_int_equal(sent(), 0);
}

/* ... while another worker has a frame for it. */
static void test_port_goes_from_another_worker(void **state)
{
    struct text_rule t = { .priority = 1, .apply = { output(number[1]) }, .n_apply = 1 };
    struct errbuf e = { 0 };
    uint8_t f[FRAME];

    add(&t);
    udp(f, MAC | B, MAC | A, -1, 7, 7);
    assert_int_equal(port_mem_give(w.port[0], 0, f, FRAME), 0);
    datapath_poll(w.dp, 0);
    datapath_port_remove(w.dp, w.index[1]);
    assert_int_equal(dropped(DROP_NO_SUCH_PORT), 1);
    assert_int_equal(datapath_port_add(w.b, w.port[1], number[1], NULL, &w.index[1], &e), 0);
    assert_int_equal(sent(), 0);
}

static void test_bridge_goes(void **state)
{
    struct act act = output(DP_PORT_TABLE);
    struct errbuf e = { 0 };
    struct bridge *b;
    uint8_t f[64];
    size_t n = udp(f, MAC | B, MAC | A, -1, 7, 7);

    assert_int_equal(bridge_open(&b, w.dp, &e), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(datapath_send(b, DP_PORT_CONTROLLER, &act, 1, f, n), 0);
    bridge_close(b);
    assert_int_equal(dropped(DROP_TABLE_MISS), 100);
}

static void test_standalone(void **state)
{
    struct text_rule t = { .priority = 1 };

    add(&t);
    bridge_set_standalone(w.b, true);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 0x1e);
    give_udp(2, MAC | A, MAC | B, -1); /* A was learned on port 0 */
    assert_int_equal(sent(), 1 << 0);
    give_udp(0, MAC | A, MAC | A, -1);
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_HAIRPIN), 1);
    clock_warp(&w.clock, 400 * (uint64_t)NSEC_PER_S);
    give_udp(2, MAC | A, MAC | B, -1);
    assert_int_equal(sent(), 0x1b); /* aged out: flooded */
    give_udp(2, UINT64_C(0x0180c200000e), MAC | B, -1);
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_RESERVED_MAC), 1);
}

/* Ports: 0 access 10, 1 access 20, 2 trunk 10 and 20, 3 native-untagged 10 with trunk 20, 4 native-tagged 10. */
static void test_normal_vlans(void **state)
{
    static const struct {
        const char *what;
        int in, vid;      /* tag of the frame, -1: none */
        unsigned out;     /* ports */
        int tag[N_PORTS]; /* tag that each port sends, -1: none */
    } cases[] = {
        { "access 10", 0, -1, 0x1c, { -1, -1, 10, -1, 10 } },
        { "access 20", 1, -1, 0x0c, { -1, -1, 20, 20, -1 } },
        { "access, tagged", 0, 10, 0, { 0 } },
        { "access, priority tag", 0, 0, 0x1c, { -1, -1, 10, -1, 10 } },
        { "trunk, 10", 2, 10, 0x19, { -1, -1, -1, -1, 10 } },
        { "trunk, 20", 2, 20, 0x0a, { -1, -1, -1, 20, -1 } },
        { "trunk, 30 is not carried", 2, 30, 0, { 0 } },
        { "trunk, untagged", 2, -1, 0, { 0 } },
        { "native untagged, untagged", 3, -1, 0x15, { -1, -1, 10, -1, 10 } },
        { "native untagged, tagged 20", 3, 20, 0x06, { -1, -1, 20, -1, -1 } },
        { "native tagged, untagged", 4, -1, 0x0d, { -1, -1, 10, -1, -1 } },
        { "native tagged, tagged", 4, 10, 0x0d, { -1, -1, 10, -1, -1 } },
    };
    struct vlan_conf conf[N_PORTS] = {
        { .mode = VLAN_ACCESS, .vid = 10 },
        { .mode = VLAN_ACCESS, .vid = 20 },
        { .mode = VLAN_TRUNK, .trunks = { 1 << 10 | 1 << 20 } },
        { .mode = VLAN_NATIVE_UNTAGGED, .vid = 10, .trunks = { 1 << 20 } },
        { .mode = VLAN_NATIVE_TAGGED, .vid = 10 },
    };
    struct text_rule t = { .priority = 1, .apply = { output(DP_PORT_NORMAL) }, .n_apply = 1 };
    uint8_t f[2048];

    for (int i = 0; i < N_PORTS; i++)
        assert_int_equal(datapath_port_set_vlan(w.dp, w.index[i], &conf[i]), 0);
    add(&t);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        give_udp(cases[c].in, ALL_ONES, MAC | 0x100 | c, cases[c].vid);
        for (int i = 0; i < N_PORTS; i++) {
            size_t n = port_mem_take(w.port[i], 0, f, sizeof f);
            int tag = n && be16_load(f + 12) == 0x8100 ? be16_load(f + 14) & 0xfff : -1;

            if (!n != !(cases[c].out >> i & 1))
                fail_msg("%s: port %d: sent %zu bytes", cases[c].what, i, n);
            if (n && tag != cases[c].tag[i])
                fail_msg("%s: port %d: tag %d", cases[c].what, i, tag);
            if (n)
                assert_int_equal(n, FRAME + (tag >= 0 ? 4 : 0));
        }
    }
}

/* A second tag does not lead through an access port into the VLAN that it names, flooded or not. */
static void test_normal_second_tag(void **state)
{
    struct vlan_conf access = { .mode = VLAN_ACCESS, .vid = 10 };
    struct text_rule t = { .priority = 1,
                           .apply = { { .type = ACT_PUSH_VLAN, .ethertype = 0x8100 }, output(DP_PORT_NORMAL) },
                           .n_apply = 2 };
    struct text_rule plain = { .priority = 9, .apply = { output(DP_PORT_NORMAL) }, .n_apply = 1 };

    assert_int_equal(datapath_port_set_vlan(w.dp, w.index[0], &access), 0);
    match_set(&plain.match, FIELD_IN_PORT, number[0]);
    add(&t);
    add(&plain);
    give_udp(1, ALL_ONES, MAC | A, 10); /* a second tag like the first */
    assert_int_equal(sent(), 0x1c);
    give_udp(0, ALL_ONES, MAC | B, -1);
    assert_int_equal(sent(), 0x1e);
    give_udp(1, MAC | B, MAC | A, 10);
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_VLAN), 1);
}

/* Known on one port of the VLAN, unknown in another VLAN. */
static void test_normal_learns_per_vlan(void **state)
{
    struct text_rule t = { .priority = 1, .apply = { output(DP_PORT_NORMAL) }, .n_apply = 1 };

    add(&t);
    give_udp(0, ALL_ONES, MAC | A, 10);
    assert_int_equal(sent(), 0x1e);
    give_udp(1, MAC | A, MAC | B, 10);
    assert_int_equal(sent(), 1 << 0);
    give_udp(1, MAC | A, MAC | B, 20);
    assert_int_equal(sent(), 0x1d);
}

/* NORMAL gives the frame back as it was: an output behind it sees the original tag. */
static void test_normal_then_output(void **state)
{
    struct vlan_conf access = { .mode = VLAN_ACCESS, .vid = 10 };
    struct text_rule t = { .priority = 1, .apply = { output(DP_PORT_NORMAL), output(number[4]) }, .n_apply = 2 };
    uint8_t f[2048];

    assert_int_equal(datapath_port_set_vlan(w.dp, w.index[0], &access), 0);
    datapath_port_set_flags(w.dp, w.index[4], PORT_FLAG_NO_FLOOD);
    add(&t);
    give_udp(0, ALL_ONES, MAC | A, -1);
    assert_int_equal(port_mem_take(w.port[1], 0, f, sizeof f), FRAME + 4);
    assert_int_equal(port_mem_take(w.port[4], 0, f, sizeof f), FRAME);
}

static void test_vlan_actions(void **state)
{
    struct text_rule t = { .priority = 1,
                           .apply = { { .type = ACT_PUSH_VLAN, .ethertype = 0x88a8 },
                                      set(FIELD_VLAN_VID, 0x1000 | 321) },
                           .n_apply = 2,
                           .go = 2 };
    struct text_rule u = {
        .table = 2, .priority = 1, .apply = { output(number[1]), { .type = ACT_POP_VLAN } }, .n_apply = 2, .go = 3
    };
    struct text_rule v = { .table = 3, .priority = 1, .apply = { output(number[2]) }, .n_apply = 1 };
    uint8_t f[2048];

    match_set(&u.match, FIELD_VLAN_VID, 0x1000 | 321);
    match_set(&v.match, FIELD_VLAN_VID, 0x1000 | 55);
    add(&t);
    add(&u);
    add(&v);
    give_udp(0, MAC | B, MAC | A, 55);
    assert_int_equal(port_mem_take(w.port[1], 0, f, sizeof f), FRAME + 8);
    assert_int_equal(be16_load(f + 12), 0x88a8);
    assert_int_equal(be16_load(f + 14) & 0xfff, 321);
    assert_int_equal(port_mem_take(w.port[2], 0, f, sizeof f), FRAME + 4);
    assert_int_equal(be16_load(f + 14), 55);
}

/* Behind a popped MPLS label the key must be read from the frame: the pipeline goes on after a new parse. */
/* Of what is still to be segmented, or was joined of fragments, the largest piece counts: 500 bytes here. */
static void test_check_size_of_pieces(void **state)
{
    static const struct {
        uint64_t flags;
        uint16_t largest, limit;
        int port;
    } cases[] = {
        { RTE_MBUF_F_TX_UDP_SEG, 458, 500, 1 },
        { RTE_MBUF_F_TX_UDP_SEG, 458, 499, 2 },
        { FRAGMENT_JOINED, 486, 500, 1 },
        { FRAGMENT_JOINED, 486, 499, 2 },
        { 0, 0, 1800, 1 },
        { 0, 0, 1799, 2 },
    };
    struct text_rule u = { .table = 1, .priority = 2, .apply = { output(number[2]) }, .n_apply = 1 };

    match_set(&u.match, FIELD_REG0, 1);
    add(&u);
    u = (struct text_rule){ .table = 1, .priority = 1, .apply = { output(number[1]) }, .n_apply = 1 };
    add(&u);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct act check = { .type = ACT_CHECK_SIZE, .max_len = cases[i].limit, .dst = { FIELD_REG0, 0, 1 } };
        struct text_rule t = { .priority = (uint16_t)(i + 1), .apply = { check }, .n_apply = 1, .go = 1 };
        struct rte_mbuf *m = rte_pktmbuf_alloc(eal_pool());
        uint8_t *f = (uint8_t *)rte_pktmbuf_append(m, 1800);

        add(&t);
        memset(f, 0, 1800);
        udp(f, MAC | B, MAC | A, -1, 0x0a000002, 64);
        be16_store(f + 16, 1800 - 14);
        be16_store(f + 38, 1800 - 34);
        m->ol_flags = cases[i].flags;
        m->tso_segsz = cases[i].largest;
        m->l2_len = 14;
        m->l3_len = 20;
        m->l4_len = 8;
        assert_int_equal(port_mem_give_mbuf(w.port[0], 0, m), 0);
        datapath_poll(w.dp, 0);
        datapath_poll(w.dp, 0);
        assert_int_equal(sent(), 1 << cases[i].port);
        while (sent()) /* the other pieces */
            continue;
    }
}

static void test_pop_mpls_continues(void **state)
{
    struct text_rule t = { .priority = 1,
                           .apply = { { .type = ACT_POP_MPLS, .ethertype = 0x0800 } },
                           .n_apply = 1,
                           .write = { output(number[3]) },
                           .n_write = 1,
                           .go = 9 };
    struct text_rule u = { .table = 9, .priority = 1, .apply = { output(number[1]) }, .n_apply = 1 };
    uint8_t plain[FRAME], f[FRAME + 4], g[2048];

    match_set(&t.match, FIELD_ETH_TYPE, 0x8847);
    match_set(&u.match, FIELD_ETH_TYPE, 0x0800);
    match_set(&u.match, FIELD_IPV4_DST, 0x0a000909);
    add(&t);
    add(&u);
    udp(plain, MAC | B, MAC | A, -1, 0x0a000909, 9);
    memcpy(f, plain, 12);
    be16_store(f + 12, 0x8847);
    be32_store(f + 14, 1234 << 12 | 1 << 8 | 64);
    memcpy(f + 18, plain + 14, FRAME - 14);
    for (int round = 0; round < 2; round++) {
        give(0, f, sizeof f);
        assert_int_equal(port_mem_take(w.port[1], 0, g, sizeof g), FRAME);
        assert_memory_equal(g, plain, FRAME);
        assert_int_equal(port_mem_take(w.port[3], 0, g, sizeof g), FRAME);
    }
    f[18 + 19] = 8; /* another destination: the second table has no rule */
    give(0, f, sizeof f);
    assert_int_equal(sent(), 0);
}

static void test_capture(void **state)
{
    struct text_rule t = { .priority = 1, .apply = { output(number[1]) }, .n_apply = 1 };
    struct seen s = { 0 };

    add(&t);
    datapath_port_capture(w.dp, w.index[1], FRAME);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(datapath_events(w.dp, 10, see, &s), 1);
    assert_int_equal(s.last.type, EVENT_CAPTURE_TX);
    assert_int_equal(s.last.port, w.index[1]);
    give_udp(1, MAC | B, MAC | A, -1);
    assert_int_equal(datapath_events(w.dp, 10, see, &s), 1);
    assert_int_equal(s.last.type, EVENT_CAPTURE_RX);
    datapath_port_capture(w.dp, w.index[1], 0);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(datapath_events(w.dp, 10, see, &s), 0);
}

/* Ports come and go; a rule that names the port works from then on. */
static void test_port_comes_and_goes(void **state)
{
    struct text_rule t = { .priority = 1, .apply = { output(number[1]) }, .n_apply = 1 };
    struct errbuf e = { 0 };

    add(&t);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 1 << 1);
    datapath_port_remove(w.dp, w.index[1]);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 0);
    assert_int_equal(dropped(DROP_NO_SUCH_PORT), 1);
    assert_int_equal(datapath_port_add(w.b, w.port[1], number[2], NULL, &w.index[1], &e), -EEXIST);
    assert_non_null(strstr(e.text, "300"));
    e.text[0] = 0;
    assert_int_equal(datapath_port_add(w.b, w.port[1], number[1], NULL, &w.index[1], &e), 0);
    give_udp(0, MAC | B, MAC | A, -1);
    assert_int_equal(sent(), 1 << 1);
}

static void test_short_frames(void **state)
{
    uint8_t f[FRAME];
    struct text_rule t = { .priority = 1, .apply = { output(number[1]) }, .n_apply = 1 };

    match_set(&t.match, FIELD_ETH_TYPE, 0x0800);
    match_set(&t.match, FIELD_IP_PROTO, 17);
    match_set(&t.match, FIELD_UDP_DST, 2222);
    add(&t);
    udp(f, MAC | B, MAC | A, -1, 1, 1);
    for (size_t n = 1; n <= FRAME; n++)
        give(0, f, n);
    assert_int_equal(dropped(DROP_SHORT), 13);
    assert_true(dropped(DROP_TABLE_MISS) > 20);
}

/* More programs than there is room for, among frames that go alone and are translated each for itself. */
static void test_programs_without_room(void **state)
{
    enum { RULES = 40, BURST = 32 };
    struct worker_stats ws;
    struct text_rule alone = { .priority = 9, .apply = { output(number[4]) }, .n_apply = 1 };

    match_set(&alone.match, FIELD_ETH_TYPE, 0x0800);
    match_set(&alone.match, FIELD_IP_PROTO, 1);
    for (unsigned i = 0; i < RULES; i++) {
        struct text_rule t = { .priority = 5,
                               .apply = { set(FIELD_ETH_SRC, MAC | i), output(number[1]) },
                               .n_apply = 2 };

        match_set(&t.match, FIELD_ETH_TYPE, 0x0800);
        match_set(&t.match, FIELD_IPV4_DST, 100 + i);
        add(&t);
    }
    add(&alone);
    for (unsigned k = 0; k < 100; k++) {
        uint8_t f[FRAME], out[FRAME];
        unsigned at[BURST];

        for (unsigned i = 0; i < BURST; i++) {
            at[i] = (k * 7 + (i == 1 ? 24 : i)) % RULES; /* the second one's program was the last before */
            udp(f, MAC | B, MAC | A, -1, 100 + at[i], 64);
            f[23] = i % 4 ? 17 : 1;
            assert_int_equal(port_mem_give(w.port[0], 0, f, sizeof f), 0);
        }
        datapath_poll(w.dp, 0);
        for (unsigned i = 0; i < BURST; i++) {
            assert_int_equal(port_mem_take(w.port[i % 4 ? 1 : 4], 0, out, sizeof out), FRAME);
            assert_int_equal(be32_load(out + 30), 100 + at[i]);
            assert_int_equal(out[11], i % 4 ? at[i] : A);
        }
        assert_int_equal(sent(), 0);
    }
    datapath_worker_stats(w.dp, 0, &ws);
    assert_int_equal(ws.cache_hits + ws.cache_misses, ws.frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_miss_and_match),
        T(test_priority_and_empty_rule),
        T(test_tables_and_action_set),
        T(test_stages_are_timed),
        T(test_clear_actions),
        T(test_change_between_outputs),
        T(test_output_to_in_port_and_missing),
        T(test_all_and_flood),
        T(test_versions),
        T(test_mask_grows),
        T(test_packet_in),
        T(test_packet_in_flood),
        T(test_packet_out),
        T(test_port_goes),
        cmocka_unit_test_setup_teardown(test_port_goes_from_another_worker, setup_two, teardown),
        T(test_bridge_goes),
        T(test_standalone),
        T(test_normal_vlans),
        T(test_normal_second_tag),
        T(test_normal_learns_per_vlan),
        T(test_normal_then_output),
        T(test_vlan_actions),
        T(test_check_size_of_pieces),
        T(test_pop_mpls_continues),
        T(test_capture),
        T(test_port_comes_and_goes),
        T(test_short_frames),
        cmocka_unit_test_setup_teardown(test_programs_without_room, setup_small, teardown),
#undef T
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

/* SPDX-License-Identifier: Apache-2.0 */
/* test_ct_ways.c - what becomes of tracked and translated frames does not depend on whether they go together (quick_ct.c) or each
 * alone (exec.c): the same random bursts through two bridges, of which one knows only the second way.  Nor on how many workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <rte_mbuf.h>
#include <sched.h>
#include <string.h>

#include "base/bytes.h"
#include "datapath/checksum.h"
#include "datapath/conn_track.h"
#include "datapath/eal.h"
#include "datapath/port_mem.h"
#include "tests/unit/datapath/check.h"
#include "tests/unit/datapath/pipe_world.h"
#include "tests/unit/datapath/rule_make.h"

enum {
    ZONE = 5,
    IN = 0,
    OUT = 1,
    HOSTS = 4,
    OUTER = 0x0a00ff07,
    SERVER = 0x0a010001,
    RULES_MAX = 16,
    FRAME_MAX = 256,
    BURSTS = 4000
};
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct side {
    struct pipe_world w;
    struct rule *rules[RULES_MAX];
    unsigned n_rules;
};
static struct side quick, slow;
static uint64_t state = 5;

static unsigned below(unsigned n)
{
    return random_below(&state, n);
}

/* --- rules --- */

static struct act set(enum field_id id, uint64_t v)
{
    return (struct act){ .type = ACT_SET_FIELD, .field = id, .value = value_of(v), .mask = field_ones(id) };
}

static void add(struct side *s, uint8_t table, uint16_t priority, struct match m, const struct act *acts, unsigned n)
{
    struct rule_code code = { .apply = acts, .n_apply = (uint16_t)n, .goto_table = NO_GOTO };
    struct rule_conf conf = { table, priority, &m, &code };

    match_set(&m, FIELD_ETH_TYPE, 0x0800);
    assert_int_equal(rule_new(&s->rules[s->n_rules], s->w.b, &conf), 0);
    assert_int_equal(bridge_rule_add(s->w.b, s->rules[s->n_rules++]), 0);
    datapath_commit(s->w.dp);
}

/* `n` actions that translate, and track in the zone. */
static unsigned ct(struct act out[3], uint16_t flags, uint8_t table_id, const struct nat_spec *nat)
{
    out[0] = (struct act){ .type = ACT_CT,
                           .n_body = 2,
                           .ct = { .flags = flags | CT_NAT, .zone = ZONE, .table_id = table_id } };
    out[1] = out[2] = (struct act){ .type = ACT_DATA };
    memcpy(out[1].data, nat, ACT_DATA_SIZE);
    memcpy(out[2].data, (const uint8_t *)nat + ACT_DATA_SIZE, sizeof *nat - ACT_DATA_SIZE);
    return 3;
}

static unsigned n_notes; /* of what is done before ct: registers and metadata, then changes of the frame */

/* What both ways do before ct, with values of its own for each port. */
static unsigned before_ct(struct act *acts, int port)
{
    const struct act all[] = { set(FIELD_REG3, 7 + (unsigned)port),
                               set(FIELD_METADATA, 0x1234567800000009),
                               set(FIELD_REG6, 11 + (unsigned)port),
                               { .type = ACT_DEC_IP_TTL, .ttl_ids = { .n = 1 } },
                               set(FIELD_ETH_DST, 0x020000000077 + (unsigned)port),
                               { .type = port == IN ? ACT_PUSH_VLAN : ACT_POP_VLAN, .ethertype = 0x8100 } };

    memcpy(acts, all, n_notes * sizeof *acts);
    return n_notes;
}

static void match_notes(struct match *m, int port)
{
    if (!n_notes)
        return;
    match_set(m, FIELD_REG3, 7 + (unsigned)port);
    match_set(m, FIELD_METADATA, 0x1234567800000009);
}

static struct match in_state(int port, unsigned is, unsigned of)
{
    struct match m = { 0 };

    match_set(&m, FIELD_IN_PORT, pipe_number[port]);
    match_notes(&m, port);
    match_set_masked(&m, FIELD_CT_STATE, value_of(is), value_of(of));
    return m;
}

static const struct nat_spec to_outer = {
    .kind = CT_SNAT, .family = 4, .addr_min = { .lo = OUTER }, .addr_max = { .lo = OUTER }
};

/* `commits`: connections begin in table 0, as frames come in by port 1; else in table 1. */
static void add_rules(struct side *s, bool is_quick, bool commits, const struct nat_spec *nat)
{
    static const struct nat_spec none;
    struct act acts[12];
    struct act out = { .type = ACT_OUTPUT, .port = pipe_number[OUT] },
               in = { .type = ACT_OUTPUT, .port = pipe_number[IN] };
    unsigned n;

    s->n_rules = 0;
    for (int port = OUT; port >= IN; port--) {
        bool begins = commits && port == IN;
        struct match from = { 0 };

        match_set(&from, FIELD_IN_PORT, pipe_number[port]);
        acts[0] = set(FIELD_TUNNEL_ID, 1); /* of which quick.c knows nothing */
        n = before_ct(acts + !is_quick, port) + !is_quick;
        n += ct(acts + n, begins ? CT_COMMIT : 0, 1, begins ? nat : &none);
        add(s, 0, 2, from, acts, n);
    }
    n = commits ? 0 : ct(acts, CT_COMMIT, ACT_TABLE_SAME, nat);
    acts[n++] = out;
    add(s, 1, 5, in_state(IN, CT_NEW | CT_TRK, CT_NEW | CT_TRK), acts, n);
    acts[0] = (struct act){ .type = ACT_DEC_IP_TTL, .ttl_ids = { .n = 1 } };
    acts[1] = out;
    add(s, 1, 5, in_state(IN, CT_EST | CT_TRK, CT_EST | CT_TRK), acts, 2);
    acts[0] = set(FIELD_ETH_SRC, 0x020000000055);
    acts[1] = in;
    add(s, 1, 5, in_state(OUT, CT_EST | CT_TRK, CT_EST | CT_TRK), acts, 2);
    acts[0] = (struct act){ .type = ACT_OUTPUT, .port = pipe_number[2] };
    add(s, 1, 9, in_state(IN, CT_INV, CT_INV), acts, 1);
    add(s, 1, 9, in_state(OUT, CT_INV, CT_INV), acts, 1);
    add(s, 1, 7, in_state(OUT, CT_REL, CT_REL), &in, 1);
    acts[0].port = pipe_number[3];
    add(s, 1, 5, in_state(OUT, CT_NEW, CT_NEW), acts, 1);
}

static void open_side(struct side *s, bool is_quick, uint32_t conns_max)
{
    pipe_open_conns(&s->w, conns_max);
    add_rules(s, is_quick, false, &to_outer);
}

static void close_side(struct side *s)
{
    for (unsigned i = 0; i < s->n_rules; i++)
        bridge_rule_remove(s->w.b, s->rules[i]);
    pipe_close(&s->w);
}

/* --- frames --- */

struct given {
    uint8_t b[FRAME_MAX];
    unsigned n, cut; /* where the second piece begins; 0: one piece */
    bool is_shared;
    uint64_t flags;
};

static void transport(uint8_t *ip, unsigned header, unsigned size, bool is_wrong)
{
    uint8_t *h = ip + header, *sum = h + (ip[9] == 6 ? 16 : ip[9] == 17 ? 6 : 2);

    be16_store(sum, 0);
    be16_store(sum, (uint16_t)~csum_fold((ip[9] == 1 ? 0 : (uint64_t)csum_words(ip + 12, 8) + ip[9] + size) +
                                         csum_words(h, size) + is_wrong));
}

/* Of the hosts' connections, whose ports stay what they are: `i` tells host and port.  One host's frames have options, and go
 * alone. */
static void fill(struct given *g, int port)
{
    static const uint8_t protos[] = { 6, 6, 6, 17, 17, 17, 1 };
    unsigned l3 = 14 + 4 * !below(4), data = 2 * below(20), i = below(HOSTS), options = 4 * (i == 3);
    unsigned header = 20 + options;
    uint8_t proto = protos[below(7)], *ip = g->b + l3, *h = ip + header;
    bool has_scale = proto == 6 && below(2);
    unsigned size = (proto == 6 ? 20 + 4 * has_scale : 8) + data;
    uint16_t host_port = (uint16_t)(2000 + 10 * i + proto);
    static const uint8_t flags[] = {
        SYN, SYN, SYN | ACK, SYN | ACK, ACK, ACK, ACK, ACK, ACK, FIN | ACK, RST, RST | ACK
    };

    memset(g, 0, sizeof *g);
    memcpy(g->b, "\x02\x00\x00\x00\x00\x2b\x02\x00\x00\x00\x00\x1a\x81\x00\x00\x07", 16);
    be16_store(ip - 2, 0x0800);
    ip[0] = (uint8_t)(0x40 | header / 4);
    be16_store(ip + 2, (uint16_t)(header + size));
    ip[8] = below(16) ? 64 : (uint8_t)below(3);
    ip[9] = proto;
    memset(ip + 20, 1, options);
    be32_store(ip + 12, port == IN ? 0x0a000001 + i : SERVER);
    be32_store(ip + 16, port == IN ? SERVER : OUTER);
    if (!below(12))
        be16_store(ip + 6, 0x4000);
    be16_store(ip + 10, (uint16_t)~csum_fold(csum_words(ip, header) + !below(24)));
    be16_store(h + (port == IN ? 0 : 2), host_port);
    be16_store(h + (port == IN ? 2 : 0), 80);
    if (proto == 6) {
        be32_store(h + 4, 1000 * (port + 1u) + below(4) + 20000 * !below(8)); /* in a window that is scaled only */
        be32_store(h + 8, 1000 * (2u - (unsigned)port) + below(4));
        h[12] = below(24) ? 0x50 + 0x10 * has_scale : 0x60;
        if (has_scale)
            memcpy(h + 20, (uint8_t[]){ 1, 3, 3, (uint8_t)below(16) }, 4);
        h[13] = flags[below(12)];
        be16_store(h + 14, 500);
    } else if (proto == 17) {
        be16_store(h + 4, (uint16_t)(below(16) ? size : 8 + below(data + 4)));
    } else {
        h[0] = port == IN ? 8 : 0;
        h[1] = 0;
        be16_store(h + 4, host_port);
        be16_store(h + 6, 1);
    }
    transport(ip, header, size, !below(16));
    if (proto == 17 && !below(8))
        be16_store(h + 6, 0);
    g->n = l3 + header + size + below(8);
    g->cut = below(8) ? 0 : l3 + header + (proto == 6 ? 20 : 8) + below(data + 1);
    if (g->cut >= g->n)
        g->cut = 0;
    g->is_shared = !below(12);
    if (!below(12))
        g->flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

/* NULL: none is free. */
static struct rte_mbuf *mbuf_of(const struct given *g)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(eal_pool()), *rest = g->cut ? rte_pktmbuf_alloc(eal_pool()) : NULL;
    unsigned first = g->cut ? g->cut : g->n;

    if (!m || (g->cut && !rest)) {
        rte_pktmbuf_free(m);
        rte_pktmbuf_free(rest);
        return NULL;
    }
    memcpy(rte_pktmbuf_append(m, (uint16_t)first), g->b, first);
    m->ol_flags |= g->flags;
    if (g->cut) {
        memcpy(rte_pktmbuf_append(rest, (uint16_t)(g->n - g->cut)), g->b + g->cut, g->n - g->cut);
        assert_int_equal(rte_pktmbuf_chain(m, rest), 0);
    }
    return m;
}

static void give(struct side *s, int port, const struct given *g, unsigned n)
{
    struct rte_mbuf *held[PORT_BURST];
    unsigned n_held = 0;

    for (unsigned i = 0; i < n; i++) {
        struct rte_mbuf *m = mbuf_of(&g[i]);

        assert_non_null(m);
        if (g[i].is_shared && !g[i].cut) {
            rte_mbuf_refcnt_update(m, 1);
            held[n_held++] = m;
        }
        assert_int_equal(port_mem_give_mbuf(s->w.port[port], 0, m), 0);
    }
    datapath_poll(s->w.dp, 0);
    for (unsigned i = 0; i < n_held; i++)
        rte_pktmbuf_free(held[i]);
}

/* --- comparing --- */

/* Frames of different connections may leave in another order. */
struct sent {
    unsigned n;
    struct {
        uint64_t flow;
        unsigned n;
        uint8_t b[FRAME_MAX];
    } frame[PORT_BURST];
};

static void take(struct side *s, int port, struct sent *out)
{
    for (out->n = 0;
         (out->frame[out->n].n = (unsigned)port_mem_take(s->w.port[port], 0, out->frame[out->n].b, FRAME_MAX));
         out->n++) {
        const uint8_t *b = out->frame[out->n].b,
                      *ip = b + (be16_load(b + 12) != 0x8100   ? 14
                                 : be16_load(b + 16) != 0x8100 ? 18
                                                               : 22),
                      *h = ip + (ip[0] & 15) * 4;

        out->frame[out->n].flow = (uint64_t)ip[9] << 32 | (ip[9] == 1 ? be16_load(h + 4) : be32_load(h));
    }
}

static void same_frames(int port, unsigned burst)
{
    static struct sent a, b;

    take(&quick, port, &a);
    take(&slow, port, &b);
    CHECK(a.n == b.n, "burst %u, port %d: %u frames, and %u each alone", burst, port, a.n, b.n);
    for (unsigned i = 0; i < a.n; i++) {
        unsigned j = 0;

        while (j < b.n && (!b.frame[j].n || b.frame[j].flow != a.frame[i].flow))
            j++;
        CHECK(j < b.n && a.frame[i].n == b.frame[j].n && !memcmp(a.frame[i].b, b.frame[j].b, a.frame[i].n),
              "burst %u, port %d: frame %u is another", burst, port, i);
        b.frame[j].n = 0;
    }
}

struct list {
    unsigned n;
    struct conn_info conn[64];
};

static bool note(void *arg, const struct conn_info *c)
{
    struct list *l = arg;
    unsigned i = l->n++;

    assert_true(i < 64);
    for (; i && l->conn[i - 1].tuple[0].src_port > c->tuple[0].src_port;
         i--) /* a port is one host's, for one protocol */
        l->conn[i] = l->conn[i - 1];
    l->conn[i] = *c;
    return true;
}

static void same_conns(unsigned burst)
{
    struct list a = { 0 }, b = { 0 };

    conn_for_each(conn_track_table(quick.w.dp), clock_now(&quick.w.clock), note, &a);
    conn_for_each(conn_track_table(slow.w.dp), clock_now(&slow.w.clock), note, &b);
    CHECK(a.n == b.n, "burst %u: %u connections, and %u", burst, a.n, b.n);
    for (unsigned i = 0; i < a.n; i++) {
        const struct conn_info *x = &a.conn[i], *y = &b.conn[i];

        CHECK(conn_tuple_equal(&x->tuple[0], &y->tuple[0]) && conn_tuple_equal(&x->tuple[1], &y->tuple[1]),
              "burst %u: tuples of %u", burst, x->tuple[0].src_port);
        CHECK(x->timer == y->timer && x->is_answered == y->is_answered && !memcmp(x->tcp_state, y->tcp_state, 2),
              "burst %u: state of %u: %s and %s", burst, x->tuple[0].src_port, conn_timer_name(x->timer),
              conn_timer_name(y->timer));
        CHECK(!memcmp(x->packets, y->packets, sizeof x->packets) && !memcmp(x->bytes, y->bytes, sizeof x->bytes),
              "burst %u: counters of %u", burst, x->tuple[0].src_port);
    }
}

static void same_ways(bool commits)
{
    static struct given g[PORT_BURST];

    pipe_open(&quick.w);
    pipe_open(&slow.w);
    add_rules(&quick, true, commits, &to_outer);
    add_rules(&slow, false, commits, &to_outer);
    for (unsigned burst = 0; burst < BURSTS; burst++) {
        unsigned n = 1 + below(below(2) ? 4 : PORT_BURST);
        int port = below(2) ? IN : OUT;

        for (unsigned i = 0; i < n; i++)
            fill(&g[i], port);
        give(&quick, port, g, n);
        give(&slow, port, g, n);
        for (int p = 0; p < PIPE_PORTS; p++)
            same_frames(p, burst);
        same_conns(burst);
        for (unsigned d = 0; d < DROP_N; d++)
            CHECK(pipe_dropped(&quick.w, d) == pipe_dropped(&slow.w, d), "burst %u: dropped for %u", burst, d);
        if (!below(40)) { /* long enough for some */
            clock_warp(&quick.w.clock, 5 * UINT64_C(1000000000));
            clock_warp(&slow.w.clock, 5 * UINT64_C(1000000000));
        }
    }
    close_side(&quick);
    close_side(&slow);
}

static void ways_are_the_same(void **unused)
{
    same_ways(false);
}

static void ways_with_a_commit_are_the_same(void **unused)
{
    same_ways(true);
}

/* A frame's connection is pushed out when it was translated, but not committed again yet: the frame is not another's, be the outer
 * port taken by then or not, and none begins with the outer address. */
static void translated_and_lost(void **unused)
{
    for (unsigned is_free = 0; is_free < 2; is_free++) {
        struct given g[2] = { { .n = PIPE_FRAME }, { .n = PIPE_FRAME } };
        struct list l = { 0 };

        open_side(&quick, true, 1);
        for (unsigned i = 0; i < 2; i++) {
            pipe_udp(g[i].b, PIPE_SRC, 0x0a000003 + i, (uint16_t)(3000 + is_free * i));
            be16_store(g[i].b + 24, (uint16_t)~csum_words(g[i].b + 14, 20));
        }
        give(&quick, IN, &g[1], 1);
        give(&quick, IN, g, 2);
        conn_for_each(conn_track_table(quick.w.dp), clock_now(&quick.w.clock), note, &l);
        assert_int_equal(l.n, 1);
        assert_int_equal(l.conn[0].tuple[0].src.lo, 0x0a000003);
        assert_int_equal(pipe_dropped(&quick.w, DROP_CONN_CLASH), 1);
        close_side(&quick);
    }
}

/* So that the only connection does not give its port away. */
static void answer_it(void)
{
    struct conn_table *t = conn_track_table(quick.w.dp);
    struct list l = { 0 };
    struct conn *c;

    conn_for_each(t, clock_now(&quick.w.clock), note, &l);
    assert_int_equal(l.n, 1);
    c = conn_lock_at(t, l.conn[0].id, l.conn[0].serial);
    assert_non_null(c);
    c->is_answered = c->is_repeated = true;
    conn_set_timer(t, c, CONN_UDP_STREAM, clock_now(&quick.w.clock));
    conn_unlock(c);
}

/* Connections that begin together are each counted, translated and sent, or dropped for a reason: three hosts, and one port. */
static void no_port_is_left(void **unused)
{
    struct nat_spec nat = to_outer;
    struct given g[3];
    struct sent out;

    nat.port_min = nat.port_max = 4000;
    for (unsigned way = 0; way < 4; way++) {
        struct list l = { 0 };
        unsigned n_free = rte_mempool_avail_count(eal_pool());
        struct rule_stat hits;

        pipe_open(&quick.w);
        add_rules(&quick, way & 1, way & 2, &nat);
        for (unsigned i = 0; i < 3; i++) {
            memset(&g[i], 0, sizeof g[i]);
            g[i].n = PIPE_FRAME;
            pipe_udp(g[i].b, PIPE_SRC, 0x0a000003 + i, 3000);
            be16_store(g[i].b + 24, (uint16_t)~csum_words(g[i].b + 14, 20));
        }
        give(&quick, IN, g, 1); /* its programs are known then */
        answer_it();
        give(&quick, IN, g + 1, 2);
        take(&quick, OUT, &out);
        assert_int_equal(out.n, 1);
        assert_int_equal(be32_load(out.frame[0].b + 26), OUTER);
        assert_int_equal(be16_load(out.frame[0].b + 34), 4000);
        assert_int_equal(csum_words(out.frame[0].b + 14, 20), 0xffff);
        assert_int_equal(pipe_dropped(&quick.w, DROP_NAT_PORTS), 2);
        conn_for_each(conn_track_table(quick.w.dp), clock_now(&quick.w.clock), note, &l);
        assert_int_equal(l.n, 1);
        rule_stats(quick.w.b, quick.rules[way & 2 ? 1 : 2], &hits); /* the one that commits */
        assert_int_equal(hits.packets, 3);
        close_side(&quick);
        assert_int_equal(rte_mempool_avail_count(eal_pool()), n_free);
    }
}

static bool throw_out(void *arg, const struct conn_info *c)
{
    if (!below(4))
        conn_doom(arg, c);
    return true;
}

/* What left is translated, and for whom it is: a host has ports of its own.  Returns how many frames. */
static unsigned none_is_anothers(int port)
{
    unsigned n = 0;
    uint8_t b[FRAME_MAX];

    for (; port_mem_take(quick.w.port[port], 0, b, sizeof b); n++) {
        const uint8_t *ip = b + (be16_load(b + 12) == 0x8100 ? 18 : 14), *h = ip + (ip[0] & 15) * 4;
        unsigned id = be16_load(h + (ip[9] == 1 ? 4 : 2));

        if (port == OUT)
            assert_int_equal(be32_load(ip + 12), OUTER);
        else
            assert_int_equal(be32_load(ip + 16), 0x0a000001 + (id - 2000 - ip[9]) / 10);
    }
    return n;
}

/* Both directions of connections that come and go, each by a worker of its own, while control throws some out. */
static void both_directions(bool commits)
{
    enum { ROUNDS = 8000 };
    unsigned n[2] = { 0 }, n_free = rte_mempool_avail_count(eal_pool());
    struct conn_table *t;

    pipe_open_threads(&quick.w, 64);
    add_rules(&quick, true, commits, &to_outer);
    t = conn_track_table(quick.w.dp);
    for (unsigned i = 0; i < ROUNDS || !n[IN] || !n[OUT]; i++) {
        for (unsigned k = below(24); k; k--) {
            int port = below(2) ? IN : OUT;
            struct rte_mbuf *m;
            struct given g;

            fill(&g, port);
            m = mbuf_of(&g);
            if (m)                                                  /* workers may have all of them */
                (void)port_mem_give_mbuf(quick.w.port[port], 0, m); /* it may be full */
        }
        n[IN] += none_is_anothers(IN);
        n[OUT] += none_is_anothers(OUT);
        for (int p = OUT + 1; p < PIPE_PORTS; p++)
            (void)pipe_take(&quick.w, p);
        if (!below(20))
            conn_for_each(t, clock_now(&quick.w.clock), throw_out, t);
        if (!below(4))
            sched_yield();
    }
    assert_true(conn_count(t) <= HOSTS * 3); /* of each protocol one: none has the outer address for a host */
    close_side(&quick);
    assert_int_equal(rte_mempool_avail_count(eal_pool()), n_free);
}

static void ways_with_notes_are_the_same(void **unused)
{
    for (unsigned i = 0; i < 4; i++) {
        n_notes = i & 2 ? 6 : 3;
        same_ways(i & 1);
    }
    n_notes = 0;
}

static void two_workers(void **unused)
{
    both_directions(false);
}

static void two_workers_with_a_commit(void **unused)
{
    both_directions(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ways_with_notes_are_the_same),
                                        cmocka_unit_test(ways_are_the_same),
                                        cmocka_unit_test(ways_with_a_commit_are_the_same),
                                        cmocka_unit_test(translated_and_lost),
                                        cmocka_unit_test(no_port_is_left),
                                        cmocka_unit_test(two_workers),
                                        cmocka_unit_test(two_workers_with_a_commit) };
    int err = pipe_start();

    if (err)
        return err;
    err = cmocka_run_group_tests(tests, NULL, NULL);
    pipe_stop();
    return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_change_log.c - cached programs over changes of rules: they survive those that do not concern them, and none that does;
 * against a model of two tables, rules that come and go at random, and frames in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/bridge.h"
#include "datapath/rcu.h"
#include "pipe_world.h"

static struct pipe_world w;

static int setup(void **state)
{
    pipe_open(&w);
    return 0;
}

static int teardown(void **state)
{
    pipe_close(&w);
    return 0;
}

/* --- rules: of the frame's port, address and UDP port, and of metadata --- */

enum { RULES = 40, ADDRESSES = 8, PORTS = 4, METADATA = 3, NONE = -1 };

struct model_rule {
    struct rule *rule; /* NULL: no rule */
    uint8_t table;
    uint16_t priority; /* each its own */
    int in_port;       /* index, or NONE: not matched; as are the others */
    int ip_src, ip_mask;
    int udp_src;
    int metadata;
    int set_ip;       /* table 0: before it goes on */
    int set_metadata; /* table 0: goes on to table 1 */
    int out;          /* else */
};

static struct value ip_value(int ip)
{
    return value_of(0x0a000000 + (unsigned)ip);
}

static void match_of(struct match *m, const struct model_rule *r)
{
    memset(m, 0, sizeof *m);
    if (r->in_port != NONE)
        match_set(m, FIELD_IN_PORT, pipe_number[r->in_port]);
    match_set(m, FIELD_ETH_TYPE, 0x0800);
    if (r->ip_src != NONE)
        match_set_masked(m, FIELD_IPV4_SRC, ip_value(r->ip_src), value_of(0xfffffff8 | (unsigned)r->ip_mask));
    if (r->udp_src != NONE) {
        match_set(m, FIELD_IP_PROTO, 17);
        match_set(m, FIELD_UDP_SRC, 1000 + (unsigned)r->udp_src);
    }
    if (r->metadata != NONE)
        match_set(m, FIELD_METADATA, (unsigned)r->metadata);
}

static void rule_add(struct model_rule *r)
{
    struct act acts[2] = { 0 };
    struct rule_code code = { .apply = acts, .goto_table = NO_GOTO };
    struct match m;

    match_of(&m, r);
    if (r->set_ip != NONE)
        acts[code.n_apply++] = (struct act){
            .type = ACT_SET_FIELD, .field = FIELD_IPV4_SRC, .value = ip_value(r->set_ip), .mask = value_of(UINT32_MAX)
        };
    if (r->out != NONE)
        acts[code.n_apply++] = (struct act){ .type = ACT_OUTPUT, .port = pipe_number[r->out] };
    if (r->set_metadata != NONE) {
        code.goto_table = 1;
        code.metadata = (unsigned)r->set_metadata;
        code.metadata_mask = UINT64_MAX;
    }

    struct rule_conf conf = { .table_id = r->table, .priority = r->priority, .match = &m, .code = &code };

    assert_int_equal(rule_new(&r->rule, w.b, &conf), 0);
    assert_int_equal(bridge_rule_add(w.b, r->rule), 0);
    datapath_commit(w.dp);
}

static void rule_remove(struct model_rule *r)
{
    bridge_rule_remove(w.b, r->rule);
    datapath_commit(w.dp);
    r->rule = NULL;
}

/* --- frames --- */

static void send_frame(int port, int ip, int udp)
{
    uint8_t f[PIPE_FRAME];

    pipe_udp(f, PIPE_SRC, (uint32_t)ip_value(ip).lo, (uint16_t)(1000 + udp));
    pipe_give(&w, port, f);
}

static uint64_t misses(void)
{
    struct worker_stats s;

    datapath_worker_stats(w.dp, 0, &s);
    return s.cache_misses;
}

static const struct model_rule any = { .in_port = NONE,
                                       .ip_src = NONE,
                                       .udp_src = NONE,
                                       .metadata = NONE,
                                       .set_ip = NONE,
                                       .set_metadata = NONE,
                                       .out = NONE };

static struct model_rule rule_of(uint8_t table, uint16_t priority, int ip_src, int out)
{
    struct model_rule r = any;

    r.table = table;
    r.priority = priority;
    r.ip_src = ip_src;
    r.ip_mask = 7;
    r.out = out;
    return r;
}

/* A rule that no frame meets, but that has every bit in its mask: so the entry mask stays as it is whatever else comes and
 * goes. */
static struct model_rule keeper(void)
{
    struct model_rule r = rule_of(1, 1, ADDRESSES - 1, 4);

    r.in_port = 4;
    r.udp_src = PORTS;
    r.metadata = METADATA;
    return r;
}

/* Of an address that others have, of a table that nobody asks, of a port that the frame has not got. */
static void test_survives(void **state)
{
    struct model_rule keep = keeper(), base = rule_of(0, 5, NONE, 1), mine = rule_of(0, 6, 1, 2),
                      other = rule_of(0, 7, 2, 3), away = rule_of(3, 8, NONE, 4), port = rule_of(0, 9, 1, 4);
    uint64_t before;

    port.in_port = 1;
    rule_add(&base);
    rule_add(&mine);
    rule_add(&other);
    rule_add(&keep);
    rule_add(&port);
    send_frame(0, 1, 0);
    assert_int_equal(pipe_sent(&w), 1 << 2);
    before = misses();
    for (int i = 0; i < 100; i++) {
        rule_remove(&other);
        rule_add(&other);
        rule_add(&away);
        rule_remove(&port);
        rule_add(&port);
        rule_remove(&away);
        send_frame(0, 1, 0);
        assert_int_equal(pipe_sent(&w), 1 << 2);
    }
    assert_int_equal(misses(), before);
    rule_remove(&mine);
    send_frame(0, 1, 0);
    assert_int_equal(pipe_sent(&w), 1 << 1);
    assert_int_equal(misses(), before + 1);
    datapath_port_set_link(w.dp, w.index[4], false); /* liveness is no rule's: everything is made anew */
    send_frame(0, 1, 0);
    assert_int_equal(pipe_sent(&w), 1 << 1);
    assert_int_equal(misses(), before + 2);
    rule_remove(&base);
    rule_remove(&other);
    rule_remove(&port);
    rule_remove(&keep);
}

/* What a rule alone asked for is asked for a while longer, in case that it comes again. */
static void test_narrows_late(void **state)
{
    struct model_rule base = rule_of(0, 5, NONE, 1), port = rule_of(0, 9, 1, 4);
    uint64_t serial;
    unsigned n;

    rule_add(&base);
    n = atomic_load(&w.b->entry)->n;
    rule_add(&port);
    serial = atomic_load(&w.b->entry)->serial;
    for (int i = 0; i < 3; i++) {
        rule_remove(&port);
        clock_warp(&w.clock, NSEC_PER_S);
        datapath_reclaim(w.dp);
        rule_add(&port);
        datapath_reclaim(w.dp);
        assert_int_equal(atomic_load(&w.b->entry)->serial, serial);
    }
    rule_remove(&port);
    datapath_poll(w.dp, 0);
    datapath_reclaim(w.dp);
    clock_warp(&w.clock, 3 * (uint64_t)NSEC_PER_S);
    datapath_reclaim(w.dp);
    assert_int_equal(atomic_load(&w.b->entry)->n, n);
    rule_remove(&base);
}

/* --- against the model --- */

static struct model_rule rules[RULES];

static int draw(int n)
{
    return rand() % n; /* NOLINT: a test wants the same numbers each time */
}

static int maybe(int n)
{
    return draw(2) ? draw(n) : NONE;
}

enum masks { FEW_MASKS, MANY_MASKS }; /* fewer than CHANGE_SETS, or more */

static void draw_rule(struct model_rule *r, unsigned i, enum masks masks)
{
    *r = any;
    r->table = (uint8_t)draw(2);
    r->priority = (uint16_t)(100 + i);
    r->in_port = masks == FEW_MASKS || draw(4) ? NONE : draw(2);
    r->ip_src = maybe(ADDRESSES);
    r->ip_mask = masks == FEW_MASKS || draw(2) ? 7 : 1 << draw(3);
    r->ip_src = r->ip_src == NONE ? NONE : r->ip_src & r->ip_mask;
    r->udp_src = maybe(PORTS);
    r->metadata = r->table ? maybe(METADATA) : NONE;
    r->set_metadata = r->table ? NONE : maybe(METADATA);
    r->set_ip = r->set_metadata == NONE ? NONE : maybe(ADDRESSES);
    r->out = r->set_metadata == NONE ? 2 + draw(3) : NONE;
}

static bool is_hit(const struct model_rule *r, int port, int ip, int udp, int metadata)
{
    return (r->in_port == NONE || r->in_port == port) && (r->ip_src == NONE || (ip & r->ip_mask) == r->ip_src) &&
           (r->udp_src == NONE || r->udp_src == udp) && (r->metadata == NONE || r->metadata == metadata);
}

/* Which port it leaves by; NONE. */
static int model_out(int port, int ip, int udp)
{
    int metadata = 0, table = 0;

    for (;;) {
        const struct model_rule *best = NULL;

        for (int i = 0; i < RULES; i++)
            if (rules[i].rule && rules[i].table == table && (!best || rules[i].priority > best->priority) &&
                is_hit(&rules[i], port, ip, udp, metadata))
                best = &rules[i];
        if (!best || best->set_metadata == NONE)
            return best ? best->out : NONE;
        ip = best->set_ip == NONE ? ip : best->set_ip;
        metadata = best->set_metadata;
        table = 1;
    }
}

static void test_model(void **state)
{
    enum { STEPS = 60000, HALF = STEPS / 2 };
    struct model_rule keep = keeper();
    uint64_t n_frames = 0, before;

    rule_add(&keep);
    before = misses();
    srand(7);
    for (int step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)draw(RULES);

        if (step == HALF) /* with a change between most two frames of one key */
            assert_true(misses() - before < n_frames / 3);

        if (draw(step < HALF ? 60 : 4)) {
            int port = draw(2), ip = draw(ADDRESSES), udp = draw(PORTS), out = model_out(port, ip, udp);

            send_frame(port, ip, udp);
            assert_int_equal(pipe_sent(&w), out == NONE ? 0 : 1u << out);
            n_frames++;
        } else if (rules[i].rule) {
            rule_remove(&rules[i]);
        } else {
            draw_rule(&rules[i], i, step < HALF ? FEW_MASKS : MANY_MASKS);
            rule_add(&rules[i]);
        }
    }
    rule_remove(&keep);
    for (int i = 0; i < RULES; i++)
        if (rules[i].rule)
            rule_remove(&rules[i]);
}

/* --- the log alone: more masks than there are sets, and versions far apart --- */

static void test_many_masks(void **state)
{
    enum { MASKS = 64 };
    static struct change_log log;
    static struct entry_mask mask = { .n = 1 };
    const struct lookups l = { .tables = 1 << 4 };
    struct rcu *rcu;
    uint64_t last[MASKS] = { 0 }, word = 0;
    struct known_key k = { .mask = &mask, .word = &word };
    uint64_t room[sizeof(struct compact_match) / sizeof(uint64_t) + 2] = { 0 };
    struct compact_match *m = (struct compact_match *)(void *)room;

    assert_int_equal(rcu_new(&rcu, 1), 0);
    memset(mask.place, ENTRY_NO_PLACE, sizeof mask.place);
    m->n = 1;
    mask.word[0] = 20;
    mask.place[20] = 0;
    m->map.bits[0] = 1 << 20;
    srand(3);
    for (uint64_t version = 1; version < 20000; version++) {
        unsigned i = (unsigned)draw(version % 1000 < 500 ? 3 : MASKS);
        uint64_t since;

        m->w[0] = UINT64_C(1) << i; /* the value, and the mask */
        m->w[1] = UINT64_C(1) << i;
        change_log_note(&log, rcu, 4, m, version);
        last[i] = version;
        i = (unsigned)draw(MASKS);
        since = version - (uint64_t)draw(version > 30 ? 30 : (int)version);
        word = UINT64_C(1) << i;
        if (last[i] > since)
            assert_true(change_log_concerns(&log, since, &l, &k));
        assert_false(change_log_concerns(&log, version, &l, &k));
    }
    change_log_fini(&log);
    rcu_free(rcu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_survives, setup, teardown),
        cmocka_unit_test_setup_teardown(test_narrows_late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_model, setup, teardown),
        cmocka_unit_test(test_many_masks),
    };
    int failed;

    if (pipe_start())
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    pipe_stop();
    return failed;
}

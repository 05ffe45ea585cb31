/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_world.c - see fuzz_world.h. */
#include "tests/fuzz/fuzz_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "datapath/eal.h"
#include "datapath/port_mem.h"
#include "tests/fuzz/fuzz_census.h"
#include "tests/support/ofp_random.h"
#include "tests/unit/datapath/frames.h"
#include "vswitch/agent_impl.h"

enum { ROOM = 8 << 20, TURNS_MAX = 10000 };

/* What agent_world.c asserts ends the program, too. */
static void start(void)
{
    static bool is_started;

    if (is_started)
        return;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    log_set_level(LOG_ERROR);
    if (world_start())
        abort();
    atexit(world_stop);
    is_started = true;
}

static void fault(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

void fuzz_world_open(struct fuzz_world *f)
{
    start();
    *f = (struct fuzz_world){ .w = world_new(0) };
    tape_open(&f->observer, f->w, SESSION_SERVICE);
}

void fuzz_world_close(struct fuzz_world *f)
{
    fuzz_check(f);
    for (int i = SLOTS; i--;)
        fuzz_hang_up(f, (enum fuzz_slot)i);
    tape_close(&f->observer);
    world_free(f->w);
    str_fini(&f->before);
    wr_fini(&f->paused);
    if (rte_mempool_in_use_count(eal_pool()))
        fault("frames are missing in the pool");
}

/* --- what was answered --- */

/* What the switch says is what the encoder makes of it. */
static void check_own(const struct ofp_msg *m, const uint8_t *p, size_t n)
{
    struct wr w;

    wr_init(&w);
    ofp_encode(&w, m);
    if (w.bad || w.len != n || memcmp(w.p, p, n) != 0)
        fault("a message of the switch is encoded differently");
    wr_fini(&w);
}

/* The next message of the switch, checked; NULL: none. */
static const struct ofp_msg *hear(struct tape *t)
{
    size_t at = t->at;
    const struct ofp_msg *m = tape_hear(t);

    if (m) {
        check_own(m, t->bytes.p + at, t->at - at);
        return m;
    }
    wr_reset(&t->bytes);
    t->at = 0;
    return NULL;
}

static bool has_paused(const struct ofp_msg *m)
{
    const struct ofp_nx_packet_in2 *in = &m->experimenter.nicira.packet_in2;

    if (m->type != OFPT_EXPERIMENTER || m->experimenter.experimenter != OFPEXP_NICIRA ||
        m->experimenter.nicira.exp_type != NXT_PACKET_IN2)
        return false;
    for (size_t i = 0; i < in->n_properties; i++)
        if (in->properties[i].type == NXPINT_CONTINUATION)
            return true;
    return false;
}

/* Takes what has come; was `xid` refused? */
static bool hear_all(struct fuzz_world *f, struct tape *t, uint32_t xid)
{
    const struct ofp_msg *m;
    bool is_refused = false;
    size_t at = t->at;

    while ((m = hear(t))) {
        is_refused |= m->type == OFPT_ERROR && m->xid == xid;
        if (has_paused(m)) {
            wr_reset(&f->paused);
            wr_bytes(&f->paused, t->bytes.p + at, t->at - at);
        }
        at = t->at;
    }
    return is_refused;
}

static void run_agent(struct fuzz_world *f)
{
    unsigned turns = 0;

    while (agent_run(f->w->agent))
        if (++turns == TURNS_MAX)
            fault("the agent never comes to rest");
}

/* --- what there is --- */

/* Asks as the observer; gives each reply to the census and, as text, to `s`. */
static void ask(struct fuzz_world *f, struct ofp_msg *m, struct str *s, struct fuzz_census *c)
{
    struct tape *t = &f->observer;
    const struct ofp_msg *reply;

    t->xid = 0;
    tape_say(t, m);
    run_agent(f);
    while ((reply = hear(t))) {
        if (reply->type == OFPT_ERROR)
            fault("the observer is refused");
        ofp_print(s, reply);
        str_add_char(s, '\n');
        fuzz_census_take(c, reply);
    }
}

static void ask_part(struct fuzz_world *f, struct ofp_multipart_request q, struct str *s, struct fuzz_census *c)
{
    struct ofp_msg m = { .type = OFPT_MULTIPART_REQUEST, .multipart_request = q };

    ask(f, &m, s, c);
}

/* FNV-1a. */
static uint64_t hash_of_bytes(const void *p, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)p)[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* As text, for comparing, and counted. */
static void look(struct fuzz_world *f, struct str *s, struct fuzz_census *c)
{
    const struct ofp_flow_stats_request every = { .table_id = OFPTT_ALL, .out_port = OFPP_ANY, .out_group = OFPG_ANY };
    const struct ofp_meter_request meters = { .meter_id = OFPM_ALL };
    const struct agent *a = f->w->agent;
    struct ofp_msg config = { .type = OFPT_GET_CONFIG_REQUEST };

    fuzz_census_init(c);
    ask_part(f, (struct ofp_multipart_request){ .type = OFPMP_GROUP, .group = { .group_id = OFPG_ALL } }, s, c);
    ask_part(f, (struct ofp_multipart_request){ .type = OFPMP_GROUP_DESC }, s, c);
    ask_part(f, (struct ofp_multipart_request){ .type = OFPMP_METER, .meter = meters }, s, c);
    ask_part(f, (struct ofp_multipart_request){ .type = OFPMP_METER_CONFIG, .meter_config = meters }, s, c);
    ask_part(f, (struct ofp_multipart_request){ .type = OFPMP_FLOW, .flow = every }, s, c);
    ask_part(f, (struct ofp_multipart_request){ .type = OFPMP_AGGREGATE, .aggregate = every }, s, c);
    ask_part(f, (struct ofp_multipart_request){ .type = OFPMP_PORT_DESC }, s, c);
    ask(f, &config, s, c);
    str_printf(s, "tables: %#llx\n", (unsigned long long)hash_of_bytes(a->tables, sizeof a->tables));
}

void fuzz_check(struct fuzz_world *f)
{
    unsigned masters = 0;
    struct fuzz_census c;
    struct str s;

    str_init(&s);
    look(f, &s, &c);
    fuzz_census_check(&c);
    fuzz_census_fini(&c);
    str_fini(&s);
    for_each_list (struct session, x, &f->w->agent->sessions, link)
        masters += x == x->main && x->role == OFPCR_ROLE_MASTER;
    if (masters > 1)
        fault("there is more than one master");
}

/* --- what is said --- */

/* Messages that may change what is looked at. */
static bool is_change(uint8_t type)
{
    switch (type) {
    case OFPT_SET_CONFIG:
    case OFPT_FLOW_MOD:
    case OFPT_GROUP_MOD:
    case OFPT_PORT_MOD:
    case OFPT_TABLE_MOD:
    case OFPT_METER_MOD:
    case OFPT_MULTIPART_REQUEST:
    case OFPT_EXPERIMENTER:
    case OFPT_PACKET_OUT:
        return true;
    }
    return false;
}

static void remember(struct fuzz_world *f)
{
    struct fuzz_census c;

    if (f->is_known)
        return;
    str_reset(&f->before);
    look(f, &f->before, &c);
    fuzz_census_fini(&c);
    f->is_known = true;
}

static void check_unchanged(struct fuzz_world *f)
{
    struct fuzz_census c;
    struct str now;

    str_init(&now);
    look(f, &now, &c);
    fuzz_census_fini(&c);
    if (strcmp(str_text(&f->before), str_text(&now)) != 0) {
        fprintf(stderr, "before:\n%s\nafter:\n%s\n", str_text(&f->before), str_text(&now));
        fault("a message that was refused has changed something");
    }
    str_fini(&now);
}

static void open_slot(struct fuzz_world *f, enum fuzz_slot slot)
{
    struct tape *t = &f->tapes[slot], *first = &f->tapes[SLOT_FIRST];
    struct session *own;

    if (t->s)
        return;
    if (slot == SLOT_AUXILIARY)
        open_slot(f, SLOT_FIRST);
    tape_open(t, f->w, slot == SLOT_SERVICE ? SESSION_SERVICE : SESSION_CONTROLLER);
    t->room = ROOM;
    if (slot != SLOT_AUXILIARY)
        return;
    own = t->s; /* the tape's ops, for a session of the other kind */
    if (session_open_auxiliary(&t->s, first->s, 1, own->ops, t))
        abort();
    session_close(own);
}

static void say_by_wire(struct fuzz_world *f, const uint8_t *p, size_t n)
{
    f->is_known = false;
    if (!f->wire.conn) { /* not yet, or not any more */
        fuzz_wire_close(&f->wire);
        fuzz_wire_open(&f->wire, f->w->agent, &f->w->clock);
    }
    fuzz_wire_write(&f->wire, p, n);
    run_agent(f);
    fuzz_wire_turn(&f->wire);
}

static bool say_by_tape(struct fuzz_world *f, enum fuzz_slot slot, const uint8_t *p, size_t n)
{
    bool is_refused = true;
    struct tape *t = &f->tapes[slot];
    struct ofp_err err = { 0 };
    struct ofp_header h;
    struct arena arena;
    struct ofp_msg m;
    char name[64];

    open_slot(f, slot);
    if (t->is_held) { /* the message would wait until what came before is read */
        t->room = ROOM;
        run_agent(f);
    }
    hear_all(f, t, 0);
    /* to look before each would take too long */
    if (f->one_of && ofp_header_read(&h, p, n) && is_change(h.type) && hash_of_bytes(p, n) % f->one_of == 0)
        remember(f);
    arena_init(&arena);
    if (ofp_decode(&m, &arena, p, n, &err)) {
        if (!ofp_err_name(err.type, err.code, name))
            fault("an error without a name");
    } else if (m.version == OFP_VERSION_13) {
        session_message(t->s, &m, p, n);
        if (!t->is_held)
            t->room = ROOM;
        run_agent(f);
        is_refused = hear_all(f, t, m.xid);
        if (!is_refused)
            f->is_known = f->is_known && !is_change((uint8_t)m.type);
        else if (f->is_known && is_change((uint8_t)m.type))
            check_unchanged(f);
    }
    arena_fini(&arena);
    return !is_refused;
}

bool fuzz_say(struct fuzz_world *f, enum fuzz_slot slot, const uint8_t *p, size_t n)
{
    if (slot != SLOT_WIRE)
        return say_by_tape(f, slot, p, n);
    say_by_wire(f, p, n);
    return true;
}

void fuzz_resume(struct fuzz_world *f, enum fuzz_slot slot, uint16_t how)
{
    struct ofp_random r = { .seed = how };
    struct ofp_err err;
    struct arena arena;
    struct ofp_msg m;
    struct wr w;

    arena_init(&arena);
    r.arena = &arena;
    wr_init(&w);
    if (f->paused.len && !ofp_decode(&m, &arena, f->paused.p, f->paused.len, &err)) {
        if (how & 1)
            ofp_mutate(&m, &r);
        if (m.experimenter.experimenter == OFPEXP_NICIRA && m.experimenter.nicira.exp_type == NXT_PACKET_IN2) {
            m.experimenter.nicira.resume = m.experimenter.nicira.packet_in2;
            m.experimenter.nicira.exp_type = NXT_RESUME;
        }
        ofp_encode(&w, &m);
        if (!w.bad)
            (void)fuzz_say(f, slot, w.p, w.len);
    }
    wr_fini(&w);
    arena_fini(&arena);
}

void fuzz_hang_up(struct fuzz_world *f, enum fuzz_slot slot)
{
    if (slot == SLOT_FIRST)
        fuzz_hang_up(f, SLOT_AUXILIARY);
    if (slot == SLOT_WIRE)
        fuzz_wire_close(&f->wire);
    else if (f->tapes[slot].s)
        tape_close(&f->tapes[slot]);
}

void fuzz_set_room(struct fuzz_world *f, enum fuzz_slot slot, size_t room)
{
    if (slot == SLOT_WIRE)
        return;
    open_slot(f, slot);
    if (!f->tapes[slot].is_held)
        f->tapes[slot].room = SESSION_ROOM + room; /* with less it would be held */
}

/* --- what happens --- */

static void turn(struct fuzz_world *f)
{
    struct rte_mbuf *m;

    f->is_known = false;
    world_turn(f->w);
    run_agent(f);
    world_turn(f->w);
    for (unsigned i = 0; i < WORLD_PORTS; i++)
        while ((m = port_mem_take_mbuf(f->w->ports[i].port, 0)))
            rte_pktmbuf_free(m);
    for (unsigned i = 0; i < SLOT_WIRE; i++)
        if (f->tapes[i].s)
            hear_all(f, &f->tapes[i], 0);
    fuzz_wire_turn(&f->wire);
    datapath_reclaim(f->w->dp);
}

void fuzz_frame(struct fuzz_world *f, unsigned port, const uint8_t *p, size_t n)
{
    struct port *in = f->w->ports[port % WORLD_PORTS].port;
    struct frame form;

    if (n < 14) {
        frame_build(&form, &frame_forms[(n ? p[0] : 0) % FRAME_FORMS], FRAME_DONE);
        p = form.b;
        n = form.n;
    }
    if (port_mem_give(in, 0, p, n))
        fault("a port does not take a frame");
    turn(f);
}

void fuzz_warp(struct fuzz_world *f, uint64_t ns)
{
    clock_warp(&f->w->clock, ns);
    turn(f);
}

void fuzz_link(struct fuzz_world *f, unsigned port, bool is_up)
{
    struct agent_port *p = &f->w->ports[port % WORLD_PORTS];

    port_mem_set_link(p->port, is_up);
    agent_port_check(p);
    turn(f);
}

void fuzz_queues(struct fuzz_world *f, unsigned port, const uint8_t *p, size_t n)
{
    struct shaper_conf conf = { .n_queues = (unsigned)(n / 3 < 8 ? n / 3 : 8) };

    for (unsigned i = 0; i < conf.n_queues; i++, p += 3)
        conf.queues[i] = (struct shaper_queue_conf){ .id = p[0], .min_bps = p[1] * 1000u, .max_bps = p[2] * 1000u };
    (void)agent_port_set_queues(&f->w->ports[port % WORLD_PORTS], &conf); /* refuses what makes no sense */
    turn(f);
}

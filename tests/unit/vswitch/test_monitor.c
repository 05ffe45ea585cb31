/* SPDX-License-Identifier: Apache-2.0 */
/* test_monitor.c - vswitch/agent_monitor.c: what a flow monitor hears of each kind of change, whatever it filters; a
 * listener that does not read is paused and told the rest later; what it has heard is then what there is. */
#include "agent_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "openflow/flow_text.h"

enum { EVERYTHING = ONFFMF_INITIAL | ONFFMF_ADD | ONFFMF_DELETE | ONFFMF_MODIFY | ONFFMF_ACTIONS | ONFFMF_OWN };

/* `filter`: a flow as del-flows takes it. */
static void monitor_request(struct ofp_flow_monitor_request *r, struct arena *a, uint32_t id, uint16_t flags,
                            const char *filter)
{
    struct errbuf e = { { 0 } };
    struct ofp_flow_mod fm;

    if (flow_text_parse(&fm, a, filter, FLOW_TEXT_DELETE, NULL, &e))
        fail_msg("%s: %s", filter, e.text);
    *r = (struct ofp_flow_monitor_request){ id, flags, fm.out_port, fm.table_id, fm.match };
}

static void say_monitors(struct tape *t, struct ofp_flow_monitor_request *r, size_t n)
{
    struct ofp_msg m = {
        .type = OFPT_MULTIPART_REQUEST,
        .multipart_request = { .type = OFPMP_EXPERIMENTER,
                               .experimenter = { .experimenter = OFPEXP_ONF,
                                                 .onf = { .exp_type = ONFMP_FLOW_MONITOR,
                                                          .flow_monitor = { r, n } } } },
    };

    tape_say(t, &m);
}

static void say_monitor(struct tape *t, uint32_t id, uint16_t flags, const char *filter)
{
    struct ofp_flow_monitor_request r;
    struct arena a;

    arena_init(&a);
    monitor_request(&r, &a, id, flags, filter);
    say_monitors(t, &r, 1);
    arena_fini(&a);
}

static void say_cancel(struct tape *t, uint32_t id)
{
    struct ofp_msg m = {
        .type = OFPT_EXPERIMENTER,
        .experimenter = { .experimenter = OFPEXP_ONF,
                          .onf = { .exp_type = ONFT_FLOW_MONITOR_CANCEL, .flow_monitor_cancel = { id } } },
    };

    tape_say(t, &m);
}

/* table,priority,match */
static void print_key(struct str *s, uint8_t table_id, uint16_t priority, const struct ofp_match *match)
{
    str_printf(s, "%u,%u,", table_id, priority);
    ofp_match_print(s, match);
}

static void print_update(struct str *s, const struct ofp_flow_update *u)
{
    const struct ofp_flow_update_full *x = &u->added;

    if (u->event == ONFFME_ABBREV) {
        str_printf(s, "abbrev %u\n", u->abbrev.xid);
        return;
    }
    str_printf(s, "%s ", ofp_enum_name(&ofp_flow_update_event_names, u->event));
    print_key(s, x->table_id, x->priority, &x->match);
    str_printf(s, " cookie=%u idle=%u hard=%u reason=%u ", (unsigned)x->cookie, x->idle_timeout, x->hard_timeout,
               x->reason);
    ofp_instructions_print(s, x->instructions, x->n_instructions);
    str_add_char(s, '\n');
}

static const struct ofp_flow_updates *updates_of(const struct ofp_msg *m)
{
    assert_int_equal(m->type, OFPT_MULTIPART_REPLY);
    assert_int_equal(m->multipart_reply.type, OFPMP_EXPERIMENTER);
    assert_int_equal(m->multipart_reply.experimenter.experimenter, OFPEXP_ONF);
    return &m->multipart_reply.experimenter.onf.flow_monitor;
}

/* Everything heard of monitors, a line each; the reply to a request ends with "end". */
static const char *heard(struct tape *t)
{
    static char text[1 << 16];
    const struct ofp_msg *m;
    struct str s = { 0 };

    while ((m = tape_hear(t))) {
        const struct ofp_flow_updates *u;

        if (m->type == OFPT_EXPERIMENTER) {
            assert_int_equal(m->xid, 0);
            str_printf(&s, "%s\n", ofp_enum_name(&ofp_onf_type_names, m->experimenter.onf.exp_type));
            continue;
        }
        u = updates_of(m);
        for (size_t i = 0; i < u->n_updates; i++)
            print_update(&s, &u->updates[i]);
        if (m->xid) {
            assert_int_equal(m->xid, t->xid);
            str_add(&s, m->multipart_reply.flags & OFPMPF_REPLY_MORE ? "" : "end\n");
        }
    }
    snprintf(text, sizeof text, "%s", str_text(&s));
    str_fini(&s);
    return text;
}

static void initial(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;

    say_monitor(t, 1, EVERYTHING, "");
    assert_string_equal(heard(t), "end\n");
    tape_say_flow(t, "add table=3,priority=4,cookie=5,in_port=7,actions=output:300");
    tape_say_flow(t, "add table=1,priority=6,idle_timeout=8,hard_timeout=9,udp,actions=drop");
    heard(t);
    say_monitor(t, 2, EVERYTHING, "");
    assert_string_equal(
        heard(t),
        "added 1,6,{eth_type=0x800,ip_proto=17} cookie=0 idle=8 hard=9 reason=0 \n"
        "added 3,4,{in_port=7} cookie=5 idle=0 hard=0 reason=0 apply_actions{actions=[output{port=300 max_len=0}]}\n"
        "end\n");
    say_monitor(t, 3, ONFFMF_INITIAL | ONFFMF_ADD, "table=3");
    assert_string_equal(heard(t), "added 3,4,{in_port=7} cookie=5 idle=0 hard=0 reason=0 \nend\n");
    say_monitor(t, 4, EVERYTHING, "out_port=300");
    assert_non_null(strstr(heard(t), "added 3,4"));
    say_monitor(t, 5, EVERYTHING, "out_port=7");
    assert_string_equal(heard(t), "end\n");
    say_monitor(t, 6, EVERYTHING, "udp");
    assert_non_null(strstr(heard(t), "added 1,6"));
    say_monitor(t, 7, EVERYTHING & ~ONFFMF_INITIAL, "");
    assert_string_equal(heard(t), "end\n");
    world_free(w);
}

/* Two sessions: one watches, and both change. */
struct pair {
    struct world *w;
    struct tape *t, other;
};

static void pair_open(struct pair *p)
{
    p->w = world_new(0);
    p->t = &p->w->tape;
    tape_open(&p->other, p->w, SESSION_CONTROLLER);
}

static void pair_close(struct pair *p)
{
    tape_close(&p->other);
    world_free(p->w);
}

static void changes(void **state)
{
    struct pair p;

    pair_open(&p);
    say_monitor(p.t, 1, EVERYTHING, "");
    heard(p.t);
    tape_say_flow(&p.other, "add table=2,priority=3,cookie=4,actions=output:7");
    assert_string_equal(
        heard(p.t), "added 2,3,{} cookie=4 idle=0 hard=0 reason=0 apply_actions{actions=[output{port=7 max_len=0}]}\n");
    tape_say_flow(&p.other, "add table=2,priority=3,cookie=5,hard_timeout=6,actions=drop");
    assert_string_equal(heard(p.t), "added 2,3,{} cookie=5 idle=0 hard=6 reason=0 \n");
    tape_say_flow(&p.other, "mod table=2,actions=goto_table:9");
    assert_string_equal(heard(p.t), "modified 2,3,{} cookie=5 idle=0 hard=6 reason=0 goto_table{table_id=9}\n");
    tape_say_flow(&p.other, "mod table=2,actions=goto_table:9");
    assert_string_equal(heard(p.t), ""); /* nothing has changed */
    tape_say_flow(&p.other, "add table=2,priority=1,actions=goto_table:4");
    heard(p.t);
    clock_warp(&p.w->clock, 7ull * NSEC_PER_S);
    world_turn(p.w);
    assert_string_equal(heard(p.t), "deleted 2,3,{} cookie=5 idle=0 hard=6 reason=1 goto_table{table_id=9}\n");
    tape_say_flow(&p.other, "del table=2");
    assert_string_equal(heard(p.t), "deleted 2,1,{} cookie=0 idle=0 hard=0 reason=2 goto_table{table_id=4}\n");
    tape_say_flow(&p.other, "del table=2");
    assert_string_equal(heard(p.t), "");
    assert_silence(&p.other);
    pair_close(&p);
}

static void kinds_and_filters(void **state)
{
    struct pair p;

    pair_open(&p);
    say_monitor(p.t, 1, ONFFMF_DELETE, "table=2");
    say_monitor(p.t, 2, ONFFMF_ADD | ONFFMF_ACTIONS, "in_port=7");
    say_monitor(p.t, 3, ONFFMF_MODIFY, "out_port=300");
    for (int i = 0; i < 3; i++) { /* three replies, each with its own xid */
        const struct ofp_msg *m = tape_hear(p.t);

        assert_int_equal(m->xid, i + 1);
        assert_int_equal(updates_of(m)->n_updates, 0);
    }
    tape_say_flow(&p.other, "add table=2,priority=3,actions=output:300");
    assert_string_equal(heard(p.t), "");
    tape_say_flow(&p.other, "add table=1,priority=4,in_port=7,udp,actions=goto_table:2");
    assert_string_equal(
        heard(p.t),
        "added 1,4,{in_port=7,eth_type=0x800,ip_proto=17} cookie=0 idle=0 hard=0 reason=0 goto_table{table_id=2}\n");
    tape_say_flow(&p.other, "mod table=1,actions=output:7");
    assert_string_equal(heard(p.t), "");
    tape_say_flow(&p.other, "mod table=2,actions=output:7"); /* it did go there */
    assert_string_equal(heard(p.t), "modified 2,3,{} cookie=0 idle=0 hard=0 reason=0 \n");
    tape_say_flow(&p.other, "mod table=2,actions=output:300"); /* and does now */
    assert_string_equal(heard(p.t), "modified 2,3,{} cookie=0 idle=0 hard=0 reason=0 \n");
    tape_say_flow(&p.other, "del out_port=7");
    assert_string_equal(heard(p.t), "");
    say_cancel(p.t, 3);
    tape_say_flow(&p.other, "mod table=2,actions=output:7");
    assert_string_equal(heard(p.t), "");
    tape_say_flow(&p.other, "del table=2");
    assert_string_equal(heard(p.t), "deleted 2,3,{} cookie=0 idle=0 hard=0 reason=2 \n");
    say_cancel(p.t, 1);
    say_cancel(p.t, 2);
    tape_say_flow(&p.other, "add table=2,priority=3,in_port=7,actions=output:300");
    assert_string_equal(heard(p.t), "");
    pair_close(&p);
}

static void own_changes(void **state)
{
    struct pair p;
    char want[64];

    pair_open(&p);
    say_monitor(p.t, 1, ONFFMF_ADD | ONFFMF_DELETE | ONFFMF_MODIFY, "table=2");
    heard(p.t);
    tape_say_flow(p.t, "add table=2,priority=3,actions=output:300");
    snprintf(want, sizeof want, "abbrev %u\n", p.t->xid);
    assert_string_equal(heard(p.t), want);
    tape_say_flow(p.t, "add table=1,priority=3,actions=output:300"); /* not watched */
    assert_string_equal(heard(p.t), "");
    tape_say_flow(&p.other, "add table=2,priority=4,actions=output:300");
    assert_string_equal(heard(p.t), "added 2,4,{} cookie=0 idle=0 hard=0 reason=0 \n");
    tape_say_flow(p.t, "del table=2"); /* two flows, one message */
    snprintf(want, sizeof want, "abbrev %u\n", p.t->xid);
    assert_string_equal(heard(p.t), want);
    say_monitor(p.t, 2, ONFFMF_ADD | ONFFMF_OWN, "table=2,udp"); /* what one monitor wants in full is told in full */
    heard(p.t);
    tape_say_flow(p.t, "add table=2,priority=5,udp,actions=drop");
    assert_string_equal(heard(p.t), "added 2,5,{eth_type=0x800,ip_proto=17} cookie=0 idle=0 hard=0 reason=0 \n");
    tape_say_flow(p.t, "add table=2,priority=6,idle_timeout=2,tcp,actions=drop");
    snprintf(want, sizeof want, "abbrev %u\n", p.t->xid);
    assert_string_equal(heard(p.t), want);
    clock_warp(&p.w->clock, 3ull * NSEC_PER_S); /* time is nobody's change */
    world_turn(p.w);
    assert_string_equal(heard(p.t), "deleted 2,6,{eth_type=0x800,ip_proto=6} cookie=0 idle=2 hard=0 reason=0 \n");
    pair_close(&p);
}

static void is_refused(struct tape *t, struct ofp_flow_monitor_request *r, size_t n, uint16_t type, uint16_t code)
{
    say_monitors(t, r, n);
    assert_refused(t, type, code, "monitors");
}

static void errors(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_flow_monitor_request r[3], bad;
    struct arena a;

    arena_init(&a);
    for (unsigned i = 0; i < 3; i++)
        monitor_request(&r[i], &a, i + 1, EVERYTHING, "table=5,tcp");
    say_cancel(t, 1);
    assert_refused(t, OFPET_EXPERIMENTER, NXFMFC_UNKNOWN_MONITOR, "cancel");
    bad = r[2];
    r[2].monitor_id = 1;
    is_refused(t, r, 3, OFPET_EXPERIMENTER, NXFMFC_MONITOR_EXISTS);
    r[2] = bad;
    r[2].flags = ONFFMF_INITIAL | ONFFMF_ACTIONS | ONFFMF_OWN;
    is_refused(t, r, 3, OFPET_EXPERIMENTER, NXFMFC_BAD_MONITOR_FLAGS);
    r[2] = bad;
    r[2].table_id = 254;
    is_refused(t, r, 3, OFPET_BAD_REQUEST, OFPBRC_BAD_TABLE_ID);
    r[2] = bad;
    r[2].match.oxms[0] = r[2].match.oxms[1]; /* ip_proto without eth_type */
    r[2].match.n_oxms = 1;
    is_refused(t, r, 3, OFPET_BAD_MATCH, OFPBMC_BAD_PREREQ);
    say_cancel(t, 1); /* none of these requests has left one */
    assert_refused(t, OFPET_EXPERIMENTER, NXFMFC_UNKNOWN_MONITOR, "cancel");
    for (uint32_t id = 10; id < 10 + 1024; id++) {
        say_monitor(t, id, ONFFMF_ADD, "");
        assert_string_equal(heard(t), "end\n");
    }
    say_monitor(t, 2000, ONFFMF_ADD, "");
    assert_refused(t, OFPET_BAD_REQUEST, OFPBRC_EPERM, "one too many");
    say_cancel(t, 500);
    say_monitor(t, 2000, ONFFMF_ADD, "");
    assert_string_equal(heard(t), "end\n");
    arena_fini(&a);
    world_free(w);
}

/* --- a listener that does not read --- */

enum { LARGE = 30000 };

/* A flow-mod with a note of LARGE bytes. */
static void say_large(struct tape *t, const char *flow, enum ofp_flow_mod_command command)
{
    static const uint8_t bytes[LARGE];
    struct ofp_action note = { .type = OFPAT_EXPERIMENTER,
                               .experimenter = { .experimenter = OFPEXP_NICIRA,
                                                 .nicira = { .subtype = NXAST_NOTE, .note = { bytes, LARGE } } } };
    struct ofp_instruction apply = { .type = OFPIT_APPLY_ACTIONS, .apply_actions = { &note, 1 } };
    struct ofp_msg m = { .type = OFPT_FLOW_MOD };
    struct errbuf e = { { 0 } };
    struct arena a;
    char text[128];

    arena_init(&a);
    snprintf(text, sizeof text, "%s,actions=drop", flow);
    if (flow_text_parse(&m.flow_mod, &a, text, FLOW_TEXT_ADD, NULL, &e))
        fail_msg("%s: %s", text, e.text);
    m.flow_mod.command = command;
    m.flow_mod.instructions = &apply;
    m.flow_mod.n_instructions = 1;
    tape_say(t, &m);
    arena_fini(&a);
}

static void turns(struct world *w)
{
    for (int i = 0; i < 50; i++)
        world_turn(w);
}

/* In table 200: flows that fill what may wait. */
static void fill(struct pair *p, int n)
{
    char flow[64];

    for (int i = 0; i < n; i++) {
        snprintf(flow, sizeof flow, "table=200,priority=%d", i + 1);
        say_large(&p->other, flow, OFPFC_ADD);
    }
}

static void pauses(void **state)
{
    static const char *const known[] = { "add table=1,priority=1,actions=drop", "add table=1,priority=2,actions=drop",
                                         "add table=1,priority=3,actions=drop", "add table=1,priority=4,actions=drop" };
    struct pair p;

    pair_open(&p);
    say_monitor(p.t, 1, EVERYTHING, "table=1");
    heard(p.t);
    say_monitor(p.t, 2, ONFFMF_ADD | ONFFMF_ACTIONS, "table=200"); /* fills */
    heard(p.t);
    p.t->room = 0;
    for (int i = 0; i < 4; i++)
        tape_say_flow(&p.other, known[i]);
    fill(&p, 60);
    tape_say_flow(&p.other, "del_strict table=1,priority=1");
    tape_say_flow(&p.other, "add table=1,priority=2,cookie=7,actions=drop");
    tape_say_flow(&p.other, "mod_strict table=1,priority=3,actions=goto_table:8");
    tape_say_flow(&p.other, "add table=1,priority=5,actions=drop");
    tape_say_flow(&p.other, "mod_strict table=1,priority=5,actions=goto_table:9");
    tape_say_flow(&p.other, "add table=1,priority=6,actions=drop");
    tape_say_flow(&p.other, "del_strict table=1,priority=6");
    assert_silence(p.t);
    say_cancel(p.t, 2);
    p.t->room = 3 << 20;
    turns(p.w);

    const char *text = strstr(heard(p.t), "flow_monitor_paused");

    assert_non_null(text);
    assert_string_equal(text, "flow_monitor_paused\n"
                              "deleted 1,1,{} cookie=0 idle=0 hard=0 reason=2 \n"
                              "deleted 1,2,{} cookie=0 idle=0 hard=0 reason=2 \n" /* another flow has its place */
                              "added 1,2,{} cookie=7 idle=0 hard=0 reason=0 \n"
                              "modified 1,3,{} cookie=0 idle=0 hard=0 reason=0 goto_table{table_id=8}\n"
                              "added 1,5,{} cookie=0 idle=0 hard=0 reason=0 goto_table{table_id=9}\n"
                              "flow_monitor_resumed\n");
    tape_say_flow(&p.other, "add table=1,priority=9,actions=drop");
    assert_string_equal(heard(p.t), "added 1,9,{} cookie=0 idle=0 hard=0 reason=0 \n");
    assert_false(p.t->is_dropped);
    pair_close(&p);
}

/* A request while it is paused waits for the end of the pause. */
static void asks_while_paused(void **state)
{
    struct pair p;
    const char *text;

    pair_open(&p);
    tape_say_flow(&p.other, "add table=1,priority=1,actions=drop");
    say_monitor(p.t, 1, ONFFMF_ADD | ONFFMF_ACTIONS, "table=200");
    heard(p.t);
    p.t->room = 0;
    fill(&p, 60);
    say_monitor(p.t, 2, EVERYTHING, "table=1");
    assert_true(p.t->is_held);
    tape_say_flow(&p.other, "add table=1,priority=2,actions=drop");
    p.t->room = 64 << 20;
    turns(p.w);
    assert_false(p.t->is_held);
    text = strstr(heard(p.t), "flow_monitor_resumed");
    assert_string_equal(text, "flow_monitor_resumed\nadded 1,1,{} cookie=0 idle=0 hard=0 reason=0 \nend\n");
    pair_close(&p);
}

static void too_slow(void **state)
{
    struct pair p;

    pair_open(&p);
    say_monitor(p.t, 1, EVERYTHING, "");
    heard(p.t);
    fill(&p, 1300);
    p.t->at = p.t->bytes.len;
    p.t->room = 0;
    tape_say_flow(&p.other, "del ");
    assert_true(p.t->is_dropped);
    tape_say_flow(&p.other, "add table=1,priority=9,actions=drop");
    p.t->room = 64 << 20;
    turns(p.w);
    assert_silence(p.t);
    assert_false(p.other.is_dropped);
    pair_close(&p);
}

/* Whoever reads everything at once hears no more of one commit than may wait: what waits is bounded while it goes on. */
static void too_much_at_once(void **state)
{
    struct pair p;

    pair_open(&p);
    say_monitor(p.t, 1, EVERYTHING, "");
    heard(p.t);
    p.t->room = 1 << 30;
    fill(&p, 1300);
    p.t->at = p.t->bytes.len;
    assert_false(p.t->is_dropped);
    tape_say_flow(&p.other, "del ");
    assert_true(p.t->is_dropped);
    turns(p.w);
    assert_silence(p.t);
    assert_false(p.other.is_dropped);
    pair_close(&p);
}

/* --- what was heard is what there is --- */

enum { VIEW_MAX = 256 };

/* Flows by key, as updates or a dump tell them. */
struct view {
    struct {
        char key[96];
        uint32_t hash; /* of the rest */
    } flows[VIEW_MAX];
    size_t n;
    unsigned n_paused, n_resumed;
};

static uint32_t hash_text(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * 16777619u;
    return h;
}

static void view_remove(struct view *v, const char *key)
{
    for (size_t i = 0; i < v->n; i++)
        if (!strcmp(v->flows[i].key, key)) {
            v->flows[i] = v->flows[--v->n];
            return;
        }
}

static bool goes_to_300(const struct ofp_instruction *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; in[i].type == OFPIT_APPLY_ACTIONS && k < in[i].apply_actions.n_actions; k++)
            if (in[i].apply_actions.actions[k].type == OFPAT_OUTPUT &&
                in[i].apply_actions.actions[k].output.port == 300)
                return true;
    return false;
}

static void view_put(struct view *v, const char *key, uint64_t cookie, const struct ofp_instruction *in, size_t n)
{
    struct str s = { 0 };

    view_remove(v, key);
    assert_true(v->n < VIEW_MAX);
    snprintf(v->flows[v->n].key, sizeof v->flows[v->n].key, "%s", key);
    str_printf(&s, "%u ", (unsigned)cookie);
    ofp_instructions_print(&s, in, n);
    v->flows[v->n++].hash = hash_text(str_text(&s));
    str_fini(&s);
}

static void view_update(struct view *v, const struct ofp_flow_update *u, bool is_filtered)
{
    const struct ofp_flow_update_full *x = &u->added;
    struct str key = { 0 };

    assert_int_not_equal(u->event, ONFFME_ABBREV);
    print_key(&key, x->table_id, x->priority, &x->match);
    if (u->event == ONFFME_DELETED || (is_filtered && !goes_to_300(x->instructions, x->n_instructions)))
        view_remove(v, str_text(&key));
    else
        view_put(v, str_text(&key), x->cookie, x->instructions, x->n_instructions);
    str_fini(&key);
}

static void view_hear(struct view *v, struct tape *t, bool is_filtered)
{
    const struct ofp_msg *m;

    while ((m = tape_hear(t))) {
        if (m->type == OFPT_EXPERIMENTER) {
            v->n_paused += m->experimenter.onf.exp_type == ONFT_FLOW_MONITOR_PAUSED;
            v->n_resumed += m->experimenter.onf.exp_type == ONFT_FLOW_MONITOR_RESUMED;
            continue;
        }
        for (size_t i = 0; i < updates_of(m)->n_updates; i++)
            view_update(v, &updates_of(m)->updates[i], is_filtered);
    }
    wr_reset(&t->bytes);
    t->at = 0;
}

static void view_dump(struct view *v, struct pair *p, bool is_filtered)
{
    struct ofp_msg m = { .type = OFPT_MULTIPART_REQUEST,
                         .multipart_request = { .type = OFPMP_FLOW,
                                                .flow = { .table_id = OFPTT_ALL,
                                                          .out_port = is_filtered ? 300 : OFPP_ANY,
                                                          .out_group = OFPG_ANY } } };
    const struct ofp_msg *r;

    tape_say(&p->other, &m);
    turns(p->w);
    while ((r = tape_hear(&p->other)))
        for (size_t i = 0; i < r->multipart_reply.flow.n_flows; i++) {
            const struct ofp_flow_stats *f = &r->multipart_reply.flow.flows[i];
            struct str key = { 0 };

            print_key(&key, f->table_id, f->priority, &f->match);
            view_put(v, str_text(&key), f->cookie, f->instructions, f->n_instructions);
            str_fini(&key);
        }
}

static void assert_same(const struct view *heard, const struct view *is, unsigned seed)
{
    for (size_t i = 0; i < is->n; i++) {
        size_t k = 0;

        while (k < heard->n && strcmp(heard->flows[k].key, is->flows[i].key))
            k++;
        if (k == heard->n || heard->flows[k].hash != is->flows[i].hash)
            fail_msg("seed %u: %s: %s", seed, is->flows[i].key, k == heard->n ? "not heard of" : "heard otherwise");
    }
    if (heard->n != is->n)
        fail_msg("seed %u: %zu flows heard of, %zu are there", seed, heard->n, is->n);
}

static void change_something(struct tape *t)
{
    static const char *const matches[] = { "", ",in_port=7", ",udp" };
    static const char *const actions[] = { "drop", "output:7", "output:300", "goto_table:9",
                                           "output:300,goto_table:9" };
    static const struct {
        const char *word;
        enum ofp_flow_mod_command command;
    } words[] = {
        { "add", OFPFC_ADD },
        { "add", OFPFC_ADD },
        { "add", OFPFC_ADD },
        { "mod", OFPFC_MODIFY },
        { "mod_strict", OFPFC_MODIFY_STRICT },
        { "del", OFPFC_DELETE },
        { "del_strict", OFPFC_DELETE_STRICT },
    };
    int i = rand() % 7;
    enum ofp_flow_mod_command command = words[i].command;
    char flow[128], text[256];
    int n = snprintf(flow, sizeof flow, "table=%d", rand() % 4);

    if (command == OFPFC_DELETE && rand() % 4)
        return;
    if (command != OFPFC_MODIFY && command != OFPFC_DELETE)
        n += snprintf(flow + n, sizeof flow - (size_t)n, ",priority=%d", 1 + rand() % 8);
    snprintf(flow + n, sizeof flow - (size_t)n, "%s", matches[rand() % 3]);
    if (command == OFPFC_ADD)
        snprintf(text, sizeof text, "%s %s,cookie=%d,actions=%s", words[i].word, flow, rand() % 3, actions[rand() % 5]);
    else if (command == OFPFC_MODIFY || command == OFPFC_MODIFY_STRICT)
        snprintf(text, sizeof text, "%s %s,actions=%s", words[i].word, flow, actions[rand() % 5]);
    else
        snprintf(text, sizeof text, "%s %s", words[i].word, flow);
    if (command != OFPFC_DELETE && command != OFPFC_DELETE_STRICT && rand() % 2)
        say_large(t, flow, command);
    else
        tape_say_flow(t, text);
}

/* Whatever happens, and however little of it the listener takes at a time: in the end it has heard what there is. */
static void follow(const char *filter, bool is_filtered, unsigned seed)
{
    static struct view v, is;
    struct pair p;

    pair_open(&p);
    srand(seed);
    v = (struct view){ 0 };
    for (int i = 0; i < 20; i++)
        change_something(&p.other);
    say_monitor(p.t, 1, EVERYTHING, filter);
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 120; i++) {
            p.t->room = rand() % 8 ? 0 : (size_t)(rand() % (256 << 10));
            change_something(rand() % 4 || p.t->is_held ? &p.other : p.t);
            if (rand() % 4 == 0)
                world_turn(p.w);
            view_hear(&v, p.t, is_filtered);
        }
        p.t->room = 64 << 20;
        turns(p.w);
        view_hear(&v, p.t, is_filtered);
        is = (struct view){ 0 };
        view_dump(&is, &p, is_filtered);
        assert_same(&v, &is, seed);
        assert_int_equal(v.n_paused, v.n_resumed);
    }
    assert_false(p.t->is_dropped);
    assert_true(is_filtered || v.n_paused > 0);
    pair_close(&p);
}

static void follows(void **state)
{
    for (unsigned seed = 1; seed <= 3; seed++)
        follow("", false, seed);
    for (unsigned seed = 11; seed <= 13; seed++)
        follow("out_port=300", true, seed);
}

static int group_start(void **state)
{
    return world_start();
}

static int group_stop(void **state)
{
    world_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial),           cmocka_unit_test(changes),  cmocka_unit_test(kinds_and_filters),
        cmocka_unit_test(own_changes),       cmocka_unit_test(errors),   cmocka_unit_test(pauses),
        cmocka_unit_test(asks_while_paused), cmocka_unit_test(too_slow), cmocka_unit_test(too_much_at_once),
        cmocka_unit_test(follows),
    };

    return cmocka_run_group_tests(tests, group_start, group_stop);
}

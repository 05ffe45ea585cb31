/* SPDX-License-Identifier: Apache-2.0 */
/* agent_world.c - see agent_world.h. */
#include "agent_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "datapath/eal.h"
#include "openflow/flow_text.h"

enum { CACHE_BYTES = 256 << 10 }; /* worlds are made by the thousand */

static char dir[] = "/tmp/trama-test-XXXXXX";

int world_start(void)
{
    struct errbuf e = { { 0 } };

    if (!mkdtemp(dir))
        return 1;
    if (!eal_start(&(struct eal_conf){ .run_dir = dir, .hugepages = EAL_HUGEPAGES_OFF, .n_mbufs = 4096 }, &e))
        return 0;
    fprintf(stderr, "%s\n", e.text);
    return 1;
}

void world_stop(void)
{
    eal_stop();
    rmdir(dir);
}

static void add_port(struct world *w, struct agent_port *p, const char *name, uint32_t number)
{
    struct port_conf conf = { .name = name,
                              .type = PORT_MEM,
                              .mac = { 2, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number } };
    struct errbuf e = { { 0 } };
    struct port_handle h;

    assert_int_equal(port_acquire(&h, &conf, &e), 0);
    assert_int_equal(port_open(&p->port, &conf, &h, eal_pool(), &e), 0);
    assert_int_equal(datapath_port_add(w->bridge, p->port, number, NULL, &p->index, &e), 0);
    snprintf(p->name, sizeof p->name, "%s", name);
    p->number = number;
    agent_port_add(w->agent, p);
}

static struct world *make(uint32_t max_flows, bool is_manual)
{
    struct world *w = calloc(1, sizeof *w);
    struct datapath_conf conf = { .n_workers = 1,
                                  .cpu = { -1 },
                                  .is_manual = is_manual,
                                  .cache_bytes = CACHE_BYTES,
                                  .pool = eal_pool(),
                                  .clock = &w->clock };
    struct errbuf e = { { 0 } };

    clock_stop(&w->clock);
    assert_int_equal(datapath_open(&w->dp, &conf, &e), 0);
    assert_int_equal(bridge_open(&w->bridge, w->dp, &e), 0);

    struct agent_conf agent = { .name = "br5",
                                .datapath_id = 0x1122334455667788,
                                .dp = w->dp,
                                .bridge = w->bridge,
                                .clock = &w->clock,
                                .max_flows = max_flows,
                                .max_groups = WORLD_GROUPS,
                                .max_meters = WORLD_METERS,
                                .max_monitor_bytes = WORLD_MONITOR_BYTES };

    assert_int_equal(agent_new(&w->agent, &agent), 0);
    add_port(w, &w->ports[0], "seven", 7);
    add_port(w, &w->ports[1], "hundreds", 300);
    tape_open(&w->tape, w, SESSION_CONTROLLER);
    return w;
}

struct world *world_new(uint32_t max_flows)
{
    return make(max_flows, true);
}

struct world *world_new_live(void)
{
    return make(0, false);
}

void world_free(struct world *w)
{
    tape_close(&w->tape);
    for (int i = 0; i < WORLD_PORTS; i++) {
        agent_port_remove(w->agent, &w->ports[i]);
        datapath_port_remove(w->dp, w->ports[i].index);
        port_close(w->ports[i].port);
    }
    agent_free(w->agent);
    bridge_close(w->bridge);
    datapath_close(w->dp);
    free(w);
}

static void on_event(void *arg, const struct event *ev)
{
    struct world *w = arg;

    agent_event(w->agent, ev);
}

void world_turn(struct world *w)
{
    while (datapath_poll(w->dp, 0))
        ;
    datapath_events(w->dp, 100, on_event, w);
    agent_run(w->agent);
}

/* --- tapes --- */

static int tape_send(void *arg, const void *p, size_t n)
{
    struct tape *t = arg;

    if (n > t->room)
        return -ENOBUFS;
    t->room -= n;
    wr_bytes(&t->bytes, p, n);
    return 0;
}

static size_t tape_room(void *arg)
{
    return ((struct tape *)arg)->room;
}

static void tape_hold(void *arg)
{
    ((struct tape *)arg)->is_held = true;
}

static void tape_resume(void *arg)
{
    ((struct tape *)arg)->is_held = false;
}

static void tape_drop(void *arg, const char *why)
{
    ((struct tape *)arg)->is_dropped = true;
}

static const struct session_ops ops = {
    .send = tape_send,
    .send_async = tape_send,
    .room = tape_room,
    .hold = tape_hold,
    .resume = tape_resume,
    .drop = tape_drop,
};

void tape_open(struct tape *t, struct world *w, enum session_kind kind)
{
    *t = (struct tape){ .room = 64 << 20 };
    wr_init(&t->bytes);
    arena_init(&t->arena);
    assert_int_equal(session_open(&t->s, w->agent, kind, &ops, t), 0);
}

void tape_close(struct tape *t)
{
    session_close(t->s);
    wr_fini(&t->bytes);
    arena_fini(&t->arena);
    t->s = NULL;
}

void tape_say_bytes(struct tape *t, const uint8_t *p, size_t n)
{
    struct ofp_err err;
    struct arena arena;
    struct ofp_msg m;

    arena_init(&arena);
    if (!ofp_decode(&m, &arena, p, n, &err) && m.version == OFP_VERSION_13)
        session_message(t->s, &m, p, n);
    arena_fini(&arena);
}

void tape_say(struct tape *t, struct ofp_msg *m)
{
    struct wr w;

    wr_init(&w);
    m->version = OFP_VERSION_13;
    m->xid = ++t->xid;
    ofp_encode(&w, m);
    assert_false(w.bad);
    assert_false(t->is_held);
    tape_say_bytes(t, w.p, w.len);
    wr_fini(&w);
}

const struct ofp_msg *tape_hear(struct tape *t)
{
    static struct ofp_msg m;
    struct ofp_err err;
    size_t n;

    if (t->bytes.len - t->at < OFP_HEADER_SIZE)
        return NULL;
    n = be16_load(t->bytes.p + t->at + 2);
    assert_true(n <= t->bytes.len - t->at);
    arena_reset(&t->arena);
    assert_int_equal(ofp_decode(&m, &t->arena, t->bytes.p + t->at, n, &err), 0);
    t->at += n;
    return &m;
}

void tape_say_flow(struct tape *t, const char *text)
{
    static const struct {
        const char *word;
        enum flow_text_command text;
        enum ofp_flow_mod_command command;
    } words[] = {
        { "add ", FLOW_TEXT_ADD, OFPFC_ADD },
        { "mod ", FLOW_TEXT_MODIFY, OFPFC_MODIFY },
        { "mod_strict ", FLOW_TEXT_MODIFY_STRICT, OFPFC_MODIFY_STRICT },
        { "del ", FLOW_TEXT_DELETE, OFPFC_DELETE },
        { "del_strict ", FLOW_TEXT_DELETE_STRICT, OFPFC_DELETE_STRICT },
    };
    struct ofp_msg m = { .type = OFPT_FLOW_MOD };
    struct errbuf e = { { 0 } };
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].word);

        if (strncmp(text, words[i].word, n))
            continue;
        if (flow_text_parse(&m.flow_mod, &arena, text + n, words[i].text, NULL, &e))
            fail_msg("%s: %s", text, e.text);
        m.flow_mod.command = words[i].command;
        tape_say(t, &m);
    }
    assert_true(m.version);
    arena_fini(&arena);
}

/* Adds the flow without what depends on the time. */
static void print_flow(struct str *out, struct ofp_flow_stats *f)
{
    struct str s = { 0 };
    const char *from;

    flow_text_print_stats(&s, f, NULL);
    from = strstr(str_text(&s), "table=");
    str_printf(out, "%s\n", from ? from : str_text(&s));
    str_fini(&s);
}

const char *tape_dump(struct tape *t, const char *filter)
{
    static char text[8192];
    struct ofp_msg m = { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_FLOW } };
    struct ofp_flow_stats_request *q = &m.multipart_request.flow;
    const struct ofp_msg *reply;
    struct str out = { 0 };
    struct ofp_flow_mod fm;
    struct errbuf e = { { 0 } };
    struct arena arena;

    arena_init(&arena);
    if (flow_text_parse(&fm, &arena, filter, FLOW_TEXT_DELETE, NULL, &e))
        fail_msg("%s: %s", filter, e.text);
    *q = (struct ofp_flow_stats_request){ fm.table_id, fm.out_port, fm.out_group, fm.cookie, fm.cookie_mask, fm.match };
    tape_say(t, &m);
    arena_fini(&arena);
    do {
        reply = tape_hear(t);
        assert_non_null(reply);
        assert_int_equal(reply->type, OFPT_MULTIPART_REPLY);
        assert_int_equal(reply->xid, t->xid);
        for (size_t i = 0; i < reply->multipart_reply.flow.n_flows; i++)
            print_flow(&out, &reply->multipart_reply.flow.flows[i]);
    } while (reply->multipart_reply.flags & OFPMPF_REPLY_MORE);
    snprintf(text, sizeof text, "%s", str_text(&out));
    str_fini(&out);
    return text;
}

void assert_silence(struct tape *t)
{
    const struct ofp_msg *m = tape_hear(t);
    struct str s = { 0 };

    if (!m)
        return;
    ofp_print(&s, m);
    fail_msg("unexpected: %s", str_text(&s));
}

void assert_refused(struct tape *t, uint16_t type, uint16_t code, const char *what)
{
    const struct ofp_msg *m = tape_hear(t);

    if (!m || m->type != OFPT_ERROR || m->error.type != type || m->error.code != code || m->xid != t->xid)
        fail_msg("%s: wanted error %u/%u, got %s %u/%u", what, type, code, m ? "message" : "nothing",
                 m && m->type == OFPT_ERROR ? m->error.type : 0, m && m->type == OFPT_ERROR ? m->error.code : 0);
    assert_true(m->error.n_data >= OFP_HEADER_SIZE);
    assert_int_equal(m->error.data[0], OFP_VERSION_13);
    assert_int_equal(be32_load(m->error.data + 4), t->xid);
    assert_silence(t);
}

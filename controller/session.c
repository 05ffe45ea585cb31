/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - see session.h. */
#include "controller/session.h"

#include "base/log.h"
#include "controller/flow_wire.h"
#include "io/of_conn.h"
#include "openflow/nx.h"
#include "openflow/semantics.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How much is sent before a barrier is waited for; what one switch may make us remember; how long it may think. */
enum { BATCH_MAX = 4096, NAME_SIZE = 40, REFUSAL_SIZE = 240, MAX_OUT = 16 << 20 };
enum { PORTS_MAX = 8192, FLOWS_MAX = 1 << 20, ANSWER_MS = 20000, PROBE_MS = 2000 };

struct port {
    struct view_port view;
    uint8_t mac[6];
};

enum stage { STAGE_HELLO, STAGE_FEATURES, STAGE_IDLE, STAGE_PORTS, STAGE_READY };

struct session {
    struct of_conn *conn;
    struct ev_loop *loop;
    const struct session_events *events;
    void *arg;
    const struct clock *clock;
    char name[NAME_SIZE];
    enum stage stage;
    bool is_trama; /* the switch says so */
    uint64_t datapath_id, since_ns;
    uint64_t asked_ns;  /* since when an answer is waited for */
    uint32_t probe_xid; /* of session_probe; 0: none is waited for */
    uint64_t probe_ns;
    struct arena arena; /* scratch, reset after each use */

    struct port *ports;
    struct view_port *view_ports; /* the same, for the view */
    size_t n_ports;

    struct flow_set held, others, refused;
    struct flow_set desired;
    bool has_desired, was_told_in_sync;
    bool is_stale; /* `changes` are not toward what is desired now */

    struct changes changes; /* being made: list[n_done .. n_sent) is under way */
    uint32_t *xids;         /* of each change sent */
    size_t n_sent, n_done;
    uint32_t barrier_xid; /* 0: none is waited for */
    bool *is_refused;
    size_t n_conflicts;

    uint32_t ports_xid;  /* 0: they are known, or not asked for */
    uint32_t read_xid;   /* 0: nothing is being read */
    bool read_is_mirror; /* nothing was under way when it began: what it says is what is held */
    struct flow_set read_ours, read_others;
    struct session_reader reader;

    uint64_t n_batches, n_changes, n_packet_ins;
    char last_refusal[REFUSAL_SIZE];
    struct ev_timer kick; /* goes on from the loop */
};

static void step(struct session *s);

static void kick(struct session *s)
{
    if (!ev_is_active(&s->kick))
        ev_timer_start(s->loop, &s->kick);
}

static int send_msg(struct session *s, struct ofp_msg *m)
{
    if (!m->xid)
        m->xid = of_conn_next_xid(s->conn);
    return of_conn_send(s->conn, m);
}

/* Something that the session cannot live without could not be sent or was answered by an error. */
static void give_up(struct session *s, const char *why)
{
    log_limited(LOG_WARNING, "switch %s: %s", s->name, why);
    of_conn_drop(s->conn, why);
}

/* --- ports --- */
static bool port_is_up(const struct ofp_port *p)
{
    return !(p->config & OFPPC_PORT_DOWN) && !(p->state & OFPPS_LINK_DOWN);
}

static void ports_publish(struct session *s)
{
    for (size_t i = 0; i < s->n_ports; i++)
        s->view_ports[i] = s->ports[i].view;
}

static void port_drop(struct session *s, uint32_t number)
{
    for (size_t i = 0; i < s->n_ports; i++)
        if (s->ports[i].view.number == number)
            s->ports[i--] = s->ports[--s->n_ports];
    ports_publish(s);
}

static int port_put(struct session *s, const struct ofp_port *p)
{
    struct port *ports;
    struct view_port *views;

    if (p->port_no > OFPP_MAX) /* the local port and the like: not for hosts */
        return 0;
    port_drop(s, p->port_no);
    if (s->n_ports == PORTS_MAX)
        return -E2BIG;
    ports = realloc(s->ports, (s->n_ports + 1) * sizeof *ports);
    if (ports)
        s->ports = ports;
    views = realloc(s->view_ports, (s->n_ports + 1) * sizeof *views);
    if (views)
        s->view_ports = views;
    if (!ports || !views)
        return -ENOMEM;
    ports += s->n_ports++;
    *ports = (struct port){ .view = { .number = p->port_no, .is_up = port_is_up(p) } };
    memcpy(ports->view.name, p->name, PORT_NAME_SIZE - 1);
    memcpy(ports->mac, p->hw_addr, sizeof ports->mac);
    ports_publish(s);
    return 0;
}

static void on_port_status(struct session *s, const struct ofp_port_status *m)
{
    uint32_t number = m->desc.port_no;

    if (s->stage != STAGE_READY && s->stage != STAGE_PORTS)
        return;
    if (m->reason == OFPPR_DELETE)
        port_drop(s, number);
    else if (port_put(s, &m->desc))
        give_up(s, "too many ports");
    if (s->stage != STAGE_READY)
        return;
    if (m->reason == OFPPR_DELETE && s->events->port_gone)
        s->events->port_gone(s->arg, s, number);
    s->events->ports(s->arg, s);
}

/* --- reading flows --- */
static void read_end(struct session *s, int err)
{
    struct session_reader reader = s->reader;

    s->read_xid = 0;
    s->reader = (struct session_reader){ 0 };
    if (err || !s->read_is_mirror) {
        flow_set_fini(&s->read_ours);
        flow_set_fini(&s->read_others);
    } else {
        flow_set_fini(&s->held);
        flow_set_fini(&s->others);
        flow_set_fini(&s->refused); /* try again what was refused */
        s->held = s->read_ours;
        s->others = s->read_others;
    }
    flow_set_init(&s->read_ours);
    flow_set_init(&s->read_others);
    if (reader.done)
        reader.done(reader.arg, err);
}

int session_read(struct session *s, const struct session_reader *reader)
{
    struct ofp_msg m = {
        .type = OFPT_MULTIPART_REQUEST,
        .multipart_request = { .type = OFPMP_FLOW,
                               .flow = { .table_id = OFPTT_ALL, .out_port = OFPP_ANY, .out_group = OFPG_ANY } },
    };
    int err;

    if (s->read_xid)
        return -EBUSY;
    if (!of_conn_is_up(s->conn))
        return -ENOTCONN;
    err = send_msg(s, &m);
    if (err)
        return err;
    s->read_xid = m.xid;
    s->asked_ns = clock_now(s->clock);
    s->read_is_mirror = !s->barrier_xid;
    s->reader = reader ? *reader : (struct session_reader){ 0 };
    return 0;
}

static void on_flows(struct session *s, const struct ofp_msg *m)
{
    const struct ofp_multipart_reply *reply = &m->multipart_reply;
    bool was_first = s->stage == STAGE_PORTS;

    if (m->xid != s->read_xid)
        return;
    s->asked_ns = clock_now(s->clock); /* it goes on */
    if (flow_set_count(&s->read_ours) + flow_set_count(&s->read_others) + reply->flow.n_flows > FLOWS_MAX) {
        give_up(s, "has more flows than can be kept in mind");
        return;
    }
    for (size_t i = 0; i < reply->flow.n_flows; i++) {
        const struct ofp_flow_stats *stats = &reply->flow.flows[i];
        struct flow *f = NULL;
        int err = flow_from_stats(&f, stats);

        if (s->reader.flow)
            s->reader.flow(s->reader.arg, stats);
        if (!err)
            err = flow_set_put(flow_cookie_is_ours(stats->cookie) ? &s->read_ours : &s->read_others, f);
        if (err == -ENOMEM) {
            give_up(s, "out of memory");
            return;
        }
    }
    if (reply->flags & OFPMPF_REPLY_MORE)
        return;
    read_end(s, 0);
    if (was_first) {
        s->stage = STAGE_READY;
        log_info("switch %s: connected, %zu ports, %zu flows of ours, %zu of others", s->name, s->n_ports,
                 flow_set_count(&s->held), flow_set_count(&s->others));
        s->events->ready(s->arg, s);
    }
    kick(s);
}

/* --- changing flows --- */
static void changes_forget(struct session *s)
{
    changes_fini(&s->changes);
    free(s->xids);
    free(s->is_refused);
    s->xids = NULL;
    s->is_refused = NULL;
    s->n_sent = s->n_done = 0;
}

static int changes_make(struct session *s)
{
    const struct reconcile r = {
        .desired = &s->desired, .held = &s->held, .others = &s->others, .refused = &s->refused
    };
    size_t had_conflicts = s->n_conflicts;
    int err;

    changes_forget(s);
    s->is_stale = false;
    err = reconcile(&s->changes, &r, &s->n_conflicts);
    if (err)
        return err;
    if (s->n_conflicts > had_conflicts)
        log_warning("switch %s: %zu flows cannot be set, because others' flows have their places", s->name,
                    s->n_conflicts);
    s->xids = calloc(s->changes.n + 1, sizeof *s->xids);
    s->is_refused = calloc(s->changes.n + 1, sizeof *s->is_refused);
    return s->xids && s->is_refused ? 0 : -ENOMEM;
}

/* Sends the next part of the changes, which is of one phase, and a barrier. */
static void batch_send(struct session *s)
{
    struct ofp_msg barrier = { .type = OFPT_BARRIER_REQUEST };
    unsigned phase = change_phase(s->changes.list[s->n_done].type);

    while (s->n_sent < s->changes.n && s->n_sent - s->n_done < BATCH_MAX &&
           change_phase(s->changes.list[s->n_sent].type) == phase) {
        struct ofp_msg m;
        int err = flow_to_mod(&m, &s->arena, &s->changes.list[s->n_sent]);

        if (!err)
            err = send_msg(s, &m);
        arena_reset(&s->arena);
        if (err == -ENOBUFS && s->n_sent > s->n_done)
            break;
        if (err) {
            give_up(s, "cannot send flows");
            return;
        }
        s->xids[s->n_sent++] = m.xid;
    }
    if (send_msg(s, &barrier)) {
        give_up(s, "cannot send a barrier");
        return;
    }
    s->barrier_xid = barrier.xid;
    s->asked_ns = clock_now(s->clock);
    s->n_batches++;
}

/* The barrier was answered: what it covers is held now. */
static void batch_done(struct session *s)
{
    s->barrier_xid = 0;
    for (; s->n_done < s->n_sent; s->n_done++) {
        const struct change *c = &s->changes.list[s->n_done];

        if (s->is_refused[s->n_done])
            continue;
        s->n_changes++;
        if (c->type == CHANGE_DELETE)
            flow_set_remove(&s->held, c->flow);
        else if (flow_set_put(&s->held, flow_dup(c->flow)))
            give_up(s, "out of memory");
    }
    kick(s);
}

/* Does what is next: goes on with the changes, finds new ones, or is in sync. */
static void step(struct session *s)
{
    if (s->stage != STAGE_READY || s->barrier_xid || (s->read_xid && s->read_is_mirror) || !s->has_desired ||
        !of_conn_is_up(s->conn))
        return;
    if ((s->is_stale || s->n_done == s->changes.n) && changes_make(s)) {
        give_up(s, "out of memory");
        return;
    }
    if (s->n_done < s->changes.n) {
        s->was_told_in_sync = false; /* a reading may have found something missing */
        batch_send(s);
        return;
    }
    changes_forget(s);
    if (!s->was_told_in_sync) {
        s->was_told_in_sync = true;
        s->events->in_sync(s->arg, s);
    }
}

static void on_kick(struct ev_loop *loop, struct ev_timer *w, int revents)
{
    step(w->data);
}

static int set_copy(struct flow_set *out, const struct flow_set *in)
{
    int err = 0;

    flow_set_init(out);
    for_each_flow (f, in) {
        err = flow_set_put(out, flow_dup(f));
        if (err)
            break;
    }
    if (err)
        flow_set_fini(out);
    return err;
}

int session_want(struct session *s, const struct flow_set *desired)
{
    struct flow_set copy;
    int err = set_copy(&copy, desired);

    if (err)
        return err;
    flow_set_fini(&s->desired);
    s->desired = copy;
    s->has_desired = true;
    s->was_told_in_sync = false;
    s->is_stale = true;
    kick(s);
    return 0;
}

int session_diff(const struct session *s, const struct flow_set *desired, struct changes *out)
{
    const struct reconcile r = { .desired = desired, .held = &s->held, .others = &s->others };
    size_t n_conflicts;

    return reconcile(out, &r, &n_conflicts);
}

bool session_is_in_sync(const struct session *s)
{
    return s->stage == STAGE_READY && s->has_desired && s->was_told_in_sync;
}

/* --- messages --- */
static void on_features(struct session *s, const struct ofp_features *m)
{
    if (s->stage != STAGE_FEATURES)
        return;
    s->stage = STAGE_IDLE;
    s->datapath_id = m->datapath_id;
    snprintf(s->name, sizeof s->name, "%#jx", (uintmax_t)m->datapath_id);
    if (m->auxiliary_id) { /* an auxiliary connection has nothing to say that the main one does not */
        s->datapath_id = 0;
        return;
    }
    if (m->n_tables <= TABLE_FORWARD) {
        give_up(s, "has too few tables; 12 are needed");
        return;
    }
    s->events->features(s->arg, s);
}

void session_accept(struct session *s, const char *name)
{
    struct ofp_msg config = { .type = OFPT_SET_CONFIG, .set_config = { .miss_send_len = LEARN_BYTES } };
    struct ofp_msg ports = { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_PORT_DESC } };
    struct ofp_msg who = { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_DESC } };

    snprintf(s->name, sizeof s->name, "%s", name);
    if (s->stage != STAGE_IDLE)
        return;
    s->stage = STAGE_PORTS;
    s->asked_ns = clock_now(s->clock);
    if (send_msg(s, &config) || send_msg(s, &who) || send_msg(s, &ports)) /* answered in this order */
        give_up(s, "cannot send the first requests");
    s->ports_xid = ports.xid;
}

static void on_multipart(struct session *s, const struct ofp_msg *m)
{
    const struct ofp_multipart_reply *reply = &m->multipart_reply;

    if (reply->type == OFPMP_FLOW)
        on_flows(s, m);
    if (reply->type == OFPMP_DESC)
        s->is_trama = reply->desc.mfr_desc && !strcmp(reply->desc.mfr_desc, "trama");
    if (reply->type != OFPMP_PORT_DESC || s->stage != STAGE_PORTS || m->xid != s->ports_xid)
        return;
    for (size_t i = 0; i < reply->port_desc.n_ports; i++) {
        if (port_put(s, &reply->port_desc.ports[i])) {
            give_up(s, "too many ports");
            return;
        }
    }
    if (reply->flags & OFPMPF_REPLY_MORE)
        return;
    s->ports_xid = 0;
    if (session_read(s, NULL))
        give_up(s, "cannot ask for the flows");
}

static void on_error(struct session *s, const struct ofp_msg *m)
{
    char buf[64];
    const char *name = ofp_err_name(m->error.type, m->error.code, buf);

    for (size_t i = s->n_done; i < s->n_sent; i++) {
        const struct flow_spec *spec;

        if (s->xids[i] != m->xid)
            continue;
        spec = &s->changes.list[i].flow->spec;
        snprintf(s->last_refusal, sizeof s->last_refusal, "the switch refuses a flow (%s) of table %u, priority %u: %s",
                 flow_kind_name[flow_cookie_kind(spec->cookie)], spec->table, spec->priority,
                 name ? name : "unknown error");
        log_limited(LOG_WARNING, "switch %s: %s", s->name, s->last_refusal);
        s->is_refused[i] = true;
        if (flow_set_put(&s->refused, flow_dup(s->changes.list[i].flow)))
            give_up(s, "out of memory");
        return;
    }
    log_limited(LOG_WARNING, "switch %s: error %s (type %u, code %u)", s->name, name ? name : "unknown", m->error.type,
                m->error.code);
    if (m->xid && (m->xid == s->read_xid || m->xid == s->barrier_xid || m->xid == s->ports_xid))
        give_up(s, "refuses a request that is needed");
}

static void on_packet_in(struct session *s, const struct ofp_packet_in *p)
{
    uint32_t in_port = 0;

    s->n_packet_ins++;
    for (size_t i = 0; i < p->match.n_oxms; i++)
        if (p->match.oxms[i].field == FIELD_IN_PORT)
            in_port = (uint32_t)p->match.oxms[i].value.lo;
    if (s->stage == STAGE_READY && flow_cookie_is_ours(p->cookie) && in_port)
        s->events->packet_in(s->arg, s, in_port, p);
}

static void on_flow_removed(struct session *s, const struct ofp_flow_removed *m)
{
    struct ofp_flow_stats stats = {
        .table_id = m->table_id,
        .priority = m->priority,
        .cookie = m->cookie,
        .match = m->match,
    };
    struct flow *f = NULL;

    if (s->stage != STAGE_READY || !flow_cookie_is_ours(m->cookie) || flow_from_stats(&f, &stats))
        return;
    if (m->reason == OFPRR_IDLE_TIMEOUT || m->reason == OFPRR_HARD_TIMEOUT) {
        flow_set_remove(&s->held, f);
        flow_set_remove(&s->read_ours, f); /* that part may have been read before it went */
        s->events->flow_idle(s->arg, s, f);
    }
    flow_free(f);
}

static void on_message(void *arg, struct of_conn *c, const struct ofp_msg *m, const uint8_t *bytes, size_t n)
{
    struct session *s = arg;

    switch ((unsigned)m->type) {
    case OFPT_FEATURES_REPLY:
        on_features(s, &m->features_reply);
        break;
    case OFPT_MULTIPART_REPLY:
        on_multipart(s, m);
        break;
    case OFPT_BARRIER_REPLY:
        if (s->probe_xid && m->xid == s->probe_xid)
            s->probe_xid = 0;
        if (s->barrier_xid && m->xid == s->barrier_xid)
            batch_done(s);
        break;
    case OFPT_ERROR:
        on_error(s, m);
        break;
    case OFPT_PACKET_IN:
        on_packet_in(s, &m->packet_in);
        break;
    case OFPT_PORT_STATUS:
        on_port_status(s, &m->port_status);
        break;
    case OFPT_FLOW_REMOVED:
        on_flow_removed(s, &m->flow_removed);
        break;
    default: /* nothing else is asked for */
        break;
    }
}

/* --- coming and going --- */
/* Forgets what was known of the switch. */
static void reset(struct session *s)
{
    if (s->read_xid)
        read_end(s, -ENOTCONN);
    changes_forget(s);
    s->barrier_xid = s->ports_xid = s->probe_xid = 0;
    s->stage = STAGE_HELLO;
    s->datapath_id = 0;
    s->n_ports = 0;
    s->has_desired = s->was_told_in_sync = false;
    flow_set_fini(&s->held);
    flow_set_fini(&s->others);
    flow_set_fini(&s->refused);
    flow_set_fini(&s->desired);
    flow_set_init(&s->held);
    flow_set_init(&s->others);
    flow_set_init(&s->refused);
    flow_set_init(&s->desired);
}

static void session_free(struct session *s)
{
    reset(s);
    ev_timer_stop(s->loop, &s->kick);
    arena_fini(&s->arena);
    free(s->ports);
    free(s->view_ports);
    free(s);
}

static void on_up(void *arg, struct of_conn *c)
{
    struct session *s = arg;
    struct ofp_msg m = { .type = OFPT_FEATURES_REQUEST };

    s->stage = STAGE_FEATURES;
    s->since_ns = s->asked_ns = clock_now(s->clock);
    if (send_msg(s, &m))
        give_up(s, "cannot send");
}

static void on_down(void *arg, struct of_conn *c, const char *why)
{
    struct session *s = arg;

    s->events->down(s->arg, s, why);
    if (of_conn_is_active(c)) {
        reset(s);
        return;
    }
    s->conn = NULL;
    session_free(s);
}

static const struct of_conn_events conn_events = { .up = on_up, .message = on_message, .down = on_down };

static struct session *session_new(struct ev_loop *loop, const struct session_conf *conf)
{
    struct session *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->loop = loop;
    s->events = conf->events;
    s->arg = conf->arg;
    s->clock = conf->clock;
    arena_init(&s->arena);
    ev_timer_init(&s->kick, on_kick, 0., 0.);
    s->kick.data = s;
    snprintf(s->name, sizeof s->name, "unknown");
    return s;
}

static struct of_conn_conf conn_conf(struct session *s, struct tls *tls)
{
    return (struct of_conn_conf){
        .events = &conn_events, .arg = s, .name = "switch", .clock = s->clock, .max_out = MAX_OUT, .tls = tls
    };
}

int session_from_fd(struct session **out, struct ev_loop *loop, int fd, const struct endpoint *peer,
                    const struct session_conf *conf)
{
    struct session *s = session_new(loop, conf);
    struct of_conn_conf c;
    int err;

    if (!s) {
        close(fd);
        return -ENOMEM;
    }
    c = conn_conf(s, conf->tls);
    err = of_conn_accept(&s->conn, loop, fd, peer, &c);
    if (err) {
        session_free(s);
        return err;
    }
    *out = s;
    return 0;
}

int session_connect(struct session **out, struct ev_loop *loop, const struct endpoint *to,
                    const struct session_conf *conf, struct errbuf *e)
{
    struct session *s = session_new(loop, conf);
    struct of_conn_conf c;
    int err;

    if (!s)
        return -ENOMEM;
    c = conn_conf(s, conf->tls);
    err = of_conn_open(&s->conn, loop, to, &c, e);
    if (err) {
        session_free(s);
        return err;
    }
    *out = s;
    return 0;
}

void session_close(struct session *s)
{
    if (!s)
        return;
    of_conn_close(s->conn);
    session_free(s);
}

/* --- time --- */
void session_probe(struct session *s)
{
    struct ofp_msg m = { .type = OFPT_BARRIER_REQUEST };

    if (s->probe_xid || send_msg(s, &m))
        return;
    s->probe_xid = m.xid;
    s->probe_ns = clock_now(s->clock);
}

void session_tick(struct session *s)
{
    uint64_t now_ns = clock_now(s->clock);
    bool is_waiting = s->stage == STAGE_FEATURES || s->ports_xid || s->read_xid || s->barrier_xid;

    if (is_waiting && now_ns - s->asked_ns >= (uint64_t)ANSWER_MS * NSEC_PER_MS)
        give_up(s, "does not answer a request");
    else if (s->probe_xid && now_ns - s->probe_ns >= (uint64_t)PROBE_MS * NSEC_PER_MS)
        give_up(s, "does not answer, and has connected once more");
}

/* --- what others want to know --- */
static void packet_out(struct session *s, struct ofp_action *actions, size_t n_actions, const uint8_t *frame, size_t n)
{
    struct ofp_msg m = {
        .type = OFPT_PACKET_OUT,
        .packet_out = { .buffer_id = OFP_NO_BUFFER,
                        .in_port = OFPP_CONTROLLER,
                        .actions = actions,
                        .n_actions = n_actions,
                        .data = frame,
                        .n_data = n },
    };

    m.xid = of_conn_next_xid(s->conn);
    (void)of_conn_send_async(s->conn, &m); /* lost like any frame; counted there */
}

void session_packet_out(struct session *s, uint32_t port, const uint8_t *frame, size_t n)
{
    struct ofp_action output = { .type = OFPAT_OUTPUT, .output = { .port = port } };

    packet_out(s, &output, 1, frame, n);
}

static struct ofp_action set_field(enum field_id field, uint64_t v)
{
    return (struct ofp_action){ .type = OFPAT_SET_FIELD, .set_field.field = ofp_oxm_make(field, value_of(v)) };
}

void session_packet_on(struct session *s, const struct session_place *at, const uint8_t *frame, size_t n)
{
    struct ofp_action actions[4] = { set_field(FIELD_METADATA, at->metadata), set_field(FIELD_REG0, at->reg0) };
    size_t n_actions = 2;

    if (at->dst)
        actions[n_actions++] = set_field(FIELD_ETH_DST, at->dst);
    actions[n_actions++] = (struct ofp_action){
        .type = OFPAT_EXPERIMENTER,
        .experimenter = { .experimenter = OFPEXP_NICIRA,
                          .nicira = { .subtype = NXAST_RESUBMIT_TABLE,
                                      .resubmit_table = { .in_port = NX_PORT_IN_PORT, .table = at->table } } },
    };
    packet_out(s, actions, n_actions, frame, n);
}

uint64_t session_datapath_id(const struct session *s)
{
    return s->datapath_id;
}

const struct flow_set *session_held(const struct session *s)
{
    return &s->held;
}

bool session_is_active(const struct session *s)
{
    return of_conn_is_active(s->conn);
}

bool session_is_ready(const struct session *s)
{
    return s->stage == STAGE_READY;
}

const struct view_port *session_ports(const struct session *s, size_t *n)
{
    *n = s->n_ports;
    return s->view_ports;
}

bool session_port_mac(const struct session *s, uint32_t port, uint8_t out[6])
{
    for (size_t i = 0; i < s->n_ports; i++) {
        if (s->ports[i].view.number != port)
            continue;
        memcpy(out, s->ports[i].mac, 6);
        return true;
    }
    return false;
}

const char *session_peer(const struct session *s, char *text, size_t size)
{
    return endpoint_format(of_conn_peer(s->conn), text, size);
}

const char *session_name(const struct session *s)
{
    return s->name;
}

void session_counts(const struct session *s, struct session_counts *out)
{
    *out = (struct session_counts){
        .n_held = flow_set_count(&s->held),
        .n_others = flow_set_count(&s->others),
        .n_conflicts = s->n_conflicts,
        .n_refused = flow_set_count(&s->refused),
        .n_batches = s->n_batches,
        .n_changes = s->n_changes,
        .n_packet_ins = s->n_packet_ins,
        .since_ns = s->since_ns,
        .last_refusal = s->last_refusal,
    };
}

bool session_is_trama(const struct session *s)
{
    return s->is_trama;
}

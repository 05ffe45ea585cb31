/* SPDX-License-Identifier: Apache-2.0 */
/* agent_monitor.c - flow monitors: a controller is told what changes in the flow tables, as it changes.
 * Flow: flow_table (commit) -> [agent_monitor] -> queue -> connection.
 * Spec: ONF EXT-187, in the form that Open vSwitch 3.1 gives it over OpenFlow 1.3.
 *
 * Theory.  What a session is to hear goes into one queue (`struct watch`), in the order in which it happened: the flows
 * that were there when it asked (the reply), and updates.  The queue empties into the connection as that has room.  When it
 * does not, and PAUSE_BYTES wait, the session is told that it is paused, and from then on hears only that a flow went that
 * it may know: one that was there before.  When the queue is empty again a walk tells what else is new, by the version in
 * which a flow's rule came: since `told_version`; then the session is told that it has resumed.  An update of a flow that the
 * walk has not come to yet does no harm, nor does a flow that is told twice: each says all of it.
 * The queue is bounded: a session that is too slow even for the deletions is dropped, and begins anew. */
#include <stdlib.h>
#include <string.h>

#include "vswitch/agent_impl.h"

enum { MONITORS_MAX = 1024, FLOWS_A_TURN = 4096, SEND_BYTES = 256 << 10, PAUSE_BYTES = 1 << 20 };

struct monitor {
    struct list link;
    uint32_t id;
    uint16_t flags;
    bool is_new; /* its flows are still being told */
    struct flow_query query;
    struct compact_match *match; /* owned */
};

/* The message at the end of the queue, to which more may be added. */
enum part { PART_NONE, PART_REPLY, PART_UPDATES };

enum watch_state { WATCH_RUNS, WATCH_PAUSED, WATCH_RESUMES };

/* Of one session. */
struct watch {
    struct list monitors;
    unsigned n_monitors;
    enum watch_state state;
    enum part part;
    struct ofp_mp mp; /* of that part */
    struct wr queue;
    size_t sent;
    struct arena arena;
    bool is_lost;      /* dropped: says nothing any more */
    bool is_overrun;   /* one commit had more to tell than may wait: to be dropped behind it */
    bool is_answering; /* `reply` has not told all of it */
    uint32_t xid;      /* of that request */
    struct flow_cursor reply, resume;
    bool has_abbreviated;
    uint32_t abbreviated;              /* the xid of the last one, in this commit */
    uint64_t told_version, told_birth; /* of the datapath, of flows: what came later is to be told when it resumes */
    uint64_t known_birth;              /* what came later it has never heard of */
};

static const struct flow_query every_flow = { .table_id = FLOW_TABLE_ALL, .out_port = FLOW_ANY, .out_group = FLOW_ANY };

/* --- which monitors an event is for --- */

static bool covers(const struct monitor *m, const struct flow *f)
{
    return f && (m->query.table_id == FLOW_TABLE_ALL || m->query.table_id == f->rule->table_id) &&
           flow_is_meant(&m->query, m->match, f);
}

/* Flags of all monitors that want this of either flow (or NULL). */
static uint16_t wanted(const struct watch *w, uint16_t flag, const struct flow *a, const struct flow *b)
{
    uint16_t flags = 0;

    for_each_list (struct monitor, m, &w->monitors, link)
        if (m->flags & flag && (covers(m, a) || covers(m, b)))
            flags |= m->flags;
    return flags;
}

/* --- the queue --- */

static void end_part(struct watch *w)
{
    if (w->part == PART_REPLY && w->is_answering)
        ofp_mp_end_part(&w->mp);
    else if (w->part != PART_NONE)
        ofp_mp_end(&w->mp);
    w->part = PART_NONE;
}

static struct ofp_mp *begin_part(struct watch *w, enum part part)
{
    if (w->part == part)
        return &w->mp;
    end_part(w);
    w->part = part;
    ofp_mp_begin(&w->mp, &w->queue, OFP_VERSION_13, part == PART_REPLY ? w->xid : 0, OFPMP_EXPERIMENTER);
    return &w->mp;
}

static void add_full(struct watch *w, enum part part, enum ofp_flow_update_event event, const struct flow *f,
                     uint16_t reason, uint16_t flags)
{
    bool has_actions = flags & ONFFMF_ACTIONS;
    struct ofp_flow_update u = {
        .event = event,
        .added = { /* the same for the other events */
            .reason = reason, .priority = f->rule->priority, .idle_timeout = f->idle_s, .hard_timeout = f->hard_s,
            .table_id = f->rule->table_id, .cookie = f->rule->cookie,
        },
    };
    struct match match;

    arena_reset(&w->arena);
    compact_match_expand(&match, f->rule->match);
    if (match_to_ofp_match(&u.added.match, &w->arena, &match))
        w->queue.bad = true;
    else
        ofp_mp_add_update_encoded(begin_part(w, part), &u, f->instructions, has_actions ? f->n_instructions : 0);
}

static void add_abbreviated(struct watch *w, uint32_t xid)
{
    struct ofp_flow_update u = { .event = ONFFME_ABBREV, .abbrev = { .xid = xid } };

    if (w->has_abbreviated && w->abbreviated == xid) /* one for a message, however many flows it changes */
        return;
    w->has_abbreviated = true;
    w->abbreviated = xid;
    ofp_mp_add_update_encoded(begin_part(w, PART_UPDATES), &u, NULL, 0);
}

static void add_notice(struct watch *w, enum ofp_onf_type type)
{
    struct ofp_msg m = {
        .version = OFP_VERSION_13,
        .type = OFPT_EXPERIMENTER,
        .experimenter = { .experimenter = OFPEXP_ONF, .onf = { .exp_type = type } },
    };

    end_part(w);
    ofp_encode(&w->queue, &m);
}

static size_t pending(const struct watch *w)
{
    return w->queue.len - w->sent;
}

/* Whole messages from the front of the queue, at most SEND_BYTES of them, or one. */
static size_t next_piece(const struct watch *w)
{
    size_t n = 0;

    while (n < pending(w)) {
        size_t length = be16_load(w->queue.p + w->sent + n + 2);

        if (n && n + length > SEND_BYTES)
            break;
        n += length;
    }
    return n;
}

static void forget_queue(struct watch *w)
{
    wr_fini(&w->queue);
    wr_init(&w->queue);
    w->sent = 0;
    w->part = PART_NONE;
}

static void lose(struct session *s, const char *why)
{
    struct watch *w = s->watch;

    w->is_lost = true;
    forget_queue(w);
    s->ops->drop(s->arg, why);
}

/* Sends what the connection takes.  True: something was sent. */
static bool drain(struct session *s)
{
    struct watch *w = s->watch;
    size_t n, was = w->sent;

    end_part(w);
    if (w->queue.bad) {
        lose(s, "not enough memory for what its flow monitors are to be told");
        return false;
    }
    while ((n = next_piece(w)) && !s->ops->send_async(s->arg, w->queue.p + w->sent, n))
        w->sent += n;
    was = w->sent - was;
    if (!pending(w)) {
        if (w->queue.len > PAUSE_BYTES)
            wr_fini(&w->queue); /* empty, and good for more */
        wr_reset(&w->queue);
        w->sent = 0;
    } else if (w->sent > w->queue.len / 2) {
        memmove(w->queue.p, w->queue.p + w->sent, pending(w));
        w->queue.len -= w->sent;
        w->sent = 0;
    }
    return was;
}

/* --- pause --- */

static void pause_watch(struct watch *w, const struct agent *a)
{
    w->known_birth = flow_table_birth(a->flows);
    if (w->state == WATCH_RESUMES) { /* what its walk has to tell is still to be told, and it knows that it is paused */
        flow_cursor_fini(&w->resume);
    } else {
        w->told_version = datapath_version(a->conf.dp);
        w->told_birth = w->known_birth;
        add_notice(w, ONFT_FLOW_MONITOR_PAUSED);
    }
    w->state = WATCH_PAUSED;
}

static void resume_watch(struct watch *w, struct agent *a)
{
    struct match any = { 0 };
    struct flow_query q = every_flow;

    q.match = &any;
    if (!flow_cursor_init(&w->resume, a->flows, &q))
        w->state = WATCH_RESUMES; /* else tried again in the next turn */
}

/* After a commit, and in every turn.  True: something was sent. */
static bool settle(struct session *s)
{
    struct watch *w = s->watch;
    bool has_sent;

    if (w->is_overrun) {
        lose(s, "one change has more to tell its flow monitors than may wait");
        return false;
    }
    has_sent = drain(s);
    w->has_abbreviated = false;
    if (w->state != WATCH_PAUSED && pending(w) > PAUSE_BYTES)
        pause_watch(w, s->agent);
    if (pending(w) > s->agent->conf.max_monitor_bytes)
        lose(s, "it is too slow for its flow monitors");
    return has_sent;
}

void monitors_flush(struct agent *a)
{
    if (!a->n_monitors)
        return;
    for_each_list (struct session, s, &a->sessions, link)
        if (s->watch && !s->watch->is_lost)
            settle(s);
}

/* --- what changes --- */

/* While it is paused: only what it may know of a flow, and could not learn by the flows that will be there. */
static void change_paused(struct watch *w, const struct flow_change *c)
{
    uint16_t flags;

    if (!c->old || c->old->birth >= w->known_birth)
        return;
    if (flow_change_is_modification(c)) {
        flags = wanted(w, ONFFMF_MODIFY, c->old, NULL);
        if (flags && !wanted(w, ONFFMF_MODIFY, c->now, NULL))
            add_full(w, PART_UPDATES, ONFFME_MODIFIED, c->now, 0, flags);
        return;
    }
    flags = wanted(w, ONFFMF_DELETE, c->old, NULL);
    if (flags)
        add_full(w, PART_UPDATES, ONFFME_DELETED, c->old, (uint16_t)c->why, flags);
}

static bool is_same(const struct flow *a, const struct flow *b)
{
    return a->n_instructions == b->n_instructions && !memcmp(a->instructions, b->instructions, a->n_instructions);
}

static void change(struct session *s, const struct flow_change *c)
{
    const struct session *asker = s->agent->asker;
    enum ofp_flow_update_event event = ONFFME_ADDED;
    struct watch *w = s->watch;
    uint16_t flags;

    if (!c->now)
        event = ONFFME_DELETED;
    else if (flow_change_is_modification(c))
        event = ONFFME_MODIFIED;
    if (event == ONFFME_MODIFIED && is_same(c->old, c->now))
        return;
    if (w->state == WATCH_PAUSED) {
        change_paused(w, c);
        return;
    }
    flags = wanted(w,
                   (uint16_t)(event == ONFFME_ADDED     ? ONFFMF_ADD
                              : event == ONFFME_DELETED ? ONFFMF_DELETE
                                                        : ONFFMF_MODIFY),
                   c->old, c->now);
    if (!flags)
        return;
    if (asker && asker->main == s->main && !(flags & ONFFMF_OWN))
        add_abbreviated(w, c->mark);
    else
        add_full(w, PART_UPDATES, event, c->now ? c->now : c->old, c->now ? 0 : (uint16_t)c->why, flags);
}

void agent_flow_changed(void *arg, const struct flow_change *c)
{
    const struct agent *a = arg;

    if (!a->n_monitors)
        return;
    for_each_list (struct session, s, &a->sessions, link) {
        struct watch *w = s->watch;

        if (!w || w->is_lost || w->is_overrun)
            continue;
        change(s, c);
        w->is_overrun = pending(w) > a->conf.max_monitor_bytes;
        if (w->is_overrun)
            forget_queue(w);
    }
}

/* --- walks --- */

static void tell_resumed(struct watch *w, const struct flow *f)
{
    bool is_added = f->birth >= w->told_birth;
    uint16_t flags;

    if (f->rule->added_in <= w->told_version)
        return;
    flags = wanted(w, is_added ? ONFFMF_ADD : ONFFMF_MODIFY, f, NULL);
    if (flags)
        add_full(w, PART_UPDATES, is_added ? ONFFME_ADDED : ONFFME_MODIFIED, f, 0, flags);
}

/* Flows that monitors asked for that are new. */
static void tell_initial(struct watch *w, const struct flow *f)
{
    uint16_t flags = 0;

    for_each_list (struct monitor, m, &w->monitors, link)
        if (m->is_new && m->flags & ONFFMF_INITIAL && covers(m, f))
            flags |= m->flags;
    if (flags)
        add_full(w, PART_REPLY, ONFFME_ADDED, f, 0, flags);
}

/* True: it has come to its end. */
static bool walk(struct watch *w, struct flow_cursor *c, void (*say)(struct watch *w, const struct flow *f))
{
    unsigned budget = FLOWS_A_TURN;
    const struct flow *f;

    while (pending(w) < SEND_BYTES) {
        f = flow_cursor_next(c, &budget);
        if (!f)
            return budget;
        say(w, f);
    }
    return false;
}

static void finish_reply(struct watch *w)
{
    flow_cursor_fini(&w->reply);
    (void)begin_part(w, PART_REPLY); /* the last message, if there was none */
    w->is_answering = false;
    end_part(w);
    for_each_list (struct monitor, m, &w->monitors, link)
        m->is_new = false;
}

static void finish_resume(struct watch *w)
{
    flow_cursor_fini(&w->resume);
    w->state = WATCH_RUNS;
    add_notice(w, ONFT_FLOW_MONITOR_RESUMED);
}

bool monitor_run(struct session *s)
{
    struct watch *w = s->watch;
    bool has_sent;

    if (!w || w->is_lost)
        return false;
    has_sent = settle(s);
    if (w->is_lost || pending(w))
        return has_sent;
    if (w->state == WATCH_PAUSED)
        resume_watch(w, s->agent);
    if (w->state == WATCH_RESUMES && walk(w, &w->resume, tell_resumed))
        finish_resume(w);
    if (w->state == WATCH_RUNS && w->is_answering && walk(w, &w->reply, tell_initial))
        finish_reply(w);
    has_sent |= settle(s);
    return !w->is_lost && (has_sent || (!pending(w) && (w->is_answering || w->state != WATCH_RUNS)));
}

bool monitor_is_starting(const struct session *s)
{
    return s->watch && s->watch->is_answering;
}

/* --- requests --- */

static struct monitor *monitor_find(const struct watch *w, uint32_t id)
{
    for_each_list (struct monitor, m, &w->monitors, link)
        if (m->id == id)
            return m;
    return NULL;
}

static void monitor_free(struct session *s, struct monitor *m)
{
    list_remove(&m->link);
    s->watch->n_monitors--;
    s->agent->n_monitors--;
    free(m->match);
    free(m);
}

static int monitor_add(struct session *s, const struct ofp_flow_monitor_request *r, struct ofp_err *err)
{
    struct monitor *m;
    struct match match;
    int res;

    if (!(r->flags & (ONFFMF_ADD | ONFFMF_DELETE | ONFFMF_MODIFY)))
        return refuse(err, OFPET_EXPERIMENTER, NXFMFC_BAD_MONITOR_FLAGS);
    if (monitor_find(s->watch, r->monitor_id))
        return refuse(err, OFPET_EXPERIMENTER, NXFMFC_MONITOR_EXISTS);
    if (!agent_has_table(s->agent, r->table_id) && r->table_id != OFPTT_ALL)
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_TABLE_ID);
    res = ofp_match_to_match(&match, &r->match, err);
    if (res)
        return res;
    if (s->watch->n_monitors == MONITORS_MAX)
        return -ENOSPC;
    m = calloc(1, sizeof *m);
    if (m)
        m->match = malloc(compact_match_size(&match));
    if (!m || !m->match) {
        free(m);
        return -ENOMEM;
    }
    compact_match_init(m->match, &match);
    m->id = r->monitor_id;
    m->flags = r->flags;
    m->is_new = true;
    m->query = every_flow;
    m->query.table_id = r->table_id;
    m->query.out_port = r->out_port;
    list_push_back(&s->watch->monitors, &m->link);
    s->watch->n_monitors++;
    s->agent->n_monitors++;
    return 0;
}

static int begin_reply(struct session *s, uint32_t xid)
{
    struct match any = { 0 };
    struct flow_query q = every_flow;
    int err;

    q.match = &any;
    err = flow_cursor_init(&s->watch->reply, s->agent->flows, &q);
    if (err)
        return err;
    s->watch->is_answering = true;
    s->watch->xid = xid;
    return 0;
}

static int watch_new(struct session *s)
{
    struct watch *w = calloc(1, sizeof *w);

    if (!w)
        return -ENOMEM;
    list_init(&w->monitors);
    arena_init(&w->arena);
    wr_init(&w->queue);
    s->watch = w;
    return 0;
}

/* All monitors of a request, or none. */
int multipart_monitor(struct session *s, const struct ofp_msg *msg, struct ofp_err *err)
{
    const struct ofp_flow_monitor_requests *r = &msg->multipart_request.experimenter.onf.flow_monitor;
    int res = s->watch ? 0 : watch_new(s);

    if (res || s->watch->is_lost)
        return res;
    for (size_t i = 0; i < r->n_monitors && !res; i++)
        res = monitor_add(s, &r->monitors[i], err);
    if (!res)
        res = begin_reply(s, msg->xid);
    if (!res)
        monitor_run(s);
    else
        for_each_list_safe (struct monitor, m, next, &s->watch->monitors, link)
            if (m->is_new)
                monitor_free(s, m);
    return res;
}

int handle_monitor_cancel(struct session *s, const struct ofp_msg *msg, struct ofp_err *err)
{
    struct monitor *m = s->watch ? monitor_find(s->watch, msg->experimenter.onf.flow_monitor_cancel.monitor_id) : NULL;

    if (!m)
        return refuse(err, OFPET_EXPERIMENTER, NXFMFC_UNKNOWN_MONITOR);
    monitor_free(s, m);
    return 0;
}

void monitors_free(struct session *s)
{
    struct watch *w = s->watch;

    if (!w)
        return;
    for_each_list_safe (struct monitor, m, next, &w->monitors, link)
        monitor_free(s, m);
    if (w->is_answering)
        flow_cursor_fini(&w->reply);
    if (w->state == WATCH_RESUMES)
        flow_cursor_fini(&w->resume);
    arena_fini(&w->arena);
    wr_fini(&w->queue);
    free(w);
    s->watch = NULL;
}

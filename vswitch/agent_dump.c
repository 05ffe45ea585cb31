/* SPDX-License-Identifier: Apache-2.0 */
/* agent_dump.c - what is said of flows, groups and meters, however many there are (OpenFlow 1.3.5, 7.3.5): a bounded number
 * of them in each turn of the loop, and no more messages than the connection has room for.  While it goes on the session
 * takes no further message, so that replies keep the order of the requests. */
#include <errno.h>
#include <stdlib.h>

#include "vswitch/agent_impl.h"
#include "vswitch/group_table.h"
#include "vswitch/meter_table.h"

enum { FLOWS_A_TURN = 4096, ROOM_LEFT = 256 << 10 };

int dump_begin(struct session *s, const struct ofp_msg *m, const struct ofp_flow_stats_request *r, bool is_aggregate,
               struct ofp_err *err)
{
    struct dump *d = &s->dump;
    struct match match;
    int res;

    if (!agent_has_table(s->agent, r->table_id) && r->table_id != OFPTT_ALL)
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_TABLE_ID);
    res = ofp_match_to_match(&match, &r->match, err);
    if (res)
        return res;

    struct flow_query q = {
        .table_id = r->table_id,
        .match = &match,
        .cookie = r->cookie,
        .cookie_mask = r->cookie_mask,
        .out_port = r->out_port,
        .out_group = r->out_group,
    };

    *d = (struct dump){ .is_aggregate = is_aggregate, .type = OFPMP_FLOW, .version = m->version, .xid = m->xid };
    res = flow_cursor_init(&d->cursor, s->agent->flows, &q);
    if (res)
        return res;
    d->is_active = true;
    arena_init(&d->arena);
    wr_init(&d->out);
    if (!is_aggregate)
        ofp_mp_begin(&d->mp, &d->out, m->version, m->xid, OFPMP_FLOW);
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

int dump_begin_ids(struct session *s, const struct ofp_msg *m, const struct id_table *t, const uint32_t *one)
{
    struct dump *d = &s->dump;

    *d = (struct dump){ .type = m->multipart_request.type, .version = m->version, .xid = m->xid };
    d->ids = malloc((t->n + 1) * sizeof *d->ids);
    if (!d->ids)
        return -ENOMEM;
    if (one)
        d->ids[d->n_ids++] = *one;
    else
        for_each_hmap (struct id_item, item, &t->items, by_id)
            if (item->now)
                d->ids[d->n_ids++] = item->id;
    qsort(d->ids, d->n_ids, sizeof *d->ids, compare_ids);
    d->is_active = true;
    arena_init(&d->arena);
    wr_init(&d->out);
    ofp_mp_begin(&d->mp, &d->out, m->version, m->xid, d->type);
    dump_run(s);
    return 0;
}

void dump_end(struct session *s)
{
    struct dump *d = &s->dump;

    if (!d->is_active)
        return;
    if (d->ids)
        free(d->ids);
    else
        flow_cursor_fini(&d->cursor);
    arena_fini(&d->arena);
    wr_fini(&d->out);
    d->is_active = false;
}

static void count(struct ofp_aggregate_stats *sum, const struct agent *a, const struct flow *f)
{
    struct rule_stat stat;

    flow_stats(a->flows, f, &stat);
    sum->packet_count += stat.packets;
    sum->byte_count += stat.bytes;
    sum->flow_count++;
}

static int say(struct dump *d, const struct agent *a, const struct flow *f)
{
    struct rule_stat stat;
    struct match match;
    struct ofp_flow_stats x = {
        .table_id = f->rule->table_id,
        .priority = f->rule->priority,
        .idle_timeout = f->idle_s,
        .hard_timeout = f->hard_s,
        .flags = f->flags,
        .cookie = f->rule->cookie,
    };

    flow_stats(a->flows, f, &stat);
    x.packet_count = stat.packets;
    x.byte_count = stat.bytes;
    duration_split(flow_age_ns(a->flows, f), &x.duration_sec, &x.duration_nsec);
    compact_match_expand(&match, f->rule->match);
    arena_reset(&d->arena);
    if (match_to_ofp_match(&x.match, &d->arena, &match))
        return -ENOMEM;
    ofp_mp_add_flow_encoded(&d->mp, &x, f->instructions, f->n_instructions);
    return d->out.bad ? -ENOMEM : 0;
}

static void send_ready(struct session *s)
{
    struct dump *d = &s->dump;
    size_t n = ofp_mp_ready(&d->mp);

    if (!n)
        return;
    session_send_bytes(s, d->out.p, n);
    ofp_mp_sent(&d->mp, n);
}

static void finish(struct session *s)
{
    struct dump *d = &s->dump;

    if (d->is_aggregate) {
        struct ofp_msg reply = {
            .type = OFPT_MULTIPART_REPLY,
            .multipart_reply = { .type = OFPMP_AGGREGATE, .aggregate = d->sum },
        };

        session_send(s, &reply, d->xid);
    } else {
        ofp_mp_end(&d->mp);
        session_send_bytes(s, d->out.p, d->out.len);
    }
    dump_end(s);
}

/* The next flow.  False: there is none, or the budget is used up. */
static bool next_flow(struct session *s, unsigned *budget, int *err)
{
    struct dump *d = &s->dump;
    const struct flow *f = flow_cursor_next(&d->cursor, budget);

    if (!f)
        return false;
    if (d->is_aggregate)
        count(&d->sum, s->agent, f);
    else
        *err = say(d, s->agent, f);
    return true;
}

/* The next group or meter; one that has gone meanwhile is left out. */
static bool next_id(struct session *s, unsigned *budget, int *err)
{
    struct dump *d = &s->dump;
    struct agent *a = s->agent;
    bool is_meter = d->type == OFPMP_METER || d->type == OFPMP_METER_CONFIG;
    const struct id_item *item;

    if (d->i_id == d->n_ids)
        return false;
    --*budget;
    item = is_meter ? meter_table_find(a->meters, d->ids[d->i_id]) : group_table_find(a->groups, d->ids[d->i_id]);
    d->i_id++;
    arena_reset(&d->arena);
    if (!item)
        return true;
    if (d->type == OFPMP_GROUP)
        *err = group_say_stats(&d->mp, a, item);
    else if (d->type == OFPMP_GROUP_DESC)
        *err = group_say_desc(&d->mp, &d->arena, item);
    else if (d->type == OFPMP_METER)
        *err = meter_say_stats(&d->mp, a, item);
    else
        *err = meter_say_config(&d->mp, &d->arena, item);
    if (d->out.bad)
        *err = -ENOMEM;
    return true;
}

bool dump_run(struct session *s)
{
    struct dump *d = &s->dump;
    unsigned budget = FLOWS_A_TURN;
    int err = 0;

    while (budget && !err) {
        if (s->ops->room(s->arg) < ROOM_LEFT)
            return false; /* a later turn goes on */
        if (!(d->ids ? next_id(s, &budget, &err) : next_flow(s, &budget, &err)))
            break;
        if (!d->is_aggregate)
            send_ready(s);
    }
    if (err) { /* without memory the reply cannot be completed: better none than one that looks whole */
        dump_end(s);
        return false;
    }
    if (!budget)
        return true;
    finish(s);
    return false;
}

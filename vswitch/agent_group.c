/* SPDX-License-Identifier: Apache-2.0 */
/* agent_group.c - group-mods, and what is told of groups (OpenFlow 1.3.5, 5.6, 6.5, 7.3.4.2, 7.3.5.7 to 7.3.5.9).
 *
 * A group that another forwards to is not deleted, and no circle of groups is made (6.5: the optional checks).  A bucket of a
 * fast failover group must watch something; one of a group of type all or indirect, which meet every frame, may not. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "vswitch/agent_impl.h"
#include "vswitch/group_table.h"

static int group_failed(struct ofp_err *err, enum ofp_group_mod_failed_code code)
{
    return refuse(err, OFPET_GROUP_MOD_FAILED, (uint16_t)code);
}

/* --- checks --- */

/* Who asks whether a group is there: a bucket may name its own, and is told of the circle then. */
struct asker {
    struct agent *agent;
    uint32_t own_id;
};

static bool has_group(void *arg, uint32_t id)
{
    const struct asker *q = arg;

    return id == q->own_id || group_table_find(q->agent->groups, id);
}

static int check_watches(struct agent *a, const struct ofp_group_mod *m, const struct ofp_bucket *k,
                         struct ofp_err *err)
{
    bool has_port = k->watch_port != OFPP_ANY, has_group = k->watch_group != OFPG_ANY;

    if (m->type == OFPGT_FF && !has_port && !has_group)
        return group_failed(err, OFPGMFC_INVALID_GROUP);
    if ((m->type == OFPGT_ALL || m->type == OFPGT_INDIRECT) && (has_port || has_group))
        return group_failed(err, OFPGMFC_WATCH_UNSUPPORTED);
    /* a port may come later, as that of an output action */
    if (has_port && k->watch_port != OFPP_LOCAL && (!k->watch_port || k->watch_port > OFPP_MAX))
        return group_failed(err, OFPGMFC_BAD_WATCH);
    if (has_group && k->watch_group != m->group_id && !group_table_find(a->groups, k->watch_group))
        return group_failed(err, OFPGMFC_BAD_WATCH);
    return 0;
}

static int check_buckets(struct agent *a, const struct ofp_group_mod *m, struct ofp_err *err)
{
    struct asker self = { .agent = a, .own_id = m->group_id };
    struct ofp_check check;
    int res = 0;

    if (m->type == OFPGT_INDIRECT && m->n_buckets != 1)
        return group_failed(err, OFPGMFC_INVALID_GROUP);
    if (m->n_buckets > GROUP_BUCKETS_MAX)
        return group_failed(err, OFPGMFC_OUT_OF_BUCKETS);
    check_init(&check, a, OFPTT_ALL);
    check.is_bucket = true;
    check.has_group = has_group;
    check.arg = &self;
    for (size_t i = 0; i < m->n_buckets && !res; i++) {
        const struct ofp_bucket *k = &m->buckets[i];

        if (k->weight && m->type != OFPGT_SELECT)
            return group_failed(err, OFPGMFC_INVALID_GROUP);
        res = check_watches(a, m, k, err);
        if (!res)
            res = ofp_actions_check(&check, NULL, k->actions, k->n_actions, err);
    }
    return res;
}

/* --- group-mod --- */

static int translate_buckets(struct arena *a, const struct ofp_group_mod *m, struct group_spec *spec)
{
    struct bucket *k = arena_calloc(a, m->n_buckets + 1, sizeof *k);

    if (!k)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_buckets; i++) {
        const struct ofp_bucket *in = &m->buckets[i];
        struct act *acts;
        int err = translate_actions_to_acts(a, in->actions, in->n_actions, &acts, &k[i].n_acts);

        if (err)
            return err;
        k[i].acts = acts;
        k[i].weight = in->weight;
        k[i].watch_port = in->watch_port;
        k[i].watch_group = in->watch_group;
    }
    *spec = (struct group_spec){
        .id = m->group_id, .type = (enum group_type)m->type, .buckets = k, .n_buckets = (unsigned)m->n_buckets
    };
    return 0;
}

static int put(struct agent *a, const struct ofp_group_mod *m, struct ofp_err *err)
{
    struct group_spec spec;
    int res = check_buckets(a, m, err);

    if (!res)
        res = translate_buckets(&a->arena, m, &spec);
    if (res)
        return res;
    if (group_table_has_circle(a->groups, &spec, GROUP_FORWARDS))
        return group_failed(err, OFPGMFC_LOOP);
    if (group_table_has_circle(a->groups, &spec, GROUP_WATCHES))
        return group_failed(err, OFPGMFC_BAD_WATCH);
    wr_reset(&a->out);
    ofp_buckets_encode(&a->out, OFP_VERSION_13, m->buckets, m->n_buckets);
    if (a->out.bad)
        return -ENOMEM;
    res = group_table_put(a->groups, &spec, a->out.p, a->out.len);
    if (res == -E2BIG)
        return refuse(err, OFPET_BAD_ACTION, OFPBAC_TOO_MANY);
    return res ? group_failed(err, OFPGMFC_OUT_OF_GROUPS) : 0;
}

/* The flows with an action of that group, or of any, go with it. */
static int delete_flows(struct agent *a, uint32_t group_id)
{
    struct match any = { 0 };
    struct flow_query q = { .table_id = FLOW_TABLE_ALL, .match = &any, .out_port = FLOW_ANY, .out_group = group_id };

    return flow_delete(a->flows, &q, FLOW_GONE_GROUP);
}

static int delete_groups(struct agent *a, uint32_t id, struct ofp_err *err)
{
    struct id_item *item = group_table_find(a->groups, id);
    int res;

    if (id == OFPG_ALL) {
        res = group_table_delete_all(a->groups);
        return res ? res : delete_flows(a, FLOW_EVERY_GROUP);
    }
    if (!item)
        return 0; /* "no error is recorded" */
    if (item->n_others)
        return group_failed(err, OFPGMFC_CHAINED_GROUP);
    res = item->n_flows ? delete_flows(a, id) : 0;
    return res ? res : group_table_delete(a->groups, item);
}

int group_mod_prepare(struct session *s, const struct ofp_msg *msg, struct ofp_err *err)
{
    const struct ofp_group_mod *m = &msg->group_mod;
    struct agent *a = s->agent;
    bool is_there = group_table_find(a->groups, m->group_id);
    enum ofp_group_mod_command command = m->command;

    if (command == OFPGC_ADD_OR_MOD)
        command = is_there ? OFPGC_MODIFY : OFPGC_ADD;
    switch (command) {
    case OFPGC_ADD:
        if (m->group_id > OFPG_MAX)
            return group_failed(err, OFPGMFC_INVALID_GROUP);
        if (is_there)
            return group_failed(err, OFPGMFC_GROUP_EXISTS);
        if (group_table_items(a->groups)->n >= a->conf.max_groups)
            return group_failed(err, OFPGMFC_OUT_OF_GROUPS);
        return put(a, m, err);
    case OFPGC_MODIFY:
        if (m->group_id > OFPG_MAX)
            return group_failed(err, OFPGMFC_INVALID_GROUP);
        if (!is_there)
            return group_failed(err, OFPGMFC_UNKNOWN_GROUP);
        return put(a, m, err);
    case OFPGC_DELETE:
        return delete_groups(a, m->group_id, err);
    case OFPGC_ADD_OR_MOD:
        break;
    }
    return group_failed(err, OFPGMFC_BAD_COMMAND);
}

int handle_group_mod(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    return agent_finish(s->agent, group_mod_prepare(s, m, err));
}

/* --- what is told --- */

int group_say_stats(struct ofp_mp *mp, struct agent *a, const struct id_item *item)
{
    const struct group_entry *e = item->now;
    unsigned n = e->group->n_buckets;
    struct ofp_bucket_counter *counters = calloc(n + 1, sizeof *counters);
    struct rule_stat st;

    if (!counters)
        return -ENOMEM;
    for (unsigned i = 0; i < n; i++) {
        group_bucket_stats(e->group, i, &st);
        counters[i] = (struct ofp_bucket_counter){ .packet_count = st.packets, .byte_count = st.bytes };
    }
    group_stats(e->group, &st);

    struct ofp_group_stats x = {
        .group_id = item->id,
        .ref_count = item->n_flows + item->n_others,
        .packet_count = st.packets,
        .byte_count = st.bytes,
        .buckets = counters,
        .n_buckets = n,
    };

    duration_split(clock_now(a->conf.clock) - e->created_ns, &x.duration_sec, &x.duration_nsec);
    ofp_mp_add_group(mp, &x);
    free(counters);
    return 0;
}

int group_say_desc(struct ofp_mp *mp, struct arena *arena, const struct id_item *item)
{
    const struct group_entry *e = item->now;
    struct ofp_group_desc x = { .type = (enum ofp_group_type)e->group->type, .group_id = item->id };
    struct ofp_err err;
    int res = ofp_buckets_decode(&x.buckets, &x.n_buckets, arena, OFP_VERSION_13, e->buckets, e->n_buckets, &err);

    if (!res)
        ofp_mp_add_group_desc(mp, &x);
    return res;
}

int multipart_group_features(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct ofp_msg reply = { .type = OFPT_MULTIPART_REPLY, .multipart_reply = { .type = OFPMP_GROUP_FEATURES } };
    struct ofp_group_features *f = &reply.multipart_reply.group_features;

    f->types = 1u << OFPGT_ALL | 1u << OFPGT_SELECT | 1u << OFPGT_INDIRECT | 1u << OFPGT_FF;
    f->capabilities = OFPGFC_SELECT_WEIGHT | OFPGFC_SELECT_LIVENESS | OFPGFC_CHAINING | OFPGFC_CHAINING_CHECKS;
    for (int i = 0; i < 4; i++) {
        f->max_groups[i] = s->agent->conf.max_groups;
        f->actions[i] = table_action_types();
    }
    session_send(s, &reply, m->xid);
    return 0;
}

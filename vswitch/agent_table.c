/* SPDX-License-Identifier: Apache-2.0 */
/* agent_table.c - settings of tables: table-mod, and table features that are asked for and set (OpenFlow 1.3.5, 7.3.3,
 * 7.3.5.5).
 * Theory.  A request with tables in it describes the whole pipeline, in as many parts as it takes, and is done as a whole or
 * not at all.  Every table can do all that there is, so what can be set is its name, its deprecated bits and its size; a
 * request for less than a table can do is fulfilled by what it can do.  A table that the request does not name is taken out
 * of the pipeline until another one names it; the first one stays.  Flows of a table go with it, without a word, and so do
 * those of a table that can do something else than before: go to other tables, or hold more or fewer flows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vswitch/agent_impl.h"

enum { CONFIG_DEPRECATED = 3 }; /* OFPTC_DEPRECATED_MASK */

/* What was asked for so far. */
struct table_request {
    uint32_t xid;
    bool is_refused;                              /* and answered: what still comes of it is not looked at */
    bool is_named[DP_TABLES], is_next[DP_TABLES]; /* of a table before */
    struct table_setting tables[DP_TABLES];
};

void table_settings_init(struct agent *a)
{
    for (unsigned i = 0; i < DP_TABLES; i++)
        snprintf(a->tables[i].name, sizeof a->tables[i].name, "table%u", i);
}

void table_request_free(struct session *s)
{
    free(s->tables);
    s->tables = NULL;
}

int handle_table_mod(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    const struct ofp_table_mod *mod = &m->table_mod;
    struct agent *a = s->agent;

    if (!agent_has_table(a, mod->table_id) && mod->table_id != OFPTT_ALL)
        return refuse(err, OFPET_TABLE_MOD_FAILED, OFPTMFC_BAD_TABLE);
    if (mod->config & ~(uint32_t)CONFIG_DEPRECATED)
        return refuse(err, OFPET_TABLE_MOD_FAILED, OFPTMFC_BAD_CONFIG);
    for (unsigned i = 0; i < DP_TABLES; i++)
        if (mod->table_id == i || (mod->table_id == OFPTT_ALL && agent_has_table(a, (uint8_t)i)))
            a->tables[i].config = mod->config;
    return 0;
}

/* --- is what is asked for among what there is? --- */

static bool has_instructions(const struct ofp_table_feature_instructions *ours,
                             const struct ofp_table_feature_instructions *want)
{
    for (size_t i = 0; i < want->n_ids; i++) {
        size_t k = 0;

        while (k < ours->n_ids && ours->ids[k].type != want->ids[i].type)
            k++;
        if (k == ours->n_ids)
            return false;
    }
    return true;
}

static bool has_tables(const struct ofp_table_feature_tables *ours, const struct ofp_table_feature_tables *want)
{
    for (size_t i = 0; i < want->n_ids; i++)
        if (!ours->n_ids || !memchr(ours->ids, want->ids[i], ours->n_ids))
            return false;
    return true;
}

static bool has_actions(const struct ofp_table_feature_actions *ours, const struct ofp_table_feature_actions *want)
{
    for (size_t i = 0; i < want->n_ids; i++) {
        size_t k = 0;

        while (k < ours->n_ids && ours->ids[k].type != want->ids[i].type)
            k++;
        if (k == ours->n_ids)
            return false;
    }
    return true;
}

static bool has_fields(const struct ofp_table_feature_oxms *ours, const struct ofp_table_feature_oxms *want)
{
    for (size_t i = 0; i < want->n_ids; i++) {
        size_t k = 0;

        while (k < ours->n_ids && ours->ids[k].field != want->ids[i].field)
            k++;
        if (k == ours->n_ids)
            return false;
    }
    return true;
}

/* Both of the same type. */
static bool has_property(const struct ofp_table_feature_prop *ours, const struct ofp_table_feature_prop *want)
{
    switch (want->type) {
    case OFPTFPT_INSTRUCTIONS:
    case OFPTFPT_INSTRUCTIONS_MISS:
        return has_instructions(&ours->instructions, &want->instructions);
    case OFPTFPT_NEXT_TABLES:
    case OFPTFPT_NEXT_TABLES_MISS:
        return has_tables(&ours->next_tables, &want->next_tables);
    case OFPTFPT_WRITE_ACTIONS:
    case OFPTFPT_WRITE_ACTIONS_MISS:
    case OFPTFPT_APPLY_ACTIONS:
    case OFPTFPT_APPLY_ACTIONS_MISS:
        return has_actions(&ours->write_actions, &want->write_actions);
    case OFPTFPT_MATCH:
    case OFPTFPT_WILDCARDS:
    case OFPTFPT_WRITE_SETFIELD:
    case OFPTFPT_WRITE_SETFIELD_MISS:
    case OFPTFPT_APPLY_SETFIELD:
    case OFPTFPT_APPLY_SETFIELD_MISS:
        return has_fields(&ours->match, &want->match);
    case OFPTFPT_EXPERIMENTER:
    case OFPTFPT_EXPERIMENTER_MISS:
        break;
    }
    return false;
}

/* Each once, those for the table-miss flow and experimenters' may be missing. */
static int check_properties(const struct ofp_table_features *ours, const struct ofp_table_features *want,
                            struct ofp_err *err)
{
    const uint32_t needed = 1 << OFPTFPT_INSTRUCTIONS | 1 << OFPTFPT_NEXT_TABLES | 1 << OFPTFPT_WRITE_ACTIONS |
                            1 << OFPTFPT_APPLY_ACTIONS | 1 << OFPTFPT_MATCH | 1 << OFPTFPT_WILDCARDS |
                            1 << OFPTFPT_WRITE_SETFIELD | 1 << OFPTFPT_APPLY_SETFIELD;
    uint32_t seen = 0;

    for (size_t i = 0; i < want->n_properties; i++) {
        const struct ofp_table_feature_prop *p = &want->properties[i];
        size_t k = 0;

        while (k < ours->n_properties && ours->properties[k].type != p->type)
            k++;
        if (k == ours->n_properties)
            return refuse(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_TYPE);
        if (seen >> p->type & 1 || !has_property(&ours->properties[k], p))
            return refuse(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_ARGUMENT);
        seen |= 1u << p->type;
    }
    return (seen & needed) == needed ? 0 : refuse(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_ARGUMENT);
}

static void note_next(struct table_request *r, const struct ofp_table_feature_tables *next)
{
    for (size_t i = 0; i < next->n_ids; i++)
        r->is_next[next->ids[i]] = true; /* below DP_TABLES: it was among ours */
}

/* Adds one table to what is asked for. */
static int take_table(struct agent *a, struct table_request *r, const struct ofp_table_features *want,
                      struct ofp_err *err)
{
    struct ofp_table_features ours;
    struct table_setting *t;
    int res;

    if (want->table_id >= DP_TABLES || r->is_named[want->table_id])
        return refuse(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_TABLE);
    if (want->config & ~(uint32_t)CONFIG_DEPRECATED || want->max_entries > flow_table_limit_max(a->flows))
        return refuse(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_ARGUMENT);
    table_features(a, want->table_id, TABLES_ALL, &a->arena, &ours);
    if (!ours.n_properties)
        return -ENOMEM;
    res = check_properties(&ours, want, err);
    if (res)
        return res;
    for (size_t i = 0; i < want->n_properties; i++)
        if (want->properties[i].type == OFPTFPT_NEXT_TABLES || want->properties[i].type == OFPTFPT_NEXT_TABLES_MISS)
            note_next(r, &want->properties[i].next_tables);
    r->is_named[want->table_id] = true;
    t = &r->tables[want->table_id];
    memcpy(t->name, want->name, sizeof t->name);
    t->config = want->config;
    t->max_entries = want->max_entries;
    return 0;
}

/* Flows of tables that will be able to do something else. */
static int delete_flows(struct agent *a, const struct table_request *r)
{
    struct match any = { 0 };
    struct flow_query q = { .match = &any, .out_port = FLOW_ANY, .out_group = FLOW_ANY };
    bool has_other_next = false;
    int err = 0;

    for (unsigned i = DP_TABLES; i-- > 0 && !err;) {
        has_other_next |= r->is_named[i] == a->tables[i].is_absent;
        q.table_id = (uint8_t)i;
        if (has_other_next || r->tables[i].max_entries != flow_table_limit(a->flows, (uint8_t)i))
            err = flow_delete(a->flows, &q, FLOW_GONE_DELETE);
    }
    a->is_silent = true; /* "no ofp_flow_removed messages are sent" */
    err = agent_finish(a, err);
    a->is_silent = false;
    return err;
}

static int finish_request(struct agent *a, const struct table_request *r, struct ofp_err *err)
{
    int res;

    if (!r->is_named[0])
        return refuse(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_EPERM);
    for (unsigned i = 0; i < DP_TABLES; i++)
        if (r->is_next[i] && !r->is_named[i])
            return refuse(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_ARGUMENT);
    res = delete_flows(a, r);
    if (res)
        return res;
    for (unsigned i = 0; i < DP_TABLES; i++) {
        uint32_t n = r->tables[i].max_entries;

        a->tables[i].is_absent = !r->is_named[i];
        if (!r->is_named[i])
            continue; /* it comes back as it was, but for what is said of it then */
        a->tables[i] = r->tables[i];
        flow_table_set_table_limit(a->flows, (uint8_t)i, n < flow_table_limit_max(a->flows) ? n : UINT32_MAX);
    }
    return 0;
}

/* --- the request --- */

static int tell(struct session *s, const struct ofp_msg *m)
{
    struct ofp_mp mp;

    mp_list_begin(s, &mp, m);
    for (unsigned i = 0; i < DP_TABLES; i++) {
        struct ofp_table_features x;

        if (!agent_has_table(s->agent, (uint8_t)i))
            continue;
        table_features(s->agent, (uint8_t)i, TABLES_THERE, &s->agent->arena, &x);
        ofp_mp_add_table_features(&mp, &x);
    }
    return mp_list_finish(s, &mp);
}

static int take_part(struct session *s, struct table_request *r, const struct ofp_msg *m, struct ofp_err *err)
{
    const struct ofp_table_features_list *list = &m->multipart_request.table_features;
    int res = s->main->role == OFPCR_ROLE_SLAVE ? refuse(err, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE) : 0;

    for (size_t i = 0; i < list->n_tables && !res; i++)
        res = take_table(s->agent, r, &list->tables[i], err);
    r->is_refused = res != 0;
    return res;
}

int multipart_table_features(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    bool has_more = m->multipart_request.flags & OFPMPF_REQ_MORE;
    struct table_request *r = s->tables && s->tables->xid == m->xid ? s->tables : NULL;
    bool is_new = !r, is_refused;
    int res = 0;

    if (is_new && !has_more && !m->multipart_request.table_features.n_tables)
        return tell(s, m);
    if (is_new && has_more && s->tables) /* one at a time */
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_MULTIPART_BUFFER_OVERFLOW);
    if (is_new)
        r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->xid = m->xid;
    if (!r->is_refused)
        res = take_part(s, r, m, err);
    if (has_more) {
        s->tables = r;
        return res;
    }
    is_refused = r->is_refused;
    if (!is_refused)
        res = finish_request(s->agent, r, err);
    if (!is_new)
        s->tables = NULL;
    free(r);
    return is_refused || res ? res : tell(s, m);
}

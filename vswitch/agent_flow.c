/* SPDX-License-Identifier: Apache-2.0 */
/* agent_flow.c - flow-mods and flow-removed (OpenFlow 1.3.5, 6.4, 7.3.4.1, 7.4.2). */
#include <errno.h>

#include "base/clock.h"
#include "vswitch/agent_impl.h"
#include "vswitch/learn_table.h"

/* --- flow-mod: check, translate, do --- */

static int check_table(const struct agent *a, const struct ofp_flow_mod *m, struct ofp_err *err)
{
    bool is_delete = m->command == OFPFC_DELETE || m->command == OFPFC_DELETE_STRICT;

    if (agent_has_table(a, m->table_id) || (is_delete && m->table_id == OFPTT_ALL))
        return 0;
    return refuse(err, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID);
}

static int run_delete(struct agent *a, const struct flow_query *q)
{
    return flow_delete(a->flows, q, FLOW_GONE_DELETE);
}

/* What of an addition or modification can be wrong, and its code. */
static int prepare(struct agent *a, const struct ofp_flow_mod *m, const struct match *match, struct rule_code *code,
                   struct ofp_err *err)
{
    struct ofp_check check;
    int res;

    flow_table_expect(a->flows, m->table_id, m->priority, match);
    check_init(&check, a, m->table_id);
    res = buffer_check(a, m->buffer_id, err);
    if (!res)
        res = ofp_instructions_check(&check, match, m->instructions, m->n_instructions, err);
    if (!res)
        res = translate_instructions(&a->arena, m->instructions, m->n_instructions, code);
    return res ? res : learn_table_reserve(a->learns, a->flows, code);
}

/* Bytes of a multipart reply with one flow, without match and instructions: what cannot be shown cannot be added. */
enum { STATS_HEAD = 16 + 48 };

/* Writes the instructions to a->out, as the flow will be shown with them. */
static int write_instructions(struct agent *a, const struct ofp_flow_mod *m)
{
    struct wr match;
    bool is_too_big;

    wr_reset(&a->out);
    ofp_instructions_encode(&a->out, OFP_VERSION_13, m->instructions, m->n_instructions);
    if (a->out.bad)
        return -ENOMEM;
    if (a->out.len < UINT16_MAX / 2) /* no match is as long as the other half */
        return 0;
    wr_init(&match);
    ofp_match_encode(&match, &m->match, OFP_VERSION_13);
    is_too_big = match.bad || a->out.len + match.len > UINT16_MAX - STATS_HEAD;
    wr_fini(&match);
    return is_too_big ? -E2BIG : 0;
}

enum origin { BY_CONTROLLER, BY_LEARNING, BY_LEARNING_WHEN_FULL };

/* Runs the request; the caller commits or aborts. */
static int run(struct agent *a, const struct ofp_flow_mod *m, const struct match *match, const struct rule_code *code,
               enum origin origin)
{
    struct flow_query q = {
        .table_id = m->table_id,
        .is_strict = m->command == OFPFC_MODIFY_STRICT || m->command == OFPFC_DELETE_STRICT,
        .priority = m->priority,
        .match = match,
        .cookie = m->cookie,
        .cookie_mask = m->cookie_mask,
        .out_port = FLOW_ANY,
        .out_group = FLOW_ANY,
    };
    struct flow_spec spec = {
        .table_id = m->table_id,
        .priority = m->priority,
        .match = match,
        .cookie = m->cookie,
        .idle_s = m->idle_timeout,
        .hard_s = m->hard_timeout,
        .flags = m->flags,
        .code = code,
        .is_learned = origin != BY_CONTROLLER,
        .is_replacing = origin == BY_LEARNING_WHEN_FULL,
    };
    int err;

    if (m->command == OFPFC_DELETE || m->command == OFPFC_DELETE_STRICT) {
        q.out_port = m->out_port;
        q.out_group = m->out_group;
        return run_delete(a, &q);
    }
    err = write_instructions(a, m);
    if (err)
        return err;
    spec.instructions = a->out.p;
    spec.n_instructions = (uint16_t)a->out.len;
    return m->command == OFPFC_ADD ? flow_add(a->flows, &spec) : flow_modify(a->flows, &q, &spec);
}

static int explain(int res, struct ofp_err *err)
{
    switch (res) {
    case -E2BIG:
        return refuse(err, OFPET_BAD_ACTION, OFPBAC_TOO_MANY);
    case -EOPNOTSUPP: /* an action that is known but for what it asks here */
        return refuse(err, OFPET_BAD_ACTION, OFPBAC_BAD_EXP_TYPE);
    case -EEXIST:
        return refuse(err, OFPET_FLOW_MOD_FAILED, OFPFMFC_OVERLAP);
    case -ENOSPC:
        return refuse(err, OFPET_FLOW_MOD_FAILED, OFPFMFC_TABLE_FULL);
    default:
        return refuse(err, OFPET_FLOW_MOD_FAILED, OFPFMFC_UNKNOWN);
    }
}

int flow_mod_prepare(struct session *s, const struct ofp_msg *msg, struct ofp_err *err)
{
    const struct ofp_flow_mod *m = &msg->flow_mod;
    bool is_delete = m->command == OFPFC_DELETE || m->command == OFPFC_DELETE_STRICT;
    struct agent *a = s->agent;
    struct rule_code code = { .goto_table = NO_GOTO };
    struct match match;
    int res = check_table(a, m, err);

    if (!res)
        res = ofp_match_to_match(&match, &m->match, err);
    if (!res && !is_delete) /* what a deletion carries beside its match is not looked at */
        res = prepare(a, m, &match, &code, err);
    if (res == -EBADMSG)
        return res;
    if (!res)
        res = run(a, m, &match, &code, BY_CONTROLLER);
    return res ? explain(res, err) : 0;
}

/* 7.3.4.1: a buffered frame goes through the tables, whichever it is that was changed; a deletion leaves it where it is. */
void flow_mod_apply(struct session *s, const struct ofp_msg *m)
{
    bool is_delete = m->flow_mod.command == OFPFC_DELETE || m->flow_mod.command == OFPFC_DELETE_STRICT;

    if (m->flow_mod.buffer_id != OFP_NO_BUFFER && !is_delete)
        buffer_release(s->agent, m->flow_mod.buffer_id);
}

int handle_flow_mod(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    int res = agent_finish(s->agent, flow_mod_prepare(s, m, err));

    if (!res)
        flow_mod_apply(s, m);
    return res;
}

int agent_add_normal_flow(struct agent *a)
{
    struct ofp_action normal = { .type = OFPAT_OUTPUT, .output = { .port = OFPP_NORMAL } };
    struct ofp_instruction apply = {
        .type = OFPIT_APPLY_ACTIONS,
        .apply_actions = { .actions = &normal, .n_actions = 1 },
    };
    struct ofp_flow_mod m = { .command = OFPFC_ADD, .instructions = &apply, .n_instructions = 1 };
    struct match any = { 0 };
    struct rule_code code;
    int err;

    arena_reset(&a->arena);
    err = translate_instructions(&a->arena, &apply, 1, &code);
    if (!err)
        err = run(a, &m, &any, &code, BY_CONTROLLER);
    return agent_finish(a, err);
}

int agent_put_learned(struct agent *a, const struct ofp_flow_mod *m, const struct match *match, bool is_full)
{
    struct rule_code code;
    int err;

    if (!agent_has_table(a, m->table_id))
        return -ENOENT;
    arena_reset(&a->arena);
    err = translate_instructions(&a->arena, m->instructions, m->n_instructions, &code);
    if (!err)
        err = run(a, m, match, &code, is_full ? BY_LEARNING_WHEN_FULL : BY_LEARNING);
    return agent_finish(a, err);
}

/* --- flow-removed --- */

void duration_split(uint64_t ns, uint32_t *sec, uint32_t *nsec)
{
    *sec = (uint32_t)(ns / NSEC_PER_S);
    *nsec = (uint32_t)(ns % NSEC_PER_S);
}

void agent_flow_removed(void *arg, const struct flow *f, enum flow_gone why)
{
    struct agent *a = arg;
    struct rule_stat stat;
    struct match match;
    struct arena arena;

    if (a->is_silent || !(f->flags & FLOW_SEND_REMOVED) || !agent_has_listener(a, ASYNC_FLOW_REMOVED, why))
        return;

    struct ofp_msg m = {
        .type = OFPT_FLOW_REMOVED,
        .flow_removed = {
            .cookie = f->rule->cookie, .priority = f->rule->priority, .reason = (enum ofp_flow_removed_reason)why,
            .table_id = f->rule->table_id, .idle_timeout = f->idle_s, .hard_timeout = f->hard_s,
        },
    };

    flow_stats(a->flows, f, &stat);
    m.flow_removed.packet_count = stat.packets;
    m.flow_removed.byte_count = stat.bytes;
    duration_split(flow_age_ns(a->flows, f), &m.flow_removed.duration_sec, &m.flow_removed.duration_nsec);
    compact_match_expand(&match, f->rule->match);
    arena_init(&arena); /* the agent's may be in use: this can come from within a flow-mod */
    if (match_to_ofp_match(&m.flow_removed.match, &arena, &match))
        a->stats.async_dropped++;
    else
        agent_broadcast(a, ASYNC_FLOW_REMOVED, why, &m);
    arena_fini(&arena);
}

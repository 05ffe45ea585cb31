/* SPDX-License-Identifier: Apache-2.0 */
/* agent_learn.c - makes flows out of what frames have asked for by the action learn (datapath/learn.h).
 * A flow that is there already, and equal, only gets younger: its hard timeout begins anew.   Spec: ovs-actions(7), learn. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "openflow/nx.h"
#include "openflow/subfield.h"
#include "vswitch/agent_impl.h"
#include "vswitch/learn_table.h"

static struct ofp_action load_action(struct subfield dst, struct value v)
{
    struct ofp_action a = { .type = OFPAT_EXPERIMENTER, .experimenter = { .experimenter = OFPEXP_NICIRA } };
    struct ofp_nx_action *nx = &a.experimenter.nicira;

    if (dst.n_bits <= 64)
        *nx = (struct ofp_nx_action){ .subtype = NXAST_REG_LOAD,
                                      .reg_load = { subfield_ofs_nbits(dst), dst.field, v.lo } };
    else
        *nx = (struct ofp_nx_action){ .subtype = NXAST_REG_LOAD2,
                                      .reg_load2 = { ofp_oxm_make_masked(dst.field, subfield_place(dst, v),
                                                                         subfield_mask(dst)) } };
    return a;
}

static struct ofp_action fin_action(uint16_t idle_s, uint16_t hard_s)
{
    return (struct ofp_action){ .type = OFPAT_EXPERIMENTER,
                                .experimenter = {
                                    .experimenter = OFPEXP_NICIRA,
                                    .nicira = { .subtype = NXAST_FIN_TIMEOUT, .fin_timeout = { idle_s, hard_s } } } };
}

/* Gives the actions; false: what the frame had makes no flow. */
static bool actions_of(const struct learned *l, struct ofp_action *acts, size_t *n_acts)
{
    *n_acts = 0;
    if (l->head.fin_idle_s || l->head.fin_hard_s)
        acts[(*n_acts)++] = fin_action(l->head.fin_idle_s, l->head.fin_hard_s);
    for (unsigned i = 0; i < l->head.n_steps; i++) {
        const struct learn_step *s = &l->steps[i];
        struct subfield dst = subfield_unpack(s->dst);

        switch ((enum learn_kind)s->kind) {
        case LEARN_STEP_MATCH:
            break;
        case LEARN_STEP_LOAD:
            acts[(*n_acts)++] = load_action(dst, s->value);
            break;
        case LEARN_STEP_OUTPUT:
            if (s->value.hi || s->value.lo > UINT16_MAX)
                return false;
            acts[(*n_acts)++] =
                (struct ofp_action){ .type = OFPAT_OUTPUT, .output = { .port = nx_port_widen((uint16_t)s->value.lo) } };
            break;
        }
    }
    return true;
}

void agent_learn(struct agent *a, const struct event *ev)
{
    const struct learned *l = &ev->learned;
    struct ofp_action acts[LEARN_STEPS_MAX + 1];
    struct ofp_instruction apply = { .type = OFPIT_APPLY_ACTIONS, .apply_actions = { .actions = acts } };
    struct ofp_flow_mod mod = {
        .command = OFPFC_ADD,
        .table_id = l->head.table_id,
        .cookie = l->head.cookie,
        .idle_timeout = l->head.idle_s,
        .hard_timeout = l->head.hard_s,
        .priority = l->head.priority,
        .flags = l->head.flags & (uint16_t)~LEARN_TAKES_ALONG,
        .instructions = &apply,
    };
    struct match match;
    int err = actions_of(l, acts, &apply.apply_actions.n_actions) ? 0 : -EINVAL;
    bool is_full =
        l->head.limit && learn_table_flows(a->learns, a->flows, l->head.table_id, l->head.cookie) >= l->head.limit;

    learned_match(l, &match);
    mod.n_instructions = apply.apply_actions.n_actions > 0;
    if (l->head.flags & LEARN_TAKES_ALONG && !learn_table_takes_along(a->learns, l->head.table_id, l->head.cookie))
        err = -ECANCELED; /* whom it would go with has gone meanwhile */
    if (!err)
        err = agent_put_learned(a, &mod, &match, is_full);
    if (l->is_counted)
        bridge_learn_room_answer(a->conf.bridge, l->head.room);
    if (!err || err == -ECANCELED || (is_full && err == -ENOSPC))
        return;
    a->stats.learn_failed++;
    log_limited(LOG_WARNING, "bridge %s: a flow could not be learned: %s", a->name, strerror(-err));
}

void agent_fin(struct agent *a, const struct event *ev)
{
    struct flow_mark mark = { ev->table_id, ev->fin.stat, ev->cookie, ev->time_ns };

    flow_shorten(a->flows, &mark, ev->fin.to.idle_s, ev->fin.to.hard_s);
}

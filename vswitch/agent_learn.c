/* SPDX-License-Identifier: Apache-2.0 */
/* agent_learn.c - makes flows out of what frames have asked for by the action learn (datapath/learn.h).
 * A flow that is there already, and equal, only gets younger: its hard timeout begins anew.   Spec: ovs-actions(7), learn. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "openflow/nx.h"
#include "openflow/subfield.h"
#include "vswitch/agent_impl.h"

/* A flow's match on some bits; those of other steps stay. */
static void match_bits(struct match *m, struct subfield dst, struct value v)
{
    struct value mask = subfield_mask(dst);

    if (dst.field == FIELD_IN_PORT16 && subfield_is_whole(dst)) {
        match_set(m, FIELD_IN_PORT, nx_port_widen((uint16_t)v.lo));
        return;
    }
    key_set_masked(&m->mask, dst.field, mask, mask);
    key_set_masked(&m->value, dst.field, subfield_place(dst, v), mask);
}

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

/* Gives match and actions; false: what the frame had makes no flow. */
static bool flow_of_steps(const struct learned *l, struct match *m, struct ofp_action *acts, size_t *n_acts)
{
    *m = (struct match){ 0 };
    *n_acts = 0;
    for (unsigned i = 0; i < l->head.n_steps; i++) {
        const struct learn_step *s = &l->steps[i];
        struct subfield dst = subfield_unpack(s->dst);

        switch ((enum learn_kind)s->kind) {
        case LEARN_STEP_MATCH:
            match_bits(m, dst, s->value);
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
    struct ofp_action acts[LEARN_STEPS_MAX];
    struct ofp_instruction apply = { .type = OFPIT_APPLY_ACTIONS, .apply_actions = { .actions = acts } };
    struct ofp_flow_mod mod = {
        .command = OFPFC_ADD,
        .table_id = l->head.table_id,
        .cookie = l->head.cookie,
        .idle_timeout = l->head.idle_s,
        .hard_timeout = l->head.hard_s,
        .priority = l->head.priority,
        .flags = l->head.flags,
        .instructions = &apply,
    };
    struct match match;
    int err = flow_of_steps(l, &match, acts, &apply.apply_actions.n_actions) ? 0 : -EINVAL;

    mod.n_instructions = apply.apply_actions.n_actions > 0;
    if (!err)
        err = agent_put_learned(a, &mod, &match);
    if (!err)
        return;
    a->stats.learn_failed++;
    log_limited(LOG_WARNING, "bridge %s: a flow could not be learned: %s", a->name, strerror(-err));
}

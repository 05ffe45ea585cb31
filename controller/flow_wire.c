/* SPDX-License-Identifier: Apache-2.0 */
/* flow_wire.c - see flow_wire.h. */
#include "controller/flow_wire.h"

#include "openflow/semantics.h"

#include <errno.h>
#include <stdlib.h>

enum { VID_PRESENT = 0x1000 };

static struct ofp_action action_make(const struct flow_act *a)
{
    switch (a->type) {
    case FLOW_ACT_OUTPUT:
        return (struct ofp_action){ .type = OFPAT_OUTPUT, .output = { .port = a->port, .max_len = a->arg } };
    case FLOW_ACT_PUSH_VLAN:
        return (struct ofp_action){ .type = OFPAT_PUSH_VLAN, .push_vlan = { .ethertype = a->arg } };
    case FLOW_ACT_POP_VLAN:
        break;
    case FLOW_ACT_SET_VLAN:
        return (struct ofp_action){
            .type = OFPAT_SET_FIELD,
            .set_field.field = ofp_oxm_make(FIELD_VLAN_VID, value_of(VID_PRESENT | a->arg)),
        };
    }
    return (struct ofp_action){ .type = OFPAT_POP_VLAN };
}

static int instructions_make(struct ofp_flow_mod *mod, struct arena *a, const struct flow_spec *s)
{
    struct ofp_instruction *list = arena_calloc(a, 3, sizeof *list);
    struct ofp_action *acts = arena_calloc(a, s->n_acts ? s->n_acts : 1, sizeof *acts);

    if (!list || !acts)
        return -ENOMEM;
    mod->instructions = list;
    for (size_t i = 0; i < s->n_acts; i++)
        acts[i] = action_make(&s->acts[i]);
    if (s->n_acts)
        list[mod->n_instructions++] = (struct ofp_instruction){
            .type = OFPIT_APPLY_ACTIONS,
            .apply_actions = { .actions = acts, .n_actions = s->n_acts },
        };
    if (s->metadata_mask)
        list[mod->n_instructions++] = (struct ofp_instruction){
            .type = OFPIT_WRITE_METADATA,
            .write_metadata = { .metadata = s->metadata, .metadata_mask = s->metadata_mask },
        };
    if (s->goto_table != FLOW_NO_GOTO)
        list[mod->n_instructions++] = (struct ofp_instruction){
            .type = OFPIT_GOTO_TABLE,
            .goto_table = { .table_id = s->goto_table },
        };
    return 0;
}

int flow_to_mod(struct ofp_msg *out, struct arena *a, const struct change *c)
{
    static const enum ofp_flow_mod_command commands[] = {
        [CHANGE_ADD] = OFPFC_ADD,
        [CHANGE_MODIFY] = OFPFC_MODIFY_STRICT,
        [CHANGE_DELETE] = OFPFC_DELETE_STRICT,
    };
    const struct flow_spec *s = &c->flow->spec;
    struct ofp_flow_mod *mod = &out->flow_mod;
    struct match m;
    int err;

    *out = (struct ofp_msg){ .type = OFPT_FLOW_MOD };
    *mod = (struct ofp_flow_mod){
        .command = commands[c->type],
        .table_id = s->table,
        .priority = s->priority,
        .cookie = s->cookie,
        .idle_timeout = s->idle_s,
        .hard_timeout = s->hard_s,
        .flags = s->flags,
        .buffer_id = OFP_NO_BUFFER,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    if (c->type != CHANGE_ADD)
        mod->cookie_mask = FLOW_COOKIE_MASK; /* whatever has that place now, only ours is touched */
    compact_match_expand(&m, c->flow->match);
    err = match_to_ofp_match(&mod->match, a, &m);
    if (err || c->type == CHANGE_DELETE)
        return err;
    return instructions_make(mod, a, s);
}

/* False: the action is none that a spec can say. */
static bool action_read(struct flow_act *out, const struct ofp_action *a)
{
    const struct ofp_oxm *x = &a->set_field.field;

    switch ((unsigned)a->type) {
    case OFPAT_OUTPUT:
        /* For other ports the length means nothing, and switches give back what they like. */
        *out = (struct flow_act){
            .type = FLOW_ACT_OUTPUT,
            .port = a->output.port,
            .arg = a->output.port == OFPP_CONTROLLER ? a->output.max_len : 0,
        };
        return true;
    case OFPAT_PUSH_VLAN:
        *out = (struct flow_act){ .type = FLOW_ACT_PUSH_VLAN, .arg = a->push_vlan.ethertype };
        return true;
    case OFPAT_POP_VLAN:
        *out = (struct flow_act){ .type = FLOW_ACT_POP_VLAN };
        return true;
    case OFPAT_SET_FIELD:
        *out = (struct flow_act){ .type = FLOW_ACT_SET_VLAN, .arg = (uint16_t)(x->value.lo & 0xfff) };
        return x->field == FIELD_VLAN_VID && !x->has_mask && x->value.lo & VID_PRESENT;
    default:
        return false;
    }
}

static int acts_read(struct flow_spec *s, const struct ofp_instruction_actions *in)
{
    struct flow_act *acts = calloc(in->n_actions + 1, sizeof *acts);

    if (!acts)
        return -ENOMEM;
    s->acts = acts;
    s->n_acts = in->n_actions;
    for (size_t i = 0; i < in->n_actions; i++)
        if (!action_read(&acts[i], &in->actions[i]))
            s->is_strange = true;
    return 0;
}

/* The caller frees s->acts. */
static int instructions_read(struct flow_spec *s, const struct ofp_instruction *list, size_t n)
{
    int err = 0;

    for (size_t i = 0; i < n && !err; i++) {
        switch ((unsigned)list[i].type) {
        case OFPIT_APPLY_ACTIONS:
            if (s->acts)
                s->is_strange = true;
            else
                err = acts_read(s, &list[i].apply_actions);
            break;
        case OFPIT_WRITE_METADATA:
            s->metadata = list[i].write_metadata.metadata;
            s->metadata_mask = list[i].write_metadata.metadata_mask;
            break;
        case OFPIT_GOTO_TABLE:
            s->goto_table = list[i].goto_table.table_id;
            break;
        default:
            s->is_strange = true;
        }
    }
    return err;
}

int flow_from_stats(struct flow **out, const struct ofp_flow_stats *stats)
{
    struct flow_spec s = {
        .table = stats->table_id,
        .goto_table = FLOW_NO_GOTO,
        .priority = stats->priority,
        .idle_s = stats->idle_timeout,
        .hard_s = stats->hard_timeout,
        .flags = stats->flags,
        .cookie = stats->cookie,
    };
    struct ofp_err ofp_err;
    struct match m;
    int err = ofp_match_to_match(&m, &stats->match, &ofp_err);

    if (!err)
        err = instructions_read(&s, stats->instructions, stats->n_instructions);
    if (!err) {
        *out = flow_new(&s, &m);
        err = *out ? 0 : -ENOMEM;
    }
    free((void *)(uintptr_t)s.acts);
    return err;
}

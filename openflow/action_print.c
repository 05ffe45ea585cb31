/* SPDX-License-Identifier: Apache-2.0 */
/* action_print.c - writes actions and instructions; see action_text.h. */
#include "openflow/action_text_impl.h"

#include <inttypes.h>

#include "base/str.h"
#include "openflow/ct.h"
#include "openflow/match_text.h"
#include "openflow/nptv6_text.h"
#include "openflow/ofp.h"
#include "openflow/value_text.h"

static void print_output(struct str *s, const struct ofp_action_output *out, const struct port_names *names)
{
    if (out->port == OFPP_CONTROLLER) {
        str_printf(s, "CONTROLLER:%u", out->max_len);
        return;
    }
    if (out->port < OFPP_UNSET || out->port == OFPP_ANY)
        str_add(s, "output:");
    port_text_print(s, out->port, names);
}

static void print_set_field(struct str *s, const struct ofp_oxm *o, const struct port_names *names)
{
    str_add(s, "set_field:");
    if (o->field == FIELD_NONE) {
        ofp_oxm_print(s, o);
        return;
    }
    value_text_print(s, o->field, (struct masked_value){ o->value, o->has_mask ? o->mask : field_ones(o->field) },
                     names);
    str_printf(s, "->%s", match_text_field_name(o->field));
}

static void print_action(struct str *s, const struct ofp_action *act, const struct port_names *names)
{
    switch (act->type) {
    case OFPAT_OUTPUT:
        print_output(s, &act->output, names);
        return;
    case OFPAT_COPY_TTL_OUT:
        str_add(s, "copy_ttl_out");
        return;
    case OFPAT_COPY_TTL_IN:
        str_add(s, "copy_ttl_in");
        return;
    case OFPAT_SET_MPLS_TTL:
        str_printf(s, "set_mpls_ttl(%u)", act->set_mpls_ttl.ttl);
        return;
    case OFPAT_DEC_MPLS_TTL:
        str_add(s, "dec_mpls_ttl");
        return;
    case OFPAT_PUSH_VLAN:
        str_printf(s, "push_vlan:0x%04x", act->push_vlan.ethertype);
        return;
    case OFPAT_POP_VLAN:
        str_add(s, "pop_vlan");
        return;
    case OFPAT_PUSH_MPLS:
        str_printf(s, "push_mpls:0x%04x", act->push_mpls.ethertype);
        return;
    case OFPAT_POP_MPLS:
        str_printf(s, "pop_mpls:0x%04x", act->pop_mpls.ethertype);
        return;
    case OFPAT_SET_QUEUE:
        str_printf(s, "set_queue:%" PRIu32, act->set_queue.queue_id);
        return;
    case OFPAT_GROUP:
        str_printf(s, "group:%" PRIu32, act->group.group_id);
        return;
    case OFPAT_SET_NW_TTL:
        str_printf(s, "mod_nw_ttl:%u", act->set_nw_ttl.ttl);
        return;
    case OFPAT_DEC_NW_TTL:
        str_add(s, "dec_ttl");
        return;
    case OFPAT_SET_FIELD:
        print_set_field(s, &act->set_field.field, names);
        return;
    case OFPAT_PUSH_PBB:
        str_printf(s, "push_pbb:0x%04x", act->push_pbb.ethertype);
        return;
    case OFPAT_POP_PBB:
        str_add(s, "pop_pbb");
        return;
    case OFPAT_EXPERIMENTER:
        if (act->experimenter.experimenter == OFPEXP_NICIRA &&
            nx_action_text_print(s, &act->experimenter.nicira, names))
            return;
        if (ct_nat_kind(act) == CT_NAT_64) {
            ct_nat64_text_print(s, &act->experimenter.trama.nat64);
            return;
        }
        if (act->experimenter.experimenter == OFPEXP_TRAMA && act->experimenter.trama.subtype == TRAMAAST_NPTV6) {
            nptv6_text_print(s, &act->experimenter.trama.nptv6);
            return;
        }
        if (act->experimenter.experimenter == OFPEXP_TRAMA && act->experimenter.trama.subtype == TRAMAAST_CLAMP_MSS) {
            str_printf(s, "clamp_mss(%u)", act->experimenter.trama.clamp_mss.mss);
            return;
        }
        break;
    }
    ofp_actions_print(s, act, 1); /* what text has no word for */
}

void actions_text_print(struct str *s, const struct ofp_action *acts, size_t n, const struct port_names *names)
{
    if (!n)
        str_add(s, "drop");
    for (size_t i = 0; i < n; i++) {
        str_add(s, i ? "," : "");
        print_action(s, &acts[i], names);
    }
}

static void print_instruction(struct str *s, const struct ofp_instruction *inst, const struct port_names *names)
{
    switch (inst->type) {
    case OFPIT_METER:
        str_printf(s, "meter:%" PRIu32, inst->meter.meter_id);
        return;
    case OFPIT_APPLY_ACTIONS:
        actions_text_print(s, inst->apply_actions.actions, inst->apply_actions.n_actions, names);
        return;
    case OFPIT_CLEAR_ACTIONS:
        str_add(s, "clear_actions");
        return;
    case OFPIT_WRITE_ACTIONS:
        str_add(s, "write_actions(");
        actions_text_print(s, inst->write_actions.actions, inst->write_actions.n_actions, names);
        str_add_char(s, ')');
        return;
    case OFPIT_WRITE_METADATA:
        str_printf(s, "write_metadata:%#" PRIx64, inst->write_metadata.metadata);
        if (inst->write_metadata.metadata_mask != UINT64_MAX)
            str_printf(s, "/%#" PRIx64, inst->write_metadata.metadata_mask);
        return;
    case OFPIT_GOTO_TABLE:
        str_printf(s, "goto_table:%u", inst->goto_table.table_id);
        return;
    case OFPIT_EXPERIMENTER:
        break;
    }
    ofp_instructions_print(s, inst, 1);
}

/* Does it do nothing, so that "drop" among others would be wrong? */
static bool is_empty(const struct ofp_instruction *inst)
{
    return inst->type == OFPIT_APPLY_ACTIONS && !inst->apply_actions.n_actions;
}

void instructions_text_print(struct str *s, const struct ofp_instruction *insts, size_t n,
                             const struct port_names *names)
{
    static const enum ofp_instruction_type order[] = {
        OFPIT_METER,          OFPIT_APPLY_ACTIONS, OFPIT_CLEAR_ACTIONS, OFPIT_WRITE_ACTIONS,
        OFPIT_WRITE_METADATA, OFPIT_GOTO_TABLE,    OFPIT_EXPERIMENTER,
    };
    bool is_begun = false;

    for (size_t step = 0; step < sizeof order / sizeof *order; step++)
        for (size_t i = 0; i < n; i++) {
            if (insts[i].type != order[step] || is_empty(&insts[i]))
                continue;
            str_add(s, is_begun ? "," : "");
            is_begun = true;
            print_instruction(s, &insts[i], names);
        }
    if (!is_begun)
        str_add(s, "drop");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* action_check.c - may this flow have these instructions and actions?  See semantics.h.
 *
 * Theory.  A list of actions is walked with a `struct walk`: what is known of the frame at that point.  It begins as the
 * flow's match, and every action changes it as it would change the frame: a push or a pop changes eth_type and what lies
 * behind it, set-field makes a value known.  An action is consistent when what it works on is known to be there. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "openflow/action_check_impl.h"

enum { PUSH_ROOM = 64 }; /* bytes that one list may put before a frame */

static int refuse(struct ofp_err *err, enum ofp_error_type type, unsigned code)
{
    err->type = (uint16_t)type;
    err->code = (uint16_t)code;
    return -EBADMSG;
}

int walk_refuse(struct walk *w, enum ofp_bad_action_code code)
{
    return refuse(w->err, OFPET_BAD_ACTION, code);
}

static uint64_t eth_type(const struct walk *w)
{
    return match_is_exact(&w->frame, FIELD_ETH_TYPE) ? key_get(&w->frame.value, FIELD_ETH_TYPE).lo : 0;
}

static bool is_ip(const struct walk *w)
{
    return eth_type(w) == 0x0800 || eth_type(w) == 0x86dd;
}

static bool is_mpls(const struct walk *w)
{
    return eth_type(w) == 0x8847 || eth_type(w) == 0x8848;
}

int walk_ask(struct walk *w, bool is_consistent)
{
    return is_consistent || !w->is_known ? 0 : walk_refuse(w, OFPBAC_MATCH_INCONSISTENT);
}

void walk_forget(struct walk *w, enum field_id id)
{
    match_set_masked(&w->frame, id, value_of(0), field_ones(id));
    key_set(&w->frame.mask, id, value_of(0));
}

static void forget_layers(struct walk *w, enum layer first)
{
    for (int i = 0; i < FIELD_N; i++)
        if (field_table[i].layer >= first)
            walk_forget(w, (enum field_id)i);
}

/* Nothing is known any more of what lies behind the Ethernet header, but its type (0: not even that). */
static void forget_payload(struct walk *w, uint64_t type)
{
    forget_layers(w, LAYER_MPLS);
    walk_forget(w, FIELD_ETH_TYPE);
    walk_forget(w, FIELD_PBB_ISID);
    walk_forget(w, FIELD_PBB_UCA);
    if (type)
        match_set(&w->frame, FIELD_ETH_TYPE, type);
}

static void set_tags(struct walk *w, unsigned n)
{
    w->n_tags = n;
    walk_forget(w, FIELD_VLAN_VID);
    walk_forget(w, FIELD_VLAN_PCP);
    if (n)
        match_set_masked(&w->frame, FIELD_VLAN_VID, value_of(OFPVID_PRESENT), value_of(OFPVID_PRESENT));
}

int walk_output(struct walk *w, uint32_t port)
{
    switch (port) {
    case OFPP_IN_PORT:
    case OFPP_NORMAL:
    case OFPP_FLOOD:
    case OFPP_ALL:
    case OFPP_CONTROLLER:
    case OFPP_LOCAL:
        return 0;
    case OFPP_TABLE:
        return w->check->is_packet_out ? 0 : walk_refuse(w, OFPBAC_BAD_OUT_PORT);
    }
    return port && port <= OFPP_MAX ? 0 : walk_refuse(w, OFPBAC_BAD_OUT_PORT);
}

static int check_push(struct walk *w, const struct ofp_action *act)
{
    uint16_t type;

    switch (act->type) {
    case OFPAT_PUSH_VLAN:
        type = act->push_vlan.ethertype;
        if (type != 0x8100 && type != 0x88a8)
            return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
        w->n_pushed += 4;
        set_tags(w, w->n_tags + 1);
        break;
    case OFPAT_PUSH_MPLS:
        type = act->push_mpls.ethertype;
        if (type != 0x8847 && type != 0x8848)
            return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
        w->n_pushed += 4;
        forget_payload(w, type);
        break;
    default:
        type = act->push_pbb.ethertype;
        if (type != 0x88e7)
            return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
        w->n_pushed += 18;
        set_tags(w, 0);
        forget_payload(w, type);
        break;
    }
    return w->n_pushed <= PUSH_ROOM ? 0 : walk_refuse(w, OFPBAC_BAD_TAG);
}

static int check_pop(struct walk *w, const struct ofp_action *act)
{
    int err;

    switch (act->type) {
    case OFPAT_POP_VLAN:
        err = walk_ask(w, w->n_tags > 0);
        if (!err)
            set_tags(w, w->n_tags ? w->n_tags - 1 : 0);
        return err;
    case OFPAT_POP_MPLS:
        err = walk_ask(w, is_mpls(w));
        if (!err)
            forget_payload(w, act->pop_mpls.ethertype);
        return err;
    default:
        err = walk_ask(w, eth_type(w) == 0x88e7);
        if (!err) {
            set_tags(w, 0);
            forget_payload(w, 0);
        }
        return err;
    }
}

/* A length is no type, and tags are pushed and popped. */
static bool is_type_to_set(uint64_t type)
{
    return type >= 0x600 && type != 0x8100 && type != 0x88a8;
}

static int check_set_field(struct walk *w, const struct ofp_oxm *o)
{
    struct value mask;
    int err;

    if (o->field == FIELD_NONE || !field_table[o->field].is_settable)
        return walk_refuse(w, OFPBAC_BAD_SET_TYPE);
    mask = o->has_mask ? o->mask : field_ones(o->field);
    if ((o->has_mask && !w->check->can_mask_set) || !field_value_is_valid(o->field, o->value, mask))
        return walk_refuse(w, OFPBAC_BAD_SET_ARGUMENT);
    if (o->value.hi & ~mask.hi || o->value.lo & ~mask.lo)
        return walk_refuse(w, OFPBAC_BAD_SET_ARGUMENT);
    if (o->field == FIELD_ETH_TYPE && !o->has_mask && !is_type_to_set(o->value.lo))
        return walk_refuse(w, OFPBAC_BAD_SET_ARGUMENT);
    if (o->field == FIELD_VLAN_VID && mask.lo & OFPVID_PRESENT && !(o->value.lo & OFPVID_PRESENT))
        return walk_refuse(w, OFPBAC_BAD_SET_ARGUMENT); /* a tag is taken off by pop, not by set */
    if (o->field == FIELD_VLAN_VID || o->field == FIELD_VLAN_PCP)
        err = walk_ask(w, w->n_tags > 0);
    else
        err = walk_ask(w, match_allows_field(&w->frame, o->field));
    if (err)
        return err;
    if (o->field == FIELD_ETH_TYPE)
        forget_payload(w, 0);
    if (o->field == FIELD_IP_PROTO)
        forget_layers(w, LAYER_L4);
    match_set_masked(&w->frame, o->field, o->value, mask);
    return 0;
}

static int check_action(struct walk *w, const struct ofp_action *act)
{
    const struct ofp_check *c = w->check;

    switch (act->type) {
    case OFPAT_OUTPUT:
        return walk_output(w, act->output.port);
    case OFPAT_GROUP:
        if (act->group.group_id > OFPG_MAX || !c->has_group || !c->has_group(c->arg, act->group.group_id))
            return walk_refuse(w, OFPBAC_BAD_OUT_GROUP);
        return 0;
    case OFPAT_SET_QUEUE:
        if (!c->has_queue || !c->has_queue(c->arg, act->set_queue.queue_id))
            return walk_refuse(w, OFPBAC_BAD_QUEUE);
        return 0;
    case OFPAT_PUSH_VLAN:
    case OFPAT_PUSH_MPLS:
    case OFPAT_PUSH_PBB:
        return check_push(w, act);
    case OFPAT_POP_VLAN:
    case OFPAT_POP_MPLS:
    case OFPAT_POP_PBB:
        return check_pop(w, act);
    case OFPAT_SET_FIELD:
        return check_set_field(w, &act->set_field.field);
    case OFPAT_SET_NW_TTL:
    case OFPAT_DEC_NW_TTL:
        return walk_ask(w, is_ip(w));
    case OFPAT_SET_MPLS_TTL:
    case OFPAT_DEC_MPLS_TTL:
    case OFPAT_COPY_TTL_OUT:
    case OFPAT_COPY_TTL_IN:
        return walk_ask(w, is_mpls(w));
    case OFPAT_EXPERIMENTER:
        return walk_experimenter(w, act);
    }
    return walk_refuse(w, OFPBAC_BAD_TYPE);
}

int walk_list(struct walk *w, const struct ofp_action *acts, size_t n)
{
    if (w->check->max_actions && n > w->check->max_actions)
        return walk_refuse(w, OFPBAC_TOO_MANY);
    for (size_t i = 0; i < n; i++) {
        w->n_other++;
        if (check_action(w, &acts[i]))
            return -EBADMSG;
    }
    return w->n_conjunctions && w->n_other ? walk_refuse(w, OFPBAC_UNSUPPORTED_ORDER) : 0;
}

static int check_list(const struct ofp_check *c, const struct match *m, const struct ofp_instruction_actions *list,
                      bool is_set, struct ofp_err *err)
{
    struct walk w;

    memset(&w, 0, offsetof(struct walk, frame));
    w.check = c;
    w.err = err;
    w.is_known = m;
    w.is_set = is_set || c->is_bucket;
    if (!m) {
        memset(&w.frame, 0, sizeof w.frame);
    } else {
        w.frame = *m;
        w.n_tags = key_get(&m->value, FIELD_VLAN_VID).lo != 0;
    }
    return walk_list(&w, list->actions, list->n_actions);
}

int ofp_actions_check(const struct ofp_check *c, const struct match *m, const struct ofp_action *acts, size_t n,
                      struct ofp_err *err)
{
    struct ofp_instruction_actions list = { (struct ofp_action *)(uintptr_t)acts, n };

    return check_list(c, m, &list, false, err);
}

static int check_instruction(const struct ofp_check *c, const struct match *m, const struct ofp_instruction *inst,
                             struct ofp_err *err)
{
    switch (inst->type) {
    case OFPIT_GOTO_TABLE:
        if (inst->goto_table.table_id <= c->table_id || inst->goto_table.table_id >= c->n_tables ||
            (c->has_table && !c->has_table(c->arg, inst->goto_table.table_id)))
            return refuse(err, OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID);
        return 0;
    case OFPIT_WRITE_METADATA:
    case OFPIT_CLEAR_ACTIONS:
        return 0;
    case OFPIT_WRITE_ACTIONS:
        return check_list(c, NULL, &inst->write_actions, true, err);
    case OFPIT_APPLY_ACTIONS:
        return check_list(c, m, &inst->apply_actions, false, err);
    case OFPIT_METER:
        if (!inst->meter.meter_id || inst->meter.meter_id > OFPM_MAX)
            return refuse(err, OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER);
        if (!c->has_meter || !c->has_meter(c->arg, inst->meter.meter_id))
            return refuse(err, OFPET_METER_MOD_FAILED, OFPMMFC_UNKNOWN_METER);
        return 0;
    case OFPIT_EXPERIMENTER:
        return refuse(err, OFPET_BAD_INSTRUCTION, OFPBIC_BAD_EXPERIMENTER);
    }
    return refuse(err, OFPET_BAD_INSTRUCTION, OFPBIC_UNKNOWN_INST);
}

int ofp_instructions_check(const struct ofp_check *c, const struct match *m, const struct ofp_instruction *insts,
                           size_t n, struct ofp_err *err)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            if (insts[j].type == insts[i].type)
                return refuse(err, OFPET_BAD_INSTRUCTION, OFPBIC_UNSUP_INST);
        if (check_instruction(c, m, &insts[i], err))
            return -EBADMSG;
    }
    return 0;
}

int ofp_action_set_rank(const struct ofp_action *act)
{
    switch (act->type) {
    case OFPAT_COPY_TTL_IN:
        return 0;
    case OFPAT_POP_VLAN:
        return 1;
    case OFPAT_POP_MPLS:
        return 2;
    case OFPAT_POP_PBB:
        return 3;
    case OFPAT_PUSH_MPLS:
        return 4;
    case OFPAT_PUSH_PBB:
        return 5;
    case OFPAT_PUSH_VLAN:
        return 6;
    case OFPAT_COPY_TTL_OUT:
        return 7;
    case OFPAT_DEC_NW_TTL:
    case OFPAT_DEC_MPLS_TTL:
        return 8;
    case OFPAT_SET_FIELD:
    case OFPAT_SET_NW_TTL:
    case OFPAT_SET_MPLS_TTL:
        return 9;
    case OFPAT_SET_QUEUE:
        return 10;
    case OFPAT_EXPERIMENTER:
        return 11;
    case OFPAT_GROUP:
        return 12;
    case OFPAT_OUTPUT:
        return 13;
    }
    return 11;
}

bool ofp_action_set_is_same(const struct ofp_action *a, const struct ofp_action *b)
{
    if (a->type != b->type)
        return false;
    return a->type != OFPAT_SET_FIELD || a->set_field.field.field == b->set_field.field.field;
}

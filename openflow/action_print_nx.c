/* SPDX-License-Identifier: Apache-2.0 */
/* action_print_nx.c - writes the actions that action_text_nx.c reads. */
#include <inttypes.h>

#include "base/arena.h"
#include "base/str.h"
#include "openflow/action_text_impl.h"
#include "openflow/learn.h"
#include "openflow/match_text.h"
#include "openflow/nx.h"
#include "openflow/value_text.h"

static void print_port(struct str *s, uint16_t port, const struct port_names *names)
{
    port_text_print(s, nx_port_widen(port), names);
}

static void print_resubmit(struct str *s, const struct ofp_nx_resubmit *r, unsigned subtype,
                           const struct port_names *names)
{
    if (subtype == NXAST_RESUBMIT || r->table == NX_TABLE_SAME) {
        str_add(s, "resubmit:");
        print_port(s, r->in_port, names);
        return;
    }
    str_add(s, "resubmit(");
    if (r->in_port != NX_PORT_IN_PORT)
        print_port(s, r->in_port, names);
    str_printf(s, subtype == NXAST_RESUBMIT_TABLE_CT ? ",%u,ct)" : ",%u)", r->table);
}

static void print_subfield(struct str *s, enum field_id id, uint16_t ofs_nbits)
{
    subfield_text_print(s, subfield_of(id, ofs_nbits));
}

static void print_move(struct str *s, const struct ofp_nx_reg_move *m)
{
    str_add(s, "move:");
    subfield_text_print(s, (struct subfield){ m->src, m->src_ofs, m->n_bits });
    str_add(s, "->");
    subfield_text_print(s, (struct subfield){ m->dst, m->dst_ofs, m->n_bits });
}

static void print_load(struct str *s, const struct ofp_nx_reg_load *l)
{
    str_printf(s, "load:%#" PRIx64 "->", l->value);
    print_subfield(s, l->dst, l->ofs_nbits);
}

static const char *hash_name(enum ofp_nx_hash_fields fields)
{
    const char *name = ofp_enum_name(&ofp_nx_hash_fields_names, (uint32_t)fields);

    return fields == NX_HASH_FIELDS_SYMMETRIC_L3L4_UDP ? "symmetric_l3l4+udp" : name ? name : "?";
}

static void print_multipath(struct str *s, const struct ofp_nx_multipath *m)
{
    str_printf(s, "multipath(%s,%u,", hash_name(m->fields), m->basis);
    ofp_enum_print(s, &ofp_nx_mp_algorithm_names, m->algorithm);
    str_printf(s, ",%u,%" PRIu32 ",", m->max_link + 1u, m->arg);
    print_subfield(s, m->dst, m->ofs_nbits);
    str_add_char(s, ')');
}

static void print_members(struct str *s, const uint8_t *ports, size_t n, const struct port_names *names)
{
    str_add(s, "members:");
    for (size_t i = 0; i < n; i++) {
        str_add(s, i ? "," : "");
        print_port(s, be16_load(ports + 2 * i), names);
    }
    str_add_char(s, ')');
}

static void print_bundle(struct str *s, const struct ofp_nx_bundle *b, const struct port_names *names)
{
    str_printf(s, "bundle(%s,%u,", hash_name(b->fields), b->basis);
    ofp_enum_print(s, &ofp_nx_bd_algorithm_names, b->algorithm);
    str_add(s, ",ofport,");
    print_members(s, b->ports, b->n_members < b->n_ports / 2 ? b->n_members : b->n_ports / 2, names);
}

static void print_bundle_load(struct str *s, const struct ofp_nx_bundle_load *b, const struct port_names *names)
{
    str_printf(s, "bundle_load(%s,%u,", hash_name(b->fields), b->basis);
    ofp_enum_print(s, &ofp_nx_bd_algorithm_names, b->algorithm);
    str_add(s, ",ofport,");
    print_subfield(s, b->dst, b->ofs_nbits);
    str_add_char(s, ',');
    print_members(s, b->ports, b->n_members < b->n_ports / 2 ? b->n_members : b->n_ports / 2, names);
}

static void print_hex(struct str *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        str_printf(s, i ? ".%02x" : "%02x", p[i]);
}

static void print_controller(struct str *s, const struct ofp_nx_action *act)
{
    struct nx_controller c;
    const char *comma = "";

    nx_controller_read(&c, act);
    if (act->subtype == NXAST_CONTROLLER && c.reason == OFPR_ACTION && !c.controller_id) {
        str_printf(s, "CONTROLLER:%u", c.max_len);
        return;
    }
    str_add(s, "controller(");
    if (c.reason != OFPR_ACTION) {
        str_add(s, "reason=");
        ofp_enum_print(s, &ofp_packet_in_reason_names, c.reason);
        comma = ",";
    }
    if (c.max_len != OFPCML_NO_BUFFER) {
        str_printf(s, "%smax_len=%u", comma, c.max_len);
        comma = ",";
    }
    if (c.controller_id) {
        str_printf(s, "%sid=%u", comma, c.controller_id);
        comma = ",";
    }
    if (c.n_userdata) {
        str_printf(s, "%suserdata=", comma);
        print_hex(s, c.userdata, c.n_userdata);
        comma = ",";
    }
    if (c.is_pause) {
        str_printf(s, "%spause", comma);
        comma = ",";
    }
    if (c.meter_id)
        str_printf(s, "%smeter_id=%" PRIu32, comma, c.meter_id);
    str_add_char(s, ')');
}

static void print_dec_ttl(struct str *s, const struct ofp_nx_dec_ttl_ids *d)
{
    str_add(s, "dec_ttl(");
    for (size_t i = 0; i < d->count && 2 * i + 2 <= d->n_ids; i++)
        str_printf(s, i ? ",%u" : "%u", be16_load(d->ids + 2 * i));
    str_add_char(s, ')');
}

static void print_fin_timeout(struct str *s, const struct ofp_nx_fin_timeout *f)
{
    str_add(s, "fin_timeout(");
    if (f->fin_idle_timeout)
        str_printf(s, "idle_timeout=%u", f->fin_idle_timeout);
    str_add(s, f->fin_idle_timeout && f->fin_hard_timeout ? "," : "");
    if (f->fin_hard_timeout)
        str_printf(s, "hard_timeout=%u", f->fin_hard_timeout);
    str_add_char(s, ')');
}

static bool print_learn(struct str *s, const struct ofp_nx_action *act)
{
    struct arena arena;
    struct learn learn;
    struct ofp_err err;
    bool is_ok;

    arena_init(&arena);
    is_ok = !learn_decode(&learn, &arena, act, &err);
    if (is_ok) {
        str_add(s, "learn(");
        learn_text_print(s, &learn);
        str_add_char(s, ')');
    }
    arena_fini(&arena);
    return is_ok;
}

static void print_set(struct str *s, enum field_id id, struct masked_value v, const struct port_names *names)
{
    str_add(s, "set_field:");
    value_text_print(s, id, v, names);
    str_printf(s, "->%s", match_text_field_name(id));
}

/* What is about fields.  False: it is not. */
static bool print_of_fields(struct str *s, const struct ofp_nx_action *act, const struct port_names *names)
{
    const struct ofp_nx_stack *stack = &act->stack_push;
    const struct ofp_oxm *o = &act->reg_load2.field;

    switch ((unsigned)act->subtype) {
    case NXAST_SET_TUNNEL:
        print_set(s, FIELD_TUNNEL_ID, (struct masked_value){ value_of(act->set_tunnel.tun_id), value_of(UINT64_MAX) },
                  names);
        return true;
    case NXAST_SET_TUNNEL64:
        print_set(s, FIELD_TUNNEL_ID, (struct masked_value){ value_of(act->set_tunnel64.tun_id), value_of(UINT64_MAX) },
                  names);
        return true;
    case NXAST_REG_LOAD2:
        if (o->field == FIELD_NONE)
            return false;
        print_set(s, o->field, (struct masked_value){ o->value, o->has_mask ? o->mask : field_ones(o->field) }, names);
        return true;
    case NXAST_REG_MOVE:
        print_move(s, &act->reg_move);
        return true;
    case NXAST_REG_LOAD:
        print_load(s, &act->reg_load);
        return true;
    case NXAST_STACK_PUSH:
    case NXAST_STACK_POP:
        str_add(s, act->subtype == NXAST_STACK_PUSH ? "push:" : "pop:");
        subfield_text_print(s, (struct subfield){ stack->field, stack->ofs, stack->n_bits });
        return true;
    case NXAST_OUTPUT_REG:
        str_add(s, "output:");
        print_subfield(s, act->output_reg.src, act->output_reg.ofs_nbits);
        return true;
    case NXAST_OUTPUT_REG2:
        str_add(s, "output:");
        print_subfield(s, act->output_reg2.src, act->output_reg2.ofs_nbits);
        return true;
    default:
        return false;
    }
}

/* Was a field told that nobody here knows?  Then only the bytes can be shown. */
static bool has_unknown_field(const struct ofp_nx_action *act)
{
    switch ((unsigned)act->subtype) {
    case NXAST_REG_MOVE:
        return act->reg_move.src == FIELD_NONE || act->reg_move.dst == FIELD_NONE;
    case NXAST_REG_LOAD:
        return act->reg_load.dst == FIELD_NONE;
    case NXAST_STACK_PUSH:
    case NXAST_STACK_POP:
        return act->stack_push.field == FIELD_NONE;
    case NXAST_OUTPUT_REG:
        return act->output_reg.src == FIELD_NONE;
    case NXAST_OUTPUT_REG2:
        return act->output_reg2.src == FIELD_NONE;
    case NXAST_MULTIPATH:
        return act->multipath.dst == FIELD_NONE;
    case NXAST_BUNDLE_LOAD:
        return act->bundle_load.dst == FIELD_NONE;
    default:
        return false;
    }
}

bool nx_action_text_print(struct str *s, const struct ofp_nx_action *act, const struct port_names *names)
{
    if (has_unknown_field(act))
        return false;
    if (print_of_fields(s, act, names))
        return true;
    switch ((unsigned)act->subtype) {
    case NXAST_RESUBMIT:
    case NXAST_RESUBMIT_TABLE:
    case NXAST_RESUBMIT_TABLE_CT:
        print_resubmit(s, &act->resubmit, (unsigned)act->subtype, names);
        return true;
    case NXAST_SET_QUEUE:
        str_printf(s, "set_queue:%" PRIu32, act->set_queue.queue_id);
        return true;
    case NXAST_POP_QUEUE:
        str_add(s, "pop_queue");
        return true;
    case NXAST_NOTE:
        str_add(s, "note:");
        print_hex(s, act->note.note, act->note.n_note);
        return true;
    case NXAST_MULTIPATH:
        print_multipath(s, &act->multipath);
        return true;
    case NXAST_BUNDLE:
        print_bundle(s, &act->bundle, names);
        return true;
    case NXAST_BUNDLE_LOAD:
        print_bundle_load(s, &act->bundle_load, names);
        return true;
    case NXAST_LEARN:
    case NXAST_LEARN2:
        return print_learn(s, act);
    case NXAST_EXIT:
        str_add(s, "exit");
        return true;
    case NXAST_CT:
        return ct_text_print(s, &act->ct, names);
    case NXAST_NAT:
        ct_nat_text_print(s, &act->nat);
        return true;
    case NXAST_CT_CLEAR:
        str_add(s, "ct_clear");
        return true;
    case NXAST_DEC_TTL:
        str_add(s, "dec_ttl");
        return true;
    case NXAST_DEC_TTL_CNT_IDS:
        print_dec_ttl(s, &act->dec_ttl_cnt_ids);
        return true;
    case NXAST_CHECK_PKT_LARGER:
        str_printf(s, "check_pkt_larger(%u)->", act->check_pkt_larger.pkt_len);
        subfield_text_print(s, (struct subfield){ act->check_pkt_larger.dst, act->check_pkt_larger.ofs, 1 });
        return true;
    case NXAST_FIN_TIMEOUT:
        print_fin_timeout(s, &act->fin_timeout);
        return true;
    case NXAST_CONTROLLER:
    case NXAST_CONTROLLER2:
        print_controller(s, act);
        return true;
    case NXAST_CONJUNCTION:
        str_printf(s, "conjunction(%" PRIu32 ",%u/%u)", act->conjunction.id, act->conjunction.clause + 1u,
                   act->conjunction.n_clauses);
        return true;
    case NXAST_OUTPUT_TRUNC:
        str_add(s, "output(port=");
        print_port(s, act->output_trunc.port, names);
        str_printf(s, ",max_len=%" PRIu32 ")", act->output_trunc.max_len);
        return true;
    case NXAST_CLONE:
        str_add(s, "clone(");
        actions_text_print(s, act->clone.actions, act->clone.n_actions, names);
        str_add_char(s, ')');
        return true;
    default:
        return false;
    }
}

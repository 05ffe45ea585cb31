/* SPDX-License-Identifier: Apache-2.0 */
/* flow_wire.c - see flow_wire.h. */
#include "controller/flow_wire.h"

#include "openflow/ct.h"
#include "openflow/semantics.h"

#include <errno.h>
#include <stdlib.h>

enum { VID_PRESENT = 0x1000 };

static struct ofp_action nx_make(enum ofp_nx_subtype subtype)
{
    return (struct ofp_action){
        .type = OFPAT_EXPERIMENTER,
        .experimenter = { .experimenter = OFPEXP_NICIRA, .nicira.subtype = subtype },
    };
}

static struct ofp_action trama_make(enum ofp_trama_subtype subtype)
{
    return (struct ofp_action){
        .type = OFPAT_EXPERIMENTER,
        .experimenter = { .experimenter = OFPEXP_TRAMA, .trama.subtype = subtype },
    };
}

static bool nx_is(const struct ofp_action *a, enum ofp_nx_subtype subtype)
{
    return a->type == OFPAT_EXPERIMENTER && a->experimenter.experimenter == OFPEXP_NICIRA &&
           a->experimenter.nicira.subtype == subtype;
}

/* The action ct, with the nat that it may hold. */
static int ct_make(struct ofp_action *out, struct arena *a, const struct flow_act *act)
{
    struct ct_nat nat = {
        .flags = act->nat_flags,
        .family = act->nat_family,
        .has_addr_max = act->value_max.hi | act->value_max.lo,
        .has_port = act->port_min,
        .has_port_max = act->port_max,
        .addr_min = act->value,
        .addr_max = act->value_max,
        .port_min = act->port_min,
        .port_max = act->port_max,
        .host_limit = act->host_limit,
        .prefix_len = act->prefix_len,
        .prefix = act->prefix,
    };
    struct ofp_nx_ct *ct;
    struct ofp_action *inner;
    struct wr w;

    *out = nx_make(NXAST_CT);
    ct = &out->experimenter.nicira.ct;
    *ct = (struct ofp_nx_ct){
        .flags = (uint16_t)((act->ct_flags & FLOW_CT_COMMIT ? NX_CT_F_COMMIT : 0) |
                            (act->ct_flags & FLOW_CT_FORCE ? NX_CT_F_FORCE : 0)),
        .zone = act->arg,
        .recirc_table = act->table,
        .alg = act->alg,
    };
    if (!(act->ct_flags & FLOW_CT_NAT))
        return 0;
    inner = arena_calloc(a, 1, sizeof *inner);
    if (!inner)
        return -ENOMEM;
    ct->actions = inner;
    ct->n_actions = 1;
    if (act->prefix_len) {
        *inner = trama_make(TRAMAAST_NAT64);
        inner->experimenter.trama.nat64 = ct_nat64_encode(&nat);
        return 0;
    }
    *inner = nx_make(NXAST_NAT);
    wr_init(&w);
    ct_nat_encode(&inner->experimenter.nicira.nat, &w, &nat);
    inner->experimenter.nicira.nat.ranges = w.len ? arena_dup(a, w.p, w.len) : NULL;
    wr_fini(&w);
    return !w.bad && (!inner->experimenter.nicira.nat.n_ranges || inner->experimenter.nicira.nat.ranges) ? 0 : -ENOMEM;
}

static struct ofp_action move_make(const struct flow_act *a)
{
    struct ofp_action out = nx_make(NXAST_REG_MOVE);

    out.experimenter.nicira.reg_move = (struct ofp_nx_reg_move){
        .n_bits = field_table[a->src].bits,
        .src = a->src,
        .dst = a->field,
    };
    return out;
}

/* The ingress port is no field that OpenFlow 1.3 can set. */
static struct ofp_action set_make(const struct flow_act *a)
{
    struct ofp_action load = nx_make(NXAST_REG_LOAD);

    if (a->field != FIELD_IN_PORT16)
        return (struct ofp_action){ .type = OFPAT_SET_FIELD, .set_field.field = ofp_oxm_make(a->field, a->value) };
    load.experimenter.nicira.reg_load =
        (struct ofp_nx_reg_load){ .ofs_nbits = 15, .dst = FIELD_IN_PORT16, .value = a->value.lo };
    return load;
}

/* Open vSwitch wants as many bytes behind it as it writes itself. */
static struct ofp_action check_size_make(const struct flow_act *a)
{
    static const uint8_t padding[6];
    struct ofp_action out = nx_make(NXAST_CHECK_PKT_LARGER);

    out.experimenter.nicira.check_pkt_larger = (struct ofp_nx_check_pkt_larger){
        .pkt_len = a->arg,
        .dst = a->field,
        .padding = padding,
        .n_padding = sizeof padding,
    };
    return out;
}

static struct ofp_action nptv6_make(const struct flow_act *a)
{
    struct ofp_action out = trama_make(TRAMAAST_NPTV6);

    out.experimenter.trama.nptv6 = (struct ofp_trama_nptv6){
        .is_in = (uint8_t)a->arg,
        .inside_len = a->prefix_len,
        .outside_len = a->outside_len,
        .inside_hi = a->prefix.hi,
        .inside_lo = a->prefix.lo,
        .outside_hi = a->value.hi,
        .outside_lo = a->value.lo,
    };
    return out;
}

static int action_make(struct ofp_action *out, struct arena *arena, const struct flow_act *a)
{
    switch ((enum flow_act_type)a->type) {
    case FLOW_ACT_OUTPUT:
        *out = (struct ofp_action){ .type = OFPAT_OUTPUT, .output = { .port = a->port, .max_len = a->arg } };
        break;
    case FLOW_ACT_PUSH_VLAN:
        *out = (struct ofp_action){ .type = OFPAT_PUSH_VLAN, .push_vlan = { .ethertype = a->arg } };
        break;
    case FLOW_ACT_POP_VLAN:
        *out = (struct ofp_action){ .type = OFPAT_POP_VLAN };
        break;
    case FLOW_ACT_SET_VLAN:
        *out = (struct ofp_action){
            .type = OFPAT_SET_FIELD,
            .set_field.field = ofp_oxm_make(FIELD_VLAN_VID, value_of(VID_PRESENT | a->arg)),
        };
        break;
    case FLOW_ACT_SET:
        *out = set_make(a);
        break;
    case FLOW_ACT_MOVE:
        *out = move_make(a);
        break;
    case FLOW_ACT_DEC_TTL:
        *out = (struct ofp_action){ .type = OFPAT_DEC_NW_TTL };
        break;
    case FLOW_ACT_CT:
        return ct_make(out, arena, a);
    case FLOW_ACT_CT_CLEAR:
        *out = nx_make(NXAST_CT_CLEAR);
        break;
    case FLOW_ACT_CLAMP_MSS:
        *out = trama_make(TRAMAAST_CLAMP_MSS);
        out->experimenter.trama.clamp_mss.mss = a->arg;
        break;
    case FLOW_ACT_CHECK_SIZE:
        *out = check_size_make(a);
        break;
    case FLOW_ACT_NPTV6:
        *out = nptv6_make(a);
        break;
    }
    return 0;
}

static int instructions_make(struct ofp_flow_mod *mod, struct arena *a, const struct flow_spec *s)
{
    struct ofp_instruction *list = arena_calloc(a, 3, sizeof *list);
    struct ofp_action *acts = arena_calloc(a, s->n_acts ? s->n_acts : 1, sizeof *acts);
    int err = 0;

    if (!list || !acts)
        return -ENOMEM;
    mod->instructions = list;
    for (size_t i = 0; i < s->n_acts && !err; i++)
        err = action_make(&acts[i], a, &s->acts[i]);
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
    return err;
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

static bool set_read(struct flow_act *out, const struct ofp_oxm *x)
{
    if (x->field == FIELD_NONE || x->has_mask)
        return false;
    if (x->field == FIELD_IN_PORT || x->field == FIELD_IN_PORT16) {
        *out = (struct flow_act){ .type = FLOW_ACT_SET,
                                  .field = FIELD_IN_PORT16,
                                  .value = value_of(x->value.lo & UINT16_MAX) };
        return true;
    }
    if (x->field == FIELD_VLAN_VID)
        *out = (struct flow_act){ .type = FLOW_ACT_SET_VLAN, .arg = (uint16_t)(x->value.lo & 0xfff) };
    else
        *out = (struct flow_act){ .type = FLOW_ACT_SET, .field = (uint8_t)x->field, .value = x->value };
    return x->field != FIELD_VLAN_VID || x->value.lo & VID_PRESENT;
}

static bool nat_read(struct flow_act *out, const struct ofp_action *in)
{
    struct ct_nat nat;

    if (ct_nat_kind(in) == CT_NAT_NONE || ct_nat_read(&nat, in))
        return false;
    out->prefix_len = nat.prefix_len;
    out->prefix = nat.prefix;
    out->ct_flags |= FLOW_CT_NAT;
    out->nat_flags = nat.flags;
    out->nat_family = nat.family;
    out->port_min = nat.has_port ? nat.port_min : 0;
    out->port_max = nat.has_port_max ? nat.port_max : 0;
    out->host_limit = nat.host_limit;
    out->value = nat.family ? nat.addr_min : value_of(0);
    out->value_max = nat.has_addr_max ? nat.addr_max : value_of(0);
    return true;
}

static bool ct_read(struct flow_act *out, const struct ofp_nx_ct *ct)
{
    *out = (struct flow_act){
        .type = FLOW_ACT_CT,
        .arg = ct->zone,
        .table = ct->recirc_table,
        .alg = ct->alg,
        .ct_flags = (uint8_t)((ct->flags & NX_CT_F_COMMIT ? FLOW_CT_COMMIT : 0) |
                              (ct->flags & NX_CT_F_FORCE ? FLOW_CT_FORCE : 0)),
    };
    if (ct->zone_src || ct->n_actions > 1)
        return false;
    if (!ct->n_actions)
        return true;
    return nat_read(out, &ct->actions[0]);
}

static bool trama_read(struct flow_act *out, const struct ofp_action *a)
{
    const struct ofp_trama_nptv6 *n = &a->experimenter.trama.nptv6;

    if (a->experimenter.trama.subtype == TRAMAAST_CLAMP_MSS) {
        *out = (struct flow_act){ .type = FLOW_ACT_CLAMP_MSS, .arg = a->experimenter.trama.clamp_mss.mss };
        return true;
    }
    if (a->experimenter.trama.subtype != TRAMAAST_NPTV6)
        return false;
    *out = (struct flow_act){
        .type = FLOW_ACT_NPTV6,
        .arg = n->is_in,
        .prefix_len = n->inside_len,
        .outside_len = n->outside_len,
        .prefix = { n->inside_hi, n->inside_lo },
        .value = { n->outside_hi, n->outside_lo },
    };
    return true;
}

static bool nx_read(struct flow_act *out, const struct ofp_action *a)
{
    const struct ofp_nx_reg_move *m = &a->experimenter.nicira.reg_move;

    if (a->experimenter.experimenter == OFPEXP_TRAMA)
        return trama_read(out, a);
    if (nx_is(a, NXAST_CT))
        return ct_read(out, &a->experimenter.nicira.ct);
    if (nx_is(a, NXAST_REG_LOAD)) {
        const struct ofp_nx_reg_load *l = &a->experimenter.nicira.reg_load;

        *out = (struct flow_act){ .type = FLOW_ACT_SET, .field = FIELD_IN_PORT16, .value = value_of(l->value) };
        return l->dst == FIELD_IN_PORT16 && l->ofs_nbits == 15;
    }
    if (nx_is(a, NXAST_CHECK_PKT_LARGER)) {
        const struct ofp_nx_check_pkt_larger *k = &a->experimenter.nicira.check_pkt_larger;

        *out = (struct flow_act){ .type = FLOW_ACT_CHECK_SIZE, .field = (uint8_t)k->dst, .arg = k->pkt_len };
        return k->dst != FIELD_NONE && !k->ofs;
    }
    if (nx_is(a, NXAST_CT_CLEAR)) {
        *out = (struct flow_act){ .type = FLOW_ACT_CT_CLEAR };
        return true;
    }
    if (!nx_is(a, NXAST_REG_MOVE) || m->src == FIELD_NONE || m->dst == FIELD_NONE)
        return false;
    *out = (struct flow_act){ .type = FLOW_ACT_MOVE, .src = (uint8_t)m->src, .field = (uint8_t)m->dst };
    return !m->src_ofs && !m->dst_ofs && m->n_bits == field_table[m->src].bits && m->n_bits == field_table[m->dst].bits;
}

/* False: the action is none that a spec can say. */
static bool action_read(struct flow_act *out, const struct ofp_action *a)
{
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
    case OFPAT_DEC_NW_TTL:
        *out = (struct flow_act){ .type = FLOW_ACT_DEC_TTL };
        return true;
    case OFPAT_SET_FIELD:
        return set_read(out, &a->set_field.field);
    case OFPAT_EXPERIMENTER:
        return nx_read(out, a);
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

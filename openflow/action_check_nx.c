/* SPDX-License-Identifier: Apache-2.0 */
/* action_check_nx.c - may a flow have these actions of Nicira's?  See semantics.h; the walk is action_check.c's. */
#include <errno.h>

#include "base/arena.h"
#include "openflow/ct.h"
#include "openflow/action_check_impl.h"
#include "openflow/learn.h"
#include "openflow/nptv6_text.h"
#include "openflow/nx.h"

enum { CLAUSES_MAX = 64, TABLES_END = 255 };

/* Fields that need a VLAN tag are told by the tags that are known, not by the match. */
static bool is_there(const struct walk *w, enum field_id id)
{
    if (id == FIELD_VLAN_VID || id == FIELD_VLAN_PCP)
        return w->n_tags > 0;
    return match_allows_field(&w->frame, id);
}

static int check_source(struct walk *w, struct subfield s)
{
    if (s.field == FIELD_NONE)
        return walk_refuse(w, OFPBAC_BAD_SET_TYPE);
    if (!subfield_is_valid(s))
        return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    return walk_ask(w, is_there(w, s.field));
}

/* The tag as a whole may be pushed or popped by setting it. */
static void note_vlan_tci(struct walk *w, struct value v, struct value mask)
{
    walk_forget(w, FIELD_VLAN_VID);
    walk_forget(w, FIELD_VLAN_PCP);
    if (mask.lo & OFPVID_PRESENT && v.lo & OFPVID_PRESENT && !w->n_tags)
        w->n_tags = 1;
    else if (mask.lo & OFPVID_PRESENT && !(v.lo & OFPVID_PRESENT))
        w->n_tags = 0;
}

static int check_target(struct walk *w, struct subfield d)
{
    int err = check_source(w, d);

    if (!err && !field_table[d.field].is_settable)
        err = walk_refuse(w, OFPBAC_BAD_SET_ARGUMENT);
    return err;
}

/* The field will hold what nobody knows now. */
static int check_write(struct walk *w, struct subfield d)
{
    int err = check_target(w, d);

    if (err)
        return err;
    if (d.field == FIELD_VLAN_TCI)
        note_vlan_tci(w, value_of(0), value_of(0));
    else
        walk_forget(w, d.field);
    return 0;
}

static int check_load(struct walk *w, enum field_id id, struct value v, struct value mask)
{
    struct subfield whole = { id, 0, id == FIELD_NONE ? 0 : field_table[id].bits };
    int err = check_target(w, whole);

    if (err)
        return err;
    if (v.hi & ~mask.hi || v.lo & ~mask.lo)
        return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    if (id == FIELD_VLAN_TCI)
        note_vlan_tci(w, v, mask);
    else
        match_set_masked(&w->frame, id, v, mask);
    return 0;
}

static int check_reg_load(struct walk *w, const struct ofp_nx_reg_load *l)
{
    struct subfield d = subfield_of(l->dst, l->ofs_nbits);
    int err = check_target(w, d);

    if (err)
        return err;
    if (l->value & ~value_ones(d.n_bits).lo)
        return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    return check_load(w, d.field, subfield_place(d, value_of(l->value)), subfield_mask(d));
}

static int check_move(struct walk *w, const struct ofp_nx_reg_move *m)
{
    int err = check_source(w, (struct subfield){ m->src, m->src_ofs, m->n_bits });

    return err ? err : check_write(w, (struct subfield){ m->dst, m->dst_ofs, m->n_bits });
}

/* The match says that the frame has a connection. */
static bool has_connection(const struct walk *w)
{
    enum { INVALID = 0x10, TRACKED = 0x20, OTHERS = 0xcf };
    uint64_t value = key_get(&w->frame.value, FIELD_CT_STATE).lo, mask = key_get(&w->frame.mask, FIELD_CT_STATE).lo;

    return value & OTHERS || (value & TRACKED && mask & ~value & INVALID);
}

static int check_resubmit(struct walk *w, const struct ofp_nx_resubmit *r, unsigned subtype)
{
    if (subtype == NXAST_RESUBMIT_TABLE_CT && walk_ask(w, has_connection(w)))
        return -EINVAL;
    if (subtype != NXAST_RESUBMIT && r->table != NX_TABLE_SAME && r->table >= w->check->n_tables)
        return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    return 0;
}

static int check_members(struct walk *w, uint32_t kind, uint16_t n, const uint8_t *ports, size_t n_bytes)
{
    if (kind != NX_IN_PORT_HEADER)
        return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    if (n_bytes / 2 < n)
        return walk_refuse(w, OFPBAC_BAD_LEN);
    for (unsigned i = 0; i < n; i++) {
        uint16_t port = be16_load(ports + 2 * i);

        if (port == UINT16_MAX) /* nobody: a place that is kept free */
            continue;
        if (port >= 0xff00 && port != 0xfffe)
            return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    }
    return 0;
}

static int check_learned_target(struct walk *w, const struct match *learned, const struct learn_spec *s)
{
    if (s->kind == LEARN_LOAD && !field_table[s->dst.field].is_settable)
        return walk_refuse(w, OFPBAC_BAD_SET_ARGUMENT);
    if (s->kind == LEARN_MATCH && !match_allows_field(learned, s->dst.field))
        return walk_refuse(w, OFPBAC_MATCH_INCONSISTENT);
    return 0;
}

static int check_learn(struct walk *w, const struct ofp_nx_action *act)
{
    struct match learned = { 0 };
    struct arena arena;
    struct learn l;
    int err;

    arena_init(&arena);
    err = learn_decode(&l, &arena, act, w->err);
    if (!err && l.table_id >= TABLES_END)
        err = walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    for (size_t i = 0; i < l.n_specs && !err; i++) {
        const struct learn_spec *s = &l.specs[i];

        if (!s->is_immediate)
            err = check_source(w, s->src);
        if (!err && s->kind != LEARN_OUTPUT)
            err = check_learned_target(w, &learned, s);
        if (!err && s->kind == LEARN_MATCH)
            match_set_masked(&learned, s->dst.field, s->is_immediate ? subfield_place(s->dst, s->imm) : value_of(0),
                             subfield_mask(s->dst));
    }
    if (!err && l.flags & NX_LEARN_F_WRITE_RESULT)
        err = check_write(w, l.result_dst);
    arena_fini(&arena);
    return err;
}

static int check_conjunction(struct walk *w, const struct ofp_nx_conjunction *c)
{
    if (c->n_clauses < 2 || c->n_clauses > CLAUSES_MAX || c->clause >= c->n_clauses)
        return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    w->n_conjunctions++;
    w->n_other--; /* it was counted as one of the others */
    return 0;
}

/* What is done in the clone is forgotten behind it. */
static int check_clone(struct walk *w, const struct ofp_nx_clone *c)
{
    struct walk inner = *w;

    return walk_list(&inner, c->actions, c->n_actions);
}

/* 7.4.4, meter-mod failed: that is what an instruction with an unknown meter is answered with, too. */
static int check_controller(struct walk *w, const struct ofp_nx_action *act)
{
    struct nx_controller c;

    nx_controller_read(&c, act);
    if (!c.meter_id || !w->check->has_meter || w->check->has_meter(w->check->arg, c.meter_id))
        return 0;
    *w->err = (struct ofp_err){ .type = OFPET_METER_MOD_FAILED, .code = OFPMMFC_UNKNOWN_METER };
    return -EBADMSG;
}

/* To one port, and not less than an Ethernet header. */
static int check_output_trunc(struct walk *w, const struct ofp_nx_output_trunc *o)
{
    uint32_t port = nx_port_widen(o->port);

    if (o->max_len < 14)
        return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    if (port > OFPP_MAX && port != OFPP_IN_PORT && port != OFPP_LOCAL)
        return walk_refuse(w, OFPBAC_BAD_OUT_PORT);
    return walk_output(w, port);
}

static int check_set_queue(struct walk *w, uint32_t queue_id)
{
    if (!w->check->has_queue || !w->check->has_queue(w->check->arg, queue_id))
        return walk_refuse(w, OFPBAC_BAD_QUEUE);
    return 0;
}

static bool is_for_ip(const struct walk *w)
{
    return match_allows_field(&w->frame, FIELD_IP_TTL);
}

static bool is_tcp(const struct walk *w)
{
    return match_allows_field(&w->frame, FIELD_TCP_SRC);
}

static bool is_of_conn(enum field_id id)
{
    return id == FIELD_CT_MARK || id == FIELD_CT_LABEL;
}

/* Within ct only its translation, and what sets the connection's mark or label. */
static bool is_for_ct(const struct ofp_action *a)
{
    const struct ofp_nx_action *nx = &a->experimenter.nicira;

    if (a->type == OFPAT_SET_FIELD)
        return is_of_conn(a->set_field.field.field);
    if (ct_nat_kind(a) != CT_NAT_NONE)
        return true;
    if (a->type != OFPAT_EXPERIMENTER || a->experimenter.experimenter != OFPEXP_NICIRA)
        return false;
    switch ((unsigned)nx->subtype) {
    case NXAST_REG_LOAD:
        return is_of_conn(nx->reg_load.dst);
    case NXAST_REG_LOAD2:
        return is_of_conn(nx->reg_load2.field.field);
    case NXAST_REG_MOVE:
        return is_of_conn(nx->reg_move.dst);
    }
    return false;
}

static int check_ct(struct walk *w, const struct ofp_nx_ct *ct)
{
    struct walk inner = *w;
    struct subfield zone;
    unsigned n_nat = 0;
    int err;

    if (ct->flags & NX_CT_F_FORCE && !(ct->flags & NX_CT_F_COMMIT))
        return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    if (ct->recirc_table != CT_NO_TABLE && ct->recirc_table >= w->check->n_tables)
        return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    if (ct->alg != CT_ALG_NONE && ct->alg != CT_ALG_FTP && ct->alg != CT_ALG_TFTP)
        return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    if (ct_zone_field(ct, &zone)) {
        err = check_source(w, zone);
        if (err)
            return err;
        if (zone.n_bits != 16)
            return walk_refuse(w, OFPBAC_BAD_SET_LEN);
    }
    for (size_t i = 0; i < ct->n_actions; i++) {
        const struct ofp_action *a = &ct->actions[i];
        bool is_nat = ct_nat_kind(a) != CT_NAT_NONE;
        uint16_t nat = ct_nat_flags(a);

        n_nat += is_nat;
        if (nat & CT_NAT_F_GO_ON && ct->recirc_table == CT_NO_TABLE)
            return walk_refuse(w, OFPBAC_BAD_ARGUMENT); /* it would go on with the next action, untranslated */
        if (!is_for_ct(a) || n_nat > 1 ||
            ((!is_nat || nat & (CT_NAT_F_SRC | CT_NAT_F_DST)) && !(ct->flags & NX_CT_F_COMMIT)))
            return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    }
    inner.is_in_ct = true;
    err = walk_list(&inner, ct->actions, ct->n_actions);
    if (!err)
        err = walk_ask(w, is_for_ip(w));
    if (!err && ct->alg)
        err = walk_ask(w, match_allows_field(&w->frame, ct->alg == CT_ALG_FTP ? FIELD_TCP_SRC : FIELD_UDP_SRC));
    return err;
}

static int check_nat(struct walk *w, const struct ofp_action *act)
{
    struct ct_nat read;
    int code;

    if (!w->is_in_ct)
        return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
    code = ct_nat_read(&read, act);
    if (code)
        return walk_refuse(w, (enum ofp_bad_action_code)code);
    return read.family && !read.prefix_len
               ? walk_ask(w, match_allows_field(&w->frame, read.family == 4 ? FIELD_IPV4_SRC : FIELD_IPV6_SRC))
               : 0;
}

static int check_one(struct walk *w, const struct ofp_nx_action *act)
{
    const struct ofp_nx_bundle_load *b = &act->bundle_load;
    const struct ofp_oxm *o = &act->reg_load2.field;
    int err;

    switch (act->subtype) {
    case NXAST_RESUBMIT:
    case NXAST_RESUBMIT_TABLE:
    case NXAST_RESUBMIT_TABLE_CT:
        return check_resubmit(w, &act->resubmit, (unsigned)act->subtype);
    case NXAST_REG_MOVE:
        return check_move(w, &act->reg_move);
    case NXAST_REG_LOAD:
        return check_reg_load(w, &act->reg_load);
    case NXAST_REG_LOAD2:
        return check_load(w, o->field, o->value,
                          o->has_mask || o->field == FIELD_NONE ? o->mask : field_ones(o->field));
    case NXAST_STACK_PUSH:
        return check_source(w, (struct subfield){ act->stack_push.field, act->stack_push.ofs, act->stack_push.n_bits });
    case NXAST_STACK_POP:
        return check_write(w, (struct subfield){ act->stack_pop.field, act->stack_pop.ofs, act->stack_pop.n_bits });
    case NXAST_CHECK_PKT_LARGER:
        return check_write(w, (struct subfield){ act->check_pkt_larger.dst, act->check_pkt_larger.ofs, 1 });
    case NXAST_MULTIPATH:
        return check_write(w, subfield_of(act->multipath.dst, act->multipath.ofs_nbits));
    case NXAST_BUNDLE:
        return check_members(w, act->bundle.member_type, act->bundle.n_members, act->bundle.ports, act->bundle.n_ports);
    case NXAST_BUNDLE_LOAD:
        err = check_members(w, b->member_type, b->n_members, b->ports, b->n_ports);
        if (!err && subfield_of(b->dst, b->ofs_nbits).n_bits < 16)
            err = walk_refuse(w, OFPBAC_BAD_ARGUMENT);
        return err ? err : check_write(w, subfield_of(b->dst, b->ofs_nbits));
    case NXAST_OUTPUT_REG:
        return check_source(w, subfield_of(act->output_reg.src, act->output_reg.ofs_nbits));
    case NXAST_OUTPUT_REG2:
        return check_source(w, subfield_of(act->output_reg2.src, act->output_reg2.ofs_nbits));
    case NXAST_LEARN:
    case NXAST_LEARN2:
        return check_learn(w, act);
    case NXAST_DEC_TTL:
        return walk_ask(w, is_for_ip(w));
    case NXAST_DEC_TTL_CNT_IDS:
        if (!act->dec_ttl_cnt_ids.count || act->dec_ttl_cnt_ids.n_ids / 2 < act->dec_ttl_cnt_ids.count)
            return walk_refuse(w, OFPBAC_BAD_LEN);
        return walk_ask(w, is_for_ip(w));
    case NXAST_SET_QUEUE:
        return check_set_queue(w, act->set_queue.queue_id);
    case NXAST_FIN_TIMEOUT:
        return walk_ask(w, is_tcp(w));
    case NXAST_CONJUNCTION:
        return check_conjunction(w, &act->conjunction);
    case NXAST_OUTPUT_TRUNC:
        return check_output_trunc(w, &act->output_trunc);
    case NXAST_CONTROLLER:
    case NXAST_CONTROLLER2:
        return check_controller(w, act);
    case NXAST_CLONE:
        return check_clone(w, &act->clone);
    case NXAST_NOTE:
        w->n_other--; /* may stand beside a conjunction */
        return 0;
    case NXAST_SET_TUNNEL:
    case NXAST_SET_TUNNEL64:
    case NXAST_POP_QUEUE:
    case NXAST_EXIT:
        return 0;
    case NXAST_CT_CLEAR:
        walk_forget(w, FIELD_CT_STATE); /* no resubmit by a connection's tuple follows */
        return 0;
    case NXAST_CT:
        return check_ct(w, &act->ct);
    case NXAST_NAT: /* walk_experimenter() */
        break;
    }
    return walk_refuse(w, OFPBAC_BAD_EXP_TYPE);
}

/* Of an action set, and of a bucket, only what sets a field has a place there. */
static bool is_for_sets(enum ofp_nx_subtype subtype)
{
    return subtype == NXAST_REG_LOAD || subtype == NXAST_REG_LOAD2 || subtype == NXAST_REG_MOVE ||
           subtype == NXAST_SET_TUNNEL || subtype == NXAST_SET_TUNNEL64;
}

static int check_trama(struct walk *w, const struct ofp_action *act)
{
    const struct ofp_trama_nptv6 *n = &act->experimenter.trama.nptv6;
    struct nptv6 t;

    switch (act->experimenter.trama.subtype) {
    case TRAMAAST_NAT64:
        return check_nat(w, act);
    case TRAMAAST_NPTV6:
        t = nptv6_decode(n);
        if (n->is_in > 1 || !nptv6_is_sound(&t))
            return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
        return walk_ask(w, match_allows_field(&w->frame, FIELD_IPV6_SRC));
    case TRAMAAST_CLAMP_MSS:
        if (!act->experimenter.trama.clamp_mss.mss)
            return walk_refuse(w, OFPBAC_BAD_ARGUMENT);
        return walk_ask(w, match_allows_field(&w->frame, FIELD_TCP_SRC));
    }
    return walk_refuse(w, OFPBAC_BAD_EXP_TYPE);
}

int walk_experimenter(struct walk *w, const struct ofp_action *act)
{
    const struct ofp_nx_action *nx = &act->experimenter.nicira;
    const struct ofp_check *c = w->check;

    if (act->experimenter.experimenter == OFPEXP_TRAMA && c->has_nx)
        return w->is_set ? walk_refuse(w, OFPBAC_BAD_EXP_TYPE) : check_trama(w, act);
    if (act->experimenter.experimenter != OFPEXP_NICIRA)
        return walk_refuse(w, OFPBAC_BAD_EXPERIMENTER);
    if (!c->has_nx || !c->has_nx(c->arg, nx->subtype) || (w->is_set && !is_for_sets(nx->subtype)))
        return walk_refuse(w, OFPBAC_BAD_EXP_TYPE);
    return nx->subtype == NXAST_NAT ? check_nat(w, act) : check_one(w, nx);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* agent_action_nx.c - Nicira's actions in the datapath's words; see agent_action.c. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "datapath/conn_holder.h"
#include "datapath/conn_track.h"
#include "datapath/shaper.h"
#include "openflow/ct.h"
#include "openflow/learn.h"
#include "openflow/nx.h"
#include "openflow/subfield.h"
#include "vswitch/agent_impl.h"

/* Which of them the datapath can do.  Of the others text and wire form are known (openflow/), but they are refused. */
bool has_nx(void *arg, unsigned subtype)
{
    switch (subtype) {
    case NXAST_RESUBMIT:
    case NXAST_RESUBMIT_TABLE:
    case NXAST_RESUBMIT_TABLE_CT:
    case NXAST_SET_TUNNEL:
    case NXAST_SET_TUNNEL64:
    case NXAST_REG_MOVE:
    case NXAST_REG_LOAD:
    case NXAST_REG_LOAD2:
    case NXAST_NOTE:
    case NXAST_OUTPUT_REG:
    case NXAST_OUTPUT_REG2:
    case NXAST_EXIT:
    case NXAST_DEC_TTL:
    case NXAST_DEC_TTL_CNT_IDS:
    case NXAST_CONTROLLER:
    case NXAST_CONTROLLER2:
    case NXAST_STACK_PUSH:
    case NXAST_STACK_POP:
    case NXAST_CLONE:
    case NXAST_CONJUNCTION:
    case NXAST_CT:
    case NXAST_NAT:
    case NXAST_CT_CLEAR:
    case NXAST_LEARN:
    case NXAST_LEARN2:
    case NXAST_MULTIPATH:
    case NXAST_BUNDLE:
    case NXAST_BUNDLE_LOAD:
    case NXAST_OUTPUT_TRUNC:
    case NXAST_FIN_TIMEOUT:
    case NXAST_SET_QUEUE:
    case NXAST_POP_QUEUE:
    case NXAST_CHECK_PKT_LARGER:
        return true;
    }
    return false;
}

/* Of an action that was checked. */
static int read_learn(struct learn *out, struct arena *a, const struct ofp_nx_action *in)
{
    struct ofp_err err;

    return learn_decode(out, a, in, &err);
}

static size_t learn_act_count(const struct ofp_nx_action *in)
{
    struct arena arena;
    struct learn l;
    size_t n;

    arena_init(&arena);
    n = read_learn(&l, &arena, in) ? 1 : 1 + l.n_specs;
    arena_fini(&arena);
    return n;
}

enum { PORTS_A_DATA = ACT_DATA_SIZE / sizeof(uint32_t) };

static size_t bundle_data(size_t n_members)
{
    return (n_members + PORTS_A_DATA - 1) / PORTS_A_DATA;
}

enum { NAT_ACTS = (sizeof(struct nat_spec) + ACT_DATA_SIZE - 1) / ACT_DATA_SIZE };

static size_t ct_act_count(const struct ofp_nx_ct *ct)
{
    size_t n = 0;

    for (size_t i = 0; i < ct->n_actions; i++)
        n += ct_nat_kind(&ct->actions[i]) == CT_NAT_NONE ? act_count(&ct->actions[i], 1) : NAT_ACTS;
    return n;
}

size_t nx_act_count(const struct ofp_nx_action *in)
{
    struct nx_controller c;

    switch ((unsigned)in->subtype) {
    case NXAST_NOTE:
        return 0;
    case NXAST_CLONE:
        return 1 + act_count(in->clone.actions, in->clone.n_actions);
    case NXAST_CT:
        return 1 + ct_act_count(&in->ct);
    case NXAST_BUNDLE:
        return 1 + bundle_data(in->bundle.n_members);
    case NXAST_BUNDLE_LOAD:
        return 1 + bundle_data(in->bundle_load.n_members);
    case NXAST_LEARN:
    case NXAST_LEARN2:
        return learn_act_count(in);
    case NXAST_CONTROLLER2:
        nx_controller_read(&c, in);
        return 1 + (c.n_userdata + ACT_DATA_SIZE - 1) / ACT_DATA_SIZE;
    default:
        return 1;
    }
}

static struct act load(enum field_id id, struct value v, struct value mask)
{
    return (struct act){ .type = ACT_SET_FIELD, .field = id, .value = v, .mask = mask };
}

static struct act reg_load(const struct ofp_nx_reg_load *l)
{
    struct subfield d = subfield_of(l->dst, l->ofs_nbits);

    return load(l->dst, subfield_place(d, value_of(l->value)), subfield_mask(d));
}

static struct act move(const struct ofp_nx_reg_move *m)
{
    return (struct act){ .type = ACT_MOVE,
                         .src = { m->src, m->src_ofs, m->n_bits },
                         .dst = { m->dst, m->dst_ofs, m->n_bits } };
}

static struct act resubmit(const struct ofp_nx_resubmit *r, unsigned subtype)
{
    uint32_t port = nx_port_widen(r->in_port);

    return (struct act){ .type = subtype == NXAST_RESUBMIT_TABLE_CT ? ACT_RESUBMIT_CT : ACT_RESUBMIT,
                         .port = port == DP_PORT_IN_PORT ? 0 : port,
                         .table_id =
                             subtype != NXAST_RESUBMIT && r->table != NX_TABLE_SAME ? r->table : ACT_TABLE_SAME };
}

static struct act dec_ttl(const struct ofp_nx_dec_ttl_ids *d)
{
    struct act a = { .type = ACT_DEC_IP_TTL };

    for (; a.ttl_ids.n < d->count && a.ttl_ids.n < ACT_TTL_IDS; a.ttl_ids.n++)
        a.ttl_ids.id[a.ttl_ids.n] = be16_load(d->ids + 2 * (size_t)a.ttl_ids.n);
    return a;
}

static int controller(const struct ofp_nx_action *in, struct act *out, size_t *n)
{
    struct nx_controller c;

    nx_controller_read(&c, in);
    if (c.n_userdata > ACT_USERDATA_MAX)
        return -EOPNOTSUPP;
    out[0] = (struct act){ .type = ACT_CONTROLLER,
                           .max_len = c.max_len,
                           .to = { .controller_id = c.controller_id,
                                   .n_userdata = (uint16_t)c.n_userdata,
                                   .has_reason = c.reason != OFPR_ACTION,
                                   .is_pause = c.is_pause,
                                   .reason = (uint8_t)c.reason,
                                   .meter_id = c.meter_id } };
    for (*n = 1; (*n - 1) * ACT_DATA_SIZE < c.n_userdata; ++*n) {
        size_t at = (*n - 1) * ACT_DATA_SIZE, left = c.n_userdata - at;

        out[*n] = (struct act){ .type = ACT_DATA };
        memcpy(out[*n].data, c.userdata + at, left < ACT_DATA_SIZE ? left : ACT_DATA_SIZE);
    }
    return 0;
}

static int set_queue(const struct ofp_nx_action *in, struct act *out)
{
    *out = (struct act){ .type = ACT_SET_QUEUE,
                         .queue = in->subtype == NXAST_SET_QUEUE ? in->set_queue.queue_id : SHAPER_QUEUE_NONE };
    return 0;
}

static int check_size(const struct ofp_nx_check_pkt_larger *c, struct act *out)
{
    *out = (struct act){ .type = ACT_CHECK_SIZE, .max_len = c->pkt_len, .dst = { c->dst, c->ofs, 1 } };
    return 0;
}

static int multipath(const struct ofp_nx_multipath *m, struct act *out)
{
    uint32_t n_links = m->max_link + 1u;

    if (m->algorithm == NX_MP_ALG_HRW && n_links > LINK_HRW_MAX)
        return -EOPNOTSUPP; /* each link costs every frame */
    *out = (struct act){ .type = ACT_MULTIPATH,
                         .choice = { .fields = (uint8_t)m->fields,
                                     .algorithm = (uint8_t)m->algorithm,
                                     .basis = m->basis,
                                     .arg = m->arg,
                                     .n_links = n_links,
                                     .dst = subfield_pack(subfield_of(m->dst, m->ofs_nbits)) } };
    return 0;
}

static int bundle(struct link_choice c, enum ofp_nx_bd_algorithm algorithm, const uint8_t *ports, struct act *out,
                  size_t *n)
{
    if (c.n_links > LINK_HRW_MAX)
        return -EOPNOTSUPP;
    c.algorithm = algorithm == NX_BD_ALG_HRW ? LINK_HRW : LINK_FIRST;
    out[0] = (struct act){ .type = ACT_BUNDLE, .choice = c };
    for (uint32_t i = 0; i < c.n_links; i++) {
        struct act *a = &out[1 + i / PORTS_A_DATA];
        uint32_t port = nx_port_widen(be16_load(ports + 2 * (size_t)i));

        a->type = ACT_DATA;
        memcpy(a->data + i % PORTS_A_DATA * sizeof port, &port, sizeof port);
    }
    *n = 1 + bundle_data(c.n_links);
    return 0;
}

static struct act learn_step(const struct learn_spec *s)
{
    struct act a = { .type = ACT_DATA };
    struct learn_step step = { .kind = (uint8_t)s->kind,
                               .is_value = s->is_immediate,
                               .n_bits = s->n_bits,
                               .src = s->is_immediate ? 0 : subfield_pack(s->src),
                               .dst = s->kind == LEARN_OUTPUT ? 0 : subfield_pack(s->dst),
                               .value = s->imm };

    memcpy(a.data, &step, sizeof step);
    return a;
}

static uint16_t learn_flags(uint16_t f)
{
    return (uint16_t)((f & NX_LEARN_F_SEND_FLOW_REM ? FLOW_SEND_REMOVED : 0) |
                      (f & NX_LEARN_F_DELETE_LEARNED ? LEARN_TAKES_ALONG : 0));
}

static int learn(const struct ofp_nx_action *in, struct act *out, size_t *n)
{
    struct arena arena;
    struct learn l;
    int err;

    arena_init(&arena);
    err = read_learn(&l, &arena, in);
    if (!err && (l.n_specs > LEARN_STEPS_MAX || l.table_id >= DP_TABLES))
        err = -EOPNOTSUPP;
    if (!err) {
        out[0] = (struct act){ .type = ACT_LEARN,
                               .learn = { .cookie = l.cookie,
                                          .idle_s = l.idle_timeout,
                                          .hard_s = l.hard_timeout,
                                          .priority = l.priority,
                                          .flags = learn_flags(l.flags),
                                          .fin_idle_s = l.fin_idle_timeout,
                                          .fin_hard_s = l.fin_hard_timeout,
                                          .room = LEARN_NO_ROOM, /* learn_table_reserve() knows it */
                                          .limit = l.limit,
                                          .result = l.flags & NX_LEARN_F_WRITE_RESULT ? subfield_pack(l.result_dst)
                                                                                      : LEARN_NO_RESULT,
                                          .table_id = l.table_id,
                                          .n_steps = (uint8_t)l.n_specs } };
        for (size_t i = 0; i < l.n_specs; i++)
            out[1 + i] = learn_step(&l.specs[i]);
        *n = 1 + l.n_specs;
    }
    arena_fini(&arena);
    return err;
}

/* Of an action that was checked. */
static void nat(const struct ofp_action *in, struct act *out)
{
    struct nat_spec spec = { 0 };
    struct ct_nat n;

    (void)ct_nat_read(&n, in);
    spec.addr_min = n.addr_min;
    spec.addr_max = n.addr_max;
    spec.port_min = n.port_min;
    spec.port_max = n.port_max;
    spec.kind = n.flags & CT_NAT_F_SRC ? CT_SNAT : n.flags & CT_NAT_F_DST ? CT_DNAT : 0;
    spec.family = n.family;
    spec.order = n.flags & CT_NAT_F_RANDOM ? NAT_ORDER_RANDOM
                 : n.flags & CT_NAT_F_HASH ? NAT_ORDER_HASH
                                           : NAT_ORDER_KEEP;
    spec.is_persistent = n.flags & CT_NAT_F_PERSISTENT;
    spec.goes_on = n.flags & CT_NAT_F_GO_ON;
    spec.mapping = n.flags & CT_NAT_F_MAPPING  ? NAT_MAPPING_ENDPOINT
                   : n.flags & CT_NAT_F_MAPPED ? NAT_MAPPING_KNOWN
                                               : NAT_MAPPING_CONNECTION;
    spec.filtering = n.flags & CT_NAT_F_FILTERING_ENDPOINT  ? NAT_FILTERING_ENDPOINT
                     : n.flags & CT_NAT_F_FILTERING_ADDRESS ? NAT_FILTERING_ADDRESS
                                                            : NAT_FILTERING_ADDRESS_AND_PORT;
    spec.host_limit = n.host_limit;
    spec.prefix = n.prefix;
    spec.prefix_len = n.prefix_len;
    for (unsigned i = 0; i < NAT_ACTS; i++) {
        size_t at = (size_t)i * ACT_DATA_SIZE, left = sizeof spec - at;

        out[i] = (struct act){ .type = ACT_DATA };
        memcpy(out[i].data, (uint8_t *)&spec + at, left < ACT_DATA_SIZE ? left : ACT_DATA_SIZE);
    }
}

static uint8_t helper_of(uint16_t alg)
{
    return alg == CT_ALG_FTP ? CONN_HELPER_FTP : alg == CT_ALG_TFTP ? CONN_HELPER_TFTP : CONN_HELPER_NONE;
}

/* The translation goes first, wherever it stands. */
static int ct(const struct ofp_nx_ct *in, struct act *out, size_t *n)
{
    struct act *a = out;
    struct subfield zone;
    int err = 0;

    *a++ = (struct act){ .type = ACT_CT,
                         .ct = { .flags = (uint16_t)((in->flags & NX_CT_F_COMMIT ? CT_COMMIT : 0) |
                                                     (in->flags & NX_CT_F_FORCE ? CT_FORCE : 0)),
                                 .zone = in->zone,
                                 .table_id = in->recirc_table == CT_NO_TABLE ? ACT_TABLE_SAME : in->recirc_table,
                                 .helper = helper_of(in->alg) } };
    if (ct_zone_field(in, &zone))
        out->ct.zone_src = subfield_pack(zone);
    for (size_t i = 0; i < in->n_actions; i++)
        if (ct_nat_kind(&in->actions[i]) != CT_NAT_NONE) {
            nat(&in->actions[i], a);
            out->ct.flags |= CT_NAT;
            a += NAT_ACTS;
        }
    for (size_t i = 0; i < in->n_actions && !err; i++)
        if (ct_nat_kind(&in->actions[i]) == CT_NAT_NONE) {
            err = translate_acts(&in->actions[i], 1, a);
            a += act_count(&in->actions[i], 1);
        }
    *n = (size_t)(a - out);
    out->n_body = (uint32_t)(*n - 1);
    return err;
}

static_assert((int)LEARN_MATCH == LEARN_STEP_MATCH && (int)LEARN_LOAD == LEARN_STEP_LOAD &&
                  (int)LEARN_OUTPUT == LEARN_STEP_OUTPUT,
              "one kind is the other");

/* Of an action without arguments. */
static enum act_type plain_type(enum ofp_nx_subtype subtype)
{
    return subtype == NXAST_EXIT ? ACT_EXIT : subtype == NXAST_CT_CLEAR ? ACT_CT_CLEAR : ACT_DEC_IP_TTL;
}

int translate_nx(const struct ofp_nx_action *in, struct act *out, size_t *n)
{
    const struct ofp_oxm *o = &in->reg_load2.field;

    *n = 1;
    switch ((unsigned)in->subtype) {
    case NXAST_RESUBMIT:
    case NXAST_RESUBMIT_TABLE:
    case NXAST_RESUBMIT_TABLE_CT:
        *out = resubmit(&in->resubmit, (unsigned)in->subtype);
        return 0;
    case NXAST_SET_TUNNEL:
        *out = load(FIELD_TUNNEL_ID, value_of(in->set_tunnel.tun_id), value_of(UINT64_MAX));
        return 0;
    case NXAST_SET_TUNNEL64:
        *out = load(FIELD_TUNNEL_ID, value_of(in->set_tunnel64.tun_id), value_of(UINT64_MAX));
        return 0;
    case NXAST_REG_MOVE:
        *out = move(&in->reg_move);
        return 0;
    case NXAST_REG_LOAD:
        *out = reg_load(&in->reg_load);
        return 0;
    case NXAST_REG_LOAD2:
        *out = load(o->field, o->value, o->has_mask ? o->mask : field_ones(o->field));
        return 0;
    case NXAST_NOTE:
        *n = 0;
        return 0;
    case NXAST_OUTPUT_REG:
        *out = (struct act){ .type = ACT_OUTPUT_FIELD,
                             .max_len = in->output_reg.max_len,
                             .src = subfield_of(in->output_reg.src, in->output_reg.ofs_nbits) };
        return 0;
    case NXAST_OUTPUT_REG2:
        *out = (struct act){ .type = ACT_OUTPUT_FIELD,
                             .max_len = in->output_reg2.max_len,
                             .src = subfield_of(in->output_reg2.src, in->output_reg2.ofs_nbits) };
        return 0;
    case NXAST_OUTPUT_TRUNC:
        *out = (struct act){ .type = ACT_OUTPUT_CUT,
                             .port = nx_port_widen(in->output_trunc.port),
                             .max_bytes = in->output_trunc.max_len };
        return 0;
    case NXAST_FIN_TIMEOUT:
        *out = (struct act){ .type = ACT_FIN_TIMEOUT,
                             .fin = { in->fin_timeout.fin_idle_timeout, in->fin_timeout.fin_hard_timeout } };
        return 0;
    case NXAST_SET_QUEUE:
    case NXAST_POP_QUEUE:
        return set_queue(in, out);
    case NXAST_EXIT:
    case NXAST_CT_CLEAR:
    case NXAST_DEC_TTL:
        *out = (struct act){ .type = plain_type(in->subtype) };
        return 0;
    case NXAST_DEC_TTL_CNT_IDS:
        *out = dec_ttl(&in->dec_ttl_cnt_ids);
        return 0;
    case NXAST_CONTROLLER:
    case NXAST_CONTROLLER2:
        return controller(in, out, n);
    case NXAST_STACK_PUSH:
    case NXAST_STACK_POP:
        *out = (struct act){ .type = in->subtype == NXAST_STACK_PUSH ? ACT_STACK_PUSH : ACT_STACK_POP };
        out->src = out->dst = (struct subfield){ in->stack_push.field, in->stack_push.ofs, in->stack_push.n_bits };
        return 0;
    case NXAST_CHECK_PKT_LARGER:
        return check_size(&in->check_pkt_larger, out);
    case NXAST_MULTIPATH:
        return multipath(&in->multipath, out);
    case NXAST_BUNDLE:
        return bundle((struct link_choice){ .fields = (uint8_t)in->bundle.fields,
                                            .basis = in->bundle.basis,
                                            .n_links = in->bundle.n_members,
                                            .dst = (uint32_t)LINK_NO_DST },
                      in->bundle.algorithm, in->bundle.ports, out, n);
    case NXAST_BUNDLE_LOAD:
        return bundle(
            (struct link_choice){ .fields = (uint8_t)in->bundle_load.fields,
                                  .basis = in->bundle_load.basis,
                                  .n_links = in->bundle_load.n_members,
                                  .dst = subfield_pack(subfield_of(in->bundle_load.dst, in->bundle_load.ofs_nbits)) },
            in->bundle_load.algorithm, in->bundle_load.ports, out, n);
    case NXAST_CT:
        return ct(&in->ct, out, n);
    case NXAST_LEARN:
    case NXAST_LEARN2:
        return learn(in, out, n);
    case NXAST_CONJUNCTION:
        *out = (struct act){ .type = ACT_CONJUNCTION,
                             .conjunction = { in->conjunction.id, in->conjunction.clause, in->conjunction.n_clauses } };
        return 0;
    case NXAST_CLONE:
        *n += act_count(in->clone.actions, in->clone.n_actions);
        *out = (struct act){ .type = ACT_CLONE, .n_body = (uint32_t)(*n - 1) };
        return translate_acts(in->clone.actions, in->clone.n_actions, out + 1);
    }
    return -EOPNOTSUPP;
}

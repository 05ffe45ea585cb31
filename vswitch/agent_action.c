/* SPDX-License-Identifier: Apache-2.0 */
/* agent_action.c - OpenFlow's actions and instructions in the datapath's words.  They were checked before
 * (openflow/semantics.h): what the datapath does not know was refused there. */
#include <errno.h>

#include "openflow/nptv6_text.h"
#include "vswitch/agent_impl.h"
#include "vswitch/group_table.h"
#include "vswitch/meter_table.h"

static bool has_group(void *arg, uint32_t id)
{
    return group_table_find(((struct agent *)arg)->groups, id);
}

static bool has_meter(void *arg, uint32_t id)
{
    return meter_table_find(((struct agent *)arg)->meters, id);
}

/* Every queue is good: a port that does not have it takes its queue 0, and may get it later. */
static bool has_queue(void *arg, uint32_t queue_id)
{
    return queue_id != OFPQ_ALL;
}

static bool has_table(void *arg, uint8_t id)
{
    return agent_has_table(arg, id);
}

/* What a check must know of this switch. */
void check_init(struct ofp_check *c, struct agent *a, uint8_t table_id)
{
    *c = (struct ofp_check){ .table_id = table_id, .n_tables = DP_TABLES, .arg = a };
    c->has_group = has_group;
    c->has_meter = has_meter;
    c->has_queue = has_queue;
    c->has_nx = has_nx;
    if (table_id != OFPTT_ALL) /* not for buckets: they may lead to no table */
        c->has_table = has_table;
}

static struct act push(enum act_type type, const struct ofp_action_push *in)
{
    return (struct act){ .type = type, .ethertype = in->ethertype };
}

static struct act output(const struct ofp_action_output *in)
{
    if (in->port == DP_PORT_CONTROLLER)
        return (struct act){ .type = ACT_CONTROLLER, .max_len = in->max_len };
    return (struct act){ .type = ACT_OUTPUT, .port = in->port };
}

static struct act set_field(const struct ofp_oxm *in)
{
    return (struct act){ .type = ACT_SET_FIELD, .field = in->field, .value = in->value, .mask = in->mask };
}

/* nat64 is ct's (agent_action_nx.c). */
static int translate_trama(const struct ofp_action_experimenter *in, struct act *out)
{
    struct nptv6 t;

    if (in->experimenter != OFPEXP_TRAMA)
        return -EOPNOTSUPP;
    if (in->trama.subtype == TRAMAAST_CLAMP_MSS) {
        *out = (struct act){ .type = ACT_CLAMP_MSS, .mss = in->trama.clamp_mss.mss };
        return 0;
    }
    if (in->trama.subtype != TRAMAAST_NPTV6)
        return -EOPNOTSUPP;
    t = nptv6_decode(&in->trama.nptv6);
    *out = (struct act){ .type = ACT_NPTV6, .value = t.inside, .mask = t.outside };
    out->nptv6.inside_len = t.inside_len;
    out->nptv6.outside_len = t.outside_len;
    out->nptv6.is_in = in->trama.nptv6.is_in;
    return 0;
}

static int translate(const struct ofp_action *in, struct act *out)
{
    switch (in->type) {
    case OFPAT_OUTPUT:
        *out = output(&in->output);
        return 0;
    case OFPAT_COPY_TTL_OUT:
        *out = (struct act){ .type = ACT_COPY_TTL_OUT };
        return 0;
    case OFPAT_COPY_TTL_IN:
        *out = (struct act){ .type = ACT_COPY_TTL_IN };
        return 0;
    case OFPAT_SET_MPLS_TTL:
        *out = (struct act){ .type = ACT_SET_MPLS_TTL, .ttl = in->set_mpls_ttl.ttl };
        return 0;
    case OFPAT_DEC_MPLS_TTL:
        *out = (struct act){ .type = ACT_DEC_MPLS_TTL };
        return 0;
    case OFPAT_PUSH_VLAN:
        *out = push(ACT_PUSH_VLAN, &in->push_vlan);
        return 0;
    case OFPAT_POP_VLAN:
        *out = (struct act){ .type = ACT_POP_VLAN };
        return 0;
    case OFPAT_PUSH_MPLS:
        *out = push(ACT_PUSH_MPLS, &in->push_mpls);
        return 0;
    case OFPAT_POP_MPLS:
        *out = push(ACT_POP_MPLS, &in->pop_mpls);
        return 0;
    case OFPAT_PUSH_PBB:
        *out = push(ACT_PUSH_PBB, &in->push_pbb);
        return 0;
    case OFPAT_POP_PBB:
        *out = (struct act){ .type = ACT_POP_PBB };
        return 0;
    case OFPAT_SET_NW_TTL:
        *out = (struct act){ .type = ACT_SET_IP_TTL, .ttl = in->set_nw_ttl.ttl };
        return 0;
    case OFPAT_DEC_NW_TTL:
        *out = (struct act){ .type = ACT_DEC_IP_TTL };
        return 0;
    case OFPAT_SET_FIELD:
        *out = set_field(&in->set_field.field);
        return 0;
    case OFPAT_SET_QUEUE:
        *out = (struct act){ .type = ACT_SET_QUEUE, .queue = in->set_queue.queue_id };
        return 0;
    case OFPAT_GROUP:
        *out = (struct act){ .type = ACT_GROUP, .group = in->group.group_id };
        return 0;
    case OFPAT_EXPERIMENTER:
        return translate_trama(&in->experimenter, out);
    }
    return -EOPNOTSUPP;
}

static const struct ofp_nx_action *nx_of(const struct ofp_action *in)
{
    bool is_nx = in->type == OFPAT_EXPERIMENTER && in->experimenter.experimenter == OFPEXP_NICIRA;

    return is_nx ? &in->experimenter.nicira : NULL;
}

size_t act_count(const struct ofp_action *in, size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += nx_of(&in[i]) ? nx_act_count(nx_of(&in[i])) : 1;
    return sum;
}

int translate_acts(const struct ofp_action *in, size_t n, struct act *out)
{
    int err = 0;

    for (size_t i = 0; i < n && !err; i++) {
        size_t took = 1;

        err = nx_of(&in[i]) ? translate_nx(nx_of(&in[i]), out, &took) : translate(&in[i], out);
        out += took;
    }
    return err;
}

int translate_actions_to_acts(struct arena *a, const struct ofp_action *in, size_t n, struct act **out, uint16_t *n_out)
{
    size_t n_acts = act_count(in, n);
    struct act *acts = arena_calloc(a, n_acts + 1, sizeof *acts);
    int err = acts && n_acts <= UINT16_MAX ? translate_acts(in, n, acts) : -ENOMEM;

    *out = acts;
    *n_out = (uint16_t)n_acts;
    return err;
}

static int translate_list(struct arena *a, const struct ofp_instruction_actions *in, const struct act **out,
                          uint16_t *n_out)
{
    struct act *acts;
    int err = translate_actions_to_acts(a, in->actions, in->n_actions, &acts, n_out);

    *out = acts;
    return err;
}

int translate_instructions(struct arena *a, const struct ofp_instruction *in, size_t n, struct rule_code *out)
{
    int err = 0;

    *out = (struct rule_code){ .goto_table = NO_GOTO };
    for (size_t i = 0; i < n && !err; i++)
        switch (in[i].type) {
        case OFPIT_GOTO_TABLE:
            out->goto_table = in[i].goto_table.table_id;
            break;
        case OFPIT_WRITE_METADATA:
            out->metadata = in[i].write_metadata.metadata & in[i].write_metadata.metadata_mask;
            out->metadata_mask = in[i].write_metadata.metadata_mask;
            break;
        case OFPIT_WRITE_ACTIONS:
            err = translate_list(a, &in[i].write_actions, &out->write, &out->n_write);
            break;
        case OFPIT_APPLY_ACTIONS:
            err = translate_list(a, &in[i].apply_actions, &out->apply, &out->n_apply);
            break;
        case OFPIT_CLEAR_ACTIONS:
            out->is_clear = true;
            break;
        case OFPIT_METER:
            out->meter_id = in[i].meter.meter_id;
            break;
        case OFPIT_EXPERIMENTER:
            err = -EOPNOTSUPP;
            break;
        }
    return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* model_net.c - see model_net.h. */
#include "model_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PORT_CONTROLLER UINT32_C(0xfffffffd)

void model_forget(struct model_net *net)
{
    net->n_out = net->n_steps = 0;
}

size_t model_count(const struct model_net *net, int sw, uint32_t port)
{
    size_t n = 0;

    for (size_t i = 0; i < net->n_out; i++)
        n += net->out[i].sw == sw && net->out[i].port == port;
    return n;
}

static void frame_to_key(struct key *k, const struct model_frame *f, uint32_t port, uint64_t metadata)
{
    memset(k, 0, sizeof *k);
    key_set_u64(k, FIELD_IN_PORT, port);
    key_set_u64(k, FIELD_METADATA, metadata);
    key_set_u64(k, FIELD_ETH_DST, f->dst);
    key_set_u64(k, FIELD_ETH_SRC, f->src);
    key_set_u64(k, FIELD_ETH_TYPE, f->type);
    key_set_u64(k, FIELD_VLAN_VID, f->vid == MODEL_UNTAGGED ? 0 : 0x1000 | (unsigned)f->vid);
    key_set_u64(k, FIELD_VLAN_PCP, f->vid == MODEL_UNTAGGED ? 0 : f->pcp);
}

static bool matches(const struct flow *f, const struct key *k)
{
    const uint64_t *value = compact_match_values(f->match), *mask = compact_match_masks(f->match);
    unsigned word, i = 0;

    for_each_key_word (word, &f->match->map) {
        if ((k->w[word] ^ value[i]) & mask[i])
            return false;
        i++;
    }
    return true;
}

/* The match of highest priority; two that differ in action at one priority would be the compiler's mistake. */
static const struct flow *lookup(const struct flow_set *set, unsigned table, const struct key *k)
{
    const struct flow *best = NULL;

    for_each_flow (f, set) {
        if (f->spec.table != table || !matches(f, k))
            continue;
        if (best && best->spec.priority == f->spec.priority && flow_compare(best, f) != FLOW_SAME)
            fail_msg("two flows of table %u, priority %u match one frame", table, f->spec.priority);
        if (!best || f->spec.priority > best->spec.priority)
            best = f;
    }
    return best;
}

static void deliver(struct model_net *net, int sw, uint32_t port, const struct model_frame *f, uint64_t cookie)
{
    for (size_t i = 0; i < net->doc->n_links; i++) {
        for (int j = 0; j < 2; j++) {
            const struct net_end *here = &net->doc->links[i].end[j], *there = &net->doc->links[i].end[1 - j];

            if (here->sw != sw || view_port_number(&net->view->switches[sw], &here->port) != port)
                continue;
            if (net->link_is_up[i])
                model_send(net, there->sw, view_port_number(&net->view->switches[there->sw], &there->port), f);
            return;
        }
    }
    if (net->n_out == MODEL_OUT_MAX)
        fail_msg("too many frames");
    net->out[net->n_out++] = (struct model_out){ sw, port, *f, cookie };
}

static void act(struct model_net *net, int sw, uint32_t in_port, const struct flow *flow, struct model_frame *f)
{
    for (size_t i = 0; i < flow->spec.n_acts; i++) {
        const struct flow_act *a = &flow->spec.acts[i];

        switch (a->type) {
        case FLOW_ACT_OUTPUT:
            if (a->port != in_port)
                deliver(net, sw, a->port, f, flow->spec.cookie);
            break;
        case FLOW_ACT_PUSH_VLAN:
            assert_int_equal(f->vid, MODEL_UNTAGGED); /* a second tag cannot be modelled */
            f->vid = 0;
            f->pcp = 0;
            break;
        case FLOW_ACT_POP_VLAN:
            assert_int_not_equal(f->vid, MODEL_UNTAGGED);
            f->vid = MODEL_UNTAGGED;
            break;
        case FLOW_ACT_SET_VLAN:
            assert_int_not_equal(f->vid, MODEL_UNTAGGED);
            f->vid = a->arg;
            break;
        }
    }
}

void model_send(struct model_net *net, int sw, uint32_t port, const struct model_frame *frame)
{
    struct model_frame f = *frame;
    uint64_t metadata = 0;
    unsigned table = 0;

    if (net->n_steps++ > MODEL_STEPS_MAX)
        return;
    while (table != FLOW_NO_GOTO) {
        struct key k;
        const struct flow *flow;

        frame_to_key(&k, &f, port, metadata);
        flow = lookup(net->flows[sw], table, &k);
        if (!flow)
            return;
        act(net, sw, port, flow, &f);
        metadata = (metadata & ~flow->spec.metadata_mask) | (flow->spec.metadata & flow->spec.metadata_mask);
        assert_true(flow->spec.goto_table > table);
        table = flow->spec.goto_table;
    }
}

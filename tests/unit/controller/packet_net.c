/* SPDX-License-Identifier: Apache-2.0 */
/* packet_net.c - see packet_net.h. */
#include "packet_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/nptv6.h"
#include "openflow/ct.h"

#define PORT_CONTROLLER UINT32_C(0xfffffffd)
#define PORT_IN UINT32_C(0xfffffff8)
enum { VID_PRESENT = 0x1000, STEPS_MAX = 64, TCP = 6, UDP = 17, SCTP = 132, ICMP = 1, ICMPV6 = 58, ETH_IP = 0x0800 };
enum { NEW = 1, EST = 2, RPL = 8, TRK = 32, SNAT = 64, DNAT = 128 };

/* --- tables --- */
static int by_place(const void *a, const void *b)
{
    const struct flow *x = *(const struct flow *const *)a, *y = *(const struct flow *const *)b;

    if (x->spec.table != y->spec.table)
        return x->spec.table < y->spec.table ? -1 : 1;
    return x->spec.priority > y->spec.priority ? -1 : x->spec.priority < y->spec.priority;
}

void packet_net_init(struct packet_net *net, const struct net_doc *doc, const struct view *view,
                     const struct plan *plan)
{
    memset(net, 0, sizeof *net);
    net->doc = doc;
    net->view = view;
    for (size_t i = 0; i < doc->n_switches; i++) {
        size_t n = 0;

        net->flows[i] = malloc((flow_set_count(&plan->flows[i]) + 1) * sizeof *net->flows[i]);
        assert_non_null(net->flows[i]);
        for_each_flow (f, &plan->flows[i])
            net->flows[i][n++] = f;
        qsort(net->flows[i], n, sizeof *net->flows[i], by_place);
        for (size_t t = 0, at = 0; t <= PACKET_TABLES; t++) {
            while (at < n && net->flows[i][at]->spec.table < t)
                at++;
            net->first[i][t] = at;
        }
    }
}

void packet_net_fini(struct packet_net *net)
{
    for (size_t i = 0; i < net->doc->n_switches; i++)
        free(net->flows[i]);
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

/* The match of highest priority; two of them that do different things would be the compiler's mistake. */
static const struct flow *lookup(const struct packet_net *net, int sw, unsigned table, const struct key *k)
{
    const struct flow *best = NULL;

    for (size_t i = net->first[sw][table]; i < net->first[sw][table + 1]; i++) {
        const struct flow *f = net->flows[sw][i];

        if (best && f->spec.priority < best->spec.priority)
            break;
        if (!matches(f, k))
            continue;
        if (best && flow_compare(best, f) != FLOW_SAME)
            fail_msg("two flows of table %u, priority %u match one packet (%s, %s)", table, f->spec.priority,
                     flow_kind_name[flow_cookie_kind(best->spec.cookie)],
                     flow_kind_name[flow_cookie_kind(f->spec.cookie)]);
        best = f;
    }
    return best;
}

/* --- connections --- */
static bool has_ports(const struct tuple *t)
{
    return t->proto == TCP || t->proto == UDP || t->proto == SCTP;
}

struct tuple packet_tuple(const struct packet *p)
{
    bool is_v4 = key_get(&p->k, FIELD_ETH_TYPE).lo == ETH_IP;
    struct tuple t = {
        .src = key_get(&p->k, is_v4 ? FIELD_IPV4_SRC : FIELD_IPV6_SRC),
        .dst = key_get(&p->k, is_v4 ? FIELD_IPV4_DST : FIELD_IPV6_DST),
        .eth_type = (uint16_t)key_get(&p->k, FIELD_ETH_TYPE).lo,
        .proto = (uint8_t)key_get(&p->k, FIELD_IP_PROTO).lo,
        .src_port = p->id,
        .dst_port = p->id,
    };

    if (has_ports(&t)) {
        t.src_port = (uint16_t)key_get(&p->k, FIELD_TCP_SRC).lo;
        t.dst_port = (uint16_t)key_get(&p->k, FIELD_TCP_DST).lo;
    }
    return t;
}

static void packet_set_tuple(struct packet *p, const struct tuple *t)
{
    bool is_v4 = t->eth_type == ETH_IP;

    key_set(&p->k, is_v4 ? FIELD_IPV4_SRC : FIELD_IPV6_SRC, t->src);
    key_set(&p->k, is_v4 ? FIELD_IPV4_DST : FIELD_IPV6_DST, t->dst);
    p->id = t->src_port;
    if (has_ports(t)) {
        key_set_u64(&p->k, FIELD_TCP_SRC, t->src_port);
        key_set_u64(&p->k, FIELD_TCP_DST, t->dst_port);
    }
}

static bool value_same(struct value a, struct value b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static bool tuple_same(const struct tuple *a, const struct tuple *b)
{
    return value_same(a->src, b->src) && value_same(a->dst, b->dst) && a->eth_type == b->eth_type &&
           a->src_port == b->src_port && a->dst_port == b->dst_port && a->proto == b->proto;
}

static struct tuple turned(const struct tuple *t)
{
    return (struct tuple){ t->dst, t->src, t->eth_type, t->dst_port, t->src_port, t->proto };
}

static struct packet_conn *conn_find(struct packet_net *net, int sw, uint16_t zone, const struct tuple *t,
                                     bool *is_reply)
{
    for (size_t i = 0; i < net->n_conns; i++) {
        struct packet_conn *c = &net->conns[i];

        if (c->sw != sw || c->zone != zone)
            continue;
        *is_reply = tuple_same(&c->reply, t);
        if (*is_reply || tuple_same(&c->orig, t))
            return c;
    }
    return NULL;
}

/* What the answers to a translated connection look like: the first address and port that no other has, its own port at first. */
static struct tuple translated(struct packet_net *net, int sw, const struct flow_act *a, const struct tuple *orig)
{
    struct tuple t = turned(orig);
    uint64_t last = a->value_max.lo ? a->value_max.lo : a->value.lo;
    unsigned lo = a->port_min ? a->port_min : 1024, hi = a->port_max ? a->port_max : a->port_min ? a->port_min : 65535;
    bool is_reply;

    if (a->nat_flags & CT_NAT_F_DST) {
        t.src = a->value;
        t.src_port = a->port_min ? a->port_min : t.src_port;
        return t;
    }
    for (uint64_t ip = a->value.lo; ip <= last; ip++) {
        t.dst.lo = ip;
        if ((!a->port_min || (t.dst_port >= lo && t.dst_port <= hi)) && !conn_find(net, sw, a->arg, &t, &is_reply))
            return t;
        for (unsigned port = lo; port <= hi; port++) {
            t.dst_port = (uint16_t)port;
            if (!has_ports(&t))
                t.src_port = t.dst_port;
            if (!conn_find(net, sw, a->arg, &t, &is_reply))
                return t;
        }
    }
    fail_msg("no port is free");
    return t;
}

/* What the table says of the packet: its ct_state. */
static unsigned conn_track(struct packet_net *net, int sw, const struct flow_act *a, struct packet *p)
{
    struct tuple t = packet_tuple(p), now;
    bool is_reply = false, is_new;
    struct packet_conn *c = conn_find(net, sw, a->arg, &t, &is_reply);
    unsigned state = TRK;

    is_new = !c;
    if (!c && !(a->ct_flags & FLOW_CT_COMMIT))
        return TRK | NEW;
    if (!c) {
        assert_true(net->n_conns < CONNS_MAX);
        c = &net->conns[net->n_conns];
        *c = (struct packet_conn){ .sw = sw, .zone = a->arg, .orig = t, .reply = turned(&t) };
        if (a->ct_flags & FLOW_CT_NAT && a->nat_flags & (CT_NAT_F_SRC | CT_NAT_F_DST))
            c->reply = translated(net, sw, a, &t);
        net->n_conns++;
    }
    now = turned(is_reply ? &c->orig : &c->reply);
    if (a->ct_flags & FLOW_CT_NAT) {
        packet_set_tuple(p, &now);
        if (!value_same(now.src, t.src) || now.src_port != t.src_port)
            state |= SNAT;
        if (!value_same(now.dst, t.dst) || now.dst_port != t.dst_port)
            state |= DNAT;
    }
    return state | (is_new ? NEW : EST) | (is_reply ? RPL : 0);
}

/* --- walking --- */
static void deliver(struct packet_net *net, int sw, uint32_t port, const struct packet *p, uint64_t cookie);

static void translate_prefix(struct key *k, const struct flow_act *a)
{
    const struct nptv6 t = { a->prefix, a->value, a->prefix_len, a->outside_len };
    enum field_id field = a->arg ? FIELD_IPV6_DST : FIELD_IPV6_SRC;
    struct value v = key_get(k, field);

    assert_int_equal((a->arg ? nptv6_to_inside : nptv6_to_outside)(&t, &v), NPTV6_MAPPED);
    key_set(k, field, v);
}

/* One action that is neither output nor ct. */
static void change(struct packet *p, const struct flow_act *a)
{
    struct key *k = &p->k;

    switch (a->type) {
    case FLOW_ACT_PUSH_VLAN:
        assert_int_equal(key_get(k, FIELD_VLAN_VID).lo, 0);
        key_set_u64(k, FIELD_VLAN_VID, VID_PRESENT);
        break;
    case FLOW_ACT_POP_VLAN:
        assert_int_not_equal(key_get(k, FIELD_VLAN_VID).lo, 0);
        key_set_u64(k, FIELD_VLAN_VID, 0);
        break;
    case FLOW_ACT_SET_VLAN:
        assert_int_not_equal(key_get(k, FIELD_VLAN_VID).lo, 0);
        key_set_u64(k, FIELD_VLAN_VID, VID_PRESENT | a->arg);
        break;
    case FLOW_ACT_SET:
        key_set(k, (enum field_id)a->field, a->value);
        break;
    case FLOW_ACT_MOVE:
        key_set(k, (enum field_id)a->field, key_get(k, (enum field_id)a->src));
        break;
    case FLOW_ACT_DEC_TTL:
        assert_true(key_get(k, FIELD_IP_TTL).lo > 1);
        key_set_u64(k, FIELD_IP_TTL, key_get(k, FIELD_IP_TTL).lo - 1);
        break;
    case FLOW_ACT_NPTV6:
        translate_prefix(k, a);
        break;
    case FLOW_ACT_CLAMP_MSS:
        break;
    case FLOW_ACT_CHECK_SIZE:
        key_set_masked(k, (enum field_id)a->field, value_of(p->size > a->arg), value_of(1));
        break;
    default:
        fail_msg("action %u", a->type);
    }
}

/* Where the packet goes on. */
static unsigned act(struct packet_net *net, int sw, uint32_t in_port, const struct flow *f, struct packet *p)
{
    unsigned table = f->spec.goto_table, state;

    for (size_t i = 0; i < f->spec.n_acts; i++) {
        const struct flow_act *a = &f->spec.acts[i];

        if (a->type == FLOW_ACT_OUTPUT && a->port == PORT_IN) {
            deliver(net, sw, in_port, p, f->spec.cookie);
        } else if (a->type == FLOW_ACT_OUTPUT) {
            if (a->port != key_get(&p->k, FIELD_IN_PORT).lo)
                deliver(net, sw, a->port, p, f->spec.cookie);
        } else if (a->type == FLOW_ACT_CT) {
            state = conn_track(net, sw, a, p);
            if (a->table == CT_NO_TABLE) /* the packet goes on as it is */
                continue;
            assert_true(i + 1 == f->spec.n_acts && f->spec.goto_table == FLOW_NO_GOTO);
            key_set_u64(&p->k, FIELD_CT_STATE, state);
            key_set_u64(&p->k, FIELD_CT_ZONE, a->arg);
            table = a->table;
        } else {
            change(p, a);
        }
    }
    key_set_masked(&p->k, FIELD_METADATA, value_of(f->spec.metadata), value_of(f->spec.metadata_mask));
    return table;
}

static void walk(struct packet_net *net, int sw, uint32_t port, const struct packet *in)
{
    struct packet p = *in;
    unsigned table = 0;

    key_set_u64(&p.k, FIELD_IN_PORT, port);
    key_set_u64(&p.k, FIELD_METADATA, 0);
    key_set_u64(&p.k, FIELD_REG0, 0);
    key_set_u64(&p.k, FIELD_REG1, 0);
    key_set_u64(&p.k, FIELD_CT_STATE, 0);
    key_set_u64(&p.k, FIELD_CT_ZONE, 0);
    while (table != FLOW_NO_GOTO) {
        const struct flow *f = lookup(net, sw, table, &p.k);

        if (net->n_steps++ > STEPS_MAX)
            fail_msg("a packet circles");
        if (!f)
            return;
        table = act(net, sw, port, f, &p);
    }
}

static void deliver(struct packet_net *net, int sw, uint32_t port, const struct packet *p, uint64_t cookie)
{
    for (size_t i = 0; i < net->doc->n_links; i++)
        for (int j = 0; j < 2; j++) {
            const struct net_end *here = &net->doc->links[i].end[j], *there = &net->doc->links[i].end[1 - j];

            if (here->sw != sw || view_port_number(&net->view->switches[sw], &here->port) != port)
                continue;
            if (net->view->link_is_up[i])
                walk(net, there->sw, view_port_number(&net->view->switches[there->sw], &there->port), p);
            return;
        }
    assert_true(net->n_out < PACKET_OUT_MAX);
    net->out[net->n_out++] = (struct packet_out){ sw, port, *p, cookie };
}

void packet_send(struct packet_net *net, int sw, uint32_t port, const struct packet *p)
{
    net->n_out = net->n_steps = 0;
    walk(net, sw, port, p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* compile_policy.c - the flows of policies: who may begin to talk to whom.
 * Flow: document, view -> [compile_policy] -> flow sets.   See compiler.h and net/net_router.h.
 *
 *   table 9, state     IP goes through the connection table -> 10, in the zone of its domain; everything else, and what a
 *                      router says itself -> 12.  What came by a link was held against the policies by the switch before,
 *                      and is looked up only when it is for a host here, so that the host's answers are known as such.
 *   table 10, policy    answers and what is related -> 11.  Invalid ones end here.  The others, the first of a connection and
 *                      each later one in its direction, meet the policies of the document in order (the lower half of the
 *                      cookie is the policy's index, so its counters are what it hit); a withdrawn permission so ends what
 *                      it had allowed.
 *   table 11, nat      see compile_router.c.
 */
#include "controller/compiler_impl.h"

enum {
    PRIO_TRUSTED = 61000,
    PRIO_ANSWER = 60000,
    PRIO_FIRST_POLICY = 40000, /* and down; 10000 at most, each has two levels, the upper for helpers */
    PRIO_FORWARDED = 200,
    PRIO_OUTSIDE = 150,
    PRIO_DEFAULT = 100,
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ICMPV6 = 58,
    ETH_TYPE_IP = 0x0800,
};
#define GROUP_BIT (UINT64_C(1) << 40)

static bool router_has_outside(const struct net_router *r)
{
    for (size_t i = 0; i < r->n_legs; i++)
        if (r->legs[i].is_outside)
            return true;
    return false;
}

static bool is_policed(const struct net_doc *doc, int network)
{
    const struct net_network *n = &doc->networks[network];

    return doc->n_policies || (n->router != NET_NONE && router_has_outside(&doc->routers[n->router]));
}

bool compiler_is_policed(const struct compiler *c, int network)
{
    return is_policed(c->doc, network);
}

uint8_t table_after_routing(const struct net_doc *doc, int network)
{
    return is_policed(doc, network) ? TABLE_STATE : TABLE_FORWARD;
}

uint8_t compiler_after_routing(const struct compiler *c, int network)
{
    return table_after_routing(c->doc, network);
}

uint8_t compiler_entry(const struct compiler *c, int network)
{
    return compiler_is_routed(c, network) ? TABLE_LOCAL : compiler_after_routing(c, network);
}

uint64_t compiler_origin(const struct compiler *c, int network)
{
    if (compiler_entry(c, network) == TABLE_FORWARD)
        return 0;
    return (uint64_t)c->doc->networks[network].vlan << METADATA_ORIGIN_SHIFT;
}

uint16_t compiler_zone(const struct compiler *c, int network, enum zone_use use)
{
    const struct net_network *n = &c->doc->networks[network];
    uint16_t vlan = n->vlan;

    if (n->router != NET_NONE) {
        const struct net_router *r = &c->doc->routers[n->router];

        for (size_t i = 0; i < r->n_legs; i++)
            if (c->doc->networks[r->legs[i].network].vlan < vlan)
                vlan = c->doc->networks[r->legs[i].network].vlan;
    }
    return (uint16_t)(vlan + 4096 * (unsigned)use);
}

/* --- table 9, state --- */
static void emit_pass(struct compiler *c, struct draft *d)
{
    d->spec.goto_table = TABLE_FORWARD;
    draft_emit(c, d);
}

static void match_state(struct draft *d, unsigned value, unsigned mask)
{
    match_set_masked(&d->m, FIELD_CT_STATE, value_of(value), value_of(mask));
}

/* IP of the network through the connection table.  `mac`: to this host only, and whatever way it came; 0: all. */
static void emit_track(struct compiler *c, int network, net_mac mac)
{
    uint16_t vlan = c->doc->networks[network].vlan;

    for (int v6 = 0; v6 < 2; v6++) {
        struct draft d = draft_new(TABLE_STATE, mac ? 260 : 200, FLOW_KIND_STATE, vlan);

        draft_match_vlan(&d, vlan);
        if (mac)
            match_set(&d.m, FIELD_ETH_DST, mac);
        draft_match_family(&d, v6 ? 6 : 4);
        draft_ct(&d, compiler_zone(c, network, ZONE_POLICY), TABLE_POLICY, 0, 0);
        draft_emit(c, &d);
    }
}

static void emit_state(struct compiler *c, int network)
{
    uint16_t vlan = c->doc->networks[network].vlan;
    struct draft d = draft_new(TABLE_STATE, 100, FLOW_KIND_STATE, vlan);

    draft_match_vlan(&d, vlan);
    emit_pass(c, &d); /* not IP */
    emit_track(c, network, 0);
    d = draft_new(TABLE_STATE, 250, FLOW_KIND_STATE, vlan);
    draft_match_vlan(&d, vlan);
    draft_match_metadata(&d, METADATA_TRUSTED, METADATA_TRUSTED);
    emit_pass(c, &d);
    d = draft_new(TABLE_STATE, 300, FLOW_KIND_STATE, vlan);
    draft_match_vlan(&d, vlan);
    match_set_masked(&d.m, FIELD_ETH_DST, value_of(GROUP_BIT), value_of(GROUP_BIT));
    emit_pass(c, &d);
    d = draft_new(TABLE_STATE, 310, FLOW_KIND_STATE, vlan);
    draft_match_vlan(&d, vlan);
    match_set(&d.m, FIELD_REG0, WAY_OWN);
    emit_pass(c, &d);
    for (uint64_t type = 135; type <= 136; type++) { /* neighbor discovery is no conversation: RFC 4861 */
        d = draft_new(TABLE_STATE, 290, FLOW_KIND_STATE, vlan);
        draft_match_vlan(&d, vlan);
        draft_match_family(&d, 6);
        match_set(&d.m, FIELD_IP_PROTO, PROTO_ICMPV6);
        match_set(&d.m, FIELD_ICMPV6_TYPE, type);
        emit_pass(c, &d);
    }
}

static void emit_state_hosts(struct compiler *c)
{
    for (size_t i = 0; i < c->view->n_hosts; i++) {
        const struct view_host *h = &c->view->hosts[i];

        if (c->is_undeclared[i] && h->sw == c->sw && compiler_is_policed(c, h->network))
            emit_track(c, h->network, h->mac);
    }
    for (size_t i = 0; i < c->doc->n_hosts; i++) {
        const struct net_host *h = &c->doc->hosts[i];

        if (h->mac && h->at.sw == c->sw && compiler_is_policed(c, h->network))
            emit_track(c, h->network, h->mac);
    }
}

/* --- table 10, policy --- */
static unsigned helpers_of(const struct compiler *c, size_t network)
{
    int router = c->doc->networks[network].router;

    return router == NET_NONE ? 0 : c->doc->routers[router].helpers;
}

/* Whether frames that match may be for the port `p`, which then is matched, too. */
static bool match_helper(struct draft *d, const struct helper_port *p)
{
    if (match_has(&d->m, FIELD_IP_PROTO) && key_get(&d->m.value, FIELD_IP_PROTO).lo != p->protocol)
        return false;
    if (key_get(&d->m.value, p->field).lo != (p->port & key_get(&d->m.mask, p->field).lo))
        return false;
    match_set(&d->m, FIELD_IP_PROTO, p->protocol);
    match_set(&d->m, p->field, p->port);
    return true;
}

/* `d` begins connections in the zone of `network`; those that announce others are looked into, for what is related to
 * them to be known as such.  The addresses that they name are those inside, as everywhere in this zone. */
static void emit_begin(struct compiler *c, const struct draft *d, size_t network)
{
    struct draft e = *d;

    draft_ct(&e, compiler_zone(c, (int)network, ZONE_POLICY), CT_ON, FLOW_CT_COMMIT, 0);
    draft_emit(c, &e);
    for (unsigned i = 0; i < NET_HELPERS; i++) {
        struct draft h = e;

        if (!(helpers_of(c, network) >> i & 1) || !match_helper(&h, &helper_ports[i]))
            continue;
        h.spec.priority++;
        h.acts[h.spec.n_acts - 1].alg = helper_ports[i].alg;
        draft_emit(c, &h);
    }
}

/* What may pass: the first of a connection is entered into the table, later ones just go on.  A ct wants to know that it
 * is IP that it gets. */
static void emit_allowed(struct compiler *c, const struct draft *like)
{
    struct draft d = *like;

    if (!match_has(&d.m, FIELD_ETH_TYPE)) {
        draft_match_family(&d, 4);
        emit_allowed(c, &d);
        draft_match_family(&d, 6);
        emit_allowed(c, &d);
        return;
    }
    match_state(&d, CT_TRK | CT_NEW, CT_TRK | CT_NEW);
    d.spec.goto_table = TABLE_NAT;
    for (size_t n = 0; n < c->doc->n_networks; n++) { /* the zone is that of the network */
        struct draft e = d;

        if (!compiler_is_policed(c, (int)n))
            continue;
        if (match_has(&d.m, FIELD_VLAN_VID) &&
            key_get(&d.m.value, FIELD_VLAN_VID).lo != (VID_PRESENT | c->doc->networks[n].vlan))
            continue;
        draft_match_vlan(&e, c->doc->networks[n].vlan);
        emit_begin(c, &e, n);
    }
    d = *like;
    match_state(&d, CT_TRK | CT_EST, CT_TRK | CT_EST);
    d.spec.goto_table = TABLE_NAT;
    draft_emit(c, &d);
}

static void emit_verdict(struct compiler *c, const struct draft *d, bool is_allowed)
{
    struct draft copy = *d;

    if (is_allowed)
        emit_allowed(c, d);
    else
        draft_emit(c, &copy);
}

void compiler_port_range(struct compiler *c, uint16_t first, uint16_t last,
                         void (*f)(struct compiler *c, const void *arg, uint16_t port, uint16_t mask), const void *arg)
{
    uint32_t port = first;

    while (port <= last) {
        uint32_t size = port ? port & -port : 0x10000;

        while (port + size - 1 > last)
            size /= 2;
        f(c, arg, (uint16_t)port, (uint16_t)(0xffff & ~(size - 1)));
        port += size;
    }
}

struct ported {
    const struct draft *like;
    enum field_id field;
    bool is_allowed;
};

static void emit_ported(struct compiler *c, const void *arg, uint16_t port, uint16_t mask)
{
    const struct ported *p = arg;
    struct draft d = *p->like;

    match_set_masked(&d.m, p->field, value_of(port), value_of(mask));
    emit_verdict(c, &d, p->is_allowed);
}

static void emit_ports(struct compiler *c, const struct draft *like, const struct net_policy *p)
{
    enum field_id field = p->protocol == PROTO_TCP   ? FIELD_TCP_DST
                          : p->protocol == PROTO_UDP ? FIELD_UDP_DST
                                                     : FIELD_SCTP_DST;

    if (p->port_min)
        compiler_port_range(c, p->port_min, p->port_max, emit_ported, &(struct ported){ like, field, p->is_allowed });
    else
        emit_verdict(c, like, p->is_allowed);
}

static void emit_protocol(struct compiler *c, const struct draft *like, const struct net_policy *p)
{
    bool has_family = match_has(&like->m, FIELD_ETH_TYPE);

    if (!p->protocol) {
        emit_verdict(c, like, p->is_allowed);
        return;
    }
    for (int v6 = 0; v6 < 2; v6++) {
        struct draft d = *like;

        if (has_family && (key_get(&d.m.value, FIELD_ETH_TYPE).lo == ETH_TYPE_IP) == v6)
            continue;
        draft_match_family(&d, v6 ? 6 : 4);
        match_set(&d.m, FIELD_IP_PROTO, p->protocol == PROTO_ICMP && v6 ? PROTO_ICMPV6 : p->protocol);
        emit_ports(c, &d, p);
    }
}

/* The networks outside, of all routers: one after the other; `*i` counts.  NET_NONE: no more. */
static int next_outside(const struct compiler *c, size_t *i)
{
    for (; *i < c->doc->n_networks; (*i)++) {
        const struct net_leg *leg = net_doc_leg(c->doc, (int)*i);

        if (leg && leg->is_outside)
            return (int)(*i)++;
    }
    return NET_NONE;
}

static void match_network(const struct compiler *c, struct draft *d, enum draft_end end, int network)
{
    uint16_t vlan = c->doc->networks[network].vlan;

    if (end == DRAFT_DST)
        draft_match_vlan(d, vlan);
    else
        draft_match_metadata(d, (uint64_t)vlan << METADATA_ORIGIN_SHIFT, METADATA_ORIGIN_MASK);
}

/* Both sides in turn, `from` first. */
static void emit_sides(struct compiler *c, const struct draft *like, const struct net_policy *p,
                       const struct net_side *from, const struct net_side *to)
{
    const struct net_side *s = from ? from : to;
    enum draft_end end = from ? DRAFT_SRC : DRAFT_DST;
    struct draft d = *like;
    size_t i = 0;
    int network;

    if (!s) {
        emit_protocol(c, like, p);
        return;
    }
    switch (s->kind) {
    case NET_SIDE_OUTSIDE:
        while ((network = next_outside(c, &i)) != NET_NONE) {
            d = *like;
            match_network(c, &d, end, network);
            emit_sides(c, &d, p, NULL, from ? to : NULL);
        }
        return;
    case NET_SIDE_NETWORK:
        match_network(c, &d, end, s->network);
        break;
    case NET_SIDE_PREFIX:
        if (match_has(&d.m, FIELD_ETH_TYPE) &&
            (key_get(&d.m.value, FIELD_ETH_TYPE).lo == ETH_TYPE_IP) != (s->prefix.family == 4))
            return; /* no frame has both */
        draft_match_ip(&d, end, &s->prefix, s->prefix.prefix_len);
        break;
    case NET_SIDE_ANY:
        break;
    }
    emit_sides(c, &d, p, NULL, from ? to : NULL);
}

static void emit_policy(struct compiler *c, size_t i)
{
    const struct net_policy *p = &c->doc->policies[i];
    struct draft d = draft_new(TABLE_POLICY, (uint16_t)(PRIO_FIRST_POLICY - 2 * i), FLOW_KIND_POLICY, (uint32_t)i);

    for (size_t j = 0; j < p->n_from; j++)
        for (size_t k = 0; k < p->n_to; k++)
            emit_sides(c, &d, p, &p->from[j], &p->to[k]);
}

/* What a helper expects belongs to a connection that was allowed, whoever begins it: entered like that one, and its later
 * frames in either direction pass with it. */
static void emit_related(struct compiler *c)
{
    const unsigned first = CT_TRK | CT_NEW | CT_REL, later = CT_TRK | CT_EST | CT_REL;
    bool has_helpers = false;
    struct draft d;

    for (size_t n = 0; n < c->doc->n_networks; n++) {
        if (!compiler_is_policed(c, (int)n) || !helpers_of(c, n))
            continue;
        has_helpers = true;
        for (int v6 = 0; v6 < 2; v6++) {
            d = draft_new(TABLE_POLICY, PRIO_ANSWER + 1, FLOW_KIND_STATE, c->doc->networks[n].vlan);
            draft_match_vlan(&d, c->doc->networks[n].vlan);
            draft_match_family(&d, v6 ? 6 : 4);
            match_state(&d, first, first | CT_INV);
            draft_ct(&d, compiler_zone(c, (int)n, ZONE_POLICY), CT_ON, FLOW_CT_COMMIT, 0);
            d.spec.goto_table = TABLE_NAT;
            draft_emit(c, &d);
        }
    }
    if (!has_helpers)
        return;
    d = draft_new(TABLE_POLICY, PRIO_ANSWER, FLOW_KIND_STATE, 0);
    match_state(&d, later, later | CT_INV);
    d.spec.goto_table = TABLE_NAT;
    draft_emit(c, &d);
}

/* What holds where no policy says anything. */
static void emit_defaults(struct compiler *c)
{
    static const unsigned answers[][2] = {
        { CT_TRK | CT_EST | CT_RPL, CT_TRK | CT_EST | CT_RPL },
        { CT_TRK | CT_REL, CT_TRK | CT_REL | CT_EST | CT_INV },
    };
    struct draft d;
    size_t i = 0;
    int network;

    for (size_t k = 0; k < 2; k++) {
        d = draft_new(TABLE_POLICY, PRIO_ANSWER, FLOW_KIND_STATE, 0);
        match_state(&d, answers[k][0], answers[k][1]);
        d.spec.goto_table = TABLE_NAT;
        draft_emit(c, &d);
    }
    emit_related(c);
    d = draft_new(TABLE_POLICY, PRIO_ANSWER + 1, FLOW_KIND_STATE, 0);
    match_state(&d, CT_TRK | CT_INV, CT_TRK | CT_INV);
    draft_emit(c, &d);
    /* What another switch let pass may be no connection here: its other direction went to the gateway as it was. */
    d = draft_new(TABLE_POLICY, PRIO_TRUSTED, FLOW_KIND_STATE, 0);
    draft_match_metadata(&d, METADATA_TRUSTED, METADATA_TRUSTED);
    d.spec.goto_table = TABLE_NAT;
    draft_emit(c, &d);
    d.spec.priority++;
    emit_allowed(c, &d);
    for (uint64_t way = WAY_HAIRPIN; way <= WAY_FORWARDED; way++) {
        d = draft_new(TABLE_POLICY, PRIO_FORWARDED, FLOW_KIND_STATE, 0);
        match_set(&d.m, FIELD_REG0, way);
        emit_allowed(c, &d);
    }
    while ((network = next_outside(c, &i)) != NET_NONE) {
        size_t j = 0;
        int to;

        d = draft_new(TABLE_POLICY, PRIO_OUTSIDE, FLOW_KIND_POLICY, UINT16_MAX);
        match_network(c, &d, DRAFT_SRC, network);
        draft_emit(c, &d);
        while ((to = next_outside(c, &j)) != NET_NONE) {
            d = draft_new(TABLE_POLICY, PRIO_OUTSIDE + 1, FLOW_KIND_STATE, 0);
            match_network(c, &d, DRAFT_SRC, network);
            match_network(c, &d, DRAFT_DST, to);
            emit_allowed(c, &d);
        }
    }
    d = draft_new(TABLE_POLICY, PRIO_DEFAULT, FLOW_KIND_STATE, 0);
    emit_allowed(c, &d);
    d = draft_new(TABLE_NAT, 1, FLOW_KIND_STATE, 0);
    emit_pass(c, &d);
}

void compile_policies(struct compiler *c)
{
    bool has_state = false;

    for (size_t n = 0; n < c->doc->n_networks; n++) {
        if (!compiler_is_policed(c, (int)n))
            continue;
        has_state = true;
        emit_state(c, (int)n);
    }
    if (!has_state)
        return;
    emit_state_hosts(c);
    for (size_t i = 0; i < c->doc->n_policies; i++)
        emit_policy(c, i);
    emit_defaults(c);
}

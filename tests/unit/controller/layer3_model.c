/* SPDX-License-Identifier: Apache-2.0 */
/* layer3_model.c - see layer3_model.h.  As naive as can be: linear searches through the document, in the order of its pages. */
#include "layer3_model.h"

#include "base/nptv6.h"

/* --- addresses --- */
struct value model_value(const struct ip_addr *ip)
{
    struct value v = { 0, 0 };

    for (int i = 0; i < (ip->family == 4 ? 4 : 16); i++) {
        v.hi = v.hi << 8 | v.lo >> 56;
        v.lo = v.lo << 8 | ip->bytes[i];
    }
    return v;
}

static struct ip_addr address_of(uint16_t eth_type, struct value v)
{
    struct ip_addr ip = { .family = eth_type == ETH_IP4 ? 4 : 6, .prefix_len = eth_type == ETH_IP4 ? 32 : 128 };
    int n = ip.family == 4 ? 4 : 16;

    for (int i = 0; i < n; i++) {
        int shift = 8 * (n - 1 - i);

        ip.bytes[i] = (uint8_t)(shift >= 64 ? v.hi >> (shift - 64) : v.lo >> shift);
    }
    return ip;
}

static bool is_address(const struct ip_addr *ip, uint16_t eth_type, struct value v)
{
    struct ip_addr other = address_of(eth_type, v);

    return ip_equal(ip, &other);
}

bool model_has_address(const struct net_host *h, const struct tuple *t)
{
    for (size_t i = 0; i < h->n_addresses; i++)
        if (is_address(&h->addresses[i], t->eth_type, t->src))
            return true;
    return false;
}

static bool is_v4(const struct tuple *t)
{
    return t->eth_type == ETH_IP4;
}

/* --- the router's addresses --- */
static bool is_outside(const struct net_doc *doc, int network)
{
    const struct net_leg *leg = net_doc_leg(doc, network);

    return leg && leg->is_outside;
}

/* The leg that the address is of, NULL: it is none of its own. */
static const struct net_leg *own_leg(const struct net_router *r, const struct tuple *t)
{
    for (size_t i = 0; i < r->n_legs; i++)
        for (size_t j = 0; j < r->legs[i].n_addresses; j++)
            if (is_address(&r->legs[i].addresses[j], t->eth_type, t->dst))
                return &r->legs[i];
    return NULL;
}

static const struct ip_addr *first_outside(const struct net_router *r)
{
    for (size_t i = 0; i < r->n_legs; i++)
        for (size_t j = 0; r->legs[i].is_outside && j < r->legs[i].n_addresses; j++)
            if (r->legs[i].addresses[j].family == 4)
                return &r->legs[i].addresses[j];
    return NULL;
}

/* An address that something is translated to. */
static bool is_translating(const struct net_router *r, const struct tuple *t)
{
    const struct net_leg *leg = own_leg(r, t);

    if (!is_v4(t))
        return false;
    for (size_t i = 0; i < r->n_source_nats; i++) {
        const struct net_source_nat *s = &r->source_nats[i];

        if (s->first.family && t->dst.lo >= model_value(&s->first).lo && t->dst.lo <= model_value(&s->last).lo)
            return true;
    }
    for (size_t i = 0; i < r->n_forwards; i++)
        if (r->forwards[i].at.family && is_address(&r->forwards[i].at, ETH_IP4, t->dst))
            return true;
    return leg && leg->is_outside;
}

/* A forward or a one-to-one address: the destination inside. */
static bool forwarded(const struct net_router *r, struct tuple *t)
{
    const struct net_leg *leg = own_leg(r, t);

    for (size_t i = 0; i < r->n_forwards && is_v4(t); i++) {
        const struct net_forward *f = &r->forwards[i];

        if (f->protocol == t->proto && f->port == t->dst_port &&
            (f->at.family ? is_address(&f->at, ETH_IP4, t->dst) : leg && leg->is_outside)) {
            t->dst = model_value(&f->to);
            t->dst_port = f->to_port;
            return true;
        }
    }
    for (size_t i = 0; i < r->n_one_to_ones && is_v4(t); i++)
        if (is_address(&r->one_to_ones[i].outside, ETH_IP4, t->dst)) {
            t->dst = model_value(&r->one_to_ones[i].inside);
            return true;
        }
    return false;
}

/* RFC 6296; true: it was in one of the router's prefixes. */
static bool prefix_changed(const struct net_router *r, struct value *v, bool is_in)
{
    for (size_t i = 0; i < r->n_nptv6s; i++) {
        const struct net_nptv6 *n = &r->nptv6s[i];
        const struct nptv6 t = { model_value(&n->inside), model_value(&n->outside), n->inside.prefix_len,
                                 n->outside.prefix_len };

        if ((is_in ? nptv6_to_inside : nptv6_to_outside)(&t, v) == NPTV6_MAPPED)
            return true;
    }
    return false;
}

/* --- policies --- */
static bool fits(const struct net_doc *doc, const struct net_side *s, int network, const struct ip_addr *ip)
{
    switch (s->kind) {
    case NET_SIDE_ANY:
        return true;
    case NET_SIDE_OUTSIDE:
        return is_outside(doc, network);
    case NET_SIDE_NETWORK:
        return s->network == network;
    case NET_SIDE_PREFIX:
        return ip->family == s->prefix.family && ip_is_in(ip, &s->prefix);
    }
    return false;
}

static bool any_fits(const struct net_doc *doc, const struct net_side *list, size_t n, int network,
                     const struct ip_addr *ip)
{
    for (size_t i = 0; i < n; i++)
        if (fits(doc, &list[i], network, ip))
            return true;
    return false;
}

static bool is_allowed(const struct net_doc *doc, int from, int to, const struct tuple *t, bool is_forwarded)
{
    struct ip_addr src = address_of(t->eth_type, t->src), dst = address_of(t->eth_type, t->dst);

    for (size_t i = 0; i < doc->n_policies; i++) {
        const struct net_policy *p = &doc->policies[i];

        if (p->protocol && p->protocol != t->proto && !(p->protocol == IP_ICMP && t->proto == IP_ICMPV6))
            continue;
        if (p->port_min && (t->dst_port < p->port_min || t->dst_port > p->port_max))
            continue;
        if (any_fits(doc, p->from, p->n_from, from, &src) && any_fits(doc, p->to, p->n_to, to, &dst))
            return p->is_allowed;
    }
    return !is_outside(doc, from) || is_forwarded || is_outside(doc, to);
}

/* --- the way --- */
static int host_with_mac(const struct net_doc *doc, int network, net_mac mac)
{
    for (size_t i = 0; i < doc->n_hosts; i++)
        if (doc->hosts[i].network == network && doc->hosts[i].mac == mac)
            return (int)i;
    return NET_NONE;
}

static int host_with_address(const struct net_doc *doc, int network, const struct ip_addr *ip)
{
    for (size_t i = 0; i < doc->n_hosts; i++)
        for (size_t j = 0; doc->hosts[i].network == network && j < doc->hosts[i].n_addresses; j++)
            if (ip_equal(&doc->hosts[i].addresses[j], ip))
                return (int)i;
    return NET_NONE;
}

/* The network and the next hop of the longest prefix. */
static bool route(const struct net_doc *doc, const struct net_router *r, const struct tuple *t, int *network,
                  struct ip_addr *hop)
{
    struct ip_addr dst = address_of(t->eth_type, t->dst);
    int best = -1;

    for (size_t i = 0; i < r->n_routes; i++)
        if (ip_is_in(&dst, &r->routes[i].to) && (int)r->routes[i].to.prefix_len > best) {
            best = r->routes[i].to.prefix_len;
            *network = r->legs[r->routes[i].leg].network;
            *hop = r->routes[i].via;
        }
    for (size_t i = 0; i < r->n_legs; i++) {
        const struct net_network *n = &doc->networks[r->legs[i].network];

        for (size_t j = 0; j < n->n_subnets; j++)
            if (ip_is_in(&dst, &n->subnets[j]) && (int)n->subnets[j].prefix_len >= best) {
                best = n->subnets[j].prefix_len;
                *network = r->legs[i].network;
                *hop = dst;
            }
    }
    return best >= 0;
}

static void source_from(struct verdict *v, const struct ip_addr *first, const struct ip_addr *last)
{
    v->t.src = model_value(first);
    v->src_last = model_value(last);
}

/* Who the sender is to the one who gets it.  `is_turned`: the destination was translated. */
static void source_translate(const struct net_doc *doc, const struct net_router *r, const struct net_host *sender,
                             int to, bool is_turned, struct verdict *v)
{
    const struct net_leg *leg = net_doc_leg(doc, to);
    int from = sender->network;

    if (!is_v4(&v->t)) {
        if (leg->is_outside || (is_turned && !is_outside(doc, from)))
            (void)prefix_changed(r, &v->t.src, false);
        v->src_last = v->t.src;
        return;
    }
    if (!leg->is_outside) {
        if (!is_turned || is_outside(doc, from))
            return;
        source_from(v, first_outside(r), first_outside(r));
        v->is_any_port = true;
        return;
    }
    for (size_t i = 0; i < r->n_one_to_ones; i++)
        if (is_address(&r->one_to_ones[i].inside, ETH_IP4, v->t.src)) {
            source_from(v, &r->one_to_ones[i].outside, &r->one_to_ones[i].outside);
            return;
        }
    for (size_t i = 0; i < r->n_source_nats; i++) {
        const struct net_source_nat *s = &r->source_nats[i];
        bool is_from = false;

        for (size_t j = 0; j < s->n_from; j++)
            is_from = is_from || s->from[j] == from;
        if (!is_from)
            continue;
        if (s->first.family)
            source_from(v, &s->first, &s->last);
        else
            source_from(v, net_doc_gateway(doc, to, 4), net_doc_gateway(doc, to, 4));
        v->port_min = s->port_min;
        v->port_max = s->port_max;
        v->is_any_port = !s->port_min;
        if (s->per_switch) { /* TCP and UDP: of the sender's switch */
            unsigned sw = (unsigned)(v->t.proto == IP_TCP || v->t.proto == IP_UDP ? sender->at.sw : r->gateway);

            v->port_min = (uint16_t)(s->port_min + sw * s->per_switch);
            v->port_max = (uint16_t)(v->port_min + s->per_switch - 1);
        }
        return;
    }
}

bool model_answers_differ(const struct net_doc *doc, const struct said *p)
{
    int from = doc->hosts[p->from].network;
    struct value v = p->t.dst;

    return is_outside(doc, from) && !is_v4(&p->t) &&
           prefix_changed(&doc->routers[doc->networks[from].router], &v, false);
}

static struct verdict asked(enum flow_kind kind)
{
    return (struct verdict){ .kind = VERDICT_ASKED, .asked = kind };
}

static struct verdict routed(const struct net_doc *doc, const struct net_router *r, const struct said *p)
{
    static const struct verdict dropped = { .kind = VERDICT_DROPPED };
    struct verdict v = { .kind = VERDICT_DELIVERED, .is_routed = true, .t = p->t };
    int from = doc->hosts[p->from].network, to = NET_NONE;
    const struct net_leg *own;
    struct ip_addr hop;
    bool is_forwarded, is_prefix = false;

    if (own_leg(r, &v.t) && (v.t.proto == IP_ICMP || v.t.proto == IP_ICMPV6)) {
        v.kind = VERDICT_ECHOED;
        v.host = p->from;
        v.t = (struct tuple){ p->t.dst, p->t.src, p->t.eth_type, p->t.dst_port, p->t.src_port, p->t.proto };
        v.src_last = v.t.src;
        return v;
    }
    is_forwarded = forwarded(r, &v.t);
    own = own_leg(r, &v.t);
    if (!is_forwarded && is_translating(r, &v.t))
        return v.t.proto == IP_UDP ? asked(FLOW_KIND_CLOSED) : dropped;
    if (own)
        return v.t.proto == IP_UDP || v.t.proto == IP_TCP ? asked(FLOW_KIND_CLOSED) : dropped;
    if (!is_v4(&v.t))
        is_prefix = prefix_changed(r, &v.t.dst, true);
    if (p->ttl < 2)
        return asked(FLOW_KIND_TTL);
    if (!route(doc, r, &v.t, &to, &hop))
        return asked(FLOW_KIND_NO_ROUTE);
    if (p->size > doc->networks[to].mtu)
        return asked(FLOW_KIND_TOO_BIG);
    v.host = host_with_address(doc, to, &hop);
    if (v.host == NET_NONE)
        return asked(FLOW_KIND_RESOLVE);
    if (!is_allowed(doc, from, to, &v.t, is_forwarded))
        return dropped;
    v.src_last = v.t.src;
    source_translate(doc, r, &doc->hosts[p->from], to, is_forwarded || is_prefix, &v);
    return v;
}

struct verdict model_verdict(const struct net_doc *doc, const struct said *p)
{
    const struct net_host *h = &doc->hosts[p->from];
    const struct net_network *n = &doc->networks[h->network];
    struct verdict v = { .kind = VERDICT_DROPPED, .t = p->t, .src_last = p->t.src };

    if (n->has_guard && !model_has_address(h, &p->t))
        return v;
    if (n->router != NET_NONE && p->dst_mac == doc->routers[n->router].mac)
        return routed(doc, &doc->routers[n->router], p);
    v.host = host_with_mac(doc, h->network, p->dst_mac);
    if (v.host != NET_NONE && is_allowed(doc, h->network, h->network, &p->t, false))
        v.kind = VERDICT_DELIVERED;
    return v;
}

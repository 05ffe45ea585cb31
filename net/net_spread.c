/* SPDX-License-Identifier: Apache-2.0 */
/* net_spread.c - source_nat with per_switch: which ports are whose, and that nobody else uses them; see net_router.h. */
#include "net/net_check.h"

#include <stdio.h>
#include <string.h>

void net_spread_block(const struct net_source_nat *s, int sw, uint16_t *first, uint16_t *last)
{
    *first = (uint16_t)(s->port_min + s->per_switch * sw);
    *last = (uint16_t)(*first + s->per_switch - 1);
}

const struct net_source_nat *net_source_nat_of(const struct net_router *r, int network)
{
    for (size_t i = 0; i < r->n_source_nats; i++)
        for (size_t j = 0; j < r->source_nats[i].n_from; j++)
            if (r->source_nats[i].from[j] == network)
                return &r->source_nats[i];
    return NULL;
}

bool net_router_is_spread(const struct net_router *r)
{
    for (size_t i = 0; i < r->n_source_nats; i++)
        if (r->source_nats[i].per_switch)
            return true;
    return false;
}

net_mac net_router_mac_at(const struct net_doc *doc, const struct net_router *r, int sw)
{
    char seed[96];

    snprintf(seed, sizeof seed, "router %s at %s", r->name, doc->switches[sw].name);
    return net_mac_of_name(seed);
}

/* --- checks --- */
static bool is_between(const struct ip_addr *ip, const struct ip_addr *first, const struct ip_addr *last)
{
    return memcmp(ip->bytes, first->bytes, 4) >= 0 && memcmp(ip->bytes, last->bytes, 4) <= 0;
}

/* One of the translation's addresses lies in the range; family 0: in the router's own. */
static bool shares(const struct net_router *r, const struct net_source_nat *s, const struct ip_addr *first,
                   const struct ip_addr *last)
{
    if (s->first.family && first->family)
        return is_between(first, &s->first, &s->last) || is_between(&s->first, first, last);
    if (!s->first.family && !first->family)
        return true;
    if (s->first.family) {
        first = &s->first;
        last = &s->last;
    }
    for (size_t i = 0; i < r->n_legs; i++)
        for (size_t j = 0; r->legs[i].is_outside && j < r->legs[i].n_addresses; j++)
            if (r->legs[i].addresses[j].family == 4 && is_between(&r->legs[i].addresses[j], first, last))
                return true;
    return false;
}

static bool same_blocks(const struct net_source_nat *a, const struct net_source_nat *b)
{
    return a->per_switch == b->per_switch && a->port_min == b->port_min && a->port_max == b->port_max;
}

static int others_check(struct net_check *c, const struct net_router *r, const struct net_source_nat *s,
                        const struct doc_node *node, unsigned last)
{
    for (size_t i = 0; i < r->n_source_nats; i++) {
        const struct net_source_nat *o = &r->source_nats[i];

        if (shares(r, s, &o->first, &o->last) && !same_blocks(s, o))
            return doc_error(
                node, c->e,
                "router %s: source_nat: line %u has one of its addresses, but not the same per_switch and ports",
                r->name, o->line);
    }
    if (r->nat64 && shares(r, s, &r->nat64->nat.first, &r->nat64->nat.last))
        return doc_error(
            node, c->e,
            "router %s: source_nat: nat64 has one of its addresses, which per_switch shares out; give it another 'to'",
            r->name);
    for (size_t i = 0; i < r->n_one_to_ones; i++)
        if (shares(r, s, &r->one_to_ones[i].outside, &r->one_to_ones[i].outside))
            return doc_error(
                node, c->e,
                "router %s: source_nat: one_to_one (line %u) has one of its addresses, which per_switch shares out",
                r->name, r->one_to_ones[i].line);
    for (size_t i = 0; i < r->n_forwards; i++) {
        const struct net_forward *f = &r->forwards[i];

        if (f->port >= s->port_min && f->port <= last && shares(r, s, &f->at, &f->at))
            return doc_error(
                node, c->e,
                "router %s: source_nat: port %u, which is forwarded (line %u), is among those of switches, %u to %u",
                r->name, f->port, f->line, s->port_min, last);
    }
    return 0;
}

int net_spread_check(struct net_check *c, const struct net_router *r, const struct net_source_nat *s,
                     const struct doc_node *node)
{
    unsigned last = s->port_min + s->per_switch * (unsigned)c->doc->n_switches - 1;
    int err;

    if (!s->per_switch)
        return 0;
    if (last > s->port_max)
        return doc_error(node, c->e,
                         "router %s: source_nat: %zu switches with %u ports each do not fit into ports %u to %u",
                         r->name, c->doc->n_switches, s->per_switch, s->port_min, s->port_max);
    if (s->filtering)
        return doc_error(node, c->e,
                         "router %s: source_nat: with per_switch only answers are let in; leave out 'filtering'",
                         r->name);
    if (r->helpers)
        return doc_error(
            node, c->e,
            "router %s: source_nat: per_switch does not go with helpers, which need all translation at the gateway",
            r->name);
    err = others_check(c, r, s, node, last);
    for (int sw = 0; sw < (int)c->doc->n_switches && !err; sw++) {
        const void *other;

        err = net_use(
            c, (struct net_using){ .a = net_thing(NET_THING_MAC, 0), .b = net_router_mac_at(c->doc, r, sw), .who = r },
            &other);
        if (!err && other && other != r)
            err = doc_error(node, c->e,
                            "router %s: its MAC address at switch %s is somebody's already; give it another name",
                            r->name, c->doc->switches[sw].name);
    }
    return err;
}

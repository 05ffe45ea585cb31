/* SPDX-License-Identifier: Apache-2.0 */
/* net_router.c - looks up the names of a document's routers, policies and DHCP, and checks that they fit; see net_router.h. */
#include "net/net_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/embedded.h"
#include "base/nptv6.h"

enum { IP_PROTOCOL_TCP = 6, IP_PROTOCOL_UDP = 17, IP_PROTOCOL_SCTP = 132, IP_PROTOCOL_ICMP = 1 };

static const uint8_t protocol_number[] = {
    [NET_PROTOCOL_ANY] = 0,
    [NET_PROTOCOL_TCP] = IP_PROTOCOL_TCP,
    [NET_PROTOCOL_UDP] = IP_PROTOCOL_UDP,
    [NET_PROTOCOL_SCTP] = IP_PROTOCOL_SCTP,
    [NET_PROTOCOL_ICMP] = IP_PROTOCOL_ICMP,
};

/* A router that is being made. */
struct maker {
    struct net_check *c;
    const struct raw_router *raw;
    struct net_router *r;
    struct net_leg *legs;
    int index;
};

static struct net_network *network_at(struct net_check *c, int network)
{
    return (struct net_network *)(uintptr_t)&c->doc->networks[network]; /* still being made */
}

/* --- legs --- */
static int leg_address_make(struct maker *m, struct net_leg *leg, size_t i, const struct raw_address *raw)
{
    struct net_check *c = m->c;
    const struct net_network *n = &c->doc->networks[leg->network];
    struct ip_addr *out = (struct ip_addr *)(uintptr_t)&leg->addresses[i];
    const struct ip_addr *subnet = net_subnet_of(n, &raw->ip);
    char text[ADDR_TEXT_SIZE];
    int host;

    *out = raw->ip;
    ip_format(out, text, sizeof text);
    if (!subnet)
        return doc_error(raw->node, c->e, "router %s: the address %s is in no subnet of network %s", m->raw->name, text,
                         n->name);
    out->prefix_len = subnet->prefix_len;
    if (raw->has_prefix && raw->ip.prefix_len != subnet->prefix_len)
        return doc_error(raw->node, c->e,
                         "router %s: the address %s/%u does not have the prefix length of the subnet, /%u",
                         m->raw->name, text, raw->ip.prefix_len, subnet->prefix_len);
    if (net_is_for_no_host(out))
        return doc_error(raw->node, c->e,
                         "router %s: the address %s is that of the subnet itself or its broadcast address",
                         m->raw->name, text);
    for (size_t j = 0; j < i; j++)
        if (ip_is_in(&leg->addresses[j], subnet))
            return doc_error(raw->node, c->e, "router %s has two addresses in one subnet of network %s", m->raw->name,
                             n->name);
    host = net_doc_host_by_address(c->doc, leg->network, out);
    if (host != NET_NONE)
        return doc_error(raw->node, c->e, "router %s has address %s, which host %s has already", m->raw->name, text,
                         c->doc->hosts[host].name);
    return 0;
}

static int leg_make(struct maker *m, struct net_leg *leg, const struct raw_leg *raw)
{
    struct net_check *c = m->c;
    const struct raw_address *a = raw->addresses.items;
    struct ip_addr *addresses = net_need(c, raw->addresses.n, sizeof *addresses);
    struct net_network *n;
    int err = addresses ? 0 : -ENOMEM;

    leg->network = net_doc_network(c->doc, raw->network);
    if (leg->network == NET_NONE)
        return doc_error(raw->node, c->e, "router %s: there is no network '%.64s'", m->raw->name, raw->network);
    n = network_at(c, leg->network);
    if (n->router != NET_NONE)
        return doc_error(raw->node, c->e, "router %s: network %s has a router already, %s", m->raw->name, n->name,
                         c->doc->routers[n->router].name);
    n->router = m->index;
    leg->addresses = addresses;
    leg->n_addresses = raw->addresses.n;
    for (size_t i = 0; i < raw->addresses.n && !err; i++)
        err = leg_address_make(m, leg, i, &a[i]);
    return err;
}

static int outside_make(struct maker *m)
{
    const struct raw_word *words = m->raw->outside.items;
    struct net_check *c = m->c;

    for (size_t i = 0; i < m->raw->outside.n; i++) {
        int network = net_doc_network(c->doc, words[i].text);
        bool is_found = false;

        for (size_t j = 0; j < m->r->n_legs; j++)
            if (network != NET_NONE && m->legs[j].network == network)
                is_found = m->legs[j].is_outside = true;
        if (!is_found)
            return doc_error(words[i].node, c->e, "router %s: '%.64s' is none of its networks", m->raw->name,
                             words[i].text);
    }
    m->r->gateway = NET_NONE;
    if (m->raw->gateway.text) {
        m->r->gateway = net_doc_switch(c->doc, m->raw->gateway.text);
        if (m->r->gateway == NET_NONE)
            return doc_error(m->raw->gateway.node, c->e, "router %s: there is no switch '%.64s'", m->raw->name,
                             m->raw->gateway.text);
    } else if (m->raw->outside.n) {
        return doc_error(m->raw->node, c->e,
                         "router %s: the key 'gateway' is missing: the switch that meets the outside", m->raw->name);
    }
    return 0;
}

static int legs_make(struct maker *m)
{
    const struct raw_leg *raw = m->raw->legs.items;
    int err = 0;

    m->legs = net_need(m->c, m->raw->legs.n, sizeof *m->legs);
    if (!m->legs)
        return -ENOMEM;
    m->r->legs = m->legs;
    for (size_t i = 0; i < m->raw->legs.n && !err; i++) {
        err = leg_make(m, &m->legs[i], &raw[i]);
        m->r->n_legs++;
    }
    return err ? err : outside_make(m);
}

/* The subnets that meet in a router must differ. */
static int overlaps_check(struct maker *m)
{
    const struct net_doc *doc = m->c->doc;
    char x[ADDR_TEXT_SIZE], y[ADDR_TEXT_SIZE];

    for (size_t i = 0; i < m->r->n_legs; i++)
        for (size_t j = 0; j < i; j++) {
            const struct net_network *a = &doc->networks[m->legs[i].network], *b = &doc->networks[m->legs[j].network];

            for (size_t k = 0; k < a->n_subnets; k++)
                for (size_t l = 0; l < b->n_subnets; l++)
                    if (ip_is_in(&a->subnets[k], &b->subnets[l]) || ip_is_in(&b->subnets[l], &a->subnets[k]))
                        return doc_error(m->raw->node, m->c->e,
                                         "router %s: the subnets %s of network %s and %s of network %s overlap",
                                         m->raw->name, ip_prefix_format(&b->subnets[l], x, sizeof x), b->name,
                                         ip_prefix_format(&a->subnets[k], y, sizeof y), a->name);
        }
    return 0;
}

/* --- routes --- */
/* The leg whose subnets have the address, -1: none. */
static int leg_of(const struct maker *m, const struct ip_addr *ip)
{
    for (size_t i = 0; i < m->r->n_legs; i++)
        if (net_subnet_of(&m->c->doc->networks[m->legs[i].network], ip))
            return (int)i;
    return NET_NONE;
}

static bool is_own(const struct maker *m, const struct ip_addr *ip)
{
    for (size_t i = 0; i < m->r->n_legs; i++)
        for (size_t j = 0; j < m->legs[i].n_addresses; j++)
            if (ip_equal(&m->legs[i].addresses[j], ip))
                return true;
    return false;
}

static int address_error(const struct maker *m, const struct doc_node *node, const struct ip_addr *ip, const char *is)
{
    char text[ADDR_TEXT_SIZE];

    return doc_error(node, m->c->e, "router %s: %s is %s", m->raw->name, ip_format(ip, text, sizeof text), is);
}

/* The address, which is in a network of the router, may be somebody's there. */
static int somebody_check(const struct maker *m, const struct doc_node *node, const struct ip_addr *ip)
{
    struct ip_addr in = *ip;

    in.prefix_len = net_subnet_of(&m->c->doc->networks[m->legs[leg_of(m, ip)].network], ip)->prefix_len;
    return net_is_for_no_host(&in)
               ? address_error(m, node, ip, "the address of a subnet itself or its broadcast address")
               : 0;
}

/* ... other than the router's. */
static int other_check(const struct maker *m, const struct doc_node *node, const struct ip_addr *ip)
{
    return is_own(m, ip) ? address_error(m, node, ip, "its own address") : somebody_check(m, node, ip);
}

static int routes_make(struct maker *m)
{
    const struct raw_route *raw = m->raw->routes.items;
    struct net_route *routes = net_need(m->c, m->raw->routes.n, sizeof *routes);
    char text[ADDR_TEXT_SIZE];

    if (!routes)
        return -ENOMEM;
    m->r->routes = routes;
    m->r->n_routes = m->raw->routes.n;
    for (size_t i = 0; i < m->raw->routes.n; i++) {
        int leg = leg_of(m, &raw[i].via.ip), err;

        routes[i] = (struct net_route){ .line = raw[i].node->line, .to = raw[i].to, .via = raw[i].via.ip, .leg = leg };
        if (raw[i].via.has_prefix)
            return doc_error(raw[i].via.node, m->c->e, "router %s: via: an address without prefix length is expected",
                             m->raw->name);
        if (raw[i].to.family != raw[i].via.ip.family)
            return doc_error(raw[i].node, m->c->e, "router %s: a route's 'to' and 'via' are of one family",
                             m->raw->name);
        if (leg == NET_NONE)
            return address_error(m, raw[i].via.node, &raw[i].via.ip, "in none of its networks");
        err = other_check(m, raw[i].via.node, &raw[i].via.ip);
        if (err)
            return err;
        for (size_t j = 0; j < i; j++)
            if (ip_equal(&routes[j].to, &routes[i].to) && routes[j].to.prefix_len == routes[i].to.prefix_len)
                return doc_error(raw[i].node, m->c->e, "router %s: there are two routes to %s", m->raw->name,
                                 ip_prefix_format(&routes[i].to, text, sizeof text));
    }
    return 0;
}

/* --- translation --- */
/* A host's (its first IPv4 address) or an address as written; IPv4, and inside. */
static int inside_find(struct maker *m, const struct raw_word *w, struct ip_addr *out)
{
    int host = net_doc_host(m->c->doc, w->text), leg;

    *out = (struct ip_addr){ 0 };
    if (host != NET_NONE) {
        for (size_t i = 0; i < m->c->doc->hosts[host].n_addresses && !out->family; i++)
            if (m->c->doc->hosts[host].addresses[i].family == 4)
                *out = m->c->doc->hosts[host].addresses[i];
        if (!out->family)
            return doc_error(w->node, m->c->e, "router %s: host %s has no IPv4 address", m->raw->name, w->text);
    } else if (ip_parse(out, w->text, NULL) || out->family != 4) {
        return doc_error(w->node, m->c->e, "router %s: '%.64s' is neither a host nor an IPv4 address", m->raw->name,
                         w->text);
    }
    out->prefix_len = 32;
    leg = leg_of(m, out);
    if (leg == NET_NONE || m->legs[leg].is_outside)
        return doc_error(w->node, m->c->e, "router %s: %.64s is in none of its networks inside", m->raw->name, w->text);
    return other_check(m, w->node, out);
}

static uint32_t ipv4_of(const struct ip_addr *ip)
{
    return (uint32_t)ip->bytes[0] << 24 | (uint32_t)ip->bytes[1] << 16 | (uint32_t)ip->bytes[2] << 8 | ip->bytes[3];
}

/* An address that the router may use outside: IPv4, in a subnet there, and nobody's. */
static int outside_check(struct maker *m, const struct raw_address *a)
{
    int leg = leg_of(m, &a->ip), host;
    char text[ADDR_TEXT_SIZE];

    ip_format(&a->ip, text, sizeof text);
    if (a->has_prefix || a->ip.family != 4)
        return doc_error(a->node, m->c->e, "router %s: an IPv4 address without prefix length is expected, not %s",
                         m->raw->name, text);
    if (leg == NET_NONE || !m->legs[leg].is_outside)
        return address_error(m, a->node, &a->ip, "in none of its networks outside");
    host = net_doc_host_by_address(m->c->doc, m->legs[leg].network, &a->ip);
    if (host != NET_NONE)
        return doc_error(a->node, m->c->e, "router %s: %s is the address of host %s", m->raw->name, text,
                         m->c->doc->hosts[host].name);
    for (size_t i = 0; i < m->r->n_routes; i++)
        if (ip_equal(&m->r->routes[i].via, &a->ip))
            return doc_error(a->node, m->c->e, "router %s: %s is the next hop of a route (line %u)", m->raw->name, text,
                             m->r->routes[i].line);
    return somebody_check(m, a->node, &a->ip);
}

static bool has_outside(const struct maker *m)
{
    for (size_t i = 0; i < m->r->n_legs; i++)
        if (m->legs[i].is_outside)
            return true;
    return false;
}

static int source_nat_from(struct maker *m, struct net_source_nat *s, const struct raw_source_nat *raw)
{
    const struct raw_word *words = raw->from.items;
    int *from = net_need(m->c, raw->from.n, sizeof *from);

    if (!from)
        return -ENOMEM;
    s->from = from;
    s->n_from = raw->from.n;
    for (size_t i = 0; i < raw->from.n; i++) {
        bool is_inside = false;

        from[i] = net_doc_network(m->c->doc, words[i].text);
        for (size_t j = 0; j < m->r->n_legs && from[i] != NET_NONE; j++)
            is_inside |= m->legs[j].network == from[i] && !m->legs[j].is_outside;
        if (!is_inside)
            return doc_error(words[i].node, m->c->e, "router %s: source_nat: '%.64s' is none of its networks inside",
                             m->raw->name, words[i].text);
    }
    return 0;
}

/* Every address of the range is the router's to use: in one subnet, and no host's. */
static int range_check(struct maker *m, const struct net_source_nat *s, const struct raw_source_nat *raw,
                       const char *what)
{
    const struct net_network *n = &m->c->doc->networks[m->legs[leg_of(m, &s->first)].network];
    const struct raw_address *to = raw->to.items;
    uint32_t first = ipv4_of(&s->first), last = ipv4_of(&s->last);

    if (first > last)
        return doc_error(raw->node, m->c->e, "router %s: %s: the first address is above the last", m->raw->name, what);
    if (!ip_is_in(&s->last, net_subnet_of(n, &s->first)))
        return doc_error(raw->node, m->c->e, "router %s: %s: the first and the last address are in two subnets",
                         m->raw->name, what);
    if (last - first >= NET_NAT_ADDRESSES_MAX)
        return doc_error(raw->node, m->c->e, "router %s: %s: %u addresses are too many; %d are possible", m->raw->name,
                         what, last - first + 1, NET_NAT_ADDRESSES_MAX);
    for (uint32_t k = 0; k <= last - first; k++) {
        struct raw_address one = { .node = to->node, .ip = s->first };
        int err;

        for (int i = 0; i < 4; i++)
            one.ip.bytes[i] = (uint8_t)((first + k) >> (24 - 8 * i));
        err = outside_check(m, &one);
        if (err)
            return err;
    }
    return 0;
}

/* What a translation chooses from.  `what`: its key. */
static int choice_make(struct maker *m, struct net_source_nat *s, const struct raw_source_nat *raw, const char *what)
{
    const struct raw_address *to = raw->to.items;
    const uint16_t *ports = raw->ports.items;
    int err = 0;

    s->line = raw->node->line;
    s->host_limit = raw->host_limit;
    for (size_t i = 0; i < raw->to.n && !err; i++)
        err = outside_check(m, &to[i]);
    if (err)
        return err;
    if (raw->to.n) {
        s->first = to[0].ip;
        s->last = to[raw->to.n - 1].ip;
        err = range_check(m, s, raw, what);
        if (err)
            return err;
    }
    if (raw->ports.n) {
        s->port_min = ports[0];
        s->port_max = ports[raw->ports.n - 1];
        if (s->port_min > s->port_max)
            return doc_error(raw->node, m->c->e, "router %s: %s: port %u is above port %u", m->raw->name, what,
                             s->port_min, s->port_max);
    }
    return 0;
}

static int source_nat_make(struct maker *m, struct net_source_nat *s, const struct raw_source_nat *raw)
{
    int err = source_nat_from(m, s, raw);

    if (!err)
        err = choice_make(m, s, raw, "source_nat");
    if (err)
        return err;
    s->is_mapped = raw->mapping;
    s->filtering = (enum net_filtering)raw->filtering;
    s->per_switch = raw->per_switch;
    if (s->per_switch && !raw->ports.n) {
        s->port_min = NET_SPREAD_PORT_MIN;
        s->port_max = UINT16_MAX;
    }
    if (s->filtering && !s->is_mapped)
        return doc_error(
            raw->node, m->c->e,
            "router %s: source_nat: filtering is for mapping: endpoint-independent; any other lets in answers only",
            m->raw->name);
    return 0;
}

static int source_nats_make(struct maker *m)
{
    const struct raw_source_nat *raw = m->raw->source_nats.items;
    struct net_source_nat *list = net_need(m->c, m->raw->source_nats.n, sizeof *list);
    int err = list ? 0 : -ENOMEM;

    m->r->source_nats = list;
    m->r->n_source_nats = m->raw->source_nats.n;
    if (m->raw->source_nats.n && !has_outside(m))
        return doc_error(raw->node, m->c->e, "router %s: source_nat needs a network outside", m->raw->name);
    for (size_t i = 0; i < m->raw->source_nats.n && !err; i++)
        err = source_nat_make(m, &list[i], &raw[i]);
    return err;
}

/* --- nat64 --- */
static bool overlap(const struct ip_addr *a, const struct ip_addr *b)
{
    return ip_is_in(a, b) || ip_is_in(b, a);
}

static struct value prefix_value(const struct ip_addr *ip)
{
    return (struct value){ be64_load(ip->bytes), be64_load(ip->bytes + 8) };
}

static int nat64_check(struct maker *m, const struct net_nat64 *n, const struct raw_source_nat *raw)
{
    char text[ADDR_TEXT_SIZE], other[ADDR_TEXT_SIZE];

    if (n->prefix.family != 6 || !embedded_prefix_is_sound(prefix_value(&n->prefix), n->prefix.prefix_len))
        return doc_error(
            raw->node, m->c->e,
            "router %s: nat64: %s/%u is no IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits with zero in bits 64 to 71",
            m->raw->name, ip_format(&n->prefix, text, sizeof text), n->prefix.prefix_len);
    for (size_t i = 0; i < m->c->doc->n_networks; i++)
        for (size_t j = 0; j < m->c->doc->networks[i].n_subnets; j++) {
            const struct ip_addr *subnet = &m->c->doc->networks[i].subnets[j];

            if (overlap(subnet, &n->prefix))
                return doc_error(raw->node, m->c->e, "router %s: nat64: %s/%u overlaps %s/%u of network %s",
                                 m->raw->name, ip_format(&n->prefix, text, sizeof text), n->prefix.prefix_len,
                                 ip_format(subnet, other, sizeof other), subnet->prefix_len,
                                 m->c->doc->networks[i].name);
        }
    return 0;
}

static int nat64_make(struct maker *m)
{
    static const struct ip_addr well_known = { .family = 6, .prefix_len = 96, .bytes = { 0x00, 0x64, 0xff, 0x9b } };
    const struct raw_source_nat *raw = &m->raw->nat64.nat;
    struct net_nat64 *n = net_need(m->c, 1, sizeof *n);
    const struct ip_addr *own = NULL;
    int err;

    if (!n)
        return -ENOMEM;
    if (!raw->node)
        return 0;
    *n = (struct net_nat64){ .prefix = m->raw->nat64.prefix.family ? m->raw->nat64.prefix : well_known };
    err = nat64_check(m, n, raw);
    if (!err)
        err = choice_make(m, &n->nat, raw, "nat64");
    if (err)
        return err;
    for (size_t i = 0; i < m->r->n_legs; i++)
        for (size_t j = 0; m->legs[i].is_outside && !own && j < m->legs[i].n_addresses; j++)
            if (m->legs[i].addresses[j].family == 4)
                own = &m->legs[i].addresses[j];
    if (!own)
        return doc_error(raw->node, m->c->e, "router %s: nat64 needs a network outside where it has an IPv4 address",
                         m->raw->name);
    if (!n->nat.first.family)
        n->nat.first = n->nat.last = *own;
    n->nat.is_mapped = true;
    n->nat.filtering = (enum net_filtering)raw->filtering;
    m->r->nat64 = n;
    return 0;
}

/* --- nptv6 --- */
static int nptv6_check(struct maker *m, const struct raw_nptv6 *raw, const struct net_nptv6 *list, size_t i)
{
    const struct net_nptv6 *t = &list[i];
    const struct ip_addr *both[] = { &t->inside, &t->outside };
    char text[ADDR_TEXT_SIZE];

    for (size_t k = 0; k < 2; k++)
        if (both[k]->family != 6 || !both[k]->prefix_len || both[k]->prefix_len > NPTV6_LEN_MAX)
            return doc_error(raw->node, m->c->e, "router %s: nptv6: %s/%u is no IPv6 prefix of 1 to %d bits",
                             m->raw->name, ip_format(both[k], text, sizeof text), both[k]->prefix_len, NPTV6_LEN_MAX);
    for (size_t k = 0; k < i; k++)
        if (overlap(&t->inside, &list[k].inside) || overlap(&t->outside, &list[k].outside))
            return doc_error(raw->node, m->c->e, "router %s: nptv6: the prefixes of line %u overlap these",
                             m->raw->name, list[k].line);
    for (size_t k = 0; k < m->c->doc->n_networks; k++)
        for (size_t j = 0; j < m->c->doc->networks[k].n_subnets; j++)
            if (overlap(&t->outside, &m->c->doc->networks[k].subnets[j]))
                return doc_error(
                    raw->node, m->c->e,
                    "router %s: nptv6: %s/%u overlaps a subnet of network %s; it must be one that is routed "
                    "to the router",
                    m->raw->name, ip_format(&t->outside, text, sizeof text), t->outside.prefix_len,
                    m->c->doc->networks[k].name);
    if (overlap(&t->inside, &t->outside))
        return doc_error(raw->node, m->c->e, "router %s: nptv6: the prefixes inside and outside overlap", m->raw->name);
    return 0;
}

static int nptv6s_make(struct maker *m)
{
    const struct raw_nptv6 *raw = m->raw->nptv6s.items;
    struct net_nptv6 *list = net_need(m->c, m->raw->nptv6s.n, sizeof *list);
    int err = list ? 0 : -ENOMEM;

    m->r->nptv6s = list;
    m->r->n_nptv6s = m->raw->nptv6s.n;
    if (m->raw->nptv6s.n && !has_outside(m))
        return doc_error(raw->node, m->c->e, "router %s: nptv6 needs a network outside", m->raw->name);
    for (size_t i = 0; i < m->raw->nptv6s.n && !err; i++) {
        list[i] = (struct net_nptv6){ .line = raw[i].node->line, .inside = raw[i].inside, .outside = raw[i].outside };
        err = nptv6_check(m, &raw[i], list, i);
    }
    return err;
}

static int forward_make(struct maker *m, struct net_forward *f, const struct raw_forward *raw)
{
    uint64_t words;
    const void *other;
    int err;

    *f = (struct net_forward){
        .line = raw->node->line,
        .protocol = protocol_number[raw->protocol],
        .port = raw->port,
        .to_port = raw->to_port ? raw->to_port : raw->port,
        .at = raw->at.ip,
    };
    if (raw->protocol == NET_PROTOCOL_ANY || raw->protocol == NET_PROTOCOL_ICMP)
        return doc_error(raw->node, m->c->e, "router %s: a forward is of protocol tcp, udp or sctp", m->raw->name);
    err = raw->at.ip.family ? outside_check(m, &raw->at) : 0;
    if (!err)
        err = inside_find(m, &raw->to, &f->to);
    if (err)
        return err;
    words = (uint64_t)f->protocol << 16 | f->port | (uint64_t)m->index << 24;
    err = net_use(
        m->c, (struct net_using){ .a = net_thing(NET_THING_FORWARD, words), .b = ipv4_of(&f->at), .who = raw }, &other);
    if (!err && other)
        err = doc_error(raw->node, m->c->e, "router %s: port %u is forwarded already (line %u)", m->raw->name, f->port,
                        ((const struct raw_forward *)other)->node->line);
    return err;
}

static int forwards_make(struct maker *m)
{
    const struct raw_forward *raw = m->raw->forwards.items;
    struct net_forward *list = net_need(m->c, m->raw->forwards.n, sizeof *list);
    int err = list ? 0 : -ENOMEM;

    m->r->forwards = list;
    m->r->n_forwards = m->raw->forwards.n;
    if (m->raw->forwards.n && !has_outside(m))
        return doc_error(raw->node, m->c->e, "router %s: forwards need a network outside", m->raw->name);
    for (size_t i = 0; i < m->raw->forwards.n && !err; i++)
        err = forward_make(m, &list[i], &raw[i]);
    return err;
}

/* An address that stands for one host is nobody else's: connections of others would be taken for that host's.  What per_switch
 * shares out, net_spread_check() looks at. */
static int unshared_check(struct maker *m, const struct raw_one_to_one *raw)
{
    char text[ADDR_TEXT_SIZE];

    for (size_t i = 0; i <= m->r->n_source_nats; i++) {
        bool is_nat64 = i == m->r->n_source_nats;
        const struct net_source_nat *s = is_nat64 ? m->r->nat64 ? &m->r->nat64->nat : NULL : &m->r->source_nats[i];

        if (!s || !s->first.family || s->per_switch || ipv4_of(&raw->outside.ip) < ipv4_of(&s->first) ||
            ipv4_of(&raw->outside.ip) > ipv4_of(&s->last))
            continue;
        return doc_error(raw->node, m->c->e, "router %s: one_to_one: %s is an address of %s (line %u) already",
                         m->raw->name, ip_format(&raw->outside.ip, text, sizeof text),
                         is_nat64 ? "nat64" : "source_nat", s->line);
    }
    return 0;
}

static int one_to_ones_make(struct maker *m)
{
    const struct raw_one_to_one *raw = m->raw->one_to_ones.items;
    struct net_one_to_one *list = net_need(m->c, m->raw->one_to_ones.n, sizeof *list);
    char text[ADDR_TEXT_SIZE];

    if (!list)
        return -ENOMEM;
    m->r->one_to_ones = list;
    m->r->n_one_to_ones = m->raw->one_to_ones.n;
    for (size_t i = 0; i < m->raw->one_to_ones.n; i++) {
        int err = outside_check(m, &raw[i].outside);

        if (!err)
            err = other_check(m, raw[i].node, &raw[i].outside.ip);
        if (!err)
            err = unshared_check(m, &raw[i]);
        if (!err)
            err = inside_find(m, &raw[i].inside, &list[i].inside);
        if (err)
            return err;
        list[i].line = raw[i].node->line;
        list[i].outside = raw[i].outside.ip;
        ip_format(&list[i].outside, text, sizeof text);
        for (size_t j = 0; j < i; j++)
            if (ip_equal(&list[j].outside, &list[i].outside) || ip_equal(&list[j].inside, &list[i].inside))
                return doc_error(raw[i].node, m->c->e, "router %s: one_to_one: %s or what it stands for is there twice",
                                 m->raw->name, text);
    }
    return 0;
}

/* --- DNS --- */
/* RFC 1035, 2.3.4: labels of 1 to 63, dots between them. */
static bool is_domain(const char *name)
{
    size_t label = 0;

    for (const char *p = name; *p; p++) {
        label = *p == '.' ? 0 : label + 1;
        if (label > 63 || (*p == '.' && (p == name || p[-1] == '.')))
            return false;
    }
    return label > 0;
}

static int dns_make(struct maker *m)
{
    const struct raw_dns *raw = &m->raw->dns;
    const struct raw_address *forward = raw->forward.items;
    struct net_dns *d = net_need(m->c, 1, sizeof *d);
    struct ip_addr *list = net_need(m->c, raw->forward.n, sizeof *list);

    if (!d || !list)
        return -ENOMEM;
    if (!raw->node)
        return 0;
    *d = (struct net_dns){
        .line = raw->node->line,
        .domain = raw->domain ? raw->domain : "",
        .n_forward = raw->forward.n,
        .forward = list,
    };
    if (raw->domain && !is_domain(raw->domain))
        return doc_error(raw->node, m->c->e,
                         "router %s: dns: '%.64s' is no domain: labels of 1 to 63 with dots between", m->raw->name,
                         raw->domain);
    if (!raw->domain && !raw->forward.n)
        return doc_error(raw->node, m->c->e, "router %s: dns: it wants 'forward', 'domain' or both", m->raw->name);
    for (size_t i = 0; i < raw->forward.n; i++) {
        list[i] = forward[i].ip;
        if (forward[i].has_prefix || is_own(m, &list[i]))
            return doc_error(forward[i].node, m->c->e,
                             "router %s: dns: 'forward' takes addresses of others, without prefix length",
                             m->raw->name);
    }
    m->r->dns = d;
    return 0;
}

/* The headers of IP and TCP are not of the segment (RFC 9293, 3.7.1). */
static void mss_make(struct maker *m)
{
    enum { HEADERS = 20 + 20, HEADERS_V6 = 40 + 20 };
    uint16_t mtu = UINT16_MAX;

    for (size_t i = 0; i < m->r->n_legs; i++)
        if (m->c->doc->networks[m->legs[i].network].mtu < mtu)
            mtu = (uint16_t)m->c->doc->networks[m->legs[i].network].mtu;
    m->r->mss = m->raw->mss == NET_MSS_AUTO ? (uint16_t)(mtu - HEADERS) : m->raw->mss;
    m->r->mss6 = m->raw->mss == NET_MSS_AUTO ? (uint16_t)(mtu - HEADERS_V6) : m->raw->mss;
}

static int router_make(struct net_check *c, int index, const struct raw_router *raw)
{
    struct net_router *r = (struct net_router *)(uintptr_t)&c->doc->routers[index];
    struct maker m = { .c = c, .raw = raw, .r = r, .index = index };
    char seed[64];
    const void *other;
    int err;

    snprintf(seed, sizeof seed, "router %s", raw->name);
    *r = (struct net_router){ .name = raw->name, .line = raw->node->line, .mac = net_mac_of_name(seed) };
    err = net_use(c, (struct net_using){ .a = net_thing(NET_THING_MAC, 0), .b = r->mac, .who = r }, &other);
    if (!err && other)
        err = doc_error(raw->node, c->e, "router %s: its MAC address is a host's already; give it another name",
                        raw->name);
    for (size_t i = 0; i < raw->helpers.n; i++)
        r->helpers |= 1u << ((const int *)raw->helpers.items)[i];
    if (!err)
        err = legs_make(&m);
    if (!err) {
        mss_make(&m);
        err = overlaps_check(&m);
    }
    if (!err)
        err = routes_make(&m);
    if (!err)
        err = source_nats_make(&m);
    if (!err)
        err = nat64_make(&m);
    if (!err)
        err = nptv6s_make(&m);
    if (!err)
        err = forwards_make(&m);
    if (!err)
        err = one_to_ones_make(&m);
    for (size_t i = 0; i < r->n_source_nats && !err; i++)
        err =
            net_spread_check(c, r, &r->source_nats[i], ((const struct raw_source_nat *)raw->source_nats.items)[i].node);
    if (!err)
        err = dns_make(&m);
    return err;
}

/* --- policies --- */
static int side_find(struct net_check *c, const struct raw_policy *raw, const struct raw_word *w, struct net_side *out)
{
    int network = net_doc_network(c->doc, w->text), host = net_doc_host(c->doc, w->text);

    *out = (struct net_side){ .kind = NET_SIDE_ANY, .network = network };
    if (network != NET_NONE && host != NET_NONE)
        return doc_error(w->node, c->e, "policy %s: '%.64s' is both a network and a host", raw->name, w->text);
    if (!strcmp(w->text, "any"))
        return 0;
    if (!strcmp(w->text, "outside"))
        out->kind = NET_SIDE_OUTSIDE;
    else if (network != NET_NONE)
        out->kind = NET_SIDE_NETWORK;
    else if (strchr(w->text, '/') ? !ip_subnet_parse(&out->prefix, w->text, NULL)
                                  : !ip_parse(&out->prefix, w->text, NULL))
        out->kind = NET_SIDE_PREFIX;
    else
        return doc_error(w->node, c->e,
                         "policy %s: '%.64s' is no network, host, address or prefix, and not 'any' or 'outside'",
                         raw->name, w->text);
    return 0;
}

/* A host is each of its addresses. */
static int sides_make(struct net_check *c, const struct raw_policy *raw, const struct doc_array *words,
                      const struct net_side **out, size_t *n_out)
{
    const struct raw_word *w = words->items;
    struct net_side *list;
    size_t n = 0;

    for (size_t i = 0; i < words->n; i++) {
        int host = net_doc_host(c->doc, w[i].text);

        n += host == NET_NONE ? 1 : c->doc->hosts[host].n_addresses;
    }
    list = net_need(c, n, sizeof *list);
    if (!list)
        return -ENOMEM;
    *out = list;
    *n_out = n;
    n = 0;
    for (size_t i = 0; i < words->n; i++) {
        int host = net_doc_host(c->doc, w[i].text), err;

        if (host == NET_NONE || net_doc_network(c->doc, w[i].text) != NET_NONE) {
            err = side_find(c, raw, &w[i], &list[n++]);
            if (err)
                return err;
            continue;
        }
        if (!c->doc->hosts[host].n_addresses)
            return doc_error(w[i].node, c->e, "policy %s: host %s has no address", raw->name, w[i].text);
        for (size_t j = 0; j < c->doc->hosts[host].n_addresses; j++) {
            list[n] = (struct net_side){ .kind = NET_SIDE_PREFIX, .prefix = c->doc->hosts[host].addresses[j] };
            list[n].prefix.prefix_len = list[n].prefix.family == 4 ? 32 : 128;
            n++;
        }
    }
    return 0;
}

static int policy_make(struct net_check *c, struct net_policy *out, const struct raw_policy *raw)
{
    const uint16_t *ports = raw->ports.items;
    const void *other;
    int err =
        net_use(c, (struct net_using){ .a = net_thing(NET_THING_POLICY, 0), .text = raw->name, .who = raw }, &other);

    if (err)
        return err;
    if (other)
        return doc_error(raw->node, c->e, "policy %s is there twice", raw->name);
    *out = (struct net_policy){
        .name = raw->name,
        .line = raw->node->line,
        .is_allowed = raw->action == 0,
        .protocol = protocol_number[raw->protocol],
    };
    if (raw->ports.n) {
        out->port_min = ports[0];
        out->port_max = ports[raw->ports.n - 1];
        if (out->port_min > out->port_max)
            return doc_error(raw->node, c->e, "policy %s: port %u is above port %u", raw->name, out->port_min,
                             out->port_max);
        if (raw->protocol == NET_PROTOCOL_ANY || raw->protocol == NET_PROTOCOL_ICMP)
            return doc_error(raw->node, c->e, "policy %s: 'port' goes with protocol tcp, udp or sctp", raw->name);
    }
    err = sides_make(c, raw, &raw->from, &out->from, &out->n_from);
    return err ? err : sides_make(c, raw, &raw->to, &out->to, &out->n_to);
}

/* --- DHCP --- */
static int dhcp_range_make(struct net_check *c, const struct net_network *n, struct net_dhcp *d,
                           const struct raw_dhcp *raw)
{
    const struct raw_address *range = raw->range.items;
    const struct ip_addr *subnet;
    char text[ADDR_TEXT_SIZE];

    for (size_t i = 0; i < raw->range.n; i++) {
        subnet = net_subnet_of(n, &range[i].ip);
        if (range[i].ip.family != 4 || range[i].has_prefix || !subnet)
            return doc_error(range[i].node, c->e, "network %s: dhcp: %s is no IPv4 address of its subnet", n->name,
                             ip_format(&range[i].ip, text, sizeof text));
    }
    if (!raw->range.n)
        return 0;
    if (!net_doc_gateway(c->doc, (int)(n - c->doc->networks), 4))
        return doc_error(raw->node, c->e, "network %s: dhcp: 'range' needs a router with an IPv4 address there",
                         n->name);
    d->first = range[0].ip;
    d->last = range[1].ip;
    d->first.prefix_len = d->last.prefix_len = net_subnet_of(n, &d->first)->prefix_len;
    if (!ip_is_in(&d->last, net_subnet_of(n, &d->first)) || memcmp(d->first.bytes, d->last.bytes, 4) > 0)
        return doc_error(raw->node, c->e,
                         "network %s: dhcp: the range goes from an address up to another of one subnet", n->name);
    if (d->first.prefix_len <= 30 && (net_host_bits_are(&d->first, 0) || net_host_bits_are(&d->last, 1)))
        return doc_error(raw->node, c->e,
                         "network %s: dhcp: the range has the address of the subnet itself or its broadcast address",
                         n->name);
    if (ipv4_of(&d->last) - ipv4_of(&d->first) >= NET_DHCP_ADDRESSES_MAX)
        return doc_error(raw->node, c->e, "network %s: dhcp: %u addresses are too many; %d are possible", n->name,
                         ipv4_of(&d->last) - ipv4_of(&d->first) + 1, NET_DHCP_ADDRESSES_MAX);
    return 0;
}

static int dhcp_range6_make(struct net_check *c, const struct net_network *n, struct net_dhcp *d,
                            const struct raw_dhcp *raw)
{
    const struct raw_address *range = raw->range6.items;
    uint64_t first = 0, last = 0;

    if (!raw->range6.n)
        return 0;
    if (!net_doc_gateway(c->doc, (int)(n - c->doc->networks), 6))
        return doc_error(raw->node, c->e, "network %s: dhcp: 'range6' needs a router with an IPv6 address there",
                         n->name);
    for (size_t i = 0; i < 2; i++)
        if (range[i].ip.family != 6 || range[i].has_prefix || !net_subnet_of(n, &range[i].ip))
            return doc_error(range[i].node, c->e, "network %s: dhcp: range6: an IPv6 address of its subnet is expected",
                             n->name);
    for (size_t i = 8; i < 16; i++) {
        first = first << 8 | range[0].ip.bytes[i];
        last = last << 8 | range[1].ip.bytes[i];
    }
    if (memcmp(range[0].ip.bytes, range[1].ip.bytes, 8) != 0 ||
        !ip_is_in(&range[1].ip, net_subnet_of(n, &range[0].ip)) || first > last ||
        last - first >= NET_DHCP_ADDRESSES_MAX)
        return doc_error(raw->node, c->e,
                         "network %s: dhcp: range6 goes from an address up to another of one subnet, with %d at most",
                         n->name, NET_DHCP_ADDRESSES_MAX);
    d->first6 = range[0].ip;
    d->last6 = range[1].ip;
    return 0;
}

/* What is not said is the router's: it answers itself. */
static void dhcp_dns_default(const struct net_check *c, int network, struct net_dhcp *d)
{
    const struct net_leg *leg = net_doc_leg(c->doc, network);
    const struct net_dns *dns = c->doc->routers[c->doc->networks[network].router].dns;

    if (!dns || leg->is_outside)
        return;
    if (!d->domain[0])
        d->domain = dns->domain;
    if (!d->n_dns) {
        d->dns = leg->addresses;
        d->n_dns = leg->n_addresses;
    }
}

static int dhcp_make(struct net_check *c, struct net_network *n, const struct raw_dhcp *raw)
{
    struct net_dhcp *d = net_need(c, 1, sizeof *d);
    const struct raw_address *dns = raw->dns.items;
    struct ip_addr *list = net_need(c, raw->dns.n, sizeof *list);
    int network = (int)(n - c->doc->networks), err;

    if (!d || !list)
        return -ENOMEM;
    *d = (struct net_dhcp){
        .line = raw->node->line,
        .lease_s = (uint32_t)(raw->lease_ns / UINT64_C(1000000000)),
        .n_dns = raw->dns.n,
        .dns = list,
        .domain = raw->domain,
    };
    for (size_t i = 0; i < raw->dns.n; i++) {
        list[i] = dns[i].ip;
        if (dns[i].has_prefix)
            return doc_error(dns[i].node, c->e, "network %s: dhcp: a DNS server has no prefix length", n->name);
    }
    if (!net_doc_gateway(c->doc, network, 4) && !net_doc_gateway(c->doc, network, 6))
        return doc_error(raw->node, c->e, "network %s: dhcp needs a router with an address there, which is the server",
                         n->name);
    n->dhcp = d;
    dhcp_dns_default(c, network, d);
    err = dhcp_range_make(c, n, d, raw);
    return err ? err : dhcp_range6_make(c, n, d, raw);
}

/* Who asks by DHCP must have somebody to answer. */
static int dhcp_hosts_check(struct net_check *c, const struct doc_array *raw)
{
    const struct raw_host *r = raw->items;

    for (size_t i = 0; i < raw->n; i++) {
        const struct net_host *h = &c->doc->hosts[i];
        const struct net_network *n = &c->doc->networks[h->network];

        if (!h->has_dhcp)
            continue;
        if (h->kind != NET_HOST_NETNS)
            return doc_error(r[i].node, c->e, "host %s: dhcp: true is for hosts of kind netns", h->name);
        if (!n->dhcp || !net_doc_gateway(c->doc, h->network, 4))
            return doc_error(r[i].node, c->e, "host %s: dhcp: network %s has no dhcp for IPv4", h->name, n->name);
    }
    return 0;
}

/* All of layer 3 is the controller's. */
static int controlled_check(struct net_check *c, const struct raw_doc *raw)
{
    const struct raw_network *n = raw->networks.items;
    const struct raw_router *r = raw->routers.items;
    const struct raw_policy *p = raw->policies.items;

    if (c->doc->is_controlled)
        return 0;
    if (raw->routers.n)
        return doc_error(r->node, c->e, "routers need a controller; the document says controller: none");
    if (raw->policies.n)
        return doc_error(p->node, c->e, "policies need a controller; the document says controller: none");
    for (size_t i = 0; i < raw->networks.n; i++)
        if (n[i].has_guard)
            return doc_error(n[i].node, c->e,
                             "network %s: guard needs a controller; the document says controller: none", n[i].name);
    return 0;
}

/* --- the whole --- */
int net_routers_make(struct net_check *c, const struct raw_doc *raw)
{
    const struct raw_router *r = raw->routers.items;
    const struct raw_policy *p = raw->policies.items;
    const struct raw_network *n = raw->networks.items;
    struct net_policy *policies = net_need(c, raw->policies.n, sizeof *policies);
    int err = policies ? controlled_check(c, raw) : -ENOMEM;

    if (err)
        return err;
    c->doc->routers = net_need(c, raw->routers.n, sizeof *c->doc->routers);
    if (!c->doc->routers)
        return -ENOMEM;
    for (size_t i = 0; i < raw->routers.n && !err; i++) {
        err = router_make(c, (int)i, &r[i]);
        c->doc->n_routers++;
    }
    for (size_t i = 0; i < raw->policies.n && !err; i++)
        err = policy_make(c, &policies[i], &p[i]);
    c->doc->policies = policies;
    c->doc->n_policies = raw->policies.n;
    for (size_t i = 0; i < raw->networks.n && !err; i++)
        if (n[i].dhcp.is_given)
            err = dhcp_make(c, network_at(c, (int)i), &n[i].dhcp);
    return err ? err : dhcp_hosts_check(c, &raw->hosts);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* compile_spread.c - the flows of source_nat with per_switch: each switch translates what its hosts begin, with ports of its own.
 * Flow: document, view -> [compile_spread] -> flow sets.   See compile_router.c for the tables.
 *
 * Every switch owns a block of the ports of the addresses outside.  TCP and UDP from inside leave translated from the switch that
 * routes them; what comes back is for the switch whose block has its port, and goes there by a MAC address that the router has at
 * that switch.  Everything else (other protocols, forwards, one-to-one addresses, the hairpin) is the gateway's as ever, and so are
 * answers to what began outside: the connections of policies know those (table 5 on the way out).  Who an ICMP error is for only
 * connections know: it goes from the gateway to one switch after the other until one has the connection. */
#include "controller/compiler_impl.h"
#include "openflow/ct.h"

enum {
    PRIO_LATER = 270, /* fragments: put together before their ports are looked at */
    PRIO_BLOCK = 260, /* below forwards */
    PRIO_ERROR = 250,
    PRIO_GATEWAYS = 240,
    PRIO_AT_SWITCH = 230,
    PRIO_ONE_TO_ONE = 220,
    PRIO_INSIDE = 210,
    PRIO_KNOWN = 350,
    PRIO_CHAIN = 105,
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    FRAG_ANY = 1,
    PORT16_NONE = 0xffff,
};
static const uint8_t icmp_errors[] = { 3, 11, 12 };

static bool is_gateway(const struct compiler *c, const struct net_router *r)
{
    return r->gateway == c->sw;
}

static uint64_t origin(const struct compiler *c, int network)
{
    return (uint64_t)c->doc->networks[network].vlan << METADATA_ORIGIN_SHIFT;
}

/* Of the router, from that network. */
static struct draft draft_from(const struct compiler *c, const struct net_router *r, uint8_t table, uint16_t priority,
                               int network)
{
    struct draft d = draft_new(table, priority, FLOW_KIND_UNNAT, c->doc->networks[network].vlan);

    draft_match_metadata(&d, router_metadata(c, r) | origin(c, network), METADATA_ROUTER_MASK | METADATA_ORIGIN_MASK);
    draft_match_family(&d, 4);
    return d;
}

static uint16_t zone_of(const struct compiler *c, const struct net_router *r, enum zone_use use)
{
    return compiler_zone(c, r->legs[0].network, use);
}

/* On to the router at another switch, also by the port that it came from. */
static void send_to(struct compiler *c, const struct net_router *r, struct draft *d, int sw)
{
    draft_set(d, FIELD_IN_PORT16, value_of(PORT16_NONE));
    if (sw != r->gateway)
        draft_set(d, FIELD_ETH_DST, value_of(net_router_mac_at(c->doc, r, sw)));
    d->spec.goto_table = TABLE_FORWARD;
    draft_emit(c, d);
}

static void look_up(const struct compiler *c, const struct net_router *r, struct draft *d)
{
    draft_ct(d, zone_of(c, r, ZONE_NAT), TABLE_TRANSLATED, FLOW_CT_NAT, 0);
}

/* --- table 4, from outside --- */
struct block {
    const struct net_router *r;
    const struct net_source_nat *s;
    const struct ip_addr *ip;
    int network, owner;
};

static void emit_piece(struct compiler *c, const void *arg, uint16_t port, uint16_t mask)
{
    const struct block *b = arg;

    for (int is_udp = 0; is_udp < 2; is_udp++) {
        struct draft d = draft_from(c, b->r, TABLE_UNNAT, PRIO_BLOCK, b->network);

        draft_match_ip(&d, DRAFT_DST, b->ip, 32);
        match_set(&d.m, FIELD_IP_PROTO, is_udp ? PROTO_UDP : PROTO_TCP);
        match_set_masked(&d.m, is_udp ? FIELD_UDP_DST : FIELD_TCP_DST, value_of(port), value_of(mask));
        if (b->owner != c->sw) {
            send_to(c, b->r, &d, b->owner);
        } else {
            look_up(c, b->r, &d);
            draft_emit(c, &d);
        }
    }
}

static void emit_blocks(struct compiler *c, const struct block *like)
{
    for (int sw = 0; sw < (int)c->doc->n_switches; sw++) {
        struct block b = *like;
        uint16_t first, last;

        b.owner = sw;
        net_spread_block(b.s, sw, &first, &last);
        if (sw != b.r->gateway || sw == c->sw) /* what is the gateway's goes there anyway */
            compiler_port_range(c, first, last, emit_piece, &b);
    }
}

/* What comes from a network outside for one of the addresses. */
static void emit_address(struct compiler *c, const struct net_router *r, const struct net_source_nat *s, int network,
                         const struct ip_addr *ip)
{
    struct block b = { .r = r, .s = s, .ip = ip, .network = network };
    struct draft d = draft_from(c, r, TABLE_UNNAT, PRIO_LATER, network);

    draft_match_ip(&d, DRAFT_DST, ip, 32);
    match_set_masked(&d.m, FIELD_IP_FRAG, value_of(FRAG_ANY), value_of(FRAG_ANY));
    match_set_masked(&d.m, FIELD_CT_STATE, value_of(0), value_of(CT_TRK));
    draft_ct(&d, zone_of(c, r, ZONE_NAT), TABLE_UNNAT, 0, 0);
    draft_emit(c, &d);
    emit_blocks(c, &b);
    for (size_t i = 0; i < sizeof icmp_errors && !is_gateway(c, r); i++) {
        d = draft_from(c, r, TABLE_UNNAT, PRIO_ERROR, network);
        match_set(&d.m, FIELD_ETH_DST, net_router_mac_at(c->doc, r, c->sw));
        draft_match_ip(&d, DRAFT_DST, ip, 32);
        match_set(&d.m, FIELD_IP_PROTO, PROTO_ICMP);
        match_set(&d.m, FIELD_ICMPV4_TYPE, icmp_errors[i]);
        look_up(c, r, &d);
        draft_emit(c, &d);
    }
}

static void emit_addresses(struct compiler *c, const struct net_router *r, const struct net_source_nat *s,
                           const struct net_leg *leg)
{
    struct ip_addr ip = s->first;

    for (size_t i = 0; !ip.family && i < leg->n_addresses; i++)
        if (leg->addresses[i].family == 4)
            emit_address(c, r, s, leg->network, &leg->addresses[i]);
    for (; ip.family; ip_increment(&ip)) {
        emit_address(c, r, s, leg->network, &ip);
        if (ip_equal(&ip, &s->last))
            break;
    }
}

/* --- table 5 --- */
/* An error that is about nothing here: to the next switch, in the order of the document; the gateway was the first. */
static void emit_chain(struct compiler *c, const struct net_router *r, int network)
{
    int next = is_gateway(c, r) ? 0 : c->sw + 1;

    next += next == r->gateway;
    for (size_t i = 0; i < sizeof icmp_errors && next < (int)c->doc->n_switches; i++) {
        struct draft d = draft_from(c, r, TABLE_TRANSLATED, PRIO_CHAIN, network);

        match_set(&d.m, FIELD_IP_PROTO, PROTO_ICMP);
        match_set(&d.m, FIELD_ICMPV4_TYPE, icmp_errors[i]);
        send_to(c, r, &d, next);
    }
}

/* --- a switch that is not the gateway --- */
static void emit_outside(struct compiler *c, const struct net_router *r, int network)
{
    static const unsigned known[][2] = { { CT_TRK | CT_EST, CT_TRK | CT_EST },
                                         { CT_TRK | CT_REL, CT_TRK | CT_REL | CT_EST } };
    struct draft d = draft_from(c, r, TABLE_UNNAT, PRIO_GATEWAYS, network);
    uint16_t vlan = c->doc->networks[network].vlan;

    match_set(&d.m, FIELD_ETH_DST, r->mac);
    send_to(c, r, &d, r->gateway);
    d = draft_from(c, r, TABLE_UNNAT, PRIO_AT_SWITCH, network); /* for nothing of this switch */
    draft_emit(c, &d);
    d = draft_new(TABLE_LOCAL, PRIO_LOCAL_ROUTER, FLOW_KIND_ROUTER, vlan);
    draft_match_vlan(&d, vlan);
    match_set(&d.m, FIELD_ETH_DST, net_router_mac_at(c->doc, r, c->sw));
    draft_match_family(&d, 4);
    d.spec.goto_table = TABLE_UNNAT;
    d.spec.metadata = router_metadata(c, r);
    d.spec.metadata_mask = METADATA_ROUTER_MASK | METADATA_TRUSTED;
    draft_emit(c, &d);
    for (size_t k = 0; k < 2; k++) {
        d = draft_from(c, r, TABLE_TRANSLATED, 310, network);
        match_set_masked(&d.m, FIELD_CT_STATE, value_of(known[k][0]), value_of(known[k][1]));
        d.spec.goto_table = TABLE_ROUTE;
        draft_emit(c, &d);
    }
    d = draft_from(c, r, TABLE_TRANSLATED, 100, network);
    d.spec.cookie = flow_cookie(FLOW_KIND_CLOSED, 0);
    match_set(&d.m, FIELD_IP_PROTO, PROTO_UDP);
    draft_show(&d);
    draft_emit(c, &d);
}

/* TCP and UDP from inside are this switch's, unless they answer what began outside. */
static void emit_inside(struct compiler *c, const struct net_router *r, int network)
{
    uint16_t zone = zone_of(c, r, ZONE_POLICY);
    struct draft d;

    d = draft_new(TABLE_LOCAL, PRIO_LOCAL_ROUTER + 2, FLOW_KIND_ROUTER, c->doc->networks[network].vlan);
    draft_match_vlan(&d, c->doc->networks[network].vlan);
    draft_match_metadata(&d, METADATA_TRUSTED,
                         METADATA_TRUSTED); /* on its way to the gateway: no more of this switch */
    match_set(&d.m, FIELD_ETH_DST, r->mac);
    draft_match_family(&d, 4);
    d.spec.goto_table = TABLE_FORWARD;
    draft_emit(c, &d);
    for (int is_udp = 0; is_udp < 2; is_udp++) {
        d = draft_from(c, r, TABLE_UNNAT, PRIO_INSIDE, network);
        match_set(&d.m, FIELD_IP_PROTO, is_udp ? PROTO_UDP : PROTO_TCP);
        draft_ct(&d, zone, TABLE_TRANSLATED, 0, 0);
        draft_emit(c, &d);
    }
    d = draft_from(c, r, TABLE_TRANSLATED, PRIO_KNOWN, network);
    match_set(&d.m, FIELD_CT_ZONE, zone);
    draft_set(&d, FIELD_REG0, value_of(WAY_HERE));
    d.spec.goto_table = TABLE_ROUTE;
    draft_emit(c, &d);
    d = draft_from(c, r, TABLE_TRANSLATED, PRIO_KNOWN + 1, network);
    match_set(&d.m, FIELD_CT_ZONE, zone);
    match_set_masked(&d.m, FIELD_CT_STATE, value_of(CT_RPL), value_of(CT_RPL));
    d.spec.goto_table = TABLE_ROUTE;
    draft_emit(c, &d);
}

static void emit_aside(struct compiler *c, const struct net_router *r)
{
    struct draft d = draft_new(TABLE_UNNAT, 1, FLOW_KIND_UNNAT, 0);

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    d.spec.goto_table = TABLE_ROUTE;
    draft_emit(c, &d);
    for (size_t i = 0; i < r->n_one_to_ones; i++) {
        d = draft_new(TABLE_UNNAT, PRIO_ONE_TO_ONE, FLOW_KIND_UNNAT, 0);
        draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
        draft_match_ip(&d, DRAFT_SRC, &r->one_to_ones[i].inside, 32);
        d.spec.goto_table = TABLE_ROUTE;
        draft_emit(c, &d);
    }
    for (size_t i = 0; i < r->n_legs; i++) {
        const struct net_source_nat *s = net_source_nat_of(r, r->legs[i].network);

        if (r->legs[i].is_outside)
            emit_outside(c, r, r->legs[i].network);
        else if (s && s->per_switch)
            emit_inside(c, r, r->legs[i].network);
    }
}

void compile_spread(struct compiler *c, const struct net_router *r)
{
    for (size_t i = 0; i < r->n_legs; i++) {
        if (!r->legs[i].is_outside)
            continue;
        for (size_t j = 0; j < r->n_source_nats; j++)
            if (r->source_nats[j].per_switch)
                emit_addresses(c, r, &r->source_nats[j], &r->legs[i]);
        emit_chain(c, r, r->legs[i].network);
        for (int sw = 0; sw < (int)c->doc->n_switches; sw++) {
            net_mac mac = net_router_mac_at(c->doc, r, sw);

            if (sw == r->gateway)
                continue;
            compiler_emit_spoof(c, mac, r->legs[i].network);
            if (sw != c->sw)
                compiler_emit_host(c, mac, r->legs[i].network, sw, 0);
        }
    }
    if (!is_gateway(c, r))
        emit_aside(c, r);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* compile_router.c - the flows of routers: every switch routes for the hosts at its own ports, the gateway translates.
 * Flow: document, view -> [compile_router] -> flow sets.   See compiler.h.
 * Spec: RFC 826 (ARP), RFC 1812 (routers), RFC 4787 and 5382 (translation, hairpin).  Wants the extensions of Open vSwitch
 * for ct, move and the match on a TTL.
 *
 *   table 3, local     ARP and pings for a router are answered here; what the controller answers is shown to it; frames for
 *                      the router's MAC address -> 4 on its gateway, else 6; elsewhere than at the gateway, those that come from
 *                      a network outside go there as they are.
 *   table 4, unnat     at the gateway, IPv4 to an address of its own outside: forwards and one-to-one addresses are
 *                      translated -> 6, what may belong to a translated connection is looked up -> 5.
 *   table 5, translated   it does: -> 6.  Else it was meant for the router itself.
 *   table 6, route     the longest prefix: next network, sender's MAC address, TTL -> 8, or with the next hop's MAC address
 *                      straight on.  Elsewhere than at the gateway, what leads outside stays as it is and goes to the
 *                      gateway by the links, as to a host.
 *   table 7, fit       the same, of routes to networks that not every frame fits into (compile_mtu.c).
 *   table 8, neighbor  (network, address) -> the MAC address, and on: to policies or to forward.  What has none is shown to
 *                      the controller, which asks for it and sends the frame on from here (services_resolve.c).
 *                      Where source_nat is per_switch, tables 4, 5 and 11 are in use on every switch (compile_spread.c).
 *   table 11, nat      at the gateway, on the way out: source translation, NAT64 and NPTv6 (compile_n*.c); with trama-switchd what
 *                      cannot be translated is shown to the controller in table 12.
 *
 * A client inside that uses an outside address of an inside server (hairpin) is translated twice, in two zones: the
 * destination on the way in, the source on the way out, so that answers come back through here (RFC 4787, REQ-9).  If it has
 * a mapping, the second is of that, and of the zone of the first: no tuple of the two connections is the other's. */
#include "controller/compiler_impl.h"
#include "controller/frame.h"
#include "openflow/ct.h"

#include <string.h>

enum {
    ETH_TYPE_IP = 0x0800,
    ETH_TYPE_IPV6 = 0x86dd,
    ETH_TYPE_ARP = 0x0806,
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ICMPV6 = 58,
    PROTO_SCTP = 132,
    TCP_SYN = 2,
    DHCP_SERVER_PORT = 67,
    DNS_SERVER_PORT = 53,
    DHCPV6_SERVER_PORT = 547,
    TTL_OWN = 64,
    ROUTE_BASE = 1000,    /* and two for each bit of a prefix */
    PORT16_NONE = 0xffff, /* OFPP_NONE of OpenFlow 1.0 */
};
#define PORT_IN UINT32_C(0xfffffff8) /* OFPP_IN_PORT */

enum {
    PRIO_LOCAL_DEFAULT = 100,
    PRIO_LOCAL_ECHO = 480,
    PRIO_LOCAL_SERVICE = 500,
    PRIO_TTL = 64000,
    PRIO_OWN = 65000, /* above PRIO_TTL: what has arrived is not forwarded, RFC 1812, 4.2.2.9 */
    PRIO_REFUSED = 65000,
    PRIO_MAPPED_HAIRPIN = 61000, /* above what is not mapped; the first source_nat that fits is the highest */
    PRIO_ANSWERS = 61000,        /* above every translation of what begins */
};

bool router_next_hop(const struct net_doc *doc, const struct net_router *r, const struct ip_addr *ip, int *leg,
                     struct ip_addr *hop)
{
    int best = -1;

    for (size_t i = 0; i < r->n_legs; i++) {
        const struct net_network *n = &doc->networks[r->legs[i].network];

        for (size_t j = 0; j < n->n_subnets; j++)
            if (ip_is_in(ip, &n->subnets[j]) && (int)n->subnets[j].prefix_len > best) {
                best = n->subnets[j].prefix_len;
                *leg = (int)i;
                *hop = *ip;
            }
    }
    for (size_t i = 0; i < r->n_routes; i++)
        if (ip_is_in(ip, &r->routes[i].to) && (int)r->routes[i].to.prefix_len > best) {
            best = r->routes[i].to.prefix_len;
            *leg = r->routes[i].leg;
            *hop = r->routes[i].via;
        }
    return best >= 0;
}

/* --- what is asked of every router --- */
uint64_t router_metadata(const struct compiler *c, const struct net_router *r)
{
    return (uint64_t)(r - c->doc->routers + 1) << METADATA_ROUTER_SHIFT;
}

static uint64_t origin_metadata(const struct compiler *c, int network)
{
    return (uint64_t)c->doc->networks[network].vlan << METADATA_ORIGIN_SHIFT;
}

/* Whether some mapping lets in more than answers, so that outside frames are to be held against mappings. */
static bool has_open_mappings(const struct compiler *c, const struct net_router *r)
{
    for (size_t i = 0; i < r->n_source_nats; i++)
        if (r->source_nats[i].filtering != NET_FILTERING_ADDRESS_AND_PORT)
            return c->view->switches[c->sw].is_trama;
    return r->nat64 && r->nat64->nat.filtering != NET_FILTERING_ADDRESS_AND_PORT && c->view->switches[c->sw].is_trama;
}

/* Whether hosts inside see each other, over the hairpin, by mappings that they have: RFC 4787, REQ-9 a. */
static bool has_mappings(const struct compiler *c, const struct net_router *r)
{
    for (size_t i = 0; i < r->n_source_nats; i++)
        if (r->source_nats[i].is_mapped)
            return c->view->switches[c->sw].is_trama;
    return false;
}

static bool is_gateway(const struct compiler *c, const struct net_router *r)
{
    return r->gateway == c->sw;
}

/* The router's own first IPv4 address outside, NULL: none. */
static const struct ip_addr *outside_address(const struct net_router *r)
{
    for (size_t i = 0; i < r->n_legs; i++)
        for (size_t j = 0; r->legs[i].is_outside && j < r->legs[i].n_addresses; j++)
            if (r->legs[i].addresses[j].family == 4)
                return &r->legs[i].addresses[j];
    return NULL;
}

int router_leg_with(const struct compiler *c, const struct net_router *r, const struct ip_addr *ip)
{
    for (size_t i = 0; i < r->n_legs; i++) {
        const struct net_network *n = &c->doc->networks[r->legs[i].network];

        for (size_t j = 0; j < n->n_subnets; j++)
            if (r->legs[i].is_outside && ip_is_in(ip, &n->subnets[j]))
                return (int)i;
    }
    return NET_NONE;
}

void ip_increment(struct ip_addr *ip)
{
    for (int i = 3; i >= 0 && !++ip->bytes[i]; i--)
        continue;
}

static void each_of_range(struct compiler *c, const struct net_router *r, const struct net_source_nat *s,
                          void (*f)(struct compiler *c, const struct net_router *r, int leg, const struct ip_addr *ip))
{
    for (struct ip_addr ip = s->first; ip.family; ip_increment(&ip)) {
        f(c, r, router_leg_with(c, r, &ip), &ip);
        if (ip_equal(&ip, &s->last))
            break;
    }
}

static void each_outside_address(struct compiler *c, const struct net_router *r,
                                 void (*f)(struct compiler *c, const struct net_router *r, int leg,
                                           const struct ip_addr *ip))
{
    for (size_t i = 0; i < r->n_legs; i++)
        for (size_t j = 0; r->legs[i].is_outside && j < r->legs[i].n_addresses; j++)
            if (r->legs[i].addresses[j].family == 4)
                f(c, r, (int)i, &r->legs[i].addresses[j]);
    for (size_t i = 0; i < r->n_source_nats; i++)
        each_of_range(c, r, &r->source_nats[i], f);
    if (r->nat64)
        each_of_range(c, r, &r->nat64->nat, f);
    for (size_t i = 0; i < r->n_forwards; i++)
        if (r->forwards[i].at.family)
            f(c, r, router_leg_with(c, r, &r->forwards[i].at), &r->forwards[i].at);
    for (size_t i = 0; i < r->n_one_to_ones; i++)
        f(c, r, router_leg_with(c, r, &r->one_to_ones[i].outside), &r->one_to_ones[i].outside);
}

/* --- table 3, local --- */
/* ARP for an address of the router: answered out of the port it came from (RFC 826; a probe too, RFC 5227). */
static void emit_arp(struct compiler *c, const struct net_router *r, int leg, const struct ip_addr *ip)
{
    uint16_t vlan = c->doc->networks[r->legs[leg].network].vlan;
    struct draft d = draft_new(TABLE_LOCAL, PRIO_LOCAL_SERVICE, FLOW_KIND_ARP, vlan);

    draft_match_vlan(&d, vlan);
    draft_match_metadata(&d, 0, METADATA_TRUSTED);
    match_set(&d.m, FIELD_ETH_TYPE, ETH_TYPE_ARP);
    match_set(&d.m, FIELD_ARP_OP, 1);
    match_set(&d.m, FIELD_ARP_TPA, ip_value(ip).lo);
    draft_move(&d, FIELD_ETH_DST, FIELD_ETH_SRC);
    draft_set(&d, FIELD_ETH_SRC, value_of(r->mac));
    draft_set(&d, FIELD_ARP_OP, value_of(2));
    draft_move(&d, FIELD_ARP_THA, FIELD_ARP_SHA);
    draft_set(&d, FIELD_ARP_SHA, value_of(r->mac));
    draft_move(&d, FIELD_ARP_TPA, FIELD_ARP_SPA);
    draft_set(&d, FIELD_ARP_SPA, ip_value(ip));
    draft_act(&d, FLOW_ACT_POP_VLAN);
    draft_act(&d, FLOW_ACT_OUTPUT)->port = PORT_IN;
    draft_emit(c, &d);
}

/* A ping to the router: turned round, and routed like any packet (RFC 1812, 4.3.3.6). */
static void emit_echo(struct compiler *c, const struct net_router *r, uint16_t vlan, const struct ip_addr *ip)
{
    bool is_v6 = ip->family == 6;
    struct draft d = draft_new(TABLE_LOCAL, PRIO_LOCAL_ECHO, FLOW_KIND_ECHO, vlan);

    draft_match_vlan(&d, vlan);
    match_set(&d.m, FIELD_ETH_DST, r->mac);
    draft_match_ip(&d, DRAFT_DST, ip, is_v6 ? 128 : 32);
    match_set(&d.m, FIELD_IP_PROTO, is_v6 ? PROTO_ICMPV6 : PROTO_ICMP);
    match_set(&d.m, is_v6 ? FIELD_ICMPV6_TYPE : FIELD_ICMPV4_TYPE, is_v6 ? 128 : 8);
    draft_move(&d, is_v6 ? FIELD_IPV6_DST : FIELD_IPV4_DST, is_v6 ? FIELD_IPV6_SRC : FIELD_IPV4_SRC);
    draft_set(&d, is_v6 ? FIELD_IPV6_SRC : FIELD_IPV4_SRC, ip_value(ip));
    draft_set(&d, is_v6 ? FIELD_ICMPV6_TYPE : FIELD_ICMPV4_TYPE, value_of(is_v6 ? 129 : 0));
    draft_set(&d, FIELD_IP_TTL, value_of(TTL_OWN));
    draft_set(&d, FIELD_REG0, value_of(WAY_OWN));
    d.spec.goto_table = TABLE_ROUTE;
    d.spec.metadata = router_metadata(c, r);
    d.spec.metadata_mask = METADATA_ROUTER_MASK | METADATA_TRUSTED;
    draft_emit(c, &d);
}

/* Shown to the controller, which answers. */
static void emit_service(struct compiler *c, struct draft *d, uint16_t vlan)
{
    draft_match_vlan(d, vlan);
    draft_match_metadata(d, 0, METADATA_TRUSTED);
    draft_show(d);
    draft_emit(c, d);
}

/* Neighbor discovery: a router solicitation, a solicitation for `target`, an advertisement to us (RFC 4861). */
static void emit_nd(struct compiler *c, const struct net_router *r, uint16_t vlan, uint8_t type,
                    const struct ip_addr *target)
{
    struct draft d = draft_new(TABLE_LOCAL, PRIO_LOCAL_SERVICE, FLOW_KIND_SERVICE, vlan);

    match_set(&d.m, FIELD_ETH_TYPE, ETH_TYPE_IPV6);
    match_set(&d.m, FIELD_IP_PROTO, PROTO_ICMPV6);
    match_set(&d.m, FIELD_ICMPV6_TYPE, type);
    if (target)
        match_set_masked(&d.m, FIELD_ND_TARGET, ip_value(target), field_ones(FIELD_ND_TARGET));
    if (type == 136)
        match_set(&d.m, FIELD_ETH_DST, r->mac);
    emit_service(c, &d, vlan);
}

static void emit_services(struct compiler *c, const struct net_router *r, const struct net_leg *leg)
{
    const struct net_network *n = &c->doc->networks[leg->network];
    struct draft d = draft_new(TABLE_LOCAL, PRIO_LOCAL_SERVICE, FLOW_KIND_SERVICE, n->vlan);

    /* Answers to what the controller asked; other switches' hosts answer by their own. */
    match_set(&d.m, FIELD_ETH_DST, r->mac);
    match_set(&d.m, FIELD_ETH_TYPE, ETH_TYPE_ARP);
    match_set(&d.m, FIELD_ARP_OP, 2);
    emit_service(c, &d, n->vlan);
    if (n->dhcp) {
        d = draft_new(TABLE_LOCAL, PRIO_LOCAL_SERVICE, FLOW_KIND_SERVICE, n->vlan);
        match_set(&d.m, FIELD_ETH_TYPE, ETH_TYPE_IP);
        match_set(&d.m, FIELD_IP_PROTO, PROTO_UDP);
        match_set(&d.m, FIELD_UDP_DST, DHCP_SERVER_PORT);
        emit_service(c, &d, n->vlan);
    }
    if (n->dhcp && net_doc_gateway(c->doc, leg->network, 6)) {
        static const struct ip_addr servers = { .family = 6, .bytes = { 0xff, 0x02, [13] = 1, [15] = 2 } };

        d = draft_new(TABLE_LOCAL, PRIO_LOCAL_SERVICE, FLOW_KIND_SERVICE, n->vlan);
        draft_match_ip(&d, DRAFT_DST, &servers, 128);
        match_set(&d.m, FIELD_IP_PROTO, PROTO_UDP);
        match_set(&d.m, FIELD_UDP_DST, DHCPV6_SERVER_PORT);
        emit_service(c, &d, n->vlan);
    }
    for (size_t i = 0; r->dns && !leg->is_outside && i < leg->n_addresses; i++) {
        d = draft_new(TABLE_LOCAL, PRIO_LOCAL_SERVICE, FLOW_KIND_SERVICE, n->vlan);
        match_set(&d.m, FIELD_ETH_DST, r->mac);
        draft_match_ip(&d, DRAFT_DST, &leg->addresses[i], leg->addresses[i].family == 4 ? 32 : 128);
        match_set(&d.m, FIELD_IP_PROTO, PROTO_UDP);
        match_set(&d.m, FIELD_UDP_DST, DNS_SERVER_PORT);
        emit_service(c, &d, n->vlan);
    }
    for (size_t i = 0; i < leg->n_addresses; i++) {
        struct ip_addr local = ip_link_local(r->mac);

        if (leg->addresses[i].family != 6)
            continue;
        emit_nd(c, r, n->vlan, 133, NULL);
        emit_nd(c, r, n->vlan, 135, &leg->addresses[i]);
        emit_nd(c, r, n->vlan, 135, &local);
        emit_nd(c, r, n->vlan, 136, NULL);
    }
}

/* Frames for the router's MAC address that begin a TCP connection go where `all` of them go, and announce no more than fits. */
static void emit_clamp(struct compiler *c, const struct draft *all, uint16_t mss)
{
    struct draft d = *all;

    if (!mss || !c->view->switches[c->sw].is_trama)
        return;
    d.spec.priority++;
    match_set(&d.m, FIELD_IP_PROTO, PROTO_TCP);
    match_set_masked(&d.m, FIELD_TCP_FLAGS, value_of(TCP_SYN), value_of(TCP_SYN));
    draft_act(&d, FLOW_ACT_CLAMP_MSS)->arg = mss;
    draft_emit(c, &d);
}

static void emit_local(struct compiler *c, const struct net_router *r, const struct net_leg *leg)
{
    uint16_t vlan = c->doc->networks[leg->network].vlan;
    struct draft d = draft_new(TABLE_LOCAL, PRIO_LOCAL_DEFAULT, FLOW_KIND_ROUTER, vlan);

    draft_match_vlan(&d, vlan);
    d.spec.goto_table = compiler_after_routing(c, leg->network);
    draft_emit(c, &d);
    for (int v6 = 0; v6 < 2; v6++) {
        d = draft_new(TABLE_LOCAL, PRIO_LOCAL_ROUTER, FLOW_KIND_ROUTER, vlan);
        draft_match_vlan(&d, vlan);
        match_set(&d.m, FIELD_ETH_DST, r->mac);
        draft_match_family(&d, v6 ? 6 : 4);
        d.spec.goto_table = is_gateway(c, r) && (!v6 || r->n_nptv6s) ? TABLE_UNNAT : TABLE_ROUTE;
        if (!v6 && net_router_is_spread(r))
            d.spec.goto_table = TABLE_UNNAT;
        else if (leg->is_outside && !is_gateway(c, r)) { /* both directions of what outsiders say pass there */
            d.spec.goto_table = TABLE_FORWARD;
            draft_emit(c, &d);
            continue;
        }
        d.spec.metadata = router_metadata(c, r);
        d.spec.metadata_mask = METADATA_ROUTER_MASK | METADATA_TRUSTED;
        draft_emit(c, &d);
        emit_clamp(c, &d, v6 ? r->mss6 : r->mss);
    }
    for (size_t i = 0; i < leg->n_addresses; i++)
        if (leg->addresses[i].family == 4 && !leg->is_outside)
            emit_arp(c, r, (int)(leg - r->legs), &leg->addresses[i]);
    for (size_t i = 0; i < r->n_legs && (is_gateway(c, r) || !leg->is_outside); i++)
        for (size_t j = 0; j < r->legs[i].n_addresses; j++)
            emit_echo(c, r, vlan, &r->legs[i].addresses[j]);
    emit_services(c, r, leg);
}

/* --- helpers --- */
const struct helper_port helper_ports[NET_HELPERS] = {
    [NET_HELPER_FTP] = { PROTO_TCP, 21, CT_ALG_FTP, FIELD_TCP_DST },
    [NET_HELPER_TFTP] = { PROTO_UDP, 69, CT_ALG_TFTP, FIELD_UDP_DST },
};

static uint16_t alg_of(const struct net_router *r, uint8_t protocol, uint16_t port)
{
    for (unsigned i = 0; i < NET_HELPERS; i++)
        if (r->helpers >> i & 1 && helper_ports[i].protocol == protocol && helper_ports[i].port == port)
            return helper_ports[i].alg;
    return 0;
}

/* The flow, whose last action is ct, and those with helpers in front of it. */
static void emit_with_helpers(struct compiler *c, const struct net_router *r, struct draft *d)
{
    draft_emit(c, d);
    for (unsigned i = 0; i < NET_HELPERS; i++) {
        struct draft h = *d;

        if (!(r->helpers >> i & 1))
            continue;
        h.spec.priority++;
        match_set(&h.m, FIELD_IP_PROTO, helper_ports[i].protocol);
        match_set(&h.m, helper_ports[i].field, helper_ports[i].port);
        h.acts[h.spec.n_acts - 1].alg = helper_ports[i].alg;
        draft_emit(c, &h);
    }
}

/* What `d` matches is routed to a host inside: over the hairpin, or as forwarded when it came from outside. */
static void emit_inward(struct compiler *c, const struct net_router *r, struct draft d)
{
    draft_set(&d, FIELD_REG0, value_of(WAY_HAIRPIN));
    d.spec.goto_table = TABLE_ROUTE;
    draft_emit(c, &d);
    for (size_t i = 0; i < r->n_legs; i++) {
        struct draft in = d;

        if (!r->legs[i].is_outside)
            continue;
        in.spec.priority++;
        in.spec.n_acts = 0;
        draft_match_metadata(&in, origin_metadata(c, r->legs[i].network), METADATA_ORIGIN_MASK);
        draft_set(&in, FIELD_REG0, value_of(WAY_FORWARDED));
        draft_emit(c, &in);
    }
}

/* Later frames of what began outside, or over the hairpin, and is known by its connection only: as the first. */
static void emit_begun(struct compiler *c, const struct net_router *r)
{
    unsigned state = CT_TRK | CT_EST | CT_DNAT;
    struct draft d = draft_new(TABLE_TRANSLATED, 315, FLOW_KIND_UNNAT, 0);

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    match_set_masked(&d.m, FIELD_CT_STATE, value_of(state), value_of(state | CT_RPL));
    match_set(&d.m, FIELD_CT_ZONE, compiler_zone(c, r->legs[0].network, ZONE_NAT));
    emit_inward(c, r, d);
}

/* What a helper expects from outside, or over the hairpin: there of passive FTP only; what a server begins looks like an answer. */
static void emit_expected(struct compiler *c, const struct net_router *r)
{
    const unsigned state = CT_TRK | CT_NEW | CT_REL;
    uint16_t zone = compiler_zone(c, r->legs[0].network, ZONE_NAT);
    const struct draft like = draft_new(TABLE_TRANSLATED, 325, FLOW_KIND_UNNAT, 0);
    struct draft d = like;

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    match_set(&d.m, FIELD_ETH_TYPE, ETH_TYPE_IP);
    match_set_masked(&d.m, FIELD_CT_STATE, value_of(state), value_of(state));
    match_set(&d.m, FIELD_CT_ZONE, zone);
    draft_set(&d, FIELD_REG0, value_of(WAY_HAIRPIN));
    draft_ct(&d, zone, TABLE_ROUTE, FLOW_CT_COMMIT | FLOW_CT_NAT, 0);
    draft_emit(c, &d);
    for (size_t i = 0; i < r->n_legs; i++) {
        if (!r->legs[i].is_outside)
            continue;
        d = like;
        d.spec.priority += 5;
        draft_match_metadata(&d, router_metadata(c, r) | origin_metadata(c, r->legs[i].network),
                             METADATA_ROUTER_MASK | METADATA_ORIGIN_MASK);
        match_set(&d.m, FIELD_ETH_TYPE, ETH_TYPE_IP);
        match_set_masked(&d.m, FIELD_CT_STATE, value_of(state), value_of(state));
        draft_set(&d, FIELD_REG0, value_of(WAY_FORWARDED));
        draft_ct(&d, zone, TABLE_ROUTE, FLOW_CT_COMMIT | FLOW_CT_NAT, 0);
        draft_emit(c, &d);
    }
}

/* --- tables 4 and 5 --- */
static void forward_to(struct draft *d, uint16_t zone, const struct ip_addr *to, uint16_t port, uint16_t alg)
{
    struct flow_act *a = draft_ct(d, zone, TABLE_ROUTE, FLOW_CT_COMMIT | FLOW_CT_NAT, CT_NAT_F_DST);

    a->nat_family = 4;
    a->value = ip_value(to);
    a->port_min = port;
    a->alg = alg;
}

/* Two flows for one thing: from a network outside, and from inside. */
static void emit_in(struct compiler *c, const struct net_router *r, const struct draft *like, const struct ip_addr *to,
                    uint16_t port, uint16_t alg)
{
    uint16_t zone = compiler_zone(c, r->legs[0].network, ZONE_NAT);
    struct draft d = *like;

    draft_set(&d, FIELD_REG0, value_of(WAY_HAIRPIN));
    forward_to(&d, zone, to, port, alg);
    draft_emit(c, &d);
    for (size_t i = 0; i < r->n_legs; i++) {
        if (!r->legs[i].is_outside)
            continue;
        d = *like;
        d.spec.priority = (uint16_t)(d.spec.priority + 10);
        draft_match_metadata(&d, origin_metadata(c, r->legs[i].network), METADATA_ORIGIN_MASK);
        draft_set(&d, FIELD_REG0, value_of(WAY_FORWARDED));
        forward_to(&d, zone, to, port, alg);
        draft_emit(c, &d);
    }
}

static void emit_forward_at(struct compiler *c, const struct net_router *r, const struct net_forward *f,
                            const struct ip_addr *at)
{
    enum field_id field = f->protocol == PROTO_TCP   ? FIELD_TCP_DST
                          : f->protocol == PROTO_UDP ? FIELD_UDP_DST
                                                     : FIELD_SCTP_DST;
    struct draft d = draft_new(TABLE_UNNAT, 300, FLOW_KIND_FORWARD, (uint32_t)(f - r->forwards));

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    draft_match_ip(&d, DRAFT_DST, at, 32);
    match_set(&d.m, FIELD_IP_PROTO, f->protocol);
    match_set(&d.m, field, f->port);
    emit_in(c, r, &d, &f->to, f->to_port, alg_of(r, f->protocol, f->port));
}

static void emit_forwards(struct compiler *c, const struct net_router *r)
{
    for (size_t i = 0; i < r->n_forwards; i++) {
        const struct net_forward *f = &r->forwards[i];

        if (f->at.family) {
            emit_forward_at(c, r, f, &f->at);
            continue;
        }
        for (size_t j = 0; j < r->n_legs; j++)
            for (size_t k = 0; r->legs[j].is_outside && k < r->legs[j].n_addresses; k++)
                if (r->legs[j].addresses[k].family == 4)
                    emit_forward_at(c, r, f, &r->legs[j].addresses[k]);
    }
    for (size_t i = 0; i < r->n_one_to_ones; i++) {
        const struct net_one_to_one *o = &r->one_to_ones[i];
        struct draft d = draft_new(TABLE_UNNAT, 250, FLOW_KIND_FORWARD, (uint32_t)(r->n_forwards + i));

        draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
        draft_match_ip(&d, DRAFT_DST, &o->outside, 32);
        emit_in(c, r, &d, &o->inside, 0, 0);
    }
}

/* What may be an answer to something translated. */
static void emit_unnat(struct compiler *c, const struct net_router *r, int leg, const struct ip_addr *ip)
{
    struct draft d = draft_new(TABLE_UNNAT, 190, FLOW_KIND_UNNAT, 0);

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    draft_match_ip(&d, DRAFT_DST, ip, 32);
    draft_ct(&d, compiler_zone(c, r->legs[0].network, ZONE_HAIRPIN), TABLE_TRANSLATED, FLOW_CT_NAT, 0);
    draft_emit(c, &d);
    for (size_t i = 0; i < r->n_legs; i++) {
        if (!r->legs[i].is_outside)
            continue;
        d = draft_new(TABLE_UNNAT, 200, FLOW_KIND_UNNAT, 0);
        draft_match_metadata(&d, router_metadata(c, r) | origin_metadata(c, r->legs[i].network),
                             METADATA_ROUTER_MASK | METADATA_ORIGIN_MASK);
        draft_match_ip(&d, DRAFT_DST, ip, 32);
        draft_ct(&d, compiler_zone(c, r->legs[0].network, ZONE_NAT), TABLE_TRANSLATED, FLOW_CT_NAT,
                 has_open_mappings(c, r) ? CT_NAT_F_MAPPED : 0);
        draft_emit(c, &d);
    }
}

/* From inside (hairpin) mappings, what is expected, and answers to who has a mapping, are looked up once the zone of such
 * conversations knows nothing of it: answers of TCP are invalid there. */
static void emit_hairpin(struct compiler *c, const struct net_router *r)
{
    struct draft d = draft_new(TABLE_TRANSLATED, 200, FLOW_KIND_UNNAT, 0);

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    match_set_masked(&d.m, FIELD_CT_STATE, value_of(CT_TRK), value_of(CT_TRK | CT_EST | CT_REL | CT_DNAT));
    match_set(&d.m, FIELD_CT_ZONE, compiler_zone(c, r->legs[0].network, ZONE_HAIRPIN));
    match_set(&d.m, FIELD_ETH_TYPE, ETH_TYPE_IP);
    draft_ct(&d, compiler_zone(c, r->legs[0].network, ZONE_NAT), TABLE_TRANSLATED, FLOW_CT_NAT,
             has_open_mappings(c, r) ? CT_NAT_F_MAPPED : 0);
    draft_emit(c, &d);
}

/* What an endpoint-independent mapping has let in. */
static void emit_mapped(struct compiler *c, const struct net_router *r)
{
    struct draft d = draft_new(TABLE_TRANSLATED, 320, FLOW_KIND_UNNAT, 0);

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    match_set_masked(&d.m, FIELD_CT_STATE, value_of(CT_TRK | CT_NEW | CT_DNAT), value_of(CT_TRK | CT_NEW | CT_DNAT));
    emit_inward(c, r, d);
}

static void emit_translated(struct compiler *c, const struct net_router *r)
{
    static const unsigned known[] = { CT_EST | CT_TRK, CT_REL | CT_TRK };
    struct draft d;

    for (size_t k = 0; k < 2; k++) {
        d = draft_new(TABLE_TRANSLATED, 300, FLOW_KIND_UNNAT, 0);
        draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
        match_set_masked(&d.m, FIELD_CT_STATE, value_of(known[k]), value_of(known[k] | (k ? CT_EST : 0)));
        draft_set(&d, FIELD_REG0, value_of(WAY_HAIRPIN_REPLY));
        d.spec.goto_table = TABLE_ROUTE;
        draft_emit(c, &d);
        for (size_t i = 0; i < r->n_legs; i++) {
            if (!r->legs[i].is_outside)
                continue;
            d = draft_new(TABLE_TRANSLATED, 310, FLOW_KIND_UNNAT, 0);
            draft_match_metadata(&d, router_metadata(c, r) | origin_metadata(c, r->legs[i].network),
                                 METADATA_ROUTER_MASK | METADATA_ORIGIN_MASK);
            match_set_masked(&d.m, FIELD_CT_STATE, value_of(known[k]), value_of(known[k] | (k ? CT_EST : 0)));
            d.spec.goto_table = TABLE_ROUTE;
            draft_emit(c, &d);
        }
    }
    d = draft_new(TABLE_TRANSLATED, 100, FLOW_KIND_CLOSED, 0);
    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    match_set(&d.m, FIELD_ETH_TYPE, ETH_TYPE_IP);
    match_set(&d.m, FIELD_IP_PROTO, PROTO_UDP);
    draft_show(&d);
    draft_emit(c, &d);
}

static void emit_gateway(struct compiler *c, const struct net_router *r)
{
    struct draft d = draft_new(TABLE_UNNAT, 1, FLOW_KIND_UNNAT, 0);

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    d.spec.goto_table = TABLE_ROUTE;
    draft_emit(c, &d);
    emit_forwards(c, r);
    each_outside_address(c, r, emit_unnat);
    emit_translated(c, r);
    if (r->helpers)
        emit_expected(c, r);
    if (r->helpers || has_mappings(c, r) || has_open_mappings(c, r)) {
        emit_begun(c, r);
        emit_hairpin(c, r);
    }
    if (has_open_mappings(c, r))
        emit_mapped(c, r);
}

/* --- tables 6 and 8 --- */
/* The MAC address of a next hop; 0: not known. */
static net_mac neighbor_mac(const struct compiler *c, int network, const struct ip_addr *ip)
{
    int host = net_doc_host_by_address(c->doc, network, ip);

    if (host != NET_NONE && c->doc->hosts[host].mac)
        return c->doc->hosts[host].mac;
    for (size_t i = 0; i < c->view->n_neighbors; i++)
        if (c->view->neighbors[i].network == network && ip_equal(&c->view->neighbors[i].ip, ip))
            return c->view->neighbors[i].mac;
    return 0;
}

uint16_t router_route_priority(const struct ip_addr *prefix)
{
    return (uint16_t)(ROUTE_BASE + 2 * prefix->prefix_len);
}

/* The way that a frame takes to leave by a leg: what happens to it once the next hop is known. */
static void leave_by(const struct compiler *c, struct draft *d, const struct net_router *r, const struct net_leg *leg)
{
    draft_act(d, FLOW_ACT_DEC_TTL);
    draft_set(d, FIELD_IN_PORT16, value_of(PORT16_NONE)); /* it may go back to the port that it came from */
    draft_set(d, FIELD_ETH_SRC, value_of(r->mac));
    draft_act(d, FLOW_ACT_SET_VLAN)->arg = c->doc->networks[leg->network].vlan;
}

/* `via` NULL: the next hop is the destination. */
static void emit_route(struct compiler *c, const struct net_router *r, const struct ip_addr *to, int leg,
                       const struct ip_addr *via)
{
    const struct net_leg *l = &r->legs[leg];
    uint16_t vlan = c->doc->networks[l->network].vlan;
    struct draft d = draft_new(TABLE_ROUTE, router_route_priority(to), FLOW_KIND_ROUTE, vlan);
    net_mac mac = via ? neighbor_mac(c, l->network, via) : 0;

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    draft_match_ip(&d, DRAFT_DST, to, to->prefix_len);
    match_set_masked(&d.m, FIELD_VLAN_VID, value_of(VID_PRESENT), value_of(VID_PRESENT));
    if (l->is_outside && !is_gateway(c, r)) {
        d.spec.goto_table = TABLE_FORWARD; /* as it is, to the gateway */
        draft_emit(c, &d);
        if (!net_router_is_spread(r) || to->family != 4)
            return;
        d.spec.goto_table = FLOW_NO_GOTO;
        d.spec.priority++; /* what this switch translates, it sends */
        match_set(&d.m, FIELD_REG0, WAY_HERE);
    }
    if (via && !mac) { /* shown as those of table neighbor: all but the MAC address is done */
        d.spec.cookie = flow_cookie(FLOW_KIND_RESOLVE, vlan);
        leave_by(c, &d, r, l);
        draft_show(&d);
    } else {
        leave_by(c, &d, r, l);
        if (mac)
            draft_set(&d, FIELD_ETH_DST, value_of(mac));
        d.spec.goto_table = mac ? compiler_after_routing(c, l->network) : TABLE_NEIGHBOR;
    }
    router_emit_fit(c, r, &d, router_mtu(c->doc, l->network, false), to->family);
}

/* What is for the router itself: UDP and TCP are told that nothing listens; the rest ends here. */
static void emit_own(struct compiler *c, const struct net_router *r, const struct ip_addr *ip)
{
    struct draft d = draft_new(TABLE_ROUTE, PRIO_OWN, FLOW_KIND_CLOSED, 0);

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    draft_match_ip(&d, DRAFT_DST, ip, ip->family == 4 ? 32 : 128);
    draft_emit(c, &d);
    d.spec.priority++;
    draft_show(&d);
    match_set(&d.m, FIELD_IP_PROTO, PROTO_UDP);
    draft_emit(c, &d);
    match_set(&d.m, FIELD_IP_PROTO, PROTO_TCP);
    draft_emit(c, &d);
}

/* What an address outside is for, the gateway knows; also of a packet that may not be forwarded any more. */
static void emit_to_gateway(struct compiler *c, const struct net_router *r, int leg, const struct ip_addr *ip)
{
    struct draft d = draft_new(TABLE_ROUTE, PRIO_OWN, FLOW_KIND_ROUTE, 0);

    if (leg == NET_NONE)
        return;
    d.spec.cookie = flow_cookie(FLOW_KIND_ROUTE, c->doc->networks[r->legs[leg].network].vlan);
    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    draft_match_ip(&d, DRAFT_DST, ip, 32);
    d.spec.goto_table = TABLE_FORWARD;
    draft_emit(c, &d);
}

static int first_outside(const struct net_router *r)
{
    for (size_t i = 0; i < r->n_legs; i++)
        if (r->legs[i].is_outside)
            return (int)i;
    return NET_NONE;
}

static void emit_routes(struct compiler *c, const struct net_router *r)
{
    for (size_t i = 0; i < r->n_legs; i++) {
        const struct net_network *n = &c->doc->networks[r->legs[i].network];

        for (size_t j = 0; j < n->n_subnets; j++)
            emit_route(c, r, &n->subnets[j], (int)i, NULL);
        for (size_t j = 0; j < r->legs[i].n_addresses; j++)
            if (!r->legs[i].is_outside || is_gateway(c, r) || r->legs[i].addresses[j].family == 6)
                emit_own(c, r, &r->legs[i].addresses[j]);
    }
    if (!is_gateway(c, r))
        each_outside_address(c, r, emit_to_gateway);
    for (size_t i = 0; i < r->n_nptv6s && !is_gateway(c, r); i++)
        emit_route(c, r, &r->nptv6s[i].outside, first_outside(r), NULL);
    if (r->nat64 && !is_gateway(c, r))
        emit_route(c, r, &r->nat64->prefix, router_leg_with(c, r, &r->nat64->nat.first), NULL);
    for (size_t i = 0; i < r->n_routes; i++)
        emit_route(c, r, &r->routes[i].to, r->routes[i].leg, &r->routes[i].via);
    for (int v6 = 0; v6 < 2; v6++) {
        for (uint64_t ttl = 0; ttl < 2; ttl++) {
            struct draft d = draft_new(TABLE_ROUTE, PRIO_TTL, FLOW_KIND_TTL, 0);

            draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
            draft_match_family(&d, v6 ? 6 : 4);
            match_set(&d.m, FIELD_IP_TTL, ttl);
            draft_show(&d);
            draft_emit(c, &d);
        }
    }
    struct draft d = draft_new(TABLE_ROUTE, 1, FLOW_KIND_NO_ROUTE, 0);

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    draft_show(&d);
    draft_emit(c, &d);
}

static void emit_neighbor(struct compiler *c, int network, const struct ip_addr *ip, net_mac mac)
{
    uint16_t vlan = c->doc->networks[network].vlan;
    struct draft d = draft_new(TABLE_NEIGHBOR, 200, FLOW_KIND_NEIGHBOR, vlan);

    draft_match_vlan(&d, vlan);
    draft_match_ip(&d, DRAFT_DST, ip, ip->family == 4 ? 32 : 128);
    draft_set(&d, FIELD_ETH_DST, value_of(mac));
    d.spec.goto_table = compiler_after_routing(c, network);
    draft_emit(c, &d);
}

static void emit_neighbors(struct compiler *c)
{
    for (size_t i = 0; i < c->doc->n_networks; i++) {
        struct draft d = draft_new(TABLE_NEIGHBOR, 1, FLOW_KIND_RESOLVE, c->doc->networks[i].vlan);

        if (!compiler_is_routed(c, (int)i))
            continue;
        draft_match_vlan(&d, c->doc->networks[i].vlan);
        draft_show(&d);
        draft_emit(c, &d);
    }
    for (size_t i = 0; i < c->view->n_neighbors; i++) /* a declared host's, below, takes its place */
        if (compiler_is_routed(c, c->view->neighbors[i].network))
            emit_neighbor(c, c->view->neighbors[i].network, &c->view->neighbors[i].ip, c->view->neighbors[i].mac);
    for (size_t i = 0; i < c->doc->n_hosts; i++) {
        const struct net_host *h = &c->doc->hosts[i];

        for (size_t j = 0; h->mac && compiler_is_routed(c, h->network) && j < h->n_addresses; j++)
            emit_neighbor(c, h->network, &h->addresses[j], h->mac);
    }
}

/* --- table 11, nat --- */
static void nat_to(const struct compiler *c, struct draft *d, uint16_t zone, const struct ip_addr *first,
                   const struct ip_addr *last)
{
    bool is_told = c->view->switches[c->sw].is_trama;
    struct flow_act *a =
        draft_ct(d, zone, TABLE_FORWARD, FLOW_CT_COMMIT | FLOW_CT_NAT, CT_NAT_F_SRC | (is_told ? CT_NAT_F_GO_ON : 0));

    a->nat_family = 4;
    a->value = ip_value(first);
    if (last && !ip_equal(first, last))
        a->value_max = ip_value(last);
}

unsigned router_filtering(enum net_filtering f)
{
    return f == NET_FILTERING_ENDPOINT  ? CT_NAT_F_FILTERING_ENDPOINT
           : f == NET_FILTERING_ADDRESS ? CT_NAT_F_FILTERING_ADDRESS
                                        : 0;
}

/* Who has a mapping comes over the hairpin by it, whatever network the other is in: the same translation, in the same zone. */
static void emit_mapped_hairpin(struct compiler *c, const struct net_router *r, const struct draft *like)
{
    for (size_t i = 0; i < r->n_legs; i++) {
        struct draft d = *like;

        if (r->legs[i].is_outside)
            continue;
        d.spec.priority = (uint16_t)(PRIO_MAPPED_HAIRPIN + like->spec.priority);
        draft_match_vlan(&d, c->doc->networks[r->legs[i].network].vlan);
        match_set(&d.m, FIELD_REG0, WAY_HAIRPIN);
        draft_emit(c, &d);
    }
}

static void emit_source_nat(struct compiler *c, const struct net_router *r, const struct net_leg *out, size_t i)
{
    const struct net_source_nat *s = &r->source_nats[i];
    const struct ip_addr *own = NULL;

    for (size_t j = 0; j < out->n_addresses; j++)
        if (out->addresses[j].family == 4)
            own = &out->addresses[j];
    if ((!s->first.family && !own) || (!s->per_switch && !is_gateway(c, r)))
        return;
    if ((s->is_mapped || s->host_limit) && !c->view->switches[c->sw].is_trama) {
        compiler_problem(
            c, c->sw,
            "router %s: source_nat with %s needs trama-switchd; switch %s is none, and translates nothing for it (line "
            "%u)",
            r->name, s->is_mapped ? "mapping: endpoint-independent" : "host_limit", c->doc->switches[c->sw].name,
            s->line);
        return;
    }
    for (size_t j = 0; j < s->n_from; j++) {
        struct draft d = draft_new(TABLE_NAT, (uint16_t)(200 + 2 * (r->n_source_nats - i)), FLOW_KIND_NAT,
                                   c->doc->networks[s->from[j]].vlan);
        struct flow_act *a;

        draft_match_metadata(&d, origin_metadata(c, s->from[j]), METADATA_ORIGIN_MASK);
        draft_match_family(&d, 4);
        nat_to(c, &d, compiler_zone(c, out->network, ZONE_NAT), s->first.family ? &s->first : own,
               s->first.family ? &s->last : NULL);
        a = &d.acts[d.spec.n_acts - 1];
        a->port_min = s->port_min;
        a->port_max = s->port_max;
        a->host_limit = s->host_limit;
        if (s->per_switch)
            net_spread_block(s, c->sw, &a->port_min, &a->port_max);
        a->nat_flags |= (uint16_t)(s->is_mapped ? CT_NAT_F_MAPPING | router_filtering(s->filtering) : 0);
        if (s->is_mapped)
            emit_mapped_hairpin(c, r, &d);
        draft_match_vlan(&d, c->doc->networks[out->network].vlan);
        emit_with_helpers(c, r, &d);
    }
}

static void emit_nat_out(struct compiler *c, const struct net_router *r, const struct net_leg *out)
{
    uint16_t vlan = c->doc->networks[out->network].vlan, zone = compiler_zone(c, out->network, ZONE_NAT);
    struct draft d = draft_new(TABLE_NAT, 100, FLOW_KIND_NAT, vlan);

    draft_match_vlan(&d, vlan);
    draft_match_family(&d, 4);
    draft_ct(&d, zone, TABLE_FORWARD, FLOW_CT_NAT, 0);
    draft_emit(c, &d);
    d.spec.priority = PRIO_ANSWERS; /* of what was forwarded; of what was let in untranslated, as they are */
    match_set_masked(&d.m, FIELD_CT_STATE, value_of(CT_TRK | CT_RPL), value_of(CT_TRK | CT_RPL));
    draft_emit(c, &d);
    for (size_t i = 0; i < r->n_one_to_ones && is_gateway(c, r); i++) {
        d = draft_new(TABLE_NAT, 60000, FLOW_KIND_NAT, vlan);
        draft_match_vlan(&d, vlan);
        draft_match_metadata(&d, router_metadata(c, r),
                             METADATA_ROUTER_MASK); /* not what outsiders say to each other */
        draft_match_ip(&d, DRAFT_SRC, &r->one_to_ones[i].inside, 32);
        nat_to(c, &d, zone, &r->one_to_ones[i].outside, NULL);
        emit_with_helpers(c, r, &d);
    }
    for (size_t i = 0; i < r->n_source_nats; i++)
        emit_source_nat(c, r, out, i);
}

/* Connections that cannot be translated: who begins them is told (RFC 1812, 5.2.7.1: administratively prohibited). */
static void emit_refused(struct compiler *c)
{
    struct draft d = draft_new(TABLE_FORWARD, PRIO_REFUSED, FLOW_KIND_REFUSED, 0);

    match_set(&d.m, FIELD_ETH_TYPE, ETH_TYPE_IP);
    match_set_masked(&d.m, FIELD_CT_STATE, value_of(CT_TRK | CT_NEW | CT_INV), value_of(CT_TRK | CT_NEW | CT_INV));
    draft_show(&d);
    draft_emit(c, &d);
}

static void emit_nat(struct compiler *c, const struct net_router *r)
{
    if (c->view->switches[c->sw].is_trama)
        emit_refused(c);
    for (size_t i = 0; i < r->n_legs; i++) {
        const struct net_leg *leg = &r->legs[i];
        uint16_t vlan = c->doc->networks[leg->network].vlan;
        struct draft d;

        if (leg->is_outside)
            emit_nat_out(c, r, leg);
        if (leg->is_outside || !is_gateway(c, r))
            continue;
        d = draft_new(TABLE_NAT, 60000, FLOW_KIND_NAT, vlan);
        draft_match_vlan(&d, vlan);
        draft_match_family(&d, 4);
        match_set(&d.m, FIELD_REG0, WAY_HAIRPIN);
        nat_to(c, &d, compiler_zone(c, leg->network, ZONE_HAIRPIN), outside_address(r), NULL);
        draft_emit(c, &d);
        d = draft_new(TABLE_NAT, 60000, FLOW_KIND_NAT, vlan);
        draft_match_vlan(&d, vlan);
        draft_match_family(&d, 4);
        match_set(&d.m, FIELD_REG0, WAY_HAIRPIN_REPLY);
        draft_ct(&d, compiler_zone(c, leg->network, ZONE_NAT), TABLE_FORWARD, FLOW_CT_NAT, 0);
        draft_emit(c, &d);
    }
}

/* --- the whole --- */
void compile_routers(struct compiler *c)
{
    for (size_t i = 0; i < c->doc->n_routers; i++) {
        const struct net_router *r = &c->doc->routers[i];

        if (r->mss && !c->view->switches[c->sw].is_trama)
            compiler_problem(c, c->sw,
                             "router %s: mss needs trama-switchd; switch %s is none, and lowers nothing (line %u)",
                             r->name, c->doc->switches[c->sw].name, r->line);
        for (size_t j = 0; j < r->n_legs; j++) {
            emit_local(c, r, &r->legs[j]);
            compiler_emit_spoof(c, r->mac, r->legs[j].network);
            if (r->gateway != NET_NONE && r->gateway != c->sw)
                compiler_emit_host(c, r->mac, r->legs[j].network, r->gateway, 0);
        }
        each_outside_address(c, r, emit_arp);
        emit_routes(c, r);
        compile_mtu(c, r);
        if (is_gateway(c, r))
            compile_nptv6(c, r);
        if (net_router_is_spread(r))
            compile_spread(c, r);
        if (net_router_is_spread(r) && !is_gateway(c, r))
            emit_nat(c, r);
        if (is_gateway(c, r) && outside_address(r)) {
            emit_gateway(c, r);
            emit_nat(c, r);
            if (r->nat64)
                compile_nat64(c, r);
        } else if (is_gateway(c, r)) {
            struct draft d = draft_new(TABLE_UNNAT, 1, FLOW_KIND_UNNAT, 0);

            draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
            d.spec.goto_table = TABLE_ROUTE;
            draft_emit(c, &d);
        }
    }
    if (c->doc->n_routers)
        emit_neighbors(c);
}

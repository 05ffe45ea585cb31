/* SPDX-License-Identifier: Apache-2.0 */
/* services.c - see services.h. */
#include "controller/services.h"

#include "base/log.h"
#include "base/nptv6.h"
#include "controller/compiler_impl.h"
#include "controller/dns.h"
#include "controller/domain.h"
#include "controller/lease_store.h"
#include "controller/services_impl.h"
#include "openflow/ofp.h"

#include <string.h>

enum {
    ERROR_BYTES = 548,     /* of an IPv4 error, RFC 1812, 4.3.2.3: 576 with its headers */
    ERROR_BYTES_V6 = 1232, /* 1280 with its headers, RFC 4443, 2.4 (c) */
};

void services_init(struct controller *c)
{
    struct services *s = &c->services;

    *s = (struct services){ 0 };
    neighbors_init(&s->neighbors);
    dhcp_init(&s->dhcp);
    dhcp6_init(&s->dhcp6);
    services_resolve_init(c);
    services_dns_init(c);
}

void services_fini(struct services *s)
{
    ev_timer_stop(s->dns.loop, &s->waiting);
    neighbors_fini(&s->neighbors);
    dhcp_fini(&s->dhcp);
    dhcp6_fini(&s->dhcp6);
    dns_forward_fini(&s->dns);
}

static uint64_t now(const struct controller *c)
{
    return clock_now(c->clock);
}

const struct net_router *services_router(const struct controller *c, int network)
{
    const struct net_doc *doc = c->domain->doc;

    return doc->networks[network].router == NET_NONE ? NULL : &doc->routers[doc->networks[network].router];
}

void services_send(struct controller *c, int sw, uint32_t port, struct wr *w)
{
    if (!w->bad && domain_is_connected(c->domain, sw))
        session_packet_out(c->domain->members[sw].session, port, w->p, w->len);
    wr_fini(w);
}

void services_send_on(struct controller *c, int sw, const struct session_place *at, struct wr *w)
{
    if (!w->bad && domain_is_connected(c->domain, sw))
        session_packet_on(c->domain->members[sw].session, at, w->p, w->len);
    wr_fini(w);
}

/* --- hearing --- */
/* The address may belong to a host there: it lies in a subnet, and the document does not say whose it is. */
static bool is_open(const struct controller *c, int network, const struct ip_addr *ip)
{
    const struct net_doc *doc = c->domain->doc;
    const struct net_leg *leg = net_doc_leg(doc, network);
    int host = net_doc_host_by_address(doc, network, ip);
    bool is_inside = false;

    for (size_t i = 0; i < doc->networks[network].n_subnets; i++)
        is_inside |= ip_is_in(ip, &doc->networks[network].subnets[i]);
    for (size_t i = 0; leg && i < leg->n_addresses; i++)
        is_inside = is_inside && !ip_equal(&leg->addresses[i], ip);
    is_inside = is_inside && (host == NET_NONE || !doc->hosts[host].mac);
    return leg && is_inside && ip_is_single(ip);
}

static void hear(struct controller *c, int network, const struct ip_addr *ip, net_mac mac)
{
    if (!mac || mac >> 40 & 1 || !is_open(c, network, ip) ||
        !neighbors_see(&c->services.neighbors, c->domain->doc->networks[network].vlan, ip, mac, now(c)))
        return;
    controller_touch(c);
    services_resolved(c, network, ip, mac);
}

/* The option of neighbor discovery that holds a link-layer address; 0: it is not there. */
static net_mac nd_option(const struct ip_packet *ip, size_t at, uint8_t type)
{
    struct rd r = rd_init(ip->data, ip->n_data);

    rd_skip(&r, at);
    while (r.left >= 8) {
        uint8_t code = rd_u8(&r), n = rd_u8(&r), mac[6];

        if (!n)
            break;
        if (code == type && n == 1) {
            rd_copy(&r, mac, sizeof mac);
            return net_mac_of(mac);
        }
        rd_skip(&r, 8u * n - 2);
    }
    return 0;
}

/* The target of a solicitation or an advertisement; false: it is none. */
static bool nd_read(const struct ip_packet *ip, uint8_t type, struct ip_addr *target)
{
    struct rd r = rd_init(ip->data, ip->n_data);

    if (ip->src.family != 6 || ip->proto != FRAME_ICMPV6 || ip->ttl != FRAME_ND_TTL || rd_u8(&r) != type ||
        rd_u8(&r) != 0)
        return false;
    rd_skip(&r, 6);
    *target = (struct ip_addr){ .family = 6, .prefix_len = 128 };
    rd_copy(&r, target->bytes, 16);
    return !r.bad;
}

void services_learn(struct controller *c, int network, const uint8_t *bytes, size_t n)
{
    struct ip_addr target;
    struct ip_packet ip;
    struct frame f;
    struct arp a;

    if (!frame_read(&f, bytes, n))
        return;
    if (arp_read(&a, &f) && a.sha == f.src)
        hear(c, network, &a.spa, a.sha);
    else if (ip_read(&ip, &f) && nd_read(&ip, ND_SOLICITATION, &target) && nd_option(&ip, 24, OPTION_SOURCE) == f.src)
        hear(c, network, &ip.src, f.src);
    else if (ip_read(&ip, &f) && nd_read(&ip, ND_ADVERTISEMENT, &target) && nd_option(&ip, 24, OPTION_TARGET) == f.src)
        hear(c, network, &target, f.src);
}

/* The address that a neighbor flow is for; false: it is none. */
static bool flow_is_neighbor(const struct flow *f, uint16_t *vlan, struct ip_addr *ip, net_mac *mac)
{
    struct match m;
    struct value v;

    if (flow_cookie_kind(f->spec.cookie) != FLOW_KIND_NEIGHBOR || f->spec.table != TABLE_NEIGHBOR ||
        f->spec.n_acts != 1 || f->spec.acts[0].field != FIELD_ETH_DST)
        return false;
    compact_match_expand(&m, f->match);
    ip->family = match_is_exact(&m, FIELD_IPV6_DST) ? 6 : 4;
    ip->prefix_len = ip->family == 4 ? 32 : 128;
    v = key_get(&m.value, ip->family == 4 ? FIELD_IPV4_DST : FIELD_IPV6_DST);
    if (ip->family == 4) {
        be32_store(ip->bytes, (uint32_t)v.lo);
    } else {
        be64_store(ip->bytes, v.hi);
        be64_store(ip->bytes + 8, v.lo);
    }
    *vlan = (uint16_t)(f->spec.cookie & 0xfff);
    *mac = f->spec.acts[0].value.lo;
    return true;
}

void services_recall(struct controller *c, const struct flow_set *held)
{
    for_each_flow (f, held) {
        struct ip_addr ip = { 0 };
        int network;
        uint16_t vlan;
        net_mac mac;

        if (!flow_is_neighbor(f, &vlan, &ip, &mac))
            continue;
        network = domain_network_of_vlan(c->domain, vlan);
        if (network != NET_NONE)
            hear(c, network, &ip, mac);
    }
}

/* --- what is meant for a router --- */
static void on_dhcp(struct controller *c, int sw, uint32_t in_port, int network, const struct ofp_packet_in *p)
{
    const struct net_network *n = &c->domain->doc->networks[network];
    const struct dhcp_frame in = { p->data, p->n_data, now(c) };
    char text[ADDR_TEXT_SIZE], mac[NET_MAC_TEXT];
    struct dhcp_answer a;
    struct wr w;

    wr_init(&w);
    dhcp_serve(&c->services.dhcp, c->domain->doc, network, &in, &w, &a);
    if (a.is_bound) {
        log_limited(LOG_INFORM, "network %s: dhcp: %s has %s", n->name, net_mac_text(a.mac, mac),
                    ip_format(&a.address, text, sizeof text));
        hear(c, network, &a.address, a.mac);
        if (c->services.leases)
            lease_store_put(c->services.leases, dhcp_lease_at(&c->services.dhcp, n->vlan, be32_load(a.address.bytes)),
                            now(c));
    }
    if (a.is_released && c->services.leases)
        lease_store_remove(c->services.leases, n->vlan, be32_load(a.address.bytes));
    if (a.is_released && neighbors_forget(&c->services.neighbors, n->vlan, &a.address))
        controller_touch(c);
    if (a.has_frame)
        services_send(c, sw, in_port, &w);
    else
        wr_fini(&w);
}

static void on_dhcp6(struct controller *c, int sw, uint32_t in_port, int network, const struct ofp_packet_in *p)
{
    const struct net_network *n = &c->domain->doc->networks[network];
    const struct dhcp_frame in = { p->data, p->n_data, now(c) };
    char text[ADDR_TEXT_SIZE], mac[NET_MAC_TEXT];
    struct services *s = &c->services;
    struct dhcp6_answer a;
    struct wr w;

    wr_init(&w);
    dhcp6_serve(&s->dhcp6, c->domain->doc, network, &in, &w, &a);
    for (size_t i = 0; i < a.n_bound; i++) {
        const struct dhcp6_lease *l = dhcp6_lease_at(&s->dhcp6, n->vlan, &a.bound[i]);

        log_limited(LOG_INFORM, "network %s: dhcp: %s has %s", n->name, net_mac_text(a.mac, mac),
                    ip_format(&a.bound[i], text, sizeof text));
        hear(c, network, &a.bound[i], a.mac);
        if (l && s->leases)
            lease_store_put6(s->leases, l, now(c));
    }
    for (size_t i = 0; i < a.n_released; i++) {
        if (s->leases)
            lease_store_remove6(s->leases, n->vlan, &a.released[i]);
        if (neighbors_forget(&s->neighbors, n->vlan, &a.released[i]))
            controller_touch(c);
    }
    if (a.has_frame)
        services_send(c, sw, in_port, &w);
    else
        wr_fini(&w);
}

static void on_service(struct controller *c, int sw, uint32_t in_port, int network, const struct frame *f,
                       const struct ofp_packet_in *p)
{
    struct ip_addr target;
    struct ip_packet ip;
    struct udp u;

    services_learn(c, network, p->data, p->n_data);
    if (!ip_read(&ip, f))
        return;
    if (ip.proto == FRAME_UDP && udp_read(&u, &ip) && u.dst == DNS_PORT)
        services_dns(c, sw, in_port, network, f, &ip);
    else if (ip.src.family == 4)
        on_dhcp(c, sw, in_port, network, p);
    else if (ip.proto == FRAME_UDP)
        on_dhcp6(c, sw, in_port, network, p);
    else if (nd_read(&ip, ND_SOLICITATION, &target) && services_is_own(c, network, &target))
        services_advertise_neighbor(c, sw, in_port, network, &target, &ip.src, f->src);
    else if (ip.proto == FRAME_ICMPV6 && ip.ttl == FRAME_ND_TTL && ip.n_data >= 8 &&
             ip.data[0] == ND_ROUTER_SOLICITATION && net_doc_gateway(c->domain->doc, network, 6))
        services_advertise_router(c, sw, in_port, network, 0);
}

/* --- ICMP errors --- */
/* RFC 1812, 4.3.2.7; RFC 4443, 2.4 (e): never about an error, a later fragment, or to many. */
static bool may_answer(const struct ip_packet *ip, const struct frame *f)
{
    if (ip->is_later_fragment || !ip_is_single(&ip->src) || !ip_is_single(&ip->dst) || f->dst >> 40 & 1)
        return false;
    if (ip->src.family == 6)
        return ip->proto != FRAME_ICMPV6 || (ip->n_data && ip->data[0] & 0x80 && ip->data[0] != 137);
    return ip->proto != FRAME_ICMP ||
           (ip->n_data && (ip->data[0] == 0 || ip->data[0] == 8 || ip->data[0] == 13 || ip->data[0] == 14));
}

bool services_take_token(const struct controller *c, uint64_t *due_ns, unsigned per_s, unsigned burst)
{
    uint64_t step = NSEC_PER_S / per_s, t = now(c);

    if (*due_ns > t + step * burst)
        return false;
    *due_ns = (*due_ns > t ? *due_ns : t) + step;
    return true;
}

static bool take_token(struct controller *c)
{
    struct services *s = &c->services;
    bool has_one = services_take_token(c, &s->errors_ns, ICMP_ERRORS_PER_S, ICMP_ERRORS_BURST);

    s->n_errors += has_one;
    s->n_errors_kept_back += !has_one;
    return has_one;
}

/* Who is there comes over the hairpin by a mapping that he has (compile_router.c): both connections are of one zone. */
static bool has_mapping(const struct controller *c, int sw, const struct net_router *r, const struct ip_addr *ip)
{
    struct ip_addr hop;
    int leg;

    if (!router_next_hop(c->domain->doc, r, ip, &leg, &hop) || !domain_is_connected(c->domain, sw) ||
        !session_is_trama(c->domain->members[sw].session))
        return false;
    for (size_t i = 0; i < r->n_source_nats; i++)
        for (size_t j = 0; j < r->source_nats[i].n_from; j++)
            if (r->source_nats[i].from[j] == r->legs[leg].network)
                return r->source_nats[i].is_mapped;
    return false;
}

/* Where an error goes on at its switch, so that it is about the packet that its sender knows (RFC 5508, REQ-4): the destination
 * of that may have been translated, and the table of connections turns it back as it does for errors of others.  False: it just
 * leaves.  `is_nat64`: who is told has an IPv4 address. */
static bool place_of(const struct controller *c, int sw, int network, const struct ip_packet *ip, bool is_nat64,
                     uint32_t reg0, struct session_place *at)
{
    const struct net_leg *leg = net_doc_leg(c->domain->doc, network);
    const struct net_router *r = services_router(c, network);

    *at = (struct session_place){ .table = TABLE_NAT };
    if (is_nat64) {
        at->metadata = (uint64_t)(r - c->domain->doc->routers + 1) << METADATA_ROUTER_SHIFT;
        return true;
    }
    if (ip->src.family == 6 || !leg || (r->gateway != sw && !(leg->is_outside && net_router_is_spread(r))))
        return false;
    if (leg->is_outside)
        return true;
    at->reg0 = reg0 == WAY_HAIRPIN || has_mapping(c, sw, r, &ip->dst) ? WAY_HAIRPIN_REPLY : WAY_HAIRPIN;
    return reg0 == WAY_HAIRPIN || reg0 == WAY_HAIRPIN_REPLY;
}

/* The router's own address in the network, for NAT64 one that it has elsewhere; NULL: none. */
static const struct ip_addr *address_in(const struct controller *c, int network, uint8_t family, bool is_nat64)
{
    const struct net_router *r = services_router(c, network);
    const struct ip_addr *own = net_doc_gateway(c->domain->doc, network, family);

    for (size_t i = 0; i < r->n_legs && !own && is_nat64; i++)
        own = net_doc_gateway(c->domain->doc, r->legs[i].network, family);
    return own;
}

/* NPTv6 remembers nothing: a destination inside is what it made of the one outside (RFC 6296, 3.3). */
static void hide_inside(const struct net_router *r, uint8_t dst[16])
{
    struct value v = { be64_load(dst), be64_load(dst + 8) };

    for (size_t i = 0; i < r->n_nptv6s; i++) {
        const struct net_nptv6 *n = &r->nptv6s[i];
        const struct nptv6 t = { ip_value(&n->inside), ip_value(&n->outside), (uint8_t)n->inside.prefix_len,
                                 (uint8_t)n->outside.prefix_len };

        if (nptv6_to_outside(&t, &v) != NPTV6_MAPPED)
            continue;
        be64_store(dst, v.hi);
        be64_store(dst + 8, v.lo);
        return;
    }
}

void services_send_error(struct controller *c, int sw, int network, const struct frame *f, const struct ip_packet *ip,
                         const struct icmp_error *e)
{
    enum { INNER = 8, MTU_AT = 6, IPV6_DST_AT = 24 };
    const struct net_router *r = services_router(c, network);
    const struct net_leg *leg = net_doc_leg(c->domain->doc, network);
    bool is_v6 = ip->src.family == 6, is_nat64 = is_v6 && r->nat64 && ip_is_in(&ip->src, &r->nat64->prefix);
    const struct ip_addr *own = address_in(c, network, ip->src.family, is_nat64);
    const struct ip_write how = {
        .dst_mac = f->src,
        .src_mac = r->mac,
        .vlan = f->vlan,
        .src = own,
        .dst = &ip->src,
        .proto = is_v6 ? FRAME_ICMPV6 : FRAME_ICMP,
        .ttl = FRAME_ANSWER_TTL,
        .sum_at = ICMP_SUM_AT,
    };
    size_t n = ip->n_whole, most = is_v6 ? ERROR_BYTES_V6 : ERROR_BYTES;
    uint8_t m[INNER + ERROR_BYTES_V6] = { e->code[is_v6].type, e->code[is_v6].code };
    struct session_place at;
    struct wr w;

    if (!own || !may_answer(ip, f) || !take_token(c))
        return;
    n = n < most ? n : most;
    be16_store(m + MTU_AT, e->mtu); /* ICMPv6 has it in 32 bits from the fourth on */
    memcpy(m + INNER, ip->whole, n);
    if (is_v6 && ((leg && leg->is_outside) || e->reg0 == WAY_NPTV6))
        hide_inside(r, m + INNER + IPV6_DST_AT);
    wr_init(&w);
    ip_write(&w, &how, m, INNER + n);
    if (place_of(c, sw, network, ip, is_nat64, e->reg0, &at))
        services_send_on(c, sw, &at, &w);
    else
        services_send(c, sw, OFPP_TABLE, &w);
}

/* Nothing listens at the router itself: TCP gets a reset, as a port unreachable is for UDP (RFC 1122, 3.2.2.1). */
static void on_closed(struct controller *c, int sw, int network, const struct frame *f, const struct ip_packet *ip)
{
    static const struct icmp_error closed = { .code = { { 3, 3 }, { 1, 4 } } };
    const struct ip_write how = {
        .dst_mac = f->src, .src_mac = services_router(c, network)->mac, .vlan = f->vlan, .ttl = FRAME_ANSWER_TTL
    };
    struct wr w;

    if (ip->proto != FRAME_TCP) {
        services_send_error(c, sw, network, f, ip, &closed);
        return;
    }
    wr_init(&w);
    if (may_answer(ip, f) && tcp_reset_write(&w, &how, ip) && take_token(c))
        services_send(c, sw, OFPP_TABLE, &w);
    else
        wr_fini(&w);
}

/* The MAC address of a host that the switches know the way to; 0: of none. */
net_mac services_mac(const struct controller *c, int network, const struct ip_addr *ip)
{
    const struct net_doc *doc = c->domain->doc;
    int host = net_doc_host_by_address(doc, network, ip);

    if (host != NET_NONE && doc->hosts[host].mac)
        return doc->hosts[host].mac;
    return neighbors_mac(&c->services.neighbors, doc->networks[network].vlan, ip);
}

/* The frame was on its way out, routed already: its sender is in one of the router's other networks. */
static void on_refused(struct controller *c, int sw, int network, const struct frame *f, const struct ip_packet *ip)
{
    static const struct icmp_error prohibited = { .code = { { 3, 13 }, { 1, 1 } } };
    const struct net_router *r = services_router(c, network);
    const struct net_doc *doc = c->domain->doc;
    struct frame from = *f;

    for (size_t i = 0; i < r->n_legs; i++) {
        const struct net_network *n = &doc->networks[r->legs[i].network];

        for (size_t j = 0; j < n->n_subnets; j++) {
            from.src = ip_is_in(&ip->src, &n->subnets[j]) ? services_mac(c, r->legs[i].network, &ip->src) : 0;
            from.vlan = n->vlan;
            if (from.src)
                services_send_error(c, sw, r->legs[i].network, &from, ip, &prohibited);
        }
    }
}

struct frame_state services_state(const struct ofp_packet_in *p)
{
    struct frame_state s = { 0 };

    for (size_t i = 0; i < p->match.n_oxms; i++) {
        const struct ofp_oxm *o = &p->match.oxms[i];

        s.metadata = o->field == FIELD_METADATA ? o->value.lo : s.metadata;
        s.reg0 = o->field == FIELD_REG0 ? (uint32_t)o->value.lo : s.reg0;
    }
    return s;
}

/* It goes no further: who sent it is told why. */
static void on_end(struct controller *c, int sw, int network, const struct frame *f, const struct ip_packet *ip,
                   const struct icmp_code code[2], const struct ofp_packet_in *p)
{
    const struct icmp_error e = { .code = { code[0], code[1] }, .reg0 = services_state(p).reg0 };

    services_send_error(c, sw, network, f, ip, &e);
}

void services_packet_in(struct controller *c, int sw, uint32_t in_port, enum flow_kind kind,
                        const struct ofp_packet_in *p)
{
    static const struct icmp_code expired[2] = { { 11, 0 }, { 3, 0 } }, no_route[2] = { { 3, 0 }, { 1, 0 } };
    struct ip_packet ip;
    struct frame f;
    int network;

    if (!frame_read(&f, p->data, p->n_data) || !f.is_tagged)
        return;
    network = domain_network_of_vlan(c->domain, f.vlan);
    if (network == NET_NONE || !services_router(c, network))
        return;
    if (kind == FLOW_KIND_SERVICE)
        on_service(c, sw, in_port, network, &f, p);
    else if (!ip_read(&ip, &f))
        return;
    else if (kind == FLOW_KIND_RESOLVE)
        services_resolve(c, sw, network, &ip, p);
    else if (kind == FLOW_KIND_REFUSED)
        on_refused(c, sw, network, &f, &ip);
    else if (kind == FLOW_KIND_CLOSED)
        on_closed(c, sw, network, &f, &ip);
    else if (kind == FLOW_KIND_TOO_BIG)
        services_too_big(c, sw, network, &f, &ip, p);
    else
        on_end(c, sw, network, &f, &ip, kind == FLOW_KIND_TTL ? expired : no_route, p);
}

/* --- time --- */
/* The routers of others that routes lead by are asked for before anybody needs them. */
static void want_next_hops(struct controller *c)
{
    const struct net_doc *doc = c->domain->doc;

    for (size_t i = 0; i < doc->n_routers; i++)
        for (size_t j = 0; j < doc->routers[i].n_routes; j++) {
            const struct net_route *route = &doc->routers[i].routes[j];
            int network = doc->routers[i].legs[route->leg].network;
            bool is_known = !is_open(c, network, &route->via);

            for_each_neighbor(n, &c->services.neighbors) is_known |=
                n->vlan == doc->networks[network].vlan && ip_equal(&n->ip, &route->via);
            if (!is_known)
                services_want(c, network, &route->via);
        }
}

void services_tick(struct controller *c)
{
    struct services *s = &c->services;

    if (!c->domain->doc->n_routers)
        return;
    services_resolve_tick(c);
    want_next_hops(c);
    dhcp_tick(&s->dhcp, now(c));
    dhcp6_tick(&s->dhcp6, now(c));
    if (now(c) - s->advertised_ns < ADVERTISE_S * (uint64_t)NSEC_PER_S && s->advertised_ns)
        return;
    s->advertised_ns = now(c);
    services_advertise_all(c);
}

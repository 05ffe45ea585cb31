/* SPDX-License-Identifier: Apache-2.0 */
/* services_resolve.c - a router's questions for the MAC addresses of next hops, and the frames that wait for the answers.
 * Spec: RFC 826; RFC 4861, 7.2; RFC 1122, 2.3.2.2 (the last frame waits); RFC 1812, 4.3.3.1 and RFC 4443, 3.1 (who sent it is
 * told that there was no answer).   See services.h.
 *
 * A frame is shown once it is routed: it has the tag of the network that it goes to, and lacks the MAC address only.  What its
 * switch knew about it (metadata, register 0) comes with it and goes back with it. */
#include "controller/compiler_impl.h"
#include "controller/domain.h"
#include "controller/services_impl.h"
#include "openflow/ofp.h"

#include <stdlib.h>
#include <string.h>

#define BROADCAST_MAC UINT64_C(0xffffffffffff)

/* --- asking --- */
/* A switch from where a flood of the network reaches all of it. */
int services_flood_switch(const struct controller *c, int network)
{
    const struct domain *d = c->domain;
    const struct net_router *r = services_router(c, network);

    if (r && r->gateway != NET_NONE && domain_is_connected(d, r->gateway))
        return r->gateway;
    for (size_t i = 0; i < d->doc->n_hosts; i++)
        if (d->doc->hosts[i].network == network && domain_is_connected(d, d->doc->hosts[i].at.sw))
            return d->doc->hosts[i].at.sw;
    for (size_t i = 0; i < d->doc->n_switches; i++)
        for (size_t j = 0; j < d->doc->switches[i].n_ports; j++)
            if (d->doc->switches[i].ports[j].network == network && domain_is_connected(d, (int)i))
                return (int)i;
    return NET_NONE;
}

static void solicit_write(struct wr *w, const struct net_router *r, uint16_t vlan, const struct ip_addr *own,
                          const struct ip_addr *of)
{
    struct ip_addr dst = { .family = 6, .bytes = { 0xff, 0x02, [11] = 1, [12] = 0xff } };
    uint8_t m[32] = { ND_SOLICITATION };
    struct ip_write how = {
        .src_mac = r->mac,
        .vlan = vlan,
        .src = own,
        .dst = &dst,
        .proto = FRAME_ICMPV6,
        .ttl = FRAME_ND_TTL,
        .sum_at = ICMP_SUM_AT,
    };

    memcpy(dst.bytes + 13, of->bytes + 13, 3);
    how.dst_mac = UINT64_C(0x333300000000) | be32_load(dst.bytes + 12);
    memcpy(m + 8, of->bytes, 16);
    m[24] = OPTION_SOURCE;
    m[25] = 1;
    net_mac_bytes(r->mac, m + 26);
    ip_write(w, &how, m, sizeof m);
}

/* RFC 826; RFC 4861, 7.2.2. */
static void ask(void *arg, const struct neighbor *of)
{
    struct controller *c = arg;
    int network = domain_network_of_vlan(c->domain, of->vlan), sw;
    const struct net_router *r = network == NET_NONE ? NULL : services_router(c, network);
    const struct ip_addr *own = r ? net_doc_gateway(c->domain->doc, network, of->ip.family) : NULL;
    struct wr w;

    sw = own ? services_flood_switch(c, network) : NET_NONE;
    if (sw == NET_NONE)
        return;
    wr_init(&w);
    if (of->ip.family == 6)
        solicit_write(&w, r, of->vlan, own, &of->ip);
    else
        arp_write(&w, BROADCAST_MAC, of->vlan, &(struct arp){ .op = 1, .sha = r->mac, .spa = *own, .tpa = of->ip });
    services_send(c, sw, OFPP_TABLE, &w);
}

void services_want(struct controller *c, int network, const struct ip_addr *ip)
{
    uint16_t vlan = c->domain->doc->networks[network].vlan;
    const struct neighbor of = { .vlan = vlan, .ip = *ip };

    if (neighbors_want(&c->services.neighbors, vlan, ip, clock_now(c->clock)))
        ask(c, &of);
}

/* --- waiting --- */
static void send_on(struct controller *c, int network, const struct neighbor_frame *f, net_mac mac)
{
    const struct net_doc *doc = c->domain->doc;
    const struct session_place at = {
        .table = table_after_routing(doc, network), .metadata = f->metadata, .reg0 = f->reg0, .dst = mac
    };
    int sw = net_doc_switch_by_id(doc, f->datapath_id);
    struct wr w;

    if (f->is_cut || sw == NET_NONE)
        return;
    wr_init(&w);
    wr_bytes(&w, f->bytes, f->n);
    services_send_on(c, sw, &at, &w);
}

void services_resolved(struct controller *c, int network, const struct ip_addr *ip, net_mac mac)
{
    struct neighbor_frame *f = neighbors_take(&c->services.neighbors, c->domain->doc->networks[network].vlan, ip);

    if (f)
        send_on(c, network, f, mac);
    free(f);
}

void services_resolve(struct controller *c, int sw, int network, const struct ip_packet *ip,
                      const struct ofp_packet_in *p)
{
    const struct frame_state state = services_state(p);
    const struct net_doc *doc = c->domain->doc;
    struct neighbor_frame *f;
    struct ip_addr hop;
    net_mac mac;
    int leg, to;

    if (!router_next_hop(doc, services_router(c, network), &ip->dst, &leg, &hop))
        return;
    to = services_router(c, network)->legs[leg].network;
    services_want(c, to, &hop);
    f = malloc(sizeof *f + p->n_data);
    if (!f)
        return;
    *f = (struct neighbor_frame){ .datapath_id = doc->switches[sw].datapath_id, .is_cut = p->n_data < p->total_len };
    f->n = p->n_data;
    memcpy(f->bytes, p->data, p->n_data);
    f->metadata = state.metadata;
    f->reg0 = state.reg0;
    mac = services_mac(c, to, &hop);
    if (!mac) {
        neighbors_hold(&c->services.neighbors, doc->networks[to].vlan, &hop, f);
        ev_timer_start(c->loop, &c->services.waiting);
        return;
    }
    send_on(c, to, f, mac); /* the flows that have the answer are on their way */
    free(f);
}

/* Nobody outside is told who is not there inside, unless he was let in. */
static bool may_know(const struct controller *c, const struct neighbor_frame *f, const struct net_leg *to)
{
    int from =
        domain_network_of_vlan(c->domain, (uint16_t)((f->metadata & METADATA_ORIGIN_MASK) >> METADATA_ORIGIN_SHIFT));
    const struct net_leg *leg = from == NET_NONE ? NULL : net_doc_leg(c->domain->doc, from);

    return !leg || !leg->is_outside || to->is_outside || f->reg0 == WAY_FORWARDED;
}

/* Nobody has answered: who sent the frame that waited is told, by the way back to him. */
static void on_lost(void *arg, const struct neighbor *of)
{
    struct icmp_error unreachable = { .code = { { 3, 1 }, { 1, 3 } } };
    struct controller *c = arg;
    int network = domain_network_of_vlan(c->domain, of->vlan), leg, sw;
    const struct net_router *r = network == NET_NONE ? NULL : services_router(c, network);
    struct ip_packet ip;
    struct ip_addr hop;
    struct frame f;

    if (!of->held || !r)
        return;
    sw = net_doc_switch_by_id(c->domain->doc, of->held->datapath_id);
    if (sw == NET_NONE || !may_know(c, of->held, net_doc_leg(c->domain->doc, network)) ||
        !frame_read(&f, of->held->bytes, of->held->n) || !ip_read(&ip, &f) ||
        !router_next_hop(c->domain->doc, r, &ip.src, &leg, &hop))
        return;
    unreachable.reg0 = of->held->reg0;
    network = r->legs[leg].network;
    f.vlan = c->domain->doc->networks[network].vlan;
    f.src = services_mac(c, network, &hop);
    if (f.src)
        services_send_error(c, sw, network, &f, &ip, &unreachable);
}

void services_resolve_tick(struct controller *c)
{
    static const struct neighbor_events events = { .ask = ask, .lost = on_lost };

    if (neighbors_tick(&c->services.neighbors, clock_now(c->clock), &events, c))
        controller_touch(c);
}

/* So that who waits is told soon, and not some seconds of the controller's slower tick later. */
static void on_waiting(struct ev_loop *loop, struct ev_timer *w, int revents)
{
    struct controller *c = w->data;

    if (c->domain)
        services_resolve_tick(c);
    if (!c->domain || !c->services.neighbors.n_held)
        ev_timer_stop(loop, w);
}

void services_resolve_init(struct controller *c)
{
    ev_timer_init(&c->services.waiting, on_waiting, NEIGHBOR_TICK_MS / 1000., NEIGHBOR_TICK_MS / 1000.);
    c->services.waiting.data = c;
}

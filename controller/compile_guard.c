/* SPDX-License-Identifier: Apache-2.0 */
/* compile_guard.c - the flows of networks with `guard`: a host sends from its own addresses only.
 * Flow: document, view -> [compile_guard] -> flow sets.   See compiler.h.
 *
 *   table 2, guard     only what hosts' ports send comes here.  IPv4 and ARP pass with an address that the document or a lease
 *                      gives to that MAC address, IPv6 with one of the document, the link-local one, or the one that it makes
 *                      of an advertised prefix (RFC 4291, appendix A); those who have none yet may ask by DHCP, probe (RFC
 *                      5227), and detect duplicates (RFC 4862).  Nobody is a router or a DHCP server here (RFC 6105, RFC 7610). */
#include "controller/compiler_impl.h"
#include "controller/frame.h"

#include <string.h>

enum {
    PRIO_PASS = 100,
    PRIO_STOP = 150,
    PRIO_OWN_ADDRESS = 200,
    PRIO_ROGUE = 250,
    PROTO_UDP = 17,
    PROTO_ICMPV6 = 58,
    DHCP_SERVER = 67,
    DHCPV6_SERVER = 547,
    ROUTER_ADVERTISEMENT = 134,
};

static struct draft begin(const struct compiler *c, int network, uint16_t priority, uint16_t eth_type)
{
    struct draft d = draft_new(TABLE_GUARD, priority, FLOW_KIND_GUARDED, c->doc->networks[network].vlan);

    draft_match_vlan(&d, c->doc->networks[network].vlan);
    if (eth_type)
        match_set(&d.m, FIELD_ETH_TYPE, eth_type);
    return d;
}

static void pass(struct compiler *c, int network, struct draft *d)
{
    d->spec.goto_table = compiler_entry(c, network);
    draft_emit(c, d);
}

/* One address of one host: as a sender of IP, and of ARP. */
static void emit_address(struct compiler *c, int network, net_mac mac, const struct ip_addr *ip)
{
    struct draft d = begin(c, network, PRIO_OWN_ADDRESS, 0);

    match_set(&d.m, FIELD_ETH_SRC, mac);
    draft_match_ip(&d, DRAFT_SRC, ip, ip->family == 4 ? 32 : 128);
    pass(c, network, &d);
    if (ip->family == 6)
        return;
    d = begin(c, network, PRIO_OWN_ADDRESS, FRAME_ARP);
    match_set(&d.m, FIELD_ETH_SRC, mac);
    match_set(&d.m, FIELD_ARP_SHA, mac);
    match_set(&d.m, FIELD_ARP_SPA, ip_value(ip).lo);
    pass(c, network, &d);
}

/* What everybody may send from whom only the MAC address is known. */
static void emit_made_addresses(struct compiler *c, int network, net_mac mac)
{
    const struct net_network *n = &c->doc->networks[network];
    struct ip_addr own = ip_link_local(mac);

    emit_address(c, network, mac, &own);
    for (size_t i = 0; i < n->n_subnets; i++) {
        if (n->subnets[i].family != 6 || n->subnets[i].prefix_len != 64)
            continue;
        memcpy(own.bytes, n->subnets[i].bytes, 8);
        emit_address(c, network, mac, &own);
    }
    for (size_t i = compiler_neighbors(c, network, mac);
         i < c->view->n_neighbors && c->by_mac[i]->network == network && c->by_mac[i]->mac == mac; i++)
        emit_address(c, network, mac, &c->by_mac[i]->ip);
}

/* What a host without an address says. */
static void emit_beginners(struct compiler *c, int network)
{
    static const struct ip_addr none4 = { .family = 4 }, none6 = { .family = 6 };
    struct draft d = begin(c, network, PRIO_OWN_ADDRESS, 0);

    draft_match_ip(&d, DRAFT_SRC, &none4, 32);
    match_set(&d.m, FIELD_IP_PROTO, PROTO_UDP);
    match_set(&d.m, FIELD_UDP_DST, DHCP_SERVER);
    pass(c, network, &d);
    d = begin(c, network, PRIO_OWN_ADDRESS, FRAME_ARP);
    match_set(&d.m, FIELD_ARP_SPA, 0);
    pass(c, network, &d);
    d = begin(c, network, PRIO_OWN_ADDRESS, 0);
    draft_match_ip(&d, DRAFT_SRC, &none6, 128);
    match_set(&d.m, FIELD_IP_PROTO, PROTO_ICMPV6);
    pass(c, network, &d);
}

static void emit_rogues(struct compiler *c, int network)
{
    struct draft d = begin(c, network, PRIO_ROGUE, FRAME_IPV6);

    match_set(&d.m, FIELD_IP_PROTO, PROTO_ICMPV6);
    match_set(&d.m, FIELD_ICMPV6_TYPE, ROUTER_ADVERTISEMENT);
    draft_emit(c, &d);
    for (int v6 = 0; v6 < 2; v6++) {
        d = begin(c, network, PRIO_ROGUE, v6 ? FRAME_IPV6 : FRAME_IP);
        match_set(&d.m, FIELD_IP_PROTO, PROTO_UDP);
        match_set(&d.m, FIELD_UDP_SRC, v6 ? DHCPV6_SERVER : DHCP_SERVER);
        draft_emit(c, &d);
    }
}

static void emit_network(struct compiler *c, int network)
{
    static const uint16_t types[] = { FRAME_IP, FRAME_IPV6, FRAME_ARP };
    struct draft d = begin(c, network, PRIO_PASS, 0);

    pass(c, network, &d);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        d = begin(c, network, PRIO_STOP, types[i]);
        draft_emit(c, &d);
    }
    emit_beginners(c, network);
    emit_rogues(c, network);
}

void compile_guards(struct compiler *c)
{
    for (size_t n = 0; n < c->doc->n_networks; n++)
        if (c->doc->networks[n].has_guard)
            emit_network(c, (int)n);
    for (size_t i = 0; i < c->view->n_hosts; i++) {
        const struct view_host *h = &c->view->hosts[i];

        if (h->sw == c->sw && c->is_undeclared[i] && c->doc->networks[h->network].has_guard)
            emit_made_addresses(c, h->network, h->mac);
    }
    for (size_t i = 0; i < c->doc->n_hosts; i++) {
        const struct net_host *h = &c->doc->hosts[i];

        if (!h->mac || h->at.sw != c->sw || !c->doc->networks[h->network].has_guard)
            continue;
        emit_made_addresses(c, h->network, h->mac);
        for (size_t j = 0; j < h->n_addresses; j++)
            emit_address(c, h->network, h->mac, &h->addresses[j]);
    }
}

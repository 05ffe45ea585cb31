/* SPDX-License-Identifier: Apache-2.0 */
/* services_nd.c - what a router says by neighbor discovery: its addresses, and that it is there.
 * Spec: RFC 4861, 4862, 8106, 8781.   See services.h. */
#include "controller/domain.h"
#include "controller/services_impl.h"
#include "openflow/ofp.h"

#include <string.h>

enum {
    OPTION_PREFIX = 3,
    OPTION_MTU = 5,
    OPTION_RDNSS = 25,
    OPTION_PREF64 = 38,
    FLAG_MANAGED = 0x80,
    FLAG_OTHER = 0x40
};
#define ALL_NODES_MAC UINT64_C(0x333300000001)

bool services_is_own(const struct controller *c, int network, const struct ip_addr *ip)
{
    const struct net_leg *leg = net_doc_leg(c->domain->doc, network);
    struct ip_addr local = ip_link_local(services_router(c, network)->mac);

    for (size_t i = 0; i < leg->n_addresses; i++)
        if (ip_equal(&leg->addresses[i], ip))
            return true;
    return ip_equal(&local, ip);
}

/* RFC 4861, 7.2.4: to who asked, or to all when it has no address yet (it asks whether this one is free). */
void services_advertise_neighbor(struct controller *c, int sw, uint32_t port, int network, const struct ip_addr *target,
                                 const struct ip_addr *to, net_mac to_mac)
{
    static const struct ip_addr all_nodes = { .family = 6, .bytes = { 0xff, 0x02, [15] = 1 } };
    bool has_asker = ip_is_single(to);
    const struct ip_write how = {
        .dst_mac = has_asker ? to_mac : ALL_NODES_MAC,
        .src_mac = services_router(c, network)->mac,
        .src = target,
        .dst = has_asker ? to : &all_nodes,
        .proto = FRAME_ICMPV6,
        .ttl = FRAME_ND_TTL,
        .sum_at = ICMP_SUM_AT,
    };
    uint8_t m[32] = { ND_ADVERTISEMENT, [4] = has_asker ? 0xe0 : 0xa0, [24] = OPTION_TARGET, [25] = 1 };
    struct wr w;

    memcpy(m + 8, target->bytes, 16);
    net_mac_bytes(how.src_mac, m + 26);
    wr_init(&w);
    ip_write(&w, &how, m, sizeof m);
    services_send(c, sw, port, &w);
}

/* RFC 8106: those of `dhcp`; without it the router itself, when it answers. */
static void wr_rdnss(struct wr *m, const struct net_doc *doc, int network)
{
    const struct net_dhcp *dhcp = doc->networks[network].dhcp;
    const struct net_leg *leg = net_doc_leg(doc, network);
    bool is_own = !dhcp && doc->routers[doc->networks[network].router].dns;
    const struct ip_addr *dns = dhcp ? dhcp->dns : leg->addresses;
    size_t n = 0, n_dns = dhcp ? dhcp->n_dns : is_own ? leg->n_addresses : 0;

    for (size_t i = 0; i < n_dns; i++)
        n += dns[i].family == 6;
    if (!n)
        return;
    wr_u8(m, OPTION_RDNSS);
    wr_u8(m, (uint8_t)(1 + 2 * n));
    wr_u16(m, 0);
    wr_u32(m, ROUTER_LIFETIME_S);
    for (size_t i = 0; i < n_dns; i++)
        if (dns[i].family == 6)
            wr_bytes(m, dns[i].bytes, 16);
}

/* RFC 8781, 4: the prefix of NAT64, its length by a code, and the lifetime in units of 8 s. */
static void wr_pref64(struct wr *m, const struct net_router *r)
{
    static const uint8_t lengths[] = { 96, 64, 56, 48, 40, 32 };
    unsigned code = 0;

    if (!r->nat64)
        return;
    while (lengths[code] != r->nat64->prefix.prefix_len)
        code++;
    wr_u16(m, OPTION_PREF64 << 8 | 2);
    wr_u16(m, (uint16_t)((ROUTER_LIFETIME_S + 7) / 8 << 3 | code));
    wr_bytes(m, r->nat64->prefix.bytes, 12);
}

/* RFC 4861, 4.2; each IPv6 subnet of 64 bits is for autoconfiguration (RFC 4862, 5.5.3). */
static void advertisement_write(struct wr *m, const struct net_doc *doc, int network, net_mac router)
{
    const struct net_network *n = &doc->networks[network];
    uint8_t mac[6];

    wr_u32(m, (uint32_t)ND_ROUTER_ADVERTISEMENT << 24);
    wr_u8(m, FRAME_ANSWER_TTL);
    wr_u8(m, (dhcp6_has_addresses(doc, network) ? FLAG_MANAGED : 0) | (dhcp6_is_served(doc, network) ? FLAG_OTHER : 0));
    wr_u16(m, ROUTER_LIFETIME_S);
    wr_u64(m, 0);
    wr_u16(m, OPTION_SOURCE << 8 | 1);
    net_mac_bytes(router, mac);
    wr_bytes(m, mac, sizeof mac);
    wr_u16(m, OPTION_MTU << 8 | 1);
    wr_u16(m, 0);
    wr_u32(m, n->mtu);
    for (size_t i = 0; i < n->n_subnets; i++) {
        if (n->subnets[i].family != 6)
            continue;
        wr_u16(m, OPTION_PREFIX << 8 | 4);
        wr_u8(m, n->subnets[i].prefix_len);
        wr_u8(m, n->subnets[i].prefix_len == 64 ? 0xc0 : 0x80); /* on-link, autonomous */
        wr_u32(m, UINT32_C(2592000));                           /* valid; preferred */
        wr_u32(m, UINT32_C(604800));
        wr_u32(m, 0);
        wr_bytes(m, n->subnets[i].bytes, 16);
    }
    wr_rdnss(m, doc, network);
    wr_pref64(m, &doc->routers[n->router]);
}

/* `vlan` 0: untagged. */
void services_advertise_router(struct controller *c, int sw, uint32_t port, int network, uint16_t vlan)
{
    static const struct ip_addr all_nodes = { .family = 6, .bytes = { 0xff, 0x02, [15] = 1 } };
    const struct net_router *r = services_router(c, network);
    struct ip_addr own = ip_link_local(r->mac);
    const struct ip_write how = {
        .dst_mac = ALL_NODES_MAC,
        .src_mac = r->mac,
        .vlan = vlan,
        .src = &own,
        .dst = &all_nodes,
        .proto = FRAME_ICMPV6,
        .ttl = FRAME_ND_TTL,
        .sum_at = ICMP_SUM_AT,
    };
    struct wr m, w;

    wr_init(&m);
    wr_init(&w);
    advertisement_write(&m, c->domain->doc, network, r->mac);
    if (m.bad)
        w.bad = true;
    else
        ip_write(&w, &how, m.p, m.len);
    wr_fini(&m);
    services_send(c, sw, port, &w);
}

void services_advertise_all(struct controller *c)
{
    const struct net_doc *doc = c->domain->doc;

    for (size_t i = 0; i < doc->n_networks; i++) {
        const struct net_leg *leg = net_doc_leg(doc, (int)i);
        int sw =
            leg && !leg->is_outside && net_doc_gateway(doc, (int)i, 6) ? services_flood_switch(c, (int)i) : NET_NONE;

        if (sw != NET_NONE)
            services_advertise_router(c, sw, OFPP_TABLE, (int)i, doc->networks[i].vlan);
    }
}

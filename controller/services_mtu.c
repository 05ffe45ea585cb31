/* SPDX-License-Identifier: Apache-2.0 */
/* services_mtu.c - packets that are too large for the network that they are to go to: their senders are told, or they are cut.
 * Spec: RFC 1191, 4; RFC 8201; RFC 4787, REQ-13; RFC 7915, 4.2 and 5.2; RFC 791, 3.2.   See services.h.
 *
 * A frame is shown as it came, but for a destination that was translated.  IPv4 without DF is cut here, CUT_PER_S packets a
 * second at most, and goes on with what its switch knew of it. */
#include "controller/compiler_impl.h"
#include "controller/domain.h"
#include "controller/services_impl.h"
#include "openflow/ofp.h"

/* Where the router sends packets to that address; 0: nowhere. */
static uint16_t mtu_toward(const struct net_doc *doc, const struct net_router *r, const struct ip_addr *dst)
{
    const struct net_nat64 *n = r->nat64;
    bool is_nat64 = n && ip_is_in(dst, &n->prefix);
    struct ip_addr hop;
    int leg;

    if (!router_next_hop(doc, r, is_nat64 ? &n->nat.first : dst, &leg, &hop))
        return 0;
    return router_mtu(doc, r->legs[leg].network, is_nat64);
}

static void cut(struct controller *c, int sw, const struct frame *f, const struct ip_packet *ip, uint16_t mtu,
                struct frame_state state)
{
    const struct session_place at = { .table = TABLE_FIT, .metadata = state.metadata, .reg0 = state.reg0 };
    size_t done = 0;

    while (done < ip->n_data) {
        struct wr w;

        wr_init(&w);
        done = ip_cut(&w, f, ip, mtu, done);
        services_send_on(c, sw, &at, &w);
    }
}

void services_too_big(struct controller *c, int sw, int network, const struct frame *f, const struct ip_packet *ip,
                      const struct ofp_packet_in *p)
{
    const struct frame_state state = services_state(p);
    const struct icmp_error e = {
        .code = { { 3, 4 }, { 2, 0 } },
        .mtu = mtu_toward(c->domain->doc, services_router(c, network), &ip->dst),
        .reg0 = state.reg0,
    };

    if (!e.mtu)
        return;
    if (!ip_may_cut(ip))
        services_send_error(c, sw, network, f, ip, &e);
    else if (ip_is_whole(ip) && services_take_token(c, &c->services.cut_ns, CUT_PER_S, CUT_BURST))
        cut(c, sw, f, ip, e.mtu, state);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* compile_nat64.c - the flows of NAT64, at a router's gateway: IPv6 from inside goes out as IPv4.
 * Flow: document, view -> [compile_nat64] -> flow sets.   See compile_router.c for the tables.
 * Spec: RFC 6146, RFC 6052.  Wants trama's own extensions.
 *
 * A frame for an address in the prefix is routed twice.  As IPv6 it goes to the network outside as far as policies are concerned
 * (so they know its conversation by the same addresses as its answers, which are IPv6 again when they meet policies); in table
 * 11 it becomes IPv4, which table 6 routes to its next hop, and which is not held against policies again: it may leave by
 * networks outside only. */
#include "controller/compiler_impl.h"
#include "openflow/ct.h"

enum { PRIO_NAT64 = 60010, PRIO_STATE = 320, PRIO_REFUSED = 65000 };

static struct draft draft_of(const struct compiler *c, const struct net_router *r, uint8_t table, uint16_t priority,
                             enum flow_kind kind)
{
    const struct net_nat64 *n = r->nat64;
    struct draft d = draft_new(table, priority, kind, 0);

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    draft_match_ip(&d, DRAFT_DST, &n->prefix, n->prefix.prefix_len);
    return d;
}

static void emit_translation(struct compiler *c, const struct net_router *r, int network)
{
    const struct net_nat64 *n = r->nat64;
    struct draft d = draft_of(c, r, TABLE_NAT, PRIO_NAT64, FLOW_KIND_NAT);
    struct flow_act *a;

    draft_match_vlan(&d, c->doc->networks[network].vlan);
    draft_set(&d, FIELD_REG0, value_of(WAY_NAT64));
    a = draft_ct(&d, compiler_zone(c, network, ZONE_NAT), TABLE_ROUTE, FLOW_CT_COMMIT | FLOW_CT_NAT,
                 CT_NAT_F_SRC | CT_NAT_F_MAPPING | CT_NAT_F_GO_ON | router_filtering(n->nat.filtering));
    a->nat_family = 4;
    a->value = ip_value(&n->nat.first);
    if (!ip_equal(&n->nat.first, &n->nat.last))
        a->value_max = ip_value(&n->nat.last);
    a->port_min = n->nat.port_min;
    a->port_max = n->nat.port_max > n->nat.port_min ? n->nat.port_max : 0;
    a->host_limit = n->nat.host_limit;
    a->prefix = ip_value(&n->prefix);
    a->prefix_len = (uint8_t)n->prefix.prefix_len;
    draft_emit(c, &d);
}

/* Translated: past the policies, to networks outside only. */
static void emit_state(struct compiler *c, const struct net_leg *leg)
{
    struct draft d = draft_new(TABLE_STATE, PRIO_STATE, FLOW_KIND_NAT, c->doc->networks[leg->network].vlan);

    draft_match_vlan(&d, c->doc->networks[leg->network].vlan);
    draft_match_family(&d, 4);
    match_set(&d.m, FIELD_REG0, WAY_NAT64);
    if (leg->is_outside)
        d.spec.goto_table = TABLE_FORWARD;
    draft_emit(c, &d);
}

void compile_nat64(struct compiler *c, const struct net_router *r)
{
    const struct net_nat64 *n = r->nat64;
    int network = r->legs[router_leg_with(c, r, &n->nat.first)].network;
    struct draft d;

    if (!c->view->switches[c->sw].is_trama) {
        compiler_problem(c, c->sw,
                         "router %s: nat64 needs trama-switchd; switch %s is none, and translates nothing for it (line "
                         "%u)",
                         r->name, c->doc->switches[c->sw].name, n->nat.line);
        return;
    }
    d = draft_of(c, r, TABLE_ROUTE, router_route_priority(&n->prefix), FLOW_KIND_ROUTE);
    match_set_masked(&d.m, FIELD_VLAN_VID, value_of(VID_PRESENT), value_of(VID_PRESENT));
    draft_act(&d, FLOW_ACT_SET_VLAN)->arg = c->doc->networks[network].vlan;
    d.spec.goto_table = compiler_after_routing(c, network);
    router_emit_fit(c, r, &d, router_mtu(c->doc, network, true), 6);
    emit_translation(c, r, network);
    for (size_t i = 0; i < r->n_legs; i++)
        emit_state(c, &r->legs[i]);
    d = draft_of(c, r, TABLE_ROUTE, PRIO_REFUSED,
                 FLOW_KIND_REFUSED); /* no port is free, or no room: the host is told */
    match_set_masked(&d.m, FIELD_CT_STATE, value_of(CT_TRK | CT_NEW | CT_INV), value_of(CT_TRK | CT_NEW | CT_INV));
    draft_show(&d);
    draft_emit(c, &d);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* compile_mtu.c - the flows by which a router notices that a frame is too large for the network that it goes to.
 * Flow: document, view -> [compile_mtu] -> flow sets.   See compile_router.c for the tables.
 * Spec: RFC 1191, RFC 8201, RFC 4787 (REQ-13), RFC 7915 (1.4).  Wants check_pkt_larger, of Open vSwitch.
 *
 * A route to a network whose MTU is smaller than another's of its router looks at the size first (table 6); what is too large is
 * shown to the controller (table 7) as its sender sent it: with his MAC address, network and TTL, and his own source address. */
#include "controller/compiler_impl.h"

enum { PRIO_TOO_BIG = 65000, ETHERNET_HEADER = 14, NAT64_SHORTER = 20 };

uint16_t router_mtu(const struct net_doc *doc, int network, bool is_nat64)
{
    return (uint16_t)(doc->networks[network].mtu + (is_nat64 ? NAT64_SHORTER : 0));
}

/* The largest packet of the family that may come to a router. */
static uint16_t largest(const struct compiler *c, const struct net_router *r, uint8_t family)
{
    uint16_t most = 0;

    for (size_t i = 0; i < r->n_legs; i++) {
        bool is_longer = family == 6 && r->nat64 && r->legs[i].is_outside; /* IPv4 from there, as IPv6 */
        uint16_t mtu = router_mtu(c->doc, r->legs[i].network, is_longer);

        most = mtu > most ? mtu : most;
    }
    return most;
}

/* Open vSwitch's datapaths are not of one mind whether a tag counts: the frame has none while they look. */
static void emit_check_untagged(struct compiler *c, const struct net_router *r, const struct draft *like, uint16_t size)
{
    for (size_t i = 0; i < r->n_legs; i++) {
        uint16_t vlan = c->doc->networks[r->legs[i].network].vlan;
        struct draft d = *like;
        struct flow_act *a;

        draft_match_vlan(&d, vlan);
        draft_act(&d, FLOW_ACT_POP_VLAN);
        a = draft_act(&d, FLOW_ACT_CHECK_SIZE);
        a->field = FIELD_REG1;
        a->arg = size;
        draft_act(&d, FLOW_ACT_PUSH_VLAN)->arg = ETH_TYPE_VLAN;
        draft_act(&d, FLOW_ACT_SET_VLAN)->arg = vlan;
        draft_emit(c, &d);
    }
}

void router_emit_fit(struct compiler *c, const struct net_router *r, struct draft *d, uint16_t mtu, uint8_t family)
{
    struct draft look = *d;
    struct flow_act *a;

    if (mtu >= largest(c, r, family)) {
        draft_emit(c, d);
        return;
    }
    look.spec.n_acts = 0;
    look.spec.goto_table = TABLE_FIT;
    look.spec.cookie = flow_cookie(FLOW_KIND_ROUTE, (uint16_t)d->spec.cookie);
    if (c->view->switches[c->sw].is_trama) {
        a = draft_act(&look, FLOW_ACT_CHECK_SIZE);
        a->field = FIELD_REG1;
        a->arg = mtu + ETHERNET_HEADER;
        draft_emit(c, &look);
    } else {
        emit_check_untagged(c, r, &look, mtu + ETHERNET_HEADER);
    }
    d->spec.table = TABLE_FIT;
    draft_emit(c, d);
}

/* Whole, since IPv4 without DF is cut by the controller. */
void compile_mtu(struct compiler *c, const struct net_router *r)
{
    enum { WHOLE = UINT16_MAX };
    struct draft d = draft_new(TABLE_FIT, PRIO_TOO_BIG, FLOW_KIND_TOO_BIG, 0);
    uint16_t most = largest(c, r, 6);

    for (size_t i = 0; i < r->n_legs; i++) {
        if (c->doc->networks[r->legs[i].network].mtu >= most)
            continue;
        draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
        match_set_masked(&d.m, FIELD_REG1, value_of(1), value_of(1));
        draft_show(&d);
        d.acts[0].arg = WHOLE;
        draft_emit(c, &d);
        return;
    }
}

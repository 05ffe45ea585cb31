/* SPDX-License-Identifier: Apache-2.0 */
/* compile_nptv6.c - the flows of prefix translation, at a router's gateway: hosts have other IPv6 addresses outside.
 * Flow: document, view -> [compile_nptv6] -> flow sets.   See compile_router.c for the tables.
 * Spec: RFC 6296.  Wants trama's own extensions.
 *
 * Policies know hosts by their addresses inside: table 4 translates destinations before them, table 11 sources behind them.  A host
 * that uses the outside address of another inside is seen by it with its own outside address, so that answers come back
 * through here (hairpinning). */
#include "controller/compiler_impl.h"

enum { PRIO_IN = 200, PRIO_IN_OUTSIDE = 210, PRIO_OUT = 200, PRIO_HAIRPIN = 190 };

static void translate(struct draft *d, const struct net_nptv6 *t, bool is_in)
{
    struct flow_act *a = draft_act(d, FLOW_ACT_NPTV6);

    a->arg = is_in;
    a->prefix = ip_value(&t->inside);
    a->prefix_len = (uint8_t)t->inside.prefix_len;
    a->value = ip_value(&t->outside);
    a->outside_len = (uint8_t)t->outside.prefix_len;
}

static struct draft in_of(const struct compiler *c, const struct net_router *r, const struct net_nptv6 *t,
                          uint16_t priority)
{
    struct draft d = draft_new(TABLE_UNNAT, priority, FLOW_KIND_UNNAT, 0);

    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    draft_match_ip(&d, DRAFT_DST, &t->outside, t->outside.prefix_len);
    d.spec.goto_table = TABLE_ROUTE;
    return d;
}

static void emit(struct compiler *c, const struct net_router *r, const struct net_nptv6 *t)
{
    struct draft d = in_of(c, r, t, PRIO_IN);

    translate(&d, t, true);
    draft_set(&d, FIELD_REG0, value_of(WAY_NPTV6));
    draft_emit(c, &d);
    d = draft_new(TABLE_NAT, PRIO_HAIRPIN, FLOW_KIND_NAT, 0);
    draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
    draft_match_ip(&d, DRAFT_SRC, &t->inside, t->inside.prefix_len);
    match_set(&d.m, FIELD_REG0, WAY_NPTV6);
    translate(&d, t, false);
    d.spec.goto_table = TABLE_FORWARD;
    draft_emit(c, &d);
    for (size_t i = 0; i < r->n_legs; i++) {
        uint16_t vlan = c->doc->networks[r->legs[i].network].vlan;

        if (!r->legs[i].is_outside)
            continue;
        d = in_of(c, r, t, PRIO_IN_OUTSIDE);
        draft_match_metadata(&d, (uint64_t)vlan << METADATA_ORIGIN_SHIFT, METADATA_ORIGIN_MASK);
        translate(&d, t, true);
        draft_emit(c, &d);
        d = draft_new(TABLE_NAT, PRIO_OUT, FLOW_KIND_NAT, vlan);
        draft_match_vlan(&d, vlan);
        draft_match_metadata(&d, router_metadata(c, r), METADATA_ROUTER_MASK);
        draft_match_ip(&d, DRAFT_SRC, &t->inside, t->inside.prefix_len);
        translate(&d, t, false);
        d.spec.goto_table = TABLE_FORWARD;
        draft_emit(c, &d);
    }
}

void compile_nptv6(struct compiler *c, const struct net_router *r)
{
    if (r->n_nptv6s && !c->view->switches[c->sw].is_trama) {
        compiler_problem(
            c, c->sw,
            "router %s: nptv6 needs trama-switchd; switch %s is none, and translates nothing for it (line %u)", r->name,
            c->doc->switches[c->sw].name, r->nptv6s[0].line);
        return;
    }
    for (size_t i = 0; i < r->n_nptv6s; i++)
        emit(c, r, &r->nptv6s[i]);
}

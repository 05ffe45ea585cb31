/* SPDX-License-Identifier: Apache-2.0 */
/* draft.c - flows in the making, for the compiler's layer 3; see compiler_impl.h. */
#include "controller/compiler_impl.h"

#include <assert.h>

enum { ETH_TYPE_IP = 0x0800, ETH_TYPE_IPV6 = 0x86dd };

struct draft draft_new(uint8_t table, uint16_t priority, enum flow_kind kind, uint32_t cookie_low)
{
    return (struct draft){
        .spec = {
            .table = table,
            .goto_table = FLOW_NO_GOTO,
            .priority = priority,
            .cookie = flow_cookie(kind, (uint16_t)cookie_low),
        },
    };
}

struct flow_act *draft_act(struct draft *d, enum flow_act_type type)
{
    struct flow_act *a;

    assert(d->spec.n_acts < DRAFT_ACTS);
    a = &d->acts[d->spec.n_acts++];
    *a = (struct flow_act){ .type = (uint8_t)type };
    return a;
}

void draft_set(struct draft *d, enum field_id field, struct value v)
{
    struct flow_act *a = draft_act(d, FLOW_ACT_SET);

    a->field = (uint8_t)field;
    a->value = v;
}

void draft_move(struct draft *d, enum field_id dst, enum field_id src)
{
    struct flow_act *a = draft_act(d, FLOW_ACT_MOVE);

    a->field = (uint8_t)dst;
    a->src = (uint8_t)src;
}

void draft_show(struct draft *d)
{
    struct flow_act *a = draft_act(d, FLOW_ACT_OUTPUT);

    a->port = PORT_CONTROLLER;
    a->arg = SERVICE_BYTES;
}

void draft_match_vlan(struct draft *d, uint16_t vlan)
{
    match_set(&d->m, FIELD_VLAN_VID, VID_PRESENT | vlan);
}

void draft_match_metadata(struct draft *d, uint64_t value, uint64_t mask)
{
    uint64_t old_value = key_get(&d->m.value, FIELD_METADATA).lo, old_mask = key_get(&d->m.mask, FIELD_METADATA).lo;

    match_set_masked(&d->m, FIELD_METADATA, value_of(old_value | value), value_of(old_mask | mask));
}

struct value ip_value(const struct ip_addr *ip)
{
    struct value v = { 0 };

    for (int i = 0; i < (ip->family == 4 ? 4 : 16); i++) {
        v.hi = v.hi << 8 | v.lo >> 56;
        v.lo = v.lo << 8 | ip->bytes[i];
    }
    return v;
}

/* The first `len` of `bits` set. */
static struct value prefix_mask(unsigned bits, unsigned len)
{
    unsigned rest = bits - len;

    if (bits <= 64)
        return value_of(rest >= bits ? 0 : (field_ones(FIELD_IPV4_SRC).lo << rest) & UINT32_MAX);
    return (struct value){
        .hi = len >= 64 ? UINT64_MAX
              : len     ? UINT64_MAX << (64 - len)
                        : 0,
        .lo = len > 64 ? (rest ? UINT64_MAX << rest : UINT64_MAX) : 0,
    };
}

void draft_match_family(struct draft *d, uint8_t family)
{
    match_set(&d->m, FIELD_ETH_TYPE, family == 4 ? ETH_TYPE_IP : ETH_TYPE_IPV6);
}

void draft_match_ip(struct draft *d, enum draft_end end, const struct ip_addr *ip, unsigned prefix_len)
{
    static const enum field_id fields[2][2] = {
        { FIELD_IPV4_SRC, FIELD_IPV4_DST },
        { FIELD_IPV6_SRC, FIELD_IPV6_DST },
    };
    enum field_id field = fields[ip->family == 6][end];
    struct value v = ip_value(ip), mask = prefix_mask(ip->family == 4 ? 32 : 128, prefix_len);

    draft_match_family(d, ip->family);
    if (prefix_len)
        match_set_masked(&d->m, field, (struct value){ v.hi & mask.hi, v.lo & mask.lo }, mask);
}

struct flow_act *draft_ct(struct draft *d, uint16_t zone, uint8_t table, unsigned ct_flags, unsigned nat_flags)
{
    struct flow_act *a = draft_act(d, FLOW_ACT_CT);

    a->arg = zone;
    a->table = table;
    a->ct_flags = (uint8_t)ct_flags;
    a->nat_flags = (uint16_t)nat_flags;
    return a;
}

void draft_emit(struct compiler *c, struct draft *d)
{
    d->spec.acts = d->acts;
    compiler_emit(c, &d->spec, &d->m);
}

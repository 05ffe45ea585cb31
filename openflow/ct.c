/* SPDX-License-Identifier: Apache-2.0 */
/* ct.c - see ct.h. */
#include "openflow/ct.h"

#include "base/embedded.h"
#include "openflow/oxm.h"
#include "openflow/subfield.h"

enum range {
    RANGE_IPV4_MIN = 1 << 0,
    RANGE_IPV4_MAX = 1 << 1,
    RANGE_IPV6_MIN = 1 << 2,
    RANGE_IPV6_MAX = 1 << 3,
    RANGE_PORT_MIN = 1 << 4,
    RANGE_PORT_MAX = 1 << 5,
    RANGE_HOST_LIMIT = 1 << 15, /* trama's own, a u32 behind the others */
    RANGE_ALL = RANGE_HOST_LIMIT | ((1 << 6) - 1),
};

static bool is_above(struct value a, struct value b)
{
    return a.hi > b.hi || (a.hi == b.hi && a.lo > b.lo);
}

static struct value read_ipv6(struct rd *r)
{
    uint64_t hi = rd_u64(r);

    return (struct value){ hi, rd_u64(r) };
}

/* Which combinations mean something. */
static bool is_sound(uint16_t flags, unsigned present)
{
    bool is_src = flags & CT_NAT_F_SRC, is_dst = flags & CT_NAT_F_DST;
    unsigned filtering = flags & (CT_NAT_F_FILTERING_ENDPOINT | CT_NAT_F_FILTERING_ADDRESS);

    if (flags == CT_NAT_F_MAPPED)
        return !present;
    if (flags & CT_NAT_F_MAPPED || (filtering && !(flags & CT_NAT_F_MAPPING)) ||
        filtering == (CT_NAT_F_FILTERING_ENDPOINT | CT_NAT_F_FILTERING_ADDRESS) ||
        (flags & CT_NAT_F_MAPPING && !(is_src && present & (RANGE_IPV4_MIN | RANGE_IPV6_MIN))))
        return false;
    if ((flags & CT_NAT_F_GO_ON && !is_src && !is_dst) || (present & RANGE_HOST_LIMIT && !is_src))
        return false;
    flags &= (uint16_t) ~(CT_NAT_F_GO_ON | CT_NAT_F_MAPPING | CT_NAT_F_FILTERING_ENDPOINT | CT_NAT_F_FILTERING_ADDRESS);
    if (flags & ~(CT_NAT_F_SRC | CT_NAT_F_DST | CT_NAT_F_PERSISTENT | CT_NAT_F_HASH | CT_NAT_F_RANDOM) ||
        present & ~(unsigned)RANGE_ALL || (is_src && is_dst))
        return false;
    if (flags & CT_NAT_F_HASH && flags & CT_NAT_F_RANDOM)
        return false;
    if (!is_src && !is_dst)
        return !present && !flags;
    if (present & (RANGE_IPV4_MIN | RANGE_IPV4_MAX) && present & (RANGE_IPV6_MIN | RANGE_IPV6_MAX))
        return false;
    return !(present & RANGE_IPV4_MAX && !(present & RANGE_IPV4_MIN)) &&
           !(present & RANGE_IPV6_MAX && !(present & RANGE_IPV6_MIN)) &&
           !(present & RANGE_PORT_MAX && !(present & RANGE_PORT_MIN));
}

int ct_nat_decode(struct ct_nat *out, const struct ofp_nx_nat *in)
{
    struct rd r = rd_init(in->ranges, in->n_ranges);
    unsigned present = in->range_present;

    *out = (struct ct_nat){ .flags = in->flags };
    if (!is_sound(in->flags, present))
        return OFPBAC_BAD_ARGUMENT;
    if (present & RANGE_IPV4_MIN) {
        out->family = 4;
        out->addr_min = out->addr_max = value_of(rd_u32(&r));
    }
    if (present & RANGE_IPV4_MAX)
        out->addr_max = value_of(rd_u32(&r));
    if (present & RANGE_IPV6_MIN) {
        out->family = 6;
        out->addr_min = out->addr_max = read_ipv6(&r);
    }
    if (present & RANGE_IPV6_MAX)
        out->addr_max = read_ipv6(&r);
    out->has_addr_max = present & (RANGE_IPV4_MAX | RANGE_IPV6_MAX);
    if (present & RANGE_PORT_MIN) {
        out->has_port = true;
        out->port_min = out->port_max = rd_u16(&r);
    }
    if (present & RANGE_PORT_MAX) {
        out->has_port_max = true;
        out->port_max = rd_u16(&r);
    }
    if (present & RANGE_HOST_LIMIT)
        out->host_limit = rd_u32(&r);
    if (r.bad)
        return OFPBAC_BAD_LEN;
    if ((present & RANGE_HOST_LIMIT && !out->host_limit) || is_above(out->addr_min, out->addr_max) ||
        out->port_min > out->port_max || (out->has_port && !out->port_min))
        return OFPBAC_BAD_ARGUMENT;
    return 0;
}

static void write_address(struct wr *w, uint8_t family, struct value v)
{
    if (family == 4) {
        wr_u32(w, (uint32_t)v.lo);
    } else {
        wr_u64(w, v.hi);
        wr_u64(w, v.lo);
    }
}

void ct_nat_encode(struct ofp_nx_nat *out, struct wr *w, const struct ct_nat *in)
{
    unsigned present = 0;

    if (in->family) {
        present |= in->family == 4 ? RANGE_IPV4_MIN : RANGE_IPV6_MIN;
        write_address(w, in->family, in->addr_min);
    }
    if (in->has_addr_max) {
        present |= in->family == 4 ? RANGE_IPV4_MAX : RANGE_IPV6_MAX;
        write_address(w, in->family, in->addr_max);
    }
    if (in->has_port) {
        present |= RANGE_PORT_MIN;
        wr_u16(w, in->port_min);
    }
    if (in->has_port_max) {
        present |= RANGE_PORT_MAX;
        wr_u16(w, in->port_max);
    }
    if (in->host_limit) {
        present |= RANGE_HOST_LIMIT;
        wr_u32(w, in->host_limit);
    }
    *out = (struct ofp_nx_nat){
        .flags = in->flags, .range_present = (uint16_t)present, .ranges = w->p, .n_ranges = w->len
    };
}

int ct_nat64_decode(struct ct_nat *out, const struct ofp_trama_nat64 *in)
{
    *out = (struct ct_nat){
        .flags = (uint16_t)(in->flags | CT_NAT_F_SRC),
        .family = 4,
        .has_addr_max = in->addr_max != in->addr_min,
        .has_port = in->port_min,
        .has_port_max = in->port_max != in->port_min,
        .addr_min = value_of(in->addr_min),
        .addr_max = value_of(in->addr_max),
        .port_min = in->port_min,
        .port_max = in->port_max,
        .host_limit = in->host_limit,
        .prefix_len = in->prefix_len,
        .prefix = { in->prefix_hi, in->prefix_lo },
    };
    if (in->flags & CT_NAT_F_SRC || !is_sound(out->flags, RANGE_IPV4_MIN) || !in->addr_min ||
        in->addr_min > in->addr_max || in->port_min > in->port_max || (!in->port_min && in->port_max) ||
        !embedded_prefix_is_sound(out->prefix, in->prefix_len))
        return OFPBAC_BAD_ARGUMENT;
    return 0;
}

struct ofp_trama_nat64 ct_nat64_encode(const struct ct_nat *in)
{
    return (struct ofp_trama_nat64){
        .prefix_len = in->prefix_len,
        .flags = (uint16_t)(in->flags & ~(unsigned)CT_NAT_F_SRC),
        .port_min = in->has_port ? in->port_min : 0,
        .port_max = in->has_port ? in->has_port_max ? in->port_max : in->port_min : 0,
        .host_limit = in->host_limit,
        .addr_min = (uint32_t)in->addr_min.lo,
        .addr_max = (uint32_t)(in->has_addr_max ? in->addr_max.lo : in->addr_min.lo),
        .prefix_hi = in->prefix.hi,
        .prefix_lo = in->prefix.lo,
    };
}

enum ct_nat_kind ct_nat_kind(const struct ofp_action *a)
{
    if (a->type != OFPAT_EXPERIMENTER)
        return CT_NAT_NONE;
    if (a->experimenter.experimenter == OFPEXP_NICIRA && a->experimenter.nicira.subtype == NXAST_NAT)
        return CT_NAT_NX;
    if (a->experimenter.experimenter == OFPEXP_TRAMA && a->experimenter.trama.subtype == TRAMAAST_NAT64)
        return CT_NAT_64;
    return CT_NAT_NONE;
}

uint16_t ct_nat_flags(const struct ofp_action *a)
{
    switch (ct_nat_kind(a)) {
    case CT_NAT_NX:
        return a->experimenter.nicira.nat.flags;
    case CT_NAT_64:
        return (uint16_t)(a->experimenter.trama.nat64.flags | CT_NAT_F_SRC);
    case CT_NAT_NONE:
        break;
    }
    return 0;
}

int ct_nat_read(struct ct_nat *out, const struct ofp_action *a)
{
    if (ct_nat_kind(a) == CT_NAT_64)
        return ct_nat64_decode(out, &a->experimenter.trama.nat64);
    return ct_nat_decode(out, &a->experimenter.nicira.nat);
}

/* An NXM header: class, number << 9, whether there is a mask << 8, length of the value. */
bool ct_zone_field(const struct ofp_nx_ct *ct, struct subfield *out)
{
    uint32_t h = ct->zone_src;
    enum field_id id;

    if (!h)
        return false;
    id = ofp_nxm_field((uint16_t)(h >> 16), (uint8_t)(h >> 9 & 0x7f), 0);
    *out = (struct subfield){ .field = FIELD_NONE };
    if (id != FIELD_NONE && !(h & 0x100) && (h & 0xff) == (field_table[id].bits + 7u) / 8)
        *out = subfield_of(id, ct->zone);
    return true;
}

uint32_t ct_zone_header(enum field_id field)
{
    uint16_t oxm_class = 0;
    uint8_t number = 0;

    if (!ofp_nxm_number(field, &oxm_class, &number))
        return 0;
    return (uint32_t)oxm_class << 16 | (uint32_t)number << 9 | (field_table[field].bits + 7u) / 8;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* agent_conn.c - connections that a controller throws out: Open vSwitch's NXT_CT_FLUSH_ZONE and NXT_CT_FLUSH.
 * Spec: ovs-ofctl(8), ct-flush-zone and ct-flush.  A property that is not known is refused, for whoever sends it means fewer
 * connections than the rest of the message says.   Thread: C. */
#include <string.h>

#include "datapath/conn.h"
#include "datapath/conn_track.h"
#include "vswitch/agent_impl.h"

/* What is asked of one direction; zero: anything. */
struct side {
    struct value src, dst;
    uint8_t family; /* 4 or 6; 0: no address is asked for */
    uint16_t src_port, dst_port;
    uint16_t icmp_id;
    uint8_t icmp_type, icmp_code;
};

struct flush {
    struct conn_table *table;
    bool has_zone;
    uint16_t zone;
    uint8_t proto;
    struct side side[CONN_DIRS];
};

static bool is_zero(struct value v)
{
    return !(v.hi | v.lo);
}

/* An IPv4 address comes as IPv6.  False: the other address of the tuple is of another family. */
static bool address_read(struct side *s, struct value *out, const struct ofp_nx_ct_address *in)
{
    enum { V4_MAPPED = 0xffff };
    bool is_v4 = !in->hi && in->lo >> 32 == V4_MAPPED;
    uint8_t family = is_v4 ? 4 : 6;

    *out = (struct value){ in->hi, is_v4 ? (uint32_t)in->lo : in->lo };
    if (!(in->hi | in->lo))
        return true;
    if (s->family && s->family != family)
        return false;
    s->family = family;
    return true;
}

static int side_read(struct side *s, const struct ofp_nx_ct_tuple *t, struct ofp_err *err)
{
    for (size_t i = 0; i < t->n_properties; i++) {
        const struct ofp_nx_ct_tuple_prop *p = &t->properties[i];
        bool is_good = true;

        switch (p->type) {
        case NXCTT_SRC:
            is_good = address_read(s, &s->src, &p->src);
            break;
        case NXCTT_DST:
            is_good = address_read(s, &s->dst, &p->dst);
            break;
        case NXCTT_SRC_PORT:
            s->src_port = p->src_port.value;
            break;
        case NXCTT_DST_PORT:
            s->dst_port = p->dst_port.value;
            break;
        case NXCTT_ICMP_ID:
            s->icmp_id = p->icmp_id.value;
            break;
        case NXCTT_ICMP_TYPE:
            s->icmp_type = p->icmp_type.value;
            break;
        case NXCTT_ICMP_CODE:
            s->icmp_code = p->icmp_code.value;
            break;
        }
        if (!is_good)
            return refuse(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_ARGUMENT);
    }
    return 0;
}

static bool is_asked(struct value want, struct value v)
{
    return is_zero(want) || (want.hi == v.hi && want.lo == v.lo);
}

/* Connections have no code but 0: errors, which have others, begin none. */
static bool side_fits(const struct side *s, const struct conn_tuple *t)
{
    if ((s->family && s->family != t->family) || !is_asked(s->src, t->src) || !is_asked(s->dst, t->dst))
        return false;
    if (conn_tuple_has_ids(t))
        return (!s->icmp_id || s->icmp_id == t->src_port) && (!s->icmp_type || s->icmp_type == t->dst_port) &&
               !s->icmp_code && !s->src_port && !s->dst_port;
    return (!s->src_port || s->src_port == t->src_port) && (!s->dst_port || s->dst_port == t->dst_port) &&
           !s->icmp_id && !s->icmp_type && !s->icmp_code;
}

static bool visit(void *arg, const struct conn_info *c)
{
    const struct flush *f = arg;

    if ((!f->has_zone || f->zone == c->tuple[CONN_ORIGINAL].zone) &&
        (!f->proto || f->proto == c->tuple[CONN_ORIGINAL].proto || f->proto == c->tuple[CONN_REPLY].proto) &&
        side_fits(&f->side[CONN_ORIGINAL], &c->tuple[CONN_ORIGINAL]) &&
        side_fits(&f->side[CONN_REPLY], &c->tuple[CONN_REPLY]))
        conn_doom(f->table, c);
    return true;
}

static void flush(struct session *s, struct flush *f)
{
    f->table = conn_track_table(s->agent->conf.dp);
    if (f->table)
        conn_for_each(f->table, 0, visit, f);
}

/* A slave changes nothing of a switch (6.3.6). */
static int may_flush(const struct session *s, bool is_zero_where_it_must, struct ofp_err *err)
{
    if (s->main->role == OFPCR_ROLE_SLAVE)
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
    return is_zero_where_it_must ? 0 : refuse(err, OFPET_EXPERIMENTER, NXBRC_MUST_BE_ZERO);
}

int handle_ct_flush_zone(struct session *s, const struct ofp_nx_ct_flush_zone *m, struct ofp_err *err)
{
    struct flush f = { .has_zone = true, .zone = m->zone };
    int res = may_flush(s, !(m->zero[0] | m->zero[1] | m->zero[2]), err);

    if (!res)
        flush(s, &f);
    return res;
}

/* One connection, not some of them. */
static bool is_one(const struct flush *f)
{
    const struct side *s = &f->side[CONN_ORIGINAL];

    return f->proto && !is_zero(s->src) && !is_zero(s->dst) &&
           ((s->src_port && s->dst_port) || (s->icmp_id && s->icmp_type));
}

int handle_ct_flush(struct session *s, const struct ofp_nx_ct_flush *m, struct ofp_err *err)
{
    static const uint8_t zero[sizeof m->zero];
    struct flush f = { .proto = m->ip_proto };
    int res = may_flush(s, !memcmp(m->zero, zero, sizeof zero), err);

    for (size_t i = 0; i < m->n_properties && !res; i++) {
        const struct ofp_nx_ct_flush_prop *p = &m->properties[i];

        switch (p->type) {
        case NXCTF_ORIGINAL:
            res = side_read(&f.side[CONN_ORIGINAL], &p->original, err);
            break;
        case NXCTF_REPLY:
            res = side_read(&f.side[CONN_REPLY], &p->reply, err);
            break;
        case NXCTF_ZONE:
            f.has_zone = true;
            f.zone = p->zone.value;
            break;
        }
    }
    f.has_zone |= is_one(&f); /* in zone 0, if none is named */
    if (!res)
        flush(s, &f);
    return res;
}

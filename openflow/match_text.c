/* SPDX-License-Identifier: Apache-2.0 */
/* match_text.c - see match_text.h.
 *
 * Theory.  What `tp_dst` means depends on words that may follow it, so words are read in three rounds, `enum round`: what
 * says the Ethernet type, then the IP protocol, then everything else.  Conditions gather in a `struct match`; two that say
 * different things of one bit are refused. */
#include "openflow/match_text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "openflow/ofp.h"
#include "openflow/semantics.h"
#include "openflow/value_text.h"

enum { ANY_PROTO = -1 };

static const struct protocol {
    const char *name;
    uint16_t eth_type;
    int ip_proto;
} protocols[] = {
    { "icmp", 0x0800, 1 },         { "tcp", 0x0800, 6 },           { "udp", 0x0800, 17 },
    { "sctp", 0x0800, 132 },       { "icmp6", 0x86dd, 58 },        { "tcp6", 0x86dd, 6 },
    { "udp6", 0x86dd, 17 },        { "sctp6", 0x86dd, 132 },       { "ip", 0x0800, ANY_PROTO },
    { "ipv6", 0x86dd, ANY_PROTO }, { "arp", 0x0806, ANY_PROTO },   { "rarp", 0x8035, ANY_PROTO },
    { "mpls", 0x8847, ANY_PROTO }, { "mplsm", 0x8848, ANY_PROTO },
};

/* Names whose field depends on the protocol.  FIELD_NONE ends a list; the first that the match allows is meant. */
static const struct {
    const char *names[2];
    enum field_id fields[6];
} by_protocol[] = {
    { { "tp_src" },
      { FIELD_TCP_SRC, FIELD_UDP_SRC, FIELD_SCTP_SRC, FIELD_ICMPV4_TYPE, FIELD_ICMPV6_TYPE, FIELD_NONE } },
    { { "tp_dst" },
      { FIELD_TCP_DST, FIELD_UDP_DST, FIELD_SCTP_DST, FIELD_ICMPV4_CODE, FIELD_ICMPV6_CODE, FIELD_NONE } },
    { { "icmp_type" }, { FIELD_ICMPV4_TYPE, FIELD_ICMPV6_TYPE, FIELD_NONE } },
    { { "icmp_code" }, { FIELD_ICMPV4_CODE, FIELD_ICMPV6_CODE, FIELD_NONE } },
    { { "nw_src", "ip_src" }, { FIELD_IPV4_SRC, FIELD_ARP_SPA, FIELD_NONE } },
    { { "nw_dst", "ip_dst" }, { FIELD_IPV4_DST, FIELD_ARP_TPA, FIELD_NONE } },
    { { "nw_proto", "ip_proto" }, { FIELD_IP_PROTO, FIELD_ARP_OP, FIELD_NONE } },
};

/* What text calls a field, when it is not the registry's name. */
static const struct {
    enum field_id id;
    const char *in_match, *in_set_field;
} printed_names[] = {
    { FIELD_IN_PORT16, "in_port", "in_port" },
    { FIELD_ETH_SRC, "dl_src", "eth_src" },
    { FIELD_ETH_DST, "dl_dst", "eth_dst" },
    { FIELD_ETH_TYPE, "dl_type", "eth_type" },
    { FIELD_IPV4_SRC, "nw_src", "ip_src" },
    { FIELD_IPV4_DST, "nw_dst", "ip_dst" },
    { FIELD_IP_PROTO, "nw_proto", "nw_proto" },
    { FIELD_IP_ECN, "nw_ecn", "nw_ecn" },
    { FIELD_IP_TTL, "nw_ttl", "nw_ttl" },
    { FIELD_IP_FRAG, "nw_frag", "nw_frag" },
    { FIELD_IPV6_FLABEL, "ipv6_label", "ipv6_label" },
    { FIELD_TUNNEL_ID, "tun_id", "tun_id" },
    { FIELD_TCP_SRC, "tp_src", "tcp_src" },
    { FIELD_TCP_DST, "tp_dst", "tcp_dst" },
    { FIELD_UDP_SRC, "tp_src", "udp_src" },
    { FIELD_UDP_DST, "tp_dst", "udp_dst" },
    { FIELD_SCTP_SRC, "tp_src", "sctp_src" },
    { FIELD_SCTP_DST, "tp_dst", "sctp_dst" },
    { FIELD_ICMPV4_TYPE, "icmp_type", "icmp_type" },
    { FIELD_ICMPV4_CODE, "icmp_code", "icmp_code" },
    { FIELD_ICMPV6_TYPE, "icmp_type", "icmpv6_type" },
    { FIELD_ICMPV6_CODE, "icmp_code", "icmpv6_code" },
};

static const char *name_in_match(enum field_id id)
{
    for (size_t i = 0; i < sizeof printed_names / sizeof *printed_names; i++)
        if (printed_names[i].id == id)
            return printed_names[i].in_match;
    return field_table[id].name;
}

const char *match_text_field_name(enum field_id id)
{
    for (size_t i = 0; i < sizeof printed_names / sizeof *printed_names; i++)
        if (printed_names[i].id == id)
            return printed_names[i].in_set_field;
    return field_table[id].name;
}

void match_text_needs(struct str *s, enum field_id id)
{
    const struct field_info *f = &field_table[id];

    for (int row = 0; row < FIELD_NEEDS && f->need[row][0].field != FIELD_NONE; row++) {
        str_add(s, row ? " or " : "");
        for (int i = 0; i < FIELD_CONDS && f->need[row][i].field != FIELD_NONE; i++) {
            const struct field_cond *c = &f->need[row][i];

            str_printf(s, "%s%s", i ? " with " : "", field_table[c->field].name);
            if (c->is_any)
                continue;
            str_add_char(s, '=');
            value_text_print(s, c->field, (struct masked_value){ value_of(c->value), field_ones(c->field) }, NULL);
        }
    }
}

/* Of the names that depend on the protocol: the field meant, or the first of the list when the match allows none. */
static enum field_id field_by_protocol(const struct match *m, struct span name)
{
    for (size_t i = 0; i < sizeof by_protocol / sizeof *by_protocol; i++) {
        const enum field_id *f = by_protocol[i].fields;

        if (!span_is(name, by_protocol[i].names[0]) &&
            (!by_protocol[i].names[1] || !span_is(name, by_protocol[i].names[1])))
            continue;
        for (; *f != FIELD_NONE; f++)
            if (match_allows_field(m, *f))
                return *f;
        return by_protocol[i].fields[0];
    }
    return FIELD_NONE;
}

enum field_id match_text_field(const struct match *m, struct span name)
{
    enum field_id id = field_by_protocol(m, name);

    if (id == FIELD_NONE)
        id = span_is(name, "nw_frag") ? FIELD_IP_FRAG : field_by_name(name.p, name.n);
    return id != FIELD_NONE && oxm_way_of(id, OFP_VERSION_13) ? id : FIELD_NONE;
}

/* --- reading --- */

enum round { ROUND_ETH_TYPE, ROUND_IP_PROTO, ROUND_REST, ROUND_N };

struct builder {
    struct match m;
    struct span key[FIELD_N]; /* what the user called the field, if at all */
    const struct port_names *names;
    struct errbuf *e;
};

/* Adds a condition to those that are there. */
static int add(struct builder *b, enum field_id id, struct span key, struct masked_value v)
{
    struct value old = key_get(&b->m.value, id), mask = key_get(&b->m.mask, id);
    struct value both = { .hi = mask.hi & v.mask.hi, .lo = mask.lo & v.mask.lo };

    if ((old.hi ^ v.value.hi) & both.hi || (old.lo ^ v.value.lo) & both.lo)
        return errbuf_set(b->e, -EINVAL, "%.*s contradicts what was said of %s before", SPAN_ARG(key),
                          name_in_match(id));
    b->key[id] = key;
    match_set_masked(&b->m, id, (struct value){ old.hi | v.value.hi, old.lo | v.value.lo },
                     (struct value){ mask.hi | v.mask.hi, mask.lo | v.mask.lo });
    return 0;
}

static int add_exact(struct builder *b, enum field_id id, struct span key, uint64_t v)
{
    return add(b, id, key, (struct masked_value){ value_of(v), field_ones(id) });
}

static const struct protocol *find_protocol(const struct word *w)
{
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (!w->delim && span_is(w->key, protocols[i].name))
            return &protocols[i];
    return NULL;
}

static int add_protocol(struct builder *b, const struct word *w)
{
    const struct protocol *p = find_protocol(w);
    int err = add_exact(b, FIELD_ETH_TYPE, w->key, p->eth_type);

    if (!err && p->ip_proto != ANY_PROTO)
        err = add_exact(b, FIELD_IP_PROTO, w->key, (uint64_t)p->ip_proto);
    return err;
}

/* dl_vlan: a VLAN id, or 0xffff for no tag. */
static int add_dl_vlan(struct builder *b, const struct word *w)
{
    uint64_t v;

    if (!span_number(w->value, 0xffff, &v) || (v > 4095 && v != 0xffff))
        return errbuf_set(b->e, -EINVAL, "dl_vlan: '%.*s' is not a VLAN id from 0 to 4095, nor 0xffff for no tag",
                          SPAN_ARG(w->value));
    return add_exact(b, FIELD_VLAN_VID, w->key, v == 0xffff ? 0 : OFPVID_PRESENT | v);
}

/* vlan_tci: priority (3 bits), tag present (1), VLAN id (12). */
static int add_vlan_tci(struct builder *b, const struct word *w)
{
    struct span mask_text = w->value, value_text;
    uint64_t v, mask = 0xffff;
    struct masked_value vid, pcp;
    bool has_mask = span_cut(&mask_text, '/', &value_text);
    int err = number_parse(w->key, value_text, 0xffff, &v, b->e);

    if (!err && has_mask)
        err = number_parse(w->key, mask_text, 0xffff, &mask, b->e);
    if (err)
        return err;
    v &= mask;
    if (mask & OFPVID_PRESENT && !(v & OFPVID_PRESENT) && v)
        return errbuf_set(b->e, -EINVAL, "vlan_tci: '%.*s' wants a VLAN id or priority of frames without a tag",
                          SPAN_ARG(w->value));
    vid = (struct masked_value){ value_of(v & 0x1fff), value_of(mask & 0x1fff) };
    pcp = (struct masked_value){ value_of(v >> 13), value_of(mask >> 13) };
    err = add(b, FIELD_VLAN_VID, w->key, vid);
    if (!err && pcp.mask.lo && !(mask & OFPVID_PRESENT && !v)) /* no tag, no priority */
        err = add(b, FIELD_VLAN_PCP, w->key, pcp);
    return err;
}

/* nw_tos: the whole byte; its two lower bits do not count. */
static int add_nw_tos(struct builder *b, const struct word *w)
{
    uint64_t v;
    int err = number_parse(w->key, w->value, 0xff, &v, b->e);

    return err ? err : add_exact(b, FIELD_IP_DSCP, w->key, v >> 2);
}

static const struct special {
    const char *name;
    int (*add)(struct builder *b, const struct word *w);
} specials[] = {
    { "dl_vlan", add_dl_vlan },
    { "vlan_tci", add_vlan_tci },
    { "nw_tos", add_nw_tos },
};

static const struct special *find_special(struct span name)
{
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (span_is(name, specials[i].name))
            return &specials[i];
    return NULL;
}

static enum round round_of(const struct word *w)
{
    if (find_protocol(w) || span_is(w->key, "dl_type") || span_is(w->key, "eth_type"))
        return ROUND_ETH_TYPE;
    return span_is(w->key, "nw_proto") || span_is(w->key, "ip_proto") ? ROUND_IP_PROTO : ROUND_REST;
}

/* 1: a word of a match, 0: none. */
static int add_word(struct builder *b, const struct word *w)
{
    const struct special *special = find_special(w->key);
    enum field_id id = FIELD_NONE;
    struct masked_value v;
    int err;

    if (find_protocol(w)) {
        err = add_protocol(b, w);
        return err ? err : 1;
    }
    if (!special)
        id = match_text_field(&b->m, w->key);
    if (!special && id == FIELD_NONE)
        return 0;
    if (!w->value.n)
        return errbuf_set(b->e, -EINVAL, "%.*s needs a value", SPAN_ARG(w->key));
    err = special ? special->add(b, w) : value_text_parse(id, w, b->names, &v, b->e);
    if (!err && !special)
        err = add(b, id, w->key, v);
    return err ? err : 1;
}

static int check_field(struct builder *b, enum field_id id)
{
    bool is_valid = field_value_is_valid(id, key_get(&b->m.value, id), key_get(&b->m.mask, id));
    struct str needs;
    int err;

    if (!is_valid && id != FIELD_VLAN_VID)
        return errbuf_set(b->e, -EINVAL, "%.*s: it is 0 of every frame, none would match", SPAN_ARG(b->key[id]));
    if (!is_valid)
        return errbuf_set(b->e, -EINVAL, "%.*s: bit 0x1000 must be set, it says that there is a tag (or write dl_vlan)",
                          SPAN_ARG(b->key[id]));
    if (match_allows_field(&b->m, id))
        return 0;
    if (id == FIELD_VLAN_PCP)
        return errbuf_set(b->e, -EINVAL, "%.*s: frames without a VLAN tag have no priority", SPAN_ARG(b->key[id]));
    if (field_by_protocol(&b->m, b->key[id]) != FIELD_NONE && field_table[id].layer == LAYER_L4)
        return errbuf_set(b->e, -EINVAL, "%.*s: say of which protocol, such as tcp or udp6", SPAN_ARG(b->key[id]));
    str_init(&needs);
    match_text_needs(&needs, id);
    err = errbuf_set(b->e, -EINVAL, "%.*s needs %s beside it", SPAN_ARG(b->key[id]), str_text(&needs));
    str_fini(&needs);
    return err;
}

static int finish(struct builder *b)
{
    int err = 0;

    if (match_has(&b->m, FIELD_VLAN_PCP) && !match_has(&b->m, FIELD_VLAN_VID))
        match_set_masked(&b->m, FIELD_VLAN_VID, value_of(OFPVID_PRESENT), value_of(OFPVID_PRESENT));
    for (int id = 0; id < FIELD_N && !err; id++)
        if (b->key[id].p)
            err = check_field(b, (enum field_id)id);
    return err;
}

int match_text_parse(struct match *out, struct span text, const struct port_names *names,
                     int (*other)(void *arg, const struct word *w, struct errbuf *e), void *arg, struct errbuf *e)
{
    struct builder b;
    struct word w;
    int got, took;

    memset(&b, 0, sizeof b);
    b.names = names;
    b.e = e;
    for (enum round round = 0; round < ROUND_N; round++) {
        struct span rest = text;

        while ((got = word_next(&rest, &w, e)) > 0) {
            if (round_of(&w) != round)
                continue;
            took = add_word(&b, &w);
            if (!took && other)
                took = other(arg, &w, e);
            if (!took)
                took = errbuf_set(e, -EINVAL, "'%.*s' is not a match field or keyword", SPAN_ARG(w.key));
            if (took < 0)
                return took;
        }
        if (got < 0)
            return got;
    }
    got = finish(&b);
    if (!got)
        *out = b.m;
    return got;
}

/* --- writing --- */

/* In which order fields are shown; those that are not here follow in the registry's order. */
static const enum field_id shown_first[] = {
    FIELD_PKT_MARK,    FIELD_CONJ_ID,     FIELD_ACTSET_OUTPUT, FIELD_CT_STATE,    FIELD_CT_ZONE,
    FIELD_CT_MARK,     FIELD_CT_LABEL,    FIELD_CT_NW_SRC,     FIELD_CT_IPV6_SRC, FIELD_CT_NW_DST,
    FIELD_CT_IPV6_DST, FIELD_CT_NW_PROTO, FIELD_CT_TP_SRC,     FIELD_CT_TP_DST,   FIELD_PACKET_TYPE,
};
static const enum field_id shown_after_protocol[] = {
    FIELD_REG0,      FIELD_REG1,         FIELD_REG2,         FIELD_REG3,        FIELD_REG4,          FIELD_REG5,
    FIELD_REG6,      FIELD_REG7,         FIELD_REG8,         FIELD_REG9,        FIELD_REG10,         FIELD_REG11,
    FIELD_REG12,     FIELD_REG13,        FIELD_REG14,        FIELD_REG15,       FIELD_TUNNEL_ID,     FIELD_TUN_SRC,
    FIELD_TUN_DST,   FIELD_TUN_IPV6_SRC, FIELD_TUN_IPV6_DST, FIELD_TUN_GBP_ID,  FIELD_TUN_GBP_FLAGS, FIELD_TUN_FLAGS,
    FIELD_METADATA,  FIELD_IN_PORT,      FIELD_IN_PHY_PORT,  FIELD_VLAN_VID,    FIELD_ETH_SRC,       FIELD_ETH_DST,
    FIELD_ETH_TYPE,  FIELD_IPV4_SRC,     FIELD_IPV4_DST,     FIELD_IPV6_SRC,    FIELD_IPV6_DST,      FIELD_IPV6_FLABEL,
    FIELD_ARP_SPA,   FIELD_ARP_TPA,      FIELD_IP_PROTO,     FIELD_ARP_OP,      FIELD_ARP_SHA,       FIELD_ARP_THA,
    FIELD_IP_DSCP,   FIELD_IP_ECN,       FIELD_IP_TTL,       FIELD_MPLS_LABEL,  FIELD_MPLS_TC,       FIELD_MPLS_TTL,
    FIELD_MPLS_BOS,  FIELD_IP_FRAG,      FIELD_TCP_SRC,      FIELD_TCP_DST,     FIELD_UDP_SRC,       FIELD_UDP_DST,
    FIELD_SCTP_SRC,  FIELD_SCTP_DST,     FIELD_ICMPV4_TYPE,  FIELD_ICMPV4_CODE, FIELD_ICMPV6_TYPE,   FIELD_ICMPV6_CODE,
    FIELD_ND_TARGET, FIELD_ND_SLL,       FIELD_ND_TLL,       FIELD_TCP_FLAGS,
};

struct printer {
    struct str *s;
    const struct port_names *names;
    struct masked_value v[FIELD_N];
    bool has[FIELD_N];
    bool is_begun;
};

static void begin(struct printer *p)
{
    str_add(p->s, p->is_begun ? "," : "");
    p->is_begun = true;
}

static bool is_exact(const struct printer *p, enum field_id id)
{
    struct value ones = field_ones(id);

    return p->has[id] && p->v[id].mask.hi == ones.hi && p->v[id].mask.lo == ones.lo;
}

/* One shorthand for Ethernet type and IP protocol, where there is one. */
static void print_protocol(struct printer *p)
{
    if (!is_exact(p, FIELD_ETH_TYPE))
        return;
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        const struct protocol *proto = &protocols[i];

        if (p->v[FIELD_ETH_TYPE].value.lo != proto->eth_type)
            continue;
        if (proto->ip_proto != ANY_PROTO &&
            (!is_exact(p, FIELD_IP_PROTO) || p->v[FIELD_IP_PROTO].value.lo != (uint64_t)proto->ip_proto))
            continue;
        begin(p);
        str_add(p->s, proto->name);
        p->has[FIELD_ETH_TYPE] = false;
        if (proto->ip_proto != ANY_PROTO)
            p->has[FIELD_IP_PROTO] = false;
        return;
    }
}

/* The tag, in one or two of the forms dl_vlan, dl_vlan_pcp and vlan_tci. */
static void print_vlan(struct printer *p)
{
    uint64_t vid = p->v[FIELD_VLAN_VID].value.lo, vid_mask = p->v[FIELD_VLAN_VID].mask.lo;
    uint64_t pcp = p->v[FIELD_VLAN_PCP].value.lo, pcp_mask = p->has[FIELD_VLAN_PCP] ? p->v[FIELD_VLAN_PCP].mask.lo : 0;
    uint64_t id_mask = vid_mask & 0xfff;

    p->has[FIELD_VLAN_PCP] = false;
    begin(p);
    if (!(vid & OFPVID_PRESENT) || (id_mask && id_mask != 0xfff) || (pcp_mask && pcp_mask != 7) ||
        !(id_mask | pcp_mask)) {
        str_printf(p->s, "vlan_tci=0x%04" PRIx64 "/0x%04" PRIx64, vid | pcp << 13, vid_mask | pcp_mask << 13);
        return;
    }
    if (id_mask)
        str_printf(p->s, "dl_vlan=%" PRIu64 "%s", vid & 0xfff, pcp_mask ? "," : "");
    if (pcp_mask)
        str_printf(p->s, "dl_vlan_pcp=%" PRIu64, pcp);
}

/* All five digits; set_field shows no more than there are. */
static void print_flow_label(struct str *s, struct masked_value v)
{
    str_printf(s, "0x%05" PRIx64, v.value.lo);
    if (v.mask.lo != field_ones(FIELD_IPV6_FLABEL).lo)
        str_printf(s, "/0x%05" PRIx64, v.mask.lo);
}

static void print_field(struct printer *p, enum field_id id)
{
    if (!p->has[id])
        return;
    p->has[id] = false;
    if (id == FIELD_VLAN_VID) {
        print_vlan(p);
        return;
    }
    begin(p);
    if (id == FIELD_IP_DSCP && p->v[id].mask.lo == field_ones(id).lo) {
        str_printf(p->s, "nw_tos=%" PRIu64, p->v[id].value.lo << 2);
        return;
    }
    str_printf(p->s, "%s=", name_in_match(id));
    if (id == FIELD_IPV6_FLABEL) {
        print_flow_label(p->s, p->v[id]);
        return;
    }
    value_text_print(p->s, id, p->v[id], p->names);
}

void match_text_print(struct str *s, const struct ofp_match *m, const struct port_names *names)
{
    struct printer p;

    memset(&p, 0, sizeof p);
    p.s = s;
    p.names = names;
    for (size_t i = 0; i < m->n_oxms; i++) {
        const struct ofp_oxm *o = &m->oxms[i];
        struct masked_value v;

        if (o->field == FIELD_NONE)
            continue;
        v = (struct masked_value){ o->value, o->has_mask ? o->mask : field_ones(o->field) };
        p.v[o->field] = v;
        p.has[o->field] = v.mask.hi || v.mask.lo;
    }
    for (size_t i = 0; i < sizeof shown_first / sizeof *shown_first; i++)
        print_field(&p, shown_first[i]);
    print_protocol(&p);
    for (size_t i = 0; i < sizeof shown_after_protocol / sizeof *shown_after_protocol; i++)
        print_field(&p, shown_after_protocol[i]);
    for (int id = 0; id < FIELD_N; id++)
        print_field(&p, (enum field_id)id);
    for (size_t i = 0; i < m->n_oxms; i++)
        if (m->oxms[i].field == FIELD_NONE) {
            begin(&p);
            ofp_oxm_print(s, &m->oxms[i]);
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* ct_text.c - the action ct as text: ct(commit,table=1,zone=5,nat(src=192.0.2.1-192.0.2.9:1024-2047),exec(...),alg=ftp),
 * and in place of nat, nat64(prefix=64:ff9b::/96,src=192.0.2.1).
 * Spec: ovs-actions(7); nat64: docs/extensions.md.   Thread: any. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/embedded.h"
#include "openflow/action_text_impl.h"
#include "openflow/ct.h"
#include "openflow/subfield.h"
#include "openflow/value_text.h"

static struct errbuf *errors(const struct list *l)
{
    return l->t->e;
}

/* --- nat --- */

static int bad_range(struct list *l, struct span text)
{
    return errbuf_set(errors(l), -EINVAL, "nat: '%.*s' is not ADDRESS[-ADDRESS][:PORT[-PORT]]", SPAN_ARG(text));
}

/* Without brackets. */
static struct span bare(struct span s)
{
    if (s.n > 1 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        return (struct span){ s.p + 1, s.n - 2 };
    return s;
}

static bool read_address(struct span text, uint8_t *family, struct value *out)
{
    struct errbuf unsaid = { 0 };
    struct masked_value v = { 0 };
    struct span s = bare(text);
    bool is_v6 = memchr(s.p, ':', s.n);
    enum field_id id = is_v6 ? FIELD_IPV6_SRC : FIELD_IPV4_SRC;
    struct word w = { .key = span_of("nat"), .value = s, .delim = '=' };
    struct value ones = field_ones(id);

    if (!s.n || value_text_parse(id, &w, NULL, &v, &unsaid) || v.mask.hi != ones.hi || v.mask.lo != ones.lo)
        return false;
    *family = is_v6 ? 6 : 4;
    *out = v.value;
    return true;
}

static int parse_addresses(struct list *l, struct span text, struct ct_nat *out)
{
    struct span rest = text, first;
    uint8_t family = 0;

    out->has_addr_max = span_cut(&rest, '-', &first);
    if (!read_address(first, &out->family, &out->addr_min))
        return bad_range(l, first);
    out->addr_max = out->addr_min;
    if (!out->has_addr_max)
        return 0;
    if (!read_address(rest, &family, &out->addr_max))
        return bad_range(l, rest);
    if (family != out->family)
        return bad_range(l, text);
    if (out->addr_min.hi > out->addr_max.hi ||
        (out->addr_min.hi == out->addr_max.hi && out->addr_min.lo > out->addr_max.lo))
        return errbuf_set(errors(l), -EINVAL, "nat: '%.*s' goes from an address down to another", SPAN_ARG(text));
    return 0;
}

static int parse_ports(struct list *l, struct span text, struct ct_nat *out)
{
    struct span rest = text, first;
    uint64_t min, max;

    out->has_port = true;
    out->has_port_max = span_cut(&rest, '-', &first);
    if (!span_number(first, UINT16_MAX, &min) || !min)
        return bad_range(l, text);
    max = min;
    if (out->has_port_max && (!span_number(rest, UINT16_MAX, &max) || max < min))
        return bad_range(l, text);
    out->port_min = (uint16_t)min;
    out->port_max = (uint16_t)max;
    return 0;
}

/* Where the colon in front of the ports is: the only one of an IPv4 address, the one behind the last bracket of IPv6 ones. */
static size_t ports_at(struct span s)
{
    size_t last = s.n, n_colons = 0, bracket = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ']')
            bracket = i;
        if (s.p[i] == ':') {
            n_colons++;
            last = i;
        }
    }
    if (bracket)
        return last > bracket ? last : s.n;
    return n_colons == 1 ? last : s.n;
}

static int parse_range(struct list *l, struct span text, struct ct_nat *out)
{
    size_t at = ports_at(text);
    struct span addresses = { text.p, at };
    int err = addresses.n ? parse_addresses(l, addresses, out) : 0;

    if (!err && at < text.n)
        err = parse_ports(l, (struct span){ text.p + at + 1, text.n - at - 1 }, out);
    if (!err && !text.n)
        err = bad_range(l, text);
    return err;
}

/* RFC 4787's words: 4.1 for `mapping`, 5 for `filtering`. */
static int parse_behaviour(struct list *l, const struct word *w, struct ct_nat *out)
{
    bool is_mapping = span_is(w->key, "mapping");

    if (span_is(w->value, "endpoint-independent"))
        out->flags |= is_mapping ? CT_NAT_F_MAPPING : CT_NAT_F_FILTERING_ENDPOINT;
    else if (span_is(w->value, "address-dependent") && !is_mapping)
        out->flags |= CT_NAT_F_FILTERING_ADDRESS;
    else if (!span_is(w->value, "address-and-port-dependent"))
        return errbuf_set(errors(l), -EINVAL,
                          "nat: %.*s '%.*s' is none of endpoint-independent, %saddress-and-port-dependent",
                          SPAN_ARG(w->key), SPAN_ARG(w->value), is_mapping ? "" : "address-dependent, ");
    return 0;
}

enum { FILTERINGS = CT_NAT_F_FILTERING_ENDPOINT | CT_NAT_F_FILTERING_ADDRESS };

static int parse_nat_word(struct list *l, const struct word *w, struct ct_nat *out)
{
    static const struct {
        const char *name;
        uint16_t flag;
    } flags[] = { { "persistent", CT_NAT_F_PERSISTENT },
                  { "hash", CT_NAT_F_HASH },
                  { "random", CT_NAT_F_RANDOM },
                  { "mapped", CT_NAT_F_MAPPED } };

    if (span_is(w->key, "src") || span_is(w->key, "dst")) {
        out->flags |= span_is(w->key, "src") ? CT_NAT_F_SRC : CT_NAT_F_DST;
        return w->delim == '=' ? parse_range(l, w->value, out) : 0;
    }
    if (span_is(w->key, "refused") && span_is(w->value, "continue")) {
        out->flags |= CT_NAT_F_GO_ON;
        return 0;
    }
    if (span_is(w->key, "host-limit")) {
        uint64_t n = 0;
        int err = number_parse(w->key, w->value, UINT32_MAX, &n, errors(l));

        out->host_limit = (uint32_t)n;
        return err || n ? err : errbuf_set(errors(l), -EINVAL, "nat: host-limit is 1 at least");
    }
    if ((span_is(w->key, "mapping") || span_is(w->key, "filtering")) && w->delim == '=')
        return parse_behaviour(l, w, out);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (span_is(w->key, flags[i].name) && !w->delim) {
            out->flags |= flags[i].flag;
            return 0;
        }
    return errbuf_set(
        errors(l), -EINVAL,
        "nat: '%.*s' is none of src, dst, persistent, hash, random, mapping, filtering, refused=continue, "
        "host-limit, mapped",
        SPAN_ARG(w->key));
}

static int add_nat(struct list *l, const struct ct_nat *n)
{
    struct ofp_nx_action act = { .subtype = NXAST_NAT };
    const uint8_t *ranges;
    struct wr bytes;
    int err;

    wr_init(&bytes);
    ct_nat_encode(&act.nat, &bytes, n);
    ranges = arena_dup(l->t->arena, bytes.len ? (const void *)bytes.p : "", bytes.len);
    act.nat.ranges = ranges;
    err = bytes.bad || !ranges ? errbuf_set(errors(l), -ENOMEM, "out of memory") : action_list_add_nx(l, act);
    wr_fini(&bytes);
    return err;
}

int parse_nat(struct list *l, const struct word *w, unsigned arg)
{
    struct ct_nat n = { 0 };
    struct span rest = w->value;
    struct word inner;
    int more, err = 0;

    if (w->delim && w->delim != '(')
        return errbuf_set(errors(l), -EINVAL, "nat: its arguments stand in parentheses");
    while (!err && (more = word_next(&rest, &inner, errors(l))) != 0)
        err = more < 0 ? more : parse_nat_word(l, &inner, &n);
    if (err)
        return err;
    if ((n.flags & CT_NAT_F_SRC && n.flags & CT_NAT_F_DST) || (n.flags & CT_NAT_F_HASH && n.flags & CT_NAT_F_RANDOM) ||
        (n.flags && n.flags != CT_NAT_F_MAPPED && !(n.flags & (CT_NAT_F_SRC | CT_NAT_F_DST))))
        return errbuf_set(errors(l), -EINVAL,
                          "nat: '%.*s' needs one of src and dst, and at most one of hash and random",
                          SPAN_ARG(w->value));
    if ((n.flags & CT_NAT_F_MAPPED && n.flags != CT_NAT_F_MAPPED) ||
        (n.flags & FILTERINGS && !(n.flags & CT_NAT_F_MAPPING)) ||
        (n.flags & CT_NAT_F_MAPPING && !(n.flags & CT_NAT_F_SRC && n.family)) ||
        (n.host_limit && !(n.flags & CT_NAT_F_SRC)))
        return errbuf_set(
            errors(l), -EINVAL,
            "nat: '%.*s': mapping needs src with an address, filtering needs mapping, host-limit needs src, and mapped "
            "stands alone",
            SPAN_ARG(w->value));
    return add_nat(l, &n);
}

/* --- nat64 --- */

static int parse_prefix(struct list *l, struct span text, struct ct_nat *out)
{
    struct span rest = text, address;
    uint64_t len = 0;
    uint8_t family = 0;
    bool has_len = span_cut(&rest, '/', &address);

    if (!has_len || !read_address(address, &family, &out->prefix) || family != 6 || !span_number(rest, 128, &len) ||
        !embedded_prefix_is_sound(out->prefix, (unsigned)len))
        return errbuf_set(
            errors(l), -EINVAL,
            "nat64: '%.*s' is no IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits, zero behind and in bits 64 to "
            "71 (RFC 6052)",
            SPAN_ARG(text));
    out->prefix_len = (uint8_t)len;
    return 0;
}

static int parse_nat64_word(struct list *l, const struct word *w, struct ct_nat *out)
{
    if (span_is(w->key, "prefix"))
        return parse_prefix(l, w->value, out);
    if (span_is(w->key, "dst"))
        return errbuf_set(errors(l), -EINVAL, "nat64: 'dst' is what the prefix says; only src is given");
    return parse_nat_word(l, w, out);
}

int parse_nat64(struct list *l, const struct word *w, unsigned arg)
{
    struct ofp_action act = { .type = OFPAT_EXPERIMENTER, .experimenter = { .experimenter = OFPEXP_TRAMA } };
    struct ct_nat n = { 0 };
    struct span rest = w->value;
    struct word inner;
    int more, err = 0;

    if (w->delim && w->delim != '(')
        return errbuf_set(errors(l), -EINVAL, "nat64: its arguments stand in parentheses");
    while (!err && (more = word_next(&rest, &inner, errors(l))) != 0)
        err = more < 0 ? more : parse_nat64_word(l, &inner, &n);
    if (err)
        return err;
    act.experimenter.trama.subtype = TRAMAAST_NAT64;
    act.experimenter.trama.nat64 = ct_nat64_encode(&n);
    if (n.family != 4 || ct_nat64_decode(&n, &act.experimenter.trama.nat64))
        return errbuf_set(
            errors(l), -EINVAL,
            "nat64: '%.*s' needs prefix=IPV6/LEN and src=IPV4[-IPV4][:PORT[-PORT]], at most one of hash and "
            "random, and mapping with filtering",
            SPAN_ARG(w->value));
    return action_list_add(l, act);
}

/* --- ct --- */

/* zone=5, zone=NXM_NX_REG0[0..15] */
static int parse_zone(struct list *l, struct span text, struct ofp_nx_ct *ct)
{
    struct subfield s;
    uint64_t zone;
    int err;

    if (span_number(text, UINT16_MAX, &zone)) {
        ct->zone = (uint16_t)zone;
        return 0;
    }
    err = subfield_text_parse(&s, text, l->t->match ? &l->frame : NULL, errors(l));
    if (err)
        return err;
    if (s.n_bits != 16 || !ct_zone_header(s.field))
        return errbuf_set(errors(l), -EINVAL, "ct: zone '%.*s' is not 16 bits of a field", SPAN_ARG(text));
    ct->zone_src = ct_zone_header(s.field);
    ct->zone = subfield_ofs_nbits(s);
    return 0;
}

static int append(struct list *l, struct ofp_nx_ct *ct, const struct action_list *more)
{
    struct ofp_action *all = arena_calloc(l->t->arena, ct->n_actions + more->n_actions + 1, sizeof *all);

    if (!all)
        return errbuf_set(errors(l), -ENOMEM, "out of memory");
    for (size_t i = 0; i < ct->n_actions; i++)
        all[i] = ct->actions[i];
    for (size_t i = 0; i < more->n_actions; i++)
        all[ct->n_actions + i] = more->actions[i];
    ct->actions = all;
    ct->n_actions += more->n_actions;
    return 0;
}

static int parse_inner(struct list *l, struct ofp_nx_ct *ct, struct span text)
{
    struct action_list inner;
    int err = action_list_parse_inner(&inner, l, text);

    return err ? err : append(l, ct, &inner);
}

static int parse_alg(struct list *l, struct span text, struct ofp_nx_ct *ct)
{
    ct->alg = span_is(text, "ftp") ? CT_ALG_FTP : span_is(text, "tftp") ? CT_ALG_TFTP : CT_ALG_NONE;
    return ct->alg ? 0 : errbuf_set(errors(l), -EINVAL, "ct: alg '%.*s' is neither ftp nor tftp", SPAN_ARG(text));
}

static int parse_ct_word(struct list *l, const struct word *w, struct ofp_nx_ct *ct)
{
    uint64_t v = 0;
    int err = 0;

    if (span_is(w->key, "commit") && !w->delim)
        ct->flags |= NX_CT_F_COMMIT;
    else if (span_is(w->key, "force") && !w->delim)
        ct->flags |= NX_CT_F_FORCE;
    else if (span_is(w->key, "zone"))
        err = parse_zone(l, w->value, ct);
    else if (span_is(w->key, "table")) {
        err = number_parse(w->key, w->value, 254, &v, errors(l));
        ct->recirc_table = (uint8_t)v;
    } else if (span_is(w->key, "alg"))
        err = parse_alg(l, w->value, ct);
    else if (span_is(w->key, "exec"))
        err = parse_inner(l, ct, w->value);
    else if (span_is(w->key, "nat") || span_is(w->key, "nat64"))
        err = parse_inner(
            l, ct, (struct span){ w->key.p, w->delim ? (size_t)(w->value.p + w->value.n + 1 - w->key.p) : w->key.n });
    else
        err = errbuf_set(errors(l), -EINVAL, "ct: '%.*s' is none of commit, force, zone, table, alg, exec, nat, nat64",
                         SPAN_ARG(w->key));
    return err;
}

int parse_ct(struct list *l, const struct word *w, unsigned arg)
{
    struct ofp_nx_action act = { .subtype = NXAST_CT, .ct = { .recirc_table = CT_NO_TABLE } };
    struct span rest = w->value;
    struct word inner;
    int more, err = 0;

    if (w->delim && w->delim != '(')
        return errbuf_set(errors(l), -EINVAL, "ct: its arguments stand in parentheses");
    while (!err && (more = word_next(&rest, &inner, errors(l))) != 0)
        err = more < 0 ? more : parse_ct_word(l, &inner, &act.ct);
    if (!err && act.ct.flags == NX_CT_F_FORCE)
        err = errbuf_set(errors(l), -EINVAL, "ct: force is for commit");
    for (size_t i = 0; !err && i < act.ct.n_actions; i++) {
        uint16_t flags = ct_nat_flags(&act.ct.actions[i]);

        if (flags & CT_NAT_F_GO_ON && act.ct.recirc_table == CT_NO_TABLE)
            err = errbuf_set(errors(l), -EINVAL, "ct: refused=continue needs table");
        else if (flags & (CT_NAT_F_SRC | CT_NAT_F_DST) && !(act.ct.flags & NX_CT_F_COMMIT))
            err = errbuf_set(errors(l), -EINVAL, "ct: a translation with src or dst needs commit");
    }
    return err ? err : action_list_add_nx(l, act);
}

/* --- printing --- */

static void print_address(struct str *s, const struct ct_nat *n, struct value v, bool has_brackets)
{
    enum field_id id = n->family == 4 ? FIELD_IPV4_SRC : FIELD_IPV6_SRC;

    if (has_brackets)
        str_add_char(s, '[');
    value_text_print(s, id, (struct masked_value){ v, field_ones(id) }, NULL);
    if (has_brackets)
        str_add_char(s, ']');
}

/* Addresses, ports, and how they are chosen. */
static void print_range(struct str *s, const struct ct_nat *n)
{
    bool has_brackets = n->family == 6 && n->has_port;

    str_add(s, n->flags & CT_NAT_F_SRC ? "src" : "dst");
    if (n->family || n->has_port)
        str_add_char(s, '=');
    if (n->family)
        print_address(s, n, n->addr_min, has_brackets);
    if (n->has_addr_max) {
        str_add_char(s, '-');
        print_address(s, n, n->addr_max, has_brackets);
    }
    if (n->has_port)
        str_printf(s, ":%" PRIu16, n->port_min);
    if (n->has_port_max)
        str_printf(s, "-%" PRIu16, n->port_max);
    str_add(s, n->flags & CT_NAT_F_PERSISTENT ? ",persistent" : "");
    str_add(s, n->flags & CT_NAT_F_HASH ? ",hash" : n->flags & CT_NAT_F_RANDOM ? ",random" : "");
    str_add(s, n->flags & CT_NAT_F_GO_ON ? ",refused=continue" : "");
    str_add(s, n->flags & CT_NAT_F_MAPPING ? ",mapping=endpoint-independent" : "");
    if (n->flags & FILTERINGS)
        str_printf(s, ",filtering=%s",
                   n->flags & CT_NAT_F_FILTERING_ENDPOINT ? "endpoint-independent" : "address-dependent");
    if (n->host_limit)
        str_printf(s, ",host-limit=%" PRIu32, n->host_limit);
}

void ct_nat_text_print(struct str *s, const struct ofp_nx_nat *in)
{
    struct ct_nat n;

    str_add(s, "nat");
    if (ct_nat_decode(&n, in)) {
        str_add(s, "(invalid)");
        return;
    }
    if (n.flags == CT_NAT_F_MAPPED)
        str_add(s, "(mapped)");
    if (!(n.flags & (CT_NAT_F_SRC | CT_NAT_F_DST)))
        return;
    str_add_char(s, '(');
    print_range(s, &n);
    str_add_char(s, ')');
}

void ct_nat64_text_print(struct str *s, const struct ofp_trama_nat64 *in)
{
    struct ct_nat n;

    if (ct_nat64_decode(&n, in)) {
        str_add(s, "nat64(invalid)");
        return;
    }
    str_add(s, "nat64(prefix=");
    value_text_print(s, FIELD_IPV6_DST, (struct masked_value){ n.prefix, field_ones(FIELD_IPV6_DST) }, NULL);
    str_printf(s, "/%u,", (unsigned)n.prefix_len);
    print_range(s, &n);
    str_add_char(s, ')');
}

bool ct_text_print(struct str *s, const struct ofp_nx_ct *ct, const struct port_names *names)
{
    size_t n_exec = 0;
    struct subfield zone;
    const char *comma = "";

    if (ct_zone_field(ct, &zone) && zone.field == FIELD_NONE)
        return false;
    str_add(s, "ct(");
    if (ct->flags & NX_CT_F_COMMIT) {
        str_add(s, "commit");
        comma = ",";
    }
    if (ct->flags & NX_CT_F_FORCE) {
        str_printf(s, "%sforce", comma);
        comma = ",";
    }
    if (ct->recirc_table != CT_NO_TABLE) {
        str_printf(s, "%stable=%u", comma, (unsigned)ct->recirc_table);
        comma = ",";
    }
    if (ct_zone_field(ct, &zone)) {
        str_printf(s, "%szone=", comma);
        subfield_text_print(s, zone);
        comma = ",";
    } else if (ct->zone) {
        str_printf(s, "%szone=%" PRIu16, comma, ct->zone);
        comma = ",";
    }
    for (size_t i = 0; i < ct->n_actions; i++) {
        n_exec += ct_nat_kind(&ct->actions[i]) == CT_NAT_NONE;
        if (ct_nat_kind(&ct->actions[i]) == CT_NAT_NONE)
            continue;
        str_add(s, comma);
        actions_text_print(s, &ct->actions[i], 1, names);
        comma = ",";
    }
    if (n_exec) {
        str_printf(s, "%sexec(", comma);
        comma = "";
        for (size_t i = 0; i < ct->n_actions; i++)
            if (ct_nat_kind(&ct->actions[i]) == CT_NAT_NONE) {
                str_add(s, comma);
                actions_text_print(s, &ct->actions[i], 1, names);
                comma = ",";
            }
        str_add_char(s, ')');
        comma = ",";
    }
    if (ct->alg)
        str_printf(s, "%salg=%s", comma, ct->alg == CT_ALG_FTP ? "ftp" : "tftp");
    str_add_char(s, ')');
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* subfield.c - see subfield.h. */
#include "openflow/subfield.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/match.h"
#include "base/str.h"
#include "openflow/match_text.h"
#include "openflow/oxm.h"

/* What NXM calls otherwise than the registry. */
static const struct {
    enum field_id id;
    const char *name;
} others[] = {
    { FIELD_IN_PORT16, "IN_PORT" },     { FIELD_IPV4_SRC, "IP_SRC" },       { FIELD_IPV4_DST, "IP_DST" },
    { FIELD_ICMPV4_TYPE, "ICMP_TYPE" }, { FIELD_ICMPV4_CODE, "ICMP_CODE" }, { FIELD_TUNNEL_ID, "TUN_ID" },
    { FIELD_TUN_SRC, "TUN_IPV4_SRC" },  { FIELD_TUN_DST, "TUN_IPV4_DST" },  { FIELD_IPV6_FLABEL, "IPV6_LABEL" },
    { FIELD_XREG0, "PKT_REG0" },        { FIELD_XREG1, "PKT_REG1" },        { FIELD_XREG2, "PKT_REG2" },
    { FIELD_XREG3, "PKT_REG3" },        { FIELD_XREG4, "PKT_REG4" },        { FIELD_XREG5, "PKT_REG5" },
    { FIELD_XREG6, "PKT_REG6" },        { FIELD_XREG7, "PKT_REG7" },
};

static const char *const prefixes[] = { "NXM_OF_", "NXM_NX_", "OXM_OF_", "ONFOXM_ET_" };
enum prefix { NXM_OF, NXM_NX, OXM_OF, ONFOXM_ET, PREFIXES };

static const char *nxm_name(enum field_id id)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].id == id)
            return others[i].name;
    return field_table[id].name;
}

static enum prefix prefix_of(enum field_id id)
{
    uint16_t oxm_class = OXM_CLASS_BASIC;
    uint8_t number;

    (void)ofp_nxm_number(id, &oxm_class, &number);
    return oxm_class == OXM_CLASS_NXM0           ? NXM_OF
           : oxm_class == OXM_CLASS_NXM1         ? NXM_NX
           : oxm_class == OXM_CLASS_EXPERIMENTER ? ONFOXM_ET
                                                 : OXM_OF;
}

/* The field that a name with one of the prefixes means. */
static enum field_id find_prefixed(struct span s, enum prefix prefix)
{
    uint16_t oxm_class;
    uint8_t number;

    for (int i = 0; i < FIELD_N; i++) {
        enum field_id id = (enum field_id)i;

        if (!ofp_nxm_number(id, &oxm_class, &number))
            continue;
        if (prefix == prefix_of(id) && span_is_nocase(s, nxm_name(id)))
            return id;
        if (prefix >= OXM_OF && span_is_nocase(s, field_table[id].name))
            return id;
    }
    return FIELD_NONE;
}

static enum field_id find_field(struct span s, const struct match *m)
{
    static const struct match any;

    for (unsigned i = 0; i < PREFIXES; i++) {
        size_t n = strlen(prefixes[i]);

        if (s.n > n && !memcmp(s.p, prefixes[i], n))
            return find_prefixed((struct span){ s.p + n, s.n - n }, (enum prefix)i);
    }
    if (span_is(s, "in_port"))
        return FIELD_IN_PORT16;
    if (span_is(s, "in_port_oxm"))
        return FIELD_IN_PORT;
    if (span_is(s, "vlan_tci"))
        return FIELD_VLAN_TCI;
    if (span_is(s, "nw_tos"))
        return FIELD_IP_TOS;
    return match_text_field(m ? m : &any, s);
}

/* "[]", "[N]" or "[FROM..TO]" of a field. */
static bool parse_bits(struct span s, struct subfield *f)
{
    uint64_t from, to;
    struct span head;

    if (!s.n) {
        *f = (struct subfield){ f->field, 0, field_table[f->field].bits };
        return true;
    }
    if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return false;
    s = (struct span){ s.p + 1, s.n - 2 };
    if (!s.n)
        return parse_bits(s, f);
    if (!span_cut(&s, '.', &head))
        s = head;
    else if (s.n && *s.p == '.')
        s = (struct span){ s.p + 1, s.n - 1 };
    else
        return false;
    if (!span_number(head, 127, &from) || !span_number(s, 127, &to) || to < from || to >= field_table[f->field].bits)
        return false;
    *f = (struct subfield){ f->field, (uint16_t)from, (uint16_t)(to - from + 1) };
    return true;
}

int subfield_text_parse(struct subfield *out, struct span s, const struct match *m, struct errbuf *e)
{
    struct span name = s, bits = { .p = s.p + s.n };
    const char *at = s.n ? memchr(s.p, '[', s.n) : NULL;
    struct subfield f;

    if (at) {
        name.n = (size_t)(at - s.p);
        bits = (struct span){ at, s.n - name.n };
    }
    f.field = find_field(name, m);
    if (f.field == FIELD_NONE)
        return errbuf_set(e, -EINVAL, "'%.*s' is not a field", SPAN_ARG(name));
    if (!parse_bits(bits, &f))
        return errbuf_set(e, -EINVAL, "%.*s: '%.*s' are not bits of a field that has %u", SPAN_ARG(name),
                          SPAN_ARG(bits), field_table[f.field].bits);
    *out = f;
    return 0;
}

void subfield_text_print(struct str *s, struct subfield f)
{
    unsigned bits = f.field == FIELD_VLAN_VID ? 12 : field_table[f.field].bits;

    str_add(s, prefixes[prefix_of(f.field)]);
    for (const char *p = nxm_name(f.field); *p; p++)
        str_add_char(s, *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p);
    if (!f.ofs && f.n_bits == bits)
        str_add(s, "[]");
    else if (f.n_bits == 1)
        str_printf(s, "[%u]", f.ofs);
    else
        str_printf(s, "[%u..%u]", f.ofs, f.ofs + f.n_bits - 1);
}

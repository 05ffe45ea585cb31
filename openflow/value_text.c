/* SPDX-License-Identifier: Apache-2.0 */
/* value_text.c - see value_text.h. */
#include "openflow/value_text.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/str.h"

/* OpenFlow 1.3.5, 7.2.1, enum ofp_port_no. */
static const struct {
    const char *name;
    uint32_t number;
} reserved_ports[] = {
    { "IN_PORT", 0xfffffff8 }, { "TABLE", 0xfffffff9 }, { "NORMAL", 0xfffffffa },
    { "FLOOD", 0xfffffffb },   { "ALL", 0xfffffffc },   { "CONTROLLER", 0xfffffffd },
    { "LOCAL", 0xfffffffe },   { "ANY", 0xffffffff },   { "NONE", 0xffffffff },
};

bool port_text_parse(struct span s, const struct port_names *names, uint32_t *number)
{
    uint64_t v;

    if (span_number(s, UINT32_MAX, &v)) {
        *number = (uint32_t)v;
        return true;
    }
    for (size_t i = 0; i < sizeof reserved_ports / sizeof *reserved_ports; i++)
        if (span_is_nocase(s, reserved_ports[i].name)) {
            *number = reserved_ports[i].number;
            return true;
        }
    if (s.n > 1 && *s.p == '"' && s.p[s.n - 1] == '"')
        s = (struct span){ s.p + 1, s.n - 2 };
    return s.n && names && names->find && names->find(names->arg, s.p, s.n, number);
}

/* A name that reads as something else, or that would end the word, is better shown as its number. */
static bool is_plain_name(const char *name)
{
    uint32_t number;

    return *name && !name[strcspn(name, " \t\r\n,=:()[]/\"'>")] && !port_text_parse(span_of(name), NULL, &number);
}

void port_text_print(struct str *s, uint32_t number, const struct port_names *names)
{
    for (size_t i = 0; i < sizeof reserved_ports / sizeof *reserved_ports; i++)
        if (reserved_ports[i].number == number) {
            str_add(s, reserved_ports[i].name);
            return;
        }

    const char *name = names && names->name ? names->name(names->arg, number) : NULL;

    if (name && is_plain_name(name))
        str_add(s, name);
    else
        str_printf(s, "%" PRIu32, number);
}

bool eth_text_parse(struct span s, uint64_t *out)
{
    uint64_t v = 0, byte;
    struct span part;
    char hex[5];

    for (int i = 0; i < 6; i++) {
        if (span_cut(&s, ':', &part) != (i < 5) || part.n < 1 || part.n > 2)
            return false;
        hex[0] = '0';
        hex[1] = 'x';
        memcpy(hex + 2, part.p, part.n);
        if (!span_number((struct span){ hex, part.n + 2 }, 0xff, &byte))
            return false;
        v = v << 8 | byte;
    }
    *out = v;
    return true;
}

static bool address_parse(struct span s, int family, uint8_t *bytes)
{
    char text[INET6_ADDRSTRLEN];

    if (s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(family, text, bytes) == 1;
}

bool ipv4_text_parse(struct span s, uint32_t *out)
{
    uint8_t bytes[4];

    if (!address_parse(s, AF_INET, bytes))
        return false;
    *out = be32_load(bytes);
    return true;
}

bool ipv6_text_parse(struct span s, struct value *out)
{
    uint8_t bytes[16];

    if (!address_parse(s, AF_INET6, bytes))
        return false;
    *out = (struct value){ .hi = be64_load(bytes), .lo = be64_load(bytes + 8) };
    return true;
}

static const char *const frag_name[] = { "no", "yes", "first", "later", "not_later" };
static const struct masked_value frag_value[] = {
    { { .lo = 0 }, { .lo = 3 } }, { { .lo = 1 }, { .lo = 1 } }, { { .lo = 1 }, { .lo = 3 } },
    { { .lo = 3 }, { .lo = 3 } }, { { .lo = 0 }, { .lo = 2 } },
};
static_assert(sizeof frag_name / sizeof *frag_name == sizeof frag_value / sizeof *frag_value,
              "one value for each name");

static const char *const tcp_flag_name[64] = { "fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns" };
static const char *const ct_flag_name[64] = { "new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat" };

static const char *const *flag_names(enum field_id id)
{
    switch (field_table[id].form) {
    case FORM_TCPFLAGS:
        return tcp_flag_name;
    case FORM_CTSTATE:
        return ct_flag_name;
    case FORM_DEC:
    case FORM_HEX:
    case FORM_ETH:
    case FORM_IPV4:
    case FORM_IPV6:
    case FORM_PORT:
    case FORM_VLAN:
    case FORM_FRAG:
    case FORM_PACKETTYPE:
    case FORM_BE64:
    case FORM_N:
        break;
    }
    return NULL;
}

/* What the field is compared under when no mask is said: for connection states, the flags that there are. */
static struct value whole_mask(enum field_id id)
{
    return field_table[id].form == FORM_CTSTATE ? value_of(0xff) : field_ones(id);
}

static bool find_flag(const char *const *names, struct span s, uint64_t *bit)
{
    for (unsigned i = 0; i < 64; i++)
        if (names[i] && span_is(s, names[i])) {
            *bit = UINT64_C(1) << i;
            return true;
        }
    return false;
}

/* "+syn-ack": these set, those clear, the others whatever they are. */
static bool parse_signed_flags(const char *const *names, struct span s, struct masked_value *out)
{
    struct masked_value v = { 0 };

    while (s.n) {
        bool is_set = *s.p == '+';
        struct span word = { s.p + 1, 0 };
        uint64_t bit;

        if (!is_set && *s.p != '-')
            return false;
        while (word.n + 1 < s.n && word.p[word.n] != '+' && word.p[word.n] != '-')
            word.n++;
        if (!find_flag(names, word, &bit) || v.mask.lo & bit)
            return false;
        v.mask.lo |= bit;
        v.value.lo |= is_set ? bit : 0;
        s = (struct span){ word.p + word.n, s.n - 1 - word.n };
    }
    *out = v;
    return true;
}

/* "syn|ack": exactly these; "[400]" is a bit without a name. */
static bool parse_flag_list(enum field_id id, struct span s, struct masked_value *out)
{
    const char *const *names = flag_names(id);
    struct masked_value v = { .mask = whole_mask(id) };
    struct span part;
    bool has_more;

    do {
        uint64_t bit;
        struct value unnamed;

        has_more = span_cut(&s, '|', &part);
        if (part.n > 2 && part.n < 12 && *part.p == '[' && part.p[part.n - 1] == ']') {
            char hex[16] = "0x";

            memcpy(hex + 2, part.p + 1, part.n - 2);
            if (!span_number128((struct span){ hex, part.n }, v.mask, &unnamed))
                return false;
            bit = unnamed.lo;
        } else if (!find_flag(names, part, &bit)) {
            return false;
        }
        v.value.lo |= bit;
    } while (has_more);
    *out = v;
    return true;
}

/* Names that stand for value and mask at once. */
static bool parse_named(enum field_id id, struct span s, struct masked_value *out)
{
    if (field_table[id].form == FORM_FRAG) {
        for (size_t i = 0; i < sizeof frag_name / sizeof *frag_name; i++)
            if (span_is(s, frag_name[i])) {
                *out = frag_value[i];
                return true;
            }
        return false;
    }
    if (!flag_names(id) || !s.n)
        return false;
    if (*s.p == '+' || *s.p == '-')
        return parse_signed_flags(flag_names(id), s, out);
    return parse_flag_list(id, s, out);
}

/* "(NAMESPACE,TYPE)" */
static bool parse_packet_type(struct span s, struct value *out)
{
    struct span ns;
    uint64_t hi, lo;

    if (s.n < 2 || *s.p != '(' || s.p[s.n - 1] != ')')
        return false;
    s = (struct span){ s.p + 1, s.n - 2 };
    if (!span_cut(&s, ',', &ns) || !span_number(ns, UINT16_MAX, &hi) || !span_number(s, UINT16_MAX, &lo))
        return false;
    *out = value_of(hi << 16 | lo);
    return true;
}

/* One value, or one mask, in the field's own form. */
static bool parse_plain(enum field_id id, struct span s, const struct port_names *names, struct value *out)
{
    uint32_t u32;

    *out = (struct value){ 0 };
    switch (field_table[id].form) {
    case FORM_ETH:
        return eth_text_parse(s, &out->lo);
    case FORM_IPV4:
        if (!ipv4_text_parse(s, &u32))
            return false;
        out->lo = u32;
        return true;
    case FORM_IPV6:
        return ipv6_text_parse(s, out);
    case FORM_PORT:
        if (!port_text_parse(s, names, &u32))
            return false;
        out->lo = u32;
        return true;
    case FORM_PACKETTYPE:
        if (parse_packet_type(s, out))
            return true;
        return span_number128(s, field_ones(id), out);
    case FORM_DEC:
    case FORM_HEX:
    case FORM_VLAN:
    case FORM_FRAG:
    case FORM_TCPFLAGS:
    case FORM_CTSTATE:
    case FORM_BE64:
    case FORM_N:
        break;
    }
    return span_number128(s, field_ones(id), out);
}

static struct value prefix_mask(unsigned bits, unsigned len)
{
    struct value v = { 0 };

    for (unsigned i = bits - len; i < bits; i++) {
        if (i < 64)
            v.lo |= UINT64_C(1) << i;
        else
            v.hi |= UINT64_C(1) << (i - 64);
    }
    return v;
}

static bool parse_mask(enum field_id id, struct span s, struct value *out)
{
    const struct field_info *f = &field_table[id];
    uint64_t len;

    if (span_is(s, "-1")) {
        *out = field_ones(id);
        return true;
    }
    if ((f->form == FORM_IPV4 || f->form == FORM_IPV6) && span_number(s, f->bits, &len)) {
        *out = prefix_mask(f->bits, (unsigned)len);
        return true;
    }
    if (f->form == FORM_PORT)
        return span_number128(s, field_ones(id), out);
    return parse_plain(id, s, NULL, out);
}

/* What a good value looks like, for the sentence. */
static const char *const form_hint[] = {
    [FORM_DEC] = "a number",
    [FORM_HEX] = "a number",
    [FORM_ETH] = "an Ethernet address",
    [FORM_IPV4] = "an IPv4 address",
    [FORM_IPV6] = "an IPv6 address",
    [FORM_PORT] = "a port number or name",
    [FORM_VLAN] = "a number",
    [FORM_FRAG] = "a kind of fragment (no, yes, first, later, not_later)",
    [FORM_TCPFLAGS] = "a set of TCP flags (such as +syn-ack)",
    [FORM_PACKETTYPE] = "a packet type (such as (1,0x800))",
    [FORM_CTSTATE] = "a connection state (such as +trk-new)",
    [FORM_BE64] = "a number",
};
static_assert(sizeof form_hint / sizeof *form_hint == FORM_N, "a hint for every form");

static int bad_value(enum field_id id, const struct word *w, bool has_mask, struct errbuf *e)
{
    const struct field_info *f = &field_table[id];
    uint64_t any;

    if (!w->value.n)
        return errbuf_set(e, -EINVAL, "%.*s needs a value", SPAN_ARG(w->key));
    if (f->bits < 64 && span_number(w->value, UINT64_MAX, &any) && any > field_ones(id).lo)
        return errbuf_set(e, -EINVAL, "%.*s: '%.*s' is more than its %u bits hold", SPAN_ARG(w->key),
                          SPAN_ARG(w->value), f->bits);
    return errbuf_set(e, -EINVAL, "%.*s: '%.*s' is not %s%s", SPAN_ARG(w->key), SPAN_ARG(w->value),
                      has_mask ? "value and mask of " : "", form_hint[f->form]);
}

int value_text_parse(enum field_id id, const struct word *w, const struct port_names *names, struct masked_value *out,
                     struct errbuf *e)
{
    struct span rest = w->value, value;
    struct masked_value v = { .mask = field_ones(id) };
    bool has_mask;

    if (parse_named(id, w->value, out))
        return 0;
    has_mask = span_cut(&rest, '/', &value);
    if (!parse_plain(id, value, names, &v.value))
        return bad_value(id, w, false, e);
    if (has_mask && !parse_mask(id, rest, &v.mask))
        return bad_value(id, w, true, e);
    if (!has_mask && !(v.value.lo & ~whole_mask(id).lo))
        v.mask = whole_mask(id);
    v.value.hi &= v.mask.hi;
    v.value.lo &= v.mask.lo;
    *out = v;
    return 0;
}

/* The length of a prefix mask, or -1. */
static int prefix_len(struct value mask, unsigned bits)
{
    int n = __builtin_popcountll(mask.hi) + __builtin_popcountll(mask.lo);
    struct value prefix = prefix_mask(bits, (unsigned)n);

    return prefix.hi == mask.hi && prefix.lo == mask.lo ? n : -1;
}

static void print_eth(struct str *s, uint64_t v)
{
    for (int i = 40; i >= 0; i -= 8)
        str_printf(s, "%02x%s", (unsigned)(v >> i & 0xff), i ? ":" : "");
}

static void print_ip(struct str *s, enum field_form form, struct value v)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t bytes[16];

    if (form == FORM_IPV4) {
        be32_store(bytes, (uint32_t)v.lo);
        str_add(s, inet_ntop(AF_INET, bytes, text, sizeof text));
        return;
    }
    be64_store(bytes, v.hi);
    be64_store(bytes + 8, v.lo);
    str_add(s, inet_ntop(AF_INET6, bytes, text, sizeof text));
}

static void print_hex(struct str *s, enum field_id id, struct value v)
{
    if (v.hi)
        str_printf(s, "0x%" PRIx64 "%016" PRIx64, v.hi, v.lo);
    else if (id == FIELD_ETH_TYPE)
        str_printf(s, "0x%04" PRIx64, v.lo);
    else
        str_printf(s, "%#" PRIx64, v.lo); /* zero is "0" */
}

static void print_flags(struct str *s, enum field_id id, struct masked_value v)
{
    const char *const *names = flag_names(id);
    bool is_full = v.mask.lo == whole_mask(id).lo, is_first = true;

    if (is_full && !v.value.lo)
        str_add(s, "0");
    for (unsigned i = 0; i < field_table[id].bits; i++) {
        uint64_t bit = UINT64_C(1) << i;

        if (!is_full && v.mask.lo & bit) {
            str_printf(s, "%c%s", v.value.lo & bit ? '+' : '-', names[i]);
        } else if (is_full && v.value.lo & bit) {
            str_add(s, is_first ? "" : "|");
            if (names[i])
                str_add(s, names[i]);
            else
                str_printf(s, "[%" PRIx64 "]", bit);
            is_first = false;
        }
    }
}

static bool can_print_flags(enum field_id id, struct masked_value v)
{
    const char *const *names = flag_names(id);

    if (!names || !v.mask.lo)
        return false;
    if (v.mask.lo == whole_mask(id).lo)
        return true;
    for (unsigned i = 0; i < 64; i++)
        if (v.mask.lo >> i & 1 && !names[i])
            return false;
    return true;
}

static void print_plain(struct str *s, enum field_id id, struct value v, const struct port_names *names)
{
    enum field_form form = field_table[id].form;

    switch (form) {
    case FORM_ETH:
        print_eth(s, v.lo);
        return;
    case FORM_IPV4:
    case FORM_IPV6:
        print_ip(s, form, v);
        return;
    case FORM_PORT:
        port_text_print(s, (uint32_t)v.lo, names);
        return;
    case FORM_PACKETTYPE:
        str_printf(s, "(%u,0x%x)", (unsigned)(v.lo >> 16), (unsigned)(v.lo & 0xffff));
        return;
    case FORM_DEC:
    case FORM_VLAN:
        str_printf(s, "%" PRIu64, v.lo);
        return;
    case FORM_HEX:
    case FORM_FRAG:
    case FORM_TCPFLAGS:
    case FORM_CTSTATE:
    case FORM_BE64:
    case FORM_N:
        break;
    }
    print_hex(s, id, v);
}

void value_text_print(struct str *s, enum field_id id, struct masked_value v, const struct port_names *names)
{
    const struct field_info *f = &field_table[id];
    struct value ones = field_ones(id);
    int len;

    if (f->form == FORM_FRAG)
        for (size_t i = 0; i < sizeof frag_name / sizeof *frag_name; i++)
            if (v.value.lo == frag_value[i].value.lo && v.mask.lo == frag_value[i].mask.lo) {
                str_add(s, frag_name[i]);
                return;
            }
    if (can_print_flags(id, v)) {
        print_flags(s, id, v);
        return;
    }
    if (v.mask.hi == ones.hi && v.mask.lo == ones.lo && v.mask.lo == whole_mask(id).lo) {
        print_plain(s, id, v.value, names);
        return;
    }
    if (f->form == FORM_IPV4 || f->form == FORM_IPV6) {
        print_ip(s, f->form, v.value);
        str_add_char(s, '/');
        len = prefix_len(v.mask, f->bits);
        if (len >= 0)
            str_printf(s, "%d", len);
        else
            print_ip(s, f->form, v.mask);
    } else if (f->form == FORM_ETH) {
        print_eth(s, v.value.lo);
        str_add_char(s, '/');
        print_eth(s, v.mask.lo);
    } else {
        print_hex(s, id, v.value);
        str_add_char(s, '/');
        print_hex(s, id, v.mask);
    }
}

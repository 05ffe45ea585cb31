/* SPDX-License-Identifier: Apache-2.0 */
/* print.c - values as text, for logs and for ofp_print().  The form of a field is the registry's. */
#include "openflow/print.h"

#include <arpa/inet.h>
#include <inttypes.h>

enum { BYTES_SHOWN = 128 };

void print_mac(struct str *s, const uint8_t mac[6])
{
    str_printf(s, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

void print_text(struct str *s, const char *text)
{
    str_add_char(s, '"');
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < ' ' || c > '~' || c == '"' || c == '\\')
            str_printf(s, "\\x%02x", c);
        else
            str_add_char(s, (char)c);
    }
    str_add_char(s, '"');
}

void print_bytes(struct str *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n && i < BYTES_SHOWN; i++)
        str_printf(s, "%02x", p[i]);
    if (n > BYTES_SHOWN)
        str_printf(s, "... (%zu bytes)", n);
}

static void print_ipv6(struct str *s, struct value v)
{
    uint8_t raw[16];
    char text[INET6_ADDRSTRLEN];

    be64_store(raw, v.hi);
    be64_store(raw + 8, v.lo);
    str_add(s, inet_ntop(AF_INET6, raw, text, sizeof text));
}

/* One number in the form of a field. */
static void print_form(struct str *s, enum field_form form, unsigned bits, struct value v)
{
    switch (form) {
    case FORM_ETH:
        str_printf(s, "%02x:%02x:%02x:%02x:%02x:%02x", (uint8_t)(v.lo >> 40), (uint8_t)(v.lo >> 32),
                   (uint8_t)(v.lo >> 24), (uint8_t)(v.lo >> 16), (uint8_t)(v.lo >> 8), (uint8_t)v.lo);
        return;
    case FORM_IPV4:
        str_printf(s, "%u.%u.%u.%u", (uint8_t)(v.lo >> 24), (uint8_t)(v.lo >> 16), (uint8_t)(v.lo >> 8), (uint8_t)v.lo);
        return;
    case FORM_IPV6:
        print_ipv6(s, v);
        return;
    case FORM_PORT:
        ofp_enum_print(s, &ofp_port_no_names, (uint32_t)v.lo);
        return;
    case FORM_DEC:
        str_printf(s, "%" PRIu64, v.lo);
        return;
    default:
        break;
    }
    if (bits > 64 && v.hi)
        str_printf(s, "%#" PRIx64 "%016" PRIx64, v.hi, v.lo);
    else
        str_printf(s, v.lo ? "%#" PRIx64 : "%" PRIx64, v.lo);
}

void ofp_field_print(struct str *s, enum field_id field, struct value value, struct value mask)
{
    const struct field_info *f = &field_table[field];
    struct value ones = field_ones(field);
    bool is_address = f->form == FORM_ETH || f->form == FORM_IPV4 || f->form == FORM_IPV6;

    print_form(s, f->form, f->bits, value);
    if (mask.hi == ones.hi && mask.lo == ones.lo)
        return;
    str_add_char(s, '/');
    print_form(s, is_address ? f->form : FORM_HEX, f->bits, mask);
}

void ofp_oxm_print(struct str *s, const struct ofp_oxm *oxm)
{
    if (oxm->field != FIELD_NONE) {
        str_printf(s, "%s=", field_table[oxm->field].name);
        ofp_field_print(s, oxm->field, oxm->value, oxm->mask);
        return;
    }
    str_printf(s, "oxm(%#x:%u%s", oxm->oxm_class, oxm->oxm_field, oxm->has_mask ? ",masked" : "");
    if (oxm->oxm_class == OXM_CLASS_EXPERIMENTER)
        str_printf(s, ",experimenter=%#" PRIx32, oxm->experimenter);
    str_add(s, ")=");
    print_bytes(s, oxm->raw, oxm->n_raw);
}

void ofp_oxm_id_print(struct str *s, const struct ofp_oxm_id *id)
{
    if (id->field != FIELD_NONE)
        str_add(s, field_table[id->field].name);
    else if (id->oxm_class == OXM_CLASS_EXPERIMENTER)
        str_printf(s, "oxm(%#x:%u,experimenter=%#" PRIx32 ",length=%u)", id->oxm_class, id->oxm_field, id->experimenter,
                   id->length);
    else
        str_printf(s, "oxm(%#x:%u,length=%u)", id->oxm_class, id->oxm_field, id->length);
    if (id->has_mask)
        str_add(s, "/mask");
}

void ofp_match_print(struct str *s, const struct ofp_match *m)
{
    str_add_char(s, '{');
    for (size_t i = 0; i < m->n_oxms; i++) {
        if (i)
            str_add_char(s, ',');
        ofp_oxm_print(s, &m->oxms[i]);
    }
    str_add_char(s, '}');
}

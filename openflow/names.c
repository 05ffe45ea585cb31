/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - looks up the generated tables of names. */
#include "openflow/names.h"

#include "openflow/ofp_gen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *ofp_enum_name(const struct ofp_enum *e, uint32_t value)
{
    for (size_t i = 0; i < e->n_values; i++)
        if (e->values[i].value == value)
            return e->values[i].name;
    return NULL;
}

bool ofp_enum_has(const struct ofp_enum *e, uint32_t value)
{
    return ofp_enum_name(e, value) != NULL;
}

bool ofp_enum_find(const struct ofp_enum *e, const char *name, size_t len, uint32_t *value)
{
    for (size_t i = 0; i < e->n_values; i++) {
        if (strlen(e->values[i].name) == len && !strncasecmp(e->values[i].name, name, len)) {
            *value = e->values[i].value;
            return true;
        }
    }
    return false;
}

static void print_set(struct str *s, const struct ofp_enum *e, uint32_t value)
{
    const char *bar = "";

    for (size_t i = 0; i < e->n_values; i++) {
        uint32_t v = e->values[i].value, bit = v;

        if (e->kind == OFP_BITS)
            bit = v < 32 ? UINT32_C(1) << v : 0;
        if (bit && (value & bit) == bit) {
            str_printf(s, "%s%s", bar, e->values[i].name);
            value &= ~bit;
            bar = "|";
        }
    }
    if (value || !*bar)
        str_printf(s, value ? "%s%#" PRIx32 : "%s%" PRIx32, bar, value);
}

void ofp_enum_print(struct str *s, const struct ofp_enum *e, uint32_t value)
{
    const char *name;

    if (e->kind != OFP_ENUM) {
        print_set(s, e, value);
        return;
    }
    name = ofp_enum_name(e, value);
    if (name)
        str_add(s, name);
    else
        str_printf(s, "%" PRIu32, value);
}

const char *ofp_type_name(unsigned type)
{
    const char *name = ofp_enum_name(&ofp_type_names, type);

    return name ? name : "unknown";
}

static void error_name(char buf[64], const struct ofp_enum *codes, const char *name)
{
    size_t n = (size_t)snprintf(buf, 64, "%s", codes->prefix);

    for (; *name && n < 63; name++)
        buf[n++] = *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
    buf[n] = '\0';
}

const char *ofp_err_name(uint16_t type, uint16_t code, char buf[64])
{
    for (size_t i = 0; i < n_ofp_error_codes; i++) {
        const char *name = ofp_error_codes[i].type == type ? ofp_enum_name(ofp_error_codes[i].codes, code) : NULL;

        if (name) {
            error_name(buf, ofp_error_codes[i].codes, name);
            return buf;
        }
    }
    return NULL;
}

bool ofp_err_find(const char *name, uint16_t *type, uint16_t *code)
{
    for (size_t i = 0; i < n_ofp_error_codes; i++) {
        const struct ofp_enum *codes = ofp_error_codes[i].codes;
        size_t n = strlen(codes->prefix);
        uint32_t value;

        if (!strncasecmp(name, codes->prefix, n) && ofp_enum_find(codes, name + n, strlen(name + n), &value)) {
            *type = ofp_error_codes[i].type;
            *code = (uint16_t)value;
            return true;
        }
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* doc_read.c - see doc_read.h. */
#include "io/doc_read.h"

#include "base/clock.h"
#include "base/str.h"
#include "io/addr.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct doc_field *field_find(const struct doc_field *fields, const char *key)
{
    for (const struct doc_field *f = fields; f->key; f++)
        if (!strcmp(f->key, key))
            return f;
    return NULL;
}

static int unknown_key(const struct doc_node *key, const struct doc_field *fields, struct errbuf *e)
{
    struct str known = { 0 };

    for (const struct doc_field *f = fields; f->key; f++)
        str_printf(&known, "%s%s", f == fields ? "" : ", ", f->key);

    int err = doc_error(key, e, "the key '%.64s' is not known here; known are %.250s", key->text, str_text(&known));

    str_fini(&known);
    return err;
}

/* What is wrong with a value says of which key: "FILE:LINE: KEY: sentence".  Maps are left to their own keys. */
static int name_key(const struct doc_pair *p, int err, struct errbuf *e)
{
    const struct doc_node *v = p->value;
    const char *file = v->doc->name;
    char sentence[sizeof e->text];
    size_t at = strlen(file);

    if (!e || v->kind == DOC_MAP || (v->kind == DOC_SEQ && v->n && v->items[0]->kind == DOC_MAP))
        return err;
    if (strncmp(e->text, file, at) != 0 || e->text[at] != ':')
        return err;
    at++;
    at += strspn(e->text + at, "0123456789");
    at += strspn(e->text + at, ": ");
    memcpy(sentence, e->text + at, sizeof sentence - at);
    snprintf(e->text + at, sizeof e->text - at, "%.64s: %s", p->key->text, sentence);
    return err;
}

int doc_read_map(const struct doc_node *n, const struct doc_field *fields, void *out, struct errbuf *e)
{
    bool is_empty = doc_is_null(n);

    if (!is_empty && n->kind != DOC_MAP)
        return doc_error(n, e, "a map (key: value) is expected here, not %s", doc_kind_name(n->kind));
    if (!is_empty) {
        for_each_doc_pair (p, n) {
            const struct doc_field *f = field_find(fields, p->key->text);
            int err = f ? f->read(p->value, f->arg, (char *)out + f->offset, e) : unknown_key(p->key, fields, e);

            if (err)
                return f ? name_key(p, err, e) : err;
        }
    }
    for (const struct doc_field *f = fields; f->key; f++) {
        if (!f->is_required || (!is_empty && doc_find(n, f->key)))
            continue;
        if (!n)
            return errbuf_set(e, -EINVAL, "the document is empty; the key '%s' is missing", f->key);
        return doc_error(n, e, "the key '%s' is missing", f->key);
    }
    return 0;
}

int doc_read_fields(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    return doc_read_map(n, arg, out, e);
}

static int items_check(const struct doc_node *n, const struct doc_items *r, enum doc_kind kind, struct errbuf *e)
{
    size_t count = doc_is_null(n) ? 0 : n->n;

    if (!doc_is_null(n) && n->kind != kind)
        return doc_error(n, e, "%s is expected here, not %s", doc_kind_name(kind), doc_kind_name(n->kind));
    if (count < r->min)
        return doc_error(n, e, "%zu entries are too few; at least %zu are needed", count, r->min);
    if (r->max && count > r->max)
        return doc_error(n, e, "%zu entries are too many; at most %zu are possible", count, r->max);
    return 0;
}

static int items_read(const struct doc_node *n, const struct doc_items *r, struct doc_array *out, struct errbuf *e)
{
    size_t count = doc_is_null(n) ? 0 : n->n;
    char *item = arena_calloc(&n->doc->arena, count, r->size);

    if (!item)
        return errbuf_set(e, -ENOMEM, "%s: not enough memory", n->doc->name);
    *out = (struct doc_array){ item, count };
    for (size_t i = 0; i < count; i++, item += r->size) {
        const struct doc_node *value = n->kind == DOC_MAP ? n->pairs[i].value : n->items[i];
        int err = 0;

        if (r->defaults)
            memcpy(item, r->defaults, r->size);
        if (r->node_offset)
            memcpy(item + r->node_offset, &value, sizeof value);
        if (n->kind == DOC_MAP)
            err = (r->read_name ? r->read_name : doc_read_name)(n->pairs[i].key, r->name_arg, item + r->name_offset, e);
        if (!err)
            err = r->read(value, r->arg, item, e);
        if (err)
            return err;
    }
    return 0;
}

int doc_read_list(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    int err = items_check(n, arg, DOC_SEQ, e);

    return err ? err : items_read(n, arg, out, e);
}

int doc_read_named(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    int err = items_check(n, arg, DOC_MAP, e);

    return err ? err : items_read(n, arg, out, e);
}

/* The text of a scalar, or -EINVAL and "". */
static int scalar(const struct doc_node *n, const char *what, const char **out, struct errbuf *e)
{
    *out = "";
    if (n->kind != DOC_SCALAR)
        return doc_error(n, e, "%s is expected here, not %s", what, doc_kind_name(n->kind));
    if (doc_is_null(n))
        return doc_error(n, e, "%s is expected here, not nothing", what);
    *out = n->text;
    return 0;
}

const struct doc_text doc_name_rule = {
    .min = 1,
    .max = 63,
    .chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.",
};

static int text_check(const struct doc_node *n, const struct doc_text *rule, struct errbuf *e)
{
    size_t len = strlen(n->text), bad = rule->chars ? strspn(n->text, rule->chars) : 0;

    if (len < rule->min || (rule->max && len > rule->max))
        return doc_error(n, e, "'%.64s' has %zu bytes; %zu to %zu are possible", n->text, len, rule->min, rule->max);
    while (!rule->chars && bad < len && !iscntrl((unsigned char)n->text[bad]))
        bad++;
    if (bad < len)
        return doc_error(n, e, "'%.64s' contains a character that is not possible here, at place %zu", n->text,
                         bad + 1);
    return 0;
}

int doc_read_string(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    static const struct doc_text any = { 0 };
    const char *text;
    int err = scalar(n, "text", &text, e);

    if (!err)
        err = text_check(n, arg ? arg : &any, e);
    if (!err)
        *(const char **)out = text;
    return err;
}

int doc_read_name(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    int err = doc_read_string(n, arg ? arg : &doc_name_rule, out, e);

    if (!err && (n->text[0] == '-' || n->text[0] == '.'))
        return doc_error(n, e, "the name '%.64s' must not begin with '%c'", n->text, n->text[0]);
    return err;
}

int doc_read_ifname(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    static const struct doc_text rule = { .min = 1, .max = 15 };
    int err = doc_read_string(n, &rule, out, e);

    if (err)
        return err;
    if (strpbrk(n->text, "/: \t%") || !strcmp(n->text, ".") || !strcmp(n->text, ".."))
        return doc_error(n, e, "'%.64s' is not a possible name of an interface", n->text);
    return 0;
}

int doc_read_bool(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    static const struct {
        const char *text;
        bool value;
    } words[] = { { "true", true }, { "false", false }, { "yes", true }, { "no", false } };
    const char *text;
    int err = scalar(n, "true or false", &text, e);

    if (err)
        return err;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!strcmp(text, words[i].text)) {
            *(bool *)out = words[i].value;
            return 0;
        }
    }
    return doc_error(n, e, "'%.64s' is neither true nor false", text);
}

static int number(const struct doc_node *n, const struct doc_range *range, uint64_t fits, uint64_t *out,
                  struct errbuf *e)
{
    uint64_t min = range ? range->min : 0, max = range ? range->max : fits;
    const char *text, *s;
    int err = scalar(n, "a number", &text, e), base = 10;

    if (err)
        return err;
    s = text;
    if (s[0] == '0' && s[1] == 'x') {
        base = 16;
        s += 2;
    }
    errno = 0;
    *out = strtoull(s, NULL, base);
    if (!*s || s[strspn(s, base == 16 ? "0123456789abcdefABCDEF" : "0123456789")] ||
        (base == 10 && s[0] == '0' && s[1]))
        return doc_error(n, e, "'%.64s' is not a whole number", text);
    if (errno || *out < min || *out > max)
        return doc_error(n, e, "%.64s is out of range: %ju to %ju are possible", text, (uintmax_t)min, (uintmax_t)max);
    return 0;
}

int doc_read_u8(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    uint64_t v;
    int err = number(n, arg, UINT8_MAX, &v, e);

    if (!err)
        *(uint8_t *)out = (uint8_t)v;
    return err;
}

int doc_read_u16(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    uint64_t v;
    int err = number(n, arg, UINT16_MAX, &v, e);

    if (!err)
        *(uint16_t *)out = (uint16_t)v;
    return err;
}

int doc_read_u32(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    uint64_t v;
    int err = number(n, arg, UINT32_MAX, &v, e);

    if (!err)
        *(uint32_t *)out = (uint32_t)v;
    return err;
}

int doc_read_enum(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    const char *const *names = arg;
    struct str known = { 0 };
    const char *text;
    int err = scalar(n, "a word", &text, e);

    if (err)
        return err;
    for (int i = 0; names[i]; i++) {
        if (!strcmp(names[i], text)) {
            *(int *)out = i;
            str_fini(&known);
            return 0;
        }
        str_printf(&known, "%s%s", i ? ", " : "", names[i]);
    }
    err = doc_error(n, e, "'%.64s' is not one of: %.250s", text, str_text(&known));
    str_fini(&known);
    return err;
}

/* A number and one of these behind it. */
struct unit {
    const char *name; /* NULL ends the table */
    uint64_t factor;
};

/* The largest unit that a value is a multiple of; of the ones with a name. */
static const struct unit *best_unit(const struct unit *units, uint64_t v)
{
    const struct unit *best = NULL;

    for (; units->name; units++)
        if (units->name[0] && v % units->factor == 0 && (!best || units->factor > best->factor))
            best = units;
    return best;
}

static int out_of_range(const struct doc_node *n, const struct unit *units, const struct doc_range *range,
                        const char *what, struct errbuf *e)
{
    uint64_t min = range ? range->min : 0, max = range ? range->max : UINT64_MAX;
    const struct unit *low = best_unit(units, min), *high = best_unit(units, max);

    return doc_error(n, e, "the %s '%.64s' is out of range: %ju%s to %ju%s are possible", what, n->text,
                     (uintmax_t)(min / low->factor), low->name, (uintmax_t)(max / high->factor), high->name);
}

static int read_unit(const struct doc_node *n, const struct unit *units, const struct doc_range *range,
                     const char *const what[2], uint64_t *out, struct errbuf *e)
{
    const char *text;
    int err = scalar(n, what[0], &text, e);
    char *end;
    uint64_t v;

    if (err)
        return err;
    errno = 0;
    v = strtoull(text, &end, 10);
    for (const struct unit *unit = units; unit->name; unit++) {
        if (!isdigit((unsigned char)text[0]) || errno || strcmp(end, unit->name) != 0)
            continue;
        if (__builtin_mul_overflow(v, unit->factor, &v) || (range && (v < range->min || v > range->max)))
            return out_of_range(n, units, range, what[0] + 2, e);
        *out = v;
        return 0;
    }
    return doc_error(n, e, "'%.64s' is not %s such as %s", text, what[0], what[1]);
}

int doc_read_time(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    static const struct unit units[] = {
        { "", NSEC_PER_S },
        { "ns", 1 },
        { "us", NSEC_PER_US },
        { "ms", NSEC_PER_MS },
        { "s", NSEC_PER_S },
        { "min", 60 * (uint64_t)NSEC_PER_S },
        { "h", 3600 * (uint64_t)NSEC_PER_S },
        { "d", 86400 * (uint64_t)NSEC_PER_S },
        { NULL },
    };
    static const char *const what[2] = { "a time", "300ms, 5s, 2min or 1h" };

    return read_unit(n, units, arg, what, out, e);
}

int doc_read_rate(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    static const struct unit units[] = {
        { "", 1 }, { "bit", 1 }, { "kbit", 1000 }, { "Mbit", 1000000 }, { "Gbit", 1000000000 }, { NULL },
    };
    static const char *const what[2] = { "a rate", "64kbit, 100Mbit or 2Gbit" };

    return read_unit(n, units, arg, what, out, e);
}

/* Puts the place before what a parser of addresses said. */
static int place(const struct doc_node *n, int err, struct errbuf *e)
{
    if (err)
        errbuf_prefix(e, "%s:%u", n->doc->name, n->line);
    return err;
}

int doc_read_ip(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    const char *text;
    int err = scalar(n, "an address", &text, e);

    return err ? err : place(n, ip_parse(out, text, e), e);
}

int doc_read_ip_prefix(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    const char *text;
    int err = scalar(n, "an address with prefix", &text, e);

    return err ? err : place(n, ip_prefix_parse(out, text, e), e);
}

int doc_read_subnet(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    const char *text;
    int err = scalar(n, "a subnet", &text, e);

    return err ? err : place(n, ip_subnet_parse(out, text, e), e);
}

int doc_read_mac(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    static const uint8_t zero[6];
    const char *text;
    uint8_t mac[6];
    int err = scalar(n, "a MAC address", &text, e);

    if (!err)
        err = place(n, mac_parse(mac, text, e), e);
    if (err)
        return err;
    if (mac[0] & 1 || !memcmp(mac, zero, sizeof mac))
        return doc_error(n, e, "the MAC address '%.64s' cannot belong to one station", text);
    memcpy(out, mac, sizeof mac);
    return 0;
}

int doc_read_dpid(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    const char *text;
    int err = scalar(n, "a datapath id", &text, e);

    return err ? err : place(n, dpid_parse(out, text, e), e);
}

int doc_read_mtu(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    return doc_read_u16(n, &(struct doc_range){ 68, 65535 }, out, e);
}

int doc_read_vid(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    return doc_read_u16(n, &(struct doc_range){ 1, 4094 }, out, e);
}

int doc_read_endpoint(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    const char *text;
    int err = scalar(n, "an endpoint", &text, e);

    return err ? err : place(n, endpoint_parse(out, text, e), e);
}

int doc_read_node(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    *(const struct doc_node **)out = n;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* learn_text.c - the arguments of learn as ovs-ofctl users write them; see learn.h. */
#include <errno.h>
#include <inttypes.h>

#include "base/arena.h"
#include "base/str.h"
#include "openflow/learn.h"
#include "openflow/match_text.h"
#include "openflow/ofp.h"
#include "openflow/value_text.h"

enum { TABLE = 1, PRIORITY = 0x8000, SPECS_MAX = 256 };

struct parser {
    struct learn *l;
    const struct match *m; /* of the frames; or NULL */
    struct errbuf *e;
};

/* --- keywords with a number --- */

static void set_table(struct learn *l, uint64_t v)
{
    l->table_id = (uint8_t)v;
}

static void set_priority(struct learn *l, uint64_t v)
{
    l->priority = (uint16_t)v;
}

static void set_idle(struct learn *l, uint64_t v)
{
    l->idle_timeout = (uint16_t)v;
}

static void set_hard(struct learn *l, uint64_t v)
{
    l->hard_timeout = (uint16_t)v;
}

static void set_fin_idle(struct learn *l, uint64_t v)
{
    l->fin_idle_timeout = (uint16_t)v;
}

static void set_fin_hard(struct learn *l, uint64_t v)
{
    l->fin_hard_timeout = (uint16_t)v;
}

static void set_cookie(struct learn *l, uint64_t v)
{
    l->cookie = v;
}

static void set_limit(struct learn *l, uint64_t v)
{
    l->limit = (uint32_t)v;
}

static const struct keyword {
    const char *name;
    uint64_t max;
    void (*set)(struct learn *l, uint64_t v);
} keywords[] = {
    { "table", 254, set_table },
    { "priority", UINT16_MAX, set_priority },
    { "idle_timeout", UINT16_MAX, set_idle },
    { "hard_timeout", UINT16_MAX, set_hard },
    { "fin_idle_timeout", UINT16_MAX, set_fin_idle },
    { "fin_hard_timeout", UINT16_MAX, set_fin_hard },
    { "cookie", UINT64_MAX, set_cookie },
    { "limit", UINT32_MAX, set_limit },
};

/* --- specs --- */

static int add(struct parser *p, const struct learn_spec *s)
{
    if (p->l->n_specs == SPECS_MAX)
        return errbuf_set(p->e, -EINVAL, "learn: more than %d fields", SPECS_MAX);
    p->l->specs[p->l->n_specs++] = *s;
    return 0;
}

static int widths_differ(struct parser *p, struct span what, struct subfield a, struct subfield b)
{
    return errbuf_set(p->e, -EINVAL, "learn: %.*s: one side has %u bits, the other %u", SPAN_ARG(what), a.n_bits,
                      b.n_bits);
}

static int parse_imm(struct parser *p, struct span text, struct learn_spec *s)
{
    s->is_immediate = true;
    s->n_bits = s->dst.n_bits;
    if (span_number128(text, value_ones(s->n_bits), &s->imm))
        return add(p, s);
    return errbuf_set(p->e, -EINVAL, "learn: '%.*s' is neither a field nor a number of %u bits", SPAN_ARG(text),
                      s->n_bits);
}

/* Either a value or a field, whichever the text is. */
static int parse_source(struct parser *p, struct span text, struct learn_spec *s)
{
    struct errbuf ignored;

    if (subfield_text_parse(&s->src, text, p->m, &ignored))
        return parse_imm(p, text, s);
    s->n_bits = s->src.n_bits;
    return s->src.n_bits == s->dst.n_bits ? add(p, s) : widths_differ(p, text, s->dst, s->src);
}

static int parse_load(struct parser *p, struct span text)
{
    struct learn_spec s = { .kind = LEARN_LOAD };
    size_t n = 0;
    int err;

    while (n + 1 < text.n && (text.p[n] != '-' || text.p[n + 1] != '>'))
        n++;
    if (n + 2 > text.n)
        return errbuf_set(p->e, -EINVAL, "learn: load: '%.*s' is not of the form VALUE->FIELD", SPAN_ARG(text));
    err = subfield_text_parse(&s.dst, (struct span){ text.p + n + 2, text.n - n - 2 }, NULL, p->e);
    return err ? err : parse_source(p, (struct span){ text.p, n }, &s);
}

static int parse_output(struct parser *p, struct span text)
{
    struct learn_spec s = { .kind = LEARN_OUTPUT };
    int err = subfield_text_parse(&s.src, text, p->m, p->e);

    s.n_bits = s.src.n_bits;
    return err ? err : add(p, &s);
}

/* What the learned flow matches so far, for names that depend on it. */
static void learned_match(struct match *m, const struct learn *l)
{
    *m = (struct match){ 0 };
    for (size_t i = 0; i < l->n_specs; i++)
        if (l->specs[i].kind == LEARN_MATCH && l->specs[i].is_immediate)
            match_set_masked(m, l->specs[i].dst.field, subfield_place(l->specs[i].dst, l->specs[i].imm),
                             subfield_mask(l->specs[i].dst));
}

static int parse_match(struct parser *p, const struct word *w)
{
    struct learn_spec s = { .kind = LEARN_MATCH };
    struct masked_value v;
    struct errbuf ignored;
    struct match m;
    int err;

    learned_match(&m, p->l);
    if (subfield_text_parse(&s.dst, w->key, &m, &ignored))
        return errbuf_set(p->e, -EINVAL, "learn: '%.*s' is neither a field nor a keyword", SPAN_ARG(w->key));
    if (!w->delim) { /* the same bits of the frame */
        s.src = s.dst;
        s.n_bits = s.src.n_bits;
        return add(p, &s);
    }
    if (w->key.p[w->key.n - 1] == ']')
        return parse_source(p, w->value, &s);
    err = value_text_parse(s.dst.field, w, NULL, &v, &ignored);
    if (err)
        return parse_source(p, w->value, &s);
    s.is_immediate = true;
    s.n_bits = s.dst.n_bits;
    s.imm = (struct value){ v.value.hi & value_ones(s.n_bits).hi, v.value.lo & value_ones(s.n_bits).lo };
    return add(p, &s);
}

static int parse_word(struct parser *p, const struct word *w)
{
    uint64_t v;
    int err;

    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (!span_is(w->key, keywords[i].name))
            continue;
        err = number_parse(w->key, w->value, keywords[i].max, &v, p->e);
        if (!err)
            keywords[i].set(p->l, v);
        return err;
    }
    if (span_is(w->key, "send_flow_rem") || span_is(w->key, "delete_learned")) {
        p->l->flags |= span_is(w->key, "send_flow_rem") ? NX_LEARN_F_SEND_FLOW_REM : NX_LEARN_F_DELETE_LEARNED;
        return 0;
    }
    if (span_is(w->key, "result_dst")) {
        err = subfield_text_parse(&p->l->result_dst, w->value, NULL, p->e);
        if (!err && p->l->result_dst.n_bits != 1)
            err = errbuf_set(p->e, -EINVAL, "learn: result_dst is one bit");
        p->l->flags |= NX_LEARN_F_WRITE_RESULT;
        return err;
    }
    if (span_is(w->key, "load") && w->delim == ':')
        return parse_load(p, w->value);
    if (span_is(w->key, "output") && w->delim == ':')
        return parse_output(p, w->value);
    return parse_match(p, w);
}

int learn_text_parse(struct learn *out, struct arena *a, struct span text, const struct match *m, struct errbuf *e)
{
    struct parser p = { .l = out, .m = m, .e = e };
    struct word w;
    int err;

    *out = (struct learn){ .table_id = TABLE, .priority = PRIORITY };
    out->specs = arena_calloc(a, SPECS_MAX, sizeof *out->specs);
    if (!out->specs)
        return errbuf_set(e, -ENOMEM, "out of memory");
    while ((err = word_next(&text, &w, e)) > 0) {
        err = parse_word(&p, &w);
        if (err)
            return err;
    }
    return err;
}

/* --- writing --- */

static bool same(struct subfield a, struct subfield b)
{
    return a.field == b.field && a.ofs == b.ofs && a.n_bits == b.n_bits;
}

static void print_number(struct str *s, struct value v)
{
    if (v.hi)
        str_printf(s, "0x%" PRIx64 "%016" PRIx64, v.hi, v.lo);
    else
        str_printf(s, "0x%" PRIx64, v.lo);
}

static void print_match(struct str *s, const struct learn_spec *spec)
{
    const char *name = match_text_field_name(spec->dst.field);

    if (spec->is_immediate && subfield_is_whole(spec->dst)) {
        str_printf(s, "%s=", name);
        if (spec->dst.field == FIELD_ETH_TYPE)
            print_number(s, spec->imm);
        else
            value_text_print(s, spec->dst.field, (struct masked_value){ spec->imm, field_ones(spec->dst.field) }, NULL);
        return;
    }
    subfield_text_print(s, spec->dst);
    if (spec->is_immediate) {
        str_add_char(s, '=');
        print_number(s, spec->imm);
    } else if (!same(spec->src, spec->dst)) {
        str_add_char(s, '=');
        subfield_text_print(s, spec->src);
    }
}

static void print_spec(struct str *s, const struct learn_spec *spec)
{
    switch (spec->kind) {
    case LEARN_MATCH:
        print_match(s, spec);
        return;
    case LEARN_LOAD:
        str_add(s, "load:");
        if (spec->is_immediate)
            print_number(s, spec->imm);
        else
            subfield_text_print(s, spec->src);
        str_add(s, "->");
        subfield_text_print(s, spec->dst);
        return;
    case LEARN_OUTPUT:
        str_add(s, "output:");
        subfield_text_print(s, spec->src);
        return;
    }
}

void learn_text_print(struct str *s, const struct learn *l)
{
    str_printf(s, "table=%u", l->table_id);
    if (l->idle_timeout)
        str_printf(s, ",idle_timeout=%u", l->idle_timeout);
    if (l->hard_timeout)
        str_printf(s, ",hard_timeout=%u", l->hard_timeout);
    if (l->fin_idle_timeout)
        str_printf(s, ",fin_idle_timeout=%u", l->fin_idle_timeout);
    if (l->fin_hard_timeout)
        str_printf(s, ",fin_hard_timeout=%u", l->fin_hard_timeout);
    if (l->priority != PRIORITY)
        str_printf(s, ",priority=%u", l->priority);
    str_add(s, l->flags & NX_LEARN_F_SEND_FLOW_REM ? ",send_flow_rem" : "");
    str_add(s, l->flags & NX_LEARN_F_DELETE_LEARNED ? ",delete_learned" : "");
    if (l->cookie)
        str_printf(s, ",cookie=0x%" PRIx64, l->cookie);
    if (l->limit)
        str_printf(s, ",limit=%" PRIu32, l->limit);
    if (l->flags & NX_LEARN_F_WRITE_RESULT) {
        str_add(s, ",result_dst=");
        subfield_text_print(s, l->result_dst);
    }
    for (size_t i = 0; i < l->n_specs; i++) {
        str_add_char(s, ',');
        print_spec(s, &l->specs[i]);
    }
}

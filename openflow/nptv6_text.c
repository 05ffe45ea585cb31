/* SPDX-License-Identifier: Apache-2.0 */
/* nptv6_text.c - trama's action nptv6, as text: nptv6(out,inside=fd00:1::/48,outside=2001:db8:1::/48); see nptv6_text.h.
 * Spec: docs/extensions.md. */
#include "openflow/nptv6_text.h"

#include <errno.h>

#include "openflow/action_text_impl.h"
#include "openflow/value_text.h"

struct nptv6 nptv6_decode(const struct ofp_trama_nptv6 *in)
{
    return (struct nptv6){
        .inside = { in->inside_hi, in->inside_lo },
        .outside = { in->outside_hi, in->outside_lo },
        .inside_len = in->inside_len,
        .outside_len = in->outside_len,
    };
}

static int bad_prefix(struct list *l, struct span text)
{
    return errbuf_set(l->t->e, -EINVAL, "nptv6: '%.*s' is no IPv6 prefix of 1 to 64 bits with zeros behind it",
                      SPAN_ARG(text));
}

static int parse_prefix(struct list *l, struct span text, struct value *out, uint8_t *len)
{
    struct span rest = text, address;
    bool has_len = span_cut(&rest, '/', &address);
    struct word w = { .key = span_of("nptv6"), .value = address, .delim = '=' };
    struct value ones = field_ones(FIELD_IPV6_SRC);
    struct masked_value v = { 0 };
    struct errbuf unsaid = { 0 };
    uint64_t n = 0;

    if (!has_len || !span_number(rest, NPTV6_LEN_MAX, &n) || value_text_parse(FIELD_IPV6_SRC, &w, NULL, &v, &unsaid) ||
        v.mask.hi != ones.hi || v.mask.lo != ones.lo)
        return bad_prefix(l, text);
    *out = v.value;
    *len = (uint8_t)n;
    if (!nptv6_is_sound(&(struct nptv6){ v.value, v.value, *len, *len }))
        return bad_prefix(l, text);
    return 0;
}

static int parse_word(struct list *l, const struct word *w, struct nptv6 *t, int *direction)
{
    if ((span_is(w->key, "out") || span_is(w->key, "in")) && !w->delim && *direction < 0) {
        *direction = span_is(w->key, "in");
        return 0;
    }
    if (span_is(w->key, "inside") && w->delim == '=')
        return parse_prefix(l, w->value, &t->inside, &t->inside_len);
    if (span_is(w->key, "outside") && w->delim == '=')
        return parse_prefix(l, w->value, &t->outside, &t->outside_len);
    return errbuf_set(l->t->e, -EINVAL, "nptv6: '%.*s' is none of out, in, inside=PREFIX, outside=PREFIX",
                      SPAN_ARG(w->key));
}

int parse_nptv6(struct list *l, const struct word *w, unsigned arg)
{
    struct ofp_action act = { .type = OFPAT_EXPERIMENTER, .experimenter = { .experimenter = OFPEXP_TRAMA } };
    struct nptv6 t = { .inside_len = 0 };
    struct span rest = w->value;
    struct word inner;
    int more, err = 0, direction = -1;

    while (w->delim == '(' && !err && (more = word_next(&rest, &inner, l->t->e)) != 0)
        err = more < 0 ? more : parse_word(l, &inner, &t, &direction);
    if (err)
        return err;
    if (direction < 0 || !nptv6_is_sound(&t))
        return errbuf_set(l->t->e, -EINVAL, "nptv6: '%.*s' needs out or in, inside=PREFIX and outside=PREFIX",
                          SPAN_ARG(w->value));
    act.experimenter.trama.subtype = TRAMAAST_NPTV6;
    act.experimenter.trama.nptv6 = (struct ofp_trama_nptv6){
        .is_in = (uint8_t)direction,
        .inside_len = t.inside_len,
        .outside_len = t.outside_len,
        .inside_hi = t.inside.hi,
        .inside_lo = t.inside.lo,
        .outside_hi = t.outside.hi,
        .outside_lo = t.outside.lo,
    };
    return action_list_add(l, act);
}

static void print_prefix(struct str *s, const char *name, struct value v, unsigned len)
{
    str_printf(s, ",%s=", name);
    value_text_print(s, FIELD_IPV6_SRC, (struct masked_value){ v, field_ones(FIELD_IPV6_SRC) }, NULL);
    str_printf(s, "/%u", len);
}

void nptv6_text_print(struct str *s, const struct ofp_trama_nptv6 *n)
{
    struct nptv6 t = nptv6_decode(n);

    str_printf(s, "nptv6(%s", n->is_in ? "in" : "out");
    print_prefix(s, "inside", t.inside, t.inside_len);
    print_prefix(s, "outside", t.outside, t.outside_len);
    str_add_char(s, ')');
}

/* SPDX-License-Identifier: Apache-2.0 */
/* text_lex.c - see text_lex.h. */
#include "openflow/text_lex.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

struct span span_of(const char *text)
{
    return (struct span){ .p = text, .n = strlen(text) };
}

bool span_is(struct span s, const char *text)
{
    return strlen(text) == s.n && !memcmp(s.p, text, s.n);
}

bool span_is_nocase(struct span s, const char *text)
{
    return strlen(text) == s.n && !strncasecmp(s.p, text, s.n);
}

bool span_cut(struct span *s, char c, struct span *head)
{
    const char *at = s->n ? memchr(s->p, c, s->n) : NULL;

    if (!at) {
        *head = *s;
        *s = (struct span){ .p = s->p + s->n };
        return false;
    }
    *head = (struct span){ .p = s->p, .n = (size_t)(at - s->p) };
    *s = (struct span){ .p = at + 1, .n = s->n - head->n - 1 };
    return true;
}

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char take(struct span *s)
{
    s->n--;
    return *s->p++;
}

/* Takes a value up to the separator after it; inside parentheses and brackets separators belong to it. */
static int take_value(struct span *rest, struct span *value, struct errbuf *e)
{
    unsigned depth = 0;

    value->p = rest->p;
    while (rest->n && (depth || !is_separator(*rest->p))) {
        char c = take(rest);

        if (c == '(' || c == '[')
            depth++;
        else if ((c == ')' || c == ']') && !depth--)
            return errbuf_set(e, -EINVAL, "'%.*s' closes a parenthesis that was not opened",
                              SPAN_ARG(((struct span){ value->p, (size_t)(rest->p - value->p) })));
    }
    value->n = (size_t)(rest->p - value->p);
    if (depth)
        return errbuf_set(e, -EINVAL, "'%.*s' opens a parenthesis that is not closed", SPAN_ARG(*value));
    return 0;
}

/* Takes what is between parentheses; the opening one is gone already. */
static int take_group(struct span *rest, struct word *w, struct errbuf *e)
{
    unsigned depth = 1;

    w->value.p = rest->p;
    while (rest->n) {
        char c = take(rest);

        if (c == '(')
            depth++;
        else if (c == ')' && !--depth) {
            w->value.n = (size_t)(rest->p - w->value.p - 1);
            if (rest->n > 1 && !memcmp(rest->p, "->", 2)) { /* the value is "...)->..." then, which few expect */
                while (rest->n && !is_separator(*rest->p))
                    take(rest);
                w->value.n = (size_t)(rest->p - w->value.p);
            }
            if (rest->n && !is_separator(*rest->p))
                return errbuf_set(e, -EINVAL, "'%.*s': a comma must follow the ')' of %.*s", SPAN_ARG(*rest),
                                  SPAN_ARG(w->key));
            return 0;
        }
    }
    return errbuf_set(e, -EINVAL, "%.*s(: the parenthesis is not closed", SPAN_ARG(w->key));
}

int word_next(struct span *rest, struct word *out, struct errbuf *e)
{
    int err = 0;

    while (rest->n && is_separator(*rest->p))
        take(rest);
    if (!rest->n)
        return 0;
    *out = (struct word){ .key.p = rest->p };
    while (rest->n && !is_separator(*rest->p) && !strchr("=:()", *rest->p))
        take(rest);
    out->key.n = (size_t)(rest->p - out->key.p);
    out->value.p = rest->p;
    if (!rest->n || is_separator(*rest->p))
        return 1;
    out->delim = take(rest);
    if (out->delim == '(')
        err = take_group(rest, out, e);
    else if (out->delim == ')')
        err = errbuf_set(e, -EINVAL, "'%.*s)' closes a parenthesis that was not opened", SPAN_ARG(out->key));
    else
        err = take_value(rest, &out->value, e);
    return err ? err : 1;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* Hexadecimal digits after "0x". */
static bool hex128(struct span s, struct value *out)
{
    struct value v = { 0 };

    if (!s.n)
        return false;
    for (; s.n; s.n--, s.p++) {
        int d = digit(*s.p);

        if (d > 15 || v.hi >> 60)
            return false;
        v.hi = v.hi << 4 | v.lo >> 60;
        v.lo = v.lo << 4 | (uint64_t)d;
    }
    *out = v;
    return true;
}

static bool decimal(struct span s, uint64_t *out)
{
    uint64_t v = 0;

    if (!s.n || (s.n > 1 && *s.p == '0'))
        return false;
    for (; s.n; s.n--, s.p++)
        if (digit(*s.p) > 9 || __builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, (uint64_t)digit(*s.p), &v))
            return false;
    *out = v;
    return true;
}

bool span_number128(struct span s, struct value max, struct value *out)
{
    struct value v = { 0 };
    bool is_ok;

    if (s.n > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'X'))
        is_ok = hex128((struct span){ s.p + 2, s.n - 2 }, &v);
    else
        is_ok = decimal(s, &v.lo);
    if (!is_ok || v.hi > max.hi || (v.hi == max.hi && v.lo > max.lo))
        return false;
    *out = v;
    return true;
}

bool span_number(struct span s, uint64_t max, uint64_t *out)
{
    struct value v;

    if (!span_number128(s, value_of(max), &v))
        return false;
    *out = v.lo;
    return true;
}

int number_parse(struct span key, struct span s, uint64_t max, uint64_t *out, struct errbuf *e)
{
    if (span_number(s, max, out))
        return 0;
    if (!s.n)
        return errbuf_set(e, -EINVAL, "%.*s needs a number", SPAN_ARG(key));
    return errbuf_set(e, -EINVAL, "%.*s: '%.*s' is not a number from 0 to %" PRIu64, SPAN_ARG(key), SPAN_ARG(s), max);
}

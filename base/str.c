/* SPDX-License-Identifier: Apache-2.0 */
/* str.c - see str.h.  The buffer doubles. */
#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void str_init(struct str *s)
{
    *s = (struct str){ 0 };
}

void str_fini(struct str *s)
{
    if (!s)
        return;
    free(s->s);
    str_init(s);
}

void str_reset(struct str *s)
{
    s->len = 0;
    s->bad = false;
    if (s->s)
        s->s[0] = '\0';
}

/* Makes room for `n` characters and the NUL. */
static bool str_grow(struct str *s, size_t n)
{
    size_t size = s->size ? s->size : 128;
    char *grown;

    if (s->bad)
        return false;
    if (n < s->size - s->len && s->size)
        return true;
    while (size - s->len <= n) {
        if (size > SIZE_MAX / 2)
            goto bad;
        size *= 2;
    }
    grown = realloc(s->s, size);
    if (!grown)
        goto bad;
    s->s = grown;
    s->size = size;
    s->s[s->len] = '\0';
    return true;

bad:
    s->bad = true;
    return false;
}

void str_add_len(struct str *s, const char *text, size_t len)
{
    if (!str_grow(s, len))
        return;
    memcpy(s->s + s->len, text, len);
    s->len += len;
    s->s[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
    str_add_len(s, text, strlen(text));
}

void str_add_char(struct str *s, char c)
{
    str_add_len(s, &c, 1);
}

void str_cut(struct str *s, size_t len)
{
    if (len >= s->len)
        return;
    s->len = len;
    s->s[len] = '\0';
}

void str_printf(struct str *s, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (!str_grow(s, 64))
        return;
    va_start(ap, fmt);
    n = vsnprintf(s->s + s->len, s->size - s->len, fmt, ap);
    va_end(ap);
    if (n < 0) {
        s->bad = true;
        s->s[s->len] = '\0';
        return;
    }
    if ((size_t)n >= s->size - s->len) {
        s->s[s->len] = '\0';
        if (!str_grow(s, (size_t)n))
            return;
        va_start(ap, fmt);
        vsnprintf(s->s + s->len, s->size - s->len, fmt, ap);
        va_end(ap);
    }
    s->len += (size_t)n;
}

const char *str_text(const struct str *s)
{
    return s->s ? s->s : "";
}

char *str_take(struct str *s)
{
    char *text;

    if (!s->s)
        str_add(s, "");
    if (s->bad) {
        str_fini(s);
        return NULL;
    }
    text = s->s;
    str_init(s);
    return text;
}

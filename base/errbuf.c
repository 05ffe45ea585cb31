/* SPDX-License-Identifier: Apache-2.0 */
/* errbuf.c - see errbuf.h. */
#include "base/errbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int errbuf_set(struct errbuf *e, int err, const char *fmt, ...)
{
    va_list ap;

    if (!e || e->text[0])
        return err;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    return err;
}

void errbuf_prefix(struct errbuf *e, const char *fmt, ...)
{
    char old[sizeof e->text];
    va_list ap;

    if (!e)
        return;
    memcpy(old, e->text, sizeof old);
    va_start(ap, fmt);
    int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof e->text)
        snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", old);
}

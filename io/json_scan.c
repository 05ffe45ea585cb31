/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan.c - see json_scan.h. */
#include "io/json_scan.h"

#include <errno.h>

/* Returns whether the object ends with this byte, or -EBADMSG. */
static int byte_scan(struct json_scan *s, uint8_t c)
{
    if (s->is_string) {
        if (s->is_escaped)
            s->is_escaped = false;
        else if (c == '\\')
            s->is_escaped = true;
        else if (c == '"')
            s->is_string = false;
        return 0;
    }
    if (!s->depth && c != '{')
        return c == ' ' || c == '\n' || c == '\r' || c == '\t' ? 0 : -EBADMSG;
    if (c == '"')
        s->is_string = true;
    else if (c == '{' || c == '[')
        return ++s->depth > JSON_DEPTH_MAX ? -EBADMSG : 0;
    else if (c == '}' || c == ']')
        return !--s->depth;
    return 0;
}

long json_scan_next(struct json_scan *s, const uint8_t *p, size_t n)
{
    while (s->at < n) {
        int got = byte_scan(s, p[s->at++]);

        if (got < 0)
            return got;
        if (got) {
            long len = (long)s->at;

            *s = (struct json_scan){ 0 };
            return len;
        }
    }
    return 0;
}

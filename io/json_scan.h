/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan.h - finds where one JSON object ends in a stream of bytes, looking at each byte once however often the reader
 * asks; what is between the braces is left to the JSON library.   Spec: RFC 8259.  Thread: any. */
#ifndef IO_JSON_SCAN_H
#define IO_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 256 };

struct json_scan { /* all zero: before an object */
    size_t at;     /* bytes looked at */
    unsigned depth;
    bool is_string, is_escaped;
};

/* `p`: the bytes from the first of this object on, `n` of them so far.  Returns the object's length with leading white
 * space, and the scan begins anew; 0 when more bytes are needed; -EBADMSG when this is no object or nested too deep. */
long json_scan_next(struct json_scan *s, const uint8_t *p, size_t n);

#endif

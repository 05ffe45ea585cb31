/* SPDX-License-Identifier: Apache-2.0 */
/* json_line.h - JSON objects, one a line, both ways over a stream that does not block: what lab and agent speak.
 * A line that is no object is skipped, so a reader that comes in the middle finds its place at the next line.
 * Thread: one. */
#ifndef TOOLS_JSON_LINE_H
#define TOOLS_JSON_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { JSON_LINE_MAX = 256 << 10 };

/* Not moved while in use.  The descriptor is not its own. */
struct json_line {
    int fd;
    struct str in, out;
    size_t at; /* where the next line of `in` begins */
};

void json_line_init(struct json_line *l, int fd); /* makes `fd` non-blocking */
void json_line_fini(struct json_line *l);
/* Reads what is there.  0, also when there is nothing; -ECONNRESET at the end; a negative errno. */
int json_line_read(struct json_line *l);
/* The next object that was read, the caller's; NULL when there is none yet. */
json_t *json_line_next(struct json_line *l);
/* Takes `o` (NULL, out of memory: nothing), and writes as much as goes.  What does not go is kept: see json_line_flush. */
void json_line_send(struct json_line *l, json_t *o);
/* Writes what waits; 0 or a negative errno (some may wait still). */
int json_line_flush(struct json_line *l);
bool json_line_is_full(const struct json_line *l); /* much waits to be written: better produce no more */

/* Bytes as a string in JSON: two hexadecimal digits each. */
json_t *json_of_bytes(const void *p, size_t n);
/* Returns how many bytes `text` stands for, written to `out` of `size`; -EBADMSG when it is not so, or too long. */
long json_to_bytes(const char *text, uint8_t *out, size_t size);

#endif

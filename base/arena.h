/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory that is freed all at once: what one decoded message, document or command needs. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;
struct arena {
    struct arena_chunk *chunks; /* newest first; the first is being filled */
    size_t used;                /* bytes taken from the newest */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);
void arena_reset(struct arena *a); /* forgets everything, keeps one chunk for reuse */

/* Zeroed memory, aligned for any type; NULL when there is none left or `n * size` overflows. Borrows until reset. */
void *arena_calloc(struct arena *a, size_t n, size_t size);
void *arena_dup(struct arena *a, const void *p, size_t n); /* a copy; a NUL follows it */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

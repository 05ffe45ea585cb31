/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c - chunks of growing size, carved from the front. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_FIRST = 4096 };

struct arena_chunk {
    struct arena_chunk *older;
    size_t size;
    alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *a)
{
    *a = (struct arena){ 0 };
}

void arena_fini(struct arena *a)
{
    if (!a)
        return;
    for (struct arena_chunk *c = a->chunks, *older; c; c = older) {
        older = c->older;
        free(c);
    }
    *a = (struct arena){ 0 };
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *keep = a->chunks;

    if (keep) {
        struct arena rest = { .chunks = keep->older };

        arena_fini(&rest);
        keep->older = NULL;
    }
    a->used = 0;
}

static struct arena_chunk *chunk_add(struct arena *a, size_t need)
{
    size_t size = a->chunks ? a->chunks->size * 2 : CHUNK_FIRST;

    while (size < need)
        size *= 2;

    struct arena_chunk *c = malloc(sizeof *c + size);

    if (!c)
        return NULL;
    c->older = a->chunks;
    c->size = size;
    a->chunks = c;
    a->used = 0;
    return c;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 4)
        return NULL;
    bytes = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);

    struct arena_chunk *c = a->chunks;

    if (!c || c->size - a->used < bytes) {
        c = chunk_add(a, bytes);
        if (!c)
            return NULL;
    }

    void *p = c->data + a->used;

    a->used += bytes;
    memset(p, 0, bytes);
    return p;
}

void *arena_dup(struct arena *a, const void *p, size_t n)
{
    uint8_t *copy = arena_calloc(a, n + 1, 1);

    if (copy && n)
        memcpy(copy, p, n);
    return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return NULL;

    char *s = arena_calloc(a, (size_t)n + 1, 1);

    if (s) {
        va_start(ap, fmt);
        vsnprintf(s, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    return s;
}

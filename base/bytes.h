/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h - cursors over bytes: `struct rd` reads a borrowed buffer, `struct wr` writes a bounded one.
 * Both remember failure, so a codec is straight-line code with one check at the end.
 * Network order exists only here: every value that a caller sees is in host order. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Integers in network order; only `*_wire` structs hold them. */
typedef uint16_t be16;
typedef uint32_t be32;
typedef uint64_t be64;

static inline uint16_t be16_load(const void *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

static inline uint32_t be32_load(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t be64_load(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

static inline void be16_store(void *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(p, &v, sizeof v);
}

static inline void be32_store(void *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof v);
}

static inline void be64_store(void *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}

/* Reader.  A read past the end returns zeros (or NULL) and sets `bad`; it never moves past the end. */
struct rd {
    const uint8_t *p;
    size_t left;
    bool bad;
};

static inline struct rd rd_init(const void *p, size_t n)
{
    return (struct rd){ .p = p, .left = n };
}

/* Borrows `n` bytes of the buffer, or NULL. */
static inline const uint8_t *rd_bytes(struct rd *r, size_t n)
{
    const uint8_t *p = r->p;

    if (r->left < n) {
        r->bad = true;
        r->left = 0;
        return NULL;
    }
    r->p += n;
    r->left -= n;
    return p;
}

static inline uint8_t rd_u8(struct rd *r)
{
    const uint8_t *p = rd_bytes(r, 1);

    return p ? *p : 0;
}

static inline uint16_t rd_u16(struct rd *r)
{
    const uint8_t *p = rd_bytes(r, 2);

    return p ? be16_load(p) : 0;
}

static inline uint32_t rd_u32(struct rd *r)
{
    const uint8_t *p = rd_bytes(r, 4);

    return p ? be32_load(p) : 0;
}

static inline uint64_t rd_u64(struct rd *r)
{
    const uint8_t *p = rd_bytes(r, 8);

    return p ? be64_load(p) : 0;
}

static inline void rd_skip(struct rd *r, size_t n)
{
    (void)rd_bytes(r, n);
}

/* Copies `n` bytes to `out`; zeros when they are not there. */
static inline void rd_copy(struct rd *r, void *out, size_t n)
{
    const uint8_t *p = rd_bytes(r, n);

    if (p)
        memcpy(out, p, n);
    else
        memset(out, 0, n);
}

/* A reader over the next `n` bytes; `r` moves behind them.  Bad (and empty) when they are not there. */
static inline struct rd rd_sub(struct rd *r, size_t n)
{
    const uint8_t *p = rd_bytes(r, n);

    return (struct rd){ .p = p, .left = p ? n : 0, .bad = !p };
}

/* Writer.  Grows its own heap buffer; after a failed allocation `bad` is set and writes do nothing.
 * Offsets, not pointers, survive a write. */
struct wr {
    uint8_t *p;
    size_t len, size;
    bool bad;
};

void wr_init(struct wr *w);                  /* empty; allocates nothing */
void wr_fini(struct wr *w);                  /* frees the buffer */
uint8_t *wr_room(struct wr *w, size_t n);    /* appends n bytes, not cleared; NULL when out of memory */
uint8_t *wr_take(struct wr *w, size_t *len); /* gives the buffer (caller frees); `w` is empty again */

static inline void wr_reset(struct wr *w)
{
    w->len = 0;
    w->bad = false;
}

static inline void wr_zero(struct wr *w, size_t n)
{
    uint8_t *p = wr_room(w, n);

    if (p && n)
        memset(p, 0, n);
}

static inline void wr_bytes(struct wr *w, const void *src, size_t n)
{
    uint8_t *p = wr_room(w, n);

    if (p && n)
        memcpy(p, src, n);
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
    uint8_t *p = wr_room(w, 1);

    if (p)
        *p = v;
}

static inline void wr_u16(struct wr *w, uint16_t v)
{
    uint8_t *p = wr_room(w, 2);

    if (p)
        be16_store(p, v);
}

static inline void wr_u32(struct wr *w, uint32_t v)
{
    uint8_t *p = wr_room(w, 4);

    if (p)
        be32_store(p, v);
}

static inline void wr_u64(struct wr *w, uint64_t v)
{
    uint8_t *p = wr_room(w, 8);

    if (p)
        be64_store(p, v);
}

/* Fills in a 16-bit length at `offset`, written earlier as a place holder. */
static inline void wr_patch_u16(struct wr *w, size_t offset, uint16_t v)
{
    if (!w->bad)
        be16_store(w->p + offset, v);
}

#endif

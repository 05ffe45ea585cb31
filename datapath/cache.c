/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c - a set-associative table of keys, and a pool of interned programs that they point into.
 *
 * Theory.  Entries lie in sets of WAYS; an entry has room for the widest mask met since the cache was last emptied.  It
 * is good for one version: met in a newer one it is a miss, and rewritten in place.  Programs are interned by content:
 * many keys share one, and a table change that does not touch a key's way leads back to the same program.  When the
 * program pool is full, or a wider mask comes, `cache_clear` empties all of it at once by a new epoch: no free lists, no
 * bookkeeping per entry.  `aside`: when WINDOW lookups brought fewer than one hit in HIT_PART, the next windows are
 * not looked up at all, since probing would only cost. */
#include "datapath/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAYS = 4,
    WINDOW = 1 << 15,
    HIT_PART = 4, /* fewer hits than a quarter: step aside */
    ASIDE_WINDOWS = 7,
    INDEX_SIZE = 1 << 16, /* of interned programs; a power of two */
};

struct entry {
    uint32_t hash, epoch;
    uint64_t mask_serial, version;
    uint32_t program, n; /* where in the pool; key words */
    uint64_t key[];
};

struct cache {
    uint8_t *entries;
    size_t bytes, stride; /* of an entry */
    uint32_t n_sets, epoch, key_room;
    uint64_t *pool;
    uint32_t pool_words, pool_used;
    struct interned {
        uint32_t hash, epoch, at, n;
    } * index;
    uint32_t n_interned;
    uint32_t lookups, hits, aside; /* in this window; windows still to be stood aside */
};

enum { FIRST_KEY_ROOM = 6 };

static void cache_clear(struct cache *c, uint32_t key_room)
{
    size_t n;

    c->key_room = key_room;
    c->stride = sizeof(struct entry) + key_room * sizeof(uint64_t);
    n = c->bytes / (c->stride * WAYS);
    c->n_sets = 1;
    while (c->n_sets * 2 <= n)
        c->n_sets *= 2;
    c->pool_used = 0;
    c->n_interned = 0;
    c->epoch++;
    if (c->epoch == 0) { /* once in four thousand million times: marks of old epochs must not look new */
        memset(c->entries, 0, c->bytes);
        memset(c->index, 0, INDEX_SIZE * sizeof c->index[0]);
        c->epoch = 1;
    }
}

int cache_new(struct cache **out, size_t bytes)
{
    struct cache *c = calloc(1, sizeof *c);

    if (!c)
        return -ENOMEM;
    c->bytes = bytes;
    c->entries = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    c->pool_words = (uint32_t)(bytes / sizeof(uint64_t));
    c->pool = malloc(bytes);
    c->index = calloc(INDEX_SIZE, sizeof c->index[0]);
    if (!c->entries || !c->pool || !c->index) {
        cache_free(c);
        return -ENOMEM;
    }
    memset(c->entries, 0, bytes);
    cache_clear(c, FIRST_KEY_ROOM);
    *out = c;
    return 0;
}

void cache_free(struct cache *c)
{
    if (!c)
        return;
    free(c->entries);
    free(c->pool);
    free(c->index);
    free(c);
}

static struct entry *entry_at(struct cache *c, uint32_t hash, unsigned way)
{
    return (struct entry *)(void *)(c->entries + ((size_t)(hash & (c->n_sets - 1)) * WAYS + way) * c->stride);
}

static bool entry_is(const struct entry *e, const struct cache *c, const struct cache_key *k, uint64_t mask_serial)
{
    return e->hash == k->hash && e->epoch == c->epoch && e->mask_serial == mask_serial && e->n == k->n &&
           !memcmp(e->key, k->w, k->n * sizeof k->w[0]);
}

/* At the end of a window: did looking things up pay? */
static void window_end(struct cache *c)
{
    if (c->aside)
        c->aside--;
    else if (c->hits < c->lookups / HIT_PART)
        c->aside = ASIDE_WINDOWS;
    c->lookups = 0;
    c->hits = 0;
}

const uint64_t *cache_find(struct cache *c, const struct cache_key *k, uint64_t mask_serial, uint64_t version)
{
    if (++c->lookups >= WINDOW)
        window_end(c);
    if (c->aside || k->n > c->key_room)
        return NULL;
    for (unsigned way = 0; way < WAYS; way++) {
        const struct entry *e = entry_at(c, k->hash, way);

        if (!entry_is(e, c, k, mask_serial))
            continue;
        if (e->version != version)
            return NULL;
        c->hits++;
        return c->pool + e->program;
    }
    return NULL;
}

/* Where a program of that content lies, stored when it is new; UINT32_MAX when there is no room. */
static uint32_t intern(struct cache *c, const uint64_t *w, uint32_t n)
{
    uint32_t hash = hash_words(w, n, 0);
    uint32_t i = hash & (INDEX_SIZE - 1);

    for (; c->index[i].epoch == c->epoch; i = (i + 1) & (INDEX_SIZE - 1)) {
        const struct interned *p = &c->index[i];

        if (p->hash == hash && p->n == n && !memcmp(c->pool + p->at, w, n * sizeof *w))
            return p->at;
    }
    if (c->n_interned >= INDEX_SIZE / 2 || n > c->pool_words - c->pool_used)
        return UINT32_MAX;
    memcpy(c->pool + c->pool_used, w, n * sizeof *w);
    c->index[i] = (struct interned){ .hash = hash, .epoch = c->epoch, .at = c->pool_used, .n = n };
    c->n_interned++;
    c->pool_used += n;
    return c->index[i].at;
}

/* The entry to write: that of the same key, else one of an old epoch or version, else one picked by the hash. */
static struct entry *entry_to_write(struct cache *c, const struct cache_key *k, uint64_t mask_serial, uint64_t version)
{
    struct entry *stale = NULL;

    for (unsigned way = 0; way < WAYS; way++) {
        struct entry *e = entry_at(c, k->hash, way);

        if (entry_is(e, c, k, mask_serial))
            return e;
        if (e->epoch != c->epoch || e->version != version)
            stale = e;
    }
    return stale ? stale : entry_at(c, k->hash, k->hash >> 30);
}

const uint64_t *cache_store(struct cache *c, const struct cache_key *k, uint64_t mask_serial, uint64_t version,
                            const uint64_t *w, uint32_t n)
{
    if (c->aside || n > c->pool_words / 4)
        return w;
    if (k->n > c->key_room)
        cache_clear(c, k->n);

    uint32_t at = intern(c, w, n);

    if (at == UINT32_MAX) {
        cache_clear(c, c->key_room);
        at = intern(c, w, n);
    }

    struct entry *e = entry_to_write(c, k, mask_serial, version);

    e->hash = k->hash;
    e->epoch = c->epoch;
    e->mask_serial = mask_serial;
    e->version = version;
    e->program = at;
    e->n = k->n;
    memcpy(e->key, k->w, k->n * sizeof k->w[0]);
    return c->pool + at;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* cache.h - a worker's memory of translations: from a key under its entry point's one mask to a program.
 * Flow: parse -> [cache] -> exec, and on a miss translate -> [cache].
 *
 * Bounded and private to one worker: nothing here is shared or locked.  A frame that finds nothing costs a walk of the
 * tables, on the same thread; traffic that never repeats makes the cache step aside. */
#ifndef DATAPATH_CACHE_H
#define DATAPATH_CACHE_H

#include "base/hash.h"
#include "datapath/bridge.h"
#include "datapath/program.h"

struct cache;

/* bytes: for entries; programs have as much again.  -ENOMEM. */
int cache_new(struct cache **out, size_t bytes);
void cache_free(struct cache *c);

/* What one lookup needs: the key under the mask, and its hash. */
struct cache_key {
    uint32_t hash;
    uint16_t n;
    uint64_t w[KEY_WORDS + 1];
};

/* `point` tells entry points apart: a bridge's ingress, or a continuation. */
static inline void cache_key_init(struct cache_key *out, const struct entry_mask *m, const struct key *key,
                                  uint32_t point)
{
    uint64_t h = point;

    out->w[0] = point;
    for (unsigned i = 0; i < m->n; i++) {
        uint64_t v = key->w[m->word[i]] & m->mask[i];

        out->w[i + 1] = v;
        h = hash_add(h, v);
    }
    out->n = (uint16_t)(m->n + 1);
    out->hash = (uint32_t)hash_mix(h);
}

/* The program for that key in that version, or NULL.  Valid until the next cache_store. */
const uint64_t *cache_find(struct cache *c, const struct cache_key *k, uint64_t mask_serial, uint64_t version);
/* Remembers a program of `n` words; returns where it lies now, or `w` itself when the cache has stepped aside. */
const uint64_t *cache_store(struct cache *c, const struct cache_key *k, uint64_t mask_serial, uint64_t version,
                            const uint64_t *w, uint32_t n);

#endif

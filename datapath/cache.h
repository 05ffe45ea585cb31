/* SPDX-License-Identifier: Apache-2.0 */
/* cache.h - a worker's memory of translations: from a key under its entry point's one mask to a program.
 * Flow: plain, parse -> [cache] -> exec, and on a miss translate -> [cache].
 *
 * Keys come in columns: word by word, of a burst of frames each.  Bounded and private to one worker: nothing here is
 * shared or locked.  A frame that finds nothing costs a walk of the tables, on the same thread; traffic that never repeats
 * makes the cache step aside. */
#ifndef DATAPATH_CACHE_H
#define DATAPATH_CACHE_H

#include "base/hash.h"
#include "datapath/bridge.h"
#include "datapath/port.h"
#include "datapath/program.h"

struct cache;

/* The masked keys of a burst: word `j` of frame `i` is word[j][i]. */
struct key_columns {
    unsigned n_words;
    uint64_t hash[PORT_BURST];
    uint64_t word[KEY_WORDS][PORT_BURST];
};

/* What the frames of a lookup have in common. */
struct cache_point {
    uint64_t space;   /* the mask and where it is asked, see cache_space() */
    uint64_t version; /* of the tables */
    uint32_t in_port; /* under the mask; 0 when it is part of the columns */
    const struct entry_mask *mask;
    bool is_plain;                    /* the columns are those of plain frames, else all words of the mask */
    const struct change_log *changes; /* of the bridge; NULL: a program is good for its own version alone */
};

/* `place`: the table where a frame goes on, and its whole key counts; DP_TABLES: where plain frames come in, of which the key
 * is that of plain.h. */
static inline uint64_t cache_space(uint64_t mask_serial, unsigned place)
{
    return mask_serial << 8 | place;
}

/* Adds a word to a hash that begins with hash_begin(), and ends it. */
static inline uint64_t cache_hash_begin(const struct cache_point *p)
{
    return p->space * UINT64_C(0xc4ceb9fe1a85ec53) ^ p->in_port;
}

static inline uint64_t cache_hash_end(uint64_t h)
{
    return (h ^ h >> 32) * UINT64_C(0xff51afd7ed558ccd);
}

/* bytes: for entries; programs have half as much again.  -ENOMEM. */
int cache_new(struct cache **out, size_t bytes);
void cache_free(struct cache *c);
/* Takes the memory of an empty one from the system now, so that its worker never waits for a page.  Thread: C. */
void cache_populate(struct cache *c);

/* For each of the first `n` (1..PORT_BURST) frames the program for its key in that version, or in an older one since which no
 * change concerns it, or NULL; returns how many were found.  They are valid until the next cache_clear. */
unsigned cache_find(struct cache *c, const struct cache_point *p, const struct key_columns *k, unsigned n,
                    struct program **out);
/* As cache_find, of frame `i` alone, which that did not find; as after a store of another frame. */
struct program *cache_find_again(struct cache *c, const struct cache_point *p, const struct key_columns *k, unsigned i);
/* Remembers a program for the key of frame `i`.  NULL: there is no room before a cache_clear, or never. */
struct program *cache_store(struct cache *c, const struct cache_point *p, const struct key_columns *k, unsigned i,
                            const struct program_buf *made);
/* Remembers one that was stored before, since the last cache_clear, for another key. */
void cache_put(struct cache *c, const struct cache_point *p, const struct key_columns *k, unsigned i,
               const struct program *program);
/* Forgets everything. */
void cache_clear(struct cache *c);
/* Changes with every cache_clear. */
uint64_t cache_round(const struct cache *c);

#endif

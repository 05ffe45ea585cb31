/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c - a set-associative table of keys, and a pool of interned programs that they point into.
 *
 * Theory.  A set has WAYS entries, and a tag of 16 bits for each; what does not fit goes to the set beside.  The tags of
 * a set are compared at once, and only an entry
 * whose tag is equal is looked at.  A burst goes through both in passes, each of which fetches ahead what the next reads, so that
 * its frames wait for memory together.  An entry has room for the widest key met since the cache was last emptied.  It is
 * good for one version; met in a newer one it is asked for in the log of changes (change_log.c), and either good for that one
 * too or a miss, and rewritten in place.  Programs are interned by content: many keys
 * share one, and a table change that does not touch a key's way leads back to the same program.  When the pool is full, the
 * caller lets go of what it was given and calls `cache_clear`: no free lists, no bookkeeping per entry.  `aside`: when of WINDOW
 * lookups fewer than one in HIT_PART were hits, and more than that cost another key its entry, the next windows are not looked
 * up at all, since probing would only cost; programs are interned nevertheless. */
#include "datapath/cache.h"

#include <errno.h>
#include <rte_branch_prediction.h>
#include <rte_prefetch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
    WAYS = 8,
    WAYS_ASKED = 2, /* of a full set, for their age, before one is taken: each is a cache line */
    LINE = 64,
    WINDOW = 1 << 15,
    HIT_PART = 4,     /* fewer hits than a quarter: step aside */
    ASIDE_FIRST = 15, /* windows; twice as many each time, up to ASIDE_LAST */
    ASIDE_LAST = 63,
    INDEX_SIZE = 1 << 16, /* of interned programs; a power of two */
    HUGE_PAGE = 2 << 20,
};

struct entry {
    uint32_t program; /* where in the pool */
    uint32_t in_port;
    uint64_t space, version;
    uint64_t key[];
};

/* Eight tags, compared at once. */
typedef uint16_t tag_set __attribute__((vector_size(16)));
typedef int8_t way_set __attribute__((vector_size(8)));

struct cache {
    tag_set *tags; /* 0: no entry */
    uint8_t *entries;
    size_t bytes; /* of all; an entry is a power of two of them, a cache line at least */
    uint32_t n_sets, max_sets, set_shift, stride_bits, key_room;
    uint64_t *pool;
    uint32_t pool_words, pool_used;
    struct interned {
        uint32_t hash, epoch, at, n;
    } * index;
    uint32_t n_interned, epoch;      /* of the index */
    uint32_t lookups, hits, evicted; /* in this window; evicted: good entries, for others */
    uint32_t aside;                  /* windows still to be stood aside */
    uint32_t next_aside;
    uint32_t victim; /* counts replacements */
};

enum { FIRST_KEY_ROOM = 5 };

/* Lays the entries out anew, with room for that many key words; none is left. */
static void lay_out(struct cache *c, uint32_t key_room)
{
    size_t n;

    c->stride_bits = 6;
    while (((size_t)1 << c->stride_bits) < sizeof(struct entry) + key_room * sizeof(uint64_t))
        c->stride_bits++;
    c->key_room = (uint32_t)((((size_t)1 << c->stride_bits) - sizeof(struct entry)) / sizeof(uint64_t));
    n = (c->bytes >> c->stride_bits) / WAYS;
    c->n_sets = 1;
    c->set_shift = 64;
    while (c->n_sets * 2 <= n) {
        c->n_sets *= 2;
        c->set_shift--;
    }
    memset(c->tags, 0, c->n_sets * sizeof c->tags[0]);
}

void cache_clear(struct cache *c)
{
    lay_out(c, c->key_room);
    c->pool_used = 0;
    c->n_interned = 0;
    c->epoch++;
    if (c->epoch == 0) { /* once in four thousand million times: marks of old epochs must not look new */
        memset(c->index, 0, INDEX_SIZE * sizeof c->index[0]);
        c->epoch = 1;
    }
}

/* Memory that costs nothing before it is used, in large pages where there are some. */
static void *map_lazily(size_t bytes)
{
    size_t size = (bytes + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    void *p = bytes < HUGE_PAGE ? aligned_alloc(LINE, (bytes + LINE - 1) & ~(size_t)(LINE - 1))
                                : aligned_alloc(HUGE_PAGE, size);

    if (p && bytes >= HUGE_PAGE)
        madvise(p, size, MADV_HUGEPAGE);
    return p;
}

int cache_new(struct cache **out, size_t bytes)
{
    struct cache *c = calloc(1, sizeof *c);

    if (!c)
        return -ENOMEM;
    c->bytes = bytes;
    c->entries = map_lazily(bytes);
    c->max_sets = (uint32_t)(bytes / (LINE * WAYS)) + 1;
    c->tags = map_lazily(c->max_sets * sizeof c->tags[0]);
    c->pool_words = (uint32_t)(bytes / sizeof(uint64_t) / 2);
    c->pool = map_lazily(c->pool_words * sizeof c->pool[0]);
    c->index = calloc(INDEX_SIZE, sizeof c->index[0]);
    if (!c->entries || !c->tags || !c->pool || !c->index) {
        cache_free(c);
        return -ENOMEM;
    }
    c->key_room = FIRST_KEY_ROOM;
    c->next_aside = ASIDE_FIRST;
    cache_clear(c);
    *out = c;
    return 0;
}

void cache_free(struct cache *c)
{
    if (!c)
        return;
    free(c->entries);
    free(c->tags);
    free(c->pool);
    free(c->index);
    free(c);
}

void cache_populate(struct cache *c)
{
    memset(c->entries, 0, c->bytes);
    memset(c->tags, 0, c->max_sets * sizeof c->tags[0]);
    memset(c->pool, 0, c->pool_words * sizeof c->pool[0]);
}

/* --- finding --- */

static inline uint32_t set_of(const struct cache *c, uint64_t hash)
{
    return c->set_shift < 64 ? (uint32_t)(hash >> c->set_shift) : 0;
}

/* The set that takes what a full one cannot: its tags are in the same cache line. */
static inline uint32_t beside(const struct cache *c, uint32_t set)
{
    return c->n_sets > 1 ? set ^ 1 : set;
}

static inline uint16_t tag_of(uint64_t hash)
{
    uint16_t tag = (uint16_t)(hash >> 16);

    return tag ? tag : 1;
}

static inline struct entry *entry_at(const struct cache *c, uint32_t set, unsigned way)
{
    return (struct entry *)(void *)(c->entries + (((size_t)set * WAYS + way) << c->stride_bits));
}

/* The ways of that tag: all bits of byte `i` for way `i`. */
static inline uint64_t ways_of(tag_set tags, uint16_t tag)
{
    tag_set wanted = { tag, tag, tag, tag, tag, tag, tag, tag };
    way_set same = __builtin_convertvector(tags == wanted, way_set);
    uint64_t ways;

    memcpy(&ways, &same, sizeof ways);
    return ways;
}

static inline unsigned first_way(uint64_t ways)
{
    return (unsigned)__builtin_ctzll(ways) / 8;
}

static inline uint64_t next_ways(uint64_t ways)
{
    return ways & ~(UINT64_C(0xff) << first_way(ways) * 8);
}

static ALWAYS_INLINE bool entry_is(const struct entry *e, const struct cache_point *p, const struct key_columns *k,
                                   unsigned n_words, unsigned i)
{
    uint64_t difference = (e->space ^ p->space) | (e->in_port ^ p->in_port);

#pragma GCC unroll 4
    for (unsigned j = 0; j < n_words; j++)
        difference |= e->key[j] ^ k->word[j][i];
    return !difference;
}

/* The entry of the key, of whatever version, in its set or the one beside. */
static struct entry *search(const struct cache *c, const struct cache_point *p, const struct key_columns *k, unsigned i)
{
    uint32_t first = set_of(c, k->hash[i]);

    for (uint32_t set = first, n = 0; n < 2; set = beside(c, first), n++)
        for (uint64_t ways = ways_of(c->tags[set], tag_of(k->hash[i])); ways; ways = next_ways(ways)) {
            struct entry *e = entry_at(c, set, first_way(ways));

            if (entry_is(e, p, k, k->n_words, i))
                return e;
        }
    return NULL;
}

static inline struct program *program_at(const struct cache *c, uint32_t at)
{
    return (struct program *)(void *)(c->pool + at);
}

/* Makes an entry of an older version good for this one, when no change since concerns it. */
static bool renew(const struct cache *c, const struct cache_point *p, struct entry *e)
{
    struct known_key k = { .mask = p->mask, .word = e->key, .is_plain = p->is_plain, .in_port = e->in_port };

    if (!p->changes || e->version > p->version ||
        change_log_concerns(p->changes, e->version, &program_at(c, e->program)->lookups, &k))
        return false;
    e->version = p->version;
    return true;
}

/* What an entry that was found leads to: here its age is asked for. */
static inline struct program *program_of(const struct cache *c, const struct cache_point *p, struct entry *e)
{
    return likely(e->version == p->version) || renew(c, p, e) ? program_at(c, e->program) : NULL;
}

/* At the end of a window: did looking things up pay? */
static void window_end(struct cache *c)
{
    if (c->aside) {
        c->aside--;
    } else if (c->hits < c->lookups / HIT_PART && c->evicted > c->lookups / HIT_PART) {
        c->aside = c->next_aside;
        c->next_aside = c->next_aside * 2 > ASIDE_LAST ? ASIDE_LAST : c->next_aside * 2;
    } else {
        c->next_aside = ASIDE_FIRST;
    }
    c->lookups = c->hits = c->evicted = 0;
}

/* The last pass: are the entries those of the keys?  Of few words their number is known when this is compiled. */
static ALWAYS_INLINE unsigned compare(const struct cache *c, const struct cache_point *p, const struct key_columns *k,
                                      unsigned n_words, unsigned n, struct entry **at, struct program **out)
{
    unsigned hits = 0;

    for (unsigned i = 0; i < n; i++) {
        struct entry *e = at[i];

        if (e && unlikely(!entry_is(e, p, k, n_words, i)))
            e = search(c, p, k, i);
        out[i] = e ? program_of(c, p, e) : NULL;
        rte_prefetch0(out[i]);
        hits += out[i] != NULL;
    }
    return hits;
}

/* Do all frames have one key? */
static bool is_one_key(const struct key_columns *k, unsigned n)
{
    uint64_t difference = 0;

    for (unsigned i = 1; i < n; i++)
        difference |= k->hash[i] ^ k->hash[0];
    if (likely(difference))
        return false;
    for (unsigned j = 0; j < k->n_words; j++)
        for (unsigned i = 1; i < n; i++)
            difference |= k->word[j][i] ^ k->word[j][0];
    return !difference;
}

unsigned cache_find(struct cache *c, const struct cache_point *p, const struct key_columns *k, unsigned n,
                    struct program **out)
{
    struct entry *at[PORT_BURST];
    unsigned hits;

    c->lookups += n;
    if (c->lookups >= WINDOW)
        window_end(c);
    if (c->aside || k->n_words > c->key_room) {
        memset(out, 0, n * sizeof out[0]);
        return 0;
    }
    if (is_one_key(k, n)) {
        struct entry *e = search(c, p, k, 0);

        out[0] = e ? program_of(c, p, e) : NULL;
        for (unsigned i = 1; i < n; i++)
            out[i] = out[0];
        hits = out[0] ? n : 0;
        c->hits += hits;
        return hits;
    }
    for (unsigned i = 0; i < n; i++)
        rte_prefetch0(&c->tags[set_of(c, k->hash[i])]);
    for (unsigned i = 0; i < n; i++) {
        uint32_t set = set_of(c, k->hash[i]);
        uint64_t ways = ways_of(c->tags[set], tag_of(k->hash[i]));

        if (unlikely(!ways)) {
            set = beside(c, set);
            ways = ways_of(c->tags[set], tag_of(k->hash[i]));
        }
        at[i] = ways ? entry_at(c, set, first_way(ways)) : NULL;
        rte_prefetch0(at[i]);
    }
    switch (k->n_words) {
    case 1:
        hits = compare(c, p, k, 1, n, at, out);
        break;
    case 2:
        hits = compare(c, p, k, 2, n, at, out);
        break;
    case 3:
        hits = compare(c, p, k, 3, n, at, out);
        break;
    case 4:
        hits = compare(c, p, k, 4, n, at, out);
        break;
    default:
        hits = compare(c, p, k, k->n_words, n, at, out);
        break;
    }
    c->hits += hits;
    return hits;
}

struct program *cache_find_again(struct cache *c, const struct cache_point *p, const struct key_columns *k, unsigned i)
{
    struct entry *e = c->aside || k->n_words > c->key_room ? NULL : search(c, p, k, i);

    return e ? program_of(c, p, e) : NULL;
}

/* --- storing --- */

static bool is_same(const struct program *p, const struct program_buf *made)
{
    return p->lookups.tables == made->lookups.tables && p->lookups.edits == made->lookups.edits &&
           !memcmp(program_words(p), made->w, made->n * sizeof *made->w);
}

/* Where a program of that content lies, stored when it is new; UINT32_MAX when there is no room. */
static uint32_t intern(struct cache *c, const struct program_buf *made)
{
    uint32_t n = made->n, hash = hash_words(made->w, n, 0);
    uint32_t i = hash & (INDEX_SIZE - 1);
    struct program *new;

    for (; c->index[i].epoch == c->epoch; i = (i + 1) & (INDEX_SIZE - 1)) {
        const struct interned *p = &c->index[i];

        if (p->hash == hash && p->n == n && is_same(program_at(c, p->at), made))
            return p->at;
    }
    if (c->n_interned >= INDEX_SIZE / 2 || n + PROGRAM_HEAD_WORDS > c->pool_words - c->pool_used)
        return UINT32_MAX;
    new = (struct program *)(void *)(c->pool + c->pool_used);
    c->index[i] = (struct interned){ .hash = hash, .epoch = c->epoch, .at = c->pool_used, .n = n };
    c->n_interned++;
    c->pool_used += program_make(new, made);
    return c->index[i].at;
}

/* The tag and entry to write: those of the same key, else free ones, else of an old version, else in turn. */
static void take_entry(struct cache *c, const struct cache_point *p, const struct key_columns *k, unsigned i,
                       struct entry **out)
{
    uint32_t sets[2] = { set_of(c, k->hash[i]), beside(c, set_of(c, k->hash[i])) }, set = sets[0];
    unsigned way = c->victim++ % WAYS;
    bool is_good = true;

    *out = search(c, p, k, i);
    if (*out)
        return;
    for (unsigned n = 0; n < 2 && is_good; n++) {
        uint64_t free_ways = ways_of(c->tags[sets[n]], 0);

        if (free_ways) {
            set = sets[n];
            way = first_way(free_ways);
            is_good = false;
        }
    }
    for (unsigned n = 0; n < WAYS_ASKED && is_good; n++)
        if (entry_at(c, set, (way + n) % WAYS)->version != p->version) {
            way = (way + n) % WAYS;
            is_good = false;
        }
    c->evicted += is_good;
    c->tags[set][way] = tag_of(k->hash[i]);
    *out = entry_at(c, set, way);
}

void cache_put(struct cache *c, const struct cache_point *p, const struct key_columns *k, unsigned i,
               const struct program *program)
{
    struct entry *e;

    if (c->aside)
        return;
    if (k->n_words > c->key_room)
        lay_out(c, k->n_words);
    take_entry(c, p, k, i, &e);
    e->program = (uint32_t)((const uint64_t *)(const void *)program - c->pool);
    e->in_port = p->in_port;
    e->space = p->space;
    e->version = p->version;
    for (unsigned j = 0; j < k->n_words; j++)
        e->key[j] = k->word[j][i];
}

struct program *cache_store(struct cache *c, const struct cache_point *p, const struct key_columns *k, unsigned i,
                            const struct program_buf *made)
{
    uint32_t at = intern(c, made);

    if (at == UINT32_MAX)
        return NULL;
    cache_put(c, p, k, i, program_at(c, at));
    return program_at(c, at);
}

uint64_t cache_round(const struct cache *c)
{
    return c->epoch;
}

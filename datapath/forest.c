/* SPDX-License-Identifier: Apache-2.0 */
/* forest.c - looks keys up in a forest; see forest_impl.h for its form.
 *
 * Theory.  Of a burst, all keys go down a tree together, level by level: what one key waits for from memory is asked for
 * while the others are served.  `forest_find` notes only place and priority of the best rule, whatever version it is visible in,
 * and asks the rule itself at the end, once.  Seldom it turns out to be removed or not visible; then the key is looked up again
 * with care (`forest_next`), which asks every rule on the way. */
#include "datapath/forest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/forest_impl.h"
#include "datapath/rule.h"
#include "datapath/table.h"

#ifdef __clang__ /* has no such preference */
#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#endif

enum { NONE = UINT32_MAX };

/* --- one leaf --- */

/* Bit i: the rule in lane i matches. */
__attribute__((always_inline)) static inline unsigned match_lanes(const struct block *b, const uint64_t *key,
                                                                  unsigned n_words)
{
    uint64_t differs[LANES] = { 0 };
    unsigned matches = 0;

    for (unsigned w = 0; w < n_words; w++) {
        const uint64_t *value = b->lanes + (size_t)w * 2 * LANES, *mask = value + LANES;

        for (unsigned i = 0; i < LANES; i++)
            differs[i] |= (key[w] & mask[i]) ^ value[i];
    }
    for (unsigned i = 0; i < LANES; i++)
        matches |= (unsigned)!differs[i] << i;
    return matches;
}

static inline const struct block *block_next(const struct forest *f, const struct block *b)
{
    return b->has_next ? (const struct block *)(const void *)((const uint8_t *)b + f->block_size) : NULL;
}

/* The order of an enumeration: does `r` come behind `other`? */
static inline bool is_behind(const struct rule *r, const struct rule *other)
{
    if (r->priority != other->priority)
        return r->priority < other->priority;
    return (uintptr_t)r > (uintptr_t)other;
}

/* --- one key --- */

static const struct block *leaf_of(const struct forest *f, const struct tree *t, const uint64_t *key)
{
    struct slot s = t->root;

    while (s.high != SLOT_IS_LEAF)
        s = f->slots[s.at + (cut_take(s.high, key) << cut_bits(s.low) | cut_take(s.low, key))];
    return s.at ? block_at(f, s.at) : NULL;
}

const struct rule *forest_next(const struct forest *f, const struct key *key, uint64_t version, const struct rule *last,
                               const struct rule *best)
{
    uint64_t words[PACK_WORDS_MAX];

    key_pack(&f->packing, key, words);
    for (unsigned t = 0; t < f->n_trees; t++)
        for (const struct block *b = leaf_of(f, &f->trees[t], words); b; b = block_next(f, b))
            for (unsigned m = match_lanes(b, words, f->packing.n_words); m; m &= m - 1) {
                const struct rule *r =
                    atomic_load_explicit(&f->rules[b->place[__builtin_ctz(m)]], memory_order_acquire);

                if (r && rule_is_visible(r, version) && (!last || is_behind(r, last)) && (!best || is_behind(best, r)))
                    best = r;
            }
    return best;
}

/* --- a burst --- */

struct burst {
    unsigned n, n_words;
    const struct slot *at[TABLE_BURST];
    uint32_t leaf[TABLE_BURST];
    uint8_t active[TABLE_BURST], in_leaf[TABLE_BURST];
    int32_t priority[TABLE_BURST]; /* of the best so far; -1: none */
    uint32_t place[TABLE_BURST];   /* of the best so far */
    uint64_t words[TABLE_BURST][PACK_WORDS_MAX];
};

__attribute__((always_inline)) static inline const struct slot *child(const struct forest *f, struct slot s,
                                                                      const uint64_t *key)
{
    const struct slot *c = &f->slots[s.at + (cut_take(s.high, key) << cut_bits(s.low) | cut_take(s.low, key))];

    __builtin_prefetch(c);
    return c;
}

__attribute__((always_inline)) static inline void prefetch_block(const struct forest *f, const struct block *b)
{
    for (size_t i = 0; i < f->block_size; i += 64)
        __builtin_prefetch((const uint8_t *)b + i);
}

/* All keys whose best the tree may beat go down to their leaves.  Returns how many leaves may hold something better. */
__attribute__((always_inline)) static inline unsigned descend(const struct forest *f, const struct tree *t,
                                                              struct burst *x)
{
    unsigned n = 0, n_leaves = 0;

    for (unsigned i = 0; i < x->n; i++)
        if (x->priority[i] < t->priority) {
            x->at[i] = t->root.high == SLOT_IS_LEAF ? &t->root : child(f, t->root, x->words[i]);
            x->active[n++] = (uint8_t)i;
        }
    while (n) {
        unsigned n_left = 0;

        for (unsigned k = 0; k < n; k++) {
            unsigned i = x->active[k];
            struct slot s = *x->at[i];

            if (s.high != SLOT_IS_LEAF) {
                x->at[i] = child(f, s, x->words[i]);
                x->active[n_left++] = (uint8_t)i;
            } else if (s.at && x->priority[i] < s.priority) {
                x->leaf[i] = s.at;
                prefetch_block(f, block_at(f, s.at));
                x->in_leaf[n_leaves++] = (uint8_t)i;
            }
        }
        n = n_left;
    }
    return n_leaves;
}

__attribute__((always_inline)) static inline void search_leaf(const struct forest *f, struct burst *x, unsigned i)
{
    for (const struct block *b = block_at(f, x->leaf[i]); b && b->priority[0] > x->priority[i]; b = block_next(f, b)) {
        unsigned m = match_lanes(b, x->words[i], x->n_words);

        if (m) {
            unsigned lane = (unsigned)__builtin_ctz(m);

            if (b->priority[lane] > x->priority[i]) {
                x->priority[i] = b->priority[lane];
                x->place[i] = b->place[lane];
            }
            return;
        }
    }
}

/* One key goes down all trees together: without others there is nothing else to do meanwhile. */
__attribute__((always_inline)) static inline void search_alone(const struct forest *f, struct burst *x)
{
    struct slot s[FOREST_TREES_MAX];
    unsigned n_active = 0, active[FOREST_TREES_MAX];

    for (unsigned t = 0; t < f->n_trees; t++) {
        s[t] = f->trees[t].root;
        x->at[t] = s[t].high == SLOT_IS_LEAF ? &f->trees[t].root : child(f, s[t], x->words[0]);
        active[n_active++] = t;
    }
    while (n_active) {
        unsigned n_left = 0;

        for (unsigned k = 0; k < n_active; k++) {
            unsigned t = active[k];

            s[t] = *x->at[t];
            if (s[t].high != SLOT_IS_LEAF) {
                x->at[t] = child(f, s[t], x->words[0]);
                active[n_left++] = t;
            } else if (s[t].at) {
                prefetch_block(f, block_at(f, s[t].at));
            }
        }
        n_active = n_left;
    }
    for (unsigned t = 0; t < f->n_trees; t++)
        if (s[t].at && s[t].priority > x->priority[0]) {
            x->leaf[0] = s[t].at;
            search_leaf(f, x, 0);
        }
}

__attribute__((always_inline)) static inline void search(const struct forest *f, struct burst *x)
{
    if (x->n == 1) {
        search_alone(f, x);
        return;
    }
    for (unsigned t = 0; t < f->n_trees; t++) {
        unsigned n = descend(f, &f->trees[t], x);

        for (unsigned k = 0; k < n; k++)
            search_leaf(f, x, x->in_leaf[k]);
    }
}

static void search_plain(const struct forest *f, struct burst *x)
{
    search(f, x);
}

__attribute__((target("avx2"))) static void search_avx2(const struct forest *f, struct burst *x)
{
    search(f, x);
}

WITH_AVX512 static void search_avx512(const struct forest *f, struct burst *x)
{
    search(f, x);
}

/* The comparisons of a leaf are one operation a word and 512 bits; the compiler makes them of the same lines each time. */
static void (*const search_with[FOREST_VECTORS])(const struct forest *f, struct burst *x) = {
    [FOREST_PLAIN] = search_plain,
    [FOREST_AVX2] = search_avx2,
    [FOREST_AVX512] = search_avx512,
};

bool forest_has_vectors(enum forest_vectors v)
{
    switch (v) {
    case FOREST_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case FOREST_AVX2:
        return __builtin_cpu_supports("avx2");
    case FOREST_PLAIN:
    case FOREST_VECTORS:
        break;
    }
    return v == FOREST_PLAIN;
}

void forest_find_with(enum forest_vectors v, const struct forest *f, const struct key *const *keys, unsigned n,
                      uint64_t version, const struct rule **out)
{
    struct burst x;

    x.n = n;
    x.n_words = f->packing.n_words;
    for (unsigned i = 0; i < n; i++) {
        key_pack(&f->packing, keys[i], x.words[i]);
        x.priority[i] = out[i] ? out[i]->priority : -1;
        x.place[i] = NONE;
    }
    search_with[v](f, &x);
    for (unsigned i = 0; i < n; i++)
        if (x.place[i] != NONE)
            __builtin_prefetch((const void *)&f->rules[x.place[i]]);
    for (unsigned i = 0; i < n; i++) {
        if (x.place[i] == NONE)
            continue;

        const struct rule *r = atomic_load_explicit(&f->rules[x.place[i]], memory_order_acquire);

        if (r && rule_is_visible(r, version))
            out[i] = r;
        else
            out[i] = forest_next(f, keys[i], version, NULL, out[i]);
    }
}

void forest_find(const struct forest *f, const struct key *const *keys, unsigned n, uint64_t version,
                 const struct rule **out)
{
    unsigned v = FOREST_VECTORS - 1;

    while (!forest_has_vectors(v))
        v--;
    forest_find_with(v, f, keys, n, version, out);
}

/* --- thread C --- */

void forest_remove(struct forest *f, uint32_t place)
{
    atomic_store_explicit(&f->rules[place], NULL, memory_order_release);
    f->n_live--;
}

size_t forest_bytes(const struct forest *f)
{
    return f->bytes;
}

void forest_free(struct forest *f)
{
    if (!f)
        return;
    free(f->slots);
    free(f->blocks);
    free((void *)f->rules);
    free(f->words);
    free(f->priority);
    free(f->order);
    free(f);
}

int forest_new(struct forest **out, const struct key *mask, uint32_t room)
{
    struct forest *f = calloc(1, sizeof *f);

    if (!f)
        return -ENOMEM;
    if (!packing_init(&f->packing, mask)) {
        free(f);
        return -E2BIG;
    }
    f->block_size = sizeof(struct block) + f->packing.n_words * 2 * LANES * sizeof(uint64_t);
    f->rules = calloc(room, sizeof f->rules[0]);
    f->words = malloc(((size_t)room * 2 * f->packing.n_words + 1) * sizeof f->words[0]);
    f->priority = malloc(room * sizeof f->priority[0]);
    if (!f->rules || !f->words || !f->priority) {
        forest_free(f);
        return -ENOMEM;
    }
    *out = f;
    return 0;
}

uint32_t forest_add(struct forest *f, struct rule *r)
{
    const uint64_t *values = compact_match_values(r->match), *masks = compact_match_masks(r->match);
    unsigned n_words = f->packing.n_words, word;
    uint64_t *words = f->words + (size_t)f->n_rules * 2 * n_words;
    struct key value, mask;

    for (unsigned i = 0; i < f->packing.n_runs; i++)
        value.w[f->packing.runs[i].word] = mask.w[f->packing.runs[i].word] = 0;
    for_each_key_word (word, &r->match->map) {
        value.w[word] = *values++;
        mask.w[word] = *masks++;
    }
    key_pack(&f->packing, &value, words);
    key_pack(&f->packing, &mask, words + n_words);
    f->priority[f->n_rules] = r->priority;
    atomic_init(&f->rules[f->n_rules], r);
    f->n_live++;
    return f->n_rules++;
}

size_t forest_count(const struct forest *f)
{
    return f->n_live;
}

void forest_each(const struct forest *f, void (*fn)(void *arg, struct rule *r), void *arg)
{
    for (uint32_t i = 0; i < f->n_rules; i++) {
        struct rule *r = atomic_load_explicit(&f->rules[i], memory_order_relaxed);

        if (r)
            fn(arg, r);
    }
}

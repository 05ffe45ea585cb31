/* SPDX-License-Identifier: Apache-2.0 */
/* forest_impl.h - what forest_build.c makes and forest.c walks.
 *
 * Theory.  A tree is an array of slots.  An inner slot says which bits of the packed key to take (two windows of neighbouring
 * bits) and where the slots are that their value chooses from.  A leaf slot leads to blocks of rules, sorted by falling
 * priority, of which all that match the key are found by comparing. */
#ifndef DATAPATH_FOREST_IMPL_H
#define DATAPATH_FOREST_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/forest.h"
#include "datapath/key_pack.h"

enum { FOREST_TREES_MAX = 4, LANES = 8, CUT_BITS_MAX = 15, SLOT_IS_LEAF = 0 };

/* A window of bits: its word, its lowest bit, how many bits (0: none). */
typedef uint16_t cut;

static inline cut cut_of(unsigned word, unsigned shift, unsigned bits)
{
    return (cut)(word << 10 | shift << 4 | bits);
}

static inline unsigned cut_bits(cut c)
{
    return c & 15u;
}

static inline uint32_t cut_take(cut c, const uint64_t *words)
{
    return (uint32_t)(words[c >> 10] >> (c >> 4 & 63)) & ((1u << cut_bits(c)) - 1);
}

struct slot {
    uint32_t at; /* inner: the first of its slots; leaf: its first block, 0: none */
    cut high;    /* SLOT_IS_LEAF: a leaf */
    union {
        cut low;
        uint16_t priority; /* of a leaf: the highest */
    };
};

/* Up to LANES rules; then, for each packed word, their values and their masks. */
struct block {
    _Alignas(64) uint32_t place[LANES];
    uint16_t priority[LANES];
    uint8_t n;
    bool has_next; /* the next block belongs to the same leaf */
    uint64_t lanes[] __attribute__((aligned(64)));
};

struct tree {
    struct slot root;
    uint16_t priority; /* the highest */
};

struct forest {
    struct packing packing;
    unsigned n_trees;
    struct tree trees[FOREST_TREES_MAX]; /* by falling priority */
    struct slot *slots;
    uint8_t *blocks;
    size_t block_size;
    _Atomic(struct rule *) *rules; /* by place; NULL: removed */
    uint32_t n_rules;
    size_t n_live; /* C only: not removed */
    size_t bytes;
    /* for forest_build(): of each rule its values, then masks; and its priority.  By place first, then sorted by falling
     * priority, with the places beside it */
    uint64_t *words;
    uint16_t *priority;
    uint32_t *order;
};

static inline const struct block *block_at(const struct forest *f, uint32_t i)
{
    return (const struct block *)(const void *)(f->blocks + (size_t)i * f->block_size);
}

/* While it is built. */
static inline const uint64_t *forest_value(const struct forest *f, uint32_t rule)
{
    return f->words + (size_t)rule * 2 * f->packing.n_words;
}

static inline const uint64_t *forest_mask(const struct forest *f, uint32_t rule)
{
    return forest_value(f, rule) + f->packing.n_words;
}

/* Which vector instructions a lookup uses, the widest last.  All answer the same. */
enum forest_vectors { FOREST_PLAIN, FOREST_AVX2, FOREST_AVX512, FOREST_VECTORS };

bool forest_has_vectors(enum forest_vectors v); /* this CPU */
void forest_find_with(enum forest_vectors v, const struct forest *f, const struct key *const *keys, unsigned n,
                      uint64_t version, const struct rule **out);

#endif

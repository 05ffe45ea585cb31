/* SPDX-License-Identifier: Apache-2.0 */
/* match.h - a flow key, a match (value under mask), and the compact forms that rules are kept in.
 * Everything is host order; a bit of `value` outside `mask` is always zero. */
#ifndef BASE_MATCH_H
#define BASE_MATCH_H

#include "base/field.h"

/* Every field of one frame at its place.  Sparse in use: only the words that somebody asks for are filled in. */
struct key {
    uint64_t w[KEY_WORDS];
};

struct match {
    struct key value, mask;
};

static inline struct value key_get(const struct key *k, enum field_id id)
{
    const struct field_info *f = &field_table[id];

    if (f->bits > 64)
        return (struct value){ .hi = k->w[f->word], .lo = k->w[f->word + 1] };
    return value_of(k->w[f->word] >> f->shift & field_ones(id).lo);
}

/* Sets those bits of the field that are in `mask`. */
static inline void key_set_masked(struct key *k, enum field_id id, struct value v, struct value mask)
{
    const struct field_info *f = &field_table[id];

    if (f->bits > 64) {
        k->w[f->word] = (k->w[f->word] & ~mask.hi) | (v.hi & mask.hi);
        k->w[f->word + 1] = (k->w[f->word + 1] & ~mask.lo) | (v.lo & mask.lo);
        return;
    }
    mask.lo &= field_ones(id).lo;
    k->w[f->word] = (k->w[f->word] & ~(mask.lo << f->shift)) | (v.lo & mask.lo) << f->shift;
}

static inline void key_set(struct key *k, enum field_id id, struct value v)
{
    key_set_masked(k, id, v, field_ones(id));
}

static inline void key_set_u64(struct key *k, enum field_id id, uint64_t v)
{
    key_set_masked(k, id, value_of(v), field_ones(id));
}

/* Adds "field & mask == v & mask" to the match; an earlier condition on those bits is replaced. */
void match_set_masked(struct match *m, enum field_id id, struct value v, struct value mask);
void match_set(struct match *m, enum field_id id, uint64_t v); /* exact, 64 bits at most */
bool match_is_exact(const struct match *m, enum field_id id);  /* every bit of the field is in the mask */
bool match_has(const struct match *m, enum field_id id);       /* some bit of the field's place is in the mask */
bool match_equal(const struct match *a, const struct match *b);
/* Every frame that `narrow` matches is matched by `wide` too (the loose comparison of non-strict flow-mods). */
bool match_covers(const struct match *wide, const struct match *narrow);
/* Some frame could match both. */
bool match_overlaps(const struct match *a, const struct match *b);
/* Holds the condition one row of the field's prerequisites asks for? */
bool match_meets_needs(const struct match *m, enum field_id id);

/* Which words of a key are in use, bit i of map[i / 64]. */
enum { KEY_MAP_WORDS = (KEY_WORDS + 63) / 64 };
struct key_map {
    uint64_t bits[KEY_MAP_WORDS];
};

/* A match without its empty words: n values, then n masks, in word order. */
struct compact_match {
    struct key_map map;
    uint16_t n;
    uint64_t w[];
};

size_t compact_match_size(const struct match *m);                        /* bytes */
void compact_match_init(struct compact_match *c, const struct match *m); /* `c`: compact_match_size() bytes */
void compact_match_expand(struct match *out, const struct compact_match *c);
bool compact_match_equal(const struct compact_match *a, const struct compact_match *b);
uint32_t compact_match_hash(const struct compact_match *c, uint32_t basis);
/* Bytes of one that is there already. */
static inline size_t compact_match_bytes(const struct compact_match *c)
{
    return sizeof *c + 2u * c->n * sizeof c->w[0];
}
/* As match_covers and match_overlaps. */
bool compact_match_covers(const struct compact_match *wide, const struct compact_match *narrow);
bool compact_match_overlaps(const struct compact_match *a, const struct compact_match *b);

static inline const uint64_t *compact_match_values(const struct compact_match *c)
{
    return c->w;
}

static inline const uint64_t *compact_match_masks(const struct compact_match *c)
{
    return c->w + c->n;
}

/* Runs the body for every key word `word_` in use. */
#define for_each_key_word(word_, map_) \
    for (unsigned mw_ = 0; mw_ < KEY_MAP_WORDS; mw_++) \
        for (uint64_t mb_ = (map_)->bits[mw_]; mb_ && ((word_ = mw_ * 64 + (unsigned)__builtin_ctzll(mb_)), true); \
             mb_ &= mb_ - 1)

#endif

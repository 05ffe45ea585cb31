/* SPDX-License-Identifier: Apache-2.0 */
/* match.c - comparing and packing matches; see match.h. */
#include "base/match.h"

#include "base/hash.h"

#include <string.h>

enum field_id field_by_name(const char *name, size_t len)
{
    for (int i = 0; i < FIELD_N; i++) {
        const struct field_info *f = &field_table[i];

        if (strlen(f->name) == len && !memcmp(f->name, name, len))
            return (enum field_id)i;
        for (int j = 0; j < FIELD_NAMES && f->names[j]; j++)
            if (strlen(f->names[j]) == len && !memcmp(f->names[j], name, len))
                return (enum field_id)i;
    }
    return FIELD_NONE;
}

void match_set_masked(struct match *m, enum field_id id, struct value v, struct value mask)
{
    key_set_masked(&m->mask, id, mask, field_ones(id));
    key_set_masked(&m->value, id, (struct value){ v.hi & mask.hi, v.lo & mask.lo }, field_ones(id));
}

void match_set(struct match *m, enum field_id id, uint64_t v)
{
    match_set_masked(m, id, value_of(v), field_ones(id));
}

bool match_is_exact(const struct match *m, enum field_id id)
{
    struct value mask = key_get(&m->mask, id), ones = field_ones(id);

    return mask.hi == ones.hi && mask.lo == ones.lo;
}

bool match_has(const struct match *m, enum field_id id)
{
    struct value mask = key_get(&m->mask, id);

    return mask.hi || mask.lo;
}

bool match_equal(const struct match *a, const struct match *b)
{
    return !memcmp(a, b, sizeof *a);
}

bool match_covers(const struct match *wide, const struct match *narrow)
{
    for (int i = 0; i < KEY_WORDS; i++) {
        uint64_t mask = wide->mask.w[i];

        if (mask & ~narrow->mask.w[i] || (wide->value.w[i] ^ narrow->value.w[i]) & mask)
            return false;
    }
    return true;
}

bool match_overlaps(const struct match *a, const struct match *b)
{
    for (int i = 0; i < KEY_WORDS; i++)
        if ((a->value.w[i] ^ b->value.w[i]) & a->mask.w[i] & b->mask.w[i])
            return false;
    return true;
}

static bool cond_holds(const struct match *m, const struct field_cond *c)
{
    if (c->field == FIELD_NONE)
        return true;
    if (c->is_any)
        return match_has(m, c->field);
    return match_is_exact(m, c->field) && key_get(&m->value, c->field).lo == c->value;
}

bool match_meets_needs(const struct match *m, enum field_id id)
{
    const struct field_info *f = &field_table[id];

    if (f->need[0][0].field == FIELD_NONE)
        return true;
    for (int row = 0; row < FIELD_NEEDS; row++) {
        if (f->need[row][0].field == FIELD_NONE)
            break;

        bool holds = true;

        for (int i = 0; i < FIELD_CONDS; i++)
            holds &= cond_holds(m, &f->need[row][i]);
        if (holds)
            return true;
    }
    return false;
}

static struct key_map mask_map(const struct key *mask)
{
    struct key_map map = { 0 };
    const uint64_t *w = mask->w;
    unsigned i = 0;

    for (; i + 4 <= KEY_WORDS; i += 4) /* most of a mask is empty */
        if (w[i] | w[i + 1] | w[i + 2] | w[i + 3])
            for (unsigned k = i; k < i + 4; k++)
                map.bits[k / 64] |= (uint64_t)(w[k] != 0) << k % 64;
    for (; i < KEY_WORDS; i++)
        map.bits[i / 64] |= (uint64_t)(w[i] != 0) << i % 64;
    return map;
}

static unsigned map_count(const struct key_map *map)
{
    unsigned n = 0;

    for (unsigned i = 0; i < KEY_MAP_WORDS; i++)
        n += (unsigned)__builtin_popcountll(map->bits[i]);
    return n;
}

size_t compact_match_size(const struct match *m)
{
    struct key_map map = mask_map(&m->mask);

    return sizeof(struct compact_match) + 2 * map_count(&map) * sizeof(uint64_t);
}

void compact_match_init(struct compact_match *c, const struct match *m)
{
    unsigned word, i = 0;

    c->map = mask_map(&m->mask);
    c->n = (uint16_t)map_count(&c->map);
    for_each_key_word (word, &c->map) {
        c->w[i] = m->value.w[word];
        c->w[c->n + i] = m->mask.w[word];
        i++;
    }
}

void compact_match_expand(struct match *out, const struct compact_match *c)
{
    unsigned word, i = 0;

    memset(out, 0, sizeof *out);
    for_each_key_word (word, &c->map) {
        out->value.w[word] = c->w[i];
        out->mask.w[word] = c->w[c->n + i];
        i++;
    }
}

bool compact_match_equal(const struct compact_match *a, const struct compact_match *b)
{
    return !memcmp(&a->map, &b->map, sizeof a->map) && !memcmp(a->w, b->w, 2 * a->n * sizeof a->w[0]);
}

uint32_t compact_match_hash(const struct compact_match *c, uint32_t basis)
{
    return hash_words(c->w, 2u * c->n, basis);
}

/* Where the value of key word `word`, which is in use, stands in `c->w`. */
static unsigned place_of(const struct compact_match *c, unsigned word)
{
    unsigned n = 0;

    for (unsigned i = 0; i < word / 64; i++)
        n += (unsigned)__builtin_popcountll(c->map.bits[i]);
    return n + (unsigned)__builtin_popcountll(c->map.bits[word / 64] & ((UINT64_C(1) << word % 64) - 1));
}

bool compact_match_covers(const struct compact_match *wide, const struct compact_match *narrow)
{
    unsigned word, i = 0;

    for (unsigned j = 0; j < KEY_MAP_WORDS; j++)
        if (wide->map.bits[j] & ~narrow->map.bits[j])
            return false;
    for_each_key_word (word, &wide->map) {
        unsigned at = place_of(narrow, word);
        uint64_t mask = wide->w[wide->n + i];

        if (mask & ~narrow->w[narrow->n + at] || (wide->w[i] ^ narrow->w[at]) & mask)
            return false;
        i++;
    }
    return true;
}

bool compact_match_overlaps(const struct compact_match *a, const struct compact_match *b)
{
    struct key_map both;
    unsigned word;

    for (unsigned j = 0; j < KEY_MAP_WORDS; j++)
        both.bits[j] = a->map.bits[j] & b->map.bits[j];
    for_each_key_word (word, &both) {
        unsigned i = place_of(a, word), k = place_of(b, word);

        if ((a->w[i] ^ b->w[k]) & a->w[a->n + i] & b->w[b->n + k])
            return false;
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* mask_union.c - a counter for every bit of every key word in use, and one for repetitions of one mask. */
#include "datapath/mask_union.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mask_union_fini(struct mask_union *u)
{
    for (unsigned i = 0; i < KEY_WORDS; i++)
        free(u->counts[i]);
    *u = (struct mask_union){ 0 };
}

static bool is_last(const struct mask_union *u, const struct compact_match *m)
{
    return m->n && !memcmp(&u->last_map, &m->map, sizeof m->map) &&
           !memcmp(u->last, compact_match_masks(m), m->n * sizeof u->last[0]);
}

/* Counts what was only noted of the last mask, and forgets it. */
static void settle(struct mask_union *u)
{
    const uint64_t *masks = u->last;
    unsigned word;

    if (u->n_more)
        for_each_key_word (word, &u->last_map)
            for (uint64_t mask = *masks++; mask; mask &= mask - 1)
                u->counts[word][__builtin_ctzll(mask)] += u->n_more;
    u->n_more = 0;
    u->last_map = (struct key_map){ 0 };
}

int mask_union_add(struct mask_union *u, const struct compact_match *m)
{
    const uint64_t *masks = compact_match_masks(m);
    bool is_changed = false;
    unsigned word;

    if (is_last(u, m)) {
        u->n_more++;
        return 0;
    }
    for_each_key_word (word, &m->map) {
        if (!u->counts[word])
            u->counts[word] = calloc(64, sizeof *u->counts[word]);
        if (!u->counts[word])
            return -ENOMEM;
    }
    settle(u);
    u->last_map = m->map;
    memcpy(u->last, masks, m->n * sizeof *masks);
    for_each_key_word (word, &m->map) {
        uint64_t mask = *masks++;

        is_changed |= (mask & ~u->mask.w[word]) != 0;
        u->mask.w[word] |= mask;
        for (; mask; mask &= mask - 1)
            u->counts[word][__builtin_ctzll(mask)]++;
    }
    u->serial += is_changed;
    return 0;
}

void mask_union_remove(struct mask_union *u, const struct compact_match *m)
{
    const uint64_t *masks = compact_match_masks(m);
    bool is_changed = false;
    unsigned word;

    if (u->n_more && is_last(u, m)) {
        u->n_more--;
        return;
    }
    settle(u);
    for_each_key_word (word, &m->map)
        for (uint64_t mask = *masks++; mask; mask &= mask - 1)
            if (!--u->counts[word][__builtin_ctzll(mask)]) {
                u->mask.w[word] &= ~(mask & -mask);
                is_changed = true;
            }
    u->serial += is_changed;
}

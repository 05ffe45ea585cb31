/* SPDX-License-Identifier: Apache-2.0 */
/* mask_union.c - a counter for every bit of every key word in use. */
#include "datapath/mask_union.h"

#include <errno.h>
#include <stdlib.h>

void mask_union_fini(struct mask_union *u)
{
    for (unsigned i = 0; i < KEY_WORDS; i++)
        free(u->counts[i]);
    *u = (struct mask_union){ 0 };
}

int mask_union_add(struct mask_union *u, const struct compact_match *m)
{
    const uint64_t *masks = compact_match_masks(m);
    bool is_changed = false;
    unsigned word;

    for_each_key_word (word, &m->map) {
        if (!u->counts[word])
            u->counts[word] = calloc(64, sizeof *u->counts[word]);
        if (!u->counts[word])
            return -ENOMEM;
    }
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

    for_each_key_word (word, &m->map)
        for (uint64_t mask = *masks++; mask; mask &= mask - 1)
            if (!--u->counts[word][__builtin_ctzll(mask)]) {
                u->mask.w[word] &= ~(mask & -mask);
                is_changed = true;
            }
    u->serial += is_changed;
}

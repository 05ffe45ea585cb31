/* SPDX-License-Identifier: Apache-2.0 */
/* key_pack.h - the bits of a key that a set of rules asks for, moved together into few words, so that comparing and cutting
 * read little.   Thread: any (a packing does not change). */
#ifndef DATAPATH_KEY_PACK_H
#define DATAPATH_KEY_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/match.h"

enum { PACK_WORDS_MAX = 16, PACK_RUNS_MAX = 96 };

/* Neighbouring bits of one key word and their place in a packed one. */
struct pack_run {
    uint64_t mask; /* of the bits, moved down to bit 0 */
    uint8_t word, shift, to_word, to_shift;
};

struct packing {
    unsigned n_words, n_runs;
    struct pack_run runs[PACK_RUNS_MAX];
};

/* Places for all bits of `mask`; false: they are too many. */
bool packing_init(struct packing *p, const struct key *mask);

/* out: p->n_words. */
static inline void key_pack(const struct packing *p, const struct key *key, uint64_t *out)
{
    for (unsigned i = 0; i < p->n_words; i++)
        out[i] = 0;
    for (unsigned i = 0; i < p->n_runs; i++) {
        const struct pack_run *r = &p->runs[i];

        out[r->to_word] |= (key->w[r->word] >> r->shift & r->mask) << r->to_shift;
    }
}

#endif

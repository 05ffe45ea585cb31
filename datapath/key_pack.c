/* SPDX-License-Identifier: Apache-2.0 */
/* key_pack.c - first-fit packing of runs of bits, the longest first. */
#include "datapath/key_pack.h"

enum { GAP_MAX = 4 }; /* so many bits that nobody asks for do not break a run */

static unsigned run_bits(const struct pack_run *r)
{
    return 64 - (unsigned)__builtin_clzll(r->mask);
}

/* Keeps the runs sorted, the longest first. */
static void add_run(struct packing *p, struct pack_run run)
{
    unsigned at = p->n_runs++;

    for (; at && run_bits(&p->runs[at - 1]) < run_bits(&run); at--)
        p->runs[at] = p->runs[at - 1];
    p->runs[at] = run;
}

/* False: too many. */
static bool add_runs(struct packing *p, uint8_t word, uint64_t mask)
{
    while (mask) {
        unsigned low = (unsigned)__builtin_ctzll(mask), high = low;

        while (high < 64 && mask >> high & ((1 << (GAP_MAX + 1)) - 1))
            high += 1 + (unsigned)__builtin_ctzll(mask >> high);

        uint64_t bits = high - low == 64 ? UINT64_MAX : ((UINT64_C(1) << (high - low)) - 1) << low;

        if (p->n_runs == PACK_RUNS_MAX)
            return false;
        add_run(p, (struct pack_run){ .mask = (mask & bits) >> low, .word = word, .shift = (uint8_t)low });
        mask &= ~bits;
    }
    return true;
}

bool packing_init(struct packing *p, const struct key *mask)
{
    unsigned used[PACK_WORDS_MAX] = { 0 };

    p->n_words = p->n_runs = 0;
    for (unsigned i = 0; i < KEY_WORDS; i++)
        if (!add_runs(p, (uint8_t)i, mask->w[i]))
            return false;
    for (unsigned i = 0; i < p->n_runs; i++) {
        struct pack_run *r = &p->runs[i];
        unsigned to = 0;

        while (to < PACK_WORDS_MAX && used[to] + run_bits(r) > 64)
            to++;
        if (to == PACK_WORDS_MAX)
            return false;
        r->to_word = (uint8_t)to;
        r->to_shift = (uint8_t)used[to];
        used[to] += run_bits(r);
        if (to >= p->n_words)
            p->n_words = to + 1;
    }
    return true;
}

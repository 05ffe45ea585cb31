/* SPDX-License-Identifier: Apache-2.0 */
/* forest_cut.c - tries windows of bits on a sample of a node's rules.
 *
 * Theory.  A window that R rules of the sample speak of, and by which they fall into children of c1, c2, ... rules, leaves a key
 * with the sum of ci * (ci - 1) / R others on average, and with all rules that it does not speak of.  Tried are single windows
 * of about as many bits as the number of rules has, and pairs: the best one of half as many bits, and the best beside it.
 * Only windows whose outermost bits tell rules apart are looked at: without such a bit a smaller one would do. */
#include "datapath/forest_cut.h"

#include <stdlib.h>
#include <string.h>

enum {
    SAMPLE = 256, /* rules that a cut is chosen by */
    OPEN_MAX = 3, /* bits of a window that a rule may leave open and still count as told apart by it */
};

static const double LEFT_POOR = 0.3; /* of a node's rules in a child: so many, that windows of few bits are tried too */

struct cutter {
    uint32_t n;
    unsigned n_words;
    double scale; /* rules of the node for each one here */
    uint64_t value[SAMPLE][PACK_WORDS_MAX], mask[SAMPLE][PACK_WORDS_MAX];
    uint32_t stamp, histogram[1 << CUT_BITS_MAX]; /* a count in the lower half, valid with this stamp above it */
};

static void take_sample(struct cutter *s, const struct forest *f, const struct cut_node *node)
{
    s->n_words = f->packing.n_words;
    s->n = node->n < SAMPLE ? node->n : SAMPLE;
    s->scale = s->n > 1 ? (double)(node->n - 1) / (s->n - 1) : 1;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t rule = node->rules[(uint64_t)i * node->n / s->n];

        for (unsigned w = 0; w < s->n_words; w++) {
            s->mask[i][w] = forest_mask(f, rule)[w] & ~node->fixed[w];
            s->value[i][w] = forest_value(f, rule)[w] & s->mask[i][w];
        }
    }
}

/* How many rules of the node a key would meet in a child. */
static double rules_left(struct cutter *s, cut high, cut low)
{
    uint32_t ones = (1u << (cut_bits(high) + cut_bits(low))) - 1, n_open = 0;
    uint64_t n = 0, pairs = 0;

    s->stamp += 1 << 16;
    if (!s->stamp) {
        memset(s->histogram, 0, sizeof *s->histogram << CUT_BITS_MAX);
        s->stamp = 1 << 16;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t open = ones & ~(cut_take(high, s->mask[i]) << cut_bits(low) | cut_take(low, s->mask[i]));
        uint32_t value = cut_take(high, s->value[i]) << cut_bits(low) | cut_take(low, s->value[i]), sub = 0;

        if (open == ones || __builtin_popcount(open) > OPEN_MAX) {
            n_open++;
            continue;
        }
        do {
            uint32_t *h = &s->histogram[value | sub], count = *h >= s->stamp ? *h - s->stamp : 0;

            pairs += 2 * count;
            n++;
            *h = s->stamp + count + 1;
            sub = (sub - open) & open;
        } while (sub);
    }
    return (n ? 1 + (double)pairs / (double)n * s->scale : 0) + n_open * s->scale;
}

/* Which bits tell some rules of the sample apart. */
static void useful_bits(const struct cutter *s, uint64_t *useful)
{
    for (unsigned w = 0; w < s->n_words; w++) {
        uint64_t zero = 0, one = 0;

        for (uint32_t i = 0; i < s->n; i++) {
            one |= s->value[i][w];
            zero |= s->mask[i][w] & ~s->value[i][w];
        }
        useful[w] = zero & one;
    }
}

/* Tries every window of `bits` bits beside `beside` (0: none). */
static void try_windows(struct cutter *s, struct cut_choice *best, const uint64_t *useful, unsigned bits, cut beside)
{
    for (unsigned w = 0; w < s->n_words; w++)
        for (unsigned shift = 0; shift + bits <= 64; shift++) {
            cut c = cut_of(w, shift, bits);
            double left;

            if (!(useful[w] >> shift & 1) || !(useful[w] >> (shift + bits - 1) & 1))
                continue;
            left = beside ? rules_left(s, beside, c) : rules_left(s, c, 0);
            if (left < best->left)
                *best = (struct cut_choice){ .high = beside ? beside : c, .low = beside ? c : 0, .left = left };
        }
}

static unsigned bits_for(uint32_t n)
{
    unsigned bits = 32 - (unsigned)__builtin_clz(n);

    return bits > CUT_BITS_MAX ? CUT_BITS_MAX : bits;
}

struct cut_choice cut_choose(struct cutter *s, const struct forest *f, const struct cut_node *node)
{
    struct cut_choice best = { .left = node->n }, half;
    unsigned bits = bits_for(node->n);
    uint64_t useful[PACK_WORDS_MAX];

    take_sample(s, f, node);
    useful_bits(s, useful);
    half = best;
    for (unsigned k = (bits + 1) / 2; k && !half.high; k--)
        try_windows(s, &half, useful, k, 0);
    best = half;
    if (half.high && bits > cut_bits(half.high))
        for (unsigned k = bits - cut_bits(half.high); k && !best.low; k--)
            try_windows(s, &best, useful, k, half.high);
    for (unsigned k = bits; k > (bits + 1) / 2; k -= 2)
        try_windows(s, &best, useful, k, 0);
    for (unsigned k = OPEN_MAX; k && best.left > LEFT_POOR * node->n; k--)
        try_windows(s, &best, useful, k, 0);
    return best;
}

struct cutter *cutter_new(void)
{
    return calloc(1, sizeof(struct cutter));
}

void cutter_free(struct cutter *s)
{
    free(s);
}

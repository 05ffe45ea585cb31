/* SPDX-License-Identifier: Apache-2.0 */
/* rule_make.h - rules for tests of tables: a rule with its match behind it, in one piece of memory. */
#ifndef TESTS_RULE_MAKE_H
#define TESTS_RULE_MAKE_H

#include <stdlib.h>

#include "datapath/rule.h"

/* The caller frees it with free(). */
static inline struct rule *rule_make(const struct match *m, uint16_t priority, uint64_t added_in)
{
    struct rule *r = calloc(1, sizeof *r + compact_match_size(m));
    struct compact_match *c = (struct compact_match *)(r + 1);

    if (!r)
        abort();
    compact_match_init(c, m);
    r->match = c;
    r->priority = priority;
    r->added_in = added_in;
    atomic_init(&r->removed_in, RULE_FOREVER);
    return r;
}

/* xorshift64*: the same numbers on every run. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline unsigned random_below(uint64_t *state, unsigned n)
{
    return (unsigned)((random_next(state) >> 33) % n);
}

#endif

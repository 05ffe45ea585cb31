/* SPDX-License-Identifier: Apache-2.0 */
/* tuple.h - a classifier of the shape "tuple space": one hash table (subtable) for every mask that rules have, while the masks are
 * few; then rules of similar masks share subtables.  Rules come and go in place.
 * Fits any set of rules; a lookup costs one probe for every subtable whose rules may still win.
 * Threads and lifetimes as in table.h. */
#ifndef DATAPATH_TUPLE_H
#define DATAPATH_TUPLE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/hmap.h"
#include "base/list.h"
#include "base/match.h"

struct order;
struct rcu;
struct rule;

struct tuple_space {
    _Atomic(struct order *) order; /* NULL: never had a rule */
    /* C only */
    struct rcu *rcu;
    struct hmap by_mask;
    struct list merged; /* subtables that rules of other masks may share, the most bits first */
    uint64_t next_serial;
    size_t n_rules;
};

void tuple_space_init(struct tuple_space *s, struct rcu *rcu);
void tuple_space_fini(struct tuple_space *s); /* no reader any more */

/* Asks memory for what an insertion of such a rule will read. */
void tuple_space_expect(const struct tuple_space *s, const struct compact_match *m);
int tuple_space_insert(struct tuple_space *s, struct rule *r); /* 0 or -ENOMEM */
void tuple_space_unlink(struct tuple_space *s, struct rule *r);

/* For each of `n` keys, TUPLE_BURST at most, the best of what is visible and `best[i]` (which may be NULL) becomes `best[i]`. */
enum { TUPLE_BURST = 32 };
void tuple_space_find_burst(const struct tuple_space *s, const struct key *const *keys, unsigned n, uint64_t version,
                            const struct rule **best);
/* The first match behind `last`, in falling priority, and of equal ones by address; NULL for `last`: the first of all.
 * `best`, unless it is NULL, if that comes first. */
const struct rule *tuple_space_next(const struct tuple_space *s, const struct key *key, uint64_t version,
                                    const struct rule *last, const struct rule *best);

/* Thread: C.  `fn` changes nothing here. */
void tuple_space_each(const struct tuple_space *s, void (*fn)(void *arg, struct rule *r), void *arg);

static inline size_t tuple_space_subtables(const struct tuple_space *s)
{
    return s->by_mask.n;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - a flow table: finds the rule of highest priority that a key matches, among those visible in a version.
 * Flow: parse -> [table_find] -> act.
 *
 * One writer (thread C), readers without locks (threads W, inside an RCU section).  A rule that was removed stays
 * linked, invisible to newer versions, until table_unlink; memory goes back after a grace period (rcu.h). */
#ifndef DATAPATH_TABLE_H
#define DATAPATH_TABLE_H

#include "base/match.h"

struct builder;
struct rcu;
struct rule;
struct table;

/* `builder` NULL: what is compiled, is compiled at once, on the thread that changes the table. */
int table_new(struct table **out, struct rcu *rcu, struct builder *builder);
void table_free(struct table *t); /* no reader any more; the rules are the caller's */

/* The visible rule of highest priority; NULL: none.  Of equal priorities any one.  `key` holds every word of table_mask().
 * Thread: W (or C). Allocates nothing. */
const struct rule *table_find(const struct table *t, const struct key *key, uint64_t version);

/* The same for `n` keys at once, TABLE_BURST at most, whose waits for memory overlap: out[i] is for keys[i]. */
enum { TABLE_BURST = 32 };
void table_find_burst(const struct table *t, const struct key *const *keys, unsigned n, uint64_t version,
                      const struct rule **out);

/* Every visible rule that matches, in falling priority: begin with *at = NULL-initialised iterator.  For explanations and
 * for choices that the key alone does not make; slower than table_find. */
struct table_iter {
    const struct table *table;
    const struct key *key;
    uint64_t version;
    const struct rule *last;
};
const struct rule *table_next(struct table_iter *it);

/* Thread: C. */
/* A rule with that match will come soon: asks memory for what its insertion reads. */
void table_expect(const struct table *t, const struct compact_match *m);
int table_insert(struct table *t,
                 struct rule *r); /* 0 or -ENOMEM; borrows `r` until a grace period after table_unlink */
/* No reader may be in a version that shows the rule: after the commit that removed it, by rcu_defer; and to free the rule, defer
 * once more. */
void table_unlink(struct table *t, struct rule *r);
/* From time to time, say four times a second: compiles what has changed, and puts what was compiled into use. */
void table_tend(struct table *t);
/* The union of the masks of all linked rules. */
const struct key *table_mask(const struct table *t);
/* Changes when table_mask() does. */
uint64_t table_mask_serial(const struct table *t);
size_t table_count(const struct table *t);
/* Some rule is conjunctive: the frame's is found by conjunction_find().  Thread: any. */
bool table_has_conjunctions(const struct table *t);

#endif

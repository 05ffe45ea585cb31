/* SPDX-License-Identifier: Apache-2.0 */
/* forest.h - a classifier of the shape "forest": a few decision trees over bits of the key, compiled once from many rules.
 * Fits any set of rules; a lookup costs a few memory accesses a tree, whatever the number of masks.  Rules can be taken out,
 * not put in: what is new waits in a tuple space until a new forest is compiled (table.c).
 *
 * All others: thread C.  forest_build: any one thread, before readers see it.  Lookups: W, or C. */
#ifndef DATAPATH_FOREST_H
#define DATAPATH_FOREST_H

#include <stddef.h>
#include <stdint.h>

#include "base/match.h"

struct forest;
struct rule;

/* For up to `room` rules, whose masks are within `mask`.  -ENOMEM; -E2BIG: so many bits of the key a forest cannot have. */
int forest_new(struct forest **out, const struct key *mask, uint32_t room);
/* Returns the rule's place.  Borrows the rule until forest_remove. */
uint32_t forest_add(struct forest *f, struct rule *r);
/* Compiles.  Reads what forest_add copied, no rule.  Time and memory are bounded by a multiple of the number of rules.  -ENOMEM. */
int forest_build(struct forest *f);
void forest_free(struct forest *f); /* no reader any more */
void forest_remove(struct forest *f, uint32_t place);
size_t forest_count(const struct forest *f); /* of rules added and not removed */
void forest_each(const struct forest *f, void (*fn)(void *arg, struct rule *r), void *arg);
size_t forest_bytes(const struct forest *f);

/* Puts into out[i] what is better than out[i] for keys[i]; NULL there: nothing yet. `n`: TABLE_BURST at most. */
void forest_find(const struct forest *f, const struct key *const *keys, unsigned n, uint64_t version,
                 const struct rule **out);
/* The first match behind `last`, in falling priority, and of equal ones by address, if it comes before `best`; else `best`. */
const struct rule *forest_next(const struct forest *f, const struct key *key, uint64_t version, const struct rule *last,
                               const struct rule *best);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* path.h - the rules that a frame meets on its way through the tables, and the programs of those who met the same before.
 * Flow: cache miss -> [path] -> quick; what has no straight way, or a new one, goes by translate.h.
 *
 * A table is asked for many frames at once, so that they wait for memory together, and no program is written twice for one
 * path.  So traffic of which no frame repeats pays for its lookups and for little else.  Private to one worker. */
#ifndef DATAPATH_PATH_H
#define DATAPATH_PATH_H

#include "datapath/plain.h"
#include "datapath/rule.h"

struct paths;

int paths_new(struct paths **out); /* -ENOMEM */
void paths_free(struct paths *p);

/* Whether frames that meet a rule with that code go on to a table, or to their end, in a way that the rule alone says. */
enum rule_way path_rule_way(const struct rule_code *code);

/* Walks the tables for the `n` frames `which` of the burst, whose keys were made: `f->program` of each becomes that of its path,
 * or NULL when there is none yet.  `round` changes with whatever else programs depend on: they must have been kept in the same.
 * Thread: W, inside an RCU section. */
void paths_find(struct paths *p, const struct bridge *b, const struct cache_point *at, uint64_t round, struct burst *f,
                const uint8_t *which, unsigned n);
/* Keeps the program that a translation made for the k-th of the frames just asked for, if its way is straight. */
void paths_keep(struct paths *p, unsigned k, struct program *program);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* mask_close.h - what actions move between fields: an entry mask that reads where something is moved to must read where it
 * comes from.
 * Flow: bridge counts the actions of its rules -> [mask_close] -> entry mask.   Thread: C. */
#ifndef DATAPATH_MASK_CLOSE_H
#define DATAPATH_MASK_CLOSE_H

#include "base/hmap.h"
#include "base/match.h"
#include "datapath/rule.h"

struct act_counts {
    size_t n[ACT_TYPES]; /* how many rules' actions are of each type */
    struct hmap moves;   /* struct move: from where to where, and how many actions do it */
};

/* All zero is empty. */
void act_counts_fini(struct act_counts *c);
/* 1: what masks must cover may have changed; 0: it has not; -ENOMEM, of an addition alone. */
int act_counts_add(struct act_counts *c, const struct rule_code *code);
int act_counts_remove(struct act_counts *c, const struct rule_code *code);

/* Widens the union of all rules' masks accordingly. */
void mask_close(struct key *mask, const struct act_counts *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* mask_union.h - which bits of a key the matches of a table ask for, kept true as rules come and go: each bit is counted,
 * so that a change costs what its own match weighs, whatever the size of the table; and less when it has the mask of the
 * last one, as in tables of one mask.
 * Thread: C. */
#ifndef DATAPATH_MASK_UNION_H
#define DATAPATH_MASK_UNION_H

#include <stdint.h>

#include "base/match.h"

struct mask_union {
    struct key mask;
    uint64_t serial;             /* changes when `mask` does */
    uint32_t *counts[KEY_WORDS]; /* 64 of each word that was ever asked for */
    /* The mask of the last match that was counted, and how many more than that one have it, not counted above. */
    struct key_map last_map;
    uint64_t last[KEY_WORDS];
    uint32_t n_more;
};

/* All zero is an empty one. */
void mask_union_fini(struct mask_union *u);
int mask_union_add(struct mask_union *u, const struct compact_match *m); /* 0 or -ENOMEM */
void mask_union_remove(struct mask_union *u, const struct compact_match *m);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* forest_cut.h - which bits of the key to cut a node of a tree by.
 * Flow: forest_build.c -> [cut_choose].   Thread: the one that builds. */
#ifndef DATAPATH_FOREST_CUT_H
#define DATAPATH_FOREST_CUT_H

#include "datapath/forest_impl.h"

struct cutter; /* working memory */

struct cutter *cutter_new(void); /* NULL: no memory */
void cutter_free(struct cutter *s);

struct cut_node {
    const uint32_t *rules;
    uint32_t n;
    const uint64_t *fixed; /* bits that are the same for all keys that come here */
};

struct cut_choice {
    cut high, low; /* 0: none */
    double left;   /* rules that a key meets in the child it comes to, on average */
};

struct cut_choice cut_choose(struct cutter *s, const struct forest *f, const struct cut_node *node);

#endif

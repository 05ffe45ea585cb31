/* SPDX-License-Identifier: Apache-2.0 */
/* fake_datapath.h - the rules' part of datapath/datapath.h without frames: keeps what was added and removed, frees removed
 * rules at once after a commit, and fails when told to.  For tests of who uses it. */
#ifndef TESTS_UNIT_VSWITCH_FAKE_DATAPATH_H
#define TESTS_UNIT_VSWITCH_FAKE_DATAPATH_H

#include "datapath/datapath.h"

enum { FAKE_RULES = 4096 };

struct datapath {
    struct rule *rules[FAKE_RULES]; /* visible, to be added, to be removed */
    size_t n_rules;
    uint64_t version; /* the one being made */
    int fail_in;      /* the n-th rule_new from now fails; 0: none */
    size_t n_live;    /* rules not freed */
};

struct bridge {
    struct datapath *dp;
};

/* Frees every rule that was removed and committed. */
void fake_datapath_reclaim(struct datapath *dp);
size_t fake_datapath_visible(const struct datapath *dp);
/* As if frames had met the rule. */
void fake_rule_count(const struct rule *r, uint64_t packets, uint64_t bytes, uint64_t now_ns);

#endif

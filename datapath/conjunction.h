/* SPDX-License-Identifier: Apache-2.0 */
/* conjunction.h - finding a frame's rule in a table where some match in parts: conjunctive rules, whose actions are
 * ACT_CONJUNCTION, and which only together lead to a rule that matches their conj_id.
 * Spec: ovs-fields(7), "Conjunctive Match Fields".   Thread: W, inside an RCU section (or C). */
#ifndef DATAPATH_CONJUNCTION_H
#define DATAPATH_CONJUNCTION_H

#include <stdbool.h>
#include <stdint.h>

struct key;
struct rule;
struct table;

bool rule_is_conjunctive(const struct rule *r);
/* As table_find(), for a table that has such rules.  `key` is as it was afterwards. */
const struct rule *conjunction_find(const struct table *t, struct key *key, uint64_t version);

#endif

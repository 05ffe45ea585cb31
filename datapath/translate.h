/* SPDX-License-Identifier: Apache-2.0 */
/* translate.h - from a key to a program: walks the tables once for all frames with that masked key.
 * Flow: cache miss -> [translate] -> program. */
#ifndef DATAPATH_TRANSLATE_H
#define DATAPATH_TRANSLATE_H

#include "datapath/action_set.h"
#include "datapath/program.h"

struct bridge;

/* Where a frame goes on: in which table, with which action set. */
struct resume {
    uint8_t table_id;
    struct action_set set;
};

/* Translates the tables of `b` from `at->table_id` on, as they are in `version`.  `key` holds every bit that
 * bridge_entry_mask() asks for, and is changed.  Thread: W, inside an RCU section. */
void translate_tables(struct program_buf *out, const struct bridge *b, struct key *key, uint64_t version,
                      struct resume *at);
/* Translates a list of actions alone (packet-out); groups are left to translate_group().  Thread: any. */
void translate_actions(struct program_buf *out, const struct bridge *b, const struct act *acts, size_t n_acts);
/* Translates what a group does with a frame that it takes.  Thread: W, inside an RCU section. */
void translate_group(struct program_buf *out, const struct bridge *b, uint32_t group_id, uint64_t version);

/* Widens the union of all rules' masks by what actions of the given kinds (how many of each the bridge has) move between
 * fields: a push or pop carries one header's value to another's place. */
void translate_close_mask(struct key *mask, const size_t n_acts[ACT_TYPES]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* translate.h - from a key to a program: walks the tables once for all frames with that masked key.
 * Flow: cache miss -> [translate] -> program. */
#ifndef DATAPATH_TRANSLATE_H
#define DATAPATH_TRANSLATE_H

#include "datapath/action_set.h"
#include "datapath/program.h"

struct bridge;

enum { STACK_MAX = 128, RESUME_TODO_MAX = 256, RESUBMITS_MAX = 4096, RESUBMIT_DEPTH_MAX = 64, FORKS_MAX = 16384 };

/* Who looks up: goto, or what else leads to a table; a resubmit, to which nothing found is no harm; or one that sees the original
 * tuple of the frame's connection in place of its own. */
enum lookup_kind { LOOKUP_GOTO, LOOKUP_RESUBMIT, LOOKUP_ORIGINAL };

/* Where a frame goes on: in which table, with which action set. */
struct resume {
    uint8_t table_id;
    uint8_t lookup; /* enum lookup_kind */
    uint8_t
        is_paused; /* there is no lookup: the frame waited for the controller, and only `todo` and the set are left */
    uint16_t forks_left; /* copies that this one, and its copies, may still send to a table */
    uint32_t port;       /* of that lookup alone, instead of the frame's; 0: the frame's */
    struct action_set set;
    unsigned n_todo; /* what is to be done after the lookup, as actions */
    struct act todo[RESUME_TODO_MAX];
    unsigned n_stack; /* what the frame's actions have pushed: exec's, as the program runs */
    struct value stack[STACK_MAX];
};

/* Is there nothing but the table, so that frames of one key go on alike? */
static inline bool resume_is_plain(const struct resume *r)
{
    return !r->set.n && !r->n_todo && !r->n_stack && !r->port && r->lookup == LOOKUP_GOTO && !r->is_paused;
}

void resume_begin(struct resume *r); /* table 0, with nothing */

/* Translates the tables of `b` from `at->table_id` on, as they are in `version`.  `key` holds every bit that
 * bridge_entry_mask() asks for, and is changed.  Thread: W, inside an RCU section. */
void translate_tables(struct program_buf *out, const struct bridge *b, struct key *key, uint64_t version,
                      struct resume *at);
/* Translates a list of actions alone (packet-out); groups are left to translate_group().  Thread: any. */
void translate_actions(struct program_buf *out, const struct bridge *b, const struct act *acts, size_t n_acts);
/* Translates what a group does with a frame that it takes.  Thread: W, inside an RCU section. */
void translate_group(struct program_buf *out, const struct bridge *b, uint32_t group_id, uint64_t version);
/* Adds the operation that sets a field. */
void translate_set_field(struct program_buf *out, enum field_id id, struct value v, struct value mask);

#endif

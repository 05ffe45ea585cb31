/* SPDX-License-Identifier: Apache-2.0 */
/* pause.h - where a frame is in the pipeline, as bytes: what is left to be done, the action set and the stack.  With them, its
 * own bytes and its fields (event_fields) the frame can go on at any later time, on any worker.
 * Flow: exec (OP_PAUSE) -> [pause_save] -> event -> controller ... -> datapath_resume -> job -> [pause_load] -> translate.
 *
 * The bytes are those of the structs in memory: whoever gives them out and takes them back sees to it that they are the same.
 * Ports, groups, meters and tables are named by number in them, and looked for when the frame goes on. */
#ifndef DATAPATH_PAUSE_H
#define DATAPATH_PAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct act;
struct resume;
struct rte_mbuf;
struct worker;

/* The first bytes; then the action set, what is to be done (struct act each), and the stack (struct value each). */
struct pause_head {
    uint16_t n_set, n_todo, n_stack, unused;
};

/* What a program knows of it: the action set, then what is to be done. */
struct pause_point {
    const struct act *acts;
    unsigned n_set, n_todo;
};

/* With the stack of w->resume.  NULL: no mbuf.  Thread: W. */
struct rte_mbuf *pause_save(struct worker *w, const struct pause_point *at);
/* Has it the size that its head says, and no more of anything than there may be?  Thread: any. */
bool pause_is_sound(const void *state, size_t n);
/* Of a state that is sound. */
void pause_load(struct resume *out, const struct rte_mbuf *state);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* learn.h - what frames ask of the control thread: the action learn has it make a flow, fin_timeout shorten one's time.
 * Flow: translate (OP_LEARN, OP_FIN_TIMEOUT) -> exec -> [learn: the frame's values, memo] -> event ring -> vswitch -> rules.
 *
 * The frame does not wait: the next one may still miss.  What a worker has asked for lately it does not ask for again
 * (LEARN_AGAIN_NS); when the control thread is behind, what is lost is counted and asked for anew by a later frame. */
#ifndef DATAPATH_LEARN_H
#define DATAPATH_LEARN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/subfield.h"

struct bridge;
struct match;
struct pkt;
struct worker;

enum { LEARN_STEPS_MAX = 24, LEARN_MEMO = 4096, LEARN_AGAIN_NS = 250000000 };

/* Rooms: how many flows there are of a table and cookie, for learn's limit.  Control counts those that are there; a worker that
 * asks for one more counts it in `n_asked`, and control takes it out again when it has answered: so of many workers none is told
 * yes beyond the limit. */
enum { LEARN_ROOMS = 256, LEARN_NO_ROOM = 0xffff };
struct learn_room {
    _Atomic uint32_t n_flows, n_asked;
};
#define LEARN_NO_RESULT UINT32_MAX
enum { LEARN_TAKES_ALONG = 1 << 15 }; /* in `flags`: with the last flow that has this bit the learned ones go */

/* What the flow is, but for the frame. */
struct learn_head {
    uint64_t cookie;
    uint16_t idle_s, hard_s, priority, flags; /* enum flow_flag of vswitch/, and the one above */
    uint16_t fin_idle_s, fin_hard_s;          /* when not 0: the flow has fin_timeout with these */
    uint8_t table_id, n_steps;
    uint16_t room;   /* of its table and cookie; LEARN_NO_ROOM: it has no limit, or only control knows it */
    uint32_t limit;  /* 0: none */
    uint32_t result; /* the packed subfield that tells whether the limit let it be; LEARN_NO_RESULT */
};

enum learn_kind { LEARN_STEP_MATCH, LEARN_STEP_LOAD, LEARN_STEP_OUTPUT };

/* One piece of its match or actions. */
struct learn_step {
    uint8_t kind;     /* enum learn_kind */
    uint8_t is_value; /* `value` is it; else what the frame has at `src` */
    uint16_t n_bits;
    uint32_t src, dst; /* packed subfields of n_bits */
    uint32_t unused;   /* so that equal steps are equal bytes */
    struct value value;
};

/* What one frame has asked for: every step with its value. */
struct learned {
    struct learn_head head;
    struct learn_step steps[LEARN_STEPS_MAX];
    bool is_counted; /* in the room's n_asked */
};

/* The flow's match.   Thread: any. */
void learned_match(const struct learned *l, struct match *out);

/* To what the time of a rule's flow shall shrink when its frame ends a TCP connection; 0: not. */
struct fin_timeout {
    uint16_t idle_s, hard_s;
};

/* A worker's memory of what it has asked for: one place for a flow, whatever its actions, so that what was asked for before
 * something else of the same flow is asked for again. */
struct learn_memo {
    struct {
        uint64_t hash, time_ns;
    } at[LEARN_MEMO];
};

/* Thread: W.  `head` and `steps` as they are in the program.  False: the limit, or a control thread that is behind, does not
 * let the flow be. */
bool learn_frame(struct worker *w, const struct bridge *b, struct pkt *p, const void *head, const void *steps);
/* Has the flow of the rule in table `at` >> 32, with the slot of the lower bits, shortened if the frame is TCP with FIN or RST. */
void fin_frame(struct worker *w, const struct bridge *b, struct pkt *p, struct fin_timeout to, uint64_t at,
               uint64_t cookie);

#endif

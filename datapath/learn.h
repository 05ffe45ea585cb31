/* SPDX-License-Identifier: Apache-2.0 */
/* learn.h - the action learn: a frame says what shall become a flow, and the control thread makes it.
 * Flow: translate (OP_LEARN) -> exec -> [learn: the frame's values, memo] -> event ring -> vswitch -> rules.
 *
 * The frame does not wait: the next one may still miss.  What a worker has asked for lately it does not ask for again
 * (LEARN_AGAIN_NS); when the control thread is behind, what is lost is counted and asked for anew by a later frame. */
#ifndef DATAPATH_LEARN_H
#define DATAPATH_LEARN_H

#include <stdint.h>

#include "base/subfield.h"

struct bridge;
struct pkt;
struct worker;

enum { LEARN_STEPS_MAX = 24, LEARN_MEMO = 4096, LEARN_AGAIN_NS = 250000000 };

/* What the flow is, but for the frame. */
struct learn_head {
    uint64_t cookie;
    uint16_t idle_s, hard_s, priority, flags; /* enum flow_flag of vswitch/ */
    uint8_t table_id, n_steps;
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
};

/* A worker's memory of what it has asked for. */
struct learn_memo {
    struct {
        uint64_t hash, time_ns;
    } at[LEARN_MEMO];
};

/* Thread: W.  `head` and `steps` as they are in the program. */
void learn_frame(struct worker *w, const struct bridge *b, struct pkt *p, const void *head, const void *steps);

#endif

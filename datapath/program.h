/* SPDX-License-Identifier: Apache-2.0 */
/* program.h - what is to be done with the frames of one cache entry: operations, as words, with branches forward.
 * Flow: translate writes it (from rules or from a packet-out's actions) -> cache keeps it -> exec runs it.
 *
 * Operations are done one after the other until OP_END, which ends the frame.  Two make branches: OP_CLONE, whose body runs on
 * a copy of the frame before the frame itself goes on behind it, and OP_SELECT, which goes on at one of several bodies by
 * the frame's hash.  A body is part of the program, and each way through it ends in an OP_END (or OP_CONTINUE) of its own.
 * No branch leads backwards, and clones are at most PROGRAM_DEPTH_MAX in each other: the work for one frame is bounded by
 * the length of its program.
 *
 * A program is plain data: no pointer into rules, ports or code, so that equal programs are equal bytes, and one that is
 * out of date is merely useless.  An operation is a head word (operation, number of words that follow, argument) and its
 * payload. */
#ifndef DATAPATH_PROGRAM_H
#define DATAPATH_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/drop.h"

struct bridge;

enum op {
    OP_END,
    OP_HIT,       /* arg: table << 32 | statistics slot.  Counts the frame for rule and table */
    OP_MISS,      /* arg: table */
    OP_METER,     /* arg: slot of a meter.  Ends the frame, or remarks it, when a band is exceeded */
    OP_COUNT,     /* arg: statistics slot.  Counts the frame for a group or a bucket */
    OP_SET_FIELD, /* arg: field.  Payload: value lo, mask lo; of a wide field value hi, value lo, mask hi, mask lo */
    OP_PUSH_VLAN, /* arg: ethertype */
    OP_POP_VLAN,
    OP_PUSH_MPLS, /* arg: ethertype */
    OP_POP_MPLS,  /* arg: ethertype */
    OP_PUSH_PBB,  /* arg: ethertype */
    OP_POP_PBB,
    OP_SET_IP_TTL, /* arg: ttl */
    OP_DEC_IP_TTL, /* arg: table, for the packet-in "invalid TTL"; payload: cookie, then who hears of it (4 words) */
    OP_SET_MPLS_TTL,
    OP_DEC_MPLS_TTL,
    OP_COPY_TTL_OUT,
    OP_COPY_TTL_IN,
    OP_SET_QUEUE, /* arg: queue */
    OP_OUTPUT,    /* arg: datapath port index */
    OP_IN_PORT,
    OP_ALL,
    OP_FLOOD, /* ALL without the ports that say NO_FLOOD */
    OP_NORMAL,
    OP_CONTROLLER, /* arg: max_len | reason << 16 | table << 24.
                    * Payload: cookie, controller | bytes of userdata << 16 | meter << 32, userdata */
    OP_PAUSE, /* as OP_CONTROLLER, but arg: actions in the set << 32 too; payload: behind the userdata the action set, then
               * what is to be done when the controller says so (struct act each) */
    OP_PIPELINE, /* from a packet-out: OFPP_TABLE */
    OP_GROUP,    /* from a packet-out: the group of id arg, as the worker finds it.  A copy of the frame meets it */
    OP_CLONE,    /* arg: words of the body behind it | 1 << 32 when the body edits the frame */
    OP_SELECT,   /* arg: salt of the hash.  Payload, of each choice: sum of weights up to and with it << 32 | offset */
    OP_MOVE,     /* payload: where from | where to << 32, packed subfields */
    OP_CHOOSE,   /* payload: struct link_choice, then the ports that are chosen among, or none */
    OP_LEARN,    /* payload: struct learn_head, then struct learn_step each */
    OP_STACK_PUSH,   /* arg: packed subfield */
    OP_STACK_POP,    /* arg: packed subfield */
    OP_OUTPUT_FIELD, /* arg: packed subfield.  Payload: as OP_CONTROLLER's arg, cookie: it may be sent there */
    OP_OUTPUT_CUT,   /* arg: bytes.  Payload: OpenFlow's port number */
    OP_CHECK_SIZE,   /* arg: packed subfield, one bit.  Payload: bytes */
    OP_FIN_TIMEOUT,  /* arg: idle_s | hard_s << 16.  Payload: table << 32 | statistics slot of the rule, its cookie */
    OP_CONTINUE,     /* always last.  arg: table | enum lookup_kind << 8 | actions in the set << 16.
                  * Payload: port, the action set, then what is to be done (struct act each) */
    OP_CT,           /* payload: struct ct_action */
    OP_CT_CLEAR,
    OP_NPTV6,     /* arg: 1 when it is the destination's.  Payload: struct nptv6 */
    OP_CLAMP_MSS, /* arg: the most that a SYN may announce */
    OP_FORK, /* arg: actions in the set.  Payload: the set, then what a copy of the frame does first (struct act each) */
    OP_DROP, /* arg: enum drop */
    OP_N
};

enum { CHOICE_WORDS = 2, LEARN_HEAD_WORDS = 4, LEARN_STEP_WORDS = 4 };
enum { PROGRAM_WORDS_MAX = 16384, PROGRAM_DEPTH_MAX = 32 }; /* offsets of words fit 16 bits */

#define CLONE_EDITS (UINT64_C(1) << 32)

static inline uint64_t op_head(enum op op, unsigned n_payload, uint64_t arg)
{
    return (uint64_t)op | (uint64_t)n_payload << 8 | arg << 24;
}

static inline enum op op_code(uint64_t head)
{
    return (enum op)(head & 0xff);
}

static inline unsigned op_payload(uint64_t head)
{
    return head >> 8 & 0xffff;
}

static inline uint64_t op_arg(uint64_t head)
{
    return head >> 24;
}

/* The lookups that a program comes from: it is another one only when a rule changes that one of them may find. */
struct lookups {
    uint64_t tables; /* bit `table % 64` */
    uint64_t edits;  /* bit `word % 64` of key words that in some lookup were not what they were at the entry point */
};

/* A program being written, in memory of the caller.  Overflow is remembered, and the program then unusable. */
struct program_buf {
    uint64_t *w;
    uint32_t n, size;
    bool is_full;
    struct lookups lookups;
};

/* Appends an operation; returns its payload words to be filled in, or NULL when full (or there are none). */
static inline uint64_t *program_add(struct program_buf *b, enum op op, unsigned n_payload, uint64_t arg)
{
    if (b->size - b->n < n_payload + 1) {
        b->is_full = true;
        return NULL;
    }
    b->w[b->n] = op_head(op, n_payload, arg);
    b->n += n_payload + 1;
    return b->w + b->n - n_payload;
}

static inline void program_reset(struct program_buf *b)
{
    b->n = 0;
    b->is_full = false;
    b->lookups = (struct lookups){ 0 };
}

/* Makes a program that did not fit one that drops. */
static inline void program_finish(struct program_buf *b)
{
    struct lookups lookups = b->lookups;

    if (!b->is_full)
        return;
    program_reset(b);
    b->lookups = lookups;
    program_add(b, OP_DROP, 0, DROP_TOO_LONG);
    program_add(b, OP_END, 0, 0);
}

/* --- a program as the cache keeps it --- */

/* What quick.c can do to plain frames: nothing; carry them out and send them all by one port; or drop them all; or have their
 * connections found, and go on in a table (quick_ct.c); or, of such frames, begin connections, and send them all by one port. */
enum quick_kind { QUICK_NONE, QUICK_OUTPUT, QUICK_DROP, QUICK_CT, QUICK_COMMIT };

struct program {
    uint8_t kind;            /* enum quick_kind */
    uint8_t n_counts, n_ops; /* quick operations, a word each: those that count, then those that edit */
    uint8_t ttl_min;         /* a frame's TTL must be above, or the slow way has it */
    uint8_t room;            /* bytes that are put in front */
    bool is_queued;          /* there are frames to be counted for the rules */
    uint16_t out;            /* the datapath's port index, or enum drop, or the table */
    uint32_t n_frames;       /* not counted yet, of that bridge */
    uint16_t ct_at;          /* QUICK_CT, QUICK_COMMIT: which of the program's words is its OP_CT */
    bool has_notes;          /* QUICK_CT: it writes registers or metadata before that */
    uint64_t n_bytes;
    const struct bridge *bridge;
    struct lookups lookups;
    uint64_t w[]; /* quick operations, then the program's words */
};

enum { QUICK_OPS_MAX = 24, PROGRAM_HEAD_WORDS = 6 + QUICK_OPS_MAX };

static inline const uint64_t *program_words(const struct program *p)
{
    return p->w + p->n_counts + p->n_ops;
}

/* quick.c: makes the program that was written, at `out`, which has room for PROGRAM_HEAD_WORDS more; returns words used. */
uint32_t program_make(struct program *out, const struct program_buf *made);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* translate_impl.h - what the files of the translation share.  Private to datapath/translate*.c. */
#ifndef DATAPATH_TRANSLATE_IMPL_H
#define DATAPATH_TRANSLATE_IMPL_H

#include "datapath/bridge.h"
#include "datapath/translate.h"

/* A list of actions that is being done. */
struct todo {
    const struct act *at, *end;
    const struct rule_code *code; /* whose instructions follow; NULL: none */
    struct act_context context;
};

struct walk {
    struct program_buf *out;
    const struct bridge *b;
    struct key *key;
    uint64_t version;
    bool is_stale; /* the key no longer tells what the frame holds */
    bool has_output;
    bool is_packet_out; /* groups are for the worker to look up */
    bool is_ended;      /* by a continuation or pause, or by a table that knows nothing of the frame: no action set */
    bool is_exit;       /* the action exit was done: no action set */
    unsigned n_edits;   /* operations so far that change the frame */
    unsigned depth;     /* groups and clones in each other */
    unsigned n_clones;  /* of these, clones */
    unsigned n_resubmits;
    enum drop error; /* nothing of the program is of use */
    struct action_set *set;
    struct act_context context; /* whose actions are being translated */
    unsigned base;              /* in `todo`, the innermost clone's first list */
    unsigned n_todo;
    struct todo todo[RESUBMIT_DEPTH_MAX];
    unsigned n_stack;
    struct value stack[STACK_MAX]; /* as far as the key tells */
    struct key before;             /* the key at the entry point */
};

/* Notes what a key-side edit said: when it cannot know, the key is stale from here on. */
void walk_edited(struct walk *w, int err);
/* Drops the frame, whatever it did before. */
void walk_fail(struct walk *w, enum drop why);
/* Does a lookup read any of these bits? */
bool walk_is_looked_at(const struct walk *w, struct subfield s);
/* What OP_CONTROLLER's argument says of whose action it is. */
uint64_t walk_packet_in_arg(const struct walk *w, uint16_t max_len, uint8_t reason);

/* translate_nx.c: those of Nicira's actions that work on one frame. */
void walk_do_nx(struct walk *w, const struct act *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* action_text.h - lists of actions and of instructions as ovs-ofctl users write them:
 * `push_vlan:0x8100,set_field:4106->vlan_vid,output:2,goto_table:3`.   Thread: any. */
#ifndef OPENFLOW_ACTION_TEXT_H
#define OPENFLOW_ACTION_TEXT_H

#include <stddef.h>

#include "base/errbuf.h"

struct arena;
struct match;
struct ofp_action;
struct ofp_instruction;
struct port_names;
struct str;

struct action_list {
    struct ofp_action *actions; /* in the arena */
    size_t n_actions;
};
struct instruction_list {
    struct ofp_instruction *instructions; /* in the arena, the actions too */
    size_t n_instructions;
};

/* What a parser of actions works with. */
struct action_text {
    struct arena *arena;
    const struct port_names *names; /* or NULL */
    const struct match *match;      /* which frames; NULL: any, prerequisites are then not asked */
    struct errbuf *e;
};

/* Reads actions only: of a packet-out, or of a bucket.  "drop", and nothing at all, is the empty list.  Old actions that
 * OpenFlow 1.3 has not got (mod_vlan_vid, mod_nw_src, ...) become what does the same.  The result has passed
 * ofp_actions_check, but for groups and queues being there.  -EINVAL with a sentence, -ENOMEM. */
int actions_text_parse(struct action_list *out, const struct action_text *t, const char *text);
/* Reads actions, which are applied, and instructions behind them, in the order of their execution: meter, actions,
 * clear_actions, write_actions, write_metadata, goto_table. */
int instructions_text_parse(struct instruction_list *out, const struct action_text *t, const char *text);

/* Write what the parsers read; an empty list is "drop". */
void actions_text_print(struct str *s, const struct ofp_action *acts, size_t n, const struct port_names *names);
void instructions_text_print(struct str *s, const struct ofp_instruction *insts, size_t n,
                             const struct port_names *names);

#endif

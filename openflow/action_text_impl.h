/* SPDX-License-Identifier: Apache-2.0 */
/* action_text_impl.h - what action_text.c and action_text_nx.c share.  Private to them. */
#ifndef OPENFLOW_ACTION_TEXT_IMPL_H
#define OPENFLOW_ACTION_TEXT_IMPL_H

#include "base/match.h"
#include "openflow/action_text.h"
#include "openflow/ofp.h"
#include "openflow/text_lex.h"

struct list {
    const struct action_text *t;
    struct match frame;
    unsigned n_tags;
    unsigned depth; /* of lists within lists */
    struct ofp_action *acts;
    size_t n, room;
    bool is_drop; /* the word "drop" was there */
};

typedef int action_parser(struct list *l, const struct word *w, unsigned arg);

int action_list_add(struct list *l, struct ofp_action act);
int action_list_add_nx(struct list *l, struct ofp_nx_action act);
/* Reads the actions of a list within this one. */
int action_list_parse_inner(struct action_list *out, struct list *l, struct span text);
int action_no_value(struct list *l, const struct word *w);
/* load:0x5->NXM_NX_REG0[0..7]; also what setting a part of a field becomes. */
int action_list_load(struct list *l, enum field_id id, struct value v, struct value mask);

/* --- action_text_nx.c; `arg` is not looked at unless said --- */
action_parser parse_load, parse_move, parse_stack /* subtype */, parse_resubmit, parse_multipath;
action_parser parse_bundle /* subtype */, parse_exit /* subtype: any without arguments */, parse_note,
    parse_nx_controller;
action_parser parse_dec_ttl, parse_fin_timeout, parse_conjunction, parse_clone, parse_learn, parse_check_pkt_larger;
/* output:FIELD[..] and output(port=PORT,max_len=N).  1: it was neither. */
action_parser parse_output_nx;

/* --- ct_text.c --- */
action_parser parse_ct, parse_nat, parse_nat64, parse_nptv6, parse_clamp_mss;
/* False: its zone is in a field that nobody here knows. */
bool ct_text_print(struct str *s, const struct ofp_nx_ct *ct, const struct port_names *names);
void ct_nat_text_print(struct str *s, const struct ofp_nx_nat *nat);
void ct_nat64_text_print(struct str *s, const struct ofp_trama_nat64 *nat);

/* action_print_nx.c: writes what these read; false when text has no word for it. */
bool nx_action_text_print(struct str *s, const struct ofp_nx_action *act, const struct port_names *names);

#endif

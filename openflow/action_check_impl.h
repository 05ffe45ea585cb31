/* SPDX-License-Identifier: Apache-2.0 */
/* action_check_impl.h - what action_check.c and action_check_nx.c share.  Private to them. */
#ifndef OPENFLOW_ACTION_CHECK_IMPL_H
#define OPENFLOW_ACTION_CHECK_IMPL_H

#include "openflow/ofp.h"
#include "openflow/semantics.h"
#include "openflow/subfield.h"

/* What is known of the frame at one point of a list. */
struct walk {
    const struct ofp_check *check;
    struct ofp_err *err;
    bool is_known;     /* false: prerequisites are not asked */
    bool is_set;       /* of write-actions */
    bool is_in_ct;     /* among the actions of ct */
    unsigned n_tags;   /* VLAN tags that are known to be there */
    unsigned n_pushed; /* bytes */
    unsigned n_other;  /* actions that may not stand beside conjunctions */
    unsigned n_conjunctions;
    struct match frame; /* last: large, and often not needed zero */
};

int walk_refuse(struct walk *w, enum ofp_bad_action_code code);
/* Refuses what needs more than is known; 0 when nothing need be known. */
int walk_ask(struct walk *w, bool is_consistent);
void walk_forget(struct walk *w, enum field_id id);
int walk_list(struct walk *w, const struct ofp_action *acts, size_t n);
int walk_output(struct walk *w, uint32_t port);

/* action_check_nx.c */
int walk_experimenter(struct walk *w, const struct ofp_action *act);

#endif

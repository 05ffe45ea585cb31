/* SPDX-License-Identifier: Apache-2.0 */
/* semantics.h - what a decoded OpenFlow message means, and whether it may mean it: matches between wire and key form,
 * instructions and actions checked against the match they follow.
 * Flow: decoder -> [match_oxm.c, action_check.c] -> vswitch/ translates for the datapath; the other way for replies.
 * Spec: OpenFlow 1.3.5, 7.2.3 (flow match), 7.2.4 (instructions), 7.2.5 (actions), 7.4.4 (errors).
 *
 * Everything is host order, pure and allocates from the arena given, if at all.  A function that takes a `struct ofp_err`
 * returns 0, or -EBADMSG with type and code of the error to send back (-ENOMEM is told by the functions that take an
 * arena); nothing was changed then.   Thread: any. */
#ifndef OPENFLOW_SEMANTICS_H
#define OPENFLOW_SEMANTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/match.h"

struct arena;
struct ofp_action;
struct ofp_err;
struct ofp_instruction;
struct ofp_match;

/* Reads a match from the wire.  Errors, all of OFPET_BAD_MATCH: a field twice (DUP_FIELD), one without its prerequisites
 * before it (BAD_PREREQ), a value that the field cannot have (BAD_VALUE), value bits outside the mask (BAD_WILDCARDS),
 * a field that nobody knows or that matches cannot have (BAD_FIELD).  A mask of all zeros is the field left out; any
 * other mask is accepted on every field. */
int ofp_match_to_match(struct match *out, const struct ofp_match *in, struct ofp_err *err);

/* Writes a match in the order of the registry, prerequisites first; fields that share a place are told apart by their
 * prerequisites.  `out` and what it points to live in the arena.  -ENOMEM. */
int match_to_ofp_match(struct ofp_match *out, struct arena *a, const struct match *in);

/* Does the field follow from `m`: are the fields that it asks for there?  Unlike match_meets_needs(), this follows the
 * chain (tcp_src: ip_proto=6, and for that eth_type=0x0800 or 0x86dd). */
bool match_allows_field(const struct match *m, enum field_id id);
/* Can a frame have this value under that mask?  No, when bits are set that the field has not got, or a VLAN id without the
 * bit that says there is one (OFPVID_PRESENT; all zeros: no tag). */
bool field_value_is_valid(enum field_id id, struct value v, struct value mask);

/* What a check must know about the switch.  A callback that is NULL says no to everything. */
struct ofp_check {
    uint8_t table_id;     /* the flow's; OFPTT_ALL (255): no flow (packet-out, group bucket): no goto at all */
    uint8_t n_tables;     /* goto and table ids end before this */
    uint16_t max_actions; /* of one list; 0: no limit */
    bool is_packet_out;   /* output to TABLE is allowed */
    bool is_bucket;       /* the lists are those of a group's buckets, which are done as action sets */
    bool can_mask_set;    /* set-field may have a mask (OpenFlow 1.5) */
    void *arg;            /* given to the callbacks */
    bool (*has_table)(void *arg, uint8_t table_id); /* of those before n_tables; NULL: each is there */
    bool (*has_group)(void *arg, uint32_t group_id);
    bool (*has_meter)(void *arg, uint32_t meter_id);
    bool (*has_queue)(void *arg, uint32_t queue_id);
    bool (*has_nx)(void *arg,
                   unsigned subtype); /* of Nicira's actions, enum ofp_nx_subtype; NULL: none, and none of trama's */
};

/* Checks the instructions of a flow whose match is `m`.  Errors: a kind twice or unknown to us (OFPBIC_UNSUP_INST), goto
 * not forward or past the last table (OFPBIC_BAD_TABLE_ID), a meter that is not there (OFPMMFC_UNKNOWN_METER), and those
 * of ofp_actions_check.  Write-actions are held to everything but prerequisites: what a frame is when its action set is
 * executed, no match here can say. */
int ofp_instructions_check(const struct ofp_check *c, const struct match *m, const struct ofp_instruction *insts,
                           size_t n, struct ofp_err *err);

/* Checks a list that is applied in order to a frame that `m` matches; NULL: any frame, prerequisites are not asked
 * (packet-out, buckets).  Errors, all of OFPET_BAD_ACTION: BAD_OUT_PORT, BAD_OUT_GROUP, BAD_QUEUE, BAD_ARGUMENT, BAD_TAG,
 * BAD_SET_TYPE, BAD_SET_ARGUMENT, BAD_TYPE, TOO_MANY, and MATCH_INCONSISTENT when match and earlier actions do not make
 * the frame one that the action can work on. */
int ofp_actions_check(const struct ofp_check *c, const struct match *m, const struct ofp_action *acts, size_t n,
                      struct ofp_err *err);

/* The place of an action in the execution of an action set (5.10), 0 first; the output is last. */
int ofp_action_set_rank(const struct ofp_action *act);
/* Do `a` and `b` take one place in an action set, so that the later replaces the earlier?  (Set-field: of one field.) */
bool ofp_action_set_is_same(const struct ofp_action *a, const struct ofp_action *b);

#endif

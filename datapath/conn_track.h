/* SPDX-License-Identifier: Apache-2.0 */
/* conn_track.h - what the action ct does to a frame: finds its connection, or makes it, translates, and writes down in the frame's
 * ct fields what is known.
 * Flow: exec (OP_CT) -> [conn_track] -> a table, or the next action.
 * Spec: ovs-actions(7), ct; ovs-fields(7), connection tracking. */
#ifndef DATAPATH_CONN_TRACK_H
#define DATAPATH_CONN_TRACK_H

#include "datapath/drop.h"
#include "datapath/nat.h"

struct bridge;
struct datapath;
struct pkt;
struct worker;

enum { CT_COMMIT = 1 << 0, CT_FORCE = 1 << 1, CT_NAT = 1 << 2 };

/* One action.  What a new mark and label are is in the frame's own ct_mark and ct_label, under the masks. */
struct ct_action {
    uint16_t flags;
    uint16_t zone;
    uint32_t zone_src; /* packed subfield that has the zone; 0: `zone` */
    uint8_t helper;    /* enum conn_helper */
    uint32_t mark_mask;
    struct value label_mask;
    struct nat_spec nat;
};
enum { CT_ACTION_WORDS = sizeof(struct ct_action) / sizeof(uint64_t) };
static_assert(sizeof(struct ct_action) % sizeof(uint64_t) == 0, "kept in programs as whole words");

/* Gives the datapath a table of connections, of the size that its conf says, if it has none.  -ENOMEM.  Thread: C. */
int conn_track_open(struct datapath *dp);
/* NULL: nothing has asked for one yet.  Thread: any. */
struct conn_table *conn_track_table(const struct datapath *dp);

/* DROP_NONE: the frame goes on.  Thread: W. */
enum drop conn_track(struct worker *w, struct pkt *p, const struct ct_action *a);
/* The frame is as if it had not been tracked. */
void conn_track_clear(struct pkt *p);

#endif

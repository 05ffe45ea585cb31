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
struct conn_packet;
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

/* By how much a frame's sequence number is to be moved, and how what it acknowledges was. */
struct conn_moves {
    int seq;
    struct conn_shift acked;
};

/* What is known of a frame, once its connection is unlocked again. */
struct ct_seen {
    unsigned state; /* CT_* */
    enum conn_dir dir;
    bool has_conn;
    uint8_t nat, prefix_len; /* as struct conn has them */
    struct conn_tuple tuple[CONN_DIRS];
    uint32_t mark;
    struct value label;
    /* of connections with a helper; 0: it has none, or the frame has been here before */
    uint8_t helper;         /* enum conn_helper */
    uint32_t index, serial; /* the connection */
    struct conn_moves moves;
};

/* A frame of those that go together (quick_ct.c). */
struct ct_frame {
    const struct conn_packet *packet;
    uint64_t hash; /* conn_hash() */
    uint32_t n_bytes;
    bool is_held; /* the caller knows that `*held` is the frame's connection, and its direction, s->dir */
};
enum ct_quick {
    CT_QUICK_OTHER,
    CT_QUICK_NEW, /* there is no connection, and the frame may begin one */
    CT_QUICK_KNOWN
};
/* As conn_track() without a commit, but for the translation, which is the caller's.  OTHER: it is not as simple as that, and
 * nothing has changed.  Frames of one connection often come together: it stays locked, as `*held` (NULL at first), for
 * the caller to unlock.  Thread: W. */
enum ct_quick conn_track_quick(struct worker *w, struct conn_table *t, const struct ct_frame *f, struct ct_seen *s,
                               struct conn **held);
/* Begins the connection of such a frame, which is NEW, as the action says, which sets no marks and has no helper; `s` tells of
 * it then.  0, or as nat_begin(): there is none.  Thread: W. */
int conn_track_begin(struct worker *w, struct conn_table *t, const struct ct_frame *f, const struct ct_action *a,
                     struct ct_seen *s);
/* The reason to drop a frame whose connection could not begin. */
enum drop conn_track_drop(int err);
/* CT_SNAT and CT_DNAT, as a translated frame shows them. */
unsigned conn_track_nat_bits(const struct ct_seen *s);
/* Writes the fields of such a frame. */
void conn_track_fields(struct pkt *p, const struct ct_seen *s);

/* DROP_NONE: the frame goes on; what a spec that `goes_on` would have dropped is counted here.  Thread: W. */
enum drop conn_track(struct worker *w, struct pkt *p, const struct ct_action *a);
/* The frame is as if it had not been tracked. */
void conn_track_clear(struct pkt *p);

#endif

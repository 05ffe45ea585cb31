/* SPDX-License-Identifier: Apache-2.0 */
/* quick_ct.h - finds the connections of many plain frames at once, or begins them, translates the frames, and finds the programs
 * with which they go on.
 * Flow: quick programs -> [quick_ct] -> quick programs; whatever is not simple goes by conn_track.c. */
#ifndef DATAPATH_QUICK_CT_H
#define DATAPATH_QUICK_CT_H

#include "datapath/conn_packet.h"
#include "datapath/conn_track.h"
#include "datapath/plain.h"

struct bridge;
struct worker;

/* Of a worker. */
struct quick_ct {
    struct burst burst;         /* frames that go on, with their programs */
    const struct program *from; /* whose ct tracked them */
    uint8_t at[PORT_BURST];     /* of each of these: its number in seen[] and fresh[] */
    struct ct_seen seen[PORT_BURST];
    struct conn_packet fresh[PORT_BURST]; /* of those that have no connection yet */
    struct nat_spec expected; /* as the last new connection was to be translated: the next one may be like it */
};

/* Tracks the first `n_fit` frames numbered in `which`, which share the program `p` (QUICK_CT), and have been changed by it already;
 * those up to `n` are the first of `others`.  Leaves those that go on with a quick program
 * in w->ct->burst; those that have another or none, with what is known of them, in `alone` (numbers of seen[] and of the
 * frames of that burst, which they are no part of: `frames`); those whose connection is not simple in `others`, and those that
 * are to be dropped, for reasons that are counted, in `dropped` (numbers of `f`). */
struct quick_ct_rest {
    unsigned n_alone, n_others, n_dropped;
    struct rte_mbuf *frames[PORT_BURST];
    const uint64_t *words[PORT_BURST]; /* of these, their programs; NULL: none is remembered */
    uint8_t alone[PORT_BURST], others[PORT_BURST], dropped[PORT_BURST];
};
void quick_ct_run(struct worker *w, const struct bridge *b, struct burst *f, const uint8_t *which, unsigned n_fit,
                  unsigned n, struct quick_ct_rest *rest);

/* Begins the connections of the frames `which` of w->ct->burst, which share the program `p` (QUICK_COMMIT), and translates them.
 * Puts those that go out first in `which`; then those that are to be dropped, for reasons that are counted; then those for which
 * another worker was quicker, to go alone. */
struct quick_ct_begun {
    unsigned n_sent, n_dropped;
};
struct quick_ct_begun quick_ct_commit(struct worker *w, struct program *p, uint8_t *which, unsigned n);

#endif

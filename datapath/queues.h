/* SPDX-License-Identifier: Apache-2.0 */
/* queues.h - inside the datapath: which worker polls which receive queue, and how that changes.
 * Flow: datapath_port_add -> [queues_assign]; workers count what queues cost -> [datapath_balance] -> the workers' plans.
 * Thread: C. */
#ifndef DATAPATH_QUEUES_H
#define DATAPATH_QUEUES_H

#include <stdbool.h>

struct datapath;
struct dp_port;

/* Spreads the queues of a new port over the workers, in turn, for both ways; a worker without one of its own hands frames to
 * the first's owner. */
void queues_assign(struct datapath *dp, struct dp_port *p);
/* Has their workers wait for the queues' descriptors; one that does already is no error. */
int queues_watch(struct datapath *dp, const struct dp_port *p);
void queues_unwatch(struct datapath *dp, const struct dp_port *p);
/* Gives each worker the plan that is its own now.  -ENOMEM: some have it. */
int queues_replan(struct datapath *dp);

/* What queues cost: which to move where, so that the busiest worker has less to do. */
struct queue_cost {
    unsigned worker;
    bool may_move;
    float part; /* of a CPU */
};
struct queue_choice {
    unsigned queue, worker;
};
/* False: nothing is gained that is worth it. */
bool queues_choose(const struct queue_cost *q, unsigned n, unsigned n_workers, struct queue_choice *out);

#endif

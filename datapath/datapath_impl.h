/* SPDX-License-Identifier: Apache-2.0 */
/* datapath_impl.h - inside the datapath: what its files share of `struct datapath`. */
#ifndef DATAPATH_DATAPATH_IMPL_H
#define DATAPATH_DATAPATH_IMPL_H

#include "base/slab.h"
#include "datapath/datapath.h"
#include "datapath/worker.h"

struct builder;
struct conn_table;
struct events;
struct meter;
struct object;
struct rcu;
struct shaper;

struct datapath {
    struct datapath_conf conf;
    struct rcu *rcu;
    struct builder *builder;
    struct stat_pool *stats;
    struct slab_pool rules; /* their memory */
    struct events *events;
    struct rte_mempool *jobs; /* of struct job */
    /* C writes, W reads */
    alignas(64) _Atomic uint64_t version;
    _Atomic(struct dp_port *) ports[DP_PORTS_MAX];
    _Atomic(struct meter *) *meters;    /* METERS_MAX, by slot */
    _Atomic(struct conn_table *) conns; /* NULL: no rule has asked for it */
    /* C only */
    struct worker *workers[DP_WORKERS_MAX];
    uint32_t fragment_seed;          /* before any worker has a reassembly */
    unsigned n_workers, next_worker; /* the next queue goes to this worker */
    struct bridge *bridges[DP_BRIDGES_MAX];
    uint64_t mask_serial, plan_serial;              /* last given out */
    uint32_t port_serial;                           /* likewise */
    struct rule *added, *removed;                   /* by the version being made; linked through rule->change */
    uint32_t meter_hint;                            /* where to look for a free slot */
    struct object *objects_added, *objects_removed; /* likewise */
    uint64_t lost[DROP_N];                          /* frames that C dropped */
    uint64_t queues_moved;                          /* from one worker to another */
    struct {
        uint64_t cycles; /* when the queues' costs were looked at last; 0: never */
        bool was_uneven; /* a move would have been worth it then */
    } balance;
};

static inline struct dp_port *datapath_port(const struct datapath *dp, uint16_t index)
{
    return index < DP_PORTS_MAX ? atomic_load_explicit(&dp->ports[index], memory_order_acquire) : NULL;
}

/* reassembly.c: gives every worker what it takes to put fragments together, if it has it not yet.  -ENOMEM; -EBUSY:
 * a driver has our mbuf flag.  Thread: C. */
int reassembly_open(struct datapath *dp);

/* Waits until no worker, no job and no frame handed on names what was taken out of the datapath before.  Thread: C. */
void datapath_drain(struct datapath *dp);

/* bridge.c: the version being made changes what programs may depend on beside rules.  Thread: C. */
void datapath_forget(struct datapath *dp);

/* shaped.c: frees the shaper of a port, and counts the frames that it held.  NULL is fine.  Thread: C. */
void shaped_close(struct datapath *dp, struct shaper *s);

int events_open(struct events **out, struct datapath *dp);
void events_close(struct events *ev);

#endif

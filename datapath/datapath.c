/* SPDX-License-Identifier: Apache-2.0 */
/* datapath.c - the whole of it: workers, ports and who serves them, counters, packet-outs. */
#include "datapath/datapath.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "datapath/builder.h"
#include "datapath/conn.h"
#include "datapath/conn_track.h"
#include "datapath/datapath_impl.h"
#include "datapath/mac_table.h"
#include "datapath/mbuf_bytes.h"
#include "datapath/meter.h"
#include "datapath/pause.h"
#include "datapath/queues.h"
#include "datapath/rcu.h"
#include "datapath/shaper.h"

int datapath_open(struct datapath **out, const struct datapath_conf *conf, struct errbuf *e)
{
    struct datapath *dp = aligned_alloc(64, (sizeof *dp + 63) & ~(size_t)63);
    char name[32];
    int err = -ENOMEM;

    if (!dp)
        return errbuf_set(e, -ENOMEM, "no memory for the datapath");
    memset(dp, 0, sizeof *dp);
    dp->conf = *conf;
    dp->version = 1;
    slab_init(&dp->rules);
    err = rcu_new(&dp->rcu, DP_WORKERS_MAX);
    if (!err)
        err = stat_pool_new(&dp->stats, conf->n_workers);
    if (!err)
        err = builder_new(&dp->builder, conf->cpu, conf->n_workers);
    if (!err)
        err = events_open(&dp->events, dp);
    dp->meters = calloc(METERS_MAX, sizeof *dp->meters);
    if (!err && !dp->meters)
        err = -ENOMEM;
    if (err)
        goto fail;
    snprintf(name, sizeof name, "jobs-%lx", (unsigned long)(uintptr_t)dp & 0xffffffffffff);
    dp->jobs = rte_mempool_create(name, N_JOBS, sizeof(struct job), 0, 0, NULL, NULL, NULL, NULL, SOCKET_ID_ANY, 0);
    if (!dp->jobs) {
        err = -ENOMEM;
        goto fail;
    }
    for (; dp->n_workers < conf->n_workers; dp->n_workers++) {
        err = worker_open(&dp->workers[dp->n_workers], dp, dp->n_workers, conf);
        if (!err && !conf->is_manual) {
            err = worker_start(dp->workers[dp->n_workers]);
            if (err)
                worker_close(dp->workers[dp->n_workers]);
        }
        if (err)
            goto fail;
    }
    if (conf->is_manual) /* the caller's thread is every worker, and tells no quiescent states: nothing may wait for it */
        for (unsigned i = 0; i < dp->n_workers; i++)
            dp->workers[i]->thread = pthread_self();
    *out = dp;
    return 0;

fail:
    datapath_close(dp);
    return errbuf_set(e, err, "cannot start the datapath: %s", strerror(-err));
}

void datapath_close(struct datapath *dp)
{
    if (!dp)
        return;
    for (unsigned i = 0; i < dp->n_workers && !dp->conf.is_manual; i++)
        worker_stop(dp->workers[i]);
    for (unsigned i = 0; i < dp->n_workers; i++)
        worker_close(dp->workers[i]);
    conn_table_free(atomic_load(&dp->conns));
    events_close(dp->events);
    rcu_free(dp->rcu);
    slab_fini(&dp->rules);
    builder_free(dp->builder);
    stat_pool_free(dp->stats);
    rte_mempool_free(dp->jobs);
    free(dp->meters);
    free(dp);
}

void datapath_reclaim(struct datapath *dp)
{
    for (unsigned i = 0; i < DP_BRIDGES_MAX; i++)
        if (dp->bridges[i])
            bridge_narrow_mask(dp->bridges[i]);
    rcu_reclaim(dp->rcu);
    for (unsigned i = 0; i < DP_BRIDGES_MAX; i++)
        if (dp->bridges[i])
            bridge_tend(dp->bridges[i]);
}

unsigned datapath_poll(struct datapath *dp, unsigned w)
{
    return worker_poll(dp->workers[w]);
}

uint64_t datapath_version(const struct datapath *dp)
{
    return atomic_load(&dp->version);
}

/* --- ports --- */

/* Publishes the bridge's port map with `number` added (index given) or removed (DP_INDEX_NONE). */
static int update_map(struct bridge *b, uint32_t number, uint16_t index)
{
    const struct port_map *old = atomic_load(&b->ports);
    struct port_map *map = calloc(1, sizeof *map + (old->n + 1u) * sizeof map->at[0]);
    unsigned i = 0;

    if (!map)
        return -ENOMEM;
    for (; i < old->n && old->at[i].number < number; i++)
        map->at[map->n++] = old->at[i];
    if (index != DP_INDEX_NONE) {
        map->at[map->n].number = number;
        map->at[map->n++].index = index;
    }
    for (; i < old->n; i++)
        if (old->at[i].number != number)
            map->at[map->n++] = old->at[i];
    atomic_store_explicit(&b->ports, map, memory_order_release);
    rcu_defer(b->dp->rcu, free, (void *)(uintptr_t)old);
    return 0;
}

static struct vlan_conf *vlan_copy(const struct vlan_conf *vlan)
{
    static const struct vlan_conf every = { .mode = VLAN_TRUNK, .is_all = true };
    struct vlan_conf *copy = malloc(sizeof *copy);

    if (copy)
        *copy = vlan ? *vlan : every;
    return copy;
}

/* Programs name ports by index, and buckets by the liveness of what they watch: those made before a port came, went, or
 * changed must not be used again. */
static void forget_programs(struct datapath *dp)
{
    datapath_forget(dp);
    atomic_fetch_add(&dp->version, 1);
}

static void dp_port_free(struct datapath *dp, struct dp_port *p)
{
    shaped_close(dp, atomic_load(&p->shaper));
    free((void *)(uintptr_t)atomic_load(&p->vlan));
    free(p);
}

int datapath_port_add(struct bridge *b, struct port *port, uint32_t number, const struct vlan_conf *vlan,
                      uint16_t *index, struct errbuf *e)
{
    struct datapath *dp = b->dp;
    uint16_t at = 0;

    if (bridge_port_index(b, number) != DP_INDEX_NONE)
        return errbuf_set(e, -EEXIST, "port %s: OpenFlow port %u is in use on this bridge", port->name, number);
    while (at < DP_PORTS_MAX && datapath_port(dp, at))
        at++;
    if (at == DP_PORTS_MAX)
        return errbuf_set(e, -ENOSPC, "port %s: there are %d ports already, and no room for more", port->name,
                          DP_PORTS_MAX);

    struct dp_port *p = calloc(1, sizeof *p);
    int err;

    if (!p)
        goto no_memory;
    p->port = port;
    p->bridge = b;
    p->number = number;
    p->index = at;
    p->serial = ++dp->port_serial;
    atomic_store(&p->vlan, vlan_copy(vlan));
    if (!atomic_load(&p->vlan))
        goto no_memory;
    queues_assign(dp, p);
    for (unsigned i = 0; i < dp->n_workers; i++) {
        struct worker *w = dp->workers[i];

        if (!w->batch[at])
            w->batch[at] = calloc(1, sizeof *w->batch[at]);
        if (!w->batch[at])
            goto no_memory;
    }
    atomic_store_explicit(&dp->ports[at], p, memory_order_release);
    err = update_map(b, number, at);
    if (!err)
        err = queues_watch(dp, p);
    if (!err)
        err = queues_replan(dp);
    forget_programs(dp);
    if (!err) {
        *index = at;
        return 0;
    }
    datapath_port_remove(dp, at);
    return errbuf_set(e, err, "port %s: %s", port->name, strerror(-err));

no_memory:
    if (p)
        dp_port_free(dp, p);
    return errbuf_set(e, -ENOMEM, "port %s: no memory", port->name);
}

/* Frames that the port's device would not take for their size. */
static uint64_t too_big(struct port *p)
{
    struct port_stats st = { 0 };

    p->ops->stats(p, &st);
    return st.tx_too_big;
}

void datapath_drain(struct datapath *dp)
{
    rcu_wait(dp->rcu);
    for (unsigned i = 0; i < dp->n_workers; i++)
        worker_drain(dp->workers[i]);
    rcu_wait(dp->rcu);
}

void datapath_port_remove(struct datapath *dp, uint16_t index)
{
    struct dp_port *p = datapath_port(dp, index);

    if (!p)
        return;
    queues_unwatch(dp, p);
    atomic_store_explicit(&dp->ports[index], NULL, memory_order_release);
    while (update_map(p->bridge, p->number, DP_INDEX_NONE) || queues_replan(dp))
        rcu_wait(dp->rcu); /* no memory: what is deferred gives some back */
    forget_programs(dp);
    datapath_drain(dp); /* or the next port of that index would send what was for this one */
    mac_table_flush_port(p->bridge->macs, index);
    dp->lost[DROP_TOO_BIG] += too_big(p->port);
    dp_port_free(dp, p);
}

void datapath_port_set_flags(struct datapath *dp, uint16_t index, unsigned flags)
{
    struct dp_port *p = datapath_port(dp, index);

    if (p && (atomic_exchange(&p->flags, flags) ^ flags) & PORT_FLAG_DOWN)
        forget_programs(dp); /* buckets may watch it */
}

void datapath_port_set_link(struct datapath *dp, uint16_t index, bool is_up)
{
    struct dp_port *p = datapath_port(dp, index);

    if (p && atomic_exchange(&p->is_link_down, !is_up) == is_up)
        forget_programs(dp);
}

void datapath_port_set_mtu(struct datapath *dp, uint16_t index, uint16_t mtu)
{
    struct dp_port *p = datapath_port(dp, index);

    if (p)
        atomic_store(&p->mtu, mtu);
}

int datapath_port_set_vlan(struct datapath *dp, uint16_t index, const struct vlan_conf *vlan)
{
    struct dp_port *p = datapath_port(dp, index);
    struct vlan_conf *copy = p ? vlan_copy(vlan) : NULL;

    if (!copy)
        return p ? -ENOMEM : -ENODEV;
    rcu_defer(dp->rcu, free, (void *)(uintptr_t)atomic_exchange(&p->vlan, copy));
    mac_table_flush_port(p->bridge->macs, index);
    return 0;
}

void datapath_port_capture(struct datapath *dp, uint16_t index, uint32_t snaplen)
{
    struct dp_port *p = datapath_port(dp, index);

    if (p)
        atomic_store(&p->snaplen, snaplen);
}

void datapath_port_rearm(struct datapath *dp, uint16_t index)
{
    struct dp_port *p = datapath_port(dp, index);

    if (p && atomic_exchange(&p->is_unwatched, false))
        (void)queues_watch(dp, p); /* one that it has already is no error */
}

/* --- counters --- */

void datapath_lose(struct datapath *dp, enum drop why)
{
    dp->lost[why]++;
}

void datapath_drops(const struct datapath *dp, uint64_t out[DROP_N])
{
    for (unsigned d = 0; d < DROP_N; d++) {
        out[d] = dp->lost[d];
        for (unsigned i = 0; i < dp->n_workers; i++)
            out[d] += atomic_load_explicit(&dp->workers[i]->drops[d], memory_order_relaxed);
    }
    for (unsigned i = 0; i < DP_PORTS_MAX; i++) {
        const struct dp_port *p = datapath_port(dp, (uint16_t)i);

        if (p)
            out[DROP_TOO_BIG] += too_big(p->port);
    }
}

void datapath_worker_stats(const struct datapath *dp, unsigned i, struct worker_stats *out)
{
    const struct worker *w = dp->workers[i];

    *out = (struct worker_stats){
        .frames = atomic_load_explicit(&w->frames, memory_order_relaxed),
        .cache_hits = atomic_load_explicit(&w->cache_hits, memory_order_relaxed),
        .cache_misses = atomic_load_explicit(&w->cache_misses, memory_order_relaxed),
        .polls = atomic_load_explicit(&w->polls, memory_order_relaxed),
        .sleeps = atomic_load_explicit(&w->sleeps, memory_order_relaxed),
        .joined = atomic_load_explicit(&w->joined, memory_order_relaxed),
        .cut = atomic_load_explicit(&w->cut, memory_order_relaxed),
    };
}

void datapath_worker_times(const struct datapath *dp, unsigned i, struct worker_times *out)
{
    const struct worker *w = dp->workers[i];

    out->frames = atomic_load_explicit(&w->timed_frames, memory_order_relaxed);
    out->hz = rte_get_tsc_hz();
    for (unsigned s = 0; s < STAGES; s++)
        out->cycles[s] = atomic_load_explicit(&w->stage_cycles[s], memory_order_relaxed);
}

static uint64_t take_ns(_Atomic uint64_t *cycles)
{
    uint64_t n = atomic_exchange_explicit(cycles, 0, memory_order_relaxed);

    return (uint64_t)((double)n * NSEC_PER_S / (double)rte_get_tsc_hz());
}

void datapath_worker_gap(struct datapath *dp, unsigned w, struct worker_gap *out)
{
    out->own_ns = take_ns(&dp->workers[w]->longest_gap);
    out->absent_ns = take_ns(&dp->workers[w]->longest_absence);
}

/* --- packet-out, and what goes on after it was paused --- */

/* Hands the worker a job whose program is written, with `frame` of `n` bytes; takes both.  -ENOBUFS. */
static int send_job(struct datapath *dp, struct job *job, const void *frame, size_t n)
{
    struct worker *w = dp->workers[0];

    job->frame = mbuf_of_bytes(dp->conf.pool, frame, n);
    if (!job->frame || rte_ring_enqueue(w->jobs, job)) {
        rte_pktmbuf_free(job->frame);
        rte_pktmbuf_free(job->state);
        rte_mempool_put(dp->jobs, job);
        return -ENOBUFS;
    }
    worker_kick(w);
    return 0;
}

int datapath_send(struct bridge *b, uint32_t in_port, const struct act *acts, size_t n_acts, const void *frame,
                  size_t len)
{
    struct datapath *dp = b->dp;
    struct job *job = NULL;

    for (size_t i = 0; i < n_acts; i++)
        if (acts[i].type == ACT_CT && conn_track_open(dp))
            return -ENOBUFS;
    if (rte_mempool_get(dp->jobs, (void **)&job))
        return -ENOBUFS;
    job->bridge = b;
    job->in_port = in_port;
    job->key_layers = 0;
    job->state = NULL;

    struct program_buf out = { .w = job->words, .size = JOB_WORDS };

    translate_actions(&out, b, acts, n_acts);
    if (!out.is_full)
        return send_job(dp, job, frame, len);
    rte_mempool_put(dp->jobs, job);
    return -E2BIG;
}

/* The frame brings its fields with it, and its program leads to the tables, where `state` is taken up. */
int datapath_resume(struct bridge *b, const struct paused *p)
{
    struct datapath *dp = b->dp;
    struct job *job = NULL;

    if (!pause_is_sound(p->state, p->n_state))
        return -EINVAL;
    if (rte_mempool_get(dp->jobs, (void **)&job))
        return -ENOBUFS;
    job->bridge = b;
    job->in_port = p->in_port;
    job->key_layers = 1u << LAYER_META | 1u << LAYER_TUNNEL | 1u << LAYER_CT;
    memset(&job->key, 0, sizeof job->key);
    key_set_u64(&job->key, FIELD_IN_PORT, p->in_port);
    key_set_u64(&job->key, FIELD_IN_PHY_PORT, p->in_port);
    for (unsigned i = 0; i < EVENT_FIELDS; i++)
        key_set(&job->key, event_fields[i], p->fields[i]);
    job->forks_left = FORKS_MAX;
    job->queue = SHAPER_QUEUE_NONE;
    job->state = mbuf_of_bytes(dp->conf.pool, p->state, p->n_state);
    if (!job->state) {
        rte_mempool_put(dp->jobs, job);
        return -ENOBUFS;
    }

    struct program_buf out = { .w = job->words, .size = JOB_WORDS };

    program_add(&out, OP_PIPELINE, 0, 0);
    program_add(&out, OP_END, 0, 0);
    return send_job(dp, job, p->frame, p->len);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c - the thread that carries frames: polls its queues, runs each burst to completion, sends, and sleeps when
 * there is nothing to do.
 *
 * Theory.  A queue with a descriptor is `hot` for HOT_POLLS polls after it last gave frames; then it is left to epoll, so
 * that a hundred quiet ports cost one system call now and then, not a hundred each round.  When no queue is hot the
 * worker goes offline for RCU and sleeps in epoll, no longer than frames in queues (shaped.c) have to wait.  Queues without a
 * descriptor are always hot: their worker never sleeps.  Whoever puts something into a ring of the worker calls
 * `worker_kick`, which costs a system call only if `is_asleep`; the worker sets that flag before it looks at its rings a
 * last time, so no wake-up is lost. */
#include "datapath/worker.h"

#include <errno.h>
#include <pthread.h>
#include <rte_errno.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "datapath/conn_track.h"
#include "datapath/datapath_impl.h"
#include "datapath/path.h"
#include "datapath/pkt.h"
#include "datapath/plain.h"
#include "datapath/quick.h"
#include "datapath/quick_ct.h"
#include "datapath/rcu.h"
#include "datapath/shaper.h"

enum {
    EPOLL_EVENTS = 64,
    COLD_ROUNDS = 32, /* rounds between looks at the cold queues while others are hot */
    KICK_DATA = UINT32_MAX,
    LONG_ROUND_CYCLES = 50000, /* some 20 us */
    SLEEP_LEAST_NS = 50000,    /* a shorter sleep costs more than it saves */
};

static int ring_open(struct rte_ring **out, const char *what, const void *owner, unsigned elem_size, unsigned flags)
{
    char name[32];

    snprintf(name, sizeof name, "%s-%lx", what, (unsigned long)(uintptr_t)owner & 0xffffffffffff);
    *out = rte_ring_create_elem(name, elem_size, WORKER_RING, SOCKET_ID_ANY, flags);
    return *out ? 0 : -rte_errno;
}

int worker_open(struct worker **out, struct datapath *dp, unsigned id, const struct datapath_conf *conf)
{
    struct worker *w = aligned_alloc(64, (sizeof *w + 63) & ~(size_t)63);
    struct epoll_event ev = { .events = EPOLLIN, .data.u64 = (uint64_t)KICK_DATA << 32 };
    int err = -ENOMEM;

    if (!w)
        return -ENOMEM;
    memset(w, 0, sizeof *w);
    w->dp = dp;
    w->id = id;
    w->cpu = conf->cpu[id];
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->scratch.size = PROGRAM_WORDS_MAX;
    w->scratch.w = malloc(PROGRAM_WORDS_MAX * sizeof *w->scratch.w);
    w->pkt = aligned_alloc(64, (sizeof *w->pkt + 63) & ~(size_t)63);
    w->burst = calloc(1, sizeof *w->burst);
    w->alone = calloc(1, sizeof *w->alone);
    w->ct = calloc(1, sizeof *w->ct);
    w->hot = calloc(DP_PORTS_MAX, PORT_QUEUES_MAX);
    w->stats = stat_pool_shard(dp->stats, id);
    if (w->epoll_fd < 0 || w->kick_fd < 0 || !w->scratch.w || !w->pkt || !w->burst || !w->alone || !w->ct || !w->hot)
        goto fail;
    memset(w->pkt, 0, sizeof *w->pkt);
    err = epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->kick_fd, &ev) ? -errno : 0;
    if (!err)
        err = ring_open(&w->jobs, "jobs", w, sizeof(void *), RING_F_SC_DEQ);
    if (!err)
        err = ring_open(&w->handover, "hand", w, sizeof(struct handover), RING_F_SC_DEQ);
    if (!err)
        err = cache_new(&w->cache, conf->cache_bytes ? conf->cache_bytes : (size_t)16 << 20);
    if (!err)
        err = paths_new(&w->paths);
    w->learned = err ? NULL : calloc(1, sizeof *w->learned);
    if (!err && !w->learned)
        err = -ENOMEM;
    if (err)
        goto fail;
    *out = w;
    return 0;

fail:
    worker_close(w);
    return err;
}

void worker_close(struct worker *w)
{
    struct job *job;
    struct handover h;

    if (!w)
        return;
    while (w->jobs && !rte_ring_dequeue(w->jobs, (void **)&job)) {
        rte_pktmbuf_free(job->frame);
        rte_pktmbuf_free(job->state);
        rte_mempool_put(w->dp->jobs, job);
    }
    while (w->handover && !rte_ring_dequeue_elem(w->handover, &h, sizeof h))
        rte_pktmbuf_free(h.m);
    for (unsigned i = 0; i < DP_PORTS_MAX; i++)
        free(w->batch[i]);
    rte_ring_free(w->jobs);
    rte_ring_free(w->handover);
    cache_free(w->cache);
    paths_free(w->paths);
    free(w->learned);
    reassembly_free(atomic_load(&w->reassembly));
    free(w->scratch.w);
    free(w->pkt);
    free(w->burst);
    free(w->alone);
    free(w->ct);
    free(w->hot);
    if (w->epoll_fd >= 0)
        close(w->epoll_fd);
    if (w->kick_fd >= 0)
        close(w->kick_fd);
    free((void *)(uintptr_t)atomic_load(&w->plan));
    free(w);
}

void worker_kick(struct worker *w)
{
    uint64_t one = 1;

    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&w->is_asleep, memory_order_relaxed) && write(w->kick_fd, &one, sizeof one) < 0)
        return; /* the counter is full: it is awake in any case */
}

/* --- sending --- */

/* Sends what is gathered for a port, or hands it to the worker that owns the port's queue. */
static void flush_port(struct worker *w, uint16_t index)
{
    struct tx_batch *b = w->batch[index];
    struct dp_port *dp = datapath_port(w->dp, index);

    if (!b->n)
        return;
    if (!dp) {
        counter_add(&w->drops[DROP_NO_SUCH_PORT], b->n);
        rte_pktmbuf_free_bulk(b->frames, b->n);
        b->n = 0;
        return;
    }
    if (dp->tx_queue[w->id] >= 0) {
        stage_end(w, STAGE_RUN);
        dp->port->ops->tx(dp->port, (unsigned)dp->tx_queue[w->id], b->frames, b->n);
        b->n = 0;
        stage_end(w, STAGE_TX);
        return;
    }

    struct worker *owner = w->dp->workers[dp->tx_owner[w->id]];

    for (unsigned i = 0; i < b->n; i++) {
        struct handover h = { .m = b->frames[i], .port = index, .queue = SHAPER_QUEUE_NONE };

        if (rte_ring_enqueue_elem(owner->handover, &h, sizeof h)) {
            worker_drop(w, DROP_RING_FULL);
            rte_pktmbuf_free(h.m);
        }
    }
    b->n = 0;
    worker_kick(owner);
}

/* Sends a full batch at once, and takes its port off the list. */
static void flush_full(struct worker *w, uint16_t index)
{
    flush_port(w, index);
    for (unsigned i = 0; i < w->n_dirty; i++)
        if (w->dirty[i] == index) {
            w->dirty[i] = w->dirty[--w->n_dirty];
            return;
        }
}

void worker_send_all(struct worker *w, struct dp_port *dp, struct rte_mbuf *const *frames, unsigned n)
{
    struct tx_batch *b = w->batch[dp->index];

    while (n) {
        unsigned part = RTE_MIN(n, (unsigned)PORT_BURST - b->n);

        if (!b->n)
            w->dirty[w->n_dirty++] = dp->index;
        for (unsigned i = 0; i < part; i++)
            b->frames[b->n + i] = frames[i];
        b->n = (uint16_t)(b->n + part);
        frames += part;
        n -= part;
        if (b->n == PORT_BURST)
            flush_full(w, dp->index);
    }
}

void worker_send(struct worker *w, struct dp_port *dp, struct rte_mbuf *m, uint32_t queue)
{
    uint32_t snaplen = atomic_load_explicit(&dp->snaplen, memory_order_relaxed);

    if (unlikely(w->has_joined) && reassembly_send(w, dp, m, queue))
        return;
    if (snaplen)
        event_capture(w, dp, m, EVENT_CAPTURE_TX, snaplen);
    if (unlikely(atomic_load_explicit(&dp->shaper, memory_order_relaxed) != NULL)) {
        shaped_send(w, dp, m, queue);
        return;
    }
    worker_send_all(w, dp, &m, 1);
}

void worker_flush(struct worker *w)
{
    for (unsigned i = 0; i < w->n_dirty; i++)
        flush_port(w, w->dirty[i]);
    w->n_dirty = 0;
    if (unlikely(w->n_shaped))
        shaped_poll(w);
}

/* --- one round --- */

static unsigned poll_queue(struct worker *w, const struct rx_queue *q)
{
    struct rte_mbuf *frames[PORT_BURST];
    uint64_t began;
    uint16_t n;

    began = w->timed_from = unlikely(++w->n_bursts % TIMED_PART == 0) ? rte_rdtsc() : 0;
    n = q->dp->port->ops->rx(q->dp->port, q->queue, frames, PORT_BURST);
    if (!n) {
        w->timed_from = 0;
        return 0;
    }
    stage_end(w, STAGE_RX);
    w->version = atomic_load_explicit(&w->dp->version, memory_order_acquire);
    w->now_ns = clock_now(w->dp->conf.clock);
    pipeline_burst(w, q->dp, frames, n);
    worker_flush(w);
    counter_add(&w->frames, n);
    if (unlikely(w->timed_from)) {
        counter_add(&w->timed_frames, n);
        counter_add(&q->dp->rx_cycles[q->queue], w->timed_from - began);
        w->timed_from = 0;
    }
    return n;
}

/* What other threads gave this worker to do. */
static unsigned poll_rings(struct worker *w)
{
    struct job *job;
    struct handover h;
    unsigned n = 0;

    if (rte_ring_empty(w->jobs) && rte_ring_empty(w->handover))
        return 0;
    w->version = atomic_load_explicit(&w->dp->version, memory_order_acquire);
    w->now_ns = clock_now(w->dp->conf.clock);
    for (; n < PORT_BURST && !rte_ring_dequeue(w->jobs, (void **)&job); n++)
        pipeline_job(w, job);
    for (unsigned i = 0; i < 4 * PORT_BURST && !rte_ring_dequeue_elem(w->handover, &h, sizeof h); i++, n++) {
        struct dp_port *dp = datapath_port(w->dp, h.port);
        struct tx_batch *b;

        if (!dp) {
            worker_drop(w, DROP_NO_SUCH_PORT);
            rte_pktmbuf_free(h.m);
            continue;
        }
        if (unlikely(h.is_received)) {
            pipeline_fragment(w, dp, h.m);
            continue;
        }
        if (atomic_load_explicit(&dp->shaper, memory_order_relaxed)) {
            shaped_put(w, dp, h.m, h.queue);
            continue;
        }
        b = w->batch[dp->index];
        if (!b->n)
            w->dirty[w->n_dirty++] = dp->index;
        b->frames[b->n++] = h.m;
        if (b->n == PORT_BURST)
            worker_flush(w);
    }
    worker_flush(w);
    return n;
}

static uint32_t ring_given(const struct rte_ring *r)
{
    return __atomic_load_n(&r->prod.tail, __ATOMIC_ACQUIRE);
}

static bool ring_has_taken(const struct rte_ring *r, uint32_t given)
{
    return (int32_t)(__atomic_load_n(&r->cons.tail, __ATOMIC_ACQUIRE) - given) >= 0;
}

void worker_drain(struct worker *w)
{
    uint32_t given = ring_given(w->handover);

    worker_kick(w);
    while (!rte_ring_empty(w->jobs) || !ring_has_taken(w->handover, given))
        if (w->dp->conf.is_manual)
            poll_rings(w);
        else
            sched_yield();
}

/* Starts with every queue hot when the plan is a new one. */
static const struct plan *current_plan(struct worker *w)
{
    const struct plan *plan = atomic_load_explicit(&w->plan, memory_order_acquire);

    if (plan && plan->serial != w->hot_serial) {
        w->hot_serial = plan->serial;
        for (unsigned i = 0; i < plan->n; i++)
            w->hot[i] = HOT_POLLS;
    }
    return plan;
}

/* Polls the hot queues; returns frames taken, and in w->n_hot how many queues stay hot. */
static unsigned poll_hot(struct worker *w, const struct plan *plan)
{
    unsigned got = 0;

    w->n_hot = 0;
    for (unsigned i = 0; plan && i < plan->n; i++) {
        if (!w->hot[i])
            continue;

        unsigned n = poll_queue(w, &plan->rx[i]);

        if (n)
            w->hot[i] = HOT_POLLS;
        else if (plan->rx[i].fd >= 0)
            w->hot[i]--;
        if (w->hot[i])
            w->n_hot++;
        got += n;
    }
    return got;
}

/* Connections whose time is over; now and then, as the clock is not free. */
static void sweep_conns(struct worker *w)
{
    enum { ROUNDS = 16 };
    struct conn_table *t = conn_track_table(w->dp);

    if (likely(!t) || (!w->dp->conf.is_manual && ++w->sweep_rounds % ROUNDS))
        return;
    conn_sweep(t, w->id, clock_now(w->dp->conf.clock));
}

/* Frames that waited in queues for their time, and fragments that waited for others too long. */
static unsigned poll_waiting(struct worker *w)
{
    sweep_conns(w);
    if (likely(!(w->n_shaped | w->n_datagrams)))
        return 0;
    w->now_ns = clock_now(w->dp->conf.clock);
    if (w->n_datagrams)
        reassembly_expire(w);
    return shaped_poll(w);
}

/* Tells some rules what frames they had; returns not 0 when it is not done.  All of them, when a version has come that may
 * have put an end to some, or else more when there is little else to do. */
static unsigned settle_counts(struct worker *w, unsigned n_frames)
{
    enum { FEW = 32 };
    uint64_t version = atomic_load_explicit(&w->dp->version, memory_order_acquire);

    if (w->counted_in == w->counted_out)
        return 0;
    quick_settle(w, version != w->counted_version ? COUNTED_MAX : n_frames < PORT_BURST ? FEW : 1);
    w->counted_version = version;
    return w->counted_in != w->counted_out;
}

unsigned worker_poll(struct worker *w)
{
    const struct plan *plan = current_plan(w);
    unsigned got = 0;

    for (unsigned i = 0; plan && i < plan->n; i++)
        got += poll_queue(w, &plan->rx[i]);
    got += poll_rings(w);
    got += poll_waiting(w);
    counter_add(&w->polls, 1);
    quick_settle(w, COUNTED_MAX);
    return got;
}

/* Takes up to the timeout to learn which cold queues have frames, and makes them hot. */
static void wait_for_frames(struct worker *w, const struct plan *plan, int timeout_ms)
{
    struct epoll_event ev[EPOLL_EVENTS];
    int n = epoll_wait(w->epoll_fd, ev, EPOLL_EVENTS, timeout_ms);

    for (int i = 0; i < n; i++) {
        uint32_t port = (uint32_t)(ev[i].data.u64 >> 32), queue = (uint32_t)ev[i].data.u64;
        uint64_t count;

        if (port == KICK_DATA) {
            if (read(w->kick_fd, &count, sizeof count) < 0)
                count = 0;
            continue;
        }
        for (unsigned j = 0; plan && j < plan->n; j++) {
            const struct rx_queue *q = &plan->rx[j];

            if (q->dp->index != port || q->queue != queue)
                continue;
            w->hot[j] = HOT_POLLS;
            /* an error that reading does not clear would wake us for ever: C puts the descriptor back now and then */
            if (ev[i].events & (EPOLLERR | EPOLLHUP) && !poll_queue(w, q)) {
                epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, q->fd, NULL);
                atomic_store(&q->dp->is_unwatched, true);
            }
        }
    }
}

/* How long it may sleep; false: not at all, something is due so soon that polling is better. */
static bool sleep_time(const struct worker *w, struct timespec *out)
{
    const struct conn_table *conns = conn_track_table(w->dp);
    uint64_t next = RTE_MIN(shaped_next_ns(w), reassembly_next_ns(w)), now = clock_now(w->dp->conf.clock), ns;

    if (conns)
        next = RTE_MIN(next, conn_sweep_next_ns(conns, w->id));

    if (next <= now + SLEEP_LEAST_NS)
        return false;
    ns = next - now < NSEC_PER_S ? next - now : NSEC_PER_S;
    out->tv_sec = (time_t)(ns / NSEC_PER_S);
    out->tv_nsec = (long)(ns % NSEC_PER_S);
    return true;
}

static void sleep_until_work(struct worker *w)
{
    struct timespec time;
    bool has_time = (w->n_shaped | w->n_datagrams) != 0 || conn_track_table(w->dp);

    if (has_time && !sleep_time(w, &time))
        return;
    counter_add(&w->sleeps, 1);
    atomic_store_explicit(&w->is_asleep, true, memory_order_seq_cst);
    rcu_offline(w->dp->rcu, w->id);
    if (rte_ring_empty(w->jobs) && rte_ring_empty(w->handover) && !atomic_load(&w->stop)) {
        struct epoll_event ev;

        /* only waits: what is ready is looked at below, online again and with the plan of that time */
        epoll_pwait2(w->epoll_fd, &ev, 1, has_time ? &time : NULL, NULL);
    }
    rcu_online(w->dp->rcu, w->id);
    atomic_store_explicit(&w->is_asleep, false, memory_order_relaxed);
    wait_for_frames(w, current_plan(w), 0);
}

/* Rounds of a worker: when the last one ended, and how often the kernel had taken the CPU away by then. */
struct rounds {
    uint64_t end;
    long n_switches;
};

static void keep_most(_Atomic uint64_t *most, uint64_t v)
{
    if (v > atomic_load_explicit(most, memory_order_relaxed))
        atomic_store_explicit(most, v, memory_order_relaxed);
}

/* A round is over.  The kernel is asked only about one that was so long that asking is nothing. */
static void note_gap(struct worker *w, struct rounds *r)
{
    uint64_t now = rte_rdtsc(), gap = now - r->end;
    struct rusage use;

    if (unlikely(gap > LONG_ROUND_CYCLES)) {
        getrusage(RUSAGE_THREAD, &use);
        keep_most(use.ru_nivcsw == r->n_switches ? &w->longest_gap : &w->longest_absence, gap);
        r->n_switches = use.ru_nivcsw;
        now = rte_rdtsc();
    }
    r->end = now;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    unsigned rounds = 0;
    struct rounds done = { .end = rte_rdtsc() };

    rte_thread_register();
    rcu_register(w->dp->rcu, w->id);
    rcu_online(w->dp->rcu, w->id);
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
        const struct plan *plan = current_plan(w);
        unsigned got = poll_hot(w, plan) + poll_rings(w) + poll_waiting(w);

        counter_add(&w->polls, 1);
        got += settle_counts(w, got);
        rcu_quiescent(w->dp->rcu, w->id);
        note_gap(w, &done);
        plan = current_plan(w); /* the one before may be freed from here on */
        if (!w->n_hot && !got) {
            sleep_until_work(w);
            done.end = rte_rdtsc();
        } else if (plan && w->n_hot < plan->n && ++rounds % COLD_ROUNDS == 0) {
            wait_for_frames(w, plan, 0);
        }
    }
    quick_settle(w, COUNTED_MAX);
    rcu_offline(w->dp->rcu, w->id);
    rcu_unregister(w->dp->rcu, w->id);
    rte_thread_unregister();
    return NULL;
}

int worker_start(struct worker *w)
{
    pthread_attr_t attr;
    char name[16];
    int err;

    cache_populate(w->cache);
    pthread_attr_init(&attr);
    if (w->cpu >= 0) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET((size_t)w->cpu, &set);
        pthread_attr_setaffinity_np(&attr, sizeof set, &set);
    }
    err = pthread_create(&w->thread, &attr, worker_main, w);
    pthread_attr_destroy(&attr);
    if (err)
        return -err;
    snprintf(name, sizeof name, "worker%u", w->id);
    pthread_setname_np(w->thread, name);
    return 0;
}

void worker_stop(struct worker *w)
{
    uint64_t one = 1;

    atomic_store(&w->stop, true);
    if (write(w->kick_fd, &one, sizeof one) < 0)
        return;
    pthread_join(w->thread, NULL);
}

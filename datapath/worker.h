/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - inside the datapath: one thread that takes frames from its queues, runs them to completion and sends them.
 * Flow: [rx] -> pipeline.c (cache, translate) -> exec.c (program) -> [tx].
 *
 * What C and W share: the plan (atomic pointer, RCU), two rings, and the counters that W writes and C reads. */
#ifndef DATAPATH_WORKER_H
#define DATAPATH_WORKER_H

#include <pthread.h>
#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "datapath/bridge.h"
#include "datapath/cache.h"
#include "datapath/learn.h"
#include "datapath/port.h"
#include "datapath/translate.h"

struct burst;
struct paths;
struct pause_point;
struct pkt;
struct quick_ct;
struct rcu;
struct reassembly;
struct rte_ring;

/* A receive queue that the worker polls. */
struct rx_queue {
    struct dp_port *dp;
    uint16_t queue;
    int fd; /* -1: can only be polled */
};

struct plan {
    uint64_t serial; /* every plan has its own: an address may come again */
    unsigned n;
    struct rx_queue rx[];
};

/* Frames gathered for one port until the burst is done. */
struct tx_batch {
    uint16_t n;
    struct rte_mbuf *frames[PORT_BURST];
};

enum { WORKER_RING = 4096, N_JOBS = 1023, JOB_WORDS = 1000, HOT_POLLS = 200, COUNTED_MAX = 1024 };

/* What a worker gets to do from C: a frame and a program (packet-out).  From the datapath's pool of jobs. */
struct job {
    struct rte_mbuf *frame;
    struct rte_mbuf
        *state; /* pause.h: where the frame goes on, once the program has run; NULL: in table 0, if anywhere */
    const struct bridge *bridge;
    uint32_t in_port;
    uint16_t key_layers; /* of `key`, which the frame brings with it; 0: none */
    uint32_t queue;      /* likewise: struct pkt's */
    uint16_t forks_left; /* struct resume's, when there is `state` */
    struct key key;
    uint64_t words[JOB_WORDS];
};

/* A frame handed to the worker that may send by its port, or that puts its fragments together. */
struct handover {
    struct rte_mbuf *m;
    uint16_t port;    /* the datapath's index */
    bool is_received; /* by that port; else to be sent by it */
    uint32_t queue;   /* of the port's shaper, when it has one */
};

struct worker {
    /* C writes before the thread starts */
    struct datapath *dp;
    unsigned id;
    int cpu;
    pthread_t thread;
    int epoll_fd, kick_fd;
    struct rte_ring *jobs;     /* C -> W: struct job * */
    struct rte_ring *handover; /* W -> W: frames for ports that this worker sends for */
    struct stat_shard *stats;
    /* C writes, W reads */
    _Atomic(const struct plan *) plan;
    atomic_bool stop;
    /* both */
    alignas(64) atomic_bool is_asleep;
    /* W only */
    alignas(64) uint64_t version; /* of the burst under way */
    uint64_t now_ns;
    struct cache *cache;
    struct paths *paths;
    struct learn_memo *learned;
    struct program_buf scratch;
    struct resume resume;
    bool is_cache_full; /* a program found no room */
    uint64_t counted_version;
    uint32_t counted_in, counted_out; /* quick.c: a queue of programs with frames to be counted */
    struct program *counted[COUNTED_MAX];
    unsigned depth;
    unsigned n_bursts;   /* asked for */
    uint64_t timed_from; /* when the stage under way began, in cycles; 0: this burst is not timed */
    unsigned n_dirty;
    uint16_t dirty[DP_PORTS_MAX]; /* ports with frames in their batch */
    struct tx_batch *batch[DP_PORTS_MAX];
    uint8_t *hot;        /* by queue of the plan: polls left before it is left to epoll */
    uint64_t hot_serial; /* of the plan that `hot` belongs to */
    unsigned n_hot;
    struct pkt *pkt;           /* the frame that goes alone */
    struct burst *burst;       /* those that go together */
    struct key_columns *alone; /* key of `pkt` */
    struct quick_ct *ct;       /* those that are tracked together */
    /* shaped.c: ports whose shapers hold frames, as a list and by index */
    unsigned n_shaped;
    uint16_t shaped[DP_PORTS_MAX];
    bool is_shaped[DP_PORTS_MAX];
    _Atomic(struct reassembly *) reassembly; /* C makes it; NULL: no bridge has ever put fragments together */
    unsigned n_datagrams;                    /* that wait for fragments */
    bool has_joined;                         /* ever: some frames may have to be cut again */
    unsigned sweep_rounds;                   /* since the start */
    /* W writes, C reads */
    alignas(64) _Atomic uint64_t drops[DROP_N];
    _Atomic uint64_t frames, cache_hits, cache_misses, polls, sleeps, joined, cut;
    /* between two rounds without a sleep, in cycles: of its own doing, and when others had its CPU.  C sets them back to zero */
    _Atomic uint64_t longest_gap, longest_absence;
    _Atomic uint64_t timed_frames, stage_cycles[STAGES]; /* of one burst in TIMED_PART */
};

enum { TIMED_PART = 61 };

/* The stage that began where another ended does so now; costs nothing in bursts that are not timed. */
static inline void stage_end(struct worker *w, enum stage stage)
{
    uint64_t now;

    if (likely(!w->timed_from))
        return;
    now = rte_rdtsc();
    atomic_store_explicit(&w->stage_cycles[stage],
                          atomic_load_explicit(&w->stage_cycles[stage], memory_order_relaxed) + now - w->timed_from,
                          memory_order_relaxed);
    w->timed_from = now;
}

/* Adds to a counter of which this thread is the only writer. */
static inline void counter_add(_Atomic uint64_t *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void worker_drop(struct worker *w, enum drop why)
{
    counter_add(&w->drops[why], 1);
}

/* OP_HIT's argument, for `n` frames of so many bytes in all. */
static inline void count_hit(struct worker *w, const struct bridge *b, uint64_t arg, unsigned n, uint64_t bytes)
{
    struct table_counter *t = &b->counters[w->id][arg >> 32];

    counter_add(&t->lookups, n);
    counter_add(&t->matched, n);
    stat_add(w->stats, (uint32_t)arg, n, bytes, w->now_ns);
}

/* worker.c.  Thread: C. */
int worker_open(struct worker **out, struct datapath *dp, unsigned id, const struct datapath_conf *conf);
void worker_close(struct worker *w);
int worker_start(struct worker *w);
void worker_stop(struct worker *w);
void worker_kick(struct worker *w); /* wakes it if it sleeps; any thread */
/* Waits until the worker has taken all jobs, and what other workers handed it so far: what names a port or bridge that is
 * about to go.  When a grace period is over then, it is done with that. */
void worker_drain(struct worker *w);

/* Thread: W. */
unsigned worker_poll(struct worker *w); /* one round; returns frames taken in */
/* Gathers a frame for a port; takes it.  `dp` may go down meanwhile: then it is dropped and counted.  `queue`: of the port's
 * shaper; SHAPER_QUEUE_NONE. */
void worker_send(struct worker *w, struct dp_port *dp, struct rte_mbuf *m, uint32_t queue);
/* As worker_send, of frames that no queue and no capture concerns. */
void worker_send_all(struct worker *w, struct dp_port *dp, struct rte_mbuf *const *frames, unsigned n);
void worker_flush(struct worker *w);

/* shaped.c: ports with queues. */
void shaped_send(struct worker *w, struct dp_port *dp, struct rte_mbuf *m, uint32_t queue);
void shaped_put(struct worker *w, struct dp_port *dp, struct rte_mbuf *m, uint32_t queue); /* at their owner */
unsigned shaped_poll(struct worker *w);          /* sends what may be sent at w->now_ns; returns how many */
uint64_t shaped_next_ns(const struct worker *w); /* when there will be more; UINT64_MAX: nothing waits */

/* reassembly.c.  w->pkt is a fragment that came in by `dp`, LAYER_L3 parsed: takes its frame, or makes it that of its
 * datagram, which is now whole, and returns true: as if that had come in. */
bool reassembly_add(struct worker *w, struct dp_port *dp);
/* Likewise a fragment that has come to the action ct, as `p`, of which every layer but L2 and L3 may be unknown then; `among`:
 * fragments go together only with those of the same number. */
bool reassembly_join(struct worker *w, struct pkt *p, uint32_t among);
/* Sends a joined frame in pieces, if it must be; false: send it as it is. */
bool reassembly_send(struct worker *w, struct dp_port *dp, struct rte_mbuf *m, uint32_t queue);
void reassembly_expire(struct worker *w);            /* at w->now_ns */
uint64_t reassembly_next_ns(const struct worker *w); /* when something will expire; UINT64_MAX: nothing waits */
void reassembly_free(struct reassembly *r);          /* C; NULL is fine */

/* pipeline.c: takes `n` (1..PORT_BURST) frames that came in by `dp` through its bridge. Thread: W. */
void pipeline_burst(struct worker *w, struct dp_port *dp, struct rte_mbuf **frames, unsigned n);
/* A fragment that another worker took in. */
void pipeline_fragment(struct worker *w, struct dp_port *dp, struct rte_mbuf *m);
void pipeline_job(struct worker *w, struct job *job);
/* Sends a copy of the frame through the tables later, as another job. */
void pipeline_copy(struct worker *w, const struct bridge *b, struct pkt *p);
/* A copy of the frame, with its fields and the stack, goes on a moment later with these actions: its action set, then what it
 * does first. */
void pipeline_fork(struct worker *w, const struct bridge *b, struct pkt *p, const struct act *acts, unsigned n_set,
                   unsigned n_todo);

/* exec.c: runs a program on a frame, and takes the frame unless it says to go on.
 * Returns true when the frame must go through the tables again, from w->resume on. */
bool exec_program(struct worker *w, const struct bridge *b, struct pkt *p, const uint64_t *words);
/* Sends frames that came in by `in_port` of bridge `b` by the port of that index, subject to its flags; takes them. */
void exec_output_all(struct worker *w, const struct bridge *b, uint32_t in_port, uint16_t index,
                     struct rte_mbuf **frames, unsigned n);
/* Sends a copy of the frame, or the frame itself when `is_last`, by that port, subject to its flags. */
void exec_output(struct worker *w, struct pkt *p, struct dp_port *dp, bool is_last);
/* output_cut.c: sends the first `max` bytes by OpenFlow's port, which may be IN_PORT. */
void exec_output_cut(struct worker *w, const struct bridge *b, struct pkt *p, uint32_t port, uint32_t max);

/* normal.c: the action NORMAL: VLANs, learning, flooding.  Leaves the frame as it was. */
void normal_forward(struct worker *w, const struct bridge *b, struct pkt *p);

/* event.c */
bool event_post(struct worker *w, const struct event *e); /* takes its frame; false: dropped and counted */
struct packet_in {
    enum event_reason reason;
    uint8_t table_id;
    uint16_t max_len, controller_id, n_userdata;
    uint32_t meter_id; /* 0: the controller meter */
    uint64_t cookie;
    const void *userdata;
    const struct pause_point *pause; /* NULL: nothing waits for an answer */
};
void event_packet_in(struct worker *w, const struct bridge *b, struct pkt *p, const struct packet_in *in);
void event_capture(struct worker *w, struct dp_port *dp, struct rte_mbuf *m, enum event_type type, uint32_t snaplen);

#endif

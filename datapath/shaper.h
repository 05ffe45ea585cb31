/* SPDX-License-Identifier: Apache-2.0 */
/* shaper.h - the queues of one port: holds frames back so that each queue, and the port, keep to their rates.
 * Flow: exec -> worker_send -> [shaper] -> port tx.   Spec: OpenFlow 1.3.5, 5.8.3 and A.3.6; rates are bits per second of
 * Ethernet frames without preamble, gap and checksum, a frame that is still to be cut counted as the frames it will be.
 * Thread: the one W that sends by the port; C makes and frees (after a grace period), and reads the counters. */
#ifndef DATAPATH_SHAPER_H
#define DATAPATH_SHAPER_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct shaper;

enum { SHAPER_QUEUES_MAX = 64 };
#define SHAPER_RATE_MAX UINT64_C(1000000000000) /* bit/s */
#define SHAPER_QUEUE_NONE UINT32_MAX            /* no queue was named: queue 0 */

struct shaper_queue_conf {
    uint32_t id;      /* OpenFlow's, not SHAPER_QUEUE_NONE */
    uint64_t min_bps; /* what it gets whatever the others send; 0: nothing */
    uint64_t max_bps; /* 0: no limit of its own */
};

struct shaper_conf {
    uint64_t max_bps; /* of the port; 0: no limit */
    unsigned n_queues;
    struct shaper_queue_conf queues[SHAPER_QUEUES_MAX]; /* different ids */
};

/* Frames of a queue that is not in `conf` go by queue 0, which is there without limits when `conf` does not have it. */
int shaper_new(struct shaper **out, const struct shaper_conf *conf, uint64_t now_ns); /* -ENOMEM, -EINVAL */
void shaper_free(struct shaper *s);                                                   /* with the frames it holds */
const struct shaper_conf *shaper_conf(const struct shaper *s);

/* Takes the frame; false: its queue is full, the frame is the caller's still (and counted here). */
bool shaper_put(struct shaper *s, struct rte_mbuf *m, uint32_t queue);
/* Gives up to `n` frames that may be sent now, in the order to send them. */
unsigned shaper_take(struct shaper *s, uint64_t now_ns, struct rte_mbuf **frames, unsigned n);
/* When shaper_take will give something: at most now_ns when it would at once, UINT64_MAX when nothing waits. */
uint64_t shaper_next_ns(const struct shaper *s);
unsigned shaper_length(const struct shaper *s); /* frames that it holds */

struct shaper_stats {
    uint64_t tx_packets, tx_bytes;
    uint64_t tx_dropped; /* the queue was full */
};
/* -ENOENT: there is no such queue.  Thread: any. */
int shaper_queue_stats(const struct shaper *s, uint32_t queue, struct shaper_stats *out);

#endif

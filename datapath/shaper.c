/* SPDX-License-Identifier: Apache-2.0 */
/* shaper.c - see shaper.h.
 *
 * Theory.  Three kinds of token buckets: the port's limit, each queue's limit (`most`) and each queue's guarantee
 * (`least`).  A bucket gathers its rate and pays for what is sent; a frame goes when there is anything in it, and may leave
 * it in debt, so that frames longer than the bucket pass, and the mean is the rate all the same.  A bucket is small, so that
 * nothing bursts after a pause, but not so small that a TCP that waits for a busy CPU falls short of the rate (2 ms: by 2 to
 * 9 %, with six others for each CPU); while frames wait it gathers more (`CATCH_UP_NS`), so that a worker that the kernel
 * let wait makes up for it, with what its queues hold at most.  Frames go first from queues whose guarantee is not used up,
 * in turns; when there is none, what is left is shared in proportion to the guarantees, by a virtual time for each queue
 * (`share_time`) that runs the slower the more it has been guaranteed.
 * Tokens are bits times 10^9, so that a nanosecond of any rate is a whole number of them. */
#include "datapath/shaper.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    FRAMES_MAX = 1024,       /* in a queue */
    BYTES_LEAST = 256 << 10, /* a queue holds so much ... */
    BYTES_MOST = 4 << 20,    /* ... to so much, by its rate: what goes in QUEUE_MS */
    QUEUE_MS = 50,
    BUCKET_NS = 8000000,     /* what a bucket holds: so long at its rate ... */
    CATCH_UP_NS = 200000000, /* ... and while frames wait for it, as long as the least queue takes at 10 Mbit/s */
    SHARE_LEAST = 1000000,   /* bit/s that a queue without a guarantee counts for when what is left is shared */
};
#define TOKENS_MAX UINT64_C(5000000000000000000) /* in a bucket */
#define TOKENS_PER_BIT INT64_C(1000000000)
/* A queue that was just served is so far ahead of share_now, at most: one longest frame at the least weight. */
#define SHARE_AHEAD (UINT64_C(1) << 31)

struct bucket {
    uint64_t rate; /* bit/s; 0: no limit */
    int64_t tokens;
    uint64_t at_ns; /* when `tokens` was true */
};

struct queue {
    struct shaper_queue_conf conf;
    struct bucket most, least;
    uint64_t share_time;
    bool is_waiting;  /* frames were here at the last shaper_take */
    uint32_t head, n; /* of the ring */
    uint64_t bytes, max_bytes;
    struct rte_mbuf *frames[FRAMES_MAX];
    _Atomic uint64_t tx_packets, tx_bytes, tx_dropped; /* one writer */
};

struct shaper {
    struct shaper_conf conf;
    struct bucket port;
    uint64_t now_ns, share_now; /* of the last shaper_take; the share_time of the queue served last */
    unsigned n_queues, turn, n_frames;
    bool is_waiting;
    struct queue queues[];
};

static void add(_Atomic uint64_t *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* --- buckets --- */

static int64_t bucket_size(const struct bucket *b, bool is_waiting)
{
    uint64_t ns = is_waiting ? CATCH_UP_NS : BUCKET_NS;

    return (int64_t)(b->rate < TOKENS_MAX / ns ? b->rate * ns : TOKENS_MAX);
}

static void bucket_init(struct bucket *b, uint64_t rate, uint64_t now_ns)
{
    *b = (struct bucket){ .rate = rate, .at_ns = now_ns };
    b->tokens = bucket_size(b, false);
}

/* `is_waiting`: frames have waited for it all the time since the last fill. */
static void bucket_fill(struct bucket *b, uint64_t now_ns, bool is_waiting)
{
    uint64_t ns = now_ns > b->at_ns ? now_ns - b->at_ns : 0;
    int64_t size = bucket_size(b, is_waiting);

    if (!b->rate)
        return;
    b->at_ns = now_ns > b->at_ns ? now_ns : b->at_ns;
    if (b->tokens > size)
        b->tokens = size;
    /* what is missing is at most one longest frame and one bucket: no overflow where the division is small */
    if (ns >= (uint64_t)(size - b->tokens) / b->rate + 1)
        b->tokens = size;
    else
        b->tokens += (int64_t)(ns * b->rate);
}

static bool bucket_has(const struct bucket *b)
{
    return b->tokens > 0;
}

static bool bucket_allows(const struct bucket *b)
{
    return !b->rate || bucket_has(b);
}

static void bucket_pay(struct bucket *b, uint64_t bits)
{
    if (b->rate)
        b->tokens -= (int64_t)bits * TOKENS_PER_BIT;
}

static uint64_t bucket_ready_ns(const struct bucket *b)
{
    return bucket_allows(b) ? b->at_ns : b->at_ns + (uint64_t)-b->tokens / b->rate + 1;
}

/* --- life --- */

static void queue_init(struct queue *q, const struct shaper_queue_conf *conf, uint64_t port_bps, uint64_t now_ns)
{
    uint64_t rate = conf->max_bps ? conf->max_bps : port_bps;

    q->conf = *conf;
    bucket_init(&q->most, conf->max_bps, now_ns);
    bucket_init(&q->least, conf->min_bps, now_ns);
    q->max_bytes = rate ? rate / 8 * QUEUE_MS / 1000 : BYTES_MOST;
    q->max_bytes = q->max_bytes < BYTES_LEAST ? BYTES_LEAST : q->max_bytes > BYTES_MOST ? BYTES_MOST : q->max_bytes;
}

static bool is_good(const struct shaper_conf *conf)
{
    bool is_ok = conf->n_queues <= SHAPER_QUEUES_MAX && conf->max_bps <= SHAPER_RATE_MAX;

    for (unsigned i = 0; is_ok && i < conf->n_queues; i++) {
        const struct shaper_queue_conf *q = &conf->queues[i];

        is_ok = q->id != SHAPER_QUEUE_NONE && q->min_bps <= SHAPER_RATE_MAX && q->max_bps <= SHAPER_RATE_MAX &&
                (!q->max_bps || q->min_bps <= q->max_bps);
        for (unsigned k = 0; is_ok && k < i; k++)
            is_ok = conf->queues[k].id != q->id;
    }
    return is_ok;
}

/* Queue 0 stands first, whether it is in `conf` or not. */
int shaper_new(struct shaper **out, const struct shaper_conf *conf, uint64_t now_ns)
{
    static const struct shaper_queue_conf unlimited = { .id = 0 };
    const struct shaper_queue_conf *first = &unlimited;
    unsigned n = 1;
    struct shaper *s;

    if (!is_good(conf))
        return -EINVAL;
    s = calloc(1, sizeof *s + (conf->n_queues + 1) * sizeof s->queues[0]);
    if (!s)
        return -ENOMEM;
    s->conf = *conf;
    s->now_ns = now_ns;
    bucket_init(&s->port, conf->max_bps, now_ns);
    for (unsigned i = 0; i < conf->n_queues; i++)
        if (conf->queues[i].id)
            queue_init(&s->queues[n++], &conf->queues[i], conf->max_bps, now_ns);
        else
            first = &conf->queues[i];
    queue_init(&s->queues[0], first, conf->max_bps, now_ns);
    s->n_queues = n;
    *out = s;
    return 0;
}

void shaper_free(struct shaper *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < s->n_queues; i++)
        for (struct queue *q = &s->queues[i]; q->n; q->n--)
            rte_pktmbuf_free(q->frames[q->head++ % FRAMES_MAX]);
    free(s);
}

const struct shaper_conf *shaper_conf(const struct shaper *s)
{
    return &s->conf;
}

/* --- frames --- */

/* Bytes on the wire; a frame still to be cut repeats its headers. */
static uint64_t wire_bytes(const struct rte_mbuf *m)
{
    uint64_t headers = (uint64_t)m->l2_len + m->l3_len + m->l4_len, payload = m->pkt_len - headers;

    if (!(m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)) || !m->tso_segsz || m->pkt_len <= headers)
        return m->pkt_len;
    return m->pkt_len + (payload - 1) / m->tso_segsz * headers;
}

static struct queue *queue_find(struct shaper *s, uint32_t id)
{
    for (unsigned i = 1; i < s->n_queues; i++)
        if (s->queues[i].conf.id == id)
            return &s->queues[i];
    return &s->queues[0];
}

bool shaper_put(struct shaper *s, struct rte_mbuf *m, uint32_t queue)
{
    struct queue *q = queue_find(s, queue);
    uint64_t bytes = wire_bytes(m);

    if (q->n == FRAMES_MAX || (q->n && q->bytes + bytes > q->max_bytes)) {
        add(&q->tx_dropped, 1);
        return false;
    }
    if (!q->n && q->share_time - s->share_now > SHARE_AHEAD)
        q->share_time = s->share_now; /* it is behind: what it did not use while it was empty is gone */
    q->frames[(q->head + q->n) % FRAMES_MAX] = m;
    q->n++;
    q->bytes += bytes;
    s->n_frames++;
    return true;
}

/* The queue to serve next, NULL when none may send. */
static struct queue *choose(struct shaper *s)
{
    struct queue *best = NULL;

    if (!bucket_allows(&s->port))
        return NULL;
    for (unsigned i = 0; i < s->n_queues; i++) {
        unsigned at = (s->turn + i) % s->n_queues;
        struct queue *q = &s->queues[at];

        if (!q->n || !bucket_allows(&q->most))
            continue;
        if (q->least.rate && bucket_has(&q->least)) {
            s->turn = at + 1;
            return q;
        }
        if (!best || (int64_t)(q->share_time - best->share_time) < 0) /* it wraps around */
            best = q;
    }
    return best;
}

static struct rte_mbuf *serve(struct shaper *s, struct queue *q)
{
    struct rte_mbuf *m = q->frames[q->head % FRAMES_MAX];
    uint64_t bytes = wire_bytes(m), bits = bytes * 8;
    uint64_t weight = q->conf.min_bps > SHARE_LEAST ? q->conf.min_bps : SHARE_LEAST;
    bool is_guaranteed = q->least.rate && bucket_has(&q->least);

    q->head = (q->head + 1) % FRAMES_MAX;
    q->n--;
    q->bytes -= bytes;
    s->n_frames--;
    bucket_pay(&s->port, bits);
    bucket_pay(&q->most, bits);
    if (is_guaranteed) {
        bucket_pay(&q->least, bits);
    } else {
        s->share_now = q->share_time;
        q->share_time += bits * (uint64_t)TOKENS_PER_BIT / weight;
    }
    add(&q->tx_packets, 1);
    add(&q->tx_bytes, m->pkt_len);
    return m;
}

unsigned shaper_take(struct shaper *s, uint64_t now_ns, struct rte_mbuf **frames, unsigned n)
{
    unsigned got = 0;
    struct queue *q;

    if (!s->n_frames)
        return 0;
    s->now_ns = now_ns;
    bucket_fill(&s->port, now_ns, s->is_waiting);
    for (unsigned i = 0; i < s->n_queues; i++) {
        bucket_fill(&s->queues[i].most, now_ns, s->queues[i].is_waiting);
        bucket_fill(&s->queues[i].least, now_ns, s->queues[i].is_waiting);
    }
    while (got < n && (q = choose(s)))
        frames[got++] = serve(s, q);
    for (unsigned i = 0; i < s->n_queues; i++)
        s->queues[i].is_waiting = s->queues[i].n != 0;
    s->is_waiting = s->n_frames != 0;
    return got;
}

uint64_t shaper_next_ns(const struct shaper *s)
{
    uint64_t next = UINT64_MAX, port = bucket_ready_ns(&s->port);

    for (unsigned i = 0; s->n_frames && i < s->n_queues; i++) {
        const struct queue *q = &s->queues[i];
        uint64_t at = bucket_ready_ns(&q->most);

        if (q->n && at < next)
            next = at;
    }
    return next != UINT64_MAX && next < port ? port : next;
}

unsigned shaper_length(const struct shaper *s)
{
    return s->n_frames;
}

int shaper_queue_stats(const struct shaper *s, uint32_t queue, struct shaper_stats *out)
{
    for (unsigned i = 0; i < s->n_queues; i++) {
        const struct queue *q = &s->queues[i];

        if (q->conf.id != queue)
            continue;
        *out = (struct shaper_stats){
            .tx_packets = atomic_load_explicit(&q->tx_packets, memory_order_relaxed),
            .tx_bytes = atomic_load_explicit(&q->tx_bytes, memory_order_relaxed),
            .tx_dropped = atomic_load_explicit(&q->tx_dropped, memory_order_relaxed),
        };
        return 0;
    }
    return -ENOENT;
}

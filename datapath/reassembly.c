/* SPDX-License-Identifier: Apache-2.0 */
/* reassembly.c - a worker puts IP fragments together as they come in, and cuts what it has put together on its way out.
 * Flow: pipeline_burst -> [reassembly_add] -> tables ... worker_send -> [reassembly_send] -> worker_send, by piece.
 *       exec (OP_CT) -> [reassembly_join] -> conn_track: a connection is known of a whole datagram only.
 *
 * Theory.  Fragments of one datagram may come in by queues of several workers.  The one that its hash chooses, the owner, has
 * them all: the others hand theirs to it by the ring that also has frames for other workers' ports, and the owner does all
 * that is left to do for the frame.  Not so where the action ct meets fragments: what tables have done to the frame so far cannot
 * go to another worker with it, so there each has its own, and devices that spread frames by addresses send them all to one.
 * Memory is bounded: all tables together hold an eighth of the frames' pool.
 * A worker whose table holds something wakes up to let go of it in time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_random.h>
#include <rte_ring_elem.h>

#include "base/clock.h"
#include "datapath/datapath_impl.h"
#include "datapath/fragment.h"
#include "datapath/pkt.h"

enum {
    DATAGRAMS_MAX = 1024, /* of a worker */
    MBUFS_MAX = 4096,
    POOL_SHARE = 8,
    TIMEOUT_S = 15, /* RFC 791, 3.2, and what others between hosts do; hosts themselves wait for 60 s (RFC 8200, 4.5) */
};

struct reassembly {
    struct fragment_table *table;
    struct pkt scratch;
    struct fragment parts[FRAGMENTS_MAX];
    struct fragment_cut cut;
};

static void lose(void *arg, struct rte_mbuf *m, enum drop why)
{
    worker_drop(arg, why);
    rte_pktmbuf_free(m);
}

/* --- C --- */

static int reassembly_new(struct reassembly **out, struct worker *w)
{
    const struct datapath_conf *conf = &w->dp->conf;
    struct fragment_table_conf tc = {
        .datagrams = DATAGRAMS_MAX,
        .mbufs = RTE_MIN((unsigned)MBUFS_MAX, conf->pool->size / POOL_SHARE / conf->n_workers),
        .timeout_ns = (uint64_t)TIMEOUT_S * NSEC_PER_S,
        .lose = lose,
        .arg = w,
    };
    struct reassembly *r = calloc(1, sizeof *r);
    int err = r ? fragment_table_new(&r->table, &tc) : -ENOMEM;

    if (err)
        free(r);
    else
        *out = r;
    return err;
}

void reassembly_free(struct reassembly *r)
{
    if (!r)
        return;
    fragment_table_free(r->table);
    free(r);
}

int reassembly_open(struct datapath *dp)
{
    int err = fragment_init();

    if (!dp->fragment_seed)
        dp->fragment_seed = (uint32_t)rte_rand() | 1;
    for (unsigned i = 0; !err && i < dp->n_workers; i++) {
        struct reassembly *r;

        if (atomic_load(&dp->workers[i]->reassembly))
            continue;
        err = reassembly_new(&r, dp->workers[i]);
        if (!err)
            atomic_store_explicit(&dp->workers[i]->reassembly, r, memory_order_release);
    }
    return err;
}

/* --- W --- */

static struct reassembly *reassembly_of(const struct worker *w)
{
    return atomic_load_explicit(&w->reassembly, memory_order_acquire);
}

static void hand_to(struct worker *w, struct worker *owner, const struct dp_port *dp, struct rte_mbuf *m)
{
    struct handover h = { .m = m, .port = dp->index, .is_received = true };

    if (rte_ring_enqueue_elem(owner->handover, &h, sizeof h)) {
        worker_drop(w, DROP_RING_FULL);
        rte_pktmbuf_free(m);
        return;
    }
    worker_kick(owner);
}

/* Takes a fragment; returns the frame of its datagram, when that is whole. */
static struct rte_mbuf *add(struct worker *w, const struct fragment_key *key, uint32_t hash, const struct fragment *f)
{
    struct reassembly *r = reassembly_of(w);
    unsigned n = fragment_table_add(r->table, key, hash, f, w->now_ns, r->parts);
    struct rte_mbuf *m;
    enum drop why;

    w->n_datagrams = fragment_table_length(r->table);
    if (!n)
        return NULL;
    m = fragment_join(r->parts, n, &r->scratch, &why);
    if (!m) {
        counter_add(&w->drops[why], n);
        return NULL;
    }
    counter_add(&w->joined, 1);
    w->has_joined = true;
    return m;
}

bool reassembly_add(struct worker *w, struct dp_port *dp)
{
    struct fragment_key key;
    struct fragment f;
    struct rte_mbuf *m;
    uint32_t hash;
    unsigned owner;

    if (!fragment_read(w->pkt, dp->serial, &key, &f)) {
        lose(w, w->pkt->m, DROP_FRAGMENT_BAD);
        return false;
    }
    hash = fragment_hash(&key, w->dp->fragment_seed);
    owner = hash % w->dp->conf.n_workers;
    if (owner != w->id) {
        hand_to(w, w->dp->workers[owner], dp, f.m);
        return false;
    }
    m = add(w, &key, hash, &f);
    if (m)
        pkt_init(w->pkt, m, dp->number);
    return m;
}

/* What is known of the last fragment beside its bytes is known of the datagram. */
static void become(struct pkt *p, struct rte_mbuf *m)
{
    struct pkt was = { .layers = p->layers & (1u << LAYER_TUNNEL), .queue = p->queue };
    unsigned n_words = field_place[was.layers ? FIELD_CT_STATE : FIELD_TUNNEL_ID].word;

    memcpy(was.key.w, p->key.w, n_words * sizeof was.key.w[0]);
    pkt_init(p, m, p->in_port);
    memcpy(p->key.w, was.key.w, n_words * sizeof was.key.w[0]);
    p->layers |= was.layers;
    p->queue = was.queue;
}

bool reassembly_join(struct worker *w, struct pkt *p, uint32_t among)
{
    struct fragment_key key;
    struct fragment f;
    struct rte_mbuf *m;

    if (pkt_writable(p)) {
        lose(w, p->m, DROP_NO_ROOM);
        return false;
    }
    if (!fragment_read(p, among, &key, &f)) {
        lose(w, p->m, DROP_FRAGMENT_BAD);
        return false;
    }
    m = add(w, &key, fragment_hash(&key, w->dp->fragment_seed), &f);
    if (m)
        become(p, m);
    return m;
}

bool reassembly_send(struct worker *w, struct dp_port *dp, struct rte_mbuf *m, uint32_t queue)
{
    uint16_t mtu = atomic_load_explicit(&dp->mtu, memory_order_relaxed);
    struct reassembly *r = reassembly_of(w);
    enum fragment_fit fit;

    if (likely(!is_joined(m)))
        return false;
    fit = fragment_fit(&r->cut, m, mtu, &r->scratch);
    if (fit == FRAGMENT_FITS)
        return false;
    if (fit == FRAGMENT_TOO_BIG) {
        lose(w, m, DROP_TOO_BIG);
        return true;
    }
    for (uint32_t start = 0; start < r->cut.size; start += r->cut.step) {
        struct rte_mbuf *piece = fragment_piece(&r->cut, start, w->dp->conf.pool);

        if (!piece) {
            worker_drop(w, DROP_NO_ROOM);
            break; /* without one the others are of no use */
        }
        worker_send(w, dp, piece, queue);
    }
    counter_add(&w->cut, 1);
    rte_pktmbuf_free(m);
    return true;
}

void reassembly_expire(struct worker *w)
{
    struct reassembly *r = reassembly_of(w);

    fragment_table_expire(r->table, w->now_ns);
    w->n_datagrams = fragment_table_length(r->table);
}

uint64_t reassembly_next_ns(const struct worker *w)
{
    return w->n_datagrams ? fragment_table_next_ns(reassembly_of(w)->table) : UINT64_MAX;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline.c - a frame's way through a bridge: parse what the entry mask asks for, find or make the program, run it.
 * Flow: rx -> [pipeline] -> exec -> tx. */
#include "datapath/datapath_impl.h"
#include "datapath/pause.h"
#include "datapath/pkt.h"

#include <rte_mbuf.h>
#include <rte_ring.h>

enum { MAX_PASSES = 64 };

/* The program for the frame at w->resume, from the cache or made now. */
static const uint64_t *program_for(struct worker *w, const struct bridge *b, struct pkt *p)
{
    const struct entry_mask *m = atomic_load_explicit(&b->entry, memory_order_acquire);
    bool is_cacheable = resume_is_plain(&w->resume); /* what is carried along is not part of the key */
    uint32_t point = b->index | (uint32_t)w->resume.table_id << 8;
    struct cache_key ck;

    pkt_parse(p, m->layers);
    if (is_cacheable) {
        cache_key_init(&ck, m, &p->key, point);

        const uint64_t *found = cache_find(w->cache, &ck, m->serial, w->version);

        if (found) {
            counter_add(&w->cache_hits, 1);
            return found;
        }
    }
    counter_add(&w->cache_misses, 1);

    /* only what the mask covers may decide: other frames will take this program too */
    struct key key = { 0 };

    for (unsigned i = 0; i < m->n; i++)
        key.w[m->word[i]] = p->key.w[m->word[i]] & m->mask[i];
    if (w->resume.is_paused) { /* its actions may be of rules that are gone, and read what the mask knows nothing of */
        pkt_parse(p, PKT_LAYERS_ALL);
        key = p->key;
    }
    program_reset(&w->scratch);
    translate_tables(&w->scratch, b, &key, w->version, &w->resume);
    program_finish(&w->scratch);
    if (!is_cacheable)
        return w->scratch.w;
    return cache_store(w->cache, &ck, m->serial, w->version, w->scratch.w, w->scratch.n);
}

/* Runs the frame from where w->resume says to its end.  Takes it. */
static void run_tables(struct worker *w, const struct bridge *b, struct pkt *p)
{
    for (unsigned pass = 0; pass < MAX_PASSES; pass++)
        if (!exec_program(w, b, p, program_for(w, b, p)))
            return;
    worker_drop(w, DROP_TOO_DEEP);
    rte_pktmbuf_free(p->m);
}

static void run_bridge(struct worker *w, const struct bridge *b, struct pkt *p)
{
    if (atomic_load_explicit(&b->is_standalone, memory_order_relaxed)) {
        normal_forward(w, b, p);
        rte_pktmbuf_free(p->m);
        return;
    }
    run_tables(w, b, p);
}

/* False: w->pkt was a fragment, and is taken. */
static bool take_fragment(struct worker *w, struct dp_port *dp, enum fragment_mode mode)
{
    struct pkt *p = w->pkt;

    pkt_parse(p, 1u << LAYER_L3);
    if (!p->is_fragment)
        return true;
    if (mode == FRAGMENTS_JOIN)
        return reassembly_add(w, dp);
    worker_drop(w, DROP_FRAGMENT);
    rte_pktmbuf_free(p->m);
    return false;
}

void pipeline_frame(struct worker *w, struct dp_port *dp, struct rte_mbuf *m)
{
    unsigned flags = atomic_load_explicit(&dp->flags, memory_order_relaxed);
    uint32_t snaplen = atomic_load_explicit(&dp->snaplen, memory_order_relaxed);
    enum fragment_mode fragments;

    if (snaplen)
        event_capture(w, dp, m, EVENT_CAPTURE_RX, snaplen);
    if (flags & (PORT_FLAG_DOWN | PORT_FLAG_NO_RECV)) {
        worker_drop(w, DROP_NO_RECV);
        rte_pktmbuf_free(m);
        return;
    }
    if (rte_pktmbuf_pkt_len(m) < 14) {
        worker_drop(w, DROP_SHORT);
        rte_pktmbuf_free(m);
        return;
    }
    pkt_init(w->pkt, m, dp->number);
    fragments = atomic_load_explicit(&dp->bridge->fragments, memory_order_relaxed);
    if (unlikely(fragments != FRAGMENTS_NORMAL) && !take_fragment(w, dp, fragments))
        return;
    resume_begin(&w->resume);
    run_bridge(w, dp->bridge, w->pkt);
}

void pipeline_fragment(struct worker *w, struct dp_port *dp, struct rte_mbuf *m)
{
    pkt_init(w->pkt, m, dp->number);
    if (!take_fragment(w, dp, FRAGMENTS_JOIN))
        return;
    resume_begin(&w->resume);
    run_bridge(w, dp->bridge, w->pkt);
}

void pipeline_job(struct worker *w, struct job *job)
{
    struct pkt *p = w->pkt;

    pkt_init(p, job->frame, job->in_port);
    resume_begin(&w->resume);
    if (exec_program(w, job->bridge, p, job->words)) {
        if (job->state)
            pause_load(&w->resume, job->state);
        run_bridge(w, job->bridge, p);
    }
    rte_pktmbuf_free(job->state);
    rte_mempool_put(w->dp->jobs, job);
}

void pipeline_copy(struct worker *w, const struct bridge *b, struct pkt *p)
{
    struct rte_mbuf *m = rte_pktmbuf_copy(p->m, w->dp->conf.pool, 0, UINT32_MAX);
    struct job *job = NULL;

    if (!m || rte_mempool_get(w->dp->jobs, (void **)&job)) {
        worker_drop(w, DROP_NO_ROOM);
        rte_pktmbuf_free(m);
        return;
    }
    job->frame = m;
    job->state = NULL;
    job->bridge = b;
    job->in_port = p->in_port;
    job->words[0] = op_head(OP_PIPELINE, 0, 0);
    job->words[1] = op_head(OP_END, 0, 0);
    if (rte_ring_enqueue(w->jobs, job)) {
        worker_drop(w, DROP_RING_FULL);
        rte_pktmbuf_free(m);
        rte_mempool_put(w->dp->jobs, job);
    }
}

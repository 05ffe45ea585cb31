/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline.c - the way of frames through a bridge: what the entry mask asks for, the programs found or made, and run.
 * Flow: rx -> [pipeline] -> quick or exec -> tx.
 *
 * Theory.  Frames that came in together go together, stage by stage: keys, lookups, and then each program for all frames that
 * share it (quick.c).  A frame whose program is not quick, or that is not plain, goes alone (exec.c).  Frames are sent in the
 * order in which they came: quick programs only change them at first, and where each is sent is seen to at the end, frame
 * by frame, in turn with those that go alone. */
#include "datapath/datapath_impl.h"
#include "datapath/path.h"
#include "datapath/pause.h"
#include "datapath/pkt.h"
#include "datapath/plain.h"
#include "datapath/quick.h"
#include "datapath/quick_ct.h"

#include <rte_mbuf.h>
#include <rte_ring.h>

/* A copy has that part of what is left: a fork in a fork is possible seven times, and forks beside each other some thirty. */
enum { MAX_PASSES = 64, ETH_LEN = 14, FORK_SHARE = 4 };

/* --- one frame alone --- */

/* The program of one key, made now, in w->scratch. */
static void translate(struct worker *w, const struct bridge *b, struct key *key)
{
    program_reset(&w->scratch);
    translate_tables(&w->scratch, b, key, w->version, &w->resume);
    program_finish(&w->scratch);
}

/* The key of a parsed frame, as column 0 of `k`. */
static void key_alone(struct key_columns *k, const struct entry_mask *m, const struct pkt *p,
                      const struct cache_point *at)
{
    uint64_t h = cache_hash_begin(at);

    k->n_words = m->n;
    for (unsigned j = 0; j < m->n; j++) {
        k->word[j][0] = p->key.w[m->word[j]] & m->mask[j];
        h = hash_add(h, k->word[j][0]);
    }
    k->hash[0] = cache_hash_end(h);
}

/* The program for the frame at w->resume, from the cache or made now. */
static const uint64_t *program_alone(struct worker *w, const struct bridge *b, struct pkt *p)
{
    const struct entry_mask *m = atomic_load_explicit(&b->entry, memory_order_acquire);
    bool is_cacheable = resume_is_plain(&w->resume); /* what is carried along is not part of the key */
    struct cache_point at = {
        .space = cache_space(m->serial, w->resume.table_id), .version = w->version, .mask = m, .changes = &b->changes
    };
    struct program *found = NULL;
    struct key key = { 0 };

    pkt_parse(p, m->layers);
    if (is_cacheable) {
        key_alone(w->alone, m, p, &at);
        if (cache_find(w->cache, &at, w->alone, 1, &found)) {
            counter_add(&w->cache_hits, 1);
            return program_words(found);
        }
    }
    counter_add(&w->cache_misses, 1);
    for (unsigned i = 0; i < m->n;
         i++) /* only what the mask covers may decide: other frames will take this program too */
        key.w[m->word[i]] = p->key.w[m->word[i]] & m->mask[i];
    if (w->resume.is_paused ||
        w->resume.lookup ==
            LOOKUP_ORIGINAL) { /* its actions may be of rules that are gone, and read what the mask knows nothing of */
        pkt_parse(p, PKT_LAYERS_ALL);
        key = p->key;
    }
    translate(w, b, &key);
    if (is_cacheable) {
        found = cache_store(w->cache, &at, w->alone, 0, &w->scratch);
        w->is_cache_full |= !found;
    }
    return found ? program_words(found) : w->scratch.w;
}

/* Runs the frame from where w->resume says to its end.  Takes it. */
static void run_tables(struct worker *w, const struct bridge *b, struct pkt *p)
{
    for (unsigned pass = 0; pass < MAX_PASSES; pass++)
        if (!exec_program(w, b, p, program_alone(w, b, p)))
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

/* `words`: its first program, NULL: not known yet. */
static void run_alone(struct worker *w, const struct bridge *b, struct rte_mbuf *m, uint32_t in_port,
                      const uint64_t *words)
{
    pkt_init(w->pkt, m, in_port);
    resume_begin(&w->resume);
    if (!words || exec_program(w, b, w->pkt, words))
        run_tables(w, b, w->pkt);
}

/* --- frames together: their programs --- */

/* What frames that come in by a port have in common: all that LAYER_META holds follows from the port. */
static struct cache_point point_of(const struct worker *w, const struct bridge *b, const struct entry_mask *m,
                                   uint32_t in_port)
{
    uint64_t mask = entry_reads_in_port(m) ? m->mask[0] : 0;

    return (struct cache_point){ .space = cache_space(m->serial, DP_TABLES),
                                 .version = w->version,
                                 .mask = m,
                                 .is_plain = true,
                                 .changes = &b->changes,
                                 .in_port = in_port & (uint32_t)(mask >> 32 | mask) };
}

/* Makes the program of frame `i`, in w->scratch. */
static void translate_one(struct worker *w, const struct bridge *b, const struct entry_mask *m, const struct burst *f,
                          unsigned i)
{
    struct key key = { 0 };
    uint8_t which = (uint8_t)i;

    plain_whole_keys(f, m, &which, 1, &key);
    resume_begin(&w->resume);
    translate(w, b, &key);
}

/* Makes the programs of the frames `which`.  Returns of how many: there was no room for the next one's. */
static unsigned make_programs(struct worker *w, const struct bridge *b, const struct entry_mask *m,
                              const struct cache_point *at, struct burst *f, const uint8_t *which, unsigned n)
{
    paths_find(w->paths, b, at, cache_round(w->cache), f, which, n);
    for (unsigned k = 0; k < n; k++) {
        unsigned i = which[k];

        if (likely(f->program[i])) {
            cache_put(w->cache, at, &f->keys, i, f->program[i]);
            continue;
        }
        f->program[i] = cache_find_again(w->cache, at, &f->keys, i); /* others of this burst may have its key */
        if (f->program[i])
            continue;
        translate_one(w, b, m, f, i);
        f->program[i] = cache_store(w->cache, at, &f->keys, i, &w->scratch);
        if (!f->program[i])
            return k;
        paths_keep(w->paths, k, f->program[i]);
    }
    return n;
}

/* Counts the first `n` frames, for `n_made` of which programs were made; of those behind them, none: each counts when it goes
 * alone, or is asked for again. */
static void count_before(struct worker *w, const struct burst *f, unsigned n, unsigned n_made)
{
    unsigned n_plain = 0;

    for (unsigned i = 0; i < n; i++)
        n_plain += f->program[i] != NULL;
    counter_add(&w->cache_hits, n_plain - n_made);
    counter_add(&w->cache_misses, n_made);
}

/* Finds or makes the programs of the burst; NULL for frames that are not plain, and go alone all the way.  Returns of how many
 * frames: there was no room for the next one's, which goes alone. */
static unsigned find_programs(struct worker *w, const struct bridge *b, struct burst *f)
{
    const struct entry_mask *m = atomic_load_explicit(&b->entry, memory_order_acquire);
    struct cache_point at = point_of(w, b, m, f->in_port);
    bool is_port_all = m->n == m->n_meta; /* then frames need not be plain: their one key is that of the port */
    unsigned n = is_port_all ? 1 : f->n, n_others = is_port_all ? 0 : plain_look_over(f), n_missing = 0, n_made,
             n_found = 0;
    uint8_t missing[PORT_BURST];

    plain_keys(f, m, cache_hash_begin(&at));
    stage_end(w, STAGE_KEY);
    if (n_others < n)
        n_found = cache_find(w->cache, &at, &f->keys, n, f->program);
    for (unsigned i = 0; i < n && (n_others || n_found < n); i++) {
        if (n_others && !f->l3_ofs[i])
            f->program[i] = NULL;
        else if (!f->program[i])
            missing[n_missing++] = (uint8_t)i;
    }
    n_made = n_missing ? make_programs(w, b, m, &at, f, missing, n_missing) : 0;
    if (unlikely(n_made < n_missing)) {
        count_before(w, f, missing[n_made], n_made);
        return missing[n_made];
    }
    if (unlikely(n_missing))
        counter_add(&w->cache_misses, n_missing);
    counter_add(&w->cache_hits, (is_port_all ? f->n : n - n_others) - n_missing);
    for (unsigned i = n; i < f->n; i++)
        f->program[i] = f->program[0];
    return f->n;
}

/* --- frames together: their programs run --- */

/* Frames that share a program. */
struct groups {
    unsigned n;
    uint8_t size[PORT_BURST];
    uint8_t member[PORT_BURST][PORT_BURST];
    uint8_t slot[64]; /* by a hash of the program: number of its group + 1.  It may be another's: then there are two */
};

static void group(struct groups *g, const struct burst *f, unsigned n)
{
    uintptr_t difference = 0;

    for (unsigned i = 0; i < n; i++) {
        difference |= (uintptr_t)f->program[i] ^ (uintptr_t)f->program[0];
        g->member[0][i] = (uint8_t)i;
    }
    if (!difference && n && f->program[0]) { /* traffic of one kind */
        g->n = 1;
        g->size[0] = (uint8_t)n;
        return;
    }
    g->n = 0;
    memset(g->slot, 0, sizeof g->slot);
    for (unsigned i = 0; i < n; i++) {
        if (unlikely(!f->program[i]))
            continue;

        uint8_t *slot = &g->slot[(uintptr_t)f->program[i] * UINT64_C(0x9e3779b97f4a7c15) >> 58];
        unsigned at = *slot - 1u;

        if (!*slot || f->program[g->member[at][0]] != f->program[i]) {
            at = g->n++;
            g->size[at] = 0;
            *slot = (uint8_t)g->n;
        }
        g->member[at][g->size[at]++] = (uint8_t)i;
    }
}

enum way { WAY_ALONE, WAY_FROM_CT, WAY_OUTPUT, WAY_DONE };

/* The frame as the part of `from` before its ct has left it. */
static void take_up(struct worker *w, struct rte_mbuf *m, uint32_t in_port, const struct program *from)
{
    pkt_init(w->pkt, m, in_port);
    if (from->has_notes) {
        pkt_parse(w->pkt, 1u << LAYER_META);
        quick_note(from, &w->pkt->key);
    }
}

/* The frame of a program whose beginning has been carried out, but not its ct. */
static void run_from_ct(struct worker *w, const struct bridge *b, struct rte_mbuf *m, uint32_t in_port,
                        const struct program *p)
{
    take_up(w, m, in_port, p);
    resume_begin(&w->resume);
    if (exec_program(w, b, w->pkt, program_words(p) + p->ct_at))
        run_tables(w, b, w->pkt);
}

/* A frame whose connection is found goes on alone; `words`: its next program, NULL: not known yet. */
static void go_on(struct worker *w, const struct bridge *b, struct rte_mbuf *m, uint32_t in_port,
                  const struct ct_seen *seen, const uint64_t *words)
{
    uint8_t table_id = (uint8_t)w->ct->from->out;

    take_up(w, m, in_port, w->ct->from);
    conn_track_fields(w->pkt, seen);
    resume_begin(&w->resume);
    w->resume.table_id = table_id;
    if (!words || exec_program(w, b, w->pkt, words))
        run_tables(w, b, w->pkt);
}

static void run_programs(struct worker *w, const struct bridge *b, struct burst *f, unsigned n);

/* Has the frames' connections found, and the frames go on, to their end; but for those that are left to go alone. */
static void run_ct(struct worker *w, const struct bridge *b, struct burst *f, uint8_t *which, unsigned n, uint8_t *way)
{
    struct program *p = f->program[which[0]];
    struct quick_ct_rest rest;
    uint8_t tracked[PORT_BURST];
    unsigned n_tracked = 0, n_fit = quick_sort(f, p, which, n);

    if (p->n_ops)
        quick_run(w, b, f, p, which, n_fit);
    quick_ct_run(w, b, f, which, n_fit, n, &rest);
    for (unsigned k = 0; k < n; k++)
        way[which[k]] = WAY_DONE;
    for (unsigned k = 0; k < rest.n_others; k++)
        way[rest.others[k]] = p->n_ops && k >= n - n_fit ? WAY_FROM_CT : WAY_ALONE;
    for (unsigned k = 0; k < n; k++)
        if (way[which[k]] == WAY_DONE)
            tracked[n_tracked++] = which[k];
    if (!n_tracked)
        return;
    if (!p->n_ops)
        quick_count(w, b, f, p, tracked, n_tracked);
    for (unsigned k = 0; k < rest.n_dropped; k++)
        rte_pktmbuf_free(f->m[rest.dropped[k]]);
    if (w->ct->burst.n)
        run_programs(w, b, &w->ct->burst, w->ct->burst.n);
    for (unsigned k = 0; k < rest.n_alone; k++)
        go_on(w, b, rest.frames[k], f->in_port, &w->ct->seen[rest.alone[k]], rest.words[k]);
}

/* Begins the connections of frames whose tracking left them in `f`. */
static void run_commit(struct worker *w, const struct bridge *b, struct burst *f, uint8_t *which, unsigned n,
                       uint8_t *way)
{
    struct program *p = f->program[which[0]];
    struct quick_ct_begun begun = quick_ct_commit(w, p, which, n);

    quick_count(w, b, f, p, which, begun.n_sent + begun.n_dropped);
    for (unsigned k = 0; k < begun.n_sent + begun.n_dropped; k++) {
        way[which[k]] = k < begun.n_sent ? WAY_OUTPUT : WAY_DONE;
        if (k >= begun.n_sent)
            rte_pktmbuf_free(f->m[which[k]]);
    }
}

/* Runs a group's program on the frames that it is quick for; notes what is left to do with these. */
static void run_group(struct worker *w, const struct bridge *b, struct burst *f, uint8_t *which, unsigned n,
                      uint8_t *way)
{
    struct program *p = f->program[which[0]];
    bool is_quick = p->kind == QUICK_OUTPUT || p->kind == QUICK_DROP;
    unsigned n_quick = is_quick ? quick_sort(f, p, which, n) : 0;

    if (p->kind == QUICK_CT)
        run_ct(w, b, f, which, n, way);
    else if (p->kind == QUICK_COMMIT && f == &w->ct->burst)
        run_commit(w, b, f, which, n, way);
    if (!n_quick)
        return;
    quick_run(w, b, f, p, which, n_quick);
    if (p->kind == QUICK_DROP)
        counter_add(&w->drops[p->out], n_quick);
    for (unsigned k = 0; k < n_quick; k++) {
        way[which[k]] = p->kind == QUICK_DROP ? WAY_DONE : WAY_OUTPUT;
        if (p->kind == QUICK_DROP)
            rte_pktmbuf_free(f->m[which[k]]);
    }
}

static void run_programs(struct worker *w, const struct bridge *b, struct burst *f, unsigned n)
{
    uint8_t way[PORT_BURST] = { WAY_ALONE };
    struct groups g;
    unsigned end;

    group(&g, f, n);
    for (unsigned i = 0; i < g.n; i++)
        run_group(w, b, f, g.member[i], g.size[i], way);
    for (unsigned i = 0; i < n; i = end) {
        end = i + 1;
        if (way[i] == WAY_ALONE && f == &w->ct->burst) {
            go_on(w, b, f->m[i], f->in_port, &w->ct->seen[w->ct->at[i]], program_words(f->program[i]));
        } else if (way[i] == WAY_FROM_CT) {
            run_from_ct(w, b, f->m[i], f->in_port, f->program[i]);
        } else if (way[i] == WAY_ALONE) {
            run_alone(w, b, f->m[i], f->in_port, f->program[i] ? program_words(f->program[i]) : NULL);
        } else if (way[i] == WAY_OUTPUT) {
            while (end < n && way[end] == WAY_OUTPUT && f->program[end]->out == f->program[i]->out)
                end++;
            exec_output_all(w, b, f->in_port, f->program[i]->out, f->m + i, end - i);
        }
    }
}

/* --- a burst --- */

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

void pipeline_fragment(struct worker *w, struct dp_port *dp, struct rte_mbuf *m)
{
    pkt_init(w->pkt, m, dp->number);
    if (!take_fragment(w, dp, FRAGMENTS_JOIN))
        return;
    resume_begin(&w->resume);
    run_bridge(w, dp->bridge, w->pkt);
}

/* Drops what may not come in; returns how many frames are left. */
static unsigned admit(struct worker *w, struct dp_port *dp, struct rte_mbuf **frames, unsigned n)
{
    unsigned flags = atomic_load_explicit(&dp->flags, memory_order_relaxed), n_left = 0;
    uint32_t snaplen = atomic_load_explicit(&dp->snaplen, memory_order_relaxed);
    enum fragment_mode fragments = atomic_load_explicit(&dp->bridge->fragments, memory_order_acquire);

    for (unsigned i = 0; i < n; i++)
        n_left += rte_pktmbuf_pkt_len(frames[i]) >= ETH_LEN;
    if (likely(n_left == n && !(flags & (PORT_FLAG_DOWN | PORT_FLAG_NO_RECV)) && !snaplen &&
               fragments == FRAGMENTS_NORMAL))
        return n;
    n_left = 0;
    for (unsigned i = 0; snaplen && i < n; i++)
        event_capture(w, dp, frames[i], EVENT_CAPTURE_RX, snaplen);
    for (unsigned i = 0; i < n; i++) {
        enum drop why = flags & (PORT_FLAG_DOWN | PORT_FLAG_NO_RECV) ? DROP_NO_RECV
                        : rte_pktmbuf_pkt_len(frames[i]) < ETH_LEN   ? DROP_SHORT
                                                                     : DROP_NONE;

        if (unlikely(why != DROP_NONE)) {
            worker_drop(w, why);
            rte_pktmbuf_free(frames[i]);
            continue;
        }
        if (unlikely(fragments != FRAGMENTS_NORMAL)) {
            pkt_init(w->pkt, frames[i], dp->number);
            if (!take_fragment(w, dp, fragments))
                continue;
            frames[i] = w->pkt->m;
        }
        frames[n_left++] = frames[i];
    }
    return n_left;
}

/* Every program that was found in the cache has been run when this is called. */
static void make_room(struct worker *w)
{
    quick_settle(w, COUNTED_MAX);
    cache_clear(w->cache);
    w->is_cache_full = false;
}

void pipeline_burst(struct worker *w, struct dp_port *dp, struct rte_mbuf **frames, unsigned n)
{
    const struct bridge *b = dp->bridge;
    struct burst *f = w->burst;
    bool is_standalone = atomic_load_explicit(&b->is_standalone, memory_order_relaxed);

    n = admit(w, dp, frames, n);
    for (unsigned i = 0; is_standalone && i < n; i++) {
        pkt_init(w->pkt, frames[i], dp->number);
        run_bridge(w, b, w->pkt);
    }
    if (is_standalone)
        return;
    if (unlikely(w->is_cache_full))
        make_room(w);
    for (unsigned i = 0, n_run; i < n; i += n_run) {
        f->n = n - i;
        f->in_port = dp->number;
        f->is_looked_over = false;
        memcpy(f->m, frames + i, f->n * sizeof f->m[0]);
        n_run = find_programs(w, b, f);
        stage_end(w, STAGE_LOOKUP);
        run_programs(w, b, f, n_run);
        stage_end(w, STAGE_RUN);
        if (unlikely(n_run < f->n)) {
            run_alone(w, b, f->m[n_run++], f->in_port, NULL); /* frames before it may have needed w->scratch */
            make_room(w);
        }
    }
}

void pipeline_job(struct worker *w, struct job *job)
{
    struct pkt *p = w->pkt;

    pkt_init(p, job->frame, job->in_port);
    if (job->key_layers) {
        p->key = job->key;
        p->layers |= job->key_layers;
    }
    resume_begin(&w->resume);
    if (exec_program(w, job->bridge, p, job->words)) {
        if (job->state) {
            pause_load(&w->resume, job->state);
            w->resume.forks_left = job->forks_left;
            p->queue = job->queue;
        }
        run_bridge(w, job->bridge, p);
    }
    rte_pktmbuf_free(job->state);
    rte_mempool_put(w->dp->jobs, job);
    if (unlikely(w->is_cache_full))
        make_room(w);
}

/* Has this worker go on with a copy of the frame in table 0, or, if there is one, as `state` says, which it takes. */
static void copy_later(struct worker *w, const struct bridge *b, const struct pkt *p, struct rte_mbuf *state,
                       uint16_t key_layers, uint16_t forks_left)
{
    struct rte_mbuf *m = rte_pktmbuf_copy(p->m, w->dp->conf.pool, 0, UINT32_MAX);
    struct job *job = NULL;

    if (!m || rte_mempool_get(w->dp->jobs, (void **)&job)) {
        worker_drop(w, DROP_NO_ROOM);
        rte_pktmbuf_free(m);
        rte_pktmbuf_free(state);
        return;
    }
    job->frame = m;
    job->state = state;
    job->bridge = b;
    job->in_port = p->in_port;
    job->queue = p->queue;
    job->key_layers = key_layers;
    job->forks_left = forks_left;
    if (key_layers)
        job->key = p->key;
    job->words[0] = op_head(OP_PIPELINE, 0, 0);
    job->words[1] = op_head(OP_END, 0, 0);
    if (rte_ring_enqueue(w->jobs, job)) {
        worker_drop(w, DROP_RING_FULL);
        rte_pktmbuf_free(m);
        rte_pktmbuf_free(state);
        rte_mempool_put(w->dp->jobs, job);
    }
}

void pipeline_copy(struct worker *w, const struct bridge *b, struct pkt *p)
{
    copy_later(w, b, p, NULL, 0, 0);
}

void pipeline_fork(struct worker *w, const struct bridge *b, struct pkt *p, const struct act *acts, unsigned n_set,
                   unsigned n_todo)
{
    uint16_t layers = 1u << LAYER_META | 1u << LAYER_TUNNEL | 1u << LAYER_CT;
    uint16_t left = w->resume.forks_left, for_copy = left / FORK_SHARE;
    struct rte_mbuf *state;

    if (!left) {
        worker_drop(w, DROP_RESUBMIT_WORK);
        return;
    }
    w->resume.forks_left = (uint16_t)(left - 1 - for_copy);
    state = pause_save(w, &(struct pause_point){ acts, n_set, n_todo });
    if (!state) {
        worker_drop(w, DROP_NO_ROOM);
        return;
    }
    pkt_parse(p, layers);
    copy_later(w, b, p, state, layers, for_copy);
}

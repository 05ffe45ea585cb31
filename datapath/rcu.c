/* SPDX-License-Identifier: Apache-2.0 */
/* rcu.c - grace periods by rte_rcu_qsbr, and a queue of what waits for them.
 *
 * Theory: each note in the queue carries the token that was current when it was made.  Tokens only grow, so the queue is
 * sorted by them, and `rcu_reclaim` may stop at the first that is not over.  A note is taken out before its function
 * runs: the function may defer more. */
#include "datapath/rcu.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include <rte_config.h>
#include <rte_rcu_qsbr.h>

enum { NOTES_FIRST = 256, SPINS = 64 };

struct note {
    uint64_t token;
    void (*fn)(void *arg);
    void *arg;
};

struct rcu {
    struct rte_rcu_qsbr *qsbr;
    struct note *notes; /* ring of `size`, a power of two */
    size_t size, head, n;
};

int rcu_new(struct rcu **out, unsigned max_workers)
{
    if (!max_workers)
        return -EINVAL;

    struct rcu *r = calloc(1, sizeof *r);
    size_t bytes = rte_rcu_qsbr_get_memsize(max_workers);
    int err = -ENOMEM;

    if (!r)
        return err;
    bytes = (bytes + RTE_CACHE_LINE_SIZE - 1) / RTE_CACHE_LINE_SIZE * RTE_CACHE_LINE_SIZE;
    r->qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
    if (!r->qsbr)
        goto free_rcu;
    if (rte_rcu_qsbr_init(r->qsbr, max_workers)) {
        err = -EINVAL;
        goto free_qsbr;
    }
    *out = r;
    return 0;

free_qsbr:
    free(r->qsbr);
free_rcu:
    free(r);
    return err;
}

static void run_first(struct rcu *r)
{
    struct note note = r->notes[r->head];

    r->head = (r->head + 1) & (r->size - 1);
    r->n--;
    note.fn(note.arg);
}

void rcu_free(struct rcu *r)
{
    if (!r)
        return;
    while (r->n)
        run_first(r);
    free(r->notes);
    free(r->qsbr);
    free(r);
}

void rcu_register(struct rcu *r, unsigned id)
{
    rte_rcu_qsbr_thread_register(r->qsbr, id);
}

void rcu_unregister(struct rcu *r, unsigned id)
{
    rte_rcu_qsbr_thread_unregister(r->qsbr, id);
}

void rcu_online(struct rcu *r, unsigned id)
{
    rte_rcu_qsbr_thread_online(r->qsbr, id);
}

void rcu_offline(struct rcu *r, unsigned id)
{
    rte_rcu_qsbr_thread_offline(r->qsbr, id);
}

void rcu_quiescent(struct rcu *r, unsigned id)
{
    rte_rcu_qsbr_quiescent(r->qsbr, id);
}

uint64_t rcu_start(struct rcu *r)
{
    return rte_rcu_qsbr_start(r->qsbr);
}

bool rcu_is_over(struct rcu *r, uint64_t token)
{
    return rte_rcu_qsbr_check(r->qsbr, token, false) == 1;
}

/* A worker that shares our core must get it to come to its quiescent state. */
void rcu_wait_for(struct rcu *r, uint64_t token)
{
    for (unsigned i = 0; !rcu_is_over(r, token); i++) {
        if (i < SPINS)
            rte_pause();
        else
            sched_yield();
    }
}

static int grow(struct rcu *r)
{
    size_t size = r->size ? r->size * 2 : NOTES_FIRST;
    struct note *notes = calloc(size, sizeof *notes);

    if (!notes)
        return -ENOMEM;
    for (size_t i = 0; i < r->n; i++)
        notes[i] = r->notes[(r->head + i) & (r->size - 1)];
    free(r->notes);
    r->notes = notes;
    r->size = size;
    r->head = 0;
    return 0;
}

void rcu_defer(struct rcu *r, void (*fn)(void *arg), void *arg)
{
    if (r->n == r->size && grow(r)) {
        rcu_wait(r);
        fn(arg);
        return;
    }
    r->notes[(r->head + r->n++) & (r->size - 1)] = (struct note){ .token = rcu_start(r), .fn = fn, .arg = arg };
}

size_t rcu_reclaim(struct rcu *r)
{
    while (r->n && rcu_is_over(r, r->notes[r->head].token))
        run_first(r);
    return r->n;
}

void rcu_wait(struct rcu *r)
{
    uint64_t token = rcu_start(r);

    rcu_wait_for(r, token);
    while (r->n && r->notes[r->head].token <= token)
        run_first(r);
}

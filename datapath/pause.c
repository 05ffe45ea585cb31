/* SPDX-License-Identifier: Apache-2.0 */
/* pause.c - see pause.h. */
#include "datapath/pause.h"

#include <rte_mbuf.h>
#include <string.h>

#include "datapath/datapath_impl.h"
#include "datapath/mbuf_bytes.h"
#include "datapath/translate.h"

struct rte_mbuf *pause_save(struct worker *w, const struct pause_point *at)
{
    const struct resume *r = &w->resume;
    struct rte_mempool *pool = w->dp->conf.pool;
    struct pause_head head = { (uint16_t)at->n_set, (uint16_t)at->n_todo, (uint16_t)r->n_stack, 0 };
    struct rte_mbuf *m = mbuf_of_bytes(pool, &head, sizeof head);

    if (mbuf_add_bytes(m, at->acts, (at->n_set + at->n_todo) * sizeof *at->acts) &&
        mbuf_add_bytes(m, r->stack, r->n_stack * sizeof r->stack[0]))
        return m;
    rte_pktmbuf_free(m);
    return NULL;
}

bool pause_is_sound(const void *state, size_t n)
{
    struct pause_head h;

    if (n < sizeof h)
        return false;
    memcpy(&h, state, sizeof h);
    return h.n_set <= ACTION_SET_MAX && h.n_todo <= RESUME_TODO_MAX && h.n_stack <= STACK_MAX &&
           n == sizeof h + (h.n_set + (size_t)h.n_todo) * sizeof(struct act) + h.n_stack * sizeof(struct value);
}

/* Copies the next bytes. */
static void take(const struct rte_mbuf *m, uint32_t *at, void *out, size_t n)
{
    const void *p = n ? rte_pktmbuf_read(m, *at, (uint32_t)n, out) : out;

    if (p != out)
        memcpy(out, p, n);
    *at += (uint32_t)n;
}

void pause_load(struct resume *out, const struct rte_mbuf *state)
{
    struct pause_head h;
    uint32_t at = 0;

    take(state, &at, &h, sizeof h);
    resume_begin(out);
    out->is_paused = true;
    out->set.n = h.n_set;
    out->n_todo = h.n_todo;
    out->n_stack = h.n_stack;
    take(state, &at, out->set.acts, h.n_set * sizeof out->set.acts[0]);
    take(state, &at, out->todo, h.n_todo * sizeof out->todo[0]);
    take(state, &at, out->stack, h.n_stack * sizeof out->stack[0]);
}

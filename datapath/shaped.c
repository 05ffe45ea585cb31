/* SPDX-License-Identifier: Apache-2.0 */
/* shaped.c - ports with queues: how workers reach the shaper of a port, and how C exchanges it.
 * Flow: worker_send -> [shaped_send] -> shaper -> [shaped_poll] -> port tx.
 *
 * Theory.  A shaper belongs to one worker, the port's `tx_owner`; the others hand it their frames by its ring, with the
 * queue's number.  The owner remembers the ports whose shapers hold frames in `shaped`, looks at them each round, and
 * sleeps no longer than the first of them allows.  C publishes another shaper by the port's atomic pointer and frees the
 * old one after a grace period; the frames that it still held are counted as dropped. */
#include <errno.h>
#include <stdlib.h>

#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include "base/clock.h"
#include "datapath/datapath_impl.h"
#include "datapath/rcu.h"
#include "datapath/shaper.h"

static struct shaper *shaper_of(const struct dp_port *dp)
{
    return atomic_load_explicit(&dp->shaper, memory_order_acquire);
}

/* --- W --- */

void shaped_put(struct worker *w, struct dp_port *dp, struct rte_mbuf *m, uint32_t queue)
{
    struct shaper *s = shaper_of(dp);

    if (!s) { /* its queues have gone while the frame was on its way here */
        dp->port->ops->tx(dp->port, (unsigned)dp->tx_queue[w->id], &m, 1);
        return;
    }
    if (!shaper_put(s, m, queue)) {
        worker_drop(w, DROP_QUEUE_FULL);
        rte_pktmbuf_free(m);
        return;
    }
    if (w->is_shaped[dp->index])
        return;
    w->is_shaped[dp->index] = true;
    w->shaped[w->n_shaped++] = dp->index;
}

void shaped_send(struct worker *w, struct dp_port *dp, struct rte_mbuf *m, uint32_t queue)
{
    struct worker *owner = w->dp->workers[dp->tx_owner[w->id]];
    struct handover h = { .m = m, .port = dp->index, .queue = queue };

    if (owner == w) {
        shaped_put(w, dp, m, queue);
    } else if (rte_ring_enqueue_elem(owner->handover, &h, sizeof h)) {
        worker_drop(w, DROP_RING_FULL);
        rte_pktmbuf_free(m);
    } else {
        worker_kick(owner);
    }
}

/* Sends what one port's shaper lets go.  Returns how many frames; `*is_empty`: nothing is left. */
static unsigned send_some(struct worker *w, uint16_t index, bool *is_empty)
{
    struct dp_port *dp = datapath_port(w->dp, index);
    struct shaper *s = dp ? shaper_of(dp) : NULL;
    struct rte_mbuf *frames[PORT_BURST];
    unsigned n = s ? shaper_take(s, w->now_ns, frames, PORT_BURST) : 0;

    if (n)
        dp->port->ops->tx(dp->port, (unsigned)dp->tx_queue[w->id], frames, (uint16_t)n);
    *is_empty = !s || !shaper_length(s);
    return n;
}

unsigned shaped_poll(struct worker *w)
{
    unsigned got = 0;

    for (unsigned i = 0; i < w->n_shaped;) {
        bool is_empty;

        got += send_some(w, w->shaped[i], &is_empty);
        if (is_empty) {
            w->is_shaped[w->shaped[i]] = false;
            w->shaped[i] = w->shaped[--w->n_shaped];
        } else {
            i++;
        }
    }
    return got;
}

uint64_t shaped_next_ns(const struct worker *w)
{
    uint64_t next = UINT64_MAX;

    for (unsigned i = 0; i < w->n_shaped; i++) {
        const struct dp_port *dp = datapath_port(w->dp, w->shaped[i]);
        const struct shaper *s = dp ? shaper_of(dp) : NULL;
        uint64_t at = s ? shaper_next_ns(s) : 0; /* gone: to be forgotten at the next look */

        next = at < next ? at : next;
    }
    return next;
}

/* --- C --- */

void shaped_close(struct datapath *dp, struct shaper *s)
{
    if (s)
        dp->lost[DROP_QUEUE_GONE] += shaper_length(s);
    shaper_free(s);
}

int datapath_port_set_queues(struct datapath *dp, uint16_t index, const struct shaper_conf *conf)
{
    struct dp_port *p = datapath_port(dp, index);
    struct shaper *s = NULL, *old;
    int err = 0;

    if (!p)
        return -ENODEV;
    if (conf && (conf->max_bps || conf->n_queues))
        err = shaper_new(&s, conf, clock_now(dp->conf.clock));
    if (err)
        return err;
    old = atomic_exchange(&p->shaper, s);
    if (old) {
        rcu_wait(dp->rcu);
        shaped_close(dp, old);
    }
    return 0;
}

int datapath_port_queue_stats(const struct datapath *dp, uint16_t index, uint32_t queue, struct shaper_stats *out)
{
    const struct dp_port *p = datapath_port(dp, index);
    const struct shaper *s = p ? shaper_of(p) : NULL;

    return s ? shaper_queue_stats(s, queue, out) : -ENOENT;
}

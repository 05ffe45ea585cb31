/* SPDX-License-Identifier: Apache-2.0 */
/* output_cut.c - sends the beginning of a frame (exec.c, OP_OUTPUT_CUT). */
#include <rte_mbuf.h>

#include "datapath/datapath_impl.h"
#include "datapath/offload.h"
#include "datapath/pkt.h"

/* What is cut off of a frame that was to be segmented, or summed, is cut off of what comes of that. */
struct cut {
    struct worker *w;
    struct pkt *p;
    struct dp_port *dp;
    uint32_t max;
};

static void send_cut(void *arg, struct rte_mbuf **frames, uint16_t n)
{
    const struct cut *c = arg;

    for (uint16_t i = 0; i < n; i++) {
        struct rte_mbuf *cut = rte_pktmbuf_copy(frames[i], c->w->dp->conf.pool, 0, c->max);

        rte_pktmbuf_free(frames[i]);
        if (!cut) {
            worker_drop(c->w, DROP_NO_ROOM);
            continue;
        }
        c->p->m = cut;
        exec_output(c->w, c->p, c->dp, true);
        rte_pktmbuf_free(c->p->m);
    }
}

void exec_output_cut(struct worker *w, const struct bridge *b, struct pkt *p, uint32_t port, uint32_t max)
{
    uint16_t index = bridge_port_index(b, port == DP_PORT_IN_PORT ? p->in_port : port);
    struct rte_mbuf *whole = p->m, *copy;
    struct cut cut = { w, p, datapath_port(w->dp, index), max };
    struct offload_out out = { .pool = w->dp->conf.pool, .emit = send_cut, .arg = &cut };

    if (port == p->in_port) {
        worker_drop(w, DROP_TO_IN_PORT);
        return;
    }
    if (!cut.dp || rte_pktmbuf_pkt_len(p->m) <= max) {
        exec_output(w, p, cut.dp, false);
        return;
    }
    copy = rte_pktmbuf_copy(whole, out.pool, 0, UINT32_MAX);
    if (copy)
        offload_prepare(&copy, 1, &out);
    if (!copy || out.n_lost)
        worker_drop(w, DROP_NO_ROOM);
    p->m = whole;
}

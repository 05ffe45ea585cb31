/* SPDX-License-Identifier: Apache-2.0 */
/* port_chain.c - see port_chain.h. */
#include "datapath/port_chain.h"

#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

int chain_init(struct rx_chain *c, const struct rte_mempool *pool)
{
    uint32_t room = rte_pktmbuf_data_room_size((struct rte_mempool *)pool);
    uint32_t n;

    memset(c, 0, sizeof *c);
    if (room <= RTE_PKTMBUF_HEADROOM)
        return -EINVAL;
    n = 1 + (CHAIN_FRAME_MAX - (room - RTE_PKTMBUF_HEADROOM) + room - 1) / room;
    if (n > CHAIN_SEGS_MAX)
        return -EINVAL;
    c->n_segs = c->n_missing = (uint16_t)n;
    c->size = n * room - RTE_PKTMBUF_HEADROOM;
    c->iov[0] = (struct iovec){ &c->hdr, sizeof c->hdr };
    return 0;
}

void chain_fini(struct rx_chain *c)
{
    for (uint16_t i = c->n_missing; i < c->n_segs; i++)
        rte_pktmbuf_free_seg(c->seg[i]);
    c->n_missing = c->n_segs;
}

bool chain_fill(struct rx_chain *c, struct rte_mempool *pool)
{
    if (!c->n_missing)
        return true;
    if (rte_pktmbuf_alloc_bulk(pool, c->seg, c->n_missing))
        return false;
    for (uint16_t i = 0; i < c->n_missing; i++) {
        struct rte_mbuf *m = c->seg[i];

        if (i)
            m->data_off = 0; /* nobody puts headers before a later segment */
        c->iov[1 + i] = (struct iovec){ rte_pktmbuf_mtod(m, void *), (size_t)(m->buf_len - m->data_off) };
    }
    c->n_missing = 0;
    return true;
}

struct rte_mbuf *chain_take(struct rx_chain *c, uint32_t len)
{
    struct rte_mbuf *first = c->seg[0], *last = first;
    uint32_t left = len;
    uint16_t n = 0;

    do {
        struct rte_mbuf *m = c->seg[n];
        uint32_t part = RTE_MIN(left, (uint32_t)(m->buf_len - m->data_off));

        m->data_len = (uint16_t)part;
        left -= part;
        if (n++)
            last->next = m;
        last = m;
    } while (left);
    first->pkt_len = len;
    first->nb_segs = n;
    c->n_missing = n;
    return first;
}

unsigned chain_gather(const struct rte_mbuf *m, struct iovec *iov, unsigned max)
{
    unsigned n = 0;

    if (m->nb_segs > max)
        return 0;
    for (; m; m = m->next)
        iov[n++] = (struct iovec){ rte_pktmbuf_mtod(m, void *), m->data_len };
    return n;
}

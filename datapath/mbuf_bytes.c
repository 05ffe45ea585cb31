/* SPDX-License-Identifier: Apache-2.0 */
/* mbuf_bytes.c - see mbuf_bytes.h. */
#include "datapath/mbuf_bytes.h"

#include <rte_mbuf.h>
#include <string.h>

bool mbuf_add_bytes(struct rte_mbuf *m, const void *p, size_t n)
{
    struct rte_mbuf *last = m ? rte_pktmbuf_lastseg(m) : NULL;
    const uint8_t *from = p;

    while (last && n) {
        size_t room = rte_pktmbuf_tailroom(last), part = n < room ? n : room;

        if (!room) {
            last->next = rte_pktmbuf_alloc(m->pool);
            last = last->next;
            m->nb_segs += last != NULL;
            continue;
        }
        memcpy(rte_pktmbuf_mtod_offset(last, void *, last->data_len), from, part);
        last->data_len += (uint16_t)part;
        m->pkt_len += (uint32_t)part;
        from += part;
        n -= part;
    }
    return last != NULL;
}

struct rte_mbuf *mbuf_of_bytes(struct rte_mempool *pool, const void *p, size_t n)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

    if (mbuf_add_bytes(m, p, n))
        return m;
    rte_pktmbuf_free(m);
    return NULL;
}

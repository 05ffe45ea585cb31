/* SPDX-License-Identifier: Apache-2.0 */
/* packet_buffer.c - see packet_buffer.h.
 * Theory.  An id is a place and how often that place has been given away, so that the id of a frame that is gone never
 * means another.  Free places wait in a queue: whoever comes too late for a frame finds out why for as long as possible. */
#include "vswitch/packet_buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <rte_mbuf.h>

#include "base/clock.h"
#include "base/list.h"
#include "openflow/ofp.h"

enum { PLACE_BITS = 8, GENERATION_MAX = (1 << 24) - 2 }; /* no id is OFP_NO_BUFFER */

struct place {
    struct list link;   /* of those that are free, or in use: the oldest first */
    struct rte_mbuf *m; /* NULL: free */
    uint32_t in_port;
    uint32_t generation; /* 0: never used */
    uint64_t until_ns;
    bool was_taken; /* by id, not dropped */
};

struct packet_buffers {
    const struct clock *clock;
    struct list free, used;
    struct place places[PACKET_BUFFERS];
};

static_assert(PACKET_BUFFERS == (1 << PLACE_BITS), "ids have room for every place");

int packet_buffers_new(struct packet_buffers **out, const struct clock *clock)
{
    struct packet_buffers *b = calloc(1, sizeof *b);

    if (!b)
        return -ENOMEM;
    b->clock = clock;
    list_init(&b->free);
    list_init(&b->used);
    for (unsigned i = 0; i < PACKET_BUFFERS; i++)
        list_push_back(&b->free, &b->places[i].link);
    *out = b;
    return 0;
}

/* The frame is the caller's from here on. */
static struct rte_mbuf *vacate(struct packet_buffers *b, struct place *p, bool was_taken)
{
    struct rte_mbuf *m = p->m;

    p->m = NULL;
    p->was_taken = was_taken;
    list_remove(&p->link);
    list_push_back(&b->free, &p->link);
    return m;
}

void packet_buffers_free(struct packet_buffers *b)
{
    if (!b)
        return;
    for_each_list_safe (struct place, p, next, &b->used, link)
        rte_pktmbuf_free(vacate(b, p, false));
    free(b);
}

uint32_t packet_buffers_put(struct packet_buffers *b, struct rte_mbuf *m, uint32_t in_port)
{
    struct place *p = list_first(&b->free, struct place, link);

    if (!p || rte_mempool_avail_count(m->pool) < m->pool->size / 2)
        return OFP_NO_BUFFER;
    rte_pktmbuf_refcnt_update(m, 1);
    p->m = m;
    p->in_port = in_port;
    p->generation = p->generation % GENERATION_MAX + 1;
    p->until_ns = clock_now(b->clock) + PACKET_BUFFER_S * (uint64_t)NSEC_PER_S;
    list_remove(&p->link);
    list_push_back(&b->used, &p->link);
    return p->generation << PLACE_BITS | (uint32_t)(p - b->places);
}

int packet_buffers_check(struct packet_buffers *b, uint32_t id)
{
    const struct place *p = &b->places[id % PACKET_BUFFERS];

    packet_buffers_run(b);
    if (!p->generation || p->generation != id >> PLACE_BITS)
        return -ENOENT;
    if (p->m)
        return 0;
    return p->was_taken ? -EALREADY : -ENOENT;
}

struct rte_mbuf *packet_buffers_find(struct packet_buffers *b, uint32_t id)
{
    return packet_buffers_check(b, id) ? NULL : b->places[id % PACKET_BUFFERS].m;
}

int packet_buffers_take(struct packet_buffers *b, uint32_t id, struct rte_mbuf **m, uint32_t *in_port)
{
    struct place *p = &b->places[id % PACKET_BUFFERS];
    int err = packet_buffers_check(b, id);

    if (err)
        return err;
    *in_port = p->in_port;
    *m = vacate(b, p, true);
    return 0;
}

void packet_buffers_run(struct packet_buffers *b)
{
    while (packet_buffers_next_ns(b) <= clock_now(b->clock))
        rte_pktmbuf_free(vacate(b, list_first(&b->used, struct place, link), false));
}

uint64_t packet_buffers_next_ns(const struct packet_buffers *b)
{
    const struct place *first = list_first(&b->used, struct place, link);

    return first ? first->until_ns : UINT64_MAX;
}

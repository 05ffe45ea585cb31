/* SPDX-License-Identifier: Apache-2.0 */
/* port_mem.c - see port_mem.h.
 *
 * Theory: a ring each way, and an eventfd for a worker that sleeps.  The giver writes to it only when `is_signalled` was clear;
 * rx, finding the ring drained, reads it, clears the flag, and looks once more: whatever was put in between is seen there, and
 * what comes later signals again. */
#include "datapath/port_mem.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/eventfd.h>

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "datapath/offload.h"
#include "datapath/port.h"
#include "datapath/port_impl.h"

struct mem_queue {
    struct port_counters count;
    struct rte_ring *in, *out;
    _Alignas(64) atomic_bool is_signalled;
};

struct port_mem {
    struct port port;
    struct rte_mempool *pool;
    atomic_bool is_link_up, is_admin_up, is_gone;
    uint8_t mac[6];
    uint16_t mtu;
    struct mem_queue queue[];
};

static struct port_mem *port_mem(struct port *p)
{
    return (struct port_mem *)p;
}

static uint16_t mem_rx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
    struct mem_queue *q = &port_mem(p)->queue[queue];
    unsigned got = rte_ring_sc_dequeue_burst(q->in, (void **)frames, n, NULL);
    uint64_t bytes = 0, value;

    if (got < n && atomic_load(&q->is_signalled)) {
        if (read(p->rx_fd[queue], &value, sizeof value) > 0) /* else the giver is between flag and write: next time */
            atomic_store(&q->is_signalled, false);
        got += rte_ring_sc_dequeue_burst(q->in, (void **)frames + got, n - got, NULL);
    }
    for (unsigned i = 0; i < got; i++)
        bytes += frames[i]->pkt_len;
    counter_add(&q->count.rx_packets, got);
    counter_add(&q->count.rx_bytes, bytes);
    return (uint16_t)got;
}

static void mem_emit(void *arg, struct rte_mbuf **frames, uint16_t n)
{
    struct mem_queue *q = arg;
    uint64_t bytes = 0;
    unsigned sent = 0;

    for (uint16_t i = 0; i < n; i++) {
        uint32_t len = frames[i]->pkt_len;

        if (rte_ring_sp_enqueue(q->out, frames[i])) {
            rte_pktmbuf_free_bulk(frames + i, n - i);
            break;
        }
        bytes += len;
        sent++;
    }
    counter_add(&q->count.tx_packets, sent);
    counter_add(&q->count.tx_bytes, bytes);
    counter_add(&q->count.tx_dropped, n - sent);
}

static void mem_tx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
    struct port_mem *pm = port_mem(p);
    struct mem_queue *q = &pm->queue[queue];
    struct offload_out out = {
        .caps = 0, .pool = pm->pool, .emit = mem_emit, .arg = q
    }; /* every frame comes out complete */

    if (!atomic_load_explicit(&pm->is_admin_up, memory_order_relaxed) ||
        atomic_load_explicit(&pm->is_gone, memory_order_relaxed)) {
        rte_pktmbuf_free_bulk(frames, n);
        counter_add(&q->count.tx_dropped, n);
        return;
    }
    offload_prepare(frames, n, &out);
    counter_add(&q->count.tx_dropped, out.n_lost);
}

static void mem_status(struct port *p, struct port_status *out)
{
    const struct port_mem *pm = port_mem(p);

    *out = (struct port_status){
        .is_admin_up = atomic_load(&pm->is_admin_up),
        .is_gone = atomic_load(&pm->is_gone),
        .mtu = pm->mtu,
        .is_full_duplex = true,
    };
    out->is_link_up = out->is_admin_up && !out->is_gone && atomic_load(&pm->is_link_up);
    memcpy(out->mac, pm->mac, 6);
}

static int mem_set_admin_up(struct port *p, bool is_up)
{
    atomic_store(&port_mem(p)->is_admin_up, is_up);
    return 0;
}

static void mem_stats(struct port *p, struct port_stats *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < p->n_queues; i++)
        port_counters_sum(out, &port_mem(p)->queue[i].count);
}

static void ring_close(struct rte_ring *r)
{
    void *m;

    if (!r)
        return;
    while (rte_ring_sc_dequeue(r, &m) == 0)
        rte_pktmbuf_free(m);
    free(r);
}

static void mem_close(struct port *p)
{
    struct port_mem *pm = port_mem(p);

    for (unsigned i = 0; i < p->n_queues; i++) {
        ring_close(pm->queue[i].in);
        ring_close(pm->queue[i].out);
        if (p->rx_fd[i] >= 0)
            close(p->rx_fd[i]);
    }
    free(pm);
}

static const struct port_ops mem_ops = {
    .type_name = "mem",
    .rx = mem_rx,
    .tx = mem_tx,
    .status = mem_status,
    .set_admin_up = mem_set_admin_up,
    .stats = mem_stats,
    .close = mem_close,
};

/* In ordinary memory: DPDK's own rings have names that must differ. */
static struct rte_ring *ring_open(const char *name)
{
    struct rte_ring *r = aligned_alloc(64, (size_t)rte_ring_get_memsize(PORT_MEM_RING));

    if (r && rte_ring_init(r, name, PORT_MEM_RING, RING_F_SP_ENQ | RING_F_SC_DEQ)) {
        free(r);
        return NULL;
    }
    return r;
}

static int mem_open(struct port **out, const struct port_conf *conf, struct port_handle *h, struct rte_mempool *pool,
                    struct errbuf *e)
{
    uint16_t n = port_conf_queues(conf);
    size_t size = sizeof(struct port_mem) + n * sizeof(struct mem_queue);
    struct port_mem *pm;

    (void)h;
    pm = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (!pm)
        return errbuf_set(e, -ENOMEM, "port %s: out of memory", conf->name);
    memset(pm, 0, size);
    port_init(&pm->port, &mem_ops, conf);
    pm->pool = pool;
    pm->mtu = conf->mtu ? conf->mtu : 1500;
    pm->is_link_up = true;
    pm->is_admin_up = true;
    rte_eth_random_addr(pm->mac);
    if (memcmp(conf->mac, (const uint8_t[6]){ 0 }, 6))
        memcpy(pm->mac, conf->mac, 6);
    for (unsigned i = 0; i < n; i++) {
        pm->queue[i].in = ring_open("mem-in");
        pm->queue[i].out = ring_open("mem-out");
        pm->port.rx_fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (!pm->queue[i].in || !pm->queue[i].out || pm->port.rx_fd[i] < 0) {
            mem_close(&pm->port);
            return errbuf_set(e, -ENOMEM, "port %s: no memory or descriptors left for its queues", conf->name);
        }
    }
    *out = &pm->port;
    return 0;
}

const struct port_kind port_kind_mem = { .name = "mem", .open = mem_open };

/* --- the other end --- */

int port_mem_give_mbuf(struct port *p, unsigned queue, struct rte_mbuf *m)
{
    struct mem_queue *q = &port_mem(p)->queue[queue];
    uint64_t one = 1;

    if (rte_ring_sp_enqueue(q->in, m)) {
        rte_pktmbuf_free(m);
        return -ENOBUFS;
    }
    if (!atomic_exchange(&q->is_signalled, true) && write(p->rx_fd[queue], &one, sizeof one) < 0)
        return -errno;
    return 0;
}

int port_mem_give(struct port *p, unsigned queue, const void *frame, size_t len)
{
    struct port_mem *pm = port_mem(p);
    struct rte_mbuf *m, *last;
    size_t done = 0;

    if (len > UINT16_MAX)
        return -EMSGSIZE;
    m = last = rte_pktmbuf_alloc(pm->pool);
    while (last) {
        size_t part = RTE_MIN(len - done, (size_t)rte_pktmbuf_tailroom(last));

        memcpy(rte_pktmbuf_mtod(last, char *), (const char *)frame + done, part);
        last->data_len = (uint16_t)part;
        done += part;
        if (done == len)
            break;
        last = last->next = rte_pktmbuf_alloc(pm->pool);
        m->nb_segs++;
    }
    if (!last) {
        if (m)
            m->nb_segs--; /* the one that was not had */
        rte_pktmbuf_free(m);
        return -ENOMEM;
    }
    m->pkt_len = (uint32_t)len;
    return port_mem_give_mbuf(p, queue, m);
}

struct rte_mbuf *port_mem_take_mbuf(struct port *p, unsigned queue)
{
    void *m;

    return rte_ring_sc_dequeue(port_mem(p)->queue[queue].out, &m) == 0 ? m : NULL;
}

size_t port_mem_take(struct port *p, unsigned queue, void *out, size_t size)
{
    struct rte_mbuf *m = port_mem_take_mbuf(p, queue);
    size_t len, done = 0;

    if (!m)
        return 0;
    len = m->pkt_len;
    for (struct rte_mbuf *s = m; s && done < size; s = s->next) {
        size_t part = RTE_MIN((size_t)s->data_len, size - done);

        memcpy((char *)out + done, rte_pktmbuf_mtod(s, const char *), part);
        done += part;
    }
    rte_pktmbuf_free(m);
    return len;
}

void port_mem_set_link(struct port *p, bool is_up)
{
    atomic_store(&port_mem(p)->is_link_up, is_up);
}

void port_mem_set_gone(struct port *p)
{
    atomic_store(&port_mem(p)->is_gone, true);
}

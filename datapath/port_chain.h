/* SPDX-License-Identifier: Apache-2.0 */
/* port_chain.h - between the kernel's iovecs and chains of mbufs: room for the largest frame, offered to every read; what a
 * read did not use waits for the next one.
 * Thread: W. */
#ifndef DATAPATH_PORT_CHAIN_H
#define DATAPATH_PORT_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/uio.h>

#include <linux/virtio_net.h>

struct rte_mbuf;
struct rte_mempool;

enum {
    CHAIN_FRAME_MAX = 65535 + 64, /* an IP packet of the largest size, its Ethernet header and tags */
    CHAIN_SEGS_MAX = 64,          /* of a frame that is received; pools with smaller mbufs are refused */
    CHAIN_SEND_SEGS_MAX = 256,    /* of a frame that is sent */
};

struct rx_chain {
    struct iovec iov[1 + CHAIN_SEGS_MAX]; /* [0] is `hdr` */
    struct rte_mbuf *seg[CHAIN_SEGS_MAX];
    struct virtio_net_hdr hdr;
    uint16_t n_segs, n_missing; /* segments 0..n_missing-1 were given away */
    uint32_t size;              /* bytes of frame that fit */
};

/* -EINVAL: the pool's mbufs are too small.  Allocates nothing yet. */
int chain_init(struct rx_chain *c, const struct rte_mempool *pool);
void chain_fini(struct rx_chain *c);
/* Makes the chain whole; false: no mbufs left.  Afterwards iov[0..n_segs] takes a header and a frame. */
bool chain_fill(struct rx_chain *c, struct rte_mempool *pool);
/* Gives a frame of the first `len` bytes (not more than `size`) that were read. */
struct rte_mbuf *chain_take(struct rx_chain *c, uint32_t len);

/* Lists a frame's segments; returns how many, 0 when there are more than `max`. */
unsigned chain_gather(const struct rte_mbuf *m, struct iovec *iov, unsigned max);

#endif

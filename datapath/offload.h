/* SPDX-License-Identifier: Apache-2.0 */
/* offload.h - work on a frame that was left for later: L4 checksums and cutting into segments (the convention is in port.h).
 * Flow: port rx: [offload_from_vnet] -> pipeline -> port tx: [offload_prepare] -> device.
 * Spec: RFC 793, 768, 9260 (checksums), virtio 1.2, 5.1.6 (struct virtio_net_hdr, of the legacy kind: host byte order).
 *
 * Thread: W (any, each with its own frames).  Allocates mbufs only, logs nothing. */
#ifndef DATAPATH_OFFLOAD_H
#define DATAPATH_OFFLOAD_H

#include <stdint.h>

#include <rte_mbuf.h>

struct virtio_net_hdr;

/* What a frame needs, and what a device can do. */
enum offload_cap {
    OFFLOAD_TCP_CKSUM = 1 << 0,
    OFFLOAD_UDP_CKSUM = 1 << 1,
    OFFLOAD_SCTP_CKSUM = 1 << 2,
    OFFLOAD_TCP4_SEG = 1 << 3,
    OFFLOAD_TCP6_SEG = 1 << 4,
    OFFLOAD_UDP_SEG = 1 << 5,
    OFFLOAD_ANY_CKSUM = OFFLOAD_TCP_CKSUM | OFFLOAD_UDP_CKSUM | OFFLOAD_SCTP_CKSUM,
    OFFLOAD_ANY_SEG = OFFLOAD_TCP4_SEG | OFFLOAD_TCP6_SEG | OFFLOAD_UDP_SEG,
};

/* The set of enum offload_cap that sending this frame takes.  To be cut implies to be summed. */
static inline unsigned offload_of(const struct rte_mbuf *m)
{
    uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;

    if (!(m->ol_flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)))
        return 0;
    if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
        return OFFLOAD_TCP_CKSUM | (m->ol_flags & RTE_MBUF_F_TX_IPV6 ? OFFLOAD_TCP6_SEG : OFFLOAD_TCP4_SEG);
    if (m->ol_flags & RTE_MBUF_F_TX_UDP_SEG)
        return OFFLOAD_UDP_CKSUM | OFFLOAD_UDP_SEG;
    return l4 == RTE_MBUF_F_TX_TCP_CKSUM   ? OFFLOAD_TCP_CKSUM
           : l4 == RTE_MBUF_F_TX_UDP_CKSUM ? OFFLOAD_UDP_CKSUM
                                           : OFFLOAD_SCTP_CKSUM;
}

/* Completes the L4 checksum of a frame that need not be cut, and takes the flags off; one without such flags stays as it is.
 * The frame's bytes must not be shared (offload_is_shared).  -EBADMSG: its lengths do not fit (flags are off, bytes as before). */
int offload_checksum(struct rte_mbuf *m);

/* Some bytes of the frame are held by another frame too, and must not be changed. */
bool offload_is_shared(const struct rte_mbuf *m);

/* Where prepared frames go. */
struct offload_out {
    unsigned caps;            /* set of enum offload_cap: what the device does itself */
    struct rte_mempool *pool; /* for segments and copies; borrowed */
    void (*emit)(void *arg, struct rte_mbuf **frames, uint16_t n); /* takes up to PORT_BURST frames */
    void *arg;
    uint64_t n_lost; /* counted up: frames that no mbuf was left for, or with lengths that do not fit */
};

/* Does what the device cannot; takes `n` (at most PORT_BURST) frames, and gives as many as come of them to `emit`, in order.
 * The contents of `frames` is undefined afterwards. */
void offload_prepare(struct rte_mbuf **frames, uint16_t n, struct offload_out *out);

/* Translates the header that came with a frame.  `m` has the frame's bytes, headers in its first segment, no flags.  What
 * mbufs cannot say (a checksum at another place than the frame's own L4 header, header lengths out of range) is summed at once.
 * -EBADMSG: the header does not fit the frame; the caller drops it as a receive error.  Trusts nothing. */
int offload_from_vnet(struct rte_mbuf *m, const struct virtio_net_hdr *h);
/* For frames that come by a way that cannot say that a checksum is still to be done (AF_XDP): a field that holds the
 * pseudo-header's sum alone, or SCTP's zero, says so itself.  A frame that is complete, and looks so by chance, is summed up to
 * the same again.  `m` has its headers in its first segment, no flags. */
void offload_guess(struct rte_mbuf *m);
/* The header to send a frame with.  It has no flag that the device cannot do (see offload_prepare), and not SCTP's. */
void offload_to_vnet(const struct rte_mbuf *m, struct virtio_net_hdr *h);

/* Replaces the kernel's pseudo-header sum (L4 length included) by the one that DPDK's devices expect with segmentation (length
 * left out), and sets what they need besides.  Bytes must not be shared. */
void offload_to_ethdev(struct rte_mbuf *m);

#endif

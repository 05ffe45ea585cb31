/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite.h - what rewrite_l2.c and rewrite_field.c share; nobody else includes it. */
#ifndef DATAPATH_REWRITE_H
#define DATAPATH_REWRITE_H

#include <rte_mbuf.h>

#include "datapath/pkt.h"

/* Transmit flags that say a checksum or the segmentation is still to be done. */
#define REWRITE_L4_TODO (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)

/* The checksum of the parsed L4 header is left to be done: its field holds the pseudo-header's sum (TCP, UDP). */
static inline bool is_l4_todo(const struct pkt *p)
{
    return (p->m->ol_flags & REWRITE_L4_TODO) && p->m->l2_len + p->m->l3_len == p->l4_ofs;
}

static inline uint8_t *byte_at(const struct pkt *p, uint32_t ofs)
{
    return rte_pktmbuf_mtod_offset(p->m, uint8_t *, ofs);
}

/* Layers that lie behind the Ethernet addresses: to be parsed anew after a change of structure. */
enum { REWRITE_STRUCTURE = 1 << LAYER_L2 | 1 << LAYER_MPLS | 1 << LAYER_L3 | 1 << LAYER_L4 };

#endif

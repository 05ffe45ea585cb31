/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite_l2.c - makes a frame writable, and pushes and pops VLAN tags, MPLS labels and PBB headers; see pkt.h.
 * Flow: classify -> [rewrite] -> port tx.   Spec: OpenFlow 1.3.5, 5.12 and 7.2.5.
 *
 * Theory: the key part of every change is in key_edit.c.  When that says that the key cannot know what came to light
 * (-EAGAIN), the layers concerned are marked as not parsed.  Bytes are inserted and removed near the front, by moving
 * what is before them; `l2_len` follows, for the device that still has checksums to do. */
#include "datapath/rewrite.h"

#include "base/bytes.h"
#include "datapath/key_edit.h"
#include "datapath/offload.h"
#include "datapath/proto.h"

#include <errno.h>
#include <string.h>

enum { L2_LEN_MAX = 127 }; /* bits of rte_mbuf's l2_len */

/* --- writable --- */

static bool is_segment_own(const struct rte_mbuf *m)
{
    if (rte_mbuf_refcnt_read(m) != 1 || RTE_MBUF_CLONED(m))
        return false;
    return !RTE_MBUF_HAS_EXTBUF(m) || rte_mbuf_ext_refcnt_read(m->shinfo) == 1;
}

/* Drops the first `n` bytes, fewer than it has, of a chain whose mbufs are ours. */
static struct rte_mbuf *chain_behind(struct rte_mbuf *m, uint32_t n)
{
    uint32_t len = rte_pktmbuf_pkt_len(m);
    uint16_t n_segs = m->nb_segs;

    while (n >= rte_pktmbuf_data_len(m)) {
        struct rte_mbuf *next = m->next;

        n -= rte_pktmbuf_data_len(m);
        len -= rte_pktmbuf_data_len(m);
        n_segs--;
        rte_pktmbuf_free_seg(m);
        m = next;
    }
    m->nb_segs = n_segs;
    m->pkt_len = len;
    (void)rte_pktmbuf_adj(m, (uint16_t)n);
    return m;
}

/* A frame like `m` with headers of its own in front of bytes that stay shared; NULL: no memory. */
static struct rte_mbuf *copy_headers(struct rte_mbuf *m)
{
    struct rte_mbuf *head = rte_pktmbuf_copy(m, m->pool, 0, PKT_HEADERS_MAX), *rest;

    if (!head)
        return NULL;
    rest = rte_pktmbuf_clone(m, m->pool);
    if (rest)
        rest = chain_behind(rest, PKT_HEADERS_MAX);
    if (!rest || rte_pktmbuf_chain(head, rest)) {
        rte_pktmbuf_free(head);
        rte_pktmbuf_free(rest);
        return NULL;
    }
    return head;
}

int pkt_writable(struct pkt *p)
{
    enum { COPY_WHOLE_MAX = 512 }; /* below that a copy is cheaper than references */
    struct rte_mbuf *m = p->m, *copy;

    if (is_segment_own(m) && rte_pktmbuf_data_len(m) >= RTE_MIN(rte_pktmbuf_pkt_len(m), (uint32_t)PKT_HEADERS_MAX))
        return 0;
    copy = rte_pktmbuf_pkt_len(m) <= COPY_WHOLE_MAX ? rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX) : copy_headers(m);
    if (!copy)
        return -ENOMEM;
    rte_pktmbuf_free(m);
    p->m = copy;
    return 0;
}

/* --- room --- */

/* Makes `n` bytes of room before byte `ofs`. */
static int insert(struct pkt *p, uint32_t ofs, uint32_t n)
{
    struct rte_mbuf *m = p->m;

    if (rte_pktmbuf_headroom(m) < n || rte_pktmbuf_data_len(m) < ofs || rte_pktmbuf_data_len(m) + n > UINT16_MAX)
        return -ENOSPC;
    if (m->ol_flags & REWRITE_L4_TODO && m->l2_len + n > L2_LEN_MAX) {
        /* The header gets out of the device's reach: what is to be cut must stay in it, a sum can be done here. */
        if (offload_of(m) & OFFLOAD_ANY_SEG)
            return -ENOSPC;
        (void)offload_checksum(m);
    }
    if (m->ol_flags & REWRITE_L4_TODO)
        m->l2_len = (m->l2_len + n) & L2_LEN_MAX;
    (void)rte_pktmbuf_prepend(m, (uint16_t)n);
    memmove(byte_at(p, 0), byte_at(p, n), ofs);
    return 0;
}

/* Removes the `n` bytes from `ofs` on, which are in the first segment. */
static void take_out(struct pkt *p, uint32_t ofs, uint32_t n)
{
    struct rte_mbuf *m = p->m;

    memmove(byte_at(p, n), byte_at(p, 0), ofs);
    (void)rte_pktmbuf_adj(m, (uint16_t)n);
    if (m->ol_flags & REWRITE_L4_TODO)
        m->l2_len = (m->l2_len - n) & L2_LEN_MAX;
}

/* All that is behind the Ethernet addresses moved by `by` bytes. */
static void shift_offsets(struct pkt *p, int by)
{
    uint16_t *const offsets[] = { &p->eth_type_ofs, &p->l3_ofs, &p->mpls_ofs };

    for (unsigned i = 0; i < RTE_DIM(offsets); i++)
        if (*offsets[i])
            *offsets[i] = (uint16_t)(*offsets[i] + by);
    if (p->layers & 1 << LAYER_L3 && p->l4_ofs)
        p->l4_ofs = (uint16_t)(p->l4_ofs + by);
    if (p->layers & 1 << LAYER_L4 && p->nd_option_ofs)
        p->nd_option_ofs = (uint16_t)(p->nd_option_ofs + by);
}

/* The layers are no longer what the key says.  L2 itself is parsed again at once: everybody needs it. */
static void forget(struct pkt *p)
{
    p->layers &= (uint16_t)~REWRITE_STRUCTURE;
    pkt_parse(p, 1 << LAYER_L2);
}

/* --- VLAN --- */

int pkt_push_vlan(struct pkt *p, uint16_t tpid)
{
    uint16_t tci;
    int err;

    pkt_parse(p, 1 << LAYER_L2);
    if (!is_vlan_tpid(tpid))
        return -EINVAL;
    if (!p->l3_ofs && !p->mpls_ofs)
        return -ENOENT;
    if (p->n_vlans == PKT_VLANS_MAX)
        return -ENOSPC;
    err = insert(p, 12, 4);
    if (err)
        return err;
    (void)key_push_vlan(&p->key, tpid);
    tci = (uint16_t)(key_get(&p->key, FIELD_VLAN_PCP).lo << 13 | (key_get(&p->key, FIELD_VLAN_VID).lo & 0xfff));
    be16_store(byte_at(p, 12), tpid);
    be16_store(byte_at(p, 14), tci);
    p->n_vlans++;
    shift_offsets(p, 4);
    return 0;
}

int pkt_pop_vlan(struct pkt *p)
{
    int err;

    pkt_parse(p, 1 << LAYER_L2);
    if (!p->n_vlans)
        return -ENOENT;
    err = key_pop_vlan(&p->key);
    take_out(p, 12, 4);
    p->n_vlans--;
    if (err == -EAGAIN)
        forget(p);
    else
        shift_offsets(p, -4);
    return 0;
}

int pkt_set_vlan_tci(struct pkt *p, uint16_t v, uint16_t mask)
{
    uint16_t tci;
    int err = 0;

    pkt_parse(p, 1 << LAYER_L2);
    tci = (uint16_t)((key_get(&p->key, FIELD_VLAN_TCI).lo & ~(unsigned)mask) | (v & mask));
    if (!(tci & VLAN_PRESENT))
        return p->n_vlans ? pkt_pop_vlan(p) : 0;
    if (!p->n_vlans)
        err = pkt_push_vlan(p, ETH_TYPE_VLAN);
    if (err)
        return err;
    key_set_u64(&p->key, FIELD_VLAN_TCI, tci);
    be16_store(byte_at(p, 14), tci & (uint16_t)~VLAN_PRESENT);
    return 0;
}

/* --- MPLS --- */

int pkt_push_mpls(struct pkt *p, uint16_t ethertype)
{
    uint32_t ofs, entry;
    int err;

    pkt_parse(p, 1 << LAYER_L2 | 1 << LAYER_MPLS | 1 << LAYER_L3);
    if (!is_mpls_type(ethertype))
        return -EINVAL;
    if (!p->eth_type_ofs)
        return -ENOENT;
    ofs = p->eth_type_ofs + 2u;
    err = insert(p, ofs, 4);
    if (err)
        return err;
    (void)key_push_mpls(&p->key, ethertype);
    entry = (uint32_t)(key_get(&p->key, FIELD_MPLS_LABEL).lo << 12 | key_get(&p->key, FIELD_MPLS_TC).lo << 9 |
                       key_get(&p->key, FIELD_MPLS_BOS).lo << 8 | key_get(&p->key, FIELD_MPLS_TTL).lo);
    be16_store(byte_at(p, p->eth_type_ofs), ethertype);
    be32_store(byte_at(p, ofs), entry);
    /* What was L3 is now payload: nothing of it is in the key. */
    p->l3_ofs = 0;
    p->mpls_ofs = (uint16_t)ofs;
    p->layers &= (uint16_t) ~(1 << LAYER_L3 | 1 << LAYER_L4);
    return 0;
}

int pkt_pop_mpls(struct pkt *p, uint16_t ethertype)
{
    pkt_parse(p, 1 << LAYER_L2);
    if (!p->mpls_ofs || rte_pktmbuf_data_len(p->m) < p->mpls_ofs + 4u)
        return -ENOENT;
    be16_store(byte_at(p, p->eth_type_ofs), ethertype);
    take_out(p, p->mpls_ofs, 4);
    forget(p);
    return 0;
}

/* --- PBB: backbone addresses, ethertype, I-TAG, then the frame as it was (802.1ah) --- */

int pkt_push_pbb(struct pkt *p, uint16_t ethertype)
{
    uint32_t pcp;
    int err;

    pkt_parse(p, 1 << LAYER_L2);
    if (ethertype != ETH_TYPE_PBB)
        return -EINVAL;
    if (!p->l3_ofs && !p->mpls_ofs)
        return -ENOENT;
    pcp = (uint32_t)key_get(&p->key, FIELD_VLAN_PCP).lo;
    err = insert(p, 0, 18);
    if (err)
        return err;
    (void)key_push_pbb(&p->key, ethertype);
    memcpy(byte_at(p, 0), byte_at(p, 18), 12);
    be16_store(byte_at(p, 12), ethertype);
    be32_store(byte_at(p, 14), pcp << 29 | (uint32_t)key_get(&p->key, FIELD_PBB_ISID).lo);
    p->n_vlans = 0;
    p->eth_type_ofs = 12;
    p->l3_ofs = 14;
    p->mpls_ofs = 0;
    p->layers &= (uint16_t) ~(REWRITE_STRUCTURE & ~(1 << LAYER_L2));
    return 0;
}

int pkt_pop_pbb(struct pkt *p)
{
    pkt_parse(p, 1 << LAYER_L2);
    /* The frame inside must have addresses and a type of its own. */
    if (key_pop_pbb(&p->key) != -EAGAIN || rte_pktmbuf_data_len(p->m) < 18 + 14)
        return -ENOENT;
    take_out(p, 0, 18);
    forget(p);
    return 0;
}

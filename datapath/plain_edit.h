/* SPDX-License-Identifier: Apache-2.0 */
/* plain_edit.h - changes to plain frames (plain.h), in place, with their checksums.  `ip`: its IPv4 header.   Thread: W. */
#ifndef DATAPATH_PLAIN_EDIT_H
#define DATAPATH_PLAIN_EDIT_H

#include <stdbool.h>

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>

#include "base/bytes.h"
#include "datapath/checksum.h"
#include "datapath/proto.h"
#include "datapath/rewrite.h"

/* Nobody else holds the frame, its headers are in one piece, and no device is to do a checksum. */
static inline bool plain_is_own(const struct rte_mbuf *m)
{
    return rte_mbuf_refcnt_read(m) == 1 && m->nb_segs == 1 &&
           !(m->ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL | REWRITE_L4_TODO));
}

static inline void plain_fix_ip(uint8_t *ip, uint16_t delta)
{
    be16_store(ip + 10, csum_complete(be16_load(ip + 10), delta));
}

static inline void plain_fix_l4(uint8_t *ip, uint16_t delta)
{
    uint8_t *field = ip + 20 + (ip[9] == IP_PROTO_TCP ? 16 : 6);
    uint16_t now = be16_load(field);

    if (ip[9] == IP_PROTO_UDP && !now)
        return; /* sent without a checksum */
    now = csum_complete(now, delta);
    be16_store(field, ip[9] == IP_PROTO_UDP && !now ? 0xffff : now);
}

/* Sets the 16 bits at `at` of the IP header. */
static inline void plain_set_ip16(uint8_t *ip, unsigned at, unsigned v)
{
    uint16_t old = be16_load(ip + at);

    be16_store(ip + at, (uint16_t)v);
    plain_fix_ip(ip, csum_delta(old, (uint16_t)v));
}

static inline void plain_set_address(uint8_t *ip, unsigned at, uint32_t v)
{
    uint16_t old = csum_words(ip + at, 4), delta;

    be32_store(ip + at, v);
    delta = csum_delta(old, csum_words(ip + at, 4));
    plain_fix_ip(ip, delta);
    plain_fix_l4(ip, delta);
}

/* `at`: bytes behind the start of the TCP or UDP header. */
static inline void plain_set_port(uint8_t *ip, unsigned at, uint16_t port)
{
    uint8_t *field = ip + 20 + at;
    uint16_t old = be16_load(field);

    be16_store(field, port);
    plain_fix_l4(ip, csum_delta(old, port));
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* nat64.h - makes an IPv6 frame IPv4 and the reverse, for connections whose two sides are of different families.
 * Flow: conn_track -> [nat64_frame].
 * Spec: RFC 6146 (stateful NAT64), RFC 7915 (headers, ICMP, fragments), RFC 6052 (addresses).   Thread: W. */
#ifndef DATAPATH_NAT64_H
#define DATAPATH_NAT64_H

#include "datapath/conn.h"

struct conn_packet;
struct pkt;

static inline bool is_nat64(const struct conn_tuple tuple[CONN_DIRS])
{
    return tuple[CONN_ORIGINAL].family != tuple[CONN_REPLY].family;
}

/* The connection, and which side the frame is of. */
struct nat64 {
    const struct conn_tuple *tuple; /* CONN_DIRS */
    enum conn_dir dir;
    uint8_t prefix_len; /* of the IPv6 side's dst, with the IPv4 address behind */
    uint16_t id;        /* for an IPv4 packet that may be cut on its way, and has none yet */
};

/* 0: addresses, headers and checksums are those of the other family, and the frame is to be parsed again; ports and identifiers
 * are as they were, but those of a packet that an ICMP error is about.  -ENOENT: nothing of the other family says what this
 * frame does; -ENOSPC, -ENOMEM.  The frame may be left changed then. */
int nat64_frame(struct pkt *p, const struct conn_packet *cp, const struct nat64 *x);

#endif

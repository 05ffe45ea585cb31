/* SPDX-License-Identifier: Apache-2.0 */
/* conn_packet.h - what a frame says to the connection that it belongs to.
 * Flow: exec -> [conn_packet] -> conn_track.
 * Spec: RFC 9293 (TCP), RFC 768 (UDP), RFC 792 and 4443 (ICMP), RFC 9260 (SCTP). */
#ifndef DATAPATH_CONN_PACKET_H
#define DATAPATH_CONN_PACKET_H

#include "datapath/conn_tcp.h"
#include "datapath/conn_tuple.h"

struct pkt;

enum conn_kind {
    CONN_KIND_NONE, /* cannot be tracked: no IP, cut short, a wrong checksum, a later fragment */
    CONN_KIND_TCP,
    CONN_KIND_UDP,
    CONN_KIND_QUERY, /* ICMP: a request */
    CONN_KIND_REPLY, /* ICMP: its answer */
    CONN_KIND_ERROR, /* ICMP: about another packet */
    CONN_KIND_SCTP,
    CONN_KIND_OTHER
};

struct conn_packet {
    uint8_t kind;          /* enum conn_kind */
    uint8_t chunk;         /* SCTP: type of the first */
    uint16_t inner_ofs;    /* of an error: where in the frame the IP header of the packet is that it is about */
    uint16_t inner_l4_ofs; /* ... and what is behind that */
    struct conn_tuple
        tuple; /* of the frame; of an error: the inverse of that packet's, as an answer to it would have */
    union {
        struct tcp_segment tcp;
        struct {
            uint32_t tag, init_tag; /* its verification tag; and, of INIT and INIT ACK, that of the answers; 0: none */
        } sctp;
    };
};

/* The window scale (RFC 7323) of a SYN whose TCP header is these `n` bytes, at most INT8_MAX; -1: it has none. */
int8_t conn_packet_scale(const uint8_t *header, unsigned n);

/* `p` is parsed as far as needed; a frame cut into segments in memory is fine.  Thread: W. */
void conn_packet_read(struct conn_packet *out, struct pkt *p, uint16_t zone);

#endif

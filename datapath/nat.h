/* SPDX-License-Identifier: Apache-2.0 */
/* nat.h - network address and port translation: what a new connection's answers are to look like, and the rewriting of frames.
 * Flow: conn_track -> [nat_begin] (new connections), [nat_frame] (every frame of one that is translated).
 * Spec: RFC 4787, of which REQ-2 (paired) and REQ-4 (parity) hold while ports last; mapping depends on the remote end, and a
 * port serves several of these (not REQ-1 and REQ-3), unless the action asks for an endpoint-independent one; RFC 5508 for the
 * inside of ICMP errors.  Thread: W. */
#ifndef DATAPATH_NAT_H
#define DATAPATH_NAT_H

#include "datapath/conn.h"

struct conn_packet;
struct pkt;

enum nat_mapping {
    NAT_MAPPING_CONNECTION, /* each connection for itself */
    NAT_MAPPING_ENDPOINT,   /* TCP, UDP, ICMP queries: endpoint-independent (RFC 4787, 4.1), of the source */
    NAT_MAPPING_KNOWN,      /* kind 0: the destination, as a mapping has it that lets the frame in */
};
enum nat_order { NAT_ORDER_KEEP, NAT_ORDER_HASH, NAT_ORDER_RANDOM }; /* which port is tried first */

/* What an action asks for. */
struct nat_spec {
    struct value addr_min, addr_max; /* family 0: the address stays */
    uint16_t port_min, port_max;     /* 0: any that RFC 4787, 4.2.1, allows */
    uint8_t kind;                    /* CT_SNAT or CT_DNAT; 0: no new connection is translated */
    uint8_t family;                  /* 4 or 6; 0: no addresses are given */
    uint8_t order;                   /* enum nat_order */
    bool is_persistent;              /* a host's address depends on nothing but the host */
    uint8_t mapping;                 /* enum nat_mapping */
    uint8_t filtering;               /* enum nat_filtering (conn_holder.h), of an endpoint-independent mapping */
    uint8_t prefix_len;              /* NAT64: of `prefix` (base/embedded.h), source translation to IPv4; 0: none */
    bool goes_on;                    /* a frame whose connection cannot be made: as new and invalid, untranslated */
    uint32_t host_limit;             /* as a zone's, of connections that this begins; 0: none */
    struct value prefix;
};

/* Puts a connection that conn_make() gave into the table, translated as the spec says.  0: it is locked; else as conn_insert():
 * -EEXIST: there is one already with the same original tuple, or, without translation, with the same answers; -ENOSPC: no
 * room; -EADDRINUSE: no port is free; -EDQUOT: the host has as many as its zone or the spec lets it have.  The cost of a port does
 * not grow as a range fills (port_pool.h). */
int nat_begin(struct conn_table *t, unsigned worker, struct conn *c, const struct nat_spec *spec);

/* Puts an entry of conn_make_holder() into the table, with a port of that address, its own if it is free, as where answers go
 * to: it is locked then.  As conn_insert(). */
int nat_reserve(struct conn_table *t, unsigned worker, struct conn *c, struct value addr);
/* As nat_begin(), of a connection that is expected: its answers come from `reply`'s source, and if `source` is given, go to that
 * address. */
int nat_begin_expected(struct conn_table *t, unsigned worker, struct conn *c, const struct conn_tuple *reply,
                       const struct value *source);

/* A connection like this will begin: asks memory for what nat_begin() reads first. */
void nat_expect(const struct conn_table *t, const struct conn_tuple *original, const struct nat_spec *spec);

/* Makes the frame, which belongs to a connection with these tuples on side `dir`, one as the other side shall see it.  0, or as
 * pkt_set_field(). */
int nat_frame(struct pkt *p, const struct conn_packet *cp, const struct conn_tuple tuple[CONN_DIRS], enum conn_dir dir);
/* The last part of it, for whoever has done the rest: ports, or the identifier of an ICMP query. */
int nat_ports(struct pkt *p, const struct conn_tuple *seen, const struct conn_tuple *want);

#endif

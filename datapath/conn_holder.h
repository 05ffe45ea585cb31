/* SPDX-License-Identifier: Apache-2.0 */
/* conn_holder.h - entries of the table of connections that are none themselves: what several connections have in common.
 *
 *   host        one that begins connections: how many are its own (RFC 6888, REQ-4).
 *   mapping     an inner address and port (or identifier of ICMP queries), which has the same outer ones whatever the remote end
 *               (RFC 4787, REQ-1: endpoint-independent mapping).  Its answers are those to the outer ones, from address and
 *               port 0.  Of NAT64 (RFC 6146: a BIB entry) it has the prefix as its destination, and its answers are IPv4's.
 *   permission  a remote address that something was sent to through a mapping (REQ-8: address-dependent filtering).
 *
 * Each is there as long as it is held: a connection holds its permission, or its mapping, or its host; a permission holds its
 * mapping, and a mapping its host.  So a host that has mappings is limited in these.
 * Flow: nat_begin -> [conn_hold...]; conn_track -> [conn_admit]; conn_remove -> conn_let_go (conn.h).
 * Thread: W, several at once. */
#ifndef DATAPATH_CONN_HOLDER_H
#define DATAPATH_CONN_HOLDER_H

#include "datapath/conn.h"

/* What a mapping lets in from outside that belongs to no connection (RFC 4787, 5). */
enum nat_filtering { NAT_FILTERING_ADDRESS_AND_PORT, NAT_FILTERING_ADDRESS, NAT_FILTERING_ENDPOINT };

/* Of whoever sends with that tuple. */
struct conn_tuple conn_mapping_tuple(const struct conn_tuple *original);

/* The entry with that tuple, held once more; NULL: there is none. */
struct conn *conn_hold(struct conn_table *t, unsigned worker, const struct conn_tuple *tuple);
/* Puts an entry of conn_make_holder() into the table, held once.  As conn_insert(). */
int conn_hold_new(struct conn_table *t, unsigned worker, struct conn *c, const struct conn_tuple *reply);

/* Whose a hold of a host is to be: a connection's, or a mapping's that is going to be put into the table. */
enum conn_hold_for { CONN_HOLD_FOR_CONNECTION, CONN_HOLD_FOR_MAPPING };

/* Holds who sends the original tuple, if `limit` (of the action; UINT32_MAX: none) or its zone's limits hosts; of two, the lower
 * one counts.  `*out` is its index, or 0.  -EDQUOT: it has as many as it may; -ENOSPC.
 * For a mapping: -EAGAIN: as many, but some are being put into the table, and one of these may be the same; when it is held,
 * conn_host_made() says when that has been done, or has failed; and who is refused counts it.
 * CONN_HOST_LIMIT_AS_BEFORE: the limit that it was held with last. */
enum { CONN_HOST_LIMIT_AS_BEFORE = 0 };
int conn_hold_host(struct conn_table *t, unsigned worker, enum conn_hold_for use, const struct conn_tuple *original,
                   uint32_t limit, uint32_t *out);
void conn_host_made(struct conn_table *t, uint32_t index); /* 0: nobody */
/* Holds the permission of `original`, which goes through a mapping that is held, for its remote address; that takes over the hold
 * of the mapping, also when it fails.  -ENOSPC. */
int conn_hold_permission(struct conn_table *t, unsigned worker, const struct conn *mapping,
                         const struct conn_tuple *original, uint32_t *out);

/* A frame from outside that belongs to no connection: what answers to it look like inside, if it is for a mapping that lets it in,
 * and what its connection is to hold; 0: it is not. */
uint32_t conn_admit(struct conn_table *t, unsigned worker, const struct conn_tuple *original, struct conn_tuple *reply);

#endif

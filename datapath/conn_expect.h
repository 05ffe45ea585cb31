/* SPDX-License-Identifier: Apache-2.0 */
/* conn_expect.h - connections that another one has announced, such as those that carry FTP's data: entries of the table of
 * connections by which the first frame is known, without the port that it comes from.
 * Flow: conn_helper -> [conn_announce]; conn_track -> [conn_expected_find, conn_expected_take] (new connections).
 * Spec: RFC 2663, 2.9 (gateways of applications); the bounds are our own.  Thread: W, several at once. */
#ifndef DATAPATH_CONN_EXPECT_H
#define DATAPATH_CONN_EXPECT_H

#include "datapath/conn.h"

enum { CONN_EXPECT_S = 60 }; /* so long it may take to begin */

/* What is expected, as a part of which connection. */
struct conn_expected {
    struct conn_tuple reply; /* answers come from there: where it leads; the port that they go to is not known */
    struct conn_tuple frame; /* as who begins sends, but for his port, which is 0 */
    bool has_source;         /* he is to be translated to this address, as his other connection is: */
    struct value source;
    uint32_t master, master_serial;
    uint32_t mark; /* the master's */
    struct value label;
};

/* Expects a connection to `e->reply`'s source, begun by `e->frame`'s source at address `e->frame.dst`: sets the port there,
 * unless it is given: that which it is expected at already, or the real one if it can be; and takes the place of what the master
 * expected before.  -ENOSPC: there are too many, or the master is gone; -EADDRINUSE: no port is free. */
int conn_announce(struct conn_table *t, unsigned worker, struct conn_expected *e, uint64_t now_ns);
/* Whether a frame that belongs to no connection is expected.  Costs nothing where nothing is. */
bool conn_expected_find(struct conn_table *t, unsigned worker, const struct conn_tuple *frame, uint64_t now_ns,
                        struct conn_expected *out);
/* It has begun: it is not expected any more. */
void conn_expected_take(struct conn_table *t, unsigned worker, const struct conn_expected *e, uint64_t now_ns);

#endif

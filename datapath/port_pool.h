/* SPDX-License-Identifier: Apache-2.0 */
/* port_pool.h - which ports of an outer address are taken towards a remote end, where so many are that guessing would take long.
 * Flow: nat_begin -> [port_pool_hold ... port_pool_release]; conn_remove -> [port_pools_forget].
 * Spec: RFC 4787, REQ-4 (parity); ranges RFC 6056, 3.2.
 *
 * The table of connections alone says what is taken for certain; a pool remembers what it has said.  Thread: W, several at once,
 * unless said otherwise. */
#ifndef DATAPATH_PORT_POOL_H
#define DATAPATH_PORT_POOL_H

#include "datapath/conn_tuple.h"

struct port_pool;
struct port_pools;

/* Which port of a connection's answers is chosen: the one they go to, or the one they come from (and ICMP's identifier). */
enum port_side { PORT_SIDE_DST, PORT_SIDE_SRC, PORT_SIDES };

enum { PORT_POOL_MIN = 1024 }; /* so many connections, about, before there is a pool for them */

/* Parity of the ports that are looked for. */
enum port_parity { PORT_EVEN, PORT_ODD, PORT_ANY };

int port_pools_new(struct port_pools **out, uint32_t max_conns, uint64_t seed); /* -ENOMEM.  Thread: C */
void port_pools_free(struct port_pools *pp);                                    /* NULL is fine.  Thread: C */

static inline enum port_side port_side_of(const struct conn_tuple *reply, bool is_source)
{
    return is_source && !conn_tuple_has_ids(reply) ? PORT_SIDE_DST : PORT_SIDE_SRC;
}

/* A translated connection has come (or gone): its answers are like that. */
void port_pools_add(struct port_pools *pp, const struct conn_tuple *reply, enum port_side side);
void port_pools_remove(struct port_pools *pp, const struct conn_tuple *reply, enum port_side side);
/* How many there are that differ in the port only, at least; a few of others may be among them. */
uint32_t port_pools_count(const struct port_pools *pp, const struct conn_tuple *reply, enum port_side side);

/* The pool of these answers, whatever their port, made if there is none: held until it is released.  NULL: no room. */
struct port_pool *port_pool_hold(struct port_pools *pp, const struct conn_tuple *reply, enum port_side side);
void port_pool_release(struct port_pools *pp, struct port_pool *pool);
bool port_pool_is_taken(const struct port_pool *pool, uint16_t port);
void port_pool_take(struct port_pool *pool, uint16_t port);
/* A port of the range from..last that is not known to be taken, the lowest; -1: none. */
int port_pool_next(const struct port_pool *pool, uint32_t from, uint32_t last, enum port_parity parity);

/* The table has the tuple no more. */
void port_pools_forget(struct port_pools *pp, const struct conn_tuple *tuple);

#endif

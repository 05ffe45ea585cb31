/* SPDX-License-Identifier: Apache-2.0 */
/* port_mem.h - the other end of a `mem` port: what a test, or the daemon's test command, puts in and takes out.
 * Needs no root; the pool is made after eal_start (without hugepages will do).
 *
 * Thread: one giver and one taker at a time (C, or the test), while workers run rx and tx. */
#ifndef DATAPATH_PORT_MEM_H
#define DATAPATH_PORT_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port;
struct rte_mbuf;

enum { PORT_MEM_RING = 1024 }; /* frames that wait in either direction of a queue, at most one less */

/* Puts a copy of a frame where rx finds it.  `queue` is below the port's n_queues.
 * -ENOMEM: no mbuf; -ENOBUFS: too many wait; -EMSGSIZE: over 65535 bytes. */
int port_mem_give(struct port *p, unsigned queue, const void *frame, size_t len);
/* The same with an mbuf as it is, flags included.  Takes `m`, also when it fails. */
int port_mem_give_mbuf(struct port *p, unsigned queue, struct rte_mbuf *m);
/* The oldest frame that was sent; the caller owns it.  NULL: none. */
struct rte_mbuf *port_mem_take_mbuf(struct port *p, unsigned queue);
/* The same as bytes: copies up to `size`, and returns the length of the whole frame; 0: none. */
size_t port_mem_take(struct port *p, unsigned queue, void *out, size_t size);
void port_mem_set_link(struct port *p, bool is_up);
void port_mem_set_gone(struct port *p); /* as if the device had vanished */

#endif

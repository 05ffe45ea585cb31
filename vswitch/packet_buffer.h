/* SPDX-License-Identifier: Apache-2.0 */
/* packet_buffer.h - frames that wait for what a controller says of them, so that a packet-in need carry no more than their
 * beginning.  Spec: OpenFlow 1.3.5, 6.1.2, 7.3.2, 7.4.1.
 *
 * Bounded: PACKET_BUFFERS frames, and none when half of the pool that a frame comes from is in use; a frame is dropped
 * PACKET_BUFFER_S seconds after it came.   Thread: C. */
#ifndef VSWITCH_PACKET_BUFFER_H
#define VSWITCH_PACKET_BUFFER_H

#include <stdint.h>

struct clock;
struct packet_buffers;
struct rte_mbuf;

enum { PACKET_BUFFERS = 256, PACKET_BUFFER_S = 5 };

int packet_buffers_new(struct packet_buffers **out, const struct clock *clock); /* -ENOMEM; `clock` borrowed */
void packet_buffers_free(struct packet_buffers *b);                             /* drops what waits; NULL is fine */

/* Holds the frame by one more reference.  Gives its id; OFP_NO_BUFFER: there is no room. */
uint32_t packet_buffers_put(struct packet_buffers *b, struct rte_mbuf *m, uint32_t in_port);
/* 0: it waits; -EALREADY: it did until somebody took it, and no other frame has its place yet; -ENOENT. */
int packet_buffers_check(struct packet_buffers *b, uint32_t id);
/* The frame that waits, which stays there; NULL: none. */
struct rte_mbuf *packet_buffers_find(struct packet_buffers *b, uint32_t id);
/* Takes it out: the caller owns the reference.  As above. */
int packet_buffers_take(struct packet_buffers *b, uint32_t id, struct rte_mbuf **m, uint32_t *in_port);

/* Drops what has waited too long; to be called when packet_buffers_next_ns() has come (UINT64_MAX: nothing waits). */
void packet_buffers_run(struct packet_buffers *b);
uint64_t packet_buffers_next_ns(const struct packet_buffers *b);

#endif

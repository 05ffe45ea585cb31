/* SPDX-License-Identifier: Apache-2.0 */
/* mbuf_bytes.h - bytes into frames of as many segments as they need.   Thread: any that may allocate from the pool. */
#ifndef DATAPATH_MBUF_BYTES_H
#define DATAPATH_MBUF_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct rte_mbuf;
struct rte_mempool;

struct rte_mbuf *mbuf_of_bytes(struct rte_mempool *pool, const void *p, size_t n); /* NULL: no mbuf */
/* Appends; false: no mbuf, and part of the bytes are there.  `m` may be NULL, as it comes from mbuf_of_bytes(). */
bool mbuf_add_bytes(struct rte_mbuf *m, const void *p, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* stat.h - counters of rules: each rule has a slot, each worker its own copy of every slot (a shard), so that counting
 * shares no cache line between workers; the sum is made when somebody asks.
 * Thread: C makes the pool, allocates, frees and reads; W `i` alone adds to shard `i`. */
#ifndef DATAPATH_STAT_H
#define DATAPATH_STAT_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { STAT_CHUNK_BITS = 12, STAT_CHUNK_SLOTS = 1 << STAT_CHUNK_BITS, STAT_CHUNKS = 4096 };

/* What a rule has seen; not `struct stat`, which is POSIX's. */
struct rule_stat {
    uint64_t packets, bytes;
    uint64_t used_ns; /* monotonic time of the last packet; 0: none yet */
};

struct stat_cell {
    alignas(32) _Atomic uint64_t packets;
    _Atomic uint64_t bytes, used_ns;
};

struct stat_shard {
    _Atomic(struct stat_cell *) chunk[STAT_CHUNKS];
};

struct stat_pool;

int stat_pool_new(struct stat_pool **out, unsigned n_shards);
void stat_pool_free(struct stat_pool *pool); /* no worker counts any more */
struct stat_shard *stat_pool_shard(struct stat_pool *pool, unsigned i);

/* Gives a slot whose counters are zero.  -ENOMEM; -ENOSPC: all slots are taken. */
int stat_alloc(struct stat_pool *pool, uint32_t *slot);
/* One more holder: a rule that replaces another goes on counting where that one stopped. */
void stat_ref(struct stat_pool *pool, uint32_t slot);
/* One holder less.  With the last the slot goes: no worker may know it any more, so call it by rcu_defer. */
void stat_free(struct stat_pool *pool, uint32_t slot);
void stat_read(const struct stat_pool *pool, uint32_t slot, struct rule_stat *sum);
size_t stat_pool_count(const struct stat_pool *pool); /* slots in use */

/* Thread: W, the owner of the shard. */
static inline void stat_add(struct stat_shard *shard, uint32_t slot, uint64_t packets, uint64_t bytes, uint64_t now_ns)
{
    struct stat_cell *chunk = atomic_load_explicit(&shard->chunk[slot >> STAT_CHUNK_BITS], memory_order_acquire);
    struct stat_cell *c = &chunk[slot & (STAT_CHUNK_SLOTS - 1)];

    packets += atomic_load_explicit(&c->packets, memory_order_relaxed);
    bytes += atomic_load_explicit(&c->bytes, memory_order_relaxed);
    atomic_store_explicit(&c->packets, packets, memory_order_relaxed);
    atomic_store_explicit(&c->bytes, bytes, memory_order_relaxed);
    if (now_ns > atomic_load_explicit(&c->used_ns, memory_order_relaxed))
        atomic_store_explicit(&c->used_ns, now_ns, memory_order_relaxed);
}

#endif

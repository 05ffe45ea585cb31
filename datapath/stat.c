/* SPDX-License-Identifier: Apache-2.0 */
/* stat.c - slots of statistics, in chunks that exist in every shard or in none.
 * Chunks come when slots are needed and stay until the pool goes; their pages are there from the beginning, since a worker that
 * counts must not wait for one. */
#include "datapath/stat.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

static_assert(sizeof(struct stat_cell) == 32, "two cells to a cache line, none astride two");

enum { CHUNK_BYTES = STAT_CHUNK_SLOTS * sizeof(struct stat_cell) };

struct stat_pool {
    unsigned n_shards;
    struct stat_shard *shards;
    uint32_t *free_slots; /* room for every slot of the chunks there are */
    uint32_t *refs;       /* holders of each slot */
    uint32_t n_free;
    uint32_t n_used_ever; /* slots from here on were never given */
    uint32_t n_chunks;
};

int stat_pool_new(struct stat_pool **out, unsigned n_shards)
{
    if (!n_shards)
        return -EINVAL;

    struct stat_pool *pool = calloc(1, sizeof *pool);

    if (!pool)
        return -ENOMEM;
    pool->shards = calloc(n_shards, sizeof *pool->shards);
    if (!pool->shards) {
        free(pool);
        return -ENOMEM;
    }
    pool->n_shards = n_shards;
    *out = pool;
    return 0;
}

static void chunk_remove(struct stat_pool *pool, uint32_t chunk, unsigned n_shards)
{
    for (unsigned i = 0; i < n_shards; i++) {
        munmap(atomic_load_explicit(&pool->shards[i].chunk[chunk], memory_order_relaxed), CHUNK_BYTES);
        atomic_store_explicit(&pool->shards[i].chunk[chunk], NULL, memory_order_relaxed);
    }
}

void stat_pool_free(struct stat_pool *pool)
{
    if (!pool)
        return;
    for (uint32_t i = 0; i < pool->n_chunks; i++)
        chunk_remove(pool, i, pool->n_shards);
    free(pool->free_slots);
    free(pool->refs);
    free(pool->shards);
    free(pool);
}

struct stat_shard *stat_pool_shard(struct stat_pool *pool, unsigned i)
{
    assert(i < pool->n_shards);
    return &pool->shards[i];
}

/* The list of free slots grows together with the chunks, so that stat_free cannot fail. */
static int chunk_add(struct stat_pool *pool)
{
    uint32_t chunk = pool->n_chunks;

    if (chunk == STAT_CHUNKS)
        return -ENOSPC;

    uint32_t *slots = realloc(pool->free_slots, (size_t)(chunk + 1) * STAT_CHUNK_SLOTS * sizeof *slots);

    if (!slots)
        return -ENOMEM;
    pool->free_slots = slots;

    uint32_t *refs = realloc(pool->refs, (size_t)(chunk + 1) * STAT_CHUNK_SLOTS * sizeof *refs);

    if (!refs)
        return -ENOMEM;
    pool->refs = refs;
    for (unsigned i = 0; i < pool->n_shards; i++) {
        void *p = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

        if (p == MAP_FAILED) {
            chunk_remove(pool, chunk, i);
            return -ENOMEM;
        }
        atomic_store_explicit(&pool->shards[i].chunk[chunk], p, memory_order_release);
    }
    pool->n_chunks++;
    return 0;
}

static struct stat_cell *cell_of(const struct stat_pool *pool, unsigned shard, uint32_t slot)
{
    struct stat_cell *chunk =
        atomic_load_explicit(&pool->shards[shard].chunk[slot >> STAT_CHUNK_BITS], memory_order_relaxed);

    return &chunk[slot & (STAT_CHUNK_SLOTS - 1)];
}

int stat_alloc(struct stat_pool *pool, uint32_t *slot)
{
    if (!pool->n_free) {
        if (pool->n_used_ever == pool->n_chunks * STAT_CHUNK_SLOTS) {
            int err = chunk_add(pool);

            if (err)
                return err;
        }
        *slot = pool->n_used_ever++;
        pool->refs[*slot] = 1;
        return 0;
    }
    *slot = pool->free_slots[--pool->n_free];
    pool->refs[*slot] = 1;
    for (unsigned i = 0; i < pool->n_shards; i++) {
        struct stat_cell *c = cell_of(pool, i, *slot);

        atomic_store_explicit(&c->packets, 0, memory_order_relaxed);
        atomic_store_explicit(&c->bytes, 0, memory_order_relaxed);
        atomic_store_explicit(&c->used_ns, 0, memory_order_relaxed);
    }
    return 0;
}

void stat_free(struct stat_pool *pool, uint32_t slot)
{
    assert(slot < pool->n_used_ever && pool->refs[slot]);
    if (!--pool->refs[slot])
        pool->free_slots[pool->n_free++] = slot;
}

void stat_ref(struct stat_pool *pool, uint32_t slot)
{
    assert(slot < pool->n_used_ever && pool->refs[slot]);
    pool->refs[slot]++;
}

void stat_read(const struct stat_pool *pool, uint32_t slot, struct rule_stat *sum)
{
    *sum = (struct rule_stat){ 0 };
    assert(slot < pool->n_used_ever);
    for (unsigned i = 0; i < pool->n_shards; i++) {
        struct stat_cell *c = cell_of(pool, i, slot);
        uint64_t used_ns = atomic_load_explicit(&c->used_ns, memory_order_relaxed);

        sum->packets += atomic_load_explicit(&c->packets, memory_order_relaxed);
        sum->bytes += atomic_load_explicit(&c->bytes, memory_order_relaxed);
        if (used_ns > sum->used_ns)
            sum->used_ns = used_ns;
    }
}

size_t stat_pool_count(const struct stat_pool *pool)
{
    return pool->n_used_ever - pool->n_free;
}

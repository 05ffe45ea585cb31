/* SPDX-License-Identifier: Apache-2.0 */
/* port_pool.c - see port_pool.h.
 *
 * Theory.  A pool is a field of bits, one for each port: it is taken, as far as is known.  A bit is set, while the pool is held,
 * when the table has taken a connection with that port, or said that another has it; it is cleared after that has left the
 * table.  So a bit that is set tells the truth, or is about to be cleared by whoever holds the pool next; one that is not may be
 * wrong, which costs one insertion in vain, and sets it.  Hence no port is lost, and each connection that a pool did not know
 * is met once at most: the cost of a port is constant on average, however few are left.
 *
 * Pools exist only where they are worth their 8 kB: towards a remote end with which an address has PORT_POOL_MIN connections, as
 * counters say that share their place by chance (too high is harmless), or where guessing has failed.  There are as many pools
 * as the table has room for such remote ends, twice, in sets of WAYS.  A pool whose last bit is cleared is free.
 *
 * Whoever is about to set a bit has written the pool's tag before it looked into the table, whose locks order that before the
 * removal of the connection: so port_pools_forget() may look at the tags without a lock. */
#include "datapath/port_pool.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <rte_pause.h>

enum { WAYS = 8, COUNTERS = 1 << 14, WORDS = 65536 / 64, GROUPS = WORDS / 64, SETS_MIN = 8 };
#define EVEN_BITS UINT64_C(0x5555555555555555)

struct port_pool {
    struct conn_tuple key; /* without the port */
    struct pool_set *set;
    uint32_t way;
    uint32_t n_taken;
    uint64_t full[PORT_ANY][GROUPS]; /* words without a free port of that parity */
    uint64_t taken[WORDS];
};

struct pool_set {
    alignas(64) _Atomic uint32_t lock;
    _Atomic uint32_t tag[WAYS]; /* of the key; 0: that one is free */
};

struct port_pools {
    uint64_t seed;
    uint32_t set_mask;
    struct pool_set *sets;
    struct port_pool *pools; /* by set and way */
    _Atomic uint32_t n_pools;
    _Atomic uint32_t *counters;
};

int port_pools_new(struct port_pools **out, uint32_t max_conns, uint64_t seed)
{
    struct port_pools *pp = calloc(1, sizeof *pp);
    uint32_t n_sets = SETS_MIN;

    if (!pp)
        return -ENOMEM;
    while ((uint64_t)n_sets * WAYS * PORT_POOL_MIN < 2 * (uint64_t)max_conns)
        n_sets *= 2;
    pp->seed = hash_mix(seed + 3);
    pp->set_mask = n_sets - 1;
    pp->sets = aligned_alloc(64, n_sets * sizeof *pp->sets);
    pp->pools = calloc((size_t)n_sets * WAYS, sizeof *pp->pools);
    pp->counters = calloc(COUNTERS, sizeof *pp->counters);
    if (!pp->sets || !pp->pools || !pp->counters) {
        port_pools_free(pp);
        return -ENOMEM;
    }
    memset(pp->sets, 0, n_sets * sizeof *pp->sets);
    *out = pp;
    return 0;
}

void port_pools_free(struct port_pools *pp)
{
    if (!pp)
        return;
    free(pp->sets);
    free(pp->pools);
    free((void *)pp->counters);
    free(pp);
}

/* --- keys --- */

/* The other port of a key that is about the source is not the key's to forget: so the side shows in the family. */
static struct conn_tuple key_of(const struct conn_tuple *tuple, enum port_side side, uint16_t *port)
{
    struct conn_tuple key = *tuple;

    *port = side == PORT_SIDE_DST ? key.dst_port : key.src_port;
    if (side == PORT_SIDE_DST)
        key.dst_port = 0;
    else
        key.src_port = 0;
    key.family |= (uint8_t)(side << 7);
    return key;
}

static uint64_t hash_of(const struct port_pools *pp, const struct conn_tuple *key)
{
    return conn_tuple_hash(key, pp->seed);
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

static _Atomic uint32_t *counter_of(const struct port_pools *pp, const struct conn_tuple *reply, enum port_side side)
{
    uint16_t port;
    struct conn_tuple key = key_of(reply, side, &port);

    return &pp->counters[hash_of(pp, &key) % COUNTERS];
}

void port_pools_add(struct port_pools *pp, const struct conn_tuple *reply, enum port_side side)
{
    atomic_fetch_add_explicit(counter_of(pp, reply, side), 1, memory_order_relaxed);
}

void port_pools_remove(struct port_pools *pp, const struct conn_tuple *reply, enum port_side side)
{
    atomic_fetch_sub_explicit(counter_of(pp, reply, side), 1, memory_order_relaxed);
}

uint32_t port_pools_count(const struct port_pools *pp, const struct conn_tuple *reply, enum port_side side)
{
    return atomic_load_explicit(counter_of(pp, reply, side), memory_order_relaxed);
}

/* --- pools --- */

static void lock_set(struct pool_set *s)
{
    while (atomic_exchange_explicit(&s->lock, 1, memory_order_acquire))
        rte_pause();
}

static void unlock_set(struct pool_set *s)
{
    atomic_store_explicit(&s->lock, 0, memory_order_release);
}

static struct port_pool *pool_at(const struct port_pools *pp, const struct pool_set *s, unsigned way)
{
    return &pp->pools[(size_t)(s - pp->sets) * WAYS + way];
}

/* Under the set's lock. */
static struct port_pool *find(const struct port_pools *pp, const struct pool_set *s, uint32_t tag,
                              const struct conn_tuple *key)
{
    for (unsigned i = 0; i < WAYS; i++)
        if (atomic_load_explicit(&s->tag[i], memory_order_relaxed) == tag &&
            conn_tuple_equal(&pool_at(pp, s, i)->key, key))
            return pool_at(pp, s, i);
    return NULL;
}

static struct port_pool *make(struct port_pools *pp, struct pool_set *s, uint32_t tag, const struct conn_tuple *key)
{
    for (unsigned i = 0; i < WAYS; i++) {
        struct port_pool *pool = pool_at(pp, s, i);

        if (atomic_load_explicit(&s->tag[i], memory_order_relaxed))
            continue;
        pool->key = *key; /* its bits are all clear */
        pool->set = s;
        pool->way = i;
        atomic_store_explicit(&s->tag[i], tag, memory_order_relaxed);
        atomic_fetch_add_explicit(&pp->n_pools, 1, memory_order_relaxed);
        return pool;
    }
    return NULL;
}

struct port_pool *port_pool_hold(struct port_pools *pp, const struct conn_tuple *reply, enum port_side side)
{
    uint16_t port;
    struct conn_tuple key = key_of(reply, side, &port);
    uint64_t hash = hash_of(pp, &key);
    struct pool_set *s = &pp->sets[hash & pp->set_mask];
    struct port_pool *pool;

    lock_set(s);
    pool = find(pp, s, tag_of(hash), &key);
    if (!pool)
        pool = make(pp, s, tag_of(hash), &key);
    if (!pool)
        unlock_set(s);
    return pool;
}

static void free_if_empty(struct port_pools *pp, struct port_pool *pool)
{
    if (pool->n_taken)
        return;
    atomic_store_explicit(&pool->set->tag[pool->way], 0, memory_order_relaxed);
    atomic_fetch_sub_explicit(&pp->n_pools, 1, memory_order_relaxed);
}

void port_pool_release(struct port_pools *pp, struct port_pool *pool)
{
    free_if_empty(pp, pool);
    unlock_set(pool->set);
}

static void update_full(struct port_pool *pool, unsigned word)
{
    uint64_t bit = UINT64_C(1) << (word % 64), taken = pool->taken[word];

    for (unsigned parity = 0; parity < PORT_ANY; parity++) {
        uint64_t *full = &pool->full[parity][word / 64];

        *full = ((taken >> parity) & EVEN_BITS) == EVEN_BITS ? *full | bit : *full & ~bit;
    }
}

bool port_pool_is_taken(const struct port_pool *pool, uint16_t port)
{
    return pool->taken[port / 64] >> (port % 64) & 1;
}

void port_pool_take(struct port_pool *pool, uint16_t port)
{
    if (port_pool_is_taken(pool, port))
        return;
    pool->taken[port / 64] |= UINT64_C(1) << (port % 64);
    pool->n_taken++;
    update_full(pool, port / 64);
}

/* A word from `from` on that has a free port of the parity; WORDS: none. */
static unsigned next_word(const struct port_pool *pool, unsigned from, enum port_parity parity)
{
    for (unsigned g = from / 64; g < GROUPS; g++) {
        uint64_t full = parity == PORT_ANY ? pool->full[PORT_EVEN][g] & pool->full[PORT_ODD][g] : pool->full[parity][g];
        uint64_t rest = ~full & (g == from / 64 ? ~UINT64_C(0) << (from % 64) : ~UINT64_C(0));

        if (rest)
            return g * 64 + (unsigned)__builtin_ctzll(rest);
    }
    return WORDS;
}

int port_pool_next(const struct port_pool *pool, uint32_t from, uint32_t last, enum port_parity parity)
{
    uint64_t of = parity == PORT_ANY ? ~UINT64_C(0) : EVEN_BITS << parity;

    while (from <= last) {
        unsigned word = next_word(pool, from / 64, parity);
        uint64_t ok;

        if (word == WORDS)
            return -1;
        ok = ~pool->taken[word] & of & (word == from / 64 ? ~UINT64_C(0) << (from % 64) : ~UINT64_C(0));
        if (ok) {
            uint32_t port = word * 64 + (unsigned)__builtin_ctzll(ok);

            return port <= last ? (int)port : -1;
        }
        from = (word + 1) * 64; /* only in the first word */
    }
    return -1;
}

static void clear(struct port_pools *pp, struct port_pool *pool, uint16_t port)
{
    if (!port_pool_is_taken(pool, port))
        return;
    pool->taken[port / 64] &= ~(UINT64_C(1) << (port % 64));
    update_full(pool, port / 64);
    pool->n_taken--;
    free_if_empty(pp, pool);
}

static void forget(struct port_pools *pp, const struct conn_tuple *tuple, enum port_side side)
{
    uint16_t port;
    struct conn_tuple key = key_of(tuple, side, &port);
    uint64_t hash = hash_of(pp, &key);
    struct pool_set *s = &pp->sets[hash & pp->set_mask];
    struct port_pool *pool;
    bool is_there = false;

    for (unsigned i = 0; i < WAYS; i++)
        is_there |= atomic_load_explicit(&s->tag[i], memory_order_relaxed) == tag_of(hash);
    if (!is_there)
        return;
    lock_set(s);
    pool = find(pp, s, tag_of(hash), &key);
    if (pool)
        clear(pp, pool, port);
    unlock_set(s);
}

void port_pools_forget(struct port_pools *pp, const struct conn_tuple *tuple)
{
    if (!atomic_load_explicit(&pp->n_pools, memory_order_relaxed))
        return;
    forget(pp, tuple, PORT_SIDE_SRC);
    if (!conn_tuple_has_ids(tuple))
        forget(pp, tuple, PORT_SIDE_DST);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* conn_table.c - see conn.h.
 *
 * Theory.  A tuple hashes to two buckets of a cache line each.  A bucket holds words: some bits of the hash, and which side of
 * which connection it is.  Readers look through both without a lock; a word that fits leads to a connection, which is locked
 * and only then compared, so that it cannot be another one meanwhile: connections are places in an array that is there for
 * ever.  Whoever puts words into buckets, or takes them out, locks the stripes of both tuples, in order; two workers that
 * meet the same new connection at once are told apart there.  Order of locks: stripe, then connection; a connection that is to be
 * removed is marked dead under its own lock first, and unlocked.
 *
 * The thread of control never holds a lock that a worker may wait for, since it can lose its CPU at any moment.  It copies
 * connections as readers of a sequence lock do, and throws one out by a mark (`doomed`), which workers obey.
 *
 * Time.  `expiry[i]` is the tick (2^27 ns, 134 ms) at whose end connection i is over; 0: the place is free.  Workers walk through
 * their part of that array once a tick, and when control has thrown some out, some steps a round: sixteen in a cache line, so that
 * a million cost 62,500 lines.  A frame touches it only when its tick differs.
 *
 * Entries that are no connections take places, too: those that connections hold (conn_holder.h) are over when nobody holds them,
 * and not by time; those for connections that are expected (conn_expect.h) by time.  Neither counts for a limit.
 *
 * Room.  A full table (or zone) lets a new connection in only for one that both sides have closed, that nobody has answered yet,
 * whose TCP handshake is not done (a server answers a SYN of any source), or that has asked once (as DNS does, and would stay for
 * minutes): of those met among some random places a closed one goes, else the one that has the least time left.  So a flood of
 * new sources pushes out itself, and with each other host's new connections live on as long as the table is large; one that both
 * sides use and that is open is never touched.  Random places, as a list of the oldest would be one more line that all workers
 * write for each frame. */
#include "datapath/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <rte_branch_prediction.h>
#include <rte_pause.h>
#include <rte_prefetch.h>

#include "base/clock.h"
#include "datapath/conn_zone.h"
#include "datapath/port_pool.h"

enum {
    BUCKET_WORDS = 16,
    BUCKET_SPARE = 4, /* the first bucket of a tuple takes it as long as so many are free: most are found there */
    INDEX_BITS = 22,
    INDEX_MASK = (1 << INDEX_BITS) - 1,
    DIR_SHIFT = INDEX_BITS,
    TAG_SHIFT = INDEX_BITS + 1,
    STRIPES = 4096,
    TICK_SHIFT = 27,
    FREE_CACHE = 64,   /* places that a worker keeps for itself, but of a small table no more than: */
    FREE_PART = 8,     /* ... all workers together, such a part of it */
    SWEEP_STEP = 1024, /* places looked at in a round */
    SWEEP_REMOVE = 32, /* connections removed in a round, at most */
    PUSH_TRIES = 256,  /* random places looked at */
    PUSH_ENOUGH = 4,   /* candidates among them */
};
static_assert(CONN_MAX == 1 << INDEX_BITS, "an index fits its word, with 0 for none");

struct bucket {
    alignas(64) _Atomic uint32_t word[BUCKET_WORDS];
};

struct free_cache {
    alignas(64) uint32_t n;
    uint32_t index[FREE_CACHE];
    uint32_t sweep;       /* where this worker's walk goes on */
    uint32_t next_victim; /* to be pushed out, if it still may be; 0: not chosen */
    uint64_t random;
    uint64_t sweep_tick;
    uint32_t n_doomed; /* of the table, when the walk began */
    _Atomic uint64_t made, removed, expired, pushed_out, no_room, limited, host_limited, tries;
};

struct conn_table {
    struct conn_table_conf conf;
    uint32_t bucket_mask, cache_max;
    struct bucket *buckets;
    struct conn *conns;          /* conf.max + 1; the first is none */
    _Atomic uint32_t *expiry;    /* by index */
    _Atomic uint16_t *weak;      /* by index: weak_tag() when it may be pushed out; else 0 */
    _Atomic uint32_t *n_in_zone; /* CONN_ZONES */
    struct conn_zones *zones;
    struct port_pools *pools;
    size_t buckets_size, conns_size;
    alignas(64) _Atomic uint32_t n_conns;
    _Atomic uint32_t n_expected; /* entries for connections that are expected */
    _Atomic uint32_t n_doomed;   /* thrown out by control, which count no more, but are there still */
    alignas(64) _Atomic uint32_t stripe[STRIPES];
    alignas(64) _Atomic uint32_t pool_lock;
    uint32_t n_free, *free;
    struct free_cache *workers;
};

/* --- locks --- */

static void lock(_Atomic uint32_t *l)
{
    for (;;) {
        uint32_t now = atomic_load_explicit(l, memory_order_relaxed);

        if (!(now & 1) &&
            atomic_compare_exchange_weak_explicit(l, &now, now + 1, memory_order_acquire, memory_order_relaxed))
            return;
        rte_pause();
    }
}

static void unlock(_Atomic uint32_t *l)
{
    atomic_store_explicit(l, atomic_load_explicit(l, memory_order_relaxed) + 1, memory_order_release);
}

void conn_unlock(struct conn *c)
{
    unlock(&c->lock);
}

/* --- the table itself --- */

/* Memory of the system's own, zero, in large pages where it has them, and all there now: no worker shall wait for a page. */
static void *reserve(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    (void)madvise(p, size, MADV_HUGEPAGE); /* may not be there: then it is only slower */
    for (size_t i = 0; i < size; i += 4096)
        ((volatile uint8_t *)p)[i] = 0;
    return p;
}

static uint32_t buckets_for(uint32_t max)
{
    uint32_t n = 64;

    while ((uint64_t)n * BUCKET_WORDS < 4 * (uint64_t)max) /* two words each: half full */
        n *= 2;
    return n;
}

int conn_table_new(struct conn_table **out, const struct conn_table_conf *conf)
{
    uint32_t n_buckets = buckets_for(conf->max);
    struct conn_table *t;

    if (!conf->max || conf->max >= CONN_MAX || !conf->n_workers)
        return -EINVAL;
    t = aligned_alloc(64, (sizeof *t + 63) & ~(size_t)63);
    if (!t)
        return -ENOMEM;
    memset(t, 0, sizeof *t);
    t->conf = *conf;
    t->bucket_mask = n_buckets - 1;
    t->cache_max = conf->max / FREE_PART / conf->n_workers;
    if (t->cache_max > FREE_CACHE)
        t->cache_max = FREE_CACHE;
    t->buckets_size = n_buckets * sizeof *t->buckets;
    t->conns_size = ((size_t)conf->max + 1) * sizeof *t->conns;
    t->buckets = reserve(t->buckets_size);
    t->conns = reserve(t->conns_size);
    t->expiry = calloc((size_t)conf->max + 1, sizeof *t->expiry);
    t->weak = calloc((size_t)conf->max + 1, sizeof *t->weak);
    t->n_in_zone = calloc(CONN_ZONES, sizeof *t->n_in_zone);
    t->zones = conn_zones_new();
    t->free = calloc(conf->max, sizeof *t->free);
    t->workers = aligned_alloc(64, conf->n_workers * sizeof *t->workers);
    if (!t->buckets || !t->conns || !t->expiry || !t->weak || !t->n_in_zone || !t->zones || !t->free || !t->workers ||
        port_pools_new(&t->pools, conf->max, conf->seed)) {
        conn_table_free(t);
        return -ENOMEM;
    }
    memset(t->workers, 0, conf->n_workers * sizeof *t->workers);
    for (unsigned i = 0; i < conf->n_workers; i++) {
        t->workers[i].random = hash_mix(conf->seed + i + 1) | 1;
        t->workers[i].sweep = 1 + (uint32_t)((uint64_t)conf->max * i / conf->n_workers);
    }
    for (uint32_t i = conf->max; i; i--) /* low places first: memory is touched only as it is needed */
        t->free[t->n_free++] = i;
    *out = t;
    return 0;
}

void conn_table_free(struct conn_table *t)
{
    if (!t)
        return;
    if (t->buckets)
        munmap(t->buckets, t->buckets_size);
    if (t->conns)
        munmap(t->conns, t->conns_size);
    free((void *)t->expiry);
    free((void *)t->weak);
    free((void *)t->n_in_zone);
    conn_zones_free(t->zones);
    free(t->free);
    free(t->workers);
    port_pools_free(t->pools);
    free(t);
}

/* --- buckets --- */

struct place {
    struct bucket *bucket[2];
    uint32_t tag; /* shifted */
    uint32_t stripe;
};

static struct place place_at(const struct conn_table *t, uint64_t h)
{
    uint32_t first = (uint32_t)h & t->bucket_mask, second = (uint32_t)(h >> 23) & t->bucket_mask;

    return (struct place){ .bucket = { &t->buckets[first], &t->buckets[second] },
                           .tag = (uint32_t)(h >> 55) << TAG_SHIFT,
                           .stripe = (uint32_t)(h >> 40) % STRIPES };
}

static struct place place_of(const struct conn_table *t, const struct conn_tuple *tuple)
{
    return place_at(t, conn_tuple_hash(tuple, t->conf.seed));
}

uint64_t conn_hash(const struct conn_table *t, const struct conn_tuple *tuple)
{
    return conn_tuple_hash(tuple, t->conf.seed);
}

void conn_expect_bucket(const struct conn_table *t, uint64_t hash)
{
    rte_prefetch0(place_at(t, hash).bucket[0]);
}

void conn_expect_none(const struct conn_table *t, uint64_t hash)
{
    struct place p = place_at(t, hash);

    rte_prefetch0(p.bucket[0]);
    rte_prefetch0(p.bucket[1]);
}

/* Which words have the tag, as bits.  A word that changes meanwhile is looked at again by whoever follows it. */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
static inline uint32_t candidates(const struct bucket *b, uint32_t tag)
{
    const __m128i want = _mm_set1_epi32((int)(tag >> TAG_SHIFT)), none = _mm_setzero_si128();
    uint32_t bits = 0;

    for (unsigned i = 0; i < BUCKET_WORDS / 4; i++) {
        __m128i w = _mm_load_si128((const __m128i *)(const void *)b + i);
        __m128i is = _mm_andnot_si128(_mm_cmpeq_epi32(w, none), _mm_cmpeq_epi32(_mm_srli_epi32(w, TAG_SHIFT), want));

        bits |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(is)) << 4 * i;
    }
    return bits;
}
#else
static inline uint32_t candidates(const struct bucket *b, uint32_t tag)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < BUCKET_WORDS; i++) {
        uint32_t w = atomic_load_explicit(&b->word[i], memory_order_relaxed);

        bits |= (uint32_t)(w && (w ^ tag) >> TAG_SHIFT == 0) << i;
    }
    return bits;
}
#endif

bool conn_expect(const struct conn_table *t, uint64_t hash)
{
    struct place p = place_at(t, hash);
    uint32_t bits = candidates(p.bucket[0], p.tag), w;

    if (!bits) {
        rte_prefetch0(p.bucket[1]);
        return false;
    }
    w = atomic_load_explicit(&p.bucket[0]->word[__builtin_ctz(bits)], memory_order_relaxed) & INDEX_MASK;
    rte_prefetch0(&t->conns[w]);
    rte_prefetch0(&t->conns[w].reply);
    return true;
}

void conn_expect_place(const struct conn_table *t, unsigned worker, unsigned n_before)
{
    const struct free_cache *f = &t->workers[worker];
    const uint8_t *c;

    if (n_before >= f->n)
        return;
    c = (const uint8_t *)&t->conns[f->index[f->n - 1 - n_before]];
    for (unsigned line = 0; line < sizeof(struct conn); line += 64)
        __builtin_prefetch(c + line, 1);
}

static bool is_doomed(const struct conn *c)
{
    return atomic_load_explicit(&c->doomed, memory_order_relaxed) == c->serial;
}

static struct conn *find_at(struct conn_table *t, const struct place *p, const struct conn_tuple *tuple,
                            enum conn_dir *dir)
{
    for (unsigned k = 0; k < 2; k++)
        for (uint32_t bits = candidates(p->bucket[k], p->tag); bits; bits &= bits - 1) {
            uint32_t w = atomic_load_explicit(&p->bucket[k]->word[__builtin_ctz(bits)], memory_order_acquire);
            struct conn *c = &t->conns[w & INDEX_MASK];
            enum conn_dir d = w >> DIR_SHIFT & 1 ? CONN_REPLY : CONN_ORIGINAL;

            if (!w)
                continue;
            lock(&c->lock);
            if (!c->is_dead && conn_tuple_equal(conn_tuple_of(c, d), tuple)) {
                *dir = d;
                return c;
            }
            unlock(&c->lock);
        }
    return NULL;
}

static uint32_t word_of(const struct conn *c, enum conn_dir dir, uint32_t tag)
{
    return tag | (uint32_t)dir << DIR_SHIFT | c->index;
}

static unsigned n_free_words(const struct bucket *b)
{
    unsigned n = 0;

    for (unsigned i = 0; i < BUCKET_WORDS; i++)
        n += !atomic_load_explicit(&b->word[i], memory_order_relaxed);
    return n;
}

/* Under its stripe; but other stripes may share the bucket. */
static bool put_word(const struct place *p, uint32_t word)
{
    unsigned n_free = n_free_words(p->bucket[0]);
    unsigned second = n_free < BUCKET_SPARE && n_free_words(p->bucket[1]) > n_free;

    for (unsigned k = 0; k < 2; k++) {
        struct bucket *b = p->bucket[k ^ second];

        for (unsigned i = 0; i < BUCKET_WORDS; i++) {
            uint32_t none = 0;

            if (!atomic_load_explicit(&b->word[i], memory_order_relaxed) &&
                atomic_compare_exchange_strong_explicit(&b->word[i], &none, word, memory_order_release,
                                                        memory_order_relaxed))
                return true;
        }
    }
    return false;
}

static void take_word(const struct place *p, uint32_t word)
{
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; i < BUCKET_WORDS; i++)
            if (atomic_load_explicit(&p->bucket[k]->word[i], memory_order_relaxed) == word) {
                atomic_store_explicit(&p->bucket[k]->word[i], 0, memory_order_release);
                return;
            }
}

static void lock_stripes(struct conn_table *t, const struct place *a, const struct place *b)
{
    uint32_t low = a->stripe < b->stripe ? a->stripe : b->stripe, high = a->stripe < b->stripe ? b->stripe : a->stripe;

    lock(&t->stripe[low]);
    if (high != low)
        lock(&t->stripe[high]);
}

static void unlock_stripes(struct conn_table *t, const struct place *a, const struct place *b)
{
    unlock(&t->stripe[a->stripe]);
    if (a->stripe != b->stripe)
        unlock(&t->stripe[b->stripe]);
}

/* --- time --- */

static uint32_t tick_of(uint64_t ns)
{
    return (uint32_t)(ns >> TICK_SHIFT);
}

/* --- places --- */

static void count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

static uint32_t take_place(struct conn_table *t, struct free_cache *f)
{
    if (!f->n) {
        lock(&t->pool_lock);
        while (t->n_free && f->n < t->cache_max / 2 + 1)
            f->index[f->n++] = t->free[--t->n_free];
        unlock(&t->pool_lock);
    }
    return f->n ? f->index[--f->n] : 0;
}

static void give_place(struct conn_table *t, struct free_cache *f, uint32_t index)
{
    f->index[f->n++] = index;
    if (f->n >= t->cache_max) {
        lock(&t->pool_lock);
        while (f->n > t->cache_max / 2)
            t->free[t->n_free++] = f->index[--f->n];
        unlock(&t->pool_lock);
    }
}

static bool is_holder(const struct conn *c)
{
    return c->original.family & CONN_HOLDER;
}

/* It counts no more: by whoever removes it, or by control before.  False: it did not. */
static bool discount(struct conn_table *t, struct conn *c, uint32_t serial, uint16_t zone)
{
    if (!atomic_compare_exchange_strong(&c->counted, &serial, 0))
        return false;
    atomic_fetch_sub_explicit(&t->n_in_zone[zone], 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&t->n_conns, 1, memory_order_relaxed);
    return true;
}

/* The connection is dead and nobody's: its place is free. */
static void release(struct conn_table *t, unsigned worker, struct conn *c, uint16_t zone)
{
    atomic_store_explicit(&t->expiry[c->index], 0, memory_order_relaxed);
    atomic_store_explicit(&t->weak[c->index], 0, memory_order_relaxed);
    if (!discount(t, c, c->serial, zone) && !is_holder(c))
        atomic_fetch_sub_explicit(&t->n_doomed, 1, memory_order_relaxed); /* control has done it, in conn_doom() */
    give_place(t, &t->workers[worker], c->index);
}

const struct conn *conn_at(const struct conn_table *t, uint32_t index)
{
    return &t->conns[index];
}

static bool is_expected(const struct conn *c)
{
    return c->original.family & CONN_EXPECTED;
}

uint32_t conn_n_expected(const struct conn_table *t)
{
    return atomic_load_explicit(&t->n_expected, memory_order_relaxed);
}

struct conn *conn_lock_at(struct conn_table *t, uint32_t index, uint32_t serial)
{
    struct conn *c = &t->conns[index];

    lock(&c->lock);
    if (index && c->serial == serial && !c->is_dead && !is_doomed(c))
        return c;
    unlock(&c->lock);
    return NULL;
}

void conn_let_go(struct conn_table *t, unsigned worker, uint32_t index)
{
    struct conn *c = &t->conns[index];

    if (!index)
        return;
    lock(&c->lock);
    if (--c->n_held)
        unlock(&c->lock);
    else
        conn_remove(t, worker, c);
}

void conn_remove(struct conn_table *t, unsigned worker, struct conn *c)
{
    struct conn_tuple tuple[CONN_DIRS] = { c->original, c->reply };
    struct place p[CONN_DIRS];
    uint32_t holder = c->holder;
    uint8_t nat = c->nat;

    if (c->is_dead) { /* by another worker */
        conn_unlock(c);
        return;
    }
    c->is_dead = true;
    conn_unlock(c);
    for (unsigned d = 0; d < CONN_DIRS; d++)
        p[d] = place_of(t, &tuple[d]);
    lock_stripes(t, &p[0], &p[1]);
    for (unsigned d = 0; d < CONN_DIRS; d++)
        take_word(&p[d], word_of(c, (enum conn_dir)d, p[d].tag));
    unlock_stripes(t, &p[0], &p[1]);
    for (unsigned d = 0; d < CONN_DIRS; d++)
        port_pools_forget(t->pools, &tuple[d]);
    if (nat)
        port_pools_remove(t->pools, &tuple[CONN_REPLY], port_side_of(&tuple[CONN_REPLY], nat & CT_SNAT));
    if (is_expected(c))
        atomic_fetch_sub_explicit(&t->n_expected, 1, memory_order_relaxed);
    if (!is_holder(c))
        count(&t->workers[worker].removed);
    release(t, worker, c, tuple[0].zone);
    conn_let_go(t, worker, holder);
}

struct conn *conn_find(struct conn_table *t, unsigned worker, const struct conn_tuple *tuple, uint64_t now_ns,
                       enum conn_dir *dir)
{
    return conn_find_hashed(t, worker, tuple, conn_hash(t, tuple), now_ns, dir);
}

struct conn *conn_find_hashed(struct conn_table *t, unsigned worker, const struct conn_tuple *tuple, uint64_t hash,
                              uint64_t now_ns, enum conn_dir *dir)
{
    struct place p = place_at(t, hash);
    struct conn *c = find_at(t, &p, tuple, dir);

    if (c && unlikely(c->expiry <= tick_of(now_ns) || is_doomed(c))) { /* and was not swept yet */
        conn_remove(t, worker, c);
        return NULL;
    }
    return c;
}

static uint64_t draw(struct free_cache *f)
{
    f->random ^= f->random << 13; /* xorshift (Marsaglia 2003) */
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random;
}

struct port_pools *conn_ports(const struct conn_table *t)
{
    return t->pools;
}

uint64_t conn_draw(struct conn_table *t, unsigned worker)
{
    return draw(&t->workers[worker]);
}

enum { WEAK = 1 << 0, WEAK_CLOSED = 1 << 1, WEAK_ZONE_SHIFT = 2 };

/* Tells most zones apart, and what is closed, without a look at the connection. */
static uint16_t weak_tag(unsigned zone, bool is_closed)
{
    return (uint16_t)(zone << WEAK_ZONE_SHIFT | (is_closed ? WEAK_CLOSED : 0) | WEAK);
}

/* Both sides are done with it. */
static bool is_closed(enum conn_timer timer)
{
    return timer == CONN_TCP_TIME_WAIT || timer == CONN_TCP_CLOSE || timer == CONN_SCTP_CLOSE;
}

uint64_t conn_rank(const struct conn *c)
{
    if (is_closed(c->timer))
        return c->expiry;
    return c->is_weak && (!c->is_answered || c->timer == CONN_TCP_SYN_RECV) ? UINT64_C(1) << 32 | c->expiry
                                                                            : CONN_STAYS;
}

void conn_push_out(struct conn_table *t, unsigned worker, struct conn *c)
{
    count(&t->workers[worker].pushed_out);
    conn_remove(t, worker, c);
}

/* Random places, of which memory is asked for all at once. */
static void draw_places(const struct conn_table *t, struct free_cache *f, uint32_t *at, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        at[i] = 1 + (uint32_t)((draw(f) >> 32) * t->conf.max >> 32);
        rte_prefetch0((const void *)&t->expiry[at[i]]);
        rte_prefetch0((const void *)&t->weak[at[i]]);
    }
}

/* Of some random places that of a weak connection, of the zone if `zone` is not negative, a closed one if there is one, that has
 * the least time left; 0: none. */
static uint32_t choose_weak(struct conn_table *t, struct free_cache *f, int zone)
{
    uint32_t best = 0, at[PUSH_ENOUGH];
    uint64_t best_rank = UINT64_MAX;

    for (unsigned i = 0, n = 0; i < PUSH_TRIES && n < PUSH_ENOUGH; i++) {
        uint32_t expiry, here;
        uint16_t weak;
        uint64_t rank;

        if (i % PUSH_ENOUGH == 0)
            draw_places(t, f, at, PUSH_ENOUGH);
        here = at[i % PUSH_ENOUGH];
        expiry = atomic_load_explicit(&t->expiry[here], memory_order_relaxed);
        weak = atomic_load_explicit(&t->weak[here], memory_order_relaxed);
        if (!expiry || !weak || (zone >= 0 && (weak | WEAK_CLOSED) != weak_tag((unsigned)zone, true)))
            continue;
        n++;
        rank = expiry | (weak & WEAK_CLOSED ? 0 : UINT64_C(1) << 32);
        if (rank < best_rank) {
            best = here;
            best_rank = rank;
        }
    }
    return best;
}

/* False: it is not there, or not weak, or not of the zone, any more. */
static bool remove_weak(struct conn_table *t, unsigned worker, uint32_t index, int zone)
{
    struct conn *c = &t->conns[index];

    lock(&c->lock);
    if (c->is_dead || !c->is_weak || (zone >= 0 && c->original.zone != zone)) {
        unlock(&c->lock);
        return false;
    }
    conn_push_out(t, worker, c);
    return true;
}

/* Removes a weak connection, of the zone if `zone` is not negative.  False: none was met. */
static bool push_out(struct conn_table *t, unsigned worker, int zone)
{
    struct free_cache *f = &t->workers[worker];
    uint32_t victim = zone < 0 ? f->next_victim : 0;
    bool is_done = victim && remove_weak(t, worker, victim, zone);

    if (!is_done) {
        victim = choose_weak(t, f, zone);
        is_done = victim && remove_weak(t, worker, victim, zone);
    }
    if (zone < 0) { /* the next one is chosen now, so that it is there when it is wanted */
        f->next_victim = choose_weak(t, f, zone);
        rte_prefetch0(&t->conns[f->next_victim]);
        rte_prefetch0(&t->conns[f->next_victim].reply);
    }
    return is_done;
}

uint32_t conn_host_limit(const struct conn_table *t, uint16_t zone)
{
    return conn_zones_host_limit(t->zones, zone);
}

void conn_count_refused(struct conn_table *t, unsigned worker)
{
    count(&t->workers[worker].host_limited);
}

int conn_zone_set(struct conn_table *t, uint16_t zone, const struct conn_zone_conf *conf)
{
    return conn_zones_set(t->zones, zone, conf);
}

void conn_zone_get(const struct conn_table *t, uint16_t zone, struct conn_zone_conf *out)
{
    conn_zones_get(t->zones, zone, out);
}

/* --- new connections --- */

/* A place with that tuple, not locked and not in the table: somebody's alone.  NULL: there is none, not even by pushing one out. */
static struct conn *new_entry(struct conn_table *t, unsigned worker, const struct conn_tuple *original)
{
    struct free_cache *f = &t->workers[worker];
    uint32_t index = take_place(t, f), serial;
    struct conn *c;

    if (!index && push_out(t, worker, -1))
        index = take_place(t, f);
    if (!index) {
        count(&f->no_room);
        return NULL;
    }
    c = &t->conns[index];
    lock(&c->lock); /* somebody may still look at what it was */
    serial = c->serial + 1 ? c->serial + 1 : 1;
    memset((uint8_t *)c + offsetof(struct conn, serial), 0, sizeof *c - offsetof(struct conn, serial));
    c->serial = serial; /* the mark of who was here before is another */
    c->index = index;
    c->original = *original;
    c->is_dead = true; /* until it is in the table */
    unlock(&c->lock);  /* whoever holds a stripe may wait for it: see conn_insert() */
    return c;
}

struct conn *conn_make(struct conn_table *t, unsigned worker, const struct conn_tuple *original, uint64_t now_ns)
{
    struct free_cache *f = &t->workers[worker];
    uint32_t limit = conn_zones_limit(t->zones, original->zone);
    struct conn *c;

    if (atomic_fetch_add_explicit(&t->n_in_zone[original->zone], 1, memory_order_relaxed) >= limit &&
        !push_out(t, worker, original->zone)) {
        atomic_fetch_sub_explicit(&t->n_in_zone[original->zone], 1, memory_order_relaxed);
        count(&f->limited);
        return NULL;
    }
    c = new_entry(t, worker, original);
    if (!c) {
        atomic_fetch_sub_explicit(&t->n_in_zone[original->zone], 1, memory_order_relaxed);
        return NULL;
    }
    atomic_fetch_add_explicit(&t->n_conns, 1, memory_order_relaxed);
    c->created_ns = now_ns;
    atomic_store_explicit(&c->counted, c->serial, memory_order_relaxed);
    return c;
}

struct conn *conn_make_holder(struct conn_table *t, unsigned worker, const struct conn_tuple *original)
{
    struct conn *c = new_entry(t, worker, original);

    if (c) {
        c->expiry = UINT32_MAX;
        atomic_store_explicit(&t->expiry[c->index], c->expiry, memory_order_relaxed);
    }
    return c;
}

void conn_drop(struct conn_table *t, unsigned worker, struct conn *c)
{
    uint32_t holder = c->holder;

    release(t, worker, c, c->original.zone);
    conn_let_go(t, worker, holder);
}

static bool is_taken(struct conn_table *t, const struct place *p, const struct conn_tuple *tuple)
{
    enum conn_dir dir;
    struct conn *c = find_at(t, p, tuple, &dir);

    if (c)
        conn_unlock(c);
    return c;
}

int conn_insert(struct conn_table *t, unsigned worker, struct conn *c, const struct conn_tuple *reply)
{
    struct place p[CONN_DIRS] = { place_of(t, &c->original), place_of(t, reply) };
    int err = 0;

    count(&t->workers[worker].tries);
    lock_stripes(t, &p[0], &p[1]);
    if (is_taken(t, &p[0], &c->original)) {
        err = -EEXIST;
    } else if (is_taken(t, &p[1], reply)) {
        err = -EADDRINUSE;
    } else {
        lock(&c->lock);
        c->reply = *reply;
        c->is_dead = false;
        if (!put_word(&p[0], word_of(c, CONN_ORIGINAL, p[0].tag))) {
            err = -ENOSPC;
        } else if (!put_word(&p[1], word_of(c, CONN_REPLY, p[1].tag))) {
            take_word(&p[0], word_of(c, CONN_ORIGINAL, p[0].tag));
            err = -ENOSPC;
        }
        if (err) {
            c->is_dead = true;
            unlock(&c->lock);
            count(&t->workers[worker].no_room);
        }
    }
    unlock_stripes(t, &p[0], &p[1]);
    if (err)
        return err;
    if (is_expected(c))
        atomic_fetch_add_explicit(&t->n_expected, 1, memory_order_relaxed);
    if (!is_holder(c))
        count(&t->workers[worker].made);
    if (c->nat)
        port_pools_add(t->pools, reply, port_side_of(reply, c->nat & CT_SNAT));
    return 0;
}

void conn_set_time(struct conn_table *t, struct conn *c, uint64_t now_ns, uint64_t ns)
{
    c->expiry = tick_of(now_ns + ns) + 1;
    atomic_store_explicit(&t->expiry[c->index], c->expiry, memory_order_relaxed);
}

void conn_set_timer(struct conn_table *t, struct conn *c, enum conn_timer timer, uint64_t now_ns)
{
    uint64_t at = now_ns + conn_zones_timeout_s(t->zones, c->original.zone, timer) * (uint64_t)NSEC_PER_S;
    uint32_t expiry = tick_of(at) + 1;
    bool was_closed = is_closed(c->timer);
    bool is_weak = !c->is_answered || !c->is_repeated || timer == CONN_TCP_SYN_RECV || is_closed(timer);

    c->timer = (uint8_t)timer;
    if (expiry != c->expiry) {
        c->expiry = expiry;
        atomic_store_explicit(&t->expiry[c->index], expiry, memory_order_relaxed);
    }
    if (unlikely(is_weak != c->is_weak || is_closed(timer) != was_closed)) {
        uint16_t tag = is_weak ? weak_tag(c->original.zone, is_closed(timer)) : 0;

        c->is_weak = is_weak;
        atomic_store_explicit(&t->weak[c->index], tag, memory_order_relaxed);
    }
}

/* Removes connection `index`, if its time is still over, or it is thrown out. */
static bool expire(struct conn_table *t, unsigned worker, uint32_t index, uint32_t tick)
{
    struct conn *c = &t->conns[index];

    lock(&c->lock);
    if (c->is_dead || (c->expiry > tick && !is_doomed(c))) {
        unlock(&c->lock);
        return false;
    }
    conn_remove(t, worker, c);
    return true;
}

/* The places of a worker: from *begin up to before *end. */
static void part_of(const struct conn_table *t, unsigned worker, uint32_t *begin, uint32_t *end)
{
    *begin = 1 + (uint32_t)((uint64_t)t->conf.max * worker / t->conf.n_workers);
    *end = 1 + (uint32_t)((uint64_t)t->conf.max * (worker + 1) / t->conf.n_workers);
}

void conn_sweep(struct conn_table *t, unsigned worker, uint64_t now_ns)
{
    struct free_cache *f = &t->workers[worker];
    uint32_t begin, end, stop, tick = tick_of(now_ns), n = 0;
    uint32_t n_doomed = atomic_load_explicit(&t->n_doomed, memory_order_relaxed);

    if (f->sweep_tick == tick) {
        if (n_doomed == f->n_doomed)
            return;
        f->sweep_tick = tick - 1; /* what control has thrown out since does not wait for the next tick */
    }
    part_of(t, worker, &begin, &end);
    if (f->sweep == begin)
        f->n_doomed = n_doomed;
    stop = f->sweep + SWEEP_STEP < end ? f->sweep + SWEEP_STEP : end;
    for (; f->sweep < stop && n < SWEEP_REMOVE; f->sweep++) {
        uint32_t expiry = atomic_load_explicit(&t->expiry[f->sweep], memory_order_relaxed);

        if (unlikely(expiry && expiry <= tick) && expire(t, worker, f->sweep, tick)) {
            count(&f->expired);
            n++;
        }
    }
    if (f->sweep >= end) {
        f->sweep = begin;
        f->sweep_tick = tick;
    }
}

uint64_t conn_sweep_next_ns(const struct conn_table *t, unsigned worker)
{
    const struct free_cache *f = &t->workers[worker];
    uint32_t begin, end, n_doomed = atomic_load_explicit(&t->n_doomed, memory_order_relaxed);

    if (!(atomic_load_explicit(&t->n_conns, memory_order_relaxed) | n_doomed))
        return UINT64_MAX;
    part_of(t, worker, &begin, &end);
    return f->sweep != begin || n_doomed != f->n_doomed ? 0 : (f->sweep_tick + 1) << TICK_SHIFT;
}

/* --- for the thread of control --- */

/* Copies a connection as it was at one moment, without keeping a worker waiting.  False: there is none. */
__attribute__((no_sanitize("thread"))) static bool copy(struct conn *out, const struct conn *c)
{
    uint32_t before;

    do {
        before = atomic_load_explicit(&c->lock, memory_order_acquire);
        if (before & 1) {
            rte_pause();
            continue;
        }
        for (size_t i = 0; i < sizeof *c / sizeof(uint64_t); i++)
            ((volatile uint64_t *)out)[i] = ((const volatile uint64_t *)c)[i];
        atomic_thread_fence(memory_order_acquire);
    } while (before & 1 || atomic_load_explicit(&c->lock, memory_order_relaxed) != before);
    return !out->is_dead && !is_doomed(out);
}

static struct conn_info info_of(const struct conn *c, uint64_t now_ns)
{
    uint32_t tick = tick_of(now_ns);
    struct conn_info info = {
        .tuple = { c->original, c->reply },
        .id = c->index,
        .serial = c->serial,
        .mark = c->mark,
        .left_s =
            c->expiry > tick ? (uint32_t)((uint64_t)(c->expiry - tick) * (UINT64_C(1) << TICK_SHIFT) / NSEC_PER_S) : 0,
        .label = c->label,
        .timer = c->timer,
        .nat = c->nat,
        .helper = c->helper,
        .is_answered = c->is_answered,
        .created_ns = c->created_ns,
    };

    for (unsigned d = 0; d < CONN_DIRS; d++) {
        info.tcp_state[d] = c->original.proto == IP_PROTO_TCP ? c->tcp.side[d].state : 0;
        info.packets[d] = c->packets[d] + c->new_packets[d];
        info.bytes[d] = c->bytes[d] + c->new_bytes[d];
    }
    return info;
}

static void for_each(const struct conn_table *t, bool is_of_holders, uint64_t now_ns,
                     bool (*fn)(void *arg, const struct conn_info *info), void *arg)
{
    for (uint32_t i = 1; i <= t->conf.max; i++) {
        struct conn_info info;
        struct conn c;

        if (!atomic_load_explicit(&t->expiry[i], memory_order_relaxed) || !copy(&c, &t->conns[i]) ||
            c.expiry <= tick_of(now_ns) || is_holder(&c) != is_of_holders)
            continue;
        info = info_of(&c, now_ns);
        if (!fn(arg, &info))
            return;
    }
}

void conn_for_each(const struct conn_table *t, uint64_t now_ns, bool (*fn)(void *arg, const struct conn_info *info),
                   void *arg)
{
    for_each(t, false, now_ns, fn, arg);
}

void conn_for_each_holder(const struct conn_table *t, bool (*fn)(void *arg, const struct conn_info *info), void *arg)
{
    for_each(t, true, 0, fn, arg);
}

void conn_doom(struct conn_table *t, const struct conn_info *info)
{
    struct conn *c = &t->conns[info->id];

    atomic_store_explicit(&c->doomed, info->serial, memory_order_relaxed);
    if (discount(t, c, info->serial, info->tuple[CONN_ORIGINAL].zone))
        atomic_fetch_add_explicit(&t->n_doomed, 1, memory_order_relaxed); /* until it is swept */
    /* what was its time is over; the worker that renews it meanwhile meets the mark first */
    atomic_store_explicit(&t->expiry[info->id], 1, memory_order_relaxed);
}

uint32_t conn_count(const struct conn_table *t)
{
    return atomic_load_explicit(&t->n_conns, memory_order_relaxed);
}

uint32_t conn_zone_count(const struct conn_table *t, uint16_t zone)
{
    return atomic_load_explicit(&t->n_in_zone[zone], memory_order_relaxed);
}

uint32_t conn_max(const struct conn_table *t)
{
    return t->conf.max;
}

void conn_table_stats(const struct conn_table *t, struct conn_stats *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < t->conf.n_workers; i++) {
        struct free_cache *f = &t->workers[i];

        out->made += atomic_load_explicit(&f->made, memory_order_relaxed);
        out->removed += atomic_load_explicit(&f->removed, memory_order_relaxed);
        out->expired += atomic_load_explicit(&f->expired, memory_order_relaxed);
        out->pushed_out += atomic_load_explicit(&f->pushed_out, memory_order_relaxed);
        out->no_room += atomic_load_explicit(&f->no_room, memory_order_relaxed);
        out->limited += atomic_load_explicit(&f->limited, memory_order_relaxed);
        out->host_limited += atomic_load_explicit(&f->host_limited, memory_order_relaxed);
        out->tries += atomic_load_explicit(&f->tries, memory_order_relaxed);
    }
}

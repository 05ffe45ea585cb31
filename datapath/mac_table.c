/* SPDX-License-Identifier: Apache-2.0 */
/* mac_table.c - a set-associative table of (vlan, mac) -> port; see mac_table.h.
 *
 * Theory: a bucket is one cache line of four entries, an entry two words.
 *     key    valid (bit 63) | vlan (bits 59..48) | mac (bits 47..0); 0 when empty
 *     value  port (bits 63..48) | last seen, in seconds (bits 47..16) | generation (bits 15..0), odd while being replaced
 * What happens to the value alone (a refresh, a move to another port) is one compare-and-swap.  To change the key, a writer
 *     1. swaps the value's generation from even to odd: the entry is now its own, all others keep off;
 *     2. stores the key;
 *     3. stores the new value, with the next even generation.
 * A reader loads value, key, value.  An even generation, the same both times, says that the key did not change in between:
 * key store and last value store release, both first loads acquire, so a new key is never seen without the odd or a later
 * generation behind it, nor a new value without its key.  If not the same, the reader takes the entry as not there, and
 * its frame is flooded, as it would have been a moment before.  Nobody ever waits: a writer that loses a swap lets it
 * be, for somebody has just written there and the next frame will learn.
 *
 * Limits: the generation has 15 bits that count.  A reader held up between its two loads for an exact multiple of 32,768
 * replacements of one entry would send a frame to a wrong port.  Two workers that learn a new address at the same moment may
 * enter it twice; `mac_table_find` takes the entry seen last, and the next `mac_table_learn` that writes removes the other.
 * Times are compared as signed differences of whole seconds: an entry lives for the aging time and up to a second more. */
#include "datapath/mac_table.h"

#include "base/hash.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { WAYS = 4, AGING_DEFAULT = 300 };

static const uint64_t KEY_VALID = UINT64_C(1) << 63;
static const uint64_t MAC_GROUP = UINT64_C(1) << 40;
static const uint64_t MAC_BITS = (UINT64_C(1) << 48) - 1;

struct entry {
    _Atomic uint64_t key, value;
};

struct bucket {
    alignas(64) struct entry entry[WAYS];
};
static_assert(sizeof(struct bucket) == 64, "a cache line");

struct mac_table {
    uint64_t seed;
    uint32_t n_buckets; /* a power of two */
    _Atomic uint32_t aging_s;
    struct bucket *buckets;
};

/* One entry as a reader found it, key and value belonging together. */
struct seen {
    uint64_t key, value;
};

static uint64_t make_key(uint64_t mac, uint16_t vlan)
{
    return KEY_VALID | (uint64_t)(vlan & 0xfff) << 48 | (mac & MAC_BITS);
}

static uint64_t make_value(uint16_t port, uint32_t now_s, uint64_t generation)
{
    return (uint64_t)port << 48 | (uint64_t)now_s << 16 | (generation & 0xffff);
}

static uint16_t value_port(uint64_t value)
{
    return (uint16_t)(value >> 48);
}

static uint32_t value_time(uint64_t value)
{
    return (uint32_t)(value >> 16);
}

/* Workers read the clock each on its own: one may be a little ahead, and its entries are then of age 0. */
static uint32_t value_age(uint64_t value, uint32_t now_s)
{
    int32_t age = (int32_t)(now_s - value_time(value));

    return age > 0 ? (uint32_t)age : 0;
}

/* False when the entry was being replaced. */
static bool entry_read(const struct entry *e, struct seen *out)
{
    out->value = atomic_load_explicit(&e->value, memory_order_acquire);
    out->key = atomic_load_explicit(&e->key, memory_order_acquire);

    uint64_t again = atomic_load_explicit(&e->value, memory_order_acquire);

    if (out->value & 1 || (again & 0xffff) != (out->value & 0xffff))
        return false;
    out->value = again;
    return true;
}

/* Puts another key into an entry that was `was`; false when somebody was quicker. */
static bool entry_replace(struct entry *e, uint64_t was, uint64_t key, uint16_t port, uint32_t now_s)
{
    uint64_t odd = (was & ~UINT64_C(0xffff)) | ((was + 1) & 0xffff);

    if (!atomic_compare_exchange_strong_explicit(&e->value, &was, odd, memory_order_acq_rel, memory_order_relaxed))
        return false;
    atomic_store_explicit(&e->key, key, memory_order_release);
    atomic_store_explicit(&e->value, make_value(port, now_s, was + 2), memory_order_release);
    return true;
}

int mac_table_new(struct mac_table **out, uint32_t n_entries)
{
    if (!n_entries || n_entries > UINT32_C(1) << 30)
        return -EINVAL;

    struct mac_table *t = calloc(1, sizeof *t);

    if (!t)
        return -ENOMEM;
    t->n_buckets = 1;
    while (t->n_buckets * WAYS < n_entries)
        t->n_buckets *= 2;
    t->buckets = aligned_alloc(sizeof *t->buckets, t->n_buckets * sizeof *t->buckets);
    if (!t->buckets) {
        free(t);
        return -ENOMEM;
    }
    memset(t->buckets, 0, t->n_buckets * sizeof *t->buckets);
    atomic_init(&t->aging_s, AGING_DEFAULT);
    /* Guests choose their addresses: without a seed they could aim at the bucket of another.  A short read leaves less. */
    (void)!getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK);
    *out = t;
    return 0;
}

void mac_table_free(struct mac_table *t)
{
    if (!t)
        return;
    free(t->buckets);
    free(t);
}

static struct bucket *bucket_of(const struct mac_table *t, uint64_t key)
{
    return &t->buckets[hash_mix(key ^ t->seed) & (t->n_buckets - 1)];
}

/* Which entry of a full bucket has to go; an empty one goes first. */
static uint32_t worth(const struct seen *s, uint32_t now_s)
{
    return s->key ? UINT32_MAX - 1 - value_age(s->value, now_s) : 0;
}

void mac_table_learn(struct mac_table *t, uint64_t mac, uint16_t vlan, uint16_t port, uint64_t now_ms)
{
    if (mac & MAC_GROUP || !mac)
        return;

    uint64_t key = make_key(mac, vlan);
    uint32_t now_s = (uint32_t)(now_ms / 1000), least = UINT32_MAX;
    struct bucket *b = bucket_of(t, key);
    struct entry *mine = NULL, *victim = NULL;
    struct seen s, mine_seen = { 0 }, victim_seen = { 0 };

    for (unsigned i = 0; i < WAYS; i++) {
        if (!entry_read(&b->entry[i], &s))
            continue;
        if (s.key == key) {
            if (mine)
                entry_replace(&b->entry[i], s.value, 0, 0, 0);
            else
                mine = &b->entry[i], mine_seen = s;
        } else if (worth(&s, now_s) < least) {
            least = worth(&s, now_s);
            victim = &b->entry[i], victim_seen = s;
        }
    }
    if (!mine) {
        if (victim)
            entry_replace(victim, victim_seen.value, key, port, now_s);
        return;
    }
    /* A frame held up in a queue of another worker must not turn time back. */
    if (value_port(mine_seen.value) == port && !value_age(mine_seen.value, now_s))
        return;
    atomic_compare_exchange_strong_explicit(&mine->value, &mine_seen.value, make_value(port, now_s, mine_seen.value),
                                            memory_order_release, memory_order_relaxed);
}

static bool is_live(const struct mac_table *t, const struct seen *s, uint32_t now_s)
{
    return s->key && value_age(s->value, now_s) <= atomic_load_explicit(&t->aging_s, memory_order_relaxed);
}

uint16_t mac_table_find(const struct mac_table *t, uint64_t mac, uint16_t vlan, uint64_t now_ms)
{
    uint64_t key = make_key(mac, vlan);
    uint32_t now_s = (uint32_t)(now_ms / 1000), best_age = UINT32_MAX;
    const struct bucket *b = bucket_of(t, key);
    uint16_t port = MAC_PORT_NONE;
    struct seen s;

    for (unsigned i = 0; i < WAYS; i++) {
        if (atomic_load_explicit(&b->entry[i].key, memory_order_relaxed) != key || !entry_read(&b->entry[i], &s) ||
            s.key != key || !is_live(t, &s, now_s) || value_age(s.value, now_s) >= best_age)
            continue;
        best_age = value_age(s.value, now_s);
        port = value_port(s.value);
    }
    return port;
}

void mac_table_set_aging(struct mac_table *t, uint32_t seconds)
{
    atomic_store_explicit(&t->aging_s, seconds, memory_order_relaxed);
}

/* An entry met while it is being replaced is younger than the flush. */
static void flush(struct mac_table *t, bool is_all, uint16_t port)
{
    struct seen s;

    for (size_t i = 0; i < (size_t)t->n_buckets * WAYS; i++) {
        struct entry *e = &t->buckets[i / WAYS].entry[i % WAYS];

        while (entry_read(e, &s) && s.key && (is_all || value_port(s.value) == port))
            if (entry_replace(e, s.value, 0, 0, 0))
                break;
    }
}

void mac_table_flush_port(struct mac_table *t, uint16_t port)
{
    flush(t, false, port);
}

void mac_table_flush(struct mac_table *t)
{
    flush(t, true, MAC_PORT_NONE);
}

bool mac_table_next(const struct mac_table *t, uint32_t *at, uint64_t now_ms, struct mac_entry *out)
{
    uint32_t now_s = (uint32_t)(now_ms / 1000);
    struct seen s;

    while (*at < t->n_buckets * WAYS) {
        uint32_t i = (*at)++;

        if (!entry_read(&t->buckets[i / WAYS].entry[i % WAYS], &s) || !is_live(t, &s, now_s))
            continue;
        *out = (struct mac_entry){ .mac = s.key & MAC_BITS,
                                   .vlan = (uint16_t)(s.key >> 48 & 0xfff),
                                   .port = value_port(s.value),
                                   .age_s = value_age(s.value, now_s) };
        return true;
    }
    return false;
}

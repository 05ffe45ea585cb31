/* SPDX-License-Identifier: Apache-2.0 */
/* tuple.c - tuple-space search (Srinivasan, Suri, Varghese 1999) with bounds on priority; see tuple.h.
 *
 * Theory: the subtables stand in a `struct order`, sorted by falling `bound`, a priority that none of their rules
 * exceeds; a lookup ends when what it found is at least the next bound.  A bound rises with the rule that needs it,
 * before that rule can be seen.  It falls late: when the last rule at the bound has gone, only after as many removals
 * as half the rules are all rules asked (`lower_bound`).  Too high a bound costs a probe, never a result.
 *
 * A subtable is a hash table of chained rules.  Readers follow links while the writer works:
 *  - insert: the rule's link is set, then the bucket's head is stored with release.
 *  - unlink: the link to the rule is led past it; the rule's own link stays, so that a reader on it goes on.
 *  - resize: every rule has two links.  Buckets of generation g are chained by next[g].  The new buckets are chained by
 *    next[1 - g], which nobody reads, and published with one store.  A reader of the old buckets goes on in links that no longer
 *    change but for unlinks from before; it misses only rules inserted later, which its version does not show.  The
 *    next resize writes next[g] again, and so must not begin before a grace period is over (`resize_token`): until then
 *    chains are let grow, and only at `LOAD_MAX` rules a bucket does the writer wait.
 * Empty subtables leave the order and are freed after a grace period; if memory for the change is lacking, they stay.
 *
 * A subtable holds the rules of its own mask, and so is an exact hash.  That is how a space begins.  Past `MASKS_EXACT` masks a
 * probe for every mask would cost too much, so subtables are shared (as in TupleMerge, Daly et al., ToN 2019): a rule goes
 * to a merged subtable whose mask its own includes, the one of most bits first, unless `CHAIN_MAX` rules there have its hash
 * already.  If none takes it, one is made of its mask cut down to whole pairs of bytes, or if that is there, to
 * whole bytes, else of its own.  So few subtables do for many masks, and no chain grows long but for rules that differ in nothing
 * that a coarser mask could see. */
#include "datapath/tuple.h"

#include "base/hash.h"
#include "base/pages.h"
#include "datapath/rcu.h"
#include "datapath/rule.h"
#include "datapath/tuple_order.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 8, LOAD_MAX = 8, LOAD_SHRINK = 8, MASKS_EXACT = 8, CHAIN_MAX = 16 };

struct buckets {
    uint32_t mask;       /* buckets - 1 */
    uint32_t generation; /* which link of the rules, 0 or 1 */
    _Atomic(struct rule *) head[];
};

struct masked_word {
    uint64_t mask;
    uint32_t word;
};

/* A mask without its empty words. */
struct word_masks {
    uint32_t n;
    struct masked_word words[KEY_WORDS];
};

struct tuple {
    _Atomic(struct buckets *) buckets;
    uint32_t n_words;
    bool is_merged; /* its rules may ask for more bits than its mask */
    /* C only */
    uint16_t bound;
    bool is_resized; /* ever: resize_token is valid */
    uint32_t n_rules;
    uint32_t n_at_bound; /* rules whose priority is the bound */
    uint32_t n_removed;  /* since the bound was found */
    uint64_t serial, resize_token;
    struct hmap_link by_mask;
    struct list merged; /* in the space's list of merged subtables */
    unsigned n_bits;
    /* both */
    struct masked_word words[];
};

void tuple_space_init(struct tuple_space *s, struct rcu *rcu)
{
    *s = (struct tuple_space){ .rcu = rcu };
    list_init(&s->merged);
}

/* --- readers --- */

static inline uint32_t masked_hash(const struct tuple *t, const struct key *key)
{
    uint64_t h = 0;

    for (uint32_t i = 0; i < t->n_words; i++)
        h = hash_add(h, key->w[t->words[i].word] & t->words[i].mask);
    return (uint32_t)hash_mix(h);
}

static inline bool is_equal(const struct tuple *t, const struct rule *r, const struct key *key)
{
    const uint64_t *values = compact_match_values(r->match), *masks = compact_match_masks(r->match);
    uint64_t difference = 0;
    unsigned word, at = 0;

    if (t->is_merged) {
        for_each_key_word (word, &r->match->map) {
            difference |= values[at] ^ (key->w[word] & masks[at]);
            at++;
        }
        return !difference;
    }

    for (uint32_t i = 0; i < t->n_words; i++)
        difference |= values[i] ^ (key->w[t->words[i].word] & t->words[i].mask);
    return !difference;
}

/* The order of an enumeration: does `r` come behind `other`? */
static inline bool is_behind(const struct rule *r, const struct rule *other)
{
    if (r->priority != other->priority)
        return r->priority < other->priority;
    return (uintptr_t)r > (uintptr_t)other;
}

enum walk { WALK_BEST, WALK_NEXT };

static inline bool is_wanted(const struct rule *r, const struct rule *best, enum walk walk, const struct rule *last)
{
    if (walk == WALK_BEST)
        return !best || r->priority > best->priority;
    return (!best || is_behind(best, r)) && (!last || is_behind(r, last));
}

/* What is looked for. */
struct wanted {
    const struct key *key;
    uint64_t version;
    enum walk walk;
    const struct rule *last;
};

/* Returns the best of `best` and the rules of a chain of generation `g`. */
__attribute__((always_inline)) static inline const struct rule *search_chain(const struct tuple *t,
                                                                             const struct rule *r, uint32_t g,
                                                                             uint32_t hash, struct wanted want,
                                                                             const struct rule *best)
{
    for (; r; r = atomic_load_explicit(&r->next[g], memory_order_acquire))
        if (r->hash == hash && is_wanted(r, best, want.walk, want.last) && rule_is_visible(r, want.version) &&
            is_equal(t, r, want.key))
            best = r;
    return best;
}

/* One subtable for the frames `which`, in passes that each fetch ahead what the next reads. */
static void search_burst(const struct tuple *t, const struct key *const *keys, const uint8_t *which, unsigned n,
                         uint64_t version, const struct rule **best)
{
    const struct buckets *b = atomic_load_explicit(&t->buckets, memory_order_acquire);
    const struct rule *first[TUPLE_BURST];
    uint32_t hash[TUPLE_BURST];

    for (unsigned j = 0; j < n; j++) {
        hash[j] = masked_hash(t, keys[which[j]]);
        __builtin_prefetch((const void *)&b->head[hash[j] & b->mask]);
    }
    for (unsigned j = 0; j < n; j++) {
        first[j] = atomic_load_explicit(&b->head[hash[j] & b->mask], memory_order_acquire);
        __builtin_prefetch(first[j]);
    }
    for (unsigned j = 0; j < n; j++) {
        struct wanted want = { .key = keys[which[j]], .version = version, .walk = WALK_BEST };

        best[which[j]] = search_chain(t, first[j], b->generation, hash[j], want, best[which[j]]);
    }
}

void tuple_space_find_burst(const struct tuple_space *s, const struct key *const *keys, unsigned n, uint64_t version,
                            const struct rule **best)
{
    const struct order *o = atomic_load_explicit(&s->order, memory_order_acquire);
    uint8_t which[TUPLE_BURST];
    unsigned n_left = n;

    for (unsigned i = 0; i < n; i++)
        which[i] = (uint8_t)i;
    for (uint32_t i = 0; o && i < o->n; i++) {
        const struct order_chunk *c = o->chunk[i];

        for (uint32_t k = 0; k < c->n; k++) {
            uint16_t bound = order_bound(&c->entry[k]);
            unsigned n_before = n_left;

            n_left = 0;
            for (unsigned j = 0; j < n_before; j++)
                if (!best[which[j]] || best[which[j]]->priority < bound)
                    which[n_left++] = which[j];
            if (!n_left)
                return;
            search_burst(c->entry[k].tuple, keys, which, n_left, version, best);
        }
    }
}

const struct rule *tuple_space_next(const struct tuple_space *s, const struct key *key, uint64_t version,
                                    const struct rule *last, const struct rule *best)
{
    const struct wanted want = { .key = key, .version = version, .walk = WALK_NEXT, .last = last };
    const struct order *o = atomic_load_explicit(&s->order, memory_order_acquire);

    for (uint32_t i = 0; o && i < o->n; i++) {
        const struct order_chunk *c = o->chunk[i];

        for (uint32_t k = 0; k < c->n; k++) {
            const struct tuple *t = c->entry[k].tuple;
            const struct buckets *b = atomic_load_explicit(&t->buckets, memory_order_acquire);
            uint32_t hash = masked_hash(t, key);

            if (best && best->priority > order_bound(&c->entry[k]))
                return best;
            best = search_chain(t, atomic_load_explicit(&b->head[hash & b->mask], memory_order_acquire), b->generation,
                                hash, want, best);
        }
    }
    return best;
}

/* --- the writer: one subtable --- */

static struct buckets *buckets_new(uint32_t n, uint32_t generation)
{
    struct buckets *b = pages_calloc(1, sizeof *b + n * sizeof b->head[0]);

    if (b) {
        b->mask = n - 1;
        b->generation = generation;
    }
    return b;
}

static struct tuple *tuple_new(const struct word_masks *m)
{
    struct tuple *t = calloc(1, sizeof *t + m->n * sizeof t->words[0]);
    struct buckets *b = buckets_new(BUCKETS_FIRST, 0);

    if (!t || !b) {
        free(t);
        free(b);
        return NULL;
    }
    atomic_init(&t->buckets, b);
    t->n_words = m->n;
    memcpy(t->words, m->words, m->n * sizeof m->words[0]);
    for (uint32_t i = 0; i < m->n; i++)
        t->n_bits += (unsigned)__builtin_popcountll(m->words[i].mask);
    return t;
}

static void tuple_free(void *tuple)
{
    struct tuple *t = tuple;

    free(atomic_load_explicit(&t->buckets, memory_order_relaxed));
    free(t);
}

static struct buckets *buckets_of(const struct tuple *t)
{
    return atomic_load_explicit(&t->buckets, memory_order_relaxed);
}

static void link_rule(struct buckets *b, struct rule *r)
{
    _Atomic(struct rule *) *head = &b->head[r->hash & b->mask];

    atomic_store_explicit(&r->next[b->generation], atomic_load_explicit(head, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(head, r, memory_order_release);
}

static void unlink_rule(struct buckets *b, struct rule *r)
{
    _Atomic(struct rule *) *link = &b->head[r->hash & b->mask];
    struct rule *at;

    while ((at = atomic_load_explicit(link, memory_order_relaxed)) != r)
        link = &at->next[b->generation];
    atomic_store_explicit(link, atomic_load_explicit(&r->next[b->generation], memory_order_relaxed),
                          memory_order_release);
}

/* Gives the subtable about as many buckets as rules; or not, when it is too early or there is no memory. */
static void resize(struct tuple *t, struct rcu *rcu)
{
    struct buckets *old = buckets_of(t), *b;
    uint32_t n = BUCKETS_FIRST;

    if (t->is_resized && !rcu_is_over(rcu, t->resize_token)) {
        if (t->n_rules / LOAD_MAX <= old->mask)
            return;
        rcu_wait_for(rcu, t->resize_token);
    }
    while (n < t->n_rules)
        n *= 2;
    if (t->n_rules > old->mask)
        n *= 2;
    b = buckets_new(n, !old->generation);
    if (!b)
        return;
    for (uint32_t i = 0; i <= old->mask; i++)
        for (struct rule *r = atomic_load_explicit(&old->head[i], memory_order_relaxed); r;
             r = atomic_load_explicit(&r->next[old->generation], memory_order_relaxed))
            link_rule(b, r);
    atomic_store_explicit(&t->buckets, b, memory_order_release);
    t->is_resized = true;
    t->resize_token = rcu_start(rcu);
    rcu_defer(rcu, free, old);
}

/* --- the writer: the space --- */

/* The mask of a match, of each group of `bits` neighbouring bits only those that are asked for altogether. */
static void word_masks_init(struct word_masks *out, const struct compact_match *m, unsigned bits)
{
    const uint64_t *masks = compact_match_masks(m);
    unsigned word;

    out->n = 0;
    for_each_key_word (word, &m->map) {
        uint64_t mask = *masks++, group = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;

        for (unsigned shift = 0; bits > 1 && shift < 64; shift += bits)
            if ((mask >> shift & group) != group)
                mask &= ~(group << shift);
        if (mask)
            out->words[out->n++] = (struct masked_word){ .mask = mask, .word = word };
    }
}

static uint32_t mask_hash(const struct word_masks *m)
{
    uint64_t h = 0;

    for (uint32_t i = 0; i < m->n; i++)
        h = hash_add(hash_add(h, m->words[i].word), m->words[i].mask);
    return (uint32_t)hash_mix(h);
}

static bool has_mask(const struct tuple *t, const struct word_masks *m)
{
    if (t->n_words != m->n)
        return false;
    for (uint32_t i = 0; i < m->n; i++)
        if (t->words[i].word != m->words[i].word || t->words[i].mask != m->words[i].mask)
            return false;
    return true;
}

static struct tuple *tuple_of(const struct tuple_space *s, const struct word_masks *m)
{
    for_each_hmap_hash (struct tuple, t, &s->by_mask, mask_hash(m), by_mask)
        if (has_mask(t, m))
            return t;
    return NULL;
}

/* False: the subtable asks for bits that the rule does not. */
static bool hash_in(const struct tuple *t, const struct compact_match *m, uint32_t *hash)
{
    const uint64_t *values = compact_match_values(m), *masks = compact_match_masks(m);
    uint64_t h = 0;
    uint32_t i = 0;
    unsigned word;

    for_each_key_word (word, &m->map) {
        if (i < t->n_words && t->words[i].word == word) {
            if (t->words[i].mask & ~*masks)
                return false;
            h = hash_add(h, *values & t->words[i].mask);
            i++;
        }
        values++;
        masks++;
    }
    *hash = (uint32_t)hash_mix(h);
    return i == t->n_words;
}

/* A merged subtable that can take the rule without a long chain. */
static struct tuple *merged_for(const struct tuple_space *s, const struct rule *r)
{
    for_each_list (struct tuple, t, &s->merged, merged) {
        const struct buckets *b = buckets_of(t);
        unsigned n = 0;
        uint32_t hash;

        if (!hash_in(t, r->match, &hash))
            continue;
        for (const struct rule *at = atomic_load_explicit(&b->head[hash & b->mask], memory_order_relaxed);
             at && n < CHAIN_MAX; at = atomic_load_explicit(&at->next[b->generation], memory_order_relaxed))
            n += at->hash == hash;
        if (n < CHAIN_MAX)
            return t;
    }
    return NULL;
}

static int set_bound(struct tuple_space *s, struct tuple *t, uint16_t bound)
{
    uint64_t was = order_key(t->bound, t->serial);
    struct order_entry is = { .key = order_key(bound, t->serial), .tuple = t };

    if (bound == t->bound)
        return 0;

    int err = order_change(&s->order, s->rcu, &was, &is);

    if (!err)
        t->bound = bound;
    return err;
}

static void add_merged(struct tuple_space *s, struct tuple *t)
{
    struct list *before = &s->merged;

    for_each_list (struct tuple, other, &s->merged, merged)
        if (other->n_bits <= t->n_bits) {
            before = &other->merged;
            break;
        }
    list_insert(before, &t->merged);
}

static int add_tuple(struct tuple_space *s, const struct word_masks *m, uint16_t bound, bool is_merged,
                     struct tuple **out)
{
    struct tuple *t = tuple_new(m);
    int err;

    if (!t)
        return -ENOMEM;
    t->serial = s->next_serial;
    t->bound = bound;
    t->is_merged = is_merged;

    struct order_entry entry = { .key = order_key(t->bound, t->serial), .tuple = t };

    err = order_change(&s->order, s->rcu, NULL, &entry);
    if (err) {
        tuple_free(t);
        return err;
    }
    s->next_serial++;
    hmap_insert(&s->by_mask, &t->by_mask, mask_hash(m));
    if (is_merged)
        add_merged(s, t);
    *out = t;
    return 0;
}

/* The subtable for the rule; see Theory. */
static int choose(struct tuple_space *s, const struct rule *r, struct tuple **out)
{
    static const uint8_t group_bits[] = { 16, 8, 1 };
    struct word_masks own, m;

    word_masks_init(&own, r->match, 1);
    *out = tuple_of(s, &own);
    if (!*out && s->by_mask.n >= MASKS_EXACT)
        *out = merged_for(s, r);
    if (*out)
        return 0;
    if (s->by_mask.n < MASKS_EXACT)
        return add_tuple(s, &own, r->priority, false, out);
    for (size_t i = 0; i < sizeof group_bits; i++) {
        word_masks_init(&m, r->match, group_bits[i]);
        if (!tuple_of(s, &m))
            return add_tuple(s, &m, r->priority, true, out);
    }
    return -EFAULT; /* cannot be: its own mask has none */
}

void tuple_space_expect(const struct tuple_space *s, const struct compact_match *m)
{
    const struct tuple *t;
    struct word_masks own;
    uint32_t hash;

    word_masks_init(&own, m, 1);
    t = tuple_of(s, &own);
    if (t && hash_in(t, m, &hash))
        __builtin_prefetch(&buckets_of(t)->head[hash & buckets_of(t)->mask], 1);
}

/* Likewise, its bound not below the rule's priority. */
static int tuple_for(struct tuple_space *s, const struct rule *r, struct tuple **out)
{
    struct tuple *t;
    int err = choose(s, r, &t);

    if (!err && r->priority > t->bound) {
        err = set_bound(s, t, r->priority);
        if (!err)
            t->n_at_bound = t->n_removed = 0;
    }
    *out = t;
    return err;
}

int tuple_space_insert(struct tuple_space *s, struct rule *r)
{
    struct tuple *t;
    int err = tuple_for(s, r, &t);

    if (err)
        return err;
    hash_in(t, r->match, &r->hash);
    r->tuple = t;
    s->n_rules++;
    t->n_rules++;
    t->n_at_bound += r->priority == t->bound;
    if (t->n_rules > buckets_of(t)->mask + 1)
        resize(t, s->rcu);
    atomic_store_explicit(&r->next[0], NULL, memory_order_relaxed);
    atomic_store_explicit(&r->next[1], NULL, memory_order_relaxed);
    link_rule(buckets_of(t), r);
    return 0;
}

/* Asks all rules for the highest priority, when enough removals have paid for it. */
static void lower_bound(struct tuple_space *s, struct tuple *t)
{
    const struct buckets *b = buckets_of(t);
    uint16_t highest = 0;
    uint32_t n_highest = 0;

    if (t->n_at_bound || t->n_removed < t->n_rules / 2)
        return;
    for (uint32_t i = 0; i <= b->mask; i++)
        for (const struct rule *r = atomic_load_explicit(&b->head[i], memory_order_relaxed); r;
             r = atomic_load_explicit(&r->next[b->generation], memory_order_relaxed)) {
            if (r->priority > highest || !n_highest) {
                highest = r->priority;
                n_highest = 0;
            }
            n_highest += r->priority == highest;
        }
    t->n_removed = 0;
    if (!set_bound(s, t, highest))
        t->n_at_bound = n_highest;
}

static void remove_empty(struct tuple_space *s, struct tuple *t)
{
    uint64_t key = order_key(t->bound, t->serial);

    if (order_change(&s->order, s->rcu, &key, NULL))
        return;
    hmap_remove(&s->by_mask, &t->by_mask);
    if (t->is_merged)
        list_remove(&t->merged);
    rcu_defer(s->rcu, tuple_free, t);
}

void tuple_space_unlink(struct tuple_space *s, struct rule *r)
{
    struct tuple *t = r->tuple;
    struct buckets *b = buckets_of(t);

    unlink_rule(b, r);
    s->n_rules--;
    t->n_rules--;
    t->n_removed++;
    t->n_at_bound -= r->priority == t->bound;
    if (!t->n_rules) {
        remove_empty(s, t);
        return;
    }
    if (b->mask >= BUCKETS_FIRST && t->n_rules < (b->mask + 1) / LOAD_SHRINK)
        resize(t, s->rcu);
    lower_bound(s, t);
}

void tuple_space_fini(struct tuple_space *s)
{
    for_each_hmap_safe (struct tuple, t, next, &s->by_mask, by_mask)
        tuple_free(t);
    hmap_fini(&s->by_mask);
    order_free(atomic_load_explicit(&s->order, memory_order_relaxed));
}

void tuple_space_each(const struct tuple_space *s, void (*fn)(void *arg, struct rule *r), void *arg)
{
    for_each_hmap (struct tuple, t, &s->by_mask, by_mask) {
        const struct buckets *b = buckets_of(t);

        for (uint32_t i = 0; i <= b->mask; i++)
            for (struct rule *r = atomic_load_explicit(&b->head[i], memory_order_relaxed); r;
                 r = atomic_load_explicit(&r->next[b->generation], memory_order_relaxed))
                fn(arg, r);
    }
}

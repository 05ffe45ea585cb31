/* SPDX-License-Identifier: Apache-2.0 */
/* change_log.c - see change_log.h.
 *
 * Theory.  Changes are kept by the mask of their match: for each mask of a table that rules changed with lately there is a
 * `struct change_set`, which holds for every hash of a value under that mask the version of the last such change.  So a
 * question costs a hash and a look for each mask that changed, however many changes there were, and no number of them is too
 * many; two values of one hash cost a translation, never a wrong answer.  There are few sets: the one that was not changed
 * for the longest time gives way, and `all` then takes over its last version.  Where changes are of so many masks that no set
 * is old (SET_KEEP), they all go to `all`.
 * A worker reads the sets first and `all` after them, C writes `all` before it takes a set away: so of a set that is replaced
 * under the reader's eyes one of both tells. */
#include "datapath/change_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "datapath/bridge.h"
#include "datapath/proto.h"
#include "datapath/rcu.h"

enum { SLOTS = 16384, SET_KEEP = 256 };

struct change_set {
    uint8_t table_id;
    uint16_t n;
    struct key_map map;
    _Atomic uint64_t last; /* the version of the last change */
    _Atomic uint64_t slot[SLOTS];
    uint64_t mask[]; /* n */
};

static uint64_t load(const _Atomic uint64_t *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

static struct change_set *set_at(const struct change_log *log, unsigned i)
{
    return atomic_load_explicit(&log->set[i], memory_order_acquire);
}

void change_log_fini(struct change_log *log)
{
    for (unsigned i = 0; i < CHANGE_SETS; i++)
        free(set_at(log, i));
}

void change_log_note_all(struct change_log *log, uint64_t version)
{
    if (version > load(&log->all))
        atomic_store_explicit(&log->all, version, memory_order_release);
}

static bool is_of(const struct change_set *s, uint8_t table_id, const struct compact_match *m)
{
    return s->table_id == table_id && !memcmp(&s->map, &m->map, sizeof s->map) &&
           !memcmp(s->mask, compact_match_masks(m), m->n * sizeof s->mask[0]);
}

/* Puts a new set into place `i`. */
static struct change_set *replace(struct change_log *log, struct rcu *rcu, unsigned i, uint8_t table_id,
                                  const struct compact_match *m)
{
    struct change_set *old = set_at(log, i), *s = calloc(1, sizeof *s + m->n * sizeof s->mask[0]);

    if (!s)
        return NULL;
    s->table_id = table_id;
    s->n = m->n;
    s->map = m->map;
    memcpy(s->mask, compact_match_masks(m), m->n * sizeof s->mask[0]);
    if (old)
        change_log_note_all(log, load(&old->last));
    atomic_store_explicit(&log->set[i], s, memory_order_release);
    if (old)
        rcu_defer(rcu, free, old);
    return s;
}

/* NULL: it has none, and gets none. */
static struct change_set *set_for(struct change_log *log, struct rcu *rcu, uint8_t table_id,
                                  const struct compact_match *m, uint64_t version)
{
    unsigned oldest = 0;
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < CHANGE_SETS; i++) {
        struct change_set *s = set_at(log, i);
        uint64_t last = s ? load(&s->last) : 0;

        if (s && is_of(s, table_id, m))
            return s;
        if (last < least) {
            least = last;
            oldest = i;
        }
    }
    return !least || version - least > SET_KEEP ? replace(log, rcu, oldest, table_id, m) : NULL;
}

static unsigned slot_of(uint64_t hash)
{
    return (unsigned)(hash_mix(hash) % SLOTS);
}

void change_log_note(struct change_log *log, struct rcu *rcu, uint8_t table_id, const struct compact_match *m,
                     uint64_t version)
{
    struct change_set *s;
    uint64_t h = 0;

    if (load(&log->all) >= version)
        return;
    s = set_for(log, rcu, table_id, m, version);
    if (!s) {
        change_log_note_all(log, version);
        return;
    }
    for (unsigned i = 0; i < m->n; i++)
        h = hash_add(h, compact_match_values(m)[i]);
    atomic_store_explicit(&s->slot[slot_of(h)], version, memory_order_relaxed);
    atomic_store_explicit(&s->last, version, memory_order_relaxed);
}

/* --- readers --- */

/* A plain frame's word: a column, or what all frames of that port have there. */
static uint64_t plain_word(const struct known_key *k, unsigned word)
{
    unsigned at = k->mask->plain_place[word];

    if (at != ENTRY_NO_PLACE)
        return k->word[at];
    if (word == field_place[FIELD_IN_PORT].word)
        return (uint64_t)k->in_port << 32 | k->in_port;
    return word == field_place[FIELD_ETH_TYPE].word ? (uint64_t)ETH_TYPE_IPV4 << field_place[FIELD_ETH_TYPE].shift : 0;
}

/* False: it is not known. */
static bool word_of(const struct known_key *k, unsigned word, uint64_t *v)
{
    unsigned at = k->mask->place[word];

    if (at == ENTRY_NO_PLACE)
        return false;
    *v = k->is_plain ? plain_word(k, word) : k->word[at];
    return true;
}

/* Was a rule changed that the key may match, in a lookup that the set is about? */
static bool set_concerns(const struct change_set *s, uint64_t since, const struct lookups *l, const struct known_key *k)
{
    uint64_t h = 0;
    unsigned word, i = 0;

    if (!(l->tables >> s->table_id % 64 & 1))
        return false;
    for_each_key_word (word, &s->map) {
        uint64_t v;

        if (l->edits >> word % 64 & 1 || !word_of(k, word, &v))
            return true;
        h = hash_add(h, v & s->mask[i++]);
    }
    return load(&s->slot[slot_of(h)]) > since;
}

bool change_log_concerns(const struct change_log *log, uint64_t since, const struct lookups *l,
                         const struct known_key *k)
{
    if (load(&log->all) > since)
        return true;
    for (unsigned i = 0; i < CHANGE_SETS; i++) {
        const struct change_set *s = set_at(log, i);

        if (s && load(&s->last) > since && set_concerns(s, since, l, k))
            return true;
    }
    atomic_thread_fence(memory_order_acquire);
    return load(&log->all) > since;
}

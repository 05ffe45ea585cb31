/* SPDX-License-Identifier: Apache-2.0 */
/* tuple_order.c - a sorted sequence of two levels, changed by copying.
 *
 * Theory: an order points to chunks of up to `ORDER_CHUNK` entries.  A change copies the one or two chunks it touches and the
 * upper level, publishes the new upper level with one store, and frees what it replaced after a grace period.  So a
 * reader walks one state of the order, in which a subtable that moves stands exactly once; and of T subtables a change
 * copies some 64 + T / 32 words. */
#include "datapath/tuple_order.h"

#include "datapath/rcu.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { EDIT_CHUNKS = 4 };

/* A new upper level in the making, what it brought, and what of the old one it no longer has. */
struct edit {
    struct order *order;
    struct order_chunk *made[EDIT_CHUNKS], *gone[EDIT_CHUNKS];
    unsigned n_made, n_gone;
};

/* The chunk that holds `key`, or into which it belongs. */
static uint32_t chunk_of(const struct order *o, uint64_t key)
{
    uint32_t low = 0, high = o->n;

    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;

        if (o->chunk[mid]->entry[0].key <= key)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* Puts the `n` entries into the place of the `n_old` chunks from `i` on. */
static int replace_chunks(struct edit *ed, uint32_t i, uint32_t n_old, const struct order_entry *entries, uint32_t n)
{
    struct order *o = ed->order;
    struct order_chunk *fresh[2];
    uint32_t n_fresh = (n + ORDER_CHUNK - 1) / ORDER_CHUNK, from = 0;

    for (uint32_t k = 0; k < n_fresh; k++) {
        uint32_t upto = n * (k + 1) / n_fresh;

        fresh[k] = malloc(sizeof *fresh[k] + (upto - from) * sizeof *entries);
        if (!fresh[k])
            return -ENOMEM;
        ed->made[ed->n_made++] = fresh[k];
        fresh[k]->n = upto - from;
        memcpy(fresh[k]->entry, entries + from, (upto - from) * sizeof *entries);
        from = upto;
    }
    for (uint32_t k = 0; k < n_old; k++)
        ed->gone[ed->n_gone++] = o->chunk[i + k];
    memmove(o->chunk + i + n_fresh, o->chunk + i + n_old, (o->n - i - n_old) * sizeof o->chunk[0]);
    memcpy(o->chunk + i, fresh, n_fresh * sizeof fresh[0]);
    o->n = o->n - n_old + n_fresh;
    return 0;
}

static int edit_remove(struct edit *ed, uint64_t key)
{
    const struct order *o = ed->order;
    uint32_t i = chunk_of(o, key), n = 0, n_old = 1;
    struct order_entry entries[ORDER_CHUNK];

    for (uint32_t k = 0; k < o->chunk[i]->n; k++)
        if (o->chunk[i]->entry[k].key != key)
            entries[n++] = o->chunk[i]->entry[k];
    if (i + 1 < o->n && n + o->chunk[i + 1]->n <= ORDER_CHUNK / 2) {
        memcpy(entries + n, o->chunk[i + 1]->entry, o->chunk[i + 1]->n * sizeof entries[0]);
        n += o->chunk[i + 1]->n;
        n_old = 2;
    }
    return replace_chunks(ed, i, n_old, entries, n);
}

static int edit_add(struct edit *ed, const struct order_entry *add)
{
    const struct order *o = ed->order;
    struct order_entry entries[ORDER_CHUNK + 1];
    uint32_t n = 0, k = 0;

    if (!o->n)
        return replace_chunks(ed, 0, 0, add, 1);

    uint32_t i = chunk_of(o, add->key);
    const struct order_chunk *c = o->chunk[i];

    while (k < c->n && c->entry[k].key < add->key)
        entries[n++] = c->entry[k++];
    entries[n++] = *add;
    while (k < c->n)
        entries[n++] = c->entry[k++];
    return replace_chunks(ed, i, 1, entries, n);
}

static void edit_abort(struct edit *ed)
{
    for (unsigned i = 0; i < ed->n_made; i++)
        free(ed->made[i]);
    free(ed->order);
}

/* A chunk made by the first half of a change may be gone by the second; no reader saw it. */
static bool is_made(const struct edit *ed, const struct order_chunk *c)
{
    for (unsigned i = 0; i < ed->n_made; i++)
        if (ed->made[i] == c)
            return true;
    return false;
}

int order_change(_Atomic(struct order *) *at, struct rcu *rcu, const uint64_t *remove, const struct order_entry *add)
{
    struct order *old = atomic_load_explicit(at, memory_order_relaxed);
    uint32_t n = old ? old->n : 0;
    struct edit ed = { .order = malloc(sizeof *old + (n + 1) * sizeof old->chunk[0]) };

    if (!ed.order)
        return -ENOMEM;
    ed.order->n = n;
    if (n)
        memcpy(ed.order->chunk, old->chunk, n * sizeof old->chunk[0]);
    if ((remove && edit_remove(&ed, *remove)) || (add && edit_add(&ed, add))) {
        edit_abort(&ed);
        return -ENOMEM;
    }
    atomic_store_explicit(at, ed.order, memory_order_release);
    for (unsigned i = 0; i < ed.n_gone; i++) {
        if (is_made(&ed, ed.gone[i]))
            free(ed.gone[i]);
        else
            rcu_defer(rcu, free, ed.gone[i]);
    }
    if (old)
        rcu_defer(rcu, free, old);
    return 0;
}

void order_free(struct order *o)
{
    if (!o)
        return;
    for (uint32_t i = 0; i < o->n; i++)
        free(o->chunk[i]);
    free(o);
}

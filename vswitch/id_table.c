/* SPDX-License-Identifier: Apache-2.0 */
/* id_table.c - see id_table.h.  An item stays as long as it holds something, is named, or has a change that waits. */
#include "vswitch/id_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

void id_table_fini(struct id_table *t)
{
    assert(!t->n_changes);
    for_each_hmap_safe (struct id_item, item, next, &t->items, by_id) {
        hmap_remove(&t->items, &item->by_id);
        free(item->now);
        free(item);
    }
    hmap_fini(&t->items);
    free(t->changes);
}

static uint32_t hash_of(uint32_t id)
{
    return (uint32_t)hash_mix(id);
}

struct id_item *id_table_any(const struct id_table *t, uint32_t id)
{
    for_each_hmap_hash (struct id_item, item, &t->items, hash_of(id), by_id)
        if (item->id == id)
            return item;
    return NULL;
}

struct id_item *id_table_find(const struct id_table *t, uint32_t id)
{
    struct id_item *item = id_table_any(t, id);

    return item && item->now ? item : NULL;
}

struct id_item *id_table_make(struct id_table *t, uint32_t id)
{
    struct id_item *item = id_table_any(t, id);

    if (item)
        return item;
    item = calloc(1, sizeof *item);
    if (!item)
        return NULL;
    item->id = id;
    hmap_insert(&t->items, &item->by_id, hash_of(id));
    return item;
}

int id_table_reserve(struct id_table *t, size_t n)
{
    size_t max = t->max_changes ? t->max_changes : 16;

    while (max < t->n_changes + n)
        max *= 2;
    if (max == t->max_changes)
        return 0;

    struct id_change *p = realloc(t->changes, max * sizeof *p);

    if (!p)
        return -ENOMEM;
    t->changes = p;
    t->max_changes = max;
    return 0;
}

static void put(struct id_table *t, struct id_item *item, void *x)
{
    t->n += (x != NULL) - (size_t)(item->now != NULL);
    item->now = x;
}

void id_table_set(struct id_table *t, struct id_item *item, void *x)
{
    assert(t->n_changes < t->max_changes);
    t->changes[t->n_changes++] = (struct id_change){ .item = item, .old = item->now, .new = x };
    put(t, item, x);
}

void id_table_sweep(struct id_table *t, struct id_item *item)
{
    if (item->now || item->n_flows || item->n_others || t->n_changes)
        return;
    hmap_remove(&t->items, &item->by_id);
    free(item);
}

/* One item can have several changes, and may be swept once. */
static void sweep_all(struct id_table *t)
{
    uint64_t mark = id_table_mark(t);
    size_t n = t->n_changes;

    for (size_t i = 0; i < n; i++) {
        struct id_change *c = &t->changes[i];

        if (c->item->mark == mark)
            c->item = NULL;
        else
            c->item->mark = mark;
    }
    t->n_changes = 0;
    for (size_t i = 0; i < n; i++)
        if (t->changes[i].item)
            id_table_sweep(t, t->changes[i].item);
}

void id_table_commit(struct id_table *t)
{
    for (size_t i = 0; i < t->n_changes; i++)
        free(t->changes[i].old);
    sweep_all(t);
}

void id_table_abort(struct id_table *t)
{
    for (size_t i = t->n_changes; i--;) {
        const struct id_change *c = &t->changes[i];

        put(t, c->item, c->old);
        free(c->new);
    }
    sweep_all(t);
}

uint64_t id_table_mark(struct id_table *t)
{
    return ++t->serial;
}

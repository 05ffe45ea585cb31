/* SPDX-License-Identifier: Apache-2.0 */
/* group_table.c - see group_table.h. */
#include "vswitch/group_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct group_table {
    struct id_table table;
    struct bridge *bridge;
    const struct clock *clock;
};

int group_table_new(struct group_table **out, struct bridge *b, const struct clock *clock)
{
    struct group_table *gt = calloc(1, sizeof *gt);

    if (!gt)
        return -ENOMEM;
    gt->bridge = b;
    gt->clock = clock;
    *out = gt;
    return 0;
}

void group_table_free(struct group_table *gt)
{
    if (!gt)
        return;
    for_each_hmap (struct id_item, item, &gt->table.items, by_id)
        if (item->now)
            bridge_group_remove(gt->bridge, ((struct group_entry *)item->now)->group);
    id_table_fini(&gt->table);
    free(gt);
}

/* --- who names whom --- */

/* The group that a bucket of a made group forwards to, which is the last of its set; GROUP_NONE: none. */
static uint32_t forwards_to(const struct bucket *k)
{
    return k->n_acts && k->acts[k->n_acts - 1].type == ACT_GROUP ? k->acts[k->n_acts - 1].group : GROUP_NONE;
}

/* The groups named by the group of `e` count it, each once; groups are known by then. */
static void count_group(struct group_table *gt, const struct group_entry *e, uint32_t by)
{
    uint64_t mark = id_table_mark(&gt->table);

    for (unsigned i = 0; i < e->group->n_buckets; i++) {
        struct id_item *item = id_table_any(&gt->table, forwards_to(&e->group->buckets[i]));

        if (!item || item->mark == mark)
            continue;
        item->mark = mark;
        item->n_others += by;
    }
}

static void count_acts(struct group_table *gt, const struct act *acts, unsigned n, uint64_t mark, int by)
{
    for (unsigned i = 0; i < n; i++) {
        struct id_item *item = acts[i].type == ACT_GROUP ? id_table_any(&gt->table, acts[i].group) : NULL;

        if (!item || item->mark == mark)
            continue;
        item->mark = mark;
        item->n_flows += (uint32_t)by;
        id_table_sweep(&gt->table, item);
    }
}

void group_table_count_flow(struct group_table *gt, const struct rule_code *code, int by)
{
    uint64_t mark = id_table_mark(&gt->table);

    count_acts(gt, code->apply, code->n_apply, mark, by);
    count_acts(gt, code->write, code->n_write, mark, by);
}

/* Puts the groups that a bucket leads to on the walk's list, those not met yet. */
static void push(struct group_table *gt, uint32_t id, struct id_item **todo, uint64_t mark)
{
    struct id_item *item = id == GROUP_NONE ? NULL : id_table_find(&gt->table, id);

    if (!item || item->mark == mark)
        return;
    item->mark = mark;
    item->todo = *todo;
    *todo = item;
}

static void push_bucket(struct group_table *gt, const struct bucket *k, enum group_way way, struct id_item **todo)
{
    if (way == GROUP_WATCHES)
        push(gt, k->watch_group, todo, gt->table.serial);
    else
        for (unsigned i = 0; i < k->n_acts; i++)
            if (k->acts[i].type == ACT_GROUP)
                push(gt, k->acts[i].group, todo, gt->table.serial);
}

static bool leads_to(const struct bucket *k, enum group_way way, uint32_t id)
{
    if (way == GROUP_WATCHES)
        return k->watch_group == id;
    for (unsigned i = 0; i < k->n_acts; i++)
        if (k->acts[i].type == ACT_GROUP && k->acts[i].group == id)
            return true;
    return false;
}

bool group_table_has_circle(struct group_table *gt, const struct group_spec *spec, enum group_way way)
{
    struct id_item *todo = NULL;

    id_table_mark(&gt->table);
    for (unsigned i = 0; i < spec->n_buckets; i++) {
        if (leads_to(&spec->buckets[i], way, spec->id))
            return true;
        push_bucket(gt, &spec->buckets[i], way, &todo);
    }
    while (todo) {
        const struct group *g = ((const struct group_entry *)todo->now)->group;

        todo = todo->todo;
        for (unsigned i = 0; i < g->n_buckets; i++) {
            if (leads_to(&g->buckets[i], way, spec->id))
                return true;
            push_bucket(gt, &g->buckets[i], way, &todo);
        }
    }
    return false;
}

/* --- changes --- */

int group_table_put(struct group_table *gt, struct group_spec *spec, const void *buckets, size_t n)
{
    struct group_entry *e = malloc(sizeof *e + n), *old;
    struct id_item *item;
    int err = -ENOMEM;

    if (!e || id_table_reserve(&gt->table, 1))
        goto fail;
    item = id_table_make(&gt->table, spec->id);
    if (!item)
        goto fail;
    old = item->now;
    spec->replaces = old ? old->group : NULL;
    err = group_new(&e->group, gt->bridge, spec);
    if (err)
        goto fail;
    e->created_ns = old ? old->created_ns : clock_now(gt->clock);
    e->n_buckets = n;
    if (n)
        memcpy(e->buckets, buckets, n);
    bridge_group_add(gt->bridge, e->group);
    if (old) {
        bridge_group_remove(gt->bridge, old->group);
        count_group(gt, old, (uint32_t)-1);
    }
    count_group(gt, e, 1);
    id_table_set(&gt->table, item, e);
    return 0;

fail:
    free(e);
    return err;
}

int group_table_delete(struct group_table *gt, struct id_item *item)
{
    struct group_entry *e = item->now;

    if (id_table_reserve(&gt->table, 1))
        return -ENOMEM;
    bridge_group_remove(gt->bridge, e->group);
    count_group(gt, e, (uint32_t)-1);
    id_table_set(&gt->table, item, NULL);
    return 0;
}

int group_table_delete_all(struct group_table *gt)
{
    int err = id_table_reserve(&gt->table, gt->table.n);

    if (err)
        return err;
    for_each_hmap (struct id_item, item, &gt->table.items, by_id)
        if (item->now)
            (void)group_table_delete(gt, item); /* there is room */
    return 0;
}

void group_table_commit(struct group_table *gt)
{
    id_table_commit(&gt->table);
}

void group_table_abort(struct group_table *gt)
{
    for (size_t i = gt->table.n_changes; i--;) {
        const struct id_change *c = &gt->table.changes[i];

        if (c->new)
            count_group(gt, c->new, (uint32_t)-1);
        if (c->old)
            count_group(gt, c->old, 1);
    }
    id_table_abort(&gt->table);
}

const struct id_table *group_table_items(const struct group_table *gt)
{
    return &gt->table;
}

struct id_item *group_table_find(const struct group_table *gt, uint32_t id)
{
    return id_table_find(&gt->table, id);
}

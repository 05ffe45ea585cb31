/* SPDX-License-Identifier: Apache-2.0 */
/* meter_table.c - see meter_table.h. */
#include "vswitch/meter_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "datapath/rule.h"

struct meter_table {
    struct id_table table;
    struct bridge *bridge;
    const struct clock *clock;
};

int meter_table_new(struct meter_table **out, struct bridge *b, const struct clock *clock)
{
    struct meter_table *mt = calloc(1, sizeof *mt);

    if (!mt)
        return -ENOMEM;
    mt->bridge = b;
    mt->clock = clock;
    *out = mt;
    return 0;
}

void meter_table_free(struct meter_table *mt)
{
    if (!mt)
        return;
    for_each_hmap (struct id_item, item, &mt->table.items, by_id)
        if (item->now)
            bridge_meter_remove(mt->bridge, ((struct meter_entry *)item->now)->meter);
    id_table_fini(&mt->table);
    free(mt);
}

int meter_table_put(struct meter_table *mt, struct meter_spec *spec, uint16_t flags, const void *bands, size_t n)
{
    struct meter_entry *e = malloc(sizeof *e + n), *old;
    struct id_item *item;
    int err = -ENOMEM;

    if (!e || id_table_reserve(&mt->table, 1))
        goto fail;
    item = id_table_make(&mt->table, spec->id);
    if (!item)
        goto fail;
    old = item->now;
    spec->replaces = old ? old->meter : NULL;
    err = meter_new(&e->meter, mt->bridge, spec);
    if (err)
        goto fail;
    e->created_ns = old ? old->created_ns : clock_now(mt->clock);
    e->flags = flags;
    e->n_bands = (uint16_t)n;
    if (n)
        memcpy(e->bands, bands, n);
    bridge_meter_add(mt->bridge, e->meter);
    if (old)
        bridge_meter_remove(mt->bridge, old->meter);
    id_table_set(&mt->table, item, e);
    return 0;

fail:
    free(e);
    return err;
}

int meter_table_delete(struct meter_table *mt, struct id_item *item)
{
    struct meter_entry *e = item->now;

    if (id_table_reserve(&mt->table, 1))
        return -ENOMEM;
    bridge_meter_remove(mt->bridge, e->meter);
    id_table_set(&mt->table, item, NULL);
    return 0;
}

void meter_table_commit(struct meter_table *mt)
{
    id_table_commit(&mt->table);
}

void meter_table_abort(struct meter_table *mt)
{
    id_table_abort(&mt->table);
}

const struct id_table *meter_table_items(const struct meter_table *mt)
{
    return &mt->table;
}

struct id_item *meter_table_find(const struct meter_table *mt, uint32_t id)
{
    return id_table_find(&mt->table, id);
}

void meter_table_count_flow(struct meter_table *mt, const struct rule_code *code, int by)
{
    struct id_item *item = code->meter_id ? id_table_any(&mt->table, code->meter_id) : NULL;

    if (!item)
        return;
    item->n_flows += (uint32_t)by;
    id_table_sweep(&mt->table, item);
}

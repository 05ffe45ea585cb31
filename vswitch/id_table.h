/* SPDX-License-Identifier: Apache-2.0 */
/* id_table.h - what controllers made under a number (groups, meters), how often it is named elsewhere, and the changes
 * since the last commit, which can be taken back as those of flow_table.h can.
 * Flow: group_table, meter_table -> [id_table].   Thread: C. */
#ifndef VSWITCH_ID_TABLE_H
#define VSWITCH_ID_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/hmap.h"

/* A number that somebody made something under, or names. */
struct id_item {
    struct hmap_link by_id;
    uint32_t id;
    uint32_t n_flows;     /* flows that name it */
    uint32_t n_others;    /* others in the same table that do */
    void *now;            /* what there is under it, from malloc(); NULL: nothing */
    uint64_t mark;        /* of the walk that met it last */
    struct id_item *todo; /* for the walk's own list */
};

struct id_change {
    struct id_item *item;
    void *old, *new; /* NULL: nothing */
};

struct id_table {
    struct hmap items;
    size_t n; /* items with something under them */
    uint64_t serial;
    struct id_change *changes;
    size_t n_changes, max_changes;
};

/* All zero is an empty one. */
void id_table_fini(struct id_table *t); /* frees what is there; all is committed */

struct id_item *id_table_find(const struct id_table *t, uint32_t id); /* NULL also when nothing is under it */
struct id_item *id_table_any(const struct id_table *t, uint32_t id);  /* also one with nothing under it */
/* The item, made when it was not there; NULL: no memory. */
struct id_item *id_table_make(struct id_table *t, uint32_t id);
int id_table_reserve(struct id_table *t, size_t n); /* room for so many changes; -ENOMEM */
/* Puts `x`, or nothing, in the place of what is there.  Takes; room must have been reserved. */
void id_table_set(struct id_table *t, struct id_item *item, void *x);
void id_table_commit(struct id_table *t); /* frees what was */
void id_table_abort(struct id_table *t);  /* frees what was to be, and puts back what was */
/* Forgets the item when it holds nothing, is not named, and no change waits. */
void id_table_sweep(struct id_table *t, struct id_item *item);

/* Begins a walk that is to meet every item once: those with another `mark` than is returned were not met yet. */
uint64_t id_table_mark(struct id_table *t);

#endif

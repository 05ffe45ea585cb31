/* SPDX-License-Identifier: Apache-2.0 */
/* object.c - hash chains with one writer and readers that take no lock; see object.h, and the Theory of bridge.c. */
#include "datapath/object.h"

#include <stddef.h>

#include "base/hash.h"
#include "datapath/datapath_impl.h"
#include "datapath/rcu.h"
#include "datapath/rule.h"

enum { CHANGE_ADD, CHANGE_REMOVE };

static unsigned chain_of(uint32_t id)
{
    return (unsigned)(hash_mix(id) % OBJECT_CHAINS);
}

struct object *object_find(const struct object_table *t, uint32_t id, uint64_t version)
{
    struct object *o = atomic_load_explicit(&t->chains[chain_of(id)], memory_order_acquire);

    for (; o; o = atomic_load_explicit(&o->next, memory_order_acquire))
        if (o->id == id && o->added_in <= version &&
            version < atomic_load_explicit(&o->removed_in, memory_order_relaxed))
            return o;
    return NULL;
}

void object_add(struct object_table *t, struct object *o, uint32_t id)
{
    _Atomic(struct object *) *head = &t->chains[chain_of(id)];

    o->home = t;
    o->id = id;
    o->added_in = atomic_load(&t->dp->version) + 1;
    atomic_store(&o->removed_in, RULE_FOREVER);
    atomic_store_explicit(&o->next, atomic_load(head), memory_order_relaxed);
    atomic_store_explicit(head, o, memory_order_release);
    o->change[CHANGE_ADD] = t->dp->objects_added;
    t->dp->objects_added = o;
}

void object_remove(struct object *o)
{
    struct datapath *dp = o->home->dp;

    atomic_store(&o->removed_in, atomic_load(&dp->version) + 1);
    o->change[CHANGE_REMOVE] = dp->objects_removed;
    dp->objects_removed = o;
}

static void free_object(void *arg)
{
    struct object *o = arg;

    o->home->free(o);
}

/* Takes out of its chain what no frame can see any more; a reader may still stand on it. */
static void bury(void *arg)
{
    struct object *o = arg;
    _Atomic(struct object *) *at = &o->home->chains[chain_of(o->id)];

    while (atomic_load(at) != o)
        at = &atomic_load(at)->next;
    atomic_store_explicit(at, atomic_load(&o->next), memory_order_release);
    rcu_defer(o->home->dp->rcu, free_object, o);
}

void objects_abort(struct datapath *dp)
{
    struct object *o, *next;

    for (o = dp->objects_removed; o; o = o->change[CHANGE_REMOVE])
        atomic_store(&o->removed_in, RULE_FOREVER);
    for (o = dp->objects_added; o; o = next) {
        next = o->change[CHANGE_ADD];
        bury(o); /* no version ever showed it */
    }
    dp->objects_added = dp->objects_removed = NULL;
}

void objects_commit(struct datapath *dp)
{
    struct object *o, *next;

    for (o = dp->objects_removed; o; o = next) {
        next = o->change[CHANGE_REMOVE];
        rcu_defer(dp->rcu, bury, o);
    }
    dp->objects_added = dp->objects_removed = NULL;
}

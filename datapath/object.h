/* SPDX-License-Identifier: Apache-2.0 */
/* object.h - what a bridge keeps under a number beside its rules: groups and meters.  Like a rule, an object is visible
 * between two versions and does not change in between: a modification is a new object that takes the old one's place, so
 * that rules, groups and meters change at once, by one datapath_commit().
 * Thread: C makes, adds and removes; W finds, inside an RCU section. */
#ifndef DATAPATH_OBJECT_H
#define DATAPATH_OBJECT_H

#include <stdatomic.h>
#include <stdint.h>

struct datapath;
struct object_table;

struct object {
    _Atomic(struct object *) next; /* its chain */
    uint64_t added_in;             /* visible from this version on */
    _Atomic uint64_t removed_in;   /* ... up to before this one */
    uint32_t id;
    struct object_table *home;
    struct object *change[2]; /* the lists of changes of the version being made */
};

enum { OBJECT_CHAINS = 4096 };

struct object_table {
    struct datapath *dp;
    void (*free)(struct object *o); /* no worker can hold it any more */
    _Atomic(struct object *) chains[OBJECT_CHAINS];
};

/* The object of that id that is visible in `version`; NULL: none. */
struct object *object_find(const struct object_table *t, uint32_t id, uint64_t version);

/* Adds / removes in the version being made (datapath.h).  Cannot fail.  Removed ones are freed after a grace period. */
void object_add(struct object_table *t, struct object *o, uint32_t id); /* takes */
void object_remove(struct object *o);

/* What datapath_abort() and datapath_commit() do with objects; `version` of the latter is the new one. */
void objects_abort(struct datapath *dp);
void objects_commit(struct datapath *dp);

#endif

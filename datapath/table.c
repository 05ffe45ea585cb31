/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - a table's classifiers, chosen by its rules and chosen again as they change, and what is true of the rules whatever
 * finds them: their number and their masks.
 *
 * Theory.  A table is seen through its `struct view`: a tuple space that takes what comes (`fresh`), and, when the rules have many
 * masks, a forest compiled from those that were there before.  Compiling takes longer than anybody may wait: the
 * builder's thread does it.  Meanwhile what the tuple space held is `frozen`, rules only leave it, and a new one takes what comes.
 * When the forest is there, one store publishes the view in which it stands for the frozen space and the forest before;
 * both are freed after a grace period.  So a rule is put into a tuple space once in its life, and its links there are not used
 * again.
 *
 * Where a rule is follows from the number of the space that it was put into (`rule->space`): fresh, frozen, or else the forest, at
 * `place[generation]`.  In a forest that is being compiled it has its place at the other one; a rule that goes is taken out there
 * too.  The forest copied what it needs of the rules in the beginning (`begin_build`), and asks none while it is compiled.
 *
 * A table is compiled when its changes are many beside its rules, or are over (`table_tend`); so n insertions cost a
 * logarithmic number of builds, and n log n of work.  A table whose masks are few stays a tuple space: with one mask it is an exact
 * hash; and of many rules with a few masks each change in place is worth more than the probes. */
#include "datapath/table.h"

#include "datapath/builder.h"
#include "datapath/conjunction.h"
#include "datapath/forest.h"
#include "datapath/mask_union.h"
#include "datapath/rcu.h"
#include "datapath/rule.h"
#include "datapath/tuple.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    SUBTABLES_PROBED = 2,  /* so many are probed whatever there is: a rule for all, and others of one mask */
    SUBTABLES_FEW = 8,     /* so many are probed rather than compiled ... */
    COMPILED_RULES = 4096, /* ... when the table has more rules than this */
    CHANGES_FEW = 256,     /* do not start a build by themselves while they go on */
    CHANGES_PART = 16,     /* of the rules changed: build, though changes go on */
};

struct view {
    struct tuple_space *fresh, *frozen; /* frozen: NULL unless a build goes on, or failed */
    struct forest *forest;              /* NULL: none */
};

struct table {
    /* C writes, W reads */
    _Atomic(const struct view *) view;
    _Atomic size_t n_conjunctive;
    /* C only */
    struct rcu *rcu;
    struct builder *builder;
    struct mask_union masks;
    size_t n_rules;
    size_t n_compiled;                  /* rules in the forest */
    size_t n_changes, n_changes_before; /* since the last build began; and when it was last looked */
    uint32_t fresh_space, frozen_space;
    unsigned generation; /* the place of rules in the forest */
    /* the build */
    struct builder_job job;
    struct forest *pending; /* NULL: none goes on */
    struct view *next;      /* what to publish when it is done */
    int build_err;
};

/* --- readers --- */

static const struct view *view_of(const struct table *t)
{
    return atomic_load_explicit(&t->view, memory_order_acquire);
}

void table_find_burst(const struct table *t, const struct key *const *keys, unsigned n, uint64_t version,
                      const struct rule **out)
{
    const struct view *v = view_of(t);

    for (unsigned i = 0; i < n; i++)
        out[i] = NULL;
    if (v->forest)
        forest_find(v->forest, keys, n, version, out);
    if (v->frozen)
        tuple_space_find_burst(v->frozen, keys, n, version, out);
    tuple_space_find_burst(v->fresh, keys, n, version, out);
}

const struct rule *table_find(const struct table *t, const struct key *key, uint64_t version)
{
    const struct rule *r;

    table_find_burst(t, &key, 1, version, &r);
    return r;
}

const struct rule *table_next(struct table_iter *it)
{
    const struct view *v = view_of(it->table);
    const struct rule *r = tuple_space_next(v->fresh, it->key, it->version, it->last, NULL);

    if (v->frozen)
        r = tuple_space_next(v->frozen, it->key, it->version, it->last, r);
    if (v->forest)
        r = forest_next(v->forest, it->key, it->version, it->last, r);
    if (r)
        it->last = r;
    return r;
}

/* --- spaces and views --- */

static struct tuple_space *space_new(struct rcu *rcu)
{
    struct tuple_space *s = malloc(sizeof *s);

    if (s)
        tuple_space_init(s, rcu);
    return s;
}

static void space_free(void *space)
{
    if (space)
        tuple_space_fini(space);
    free(space);
}

static void free_forest(void *forest)
{
    forest_free(forest);
}

/* Publishes `v`, and frees what the view before has and it has not. */
static void set_view(struct table *t, const struct view *v)
{
    const struct view *old = atomic_load_explicit(&t->view, memory_order_relaxed);

    atomic_store_explicit(&t->view, v, memory_order_release);
    if (old->frozen && old->frozen != v->frozen)
        rcu_defer(t->rcu, space_free, old->frozen);
    if (old->forest && old->forest != v->forest)
        rcu_defer(t->rcu, free_forest, old->forest);
    rcu_defer(t->rcu, free, (void *)(uintptr_t)old);
}

int table_new(struct table **out, struct rcu *rcu, struct builder *builder)
{
    struct table *t = calloc(1, sizeof *t);
    struct view *v = calloc(1, sizeof *v);

    if (!t || !v || !(v->fresh = space_new(rcu))) {
        free(t);
        free(v);
        return -ENOMEM;
    }
    t->rcu = rcu;
    t->builder = builder;
    t->fresh_space = 1;
    atomic_init(&t->view, v);
    *out = t;
    return 0;
}

void table_free(struct table *t)
{
    const struct view *v = t ? view_of(t) : NULL;

    if (!t)
        return;
    if (t->pending)
        builder_cancel(t->builder, &t->job);
    forest_free(t->pending);
    free(t->next);
    space_free(v->fresh);
    space_free(v->frozen);
    forest_free(v->forest);
    free((void *)(uintptr_t)v);
    mask_union_fini(&t->masks);
    free(t);
}

/* --- compiling --- */

static void run_build(struct builder_job *job)
{
    struct table *t = (struct table *)(void *)((uint8_t *)job - offsetof(struct table, job));

    t->build_err = forest_build(t->pending);
}

static void note_rule(void *table, struct rule *r)
{
    struct table *t = table;

    r->place[!t->generation] = forest_add(t->pending, r);
}

/* A new tuple space takes what comes, if the one there is has anything to compile. */
static int freeze(struct table *t)
{
    const struct view *v = view_of(t);
    struct view *w = malloc(sizeof *w);

    if (!w)
        return -ENOMEM;
    *w = (struct view){ .fresh = space_new(t->rcu), .frozen = v->fresh, .forest = v->forest };
    if (!w->fresh) {
        free(w);
        return -ENOMEM;
    }
    t->frozen_space = t->fresh_space++;
    set_view(t, w);
    return 0;
}

/* What fails here is tried again after as many changes as it took to come here. */
static void begin_build(struct table *t)
{
    const struct view *v = view_of(t);
    size_t n = t->n_rules;

    t->n_changes = t->n_changes_before = 0;
    if (v->frozen) /* of a build that failed */
        n -= v->fresh->n_rules;
    t->next = malloc(sizeof *t->next);
    if (!t->next || n > UINT32_MAX || forest_new(&t->pending, &t->masks.mask, (uint32_t)n))
        goto give_up;
    if (!v->frozen && freeze(t))
        goto give_up;
    v = view_of(t);
    *t->next = (struct view){ .fresh = v->fresh, .forest = t->pending };
    if (v->forest)
        forest_each(v->forest, note_rule, t);
    tuple_space_each(v->frozen, note_rule, t);
    t->job.run = run_build;
    builder_start(t->builder, &t->job);
    return;

give_up:
    forest_free(t->pending);
    free(t->next);
    t->pending = NULL;
    t->next = NULL;
}

static void end_build(struct table *t)
{
    if (t->build_err) {
        forest_free(t->pending);
        free(t->next);
    } else {
        set_view(t, t->next);
        t->generation = !t->generation;
        t->n_compiled = forest_count(t->pending);
    }
    t->pending = NULL;
    t->next = NULL;
}

/* Would a forest find rules sooner? */
static bool is_slow(const struct table *t)
{
    const struct view *v = view_of(t);
    size_t n = tuple_space_subtables(v->fresh) + (v->frozen ? tuple_space_subtables(v->frozen) : 0);

    return n > SUBTABLES_FEW || v->forest || (n > SUBTABLES_PROBED && t->n_rules <= COMPILED_RULES);
}

static void tend(struct table *t, size_t n_changes_needed)
{
    if (t->pending && atomic_load_explicit(&t->job.is_done, memory_order_acquire))
        end_build(t);
    if (!t->pending && t->n_changes && t->n_changes >= n_changes_needed && t->n_rules && is_slow(t)) {
        begin_build(t);
        if (t->pending && !t->builder)
            end_build(t);
    }
}

void table_tend(struct table *t)
{
    bool is_still = t->n_changes == t->n_changes_before;

    t->n_changes_before = t->n_changes;
    tend(t, is_still ? 1 : t->n_rules / CHANGES_PART);
}

/* --- changes --- */

static void note_change(struct table *t)
{
    t->n_changes++;
    tend(t, CHANGES_FEW + t->n_rules / 2);
}

void table_expect(const struct table *t, const struct compact_match *m)
{
    tuple_space_expect(view_of(t)->fresh, m);
}

int table_insert(struct table *t, struct rule *r)
{
    int err = mask_union_add(&t->masks, r->match);

    if (err)
        return err;
    err = tuple_space_insert(view_of(t)->fresh, r);
    if (err) {
        mask_union_remove(&t->masks, r->match);
        return err;
    }
    r->space = t->fresh_space;
    t->n_rules++;
    atomic_fetch_add(&t->n_conjunctive, rule_is_conjunctive(r));
    note_change(t);
    return 0;
}

/* The last compiled rule has gone: the table is as it was in the beginning. */
static void drop_forest(struct table *t)
{
    const struct view *v = view_of(t);
    struct view *w = malloc(sizeof *w);

    if (!w) /* then it stays, empty */
        return;
    *w = (struct view){ .fresh = v->fresh, .frozen = v->frozen };
    set_view(t, w);
}

void table_unlink(struct table *t, struct rule *r)
{
    const struct view *v = view_of(t);

    if (r->space == t->fresh_space) {
        tuple_space_unlink(v->fresh, r);
    } else {
        if (v->frozen && r->space == t->frozen_space) {
            tuple_space_unlink(v->frozen, r);
        } else {
            forest_remove(v->forest, r->place[t->generation]);
            t->n_compiled--;
        }
        if (t->pending)
            forest_remove(t->pending, r->place[!t->generation]);
        else if (!t->n_compiled && v->forest)
            drop_forest(t);
    }
    mask_union_remove(&t->masks, r->match);
    t->n_rules--;
    atomic_fetch_sub(&t->n_conjunctive, rule_is_conjunctive(r));
    note_change(t);
}

const struct key *table_mask(const struct table *t)
{
    return &t->masks.mask;
}

uint64_t table_mask_serial(const struct table *t)
{
    return t->masks.serial;
}

size_t table_count(const struct table *t)
{
    return t->n_rules;
}

bool table_has_conjunctions(const struct table *t)
{
    return atomic_load_explicit(&t->n_conjunctive, memory_order_relaxed) > 0;
}

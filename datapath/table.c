/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - owns a table's classifier and what is true of the rules whatever its shape: their number and their masks.
 * The one shape there is, is the tuple space (tuple.h). */
#include "datapath/table.h"

#include "datapath/conjunction.h"
#include "datapath/mask_union.h"
#include "datapath/rule.h"
#include "datapath/tuple.h"

#include <errno.h>
#include <stdlib.h>

struct table {
    struct tuple_space tuples;
    /* C only */
    struct mask_union masks;
    size_t n_rules;
    /* C writes, W reads */
    _Atomic size_t n_conjunctive;
};

int table_new(struct table **out, struct rcu *rcu)
{
    struct table *t = calloc(1, sizeof *t);

    if (!t)
        return -ENOMEM;
    tuple_space_init(&t->tuples, rcu);
    *out = t;
    return 0;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    tuple_space_fini(&t->tuples);
    mask_union_fini(&t->masks);
    free(t);
}

const struct rule *table_find(const struct table *t, const struct key *key, uint64_t version)
{
    return tuple_space_find(&t->tuples, key, version);
}

void table_find_burst(const struct table *t, const struct key *const *keys, unsigned n, uint64_t version,
                      const struct rule **out)
{
    for (unsigned i = 0; i < n; i++)
        out[i] = tuple_space_find(&t->tuples, keys[i], version);
}

const struct rule *table_next(struct table_iter *it)
{
    const struct rule *r = tuple_space_next(&it->table->tuples, it->key, it->version, it->last);

    if (r)
        it->last = r;
    return r;
}

void table_expect(const struct table *t, const struct compact_match *m)
{
    tuple_space_expect(&t->tuples, m);
}

int table_insert(struct table *t, struct rule *r)
{
    int err = mask_union_add(&t->masks, r->match);

    if (err)
        return err;
    err = tuple_space_insert(&t->tuples, r);
    if (err) {
        mask_union_remove(&t->masks, r->match);
        return err;
    }
    t->n_rules++;
    atomic_fetch_add(&t->n_conjunctive, rule_is_conjunctive(r));
    return 0;
}

void table_unlink(struct table *t, struct rule *r)
{
    tuple_space_unlink(&t->tuples, r);
    mask_union_remove(&t->masks, r->match);
    t->n_rules--;
    atomic_fetch_sub(&t->n_conjunctive, rule_is_conjunctive(r));
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

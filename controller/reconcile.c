/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile.c - see reconcile.h. */
#include "controller/reconcile.h"

#include <errno.h>
#include <stdlib.h>

static int append(struct changes *c, enum change_type type, const struct flow *f)
{
    struct flow *copy;

    if (!(c->n & (c->n - 1))) { /* room is a power of two */
        struct change *grown = realloc(c->list, (c->n ? 2 * c->n : 1) * sizeof *grown);

        if (!grown)
            return -ENOMEM;
        c->list = grown;
    }
    copy = flow_dup(f);
    if (!copy)
        return -ENOMEM;
    c->list[c->n++] = (struct change){ type, copy };
    return 0;
}

static int by_order(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    unsigned px = change_phase(x->type), py = change_phase(y->type);
    int table = x->flow->spec.table - y->flow->spec.table, priority = x->flow->spec.priority - y->flow->spec.priority;

    if (px != py)
        return (int)px - (int)py;
    if (table)
        return px ? table : -table;
    return px ? priority : -priority;
}

/* A desired flow that may be missing or different. */
static int want(struct changes *out, const struct reconcile *r, const struct flow *d, size_t *n_conflicts)
{
    const struct flow *held = flow_set_find(r->held, d), *refused = r->refused ? flow_set_find(r->refused, d) : NULL;

    if (!held && r->others && flow_set_find(r->others, d)) {
        ++*n_conflicts;
        return 0;
    }
    if (refused && flow_compare(refused, d) == FLOW_SAME)
        return 0;
    if (!held)
        return append(out, CHANGE_ADD, d);
    switch (flow_compare(held, d)) {
    case FLOW_SAME:
        return 0;
    case FLOW_DIFFERS_IN_ACTION:
        return append(out, CHANGE_MODIFY, d);
    case FLOW_DIFFERS:
        break;
    }
    return append(out, CHANGE_ADD, d);
}

int reconcile(struct changes *out, const struct reconcile *r, size_t *n_conflicts)
{
    int err = 0;

    *out = (struct changes){ 0 };
    *n_conflicts = 0;
    for_each_flow (d, r->desired) {
        err = want(out, r, d, n_conflicts);
        if (err)
            goto fail;
    }
    for_each_flow (h, r->held) {
        err = flow_set_find(r->desired, h) ? 0 : append(out, CHANGE_DELETE, h);
        if (err)
            goto fail;
    }
    if (out->n)
        qsort(out->list, out->n, sizeof *out->list, by_order);
    return 0;

fail:
    changes_fini(out);
    return err;
}

void changes_fini(struct changes *c)
{
    for (size_t i = 0; i < c->n; i++)
        flow_free(c->list[i].flow);
    free(c->list);
    *c = (struct changes){ 0 };
}

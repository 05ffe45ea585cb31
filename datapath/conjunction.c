/* SPDX-License-Identifier: Apache-2.0 */
/* conjunction.c - see conjunction.h.
 *
 * Theory.  Every rule that matches is met in falling priority.  The first that is not conjunctive ends the search: it is the
 * frame's, unless conjunctive rules of a higher priority made a whole before.  Those of one priority are gathered: each says
 * for some ids which of their clauses it is.  When all clauses of an id are there, the table is asked again with that
 * conj_id, conjunctive rules left out; what it says is the answer.  Nothing: the next id, then the next priority. */
#include "datapath/conjunction.h"

#include "base/match.h"
#include "datapath/rule.h"
#include "datapath/table.h"

enum { IDS_MAX = 1024 }; /* of one priority and frame; further ones do not make a whole */

struct part {
    uint32_t id;
    uint8_t n_clauses;
    uint64_t seen;
};

struct gathered {
    uint16_t priority;
    unsigned n;
    struct part parts[IDS_MAX];
};

bool rule_is_conjunctive(const struct rule *r)
{
    return r->code.n_apply && r->code.apply[0].type == ACT_CONJUNCTION;
}

/* Clauses of one id that differ in how many there are to be, are of different conjunctions. */
static void gather(struct gathered *g, const struct act *a)
{
    unsigned i = 0;

    while (i < g->n && (g->parts[i].id != a->conjunction.id || g->parts[i].n_clauses != a->conjunction.n_clauses))
        i++;
    if (i == IDS_MAX)
        return;
    if (i == g->n)
        g->parts[g->n++] = (struct part){ .id = a->conjunction.id, .n_clauses = a->conjunction.n_clauses };
    g->parts[i].seen |= UINT64_C(1) << a->conjunction.clause;
}

static bool is_whole(const struct part *p)
{
    return (unsigned)__builtin_popcountll(p->seen) == p->n_clauses;
}

static const struct rule *find_plain(const struct table *t, const struct key *key, uint64_t version)
{
    struct table_iter it = { .table = t, .key = key, .version = version };
    const struct rule *r;

    do
        r = table_next(&it);
    while (r && rule_is_conjunctive(r));
    return r;
}

static const struct rule *find_whole(const struct table *t, struct key *key, uint64_t version, const struct gathered *g)
{
    struct value before = key_get(key, FIELD_CONJ_ID);
    const struct rule *r = NULL;

    for (unsigned i = 0; i < g->n && !r; i++) {
        if (!is_whole(&g->parts[i]))
            continue;
        key_set_u64(key, FIELD_CONJ_ID, g->parts[i].id);
        r = find_plain(t, key, version);
    }
    key_set(key, FIELD_CONJ_ID, before);
    return r;
}

const struct rule *conjunction_find(const struct table *t, struct key *key, uint64_t version)
{
    struct table_iter it = { .table = t, .key = key, .version = version };
    const struct rule *r, *found;
    struct gathered g;

    g.n = 0;
    g.priority = 0;
    while ((r = table_next(&it))) {
        if (g.n && r->priority < g.priority) {
            found = find_whole(t, key, version, &g);
            if (found)
                return found;
            g.n = 0;
        }
        if (!rule_is_conjunctive(r))
            return r;
        g.priority = r->priority;
        for (unsigned i = 0; i < r->code.n_apply && r->code.apply[i].type == ACT_CONJUNCTION; i++)
            gather(&g, &r->code.apply[i]);
    }
    return g.n ? find_whole(t, key, version, &g) : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* flow.c - see flow.h. */
#include "controller/flow.h"

#include "base/hash.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

const char *const flow_kind_name[FLOW_KIND_N] = {
    [0] = "unknown",
    [FLOW_KIND_LLDP] = "lldp",
    [FLOW_KIND_GUARD] = "guard",
    [FLOW_KIND_ACCESS] = "access",
    [FLOW_KIND_TRUNK] = "trunk",
    [FLOW_KIND_SOURCE] = "source",
    [FLOW_KIND_SPOOF] = "spoof",
    [FLOW_KIND_LEARN] = "learn",
    [FLOW_KIND_HOST] = "host",
    [FLOW_KIND_FLOOD] = "flood",
    [FLOW_KIND_INJECT] = "inject",
    [FLOW_KIND_SERVICE] = "service",
    [FLOW_KIND_ARP] = "arp",
    [FLOW_KIND_ECHO] = "echo",
    [FLOW_KIND_ROUTER] = "router",
    [FLOW_KIND_UNNAT] = "unnat",
    [FLOW_KIND_FORWARD] = "forward",
    [FLOW_KIND_TTL] = "ttl",
    [FLOW_KIND_ROUTE] = "route",
    [FLOW_KIND_NO_ROUTE] = "no-route",
    [FLOW_KIND_NEIGHBOR] = "neighbor",
    [FLOW_KIND_RESOLVE] = "resolve",
    [FLOW_KIND_REFUSED] = "refused",
    [FLOW_KIND_CLOSED] = "closed",
    [FLOW_KIND_STATE] = "state",
    [FLOW_KIND_POLICY] = "policy",
    [FLOW_KIND_NAT] = "nat",
    [FLOW_KIND_GUARDED] = "guarded",
    [FLOW_KIND_TOO_BIG] = "too-big",
};

static_assert(sizeof(struct flow) % alignof(struct compact_match) == 0, "the match follows the flow");
static_assert(alignof(struct compact_match) >= alignof(struct flow_act), "the actions follow the match");

static struct flow *make(const struct flow_spec *spec, size_t match_size)
{
    struct flow *f = malloc(sizeof *f + match_size + spec->n_acts * sizeof *spec->acts);
    struct flow_act *acts;

    if (!f)
        return NULL;
    *f = (struct flow){ .spec = *spec, .match = (void *)(f + 1) };
    acts = (void *)((char *)(f + 1) + match_size);
    if (spec->n_acts)
        memcpy(acts, spec->acts, spec->n_acts * sizeof *acts);
    f->spec.acts = acts;
    return f;
}

struct flow *flow_new(const struct flow_spec *spec, const struct match *match)
{
    struct flow *f = make(spec, compact_match_size(match));

    if (f)
        compact_match_init((struct compact_match *)(f + 1), match);
    return f;
}

struct flow *flow_dup(const struct flow *f)
{
    size_t size = sizeof *f->match + 2 * f->match->n * sizeof f->match->w[0];
    struct flow *copy = make(&f->spec, size);

    if (copy)
        memcpy(copy + 1, f->match, size);
    return copy;
}

void flow_free(struct flow *f)
{
    free(f);
}

bool flow_same_place(const struct flow *a, const struct flow *b)
{
    return a->spec.table == b->spec.table && a->spec.priority == b->spec.priority && a->match->n == b->match->n &&
           compact_match_equal(a->match, b->match);
}

static bool value_equal(struct value a, struct value b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static bool act_equal(const struct flow_act *a, const struct flow_act *b)
{
    return a->type == b->type && a->field == b->field && a->src == b->src && a->table == b->table && a->arg == b->arg &&
           a->ct_flags == b->ct_flags && a->nat_flags == b->nat_flags && a->port == b->port &&
           a->nat_family == b->nat_family && a->port_min == b->port_min && a->port_max == b->port_max &&
           a->host_limit == b->host_limit && a->alg == b->alg && value_equal(a->value, b->value) &&
           value_equal(a->value_max, b->value_max) && a->prefix_len == b->prefix_len &&
           a->outside_len == b->outside_len && value_equal(a->prefix, b->prefix);
}

static bool acts_equal(const struct flow_spec *a, const struct flow_spec *b)
{
    if (a->n_acts != b->n_acts)
        return false;
    for (size_t i = 0; i < a->n_acts; i++)
        if (!act_equal(&a->acts[i], &b->acts[i]))
            return false;
    return true;
}

enum flow_difference flow_compare(const struct flow *a, const struct flow *b)
{
    const struct flow_spec *x = &a->spec, *y = &b->spec;

    if (x->cookie != y->cookie || x->idle_s != y->idle_s || x->hard_s != y->hard_s || x->flags != y->flags)
        return FLOW_DIFFERS;
    if (x->is_strange || y->is_strange || x->goto_table != y->goto_table || x->metadata_mask != y->metadata_mask ||
        (x->metadata ^ y->metadata) & x->metadata_mask || !acts_equal(x, y))
        return FLOW_DIFFERS_IN_ACTION;
    return FLOW_SAME;
}

static uint32_t place_hash(const struct flow *f)
{
    return hash_words(f->match->w, 2 * (size_t)f->match->n, (uint32_t)f->spec.table << 16 | f->spec.priority);
}

void flow_set_init(struct flow_set *s)
{
    hmap_init(&s->flows);
}

void flow_set_fini(struct flow_set *s)
{
    for_each_hmap_safe (struct flow, f, next, &s->flows, link) {
        hmap_remove(&s->flows, &f->link);
        flow_free(f);
    }
    hmap_fini(&s->flows);
}

struct flow *flow_set_find(const struct flow_set *s, const struct flow *like)
{
    for_each_hmap_hash (struct flow, f, &s->flows, place_hash(like), link)
        if (flow_same_place(f, like))
            return f;
    return NULL;
}

void flow_set_remove(struct flow_set *s, const struct flow *like)
{
    struct flow *f = flow_set_find(s, like);

    if (!f)
        return;
    hmap_remove(&s->flows, &f->link);
    flow_free(f);
}

int flow_set_put(struct flow_set *s, struct flow *f)
{
    if (!f)
        return -ENOMEM;
    flow_set_remove(s, f);
    hmap_insert(&s->flows, &f->link, place_hash(f));
    return 0;
}

int flow_set_add(struct flow_set *s, const struct flow_spec *spec, const struct match *match)
{
    return flow_set_put(s, flow_new(spec, match));
}

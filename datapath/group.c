/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - makes and finds groups, and says which buckets are live; see group.h. */
#include "datapath/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/action_set.h"
#include "datapath/datapath_impl.h"

enum { WATCH_MAX = 1024 }; /* buckets looked at to tell whether one is live */

static void group_free(struct group *g)
{
    struct stat_pool *pool = g->bridge->dp->stats;

    for (unsigned i = 0; i < g->n_buckets; i++)
        stat_free(pool, g->buckets[i].stat);
    stat_free(pool, g->stat);
    free(g);
}

void group_free_object(struct object *o)
{
    group_free((struct group *)o); /* its first member */
}

/* Copies the bucket, its actions as a set in order to `acts`.  Returns how many they are, or -E2BIG. */
static int copy_bucket(struct bucket *out, const struct bucket *in, struct act *acts)
{
    struct action_set set = { 0 };

    for (unsigned i = 0; i < in->n_acts; i++)
        action_set_write(&set, &in->acts[i]);
    if (set.is_overflown)
        return -E2BIG;
    if (!action_set_finish(&set))
        set.n = 0; /* such a bucket drops the frame */
    *out = *in;
    out->acts = acts;
    out->n_acts = (uint16_t)set.n;
    memcpy(acts, set.acts, set.n * sizeof *acts);
    return (int)set.n;
}

int group_new(struct group **out, struct bridge *b, const struct group_spec *spec)
{
    struct stat_pool *pool = b->dp->stats;
    size_t n_acts = 0;
    int err = 0;

    for (unsigned i = 0; i < spec->n_buckets; i++)
        n_acts += spec->buckets[i].n_acts;

    size_t size = sizeof(struct group) + spec->n_buckets * sizeof(struct bucket);
    struct group *g = malloc(size + n_acts * sizeof(struct act));

    if (!g)
        return -ENOMEM;
    *g = (struct group){ .object.id = spec->id, .bridge = b, .type = spec->type };
    if (spec->replaces)
        stat_ref(pool, g->stat = spec->replaces->stat);
    else
        err = stat_alloc(pool, &g->stat);
    if (err) {
        free(g);
        return err;
    }

    struct act *acts = (struct act *)(void *)((uint8_t *)g + size);

    for (unsigned i = 0; i < spec->n_buckets; i++) {
        int n = copy_bucket(&g->buckets[i], &spec->buckets[i], acts);

        err = n < 0 ? n : stat_alloc(pool, &g->buckets[i].stat);
        if (err) {
            group_free(g);
            return err;
        }
        g->n_buckets++;
        acts += n;
    }
    *out = g;
    return 0;
}

void bridge_group_add(struct bridge *b, struct group *g)
{
    object_add(&b->groups, &g->object, g->object.id);
}

void bridge_group_remove(struct bridge *b, struct group *g)
{
    object_remove(&g->object);
}

void group_stats(const struct group *g, struct rule_stat *out)
{
    stat_read(g->bridge->dp->stats, g->stat, out);
}

void group_bucket_stats(const struct group *g, unsigned i, struct rule_stat *out)
{
    stat_read(g->bridge->dp->stats, g->buckets[i].stat, out);
}

/* --- thread W --- */

const struct group *group_find(const struct bridge *b, uint32_t id, uint64_t version)
{
    return (const struct group *)object_find(&b->groups, id, version);
}

bool port_is_live(const struct bridge *b, uint32_t number)
{
    const struct dp_port *dp = datapath_port(b->dp, bridge_port_index(b, number));

    return dp && !atomic_load_explicit(&dp->is_link_down, memory_order_relaxed) &&
           !(atomic_load_explicit(&dp->flags, memory_order_relaxed) & PORT_FLAG_DOWN);
}

/* A group is live when one of its buckets is. */
static bool is_live(const struct bridge *b, const struct bucket *k, uint64_t version, unsigned *left)
{
    const struct group *g;

    if (!*left)
        return false;
    --*left;
    if (k->watch_port == DP_PORT_NONE && k->watch_group == GROUP_NONE)
        return true;
    if (k->watch_port != DP_PORT_NONE && port_is_live(b, k->watch_port))
        return true;
    g = k->watch_group != GROUP_NONE ? group_find(b, k->watch_group, version) : NULL;
    for (unsigned i = 0; g && i < g->n_buckets; i++)
        if (is_live(b, &g->buckets[i], version, left))
            return true;
    return false;
}

bool bucket_is_live(const struct bridge *b, const struct bucket *k, uint64_t version)
{
    unsigned left = WATCH_MAX;

    return is_live(b, k, version, &left);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fake_datapath.c - see fake_datapath.h. */
#include "fake_datapath.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct rule_stat stats[1 << 16];
static uint32_t n_stats = 1;

static void *dup_bytes(const void *p, size_t n)
{
    void *copy = malloc(n ? n : 1);

    assert(copy);
    if (n)
        memcpy(copy, p, n);
    return copy;
}

int rule_new(struct rule **out, struct bridge *b, const struct rule_conf *conf)
{
    const struct rule_code *code = conf->code;

    if (b->dp->fail_in && !--b->dp->fail_in)
        return -ENOMEM;

    struct rule *r = calloc(1, sizeof *r);
    struct compact_match *m = dup_bytes(conf->compact, compact_match_bytes(conf->compact));

    assert(r);
    r->match = m;
    r->code = *code;
    r->code.apply = dup_bytes(code->apply, code->n_apply * sizeof *code->apply);
    r->code.write = dup_bytes(code->write, code->n_write * sizeof *code->write);
    r->cookie = conf->cookie;
    r->priority = conf->priority;
    r->table_id = conf->table_id;
    r->stat = conf->replaces ? conf->replaces->stat : n_stats++ % (sizeof stats / sizeof *stats);
    if (!conf->replaces)
        stats[r->stat] = (struct rule_stat){ 0 };
    *out = r;
    b->dp->n_live++;
    return 0;
}

void bridge_rule_expect(const struct bridge *b, uint8_t table_id, const struct compact_match *match)
{
}

static void rule_free(struct datapath *dp, struct rule *r)
{
    free((void *)(uintptr_t)r->match);
    free((void *)(uintptr_t)r->code.apply);
    free((void *)(uintptr_t)r->code.write);
    free(r);
    dp->n_live--;
}

int bridge_rule_add(struct bridge *b, struct rule *r)
{
    struct datapath *dp = b->dp;

    assert(dp->n_rules < FAKE_RULES);
    r->added_in = dp->version + 1;
    atomic_store(&r->removed_in, RULE_FOREVER);
    dp->rules[dp->n_rules++] = r;
    return 0;
}

void bridge_rule_remove(struct bridge *b, struct rule *r)
{
    assert(atomic_load(&r->removed_in) == RULE_FOREVER);
    atomic_store(&r->removed_in, b->dp->version + 1);
}

static void drop_rules(struct datapath *dp, bool (*is_dropped)(const struct datapath *dp, const struct rule *r))
{
    size_t n = 0;

    for (size_t i = 0; i < dp->n_rules; i++)
        if (is_dropped(dp, dp->rules[i]))
            rule_free(dp, dp->rules[i]);
        else
            dp->rules[n++] = dp->rules[i];
    dp->n_rules = n;
}

static bool is_new(const struct datapath *dp, const struct rule *r)
{
    return r->added_in > dp->version;
}

static bool is_gone(const struct datapath *dp, const struct rule *r)
{
    return atomic_load(&r->removed_in) <= dp->version;
}

void datapath_abort(struct datapath *dp)
{
    drop_rules(dp, is_new);
    for (size_t i = 0; i < dp->n_rules; i++)
        if (atomic_load(&dp->rules[i]->removed_in) == dp->version + 1)
            atomic_store(&dp->rules[i]->removed_in, RULE_FOREVER);
}

void datapath_commit(struct datapath *dp)
{
    dp->version++;
    fake_datapath_reclaim(dp); /* the real one may free at once too */
}

void fake_datapath_reclaim(struct datapath *dp)
{
    drop_rules(dp, is_gone);
}

size_t fake_datapath_visible(const struct datapath *dp)
{
    size_t n = 0;

    for (size_t i = 0; i < dp->n_rules; i++)
        n += rule_is_visible(dp->rules[i], dp->version);
    return n;
}

void rule_stats(const struct bridge *b, const struct rule *r, struct rule_stat *out)
{
    *out = stats[r->stat];
}

void fake_rule_count(const struct rule *r, uint64_t packets, uint64_t bytes, uint64_t now_ns)
{
    stats[r->stat].packets += packets;
    stats[r->stat].bytes += bytes;
    stats[r->stat].used_ns = now_ns;
}

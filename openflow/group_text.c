/* SPDX-License-Identifier: Apache-2.0 */
/* group_text.c - see group_text.h. */
#include "openflow/group_text.h"

#include <errno.h>
#include <inttypes.h>

#include "base/arena.h"
#include "base/str.h"
#include "openflow/action_text.h"
#include "openflow/ofp.h"
#include "openflow/text_lex.h"
#include "openflow/value_text.h"

static const struct {
    const char *name;
    enum ofp_group_type type;
} types[] = {
    /* the first of a type is written */
    { "all", OFPGT_ALL }, { "select", OFPGT_SELECT },    { "indirect", OFPGT_INDIRECT },
    { "ff", OFPGT_FF },   { "fast_failover", OFPGT_FF },
};

struct group {
    struct ofp_group_mod gm;
    struct action_text t;
    bool has_id, has_type;
};

static int take_id(struct group *g, const struct word *w)
{
    uint64_t v;
    int err;

    g->has_id = true;
    if (span_is_nocase(w->value, "all") && g->gm.command == OFPGC_DELETE) {
        g->gm.group_id = OFPG_ALL;
        return 0;
    }
    err = number_parse(w->key, w->value, OFPG_MAX, &v, g->t.e);
    g->gm.group_id = err ? 0 : (uint32_t)v;
    return err;
}

static int take_type(struct group *g, const struct word *w)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (span_is(w->value, types[i].name)) {
            g->gm.type = types[i].type;
            g->has_type = true;
            return 0;
        }
    return errbuf_set(g->t.e, -EINVAL, "type: '%.*s' is none of all, select, indirect, ff", SPAN_ARG(w->value));
}

static int take_word(struct group *g, const struct word *w)
{
    if (span_is(w->key, "group_id"))
        return take_id(g, w);
    if (g->gm.command == OFPGC_DELETE)
        return errbuf_set(g->t.e, -EINVAL, "'%.*s' cannot be said here, only group_id", SPAN_ARG(w->key));
    if (span_is(w->key, "type"))
        return take_type(g, w);
    return errbuf_set(g->t.e, -EINVAL, "'%.*s' is not a word of a group (group_id, type, bucket)", SPAN_ARG(w->key));
}

/* --- buckets --- */

/* 1: a word of the bucket itself, 0: its actions begin here. */
static int take_bucket_word(struct group *g, struct ofp_bucket *b, const struct word *w)
{
    uint64_t v = 0;
    int err = 0;

    if (span_is(w->key, "weight")) {
        err = number_parse(w->key, w->value, UINT16_MAX, &v, g->t.e);
        b->weight = (uint16_t)v;
        if (!err && g->gm.type != OFPGT_SELECT && v)
            err = errbuf_set(g->t.e, -EINVAL, "weight: only the buckets of a select group have one");
    } else if (span_is(w->key, "watch_port")) {
        if (!port_text_parse(w->value, g->t.names, &b->watch_port))
            err = errbuf_set(g->t.e, -EINVAL, "watch_port: '%.*s' is not a port number or name", SPAN_ARG(w->value));
    } else if (span_is(w->key, "watch_group")) {
        err = number_parse(w->key, w->value, UINT32_MAX, &v, g->t.e);
        b->watch_group = (uint32_t)v;
    } else if (span_is(w->key, "bucket_id")) {
        err = errbuf_set(g->t.e, -EINVAL, "bucket_id is not in OpenFlow 1.3");
    } else {
        return 0;
    }
    return err ? err : 1;
}

static int parse_bucket(struct group *g, struct ofp_bucket *b, struct span text)
{
    struct action_list list;
    const char *actions = NULL;
    struct word w;
    int err;

    *b = (struct ofp_bucket){ .weight = g->gm.type == OFPGT_SELECT, .watch_port = OFPP_ANY, .watch_group = OFPG_ANY };
    while (!actions && (err = word_next(&text, &w, g->t.e)) != 0) {
        if (err > 0)
            err = take_bucket_word(g, b, &w);
        if (err < 0)
            return err;
        if (!err)
            actions = span_is(w.key, "actions") || span_is(w.key, "action") ? w.value.p : w.key.p;
    }
    if (!actions)
        return errbuf_set(g->t.e, -EINVAL,
                          "a bucket has no actions; end it with actions=..., if need be with actions=drop");
    actions = arena_dup(g->t.arena, actions, (size_t)(text.p + text.n - actions));
    if (!actions)
        return errbuf_set(g->t.e, -ENOMEM, "out of memory");
    err = actions_text_parse(&list, &g->t, actions);
    if (!err) {
        b->actions = list.actions;
        b->n_actions = list.n_actions;
    }
    return err;
}

static bool is_bucket(const struct word *w)
{
    return w->delim == '=' && (span_is(w->key, "bucket") || span_is(w->key, "buckets"));
}

static int parse_buckets(struct group *g, struct span text)
{
    struct span rest = text, body = { 0 };
    struct word w;
    size_t i = 0;
    int got, err = 0;

    g->gm.buckets = arena_calloc(g->t.arena, g->gm.n_buckets, sizeof *g->gm.buckets);
    if (!g->gm.buckets)
        return errbuf_set(g->t.e, -ENOMEM, "out of memory");
    do {
        got = word_next(&rest, &w, g->t.e);
        if (got < 0 || (got && !is_bucket(&w)))
            continue;
        if (body.p) {
            body.n = (size_t)((got ? w.key.p : rest.p) - body.p);
            err = parse_bucket(g, &g->gm.buckets[i++], body);
        }
        body.p = w.value.p;
    } while (got > 0 && !err);
    return err ? err : got;
}

/* The words before the first bucket, and how many buckets there are. */
static int parse_words(struct group *g, struct span text)
{
    struct word w;
    int got;

    while ((got = word_next(&text, &w, g->t.e)) > 0) {
        if (is_bucket(&w))
            g->gm.n_buckets++;
        else if (!g->gm.n_buckets && take_word(g, &w))
            return -EINVAL;
    }
    return got;
}

static int check(const struct group *g)
{
    if (g->gm.command == OFPGC_DELETE) {
        if (g->gm.n_buckets)
            return errbuf_set(g->t.e, -EINVAL, "'bucket' cannot be said here, only group_id");
        return 0;
    }
    if (!g->has_id)
        return errbuf_set(g->t.e, -EINVAL, "the group needs group_id=N");
    if (!g->has_type)
        return errbuf_set(g->t.e, -EINVAL, "the group needs type=all, select, indirect or ff");
    if (g->gm.type == OFPGT_INDIRECT && g->gm.n_buckets != 1)
        return errbuf_set(g->t.e, -EINVAL, "a group of type indirect has one bucket, not %zu", g->gm.n_buckets);
    return 0;
}

int group_text_parse(struct ofp_group_mod *out, struct arena *a, const char *text, enum ofp_group_mod_command cmd,
                     const struct port_names *names, struct errbuf *e)
{
    struct group g = { .gm = { .command = cmd, .group_id = OFPG_ALL }, .t = { .arena = a, .names = names, .e = e } };
    int err = parse_words(&g, span_of(text));

    if (!err)
        err = check(&g);
    if (!err && g.gm.n_buckets)
        err = parse_buckets(&g, span_of(text));
    if (!err)
        *out = g.gm;
    return err;
}

/* --- writing --- */

static void print_bucket(struct str *s, enum ofp_group_type type, const struct ofp_bucket *b,
                         const struct port_names *names)
{
    str_add(s, ",bucket=");
    if (b->weight != (type == OFPGT_SELECT))
        str_printf(s, "weight:%u,", b->weight);
    if (b->watch_port != OFPP_ANY) {
        str_add(s, "watch_port:");
        port_text_print(s, b->watch_port, names);
        str_add_char(s, ',');
    }
    if (b->watch_group != OFPG_ANY)
        str_printf(s, "watch_group:%" PRIu32 ",", b->watch_group);
    str_add(s, "actions=");
    actions_text_print(s, b->actions, b->n_actions, names);
}

void group_text_print_desc(struct str *s, const struct ofp_group_desc *g, const struct port_names *names)
{
    const char *type = NULL;

    for (size_t i = 0; i < sizeof types / sizeof *types && !type; i++)
        if (types[i].type == g->type)
            type = types[i].name;
    str_printf(s, "group_id=%" PRIu32 ",type=%s", g->group_id, type ? type : "unknown");
    for (size_t i = 0; i < g->n_buckets; i++)
        print_bucket(s, g->type, &g->buckets[i], names);
}

void group_text_print_mod(struct str *s, const struct ofp_group_mod *gm, const struct port_names *names)
{
    struct ofp_group_desc g = {
        .type = gm->type,
        .group_id = gm->group_id,
        .buckets = gm->buckets,
        .n_buckets = gm->n_buckets,
    };

    if (gm->command != OFPGC_DELETE)
        group_text_print_desc(s, &g, names);
    else if (gm->group_id == OFPG_ALL)
        str_add(s, "group_id=all");
    else
        str_printf(s, "group_id=%" PRIu32, gm->group_id);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* doc.c - from libyaml's events to a tree in an arena; see doc.h.
 *
 * Theory.  An alias points to the node that its anchor names, so memory is bounded by the file; but walking such a graph
 * could take forever, so every node carries `n_nodes`, its size with aliases followed, and the sum is bounded.  An anchor
 * becomes visible only when its node is complete, hence no cycles. */
#include "io/doc.h"

#include "base/hash.h"
#include "io/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

enum { ANCHORS_MAX = 1024, INDEX_FROM = 8 };

struct anchor {
    const char *name;
    struct doc_node *node;
};

struct parse {
    struct doc *doc;
    yaml_parser_t yaml;
    struct errbuf *e;
    struct anchor anchors[ANCHORS_MAX];
    size_t n_anchors;
};

/* Children of a node under construction. */
struct kids {
    struct doc_node **v;
    size_t n, size;
};

static int node_parse(struct parse *p, yaml_event_t *ev, unsigned depth, struct doc_node **out);

static int fail(struct parse *p, int err, yaml_mark_t at, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return errbuf_set(p->e, err, "%s:%zu: %s", p->doc->name, at.line + 1, text);
}

static int next_event(struct parse *p, yaml_event_t *ev)
{
    if (yaml_parser_parse(&p->yaml, ev))
        return 0;
    if (p->yaml.error == YAML_MEMORY_ERROR)
        return errbuf_set(p->e, -ENOMEM, "%s: not enough memory", p->doc->name);
    if (p->yaml.error == YAML_READER_ERROR)
        return errbuf_set(p->e, -EINVAL, "%s: byte %zu: %s", p->doc->name, p->yaml.problem_offset, p->yaml.problem);
    return fail(p, -EINVAL, p->yaml.problem_mark, "%s%s%s", p->yaml.problem, p->yaml.context ? ", " : "",
                p->yaml.context ? p->yaml.context : "");
}

static struct doc_node *node_new(struct parse *p, enum doc_kind kind, yaml_mark_t at)
{
    struct doc_node *n = arena_calloc(&p->doc->arena, 1, sizeof *n);

    if (!n)
        return NULL;
    n->kind = kind;
    n->line = (unsigned)at.line + 1;
    n->column = (unsigned)at.column + 1;
    n->n_nodes = 1;
    n->doc = p->doc;
    return n;
}

static int kids_add(struct kids *k, struct doc_node *n)
{
    if (k->n == k->size) {
        size_t size = k->size ? k->size * 2 : 16;
        struct doc_node **v = realloc(k->v, size * sizeof *v);

        if (!v)
            return -ENOMEM;
        k->v = v;
        k->size = size;
    }
    k->v[k->n++] = n;
    return 0;
}

static uint32_t key_hash(const char *key)
{
    return hash_bytes(key, strlen(key), 0);
}

/* The place in the index where `key` is or would be. */
static uint32_t *index_slot(const struct doc_node *map, const char *key)
{
    uint32_t mask = (UINT32_C(1) << map->index_bits) - 1;

    for (uint32_t i = key_hash(key) & mask;; i = (i + 1) & mask)
        if (!map->index[i] || !strcmp(map->pairs[map->index[i] - 1].key->text, key))
            return &map->index[i];
}

struct doc_node *doc_find(const struct doc_node *map, const char *key)
{
    if (!map || map->kind != DOC_MAP)
        return NULL;
    if (map->index) {
        uint32_t at = *index_slot(map, key);

        return at ? map->pairs[at - 1].value : NULL;
    }
    for_each_doc_pair (p, map)
        if (!strcmp(p->key->text, key))
            return p->value;
    return NULL;
}

static int map_finish(struct parse *p, struct doc_node *map, const struct kids *k)
{
    uint32_t n_total = (uint32_t)(k->n / 2);

    map->pairs = arena_calloc(&p->doc->arena, n_total, sizeof *map->pairs);
    if (n_total > INDEX_FROM) {
        map->index_bits = (uint8_t)(33 - __builtin_clz(n_total));
        map->index = arena_calloc(&p->doc->arena, (size_t)1 << map->index_bits, sizeof *map->index);
    }
    if (!map->pairs || (map->index_bits && !map->index))
        return -ENOMEM;
    for (uint32_t i = 0; i < n_total; i++) {
        struct doc_node *key = k->v[2 * i];
        struct doc_node *twin = NULL;

        if (key->kind != DOC_SCALAR)
            return doc_error(key, p->e, "a key must be a word, not %s", doc_kind_name(key->kind));
        twin = doc_find(map, key->text);
        if (twin)
            return doc_error(key, p->e, "the key '%.64s' stands here twice, first in line %u", key->text, twin->line);
        map->pairs[i] = (struct doc_pair){ key, k->v[2 * i + 1] };
        if (map->index)
            *index_slot(map, key->text) = i + 1;
        map->n = i + 1;
    }
    return 0;
}

static int seq_finish(struct parse *p, struct doc_node *seq, const struct kids *k)
{
    seq->items = arena_calloc(&p->doc->arena, k->n, sizeof *seq->items);
    if (!seq->items)
        return -ENOMEM;
    if (k->n)
        memcpy(seq->items, k->v, k->n * sizeof *seq->items);
    seq->n = (uint32_t)k->n;
    return 0;
}

static int kids_parse(struct parse *p, struct doc_node *node, struct kids *k, unsigned depth)
{
    yaml_event_t ev;

    for (;;) {
        struct doc_node *kid = NULL;
        int err = next_event(p, &ev);

        if (err)
            return err;
        if (ev.type == YAML_MAPPING_END_EVENT || ev.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&ev);
            return 0;
        }
        err = node_parse(p, &ev, depth + 1, &kid);
        if (!err && kid->n_nodes > DOC_NODES_MAX - node->n_nodes)
            err = fail(p, -E2BIG, ev.start_mark, "the document is too large: more than %d values", DOC_NODES_MAX);
        yaml_event_delete(&ev);
        if (!err)
            err = kids_add(k, kid);
        if (err)
            return err;
        node->n_nodes += kid->n_nodes;
    }
}

static int collection_parse(struct parse *p, yaml_event_t *ev, unsigned depth, struct doc_node **out)
{
    enum doc_kind kind = ev->type == YAML_MAPPING_START_EVENT ? DOC_MAP : DOC_SEQ;
    struct doc_node *node = node_new(p, kind, ev->start_mark);
    struct kids k = { 0 };
    int err;

    if (!node)
        return -ENOMEM;
    if (depth >= DOC_DEPTH_MAX)
        return fail(p, -E2BIG, ev->start_mark, "nested more than %d deep", DOC_DEPTH_MAX);
    err = kids_parse(p, node, &k, depth);
    if (!err)
        err = kind == DOC_MAP ? map_finish(p, node, &k) : seq_finish(p, node, &k);
    free(k.v);
    *out = node;
    return err;
}

static int scalar_parse(struct parse *p, yaml_event_t *ev, struct doc_node **out)
{
    struct doc_node *node = node_new(p, DOC_SCALAR, ev->start_mark);

    if (!node)
        return -ENOMEM;
    if (memchr(ev->data.scalar.value, '\0', ev->data.scalar.length))
        return fail(p, -EINVAL, ev->start_mark, "a value contains a NUL character");
    node->text = arena_dup(&p->doc->arena, ev->data.scalar.value, ev->data.scalar.length);
    node->is_plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    *out = node;
    return node->text ? 0 : -ENOMEM;
}

static struct anchor *anchor_find(struct parse *p, const char *name)
{
    for (size_t i = 0; i < p->n_anchors; i++)
        if (!strcmp(p->anchors[i].name, name))
            return &p->anchors[i];
    return NULL;
}

static int anchor_add(struct parse *p, const yaml_event_t *ev, const char *name, struct doc_node *node)
{
    struct anchor *a = anchor_find(p, name);

    if (!a) {
        if (p->n_anchors == ANCHORS_MAX)
            return fail(p, -E2BIG, ev->start_mark, "more than %d anchors", ANCHORS_MAX);
        a = &p->anchors[p->n_anchors++];
        a->name = arena_dup(&p->doc->arena, name, strlen(name));
        if (!a->name)
            return -ENOMEM;
    }
    a->node = node;
    return 0;
}

static int alias_parse(struct parse *p, const yaml_event_t *ev, struct doc_node **out)
{
    const char *name = (const char *)ev->data.alias.anchor;
    struct anchor *a = anchor_find(p, name);

    if (!a)
        return fail(p, -EINVAL, ev->start_mark, "'*%.64s' names an anchor that no complete value before it has", name);
    *out = a->node;
    return 0;
}

static int node_parse(struct parse *p, yaml_event_t *ev, unsigned depth, struct doc_node **out)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    int err;

    switch ((int)ev->type) {
    case YAML_ALIAS_EVENT:
        return alias_parse(p, ev, out);
    case YAML_SCALAR_EVENT:
        anchor = ev->data.scalar.anchor;
        tag = ev->data.scalar.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = ev->data.mapping_start.anchor;
        tag = ev->data.mapping_start.tag;
        break;
    default:
        anchor = ev->data.sequence_start.anchor;
        tag = ev->data.sequence_start.tag;
        break;
    }
    if (tag)
        return fail(p, -EINVAL, ev->start_mark, "tags such as '%.64s' are not used here", (const char *)tag);
    err = ev->type == YAML_SCALAR_EVENT ? scalar_parse(p, ev, out) : collection_parse(p, ev, depth, out);
    if (!err && anchor)
        err = anchor_add(p, ev, (const char *)anchor, *out);
    return err;
}

static int stream_parse(struct parse *p)
{
    for (;;) {
        yaml_event_t ev;
        yaml_event_type_t type;
        int err = next_event(p, &ev);

        if (err)
            return err;
        type = ev.type;
        switch ((int)type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
        case YAML_STREAM_END_EVENT:
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (p->doc->root)
                err = fail(p, -EINVAL, ev.start_mark, "a second document begins here; one is expected");
            break;
        default:
            err = node_parse(p, &ev, 0, &p->doc->root);
        }
        yaml_event_delete(&ev);
        if (err || type == YAML_STREAM_END_EVENT)
            return err;
    }
}

int doc_parse(struct doc *d, const char *name, const char *text, size_t len, struct errbuf *e)
{
    struct parse *p = calloc(1, sizeof *p);
    int err = -ENOMEM;

    *d = (struct doc){ 0 };
    arena_init(&d->arena);
    d->name = arena_dup(&d->arena, name, strlen(name));
    if (!p || !d->name)
        goto free_parse;
    p->doc = d;
    p->e = e;
    if (!yaml_parser_initialize(&p->yaml))
        goto free_parse;
    yaml_parser_set_input_string(&p->yaml, (const unsigned char *)text, len);
    err = stream_parse(p);
    yaml_parser_delete(&p->yaml);
free_parse:
    free(p);
    if (err == -ENOMEM)
        errbuf_set(e, err, "%s: not enough memory", name);
    if (err)
        doc_fini(d);
    return err;
}

int doc_open(struct doc *d, const char *path, struct errbuf *e)
{
    char *text;
    size_t len;
    int err = file_read(&text, &len, path, e);

    *d = (struct doc){ 0 };
    if (err)
        return err;
    err = doc_parse(d, path, text, len, e);
    free(text);
    return err;
}

void doc_fini(struct doc *d)
{
    if (!d)
        return;
    arena_fini(&d->arena);
    *d = (struct doc){ 0 };
}

bool doc_is_null(const struct doc_node *n)
{
    if (!n)
        return true;
    return n->kind == DOC_SCALAR && n->is_plain && (!n->text[0] || !strcmp(n->text, "~") || !strcmp(n->text, "null"));
}

const char *doc_kind_name(enum doc_kind kind)
{
    static const char *const names[] = { [DOC_SCALAR] = "a value", [DOC_MAP] = "a map", [DOC_SEQ] = "a list" };

    return names[kind];
}

int doc_error(const struct doc_node *n, struct errbuf *e, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return errbuf_set(e, -EINVAL, "%s:%u: %s", n->doc->name, n->line, text);
}

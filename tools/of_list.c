/* SPDX-License-Identifier: Apache-2.0 */
/* of_list.c - see of_list.h. */
#include "tools/of_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "openflow/text_lex.h"
#include "tools/of_client.h"
#include "tools/of_target.h"
#include "tools/reply.h"
#include "tools/text_table.h"

struct listing {
    const struct of_list_kind *kind;
    const struct port_names *names;
    char key[16]; /* "group_id" */
    json_t *items;
};

static void take(void *arg, const struct ofp_msg *m)
{
    struct listing *l = arg;

    if (m->type == OFPT_MULTIPART_REPLY && m->multipart_reply.type == l->kind->type)
        l->kind->take(l->items, &m->multipart_reply, l->names);
}

struct numbered {
    uint64_t number;
    json_t *item;
};

static int by_number(const void *pa, const void *pb)
{
    const struct numbered *a = pa, *b = pb;

    return a->number < b->number ? -1 : a->number > b->number;
}

/* The items in the order of their numbers; only that of `id` unless it stands for all, since not every question says it. */
static json_t *in_order(const struct listing *l, uint64_t id)
{
    size_t n = json_array_size(l->items), i;
    struct numbered *all = calloc(n ? n : 1, sizeof *all);
    json_t *list = json_array(), *item;

    json_array_foreach(l->items, i, item) if (all) all[i] = (struct numbered){ reply_number(item, l->key), item };
    if (all)
        qsort(all, n, sizeof *all, by_number);
    for (i = 0; all && i < n; i++)
        if (id == l->kind->all || all[i].number == id)
            json_array_append(list, all[i].item);
    free(all);
    return list;
}

static int read_id(const struct cli *c, const struct of_list_kind *kind, uint64_t *id)
{
    const char *text = cli_arg(c, 0);

    *id = kind->all;
    if (text && !span_number(span_of(text), UINT32_MAX, id))
        return cli_usage_fail(c, "'%s' is no number of a %s", text, kind->noun);
    return CLI_OK;
}

static int ask(struct of_target *t, struct listing *l, uint32_t id)
{
    struct ofp_msg m = { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = l->kind->type } };
    struct errbuf e = { { 0 } };
    int err;

    if (l->kind->type == OFPMP_GROUP)
        m.multipart_request.group.group_id = id;
    else if (l->kind->type == OFPMP_METER)
        m.multipart_request.meter.meter_id = id;
    else if (l->kind->type == OFPMP_METER_CONFIG)
        m.multipart_request.meter_config.meter_id = id;
    err = of_client_request(t->client, &m, take, l, &e);
    return err ? cli_fail(err == -EREMOTEIO ? CLI_FAILED : CLI_UNREACHABLE, "%s", e.text) : CLI_OK;
}

static int tell(const struct cli *c, const struct of_target *t, const struct listing *l, uint64_t id)
{
    json_t *list = in_order(l, id), *o;
    const char *noun = l->kind->noun;
    size_t n = json_array_size(list);
    char key[16];
    int code = CLI_OK;

    if (!n && id != l->kind->all) {
        code = cli_fail(CLI_FAILED, "%s has no %s %llu", t->name, noun, (unsigned long long)id);
    } else if (c->is_json) {
        snprintf(key, sizeof key, "%ss", noun);
        o = of_target_json(t);
        json_object_set(o, key, list);
        cli_json(o);
    } else {
        printf("# %s, asked directly at %s: %zu %s%s\n", t->name, t->endpoint, n, noun, n == 1 ? "" : "s");
        l->kind->show(list);
    }
    json_decref(list);
    return code;
}

int of_list(const struct cli *c, const struct of_list_kind *kind)
{
    struct listing l = { .kind = kind, .items = json_array() };
    struct of_target t = { 0 };
    uint64_t id;
    int code = read_id(c, kind, &id);

    snprintf(l.key, sizeof l.key, "%s_id", kind->noun);
    if (!code)
        code = of_target_open(c, &t);
    if (!code) {
        l.names = cli_has(c, "numbers") ? NULL : of_client_names(t.client);
        code = ask(&t, &l, (uint32_t)id);
    }
    if (!code)
        code = tell(c, &t, &l, id);
    of_target_close(&t);
    json_decref(l.items);
    return code;
}

void of_list_show_texts(const json_t *items)
{
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item) puts(reply_text(item, "text"));
}

void of_list_show_stats(const json_t *items, const struct of_list_columns *columns)
{
    char bytes[UNITS_TEXT_SIZE], age[UNITS_TEXT_SIZE];
    struct text_table t;
    json_t *item, *part;
    size_t i, k;

    text_table_init(&t, columns->heads);
    json_array_foreach(items, i, item)
    {
        unsigned long long id = reply_number(item, columns->id);

        text_table_add(&t, "%llu", id);
        text_table_add(&t, "%s", "");
        text_table_add(&t, "%llu", (unsigned long long)reply_number(item, columns->uses));
        text_table_add(&t, "%llu", (unsigned long long)reply_number(item, "packets"));
        text_table_add(&t, "%s", units_bytes(reply_number(item, "bytes"), bytes));
        text_table_add(&t, "%s", units_seconds((uint64_t)json_real_value(json_object_get(item, "duration")), age));
        json_array_foreach(json_object_get(item, columns->parts), k, part)
        {
            text_table_add(&t, "%llu", id);
            text_table_add(&t, "%zu", k);
            text_table_add(&t, "%s", "");
            text_table_add(&t, "%llu", (unsigned long long)reply_number(part, "packets"));
            text_table_add(&t, "%s", units_bytes(reply_number(part, "bytes"), bytes));
            text_table_add(&t, "%s", "");
        }
    }
    text_table_show(&t);
    text_table_fini(&t);
}

const struct cli_option of_list_options[] = {
    OF_TARGET_OPTIONS,
    { "numbers", 'n', NULL, "ports by number" },
    { 0 },
};

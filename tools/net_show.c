/* SPDX-License-Identifier: Apache-2.0 */
/* net_show.c - `trama net show`: the network as the controller sees it. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "tools/net.h"
#include "tools/reply.h"
#include "tools/text_table.h"

/* "a, b" of an array of texts. */
static void list_text(struct str *s, const json_t *list)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item) str_printf(s, "%s%s", i ? ", " : "", json_string_value(item));
}

static void add_list(struct text_table *t, const json_t *list)
{
    struct str s = { 0 };

    list_text(&s, list);
    text_table_add(t, "%s", str_text(&s));
    str_fini(&s);
}

static void end_table(struct text_table *t, size_t n_rows)
{
    if (n_rows) {
        putchar('\n');
        text_table_show(t);
    }
    text_table_fini(t);
}

static void show_networks(const json_t *list)
{
    struct text_table t;
    json_t *o;
    size_t i;

    text_table_init(&t, "NETWORK >VLAN");
    json_array_foreach(list, i, o)
    {
        text_table_add(&t, "%s", reply_text(o, "name"));
        text_table_add(&t, "%llu", (unsigned long long)reply_number(o, "vlan"));
    }
    end_table(&t, i);
}

static void show_switches(const json_t *list)
{
    static const char *const counts[] = { "ours", "others", "conflicts", "refused" };
    struct text_table t;
    json_t *o;
    size_t i;

    text_table_init(&t, "SWITCH DATAPATH_ID STATE IN_SYNC PEER >FLOWS >OTHERS >CONFLICTS >REFUSED");
    json_array_foreach(list, i, o)
    {
        const json_t *flows = json_object_get(o, "flows"), *in_sync = json_object_get(o, "in_sync");

        text_table_add(&t, "%s", reply_text(o, "name"));
        text_table_add(&t, "%016llx", (unsigned long long)reply_number(o, "datapath_id"));
        text_table_add(&t, "%s", reply_text(o, "state"));
        text_table_add(&t, "%s", !in_sync ? "" : json_is_true(in_sync) ? "yes" : "no");
        text_table_add(&t, "%s", reply_text(o, "peer"));
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
            if (flows)
                text_table_add(&t, "%llu", (unsigned long long)reply_number(flows, counts[k]));
            else
                text_table_add(&t, "%s", "");
    }
    end_table(&t, i);
}

static void show_links(const json_t *list)
{
    struct text_table t;
    json_t *o;
    size_t i;

    text_table_init(&t, "LINK STATE KIND FLOODS");
    json_array_foreach(list, i, o)
    {
        const json_t *ends = json_object_get(o, "ends");

        text_table_add(&t, "%s - %s", json_string_value(json_array_get(ends, 0)),
                       json_string_value(json_array_get(ends, 1)));
        text_table_add(&t, "%s", reply_text(o, "state"));
        text_table_add(&t, "%s", reply_text(o, "kind"));
        add_list(&t, json_object_get(o, "floods"));
    }
    end_table(&t, i);
}

static void show_hosts(const json_t *list)
{
    struct text_table t;
    json_t *o;
    size_t i;

    text_table_init(&t, "HOST NETWORK SWITCH PORT MAC ADDRESSES");
    json_array_foreach(list, i, o)
    {
        text_table_add(&t, "%s", json_is_true(json_object_get(o, "declared")) ? reply_text(o, "name") : "(learned)");
        text_table_add(&t, "%s", reply_text(o, "network"));
        text_table_add(&t, "%s", reply_text(o, "switch"));
        text_table_add(&t, "%s", reply_text(o, "port"));
        text_table_add(&t, "%s", reply_text(o, "mac"));
        add_list(&t, json_object_get(o, "addresses"));
    }
    end_table(&t, i);
}

static void show_routers(const json_t *list)
{
    struct text_table t;
    json_t *o, *leg;
    size_t i, j;

    text_table_init(&t, "ROUTER NETWORK SIDE GATEWAY MAC ADDRESSES");
    json_array_foreach(list, i, o) json_array_foreach(json_object_get(o, "networks"), j, leg)
    {
        text_table_add(&t, "%s", reply_text(o, "name"));
        text_table_add(&t, "%s", reply_text(leg, "network"));
        text_table_add(&t, "%s", json_is_true(json_object_get(leg, "outside")) ? "outside" : "inside");
        text_table_add(&t, "%s", reply_text(o, "gateway"));
        text_table_add(&t, "%s", reply_text(o, "mac"));
        add_list(&t, json_object_get(leg, "addresses"));
    }
    end_table(&t, json_array_size(list));
}

static void show_neighbors(const json_t *list)
{
    struct text_table t;
    json_t *o;
    size_t i;

    text_table_init(&t, "NEIGHBOR NETWORK MAC NAME >LEASE");
    json_array_foreach(list, i, o)
    {
        text_table_add(&t, "%s", reply_text(o, "address"));
        text_table_add(&t, "%s", reply_text(o, "network"));
        text_table_add(&t, "%s", reply_text(o, "mac"));
        text_table_add(&t, "%s", reply_text(o, "name"));
        if (json_object_get(o, "lease_s"))
            text_table_add(&t, "%llu s", (unsigned long long)reply_number(o, "lease_s"));
        else
            text_table_add(&t, "%s", "");
    }
    end_table(&t, i);
}

int net_run_policies(struct cli *c)
{
    struct text_table t;
    json_t *result, *o;
    size_t i;
    int code = cli_call(c, CLI_CONTROLLER, "net/policies", NULL, &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    text_table_init(&t, "POLICY ACTION >PACKETS >BYTES");
    json_array_foreach(json_object_get(result, "policies"), i, o)
    {
        text_table_add(&t, "%s", *reply_text(o, "name") ? reply_text(o, "name") : "(from outside)");
        text_table_add(&t, "%s", reply_text(o, "action"));
        text_table_add(&t, "%llu", (unsigned long long)reply_number(o, "packets"));
        text_table_add(&t, "%llu", (unsigned long long)reply_number(o, "bytes"));
    }
    text_table_show(&t);
    text_table_fini(&t);
    json_array_foreach(json_object_get(result, "problems"), i, o) printf("problem: %s\n", json_string_value(o));
    json_decref(result);
    return CLI_OK;
}

static void show_problems(const json_t *result)
{
    json_t *o;
    size_t i;

    json_array_foreach(json_object_get(result, "problems"), i, o)
        printf("%sproblem: %s\n", i ? "" : "\n", json_string_value(o));
    json_array_foreach(json_object_get(result, "strangers"), i, o)
        printf("%sswitch %016llx at %s is in no document\n", i ? "" : "\n",
               (unsigned long long)reply_number(o, "datapath_id"), reply_text(o, "peer"));
}

int net_run_show(struct cli *c)
{
    json_t *result;
    int code = cli_call(c, CLI_CONTROLLER, "net/show", NULL, &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    printf("%s, from %s: %s\n", reply_text(result, "name"), reply_text(result, "file"),
           json_is_true(json_object_get(result, "settled")) ? "settled" : "not settled yet");
    show_networks(json_object_get(result, "networks"));
    show_switches(json_object_get(result, "switches"));
    show_links(json_object_get(result, "links"));
    show_hosts(json_object_get(result, "hosts"));
    show_routers(json_object_get(result, "routers"));
    show_neighbors(json_object_get(result, "neighbors"));
    show_problems(result);
    json_decref(result);
    return CLI_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - `trama group ...`: groups of a switch, in the words of ovs-ofctl. */
#include "openflow/action_text.h"
#include "openflow/group_text.h"
#include "tools/commands.h"
#include "tools/of_change.h"
#include "tools/of_list.h"
#include "tools/of_target.h"

/* --- changes --- */

static int parse_group(struct ofp_msg *m, struct arena *a, const char *text, int command,
                       const struct port_names *names, struct errbuf *e)
{
    m->type = OFPT_GROUP_MOD;
    return group_text_parse(&m->group_mod, a, text, (enum ofp_group_mod_command)command, names, e);
}

static const struct of_change_kind group_kind = { "group", parse_group };

static int run_add(struct cli *c)
{
    return of_change(c, &group_kind, OFPGC_ADD, OF_CHANGE_SETS);
}

static int run_mod(struct cli *c)
{
    return of_change(c, &group_kind, OFPGC_MODIFY, OF_CHANGE_SETS);
}

static int run_del(struct cli *c)
{
    return of_change(c, &group_kind, OFPGC_DELETE, OF_CHANGE_DELETES);
}

/* --- what there is --- */

static json_t *bucket_json(const struct ofp_bucket *b, const struct port_names *names)
{
    struct str s = { 0 };
    json_t *o;

    actions_text_print(&s, b->actions, b->n_actions, names);
    o = json_pack("{s:i, s:s}", "weight", b->weight, "actions", str_text(&s));
    str_fini(&s);
    if (b->watch_port != OFPP_ANY)
        json_object_set_new(o, "watch_port", json_integer(b->watch_port));
    if (b->watch_group != OFPG_ANY)
        json_object_set_new(o, "watch_group", json_integer(b->watch_group));
    return o;
}

static void take_groups(json_t *items, const struct ofp_multipart_reply *r, const struct port_names *names)
{
    for (size_t i = 0; i < r->group_desc.n_groups; i++) {
        const struct ofp_group_desc *g = &r->group_desc.groups[i];
        json_t *buckets = json_array();
        struct str s = { 0 }, type = { 0 };

        for (size_t k = 0; k < g->n_buckets; k++)
            json_array_append_new(buckets, bucket_json(&g->buckets[k], names));
        group_text_print_desc(&s, g, names);
        ofp_enum_print(&type, &ofp_group_type_names, g->type);
        json_array_append_new(items, json_pack("{s:I, s:s, s:o, s:s}", "group_id", (json_int_t)g->group_id, "type",
                                               str_text(&type), "buckets", buckets, "text", str_text(&s)));
        str_fini(&type);
        str_fini(&s);
    }
}

static void take_stats(json_t *items, const struct ofp_multipart_reply *r, const struct port_names *names)
{
    for (size_t i = 0; i < r->group.n_groups; i++) {
        const struct ofp_group_stats *g = &r->group.groups[i];
        json_t *buckets = json_array();

        for (size_t k = 0; k < g->n_buckets; k++)
            json_array_append_new(buckets, json_pack("{s:I, s:I}", "packets", (json_int_t)g->buckets[k].packet_count,
                                                     "bytes", (json_int_t)g->buckets[k].byte_count));
        json_array_append_new(
            items, json_pack("{s:I, s:I, s:f, s:I, s:I, s:o}", "group_id", (json_int_t)g->group_id, "references",
                             (json_int_t)g->ref_count, "duration", g->duration_sec + g->duration_nsec / 1e9, "packets",
                             (json_int_t)g->packet_count, "bytes", (json_int_t)g->byte_count, "buckets", buckets));
    }
}

static void show_stats(const json_t *items)
{
    static const struct of_list_columns columns = { ">GROUP >BUCKET >REFERENCES >PACKETS >BYTES >AGE", "group_id",
                                                    "references", "buckets" };

    of_list_show_stats(items, &columns);
}

static int run_dump(struct cli *c)
{
    static const struct of_list_kind kind = { OFPMP_GROUP_DESC, "group", OFPG_ALL, take_groups, of_list_show_texts };

    return of_list(c, &kind);
}

static int run_stats(struct cli *c)
{
    static const struct of_list_kind kind = { OFPMP_GROUP, "group", OFPG_ALL, take_stats, show_stats };

    return of_list(c, &kind);
}

static const struct cli_option change_options[] = {
    OF_TARGET_OPTIONS,
    OF_CHANGE_FILE_OPTION,
    OF_CHANGE_NO_BUNDLE_OPTION,
    { 0 },
};
static const struct cli_option del_options[] = {
    OF_TARGET_OPTIONS, OF_CHANGE_FILE_OPTION, OF_CHANGE_NO_BUNDLE_OPTION, { "all", 0, NULL, "every group" }, { 0 },
};

const struct cli_command group_commands[] = {
    { "group add", "[GROUP]...", "Adds groups", run_add, 0, -1, change_options,
      "GROUP is written as for ovs-ofctl; its type is all, select, indirect or ff (the first bucket whose port is up):\n"
      "  trama group add group_id=7,type=select,bucket=weight:5,actions=output:1,bucket=weight:3,actions=output:2\n"
      "Flows and buckets send to it by group:7.  Several groups go in together or not at all.\n" },
    { "group mod", "[GROUP]...", "Gives groups another type and other buckets", run_mod, 0, -1, change_options },
    { "group del", "[GROUP]...", "Deletes groups (group_id=7), and the flows and buckets that send to them", run_del, 0,
      -1, del_options },
    { "group dump", "[NUMBER]", "Lists groups, as they can be added again", run_dump, 0, 1, of_list_options },
    { "group stats", "[NUMBER]", "Counters of groups and of their buckets", run_stats, 0, 1, of_list_options },
    { 0 },
};

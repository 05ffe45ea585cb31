/* SPDX-License-Identifier: Apache-2.0 */
/* flow_dump.c - `trama flow dump|count`: what a switch holds, asked over OpenFlow, or what the controller says it holds. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "openflow/flow_text.h"
#include "openflow/semantics.h"
#include "tools/flow.h"
#include "tools/of_target.h"
#include "tools/of_client.h"
#include "tools/reply.h"
#include "tools/text_table.h"

static int sort_order(const struct cli *c, enum flow_order *out)
{
    static const char *const names[] = {
        [FLOW_BY_PRIORITY] = "priority",
        [FLOW_BY_PACKETS] = "packets",
        [FLOW_BY_BYTES] = "bytes",
    };
    const char *text = cli_value(c, "sort");

    *out = FLOW_BY_PRIORITY;
    if (!text)
        return CLI_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(text, names[i])) {
            *out = (enum flow_order)i;
            return CLI_OK;
        }
    return cli_usage_fail(c, "--sort: '%s' is none of priority, packets and bytes", text);
}

static struct ofp_msg stats_request(enum ofp_multipart_type type, const struct ofp_flow_mod *filter)
{
    return (struct ofp_msg){
        .type = OFPT_MULTIPART_REQUEST,
        .multipart_request = { .type = type,
                               .flow = { .table_id = filter->table_id,
                                         .out_port = filter->out_port,
                                         .out_group = filter->out_group,
                                         .cookie = filter->cookie,
                                         .cookie_mask = filter->cookie_mask,
                                         .match = filter->match } },
    };
}

/* Opens the switch and reads the filter. */
static int begin(const struct cli *c, struct of_target *t, struct arena *a, struct ofp_flow_mod *filter)
{
    int code = of_target_open(c, t);

    if (!code)
        code = flow_filter_parse(c, a, of_client_names(t->client), filter);
    return code;
}

static int end(struct of_target *t, struct arena *a, int code)
{
    of_target_close(t);
    arena_fini(a);
    return code;
}

static int say_error(int err, const struct errbuf *e)
{
    return cli_fail(err == -EREMOTEIO ? CLI_FAILED : CLI_UNREACHABLE, "%s", e->text);
}

/* --- count --- */

static void take_aggregate(void *arg, const struct ofp_msg *m)
{
    if (m->type == OFPT_MULTIPART_REPLY && m->multipart_reply.type == OFPMP_AGGREGATE)
        *(struct ofp_aggregate_stats *)arg = m->multipart_reply.aggregate;
}

int flow_run_count(struct cli *c)
{
    struct ofp_aggregate_stats sum = { 0 };
    struct ofp_flow_mod filter = { 0 };
    struct errbuf e = { { 0 } };
    struct of_target t;
    struct ofp_msg m;
    struct arena a;
    char bytes[UNITS_TEXT_SIZE];
    int code, err;

    arena_init(&a);
    code = begin(c, &t, &a, &filter);
    if (code)
        return end(&t, &a, code);
    m = stats_request(OFPMP_AGGREGATE, &filter);
    err = of_client_request(t.client, &m, take_aggregate, &sum, &e);
    if (err)
        return end(&t, &a, say_error(err, &e));
    if (c->is_json) {
        json_t *o = of_target_json(&t);

        json_object_set_new(o, "flows", json_integer(sum.flow_count));
        json_object_set_new(o, "packets", json_integer((json_int_t)sum.packet_count));
        json_object_set_new(o, "bytes", json_integer((json_int_t)sum.byte_count));
        cli_json(o);
    } else {
        printf("%s: %u flow%s, %llu packet%s, %s\n", t.name, sum.flow_count, sum.flow_count == 1 ? "" : "s",
               (unsigned long long)sum.packet_count, sum.packet_count == 1 ? "" : "s",
               units_bytes(sum.byte_count, bytes));
    }
    return end(&t, &a, CLI_OK);
}

/* --- dump, from the switch --- */

struct dump {
    struct flow_list list;
    struct flow_form form;
};

static void take_flows(void *arg, const struct ofp_msg *m)
{
    struct dump *d = arg;
    const struct ofp_flow_stats_reply *r = &m->multipart_reply.flow;

    for (size_t i = 0; m->type == OFPT_MULTIPART_REPLY && m->multipart_reply.type == OFPMP_FLOW && i < r->n_flows; i++)
        flow_list_add_stats(&d->list, &r->flows[i], &d->form);
}

static json_t *rows_json(const struct flow_list *l)
{
    json_t *list = json_array();

    for (size_t i = 0; i < l->n; i++)
        json_array_append(list, l->rows[i].json);
    return list;
}

static void print_rows(const struct flow_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        puts(l->rows[i].line);
}

static int dump_switch(const struct cli *c, enum flow_order order)
{
    struct dump d = { .form = { .has_stats = !cli_has(c, "no-stats"), .is_json = c->is_json } };
    struct ofp_flow_mod filter = { 0 };
    struct errbuf e = { { 0 } };
    struct of_target t;
    struct ofp_msg m;
    struct arena a;
    int code, err;

    arena_init(&a);
    code = begin(c, &t, &a, &filter);
    if (code)
        return end(&t, &a, code);
    if (!cli_has(c, "numbers"))
        d.form.names = of_client_names(t.client);
    flow_list_init(&d.list);
    m = stats_request(OFPMP_FLOW, &filter);
    err = of_client_request(t.client, &m, take_flows, &d, &e);
    if (err || d.list.is_bad) {
        code = err ? say_error(err, &e) : cli_fail(CLI_FAILED, "not enough memory for the flows of %s", t.name);
    } else {
        flow_list_sort(&d.list, order);
        if (c->is_json) {
            json_t *o = of_target_json(&t);

            json_object_set_new(o, "flows", rows_json(&d.list));
            cli_json(o);
        } else {
            printf("# %s, asked directly at %s: %zu flow%s\n", t.name, t.endpoint, d.list.n, d.list.n == 1 ? "" : "s");
            print_rows(&d.list);
        }
    }
    flow_list_fini(&d.list);
    return end(&t, &a, code);
}

/* --- dump, through the controller --- */

/* Does a flow, as the controller wrote it, pass the filter?  What cannot be read is shown. */
static bool passes(const char *flow, const struct ofp_flow_mod *filter)
{
    struct ofp_flow_mod fm;
    struct match wide, narrow;
    struct ofp_err err;
    struct arena a;
    bool is_in = true;

    arena_init(&a);
    if (!flow_text_parse(&fm, &a, flow, FLOW_TEXT_ADD, NULL, NULL) && !ofp_match_to_match(&narrow, &fm.match, &err) &&
        !ofp_match_to_match(&wide, &filter->match, &err))
        is_in = (filter->table_id == OFPTT_ALL || filter->table_id == fm.table_id) &&
                !((fm.cookie ^ filter->cookie) & filter->cookie_mask) && match_covers(&wide, &narrow);
    arena_fini(&a);
    return is_in;
}

/* One switch's rows; in JSON each flow of the answer stays as it is, in the order of the rows. */
static int show_part(const struct cli *c, json_t *part, const struct ofp_flow_mod *filter, enum flow_order order)
{
    struct flow_list l;
    size_t i, n_ours = 0;
    json_t *o;
    char path[CLI_PATH_SIZE];

    flow_list_init(&l);
    json_array_foreach(json_object_get(part, "flows"), i, o)
    {
        const char *flow = reply_text(o, "flow");
        struct flow_row *row = passes(flow, filter) ? flow_list_add(&l) : NULL;

        if (!row)
            continue;
        row->table = (uint8_t)reply_number(o, "table");
        row->priority = (uint16_t)reply_number(o, "priority");
        row->packets = reply_number(o, "packets");
        row->bytes = reply_number(o, "bytes");
        row->match = strstr(flow, "priority=") ? strstr(flow, "priority=") : flow;
        row->line = cli_has(c, "no-stats") ? row->match : flow;
        row->json = json_incref(o);
        n_ours += !strcmp(reply_text(o, "owner"), "trama");
    }
    flow_list_sort(&l, order);
    if (c->is_json) {
        json_object_set_new(part, "flows", rows_json(&l));
    } else {
        printf("# %s, through the controller at %s: %zu flow%s, %zu of trama\n", reply_text(part, "switch"),
               cli_socket(c, CLI_CONTROLLER, path), l.n, l.n == 1 ? "" : "s", n_ours);
        for (i = 0; i < l.n; i++)
            printf("%-5s %-10s %s\n", reply_text(l.rows[i].json, "owner"), reply_text(l.rows[i].json, "kind"),
                   l.rows[i].line);
    }
    flow_list_fini(&l);
    if (!json_object_get(part, "error"))
        return CLI_OK;
    return cli_fail(CLI_FAILED, "switch %s could not be asked: %s", reply_text(part, "switch"),
                    reply_text(part, "error"));
}

int flow_dump_controller(const struct cli *c, const char *sw)
{
    struct ofp_flow_mod filter = { 0 };
    enum flow_order order;
    struct arena a;
    json_t *result, *part;
    size_t i;
    int code = sort_order(c, &order);

    arena_init(&a);
    if (!code)
        code = flow_filter_parse(c, &a, NULL, &filter);
    if (!code && (filter.out_port != OFPP_ANY || filter.out_group != OFPG_ANY))
        code = cli_usage_fail(c, "out_port and out_group choose flows at a switch only, not through the controller");
    if (!code)
        code = cli_call(c, CLI_CONTROLLER, "net/flows", sw ? json_pack("{s:s}", "switch", sw) : NULL, &result);
    if (!code) {
        json_array_foreach(json_object_get(result, "switches"), i, part)
        {
            int one = show_part(c, part, &filter, order);

            code = code ? code : one;
        }
        if (c->is_json) {
            json_object_set_new(result, "via", json_string("controller"));
            cli_json(json_incref(result));
        }
        json_decref(result);
    }
    arena_fini(&a);
    return code;
}

int flow_run_dump(struct cli *c)
{
    enum flow_order order;
    int code;

    if (!cli_has(c, "controller")) {
        code = sort_order(c, &order);
        return code ? code : dump_switch(c, order);
    }
    if (cli_has(c, "to") || cli_has(c, "numbers"))
        return cli_usage_fail(c, "--controller goes neither with --to nor with --numbers");
    return flow_dump_controller(c, cli_value(c, "bridge"));
}

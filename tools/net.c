/* SPDX-License-Identifier: Apache-2.0 */
/* net.c - `trama net validate|apply|diff|flows`: the network document, checked here, and given to the controller.
 * `trama net show` is in net_show.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_doc.h"
#include "tools/commands.h"
#include "tools/flow.h"
#include "tools/net.h"
#include "tools/reply.h"
#include "tools/text_table.h"

enum { WAIT_MAX_S = 3600, REPLY_MS = 30000 };

/* --- validate --- */

static void put_count(struct str *s, size_t n, const char *what)
{
    str_printf(s, "%s%zu %s%s", s->len ? ", " : "", n, what, n == 1 ? "" : strcmp(what, "switch") ? "s" : "es");
}

static int run_validate(struct cli *c)
{
    struct str s = { 0 };
    struct errbuf e = { { 0 } };
    struct net_doc *doc;
    char *text;
    int code = cli_read_file(c->args[0], &text);

    if (code)
        return code;
    if (net_doc_parse(&doc, cli_file_name(c->args[0]), text, strlen(text), &e)) {
        free(text);
        return cli_fail(CLI_FAILED, "%s", e.text);
    }
    if (c->is_json) {
        cli_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "file", c->args[0], "name", doc->name, "networks",
                           (json_int_t)doc->n_networks, "switches", (json_int_t)doc->n_switches, "links",
                           (json_int_t)doc->n_links, "hosts", (json_int_t)doc->n_hosts, "expectations",
                           (json_int_t)doc->n_expects));
    } else {
        put_count(&s, doc->n_networks, "network");
        put_count(&s, doc->n_switches, "switch");
        put_count(&s, doc->n_links, "link");
        put_count(&s, doc->n_hosts, "host");
        put_count(&s, doc->n_expects, "expectation");
        printf("%s is good: %s\n", c->args[0], str_text(&s));
        str_fini(&s);
    }
    net_doc_free(doc);
    free(text);
    return CLI_OK;
}

/* --- apply --- */

static void say_missing(const json_t *missing)
{
    json_t *text;
    size_t i;

    json_array_foreach(missing, i, text) printf("  %s\n", json_string_value(text));
}

/* Waits until every switch holds what it should.  `result` gets the answer. */
static int wait_settled(struct cli *c, uint64_t seconds, json_t *result)
{
    json_t *reply;
    bool is_settled;
    int code;

    c->timeout_ms = (int)seconds * 1000 + REPLY_MS;
    code =
        cli_call(c, CLI_CONTROLLER, "net/wait", json_pack("{s:I}", "timeout_ms", (json_int_t)seconds * 1000), &reply);
    if (code)
        return code;
    json_object_update(result, reply);
    is_settled = json_is_true(json_object_get(reply, "settled"));
    json_decref(reply);
    return is_settled ? CLI_OK : CLI_FAILED;
}

static int run_apply(struct cli *c)
{
    uint64_t seconds = 0;
    json_t *result;
    char *text;
    int code = cli_number(c, "wait", 0, WAIT_MAX_S, &seconds);

    if (!code)
        code = cli_read_file(c->args[0], &text);
    if (code)
        return code;
    code = cli_call(c, CLI_CONTROLLER, "net/apply",
                    json_pack("{s:s, s:s}", "file", cli_file_name(c->args[0]), "text", text), &result);
    free(text);
    if (code)
        return code;
    if (cli_has(c, "wait"))
        code = wait_settled(c, seconds, result);
    if (code == CLI_FAILED)
        cli_fail(code, "%s is applied, but not all is in place after %llu s", c->args[0], (unsigned long long)seconds);
    if (c->is_json)
        cli_json(json_incref(result));
    else if (code == CLI_FAILED)
        say_missing(json_object_get(result, "missing"));
    json_decref(result);
    return code;
}

/* --- diff --- */

/* Prints one switch's changes.  Returns how many there are. */
static size_t show_changes(const json_t *sw)
{
    const json_t *changes = json_object_get(sw, "changes");
    size_t n = json_array_size(changes), i;
    json_t *change;

    if (!json_is_true(json_object_get(sw, "connected"))) {
        printf("%s: not connected, so that nobody knows what it holds\n", reply_text(sw, "switch"));
        return n;
    }
    printf("%s: %zu change%s\n", reply_text(sw, "switch"), n, n == 1 ? "" : "s");
    json_array_foreach(changes, i, change)
    {
        const char *verb = reply_text(change, "change");
        char sign = !strcmp(verb, "add") ? '+' : !strcmp(verb, "delete") ? '-' : '~';

        printf("  %c %-10s %s\n", sign, reply_text(change, "kind"), reply_text(change, "flow"));
    }
    return n;
}

static int run_diff(struct cli *c)
{
    json_t *params = NULL, *result, *sw;
    size_t i, n = 0;
    char *text = NULL;
    int code = c->n_args ? cli_read_file(c->args[0], &text) : CLI_OK;

    if (code)
        return code;
    if (text)
        params = json_pack("{s:s, s:s}", "file", cli_file_name(c->args[0]), "text", text);
    free(text);
    code = cli_call(c, CLI_CONTROLLER, "net/diff", params, &result);
    if (code)
        return code;
    json_array_foreach(json_object_get(result, "switches"), i, sw) n +=
        c->is_json ? json_array_size(json_object_get(sw, "changes")) : show_changes(sw);
    if (c->is_json)
        cli_json(json_incref(result));
    json_decref(result);
    return n && cli_has(c, "exit-code") ? CLI_DIFFERS : CLI_OK;
}

static int run_flows(struct cli *c)
{
    return flow_dump_controller(c, cli_value(c, "switch"));
}

static const struct cli_option apply_options[] = {
    { "wait", 'w', "SECONDS", "waits at most that long until every switch holds its flows; 1 when one does not" },
    { 0 },
};
static const struct cli_option diff_options[] = {
    { "exit-code", 0, NULL, "4 when there are changes, instead of 0" },
    { 0 },
};
static const struct cli_option flows_options[] = {
    { "switch", 's', "SWITCH", "only those of this switch of the document" },
    { "no-stats", 0, NULL, "without counters and durations" },
    { "sort", 0, "ORDER", "priority (default), packets or bytes" },
    { 0 },
};

const struct cli_command net_commands[] = {
    { "net validate", "FILE", "Checks a network document; asks nobody", run_validate, 1, 1 },
    { "net show", "", "The network: switches, links, hosts, routers, problems", net_run_show },
    { "net policies", "", "How often each policy was met, on all switches together", net_run_policies },
    { "net diff", "[FILE]", "What FILE would change; without: what switches still lack", run_diff, 0, 1, diff_options,
      "+ is a flow that is added, ~ one that gets other actions, - one that is deleted.\n" },
    { "net apply", "FILE", "Makes the network as the document says", run_apply, 1, 1, apply_options },
    { "net flows", "[FILTER]...", "What the switches hold, and whose it is", run_flows, 0, -1, flows_options },
    { 0 },
};

/* SPDX-License-Identifier: Apache-2.0 */
/* switch.c - `trama switch ...` and `trama mac ...`: the running switch, asked and changed over its control socket. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "tools/commands.h"
#include "tools/reply.h"
#include "tools/text_table.h"

static const struct cli_option bridge_option[] = {
    { "bridge", 'b', "BRIDGE", "only this one; default: all" },
    { 0 },
};

/* {"bridge": B} when -b was said, else {}. */
static json_t *bridge_params(const struct cli *c)
{
    const char *bridge = cli_value(c, "bridge");

    return bridge ? json_pack("{s:s}", "bridge", bridge) : json_object();
}

/* --- switch show --- */

static void controllers_text(struct str *s, const json_t *list)
{
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
    {
        str_printf(s, "%s%s (%s", i ? ", " : "", reply_text(o, "endpoint"), reply_text(o, "state"));
        if (*reply_text(o, "last_error"))
            str_printf(s, ": %s", reply_text(o, "last_error"));
        str_add_char(s, ')');
    }
}

static int run_show(struct cli *c)
{
    struct text_table t;
    json_t *result, *b;
    size_t i;
    int code = cli_call(c, CLI_SWITCHD, "switch/show", bridge_params(c), &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    printf("run_dir %s, %llu worker%s, %s\n", reply_text(result, "run_dir"),
           (unsigned long long)reply_number(result, "workers"), reply_number(result, "workers") == 1 ? "" : "s",
           json_is_true(json_object_get(result, "hugepages")) ? "hugepages" : "no hugepages");
    text_table_init(&t, "BRIDGE DATAPATH_ID >PORTS >FLOWS FAIL_MODE CONTROLLERS");
    json_array_foreach(json_object_get(result, "bridges"), i, b)
    {
        struct str controllers = { 0 };

        controllers_text(&controllers, json_object_get(b, "controllers"));
        text_table_add(&t, "%s", reply_text(b, "name"));
        text_table_add(&t, "%s", reply_text(b, "datapath_id"));
        text_table_add(&t, "%llu", (unsigned long long)reply_number(b, "ports"));
        text_table_add(&t, "%llu", (unsigned long long)reply_number(b, "flows"));
        text_table_add(&t, "%s", reply_text(b, "fail_mode"));
        text_table_add(&t, "%s", str_text(&controllers));
        str_fini(&controllers);
    }
    text_table_show(&t);
    text_table_fini(&t);
    json_decref(result);
    return CLI_OK;
}

static int run_reload(struct cli *c)
{
    return cli_call_quiet(c, CLI_SWITCHD, "reload", NULL);
}

const struct cli_command switch_commands[] = {
    { "switch show", "", "Bridges: ports, flows, controllers", run_show, .options = bridge_option },
    { "switch reload", "", "Reads the switch file anew and applies what differs", run_reload },
    { 0 },
};

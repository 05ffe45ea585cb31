/* SPDX-License-Identifier: Apache-2.0 */
/* rxq.c - `trama rxq ...`: which worker polls which receive queue, over the switch's control socket. */
#include <stdio.h>

#include "tools/commands.h"
#include "tools/reply.h"
#include "tools/text_table.h"

static int run_show(struct cli *c)
{
    struct text_table t;
    json_t *result, *q;
    size_t i;
    int code = cli_call(c, CLI_SWITCHD, "rxq/list", NULL, &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    text_table_init(&t, "BRIDGE PORT >QUEUE >WORKER >CPU >BUSY PINNED");
    json_array_foreach(json_object_get(result, "queues"), i, q)
    {
        json_int_t cpu = json_integer_value(json_object_get(q, "cpu"));

        text_table_add(&t, "%s", reply_text(q, "bridge"));
        text_table_add(&t, "%s", reply_text(q, "port"));
        text_table_add(&t, "%llu", (unsigned long long)reply_number(q, "queue"));
        text_table_add(&t, "%llu", (unsigned long long)reply_number(q, "worker"));
        text_table_add(&t, cpu < 0 ? "any" : "%lld", (long long)cpu);
        text_table_add(&t, "%.0f%%", 100 * json_number_value(json_object_get(q, "cpu_part")));
        text_table_add(&t, "%s", json_is_true(json_object_get(q, "is_pinned")) ? "yes" : "");
    }
    text_table_show(&t);
    text_table_fini(&t);
    json_decref(result);
    return CLI_OK;
}

static int run_move(struct cli *c)
{
    return cli_call_quiet(
        c, CLI_SWITCHD, "rxq/move",
        json_pack("{s:s, s:s, s:s}", "port", cli_arg(c, 0), "queue", cli_arg(c, 1), "worker", cli_arg(c, 2)));
}

static int run_free(struct cli *c)
{
    return cli_call_quiet(c, CLI_SWITCHD, "rxq/free",
                          json_pack("{s:s, s:s}", "port", cli_arg(c, 0), "queue", cli_arg(c, 1)));
}

const struct cli_command rxq_commands[] = {
    { "rxq show", "", "Receive queues: the worker that polls each, and what that took of its CPU in the last second",
      run_show },
    { "rxq move", "PORT QUEUE WORKER", "Has a worker poll a queue, for good; no frame is lost", run_move, 3, 3 },
    { "rxq free", "PORT QUEUE", "Lets the switch move a queue again when its workers are not evenly busy", run_free, 2,
      2 },
    { 0 },
};

/* SPDX-License-Identifier: Apache-2.0 */
/* queue.c - `trama queue ...`: the queues of ports, shown and set over the switch's control socket. */
#include <stdio.h>

#include "tools/commands.h"
#include "tools/reply.h"
#include "tools/text_table.h"

/* "-" for no limit, else "64 kbit/s", "1.5 Gbit/s". */
static void add_rate(struct text_table *t, uint64_t bps)
{
    static const struct {
        uint64_t bps;
        const char *unit;
    } units[] = { { 1000000000, "Gbit/s" }, { 1000000, "Mbit/s" }, { 1000, "kbit/s" }, { 1, "bit/s" } };
    unsigned i = 0;

    while (bps && bps < units[i].bps)
        i++;
    if (bps)
        text_table_add(t, "%.4g %s", (double)bps / (double)units[i].bps, units[i].unit);
    else
        text_table_add(t, "%s", "");
}

static void add_port(struct text_table *t, const json_t *port)
{
    char bytes[UNITS_TEXT_SIZE];
    json_t *q;
    size_t i;

    json_array_foreach(json_object_get(port, "queues"), i, q)
    {
        text_table_add(t, "%s", reply_text(port, "bridge"));
        text_table_add(t, "%s", reply_text(port, "port"));
        add_rate(t, reply_number(port, "rate_bps"));
        text_table_add(t, "%llu", (unsigned long long)reply_number(q, "queue"));
        add_rate(t, reply_number(q, "min_bps"));
        add_rate(t, reply_number(q, "max_bps"));
        text_table_add(t, "%llu", (unsigned long long)reply_number(q, "tx_packets"));
        text_table_add(t, "%s", units_bytes(reply_number(q, "tx_bytes"), bytes));
        text_table_add(t, "%llu", (unsigned long long)reply_number(q, "tx_dropped"));
    }
    if (json_array_size(json_object_get(port, "queues")))
        return;
    text_table_add(t, "%s", reply_text(port, "bridge"));
    text_table_add(t, "%s", reply_text(port, "port"));
    add_rate(t, reply_number(port, "rate_bps"));
    for (int column = 3; column < 9; column++)
        text_table_add(t, "%s", "");
}

static int run_show(struct cli *c)
{
    const char *port = cli_arg(c, 0);
    struct text_table t;
    json_t *result, *p;
    size_t i;
    int code = cli_call(c, CLI_SWITCHD, "queue/list", port ? json_pack("{s:s}", "port", port) : json_object(), &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    text_table_init(&t, "BRIDGE PORT >PORT_RATE >QUEUE >MIN >MAX >TX_PACKETS >TX >TX_DROPPED");
    json_array_foreach(result, i, p) add_port(&t, p);
    text_table_show(&t);
    text_table_fini(&t);
    json_decref(result);
    return CLI_OK;
}

static int run_set(struct cli *c)
{
    return cli_call_quiet(c, CLI_SWITCHD, "queue/set",
                          json_pack("{s:s, s:s}", "port", cli_arg(c, 0), "settings", cli_arg(c, 1)));
}

static int run_clear(struct cli *c)
{
    return cli_call_quiet(c, CLI_SWITCHD, "queue/clear", json_pack("{s:s}", "port", cli_arg(c, 0)));
}

const struct cli_command queue_commands[] = {
    { "queue show", "[PORT]", "Queues of ports: rates and counters", run_show, 0, 1 },
    { "queue set", "PORT SETTINGS", "Give a port these queues in place of those it has", run_set, 2, 2, NULL,
      "SETTINGS are written as in the switch file:\n"
      "  trama queue set p1 '{rate: 1Gbit, queues: {0: {max: 200Mbit}, 1: {min: 500Mbit}}}'\n"
      "Flows choose by set_queue:N; frames of other flows take queue 0.  `trama switch reload` brings back what the file says.\n" },
    { "queue clear", "PORT", "Take a port's queues and its limit away", run_clear, 1, 1 },
    { 0 },
};

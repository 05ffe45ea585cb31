/* SPDX-License-Identifier: Apache-2.0 */
/* switch.c - `trama switch ...` and `trama mac ...`: the running switch, asked and changed over its control socket. */
#include "tools/switch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* --- switch ports --- */

static void vids_text(struct str *s, const json_t *list)
{
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n;) {
        json_int_t first = json_integer_value(json_array_get(list, i)), last = first;

        while (++i < n && json_integer_value(json_array_get(list, i)) == last + 1)
            last++;
        str_printf(s, last > first ? "%s%lld-%lld" : "%s%lld", s->len ? "," : "", (long long)first, (long long)last);
    }
}

void switch_vlan_text(struct str *s, const json_t *vlan)
{
    const char *mode = reply_text(vlan, "mode");
    const json_t *trunks = json_object_get(vlan, "trunks");
    struct str list = { 0 };

    str_add(s, mode);
    if (strcmp(mode, "trunk"))
        str_printf(s, " %llu", (unsigned long long)reply_number(vlan, "vid"));
    vids_text(&list, trunks);
    if (list.len)
        str_printf(s, strcmp(mode, "trunk") ? " of %s" : " %s", str_text(&list));
    else if (json_is_string(trunks))
        str_printf(s, strcmp(mode, "trunk") ? " of %s" : " %s", json_string_value(trunks));
    str_fini(&list);
}

static void flags_text(struct str *s, const json_t *port)
{
    json_t *flag;
    size_t i;

    json_array_foreach(json_object_get(port, "flags"), i, flag)
        str_printf(s, "%s%s", i ? "," : "", json_string_value(flag));
}

/* "netns h1", "device vnet0", "vnet0 in h1". */
static void place_text(struct str *s, const json_t *port)
{
    const char *device = reply_text(port, "device"), *netns = reply_text(port, "netns");

    if (*device && strcmp(device, reply_text(port, "name")))
        str_printf(s, "device %s%s", device, *netns ? " " : "");
    if (*netns)
        str_printf(s, "netns %s", netns);
}

static void add_port(struct text_table *t, const json_t *p)
{
    struct str vlan = { 0 }, place = { 0 }, flags = { 0 };
    uint64_t speed = reply_number(p, "speed_mbps");

    switch_vlan_text(&vlan, json_object_get(p, "vlan"));
    place_text(&place, p);
    flags_text(&flags, p);
    text_table_add(t, "%s", reply_text(p, "bridge"));
    text_table_add(t, "%llu", (unsigned long long)reply_number(p, "ofport"));
    text_table_add(t, "%s", reply_text(p, "name"));
    text_table_add(t, "%s", reply_text(p, "type"));
    text_table_add(t, "%s", reply_text(p, "link"));
    text_table_add(t, "%s", str_text(&vlan));
    text_table_add(t, "%s", reply_text(p, "mac"));
    text_table_add(t, "%llu", (unsigned long long)reply_number(p, "mtu"));
    if (speed)
        text_table_add(t, speed % 1000 ? "%llu Mbit/s" : "%llu Gbit/s",
                       (unsigned long long)(speed % 1000 ? speed : speed / 1000));
    else
        text_table_add(t, "%s", "");
    text_table_add(t, "%s", str_text(&place));
    text_table_add(t, "%s", str_text(&flags));
    str_fini(&vlan);
    str_fini(&place);
    str_fini(&flags);
}

static int run_ports(struct cli *c)
{
    struct text_table t;
    json_t *result, *p;
    size_t i;
    int code = cli_call(c, CLI_SWITCHD, "port/list", bridge_params(c), &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    text_table_init(&t, "BRIDGE >OFPORT PORT TYPE LINK VLAN MAC >MTU >SPEED PLACE FLAGS");
    json_array_foreach(result, i, p) add_port(&t, p);
    text_table_show(&t);
    text_table_fini(&t);
    json_decref(result);
    return CLI_OK;
}

/* --- switch stats --- */

static void show_counters(const json_t *ports)
{
    static const char *const keys[] = {
        "rx_packets", "rx_dropped", "rx_errors", "tx_packets", "tx_dropped", "tx_errors"
    };
    struct text_table t;
    char bytes[UNITS_TEXT_SIZE];
    json_t *p;
    size_t i;

    text_table_init(&t, "BRIDGE PORT >RX_PACKETS >RX_DROPPED >RX_ERRORS >TX_PACKETS >TX_DROPPED >TX_ERRORS >RX >TX");
    json_array_foreach(ports, i, p)
    {
        text_table_add(&t, "%s", reply_text(p, "bridge"));
        text_table_add(&t, "%s", reply_text(p, "name"));
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            text_table_add(&t, "%llu", (unsigned long long)reply_number(p, keys[k]));
        text_table_add(&t, "%s", units_bytes(reply_number(p, "rx_bytes"), bytes));
        text_table_add(&t, "%s", units_bytes(reply_number(p, "tx_bytes"), bytes));
    }
    text_table_show(&t);
    text_table_fini(&t);
}

/* Only reasons that happened. */
static void show_drops(json_t *drops)
{
    struct text_table t;
    const char *reason;
    json_t *n;
    bool is_any = false;

    text_table_init(&t, "DROPPED_BECAUSE >FRAMES");
    json_object_foreach(drops, reason, n)
    {
        if (!json_integer_value(n))
            continue;
        text_table_add(&t, "%s", reason);
        text_table_add(&t, "%llu", (unsigned long long)json_integer_value(n));
        is_any = true;
    }
    if (is_any)
        text_table_show(&t);
    else
        puts("no frame was dropped");
    text_table_fini(&t);
}

static void show_workers(const json_t *workers)
{
    static const char *const keys[] = { "frames", "cache_hits", "cache_misses", "polls", "sleeps", "joined", "cut" };
    struct text_table t;
    json_t *w;
    size_t i;

    text_table_init(&t, "WORKER CPU >FRAMES >CACHE_HITS >CACHE_MISSES >POLLS >SLEEPS >JOINED >CUT");
    json_array_foreach(workers, i, w)
    {
        json_int_t cpu = json_integer_value(json_object_get(w, "cpu"));

        text_table_add(&t, "%zu", i);
        text_table_add(&t, cpu < 0 ? "any" : "%lld", (long long)cpu);
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            text_table_add(&t, "%llu", (unsigned long long)reply_number(w, keys[k]));
    }
    text_table_show(&t);
    text_table_fini(&t);
}

/* Counters of ports; without PORT and --bridge those of the whole switch too. */
static int run_stats(struct cli *c)
{
    json_t *params = bridge_params(c), *ports, *whole = NULL;
    int code;

    if (c->n_args)
        json_object_set_new(params, "name", json_string(c->args[0]));
    code = cli_call(c, CLI_SWITCHD, "port/stats", params, &ports);
    if (code)
        return code;
    if (!c->n_args && !cli_has(c, "bridge"))
        code = cli_call(c, CLI_SWITCHD, "stats", NULL, &whole);
    if (!code && c->is_json) {
        whole = whole ? whole : json_object();
        json_object_set(whole, "ports", ports);
        cli_json(json_incref(whole));
    } else if (!code) {
        show_counters(ports);
        if (whole) {
            putchar('\n');
            show_drops(json_object_get(whole, "drops"));
            putchar('\n');
            show_workers(json_object_get(whole, "workers"));
        }
    }
    json_decref(ports);
    json_decref(whole);
    return code;
}

/* --- switch perf --- */

/* Cycles a frame, by stage, of what `now` has more than `before` (NULL: than nothing). */
static void show_times(const json_t *before, const json_t *now)
{
    static const char *const stages[] = { "rx", "key", "lookup", "run", "tx" };
    struct text_table t;
    json_t *w;
    size_t i;

    text_table_init(&t, "WORKER CPU >TIMED >RX >KEY >LOOKUP >RUN >TX >CYCLES >NS");
    json_array_foreach(now, i, w)
    {
        const json_t *old = json_array_get(before, i);
        double n = (double)(reply_number(w, "frames") - reply_number(old, "frames")), sum = 0;
        json_int_t cpu = json_integer_value(json_object_get(w, "cpu"));

        text_table_add(&t, "%zu", i);
        text_table_add(&t, cpu < 0 ? "any" : "%lld", (long long)cpu);
        text_table_add(&t, "%.0f", n);
        for (size_t k = 0; k < sizeof stages / sizeof *stages; k++) {
            double cycles = (double)(reply_number(json_object_get(w, "cycles"), stages[k]) -
                                     reply_number(json_object_get(old, "cycles"), stages[k]));

            sum += cycles;
            text_table_add(&t, n > 0 ? "%.1f" : "-", cycles / n);
        }
        text_table_add(&t, n > 0 ? "%.1f" : "-", sum / n);
        text_table_add(&t, n > 0 ? "%.1f" : "-", sum / n * 1e9 / (double)reply_number(w, "hz"));
    }
    text_table_show(&t);
    text_table_fini(&t);
}

/* Where the cycles go: since the daemon began, or in the seconds that follow. */
static int run_perf(struct cli *c)
{
    json_t *before = NULL, *now;
    char *end = NULL;
    double seconds = c->n_args ? strtod(c->args[0], &end) : 0;
    int code;

    if (c->n_args && (end == c->args[0] || *end || !(seconds > 0 && seconds <= 3600)))
        return cli_usage_fail(c, "switch perf: \"%s\" is no number of seconds above 0 and up to 3600", c->args[0]);
    code = seconds > 0 ? cli_call(c, CLI_SWITCHD, "worker/times", NULL, &before) : 0;
    if (code)
        return code;
    if (seconds > 0)
        usleep((useconds_t)(seconds * 1e6));
    code = cli_call(c, CLI_SWITCHD, "worker/times", NULL, &now);
    if (!code && !c->is_json) {
        show_times(before, now);
        json_decref(now);
    } else if (!code) {
        code = cli_json(now);
    }
    json_decref(before);
    return code;
}

/* --- switch reload, mac --- */

static int run_reload(struct cli *c)
{
    return cli_call_quiet(c, CLI_SWITCHD, "reload", NULL);
}

static int run_mac_show(struct cli *c)
{
    struct text_table t;
    char age[UNITS_TEXT_SIZE];
    json_t *result, *m;
    size_t i;
    int code = cli_call(c, CLI_SWITCHD, "mac/show", bridge_params(c), &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    text_table_init(&t, "BRIDGE >VLAN MAC PORT >OFPORT >AGE");
    json_array_foreach(result, i, m)
    {
        text_table_add(&t, "%s", reply_text(m, "bridge"));
        text_table_add(&t, "%llu", (unsigned long long)reply_number(m, "vlan"));
        text_table_add(&t, "%s", reply_text(m, "mac"));
        text_table_add(&t, "%s", reply_text(m, "port"));
        text_table_add(&t, "%llu", (unsigned long long)reply_number(m, "ofport"));
        text_table_add(&t, "%s", units_seconds(reply_number(m, "age"), age));
    }
    text_table_show(&t);
    text_table_fini(&t);
    json_decref(result);
    return CLI_OK;
}

static int run_mac_flush(struct cli *c)
{
    return cli_call_quiet(c, CLI_SWITCHD, "mac/flush", bridge_params(c));
}

const struct cli_command switch_commands[] = {
    { "switch show", "", "Bridges: ports, flows, controllers", run_show, .options = bridge_option },
    { "switch ports", "", "Ports: number, kind, link, VLANs", run_ports, .options = bridge_option },
    { "switch port add", "PORT SETTING...", "Adds a port; it stays until deleted, or until the daemon ends",
      switch_run_port_add, 2, -1, switch_bridge_option,
      "SETTING is a line of the switch file with '=': type=tap netns=h1 address=10.0.0.1/24 'vlan={access: 10}'\n" },
    { "switch port del", "PORT", "Deletes a port", switch_run_port_del, 1, 1 },
    { "switch stats", "[PORT]", "Counters of ports; of all: also drops by reason, and workers", run_stats, 0, 1,
      bridge_option },
    { "switch perf", "[SECONDS]", "Cycles that frames cost, by stage; since the start, or in SECONDS", run_perf, 0, 1 },
    { "switch reload", "", "Reads the switch file anew and applies what differs", run_reload },
    { 0 },
};

const struct cli_command mac_commands[] = {
    { "mac show", "", "MAC addresses learned, with their VLANs and ports", run_mac_show, .options = bridge_option },
    { "mac flush", "", "Forgets the MAC addresses learned", run_mac_flush, .options = bridge_option },
    { 0 },
};

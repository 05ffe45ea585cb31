/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c - `trama conn ...`: the connections that the switch tracks, over its control socket.  `trama nat show` is the same,
 * of those that are translated. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/reply.h"
#include "tools/text_table.h"

enum {
    FILTER_SIZE = 400 /* more than the daemon takes: what is cut off here is refused there */,
    WATCH_LIMIT = 100000
};

/* The arguments, as one filter; NULL: none.  `first` goes in front. */
static const char *filter_of(const struct cli *c, const char *first, char out[FILTER_SIZE])
{
    size_t n = (size_t)snprintf(out, FILTER_SIZE, "%s", first);

    for (int i = 0; cli_arg(c, i) && n < FILTER_SIZE; i++)
        n += (size_t)snprintf(out + n, FILTER_SIZE - n, "%s%s", n ? "," : "", cli_arg(c, i));
    return n ? out : NULL;
}

static json_t *params_of(const char *filter)
{
    return filter ? json_pack("{s:s}", "filter", filter) : json_object();
}

enum { END_SIZE = 80 };

/* An address, and its port or what else tells connections apart, if there is such. */
static const char *end_text(const json_t *tuple, const char *address, const char *port, char out[END_SIZE])
{
    const json_t *number = json_object_get(tuple, port);
    const char *text = reply_text(tuple, address);

    if (number)
        snprintf(out, END_SIZE, strchr(text, ':') ? "[%s]:%llu" : "%s:%llu", text,
                 (unsigned long long)json_integer_value(number));
    else
        snprintf(out, END_SIZE, "%s", text);
    return out;
}

static void add_end(struct text_table *t, const json_t *tuple, const char *address, const char *port)
{
    char text[END_SIZE];

    text_table_add(t, "%s", end_text(tuple, address, port, text));
}

static unsigned long long of_pair(const json_t *o, const char *key, size_t i)
{
    return (unsigned long long)json_integer_value(json_array_get(json_object_get(o, key), i));
}

/* Where answers come from and go to: what translation makes of the two ends. */
static void add_row(struct text_table *t, const json_t *conn)
{
    const json_t *original = json_object_get(conn, "original"), *reply = json_object_get(conn, "reply");
    char bytes[UNITS_TEXT_SIZE], age[UNITS_TEXT_SIZE], left[UNITS_TEXT_SIZE];

    text_table_add(t, "%llu", (unsigned long long)reply_number(conn, "zone"));
    text_table_add(t, "%s", reply_text(conn, "proto"));
    add_end(t, original, "src", json_object_get(original, "id") ? "id" : "sport");
    add_end(t, original, "dst", "dport");
    add_end(t, reply, "src", "sport");
    add_end(t, reply, "dst", json_object_get(reply, "id") ? "id" : "dport");
    text_table_add(t, "%s", reply_text(conn, "state"));
    text_table_add(t, "%#llx", (unsigned long long)reply_number(conn, "mark"));
    text_table_add(t, "%llu+%llu", of_pair(conn, "packets", 0), of_pair(conn, "packets", 1));
    text_table_add(t, "%s", units_bytes(of_pair(conn, "bytes", 0) + of_pair(conn, "bytes", 1), bytes));
    text_table_add(t, "%s", units_seconds(reply_number(conn, "age"), age));
    text_table_add(t, "%s", units_seconds(reply_number(conn, "left"), left));
}

static const char *const heads = ">ZONE PROTO FROM TO ANSWERS_FROM ANSWERS_TO STATE >MARK >PACKETS >BYTES >AGE >LEFT";

/* Asks for a list, with the filter and the limit of the command line; `first`: what the filter begins with. */
static int call_list(const struct cli *c, const char *method, const char *first, json_t **result)
{
    char filter[FILTER_SIZE], text[24];
    uint64_t limit = 0;
    json_t *params;
    int code = cli_number(c, "limit", 1, WATCH_LIMIT, &limit);

    if (code)
        return code;
    params = params_of(filter_of(c, first, filter));
    snprintf(text, sizeof text, "%llu", (unsigned long long)limit);
    if (limit)
        json_object_set_new(params, "limit", json_string(text));
    return cli_call(c, CLI_SWITCHD, method, params, result);
}

static void show_end(struct text_table *t, json_t *result)
{
    text_table_show(t);
    text_table_fini(t);
    if (json_is_true(json_object_get(result, "more")))
        printf("... and more; --limit says how many are shown\n");
    json_decref(result);
}

static int list(const struct cli *c, const char *first)
{
    json_t *result, *conn;
    struct text_table t;
    size_t i;
    int code = call_list(c, "conn/list", first, &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    text_table_init(&t, heads);
    json_array_foreach(json_object_get(result, "connections"), i, conn) add_row(&t, conn);
    show_end(&t, result);
    return CLI_OK;
}

static int run_list(struct cli *c)
{
    return list(c, "");
}

static int run_nat_show(struct cli *c)
{
    return list(c, "nat");
}

static int run_nat_mappings(struct cli *c)
{
    struct text_table t;
    json_t *result, *m;
    size_t i;
    int code = call_list(c, "nat/mappings", "", &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    text_table_init(&t, ">ZONE PROTO INSIDE OUTSIDE FILTERING >HELD_BY");
    json_array_foreach(json_object_get(result, "mappings"), i, m)
    {
        text_table_add(&t, "%llu", (unsigned long long)reply_number(m, "zone"));
        text_table_add(&t, "%s", reply_text(m, "proto"));
        add_end(&t, m, "inside", "inside_port");
        add_end(&t, m, "outside", "outside_port");
        text_table_add(&t, "%s", reply_text(m, "filtering"));
        text_table_add(&t, "%llu", (unsigned long long)reply_number(m, "held"));
    }
    show_end(&t, result);
    return CLI_OK;
}

static int run_count(struct cli *c)
{
    char filter[FILTER_SIZE];
    json_t *result, *zone;
    size_t i;
    int code = cli_call(c, CLI_SWITCHD, "conn/count", params_of(filter_of(c, "", filter)), &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    printf("%llu of %llu\n", (unsigned long long)reply_number(result, "count"),
           (unsigned long long)reply_number(result, "max"));
    if (!cli_arg(c, 0)) {
        json_array_foreach(json_object_get(result, "zones"), i, zone)
            printf("  zone %llu: %llu\n", (unsigned long long)reply_number(zone, "zone"),
                   (unsigned long long)reply_number(zone, "count"));
        printf("made %llu, expired %llu, pushed out %llu; refused for lack of room %llu, by a zone's limit %llu, "
               "by its limit of a host %llu\n",
               (unsigned long long)reply_number(result, "made"), (unsigned long long)reply_number(result, "expired"),
               (unsigned long long)reply_number(result, "pushed_out"),
               (unsigned long long)reply_number(result, "no_room"), (unsigned long long)reply_number(result, "limited"),
               (unsigned long long)reply_number(result, "host_limited"));
    }
    json_decref(result);
    return CLI_OK;
}

static int run_flush(struct cli *c)
{
    char filter[FILTER_SIZE];
    json_t *result;
    int code = cli_call(c, CLI_SWITCHD, "conn/flush", params_of(filter_of(c, "", filter)), &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    printf("%llu thrown out\n", (unsigned long long)reply_number(result, "flushed"));
    json_decref(result);
    return CLI_OK;
}

/* --- watch --- */

/* What tells a connection from others, also from one with the same ends at another time. */
static void name_of(const json_t *conn, char out[400])
{
    const json_t *o = json_object_get(conn, "original"), *r = json_object_get(conn, "reply");
    char end[4][END_SIZE];

    snprintf(out, 400, "zone %llu %s %s > %s, answers %s > %s", (unsigned long long)reply_number(conn, "zone"),
             reply_text(conn, "proto"), end_text(o, "src", json_object_get(o, "id") ? "id" : "sport", end[0]),
             end_text(o, "dst", "dport", end[1]), end_text(r, "src", "sport", end[2]),
             end_text(r, "dst", json_object_get(r, "id") ? "id" : "dport", end[3]));
}

/* The connections by name: their states. */
static int look(const struct cli *c, json_t **out)
{
    char filter[FILTER_SIZE], name[400], limit[16];
    json_t *result, *conn, *params = params_of(filter_of(c, "", filter));
    size_t i;
    int code;

    snprintf(limit, sizeof limit, "%d", WATCH_LIMIT);
    json_object_set_new(params, "limit", json_string(limit));
    code = cli_call(c, CLI_SWITCHD, "conn/list", params, &result);
    if (code)
        return code;
    *out = json_object();
    json_array_foreach(json_object_get(result, "connections"), i, conn)
    {
        name_of(conn, name);
        json_object_set_new(*out, name, json_string(reply_text(conn, "state")));
    }
    json_decref(result);
    return CLI_OK;
}

static void tell(const struct cli *c, const char *what, const char *name, const char *state)
{
    if (c->is_json)
        cli_json(json_pack("{s:s, s:s, s:s}", "event", what, "connection", name, "state", state));
    else
        printf("%-8s %s (%s)\n", what, name, state);
}

static int run_watch(struct cli *c)
{
    json_t *before = json_object(), *now, *state;
    uint64_t seconds = UINT64_MAX;
    const char *name;
    int code = cli_number(c, "seconds", 1, 1000000, &seconds);

    for (uint64_t i = 0; !code && i <= 2 * seconds; i++) {
        code = look(c, &now);
        if (code)
            break;
        json_object_foreach(now, name, state)
        {
            const char *old = json_string_value(json_object_get(before, name));

            if (!old || strcmp(old, json_string_value(state)) != 0)
                tell(c, old ? "change" : "new", name, json_string_value(state));
        }
        json_object_foreach(before, name, state) if (!json_object_get(now, name))
            tell(c, "end", name, json_string_value(state));
        json_decref(before);
        before = now;
        fflush(stdout);
        usleep(500000);
    }
    json_decref(before);
    return code;
}

/* --- zones --- */

static int run_zone(struct cli *c)
{
    const char *settings = cli_arg(c, 1);
    json_t *result, *params = json_pack("{s:s}", "zone", cli_arg(c, 0)), *value;
    const char *key;
    int code;

    if (settings)
        json_object_set_new(params, "settings", json_string(settings));
    code = cli_call(c, CLI_SWITCHD, "conn/zone", params, &result);
    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    json_object_foreach(result, key, value) printf("%-18s %llu%s\n", key, (unsigned long long)json_integer_value(value),
                                                   strchr(key, '-') && strcmp(key, "host-limit") != 0 ? " s" : "");
    json_decref(result);
    return CLI_OK;
}

static const struct cli_option limit_option[] = {
    { "limit", 'n', "N", "Shows so many at most; default 1000" },
    { 0 },
};
static const struct cli_option seconds_option[] = {
    { "seconds", 's', "N", "Ends after so long" },
    { 0 },
};

#define FILTERS \
    "FILTER is zone=N, proto=NAME, address=A, port=N, mark=N, state=NAME, nat, answered or unanswered; of several, all must\n" \
    "hold. Addresses and ports are those of either side, before or behind translation.\n"

const struct cli_command conn_commands[] = {
    { "conn list", "[FILTER]...", "Connections, with both ends, and with what answers look like", run_list, 0, -1,
      limit_option, FILTERS },
    { "conn count", "[FILTER]...", "How many there are, by zone", run_count, 0, -1, NULL, FILTERS },
    { "conn flush", "[FILTER]...", "Throws connections out: their next frames begin anew", run_flush, 0, -1, NULL,
      FILTERS },
    { "conn watch", "[FILTER]...", "Tells of connections as they come, change their state, and go", run_watch, 0, -1,
      seconds_option, FILTERS "It looks twice a second; what lives shorter is not seen.\n" },
    { "conn zone", "ZONE [SETTINGS]", "Limit and timeouts of a zone; sets those that are named", run_zone, 1, 2, NULL,
      "SETTINGS such as limit=1000,host-limit=200,udp-stream=60 (seconds); 0 is the default.  The limit of a host is that of the\n"
      "connections that it began, or of its endpoint-independent mappings.  They hold until the daemon ends.\n" },
    { 0 },
};

const struct cli_command nat_commands[] = {
    { "nat show", "[FILTER]...", "Connections that are translated", run_nat_show, 0, -1, limit_option, FILTERS },
    { "nat mappings", "[FILTER]...", "Endpoint-independent mappings: inner and outer address, who is let in",
      run_nat_mappings, 0, -1, limit_option, FILTERS },
    { 0 },
};

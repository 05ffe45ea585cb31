/* SPDX-License-Identifier: Apache-2.0 */
/* switch_port.c - ports by command: `trama switch port add|del`. */
#include <stdio.h>
#include <string.h>

#include "tools/reply.h"
#include "tools/switch.h"

const struct cli_option switch_bridge_option[] = {
    { "bridge", 'b', "BRIDGE", "the bridge; not needed where there is only one" },
    { 0 },
};

int switch_choose_bridge(const struct cli *c, char name[SWITCH_BRIDGE_SIZE])
{
    const char *bridge = cli_value(c, "bridge");
    struct str list = { 0 };
    json_t *result, *b;
    size_t i, n;
    int code;

    if (bridge) {
        if (snprintf(name, SWITCH_BRIDGE_SIZE, "%s", bridge) >= SWITCH_BRIDGE_SIZE)
            return cli_fail(CLI_FAILED, "there is no bridge %s", bridge);
        return CLI_OK;
    }
    code = cli_call(c, CLI_SWITCHD, "switch/show", NULL, &result);
    if (code)
        return code;
    json_array_foreach(json_object_get(result, "bridges"), i, b)
        str_printf(&list, "%s%s", i ? ", " : "", reply_text(b, "name"));
    n = json_array_size(json_object_get(result, "bridges"));
    if (n == 1)
        snprintf(name, SWITCH_BRIDGE_SIZE, "%s", str_text(&list));
    else if (n)
        code = cli_usage_fail(c, "there are %zu bridges (%s); say with -b which one is meant", n, str_text(&list));
    else
        code = cli_fail(CLI_FAILED, "the switch has no bridge");
    str_fini(&list);
    json_decref(result);
    return code;
}

int switch_port_add(const struct cli *c, const char *bridge, const char *name, const char *settings)
{
    json_t *result;
    int code = cli_call(c, CLI_SWITCHD, "port/add",
                        json_pack("{s:s, s:s, s:s}", "bridge", bridge, "name", name, "settings", settings), &result);

    if (code)
        return code;
    if (c->is_json) {
        json_object_set_new(result, "bridge", json_string(bridge));
        return cli_json(result);
    }
    printf("%s is port %llu of %s\n", name, (unsigned long long)reply_number(result, "ofport"), bridge);
    json_decref(result);
    return CLI_OK;
}

int switch_port_del(const struct cli *c, const json_t *port)
{
    const char *bridge = reply_text(port, "bridge"), *name = reply_text(port, "name");
    json_t *result;
    int code = cli_call(c, CLI_SWITCHD, "port/del", json_pack("{s:s, s:s}", "bridge", bridge, "name", name), &result);
    bool is_by_command = json_is_true(json_object_get(port, "is_by_command"));

    if (code)
        return code;
    json_decref(result);
    if (c->is_json)
        return cli_json(json_pack("{s:s, s:s, s:b}", "bridge", bridge, "name", name, "is_in_file", !is_by_command));
    if (!is_by_command)
        printf("%s is gone from %s; the switch file still names it: 'trama switch reload' brings it back\n", name,
               bridge);
    return CLI_OK;
}

/* "type=tap netns=h1" as YAML, a line each.  One argument that is YAML already stays as it is. */
static int settings_text(const struct cli *c, struct str *s)
{
    if (c->n_args == 2 && c->args[1][0] == '{') {
        str_add(s, c->args[1]);
        return CLI_OK;
    }
    for (int i = 1; i < c->n_args; i++) {
        const char *arg = c->args[i], *value = strchr(arg, '=');

        if (!value || value == arg || strchr(arg, '\n'))
            return cli_usage_fail(c, "'%s' is no setting; write KEY=VALUE, such as type=tap", arg);
        str_add_len(s, arg, (size_t)(value - arg));
        str_printf(s, ": %s\n", value + 1);
    }
    return CLI_OK;
}

int switch_run_port_add(struct cli *c)
{
    char bridge[SWITCH_BRIDGE_SIZE];
    struct str s = { 0 };
    int code = settings_text(c, &s);

    if (!code)
        code = switch_choose_bridge(c, bridge);
    if (!code)
        code = switch_port_add(c, bridge, c->args[0], str_text(&s));
    str_fini(&s);
    return code;
}

int switch_run_port_del(struct cli *c)
{
    json_t *result, *port, *found = NULL;
    size_t i;
    int code = cli_call(c, CLI_SWITCHD, "port/list", NULL, &result);

    if (code)
        return code;
    json_array_foreach(result, i, port) if (!strcmp(reply_text(port, "name"), c->args[0])) found = port;
    code = found ? switch_port_del(c, found) : cli_fail(CLI_FAILED, "there is no port %s", c->args[0]);
    json_decref(result);
    return code;
}

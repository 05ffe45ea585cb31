/* SPDX-License-Identifier: Apache-2.0 */
/* flow.c - `trama flow ...`: the commands, and what they choose flows by. */
#include "tools/flow.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "openflow/flow_text.h"
#include "tools/commands.h"
#include "tools/of_change.h"
#include "tools/of_target.h"

int flow_filter_parse(const struct cli *c, struct arena *a, const struct port_names *names, struct ofp_flow_mod *out)
{
    struct str s = { 0 };
    struct errbuf e = { { 0 } };
    int code = CLI_OK;

    for (int i = 0; i < c->n_args; i++)
        str_printf(&s, "%s%s", i ? "," : "", c->args[i]);
    if (flow_text_parse(out, a, str_text(&s), FLOW_TEXT_DELETE, names, &e))
        code = cli_fail(CLI_FAILED, "filter '%s': %s", str_text(&s), e.text);
    str_fini(&s);
    return code;
}

/* --- changes --- */

static int parse_flow(struct ofp_msg *m, struct arena *a, const char *text, int command, const struct port_names *names,
                      struct errbuf *e)
{
    m->type = OFPT_FLOW_MOD;
    return flow_text_parse(&m->flow_mod, a, text, (enum flow_text_command)command, names, e);
}

static const struct of_change_kind flow_kind = { "flow", parse_flow };

static int run_add(struct cli *c)
{
    return of_change(c, &flow_kind, FLOW_TEXT_ADD, OF_CHANGE_SETS);
}

static int run_mod(struct cli *c)
{
    return of_change(c, &flow_kind, cli_has(c, "strict") ? FLOW_TEXT_MODIFY_STRICT : FLOW_TEXT_MODIFY, OF_CHANGE_SETS);
}

static int run_del(struct cli *c)
{
    bool is_strict = cli_has(c, "strict");

    if (is_strict && cli_has(c, "all"))
        return cli_usage_fail(c, "--all and --strict do not go together");
    return of_change(c, &flow_kind, is_strict ? FLOW_TEXT_DELETE_STRICT : FLOW_TEXT_DELETE, OF_CHANGE_DELETES);
}

/* --- the commands --- */

static const struct cli_option add_options[] = {
    OF_TARGET_OPTIONS,
    OF_CHANGE_FILE_OPTION,
    OF_CHANGE_NO_BUNDLE_OPTION,
    { 0 },
};
static const struct cli_option mod_options[] = {
    OF_TARGET_OPTIONS,
    OF_CHANGE_FILE_OPTION,
    OF_CHANGE_NO_BUNDLE_OPTION,
    { "strict", 0, NULL, "only the flow with exactly this match and priority" },
    { 0 },
};
static const struct cli_option del_options[] = {
    OF_TARGET_OPTIONS,
    OF_CHANGE_FILE_OPTION,
    OF_CHANGE_NO_BUNDLE_OPTION,
    { "strict", 0, NULL, "only the flow with exactly this match and priority" },
    { "all", 0, NULL, "every flow of every table" },
    { 0 },
};
static const struct cli_option dump_options[] = {
    OF_TARGET_OPTIONS,
    { "controller", 0, NULL, "ask the controller, which says whose each flow is; -b names a switch of its document" },
    { "no-stats", 0, NULL, "without counters and durations: what can be compared and added again" },
    { "numbers", 'n', NULL, "ports by number" },
    { "sort", 0, "ORDER", "priority (default), packets or bytes" },
    { 0 },
};
static const struct cli_option count_options[] = {
    OF_TARGET_OPTIONS,
    { 0 },
};

const struct cli_command flow_commands[] = {
    { "flow add", "[FLOW]...", "Adds flows; one with the same match and priority is replaced", run_add, 0, -1,
      add_options,
      "FLOW is written as for ovs-ofctl: priority=10,in_port=1,dl_vlan=10,actions=pop_vlan,output:2\n"
      "All flows are read before the first is sent, and go in together: one that cannot be read or that the switch refuses\n"
      "changes nothing.  --no-bundle is for switches that cannot do that.\n" },
    { "flow mod", "[FLOW]...", "Gives other actions to the flows that FLOW's match covers", run_mod, 0, -1,
      mod_options },
    { "flow del", "[FLOW]...", "Deletes the flows that FLOW covers: a match, table=, cookie=V/MASK, out_port=", run_del,
      0, -1, del_options },
    { "flow dump", "[FILTER]...", "Lists flows: by table, then the higher priority first", flow_run_dump, 0, -1,
      dump_options, "FILTER chooses as in flow del: ip,nw_dst=10.0.0.0/8  table=2  cookie=0x5/-1  out_port=3\n" },
    { "flow count", "[FILTER]...", "Counts flows, and their packets and bytes", flow_run_count, 0, -1, count_options },
    { 0 },
};

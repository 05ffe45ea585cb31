/* SPDX-License-Identifier: Apache-2.0 */
/* flow.c - `trama flow ...`: the commands, and what they choose flows by. */
#include "tools/flow.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "openflow/flow_text.h"
#include "tools/commands.h"
#include "tools/flow_target.h"

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

static const struct cli_option add_options[] = {
    FLOW_TARGET_OPTIONS,
    { "file", 'f', "FILE", "the flows of a file, one a line; - reads the standard input" },
    { 0 },
};
static const struct cli_option mod_options[] = {
    FLOW_TARGET_OPTIONS,
    { "file", 'f', "FILE", "the flows of a file, one a line; - reads the standard input" },
    { "strict", 0, NULL, "only the flow with exactly this match and priority" },
    { 0 },
};
static const struct cli_option del_options[] = {
    FLOW_TARGET_OPTIONS,
    { "file", 'f', "FILE", "what a file says, one a line; - reads the standard input" },
    { "strict", 0, NULL, "only the flow with exactly this match and priority" },
    { "all", 0, NULL, "every flow of every table" },
    { 0 },
};
static const struct cli_option dump_options[] = {
    FLOW_TARGET_OPTIONS,
    { "controller", 0, NULL, "ask the controller, which says whose each flow is; -b names a switch of its document" },
    { "no-stats", 0, NULL, "without counters and durations: what can be compared and added again" },
    { "numbers", 'n', NULL, "ports by number" },
    { "sort", 0, "ORDER", "priority (default), packets or bytes" },
    { 0 },
};
static const struct cli_option count_options[] = {
    FLOW_TARGET_OPTIONS,
    { 0 },
};

const struct cli_command flow_commands[] = {
    { "flow add", "[FLOW]...", "Adds flows; one with the same match and priority is replaced", flow_run_add, 0, -1,
      add_options,
      "FLOW is written as for ovs-ofctl: priority=10,in_port=1,dl_vlan=10,actions=pop_vlan,output:2\n"
      "All flows are read before the first is sent: one that cannot be read changes nothing.\n" },
    { "flow mod", "[FLOW]...", "Gives other actions to the flows that FLOW's match covers", flow_run_mod, 0, -1,
      mod_options },
    { "flow del", "[FLOW]...", "Deletes the flows that FLOW covers: a match, table=, cookie=V/MASK, out_port=",
      flow_run_del, 0, -1, del_options },
    { "flow dump", "[FILTER]...", "Lists flows: by table, then the higher priority first", flow_run_dump, 0, -1,
      dump_options, "FILTER chooses as in flow del: ip,nw_dst=10.0.0.0/8  table=2  cookie=0x5/-1  out_port=3\n" },
    { "flow count", "[FILTER]...", "Counts flows, and their packets and bytes", flow_run_count, 0, -1, count_options },
    { 0 },
};

/* SPDX-License-Identifier: Apache-2.0 */
/* about.c - `trama version` and `trama help`. */
#include <stdio.h>

#include "base/version.h"
#include "tools/commands.h"

static int run_version(struct cli *c)
{
    if (c->is_json)
        return cli_json(json_pack("{s:s}", "version", TRAMA_VERSION));
    puts("trama " TRAMA_VERSION);
    return CLI_OK;
}

static int run_help(struct cli *c)
{
    return cli_help(c->groups, c->args, c->n_args);
}

const struct cli_command about_commands[] = {
    { "version", "", "The version", run_version },
    { "help", "[COMMAND]...", "What there is, or what one command does", run_help, 0, -1 },
    { 0 },
};

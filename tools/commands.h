/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h - the tables of commands, one or more a file; tools/trama.c lists them. */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

#include "tools/cli.h"

extern const struct cli_command about_commands[];  /* version, help */
extern const struct cli_command attach_commands[]; /* attach, detach */
extern const struct cli_command capture_commands[];
extern const struct cli_command complete_commands[]; /* for the shell; not in the help */
extern const struct cli_command conn_commands[];
extern const struct cli_command flow_commands[];
extern const struct cli_command group_commands[];
extern const struct cli_command lab_commands[];
extern const struct cli_command lab_test_commands[];
extern const struct cli_command mac_commands[];
extern const struct cli_command meter_commands[];
extern const struct cli_command nat_commands[];
extern const struct cli_command net_commands[];
extern const struct cli_command pki_commands[];
extern const struct cli_command queue_commands[];
extern const struct cli_command rxq_commands[];
extern const struct cli_command switch_commands[];

#endif

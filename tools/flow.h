/* SPDX-License-Identifier: Apache-2.0 */
/* flow.h - what the files of `trama flow` share, and `trama net flows` uses too.   Thread: one. */
#ifndef TOOLS_FLOW_H
#define TOOLS_FLOW_H

#include "tools/cli.h"
#include "tools/flow_list.h"

/* Reads the command's arguments as one filter: the words of a flow without actions and priority. */
int flow_filter_parse(const struct cli *c, struct arena *a, const struct port_names *names, struct ofp_flow_mod *out);

/* Lists what the controller says that its switches hold: `sw` NULL: all of them.  Options of the command: --no-stats, --sort. */
int flow_dump_controller(const struct cli *c, const char *sw);

int flow_run_dump(struct cli *c);
int flow_run_count(struct cli *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* switch.h - what the files of `trama switch` and `trama attach` share.   Thread: one. */
#ifndef TOOLS_SWITCH_H
#define TOOLS_SWITCH_H

#include <jansson.h>

#include "base/str.h"
#include "tools/cli.h"

enum { SWITCH_BRIDGE_SIZE = 64 };

/* For a command about one bridge: --bridge. */
extern const struct cli_option switch_bridge_option[];

/* The bridge of -b, or the only one there is.  CLI_OK, or the sentence is said. */
int switch_choose_bridge(const struct cli *c, char name[SWITCH_BRIDGE_SIZE]);
/* Adds a port, whose settings are YAML as in the switch file, and says which number it got. */
int switch_port_add(const struct cli *c, const char *bridge, const char *name, const char *settings);
/* Deletes the port that an entry of port/list describes. */
int switch_port_del(const struct cli *c, const json_t *port);

/* "access 10", "trunk all", "trunk 10,20-30", "native-untagged 1 of 10,20". */
void switch_vlan_text(struct str *s, const json_t *vlan);

int switch_run_port_add(struct cli *c);
int switch_run_port_del(struct cli *c);

#endif

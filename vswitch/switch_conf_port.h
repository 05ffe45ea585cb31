/* SPDX-License-Identifier: Apache-2.0 */
/* switch_conf_port.h - the ports of a switch file.  Private to switch_conf.c and switch_conf_port.c. */
#ifndef VSWITCH_SWITCH_CONF_PORT_H
#define VSWITCH_SWITCH_CONF_PORT_H

#include "io/doc_read.h"

struct switch_conf_opts;

/* Reads the map of a bridge's ports into an array of struct sw_port_conf. */
int switch_conf_read_ports(const struct doc_node *n, const struct switch_conf_opts *opts, struct doc_array *out,
                           struct errbuf *e);

#endif

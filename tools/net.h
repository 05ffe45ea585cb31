/* SPDX-License-Identifier: Apache-2.0 */
/* net.h - what the files of `trama net` share.   Thread: one. */
#ifndef TOOLS_NET_H
#define TOOLS_NET_H

#include "tools/cli.h"

int net_run_show(struct cli *c);
int net_run_policies(struct cli *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* vswitch.h - the running switch: datapath, bridges, their ports and controllers, on one libev loop.
 * Flow: switch_conf -> [vswitch_apply] -> datapath, agents, connections.   Thread: C. */
#ifndef VSWITCH_VSWITCH_H
#define VSWITCH_VSWITCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/errbuf.h"
#include "vswitch/switch_conf.h"

struct clock;
struct ev_loop;
struct vswitch;

/* Starts DPDK and the workers (so once per process), and applies the configuration.  Takes what `conf` holds, also when it
 * fails; `conf` is empty then.  `clock`: borrowed. */
int vswitch_open(struct vswitch **out, struct ev_loop *loop, struct clock *clock, struct switch_conf *conf,
                 struct errbuf *e);
/* Ends every connection and removes every port: nothing is left behind.  NULL is fine. */
void vswitch_close(struct vswitch *sw);

/* Makes the running switch what `conf` says, changing only what differs; ports that were added by command stay.  Takes what
 * `conf` holds.  When it cannot be (a device is not there, a number is taken), nothing has changed, `e` says why.  Only a
 * port that must be closed to be opened with other settings can fail later: then the rest is applied, and `e` says so. */
int vswitch_apply(struct vswitch *sw, struct switch_conf *conf, struct errbuf *e);
const char *vswitch_run_dir(const struct vswitch *sw);

/* By command.  `text`: the port's settings as in the switch file, "{type: tap, netns: h1}". */
int vswitch_port_add(struct vswitch *sw, const char *bridge, const char *name, const char *text,
                     const struct switch_conf_opts *opts, struct errbuf *e);
int vswitch_port_del(struct vswitch *sw, const char *bridge, const char *name, struct errbuf *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* control.h - the daemon's control socket: one method per command, results as JSON (`ovs-appctl -t` gets text).
 * Flow: trama, ovs-appctl -> io/rpc -> [control] -> vswitch.   Thread: C. */
#ifndef VSWITCH_CONTROL_H
#define VSWITCH_CONTROL_H

#include <stdbool.h>

#include "base/errbuf.h"
#include "vswitch/switch_conf.h"

struct clock;
struct control;
struct ev_loop;
struct vswitch;

struct control_conf {
    struct ev_loop *loop; /* `exit` breaks it */
    struct vswitch *sw;
    struct clock *clock; /* warped by `clock/warp` */
    const char *path;    /* of the switch file, for `reload`; borrowed, as all here */
    const struct switch_conf_opts *opts;
    bool has_test; /* the commands of --test too */
};

/* Serves at <run_dir>/trama-switchd.<pid>.ctl, with <run_dir>/trama-switchd.ctl leading there. */
int control_open(struct control **out, const struct control_conf *conf, struct errbuf *e);
void control_close(struct control *c);
/* Reads the switch file anew and applies it; says in the log how it went. */
int control_reload(struct control *c, struct errbuf *e);

#endif

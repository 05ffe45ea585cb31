/* SPDX-License-Identifier: Apache-2.0 */
/* vswitch_impl.h - what the files of the daemon share.  Private to vswitch/. */
#ifndef VSWITCH_VSWITCH_IMPL_H
#define VSWITCH_VSWITCH_IMPL_H

#include <ev.h>

#include "base/list.h"
#include "io/of_conn.h"
#include "io/stream.h"
#include "vswitch/agent.h"
#include "vswitch/vswitch.h"

struct capture;
struct link_watch;

struct vswitch {
    struct ev_loop *loop;
    struct clock *clock;
    struct switch_conf conf; /* as last applied */
    struct datapath *dp;
    struct tls *tls;      /* empty while `conf` names no keys */
    struct list bridges;  /* struct sw_bridge */
    struct list captures; /* struct capture */
    struct list watches;  /* struct link_watch */
    bool has_marks;       /* ports are to be looked at */
    unsigned n_captures;  /* since the start */
    ev_io events;
    ev_prepare prepare;
    ev_idle more;  /* runs while an agent has more to do at once */
    ev_timer due;  /* the next timeout of a flow */
    ev_timer tick; /* looks at ports, frees what no worker holds any more */
    unsigned n_ticks;
    bool is_due, has_more; /* in this turn, in the last one */
};

struct sw_bridge {
    struct list link;
    struct vswitch *sw;
    char name[SWITCH_NAME_SIZE];
    const struct sw_bridge_conf *conf; /* in sw->conf */
    struct bridge *bridge;
    struct agent *agent;
    struct list ports;     /* struct sw_port */
    struct list listeners; /* struct doorway */
    struct list channels;  /* struct channel */
};

struct sw_port {
    struct list link; /* of its bridge */
    struct sw_bridge *bridge;
    struct agent_port at;     /* the open port, its number and index */
    struct sw_port_conf conf; /* strings borrow from sw->conf or from `doc` */
    struct link_watch *watch; /* NULL: no device of the kernel */
    bool is_marked;           /* something has happened to its device */
    bool is_by_command;
    struct doc doc; /* by command: what `conf` borrows from */
};

/* One OpenFlow connection, ours or theirs. */
struct channel {
    struct list link; /* of its bridge, or of its main channel */
    struct sw_bridge *bridge;
    enum session_kind kind;
    struct endpoint endpoint; /* active: where to; else the peer */
    struct of_conn *conn;
    struct session *session; /* NULL: not up */
    bool is_accepted;
    struct channel *main; /* NULL: it is one itself */
    uint8_t auxiliary_id;
    uint8_t n_auxiliary;     /* how many shall be there while this one is up */
    struct list auxiliaries; /* struct channel */
};

/* Where controllers come in. */
struct doorway {
    struct list link;
    struct sw_bridge *bridge;
    enum session_kind kind;
    struct endpoint endpoint;
    struct listener *listener;
};

/* vswitch.c: handles every event that workers have left so far.  For who takes a port or a bridge away: another may get its
 * index or its address next, and must not get its frames. */
void vswitch_finish_events(struct vswitch *sw);

/* channel.c */
int channel_connect(struct sw_bridge *b, const struct controller_conf *to, struct errbuf *e);
void channel_set_auxiliary(struct channel *c, uint8_t n);
void channel_tick(struct channel *c); /* its connections do what is due */
int channel_listen(struct sw_bridge *b, const struct endpoint *at, enum session_kind kind, struct errbuf *e);
void channel_close(struct channel *c);
void doorway_close(struct doorway *d); /* its connections stay */
void channels_close(struct sw_bridge *b);
/* Fail-standalone when that is configured and no controller is connected. */
void bridge_update_fail_mode(struct sw_bridge *b);

/* sw_bridge.c */
int sw_bridge_open(struct sw_bridge **out, struct vswitch *sw, const struct sw_bridge_conf *conf, struct errbuf *e);
void sw_bridge_close(struct sw_bridge *b);
struct sw_bridge *sw_bridge_find(const struct vswitch *sw, const char *name);
int sw_bridge_update(struct sw_bridge *b, const struct sw_bridge_conf *conf, struct errbuf *e);

/* sw_port.c */
int sw_port_open(struct port **out, const struct sw_port_conf *conf, struct errbuf *e);
/* Puts an open port on its bridge; takes `port`, also when it fails. */
int sw_port_attach(struct sw_port **out, struct sw_bridge *b, const struct sw_port_conf *conf, struct port *port,
                   struct errbuf *e);
int sw_port_set_queues(struct sw_port *p, const struct shaper_conf *conf); /* -ENOMEM */
void sw_port_close(struct sw_port *p);
/* Looks at its device, and takes it into service again when it was gone and is back.  May close the port. */
void sw_port_check(struct sw_port *p);
struct sw_port *sw_port_find(const struct vswitch *sw, const char *name);
struct sw_port *sw_port_by_index(const struct vswitch *sw, uint16_t index);
void sw_port_update(struct sw_port *p, const struct sw_port_conf *conf);

/* link_watch.c */
/* The watch of the namespace that such a port's device is in; NULL when it has none, or there is no memory.  To be put back. */
struct link_watch *link_watch_get(struct vswitch *sw, const struct port_conf *conf);
void link_watch_put(struct link_watch *w);
bool link_watch_hears(const struct link_watch *w); /* of changes, so that nobody has to look */
void link_watch_verify(struct vswitch *sw);        /* looks for namespaces that are gone or others now */
bool link_watch_run(struct vswitch *sw); /* looks at the ports of which something was heard; true: there were some */

/* capture.c */
int capture_start(struct vswitch *sw, struct sw_port *p, uint32_t snaplen, char *path, size_t path_size,
                  struct errbuf *e);
void capture_event(struct vswitch *sw, const struct event *ev);
void capture_end_port(struct vswitch *sw, const struct sw_port *p);
void capture_end_all(struct vswitch *sw);

#endif

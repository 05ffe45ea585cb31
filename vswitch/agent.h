/* SPDX-License-Identifier: Apache-2.0 */
/* agent.h - the OpenFlow side of one bridge: its flows, its ports as controllers see them, and a session for each
 * controller that is connected.
 * Flow: connection -> decode -> session_message -> [agent: check, act] -> flow_table, datapath; replies go back by
 * struct session_ops; packet-ins, flow-removed and port-status to every session that wants them.
 * Spec: OpenFlow 1.3.5, 6 and 7.  A message that is refused changes nothing and is answered with the error's type and code.
 * Thread: C. */
#ifndef VSWITCH_AGENT_H
#define VSWITCH_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hmap.h"
#include "datapath/datapath.h"
#include "datapath/port.h"
#include "datapath/shaper.h"

struct agent;
struct clock;
struct flow_table;
struct ofp_msg;
struct session;

struct agent_conf {
    const char *name; /* the bridge's; copied */
    uint64_t datapath_id;
    struct datapath *dp;       /* borrowed */
    struct bridge *bridge;     /* borrowed */
    const struct clock *clock; /* borrowed */
    uint32_t max_flows;        /* per table; 0: FLOW_TABLE_MAX_FLOWS */
    uint32_t max_groups;       /* 0: GROUP_TABLE_MAX */
    uint32_t max_meters;       /* 0: METER_TABLE_MAX */
    size_t max_monitor_bytes;  /* of flow updates that wait for one session to read; 0: 256 MiB */
};

int agent_new(struct agent **out, const struct agent_conf *conf);
void agent_free(struct agent *a); /* sessions and ports must be gone */
uint64_t agent_datapath_id(const struct agent *a);
void agent_set_datapath_id(struct agent *a, uint64_t datapath_id); /* who is connected learns it by connecting anew */
struct flow_table *agent_flows(struct agent *a);                   /* borrowed */

/* Timeouts, and replies too long for one turn.  Returns whether it wants to be called again at once; else
 * agent_next_ns() says when. */
bool agent_run(struct agent *a);
uint64_t agent_next_ns(const struct agent *a);

/* --- ports --- */

/* A port of the bridge.  The owner fills in the first part before agent_port_add and keeps it where it is. */
struct agent_port {
    struct port *port;
    char name[PORT_NAME_SIZE];
    uint32_t number; /* OpenFlow port */
    uint16_t index;  /* the datapath's */
    unsigned flags;  /* enum port_flag, as the datapath has them */
    struct shaper_conf queues;
    uint64_t queues_ns; /* since when they are there */
    /* the agent's */
    struct hmap_link by_number;
    struct port_status status; /* as last told to controllers */
    uint64_t added_ns;
    struct agent *agent;
};

void agent_port_add(struct agent *a, struct agent_port *p);    /* tells port-status ADD */
void agent_port_remove(struct agent *a, struct agent_port *p); /* DELETE; nothing happens when it was not added */
/* Asks the port how it is, and tells MODIFY when that changed.  Returns true when it did. */
bool agent_port_check(struct agent_port *p);
void agent_port_set_flags(struct agent_port *p, unsigned flags); /* tells MODIFY when that is a change */
/* Gives the port these queues; without limit and queues: none.  -EINVAL, -ENOMEM: nothing has changed. */
int agent_port_set_queues(struct agent_port *p, const struct shaper_conf *conf);
struct agent_port *agent_port_find(const struct agent *a, uint32_t number);

/* --- sessions --- */

enum session_kind {
    SESSION_CONTROLLER, /* of a configured controller: asynchronous messages come from the start */
    SESSION_SERVICE,    /* by the management socket: only after a set-config with a miss_send_len */
};

/* What a session needs of its connection. */
struct session_ops {
    int (*send)(void *arg, const void *p, size_t n);       /* queues all of it, or refuses with -ENOBUFS */
    int (*send_async)(void *arg, const void *p, size_t n); /* likewise, and leaves room for replies */
    size_t (*room)(void *arg);                             /* bytes that would be taken now */
    void (*hold)(void *arg);                               /* no further session_message ... */
    void (*resume)(void *arg);                             /* ... until this */
    void (*drop)(void *arg, const char *why);              /* ends it, in a later turn */
};

/* Room that a message needs before it is looked at: what it is answered with fits, but for flows, which wait for room. */
enum { SESSION_ROOM = 1 << 20 };

/* The handshake (hello) is done.  Gives a session; `ops` borrowed. */
int session_open(struct session **out, struct agent *a, enum session_kind kind, const struct session_ops *ops,
                 void *arg);
/* Another connection of the controller of `main`, which must not be closed before it (OpenFlow 1.3.5, 6.3.7): role and
 * settings are those of `main`.  Packet-ins are spread over such connections; what else nobody asked for comes by `main`. */
int session_open_auxiliary(struct session **out, struct session *main, uint8_t auxiliary_id,
                           const struct session_ops *ops, void *arg);
void session_close(struct session *s);
/* One message of OpenFlow 1.3, and the `n` bytes it was decoded from; both borrowed during the call. */
void session_message(struct session *s, const struct ofp_msg *m, const uint8_t *p, size_t n);

unsigned agent_controller_count(const struct agent *a); /* main sessions of kind SESSION_CONTROLLER */
/* What a frame of the bridge had to tell; captures are not for the agent. */
void agent_event(struct agent *a, const struct event *ev);

/* Adds the flow that a bridge without controllers has in fail-standalone: everything NORMAL, in table 0 with priority 0. */
int agent_add_normal_flow(struct agent *a);

struct agent_stats {
    uint64_t messages_in, errors_out, packet_ins, async_dropped, packet_outs_dropped, learn_failed;
};
void agent_stats(const struct agent *a, struct agent_stats *out);

#endif

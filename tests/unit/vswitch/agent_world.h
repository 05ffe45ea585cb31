/* SPDX-License-Identifier: Apache-2.0 */
/* agent_world.h - an agent over a datapath that the test polls, with `test` ports and sessions whose replies are kept. */
#ifndef TESTS_UNIT_VSWITCH_AGENT_WORLD_H
#define TESTS_UNIT_VSWITCH_AGENT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "openflow/ofp.h"
#include "vswitch/agent.h"

/* The far end of a session. */
struct tape {
    struct wr bytes; /* what was sent and not looked at yet, from `at` on */
    size_t at;
    size_t room; /* what it would take now */
    bool is_held, is_dropped;
    struct session *s;
    struct arena arena;
    uint32_t xid;
};

enum { WORLD_PORTS = 2, WORLD_GROUPS = 3000, WORLD_METERS = 40, WORLD_MONITOR_BYTES = 32 << 20 };

struct world {
    struct clock clock;
    struct datapath *dp;
    struct bridge *bridge;
    struct agent *agent;
    struct agent_port ports[WORLD_PORTS]; /* numbers 7 and 300, MAC 02:00:00:00 and the number */
    struct tape tape;                     /* of a controller */
};

int world_start(void); /* once per process */
void world_stop(void);
struct world *world_new(uint32_t max_flows);
struct world *world_new_live(void); /* its worker is a thread: no world_turn() */
void world_free(struct world *w);
/* Lets the worker take in what waits, and the agent hear of it. */
void world_turn(struct world *w);

void tape_open(struct tape *t, struct world *w, enum session_kind kind);
void tape_close(struct tape *t);
/* Sends a message of the given type and body; sets its xid. */
void tape_say(struct tape *t, struct ofp_msg *m);
void tape_say_bytes(struct tape *t, const uint8_t *p, size_t n);
/* The next reply, NULL: none.  Borrowed until the next call. */
const struct ofp_msg *tape_hear(struct tape *t);
/* A flow-mod as ovs-ofctl users write it: "add priority=1,actions=drop", "del in_port=3", "del_strict", "mod", "mod_strict". */
void tape_say_flow(struct tape *t, const char *text);
/* Every flow, by a multipart request: one a line, without its duration. */
const char *tape_dump(struct tape *t, const char *filter);

/* Nothing, or an error of this type and code with the request's bytes, comes next. */
void assert_silence(struct tape *t);
void assert_refused(struct tape *t, uint16_t type, uint16_t code, const char *what);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* pipe_world.h - a bridge of `mem` ports whose one worker the test polls, with a clock that it moves. */
#ifndef TESTS_PIPE_WORLD_H
#define TESTS_PIPE_WORLD_H

#include "base/clock.h"
#include "datapath/datapath.h"
#include "datapath/port.h"

enum { PIPE_PORTS = 5, PIPE_FRAME = 60 };

/* OpenFlow numbers of the ports: spread, so that index and number are never the same by chance. */
extern const uint32_t pipe_number[PIPE_PORTS];

#define PIPE_DST UINT64_C(0x02000000002b)
#define PIPE_SRC UINT64_C(0x02000000001a)

struct pipe_world {
    struct datapath *dp;
    struct bridge *b;
    struct port *port[PIPE_PORTS];
    uint16_t index[PIPE_PORTS];
    struct clock clock;
};

int pipe_start(void); /* once per process; not 0: failed */
void pipe_stop(void);
void pipe_open(struct pipe_world *w);
void pipe_open_conns(struct pipe_world *w, uint32_t conns_max); /* 0: as many as there are without being asked */
/* Two workers, which are threads: ports belong to them in turn.  The clock stays as it is. */
void pipe_open_threads(struct pipe_world *w, uint32_t conns_max);
void pipe_close(struct pipe_world *w); /* what was removed from the bridge is committed */

/* An untagged UDP frame of PIPE_FRAME bytes from `src` and `ip_src` to PIPE_DST, DSCP 0. */
void pipe_udp(uint8_t *f, uint64_t src, uint32_t ip_src, uint16_t port_src);
/* A frame of PIPE_FRAME bytes comes in by a port and is dealt with. */
void pipe_give(struct pipe_world *w, int port, const uint8_t *f);
/* The last byte of eth_dst of the frame that the port sent; -1: none. */
int pipe_take(struct pipe_world *w, int port);
/* Which ports sent a frame, as a set of bits; takes one frame of each. */
unsigned pipe_sent(struct pipe_world *w);
uint64_t pipe_dropped(const struct pipe_world *w, enum drop why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_world.h - a switch for fuzzers: the agent and datapath of tests/unit/vswitch/agent_world.h, sessions that are opened
 * when something is said on them, and what must hold whatever was said.
 *
 * A fault is an abort() with a sentence on stderr.  What is checked:
 * - every message of the switch decodes, and is encoded as it was (fuzz_ofp_decode does the same for any message);
 * - a message that was answered with an error changed nothing that can be asked for;
 * - flows and buckets name groups and meters that exist, which count them; flows are as many as the aggregate says;
 * - there is one master at most; all frames have gone back to the pool at the end (and memory, for LeakSanitizer). */
#ifndef TESTS_FUZZ_FUZZ_WORLD_H
#define TESTS_FUZZ_FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/fuzz_wire.h"
#include "tests/unit/vswitch/agent_world.h"

/* Two controllers, whoever comes by the management socket, an auxiliary connection of the first; and a controller by a
 * socket, to whom what is said need not be whole messages. */
enum fuzz_slot { SLOT_FIRST, SLOT_SECOND, SLOT_SERVICE, SLOT_AUXILIARY, SLOT_WIRE, SLOTS };

struct fuzz_world {
    struct world *w;
    struct tape tapes[SLOT_WIRE]; /* without a session: not open */
    struct fuzz_wire wire;
    struct wr paused;     /* the last packet-in with a frame that waits, as it came */
    struct tape observer; /* asks what there is */
    struct str before;    /* what there was, if `is_known` */
    bool is_known;
    unsigned one_of; /* so many messages that change something it is seen whether, refused, they do; 0: none */
};

/* Makes one, and starts what it needs the first time. */
void fuzz_world_open(struct fuzz_world *f);
void fuzz_world_close(struct fuzz_world *f); /* checks all once more */

/* One message from a controller, as bytes that need not be any; its answers are taken and checked.  True: it was accepted. */
bool fuzz_say(struct fuzz_world *f, enum fuzz_slot slot, const uint8_t *p, size_t n);
/* The frame that waits goes on; an odd `how`: with something changed in what the switch said of it. */
void fuzz_resume(struct fuzz_world *f, enum fuzz_slot slot, uint16_t how);
void fuzz_hang_up(struct fuzz_world *f, enum fuzz_slot slot); /* the auxiliary connection goes with the first */
/* The far end reads so many bytes more, beyond what a session wants to have, and the rest when something is said. */
void fuzz_set_room(struct fuzz_world *f, enum fuzz_slot slot, size_t room);
/* A frame comes in by a port; under 14 bytes: one of the forms of tests/unit/datapath/frames.h, by the first of them. */
void fuzz_frame(struct fuzz_world *f, unsigned port, const uint8_t *p, size_t n);
void fuzz_warp(struct fuzz_world *f, uint64_t ns);
void fuzz_link(struct fuzz_world *f, unsigned port, bool is_up);
void fuzz_queues(struct fuzz_world *f, unsigned port, const uint8_t *p, size_t n); /* a queue for every three bytes */
void fuzz_check(struct fuzz_world *f);

#endif

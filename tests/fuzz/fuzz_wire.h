/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_wire.h - a session that comes by a socket, as in the daemon: what is written to it need not be messages, and comes in
 * pieces.  What the switch answers must be messages. */
#ifndef TESTS_FUZZ_FUZZ_WIRE_H
#define TESTS_FUZZ_FUZZ_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct agent;
struct clock;
struct ev_loop;
struct of_conn;
struct session;

struct fuzz_wire {
    struct agent *agent;
    struct ev_loop *loop; /* NULL: not open */
    struct of_conn *conn; /* NULL: ended by the switch */
    struct session *s;    /* NULL: no hello has come */
    int fd;               /* the far end */
    struct wr heard;
};

/* Says hello, too.  Where `w` points must stay. */
void fuzz_wire_open(struct fuzz_wire *w, struct agent *a, const struct clock *clock);
void fuzz_wire_write(struct fuzz_wire *w, const uint8_t *p, size_t n);
void fuzz_wire_turn(struct fuzz_wire *w); /* what is due, and what was answered; nothing when it is not open */
void fuzz_wire_close(struct fuzz_wire *w);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.h - what every daemon does at its start and end: its directory, one of a kind in it, the background, telling that
 * it is up.   Thread: C, before and after the loop. */
#ifndef IO_DAEMON_H
#define IO_DAEMON_H

#include <stdbool.h>

#include "base/errbuf.h"

enum { DAEMON_PATH_SIZE = 256 };

struct daemon {
    int lock_fd, ready_fd; /* -1: none */
    char lock_path[DAEMON_PATH_SIZE], pidfile[DAEMON_PATH_SIZE];
};

void daemon_init(struct daemon *d);
/* Gives up the lock, removes the files. */
void daemon_fini(struct daemon *d);

/* As many descriptors as the system allows: connections must not use up those of the control socket and the ports. */
void daemon_take_descriptors(void);

/* Goes to the background; the process that was started stays until daemon_tell_ready, or ends with 1 when we end before.
 * Before anything is opened that a child would not share, such as a loop.  0 or a negative errno. */
int daemon_detach(struct daemon *d);
/* Makes `run_dir` with what is above it and locks RUN_DIR/PROGRAM.lock.  -EBUSY: another one runs there. */
int daemon_lock(struct daemon *d, const char *program, const char *run_dir, struct errbuf *e);
int daemon_write_pidfile(struct daemon *d, const char *path, struct errbuf *e); /* path NULL: nothing */
/* Tells systemd and the process that waits in daemon_detach. */
void daemon_tell_ready(struct daemon *d);
void daemon_tell_stopping(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* lab_process.h - the processes of a lab: how they are marked, found and ended.
 *
 * Theory: a process belongs to a lab when its environment has the lab's name in `LAB_VARIABLE`, or when it is in one of the
 * lab's network namespaces, so that neither a daemon whose parent was killed nor a shell of `trama lab exec` is missed, and
 * nothing is ended for its number alone: a pidfd is opened first, then the process is looked at, then the signal is sent. */
#ifndef TOOLS_LAB_PROCESS_H
#define TOOLS_LAB_PROCESS_H

#include <stdbool.h>

#include "base/errbuf.h"

/* In a child between fork and exec: marks the process as one of the lab's and enters `netns` (NULL: stays). */
int lab_process_begin(const char *lab, const char *netns, struct errbuf *e);

/* Runs a program to its end: a daemon that goes to the background, for which its ending with 0 means that it is up.  What it
 * says on stderr goes into `e` when it fails.  It is killed when we are. */
int lab_process_run(const char *lab, const char *netns, const char *const argv[], struct errbuf *e);

/* From now on SIGINT, SIGTERM and SIGHUP do not end us, but what waits here, and is_interrupted tells. */
void lab_process_catch_interrupts(void);
bool lab_process_is_interrupted(void);

/* Ends all of them, politely at first.  -EBUSY: we are one ourselves; -ETIMEDOUT: one does not end. */
int lab_process_end_all(const char *lab, struct errbuf *e);
/* Calls `fn` for each network namespace of the lab, by name; ends with the first that does not return 0. */
int lab_process_netns(const char *lab, int (*fn)(void *arg, const char *name), void *arg);
/* Whether somebody holds the lock file of a daemon. */
bool lab_process_is_locked(const char *path);

#endif

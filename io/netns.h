/* SPDX-License-Identifier: Apache-2.0 */
/* netns.h - network namespaces with names, as `ip netns` keeps them below /run/netns: made, removed, entered.
 * Needs CAP_SYS_ADMIN.  Thread: any; a namespace is a thread's own, so work inside one is done in a thread of its own. */
#ifndef IO_NETNS_H
#define IO_NETNS_H

#include <stdbool.h>

#include "base/errbuf.h"

/* Makes it, with its loopback up.  -EEXIST when it is there already. */
int netns_create(const char *name, struct errbuf *e);
/* Takes the name away; the namespace itself ends with the last process in it.  0 when there was none. */
int netns_delete(const char *name, struct errbuf *e);
bool netns_exists(const char *name);
/* A descriptor of it (the caller closes), for a name or a path with '/'; NULL: the calling thread's own. */
int netns_open(const char *name, struct errbuf *e);
/* Moves the calling thread into it, for good: for a child between fork and exec. */
int netns_enter(const char *name, struct errbuf *e);
/* Runs `fn(arg)` inside, in a thread of its own, and waits.  Returns what fn returned, or a negative errno with `e` set when
 * it could not run.  Sockets that fn opens stay in that namespace wherever they are used later. */
int netns_run(const char *name, int (*fn)(void *arg), void *arg, struct errbuf *e);

#endif

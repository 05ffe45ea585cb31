/* SPDX-License-Identifier: Apache-2.0 */
/* control.h - the controller's control socket: one method per command, results as JSON.
 * Flow: trama -> io/rpc -> [control] -> controller.   Thread: C.
 *
 *   net/show            document, switches with ports and counts, links, hosts, problems
 *   net/apply FILE TEXT the document from now on; FILE is its name in messages.  Refused whole when it is wrong
 *   net/diff [FILE TEXT] what that document (or, without, the one in force) would change, per switch
 *   net/flows [SWITCH]  what the switches hold, as they say now; whose each flow is, and what it is for
 *   net/wait [MS]       answers as soon as every switch is connected and in sync and every link known; after MS
 *                       milliseconds (default 30000) with what is still missing
 *   net/text            the document in force, as it was read
 *   version, log/level LEVEL, exit */
#ifndef CONTROLLER_CONTROL_H
#define CONTROLLER_CONTROL_H

#include "base/errbuf.h"

struct control;
struct controller;

/* Serves at `path`.  Takes over controller->settled.  0 or a negative errno. */
int control_open(struct control **out, struct controller *c, const char *path, struct errbuf *e);
void control_close(struct control *c);

#endif

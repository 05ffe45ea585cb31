/* SPDX-License-Identifier: Apache-2.0 */
/* lab_daemons.h - the daemons of a lab: a switch daemon for each switch, with a switch file made of the document, and the
 * controller.   Flow: lab_net_build -> [lab_daemons_start] -> [lab_daemons_wait]. */
#ifndef TOOLS_LAB_DAEMONS_H
#define TOOLS_LAB_DAEMONS_H

#include "tools/lab.h"

struct str;

/* The path of a daemon: $TRAMA_SWITCHD or the like, beside this program in the build tree, or where it is installed.
 * -ENOENT.  `out` has PATH_MAX bytes. */
int lab_daemon_find(char *out, const char *program, struct errbuf *e);
/* The switch file of switch `sw`. */
void lab_switch_file(struct str *out, const struct lab *lab, int sw);
/* Starts them, the controller first; when this returns every one is up.  On failure `tail` has the last lines of the log of
 * the one that is not; those that are stay. */
int lab_daemons_start(const struct lab *lab, struct str *tail, struct errbuf *e);
/* Waits until the controller has connected to every switch and brought it to hold its flows.  -ETIMEDOUT, with what is
 * missing; -EINTR. */
int lab_daemons_wait(const struct lab *lab, struct errbuf *e);

#endif

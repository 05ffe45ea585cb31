/* SPDX-License-Identifier: Apache-2.0 */
/* lab_up.h - builds a lab as a whole or not at all, and takes it away, whatever state it is in.
 * Flow: document -> lab_check -> [lab_up] -> lab_net, lab_daemons, lab_vm.   Thread: one. */
#ifndef TOOLS_LAB_UP_H
#define TOOLS_LAB_UP_H

#include "tools/lab.h"

struct str;

/* What cannot be built on one machine, or would do harm: -EINVAL with a sentence. */
int lab_check(const struct net_doc *doc, struct errbuf *e);

/* Builds `file`; `name` NULL: under the document's name.  What an earlier try left is taken away first; so it is after a failure,
 * and when SIGINT, SIGTERM or SIGHUP come (-EINTR).  `tail`: lines of a daemon's log that tell more of a failure.
 * -EEXIST: a lab of this name is up.  Gives `*out`: end with lab_close. */
int lab_up(struct lab **out, const char *file, const char *name, struct str *tail, struct errbuf *e);
/* Ends and removes whatever there is of it.  -ENOENT: nothing. */
int lab_down(const char *name, struct errbuf *e);

#endif

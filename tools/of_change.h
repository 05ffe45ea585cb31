/* SPDX-License-Identifier: Apache-2.0 */
/* of_change.h - changes written as text and sent to a switch: what `trama flow`, `group` and `meter` add, modify and delete.
 * Flow: a command -> [of_change] -> of_client -> switch.   Thread: one. */
#ifndef TOOLS_OF_CHANGE_H
#define TOOLS_OF_CHANGE_H

#include "tools/cli.h"

struct arena;
struct ofp_msg;
struct port_names;

struct of_change_kind {
    const char *noun; /* "flow"; more of them are "flows" */
    /* Makes the message, all but version and xid, of a text; `command` as of_change was given it.  It may point into the arena.
     * 0; -EINVAL with a sentence, -ENOMEM. */
    int (*parse)(struct ofp_msg *m, struct arena *a, const char *text, int command, const struct port_names *names,
                 struct errbuf *e);
};

/* A deleting command has --all, which stands for an empty text. */
enum of_change_effect { OF_CHANGE_SETS, OF_CHANGE_DELETES };

/* Runs a command whose arguments are texts, with the options below and those of of_target.h.  All are read before the
 * first is sent.  Several go in one bundle, all or none, unless --no-bundle is said.
 * Returns an exit code. */
int of_change(const struct cli *c, const struct of_change_kind *kind, int command, enum of_change_effect effect);

#define OF_CHANGE_FILE_OPTION \
    { \
        "file", 'f', "FILE", "what a file says, one a line; - reads the standard input" \
    }
#define OF_CHANGE_NO_BUNDLE_OPTION \
    { \
        "no-bundle", 0, NULL, "one by one, for a switch without bundles; what it does not refuse stays" \
    }

#endif

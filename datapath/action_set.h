/* SPDX-License-Identifier: Apache-2.0 */
/* action_set.h - the actions that wait until the end of the pipeline, and those of a group's bucket: at most one of a
 * kind, done in the order of the specification.   Spec: OpenFlow 1.3.5, 5.10.   Thread: any. */
#ifndef DATAPATH_ACTION_SET_H
#define DATAPATH_ACTION_SET_H

#include <stdbool.h>

#include "datapath/rule.h"

enum { ACTION_SET_MAX = 64 };

/* At most one action of a type.  Those that set fields are done in the order they came in, with cumulative effect, and any number
 * of moves with them (ovs-actions(7), Action Sets); of one field there is one, unless others that have to do with its bits came
 * between. */
struct action_set {
    unsigned n;
    bool is_overflown;
    struct act acts[ACTION_SET_MAX];
};

/* Adds the action, or puts it in place of the one of its kind, or makes it part of that. */
void action_set_write(struct action_set *s, const struct act *a);
/* Brings the actions into the order in which they are done.  A group takes an output's place; it, or the output, is
 * the last then.  Returns false when there is neither: a frame with such a set is dropped. */
bool action_set_finish(struct action_set *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile.h - the least that must change for a switch to hold what it should.
 * Flow: flow sets (desired, held) -> [reconcile] -> session sends the changes.  Pure. */
#ifndef CONTROLLER_RECONCILE_H
#define CONTROLLER_RECONCILE_H

#include "controller/flow.h"

/* Phases are sent in this order, each finished (barrier) before the next: a way is made before the old one is broken. */
enum change_type { CHANGE_ADD, CHANGE_MODIFY, CHANGE_DELETE };
enum { CHANGE_PHASES = 2 };
static inline unsigned change_phase(enum change_type type)
{
    return type == CHANGE_DELETE;
}

struct change {
    enum change_type type;
    struct flow
        *flow; /* add: new, or in place of one whose cookie, flags or timeouts differ; modify: other instructions */
};

struct changes {
    struct change *list;
    size_t n;
};

/* What leads from `held` to `desired`.  `others`: flows that are not ours; a desired one whose place they have is left out
 * and counted in `*n_conflicts`.  `refused`: flows that the switch said no to; left out when they are what is desired.
 * Both may be NULL.  In the order to send: first everything that adds or modifies, later tables first, so that no goto
 * meets an empty table; then what deletes, earlier tables first.  The flows are copies.  0 (caller: changes_fini) or
 * -ENOMEM. */
struct reconcile {
    const struct flow_set *desired, *held, *others, *refused;
};
int reconcile(struct changes *out, const struct reconcile *r, size_t *n_conflicts);
void changes_fini(struct changes *c);

#endif

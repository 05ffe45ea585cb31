/* SPDX-License-Identifier: Apache-2.0 */
/* action_set.c - see action_set.h. */
#include "datapath/action_set.h"

#include <stdint.h>

/* OpenFlow 1.3.5, 5.10: the order in which a set is done, whatever the order it was written in. */
enum { PLACE_GROUP = 10, PLACE_OUTPUT };
static const uint8_t place_of[ACT_TYPES] = {
    [ACT_COPY_TTL_IN] = 1,       [ACT_POP_VLAN] = 2,     [ACT_POP_MPLS] = 2,        [ACT_POP_PBB] = 2,
    [ACT_PUSH_MPLS] = 3,         [ACT_PUSH_PBB] = 4,     [ACT_PUSH_VLAN] = 5,       [ACT_COPY_TTL_OUT] = 6,
    [ACT_DEC_IP_TTL] = 7,        [ACT_DEC_MPLS_TTL] = 7, [ACT_SET_FIELD] = 8,       [ACT_SET_IP_TTL] = 8,
    [ACT_SET_MPLS_TTL] = 8,      [ACT_SET_QUEUE] = 9,    [ACT_GROUP] = PLACE_GROUP, [ACT_CONTROLLER] = PLACE_OUTPUT,
    [ACT_OUTPUT] = PLACE_OUTPUT,
};

/* A controller action is an output of its own kind: it replaces an output, and is replaced by one. */
static bool is_same_kind(const struct act *a, const struct act *b)
{
    if (place_of[a->type] == PLACE_OUTPUT)
        return place_of[b->type] == PLACE_OUTPUT;
    return a->type == b->type && (a->type != ACT_SET_FIELD || a->field == b->field);
}

void action_set_write(struct action_set *s, const struct act *a)
{
    for (unsigned i = 0; i < s->n; i++) {
        struct act *old = &s->acts[i];

        if (!is_same_kind(old, a))
            continue;
        if (a->type == ACT_SET_FIELD) {
            old->value.hi = (old->value.hi & ~a->mask.hi) | (a->value.hi & a->mask.hi);
            old->value.lo = (old->value.lo & ~a->mask.lo) | (a->value.lo & a->mask.lo);
            old->mask.hi |= a->mask.hi;
            old->mask.lo |= a->mask.lo;
        } else {
            *old = *a;
        }
        return;
    }
    if (s->n == ACTION_SET_MAX)
        s->is_overflown = true;
    else
        s->acts[s->n++] = *a;
}

bool action_set_finish(struct action_set *s)
{
    /* insertion sort: short, and keeps the order of what has the same place */
    for (unsigned i = 1; i < s->n; i++)
        for (unsigned j = i; j && place_of[s->acts[j - 1].type] > place_of[s->acts[j].type]; j--) {
            struct act a = s->acts[j];

            s->acts[j] = s->acts[j - 1];
            s->acts[j - 1] = a;
        }
    if (s->n >= 2 && s->acts[s->n - 2].type == ACT_GROUP)
        s->n--; /* "the output action is ignored and the group action takes precedence" */
    return s->n && place_of[s->acts[s->n - 1].type] >= PLACE_GROUP;
}

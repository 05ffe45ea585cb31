/* SPDX-License-Identifier: Apache-2.0 */
/* action_set.c - see action_set.h. */
#include "datapath/action_set.h"

#include <stdint.h>

/* OpenFlow 1.3.5, 5.10: the order in which a set is done, whatever the order it was written in. */
enum { PLACE_GROUP = 10, PLACE_OUTPUT };
static const uint8_t place_of[ACT_TYPES] = {
    [ACT_COPY_TTL_IN] = 1,
    [ACT_POP_VLAN] = 2,
    [ACT_POP_MPLS] = 2,
    [ACT_POP_PBB] = 2,
    [ACT_PUSH_MPLS] = 3,
    [ACT_PUSH_PBB] = 4,
    [ACT_PUSH_VLAN] = 5,
    [ACT_COPY_TTL_OUT] = 6,
    [ACT_DEC_IP_TTL] = 7,
    [ACT_DEC_MPLS_TTL] = 7,
    [ACT_SET_FIELD] = 8,
    [ACT_SET_IP_TTL] = 8,
    [ACT_SET_MPLS_TTL] = 8,
    [ACT_MOVE] = 8,
    [ACT_SET_QUEUE] = 9,
    [ACT_GROUP] = PLACE_GROUP,
    [ACT_CONTROLLER] = PLACE_OUTPUT,
    [ACT_OUTPUT] = PLACE_OUTPUT,
};

/* A controller action is an output of its own kind: it replaces an output, and is replaced by one. */
static bool is_same_kind(const struct act *a, const struct act *b)
{
    if (place_of[a->type] == PLACE_OUTPUT)
        return place_of[b->type] == PLACE_OUTPUT;
    return a->type == b->type && a->type != ACT_MOVE && (a->type != ACT_SET_FIELD || a->field == b->field);
}

/* The field that is set, or FIELD_NONE. */
static enum field_id target(const struct act *a)
{
    switch ((int)a->type) {
    case ACT_SET_FIELD:
        return a->field;
    case ACT_SET_IP_TTL:
        return FIELD_IP_TTL;
    case ACT_SET_MPLS_TTL:
        return FIELD_MPLS_TTL;
    }
    return FIELD_NONE;
}

/* Is it the same whether `a` or `b` is done first?  Not when both have to do with the same bits, as reg0 and xreg0 do. */
static bool is_apart(const struct act *a, const struct act *b)
{
    enum field_id fa = target(a), fb = target(b);
    unsigned at_a, at_b;

    if (a->type == ACT_MOVE || b->type == ACT_MOVE)
        return false;
    if (fa == FIELD_NONE || fb == FIELD_NONE)
        return true;
    at_a = field_table[fa].word * 64u + field_table[fa].shift;
    at_b = field_table[fb].word * 64u + field_table[fb].shift;
    return at_a + field_table[fa].bits <= at_b || at_b + field_table[fb].bits <= at_a;
}

static void merge(struct act *into, const struct act *a)
{
    if (a->type != ACT_SET_FIELD) {
        *into = *a;
        return;
    }
    into->value.hi = (into->value.hi & ~a->mask.hi) | (a->value.hi & a->mask.hi);
    into->value.lo = (into->value.lo & ~a->mask.lo) | (a->value.lo & a->mask.lo);
    into->mask.hi |= a->mask.hi;
    into->mask.lo |= a->mask.lo;
}

void action_set_write(struct action_set *s, const struct act *a)
{
    for (unsigned i = s->n; i--;) {
        if (is_same_kind(&s->acts[i], a)) {
            merge(&s->acts[i], a);
            return;
        }
        if (!is_apart(&s->acts[i], a))
            break;
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

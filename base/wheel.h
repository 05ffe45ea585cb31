/* SPDX-License-Identifier: Apache-2.0 */
/* wheel.h - timeouts by the million: a hierarchical timer wheel whose links lie in the items.  Adding and removing cost
 * the same however many there are; time may jump as far as it likes.  Nothing is allocated.
 * A timeout is never early, and late by less than one tick (WHEEL_TICK_NS).  Thread: whoever owns the wheel. */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

enum { WHEEL_TICK_SHIFT = 20, WHEEL_TICK_NS = 1 << WHEEL_TICK_SHIFT }; /* 1.05 ms */
enum { WHEEL_LEVELS = 8, WHEEL_SLOTS = 64 };
#define WHEEL_NEVER UINT64_MAX

struct wheel_link {
    struct list link;
    uint64_t at_ns;      /* when it is due */
    uint8_t level, slot; /* where it hangs; level WHEEL_LEVELS: in `due` */
};

struct wheel {
    uint64_t tick;              /* everything before it was moved to `due` */
    uint64_t map[WHEEL_LEVELS]; /* bit i: slot i is not empty */
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    struct list due; /* expired, not taken yet, in order of ticks */
};

void wheel_init(struct wheel *w, uint64_t now_ns);
void wheel_link_init(struct wheel_link *l);      /* in no wheel */
bool wheel_is_armed(const struct wheel_link *l); /* in a wheel, due or not */
/* Arms `l` for `at_ns`, moving it when it is armed already.  A time that has passed is due at once. */
void wheel_arm(struct wheel *w, struct wheel_link *l, uint64_t at_ns);
void wheel_disarm(struct wheel *w, struct wheel_link *l); /* nothing happens when it is not armed */
/* Takes out one that is due at `now_ns`, NULL when there is none: call until NULL. */
struct wheel_link *wheel_pop(struct wheel *w, uint64_t now_ns);
/* A time until which nobody need call wheel_pop: at most the first timeout, often exactly it; WHEEL_NEVER when empty. */
uint64_t wheel_next_ns(const struct wheel *w);

#endif

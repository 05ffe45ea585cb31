/* SPDX-License-Identifier: Apache-2.0 */
/* wheel.c - see wheel.h.
 *
 * Theory.  Time in ticks is a number of `WHEEL_LEVELS` digits in base `WHEEL_SLOTS`.  An item hangs on the level of the
 * highest digit in which its tick differs from the wheel's own, in the slot of that digit.  So everything on level n is
 * due before anything on level n + 1, and the first slot in use of the lowest level in use is where to go next.  When the
 * wheel's tick enters that slot, its items differ in a lower digit only and are hung up again: an item moves down at most
 * once per level.  Moving the tick to somewhere before that slot changes no item's level or slot. */
#include "base/wheel.h"

#include <assert.h>

enum { DIGIT_BITS = 6 };
static_assert(1 << DIGIT_BITS == WHEEL_SLOTS, "a digit is a slot");

/* So that a tick shifted back to nanoseconds fits 64 bits. */
#define TICK_MAX (UINT64_MAX >> WHEEL_TICK_SHIFT)

static uint64_t tick_of(uint64_t at_ns)
{
    uint64_t t = (at_ns >> WHEEL_TICK_SHIFT) + !!(at_ns & (WHEEL_TICK_NS - 1));

    return t < TICK_MAX ? t : TICK_MAX;
}

void wheel_init(struct wheel *w, uint64_t now_ns)
{
    w->tick = now_ns >> WHEEL_TICK_SHIFT;
    list_init(&w->due);
    for (int l = 0; l < WHEEL_LEVELS; l++) {
        w->map[l] = 0;
        for (int s = 0; s < WHEEL_SLOTS; s++)
            list_init(&w->slots[l][s]);
    }
}

void wheel_link_init(struct wheel_link *l)
{
    list_init(&l->link);
    l->at_ns = 0;
    l->level = l->slot = 0;
}

bool wheel_is_armed(const struct wheel_link *l)
{
    return !list_is_empty(&l->link);
}

static void hang(struct wheel *w, struct wheel_link *l)
{
    uint64_t tick = tick_of(l->at_ns);

    if (tick <= w->tick) {
        l->level = WHEEL_LEVELS;
        list_push_back(&w->due, &l->link);
        return;
    }
    l->level = (uint8_t)((63 - __builtin_clzll(tick ^ w->tick)) / DIGIT_BITS);
    l->slot = tick >> (l->level * DIGIT_BITS) & (WHEEL_SLOTS - 1);
    w->map[l->level] |= UINT64_C(1) << l->slot;
    list_push_back(&w->slots[l->level][l->slot], &l->link);
}

void wheel_arm(struct wheel *w, struct wheel_link *l, uint64_t at_ns)
{
    wheel_disarm(w, l);
    l->at_ns = at_ns;
    hang(w, l);
}

void wheel_disarm(struct wheel *w, struct wheel_link *l)
{
    if (!wheel_is_armed(l))
        return;
    list_remove(&l->link);
    if (l->level < WHEEL_LEVELS && list_is_empty(&w->slots[l->level][l->slot]))
        w->map[l->level] &= ~(UINT64_C(1) << l->slot);
}

/* The tick at which the next slot in use begins; false when no slot is in use. */
static bool next_slot(const struct wheel *w, int *level, unsigned *slot, uint64_t *tick)
{
    for (int l = 0; l < WHEEL_LEVELS; l++) {
        if (!w->map[l])
            continue;

        unsigned shift = (unsigned)l * DIGIT_BITS;

        *level = l;
        *slot = (unsigned)__builtin_ctzll(w->map[l]);
        *tick = (w->tick >> shift & ~(uint64_t)(WHEEL_SLOTS - 1)) << shift | (uint64_t)*slot << shift;
        return true;
    }
    return false;
}

static void advance(struct wheel *w, uint64_t to)
{
    unsigned slot;
    uint64_t tick;
    int level;

    while (w->tick < to) {
        if (!next_slot(w, &level, &slot, &tick) || tick > to) {
            w->tick = to;
            return;
        }

        struct list moved;

        list_init(&moved);
        list_splice(&moved, &w->slots[level][slot]);
        w->map[level] &= ~(UINT64_C(1) << slot);
        w->tick = tick;
        for_each_list_safe (struct wheel_link, l, next, &moved, link) {
            list_remove(&l->link);
            hang(w, l);
        }
    }
}

struct wheel_link *wheel_pop(struct wheel *w, uint64_t now_ns)
{
    advance(w, now_ns >> WHEEL_TICK_SHIFT);

    struct wheel_link *l = list_first(&w->due, struct wheel_link, link);

    if (l)
        list_remove(&l->link);
    return l;
}

uint64_t wheel_next_ns(const struct wheel *w)
{
    unsigned slot;
    uint64_t tick;
    int level;

    if (!list_is_empty(&w->due))
        return w->tick << WHEEL_TICK_SHIFT;
    return next_slot(w, &level, &slot, &tick) ? tick << WHEEL_TICK_SHIFT : WHEEL_NEVER;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - monotonic time in nanoseconds that a test can move by hand.  One `struct clock` per daemon; everything that
 * has to do with time takes `now_ns` or a clock, and never asks the system itself.
 * Thread: any may read and warp. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

enum { NSEC_PER_US = 1000, NSEC_PER_MS = 1000000, NSEC_PER_S = 1000000000 };

struct clock {
    _Atomic uint64_t warp_ns;    /* added to what runs by itself */
    _Atomic uint64_t stopped_ns; /* not 0: stands still there, and only a warp moves it */
};

/* All zero is a clock that runs with the system's.  Never goes back.  NULL: the system's monotonic clock. */
uint64_t clock_now(const struct clock *c);
/* Moves time forward, at once, for every reader. */
void clock_warp(struct clock *c, uint64_t ns);
/* From now on time moves only by clock_warp: for tests that want the same run every time. */
void clock_stop(struct clock *c);
/* Nanoseconds since 1970 (UTC), for what people read; never for measuring. */
uint64_t clock_wall_ns(void);

#endif

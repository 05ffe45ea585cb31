/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - see clock.h. */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static uint64_t system_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * NSEC_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_now(const struct clock *c)
{
    if (!c)
        return system_ns(CLOCK_MONOTONIC);

    uint64_t stopped = atomic_load_explicit(&c->stopped_ns, memory_order_acquire);
    uint64_t warp = atomic_load_explicit(&c->warp_ns, memory_order_acquire);

    return (stopped ? stopped : system_ns(CLOCK_MONOTONIC)) + warp;
}

void clock_warp(struct clock *c, uint64_t ns)
{
    atomic_fetch_add_explicit(&c->warp_ns, ns, memory_order_acq_rel);
}

void clock_stop(struct clock *c)
{
    uint64_t running = 0;

    atomic_compare_exchange_strong(&c->stopped_ns, &running, system_ns(CLOCK_MONOTONIC));
}

uint64_t clock_wall_ns(void)
{
    return system_ns(CLOCK_REALTIME);
}

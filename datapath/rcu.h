/* SPDX-License-Identifier: Apache-2.0 */
/* rcu.h - memory that workers may still be reading: freed once each of them has passed a quiescent state.
 * A thin layer over DPDK's rte_rcu_qsbr. */
#ifndef DATAPATH_RCU_H
#define DATAPATH_RCU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rcu;

int rcu_new(struct rcu **out, unsigned max_workers);
void rcu_free(struct rcu *r); /* runs what is still deferred; no readers any more */

/* Thread: W `id`.  Online between bursts it must say quiescent; asleep it is offline. */
void rcu_register(struct rcu *r, unsigned id);
void rcu_unregister(struct rcu *r, unsigned id);
void rcu_online(struct rcu *r, unsigned id);
void rcu_offline(struct rcu *r, unsigned id);
void rcu_quiescent(struct rcu *r, unsigned id);

/* Thread: C. */
/* Calls fn(arg) on this thread, from rcu_reclaim, rcu_wait or rcu_free, when no worker can hold what was reachable before.
 * When memory for the note is lacking it waits instead, and calls at once. */
void rcu_defer(struct rcu *r, void (*fn)(void *arg), void *arg);
size_t rcu_reclaim(struct rcu *r); /* calls what is due; returns how many are still waiting */
void rcu_wait(struct rcu *r);      /* waits for a grace period (microseconds while workers run) and reclaims all */

/* The same without a note: over when no worker can hold what was reachable before rcu_start(). */
uint64_t rcu_start(struct rcu *r);
bool rcu_is_over(struct rcu *r, uint64_t token);
void rcu_wait_for(struct rcu *r, uint64_t token); /* waits, and calls nothing that was deferred */

#endif

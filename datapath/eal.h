/* SPDX-License-Identifier: Apache-2.0 */
/* eal.h - DPDK's environment, started once per process, and the pool that frames come from.
 * Several daemons on one host do not see each other: nothing is shared, and nothing stays behind when one is killed.
 * Without free hugepages (or a place where they are mounted) it runs on ordinary memory; only speed changes.
 *
 * Thread: C.  A thread that handles frames calls rte_thread_register() first, so that the pool gives it a cache. */
#ifndef DATAPATH_EAL_H
#define DATAPATH_EAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/errbuf.h"

struct rte_mempool;

enum eal_hugepages { EAL_HUGEPAGES_AUTO, EAL_HUGEPAGES_OFF, EAL_HUGEPAGES_ON };
enum { EAL_EXTRA_MAX = 16 };

/* All zero, but for run_dir, is the default. */
struct eal_conf {
    const char *run_dir;              /* keeps several daemons apart; a directory, must exist */
    enum eal_hugepages hugepages;     /* ON: refused when there are none */
    uint32_t n_mbufs;                 /* 0: 262144 with hugepages, 16384 without */
    uint32_t memory_mb;               /* 0: what the mbufs need and some room */
    const char *pci[32];              /* PCI devices that may be used, NULL ends; none: the bus is left alone */
    const char *extra[EAL_EXTRA_MAX]; /* further EAL arguments, NULL ends */
};

/* Starts EAL and makes the pool.  Once per process (DPDK cannot be started again): -EALREADY afterwards.
 * The calling thread keeps its CPU affinity. */
int eal_start(const struct eal_conf *conf, struct errbuf *e);
/* Ports and frames must be gone.  Without eal_start: nothing. */
void eal_stop(void);

struct rte_mempool *eal_pool(void); /* NULL before eal_start; borrowed until eal_stop */
bool eal_has_hugepages(void);       /* what eal_start came to */
/* What DPDK said first since eal_log_reset (one line, without line end), for a sentence about why it refused something; empty
 * when it said nothing. */
void eal_log_reset(void);
const char *eal_log(void);

#endif

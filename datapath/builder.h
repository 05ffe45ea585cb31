/* SPDX-License-Identifier: Apache-2.0 */
/* builder.h - a thread for work that takes long, compiling tables: neither the workers nor the control thread wait for it.
 * It runs one job after the other, at low priority, and off the workers' CPUs when there are others.
 * Thread: C calls; jobs run on the builder's. */
#ifndef DATAPATH_BUILDER_H
#define DATAPATH_BUILDER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"

struct builder;

struct builder_job {
    void (*run)(struct builder_job *job); /* touches nothing that others write meanwhile */
    atomic_bool is_done;                  /* what `run` did can be read */
    struct list link;                     /* builder.c */
};

/* `cpus`: `n` of them that it keeps off; negative ones are skipped.  Negative errno. */
int builder_new(struct builder **out, const int *cpus, unsigned n);
void builder_free(struct builder *b); /* no jobs any more */

/* Has the job run some time; `job` is borrowed until it is done.  `b` NULL: runs it at once. */
void builder_start(struct builder *b, struct builder_job *job);
/* Waits until the job is done, or takes it out when it has not begun. */
void builder_cancel(struct builder *b, struct builder_job *job);

#endif

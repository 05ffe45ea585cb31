/* SPDX-License-Identifier: Apache-2.0 */
/* slab.h - memory for many small objects that live long: what is freed goes back to the kernel in blocks of 2 MiB; what
 * comes is there before it is touched, 64 KiB at a time, so that there is one call rather than 16 faults.
 * Thread: whoever owns the pool. */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>

#include "base/list.h"

enum { SLAB_STEP = 32, SLAB_MAX = 2048 };

struct slab_pool {
    struct list partial[SLAB_MAX / SLAB_STEP]; /* by size: pages that have room */
    struct list blocks;                        /* those that have free pages */
    size_t n_blocks, n_empty;
};

void slab_init(struct slab_pool *s);
void slab_fini(struct slab_pool *s); /* everything was freed */

/* Not zeroed, aligned to 16 bytes; more than SLAB_MAX bytes are malloc()'s.  NULL: no memory. */
void *slab_alloc(struct slab_pool *s, size_t size);
void slab_free(struct slab_pool *s, void *p);

#endif

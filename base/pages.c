/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c - see pages.h. */
#include "base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, LARGE = 256 << 10 };

void *pages_calloc(size_t n, size_t size)
{
    void *p = calloc(n, size);

    if (!p || n * size < LARGE)
        return p;

    uintptr_t begin = ((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    size_t len = ((uintptr_t)p + n * size - begin) & ~(size_t)(PAGE - 1);

    /* a kernel that knows neither gives the pages later */
    (void)madvise((void *)begin, len, MADV_HUGEPAGE);
    (void)madvise((void *)begin, len, MADV_POPULATE_WRITE);
    return p;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* pages.h - large memory whose pages are there from the beginning, in huge ones where the kernel has them.
 * Memory that comes when it is first touched costs a fault each 4 KiB; and where it was read before, each of them also interrupts
 * every CPU that runs a thread of ours. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

/* As calloc(): the caller ends it with free(). */
void *pages_calloc(size_t n, size_t size);

#endif

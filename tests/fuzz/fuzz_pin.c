/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_pin.c - changes for targets whose input is one message.  FUZZ_KIND in the environment keeps to one kind of message
 * (fuzz_kind.h); else each keeps its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_mutate.h"

size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t n, size_t max, unsigned seed);

static const struct fuzz_kind *kind_of(const uint8_t *p, size_t n)
{
    static struct fuzz_kind kinds[FUZZ_KINDS_MAX];
    static size_t n_kinds;
    const char *name = getenv("FUZZ_KIND");

    if (!n_kinds)
        n_kinds = fuzz_kinds(kinds);
    for (size_t i = 0; i < n_kinds; i++)
        if (name ? !strcmp(name, kinds[i].name) : fuzz_kind_is(&kinds[i], p, n))
            return &kinds[i];
    if (name) {
        fprintf(stderr, "no kind of message is called %s\n", name);
        exit(1);
    }
    return kinds;
}

size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t n, size_t max, unsigned seed)
{
    return max < FUZZ_PREFIX ? n : fuzz_mutate(p, n, max, seed, kind_of(p, n));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* hash.c - see hash.h. */
#include "base/hash.h"

#include <string.h>

uint32_t hash_bytes(const void *p, size_t n, uint32_t basis)
{
    const uint8_t *b = p;
    uint64_t h = hash_add(basis, n), v;

    for (; n >= sizeof v; n -= sizeof v, b += sizeof v) {
        memcpy(&v, b, sizeof v);
        h = hash_add(h, v);
    }
    v = 0;
    if (n)
        memcpy(&v, b, n);
    return (uint32_t)hash_mix(hash_add(h, v));
}

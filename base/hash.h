/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h - hashing of words and bytes inside one process: quick, well mixed, not for storage and not secret.
 * The mixer is that of MurmurHash3's finalizer (Appleby, public domain description). */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_mix(uint64_t h)
{
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static inline uint64_t hash_add(uint64_t h, uint64_t v)
{
    return (h ^ v) * UINT64_C(0x9e3779b97f4a7c15) ^ (h >> 29);
}

static inline uint32_t hash_words(const uint64_t *w, size_t n, uint32_t basis)
{
    uint64_t h = basis;

    for (size_t i = 0; i < n; i++)
        h = hash_add(h, w[i]);
    return (uint32_t)hash_mix(h);
}

uint32_t hash_bytes(const void *p, size_t n, uint32_t basis);

#endif

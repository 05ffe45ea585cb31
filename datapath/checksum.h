/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.h - keeping the Internet checksum right while bytes under it change (RFC 1071, RFC 1624), and SCTP's CRC.
 * Sums are ones' complement, 16 bits, in host order, over big-endian words. */
#ifndef DATAPATH_CHECKSUM_H
#define DATAPATH_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

static inline uint16_t csum_fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static inline uint16_t csum_add(uint16_t a, uint16_t b)
{
    return csum_fold((uint32_t)a + b);
}

/* Plain sum of `n` bytes, an even number. */
static inline uint16_t csum_words(const uint8_t *p, size_t n)
{
    uint64_t sum = 0;
    size_t i = 0;

    for (; i + 4 <= n; i += 4) /* two words, which fold to their sum */
        sum += be32_load(p + i);
    if (i + 2 <= n)
        sum += be16_load(p + i);
    return csum_fold(sum);
}

/* What a sum grows by when words that sum up to `old` become words that sum up to `now`. */
static inline uint16_t csum_delta(uint16_t old, uint16_t now)
{
    return csum_add((uint16_t)~old, now);
}

/* The field holds the complement of a sum: a finished checksum (RFC 1624, equation 3). */
static inline uint16_t csum_complete(uint16_t field, uint16_t delta)
{
    return (uint16_t)~csum_add((uint16_t)~field, delta);
}

struct rte_mbuf;

/* Plain sum of `len` bytes of a frame from `ofs`, which are there, in however many segments. */
uint16_t csum_frame(const struct rte_mbuf *m, uint32_t ofs, uint32_t len);
/* CRC32c going on from `crc`: begin with UINT32_MAX, the complement of the last one is the result. */
uint32_t csum_crc32c(const uint8_t *p, size_t n, uint32_t crc);
/* CRC32c of an SCTP packet at `ofs`, its checksum field taken as zero (RFC 9260, appendix A): to be stored
 * least significant byte first. */
uint32_t csum_sctp(const struct rte_mbuf *m, uint32_t ofs, uint32_t len);

#endif

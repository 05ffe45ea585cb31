/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.c - sums over whole frames; see checksum.h. */
#include "datapath/checksum.h"

#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

/* rte_raw_cksum_mbuf of 22.11 is wrong when a segment begins at an odd byte: it swaps a sum that was not folded yet. */
uint16_t csum_frame(const struct rte_mbuf *m, uint32_t ofs, uint32_t len)
{
    uint32_t done = 0;
    uint64_t sum = 0;

    for (; m && ofs >= m->data_len; m = m->next)
        ofs -= m->data_len;
    for (; m && done < len; m = m->next, ofs = 0) {
        uint32_t part = RTE_MIN(len - done, m->data_len - ofs);
        uint16_t part_sum = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, const void *, ofs), part);

        sum += done & 1 ? __builtin_bswap16(part_sum) : part_sum;
        done += part;
    }
    return rte_be_to_cpu_16(csum_fold(sum));
}

uint32_t csum_crc32c(const uint8_t *p, size_t n, uint32_t crc)
{
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word; /* rte_hash_crc() itself would read it misaligned */

        memcpy(&word, p, sizeof word);
        crc = rte_hash_crc_8byte(word, crc);
    }
    while (n--)
        crc = rte_hash_crc_1byte(*p++, crc);
    return crc;
}

/* CRC of `len` bytes from `ofs`, going on from `crc`. */
static uint32_t crc_frame(const struct rte_mbuf *m, uint32_t ofs, uint32_t len, uint32_t crc)
{
    for (; m && len; m = m->next) {
        uint32_t n = rte_pktmbuf_data_len(m);

        if (ofs >= n) {
            ofs -= n;
            continue;
        }
        n = RTE_MIN(n - ofs, len);
        crc = csum_crc32c(rte_pktmbuf_mtod_offset(m, const uint8_t *, ofs), n, crc);
        len -= n;
        ofs = 0;
    }
    return crc;
}

uint32_t csum_sctp(const struct rte_mbuf *m, uint32_t ofs, uint32_t len)
{
    static const uint8_t none[4];
    uint32_t crc = crc_frame(m, ofs, 8, UINT32_MAX);

    crc = csum_crc32c(none, sizeof none, crc);
    return ~crc_frame(m, ofs + 12, len - 12, crc);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.c - sums over whole frames; see checksum.h. */
#include "datapath/checksum.h"

#include <rte_hash_crc.h>
#include <rte_mbuf.h>

uint16_t csum_frame(const struct rte_mbuf *m, uint32_t ofs, uint32_t len)
{
    uint64_t sum = 0;
    uint32_t done = 0;

    for (; m && done < len; m = m->next) {
        uint32_t n = rte_pktmbuf_data_len(m);

        if (ofs >= n) {
            ofs -= n;
            continue;
        }
        const uint8_t *p = rte_pktmbuf_mtod_offset(m, const uint8_t *, ofs);

        n = RTE_MIN(n - ofs, len - done);
        for (uint32_t i = 0; i < n; i++)
            sum += (uint32_t)p[i] << ((done + i) & 1 ? 0 : 8);
        done += n;
        ofs = 0;
    }
    return csum_fold(sum);
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
        crc = rte_hash_crc(rte_pktmbuf_mtod_offset(m, const void *, ofs), n, crc);
        len -= n;
        ofs = 0;
    }
    return crc;
}

uint32_t csum_sctp(const struct rte_mbuf *m, uint32_t ofs, uint32_t len)
{
    static const uint8_t none[4];
    uint32_t crc = crc_frame(m, ofs, 8, UINT32_MAX);

    crc = rte_hash_crc(none, sizeof none, crc);
    return ~crc_frame(m, ofs + 12, len - 12, crc);
}

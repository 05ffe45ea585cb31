/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite_mss.c - lowers the maximum segment size that a TCP SYN announces; see pkt.h.
 * Spec: RFC 9293, 3.2 (options) and 3.7.1 (MSS), RFC 1624 (the checksum). */
#include "datapath/rewrite.h"

#include <errno.h>

#include "base/bytes.h"
#include "datapath/checksum.h"
#include "datapath/proto.h"

enum { TCP_HEADER = 20, OFFSET_AT = 12, FLAGS_AT = 13, SUM_AT = 16, FLAG_SYN = 2 };
enum { OPTION_END, OPTION_NOP, OPTION_MSS, MSS_LEN = 4 };

/* The value at `at`, which may be an odd number of bytes behind the header's start, where sums begin. */
static void lower(const struct pkt *p, uint32_t at, uint16_t mss)
{
    uint8_t *tcp = byte_at(p, p->l4_ofs), *words = tcp + (at & ~1u);
    size_t n = at & 1 ? 4 : 2;
    uint16_t old = csum_words(words, n);

    if (be16_load(tcp + at) <= mss)
        return;
    be16_store(tcp + at, mss);
    if (!is_l4_todo(p))
        be16_store(tcp + SUM_AT, csum_complete(be16_load(tcp + SUM_AT), csum_delta(old, csum_words(words, n))));
}

int pkt_clamp_mss(struct pkt *p, uint16_t mss)
{
    const uint8_t *tcp;
    uint32_t len, at = TCP_HEADER;

    pkt_parse(p, 1u << LAYER_L3 | 1u << LAYER_L4);
    if (p->l4_proto != IP_PROTO_TCP)
        return -ENOENT;
    tcp = byte_at(p, p->l4_ofs);
    len = (tcp[OFFSET_AT] >> 4) * 4u;
    if (!(tcp[FLAGS_AT] & FLAG_SYN) || len > p->l4_len || p->l4_ofs + len > rte_pktmbuf_data_len(p->m))
        return 0;
    while (at < len && tcp[at] != OPTION_END) {
        uint32_t size = tcp[at] == OPTION_NOP ? 1 : at + 1 < len ? tcp[at + 1] : 0;

        if (!size || (size < 2 && tcp[at] != OPTION_NOP) || at + size > len)
            break; /* whoever gets it reads no further either */
        if (tcp[at] == OPTION_MSS && size == MSS_LEN)
            lower(p, at + 2, mss);
        at += size;
    }
    return 0;
}

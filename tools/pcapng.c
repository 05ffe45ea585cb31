/* SPDX-License-Identifier: Apache-2.0 */
/* pcapng.c - see pcapng.h. */
#include "tools/pcapng.h"

#include <errno.h>
#include <string.h>

enum { HEAD = 8, TAIL = 4, FRAME_HEAD = 28, OPTION_END = 0, OPTION_FLAGS = 2, OPTION_DROPCOUNT = 4 };

static uint32_t u32_at(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static uint16_t u16_at(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

long pcapng_block(const uint8_t *p, size_t n, uint32_t *type)
{
    uint32_t len;

    if (n < HEAD)
        return 0;
    *type = u32_at(p);
    len = u32_at(p + 4);
    if (len < HEAD + TAIL || len % 4 || len > PCAPNG_BLOCK_MAX)
        return -EBADMSG;
    if (n < len)
        return 0;
    return u32_at(p + len - TAIL) == len ? (long)len : -EBADMSG;
}

static void take_option(struct pcapng_frame *out, uint16_t code, const uint8_t *p, size_t n)
{
    if (code == OPTION_FLAGS && n == 4)
        out->direction = (u32_at(p) & 3) == 1 ? FRAME_RX : (u32_at(p) & 3) == 2 ? FRAME_TX : FRAME_NOWHERE;
    if (code == OPTION_DROPCOUNT && n == 8)
        memcpy(&out->n_lost, p, 8);
}

int pcapng_frame(struct pcapng_frame *out, const uint8_t *block, size_t n)
{
    const uint8_t *p = block + FRAME_HEAD, *end = block + n - TAIL;
    uint32_t padded;

    if (n < FRAME_HEAD + TAIL)
        return -EBADMSG;
    *out = (struct pcapng_frame){
        .time_ns = (uint64_t)u32_at(block + 12) << 32 | u32_at(block + 16),
        .n = u32_at(block + 20),
        .len = u32_at(block + 24),
        .p = p,
    };
    if (out->n > (size_t)(end - p))
        return -EBADMSG;
    padded = (out->n + 3) & ~3u;
    if (padded > (size_t)(end - p))
        return -EBADMSG;
    p += padded;
    while (end - p >= 4) {
        uint16_t code = u16_at(p), len = u16_at(p + 2);
        size_t whole = 4 + ((len + 3u) & ~3u);

        if (code == OPTION_END)
            break;
        if (whole > (size_t)(end - p))
            return -EBADMSG;
        take_option(out, code, p + 4, len);
        p += whole;
    }
    return 0;
}

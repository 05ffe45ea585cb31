/* SPDX-License-Identifier: Apache-2.0 */
/* embedded.c - see embedded.h.
 * Theory: the four bytes follow the prefix, but for byte 8 (bits 64 to 71), which they leave out. */
#include "base/embedded.h"

#include "base/bytes.h"

enum { BYTE_U = 8 };

static void value_to_bytes(uint8_t out[16], struct value v)
{
    be64_store(out, v.hi);
    be64_store(out + 8, v.lo);
}

static uint64_t leading_ones(unsigned n)
{
    return n >= 64 ? UINT64_MAX : ~(UINT64_MAX >> n);
}

struct value ipv6_prefix_mask(unsigned len)
{
    return (struct value){ leading_ones(len), len > 64 ? leading_ones(len - 64) : 0 };
}

/* Where byte `i` of the IPv4 address is. */
static unsigned place(unsigned prefix_len, unsigned i)
{
    unsigned at = prefix_len / 8 + i;

    return prefix_len / 8 <= BYTE_U && at >= BYTE_U ? at + 1 : at;
}

bool embedded_prefix_is_sound(struct value prefix, unsigned prefix_len)
{
    struct value mask = ipv6_prefix_mask(prefix_len);

    if (prefix_len != 96 && (prefix_len < 32 || prefix_len > 64 || prefix_len % 8))
        return false;
    return !(prefix.hi & ~mask.hi) && !(prefix.lo & ~mask.lo) && !(prefix.lo >> 56);
}

struct value embedded_make(struct value prefix, unsigned prefix_len, uint32_t ipv4)
{
    uint8_t bytes[16];

    value_to_bytes(bytes, prefix);
    for (unsigned i = 0; i < 4; i++)
        bytes[place(prefix_len, i)] = (uint8_t)(ipv4 >> (24 - 8 * i));
    return (struct value){ be64_load(bytes), be64_load(bytes + 8) };
}

bool embedded_is_in(struct value addr, struct value prefix, unsigned prefix_len)
{
    struct value mask = ipv6_prefix_mask(prefix_len);

    return !((addr.hi ^ prefix.hi) & mask.hi) && !((addr.lo ^ prefix.lo) & mask.lo);
}

uint32_t embedded_ipv4(struct value addr, unsigned prefix_len)
{
    uint8_t bytes[16];
    uint32_t ipv4 = 0;

    value_to_bytes(bytes, addr);
    for (unsigned i = 0; i < 4; i++)
        ipv4 = ipv4 << 8 | bytes[place(prefix_len, i)];
    return ipv4;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* icmp64.c - see icmp64.h. */
#include "datapath/icmp64.h"

#include "base/bytes.h"

enum {
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    IPV6_MTU_MIN = 1280,
    MORE = IPV6_HEADER - IPV4_HEADER,
    NONE = -1,
};
enum { V4_UNREACHABLE = 3, V4_TIME_EXCEEDED = 11, V4_PARAMETER = 12 };
enum { V6_UNREACHABLE = 1, V6_TOO_BIG = 2, V6_TIME_EXCEEDED = 3, V6_PARAMETER = 4 };
enum { V4_CODE_PROTOCOL = 2, V4_CODE_PORT = 3, V4_CODE_TOO_BIG = 4, V4_CODE_HOST = 1, V4_CODE_ADMIN = 10 };
enum { V6_CODE_NO_ROUTE = 0, V6_CODE_ADMIN = 1, V6_CODE_PORT = 4, V6_CODE_NEXT_HEADER = 1 };
enum { V6_NEXT_HEADER_AT = 6 };

struct icmp64 icmp64_read(const uint8_t icmp[8], uint8_t family, uint32_t inner_payload)
{
    struct icmp64 e = { .type = icmp[0], .code = icmp[1], .rest = be32_load(icmp + 4) };

    e.inner_len = inner_payload + (family == 4 ? IPV4_HEADER : IPV6_HEADER);
    if (family == 4 && (e.type == V4_UNREACHABLE || e.type == V4_TIME_EXCEEDED || e.type == V4_PARAMETER))
        e.n_told = icmp[5] * 4u;
    if (family == 6 && (e.type == V6_UNREACHABLE || e.type == V6_TIME_EXCEEDED))
        e.n_told = icmp[4] * 8u;
    return e;
}

void icmp64_write(uint8_t out[8], const struct icmp64 *e)
{
    out[0] = e->type;
    out[1] = e->code;
    be16_store(out + 2, 0);
    be32_store(out + 4, e->rest);
}

static bool become(struct icmp64 *e, int type, int code, uint32_t rest)
{
    if (type == NONE || code == NONE)
        return false;
    e->type = (uint8_t)type;
    e->code = (uint8_t)code;
    e->rest = rest;
    return true;
}

/* --- to ICMPv6 --- */

/* The largest that routers commonly have below a packet of that size. */
static uint32_t plateau(uint32_t len)
{
    static const uint16_t mtus[] = { 65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296 };

    for (unsigned i = 0; i < sizeof mtus / sizeof *mtus; i++)
        if (mtus[i] < len)
            return mtus[i];
    return 68;
}

static bool unreachable_to_ipv6(struct icmp64 *e)
{
    uint32_t mtu = e->rest & UINT16_MAX;

    switch (e->code) {
    case V4_CODE_PROTOCOL:
        return become(e, V6_PARAMETER, V6_CODE_NEXT_HEADER, V6_NEXT_HEADER_AT);
    case V4_CODE_PORT:
        return become(e, V6_UNREACHABLE, V6_CODE_PORT, 0);
    case V4_CODE_TOO_BIG:
        mtu = (mtu ? mtu : plateau(e->inner_len)) + MORE;
        return become(e, V6_TOO_BIG, 0, mtu < IPV6_MTU_MIN ? IPV6_MTU_MIN : mtu);
    case 0:
    case V4_CODE_HOST:
    case 5:
    case 6:
    case 7:
    case 8:
    case 11:
    case 12:
        return become(e, V6_UNREACHABLE, V6_CODE_NO_ROUTE, 0);
    case 9:
    case V4_CODE_ADMIN:
    case 13:
    case 15:
        return become(e, V6_UNREACHABLE, V6_CODE_ADMIN, 0);
    }
    return false;
}

/* RFC 7915, figure 3: the same field of the other header. */
static int pointer_to_ipv6(uint32_t at)
{
    static const int8_t where[IPV4_HEADER] = { 0,    1,    4, 4, NONE, NONE, NONE, NONE, 7,  6,
                                               NONE, NONE, 8, 8, 8,    8,    24,   24,   24, 24 };

    return at < IPV4_HEADER ? where[at] : NONE;
}

bool icmp64_to_ipv6(struct icmp64 *e)
{
    int at = pointer_to_ipv6(e->rest >> 24);

    switch (e->type) {
    case V4_UNREACHABLE:
        return unreachable_to_ipv6(e);
    case V4_TIME_EXCEEDED:
        return become(e, V6_TIME_EXCEEDED, e->code, 0);
    case V4_PARAMETER:
        if (e->code != 0 && e->code != 2)
            return false;
        return become(e, at == NONE ? NONE : V6_PARAMETER, 0, (uint32_t)at);
    }
    return false;
}

/* --- to ICMP --- */

/* RFC 7915, figure 6. */
static int pointer_to_ipv4(uint32_t at)
{
    static const int8_t where[] = { 0, 1, NONE, NONE, 2, 2, 9, 8 };

    if (at < sizeof where)
        return where[at];
    return at < 24 ? 12 : at < IPV6_HEADER ? 16 : NONE;
}

static bool unreachable_to_ipv4(struct icmp64 *e)
{
    static const int8_t codes[] = { V4_CODE_HOST, V4_CODE_ADMIN, V4_CODE_HOST, V4_CODE_HOST, V4_CODE_PORT };

    return e->code < sizeof codes && become(e, V4_UNREACHABLE, codes[e->code], 0);
}

bool icmp64_to_ipv4(struct icmp64 *e)
{
    uint32_t mtu = e->rest < UINT16_MAX + MORE ? e->rest : UINT16_MAX + MORE;
    int at = pointer_to_ipv4(e->rest);

    switch (e->type) {
    case V6_UNREACHABLE:
        return unreachable_to_ipv4(e);
    case V6_TOO_BIG:
        return become(e, V4_UNREACHABLE, V4_CODE_TOO_BIG, mtu > MORE ? mtu - MORE : 0);
    case V6_TIME_EXCEEDED:
        return become(e, V4_TIME_EXCEEDED, e->code, 0);
    case V6_PARAMETER:
        if (e->code == V6_CODE_NEXT_HEADER)
            return become(e, V4_UNREACHABLE, V4_CODE_PROTOCOL, 0);
        return e->code == 0 && become(e, at == NONE ? NONE : V4_PARAMETER, 0, (uint32_t)at << 24);
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite_prefix.c - gives an IPv6 packet an address of another prefix (NPTv6); see pkt.h and base/nptv6.h.
 * Spec: RFC 6296; no checksum changes, of whatever protocol, so nothing behind the header is looked at, but for the packet within
 * an ICMPv6 error, whose sender knows the same address. */
#include "datapath/rewrite.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/nptv6.h"
#include "datapath/proto.h"

enum { SRC_AT = 8, DST_AT = 24, IPV6_HEADER = 40, ICMP_HEADER = 8, ICMPV6_ERROR_LAST = 127 };

static struct value load(const struct pkt *p, uint32_t at)
{
    return (struct value){ be64_load(byte_at(p, at)), be64_load(byte_at(p, at + 8)) };
}

static void store(const struct pkt *p, uint32_t at, struct value v)
{
    be64_store(byte_at(p, at), v.hi);
    be64_store(byte_at(p, at + 8), v.lo);
}

static enum nptv6_fit map(const struct pkt *p, uint32_t at, const struct nptv6 *t, bool is_in)
{
    struct value v = load(p, at);
    enum nptv6_fit fit = is_in ? nptv6_to_inside(t, &v) : nptv6_to_outside(t, &v);

    if (fit == NPTV6_MAPPED)
        store(p, at, v);
    return fit;
}

/* Where the IPv6 header is that an ICMPv6 error is about; 0: it is none, or cut short. */
static uint32_t inner_header(const struct pkt *p)
{
    uint32_t at = p->l4_ofs + (uint32_t)ICMP_HEADER;

    if (p->l4_proto != IP_PROTO_ICMPV6 || p->is_fragment || p->l4_len < ICMP_HEADER + IPV6_HEADER ||
        at + IPV6_HEADER > rte_pktmbuf_data_len(p->m) || *byte_at(p, p->l4_ofs) > ICMPV6_ERROR_LAST)
        return 0;
    return *byte_at(p, at) >> 4 == 6 ? at : 0;
}

int pkt_set_prefix(struct pkt *p, const struct nptv6 *t, bool is_in)
{
    enum field_id field = is_in ? FIELD_IPV6_DST : FIELD_IPV6_SRC;
    uint32_t at, inner;

    pkt_parse(p, 1u << LAYER_L3 | 1u << LAYER_L4);
    if (key_get(&p->key, FIELD_ETH_TYPE).lo != ETH_TYPE_IPV6 || p->l3_len < IPV6_HEADER)
        return -ENOENT;
    at = p->l3_ofs + (is_in ? DST_AT : SRC_AT);
    switch (map(p, at, t, is_in)) {
    case NPTV6_OTHER:
        return 0;
    case NPTV6_NONE:
        return -EADDRNOTAVAIL;
    case NPTV6_MAPPED:
        break;
    }
    key_set(&p->key, field, load(p, at));
    inner = inner_header(p);
    if (inner) /* one that has no other was never sent by us */
        (void)map(p, inner + (is_in ? SRC_AT : DST_AT), t, is_in);
    return 0;
}

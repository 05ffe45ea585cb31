/* SPDX-License-Identifier: Apache-2.0 */
/* proto.h - the numbers of the protocols that parser and rewriting know, and small questions about them. */
#ifndef DATAPATH_PROTO_H
#define DATAPATH_PROTO_H

#include <stdbool.h>
#include <stdint.h>

enum eth_type {
    ETH_TYPE_NONE = 0x05ff, /* what OpenFlow calls a frame without one (7.2.3.7) */
    ETH_TYPE_MIN = 0x0600,
    ETH_TYPE_IPV4 = 0x0800,
    ETH_TYPE_ARP = 0x0806,
    ETH_TYPE_RARP = 0x8035,
    ETH_TYPE_VLAN = 0x8100,
    ETH_TYPE_IPV6 = 0x86dd,
    ETH_TYPE_MPLS = 0x8847,
    ETH_TYPE_MPLS_MC = 0x8848,
    ETH_TYPE_QINQ = 0x88a8,
    ETH_TYPE_PBB = 0x88e7,
    ETH_TYPE_QINQ_OLD = 0x9100
};

enum { VLAN_PRESENT = 0x1000, MPLS_LABEL_SHIFT = 12, MPLS_BOS = 0x100, IP_FRAG_ANY = 1, IP_FRAG_LATER = 2 };

/* OFPIEH_* of OpenFlow 1.3.5, 7.2.3.7. */
enum ipv6_ext {
    IPV6_EXT_NONEXT = 1 << 0,
    IPV6_EXT_ESP = 1 << 1,
    IPV6_EXT_AUTH = 1 << 2,
    IPV6_EXT_DEST = 1 << 3,
    IPV6_EXT_FRAG = 1 << 4,
    IPV6_EXT_ROUTER = 1 << 5,
    IPV6_EXT_HOP = 1 << 6,
    IPV6_EXT_UNREP = 1 << 7,
    IPV6_EXT_UNSEQ = 1 << 8
};

enum ip_proto {
    IP_PROTO_HOPOPTS = 0,
    IP_PROTO_ICMP = 1,
    IP_PROTO_TCP = 6,
    IP_PROTO_UDP = 17,
    IP_PROTO_DCCP = 33,
    IP_PROTO_ROUTING = 43,
    IP_PROTO_FRAGMENT = 44,
    IP_PROTO_ESP = 50,
    IP_PROTO_AH = 51,
    IP_PROTO_ICMPV6 = 58,
    IP_PROTO_NONE = 59,
    IP_PROTO_DSTOPTS = 60,
    IP_PROTO_SCTP = 132,
    IP_PROTO_UDPLITE = 136
};

enum { ICMPV6_NEIGHBOR_SOLICIT = 135, ICMPV6_NEIGHBOR_ADVERT = 136, ND_OPTION_SLL = 1, ND_OPTION_TLL = 2 };

static inline bool is_vlan_tpid(uint16_t type)
{
    return type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ || type == ETH_TYPE_QINQ_OLD;
}

static inline bool is_mpls_type(uint16_t type)
{
    return type == ETH_TYPE_MPLS || type == ETH_TYPE_MPLS_MC;
}

static inline bool is_ip_type(uint16_t type)
{
    return type == ETH_TYPE_IPV4 || type == ETH_TYPE_IPV6;
}

/* Bytes of the fixed header of the transport protocols that are parsed; 0: not one of them. */
static inline unsigned l4_header_size(uint8_t proto)
{
    switch (proto) {
    case IP_PROTO_TCP:
        return 20;
    case IP_PROTO_UDP:
        return 8;
    case IP_PROTO_SCTP:
        return 12;
    case IP_PROTO_ICMP:
    case IP_PROTO_ICMPV6:
        return 4;
    }
    return 0;
}

#endif

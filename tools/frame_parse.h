/* SPDX-License-Identifier: Apache-2.0 */
/* frame_parse.h - the headers of one frame that a line about it needs.   Spec: IEEE 802.1Q; RFC 826, 791, 8200, 9293, 768,
 * 792, 4443, 4861.   Pure; thread: any. */
#ifndef TOOLS_FRAME_PARSE_H
#define TOOLS_FRAME_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_VLANS_MAX = 4 };

struct frame_vlan {
    uint16_t tpid, vid;
    uint8_t pcp;
};

enum frame_l4 { FRAME_L4_NONE, FRAME_L4_TCP, FRAME_L4_UDP, FRAME_L4_SCTP, FRAME_L4_ICMP, FRAME_L4_ICMP6 };

struct frame_parsed {
    bool is_cut; /* a header that was begun is not all there */
    const uint8_t *src, *dst;
    struct frame_vlan vlans[FRAME_VLANS_MAX];
    unsigned n_vlans;
    uint16_t ethertype; /* below 0x600: the length of an 802.3 frame */

    uint16_t arp_op; /* 0: none */
    const uint8_t *arp_sha, *arp_spa, *arp_tpa;

    uint8_t ip_version; /* 4, 6, or 0: none */
    const uint8_t *ip_src, *ip_dst;
    uint8_t ip_proto, ttl;
    bool is_fragment, has_more;
    uint16_t fragment_offset; /* bytes */

    enum frame_l4 l4;
    uint16_t sport, dport;
    uint8_t tcp_flags;
    uint32_t seq, ack;
    uint16_t window;
    uint8_t icmp_type, icmp_code;
    uint16_t icmp_id, icmp_seq; /* of an echo */
    const uint8_t *icmp_target; /* of a neighbour solicitation or advertisement: 16 bytes */
    size_t payload;             /* bytes behind the TCP or UDP header, as the IP header has them */
};

/* `n` bytes are there, at least 14 for anything to be known: returns false otherwise. */
bool frame_parse(struct frame_parsed *out, const uint8_t *p, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* frame.h - frames as the controller reads and makes them: Ethernet with one tag, ARP, IP, UDP, TCP resets, ICMP, ICMPv6.
 * Spec: IEEE 802.3, 802.1Q; RFC 826, 791, 8200, 768, 792, 4443, 9293.   Pure.   Thread: any. */
#ifndef CONTROLLER_FRAME_H
#define CONTROLLER_FRAME_H

#include "base/bytes.h"
#include "net/net_doc.h"

enum {
    FRAME_IP = 0x0800,
    FRAME_ARP = 0x0806,
    FRAME_IPV6 = 0x86dd,
    FRAME_ICMP = 1,
    FRAME_TCP = 6,
    FRAME_UDP = 17,
    FRAME_ICMPV6 = 58,
    FRAME_ANSWER_TTL = 64,
    FRAME_ND_TTL = 255, /* RFC 4861, 7.1: neighbor discovery from nearer than any router */
};

struct frame {
    net_mac dst, src;
    bool is_tagged;
    uint16_t vlan, type; /* type: of what is behind the tag */
    const uint8_t *data; /* behind the Ethernet header; borrowed */
    size_t n_data;
};
/* False: it is cut short. */
bool frame_read(struct frame *out, const uint8_t *bytes, size_t n);

struct arp {
    uint16_t op; /* 1 request, 2 reply */
    net_mac sha, tha;
    struct ip_addr spa, tpa;
};
bool arp_read(struct arp *out, const struct frame *f);
/* Appends a whole frame, tagged when `vlan` is not 0. */
void arp_write(struct wr *w, net_mac dst, uint16_t vlan, const struct arp *a);

/* An IPv4 or IPv6 packet without extension headers before the payload (with some: proto is the first's). */
struct ip_packet {
    struct ip_addr src, dst;
    uint8_t proto, ttl;
    bool is_later_fragment;
    const uint8_t *data, *whole; /* payload, header; borrowed */
    size_t n_data, n_whole;      /* of what is there, padding left out */
};
bool ip_read(struct ip_packet *out, const struct frame *f);
bool ip_may_cut(const struct ip_packet *ip);  /* routers may: it is IPv4 without DF (RFC 791, 3.1) */
bool ip_is_whole(const struct ip_packet *ip); /* IPv4: all of it is there */
/* IPv4, whole.  Appends, as a frame, the fragment of `mtu` bytes at most (68 or more) that begins at the payload's byte `at`, a
 * multiple of 8.  Where the next one begins; n_data: there is none. */
size_t ip_cut(struct wr *w, const struct frame *f, const struct ip_packet *ip, uint16_t mtu, size_t at);
/* The payload of a UDP datagram, which is all there. */
struct udp {
    uint16_t src, dst;
    const uint8_t *data; /* borrowed */
    size_t n_data;
};
bool udp_read(struct udp *out, const struct ip_packet *ip);
/* Appends a whole frame with that payload, whose checksum field at `sum_at` (none: SIZE_MAX) is filled in. */
struct ip_write {
    net_mac dst_mac, src_mac;
    uint16_t vlan; /* 0: no tag */
    const struct ip_addr *src, *dst;
    uint8_t proto, ttl;
    size_t sum_at;
};
void ip_write(struct wr *w, const struct ip_write *how, const uint8_t *payload, size_t n);

/* The same with a UDP header before the payload; `proto` and `sum_at` of `how` are not looked at. */
void udp_write(struct wr *w, const struct ip_write *how, const struct udp *u);

/* Appends a frame with the reset that answers the TCP segment `ip` where nobody listens (RFC 9293, 3.10.7.1).  False, and nothing
 * is written: it is no segment, or one that is not answered.  `proto`, `sum_at`, `src` and `dst` of `how` are not looked at. */
bool tcp_reset_write(struct wr *w, const struct ip_write *how, const struct ip_packet *ip);

/* fe80:: with the interface identifier that RFC 4291, appendix A, makes of a MAC address. */
struct ip_addr ip_link_local(net_mac mac);
/* Whether it is one that many have, or nobody. */
bool ip_is_single(const struct ip_addr *ip);

#endif

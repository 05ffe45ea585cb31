/* SPDX-License-Identifier: Apache-2.0 */
/* addr.h - Ethernet and IP addresses as the network document writes them: parsed, printed, tested for being in a subnet. */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NET_ADDR_TEXT = 64 }; /* room for any address with its prefix length as text, NUL included */

/* An Ethernet address as a number: the first byte on the wire is bits 47..40. */
typedef uint64_t net_mac;

/* An IP address with a prefix length.  Bytes in wire order, IPv4 in the first four, the rest zero. */
struct net_ip {
    uint8_t family; /* 4 or 6; 0: none */
    uint8_t prefix; /* bits: 0..32, 0..128 */
    uint8_t b[16];
};

/* "02:00:00:00:0a:01", any case.  False: not an address. */
bool net_mac_parse(net_mac *out, const char *text);
const char *net_mac_text(net_mac mac, char out[NET_ADDR_TEXT]);
static inline bool net_mac_is_multicast(net_mac mac)
{
    return mac >> 40 & 1;
}

/* "10.0.0.1", "10.0.0.0/24", "fd00::1/64".  Without "/" the prefix is the whole width and `*has_prefix` false.
 * False: not an address. */
bool net_ip_parse(struct net_ip *out, const char *text, bool *has_prefix);
const char *net_ip_text(const struct net_ip *ip, char out[NET_ADDR_TEXT]);        /* without the prefix length */
const char *net_ip_prefix_text(const struct net_ip *ip, char out[NET_ADDR_TEXT]); /* with it */
bool net_ip_same(const struct net_ip *a, const struct net_ip *b);                 /* the address alone */
bool net_ip_is_in(const struct net_ip *ip, const struct net_ip *subnet);
bool net_ip_overlap(const struct net_ip *a, const struct net_ip *b); /* as subnets */
bool net_ip_host_is_zero(const struct net_ip *ip); /* no bit set behind the prefix */
bool net_ip_host_is_ones(const struct net_ip *ip); /* every bit set behind the prefix */

#endif

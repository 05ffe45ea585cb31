/* SPDX-License-Identifier: Apache-2.0 */
/* icmp64.h - what an ICMP error means in ICMPv6, and the reverse.
 * Spec: RFC 7915, 4.2 and 5.2; RFC 4884 (lengths); RFC 1191, 7.1 (MTUs that a router does not tell).   Thread: any. */
#ifndef DATAPATH_ICMP64_H
#define DATAPATH_ICMP64_H

#include <stdbool.h>
#include <stdint.h>

/* The first eight bytes of an error, of either family. */
struct icmp64 {
    uint8_t type, code;
    uint32_t rest;      /* MTU, pointer */
    uint32_t n_told;    /* bytes that the packet that it is about has in it, as RFC 4884 tells; 0: not told, all */
    uint32_t inner_len; /* that packet's whole length */
};

struct icmp64 icmp64_read(const uint8_t icmp[8], uint8_t family, uint32_t inner_payload);
/* The checksum is zero. */
void icmp64_write(uint8_t out[8], const struct icmp64 *e);

/* False: there is no such error there. */
bool icmp64_to_ipv6(struct icmp64 *e);
bool icmp64_to_ipv4(struct icmp64 *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* dns64.h - IPv6 addresses for names that have IPv4 ones only, of the prefix that the router's NAT64 has.
 * Flow: dns_forward -> [dns64] -> answer.
 * Spec: RFC 6147; RFC 6052 (addresses).   Pure.   Thread: any.
 *
 * A query for AAAA whose answer has none is asked again for A.  An answer made of that is nobody's signature: a query of who
 * validates itself (DO and CD) is left alone (RFC 6147, 5.5). */
#ifndef CONTROLLER_DNS64_H
#define CONTROLLER_DNS64_H

#include "base/bytes.h"
#include "io/addr.h"

enum { DNS64_TTL_S = 600 }; /* at most, of an address that is made, when nobody says how long there is no other */

/* Whether a query that dns_serve wants forwarded is for us. */
bool dns64_is_asked(const uint8_t *query, size_t n);
/* Whether the answer to it has no IPv6 address; `*ttl_s`: how long that holds. */
bool dns64_is_empty(const uint8_t *query, size_t n, const uint8_t *answer, size_t n_answer, uint32_t *ttl_s);
/* The same question for IPv4, or for IPv6 again, in place. */
void dns64_ask(uint8_t *query, size_t n, uint8_t family);
/* Writes the answer to a query for AAAA out of the one for A.  False: that has no address, and nothing is written. */
bool dns64_answer(struct wr *w, const uint8_t *query, size_t n, const uint8_t *answer, size_t n_answer,
                  const struct ip_addr *prefix, uint32_t ttl_s);
/* The address that stands for an IPv4 one. */
struct ip_addr dns64_address(const struct ip_addr *prefix, const uint8_t ipv4[4]);

#endif

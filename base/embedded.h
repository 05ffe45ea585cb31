/* SPDX-License-Identifier: Apache-2.0 */
/* embedded.h - IPv6 addresses that stand for IPv4 ones: a prefix, and the IPv4 address behind it.
 * Spec: RFC 6052, 2.2.  Addresses are `struct value`, in host order; IPv4: the low 32 bits.   Thread: any. */
#ifndef BASE_EMBEDDED_H
#define BASE_EMBEDDED_H

#include <stdbool.h>

#include "base/field.h"

struct value ipv6_prefix_mask(unsigned len); /* so many bits from the left, at most 128 */

/* 32, 40, 48, 56, 64 or 96 bits; bits 64 to 71, where they are of the prefix, must be zero: embedded_prefix_is_sound(). */
bool embedded_prefix_is_sound(struct value prefix, unsigned prefix_len);
struct value embedded_make(struct value prefix, unsigned prefix_len, uint32_t ipv4);
bool embedded_is_in(struct value addr, struct value prefix, unsigned prefix_len);
/* Of an address in the prefix. */
uint32_t embedded_ipv4(struct value addr, unsigned prefix_len);

#endif

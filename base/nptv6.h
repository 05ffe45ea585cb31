/* SPDX-License-Identifier: Apache-2.0 */
/* nptv6.h - one IPv6 prefix for another, so that no checksum over the address changes.
 * Spec: RFC 6296, 3.   Thread: any. */
#ifndef BASE_NPTV6_H
#define BASE_NPTV6_H

#include <stdbool.h>

#include "base/field.h"

enum { NPTV6_LEN_MAX = 64 };

struct nptv6 {
    struct value inside, outside;
    uint8_t inside_len, outside_len; /* the shorter prefix goes on with zeros up to the length of the longer one */
};

/* Lengths of 1 to 64, and nothing behind the prefixes. */
bool nptv6_is_sound(const struct nptv6 *t);

enum nptv6_fit {
    NPTV6_OTHER,  /* the address is not in the prefix */
    NPTV6_MAPPED, /* it is the other one now */
    NPTV6_NONE,   /* it has no other one (RFC 6296, 3.4 and 3.5) */
};
enum nptv6_fit nptv6_to_outside(const struct nptv6 *t, struct value *addr);
enum nptv6_fit nptv6_to_inside(const struct nptv6 *t, struct value *addr);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* conn_tuple.h - what tells connections apart: addresses, ports, protocol and zone, as one of the two sides sends them.
 * Everything is host order.  Of ICMP queries `src_port` is the identifier (RFC 5508, 3.1) and `dst_port` the type; an answer has
 * the same identifier and the type that answers it. */
#ifndef DATAPATH_CONN_TUPLE_H
#define DATAPATH_CONN_TUPLE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/field.h"
#include "base/hash.h"
#include "datapath/proto.h"

struct conn_tuple {
    struct value src, dst; /* IPv4: the low 32 bits */
    uint16_t src_port, dst_port;
    uint16_t zone;
    uint8_t proto;
    uint8_t family; /* 4 or 6; CONN_HOLDER with it: no frame's */
};
enum { CONN_HOLDER = 1 << 6, CONN_EXPECTED = 1 << 5 }; /* the second with the first: conn_expect.h */
static_assert(sizeof(struct conn_tuple) == 40, "compared and hashed as five words");

static inline bool conn_tuple_has_ids(const struct conn_tuple *t)
{
    return t->proto == IP_PROTO_ICMP || t->proto == IP_PROTO_ICMPV6;
}

/* The type that answers an ICMP query, and the other way round (RFC 792, RFC 950, RFC 4443). */
static inline uint16_t conn_tuple_answer(uint8_t proto, uint16_t type)
{
    if (proto == IP_PROTO_ICMPV6)
        return type ^ 1; /* 128 and 129 */
    if (type == 0 || type == 8)
        return type ^ 8;
    return type & 1 ? type + 1 : type - 1; /* 13 and 14, 15 and 16, 17 and 18 */
}

/* As the other side sends. */
static inline struct conn_tuple conn_tuple_inverse(const struct conn_tuple *t)
{
    struct conn_tuple r = *t;

    r.src = t->dst;
    r.dst = t->src;
    if (conn_tuple_has_ids(t)) {
        r.dst_port = conn_tuple_answer(t->proto, t->dst_port);
        return r;
    }
    r.src_port = t->dst_port;
    r.dst_port = t->src_port;
    return r;
}

static inline uint64_t conn_tuple_rest(const struct conn_tuple *t)
{
    return (uint64_t)t->src_port << 48 | (uint64_t)t->dst_port << 32 | (uint32_t)t->zone << 16 |
           (uint32_t)t->proto << 8 | t->family;
}

static inline bool conn_tuple_equal(const struct conn_tuple *a, const struct conn_tuple *b)
{
    return !((a->src.lo ^ b->src.lo) | (a->dst.lo ^ b->dst.lo) | (a->src.hi ^ b->src.hi) | (a->dst.hi ^ b->dst.hi) |
             (conn_tuple_rest(a) ^ conn_tuple_rest(b)));
}

static inline uint64_t conn_tuple_hash(const struct conn_tuple *t, uint64_t seed)
{
    uint64_t h = hash_add(hash_add(seed, t->src.lo), t->dst.lo);

    if (t->family & 2) /* 6, not 4 */
        h = hash_add(hash_add(h, t->src.hi), t->dst.hi);
    return hash_mix(hash_add(h, conn_tuple_rest(t)));
}

#endif

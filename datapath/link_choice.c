/* SPDX-License-Identifier: Apache-2.0 */
/* link_choice.c - see link_choice.h.  The hashes are our own: which link a flow takes is nobody's to know, only that it stays
 * the same, and that the symmetric ones are the same for both directions. */
#include "datapath/link_choice.h"

#include "base/hash.h"
#include "datapath/proto.h"

const enum field_id link_fields[LINK_FIELDS] = {
    FIELD_ETH_SRC,  FIELD_ETH_DST,  FIELD_ETH_TYPE, FIELD_VLAN_VID, FIELD_IPV4_SRC, FIELD_IPV4_DST,
    FIELD_IPV6_SRC, FIELD_IPV6_DST, FIELD_IP_PROTO, FIELD_TCP_SRC,  FIELD_TCP_DST,
};

enum { ITERATIONS = 64 };

static uint64_t of(const struct key *k, enum field_id id)
{
    struct value v = key_get(k, id);

    return hash_mix(v.lo ^ hash_mix(v.hi + 1));
}

/* The same whichever is which. */
static uint64_t of_both(const struct key *k, enum field_id a, enum field_id b)
{
    return of(k, a) + of(k, b);
}

static uint64_t addresses(uint64_t h, const struct key *k)
{
    return hash_add(hash_add(h, of_both(k, FIELD_IPV4_SRC, FIELD_IPV4_DST)),
                    of_both(k, FIELD_IPV6_SRC, FIELD_IPV6_DST));
}

static uint64_t ports(uint64_t h, const struct key *k, bool with_udp)
{
    uint64_t proto = key_get(k, FIELD_IP_PROTO).lo;

    h = hash_add(h, proto);
    if (proto == IP_PROTO_TCP || proto == IP_PROTO_SCTP || (with_udp && proto == IP_PROTO_UDP))
        h = hash_add(h, of_both(k, FIELD_TCP_SRC, FIELD_TCP_DST));
    return h;
}

static uint64_t hash_of(const struct link_choice *c, const struct key *k)
{
    uint64_t h = hash_mix(c->basis + 1);

    switch ((enum link_fields)c->fields) {
    case LINK_ETH_SRC:
        return hash_add(h, of(k, FIELD_ETH_SRC));
    case LINK_NW_SRC:
        return hash_add(hash_add(h, of(k, FIELD_IPV4_SRC)), of(k, FIELD_IPV6_SRC));
    case LINK_NW_DST:
        return hash_add(hash_add(h, of(k, FIELD_IPV4_DST)), of(k, FIELD_IPV6_DST));
    case LINK_SYMMETRIC_L4:
        h = hash_add(h, of_both(k, FIELD_ETH_SRC, FIELD_ETH_DST));
        h = hash_add(hash_add(h, of(k, FIELD_VLAN_VID)), of(k, FIELD_ETH_TYPE));
        return ports(addresses(h, k), k, false);
    case LINK_SYMMETRIC_L3L4:
        return ports(addresses(h, k), k, false);
    case LINK_SYMMETRIC_L3L4_UDP:
        return ports(addresses(h, k), k, true);
    case LINK_SYMMETRIC_L3:
        return addresses(h, k);
    }
    return h;
}

/* The link whose own hash together with the frame's is the highest: when links come or go, only theirs move. */
static uint32_t highest(uint32_t hash, uint32_t n, const uint64_t *names)
{
    uint32_t best = 0;
    uint64_t most = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t weight = hash_mix(hash_add(hash, names ? names[i] : i + 1));

        if (weight >= most) {
            most = weight;
            best = i;
        }
    }
    return best;
}

/* Hashes again until the number is one of a link. */
static uint32_t iterate(const struct link_choice *c, uint32_t hash)
{
    uint32_t bits = 1;

    while (bits < c->n_links)
        bits *= 2;
    for (uint64_t i = 0; i < ITERATIONS; i++) {
        uint32_t link = (uint32_t)hash_mix(hash_add(hash_add(hash, c->arg), i)) & (bits - 1);

        if (link < c->n_links)
            return link;
    }
    return hash % c->n_links;
}

uint32_t link_choose(const struct link_choice *c, const struct key *key, const uint64_t *names)
{
    uint32_t hash = (uint32_t)(hash_mix(hash_of(c, key)) >> 32);

    switch ((enum link_algorithm)c->algorithm) {
    case LINK_MODULO_N:
        return hash % c->n_links;
    case LINK_HASH_THRESHOLD:
        return (uint32_t)((uint64_t)hash * c->n_links >> 32);
    case LINK_HRW:
        return highest(hash, c->n_links, names);
    case LINK_ITER_HASH:
        return iterate(c, hash);
    case LINK_FIRST:
        return 0;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* tuple_order.h - the subtables of a tuple space, sorted by falling bound of their rules' priorities, for readers without
 * locks: what a reader got hold of never changes.
 * Thread: C changes, W reads inside an RCU section. */
#ifndef DATAPATH_TUPLE_ORDER_H
#define DATAPATH_TUPLE_ORDER_H

#include <stdatomic.h>
#include <stdint.h>

struct rcu;
struct tuple;

enum { ORDER_CHUNK = 64 };

struct order_entry {
    uint64_t key; /* rises along the order; see order_key() */
    struct tuple *tuple;
};

struct order_chunk {
    uint32_t n; /* 1..ORDER_CHUNK */
    struct order_entry entry[];
};

struct order {
    uint32_t n;
    struct order_chunk *chunk[];
};

/* No two entries have the same key: `serial` (48 bits) is the subtable's own. */
static inline uint64_t order_key(uint16_t bound, uint64_t serial)
{
    return (uint64_t)(uint16_t)~bound << 48 | serial;
}

static inline uint16_t order_bound(const struct order_entry *e)
{
    return (uint16_t) ~(e->key >> 48);
}

/* Takes the entry with `remove`'s key out and puts `add` in, both at once for readers; either may be NULL.
 * -ENOMEM: nothing has changed. */
int order_change(_Atomic(struct order *) *at, struct rcu *rcu, const uint64_t *remove, const struct order_entry *add);
void order_free(struct order *o); /* no reader any more */

#endif

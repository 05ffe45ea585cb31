/* SPDX-License-Identifier: Apache-2.0 */
/* conn_holder.c - see conn_holder.h.
 *
 * Theory.  Two workers may want the same entry at once: both look, and do not find it; the table takes one of the two, and the
 * other worker looks again.  So it is at a host's limit, too: who wants a mapping while another worker is putting one of that host
 * into the table waits for it (`n_making`), as it may be the same.  An entry that is held stays as it is, so its tuples are read
 * without its lock. */
#include "datapath/conn_holder.h"

#include <errno.h>

#include "base/embedded.h"

enum { TRIES = 8 };

static struct conn_tuple holder_tuple(const struct conn_tuple *of)
{
    return (struct conn_tuple){ .src = of->src,
                                .zone = of->zone,
                                .family = (uint8_t)((of->family & ~CONN_HOLDER) | CONN_HOLDER) };
}

struct conn_tuple conn_mapping_tuple(const struct conn_tuple *original)
{
    struct conn_tuple t = holder_tuple(original);

    t.src_port = original->src_port;
    t.proto = original->proto;
    return t;
}

struct conn *conn_hold(struct conn_table *t, unsigned worker, const struct conn_tuple *tuple)
{
    enum conn_dir dir;
    struct conn *c = conn_find(t, worker, tuple, 0, &dir);

    if (!c)
        return NULL;
    c->n_held++;
    conn_unlock(c);
    return c;
}

int conn_hold_new(struct conn_table *t, unsigned worker, struct conn *c, const struct conn_tuple *reply)
{
    int err = conn_insert(t, worker, c, reply);

    if (err)
        return err;
    c->n_held = 1;
    conn_unlock(c);
    return 0;
}

/* 0, -EEXIST: it is there now; -ENOSPC. */
static int put(struct conn_table *t, unsigned worker, struct conn *c, const struct conn_tuple *reply, uint32_t *out)
{
    int err = conn_hold_new(t, worker, c, reply);

    if (err)
        conn_drop(t, worker, c);
    *out = err ? 0 : c->index;
    return err == -EADDRINUSE ? -EEXIST : err;
}

/* A permission that is not there yet, as put(); it takes over the hold of `mapping`. */
static int make_permission(struct conn_table *t, unsigned worker, const struct conn_tuple *tuple,
                           const struct conn_tuple *reply, const struct conn *mapping, uint32_t *out)
{
    struct conn *c = conn_make_holder(t, worker, tuple);

    if (!c) {
        conn_let_go(t, worker, mapping->index);
        return -ENOSPC;
    }
    c->holder = mapping->index;
    c->prefix_len = mapping->prefix_len;
    return put(t, worker, c, reply, out);
}

/* A host's entry that is not there yet, as put(). */
static int make_host(struct conn_table *t, unsigned worker, enum conn_hold_for use, const struct conn_tuple *tuple,
                     uint32_t limit, uint32_t *out)
{
    struct conn_tuple reply = conn_tuple_inverse(tuple);
    struct conn *c = conn_make_holder(t, worker, tuple);

    if (!c)
        return -ENOSPC;
    c->host_limit = limit;
    c->n_making = use == CONN_HOLD_FOR_MAPPING;
    return put(t, worker, c, &reply, out);
}

/* Holds a host's entry.  0 and `*out` 0: there is none. */
static int hold_below(struct conn_table *t, unsigned worker, enum conn_hold_for use, const struct conn_tuple *tuple,
                      uint32_t limit, uint32_t *out)
{
    uint32_t of_zone = conn_host_limit(t, tuple->zone);
    enum conn_dir dir;
    struct conn *c = conn_find(t, worker, tuple, 0, &dir);
    int err = 0;

    *out = 0;
    if (!c)
        return 0;
    if (limit != CONN_HOST_LIMIT_AS_BEFORE)
        c->host_limit = limit;
    if (c->n_held >= (c->host_limit < of_zone ? c->host_limit : of_zone)) {
        err = use == CONN_HOLD_FOR_MAPPING && c->n_making ? -EAGAIN : -EDQUOT;
        if (use == CONN_HOLD_FOR_CONNECTION)
            conn_count_refused(t, worker);
    } else {
        c->n_held++;
        c->n_making += use == CONN_HOLD_FOR_MAPPING;
        *out = c->index;
    }
    conn_unlock(c);
    return err;
}

int conn_hold_host(struct conn_table *t, unsigned worker, enum conn_hold_for use, const struct conn_tuple *original,
                   uint32_t limit, uint32_t *out)
{
    bool is_limited = conn_host_limit(t, original->zone) != UINT32_MAX;
    struct conn_tuple tuple = holder_tuple(original);

    *out = 0;
    if (limit == UINT32_MAX && !is_limited)
        return 0;
    for (unsigned i = 0; i < TRIES; i++) {
        int err = hold_below(t, worker, use, &tuple, limit, out);

        if (err || *out)
            return err;
        if (limit == CONN_HOST_LIMIT_AS_BEFORE && !is_limited)
            return 0;
        err = make_host(t, worker, use, &tuple, limit ? limit : UINT32_MAX, out);
        if (err != -EEXIST)
            return err;
    }
    return -ENOSPC;
}

void conn_host_made(struct conn_table *t, uint32_t index)
{
    struct conn *c = index ? conn_lock_at(t, index, conn_at(t, index)->serial) : NULL;

    if (!c)
        return;
    c->n_making--;
    conn_unlock(c);
}

int conn_hold_permission(struct conn_table *t, unsigned worker, const struct conn *mapping,
                         const struct conn_tuple *original, uint32_t *out)
{
    const struct conn_tuple inner = mapping->original;
    const struct conn *held = mapping;
    struct conn_tuple tuple = inner, reply;

    tuple.dst = original->dst;
    for (unsigned i = 0; i < TRIES; i++) {
        struct conn *c = conn_hold(t, worker, &tuple);
        int err;

        if (c) {
            conn_let_go(t, worker, held ? held->index : 0); /* the permission holds it */
            *out = c->index;
            return 0;
        }
        if (!held) { /* the attempt before has let it go, and it may be another by now */
            held = conn_hold(t, worker, &inner);
            if (!held)
                return -ENOSPC;
        }
        reply = held->reply;
        reply.src = held->prefix_len ? value_of(embedded_ipv4(original->dst, held->prefix_len)) : original->dst;
        err = make_permission(t, worker, &tuple, &reply, held, out);
        if (err != -EEXIST)
            return err;
        held = NULL;
    }
    return -ENOSPC;
}

uint32_t conn_admit(struct conn_table *t, unsigned worker, const struct conn_tuple *original, struct conn_tuple *reply)
{
    struct conn_tuple tuple = { .dst = original->dst,
                                .dst_port = original->dst_port,
                                .zone = original->zone,
                                .proto = original->proto,
                                .family = original->family | CONN_HOLDER };
    struct conn *mapping, *permission;

    if (original->proto != IP_PROTO_TCP && original->proto != IP_PROTO_UDP)
        return 0;
    mapping = conn_hold(t, worker, &tuple);
    if (!mapping)
        return 0;
    *reply = conn_tuple_inverse(original);
    if (mapping->prefix_len) { /* inside is IPv6: the mapping has the prefix where others have no remote end */
        reply->family = 6;
        reply->dst = embedded_make(mapping->original.dst, mapping->prefix_len, (uint32_t)original->src.lo);
    }
    reply->src = mapping->original.src;
    reply->src_port = mapping->original.src_port;
    if (mapping->helper == NAT_FILTERING_ENDPOINT)
        return mapping->index;
    tuple.src = original->src;
    permission = mapping->helper == NAT_FILTERING_ADDRESS ? conn_hold(t, worker, &tuple) : NULL;
    conn_let_go(t, worker, mapping->index); /* the permission holds it, if there is one */
    return permission ? permission->index : 0;
}

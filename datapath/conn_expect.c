/* SPDX-License-Identifier: Apache-2.0 */
/* conn_expect.c - see conn_expect.h.
 *
 * Theory.  An entry's original tuple is what the real end would send, its answers what the first frame looks like, both without the
 * port of who begins; so an outer port for it is chosen as for any translation, and is nobody else's.  It is over by time.  One
 * whose master is gone is found, but does not count; a master has one at a time. */
#include "datapath/conn_expect.h"

#include <errno.h>

#include "base/clock.h"
#include "datapath/nat.h"

enum { TRIES = 4, ROOM_PART = 16 /* of the table */ };

static struct conn_tuple as_entry(struct conn_tuple t)
{
    t.family |= CONN_HOLDER | CONN_EXPECTED;
    return t;
}

static void forget(struct conn_table *t, unsigned worker, uint32_t index, uint32_t serial)
{
    struct conn *c = index ? conn_lock_at(t, index, serial) : NULL;

    if (c)
        conn_remove(t, worker, c);
}

/* The master has a new one; false: the master is gone. */
static bool set_expectation(struct conn_table *t, unsigned worker, const struct conn_expected *e, uint32_t index,
                            uint32_t serial)
{
    struct conn *master = conn_lock_at(t, e->master, e->master_serial);
    uint32_t old, old_serial;

    if (!master)
        return false;
    old = master->expectation;
    old_serial = master->expectation_serial;
    master->expectation = index;
    master->expectation_serial = serial;
    conn_unlock(master);
    forget(t, worker, old, old_serial);
    return true;
}

/* Puts the entry into the table; locked then. */
static int insert(struct conn_table *t, unsigned worker, struct conn *c, const struct conn_expected *e)
{
    struct conn_tuple reply = as_entry(e->frame);

    if (!reply.dst_port && e->frame.dst.hi == e->reply.src.hi && e->frame.dst.lo == e->reply.src.lo)
        reply.dst_port = e->reply.src_port;
    return reply.dst_port ? conn_insert(t, worker, c, &reply) : nat_reserve(t, worker, c, e->frame.dst);
}

/* The master expects that already, and has told of the port: what says so again must say the same.  False: it does not. */
static bool renew(struct conn_table *t, struct conn_expected *e, const struct conn_tuple *original, uint64_t now_ns)
{
    struct conn *c = conn_lock_at(t, e->master, e->master_serial);
    uint32_t index = c ? c->expectation : 0, serial = c ? c->expectation_serial : 0;
    bool is_same;

    if (c)
        conn_unlock(c);
    c = conn_lock_at(t, index, serial);
    if (!c)
        return false;
    is_same = conn_tuple_equal(&c->original, original);
    if (is_same) {
        conn_set_time(t, c, now_ns, CONN_EXPECT_S * (uint64_t)NSEC_PER_S);
        e->frame.dst_port = c->reply.dst_port;
    }
    conn_unlock(c);
    return is_same;
}

int conn_announce(struct conn_table *t, unsigned worker, struct conn_expected *e, uint64_t now_ns)
{
    struct conn_tuple original = as_entry(e->reply);
    int err = -EEXIST;

    original.dst_port = 0;
    if (renew(t, e, &original, now_ns))
        return 0;
    if (!set_expectation(t, worker, e, 0, 0) || conn_n_expected(t) > conn_max(t) / ROOM_PART)
        return -ENOSPC;
    for (unsigned i = 0; i < TRIES && err == -EEXIST; i++) {
        struct conn *c = conn_make_holder(t, worker, &original);
        enum conn_dir dir;
        uint32_t index, serial;

        if (!c)
            return -ENOSPC;
        err = insert(t, worker, c, e);
        if (err) {
            conn_drop(t, worker, c);
            c = conn_find(t, worker, &original, now_ns,
                          &dir); /* another master has announced the same: the last one counts */
            if (c)
                conn_remove(t, worker, c);
            continue;
        }
        e->frame.dst_port = c->reply.dst_port;
        c->mark = e->mark;
        c->label = e->label;
        c->expected.master = e->master;
        c->expected.master_serial = e->master_serial;
        c->expected.has_source = e->has_source;
        c->expected.source = e->source;
        conn_set_time(t, c, now_ns, CONN_EXPECT_S * (uint64_t)NSEC_PER_S);
        index = c->index;
        serial = c->serial;
        conn_unlock(c);
        if (!set_expectation(t, worker, e, index, serial))
            forget(t, worker, index, serial);
    }
    return err == -EADDRINUSE ? err : err ? -ENOSPC : 0;
}

static struct conn *find(struct conn_table *t, unsigned worker, const struct conn_tuple *frame, uint64_t now_ns)
{
    struct conn_tuple tuple = as_entry(*frame);
    enum conn_dir dir;

    tuple.src_port = 0;
    return conn_find(t, worker, &tuple, now_ns, &dir);
}

bool conn_expected_find(struct conn_table *t, unsigned worker, const struct conn_tuple *frame, uint64_t now_ns,
                        struct conn_expected *out)
{
    struct conn *c = conn_n_expected(t) ? find(t, worker, frame, now_ns) : NULL;

    if (!c)
        return false;
    *out = (struct conn_expected){ .reply = c->original,
                                   .frame = *frame,
                                   .has_source = c->expected.has_source,
                                   .source = c->expected.source,
                                   .master = c->expected.master,
                                   .master_serial = c->expected.master_serial,
                                   .mark = c->mark,
                                   .label = c->label };
    conn_unlock(c);
    out->reply.family = frame->family;
    out->reply.dst_port = frame->src_port;
    c = conn_lock_at(t, out->master, out->master_serial);
    if (c)
        conn_unlock(c);
    return c;
}

void conn_expected_take(struct conn_table *t, unsigned worker, const struct conn_expected *e, uint64_t now_ns)
{
    struct conn *c = find(t, worker, &e->frame, now_ns);

    if (!c)
        return;
    if (c->expected.master == e->master && c->expected.master_serial == e->master_serial)
        conn_remove(t, worker, c);
    else
        conn_unlock(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_conn_holder.c - mappings, permissions and hosts of the table of connections, against a model of who has which outer port,
 * and by several workers at once: each is there exactly as long as a connection holds it, and in the end nothing is left.
 * Likewise what is expected: not longer than for its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "datapath/conn_expect.h"
#include "datapath/conn_holder.h"
#include "datapath/nat.h"

enum {
    HOSTS = 4,
    PORTS = 3,
    REMOTES = 4,
    ROUNDS = 40000,
    MAX = 4000,
    OUTER = 0xc6336407,
    THREADS = 3,
    ZONE = 5,
    RACES = 3000
};
#define START UINT64_C(1000000000000)

static struct conn_table *table(unsigned n_workers, uint32_t host_limit)
{
    struct conn_zone_conf zone = { .host_limit = host_limit };
    struct conn_table *t;

    assert_int_equal(conn_table_new(&t, &(struct conn_table_conf){ .max = MAX, .n_workers = n_workers, .seed = 7 }), 0);
    assert_int_equal(conn_zone_set(t, ZONE, &zone), 0);
    return t;
}

static struct nat_spec spec_of(enum nat_filtering filtering)
{
    return (struct nat_spec){ .addr_min = value_of(OUTER),
                              .addr_max = value_of(OUTER),
                              .kind = CT_SNAT,
                              .family = 4,
                              .mapping = NAT_MAPPING_ENDPOINT,
                              .filtering = (uint8_t)filtering };
}

static struct conn_tuple tuple_of(unsigned host, unsigned port, unsigned remote)
{
    return (struct conn_tuple){ .src = value_of(0x0a000001 + host),
                                .dst = value_of(0xc0000201 + remote),
                                .src_port = (uint16_t)(5000 + port),
                                .dst_port = 53,
                                .zone = ZONE,
                                .proto = IP_PROTO_UDP,
                                .family = 4 };
}

/* The outer port, or as nat_begin(). */
static int begin(struct conn_table *t, unsigned worker, struct conn_tuple o, const struct nat_spec *spec)
{
    struct conn *c = conn_make(t, worker, &o, START);
    int err, port;

    if (!c)
        return -ENOSPC;
    err = nat_begin(t, worker, c, spec);
    if (err) {
        conn_drop(t, worker, c);
        return err;
    }
    port = c->reply.dst_port;
    conn_set_timer(t, c, CONN_UDP_FIRST, START);
    conn_unlock(c);
    return port;
}

static bool end(struct conn_table *t, unsigned worker, struct conn_tuple o)
{
    enum conn_dir dir;
    struct conn *c = conn_find(t, worker, &o, START, &dir);

    if (c)
        conn_remove(t, worker, c);
    return c;
}

static bool count_one(void *arg, const struct conn_info *info)
{
    ++*(unsigned *)arg;
    return true;
}

static unsigned n_holders(const struct conn_table *t)
{
    unsigned n = 0;

    conn_for_each_holder(t, count_one, &n);
    return n;
}

static bool is_let_in(struct conn_table *t, int port, unsigned remote, unsigned *host)
{
    struct conn_tuple frame = { .src = value_of(0xc0000201 + remote),
                                .dst = value_of(OUTER),
                                .src_port = 999,
                                .dst_port = (uint16_t)port,
                                .zone = ZONE,
                                .proto = IP_PROTO_UDP,
                                .family = 4 };
    struct conn_tuple reply;
    uint32_t held = conn_admit(t, 0, &frame, &reply);

    *host = (unsigned)reply.src.lo - 0x0a000001;
    conn_let_go(t, 0, held);
    return held;
}

/* --- against a model --- */

struct model {
    bool is_open[HOSTS][PORTS][REMOTES];
    int port[HOSTS][PORTS];
};

static unsigned n_open(const struct model *m, unsigned host, unsigned port)
{
    unsigned n = 0;

    for (unsigned r = 0; r < REMOTES; r++)
        n += m->is_open[host][port][r];
    return n;
}

static unsigned n_mapped(const struct model *m, unsigned host)
{
    unsigned n = 0;

    for (unsigned p = 0; p < PORTS; p++)
        n += n_open(m, host, p) > 0;
    return n;
}

static void step(struct conn_table *t, struct model *m, const struct nat_spec *spec, uint32_t limit)
{
    unsigned h = (unsigned)rand() % HOSTS, p = (unsigned)rand() % PORTS, r = (unsigned)rand() % REMOTES, host;
    bool is_mapped = n_open(m, h, p), may = is_mapped || !limit || n_mapped(m, h) < limit;
    int port;

    if (m->is_open[h][p][r]) {
        assert_true(end(t, 0, tuple_of(h, p, r)));
        m->is_open[h][p][r] = false;
        return;
    }
    port = begin(t, 0, tuple_of(h, p, r), spec);
    assert_int_equal(port > 0, may);
    if (!may) {
        assert_int_equal(port, -EDQUOT);
        return;
    }
    m->is_open[h][p][r] = true;
    if (is_mapped)
        assert_int_equal(port, m->port[h][p]);
    m->port[h][p] = port;
    for (unsigned i = 0; i < HOSTS * PORTS; i++)
        if (i != h * PORTS + p && n_open(m, i / PORTS, i % PORTS))
            assert_int_not_equal(port, m->port[i / PORTS][i % PORTS]);
    for (r = 0; r < REMOTES; r++) {
        bool want = spec->filtering == NAT_FILTERING_ENDPOINT ||
                    (spec->filtering == NAT_FILTERING_ADDRESS && m->is_open[h][p][r]);

        assert_int_equal(is_let_in(t, port, r, &host), want);
        if (want)
            assert_int_equal(host, h);
    }
}

static void test_model(void **state)
{
    srand(1);
    for (unsigned i = 0; i < 6; i++) {
        struct nat_spec spec = spec_of((enum nat_filtering)(i % 3));
        uint32_t limit = i / 3 ? 2 : 0;
        struct conn_table *t = table(1, limit);
        struct model m = { 0 };

        for (unsigned round = 0; round < ROUNDS; round++)
            step(t, &m, &spec, limit);
        for (unsigned k = 0; k < HOSTS * PORTS * REMOTES; k++)
            (void)end(t, 0, tuple_of(k / REMOTES / PORTS, k / REMOTES % PORTS, k % REMOTES));
        assert_int_equal(conn_count(t), 0);
        assert_int_equal(n_holders(t), 0);
        conn_table_free(t);
    }
}

/* A full table gives way as before, and loses no place. */
static void test_full(void **state)
{
    struct nat_spec spec = spec_of(NAT_FILTERING_ADDRESS);
    struct conn_table *t = table(1, 0);

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 3 * MAX; i++)
            (void)begin(t, 0, tuple_of(i, 0, i), &spec);
        for (unsigned i = 0; i < 3 * MAX; i++)
            (void)end(t, 0, tuple_of(i, 0, i));
        assert_int_equal(conn_count(t), 0);
        assert_int_equal(n_holders(t), 0);
    }
    spec.mapping = NAT_MAPPING_CONNECTION;
    for (unsigned i = 0; i < MAX; i++)
        assert_in_range(begin(t, 0, tuple_of(i, 0, i), &spec), 1, UINT16_MAX);
    assert_int_equal(conn_count(t), MAX);
    conn_table_free(t);
}

/* --- several workers --- */

struct thread {
    pthread_t id;
    struct conn_table *table;
    unsigned worker, n_begun;
};

static void *churn(void *arg)
{
    struct thread *th = arg;
    struct nat_spec spec = spec_of(NAT_FILTERING_ADDRESS);
    unsigned seed = th->worker + 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned x = (unsigned)rand_r(&seed);
        struct conn_tuple o = tuple_of(x % HOSTS, x / HOSTS % PORTS, x / HOSTS / PORTS % REMOTES);

        if (!end(th->table, th->worker, o))
            th->n_begun += begin(th->table, th->worker, o, &spec) > 0;
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct conn_table *t = table(THREADS, 100);
    struct thread th[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        th[i] = (struct thread){ .table = t, .worker = i };
        assert_int_equal(pthread_create(&th[i].id, NULL, churn, &th[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(th[i].id, NULL), 0);
        assert_true(th[i].n_begun > 1000);
    }
    for (unsigned k = 0; k < HOSTS * PORTS * REMOTES; k++)
        (void)end(t, 0, tuple_of(k / REMOTES / PORTS, k / REMOTES % PORTS, k % REMOTES));
    assert_int_equal(conn_count(t), 0);
    assert_int_equal(n_holders(t), 0);
    conn_table_free(t);
}

static bool doom_one(void *arg, const struct conn_info *info)
{
    conn_doom(arg, info);
    return true;
}

/* What control throws out gives back what its host may have in the same tick, also when this one's walk is over. */
static void test_flush(void **state)
{
    enum { LIMIT = 5 };
    struct nat_spec spec = spec_of(NAT_FILTERING_ADDRESS);

    for (unsigned i = 0; i < 2; i++) {
        struct conn_table *t = table(1, LIMIT);

        spec.mapping = i ? NAT_MAPPING_ENDPOINT : NAT_MAPPING_CONNECTION;
        for (unsigned k = 0; k < MAX; k++)
            conn_sweep(t, 0, START);
        for (unsigned k = 0; k < LIMIT; k++)
            assert_true(begin(t, 0, tuple_of(1, k, 0), &spec) > 0);
        assert_int_equal(begin(t, 0, tuple_of(1, LIMIT, 0), &spec), -EDQUOT);
        assert_int_not_equal(conn_sweep_next_ns(t, 0), 0);
        conn_for_each(t, START, doom_one, t);
        assert_int_equal(conn_sweep_next_ns(t, 0), 0);
        for (unsigned k = 0; k < MAX && !conn_sweep_next_ns(t, 0); k++)
            conn_sweep(t, 0, START);
        assert_int_equal(n_holders(t), 0);
        for (unsigned k = 0; k < LIMIT; k++)
            assert_true(begin(t, 0, tuple_of(1, LIMIT + k, 0), &spec) > 0);
        conn_table_free(t);
    }
}

/* All workers begin connections of the one mapping that the host may have, at once: nobody is refused. */
struct race {
    struct conn_table *table;
    atomic_uint n_come, n_refused; /* of all rounds */
};

struct racer {
    pthread_t id;
    struct race *race;
    unsigned worker;
};

static void meet(struct race *r, unsigned n)
{
    atomic_fetch_add(&r->n_come, 1);
    while (atomic_load(&r->n_come) < n)
        sched_yield();
}

static void *race(void *arg)
{
    struct racer *me = arg;
    struct race *r = me->race;
    struct nat_spec spec = spec_of(NAT_FILTERING_ADDRESS);

    for (unsigned i = 0; i < RACES; i++) {
        struct conn_tuple o = tuple_of(0, i % PORTS, me->worker);

        meet(r, (2 * i + 1) * THREADS);
        if (begin(r->table, me->worker, o, &spec) < 0)
            atomic_fetch_add(&r->n_refused, 1);
        meet(r, (2 * i + 2) * THREADS);
        (void)end(r->table, me->worker, o);
    }
    return NULL;
}

static void test_last_mapping(void **state)
{
    struct race r = { .table = table(THREADS, 1) };
    struct racer racers[THREADS];
    struct conn_stats st;

    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){ .race = &r, .worker = i };
        assert_int_equal(pthread_create(&racers[i].id, NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(racers[i].id, NULL), 0);
    assert_int_equal(r.n_refused, 0);
    conn_table_stats(r.table, &st);
    assert_int_equal(st.host_limited, 0);
    assert_int_equal(n_holders(r.table), 0);
    conn_table_free(r.table);
}

/* --- what is expected --- */

/* A connection of the host, which is there or made, announces a port; what comes to it is let in once. */
static bool announce(struct conn_table *t, unsigned worker, unsigned host, unsigned port)
{
    struct conn_tuple o = tuple_of(host, 0, 0), frame;
    enum conn_dir dir;
    struct nat_spec spec = spec_of(NAT_FILTERING_ADDRESS);
    struct conn_expected e = { .reply = conn_tuple_inverse(&o), .frame = conn_tuple_inverse(&o) }, found;
    struct conn *c;

    spec.mapping = NAT_MAPPING_CONNECTION;
    (void)begin(t, worker, o, &spec);
    c = conn_find(t, worker, &o, START, &dir);
    if (!c)
        return false;
    e.master = c->index;
    e.master_serial = c->serial;
    conn_unlock(c);
    e.reply.src = o.src;
    e.reply.dst = o.dst;
    e.reply.src_port = (uint16_t)(6000 + port);
    e.reply.dst_port = 0;
    e.frame.dst = value_of(OUTER);
    e.frame.src_port = e.frame.dst_port = 0;
    if (conn_announce(t, worker, &e, START))
        return false;
    frame = e.frame;
    frame.src_port = 20;
    if (!conn_expected_find(t, worker, &frame, START, &found))
        return false;
    conn_expected_take(t, worker, &found, START);
    return true;
}

static void *expect(void *arg)
{
    struct thread *th = arg;
    unsigned seed = th->worker + 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned x = (unsigned)rand_r(&seed);

        th->n_begun += announce(th->table, th->worker, x % HOSTS, x / HOSTS % PORTS);
        if (x / HOSTS / PORTS % 8 == 0)
            (void)end(th->table, th->worker, tuple_of(x % HOSTS, 0, 0));
    }
    return NULL;
}

static void test_expected(void **state)
{
    struct conn_table *t = table(THREADS, 0);
    struct thread th[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        th[i] = (struct thread){ .table = t, .worker = i };
        assert_int_equal(pthread_create(&th[i].id, NULL, expect, &th[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(th[i].id, NULL), 0);
        assert_true(th[i].n_begun > 1000);
    }
    for (unsigned host = 0; host < HOSTS; host++)
        (void)end(t, 0, tuple_of(host, 0, 0));
    for (unsigned i = 0; i < THREADS * MAX; i++)
        conn_sweep(t, i % THREADS, START + (CONN_EXPECT_S + 1) * (uint64_t)NSEC_PER_S);
    assert_int_equal(conn_count(t), 0);
    assert_int_equal(conn_n_expected(t), 0);
    assert_int_equal(n_holders(t), 0);
    assert_true(announce(t, 0, 0, 0));
    conn_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_model),   cmocka_unit_test(test_full),
                                        cmocka_unit_test(test_threads), cmocka_unit_test(test_last_mapping),
                                        cmocka_unit_test(test_flush),   cmocka_unit_test(test_expected) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

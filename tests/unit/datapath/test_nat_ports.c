/* SPDX-License-Identifier: Apache-2.0 */
/* test_nat_ports.c - which port a translated connection gets, up to the last free one; what it costs is counted in insertions that
 * were tried, not in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "datapath/conn.h"
#include "datapath/nat.h"

enum { PORTS = 65535, MAX = 1 << 17, OUTER = 0xc6336407, SERVER = 0xc0000209, THREADS = 3, SOME = 3000, FEW = 100 };
#define START UINT64_C(1000000000000)

static struct conn_table *table(unsigned n_workers)
{
    struct conn_table *t;

    assert_int_equal(conn_table_new(&t, &(struct conn_table_conf){ .max = MAX, .n_workers = n_workers, .seed = 7 }), 0);
    return t;
}

static struct nat_spec spec_of(uint16_t min, uint16_t max, enum nat_order order)
{
    return (struct nat_spec){ .addr_min = value_of(OUTER),
                              .addr_max = value_of(OUTER),
                              .port_min = min,
                              .port_max = max,
                              .kind = CT_SNAT,
                              .family = 4,
                              .order = (uint8_t)order };
}

static struct conn_tuple tuple_of(uint32_t host, uint16_t port)
{
    return (struct conn_tuple){ .src = value_of(0x0a000000 + host),
                                .dst = value_of(SERVER),
                                .src_port = port,
                                .dst_port = 53,
                                .proto = IP_PROTO_UDP,
                                .family = 4 };
}

static uint64_t tries(const struct conn_table *t)
{
    struct conn_stats st;

    conn_table_stats(t, &st);
    return st.tries;
}

/* The port, or as nat_begin(), of a connection that is like that then. */
struct state {
    bool is_answered, is_repeated;
    enum conn_timer timer;
};
static int begin_by(struct conn_table *t, unsigned worker, struct conn_tuple o, const struct nat_spec *spec,
                    struct state s)
{
    struct conn *c = conn_make(t, worker, &o, START);
    int err, port;

    assert_non_null(c);
    err = nat_begin(t, worker, c, spec);
    if (err) {
        conn_drop(t, worker, c);
        return err;
    }
    port = c->reply.dst_port;
    c->is_answered = s.is_answered;
    c->is_repeated = s.is_repeated;
    conn_set_timer(t, c, s.timer, START);
    conn_unlock(c);
    return port;
}

static int begin_as(struct conn_table *t, struct conn_tuple o, const struct nat_spec *spec, struct state s)
{
    return begin_by(t, 0, o, spec, s);
}

/* One that is not pushed out. */
static int begin(struct conn_table *t, unsigned worker, struct conn_tuple o, const struct nat_spec *spec)
{
    return begin_by(t, worker, o, spec,
                    (struct state){ .is_answered = true, .is_repeated = true, .timer = CONN_UDP_FIRST });
}

static void end(struct conn_table *t, struct conn_tuple o)
{
    enum conn_dir dir;
    struct conn *c = conn_find(t, 0, &o, START, &dir);

    assert_non_null(c);
    conn_remove(t, 0, c);
}

static bool used[PORTS + 1];

/* All of 1..65535 towards one remote end. */
static void fill(enum nat_order order)
{
    struct conn_table *t = table(1);
    struct nat_spec spec = spec_of(1, PORTS, order);
    uint64_t before, most = 0;
    int port;

    memset(used, 0, sizeof used);
    for (unsigned i = 0; i < PORTS; i++) {
        before = tries(t);
        port = begin(t, 0, tuple_of(i, 5000), &spec);
        assert_in_range(port, 1, PORTS);
        assert_false(used[port]);
        used[port] = true;
        most = tries(t) - before > most ? tries(t) - before : most;
        if (i == PORTS - 1000) /* the last thousand cost one each, but for what the pool does not know */
            most = 0;
    }
    assert_in_range(tries(t), PORTS, PORTS + PORTS / 8);
    assert_in_range(most, 1, 64);
    for (unsigned i = 0; i < 100; i++) { /* none is left */
        before = tries(t);
        assert_int_equal(begin(t, 0, tuple_of(PORTS + i, 5000), &spec), -EADDRINUSE);
        assert_int_equal(tries(t), i ? before : tries(t));
    }
    end(t, tuple_of(777, 5000)); /* ... and the one that comes back is found */
    before = tries(t);
    assert_in_range(begin(t, 0, tuple_of(PORTS, 5000), &spec), 1, PORTS);
    assert_int_equal(tries(t), before + 1);
    assert_int_equal(conn_count(t), PORTS);
    conn_table_free(t);
}

static void test_every_port_once(void **state)
{
    fill(NAT_ORDER_KEEP);
}

static void test_every_port_once_hash(void **state)
{
    fill(NAT_ORDER_HASH);
}

static void test_every_port_once_random(void **state)
{
    fill(NAT_ORDER_RANDOM);
}

/* Ports that were kept, hence never looked for, are not in the way of those that are. */
static void test_after_kept_ports(void **state)
{
    struct conn_table *t = table(1);
    struct nat_spec spec = spec_of(1, PORTS, NAT_ORDER_KEEP);
    uint64_t before;

    for (unsigned i = 1; i < PORTS - 99; i++)
        assert_int_equal(begin(t, 0, tuple_of(1, (uint16_t)i), &spec), i);
    before = tries(t);
    for (unsigned i = 0; i < 100; i++)
        assert_in_range(begin(t, 0, tuple_of(2, (uint16_t)(1000 + i)), &spec), PORTS - 99, PORTS);
    assert_in_range(tries(t) - before, 100, 100 + 2 * 1024);
    assert_int_equal(begin(t, 0, tuple_of(3, 1), &spec), -EADDRINUSE);
    conn_table_free(t);
}

/* RFC 4787, REQ-4: as long as there is one of the same parity. */
static void test_parity(void **state)
{
    struct conn_table *t = table(1);
    struct nat_spec spec = spec_of(2000, 5999, NAT_ORDER_KEEP);

    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(begin(t, 0, tuple_of(i, 40001), &spec) % 2, 1);
    for (unsigned i = 2000; i < 4000; i++)
        assert_int_equal(begin(t, 0, tuple_of(i, 40001), &spec) % 2, 0);
    assert_int_equal(begin(t, 0, tuple_of(4000, 40001), &spec), -EADDRINUSE);
    conn_table_free(t);
}

struct thread {
    pthread_t id;
    struct conn_table *table;
    unsigned worker;
    unsigned n_full;
};

static void *churn(void *arg)
{
    struct thread *th = arg;
    struct nat_spec spec = spec_of(3000, 3000 + SOME - 1, NAT_ORDER_RANDOM);
    uint32_t base = (th->worker + 1) * 100000;

    for (unsigned i = 0; i < 4 * SOME; i++) {
        struct conn_tuple o = tuple_of(base + i % SOME, 9000);
        enum conn_dir dir;
        struct conn *c = conn_find(th->table, th->worker, &o, START, &dir);

        if (c)
            conn_remove(th->table, th->worker, c);
        else
            th->n_full += begin(th->table, th->worker, o, &spec) < 0;
    }
    return NULL;
}

/* Workers that take and give back the ports of one range lose none. */
static void test_threads(void **state)
{
    struct conn_table *t = table(THREADS);
    struct nat_spec spec = spec_of(3000, 3000 + SOME - 1, NAT_ORDER_RANDOM);
    struct thread th[THREADS];
    unsigned n;

    for (unsigned i = 0; i < THREADS; i++) {
        th[i] = (struct thread){ .table = t, .worker = i };
        assert_int_equal(pthread_create(&th[i].id, NULL, churn, &th[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(th[i].id, NULL), 0);
    n = conn_count(t);
    for (unsigned i = 0; i < SOME - n; i++)
        assert_in_range(begin(t, 0, tuple_of(i, 9000), &spec), 3000, 3000 + SOME - 1);
    assert_int_equal(begin(t, 0, tuple_of(SOME, 9000), &spec), -EADDRINUSE);
    assert_int_equal(conn_count(t), SOME);
    conn_table_free(t);
}

static bool is_there(struct conn_table *t, struct conn_tuple o)
{
    enum conn_dir dir;
    struct conn *c = conn_find(t, 0, &o, START, &dir);

    if (c)
        conn_unlock(c);
    return c;
}

static const struct state unanswered = { false, true, CONN_UDP_SINGLE }, asked_once = { true, false, CONN_UDP_STREAM },
                          in_use = { true, true, CONN_UDP_STREAM }, half_open = { true, true, CONN_TCP_SYN_RECV },
                          syn_sent = { false, false, CONN_TCP_SYN_SENT }, reset = { true, true, CONN_TCP_CLOSE },
                          established = { true, true, CONN_TCP_ESTABLISHED };

/* With no port free, who is not answered, half open or over gives way, and who is answered and open does not. */
static void test_who_gives_way(void **state)
{
    static const struct {
        const struct state *is;
        bool gives_way;
    } cases[] = {
        { &unanswered, true }, { &asked_once, false }, { &in_use, false },      { &half_open, true },
        { &syn_sent, true },   { &reset, true },       { &established, false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conn_table *t = table(1);
        struct nat_spec spec = spec_of(2000, 2003, NAT_ORDER_KEEP);
        int port;

        for (unsigned k = 0; k < 4; k++)
            assert_in_range(begin_as(t, tuple_of(k, 5000), &spec, k == 2 ? *cases[i].is : in_use), 2000, 2003);
        port = begin_as(t, tuple_of(9, 5000), &spec, in_use);
        if (cases[i].gives_way)
            assert_in_range(port, 2000, 2003);
        else
            assert_int_equal(port, -EADDRINUSE);
        for (unsigned k = 0; k < 4; k++)
            assert_int_equal(is_there(t, tuple_of(k, 5000)), k != 2 || !cases[i].gives_way);
        assert_int_equal(conn_count(t), 4);
        conn_table_free(t);
    }
}

/* What is over goes before what nobody has answered yet, and a mapping waits until a port is free. */
static void test_who_gives_way_first(void **state)
{
    struct conn_table *t = table(1);
    struct nat_spec spec = spec_of(2000, 2003, NAT_ORDER_KEEP), mapped = spec;

    for (unsigned k = 0; k < 4; k++)
        assert_in_range(begin_as(t, tuple_of(k, 5000), &spec, k == 1 ? reset : unanswered), 2000, 2003);
    mapped.mapping = NAT_MAPPING_ENDPOINT;
    assert_int_equal(begin_as(t, tuple_of(8, 5000), &spec, in_use) > 0, true);
    assert_false(is_there(t, tuple_of(1, 5000)));
    assert_true(is_there(t, tuple_of(0, 5000)) && is_there(t, tuple_of(2, 5000)) && is_there(t, tuple_of(3, 5000)));
    conn_table_free(t);
    t = table(1);
    for (unsigned k = 0; k < 4; k++)
        assert_in_range(begin_as(t, tuple_of(k, 5000), &mapped, unanswered), 2000, 2003);
    assert_int_equal(begin_as(t, tuple_of(9, 5000), &mapped, unanswered), -EADDRINUSE);
    conn_table_free(t);
}

/* Each newcomer costs an insertion, or two, as the pool is not told who has taken a port over, however large the range; and none is
 * refused. */
static void test_giving_way_costs_the_same(void **state)
{
    struct conn_table *t = table(1);
    struct nat_spec spec = spec_of(1, PORTS, NAT_ORDER_RANDOM);

    for (unsigned i = 0; i < PORTS; i++)
        assert_true(begin_as(t, tuple_of(i, 5000), &spec, unanswered) > 0);
    (void)begin_as(t, tuple_of(PORTS, 5000), &spec, unanswered); /* the pool knows all of them now */
    for (unsigned i = 1; i < 1000; i++) {
        uint64_t before = tries(t);

        assert_true(begin_as(t, tuple_of(PORTS + i, 5000), &spec, unanswered) > 0);
        assert_in_range(tries(t), before + 1, before + 2);
        assert_int_equal(conn_count(t), PORTS);
    }
    conn_table_free(t);
}

static void *crowd(void *arg)
{
    struct thread *th = arg;
    struct nat_spec spec = spec_of(3000, 3000 + FEW - 1, NAT_ORDER_RANDOM);
    uint32_t base = (th->worker + 1) * 100000;

    for (unsigned i = 0; i < 4 * SOME; i++)
        th->n_full += begin_by(th->table, th->worker, tuple_of(base + i, 9000), &spec, unanswered) < 0;
    return NULL;
}

/* Several workers take ports from each other's connections: none is lost, and who is answered keeps his. */
static void test_giving_way_to_many(void **state)
{
    struct conn_table *t = table(THREADS);
    struct nat_spec spec = spec_of(3000, 3000 + FEW - 1, NAT_ORDER_RANDOM);
    struct thread th[THREADS];
    struct conn_stats st;

    for (unsigned i = 0; i < FEW / 2; i++)
        assert_in_range(begin_as(t, tuple_of(i, 9000), &spec, in_use), 3000, 3000 + FEW - 1);
    for (unsigned i = 0; i < THREADS; i++) {
        th[i] = (struct thread){ .table = t, .worker = i };
        assert_int_equal(pthread_create(&th[i].id, NULL, crowd, &th[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(th[i].id, NULL), 0);
    for (unsigned i = 0; i < FEW / 2; i++)
        assert_true(is_there(t, tuple_of(i, 9000)));
    conn_table_stats(t, &st);
    assert_in_range(st.pushed_out, SOME, THREADS * 4 * SOME);
    for (unsigned i = 0; i < FEW; i++) /* each port that a connection in use does not have goes to somebody */
        (void)begin_as(t, tuple_of(FEW + i, 9000), &spec, in_use);
    for (unsigned i = 0; i < 100 && conn_count(t) < FEW; i++)
        (void)begin_as(t, tuple_of(3 * FEW + i, 9000), &spec, in_use);
    assert_int_equal(conn_count(t), FEW);
    conn_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_port_once),
        cmocka_unit_test(test_who_gives_way),
        cmocka_unit_test(test_who_gives_way_first),
        cmocka_unit_test(test_giving_way_costs_the_same),
        cmocka_unit_test(test_giving_way_to_many),
        cmocka_unit_test(test_every_port_once_hash),
        cmocka_unit_test(test_every_port_once_random),
        cmocka_unit_test(test_after_kept_ports),
        cmocka_unit_test(test_parity),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_conn_table.c - the table of connections: against a plain list, as it fills, as time passes, thrown out by control, and with
 * several workers at once (under ThreadSanitizer too). */
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

enum { MAX = 512, HOSTS = 24, ROUNDS = 60000 };
#define SECOND UINT64_C(1000000000)
#define START (1000 * SECOND)

static struct conn_table *table(uint32_t max, unsigned n_workers)
{
    struct conn_table *t;

    assert_int_equal(conn_table_new(&t, &(struct conn_table_conf){ .max = max, .n_workers = n_workers, .seed = 7 }), 0);
    return t;
}

static struct conn_tuple tuple_of(uint32_t a, uint32_t b)
{
    return (struct conn_tuple){ .src = value_of(0x0a000000 + a),
                                .dst = value_of(0x0a010000 + b),
                                .src_port = 1000,
                                .dst_port = 80,
                                .proto = IP_PROTO_UDP,
                                .family = 4 };
}

/* Locked, or NULL. */
static struct conn *make(struct conn_table *t, unsigned worker, struct conn_tuple o, uint64_t now_ns)
{
    struct conn_tuple reply = conn_tuple_inverse(&o);
    struct conn *c = conn_make(t, worker, &o, now_ns);

    if (!c)
        return NULL;
    if (conn_insert(t, worker, c, &reply)) {
        conn_drop(t, worker, c);
        return NULL;
    }
    conn_set_timer(t, c, CONN_UDP_FIRST, now_ns);
    return c;
}

static bool has(struct conn_table *t, struct conn_tuple o, enum conn_dir want, uint64_t now_ns)
{
    enum conn_dir dir;
    struct conn *c = conn_find(t, 0, &o, now_ns, &dir);

    if (!c)
        return false;
    assert_int_equal(dir, want);
    conn_unlock(c);
    return true;
}

static void test_bad_sizes(void **state)
{
    struct conn_table *t;

    assert_int_equal(conn_table_new(&t, &(struct conn_table_conf){ .max = 0, .n_workers = 1 }), -EINVAL);
    assert_int_equal(conn_table_new(&t, &(struct conn_table_conf){ .max = CONN_MAX, .n_workers = 1 }), -EINVAL);
    assert_int_equal(conn_table_new(&t, &(struct conn_table_conf){ .max = 1, .n_workers = 0 }), -EINVAL);
}

/* Random insertions and removals, compared with a field of flags after each. */
static void test_against_model(void **state)
{
    static bool model[HOSTS][HOSTS];
    struct conn_table *t = table(MAX, 1);
    unsigned n = 0;

    srand(5);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t a = (uint32_t)rand() % HOSTS, b = (uint32_t)rand() % HOSTS;
        struct conn_tuple o = tuple_of(a, b);
        enum conn_dir dir;
        struct conn *c = conn_find(t, 0, &o, START, &dir);

        assert_int_equal(c != NULL, model[a][b]);
        if (c && rand() % 2) {
            conn_remove(t, 0, c);
            model[a][b] = false;
            n--;
        } else if (c) {
            conn_unlock(c);
        } else if (n < MAX) {
            c = make(t, 0, o, START);
            assert_non_null(c);
            c->is_answered = c->is_repeated = true; /* is not pushed out */
            conn_set_timer(t, c, CONN_UDP_FIRST, START);
            conn_unlock(c);
            model[a][b] = true;
            n++;
        }
        assert_int_equal(conn_count(t), n);
        o = conn_tuple_inverse(&o);
        assert_int_equal(has(t, o, CONN_REPLY, START), model[a][b]);
    }
    conn_table_free(t);
}

static void test_no_tuple_twice(void **state)
{
    struct conn_table *t = table(MAX, 1);
    struct conn_tuple a = tuple_of(1, 2), b = tuple_of(3, 2), reply = conn_tuple_inverse(&a);
    struct conn *c = make(t, 0, a, START), *d;

    conn_unlock(c);
    assert_null(make(t, 0, a, START));
    d = conn_make(t, 0, &b, START);
    assert_int_equal(conn_insert(t, 0, d, &reply), -EADDRINUSE); /* as a translation would have it */
    reply.dst_port++;
    assert_int_equal(conn_insert(t, 0, d, &reply), 0);
    conn_set_timer(t, d, CONN_UDP_FIRST, START);
    conn_unlock(d);
    assert_true(has(t, reply, CONN_REPLY, START));
    assert_int_equal(conn_count(t), 2);
    conn_table_free(t);
}

static void test_time(void **state)
{
    struct conn_table *t = table(MAX, 1);
    struct conn_zone_conf zone = { .timeout_s = { [CONN_UDP_FIRST] = 7 } };
    struct conn_tuple a = tuple_of(1, 2), b = tuple_of(3, 4);
    uint64_t now = START;

    b.zone = 9;
    assert_int_equal(conn_zone_set(t, 9, &zone), 0);
    assert_true(conn_sweep_next_ns(t, 0) == UINT64_MAX);
    conn_unlock(make(t, 0, a, now));
    conn_unlock(make(t, 0, b, now));
    assert_int_equal(conn_zone_count(t, 9), 1);
    now += 6 * SECOND;
    assert_true(has(t, b, CONN_ORIGINAL, now));
    now += 2 * SECOND;
    assert_false(has(t, b, CONN_ORIGINAL, now)); /* before any sweep */
    assert_int_equal(conn_zone_count(t, 9), 0);
    assert_true(has(t, a, CONN_ORIGINAL, now));
    now += 200 * SECOND;
    for (unsigned i = 0; i < 10; i++)
        conn_sweep(t, 0, now);
    assert_int_equal(conn_count(t), 0);
    conn_table_free(t);
}

/* A sweep never does more than some work at once, and comes to its end. */
static void test_sweep_is_bounded(void **state)
{
    enum { MANY = 20000 };
    struct conn_table *t = table(MANY, 1);
    unsigned rounds = 0;
    uint64_t now = START + 1000 * SECOND;

    for (uint32_t i = 0; i < MANY; i++)
        conn_unlock(make(t, 0, tuple_of(i, i % 7), START));
    while (conn_count(t)) {
        uint32_t before = conn_count(t);

        conn_sweep(t, 0, now);
        assert_true(before - conn_count(t) <= 64);
        assert_true(++rounds < 2 * MANY);
        now += 1000;
    }
    conn_table_free(t);
}

/* A flood of connections that nobody answers, or that are answered and not heard of again, pushes out itself, and no other. */
static void flood(enum conn_timer timer, bool is_answered)
{
    struct conn_table *t = table(MAX, 1);
    struct conn_stats st;

    for (uint32_t i = 0; i < 100; i++) {
        struct conn *c = make(t, 0, tuple_of(i, 1), START);

        c->is_answered = c->is_repeated = true;
        conn_set_timer(t, c, CONN_UDP_STREAM, START);
        conn_unlock(c);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        struct conn *c = make(t, 0, tuple_of(1000 + i, 2), START + i * 1000);

        assert_non_null(c);
        c->is_answered = is_answered;
        c->is_repeated = timer == CONN_TCP_SYN_RECV; /* the SYN */
        conn_set_timer(t, c, timer, START + i * 1000);
        conn_unlock(c);
    }
    for (uint32_t i = 0; i < 100; i++)
        assert_true(has(t, tuple_of(i, 1), CONN_ORIGINAL, START + SECOND));
    conn_table_stats(t, &st);
    assert_int_equal(st.pushed_out, 100000 + 100 - MAX);
    assert_int_equal(conn_count(t), MAX);
    conn_table_free(t);
}

static void test_flood(void **state)
{
    flood(CONN_UDP_FIRST, false);
    flood(CONN_TCP_SYN_SENT, false);
    flood(CONN_TCP_SYN_RECV, true);
    flood(CONN_UDP_STREAM, true); /* each asks once */
}

/* RFC 7857, 2.2: those that a reset has ended stay for minutes, and give way before any that is open, however new they are. */
static void test_closed_goes_first(void **state)
{
    struct conn_table *t = table(MAX, 1);
    unsigned n_open = 0;

    for (uint32_t i = 0; i < MAX; i++) {
        bool is_open = i < MAX / 2;
        struct conn *c = make(t, 0, tuple_of(i, 1), START);

        conn_set_timer(t, c, is_open ? CONN_UDP_FIRST : CONN_TCP_SYN_SENT, START);
        if (!is_open)
            conn_set_timer(t, c, CONN_TCP_CLOSE, START + 10 * SECOND);
        conn_unlock(c);
    }
    for (uint32_t i = 0; i < MAX / 8; i++)
        conn_unlock(make(t, 0, tuple_of(MAX + i, 2), START + 10 * SECOND));
    for (uint32_t i = 0; i < MAX / 2; i++)
        n_open += has(t, tuple_of(i, 1), CONN_ORIGINAL, START + 10 * SECOND);
    assert_true(n_open > MAX / 2 - MAX / 32); /* some draws meet no closed one */
    conn_table_free(t);
}

/* Full of those that both sides use: there is no room. */
static void test_full(void **state)
{
    struct conn_table *t = table(10, 1);
    struct conn_zone_conf zone = { .limit = 3 };
    struct conn_tuple o;
    struct conn_stats st;

    assert_int_equal(conn_zone_set(t, 5, &zone), 0);
    for (uint32_t i = 0; i < 5; i++) {
        struct conn *c;

        o = tuple_of(i, 1);
        o.zone = 5;
        c = make(t, 0, o, START);
        assert_int_equal(c != NULL, i < 3);
        if (!c)
            continue;
        c->is_answered = c->is_repeated = true;
        conn_set_timer(t, c, CONN_UDP_STREAM, START);
        conn_unlock(c);
    }
    assert_int_equal(conn_zone_count(t, 5), 3);
    for (uint32_t i = 0; i < 9; i++) {
        struct conn *c = make(t, 0, tuple_of(i, 2), START);

        assert_int_equal(c != NULL, i < 7);
        if (!c)
            continue;
        c->is_answered = c->is_repeated = true;
        conn_set_timer(t, c, CONN_UDP_STREAM, START);
        conn_unlock(c);
    }
    conn_table_stats(t, &st);
    assert_int_equal(st.no_room, 2);
    assert_int_equal(st.limited, 2);
    conn_table_free(t);
}

/* Places that one worker frees are there for the others, in small tables too. */
static void test_places_are_for_all(void **state)
{
    enum { SIZES = 3, FEW = 8 };
    static const uint32_t sizes[SIZES] = { FEW, 64, 4096 };

    for (unsigned k = 0; k < SIZES; k++) {
        struct conn_table *t = table(sizes[k], 2);
        uint32_t least = sizes[k] - (sizes[k] == FEW ? 0 : sizes[k] / 8);

        for (uint32_t i = 0; i < 3 * sizes[k]; i++) { /* one makes, the other removes */
            struct conn_tuple o = tuple_of(i, 1);
            enum conn_dir dir;
            struct conn *c = make(t, 0, o, START);

            assert_non_null(c);
            c->is_answered = c->is_repeated = true;
            conn_set_timer(t, c, CONN_UDP_STREAM, START);
            conn_unlock(c);
            if (i < least - 1)
                continue;
            o = tuple_of(i - (least - 1), 1);
            conn_remove(t, 1, conn_find(t, 1, &o, START, &dir));
        }
        conn_table_free(t);
    }
}

/* What a zone with a limit pushes out is its own, also where the two look alike. */
static void test_zone_pushes_its_own(void **state)
{
    enum { ZONE = 5, ALIKE = ZONE + 32768, OF_ALIKE = 200, LIMIT = 100, TRIED = 5000 };
    struct conn_table *t = table(MAX, 1);
    struct conn_stats st;

    assert_int_equal(conn_zone_set(t, ZONE, &(struct conn_zone_conf){ .limit = LIMIT }), 0);
    for (uint32_t i = 0; i < OF_ALIKE + LIMIT + TRIED; i++) {
        struct conn_tuple o = tuple_of(i, 1);
        struct conn *c;

        o.zone = i < OF_ALIKE ? ALIKE : ZONE;
        c = make(t, 0, o, START + i);
        assert_true(c || i >= OF_ALIKE + LIMIT);
        if (c)
            conn_unlock(c);
    }
    conn_table_stats(t, &st);
    assert_in_range(st.pushed_out, TRIED / 10, TRIED);
    assert_int_equal(st.pushed_out + st.limited, TRIED);
    assert_int_equal(conn_zone_count(t, ZONE), LIMIT);
    assert_int_equal(conn_zone_count(t, ALIKE), OF_ALIKE);
    conn_table_free(t);
}

static bool doom_even(void *arg, const struct conn_info *c)
{
    if (c->tuple[0].src.lo % 2 == 0)
        conn_doom(arg, c);
    return true;
}

static void test_doom(void **state)
{
    struct conn_table *t = table(MAX, 1);

    for (uint32_t i = 0; i < 100; i++)
        conn_unlock(make(t, 0, tuple_of(i, 1), START));
    conn_for_each(t, START, doom_even, t);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(has(t, tuple_of(i, 1), CONN_ORIGINAL, START), i % 2);
    for (unsigned i = 0; i < 10; i++)
        conn_sweep(t, 0, START + SECOND);
    assert_int_equal(conn_count(t), 50);
    conn_unlock(make(t, 0, tuple_of(0, 1), START)); /* the mark was not this one's */
    assert_true(has(t, tuple_of(0, 1), CONN_ORIGINAL, START));
    conn_table_free(t);
}

/* --- several workers --- */

enum { THREADS = 3, TURNS = 30000 };

struct job {
    struct conn_table *t;
    unsigned worker;
    uint64_t n_frames;
    pthread_t thread;
};

static bool look(void *arg, const struct conn_info *c)
{
    if (c->packets[0] % 64 == 63)
        conn_doom(arg, c);
    return true;
}

/* Each makes, uses, and removes the same few connections as the others. */
static void *work(void *arg)
{
    struct job *j = arg;
    uint64_t x = j->worker + 1, now = START;

    for (unsigned i = 0; i < TURNS; i++) {
        struct conn_tuple o;
        enum conn_dir dir;
        struct conn *c;

        x = hash_mix(x + i);
        o = tuple_of((uint32_t)x % 16, (uint32_t)(x >> 32) % 4);
        now += 1 << 20;
        c = conn_find(j->t, j->worker, &o, now, &dir);
        if (!c)
            c = make(j->t, j->worker, o, now);
        if (!c)
            continue; /* another was quicker */
        c->packets[0]++;
        j->n_frames++;
        conn_set_timer(j->t, c, CONN_UDP_FIRST, now);
        if (x >> 40 & 7)
            conn_unlock(c);
        else
            conn_remove(j->t, j->worker, c);
        if (i % 64 == 0)
            conn_sweep(j->t, j->worker, now);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct conn_table *t = table(40, THREADS); /* 64 would be wanted: some are pushed out */
    struct job jobs[THREADS];
    struct conn_stats st;

    for (unsigned i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){ .t = t, .worker = i };
        assert_int_equal(pthread_create(&jobs[i].thread, NULL, work, &jobs[i]), 0);
    }
    for (unsigned i = 0; i < 300; i++)
        conn_for_each(t, START, look, t);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(jobs[i].thread, NULL), 0);
    conn_table_stats(t, &st);
    assert_int_equal(conn_count(t), st.made - st.removed);
    assert_true(conn_count(t) <= 40);
    for (unsigned w = 0; w < THREADS; w++) /* all of it can be taken out again */
        for (unsigned i = 0; i < 10; i++)
            conn_sweep(t, w, START + 100000 * SECOND + ((uint64_t)i << 28));
    assert_int_equal(conn_count(t), 0);
    conn_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_sizes),
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_no_tuple_twice),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_sweep_is_bounded),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_closed_goes_first),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_places_are_for_all),
        cmocka_unit_test(test_zone_pushes_its_own),
        cmocka_unit_test(test_doom),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

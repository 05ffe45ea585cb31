/* SPDX-License-Identifier: Apache-2.0 */
/* test_shaper.c - rates over simulated time.  The mbufs are plain memory: the shaper only looks at their lengths. */
#include "datapath/shaper.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include <cmocka.h>

#define MBIT UINT64_C(1000000)
#define MS UINT64_C(1000000)
#define START (UINT64_C(3) << 55) /* a clock that has run for three years */

enum { FRAMES = 8192, QUEUES = 4 };

static struct rte_mbuf pool[FRAMES], *unused[FRAMES];
static unsigned n_unused;

static int setup(void **state)
{
    memset(pool, 0, sizeof pool);
    for (n_unused = 0; n_unused < FRAMES; n_unused++)
        unused[n_unused] = &pool[n_unused];
    return 0;
}

static void give_back(struct rte_mbuf *m)
{
    memset(m, 0, sizeof *m);
    unused[n_unused++] = m;
}

/* Offers a frame; what is refused is thrown away. */
static bool offer(struct shaper *s, uint32_t queue, uint32_t bytes)
{
    struct rte_mbuf *m = unused[--n_unused];

    m->pkt_len = bytes;
    m->dynfield1[0] = queue;
    if (shaper_put(s, m, queue))
        return true;
    give_back(m);
    return false;
}

static void drain(struct shaper *s, uint64_t now_ns)
{
    struct rte_mbuf *m;

    for (int i = 0; i < 100000 && shaper_length(s); i++) {
        now_ns = shaper_next_ns(s) > now_ns ? shaper_next_ns(s) : now_ns;
        if (shaper_take(s, now_ns, &m, 1))
            give_back(m);
    }
    assert_int_equal(shaper_length(s), 0);
    shaper_free(s);
}

/* Keeps the queues whose frame length is not 0 full for `ms`, and says what each sent: bits per second. */
static void saturate(struct shaper *s, uint64_t *now_ns, unsigned ms, const uint32_t bytes[QUEUES],
                     uint64_t bps[QUEUES])
{
    uint64_t end = *now_ns + ms * MS, bits[QUEUES] = { 0 };
    struct rte_mbuf *m;

    while (*now_ns < end) {
        uint64_t next;

        for (uint32_t q = 0; q < QUEUES; q++)
            for (int i = 0; bytes[q] && i < 4 && offer(s, q, bytes[q]); i++)
                ;
        next = shaper_next_ns(s);
        assert_true(next != UINT64_MAX);
        if (next > *now_ns)
            *now_ns = next;
        if (shaper_take(s, *now_ns, &m, 1)) {
            bits[m->dynfield1[0]] += m->pkt_len * UINT64_C(8);
            give_back(m);
        }
    }
    for (int q = 0; q < QUEUES; q++)
        bps[q] = bits[q] * 1000 / ms;
}

static void assert_rate(const char *what, uint64_t got, uint64_t want)
{
    if (got * 100 < want * 99 || got * 100 > want * 101)
        fail_msg("%s: %llu instead of %llu bit/s", what, (unsigned long long)got, (unsigned long long)want);
}

static struct shaper *make(uint64_t port_bps, unsigned n, const struct shaper_queue_conf *queues)
{
    struct shaper_conf conf = { .max_bps = port_bps, .n_queues = n };
    struct shaper *s;

    for (unsigned i = 0; i < n; i++)
        conf.queues[i] = queues[i];
    assert_int_equal(shaper_new(&s, &conf, START), 0);
    return s;
}

static void limits(void **state)
{
    static const struct {
        uint64_t bps;
        uint32_t bytes;
        unsigned ms;
    } cases[] = {
        { MBIT, 60, 10000 },       { MBIT, 1514, 30000 },        { 17 * MBIT, 9014, 3000 },
        { 1000 * MBIT, 64, 1000 }, { 1000 * MBIT, 65000, 1000 }, { 100000 * MBIT, 65000, 1000 },
        { 64000, 1514, 1000000 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shaper *s = make(0, 1, &(struct shaper_queue_conf){ .id = 1, .max_bps = cases[i].bps });
        const uint32_t bytes[QUEUES] = { 0, cases[i].bytes };
        uint64_t now = START, bps[QUEUES];
        char what[32];

        snprintf(what, sizeof what, "case %zu", i);
        saturate(s, &now, cases[i].ms, bytes, bps);
        assert_rate(what, bps[1], cases[i].bps);
        drain(s, now);
    }
}

static void port_limit(void **state)
{
    struct shaper *s = make(50 * MBIT, 0, NULL);
    const uint32_t bytes[QUEUES] = { 1000 };
    uint64_t now = START, bps[QUEUES];

    saturate(s, &now, 2000, bytes, bps);
    assert_rate("port", bps[0], 50 * MBIT);
    drain(s, now);
}

/* Guarantees are kept whatever the others offer, and what is left is shared in proportion. */
static void guarantees(void **state)
{
    static const struct shaper_queue_conf queues[] = {
        { .id = 1, .min_bps = 30 * MBIT },
        { .id = 2, .min_bps = 10 * MBIT },
        { .id = 3, .min_bps = 20 * MBIT, .max_bps = 25 * MBIT },
    };
    struct shaper *s = make(100 * MBIT, 3, queues);
    const uint32_t three[QUEUES] = { 0, 1500, 700, 1000 }, two[QUEUES] = { 0, 64, 1500, 0 };
    const uint32_t one[QUEUES] = { 0, 0, 300, 0 };
    uint64_t now = START, bps[QUEUES];

    /* 60 are guaranteed; of 40, queue 3 takes 5, and 35 are left for 1 and 2 as 3 to 1 */
    saturate(s, &now, 3000, three, bps);
    assert_rate("all: 3", bps[3], 25 * MBIT);
    assert_rate("all: 1", bps[1], 30 * MBIT + 35 * MBIT * 3 / 4);
    assert_rate("all: 2", bps[2], 10 * MBIT + 35 * MBIT / 4);
    saturate(s, &now, 500, one, bps); /* what the others left in their queues goes out meanwhile */
    saturate(s, &now, 3000, one, bps);
    assert_rate("2 alone", bps[2], 100 * MBIT);
    saturate(s, &now, 3000, two, bps);
    assert_rate("two: 1", bps[1], 30 * MBIT + 60 * MBIT * 3 / 4);
    assert_rate("two: 2", bps[2], 10 * MBIT + 60 * MBIT / 4);
    drain(s, now);
}

/* A queue that was idle for hours, and one that was served for hours: neither starves the other. */
static void long_idle(void **state)
{
    static const struct shaper_queue_conf queues[] = { { .id = 1 }, { .id = 2 } };
    struct shaper *s = make(10 * MBIT, 2, queues);
    const uint32_t one[QUEUES] = { 0, 1500 }, both[QUEUES] = { 0, 1500, 1500 };
    uint64_t now = START, bps[QUEUES];

    saturate(s, &now, 60000, one, bps);
    assert_rate("alone", bps[1], 10 * MBIT);
    now += 10000000 * MS;
    saturate(s, &now, 200, both, bps); /* nobody looked for hours: what waited catches up */
    saturate(s, &now, 2000, both, bps);
    assert_rate("first", bps[1], 5 * MBIT);
    assert_rate("second", bps[2], 5 * MBIT);
    drain(s, now);
}

/* A frame that is still to be cut counts as the frames it will be. */
static void segments(void **state)
{
    struct shaper *s = make(100 * MBIT, 0, NULL);
    uint64_t now = START, bytes = 0, seconds_ns;
    struct rte_mbuf *m;

    while (bytes < 50000000) {
        m = unused[--n_unused];
        m->pkt_len = 54 + 43800; /* 30 segments of 1460 bytes, each with headers of 54 bytes */
        m->l2_len = 14;
        m->l3_len = 20;
        m->l4_len = 20;
        m->tso_segsz = 1460;
        m->ol_flags = RTE_MBUF_F_TX_TCP_SEG;
        if (!shaper_put(s, m, SHAPER_QUEUE_NONE))
            give_back(m);
        now = shaper_next_ns(s) > now ? shaper_next_ns(s) : now;
        if (shaper_take(s, now, &m, 1)) {
            bytes += 30 * (54 + 1460);
            give_back(m);
        }
    }
    seconds_ns = now - START;
    assert_rate("segments", bytes * 8 * 1000 * MS / seconds_ns, 100 * MBIT);
    drain(s, now);
}

/* A worker that looks only every 60 ms keeps the rate as long as frames wait. */
static void late_worker(void **state)
{
    struct shaper *s = make(30 * MBIT, 0, NULL);
    uint64_t now = START, bytes = 0;
    struct rte_mbuf *m[32];

    for (int round = 0; round < 200; round++, now += 60 * MS) {
        unsigned n;

        while (offer(s, 0, 1500))
            ;
        while ((n = shaper_take(s, now, m, 32)))
            while (n) {
                bytes += m[--n]->pkt_len;
                give_back(m[n]);
            }
    }
    assert_rate("late", bytes * 8 * 1000 * MS / (now - START), 30 * MBIT);
    drain(s, now);
}

static void bounds(void **state)
{
    struct shaper *s = make(MBIT, 1, &(struct shaper_queue_conf){ .id = 5 });
    struct shaper_stats st;
    struct rte_mbuf *m;
    unsigned n_frames = 0, n_bytes = 0;

    while (offer(s, 5, 60))
        n_frames++;
    while (offer(s, 0, 9000))
        n_bytes += 9000;
    assert_in_range(n_frames, 1000, 1024);
    assert_in_range(n_bytes, 250000, 262144);
    assert_int_equal(shaper_queue_stats(s, 5, &st), 0);
    assert_int_equal(st.tx_dropped, 1);
    assert_int_equal(st.tx_packets, 0);
    assert_int_equal(shaper_queue_stats(s, 6, &st), -ENOENT);
    assert_true(shaper_next_ns(s) <= START);
    assert_int_equal(shaper_take(s, START, &m, 1), 1);
    give_back(m);
    assert_int_equal(shaper_queue_stats(s, 0, &st), 0);
    assert_int_equal(st.tx_packets, 1);
    assert_int_equal(st.tx_bytes, 9000);
    drain(s, START);
}

/* A clock that stands still, or a frame when nothing was sent for long: no more than the bucket at once. */
static void bursts(void **state)
{
    struct shaper *s = make(8 * MBIT, 0, NULL);
    struct rte_mbuf *m[64];
    unsigned n;

    for (int i = 0; i < 64; i++)
        assert_true(offer(s, 0, 1000));
    n = shaper_take(s, START + 3600000 * MS, m, 64); /* 8 ms at 8 Mbit/s are 8000 bytes */
    assert_in_range(n, 8, 9);
    for (unsigned i = 0; i < n; i++)
        give_back(m[i]);
    assert_int_equal(shaper_take(s, START + 3600000 * MS, m, 64), 0);
    assert_int_equal(shaper_take(s, START, m, 64), 0); /* backwards: as if it stood still */
    assert_true(shaper_next_ns(s) > START + 3600000 * MS);
    drain(s, START + 3600000 * MS);
}

static void refusals(void **state)
{
    static const struct {
        const char *name;
        struct shaper_conf conf;
    } cases[] = {
        { "port too fast", { .max_bps = SHAPER_RATE_MAX + 1 } },
        { "queue too fast", { .n_queues = 1, .queues = { { .id = 1, .max_bps = SHAPER_RATE_MAX + 1 } } } },
        { "twice", { .n_queues = 2, .queues = { { .id = 7 }, { .id = 7 } } } },
        { "least above most", { .n_queues = 1, .queues = { { .id = 1, .min_bps = 2, .max_bps = 1 } } } },
        { "no id", { .n_queues = 1, .queues = { { .id = SHAPER_QUEUE_NONE } } } },
        { "too many", { .n_queues = SHAPER_QUEUES_MAX + 1 } },
    };
    struct shaper *s;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (shaper_new(&s, &cases[i].conf, 0) != -EINVAL)
            fail_msg("%s", cases[i].name);
    shaper_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(limits, setup),
        cmocka_unit_test_setup(port_limit, setup),
        cmocka_unit_test_setup(guarantees, setup),
        cmocka_unit_test_setup(long_idle, setup),
        cmocka_unit_test_setup(segments, setup),
        cmocka_unit_test_setup(bounds, setup),
        cmocka_unit_test_setup(late_worker, setup),
        cmocka_unit_test_setup(bursts, setup),
        cmocka_unit_test(refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

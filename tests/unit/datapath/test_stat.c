/* SPDX-License-Identifier: Apache-2.0 */
/* test_stat.c - slots of statistics: given out once, summed over shards, zero when given again. */
#include "datapath/stat.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void sums_shards(void **state)
{
    struct stat_pool *pool;
    struct rule_stat sum;
    uint32_t a, b;

    (void)state;
    assert_int_equal(stat_pool_new(&pool, 3), 0);
    assert_int_equal(stat_alloc(pool, &a), 0);
    assert_int_equal(stat_alloc(pool, &b), 0);
    assert_int_not_equal(a, b);
    stat_add(stat_pool_shard(pool, 0), a, 1, 60, 700);
    stat_add(stat_pool_shard(pool, 1), a, 2, 3000, 900);
    stat_add(stat_pool_shard(pool, 1), a, 5, 500, 850); /* time does not go back */
    stat_add(stat_pool_shard(pool, 2), b, 11, 13, 17);
    stat_read(pool, a, &sum);
    assert_int_equal(sum.packets, 8);
    assert_int_equal(sum.bytes, 3560);
    assert_int_equal(sum.used_ns, 900);
    stat_read(pool, b, &sum);
    assert_int_equal(sum.packets, 11);
    assert_int_equal(sum.bytes, 13);
    assert_int_equal(sum.used_ns, 17);

    uint32_t again;

    stat_free(pool, a);
    assert_int_equal(stat_pool_count(pool), 1);
    assert_int_equal(stat_alloc(pool, &again), 0);
    assert_int_equal(again, a);
    stat_read(pool, again, &sum);
    assert_int_equal(sum.packets | sum.bytes | sum.used_ns, 0);
    stat_pool_free(pool);
    stat_pool_free(NULL);
}

static void many_slots(void **state)
{
    enum { N = 3 * STAT_CHUNK_SLOTS + 5 };
    uint32_t *slots = calloc(N, sizeof *slots);
    unsigned char *is_seen = calloc(N, 1);
    struct stat_pool *pool;
    struct rule_stat sum;

    (void)state;
    assert_true(slots && is_seen);
    assert_int_equal(stat_pool_new(&pool, 2), 0);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < N; i++) {
            assert_int_equal(stat_alloc(pool, &slots[i]), 0);
            assert_in_range(slots[i], 0, N - 1);
            assert_int_equal(is_seen[slots[i]]++, round);
            stat_add(stat_pool_shard(pool, i % 2), slots[i], i, 2 * i, 3 * i);
        }
        for (unsigned i = 0; i < N; i++) {
            stat_read(pool, slots[i], &sum);
            assert_true(sum.packets == i && sum.bytes == 2 * i && sum.used_ns == 3 * i);
        }
        assert_int_equal(stat_pool_count(pool), N);
        for (unsigned i = 0; i < N; i++)
            stat_free(pool, slots[i]);
        assert_int_equal(stat_pool_count(pool), 0);
    }
    stat_pool_free(pool);
    free(slots);
    free(is_seen);
}

enum { ADDS = 20000, WORKERS = 2 };

struct worker {
    struct stat_shard *shard;
    pthread_t thread;
};

static void *add(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 1; i <= ADDS; i++)
        stat_add(w->shard, 0, 1, 100, i);
    return NULL;
}

static void reads_while_workers_add(void **state)
{
    struct worker workers[WORKERS];
    struct stat_pool *pool;
    struct rule_stat sum = { 0 };
    uint32_t slot;

    (void)state;
    assert_int_equal(stat_pool_new(&pool, WORKERS), 0);
    assert_int_equal(stat_alloc(pool, &slot), 0);
    assert_int_equal(slot, 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i].shard = stat_pool_shard(pool, i);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, add, &workers[i]), 0);
    }
    for (uint64_t before = 0; sum.packets < ADDS; before = sum.packets) {
        stat_read(pool, slot, &sum);
        assert_true(sum.packets >= before);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    stat_read(pool, slot, &sum);
    assert_int_equal(sum.packets, WORKERS * ADDS);
    assert_int_equal(sum.bytes, WORKERS * ADDS * 100);
    assert_int_equal(sum.used_ns, ADDS);
    stat_pool_free(pool);
}

static void refuses_no_shards(void **state)
{
    struct stat_pool *pool;

    (void)state;
    assert_int_equal(stat_pool_new(&pool, 0), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_shards),
        cmocka_unit_test(many_slots),
        cmocka_unit_test(reads_while_workers_add),
        cmocka_unit_test(refuses_no_shards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

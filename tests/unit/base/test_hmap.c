/* SPDX-License-Identifier: Apache-2.0 */
/* test_hmap.c - base/hmap.h. */
#include "base/hmap.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { N = 1000 };

struct item {
    uint32_t v;
    struct hmap_link link;
};

static struct item *find(const struct hmap *m, uint32_t v, uint32_t hash)
{
    for_each_hmap_hash (struct item, it, m, hash, link)
        if (it->v == v)
            return it;
    return NULL;
}

static uint64_t sum(const struct hmap *m)
{
    uint64_t s = 0;

    for_each_hmap (struct item, it, m, link)
        s += it->v;
    return s;
}

/* `shift` makes hashes collide: all items of one hash, few hashes, no collision. */
static void fill_and_empty(unsigned shift)
{
    static struct item items[N];
    struct hmap m = { 0 };

    assert_null(find(&m, 1, 1));
    assert_null(hmap_next(&m, NULL));
    for (uint32_t i = 0; i < N; i++) {
        items[i].v = i;
        hmap_insert(&m, &items[i].link, (uint32_t)((uint64_t)hash_bytes(&i, sizeof i, 7) >> shift));
        assert_int_equal(m.n, i + 1);
    }
    assert_int_equal(sum(&m), N * (N - 1) / 2);
    for (uint32_t i = 0; i < N; i++)
        assert_ptr_equal(find(&m, i, items[i].link.hash), &items[i]);
    for_each_hmap_safe (struct item, it, next, &m, link)
        if (it->v % 2)
            hmap_remove(&m, &it->link);
    assert_int_equal(m.n, N / 2);
    assert_null(find(&m, 3, items[3].link.hash));
    assert_ptr_equal(find(&m, 4, items[4].link.hash), &items[4]);
    for (uint32_t i = 0; i < N; i += 2)
        hmap_remove(&m, &items[i].link);
    assert_int_equal(m.n, 0);
    assert_null(hmap_next(&m, NULL));
    hmap_fini(&m);
    assert_null(hmap_next(&m, NULL));
}

static void spread(void **state)
{
    fill_and_empty(0);
}

static void colliding(void **state)
{
    fill_and_empty(28);
    fill_and_empty(32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spread),
        cmocka_unit_test(colliding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

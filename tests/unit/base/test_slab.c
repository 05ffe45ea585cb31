/* SPDX-License-Identifier: Apache-2.0 */
/* test_slab.c - base/slab.h. */
#include "base/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { N = 20000, ROUNDS = 300000 };

struct object {
    uint8_t *p;
    size_t size;
    uint8_t byte; /* all of its bytes */
};

static struct object objects[N];

static uint32_t random_of(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void give(struct slab_pool *s, struct object *o, uint32_t *seed)
{
    o->size = random_of(seed) % 16 ? random_of(seed) % 512 : random_of(seed) % (3 * SLAB_MAX);
    o->byte = (uint8_t)random_of(seed);
    o->p = slab_alloc(s, o->size);
    assert_non_null(o->p);
    assert_int_equal((uintptr_t)o->p % 16, 0);
    memset(o->p, o->byte, o->size);
}

static void take(struct slab_pool *s, struct object *o)
{
    for (size_t i = 0; i < o->size; i++)
        assert_int_equal(o->p[i], o->byte);
    slab_free(s, o->p);
    o->p = NULL;
}

/* Objects of many sizes come and go in no order; none touches another. */
static void objects_are_apart(void **state)
{
    struct slab_pool s;
    uint32_t seed = 7;

    slab_init(&s);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct object *o = &objects[random_of(&seed) % N];

        if (o->p)
            take(&s, o);
        else
            give(&s, o, &seed);
    }
    for (unsigned i = 0; i < N; i++)
        if (objects[i].p)
            take(&s, &objects[i]);
    assert_in_range(s.n_blocks, 0, 1);
    slab_free(&s, NULL);
    slab_fini(&s);
}

/* What many objects took is given back but for one block, in whatever order they go, and serves other sizes. */
static void blocks_are_given_back(void **state)
{
    struct slab_pool s;

    slab_init(&s);
    for (size_t size = 100; size < 1000; size += 300) {
        for (unsigned i = 0; i < N; i++)
            assert_non_null(objects[i].p = slab_alloc(&s, size));
        assert_in_range(s.n_blocks, N * size >> 21, (N * size >> 21) * 5 / 4 + 2);
        for (unsigned i = 0; i < N; i++)
            slab_free(&s, objects[(i * 7919) % N].p);
        assert_int_equal(s.n_blocks, 1);
    }
    slab_fini(&s);
}

/* Freed and wanted again at the edge of a block, it is not mapped again each time. */
static void one_block_is_kept(void **state)
{
    struct slab_pool s;
    void *first, *again;

    slab_init(&s);
    first = slab_alloc(&s, 64);
    for (unsigned i = 0; i < 10; i++) {
        slab_free(&s, first);
        assert_int_equal(s.n_blocks, 1);
        again = slab_alloc(&s, 64);
        assert_ptr_equal(again, first);
    }
    slab_free(&s, first);
    slab_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_apart),
        cmocka_unit_test(blocks_are_given_back),
        cmocka_unit_test(one_block_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

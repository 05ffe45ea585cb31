/* SPDX-License-Identifier: Apache-2.0 */
/* test_list.c - base/list.h. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

struct item {
    int v;
    struct list link;
};

static int digits(struct list *head)
{
    int all = 0;

    for_each_list (struct item, it, head, link)
        all = all * 10 + it->v;
    return all;
}

static void insert_and_walk(void **state)
{
    struct item items[] = { { .v = 1 }, { .v = 2 }, { .v = 3 }, { .v = 4 } };
    struct list head;

    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_int_equal(digits(&head), 0);
    assert_null(list_first(&head, struct item, link));
    list_push_back(&head, &items[0].link);
    list_push_back(&head, &items[1].link);
    list_push_front(&head, &items[2].link);
    list_insert(&items[1].link, &items[3].link);
    assert_int_equal(digits(&head), 3142);
    assert_int_equal(list_count(&head), 4);
    assert_ptr_equal(list_first(&head, struct item, link), &items[2]);
    assert_ptr_equal(list_last(&head, struct item, link), &items[1]);
}

static void remove_while_walking(void **state)
{
    struct item items[6];
    struct list head, other;

    list_init(&head);
    list_init(&other);
    for (int i = 0; i < 6; i++) {
        items[i].v = i + 1;
        list_push_back(&head, &items[i].link);
    }
    for_each_list_safe (struct item, it, next, &head, link)
        if (it->v % 2)
            list_remove(&it->link);
    assert_int_equal(digits(&head), 246);
    list_remove(&items[0].link);
    assert_int_equal(digits(&head), 246);

    list_push_back(&other, &items[0].link);
    list_splice(&other, &head);
    assert_int_equal(digits(&other), 1246);
    assert_true(list_is_empty(&head));
    list_splice(&other, &head);
    assert_int_equal(digits(&other), 1246);
}

static void loops_can_be_left(void **state)
{
    struct item items[3];
    struct list head;
    int seen = 0;

    list_init(&head);
    for (int i = 0; i < 3; i++) {
        items[i].v = i;
        list_push_back(&head, &items[i].link);
    }
    for_each_list (struct item, it, &head, link) {
        if (it->v == 0)
            continue;
        seen++;
        break;
    }
    for_each_list_safe (struct item, it, next, &head, link) {
        if (it->v == 0)
            continue;
        seen++;
        break;
    }
    assert_int_equal(seen, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(insert_and_walk),
        cmocka_unit_test(remove_while_walking),
        cmocka_unit_test(loops_can_be_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

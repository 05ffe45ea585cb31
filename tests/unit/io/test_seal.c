/* SPDX-License-Identifier: Apache-2.0 */
/* test_seal.c - io/seal.c. */
#include "io/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* RFC 4231, test case 1, whose key is shorter: zeros behind it change nothing (RFC 2104, 2). */
static void is_hmac(void **state)
{
    static const uint8_t want[SEAL_SIZE] = { 0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53,
                                             0x5c, 0xa8, 0xaf, 0xce, 0xaf, 0x0b, 0xf1, 0x2b };
    struct seal s = { { 0 } };
    uint8_t mark[SEAL_SIZE];

    memset(s.key, 0x0b, 20);
    assert_int_equal(seal_make(&s, "Hi There", 8, mark), 0);
    assert_memory_equal(mark, want, sizeof want);
    assert_true(seal_is_good(&s, "Hi There", 8, want));
}

static void knows_its_own(void **state)
{
    struct seal a, b;
    uint8_t mark[SEAL_SIZE];

    assert_int_equal(seal_init(&a), 0);
    assert_int_equal(seal_init(&b), 0);
    assert_int_equal(seal_make(&a, "bytes", 5, mark), 0);
    assert_true(seal_is_good(&a, "bytes", 5, mark));
    assert_false(seal_is_good(&b, "bytes", 5, mark));
    assert_false(seal_is_good(&a, "bytes", 4, mark));
    assert_false(seal_is_good(&a, "Bytes", 5, mark));
    for (unsigned bit = 0; bit < SEAL_SIZE * 8; bit++) {
        mark[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(seal_is_good(&a, "bytes", 5, mark));
        mark[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(is_hmac), cmocka_unit_test(knows_its_own) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

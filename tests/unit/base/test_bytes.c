/* SPDX-License-Identifier: Apache-2.0 */
/* test_bytes.c - base/bytes.h: cursors that remember failure, and base/hash.h over the same bytes. */
#include "base/bytes.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void writes_and_reads(void **state)
{
    static const uint8_t want[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 'x', 'y' };
    struct wr w;

    wr_init(&w);
    wr_u8(&w, 1);
    wr_u16(&w, 0);
    wr_u32(&w, 0x04050607);
    wr_u64(&w, UINT64_C(0x08090a0b0c0d0e0f));
    wr_zero(&w, 2);
    wr_bytes(&w, "xy", 2);
    wr_patch_u16(&w, 1, 0x0203);
    assert_false(w.bad);
    assert_int_equal(w.len, sizeof want);
    assert_memory_equal(w.p, want, sizeof want);

    struct rd r = rd_init(w.p, w.len);

    assert_int_equal(rd_u8(&r), 1);
    assert_int_equal(rd_u16(&r), 0x0203);
    assert_int_equal(rd_u32(&r), 0x04050607);
    assert_int_equal(rd_u64(&r), UINT64_C(0x08090a0b0c0d0e0f));
    rd_skip(&r, 2);
    assert_memory_equal(rd_bytes(&r, 2), "xy", 2);
    assert_false(r.bad);
    assert_int_equal(r.left, 0);

    size_t len;
    uint8_t *p = wr_take(&w, &len);

    assert_int_equal(len, sizeof want);
    assert_int_equal(w.len, 0);
    free(p);
    wr_fini(&w);
}

/* Each read at each length that is too short: zeros, and the reader stays bad. */
static void too_short(void **state)
{
    static const uint8_t bytes[8] = { 9, 9, 9, 9, 9, 9, 9, 9 };

    for (size_t n = 0; n < 8; n++) {
        uint8_t out[8] = { 7, 7, 7, 7, 7, 7, 7, 7 };
        struct rd r = rd_init(bytes, n);

        assert_int_equal(rd_u64(&r), 0);
        assert_true(r.bad);
        assert_int_equal(rd_u8(&r), 0);
        r = rd_init(bytes, n);
        assert_int_equal(rd_u32(&r), n < 4 ? 0 : 0x09090909);
        assert_int_equal(r.bad, n < 4);
        r = rd_init(bytes, n);
        assert_int_equal(rd_u16(&r), n < 2 ? 0 : 0x0909);
        assert_int_equal(r.bad, n < 2);
        r = rd_init(bytes, n);
        rd_copy(&r, out, 8);
        assert_true(r.bad);
        assert_int_equal(out[0] | out[7], 0);
        r = rd_init(bytes, n);

        struct rd sub = rd_sub(&r, 8);

        assert_true(sub.bad);
        assert_int_equal(sub.left, 0);
    }
}

static void part_of_a_reader(void **state)
{
    static const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
    struct rd r = rd_init(bytes, sizeof bytes), sub = rd_sub(&r, 3);

    assert_int_equal(sub.left, 3);
    assert_int_equal(r.left, 2);
    assert_int_equal(rd_u16(&sub), 0x0102);
    assert_int_equal(rd_u16(&sub), 0);
    assert_true(sub.bad);
    assert_false(r.bad);
    assert_int_equal(rd_u8(&r), 4);
}

static void grows_a_lot(void **state)
{
    struct wr w;

    wr_init(&w);
    for (uint32_t i = 0; i < 100000; i++)
        wr_u32(&w, i);
    assert_int_equal(w.len, 400000);

    struct rd r = rd_init(w.p, w.len);

    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(rd_u32(&r), i);
    wr_reset(&w);
    assert_int_equal(w.len, 0);
    wr_fini(&w);
    wr_fini(NULL);
}

static void hashes_spread(void **state)
{
    static unsigned buckets[256];
    uint8_t text[16] = "sixteen bytes...";

    for (uint32_t i = 0; i < 65536; i++)
        buckets[hash_bytes(&i, sizeof i, 3) & 255]++;
    for (int i = 0; i < 256; i++)
        assert_in_range(buckets[i], 128, 512); /* 256 on average */
    for (size_t n = 1; n < sizeof text; n++) {
        assert_int_not_equal(hash_bytes(text, n, 1), hash_bytes(text, n - 1, 1));
        assert_int_not_equal(hash_bytes(text, n, 1), hash_bytes(text, n, 2));
        assert_int_equal(hash_bytes(text, n, 1), hash_bytes(text, n, 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads), cmocka_unit_test(too_short),     cmocka_unit_test(part_of_a_reader),
        cmocka_unit_test(grows_a_lot),      cmocka_unit_test(hashes_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

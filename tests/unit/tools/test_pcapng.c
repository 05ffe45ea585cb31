/* SPDX-License-Identifier: Apache-2.0 */
/* test_pcapng.c - tools/pcapng.h: blocks and frames, every length that is not true, and every cut. */
#include "tools/pcapng.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { LEN = 68, CAPTURED = 5 };

static void put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static void put16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}

/* A frame of 5 of 77 bytes, sent, 9 lost before it. */
static void make(uint8_t b[LEN])
{
    memset(b, 0, LEN);
    put32(b, PCAPNG_FRAME);
    put32(b + 4, LEN);
    put32(b + 12, 3);
    put32(b + 16, 4);
    put32(b + 20, CAPTURED);
    put32(b + 24, 77);
    memcpy(b + 28, "frame", CAPTURED);
    put16(b + 36, 2);
    put16(b + 38, 4);
    put32(b + 40, 2);
    put16(b + 44, 4);
    put16(b + 46, 8);
    put32(b + 48, 9);
    put32(b + 64, LEN);
}

static void good_frame(void **state)
{
    uint8_t b[LEN];
    struct pcapng_frame f;
    uint32_t type = 0;

    make(b);
    assert_int_equal(pcapng_block(b, LEN, &type), LEN);
    assert_int_equal(type, PCAPNG_FRAME);
    assert_int_equal(pcapng_frame(&f, b, LEN), 0);
    assert_int_equal(f.time_ns, UINT64_C(0x300000004));
    assert_int_equal(f.direction, FRAME_TX);
    assert_int_equal(f.n, CAPTURED);
    assert_int_equal(f.len, 77);
    assert_int_equal(f.n_lost, 9);
    assert_memory_equal(f.p, "frame", CAPTURED);
}

static void cuts(void **state)
{
    uint8_t b[LEN];
    uint32_t type;

    make(b);
    for (size_t n = 0; n < LEN; n++)
        assert_int_equal(pcapng_block(b, n, &type), 0);
}

static void bad_blocks(void **state)
{
    static const uint32_t lengths[] = { 0, 8, 11, 13, 70, PCAPNG_BLOCK_MAX + 4, UINT32_MAX };
    uint8_t b[LEN];
    uint32_t type;

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        make(b);
        put32(b + 4, lengths[i]);
        assert_int_equal(pcapng_block(b, LEN, &type), -EBADMSG);
    }
    make(b);
    put32(b + 64, LEN - 4); /* the second length is another one */
    assert_int_equal(pcapng_block(b, LEN, &type), -EBADMSG);
}

static void bad_frames(void **state)
{
    uint8_t b[LEN];
    struct pcapng_frame f;

    make(b);
    assert_int_equal(pcapng_frame(&f, b, 28), -EBADMSG);
    put32(b + 20, LEN - 32 + 1); /* more than there is */
    assert_int_equal(pcapng_frame(&f, b, LEN), -EBADMSG);
    put32(b + 20, UINT32_MAX - 1);
    assert_int_equal(pcapng_frame(&f, b, LEN), -EBADMSG);
    make(b);
    put16(b + 46, 60); /* an option that is longer than the block */
    assert_int_equal(pcapng_frame(&f, b, LEN), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(good_frame), cmocka_unit_test(cuts),
                                        cmocka_unit_test(bad_blocks), cmocka_unit_test(bad_frames) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

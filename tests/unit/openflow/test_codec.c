/* SPDX-License-Identifier: Apache-2.0 */
/* test_codec.c - every message there and back again; cut off and with wrong bytes it is refused or understood, but nothing
 * outside it is read (run under a sanitizer, each input lies in a block of its own). */
#include "openflow/ofp.h"
#include "tests/support/ofp_random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 300, DAMAGED_ROUNDS = 10 };

static struct wr encoded(const struct ofp_msg *m)
{
    struct wr w;

    wr_init(&w);
    ofp_encode(&w, m);
    assert_false(w.bad);
    return w;
}

static void there_and_back(const struct ofp_msg *m, struct arena *a)
{
    struct wr w = encoded(m), again;
    struct str before = { 0 }, after = { 0 };
    struct ofp_msg got;
    struct ofp_err e;

    ofp_print(&before, m);
    if (ofp_decode(&got, a, w.p, w.len, &e))
        fail_msg("error %u/%u for %s", e.type, e.code, str_text(&before));
    ofp_print(&after, &got);
    assert_string_equal(str_text(&before), str_text(&after));
    again = encoded(&got);
    assert_int_equal(w.len, again.len);
    assert_memory_equal(w.p, again.p, w.len);
    str_fini(&before);
    str_fini(&after);
    wr_fini(&w);
    wr_fini(&again);
}

static void round_trips(void **state)
{
    struct arena a;
    struct ofp_random r = { .seed = 1, .arena = &a };

    (void)state;
    arena_init(&a);
    for (size_t t = 0; t < ofp_type_names.n_values; t++) {
        for (int i = 0; i < ROUNDS; i++) {
            struct ofp_msg m;

            ofp_random(&m, (enum ofp_type)ofp_type_names.values[t].value, &r);
            there_and_back(&m, &a);
            arena_reset(&a);
        }
    }
    arena_fini(&a);
}

/* Decodes a copy in a block of exactly its size; what is refused is refused with an error that has a name. */
static void decode_copy(const uint8_t *p, size_t n, struct arena *a)
{
    uint8_t *copy = malloc(n ? n : 1);
    struct str s = { 0 };
    struct ofp_msg m;
    struct ofp_err e;
    char name[64];
    int rc;

    assert_non_null(copy);
    memcpy(copy, p, n);
    rc = ofp_decode(&m, a, copy, n, &e);
    if (rc) {
        assert_int_equal(rc, -EBADMSG);
        assert_non_null(ofp_err_name(e.type, e.code, name));
    } else {
        ofp_print(&s, &m);
        assert_false(s.bad);
    }
    str_fini(&s);
    free(copy);
    arena_reset(a);
}

/* Cuts the message off at every length, with the header telling the truth and not; replaces every 16-bit word (every
 * length among them) by values that lengths are wrong with. */
static void damage(const struct ofp_msg *m, struct arena *a)
{
    static const uint16_t words[] = { 0, 1, 3, 4, 7, 8, 9, 16, 0x7fff, 0xfff8, 0xffff };
    struct wr w = encoded(m);

    for (size_t n = 0; n < w.len; n++) {
        decode_copy(w.p, n, a);
        if (n < 8)
            continue;
        be16_store(w.p + 2, (uint16_t)n);
        decode_copy(w.p, n, a);
        be16_store(w.p + 2, (uint16_t)w.len);
    }
    for (size_t at = 4; at + 2 <= w.len; at += 2) {
        uint16_t was = be16_load(w.p + at);

        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            be16_store(w.p + at, words[i]);
            decode_copy(w.p, w.len, a);
        }
        be16_store(w.p + at, (uint16_t)(was + 1));
        decode_copy(w.p, w.len, a);
        be16_store(w.p + at, (uint16_t)(was - 1));
        decode_copy(w.p, w.len, a);
        be16_store(w.p + at, was);
    }
    wr_fini(&w);
}

static void damaged_messages(void **state)
{
    struct arena a, keep;
    struct ofp_random r = { .seed = 2, .arena = &keep };

    (void)state;
    arena_init(&a);
    arena_init(&keep);
    for (size_t t = 0; t < ofp_type_names.n_values; t++) {
        for (int i = 0; i < DAMAGED_ROUNDS; i++) {
            struct ofp_msg m;

            ofp_random(&m, (enum ofp_type)ofp_type_names.values[t].value, &r);
            damage(&m, &a);
            arena_reset(&keep);
        }
    }
    arena_fini(&keep);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(damaged_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_dns64.c - controller/dns64.h: which answers are made into which (RFC 6147), and messages that are none. */
#include "controller/dns64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/dns.h"

enum { A = 1, CNAME = 5, SOA = 6, TXT = 16, AAAA = 28, OPT = 41, SIZE = 2048 };

static const struct ip_addr prefix = { .family = 6, .prefix_len = 96, .bytes = { 0x00, 0x64, 0xff, 0x9b } };

/* www.example */
static const uint8_t www[] = "\3www\7example";

struct message {
    uint8_t bytes[SIZE];
    size_t n;
};

static void put(struct message *m, const void *p, size_t n)
{
    memcpy(m->bytes + m->n, p, n);
    m->n += n;
}

static void put_u16(struct message *m, unsigned v)
{
    be16_store(m->bytes + m->n, (uint16_t)v);
    m->n += 2;
}

static struct message begin(unsigned flags, unsigned type)
{
    struct message m = { .n = 0 };

    put_u16(&m, 0xbeef);
    put_u16(&m, flags);
    put_u16(&m, 1);
    put(&m, "\0\0\0\0\0", 6);
    put(&m, www, sizeof www);
    put_u16(&m, type);
    put_u16(&m, 1);
    return m;
}

static void opt(struct message *m, unsigned flags)
{
    put(m, "", 1);
    put_u16(m, OPT);
    put_u16(m, 4096);
    put_u16(m, 0);
    put_u16(m, flags);
    put_u16(m, 0);
    be16_store(m->bytes + 10, 1);
}

/* `count_at`: of the section that the record belongs to; `owner`: a pointer. */
static void record(struct message *m, size_t count_at, const void *owner, unsigned type, unsigned ttl_s,
                   const void *data, size_t n)
{
    put(m, owner, 2);
    put_u16(m, type);
    put_u16(m, 1);
    put_u16(m, ttl_s >> 16);
    put_u16(m, ttl_s & 0xffff);
    put_u16(m, (unsigned)n);
    put(m, data, n);
    be16_store(m->bytes + count_at, (uint16_t)(be16_load(m->bytes + count_at) + 1));
}

#define IN_ANSWER(m_, type_, ttl_, data_) record(m_, 6, "\xc0\x0c", type_, ttl_, data_, sizeof(data_) - 1)

static void test_asked(void **state)
{
    struct message m = begin(0x0100, AAAA);

    assert_true(dns64_is_asked(m.bytes, m.n));
    opt(&m, 0x8000);
    assert_true(dns64_is_asked(m.bytes, m.n));
    be16_store(m.bytes + 2, 0x0110); /* RFC 6147, 5.5: CD and DO */
    assert_false(dns64_is_asked(m.bytes, m.n));
    m = begin(0x0110, AAAA);
    assert_true(dns64_is_asked(m.bytes, m.n));
    m = begin(0x0100, A);
    assert_false(dns64_is_asked(m.bytes, m.n));
    dns64_ask(m.bytes, m.n, 6);
    assert_true(dns64_is_asked(m.bytes, m.n));
    dns64_ask(m.bytes, m.n, 4);
    assert_int_equal(be16_load(m.bytes + m.n - 4), A);
}

static void test_empty(void **state)
{
    struct message q = begin(0x0100, AAAA), m = begin(0x8180, AAAA);
    uint32_t ttl_s;

    assert_true(dns64_is_empty(q.bytes, q.n, m.bytes, m.n, &ttl_s));
    assert_int_equal(ttl_s, DNS64_TTL_S);
    record(&m, 8, "\xc0\x0c", SOA, 77, "x", 1);
    assert_true(dns64_is_empty(q.bytes, q.n, m.bytes, m.n, &ttl_s));
    assert_int_equal(ttl_s, 77);
    m = begin(0x8180, AAAA);
    IN_ANSWER(&m, CNAME, 5, "\5other\xc0\x0c");
    IN_ANSWER(&m, AAAA, 5, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1"); /* 5.1.4 */
    assert_true(dns64_is_empty(q.bytes, q.n, m.bytes, m.n, &ttl_s));
    IN_ANSWER(&m, AAAA, 5, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
    assert_false(dns64_is_empty(q.bytes, q.n, m.bytes, m.n, &ttl_s));
    m = begin(0x8183, AAAA); /* NXDOMAIN: 5.1.2 */
    assert_false(dns64_is_empty(q.bytes, q.n, m.bytes, m.n, &ttl_s));
    m = begin(0x8380, AAAA); /* cut short: nobody knows */
    assert_false(dns64_is_empty(q.bytes, q.n, m.bytes, m.n, &ttl_s));
}

/* Records by pointers into others; the name on the way stays, and addresses that do not live longer than the lack of others. */
static void test_answer(void **state)
{
    static const uint8_t want[] =
        "\xc0\x0c\0\5\0\1\0\0\0\x14\0\x13\5other\3www\7example\0"
        "\5other\3www\7example\0\0\x1c\0\1\0\0\0\x1e\0\x10\0\x64\xff\x9b\0\0\0\0\0\0\0\0\xc0\0\2\x21"
        "\5other\3www\7example\0\0\x1c\0\1\0\0\0\x0a\0\x10\0\x64\xff\x9b\0\0\0\0\0\0\0\0\xc0\0\2\x22";
    struct message q = begin(0x0100, AAAA), m = begin(0x8180, A);
    uint8_t there[2];
    struct wr w;

    opt(&q, 0);
    IN_ANSWER(&m, CNAME, 20, "\5other\xc0\x0c");
    be16_store(there, (uint16_t)(0xc000 | (m.n - 8)));
    record(&m, 6, there, A, 300, "\xc0\0\2\x21", 4);
    record(&m, 6, there, TXT, 300, "\3abc", 4);
    record(&m, 6, there, A, 10, "\xc0\0\2\x22", 4);
    wr_init(&w);
    assert_true(dns64_answer(&w, q.bytes, q.n, m.bytes, m.n, &prefix, 30));
    assert_int_equal(be16_load(w.p), 0xbeef);
    assert_int_equal(be16_load(w.p + 2), 0x8180);
    assert_int_equal(be16_load(w.p + 6), 3);
    assert_int_equal(be16_load(w.p + 10), 1); /* EDNS, as it was asked with */
    assert_memory_equal(w.p + 12, q.bytes + 12, sizeof www + 4);
    assert_memory_equal(w.p + 12 + sizeof www + 4, want, sizeof want - 1);
    assert_int_equal(w.len, 12 + sizeof www + 4 + sizeof want - 1 + 11);
    wr_fini(&w);
}

static void test_none(void **state)
{
    struct message q = begin(0x0100, AAAA), m = begin(0x8180, A);
    struct wr w;

    wr_init(&w);
    assert_false(dns64_answer(&w, q.bytes, q.n, m.bytes, m.n, &prefix, 30));
    IN_ANSWER(&m, CNAME, 20, "\5other\xc0\x0c");
    assert_false(dns64_answer(&w, q.bytes, q.n, m.bytes, m.n, &prefix, 30));
    m = begin(0x8182, A);
    assert_false(dns64_answer(&w, q.bytes, q.n, m.bytes, m.n, &prefix, 30));
    assert_int_equal(w.len, 0);
    wr_fini(&w);
}

/* Without EDNS 512 bytes: 17 addresses at most. */
static void test_too_many(void **state)
{
    struct message q = begin(0x0100, AAAA), m = begin(0x8180, A);
    struct wr w;

    for (unsigned i = 0; i < 20; i++)
        IN_ANSWER(&m, A, 300, "\xc0\0\2\x21");
    wr_init(&w);
    assert_true(dns64_answer(&w, q.bytes, q.n, m.bytes, m.n, &prefix, 30));
    assert_true(w.len <= 512);
    assert_int_equal(be16_load(w.p + 2), 0x8380);
    assert_int_equal(be16_load(w.p + 6), 17);
    wr_fini(&w);
}

/* Bytes that are wrong, in a message of just that size; pointers that lead nowhere or in a circle. */
static void test_random(void **state)
{
    struct message q = begin(0x0100, AAAA), good = begin(0x8180, A);
    uint64_t seed = 5;

    opt(&q, 0);
    IN_ANSWER(&good, CNAME, 20, "\5other\xc0\x0c");
    IN_ANSWER(&good, A, 300, "\xc0\0\2\x21");
    record(&good, 8, "\xc0\x0c", SOA, 77, "x", 1);
    for (unsigned i = 0; i < 200000; i++) {
        size_t n = good.n - (i % 3 ? 0 : seed >> 20 & 63);
        uint8_t *exact = malloc(n);
        uint32_t ttl_s;
        struct wr w;

        memcpy(exact, good.bytes, n);
        for (unsigned k = 0; k < i % 4; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            exact[6 + (seed >> 33) % (n - 6)] = (uint8_t)(seed >> 60 & 1 ? 0xc0 : seed >> 40);
        }
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        wr_init(&w);
        (void)dns64_is_empty(q.bytes, q.n, exact, n, &ttl_s);
        if (dns64_answer(&w, q.bytes, q.n, exact, n, &prefix, 30))
            assert_true(w.len <= DNS_ANSWER_MAX);
        wr_fini(&w);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asked), cmocka_unit_test(test_empty),    cmocka_unit_test(test_answer),
        cmocka_unit_test(test_none),  cmocka_unit_test(test_too_many), cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

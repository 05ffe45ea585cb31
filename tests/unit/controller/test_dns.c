/* SPDX-License-Identifier: Apache-2.0 */
/* test_dns.c - what a document says by DNS, what is asked of others and how, and messages that are none (RFC 1035, 2308, 5452). */
#include "controller/dns.h"
#include "controller/dns_forward.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char text[] =
    "networks:\n"
    "  red: {vlan: 10, subnet: [10.0.10.0/24, 'fd00:10::/64']}\n"
    "  blue: {vlan: 20, subnet: 10.0.20.0/22}\n"
    "  out: {vlan: 30, subnet: 192.0.2.0/24}\n"
    "  far: {vlan: 40, subnet: 10.0.40.0/24}\n"
    "  mute: {vlan: 50, subnet: 10.0.50.0/24}\n"
    "switches: {s1: {datapath_id: 1}}\n"
    "routers:\n"
    "  edge: {gateway: s1, networks: {red: [10.0.10.254, 'fd00:10::fe'], blue: 10.0.20.254, out: 192.0.2.1}, outside: out,\n"
    "         dns: {forward: [127.0.0.1, 127.0.0.2], domain: Lab.example}}\n"
    "  other: {networks: {far: 10.0.40.254}, dns: {domain: far.example}}\n"
    "  still: {networks: {mute: 10.0.50.254}}\n"
    "hosts:\n"
    "  web: {network: red, switch: s1, address: [10.0.10.2, 'fd00:10::2']}\n"
    "  a.b: {network: blue, switch: s1, address: 10.0.21.3}\n"
    "  bare: {network: blue, switch: s1}\n"
    "  remote: {network: far, switch: s1, address: 10.0.40.4}\n";
enum { A = 1, NS = 2, SOA = 6, PTR = 12, TXT = 16, AAAA = 28, OPT = 41, ANY = 255 };
enum { RED, BLUE, OUT, FAR, MUTE };

static struct net_doc *doc;

static int setup(void **state)
{
    struct errbuf e = { 0 };

    if (net_doc_parse(&doc, "n.yaml", text, sizeof text - 1, &e))
        fail_msg("%s", e.text);
    return 0;
}

static int teardown(void **state)
{
    net_doc_free(doc);
    return 0;
}

static size_t query_make(uint8_t *out, const char *name, uint16_t type, uint16_t edns_size)
{
    struct wr w;
    size_t n;

    wr_init(&w);
    wr_u32(&w, 0xbeef0100);
    wr_u32(&w, 0x00010000);
    wr_u32(&w, edns_size ? 1 : 0);
    while (*name) {
        size_t len = strcspn(name, ".");

        wr_u8(&w, (uint8_t)len);
        wr_bytes(&w, name, len);
        name += len + (name[len] == '.');
    }
    wr_u8(&w, 0);
    wr_u16(&w, type);
    wr_u16(&w, 1);
    if (edns_size) {
        wr_u8(&w, 0);
        wr_u16(&w, OPT);
        wr_u16(&w, edns_size);
        wr_u32(&w, 0);
        wr_u16(&w, 0);
    }
    n = w.len;
    memcpy(out, w.p, n);
    wr_fini(&w);
    return n;
}

static void test_answers(void **state)
{
    static const struct {
        const char *name;
        int network;
        uint16_t type;
        enum dns_verdict verdict;
        unsigned rcode, n_answers, n_authorities;
        uint32_t last; /* the last four bytes of the first answer; 0: not looked at */
    } cases[] = {
        { "web.lab.example", RED, A, DNS_ANSWER, 0, 1, 0, 0x0a000a02 },
        { "WEB.LAB.example", BLUE, A, DNS_ANSWER, 0, 1, 0, 0x0a000a02 },
        { "web", RED, AAAA, DNS_ANSWER, 0, 1, 0, 2 },
        { "web.lab.example", RED, ANY, DNS_ANSWER, 0, 2, 0, 0 },
        { "web.lab.example", RED, TXT, DNS_ANSWER, 0, 0, 1, 0 },
        { "a.b.lab.example", RED, A, DNS_ANSWER, 0, 1, 0, 0x0a001503 },
        { "a.b.lab.example", RED, AAAA, DNS_ANSWER, 0, 0, 1, 0 },
        { "b.lab.example", RED, A, DNS_ANSWER, 0, 0, 1, 0 }, /* there is something below it: RFC 8020 */
        { "bare.lab.example", RED, A, DNS_ANSWER, 0, 0, 1, 0 },
        { "edge.lab.example", RED, A, DNS_ANSWER, 0, 1, 0, 0x0a000afe },
        { "edge.lab.example", BLUE, A, DNS_ANSWER, 0, 1, 0, 0x0a0014fe },
        { "none.lab.example", RED, A, DNS_ANSWER, 3, 0, 1, 0 },
        { "eb.lab.example", RED, A, DNS_ANSWER, 3, 0, 1, 0 },
        { "remote.lab.example", RED, A, DNS_ANSWER, 3, 0, 1, 0 }, /* behind another router */
        { "lab.example", RED, SOA, DNS_ANSWER, 0, 1, 0, 60 },
        { "lab.example", RED, A, DNS_ANSWER, 0, 0, 1, 0 },
        { "2.10.0.10.in-addr.arpa", RED, PTR, DNS_ANSWER, 0, 1, 0, 0x706c6500 },
        { "2.10.0.10.in-addr.arpa", RED, A, DNS_ANSWER, 0, 0, 1, 0 },
        { "254.10.0.10.in-addr.arpa", RED, PTR, DNS_ANSWER, 0, 1, 0, 0 },
        { "9.10.0.10.in-addr.arpa", RED, PTR, DNS_ANSWER, 3, 0, 1, 0 },
        { "10.0.10.in-addr.arpa", RED, PTR, DNS_ANSWER, 0, 0, 1, 0 },
        { "3.21.0.10.in-addr.arpa", RED, PTR, DNS_ANSWER, 0, 1, 0, 0 },
        { "3.24.0.10.in-addr.arpa", RED, PTR, DNS_FORWARD, 0, 0, 0, 0 },
        { "0.10.in-addr.arpa", RED, PTR, DNS_FORWARD, 0, 0, 0, 0 },
        { "1.2.0.192.in-addr.arpa", RED, PTR, DNS_FORWARD, 0, 0, 0, 0 }, /* outside */
        { "02.10.0.10.in-addr.arpa", RED, PTR, DNS_FORWARD, 0, 0, 0, 0 },
        { "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.d.f.ip6.arpa", RED, PTR, DNS_ANSWER, 0, 0, 1, 0 },
        { "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.d.f.ip6.arpa", RED, PTR, DNS_ANSWER, 0, 1, 0,
          0 },
        { "3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.d.f.ip6.arpa", RED, PTR, DNS_ANSWER, 3, 0, 1,
          0 },
        { "none", RED, A, DNS_FORWARD, 0, 0, 0, 0 },
        { "www.example", RED, A, DNS_FORWARD, 0, 0, 0, 0 },
        { "", RED, NS, DNS_FORWARD, 0, 0, 0, 0 },
        { "notlab.example", RED, A, DNS_FORWARD, 0, 0, 0, 0 },
        { "remote.far.example", FAR, A, DNS_ANSWER, 0, 1, 0, 0x0a002804 },
        { "www.example", FAR, A, DNS_ANSWER, 5, 0, 0, 0 }, /* nobody to ask */
        { "web", MUTE, A, DNS_ANSWER, 5, 0, 0, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned edns = 0; edns < 2; edns++) {
            uint8_t query[400];
            size_t n = query_make(query, cases[i].name, cases[i].type, edns ? 1400 : 0), end = n - (edns ? 11 : 0);
            struct wr w;

            wr_init(&w);
            if (dns_serve(doc, cases[i].network, query, n, &w) != cases[i].verdict)
                fail_msg("%s %u: the wrong verdict", cases[i].name, cases[i].type);
            if (cases[i].verdict == DNS_ANSWER) {
                unsigned rcode = w.p[3] & 0xf, n_answers = be16_load(w.p + 6), n_authorities = be16_load(w.p + 8);
                bool is_ours = cases[i].rcode != 5;

                if (rcode != cases[i].rcode || n_answers != cases[i].n_answers ||
                    n_authorities != cases[i].n_authorities)
                    fail_msg("%s %u: rcode %u, %u answers, %u authorities", cases[i].name, cases[i].type, rcode,
                             n_answers, n_authorities);
                assert_int_equal(be16_load(w.p), 0xbeef);
                assert_int_equal(w.p[2], is_ours ? 0x85 : 0x81); /* an answer with authority; RD as it came */
                assert_memory_equal(w.p + 12, query + 12, end - 12);
                assert_int_equal(be16_load(w.p + 10), edns);
                if (cases[i].last) {
                    const uint8_t *data = w.p + end + (cases[i].type == SOA ? 13 : 2); /* behind the owner's name */

                    assert_int_equal(be32_load(data + 10 + be16_load(data + 8) - 4), cases[i].last);
                }
            }
            wr_fini(&w);
        }
}

static void test_bad(void **state)
{
    static const struct {
        const char *what;
        uint8_t bytes[64];
        size_t n;
        enum dns_verdict verdict;
        unsigned rcode;
    } cases[] = {
        { "short", { 1, 2, 1, 0, 0, 1 }, 11, DNS_DROP, 0 },
        { "an answer", { 1, 2, 0x81, 0, 0, 1, [12] = 0, 0, 1, 0, 1 }, 17, DNS_DROP, 0 },
        { "an update", { 1, 2, 0x28, 0, 0, 1, [12] = 0, 0, 6, 0, 1 }, 17, DNS_ANSWER, DNS_NOTIMP },
        { "no question", { 1, 2, 1, 0, 0, 0 }, 12, DNS_ANSWER, DNS_FORMERR },
        { "two questions", { 1, 2, 1, 0, 0, 2, [12] = 0, 0, 1, 0, 1, 0, 0, 1, 0, 1 }, 22, DNS_ANSWER, DNS_FORMERR },
        { "cut in the name", { 1, 2, 1, 0, 0, 1, [12] = 3, 'w', 'e' }, 15, DNS_ANSWER, DNS_FORMERR },
        { "cut in the type", { 1, 2, 1, 0, 0, 1, [12] = 1, 'w', 0, 0 }, 16, DNS_ANSWER, DNS_FORMERR },
        { "a pointer to itself", { 1, 2, 1, 0, 0, 1, [12] = 0xc0, 12, 0, 1, 0, 1 }, 18, DNS_ANSWER, DNS_FORMERR },
        { "a label of 64", { 1, 2, 1, 0, 0, 1, [12] = 64 }, 64, DNS_ANSWER, DNS_FORMERR },
        { "a record that points to itself, then cut",
          { 1, 2, 1, 0, 0, 1, [11] = 1, [12] = 0, 0, 1, 0, 1, 0xc0, 17, 0, 1, 0, 1 },
          23,
          DNS_ANSWER,
          DNS_FORMERR },
        { "a record that points to itself is not asked for",
          { 1, 2, 1, 0, 0, 1, [11] = 1, [12] = 0, 0, 1, 0, 1, 0xc0, 17, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0 },
          29,
          DNS_FORWARD,
          0 },
        { "two OPT records",
          { 1, 2, 1, 0, 0, 1, [11] = 2, [12] = 0, 0,  1, 0, 1, 0, 0, 41, 4, 0,
            0, 0, 0, 0, 0, 0, 0,        0,        41, 4, 0, 0, 0, 0, 0,  0, 0 },
          39,
          DNS_ANSWER,
          DNS_FORMERR },
        { "EDNS of another version",
          { 1, 2, 1, 0, 0, 1, [11] = 1, [12] = 0, 0, 1, 0, 1, 0, 0, 41, 4, 0, 0, 1, 0, 0, 0, 0 },
          28,
          DNS_ANSWER,
          0 },
        { "records in a query", { 1, 2, 1, 0, 0, 1, 0, 1, [12] = 0, 0, 1, 0, 1 }, 17, DNS_ANSWER, DNS_FORMERR },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wr w;

        wr_init(&w);
        if (dns_serve(doc, RED, cases[i].bytes, cases[i].n, &w) != cases[i].verdict)
            fail_msg("%s: the wrong verdict", cases[i].what);
        if (cases[i].verdict == DNS_ANSWER && (w.p[3] & 0xf) != cases[i].rcode)
            fail_msg("%s: rcode %d", cases[i].what, w.p[3] & 0xf);
        if (!strcmp(cases[i].what, "EDNS of another version"))
            assert_int_equal(w.p[w.len - 6], DNS_BADVERS >> 4);
        wr_fini(&w);
    }
}

/* Changed at random: whatever is answered fits, has the query's id, and is no query. */
static void test_random(void **state)
{
    static const char *const names[] = { "web.lab.example", "2.10.0.10.in-addr.arpa", "a.b", "x.lab.example",
                                         "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.d.f.ip6.arpa" };
    uint64_t seed = 88172645463325252U;

    for (unsigned i = 0; i < 200000; i++) {
        uint8_t *query = malloc(400), *exact; /* so that a sanitizer sees every byte too much */
        size_t n = query_make(query, names[i % 5], i % 3 ? A : PTR, i & 1 ? (uint16_t)(i * 31) : 0);
        struct wr w;

        for (unsigned j = 0; j < 1 + i % 7; j++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            query[seed % n] = (uint8_t)(seed >> 32 & 1 ? seed >> 40 : 0xc0 | (seed >> 41 & 1));
        }
        if (!(i % 11))
            n = seed % (n + 1);
        exact = malloc(n ? n : 1);
        memcpy(exact, query, n);
        wr_init(&w);
        if (dns_serve(doc, RED, exact, n, &w) == DNS_ANSWER) {
            assert_true(w.len >= DNS_HEADER && w.len <= DNS_ANSWER_MAX);
            assert_memory_equal(w.p, exact, 2);
            assert_true(w.p[2] & 0x80);
        }
        dns_limit(exact, n);
        assert_false(dns_is_answer(exact, n, exact, n) && !(exact[2] & 0x80));
        wr_fini(&w);
        free(exact);
        free(query);
    }
}

/* --- forwarding --- */
struct world {
    struct ev_loop *loop;
    struct dns_forward f;
    struct net_dns dns;
    struct net_router router;
    struct ip_addr resolvers[2];
    int fd[2]; /* of the two resolvers */
    unsigned n_heard;
    uint8_t heard[DNS_ANSWER_MAX];
    size_t n;
};

static void on_answer(void *arg, const struct dns_asker *to, const uint8_t *bytes, size_t n)
{
    struct world *w = arg;

    w->n_heard++;
    w->n = n;
    memcpy(w->heard, bytes, n);
    ev_break(w->loop, EVBREAK_ALL);
}

static void world_open(struct world *w)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof at;

    *w = (struct world){ .loop = ev_loop_new(0) };
    dns_forward_init(&w->f, w->loop, on_answer, w);
    for (int i = 0; i < 2; i++) {
        w->resolvers[i] = (struct ip_addr){ 4, 32, { 127, 0, 0, (uint8_t)(1 + i) } };
        memcpy(&at.sin_addr, w->resolvers[i].bytes, 4);
        w->fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (bind(w->fd[i], (struct sockaddr *)&at, sizeof at) || getsockname(w->fd[i], (struct sockaddr *)&at, &len))
            fail_msg("no socket");
        w->f.port = be16_load(&at.sin_port);
    }
    w->dns = (struct net_dns){ .n_forward = 2, .forward = w->resolvers };
    w->router.dns = &w->dns;
}

static void world_close(struct world *w)
{
    dns_forward_fini(&w->f);
    close(w->fd[0]);
    close(w->fd[1]);
    ev_loop_destroy(w->loop);
}

static const struct dns_asker somebody = { .vlan = 10, .udp_port = 4000, .ip = { 4, 32, { 10, 0, 10, 2 } } };

/* What a resolver hears, and answers with this flags word; from a socket of its own when `is_stranger`. */
static void resolve(struct world *w, int i, uint16_t flags, bool is_stranger, uint16_t id_change)
{
    int fd = is_stranger ? socket(AF_INET, SOCK_DGRAM, 0) : w->fd[i];
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    uint8_t bytes[512];
    ssize_t n = recvfrom(w->fd[i], bytes, sizeof bytes, is_stranger ? MSG_PEEK : 0, (struct sockaddr *)&from, &len);

    assert_true(n > 0);
    be16_store(bytes, (uint16_t)(be16_load(bytes) ^ id_change));
    be16_store(bytes + 2, flags);
    assert_int_equal(sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, len), n);
    if (is_stranger)
        close(fd);
}

static void test_forward(void **state)
{
    struct world w;
    uint8_t query[400];
    size_t n = query_make(query, "www.example", A, 4096);

    world_open(&w);
    dns_forward_query(&w.f, &w.router, &somebody, query, n);
    dns_forward_query(&w.f, &w.router, &somebody, query, n); /* again: it is under way */
    assert_int_equal(w.f.n_queries, 1);
    resolve(&w, 0, 0x8180, true, 0); /* from whom was not asked */
    ev_run(w.loop, EVRUN_NOWAIT);
    assert_int_equal(w.n_heard, 0);
    resolve(&w, 0, 0x8583, false, 0);
    ev_run(w.loop, 0);
    assert_int_equal(w.n_heard, 1);
    assert_int_equal(be16_load(w.heard), 0xbeef);
    assert_int_equal(be16_load(w.heard + 2), 0x8583);             /* as the resolver said it */
    assert_int_equal(be16_load(w.heard + n - 8), DNS_ANSWER_MAX); /* and what it was told fits */
    assert_int_equal(w.f.n_queries, 0);
    world_close(&w);
}

/* What the first resolver hears, and answers with an address of it, or none. */
static void resolve_dns64(struct world *w, uint16_t type, bool has_address)
{
    static const uint8_t record[] = { 0xc0, 12, 0, A, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 33 };
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    uint8_t bytes[512];
    ssize_t n = recvfrom(w->fd[0], bytes, sizeof bytes, 0, (struct sockaddr *)&from, &len);

    assert_true(n > 0);
    assert_int_equal(be16_load(bytes + n - 4), type);
    be16_store(bytes + 2, 0x8180);
    if (has_address) {
        be16_store(bytes + 6, 1);
        memcpy(bytes + n, record, sizeof record);
        n += (ssize_t)sizeof record;
    }
    assert_int_equal(sendto(w->fd[0], bytes, (size_t)n, 0, (struct sockaddr *)&from, len), n);
}

/* DNS64: no IPv6 address, so IPv4 ones are asked for. */
static void test_forward_dns64(void **state)
{
    static const uint8_t want[] = { 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 33 };
    static const struct net_nat64 nat64 = { .prefix = { 6, 96, { 0, 0x64, 0xff, 0x9b } } };
    uint8_t query[400];
    size_t n = query_make(query, "www.example", AAAA, 0);

    for (int has_address = 0; has_address < 2; has_address++) {
        struct world w;

        world_open(&w);
        w.router.nat64 = &nat64;
        dns_forward_query(&w.f, &w.router, &somebody, query, n);
        resolve_dns64(&w, AAAA, false);
        while (!w.f.n_answered && recv(w.fd[0], w.heard, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
            ev_run(w.loop, EVRUN_ONCE);
        assert_int_equal(w.n_heard, 0);
        resolve_dns64(&w, A, has_address);
        ev_run(w.loop, 0);
        assert_int_equal(w.n_heard, 1);
        assert_int_equal(be16_load(w.heard), 0xbeef);
        assert_memory_equal(w.heard + 12, query + 12, n - 12);
        assert_int_equal(be16_load(w.heard + 6), has_address);
        if (has_address)
            assert_memory_equal(w.heard + w.n - sizeof want, want, sizeof want);
        assert_int_equal(w.f.n_queries, 0);
        world_close(&w);
    }
}

static void test_forward_other_id(void **state)
{
    struct world w;
    uint8_t query[400];
    size_t n = query_make(query, "www.example", A, 0);

    world_open(&w);
    dns_forward_query(&w.f, &w.router, &somebody, query, n);
    resolve(&w, 0, 0x8180, false, 1);
    ev_run(w.loop, EVRUN_NOWAIT);
    assert_int_equal(w.n_heard, 0); /* and after a while the next is asked */
    w.f.port = 9;
    close(w.fd[1]);
    w.fd[1] = -1;
    ev_run(w.loop, 0);
    assert_int_equal(w.heard[3] & 0xf, DNS_SERVFAIL); /* nobody is there */
    assert_int_equal(w.n_heard, 1);
    world_close(&w);
}

static void test_forward_bounds(void **state)
{
    struct world w;
    uint8_t query[400];
    size_t n = query_make(query, "www.example", A, 0);

    world_open(&w);
    for (unsigned i = 0; i < DNS_QUERIES_OF_ONE; i++) {
        be16_store(query, (uint16_t)i);
        dns_forward_query(&w.f, &w.router, &somebody, query, n);
    }
    assert_int_equal(w.n_heard, 0);
    be16_store(query, 1000);
    dns_forward_query(&w.f, &w.router, &somebody, query, n);
    assert_int_equal(w.n_heard, 1);
    assert_int_equal(w.heard[3] & 0xf, DNS_SERVFAIL);
    assert_int_equal(w.f.n_queries, DNS_QUERIES_OF_ONE);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),          cmocka_unit_test(test_bad),
        cmocka_unit_test(test_random),           cmocka_unit_test(test_forward),
        cmocka_unit_test(test_forward_other_id), cmocka_unit_test(test_forward_bounds),
        cmocka_unit_test(test_forward_dns64),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_dhcp6.c - the DHCPv6 server against clients of all moods, over simulated time (RFC 8415), and messages that are none. */
#include "controller/dhcp6.h"

#include "base/clock.h"
#include "controller/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char text[] =
    "networks:\n"
    "  red: {vlan: 10, subnet: 'fd00:10::/64', dhcp: {range6: ['fd00:10::100', 'fd00:10::102'], lease: 1h, dns: ['fd00::9', 1.1.1.1], domain: a.example}}\n"
    "  dark: {vlan: 20, subnet: 'fd00:20::/64'}\n"
    "switches: {s1: {datapath_id: 1}}\n"
    "routers: {r: {networks: {red: 'fd00:10::fe', dark: 'fd00:20::fe'}}}\n"
    "hosts:\n"
    "  known: {network: red, switch: s1, address: ['fd00:10::7', 'fd00:10::8'], mac: 02:00:00:00:00:07}\n"
    "  taken: {network: red, switch: s1, address: 'fd00:10::101'}\n";
enum { SOLICIT = 1, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, DECLINE, INFORM = 11 };
enum { NONE = -1, NO_ADDRESSES = 2, NO_BINDING = 3, NOT_ON_LINK = 4, NO_PREFIX = 6 };
enum {
    SERVER = 1,
    RAPID = 2,
    NO_IA = 4,
    PD = 8,
    NO_CLIENT = 16,
    ELSEWHERE = 32,
    TWO_IAS = 64
}; /* what a client says more */

struct world {
    struct net_doc *doc;
    struct dhcp6_server server;
    uint64_t now_ns;
};
struct heard {
    struct dhcp6_answer answer;
    uint8_t type;
    unsigned n_addresses;
    uint16_t last;     /* address, its last two bytes */
    uint32_t lifetime; /* its */
    int status, ia_status;
    bool has_dns, has_domain, is_rapid;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct errbuf e = { 0 };

    if (net_doc_parse(&w->doc, "n.yaml", text, sizeof text - 1, &e))
        fail_msg("%s", e.text);
    dhcp6_init(&w->server);
    w->now_ns = NSEC_PER_S;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    dhcp6_fini(&w->server);
    net_doc_free(w->doc);
    free(w);
    return 0;
}

static void option(struct wr *m, uint16_t code, const void *value, size_t n)
{
    wr_u16(m, code);
    wr_u16(m, (uint16_t)n);
    wr_bytes(m, value, n);
}

static void ia(struct wr *m, uint16_t code, uint32_t id, uint16_t address, bool is_elsewhere)
{
    wr_u16(m, code);
    wr_u16(m, address ? 12 + 28 : 12);
    wr_u32(m, id);
    wr_zero(m, 8);
    if (!address)
        return;
    wr_u32(m, 5 << 16 | 24);
    wr_u32(m, is_elsewhere ? 0xfd000099 : 0xfd000010);
    wr_zero(m, 10);
    wr_u16(m, address);
    wr_zero(m, 8);
}

static void message_make(const struct world *w, struct wr *frame, uint8_t type, net_mac mac, unsigned flags,
                         uint16_t address)
{
    uint8_t duid[10] = { 0, 3, 0, 1 }, requested[4] = { 0, 23, 0, 24 };
    struct ip_addr from = ip_link_local(mac), to = { 6, 128, { 0xff, 2, [13] = 1, [15] = 2 } };
    const struct ip_write how = {
        .dst_mac = UINT64_C(0x333300010002), .src_mac = mac, .vlan = 10, .src = &from, .dst = &to, .ttl = 1
    };
    struct wr m;

    wr_init(&m);
    wr_u32(&m, (uint32_t)type << 24 | 0x123456);
    net_mac_bytes(mac, duid + 4);
    if (!(flags & NO_CLIENT))
        option(&m, 1, duid, sizeof duid);
    net_mac_bytes(w->doc->routers[0].mac, duid + 4);
    if (flags & SERVER)
        option(&m, 2, duid, sizeof duid);
    option(&m, 6, requested, sizeof requested);
    if (flags & RAPID)
        option(&m, 14, NULL, 0);
    if (!(flags & NO_IA))
        ia(&m, flags & PD ? 25 : 3, 77, address, flags & ELSEWHERE);
    if (flags & TWO_IAS)
        ia(&m, 3, 78, 0, false);
    udp_write(frame, &how, &(struct udp){ .src = 546, .dst = 547, .data = m.p, .n_data = m.len });
    wr_fini(&m);
}

static void options_read(struct heard *h, struct rd r, bool is_in_ia)
{
    while (r.left) {
        uint16_t code = rd_u16(&r);
        struct rd o = rd_sub(&r, rd_u16(&r));

        assert_false(r.bad);
        if (code == 3 || code == 25) {
            rd_skip(&o, 12);
            options_read(h, o, true);
        } else if (code == 5) {
            h->n_addresses++;
            h->last = be16_load(o.p + 14);
            h->lifetime = be32_load(o.p + 20);
        } else if (code == 13) {
            *(is_in_ia ? &h->ia_status : &h->status) = be16_load(o.p);
        }
        h->has_dns |= code == 23 && o.left == 16 && o.p[15] == 9;
        h->has_domain |= code == 24 && o.left == 11 && !memcmp(o.p, "\1a\7example", 11);
        h->is_rapid |= code == 14;
    }
}

static struct heard say(struct world *w, uint8_t type, net_mac mac, unsigned flags, uint16_t address)
{
    struct heard h = { .status = NONE, .ia_status = NONE };
    struct wr frame, out;
    struct ip_packet ip;
    struct frame f;
    struct udp u;

    wr_init(&frame);
    wr_init(&out);
    message_make(w, &frame, type, mac, flags, address);
    dhcp6_serve(&w->server, w->doc, 0, &(struct dhcp_frame){ frame.p, frame.len, w->now_ns }, &out, &h.answer);
    if (h.answer.has_frame) {
        assert_true(frame_read(&f, out.p, out.len) && ip_read(&ip, &f) && udp_read(&u, &ip));
        assert_int_equal(u.dst, 546);
        assert_int_equal(f.dst, mac);
        assert_int_equal(be32_load(u.data) & 0xffffff, 0x123456);
        h.type = u.data[0];
        options_read(&h, rd_init(u.data + 4, u.n_data - 4), false);
    }
    wr_fini(&frame);
    wr_fini(&out);
    return h;
}

static void test_declared(void **state)
{
    struct world *w = *state;
    struct heard h = say(w, SOLICIT, UINT64_C(0x020000000007), TWO_IAS, 0);

    assert_int_equal(h.type, ADVERTISE);
    assert_int_equal(h.n_addresses, 2);
    assert_int_equal(h.last, 8);
    assert_int_equal(h.lifetime, 3600);
    assert_int_equal(h.ia_status, NO_ADDRESSES); /* of the second */
    assert_true(h.has_dns && h.has_domain);
    assert_int_equal(h.answer.n_bound, 0);
    h = say(w, REQUEST, UINT64_C(0x020000000007), SERVER, 7);
    assert_int_equal(h.type, REPLY);
    assert_int_equal(h.answer.n_bound, 2);
    h = say(w, RELEASE, UINT64_C(0x020000000007), SERVER, 7);
    assert_int_equal(h.status, 0);
    assert_int_equal(h.ia_status, NONE);
    assert_int_equal(w->server.by_client.n, 0); /* nothing is written down: the document has it */
}

static void test_range(void **state)
{
    const net_mac a = UINT64_C(0x020000000101), b = UINT64_C(0x020000000102), c = UINT64_C(0x020000000103);
    struct world *w = *state;
    struct heard h = say(w, SOLICIT, a, 0, 0x102);

    assert_int_equal(h.last, 0x102); /* as it wishes */
    assert_int_equal(w->server.by_client.n, 0);
    assert_int_equal(say(w, REQUEST, a, SERVER, 0x102).answer.n_bound, 1);
    h = say(w, SOLICIT, b, RAPID, 0x101); /* a declared host's */
    assert_int_equal(h.type, REPLY);
    assert_true(h.is_rapid);
    assert_int_equal(h.last, 0x100);
    h = say(w, SOLICIT, c, 0, 0);
    assert_int_equal(h.type, ADVERTISE);
    assert_int_equal(h.ia_status, NO_ADDRESSES);
    assert_int_equal(say(w, RENEW, a, SERVER, 0x102).lifetime, 3600);
    h = say(w, REBIND, a, 0, 0x100); /* it has another: that one ends */
    assert_int_equal(h.n_addresses, 2);
    assert_int_equal(h.lifetime, 0);
    h = say(w, RELEASE, a, SERVER, 0x100);
    assert_int_equal(h.ia_status, NO_BINDING);
    h = say(w, RELEASE, a, SERVER, 0x102);
    assert_int_equal(h.status, 0);
    assert_int_equal(h.answer.n_released, 1);
    assert_int_equal(say(w, REQUEST, c, SERVER, 0).last, 0x102);
    h = say(w, DECLINE, c, SERVER, 0x102);
    assert_int_equal(h.answer.n_released, 1);
    assert_int_equal(say(w, REQUEST, a, SERVER, 0x102).ia_status, NO_ADDRESSES);
    w->now_ns += (DHCP_DECLINED_S + 1) * (uint64_t)NSEC_PER_S;
    assert_int_equal(say(w, REQUEST, a, SERVER, 0x102).last, 0x102);
    w->now_ns += 3601 * (uint64_t)NSEC_PER_S; /* all end */
    assert_int_equal(say(w, REQUEST, c, SERVER, 0x100).last, 0x100);
    assert_int_equal(w->server.by_client.n, 1);
}

static void test_others(void **state)
{
    const net_mac a = UINT64_C(0x020000000101);
    static const struct {
        const char *what;
        uint8_t type;
        unsigned flags;
        uint16_t address;
        uint8_t want; /* type; 0: no answer */
        int status, ia_status;
    } cases[] = {
        { "on this link", CONFIRM, 0, 0x555, REPLY, 0, NONE },
        { "on another link", CONFIRM, ELSEWHERE, 0x555, REPLY, NOT_ON_LINK, NONE },
        { "nothing to confirm", CONFIRM, 0, 0, 0, NONE, NONE },
        { "a prefix", SOLICIT, PD, 0, ADVERTISE, NONE, NO_PREFIX },
        { "information", INFORM, NO_IA, 0, REPLY, NONE, NONE },
        { "information without a name", INFORM, NO_IA | NO_CLIENT, 0, REPLY, NONE, NONE },
        { "information with an IA", INFORM, 0, 0, 0, NONE, NONE },
        { "a solicit for a server", SOLICIT, SERVER, 0, 0, NONE, NONE },
        { "a solicit of nobody", SOLICIT, NO_CLIENT, 0, 0, NONE, NONE },
        { "a request to no server", REQUEST, 0, 0, 0, NONE, NONE },
        { "a server's message", ADVERTISE, SERVER, 0, 0, NONE, NONE },
        { "a relay's message", 12, 0, 0, 0, NONE, NONE },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct heard h = say(*state, cases[i].type, a, cases[i].flags, cases[i].address);

        if (h.type != cases[i].want || h.status != cases[i].status || h.ia_status != cases[i].ia_status)
            fail_msg("%s: type %u, status %d, %d", cases[i].what, h.type, h.status, h.ia_status);
        if (cases[i].type == INFORM && cases[i].want)
            assert_true(h.has_dns && h.has_domain);
    }
}

/* Bytes changed at random and cut: no crash, and no answer that cannot be read. */
static void test_random(void **state)
{
    struct world *w = *state;
    uint64_t seed = 88172645463325252U;

    for (unsigned i = 0; i < 100000; i++) {
        struct dhcp6_answer a;
        struct wr frame, out;
        uint8_t *exact;
        size_t n;

        wr_init(&frame);
        wr_init(&out);
        message_make(w, &frame, (uint8_t)(1 + i % 11), 2, i & 127, (uint16_t)(0x100 + i % 3));
        for (unsigned j = 0; j < 1 + i % 6; j++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            frame.p[58 + seed % (frame.len - 58)] = (uint8_t)(seed >> 40);
        }
        n = i % 5 ? frame.len : seed % frame.len;
        exact = malloc(n ? n : 1); /* so that a sanitizer sees every byte too much */
        memcpy(exact, frame.p, n);
        dhcp6_serve(&w->server, w->doc, 0, &(struct dhcp_frame){ exact, n, w->now_ns }, &out, &a);
        assert_true(a.has_frame == (out.len > 0));
        wr_fini(&frame);
        wr_fini(&out);
        free(exact);
    }
}

static void test_flags(void **state)
{
    const struct world *w = *state;

    assert_true(dhcp6_is_served(w->doc, 0) && dhcp6_has_addresses(w->doc, 0));
    assert_false(dhcp6_is_served(w->doc, 1) || dhcp6_has_addresses(w->doc, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_declared, setup, teardown),
        cmocka_unit_test_setup_teardown(test_range, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

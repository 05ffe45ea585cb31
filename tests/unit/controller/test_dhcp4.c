/* SPDX-License-Identifier: Apache-2.0 */
/* test_dhcp4.c - the DHCP server against clients of all moods, over simulated time (RFC 2131, RFC 2132). */
#include "controller/dhcp4.h"

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
    "  red: {vlan: 10, subnet: 10.0.10.0/24, mtu: 1400, dhcp: {range: [10.0.10.100, 10.0.10.102], lease: 1h, dns: [9.9.9.9, 1.1.1.1], domain: a.example}}\n"
    "  dark: {vlan: 20, subnet: 10.0.20.0/24}\n"
    "switches: {s1: {datapath_id: 1}}\n"
    "routers: {r: {networks: {red: 10.0.10.254, dark: 10.0.20.254}}}\n"
    "hosts:\n"
    "  known: {network: red, switch: s1, address: 10.0.10.7, mac: 02:00:00:00:00:07}\n"
    "  taken: {network: red, switch: s1, address: 10.0.10.101}\n";

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };
enum { OWN = 0x0a000afe, KNOWN = 0x0a000a07, FIRST = 0x0a000a64, LAST = 0x0a000a66, KNOWN_MAC = 7 };

struct world {
    struct net_doc *doc;
    struct dhcp_server server;
    uint64_t now_ns;
};

/* What a client says; the zero of a member leaves it out. */
struct says {
    uint8_t type;
    net_mac mac;
    uint32_t ciaddr, requested, server;
    const char *id;
    uint16_t flags;
};

struct heard {
    bool has_frame;
    net_mac dst;
    struct ip_addr ip_dst;
    uint8_t type, options[256], length[256];
    uint32_t yiaddr, ciaddr, value[256]; /* of options of up to 4 bytes */
    struct dhcp_answer answer;
};

static void *setup_world(void)
{
    struct world *w = calloc(1, sizeof *w);
    struct errbuf e = { 0 };

    if (net_doc_parse(&w->doc, "n.yaml", text, sizeof text - 1, &e))
        fail_msg("%s", e.text);
    dhcp_init(&w->server);
    w->now_ns = NSEC_PER_S;
    return w;
}

static int setup(void **state)
{
    *state = setup_world();
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    dhcp_fini(&w->server);
    net_doc_free(w->doc);
    free(w);
    return 0;
}

static void option_u32(struct wr *m, uint8_t code, uint32_t v)
{
    if (!v)
        return;
    wr_u8(m, code);
    wr_u8(m, 4);
    wr_u32(m, v);
}

static void message_make(struct wr *w, const struct says *s)
{
    static const struct ip_addr any = { .family = 4 }, all = { 4, 32, { 255, 255, 255, 255 } };
    const struct ip_write how = {
        .dst_mac = UINT64_C(0xffffffffffff),
        .src_mac = s->mac,
        .vlan = 10,
        .src = &any,
        .dst = &all,
        .proto = FRAME_UDP,
        .ttl = 64,
        .sum_at = 6,
    };
    uint8_t mac[6];
    struct wr m;

    wr_init(&m);
    wr_u32(&m, 68 << 16 | 67);
    wr_u32(&m, 0);
    wr_u32(&m, 0x01010600);
    wr_u32(&m, 0x12345678);
    wr_u16(&m, 0);
    wr_u16(&m, s->flags);
    wr_u32(&m, s->ciaddr);
    wr_zero(&m, 12);
    net_mac_bytes(s->mac, mac);
    wr_bytes(&m, mac, 6);
    wr_zero(&m, 10 + 64 + 128);
    wr_u32(&m, 0x63825363);
    wr_u8(&m, 53);
    wr_u8(&m, 1);
    wr_u8(&m, s->type);
    option_u32(&m, 50, s->requested);
    option_u32(&m, 54, s->server);
    if (s->id) {
        wr_u8(&m, 61);
        wr_u8(&m, (uint8_t)strlen(s->id));
        wr_bytes(&m, s->id, strlen(s->id));
    }
    wr_u8(&m, 255);
    be16_store(m.p + 4, (uint16_t)m.len);
    ip_write(w, &how, m.p, m.len);
    wr_fini(&m);
}

static void answer_read(struct heard *h, const struct wr *w)
{
    struct ip_packet ip;
    struct frame f;
    struct rd r;

    assert_true(frame_read(&f, w->p, w->len) && ip_read(&ip, &f));
    assert_false(f.is_tagged);
    h->dst = f.dst;
    h->ip_dst = ip.dst;
    r = rd_init(ip.data, ip.n_data);
    assert_int_equal(rd_u32(&r), 67 << 16 | 68);
    assert_int_equal(rd_u16(&r), ip.n_data);
    rd_skip(&r, 2);
    assert_int_equal(rd_u32(&r), 0x02010600);
    assert_int_equal(rd_u32(&r), 0x12345678);
    rd_skip(&r, 4);
    h->ciaddr = rd_u32(&r);
    h->yiaddr = rd_u32(&r);
    rd_skip(&r, 8 + 16 + 64 + 128);
    assert_int_equal(rd_u32(&r), 0x63825363);
    for (uint8_t code; (code = rd_u8(&r)) != 255;) {
        struct rd o = rd_sub(&r, h->length[code] = rd_u8(&r));

        assert_false(r.bad);
        assert_int_equal(h->options[code]++, 0); /* each once */
        for (size_t i = 0; i < h->length[code] && i < 4; i++)
            h->value[code] = h->value[code] << 8 | rd_u8(&o);
    }
    h->type = (uint8_t)h->value[53];
}

static struct heard ask_in(struct world *w, int network, struct says s)
{
    struct heard h = { 0 };
    struct wr in, out;

    s.mac |= UINT64_C(0x020000000000);
    wr_init(&in);
    wr_init(&out);
    message_make(&in, &s);
    dhcp_serve(&w->server, w->doc, network, &(struct dhcp_frame){ in.p, in.len, w->now_ns }, &out, &h.answer);
    h.has_frame = h.answer.has_frame;
    if (h.has_frame)
        answer_read(&h, &out);
    else
        assert_int_equal(out.len, 0);
    wr_fini(&in);
    wr_fini(&out);
    return h;
}

static struct heard ask(struct world *w, struct says s)
{
    return ask_in(w, 0, s);
}

/* From nothing to an address. */
static uint32_t get(struct world *w, net_mac mac)
{
    struct heard h = ask(w, (struct says){ .type = DISCOVER, .mac = mac });
    uint32_t address = h.yiaddr;

    if (!h.has_frame)
        return 0;
    assert_int_equal(h.type, OFFER);
    assert_false(h.answer.is_bound);
    h = ask(w, (struct says){ .type = REQUEST, .mac = mac, .requested = address, .server = OWN });
    assert_int_equal(h.type, ACK);
    assert_int_equal(h.yiaddr, address);
    assert_true(h.answer.is_bound);
    assert_int_equal(be32_load(h.answer.address.bytes), address);
    return address;
}

static void test_options(void **state)
{
    struct heard h = ask(*state, (struct says){ .type = DISCOVER, .mac = KNOWN_MAC });

    assert_int_equal(h.yiaddr, KNOWN);
    assert_int_equal(h.value[54], OWN);
    assert_int_equal(h.value[1], 0xffffff00);
    assert_int_equal(h.value[3], OWN);
    assert_int_equal(h.value[28], 0x0a000aff);
    assert_int_equal(h.value[26], 1400);
    assert_int_equal(h.length[6], 8);
    assert_int_equal(h.value[6], 0x09090909);
    assert_int_equal(h.length[15], 9);
    assert_int_equal(h.length[12], 5); /* "known" */
    assert_int_equal(h.value[51], 3600);
    assert_int_equal(h.value[58], 1800);
    assert_int_equal(h.value[59], 3150);
    assert_true(h.dst == UINT64_C(0x020000000007));
    assert_int_equal(be32_load(h.ip_dst.bytes), KNOWN);
    h = ask(*state, (struct says){ .type = DISCOVER, .mac = KNOWN_MAC, .flags = 0x8000 });
    assert_true(h.dst == UINT64_C(0xffffffffffff));
    assert_int_equal(be32_load(h.ip_dst.bytes), UINT32_MAX);
}

/* Three addresses in the range, one of them a declared host's: two clients. */
static void test_range(void **state)
{
    struct world *w = *state;
    uint32_t a = get(w, 1), b = get(w, 2);

    assert_true(a != b && a >= FIRST && a <= LAST && b >= FIRST && b <= LAST && a != FIRST + 1 && b != FIRST + 1);
    assert_int_equal(get(w, 1), a);
    assert_int_equal(get(w, 3), 0);
    assert_int_equal(w->server.n_full, 1);
    assert_int_equal(get(w, KNOWN_MAC), KNOWN); /* it has its own */
    w->now_ns += 3601 * (uint64_t)NSEC_PER_S;
    assert_true(get(w, 3)); /* the leases have ended */
}

static void test_renewal(void **state)
{
    struct world *w = *state;
    uint32_t a = get(w, 1);
    struct heard h;

    w->now_ns += 1800 * (uint64_t)NSEC_PER_S;
    h = ask(w, (struct says){ .type = REQUEST, .mac = 1, .ciaddr = a });
    assert_int_equal(h.type, ACK);
    assert_int_equal(be32_load(h.ip_dst.bytes), a);
    w->now_ns += 3000 * (uint64_t)NSEC_PER_S;
    h = ask(w, (struct says){ .type = REQUEST, .mac = 1, .requested = a }); /* after its restart */
    assert_int_equal(h.type, ACK);
    h = ask(w, (struct says){ .type = REQUEST, .mac = 1, .requested = a + 100 });
    assert_int_equal(h.type, NAK);
    assert_true(h.dst == UINT64_C(0xffffffffffff));
    assert_false(h.answer.is_bound);
    h = ask(w, (struct says){ .type = REQUEST, .mac = 9, .requested = 0x0b000001 }); /* it comes from another network */
    assert_int_equal(h.type, NAK);
    h = ask(w, (struct says){ .type = REQUEST, .mac = 1, .requested = a, .server = OWN + 1 }); /* another's client */
    assert_false(h.has_frame);
}

static void test_identifier(void **state)
{
    struct world *w = *state;
    struct heard a = ask(w, (struct says){ .type = DISCOVER, .mac = 1, .id = "\x01one" });
    struct heard b = ask(w, (struct says){ .type = DISCOVER, .mac = 2, .id = "\x01one" });
    struct heard c = ask(w, (struct says){ .type = DISCOVER, .mac = 1, .id = "\x01two" });

    assert_int_equal(a.yiaddr, b.yiaddr);
    assert_int_not_equal(a.yiaddr, c.yiaddr);
}

static void test_release_and_decline(void **state)
{
    struct world *w = *state;
    uint32_t a = get(w, 1), b = get(w, 2);
    struct heard h = ask(w, (struct says){ .type = RELEASE, .mac = 1, .ciaddr = b }); /* not its own */

    assert_false(h.answer.is_released);
    h = ask(w, (struct says){ .type = RELEASE, .mac = 1, .ciaddr = a });
    assert_true(h.answer.is_released && !h.has_frame);
    assert_int_equal(get(w, 3), a);
    h = ask(w, (struct says){ .type = DECLINE, .mac = 3, .requested = a, .server = OWN });
    assert_false(h.has_frame);
    assert_int_equal(get(w, 3), 0); /* the address is left alone */
    w->now_ns += (DHCP_DECLINED_S + 1) * (uint64_t)NSEC_PER_S;
    assert_int_equal(get(w, 3), a);
    h = ask(w, (struct says){ .type = INFORM, .mac = 5, .ciaddr = 0x0a000a32 });
    assert_int_equal(h.type, ACK);
    assert_int_equal(h.yiaddr, 0);
    assert_int_equal(h.options[51], 0);
    assert_int_equal(h.value[3], OWN);
}

static void test_silence(void **state)
{
    struct world *w = *state;
    const struct says discover = { .type = DISCOVER, .mac = UINT64_C(0x020000000001) };
    struct heard h = ask_in(w, 1, (struct says){ .type = DISCOVER, .mac = 1 }); /* no DHCP there */
    struct dhcp_answer a;
    struct wr in, out;

    assert_false(h.has_frame);
    for (uint8_t type = 0; type < 20; type++)
        if (type == 0 || type == OFFER || type == ACK || type == NAK || type > INFORM)
            assert_false(ask(w, (struct says){ .type = type, .mac = 1 }).has_frame);
    assert_false(ask(w, (struct says){ .type = DISCOVER, .mac = UINT64_C(0x010000000001) }).has_frame); /* a group's */
    wr_init(&in);
    message_make(&in, &discover);
    for (size_t n = 0; n < in.len; n++) { /* cut anywhere: an answer only when the type was read */
        wr_init(&out);
        dhcp_serve(&w->server, w->doc, 0, &(struct dhcp_frame){ in.p, n, w->now_ns }, &out, &a);
        if (n < in.len - 1)
            assert_false(n < 18 + 20 + 8 + 236 + 4 + 3 && a.has_frame);
        wr_fini(&out);
    }
    for (size_t i = 18; i < in.len; i++) /* each byte another: nothing breaks */
        for (unsigned bit = 0; bit < 8; bit++) {
            in.p[i] ^= (uint8_t)(1u << bit);
            wr_init(&out);
            dhcp_serve(&w->server, w->doc, 0, &(struct dhcp_frame){ in.p, in.len, w->now_ns }, &out, &a);
            wr_fini(&out);
            in.p[i] ^= (uint8_t)(1u << bit);
        }
    wr_fini(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_options, setup, teardown),
        cmocka_unit_test_setup_teardown(test_range, setup, teardown),
        cmocka_unit_test_setup_teardown(test_renewal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_identifier, setup, teardown),
        cmocka_unit_test_setup_teardown(test_release_and_decline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

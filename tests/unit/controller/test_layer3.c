/* SPDX-License-Identifier: Apache-2.0 */
/* test_layer3.c - the flows of random routers and policies, executed by model switches: what becomes of random packets, of the
 * answers to them and of the packets after them is what a naive model says from the document. */
#include "base/str.h"
#include "layer3_model.h"
#include "net_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 1500, CONVERSATIONS = 80, MOST_HOSTS = 14, INSIDE_MAX = 4, ETH_ARP = 0x0806, TTL = 64, ETHERNET = 14 };
#define PORT_CONTROLLER UINT32_C(0xfffffffd)

/* --- random documents --- */
/* What is in the making: how many of what, and of whom each is. */
struct shape {
    unsigned n_switches, n_inside, n_outside, n_hosts, n_routers;
    unsigned network_of[MOST_HOSTS]; /* inside first, then outside */
    bool is_v6[INSIDE_MAX + 2];
    unsigned router_of[INSIDE_MAX + 2]; /* n_routers: none */
};

static void networks_text(struct str *s, struct shape *h)
{
    str_add(s, "networks:\n");
    for (unsigned i = 0; i < h->n_inside + h->n_outside; i++) {
        h->is_v6[i] = pick(2);
        h->router_of[i] = i < h->n_routers ? i : i >= h->n_inside ? 0 : pick(8) ? pick(h->n_routers) : h->n_routers;
        if (i < h->n_inside)
            str_printf(s, "  n%u: {vlan: %u, subnet: [10.0.%u.0/24", i, 30 - 3 * i, i);
        else
            str_printf(s, "  n%u: {vlan: %u, subnet: [198.51.%u.0/24", i, 40 - 20 * (i - h->n_inside), i);
        if (h->is_v6[i] && i < h->n_inside)
            str_printf(s, ", 'fd00:0:0:%u::/64'", i);
        else if (h->is_v6[i])
            str_printf(s, ", '2001:db8:%u::/64'", i);
        str_printf(s, "], guard: %s, mtu: %u}\n", pick(4) ? "false" : "true", 1300 + 100 * pick(3));
    }
}

static void hosts_text(struct str *s, struct shape *h)
{
    str_add(s, "hosts:\n");
    for (unsigned i = 0; i < h->n_hosts; i++) {
        unsigned n = h->network_of[i] = pick(h->n_inside + h->n_outside);

        str_printf(s, "  h%u: {network: n%u, switch: s%u, address: [%s.%u.%u", i, n, pick(h->n_switches),
                   n < h->n_inside ? "10.0" : "198.51", n, i + 1);
        if (h->is_v6[n])
            str_printf(s, ", '%s:%u::%x'", n < h->n_inside ? "fd00:0:0" : "2001:db8", n, i + 0x100);
        str_add(s, "]}\n");
    }
}

static void translations_text(struct str *s, const struct shape *h, bool is_trama)
{
    unsigned out = h->n_inside, n = pick(4), share = pick(2) ? 0 : 700 + pick(900);

    if (pick(4)) {
        str_add(s, "    source_nat:\n");
        for (unsigned i = 0; i < h->n_inside; i++) {
            if (h->router_of[i] || !pick(4))
                continue;
            str_printf(s, "      - {from: n%u", i);
            if (share)
                str_printf(s, ", per_switch: %u", share);
            if (pick(2))
                str_printf(s, ", to: [198.51.%u.%u, 198.51.%u.%u]", out, 200 + 4 * i, out, 200 + 4 * i + pick(3));
            if (!share && pick(2))
                str_printf(s, ", ports: [%u, %u]", 3000 + 100 * i, 3000 + 100 * i + 50 + pick(40000));
            str_add(s, "}\n");
        }
    }
    str_add(s, "    forwards:\n");
    for (unsigned i = 0; i < h->n_hosts; i++) {
        static const char *const protocols[] = { "tcp", "udp", "sctp" };

        if (h->network_of[i] >= h->n_inside || h->router_of[h->network_of[i]] || !n)
            continue;
        n--;
        str_printf(s, "      - {protocol: %s, port: %u, to: h%u", protocols[pick(3)], 8080 + i, i);
        if (pick(2))
            str_printf(s, ", to_port: %u", 80 + pick(3));
        if (pick(2))
            str_printf(s, ", at: 198.51.%u.%u", out, 150 + pick(2));
        str_add(s, "}\n");
    }
    str_add(s, "    one_to_one:\n");
    for (unsigned i = 0; i < h->n_hosts; i++)
        if (h->network_of[i] < h->n_inside && !h->router_of[h->network_of[i]] && !pick(4))
            str_printf(s, "      - {outside: 198.51.%u.%u, inside: h%u}\n", out, 100 + i, i);
    if (is_trama && pick(2))
        str_add(s, "    nptv6: [{inside: 'fd00::/48', outside: '2001:db9:1::/48'}]\n");
}

static void routers_text(struct str *s, const struct shape *h, bool is_trama)
{
    str_add(s, "routers:\n");
    for (unsigned r = 0; r < h->n_routers; r++) {
        str_printf(s, "  r%u:\n    networks: {", r);
        for (unsigned i = 0; i < h->n_inside + h->n_outside; i++) {
            if (h->router_of[i] != r)
                continue;
            str_printf(s, "n%u: [%s.%u.254", i, i < h->n_inside ? "10.0" : "198.51", i);
            if (h->is_v6[i])
                str_printf(s, ", '%s:%u::fe'", i < h->n_inside ? "fd00:0:0" : "2001:db8", i);
            str_add(s, "], ");
        }
        str_add(s, "}\n");
        if (r == 0 && h->n_outside)
            str_printf(s, "    gateway: s%u\n    outside: [n%u, n%u]\n", pick(h->n_switches), h->n_inside,
                       h->n_inside + h->n_outside - 1);
        if (r == 0 && h->n_outside && pick(4))
            str_printf(s, "    routes:\n      - {to: 0.0.0.0/0, via: 198.51.%u.%u}\n", h->n_inside,
                       1 + pick(h->n_hosts));
        if (r == 0 && h->n_outside)
            translations_text(s, h, is_trama);
    }
}

static void policies_text(struct str *s, const struct shape *h)
{
    static const char *const protocols[] = { "any", "tcp", "udp", "icmp", "sctp" };
    unsigned n = pick(3) ? pick(6) : 0;

    str_add(s, "policies:\n");
    for (unsigned i = 0; i < n; i++) {
        unsigned protocol = pick(5);

        str_printf(s, "  - {name: p%u, protocol: %s, action: %s", i, protocols[protocol], pick(2) ? "allow" : "deny");
        for (int side = 0; side < 2; side++) {
            str_add(s, side ? ", to: [" : ", from: [");
            for (unsigned j = 0, n_words = 1 + pick(2); j < n_words; j++) {
                unsigned kind = pick(5);

                if (kind == 0)
                    str_add(s, "any, ");
                else if (kind == 1 && h->n_outside)
                    str_add(s, "outside, ");
                else if (kind == 2)
                    str_add(s, pick(2) ? "10.0.0.0/22, " : "10.0.2.0/23, ");
                else if (kind == 3)
                    str_printf(s, "h%u, ", pick(h->n_hosts));
                else
                    str_printf(s, "n%u, ", pick(h->n_inside + h->n_outside));
            }
            str_add(s, "]");
        }
        if (protocol == 1 || protocol == 2 || protocol == 4)
            str_add(s, pick(2) ? ", port: [22, 81]" : pick(2) ? ", port: 80" : "");
        str_add(s, "}\n");
    }
}

static void world_random(struct world *w)
{
    struct shape h = { .n_switches = 1 + pick(4), .n_inside = 2 + pick(INSIDE_MAX - 1), .n_outside = pick(3) };
    bool is_trama = pick(2);
    struct str s = { 0 };

    h.n_hosts = 6 + pick(MOST_HOSTS - 5);
    h.n_routers = 1 + pick(2);
    networks_text(&s, &h);
    str_add(&s, "switches:\n");
    for (unsigned i = 0; i < h.n_switches; i++)
        str_printf(&s, "  s%u: {datapath_id: %u}\n", i, 50 + i);
    str_add(&s, "links:\n");
    for (unsigned i = 1; i < h.n_switches; i++)
        str_printf(&s, "  - [s%u:l%u, s%u:%u]\n", i, i, pick(i), 30 + i);
    hosts_text(&s, &h);
    routers_text(&s, &h, is_trama);
    policies_text(&s, &h);
    world_init(w, str_text(&s));
    for (size_t i = 0; i < w->doc->n_switches; i++)
        w->switches[i].is_trama = is_trama;
    str_fini(&s);
}

/* --- random packets --- */
static const struct ip_addr *random_address(const struct net_doc *doc)
{
    const struct net_host *h = &doc->hosts[pick((unsigned)doc->n_hosts)];

    return &h->addresses[pick((unsigned)h->n_addresses)];
}

/* An address, and a port that may be forwarded there. */
static struct ip_addr random_destination(const struct net_doc *doc, struct said *p)
{
    static const char *const others[] = { "8.8.8.8",    "10.0.0.99",      "198.51.3.77",
                                          "172.16.0.1", "2001:db8:99::1", "fd00::77" };
    const struct net_router *r = &doc->routers[0];
    const struct net_leg *leg = &r->legs[pick((unsigned)r->n_legs)];
    struct ip_addr ip = *random_address(doc);
    unsigned kind = pick(12);

    if (kind == 0 && leg->n_addresses)
        ip = leg->addresses[pick((unsigned)leg->n_addresses)];
    if (kind == 1)
        (void)ip_parse(&ip, others[pick(6)], NULL);
    if (kind == 2 && r->n_source_nats && r->source_nats[0].first.family)
        ip = r->source_nats[0].last;
    if (kind == 3 && r->n_one_to_ones)
        ip = r->one_to_ones[pick((unsigned)r->n_one_to_ones)].outside;
    if (kind == 4 && r->n_nptv6s) {
        (void)ip_parse(&ip, "2001:db9:1:d555::100", NULL); /* some subnet's, or nobody's */
        ip.bytes[7] = (uint8_t)(ip.bytes[7] + pick(4));
        ip.bytes[15] = (uint8_t)pick(MOST_HOSTS);
    }
    if (kind >= 5 && kind <= 6 && r->n_forwards) {
        const struct net_forward *f = &r->forwards[pick((unsigned)r->n_forwards)];

        p->t.proto = f->protocol;
        p->t.dst_port = f->port;
        ip = f->at.family ? f->at : r->legs[r->n_legs - 1].addresses[0];
    }
    return ip;
}

static void said_random(const struct net_doc *doc, struct said *p, unsigned serial)
{
    static const uint8_t protocols[] = { IP_TCP, IP_TCP, IP_UDP, IP_UDP, IP_ICMP, IP_SCTP, 47 };
    static const uint16_t ports[] = { 22, 80, 81, 443, 8081, 8083, 3000, 16500, 17500 };
    const struct net_host *h, *to;
    const struct net_network *n;
    struct ip_addr dst, other;
    bool is_near = false;

    *p = (struct said){ .from = (int)pick((unsigned)doc->n_hosts), .ttl = pick(12) ? TTL : 1 };
    p->size = pick(4) ? 60 : 0; /* 0: as large as its network takes */
    p->t.proto = protocols[pick(7)];
    p->t.dst_port = ports[pick(9)];
    h = &doc->hosts[p->from];
    n = &doc->networks[h->network];
    p->size = p->size ? p->size : n->mtu;
    dst = random_destination(doc, p);
    p->t.eth_type = dst.family == 4 ? ETH_IP4 : ETH_IP6;
    p->t.dst = model_value(&dst);
    for (size_t i = 0; i < h->n_addresses; i++)
        if (h->addresses[i].family == dst.family)
            p->t.src = model_value(&h->addresses[i]);
    other = doc->routers[0].n_one_to_ones && pick(2) ? doc->routers[0].one_to_ones[0].inside : *random_address(doc);
    if (dst.family == 6 && doc->routers[0].n_nptv6s)
        (void)ip_parse(&other, "fd00::5", NULL);
    if (!pick(4) && other.family == dst.family)
        p->t.src = model_value(&other);
    if (p->t.proto == IP_ICMP && dst.family == 6)
        p->t.proto = IP_ICMPV6;
    p->t.src_port = (uint16_t)(20000 + serial);
    if (p->t.proto != IP_TCP && p->t.proto != IP_UDP && p->t.proto != IP_SCTP)
        p->t.dst_port = p->t.src_port;
    p->dst_mac = n->router == NET_NONE ? 0 : doc->routers[n->router].mac;
    to = &doc->hosts[pick((unsigned)doc->n_hosts)];
    for (size_t i = 0; i < doc->n_hosts && !is_near; i++)
        for (size_t j = 0; j < doc->hosts[i].n_addresses; j++)
            if (doc->hosts[i].network == h->network && ip_equal(&doc->hosts[i].addresses[j], &dst)) {
                to = &doc->hosts[i];
                is_near = true;
            }
    if (!p->dst_mac || (is_near && pick(10)))
        p->dst_mac = to->network == h->network ? to->mac : 0;
}

static struct packet packet_of(const struct tuple *t, net_mac src, net_mac dst, uint8_t ttl, bool is_answer)
{
    struct packet p = { .id = t->src_port };

    key_set_u64(&p.k, FIELD_ETH_SRC, src);
    key_set_u64(&p.k, FIELD_ETH_DST, dst);
    key_set_u64(&p.k, FIELD_ETH_TYPE, t->eth_type);
    key_set_u64(&p.k, FIELD_IP_PROTO, t->proto);
    key_set_u64(&p.k, FIELD_IP_TTL, ttl);
    key_set(&p.k, t->eth_type == ETH_IP4 ? FIELD_IPV4_SRC : FIELD_IPV6_SRC, t->src);
    key_set(&p.k, t->eth_type == ETH_IP4 ? FIELD_IPV4_DST : FIELD_IPV6_DST, t->dst);
    if (t->proto == IP_ICMP || t->proto == IP_ICMPV6) {
        key_set_u64(&p.k, FIELD_ICMPV4_TYPE, t->proto == IP_ICMP ? is_answer ? 0 : 8 : is_answer ? 129 : 128);
    } else if (t->proto == IP_TCP || t->proto == IP_UDP || t->proto == IP_SCTP) {
        key_set_u64(&p.k, FIELD_TCP_SRC, t->src_port);
        key_set_u64(&p.k, FIELD_TCP_DST, t->dst_port);
    }
    return p;
}

/* --- comparing --- */
struct run {
    struct world w;
    struct plan plan;
    struct packet_net net;
    unsigned round;
    size_t n_of[4], n_changed, n_answered, n_too_big;
};

static const char *said_text(const struct run *r, const struct said *p)
{
    static char text[300];
    int family = p->t.eth_type == ETH_IP4 ? 4 : 6;

    snprintf(text, sizeof text, "round %u, %s to %jx.%jx (mac %jx), src %jx, IPv%d, proto %u, port %u to %u, ttl %u",
             r->round, r->w.doc->hosts[p->from].name, (uintmax_t)p->t.dst.hi, (uintmax_t)p->t.dst.lo,
             (uintmax_t)p->dst_mac, (uintmax_t)p->t.src.lo, family, p->t.proto, p->t.src_port, p->t.dst_port, p->ttl);
    return text;
}

static void check(bool is_good, const struct run *r, const struct said *p, const char *what)
{
    if (!is_good)
        fail_msg("%s: %s", said_text(r, p), what);
}

static bool same(struct value a, struct value b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

/* What came out at a host's port. */
static void check_delivered(const struct run *r, const struct said *p, const struct verdict *v)
{
    const struct packet_out *o = &r->net.out[0];
    const struct net_host *to = &r->w.doc->hosts[v->host], *from = &r->w.doc->hosts[p->from];
    struct tuple t = packet_tuple(&o->p);
    bool has_ports = t.proto == IP_TCP || t.proto == IP_UDP || t.proto == IP_SCTP;

    check(o->sw == to->at.sw && o->port == host_port(&r->w, v->host), r, p, "came out elsewhere");
    check(key_get(&o->p.k, FIELD_VLAN_VID).lo == 0, r, p, "with a tag");
    check(key_get(&o->p.k, FIELD_ETH_DST).lo == to->mac, r, p, "the receiver's MAC address");
    check(key_get(&o->p.k, FIELD_IP_TTL).lo == (uint64_t)(v->is_routed ? p->ttl - 1 : p->ttl), r, p, "the TTL");
    check(key_get(&o->p.k, FIELD_ETH_SRC).lo ==
              (v->is_routed ? r->w.doc->routers[r->w.doc->networks[from->network].router].mac : from->mac),
          r, p, "the sender's MAC address");
    check(same(t.dst, v->t.dst), r, p, "the destination");
    check(!has_ports || t.dst_port == v->t.dst_port, r, p, "the destination's port");
    check(t.src.hi == v->t.src.hi && t.src.lo >= v->t.src.lo && t.src.lo <= v->src_last.lo, r, p, "the source");
    if (v->port_min && has_ports)
        check(t.src_port >= v->port_min && t.src_port <= v->port_max, r, p, "the source's port is out of its range");
    else if (!v->is_any_port && has_ports)
        check(t.src_port == v->t.src_port, r, p, "the source's port");
}

/* What the receiver answers comes back as an answer of him who was asked. */
static void check_answer(struct run *r, const struct said *p, const struct verdict *v)
{
    const struct packet_out first = r->net.out[0], *o = &r->net.out[0];
    const struct net_host *from = &r->w.doc->hosts[p->from];
    struct tuple t = packet_tuple(&first.p), turned;
    net_mac mac = key_get(&first.p.k, FIELD_ETH_SRC).lo;
    struct packet answer;

    turned = (struct tuple){ t.dst, t.src, t.eth_type, t.dst_port, t.src_port, t.proto };
    if (r->w.doc->networks[r->w.doc->hosts[v->host].network].has_guard &&
        !model_has_address(&r->w.doc->hosts[v->host], &turned))
        return; /* a next hop in a network with a guard is in the way of what is behind it */
    answer = packet_of(&turned, r->w.doc->hosts[v->host].mac, mac, TTL, true);
    packet_send(&r->net, first.sw, first.port, &answer);
    check(r->net.n_out == 1 && o->port != PORT_CONTROLLER, r, p, "the answer is lost");
    check(o->sw == from->at.sw && o->port == host_port(&r->w, p->from), r, p, "the answer came out elsewhere");
    t = packet_tuple(&o->p);
    check(same(t.src, p->t.dst) && same(t.dst, p->t.src) && t.src_port == p->t.dst_port && t.dst_port == p->t.src_port,
          r, p, "the answer is another's");
    check(key_get(&o->p.k, FIELD_ETH_DST).lo == from->mac && key_get(&o->p.k, FIELD_VLAN_VID).lo == 0, r, p,
          "the answer's frame");
    check(key_get(&o->p.k, FIELD_IP_TTL).lo == (uint64_t)(v->is_routed ? TTL - 1 : TTL), r, p, "the answer's TTL");
    r->n_answered++;
}

static void converse(struct run *r, unsigned serial)
{
    struct packet_out *o = &r->net.out[0], first;
    const struct net_host *from;
    struct tuple again;
    struct verdict v;
    struct packet packet;
    struct said p;

    said_random(r->w.doc, &p, serial);
    from = &r->w.doc->hosts[p.from];
    if (same(p.t.src, (struct value){ 0, 0 }) || !p.dst_mac || p.dst_mac == from->mac)
        return; /* nobody would send that */
    v = model_verdict(r->w.doc, &p);
    packet = packet_of(&p.t, from->mac, p.dst_mac, p.ttl, false);
    packet.size = p.size + ETHERNET;
    packet_send(&r->net, from->at.sw, host_port(&r->w, p.from), &packet);
    r->n_of[v.kind]++;
    r->n_too_big += v.kind == VERDICT_ASKED && v.asked == FLOW_KIND_TOO_BIG;
    first = *o;
    switch (v.kind) {
    case VERDICT_DROPPED:
        check(r->net.n_out == 0, r, &p, "should be dropped");
        return;
    case VERDICT_ASKED:
        check(r->net.n_out == 1 && o->port == PORT_CONTROLLER && flow_cookie_kind(o->cookie) == v.asked, r, &p,
              flow_kind_name[v.asked]);
        return;
    case VERDICT_ECHOED:
        if (!model_has_address(from, &p.t))
            return; /* the answer is for somebody else */
        check(r->net.n_out == 1 && key_get(&o->p.k, FIELD_ICMPV4_TYPE).lo == (p.t.eth_type == ETH_IP4 ? 0 : 129), r, &p,
              "the router does not answer");
        check(same(packet_tuple(&o->p).src, p.t.dst), r, &p, "another answers");
        return;
    case VERDICT_DELIVERED:
        check(r->net.n_out == 1, r, &p, r->net.n_out ? "too many came out" : "should arrive");
        check_delivered(r, &p, &v);
        break;
    }
    r->n_changed += !same(packet_tuple(&first.p).src, p.t.src) || !same(packet_tuple(&first.p).dst, p.t.dst);
    if (model_has_address(from, &p.t) && !model_answers_differ(r->w.doc, &p))
        check_answer(r, &p, &v);
    packet_send(&r->net, from->at.sw, host_port(&r->w, p.from), &packet);
    check(r->net.n_out == 1 && o->sw == first.sw && o->port == first.port, r, &p, "the next packet does not arrive");
    check_delivered(r, &p, &v);
    again = packet_tuple(&o->p);
    check(same(again.src, packet_tuple(&first.p).src) && again.src_port == packet_tuple(&first.p).src_port, r, &p,
          "the next packet is another's");
}

static void run_init(struct run *r)
{
    bool *trees = calloc(r->w.doc->n_networks * r->w.doc->n_links + 1, sizeof *trees);

    assert_int_equal(compile_trees(r->w.doc, &r->w.view, trees), 0);
    assert_int_equal(compile(&r->plan, r->w.doc, &r->w.view, trees), 0);
    free(trees);
    packet_net_init(&r->net, r->w.doc, &r->w.view, &r->plan);
}

static void run_fini(struct run *r)
{
    packet_net_fini(&r->net);
    plan_fini(&r->plan);
    world_fini(&r->w);
}

static void test_random_routers(void **state)
{
    static struct run r;

    for (r.round = 1; r.round <= ROUNDS; r.round++) {
        world_seed(r.round);
        world_random(&r.w);
        run_init(&r);
        for (unsigned i = 0; i < CONVERSATIONS; i++)
            converse(&r, i);
        run_fini(&r);
    }
    for (size_t i = 0; i < 4; i++) /* the cases that it is about occurred */
        assert_true(r.n_of[i] > ROUNDS / 2);
    assert_true(r.n_too_big > ROUNDS / 2);
    assert_true(r.n_changed > ROUNDS && r.n_answered > ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_routers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_net_router.c - what a network document says about layer 3: read as it is meant, and refused with the sentence that
 * names what is wrong. */
#include "net/net_doc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char base_text[] =
    "networks:\n" /* 1 */
    "  red: {vlan: 10, subnet: [10.0.10.0/24, 'fd00:10::/64'], mtu: 1400}\n"
    "  blue: {vlan: 20, subnet: 10.0.20.0/24, dhcp: {range: [10.0.20.100, 10.0.20.199], lease: 2h, dns: [9.9.9.9]}}\n"
    "  out: {vlan: 30, subnet: [192.0.2.0/24, 198.51.100.0/22]}\n"
    "  alone: {vlan: 40, subnet: 10.0.40.0/24}\n"
    "switches:\n"
    "  s1: {datapath_id: 1}\n"
    "hosts:\n"
    "  h1: {network: red, switch: s1, address: [10.0.10.1, 'fd00:10::1']}\n"
    "  h2: {network: blue, switch: s1, address: 10.0.20.1}\n" /* 10 */
    "  h3: {network: out, switch: s1, address: 192.0.2.3}\n"
    "routers:\n"
    "  r1:\n"
    "    gateway: s1\n"
    "    networks: {red: [10.0.10.254, 'fd00:10::fe'], blue: 10.0.20.254, out: 192.0.2.1}\n"
    "    outside: out\n"
    "    routes: [{to: 0.0.0.0/0, via: 192.0.2.3}]\n"
    "    source_nat: [{from: red}, {from: blue, to: [192.0.2.8, 192.0.2.9], ports: [1024, 2047], host_limit: 77}]\n"
    "    forwards: [{protocol: tcp, port: 8080, to: h1, to_port: 80}, {protocol: udp, port: 53, to: 10.0.20.9, at: 192.0.2.8}]\n"
    "    one_to_one: [{outside: 192.0.2.10, inside: h2}]\n" /* 20 */
    "    dns: {forward: [9.9.9.9, 'fd00::53'], domain: a.example}\n"
    "policies:\n"
    "  - {name: web, from: [blue, outside], to: h1, protocol: tcp, port: [80, 90], action: allow}\n"
    "  - {name: rest, from: any, to: 10.0.10.0/28, action: deny}\n";

static const struct {
    const char *what, *find, *replace, *want; /* the sentence begins so, after "n.yaml:" */
} mistakes[] = {
    { "mtu", "mtu: 1400", "mtu: 576", "2: mtu: 576 is out of range: 1280 to 9000 are possible" },
    { "unknown key of dhcp", "lease: 2h", "leaze: 2h", "3: the key 'leaze' is not known here" },
    { "range of one", "[10.0.20.100, 10.0.20.199]", "[10.0.20.100]", "3: range: " },
    { "range outside", "10.0.20.199]", "10.0.21.199]",
      "3: network blue: dhcp: 10.0.21.199 is no IPv4 address of its subnet" },
    { "range backwards", "10.0.20.199]", "10.0.20.99]", "3: network blue: dhcp: the range goes from an address up" },
    { "range with the broadcast address", "10.0.20.199]", "10.0.20.255]",
      "3: network blue: dhcp: the range has the address of the subnet itself or its broadcast address" },
    { "short lease", "lease: 2h", "lease: 1s", "3: lease: " },
    { "dhcp without router", "subnet: 10.0.40.0/24", "subnet: 10.0.40.0/24, dhcp: {}",
      "5: network alone: dhcp needs a router" },

    { "unknown network", "blue: 10.0.20.254", "blau: 10.0.20.254", "15: router r1: there is no network 'blau'" },
    { "address elsewhere", "blue: 10.0.20.254", "blue: 10.0.10.253",
      "15: router r1: the address 10.0.10.253 is in no subnet" },
    { "address of a host", "blue: 10.0.20.254", "blue: 10.0.20.1",
      "15: router r1 has address 10.0.20.1, which host h2 has already" },
    { "address is broadcast", "blue: 10.0.20.254", "blue: 10.0.20.255",
      "15: router r1: the address 10.0.20.255 is that of" },
    { "two in one subnet", "blue: 10.0.20.254", "blue: [10.0.20.254, 10.0.20.253]",
      "15: router r1 has two addresses in one subnet" },
    { "other prefix", "blue: 10.0.20.254", "blue: 10.0.20.254/25",
      "15: router r1: the address 10.0.20.254/25 does not have" },
    { "two routers", "policies:", "  r2: {networks: {red: 10.0.10.253}}\npolicies:",
      "22: router r2: network red has a router already, r1" },
    { "overlap", "10.0.20.0/24, dhcp: {range: [10.0.20.100, 10.0.20.199], lease: 2h, dns: [9.9.9.9]}", "10.0.0.0/16",
      "14: router r1: the subnets " },
    { "outside elsewhere", "outside: out", "outside: alone", "16: router r1: 'alone' is none of its networks" },
    { "no gateway", "    gateway: s1\n", "", "14: router r1: the key 'gateway' is missing" },
    { "gateway", "gateway: s1", "gateway: s2", "14: router r1: there is no switch 's2'" },

    { "via nowhere", "via: 192.0.2.3", "via: 192.0.3.3", "17: router r1: 192.0.3.3 is in none of its networks" },
    { "via itself", "via: 192.0.2.3", "via: 192.0.2.1", "17: router r1: 192.0.2.1 is its own address" },
    { "via of nobody", "via: 192.0.2.3", "via: 192.0.2.255",
      "17: router r1: 192.0.2.255 is the address of a subnet itself or its broadcast address" },
    { "via of the other family", "via: 192.0.2.3", "via: 'fd00:10::1'",
      "17: router r1: a route's 'to' and 'via' are of one family" },
    { "host bits", "to: 0.0.0.0/0", "to: 10.1.1.1/24", "17: to: " },
    { "route twice", "via: 192.0.2.3}", "via: 192.0.2.3}, {to: 0.0.0.0/0, via: 192.0.2.4}",
      "17: router r1: there are two routes to 0.0.0.0/0" },

    { "source_nat of nobody", "{from: red}", "{from: out}",
      "18: router r1: source_nat: 'out' is none of its networks inside" },
    { "source_nat to the inside", "to: [192.0.2.8, 192.0.2.9]", "to: 10.0.10.9",
      "18: router r1: 10.0.10.9 is in none of its networks outside" },
    { "source_nat to a host", "to: [192.0.2.8, 192.0.2.9]", "to: 192.0.2.3",
      "18: router r1: 192.0.2.3 is the address of host h3" },
    { "per_switch of few", "{from: red}", "{from: red, per_switch: 63}",
      "18: per_switch: 63 is out of range: 64 to 32768" },
    { "per_switch of too many", "{from: red}", "{from: red, ports: [60000, 61000], per_switch: 1002}",
      "18: router r1: source_nat: 1 switches with 1002 ports each do not fit into ports 60000 to 61000" },
    { "per_switch and filtering", "{from: red}",
      "{from: red, per_switch: 1000, mapping: endpoint-independent, filtering: address-dependent}",
      "18: router r1: source_nat: with per_switch only answers are let in; leave out 'filtering'" },
    { "per_switch and helpers", "{from: red}, {",
      "{from: red, per_switch: 1000}]\n    helpers: ftp\n    nptv6: []\n    #[{",
      "18: router r1: source_nat: per_switch does not go with helpers" },
    { "per_switch and its address elsewhere", "{from: red}",
      "{from: red, to: [192.0.2.9, 192.0.2.11], per_switch: 1000}",
      "18: router r1: source_nat: line 18 has one of its addresses, but not the same per_switch and ports" },
    { "per_switch and a forward", "{from: red}", "{from: red, ports: [8000, 9000], per_switch: 81}",
      "18: router r1: source_nat: port 8080, which is forwarded (line 19), is among those of switches, 8000 to 8080" },
    { "per_switch and one_to_one", "{from: red}", "{from: red, to: [192.0.2.10, 192.0.2.11], per_switch: 1000}",
      "18: router r1: source_nat: one_to_one (line 20) has one of its addresses, which per_switch shares out" },
    { "per_switch and nat64", "{from: red}, {", "{from: red, per_switch: 1000}]\n    nat64: {}\n    #[{",
      "18: router r1: source_nat: nat64 has one of its addresses, which per_switch shares out" },
    { "source_nat backwards", "[192.0.2.8, 192.0.2.9]", "[192.0.2.9, 192.0.2.8]",
      "18: router r1: source_nat: the first address is above the last" },
    { "source_nat over two subnets", "[192.0.2.8, 192.0.2.9]", "[192.0.2.8, 198.51.100.9]",
      "18: router r1: source_nat: the first and the last address are in two subnets" },
    { "source_nat over a host", "[192.0.2.8, 192.0.2.9]", "[192.0.2.2, 192.0.2.9]",
      "18: router r1: 192.0.2.3 is the address of host h3" },
    { "source_nat too wide", "[192.0.2.8, 192.0.2.9]", "[198.51.100.1, 198.51.101.1]",
      "18: router r1: source_nat: 257 addresses are too many; 256 are possible" },
    { "dhcp of a vm", "h2: {network: blue,", "h2: {dhcp: true, kind: vm, network: blue,",
      "10: host h2: dhcp: true is for hosts of kind netns" },
    { "dhcp where there is none", "h1: {network: red,", "h1: {dhcp: true, network: red,",
      "9: host h1: dhcp: network red has no dhcp" },
    { "routers without controller",
      "policies:", "controller: none\npolicies:", "14: routers need a controller; the document says controller: none" },
    { "helper of nobody", "    outside: out\n", "    outside: out\n    helpers: [ftp, sip]\n",
      "17: helpers: 'sip' is not one of: ftp, tftp" },
    { "filtering alone", "ports: [1024, 2047]", "filtering: address-dependent",
      "18: router r1: source_nat: filtering is for mapping: endpoint-independent" },
    { "mapping of no kind", "ports: [1024, 2047]", "mapping: symmetric", "18: mapping: 'symmetric'" },
    { "host_limit of none", "host_limit: 77", "host_limit: 0", "18: host_limit: 0 is out of range" },
    { "host_limit of no number", "host_limit: 77", "host_limit: few", "18: host_limit: 'few' is not" },
    { "host_limit of nat64", "    dns:", "    nat64: {host_limit: 0}\n    dns:", "21: host_limit: 0 is out of range" },
    { "ports backwards", "[1024, 2047]", "[2048, 2047]", "18: router r1: source_nat: port 2048 is above port 2047" },
    { "to the broadcast address", "192.0.2.9]", "192.0.2.255]",
      "18: router r1: 192.0.2.255 is the address of a subnet itself or its broadcast address" },
    { "nothing outside", "    outside: out\n", "", "17: router r1: source_nat needs a network outside" },

    { "nat64 of no form", "    dns:", "    nat64: {prefix: '64:ff9b::/95'}\n    dns:",
      "21: router r1: nat64: 64:ff9b::/95 is no IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits" },
    { "nat64 of IPv4",
      "    dns:", "    nat64: {prefix: 10.0.0.0/8}\n    dns:", "21: router r1: nat64: 10.0.0.0/8 is no IPv6 prefix" },
    { "nat64 over a subnet", "    dns:", "    nat64: {prefix: 'fd00:10::/96'}\n    dns:",
      "21: router r1: nat64: fd00:10::/96 overlaps fd00:10::/64 of network red" },
    { "nat64 to the inside", "    dns:", "    nat64: {to: 10.0.10.9}\n    dns:",
      "21: router r1: 10.0.10.9 is in none of its networks outside" },
    { "nat64 backwards", "    dns:", "    nat64: {to: [192.0.2.9, 192.0.2.8]}\n    dns:",
      "21: router r1: nat64: the first address is above the last" },
    { "nat64's ports backwards",
      "    dns:", "    nat64: {ports: [9, 8]}\n    dns:", "21: router r1: nat64: port 9 is above port 8" },
    { "nat64 filters by no kind",
      "    dns:", "    nat64: {filtering: symmetric}\n    dns:", "21: filtering: 'symmetric'" },
    { "mss of nothing",
      "    dns:", "    mss: 535\n    dns:", "21: mss: '535' is neither auto nor a number from 536 to 8960" },
    { "mss of a word",
      "    dns:", "    mss: small\n    dns:", "21: mss: 'small' is neither auto nor a number from 536 to 8960" },
    { "nptv6 of IPv4", "    dns:", "    nptv6: [{inside: 10.0.0.0/8, outside: '2001:db8:1::/48'}]\n    dns:",
      "21: router r1: nptv6: 10.0.0.0/8 is no IPv6 prefix of 1 to 64 bits" },
    { "nptv6 of a long prefix",
      "    dns:", "    nptv6: [{inside: 'fd00:77::/48', outside: '2001:db8:1::/96'}]\n    dns:",
      "21: router r1: nptv6: 2001:db8:1::/96 is no IPv6 prefix of 1 to 64 bits" },
    { "nptv6 to a subnet", "    dns:", "    nptv6: [{inside: 'fd00:77::/48', outside: 'fd00:10::/48'}]\n    dns:",
      "21: router r1: nptv6: fd00:10::/48 overlaps a subnet of network red; it must be one that is routed to the router" },
    { "nptv6 to itself", "    dns:", "    nptv6: [{inside: 'fd00:77::/48', outside: 'fd00:77::/48'}]\n    dns:",
      "21: router r1: nptv6: the prefixes inside and outside overlap" },
    { "nptv6 twice", "    dns:",
      "    nptv6: [{inside: 'fd00:77::/48', outside: '2001:db8:1::/48'}, {inside: 'fd00:77:0:1::/64', outside: "
      "'2001:db8:2::/64'}]\n    dns:",
      "21: router r1: nptv6: the prefixes of line 21 overlap these" },
    { "nptv6 without a side",
      "    dns:", "    nptv6: [{inside: 'fd00:77::/48'}]\n    dns:", "21: the key 'outside' is missing" },
    { "forward of any", "protocol: tcp, port: 8080", "protocol: any, port: 8080",
      "19: router r1: a forward is of protocol tcp, udp or sctp" },
    { "forward to nobody", "to: h1, to_port", "to: h9, to_port",
      "19: router r1: 'h9' is neither a host nor an IPv4 address" },
    { "forward to the outside", "to: h1, to_port", "to: h3, to_port",
      "19: router r1: h3 is in none of its networks inside" },
    { "forward to the router", "to: h1, to_port", "to: 10.0.10.254, to_port",
      "19: router r1: 10.0.10.254 is its own address" },
    { "forward to the subnet", "to: 10.0.20.9", "to: 10.0.20.0",
      "19: router r1: 10.0.20.0 is the address of a subnet itself or its broadcast address" },
    { "forward twice", "port: 53, to: 10.0.20.9, at: 192.0.2.8", "port: 53, to: h2}, {protocol: udp, port: 53, to: h1",
      "19: router r1: port 53 is forwarded already (line 19)" },
    { "one to one of its own", "outside: 192.0.2.10", "outside: 192.0.2.1",
      "20: router r1: 192.0.2.1 is its own address" },
    { "one to one of a source_nat's first", "outside: 192.0.2.10", "outside: 192.0.2.8",
      "20: router r1: one_to_one: 192.0.2.8 is an address of source_nat (line 18) already" },
    { "one to one of a source_nat's last", "outside: 192.0.2.10", "outside: 192.0.2.9",
      "20: router r1: one_to_one: 192.0.2.9 is an address of source_nat (line 18) already" },
    { "one to one of nat64", "{outside: 192.0.2.10, inside: h2}]",
      "{outside: 192.0.2.10, inside: h2}]\n    nat64: {to: [192.0.2.10, 192.0.2.12]}",
      "20: router r1: one_to_one: 192.0.2.10 is an address of nat64 (line 21) already" },
    { "one to one inside of its own", "inside: h2", "inside: 10.0.10.254",
      "20: router r1: 10.0.10.254 is its own address" },
    { "one to one of the next hop", "via: 192.0.2.3", "via: 192.0.2.10",
      "20: router r1: 192.0.2.10 is the next hop of a route (line 17)" },
    { "one to one twice", "inside: h2}", "inside: h2}, {outside: 192.0.2.11, inside: h2}",
      "20: router r1: one_to_one: 192.0.2.11 or what" },

    { "policy twice", "name: rest", "name: web", "24: policy web is there twice" },
    { "policy of nobody", "from: any", "from: anybody",
      "24: policy rest: 'anybody' is no network, host, address or prefix" },
    { "action", "action: deny", "action: reject", "24: action: 'reject' is not one of: allow, deny" },
    { "no action", ", action: deny", "", "24: the key 'action' is missing" },
    { "port of any", "to: 10.0.10.0/28,", "to: 10.0.10.0/28, port: 5,",
      "24: policy rest: 'port' goes with protocol tcp, udp or sctp" },
    { "ports backwards", "port: [80, 90]", "port: [90, 80]", "23: policy web: port 90 is above port 80" },
    { "three ports", "port: [80, 90]", "port: [80, 90, 100]", "23: port: " },
    { "range of a router without IPv6", "lease: 2h", "range6: ['fd00::1', 'fd00::2']",
      "3: network blue: dhcp: 'range6' needs a router with an IPv6 address there" },
    { "range of IPv6 elsewhere", "mtu: 1400", "mtu: 1400, dhcp: {range6: ['fd00:10::1', 'fd00:11::2']}",
      "2: network red: dhcp: range6: an IPv6 address of its subnet is expected" },
    { "range of IPv6 too long", "mtu: 1400", "mtu: 1400, dhcp: {range6: ['fd00:10::', 'fd00:10::1:0']}",
      "2: network red: dhcp: range6 goes from an address up to another of one subnet, with 65536 at most" },
    { "no domain", "domain: a.example}", "domain: a..example}", "21: router r1: dns: 'a..example' is no domain" },
    { "a dot at the end", "domain: a.example}", "domain: a.example.}",
      "21: router r1: dns: 'a.example.' is no domain" },
    { "empty dns", "dns: {forward: [9.9.9.9, 'fd00::53'], domain: a.example}", "dns: {}",
      "21: router r1: dns: it wants 'forward', 'domain' or both" },
    { "a resolver with a prefix", "'fd00::53'", "1.1.1.1/8",
      "21: router r1: dns: 'forward' takes addresses of others" },
    { "itself as resolver", "'fd00::53'", "10.0.10.254", "21: router r1: dns: 'forward' takes addresses of others" },
};

static void test_good(void **state)
{
    struct errbuf e = { 0 };
    struct net_doc *doc;
    const struct net_router *r;
    int blue;

    if (net_doc_parse(&doc, "n.yaml", base_text, sizeof base_text - 1, &e))
        fail_msg("%s", e.text);
    assert_int_equal(doc->n_routers, 1);
    r = &doc->routers[0];
    assert_int_equal(r->gateway, 0);
    assert_int_equal(r->n_legs, 3);
    assert_true(r->legs[2].is_outside);
    assert_false(r->legs[0].is_outside);
    assert_int_equal(r->mac >> 40 & 3, 2); /* one station's, locally administered */
    assert_int_equal(r->routes[0].leg, 2);
    assert_int_equal(r->n_source_nats, 2);
    assert_int_equal(r->source_nats[0].first.family, 0);
    assert_int_equal(r->source_nats[1].port_max, 2047);
    assert_int_equal(r->source_nats[0].host_limit, 0);
    assert_int_equal(r->source_nats[1].host_limit, 77);
    assert_int_equal(r->forwards[0].to.bytes[3], 1);
    assert_int_equal(r->forwards[0].to_port, 80);
    assert_int_equal(r->forwards[1].to_port, 53);
    assert_int_equal(r->one_to_ones[0].inside.bytes[2], 20);
    blue = net_doc_network(doc, "blue");
    assert_int_equal(doc->networks[blue].dhcp->lease_s, 7200);
    assert_int_equal(doc->networks[0].mtu, 1400);
    assert_int_equal(doc->networks[blue].mtu, NET_MTU);
    assert_ptr_equal(net_doc_leg(doc, blue), &r->legs[1]);
    assert_null(net_doc_leg(doc, net_doc_network(doc, "alone")));
    assert_int_equal(net_doc_gateway(doc, 0, 6)->bytes[15], 0xfe);
    assert_null(net_doc_gateway(doc, blue, 6));
    assert_string_equal(r->dns->domain, "a.example");
    assert_int_equal(r->dns->n_forward, 2);
    assert_int_equal(r->dns->forward[1].bytes[15], 0x53);
    assert_string_equal(doc->networks[blue].dhcp->domain, "a.example"); /* it does not say another */
    assert_int_equal(doc->networks[blue].dhcp->dns[0].bytes[0], 9);     /* but it says this */
    assert_int_equal(doc->n_policies, 2);
    assert_int_equal(doc->policies[0].n_from, 2);
    assert_int_equal(doc->policies[0].from[1].kind, NET_SIDE_OUTSIDE);
    assert_int_equal(doc->policies[0].n_to, 2); /* both addresses of h1 */
    assert_int_equal(doc->policies[0].to[1].prefix.prefix_len, 128);
    assert_true(doc->policies[0].is_allowed);
    assert_false(doc->policies[1].is_allowed);
    assert_int_equal(doc->policies[1].to[0].prefix.prefix_len, 28);
    net_doc_free(doc);
}

/* Of a document whose smallest MTU is 1400. */
static void test_mss(void **state)
{
    static const struct {
        const char *value;
        uint16_t mss, mss6;
    } values[] = { { "auto", 1360, 1340 }, { "536", 536, 536 }, { "8960", 8960, 8960 } };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct errbuf e = { 0 };
        struct net_doc *doc = NULL;
        char text[400];

        snprintf(
            text, sizeof text,
            "networks:\n  a: {vlan: 10, subnet: 10.0.0.0/24, mtu: 1400}\n  b: {vlan: 20, subnet: 10.0.1.0/24}\n"
            "switches: {s1: {datapath_id: 1}}\nrouters: {r: {networks: {a: 10.0.0.254, b: 10.0.1.254}, mss: %s}}\n",
            values[i].value);
        assert_int_equal(net_doc_parse(&doc, "n.yaml", text, strlen(text), &e), 0);
        assert_int_equal(doc->routers[0].mss, values[i].mss);
        assert_int_equal(doc->routers[0].mss6, values[i].mss6);
        net_doc_free(doc);
    }
}

static void test_mistakes(void **state)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const char *at = strstr(base_text, mistakes[i].find);
        struct errbuf e = { 0 };
        struct net_doc *doc = NULL;
        char *text = NULL;
        int err;

        if (!at)
            fail_msg("the fixture does not have '%s'", mistakes[i].find);
        if (asprintf(&text, "%.*s%s%s", (int)(at - base_text), base_text, mistakes[i].replace,
                     at + strlen(mistakes[i].find)) < 0)
            fail_msg("out of memory");
        err = net_doc_parse(&doc, "n.yaml", text, strlen(text), &e);
        if (err != -EINVAL || doc)
            fail_msg("%s: got %d", mistakes[i].what, err);
        if (strncmp(e.text, "n.yaml:", 7) != 0 || strncmp(e.text + 7, mistakes[i].want, strlen(mistakes[i].want)) != 0)
            fail_msg("%s: \"%s\"", mistakes[i].what, e.text);
        free(text);
    }
}

/* Without a router, each of its own: a document that is refused for one thing only. */
static void test_more_mistakes(void **state)
{
    static const char *const texts[][2] = {
        { "networks: {n: {vlan: 1, subnet: 'fd00:1::/64'}}\nswitches: {s1: {datapath_id: 1}}\n"
          "routers: {r: {gateway: s1, networks: {n: 'fd00:1::1'}, outside: n, nat64: {}}}\n",
          "n.yaml:3: router r: nat64 needs a network outside where it has an IPv4 address" },
        { "networks: {n: {vlan: 1, subnet: 'fd00:1::/64'}}\nswitches: {s1: {datapath_id: 1}}\n"
          "routers: {r: {networks: {n: 'fd00:1::1'}, nptv6: [{inside: 'fd00:1::/48', outside: '2001:db8:1::/48'}]}}\n",
          "n.yaml:3: router r: nptv6 needs a network outside" },
        { "networks: {n: {vlan: 1, subnet: 10.0.0.0/8}}\nswitches: {s1: {datapath_id: 1}}\n"
          "routers: {r: {networks: {n: 10.0.0.1}, nat64: {}}}\n",
          "n.yaml:3: router r: nat64 needs a network outside where it has an IPv4 address" },
        { "networks: {n: {vlan: 1, subnet: 10.0.0.0/8, dhcp: {range: [10.0.1.0, 10.1.1.0]}}}\nswitches: {s1: {datapath_id: 1}}\n"
          "routers: {r: {networks: {n: 10.0.0.1}}}\n",
          "n.yaml:1: network n: dhcp: 65537 addresses are too many; 65536 are possible" },
        { "controller: none\nnetworks: {n: {vlan: 1, guard: true}}\nswitches: {s1: {datapath_id: 1}}\n",
          "n.yaml:2: network n: guard needs a controller; the document says controller: none" },
        { "controller: none\nnetworks: {n: {vlan: 1}}\nswitches: {s1: {datapath_id: 1}}\n"
          "policies: [{name: p, from: any, to: any, action: deny}]\n",
          "n.yaml:4: policies need a controller; the document says controller: none" },
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct errbuf e = { 0 };
        struct net_doc *doc = NULL;

        assert_int_equal(net_doc_parse(&doc, "n.yaml", texts[i][0], strlen(texts[i][0]), &e), -EINVAL);
        assert_string_equal(e.text, texts[i][1]);
    }
}

static void test_every_prefix(void **state)
{
    for (size_t len = 0; len < sizeof base_text; len++) {
        struct errbuf e = { 0 };
        struct net_doc *doc;

        if (!net_doc_parse(&doc, "n.yaml", base_text, len, &e))
            net_doc_free(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),          cmocka_unit_test(test_mss),          cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_more_mistakes), cmocka_unit_test(test_every_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_net_doc.c - a good network document, and every kind of mistake with the sentence it gets. */
#include "net/net_doc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char good[] =
    "description: |\n"
    "  Two networks,\n"
    "  two switches.\n"
    "networks:\n"
    "  red:  {vlan: 10, subnet: 10.0.10.0/24}\n"
    "  blue: {vlan: 20, subnet: [10.0.20.0/24, 'fd00:20::/64']}\n"
    "  free: {vlan: 30}\n"
    "switches:\n"
    "  s1: {datapath_id: 0x11}\n"
    "  s2: {datapath_id: 12, fail_mode: standalone, ports: {p7: {network: red, shared: true}, 9: {network: blue}}}\n"
    "  s3: {datapath_id: 13}\n"
    "links:\n"
    "  - [s1:to2, s2:to1]\n"
    "  - {ends: [s2:8, s3:8], kind: external}\n"
    "hosts:\n"
    "  h1: {network: red, switch: s1, address: 10.0.10.1}\n"
    "  h2: {network: blue, switch: s2, port: 9, address: [10.0.20.2/24, 'fd00:20::2'], mac: 02:00:00:00:0a:02}\n"
    "  h3: {network: red, switch: s2, port: p7, address: 10.0.10.3, kind: vm}\n"
    "  h4: {network: red, switch: s2, port: p7, kind: external}\n"
    "  h5: {network: blue, switch: s3, address: ['fd00:20::5', 10.0.20.5], attach: netdev}\n"
    "  h6: {network: free, switch: s1, address: 192.0.2.6/25}\n"
    "expect:\n"
    "  - {ping: works, from: h1, to: h3}\n"
    "  - {tcp: fails, from: h1, to: [h2, h5], port: 80, within: 300ms}\n"
    "  - {udp: works, from: h2, to: h5, family: 6}\n"
    "  - {flood: once, from: all}\n"
    "  - {cut: [s2:to1, s1:to2]}\n"
    "  - {restore: [s1:to2, s2:to1]}\n";

static struct net_doc *parse_good(void)
{
    struct errbuf e = { 0 };
    struct net_doc *doc = NULL;

    if (net_doc_parse(&doc, "dir/two.yaml", good, sizeof good - 1, &e))
        fail_msg("%s", e.text);
    return doc;
}

static void test_good_networks(void **state)
{
    struct net_doc *doc = parse_good();
    char text[ADDR_TEXT_SIZE];

    assert_string_equal(doc->name, "two");
    assert_string_equal(doc->description, "Two networks,\ntwo switches.\n");
    assert_true(doc->is_controlled);
    assert_int_equal(doc->n_networks, 3);
    assert_int_equal(doc->networks[1].vlan, 20);
    assert_int_equal(doc->networks[1].line, 6);
    assert_int_equal(doc->networks[1].n_subnets, 2);
    assert_string_equal(ip_prefix_format(&doc->networks[1].subnets[1], text, sizeof text), "fd00:20::/64");
    assert_int_equal(doc->networks[2].n_subnets, 0);
    assert_int_equal(doc->n_switches, 3);
    assert_true(doc->switches[0].datapath_id == 0x11);
    assert_int_equal(doc->switches[0].fail_mode, NET_FAIL_SECURE);
    assert_int_equal(doc->switches[1].fail_mode, NET_FAIL_STANDALONE);
    assert_int_equal(doc->switches[1].n_ports, 2);
    assert_string_equal(doc->switches[1].ports[0].port.name, "p7");
    assert_true(doc->switches[1].ports[0].is_shared);
    assert_int_equal(doc->switches[1].ports[1].port.number, 9);
    assert_int_equal(doc->switches[1].ports[1].network, 1);
    assert_int_equal(net_doc_switch_by_id(doc, 13), 2);
    assert_int_equal(net_doc_switch_by_id(doc, 14), NET_NONE);
    assert_int_equal(net_doc_switch(doc, "s3"), 2);
    assert_int_equal(net_doc_network(doc, "green"), NET_NONE);
    net_doc_free(doc);
}

static void test_good_hosts(void **state)
{
    struct net_doc *doc = parse_good();
    char text[ADDR_TEXT_SIZE];

    assert_int_equal(doc->n_links, 2);
    assert_int_equal(doc->links[1].kind, NET_LINK_EXTERNAL);
    assert_int_equal(doc->links[1].end[1].sw, 2);
    assert_int_equal(doc->links[1].end[1].port.number, 8);
    assert_string_equal(doc->links[0].end[1].port.name, "to1");
    assert_int_equal(doc->n_hosts, 6);
    assert_string_equal(doc->hosts[0].at.port.name, "h1");
    assert_int_equal(doc->hosts[0].addresses[0].prefix_len, 24);
    assert_int_equal(doc->hosts[0].attach, NET_ATTACH_TAP);
    assert_true(doc->hosts[0].mac >> 40 == 2);
    assert_true(doc->hosts[1].mac == UINT64_C(0x020000000a02));
    assert_int_equal(doc->hosts[2].attach, NET_ATTACH_NETDEV);
    assert_true(doc->hosts[3].mac == 0);
    assert_int_equal(doc->hosts[4].attach, NET_ATTACH_NETDEV);
    assert_string_equal(ip_prefix_format(&doc->hosts[4].addresses[0], text, sizeof text), "fd00:20::5/64");
    assert_int_equal(doc->hosts[5].addresses[0].prefix_len, 25);
    assert_int_equal(net_doc_host(doc, "h6"), 5);
    assert_int_equal(net_doc_host(doc, "h7"), NET_NONE);
    for (size_t i = 0; i < doc->n_hosts; i++) {
        const struct net_host *h = &doc->hosts[i];

        for (int n = 0; n < (int)doc->n_networks; n++) {
            if (h->mac)
                assert_int_equal(net_doc_host_by_mac(doc, n, h->mac), n == h->network ? (int)i : NET_NONE);
            for (size_t j = 0; j < h->n_addresses; j++)
                assert_int_equal(net_doc_host_by_address(doc, n, &h->addresses[j]),
                                 n == h->network ? (int)i : NET_NONE);
        }
    }
    net_doc_free(doc);
}

static void test_good_expect(void **state)
{
    struct net_doc *doc = parse_good();

    assert_int_equal(doc->n_expects, 6);
    assert_true(doc->expects[0].must_work);
    assert_int_equal(doc->expects[0].within_ms, 5000);
    assert_int_equal(doc->expects[0].link, NET_NONE);
    assert_int_equal(doc->expects[1].kind, NET_EXPECT_TCP);
    assert_false(doc->expects[1].must_work);
    assert_int_equal(doc->expects[1].n_to, 2);
    assert_int_equal(doc->expects[1].to[1], 4);
    assert_int_equal(doc->expects[1].port, 80);
    assert_int_equal(doc->expects[1].within_ms, 300);
    assert_int_equal(doc->expects[2].port, NET_EXPECT_PORT);
    assert_int_equal(doc->expects[2].family, 6);
    assert_int_equal(doc->expects[3].n_from, 6);
    assert_int_equal(doc->expects[4].kind, NET_EXPECT_CUT);
    assert_int_equal(doc->expects[4].link, 0);
    assert_int_equal(doc->expects[5].kind, NET_EXPECT_RESTORE);
    net_doc_free(doc);
}

/* Every mistake is a piece put into (or instead of a piece of) this document, whose lines are:
 * 1-3 networks, 4-7 switches, 8-9 links, 10-13 hosts, 14-15 expect. */
static const char base_text[] =
    "networks:\n"
    "  red: {vlan: 10, subnet: 10.0.10.0/24}\n"
    "  blue: {vlan: 20, subnet: 'fd00:20::/64'}\n"
    "switches:\n"
    "  s1: {datapath_id: 11}\n"
    "  s2: {datapath_id: 12, ports: {p7: {network: red}, p8: {network: red, shared: yes}}}\n"
    "  s3: {datapath_id: 13}\n"
    "links:\n"
    "  - [s1:to2, s2:to1]\n"
    "hosts:\n"
    "  h1: {network: red, switch: s1, address: 10.0.10.1}\n"
    "  h2: {network: red, switch: s2, address: 10.0.10.2, mac: 02:00:00:00:00:02}\n"
    "  h3: {network: blue, switch: s2, address: 'fd00:20::3'}\n"
    "expect:\n"
    "  - {ping: works, from: h1, to: h2}\n";

#define LINK "[s1:to2, s2:to1]"
#define TRY "{ping: works, from: h1, to: h2}"

static const struct {
    const char *what, *find, *replace; /* find NULL: `replace` is the whole document */
    const char *want;                  /* the sentence begins so, after "n.yaml:" */
} mistakes[] = {
    { "empty", NULL, "", " the document is empty" },
    { "no map", NULL, "- 1\n", "1: a map (key: value) is expected here, not a list" },
    { "no networks", NULL, "switches: {s1: {datapath_id: 1}}\n", "1: the key 'networks' is missing" },
    { "no switches", NULL, "networks: {a: {vlan: 1}}\n", "1: the key 'switches' is missing" },
    { "empty switches", NULL, "networks: {a: {vlan: 1}}\nswitches: {}\n", "2: 0 entries are too few" },
    { "unknown key", "links:", "lines:", "8: the key 'lines' is not known here" },
    { "unknown key of a network", "{vlan: 10,", "{vlam: 10,", "2: the key 'vlam' is not known here" },
    { "unknown key of a switch", "{datapath_id: 13", "{dpid: 13", "7: the key 'dpid' is not known here" },
    { "unknown key of a port", "shared: yes", "chared: yes", "6: the key 'chared' is not known here" },
    { "unknown key of a link", "- " LINK, "- {end: " LINK "}", "9: the key 'end' is not known here" },
    { "unknown key of a host", "mac: 02", "mack: 02", "12: the key 'mack' is not known here" },
    { "unknown key of an expectation", "{ping: works, from", "{pong: works, from",
      "15: the key 'pong' is not known here" },
    { "key twice", "s3: {", "s1: {", "7: " },
    { "controller", "links:", "controller: ryu\nlinks:", "8: controller: 'ryu' is not one of: trama, none" },
    { "name", "links:", "name: a b\nlinks:", "8: name: 'a b' contains a character" },
    { "long name", "red: {", "a2345678901234567890123456789012: {", "2: 'a2345678901234567890123456789012" },
    { "description", "links:", "description: [a]\nlinks:", "8: description: text is expected here, not a list" },

    { "vlan 0", "vlan: 10", "vlan: 0", "2: vlan: 0 is out of range: 1 to 4094 are possible" },
    { "vlan 4095", "vlan: 10", "vlan: 4095", "2: vlan: 4095 is out of range: 1 to 4094 are possible" },
    { "no vlan", "vlan: 10, ", "", "2: the key 'vlan' is missing" },
    { "vlan twice", "vlan: 20", "vlan: 10", "3: network blue has VLAN 10, which network red has already" },
    { "subnet", "subnet: 10.0.10.0/24", "subnet: 10.0.10.0/33", "2: " },
    { "subnet with host bits", "subnet: 10.0.10.0/24", "subnet: 10.0.10.1/24", "2: " },
    { "subnets overlap", "subnet: 10.0.10.0/24", "subnet: [10.0.10.0/24, 10.0.0.0/16]",
      "2: network red: the subnets 10.0.10.0/24 and 10.0.0.0/16 overlap" },

    { "no datapath id", "datapath_id: 13", "fail_mode: secure", "7: the key 'datapath_id' is missing" },
    { "datapath id 0", "datapath_id: 13", "datapath_id: 0", "7: " },
    { "datapath id twice", "datapath_id: 13", "datapath_id: 0xb",
      "7: switch s3 has datapath id 0xb, which switch s1 has already" },
    { "fail mode", "{datapath_id: 13", "{fail_mode: open, datapath_id: 13",
      "7: fail_mode: 'open' is not one of: secure, standalone" },
    { "port without network", "p7: {network: red}", "p7: {shared: no}", "6: the key 'network' is missing" },
    { "port of unknown network", "p7: {network: red}", "p7: {network: rot}",
      "6: port p7 of switch s2: there is no network 'rot'" },
    { "port with bad name", "p7: {network: red}", "a/b: {network: red}", "6: 'a/b' is not a port" },
    { "port with long name", "p7: {network: red}", "p234567890123456: {network: red}",
      "6: 'p234567890123456' is not a port" },
    { "port number twice", "p7: {network: red}, p8", "7: {network: red}, 07", "6: port 7 of switch s2 is there twice" },
    { "port number 0", "p7: {network: red}", "0: {network: red}",
      "6: 0 is not a port number: 1 to 4294967040 are possible" },
    { "port number too high", "p7: {network: red}", "4294967041: {network: red}",
      "6: 4294967041 is not a port number" },

    { "link with one end", LINK, "[s1:to2]", "9: links: a link has two ends, as in [s1:to2, s2:to1]" },
    { "link is text", LINK, "s1:to2", "9: links: a link has two ends" },
    { "link without ends", LINK, "{kind: veth}", "9: the key 'ends' is missing" },
    { "link of unknown kind", LINK, "{ends: " LINK ", kind: rope}", "9: kind: 'rope' is not one of: veth, external" },
    { "end without port", LINK, "[s1, s2:to1]", "9: links: 's1' is not an end of a link: SWITCH:PORT is expected" },
    { "end with empty port", LINK, "['s1:', s2:to1]", "9: links: '' is not a port" },
    { "link to unknown switch", LINK, "[s1:to2, s4:to1]", "9: link: there is no switch 's4'" },
    { "link to itself", LINK, "[s1:to2, s1:to1]", "9: link: both ends are on switch s1" },
    { "port of two links", LINK "\n", LINK "\n  - [s3:x, s2:to1]\n",
      "10: link: port to1 of switch s2 is used already by a link (line 9)" },
    { "link on a declared port", LINK, "[s1:to2, s2:p7]",
      "9: link: port p7 of switch s2 is used already by the ports of s2 (line 6)" },

    { "host without network", "network: red, switch: s1", "switch: s1", "11: the key 'network' is missing" },
    { "host without switch", "switch: s1, ", "", "11: the key 'switch' is missing" },
    { "host of unknown network", "network: red, switch: s1", "network: rot, switch: s1",
      "11: host h1: there is no network 'rot'" },
    { "host of unknown switch", "switch: s1,", "switch: s9,", "11: host h1: there is no switch 's9'" },
    { "host called all", "h1: {", "all: {", "11: a host cannot be called 'all'" },
    { "host's name no port", "h1: {network", "h234567890123456: {network",
      "11: host h234567890123456: the key 'port' is missing, and the host's name cannot be a port's" },
    { "port of two hosts", "h1: {network: red, switch: s1", "h1: {network: red, switch: s2, port: h2",
      "12: host h2: port h2 of switch s2 is used already by host h1 (line 11)" },
    { "host on a link's port", "h1: {network: red, switch: s1", "h1: {network: red, switch: s1, port: to2",
      "11: host h1: port to2 of switch s1 is used already by a link (line 9)" },
    { "host on a port of another network", "h3: {network: blue, switch: s2", "h3: {network: blue, switch: s2, port: p7",
      "13: host h3 is of network blue, but port p7 of switch s2 is declared (line 6) as one of network red" },
    { "two hosts on a declared port",
      "expect:", "  h4: {network: red, switch: s2, port: p7}\n  h5: {network: red, switch: s2, port: p7}\nexpect:",
      "15: host h5: port p7 of switch s2 is used already by host h4; a port for several has `shared: true`" },
    { "address outside", "10.0.10.1}", "10.0.11.1}",
      "11: host h1: the address 10.0.11.1 is outside of the subnet of network red" },
    { "address of other family", "10.0.10.1}", "'fd00:20::1'}",
      "11: host h1: the address fd00:20::1 is outside of the subnet" },
    { "address is the subnet", "10.0.10.1}", "10.0.10.0}",
      "11: host h1: the address 10.0.10.0 is that of the subnet itself" },
    { "address is broadcast", "10.0.10.1}", "10.0.10.255}",
      "11: host h1: the address 10.0.10.255 is that of the subnet itself" },
    { "address with other prefix", "10.0.10.1}", "10.0.10.1/25}",
      "11: host h1: the address 10.0.10.1/25 does not have the prefix length of the subnet 10.0.10.0/24" },
    { "address without prefix", "{vlan: 10, subnet: 10.0.10.0/24}", "{vlan: 10}",
      "11: host h1: the address 10.0.10.1 needs a prefix length" },
    { "address twice", "10.0.10.2,", "10.0.10.1,", "12: host h2 has address 10.0.10.1, which host h1 has already" },
    { "address twice in one host", "10.0.10.1}", "[10.0.10.1, 10.0.10.1]}",
      "11: host h1 has address 10.0.10.1, which host h1 has already" },
    { "no address", "10.0.10.1}", "ten}", "11: " },
    { "empty list of addresses", "10.0.10.1}", "[]}", "11: address: 0 entries are too few" },
    { "mac", "02:00:00:00:00:02", "02:00:00:00:00", "12: " },
    { "mac of a group", "02:00:00:00:00:02", "03:00:00:00:00:02",
      "12: mac: the MAC address '03:00:00:00:00:02' cannot belong to one station" },
    { "mac twice", "address: 10.0.10.1}", "address: 10.0.10.1, mac: 02:00:00:00:00:02}",
      "12: host h2 has MAC address 02:00:00:00:00:02, which host h1 has already" },
    { "kind", "address: 10.0.10.1}", "kind: docker}", "11: kind: 'docker' is not one of: netns, vm, external" },
    { "attach", "address: 10.0.10.1}", "attach: glue}", "11: attach: 'glue' is not one of: tap, netdev" },
    { "attach of a vm", "address: 10.0.10.1}", "kind: vm, attach: tap}",
      "11: host h1: attach: tap is for hosts of kind netns" },

    { "no verb", "ping: works, ", "",
      "15: expect: an entry has one of the keys ping, tcp, udp, flood, cut, restore; this one has 0" },
    { "two verbs", "ping: works, ", "ping: works, tcp: fails, ",
      "15: expect: an entry has one of the keys ping, tcp, udp, flood, cut, restore; this one has 2" },
    { "neither works nor fails", "ping: works", "ping: maybe", "15: expect: 'maybe' is not one of: works, fails" },
    { "no from", "from: h1, ", "", "15: expect: the key 'from' is missing" },
    { "no to", ", to: h2", "", "15: expect: the key 'to' is missing" },
    { "unknown host", "to: h2", "to: [h2, h9]", "15: expect: there is no host 'h9'" },
    { "only itself", "to: h2", "to: h1", "15: expect: 'from' and 'to' name no two different hosts" },
    { "port with ping", "to: h2", "to: h2, port: 5", "15: expect: 'port' does not go with ping" },
    { "listen with ping", "to: h2", "to: h2, listen: 5", "15: expect: 'listen' does not go with ping" },
    { "at with a prefix", "to: h2", "to: h2, at: 10.0.0.1/8",
      "15: expect: at: an address without prefix length is expected" },
    { "at of another family", "to: h2", "to: h2, family: 4, at: 'fd00::1'", "15: expect: 'at' is not of family 4" },
    { "port 0", "{ping: works,", "{tcp: works, port: 0,", "15: port: 0 is out of range: 1 to 65535 are possible" },
    { "family", "to: h2", "to: h2, family: 5", "15: family: '5' is not one of: 4, 6" },
    { "no common family", "to: h2", "to: h3",
      "15: expect: hosts h1 and h3 have no addresses of the same family to try" },
    { "not of the family", "to: h2", "to: h2, family: 6",
      "15: expect: hosts h1 and h2 have no addresses of the same family IPv6" },
    { "within", "to: h2", "to: h2, within: soon", "15: within: 'soon' is not a time" },
    { "flood how", TRY, "{flood: twice, from: h1}", "15: expect: 'twice' is not possible for flood" },
    { "flood from nobody", TRY, "{flood: once}", "15: expect: the key 'from' is missing" },
    { "flood to", TRY, "{flood: once, from: h1, to: h2}", "15: expect: 'to', 'port', 'listen', 'at' and 'family'" },
    { "cut of no link", TRY, "{cut: [s1:to2, s3:to1]}", "15: expect: cut names no link of the document" },
    { "cut from", TRY, "{cut: " LINK ", from: h1}",
      "15: expect: 'from', 'to', 'port', 'listen', 'at', 'family' and 'within' do not go with cut" },
    { "restore first", TRY, "{restore: " LINK "}", "15: expect: restore of a link that is not cut" },
    { "cut twice", TRY, "{cut: " LINK "}\n  - {cut: [s2:to1, s1:to2]}",
      "16: expect: cut of a link that is cut already" },
};

static char *make_text(const char *find, const char *replace)
{
    const char *at = find ? strstr(base_text, find) : NULL;
    char *out = NULL;

    if (!find)
        return strdup(replace);
    if (!at)
        fail_msg("the fixture does not have '%s'", find);
    if (asprintf(&out, "%.*s%s%s", (int)(at - base_text), base_text, replace, at + strlen(find)) < 0)
        fail_msg("out of memory");
    return out;
}

static void test_mistakes(void **state)
{
    struct net_doc *doc = NULL;
    struct errbuf e = { 0 };

    if (net_doc_parse(&doc, "n.yaml", base_text, sizeof base_text - 1, &e))
        fail_msg("the fixture itself: %s", e.text);
    net_doc_free(doc);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char *text = make_text(mistakes[i].find, mistakes[i].replace);
        int err;

        e = (struct errbuf){ 0 };
        doc = NULL;
        err = net_doc_parse(&doc, "n.yaml", text, strlen(text), &e);
        if (err != -EINVAL || doc)
            fail_msg("%s: got %d", mistakes[i].what, err);
        if (strncmp(e.text, "n.yaml:", 7) != 0 || strncmp(e.text + 7, mistakes[i].want, strlen(mistakes[i].want)) != 0)
            fail_msg("%s: \"%s\"", mistakes[i].what, e.text);
        free(text);
    }
}

/* Cut anywhere, a document is refused or good, and nothing else happens (run under sanitizers). */
static void test_every_prefix(void **state)
{
    for (size_t len = 0; len < sizeof good; len++) {
        struct net_doc *doc = NULL;
        struct errbuf e = { 0 };

        if (!net_doc_parse(&doc, "p.yaml", good, len, &e))
            net_doc_free(doc);
        else
            assert_true(e.text[0] != '\0');
    }
}

static void test_file(void **state)
{
    char path[] = "/tmp/test_net_doc.XXXXXX";
    struct errbuf e = { 0 };
    struct net_doc *doc = NULL;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, good, sizeof good - 1), sizeof good - 1);
    close(fd);
    assert_int_equal(net_doc_load(&doc, path, &e), 0);
    assert_string_equal(doc->file, path);
    net_doc_free(doc);
    unlink(path);
    assert_int_equal(net_doc_load(&doc, path, &e), -ENOENT);
    assert_non_null(strstr(e.text, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_networks), cmocka_unit_test(test_good_hosts),   cmocka_unit_test(test_good_expect),
        cmocka_unit_test(test_mistakes),      cmocka_unit_test(test_every_prefix), cmocka_unit_test(test_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

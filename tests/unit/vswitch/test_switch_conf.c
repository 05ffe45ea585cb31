/* SPDX-License-Identifier: Apache-2.0 */
/* test_switch_conf.c - vswitch/switch_conf.h: what a switch file becomes, and each kind of mistake with its sentence. */
#include "vswitch/switch_conf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct switch_conf_opts plain, with_test = { .has_test_ports = true };

static int parse(struct switch_conf *c, const char *text, const struct switch_conf_opts *opts, struct errbuf *e)
{
    e->text[0] = '\0';
    return switch_conf_parse(c, "sw.yaml", text, strlen(text), opts, e);
}

static void everything(void **state)
{
    static const char text[] =
        "run_dir: /run/there\n"
        "workers: [0]\n"
        "dpdk: {hugepages: off, mbufs: 4096, memory_mb: 77, pci: [\"0000:03:00.0\"], extra: [\"--no-telemetry\"]}\n"
        "bridges:\n"
        "  br7:\n"
        "    datapath_id: 0x1f\n"
        "    fail_mode: standalone\n"
        "    max_flows: 500\n"
        "    mac_aging: 2min\n"
        "    controllers: [\"tcp:127.0.0.1:6654\", \"ptcp:6655\","
        "                  {target: \"unix:/tmp/c.sock\", auxiliary: 3}, \"punix:/tmp/p.sock\"]\n"
        "    ports:\n"
        "      t1: {type: tap, netns: ns1, address: [10.9.0.1/24, \"fd09::1/64\"], gateway: 10.9.0.254, ofport: 3, mtu: 1400,\n"
        "           mac: \"02:00:00:00:00:0a\", queues: 2, vlan: {access: 12}, flags: [no_flood, no_packet_in]}\n"
        "      n1: {type: netdev, device: veth4, netns: ns2, mode: xdp, vlan: {trunk: [10, 20-22], native: 1}}\n"
        "      d1: {type: dpdk, devargs: \"net_null0\", ofport: 0xff, vlan: {native_tagged: 5},\n"
        "           qos: {rate: 2Gbit, queues: {5: {min: 3kbit, max: 4Mbit}, 0: {min: 6000}}}}\n"
        "      x1: {type: test, vlan: {trunk: all}}\n"
        "      x2: {type: test}\n"
        "  br8: {}\n";
    struct switch_conf c;
    struct errbuf e;

    assert_int_equal(parse(&c, text, &with_test, &e), 0);
    assert_string_equal(c.run_dir, "/run/there");
    assert_int_equal(c.n_workers, 1);
    assert_int_equal(c.cpus[0], 0);
    assert_int_equal(c.eal.hugepages, EAL_HUGEPAGES_OFF);
    assert_int_equal(c.eal.n_mbufs, 4096);
    assert_int_equal(c.eal.memory_mb, 77);
    assert_string_equal(c.eal.pci[0], "0000:03:00.0");
    assert_string_equal(c.eal.extra[0], "--no-telemetry");
    assert_int_equal(c.n_bridges, 2);

    const struct sw_bridge_conf *b = &c.bridges[0];

    assert_string_equal(b->name, "br7");
    assert_int_equal(b->datapath_id, 0x1f);
    assert_int_equal(b->fail_mode, FAIL_STANDALONE);
    assert_int_equal(b->max_flows, 500);
    assert_int_equal(b->mac_aging_s, 120);
    assert_int_equal(b->n_controllers, 4);
    assert_int_equal(b->controllers[0].target.port, 6654);
    assert_true(b->controllers[1].target.is_passive);
    assert_string_equal(b->controllers[3].target.path, "/tmp/p.sock");
    assert_int_equal(b->controllers[0].n_auxiliary, 0);
    assert_int_equal(b->controllers[2].n_auxiliary, 3);
    assert_int_equal(b->n_ports, 5);

    const struct sw_port_conf *t = &b->ports[0], *n = &b->ports[1], *d = &b->ports[2];

    assert_string_equal(t->port.name, "t1");
    assert_int_equal(t->port.type, PORT_TAP);
    assert_string_equal(t->port.netns, "ns1");
    assert_string_equal(t->port.addresses[0], "10.9.0.1/24");
    assert_string_equal(t->port.addresses[1], "fd09::1/64");
    assert_null(t->port.addresses[2]);
    assert_string_equal(t->port.gateway, "10.9.0.254");
    assert_int_equal(t->port.mac[5], 0x0a);
    assert_int_equal(t->port.mtu, 1400);
    assert_int_equal(t->port.n_queues, 2);
    assert_int_equal(t->ofport, 3);
    assert_int_equal(t->vlan.mode, VLAN_ACCESS);
    assert_int_equal(t->vlan.vid, 12);
    assert_int_equal(t->flags, PORT_FLAG_NO_FLOOD | PORT_FLAG_NO_PACKET_IN);
    assert_string_equal(n->port.device, "veth4");
    assert_true(n->port.is_xdp);
    assert_int_equal(n->vlan.mode, VLAN_NATIVE_UNTAGGED);
    assert_int_equal(n->vlan.vid, 1);
    assert_false(n->vlan.is_all);
    assert_int_equal(n->vlan.trunks[0], 1 << 1 | 1 << 10 | 7 << 20);
    assert_string_equal(d->port.devargs, "net_null0");
    assert_int_equal(d->ofport, 255);
    assert_int_equal(d->vlan.mode, VLAN_NATIVE_TAGGED);
    assert_true(d->vlan.is_all);
    assert_int_equal(d->queues.max_bps, 2000000000);
    assert_int_equal(d->queues.n_queues, 2);
    assert_int_equal(d->queues.queues[0].id, 5);
    assert_int_equal(d->queues.queues[0].min_bps, 3000);
    assert_int_equal(d->queues.queues[0].max_bps, 4000000);
    assert_int_equal(d->queues.queues[1].min_bps, 6000);
    assert_true(b->ports[3].vlan.is_all);
    assert_int_equal(b->ports[4].vlan.mode, VLAN_TRUNK);
    assert_true(b->ports[4].vlan.is_all);

    assert_int_equal(c.bridges[1].n_ports, 0);
    assert_int_equal(c.bridges[1].fail_mode, FAIL_SECURE);
    assert_int_equal(c.bridges[1].max_flows, 4000000);
    assert_int_not_equal(c.bridges[1].datapath_id, 0);
    switch_conf_fini(&c);
}

static void zones(void **state)
{
    struct switch_conf c;
    struct errbuf e;

    assert_int_equal(parse(&c,
                           "bridges: {}\nconntrack: {max: 900, zones: {7: {limit: 30, host_limit: 4, "
                           "timeouts: {udp-stream: 2min, tcp-close: 6}}, 0xffff: {}}}",
                           &plain, &e),
                     0);
    assert_int_equal(c.conns_max, 900);
    assert_int_equal(c.n_zones, 2);
    assert_int_equal(c.zones[0].zone, 7);
    assert_int_equal(c.zones[0].set.limit, 30);
    assert_int_equal(c.zones[0].set.host_limit, 4);
    assert_int_equal(c.zones[0].set.timeout_s[CONN_UDP_STREAM], 120);
    assert_int_equal(c.zones[0].set.timeout_s[CONN_TCP_CLOSE], 6);
    assert_int_equal(c.zones[0].set.timeout_s[CONN_UDP_FIRST], 0);
    assert_int_equal(c.zones[1].zone, 65535);
    switch_conf_fini(&c);
}

/* One case a kind of mistake. */
#define PORT(text) "bridges:\n  br0:\n    ports:\n      p1: " text "\n"
#define ZONES(text) "bridges: {}\nconntrack:\n  zones:\n    " text "\n"
#define BRIDGE(text) "bridges:\n  br0:\n    " text "\n"
static const struct {
    const char *text, *want;
} mistake_cases[] = {
    { "", "sw.yaml: the file is empty" },
    { "run_dir: /x\n", "sw.yaml:1: the key 'bridges' is missing" },
    { "bridges: [a\n", "sw.yaml:" },
    { "bridges: {}\nbrigdes: {}\n", "sw.yaml:2: the key 'brigdes' is not known" },
    { "bridges: {}\nbridges: {}\n", "sw.yaml:2: " },
    { "run_dir: here\nbridges: {}\n", "sw.yaml:1: run_dir 'here' must begin with '/'" },
    { "workers: []\nbridges: {}\n", "sw.yaml:1: " },
    { "workers: [0, 0]\nbridges: {}\n", "sw.yaml:1: CPU 0 is named twice" },
    { "workers: [1023]\nbridges: {}\n", "sw.yaml:1: there is no CPU 1023 here" },
    { "workers: [-1]\nbridges: {}\n", "sw.yaml:1: " },
    { "dpdk: {hugepages: maybe}\nbridges: {}\n", "sw.yaml:1: hugepages: 'maybe'" },
    { "dpdk: {mbufs: 3}\nbridges: {}\n", "sw.yaml:1: " },
    { "tls: {key: k}\nbridges: {}\n", "sw.yaml:1: the key 'certificate' is missing" },
    { "tls: {key: k, certificate: c, ca: a, cipher: x}\nbridges: {}\n", "sw.yaml:1: the key 'cipher' is not known" },
    { BRIDGE("controllers: [\"ssl:1.2.3.4\"]"), "sw.yaml:3: bridge br0: the controller ssl:1.2.3.4:6653 needs 'tls: " },
    { "bridges: {}\nconntrack: {max: 0}\n", "sw.yaml:2: max: " },
    { "bridges: {}\nconntrack: {zone: 1}\n", "sw.yaml:2: the key 'zone' is not known" },
    { ZONES("[1]"), "sw.yaml:4: zones: " },
    { ZONES("65536: {}"), "sw.yaml:4: " },
    { ZONES("red: {}"), "sw.yaml:4: " },
    { ZONES("7: {}\n    0x7: {}"), "sw.yaml:5: zone 7 stands here twice" },
    { ZONES("7: 100"), "sw.yaml:4: a map (key: value) is expected here" },
    { ZONES("7: {limit: 0}"), "sw.yaml:4: limit: " },
    { ZONES("7: {limit: 4294967296}"), "sw.yaml:4: limit: " },
    { ZONES("7: {host_limit: many}"), "sw.yaml:4: host_limit: " },
    { ZONES("7: {host-limit: 5}"), "sw.yaml:4: the key 'host-limit' is not known" },
    { ZONES("7: {timeouts: 5s}"), "sw.yaml:4: timeouts: " },
    { ZONES("7: {timeouts: {udp: 5s}}"), "sw.yaml:4: the key 'udp' is not known" },
    { ZONES("7: {timeouts: {udp-first: 0}}"), "sw.yaml:4: udp-first: " },
    { ZONES("7: {timeouts: {udp-first: 31d}}"), "sw.yaml:4: udp-first: " },
    { ZONES("7: {timeouts: {udp-first: 1500ms}}"), "sw.yaml:4: udp-first: 1500ms is not a number of whole seconds" },
    { ZONES("7: {timeouts: {udp-first: soon}}"), "sw.yaml:4: udp-first: " },
    { "bridges: [br0]\n", "sw.yaml:1: " },
    { "bridges: {\"b/r\": {}}\n", "sw.yaml:1: " },
    { BRIDGE("datapath_id: 0"), "sw.yaml:3: " },
    { BRIDGE("datapath_id: x"), "sw.yaml:3: " },
    { BRIDGE("fail_mode: open"), "sw.yaml:3: fail_mode: 'open'" },
    { BRIDGE("max_flows: 0"), "sw.yaml:3: " },
    { BRIDGE("mac_aging: 1ms"), "sw.yaml:3: " },
    { BRIDGE("controllers: tcp:1.2.3.4"), "sw.yaml:3: " },
    { BRIDGE("controllers: [{auxiliary: 1}]"), "sw.yaml:3: " },
    { BRIDGE("controllers: [{target: \"tcp:1.2.3.4\", auxiliary: 16}]"), "sw.yaml:3: " },
    { BRIDGE("controllers: [{target: \"tcp:1.2.3.4\", spare: 1}]"), "sw.yaml:3: " },
    { BRIDGE("controllers: [{target: \"ptcp:6655\", auxiliary: 1}]"),
      "sw.yaml:3: bridge br0: ptcp:6655 listens, and cannot have auxiliary connections" },
    { BRIDGE("controllers: [\"tcp:1.2.3.4\", {target: \"tcp:1.2.3.4:6653\"}]"), "sw.yaml:3: bridge br0 has the " },
    { BRIDGE("controllers: [\"udp:1.2.3.4\"]"), "sw.yaml:3: " },
    { BRIDGE("controllers: [\"tcp:1.2.3.4\", \"tcp:1.2.3.4:6653\"]"),
      "sw.yaml:3: bridge br0 has the controller tcp:1.2.3.4" },
    { BRIDGE("colour: red"), "sw.yaml:3: the key 'colour' is not known" },
    { BRIDGE("ports: [p1]"), "sw.yaml:3: " },
    { "bridges:\n  a: {datapath_id: 5}\n  b: {datapath_id: 5}\n",
      "sw.yaml:3: bridge b: datapath_id 0x5 is that of bridge a" },
    { PORT("{}"), "sw.yaml:4: the key 'type' is missing" },
    { PORT("{type: wire}"), "sw.yaml:4: type: 'wire'" },
    { PORT("{type: test}"), "sw.yaml:4: port p1: type test needs the start option --test" },
    { PORT("{type: tap, speed: 3}"), "sw.yaml:4: the key 'speed' is not known" },
    { PORT("{type: tap, ofport: 0}"), "sw.yaml:4: " },
    { PORT("{type: tap, ofport: 0xffffff01}"), "sw.yaml:4: " },
    { PORT("{type: tap, mtu: 67}"), "sw.yaml:4: " },
    { PORT("{type: tap, queues: 17}"), "sw.yaml:4: " },
    { PORT("{type: tap, mac: \"01:00:00:00:00:01\"}"), "sw.yaml:4: " },
    { PORT("{type: tap, device: eth0}"), "sw.yaml:4: port p1: a port of type tap has no device" },
    { PORT("{type: tap, devargs: x}"), "sw.yaml:4: port p1: a port of type tap has no devargs" },
    { PORT("{type: tap, mode: xdp}"), "sw.yaml:4: port p1: a port of type tap has no mode" },
    { PORT("{type: netdev, address: 10.0.0.1/24}"), "sw.yaml:4: port p1: a port of type netdev has no address" },
    { PORT("{type: netdev, gateway: 10.0.0.1}"), "sw.yaml:4: port p1: a port of type netdev has no gateway" },
    { PORT("{type: netdev, mac: \"02:00:00:00:00:01\"}"), "sw.yaml:4: port p1: a port of type netdev has no mac" },
    { PORT("{type: netdev, mode: fast}"), "sw.yaml:4: mode: 'fast'" },
    { PORT("{type: netdev, device: \"a name with spaces\"}"), "sw.yaml:4: " },
    { PORT("{type: dpdk}"), "sw.yaml:4: port p1: type dpdk needs devargs" },
    { PORT("{type: dpdk, devargs: net_null0, netns: a}"), "sw.yaml:4: port p1: a port of type dpdk has no netns" },
    { PORT("{type: tap, address: 10.0.0.1}"), "sw.yaml:4: " },
    { PORT("{type: tap, address: [10.0.0.1/24, 10.0.0.1/25]}"),
      "sw.yaml:4: port p1: address 10.0.0.1/25 stands here twice" },
    { PORT(
          "{type: tap, address: [1.0.0.1/8, 1.0.0.2/8, 1.0.0.3/8, 1.0.0.4/8, 1.0.0.5/8, 1.0.0.6/8, 1.0.0.7/8, 1.0.0.8/8]}"),
      "sw.yaml:4: port p1: 8 addresses are more than the 7" },
    { PORT("{type: tap, address: 10.0.0.1/24, gateway: \"fd00::1\"}"),
      "sw.yaml:4: port p1: a gateway needs an address of the same kind" },
    { PORT("{type: tap, gateway: 10.0.0.1}"), "sw.yaml:4: port p1: a gateway needs an address" },
    { PORT("{type: tap, vlan: 10}"), "sw.yaml:4: " },
    { PORT("{type: tap, vlan: {}}"), "sw.yaml:4: port p1: vlan says nothing" },
    { PORT("{type: tap, vlan: {access: 0}}"), "sw.yaml:4: " },
    { PORT("{type: tap, vlan: {access: 4095}}"), "sw.yaml:4: " },
    { PORT("{type: tap, vlan: {access: 10, trunk: [11]}}"), "sw.yaml:4: port p1: access does not go with trunk" },
    { PORT("{type: tap, vlan: {access: 10, native: 11}}"),
      "sw.yaml:4: port p1: access does not go with trunk or native" },
    { PORT("{type: tap, vlan: {native: 10, native_tagged: 11}}"),
      "sw.yaml:4: port p1: native and native_tagged do not" },
    { PORT("{type: tap, vlan: {trunk: []}}"), "sw.yaml:4: trunk is a list of VLANs, or all" },
    { PORT("{type: tap, vlan: {trunk: {a: 1}}}"), "sw.yaml:4: trunk is a list of VLANs, or all" },
    { PORT("{type: tap, vlan: {trunk: [[1]]}}"), "sw.yaml:4: a VLAN or a range" },
    { PORT("{type: tap, vlan: {trunk: [ten]}}"), "sw.yaml:4: 'ten' is no VLAN" },
    { PORT("{type: tap, vlan: {trunk: [10-]}}"), "sw.yaml:4: '10-' is no VLAN" },
    { PORT("{type: tap, vlan: {trunk: [-3]}}"), "sw.yaml:4: '-3' is no VLAN" },
    { PORT("{type: tap, vlan: {trunk: [4095]}}"), "sw.yaml:4: '4095' is no VLAN" },
    { PORT("{type: tap, vlan: {trunk: [20-10]}}"), "sw.yaml:4: '20-10' is no VLAN" },
    { PORT("{type: tap, vlan: {trunk: [10-12, 11]}}"), "sw.yaml:4: VLAN 11 is named twice" },
    { PORT("{type: tap, flags: [lazy]}"), "sw.yaml:4: flags: 'lazy'" },
    { PORT("{type: tap, qos: fast}"), "sw.yaml:4: " },
    { PORT("{type: tap, qos: {rate: 10}}"), "sw.yaml:4: rate: the rate '10' is out of range" },
    { PORT("{type: tap, qos: {rate: 2Tbit}}"), "sw.yaml:4: rate: '2Tbit' is not a rate" },
    { PORT("{type: tap, qos: {queues: {a: {}}}}"), "sw.yaml:4: " },
    { PORT("{type: tap, qos: {queues: {1: {}, 01: {}}}}"), "sw.yaml:4: queue 1 is there twice" },
    { PORT("{type: tap, qos: {queues: {4294967295: {}}}}"), "sw.yaml:4: queue 4294967295: the highest number" },
    { PORT("{type: tap, qos: {queues: {1: {min: 2Mbit, max: 1Mbit}}}}"), "sw.yaml:4: queue 1: min is more than max" },
    { PORT("{type: tap}\n      p1: {type: netdev}"), "sw.yaml:5: " },
    { PORT("{type: tap}\n  br1:\n    ports:\n      p1: {type: tap}"), "sw.yaml:7: port p1 stands on line 4 already" },
    { PORT("{type: tap, ofport: 4}\n      p2: {type: tap, ofport: 4}"),
      "sw.yaml:5: port p2: ofport 4 is that of port p1" },
    { PORT("{type: netdev}\n      p2: {type: netdev, device: p1}"),
      "sw.yaml:5: port p2: device p1 belongs to port p1" },
    { PORT("{type: dpdk, devargs: net_null0}\n      p2: {type: dpdk, devargs: net_null0}"),
      "sw.yaml:5: port p2: devargs 'net_null0' belong to port p1" },
    { "bridges: {br0: {ports: {a-name-of-17-bytes: {type: tap}}}}\n",
      "sw.yaml:1: port a-name-of-17-bytes: the name is the interface's too" },
    { "bridges: {br0: {ports: {a-name-that-is-longer-than-31-bytes: {type: netdev, device: a}}}}\n", "sw.yaml:1: " },
};

static void mistakes(void **state)
{
    int n_bad = 0;

    for (size_t i = 0; i < sizeof mistake_cases / sizeof *mistake_cases; i++) {
        struct switch_conf c;
        struct errbuf e;
        int err = parse(&c, mistake_cases[i].text, &plain, &e);

        if (!err || strncmp(e.text, mistake_cases[i].want, strlen(mistake_cases[i].want)))
            print_error("case %zu: %d, '%s' instead of '%s'\n", i, err, e.text, mistake_cases[i].want), n_bad++;
        assert_null(c.doc.root); /* empty: nothing to end */
    }
    assert_int_equal(n_bad, 0);
}

static void default_ids(void **state)
{
    uint64_t a = switch_conf_default_dpid("host", "/run/trama", "br0");

    assert_int_equal(a, switch_conf_default_dpid("host", "/run/trama", "br0"));
    assert_int_not_equal(a, switch_conf_default_dpid("host2", "/run/trama", "br0"));
    assert_int_not_equal(a, switch_conf_default_dpid("host", "/run/trama2", "br0"));
    assert_int_not_equal(a, switch_conf_default_dpid("host", "/run/trama", "br1"));
    assert_int_not_equal(switch_conf_default_dpid("a", "b", "c"), switch_conf_default_dpid("a", "bc", ""));
    assert_int_equal(a >> 40 & 3, 2); /* local, not a group's */
    assert_int_equal(a >> 48, 0);

    /* The start option's run_dir counts, not the file's. */
    struct switch_conf c, d;
    struct errbuf e;

    assert_int_equal(parse(&c, "bridges: {br0: {}}", &plain, &e), 0);
    assert_int_equal(parse(&d, "bridges: {br0: {}}", &(struct switch_conf_opts){ .run_dir = "/run/other" }, &e), 0);
    assert_string_equal(c.run_dir, "/run/trama");
    assert_string_equal(d.run_dir, "/run/other");
    assert_int_not_equal(c.bridges[0].datapath_id, d.bridges[0].datapath_id);
    switch_conf_fini(&c);
    switch_conf_fini(&d);
}

static void single_ports(void **state)
{
    static const struct {
        const char *name, *text, *want; /* NULL: good */
    } cases[] = {
        { "p9", "{type: tap, netns: h1, ofport: 7}", NULL },
        { "p9", "type: netdev", NULL },
        { "p9", "", "p9: nothing is said of the port" },
        { "p9", "{type: wire}", "p9:1: type: 'wire'" },
        { "p9", "{type: tap", "p9:" },
        { "p/9", "{type: tap}", "p/9:1: " },
        { "p9", "[tap]", "p9:1: " },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sw_port_conf p;
        struct errbuf e = { { 0 } };
        struct doc d;
        int err = switch_conf_parse_port(&p, &d, cases[i].name, cases[i].text, &plain, &e);

        if (!cases[i].want != !err || (err && strncmp(e.text, cases[i].want, strlen(cases[i].want))))
            fail_msg("case %zu: %d, '%s'", i, err, e.text);
        if (err)
            continue;
        assert_string_equal(p.port.name, "p9");
        doc_fini(&d);
    }
}

static void differences(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned want;
    } cases[] = {
        { "{type: tap, netns: h1, vlan: {trunk: [3, 4]}}", "{type: tap, netns: h1, vlan: {trunk: [4, 3]}}",
          SW_PORT_SAME },
        { "{type: tap, ofport: 4}", "{type: tap}", SW_PORT_SAME }, /* any will do */
        { "{type: tap, ofport: 4}", "{type: tap, ofport: 5}", SW_PORT_NEEDS_MOVE },
        { "{type: tap}", "{type: netdev}", SW_PORT_NEEDS_OPEN },
        { "{type: tap, netns: a}", "{type: tap, netns: b}", SW_PORT_NEEDS_OPEN },
        { "{type: tap, netns: a}", "{type: tap}", SW_PORT_NEEDS_OPEN },
        { "{type: tap, mtu: 1400}", "{type: tap, mtu: 1500}", SW_PORT_NEEDS_OPEN },
        { "{type: tap, queues: 1}", "{type: tap, queues: 2}", SW_PORT_NEEDS_OPEN },
        { "{type: tap, mac: \"02:00:00:00:00:01\"}", "{type: tap, mac: \"02:00:00:00:00:02\"}", SW_PORT_NEEDS_OPEN },
        { "{type: tap, address: 10.0.0.1/8}", "{type: tap, address: [10.0.0.1/8, 10.0.0.2/8]}", SW_PORT_NEEDS_OPEN },
        { "{type: tap, vlan: {access: 3}}", "{type: tap, vlan: {access: 4}}", SW_PORT_VLAN_DIFFERS },
        { "{type: tap, flags: [down]}", "{type: tap}", SW_PORT_FLAGS_DIFFER },
        { "{type: netdev, device: a}", "{type: netdev, device: b}", SW_PORT_NEEDS_OPEN },
        { "{type: netdev, mode: xdp}", "{type: netdev}", SW_PORT_NEEDS_OPEN },
        { "{type: dpdk, devargs: net_null0}", "{type: dpdk, devargs: net_null1, flags: [no_fwd]}",
          SW_PORT_NEEDS_OPEN | SW_PORT_FLAGS_DIFFER },
        { "{type: tap, qos: {rate: 1Mbit}}", "{type: tap, qos: {rate: 1000kbit}}", SW_PORT_SAME },
        { "{type: tap, qos: {queues: {1: {}}}}", "{type: tap, qos: {queues: {2: {}}}}", SW_PORT_QUEUES_DIFFER },
        { "{type: tap, qos: {rate: 1Mbit}}", "{type: tap}", SW_PORT_QUEUES_DIFFER },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sw_port_conf a, b;
        struct errbuf e = { { 0 } };
        struct doc da, db;

        assert_int_equal(switch_conf_parse_port(&a, &da, "p", cases[i].a, &plain, &e), 0);
        assert_int_equal(switch_conf_parse_port(&b, &db, "p", cases[i].b, &plain, &e), 0);
        assert_int_equal(sw_port_conf_diff(&a, &b), cases[i].want);
        doc_fini(&da);
        doc_fini(&db);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything),  cmocka_unit_test(zones),        cmocka_unit_test(mistakes),
        cmocka_unit_test(default_ids), cmocka_unit_test(single_ports), cmocka_unit_test(differences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

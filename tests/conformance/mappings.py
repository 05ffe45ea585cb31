#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Endpoint-independent mappings of NAT, what they let in, and limits of hosts (RFC 4787, 5382, 6888), from the text of a flow to the
bytes that leave.   Exit 77: there is no ovs-ofctl."""
import socket
import struct

from differential.tracked import ACK, SYN, icmp, tcp, udp
from support.ofctl import run_if_there
from support.switch import until
from support.track import HOST, OTHER, OUTER, SERVER, TrackTest, ether, ipv6_tcp

REMOTE, STRANGER = [192, 0, 2, 10], [203, 0, 113, 80]


class Mappings(TrackTest):
    def setUp(self):
        super().setUp()
        until(lambda: not self.mappings(), "mappings stay")

    def map(self, how="mapping=endpoint-independent,filtering=endpoint-independent", src="198.51.100.7", zone=1):
        """Port 1 is inside, port 2 outside: new connections from outside only to mappings."""
        done = self.trama("flow", "add", "-f", "-", stdin="\n".join((
            f"table=0,ip,in_port=1,actions=ct(table=1,zone={zone},nat)", f"table=0,ip,in_port=2,actions=ct(table=1,zone={zone},nat(mapped))",
            f"table=1,priority=2,ct_state=+new+trk,ip,in_port=1,actions=ct(commit,zone={zone},nat(src={src},{how})),output:2",
            "table=1,priority=1,ct_state=+trk-inv,ip,in_port=1,actions=output:2",
            "table=1,priority=2,ct_state=+trk+new-dnat,ip,in_port=2,actions=drop",
            "table=1,priority=1,ct_state=+trk-inv,ip,in_port=2,actions=output:1")))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def mappings(self, *words):
        return self.sw.call("nat/mappings", *words)["mappings"]

    def sends(self, to, packet=udp, host=HOST, port=5000):
        """The outer port."""
        more = (1, 0, SYN) if packet is tcp else (b"",)
        out = self.through("in", packet(host, to, port, 53, *more), "out")
        self.assertEqual((out.src, out.dst, out.dport), (OUTER, to, 53))
        return out.sport

    def test_rfc4787_req_1_and_rfc5382_req_1_endpoint_independent_mapping(self):
        self.map()
        for packet in (udp, tcp):
            first = self.sends(SERVER, packet)
            taken = self.sends(SERVER, packet, OTHER)
            self.assertNotEqual(taken, first)
            for remote in range(20, 40):
                self.assertEqual(self.sends([192, 0, 2, remote], packet), first)
                self.assertEqual(self.sends([192, 0, 2, remote], packet, OTHER), taken)
            self.assertNotIn(self.sends(SERVER, packet, port=5002), (first, taken))
        self.assertEqual({(m["proto"], m["inside"], m["inside_port"], m["held"]) for m in self.mappings()},
                         {(p, f"10.0.0.{n}", port, held) for p in ("udp", "tcp") for n, port, held in ((1, 5000, 21), (2, 5000, 21), (1, 5002, 1))})
        self.assertEqual(len(self.mappings("address=10.0.0.2,proto=udp")), 1)
        some = self.trama("nat", "mappings", "-n", "2", "proto=udp").stdout.splitlines()
        self.assertEqual((len(some), some[-1]), (4, "... and more; --limit says how many are shown"))
        self.assertIn("'0' is not a number from 1 to", self.trama("nat", "mappings", "-n", "0").stderr)
        for filters in ("mark=1", "state=udp-first", "answered", "unanswered"):
            self.assertIn("mappings have no mark and no state", self.trama("nat", "mappings", filters).stderr)

    def asks(self, to, ident, host=HOST, kind=8):
        """The outer identifier; the answer comes back to the host with its own."""
        rest = struct.pack(">HH", ident, 1)
        out = self.through("in", icmp(host, to, kind, 0, rest, bytes(16)), "out")
        self.assertEqual((out.src, out.dst, out.l4[0]), (OUTER, to, kind))
        outer, = struct.unpack(">H", out.l4[4:6])
        back = self.through("out", icmp(to, OUTER, {8: 0, 13: 14}[kind], 0, struct.pack(">HH", outer, 1), bytes(16)), "in")
        self.assertEqual((back.src, back.dst, back.l4[4:6]), (to, host, struct.pack(">H", ident)))
        return outer

    def test_rfc5508_req_1_a_the_identifier_does_not_depend_on_the_remote_end(self):
        for filtering in ("", ",filtering=address-dependent", ",filtering=endpoint-independent"):
            self.map("mapping=endpoint-independent" + filtering)
            first, taken = self.asks(SERVER, 77), self.asks(SERVER, 77, OTHER)
            self.assertNotEqual(first, taken)
            for remote in range(20, 30):
                self.assertEqual(self.asks([192, 0, 2, remote], 77), first)
                self.assertEqual(self.asks([192, 0, 2, remote], 77, OTHER), taken)
            self.assertEqual(self.asks(REMOTE, 77, kind=13), first)
            self.assertEqual({(m["proto"], m["inside"], m["inside_port"], m["outside_port"]) for m in self.mappings("proto=icmp")},
                             {("icmp", "10.0.0.1", 77, first), ("icmp", "10.0.0.2", 77, taken)})
            self.assertIsNone(self.through("out", icmp(STRANGER, OUTER, 8, 0, struct.pack(">HH", first, 1), b"")))  # asks nobody in
            self.assertIsNone(self.through("out", icmp(STRANGER, OUTER, 0, 0, struct.pack(">HH", first, 1), b"")))
            self.sw.call("conn/flush")
            until(lambda: not self.mappings(), "the mappings stay")

    def test_rfc5508_req_1_identifiers_are_used_up(self):
        """Who has none is refused; who has one asks on."""
        self.map("mapping=endpoint-independent", src="198.51.100.7:2000-2001")
        self.assertEqual({self.asks(SERVER, 77), self.asks(REMOTE, 77, OTHER)}, {2000, 2001})
        before = self.drops("nat-ports")
        self.assertIsNone(self.through("in", icmp(HOST, STRANGER, 8, 0, b"\0\1\0\1", b"")))
        self.assertEqual(self.drops("nat-ports"), before + 1)
        self.assertIn(self.asks(STRANGER, 77), (2000, 2001))

    def test_rfc4787_req_3_no_port_is_shared(self):
        """REQ-3: two hosts never have the same outer port, though their remote ends differ."""
        self.map(src="198.51.100.7:2000-2002")
        ports = {self.sends(SERVER, host=HOST), self.sends(REMOTE, host=OTHER), self.sends(STRANGER, host=[10, 0, 0, 3])}
        self.assertEqual(ports, {2000, 2001, 2002})
        before = self.drops("nat-ports")
        self.assertIsNone(self.through("in", udp([10, 0, 0, 4], [192, 0, 2, 77], 5000, 53, b"")))
        self.assertEqual(self.drops("nat-ports"), before + 1)
        self.sends(STRANGER, host=HOST)  # it has a mapping
        self.assertEqual(len(self.mappings()), 3)

    def test_rfc4787_req_8_endpoint_independent_filtering(self):
        self.map()
        port = self.sends(SERVER)
        came = self.through("out", udp(STRANGER, OUTER, 999, port, b"hello"), "in")
        self.assertEqual((came.src, came.sport, came.dst, came.dport), (STRANGER, 999, HOST, 5000))
        back = self.through("in", udp(HOST, STRANGER, 5000, 999, b"yes?"), "out")
        self.assertEqual((back.src, back.sport), (OUTER, port))
        self.assertEqual({(c["nat"], c["answered"]) for c in self.sw.call("conn/list")["connections"]}, {("src", False), ("dst", True)})
        self.assertIsNone(self.through("out", udp(STRANGER, OUTER, 999, port + 1, b"")))
        self.assertIsNone(self.through("out", tcp(STRANGER, OUTER, 999, port, 1, 0, SYN)))  # the mapping is of UDP
        self.assertIsNone(self.through("out", icmp(STRANGER, OUTER, 8, 0, b"\0\1\0\1", b"")))

    def test_rfc5382_req_3_endpoint_independent_filtering(self):
        """A connection from outside to a port that a host has used; a stray segment begins none."""
        self.map()
        port = self.sends(SERVER, tcp)
        came = self.through("out", tcp(STRANGER, OUTER, 999, port, 7, 0, SYN), "in")
        self.assertEqual((came.dst, came.dport), (HOST, 5000))
        back = self.through("in", tcp(HOST, STRANGER, 5000, 999, 1, 8, SYN | ACK), "out")
        self.assertEqual((back.src, back.sport), (OUTER, port))
        self.assertEqual(self.through("out", tcp(STRANGER, OUTER, 999, port, 8, 2, ACK), "in").dst, HOST)
        self.assertIn("tcp-established", {c["state"] for c in self.sw.call("conn/list")["connections"]})

    def test_ipv6(self):
        host, other, outer, server, stranger = (socket.inet_pton(socket.AF_INET6, x) for x in ("fd00::1", "fd00::2", "2001:db8:1::7", "2001:db8::9", "2001:db8::80"))
        done = self.trama("flow", "add", "-f", "-", stdin="\n".join((
            "table=0,ipv6,in_port=1,actions=ct(table=1,zone=1,nat)", "table=0,ipv6,in_port=2,actions=ct(table=1,zone=1,nat(mapped))",
            "table=1,priority=2,ct_state=+new+trk,ipv6,in_port=1,actions=ct(commit,zone=1,nat(src=2001:db8:1::7,mapping=endpoint-independent,"
            "filtering=endpoint-independent)),output:2", "table=1,priority=2,ct_state=+new+dnat+trk,ipv6,in_port=2,actions=output:1")))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for src, dst, port in ((host, server, 5000), (host, stranger, 5000), (other, server, 5002)):
            self.sw.give("in", ipv6_tcp(src, dst, port, 80, 1, 0, SYN))
            self.assertEqual(self.sw.take_some("out", 1)[0], ipv6_tcp(outer, dst, port, 80, 1, 0, SYN))
        self.sw.give("out", ipv6_tcp(stranger, outer, 999, 5002, 7, 0, SYN))
        self.assertEqual(self.sw.take_some("in", 1)[0], ipv6_tcp(stranger, other, 999, 5002, 7, 0, SYN))
        self.assertEqual({(m["inside"], m["outside"], m["held"]) for m in self.mappings()}, {("fd00::1", "2001:db8:1::7", 2), ("fd00::2", "2001:db8:1::7", 2)})

    def test_rfc4787_req_8_address_dependent_filtering(self):
        self.map("mapping=endpoint-independent,filtering=address-dependent")
        port = self.sends(SERVER)
        self.assertIsNone(self.through("out", udp(STRANGER, OUTER, 53, port, b"")))
        self.assertEqual(self.through("out", udp(SERVER, OUTER, 999, port, b""), "in").dst, HOST)  # another port of the same
        self.assertEqual(self.sends(STRANGER), port)
        self.assertEqual(self.through("out", udp(STRANGER, OUTER, 999, port, b""), "in").dst, HOST)

    def test_rfc4787_req_8_address_and_port_dependent_filtering(self):
        self.map("mapping=endpoint-independent")
        port = self.sends(SERVER)
        self.assertIsNone(self.through("out", udp(SERVER, OUTER, 54, port, b"")))
        self.assertEqual(self.through("out", udp(SERVER, OUTER, 53, port, b""), "in").dst, HOST)

    def test_rfc4787_req_5_a_mapping_lives_as_long_as_one_of_its_connections(self):
        for how in ("endpoint-independent", "address-dependent"):
            self.map(f"mapping=endpoint-independent,filtering={how}")
            port = self.sends(SERVER)
            self.sw.warp(100)
            self.assertEqual(self.sends(REMOTE), port)
            self.sw.warp(100)
            until(lambda: [m["held"] for m in self.mappings()] == [1], "the mapping is held by two")
            self.sends([192, 0, 2, 11])
            self.assertEqual(len(self.mappings()), 1)
            self.sw.warp(130)
            until(lambda: not self.mappings(), "the mapping stays")
            self.assertIsNone(self.through("out", udp(REMOTE, OUTER, 53, port, b"")))

    def test_flush_takes_mappings_along(self):
        self.map()
        self.sends(SERVER)
        self.sends(REMOTE)
        self.assertEqual(self.sw.call("conn/flush", "address=192.0.2.9")["flushed"], 1)
        until(lambda: [m["held"] for m in self.mappings()] == [1], "the mapping is held by two")
        self.sw.call("conn/flush")
        until(lambda: not self.mappings(), "the mapping stays")
        self.assertIsNone(self.through("out", udp(STRANGER, OUTER, 53, 5000, b"")))

    def test_rfc6888_req_4_a_host_has_so_many_mappings(self):
        self.map(zone=6)
        self.sw.call("conn/zone", 6, "host-limit=2")
        before = self.drops("conn-host-limit")
        self.sends(SERVER, port=5000)
        self.sends(SERVER, port=5001)
        for remote in range(30, 60):
            self.sends([192, 0, 2, remote], port=5001)
        self.assertIsNone(self.through("in", udp(HOST, SERVER, 5002, 53, b"")))
        self.assertEqual(self.drops("conn-host-limit"), before + 1)
        self.sends(SERVER, host=OTHER, port=5002)
        self.sw.call("conn/flush", "port=5000")
        until(lambda: len(self.mappings("address=10.0.0.1")) == 1, "the mapping stays")
        self.sends(SERVER, port=5002)
        self.sw.call("conn/zone", 6, "host-limit=0")

    def test_a_host_begins_so_many_connections(self):
        self.nat(zone=7)
        self.sw.call("conn/zone", 7, "host-limit=3")
        for port in (5000, 5001, 5002):
            self.through("in", udp(HOST, SERVER, port, 53, b""), "out")
            self.through("out", udp(SERVER, OUTER, 53, port, b""), "in")
        self.assertIsNone(self.through("in", udp(HOST, SERVER, 5003, 53, b"")))
        self.assertIsNone(self.through("in", icmp(HOST, SERVER, 8, 0, b"\0\1\0\1", b"")))
        self.assertIsNotNone(self.through("in", udp(OTHER, SERVER, 5003, 53, b""), "out"))
        self.assertEqual(self.sw.call("conn/count")["host_limited"] >= 2, True)
        self.sw.warp(302)
        until(lambda: self.sw.call("conn/count")["count"] == 0, "connections stay")
        self.assertIsNotNone(self.through("in", udp(HOST, SERVER, 5003, 53, b""), "out"))
        self.sw.call("conn/zone", 7, "host-limit=0")

    def begins(self, n, host=HOST):
        """How many of so many connections of a host get out."""
        for i in range(n):
            self.sw.give("in", ether(udp(host, SERVER, 5000 + i, 53, b"")))
        return len(self.sw.take("out"))

    def test_rfc6888_req_4_limits_of_an_action(self):
        """host-limit of nat: as a zone's, of which the lower one counts; another flow may have another."""
        self.nat(how="src=198.51.100.7,host-limit=3", zone=9)
        before = self.drops("conn-host-limit")
        self.assertEqual((self.begins(5), self.begins(4, OTHER)), (3, 3))
        self.assertEqual(self.drops("conn-host-limit"), before + 3)
        self.sw.call("conn/zone", 9, "host-limit=2")
        self.addCleanup(self.sw.call, "conn/zone", 9, "host-limit=0")
        self.sw.call("conn/flush")
        until(lambda: self.sw.call("conn/count")["count"] == 0, "connections stay")
        self.assertEqual(self.begins(5), 2)
        self.sw.call("conn/zone", 9, "host-limit=0")
        self.nat(how="src=198.51.100.7,host-limit=4", zone=9)
        self.assertEqual(self.begins(9), 4)
        self.nat(how="src=198.51.100.7", zone=9)
        self.assertEqual(self.begins(9), 9)

    def test_rfc6888_req_4_limits_of_an_action_in_mappings(self):
        self.map("mapping=endpoint-independent,host-limit=2")
        for remote in range(30, 40):
            self.sends([192, 0, 2, remote], port=5000)
        self.sends(SERVER, port=5001)
        self.assertIsNone(self.through("in", udp(HOST, SERVER, 5002, 53, b"")))
        self.sends(SERVER, host=OTHER, port=5002)

    def test_who_is_refused_can_be_told(self):
        """What cannot be translated goes on, as new and invalid, and untranslated; it is counted."""
        done = self.trama("flow", "add", "-f", "-", stdin="table=0,ip,in_port=1,actions=ct(commit,table=1,zone=8,nat(src=198.51.100.7:2000-2001,refused=continue))\ntable=0,ip,in_port=2,actions=ct(table=2,zone=8,nat)\n"
                          "table=1,priority=9,ct_state=+trk+new+inv,ip,actions=output:3\ntable=1,ct_state=+trk-inv,ip,actions=output:2\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for host in (HOST, OTHER):
            outer = self.through("in", udp(host, SERVER, 5000, 53, b""), "out")
            self.assertEqual(outer.src, OUTER)
            self.sw.give("out", ether(udp(SERVER, OUTER, 53, outer.sport, b"")))  # or it would give its port away
        until(lambda: len(self.sw.call("conn/list", "answered")["connections"]) == 2, "not answered")
        before = self.drops("nat-ports")
        for _ in range(2):
            seen = self.through("in", udp([10, 0, 0, 3], SERVER, 5000, 53, b""), "third")
            self.assertEqual((seen.src, seen.sport), ([10, 0, 0, 3], 5000))
        self.assertEqual(self.drops("nat-ports"), before + 2)
        self.assertEqual(self.through("in", udp(OTHER, SERVER, 5000, 53, b""), "out").src, OUTER)
        self.assertEqual(self.sw.call("conn/count")["count"], 2)

    def test_text_comes_back(self):
        for nat in ("src=198.51.100.7,mapping=endpoint-independent", "src=198.51.100.7-198.51.100.9:2000-3000,random,mapping=endpoint-independent,filtering=address-dependent",
                    "dst=10.0.0.1,refused=continue", "mapped", "src=198.51.100.7:5-6,mapping=endpoint-independent,host-limit=4294967295", "src,host-limit=1", "src=[2001:db8::1]:5-6,mapping=endpoint-independent,filtering=endpoint-independent"):
            kind = "ipv6" if "2001" in nat else "ip"
            self.assertEqual(self.trama("flow", "add", f"table=9,{kind},actions=ct(commit,table=10,zone=3,nat({nat}))").stderr, "")
            self.assertIn(f"nat({nat})", self.trama("flow", "dump", f"table=9,{kind}").stdout)

    def test_refused(self):
        for words, nat in (("mapping needs src", "dst=10.0.0.1,mapping=endpoint-independent"), ("mapping needs src", "src,mapping=endpoint-independent"),
                           ("filtering needs mapping", "src=10.0.0.1,filtering=address-dependent"), ("mapped stands alone", "src=10.0.0.1,mapped"),
                           ("'address-dependent' is none of", "src=10.0.0.1,mapping=address-dependent"), ("'x' is none of", "src=10.0.0.1,mapping=x"),
                           ("'filtering' is none of", "src=10.0.0.1,filtering"), ("'refused' is none of", "src=10.0.0.1,refused=never"),
                           ("host-limit needs src", "dst=10.0.0.1,host-limit=4"), ("host-limit is 1 at least", "src=10.0.0.1,host-limit=0"),
                           ("host-limit", "src=10.0.0.1,host-limit=4294967296"), ("host-limit", "src=10.0.0.1,host-limit"), ("host-limit", "mapped,host-limit=3"),
                           ("refused=continue needs table", "src=10.0.0.1,refused=continue")):
            done = self.trama("flow", "add", f"table=9,ip,actions=ct(commit,nat({nat}))")
            self.assertEqual(done.returncode == 0, False, nat)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    run_if_there()

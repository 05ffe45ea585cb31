#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The action nptv6: one IPv6 prefix for another, and no checksum changes (RFC 6296)."""
import struct
import unittest

from differential.tracked import ACK
from nat64 import ETH, icmp6, ip6, tcp6, udp6
from support import wire
from support.switch import SwitchTest, run

TRAMA = 0x7472616d
INSIDE, OUTSIDE = bytes.fromhex("fd010203040500000000000000000000"), bytes.fromhex("20010db8000100000000000000000000")
HOST, SEEN = bytes.fromhex("fd010203040500010000000000001234"), bytes.fromhex("20010db80001d5500000000000001234")  # RFC 6296, 3.1
REMOTE, ROUTER = bytes.fromhex("20010db8ffff00000000000000000009"), bytes.fromhex("20010db8ffff000000000000000000fe")


def nptv6(is_in, inside=INSIDE, outside=OUTSIDE, lengths=(48, 48)):
    return wire.action(0xffff, struct.pack(">IHBBB3x16s16s", TRAMA, 2, is_in, *lengths, inside, outside))


class Nptv6(SwitchTest):
    PORTS = {"in": 1, "out": 2}

    def setUp(self):
        super().setUp()
        self.both()

    def both(self, **how):
        for port, other in ((1, 2), (2, 1)):
            self.c.do(wire.flow_mod(wire.apply(nptv6(port == 2, **how)), wire.goto(1), table=0, match=wire.match(in_port=port, eth_type=0x86dd)))
            self.c.do(wire.flow_mod(wire.apply(wire.output(other)), table=1, match=wire.match(in_port=port)))

    def becomes(self, port, packet, want):
        self.sw.give(port, ETH + b"\x86\xdd" + packet)
        self.assertEqual(self.sw.take_some("out" if port == "in" else "in", 1)[0], ETH + b"\x86\xdd" + want)

    def test_every_transport(self):
        for make in (lambda a, b: udp6(a, b, 5000, 53, b"odd"), lambda a, b: tcp6(a, b, 5000, 80, 1, 2, ACK, b"data"),
                     lambda a, b: icmp6(a, b, 128, 0, bytes(4), b"data"), lambda a, b: ip6(a, b, 50, bytes(range(32)))):
            self.becomes("in", make(HOST, REMOTE), make(SEEN, REMOTE))
            self.becomes("out", make(REMOTE, SEEN), make(REMOTE, HOST))

    def test_fragments(self):
        for at, more in ((0, 1), (8, 0)):
            fragment = struct.pack(">BBHI", 17, 0, at | more, 7) + bytes(8)
            self.becomes("in", ip6(HOST, REMOTE, 44, fragment), ip6(SEEN, REMOTE, 44, fragment))

    def test_others_pass(self):
        self.becomes("in", udp6(ROUTER, REMOTE, 1, 2, b""), udp6(ROUTER, REMOTE, 1, 2, b""))
        self.becomes("out", udp6(REMOTE, ROUTER, 1, 2, b""), udp6(REMOTE, ROUTER, 1, 2, b""))
        self.becomes("out", udp6(SEEN, REMOTE, 1, 2, b""), udp6(SEEN, REMOTE, 1, 2, b""))  # only the destination is looked at

    def test_errors(self):
        """The packet within is as the host sent it, and as the outside has seen it."""
        sent, seen = udp6(HOST, REMOTE, 5000, 53, b"question"), udp6(SEEN, REMOTE, 5000, 53, b"question")
        self.becomes("out", icmp6(ROUTER, SEEN, 3, 0, bytes(4), seen), icmp6(ROUTER, HOST, 3, 0, bytes(4), sent))
        answer, outside = udp6(REMOTE, HOST, 53, 5000, b"answer"), udp6(REMOTE, SEEN, 53, 5000, b"answer")
        self.becomes("in", icmp6(HOST, REMOTE, 1, 4, bytes(4), answer), icmp6(SEEN, REMOTE, 1, 4, bytes(4), outside))

    def test_a_table_sees_the_new_address(self):
        self.c.do(wire.flow_mod(wire.apply(wire.output(0xfffffff8)), table=1, priority=0xffff,
                                match=wire.match(eth_type=0x86dd, ipv6_src=int.from_bytes(SEEN, "big"))))
        self.sw.give("in", ETH + b"\x86\xdd" + udp6(HOST, REMOTE, 1, 2, b""))
        self.assertEqual(self.sw.take_some("in", 1)[0], ETH + b"\x86\xdd" + udp6(SEEN, REMOTE, 1, 2, b""))

    def test_what_has_no_other_address_is_dropped(self):
        """RFC 6296, 3.4: the subnet that is all ones."""
        before = self.sw.call("stats")["drops"]["nptv6"]
        self.sw.give("in", ETH + b"\x86\xdd" + udp6(HOST[:6] + b"\xff\xff" + HOST[8:], REMOTE, 1, 2, b""))
        self.sw.give("out", ETH + b"\x86\xdd" + udp6(REMOTE, SEEN[:6] + b"\xff\xff" + SEEN[8:], 1, 2, b""))
        self.assertEqual((self.sw.take("in"), self.sw.take("out")), ([], []))
        self.assertEqual(self.sw.call("stats")["drops"]["nptv6"], before + 2)

    def test_long_prefixes(self):
        """RFC 6296, 3.5."""
        self.c.do(wire.flow_mod(command=wire.DELETE, table=wire.ALL_TABLES))
        self.both(inside=HOST[:8] + bytes(8), outside=OUTSIDE[:7] + b"\2" + bytes(8), lengths=(64, 64))
        there = OUTSIDE[:7] + b"\2" + bytes.fromhex("d54e") + HOST[10:]
        self.becomes("in", udp6(HOST, REMOTE, 1, 2, b"x"), udp6(there, REMOTE, 1, 2, b"x"))
        self.becomes("out", udp6(REMOTE, there, 1, 2, b"x"), udp6(REMOTE, HOST, 1, 2, b"x"))

    def test_refused(self):
        six = wire.match(eth_type=0x86dd)
        for bad, name in ((nptv6(2), "neither in nor out"), (nptv6(0, lengths=(48, 65)), "65 bits"), (nptv6(0, lengths=(0, 48)), "no bits"),
                          (nptv6(0, inside=HOST), "bits behind it")):
            self.refused(wire.flow_mod(wire.apply(bad), match=six), wire.BAD_ACTION, 5, name)
        self.refused(wire.flow_mod(wire.apply(nptv6(0)), match=wire.match(eth_type=0x0800)), wire.BAD_ACTION, 10, "of IPv4")
        self.refused(wire.flow_mod(wire.write(nptv6(0)), match=six), wire.BAD_ACTION, 3, "in an action set")


if __name__ == "__main__":
    run()

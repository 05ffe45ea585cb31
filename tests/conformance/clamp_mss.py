#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The action clamp_mss: what a TCP SYN announces is lowered, with the checksum, and nothing else changes (RFC 9293, 3.2; RFC 1624)."""
import struct
import unittest

from differential.tracked import ACK, SYN, tcp, udp
from nat64 import ETH, HOST, OTHER, ip6, sum6
from support import wire
from support.switch import SwitchTest, run

TRAMA, A, B = 0x7472616d, [10, 0, 0, 1], [10, 0, 0, 2]
NOP, SACK, SCALE = b"\1", b"\4\2", b"\3\3\7"


def clamp(mss):
    return wire.action(0xffff, struct.pack(">IHH4x", TRAMA, 3, mss))


def mss(n):
    return struct.pack(">BBH", 2, 4, n)


def four(options, flags=SYN, data=b""):
    return b"\x08\0" + tcp(A, B, 5000, 80, 7, 0, flags, options=options.ljust((len(options) + 3) // 4 * 4, b"\0"), data=data)


def six(options, flags=SYN, data=b""):
    options = options.ljust((len(options) + 3) // 4 * 4, b"\0")
    h = struct.pack(">HHIIBBHHH", 5000, 80, 7, 0, (20 + len(options)) // 4 << 4, flags, 1000, 0, 0) + options + data
    return b"\x86\xdd" + ip6(HOST, OTHER, 6, h[:16] + struct.pack(">H", sum6(HOST, OTHER, 6, h)) + h[18:])


class ClampMss(SwitchTest):
    PORTS = {"in": 1, "out": 2}

    def clamp_to(self, n, **match):
        for family in (0x0800, 0x86dd):
            self.c.do(wire.flow_mod(wire.apply(clamp(n), wire.output(2)), match=wire.match(eth_type=family, ip_proto=6, **match)))

    def becomes(self, packet, want):
        self.sw.give("in", ETH + packet)
        self.assertEqual(self.sw.take_some("out", 1)[0].hex(), (ETH + want).hex())

    def test_lowered(self):
        self.clamp_to(1360)
        for make in (four, six):
            for flags in (SYN, SYN | ACK):
                self.becomes(make(mss(1460), flags), make(mss(1360), flags))
                self.becomes(make(mss(65535), flags, b"fast open"), make(mss(1360), flags, b"fast open"))
                self.becomes(make(SACK + SCALE + mss(1361) + NOP, flags), make(SACK + SCALE + mss(1360) + NOP, flags))
                self.becomes(make(NOP + mss(9000), flags), make(NOP + mss(1360), flags))  # at an odd place

    def test_not_raised_not_added(self):
        self.clamp_to(1360)
        for make in (four, six):
            for options in (mss(1360), mss(1359), mss(0), b"", SACK + SCALE):
                self.becomes(make(options), make(options))
            self.becomes(make(mss(1460), ACK), make(mss(1460), ACK))  # no SYN

    def test_malformed(self):
        """From what cannot be read on nobody reads."""
        self.clamp_to(1360)
        for options in (b"\2\3\xff\xff", b"\2\6\xff\xff\0\0", b"\2\0" + b"\xff" * 6, b"\2\1" + b"\xff" * 2, b"\5\0" + mss(1460), b"\5\x30" + mss(1460) + b"\0\0",
                        b"\0" + NOP + mss(1460), NOP * 3 + b"\2", NOP * 2 + b"\2\4", NOP + b"\2\4\xff"):
            self.becomes(four(options), four(options))

    def test_others_pass(self):
        self.c.do(wire.flow_mod(wire.apply(clamp(1360), wire.output(2)), match=wire.match(eth_type=0x0800, ip_proto=6)))
        self.c.do(wire.flow_mod(wire.apply(wire.output(2)), priority=1, match=wire.match(in_port=1)))
        self.becomes(b"\x08\0" + udp(A, B, 5000, 80, mss(1460)), b"\x08\0" + udp(A, B, 5000, 80, mss(1460)))
        cut = four(mss(1460))  # a fragment that has the ports, but not all of the header
        cut = cut[:2] + tcp(A, B, 5000, 80, 7, 0, SYN)[:6] + b"\x20\0" + cut[10:]
        short = cut[:4] + struct.pack(">H", 40) + cut[6:42]
        self.becomes(short, short)

    def test_before_another_table(self):
        """A copy that went out before stays as it was, and a later table has the frame."""
        for family in (0x0800, 0x86dd):
            self.c.do(wire.flow_mod(wire.apply(wire.output(0xfffffff8), clamp(1000)), wire.goto(1), match=wire.match(eth_type=family, ip_proto=6)))
        self.c.do(wire.flow_mod(wire.apply(wire.output(2)), table=1, match=wire.match(in_port=1)))
        for make in (four, six):
            self.becomes(make(mss(1460)), make(mss(1000)))
            self.assertEqual(self.sw.take_some("in", 1)[0], ETH + make(mss(1460)))

    def test_refused(self):
        tcp4 = wire.match(eth_type=0x0800, ip_proto=6)
        self.refused(wire.flow_mod(wire.apply(clamp(0)), match=tcp4), wire.BAD_ACTION, 5, "nothing")
        self.refused(wire.flow_mod(wire.apply(clamp(1360)), match=wire.match(eth_type=0x0800, ip_proto=17)), wire.BAD_ACTION, 10, "of UDP")
        self.refused(wire.flow_mod(wire.apply(clamp(1360)), match=wire.match(eth_type=0x0800)), wire.BAD_ACTION, 10, "of IP")
        self.refused(wire.flow_mod(wire.write(clamp(1360)), match=tcp4), wire.BAD_ACTION, 3, "in an action set")
        self.refused(wire.flow_mod(wire.apply(wire.action(0xffff, struct.pack(">IHH12x", TRAMA, 3, 1))), match=tcp4), wire.BAD_ACTION, 1, "too long")


if __name__ == "__main__":
    run()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nat64 in the action ct: IPv6 hosts talk to IPv4 ones (RFC 6146), header by header (RFC 7915), for every form of address
(RFC 6052).  What is expected is put together here, from the RFCs' tables."""
import struct
import unittest

from differential.tracked import ACK, SYN, icmp, ip, tcp, total, udp
from support import wire
from support.switch import SwitchTest, run, until

OUTER, SERVER, ROUTER = [198, 51, 100, 7], [192, 0, 2, 33], [192, 0, 2, 1]
HOST, OTHER, ROUTER6 = (bytes.fromhex("20010db8" + "00" * 10 + x) for x in ("0005", "0006", "00fe"))
WELL_KNOWN = bytes.fromhex("0064ff9b" + "00" * 12)
ETH = bytes.fromhex("020000000002" "020000000001")
NICIRA, TRAMA, ONE = 0x2320, 0x7472616d, 1
NEW, INV, TRK, SNAT, DNAT = 1, 16, 32, 64, 128
HOP_BY_HOP = 0


def six(v4, prefix=WELL_KNOWN):
    return prefix[:12] + bytes(v4)


def ip6(src, dst, proto, payload, ttl=64, tos=0):
    return struct.pack(">IHBB", 6 << 28 | tos << 20, len(payload), proto, ttl) + src + dst + payload


def sum6(src, dst, proto, data):
    return total(src + dst + struct.pack(">IHBB", len(data), 0, 0, proto) + data)


def tcp6(src, dst, sport, dport, seq, ack, flags, data=b""):
    h = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 1000, 0, 0) + data
    return ip6(src, dst, 6, h[:16] + struct.pack(">H", sum6(src, dst, 6, h)) + h[18:])


def udp6(src, dst, sport, dport, data, **more):
    h = struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data
    return ip6(src, dst, 17, h[:6] + struct.pack(">H", sum6(src, dst, 17, h) or 0xffff) + h[8:], **more)


def icmp6(src, dst, kind, code, rest, data, **more):
    h = struct.pack(">BBH4s", kind, code, 0, rest) + data
    return ip6(src, dst, 58, h[:2] + struct.pack(">H", sum6(src, dst, 58, h)) + h[4:], **more)


def with_df(packet, df, ident=0):
    h = packet[:4] + struct.pack(">HH", ident, 0x4000 if df else 0) + packet[8:10] + bytes(2) + packet[12:20]
    return h[:10] + struct.pack(">H", total(h)) + h[12:] + packet[20:]


def unsettled(packet):
    """Without what the translator chooses: the identification and the header's checksum."""
    assert total(packet[:20]) == 0, "the IP header's checksum is wrong"
    return packet[:4] + packet[6:10] + packet[12:]


def ct(*inner, zone=1, table=0xff, commit=False):
    body = b"".join(inner)
    return wire.action(0xffff, struct.pack(">IHHIHB3xH", NICIRA, 35, commit, 0, zone, table, 0) + body)


NAT, MAPPED = (wire.action(0xffff, struct.pack(">IH2xHH", NICIRA, 36, flags, 0)) for flags in (0, 0x1000))
ENDPOINT_INDEPENDENT, LETS_ALL_IN, LETS_ADDRESS_IN = 0x8000, 0x2000, 0x4000


def nat64(prefix=WELL_KNOWN, length=96, src=OUTER, last=None, ports=(0, 0), flags=0, host_limit=0):
    return wire.action(0xffff, struct.pack(">IHBxHHH2xI4s4s16s", TRAMA, 1, length, flags, *ports, host_limit, bytes(src), bytes(last or src), prefix))


def of(state, mask, eth_type):
    return wire.match(struct.pack(">HBBII", 1, 105 << 1 | 1, 8, state, mask), eth_type=eth_type)


class Nat64(SwitchTest):
    PORTS = {"in": 1, "out": 2}

    def setUp(self):
        super().setUp()
        self.sw.call("conn/flush")
        until(lambda: not self.sw.call("nat/mappings")["mappings"], "mappings stay")

    def add(self, table, match, *actions, priority=10):
        self.c.do(wire.flow_mod(wire.apply(*actions), table=table, match=match, priority=priority))

    def nat(self, **how):
        self.add(0, wire.match(eth_type=0x86dd), ct(NAT, table=1))
        self.add(0, wire.match(eth_type=0x0800), ct(MAPPED if how.get("flags") else NAT, table=1))
        self.add(1, of(NEW | TRK, NEW | TRK, 0x86dd), ct(nat64(**how), commit=True), wire.output(2))
        self.add(1, of(SNAT | TRK, SNAT | TRK | INV, 0x0800), wire.output(2)) # the same, as long as there is no answer
        self.add(1, of(TRK, NEW | TRK | INV, 0x86dd), wire.output(1))
        self.add(1, of(DNAT | TRK, DNAT | TRK | INV, 0x86dd), wire.output(1), priority=20) # what a mapping lets in

    def drops(self, why):
        return self.sw.call("stats")["drops"].get(why, 0)

    def give(self, port, packet, tag=b""):
        self.sw.give(port, ETH + tag + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00") + packet)

    def taken(self, port, n=1, tag=b""):
        packets = []
        for f in self.sw.take_some(port, n):
            at = 12 + len(tag)
            self.assertEqual(f[:at], ETH + tag)
            is_v6 = f[at:at + 2] == b"\x86\xdd"
            packet = f[at + 2:]
            packets.append(packet[:(40 + struct.unpack(">H", packet[4:6])[0]) if is_v6 else struct.unpack(">H", packet[2:4])[0]])
        return packets

    def nothing(self):
        for port in self.PORTS:
            self.assertEqual(self.sw.take(port), [])

    def out(self, packet, want, tag=b""):
        """From IPv6 to IPv4: `want` without identification."""
        self.give("in", packet, tag)
        got, = self.taken("out", tag=tag)
        self.assertEqual(unsettled(got), unsettled(want))
        return got

    def back(self, packet, want, tag=b""):
        self.give("out", packet, tag)
        self.assertEqual(self.taken("in", tag=tag)[0], want)

    def test_udp_there_and_back(self):
        self.nat()
        self.out(udp6(HOST, six(SERVER), 5000, 53, b"question"), with_df(udp(OUTER, SERVER, 5000, 53, b"question"), False))
        self.out(udp6(HOST, six(SERVER), 5000, 53, b"question"), with_df(udp(OUTER, SERVER, 5000, 53, b"question"), False))
        self.back(udp(SERVER, OUTER, 53, 5000, b"answer"), udp6(six(SERVER), HOST, 53, 5000, b"answer"))
        self.out(udp6(HOST, six(SERVER), 5000, 53, b"again"), with_df(udp(OUTER, SERVER, 5000, 53, b"again"), False))
        one, = self.sw.call("conn/list")["connections"]
        self.assertEqual((one["original"]["dst"], one["reply"]["src"], one["reply"]["dst"]), ("64:ff9b::c000:221", "192.0.2.33", "198.51.100.7"))

    def test_filters_know_both_families(self):
        self.nat(flags=ENDPOINT_INDEPENDENT)
        self.out(udp6(HOST, six(SERVER), 5000, 53, b"x"), with_df(udp(OUTER, SERVER, 5000, 53, b"x"), False))
        for address, n in (("2001:db8::5", 1), ("64:ff9b::c000:221", 1), ("198.51.100.7", 1), ("192.0.2.33", 1), ("192.0.2.34", 0), ("::c000:221", 0)):
            self.assertEqual(len(self.sw.call("conn/list", "address=" + address)["connections"]), n, address)
        self.assertEqual(len(self.sw.call("nat/mappings", "address=198.51.100.7")["mappings"]), 1)

    def test_every_form_of_address(self):
        """RFC 6052, 2.4."""
        host = bytes.fromhex("fd" + "00" * 14 + "05")  # not in any of these
        for prefix, length, address in (("20010db8", 32, "20010db8c0000221"), ("20010db801", 40, "20010db801c000020021"),
                                        ("20010db80122", 48, "20010db80122c000000221"), ("20010db8012203", 56, "20010db8012203c000000221"),
                                        ("20010db801220344", 64, "20010db80122034400c0000221"),
                                        ("20010db801220344", 96, "20010db80122034400000000c0000221")):
            with self.subTest(length):
                self.c.do(wire.flow_mod(command=wire.DELETE, table=wire.ALL_TABLES))
                port = 6000 + length
                there = bytes.fromhex(address.ljust(32, "0"))
                self.nat(prefix=bytes.fromhex(prefix.ljust(32, "0")), length=length)
                self.out(udp6(host, there, port, 53, b"x"), with_df(udp(OUTER, SERVER, port, 53, b"x"), False))
                self.back(udp(SERVER, OUTER, 53, port, b"y"), udp6(there, host, 53, port, b"y"))
                # an error's sender gets an address of that form
                self.give("out", icmp(SERVER, OUTER, 3, 3, bytes(4), udp(OUTER, SERVER, port, 53, b"x")))
                self.assertEqual(self.taken("in")[0][8:24], there)

    def test_tcp(self):
        self.nat()
        there, back = (HOST, six(SERVER), 5000, 80), (SERVER, OUTER, 80, 5000)
        self.out(tcp6(*there, 100, 0, SYN), with_df(tcp(OUTER, SERVER, 5000, 80, 100, 0, SYN), False))
        self.back(tcp(*back, 900, 101, SYN | ACK), tcp6(six(SERVER), HOST, 80, 5000, 900, 101, SYN | ACK))
        self.out(tcp6(*there, 101, 901, ACK, b"hello"), with_df(tcp(OUTER, SERVER, 5000, 80, 101, 901, ACK, data=b"hello"), False))
        one, = self.sw.call("conn/list")["connections"]
        self.assertEqual((one["state"], one["packets"]), ("tcp-established", [2, 1]))

    def test_nobody_comes_in_unasked(self):
        self.nat()
        self.give("out", udp(SERVER, OUTER, 53, 5000, b""))
        self.nothing()

    def test_two_hosts_with_one_port(self):
        self.nat()
        self.out(udp6(HOST, six(SERVER), 5000, 53, b""), with_df(udp(OUTER, SERVER, 5000, 53, b""), False))
        self.give("in", udp6(OTHER, six(SERVER), 5000, 53, b""))
        port, = struct.unpack(">H", self.taken("out")[0][20:22])
        self.assertNotEqual(port, 5000)
        self.assertEqual(port % 2, 0)
        self.back(udp(SERVER, OUTER, 53, port, b"to the other"), udp6(six(SERVER), OTHER, 53, 5000, b"to the other"))
        self.back(udp(SERVER, OUTER, 53, 5000, b"to the one"), udp6(six(SERVER), HOST, 53, 5000, b"to the one"))

    def test_ports_and_addresses_are_used_up(self):
        self.nat(last=[198, 51, 100, 8], ports=(2000, 2001))
        before = self.drops("nat-ports")
        used = set()
        for port in range(5000, 5004):
            self.give("in", udp6(HOST, six(SERVER), port, 53, b""))
            packet, = self.taken("out")
            used.add((packet[12:16], packet[20:22]))
            self.back(udp(SERVER, list(packet[12:16]), 53, *struct.unpack(">H", packet[20:22]), b""), udp6(six(SERVER), HOST, 53, port, b""))
        self.assertEqual(used, {(bytes([198, 51, 100, a]), struct.pack(">H", p)) for a in (7, 8) for p in (2000, 2001)})
        self.give("in", udp6(HOST, six(SERVER), 5004, 53, b""))
        self.nothing()
        self.assertEqual(self.drops("nat-ports"), before + 1)

    def test_echo(self):
        """Type and identifier (RFC 7915, 4.2 and 5.2)."""
        self.nat()
        rest = struct.pack(">HH", 77, 1)
        self.out(icmp6(HOST, six(SERVER), 128, 0, rest, b"data"), with_df(icmp(OUTER, SERVER, 8, 0, rest, b"data"), False))
        self.back(icmp(SERVER, OUTER, 0, 0, rest, b"data"), icmp6(six(SERVER), HOST, 129, 0, rest, b"data"))
        self.give("in", icmp6(OTHER, six(SERVER), 128, 0, rest, b"odd"))
        second = self.taken("out")[0][24:28]
        self.assertNotEqual(second, rest)
        self.back(icmp(SERVER, OUTER, 0, 0, second, b"odd"), icmp6(six(SERVER), OTHER, 129, 0, rest, b"odd"))

    def test_rfc5508_req_1_a_the_identifier_does_not_depend_on_the_remote_end(self):
        self.nat(flags=ENDPOINT_INDEPENDENT)
        rest = struct.pack(">HH", 77, 1)
        self.out(icmp6(HOST, six(SERVER), 128, 0, rest, b""), with_df(icmp(OUTER, SERVER, 8, 0, rest, b""), False))
        seconds = []
        for remote in (SERVER, [192, 0, 2, 30], [192, 0, 2, 31]):
            self.give("in", icmp6(OTHER, six(remote), 128, 0, rest, b""))
            seconds.append(self.taken("out")[0][24:26])
            self.back(icmp(remote, OUTER, 0, 0, seconds[-1] + b"\0\1", b""), icmp6(six(remote), OTHER, 129, 0, rest, b""))
        self.assertEqual((len(set(seconds)), seconds[0] == rest[:2]), (1, False))

    def test_traffic_class_and_hop_limit(self):
        self.nat()
        want = udp(OUTER, SERVER, 5000, 53, b"x")
        want = with_df(bytes([0x45, 0xb9]) + want[2:8] + bytes([17]) + want[9:], False)
        self.out(udp6(HOST, six(SERVER), 5000, 53, b"x", ttl=17, tos=0xb9), want)
        answer = udp(SERVER, OUTER, 53, 5000, b"y")
        self.back(with_df(bytes([0x45, 0x2e]) + answer[2:8] + bytes([9]) + answer[9:], True),
                  udp6(six(SERVER), HOST, 53, 5000, b"y", ttl=9, tos=0x2e))

    def test_behind_a_vlan_tag(self):
        self.nat()
        tag = bytes.fromhex("81000064")
        self.out(udp6(HOST, six(SERVER), 5000, 53, b"x"), with_df(udp(OUTER, SERVER, 5000, 53, b"x"), False), tag)
        self.back(udp(SERVER, OUTER, 53, 5000, b"y"), udp6(six(SERVER), HOST, 53, 5000, b"y"), tag)

    def test_udp_without_a_checksum(self):
        """RFC 7915, 4.5: it gets one."""
        self.nat()
        self.out(udp6(HOST, six(SERVER), 5000, 53, b"x"), with_df(udp(OUTER, SERVER, 5000, 53, b"x"), False))
        self.back(udp(SERVER, OUTER, 53, 5000, b"odd", False), udp6(six(SERVER), HOST, 53, 5000, b"odd"))

    def test_df(self):
        """RFC 7915, 5.1: only what is 1260 bytes or less may be cut on the way, and has an identification."""
        self.nat()
        for n, df in ((1260, False), (1261, True)):
            data = bytes(n - 28)
            got = self.out(udp6(HOST, six(SERVER), 5000, 53, data), with_df(udp(OUTER, SERVER, 5000, 53, data), df))
            self.assertTrue(not df or got[4:6] == bytes(2))

    def test_options_and_extension_headers_are_left_out(self):
        self.nat()
        plain = udp6(HOST, six(SERVER), 5000, 53, b"x")
        extended = ip6(HOST, six(SERVER), HOP_BY_HOP, bytes([60, 0, 1, 4, 0, 0, 0, 0]) + bytes([17, 1, 1, 12]) + bytes(12) + plain[40:])
        self.out(extended, with_df(udp(OUTER, SERVER, 5000, 53, b"x"), False))
        for options in (b"\1\1\1\0", b"\1\x83\7\x08" + bytes(4)):  # the second: a source route that has been gone
            self.back(self.with_options(options), udp6(six(SERVER), HOST, 53, 5000, b"y"))

    def with_options(self, options):
        answer = udp(SERVER, OUTER, 53, 5000, b"y", False)
        h = bytes([0x45 + len(options) // 4]) + answer[1:2] + struct.pack(">H", len(answer) + len(options)) + answer[4:10] + bytes(2) + answer[12:20] + options
        return h[:10] + struct.pack(">H", total(h)) + h[12:] + answer[20:]

    def test_what_has_a_source_route_to_go_is_dropped(self):
        """RFC 7915, 4.1 and 5.1."""
        self.nat()
        self.out(udp6(HOST, six(SERVER), 5000, 53, b"x"), with_df(udp(OUTER, SERVER, 5000, 53, b"x"), False))
        for kind in (0x83, 0x89):
            before = self.drops("nat-frame")
            self.give("out", self.with_options(bytes([1, kind, 7, 4, *ROUTER])))
            self.nothing()
            self.assertEqual(self.drops("nat-frame"), before + 1)

    def test_ipv6_fragments(self):
        """RFC 7915, 5.1.1; RFC 6146, 3.4: in any order, one packet for the connection."""
        self.nat()
        data = bytes(range(200))
        body = udp6(HOST, six(SERVER), 5000, 53, data)[40:]
        pieces = [ip6(HOST, six(SERVER), 44, struct.pack(">BBHI", 17, 0, at | (at + 104 < len(body)), 0x12345678) + body[at:at + 104])
                  for at in range(0, len(body), 104)]
        for p in reversed(pieces):
            self.nothing()
            self.give("in", p)
        got, = self.taken("out")
        self.assertEqual(got, with_df(udp(OUTER, SERVER, 5000, 53, data), False, 0x5678))

    def check_pieces(self, pieces, ident, whole):
        body = b""
        for i, p in enumerate(pieces):
            self.assertLessEqual(len(p), 1280)
            self.assertEqual((p[6], p[8:40]), (44, whole[8:40]))
            kind, _, at, seen = struct.unpack(">BBHI", p[40:48])
            self.assertEqual((kind, at, seen), (17, len(body) | (i < len(pieces) - 1), ident))
            body += p[48:]
        self.assertEqual(body, whole[40:])

    def test_large_ipv4_without_df_is_cut(self):
        """RFC 7915, 4: IPv6 routers do not, so it fits the smallest MTU; the identification is the packet's."""
        self.nat()
        self.out(udp6(HOST, six(SERVER), 5000, 53, b"x"), with_df(udp(OUTER, SERVER, 5000, 53, b"x"), False))
        data = bytes(range(256)) * 5
        whole = udp6(six(SERVER), HOST, 53, 5000, data)
        self.give("out", with_df(udp(SERVER, OUTER, 53, 5000, data), False, 0x4321))
        self.check_pieces(self.taken("in", 2), 0x4321, whole)
        self.back(with_df(udp(SERVER, OUTER, 53, 5000, data), True), whole)
        # the same in fragments
        packet = udp(SERVER, OUTER, 53, 5000, data)
        for at in (800, 0):
            part = packet[20:][at:at + 800]
            h = with_df(ip(SERVER, OUTER, 17, part), False, 0x99)
            h = h[:6] + struct.pack(">H", (0 if at else 0x2000) | at // 8) + bytes([64, 17, 0, 0]) + h[12:20]
            self.give("out", h[:10] + struct.pack(">H", total(h)) + h[12:] + part)
        self.check_pieces(self.taken("in", 2), 0x99, whole)

    def sent(self):
        """Packets of a host, and what IPv4 has seen of them."""
        self.nat()
        for packet in (udp6(HOST, six(SERVER), 5000, 53, b"question"), tcp6(HOST, six(SERVER), 5000, 80, 1, 0, SYN),
                       icmp6(HOST, six(SERVER), 128, 0, struct.pack(">HH", 5, 1), b"data")):
            self.give("in", packet)
            yield packet, self.taken("out")[0]

    def test_errors_from_ipv4(self):
        """RFC 7915, 4.2: type, code, MTU and pointer; inside is what the host sent, as much as the error has of it."""
        cases = [((3, 0, 0), (1, 0, 0)), ((3, 1, 0), (1, 0, 0)), ((3, 2, 0), (4, 1, 6)), ((3, 3, 0), (1, 4, 0)), ((3, 4, 1400), (2, 0, 1420)),
                 ((3, 4, 1000), (2, 0, 1280)), ((3, 5, 0), (1, 0, 0)), ((3, 9, 0), (1, 1, 0)), ((3, 10, 0), (1, 1, 0)), ((3, 13, 0), (1, 1, 0)),
                 ((11, 0, 0), (3, 0, 0)), ((11, 1, 0), (3, 1, 0)), ((12, 0, 8 << 24), (4, 0, 7)), ((12, 2, 16 << 24), (4, 0, 24))]
        for packet, seen in self.sent():
            for quoted in (28, len(seen)):
                for (kind, code, rest), (kind6, code6, rest6) in cases:
                    with self.subTest((seen[9], quoted, kind, code)):
                        self.back(icmp(ROUTER, OUTER, kind, code, struct.pack(">I", rest), seen[:quoted]),
                                  icmp6(six(ROUTER), HOST, kind6, code6, struct.pack(">I", rest6), packet[:quoted + 20]))

    def test_errors_that_ipv6_has_no_word_for(self):
        for _, seen in self.sent():
            for kind, code, rest in ((3, 14, 0), (3, 16, 0), (4, 0, 0), (5, 1, 0), (12, 0, 6 << 24), (12, 1, 0)):
                before = self.drops("nat-frame")
                self.give("out", icmp(ROUTER, OUTER, kind, code, struct.pack(">I", rest), seen))
                self.nothing()
                self.assertEqual(self.drops("nat-frame"), before + 1, (kind, code))

    def test_errors_of_unknown_mtu(self):
        """RFC 7915, 4.2: a router that tells none; the plateaus of RFC 1191, 7.1."""
        for _, seen in self.sent():
            for size, mtu in ((2000, 1492), (9000, 8166), (1400, 1260)):
                self.give("out", icmp(ROUTER, OUTER, 3, 4, bytes(4), seen[:2] + struct.pack(">H", size) + seen[4:28]))
                self.assertEqual(self.taken("in")[0][44:48], struct.pack(">I", mtu + 20))

    def test_extensions_of_errors_are_left_out(self):
        """RFC 4884: what stands behind the packet that the error is about; the length is that of another header."""
        self.nat()
        packet = udp6(HOST, six(SERVER), 5000, 53, bytes(100))
        self.give("in", packet)
        seen, = self.taken("out")
        told = seen + bytes(-len(seen) % 4)
        self.back(icmp(ROUTER, OUTER, 11, 0, struct.pack(">BBH", 0, len(told) // 4, 0), told + bytes.fromhex("2000") + bytes(10)),
                  icmp6(six(ROUTER), HOST, 3, 0, bytes(4), packet + bytes(-len(seen) % 4)))

    def test_errors_from_ipv6(self):
        """RFC 7915, 5.2; the translator speaks for routers, whose addresses IPv4 cannot have."""
        self.nat()
        self.out(udp6(HOST, six(SERVER), 5000, 53, b"x"), with_df(udp(OUTER, SERVER, 5000, 53, b"x"), False))
        answer = with_df(udp(SERVER, OUTER, 53, 5000, b"an answer"), True)
        inside = udp6(six(SERVER), HOST, 53, 5000, b"an answer")
        cases = [((1, 0, 0), (3, 1, 0)), ((1, 1, 0), (3, 10, 0)), ((1, 2, 0), (3, 1, 0)), ((1, 3, 0), (3, 1, 0)), ((1, 4, 0), (3, 3, 0)),
                 ((2, 0, 1400), (3, 4, 1380)), ((3, 0, 0), (11, 0, 0)), ((3, 1, 0), (11, 1, 0)), ((4, 0, 7), (12, 0, 8 << 24)),
                 ((4, 0, 8), (12, 0, 12 << 24)), ((4, 0, 24), (12, 0, 16 << 24)), ((4, 1, 6), (3, 2, 0))]
        for (kind6, code6, rest6), (kind, code, rest) in cases:
            for source in (HOST, ROUTER6):
                self.give("in", icmp6(source, six(SERVER), kind6, code6, struct.pack(">I", rest6), inside))
                got, = self.taken("out")
                want = with_df(icmp(OUTER, SERVER, kind, code, struct.pack(">I", rest), with_df(answer, False)), False)
                self.assertEqual(unsettled(got), unsettled(want), (kind6, code6))
        for kind6, code6, rest6 in ((1, 5, 0), (4, 2, 0), (4, 0, 2), (4, 0, 40)):
            before = self.drops("nat-frame")
            self.give("in", icmp6(HOST, six(SERVER), kind6, code6, struct.pack(">I", rest6), inside))
            self.nothing()
            self.assertEqual(self.drops("nat-frame"), before + 1, (kind6, code6))

    def test_rfc6146_a_source_in_the_prefix_is_dropped(self):
        """RFC 6146, 3.5: else what it sends, and what answers, might go round for ever."""
        self.nat()
        before = self.drops("nat-frame")
        self.give("in", udp6(six(OUTER), six(SERVER), 5999, 53, b"x"))
        self.give("out", udp(SERVER, OUTER, 53, 5999, b"y"))
        self.nothing()
        self.assertEqual(self.drops("nat-frame"), before + 2)

    def test_no_other_protocol(self):
        """RFC 6146, 3.5: UDP, TCP, ICMP; and SCTP, whose checksum knows no addresses."""
        self.nat()
        before = self.drops("nat-frame")
        self.give("in", ip6(HOST, six(SERVER), 47, bytes(20)))
        self.nothing()
        self.assertEqual(self.drops("nat-frame"), before + 1)

    def test_rfc6888_req_4_limits_of_a_host(self):
        """In connections, and in mappings; each host for itself."""
        for flags, last, first in ((0, b"\x71", 45000), (ENDPOINT_INDEPENDENT, b"\x72", 45100)):
            self.nat(flags=flags, host_limit=2)
            before = self.drops("conn-host-limit")
            for port in range(first, first + 3):
                self.give("in", udp6(HOST[:-1] + last, six(SERVER), port, 53, b"x"))
            self.assertEqual(self.drops("conn-host-limit"), before + 1)
            self.taken("out", 2)

    def test_endpoint_independent_mapping(self):
        """RFC 6146, 3.5.1.1: one outer address and port towards every remote end; 3.5.1.2: who is let in then."""
        other = [192, 0, 2, 200]
        for flags, letters in ((0, ()), (LETS_ADDRESS_IN, (SERVER,)), (LETS_ALL_IN, (SERVER, other))):
            with self.subTest(flags):
                self.c.do(wire.flow_mod(command=wire.DELETE, table=wire.ALL_TABLES))
                self.sw.call("conn/flush")
                self.nat(ports=(2000, 2999), flags=ENDPOINT_INDEPENDENT | flags)
                seen = set()
                inner = 5000 + (flags >> 12)
                for remote in (SERVER, [192, 0, 2, 34], [192, 0, 2, 35]):
                    self.give("in", udp6(HOST, six(remote), inner, 53, b"x"))
                    packet, = self.taken("out")
                    seen.add(packet[20:22])
                    self.assertEqual(packet[16:20], bytes(remote))
                port, = struct.unpack(">H", *seen)
                for remote in (SERVER, other):
                    self.give("out", udp(remote, OUTER, 99, port, b"unasked"))
                    if remote not in letters:
                        self.nothing()
                        continue
                    self.assertEqual(self.taken("in")[0], udp6(six(remote), HOST, 99, inner, b"unasked"))
                    self.out(udp6(HOST, six(remote), inner, 99, b"?"), with_df(udp(OUTER, remote, port, 99, b"?"), False))
                    # an error about what came in so, and one of a router about the answer
                    self.give("in", icmp6(ROUTER6, six(remote), 1, 4, bytes(4), udp6(six(remote), HOST, 99, inner, b"unasked")))
                    self.assertEqual(self.taken("out")[0][28:], with_df(udp(remote, OUTER, 99, port, b"unasked"), False))
                    self.back(icmp(ROUTER, OUTER, 11, 0, bytes(4), udp(OUTER, remote, port, 99, b"?")),
                              icmp6(six(ROUTER), HOST, 3, 0, bytes(4), udp6(HOST, six(remote), inner, 99, b"?")))

    def test_other_destinations_stay_ipv6(self):
        self.nat()
        self.give("in", udp6(HOST, OTHER, 5000, 53, b"x"))
        self.assertEqual(self.taken("out")[0], udp6(HOST, OTHER, 5000, 53, b"x"))

    def test_refused(self):
        ARGUMENT = (wire.BAD_ACTION, 5)
        good = wire.match(eth_type=0x86dd)

        def mod(*actions):
            return wire.flow_mod(wire.apply(*actions), match=good)
        self.refused(mod(nat64()), *ARGUMENT, "outside of ct")
        self.refused(mod(ct(nat64(length=95), commit=True)), *ARGUMENT, "a length of no form")
        self.refused(mod(ct(nat64(prefix=WELL_KNOWN[:15] + b"\1"), commit=True)), *ARGUMENT, "bits behind the prefix")
        self.refused(mod(ct(nat64(prefix=WELL_KNOWN[:8] + b"\1" + bytes(7)), commit=True)), *ARGUMENT, "bits 64 to 71")
        self.refused(mod(ct(nat64(src=[0, 0, 0, 0]), commit=True)), *ARGUMENT, "no address")
        self.refused(mod(ct(nat64(last=ROUTER), commit=True)), *ARGUMENT, "a range from high to low")
        self.refused(mod(ct(nat64(ports=(9, 8)), commit=True)), *ARGUMENT, "ports from high to low")
        self.refused(mod(ct(nat64(flags=12 | 16), commit=True)), *ARGUMENT, "hash and random")
        self.refused(mod(ct(nat64(), NAT, commit=True)), *ARGUMENT, "two translations")
        self.refused(mod(wire.action(0xffff, struct.pack(">IH6x", TRAMA, 99))), wire.BAD_ACTION, 3, "a subtype that is none")


if __name__ == "__main__":
    run()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The action ct, from the text of a flow to the bytes that leave: tracking, translation, time and limits.  How ct_state comes about
frame by frame is also compared with Open vSwitch (differential/tracked.py).   Exit 77: there is no ovs-ofctl."""
import struct
import unittest

from differential.tracked import ACK, FIN, RST, SYN, icmp, ip, pseudo, tcp, total, udp
from support.ofctl import run_if_there
from support.switch import until
from support.track import ETH, HOST, OTHER, OUTER, ROUTER, SERVER, Seen, TrackTest, ether, forked, ipv6_tcp

HIDDEN = [10, 9, 9, 9]


class Tracking(TrackTest):
    def test_opens_and_closes(self):
        self.nat()
        out = self.through("in", tcp(HOST, SERVER, 5000, 80, 100, 0, SYN), "out")
        self.assertEqual((out.src, out.dst, out.sport, out.dport), (OUTER, SERVER, 5000, 80))
        back = self.through("out", tcp(SERVER, OUTER, 80, 5000, 900, 101, SYN | ACK), "in")
        self.assertEqual((back.src, back.dst, back.sport, back.dport), (SERVER, HOST, 80, 5000))
        self.through("in", tcp(HOST, SERVER, 5000, 80, 101, 901, ACK, data=b"hello"), "out")
        one, = self.sw.call("conn/list")["connections"]
        self.assertEqual((one["state"], one["nat"], one["packets"]), ("tcp-established", "src", [2, 1]))
        self.through("out", tcp(SERVER, OUTER, 80, 5000, 901, 106, RST | ACK), "in")
        one, = self.sw.call("conn/list")["connections"]
        self.assertEqual(one["state"], "tcp-close")

    def test_nobody_comes_in_unasked(self):
        self.nat()
        self.assertIsNone(self.through("out", udp(SERVER, OUTER, 53, 5000, b"")))
        self.through("in", udp(HOST, SERVER, 5000, 53, b"?"), "out")
        self.assertEqual(self.through("out", udp(SERVER, OUTER, 53, 5000, b"!"), "in").dst, HOST)
        self.assertIsNone(self.through("out", udp(SERVER, OUTER, 54, 5000, b"")))

    def test_zero_udp_checksum_stays_zero(self):
        self.nat()
        self.assertEqual(self.through("in", udp(HOST, SERVER, 5000, 53, b"?", False), "out").l4[6:8], b"\0\0")

    def test_port_and_its_parity_are_kept(self):
        """RFC 4787, REQ-3b and REQ-4: ports below 1024 stay there, others above, even ones even."""
        self.nat()
        for port in (5000, 5001, 700):
            first = self.through("in", udp(HOST, SERVER, port, 53, b""), "out")
            second = self.through("in", udp(OTHER, SERVER, port, 53, b""), "out")
            self.assertEqual(first.sport, port)
            self.assertNotEqual(second.sport, port)
            self.assertEqual(second.sport % 2, port % 2)
            self.assertEqual(second.sport < 1024, port < 1024)
            self.assertEqual(self.through("out", udp(SERVER, OUTER, 53, second.sport, b""), "in").dst, OTHER)
            self.assertEqual(self.through("out", udp(SERVER, OUTER, 53, port, b""), "in").dst, HOST)

    def test_a_host_keeps_its_address(self):
        """RFC 4787, REQ-2: a pool of addresses is paired."""
        self.nat("src=198.51.100.0-198.51.100.255")
        outer = {}
        for host in range(1, 40):
            for remote in range(3):
                seen = self.through("in", udp([10, 0, 0, host], [192, 0, 2, remote], 5000 + remote, 53, b""), "out")
                self.assertEqual(outer.setdefault(host, seen.src), seen.src)
        self.assertGreater(len({bytes(a) for a in outer.values()}), 20)

    def fragments(self, packet, sizes, ident):
        """The packet in pieces: of so many bytes each, a multiple of eight, and the rest."""
        body, pieces, at = packet[20:], [], 0
        for size in [*sizes, None]:
            part = body[at:] if size is None else body[at:at + size]
            flags = (0 if size is None else 0x2000) | at // 8
            h = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(part), ident, flags, 64, packet[9], 0) + packet[12:20]
            pieces.append(h[:10] + struct.pack(">H", total(h)) + h[12:] + part)
            at += len(part)
        return pieces

    def test_rfc4787_req_14_fragments_in_any_order(self):
        self.nat()
        for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
            payload = bytes(range(200))
            pieces = self.fragments(udp(HOST, SERVER, 5000, 53, payload), [64, 64], order[0] + 7)
            for i in order:
                self.assertEqual(self.sw.take("out"), [])
                self.sw.give("in", ether(pieces[i]))
            seen = Seen(self.sw.take_some("out", 1)[0])  # it fits the link
            self.assertEqual((seen.src, seen.sport, seen.l4[8:]), (OUTER, 5000, payload))
            back = self.fragments(udp(SERVER, OUTER, 53, 5000, payload), [104], order[0])
            for piece in reversed(back):
                self.sw.give("out", ether(piece))
            seen = Seen(self.sw.take_some("in", 1)[0])
            self.assertEqual((seen.dst, seen.dport, seen.l4[8:]), (HOST, 5000, payload))

    def test_overlapping_fragments_are_dropped(self):
        """RFC 5722; and what is not a datagram's makes no connection."""
        self.nat()
        before = self.drops("fragment-overlap")
        first, _, last = self.fragments(udp(HOST, SERVER, 5000, 53, bytes(200)), [64, 64], 99)
        other = self.fragments(udp(HOST, SERVER, 5000, 53, bytes(range(200))), [56], 99)[1]
        for piece in (first, other, last):
            self.sw.give("in", ether(piece))
        self.assertEqual(self.sw.take("out"), [])
        self.assertGreater(self.drops("fragment-overlap"), before)
        self.assertEqual(self.sw.call("conn/list")["connections"], [])

    def test_what_tables_did_to_fragments_stays_done(self):
        self.flow("table=0,ip,actions=load:9->NXM_NX_REG1[],dec_ttl,ct(table=1,zone=1,nat)",
                  "table=1,ct_state=+new+trk,reg1=9,udp,tp_dst=53,actions=ct(commit,zone=1,nat(src=198.51.100.7)),output:2")
        for piece in self.fragments(udp(HOST, SERVER, 5000, 53, bytes(100)), [64], 98):
            self.sw.give("in", ether(piece))
        seen = Seen(self.sw.take_some("out", 1)[0])
        self.assertEqual((seen.src, seen.ip[8]), (OUTER, 63))

    def answered(self, host, port):
        """A query, and an answer; the outer port."""
        outer = self.through("in", udp(host, SERVER, port, 53, b""), "out").sport
        self.assertEqual(self.through("out", udp(SERVER, OUTER, 53, outer, b""), "in").dst, host)
        return outer

    def test_who_is_not_answered_gives_his_port_away(self):
        """A scan of a host does not keep others from a server for minutes."""
        self.nat("src=198.51.100.7:2000-2003")
        before = self.drops("nat-ports")
        friend = self.answered([10, 0, 0, 9], 5000)
        for n in range(20):
            self.through("in", udp(HOST, SERVER, 6000 + n, 53, b""), "out")
        last = self.through("in", udp(OTHER, SERVER, 5000, 53, b""), "out").sport
        self.assertEqual(self.through("out", udp(SERVER, OUTER, 53, last, b""), "in").dst, OTHER)
        self.assertEqual(self.through("out", udp(SERVER, OUTER, 53, friend, b""), "in").dst, [10, 0, 0, 9])
        self.assertEqual(self.drops("nat-ports"), before)
        self.assertEqual(self.sw.call("conn/count")["count"], 4)

    def test_a_half_open_or_reset_connection_gives_its_port_away(self):
        for end in (None, RST | ACK):
            self.nat("src=198.51.100.7:2000-2000", zone=2 + bool(end))
            self.assertEqual(self.through("in", tcp(HOST, SERVER, 5000, 80, 100, 0, SYN), "out").sport, 2000)
            if end:
                self.assertEqual(self.through("out", tcp(SERVER, OUTER, 80, 2000, 0, 101, end), "in").dst, HOST)
            self.assertEqual(self.through("in", tcp(OTHER, SERVER, 5000, 80, 900, 0, SYN), "out").sport, 2000)
            self.assertEqual(self.through("out", tcp(SERVER, OUTER, 80, 2000, 50, 901, SYN | ACK), "in").dst, OTHER)
            self.through("in", tcp(OTHER, SERVER, 5000, 80, 901, 51, ACK), "out")
            self.assertIsNone(self.through("in", tcp(HOST, SERVER, 5000, 80, 100, 0, SYN)))

    def test_ports_are_used_up(self):
        self.nat("src=198.51.100.7:2000-2003")
        before = self.drops("nat-ports")
        used = {self.answered([10, 0, 0, n], 5000) for n in range(1, 5)}
        self.assertEqual(used, {2000, 2001, 2002, 2003})
        self.assertIsNone(self.through("in", udp([10, 0, 0, 5], SERVER, 5000, 53, b"")))
        self.assertEqual(self.drops("nat-ports"), before + 1)
        self.assertIsNotNone(self.through("in", udp([10, 0, 0, 5], [192, 0, 2, 8], 5000, 53, b""), "out")) # another remote end

    def test_forward(self):
        self.flow("table=0,ip,actions=ct(table=1,zone=3,nat)",
                  "table=1,priority=2,ct_state=+new+trk,tcp,in_port=2,tp_dst=80,actions=ct(commit,zone=3,nat(dst=10.0.0.1:8080)),output:1",
                  "table=1,priority=1,ct_state=+trk+est,ip,in_port=1,actions=output:2")
        came = self.through("out", tcp(SERVER, OUTER, 6000, 80, 1, 0, SYN), "in")
        self.assertEqual((came.dst, came.dport), (HOST, 8080))
        back = self.through("in", tcp(HOST, SERVER, 8080, 6000, 7, 2, SYN | ACK), "out")
        self.assertEqual((back.src, back.sport), (OUTER, 80))

    def test_hairpin(self):
        """Destination, then source, each in a zone of its own (RFC 4787, REQ-9: the host sees the outer address)."""
        self.flow("table=0,ip,actions=ct(table=1,zone=1,nat)",
                  "table=1,priority=9,ct_state=+new+trk,ip,nw_dst=198.51.100.7,actions=ct(commit,zone=1,nat(dst=10.0.0.2),table=2)",
                  "table=1,priority=1,ip,actions=resubmit(,2)", "table=2,ip,actions=ct(table=3,zone=2,nat)",
                  "table=3,priority=9,ct_state=+new+trk,ip,actions=ct(commit,zone=2,nat(src=198.51.100.7)),output:3",
                  "table=3,priority=1,ct_state=+trk+est,ip,actions=output:3")
        there = self.through("in", udp(HOST, OUTER, 4000, 4001, b"x"), "third")
        self.assertEqual((there.src, there.dst), (OUTER, OTHER))

    def test_echo_ids(self):
        """RFC 5508, REQ-1: two hosts that use one identifier are told apart."""
        self.nat()
        first = self.through("in", icmp(HOST, SERVER, 8, 0, struct.pack(">HH", 77, 1), b"data"), "out")
        second = self.through("in", icmp(OTHER, SERVER, 8, 0, struct.pack(">HH", 77, 1), b"data"), "out")
        self.assertEqual(first.ident, 77)
        self.assertNotEqual(second.ident, 77)
        for ident, host in ((77, HOST), (second.ident, OTHER)):
            back = self.through("out", icmp(SERVER, OUTER, 0, 0, struct.pack(">HH", ident, 1), b"data"), "in")
            self.assertEqual((back.dst, back.ident), (host, 77))

    def test_errors_are_translated_within(self):
        """RFC 5508, REQ-4 and REQ-5: an error of a router on the way comes back to the host with the packet that it sent."""
        self.nat()
        sent = [udp(HOST, SERVER, 5000, 53, b"question"), tcp(HOST, SERVER, 5000, 80, 1, 0, SYN),
                icmp(HOST, SERVER, 8, 0, struct.pack(">HH", 5, 1), b"data")]
        for packet in sent:
            out = self.through("in", packet, "out")
            for quoted in (out.ip[:28], out.ip):
                for kind, code in ((3, 1), (3, 4), (11, 0)):
                    back = self.through("out", icmp(ROUTER, OUTER, kind, code, bytes(4), quoted), "in")
                    self.assertEqual((back.src, back.dst), (ROUTER, HOST))
                    self.assertEqual(back.l4[8:], packet[:len(quoted)])
        self.assertIsNone(self.through("out", icmp(ROUTER, OUTER, 3, 1, bytes(4), udp(OUTER, SERVER, 5001, 53, b""))))

    def test_rfc5508_req_5_a_router_inside_is_hidden(self):
        """An error of a router between the switch and the host, about what came from outside, leaves with the outer address."""
        self.nat()
        self.through("in", udp(HOST, SERVER, 5000, 53, b"question"), "out")
        came = self.through("out", udp(SERVER, OUTER, 53, 5000, b"answer"), "in")
        out = self.through("in", icmp(HIDDEN, SERVER, 3, 4, bytes(4), came.ip), "out")
        self.assertEqual((out.src, out.dst), (OUTER, SERVER))
        self.assertEqual(out.l4[8:], udp(SERVER, OUTER, 53, 5000, b"answer"))

    def test_errors_end_nothing(self):
        """RFC 4787, REQ-12; RFC 5382, REQ-10; RFC 5508, REQ-6, by which they refresh nothing either."""
        self.nat()
        out = self.through("in", tcp(HOST, SERVER, 5000, 80, 1, 0, SYN), "out")
        self.through("out", icmp(ROUTER, OUTER, 3, 1, bytes(4), out.ip), "in")
        self.assertIsNotNone(self.through("out", tcp(SERVER, OUTER, 80, 5000, 7, 2, SYN | ACK), "in"))
        out = self.through("in", udp(HOST, SERVER, 5000, 53, b""), "out")
        self.sw.warp(100)
        self.through("out", icmp(ROUTER, OUTER, 3, 1, bytes(4), out.ip), "in")
        self.sw.warp(19)
        self.through("out", icmp(ROUTER, OUTER, 3, 3, bytes(4), out.ip), "in")
        self.sw.warp(3)
        self.assertIsNone(self.through("out", udp(SERVER, OUTER, 53, 5000, b"")))

    def test_udp_time(self):
        """RFC 4787, REQ-5 and REQ-6: two minutes at least, five once both have sent; what goes out refreshes, and what comes in."""
        self.nat()
        self.through("in", udp(HOST, SERVER, 5000, 53, b""), "out")
        self.sw.warp(119)
        self.through("out", udp(SERVER, OUTER, 53, 5000, b""), "in")
        self.sw.warp(299)
        self.through("in", udp(HOST, SERVER, 5000, 53, b""), "out")
        self.sw.warp(299)
        for _ in range(2):
            self.through("out", udp(SERVER, OUTER, 53, 5000, b""), "in")
            self.sw.warp(299)
        self.sw.warp(3)
        self.assertIsNone(self.through("out", udp(SERVER, OUTER, 53, 5000, b"")))
        self.assertEqual(self.sw.call("conn/count")["count"], 0)

    def test_rfc5508_req_2_query_time(self):
        """A minute at least."""
        self.nat()
        self.through("in", icmp(HOST, SERVER, 8, 0, struct.pack(">HH", 77, 1), b"data"), "out")
        for gone, leaves in ((59, "in"), (59, "in"), (62, None)):
            self.sw.warp(gone)
            self.through("out", icmp(SERVER, OUTER, 0, 0, struct.pack(">HH", 77, 1), b"data"), leaves)

    def test_tcp_time_after_the_end(self):
        """RFC 5382, REQ-5: four minutes."""
        self.nat()
        for port, last, n in ((5000, FIN | ACK, 239), (5001, RST, 239)):
            self.through("in", tcp(HOST, SERVER, port, 80, 100, 0, SYN), "out")
            self.through("out", tcp(SERVER, OUTER, 80, port, 900, 101, SYN | ACK), "in")
            self.through("in", tcp(HOST, SERVER, port, 80, 101, 901, ACK), "out")
            self.through("out", tcp(SERVER, OUTER, 80, port, 901, 101, last), "in")
            if last != RST:
                self.through("in", tcp(HOST, SERVER, port, 80, 101, 902, FIN | ACK), "out")
                self.through("out", tcp(SERVER, OUTER, 80, port, 902, 102, ACK), "in")
            self.sw.warp(n)
            self.through("out", tcp(SERVER, OUTER, 80, port, 902, 102, ACK), "in" if last != RST else None)
            self.assertEqual(self.sw.call("conn/count", f"port={port}")["count"], 1)
            self.sw.warp(n + 3)
            self.assertIsNone(self.through("out", tcp(SERVER, OUTER, 80, port, 902, 102, ACK)))
            self.assertEqual(self.sw.call("conn/count", f"port={port}")["count"], 0)

    def test_rfc7857_2_2_reset_lives_four_minutes(self):
        """The reset may be lost behind here, and is sent again; what comes refreshes.  A guessed one changes nothing."""
        self.nat(zone=4)
        for port, settings, lives, over in ((5000, "tcp-close=0", 238, 242), (5001, "tcp-close=5", 3, 7)):
            self.sw.call("conn/zone", 4, settings)
            self.through("in", tcp(HOST, SERVER, port, 80, 100, 0, SYN), "out")
            self.through("out", tcp(SERVER, OUTER, 80, port, 900, 101, SYN | ACK), "in")
            self.through("in", tcp(HOST, SERVER, port, 80, 101, 901, ACK), "out")
            self.through("out", tcp(SERVER, OUTER, 80, port, 911, 101, RST), "in") # within, but not exact
            self.assertEqual(self.sw.call("conn/list", f"port={port}")["connections"][0]["state"], "tcp-established")
            for _ in range(3):
                self.through("out", tcp(SERVER, OUTER, 80, port, 901, 101, RST), "in")
                self.assertEqual(self.sw.call("conn/list", f"port={port}")["connections"][0]["state"], "tcp-close")
                self.sw.warp(lives)
            self.through("in", tcp(HOST, SERVER, port, 80, 7000, 0, SYN), "out") # the same ports, at once
            self.assertEqual(self.sw.call("conn/list", f"port={port}")["connections"][0]["state"], "tcp-syn-sent")
            self.through("out", tcp(SERVER, OUTER, 80, port, 0, 7001, RST | ACK), "in")
            self.sw.warp(over)
            self.assertIsNone(self.through("out", tcp(SERVER, OUTER, 80, port, 0, 7001, RST | ACK)))
            self.assertEqual(self.sw.call("conn/count", f"port={port}")["count"], 0)
        self.sw.call("conn/zone", 4, "tcp-close=0")

    def test_tcp_time(self):
        """RFC 5382, REQ-5: two hours and four minutes when open, four minutes before."""
        self.nat()
        self.through("in", tcp(HOST, SERVER, 5000, 80, 100, 0, SYN), "out")
        self.sw.warp(239)
        self.through("out", tcp(SERVER, OUTER, 80, 5000, 900, 101, SYN | ACK), "in")
        self.through("in", tcp(HOST, SERVER, 5000, 80, 101, 901, ACK), "out")
        self.sw.warp(7439)
        self.through("out", tcp(SERVER, OUTER, 80, 5000, 901, 101, ACK), "in")
        self.sw.warp(7442)
        self.assertIsNone(self.through("out", tcp(SERVER, OUTER, 80, 5000, 901, 101, ACK)))

    def test_zone_settings(self):
        self.nat(zone=4)
        self.sw.call("conn/zone", 4, "limit=2,udp-first=10")
        before = self.drops("conn-full")
        for port in (5000, 5001):
            self.through("in", udp(HOST, SERVER, port, 53, b""), "out")
            self.through("out", udp(SERVER, OUTER, 53, port, b""), "in")
            self.through("in", udp(HOST, SERVER, port, 53, b""), "out")
        self.assertIsNone(self.through("in", udp(HOST, SERVER, 5002, 53, b""))) # the two were answered, and asked again
        self.assertEqual(self.drops("conn-full"), before + 1)
        self.sw.call("conn/flush", "zone=4")
        self.through("in", udp(HOST, SERVER, 5003, 53, b""), "out")
        self.sw.warp(12)
        self.assertIsNone(self.through("out", udp(SERVER, OUTER, 53, 5003, b"")))
        self.sw.call("conn/zone", 4, "limit=0,udp-first=0")
        for bad in (("x",), (65536,), (4, "limit=x"), (4, "nothing=1"), (4, "limit")):
            with self.assertRaises(AssertionError):
                self.sw.call("conn/zone", *bad)

    def test_flush(self):
        self.nat()
        for port in (5000, 5001):
            self.through("in", udp(HOST, SERVER, port, 53, b""), "out")
        self.assertEqual(self.sw.call("conn/flush", "port=5001,proto=udp")["flushed"], 1)
        self.assertIsNone(self.through("out", udp(SERVER, OUTER, 53, 5001, b"")))
        self.assertIsNotNone(self.through("out", udp(SERVER, OUTER, 53, 5000, b""), "in"))
        for bad in ("zone=", "address=1.2.3", "proto=x", "colour=red", "state=asleep"):
            with self.assertRaises(AssertionError):
                self.sw.call("conn/list", bad)
        done = self.trama("conn", "flush", "address=10.0.0.9", "address=192.0.2.9")
        self.assertEqual((done.returncode, done.stderr), (1, "trama: filter 'address=192.0.2.9': of its kind there is another\n"))
        done = self.trama("conn", "flush", *["nat"] * 49, "port=5001")  # as far as it was read, a wider one
        self.assertEqual((done.returncode, done.stderr), (1, "trama: the filter is longer than 199 letters\n"))
        self.assertEqual(self.sw.call("conn/count")["count"], 1)

    def test_watch(self):
        """Ends as the list shows them: IPv6 in brackets, and no ports where there are none."""
        self.nat()
        self.flow("table=0,ipv6,in_port=1,actions=ct(commit)")
        self.through("in", icmp(HOST, SERVER, 8, 0, struct.pack(">HH", 77, 1), b"data"), "out")
        self.sw.give("in", ipv6_tcp(bytes(15) + b"\1", bytes(15) + b"\2", 5000, 80, 1, 0, SYN))
        until(lambda: self.sw.call("conn/count")["count"] == 2, "there are not two")
        seen = self.trama("conn", "watch", "-s", "1").stdout
        self.assertIn("zone 1 icmp 10.0.0.1:77 > 192.0.2.9, answers 192.0.2.9 > 198.51.100.7:77 (icmp-first)", seen)
        self.assertIn("zone 0 tcp [::1]:5000 > [::2]:80, answers [::2]:80 > [::1]:5000 (tcp-syn-sent)", seen)

    def test_the_frame_itself_goes_on(self):
        self.flow("table=0,ip,actions=ct(table=1),output:3", "table=1,ct_state=+new+trk,ip,actions=output:2",
                  "table=0,priority=9,ip,nw_dst=192.0.2.200,actions=ct(table=1),resubmit(,2)",
                  "table=2,ct_state=-trk,ip,actions=output:3")
        for to in (SERVER, [192, 0, 2, 200]):
            self.sw.give("in", ether(udp(HOST, to, 5000, 53, b"")))
            self.assertEqual(len(self.sw.take_some("third", 1)), 1)
            self.assertEqual(len(self.sw.take_some("out", 1)), 1)

    def test_sctp_ends_by_its_own_tags(self):
        """RFC 9260, 8.5: who does not know what an association's packets bear ends none."""
        self.flow("table=0,ip,in_port=1,actions=ct(commit),output:2", "table=0,ip,in_port=2,actions=ct(commit),output:1")

        def sctp(by, tag, chunk, value=b""):
            ends, ports = ((HOST, SERVER), (5000, 36412)) if by == "in" else ((SERVER, HOST), (36412, 5000))
            self.sw.give(by, ether(ip(*ends, 132, struct.pack(">HHIIBBH", *ports, tag, 0, chunk, 0, 4 + len(value)) + value)))
            self.sw.take_some("out" if by == "in" else "in", 1)
            return self.sw.call("conn/list")["connections"][0]["state"]

        init, init_ack, abort, cookie_echo, cookie_ack = 1, 2, 6, 10, 11
        for ender, tag in (("in", 0xb0b), ("out", 0xa11ce), ("out", 0xb0b)):  # the last one reflects it
            self.sw.call("conn/flush")
            sctp("in", 0, init, struct.pack(">I12x", 0x5eed))
            sctp("in", 0, init, struct.pack(">I12x", 0xa11ce))  # another one, as nobody answered
            sctp("out", 0xa11ce, init_ack, struct.pack(">I12x", 0xb0b))
            sctp("in", 0xb0b, cookie_echo)
            self.assertEqual(sctp("out", 0xa11ce, cookie_ack), "sctp-established")
            for guess in (0, 1, 0x5eed):
                sctp("out", guess, init, struct.pack(">I12x", 0x5eed))
                self.assertEqual(sctp(ender, guess, abort), "sctp-established")
            self.assertEqual(sctp(ender, tag, abort), "sctp-close")

    def test_zones_know_nothing_of_each_other(self):
        self.flow("table=0,ip,in_port=1,actions=load:5->NXM_NX_REG0[0..15],ct(commit,zone=NXM_NX_REG0[0..15]),output:2",
                  "table=0,ip,in_port=2,actions=ct(table=1,zone=5)", "table=0,ip,in_port=3,actions=ct(table=1,zone=6)",
                  "table=1,ct_state=+est+trk,ip,actions=output:1")
        self.through("in", udp(HOST, SERVER, 5000, 53, b""), "out")
        self.assertIsNotNone(self.through("out", udp(SERVER, HOST, 53, 5000, b""), "in"))
        self.assertIsNone(self.through("third", udp(SERVER, HOST, 53, 5000, b"")))

    def test_marks(self):
        self.flow("table=0,ip,actions=ct(table=1)",
                  "table=1,priority=2,ct_state=+new+trk,ip,in_port=1,actions=ct(commit,exec(load:0x55->NXM_NX_CT_MARK[],load:1->NXM_NX_CT_LABEL[127])),output:2",
                  "table=1,ct_mark=0x55,ct_label=0x80000000000000000000000000000000/0x80000000000000000000000000000000,ip,in_port=2,"
                  "actions=ct(commit,exec(load:6->NXM_NX_CT_MARK[0..3])),output:1",
                  "table=1,ct_mark=0x56,ip,in_port=2,actions=output:3")
        self.through("in", udp(HOST, SERVER, 5000, 53, b""), "out")
        self.through("out", udp(SERVER, HOST, 53, 5000, b""), "in")
        self.through("out", udp(SERVER, HOST, 53, 5000, b""), "third")

    def test_force_turns_it_round(self):
        self.flow("table=0,ip,in_port=1,actions=ct(commit),output:2", "table=0,ip,in_port=2,actions=ct(commit,force),output:1",
                  "table=0,ip,in_port=3,actions=ct(table=1)", "table=1,ct_state=+rpl+trk,ip,actions=output:2")
        self.through("in", udp(HOST, SERVER, 5000, 53, b""), "out")
        self.through("out", udp(SERVER, HOST, 53, 5000, b""), "in")
        one, = self.sw.call("conn/list")["connections"]
        self.assertEqual((one["original"]["src"], one["answered"]), ("192.0.2.9", False))

    def test_ipv6(self):
        a, b, c = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "02"), bytes.fromhex("20010db8" + "00" * 10 + "ff09")
        self.flow("table=0,ipv6,actions=ct(table=1,nat)", "table=1,ct_state=+new+trk,ipv6,in_port=1,actions=ct(commit,nat(src=2001:db8::ff09)),output:2",
                  "table=1,ct_state=+est+trk,ipv6,in_port=2,actions=output:1")
        self.sw.give("in", ipv6_tcp(a, b, 5000, 80, 1, 0, SYN))
        out = self.sw.take_some("out", 1)[0]
        self.assertEqual(out, ipv6_tcp(c, b, 5000, 80, 1, 0, SYN))
        self.sw.give("out", ipv6_tcp(b, c, 80, 5000, 9, 2, SYN | ACK))
        self.assertEqual(self.sw.take_some("in", 1)[0], ipv6_tcp(b, a, 80, 5000, 9, 2, SYN | ACK))

    def test_ipv6_error_about_a_fragment(self):
        """RFC 8201: a packet that is too big may be a fragment; the first says whose it is."""
        a, b, c = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "02"), bytes.fromhex("20010db8" + "00" * 10 + "ff09")
        self.flow("table=0,ipv6,actions=ct(table=1,nat)", "table=1,ct_state=+new+trk,ipv6,in_port=1,actions=ct(commit,nat(src=2001:db8::ff09)),output:2",
                  "table=1,ct_state=+rel+trk,ipv6,in_port=2,actions=output:1")

        def ipv6(src, dst, kind, payload):
            return struct.pack(">IHBB", 6 << 28, len(payload), kind, 64) + src + dst + payload

        def too_big(dst, place, sport):
            inner = ipv6(dst, b, 44, struct.pack(">BBHI", 17, 0, place, 77) + struct.pack(">HHHH", sport, 53, 2000, 0) + bytes(64))
            h = struct.pack(">BBHI", 2, 0, 0, 1280) + inner
            return ETH + b"\x86\xdd" + ipv6(b, dst, 58, h[:2] + struct.pack(">H", total(b + dst + struct.pack(">IHBB", len(h), 0, 0, 58) + h)) + h[4:])

        h = struct.pack(">HHHH", 5000, 53, 8, 0)
        self.sw.give("in", ETH + b"\x86\xdd" + ipv6(a, b, 17, h[:6] + struct.pack(">H", total(a + b + struct.pack(">IHBB", 8, 0, 0, 17) + h))))
        self.assertEqual(self.sw.take_some("out", 1)[0][22:38], c)
        self.sw.give("out", too_big(c, 1, 5000))
        self.assertEqual(self.sw.take_some("in", 1)[0], too_big(a, 1, 5000))
        self.sw.give("out", too_big(c, 8, 5000))  # not the first
        self.assertEqual(self.sw.take("in"), [])

    def test_what_cannot_be_tracked_is_invalid(self):
        self.flow("table=0,ip,actions=ct(table=1)", "table=1,ct_state=+inv+trk,ip,actions=output:2", "table=1,priority=0,actions=output:3")
        good = udp(HOST, SERVER, 5000, 53, b"data")
        for n in range(20, len(good)):  # cut anywhere behind the IP header
            self.sw.give("in", ETH + b"\x08\x00" + good[:n])
            self.assertEqual(len(self.sw.take_some("out", 1)), 1, n)
        for bad in (udp(HOST, SERVER, 5000, 53, b"data", bad=True), tcp(HOST, SERVER, 1, 2, 3, 4, SYN, bad=True), icmp(HOST, SERVER, 3, 1, bytes(4), good[:27]),
                    icmp(HOST, SERVER, 9, 0, bytes(4), b"")):
            self.sw.give("in", ether(bad))
            self.assertEqual(len(self.sw.take_some("out", 1)), 1)

    def test_udp_says_its_own_length(self):
        """RFC 768: a datagram may end before its packet does, and its checksum covers no more; it cannot end behind it."""
        self.flow("table=0,ip,actions=ct(table=1)", "table=1,ct_state=+inv+trk,ip,actions=output:2", "table=1,priority=0,actions=output:3")
        whole = udp(HOST, SERVER, 5000, 53, b"datatail")

        def with_length(n, n_summed=None):
            head = whole[:20] + struct.pack(">HHHH", 5000, 53, n, 0)
            n_summed = n_summed or n
            value = total(pseudo(HOST, SERVER, 17, n_summed) + (head[20:] + whole[28:])[:n_summed] if n >= 8 else b"")
            return ether(head[:26] + struct.pack(">H", value or 0xffff) + whole[28:])

        for length, port in ((16, "third"), (12, "third"), (8, "third"), (7, "out"), (0, "out"), (17, "out"), (65535, "out")):
            self.sw.give("in", with_length(length))
            self.assertEqual(len(self.sw.take_some(port, 1)), 1, f"length {length}")
        self.sw.give("in", with_length(12, 16))  # right for the packet, not for the datagram
        self.assertEqual(len(self.sw.take_some("out", 1)), 1)

    def test_refused(self):
        for text in ("ip,actions=ct(force)", "ip,actions=ct(commit,nat(src=10.0.0.9-10.0.0.1))", "actions=ct(commit)",
                     "ip,actions=ct(exec(load:1->NXM_NX_CT_MARK[]))", "udp,actions=ct(commit,alg=ftp)", "ip,actions=ct(nat(src=10.0.0.1))"):
            done = self.raw("add-flow", text)
            self.assertNotEqual(done.returncode, 0, text)
        # what ovs-ofctl itself would not send
        for why, text in (("needs commit", "ip,actions=ct(nat(src=10.0.0.1))"), ("needs commit", "ip,actions=ct(table=1,nat(dst))"),
                          ("'10.0.0.9-10.0.0.1' goes from an address down to another", "ip,actions=ct(commit,nat(src=10.0.0.9-10.0.0.1))"),
                          ("match and earlier actions do not say", "ip,actions=ct(commit,nat(src=2001:db8::1))"),
                          ("match and earlier actions do not say", "ipv6,actions=ct(commit,nat(dst=10.0.0.1))")):
            done = self.trama("flow", "add", text)
            self.assertNotEqual(done.returncode, 0, text)
            self.assertIn(why, done.stderr)
        self.assertEqual(self.flows(), [])

    def test_forks_end(self):
        """Copies that ct sends back to their own table come to an end."""
        for n in (1, 2):
            sent, refused = forked(n)
            self.sw.call("conn/flush")
            self.flow("table=0,ip,actions=" + "ct(table=0)," * n + "output:2")
            before = self.drops("resubmit-work")
            self.sw.give("in", ether(udp(HOST, SERVER, 5000, 53, b"")))
            self.sw.take_some("out", sent)
            until(lambda: self.drops("resubmit-work") == before + refused, "copies are not refused")


if __name__ == "__main__":
    run_if_there()

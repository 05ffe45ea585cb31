#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Connections that a controller throws out by Open vSwitch's NXT_CT_FLUSH_ZONE and NXT_CT_FLUSH: as ovs-ofctl writes them, beside
what Open vSwitch itself makes of the same commands, if it is installed; and what is refused.   Exit 77: there is no ovs-ofctl."""
import re
import struct
import subprocess
import tempfile

from differential.ovs import Ovs, is_installed
from differential.tracked import SYN, icmp, tcp, total, udp
from support import wire
from support.ofctl import run_if_there
from support.switch import until
from support.track import HOST, OTHER, SERVER, TrackTest, ether

NICIRA, FLUSH_ZONE, FLUSH = 0x2320, 29, 32
SECOND = [192, 0, 2, 10]
MUST_BE_ZERO, BAD_LENGTH, BAD_TYPE, BAD_ARGUMENT, SLAVE = (0xffff, 4), (13, 3), (13, 2), (13, 4), (1, 10)
FLOWS = ("ip,in_port=1,udp,tp_src=7000,actions=ct(commit,zone=5,nat(src=198.51.100.7)),output:2", "ip,in_port=1,ip_dscp=0,actions=ct(commit),output:2",
         "ip,in_port=1,ip_dscp=5,actions=ct(commit,zone=5),output:2")
# What ovs-ofctl is told, and whether Open vSwitch 3.1 does it: it knows none of the connections that ICMP queries make.
COMMANDS = ((("zone=5",), True), (("ct_nw_src=10.0.0.1",), True), (("ct_nw_src=10.0.0.1,ct_nw_dst=192.0.2.9,ct_nw_proto=17,ct_tp_src=5000,ct_tp_dst=53",), True),
            (("zone=5", "ct_nw_src=10.0.0.1,ct_nw_dst=192.0.2.9,ct_nw_proto=17,ct_tp_src=5000,ct_tp_dst=53"), True), (("ct_nw_proto=17",), True),
            (("", "ct_nw_src=192.0.2.9"), True), (("", "ct_nw_dst=198.51.100.7"), True), (("ct_nw_proto=17,ct_tp_src=5000",), True),
            (("", "ct_nw_proto=17,ct_tp_src=53"), True), (("ct_ipv6_src=fd00::1",), True), (("zone=6",), True), ((), True),
            (("ct_nw_src=10.0.0.1,ct_nw_proto=17", "ct_nw_src=192.0.2.9,ct_nw_proto=17"), True), (("zone=5", "ct_nw_src=10.0.0.2"), True),
            (("ct_nw_proto=1",), False), (("ct_nw_src=10.0.0.1,ct_nw_proto=1,icmp_type=8,icmp_code=0,icmp_id=10",), False),
            (("ct_nw_proto=1,ct_nw_dst=192.0.2.9,icmp_id=11",), False))


def packets():
    """Of each one in zone 0 and in zone 5; what leaves translated is in zone 5 both times."""
    for p in (udp(HOST, SERVER, 5000, 53, b""), udp(HOST, SECOND, 5001, 53, b""), udp(OTHER, SERVER, 5000, 53, b""), icmp(HOST, SERVER, 8, 0, b"\0\x0a\0\1", b""),
              icmp(OTHER, SERVER, 8, 0, b"\0\x0b\0\1", b""), tcp(HOST, SERVER, 5000, 80, 1, 0, SYN), udp(HOST, SERVER, 7000, 53, b"")):
        for dscp in (0, 5):
            head = p[:1] + bytes([dscp << 2]) + p[2:10] + b"\0\0" + p[12:20]
            yield ether(head[:10] + struct.pack(">H", total(head)) + head[12:] + p[20:])


def shown(text):
    """The connections of Open vSwitch's dump, as those of `conn/list` are written below."""
    out = set()
    for line in text.splitlines():
        zone = re.search(r"zone=(\d+)", line)
        out.add((line.split(",")[0], int(zone[1]) if zone else 0, *re.findall(r"(?:src|dst|sport|id)=([^,)]+)", line)[:3], re.findall(r"dst=([^,)]+)", line)[1]))
    return out


class Flush(TrackTest):
    def setUp(self):
        super().setUp()
        until(lambda: not self.listed(), "connections stay")
        self.flow(*FLOWS)

    def listed(self):
        return {(c["proto"], c["zone"], c["original"]["src"], c["original"]["dst"], str(c["original"].get("sport", c["original"].get("id"))), c["reply"]["dst"])
                for c in self.sw.call("conn/list")["connections"]}

    def fill(self):
        for f in packets():
            self.sw.give("in", f)
        self.assertEqual(len(self.listed()), 13)
        return self.listed()

    def flushed(self, *command):
        before = self.fill()
        self.ofctl(*command)
        return before - self.listed()

    def test_zone(self):
        gone = self.flushed("ct-flush-zone", "5")
        self.assertEqual((len(gone), {c[1] for c in gone}), (7, {5}))

    def test_what_is_flushed_begins_anew(self):
        self.flow("table=0,priority=40000,ip,in_port=2,actions=ct(table=1,zone=5)", "table=1,ct_state=+est+trk,ip,actions=output:1")
        answer = udp(SERVER, HOST, 53, 5000, b"")
        self.fill()
        self.sw.take("out")
        self.through("out", answer, "in")
        self.ofctl("ct-flush", "zone=5", "ct_nw_src=10.0.0.1,ct_nw_proto=17,ct_tp_src=5000")
        self.assertIsNone(self.through("out", answer))

    def test_as_open_vswitch(self):
        if not is_installed():
            self.skipTest("needs ovs-vswitchd")
        with tempfile.TemporaryDirectory() as where:
            peer = Ovs(where, {1: [], 2: []})
            try:
                peer.start()
                for f in FLOWS:
                    subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", "add-flow", peer.mgmt, f], check=True, timeout=30)
                for words, is_same in COMMANDS:
                    peer.call("dpctl/flush-conntrack")
                    peer.give(1, list(packets()))
                    until(lambda: len(shown(peer.call("dpctl/dump-conntrack"))) == 13, "connections do not come")
                    before = shown(peer.call("dpctl/dump-conntrack"))
                    subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", "ct-flush", peer.mgmt, *words], check=True, timeout=30)
                    theirs = before - shown(peer.call("dpctl/dump-conntrack"))
                    self.sw.call("conn/flush")
                    ours = self.flushed("ct-flush", *words)
                    self.assertEqual(before, self.listed() | ours)
                    if is_same:
                        self.assertEqual(ours, theirs, words)
                    else:
                        self.assertEqual((theirs, {c[0] for c in ours}), (set(), {"icmp"}), words)
            finally:
                peer.stop()

    def test_icmp(self):
        """By identifier and type, where the command gives them; the other tuple, which ovs-ofctl fills with zeros, asks for nothing."""
        for words, hosts in ((("ct_nw_proto=1",), {HOST[3], OTHER[3]}), (("ct_nw_src=10.0.0.1,ct_nw_proto=1,icmp_type=8,icmp_code=0,icmp_id=10",), {HOST[3]}),
                             (("ct_nw_proto=1,ct_nw_dst=192.0.2.9,icmp_id=11",), {OTHER[3]}), (("ct_nw_proto=1,ct_nw_dst=192.0.2.9,icmp_id=12",), set()),
                             (("ct_nw_proto=1,ct_nw_dst=192.0.2.9,icmp_type=13",), set()), (("", "ct_nw_src=192.0.2.9,ct_nw_proto=1,icmp_id=10"), {HOST[3]})):
            gone = self.flushed("ct-flush", *words)
            self.assertEqual({(c[0], c[2]) for c in gone}, {("icmp", f"10.0.0.{n}") for n in hosts}, words)
            self.sw.call("conn/flush")

    def test_refused(self):
        def prop(kind, body, length=None):
            data = struct.pack("!HH", kind, 4 + len(body) if length is None else length) + body
            return data + bytes(-len(data) % 8)

        def message(subtype, body):
            return wire.message(wire.EXPERIMENTER, struct.pack("!II", NICIRA, subtype) + body)

        def flush(*props, pad=bytes(7)):
            return message(FLUSH, b"\0" + pad + b"".join(props))

        v4, v6 = prop(0, bytes(10) + b"\xff\xff" + bytes(HOST)), prop(1, b"\xfd" + bytes(15))
        tell = [(MUST_BE_ZERO, message(FLUSH_ZONE, b"\1" + bytes(7))), (MUST_BE_ZERO, message(FLUSH_ZONE, bytes(5) + b"\1\0\5")), ((1, 6), message(FLUSH_ZONE, bytes(6))),
                ((1, 6), message(FLUSH_ZONE, bytes(16))), (MUST_BE_ZERO, flush(pad=bytes(6) + b"\1")), ((1, 6), message(FLUSH, bytes(4))), (BAD_LENGTH, flush(prop(2, b""))),
                (BAD_TYPE, flush(prop(9, bytes(4)))), (BAD_TYPE, flush(prop(0xffff, bytes(12)))), (BAD_LENGTH, flush(prop(2, bytes(4), 0))), (BAD_LENGTH, flush(prop(2, bytes(4), 3))),
                (BAD_LENGTH, flush(prop(2, bytes(4), 16))), (BAD_LENGTH, flush(prop(0, b""))), (BAD_TYPE, flush(prop(0, bytes(4) + prop(7, bytes(4))))),
                (BAD_LENGTH, flush(prop(0, bytes(4) + prop(0, bytes(4))))), (BAD_LENGTH, flush(prop(0, bytes(8)))), (BAD_ARGUMENT, flush(prop(0, bytes(4) + v4 + v6)))]
        before = self.fill()
        for want, data in tell:
            kind, code, rest = wire.read_error(self.c.ask(data, wire.ERROR))
            self.assertEqual((kind, code), want, data.hex())
            if want == MUST_BE_ZERO:
                self.assertEqual(rest[:4], struct.pack("!I", NICIRA))
        with self.sw.session() as slave:
            slave.ask(wire.message(wire.ROLE_REQUEST, struct.pack("!I4xQ", 3, 1)), wire.ROLE_REPLY)
            for data in (message(FLUSH_ZONE, bytes(8)), flush()):
                self.assertEqual(slave.refusal(data), SLAVE)
        self.assertEqual(self.listed(), before)
        self.c.do(flush(prop(0, bytes(4) + v6), prop(1, bytes(4) + v4)))  # of NAT64 two families
        self.assertEqual(self.listed(), before)
        self.c.do(flush())
        self.assertEqual(self.listed(), set())


if __name__ == "__main__":
    run_if_there()

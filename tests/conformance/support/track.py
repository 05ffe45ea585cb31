# SPDX-License-Identifier: Apache-2.0
"""Packets through the action ct, taken apart as they leave."""
import os
import struct
import subprocess

from differential.tracked import pseudo, total
from support.ofctl import OfctlTest
from support.switch import PATIENCE

HOST, OTHER, SERVER, OUTER, ROUTER = [10, 0, 0, 1], [10, 0, 0, 2], [192, 0, 2, 9], [198, 51, 100, 7], [192, 0, 2, 1]
ETH = bytes.fromhex("020000000002" "020000000001")


def ether(packet):
    f = ETH + b"\x08\x00" + packet
    return f + bytes(max(0, 60 - len(f)))


def ipv6_tcp(src, dst, sport, dport, seq, ack, flags, data=b""):
    h = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 1000, 0, 0) + data
    h = h[:16] + struct.pack(">H", total(src + dst + struct.pack(">IHBB", len(h), 0, 0, 6) + h + bytes(len(h) % 2))) + h[18:]
    return ETH + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(h), 6, 64) + src + dst + h


def forked(n_forks, left=16384):
    """How often a frame is sent that has itself copied so often, each copy again, and how many copies are refused: docs/extensions.md."""
    sent, refused = 1, 0
    for _ in range(n_forks):
        if not left:
            refused += 1
            continue
        more = forked(n_forks, left // 4)
        sent, refused, left = sent + more[0], refused + more[1], left - 1 - left // 4
    return sent, refused


class Seen:
    """A frame that left, taken apart; what does not sum up right is an error."""

    def __init__(self, frame):
        self.ip = frame[14:14 + struct.unpack(">H", frame[16:18])[0]]
        self.src, self.dst, self.proto, self.l4 = list(self.ip[12:16]), list(self.ip[16:20]), self.ip[9], self.ip[20:]
        assert total(self.ip[:20]) == 0, "the IP header's checksum is wrong"
        if self.proto == 1:
            assert total(self.l4) == 0, "the checksum of ICMP is wrong"
        elif not (self.proto == 17 and self.l4[6:8] == b"\0\0"):
            assert total(pseudo(self.src, self.dst, self.proto, len(self.l4)) + self.l4) == 0, "the transport's checksum is wrong"
        self.sport, self.dport = struct.unpack(">HH", self.l4[:4])
        self.ident = struct.unpack(">H", self.l4[4:6])[0]


class TrackTest(OfctlTest):
    PORTS = {"in": 1, "out": 2, "third": 3}

    def flow(self, *lines):
        self.ofctl("add-flows", "-", stdin="\n".join(lines) + "\n")

    def trama(self, *words, stdin=None):
        return subprocess.run([os.environ["TRAMA"], "--run-dir", self.sw.dir, *words], input=stdin, capture_output=True, text=True, timeout=PATIENCE)

    def own_flow(self, *lines):
        """As flow(), of what only trama's own text says."""
        done = self.trama("flow", "add", "-f", "-", stdin="\n".join(lines) + "\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def setUp(self):
        super().setUp()
        self.sw.call("conn/flush")

    def nat(self, how="src=198.51.100.7", zone=1):
        (self.own_flow if "host-limit" in how else self.flow)(f"table=0,ip,actions=ct(table=1,zone={zone},nat)",
                  f"table=1,priority=2,ct_state=+new+trk,ip,in_port=1,actions=ct(commit,zone={zone},nat({how})),output:2",
                  "table=1,priority=1,ct_state=+trk-new-inv,ip,in_port=1,actions=output:2",
                  "table=1,priority=1,ct_state=+trk-new-inv,ip,in_port=2,actions=output:1")

    def through(self, by, packet, leaves=None):
        """What it becomes; None: nothing leaves."""
        self.sw.give(by, ether(packet))
        if leaves:
            return Seen(self.sw.take_some(leaves, 1)[0])
        for port in self.PORTS:
            self.assertEqual(self.sw.take(port), [])
        return None

    def drops(self, why):
        return self.sw.call("stats")["drops"].get(why, 0)

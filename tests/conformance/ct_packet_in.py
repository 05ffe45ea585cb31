#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a controller is told of a tracked frame, and what the frame knows of its connection when it is gone on with: in the words of
ovs-ofctl, beside Open vSwitch, if it is installed.   Exit 77: there is no ovs-ofctl."""
import re
import subprocess
import tempfile

from differential.ovs import Ovs, is_installed
from differential.tracked import SYN, icmp, tcp, udp
from support.ofctl import Monitor, run_if_there
from support.switch import until
from support.track import HOST, OUTER, SERVER, TrackTest, ether, ipv6_tcp

COMMIT = "actions=ct(commit,zone=5,nat(src=198.51.100.7),exec(load:7->NXM_NX_CT_MARK[],load:9->NXM_NX_CT_LABEL[]),table=1)"
FLOWS = (f"table=0,priority=1,ip,in_port=1,{COMMIT}", "table=0,priority=1,ip,in_port=2,actions=ct(zone=5,nat,table=1)", "table=0,priority=3,tcp,actions=controller",
         "table=0,ipv6,actions=ct(zone=6,table=1)", "table=1,priority=40000,ct_state=+rpl+trk,actions=controller(pause,id=0),resubmit(,2)",
         "table=1,actions=controller,resubmit(,2)", "table=2,priority=40000,ct_state=+rpl+est+dnat+trk,ct_zone=5,ct_mark=7,ct_label=9,ip,actions=output:1", "table=2,actions=output:2")
FRAMES = ((1, ether(udp(HOST, SERVER, 5000, 53, b""))), (2, ether(udp(SERVER, OUTER, 53, 5000, b""))), (1, ether(icmp(HOST, SERVER, 8, 0, b"\0\x0a\0\1", b""))),
          (1, ether(tcp(HOST, SERVER, 5000, 80, 1, 0, SYN))), (2, ipv6_tcp(bytes(15) + b"\1", bytes(15) + b"\2", 5000, 80, 1, 0, SYN)))
FIELDS = re.compile(r"PACKET_IN2? .*total_len=\d+ (\S+) \(")


class Place:
    """The management socket of a switch, as Monitor wants it."""

    def __init__(self, mgmt, where):
        self.mgmt, self.dir = mgmt, where


def told(place, give, style):
    """The fields of each frame's packet-in, and how many frames are resumed."""
    with Monitor(place, *(("-P", style) if style else ()), *(() if style == "standard" else ("resume",))) as m:
        def heard():
            return [f[1] for f in map(FIELDS.search, list(m.heard)) if f and "send:" not in f.string]

        first = FRAMES[3]
        def is_listening():
            give(*first)
            return heard()
        until(is_listening, "the monitor hears nothing")
        probe = heard()[0]
        for frame in FRAMES:
            n = len(heard())
            give(*frame)
            # what asked whether the monitor listens may be told late, but before the first of these
            until(lambda: any(f != probe or frame == first for f in heard()[n:]), f"nothing is told of {frame}; but {m.heard}")
        return heard()[-len(FRAMES):]


class PacketIn(TrackTest):
    def ours(self, style):
        self.flow(*FLOWS)
        return told(Place(self.sw.mgmt, self.sw.dir), lambda port, frame: self.sw.give(("in", "out")[port - 1], frame), style)

    def test_fields(self):
        for style in ("nxt_packet_in2", "standard"):
            self.sw.call("conn/flush")
            got = self.ours(style)
            udp4 = "ct_zone=5,ct_mark=0x7,ct_label=0x9,ct_nw_src=10.0.0.1,ct_nw_dst=192.0.2.9,ct_nw_proto=17,ct_tp_src=5000,ct_tp_dst=53,ip"
            self.assertEqual(got[:2], [f"ct_state=new|trk|snat,{udp4},in_port=1", f"ct_state=est|rpl|trk|dnat,{udp4},in_port=2"])
            self.assertEqual(got[3:], ["in_port=1", "ct_state=new|trk,ct_zone=6,ct_ipv6_src=::1,ct_ipv6_dst=::2,ct_nw_proto=6,ct_tp_src=5000,ct_tp_dst=80,ipv6,in_port=2"])

    def test_resumed(self):
        """In the table behind the pause the frame is its connection's as before."""
        self.ours("nxt_packet_in2")
        until(lambda: self.sw.take("in"), "the answer does not go on")

    def test_as_open_vswitch(self):
        if not is_installed():
            self.skipTest("needs ovs-vswitchd")
        with tempfile.TemporaryDirectory() as where:
            peer = Ovs(where, {1: [], 2: []})
            try:
                peer.start()
                for f in FLOWS:
                    subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", "add-flow", peer.mgmt, f], check=True, timeout=30)
                for style in ("nxt_packet_in2", "standard"):
                    self.sw.call("conn/flush")
                    peer.call("dpctl/flush-conntrack")
                    theirs = told(Place(peer.mgmt[len("unix:"):], where), lambda port, frame: peer.give(port, [frame]), style)
                    self.assertEqual(self.ours(style), theirs)
            finally:
                peer.stop()


if __name__ == "__main__":
    run_if_there()

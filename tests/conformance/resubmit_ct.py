#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""resubmit(,TABLE,ct): the lookup is by the original tuple of the frame's connection, and by nothing else of it.   Exit 77: there is no
ovs-ofctl."""
import struct

from differential.tracked import SYN, icmp, tcp, udp
from support import wire
from support.ofctl import run_if_there
from support.track import HOST, OTHER, OUTER, SERVER, TrackTest, ether, ipv6_tcp
from support.wire import action, apply, flow_mod

MARK = "load:{}->NXM_OF_ETH_DST[0..7]"
SHOW = "ct_state=+trk-inv,actions=resubmit(,5,ct),move:NXM_NX_REG0[0..7]->NXM_OF_ETH_DST[0..7]"
NAT = ("in_port=1,ip,actions=ct(commit,zone=5,nat(src=198.51.100.7),table=1)", "in_port=2,ip,actions=ct(zone=5,nat,table=1)", "ipv6,actions=ct(commit,zone=5,table=1)",
       f"table=1,in_port=1,{SHOW},output:2", f"table=1,in_port=2,{SHOW},output:1")


def ports(*conditions):
    """Table 5: which of these lines was met."""
    return [f"table=5,priority={100 - i},{c},actions=load:{i + 1}->NXM_NX_REG0[]" for i, c in enumerate(conditions)]


class ResubmitCt(TrackTest):
    def met(self, by, frame):
        self.sw.give(by, frame)
        out = self.sw.take_some("out" if by == "in" else "in", 1)[0]
        self.assertEqual(out[6:14], frame[6:14])
        return out[5], out

    def test_both_ways(self):
        self.flow(*NAT, *ports("udp,nw_src=10.0.0.1,nw_dst=192.0.2.9,udp_src=5000,udp_dst=53", "udp,nw_src=10.0.0.1,udp_src=5001", "udp,nw_src=10.0.0.2", "ip"))
        for src, port, want in ((HOST, 5000, 1), (HOST, 5001, 2), (OTHER, 5002, 3), (OTHER, 5003, 3), (HOST, 5004, 4)):
            self.assertEqual(self.met("in", ether(udp(src, SERVER, port, 53, b"")))[0], want)
            got, out = self.met("out", ether(udp(SERVER, OUTER, 53, port, b"")))
            self.assertEqual(got, want)
            self.assertEqual(out[26:34], bytes(SERVER + src)) # the frame itself is what it was

    def test_other_fields_are_swapped_in(self):
        """What was the frame's is the connection's for that lookup; what is neither stays."""
        self.flow(*NAT, *ports("ct_state=+rpl+trk,udp,nw_dst=192.0.2.9,ct_nw_src=192.0.2.9,ct_nw_dst=10.0.0.1,ct_tp_src=53,ct_tp_dst=5000,ct_nw_proto=17,in_port=2", "ip"))
        self.assertEqual(self.met("in", ether(udp(HOST, SERVER, 5000, 53, b"")))[0], 2)
        self.assertEqual(self.met("out", ether(udp(SERVER, OUTER, 53, 5000, b"")))[0], 1)

    def test_error_by_its_connection(self):
        self.flow(*NAT, *ports("icmp,icmp_type=3", "tcp,tcp_src=5000,tcp_dst=80", "icmp,icmp_type=8,icmp_code=0", "ip"))
        sent = self.met("in", ether(tcp(HOST, SERVER, 5000, 80, 1, 0, SYN)))[1]
        self.assertEqual(self.met("out", ether(icmp([192, 0, 2, 1], OUTER, 3, 1, bytes(4), sent[14:42])))[0], 2)
        self.assertEqual(self.met("in", ether(icmp(HOST, SERVER, 8, 0, b"\0\x0a\0\1", b"")))[0], 3)
        self.assertEqual(self.met("out", ether(icmp(SERVER, OUTER, 0, 0, b"\0\x0a\0\1", b"")))[0], 3)

    def test_ipv6(self):
        a, b = bytes(15) + b"\1", bytes(15) + b"\2"
        self.flow(*NAT, *ports("tcp6,ipv6_src=::1,ipv6_dst=::2,tcp_src=5000,tcp_dst=80", "ipv6"))
        self.assertEqual(self.met("in", ipv6_tcp(a, b, 5000, 80, 1, 0, SYN))[0], 1)
        self.assertEqual(self.met("out", ipv6_tcp(b, a, 80, 5000, 9, 2, SYN | 16))[0], 1)

    def test_without_connection(self):
        """Where it has been forgotten on the way, nothing is looked for, and what follows is done."""
        self.flow("in_port=1,ip,actions=ct(table=1)", "table=1,ct_state=+trk-inv,actions=resubmit(,4),resubmit(,5,ct),output:2", "table=4,actions=ct_clear", "table=5,actions=output:3")
        self.sw.give("in", ether(udp(HOST, SERVER, 1, 2, b"")))
        self.assertEqual(len(self.sw.take_some("out", 1)), 1)
        self.assertEqual(self.sw.take("third"), [])

    def test_over_a_continuation(self):
        """The frame is parsed again before the lookup: a pop of MPLS leads to it."""
        self.flow(*NAT[:3], "table=1,priority=2,in_port=1,ip,ct_state=+trk-inv,actions=output:2",
                  "table=1,priority=2,in_port=2,ip,ct_state=+trk-inv,actions=push_mpls:0x8847,pop_mpls:0x0800,resubmit(,5,ct),move:NXM_NX_REG0[0..7]->NXM_OF_ETH_DST[0..7],output:1",
                  *ports("udp,nw_src=10.0.0.1,udp_src=5000", "ip"))
        for port, want in ((5000, 1), (5001, 2)):
            self.sw.give("in", ether(udp(HOST, SERVER, port, 53, b"")))
            self.sw.take_some("out", 1)
            self.assertEqual(self.met("out", ether(udp(SERVER, OUTER, 53, port, b"")))[0], want)

    def test_is_refused(self):
        """In a flow that may meet frames without a connection."""
        again = action(0xffff, struct.pack("!IHHB3x", 0x2320, 44, 0xfff8, 5))
        with self.sw.session() as c:
            for value, mask, is_good in ((0, 0, False), (0x20, 0x20, False), (0x30, 0x30, False), (0x20, 0x30, True), (0x01, 0x01, True), (0x80, 0x80, True)):
                said = flow_mod(apply(again), match=wire.raw_match(struct.pack("!HBBII", 1, 105 << 1 | 1, 8, value, mask)))
                if is_good:
                    c.do(said)
                else:
                    self.refused(said, wire.BAD_ACTION, 10)

    def test_reads_back(self):
        said = ("ct_state=+new,ip actions=resubmit(,1,ct)", "ct_state=-inv+trk,ip,in_port=7 actions=clone(resubmit(3,4,ct)),resubmit(,4)")
        self.flow(*(line.replace(" ", ",") for line in said))
        self.assertEqual([" ".join(line.split()[-2:]) for line in self.flows()], sorted(said))


if __name__ == "__main__":
    run_if_there()

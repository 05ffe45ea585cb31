#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch's extensions as ovs-ofctl says them: each is read back as it was said, and frames meet it.   Exit 77: there is none."""
import subprocess

from support.ofctl import Monitor, OfctlTest, run_if_there
from support.switch import until
from support.track import forked

FRAME = "ffffffffffff0200000000ab88b5" + "00" * 46


def tcp(flags, ttl=64):
    """10.0.0.1:7 -> 10.0.0.2:9."""
    ip = bytearray(bytes.fromhex("4500002800000000" "00060000" "0a0000010a000002"))
    ip[8] = ttl
    total = sum(int.from_bytes(ip[i:i + 2], "big") for i in range(0, 20, 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    ip[10:12] = (0xffff - total).to_bytes(2, "big")
    return bytes.fromhex("020000000002020000000001" "0800") + bytes(ip) + bytes.fromhex("0007000900000000" "00000000" "50") + bytes([flags]) + bytes(12)


# What follows "priority=N,"; ovs-ofctl's own parse-flows says how it is to be shown.
SAID = """
actions=controller(userdata=01.02.03.04.05,pause)
actions=controller(pause),controller(max_len=128,id=5,reason=no_match),controller(reason=invalid_ttl,userdata=aa)
actions=controller(id=4,userdata=0a,max_len=5,reason=invalid_ttl,pause,meter_id=9)
actions=output(port=22,max_len=100),output(port=in_port,max_len=14),output(port=LOCAL,max_len=1500)
actions=check_pkt_larger(1500)->NXM_NX_REG0[3],check_pkt_larger(0)->NXM_NX_XXREG1[127],output:22
tcp,actions=fin_timeout(idle_timeout=5,hard_timeout=7),fin_timeout(hard_timeout=8),fin_timeout(idle_timeout=9)
actions=learn(table=1,idle_timeout=10,hard_timeout=20,fin_idle_timeout=3,fin_hard_timeout=4,priority=5,cookie=0x7,send_flow_rem,delete_learned,eth_type=0x800,nw_proto=6,load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15],output:NXM_OF_IN_PORT[])
actions=learn(table=1,limit=5,result_dst=NXM_NX_REG0[3],NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0x5->NXM_NX_REG1[],output:NXM_NX_REG2[0..15])
actions=learn(table=1,limit=7,delete_learned,NXM_OF_ETH_SRC[])
tcp,actions=learn(table=1,eth_type=0x800,nw_proto=6,NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],NXM_OF_TCP_SRC[]=NXM_OF_TCP_DST[])
actions=set_queue:5,output:22,pop_queue,output:33
actions=enqueue:22:5
actions=note:00.01.02.03.04.05,exit,output:22
mpls,actions=dec_mpls_ttl,set_mpls_ttl(9),set_mpls_label(7),set_mpls_tc(3),pop_mpls:0x0800,dec_ttl
ip,actions=dec_ttl(1,2,3),load:0x2->NXM_NX_IP_ECN[],load:0xb8->NXM_OF_IP_TOS[],move:NXM_OF_IP_TOS[]->NXM_NX_REG0[0..7],mod_nw_tos:32
actions=resubmit(,1),resubmit(3,4),resubmit:5
ct_state=+new+trk,ip,actions=resubmit(,1,ct),resubmit(3,4,ct),clone(resubmit(,4,ct))
actions=conjunction(7,1/2),conjunction(8,2/3)
conj_id=9,ip,actions=drop
actions=multipath(symmetric_l4,1024,iter_hash,5,2,NXM_NX_REG1[0..7])
actions=bundle(symmetric_l3l4+udp,60,hrw,ofport,members:22,33),bundle_load(eth_src,0,active_backup,ofport,NXM_NX_REG0[],members:22,33)
actions=clone(load:0x1->NXM_NX_REG0[],output:22,clone(output:33)),output:NXM_NX_REG0[0..15]
actions=push:NXM_NX_REG2[0..5],pop:NXM_NX_REG3[1..6],push:NXM_OF_ETH_SRC[],pop:NXM_NX_XXREG1[64..111]
actions=move:NXM_NX_XXREG0[0..31]->OXM_OF_PKT_REG3[32..63],load:0x123456789abcdef->NXM_NX_XXREG0[0..63],set_field:0x5/0x5->xxreg0
actions=move:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15],load:0->NXM_OF_IN_PORT[],move:NXM_OF_VLAN_TCI[]->NXM_NX_REG1[0..15]
actions=move:NXM_NX_TUN_ID[0..31]->NXM_NX_REG1[],move:NXM_NX_TUN_IPV4_SRC[]->NXM_NX_REG1[],move:NXM_NX_TUN_IPV4_DST[]->NXM_NX_REG1[]
actions=move:NXM_NX_TUN_IPV6_SRC[]->NXM_NX_XXREG1[],move:NXM_NX_TUN_IPV6_DST[]->NXM_NX_XXREG1[],move:NXM_NX_PKT_MARK[]->NXM_NX_REG1[]
actions=move:NXM_NX_RECIRC_ID[]->NXM_NX_REG1[],move:NXM_NX_DP_HASH[]->NXM_NX_REG1[],move:OXM_OF_METADATA[]->OXM_OF_PKT_REG0[]
actions=set_field:1.2.3.4->tun_src,set_field:2001:db8::1->tun_ipv6_dst,set_field:7->tun_id,set_field:3->tun_gbp_id
tcp,actions=move:NXM_OF_IP_PROTO[]->NXM_NX_REG0[0..7],move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[],move:NXM_OF_TCP_SRC[]->NXM_OF_TCP_DST[],move:NXM_NX_TCP_FLAGS[]->NXM_NX_REG0[0..11],move:NXM_NX_IP_TTL[]->NXM_NX_REG0[0..7],move:NXM_NX_IP_FRAG[]->NXM_NX_REG0[0..1]
udp,actions=move:NXM_OF_UDP_SRC[]->NXM_OF_UDP_DST[],move:NXM_NX_IP_ECN[]->NXM_NX_REG0[0..1]
icmp,actions=move:NXM_OF_ICMP_TYPE[]->NXM_NX_REG0[0..7],move:NXM_OF_ICMP_CODE[]->NXM_NX_REG0[0..7]
arp,actions=move:NXM_OF_ARP_OP[]->NXM_NX_REG0[0..15],move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]
ipv6,actions=move:NXM_NX_IPV6_SRC[]->NXM_NX_IPV6_DST[],move:NXM_NX_IPV6_LABEL[]->NXM_NX_REG0[0..19]
icmp6,icmp_type=135,icmp_code=0,actions=move:NXM_NX_ND_TARGET[]->NXM_NX_XXREG0[],move:NXM_NX_ND_SLL[]->NXM_NX_ND_SLL[],move:NXM_NX_ICMPV6_TYPE[]->NXM_NX_REG0[0..7],move:NXM_NX_ICMPV6_CODE[]->NXM_NX_REG0[0..7]
icmp6,icmp_type=136,icmp_code=0,actions=move:NXM_NX_ND_TLL[]->NXM_OF_ETH_SRC[]
mpls,actions=move:NXM_NX_MPLS_TTL[]->NXM_NX_REG0[0..7],move:OXM_OF_MPLS_LABEL[]->NXM_NX_REG0[0..19]
ip,actions=ct(commit),ct(table=5,zone=9),ct(zone=NXM_NX_REG0[0..15],table=1),ct_clear
tcp,actions=ct(commit,force,table=3,zone=2,nat(src=10.0.0.1-10.0.0.9:1000-2000,random),exec(load:0x5->NXM_NX_CT_MARK[0..7],move:NXM_NX_REG1[]->NXM_NX_CT_LABEL[0..31]),alg=ftp)
ip,actions=ct(nat),ct(commit,nat(dst=10.0.0.5)),ct(commit,nat(src=10.0.0.5:80)),ct(commit,nat(src)),ct(commit,nat(dst=10.0.0.5-10.0.0.7,persistent,hash))
ipv6,actions=ct(commit,nat(src=2001:db8::1-2001:db8::9)),ct(commit,nat(dst=[2001:db8::1]:80-90)),ct(commit,exec(load:0x1->NXM_NX_CT_LABEL[127]))
udp,actions=ct(commit,alg=tftp,exec(set_field:7->ct_mark,set_field:0x1/0x3->ct_label))
ct_state=+trk+est-inv,ct_zone=5,ct_mark=0x1/0xff,ct_label=0x7,tcp,ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.0/8,ct_nw_proto=6,ct_tp_src=5,ct_tp_dst=0x50/0xfff0,actions=drop
ct_state=+new+trk,ipv6,ct_ipv6_src=2001:db8::1,actions=ct_clear
recirc_id=0,dp_hash=0,actions=drop
dp_hash=0/0xff,pkt_mark=0x5,reg3=0x6/0xf,xreg7=0x1,tun_id=0x9,actions=drop
""".strip().split("\n")


class Nx(OfctlTest):
    def setUp(self):
        super().setUp()
        self.ofctl("del-meters")
        self.ofctl("add-meter", "meter=9,pktps,bands=type=drop,rate=1000")

    def test_says_and_reads_back(self):
        said = "".join(f"priority={i},{text}\n" for i, text in enumerate(SAID, 101))
        parsed = self.parse(said)
        self.assertEqual(len(parsed), len(SAID))
        self.ofctl("add-flows", "-", stdin=said)
        shown = self.flows()
        for line in sorted(parsed):
            self.assertIn(line, shown)
        self.assertEqual(shown, sorted(parsed))
        self.ofctl("del-flows")

    def test_is_refused(self):
        for flow, why in (("recirc_id=5,actions=drop", "OFPBMC_BAD_VALUE"), ("dp_hash=1/3,actions=drop", "OFPBMC_BAD_VALUE"),
                          ("actions=controller(meter_id=8)", "OFPMMFC_UNKNOWN_METER"),
                          ("actions=learn(table=254,limit=3)", "OFPBAC_BAD_VENDOR_TYPE")):
            self.fails(why, "add-flow", flow)
        self.assertEqual(self.flows(), [])

    def test_resume(self):
        """The monitor sends back every frame that waits, as it came."""
        self.ofctl("add-flow", "in_port=11,actions=set_field:5->reg3,push:NXM_OF_ETH_SRC[],controller(userdata=01.02,pause),resubmit(,1),output:33")
        self.ofctl("add-flow", "table=1,reg3=5,in_port=11,actions=pop:NXM_OF_ETH_DST[],output:22")
        self.sw.give("p1", bytes.fromhex(FRAME))
        self.assertEqual((self.sw.take("p2"), self.sw.take("p3")), ([], []))
        with Monitor(self.sw, "resume") as m:
            def is_listening():
                self.sw.give("p1", bytes.fromhex(FRAME))
                return m.has_heard("NXT_RESUME")
            until(is_listening, "the monitor resumes nothing")
            m.says("userdata=01.02")
            m.says("reg3=0x5,in_port=11")
            until(lambda: self.sw.take("p3"), "the frame does not go on")
        self.assertEqual(self.sw.take("p2")[0].hex(), "0200000000ab" + FRAME[12:])

    def test_pause_unheard(self):
        """A frame that waits for nobody is counted: with no controller, with one of the first format, but not with one that resumes."""
        def unheard():
            return self.sw.call("stats")["drops"]["pause-unheard"]
        self.ofctl("add-flow", "in_port=11,actions=controller(pause),output:22")
        before = unheard()
        self.sw.give("p1", bytes.fromhex(FRAME))
        until(lambda: unheard() == before + 1, "it is not counted")
        self.c.do()
        self.sw.give("p1", bytes.fromhex(FRAME))
        until(lambda: unheard() == before + 2, "it is not counted")
        with Monitor(self.sw, "resume", "-P", "nxt_packet_in2"):
            def is_listening():
                self.sw.give("p1", bytes.fromhex(FRAME))
                return self.sw.take("p2")
            until(is_listening, "the monitor resumes nothing")
            self.sw.take("p2")
            before = unheard()
            self.sw.give("p1", bytes.fromhex(FRAME))
            self.sw.take_some("p2", 1)
            self.assertEqual(unheard(), before)
        self.sw.take("p2")

    def test_cut(self):
        self.ofctl("add-flow", "in_port=11,actions=output(port=22,max_len=20),output:33,output(port=in_port,max_len=59)")
        self.sw.give("p1", bytes.fromhex(FRAME))
        for port, n in (("p2", 20), ("p3", 60), ("p1", 59)):
            self.assertEqual([x.hex() for x in self.sw.take_some(port, 1)], [FRAME[:2 * n]])

    def test_check_pkt_larger(self):
        """Each frame of a flow by itself, and without its tag."""
        self.ofctl("add-flow", "in_port=11,actions=check_pkt_larger(60)->NXM_NX_REG0[3],move:NXM_NX_REG0[3]->NXM_NX_REG1[0],resubmit(,1)")
        self.ofctl("add-flow", "table=1,reg1=0/1,actions=output:22")
        self.ofctl("add-flow", "table=1,reg1=1/1,actions=output:33")
        frame = bytes.fromhex(FRAME)
        tagged = frame[:12] + b"\x81\0\0\5" + frame[12:]
        for sent, port in ((frame, "p2"), (frame + b"x", "p3"), (frame, "p2"), (tagged, "p2"), (tagged + b"x", "p3")) * 2:
            self.sw.give("p1", sent)
            self.assertEqual(self.sw.take_some(port, 1), [sent])

    def test_fin_timeout(self):
        self.ofctl("add-flow", "tcp,idle_timeout=600,actions=fin_timeout(idle_timeout=5,hard_timeout=100),output:22")
        self.sw.give("p1", tcp(0x10))
        self.sw.take_some("p2", 1)
        self.assertIn("idle_timeout=600", self.flows()[0])
        self.sw.give("p1", tcp(0x11))
        self.sw.take_some("p2", 1)
        until(lambda: "idle_timeout=5, hard_timeout=100" in self.flows()[0], "the timeouts stay as they were")
        self.sw.warp(6)
        until(lambda: not self.flows(), "the flow stays")

    def learn_one_of_two(self):
        """The limit is one: table 2 sees by register 0 that the first sender is learned, and the second is not."""
        self.ofctl("add-flow", "table=2,reg0=1,actions=output:22")
        self.ofctl("add-flow", "table=2,reg0=0,actions=output:33")
        self.sw.give("p1", tcp(0x10))
        self.sw.take_some("p2", 1)
        until(lambda: self.flows("table=1"), "the flow is not learned")
        self.sw.give("p1", b"\2\0\0\0\0\2\2\0\0\0\0\5" + tcp(0x10)[12:])
        self.sw.take_some("p3", 1)

    def test_learn(self):
        """limit and result_dst, fin_idle_timeout, delete_learned."""
        self.ofctl("add-flow", "tcp,actions=learn(table=1,cookie=0x9,limit=1,result_dst=NXM_NX_REG0[0],idle_timeout=600,fin_idle_timeout=7,delete_learned,"
                               "eth_type=0x800,nw_proto=6,NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),resubmit(,2)")
        self.learn_one_of_two()
        self.sw.give("p1", tcp(0x10))
        self.sw.take_some("p2", 1)
        self.assertEqual(self.flows("table=1"), ["cookie=0x9, table=1, idle_timeout=600, tcp,dl_src=02:00:00:00:00:01 "
                                                 "actions=fin_timeout(idle_timeout=7),output:11"])
        self.ofctl("del-flows", "table=0")
        self.assertEqual(self.flows("table=1"), [])

    def test_lookup_in_a_clone(self):
        """One that asks what only the frame can say: clones in each other, with what is left in each, and the action set."""
        tail = "resubmit(,2),load:0x77->NXM_OF_ETH_SRC[0..7],output:NXM_NX_REG1[0..15]"
        self.ofctl("add-flow", f"in_port=11,actions=load:33->NXM_NX_REG1[],push:NXM_NX_REG1[],clone(clone(check_pkt_larger(60)->NXM_NX_REG0[3],{tail}),set_field:02:00:00:00:00:55->eth_src,output:22),output:22")
        self.ofctl("add-flow", "table=2,priority=2,reg0=0/8,actions=load:0->NXM_NX_REG1[],pop:NXM_NX_REG1[]")
        self.ofctl("add-flow", "table=2,priority=1,actions=load:22->NXM_NX_REG1[],write_actions(set_field:02:00:00:00:00:66->eth_src,output:33)")
        frame = bytes.fromhex(FRAME)
        self.sw.give("p1", frame)
        self.assertEqual([x[6:12].hex() for x in self.sw.take_some("p2", 2)], ["020000000055", FRAME[12:24]])
        self.assertEqual([x[6:12].hex() for x in self.sw.take_some("p3", 1)], ["020000000077"])
        self.sw.give("p1", frame + bytes(1))
        self.assertEqual(sorted(x[6:12].hex() for x in self.sw.take_some("p2", 3)), sorted(["020000000055", FRAME[12:24], "020000000077"]))
        self.assertEqual([x[6:12].hex() for x in self.sw.take_some("p3", 1)], ["020000000066"])

    def test_learn_in_a_clone(self):
        self.ofctl("add-flow", "in_port=11,actions=clone(learn(table=1,limit=1,result_dst=NXM_NX_REG0[0],NXM_OF_ETH_SRC[]),resubmit(,2))")
        self.learn_one_of_two()

    def test_clones_end(self):
        """Each makes two others, that meet the same flow."""
        clone = "clone(check_pkt_larger(60)->NXM_NX_REG0[3],resubmit(,0)),"
        sent, refused = forked(2)
        self.ofctl("add-flow", f"actions={clone}{clone}output:22")
        self.ofctl("add-flow", "reg0=0x8/0x8,in_port=5,actions=drop")
        before = self.sw.call("stats")["drops"]["resubmit-work"]
        self.sw.give("p1", bytes.fromhex(FRAME))
        self.sw.take_some("p2", sent)
        until(lambda: self.sw.call("stats")["drops"]["resubmit-work"] == before + refused, "copies are not refused")

    def parse(self, text):
        """What ovs-ofctl itself makes of the flows, as it shows those of a switch."""
        done = subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", "parse-flows", "-"], input=text, capture_output=True, text=True, check=True)
        return [line.partition(" ADD ")[2] for line in done.stdout.splitlines() if " ADD " in line]


if __name__ == "__main__":
    run_if_there()

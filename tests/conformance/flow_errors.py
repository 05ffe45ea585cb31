#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 6.4 and 7.4.4: every fault of a flow-mod's match, instructions, actions and fields, with the type and code
that it is answered with.  A refused flow-mod changes nothing, whatever stands before the fault."""
import struct

from support import wire
from support.switch import SwitchTest, run
from support.wire import (BAD_ACTION, BAD_INSTRUCTION, BAD_MATCH, BAD_REQUEST, FLOW_MOD_FAILED, action, apply, flow_mod,
                          instruction, match, output, oxm, raw_match, set_field, set_raw, write)

IP = {"eth_type": 0x800}
TCP = {"eth_type": 0x800, "ip_proto": 6}


def raw_oxm(number, payload, oxm_class=0x8000, has_mask=0, length=None):
    return struct.pack("!HBB", oxm_class, number << 1 | has_mask, len(payload) if length is None else length) + payload


class Match(SwitchTest):
    BAD_TYPE, BAD_LEN, _, _, _, BAD_WILDCARDS, BAD_FIELD, BAD_VALUE, BAD_MASK, BAD_PREREQ, DUP_FIELD = range(11)

    def test_faults(self):
        cases = [
            ("OFPMT_STANDARD", raw_match(bytes(84), kind=0), self.BAD_TYPE),
            ("an unknown type", raw_match(b"", kind=2), self.BAD_TYPE),
            ("shorter than its header", raw_match(b"", length=3), self.BAD_LEN),
            ("longer than the message", raw_match(b"", length=12), self.BAD_LEN),
            ("a field cut off", raw_match(oxm("in_port", 3)[:7]), self.BAD_LEN),
            ("a field's header cut off", raw_match(oxm("in_port", 3)[:3]), self.BAD_LEN),
            ("a field too short", raw_match(raw_oxm(0, bytes(2))), self.BAD_LEN),
            ("a field too long", raw_match(raw_oxm(5, bytes(4))), self.BAD_LEN),
            ("a mask that is missing", raw_match(raw_oxm(3, bytes(6), has_mask=1)), self.BAD_LEN),
            ("an unknown field", raw_match(raw_oxm(40, bytes(4))), self.BAD_FIELD),
            ("a field of OpenFlow 1.5", raw_match(raw_oxm(44, bytes(4))), self.BAD_FIELD),
            ("an unknown class", raw_match(raw_oxm(0, bytes(4), oxm_class=0x7fff)), self.BAD_FIELD),
            ("an unknown experimenter", raw_match(raw_oxm(0, bytes(8), oxm_class=0xffff)), self.BAD_FIELD),
            ("in_port twice", match(oxm("in_port", 1), oxm("in_port", 1)), self.DUP_FIELD),
            ("eth_dst twice, one masked", match(oxm("eth_dst", 1), oxm("eth_dst", 0, 1 << 40)), self.DUP_FIELD),
            ("a bit outside the mask", match(oxm("eth_dst", 3, 1)), self.BAD_WILDCARDS),
            ("metadata outside the mask", match(oxm("metadata", 1 << 63, 1)), self.BAD_WILDCARDS),
            ("a DSCP of 7 bits", match(**IP, ip_dscp=64), self.BAD_VALUE),
            ("an ECN of 3 bits", match(**IP, ip_ecn=4), self.BAD_VALUE),
            ("a PCP of 4 bits", match(vlan_vid=0x1001, vlan_pcp=8), self.BAD_VALUE),
            ("a VLAN id of 14 bits", match(vlan_vid=0x2001), self.BAD_VALUE),
            ("a VLAN id without PRESENT", match(vlan_vid=5), self.BAD_VALUE),
            ("an MPLS label of 21 bits", match(eth_type=0x8847, mpls_label=1 << 20), self.BAD_VALUE),
            ("an MPLS TC of 4 bits", match(eth_type=0x8847, mpls_tc=8), self.BAD_VALUE),
            ("an MPLS BoS of 2 bits", match(eth_type=0x8847, mpls_bos=2), self.BAD_VALUE),
            ("a flow label of 21 bits", match(eth_type=0x86dd, ipv6_flabel=1 << 20), self.BAD_VALUE),
            ("10 bits of extension headers", match(eth_type=0x86dd, ipv6_exthdr=1 << 9), self.BAD_VALUE),
            ("a mask of 21 bits", match(oxm("eth_type", 0x86dd), oxm("ipv6_flabel", 0, 1 << 20)), self.BAD_MASK),
        ]
        for name, data, code in cases:
            self.refused(flow_mod(match=data), BAD_MATCH, code, name)

    def test_prerequisites(self):
        v6, arp, mpls = {"eth_type": 0x86dd}, {"eth_type": 0x806}, {"eth_type": 0x8847}
        needs = {
            "vlan_pcp": [{}, {"vlan_vid": 0}], "ip_dscp": [{}, arp], "ip_ecn": [{}, arp], "ip_proto": [{}, arp],
            "ipv4_src": [{}, v6], "ipv4_dst": [{}, v6], "tcp_src": [{}, IP, {**IP, "ip_proto": 17}],
            "tcp_dst": [{}, IP, {**v6, "ip_proto": 132}], "udp_src": [TCP], "udp_dst": [TCP], "sctp_src": [TCP], "sctp_dst": [TCP],
            "icmpv4_type": [IP, TCP, {**v6, "ip_proto": 58}, {**v6, "ip_proto": 1}], "icmpv4_code": [IP],
            "arp_op": [{}, IP], "arp_spa": [IP], "arp_tpa": [IP], "arp_sha": [IP], "arp_tha": [IP], "ipv6_src": [{}, IP],
            "ipv6_dst": [{}, IP], "ipv6_flabel": [{}, IP], "icmpv6_type": [v6, {**IP, "ip_proto": 58}], "icmpv6_code": [v6],
            "ipv6_nd_target": [{**v6, "ip_proto": 58}, {**v6, "ip_proto": 58, "icmpv6_type": 134}],
            "ipv6_nd_sll": [{**v6, "ip_proto": 58, "icmpv6_type": 136}], "ipv6_nd_tll": [{**v6, "ip_proto": 58, "icmpv6_type": 135}],
            "mpls_label": [{}, IP], "mpls_tc": [{}], "mpls_bos": [{}], "pbb_isid": [{}, mpls], "ipv6_exthdr": [{}, IP],
            "in_phy_port": [{}],
        }
        for field, withouts in needs.items():
            for fields in withouts:
                self.refused(flow_mod(match=match(**fields, **{field: 0})), BAD_MATCH, self.BAD_PREREQ, f"{field} after {fields}")
        self.refused(flow_mod(match=match(oxm("ipv4_src", 1), oxm("eth_type", 0x800))), BAD_MATCH, self.BAD_PREREQ,
                     "the prerequisite must come first")
        self.refused(flow_mod(match=match(oxm("eth_type", 0x800, 0xff00), oxm("ipv4_src", 1))), BAD_MATCH, self.BAD_PREREQ,
                     "a masked prerequisite is none")

    def test_every_field_with_its_prerequisites(self):
        v6 = {"eth_type": 0x86dd}
        nd = {**v6, "ip_proto": 58}
        goods = [{"in_port": 7}, {"in_port": 7, "in_phy_port": 7}, {"metadata": 1 << 63}, {"eth_dst": 5}, {"eth_src": 6},
                 {"vlan_vid": 0}, {"vlan_vid": 0x1fff, "vlan_pcp": 7}, {**IP, "ip_dscp": 63, "ip_ecn": 3}, {**v6, "ip_dscp": 1},
                 {**IP, "ipv4_src": 1, "ipv4_dst": 2}, {**TCP, "tcp_src": 1, "tcp_dst": 2}, {**IP, "ip_proto": 17, "udp_src": 3, "udp_dst": 4},
                 {**v6, "ip_proto": 132, "sctp_src": 3, "sctp_dst": 4}, {**IP, "ip_proto": 1, "icmpv4_type": 8, "icmpv4_code": 0},
                 {"eth_type": 0x806, "arp_op": 1, "arp_spa": 2, "arp_tpa": 3, "arp_sha": 4, "arp_tha": 5},
                 {**v6, "ipv6_src": 1 << 127, "ipv6_dst": 2, "ipv6_flabel": 0xfffff, "ipv6_exthdr": 0x1ff},
                 {**nd, "icmpv6_type": 135, "icmpv6_code": 0, "ipv6_nd_target": 1, "ipv6_nd_sll": 2},
                 {**nd, "icmpv6_type": 136, "ipv6_nd_target": 1, "ipv6_nd_tll": 2},
                 {"eth_type": 0x8848, "mpls_label": 0xfffff, "mpls_tc": 7, "mpls_bos": 1}, {"eth_type": 0x88e7, "pbb_isid": 0xffffff},
                 {"tunnel_id": 77}]
        for i, fields in enumerate(goods):
            self.c.do(flow_mod(match=match(**fields), priority=i))
        got = {f["priority"]: f["match"] for f in self.c.flows()}
        self.assertEqual(got, dict(enumerate(goods)), "they come back as they were sent")

    def test_masks(self):
        """A mask on every field, also on those where 1.3.5 has none; all zeros is no field at all."""
        self.c.do(flow_mod(match=match(oxm("in_port", 6, 0xfe)), priority=1), flow_mod(match=match(oxm("eth_type", 0x800, 0xff00)), priority=2),
                  flow_mod(match=match(oxm("vlan_vid", 0x1000, 0x1000)), priority=3), flow_mod(match=match(oxm("eth_dst", 0, 0)), priority=4),
                  flow_mod(match=match(oxm("vlan_vid", 0x1007, 0x1fff)), priority=5))
        got = {f["priority"]: f["match"] for f in self.c.flows()}
        self.assertEqual(got, {1: {"in_port": (6, 0xfe)}, 2: {"eth_type": (0x800, 0xff00)}, 3: {"vlan_vid": (0x1000, 0x1000)}, 4: {},
                               5: {"vlan_vid": 0x1007}})


class Instructions(SwitchTest):
    UNKNOWN, UNSUP, BAD_TABLE_ID, _, _, BAD_EXPERIMENTER, _, BAD_LEN = range(8)

    def test_faults(self):
        cases = [
            ("type 0", instruction(0, bytes(4)), self.UNKNOWN), ("type 7", instruction(7, bytes(4)), self.UNKNOWN),
            ("an experimenter", instruction(0xffff, struct.pack("!I", 0xabcdef)), self.BAD_EXPERIMENTER),
            ("no room for the header", instruction(1, b"", length=0), self.BAD_LEN),
            ("length 4", instruction(5, b"", length=4), self.BAD_LEN), ("length 12", instruction(5, bytes(8)), self.BAD_LEN),
            ("longer than the message", instruction(5, bytes(4), length=16), self.BAD_LEN),
            ("clear-actions with more", instruction(5, bytes(12)), self.BAD_LEN),
            ("goto-table with more", instruction(1, bytes([5]) + bytes(11)), self.BAD_LEN),
            ("write-metadata of 16 bytes", instruction(2, bytes(12)), self.BAD_LEN),
            ("an experimenter's without id", instruction(0xffff, b"", length=4), self.BAD_LEN),
            ("half a header", b"\0\5\0", self.BAD_LEN),
            ("clear-actions twice", wire.clear() * 2, self.UNSUP), ("apply-actions twice", apply() + wire.clear() + apply(), self.UNSUP),
            ("goto-table 254", wire.goto(254), self.BAD_TABLE_ID), ("goto-table 255", wire.goto(255), self.BAD_TABLE_ID),
        ]
        for name, data, code in cases:
            self.refused(flow_mod(data), BAD_INSTRUCTION, code, name)
        for at, to in ((0, 0), (9, 9), (9, 8), (253, 253), (253, 0)):
            self.refused(flow_mod(wire.goto(to), table=at), BAD_INSTRUCTION, self.BAD_TABLE_ID, f"goto {to} in table {at}")

    def test_all_of_them(self):
        every = (apply(output(22)), wire.clear(), write(output(33)), wire.write_metadata(5, 7), wire.goto(9))
        self.c.do(flow_mod(*reversed(every), priority=1), flow_mod(*every, priority=2), flow_mod(priority=3), flow_mod(apply(), write(), priority=4))
        got = {f["priority"]: f["instructions"] for f in self.c.flows()}
        self.assertEqual(got[1], b"".join(reversed(every)), "as they were sent")
        self.assertEqual(got[3], b"")


class Actions(SwitchTest):
    (BAD_TYPE, BAD_LEN, BAD_EXPERIMENTER, _, BAD_OUT_PORT, BAD_ARGUMENT, _, TOO_MANY, BAD_QUEUE, BAD_OUT_GROUP, INCONSISTENT, _, BAD_TAG,
     BAD_SET_TYPE, BAD_SET_LEN, BAD_SET_ARGUMENT) = range(16)

    def everywhere(self, name, data, code, fields=None):
        """In apply-actions, in write-actions, behind a good action, and in a packet-out."""
        where = match(**(fields or {}))
        self.refused(flow_mod(apply(data), match=where), BAD_ACTION, code, name)
        self.refused(flow_mod(wire.clear(), apply(output(22), data), match=where), BAD_ACTION, code, name + ", later")
        if code != self.INCONSISTENT:
            self.refused(flow_mod(write(data), match=where), BAD_ACTION, code, name + ", in write-actions")
            self.refused(wire.packet_out(bytes(60), data), BAD_ACTION, code, name + ", in a packet-out")

    def test_faults(self):
        cases = [
            ("type 1 (OpenFlow 1.0)", action(1, bytes(4)), self.BAD_TYPE), ("type 28", action(28, bytes(4)), self.BAD_TYPE),
            ("an experimenter", action(0xffff, struct.pack("!I", 0xabcdef)), self.BAD_EXPERIMENTER),
            ("length 0", action(0, bytes(12), length=0), self.BAD_LEN), ("length 4", action(18, bytes(4), length=4), self.BAD_LEN),
            ("length 12", action(0, bytes(12), length=12), self.BAD_LEN), ("output of 8 bytes", action(0, bytes(4)), self.BAD_LEN),
            ("output of 24 bytes", action(0, bytes(20)), self.BAD_LEN), ("pop-vlan of 16 bytes", action(18, bytes(12)), self.BAD_LEN),
            ("past the end", action(18, bytes(4), length=16), self.BAD_LEN),
            ("output 0", output(0), self.BAD_OUT_PORT), ("output above MAX", output(0xffffff01), self.BAD_OUT_PORT),
            ("output UNSET", output(0xfffffff7), self.BAD_OUT_PORT), ("output ANY", output(wire.ANY), self.BAD_OUT_PORT),
            ("a group that is not there", wire.group(5), self.BAD_OUT_GROUP), ("OFPG_ALL", wire.group(0xfffffffc), self.BAD_OUT_GROUP),
            ("OFPG_ANY", wire.group(wire.ANY), self.BAD_OUT_GROUP), ("OFPQ_ALL", wire.set_queue(wire.ANY), self.BAD_QUEUE),
            ("push-vlan 0x800", wire.push_vlan(0x800), self.BAD_ARGUMENT), ("push-mpls 0x8100", wire.push_mpls(0x8100), self.BAD_ARGUMENT),
            ("17 VLAN tags", wire.push_vlan() * 17, self.BAD_TAG),
            ("push-pbb 0x8100", wire.push_pbb(0x8100), self.BAD_ARGUMENT),
            ("set an unknown field", set_raw(raw_oxm(40, bytes(4))), self.BAD_SET_TYPE),
            ("set a field of an unknown class", set_raw(raw_oxm(0, bytes(4), oxm_class=3)), self.BAD_SET_TYPE),
            ("set with a mask", set_raw(oxm("eth_dst", 0, 1)), self.BAD_SET_TYPE), ("set in_port", set_field("in_port", 11), self.BAD_SET_TYPE),
            ("set in_phy_port", set_field("in_phy_port", 11), self.BAD_SET_TYPE),
            ("set ipv6_exthdr", set_field("ipv6_exthdr", 1), self.BAD_SET_TYPE),
            ("set with too few bytes", set_raw(raw_oxm(3, bytes(4))), self.BAD_SET_LEN),
            ("set with too many bytes", set_raw(raw_oxm(3, bytes(8))), self.BAD_SET_LEN),
            ("set past the action's end", set_raw(raw_oxm(3, bytes(8), length=10)), self.BAD_SET_LEN),
            ("set a VLAN id of 14 bits", set_field("vlan_vid", 0x2000), self.BAD_SET_ARGUMENT),
            ("set an Ethernet type that is a length", set_field("eth_type", 0x5ff), self.BAD_SET_ARGUMENT),
            ("set the Ethernet type of a tag", set_field("eth_type", 0x8100), self.BAD_SET_ARGUMENT),
            ("set IPv6 extension headers", set_field("ipv6_exthdr", 1), self.BAD_SET_TYPE),
            ("set a PCP of 4 bits", set_field("vlan_pcp", 8), self.BAD_SET_ARGUMENT),
            ("set a DSCP of 7 bits", set_field("ip_dscp", 64), self.BAD_SET_ARGUMENT),
            ("set an MPLS label of 21 bits", set_field("mpls_label", 1 << 20), self.BAD_SET_ARGUMENT),
            ("set a VLAN id without PRESENT", set_field("vlan_vid", 5), self.BAD_SET_ARGUMENT),
        ]
        for name, data, code in cases:
            self.everywhere(name, data, code)
        self.refused(flow_mod(apply(output(wire.TABLE))), BAD_ACTION, self.BAD_OUT_PORT, "TABLE is for packet-outs")
        self.refused(flow_mod(write(output(wire.TABLE))), BAD_ACTION, self.BAD_OUT_PORT, "TABLE is for packet-outs")
        self.refused(flow_mod(apply(action(0, bytes(12), length=24))), BAD_ACTION, self.BAD_LEN, "past its instruction")

    def test_inconsistent_with_the_match(self):
        v6 = {"eth_type": 0x86dd}
        cases = [
            (wire.pop_vlan(), {}), (wire.pop_vlan(), {"vlan_vid": 0}), (set_field("vlan_vid", 0x1005), {}), (set_field("vlan_pcp", 1), {"vlan_vid": 0}),
            (set_field("ipv4_src", 1), {}), (set_field("ipv4_src", 1), v6), (set_field("ipv6_src", 1), IP), (set_field("tcp_src", 1), IP),
            (set_field("udp_src", 1), TCP), (set_field("arp_op", 1), IP), (set_field("mpls_label", 1), IP), (set_field("ip_dscp", 1), {}),
            (wire.pop_mpls(0x800), IP), (wire.dec_mpls_ttl(), IP), (wire.dec_nw_ttl(), {}), (wire.set_nw_ttl(3), {"eth_type": 0x806}),
            (wire.pop_pbb(), IP), (wire.push_mpls() + set_field("ipv4_src", 1), IP), (wire.pop_vlan() * 2, {"vlan_vid": 0x1005}),
        ]
        for data, fields in cases:
            self.everywhere(f"{data.hex()} with {fields}", data, self.INCONSISTENT, fields)

    def test_consistent_by_an_earlier_action(self):
        self.c.do(flow_mod(apply(wire.push_vlan(), set_field("vlan_vid", 0x1005), wire.push_vlan(0x88a8), wire.pop_vlan(), wire.pop_vlan()), priority=1),
                  flow_mod(apply(wire.push_mpls(), set_field("mpls_label", 7), wire.pop_mpls(0x800), set_field("ipv4_src", 1)), match=match(**IP), priority=2),
                  flow_mod(apply(wire.push_pbb(), set_field("pbb_isid", 7), wire.pop_pbb()), priority=3),
                  flow_mod(apply(set_field("vlan_vid", 0x1006), wire.pop_vlan()), match=match(oxm("vlan_vid", 0x1000, 0x1000)), priority=4),
                  flow_mod(write(wire.pop_vlan(), set_field("ipv4_src", 1)), priority=5))
        self.assertEqual(len(self.c.flows()), 5)

    def test_ports_that_may_come(self):
        for port in (22, 1, 500, wire.PORT_MAX, wire.IN_PORT, wire.NORMAL, wire.FLOOD, wire.ALL, wire.CONTROLLER, wire.LOCAL):
            self.c.do(flow_mod(apply(output(port)), write(output(port))))


class Fields(SwitchTest):
    UNKNOWN, TABLE_FULL, BAD_TABLE_ID, OVERLAP, _, BAD_TIMEOUT, BAD_COMMAND, BAD_FLAGS = range(8)

    def test_faults(self):
        for command in (5, 6, 255):
            self.refused(flow_mod(command=command), FLOW_MOD_FAILED, self.BAD_COMMAND)
        for flags in (0x20, 0x8000, 0x21):
            self.refused(flow_mod(flags=flags), FLOW_MOD_FAILED, self.BAD_FLAGS)
        for table in (254, 255):
            for command in (wire.ADD, wire.MODIFY, wire.MODIFY_STRICT):
                self.refused(flow_mod(table=table, command=command), FLOW_MOD_FAILED, self.BAD_TABLE_ID)
        for command in (wire.DELETE, wire.DELETE_STRICT):
            self.refused(flow_mod(table=254, command=command), FLOW_MOD_FAILED, self.BAD_TABLE_ID)
        for command in (wire.ADD, wire.MODIFY):
            self.refused(flow_mod(buffer=3, command=command), BAD_REQUEST, 8)
        self.refused(wire.message(wire.FLOW_MOD, bytes(39)), BAD_REQUEST, 6)

    def test_as_many_actions_as_can_be_shown(self):
        """A flow must fit into one multipart reply, whose head is larger than that of the flow-mod."""
        most = (65535 - 64 - 8 - 8) // 16
        self.c.do(flow_mod(apply(*[output(22)] * most)))
        self.assertEqual(self.c.flows()[0]["instructions"], apply(*[output(22)] * most))
        self.refused(flow_mod(apply(*[output(22)] * (most + 1)), priority=1), BAD_ACTION, Actions.TOO_MANY)


if __name__ == "__main__":
    run()

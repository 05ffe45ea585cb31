#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 5.6, 6.5, 7.3.4.2, 7.3.5.7 to 7.3.5.9: groups, what frames meet in them, what is told of them, and errors."""
import struct

from support import wire
from support.switch import SwitchTest, run, until
from support.wire import (BAD_ACTION, DELETE, GROUP_MOD_FAILED, action, apply, bucket, dec_nw_ttl, flow_mod, group, group_mod, multipart, output, pop_mpls, pop_pbb, pop_vlan,
                          push_mpls, push_pbb, push_vlan, set_field, set_nw_ttl, set_queue, write)

ADD, MODIFY, REMOVE = range(3)
ALL, SELECT, INDIRECT, FF = range(4)
EVERY = 0xfffffffc
(EXISTS, INVALID, _, _, OUT_OF_BUCKETS, _, WATCH_UNSUPPORTED, LOOP, UNKNOWN, CHAINED, BAD_TYPE, BAD_COMMAND, BAD_BUCKET, BAD_WATCH,
 _) = range(15)
FRAME = bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]) + bytes(46)
TO_22, TO_33 = bucket(output(22)), bucket(output(33))


def read_stats(data):
    keys = "length id refs packets bytes seconds nanoseconds".split()
    out = []
    while data:
        g = dict(zip(keys, struct.unpack_from("!H2xII4xQQII", data)))
        g["buckets"] = wire.each(data[40:g["length"]], 16, lambda x: struct.unpack("!QQ", x))
        out.append(g)
        data = data[g["length"]:]
    return out


class GroupTest(SwitchTest):
    def setUp(self):
        super().setUp()
        self.c.do(group_mod(REMOVE, ALL, EVERY))
        self.c.late.clear()

    def stats(self, number=EVERY):
        return read_stats(self.c.parts(multipart(wire.MP_GROUP, struct.pack("!I4x", number))))

    def desc(self):
        """The groups, as (type, id, buckets in bytes)."""
        data, out = self.c.parts(multipart(wire.MP_GROUP_DESC)), []
        while data:
            length, kind, number = struct.unpack_from("!HBxI", data)
            out.append((kind, number, data[8:length]))
            data = data[length:]
        return out

    def state(self):
        return super().state() + (self.desc(),)

    def forward(self, n22, n33):
        """A frame in by p1; so many come out at the others."""
        self.sw.give("p1", FRAME)
        return self.sw.take_some("p2", n22), self.sw.take_some("p3", n33)


class Forwarding(GroupTest):
    def test_all(self):
        """Each bucket has a copy, and the frame goes on as it was."""
        self.c.do(group_mod(ADD, ALL, 0, bucket(set_field("eth_dst", 0x0a), output(22)), TO_33), flow_mod(apply(group(0), output(22))))
        at22, at33 = self.forward(2, 1)
        self.assertEqual([x[5] for x in at22 + at33], [0x0a, 2, 2])

    def test_the_group_goes_before_the_output(self):
        self.c.do(group_mod(ADD, INDIRECT, 1, TO_33), flow_mod(write(output(22), group(1))))
        self.forward(0, 1)

    def test_a_bucket_is_an_action_set(self):
        self.c.do(group_mod(ADD, ALL, 1, bucket(output(22), output(33), set_field("eth_dst", 0x0b))), flow_mod(apply(group(1))))
        self.assertEqual(self.forward(0, 1)[1][0][5], 0x0b)

    def test_chain(self):
        self.c.do(group_mod(ADD, INDIRECT, 3, TO_33), group_mod(ADD, ALL, 2, bucket(group(3)), TO_22), group_mod(ADD, SELECT, 1,
                  bucket(group(2), weight=9)), flow_mod(write(group(1))))
        self.forward(1, 1)

    def test_failover(self):
        """The first live bucket; a port that is set down, or is not there, is not live, nor a group of such."""
        mac = next(p["mac"] for p in wire.each(self.c.parts(multipart(wire.MP_PORT_DESC)), 64, wire.read_port) if p["number"] == 22)
        self.c.do(group_mod(ADD, FF, 5, bucket(output(33), watch_port=77)),
                  group_mod(ADD, FF, 6, bucket(output(33), watch_group=5), bucket(output(22), watch_port=22),
                            bucket(output(33), watch_port=33)), flow_mod(apply(group(6))))
        self.forward(1, 0)
        self.c.do(wire.port_mod(22, mac, config=1, mask=1))
        self.forward(0, 1)
        self.c.do(wire.port_mod(22, mac, config=0, mask=1))
        self.forward(1, 0)

    def test_packet_out(self):
        self.c.do(group_mod(ADD, ALL, 5, TO_22, TO_33), wire.packet_out(FRAME, group(5), output(22)))
        self.sw.take_some("p2", 2)
        self.sw.take_some("p3", 1)

    def test_without_buckets(self):
        self.c.do(group_mod(ADD, ALL, 5), flow_mod(apply(group(5), output(22))))
        self.forward(1, 0)

    def test_weights(self):
        self.c.do(group_mod(ADD, SELECT, 5, bucket(output(22), weight=3), bucket(output(33), weight=1)), flow_mod(apply(group(5))))
        for i in range(400):
            self.sw.give("p1", FRAME[:10] + struct.pack("!H", i) + FRAME[12:])
        until(lambda: self.stats(5)[0]["packets"] == 400, "frames are lost")
        done = self.stats(5)[0]["buckets"]
        self.assertEqual(done[0][0] + done[1][0], 400)
        self.assertTrue(250 < done[0][0] < 350, done)


class Changes(GroupTest):
    def test_as_sent(self):
        buckets = bucket(output(22), weight=7), bucket(set_field("eth_dst", 5), group(8), weight=0xffff, watch_port=33, watch_group=8)
        self.c.do(group_mod(ADD, ALL, 8), group_mod(ADD, SELECT, 9, *buckets))
        self.assertEqual(self.desc(), [(ALL, 8, b""), (SELECT, 9, b"".join(buckets))])

    def test_add_or_modify(self):
        """Open vSwitch's command."""
        for buckets in ((TO_22,), (TO_33, TO_22)):
            self.c.do(group_mod(0x8000, ALL, 5, *buckets))
            self.assertEqual(self.desc(), [(ALL, 5, b"".join(buckets))])

    def test_counters(self):
        self.c.do(group_mod(ADD, ALL, 5, TO_22, TO_33), group_mod(ADD, INDIRECT, 6, bucket(group(5))), flow_mod(apply(group(5))),
                  flow_mod(apply(group(6), group(6)), table=3), flow_mod(write(group(5)), apply(group(5)), priority=1))
        self.forward(1, 1)
        self.forward(1, 1)
        self.sw.warp(50)
        g = self.stats(5)[0]
        self.assertEqual((g["refs"], g["packets"], g["bytes"], g["buckets"]), (3, 2, 120, [(2, 120), (2, 120)]))
        self.assertGreaterEqual(g["seconds"], 50)
        self.assertEqual([(x["id"], x["refs"]) for x in self.stats()], [(5, 3), (6, 1)])
        self.assertEqual(self.stats(7), [])
        self.c.do(group_mod(MODIFY, ALL, 5, TO_33), flow_mod(command=DELETE, table=wire.ALL_TABLES, out_group=6))
        g = self.stats(5)[0]
        self.assertEqual((g["refs"], g["packets"], g["buckets"]), (3, 2, [(0, 0)]))
        self.assertGreaterEqual(g["seconds"], 50)
        self.assertEqual(self.stats(6)[0]["refs"], 0)
        self.forward(0, 1)

    def test_delete(self):
        self.c.do(group_mod(ADD, ALL, 5, TO_22), group_mod(ADD, ALL, 6, TO_22), flow_mod(apply(group(5)), cookie=1, flags=wire.SEND_FLOW_REM),
                  flow_mod(write(group(6)), table=9, cookie=2), flow_mod(apply(output(33)), priority=1, cookie=3), group_mod(REMOVE, ALL, 5))
        gone = wire.read_flow_removed(self.c.next_async(wire.FLOW_REMOVED))
        self.assertEqual((gone["cookie"], gone["reason"]), (1, 3))
        self.assertEqual(sorted(f["cookie"] for f in self.c.flows()), [2, 3])
        self.forward(0, 1)
        self.c.do(group_mod(ADD, ALL, 7, bucket(group(6))), group_mod(REMOVE, ALL, EVERY))
        self.assertEqual([f["cookie"] for f in self.c.flows()], [3])
        self.assertEqual(self.desc(), [])
        self.c.silence()
        self.c.do(group_mod(REMOVE, ALL, 5), group_mod(REMOVE, FF, EVERY))

    def test_out_group(self):
        self.c.do(group_mod(ADD, ALL, 5, TO_22), flow_mod(apply(group(5)), cookie=1), flow_mod(write(group(5)), table=1, cookie=2),
                  flow_mod(apply(output(22)), table=2, cookie=3))
        self.assertEqual(sorted(f["cookie"] for f in self.c.flows(out_group=5)), [1, 2])
        self.c.do(flow_mod(command=DELETE, table=1, out_group=5), flow_mod(command=DELETE, table=2, out_group=5))
        self.assertEqual(sorted(f["cookie"] for f in self.c.flows()), [1, 3])

    def test_features(self):
        data = struct.unpack("!10I", self.c.parts(multipart(wire.MP_GROUP_FEATURES)))
        self.assertEqual(data[:2], (0xf, 0xf))
        self.assertTrue(all(n >= 1000 for n in data[2:6]))
        self.assertTrue(all(acts & 1 << 22 and acts & 1 for acts in data[6:]))

    def test_features_name_every_action(self):
        """What buckets and flows take, group features and table features say: types of 7.2.5, each with a message that has it."""
        acts = {0: output(22), 11: action(11, bytes(4)), 12: action(12, bytes(4)), 15: action(15, b"\7\0\0\0"), 16: action(16, bytes(4)), 17: push_vlan(),
                18: pop_vlan(), 19: push_mpls(), 20: pop_mpls(0x800), 21: set_queue(1), 22: group(1), 23: set_nw_ttl(5), 24: dec_nw_ttl(),
                25: set_field("eth_src", 5), 26: push_pbb(), 27: pop_pbb()}
        self.c.do(group_mod(ADD, INDIRECT, 1, TO_22))
        for i, act in acts.items():
            self.c.do(group_mod(ADD, ALL, 100 + i, bucket(act)))
        every = sum(1 << i for i in acts)
        self.assertEqual(set(struct.unpack("!10I", self.c.parts(multipart(wire.MP_GROUP_FEATURES)))[6:]), {every})
        table = wire.read_table_features(self.c.parts(multipart(wire.MP_TABLE_FEATURES)))[0]
        for kind in (4, 5, 6, 7):  # write and apply actions, and of the table-miss flow
            data = table["properties"][kind]
            self.assertEqual({struct.unpack_from("!H", data, at)[0] for at in range(0, len(data) - 3, 4)}, set(acts), f"property {kind}")


class Errors(GroupTest):
    def test_each(self):
        self.c.do(group_mod(ADD, INDIRECT, 1, TO_22), group_mod(ADD, ALL, 2, bucket(group(1))), group_mod(ADD, FF, 3,
                  bucket(output(22), watch_port=22)), group_mod(ADD, FF, 4, bucket(output(22), watch_group=3)), flow_mod(apply(group(2))))
        cases = [
            ("there already", group_mod(ADD, ALL, 1), EXISTS), ("an id that is reserved", group_mod(ADD, ALL, 0xffffff01), INVALID),
            ("modify one too", group_mod(MODIFY, ALL, EVERY), INVALID), ("weight", group_mod(ADD, ALL, 9, bucket(weight=1)), INVALID),
            ("indirect to two", group_mod(ADD, INDIRECT, 9, TO_22, TO_33), INVALID), ("to none", group_mod(MODIFY, INDIRECT, 1), INVALID),
            ("fast failover without a watch", group_mod(ADD, FF, 9, TO_22), INVALID),
            ("many buckets", group_mod(ADD, ALL, 9, *[bucket()] * 3000), OUT_OF_BUCKETS),
            ("all, watching", group_mod(ADD, ALL, 9, bucket(watch_port=22)), WATCH_UNSUPPORTED),
            ("itself", group_mod(ADD, ALL, 9, bucket(group(9))), LOOP), ("a circle", group_mod(MODIFY, INDIRECT, 1, bucket(group(2))), LOOP),
            ("not there", group_mod(MODIFY, ALL, 9), UNKNOWN), ("needed by another", group_mod(REMOVE, ALL, 1), CHAINED),
            ("type", group_mod(ADD, 4, 9), BAD_TYPE), ("command", group_mod(3, ALL, 9), BAD_COMMAND),
            ("a bucket cut off", group_mod(ADD, ALL, 9, TO_22[:-8]), BAD_BUCKET),
            ("watching no group", group_mod(ADD, FF, 9, bucket(watch_group=8)), BAD_WATCH),
            ("watching each other", group_mod(MODIFY, FF, 3, bucket(watch_group=4)), BAD_WATCH),
            ("watching IN_PORT", group_mod(ADD, FF, 9, bucket(watch_port=0xfffffff8)), BAD_WATCH)]
        for name, data, code in cases:
            self.refused(data, GROUP_MOD_FAILED, code, name)
        self.refused(group_mod(ADD, ALL, 9, bucket(group(8))), BAD_ACTION, 9, "to no group")
        self.refused(group_mod(ADD, ALL, 9, bucket(output(0))), BAD_ACTION, 4, "to port 0")
        self.forward(1, 0)


if __name__ == "__main__":
    run()

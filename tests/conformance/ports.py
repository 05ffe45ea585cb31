#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 7.2.1, 7.3.3 to 7.3.5, 7.4.3: ports and their changes, tables, and the multipart messages."""
import struct

from support import wire
from support.switch import SwitchTest, run, until
from support.wire import (BAD_REQUEST, GROUP_MOD_FAILED, METER_MOD_FAILED, PORT_MOD_FAILED, QUEUE_OP_FAILED, TABLE_FEATURES_FAILED, TABLE_MOD_FAILED,
                          apply, flow_mod, match, multipart, output, packet_out, port_mod, table_mod)

FRAME = bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]) + bytes(46)
DOWN, NO_RECV, NO_FWD, NO_PACKET_IN = 1, 4, 0x20, 0x40
LINK_DOWN, LIVE = 1, 4
ADDED, REMOVED, CHANGED = range(3)


class PortTest(SwitchTest):
    def ports(self):
        body = self.c.parts(multipart(wire.MP_PORT_DESC))
        return {p["number"]: p for p in wire.each(body, 64, wire.read_port)}

    def stats(self, number):
        found = wire.read_port_stats(self.c.parts(multipart(wire.MP_PORT_STATS, struct.pack("!I4x", number))))
        self.assertEqual([x["number"] for x in found], [number])
        return found[0]

    def told(self, reason):
        got = wire.read_port_status(self.c.next_async(wire.PORT_STATUS))
        self.assertEqual(got[0], reason)
        return got[1]


class Ports(PortTest):
    def test_description(self):
        ports = self.ports()
        self.assertEqual({n: p["name"] for n, p in ports.items()}, {11: "p1", 22: "p2", 33: "p3"})
        self.assertEqual(len({p["mac"] for p in ports.values()}), 3)
        for p in ports.values():
            self.assertEqual((p["config"], p["state"], p["mac"][0] & 1), (0, LIVE, 0))

    def test_statistics(self):
        self.c.do(flow_mod(apply(output(22)), match=match(in_port=11)))
        before = self.stats(11), self.stats(22)
        for _ in range(3):
            self.sw.give("p1", FRAME)
        self.sw.take_some("p2", 3)
        after = self.stats(11), self.stats(22)
        self.assertEqual([after[0][k] - before[0][k] for k in ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes")], [3, 180, 0, 0])
        self.assertEqual([after[1][k] - before[1][k] for k in ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes")], [0, 0, 3, 180])
        for key in ("rx_dropped", "tx_dropped", "rx_errors", "tx_errors", "rx_frame_err", "rx_over_err", "rx_crc_err", "collisions"):
            self.assertEqual(after[0][key], 0, key)
        self.sw.warp(1000)
        self.assertGreaterEqual(self.stats(11)["seconds"], 1000)
        every = wire.read_port_stats(self.c.parts(multipart(wire.MP_PORT_STATS, struct.pack("!I4x", wire.ANY))))
        self.assertEqual(sorted(x["number"] for x in every), [11, 22, 33])
        for number in (0, 44, wire.LOCAL, wire.ALL):
            self.refused(multipart(wire.MP_PORT_STATS, struct.pack("!I4x", number)), BAD_REQUEST, 11)

    def test_port_mod_faults(self):
        mac = self.ports()[22]["mac"]
        self.refused(port_mod(44, mac), PORT_MOD_FAILED, 0)
        self.refused(port_mod(wire.ANY, mac), PORT_MOD_FAILED, 0)
        self.refused(port_mod(22, bytes(6), DOWN, DOWN), PORT_MOD_FAILED, 1)
        self.refused(port_mod(11, mac, DOWN, DOWN), PORT_MOD_FAILED, 1)
        for bit in (2, 8, 0x10, 0x80, 1 << 31):
            self.refused(port_mod(22, mac, bit, bit), PORT_MOD_FAILED, 2)
        self.refused(port_mod(22, mac, DOWN, DOWN, advertise=0x20), PORT_MOD_FAILED, 3)

    def configure(self, number, config, mask):
        self.c.do(port_mod(number, self.ports()[number]["mac"], config, mask))

    def test_port_mod(self):
        self.c.do(flow_mod(apply(output(22), output(wire.CONTROLLER)), match=match(in_port=11)), flow_mod(apply(output(11)), match=match(in_port=22)),
                  flow_mod(apply(output(33)), match=match(in_port=33)))
        self.configure(22, NO_FWD, NO_FWD)
        self.assertEqual(self.told(CHANGED)["config"], NO_FWD)
        self.sw.give("p1", FRAME)
        self.c.next_async(wire.PACKET_IN)
        self.assertEqual(self.sw.take("p2"), [], "NO_FWD: nothing leaves")
        self.sw.give("p2", FRAME)
        self.sw.take_some("p1", 1)
        self.configure(22, NO_RECV, NO_FWD | NO_RECV)
        self.assertEqual(self.told(CHANGED)["config"], NO_RECV)
        self.sw.give("p1", FRAME)
        self.sw.take_some("p2", 1)
        self.c.next_async(wire.PACKET_IN)
        drops = self.sw.call("stats")["drops"]["no-recv"]
        self.sw.give("p2", FRAME)
        until(lambda: self.sw.call("stats")["drops"]["no-recv"] == drops + 1, "NO_RECV: not counted as a drop")
        self.assertEqual(self.sw.take("p1"), [], "NO_RECV: nothing comes in")
        self.configure(22, 0, NO_RECV)
        self.told(CHANGED)
        self.configure(11, NO_PACKET_IN, NO_PACKET_IN)
        self.told(CHANGED)
        self.sw.give("p1", FRAME)
        self.sw.take_some("p2", 1)
        self.c.silence()
        self.configure(11, 0, NO_PACKET_IN)
        self.told(CHANGED)
        self.configure(11, DOWN, NO_RECV)
        self.c.silence()  # the mask chooses: nothing has changed

    def test_down(self):
        self.c.do(flow_mod(apply(output(22))))
        self.configure(22, DOWN, DOWN)
        port = self.told(CHANGED)
        self.assertEqual((port["config"], port["state"]), (DOWN, LINK_DOWN))
        self.sw.give("p1", FRAME)
        self.sw.give("p3", FRAME)
        self.c.do(packet_out(FRAME, output(22)), packet_out(FRAME, output(33)))
        self.sw.take_some("p3", 1)
        self.assertEqual(self.sw.take("p2"), [])
        self.configure(22, 0, DOWN)
        port = self.told(CHANGED)
        self.assertEqual((port["config"], port["state"]), (0, LIVE))
        self.sw.give("p1", FRAME)
        self.sw.take_some("p2", 1)

    def test_ports_come_and_go(self):
        self.assertEqual(self.sw.call("port/add", "br0", "p9", "{type: test, ofport: 99}")["ofport"], 99)
        port = self.told(ADDED)
        self.assertEqual((port["number"], port["name"], port["state"]), (99, "p9", LIVE))
        self.assertEqual(self.ports()[99], port)
        self.c.do(flow_mod(apply(output(99)), match=match(in_port=11)), flow_mod(apply(output(22)), match=match(in_port=99)))
        self.sw.give("p1", FRAME)
        self.sw.take_some("p9", 1)
        self.sw.call("port/del", "br0", "p9")
        self.assertEqual(self.told(REMOVED)["number"], 99)
        self.assertNotIn(99, self.ports())
        self.assertEqual(len(self.c.flows()), 2, "flows stay")
        self.sw.give("p1", FRAME)
        self.sw.call("port/add", "br0", "p8", "{type: test, ofport: 99}")
        self.assertEqual(self.told(ADDED)["name"], "p8")
        self.sw.give("p8", FRAME)
        self.sw.take_some("p2", 1)
        self.sw.call("port/del", "br0", "p8")
        self.told(REMOVED)


class Tables(PortTest):
    def test_table_mod(self):
        for table in (0, 5, 253, wire.ALL_TABLES):
            for config in (0, 1, 2, 3):
                self.c.do(table_mod(table, config))
            for config in (4, 8, 1 << 31, 7):
                self.refused(table_mod(table, config), TABLE_MOD_FAILED, 1)
        self.refused(table_mod(254), TABLE_MOD_FAILED, 0)

    def test_table_statistics(self):
        tables = wire.read_tables(self.c.parts(multipart(wire.MP_TABLE)))
        self.assertEqual([t["table"] for t in tables], list(range(254)))
        self.c.do(flow_mod(priority=1, table=5), flow_mod(priority=2, table=5), flow_mod(table=253))
        self.assertEqual({t["table"]: t["active"] for t in wire.read_tables(self.c.parts(multipart(wire.MP_TABLE))) if t["active"]}, {5: 2, 253: 1})

    def test_table_features(self):
        (INSTRUCTIONS, _, NEXT, NEXT_MISS, WRITE, _, APPLY, _, MATCH, _, WILDCARDS, _, WRITE_SET, _, APPLY_SET, _) = range(16)
        tables = wire.read_table_features(self.c.parts(multipart(wire.MP_TABLE_FEATURES)))
        self.assertEqual([t["table"] for t in tables], list(range(254)))
        for t in tables:
            p = t["properties"]
            self.assertEqual(t["max_entries"], 4000000)
            self.assertEqual((t["metadata_match"], t["metadata_write"]), ((1 << 64) - 1,) * 2)
            self.assertEqual(set(p), set(range(16)) - {9, 11})
            self.assertEqual(list(p[NEXT]), list(range(t["table"] + 1, 254)))
            for kind in (INSTRUCTIONS, NEXT, WRITE, APPLY, WRITE_SET, APPLY_SET):
                self.assertEqual(p[kind], p[kind + 1])
            kinds = [x[0] for x in struct.iter_unpack("!HH", p[INSTRUCTIONS])]
            self.assertEqual(sorted(kinds), [1, 2, 3, 4, 5, 6] if t["table"] < 253 else [2, 3, 4, 5, 6])
        p = tables[0]["properties"]
        matched = {x[1] >> 1: x[2] for x in struct.iter_unpack("!HBB", p[MATCH])}
        self.assertEqual(set(matched) >= set(range(40)) - {1}, True, "every field of the specification")
        sizes = dict(wire.FIELDS.values())
        for number, length in matched.items():
            if number in sizes:
                self.assertEqual(length, 2 * sizes[number], number)
        # what is said is true: each settable field can be set, each other not
        settable = {x[1] >> 1 for x in struct.iter_unpack("!HBB", p[APPLY_SET])}
        for name, (number, _) in wire.FIELDS.items():
            value = {"vlan_vid": 0x1000, "eth_type": 0x88b5}.get(name, 0)
            refused = self.c.answers(flow_mod(wire.write(wire.set_field(name, value))))
            self.assertEqual(not refused, number in settable, name)
        known = {x[0] for x in struct.iter_unpack("!HH", p[APPLY])}
        self.assertEqual(known >= {0, 11, 12, 15, 16, 17, 18, 19, 20, 23, 24, 25, 26, 27}, True)

    def test_faults_of_table_features(self):
        body = self.c.parts(multipart(wire.MP_TABLE_FEATURES))
        first = body[:struct.unpack_from("!H", body)[0]]
        head = bytearray(first[:64])
        self.refused(multipart(wire.MP_TABLE_FEATURES, first[:-8]), TABLE_FEATURES_FAILED, 3)
        self.refused(multipart(wire.MP_TABLE_FEATURES, first[:64] + struct.pack("!HH4x", 77, 4)), TABLE_FEATURES_FAILED, 3)
        short = struct.pack("!H", 72) + first[2:64]
        self.refused(multipart(wire.MP_TABLE_FEATURES, short + struct.pack("!HH4x", 77, 4)), TABLE_FEATURES_FAILED, 2)
        self.refused(multipart(wire.MP_TABLE_FEATURES, short + struct.pack("!HH4x", 0, 3)), TABLE_FEATURES_FAILED, 3)
        self.refused(multipart(wire.MP_TABLE_FEATURES, first), TABLE_FEATURES_FAILED, 4, "it wants to go to tables that are to be away")
        self.refused(multipart(wire.MP_TABLE_FEATURES, first + first), TABLE_FEATURES_FAILED, 0, "twice")
        self.refused(multipart(wire.MP_TABLE_FEATURES, first[:2] + b"\xfe" + first[3:]), TABLE_FEATURES_FAILED, 0)
        self.refused(multipart(wire.MP_TABLE_FEATURES, first[:56] + struct.pack("!I", 4) + first[60:]), TABLE_FEATURES_FAILED, 4)
        self.refused(multipart(wire.MP_TABLE_FEATURES, first[:60] + struct.pack("!I", 1000001) + first[64:]), TABLE_FEATURES_FAILED, 4)

        def one(**changes):
            """Table 0 with other properties, by number; None: without."""
            props = dict(wire.read_table_features(first)[0]["properties"])
            props.update({int(k[1:]): v for k, v in changes.items()})
            tail = b"".join(wire.feature_property(k, v) for k, v in props.items() if v is not None)
            return multipart(wire.MP_TABLE_FEATURES, struct.pack("!H", 64 + len(tail)) + bytes(head[2:]) + tail)
        for number in (0, 2, 4, 6, 8, 10, 12, 14):
            self.refused(one(**{f"p{number}": None}), TABLE_FEATURES_FAILED, 4, f"without {number}")
        twice = first[:64] + wire.feature_property(2, b"\1") * 2
        self.refused(multipart(wire.MP_TABLE_FEATURES, struct.pack("!H", len(twice)) + twice[2:]), TABLE_FEATURES_FAILED, 4, "twice")
        for number, value in ((0, struct.pack("!HH", 99, 4)), (2, b"\0"), (3, b"\xfe"), (4, struct.pack("!HH", 99, 4)), (7, struct.pack("!HH", 99, 4)),
                              (8, bytes.fromhex("8000fe04")), (10, bytes.fromhex("00030001")), (12, bytes.fromhex("80000004"))):
            self.refused(one(**{f"p{number}": value}), TABLE_FEATURES_FAILED, 4, f"{number} {value.hex()}")
        for number in (0xfffe, 0xffff):
            self.refused(one(**{f"p{number}": struct.pack("!II", 0xabcdef, 1)}), TABLE_FEATURES_FAILED, 2)

    def set_tables(self, tables, per_part=20):
        """-> the answers to the last part; none to those before."""
        parts = [tables[i:i + per_part] for i in range(0, len(tables), per_part)]
        for part in parts[:-1]:
            self.c.send(multipart(wire.MP_TABLE_FEATURES, b"".join(part), flags=1)[:4] + struct.pack("!I", 7) + multipart(wire.MP_TABLE_FEATURES, b"".join(part), flags=1)[8:])
        last = multipart(wire.MP_TABLE_FEATURES, b"".join(parts[-1]))
        self.c.send(last[:4] + struct.pack("!I", 7) + last[8:])
        end = self.c.say(wire.message(wire.BARRIER_REQUEST))
        out = []
        while True:
            got = self.c.read()
            if wire.header(got)["xid"] == end:
                return out
            self.assertEqual(wire.header(got)["xid"], 7)
            out.append(got)

    def test_taking_tables_away(self):
        """7.3.5.5.1: a table that is not named goes, flows and all, and no flow-removed tells of it."""
        before = wire.read_table_features(self.c.parts(multipart(wire.MP_TABLE_FEATURES)))

        def table(number, next_tables, entries=4000000):
            props = dict(before[number]["properties"])
            props[2] = props[3] = bytes(next_tables)
            tail = b"".join(wire.feature_property(k, v) for k, v in props.items())
            return struct.pack("!HB5x32sQQII", 64 + len(tail), number, b"t", (1 << 64) - 1, (1 << 64) - 1, 0, entries) + tail
        goto9, rem = wire.goto(9), wire.SEND_FLOW_REM
        self.c.do(flow_mod(goto9, flags=rem), flow_mod(goto9, table=3, flags=rem), flow_mod(table=9, flags=rem), flow_mod(table=20, flags=rem))
        self.refused(multipart(wire.MP_TABLE_FEATURES, table(0, [3]) + table(9, [])), TABLE_FEATURES_FAILED, 4, "to a table that is to be away")
        got = wire.read_table_features(self.c.parts(multipart(wire.MP_TABLE_FEATURES, table(0, [9]) + table(9, [20]) + table(20, []))))
        self.assertEqual([(t["table"], list(t["properties"][2])) for t in got], [(0, [9, 20]), (9, [20]), (20, [])])
        self.c.silence()
        self.assertEqual(self.c.flows(), [], "what can do something else begins anew")
        self.assertEqual([t["table"] for t in wire.read_tables(self.c.parts(multipart(wire.MP_TABLE)))], [0, 9, 20])
        self.refused(flow_mod(table=3), wire.FLOW_MOD_FAILED, 2)
        self.refused(flow_mod(table=3, command=wire.DELETE), wire.FLOW_MOD_FAILED, 2)
        self.refused(flow_mod(wire.goto(3)), wire.BAD_INSTRUCTION, 2)
        self.refused(wire.flow_request(table=3), BAD_REQUEST, 9)
        self.refused(wire.flow_request(kind=wire.MP_AGGREGATE, table=3), BAD_REQUEST, 9)
        self.refused(wire.table_mod(3), TABLE_MOD_FAILED, 0)
        self.c.do(flow_mod(goto9), flow_mod(wire.apply(wire.output(22)), table=9), flow_mod(table=20), wire.table_mod(wire.ALL_TABLES, 3))
        self.sw.give("p1", bytes(60))
        self.sw.take_some("p2", 1)
        # the same again changes nothing, one less takes its flows and those that could go there
        same = multipart(wire.MP_TABLE_FEATURES, table(0, []) + table(9, []) + table(20, []))
        self.c.parts(same)
        self.assertEqual(len(self.c.flows()), 3)
        self.c.parts(multipart(wire.MP_TABLE_FEATURES, table(0, []) + table(9, []) + table(20, [], 5)))
        self.assertEqual([f["table"] for f in self.c.flows()], [0, 9], "another size")
        # back: all of them, as they were
        got = self.set_tables([table(t["table"], t["properties"][2]) for t in before])
        self.assertEqual(b"".join(x[16:] for x in got).count(b"t" + bytes(31)), 254)
        self.c.do(flow_mod(goto9), flow_mod(table=3))
        self.assertEqual(len(wire.read_tables(self.c.parts(multipart(wire.MP_TABLE)))), 254)

    def test_setting_table_features(self):
        before = self.c.parts(multipart(wire.MP_TABLE_FEATURES))
        tables, at = [], 0
        while at < len(before):
            tables.append(before[at:at + struct.unpack_from("!H", before, at)[0]])
            at += len(tables[-1])
        want = [t[:8] + f"name {i}".encode().ljust(32, b"\0") + t[40:56] + struct.pack("!II", i % 4, 2 if i == 3 else 4000000 - i) + t[64:] for i, t in enumerate(tables)]
        got = self.set_tables(want[::-1])
        self.assertEqual(b"".join(x[16:] for x in got), b"".join(want), "the new configuration is the answer")
        self.assertEqual(self.c.parts(multipart(wire.MP_TABLE_FEATURES)), b"".join(want))
        self.c.do(flow_mod(table=3, priority=1), flow_mod(table=3, priority=2), flow_mod(table=4), flow_mod(table=4, priority=2), flow_mod(table=4, priority=3))
        self.refused(flow_mod(table=3, priority=3), wire.FLOW_MOD_FAILED, 1)
        # one bad table of 254: nothing is changed, and there is one error
        bad = tables[:100] + [tables[100][:56] + struct.pack("!I", 8) + tables[100][60:]] + tables[101:]
        got = self.set_tables(bad)
        self.assertEqual([wire.read_error(x)[:2] for x in got], [(TABLE_FEATURES_FAILED, 4)])
        got = self.set_tables(tables[1:])
        self.assertEqual([wire.read_error(x)[:2] for x in got], [(TABLE_FEATURES_FAILED, 5)], "the first one stays")
        self.assertEqual(self.c.parts(multipart(wire.MP_TABLE_FEATURES)), b"".join(want))
        # a second request amid the parts of another
        self.c.do(multipart(wire.MP_TABLE_FEATURES, tables[0], flags=1))
        self.refused(multipart(wire.MP_TABLE_FEATURES, tables[1], flags=1), BAD_REQUEST, 13)
        self.assertEqual(self.c.parts(multipart(wire.MP_TABLE_FEATURES)), b"".join(want))
        other = self.sw.session()
        self.assertEqual(len(other.parts(multipart(wire.MP_TABLE_FEATURES))), len(before))
        other.close()
        self.c.close()
        self.c = self.sw.session(hears=True)
        self.assertEqual(b"".join(x[16:] for x in self.set_tables(tables, 30)), before)

    def test_table_mod_is_told(self):
        def configs():
            return [t["config"] for t in wire.read_table_features(self.c.parts(multipart(wire.MP_TABLE_FEATURES)))]
        self.c.do(wire.table_mod(0xff, 0), wire.table_mod(7, 3), wire.table_mod(253, 1))
        self.assertEqual({i: c for i, c in enumerate(configs()) if c}, {7: 3, 253: 1})
        self.c.do(wire.table_mod(0xff, 2))
        self.assertEqual(set(configs()), {2})
        self.c.do(wire.table_mod(0xff, 0))
        self.assertEqual(set(configs()), {0})


class Multipart(PortTest):
    def test_description(self):
        body = self.c.parts(multipart(wire.MP_DESC))
        self.assertEqual(len(body), 1056)
        words = [x.rstrip(b"\0").decode() for x in struct.unpack("256s256s256s32s256s", body)]
        self.assertEqual((words[0], words[2].split()[0], words[4]), ("trama", "trama-switchd", "br0"))

    def test_many_flows_in_many_parts(self):
        n = 3000
        self.c.send(b"".join(flow_mod(apply(output(22)), cookie=i, match=match(eth_src=i)) for i in range(n)))
        self.c.barrier()
        got = self.c.answers(wire.flow_request())
        self.assertGreater(len(got), 3)
        self.assertEqual(sorted(f["cookie"] for f in self.c.flows()), list(range(n)))

    def test_faults(self):
        any_port = struct.pack("!I4x", wire.ANY)
        for kind in (14, 15, 100, 0xfffe):
            self.refused(multipart(kind), BAD_REQUEST, 2)
        self.refused(multipart(wire.MP_EXPERIMENTER, struct.pack("!II", 0xabcdef, 1)), BAD_REQUEST, 3)
        for kind, body in ((wire.MP_DESC, b""), (wire.MP_TABLE, b""), (wire.MP_PORT_DESC, b""), (wire.MP_GROUP_DESC, b""),
                           (wire.MP_GROUP_FEATURES, b""), (wire.MP_METER_FEATURES, b""), (wire.MP_PORT_STATS, any_port),
                           (wire.MP_QUEUE, struct.pack("!II", wire.ANY, wire.ANY)), (wire.MP_GROUP, struct.pack("!I4x", 0xfffffffc)),
                           (wire.MP_METER, any_port), (wire.MP_METER_CONFIG, any_port)):
            self.c.parts(multipart(kind, body))
            self.refused(multipart(kind, body + b"\0"), BAD_REQUEST, 6)
            self.refused(multipart(kind, body + bytes(8)), BAD_REQUEST, 6)
            if body:
                self.refused(multipart(kind, body[:-1]), BAD_REQUEST, 6)
        for size in range(8):
            self.refused(wire.message(wire.MULTIPART_REQUEST, bytes(size)), BAD_REQUEST, 6)
        self.refused(wire.message(wire.MULTIPART_REQUEST, wire.flow_request()[8:10] + b"\0\1" + wire.flow_request()[12:]), BAD_REQUEST, 13)
        self.refused(multipart(wire.MP_FLOW, bytes(31)), BAD_REQUEST, 6)
        self.refused(multipart(wire.MP_FLOW, bytes(32)), wire.BAD_MATCH, 1)

    def test_queues(self):
        self.assertEqual(self.c.parts(multipart(wire.MP_QUEUE, struct.pack("!II", wire.ANY, wire.ANY))), b"")
        self.assertEqual(self.c.parts(multipart(wire.MP_QUEUE, struct.pack("!II", 11, wire.ANY))), b"")
        self.refused(multipart(wire.MP_QUEUE, struct.pack("!II", 44, wire.ANY)), QUEUE_OP_FAILED, 0)
        self.refused(multipart(wire.MP_QUEUE, struct.pack("!II", 11, 3)), QUEUE_OP_FAILED, 1)

    def test_meters(self):
        for kind in (wire.MP_METER, wire.MP_METER_CONFIG):
            self.assertEqual(self.c.parts(multipart(kind, struct.pack("!I4x", wire.ANY))), b"")
            self.refused(multipart(kind, struct.pack("!I4x", 5)), METER_MOD_FAILED, 3)

    def test_group_faults(self):
        self.refused(wire.group_mod(1, 0, 5, wire.bucket(output(22))), GROUP_MOD_FAILED, 8)
        self.refused(wire.group_mod(9, 0, 5), GROUP_MOD_FAILED, 11)
        self.refused(wire.group_mod(0, 9, 5), GROUP_MOD_FAILED, 10)
        self.refused(wire.group_mod(0, 0, 5, wire.bucket(output(22))[:-8]), GROUP_MOD_FAILED, 12)
        self.c.do(wire.group_mod(2, 0, 5), wire.group_mod(2, 0, 0xfffffffc))


if __name__ == "__main__":
    run()

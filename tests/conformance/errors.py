#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 7.4.4: every type and code of error is provoked here by a message, or it is said why none can.
The list of them is the one that the switch itself is made from."""
import pathlib
import re
import struct

from support import wire
from support.switch import SwitchTest, run
from support.wire import action, apply, band, bucket, flow_mod, group_mod, instruction, match, meter_mod, multipart, output, oxm, packet_out, set_field, set_raw

SPEC = pathlib.Path(__file__).parents[2] / "openflow/spec/of13.spec"
FRAME = bytes(60)
NO_PERMISSIONS = "there are no permissions but roles, which have IS_SLAVE"
CONJUNCTION = action(0xffff, struct.pack("!IHBBI", 0x2320, 34, 0, 2, 5))


def meter_with(*bands, flags=1):
    return meter_mod(0, flags, 9, *bands)


def table_feature(kind, value, table=0, metadata=(1 << 64) - 1):
    tail = wire.feature_property(kind, value)
    return multipart(wire.MP_TABLE_FEATURES, struct.pack("!HB5x32sQQII", 64 + len(tail), table, b"t", metadata, metadata, 0, 5) + tail)


PROVOKED = {
    "BAD_REQUEST": {
        "BAD_VERSION": wire.message(wire.ECHO_REQUEST, version=3),
        "BAD_TYPE": wire.message(30),
        "BAD_MULTIPART": multipart(14),
        "BAD_EXPERIMENTER": wire.message(wire.EXPERIMENTER, struct.pack("!II", 0xabcdef, 5)),
        "BAD_EXP_TYPE": wire.message(wire.EXPERIMENTER, struct.pack("!II", 0x4f4e4600, 9)),
        "BAD_LEN": wire.message(wire.BARRIER_REQUEST, bytes(8)),
        "BUFFER_EMPTY": None,
        "BUFFER_UNKNOWN": packet_out(b"", buffer=7),
        "BAD_TABLE_ID": wire.flow_request(table=254),
        "IS_SLAVE": None,
        "BAD_PORT": packet_out(FRAME, in_port=44),
        "BAD_PACKET": packet_out(b""),
        "MULTIPART_BUFFER_OVERFLOW": multipart(wire.MP_PORT_DESC, flags=1),
    },
    "HELLO_FAILED": {"INCOMPATIBLE": None},
    "BAD_ACTION": {
        "BAD_TYPE": flow_mod(apply(action(99, bytes(4)))),
        "BAD_LEN": flow_mod(apply(action(0, bytes(4)))),
        "BAD_EXPERIMENTER": flow_mod(apply(action(0xffff, struct.pack("!I", 0xabcdef)))),
        "BAD_EXP_TYPE": flow_mod(apply(action(0xffff, struct.pack("!IH6x", 0x2320, 999)))),
        "BAD_OUT_PORT": flow_mod(apply(output(0))),
        "BAD_ARGUMENT": flow_mod(apply(wire.push_vlan(0x800))),
        "TOO_MANY": flow_mod(apply(*[output(22)] * 4091)),
        "BAD_QUEUE": flow_mod(apply(wire.set_queue(wire.ANY))),
        "BAD_OUT_GROUP": flow_mod(apply(wire.group(77))),
        "MATCH_INCONSISTENT": flow_mod(apply(set_field("ipv4_src", 1))),
        "UNSUPPORTED_ORDER": flow_mod(apply(CONJUNCTION, output(22))),
        "BAD_TAG": flow_mod(apply(wire.push_vlan() * 17)),
        "BAD_SET_TYPE": flow_mod(apply(set_field("in_port", 11))),
        "BAD_SET_LEN": flow_mod(apply(set_raw(struct.pack("!HBB4x", 0x8000, 3 << 1, 4)))),
        "BAD_SET_ARGUMENT": flow_mod(apply(set_field("vlan_vid", 5))),
    },
    "BAD_INSTRUCTION": {
        "UNKNOWN_INST": flow_mod(instruction(7, bytes(4))),
        "UNSUP_INST": flow_mod(wire.clear() * 2),
        "BAD_TABLE_ID": flow_mod(wire.goto(0)),
        "BAD_EXPERIMENTER": flow_mod(instruction(0xffff, struct.pack("!I", 0xabcdef))),
        "BAD_LEN": flow_mod(instruction(5, bytes(8))),
    },
    "BAD_MATCH": {
        "BAD_TYPE": flow_mod(match=wire.raw_match(b"", kind=2)),
        "BAD_LEN": flow_mod(match=wire.raw_match(b"", length=3)),
        "BAD_WILDCARDS": flow_mod(match=match(oxm("eth_dst", 3, 1))),
        "BAD_FIELD": flow_mod(match=wire.raw_match(struct.pack("!HBB4x", 0x7fff, 0, 4))),
        "BAD_VALUE": flow_mod(match=match(vlan_vid=5)),
        "BAD_MASK": flow_mod(match=match(oxm("eth_type", 0x86dd), oxm("ipv6_flabel", 0, 1 << 20))),
        "BAD_PREREQ": flow_mod(match=match(ipv4_src=1)),
        "DUP_FIELD": flow_mod(match=match(oxm("in_port", 1), oxm("in_port", 1))),
    },
    "FLOW_MOD_FAILED": {
        "TABLE_FULL": flow_mod(table=3, priority=3),
        "BAD_TABLE_ID": flow_mod(table=254),
        "OVERLAP": flow_mod(table=3, priority=1, match=match(in_port=7), flags=wire.CHECK_OVERLAP),
        "BAD_COMMAND": flow_mod(command=9),
        "BAD_FLAGS": flow_mod(flags=0x8000),
    },
    "GROUP_MOD_FAILED": {
        "GROUP_EXISTS": group_mod(0, 0, 1),
        "INVALID_GROUP": group_mod(0, 0, 0xfffffffc),
        "OUT_OF_GROUPS": None,
        "OUT_OF_BUCKETS": group_mod(0, 0, 9, *[bucket()] * 1025),
        "WATCH_UNSUPPORTED": group_mod(0, 0, 9, bucket(watch_port=11)),
        "LOOP": group_mod(1, 0, 1, bucket(wire.group(2))),
        "UNKNOWN_GROUP": group_mod(1, 0, 9),
        "CHAINED_GROUP": group_mod(2, 0, 1),
        "BAD_TYPE": group_mod(0, 9, 9),
        "BAD_COMMAND": group_mod(9, 0, 9),
        "BAD_BUCKET": group_mod(0, 0, 9, bucket(output(22))[:-8]),
        "BAD_WATCH": group_mod(0, 3, 9, bucket(watch_group=77)),
    },
    "PORT_MOD_FAILED": {"BAD_PORT": wire.port_mod(44, bytes(6)), "BAD_HW_ADDR": wire.port_mod(11, b"\2abcde"), "BAD_CONFIG": None, "BAD_ADVERTISE": None},
    "TABLE_MOD_FAILED": {"BAD_TABLE": wire.table_mod(254), "BAD_CONFIG": wire.table_mod(0, 4)},
    "QUEUE_OP_FAILED": {"BAD_PORT": wire.message(wire.QUEUE_GET_CONFIG_REQUEST, struct.pack("!I4x", 44)),
                        "BAD_QUEUE": multipart(wire.MP_QUEUE, struct.pack("!II", 11, 3))},
    "SWITCH_CONFIG_FAILED": {"BAD_FLAGS": wire.set_config(flags=3)},
    "ROLE_REQUEST_FAILED": {"STALE": None, "BAD_ROLE": wire.role_request(4)},
    "METER_MOD_FAILED": {
        "METER_EXISTS": meter_mod(0, 1, 1, band()),
        "INVALID_METER": meter_mod(0, 1, 0, band()),
        "UNKNOWN_METER": meter_mod(1, 1, 9, band()),
        "BAD_COMMAND": meter_mod(3, 1, 9, band()),
        "BAD_FLAGS": meter_with(band(), flags=3),
        "BAD_RATE": meter_with(band(rate=0)),
        "BAD_BURST": meter_with(band(burst=0), flags=5),
        "BAD_BAND": meter_with(band(kind=9)),
        "BAD_BAND_VALUE": meter_with(struct.pack("!HHIIB3x", 2, 16, 1000, 0, 0)),
        "OUT_OF_METERS": None,
        "OUT_OF_BANDS": meter_with(*[band()] * 17),
    },
    "TABLE_FEATURES_FAILED": {
        "BAD_TABLE": table_feature(0, b"", table=254),
        "BAD_TYPE": table_feature(77, bytes(4)),
        "BAD_LEN": table_feature(0, b"\0"),
        "BAD_ARGUMENT": table_feature(2, b"\0"),
        "EPERM": None,
    },
}

UNPROVOKED = {
    "HELLO_FAILED": {"EPERM": NO_PERMISSIONS},
    "BAD_REQUEST": {"EPERM": "only when there is no memory for the answer"},
    "BAD_ACTION": {"EPERM": NO_PERMISSIONS},
    "BAD_INSTRUCTION": {"UNSUP_METADATA": "every bit of the metadata can be written", "UNSUP_METADATA_MASK": "with every mask",
                        "BAD_EXP_TYPE": "there is no experimenter with instructions", "EPERM": NO_PERMISSIONS},
    "BAD_MATCH": {"BAD_TAG": "no version of a match has it but 1.1's", "BAD_DL_ADDR_MASK": "every mask is possible", "BAD_NW_ADDR_MASK": "every mask is possible",
                  "EPERM": NO_PERMISSIONS},
    "FLOW_MOD_FAILED": {"UNKNOWN": "only when there is no memory", "EPERM": NO_PERMISSIONS, "BAD_TIMEOUT": "every timeout is possible"},
    "GROUP_MOD_FAILED": {"WEIGHT_UNSUPPORTED": "every weight is possible", "CHAINING_UNSUPPORTED": "every group may be in a chain", "EPERM": NO_PERMISSIONS},
    "PORT_MOD_FAILED": {"EPERM": NO_PERMISSIONS},
    "TABLE_MOD_FAILED": {"EPERM": NO_PERMISSIONS},
    "QUEUE_OP_FAILED": {"EPERM": NO_PERMISSIONS},
    "SWITCH_CONFIG_FAILED": {"BAD_LEN": "every miss_send_len is possible", "EPERM": NO_PERMISSIONS},
    "ROLE_REQUEST_FAILED": {"UNSUP": "every role is possible"},
    "METER_MOD_FAILED": {"UNKNOWN": "only when there is no memory"},
    "TABLE_FEATURES_FAILED": {"BAD_METADATA": "every bit of the metadata can be matched and written"},
}


def codes():
    """-> {type: (its number, {code: its number})} without the experimenters'."""
    text = SPEC.read_text(encoding="utf-8")

    def numbers(head):
        body = re.search(rf"^{head} \{{\n(.*?)^\}}", text, re.M | re.S).group(1)
        return {name: int(value, 0) for name, value in re.findall(r"^ +(\w+) (\w+)", body, re.M)}
    types = numbers(r"enum ofp_error_type \w+")
    return {kind: (types[kind], numbers(rf"codes {kind} \w+ \w+")) for kind in types if kind != "EXPERIMENTER"}


def last_table(body):
    """Of a reply with the features of every table."""
    at = 0
    while at + struct.unpack_from("!H", body, at)[0] < len(body):
        at += struct.unpack_from("!H", body, at)[0]
    return body[at:]


class Errors(SwitchTest):
    BRIDGE = "    max_flows: 2"

    def setUp(self):
        super().setUp()
        self.c.do(group_mod(2, 0, 0xfffffffc), meter_mod(2, 0, wire.ANY), meter_mod(0, 1, 1, band()))

    def expect(self, kind, code, data, session=None):
        types = codes()
        want = types[kind][0], types[kind][1][code]
        got = (session or self.c).refusal(data)
        self.assertEqual(got, want, f"{kind} {code}")

    def test_every_code_is_here(self):
        for kind, (_, names) in codes().items():
            provoked, unprovoked = set(PROVOKED[kind]), set(UNPROVOKED.get(kind, {}))
            self.assertEqual(provoked | unprovoked, set(names), kind)
            self.assertFalse(provoked & unprovoked, kind)
            for code in (c for c, data in PROVOKED[kind].items() if data is None):
                self.assertTrue(hasattr(self, f"test_{kind}_{code}".lower()), f"{kind} {code}")

    def test_one_message(self):
        self.c.do(flow_mod(table=3, priority=1), flow_mod(table=3, priority=2), group_mod(0, 0, 1), group_mod(0, 0, 2, bucket(wire.group(1))))
        for kind, rows in PROVOKED.items():
            for code, data in rows.items():
                if data is not None:
                    with self.subTest(f"{kind} {code}"):
                        self.expect(kind, code, data)

    # --- those that take more than one message ---

    def test_hello_failed_incompatible(self):
        with self.sw.session(greet=False) as s:
            self.assertEqual(s.read()[1], wire.HELLO)
            s.send(wire.hello(version=1))
            self.assertEqual(wire.read_error(s.read())[:2], (0, 0))

    def test_bad_request_buffer_empty(self):
        self.c.do(flow_mod(apply(output(wire.CONTROLLER, max_len=0))))
        self.sw.give("p1", FRAME)
        data = packet_out(b"", buffer=wire.read_packet_in(self.c.next_async(wire.PACKET_IN))["buffer"])
        self.c.do(data)
        self.expect("BAD_REQUEST", "BUFFER_EMPTY", data)

    def test_bad_request_is_slave(self):
        with self.sw.session() as s:
            s.ask(wire.role_request(3, self.generation()), wire.ROLE_REPLY)
            self.expect("BAD_REQUEST", "IS_SLAVE", flow_mod(), s)

    def generation(self):
        got = struct.unpack("!I4xQ", self.c.ask(wire.role_request(0), wire.ROLE_REPLY)[8:])[1]
        return 5 if got == (1 << 64) - 1 else got

    def test_role_request_failed_stale(self):
        self.c.ask(wire.role_request(2, self.generation()), wire.ROLE_REPLY)
        self.expect("ROLE_REQUEST_FAILED", "STALE", wire.role_request(2, self.generation() - 1))
        self.c.ask(wire.role_request(1), wire.ROLE_REPLY)

    def fill(self, kind, code, message, most=65536):
        """As many as there may be, and one more."""
        for at in range(1, most + 1, 4096):
            self.c.send(b"".join(message(i) for i in range(at, at + 4096)))
            self.c.barrier()
        self.expect(kind, code, message(most + 1))

    def test_group_mod_failed_out_of_groups(self):
        self.fill("GROUP_MOD_FAILED", "OUT_OF_GROUPS", lambda i: group_mod(0, 0, i))
        self.c.do(group_mod(2, 0, 0xfffffffc))

    def test_meter_mod_failed_out_of_meters(self):
        self.c.do(meter_mod(2, 0, wire.ANY))
        self.fill("METER_MOD_FAILED", "OUT_OF_METERS", lambda i: meter_mod(0, 1, i, band()))
        self.c.do(meter_mod(2, 0, wire.ANY))

    def mac(self):
        ports = wire.each(self.c.parts(multipart(wire.MP_PORT_DESC)), 64, wire.read_port)
        return next(p["mac"] for p in ports if p["number"] == 11)

    def test_port_mod_failed_bad_config(self):
        self.expect("PORT_MOD_FAILED", "BAD_CONFIG", wire.port_mod(11, self.mac(), config=2, mask=2))

    def test_port_mod_failed_bad_advertise(self):
        self.expect("PORT_MOD_FAILED", "BAD_ADVERTISE", wire.port_mod(11, self.mac(), advertise=1))

    def test_table_features_failed_eperm(self):
        body = self.c.parts(multipart(wire.MP_TABLE_FEATURES))
        self.expect("TABLE_FEATURES_FAILED", "EPERM", multipart(wire.MP_TABLE_FEATURES, last_table(body)))


if __name__ == "__main__":
    run()

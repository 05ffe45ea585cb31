#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 6.3 and 7.1 to 7.3.2, 7.5: hello and versions, the header, echo, features, configuration, barrier, roles,
asynchronous configuration."""
import struct

from support import wire
from support.switch import ControlledTest, Session, SwitchTest, run


class Hello(SwitchTest):
    def greet(self, *messages):
        """-> what the switch says after its hello, until it hangs up or takes us."""
        s = self.sw.session(greet=False)
        own = s.read()
        self.assertEqual((own[0], own[1]), (4, wire.HELLO))
        self.assertEqual(own[8:], struct.pack("!HHI", 1, 8, 1 << 4), "our bitmap names 1.3 alone")
        for m in messages:
            s.send(m)
        return s

    def takes(self, *messages):
        with self.greet(*messages) as s:
            s.send(wire.message(wire.ECHO_REQUEST, b"here", xid=7))
            self.assertEqual(s.read(), wire.message(wire.ECHO_REPLY, b"here", xid=7))

    def refuses(self, version, *messages):
        with self.greet(*messages) as s:
            got = s.read()
            self.assertEqual((got[1], wire.header(got)["xid"]), (wire.ERROR, 1))
            kind, code, text = wire.read_error(got)
            self.assertEqual((kind, code), (wire.HELLO_FAILED, 0))
            self.assertEqual(got[0], version, "in a version that the other side can read")
            self.assertTrue(text.isascii() and text)
            self.assertEqual(s.read(), b"", "and hangs up")

    def test_versions(self):
        self.takes(wire.hello())
        self.takes(wire.hello(version=6))
        self.takes(wire.hello(version=255))
        self.takes(wire.hello(bitmaps=[1 << 4]))
        self.takes(wire.hello(version=5, bitmaps=[1 << 4 | 1 << 5]))
        self.takes(wire.hello(version=6, bitmaps=[1 << 4, 0xffffffff]))
        self.refuses(1, wire.hello(version=1))
        self.refuses(3, wire.hello(version=3))
        self.refuses(1, wire.hello(version=1, bitmaps=[1 << 1 | 1 << 2]))

    def test_elements(self):
        unknown = struct.pack("!HH8x", 77, 12)
        self.takes(wire.message(wire.HELLO, unknown + bytes(4), xid=1))
        self.takes(wire.message(wire.HELLO, unknown + bytes(4) + wire.hello(bitmaps=[1 << 4])[8:], xid=1))
        for bad in ("0001", "00010003", "000100ff00000010", "00010008", "0001000600000010", "00010000000000"):
            self.refuses(4, wire.message(wire.HELLO, bytes.fromhex(bad), xid=1))

    def test_not_a_hello(self):
        self.refuses(4, wire.message(wire.FEATURES_REQUEST, xid=1))
        self.refuses(4, wire.message(wire.FLOW_MOD, bytes(48), xid=1))
        self.refuses(4, wire.message(99, xid=1))
        with self.greet(wire.message(wire.ERROR, struct.pack("!HH", 0, 0))) as s:
            self.assertEqual(s.read(), b"")

    def test_a_second_hello_is_nothing(self):
        self.c.do(wire.hello(), wire.hello(bitmaps=[1 << 4]))

    def test_length_below_the_header(self):
        for length in range(8):
            with self.sw.session() as s:
                s.send(wire.message(wire.ECHO_REQUEST, xid=9, length=length))
                self.assertEqual(wire.read_error(s.read())[:2], (wire.BAD_REQUEST, 6))
                self.assertEqual(s.read(), b"", "no way to find the next message")


class Basics(SwitchTest):
    def test_echo(self):
        for size in (0, 1, 7, 8, 1000, 65527):
            data = bytes(i * 7 & 255 for i in range(size))
            self.assertEqual(self.c.ask(wire.message(wire.ECHO_REQUEST, data), wire.ECHO_REPLY)[8:], data)

    def test_versions_of_messages(self):
        for version in (0, 1, 3, 5, 6, 255):
            for kind in (wire.ECHO_REQUEST, wire.FEATURES_REQUEST, wire.FLOW_MOD, 99):
                self.refused(wire.message(kind, version=version), wire.BAD_REQUEST, 0)

    def test_types(self):
        replies = {wire.FEATURES_REPLY: 24, wire.GET_CONFIG_REPLY: 4, wire.FLOW_REMOVED: 48, wire.PORT_STATUS: 72,
                   wire.BARRIER_REPLY: 0, wire.QUEUE_GET_CONFIG_REPLY: 8, wire.ROLE_REPLY: 16, wire.GET_ASYNC_REPLY: 24}
        for kind, size in replies.items():
            body = bytes(40) + struct.pack("!HH4x", 1, 4) if kind == wire.FLOW_REMOVED else bytes(size)
            self.refused(wire.message(kind, body), wire.BAD_REQUEST, 1)
        self.refused(wire.message(wire.PACKET_IN, bytes(16) + struct.pack("!HH4x", 1, 4) + bytes(20)), wire.BAD_REQUEST, 1)
        for kind in (30, 31, 33, 34, 100, 255):
            self.refused(wire.message(kind), wire.BAD_REQUEST, 1)
            self.refused(wire.message(kind, bytes(100)), wire.BAD_REQUEST, 1)

    def test_lengths(self):
        """Messages of a fixed length, one byte too short and too long."""
        for kind, size in {wire.FEATURES_REQUEST: 0, wire.GET_CONFIG_REQUEST: 0, wire.SET_CONFIG: 4, wire.PORT_MOD: 32,
                           wire.TABLE_MOD: 8, wire.BARRIER_REQUEST: 0, wire.QUEUE_GET_CONFIG_REQUEST: 8,
                           wire.ROLE_REQUEST: 16, wire.GET_ASYNC_REQUEST: 0, wire.SET_ASYNC: 24}.items():
            for wrong in {max(size - 1, 0), size + 1, size + 8} - {size}:
                self.refused(wire.message(kind, bytes(wrong)), wire.BAD_REQUEST, 6)
        for wrong in range(8):
            self.refused(wire.message(wire.EXPERIMENTER, bytes(wrong)), wire.BAD_REQUEST, 6)

    def test_experimenter(self):
        self.refused(wire.message(wire.EXPERIMENTER, struct.pack("!II", 0xabcdef, 5)), wire.BAD_REQUEST, 3)
        self.refused(wire.message(wire.EXPERIMENTER, struct.pack("!II", 0xabcdef, 5) + b"hello"), wire.BAD_REQUEST, 3)

    def test_an_error_from_the_controller_is_not_answered(self):
        self.c.do(wire.message(wire.ERROR, struct.pack("!HH", 1, 1) + b"why"),
                  wire.message(wire.ERROR, struct.pack("!HHI", 0xffff, 1, 5)))

    def test_features(self):
        body = self.c.ask(wire.message(wire.FEATURES_REQUEST), wire.FEATURES_REPLY)[8:]
        dpid, buffers, tables, auxiliary, capabilities, _ = struct.unpack("!QIBB2xII", body)
        self.assertEqual((dpid, buffers, tables, auxiliary), (0x1122334455667788, 256, 254, 0))
        self.assertEqual(capabilities & 0x27, 0x27, "statistics of flows, tables and ports; IP_REASM")

    def test_configuration(self):
        for length in (0, 1, 128, 0xffe5, 0xffff):
            self.c.do(wire.set_config(miss_send_len=length))
            self.assertEqual(self.c.ask(wire.message(wire.GET_CONFIG_REQUEST), wire.GET_CONFIG_REPLY)[8:],
                             struct.pack("!HH", 0, length))
        for flags in (3, 4, 0x8000):
            self.refused(wire.set_config(flags=flags), wire.SWITCH_CONFIG_FAILED, 0)

    def test_barrier_keeps_the_order(self):
        s = self.sw.session()
        for i in range(1, 41):
            s.send(wire.message(wire.BARRIER_REQUEST, xid=i) if i % 2 else wire.message(wire.ECHO_REQUEST, bytes(i), xid=i))
        s.send(wire.flow_mod(wire.apply(wire.output(22))) + wire.message(wire.BARRIER_REQUEST, xid=41))
        heads = [wire.header(s.read()) for _ in range(41)]
        self.assertEqual([h["xid"] for h in heads], list(range(1, 42)))
        self.sw.give("p1", bytes(60))
        self.sw.take_some("p2", 1)
        s.close()

    def test_queues(self):
        for port in (11, wire.ANY):
            got = self.c.ask(wire.message(wire.QUEUE_GET_CONFIG_REQUEST, struct.pack("!I4x", port)), wire.QUEUE_GET_CONFIG_REPLY)
            self.assertEqual(got[8:], struct.pack("!I4x", port), "ports without queues")
        for port in (12, 0, wire.CONTROLLER, wire.PORT_MAX):
            self.refused(wire.message(wire.QUEUE_GET_CONFIG_REQUEST, struct.pack("!I4x", port)), wire.QUEUE_OP_FAILED, 0)


class Roles(SwitchTest):
    NOCHANGE, EQUAL, MASTER, SLAVE = range(4)

    def claim(self, session, role, generation=0):
        return struct.unpack("!I4xQ", session.ask(wire.role_request(role, generation), wire.ROLE_REPLY)[8:])

    def test_roles(self):
        a, b = self.c, self.sw.session(hears=True)
        self.assertEqual(self.claim(a, self.NOCHANGE)[0], self.EQUAL)
        self.assertEqual(self.claim(a, self.MASTER, 10), (self.MASTER, 10))
        self.assertEqual(b.refusal(wire.role_request(self.MASTER, 9)), (wire.ROLE_REQUEST_FAILED, 0))
        self.assertEqual(b.refusal(wire.role_request(self.SLAVE, 9)), (wire.ROLE_REQUEST_FAILED, 0))
        self.assertEqual(self.claim(b, self.NOCHANGE, 9)[0], self.EQUAL, "a stale request changes nothing")
        self.assertEqual(b.refusal(wire.role_request(4, 11)), (wire.ROLE_REQUEST_FAILED, 2))
        self.assertEqual(self.claim(b, self.EQUAL, 3), (self.EQUAL, 10), "equal needs no generation")
        self.assertEqual(self.claim(b, self.MASTER, 10), (self.MASTER, 10), "the same generation is not stale")
        self.assertEqual(self.claim(a, self.NOCHANGE), (self.SLAVE, 10), "the old master is a slave")
        for data in (wire.flow_mod(), wire.packet_out(bytes(60)), wire.table_mod(0), wire.group_mod(2, 0, 1), wire.meter_mod(2, 0, 1),
                     wire.port_mod(11, bytes(6))):
            self.assertEqual(a.refusal(data), (wire.BAD_REQUEST, 10), "a slave may not")
        self.assertEqual(a.flows(), [], "but ask")
        self.assertEqual(self.claim(a, self.MASTER, 10 + (1 << 63) - 1)[0], self.MASTER, "generations go round")
        self.assertEqual(b.refusal(wire.role_request(self.MASTER, 10)), (wire.ROLE_REQUEST_FAILED, 0))
        self.assertEqual(self.claim(a, self.EQUAL)[0], self.EQUAL)
        b.close()

    def test_a_slave_hears_of_ports_only(self):
        slave = self.sw.session(hears=True)
        generation = struct.unpack("!I4xQ", slave.ask(wire.role_request(0), wire.ROLE_REPLY)[8:])[1]
        self.claim(slave, self.SLAVE, 0 if generation == (1 << 64) - 1 else generation)
        self.c.do(wire.flow_mod(wire.apply(wire.output(wire.CONTROLLER)), flags=wire.SEND_FLOW_REM))
        self.sw.give("p1", bytes(60))
        self.c.next_async(wire.PACKET_IN)
        self.c.do(wire.flow_mod(command=wire.DELETE))
        self.c.next_async(wire.FLOW_REMOVED)
        slave.silence()
        slave.do(wire.set_async(packet_in=(0, 2), flow_removed=(0, 4)))
        self.c.do(wire.flow_mod(wire.apply(wire.output(wire.CONTROLLER)), flags=wire.SEND_FLOW_REM))
        self.sw.give("p1", bytes(60))
        self.c.next_async(wire.PACKET_IN)
        slave.next_async(wire.PACKET_IN)
        self.c.do(wire.flow_mod(command=wire.DELETE))
        slave.next_async(wire.FLOW_REMOVED)
        slave.close()

    def test_asynchronous_configuration(self):
        want = struct.pack("!6I", 3, 0, 7, 7, 15, 0)
        self.assertEqual(self.c.ask(wire.message(wire.GET_ASYNC_REQUEST), wire.GET_ASYNC_REPLY)[8:], want, "7.3.10: as it begins")
        self.c.do(wire.set_async(packet_in=(1, 4), port_status=(2, 1), flow_removed=(8, 3)))
        self.assertEqual(self.c.ask(wire.message(wire.GET_ASYNC_REQUEST), wire.GET_ASYNC_REPLY)[8:],
                         struct.pack("!6I", 1, 4, 2, 1, 8, 3))
        self.c.do(wire.flow_mod(wire.apply(wire.output(wire.CONTROLLER)), flags=wire.SEND_FLOW_REM))
        self.sw.give("p1", bytes(60))
        self.c.do(wire.flow_mod(command=wire.DELETE))
        other = self.sw.session(hears=True)
        other.do(wire.flow_mod(wire.apply(wire.output(wire.CONTROLLER))))
        self.sw.give("p1", bytes(60))
        other.next_async(wire.PACKET_IN)
        self.c.silence()
        other.close()


class Controller(ControlledTest):
    """The switch connects to its controller, and once more when it has gone."""

    def test_a_session(self):
        for _ in range(2):
            s = ControlledTest.accept(self)
            config = s.ask(wire.message(wire.GET_CONFIG_REQUEST), wire.GET_CONFIG_REPLY)
            self.assertEqual(config[8:], struct.pack("!HH", 0, 128), "7.3.2: as it begins")
            s.do(wire.flow_mod(wire.apply(wire.output(wire.CONTROLLER)), flags=wire.SEND_FLOW_REM))
            self.sw.give("p1", bytes(60))
            self.assertEqual(wire.read_packet_in(s.next_async(wire.PACKET_IN))["data"], bytes(60))
            s.do(wire.flow_mod(command=wire.DELETE))
            s.next_async(wire.FLOW_REMOVED)
            self.sw.call("port/add", "br0", "p9", "{type: test}")
            self.sw.call("port/del", "br0", "p9")
            self.assertEqual([s.next_async(wire.PORT_STATUS)[8] for _ in range(2)], [0, 1], "it hears without asking")
            s.close()
        self.c.late.clear()

    def test_no_common_version(self):
        s = Session(self.door.accept()[0], greet=False)
        self.assertEqual(s.read()[1], wire.HELLO)
        s.send(wire.hello(version=1))
        self.assertEqual(wire.read_error(s.read())[:2], (wire.HELLO_FAILED, 0))
        self.assertEqual(s.read(), b"")
        s.close()


class Auxiliary(Controller):
    """6.3.7: more connections of one controller."""
    SETTINGS = '    fail_mode: standalone\n    controllers: [{target: "%s", auxiliary: 2}]'

    def features(self, s):
        dpid, _, _, auxiliary, _, _ = struct.unpack("!QIBB2xII", s.ask(wire.message(wire.FEATURES_REQUEST), wire.FEATURES_REPLY)[8:])
        self.assertEqual(dpid, 0x1122334455667788)
        return auxiliary

    def role(self, s, role=0, generation=0):
        return struct.unpack("!I4xQ", s.ask(wire.role_request(role, generation), wire.ROLE_REPLY)[8:])[0]

    def accept(self):
        """-> the main session and the auxiliary ones, by their id."""
        main = Session(self.door.accept()[0])
        self.assertEqual(self.features(main), 0)
        others = [Session(self.door.accept()[0]) for _ in range(2)]
        sessions = {self.features(s): s for s in others}
        self.assertEqual(sorted(sessions), [1, 2])
        return main, sessions[1], sessions[2]

    def test_a_session(self):
        """Packet-ins come by the others, what else is told without being asked for by the main one; each answers what it is asked."""
        main, one, two = self.accept()
        self.assertEqual([c["auxiliary"] for c in self.sw.call("switch/show")["bridges"][0]["controllers"]], [2])
        one.do(wire.flow_mod(wire.apply(wire.output(wire.CONTROLLER)), flags=wire.SEND_FLOW_REM))
        for i in range(60):  # 20 flows of three frames
            self.sw.give("p1", bytes([2, 0, 0, 0, 0, i % 20]) + bytes([2, 0, 0, 0, 0, 99]) + b"\x88\xb5" + bytes(46))
            self.c.next_async(wire.PACKET_IN)
        for s in (main, one, two):
            s.barrier()
        self.assertEqual(main.late, [])
        ways = [[wire.read_packet_in(s.next_async(wire.PACKET_IN))["data"][5] for _ in list(s.late)] for s in (one, two)]
        self.assertEqual(sorted(ways[0] + ways[1]), sorted(list(range(20)) * 3))
        self.assertTrue(ways[0] and ways[1] and not set(ways[0]) & set(ways[1]), ways)
        two.do(wire.flow_mod(command=wire.DELETE))
        main.next_async(wire.FLOW_REMOVED)
        one.silence()
        two.silence()
        # one controller, one role and one configuration
        self.assertEqual(self.role(two, 3, 5), 3)
        self.assertEqual([self.role(s) for s in (main, one, two)], [3, 3, 3])
        self.assertEqual(one.refusal(wire.flow_mod()), (wire.BAD_REQUEST, 10))
        self.assertEqual(self.role(main, 2, 5), 2)
        one.do(wire.flow_mod(), wire.flow_mod(command=wire.DELETE), wire.set_config(miss_send_len=77))
        self.assertEqual(main.ask(wire.message(wire.GET_CONFIG_REQUEST), wire.GET_CONFIG_REPLY)[8:], struct.pack("!HH", 0, 77))
        # one that goes comes again, as the same
        one.close()
        again = Session(self.door.accept()[0])
        self.assertEqual((self.features(again), self.role(again)), (1, 2))
        self.assertEqual(two.ask(wire.message(wire.ECHO_REQUEST, b"x"), wire.ECHO_REPLY)[8:], b"x")
        # without the main one the others end, nobody is there, and they come anew as one that is not known
        main.close()
        self.assertEqual((again.read(), two.read()), (b"", b""))
        self.sw.give("p1", bytes(range(60)))
        self.sw.take_some("p2", 1)  # stands alone
        for s in (again, two):
            s.close()
        main, one, two = self.accept()
        self.assertEqual([self.role(s) for s in (main, one, two)], [1, 1, 1])
        self.sw.give("p1", bytes(range(60)))
        main.barrier()
        for s in (main, one, two):
            s.close()
        self.c.late.clear()

    def test_no_common_version(self):
        """Nor are there others before the main one is up."""
        super().test_no_common_version()
        for s in self.accept():
            s.close()


if __name__ == "__main__":
    run()

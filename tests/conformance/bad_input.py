#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a controller must not be able to do: with messages that are cut, bent and nested wrongly, with garbage, by not reading, by
stopping half-way, by coming a thousand times.  The switch goes on, for the others and for frames, in bounded memory."""
import random
import resource
import select
import socket
import struct

from support import wire
from support.switch import SwitchTest, run, until
from support.wire import apply, flow_mod, match, multipart, output, oxm, packet_out, set_field, write

FRAME = bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]) + bytes(46)
MATCH = match(oxm("in_port", 11), oxm("eth_dst", 0x020000000000, 0xffff00000000), oxm("eth_type", 0x86dd), oxm("ipv6_src", 1 << 100))
MANY = (apply(wire.push_vlan(), set_field("vlan_vid", 0x1005), set_field("ipv6_dst", 77), output(22)), write(output(33), wire.dec_nw_ttl()),
        wire.write_metadata(1, 3), wire.goto(3))


def session_of_a_controller(mac):
    """One message of each kind that a controller sends, and the shapes that matter."""
    ports = struct.pack("!I4x", wire.ANY)
    return [
        wire.message(wire.ECHO_REQUEST, b"12345678"), wire.message(wire.ECHO_REPLY, b"123"), wire.hello(bitmaps=[16]),
        wire.message(wire.ERROR, struct.pack("!HH", 1, 1) + bytes(16)), wire.message(wire.EXPERIMENTER, bytes(16)),
        wire.message(wire.FEATURES_REQUEST), wire.message(wire.GET_CONFIG_REQUEST), wire.set_config(),
        packet_out(FRAME, set_field("eth_dst", 5), output(22)), packet_out(b"", output(22)),
        flow_mod(*MANY, match=MATCH, table=2, priority=9), flow_mod(*MANY, match=MATCH, table=2, priority=9, command=wire.MODIFY),
        flow_mod(*MANY, match=MATCH, table=2, priority=9, command=wire.DELETE), wire.group_mod(0, 1, 5, wire.bucket(output(22), weight=3), wire.bucket()),
        wire.group_mod(2, 0, 5), wire.meter_mod(0, 1, 5, wire.band(), wire.band(kind=2)), wire.meter_mod(2, 0, 5), wire.port_mod(11, mac),
        wire.table_mod(3), wire.message(wire.BARRIER_REQUEST), wire.message(wire.QUEUE_GET_CONFIG_REQUEST, ports), wire.role_request(0),
        wire.message(wire.GET_ASYNC_REQUEST), wire.set_async(), wire.flow_request(match=MATCH), wire.flow_request(kind=wire.MP_AGGREGATE, match=MATCH),
        multipart(wire.MP_DESC), multipart(wire.MP_TABLE), multipart(wire.MP_PORT_STATS, ports), multipart(wire.MP_QUEUE, bytes(8)),
        multipart(wire.MP_GROUP, ports), multipart(wire.MP_GROUP_DESC), multipart(wire.MP_GROUP_FEATURES), multipart(wire.MP_METER, ports),
        multipart(wire.MP_METER_CONFIG, ports), multipart(wire.MP_METER_FEATURES), multipart(wire.MP_PORT_DESC),
        multipart(wire.MP_EXPERIMENTER, bytes(12)),
        multipart(wire.MP_TABLE_FEATURES, struct.pack("!HB5x32s24x", 88, 1, b"t") + struct.pack("!HHHHHH4x", 0, 12, 1, 4, 2, 4) + struct.pack("!HHIB3x", 8, 9, 0, 0)[:8]),
    ]


# Messages that have no end of their own: what is cut off is missing, but nothing is wrong.
OPEN_ENDED = {wire.ECHO_REQUEST, wire.ECHO_REPLY, wire.ERROR, wire.EXPERIMENTER, wire.PACKET_OUT, wire.FLOW_MOD, wire.GROUP_MOD, wire.METER_MOD,
              wire.HELLO, wire.MULTIPART_REQUEST}


class Messages(SwitchTest):
    def setUp(self):
        super().setUp()
        self.mac = wire.each(self.c.parts(multipart(wire.MP_PORT_DESC)), 64, wire.read_port)[0]["mac"]
        self.messages = session_of_a_controller(self.mac)

    def answered(self, data):
        """-> the errors; whatever it is, the session is in step again."""
        return [wire.read_error(x)[:2] for x in self.c.answers(data) if x[1] == wire.ERROR]

    def test_as_they_are(self):
        kinds = {m[1] for m in self.messages}
        self.assertEqual(kinds, set(range(30)) - {wire.FEATURES_REPLY, wire.GET_CONFIG_REPLY, wire.PACKET_IN, wire.FLOW_REMOVED, wire.PORT_STATUS,
                                                  wire.MULTIPART_REPLY, wire.BARRIER_REPLY, wire.QUEUE_GET_CONFIG_REPLY, wire.ROLE_REPLY,
                                                  wire.GET_ASYNC_REPLY})

    def test_every_truncation(self):
        for m in self.messages:
            for n in range(8, len(m)):
                with self.subTest(kind=m[1], length=n):
                    cut = m[:2] + struct.pack("!H", n) + m[4:n]
                    before = self.c.flows() if m[1] == wire.FLOW_MOD else None
                    errors = self.answered(cut)
                    if m[1] not in OPEN_ENDED:
                        self.assertEqual(errors, [(wire.BAD_REQUEST, 6)])
                    elif m[1] == wire.FLOW_MOD and n % 8:
                        self.assertEqual(len(errors), 1)
                        self.assertIn(errors[0], {(wire.BAD_REQUEST, 6), (wire.BAD_MATCH, 1), (wire.BAD_INSTRUCTION, 7)})
                        self.assertEqual(len(self.c.flows()), len(before), "a cut flow-mod has changed something")

    def test_every_byte_bent(self):
        """Lengths, types, counts: every byte of every message in turn becomes 0, 255, one less, one more."""
        self.c.close()
        self.c = None
        for m in self.messages:
            if m[1] in (wire.PORT_MOD, wire.ROLE_REQUEST):
                continue  # would be understood, and take ports and roles away from the test
            s = self.sw.session()
            s.send(wire.set_async())
            sent = 0
            for at in [1] + list(range(8, len(m))):
                for value in {0, 255, m[at] - 1 & 255, m[at] + 1 & 255} - {m[at]}:
                    bent = m[:at] + bytes([value]) + m[at + 1:]
                    if bent[1] not in (wire.PORT_MOD, wire.ROLE_REQUEST, wire.BARRIER_REQUEST):
                        s.say(bent)
                        sent += 1
            end = s.say(wire.message(wire.BARRIER_REQUEST))
            self.assertTrue(sent)
            while True:
                got = s.read()
                self.assertTrue(got, "the switch has hung up")
                if got[1] == wire.BARRIER_REPLY and wire.header(got)["xid"] == end:
                    break
            s.close()
        self.c = self.sw.session()
        self.c.do(flow_mod(command=wire.DELETE, table=wire.ALL_TABLES))

    def test_half_a_message_holds_up_nobody(self):
        halves = []
        for m in self.messages:
            for n in (1, 7, 8, len(m) - 1):
                s = self.sw.session()
                s.send(m[:n])
                halves.append(s)
            self.c.barrier()
        for s in halves:
            s.close()
        self.assertEqual(self.c.flows(), [], "half a flow-mod is none")

    def test_byte_by_byte(self):
        s = self.sw.session(greet=False)
        for byte in wire.hello(bitmaps=[16]) + flow_mod(*MANY, match=MATCH) + wire.message(wire.BARRIER_REQUEST, xid=5):
            s.send(bytes([byte]))
        self.assertEqual(s.read()[1], wire.HELLO)
        self.assertEqual(s.read(), wire.message(wire.BARRIER_REPLY, xid=5))
        self.assertEqual(len(self.c.flows()), 1)
        s.close()

    def test_nesting(self):
        """Lengths inside that reach out of what they are in."""
        acts = output(22)
        inside = wire.action(0, acts[4:], length=24)
        self.refused(flow_mod(wire.instruction(4, bytes(4) + inside), wire.clear()), wire.BAD_ACTION, 1)
        self.refused(flow_mod(wire.instruction(4, bytes(4) + acts, length=32)), wire.BAD_INSTRUCTION, 7)
        self.refused(flow_mod(wire.instruction(4, bytes(4) + acts, length=40), wire.clear()), wire.BAD_INSTRUCTION, 7)
        self.refused(wire.group_mod(0, 0, 5, struct.pack("!HHII4x", 64, 0, wire.ANY, wire.ANY) + acts), wire.GROUP_MOD_FAILED, 12)
        self.refused(packet_out(FRAME, inside), wire.BAD_ACTION, 1)

    def test_longest(self):
        for body in (bytes(65527), b"\xff" * 65527, struct.pack("!H", 8) * 32763 + b"\0", b"\0\4\0\10" * 16381 + bytes(3)):
            for kind in range(2, 31):
                if kind not in (wire.ECHO_REPLY, wire.PACKET_OUT, wire.SET_CONFIG):
                    self.answered(wire.message(kind, body))
        self.c.barrier()


class Connections(SwitchTest):
    def test_garbage(self):
        chance = random.Random(20131)
        for greet in (False, True):
            for _ in range(60):
                s = self.sw.session(greet=greet)
                try:
                    for _ in range(4):
                        s.send(chance.randbytes(chance.choice((1, 8, 100, 5000))))
                    s.socket.shutdown(socket.SHUT_WR)
                    while s.socket.recv(1 << 16):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    pass
                s.close()
        for text in (b"GET / HTTP/1.1\r\nHost: switch\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 64):
            s = self.sw.session(greet=False)
            s.send(text)
            s.socket.shutdown(socket.SHUT_WR)
            while s.socket.recv(1 << 16):
                pass
            s.close()
        self.c.barrier()

    def stuff(self, s, data, limit):
        """Sends without reading until nothing more is taken, or the switch gives up; returns how much was."""
        s.socket.setblocking(False)
        sent = 0
        while sent < limit and select.select([], [s.socket], [], 0.3)[1]:
            try:
                sent += s.socket.send(data[sent % len(data):])
            except BlockingIOError:
                pass
            except (BrokenPipeError, ConnectionResetError):
                break
        return sent

    def goes_on(self):
        self.c.do(flow_mod(apply(output(22)), match=match(in_port=11), priority=65535))
        self.sw.give("p1", FRAME)
        self.sw.take_some("p2", 1)

    def test_not_reading(self):
        """Echoes, port statistics and dumps of flows that nobody fetches."""
        self.c.send(b"".join(flow_mod(match=match(eth_src=i)) for i in range(2000)))
        self.c.barrier()
        before = self.sw.rss_kb()
        for data in (wire.message(wire.ECHO_REQUEST, bytes(60000)), wire.flow_request(), multipart(wire.MP_TABLE_FEATURES), flow_mod(table=254)):
            lazy = [self.sw.session() for _ in range(3)]
            for s in lazy:
                sent = self.stuff(s, data * (1 + (1 << 20) // len(data)), 64 << 20)
                self.assertLess(sent, 64 << 20, "the switch must stop taking requests whose answers nobody reads")
                self.goes_on()
            self.assertLess(self.sw.rss_kb() - before, self.sw.memory_kb(200 << 10))
            for s in lazy:
                s.close()
        self.goes_on()

    def test_not_reading_packet_ins(self):
        self.c.do(flow_mod(apply(*[output(wire.CONTROLLER)] * 100)))
        lazy = self.sw.session(hears=True)
        heard = 0
        for _ in range(100):
            lazy.send(wire.message(wire.ECHO_REPLY))  # it lives
            self.sw.give("p1", FRAME.ljust(1400, b"p"))
            self.c.next_async(wire.PACKET_IN)
            self.c.barrier()
            heard += 1 + len(self.c.late)
            self.c.late.clear()
        self.goes_on()
        lazy.barrier()  # it has missed some, and is in step
        self.assertGreater(len(lazy.late), 1000)
        self.assertLess(len(lazy.late), heard)
        lazy.close()

    def test_a_thousand(self):
        self.goes_on()
        before = self.sw.rss_kb()
        for _ in range(2):
            many = [self.sw.session(greet=False) for _ in range(1000)]
            for s in many:
                s.send(wire.hello() + wire.message(wire.ECHO_REQUEST, b"all", xid=3))
            for s in many:
                self.assertEqual(s.read()[1], wire.HELLO)
                self.assertEqual(s.read(), wire.message(wire.ECHO_REPLY, b"all", xid=3))
            self.goes_on()
            for s in many:
                s.close()
        self.goes_on()
        self.assertLess(self.sw.rss_kb() - before, self.sw.memory_kb(100 << 10))

    def test_more_than_there_are_descriptors(self):
        """Those that do not fit wait; when others go there is room again."""
        most = resource.prlimit(self.sw.process, resource.RLIMIT_NOFILE)
        resource.prlimit(self.sw.process, resource.RLIMIT_NOFILE, (150, most[1]))
        many = []

        def is_taken():
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            try:
                s.connect(self.sw.mgmt)
            except BlockingIOError:
                s.close()
                return False
            many.append(s)
            return True
        try:
            while len(many) < 1000:
                until(is_taken, "full", patience=3)
            self.fail("a thousand connections with 150 descriptors")
        except AssertionError as e:
            self.assertEqual(str(e), "full")
        self.assertGreater(len(many), 100)
        self.c.barrier()
        for s in many:
            s.close()
        with self.sw.session() as s:
            s.barrier()
        resource.prlimit(self.sw.process, resource.RLIMIT_NOFILE, most)


if __name__ == "__main__":
    run()

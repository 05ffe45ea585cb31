#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 5 and 7.3.7, 7.4.1: what frames meet, packet-in and packet-out, and the reserved ports."""
import struct

from support import wire
from support.switch import SwitchTest, run, until
from support.wire import BAD_REQUEST, apply, flow_mod, goto, match, output, packet_out, set_field, write

MISS, ACTION, INVALID_TTL = range(3)
TO_CONTROLLER = output(wire.CONTROLLER)


def ethernet(kind, payload=b"", dst=2, src=1):
    return (b"\2" + dst.to_bytes(5, "big") + b"\2" + src.to_bytes(5, "big") + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return 0xffff ^ total


def ipv4(ttl=64, dst=0x0a000002, proto=253):
    head = struct.pack("!BBHHHBBHII", 0x45, 0, 20, 0, 0, ttl, proto, 0, 0x0a000001, dst)
    return ethernet(0x800, head[:10] + struct.pack("!H", checksum(head)) + head[12:])


FRAME = ethernet(0x88b5, b"a frame of 60 bytes")


class PacketIn(SwitchTest):
    def packet_in(self, frame, port="p1", number=11, **want):
        self.sw.give(port, frame)
        got = wire.read_packet_in(self.c.next_async(wire.PACKET_IN))
        self.assertEqual(got["buffer"], wire.NO_BUFFER)
        self.assertEqual((got["total_len"], got["data"]), (len(frame), frame), "OFPCML_NO_BUFFER: all of it comes")
        self.assertEqual(got["match"]["in_port"], number)
        self.assertEqual({k: got[k] for k in want}, want)
        return got

    def test_a_table_miss_is_a_drop_without_a_flow_for_it(self):
        self.sw.give("p1", FRAME)
        self.c.do(flow_mod(apply(output(22)), match=match(in_port=33)))
        self.sw.give("p3", FRAME)
        self.assertEqual(self.sw.take_some("p2", 1), [FRAME])
        self.c.silence()

    def test_reasons(self):
        self.c.do(flow_mod(apply(TO_CONTROLLER), priority=0, cookie=0xabc), flow_mod(apply(TO_CONTROLLER), priority=1, cookie=0xdef, match=match(in_port=22)),
                  flow_mod(write(TO_CONTROLLER), priority=1, cookie=0x123, match=match(in_port=33)))
        self.packet_in(FRAME, reason=MISS, cookie=0xabc, table=0)
        self.packet_in(FRAME, "p2", 22, reason=ACTION, cookie=0xdef, table=0)
        self.packet_in(FRAME, "p3", 33, reason=ACTION, cookie=0x123, table=0)
        self.c.do(flow_mod(goto(7), priority=0), flow_mod(apply(TO_CONTROLLER), priority=0, table=7, cookie=0x77))
        self.packet_in(FRAME, reason=MISS, cookie=0x77, table=7)
        self.c.do(flow_mod(apply(TO_CONTROLLER), priority=5, table=7, cookie=0x78))
        self.packet_in(FRAME, reason=ACTION, cookie=0x78, table=7)

    def test_pipeline_fields(self):
        self.c.do(flow_mod(wire.write_metadata(0x55, 0xff), goto(1)), flow_mod(apply(set_field("tunnel_id", 9), TO_CONTROLLER), table=1))
        got = self.packet_in(FRAME)
        self.assertEqual(got["match"], {"in_port": 11, "metadata": 0x55, "tunnel_id": 9})

    def test_lengths(self):
        """What an action sends is as long as it says, whatever miss_send_len."""
        self.c.do(wire.set_config(miss_send_len=16), flow_mod(apply(TO_CONTROLLER), priority=0))
        for size in (60, 61, 1514, 9000):
            self.packet_in(FRAME.ljust(size, b"x"), reason=MISS)
        self.sw.give("p1", FRAME[:14])
        self.assertEqual(wire.read_packet_in(self.c.next_async(wire.PACKET_IN))["total_len"], 14)

    def test_as_changed_by_the_actions_before(self):
        self.c.do(flow_mod(apply(set_field("eth_dst", 0x020000000099), TO_CONTROLLER, set_field("eth_dst", 0x020000000088), output(22))))
        self.sw.give("p1", FRAME)
        got = wire.read_packet_in(self.c.next_async(wire.PACKET_IN))["data"]
        self.assertEqual(got, b"\2\0\0\0\0\x99" + FRAME[6:])
        self.assertEqual(self.sw.take_some("p2", 1), [b"\2\0\0\0\0\x88" + FRAME[6:]])

    def test_invalid_ttl(self):
        self.c.do(flow_mod(apply(wire.dec_nw_ttl(), output(22)), match=match(eth_type=0x800), cookie=0x5))
        for ttl in (0, 1):
            self.sw.give("p1", ipv4(ttl=ttl))
        self.sw.give("p1", ipv4(ttl=2))
        out = self.sw.take_some("p2", 1)[0]
        self.assertEqual((out[22], checksum(out[14:34])), (1, 0))
        self.c.silence()  # as long as nobody has asked for the reason
        self.c.do(wire.set_async(packet_in=(7, 0)))
        self.packet_in(ipv4(ttl=1), reason=INVALID_TTL, cookie=0x5, table=0)
        for length in (1, 20, 60, 128):  # no action has sent it: miss_send_len
            self.c.do(wire.set_config(miss_send_len=length))
            self.sw.give("p1", ipv4(ttl=1))
            got = wire.read_packet_in(self.c.next_async(wire.PACKET_IN))
            self.assertEqual((got["total_len"], got["data"]), (60, ipv4(ttl=1)[:length]))
            self.c.do(packet_out(b"", output(33), buffer=got["buffer"]))
            self.assertEqual(self.sw.take_some("p3", 1), [ipv4(ttl=1)])

    def test_not_before_it_is_asked_for(self):
        quiet = self.sw.session()
        self.c.do(flow_mod(apply(TO_CONTROLLER)))
        self.packet_in(FRAME)
        quiet.silence()
        quiet.close()


class Buffers(SwitchTest):
    """7.4.1: a frame of which a controller has the beginning waits for what becomes of it."""
    BUFFERS, SECONDS = 256, 5

    def setUp(self):
        super().setUp()
        self.sw.warp(self.SECONDS)  # nothing waits from before
        self.to_controller()

    def to_controller(self, max_len=20):
        self.c.do(flow_mod(apply(output(wire.CONTROLLER, max_len=max_len)), priority=0))

    def buffered(self, frame=FRAME, port="p1"):
        self.sw.give(port, frame)
        got = wire.read_packet_in(self.c.next_async(wire.PACKET_IN))
        self.assertNotEqual(got["buffer"], wire.NO_BUFFER)
        self.assertEqual((got["total_len"], got["data"]), (len(frame), frame[:20]))
        return got["buffer"]

    def test_lengths(self):
        for length, size in ((0, 60), (1, 60), (60, 60), (61, 60), (128, 60), (128, 1514), (2000, 9000), (0xfffe, 300)):
            frame = FRAME.ljust(size, b"x")
            self.to_controller(length)
            self.sw.give("p1", frame)
            got = wire.read_packet_in(self.c.next_async(wire.PACKET_IN))
            self.assertEqual((got["total_len"], got["data"]), (size, frame[:length]))
            self.c.do(packet_out(b"", output(22), buffer=got["buffer"]))
            self.assertEqual(self.sw.take_some("p2", 1), [frame])

    def test_packet_out(self):
        a, b = self.buffered(), self.buffered(FRAME[:59] + b"b")
        self.assertNotEqual(a, b)
        self.c.do(packet_out(b"this is not looked at", wire.set_field("eth_dst", 0x020000000077), output(22), buffer=b))
        self.assertEqual(self.sw.take_some("p2", 1), [b"\2\0\0\0\0\x77" + FRAME[6:59] + b"b"])
        self.refused(packet_out(b"", output(22), buffer=b), BAD_REQUEST, 7, "used already")
        self.refused(packet_out(b"", output(22), buffer=b ^ 0x100), BAD_REQUEST, 8, "another's turn")
        self.refused(packet_out(b"", output(0), buffer=a), wire.BAD_ACTION, 4)
        self.refused(packet_out(b"", output(22), in_port=44, buffer=a), BAD_REQUEST, 11)
        self.c.do(packet_out(b"", buffer=a))  # without an action: dropped
        self.refused(packet_out(b"", output(22), buffer=a), BAD_REQUEST, 7)
        self.assertEqual(self.sw.take("p2"), [])

    def test_flow_mod(self):
        """7.3.4.1: as if a packet-out to OFPP_TABLE came behind it."""
        first, second, third, fourth = (self.buffered(FRAME[:59] + bytes([i])) for i in range(4))
        self.refused(flow_mod(apply(output(0)), buffer=first), wire.BAD_ACTION, 4)
        self.c.do(flow_mod(apply(output(22)), match=match(in_port=11), buffer=first))
        self.assertEqual(self.sw.take_some("p2", 1), [FRAME[:59] + b"\0"])
        for command in (wire.ADD, wire.MODIFY, wire.MODIFY_STRICT):
            self.refused(flow_mod(command=command, buffer=first), BAD_REQUEST, 7)
        self.c.do(flow_mod(apply(output(33)), match=match(in_port=11), command=wire.MODIFY, buffer=second))
        self.assertEqual(self.sw.take_some("p3", 1), [FRAME[:59] + b"\1"])
        self.c.do(flow_mod(apply(output(22)), table=9, buffer=third))  # whichever table it names
        self.assertEqual(self.sw.take_some("p3", 1), [FRAME[:59] + b"\2"])
        self.c.do(flow_mod(command=wire.DELETE, match=match(in_port=11), buffer=fourth))
        self.c.do(packet_out(b"", output(22), buffer=fourth))  # a deletion has left it
        self.assertEqual(self.sw.take_some("p2", 1), [FRAME[:59] + b"\3"])

    def test_time(self):
        early = self.buffered()
        self.sw.warp(self.SECONDS - 1)
        late = self.buffered()
        self.sw.warp(1)
        self.refused(packet_out(b"", output(22), buffer=early), BAD_REQUEST, 8)
        self.c.do(packet_out(b"", output(22), buffer=late))
        self.sw.take_some("p2", 1)

    def test_no_room(self):
        ids = {self.buffered() for _ in range(self.BUFFERS)}
        self.assertEqual(len(ids), self.BUFFERS)
        self.sw.give("p1", FRAME)
        got = wire.read_packet_in(self.c.next_async(wire.PACKET_IN))
        self.assertEqual((got["buffer"], got["data"]), (wire.NO_BUFFER, FRAME), "all of it, when none is free")
        self.c.do(packet_out(b"", buffer=ids.pop()))
        self.assertNotIn(self.buffered(), ids)
        self.sw.warp(self.SECONDS)
        for old in ids:
            self.assertEqual(self.c.refusal(packet_out(b"", buffer=old)), (BAD_REQUEST, 8))

    def test_two_sessions(self):
        """Both are told, whoever comes first has it."""
        other = self.sw.session(hears=True)
        self.assertEqual(self.buffered(), wire.read_packet_in(other.next_async(wire.PACKET_IN))["buffer"])
        number = self.buffered()
        other.do(packet_out(b"", output(22), buffer=number))
        self.sw.take_some("p2", 1)
        self.assertEqual(self.c.refusal(packet_out(b"", output(22), buffer=number)), (BAD_REQUEST, 7))
        other.close()


class Pipeline(SwitchTest):
    def drops(self, reason):
        return self.sw.call("stats")["drops"][reason]

    def out(self, frame=FRAME, port="p1", **want):
        """What leaves by each port."""
        self.sw.give(port, frame)
        got = {name: self.sw.take_some(name, n) for name, n in want.items()}
        for name in self.PORTS:
            if name not in want:
                self.assertEqual(self.sw.take(name), [], name)
        return got

    def test_priorities(self):
        self.c.do(flow_mod(apply(output(22)), priority=5), flow_mod(apply(output(33)), priority=6, match=match(in_port=11)),
                  flow_mod(priority=65535, match=match(eth_type=0x88b6)))
        self.out(p3=1)
        self.out(port="p3", p2=1)
        self.out(ethernet(0x88b6))

    def test_tables_and_the_action_set(self):
        self.c.do(flow_mod(write(output(22), set_field("eth_dst", 0x020000000007)), goto(3)),
                  flow_mod(write(output(33)), apply(set_field("eth_src", 0x020000000008)), goto(200), table=3),
                  flow_mod(table=200))
        got = self.out(p3=1)["p3"][0]
        self.assertEqual(got, b"\2\0\0\0\0\x07\2\0\0\0\0\x08" + FRAME[12:], "a later output takes the place of the earlier; set-field is done before")
        self.c.do(flow_mod(wire.clear(), goto(200), table=3))
        self.out()
        self.c.do(flow_mod(wire.clear(), write(output(22)), apply(output(33)), table=3))
        got = self.out(p2=1, p3=1)
        self.assertEqual(got["p3"], [FRAME])
        self.assertEqual(got["p2"], [FRAME], "clear-actions took the set-field too")
        self.c.do(flow_mod(write(output(22)), goto(253)))
        self.out()  # a miss in table 253 drops, action set and all

    def test_fragments(self):
        """7.3.2: OFPC_FRAG_DROP takes them out, of whatever session it is the wish."""
        def v4(place):
            frame = bytearray(ipv4())
            frame[20:22] = struct.pack("!H", place)
            frame[24:26] = bytes(2)
            frame[24:26] = struct.pack("!H", checksum(frame[14:34]))
            return bytes(frame)

        def v6(place):
            return ethernet(0x86dd, struct.pack("!IHBB32x", 6 << 28, 24, 44, 64) + struct.pack("!BxHI", 59, place, 7) + bytes(16))
        whole = [v4(0), v4(0x4000), v6(0), FRAME]
        cut = [v4(0x2000), v4(0x2001), v4(1), v6(1), v6(0x99), v6(8)]
        cut += [x[:12] + bytes.fromhex("81000005") + x[12:] for x in cut]
        self.c.do(flow_mod(apply(output(22))))
        other = self.sw.session()
        for flags in (1, 0, 1):
            other.do(wire.set_config(flags=flags, miss_send_len=9))
            self.assertEqual(self.c.ask(wire.message(wire.GET_CONFIG_REQUEST), wire.GET_CONFIG_REPLY)[8:], struct.pack("!HH", flags, 0xffff))
            before = self.drops("fragment")
            for frame in cut + whole:
                self.sw.give("p1", frame)
            want = whole if flags else cut + whole
            self.assertEqual(self.sw.take_some("p2", len(want)), want)
            self.assertEqual(self.drops("fragment") - before, len(cut) if flags else 0)
        other.refusal(wire.set_config(flags=3))
        self.sw.give("p1", cut[0])
        self.sw.give("p1", FRAME)
        self.assertEqual(self.sw.take_some("p2", 1), [FRAME], "a refused message has changed something")
        self.slave(other, lambda: self.assertEqual(other.refusal(wire.set_config(flags=0)), (BAD_REQUEST, 10)))
        self.c.do(wire.set_config(flags=0))
        other.close()

    def test_reassembly(self):
        """7.3.2: with OFPC_FRAG_REASM the tables meet whole datagrams, L4 fields too; a port with a smaller MTU gets pieces."""
        def v4(start, data, more):
            head = struct.pack("!BBHHHBB2xII", 0x45, 0, 20 + len(data), 77, more << 13 | start // 8, 64, 17, 0x0a000001, 0x0a000002)
            return ethernet(0x0800, head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data)

        def v6(start, data, more):
            extension = struct.pack("!BxHI", 17, start | more, 77) if start or more else b""
            return ethernet(0x86dd, struct.pack("!IHBB32x", 6 << 28, len(extension + data), 44 if extension else 17, 64) + extension + data)

        def cut(make, data, size):
            return [make(i, data[i:i + size], int(i + size < len(data))) for i in range(0, len(data), size)]

        def udp(size):
            return struct.pack("!HHHH", 1234, 5678, size, 0) + bytes(i % 251 for i in range(size - 8))

        def meet(pieces, want):
            for piece in pieces:
                self.sw.give("p1", piece)
            self.assertEqual(self.sw.take_some("p2", len(want)), want)
        for kind in (0x0800, 0x86dd):
            self.c.do(flow_mod(apply(output(22)), match=match(eth_type=kind, ip_proto=17, udp_dst=5678)))
        self.c.do(wire.set_config(flags=2))
        for make in (v4, v6):
            meet(reversed(cut(make, udp(1200), 400)), [make(0, udp(1200), 0)])
            meet(cut(make, udp(4000), 1440), cut(make, udp(4000), 1440))  # the MTU is 1500
            first, last = cut(make, udp(1000), 800)
            before = self.drops("fragment-timeout")
            self.sw.give("p1", first)
            self.sw.warp(16)
            until(lambda: self.drops("fragment-timeout") == before + 1, "a fragment alone is not let go of")
            meet([last], [])
            meet([first], [make(0, udp(1000), 0)])
            before = self.drops("fragment-overlap"), self.drops("fragment-twice")
            meet([first, first, make(792, bytes(208), 0)], [])
            self.assertEqual((self.drops("fragment-overlap"), self.drops("fragment-twice")), (before[0] + 2, before[1] + 1))
        self.c.do(wire.set_config(flags=0))
        meet(cut(v4, udp(1000), 800), cut(v4, udp(1000), 800)[:1])  # the other has no ports

    def slave(self, session, action):
        """Does it while the session is a slave."""
        generation = struct.unpack("!I4xQ", session.ask(wire.role_request(0), wire.ROLE_REPLY)[8:])[1]
        session.ask(wire.role_request(3, 0 if generation == (1 << 64) - 1 else generation), wire.ROLE_REPLY)
        session.do(wire.set_config(flags=1))  # no change
        action()

    def test_metadata(self):
        self.c.do(flow_mod(wire.write_metadata(0xf0, 0xff), goto(1)), flow_mod(wire.write_metadata(0x0a, 0x0f), goto(2), table=1),
                  flow_mod(apply(output(22)), table=2, match=match(metadata=0xfa)))
        self.out(p2=1)

    def test_action_set_order(self):
        """5.10: pop, push and set-field in the order of the specification, not of the instruction."""
        self.c.do(flow_mod(write(output(22), set_field("vlan_vid", 0x1005), wire.push_vlan())))
        got = self.out(p2=1)["p2"][0]
        self.assertEqual(got[12:18], bytes.fromhex("8100000588b5"))

    def test_more_actions_than_a_program_holds(self):
        """Such a frame is dropped, whole and counted; others go on."""
        many = apply(output(22), *[set_field("ipv6_src", i) for i in range(2600)])
        self.c.do(*[flow_mod(many, goto(t + 1), table=t, match=match(eth_type=0x86dd)) for t in range(2)], flow_mod(apply(output(33)), match=match(in_port=22)))
        before = self.drops("too-long")
        self.sw.give("p1", ethernet(0x86dd, b"\x60" + bytes(39)))
        self.out(port="p2", p3=1)
        until(lambda: self.drops("too-long") == before + 1, "the drop is not counted")
        self.assertEqual(self.sw.take("p2"), [])

    def test_as_many_outputs_as_a_message_holds(self):
        self.c.do(flow_mod(apply(*[output(44)] * 4000, *[output(33)] * 80), match=match(in_port=11)))
        self.out(p3=80)

    def test_counters(self):
        self.c.do(flow_mod(apply(output(22))), flow_mod(command=wire.DELETE, table=9))
        before = wire.read_tables(self.c.parts(wire.multipart(wire.MP_TABLE)))[0]
        for _ in range(5):
            self.out(p2=1)
        self.c.do(flow_mod(command=wire.DELETE))
        self.out()
        after = wire.read_tables(self.c.parts(wire.multipart(wire.MP_TABLE)))[0]
        self.assertEqual(after["matched"] - before["matched"], 5)
        self.assertEqual(after["lookup"] - before["lookup"], 6)


class PacketOut(SwitchTest):
    def sent(self, data, **want):
        self.c.do(data)
        for name in self.PORTS:
            self.assertEqual(self.sw.take_some(name, want.get(name, 0)), [FRAME] * want.get(name, 0), name)

    def test_ports(self):
        self.sent(packet_out(FRAME, output(22)), p2=1)
        self.sent(packet_out(FRAME, output(22), output(33), output(22)), p2=2, p3=1)
        self.sent(packet_out(FRAME))
        self.sent(packet_out(FRAME, output(wire.ALL)), p1=1, p2=1, p3=1)
        self.sent(packet_out(FRAME, output(wire.ALL), in_port=11), p2=1, p3=1)
        self.sent(packet_out(FRAME, output(wire.FLOOD), in_port=22), p1=1, p3=1)
        self.sent(packet_out(FRAME, output(wire.IN_PORT), in_port=33), p3=1)
        self.sent(packet_out(FRAME, output(wire.IN_PORT)))
        self.sent(packet_out(FRAME, output(33), in_port=33))  # never back by itself
        self.sent(packet_out(FRAME, output(wire.NORMAL), in_port=11), p2=1, p3=1)
        self.sent(packet_out(FRAME, output(44)))
        self.sent(packet_out(FRAME, output(wire.LOCAL)))

    def test_table(self):
        self.c.do(flow_mod(apply(output(33)), match=match(in_port=11)), flow_mod(apply(output(22)), match=match(in_port=wire.CONTROLLER)))
        self.sent(packet_out(FRAME, output(wire.TABLE), in_port=11), p3=1)
        self.sent(packet_out(FRAME, output(wire.TABLE)), p2=1)
        self.sent(packet_out(FRAME, output(wire.TABLE), in_port=22))

    def test_controller(self):
        self.c.do(packet_out(FRAME, TO_CONTROLLER, in_port=22))
        got = wire.read_packet_in(self.c.next_async(wire.PACKET_IN))
        self.assertEqual((got["data"], got["match"], got["reason"]), (FRAME, {"in_port": 22}, ACTION))

    def test_actions(self):
        self.c.do(packet_out(FRAME, set_field("eth_dst", 0x020000000099), output(22), wire.push_vlan(), set_field("vlan_vid", 0x1063), output(33)))
        self.assertEqual(self.sw.take_some("p2", 1), [b"\2\0\0\0\0\x99" + FRAME[6:]])
        self.assertEqual(self.sw.take_some("p3", 1), [b"\2\0\0\0\0\x99" + FRAME[6:12] + bytes.fromhex("81000063") + FRAME[12:]])

    def test_faults(self):
        for port in (44, 0, wire.PORT_MAX, wire.IN_PORT, wire.TABLE, wire.NORMAL, wire.FLOOD, wire.ALL, wire.LOCAL):
            self.refused(packet_out(FRAME, output(22), in_port=port), BAD_REQUEST, 11)
        self.refused(packet_out(FRAME, output(22), buffer=7), BAD_REQUEST, 8)
        self.refused(packet_out(b"", output(22)), BAD_REQUEST, 12)
        self.refused(packet_out(FRAME[:13], output(22)), BAD_REQUEST, 12)
        self.refused(packet_out(FRAME, output(22), length=1000), BAD_REQUEST, 6)
        self.refused(packet_out(FRAME, output(22), length=8), wire.BAD_ACTION, 1)
        self.refused(packet_out(FRAME, output(22), output(0)), wire.BAD_ACTION, 4)
        self.refused(packet_out(FRAME, output(22), wire.group(1)), wire.BAD_ACTION, 9)
        for size in range(16):
            self.refused(wire.message(wire.PACKET_OUT, bytes(size)), BAD_REQUEST, 6)
        for name in self.PORTS:
            self.assertEqual(self.sw.take(name), [], "a refused packet-out sends nothing")

    def test_large(self):
        for size in (1514, 9000, 65535 - 24 - 16):
            frame = FRAME.ljust(size, b"z")
            self.c.do(packet_out(frame, output(22)))
            self.assertEqual(self.sw.take_some("p2", 1), [frame])


if __name__ == "__main__":
    run()

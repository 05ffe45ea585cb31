#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The helpers of connection tracking, ct(alg=ftp|tftp): what control connections announce is expected, translated in their text, and
the sequence numbers follow (RFC 959, 2428, 1350; RFC 3022, 4.4; RFC 2577).   Exit 77: there is no ovs-ofctl."""
import random
import socket
import struct

from differential.tracked import ACK, SYN, tcp, total, udp
from support.ofctl import run_if_there
from support.track import HOST, OTHER, OUTER, SERVER, TrackTest, ether, ipv6_tcp

PSH = 8


def dotted(address):
    return ".".join(map(str, address))


def six(address, port):
    return ",".join(map(str, [*address, port >> 8, port & 255]))


class Control:
    """A control connection as the two ends keep it: each counts only what it has sent itself, and has seen of the other."""

    def __init__(self, test, client=HOST, server=SERVER, seen_client=OUTER, seen_server=SERVER, port=5000, way=("in", "out")):
        self.test, self.way = test, way
        self.ends = ((client, seen_server, port, 21), (server, seen_client, 21, None))
        self.next = [1001, 9001]
        self.seen = [None, None]  # of whom: the next number, as the other sees it
        out = test.through(way[0], tcp(client, seen_server, port, 21, 1000, 0, SYN), way[1])
        test.assertEqual((out.src, out.dst), (seen_client, server))
        self.outer_port = out.sport
        self.seen = [1001, 9001]
        test.through(way[1], tcp(server, seen_client, 21, self.outer_port, 9000, 1001, SYN | ACK), way[0])
        test.through(way[0], tcp(client, seen_server, port, 21, 1001, 9001, ACK), way[1])

    def say(self, who, text, again=False):
        """One side (0: the client) sends; what the other gets, which must be what it waits for, and an acknowledgement that arrives."""
        src, dst, sport, dport = self.ends[who]
        seq = self.next[who] - (len(text) if again else 0)
        frame = tcp(src, dst, sport, dport or self.outer_port, seq, self.seen[1 - who], ACK | PSH, data=text.encode())
        got = self.test.through(self.way[who], frame, self.way[1 - who])
        gseq, gack = struct.unpack(">II", got.l4[4:12])
        data = got.l4[20:].decode()
        self.test.assertEqual(gseq, self.seen[who] - (len(data) if again else 0), text)
        self.test.assertEqual(gack, self.next[1 - who], text)
        if not again:
            self.next[who] += len(text)
            self.seen[who] += len(data)
        src, dst, sport, dport = self.ends[1 - who]
        back = self.test.through(self.way[1 - who], tcp(src, dst, sport, dport or self.outer_port, self.next[1 - who], self.seen[who], ACK), self.way[who])
        self.test.assertEqual(struct.unpack(">I", back.l4[8:12])[0], self.next[who], text)
        return data


class Sender:
    """One end of a control connection that loses segments: what is not acknowledged it sends again, in other pieces."""

    def __init__(self, port, start):
        self.port, self.unacked, self.first, self.waits_for, self.heard = port, b"", start, None, b""

    def takes(self, seq, ack, data):
        known = (self.waits_for - seq + (1 << 31)) % (1 << 32) - (1 << 31)
        if 0 <= known < len(data):
            self.heard += data[known:]
            self.waits_for = (self.waits_for + len(data) - known) % (1 << 32)
        acked = (ack - self.first) % (1 << 32)
        if acked < 1 << 31:
            assert acked <= len(self.unacked), "more is acknowledged than was sent"
            self.unacked, self.first = self.unacked[acked:], ack


class Lossy:
    """A control connection through the switch, on a wire that loses segments on either side of it."""

    def __init__(self, test, seed):
        self.test, self.r = test, random.Random(seed)
        port, starts = self.r.randrange(2000, 60000), [self.r.choice([self.r.randrange(1 << 32), (1 << 32) - self.r.randrange(2, 200)]) for _ in range(2)]
        outer = test.through("in", tcp(HOST, SERVER, port, 21, starts[0], 0, SYN), "out").sport
        self.ends = client, server = Sender(port, starts[0] + 1), Sender(outer, starts[1] + 1)
        client.waits_for, server.waits_for = server.first, client.first
        test.through("out", tcp(SERVER, OUTER, 21, outer, starts[1], client.first, SYN | ACK), "in")
        test.through("in", tcp(HOST, SERVER, port, 21, client.first, server.first, ACK), "out")

    def send(self, who, data, seq):
        end, other = self.ends[who], self.ends[1 - who]
        ports = (HOST, SERVER, end.port, 21) if who == 0 else (SERVER, OUTER, 21, end.port)
        for _ in range(self.r.choice([0, 1, 1, 1, 1, 1, 1, 2])):
            got = self.test.through(("in", "out")[who], tcp(*ports, seq % (1 << 32), end.waits_for, ACK | PSH, data=data), ("out", "in")[who])
            if self.r.randrange(5):
                other.takes(*struct.unpack(">II", got.l4[4:12]), got.l4[20:])

    def say(self, who, text):
        """Until all of it has arrived, and that is known."""
        end = self.ends[who]
        end.unacked += text.encode()
        while end.unacked:
            lines = [end.unacked] if self.r.randrange(2) else end.unacked.splitlines(True)
            seq = end.first
            for line in lines:
                self.send(who, line, seq)
                seq += len(line)
            self.send(1 - who, self.ends[1 - who].unacked, self.ends[1 - who].first)


class Helpers(TrackTest):
    def setUp(self):
        super().setUp()
        self.flow("table=0,ip,actions=ct(table=1,zone=1,nat)",
                  "table=1,priority=9,ct_state=+new+rel+trk,ip,in_port=1,actions=ct(commit,zone=1,nat),output:2",
                  "table=1,priority=9,ct_state=+new+rel+trk,ip,in_port=2,actions=ct(commit,zone=1,nat),output:1",
                  "table=1,priority=5,ct_state=+new-rel+trk,tcp,in_port=1,tp_dst=21,actions=ct(commit,zone=1,alg=ftp,nat(src=198.51.100.7),exec(load:0x77->NXM_NX_CT_MARK[])),output:2",
                  "table=1,priority=5,ct_state=+new-rel+trk,tcp,in_port=2,tp_dst=21,nw_dst=198.51.100.7,actions=ct(commit,zone=1,alg=ftp,nat(dst=10.0.0.1)),output:1",
                  "table=1,priority=5,ct_state=+new-rel+trk,udp,in_port=1,tp_dst=69,actions=ct(commit,zone=1,alg=tftp,nat(src=198.51.100.7)),output:2",
                  "table=1,priority=1,ct_state=+est+trk-inv,ip,in_port=1,actions=output:2",
                  "table=1,priority=1,ct_state=+est+trk-inv,ip,in_port=2,actions=output:1")

    def data_comes(self, port, to=5001, host=HOST, sport=20):
        """The server opens the data connection, which works in both directions."""
        came = self.through("out", tcp(SERVER, OUTER, sport, port, 1, 0, SYN), "in")
        self.assertEqual((came.src, came.sport, came.dst, came.dport), (SERVER, sport, host, to))
        back = self.through("in", tcp(host, SERVER, to, sport, 7, 2, SYN | ACK), "out")
        self.assertEqual((back.src, back.sport), (OUTER, port))

    def nobody_comes(self, port, sport=20):
        self.assertIsNone(self.through("out", tcp(SERVER, OUTER, sport, port, 1, 0, SYN)))

    def test_active(self):
        c = Control(self)
        self.nobody_comes(5001)
        self.assertEqual(c.say(0, f"PORT {six(HOST, 5001)}\r\n"), f"PORT {six(OUTER, 5001)}\r\n")
        self.assertEqual(c.say(1, "200 PORT command successful.\r\n"), "200 PORT command successful.\r\n")
        self.nobody_comes(5002)
        self.assertIsNone(self.through("out", tcp(OTHER, OUTER, 20, 5001, 1, 0, SYN)))  # not the server
        self.data_comes(5001)
        data, = (x for x in self.sw.call("conn/list")["connections"] if x["original"]["sport"] == 20)
        self.assertEqual((data["nat"] != "", data["mark"]), (True, 0x77))
        self.nobody_comes(5001, sport=2020)  # it has come
        self.assertEqual(c.say(0, "LIST\r\n"), "LIST\r\n")

    def test_numbers_follow(self):
        """Lines that grow and shrink, again and again, and one that is sent twice."""
        c = Control(self)
        for port in range(5001, 5012):
            line = f"port {six(HOST, port)}\r\n"
            got = c.say(0, line)
            self.assertEqual(got, f"PORT {six(OUTER, port)}\r\n".replace("PORT", "port"))
            self.assertEqual(c.say(0, line, again=True), got)
            c.say(1, "200 ok\r\n")
            c.say(0, "NOOP\r\n")
        self.data_comes(5011, to=5011)

    def test_numbers_follow_through_thousands_of_transfers(self):
        c = Control(self)
        for port in range(5001, 5001 + 2100):  # 16 bytes less each time: more than 32,768
            host = ",".join(f"{b:05}" for b in [*HOST, port >> 8, port & 255])
            self.assertEqual(c.say(0, f"PORT {host}\r\n"), f"PORT {six(OUTER, port)}\r\n")

    def test_nothing_is_lost_or_added_on_a_lossy_wire(self):
        """Segments that are lost, doubled, and sent again in other pieces, near the end of the sequence numbers as well."""
        for seed in range(6):
            c = Lossy(self, seed)
            heard = ["", ""]
            for turn in range(40):
                port = c.r.randrange(1024, 65536)
                said, long = six(HOST, port), ",".join(f"{b:05}" for b in [*HOST, port >> 8, port & 255])
                line = c.r.choice(["NOOP\r\n", f"PORT {said}\r\n", f"TYPE I\r\nPORT {said}\r\nNOOP\r\n", f"PORT {long}\r\n", f"EPRT |1|{dotted(HOST)}|{port}|\r\nNOOP\r\n"])
                c.say(0, line)
                c.say(1, f"200 {turn}\r\n")
                heard[1] += line.replace(said, six(OUTER, port)).replace(long, six(OUTER, port)).replace(dotted(HOST), dotted(OUTER))
                heard[0] += f"200 {turn}\r\n"
                self.assertEqual([e.heard.decode() for e in c.ends], heard, f"seed {seed}")

    def test_selective_acknowledgements_follow(self):
        c = Control(self)
        lost = c.seen[0], c.next[0]
        c.say(0, f"PORT {six(HOST, 5001)}\r\n")
        start = c.seen[0]
        c.say(0, "NOOP\r\n")
        for ack, want in ((start, c.next[0] - 6), lost):  # of the line that grew, or of what was before
            self.acknowledges(c, ack, want, start)

    def acknowledges(self, c, ack, want, start):
        frame = bytearray(tcp(SERVER, OUTER, 21, c.outer_port, c.next[1], ack, ACK))
        frame += struct.pack(">BBBBII", 1, 1, 5, 10, start + 2, start + 4)
        frame[2:4] = struct.pack(">H", len(frame))
        frame[10:12] = b"\0\0"
        frame[10:12] = struct.pack(">H", total(frame[:20]))
        frame[32] = 8 << 4
        frame[36:38] = b"\0\0"
        frame[36:38] = struct.pack(">H", total(bytes(frame[12:20]) + struct.pack(">BBH", 0, 6, len(frame) - 20) + bytes(frame[20:])))
        got = self.through("out", bytes(frame), "in")
        self.assertEqual(struct.unpack(">I", got.l4[8:12])[0], want)
        self.assertEqual(struct.unpack(">II", got.l4[24:32]), (c.next[0] - 4, c.next[0] - 2))

    def test_a_port_that_is_taken(self):
        first, second = Control(self), Control(self, client=OTHER)
        self.assertEqual(first.say(0, f"PORT {six(HOST, 5001)}\r\n"), f"PORT {six(OUTER, 5001)}\r\n")
        said = second.say(0, f"PORT {six(OTHER, 5001)}\r\n")
        high, low = map(int, said.strip().split(",")[-2:])
        self.assertNotEqual(high << 8 | low, 5001)
        self.data_comes(high << 8 | low, host=OTHER)
        self.data_comes(5001, sport=2020)

    def test_sent_again_it_says_the_same(self):
        """Though the port that was another's when it was sent first is free now: the server may have seen the first one."""
        first, second = Control(self), Control(self, client=OTHER)
        first.say(0, f"PORT {six(HOST, 5001)}\r\n")
        said = second.say(0, f"PORT {six(OTHER, 5001)}\r\n")
        self.data_comes(5001)
        self.assertEqual(second.say(0, f"PORT {six(OTHER, 5001)}\r\n", again=True), said)
        high, low = map(int, said.strip().split(",")[-2:])
        self.data_comes(high << 8 | low, host=OTHER, sport=2020)

    def test_rfc6888_req_4_data_counts_too(self):
        """Data connections that a host begins are its own, as others are."""
        self.sw.call("conn/zone", 1, "host-limit=3")
        self.addCleanup(self.sw.call, "conn/zone", 1, "host-limit=0")
        c = Control(self)
        for port, leaves in ((51210, "out"), (51211, "out"), (51212, None)):
            c.say(1, f"227 ({six(SERVER, port)})\r\n")
            self.through("in", tcp(HOST, SERVER, 6000, port, 1, 0, SYN), leaves)

    def test_rfc6888_req_4_data_counts_for_the_limit_of_an_action(self):
        self.own_flow("table=1,priority=6,ct_state=+new-rel+trk,tcp,in_port=1,tp_dst=21,actions=ct(commit,zone=1,alg=ftp,nat(src=198.51.100.7,host-limit=3)),output:2")
        c = Control(self)
        for port, leaves in ((51210, "out"), (51211, "out"), (51212, None)):
            c.say(1, f"227 ({six(SERVER, port)})\r\n")
            self.through("in", tcp(HOST, SERVER, 6000, port, 1, 0, SYN), leaves)

    def test_data_is_not_for_a_mapping_of_the_same_port(self):
        """Another host's mapping that lets everybody in has the port that is announced."""
        how = "mapping=endpoint-independent,filtering=endpoint-independent"
        done = self.trama("flow", "add", "-f", "-", stdin="\n".join((
            "table=0,priority=40000,ip,in_port=2,actions=ct(table=1,zone=1,nat(mapped))",
            f"table=1,priority=4,ct_state=+new-rel+trk,tcp,in_port=1,actions=ct(commit,zone=1,nat(src=198.51.100.7,{how})),output:2",
            "table=1,priority=10,ct_state=+new+trk+dnat,ip,in_port=2,actions=output:1")))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        out = self.through("in", tcp(OTHER, [192, 0, 2, 77], 5001, 80, 1, 0, SYN), "out")
        self.assertEqual(out.sport, 5001)
        c = Control(self)
        said = c.say(0, f"PORT {six(HOST, 5001)}\r\n")
        high, low = map(int, said.strip().split(",")[-2:])
        self.data_comes(high << 8 | low)

    def test_passive(self):
        c = Control(self)
        line = f"227 Entering Passive Mode ({six(SERVER, 51210)}).\r\n"
        self.assertEqual(c.say(1, line), line)
        self.assertIsNone(self.through("in", tcp(HOST, SERVER, 6000, 51211, 1, 0, SYN)))
        self.assertIsNone(self.through("in", tcp(OTHER, SERVER, 6000, 51210, 1, 0, SYN)))
        out = self.through("in", tcp(HOST, SERVER, 6000, 51210, 1, 0, SYN), "out")
        self.assertEqual((out.src, out.dport), (OUTER, 51210))
        self.assertEqual(self.through("out", tcp(SERVER, OUTER, 51210, out.sport, 7, 2, SYN | ACK), "in").dst, HOST)

    def test_extended(self):
        c = Control(self)
        self.assertEqual(c.say(0, f"EPRT |1|{dotted(HOST)}|5001|\r\n"), f"EPRT |1|{dotted(OUTER)}|5001|\r\n")
        self.data_comes(5001)
        line = "229 Entering Extended Passive Mode (|||51210|)\r\n"
        self.assertEqual(c.say(1, line), line)
        self.assertIsNotNone(self.through("in", tcp(HOST, SERVER, 6000, 51210, 1, 0, SYN), "out"))

    def test_a_server_behind_a_forward(self):
        """Its answers tell the outer address; a client may be active, too."""
        c = Control(self, client=SERVER, server=HOST, seen_client=SERVER, seen_server=OUTER, way=("out", "in"))
        self.assertEqual(c.say(1, f"227 Entering Passive Mode ({six(HOST, 51210)})\r\n"), f"227 Entering Passive Mode ({six(OUTER, 51210)})\r\n")
        came = self.through("out", tcp(SERVER, OUTER, 6000, 51210, 1, 0, SYN), "in")
        self.assertEqual((came.src, came.dst, came.dport), (SERVER, HOST, 51210))
        self.assertEqual(c.say(1, "229 ok (|||51300|)\r\n"), "229 ok (|||51300|)\r\n")
        self.assertEqual(self.through("out", tcp(SERVER, OUTER, 6001, 51300, 1, 0, SYN), "in").dst, HOST)
        self.assertEqual(c.say(0, f"PORT {six(SERVER, 7000)}\r\n"), f"PORT {six(SERVER, 7000)}\r\n")
        out = self.through("in", tcp(HOST, SERVER, 20, 7000, 1, 0, SYN), "out")
        self.assertEqual((out.src, out.sport, out.dport), (OUTER, 20, 7000))

    def test_rfc2577_a_third_host_is_not_believed(self):
        c = Control(self)
        before = self.drops("ftp-bounce")
        for line in (f"PORT {six(OTHER, 5001)}\r\n", f"EPRT |1|{dotted(OTHER)}|5001|\r\n"):
            self.assertEqual(c.say(0, line), line)
        self.assertEqual(c.say(1, f"227 ({six(OTHER, 51210)})\r\n"), f"227 ({six(OTHER, 51210)})\r\n")
        self.assertEqual(self.drops("ftp-bounce"), before + 3)
        self.nobody_comes(5001)
        self.assertIsNone(self.through("in", tcp(HOST, OTHER, 6000, 51210, 1, 0, SYN)))

    def test_what_announces_nothing(self):
        c = Control(self)
        for line in (f"PORT {six(HOST, 5001)}", f"PORT {six(HOST, 0)}\r\n", "PORT 10,0,0,1,19\r\n", "PORT 10,0,0,1,19,256\r\n", "PORT\r\n", "PORT 10,0,0,1,19,137,1,2,3,4,5,6,7\r\n"[:12] + "\r\n",
                     "EPRT |1|10.0.0.1|65536|\r\n", "EPRT |3|10.0.0.1|5001|\r\n", "EPRT |1|10.0.0|5001|\r\n", "EPRT ||||\r\n", "\r\n\r\n", "X" * 900 + f"\r\nPORT {six(HOST, 5001)}\r\n"):
            self.assertEqual(c.say(0, line), line)
        for line in ("227 no\r\n", "229 (|||0|)\r\n", "229 (|||70000|)\r\n", "227 (1,2,3)\r\n", f"227 ({six(SERVER, 51210)}\r\n", f"  227 ({six(SERVER, 51210)})\r\n"):
            self.assertEqual(c.say(1, line), line)
        self.nobody_comes(5001)
        self.assertIsNone(self.through("in", tcp(HOST, SERVER, 6000, 51210, 1, 0, SYN)))

    def test_the_last_one_counts_and_not_for_long(self):
        c = Control(self)
        c.say(0, f"PORT {six(HOST, 5001)}\r\n")
        c.say(0, f"PORT {six(HOST, 5002)}\r\n")
        self.nobody_comes(5001)
        self.data_comes(5002, to=5002)
        c.say(0, f"PORT {six(HOST, 5003)}\r\n")
        self.sw.warp(62)
        self.nobody_comes(5003)
        c.say(0, f"PORT {six(HOST, 5004)}\r\n")
        self.sw.call("conn/flush", "port=21")
        self.nobody_comes(5004)

    def test_only_where_it_is_asked_for(self):
        self.flow("table=1,priority=6,ct_state=+new-rel+trk,tcp,in_port=1,tp_dst=21,actions=ct(commit,zone=1,nat(src=198.51.100.7)),output:2")
        c = Control(self)
        self.assertEqual(c.say(0, f"PORT {six(HOST, 5001)}\r\n"), f"PORT {six(HOST, 5001)}\r\n")
        self.nobody_comes(5001)

    def test_ipv6_without_translation(self):
        client, server = (socket.inet_pton(socket.AF_INET6, "2001:db8::" + x) for x in ("1", "9"))
        self.flow("table=0,ipv6,actions=ct(table=1)", "table=1,priority=9,ct_state=+new+rel+trk,ipv6,in_port=2,actions=ct(commit),output:1",
                  "table=1,priority=5,ct_state=+new-rel+trk,tcp6,in_port=1,tp_dst=21,actions=ct(commit,alg=ftp),output:2",
                  "table=1,priority=1,ct_state=+est+trk-inv,ipv6,in_port=1,actions=output:2", "table=1,priority=1,ct_state=+est+trk-inv,ipv6,in_port=2,actions=output:1")
        line = b"EPRT |2|2001:db8::1|5001|\r\n"
        for by, frame in (("in", ipv6_tcp(client, server, 5000, 21, 1000, 0, SYN)), ("out", ipv6_tcp(server, client, 21, 5000, 9000, 1001, SYN | ACK)),
                          ("in", ipv6_tcp(client, server, 5000, 21, 1001, 9001, ACK)), ("in", ipv6_tcp(client, server, 5000, 21, 1001, 9001, ACK, line))):
            self.sw.give(by, frame)
            got, = self.sw.take_some("out" if by == "in" else "in", 1)
            self.assertEqual(got, frame)
        for port, n in ((5002, 0), (5001, 1)):
            self.sw.give("out", ipv6_tcp(server, client, 20, port, 1, 0, SYN))
            self.assertEqual(len(self.sw.take_some("in", n)), n)

    def test_ipv6_with_translation(self):
        client, outer, server = (socket.inet_pton(socket.AF_INET6, x) for x in ("fd00::1", "2001:db8:1234:5678::7", "2001:db8::9"))
        self.flow("table=0,ipv6,actions=ct(table=1,nat)", "table=1,priority=9,ct_state=+new+rel+trk,ipv6,in_port=2,actions=ct(commit,nat),output:1",
                  "table=1,priority=5,ct_state=+new-rel+trk,tcp6,in_port=1,tp_dst=21,actions=ct(commit,alg=ftp,nat(src=2001:db8:1234:5678::7)),output:2",
                  "table=1,priority=1,ct_state=+est+trk-inv,ipv6,in_port=1,actions=output:2", "table=1,priority=1,ct_state=+est+trk-inv,ipv6,in_port=2,actions=output:1")
        line, said = b"EPRT |2|fd00::1|5001|\r\n", b"EPRT |2|2001:db8:1234:5678::7|5001|\r\n"
        more = len(said) - len(line)
        for by, frame, want in (("in", ipv6_tcp(client, server, 5000, 21, 1000, 0, SYN), ipv6_tcp(outer, server, 5000, 21, 1000, 0, SYN)),
                                ("out", ipv6_tcp(server, outer, 21, 5000, 9000, 1001, SYN | ACK), ipv6_tcp(server, client, 21, 5000, 9000, 1001, SYN | ACK)),
                                ("in", ipv6_tcp(client, server, 5000, 21, 1001, 9001, ACK), ipv6_tcp(outer, server, 5000, 21, 1001, 9001, ACK)),
                                ("in", ipv6_tcp(client, server, 5000, 21, 1001, 9001, ACK, line), ipv6_tcp(outer, server, 5000, 21, 1001, 9001, ACK, said)),
                                ("out", ipv6_tcp(server, outer, 21, 5000, 9001, 1001 + len(said), ACK), ipv6_tcp(server, client, 21, 5000, 9001, 1001 + len(line), ACK)),
                                ("in", ipv6_tcp(client, server, 5000, 21, 1001 + len(line), 9001, ACK, b"LIST\r\n"),
                                 ipv6_tcp(outer, server, 5000, 21, 1001 + len(line) + more, 9001, ACK, b"LIST\r\n")),
                                ("out", ipv6_tcp(server, outer, 20, 5001, 1, 0, SYN), ipv6_tcp(server, client, 20, 5001, 1, 0, SYN)),
                                ("in", ipv6_tcp(client, server, 5001, 20, 7, 2, SYN | ACK), ipv6_tcp(outer, server, 5001, 20, 7, 2, SYN | ACK))):
            self.sw.give(by, frame)
            got, = self.sw.take_some("out" if by == "in" else "in", 1)
            self.assertEqual(got, want)

    def test_tftp(self):
        out = self.through("in", udp(HOST, SERVER, 5000, 69, b"\0\1boot.img\0octet\0"), "out")
        self.assertIsNone(self.through("out", udp(OTHER, OUTER, 3333, out.sport, b"\0\3\0\1data")))
        came = self.through("out", udp(SERVER, OUTER, 3333, out.sport, b"\0\3\0\1data"), "in")
        self.assertEqual((came.dst, came.dport, came.sport), (HOST, 5000, 3333))
        back = self.through("in", udp(HOST, SERVER, 5000, 3333, b"\0\4\0\1"), "out")
        self.assertEqual((back.src, back.sport), (OUTER, out.sport))
        self.through("in", udp(OTHER, SERVER, 5001, 69, b"\0\5\0\1no"), "out")  # an error asks for nothing
        self.assertIsNone(self.through("out", udp(SERVER, OUTER, 3334, 5001, b"\0\3\0\1data")))

    def test_tftp_of_two_hosts_with_the_same_port(self):
        """The server answers to the port that the request came from, whatever it was inside."""
        for host in (HOST, OTHER):
            out = self.through("in", udp(host, SERVER, 5000, 69, b"\0\1boot.img\0octet\0blksize\0" + b"1428\0"), "out")
            came = self.through("out", udp(SERVER, OUTER, 3333, out.sport, b"\0\6blksize\0" + b"1428\0"), "in")
            self.assertEqual((came.dst, came.dport), (host, 5000))
            back = self.through("in", udp(host, SERVER, 5000, 3333, b"\0\4\0\0"), "out")
            self.assertEqual((back.src, back.sport), (OUTER, out.sport))

    def test_padding_stays_padding(self):
        """A line so short that the frame is padded, which becomes longer than that."""
        c = Control(self)
        self.assertEqual(len(ether(tcp(HOST, SERVER, 5000, 21, 1, 1, ACK, data=b"x"))), 60)
        c.say(0, f"PORT {six(HOST, 5001)}\r\n")
        c.say(0, "A\r\n")
        self.data_comes(5001)


if __name__ == "__main__":
    run_if_there()

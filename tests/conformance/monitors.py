#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ONF EXT-187, flow monitors in Open vSwitch's form: what is refused, who may ask, and a listener that does not read."""
import struct

from support import wire
from support.switch import SwitchTest, run
from support.wire import BAD_MATCH, BAD_REQUEST, apply, flow_mod, match, output

ONF, NICIRA, MONITOR, CANCEL, PAUSED, RESUMED = 0x4f4e4600, 0x2320, 1870, 1870, 1871, 1872
INITIAL, ADD, DELETE, MODIFY, ACTIONS, OWN = 1, 2, 4, 8, 16, 32
EVERYTHING = 63
ADDED, DELETED, MODIFIED, ABBREV = range(4)
BY_EXPERIMENTER, EXISTS, BAD_FLAGS, UNKNOWN = 0xffff, 6, 7, 8


def monitor(number=1, flags=EVERYTHING, out_port=wire.ANY, table=wire.ALL_TABLES, fields=match(), length=4):
    return struct.pack("!IHHIB3x", number, flags, length, out_port, table) + fields


def request(*monitors, experimenter=ONF, kind=MONITOR):
    return wire.multipart(wire.MP_EXPERIMENTER, struct.pack("!II", experimenter, kind) + b"".join(monitors))


def cancel(number):
    return wire.message(wire.EXPERIMENTER, struct.pack("!III", ONF, CANCEL, number))


def read_updates(data):
    """The body of a reply -> [(event, {...})]"""
    out = []
    while data:
        length, event = struct.unpack_from("!HH", data)
        if event == ABBREV:
            out.append((event, struct.unpack_from("!I", data, 4)[0]))
        else:
            flow = dict(zip("reason priority idle hard match_length table cookie".split(), struct.unpack_from("!5HBxQ", data, 4)))
            flow["match"], size = wire.read_match(data[24:])
            flow["instructions"] = data[24 + size:length]
            out.append((event, flow))
        data = data[length:]
    return out


class Monitors(SwitchTest):
    def refuses(self, data, kind, code):
        """An experimenter's error names Nicira."""
        got = self.c.ask(data, wire.ERROR)
        self.assertEqual(wire.read_error(got)[:2], (kind, code))
        if kind == BY_EXPERIMENTER:
            self.assertEqual(got[12:16], struct.pack("!I", NICIRA))

    def initial(self, *monitors, session=None):
        parts = (session or self.c).answers(request(*monitors))
        for i, x in enumerate(parts):
            self.assertEqual((x[1], x[8:24]), (wire.MULTIPART_REPLY,
                                               struct.pack("!HH4xII", wire.MP_EXPERIMENTER, i + 1 < len(parts), ONF, MONITOR)))
        return [update for x in parts for update in read_updates(x[24:])]

    def updates(self, session=None):
        """What came without being asked for."""
        s = session or self.c
        s.barrier()
        late, s.late = s.late, []
        for x in late:
            self.assertEqual((x[1], x[8:24]), (wire.MULTIPART_REPLY, struct.pack("!HH4xII", wire.MP_EXPERIMENTER, 0, ONF, MONITOR)))
        return [update for x in late for update in read_updates(x[24:])]

    def test_refused(self):
        self.refuses(request(monitor(flags=INITIAL | ACTIONS | OWN)), BY_EXPERIMENTER, BAD_FLAGS)
        self.refuses(request(monitor(flags=ADD | 64)), BY_EXPERIMENTER, BAD_FLAGS)
        self.refuses(request(monitor(1), monitor(2), monitor(1)), BY_EXPERIMENTER, EXISTS)
        self.refuses(request(monitor(table=254)), BAD_REQUEST, 9)
        self.refuses(request(monitor(fields=match(ipv4_src=1))), BAD_MATCH, 9)
        self.refuses(request(monitor(fields=wire.raw_match(b"", kind=0))), BAD_MATCH, 0)
        self.refuses(request(monitor(fields=wire.raw_match(wire.oxm("in_port", 1)[:6]))), BAD_MATCH, 1)
        for cut in (1, 8, 15, 16, 23):
            self.refuses(request(monitor()[:cut]), BAD_REQUEST, 6)
        self.refuses(request(monitor(), kind=1871), BAD_REQUEST, 4)
        self.refuses(request(monitor(), experimenter=NICIRA, kind=2), BAD_REQUEST, 4)
        self.refuses(request(monitor(), experimenter=0xabcdef), BAD_REQUEST, 3)
        self.refuses(wire.multipart(wire.MP_EXPERIMENTER, request(monitor())[16:], flags=1), BAD_REQUEST, 13)
        self.refuses(cancel(1), BY_EXPERIMENTER, UNKNOWN)
        for kind in (PAUSED, RESUMED):
            self.refuses(wire.message(wire.EXPERIMENTER, struct.pack("!II", ONF, kind)), BAD_REQUEST, 4)
        self.refuses(cancel(1)[:2] + b"\0\x13" + cancel(1)[4:-1], BAD_REQUEST, 6)
        self.c.do(flow_mod())
        self.assertEqual(self.updates(), [], "none of these is there")
        self.assertEqual(len(self.initial(monitor(1), monitor(2, length=0))), 1, "a length that nobody reads")
        self.refuses(request(monitor(2)), BY_EXPERIMENTER, EXISTS)
        self.c.do(cancel(2))
        self.refuses(cancel(2), BY_EXPERIMENTER, UNKNOWN)
        self.assertEqual(self.initial(monitor(2, flags=ADD)), [])
        self.assertEqual(self.initial(), [], "no monitor at all")

    def test_a_slave_hears_too(self):
        with self.sw.session() as slave:
            newest = struct.unpack("!I4xQ", slave.ask(wire.role_request(0), wire.ROLE_REPLY)[8:])[1]
            slave.ask(wire.role_request(3, 0 if newest == (1 << 64) - 1 else newest), wire.ROLE_REPLY)
            self.initial(monitor(flags=ADD, table=4), session=slave)
            self.c.do(flow_mod(apply(output(22)), table=4, priority=7, cookie=8, idle=9, hard=10, match=match(in_port=11)))
            [(event, flow)] = self.updates(slave)
            self.assertEqual((event, flow), (ADDED, {"reason": 0, "priority": 7, "idle": 9, "hard": 10, "match_length": 12, "table": 4, "cookie": 8,
                                                     "match": {"in_port": 11}, "instructions": b""}))

    def test_a_group_takes_its_flows_along(self):
        self.c.do(wire.group_mod(0, 0, 5, wire.bucket(output(22))), flow_mod(apply(wire.group(5)), priority=3))
        self.initial(monitor(flags=DELETE))
        with self.sw.session() as other:
            other.do(wire.group_mod(2, 0, 5))
        self.assertEqual([(event, flow["reason"]) for event, flow in self.updates()], [(DELETED, 3)])

    def test_many(self):
        """An answer of many messages."""
        n = 20000
        self.c.send(b"".join(flow_mod(apply(output(22)), match=match(in_port=11, eth_src=i)) for i in range(n)))
        self.c.barrier()
        with self.sw.session() as s:
            flows = self.initial(monitor(), session=s)
        self.assertTrue([flow["match"]["eth_src"] for _, flow in flows] == list(range(n)), "each once")

    def test_a_listener_that_does_not_read(self):
        """It is paused, the others are served, and it hears the rest when it reads: then it knows what there is."""
        note = apply(wire.action(0xffff, struct.pack("!IH", NICIRA, 8) + bytes(30000 - 10)))
        known = [flow_mod(table=1, priority=1 + i) for i in range(50)]
        with self.sw.session() as slow, self.sw.session() as other:
            self.initial(monitor(), session=slow)
            other.do(*known)
            for i in range(900):
                other.send(flow_mod(note, table=2, priority=1 + i))
            other.do(flow_mod(command=wire.DELETE, table=1), flow_mod(command=wire.MODIFY, table=2, match=match()),
                     *[flow_mod(table=3, priority=1 + i) for i in range(50)], *[flow_mod(command=wire.DELETE_STRICT, table=3, priority=i) for i in range(1, 26)])
            slow.send(wire.message(wire.BARRIER_REQUEST, xid=77))
            view, notices = {}, []
            while notices[-1:] != [RESUMED]:
                got = slow.read()
                if got[1] == wire.EXPERIMENTER:
                    notices.append(struct.unpack("!II", got[8:])[1])
                elif got[1] == wire.MULTIPART_REPLY:
                    for event, flow in read_updates(got[24:]):
                        key = flow["table"], flow["priority"]
                        if event == DELETED:
                            view.pop(key, None)
                        else:
                            view[key] = flow["instructions"]
            self.assertEqual(notices, [PAUSED, RESUMED] * (len(notices) // 2))
            self.assertEqual(view, {(f["table"], f["priority"]): f["instructions"] for f in other.flows()})
            self.assertEqual(len(view), 925)
            # one that goes amid a pause leaves nothing behind
            for i in range(900):
                other.send(flow_mod(note, table=2, priority=1 + i))
            other.barrier()


if __name__ == "__main__":
    run()

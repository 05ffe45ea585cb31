# SPDX-License-Identifier: Apache-2.0
"""No frame meets half of a bundle: 10,000 changes over three tables and 1000 groups turn one configuration into the other and
back while frames come as fast as a worker takes them (ONF EXT-230, "atomic"; the real daemon, over the wire).

    bundles.py [--flips N] [--workers N]        by hand; without arguments a few flips

Every table, and the group at the end, leaves the mark of its generation in each frame.  A fourth table, which nothing changes,
counts every frame by the marks of the three tables; the frames that leave, as many as can be looked at, show the group's too."""
import argparse
import os
import random
import struct
import sys
import tempfile
import unittest

from support import wire
from support.switch import Switch, run, until

STATIONS, GROUPS = 3000, 1000       # 3 * 3000 + 1000 = 10,000 changes
IN, OUT = 1, 77
UNIFORM, MIXED = 0x11, 0x22         # cookies of the fourth table
ONF, CONTROL, ADD = 0x4f4e4600, 2300, 2301
OPEN, COMMIT = 0, 4
ATOMIC_ORDERED = 3
SETTINGS = argparse.Namespace(flips=6, workers=1)


INDIRECT = 2


def station(i):
    return 0x020000010000 | i


def station_of(f):
    return int.from_bytes(f[10:12], "big")


def frame(i):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 46, 7, 0, 64, 17, 0, bytes([10, 9, 9, 9]), bytes([10, 8, 8, 8]))
    return bytes([2, 0, 0, 9, 9, 9]) + station(i).to_bytes(6, "big") + b"\x08\0" + ip + struct.pack("!HHHH", 5, 6, 26, 0) + bytes(18)


def write_capture(path):
    with open(path, "wb") as f:
        f.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(STATIONS):
            data = frame(i)
            f.write(struct.pack("=IIII", 0, 0, len(data), len(data)) + data)


def experimenter(kind, body, xid=0):
    return wire.message(wire.EXPERIMENTER, struct.pack("!II", ONF, kind) + body, xid)


def control(kind):
    return experimenter(CONTROL, struct.pack("!IHH", 5, kind, ATOMIC_ORDERED))


def changes(generation, is_first, groups=range(GROUPS), stations=range(STATIONS)):
    """The messages that make the configuration `generation`, 1 or 2, of these."""
    command = wire.ADD if is_first else wire.MODIFY_STRICT
    address = 0x0a000000 | generation * 0x10101
    for number in groups:
        yield wire.group_mod(0 if is_first else 1, INDIRECT, number,
                             wire.bucket(wire.set_field("ipv4_dst", address), wire.output(OUT)))
    # Where there are no groups nothing is marked that later tables read (with eth_dst goes eth_type), so that what is remembered
    # of a frame can outlive the changes.
    first = wire.set_field("eth_dst", 0x020000000000 | generation) if groups else wire.set_field("ipv4_dst", address)
    marks = [first, wire.set_field("ip_dscp", generation),
             wire.set_field("ipv4_src", address)]
    for table, mark in enumerate(marks):
        for i in stations:
            last = [] if table < 2 else [wire.group(i % GROUPS)] if groups else [wire.output(OUT)]
            yield wire.flow_mod(wire.apply(mark, *last), wire.write_metadata((generation - 1) << table, 1 << table),
                                wire.goto(table + 1), command=command, table=table, priority=7,
                                match=wire.match(eth_type=0x0800, eth_src=station(i)))


def bundle(messages):
    adds = [experimenter(ADD, struct.pack("!I2xH", 5, ATOMIC_ORDERED) + m) for m in messages]
    return b"".join([control(OPEN), *adds, control(COMMIT)])


def marks_of(data):
    """Of rules alone."""
    return {data[31], data[15] >> 2, data[27]}


def generation_of(data):
    """The one that left every mark, or what marks there are."""
    marks = {data[5], data[15] >> 2, data[27], data[31]}
    return marks.pop() if len(marks) == 1 else sorted(marks)


class Bundles(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="trama-bundles-")
        self.addCleanup(directory.cleanup)
        capture = os.path.join(directory.name, "frames.pcap")
        write_capture(capture)
        ports = "".join(f"\n      in{n}: {{type: dpdk, ofport: {IN + n}, devargs: \"net_pcap{n},rx_pcap={capture},infinite_rx=1\"}}"
                        for n in range(SETTINGS.workers))
        self.sw = Switch({"out": OUT}, extra=ports.lstrip("\n") + f"\nworkers: {list(range(SETTINGS.workers))}").start()
        self.addCleanup(self.sw.stop)
        self.c = self.sw.session()
        self.addCleanup(self.c.close)

    def counts(self):
        return {f["cookie"]: f["packets"] for f in self.c.flows(table=3)}

    def sample(self, allowed):
        """Looks at what has left; returns the generations seen."""
        seen = [generation_of(f) for f in self.sw.take("out")]
        mixed = [g for g in seen if g not in allowed]
        self.assertFalse(mixed[:3], f"of {len(seen)} frames {len(mixed)} are not of {allowed}")
        return seen

    def commit(self, data):
        """Sends the bundle and waits for the two answers, looking at frames all the while."""
        self.c.send(data)
        for kind in (OPEN + 1, COMMIT + 1):
            got = self.c.read()
            self.assertEqual((got[1], struct.unpack("!IIIH", got[8:22])), (wire.EXPERIMENTER, (ONF, CONTROL, 5, kind)), got.hex())

    def begin(self, is_whole, **which):
        """Makes generation 1, and waits until frames are of it."""
        for bits, cookie in ((0, UNIFORM), (7, UNIFORM + 0x100)):
            self.c.do(wire.flow_mod(table=3, priority=9, cookie=cookie, match=wire.match(wire.oxm("metadata", bits, 7))))
        self.c.do(wire.flow_mod(table=3, priority=1, cookie=MIXED))
        for message in changes(1, True, **which):
            self.c.send(message)
        self.c.barrier()
        until(lambda: any(map(is_whole, self.sw.take("out"))), "nothing leaves")

    def test_flips(self):
        self.begin(lambda f: generation_of(f) == 1)
        # What met the tables while they were made is no matter.
        before, n_seen = self.counts(), 0
        flips = [bundle(changes(generation, False)) for generation in (2, 1)]
        self.assertEqual(flips[0].count(struct.pack("!II", ONF, ADD)), 10000)
        for flip in range(SETTINGS.flips):
            self.commit(flips[flip % 2])
            both = (1, 2) if flip % 2 == 0 else (2, 1)
            seen = self.sample(both)
            until(lambda: both[1] in seen[-1:] or seen.extend(self.sample(both)), f"flip {flip}: generation {both[1]} does not come")
            n_seen += len(seen)
            if SETTINGS.workers == 1:  # then frames leave in their order, and none is of the old generation behind one of the new
                self.assertEqual(seen, sorted(seen, key=both.index))
                self.sample(both[1:])
        after = self.counts()
        self.assertEqual(after[MIXED], before[MIXED], "frames met tables of both generations")
        for cookie in (UNIFORM, UNIFORM + 0x100):
            self.assertGreater(after[cookie], before[cookie])
        print(f"{SETTINGS.flips} bundles of 10,000 changes; {sum(after.values()) - sum(before.values())} frames counted, "
              f"{n_seen} looked at: none met two generations", file=sys.stderr)

    def check_state(self, flip, now, chosen):
        """From the first frame on that shows the new state, all do: one worker sends them in their order."""
        def is_right(f):
            return marks_of(f) == {now[station_of(f)]}

        def is_new(f):
            return is_right(f) and station_of(f) in chosen

        frames = []
        until(lambda: any(map(is_new, frames)) or frames.extend(self.sw.take("out")), f"flip {flip}: nothing new leaves")
        if SETTINGS.workers > 1:
            return
        frames = frames[[is_new(f) for f in frames].index(True):] + self.sw.take("out")
        late = [f for f in frames if not is_right(f)]
        self.assertFalse(late[:3], f"flip {flip}: {len(late)} frames are not what their rules say")

    def test_flips_of_some(self):
        """Rules alone, of a third of the stations each time: what workers remember of the others stays good."""
        self.begin(lambda f: marks_of(f) == {1}, groups=())
        draw, now, before = random.Random(5), [1] * STATIONS, self.counts()
        for flip in range(SETTINGS.flips * 4):
            chosen = draw.sample(range(STATIONS), STATIONS // 3)
            messages = [m for i in chosen for m in changes(3 - now[i], False, (), (i,))]
            for i in chosen:
                now[i] = 3 - now[i]
            self.commit(bundle(messages))
            self.check_state(flip, now, set(chosen))
        after = self.counts()
        self.assertEqual(after[MIXED], before[MIXED], "frames met tables of both generations")
        self.assertGreater(sum(after.values()), sum(before.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--flips", type=int, default=SETTINGS.flips)
    parser.add_argument("--workers", type=int, default=SETTINGS.workers)
    SETTINGS, sys.argv[1:] = parser.parse_known_args()
    run()

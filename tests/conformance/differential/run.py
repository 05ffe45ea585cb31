# SPDX-License-Identifier: Apache-2.0
"""The same tables and frames to trama-switchd and to Open vSwitch: what leaves must be the same, to the byte.

    run.py [--seed N] [--rounds N] [--rules N] [--frames N] [--features reg,resubmit,...] [--shrink] [--keep-going]
    TRAMA_SWITCHD names the binary.

A round makes tables, gives frames, changes the tables, and gives frames again.  Every eighth round is of flows by which a frame
leaves something behind (NORMAL, learn): its frames are given one at a time.  A difference is told with the frame and the seed
that makes the round again; --shrink also leaves out every line that it does not need.  README.md has what is known to differ.
SIGTERM: this round is the last.
Exit status 77: no Open vSwitch here."""
import argparse
import collections
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from differential import frames, ovs, rules  # noqa: E402
from support import wire  # noqa: E402
from support.switch import Switch  # noqa: E402

CHUNK = 80                          # frames given at once: Open vSwitch's dummy ports hold 100
LAST = 0x9999                       # Ethernet type of the frame that tells that all before it were served
LAST_RULE = f"flow add table=0,priority=65535,dl_type={LAST:#x},actions=all,in_port,controller"
ROUNDS_OF = "qinq", "cut", "later", "labels", "mpls"  # what half of the rounds has
FIRST = 0x5eed0000                  # the frames' numbers: bytes that nothing else has
PATIENCE = 30
SLOW = 8                            # one round of so many goes a frame at a time
# The VLANs of NORMAL: for ovs-vsctl, and in the switch file.
VLANS = {1: ([], ""), 2: (["tag=2"], ", vlan: {access: 2}"),
         3: (["tag=1", "vlan_mode=native-untagged", "trunks=1,2"], ", vlan: {trunk: [1, 2], native: 1}"), 4: ([], "")}
PORTS = range(1, rules.PORTS + 1)


def ofctl(*args):
    done = subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", *args], capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def number_of(frame):
    return struct.unpack(">I", frame[-4:])[0]


def last_frame(number):
    return bytes(12) + struct.pack(">H", LAST) + bytes(42) + struct.pack(">I", number)


class Collector:
    """What left a switch: number of the frame -> the ports it left by, and as what."""

    def __init__(self, take):
        self.take, self.got = take, collections.defaultdict(list)

    def until_last(self, lasts):
        """Every frame of `lasts` comes by every port."""
        missing, end, wait = {(port, number) for port in PORTS for number in lasts}, time.monotonic() + PATIENCE, 0.0002
        while missing:
            if time.monotonic() > end:
                raise TimeoutError(f"the last frames did not come by every port: {missing}")
            for port in PORTS:
                for frame in self.take(port):
                    if frame[12:14] == struct.pack(">H", LAST):
                        missing.discard((port, number_of(frame)))
                    else:
                        self.got[number_of(frame)].append((port, frame))
            if missing:
                time.sleep(wait)
                wait = min(wait * 2, 0.01)

    def all(self):
        got, self.got = self.got, collections.defaultdict(list)
        return {number: sorted(copies) for number, copies in got.items()}


class Pair:
    def __init__(self, where):
        self.where, self.serial = where, 0
        self.other = ovs.Ovs(where, {i: settings for i, (settings, _) in VLANS.items()})
        # As ports of the switch file are one line each, the settings go behind the number.
        self.switch = Switch({f"p{i}": f"{i}{settings}" for i, (_, settings) in VLANS.items()})
        self.ours = Collector(lambda port: self.switch.take(f"p{port}"))
        self.theirs = Collector(self.other.take)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def start(self):
        self.other.start()
        self.switch.start()
        for to in self.both():
            for i, meter in enumerate(("kbps", "pktps", "kbps,burst"), 1):
                burst = ",burst_size=4000000" if "burst" in meter else ""
                assert not ofctl("add-meter", to, f"meter={i},{meter},bands=type=drop,rate=4000000{burst}")
        # Else the ports of a first fragment are zero, against OpenFlow 1.3.5, 7.3.2.
        assert not ofctl("set-frags", self.other.mgmt, "nx-match")
        return self

    def __exit__(self, *_):
        try:
            self.switch.stop()
        finally:
            self.other.stop()

    def both(self):
        return "unix:" + self.switch.mgmt, self.other.mgmt

    def load(self, lines):
        """Returns what was said against them: what one takes the other must take."""
        path = os.path.join(self.where, "lines")
        with open(path, "w", encoding="ascii") as f:
            f.write("\n".join(lines) + "\n")
        said = [ofctl("bundle", to, path) for to in self.both()]
        assert bool(said[0]) == bool(said[1]), f"trama: {said[0] or 'takes it'}\nOpen vSwitch: {said[1] or 'takes it'}"
        self.other.forget()
        return said[0]

    def forget_macs(self):
        self.switch.call("mac/flush")
        self.other.call("fdb/flush")

    def give(self, given):
        """(port, bytes), few enough for the ports: to both.  Waits for what leaves, and returns the numbers of the last frames."""
        self.serial += 1
        lasts = []
        for port in PORTS:
            chunk = [frame for by, frame in given if by == port]
            if chunk:
                lasts.append(0x80000000 | self.serial << 4 | port)
                chunk.append(last_frame(lasts[-1]))
                self.switch.call("testport/give", f"p{port}", *[f.hex() for f in chunk])
                self.other.give(port, chunk)
        self.ours.until_last(lasts)
        self.theirs.until_last(lasts)
        return lasts

    def serve(self, given):
        """What left both: {number: copies}."""
        for at in range(0, len(given), CHUNK):
            self.give(given[at:at + CHUNK])
        return self.ours.all(), self.theirs.all()

    def serve_singly(self, given):
        """The same, with each frame meeting all that the one before it has left behind."""
        with self.switch.session(hears=True) as session:
            for one in given:
                last, = self.give([one])
                while number_of(session.next_async(wire.PACKET_IN)) != last:
                    pass  # what the frame has taught came before
                self.other.forget()
        return self.ours.all(), self.theirs.all()


class Round:
    """steps: lists of lines and of frames in turn, (port, bytes) each."""

    def __init__(self, seed, args):
        r = random.Random(seed)
        self.seed, self.is_slow = seed, seed % SLOW == 0
        features = args.features.split(",") + rules.SLOW_FEATURES * self.is_slow
        features = [f for f in features if f not in ROUNDS_OF or (r.randrange(2) and not (f == "qinq" and self.is_slow))]
        make, maker = rules.Rules(r, features), frames.Frames(r, features)
        flows = make.all(r.choice([args.rules // 4, args.rules, 2 * args.rules]))
        n = args.frames // 4 if self.is_slow else args.frames // 2
        given = [(r.choice(PORTS), maker.one(FIRST + i)) for i in range(2 * n)]
        changes = make.changes(args.rules // 10, flows) if "mods" in features else []
        self.steps = [[*flows, LAST_RULE], given[:n], [*changes, LAST_RULE], given[n:]]

    def run(self, pair, steps=None):
        """{number: (ours, theirs)} of frames that differ, and how many copies left; None when lines are refused."""
        if pair.load(["flow delete", "group delete"]):
            raise AssertionError("tables cannot be emptied")
        pair.forget_macs()
        bad, copies = {}, 0
        for step in filter(None, steps or self.steps):
            if isinstance(step[0], str):
                said = pair.load(step)
                if said:
                    return None, said
                continue
            ours, theirs = (pair.serve_singly if self.is_slow else pair.serve)(step)
            for number in ours.keys() | theirs.keys():
                copies += len(theirs.get(number, []))
                if ours.get(number) != theirs.get(number):
                    bad[number] = ours.get(number, []), theirs.get(number, [])
        return bad, copies

    def frame(self, number):
        return next(((port, f) for step in (self.steps[1], self.steps[-1]) for port, f in step if number_of(f) == number), None)

    def shrink(self, pair, number):
        """The steps, without whatever the difference does not need."""
        steps = self.steps if number_of(self.steps[-1][0][1]) <= number else self.steps[:2]
        steps = [list(s) for s in steps if s]
        if not self.is_slow:
            steps = [s for s in steps if isinstance(s[0], str)] + [[self.frame(number)]]

        def is_bad(candidate):
            try:
                bad, _ = self.run(pair, candidate)
            except (AssertionError, TimeoutError):
                return False
            return bad is not None and number in bad

        if not is_bad(steps):
            return None
        for at, step in enumerate(steps):
            size = len(step) // 2
            while size:
                start = 0
                while start < len(step):
                    fewer = [x for i, x in enumerate(step) if not start <= i < start + size or x == LAST_RULE or "priority=0," in str(x)]
                    if len(fewer) < len(step) and is_bad(steps[:at] + [fewer] + steps[at + 1:]):
                        steps[at] = step = fewer
                    else:
                        start += size
                size //= 2
        return steps


def text_of(copies):
    return "".join(f"\n    port {port}: {frame.hex()}" for port, frame in copies) or " nothing"


def explain(pair, port, frame):
    done = subprocess.run(["ovs-appctl", "-t", pair.other.ctl, "ofproto/trace", "br0", f"in_port={port}", frame.hex()],
                          env=pair.other.env, capture_output=True, text=True, check=False)
    return "    " + done.stdout.replace("\n", "\n    ")


def tell(pair, one, bad, is_shrinking):
    number = min(bad)
    port, frame = one.frame(number) or (0, b"")
    if is_shrinking and frame:
        steps = one.shrink(pair, number)
        if steps:
            bad = one.run(pair, steps)[0]
        print(f"seed {one.seed}, without what it does not need:" if steps else "alone the frame does not differ")
        for step in steps or []:
            for x in step:
                if x != LAST_RULE:
                    print("   ", x if isinstance(x, str) else f"frame by port {x[0]}: {x[1].hex()}")
    print(f"seed {one.seed}, frame {number} by port {port}: {frame.hex()}\n  trama:{text_of(bad[number][0])}\n  Open vSwitch:"
          f"{text_of(bad[number][1])}")
    if frame and not one.is_slow:
        print("  Open vSwitch explains:\n" + explain(pair, port, frame))


def options():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--rounds", type=int, default=40)
    p.add_argument("--rules", type=int, default=120)
    p.add_argument("--frames", type=int, default=120)
    p.add_argument("--features", default=",".join(rules.ALL_FEATURES))
    p.add_argument("--shrink", action="store_true")
    p.add_argument("--keep-going", action="store_true", help="after a round that differs, or that Open vSwitch did not survive")
    return p.parse_args()


def run_rounds(pair, seeds, args, total):
    """Takes from `seeds`, until none is left, frames differ, or Open vSwitch has ended."""
    while seeds:
        one = Round(seeds.popleft(), args)
        try:
            differ, left = one.run(pair)
            assert differ is not None, f"seed {one.seed}: {left}"
            total.update(differ=len(differ), copies=left, frames=len(one.steps[1]) + len(one.steps[-1]), rounds=1)
            if differ:
                tell(pair, one, differ, args.shrink)
                if not args.keep_going:
                    seeds.clear()
        except BaseException:
            print(f"seed {one.seed}; Open vSwitch's last words: {pair.other.last_words()}", flush=True)
            if not (args.keep_going and pair.other.has_died()):
                raise
            total["died"] += 1
            return


def main():
    args = options()
    if not ovs.is_installed():
        print("there is no Open vSwitch")
        return 77
    seeds, total = collections.deque(range(args.seed, args.seed + args.rounds)), collections.Counter()
    signal.signal(signal.SIGTERM, lambda *_: seeds.clear())
    while seeds:
        where = tempfile.mkdtemp(prefix="trama-differ-")
        try:
            with Pair(where) as pair:
                run_rounds(pair, seeds, args, total)
        finally:
            shutil.rmtree(where)
    given, copies, bad = total["frames"], total["copies"], total["differ"]
    if total["died"]:
        print(f"Open vSwitch ended in {total['died']} more rounds by itself")
    print(f"{total['rounds']} rounds:", end=" ")
    print(f"{given} frames over random tables from seed {args.seed} on, {copies} copies left: {bad} differ", flush=True)
    assert bad or copies > given // 10, "hardly anything leaves: the frames do not meet the rules"
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

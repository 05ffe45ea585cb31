# SPDX-License-Identifier: Apache-2.0
"""The same tables and frames to trama-switchd and to Open vSwitch: what leaves must be the same, to the byte.

    run.py [--seed N] [--rounds N] [--rules N] [--frames N] [--features reg,resubmit,clone,exit,conjunction]
    TRAMA_SWITCHD names the binary.

A difference is told with the frame, the rules and the seed that makes them again.  Exit status 77: no Open vSwitch here."""
import argparse
import collections
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from differential import make, ovs  # noqa: E402
from support.switch import Switch  # noqa: E402

CHUNK = 10                          # frames given at once: what leaves must fit a port's ring
LAST = 0x9999                       # Ethernet type of the frame that tells that all before it were served
PATIENCE = 30
NAMES = {f"p{i}": i for i in range(1, make.PORTS + 1)}


def ofctl(*args):
    done = subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def load(mgmt, path):
    ofctl("del-flows", mgmt)
    ofctl("--bundle", "add-flows", mgmt, path)


def number_of(frame):
    return struct.unpack(">I", frame[-4:])[0]


def last_frame(number):
    return bytes(12) + struct.pack(">H", LAST) + bytes(42) + struct.pack(">I", number)


class Collector:
    """What left a switch: number of the frame -> the ports it left by, and as what."""

    def __init__(self, take):
        self.take, self.got = take, collections.defaultdict(list)

    def until_last(self, number):
        seen, end = set(), time.monotonic() + PATIENCE
        while len(seen) < make.PORTS:
            if time.monotonic() > end:
                raise TimeoutError(f"the last frame did not come by every port, only by {seen}")
            for port in range(1, make.PORTS + 1):
                for frame in self.take(port):
                    if frame[12:14] == struct.pack(">H", LAST) and number_of(frame) == number:
                        seen.add(port)
                    else:
                        self.got[number_of(frame)].append((port, frame))

    def of(self, number):
        return sorted(self.got.pop(number, []))


class Pair:
    def __init__(self, switch, other):
        self.switch, self.other, self.serial = switch, other, 0
        self.ours = Collector(lambda port: switch.take(f"p{port}"))
        self.theirs = Collector(other.take)

    def serve(self, frames):
        """frames: (port, bytes).  Gives all to both and waits for the end."""
        for at in range(0, len(frames), CHUNK):
            for port in range(1, make.PORTS + 1):
                chunk = [frame for by, frame in frames[at:at + CHUNK] if by == port]
                for frame in chunk:
                    self.switch.give(f"p{port}", frame)
                if chunk:
                    self.other.give(port, chunk)
            self.serial += 1
            last = last_frame(0x80000000 | self.serial)
            self.switch.give("p1", last)
            self.other.give(1, [last])
            self.ours.until_last(number_of(last))
            self.theirs.until_last(number_of(last))


def text_of(copies):
    return "".join(f"\n    port {port}: {frame.hex()}" for port, frame in copies) or " nothing"


def one_round(pair, args, seed, where):
    r = random.Random(seed)
    rules = make.Rules(r, args.features.split(",")).all(args.rules)
    path = os.path.join(where, "flows")
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join([f"table=0,priority=65535,dl_type={LAST:#x},actions=all,in_port"] + rules) + "\n")
    load("unix:" + pair.switch.mgmt, path)
    load(pair.other.mgmt, path)
    pair.other.forget()
    maker = make.Frames(r)
    frames = [(r.randrange(1, make.PORTS + 1), maker.one(i)) for i in range(args.frames)]
    pair.serve(frames)
    bad = copies = 0
    for number, (port, frame) in enumerate(frames):
        ours, theirs = pair.ours.of(number), pair.theirs.of(number)
        copies += len(theirs)
        if ours == theirs:
            continue
        bad += 1
        if bad == 1:
            print(f"seed {seed}, frame {number} by port {port}: {frame.hex()}\n  trama:{text_of(ours)}\n  Open vSwitch:"
                  f"{text_of(theirs)}")
            print("  Open vSwitch explains:\n" + explain(pair.other, port, frame))
    return bad, copies


def explain(other, port, frame):
    done = subprocess.run(["ovs-appctl", "-t", other.ctl, "ofproto/trace", "br0", f"in_port={port}", frame.hex()], env=other.env,
                          capture_output=True, text=True, check=False)
    return "    " + done.stdout.replace("\n", "\n    ")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--rounds", type=int, default=30)
    p.add_argument("--rules", type=int, default=120)
    p.add_argument("--frames", type=int, default=100)
    p.add_argument("--features", default="reg,resubmit,clone,exit,conjunction,bundle")
    args = p.parse_args()
    if not ovs.is_installed():
        print("there is no Open vSwitch")
        return 77
    where = tempfile.mkdtemp(prefix="trama-differ-")
    other = ovs.Ovs(where, make.PORTS)
    bad = copies = 0
    try:
        other.start()
        with Switch(NAMES) as switch:
            pair = Pair(switch, other)
            for seed in range(args.seed, args.seed + args.rounds):
                differ, left = one_round(pair, args, seed, where)
                bad, copies = bad + differ, copies + left
    finally:
        other.stop()
        shutil.rmtree(where)
    print(f"{args.rounds * args.frames} frames over {args.rounds} random sets of {args.rules} rules, {copies} copies left: {bad} differ")
    assert copies > args.rounds * args.frames // 10, "hardly anything leaves: the frames do not meet the rules"
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

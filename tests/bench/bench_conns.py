# SPDX-License-Identifier: Apache-2.0
"""What large numbers of connections do to others: a flood of SYNs of new sources beside connections that are established, and a
million connections that are over at once."""
import contextlib
import json
import os
import re
import statistics
import time

from bench_datapath import has_hugepages
from system import ROOT, Hugepages, Scope, run, wait_for

about = "a SYN flood beside established connections, and a million connections that expire at once"

RULES = ("table=0,in_port=1,ip,actions=ct(table=1,nat)", "table=0,in_port=3,ip,actions=ct(table=1,nat)", "table=1,priority=2,in_port=3,ct_state=+trk+new,ip,actions=ct(commit,nat(src=192.0.2.2-192.0.2.65)),output:2",
         "table=1,priority=1,ct_state=+trk+new,ip,actions=ct(commit,nat(src=192.0.2.1)),output:4", "table=1,ct_state=+trk+est,ip,actions=output:4")
EXPIRE_S = 6


def options(parser):
    parser.add_argument("--seconds", type=float, default=10, help="of the flood (default: 10)")
    parser.add_argument("--established", type=int, default=1000, help="connections beside the flood (default: 1000)")
    parser.add_argument("--rate", type=int, default=200000, help="frames a second of these (default: 200000)")
    parser.add_argument("--flood", type=int, default=1000000, help="SYNs a second (default: 1000000)")
    parser.add_argument("--max", type=int, default=100000, help="connections that the flooded switch tracks (default: 100000)")
    parser.add_argument("--expire", type=int, default=1000000, help="connections that expire at once (default: 1000000)")
    parser.add_argument("--cpu", type=int, default=(os.cpu_count() or 1) - 1, help="the worker's (default: the last)")
    parser.add_argument("--hugepages", type=int, default=1024,
                        help="how many to take from the kernel meanwhile; 0: those there are, if any (default: 1024)")


class Switch:
    """Ports 1 and 3 take in what generators make; 2 and 4 send to nowhere."""

    def __init__(self, scope, args, most):
        self.scope, self.args = scope, args
        self.mgmt, self.ctl = f"{scope.dir}/br0.mgmt", f"{scope.dir}/trama-switchd.ctl"
        with open(f"{scope.dir}/switch.yaml", "w", encoding="utf-8") as f:
            f.write(f"run_dir: {scope.dir}\nworkers: [{args.cpu}]\nconntrack: {{max: {most}}}\n"
                    f"dpdk: {{hugepages: {'auto' if has_hugepages() else 'off'}}}\nbridges:\n  br0:\n    ports:\n")
            for port in (2, 4):
                f.write(f"      p{port}: {{type: dpdk, ofport: {port}, devargs: \"net_null{port},no-rx=1\"}}\n")
            for port in (1, 3):
                f.write(f"      p{port}: {{type: dpdk, ofport: {port}, "
                        f"devargs: \"net_memif{port},role=server,socket={scope.dir}/memif{port},socket-abstract=no,rsize=11\"}}\n")
            f.flush()
        process = scope.start(os.path.join(ROOT, args.build, "vswitch", "trama-switchd"), "-c", f"{scope.dir}/switch.yaml")
        wait_for("trama-switchd", lambda: os.path.exists(self.mgmt) or process.poll() is not None)
        with open(f"{scope.dir}/rules", "w", encoding="utf-8") as f:
            f.write("\n".join(RULES) + "\n")
        run("ovs-ofctl", "-O", "OpenFlow13", "--bundle", "add-flows", self.mgmt, f"{scope.dir}/rules")

    def generate(self, port, kind, n, seconds, *rate):
        binary = os.path.join(ROOT, self.args.build, "tests", "bench", "generate")
        return self.scope.start("taskset", "-c", 0 if self.args.cpu else 1, binary, f"{self.scope.dir}/memif{port}", kind, n, seconds, *rate)

    def call(self, method, *params):
        out = run("ovs-appctl", "-t", self.ctl, method, *params)
        return json.loads(out) if out.strip() else None

    def came(self, port):
        out = run("ovs-ofctl", "-O", "OpenFlow13", "dump-flows", self.mgmt, f"table=0,in_port={port}")
        return int(re.search(r"n_packets=(\d+)", out)[1])

    def sent(self, port):
        return int(re.search(r"tx pkts=(\d+)", run("ovs-ofctl", "-O", "OpenFlow13", "dump-ports", self.mgmt, port))[1])

    def gap_us(self):
        return self.call("worker/gap")[0]["own_ns"] / 1000


def flood(args):
    """Frames of established connections that did not come out, beside the flood."""
    with Scope("cn") as scope:
        switch = Switch(scope, args, args.max)
        beside = switch.generate(1, "answered", args.established, args.seconds + 4, args.rate)
        wait_for("connections", lambda: switch.call("conn/count")["count"] == args.established)
        before, begin = switch.came(3), time.monotonic()
        flooding = switch.generate(3, "flood", 1, args.seconds, args.flood)
        wait_for("the flood's end", lambda: flooding.poll() is not None, args.seconds + 30)
        took = (switch.came(3) - before) / (time.monotonic() - begin)
        wait_for("the end", lambda: beside.poll() is not None, args.seconds + 30)
        refused = json.loads([line for line in scope.log(1 << 16).splitlines() if line.startswith("{")][-1])["refused"]
        came = switch.came(1)
        lost = came - switch.sent(4)
        return [["flood", "SYNs a second", round(took)], ["flood", "connections pushed out", switch.call("conn/count")["pushed_out"]],
                ["flood", "frames of established connections", came + refused], ["flood", "of these no room in the device", refused],
                ["flood", "of these lost in the switch", lost]]


def expiry(args):
    """The worker's longest gap, as it measures it itself, while all connections end."""
    with Scope("cn") as scope:
        switch = Switch(scope, args, args.expire + 100000)
        switch.call("conn/zone", "0", f"udp-stream={EXPIRE_S},udp-first={EXPIRE_S},udp-single={EXPIRE_S}")
        making = switch.generate(1, "answered", args.expire, 8)
        wait_for("the connections' beginning", lambda: making.poll() is not None, 60)
        n = switch.call("conn/count")["count"]
        switch.generate(3, "flows", 1000, 2 * EXPIRE_S + 20, args.rate)
        wait_for("other frames", lambda: switch.came(3) > 0)
        gaps, begin, end = [], None, None
        switch.gap_us()
        stop = time.monotonic() + 2 * EXPIRE_S + 10
        while not end and time.monotonic() < stop:
            time.sleep(0.02)
            left = switch.call("conn/count")["count"]
            gaps.append((switch.gap_us(), time.monotonic()))
            if begin is None and left < n:
                begin = time.monotonic()
            if left <= 1000:
                end = time.monotonic()
        if not end:
            raise RuntimeError(f"{left} of {n} connections did not expire")
        rows = [["expiry", "connections", n], ["expiry", "seconds until all were gone", round(end - begin, 2)]]
        for when, some in (("before", [g for g, at in gaps if at < begin]), ("meanwhile", [g for g, at in gaps if at >= begin])):
            rows += [["expiry", f"longest gap of a look {when}, us: median", round(statistics.median(some))],
                     ["expiry", f"longest gap of a look {when}, us: most", round(max(some))]]
        return rows


def measure(args):
    if min(args.seconds, args.established, args.rate, args.flood, args.max, args.expire) <= 0 or args.hugepages < 0:
        raise RuntimeError("all numbers are above 0, --hugepages not negative")
    with Hugepages(args.hugepages) if args.hugepages else contextlib.nullcontext():
        return {"columns": ["case", "what", "value"], "rows": flood(args) + expiry(args)}

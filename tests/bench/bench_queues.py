# SPDX-License-Identifier: Apache-2.0
"""Shaped ports: the rate that was asked for, and what left.  Each kind of port gets more than it may send, as TCP, as UDP
datagrams, or from a capture played for ever (dpdk), with one rate for the port; and then as two queues whose guarantees compete."""
import contextlib
import json
import math
import os
import socket
import statistics
import struct
import subprocess
import time

import bench_datapath
import switches
from system import ROOT, Scope, run, wait_for

about = "rates of shaped tap, netdev and dpdk ports: asked and measured"

RATES = {"10Mbit": 10, "100Mbit": 100, "1Gbit": 1000}
KINDS = ("tap", "netdev", "dpdk")
GUARANTEES = {1: 60, 2: 20}  # Mbit/s of 100; the rest is shared in the same proportion
WIRE = 1514 / 1448           # bytes of an Ethernet frame for each of TCP's payload
SETTLE = .5                  # s, before counting begins


def options(parser):
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--seconds", type=float, default=2, help="of each run (default: 2)")
    parser.add_argument("--cpu", type=int, default=(os.cpu_count() or 1) - 1, help="the worker's (default: the last)")
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"some of: {', '.join(KINDS)}; separated by commas")


def write_capture(path):
    """Datagrams of 1000 bytes to the ports that the two queues are for, in turn."""
    with open(path, "wb") as f:
        f.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for n in range(64):
            data = bytearray(bench_datapath.frame(n).ljust(1000, b"\0"))
            data[36:38] = struct.pack("!H", 5201 + n % 2)
            f.write(struct.pack("=IIII", 0, 0, len(data), len(data)) + data)


class Switch:
    """One worker, from port 1 to port 2, which is shaped; datagrams to port 5201 take queue 1, to 5202 queue 2."""

    def __init__(self, scope, kind, args):
        self.ctl, self.out = f"{scope.dir}/trama-switchd.ctl", f"q{os.getpid()}b"
        if kind == "netdev":
            switches.veth_pairs(scope, True)
            self.out = "vb"
        write_capture(f"{scope.dir}/capture")
        ports = {"tap": [f"q{os.getpid()}{h}: {{type: tap, netns: {scope.tag}{h}, address: {switches.ADDRESS[h]}/24, ofport: {n}}}"
                         for n, h in enumerate("ab", 1)],
                 "netdev": [f"v{h}: {{type: netdev, ofport: {n}}}" for n, h in enumerate("ab", 1)],
                 "dpdk": [f"in: {{type: dpdk, ofport: 1, devargs: \"net_pcap0,rx_pcap={scope.dir}/capture,infinite_rx=1\"}}",
                          f"{self.out}: {{type: dpdk, ofport: 2, devargs: \"net_null1,no-rx=1\"}}"]}[kind]
        with open(f"{scope.dir}/switch.yaml", "w", encoding="utf-8") as f:
            f.write(f"run_dir: {scope.dir}\nworkers: [{args.cpu}]\ndpdk: {{hugepages: off}}\nbridges:\n  br0:\n    ports:\n"
                    + "".join(f"      {p}\n" for p in ports))
        process = scope.start(os.path.join(ROOT, args.build, "vswitch", "trama-switchd"), "-c", f"{scope.dir}/switch.yaml",
                              netns=scope.tag + "s")
        mgmt = f"{scope.dir}/br0.mgmt"
        wait_for("trama-switchd", lambda: os.path.exists(mgmt) or process.poll() is not None)
        for flow in ("in_port=2,actions=output:1", "priority=1,in_port=1,actions=output:2",
                     *(f"priority=9,in_port=1,udp,tp_dst={5200 + q},actions=set_queue:{q},output:2" for q in GUARANTEES)):
            run("ovs-ofctl", "-O", "OpenFlow13", "add-flow", mgmt, flow)
        self.mgmt = mgmt

    def call(self, method, *params):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.ctl)
            s.sendall(json.dumps({"method": method, "params": params, "id": 0}).encode())
            text = b""
            while True:
                text += s.recv(1 << 16)
                with contextlib.suppress(ValueError):
                    reply = json.loads(text)
                    if reply["error"]:
                        raise RuntimeError(f"{method}: {reply['error']}")
                    return json.loads(reply["result"] or "null")

    def sent(self):
        """Bytes by queue, and when."""
        queues = next(p for p in self.call("queue/list", self.out) if p["port"] == self.out)["queues"]
        return time.monotonic(), {q["queue"]: q["tx_bytes"] for q in queues}

    def rates(self, seconds):
        """Mbit/s by queue, counted by the switch."""
        time.sleep(SETTLE)
        start, before = self.sent()
        time.sleep(seconds)
        end, after = self.sent()
        return {q: (after[q] - before[q]) * 8 / (end - start) / 1e6 for q in after}


@contextlib.contextmanager
def senders(scope, streams, *args):
    """Clients in a that send to servers in b, from port 5201 on.  Yields the files with the servers' reports, when they are there."""
    programs, reports = [], [f"{scope.dir}/report{n}" for n in range(streams)]
    for n, report in enumerate(reports):
        port = 5201 + n
        programs.append(scope.start("iperf3", "-s", "-1", "-p", port, "-J", "--logfile", report, netns=scope.tag + "b"))
        wait_for("iperf3 server", lambda p=port: f":{p} " in run("ss", "-Hltn", netns=scope.tag + "b"))
        programs.append(scope.start("iperf3", "-c", switches.ADDRESS["b"], "-p", port, *args, netns=scope.tag + "a"))
    try:
        yield reports
    finally:
        for program in programs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(30)
            program.kill()
            program.wait()
            scope.processes.remove(program)
        for report in reports:
            with contextlib.suppress(OSError):
                os.remove(report)


def tcp(scope, seconds):
    """As the receiver counts it in each second but the first, and the rest of one at the end."""
    with senders(scope, 1, "-l", "16K", "-t", math.ceil(seconds) + 1) as reports:
        for program in scope.processes[1:]:
            program.wait(30)
        with open(reports[0], encoding="utf-8") as f:
            got = [x["sum"] for x in json.load(f)["intervals"]][1:]
    got = [x["bits_per_second"] for x in got if x["seconds"] > .9]
    return statistics.mean(got) * WIRE / 1e6


def udp(scope, switch, mbps, streams, seconds):
    with senders(scope, streams, "-u", "-l", 1400, "-b", f"{mbps}M", "-t", seconds + 2 * SETTLE):
        return switch.rates(seconds)


def one_kind(scope, kind, args, add):
    switch = Switch(scope, kind, args)
    for name, mbps in RATES.items():
        switch.call("queue/set", switch.out, f"{{rate: {name}, queues: {{0: {{}}}}}}")
        if kind == "dpdk":
            add(kind, "capture", name, mbps, sum(switch.rates(args.seconds).values()))
        else:
            add(kind, "tcp", name, mbps, tcp(scope, args.seconds))
            add(kind, "udp", name, mbps, sum(udp(scope, switch, 1.5 * mbps, 1, args.seconds).values()))
    queues = ", ".join(f"{q}: {{min: {m}Mbit}}" for q, m in GUARANTEES.items())
    switch.call("queue/set", switch.out, f"{{rate: 100Mbit, queues: {{{queues}}}}}")
    got = switch.rates(args.seconds) if kind == "dpdk" else udp(scope, switch, 120, 2, args.seconds)
    total = sum(GUARANTEES.values())
    for q, least in GUARANTEES.items():
        add(kind, "two queues", f"min {least}Mbit of 100Mbit", 100 * least / total, got[q])


def measure(args):
    kinds = args.kinds.split(",")
    for kind in kinds:
        if kind not in KINDS:
            raise RuntimeError(f"--kinds: there is no kind '{kind}'; there are: {', '.join(KINDS)}")
    if args.rounds < 1 or args.seconds < 1:
        raise RuntimeError("--rounds and --seconds are at least 1")
    samples = {}
    for _ in range(args.rounds):
        for kind in kinds:
            with Scope("tq") as scope:
                for suffix in "abs":
                    scope.netns(suffix)
                try:
                    one_kind(scope, kind, args, lambda *row: samples.setdefault(row[:4], []).append(row[4]))
                except RuntimeError as error:
                    raise RuntimeError(f"{kind}: {error}\n{scope.log()}") from error
    rows = []
    for (kind, traffic, name, mbps), got in samples.items():
        median = statistics.median(got)
        rows.append([kind, traffic, name, round(mbps, 1), round(median, 1), round(100 * (median / mbps - 1), 1),
                     round(min(got), 1), round(max(got), 1)])
    return {"columns": ["port", "traffic", "asked", "expected_mbps", "mbps", "error_pct", "least", "most"], "rows": rows,
            "samples": [[*key, *got] for key, got in samples.items()]}

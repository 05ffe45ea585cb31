# SPDX-License-Identifier: Apache-2.0
"""TCP, small UDP datagrams and ping between two hosts through one switch.  All switches are up at the same time, and are
measured in turn, so that what else the machine does hits them alike; the medians count."""
import contextlib
import json
import re
import statistics
import time

import switches
from system import Scope, cpu_seconds, run, wait_for

about = "TCP, small UDP and ping through tap and netdev ports, against Open vSwitch and the Linux bridge"

CASES = {
    "trama tap": (switches.Trama, "tap"),
    "trama netdev": (switches.Trama, "netdev"),
    "ovs tap": (switches.Ovs, "tap"),
    "ovs netdev": (switches.Ovs, "netdev"),
    "linux bridge": (switches.LinuxBridge, "veth"),
}
COLUMNS = ["tcp_gbps", "tcp_cpu_pct", "udp_kpps", "ping_busy_us", "ping_p99_us", "ping_idle_us", "idle_cpu_pct", "bad_sums"]


def options(parser):
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--seconds", type=float, default=2, help="of each TCP and UDP run (default: 2)")
    parser.add_argument("--cases", help=f"some of: {', '.join(CASES)}; separated by commas")


def iperf(scope, *args):
    """Runs a client in a against a server in b; the client's report."""
    server = scope.start("iperf3", "-s", "-1", netns=scope.tag + "b")
    wait_for("iperf3 server", lambda: ":5201 " in run("ss", "-Hltn", netns=scope.tag + "b"))
    out = run("iperf3", "-c", switches.ADDRESS["b"], "-J", *args, netns=scope.tag + "a", check=False)
    with contextlib.suppress(Exception):
        server.wait(5)
    server.kill()
    scope.processes.remove(server)
    return json.loads(out).get("end", {})


def ping(scope, count, interval):
    """Round-trip times in us, sorted."""
    out = run("ping", "-n", "-c", count, "-i", interval, "-W", 1, switches.ADDRESS["b"], netns=scope.tag + "a", check=False)
    times = sorted(1000 * float(t) for t in re.findall(r"time=([\d.]+) ms", out))
    return times or [float("nan")]


def bad_sums(scope):
    bad = 0
    for host in "ab":
        out = run("nstat", "-asz", netns=scope.tag + host)
        bad += sum(int(n) for n in re.findall(r"^\S*(?:InCsumErrors|TcpInErrs)\s+(\d+)", out, re.M))
    return bad


def one_round(scope, switch, seconds):
    used = (lambda: cpu_seconds(switch.pid)) if switch.pid else (lambda: float("nan"))
    before, start = used(), time.monotonic()
    got = {"ping_idle_us": statistics.median(ping(scope, 8, 0.25))}
    got["idle_cpu_pct"] = 100 * (used() - before) / (time.monotonic() - start)
    busy = ping(scope, 500, 0.002)
    got["ping_busy_us"] = statistics.median(busy)
    got["ping_p99_us"] = busy[len(busy) * 99 // 100]
    before, start = used(), time.monotonic()
    end = iperf(scope, "-t", seconds)
    got["tcp_cpu_pct"] = 100 * (used() - before) / (time.monotonic() - start)
    got["tcp_gbps"] = end.get("sum_received", {}).get("bits_per_second", 0) / 1e9
    end = iperf(scope, "-t", seconds, "-u", "-b", 0, "-l", 64).get("sum", {})
    got["udp_kpps"] = (end.get("packets", 0) - end.get("lost_packets", 0)) / max(end.get("seconds", 1), 0.1) / 1000
    got["bad_sums"] = bad_sums(scope)
    return got


def measure(args):
    names = args.cases.split(",") if args.cases else list(CASES)
    for name in names:
        if name not in CASES:
            raise RuntimeError(f"--cases: there is no case '{name}'; there are: {', '.join(CASES)}")
    if args.rounds < 1 or args.seconds < 1:
        raise RuntimeError("--rounds and --seconds are at least 1")
    samples = {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        worlds = {}
        for n, name in enumerate(names):
            make, kind = CASES[name]
            scope = stack.enter_context(Scope(f"tb{n}"))
            for suffix in "abs":
                scope.netns(suffix)
            try:
                worlds[name] = scope, make(scope, kind, args.build)
                wait_for(f"ping through {name}", lambda s=scope: ping(s, 1, 1)[0] > 0)
            except RuntimeError as error:
                raise RuntimeError(f"{name}: {error}\n{scope.log()}") from error
        for _ in range(args.rounds):
            for name in names:
                samples[name].append(one_round(*worlds[name], args.seconds))
    rows = []
    for name in names:
        medians = [statistics.median(s[c] for s in samples[name]) for c in COLUMNS[:-1]]
        rows.append([name, *(round(m, 2) for m in medians), samples[name][-1]["bad_sums"]])
    return {"columns": ["switch", *COLUMNS], "rows": rows, "samples": samples}

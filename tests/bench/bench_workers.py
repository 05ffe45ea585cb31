# SPDX-License-Identifier: Apache-2.0
"""Two workers against one: two captures, each played for ever into a port of its own, and what leaves by a third port."""
import contextlib
import os
import statistics
import time

from bench_datapath import CASES, chosen, has_hugepages, sent, write_capture
from system import ROOT, Hugepages, Scope, run, wait_for

about = "two workers over one, each with a captured traffic of its own"

PLAYED = {name: case for name, case in CASES.items() if not case[0].startswith("memif")}
DEFAULT = "port f1000,pipe f1000,nat c10000"


def options(parser):
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--seconds", type=float, default=2, help="of each run (default: 2)")
    parser.add_argument("--cpus", default="0,1", help="the two workers'; one worker has the second (default: 0,1)")
    parser.add_argument("--cases", default=DEFAULT, help=f"some of: {', '.join(PLAYED)}; separated by commas (default: {DEFAULT})")
    parser.add_argument("--hugepages", type=int, default=1024,
                        help="how many to take from the kernel meanwhile; 0: those there are, if any (default: 1024)")


class Switch:
    """Ports 1 and 3 take traffic in, port 2 sends, with a queue for each worker."""

    def __init__(self, scope, args, cpus):
        self.mgmt, self.ctl = f"{scope.dir}/br0.mgmt", f"{scope.dir}/trama-switchd.ctl"
        with open(f"{scope.dir}/switch.yaml", "w", encoding="utf-8") as f:
            f.write(f"run_dir: {scope.dir}\nworkers: {cpus}\ndpdk: {{hugepages: {'auto' if has_hugepages() else 'off'}, mbufs: 262144}}\n"
                    "bridges:\n  br0:\n    ports:\n      p2: {type: dpdk, ofport: 2, queues: 2, devargs: \"net_null2,no-rx=1\"}\n")
        process = scope.start(os.path.join(ROOT, args.build, "vswitch", "trama-switchd"), "-c", f"{scope.dir}/switch.yaml")
        wait_for("trama-switchd", lambda: os.path.exists(self.mgmt) or process.poll() is not None)

    def feed(self, port, capture):
        run("ovs-appctl", "-t", self.ctl, "port/add", "br0", f"p{port}",
            f"{{type: dpdk, ofport: {port}, devargs: \"net_pcap{port},rx_pcap={capture},infinite_rx=1\"}}")


def one_run(case, args, cpus):
    kind, n_flows, rules = PLAYED[case]
    with Scope("wk") as scope:
        try:
            switch = Switch(scope, args, cpus)
            with open(f"{scope.dir}/rules", "w", encoding="utf-8") as f:
                f.write("\n".join([*rules, *(r.replace("in_port=1", "in_port=3") for r in rules if "in_port=1" in r)]) + "\n")
            run("ovs-ofctl", "-O", "OpenFlow13", "--bundle", "add-flows", switch.mgmt, f"{scope.dir}/rules")
            for first, port in ((0, 1), (n_flows, 3)):  # no flow is in both
                write_capture(f"{scope.dir}/in{port}.pcap", n_flows, kind, first)
                switch.feed(port, f"{scope.dir}/in{port}.pcap")
            wait_for("frames", lambda: sent(switch) > 0)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{scope.log()}") from error
        time.sleep(1)  # caches fill
        before, begin = sent(switch), time.monotonic()
        time.sleep(args.seconds)
        return (sent(switch) - before) / (time.monotonic() - begin) / 1000


def measure(args):
    cases = chosen(args.cases, PLAYED, "--cases")
    cpus = args.cpus.split(",")
    if args.rounds < 1 or args.seconds <= 0 or args.hugepages < 0:
        raise RuntimeError("--rounds is at least 1, --seconds more than 0, --hugepages not negative")
    if len(cpus) != 2 or not all(cpu.isdigit() for cpu in cpus):
        raise RuntimeError(f"--cpus '{args.cpus}' is not two CPU numbers, such as 0,1")
    samples = {}
    with Hugepages(args.hugepages) if args.hugepages else contextlib.nullcontext():
        for case in cases * args.rounds:
            for n in (1, 2):
                samples.setdefault((case, n), []).append(one_run(case, args, f"[{','.join(cpus[2 - n:])}]"))
    rows = []
    for case in cases:
        one, two = (statistics.median(samples[case, n]) for n in (1, 2))
        rows.append([case, round(one), round(two), round(two / one, 2)])
    return {"columns": ["case", "one kpps", "two kpps", "two/one"], "rows": rows,
            "samples": {f"{case} {n}": values for (case, n), values in samples.items()}}

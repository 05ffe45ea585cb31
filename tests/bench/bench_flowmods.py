# SPDX-License-Identifier: Apache-2.0
"""The control path: how fast flow-mods are taken, what a rule weighs, and whether a worker that forwards meanwhile stands still.
Flow-mods of one mask by a client that wrote them before (tests/bench/flow_client.c), and a rule set of many masks by
ovs-ofctl, each switch in turn."""
import contextlib
import json
import os
import random
import re
import subprocess
import time

from bench_datapath import SWITCHES, device, has_hugepages, write_capture
from system import ROOT, Hugepages, Scope, cpu_seconds, run

about = "flow-mods a second, memory a rule, the longest gap of a worker, against Open vSwitch with DPDK"


def options(parser):
    parser.add_argument("--flows", type=int, default=1000000, help="of one mask (default: 1000000)")
    parser.add_argument("--rules", type=int, default=100000, help="of many masks, by ovs-ofctl (default: 100000)")
    parser.add_argument("--cpu", type=int, default=(os.cpu_count() or 1) - 1, help="the worker's (default: the last)")
    parser.add_argument("--switches", default="trama,ovs-dpdk", help="default: trama,ovs-dpdk")
    parser.add_argument("--hugepages", type=int, default=1024,
                        help="how many to take from the kernel meanwhile; 0: those there are, if any (default: 1024)")


def acl_rule(rnd, n):
    """Addresses under prefixes, a protocol, a port or none."""
    src, dst = rnd.choice((0, 8, 16, 24, 28, 32)), rnd.choice((16, 20, 24, 27, 32))
    match = f"priority={n % 60000 + 1},{rnd.choice(('tcp', 'udp'))}"
    match += f",nw_dst={rnd.randrange(1, 224)}.{rnd.randrange(256)}.{rnd.randrange(256)}.{rnd.randrange(256)}/{dst}"
    match += f",nw_src={rnd.randrange(1, 224)}.{rnd.randrange(256)}.{rnd.randrange(256)}.{rnd.randrange(256)}/{src}" if src else ""
    match += f",tp_dst={rnd.randrange(1, 65536)}" if n % 2 else ""
    return match + ",actions=output:2"


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


def client(args, switch, *command):
    binary = os.path.join(ROOT, args.build, "tests", "bench", "flow_client")
    return subprocess.Popen([binary, switch.mgmt, *map(str, command)], stdout=subprocess.PIPE, text=True)


def gaps(scope, process, seconds=None):
    """The longest gap of the worker in each twentieth of a second, in microseconds, while a process runs or so long."""
    ctl = f"{scope.dir}/trama-switchd.ctl"
    found, end = [], time.monotonic() + (seconds or 0)
    run("ovs-appctl", "-t", ctl, "worker/gap")
    while process.poll() is None if process else time.monotonic() < end:
        time.sleep(0.05)
        found.append(json.loads(run("ovs-appctl", "-t", ctl, "worker/gap"))[0]["own_ns"] / 1000)
    return sorted(found)


def median(values):
    return round(values[len(values) // 2]) if values else None


def install(switch, scope, args):
    """Seconds that ovs-ofctl takes for the rule set, one flow-mod after the other and as one bundle."""
    rnd = random.Random(5)
    path = f"{scope.dir}/acl"
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(acl_rule(rnd, n) for n in range(args.rules)) + "\n")
    seconds = []
    for extra in ([], ["--bundle"]):
        start = time.monotonic()
        run("ovs-ofctl", "-O", "OpenFlow13", *extra, "add-flows", switch.mgmt, path, timeout=600)
        seconds.append(round(time.monotonic() - start, 2))
        run("ovs-ofctl", "-O", "OpenFlow13", "del-flows", switch.mgmt, timeout=600)
    return seconds


def one_switch(name, args):
    with Scope("fm") as scope:
        capture = f"{scope.dir}/in.pcap"
        write_capture(capture, 1000)
        switch = SWITCHES[name](scope, args)
        pid = scope.processes[-1].pid
        switch.feed(device(scope, "udp", capture))
        run("ovs-ofctl", "-O", "OpenFlow13", "add-flow", switch.mgmt, "table=0,priority=1,actions=output:2")
        idle = gaps(scope, None, 2) if name == "trama" else []
        before, cpu = resident_kb(pid), cpu_seconds(pid)
        adding = client(args, switch, "add", args.flows)
        busy = gaps(scope, adding) if name == "trama" else []
        added = json.loads(adding.communicate(timeout=600)[0])
        weight = (resident_kb(pid) - before) * 1024 / args.flows
        changing = client(args, switch, "table", args.rules)
        busy += gaps(scope, changing) if name == "trama" else []
        changed = json.loads(changing.communicate(timeout=600)[0])
        if added["errors"] or changed["errors"]:
            raise RuntimeError(f"{name}: {added['errors'] + changed['errors']} flow-mods were refused, "
                               f"the first with error {added['first_error']}")
        run("ovs-ofctl", "-O", "OpenFlow13", "del-flows", switch.mgmt, timeout=600)
        rate = [round(args.flows / added["add_s"] / 1000)]
        rate += [round(args.rules / changed[f"{what}_s"] / 1000) for what in ("add", "modify", "delete")]
        return [name, *rate, round(weight), *install(switch, scope, args), median(idle), median(sorted(busy)),
                round(cpu_seconds(pid) - cpu, 1)]


def measure(args):
    names = args.switches.split(",")
    for name in names:
        if name not in SWITCHES:
            raise RuntimeError(f"--switches: there is no '{name}'; there are: {', '.join(SWITCHES)}")
    if args.flows < 1000 or args.rules < 1000:
        raise RuntimeError("--flows and --rules are at least 1000")
    with Hugepages(args.hugepages) if args.hugepages else contextlib.nullcontext():
        if "ovs-dpdk" in names and not has_hugepages():
            raise RuntimeError("ovs-dpdk needs 1024 free hugepages (--hugepages); or --switches trama")
        rows = [one_switch(name, args) for name in names]
    return {"columns": ["switch", f"add {args.flows} k/s", f"add {args.rules} k/s", "modify k/s", "delete k/s", "bytes/rule",
                        f"acl {args.rules} s", "acl bundle s", "gap idle us", "gap changing us", "cpu s"], "rows": rows}

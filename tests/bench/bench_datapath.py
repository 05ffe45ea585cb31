# SPDX-License-Identifier: Apache-2.0
"""One core of a switch between two DPDK devices: net_pcap that plays a capture for ever, and net_null.  The same devices,
the same core and the same rules for each switch, one after the other, several times; the medians count."""
import contextlib
import os
import random
import re
import statistics
import struct
import sys
import time

from system import ROOT, Hugepages, Scope, run, wait_for

about = "one core forwarding captured frames between DPDK devices, against Open vSwitch with DPDK"

DESTINATIONS = 1000
PLAY_RATE = 20000  # frames a second that Open vSwitch takes without loss whatever it must look up


def address(flow):
    """Where a flow goes to: one of 1000 addresses."""
    to = flow % DESTINATIONS
    return f"10.{to % 16}.{to >> 8}.{to & 255}"


def port_rules():
    return ["in_port=1,actions=output:2"]


def route_rules():
    return [f"priority=10,ip,nw_dst={address(flow)},actions=set_field:02:00:00:00:01:{flow & 255:02x}->eth_dst,dec_ttl,output:2"
            for flow in range(DESTINATIONS)]


def acl_matches(n_rules, seed=1):
    """Matches of many shapes, none of which the traffic meets, though it agrees with each in part."""
    rnd = random.Random(seed)
    for n in range(n_rules):
        src, dst = rnd.choice((0, 8, 16, 20, 24, 32)), rnd.choice((8, 16, 20, 24, 28, 32))
        match = f"udp,nw_dst=10.{rnd.randrange(16)}.{rnd.randrange(4)}.{rnd.randrange(256)}/{dst}"
        match += f",nw_src=10.{rnd.randrange(100, 200)}.{rnd.randrange(256)}.{rnd.randrange(256)}/{src}" if src > 8 else ""
        yield n, match + (f",tp_dst={rnd.randrange(4096, 65536)}" if src <= 8 or n % 3 == 0 else "")


def acl_rules(n_rules=1000):
    return ["priority=1,actions=output:2"] + [f"priority={1000 + n},{match},actions=drop" for n, match in acl_matches(n_rules)]


def pipe_rules():
    """Admission, 200 rules of an ACL, addresses, 256 routes that rewrite, output."""
    rules = ["table=0,in_port=1,actions=goto_table:1", "table=1,priority=1,actions=goto_table:2",
             "table=2,eth_dst=02:00:00:00:00:02,actions=goto_table:3", "table=4,reg0=7,actions=output:2"]
    rules += [f"table=1,priority={1000 + n},{match},actions=drop" for n, match in acl_matches(200)]
    return rules + [f"table=3,ip,nw_dst=10.{n % 16}.0.0/16,nw_src=0.0.0.{n // 16}/0.0.0.15,"
                    f"actions=set_field:02:00:00:00:02:{n:02x}->eth_dst,set_field:7->reg0,goto_table:4" for n in range(256)]


def explosion_rules():
    """Four fields, one after the other: traffic that differs from each in every bit in turn takes a mask for every way."""
    return ["priority=50,tp_dst=4789,udp,actions=output:2", "priority=40,udp,nw_src=10.99.0.0/24,tp_src=5000,actions=output:2",
            "priority=30,udp,tp_src=5000,actions=output:2", "priority=20,ip,nw_src=10.99.7.0/24,actions=output:2",
            "priority=1,actions=output:2"]


def tuple_rules(n_rules):
    """An ACL of 5-tuples that the traffic of generate.c and of the captures does not meet."""
    rnd = random.Random(3)
    return ["priority=1,actions=output:2"] + [
        f"priority=10,udp,nw_src=11.{rnd.randrange(256)}.{rnd.randrange(256)}.{rnd.randrange(256)},nw_dst={address(n)},"
        f"tp_src={rnd.randrange(1024)},tp_dst={rnd.randrange(2048)},actions=drop" for n in range(n_rules)]


def server_rules(n_networks=4):
    """An ACL of 5-tuples that decides about the traffic of generate.c: which networks may reach each server, from which ports."""
    rnd = random.Random(4)
    return ["priority=1,actions=output:2"] + [
        f"priority={10 + rnd.randrange(1000)},udp,nw_src=11.{rnd.randrange(256)}.{rnd.randrange(256)}.0/{rnd.randrange(10, 21)},"
        f"nw_dst={address(n % DESTINATIONS)},tp_src={1024 + 32 * rnd.randrange(8)}/{rnd.choice((0xffe0, 0xffc0, 0xff00, 0))},"
        f"tp_dst=2048,actions=output:2" for n in range(n_networks * DESTINATIONS)]


def nat_rules():
    """Every connection is translated; its frames are found again in both directions."""
    return ["table=0,ip,actions=ct(table=1,nat)", "table=1,ct_state=+trk+new,ip,actions=ct(commit,nat(src=192.0.2.1)),output:2",
            "table=1,ct_state=+trk+est,ip,actions=output:2"]


def gateway_rules():
    """What the controller has a gateway do: the router's MAC address, an answer's translation, a route (TTL, MAC address), a neighbor,
    translation on the way out, with registers from table to table, and a port."""
    return ["table=0,in_port=1,ip,eth_dst=02:00:00:00:00:02,actions=set_field:10->reg0,set_field:1->reg2,goto_table:4",
            "table=4,priority=2,ip,reg0=10,nw_dst=192.0.2.1,actions=ct(table=5,zone=100,nat)",
            "table=4,priority=1,ip,actions=goto_table:6", "table=5,ip,ct_state=+trk+est,actions=goto_table:6",
            "table=6,priority=1032,ip,reg2=1,nw_dst=10.99.0.0/16,"
            "actions=set_field:20->reg1,set_field:02:00:00:00:00:a0->eth_src,dec_ttl,goto_table:7",
            "table=6,priority=1000,ip,reg2=1,"
            "actions=set_field:100->reg1,set_field:02:00:00:00:00:a1->eth_src,dec_ttl,goto_table:7",
            "table=7,ip,reg1=20,actions=set_field:02:00:00:00:00:b0->eth_dst,goto_table:8",
            "table=7,ip,reg1=100,actions=set_field:02:00:00:00:00:b1->eth_dst,goto_table:10",
            "table=10,ip,reg1=100,actions=ct(commit,table=8,zone=100,nat(src=192.0.2.1))",
            "table=8,reg1=20,eth_dst=02:00:00:00:00:b0,actions=output:2",
            "table=8,reg1=100,eth_dst=02:00:00:00:00:b1,actions=output:2"]


CONNECTIONS = 3000000  # at most, as Open vSwitch has it
BEGUN = {"memif begun": 2000000, "memif handshakes": 6 * 500000}  # frames of those that are measured

# Name: kind of traffic, flows, rules.
CASES = {
    "port f1": ("udp", 1, port_rules()),
    "port f1000": ("udp", 1000, port_rules()),
    "port f100000": ("udp", 100000, port_rules()),
    "route f1": ("udp", 1, route_rules()),
    "route f100000": ("udp", 100000, route_rules()),
    "acl f1000": ("udp", 1000, acl_rules()),
    "acl f100000": ("udp", 100000, acl_rules()),
    "pipe f1000": ("udp", 1000, pipe_rules()),
    "pipe f100000": ("udp", 100000, pipe_rules()),
    "vlan f1": ("udp", 1, ["in_port=1,actions=push_vlan:0x8100,set_field:4106->vlan_vid,output:2"]),
    "explosion f1": ("udp", 1, explosion_rules()),
    "explosion": ("explosion", 0, explosion_rules()),
    "nat c1": ("connections", 1, nat_rules()),
    "nat c10000": ("connections", 10000, nat_rules()),
    "nat c100000": ("connections", 100000, nat_rules()),
    "nat c1000000": ("memif answered", 1000000, nat_rules()),
    "nat new": ("memif begun", 1, nat_rules()),
    "nat handshakes": ("memif handshakes", 6, nat_rules()),
    "gateway c1": ("connections", 1, gateway_rules()),
    "gateway c10000": ("connections", 10000, gateway_rules()),
    "gateway c100000": ("connections", 100000, gateway_rules()),
    "not nat c100000": ("connections", 100000, ["table=0,ip,actions=goto_table:1", "table=1,ip,actions=output:2"]),
    "tuples f1000": ("memif flows", 1000, tuple_rules(1000)),
    "tuples new": ("memif new", 1, tuple_rules(1000)),
    "tuples connections": ("memif connections", 10, tuple_rules(1000)),
    "acl new": ("memif new", 1, acl_rules()),
    "servers f1000": ("memif flows", 1000, server_rules()),
    "servers new": ("memif new", 1, server_rules()),
    "tuples flood": ("memif flood", 1, tuple_rules(1000)),
}


def options(parser):
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--seconds", type=float, default=2, help="of each run (default: 2)")
    parser.add_argument("--settle", type=float, default=10, help="before Open vSwitch is measured, for its caches (default: 10)")
    parser.add_argument("--cpu", type=int, default=(os.cpu_count() or 1) - 1, help="the worker's (default: the last)")
    parser.add_argument("--cases", help=f"some of: {', '.join(CASES)}; separated by commas")
    parser.add_argument("--switches", default="trama,ovs-dpdk", help="default: trama,ovs-dpdk")
    parser.add_argument("--check", action="store_true",
                        help="measure nothing: send each capture once, and compare how often each rule was met")
    parser.add_argument("--hugepages", type=int, default=1024,
                        help="how many to take from the kernel meanwhile; 0: those there are, if any (default: 1024)")


def udp_frame(src, dst, ports):
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 46, 0, 0, 64, 17, 0) + src + dst
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xffff) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", 0xffff ^ (total & 0xffff) + (total >> 16)) + ip[12:]
    return b"\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0" + ip + struct.pack("!HHHH", *ports, 26, 0) + bytes(18)


def frame(flow):
    return udp_frame(bytes((10, 99, flow >> 8 & 255, flow & 255)), bytes(map(int, address(flow).split("."))),
                     (1024 + flow % 60000, 2048))


def explosion_frames():
    """What differs from 10.99.7.0, 5000 and 4789 first in each bit of each."""
    for a in range(24):
        for b in range(16):
            for c in range(16):
                src = (10 << 24 | 99 << 16 | 7 << 8) ^ 1 << 31 - a
                yield udp_frame(struct.pack("!I", src), b"\x0a\0\0\1", (5000 ^ 1 << 15 - b, 4789 ^ 1 << 15 - c))


def connection_frames(flows):
    """A frame of each connection and its answer, as it is addressed when the host's port is kept: ports are used once for
    each remote address."""
    for i in flows:
        host, remote, port = bytes((10, 99, i >> 8 & 255, i & 255)), bytes((10, 7, i // 60000 >> 8, i // 60000 & 255)), 2000 + i % 60000
        yield udp_frame(host, remote, (port, 2048))
        yield udp_frame(remote, b"\xc0\0\2\1", (2048, port))


FRAMES = {"explosion": lambda flows: explosion_frames(), "connections": connection_frames, "udp": lambda flows: map(frame, flows)}  # by number


def write_capture(path, n_flows, kind="udp", first=0):
    with open(path, "wb") as f:
        f.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for data in FRAMES[kind](range(first, first + n_flows)):
            f.write(struct.pack("=IIII", 0, 0, len(data), len(data)) + data)


def device(scope, kind, capture):
    """Where the traffic comes from: a capture that is played for ever, or a process that makes it."""
    if kind.startswith("memif"):
        return f"net_memif0,role=server,socket={scope.dir}/memif,socket-abstract=no,rsize=11"
    return f"net_pcap0,rx_pcap={capture},infinite_rx=1"


def has_hugepages():
    with open("/proc/meminfo", encoding="utf-8") as f:
        return int(re.search(r"HugePages_Free:\s+(\d+)", f.read())[1]) >= 1024


class Trama:
    def __init__(self, scope, args):
        self.mgmt, self.ctl = f"{scope.dir}/br0.mgmt", f"{scope.dir}/trama-switchd.ctl"
        with open(f"{scope.dir}/switch.yaml", "w", encoding="utf-8") as f:
            f.write(f"run_dir: {scope.dir}\nworkers: [{args.cpu}]\nconntrack: {{max: {CONNECTIONS}}}\n"
                    f"dpdk: {{hugepages: {'auto' if has_hugepages() else 'off'}}}\nbridges:\n  br0:\n    ports:\n"
                    "      p1: {type: dpdk, ofport: 2, devargs: \"net_null1,no-rx=1\"}\n")
        process = scope.start(os.path.join(ROOT, args.build, "vswitch", "trama-switchd"), "-c", f"{scope.dir}/switch.yaml")
        wait_for("trama-switchd", lambda: os.path.exists(self.mgmt) or process.poll() is not None)

    def feed(self, devargs):
        """Begins to take frames in, by port 1."""
        run("ovs-appctl", "-t", self.ctl, "port/add", "br0", "p0", f"{{type: dpdk, ofport: 1, devargs: \"{devargs}\"}}")


class OvsDpdk:
    """It cannot do without hugepages: it always asks DPDK for --in-memory."""

    def __init__(self, scope, args):
        self.mgmt = f"{scope.dir}/br0.mgmt"
        netns = scope.netns("s")  # it makes taps
        env = {"OVS_RUNDIR": scope.dir, "OVS_LOGDIR": scope.dir, "OVS_DBDIR": scope.dir}
        db = f"unix:{scope.dir}/db.sock"
        run("ovsdb-tool", "create", f"{scope.dir}/conf.db", "/usr/share/openvswitch/vswitch.ovsschema")
        scope.start("ovsdb-server", f"{scope.dir}/conf.db", f"--remote=p{db}", netns=netns, env=env)
        wait_for("ovsdb-server", lambda: os.path.exists(f"{scope.dir}/db.sock"))
        vsctl = ["ovs-vsctl", "--retry", "--timeout=20", f"--db={db}"]
        run(*vsctl, "--no-wait", "init")
        run(*vsctl, "--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
            "other_config:dpdk-lcore-mask=0x1", f"other_config:pmd-cpu-mask={1 << args.cpu:#x}",
            f"other_config:dpdk-extra=\"--socket-mem 1024 --no-pci --file-prefix={scope.tag}\"")
        scope.start("/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk", db, netns=netns, env=env)
        run(*vsctl, "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "protocols=OpenFlow13",
            "fail_mode=secure")
        self.vsctl = vsctl
        self.add_port(1, "net_null1,no-rx=1")

    def add_port(self, n, devargs):
        run(*self.vsctl, "add-port", "br0", f"p{n}", "--", "set", "Interface", f"p{n}", "type=dpdk", f"ofport_request={n + 1}",
            f"options:dpdk-devargs=\"{devargs}\"")

    def feed(self, devargs):
        self.add_port(0, devargs)


SWITCHES = {"trama": Trama, "ovs-dpdk": OvsDpdk}


def sent(switch):
    out = run("ovs-ofctl", "-O", "OpenFlow13", "dump-ports", switch.mgmt, 2)
    return int(re.search(r"tx pkts=(\d+)", out)[1])


def generate(scope, args, kind, n_flows, seconds):
    """Traffic of generate.c, from the other CPU, until the scope is left or so long."""
    binary = os.path.join(ROOT, args.build, "tests", "bench", "generate")
    return scope.start("taskset", "-c", 0 if args.cpu else 1, binary, f"{scope.dir}/memif", kind.split()[1], n_flows, seconds)


def start(scope, make, case, args):
    kind, n_flows, rules = case
    capture = f"{scope.dir}/in.pcap"
    if not kind.startswith("memif"):
        write_capture(capture, n_flows, kind)
    switch = make(scope, args)
    with open(f"{scope.dir}/rules", "w", encoding="utf-8") as f:
        f.write("\n".join(rules) + "\n")
    run("ovs-ofctl", "-O", "OpenFlow13", "--bundle", "add-flows", switch.mgmt, f"{scope.dir}/rules")
    return switch, capture


def count(switch, kind, seconds):
    """kpps of so long; of connections that begin, of the first of them, as many for each switch: a table that fills gets slower."""
    before, begin = sent(switch), time.monotonic()
    if kind in BEGUN:
        wait_for("connections", lambda: sent(switch) >= BEGUN[kind])
    else:
        time.sleep(seconds)
    return (sent(switch) - before) / (time.monotonic() - begin) / 1000


def one_run(make, case, args):
    kind, n_flows, _ = case
    settle = 0 if kind in BEGUN else args.settle if make is OvsDpdk else 0.5  # caches fill
    with Scope("dp") as scope:
        try:
            switch, capture = start(scope, make, case, args)
            switch.feed(device(scope, kind, capture))
            if kind.startswith("memif"):
                generate(scope, args, kind, n_flows, args.seconds + settle + 30)
            wait_for("frames", lambda: sent(switch) > 0)
        except RuntimeError as error:
            raise RuntimeError(f"{make.__name__}: {error}\n{scope.log()}") from error
        time.sleep(settle)
        return count(switch, kind, args.seconds)


def counts(make, case, args):
    """How often each rule was met by the capture sent once: match and priority -> frames."""
    with Scope("dp") as scope:
        switch, capture = start(scope, make, case, args)
        switch.feed(device(scope, "memif", capture))
        time.sleep(1)  # Open vSwitch drops what comes before it has got used to a port
        generate(scope, args, "memif play", capture, PLAY_RATE)
        n_frames = sum(1 for _ in FRAMES[case[0]](range(case[1])))
        rules = {}

        def is_done():
            rules.clear()
            for line in run("ovs-ofctl", "-O", "OpenFlow13", "dump-flows", switch.mgmt, timeout=120).splitlines():
                found = re.search(r"table=(\d+), n_packets=(\d+), n_bytes=\d+, (.*)", line)
                if found:
                    rules[found[1] + " " + re.sub(r"(idle_age|hard_age)=\d+, ", "", found[3])] = int(found[2])
            return sum(n for rule, n in rules.items() if rule.startswith("0 ")) >= n_frames
        try:
            wait_for(f"{n_frames} frames", is_done, 20)
        except RuntimeError as error:
            raise RuntimeError(f"{make.__name__}: {error}, but {sum(rules.values())} counts of {len(rules)} rules") from error
        return dict(rules)


def check(cases, args):
    rows = []
    for case in cases:
        if CASES[case][0].startswith("memif"):
            continue
        ours, theirs = (counts(make, CASES[case], args) for make in (Trama, OvsDpdk))
        wrong = [rule for rule in {*ours, *theirs} if ours.get(rule) != theirs.get(rule)]
        rows.append([case, len(theirs), sum(n > 0 for n in theirs.values()), len(wrong)])
        if wrong:
            raise RuntimeError(f"{case}: rule '{wrong[0]}' was met {ours.get(wrong[0])} times, and {theirs.get(wrong[0])} in "
                               f"Open vSwitch; {len(wrong)} rules differ")
    return {"columns": ["case", "rules", "met", "wrong"], "rows": rows}


def ceiling(case, args):
    """What DPDK's own forwarder does between the same devices, which looks at nothing: kpps."""
    kind, n_flows, _ = case
    with Scope("dp") as scope:
        capture = f"{scope.dir}/in.pcap"
        if not kind.startswith("memif"):
            write_capture(capture, n_flows, kind)
        scope.start("dpdk-testpmd", "-l", f"{0 if args.cpu else 1},{args.cpu}", "--in-memory", "--no-pci", "--no-telemetry",
                    "--vdev", device(scope, kind, capture), "--vdev", "net_null1,no-rx=1", "--", "--forward-mode=io",
                    "--auto-start", "--nb-cores=1", "--stats-period=1", "--total-num-mbufs=262144", "--no-flush-rx",
                    f"--burst={32}")
        if kind.startswith("memif"):
            wait_for("dpdk-testpmd's socket", lambda: os.path.exists(f"{scope.dir}/memif"))
            generate(scope, args, kind, n_flows, args.seconds + 30)
        rates = []

        def is_done():
            rates[:] = [int(n) for n in re.findall(r"Tx-pps:\s+(\d+)", scope.log(1 << 20)) if int(n)]
            return len(rates) >= 3
        wait_for("a rate of dpdk-testpmd", is_done, 30)
        return statistics.median(rates[1:]) / 1000


def chosen(text, known, what):
    names = text.split(",") if text else list(known)
    for name in names:
        if name not in known:
            raise RuntimeError(f"{what}: there is no '{name}'; there are: {', '.join(known)}")
    return names


def measure(args):
    cases = chosen(args.cases, CASES, "--cases")
    names = chosen(args.switches, SWITCHES, "--switches")
    if args.rounds < 1 or args.seconds <= 0 or args.hugepages < 0 or args.settle < 0:
        raise RuntimeError("--rounds is at least 1, --seconds more than 0, --settle and --hugepages not negative")
    with Hugepages(args.hugepages) if args.hugepages else contextlib.nullcontext():
        has_huge = has_hugepages()
        if ("ovs-dpdk" in names or args.check) and not has_huge:
            raise RuntimeError("ovs-dpdk needs 1024 free hugepages (--hugepages); or --switches trama")
        return check(cases, args) if args.check else measure_all(cases, names, args, has_huge)


def ceiling_text(case, args):
    """A ceiling that cannot be had costs nobody what was measured before it."""
    try:
        return round(ceiling(case, args))
    except RuntimeError as e:
        print(f"script/bench: {e}", file=sys.stderr)
        return "-"


def measure_all(cases, names, args, has_huge):
    samples = {(case, name): [] for case in cases for name in names}
    for _ in range(args.rounds):
        for case in cases:
            for name in names:
                samples[case, name].append(one_run(SWITCHES[name], CASES[case], args))
    rows = []
    for case in cases:
        kpps = [statistics.median(samples[case, name]) for name in names]
        ratio = [round(kpps[0] / kpps[1], 2)] if len(kpps) == 2 and kpps[1] else []
        rows.append([case, *(round(v) for v in kpps), *ratio, ceiling_text(CASES[case], args) if has_huge else "-"])
    ratio = [f"{names[0]}/{names[1]}"] if len(names) == 2 else []
    return {"columns": ["case", *(f"{name} kpps" for name in names), *ratio, "testpmd kpps"], "hugepages": has_huge, "rows": rows,
            "samples": {f"{case} {name}": values for (case, name), values in samples.items()}}

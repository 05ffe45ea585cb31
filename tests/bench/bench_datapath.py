# SPDX-License-Identifier: Apache-2.0
"""One core of a switch between two DPDK devices: net_pcap that plays a capture for ever, and net_null.  The same devices,
the same core and the same rules for each switch, one after the other, several times; the medians count."""
import contextlib
import os
import random
import re
import statistics
import struct
import time

from system import ROOT, Hugepages, Scope, run, wait_for

about = "one core forwarding captured frames between DPDK devices, against Open vSwitch with DPDK"

ACL_RULES = 500


def address(flow):
    """Where a flow goes to: one of 1000 addresses."""
    return f"10.{flow % 16}.{flow >> 8 & 255}.{flow & 255}"


def route_rules():
    return [f"priority=10,ip,nw_dst={address(flow)},actions=set_field:02:00:00:00:01:{flow & 255:02x}->eth_dst,dec_ttl,output:2"
            for flow in range(1000)]


def acl_rules():
    """Rules of many shapes, none of which the traffic meets, though it agrees with each in part; what is left may pass."""
    rnd = random.Random(1)
    rules = ["priority=1,actions=output:2"]
    for n in range(ACL_RULES):
        src, dst = rnd.choice((0, 8, 16, 20, 24, 32)), rnd.choice((8, 16, 20, 24, 28, 32))
        match = f"priority={1000 + n},udp,nw_dst=10.{rnd.randrange(16)}.{rnd.randrange(4)}.{rnd.randrange(256)}/{dst}"
        match += f",nw_src=10.{rnd.randrange(100, 200)}.{rnd.randrange(256)}.{rnd.randrange(256)}/{src}" if src > 8 else ""
        match += f",tp_dst={rnd.randrange(4096, 65536)}" if src <= 8 or n % 3 == 0 else ""
        rules.append(match + ",actions=drop")
    return rules


# Name: flows in the capture, rules.
CASES = {
    "port f1": (1, ["in_port=1,actions=output:2"]),
    "port f1000": (1000, ["in_port=1,actions=output:2"]),
    "vlan f1000": (1000, ["in_port=1,actions=push_vlan:0x8100,set_field:4106->vlan_vid,output:2"]),
    "route f1000": (1000, route_rules()),
    "acl f1000": (1000, acl_rules()),
}


def options(parser):
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--seconds", type=float, default=2, help="of each run (default: 2)")
    parser.add_argument("--cpu", type=int, default=(os.cpu_count() or 1) - 1, help="the worker's (default: the last)")
    parser.add_argument("--cases", help=f"some of: {', '.join(CASES)}; separated by commas")
    parser.add_argument("--switches", default="trama,ovs-dpdk", help="default: trama,ovs-dpdk")
    parser.add_argument("--hugepages", type=int, default=1024,
                        help="how many to take from the kernel meanwhile; 0: those there are, if any (default: 1024)")


def frame(flow):
    ip = struct.pack("!BBHHHBBH4B4B", 0x45, 0, 46, 0, 0, 64, 17, 0, 10, 99, flow >> 8 & 255, flow & 255, 10, flow % 16,
                     flow >> 8 & 255, flow & 255)
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xffff) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", 0xffff ^ (total & 0xffff) + (total >> 16)) + ip[12:]
    return b"\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0" + ip + struct.pack("!HHHH", 1024 + flow, 2048, 26, 0) + bytes(18)


def write_capture(path, n_flows):
    with open(path, "wb") as f:
        f.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for flow in range(n_flows):
            data = frame(flow)
            f.write(struct.pack("=IIII", 0, 0, len(data), len(data)) + data)


def has_hugepages():
    with open("/proc/meminfo", encoding="utf-8") as f:
        return int(re.search(r"HugePages_Free:\s+(\d+)", f.read())[1]) >= 1024


class Trama:
    def __init__(self, scope, capture, args):
        self.mgmt = f"{scope.dir}/br0.mgmt"
        with open(f"{scope.dir}/switch.yaml", "w", encoding="utf-8") as f:
            f.write(f"run_dir: {scope.dir}\nworkers: [{args.cpu}]\n"
                    f"dpdk: {{hugepages: {'auto' if has_hugepages() else 'off'}}}\nbridges:\n  br0:\n    ports:\n"
                    f"      p0: {{type: dpdk, ofport: 1, devargs: \"net_pcap0,rx_pcap={capture},infinite_rx=1\"}}\n"
                    "      p1: {type: dpdk, ofport: 2, devargs: \"net_null1,no-rx=1\"}\n")
        process = scope.start(os.path.join(ROOT, args.build, "vswitch", "trama-switchd"), "-c", f"{scope.dir}/switch.yaml")
        wait_for("trama-switchd", lambda: os.path.exists(self.mgmt) or process.poll() is not None)


class OvsDpdk:
    """It cannot do without hugepages: it always asks DPDK for --in-memory."""

    def __init__(self, scope, capture, args):
        self.mgmt = f"{scope.dir}/br0.mgmt"
        netns = scope.netns("s")  # it makes taps
        env = {"OVS_RUNDIR": scope.dir, "OVS_LOGDIR": scope.dir, "OVS_DBDIR": scope.dir}
        db = f"unix:{scope.dir}/db.sock"
        run("ovsdb-tool", "create", f"{scope.dir}/conf.db", "/usr/share/openvswitch/vswitch.ovsschema")
        scope.start("ovsdb-server", f"{scope.dir}/conf.db", f"--remote=p{db}", netns=netns, env=env)
        wait_for("ovsdb-server", lambda: os.path.exists(f"{scope.dir}/db.sock"))
        vsctl = ["ovs-vsctl", "--timeout=20", f"--db={db}"]
        run(*vsctl, "--no-wait", "init")
        run(*vsctl, "--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
            "other_config:dpdk-lcore-mask=0x1", f"other_config:pmd-cpu-mask={1 << args.cpu:#x}",
            f"other_config:dpdk-extra=\"--socket-mem 1024 --no-pci --file-prefix={scope.tag}\"")
        scope.start("/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk", db, netns=netns, env=env)
        run(*vsctl, "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "protocols=OpenFlow13",
            "fail_mode=secure")
        for n, devargs in enumerate((f"net_pcap0,rx_pcap={capture},infinite_rx=1", "net_null1,no-rx=1")):
            run(*vsctl, "add-port", "br0", f"p{n}", "--", "set", "Interface", f"p{n}", "type=dpdk", f"ofport_request={n + 1}",
                f"options:dpdk-devargs={devargs}")


SWITCHES = {"trama": Trama, "ovs-dpdk": OvsDpdk}


def sent(switch):
    out = run("ovs-ofctl", "-O", "OpenFlow13", "dump-ports", switch.mgmt, 2)
    return int(re.search(r"tx pkts=(\d+)", out)[1])


def one_run(make, case, args):
    n_flows, rules = case
    with Scope("dp") as scope:
        capture = f"{scope.dir}/in.pcap"
        write_capture(capture, n_flows)
        try:
            switch = make(scope, capture, args)
            with open(f"{scope.dir}/rules", "w", encoding="utf-8") as f:
                f.write("\n".join(rules) + "\n")
            run("ovs-ofctl", "-O", "OpenFlow13", "--bundle", "add-flows", switch.mgmt, f"{scope.dir}/rules")
            before = sent(switch)
            wait_for("frames", lambda: sent(switch) > before)
        except RuntimeError as error:
            raise RuntimeError(f"{make.__name__}: {error}\n{scope.log()}") from error
        time.sleep(0.5)  # caches fill
        before, start = sent(switch), time.monotonic()
        time.sleep(args.seconds)
        after = sent(switch)
        return (after - before) / (time.monotonic() - start) / 1000


def chosen(text, known, what):
    names = text.split(",") if text else list(known)
    for name in names:
        if name not in known:
            raise RuntimeError(f"{what}: there is no '{name}'; there are: {', '.join(known)}")
    return names


def measure(args):
    cases = chosen(args.cases, CASES, "--cases")
    names = chosen(args.switches, SWITCHES, "--switches")
    if args.rounds < 1 or args.seconds <= 0 or args.hugepages < 0:
        raise RuntimeError("--rounds is at least 1, --seconds more than 0, --hugepages not negative")
    with Hugepages(args.hugepages) if args.hugepages else contextlib.nullcontext():
        return measure_all(cases, names, args)


def measure_all(cases, names, args):
    has_huge = has_hugepages()
    if "ovs-dpdk" in names and not has_huge:
        raise RuntimeError("ovs-dpdk needs 1024 free hugepages (--hugepages); or --switches trama")
    samples = {(case, name): [] for case in cases for name in names}
    for _ in range(args.rounds):
        for case in cases:
            for name in names:
                samples[case, name].append(one_run(SWITCHES[name], CASES[case], args))
    rows = []
    for case in cases:
        kpps = [statistics.median(samples[case, name]) for name in names]
        rows.append([case, *(round(v) for v in kpps), *([round(kpps[0] / kpps[1], 2)] if len(kpps) == 2 and kpps[1] else [])])
    ratio = [f"{names[0]}/{names[1]}"] if len(names) == 2 else []
    return {"columns": ["case", *(f"{name} kpps" for name in names), *ratio], "hugepages": has_huge, "rows": rows,
            "samples": {f"{case} {name}": values for (case, name), values in samples.items()}}

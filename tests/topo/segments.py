#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Large TCP transfers through flows that change every segment of 64 KB: a VLAN or MPLS labels pushed and popped over a trunk
between two bridges, addresses rewritten both ways, a smaller MTU behind; over AF_XDP too; and IP fragments.  No checksum may be wrong at the hosts.
    segments.py TRAMA_SWITCHD [CASE...]
Exit: 0 all passed, 1 something failed, 77 skipped (not root, or a tool is missing)."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from port_life import run, wait_for

MAC = {"a": "02:00:00:00:00:0a", "b": "02:00:00:00:00:0b", "va": "02:00:00:00:01:0a", "vb": "02:00:00:00:01:0b"}
BYTES = 100_000_000
failed = []


class Net:
    """Host a on a tap of br0, host b behind a veth of br1 (netdev), a veth between the bridges."""

    def __init__(self, binary, options):
        self.dir = tempfile.mkdtemp(prefix="trama-topo-")
        self.sw, self.a, self.b = (f"tsg{os.getpid()}{c}" for c in "sab")
        self.tap = f"tsga{os.getpid()}"
        self.process = None
        self.ctl = f"{self.dir}/trama-switchd.ctl"
        for ns in (self.sw, self.a, self.b):
            run("ip", "netns", "add", ns)
            run("ip", "-n", ns, "link", "set", "lo", "up")
        run("ip", "-n", self.sw, "link", "add", "vb", "type", "veth", "peer", "name", "eth0", "address", MAC["b"], "netns", self.b)
        run("ip", "-n", self.sw, "link", "add", "t0", "type", "veth", "peer", "name", "t1")
        with open(f"{self.dir}/sw.yaml", "w", encoding="utf-8") as f:
            f.write(f"""run_dir: {self.dir}
dpdk: {{hugepages: off}}
bridges:
  br0:
    ports:
      {self.tap}: {{type: tap, netns: {self.a}, mac: "{MAC['a']}", ofport: 1}}
      t0: {{type: netdev, ofport: 2}}
  br1:
    ports:
      vb: {{type: netdev, ofport: 1{options}}}
      t1: {{type: netdev, ofport: 2}}
""")
        with open(f"{self.dir}/log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(["ip", "netns", "exec", self.sw, binary, "-c", f"{self.dir}/sw.yaml"], stderr=log)
        try:
            self.set_up()
        except Exception:
            self.close()
            raise

    def set_up(self):
        """Waits for the daemon's four ports, which come after its sockets, and gives both hosts their addresses."""
        wait_for("start", lambda: self.process.poll() is not None or self.n_ports() == 4)
        for ns, device, n in ((self.a, self.tap, 1), (self.b, "eth0", 2)):
            run("ip", "-n", ns, "link", "set", device, "up")
            run("ip", "-n", ns, "addr", "add", f"10.94.0.{n}/24", "dev", device)
            run("ip", "-n", ns, "addr", "add", f"fd94::{n}/64", "dev", device, "nodad")

    def n_ports(self):
        done = subprocess.run(["ovs-appctl", "-t", self.ctl, "port/stats"], capture_output=True, text=True, check=False)
        return len(json.loads(done.stdout)) if done.returncode == 0 else 0

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
        for ns in (self.sw, self.a, self.b):
            run("ip", "netns", "del", ns, check=False)
        shutil.rmtree(self.dir)

    def flow(self, bridge, text):
        run("timeout", "10", "ovs-ofctl", "-O", "OpenFlow13", "add-flow", f"{self.dir}/{bridge}.mgmt", text)

    def vlan(self):
        """VLAN 10 on the trunk, untagged frames on both sides."""
        for bridge in ("br0", "br1"):
            self.flow(bridge, "priority=1,in_port=1,actions=push_vlan:0x8100,set_field:4106->vlan_vid,output:2")
            self.flow(bridge, "priority=1,in_port=2,dl_vlan=10,actions=pop_vlan,output:1")

    def port_counter(self, port, name):
        ports = json.loads(run("ovs-appctl", "-t", self.ctl, "port/stats"))
        return next(p[name] for p in ports if p["name"] == port)

    def drops(self, reason):
        return json.loads(run("ovs-appctl", "-t", self.ctl, "stats"))["drops"][reason]

    def in_ns(self, ns, *command, check=True):
        return run("ip", "netns", "exec", ns, *command, check=check)

    def transfer(self, case, client, server, target, *options):
        """BYTES from client to server; RuntimeError when they do not arrive."""
        listener = subprocess.Popen(["ip", "netns", "exec", server, "iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
        wait_for("iperf3", lambda: ":5201 " in self.in_ns(server, "ss", "-Hltn"))
        try:
            out = self.in_ns(client, "timeout", "50", "iperf3", "-c", target, "-n", str(BYTES), "-J", *options, check=False)
            end = json.loads(out).get("end", {}).get("sum_received", {})
            if end.get("bytes", 0) < BYTES * 0.9:  # iperf3 stops counting when the sender is done
                failed.append(f"{case}: {end.get('bytes', 0)} bytes to {target}: {json.loads(out).get('error', '')}")
            print(f"{case}: {target} {' '.join(options)}: {end.get('bits_per_second', 0) / 1e9:.2f} Gbit/s")
        finally:
            listener.kill()
            listener.wait()

    def check_sums(self, case):
        for ns in (self.a, self.b):
            bad = re.findall(r"^(\S*(?:InCsumErrors|TcpInErrs|InHdrErrors))\s+([1-9]\d*)", self.in_ns(ns, "nstat", "-asz"), re.M)
            if bad:
                failed.append(f"{case}: {bad}")


def vlan(net, case):
    net.vlan()
    for options in ((), ("-R",)):
        net.transfer(case, net.a, net.b, "10.94.0.2", *options)
        net.transfer(case, net.a, net.b, "fd94::2", *options)


def rewrite(net, case):
    """a knows b as .9, with another MAC address, and b knows a as .8."""
    net.vlan()
    tag = "push_vlan:0x8100,set_field:4106->vlan_vid,output:2"
    for kind, a, b, as_a, as_b in (("ip", "10.94.0.1", "10.94.0.2", "10.94.0.8", "10.94.0.9"),
                                   ("ipv6", "fd94::1", "fd94::2", "fd94::8", "fd94::9")):
        field, src, dst = ("ip", "nw_src", "nw_dst") if kind == "ip" else ("ipv6", "ipv6_src", "ipv6_dst")
        net.flow("br0", f"priority=5,in_port=1,{kind},{dst}={as_b},actions=set_field:{as_a}->{field}_src,set_field:{b}->{field}_dst,"
                        f"set_field:{MAC['va']}->eth_src,set_field:{MAC['b']}->eth_dst,dec_ttl,{tag}")
        net.flow("br0", f"priority=5,in_port=2,dl_vlan=10,{kind},{src}={b},{dst}={as_a},actions=pop_vlan,dec_ttl,"
                        f"set_field:{as_b}->{field}_src,set_field:{a}->{field}_dst,set_field:{MAC['vb']}->eth_src,"
                        f"set_field:{MAC['a']}->eth_dst,output:1")
        run("ip", "-n", net.a, "neigh", "add", as_b, "lladdr", MAC["vb"], "dev", net.tap)
        run("ip", "-n", net.b, "neigh", "add", as_a, "lladdr", MAC["va"], "dev", "eth0")
        for options in ((), ("-R",)):
            net.transfer(case, net.a, net.b, as_b, *options)


def mtu(net, case):
    """Behind an MTU of 1400 TCP passes; a datagram of 1450 bytes does not, and is counted where it ends."""
    net.vlan()
    run("ip", "-n", net.b, "link", "set", "eth0", "mtu", "1400")
    run("ip", "-n", net.sw, "link", "set", "vb", "mtu", "1400")
    for options in ((), ("-R",)):
        net.transfer(case, net.a, net.b, "10.94.0.2", *options)
    before = net.port_counter("vb", "tx_errors"), net.drops("too-big")
    if "0 received" not in net.in_ns(net.a, "ping", "-c", "3", "-i", "0.05", "-W", "1", "-s", "1422", "10.94.0.2", check=False):
        failed.append("mtu: a ping that is too large passes")
    after = net.port_counter("vb", "tx_errors"), net.drops("too-big")
    if after != (before[0] + 3, before[1] + 3) or net.port_counter("vb", "tx_too_big") != after[1]:
        failed.append(f"mtu: tx_errors and drops {before}, then {after} after three frames that are too large")
    run("ovs-appctl", "-t", net.ctl, "port/del", "br1", "vb")
    if net.drops("too-big") != after[1]:
        failed.append("mtu: drops are forgotten with their port")


def xdp(net, case):
    """AF_XDP has no way to say that a checksum is missing; the peer leaves it out all the same."""
    net.vlan()
    for options in ((), ("-R",)):
        net.transfer(case, net.a, net.b, "10.94.0.2", *options)


def mpls(net, case):
    """Two labels, the inner one for the kind of packet behind; nothing on the way can cut what is behind labels."""
    for device in ("t0", "t1"):
        run("ip", "-n", net.sw, "link", "set", device, "mtu", "1508")
    for bridge in ("br0", "br1"):
        for port in (1, 2):
            net.flow(bridge, f"in_port={port},arp,actions=output:{3 - port}")
        for kind, label, ethertype in (("ip", 4, "0x0800"), ("ipv6", 6, "0x86dd")):
            push = f"push_mpls:0x8847,set_field:{label}->mpls_label,push_mpls:0x8847"
            net.flow(bridge, f"in_port=1,{kind},actions={push},output:2")
            net.flow(bridge, f"in_port=2,mpls,mpls_label={label},actions=pop_mpls:0x8847,pop_mpls:{ethertype},output:1")
    for options in ((), ("-R",)):
        net.transfer(case, net.a, net.b, "10.94.0.2", *options)
        net.transfer(case, net.a, net.b, "fd94::2", *options)


def fragments(net, case):
    """Datagrams that a host's kernel has cut: put together for flows that let no fragment pass, cut again on the way out, and
    whole at the other host's kernel."""
    net.vlan()
    for bridge in ("br0", "br1"):
        for kind in ("ip", "ipv6"):
            net.flow(bridge, f"priority=9,{kind},nw_frag=yes,actions=drop")
    for mode, received in (("reassemble", 5), ("normal", 0)):
        for bridge in ("br0", "br1"):
            run("timeout", "10", "ovs-ofctl", "-O", "OpenFlow13", "set-frags", f"{net.dir}/{bridge}.mgmt", mode)
        for target, size in (("10.94.0.2", "1500"), ("10.94.0.2", "65000"), ("fd94::2", "1500"), ("fd94::2", "65000")):
            out = net.in_ns(net.a, "ping", "-c", "5", "-i", "0.02", "-W", "1", "-s", size, target, check=False)
            if f" {received} received" not in out:
                failed.append(f"{case}: {mode}, {size} bytes to {target}: {out}")
    stats = json.loads(run("ovs-appctl", "-t", net.ctl, "stats"))
    counted = [sum(w[name] for w in stats["workers"]) for name in ("joined", "cut")]
    if counted != [80, 80]:  # 20 pings, each way, on two bridges
        failed.append(f"{case}: joined and cut {counted}: {stats['drops']}")


CASES = {"vlan": (vlan, ""), "fragments": (fragments, ""), "mpls": (mpls, ""), "rewrite": (rewrite, ""), "mtu": (mtu, ""), "xdp": (xdp, ", mode: xdp")}


def main(binary, *names):
    for tool in ("ip", "ping", "ovs-ofctl", "iperf3", "nstat", "ethtool"):
        if os.geteuid() != 0 or not shutil.which(tool):
            print(f"skipped: needs root and {tool}")
            return 77
    for name in names or CASES:
        case, options = CASES[name]
        before = len(failed)
        net = Net(binary, options)
        try:
            case(net, name)
            net.check_sums(name)
        except RuntimeError as error:
            with open(f"{net.dir}/log", encoding="utf-8") as f:
                failed.append(f"{name}: {error}\n{f.read()[-2000:]}")
        finally:
            net.close()
        print(f"{name}: {'ok' if len(failed) == before else 'FAILED'}", flush=True)
    print("\n".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

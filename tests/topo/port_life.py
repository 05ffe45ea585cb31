#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ports that come and go: by command some hundred times without growth, and by their devices vanishing and coming back.
    port_life.py TRAMA_SWITCHD [--cycles N] [CASE...]
Exit: 0 all passed, 1 something failed, 77 skipped (not root, or a tool is missing)."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

FDS = 3  # descriptors more that are no leak: connections of ours that the switch has not closed yet
GROWTH_KB = 3000  # of memory, over all cycles; a leaked port has over 100 KB
failed = []


def run(*command, check=True):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}")
    return done.stdout


def wait_for(what, is_true):
    end = time.monotonic() + 15
    while not is_true():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within 15 s")
        time.sleep(0.02)


class Switch:
    """The daemon in a namespace `sw`, with hosts `a` and `b`; a is on the tap ta, b on the netdev vb (a veth pair)."""

    def __init__(self, binary):
        self.binary = binary
        self.dir = tempfile.mkdtemp(prefix="trama-topo-")
        self.sw, self.a, self.b = (f"tpl{os.getpid()}{c}" for c in "sab")
        self.ta, self.vb = f"tpla{os.getpid()}", f"tplb{os.getpid()}"
        self.process = None
        for ns in (self.sw, self.a, self.b):
            run("ip", "netns", "add", ns)
        self.add_veth()
        with open(f"{self.dir}/sw.yaml", "w", encoding="utf-8") as f:
            f.write(f"""run_dir: {self.dir}
dpdk: {{hugepages: off}}
bridges:
  br0:
    datapath_id: 5
    ports:
      {self.ta}: {{type: tap, netns: {self.a}, address: 10.95.0.1/24, ofport: 11}}
      {self.vb}: {{type: netdev, ofport: 12, flags: [no_packet_in]}}
""")
        try:
            self.start()
        except RuntimeError:
            self.close()
            raise

    def add_veth(self):
        run("ip", "-n", self.sw, "link", "add", self.vb, "type", "veth", "peer", "name", "eth0", "address",
            "02:00:00:00:00:0b", "netns", self.b)
        run("ip", "-n", self.b, "addr", "add", "10.95.0.2/24", "dev", "eth0")
        run("ip", "-n", self.b, "link", "set", "eth0", "up")

    def start(self):
        with open(f"{self.dir}/log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(["ip", "netns", "exec", self.sw, self.binary, "-c", f"{self.dir}/sw.yaml", "--test"],
                                            stderr=log)
        self.ctl = f"{self.dir}/trama-switchd.{self.process.pid}.ctl"
        wait_for("start", lambda: os.path.exists(self.ctl) or self.process.poll() is not None)
        self.of("add-flow", "priority=1,in_port=11,actions=output:12")
        self.of("add-flow", "priority=1,in_port=12,actions=output:11")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def close(self):
        self.stop()
        for ns in (self.sw, self.a, self.b):
            run("ip", "netns", "del", ns, check=False)
        shutil.rmtree(self.dir)

    def of(self, command, *args):
        return run("timeout", "10", "ovs-ofctl", "-O", "OpenFlow13", command, f"{self.dir}/br0.mgmt", *args)

    def call(self, method, *params):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.ctl)
            s.sendall(json.dumps({"id": 1, "method": method, "params": params}).encode())
            text = b""
            while True:
                part = s.recv(1 << 16)
                text += part
                try:
                    answer = json.loads(text)
                    break
                except ValueError:
                    if not part:
                        raise
        if answer["error"]:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def link(self, name):
        """What the switch says of a port's link."""
        text = self.call("port/list", "br0")
        ports = json.loads(text) if isinstance(text, str) else text
        return next(p["link"] for p in ports if p["name"] == name)

    def reaches(self):
        return " 0% packet loss" in run("ip", "netns", "exec", self.a, "ping", "-c", "1", "-W", "1", "10.95.0.2", check=False)

    def usage(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as f:
            rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
        return rss, len(os.listdir(f"/proc/{self.process.pid}/fd"))


def cycles(s, n):
    run("ip", "-n", s.sw, "link", "add", "cyc0", "type", "veth", "peer", "name", "cyc1")
    kinds = [("ct", f"{{type: tap, netns: {s.b}}}"), ("cyc0", "{type: netdev, queues: 2}"), ("cq", "{type: test}"),
             ("cn", "{type: dpdk, devargs: net_null7}")]

    def cycle():
        for name, settings in kinds:
            s.call("port/add", "br0", name, settings)
        for name, _ in kinds:
            s.call("port/del", "br0", name)

    for _ in range(20):
        cycle()
    rss, fds = s.usage()
    for _ in range(n):
        cycle()
    rss_after, fds_after = s.usage()
    print(f"cycles: {n} of {len(kinds)} ports: {rss} to {rss_after} KB, {fds} to {fds_after} descriptors")
    if fds_after > fds + FDS:
        failed.append(f"cycles: {fds_after - fds} descriptors more")
    if rss_after > rss + GROWTH_KB:
        failed.append(f"cycles: {rss_after - rss} KB more")
    if not s.reaches():
        failed.append("cycles: no ping afterwards")


class Monitor:
    """A controller's ear: counts what it is told of the port vb."""

    def __init__(self, s, name=None):
        self.s, self.name, self.path = s, name or s.vb, f"{s.dir}/monitor"

    def __enter__(self):
        with open(self.path, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(["ovs-ofctl", "-O", "OpenFlow13", "monitor", f"{self.s.dir}/br0.mgmt", "65534"],
                                            stderr=out)
        wait_for("monitor", self.hears)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def hears(self):
        """It is connected when it is told of a change."""
        self.s.of("mod-port", "12", "no-receive")
        self.s.of("mod-port", "12", "receive")
        return os.path.getsize(self.path) > 0

    def count(self, what):
        with open(self.path, encoding="utf-8") as f:
            return sum(self.name[:15] in part and what in part for part in f.read().split("PORT_STATUS")[1:])


def back(s, name, vanish, come_back):
    """The device goes: controllers hear of it.  It comes back: traffic flows again, by the same number, settings as before."""
    with Monitor(s, name) as monitor:
        before = monitor.count("LINK_DOWN")
        vanish()
        if come_back:
            wait_for(f"{name}: gone", lambda: s.link(name) == "gone")
            wait_for(f"{name}: port-status", lambda: monitor.count("LINK_DOWN") > before)
            if s.reaches():
                failed.append(f"{name}: ping without a device")
            come_back()
        wait_for(f"{name}: back", lambda: s.link(name) == "up" and s.reaches())


def netdev(s, _):
    back(s, s.vb, lambda: run("ip", "-n", s.sw, "link", "del", s.vb), s.add_veth)
    back(s, s.vb, lambda: run("ip", "-n", s.b, "link", "del", "eth0"), s.add_veth)  # the peer takes it along
    if "NO_PACKET_IN" not in s.of("dump-ports-desc", "12"):
        failed.append("netdev: the port lost its flags")


def tap(s, _):
    back(s, s.ta, lambda: run("ip", "-n", s.a, "link", "del", s.ta), None)  # made again at once


def netns(s, _):
    back(s, s.ta, lambda: run("ip", "netns", "del", s.a), lambda: run("ip", "netns", "add", s.a))


def xdp(s, _):
    """An AF_XDP port carries traffic, hears that its device vanished, and takes the one that comes back."""
    def add():
        run("ip", "-n", s.sw, "link", "add", "x0", "type", "veth", "peer", "name", "eth1", "address",
            "02:00:00:00:00:1b", "netns", s.b)
        run("ip", "-n", s.b, "addr", "add", "10.95.1.2/24", "dev", "eth1")
        run("ip", "-n", s.b, "link", "set", "eth1", "up")

    def reaches():
        return " 0% packet loss" in run("ip", "netns", "exec", s.a, "ping", "-c", "1", "-W", "1", "10.95.1.2", check=False)

    add()
    s.call("port/add", "br0", "x0", "{type: netdev, mode: xdp, ofport: 14}")
    run("ip", "-n", s.a, "addr", "replace", "10.95.1.1/24", "dev", s.ta)
    s.of("add-flow", "priority=5,in_port=14,actions=output:11")
    s.of("add-flow", "priority=5,in_port=11,arp,arp_tpa=10.95.1.2,actions=output:14")
    s.of("add-flow", "priority=5,in_port=11,ip,nw_dst=10.95.1.2,actions=output:14")
    wait_for("xdp: ping", reaches)
    run("ip", "-n", s.sw, "link", "del", "x0")
    wait_for("xdp: gone", lambda: s.link("x0") == "gone")
    if reaches():
        failed.append("xdp: ping without a device")
    add()
    wait_for("xdp: back", lambda: s.link("x0") == "up" and reaches())
    s.call("port/del", "br0", "x0")
    s.of("del-flows", "in_port=14")
    run("ip", "-n", s.sw, "link", "del", "x0")


def killed(s, _):
    """The guard of a netdev port goes with the process, and the next one makes its own."""
    if "drop" not in run("ip", "netns", "exec", s.sw, "nft", "list", "ruleset"):
        failed.append("killed: there is no guard while it runs")
    s.process.kill()
    s.process.wait()
    if run("ip", "netns", "exec", s.sw, "nft", "list", "ruleset").strip():
        failed.append("killed: the guard is left")
    s.start()
    wait_for("killed: ping", s.reaches)
    s.stop()
    if run("ip", "netns", "exec", s.sw, "nft", "list", "ruleset").strip():
        failed.append("killed: the guard is left after a clean end")
    s.start()


def events(s, _):
    """What happens to a device is told by the kernel: with nothing looked at regularly, a controller and a fast failover
    group learn all the same that a link goes down and up, that a device vanishes and that it comes back."""
    s.call("port/add", "br0", "spare", "{type: test, ofport: 13}")
    s.of("add-group", "group_id=1,type=ff,bucket=watch_port:12,actions=output:12,bucket=watch_port:13,actions=output:13")
    wait_for("events: ping", lambda: s.reaches() and s.link(s.vb) == "up")
    run("ip", "-n", s.a, "neigh", "replace", "10.95.0.2", "lladdr", "02:00:00:00:00:0b", "dev", s.ta)
    s.of("add-flow", "priority=2,in_port=11,actions=group:1")
    s.call("tick/stop")
    with Monitor(s) as monitor:
        def change(what, text, *command):
            n = monitor.count(text)
            run("ip", "-n", *command)
            wait_for(f"events: {what}", lambda: monitor.count(text) > n)

        def goes_to_spare():
            s.call("testport/take", "spare")
            run("ip", "netns", "exec", s.a, "ping", "-c", "1", "-W", "0.1", "10.95.0.2", check=False)
            return json.loads(s.call("testport/take", "spare")) != []

        if goes_to_spare():
            failed.append("events: the spare port is used while the first is up")
        for _ in range(3):
            change("link down", "LINK_DOWN", s.b, "link", "set", "eth0", "down")
            if not goes_to_spare():
                failed.append("events: the link is down, and the group does not know")
            change("link up", "LIVE", s.b, "link", "set", "eth0", "up")
            wait_for("events: ping", s.reaches)
        change("device gone", "LINK_DOWN", s.sw, "link", "del", s.vb)
        n = monitor.count("LIVE")
        s.add_veth()
        wait_for("events: device back", lambda: monitor.count("LIVE") > n and s.reaches())
        if goes_to_spare():
            failed.append("events: the device is back, and the group does not know")
    s.stop()
    s.start()


def main(binary, *args):
    if os.geteuid() != 0:
        print("skipped: needs root")
        return 77
    for tool in ("ip", "ping", "ovs-ofctl", "nft"):
        if not shutil.which(tool):
            print(f"skipped: needs {tool}")
            return 77
    args = list(args)
    n = 100
    if "--cycles" in args:
        at = args.index("--cycles")
        n = int(args[at + 1])
        del args[at:at + 2]
    all_cases = {f.__name__: f for f in (netdev, tap, netns, events, xdp, killed, cycles)}
    s = Switch(binary)
    try:
        for name in args or all_cases:
            before = len(failed)
            try:
                all_cases[name](s, n)
            except RuntimeError as error:
                failed.append(f"{name}: {error}")
            print(f"{name}: {'ok' if len(failed) == before else 'FAILED'}", flush=True)
    finally:
        with open(f"{s.dir}/log", encoding="utf-8") as f:
            log = f.read()
        s.close()
    if failed:
        print("\n".join(failed), log[-3000:], sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

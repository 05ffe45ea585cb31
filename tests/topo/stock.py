#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stock clients and servers behind the gateway of topologies/nat-gateway.yaml: what people run, and what it says.

    stock.py TRAMA TOPOLOGIES [CASE...]

The document gets an IPv6 subnet in the lab network, a forward for SSH, DNS, a guard in the office network, and two hosts there
that have no address yet.  Exit: 0 all passed, 1 something failed, 77 skipped (not root, or a program is missing)."""
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import yaml

PATIENCE_S = 20
PROGRAMS = ("iperf3", "curl", "dig", "dnsmasq", "traceroute", "ssh", "sshd", "ssh-keygen", "dhclient", "busybox", "ping")
OUTSIDE, SERVER, CLIENT = "198.51.100.1", "198.51.100.80", "198.51.100.90"


def document(topologies, name):
    doc = yaml.safe_load((topologies / "nat-gateway.yaml").read_text(encoding="utf-8"))
    router = doc["routers"]["edge"]
    doc.update(name=name, expect=[])
    doc["networks"]["office"]["guard"] = True
    doc["networks"]["office"]["dhcp"]["range6"] = ["fd00:10::100", "fd00:10::1ff"]
    doc["networks"]["lab"]["subnet"] = ["10.0.20.0/24", "fd00:20::/64"]
    router["networks"]["lab"] = ["10.0.20.254", "fd00:20::fe"]
    router["forwards"].append({"protocol": "tcp", "port": 2222, "to": "web", "to_port": 22})
    router["forwards"].append({"protocol": "tcp", "port": 2323, "to": "10.0.20.77"})  # where nobody is
    router["dns"] = {"domain": "lab.example"}
    doc["hosts"]["bench"]["address"] = ["10.0.20.1", "fd00:20::1"]
    for host in ("ugo", "dora"):
        doc["hosts"][host] = {"network": "office", "switch": "s1" if host == "ugo" else "s2"}
    return yaml.safe_dump(doc)


def until(what, true):
    """Polls a condition of the kernel's that tells nobody when it comes true."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, f"waited in vain until {what}"
        select.select([], [], [], 0.01)


def same(got, want, what):
    assert got == want, f"{what}: {got!r}, not {want!r}"


class Lab:
    def __init__(self, trama, topologies, directory):
        self.trama, self.dir, self.name = trama, pathlib.Path(directory), f"stock{os.getpid()}"
        path = self.dir / "net.yaml"
        path.write_text(document(topologies, self.name), encoding="utf-8")
        self.tell("up", str(path))

    def tell(self, command, *args):
        done = subprocess.run([self.trama, "lab", command, *args], capture_output=True, text=True, timeout=60, check=False)
        assert not done.returncode, f"lab {command}: {done.stderr}"

    def down(self):
        self.tell("down", self.name)

    def within(self, host, *args):
        return ["ip", "netns", "exec", f"{self.name}:{host}", *map(str, args)]

    def run(self, host, *args, stdin=None):
        return subprocess.run(self.within(host, *args), capture_output=True, input=stdin, timeout=PATIENCE_S, check=False)

    def say(self, host, *args, stdin=None):
        """What a program says that ends well."""
        done = self.run(host, *args, stdin=stdin)
        assert not done.returncode, f"{host}: {' '.join(map(str, args))}: exit {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def daemon(self, host, words, *args):
        return Daemon(self.within(host, *args), words)

    def address(self, host, family=4):
        """The global address that a host has by now."""
        found = []

        def is_there():
            said = json.loads(self.say(host, "ip", "-j", f"-{family}", "addr", "show", "dev", host, "scope", "global"))
            found[:] = [a["local"] for i in said for a in i.get("addr_info", []) if not a.get("tentative")]
            return found
        until(f"{host} has an IPv{family} address", is_there)
        return found[0]


class Daemon:
    """A server in the foreground, once it has said that it is ready; what it says later is kept in `said`."""

    def __init__(self, args, words):
        self.process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.said, self.is_ready, self.words = "", threading.Event(), words
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        try:
            assert self.is_ready.wait(PATIENCE_S) and self.words in self.said, f"{' '.join(args)}: {self.said}"
        except AssertionError:
            self.end()
            raise

    def read(self):
        for line in self.process.stdout:
            self.said += line.decode(errors="replace")
            if self.words in self.said:
                self.is_ready.set()
        self.is_ready.set()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


# --- the programs ---

def case_dhcp(lab):
    """The lab's own clients, udhcpc, dhclient for DHCPv4 and DHCPv6, and what they got works, past the guard."""
    fifo, script = lab.dir / "told", lab.dir / "script"
    os.mkfifo(fifo)
    script.write_text(f"#!/bin/sh\n{{ echo event=$1$reason; env; echo; }} >{fifo}\n", encoding="utf-8")
    script.chmod(0o755)
    told = os.open(fifo, os.O_RDWR)  # both ends: it never ends
    rest = b""

    def next_event(wanted):
        nonlocal rest
        while True:
            assert select.select([told], [], [], 0 if b"\n\n" in rest else PATIENCE_S)[0] or b"\n\n" in rest, f"no {wanted}"
            if b"\n\n" not in rest:
                rest += os.read(told, 65536)
                continue
            text, _, rest = rest.partition(b"\n\n")
            event = dict(x.split("=", 1) for x in text.decode().split("\n") if "=" in x)
            if event["event"] in wanted:
                return event
    for host in ("anna", "robot"):
        assert re.match(r"10\.0\.[12]0\.1\d\d$", lab.address(host)), lab.address(host)
    # The guard lets an address be used from the moment that it is told.
    (lab.dir / "use").write_text(f"#!/bin/sh\n[ $1 = bound ] || exit 0\nip addr add $ip/$mask dev $interface\nip route add default via $router\n"
                                 f"ping=$(ping -c 1 -W 1 $router | grep -c ' 0% packet loss')\n. {script}\n", encoding="utf-8")
    (lab.dir / "use").chmod(0o755)
    script.write_text(f"#!/bin/sh\n{{ echo event=$1$reason; echo ping=$ping; env; echo; }} >{fifo}\n", encoding="utf-8")
    with lab.daemon("ugo", "lease of ", "busybox", "udhcpc", "-f", "-i", "ugo", "-s", lab.dir / "use"):
        got = next_event(["bound"])
    same(got["ping"], "1", "answers to the first packet after the lease")
    want = {"mask": "24", "router": "10.0.10.254", "dns": SERVER, "domain": "office.example", "mtu": "1500"}
    same({k: got.get(k) for k in want}, want, "what udhcpc is told")
    lab.say("ugo", "ping", "-c", "1", "-W", "5", SERVER)

    def dhclient(family, words, reasons):
        args = ("-d", "-v", "-D", "LL", "-cf", "/dev/null", "-sf", script, "-lf", lab.dir / f"leases{family}", "-pf", lab.dir / "pid")
        with lab.daemon("dora", words, "dhclient", f"-{family}", *(args if family == 6 else args[:2] + args[4:]), "dora"):
            return next_event(reasons)
    got = dhclient(4, "bound to ", ["BOUND", "REBOOT"])
    want = {"new_subnet_mask": "255.255.255.0", "new_routers": "10.0.10.254", "new_domain_name_servers": SERVER,
            "new_domain_name": "office.example", "new_interface_mtu": "1500"}
    same({k: got.get(k) for k in want}, want, "what dhclient is told")
    lab.say("dora", "ip", "addr", "add", got["new_ip_address"] + "/24", "dev", "dora")
    lab.say("dora", "ip", "route", "add", "default", "via", got["new_routers"])
    lab.say("dora", "ping", "-c", "1", "-W", "5", SERVER)
    until("dora's link-local address is good", lambda: b"fe80" in (
        said := lab.say("dora", "ip", "-6", "addr", "show", "dev", "dora", "scope", "link")) and b"tentative" not in said)
    until("dora has heard an advertisement", lambda: b"via" in lab.say("dora", "ip", "-6", "route", "show", "default"))
    got = dhclient(6, "Reply", ["BOUND6", "REBOOT6"])
    assert re.match(r"fd00:10::1[0-9a-f]{2}$", got["new_ip6_address"]), got["new_ip6_address"]
    lab.say("dora", "ip", "-6", "addr", "add", got["new_ip6_address"] + "/64", "dev", "dora", "nodad")
    lab.say("dora", "ping", "-6", "-c", "1", "-W", "5", "-I", got["new_ip6_address"], "fd00:20::1")
    lab.say("dora", "ip", "-6", "addr", "add", "fd00:10::bad", "dev", "dora", "nodad")
    done = lab.run("dora", "ping", "-6", "-c", "1", "-W", "1", "-I", "fd00:10::bad", "fd00:20::1")
    same(done.returncode, 1, "a ping from an address that nobody gave")
    os.close(told)


def case_iperf3(lab):
    """TCP and UDP, out and back, through the translation and through a link."""
    for host in ("web", "bench"):
        for kind in ([], ["-R"], ["-u", "-b", "20M"], ["-u", "-b", "20M", "-R"]):
            with lab.daemon("server", "Server listening", "iperf3", "-s", "-1", "--forceflush") as server:
                done = lab.run(host, "iperf3", "-J", "-c", SERVER, "-t", "1", "--connect-timeout", "5000", *kind)
                server.process.wait(PATIENCE_S)
            said = json.loads(done.stdout)
            assert not done.returncode and "error" not in said, f"{host} {kind}: {said.get('error')}"
            same({c["remote_host"] for c in said["start"]["connected"]}, {SERVER}, "the peer")
            assert f"Accepted connection from {OUTSIDE}" in server.said, f"not translated: {server.said}"
            if "-u" in kind:
                assert said["end"]["sum"]["packets"] > 100 and said["end"]["sum"]["lost_percent"] < 20, said["end"]["sum"]
            else:
                assert said["end"]["sum_received"]["bytes"] > 1000000, said["end"]


def case_curl(lab):
    """Files from python's http.server: outside, by a forward, and by the forward from inside (hairpin)."""
    blob = os.urandom(1 << 20)
    (lab.dir / "www").mkdir()
    (lab.dir / "www" / "blob").write_bytes(blob)

    def serve(host, port):
        return lab.daemon(host, "Serving HTTP", sys.executable, "-u", "-m", "http.server", "-d", lab.dir / "www", port)

    def fetch(host, url, server, seen):
        same(lab.say(host, "curl", "-sS", "--fail", "--max-time", "10", url) == blob, True, f"{host} reads {url} whole")
        until(f"{server} says that it served {seen}", lambda: f'{seen} - - ' in server.said)
        server.said = ""
    with serve("server", 80) as server, serve("web", 80) as web:
        for host in ("web", "bench", "anna", "robot"):
            fetch(host, f"http://{SERVER}/blob", server, OUTSIDE)
        fetch("client", f"http://{OUTSIDE}:8080/blob", web, CLIENT)
        fetch("anna", f"http://{OUTSIDE}:8080/blob", web, OUTSIDE)
        fetch("robot", "http://10.0.10.2/blob", web, lab.address("robot"))
        same(lab.run("client", "curl", "-sS", "--max-time", "1", "http://10.0.10.2/").returncode in (7, 28), True, "no way in")
    # Nobody listens any more: who asks is told so, through the translation, and does not wait.
    same(lab.run("web", "curl", "-sS", "--max-time", "10", f"http://{SERVER}/").returncode, 7, "connection refused")


def case_dig(lab):
    """A DNS server outside, by UDP, by TCP, and by TCP because UDP was cut short; and the router's own answers."""
    def dig(host, *args):
        done = lab.run(host, "dig", "+tries=1", "+time=5", *args)
        said = done.stdout.decode()
        status, flags = re.search(r"status: (\w+)", said), re.search(r"flags: ([a-z ]+)", said)
        return (done.returncode, status and status[1], flags and "tc" in flags[1].split(),
                re.findall(r"^[^;\s]\S*\s+\d+\s+IN\s+(?!SOA)\S+\s+(.*)$", said, re.M))
    long = [f"--txt-record=long.example,{i:03}{'x' * 240}" for i in range(8)]
    with lab.daemon("server", "started", "dnsmasq", "-d", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root",
                    "--group=root", "--edns-packet-max=1232", "--address=/www.example/203.0.113.7", *long):
        for host in ("web", "robot", "anna"):
            for way in ("+notcp", "+tcp"):
                same(dig(host, way, f"@{SERVER}", "www.example"), (0, "NOERROR", False, ["203.0.113.7"]), f"{host} {way}")
        same(dig("web", "+ignore", f"@{SERVER}", "long.example", "TXT")[2], True, "a long answer by UDP is cut short")
        same(len(dig("web", f"@{SERVER}", "long.example", "TXT")[3]), 8, "a long answer, by TCP in the end")
    same(dig("web", "@10.0.10.254", "bench.lab.example"), (0, "NOERROR", False, ["10.0.20.1"]), "the router's answer")
    for host, router in (("web", "10.0.10.254"), ("bench", "10.0.20.254"), ("web", "fd00:10::fe")):
        begin = time.monotonic()
        said = lab.run(host, "dig", "+tcp", "+tries=1", "+time=5", f"@{router}", "bench.lab.example").stdout.decode()
        assert "connection refused" in said and time.monotonic() - begin < 2, f"by TCP, which the router does not speak: {said}"
    same(dig("bench", "@fd00:20::fe", "web.lab.example", "AAAA"), (0, "NOERROR", False, ["fd00:10::2"]), "the same by IPv6")


def case_traceroute(lab):
    """Each hop has the address of its side, by UDP and by ICMP; what comes from behind the translation finds its way."""
    def trace(host, to, *args):
        said = lab.say(host, "traceroute", "-n", "-q", "2", "-w", "5", "-m", "5", *args, to).decode()
        return [sorted(set(re.findall(r"[0-9a-f]*[.:][0-9a-f.:]*(?= )", re.sub(r"[0-9.]+ ms", "", line[4:] + " "))))
                for line in said.splitlines()[1:]]
    for how in ((), ("-I",)):
        same(trace("web", CLIENT, *how), [["10.0.10.254"], [CLIENT]], f"web to client {how}")
        same(trace("robot", SERVER, *how), [["10.0.20.254"], [SERVER]], f"robot to server {how}")
        same(trace("anna", "10.0.20.1", *how), [["10.0.10.254"], ["10.0.20.1"]], f"anna to bench {how}")
        same(trace("web", "10.0.10.254", *how), [["10.0.10.254"]], f"web to its router {how}")
        same(trace("web", "fd00:20::1", "-6", *how), [["fd00:10::fe"], ["fd00:20::1"]], f"web to bench by IPv6 {how}")
    same(trace("client", OUTSIDE, "-I"), [[OUTSIDE]], "client to the gateway")
    # By a forward: nothing of the inside is seen, also in what the errors quote.
    same(trace("client", OUTSIDE, "-T", "-p", "8080"), [[OUTSIDE], [OUTSIDE]], "client to a forwarded port")


def case_unreachable(lab):
    """Where nobody answers ARP or neighbor discovery, the sender is told; where somebody does, nothing is lost."""
    lab.say("robot", "ip", "addr", "add", "10.0.20.78/24", "dev", "robot")
    lab.say("robot", "ip", "-6", "addr", "add", "fd00:20::78/64", "dev", "robot", "nodad")
    until("robot has heard an advertisement", lambda: b"via" in lab.say("robot", "ip", "-6", "route", "show", "default"))
    for to in ("10.0.20.78", "fd00:20::78"):  # an address that the controller has not heard of
        said = lab.say("web", "ping", "-c", "1", "-W", "5", to).decode()
        assert "1 received" in said, said
    begin = time.monotonic()
    tries = [(what, subprocess.Popen(lab.within(host, *args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)) for host, what, *args in (
        ("web", "From 10.0.10.254 icmp_seq=1 Destination Host Unreachable", "ping", "-c", "1", "-W", "9", "10.0.20.79"),
        ("web", "From fd00:10::fe icmp_seq=1 Destination unreachable: Address unreachable", "ping", "-c", "1", "-W", "9", "fd00:20::79"),
        ("web", "From 10.0.10.254 icmp_seq=1 Destination Host Unreachable", "ping", "-c", "1", "-W", "9", "198.51.100.79"),
        ("bench", "host unreachable", "dig", "+tcp", "+tries=1", "+time=9", "@10.0.10.79", "x"),
        ("client", "host unreachable", "dig", "+tcp", "+tries=1", "+time=9", "-p", "2323", f"@{OUTSIDE}", "x"))]
    for what, p in tries:
        said = p.communicate(timeout=PATIENCE_S)[0].decode()
        assert what in said, f"not '{what}': {said}"
    assert time.monotonic() - begin < 6, "it took too long"


def case_ssh(lab):
    """Out by translation, in by a forward; a megabyte there and back."""
    os.makedirs("/run/sshd", exist_ok=True)  # where sshd wants to be
    keys = lab.dir / "ssh"
    keys.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", keys / name], check=True)
    (keys / "known").write_text(f"* {(keys / 'host.pub').read_text(encoding='utf-8')}", encoding="utf-8")
    with open("/etc/shadow", encoding="utf-8") as f:  # without PAM an account that is locked is let in by no key
        is_locked = any(line.split(":")[1].startswith("!") for line in f if line.startswith("root:"))
    (keys / "sshd_config").write_text(
        f"HostKey {keys}/host\nAuthorizedKeysFile {keys}/user.pub\nStrictModes no\nPidFile none\nPasswordAuthentication no\n"
        f"PermitRootLogin prohibit-password\nUseDNS no\nUsePAM {'yes' if is_locked else 'no'}\n", encoding="utf-8")
    blob = os.urandom(1 << 20)

    def login(host, to, port, seen):
        with lab.daemon("server" if to == SERVER else "web", "Server listening on 0.0.0.0", shutil.which("sshd"), "-D", "-e", "-f",
                        keys / "sshd_config") as server:
            got = lab.say(host, "ssh", "-F", "none", "-i", keys / "user", "-p", port, "-o", "StrictHostKeyChecking=yes", "-o",
                          f"UserKnownHostsFile={keys}/known", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", f"root@{to}", "cat",
                          stdin=blob)
        assert got == blob, f"{host} to {to}: {len(got)} bytes of {len(blob)}"
        assert f"Accepted publickey for root from {seen} port" in server.said, server.said
    login("web", SERVER, 22, OUTSIDE)
    login("robot", SERVER, 22, OUTSIDE)
    login("client", OUTSIDE, 2222, CLIENT)
    login("bench", OUTSIDE, 2222, OUTSIDE)


CASES = [name[len("case_"):] for name in dir() if name.startswith("case_")]


def main(trama, topologies, *names):
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if os.geteuid():
        print("skipped: needs root")
        return 77
    for program in PROGRAMS:
        if not shutil.which(program):
            print(f"skipped: needs {program}; script/setup installs it")
            return 77
    failed = 0
    with tempfile.TemporaryDirectory(prefix="trama-stock-") as directory:
        lab = Lab(os.path.abspath(trama), pathlib.Path(topologies), directory)
        try:
            for name in names or CASES:
                begin = time.monotonic()
                try:
                    globals()[f"case_{name}"](lab)
                    print(f"{name}: ok, {time.monotonic() - begin:.1f} s", flush=True)
                except Exception:  # pylint: disable=broad-except
                    traceback.print_exc()
                    print(f"{name}: FAILED", flush=True)
                    failed = 1
        finally:
            lab.down()
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Routers and policies of the controller, with trama-switchd and with Open vSwitch as the switches, from the outside: what
hosts see of them.

    gateway.py BUILD trama|ovs"""
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import Inside, OpenVSwitch, Rig, TramaSwitch, run, until  # pylint: disable=wrong-import-position

DOCUMENT = """
networks:
  office: {vlan: 10, subnet: [10.0.10.0/24, "fd00:10::/64"], mtu: 1400, dhcp: {range: [10.0.10.100, 10.0.10.101], lease: 1h, dns: [9.9.9.9, "fd00::9"], domain: office.example, range6: ["fd00:10::100", "fd00:10::101"]}}
  lab: {vlan: 20, subnet: 10.0.20.0/24, guard: true}
  world: {vlan: 100, subnet: [198.51.100.0/24, "2001:db8::/64"]}
switches:
  s1: {datapath_id: 1}
  s2: {datapath_id: 2}
links:
  - ["s1:l1", "s2:l2"]
routers:
  edge:
    gateway: s1
    networks: {office: [10.0.10.254, "fd00:10::fe"], lab: 10.0.20.254, world: [198.51.100.1, "2001:db8::1"]}
    outside: world
    dns: {forward: [127.0.0.9, 127.0.0.53], domain: lab.example}
    routes:
      - {to: 0.0.0.0/0, via: 198.51.100.80}
      - {to: 203.0.113.0/24, via: 198.51.100.81}
    source_nat:
      - {from: lab, to: [198.51.100.7, 198.51.100.7], ports: [5000, 5099]}
      - {from: office}
    forwards: [{protocol: tcp, port: 8080, to: web, to_port: 80}, {protocol: udp, port: 53, to: bench, at: 198.51.100.7}]
    one_to_one: [{outside: 198.51.100.10, inside: pet}]
policies:
  - {name: lab-web, from: lab, to: web, protocol: tcp, port: [80, 90], action: allow}
  - {name: lab-office, from: lab, to: office, action: deny}
hosts:
  web: {network: office, switch: s2, address: 10.0.10.2, mac: "02:00:00:00:00:02"}
  pet: {network: office, switch: s1, address: 10.0.10.3, mac: "02:00:00:00:00:03"}
  anna: {network: office, switch: s2, address: [10.0.10.4, "fd00:10::4"], mac: "02:00:00:00:00:04"}
  bench: {network: lab, switch: s2, address: 10.0.20.1, mac: "02:00:00:00:00:21"}
  server: {network: world, switch: s1, address: 198.51.100.80, mac: "02:00:00:00:00:80"}
  client: {network: world, switch: s1, address: 198.51.100.90, mac: "02:00:00:00:00:90"}
"""
OUTSIDE = ("server", "client")


class Server:
    """Tells every TCP client, and every UDP one, the address that it sees."""

    def __init__(self, host, port, kind=socket.SOCK_STREAM):
        with Inside(host.netns):
            self.socket = socket.socket(socket.AF_INET, kind)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(("0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            self.socket.listen(16)
        threading.Thread(target=self.serve if kind == socket.SOCK_STREAM else self.serve_udp, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, peer = self.socket.accept()
            except OSError:
                return
            connection.sendall(f"{peer[0]} {peer[1]}\n".encode())
            threading.Thread(target=self.echo, args=(connection,), daemon=True).start()

    @staticmethod
    def echo(connection):
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except OSError:
            pass
        connection.close()

    def serve_udp(self):
        while True:
            try:
                _, peer = self.socket.recvfrom(2048)
                if not peer:
                    return
                self.socket.sendto(f"{peer[0]} {peer[1]}".encode(), peer)
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes who waits in it, so that the port is free
        except OSError:
            pass
        self.socket.close()


def connect(host, address, port, patience=3):
    with Inside(host.netns):
        s = socket.socket()
    s.settimeout(patience)
    s.connect((address, port))
    return s


def seen(host, address, port, patience=3):
    """Whom the server at the other end sees, (address, port); None: there is no way."""
    try:
        with connect(host, address, port, patience) as s:
            said = s.makefile().readline().split()
            blob = os.urandom(200000)
            threading.Thread(target=s.sendall, args=(blob,), daemon=True).start()
            got = b""
            while len(got) < len(blob):
                got += s.recv(65536)
            assert got == blob, "what came back is not what was sent"
            return said[0], int(said[1])
    except TimeoutError:
        return None


def same(got, want, what):
    assert got == want, f"{what}: {got!r}, not {want!r}"


def check_translation(r):
    h = r.hosts
    with Server(h["server"], 80), Server(h["web"], 80), Server(h["pet"], 22), Server(h["server"], 53, socket.SOCK_DGRAM):
        same(seen(h["web"], "198.51.100.80", 80)[0], "198.51.100.1", "office goes out by the router's own address")
        address, port = seen(h["bench"], "198.51.100.80", 80)
        same(address, "198.51.100.7", "lab goes out by the address that the document gives it")
        assert 5000 <= port <= 5099, f"lab goes out by port {port}"
        same(seen(h["pet"], "198.51.100.80", 80)[0], "198.51.100.10", "one to one, out")
        same(seen(h["client"], "198.51.100.10", 22)[0], "198.51.100.90", "one to one, in")
        same(seen(h["client"], "198.51.100.1", 8080)[0], "198.51.100.90", "a forward shows the client's own address")
        same(seen(h["anna"], "198.51.100.1", 8080)[0], "198.51.100.1", "hairpin in one network")
        same(seen(h["bench"], "198.51.100.1", 8080)[0], "198.51.100.1", "hairpin between two")
        same(seen(h["client"], "198.51.100.1", 80, 1), None, "what is not forwarded")
        # Errors that belong to a translated conversation reach it.
        with Inside(h["web"].netns):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with s:
            s.settimeout(3)
            s.connect(("198.51.100.80", 54))
            s.send(b"nobody is there")
            try:
                s.recv(1)
                raise AssertionError("an answer from nowhere")
            except ConnectionRefusedError:
                pass


def is_answered(connection):
    connection.settimeout(1)
    try:
        connection.sendall(b"x")
        return bool(connection.recv(10))
    except TimeoutError:
        return False


def check_policies(r):
    h = r.hosts
    with Server(h["web"], 80), Server(h["web"], 81), Server(h["web"], 91), Server(h["anna"], 80), Server(h["bench"], 80):
        same(seen(h["bench"], "10.0.10.2", 80)[0], "10.0.20.1", "allowed, and nothing is translated inside")
        same(seen(h["bench"], "10.0.10.2", 81)[0], "10.0.20.1", "the range of ports")
        same(seen(h["bench"], "10.0.10.2", 91, 1), None, "beyond the range")
        same(seen(h["bench"], "10.0.10.4", 80, 1), None, "another host")
        same(seen(h["anna"], "10.0.20.1", 80)[0], "10.0.10.4", "the other direction, which no policy denies")
        counts = {p["name"]: p["packets"] for p in r.call("net/policies")["policies"]}
        assert counts["lab-web"] and counts["lab-office"], f"no policy counts: {counts}"
        # A permission that is withdrawn ends what it had allowed; the rest goes on.
        with connect(h["bench"], "10.0.10.2", 80) as s, connect(h["anna"], "10.0.20.1", 80) as other:
            s.recv(100)
            other.recv(100)
            r.call("net/apply", "net.yaml", DOCUMENT.replace("port: [80, 90], action: allow", "port: [80, 90], action: deny"))
            r.wait()
            # Open vSwitch answers a barrier before its caches follow: there it is only to come to pass.
            if r.kind is OpenVSwitch:
                until("what was withdrawn ends", lambda: not is_answered(s))
            else:
                assert not is_answered(s), "still allowed"
            other.settimeout(5)
            other.sendall(b"on")
            same(other.recv(10), b"on", "what was not touched")
        r.call("net/apply", "net.yaml", DOCUMENT)
        r.wait()


def ping(host, *args):
    return subprocess.run(["ip", "netns", "exec", host.netns, "ping", "-c", "1", "-W", "2", *args], capture_output=True,
                          text=True, check=False).stdout


def check_router(r):
    h = r.hosts
    run("ip", "-n", h["client"].netns, "route", "add", "10.0.20.0/24", "via", "198.51.100.1")
    for address in ("10.0.10.254", "10.0.20.254", "198.51.100.1"):
        for name in ("web", "bench"):
            until(f"{name} pings {address}", lambda a=address, n=name: "1 received" in ping(h[n], a))
    until("the outside pings the router", lambda: "1 received" in ping(h["client"], "198.51.100.1"))
    assert re.search(r"From 10\.0\.10\.254 .*[Tt]ime to live exceeded", ping(h["web"], "-t", "1", "198.51.100.80"))
    for name in ("web", "pet"):
        with Inside(h[name].netns):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with s:
            s.settimeout(3)
            s.connect(("10.0.20.254", 4000))
            s.send(b"?")
            try:
                s.recv(1)
                raise AssertionError("the router answers")
            except ConnectionRefusedError:
                pass
    # The next router outside is none of the document's: it is asked for.
    run("ip", "-n", h["client"].netns, "addr", "add", "198.51.100.81/24", "dev", "client")
    run("ip", "-n", h["client"].netns, "addr", "add", "203.0.113.1/32", "dev", "lo")
    until("a route by a router that is not declared", lambda: "1 received" in ping(h["web"], "203.0.113.1"))
    # The first frame to somebody who has to be asked for waits, and keeps what its switch knew of it: it is translated.
    run("ip", "-n", h["client"].netns, "addr", "add", "198.51.100.82/24", "dev", "client")
    said = ping(h["web"], "-W", "5", "198.51.100.82")
    assert "1 received" in said, said
    for name, own, to in (("web", "10.0.10.254", "10.0.20.99"), ("bench", "10.0.20.254", "198.51.100.99")):
        said = ping(h[name], "-W", "9", to)
        assert f"From {own} icmp_seq=1 Destination Host Unreachable" in said, said
    assert "Unreachable" not in ping(h["client"], "-W", "5", "10.0.20.99"), "the outside is told who is not inside"


class Resolver:
    """A DNS server beside the controller that has one answer for everything, and tells whom it was asked by."""

    def __init__(self, netns):
        self.peers = []
        with Inside(netns):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind(("127.0.0.53", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, peer = self.socket.recvfrom(2048)
            self.peers.append(peer)
            end = query.index(b"\0", 12) + 5
            if b"long" in query:  # more than a forwarder passes on
                answer = b"\xc0\x0c" + bytes.fromhex("00010001000000070004cb007107")
                self.socket.sendto(query[:2] + b"\x81\x80\0\1\0\x64\0\0\0\0" + query[12:end] + answer * 100, peer)
                continue
            self.socket.sendto(query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:end] +
                               bytes.fromhex("c00c00010001000000070004cb007107"), peer)


def dig(host, *args):
    """What dig says: (status, the answers' data)."""
    said = subprocess.run(["ip", "netns", "exec", host.netns, "dig", "+tries=1", "+time=4", *args], capture_output=True, text=True,
                          check=False).stdout
    status = re.search(r"status: (\w+)", said)
    return status and status[1], re.findall(r"^[^;\s]\S*\s+\d+\s+IN\s+(?!SOA)\S+\s+(.*)$", said, re.M)


def check_dns(r):
    h = r.hosts
    with_resolver = Resolver(r.controller_netns)
    for name, own in (("web", "@10.0.10.254"), ("bench", "@10.0.20.254"), ("pet", "@10.0.10.254")):
        same(dig(h[name], own, "pet.lab.example"), ("NOERROR", ["10.0.10.3"]), "a declared host")
    same(dig(h["web"], "@10.0.10.254", "bench"), ("NOERROR", ["10.0.20.1"]), "a plain name")
    same(dig(h["web"], "@10.0.10.254", "+noedns", "-x", "10.0.20.1"), ("NOERROR", ["bench.lab.example."]), "the way back")
    same(dig(h["web"], "@10.0.10.254", "bench.lab.example", "AAAA"), ("NOERROR", []), "no such address")
    same(dig(h["web"], "@10.0.10.254", "nobody.lab.example"), ("NXDOMAIN", []), "no such host")
    same(with_resolver.peers, [], "what the document knows is asked of nobody")
    # The first resolver is not there; the second one answers.
    for i in range(4):
        same(dig(h["web"], "@10.0.10.254", f"www{i}.example.org"), ("NOERROR", ["203.0.113.7"]), "what others know")
    ports = {p[1] for p in with_resolver.peers}
    assert len(ports) == 4, f"ports that can be guessed: {ports}"
    # What does not fit is marked, and who then tries TCP hears at once that there is none.
    said = subprocess.run(["ip", "netns", "exec", h["web"].netns, "dig", "+ignore", "+tries=1", "@10.0.10.254", "long.example.org"],
                          capture_output=True, text=True, check=False).stdout
    assert re.search(r"flags: [a-z ]*\btc\b", said) and "ANSWER: 0" in said, said
    said = subprocess.run(["ip", "netns", "exec", h["web"].netns, "dig", "+tries=1", "@10.0.10.254", "long.example.org"],
                          capture_output=True, text=True, check=False).stdout
    assert "Truncated, retrying in TCP mode" in said and "connection refused" in said, said
    same(dig(h["client"], "@198.51.100.1", "+time=1", "pet.lab.example")[0], None, "the outside is not answered")
    with Inside(h["web"].netns):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with s:  # no query at all, then one more: it goes on
        for size in range(64):
            s.sendto(os.urandom(size), ("10.0.10.254", 53))
    same(dig(h["web"], "@10.0.10.254", "pet.lab.example"), ("NOERROR", ["10.0.10.3"]), "after noise")


def check_guard(r):
    """lab is guarded: its hosts speak for themselves only."""
    bench = r.hosts["bench"]
    run("ip", "-n", bench.netns, "addr", "add", "10.0.20.7/24", "dev", "bench")
    assert "1 received" in ping(bench, "10.0.20.254"), "its own address"
    assert "1 received" not in ping(bench, "-I", "10.0.20.7", "10.0.20.254"), "an address that nobody gave it"
    assert "1 received" not in ping(bench, "-I", "10.0.20.7", "10.0.10.2"), "an address that nobody gave it"
    with Inside(bench.netns):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind(("bench", 0))
    mac = bytes.fromhex(bench.mac.replace(":", ""))
    with s:  # ARP that says that another's address is here: the router goes on to know better
        s.send(b"\xff" * 6 + mac + bytes.fromhex("0806 0001 0800 0604 0002") + mac + bytes([10, 0, 20, 99]) + b"\xff" * 6 + bytes([10, 0, 20, 254]))
    assert "1 received" in ping(bench, "10.0.20.254")
    assert not any(n["address"] == "10.0.20.99" for n in r.call("net/show")["neighbors"])
    run("ip", "-n", bench.netns, "addr", "del", "10.0.20.7/24", "dev", "bench")


def check_mss(r):
    """office has an MTU of 1400 that its interfaces here do not know: segments are of 1360 bytes at most, with options."""
    h = r.hosts
    for host in h.values():  # what they know of the way by errors of the router
        run("ip", "-n", host.netns, "route", "flush", "cache")

    def sizes():
        with Server(h["web"], 80), connect(h["client"], "198.51.100.1", 8080) as s, Server(h["server"], 81), \
                connect(h["web"], "198.51.100.80", 81) as t:
            s.recv(100)
            t.recv(100)
            return [x.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) for x in (s, t)]
    assert min(sizes()) > 1360, "segments are small before"
    r.call("net/apply", "net.yaml", DOCUMENT.replace("    outside: world\n", "    outside: world\n    mss: auto\n"))
    r.wait()
    problems = [p for p in r.show()["problems"] if "mss" in str(p)]
    if r.kind is OpenVSwitch:
        same(len(problems), 2, "a sentence for each switch")
        for name, problem in zip(("s1", "s2"), sorted(map(str, problems))):
            assert f"router edge: mss needs trama-switchd; switch {name} is none, and lowers nothing" in problem, problem
        assert min(sizes()) > 1360, "segments are small"
    else:
        same(problems, [], "problems")
        assert max(sizes()) <= 1360, f"segments of {sizes()} bytes"
        same(r.changes(), [], "changes when all is done")
    r.call("net/apply", "net.yaml", DOCUMENT)
    r.wait()


class Datagrams:
    """A connected UDP socket of a host whose datagrams have DF, or not."""
    MTU_DISCOVER, DONT, PROBE, MTU = 10, 0, 3, 14

    def __init__(self, host, address, port, may_cut=False, local=0):
        with Inside(host.netns):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IP, self.MTU_DISCOVER, self.DONT if may_cut else self.PROBE)
        self.socket.bind(("0.0.0.0", local))
        self.socket.settimeout(3)
        if address:
            self.socket.connect((address, port))

    def told(self):
        """The MTU that the host was told of; it is the error of the next system call."""
        try:
            self.socket.recv(1)
        except OSError as e:
            assert e.errno == errno.EMSGSIZE, e
            return self.socket.getsockopt(socket.IPPROTO_IP, self.MTU)
        raise AssertionError("a datagram instead of an error")


def check_mtu(r):
    """RFC 4787, REQ-13; RFC 1191; RFC 8201: office takes 1400 bytes, the others 1500."""
    h = r.hosts
    run("ip", "-n", h["client"].netns, "addr", "add", "2001:db8::90/64", "dev", "client", "nodad")
    run("ip", "-n", h["client"].netns, "-6", "route", "add", "fd00:10::/64", "via", "2001:db8::1")
    said = ping(h["bench"], "-M", "do", "-s", "1400", "10.0.10.2")
    assert re.search(r"From 10\.0\.20\.254 .*[Ff]rag needed and DF set \(mtu = 1400\)", said), said
    said = ping(h["client"], "-6", "-M", "do", "-s", "1400", "fd00:10::4")
    assert re.search(r"From 2001:db8::1.*Packet too big: mtu=1400", said), said
    pet = Datagrams(h["pet"], None, 0, local=99)
    # The error is about the destination that its sender knows, or the sender would not believe it.
    for name, address, port in (("client", "198.51.100.10", 99), ("bench", "198.51.100.10", 99)):
        d = Datagrams(h[name], address, port)
        d.socket.send(bytes(1372))
        if name == "client":  # lab may not talk to pet, but is told all the same
            same(len(pet.socket.recv(2000)), 1372, "what fits")
        d.socket.send(bytes(1373))
        same(d.told(), 1400, f"what {name} is told")
    # Answers to the hairpin: office's own hosts take no more.
    asking, serving = Datagrams(h["web"], "198.51.100.7", 53), Datagrams(h["bench"], None, 0, local=53)
    asking.socket.send(b"?")
    _, peer = serving.socket.recvfrom(10)
    serving.socket.connect(peer)
    serving.socket.send(bytes(1373))
    same(serving.told(), 1400, "who answers over the hairpin")
    serving.socket.send(bytes(1372))
    same(len(asking.socket.recv(2000)), 1372, "what fits")
    # A forwarded TCP connection, whose segments are large at first, goes on.
    with Server(h["web"], 80):
        for name in ("client", "bench"):
            assert seen(h[name], "198.51.100.1", 8080), f"{name} is stuck"
            said = run("ip", "-n", h[name].netns, "route", "get", "198.51.100.1")
            assert "mtu 1400" in said, said
    # Without DF it is cut; Open vSwitch does not take what has come in fragments and is cut again: they are too small for it.
    said = os.urandom(3000)
    for size in (1373, 1472) if r.kind is OpenVSwitch else (1373, 1472, 3000):
        Datagrams(h["client"], "198.51.100.10", 99, may_cut=True).socket.send(said[:size])
        same(pet.socket.recv(4000), said[:size], f"{size} bytes without DF")
    # As often as the other errors, and no more.
    d = Datagrams(h["bench"], "10.0.10.2", 80)
    with Inside(h["bench"].netns):
        ears = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    ears.settimeout(1)
    begin = time.monotonic()
    for _ in range(1000):
        try:
            d.socket.send(bytes(1400))
        except OSError:  # what it was told of the one before
            pass
    n = 0
    try:
        while ears.recv(1000):
            n += 1
    except TimeoutError:
        pass
    assert 20 <= n <= 51 + 100 * (time.monotonic() - begin), f"{n} errors"


def check_dhcp(r):
    h = r.hosts["anna"]
    script = f"{r.dir}/dhcp.sh"
    with open(script, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\nenv | sort > {r.dir}/dhcp.$1\n")
    os.chmod(script, 0o755)

    def lease(mac, *args):
        run("ip", "-n", h.netns, "link", "set", "anna", "address", mac)
        done = subprocess.run(["ip", "netns", "exec", h.netns, "busybox", "udhcpc", "-n", "-q", "-f", "-t", "8", "-T", "1", "-i", "anna",
                               "-s", script, *args], capture_output=True, text=True, check=False)
        if done.returncode:
            return {}
        with open(f"{r.dir}/dhcp.bound", encoding="utf-8") as f:
            return dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)

    declared = lease(h.mac)
    want = {"ip": "10.0.10.4", "mask": "24", "router": "10.0.10.254", "dns": "9.9.9.9", "domain": "office.example", "mtu": "1400",
            "lease": "3600", "serverid": "10.0.10.254"}
    same({k: declared.get(k) for k in want}, want, "a declared host's lease")
    first = lease("02:00:00:00:0a:01")["ip"]
    assert first in ("10.0.10.100", "10.0.10.101"), first
    same(lease("02:00:00:00:0a:01")["ip"], first, "the same host again")
    second = lease("02:00:00:00:0a:02")["ip"]
    same({first, second}, {"10.0.10.100", "10.0.10.101"}, "two hosts")
    same(lease("02:00:00:00:0a:03"), {}, "a range that is used up")
    # Leases outlive the controller: nobody gets what another has.
    r.stop_controller(signal.SIGKILL)
    r.start_controller()
    r.wait()
    same(lease("02:00:00:00:0a:03"), {}, "a range that is used up, after a new controller")
    same(lease("02:00:00:00:0a:02")["ip"], second, "the same host again, after a new controller")
    # Its neighbour is known by the lease: a frame from another network reaches it.
    run("ip", "-n", h.netns, "link", "set", "anna", "address", "02:00:00:00:0a:02")
    run("ip", "-n", h.netns, "addr", "flush", "dev", "anna")
    run("ip", "-n", h.netns, "addr", "add", f"{second}/24", "dev", "anna")
    run("ip", "-n", h.netns, "route", "add", "default", "via", "10.0.10.254")
    until("who has a lease reaches the outside", lambda: "1 received" in ping(h, "198.51.100.80"))
    names = {n["address"] for n in r.call("net/show")["neighbors"]}
    assert second in names, f"the leases are not shown: {names}"


def check_dhcp6(r):
    h = r.hosts["anna"]
    script = f"{r.dir}/dhcp6.sh"
    with open(script, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\nenv | sort > {r.dir}/dhcp6.$reason\n")
    os.chmod(script, 0o755)

    def bound():
        for reason in ("BOUND6", "REBOOT6"):
            if os.path.exists(f"{r.dir}/dhcp6.{reason}"):
                with open(f"{r.dir}/dhcp6.{reason}", encoding="utf-8") as f:
                    return dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
        return None

    def is_up():
        said = run("ip", "-n", h.netns, "-6", "addr", "show", "dev", "anna", "scope", "link")
        return "fe80" in said and "tentative" not in said

    def lease(mac, patience_s=10):
        """What dhclient's script is told; {}: it got nothing.  Each MAC address is a client with a DUID of its own."""
        for change in (("down",), ("address", mac), ("up",)):
            run("ip", "-n", h.netns, "link", "set", "anna", *change)
        until("its own address is good", is_up)
        for name in os.listdir(r.dir):
            if name.startswith("dhcp6.") and name != "dhcp6.sh":
                os.remove(f"{r.dir}/{name}")
        client = r.spawn("dhclient", "ip", "netns", "exec", h.netns, "dhclient", "-6", "-d", "-v", "-D", "LL", "-cf", "/dev/null", "-sf", script,
                         "-lf", f"{r.dir}/dhclient-{mac[-2:]}", "-pf", f"{r.dir}/dhclient.pid", "anna")
        try:
            return until("a lease", bound, patience_s)
        except AssertionError:
            return {}
        finally:
            r.end(client)

    declared = lease(h.mac)
    want = {"new_ip6_address": "fd00:10::4", "new_dhcp6_name_servers": "fd00::9", "new_dhcp6_domain_search": "office.example.",
            "new_max_life": "3600"}
    same({k: declared.get(k) for k in want}, want, "a declared host's addresses")
    got = [lease(f"02:00:00:00:0a:{i:02x}", 4 if i == 3 else 10).get("new_ip6_address") for i in (1, 2, 3)]
    same((set(got[:2]), got[2]), ({"fd00:10::100", "fd00:10::101"}, None), "a range for two, and three")
    r.stop_controller(signal.SIGKILL)
    r.start_controller()
    r.wait()
    same(lease("02:00:00:00:0a:03", 4).get("new_ip6_address"), None, "a range that is used up, after a new controller")
    same(lease("02:00:00:00:0a:02").get("new_ip6_address"), got[1], "the same host again, after a new controller")
    names = {n["address"]: n.get("lease_s", 0) for n in r.call("net/show")["neighbors"]}
    assert names.get(got[1], 0) > 3000, f"the leases are not shown: {names}"


def check(r):
    r.controller_netns = r.netns["nowhere"] = f"{os.path.basename(r.dir)}-nowhere"
    run("ip", "netns", "add", r.controller_netns)
    run("ip", "-n", r.controller_netns, "link", "set", "lo", "up")
    r.start()
    for name, host in r.hosts.items():
        if name not in OUTSIDE:
            run("ip", "-n", host.netns, "route", "add", "default", "via", host.address.rpartition(".")[0] + ".254")
    for step in (check_router, check_translation, check_policies, check_guard, check_dns, check_mss, check_mtu):
        step(r)
        print(f"{step.__name__}: passed", flush=True)
    # What the switches say that they hold is what they were told: nothing is left to do, also for a new controller.
    same(r.changes(), [], "changes when all is done")
    held = {s["name"]: s["flows"] for s in r.show()["switches"]}
    r.stop_controller()
    r.relay.forget()
    r.start_controller()
    r.wait()
    same(r.changes(), [], "changes after a new controller")
    same({s["name"]: s["flows"] for s in r.show()["switches"]}, held, "flows after a new controller")
    check_dhcp(r)
    print("check_dhcp: passed", flush=True)
    check_dhcp6(r)
    print("check_dhcp6: passed", flush=True)


def main(build, kind):
    if os.geteuid():
        print("skipped: needs root")
        return 77
    if kind == "ovs" and not shutil.which("ovs-vswitchd"):
        print("skipped: needs ovs-vswitchd")
        return 77
    try:
        with Rig(build, DOCUMENT, OpenVSwitch if kind == "ovs" else TramaSwitch) as r:
            check(r)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

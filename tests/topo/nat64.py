#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NAT64 of a router: with trama-switchd as the gateway, what stock programs of a host without IPv4 reach of a world without IPv6
(ping, curl, datagrams in fragments, the steps of traceroute, a policy, a range of ports that is used up); with Open vSwitch, a
sentence.

    nat64.py BUILD trama|ovs"""
import errno
import hashlib
import os
import shutil
import socket
import struct
import sys
import threading
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import PATIENCE_S, Inside, OpenVSwitch, Rig, TramaSwitch, run, until  # pylint: disable=wrong-import-position

DOCUMENT = """
networks:
  phones: {vlan: 10, subnet: "fd00:64::/64"}
  world: {vlan: 100, subnet: 198.51.100.0/24, mtu: 1500}
switches:
  s1: {datapath_id: 1}
  s2: {datapath_id: 2}
links:
  - ["s1:l1", "s2:l2"]
routers:
  edge:
    gateway: s1
    networks: {phones: "fd00:64::fe", world: 198.51.100.1}
    outside: world
    dns: {domain: lab.example}
    nat64: {prefix: "2001:db8:64::/96"%s}
policies:
  - {name: no-telnet, from: phones, to: outside, protocol: tcp, port: 23, action: deny}
hosts:
  phone: {network: phones, switch: s2, address: "fd00:64::5", mac: "02:00:00:00:00:05"}
  tablet: {network: phones, switch: s1, address: "fd00:64::6", mac: "02:00:00:00:00:06"}
  server: {network: world, switch: s1, address: 198.51.100.80, mac: "02:00:00:00:00:80"}
"""
SERVER6, OUTER = "2001:db8:64::c633:6450", "198.51.100.1"
ROUTER6 = "fd00:64::fe"
IPV6_RECVERR, IPV6_MTU_DISCOVER, IP_MTU_DISCOVER, DO_NOT, DO_FRAGMENT = 25, 23, 10, 2, 0
IP_MTU, IPV6_MTU, PROBE = 14, 24, 3


def same(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: {got!r}, not {want!r}")


def udp(host, port=0):
    family = socket.AF_INET6 if ":" in host.address else socket.AF_INET
    with Inside(host.netns):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.bind((host.address, port))
    s.settimeout(PATIENCE_S)
    return s


def ask(client, server, data, answer):
    """A datagram there, and another back; whom the server sees."""
    client.sendto(data, (SERVER6, server.getsockname()[1]))
    got, seen = server.recvfrom(65535)
    same(hashlib.sha256(got).digest(), hashlib.sha256(data).digest(), "what came is not what was sent")
    server.sendto(answer, seen)
    got, peer = client.recvfrom(65535)
    same(peer[:2], (SERVER6, server.getsockname()[1]))
    same(hashlib.sha256(got).digest(), hashlib.sha256(answer).digest(), "what came back is not what was sent")
    return seen


def check_ping(r):
    for name in ("phone", "tablet"):
        until(f"{name} gets an echo", lambda: "1 received" in r.hosts[name].sh("sh", "-c", f"ping -c1 -W1 {SERVER6}; true"))
    for size in (1000, 1452, 4000):  # the last in fragments
        said = r.hosts["phone"].sh("ping", "-c2", "-W5", "-s", str(size), SERVER6)
        if " 0% packet loss" not in said:
            raise AssertionError(said)


def check_dns(r):
    """DNS64: names of hosts that have IPv4 only (RFC 6147)."""
    def dig(kind):
        return r.hosts["phone"].sh("dig", "+short", f"@{ROUTER6}", kind, "server.lab.example").strip()
    until("the router answers", lambda: dig("AAAA"))
    same((dig("AAAA"), dig("A")), (SERVER6, "198.51.100.80"))


def check_advertisement(r):
    """The router tells the prefix (RFC 8781)."""
    with Inside(r.hosts["phone"].netns):
        s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("phone"))
    s.settimeout(0.2)

    def options():
        s.sendto(struct.pack("!BBHI", 133, 0, 0, 0), ("ff02::2", 0))
        try:
            message = s.recv(1500)
        except TimeoutError:
            return None
        at, out = 16, {}
        while message[0] == 134 and at < len(message):
            out[message[at]] = message[at + 2:at + 8 * message[at + 1]]
            at += 8 * message[at + 1]
        return out
    lifetime = struct.pack("!H", 1800)  # of 96 bits: code 0
    same(until("an advertisement", options)[38], lifetime + socket.inet_pton(socket.AF_INET6, "2001:db8:64::")[:12])
    s.close()


def check_curl(r):
    """A large file by TCP, in segments as large as kernels like them, in both directions."""
    blob = os.urandom(3 << 20)
    with open(f"{r.dir}/blob", "wb") as f:
        f.write(blob)
    r.spawn("http", "ip", "netns", "exec", r.hosts["server"].netns, sys.executable, "-u", "-m", "http.server", "-b", "198.51.100.80", "-d", r.dir, "80")
    for name in ("phone", "tablet"):
        until("the file comes", lambda: r.hosts[name].sh("sh", "-c", f"curl -sS -o {r.dir}/got -w '%{{http_code}}' http://[{SERVER6}]/blob || true") == "200")
        with open(f"{r.dir}/got", "rb") as f:
            same(hashlib.sha256(f.read()).digest(), hashlib.sha256(blob).digest(), "another file")
    with open(f"{r.dir}/http.log", encoding="utf-8") as f:
        log = f.read()
    if OUTER not in log:
        raise AssertionError(f"the server saw others: {log}")
    with Inside(r.hosts["server"].netns):
        listener = socket.create_server(("198.51.100.80", 81))
    with Inside(r.hosts["phone"].netns):
        client = socket.create_connection((SERVER6, 81), PATIENCE_S)
    connection, peer = listener.accept()
    same(peer[0], OUTER)
    connection.settimeout(PATIENCE_S)
    threading.Thread(target=client.sendall, args=(blob,), daemon=True).start()
    got = b""
    while len(got) < len(blob):
        more = connection.recv(1 << 20)
        same(bool(more), True, "the upload ends early")
        got += more
    same(hashlib.sha256(got).digest(), hashlib.sha256(blob).digest(), "another file went up")
    for s in (client, connection, listener):
        s.close()


def check_datagrams(r):
    client, server, again = udp(r.hosts["phone"], 5000), udp(r.hosts["server"], 53), udp(r.hosts["server"], 54)
    for s, how in ((server, DO_FRAGMENT), (again, DO_FRAGMENT)):
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, how)
    seen = {ask(client, s, os.urandom(n), os.urandom(m)) for s in (server, again) for n, m in ((5, 7), (1400, 1400), (8000, 8000), (1232, 1472))}
    same(seen, {(OUTER, 5000)}, "one mapping whatever the remote end (RFC 6146, 3.5.1.1)")
    for s in (client, server, again):
        s.close()


def error_of(s):
    """The ICMPv6 error that a socket was told: its type, code and sender."""
    def told():
        try:
            _, ancillary, _, _ = s.recvmsg(100, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return None
        for _, _, data in ancillary:
            number, _, kind, code = struct.unpack("=IBBB", data[:7])
            return number, kind, code, socket.inet_ntop(socket.AF_INET6, data[24:40])
        return None
    return until("the socket is told of an error", told)


def check_traceroute(r):
    """What traceroute does: a hop limit that ends at the router, then one that reaches a port where nobody listens."""
    for hops, want in ((1, (errno.EHOSTUNREACH, 3, 0, ROUTER6)), (9, (errno.ECONNREFUSED, 1, 4, SERVER6))):
        s = udp(r.hosts["phone"])
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
        s.sendto(b"probe", (SERVER6, 33434 + hops))
        same(error_of(s), want, f"hop limit {hops}")
        s.close()


def check_too_big(r):
    """A router's word on the IPv4 side about a smaller link reaches the host, with the difference of the headers."""
    client, server = udp(r.hosts["phone"], 5055), udp(r.hosts["server"], 55)
    client.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    with Inside(r.hosts["server"].netns):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    raw.settimeout(PATIENCE_S)
    client.sendto(bytes(1400), (SERVER6, 55))
    packet = raw.recv(2000)
    error = struct.pack("!BBHHH", 3, 4, 0, 0, 1300) + packet[:28]
    total = sum(struct.unpack(f"!{len(error) // 2}H", error))
    total = (total & 0xffff) + (total >> 16)
    icmp.sendto(error[:2] + struct.pack("!H", 0xffff - ((total & 0xffff) + (total >> 16))) + error[4:], (OUTER, 0))
    client.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, DO_NOT)
    same(error_of(client), (errno.EMSGSIZE, 2, 0, SERVER6))
    for s in (client, server, raw, icmp):
        s.close()


def check_mtu(r):
    """RFC 7915, 4.2 and 5.2: what the router itself says of a network that takes less, with the difference of the headers."""
    client, server = udp(r.hosts["phone"], 5056), udp(r.hosts["server"], 56)
    server.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PROBE)
    server.connect(ask(client, server, b"?", b"!"))
    server.send(bytes(1452))
    same(len(client.recv(2000)), 1452, "what fits")
    server.send(bytes(1453))
    try:
        server.recv(1)
        raise AssertionError("the server is not told")
    except OSError as e:
        same(e.errno, errno.EMSGSIZE)
    same(server.getsockopt(socket.IPPROTO_IP, IP_MTU), 1480)
    r.call("net/apply", "small.yaml", (DOCUMENT % "").replace("mtu: 1500", "mtu: 1400"))
    r.wait()
    r.hosts["phone"].sh("ip", "-6", "route", "flush", "cache")  # what it was told before
    client.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PROBE)
    client.connect((SERVER6, 56))
    client.send(bytes(1372))
    same(len(server.recv(2000)), 1372, "what fits")
    client.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    client.send(bytes(1373))
    same(error_of(client), (errno.EMSGSIZE, 2, 0, ROUTER6))
    same(client.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU), 1420)
    r.call("net/apply", "net.yaml", DOCUMENT % "")
    r.wait()
    for s in (client, server):
        s.close()


def check_policy(r):
    with Inside(r.hosts["server"].netns):
        listeners = [socket.create_server(("198.51.100.80", port)) for port in (22, 23)]
    for port, works in ((22, True), (23, False)):
        with Inside(r.hosts["phone"].netns):
            s = socket.socket(socket.AF_INET6)
        s.settimeout(PATIENCE_S if works else 1)
        try:
            s.connect((SERVER6, port))
            same(works, True, "a policy denies it")
        except TimeoutError:
            same(works, False, "nothing denies it")
        s.close()
    for s in listeners:
        s.close()


def check_filtering(r):
    """RFC 6146, 3.5.1.2: who may write to a port that a mapping has."""
    for how, is_let_in in (("", False), (", filtering: endpoint-independent", True)):
        r.call("net/apply", "filter.yaml", DOCUMENT % how)
        r.wait()
        client, server, stranger = udp(r.hosts["phone"], 5100 + is_let_in), udp(r.hosts["server"], 53), udp(r.hosts["server"], 99)
        outer = ask(client, server, b"?", b"!")
        stranger.sendto(b"psst", outer)
        client.settimeout(PATIENCE_S if is_let_in else 0.5)
        try:
            data, peer = client.recvfrom(100)
            same((is_let_in, data, peer[:2]), (True, b"psst", (SERVER6, 99)))
            client.sendto(b"yes?", peer)
            same(stranger.recvfrom(100), (b"yes?", outer))
            stranger.sendto(b"once more", outer)
            same(client.recvfrom(100)[0], b"once more")
        except TimeoutError:
            same(is_let_in, False, "who may write does not get in")
        for s in (client, server, stranger):
            s.close()


def check_used_up(r):
    """With all ports of the range taken, the next host is told so, and the others talk on."""
    r.call("net/apply", "few.yaml", DOCUMENT % ", ports: [7000, 7001], to: 198.51.100.2")
    r.wait()
    server = udp(r.hosts["server"], 53)
    clients = [udp(r.hosts[name], 6000) for name in ("phone", "tablet")]
    same({ask(c, server, b"?", b"!") for c in clients}, {("198.51.100.2", 7000), ("198.51.100.2", 7001)})
    third = udp(r.hosts["phone"], 6001)
    third.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    third.sendto(b"me too", (SERVER6, 53))
    same(error_of(third), (errno.EACCES, 1, 1, ROUTER6))
    same({ask(c, server, b"?", b"!")[1] for c in clients}, {7000, 7001})
    for s in (*clients, third, server):
        s.close()


def check(r):
    for name in ("phone", "tablet"):
        # not the address that the host makes of a router advertisement while the test runs
        run("ip", "-n", r.hosts[name].netns, "-6", "route", "replace", "default", "via", ROUTER6, "src", r.hosts[name].address)
    run("ip", "-n", r.hosts["server"].netns, "route", "add", "default", "via", OUTER)
    for one in (check_ping, check_dns, check_advertisement, check_curl, check_datagrams, check_traceroute, check_too_big, check_mtu, check_policy, check_filtering, check_used_up):
        one(r)
        print(f"{one.__name__}: passed", flush=True)


def check_refused(r):
    """Open vSwitch cannot do it: said so."""
    problems = until("a problem", lambda: [p for p in r.show()["problems"] if "nat64" in str(p)])
    same(len(problems), 1)
    for word in ("edge", "s1", "trama-switchd", "line "):
        if word not in str(problems[0]):
            raise AssertionError(f"{word} is not named: {problems[0]}")
    print("check_refused: passed", flush=True)


def main(build, kind):
    if os.geteuid():
        print("skipped: needs root")
        return 77
    if not shutil.which("dig" if kind == "trama" else "ovs-vswitchd"):
        print(f"skipped: needs {'curl' if kind == 'trama' else 'ovs-vswitchd'}")
        return 77
    try:
        with Rig(build, DOCUMENT % "", OpenVSwitch if kind == "ovs" else TramaSwitch) as r:
            r.start()
            (check_refused if kind == "ovs" else check)(r)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

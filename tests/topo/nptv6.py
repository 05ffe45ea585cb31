#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prefix translation of a router (RFC 6296): with trama-switchd as the gateway, which addresses hosts inside and outside see of each
other, in both directions, by TCP, UDP, ping and ICMP errors, and around a hairpin; with Open vSwitch, a sentence.

    nptv6.py BUILD trama|ovs"""
import errno
import ipaddress
import os
import shutil
import socket
import sys
import threading
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import PATIENCE_S, Inside, OpenVSwitch, Rig, TramaSwitch, run, until  # pylint: disable=wrong-import-position

DOCUMENT = """
networks:
  office: {vlan: 10, subnet: "fd01:203:405:1::/64"}
  lab: {vlan: 20, subnet: "fd01:203:405:2::/64", mtu: 1500}
  world: {vlan: 100, subnet: "2001:db8:ff::/64"}
switches:
  s1: {datapath_id: 1}
  s2: {datapath_id: 2}
links:
  - ["s1:l1", "s2:l2"]
routers:
  edge:
    gateway: s1
    networks: {office: "fd01:203:405:1::fe", lab: "fd01:203:405:2::fe", world: "2001:db8:ff::1"}
    outside: world
    nptv6: [{inside: "fd01:203:405::/48", outside: "2001:db8:1::/48"}]
policies:
  - {name: web, from: outside, to: web, protocol: tcp, port: 80, action: allow}
hosts:
  anna: {network: office, switch: s2, address: "fd01:203:405:1::1234", mac: "02:00:00:00:00:05"}
  web: {network: lab, switch: s1, address: "fd01:203:405:2::80", mac: "02:00:00:00:00:06"}
  server: {network: world, switch: s1, address: "2001:db8:ff::80", mac: "02:00:00:00:00:80"}
"""
GATEWAYS = {"anna": "fd01:203:405:1::fe", "web": "fd01:203:405:2::fe"}
OUTSIDE = {"anna": "2001:db8:1:d550::1234", "web": "2001:db8:1:d551::80"}  # the first is RFC 6296's own example
IPV6_RECVERR, IPV6_MTU_DISCOVER, IPV6_MTU, PROBE = 25, 23, 24, 3


def same(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: {got!r}, not {want!r}")


def bare(address):
    return str(ipaddress.ip_address(address[0]))


def conversation(client, address, server, port, works=True):
    """A TCP connection, a megabyte in both directions; whom the server sees."""
    with Inside(server.netns):
        listener = socket.create_server((server.address, port), family=socket.AF_INET6)
    listener.settimeout(PATIENCE_S)
    with Inside(client.netns):
        s = socket.socket(socket.AF_INET6)
    s.settimeout(PATIENCE_S if works else 1)
    try:
        s.connect((address, port))
    except TimeoutError:
        same(works, False, f"no way to {address}")
        return None
    finally:
        if not works:
            listener.close()
    same(works, True, f"a way to {address}")
    there, peer = listener.accept()
    for a, b in ((s, there), (there, s)):
        blob = os.urandom(1 << 20)
        threading.Thread(target=a.sendall, args=(blob,), daemon=True).start()
        b.settimeout(PATIENCE_S)
        got = b""
        while len(got) < len(blob):
            more = b.recv(1 << 20)
            same(bool(more), True, "the connection ends early")
            got += more
        same(got == blob, True, "what came is what was sent")
    for x in (s, there, listener):
        x.close()
    return bare(peer)


def check_out(r):
    h = r.hosts
    until("an echo comes back", lambda: "1 received" in h["anna"].sh("sh", "-c", f"ping -c1 -W1 {h['server'].address}; true"))
    for name in ("anna", "web"):
        same(conversation(h[name], h["server"].address, h["server"], 8080), OUTSIDE[name], name)


def check_in(r):
    h = r.hosts
    same(conversation(h["server"], OUTSIDE["web"], h["web"], 80), h["server"].address, "a policy allows it")
    conversation(h["server"], OUTSIDE["web"], h["web"], 81, works=False)
    conversation(h["server"], OUTSIDE["anna"], h["anna"], 80, works=False)


def check_inside(r):
    """Between networks inside nothing is translated, but for who uses the outside address."""
    h = r.hosts
    same(conversation(h["anna"], h["web"].address, h["web"], 80), h["anna"].address, "directly")
    same(conversation(h["anna"], OUTSIDE["web"], h["web"], 80), OUTSIDE["anna"], "over the hairpin")


def check_errors(r):
    with Inside(r.hosts["anna"].netns):
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.bind((r.hosts["anna"].address, 0))
    s.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    s.sendto(b"is anybody there", (r.hosts["server"].address, 4242))

    def told():
        try:
            _, ancillary, _, _ = s.recvmsg(100, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return None
        return [int.from_bytes(data[:4], sys.byteorder) for _, _, data in ancillary]
    same(until("the socket is told", told), [errno.ECONNREFUSED])
    s.close()


def check_mtu(r):
    """RFC 8201: who sends too much is told so of the address that he knows."""
    r.call("net/apply", "small.yaml", DOCUMENT.replace("mtu: 1500", "mtu: 1400"))
    r.wait()
    for name in ("server", "anna"):
        with Inside(r.hosts[name].netns):
            s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PROBE)
        s.connect((OUTSIDE["web"], 99))
        s.settimeout(PATIENCE_S)
        s.send(bytes(1400))
        try:
            s.recv(1)
            raise AssertionError(f"{name} is not told")
        except OSError as e:
            same(e.errno, errno.EMSGSIZE, name)
        same(s.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU), 1400, name)
        s.close()
    r.call("net/apply", "net.yaml", DOCUMENT)
    r.wait()


def check(r):
    for name, gateway in GATEWAYS.items():
        run("ip", "-n", r.hosts[name].netns, "-6", "route", "replace", "default", "via", gateway, "src", r.hosts[name].address)
    run("ip", "-n", r.hosts["server"].netns, "-6", "route", "add", "2001:db8:1::/48", "via", "2001:db8:ff::1", "src", r.hosts["server"].address)
    for one in (check_out, check_in, check_inside, check_errors, check_mtu):
        one(r)
        print(f"{one.__name__}: passed", flush=True)


def check_refused(r):
    problems = until("a problem", lambda: [p for p in r.show()["problems"] if "nptv6" in str(p)])
    same(len(problems), 1)
    for word in ("edge", "s1", "trama-switchd", "line "):
        if word not in str(problems[0]):
            raise AssertionError(f"{word} is not named: {problems[0]}")
    print("check_refused: passed", flush=True)


def main(build, kind):
    if os.geteuid():
        print("skipped: needs root")
        return 77
    if kind == "ovs" and not shutil.which("ovs-vswitchd"):
        print("skipped: needs ovs-vswitchd")
        return 77
    try:
        with Rig(build, DOCUMENT, OpenVSwitch if kind == "ovs" else TramaSwitch) as r:
            r.start()
            (check_refused if kind == "ovs" else check)(r)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

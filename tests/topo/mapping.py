#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Endpoint-independent mappings of a router's source translation: with trama-switchd as the gateway, what a stock STUN client
(coturn's turnutils_natdiscovery, RFC 5780) says of each way of mapping and filtering, and two hosts inside that meet by their outer
addresses; with Open vSwitch, a sentence.

    mapping.py BUILD trama|ovs"""
import errno
import os
import re
import shutil
import socket
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import PATIENCE_S, Inside, OpenVSwitch, Rig, TramaSwitch, run, until  # pylint: disable=wrong-import-position

DOCUMENT = """
networks:
  games: {vlan: 10, subnet: 10.0.10.0/24}
  world: {vlan: 100, subnet: 198.51.100.0/24}
switches:
  s1: {datapath_id: 1}
links: []
routers:
  edge:
    gateway: s1
    networks: {games: 10.0.10.254, world: 198.51.100.1}
    outside: world
    source_nat: [{from: games%s}]
hosts:
  anna: {network: games, switch: s1, address: 10.0.10.1, mac: "02:00:00:00:00:01"}
  bob: {network: games, switch: s1, address: 10.0.10.2, mac: "02:00:00:00:00:02"}
  stun: {network: world, switch: s1, address: 198.51.100.80, mac: "02:00:00:00:00:80"}
"""
SECOND = "198.51.100.81"  # RFC 5780 wants two addresses
ENDPOINT = ", mapping: endpoint-independent"
WAYS = ((ENDPOINT, "Endpoint Independent Mapping", "Address and Port Dependent Filtering"),
        (ENDPOINT + ", filtering: address-dependent", "Endpoint Independent Mapping", "Address Dependent Filtering"),
        (ENDPOINT + ", filtering: endpoint-independent", "Endpoint Independent Mapping", "Endpoint Independent Filtering"))


def same(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: {got!r}, not {want!r}")


def discover(r, *tests):
    done = subprocess.run(["ip", "netns", "exec", r.hosts["anna"].netns, "turnutils_natdiscovery", *tests, "-L", r.hosts["anna"].address,
                           r.hosts["stun"].address], capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False)
    return done.stdout + done.stderr


def use(r, how):
    r.call("net/apply", "way.yaml", DOCUMENT % how)
    r.wait()


def udp(host, port):
    with Inside(host.netns):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((host.address, port))
    s.settimeout(0.3)
    return s


def outer(sender, server):
    """The address that the outside sees of a socket."""
    def ask():
        sender.sendto(b"who am I", server.getsockname())
        try:
            return server.recvfrom(100)[1]
        except socket.timeout:
            return None
    return until("a datagram gets out", ask)


def hears(listener, send, patience_s=PATIENCE_S):
    def try_it():
        send()
        try:
            return listener.recvfrom(100)
        except socket.timeout:
            return None
    return until("a datagram comes in", try_it, patience_s)


def check_peers(r):
    """Two hosts behind the same router talk by the outer addresses that a third has seen; so does a stranger."""
    anna, bob, server, stranger = udp(r.hosts["anna"], 4000), udp(r.hosts["bob"], 4000), udp(r.hosts["stun"], 4000), udp(r.hosts["stun"], 4001)
    at = {"anna": outer(anna, server), "bob": outer(bob, server)}
    same({a[0] for a in at.values()}, {"198.51.100.1"}, "outer address")
    same(at["anna"] == at["bob"], False, "two hosts at one address")
    data, seen = hears(bob, lambda: anna.sendto(b"hello bob", at["bob"]))
    same((data, seen), (b"hello bob", at["anna"]), "over the hairpin: RFC 4787, REQ-9 a")
    data, _ = hears(anna, lambda: bob.sendto(b"hello anna", seen))
    same(data, b"hello anna", "back over the hairpin")
    data, _ = hears(bob, lambda: anna.sendto(b"how are you", at["bob"]))
    same(data, b"how are you", "once more over the hairpin")
    # What the router says about an answer that goes no further is about the address that was answered.
    bob.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
    bob.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
    bob.connect(seen)

    def is_told():
        try:
            bob.send(b"not far")
            bob.recv(100)
        except OSError as e:
            return e.errno == errno.EHOSTUNREACH
        return False
    until("bob is told that the time is over", is_told)
    data, seen = hears(anna, lambda: stranger.sendto(b"psst", at["anna"]))
    same((data, seen), (b"psst", ("198.51.100.80", 4001)), "a stranger")
    data, _ = hears(stranger, lambda: anna.sendto(b"yes?", seen))
    same(data, b"yes?", "to a stranger")
    data, _ = hears(anna, lambda: stranger.sendto(b"nothing", at["anna"]))
    same(data, b"nothing", "the stranger again")
    for s in (anna, bob, server, stranger):
        s.close()


def check_hairpin(r):
    """RFC 4787, REQ-9 a: who comes over the hairpin has the address and port that he has outside, by TCP and ICMP, too."""
    with Inside(r.hosts["bob"].netns):
        listener = socket.create_server(("10.0.10.2", 80))
    with Inside(r.hosts["stun"].netns):
        outside = socket.create_server(("198.51.100.80", 80))
    for way in (ENDPOINT, ENDPOINT + ", filtering: address-dependent", ENDPOINT + ", filtering: endpoint-independent"):
        use(r, way + "}]\n    forwards: [{protocol: tcp, port: 8080, to: bob, to_port: 80}]\n    one_to_one: [{outside: 198.51.100.9, inside: bob")
        seen = []
        for address, port, server in (("198.51.100.80", 80, outside), ("198.51.100.1", 8080, listener)):
            with Inside(r.hosts["anna"].netns):
                s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("10.0.10.1", 7000 + len(way)))
            s.settimeout(PATIENCE_S)
            s.connect((address, port))
            there, peer = server.accept()
            seen.append(peer)
            for a, b in ((s, there), (there, s)):
                a.sendall(b"x" * 5000)
                b.settimeout(PATIENCE_S)
                same(len(b.recv(5000, socket.MSG_WAITALL)), 5000, "what came")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))  # the port is free at once
            s.close()
            there.close()
        same(seen[1], seen[0], "the forward's server sees another than the outside")
        said = r.hosts["anna"].sh("sh", "-c", "ping -c3 -i0.2 -W2 198.51.100.9; true")
        if " 3 received" not in said:
            raise AssertionError(said)
    listener.close()
    outside.close()
    use(r, ENDPOINT + ", filtering: endpoint-independent")


def check(r):
    stun = r.hosts["stun"]
    for name in ("anna", "bob"):
        run("ip", "-n", r.hosts[name].netns, "route", "add", "default", "via", "10.0.10.254")
    run("ip", "-n", stun.netns, "addr", "add", SECOND + "/24", "dev", stun.name)
    r.spawn("turnserver", "ip", "netns", "exec", stun.netns, "turnserver", "-n", "-S", "--no-cli", "--no-tls", "--no-dtls", "-L", stun.address, "-L", SECOND,
            "-l", "stdout", "--simple-log", "--pidfile", f"{r.dir}/turnserver.pid", "--db", f"{r.dir}/turn.db")
    until("the STUN server answers", lambda: "NAT" in discover(r, "-m"))
    for how, mapping, filtering in WAYS:
        use(r, how)
        said = discover(r, "-m", "-f")
        for want in (mapping, filtering):
            if want not in said:
                raise AssertionError(f"{how}: not {want}:\n{said}")
        print(f"{filtering}: passed", flush=True)
    check_peers(r)
    print("check_peers: passed", flush=True)
    check_hairpin(r)
    print("check_hairpin: passed", flush=True)
    check_prohibited(r)
    print("check_prohibited: passed", flush=True)
    check_limit(r)
    print("check_limit: passed", flush=True)


def check_prohibited(r):
    """With all ports taken, the next host is told so, and the others talk on (RFC 1812, 5.2.7.1)."""
    use(r, ", ports: [7000, 7001]")
    anna, bob, server = udp(r.hosts["anna"], 5000), udp(r.hosts["bob"], 5000), udp(r.hosts["stun"], 5000)
    third = udp(r.hosts["anna"], 5001)
    used = [outer(s, server) for s in (anna, bob)]
    same({port for _, port in used}, {7000, 7001})
    for s, end in zip((anna, bob), used):  # or they would give their ports away
        server.sendto(b"!", end)
        same(s.recv(10), b"!")
    prohibited(third, server)
    same({outer(s, server)[1] for s in (anna, bob)}, {7000, 7001})
    for s in (anna, bob, third, server):
        s.close()


def check_limit(r):
    """A host has as many connections and mappings as the document lets it have, and is told so; another host has its own."""
    for how, port in ((", host_limit: 2", 5100), (ENDPOINT + ", host_limit: 4", 5200)):
        use(r, how)
        server, bob = udp(r.hosts["stun"], 5000), udp(r.hosts["bob"], port + 2)
        anna = [udp(r.hosts["anna"], port + i) for i in range(3)]
        for s in anna[:2]:
            outer(s, server)
        prohibited(anna[2], server)
        outer(bob, server)
        outer(anna[1], server)
        for s in (server, bob, *anna):
            s.close()
    use(r, "")
    server, third = udp(r.hosts["stun"], 5000), udp(r.hosts["anna"], 5300)
    outer(third, server)
    server.close()
    third.close()


def prohibited(third, server):
    """The sender is told that this is administratively prohibited (RFC 1812, 5.2.7.1)."""
    third.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
    third.connect(server.getsockname())

    def is_told():
        try:
            third.send(b"me too")
            third.recv(100)
        except OSError:  # the error is in the queue below, with its code
            pass
        try:
            _, ancillary, _, _ = third.recvmsg(100, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return None
        return [(data[5], data[6], socket.inet_ntoa(data[20:24])) for _, _, data in ancillary]
    same(until("the host is told", is_told), [(3, 13, "10.0.10.254")])


def check_refused(r):
    """Open vSwitch has no such mappings, and no limits of hosts: said so, and nobody gets out untranslated."""
    for how, what in ((None, "mapping: endpoint-independent"), (", host_limit: 5", "host_limit")):
        if how:
            r.call("net/apply", "way.yaml", DOCUMENT % how)
        problems = until("a problem", lambda what=what: [p for p in r.show()["problems"] if what in str(p)])
        same(len(problems), 1)
        for word in ("edge", "s1", "trama-switchd", "line "):
            if word not in str(problems[0]):
                raise AssertionError(f"{word} is not named: {problems[0]}")
    print("check_refused: passed", flush=True)


def main(build, kind):
    if os.geteuid():
        print("skipped: needs root")
        return 77
    if not shutil.which("turnutils_natdiscovery" if kind == "trama" else "ovs-vswitchd"):
        print(f"skipped: needs {'coturn' if kind == 'trama' else 'ovs-vswitchd'}")
        return 77
    try:
        with Rig(build, DOCUMENT % (ENDPOINT if kind == "ovs" else ""), OpenVSwitch if kind == "ovs" else TramaSwitch) as r:
            r.start()
            (check_refused if kind == "ovs" else check)(r)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

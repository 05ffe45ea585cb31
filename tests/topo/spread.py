#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Source translation at every switch (source_nat with per_switch), with trama-switchd and with Open vSwitch: whose ports a server
sees, that answers, fragments and ICMP errors find the switch that translates, and that a switch needs no other for its own hosts.

    spread.py BUILD trama|ovs"""
import errno
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
  office: {vlan: 10, subnet: 10.0.10.0/24}
  world: {vlan: 100, subnet: 198.51.100.0/24}
switches:
  s1: {datapath_id: 1}
  s2: {datapath_id: 2}
  s3: {datapath_id: 3}
links:
  - ["s1:l12", "s2:l21"]
  - ["s2:l23", "s3:l32"]
routers:
  edge:
    gateway: s1
    networks: {office: 10.0.10.254, world: 198.51.100.1}
    outside: world
    source_nat: [{from: office, to: [198.51.100.7, 198.51.100.8], ports: [3000, 9999], per_switch: 1000}]
    forwards: [{protocol: tcp, port: 80, to: anna, at: 198.51.100.7}]
hosts:
  ben: {network: office, switch: s1, address: 10.0.10.2, mac: "02:00:00:00:00:02"}
  anna: {network: office, switch: s2, address: 10.0.10.1, mac: "02:00:00:00:00:01"}
  carla: {network: office, switch: s3, address: 10.0.10.3, mac: "02:00:00:00:00:03"}
  server: {network: world, switch: s2, address: 198.51.100.80, mac: "02:00:00:00:00:80"}
  client: {network: world, switch: s1, address: 198.51.100.90, mac: "02:00:00:00:00:90"}
"""
FIRST_PORT = {"ben": 3000, "anna": 4000, "carla": 5000}
PORTS, IP_RECVERR = 1000, 11


def check_seen(what, name, peer):
    if peer[0] not in ("198.51.100.7", "198.51.100.8") or not FIRST_PORT[name] <= peer[1] < FIRST_PORT[name] + PORTS:
        raise AssertionError(f"{what} of {name} came as {peer}")


def udp(host, port=0):
    with Inside(host.netns):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((host.address, port))
    s.settimeout(1)
    return s


def datagram(r, name, server, size):
    """One each way; large ones in fragments.  A first one may be lost."""
    with udp(r.hosts[name]) as a, udp(r.hosts[server], 4242) as b:
        blob = os.urandom(size)

        def both():
            try:
                a.sendto(blob, (r.hosts[server].address, 4242))
                data, peer = b.recvfrom(65536)
                check_seen(f"a datagram of {size} bytes", name, peer)
                b.sendto(data, peer)
                return a.recvfrom(65536)[0] == blob
            except TimeoutError:
                return False
        until(f"{size} bytes of {name} to {server} and back", both)


def stream(r, name, server):
    """A TCP connection, a megabyte in both directions."""
    with Inside(r.hosts[server].netns):
        listener = socket.create_server((r.hosts[server].address, 8081))
    with Inside(r.hosts[name].netns):
        a = socket.socket()
    a.settimeout(PATIENCE_S)
    listener.settimeout(PATIENCE_S)
    a.connect((r.hosts[server].address, 8081))
    b, peer = listener.accept()
    b.settimeout(PATIENCE_S)
    check_seen("a connection", name, peer)
    for x, y in ((a, b), (b, a)):
        blob, got = os.urandom(1 << 20), b""
        threading.Thread(target=x.sendall, args=(blob,), daemon=True).start()
        while len(got) < len(blob):
            more = y.recv(1 << 20)
            if not more:
                raise AssertionError(f"the connection of {name} to {server} ends early")
            got += more
        if got != blob:
            raise AssertionError(f"{name} and {server} do not hear what was said")
    for x in (a, b, listener):
        x.close()


def check_conversations(r):
    for name in FIRST_PORT:
        for server in ("server", "client"):
            datagram(r, name, server, 100)
            stream(r, name, server)


def has_fragments(r):
    """Open vSwitch does not see the ports of later fragments, so these do not find the switch that translates."""
    return isinstance(r.switches["s1"], TramaSwitch)


def check_fragments(r):
    for name in FIRST_PORT if has_fragments(r) else ["ben"]:
        for server in ("server", "client"):
            datagram(r, name, server, 4000)


def check_errors(r):
    """Nothing listens: whoever translates knows whom it is for, and all the others do not."""
    for name in FIRST_PORT:
        for server in ("server", "client"):
            with udp(r.hosts[name]) as s:
                s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)

                def told(s=s, server=server):
                    try:
                        s.sendto(b"is anybody there", (r.hosts[server].address, 999))
                        s.recv(100)
                    except TimeoutError:
                        return False
                    except OSError as e:
                        return e.errno == errno.ECONNREFUSED
                    return False
                until(f"{name} is told of {server}", told)


def check_others(r):
    """What has no ports, and what is forwarded, is the gateway's."""
    for name in FIRST_PORT:
        for server in ("server", "client"):
            until(f"ping {name} {server}", lambda n=name, s=server: "1 received" in
                  r.hosts[n].sh("sh", "-c", f"ping -c1 -W1 {r.hosts[s].address}; true"))
    with Inside(r.hosts["anna"].netns):
        listener = socket.create_server((r.hosts["anna"].address, 80))
    listener.settimeout(PATIENCE_S)
    for name in ("server", "client", "carla", "ben"):
        with Inside(r.hosts[name].netns), socket.socket() as s:
            s.settimeout(PATIENCE_S)
            s.connect(("198.51.100.7", 80))
            there, peer = listener.accept()
            there.sendall(peer[0].encode())
            if name in ("server", "client") and s.recv(100).decode() != r.hosts[name].address:
                raise AssertionError(f"{name} is known as {peer}")
            there.close()
    listener.close()


def check_alone(r):
    r.switches["s1"].kill()
    for size in (100, 4000) if has_fragments(r) else (100,):
        datagram(r, "anna", "server", size)
        datagram(r, "carla", "server", size)
    stream(r, "carla", "server")


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
            for name in FIRST_PORT:
                run("ip", "-n", r.hosts[name].netns, "route", "replace", "default", "via", "10.0.10.254")
            for one in (check_conversations, check_fragments, check_errors, check_others, check_alone):
                one(r)
                print(f"{one.__name__}: passed", flush=True)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""trama-controller with real switches, from outside.
    controller.py BUILD CASE...
Exit: 0 all passed, 1 something failed, 77 skipped (not root, or a tool is missing)."""
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import traceback

from fake_switch import FakeSwitch
from rig import FLOW_MOD, PACKET_OUT, OpenVSwitch, Rig, Stream, TramaSwitch, until

BROADCAST = "ff:ff:ff:ff:ff:ff"
UNKNOWN = "02:00:00:00:ee:01"
PAIR = """
networks:
  red:  {vlan: 10, subnet: 10.98.10.0/24}
  blue: {vlan: 20, subnet: 10.98.20.0/24}
switches:
  s1: {datapath_id: 0x101}
  s2: {datapath_id: 0x202}
links:
  - ["s1:to2", "s2:to1"]
hosts:
  h1: {network: red,  switch: s1, address: 10.98.10.1, mac: "02:00:00:00:10:01"}
  h2: {network: red,  switch: s2, address: 10.98.10.2, mac: "02:00:00:00:10:02"}
  h3: {network: blue, switch: s1, address: 10.98.20.3, mac: "02:00:00:00:20:03"}
  h4: {network: blue, switch: s2, address: 10.98.20.4, mac: "02:00:00:00:20:04"}
"""


def check_networks(r):
    """Who reaches whom in PAIR."""
    h = r.hosts
    assert h["h1"].ping(h["h2"]), "h1 does not reach h2"
    assert h["h3"].ping(h["h4"]), "h3 does not reach h4"
    r.expect("h1", "h2", ["h2"])
    r.expect("h4", "h3", ["h3"])
    r.expect("h1", BROADCAST, ["h2"])
    r.expect("h3", BROADCAST, ["h4"])
    r.expect("h2", UNKNOWN, ["h1"])
    r.expect("h1", "h3", ["h2"])  # not known in red: flooded there, and there only
    r.expect("h1", "h2", [], source=h["h2"].mac)  # a declared address at another port
    r.expect("h1", BROADCAST, [], source=h["h2"].mac)


def case_pair(r):
    r.start()
    check_networks(r)
    assert r.changes() == [], r.changes()
    shown = r.show()
    assert shown["problems"] == [] and r.link_state() == "up", shown
    assert shown["switches"][0]["flows"]["refused"] == 0, shown["switches"][0]



def case_restart(r):
    """A second controller finds everything in order; declared hosts notice nothing, whichever way the first one ended."""
    r.start()
    streams = [Stream(r.hosts["h1"], r.hosts["h2"]), Stream(r.hosts["h4"], r.hosts["h3"])]
    for how in (signal.SIGTERM, signal.SIGKILL):
        r.stop_controller(how)
        r.relay.forget()
        r.start_controller()
        r.wait()
        assert r.relay.sent[FLOW_MOD] == 0, f"{r.relay.sent[FLOW_MOD]} flow-mods to switches in order"
    lost = [s.end() for s in streams]
    assert lost == [0, 0] and min(s.n for s in streams) > 100, (lost, [s.n for s in streams])


def case_switch(r):
    """A switch that is killed and comes back gets its tables again, and nobody else gets anything."""
    r.start()
    n = r.show("s2")["flows"]["ours"]
    r.switches["s2"].kill()
    until("the switch is missed", lambda: r.show("s2")["state"] == "absent")
    before = r.show("s1")["changes"]
    r.switches["s2"].start()
    r.wait()
    assert r.show("s2")["flows"]["ours"] == n > 0, r.show("s2")
    assert r.show("s1")["changes"] == before, "s1 was changed"
    check_networks(r)


def flows_of(r, switch):
    return r.call("net/flows", switch)["switches"][0]["flows"]


def places(flows):
    return sorted((f["owner"], f["kind"], f["table"], f["priority"]) for f in flows)


def case_foreign(r):
    """Others' flows stay whatever happens; ours come back when others delete them."""
    r.start()
    s1 = r.switches["s1"]
    s1.ofctl("add-flow", "table=7,priority=5,cookie=0xabc,ip,nw_dst=10.1.2.3,actions=drop")
    s1.ofctl("add-flow", "table=2,priority=1,cookie=0x1,actions=drop")
    r.stop_controller()
    r.start_controller()
    r.wait()
    r.call("net/apply", "less.yaml", PAIR[:PAIR.index("  h3:")])
    r.wait()
    r.call("net/apply", "pair.yaml", PAIR)
    r.wait()
    flows = flows_of(r, "s1")
    other = [f["flow"] for f in flows if f["owner"] == "other"]
    assert len(other) == 2 and any("cookie=0xabc" in f for f in other) and len(flows) > 10, flows
    assert r.show("s1")["flows"]["others"] == 2
    s1.ofctl("del-flows", "table=0")
    assert not any(f["table"] == 0 for f in flows_of(r, "s1")), "the test's del-flows did nothing"
    until("ours are back", lambda: places(flows_of(r, "s1")) == places(flows))
    r.wait()
    check_networks(r)


def case_conflict(r):
    """Where somebody else's flow has the place of one of ours, it stays, and the user is told."""
    r.start()
    s1 = r.switches["s1"]
    number = next(p["number"] for p in r.show("s1")["ports"] if p["name"] == "to2")
    r.stop_controller()
    place = f"in_port={number},dl_dst=01:80:c2:00:00:0e,dl_type=0x88cc"
    s1.ofctl("del-flows", "table=0," + place)
    s1.ofctl("add-flow", f"table=0,priority=300,cookie=0x77,{place},actions=drop")
    r.start_controller()
    until("the conflict is seen", lambda: r.show("s1").get("flows", {}).get("conflicts") == 1)
    assert any("cookie=0x77" in f["flow"] and f["owner"] == "other" for f in flows_of(r, "s1")), flows_of(r, "s1")
    s1.ofctl("del-flows", "table=0," + place)
    flows_of(r, "s1")
    until("ours has its place", lambda: r.show("s1")["flows"]["conflicts"] == 0 and r.link_state() == "up")


def learned(r):
    return {h["mac"]: (h["switch"], h["port"]) for h in r.show()["hosts"] if not h["declared"]}


def case_learn(r):
    """A host that is not declared is learned where it sends, moves when it sends elsewhere, and is forgotten in the end."""
    r.start()
    h = r.hosts
    r.expect("h2", UNKNOWN, ["h1", "h5"])
    r.expect("h1", BROADCAST, ["h2", "h5"], source=UNKNOWN)
    until("it is learned", lambda: learned(r).get(UNKNOWN, ("",))[0] == "s1")
    r.wait()
    r.expect("h2", UNKNOWN, ["h1"])
    r.expect("h5", UNKNOWN, ["h1"])

    def move():
        h["h2"].send(BROADCAST, b"here", UNKNOWN)
        return learned(r)[UNKNOWN][0] == "s2"
    until("it has moved", move)
    r.wait()
    r.expect("h5", UNKNOWN, ["h2"])
    r.expect("h1", "h5", ["h5"], source=UNKNOWN)
    r.stop_controller()
    r.start_controller()
    r.wait()
    assert UNKNOWN in learned(r), "a new controller does not recall it"
    if r.kind is TramaSwitch:
        for s in r.switches.values():
            s.warp(301000)
        until("it is forgotten", lambda: UNKNOWN not in learned(r))
        r.wait()
        r.expect("h1", UNKNOWN, ["h2", "h5"])


def refused(text, function, *args):
    """The call is refused with a sentence that has `text`."""
    try:
        function(*args)
    except RuntimeError as e:
        assert text in str(e), f"'{e}' has no '{text}'"
        return
    raise AssertionError(f"not refused: {args}")


def case_documents(r):
    """Documents come and go while the switches work; a bad one changes nothing."""
    r.start()
    less = PAIR[:PAIR.index("  h3:")]
    stream = Stream(r.hosts["h1"], r.hosts["h2"])
    diff = r.changes(less)
    assert diff and {kind for _, change, kind in diff if change == "delete"} >= {"source", "spoof", "host", "access"}, diff
    assert r.changes() == [], "net/diff changed something"
    assert not any(kind == "source" and change != "delete" for _, change, kind in diff), diff
    before = r.show("s1")["changes"]
    r.call("net/apply", "less.yaml", less)
    r.wait()
    made = r.show("s1")["changes"] - before
    assert made == sum(switch == "s1" for switch, _, _ in diff), (made, diff)
    assert r.changes(less) == []
    r.expect("h3", BROADCAST, [])
    r.relay.forget()
    refused("bad.yaml:", r.call, "net/apply", "bad.yaml", less.replace("vlan: 20", "vlan: 10"))
    refused("new.yaml:", r.changes, less + "surprise: 1\n")
    refused("controller: none", r.call, "net/apply", "none.yaml", "controller: none\n" + less)
    refused("at least 2 arguments", r.call, "net/apply", "x.yaml")
    refused("number of milliseconds", r.call, "net/wait", "soon")
    refused("no switch 's9'", r.call, "net/flows", "s9")
    assert r.show()["file"] == "less.yaml" and r.relay.sent[FLOW_MOD] == 0
    r.write(PAIR)
    r.controller.send_signal(signal.SIGHUP)
    until("the file is read anew", lambda: r.show()["file"].endswith("net.yaml"))
    r.wait()
    assert r.call("net/text")["text"] == PAIR
    check_networks(r)
    r.write(PAIR + "surprise: 1\n")
    r.relay.forget()
    r.controller.send_signal(signal.SIGHUP)
    with open(f"{r.dir}/controller.log", encoding="utf-8") as log:
        until("the bad file is refused", lambda: "the document before stays in force" in log.read())
    assert r.call("net/text")["text"] == PAIR and r.relay.sent[FLOW_MOD] == 0
    assert stream.end() == 0, "declared hosts lost frames"


RING = """
networks:
  red: {vlan: 10, subnet: 10.98.10.0/24}
switches:
  s1: {datapath_id: 1}
  s2: {datapath_id: 2}
  s3: {datapath_id: 3}
links:
  - ["s1:to2", "s2:to1"]
  - ["s2:to3", "s3:to2"]
  - ["s3:to1", "s1:to3"]
hosts:
  h1: {network: red, switch: s1, address: 10.98.10.1, mac: "02:00:00:00:10:01"}
  h2: {network: red, switch: s2, address: 10.98.10.2, mac: "02:00:00:00:10:02"}
  h3: {network: red, switch: s3, address: 10.98.10.3, mac: "02:00:00:00:10:03"}
"""


def case_ring(r):
    """In a loop every broadcast comes once; links come and go, and no frame circles meanwhile."""
    r.start()
    h = r.hosts
    r.expect("h1", BROADCAST, ["h2", "h3"])
    r.expect("h1", UNKNOWN, ["h2", "h3"])
    for payload in h["h2"].heard():
        assert not payload, "left over"
    n = 0
    for i, link in enumerate(r.doc["links"]):
        r.set_link(link[0], "down")
        n += 1
        h["h1"].send(BROADCAST, b"b=%d" % n)
        until("the link is down", lambda i=i: r.link_state(i) == "down")
        r.wait()
        for sender in h:
            r.expect(sender, BROADCAST, [name for name in h if name != sender])
        for a, b in ((a, b) for a in h for b in h if a < b):
            r.expect(a, b, [b])
        r.set_link(link[0], "up")
        h["h1"].send(BROADCAST, b"b=%d" % n)
        until("the link is up", lambda i=i: r.link_state(i) == "up")
        r.wait()
        r.expect("h1", BROADCAST, ["h2", "h3"])
    r.stop_controller()
    r.expect("h1", BROADCAST, ["h2", "h3"])
    r.relay.forget()
    r.start_controller()
    r.wait()
    assert r.relay.sent[FLOW_MOD] == 0, "a controller that starts anew changes a ring in order"
    for flap in range(30):  # faster than anybody can follow
        r.set_link(r.doc["links"][flap % 3][0], "down" if flap % 2 else "up")
        h["h2"].send(BROADCAST, b"flap=%d" % flap)
    for a, _ in r.doc["links"]:
        r.set_link(a, "up")
    until("the links are up", lambda: all(link["state"] == "up" for link in r.show()["links"]))
    sent = r.relay.sent[PACKET_OUT]
    until("discovery goes on", lambda: r.relay.sent[PACKET_OUT] >= sent + 30)  # five rounds: longer than the timeout
    assert all(link["state"] == "up" for link in r.show()["links"]), "a port is deaf since its device flapped"
    r.wait()
    heard = [p for p in h["h3"].heard() if p.startswith(b"flap=")]
    assert len(heard) == len(set(heard)) or max(heard.count(p) for p in heard) <= 2, heard
    for sender in h:
        r.expect(sender, BROADCAST, [name for name in h if name != sender])


def has_peer(s):
    """Whether the other end of a socket is still there, without reading."""
    events = select.poll()
    events.register(s, select.POLLOUT)
    return not any(flags & (select.POLLHUP | select.POLLERR) for _, flags in events.poll(0))


def stranger(r):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(r.listen_path)
    return s


def case_strangers(r):
    """Whatever connects: the switches that are in order notice nothing."""
    r.start()
    stream = Stream(r.hosts["h1"], r.hosts["h2"])
    n = r.show("s1")["flows"]["ours"]
    for junk in (b"\0" * 100, os.urandom(4000), b"GET / HTTP/1.0\r\n\r\n", b"\4\0\0\4\0\0\0\0", b"\4\0\0\10\0\0\0\1" * 3,
                 b"\1\0\0\10\0\0\0\1", b"\4\0\0\10\0\0\0\1" + b"\4\22\0\11\0\0\0\0\0", b"\4\0\0\10\0\0\0\1\4\12\xff\xff"):
        with stranger(r) as s:
            s.sendall(junk)
            s.shutdown(socket.SHUT_WR)
            try:
                while s.recv(65536):
                    pass
            except ConnectionResetError:
                pass
    silent = [stranger(r) for _ in range(20)]  # say nothing at all
    twin = FakeSwitch(r.listen_path, 0x101, ["h1", "h3", "to2"])
    other = FakeSwitch(r.listen_path, 0x999, ["p1"])
    until("the stranger is shown", lambda: any(s["datapath_id"] == 0x999 for s in r.show()["strangers"]))
    until("the twin is shown", lambda: any("more than once" in p for p in r.show()["problems"]))
    assert twin.n_flow_mods == other.n_flow_mods == 0
    assert r.show("s1")["flows"]["ours"] == n and r.show("s1")["in_sync"]
    check_networks(r)
    r.call("net/apply", "more.yaml", PAIR.replace("links:", "  s9: {datapath_id: 0x999, ports: {p1: {network: red}}}\nlinks:"))
    r.wait()
    assert other.n_flow_mods > 0 and len(other.flows) == other.n_flow_mods, (other.n_flow_mods, len(other.flows))
    r.call("net/apply", "pair.yaml", PAIR)
    until("a switch that is ours no longer is without our flows", lambda: not other.flows)
    r.switches["s1"].kill()
    until("the twin takes over", lambda: len(twin.flows) == n)
    for s in (*silent, twin, other):
        s.close()
    r.switches["s1"].start()
    r.wait()
    check_networks(r)
    stream.end()


def case_unruly(r):
    """Switches of the document that misbehave: each is given up or waited for, and the next connection is served."""
    r.start_controller()
    document = "networks: {red: {vlan: 10}}\nswitches:\n  s1: {datapath_id: 1, ports: {p1: {network: red}}}\n"
    r.call("net/apply", "one.yaml", document)
    cut = FakeSwitch(r.listen_path, 1, ["p1"], ["cut off"])
    until("a reply that ends in the middle ends the connection", lambda: cut.is_ended)
    with stranger(r) as deaf:  # asks for ever, and reads nothing
        deaf.setblocking(False)
        deaf.sendall(b"\4\0\0\10\0\0\0\1")
        echoes = (b"\4\2\xff\xf8\0\0\0\1" + bytes(0xfff0)) * 2000
        at = 0
        try:
            while True:  # 128 MB, or until the controller takes no more
                at += deaf.send(echoes[at:at + (1 << 20)])
        except BlockingIOError:
            pass
        assert at < len(echoes) and memory_kb(r.controller) < 65536, (at, memory_kb(r.controller))
        deaf.setblocking(True)
        until("who asks and does not read is given up", lambda: not has_peer(deaf))
    good = FakeSwitch(r.listen_path, 1, ["p1"])
    r.wait()
    until("it has its flows", lambda: good.flows)
    frames = [struct.pack("!6s6sH", b"\xff" * 6, struct.pack("!HI", 0x0200, i), 0x88B5) + bytes(46) for i in range(20000)]
    cookie = 0x7472616D << 32 | 7 << 24 | 10  # of the flow that shows unknown senders
    for _ in range(5):
        good.packet_ins(cookie, 1, frames)
    until("they are all seen", lambda: r.show("s1")["packet_ins"] == 5 * len(frames))
    r.wait()
    hosts = len(learned(r))
    assert hosts == 256, f"{hosts} hosts learned at one port"
    assert len(good.flows) < 2 * 256 + 20, len(good.flows)
    until("the switch shows no more senders", lambda: not any(
        f["kind"] == "learn" and "CONTROLLER" in f["flow"] for f in flows_of(r, "s1")))
    assert memory_kb(r.controller) < 65536, f"{memory_kb(r.controller)} kB"
    good.close()
    unruly = [FakeSwitch(r.listen_path, 1, ["p1"], [habit]) for habit in ("no flows", "no barrier")]
    until("one of them is taken", lambda: r.show("s1")["state"] != "absent")
    for s in unruly:
        s.close()
    last = FakeSwitch(r.listen_path, 1, ["p1"])
    r.wait()
    assert last.flows
    last.close()


def memory_kb(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def case_many(r):
    """Fifty switches in a line of rings, a thousand hosts: all of them are brought in sync; a host that is learned costs
    each no more than what is new; nothing grows."""
    n = 50
    lines = ["networks:"] + [f"  n{v}: {{vlan: {100 + v}}}" for v in range(4)] + ["switches:"]
    lines += [f"  s{i}: {{datapath_id: {1000 + i}}}" for i in range(n)] + ["links:"]
    lines += [f'  - ["s{i}:a{d}", "s{(i + d) % n}:b{d}"]' for i in range(n) for d in (1, 2)] + ["hosts:"]
    lines += [f"  h{i}: {{network: n{i % 4}, switch: s{i % n}, port: p{i // n}}}" for i in range(20 * n)]
    r.start_controller()
    r.call("net/apply", "many.yaml", "\n".join(lines) + "\n")
    names = ["a1", "a2", "b1", "b2"] + [f"p{i}" for i in range(20)]
    fakes = [FakeSwitch(r.listen_path, 1000 + i, names) for i in range(n)]
    until("every switch is in sync", lambda: all(s.get("in_sync") for s in r.show()["switches"]))
    assert all(len(f.flows) > 1000 for f in fakes), [len(f.flows) for f in fakes]
    until("no link is heard", lambda: all(link["state"] == "down" for link in r.show()["links"]))
    until("every switch is in sync", lambda: all(s.get("in_sync") for s in r.show()["switches"]))
    before = [f.n_flow_mods for f in fakes]
    frame = struct.pack("!6s6sH", b"\xff" * 6, bytes([2, 0, 0, 0, 9, 9]), 0x88B5) + bytes(46)
    fakes[7].packet_ins(0x7472616D << 32 | 7 << 24 | 100, 5, [frame])
    until("it is learned", lambda: learned(r))
    # until the document is compiled anew, a moment later, all are in sync with the old one
    until("its switch is told", lambda: fakes[7].n_flow_mods > before[7])
    until("every switch is in sync", lambda: all(s.get("in_sync") for s in r.show()["switches"]))
    made = [f.n_flow_mods - b for f, b in zip(fakes, before)]
    assert made[7] == 2 and sum(made) == 2, made  # links are down: nobody else has a way there
    assert memory_kb(r.controller) < 512 * 1024, f"{memory_kb(r.controller)} kB"
    print(f"many: {memory_kb(r.controller)} kB, {cpu_s(r.controller):.1f} s of CPU time, "
          f"{sum(len(f.flows) for f in fakes)} flows")
    for f in fakes:
        f.close()


def cpu_s(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as f:
        return sum(int(v) for v in f.read().rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")


def case_ports(r):
    """A port goes down and comes back; a host's port is taken away and added again."""
    r.start()
    r.set_link("s1:to2", "down")
    until("the link is down", lambda: r.link_state() == "down")
    r.wait()
    r.expect("h1", BROADCAST, [])
    r.set_link("s1:to2", "up")
    until("the link is up", lambda: r.link_state() == "up")
    r.wait()
    check_networks(r)


NOTHING = "networks: {red: {vlan: 10}}\nswitches: {s1: {datapath_id: 1}}\n"
CASES = {
    "pair": (case_pair, PAIR),
    "restart": (case_restart, PAIR),
    "switch": (case_switch, PAIR),
    "ports": (case_ports, PAIR),
    "documents": (case_documents, PAIR),
    "foreign": (case_foreign, PAIR),
    "conflict": (case_conflict, PAIR),
    "learn": (case_learn, PAIR + """
  h5: {network: red, switch: s1, address: 10.98.10.5, mac: "02:00:00:00:10:05"}
"""),
    "ring": (case_ring, RING),
    "strangers": (case_strangers, PAIR),
    "unruly": (case_unruly, NOTHING),
    "many": (case_many, NOTHING),
}


def main(build, names):
    if os.geteuid():
        print("skipped: needs root")
        return 77
    failed = 0
    for name in names:
        case, _, kind = name.partition("-")
        function, document = CASES[case]
        if kind == "ovs" and not shutil.which("ovs-vswitchd"):
            print("skipped: needs ovs-vswitchd")
            return 77
        try:
            with Rig(build, document, OpenVSwitch if kind == "ovs" else TramaSwitch) as r:
                function(r)
            print(f"{name}: passed")
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc()
            print(f"{name}: FAILED")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

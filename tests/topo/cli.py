#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line `trama` against real daemons: every command, its JSON, its exit codes, and every bad input with its
sentence.
    cli.py TRAMA TRAMA_SWITCHD TRAMA_CONTROLLER COMPLETION [CASE...]
Namespaces and interfaces have names with our process id in them.
Exit: 0 all passed, 1 something failed, 77 skipped (not root, or a tool is missing)."""
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from fake_switch import FakeSwitch

TRAMA, SWITCHD, CONTROLLER, COMPLETION = map(os.path.abspath, sys.argv[1:5])
ID = os.getpid()
NS, NS2, VETH, VETH2 = f"tc{ID}a", f"tc{ID}b", f"tcv{ID}", f"tcw{ID}"
PATIENCE_S = 30
NET = """name: clitest
networks:
  red: {vlan: 10, subnet: 10.0.10.0/24}
  blue: {vlan: %d}
switches:
  s1: {datapath_id: 0x77}
hosts:
  h1: {network: red, switch: s1, port: pa, address: 10.0.10.1}
  h2: {network: blue, switch: s1, port: pb}
"""
FRAME_A = "020000000002" "020000000001" "0800" "4500001c00010000401126cf" "0a000001" "0a000002" "0400003500080000" + "00" * 18
FRAME_B = "020000000001" "020000000002" "88b5" + "00" * 46

directory = None


class Failed(Exception):
    pass


def check(is_good, what):
    if not is_good:
        raise Failed(what)


def same(got, want, what=""):
    check(got == want, f"{what}: {got!r} instead of {want!r}")


def trama(*args, stdin=None, run_dir=None):
    return subprocess.run([TRAMA, *map(str, args)], capture_output=True, text=True, timeout=PATIENCE_S, input=stdin,
                          env={**os.environ, "TRAMA_RUN_DIR": run_dir or str(directory)})


def good(*args, **kwargs):
    r = trama(*args, **kwargs)
    check(r.returncode == 0 and not r.stderr, f"trama {' '.join(map(str, args))}: exit {r.returncode}: {r.stderr.strip()}")
    return r.stdout


def asked(*args, **kwargs):
    return json.loads(good(*args, "-j", **kwargs))


def refused(code, words, *args, **kwargs):
    """One sentence with these words, and that exit code; nothing on stdout."""
    r = trama(*args, **kwargs)
    what = f"trama {' '.join(map(str, args))}: exit {r.returncode}, '{r.stderr.strip()}'"
    lines = [line for line in r.stderr.splitlines() if not line.startswith("Try 'trama ")]
    check(r.returncode == code, f"{what}: not exit {code}")
    check(len(lines) == 1 and lines[0].startswith("trama: "), f"{what}: not one sentence")
    check((code == 2) == (len(r.stderr.splitlines()) == 2), f"{what}: a hint belongs to a wrong command line")
    check(not r.stdout, f"{what}: said '{r.stdout}'")
    for word in [words] if isinstance(words, str) else words:
        check(word in r.stderr, f"{what}: nothing of '{word}'")


def wait_for(what, test):
    end = time.monotonic() + PATIENCE_S
    while not test():
        check(time.monotonic() < end, f"waited in vain for {what}")
        select.select([], [], [], 0.005)


def rpc(method, *params):
    """The control socket itself, for the ports of type test."""
    r = subprocess.run(["ovs-appctl", "-t", directory / "trama-switchd.ctl", method, *params], capture_output=True, text=True,
                       timeout=PATIENCE_S)
    check(r.returncode == 0, f"{method}: {r.stderr}")
    return r.stdout


def flows(*args):
    return [f["flow"] for f in asked("flow", "dump", *args)["flows"]]


# --- the cases ---

def manual_is_complete(commands):
    """Every command and every option of it is in docs/trama.1."""
    manual = (pathlib.Path(__file__).parents[2] / "docs/trama.1").read_text()
    for command in commands:
        name = [w for w in command.split() if w.isalpha() and w.islower()]
        check(f"Cm {' '.join(name)}" in manual, f"the manual has no {' '.join(name)}")
        for line in good(*name, "-h").splitlines():
            if line.lstrip().startswith("-"):
                for option in re.findall(r"(?<= )-(?:-[a-z-]+|[a-z](?=,))", line.split("   ")[0] + " "):
                    check(re.search(rf"Fl {re.escape(option[1:])}\b", manual), f"the manual has no {option} of {' '.join(name)}")


def about():
    same(good("version"), "trama " + asked("version")["version"] + "\n")
    commands = [line.split("  ")[1] for line in good("help").splitlines() if line.startswith("  ") and line[2] != " "]
    commands = [c for c in commands if not c.startswith("-")]
    check(len(commands) > 20, f"help lists {commands}")
    for command in commands:
        name = [w for w in command.split() if w.isalpha() and w.islower()]
        text = good(*name, "-h")
        check(text.startswith(f"Usage: trama {' '.join(name)} ") and "--json" in text, f"{name} -h: {text}")
        same(good("help", *name), text, f"help {name}")
    manual_is_complete([c for c in commands if c.split()[0] in ("switch", "flow", "mac", "attach", "detach", "capture", "net", "group", "meter", "queue", "rxq", "pki")])
    check("switch show" in good("switch", "-h"), "help of a group")
    refused(2, "'nix'", "nix")
    refused(2, "A command is missing")
    refused(2, ["'switch nix'", "show, ports"], "switch", "nix")
    refused(2, "needs one of", "switch")
    refused(2, "'--nix'", "switch", "show", "--nix")
    refused(2, "'-y'", "switch", "show", "-y")
    refused(2, "needs a value", "switch", "show", "-b")
    refused(2, "no use for 'x'", "switch", "show", "x")
    same(good("switch", "perf").split()[:3], ["WORKER", "CPU", "TIMED"])
    same(sorted(asked("switch", "perf", "0.01")[0]["cycles"]), ["key", "lookup", "run", "rx", "tx"])
    refused(2, '"soon" is no number of seconds', "switch", "perf", "soon")
    refused(2, '"0" is no number of seconds above 0', "switch", "perf", "0")
    refused(2, "needs PORT", "switch", "port", "del")
    refused(2, "'nix'", "help", "nix")


def unreachable():
    nowhere = str(directory / "nowhere")
    for args in (["switch", "show"], ["switch", "ports"], ["switch", "stats"], ["switch", "reload"], ["mac", "show"],
                 ["mac", "flush"], ["switch", "port", "add", "x", "type=test"], ["switch", "port", "del", "x"],
                 ["detach", "x"], ["attach", "lo"], ["capture", "x"]):
        refused(3, f"{nowhere}/trama-switchd.ctl", *args, run_dir=nowhere)
        refused(3, f"{nowhere}/trama-switchd.ctl", *args, "--run-dir", nowhere)
    for args in (["net", "show"], ["net", "diff"], ["net", "flows"], ["flow", "dump", "--controller"]):
        refused(3, f"{nowhere}/trama-controller.ctl", *args, run_dir=nowhere)
    for args in (["flow", "dump"], ["flow", "count"], ["flow", "add", "actions=drop"], ["flow", "del", "--all"]):
        refused(3, nowhere, *args, run_dir=nowhere)
        refused(3, f"{nowhere}/br0.mgmt", *args, "-b", "br0", run_dir=nowhere)
        refused(3, f"unix:{nowhere}/x", *args, "--to", f"unix:{nowhere}/x", run_dir=nowhere)


def switch():
    shown = asked("switch", "show")
    same([b["name"] for b in shown["bridges"]], ["br0", "br1"])
    same(shown["bridges"][0]["datapath_id"], "0000000000000077")
    same([b["name"] for b in asked("switch", "show", "-b", "br1")["bridges"]], ["br1"])
    lines = good("switch", "show").splitlines()
    same(lines[1].split()[:3], ["BRIDGE", "DATAPATH_ID", "PORTS"])
    same(lines[2].split()[:5], ["br0", "0000000000000077", "2", "0", "secure"])
    refused(1, "br9", "switch", "show", "-b", "br9")
    ports = asked("switch", "ports")
    same([(p["name"], p["type"], p["ofport"]) for p in ports], [("pa", "test", 3), ("pb", "test", 5), ("pz", "test", 1)])
    same([line.split()[2] for line in good("switch", "ports", "-b", "br0").splitlines()], ["PORT", "pa", "pb"])
    check("access 10" in good("switch", "ports"), "no VLAN in the list")
    refused(1, "br9", "switch", "ports", "-b", "br9")


def port():
    refused(2, ["2 bridges", "br0, br1", "-b"], "switch", "port", "add", "px", "type=test")
    same(asked("switch", "port", "add", "px", "type=test", "ofport=9", "vlan={trunk: [7, 8, 9, 30]}", "-b", "br0"),
         {"name": "px", "ofport": 9, "bridge": "br0"})
    same(good("switch", "port", "add", "py", "{type: test, ofport: 12}", "-b", "br1"), "py is port 12 of br1\n")
    check("trunk 7-9,30" in good("switch", "ports"), "the trunk is not shown")
    refused(1, "px exists already", "switch", "port", "add", "px", "type=test", "-b", "br0")
    refused(1, "br9", "switch", "port", "add", "pw", "type=test", "-b", "br9")
    refused(1, "nix", "switch", "port", "add", "pw", "type=nix", "-b", "br0")
    refused(1, "pw:2: mtu: 1 is out of range: 68 to 65535 are possible", "switch", "port", "add", "pw", "type=test", "mtu=1", "-b", "br0")
    refused(1, "pw:1: access: 4095 is out of range: 1 to 4094", "switch", "port", "add", "pw", "{type: test, vlan: {access: 4095}}", "-b", "br0")
    refused(1, "rate: the rate '1' is out of range: 1kbit to ", "queue", "set", "pa", "{rate: 1}")
    refused(2, "'type'", "switch", "port", "add", "pw", "type", "-b", "br0")
    refused(2, "'=x'", "switch", "port", "add", "pw", "=x", "-b", "br0")
    same(good("switch", "port", "del", "px"), "")
    same(asked("switch", "port", "del", "py"), {"bridge": "br1", "name": "py", "is_in_file": False})
    refused(1, "px", "switch", "port", "del", "px")
    check("reload" in good("switch", "port", "del", "pz"), "nothing said of the file")
    same(len(asked("switch", "ports")), 2)
    good("switch", "reload")
    same(len(asked("switch", "ports")), 3)
    text = (directory / "sw.yaml").read_text()
    (directory / "sw.yaml").write_text(text + "nix: 1\n")
    refused(1, ["sw.yaml", "nix"], "switch", "reload")
    (directory / "sw.yaml").write_text(text)


def flow():
    b = ["-b", "br0"]
    refused(2, ["2 bridges", "-b"], "flow", "dump")
    refused(2, "-b", "flow", "add", "actions=drop")
    refused(2, "do not go together", "flow", "dump", *b, "--to", "tcp:127.0.0.1:1")
    refused(2, "nix:1", "flow", "dump", "--to", "nix:1")
    refused(2, "ptcp", "flow", "dump", "--to", "ptcp:6653")
    refused(2, "--tls-ca", "flow", "dump", "--to", "ssl:127.0.0.1:1")
    refused(2, "--tls-ca", "flow", "dump", "--to", "ssl:127.0.0.1:1", "--tls-key", "x")
    refused(2, "--tls-ca", "flow", "dump", *b, "--tls-key", "x", "--tls-certificate", "x", "--tls-ca", "x")
    refused(1, f"{directory}/nix", "flow", "dump", "--to", "ssl:127.0.0.1:1", "--tls-key", directory / "nix", "--tls-certificate",
            directory / "nix", "--tls-ca", directory / "nix")
    refused(2, "'a/b'", "flow", "dump", "-b", "a/b")
    refused(3, "br9.mgmt", "flow", "dump", "-b", "br9")
    same(good("flow", "add", *b, "priority=10,in_port=pa,actions=output:pb", "table=2,priority=7,cookie=0x5,ip,nw_dst=10.0.0.0/8,actions=drop"), "")
    r = asked("flow", "add", "-f", "-", *b, stdin="# all of these\n\n  priority=20,tcp,tp_dst=80,actions=goto_table:2 # web\n"
              "priority=10,in_port=5,idle_timeout=60,send_flow_rem,actions=output:3\n")
    same(r, {"via": "switch", "switch": "br0", "endpoint": f"unix:{directory}/br0.mgmt", "sent": 2, "bundle": True,
             "refused": []})
    want = ["priority=20,tcp,tp_dst=80 actions=goto_table:2", "priority=10,in_port=pa actions=output:pb",
            "idle_timeout=60,send_flow_rem,priority=10,in_port=pb actions=output:pa",
            "table=2,cookie=0x5,priority=7,ip,nw_dst=10.0.0.0/8 actions=drop"]
    same(flows(*b), want, "sorted")
    lines = good("flow", "dump", *b).splitlines()
    same(lines[0], f"# br0, asked directly at unix:{directory}/br0.mgmt: 4 flows")
    check(lines[2].startswith("cookie=0x0, duration=") and lines[2].endswith("n_packets=0, n_bytes=0, priority=10,in_port=pa "
                                                                             "actions=output:pb"), lines[2])
    same(good("flow", "dump", *b, "--no-stats").splitlines()[1:], want)
    same(good("flow", "dump", *b, "--no-stats", "-n", "in_port=pb").splitlines()[1],
         "idle_timeout=60,send_flow_rem,priority=10,in_port=5 actions=output:3")
    one = asked("flow", "dump", *b, "cookie=5/-1")["flows"][0]
    same({k: one[k] for k in ("table", "priority", "cookie", "match", "actions", "flags", "packets")},
         {"table": 2, "priority": 7, "cookie": "0x5", "match": "ip,nw_dst=10.0.0.0/8", "actions": "drop", "flags": [],
          "packets": 0})
    same(flows(*b, "table=2"), want[3:])
    same(flows(*b, "out_port=pb"), want[1:2])
    same(flows(*b, "ip"), [want[0], want[3]])
    rpc("testport/give", "pb", FRAME_B)
    wait_for("the flow's count", lambda: asked("flow", "count", *b, "in_port=pb")["packets"] == 1)
    same(flows(*b, "--sort", "packets")[0], want[2])
    same(flows(*b, "--sort", "bytes")[0], want[2])
    same(asked("flow", "count", *b), {"via": "switch", "switch": "br0", "endpoint": f"unix:{directory}/br0.mgmt", "flows": 4,
                                      "packets": 1, "bytes": 60})
    same(good("flow", "count", *b), "br0: 4 flows, 1 packet, 60 B\n")
    # what was dumped can be added again, here by the socket and at another bridge
    good("flow", "add", "--to", f"unix:{directory}/br1.mgmt", "-f", "-", stdin=good("flow", "dump", *b, "-n"))
    same(asked("flow", "count", "-b", "br1")["flows"], 4)
    good("flow", "mod", *b, "in_port=pa,actions=drop")
    same(flows(*b, "in_port=pa"), ["priority=10,in_port=pa actions=drop"])
    good("flow", "mod", *b, "--strict", "priority=11,in_port=pa,actions=output:pb")
    same(flows(*b, "in_port=pa"), ["priority=10,in_port=pa actions=drop"], "strict mod of another priority")
    good("flow", "del", *b, "--strict", "priority=10,in_port=pb")
    good("flow", "del", *b, "table=2")
    same(len(flows(*b)), 2)
    good("flow", "del", *b, "--all")
    good("flow", "del", "-b", "br1", "--all")
    same(flows(*b), [])


def flow_refused():
    b = ["-b", "br0"]
    good("flow", "add", *b, "actions=drop")
    refused(1, ["flow 'actions=nix'", "'nix' is not an action"], "flow", "add", *b, "actions=nix")
    refused(1, "no actions", "flow", "add", *b, "in_port=1")
    refused(1, "standard input:2: flow 'foo=1", "flow", "add", *b, "-f", "-", stdin="priority=3,actions=drop\nfoo=1,actions=drop\n")
    same(len(flows(*b)), 1, "a file with a bad flow changed something")
    refused(1, f"{directory}/nix", "flow", "add", *b, "-f", directory / "nix")
    refused(1, "zero byte", "flow", "add", *b, "-f", "-", stdin="actions=drop\0\n")
    refused(2, "do not go together", "flow", "add", *b, "-f", "-", "actions=drop")
    refused(2, "needs a flow or --file", "flow", "add", *b)
    refused(2, "--all", "flow", "del", *b)
    refused(2, "--all", "flow", "del", *b, "--all", "table=1")
    refused(2, "'nix'", "flow", "dump", *b, "--sort", "nix")
    refused(2, "--controller", "flow", "dump", "--controller", "--to", "tcp:127.0.0.1:1")
    refused(1, ["filter 'nix'", "nix"], "flow", "dump", *b, "nix")
    refused(1, "filter", "flow", "count", *b, "actions=drop")
    refused(1, ["br0 refuses flow 'actions=group:7'", "no such group (OFPBAC_BAD_OUT_GROUP)"], "flow", "add", *b, "actions=group:7")
    refused(2, "do not go together", "flow", "del", *b, "--all", "--strict")
    three = "priority=3,actions=drop\nactions=group:4\npriority=4,actions=drop\n"
    for args, last, n in (([], "nothing was changed: 3 flows go in together or not at all (--no-bundle: one by one)", 1),
                          (["--no-bundle"], "1 of 3 flows were refused, the others are in place", 3)):
        r = trama("flow", "add", "-j", *b, "-f", "-", *args, stdin=three)
        same(r.returncode, 1)
        same(r.stderr.splitlines(), ["trama: standard input:2: br0 refuses flow 'actions=group:4': there is no such group (OFPBAC_BAD_OUT_GROUP)",
                                     "trama: " + last])
        same([(x["line"], x["error"]) for x in json.loads(r.stdout)["refused"]], [(2, "OFPBAC_BAD_OUT_GROUP")])
        same((json.loads(r.stdout)["bundle"], len(flows(*b))), (not args, n))
    same(len(flows(*b)), 3)
    many = "".join(f"priority={i % 60000},dl_src=02:00:00:00:{i >> 8:02x}:{i & 255:02x},actions=drop\n" for i in range(20000))
    good("flow", "add", *b, "-f", "-", stdin=many)
    same(asked("flow", "count", *b)["flows"], 20003)
    good("flow", "del", *b, "--strict", "-f", "-", stdin=many.replace(",actions=drop", ""))
    same(asked("flow", "count", *b)["flows"], 3)
    r = trama("flow", "add", *b, "--no-bundle", "-f", "-", stdin=many + "".join(f"priority={i},actions=group:1\n" for i in range(50)))
    same(r.returncode, 1)
    check("trama: 30 more flows were refused" in r.stderr and "50 of 20050 flows" in r.stderr, r.stderr[-300:])
    same(asked("flow", "count", *b)["flows"], 20003)
    good("flow", "del", *b, "--all")


def no_bundles():
    """A switch that does not know bundles changes nothing, and is told of --no-bundle; one flow needs none."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(directory / "old"))
        listening.listen()
        to = ["--to", f"unix:{directory}/old"]

        def with_fake(call, *args):
            switches = []
            thread = threading.Thread(target=lambda: switches.append(FakeSwitch(listening.accept()[0], 5, ["pa"])))
            thread.start()
            try:
                call(*args)
            finally:
                thread.join()
                switches[0].close()
            return switches[0].n_flow_mods

        same(with_fake(refused, 1, ["it does not know messages of this experimenter", "nothing was changed", "--no-bundle"],
                       "flow", "add", *to, "priority=1,actions=drop", "priority=2,actions=drop"), 0)
        same(with_fake(good, "flow", "add", *to, "--no-bundle", "priority=1,actions=drop", "priority=2,actions=drop"), 2)
        same(with_fake(good, "flow", "add", *to, "priority=1,actions=drop"), 1)
    os.unlink(directory / "old")


def group():
    b = ["-b", "br0"]
    one = "group_id=7,type=select,bucket=weight:5,actions=output:pb,bucket=actions=output:pa"
    two = "group_id=3,type=ff,bucket=watch_port:pa,actions=output:pb"
    same(good("group", "dump", *b), f"# br0, asked directly at unix:{directory}/br0.mgmt: 0 groups\n")
    same(asked("group", "add", *b, one, two)["sent"], 2)
    same(good("group", "dump", *b).splitlines()[1:], [two, one], "by number")
    same(good("group", "dump", *b, "-n", 7).splitlines()[1:], [one.replace("pb", "5").replace("pa", "3")])
    same(asked("group", "dump", *b, 3)["groups"], [{"group_id": 3, "type": "ff", "text": two, "buckets": [
        {"weight": 0, "watch_port": 3, "actions": "output:pb"}]}])
    good("flow", "add", *b, "in_port=pa,actions=group:3")
    rpc("testport/give", "pa", FRAME_A)
    wait_for("the group's count", lambda: asked("group", "stats", *b, 3)["groups"][0]["packets"] == 1)
    got = asked("group", "stats", *b)["groups"]
    same([(g["group_id"], g["references"], g["bytes"], g["buckets"]) for g in got],
         [(3, 1, 60, [{"packets": 1, "bytes": 60}]), (7, 0, 0, [{"packets": 0, "bytes": 0}] * 2)])
    same([line.split()[:5] for line in good("group", "stats", *b, 3).splitlines()],
         [["#", "br0,", "asked", "directly", "at"], ["GROUP", "BUCKET", "REFERENCES", "PACKETS", "BYTES"], ["3", "-", "1", "1", "60"],
          ["3", "0", "-", "1", "60"]])
    good("group", "mod", *b, "group_id=7,type=all,bucket=actions=drop")
    same(asked("group", "dump", *b, 7)["groups"][0]["type"], "all")
    # what was dumped can be added again, also at another bridge
    dumped = good("group", "dump", *b, "-n")
    good("group", "del", *b, "group_id=3")
    same(flows(*b), [], "flows that send to a deleted group")
    good("group", "add", "-b", "br1", "-f", "-", stdin=dumped.replace("watch_port:3", "watch_port:1"))
    same(len(asked("group", "dump", "-b", "br1")["groups"]), 2)
    refused(2, "2 bridges", "group", "dump")
    refused(2, "'x' is no number of a group", "group", "dump", *b, "x")
    refused(2, "no use for '8'", "group", "stats", *b, 7, 8)
    refused(1, "no group 9", "group", "dump", *b, 9)
    refused(1, "no group 9", "group", "stats", *b, 9)
    refused(1, "group 'nix': 'nix' is not a word of a group", "group", "add", *b, "nix")
    refused(1, "type=all, select", "group", "add", *b, "group_id=1")
    refused(1, "(OFPGMFC_GROUP_EXISTS)", "group", "add", *b, "group_id=7,type=all")
    refused(1, "(OFPGMFC_UNKNOWN_GROUP)", "group", "mod", *b, "group_id=9,type=all")
    refused(2, "needs a group or --file FILE or --all", "group", "del", *b)
    r = trama("group", "add", *b, "-f", "-", stdin="group_id=1,type=all\n\ngroup_id=7,type=all\n")
    same((r.returncode, r.stderr.splitlines()), (1, [
        "trama: standard input:3: br0 refuses group 'group_id=7,type=all': there is such a group already (OFPGMFC_GROUP_EXISTS)",
        "trama: nothing was changed: 2 groups go in together or not at all (--no-bundle: one by one)"]))
    same([g["group_id"] for g in asked("group", "dump", *b)["groups"]], [7])
    for bridge in ("br0", "br1"):
        good("group", "del", "-b", bridge, "--all")
        same(asked("group", "dump", "-b", bridge)["groups"], [])


def meter():
    b = ["-b", "br0"]
    one = "meter=3 kbps burst stats bands= type=drop rate=1000 burst_size=200 type=dscp_remark rate=500 burst_size=100 prec_level=1"
    two = "meter=2 pktps bands= type=drop rate=50000"
    same(asked("meter", "add", *b, one, two)["sent"], 2)
    same(good("meter", "dump", *b).splitlines()[1:], [two, one], "by number")
    same(asked("meter", "dump", *b, 3)["meters"], [{"meter_id": 3, "unit": "kbit/s", "burst": True, "stats": True, "text": one, "bands": [
        {"type": "drop", "rate": 1000, "burst_size": 200}, {"type": "dscp_remark", "rate": 500, "burst_size": 100, "prec_level": 1}]}])
    good("flow", "add", *b, "in_port=pa,actions=meter:2,output:pb")
    rpc("testport/give", "pa", FRAME_A)
    wait_for("the meter's count", lambda: asked("meter", "stats", *b, 2)["meters"][0]["packets"] == 1)
    same([(m["meter_id"], m["flows"], m["bytes"], m["bands"]) for m in asked("meter", "stats", *b)["meters"]],
         [(2, 1, 60, [{"packets": 0, "bytes": 0}]), (3, 0, 0, [{"packets": 0, "bytes": 0}] * 2)])
    same([line.split()[:4] for line in good("meter", "stats", *b, 2).splitlines()][1:],
         [["METER", "BAND", "FLOWS", "PACKETS"], ["2", "-", "1", "1"], ["2", "0", "-", "0"]])
    good("meter", "mod", *b, "meter=3,pktps,bands=type=drop,rate=7")
    same(asked("meter", "dump", *b, 3)["meters"][0]["unit"], "packets/s")
    dumped = good("meter", "dump", *b)
    good("meter", "del", *b, "meter=2")
    same(flows(*b), [], "flows that go through a deleted meter")
    good("meter", "add", "-b", "br1", "-f", "-", stdin=dumped)
    same(len(asked("meter", "dump", "-b", "br1")["meters"]), 2)
    refused(2, "'x' is no number of a meter", "meter", "dump", *b, "x")
    refused(1, "(OFPMMFC_UNKNOWN_METER)", "meter", "dump", *b, 9)
    refused(1, "(OFPMMFC_UNKNOWN_METER)", "meter", "stats", *b, 9)
    refused(1, "(OFPMMFC_UNKNOWN_METER)", "meter", "mod", *b, "meter=9,kbps,bands=type=drop,rate=1")
    refused(1, "(OFPMMFC_METER_EXISTS)", "meter", "add", *b, "meter=3,kbps,bands=type=drop,rate=1")
    refused(1, "meter 'nix'", "meter", "add", *b, "nix")
    refused(1, "needs a band", "meter", "add", *b, "meter=5,kbps")
    refused(2, "--all", "meter", "del", *b)
    refused(2, "do not go together", "meter", "add", *b, "-f", "-", "meter=5")
    r = trama("meter", "add", *b, "-f", "-", stdin=f"{two}\nmeter=3,kbps,bands=type=drop,rate=1\n")
    same((r.returncode, len(r.stderr.splitlines()), asked("meter", "dump", *b)["meters"][0]["meter_id"]), (1, 2, 3), r.stderr)
    for bridge in ("br0", "br1"):
        good("meter", "del", "-b", bridge, "--all")


def queue():
    same(good("queue", "show").splitlines()[0].split()[:5], ["BRIDGE", "PORT", "PORT_RATE", "QUEUE", "MIN"])
    check(all(not p["queues"] for p in asked("queue", "show")), "queues that nobody made")
    good("queue", "set", "pa", "{rate: 1Gbit, queues: {0: {max: 200Mbit}, 5: {min: 500Mbit, max: 700Mbit}}}")
    got = asked("queue", "show", "pa")
    same([(p["bridge"], p["port"], p["rate_bps"]) for p in got], [("br0", "pa", 10**9)])
    same([(q["queue"], q["min_bps"], q["max_bps"]) for q in got[0]["queues"]], [(0, 0, 2 * 10**8), (5, 5 * 10**8, 7 * 10**8)])
    same([line.split()[:5] for line in good("queue", "show", "pa").splitlines()][2], ["br0", "pa", "1", "Gbit/s", "5"])
    for words, settings in (("queue 4: min is more than max", "{queues: {4: {min: 2Gbit, max: 1Gbit}}}"), ("nix", "{nix: 1}"), ("1Gbits", "{rate: 1Gbits}"),
                            ("9x", "{rate: 1Gbit, queues: {9x: {max: 1Mbit}}}"), ("pa:2: ", "{")):
        refused(1, words, "queue", "set", "pa", settings)
    same(asked("queue", "show", "pa"), got, "a refusal changed something")
    good("flow", "add", "-b", "br0", "in_port=pb,actions=set_queue:5,output:pa")
    rpc("testport/give", "pb", FRAME_B)
    wait_for("the queue's count", lambda: asked("queue", "show", "pa")[0]["queues"][1]["tx_packets"] == 1)
    good("flow", "del", "-b", "br0", "--all")
    refused(1, "nix", "queue", "show", "nix")
    refused(1, "nix", "queue", "set", "nix", "{rate: 1Gbit}")
    refused(1, "nix", "queue", "clear", "nix")
    refused(2, "needs PORT SETTINGS", "queue", "set", "pa")
    refused(2, "needs PORT", "queue", "clear")
    same(good("queue", "clear", "pa"), "")
    same([(p["rate_bps"], p["queues"]) for p in asked("queue", "show", "pa")], [(0, [])])


def rxq():
    def queue_of(port):
        return [(q["queue"], q["worker"], q["is_pinned"]) for q in asked("rxq", "show")["queues"] if q["port"] == port]
    same(good("rxq", "show").splitlines()[0].split(), ["BRIDGE", "PORT", "QUEUE", "WORKER", "CPU", "BUSY", "PINNED"])
    same(queue_of("pa"), [(0, 0, False)])
    same((good("rxq", "move", "pa", "0", "0"), queue_of("pa")), ("", [(0, 0, True)]))
    refused(1, "there is no port nix", "rxq", "move", "nix", "0", "0")
    refused(1, "queue '1' is not one of 0 to 0", "rxq", "move", "pa", "1", "0")
    refused(1, "worker '1' is not one of 0 to 0", "rxq", "move", "pa", "0", "1")
    refused(1, "worker '0x' is not one of 0 to 0", "rxq", "move", "pa", "0", "0x")
    refused(1, "queue '7' is not one of 0 to 0", "rxq", "free", "pa", "7")
    refused(2, "needs PORT QUEUE WORKER", "rxq", "move", "pa", "0")
    same(queue_of("pa"), [(0, 0, True)], "a refusal changed something")
    same((good("rxq", "free", "pa", "0"), queue_of("pa")), ("", [(0, 0, False)]))


def stats():
    good("flow", "add", "-b", "br0", "in_port=pa,actions=output:pb")
    before = asked("switch", "stats")
    for _ in range(3):
        rpc("testport/give", "pa", FRAME_A)
    rpc("testport/give", "pb", FRAME_B)
    wait_for("the drop", lambda: asked("switch", "stats")["drops"]["table-miss"] == before["drops"]["table-miss"] + 1)
    wait_for("the frames", lambda: asked("switch", "stats", "pa")["ports"][0]["rx_packets"] == before["ports"][0]["rx_packets"] + 3)
    text = good("switch", "stats")
    check("table-miss" in text and "WORKER" in text, text)
    same([line.split()[1] for line in good("switch", "stats", "pb").splitlines()], ["PORT", "pb"])
    same([p["name"] for p in asked("switch", "stats", "-b", "br1")["ports"]], ["pz"])
    refused(1, "nix", "switch", "stats", "nix")
    refused(1, "pz", "switch", "stats", "pz", "-b", "br0")
    good("flow", "del", "-b", "br0", "--all")


def mac():
    good("flow", "add", "-b", "br0", "actions=NORMAL")
    rpc("testport/give", "pa", FRAME_A)
    wait_for("the MAC address", lambda: [(m["mac"], m["port"], m["vlan"]) for m in asked("mac", "show", "-b", "br0")] ==
             [("02:00:00:00:00:01", "pa", 10)])
    check("02:00:00:00:00:01" in good("mac", "show"), "not in the text")
    same(asked("mac", "show", "-b", "br1"), [])
    refused(1, "br9", "mac", "show", "-b", "br9")
    refused(1, "br9", "mac", "flush", "-b", "br9")
    same(good("mac", "flush"), "")
    same(asked("mac", "show"), [])
    good("flow", "del", "-b", "br0", "--all")


def attach():
    b = ["-b", "br1"]
    good("flow", "add", *b, "actions=NORMAL")
    same(good("attach", NS, *b, "--vlan", 30, "--address", "10.96.0.1/24,fd96::1/64", "--mac", "02:00:00:00:96:01"), f"{NS} is port 2 of br1\n")
    same(asked("attach", VETH, *b, "--vlan", 30, "--ofport", 44), {"name": VETH, "ofport": 44, "bridge": "br1"})
    ports = {p["name"]: p for p in asked("switch", "ports", *b)}
    same((ports[NS]["type"], ports[NS]["netns"], ports[NS]["vlan"]), ("tap", NS, {"mode": "access", "vid": 30}))
    same((ports[VETH]["type"], ports[VETH]["device"]), ("netdev", VETH))
    r = subprocess.run(["ip", "netns", "exec", NS, "ping", "-c", "2", "-i", "0.05", "-W", "5", "10.96.0.2"], capture_output=True, text=True)
    same(r.returncode, 0, r.stdout + r.stderr)
    same(asked("attach", "eth9", *b, "--netns", NS2, "--trunk", "10,20-22", "--native", "7")["name"], "eth9")
    check("native-untagged 7 of 7,10,20-22" in good("switch", "ports"), good("switch", "ports"))
    refused(1, "exists already", "attach", NS, *b)
    refused(1, "neither an interface nor a network namespace", "attach", f"nix{ID}", *b)
    refused(1, "no network namespace", "attach", "x", *b, "--netns", f"nix{ID}")
    refused(2, "keeps its own", "attach", VETH2, *b, "--netns", NS2, "--address", "10.0.0.1/8")
    refused(2, "'4095'", "attach", NS2, *b, "--vlan", 4095)
    refused(2, "'ten'", "attach", NS2, *b, "--trunk", "ten")
    refused(1, "VLAN", "attach", NS2, *b, "--trunk", "10,4095")
    refused(2, "--vlan", "attach", NS2, *b, "--vlan", 5, "--trunk", "all")
    refused(2, "'{x}'", "attach", NS2, *b, "--address", "{x}")
    refused(1, "10.0.0.300", "attach", NS2, *b, "--address", "10.0.0.300/8")
    refused(2, "--ofport", "attach", NS2, *b, "--ofport", 0)
    refused(2, "2 bridges", "attach", NS2)
    same(good("detach", NS2), "", "by its namespace")
    same(good("detach", VETH), "")
    same(asked("detach", NS)["name"], NS)
    refused(1, NS, "detach", NS)
    same(subprocess.run(["ip", "-n", NS, "link", "show", NS], capture_output=True).returncode, 1, "the interface is left")
    good("flow", "del", *b, "--all")


def inside(*args, code=0):
    """trama in the namespace NS; what it says."""
    r = subprocess.run(["ip", "netns", "exec", NS, TRAMA, *map(str, args)], capture_output=True, text=True, timeout=PATIENCE_S)
    same(r.returncode, code, f"trama {' '.join(map(str, args))}: {r.stdout}{r.stderr}")
    return r.stderr if code else r.stdout


def far_switch(to, has_meter_bundles):
    """Everything that goes over OpenFlow, with the switch at `to`, which is left empty."""
    (directory / "far").write_text("priority=7,in_port=1,dl_vlan=10,actions=pop_vlan,output:2\npriority=8,ip,actions=group:3\n")
    (directory / "far_bad").write_text("priority=9,arp,actions=drop\npriority=8,ipv6,actions=group:4\n")
    inside("group", "add", *to, "group_id=3,type=all,bucket=actions=output:1,bucket=actions=output:2", "group_id=2,type=all")
    inside("flow", "add", *to, "-f", directory / "far")
    err = inside("flow", "add", *to, "-f", directory / "far_bad", code=1)
    check(f"{directory}/far_bad:2: " in err and "OFPBAC_BAD_OUT_GROUP" in err and "nothing was changed" in err, err)
    want = ["priority=8,ip actions=group:3", "priority=7,in_port=1,dl_vlan=10 actions=pop_vlan,output:2"]
    same(inside("flow", "dump", *to, "--no-stats", "-n").splitlines()[1:], want)
    err = inside("flow", "add", *to, "--no-bundle", "-f", directory / "far_bad", code=1)
    check("1 of 2 flows were refused, the others are in place" in err, err)
    same(json.loads(inside("flow", "count", *to, "-j"))["flows"], 3)
    inside("flow", "mod", *to, "--strict", "priority=9,arp,actions=output:2")
    same([g["group_id"] for g in json.loads(inside("group", "dump", *to, "-j"))["groups"]], [2, 3])
    same(json.loads(inside("group", "stats", *to, "-j", 3))["groups"][0]["references"] > 0, True)
    inside("group", "mod", *to, "group_id=2,type=all,bucket=actions=output:2")
    inside("meter", "add", *to, "meter=3,kbps,bands=type=drop,rate=1000")
    if has_meter_bundles:
        inside("meter", "add", *to, "meter=4,kbps,bands=type=drop,rate=1", "meter=5,kbps,bands=type=drop,rate=1")
    else:
        err = inside("meter", "add", *to, "meter=4,kbps,bands=type=drop,rate=1", "meter=5,kbps,bands=type=drop,rate=1", code=1)
        check("nothing was changed" in err and "--no-bundle" in err, err)
        inside("meter", "add", *to, "--no-bundle", "meter=4,kbps,bands=type=drop,rate=1", "meter=5,kbps,bands=type=drop,rate=1")
    same([m["meter_id"] for m in json.loads(inside("meter", "dump", *to, "-j"))["meters"]], [3, 4, 5])
    same([m["flows"] for m in json.loads(inside("meter", "stats", *to, "-j"))["meters"]], [0, 0, 0])
    for noun in ("flow", "group", "meter"):
        inside(noun, "del", *to, "--all")
    same([len(json.loads(inside(n, "dump", *to, "-j"))[n + "s"]) for n in ("flow", "group", "meter")], [0, 0, 0])


def keys(name, authority="pki"):
    return ["--tls-key", directory / authority / f"{name}.key", "--tls-certificate", directory / authority / f"{name}.crt", "--tls-ca",
            directory / authority / "ca.crt"]


def far_ways(has_meter_bundles):
    """By TCP and by TLS; with the keys of a stranger not at all."""
    far_switch(["--to", "tcp:127.0.0.1:6653"], has_meter_bundles)
    far_switch(["--to", "ssl:127.0.0.1:6654", *keys("me")], has_meter_bundles)
    err = inside("flow", "dump", "--to", "ssl:127.0.0.1:6654", *keys("stranger", "other"), code=3)
    check("ssl:127.0.0.1:6654: " in err and "certificate" in err, err)
    inside("flow", "dump", "--to", "tcp:127.0.0.1:6659", code=3)


def remote():
    for authority, names in (("pki", ["me", "switch"]), ("other", ["stranger"])):
        good("pki", "init", "-d", directory / authority)
        for name in names:
            good("pki", "issue", name, "-d", directory / authority)
    far = directory / "far_run"
    far.mkdir()
    (directory / "far.yaml").write_text(f"""run_dir: {far}
dpdk: {{hugepages: off}}
tls: {{key: {directory}/pki/switch.key, certificate: {directory}/pki/switch.crt, ca: {directory}/pki/ca.crt}}
bridges:
  br0:
    controllers: ["ptcp:6653:127.0.0.1", "pssl:6654:127.0.0.1"]
    ports: {{p1: {{type: test, ofport: 1}}, p2: {{type: test, ofport: 2}}}}
""")
    p = subprocess.Popen(["ip", "netns", "exec", NS, SWITCHD, "-c", directory / "far.yaml", "--test", "--log", directory / "far.log"])
    try:
        wait_for("the far switch", (far / "trama-switchd.ctl").exists)
        far_ways(has_meter_bundles=True)
    finally:
        p.terminate()
        same(p.wait(PATIENCE_S), 0, "the far switch")


def remote_ovs():
    """The same with Open vSwitch, its userspace datapath in a namespace."""
    if not shutil.which("ovs-vswitchd"):
        print("remote_ovs: no ovs-vswitchd here")
        return
    ovs = directory / "ovs"
    ovs.mkdir()
    env = {**os.environ, "OVS_RUNDIR": str(ovs), "OVS_LOGDIR": str(ovs), "OVS_DBDIR": str(ovs)}
    subprocess.run(["ovsdb-tool", "create", ovs / "conf.db", "/usr/share/openvswitch/vswitch.ovsschema"], check=True, capture_output=True)
    run = {"env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    daemons = [subprocess.Popen(["ovsdb-server", ovs / "conf.db", f"--remote=punix:{ovs}/db.sock"], **run)]
    vsctl = ["ovs-vsctl", f"--db=unix:{ovs}/db.sock", "--retry", "--timeout=20"]
    try:
        wait_for("ovsdb-server", (ovs / "db.sock").exists)
        subprocess.run([*vsctl, "--no-wait", "init"], check=True, env=env)
        daemons.append(subprocess.Popen(["ip", "netns", "exec", NS, "ovs-vswitchd", f"unix:{ovs}/db.sock"], **run))
        subprocess.run([*vsctl, "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure", "--", "set-ssl",
                        directory / "pki/switch.key", directory / "pki/switch.crt", directory / "pki/ca.crt", "--", "set-controller", "br0",
                        "ptcp:6653:127.0.0.1", "pssl:6654:127.0.0.1"], check=True, env=env, capture_output=True)
        wait_for("the sockets", lambda: subprocess.run(["ip", "netns", "exec", NS, "ss", "-Hltn", "sport = 6654"], capture_output=True).stdout)
        far_ways(has_meter_bundles=False)
    finally:
        for p in reversed(daemons):
            p.terminate()
            p.wait(PATIENCE_S)


def capture_begin(*args):
    p = subprocess.Popen([TRAMA, "capture", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env={**os.environ, "TRAMA_RUN_DIR": str(directory)})
    line = p.stderr.readline()
    check("capturing" in line, f"capture {args}: {line}")
    return p


def capture_end(p, code=0):
    out, err = p.communicate(timeout=PATIENCE_S)
    same(p.returncode, code, err)
    return out, err


def capture_second_reader():
    """One reader a capture: whoever comes second is told so by the end, and costs the daemon no descriptor."""
    path = rpc("capture/start", "pa").strip().strip("\"")
    readers = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    for s in readers:
        s.settimeout(PATIENCE_S)
        s.connect(path)
    check(readers[0].recv(4) == b"\x0a\x0d\x0d\x0a", "the first reader gets no pcapng")
    same(readers[1].recv(4), b"", "what the second reader gets")
    for s in readers:
        s.close()


def capture():
    path = directory / "cap.pcapng"
    good("flow", "add", "-b", "br0", "in_port=pa,actions=output:pb", "in_port=pb,actions=output:pa")
    text, whole = capture_begin("pa"), capture_begin("pa", "-w", path, "-c", 2)
    udp, cut = capture_begin("pa", "-c", 1, "-j", "udp", "port", "53"), capture_begin("pa", "-c", 1, "-s", 20, "ether", "proto", "0x88b5")
    rpc("testport/give", "pb", FRAME_B)
    rpc("testport/give", "pa", FRAME_A)
    capture_end(whole)
    got = json.loads(capture_end(udp)[0])
    same((got["direction"], got["length"], got["udp"], got["ip"]["src"]), ("rx", 60, {"src_port": 1024, "dst_port": 53}, "10.0.0.1"))
    same(capture_end(cut)[0].split(" ", 1)[1].strip(), "tx 60 02:00:00:00:00:02 > 02:00:00:00:00:01 type 0x88b5")
    lines = [text.stdout.readline().split(" ", 1)[1].strip() for _ in range(2)]
    text.send_signal(signal.SIGINT)
    same(capture_end(text)[1], "2 frames\n")
    same(sorted(lines), ["rx 60 02:00:00:00:00:01 > 02:00:00:00:00:02 IPv4 10.0.0.1:1024 > 10.0.0.2:53 UDP len 0",
                         "tx 60 02:00:00:00:00:02 > 02:00:00:00:00:01 type 0x88b5"])
    r = subprocess.run(["tshark", "-r", path, "-T", "json", "-x"], capture_output=True, text=True, timeout=60)
    frames = [(x["_source"]["layers"]["frame_raw"][0], x["_source"]["layers"]["frame"]) for x in json.loads(r.stdout)]
    same(sorted((raw, f["frame.packet_flags_tree"]["frame.packet_flags_direction"]) for raw, f in frames),
         sorted([(FRAME_A, "0x00000001"), (FRAME_B, "0x00000002")]), "the frames in the file")
    # to a pipe, which somebody closes
    p = subprocess.Popen(f"{TRAMA} capture pa -w - -c 1 | tshark -r - -T fields -e eth.type", shell=True, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, env={**os.environ, "TRAMA_RUN_DIR": str(directory)})
    while "capturing" not in p.stderr.readline():
        pass
    rpc("testport/give", "pb", FRAME_B)
    same(p.communicate(timeout=60)[0].strip(), "0x88b5")
    # the port goes
    good("switch", "port", "add", "pt", "type=test", "-b", "br0")
    p = capture_begin("pt")
    good("switch", "port", "del", "pt")
    check("port or the switch is gone" in capture_end(p, 1)[1], "nothing said of the port")
    refused(1, "nix", "capture", "nix")
    refused(1, ["filter 'nix nix'", "syntax error"], "capture", "pa", "nix", "nix")
    refused(1, "/nix/x", "capture", "pa", "-w", "/nix/x")
    refused(2, "'13'", "capture", "pa", "-s", 13)
    refused(2, "'0'", "capture", "pa", "-c", 0)
    refused(2, "do not go together", "capture", "pa", "-j", "-w", "x")
    good("flow", "del", "-b", "br0", "--all")


def net():
    (directory / "net.yaml").write_text(NET % 20)
    (directory / "new.yaml").write_text(NET % 30)
    (directory / "bad.yaml").write_text(NET % 10)
    same(good("net", "validate", directory / "net.yaml"), f"{directory}/net.yaml is good: 2 networks, 1 switch, 0 links, 2 hosts, 0 expectations\n")
    same(asked("net", "validate", "-", stdin=NET % 20)["hosts"], 2)
    refused(1, [f"{directory}/bad.yaml:4", "10"], "net", "validate", directory / "bad.yaml")
    refused(1, "standard input:1", "net", "validate", "-", stdin="nix: 1\n")
    refused(1, f"{directory}/nix", "net", "validate", directory / "nix")
    p = subprocess.Popen([CONTROLLER, "-d", directory / "net.yaml", "--listen", f"punix:{directory}/of", "--run-dir", directory, "--log",
                          directory / "controller.log"], stderr=subprocess.DEVNULL)
    try:
        wait_for("the controller", (directory / "trama-controller.ctl").exists)
        net_running()
    finally:
        p.terminate()
        same(p.wait(PATIENCE_S), 0, "the controller")
    refused(3, "trama-controller.ctl", "net", "show")


def net_running():
    same(asked("net", "apply", directory / "net.yaml", "--wait", 30), {"applied": "clitest", "settled": True, "missing": []})
    shown = asked("net", "show")
    same([(s["name"], s["state"], s["in_sync"]) for s in shown["switches"]], [("s1", "connected", True)])
    text = good("net", "show")
    for word in ("clitest", "settled", "s1", "0000000000000077", "10.0.10.1/24", "blue"):
        check(word in text, f"net show has no {word}: {text}")
    same(good("net", "diff"), "s1: 0 changes\n")
    same(trama("net", "diff", "--exit-code").returncode, 0)
    r = trama("net", "diff", directory / "new.yaml", "--exit-code")
    same(r.returncode, 4)
    check("\n  + " in r.stdout and "\n  - " in r.stdout, r.stdout)
    n = len(asked("net", "diff", directory / "new.yaml")["switches"][0]["changes"])
    same(r.stdout.splitlines()[0], f"s1: {n} changes")
    refused(1, "bad.yaml:4", "net", "diff", directory / "bad.yaml")
    refused(1, "bad.yaml:4", "net", "apply", directory / "bad.yaml")
    refused(1, "nix.yaml", "net", "apply", directory / "nix.yaml")
    refused(2, "'x'", "net", "apply", directory / "new.yaml", "--wait", "x")
    same(asked("net", "show")["networks"][1]["vlan"], 20, "a refusal changed something")
    same(good("net", "apply", directory / "new.yaml", "-w", 30), "")
    same(asked("net", "show")["networks"][1]["vlan"], 30)
    good("flow", "add", "-b", "br0", "table=7,priority=5,udp,actions=drop")
    through = asked("flow", "dump", "--controller", "-b", "s1", "table=7")
    same((through["via"], [(f["owner"], f["priority"]) for f in through["switches"][0]["flows"]]), ("controller", [("other", 5)]))
    same(len(asked("net", "flows", "table=7")["switches"][0]["flows"]), 1)
    same(asked("net", "flows", "table=7,tcp")["switches"][0]["flows"], [])
    same(len(asked("net", "flows", "table=7,ip")["switches"][0]["flows"]), 1)
    lines = good("flow", "dump", "--controller").splitlines()
    check(lines[0].startswith(f"# s1, through the controller at {directory}/trama-controller.ctl: "), lines[0])
    same(len(lines) - 1, asked("flow", "count", "-b", "br0")["flows"])
    refused(1, "'nix'", "net", "flows", "-s", "nix")
    refused(2, "out_port", "net", "flows", "out_port=1")
    refused(1, "filter 'nix'", "net", "flows", "nix")
    good("switch", "port", "del", "pz")
    good("switch", "reload")


def completion():
    script = f"""source {COMPLETION}
try() {{ COMP_WORDS=(trama "$@"); COMP_CWORD=$#; COMPREPLY=(); _trama; echo "${{COMPREPLY[*]}}"; }}
trama() {{ :; }}
"""

    def complete(*words):
        quoted = " ".join(f"'{w}'" for w in words)
        r = subprocess.run(["bash", "-c", f"{script} PATH={os.path.dirname(TRAMA)}:$PATH; unset -f trama; try {quoted}"],
                           capture_output=True, text=True, env={**os.environ, "TRAMA_RUN_DIR": str(directory)}, timeout=PATIENCE_S)
        return r.stdout.split()

    check({"switch", "flow", "net", "lab", "capture"} <= set(complete("")), complete(""))
    check("complete" not in complete("c"), "what is not for people is offered")
    same(complete("swi"), ["switch"])
    same(complete("switch", "p"), ["ports", "port", "perf"])
    same(complete("switch", "port", ""), ["add", "del"])
    same(complete("switch", "show", "-b", ""), ["br0", "br1"])
    same(complete("capture", "p"), ["pa", "pb", "pz"])
    same(complete("capture", "-w", "x", "p"), ["pa", "pb", "pz"])
    same(complete("flow", "del", "--s"), ["--strict"])
    same(complete("flow", "dump", "--sort", "p"), ["priority", "packets"])
    same(complete("flow", "add", "-f", ""), [])
    check(NS in complete("attach", "tc") and VETH in complete("attach", "tc"), complete("attach", "tc"))
    same(complete("--run-dir", "/nix", "switch", "show", "-b", ""), [])
    same(complete("-j", "mac", "f"), ["flush"])
    same(complete("queue", ""), ["show", "set", "clear"])
    same(complete("queue", "set", "p"), ["pa", "pb", "pz"])
    same(complete("queue", "show", ""), ["pa", "pb", "pz"])
    same(complete("pki", ""), ["init", "issue"])
    same(complete("pki", "issue", "--d"), ["--dir", "--days"])
    same(complete("group", ""), ["add", "mod", "del", "dump", "stats"])
    same(complete("meter", "d"), ["del", "dump"])
    same(complete("meter", "add", "-b", ""), ["br0", "br1"])
    same(complete("flow", "add", "--no"), ["--no-bundle"])


CASES = [about, unreachable, switch, port, flow, flow_refused, no_bundles, group, meter, queue, rxq, stats, mac, attach, remote, remote_ovs, capture, capture_second_reader, net, completion]


def make_world():
    for args in (["netns", "add", NS], ["netns", "add", NS2], ["link", "add", VETH, "type", "veth", "peer", "name", VETH2],
                 ["link", "set", VETH2, "netns", NS2], ["-n", NS2, "link", "set", VETH2, "up"],
                 ["-n", NS2, "addr", "add", "10.96.0.2/24", "dev", VETH2], ["-n", NS, "link", "set", "lo", "up"]):
        subprocess.run(["ip", *args], check=True)
    (directory / "sw.yaml").write_text(f"""run_dir: {directory}
dpdk: {{hugepages: off}}
bridges:
  br0:
    datapath_id: 0x77
    controllers: [unix:{directory}/of]
    ports:
      pa: {{type: test, ofport: 3, vlan: {{access: 10}}}}
      pb: {{type: test, ofport: 5}}
  br1:
    ports:
      pz: {{type: test, ofport: 1}}
""")


def end_world(daemon):
    if daemon:
        daemon.terminate()
        try:
            daemon.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            daemon.kill()
    for ns in (NS, NS2):
        subprocess.run(["ip", "netns", "del", ns], stderr=subprocess.DEVNULL)
    subprocess.run(["ip", "link", "del", VETH], stderr=subprocess.DEVNULL)
    shutil.rmtree(directory, ignore_errors=True)


def main():
    global directory
    if os.geteuid():
        print("skipped: needs root")
        return 77
    for tool in ("ip", "ping", "tshark", "ovs-appctl", "bash"):
        if not shutil.which(tool):
            print(f"skipped: needs {tool}")
            return 77
    chosen = [c for c in CASES if not sys.argv[5:] or c.__name__ in sys.argv[5:]]
    directory = pathlib.Path(tempfile.mkdtemp(prefix="trama-cli-"))
    daemon, failed = None, 0
    try:
        make_world()
        daemon = subprocess.Popen([SWITCHD, "-c", directory / "sw.yaml", "--test", "--log", directory / "log"])
        wait_for("the switch", (directory / "trama-switchd.ctl").exists)
        for case in chosen:
            try:
                case()
                print(f"{case.__name__}: ok")
            except Failed as e:
                failed = 1
                print(f"{case.__name__}: FAILED: {e}")
    finally:
        end_world(daemon)
    return failed


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Labs from outside: built, used, killed at every moment and taken away, with nothing left behind.
    lab.py TRAMA TOPOLOGIES [CASE...]
Labs have names that begin with lt and our process id, so that several of this can run beside each other.
Exit: 0 all passed, 1 something failed, 77 skipped (not root, or a tool is missing)."""
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TRAMA, TOPOLOGIES = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()
PREFIX = f"lt{os.getpid()}"
ROOT = pathlib.Path("/run/trama/lab")
PATIENCE_S = 60
ALL = ["two-hosts", "vlans", "standalone", "ring"]


class Failed(Exception):
    pass


def check(is_good, what):
    if not is_good:
        raise Failed(what)


def trama(*args, env=None, stdin=None):
    return subprocess.run([TRAMA, *map(str, args)], capture_output=True, text=True, timeout=PATIENCE_S, input=stdin,
                          env={**os.environ, **(env or {})})


def good(*args, **kwargs):
    r = trama(*args, **kwargs)
    check(r.returncode == 0, f"trama {' '.join(map(str, args))}: exit {r.returncode}: {r.stderr.strip()}")
    return r.stdout


def refused(words, *args, code=1, **kwargs):
    """One sentence that has these words, and that exit code."""
    r = trama(*args, **kwargs)
    what = f"trama {' '.join(map(str, args))}: exit {r.returncode}, '{r.stderr.strip()}'"
    check(r.returncode == code, f"{what}: not exit {code}")
    check(r.stderr.startswith("trama: ") and r.stderr.count("\n") == 1, f"{what}: not one sentence")
    for word in words if isinstance(words, list) else [words]:
        check(word in r.stderr, f"{what}: nothing of '{word}'")


def wait_for(what, test):
    end = time.monotonic() + PATIENCE_S
    while not test():
        check(time.monotonic() < end, f"waited in vain for {what}")
        select.select([], [], [], 0.005)


def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def processes(lab):
    """Numbers of the lab's processes, by what they were started with."""
    mark, place = f"TRAMA_LAB={lab}".encode(), f"{ROOT}/{lab}/".encode()
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and
            (mark in read(f"/proc/{p}/environ").split(b"\0") or place in read(f"/proc/{p}/cmdline"))]


def daemons(lab, program):
    return [p for p in processes(lab) if os.path.basename(read(f"/proc/{p}/cmdline").split(b"\0")[0].decode()) == program]


def namespaces(lab):
    names = os.listdir("/run/netns") if os.path.isdir("/run/netns") else []
    return sorted(n for n in names if n.startswith((f"{lab}:", f"{lab}@")))


def pieces(lab):
    """Whatever there is of the lab."""
    files = sorted(str(p) for p in (ROOT / lab).rglob("*")) if (ROOT / lab).exists() else []
    return {"processes": processes(lab), "namespaces": namespaces(lab), "files": files,
            "directory": (ROOT / lab).exists()}


def check_nothing(lab, when):
    left = {k: v for k, v in pieces(lab).items() if v}
    check(not left, f"{when}: left behind: {left}")


def interfaces():
    return {line["ifname"] for line in json.loads(subprocess.check_output(["ip", "-j", "link"]))}


def pings(lab, host, address):
    return trama("lab", "exec", lab, host, "--", "ping", "-c", "3", "-i", "0.1", "-W", "1", address).returncode == 0


def topology(name):
    return TOPOLOGIES / f"{name}.yaml"


def up(lab, document="two-hosts"):
    good("lab", "up", "--name", lab, topology(document))


def down(lab):
    good("lab", "down", lab)
    check_nothing(lab, f"lab down {lab}")


def begin_up(lab, document="vlans", **kwargs):
    return subprocess.Popen([TRAMA, "lab", "up", "--name", lab, str(topology(document))], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **kwargs)


# --- cases ---

def case_each(lab, tmp):
    """Every topology goes up and down; hosts that may talk do; no interface is in the host's namespace."""
    talks = {"two-hosts": ("h1", "fd00::2"), "vlans": ("h4", "10.0.20.1"), "standalone": ("h3", "10.0.20.2"),
             "ring": ("h2", "10.0.0.3")}
    for name in ALL:
        before = interfaces()
        up(lab, name)
        check(pings(lab, *talks[name]), f"{name}: no ping from {talks[name][0]} to {talks[name][1]}")
        shown = json.loads(good("-j", "lab", "show", lab))
        check({h["netns"] for h in shown["hosts"]} | {s["netns"] for s in shown["switches"]} == set(namespaces(lab)),
              f"{name}: the namespaces are not those that lab show has")
        if "controller" in shown:
            net = json.loads(good("-j", "--run-dir", shown["run_dir"], "net", "show"))
            check(net["settled"] and all(x["state"] == "up" for x in net["links"]), f"{name}: up before its links are")
        mine = {h["interface"] for h in shown["hosts"]}
        check(not (interfaces() - before) & mine, f"{name}: interfaces of the lab in the host's namespace")
        down(lab)


def case_apart(lab, tmp):
    """Other VLANs are out of reach, with and without a controller, over IPv4 and IPv6."""
    up(lab, "vlans")
    check(pings(lab, "h1", "10.0.10.2") and pings(lab, "h1", "fd00:10::2"), "vlans: h1 does not reach h2")
    trama("lab", "exec", lab, "h1", "--", "ip", "route", "add", "10.0.20.0/24", "dev", "h1")
    check(not pings(lab, "h1", "10.0.20.1"), "vlans: h1 reaches h3")
    down(lab)
    up(lab, "standalone")
    trama("lab", "exec", lab, "h1", "--", "ip", "route", "add", "10.0.20.0/24", "dev", "h1")
    check(pings(lab, "h1", "10.0.10.2") and not pings(lab, "h1", "10.0.20.1"), "standalone: VLANs are not kept apart")
    down(lab)


def case_exec(lab, tmp):
    """Exit codes, streams, and what is refused."""
    up(lab)
    run = ["lab", "exec", lab, "h1"]
    check(trama(*run, "--", "sh", "-c", "exit 17").returncode == 17, "exit code 17 is lost")
    check(trama(*run, "false").returncode == 1, "a command without -- before it")
    check(good(*run, "--", "cat", stdin="through\n") == "through\n", "standard input or output is lost")
    check(good(*run, "--", "echo", "-j", "--help", "--") == "-j --help --\n", "words that look like options are lost")
    check(good(*run, stdin="echo $TRAMA_LAB; exit 0\n", env={"SHELL": "/bin/sh"}) == f"{lab}\n", "no shell without a command")
    check("h1" in good(*run, "--", "ls", "/sys/class/net"), "/sys is not the host's")
    r = trama(*run, "--", "sh", "-c", "kill -9 $$")
    check(r.returncode == -signal.SIGKILL, f"a killed command: {r.returncode}")
    refused("no-such-command", *run, "--", "no-such-command", code=127)
    refused("Permission denied", *run, "--", "/etc/passwd", code=126)
    refused(["no host 'h9'", lab], "lab", "exec", lab, "h9", "--", "true", code=125)
    refused(f"no lab {lab}x", "lab", "exec", f"{lab}x", "h1", "--", "true", code=125)
    check(trama("lab", "exec", lab).returncode == 2, "exec without a host")
    r = trama(*run, "--", TRAMA, "lab", "down", lab)
    check(r.returncode == 1 and "runs inside of it" in r.stderr, "down from inside of the lab is not refused")
    check(pings(lab, "h1", "10.0.0.2"), "the lab was hurt")
    down(lab)


def case_two(lab, tmp):
    """Two labs of one document side by side; a second `up` is refused; list and down know them apart."""
    other = f"{lab}-b"
    document = pathlib.Path(tmp) / "two.yaml"
    shutil.copy(topology("two-hosts"), document)
    for name in lab, other:
        good("lab", "up", "-n", name, document)
    check(pings(lab, "h1", "10.0.0.2") and pings(other, "h1", "10.0.0.2"), "two labs disturb each other")
    refused(f"lab {lab} is up already", "lab", "up", "-n", lab, document)
    listed = {x["name"]: x["state"] for x in json.loads(good("-j", "lab", "list"))}
    check(listed.get(lab) == "up" and listed.get(other) == "up", f"lab list: {listed}")
    refused("2 labs were made from this file", "lab", "down", document)
    down(lab)
    check(pings(other, "h2", "10.0.0.1"), "taking one lab down hurt the other")
    document.write_text("no: document\nany: more\n")
    good("lab", "down", document)
    check_nothing(other, "down by a file that has changed")
    refused("no lab", "lab", "down", lab)


def case_killed_daemons(lab, tmp):
    """A lab whose daemons were killed is broken, and is built anew or taken away."""
    for program in "trama-switchd", "trama-controller":
        up(lab, "vlans")
        for p in daemons(lab, program):
            os.kill(p, signal.SIGKILL)
        wait_for(f"'broken' in lab list after kill -9 {program}",
                 lambda: {"name": lab, "state": "broken", "file": str(topology("vlans"))} in json.loads(good("-j", "lab", "list")))
        refused("does not run any more", "lab", "show", lab)
        up(lab, "vlans")
        check(pings(lab, "h1", "10.0.10.2"), f"no ping in the lab built after kill -9 {program}")
        for p in processes(lab):
            os.kill(p, signal.SIGKILL)
        down(lab)


def case_killed_up(lab, tmp):
    """`up` is killed at one moment after another; then `up` works, and `down` leaves nothing."""
    place = ROOT / lab
    moments = [
        ("the directory", place.exists),
        ("a first namespace", lambda: namespaces(lab)),
        ("all namespaces", lambda: len(namespaces(lab)) == 6),
        ("the controller's process", lambda: processes(lab)),
        ("the controller's socket", (place / "trama-controller.ctl").exists),
        ("a switch file", (place / "s1" / "switch.yaml").exists),
        ("the first switch", (place / "s1" / "s1.mgmt").exists),
        ("the second switch's process", lambda: len(daemons(lab, "trama-switchd")) > 1),
        ("the second switch", (place / "s2" / "s2.mgmt").exists),
    ]
    for i, (what, test) in enumerate(moments):
        p = begin_up(lab)
        wait_for(what, lambda: test() or p.poll() is not None)
        p.kill()
        p.communicate()
        if i % 2:
            up(lab, "vlans")
            check(pings(lab, "h1", "10.0.10.2"), f"killed at {what}: no ping after a second up")
        down(lab)


def case_vm(lab, tmp):
    """A guest comes up with its lab, is taken away with it, and so it is when `up` is killed while it starts."""
    r = trama("lab", "up", "--name", lab, topology("vm"))
    if r.returncode and "script/setup" in r.stderr:
        print(f"vm: not tried: {r.stderr.strip()}")
        return
    check(r.returncode == 0, f"vm: {r.stderr.strip()}")
    check(trama("lab", "exec", lab, "vm", "--", "sh", "-c", "exit 5").returncode == 5, "the guest's exit code is lost")
    check(pings(lab, "box", "10.0.10.1"), "no ping from the container to the guest")
    down(lab)
    p = begin_up(lab, "vm")
    wait_for("qemu", lambda: daemons(lab, "qemu-system-x86_64") or p.poll() is not None)
    p.kill()
    p.communicate()
    down(lab)


def case_interrupted(lab, tmp):
    """SIGINT and SIGTERM undo what `up` has done so far."""
    for signo, test in (signal.SIGINT, lambda: namespaces(lab)), (signal.SIGTERM, (ROOT / lab / "s1" / "s1.mgmt").exists):
        p = begin_up(lab)
        wait_for("up to begin", lambda: test() or p.poll() is not None)
        p.send_signal(signo)
        _, said = p.communicate(timeout=PATIENCE_S)
        check(p.returncode == 1 and "interrupted" in said, f"signal {signo}: exit {p.returncode}, '{said.strip()}'")
        check_nothing(lab, f"signal {signo}")


def case_at_once(lab, tmp):
    """Four `up` of one lab at the same time: one wins, and the lab is whole."""
    tries = [begin_up(lab, "two-hosts") for _ in range(4)]
    for p in tries:
        p.communicate(timeout=PATIENCE_S)
    check(sorted(p.returncode for p in tries) == [0, 1, 1, 1], f"exit codes {[p.returncode for p in tries]}")
    check(pings(lab, "h1", "10.0.0.2"), "no ping")
    down(lab)


def case_down(lab, tmp):
    """What runs in hosts is ended too, also what does not want to; a namespace whose name was taken away; no directory; `down` itself killed."""
    up(lab)
    stubborn = subprocess.Popen([TRAMA, "lab", "exec", lab, "h1", "--", "sh", "-c", "trap '' TERM; echo on; read x"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stubborn.stdout.readline()
    outside = subprocess.Popen(["ip", "netns", "exec", f"{lab}:h2", "cat"], stdin=subprocess.PIPE)
    wait_for("cat in h2", lambda: read(f"/proc/{outside.pid}/cmdline") == b"cat\0")
    subprocess.check_call(["ip", "netns", "del", f"{lab}@s1"])
    down(lab)
    check(stubborn.wait(PATIENCE_S) == -signal.SIGKILL and outside.wait(PATIENCE_S) == -signal.SIGTERM,
          f"processes in hosts: {stubborn.returncode}, {outside.returncode}")
    stubborn.communicate()
    outside.communicate()
    up(lab)
    shutil.rmtree(ROOT / lab)
    down(lab)
    up(lab)
    with subprocess.Popen([TRAMA, "lab", "down", lab], stdout=subprocess.DEVNULL) as p:
        wait_for("an end", lambda: not daemons(lab, "trama-controller") or p.poll() is not None)
        p.kill()
    if trama("lab", "down", lab).returncode:
        check(p.returncode == 0, "down does not work after a down that was killed")
    check_nothing(lab, "a second down")


def case_daemon_fails(lab, tmp):
    """A daemon that does not start: why is said, and nothing is left."""
    program = pathlib.Path(tmp) / "switchd"
    program.write_text("#!/bin/sh\necho 'no luck today' >&2\nexit 3\n")
    program.chmod(0o755)
    args = ["lab", "up", "-n", lab, topology("two-hosts")]
    refused(["switch s1: no luck today"], *args, env={"TRAMA_SWITCHD": str(program)})
    check_nothing(lab, "a switch daemon that fails")
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    refused(["switch s1", "signal 9"], *args, env={"TRAMA_SWITCHD": str(program)})
    check_nothing(lab, "a switch daemon that is killed")
    refused("TRAMA_CONTROLLER is /no/such", *args, env={"TRAMA_CONTROLLER": "/no/such"})
    check_nothing(lab, "a controller that is not there")
    document = pathlib.Path(tmp) / "lo.yaml"
    document.write_text("networks: {n: {vlan: 1}}\nswitches: {s1: {datapath_id: 1}}\n"
                        "hosts: {h1: {network: n, switch: s1, port: lo}}\n")
    r = trama("lab", "up", "-n", lab, document)
    check(r.returncode == 1 and "switch s1: " in r.stderr and "port lo" in r.stderr, f"port lo: '{r.stderr.strip()}'")
    check_nothing(lab, "a port whose name is taken")


def case_no_dhcp_client(lab, tmp):
    """What a host needs and this machine has not is named, and nothing is left."""
    refused(["host anna", "busybox udhcpc"], "lab", "up", "-n", lab, topology("nat-gateway"), env={"PATH": tmp})
    check_nothing(lab, "a DHCP client that is not there")


def case_documents(lab, tmp):
    """What cannot be built is refused before anything is made."""
    head = "networks: {n: {vlan: 1, subnet: 10.0.0.0/24}}\nswitches:\n  s1: {datapath_id: 1}\n  s2: {datapath_id: 2}\n"
    cases = [
        ("networks: {n: {vlan: 1}}\nswitches: {s1: {datapath_id: 1}}\nhots: {}\n", "d.yaml:3: "),
        ("", "d.yaml: the document is empty"),
        (head + "controller: none\nlinks:\n  - [s1:a, s2:a]\n  - [s1:b, s2:b]\n", "d.yaml:8: this link closes a loop"),
        (head.replace("s1: {datapath_id: 1}", "s1: {datapath_id: 1, ports: {p: {network: n, shared: true}}}") +
         "hosts:\n  h1: {network: n, switch: s1, port: p}\n  h2: {network: n, switch: s1, port: p}\n",
         "d.yaml:7: host h2: a lab gives each host a port of its own"),
        (head + "hosts:\n  h1: {network: n, switch: s1, port: 4}\n  h2: {network: n, switch: s1, port: p4}\n",
         "d.yaml:6: port 4 of switch s1 is called p4"),
        (head + f"links:\n  - [s1:{'x' * 16}, s2:a]\n", "d.yaml:6: "),
    ]
    document = pathlib.Path(tmp) / "d.yaml"
    for text, words in cases:
        document.write_text(text)
        refused(words, "lab", "up", "-n", lab, document)
        check_nothing(lab, f"refused for '{words}'")
    refused("nosuch.yaml", "lab", "up", pathlib.Path(tmp) / "nosuch.yaml")
    spaced = pathlib.Path(tmp) / "my net.yaml"
    spaced.write_text(head)
    refused(["my net.yaml", "not a possible name of a lab"], "lab", "up", spaced)
    for name in "", "x" * 32, "-x", "a/b", "a:b", "..":
        refused("not a possible name of a lab", "lab", "up", f"--name={name}", topology("two-hosts"))
    for command in "show", "down":
        refused("there is no lab", "lab", command, f"{lab}x")
        refused("nosuch.yaml", "lab", command, "./nosuch.yaml")
    long = "s" * 31
    document.write_text(f"networks: {{n: {{vlan: 1}}}}\nswitches: {{{long}: {{datapath_id: 1}}}}\n")
    name = f"{lab}{'x' * (31 - len(lab))}"
    refused("too long", "lab", "up", "-n", name, document)
    check_nothing(name, "a path too long")


CASES = [name[len("case_"):] for name in dir() if name.startswith("case_")]


def main():
    if os.geteuid():
        print("skipped: needs root")
        return 77
    for tool in "ip", "ping":
        if not shutil.which(tool):
            print(f"skipped: needs {tool}")
            return 77
    failed = 0
    for i, name in enumerate(sys.argv[3:] or CASES):
        lab = f"{PREFIX}-{i}"
        try:
            with tempfile.TemporaryDirectory(prefix="trama-lab-") as tmp:
                globals()[f"case_{name}"](lab, tmp)
            print(f"{name}: ok", flush=True)
        except (Failed, subprocess.SubprocessError, OSError) as e:
            print(f"{name}: FAILED: {e}", flush=True)
            failed = 1
        finally:
            for l in lab, f"{lab}-b":
                if any(pieces(l).values()):
                    trama("lab", "down", l)
    return failed


if __name__ == "__main__":
    sys.exit(main())

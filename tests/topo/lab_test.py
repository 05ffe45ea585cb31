#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`trama lab test` from outside: what must pass passes, and each kind of expectation that is wrong fails with the right words.

    lab_test.py TRAMA DOCUMENT        one document, whose expectations must all pass
    lab_test.py TRAMA [CASE...]       labs made here, most of which must fail

Exit: 0 all passed, 1 something failed, 77 skipped (not root, or no guest can be run here)."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

TIMEOUT_S = 170
NAME = f"lt{os.getpid()}"

TWO = """
networks:
  red:  {vlan: 10, subnet: [10.0.10.0/24, "fd00:10::/64"]}
  blue: {vlan: 20, subnet: [10.0.20.0/24, "fd00:20::/64"]}
switches:
  s1: {datapath_id: 1}
hosts:
  h1: {network: red, switch: s1, port: 1, address: [10.0.10.1, "fd00:10::1"]}
  h2: {network: red, switch: s1, port: 2, address: [10.0.10.2, "fd00:10::2"]}
  h3: {network: blue, switch: s1, port: 3, address: [10.0.20.3, "fd00:20::3"]}
"""
LINE = """
networks:
  lan: {vlan: 10, subnet: 10.0.0.0/24}
switches:
  s1: {datapath_id: 1}
  s2: {datapath_id: 2}
links:
  - [s1:to2, s2:to1]
hosts:
  h1: {network: lan, switch: s1, address: 10.0.0.1}
  h2: {network: lan, switch: s2, address: 10.0.0.2}
"""
# Both subnets are in one network: nothing keeps h1 and h3 apart but that they do not know the way.
SUBNETS = """
networks:
  lan: {vlan: 10, subnet: [10.0.10.0/24, 10.0.20.0/24]}
switches:
  s1: {datapath_id: 1}
hosts:
  h1: {network: lan, switch: s1, address: 10.0.10.1}
  h3: {network: lan, switch: s1, address: 10.0.20.3}
"""
failed = False


def fail(case, text):
    global failed
    failed = True
    print(f"{case}: FAILED: {text}")


class Lab:
    """A document, written anew for each trial."""

    def __init__(self, trama, directory):
        self.trama, self.dir = trama, pathlib.Path(directory)

    def run(self, *args):
        return subprocess.run([self.trama, *args], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)

    def write(self, net, *expects):
        path = self.dir / f"{NAME}.yaml"
        path.write_text(net + ("expect:\n" if expects else "") + "".join(f"  - {{{x}}}\n" for x in expects), encoding="utf-8")
        return str(path)

    def test(self, net, *expects):
        return self.run("lab", "test", self.write(net, *expects))

    def up(self, net, *expects):
        done = self.run("lab", "up", self.write(net, *expects))
        if done.returncode:
            raise RuntimeError(done.stderr)

    def flow(self, text):
        done = self.run("--run-dir", f"/run/trama/lab/{NAME}/s1", "flow", "add", text)
        if done.returncode:
            raise RuntimeError(done.stderr)

    def down(self):
        self.run("lab", "down", NAME)


def want(case, done, code, *words):
    text = done.stdout + done.stderr
    if done.returncode != code:
        fail(case, f"exit code {done.returncode} instead of {code}: {text}")
    for word in words:
        if word not in text:
            fail(case, f"no '{word}' in: {text}")


def nothing_left(case):
    spaces = [n for n in os.listdir("/run/netns") if n.startswith((NAME + ":", NAME + "@"))] if os.path.isdir("/run/netns") else []
    if spaces or os.path.exists(f"/run/trama/lab/{NAME}"):
        fail(case, f"left: {spaces} {os.path.exists(f'/run/trama/lab/{NAME}')}")


# --- what fails ---

def works_but_cannot(lab):
    done = lab.test(TWO, "ping: works, from: h1, to: h3, family: 4, within: 300ms", "tcp: works, from: h1, to: h3, within: 300ms",
                    "udp: works, from: h3, to: h2, family: 6, within: 300ms", "ping: works, from: h1, to: h2")
    want("works_but_cannot", done, 1, "FAIL  ping works h1 -> h3", "h1 -> h3 (IPv4): ", "h1 is in network red, h3 in blue",
         "FAIL  tcp works h1 -> h3", "h1 -> h3 (IPv6): ", "FAIL  udp works h3 -> h2", "h3 -> h2 (IPv6): ",
         "pass  ping works h1 -> h2", "1 passed, 3 failed")
    nothing_left("works_but_cannot")


def fails_but_works(lab):
    done = lab.test(TWO, "ping: fails, from: h1, to: h2", "tcp: fails, from: h1, to: h2, family: 6", "udp: fails, from: h2, to: h1",
                    "ping: fails, from: h1, to: h3")
    want("fails_but_works", done, 1, "FAIL  ping fails h1 -> h2", "h1 -> h2 (IPv4): it works", "h1 -> h2 (IPv6): it works",
         "both are in network red (VLAN 10)", "FAIL  tcp fails", "FAIL  udp fails", "pass  ping fails h1 -> h3",
         "1 passed, 3 failed")
    done = lab.test(SUBNETS, "ping: fails, from: h1, to: h3", "tcp: fails, from: h3, to: h1")
    want("fails_but_works", done, 1, "h1 -> h3 (IPv4): it works", "h3 -> h1 (IPv4): it works", "0 passed, 2 failed")


def as_json(lab):
    done = lab.run("-j", "lab", "test", lab.write(TWO, "ping: works, from: h1, to: h2", "ping: fails, from: h1, to: h2, family: 4"))
    want("as_json", done, 1)
    o = json.loads(done.stdout)
    if (o["passed"], o["failed"]) != (1, 1) or [x["passed"] for x in o["expectations"]] != [True, False]:
        fail("as_json", done.stdout)
    if not o["expectations"][1]["failures"][0]["what"].startswith("h1 -> h2 (IPv4): it works"):
        fail("as_json", done.stdout)


# A lab that is up, whose switch is told to do wrong.
def broken_switch(lab):
    for flow, expect, words in (
            ("priority=65000,dl_type=0x88b5,actions=output:2,output:2", "flood: once, from: h1", ["h1 -> h2: one broadcast arrives 2 times"]),
            ("priority=65000,dl_type=0x88b5,actions=output:2,output:3", "flood: once, from: h1",
             ["h1 -> h3: the broadcast arrives in another network: h1 is in red, h3 in blue"]),
            ("priority=65000,dl_type=0x88b5,actions=output:2,IN_PORT", "flood: once, from: h1", ["h1: its own broadcast comes back to it"]),
            ("priority=65000,dl_type=0x88b5,actions=push_vlan:0x8100,set_field:4103->vlan_vid,output:2", "flood: once, from: h1",
             ["h1 -> h2: the broadcast arrives with a tag of VLAN 7"]),
            ("priority=65000,dl_type=0x88b5,actions=drop", "flood: once, from: h1, within: 200ms",
             ["h1 -> h2: the broadcast does not arrive"]),
            ("priority=65000,icmp,actions=drop", "ping: works, from: h1, to: h2, family: 4, within: 500ms",
             ["h1 -> h2 (IPv4): no answer to", "h1 has resolved 10.0.10.2 by ARP", "frames came in, "]),
            ("priority=65000,arp,actions=drop", "ping: works, from: h1, to: h2, family: 4, within: 500ms",
             ["h1 has no answer to its ARP for 10.0.10.2"]),
            ("priority=65000,in_port=1,tcp,actions=drop", "tcp: works, from: h1, to: h2, family: 4, within: 500ms", ["connect: Connection timed out"]),
            ("priority=65000,in_port=1,arp,actions=output:3", "ping: works, from: h1, to: h2, family: 4, within: 500ms", ["h1 -> h2 (IPv4): "])):
        lab.up(TWO, expect)
        lab.flow(flow)
        want("broken_switch", lab.run("lab", "test", NAME), 1, *words, "0 passed, 1 failed")
        lab.down()


def cut_link(lab):
    lab.up(LINE, "cut: [s1:to2, s2:to1]", "ping: works, from: h1, to: h2, within: 500ms", "restore: [s1:to2, s2:to1]",
           "ping: works, from: h1, to: h2", "cut: [s1:to2, s2:to1]", "ping: fails, from: h2, to: h1")
    for _ in range(2):  # what it leaves cut is restored, so that it finds the same the next time
        done = lab.run("lab", "test", NAME)
        want("cut_link", done, 1, "pass  cut s1:to2 - s2:to1", "FAIL  ping works h1 -> h2", "its link is down",
             "pass  restore", "pass  ping fails h2 -> h1", "5 passed, 1 failed")
    lab.down()


def port_in_use(lab):
    lab.up(TWO, "tcp: works, from: h1, to: h2, port: 81")
    with subprocess.Popen([lab.trama, "lab", "exec", NAME, "h2", "--", sys.executable, "-uc",
                           "import socket; s = socket.create_server(('', 81)); print('ready'); s.accept()"],
                          stdout=subprocess.PIPE) as server:
        server.stdout.readline()
        want("port_in_use", lab.run("lab", "test", NAME), 1, "host h2: port 81 cannot be served: Address already in use")
        server.kill()
    lab.down()


def cannot_be_tried(lab):
    want("cannot_be_tried", lab.test(TWO), 1, "expects nothing")
    want("cannot_be_tried", lab.run("lab", "test", f"/nonexistent/{NAME}"), 1, f"{NAME}")
    nothing_left("cannot_be_tried")
    outside = TWO + "  ex: {network: red, switch: s1, port: 9, address: 10.0.10.9, kind: external}\n"
    want("cannot_be_tried", lab.test(outside, "ping: works, from: h1, to: ex"), 1, "no pair of hosts of this lab")
    done = lab.test(outside, "ping: works, from: h1, to: [h2, ex], family: 4")
    want("cannot_be_tried", done, 0, "1 with external hosts left out")
    done = lab.test(LINE.replace("[s1:to2, s2:to1]", "{ends: [s1:to2, s2:to1], kind: external}"), "cut: [s1:to2, s2:to1]")
    want("cannot_be_tried", done, 1, "the lab can neither cut nor restore it")
    done = lab.run("lab", "exec", NAME, "h1", "true")
    want("cannot_be_tried", done, 125)
    vm = TWO.replace("port: 2,", "port: 2, kind: vm,")
    done = subprocess.run([lab.trama, "lab", "test", lab.write(vm, "ping: works, from: h1, to: h2")], capture_output=True, text=True,
                          env={**os.environ, "TRAMA_CACHE": "/nonexistent"}, timeout=TIMEOUT_S, check=False)
    want("cannot_be_tried", done, 1, "a host of kind vm needs a kernel in /nonexistent/kernel", "script/setup puts it there")
    nothing_left("cannot_be_tried")


def interrupted(lab):
    path = lab.write(TWO, "ping: works, from: h1, to: h2", "ping: works, from: h1, to: h3, within: 100s")
    for sig in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([lab.trama, "lab", "test", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
            first = p.stdout.readline()
            p.send_signal(sig)
            _, err = p.communicate(timeout=TIMEOUT_S)
        if p.returncode != 1 or not first.startswith("pass") or "interrupted; the lab is taken down" not in err:
            fail("interrupted", f"{sig}: {p.returncode} {first} {err}")
        nothing_left("interrupted")


CASES = [works_but_cannot, fails_but_works, as_json, broken_switch, cut_link, port_in_use, cannot_be_tried, interrupted]


def document(lab, path):
    """All that it expects passes, under another name, so that a lab of its own is left alone."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    done = lab.run("-j", "lab", "test", lab.write("\n".join(x for x in text.split("\n") if not x.startswith("name:"))))
    if "needs" in done.stderr and "script/setup" in done.stderr:
        print(f"skipped: {done.stderr}")
        sys.exit(77)
    try:
        o = json.loads(done.stdout)
        for x in o["expectations"]:
            print("pass" if x["passed"] else "FAIL", x["expect"], x["note"], x["failures"] or "", x["hints"] or "")
        if done.returncode or o["failed"] or not o["passed"]:
            fail(path, f"exit code {done.returncode}, {o['passed']} passed, {o['failed']} failed")
    except ValueError:
        fail(path, f"exit code {done.returncode}: {done.stdout} {done.stderr}")
    nothing_left(path)


def main(trama, *words):
    if os.geteuid():
        print("skipped: needs root")
        return 77
    with tempfile.TemporaryDirectory(prefix="trama-topo-") as directory:
        lab = Lab(os.path.abspath(trama), directory)
        try:
            if len(words) == 1 and words[0].endswith(".yaml"):
                document(lab, words[0])
            else:
                for case in CASES:
                    if not words or case.__name__ in words:
                        before = failed
                        case(lab)
                        if failed == before:
                            print(f"{case.__name__}: ok")
        finally:
            lab.down()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

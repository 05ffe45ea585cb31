#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS from outside: `trama pki` makes the keys, trama-switchd meets trama-controller and Open vSwitch's tools, strangers are
refused with a reason, and bad keys change nothing.
    tls.py TRAMA_SWITCHD TRAMA_CONTROLLER TRAMA
Exit: 0 all passed, 1 something failed, 77 skipped."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

switchd, controller, trama = sys.argv[1:4]
DOCUMENT = """
networks: {n: {vlan: 10}}
switches: {s1: {datapath_id: 7}}
"""
running = []


def check(is_so, what):
    if not is_so:
        raise AssertionError(what)


def wait(what, seconds, is_so):
    """Asks until it is so; fails when it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = is_so()
        if got:
            return got
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


def run(*args, code=0):
    done = subprocess.run(args, capture_output=True, text=True, timeout=20)
    check(done.returncode == code, f"{' '.join(args)}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def start(*args, log):
    out = open(log, "w", encoding="utf-8")
    p = subprocess.Popen(args, stdout=out, stderr=subprocess.STDOUT)
    running.append(p)
    return p


def call(path, method):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        s.sendall(json.dumps({"id": 1, "method": method, "params": {}}).encode())
        text = b""
        while True:
            text += s.recv(1 << 16)
            try:
                reply = json.loads(text)
            except ValueError:
                continue
            check(not reply["error"], f"{method}: {reply['error']}")
            return reply["result"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def first_controller(d):
    return call(f"{d}/trama-switchd.ctl", "switch/show")["bridges"][0]["controllers"][0]


def keys(d, name):
    return f"{{key: {d}/{name}.key, certificate: {d}/{name}.crt, ca: {d}/ca.crt}}"


def write_switch_file(d, tls, ours, theirs):
    with open(f"{d}/sw.yaml", "w", encoding="utf-8") as f:
        f.write(f"run_dir: {d}\ndpdk: {{hugepages: off}}\n{'tls: ' + tls if tls else ''}\nbridges:\n  br0:\n    datapath_id: 7\n"
                f'    controllers: ["ssl:127.0.0.1:{ours}", "pssl:{theirs}:127.0.0.1"]\n')


def pki(d):
    out = run(trama, "pki", "init", "--dir", f"{d}/pki")
    check(out == f"{d}/pki/ca.key\n{d}/pki/ca.crt\n", out)
    out = json.loads(run(trama, "-j", "pki", "issue", "switch", "--dir", f"{d}/pki"))
    check(out == {"key": f"{d}/pki/switch.key", "certificate": f"{d}/pki/switch.crt"}, out)
    run(trama, "pki", "issue", "controller", "--dir", f"{d}/pki", "--days", "2")
    run(trama, "pki", "init", "--dir", f"{d}/other")
    run(trama, "pki", "issue", "stranger", "--dir", f"{d}/other")
    check("ca.key" in run(trama, "pki", "init", "--dir", f"{d}/pki", code=1), "a second authority is refused")
    check("'a/b' is no name" in run(trama, "pki", "issue", "a/b", "--dir", f"{d}/pki", code=1), "a bad name is refused")
    check("days" in run(trama, "pki", "issue", "x", "--days", "0", code=2), "no days are refused")
    check("pki init" in run(trama, "pki", "issue", "x", "--dir", f"{d}/nowhere", code=1), "no authority, no certificate")


def controller_args(d, port, directory, name):
    return [controller, "-d", f"{d}/net.yaml", "--run-dir", d, "--listen", f"pssl:{port}:127.0.0.1",
            "--tls-key", f"{directory}/{name}.key", "--tls-certificate", f"{directory}/{name}.crt",
            "--tls-ca", f"{directory}/ca.crt"]


def end(p):
    p.send_signal(signal.SIGTERM)
    p.wait(10)
    running.remove(p)


def ofctl(d, name, *args, code=0):
    return run("ovs-ofctl", "-O", "OpenFlow13", "-p", f"{d}/{name}.key", "-c", f"{d}/{name}.crt", "-C", f"{d}/ca.crt", *args,
               code=code)


def bad_keys_change_nothing(d, sw, ours, theirs):
    for tls, words in ((f"{{key: {d}/pki/controller.key, certificate: {d}/pki/switch.crt, ca: {d}/pki/ca.crt}}", "controller.key"),
                       (f"{{key: {d}/none, certificate: {d}/pki/switch.crt, ca: {d}/pki/ca.crt}}", f"{d}/none"),
                       ("", "needs 'tls:")):
        write_switch_file(d, tls, ours, theirs)
        check(words in run(trama, "--run-dir", d, "switch", "reload", code=1), f"a reload without {words}")
        check(first_controller(d)["state"] == "connected", "the connection stays")
    check(sw.poll() is None, "the switch lives")


def test(d):
    ours, theirs = free_port(), free_port()
    pki(d)
    with open(f"{d}/net.yaml", "w", encoding="utf-8") as f:
        f.write(DOCUMENT)
    write_switch_file(d, keys(f"{d}/pki", "switch"), ours, theirs)
    sw = start(switchd, "-c", f"{d}/sw.yaml", log=f"{d}/sw.log")
    wait("the switch is up", 20, lambda: os.path.exists(f"{d}/trama-switchd.ctl"))

    # A controller of another authority is refused, and both sides say why.
    bad = start(*controller_args(d, ours, f"{d}/other", "stranger"), log=f"{d}/bad.log")
    wait("the refusal", 20, lambda: "certificate is refused" in first_controller(d).get("last_error", ""))
    check(first_controller(d)["state"] != "connected", "a stranger is not connected")
    end(bad)

    good = start(*controller_args(d, ours, f"{d}/pki", "controller"), log=f"{d}/ctl.log")
    wait("the controller", 30, lambda: first_controller(d)["state"] == "connected")
    wait("the switch in sync", 20, lambda: call(f"{d}/trama-controller.ctl", "net/show")["switches"][0].get("in_sync"))
    if shutil.which("ovs-ofctl"):
        check("dpid:0000000000000007" in ofctl(f"{d}/pki", "controller", "show", f"ssl:127.0.0.1:{theirs}"), "ovs-ofctl show")
        ofctl(f"{d}/other", "stranger", "show", f"ssl:127.0.0.1:{theirs}", code=1)
    bad_keys_change_nothing(d, sw, ours, theirs)
    end(good)
    end(sw)


def refusals_of_the_controller(d):
    base = [controller, "-d", f"{d}/net.yaml", "--run-dir", d]
    check("ssl:6653 needs --tls-key" in run(*base, "--listen", "pssl:", code=2), "pssl: without keys")
    check("go together" in run(*base, "--tls-key", "x", code=2), "one of the three options")
    out = run(*base, "--listen", f"pssl:{free_port()}:127.0.0.1", "--tls-key", f"{d}/none", "--tls-certificate",
              f"{d}/pki/switch.crt", "--tls-ca", f"{d}/pki/ca.crt", code=1)
    check(f"{d}/none cannot be used" in out, out)


def main():
    d = tempfile.mkdtemp(prefix="trama-tls.")
    try:
        test(d)
        refusals_of_the_controller(d)
        print("tls: ok")
        return 0
    except AssertionError as e:
        print(f"tls: FAILED: {e}")
        for name in sorted(os.listdir(d)):
            if name.endswith(".log"):
                print(f"--- {name}\n{open(os.path.join(d, name), encoding='utf-8').read()[-3000:]}")
        return 1
    finally:
        for p in running:
            p.kill()
            p.wait()
        shutil.rmtree(d)


if __name__ == "__main__":
    sys.exit(main())

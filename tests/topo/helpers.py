#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stock FTP and TFTP behind a router with helpers: curl, python3-pyftpdlib and dnsmasq; the client inside and the server out, active and
passive, with RFC 959's commands and RFC 2428's; a server inside, behind a forward; all of it where policies allow nothing but the
servers' own ports, too, and open nothing else; and neither without helpers.

    helpers.py BUILD trama|ovs"""
import os
import shutil
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import PATIENCE_S, OpenVSwitch, Rig, TramaSwitch, run, until  # pylint: disable=wrong-import-position

DOCUMENT = """
networks:
  office: {vlan: 10, subnet: 10.0.10.0/24}
  world: {vlan: 100, subnet: 198.51.100.0/24}
switches:
  s1: {datapath_id: 1}
links: []
routers:
  edge:
    gateway: s1
    networks: {office: 10.0.10.254, world: 198.51.100.1}
    outside: world
    source_nat: [{from: office, to: 198.51.100.77}]
    forwards: [{protocol: tcp, port: 21, to: files}]
%s
hosts:
  anna: {network: office, switch: s1, address: 10.0.10.1, mac: "02:00:00:00:00:01"}
  files: {network: office, switch: s1, address: 10.0.10.2, mac: "02:00:00:00:00:02"}
  server: {network: world, switch: s1, address: 198.51.100.80, mac: "02:00:00:00:00:80"}
"""
HELPERS = "    helpers: [ftp, tftp]"
POLICIES = """
policies:
  - {name: ftp-out, from: office, to: [outside, files], protocol: tcp, port: 21, action: allow}
  - {name: tftp-out, from: office, to: outside, protocol: udp, port: 69, action: allow}
  - {name: low-ports, from: outside, to: files, protocol: tcp, port: [20, 22], action: allow}
  - {name: nothing-else, from: any, to: any, action: deny}
"""
OTHER_PORT = 3000
# A session that has announced a data connection, and does not begin it.
SESSION = "import ftplib, sys; f = ftplib.FTP(sys.argv[1]); f.login(); print(f.sendcmd('PASV')[:3], flush=True); sys.stdin.read()"
TEXT = "".join(f"line {n} of a file\n" for n in range(4000))
# Whether the one who asks opens the data connection; curl tries the extended commands first.
WAYS = {"extended passive": (), "passive": ("--disable-epsv",), "extended active": ("-P", "-"), "active": ("-P", "-", "--disable-eprt")}


def serve(r, name):
    """FTP and TFTP servers in a host, with one file."""
    host = r.hosts[name]
    files = f"{r.dir}/files-{name}"
    os.mkdir(files, 0o755)
    with open(f"{files}/file.txt", "w", encoding="ascii") as f:
        f.write(TEXT)
    os.chmod(f"{files}/file.txt", 0o644)
    os.chmod(r.dir, 0o755)  # dnsmasq serves as nobody
    inside = ("ip", "netns", "exec", host.netns)
    r.spawn(f"ftp-{name}", *inside, "/usr/bin/python3", "-m", "pyftpdlib", "-p", "21", "-d", files, "-i", host.address)
    r.spawn(f"tftp-{name}", *inside, "dnsmasq", "-k", "--port=0", "--enable-tftp", f"--tftp-root={files}", "--conf-file=/dev/null", "--pid-file=",
            "--log-facility=-", "--user=nobody")
    until(f"the servers in {name} listen", lambda: ":21 " in run(*inside, "ss", "-ltnH") and ":69 " in run(*inside, "ss", "-lunH"))


def fetch(host, url, *options, patience_s=PATIENCE_S):
    """What curl gets; None: nothing."""
    done = subprocess.run(["ip", "netns", "exec", host.netns, "curl", "-s", "-m", str(patience_s), *options, url], capture_output=True, text=True, check=False,
                          timeout=2 * PATIENCE_S)
    return done.stdout if not done.returncode else None


def check_text(what, got):
    if got != TEXT:
        raise AssertionError(f"{what}: {'nothing' if got is None else len(got)}, not the file")
    print(f"{what}: passed", flush=True)


def check_transfers(r):
    anna, server = r.hosts["anna"], r.hosts["server"]
    out = f"ftp://{server.address}/file.txt"
    for way, options in WAYS.items():
        if r.kind is OpenVSwitch and way.startswith("extended"):
            continue  # it does not look into these, of IPv4
        check_text(f"{way} FTP from inside", fetch(anna, out, *options))
        check_text(f"{way} FTP to the inside", fetch(server, "ftp://198.51.100.1/file.txt", *options))
    for way in ("passive",) if r.kind is OpenVSwitch else ("passive", "extended passive"):
        check_text(f"{way} FTP by the hairpin", fetch(anna, "ftp://198.51.100.1/file.txt", *WAYS[way]))
    check_text("TFTP from inside", fetch(anna, f"tftp://{server.address}/file.txt"))


def check_closed(r):
    """With the policies only what is announced passes: the same hosts reach no other port, before and while FTP goes on."""
    anna, server = r.hosts["anna"], r.hosts["server"]
    for host in (anna, server):
        r.spawn(f"web-{host.address}", "ip", "netns", "exec", host.netns, "/usr/bin/python3", "-m", "http.server", str(OTHER_PORT))
        until("the web server listens", lambda h=host: f":{OTHER_PORT} " in run("ip", "netns", "exec", h.netns, "ss", "-ltnH"))
    with subprocess.Popen(["ip", "netns", "exec", anna.netns, "/usr/bin/python3", "-c", SESSION, server.address], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as session:
        if session.stdout.readline() != "227\n":
            raise AssertionError("no session of FTP")
        if fetch(anna, f"http://{server.address}:{OTHER_PORT}/", patience_s=1) is not None:
            raise AssertionError(f"anna reaches port {OTHER_PORT} of the server")
        if fetch(server, f"http://198.51.100.77:{OTHER_PORT}/", patience_s=1) is not None:
            raise AssertionError("the server reaches the inside")
        session.stdin.close()
    print("nothing else: passed", flush=True)


def check(r):
    anna, server = r.hosts["anna"], r.hosts["server"]
    for name in ("anna", "files"):
        run("ip", "-n", r.hosts[name].netns, "route", "add", "default", "via", "10.0.10.254")
    for name in ("server", "files"):
        serve(r, name)
    out = f"ftp://{server.address}/file.txt"
    until("a way out", lambda: fetch(anna, out, patience_s=2) == TEXT)
    check_transfers(r)
    r.call("net/apply", "policies.yaml", DOCUMENT % HELPERS + POLICIES)
    r.wait()
    check_transfers(r)
    check_closed(r)
    r.call("net/apply", "none.yaml", DOCUMENT % "")
    r.wait()
    if fetch(anna, out, *WAYS["active"], patience_s=2) is not None or fetch(anna, f"tftp://{server.address}/file.txt", patience_s=2) is not None:
        raise AssertionError("without helpers the data comes as well")
    check_text("passive FTP without helpers", fetch(anna, out))


def main(build, kind):
    if os.geteuid():
        print("skipped: needs root")
        return 77
    for program in ("curl", "dnsmasq", *(("ovs-vswitchd",) if kind == "ovs" else ())):
        if not shutil.which(program):
            print(f"skipped: needs {program}")
            return 77
    try:
        with Rig(build, DOCUMENT % HELPERS, OpenVSwitch if kind == "ovs" else TramaSwitch) as r:
            r.start()
            check(r)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

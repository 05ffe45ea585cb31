#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Controllers of others drive trama-switchd: three hosts (network namespaces) reach each other, by flows that the controller
made, and go on without it.
    controllers.py TRAMA_SWITCHD [os-ken|testcontroller ...]
Exit: 0 all passed, 1 something failed, 77 skipped (not root, or a tool is missing)."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HOSTS = 3
here = pathlib.Path(__file__).resolve().parent
spaces = [f"tct{os.getpid()}{i}" for i in range(HOSTS)]
FILE = """
run_dir: {dir}
dpdk: {{hugepages: off}}
bridges:
  br0:
    datapath_id: 0x51
    controllers: ["{controller}"]
    ports:
"""
PORT = "      {name}: {{type: tap, netns: {netns}, address: 10.95.0.{i}/24, ofport: {port}}}\n"


def check(is_so, what):
    if not is_so:
        raise AssertionError(what)


def wait(what, is_so, seconds=30):
    end = time.monotonic() + seconds
    while not is_so():
        check(time.monotonic() < end, f"{what}: not within {seconds} s")
        time.sleep(0.02)


def run(*args):
    return subprocess.run(args, capture_output=True, text=True, timeout=60)


def must(*args):
    done = run(*args)
    check(done.returncode == 0, f"{' '.join(args)}: {done.stdout}{done.stderr}")
    return done.stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def os_ken(directory):
    port = free_port()
    return f"tcp:127.0.0.1:{port}", ["/usr/bin/python3", "/usr/bin/osken-manager", "--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port",
                                     str(port), str(here / "learning_switch.py")]


def testcontroller(directory):
    return f"unix:{directory}/controller", ["ovs-testcontroller", "-O", "OpenFlow13", f"punix:{directory}/controller",
                                            f"--unixctl={directory}/controller.ctl"]


def ping(a, b, count=1):
    return run("ip", "netns", "exec", spaces[a], "ping", "-c", str(count), "-i", "0.05", "-W", "1", f"10.95.0.{b + 1}").returncode == 0


def flows(directory):
    text = must("ovs-ofctl", "-O", "OpenFlow13", "--no-names", "dump-flows", f"unix:{directory}/br0.mgmt")
    return [line for line in text.splitlines() if "actions=" in line]


def pairs(directory):
    """The pairs of ports that have a flow of their own."""
    found = set()
    for line in flows(directory):
        m = re.search(r"in_port=(\d+).*actions=output:(\d+)", line)
        if m and "dl_dst" in line:
            found.add((int(m.group(1)), int(m.group(2))))
    return found


def drive(directory, switchd, controller, running):
    address, command = controller(directory)
    names = [f"{name}p" for name in spaces]
    ports = [7 + 3 * i for i in range(HOSTS)]
    file = f"{directory}/sw.yaml"
    with open(file, "w", encoding="utf-8") as f:
        f.write(FILE.format(dir=directory, controller=address))
        for i, name in enumerate(spaces):
            f.write(PORT.format(name=names[i], netns=name, i=i + 1, port=ports[i]))
    for name in spaces:
        must("ip", "netns", "add", name)
        must("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    log = open(f"{directory}/log", "w", encoding="utf-8")
    running["switch"] = subprocess.Popen([switchd, "-c", file], stdout=log, stderr=log)
    wait("the switch comes up", lambda: os.path.exists(f"{directory}/br0.mgmt"))
    check(not ping(0, 1), "a ping passes before there is a controller")
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", OVS_RUNDIR=directory)
    running["controller"] = subprocess.Popen(command, stdout=log, stderr=log, env=env)
    wait("the controller adds the flow for misses", lambda: any("CONTROLLER" in line for line in flows(directory)))
    every = [(a, b) for a in range(HOSTS) for b in range(HOSTS) if a != b]
    for a, b in every:
        wait(f"host {a} reaches host {b}", lambda a=a, b=b: ping(a, b))
    wait("each pair of hosts gets a flow", lambda: all(ping(a, b) for a, b in every) and
         pairs(directory) >= {(ports[a], ports[b]) for a, b in every})
    running.pop("controller").kill()
    for a, b in every:
        check(ping(a, b, 3), f"host {a} does not reach host {b} without the controller")
    process = running.pop("switch")
    process.terminate()
    check(process.wait(30) == 0, f"the switch ended with {process.returncode}")


def main():
    if os.geteuid():
        print("skipped: needs root")
        return 77
    for tool in ("ip", "ping", "ovs-ofctl", "ovs-testcontroller", "/usr/bin/osken-manager"):
        if not shutil.which(tool):
            print(f"skipped: needs {tool}")
            return 77
    kinds = {"os-ken": os_ken, "testcontroller": testcontroller}
    failed = 0
    for name in sys.argv[2:] or kinds:
        directory, running = tempfile.mkdtemp(prefix="trama-topo-"), {}
        try:
            drive(directory, sys.argv[1], kinds[name], running)
            print(f"{name}: ok")
        except (AssertionError, subprocess.SubprocessError) as e:
            failed = 1
            print(f"{name}: FAILED: {e}")
            print(pathlib.Path(f"{directory}/log").read_text(encoding="utf-8", errors="replace"))
        finally:
            for process in running.values():
                process.kill()
                process.wait()
            for space in spaces:
                run("ip", "netns", "del", space)
            shutil.rmtree(directory)
    return failed


if __name__ == "__main__":
    sys.exit(main())

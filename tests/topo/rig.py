# SPDX-License-Identifier: Apache-2.0
"""A network on this machine for tests of the controller: every switch (trama-switchd or Open vSwitch) and every host in a
network namespace of its own, links as veth pairs, the controller behind a relay that counts what is said.
Everything is made from a network document, and gone when the `with` block ends."""
import atexit
import collections
import ctypes
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import yaml

PATIENCE_S = 30
GRACE_S = 0.1  # how long a frame that must not come is waited for, once those that must have come
ETHER_TYPE, ETHER_TYPE_STREAM = 0x88B5, 0x88B6
HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, FEATURES_REQUEST, FEATURES_REPLY = 0, 1, 2, 3, 5, 6
PACKET_IN, FLOW_REMOVED, PORT_STATUS, PACKET_OUT, FLOW_MOD = 10, 11, 12, 13, 14
MULTIPART_REQUEST, MULTIPART_REPLY, BARRIER_REQUEST, BARRIER_REPLY = 18, 19, 20, 21
libc = ctypes.CDLL(None, use_errno=True)


def run(*args, **more):
    done = subprocess.run(args, capture_output=True, text=True, timeout=PATIENCE_S, **more)
    if done.returncode:
        raise RuntimeError(f"{' '.join(args)}: {done.stderr.strip() or done.stdout.strip() or done.returncode}")
    return done.stdout


def until(what, true, patience_s=PATIENCE_S):
    """Polls a condition; its value when it holds."""
    end = time.monotonic() + patience_s
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {patience_s} s")
        time.sleep(0.02)


class Inside:
    """What is made in the `with` block is made in that network namespace."""

    def __init__(self, netns):
        self.netns = netns

    def __enter__(self):
        self.here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open("/var/run/netns/" + self.netns, os.O_RDONLY)
        if libc.setns(there, 0):
            raise OSError(ctypes.get_errno(), "setns " + self.netns)
        os.close(there)

    def __exit__(self, *_):
        libc.setns(self.here, 0)
        os.close(self.here)


class Relay:
    """Stands between the switches and the controller, and counts messages by type in both directions."""

    def __init__(self, path, to):
        self.to = to
        self.sent, self.received = collections.Counter(), collections.Counter()  # by the controller; by type
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        self.is_open = True
        self.pairs = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.is_open:
            try:
                switch, _ = self.listener.accept()
            except OSError:
                return
            controller = socket.socket(socket.AF_UNIX)
            try:
                controller.connect(self.to)
            except OSError:
                switch.close()
                controller.close()
                continue
            self.pairs.append((switch, controller))
            threading.Thread(target=self.pump, args=(switch, controller, self.received), daemon=True).start()
            threading.Thread(target=self.pump, args=(controller, switch, self.sent), daemon=True).start()

    @staticmethod
    def pump(source, sink, counts):
        rest = b""
        try:
            while data := source.recv(65536):
                sink.sendall(data)
                rest += data
                while len(rest) >= 8 and len(rest) >= (size := max(8, struct.unpack_from("!H", rest, 2)[0])):
                    counts[rest[1]] += 1
                    rest = rest[size:]
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def forget(self):
        self.sent.clear()
        self.received.clear()

    def close(self):
        self.is_open = False
        self.listener.close()
        for pair in self.pairs:
            for s in pair:
                s.close()


class Host:
    def __init__(self, rig, name, netns, mac, address):
        self.rig, self.name, self.netns, self.mac, self.address = rig, name, netns, mac, address
        self.prefixed = address + ("/64" if ":" in address else "/24")
        self.ears = {}  # by Ethertype

    def listen(self, ether_type=ETHER_TYPE):
        """A socket that gets the test's frames, from now on."""
        if ether_type not in self.ears:
            with Inside(self.netns):
                self.ears[ether_type] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ether_type))
                self.ears[ether_type].bind((self.name, ether_type))
            self.ears[ether_type].setblocking(False)
        return self.ears[ether_type]

    def send(self, to, payload, source=None, ether_type=ETHER_TYPE):
        """A frame to a host, or to an address."""
        to = to.mac if isinstance(to, Host) else to
        head = bytes.fromhex((to + (source or self.mac)).replace(":", "")) + struct.pack("!H", ether_type)
        self.listen(ether_type).send((head + payload).ljust(60, b"\0"))

    def heard(self, ether_type=ETHER_TYPE):
        """Payloads of the frames that came, in order."""
        while True:
            try:
                frame, at = self.listen(ether_type).recvfrom(2048)
            except BlockingIOError:
                return
            except OSError:  # the interface was another one; listen to the one that is there now
                self.ears.pop(ether_type).close()
                continue
            if at[2] != socket.PACKET_OUTGOING:
                yield frame[14:].rstrip(b"\0")

    def sh(self, *args):
        return run("ip", "netns", "exec", self.netns, *args)

    def ping(self, other, tries=20):
        """Whether an echo comes back; tried again, since the first may be lost while tables change."""
        for _ in range(tries):
            if not subprocess.run(["ip", "netns", "exec", self.netns, "ping", "-c", "1", "-W", "1", other.address],
                                  capture_output=True, check=False).returncode:
                return True
        return False


class TramaSwitch:
    def __init__(self, rig, name):
        self.rig, self.name, self.process = rig, name, None
        self.dir = f"{rig.dir}/{name}"
        os.mkdir(self.dir)

    def start(self):
        rig, doc = self.rig, self.rig.doc
        ports = {}
        for i, host in enumerate(h for h, d in doc["hosts"].items() if d["switch"] == self.name):
            h = rig.hosts[host]
            ports[doc["hosts"][host].get("port", host)] = {
                "type": "tap", "netns": h.netns, "address": h.prefixed, "mac": h.mac, "ofport": 11 + i}
        for i, port in enumerate(rig.link_ports(self.name)):
            ports[port] = {"type": "netdev", "device": port, "ofport": 31 + i}
        conf = {"run_dir": self.dir, "dpdk": {"hugepages": "off"}, "bridges": {"br0": {
            "datapath_id": doc["switches"][self.name]["datapath_id"], "fail_mode": "secure",
            "controllers": [f"unix:{rig.of_path}"], "ports": ports}}}
        with open(f"{self.dir}/sw.yaml", "w", encoding="utf-8") as f:
            json.dump(conf, f)
        self.process = rig.spawn(self.name, "ip", "netns", "exec", rig.netns[self.name], rig.switchd, "--test",
                                 "-c", f"{self.dir}/sw.yaml")
        until(f"switch {self.name} is up", lambda: os.path.exists(self.socket) or rig.check(self.process))

    @property
    def socket(self):
        return f"{self.dir}/br0.mgmt"

    def kill(self):
        self.rig.end(self.process, signal.SIGKILL)

    def warp(self, ms):
        rpc(f"{self.dir}/trama-switchd.ctl", "clock/warp", [str(ms)])

    def ofctl(self, command, *args):
        return run("ovs-ofctl", "-O", "OpenFlow13", command, self.socket, *args)


class OpenVSwitch:
    """With the userspace datapath; its rule is that a bridge's controller may be RUNDIR/BRIDGE.controller only."""

    def __init__(self, rig, name):
        self.rig, self.name, self.db, self.process = rig, name, None, None
        self.dir = f"{rig.dir}/{name}"
        os.mkdir(self.dir)
        self.env = dict(os.environ, OVS_RUNDIR=self.dir, OVS_LOGDIR=self.dir, OVS_DBDIR=self.dir)
        os.symlink(rig.of_path, f"{self.dir}/br0.controller")
        run("ovsdb-tool", "create", f"{self.dir}/conf.db", "/usr/share/openvswitch/vswitch.ovsschema")
        self.db = rig.spawn(name + "-db", "ovsdb-server", f"{self.dir}/conf.db", f"--remote=punix:{self.dir}/db.sock",
                            env=self.env)
        until("ovsdb-server is up", lambda: os.path.exists(f"{self.dir}/db.sock") or rig.check(self.db))
        self.vsctl("--no-wait", "init")

    def vsctl(self, *args):
        return run("ovs-vsctl", f"--db=unix:{self.dir}/db.sock", "--retry", "--timeout=20", *args, env=self.env)

    def start(self):
        rig, doc = self.rig, self.rig.doc
        for host, d in doc["hosts"].items():
            if d["switch"] == self.name and not self.process:
                rig.veth(d.get("port", host), rig.netns[self.name], host, rig.hosts[host])
        self.process = rig.spawn(self.name, "ip", "netns", "exec", rig.netns[self.name], "ovs-vswitchd",
                                 f"unix:{self.dir}/db.sock", env=self.env)
        ports = [d.get("port", h) for h, d in doc["hosts"].items() if d["switch"] == self.name]
        ports += rig.link_ports(self.name)
        args = ["--may-exist", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure",
                "protocols=OpenFlow13", "other_config:disable-in-band=true",
                f"other_config:datapath-id={doc['switches'][self.name]['datapath_id']:016x}"]
        for port in ports:
            args += ["--", "--may-exist", "add-port", "br0", port]
        self.vsctl(*args, "--", "set-controller", "br0", f"unix:{self.dir}/br0.controller", "--", "set", "controller",
                   "br0", "max_backoff=1000")

    @property
    def socket(self):
        return f"{self.dir}/br0.mgmt"

    def kill(self):
        self.rig.end(self.process, signal.SIGKILL)

    def ofctl(self, command, *args):
        return run("ovs-ofctl", "-O", "OpenFlow13", command, self.socket, *args)


def rpc(path, method, params=None):
    """One call of a control socket; the result, or RuntimeError with what the daemon says."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(path)
        s.sendall(json.dumps({"id": 1, "method": method, "params": params if params is not None else {}}).encode())
        data = b""
        while part := s.recv(1 << 20):
            data += part
            try:
                reply = json.loads(data)
                break
            except ValueError:
                continue
        else:
            raise RuntimeError(f"{method}: the connection ended")
    if reply["error"] is not None:
        raise RuntimeError(reply["error"])
    return reply["result"]


class Rig:
    """`kind`: TramaSwitch or OpenVSwitch.  `document`: YAML text."""

    def __init__(self, build, document, kind=TramaSwitch):
        self.switchd = os.path.realpath(f"{build}/vswitch/trama-switchd")
        self.program = os.path.realpath(f"{build}/controller/trama-controller")
        self.document, self.doc = document, yaml.safe_load(document)
        for key in ("hosts", "links"):
            self.doc.setdefault(key, {} if key == "hosts" else [])
        self.kind = kind
        self.processes, self.switches, self.hosts, self.netns = [], {}, {}, {}
        self.relay, self.controller, self.n_controllers = None, None, 0
        self.controller_netns = None  # the host's own

    # --- making it ---
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="tc-")
        atexit.register(self.close)
        self.of_path, self.listen_path = f"{self.dir}/of", f"{self.dir}/listen"
        self.write(self.document)
        self.relay = Relay(self.of_path, self.listen_path)
        for name in [*self.doc["switches"], *self.doc["hosts"]]:
            self.netns[name] = f"{os.path.basename(self.dir)}-{name}"
            run("ip", "netns", "add", self.netns[name])
            run("ip", "-n", self.netns[name], "link", "set", "lo", "up")
        for name, h in self.doc["hosts"].items():
            self.hosts[name] = Host(self, name, self.netns[name], h["mac"],
                                    h["address"] if isinstance(h["address"], str) else h["address"][0])
        for a, b in self.doc["links"]:
            (s1, p1), (s2, p2) = a.split(":"), b.split(":")
            run("ip", "link", "add", p1, "netns", self.netns[s1], "type", "veth", "peer", "name", p2, "netns",
                self.netns[s2])
            self.set_link(a, "up")
            self.set_link(b, "up")
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.tell_logs()
        self.close()

    def start(self):
        """Switches and controller, until all is settled."""
        self.start_controller()
        for name in self.doc["switches"]:
            self.switches[name] = self.kind(self, name)
            self.switches[name].start()
        until("all links are up", lambda: all(link["state"] == "up" for link in self.show()["links"]))
        self.wait()

    def write(self, document):
        with open(f"{self.dir}/net.yaml", "w", encoding="utf-8") as f:
            f.write(document)

    def spawn(self, name, *args, **more):
        with open(f"{self.dir}/{name}.log", "ab") as log:
            process = subprocess.Popen(args, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **more)
        self.processes.append(process)
        return process

    @staticmethod
    def check(process):
        if process.poll() is not None:
            raise AssertionError(f"{process.args}: ended with {process.returncode}")
        return False

    @staticmethod
    def end(process, how=signal.SIGTERM):
        if process and process.poll() is None:
            process.send_signal(how)
            process.wait(PATIENCE_S)

    def veth(self, port, netns, name, host):
        """A host's interface whose other end is a switch's port; checksums are done, since not every switch can."""
        run("ip", "link", "add", name, "netns", host.netns, "type", "veth", "peer", "name", port, "netns", netns)
        run("ip", "-n", host.netns, "link", "set", name, "address", host.mac)
        run("ip", "-n", host.netns, "addr", "add", host.prefixed, "dev", name)
        host.sh("ethtool", "-K", name, "tx", "off")
        run("ip", "-n", netns, "link", "set", port, "up")
        run("ip", "-n", host.netns, "link", "set", name, "up")

    def link_ports(self, switch):
        return [end.split(":")[1] for link in self.doc["links"] for end in link if end.split(":")[0] == switch]

    def set_link(self, end, state):
        switch, port = end.split(":")
        run("ip", "-n", self.netns[switch], "link", "set", port, state)

    # --- the controller ---
    def start_controller(self, *args):
        inside = ("ip", "netns", "exec", self.controller_netns) if self.controller_netns else ()
        self.controller = self.spawn("controller", *inside, self.program, "-d", f"{self.dir}/net.yaml", "--run-dir", self.dir,
                                     "--listen", f"punix:{self.listen_path}", "--log-level", "debug", *args)
        until("the controller is up", lambda: self.can_call() or self.check(self.controller))

    def stop_controller(self, how=signal.SIGTERM):
        self.end(self.controller, how)

    def can_call(self):
        try:
            return self.call("version")
        except OSError:
            return None

    def call(self, method, *params):
        result = rpc(f"{self.dir}/trama-controller.ctl", method, list(params) if params else None)
        return json.loads(result) if isinstance(result, str) else result

    def wait(self):
        reply = self.call("net/wait", str(PATIENCE_S * 1000))
        assert reply["settled"], f"not settled: {reply['missing']}"

    def show(self, switch=None):
        state = self.call("net/show")
        return next(s for s in state["switches"] if s["name"] == switch) if switch else state

    def link_state(self, i=0):
        return self.show()["links"][i]["state"]

    def changes(self, document=None):
        """What a document would change: (switch, change, kind)."""
        params = ("new.yaml", document) if document else ()
        return [(s["switch"], c["change"], c["kind"]) for s in self.call("net/diff", *params)["switches"]
                for c in s["changes"]]

    # --- traffic ---
    def reached(self, sender, to, want, payload=None, source=None):
        """Sends one frame; whom it reached, and how often, as {host name: times}.  `want`: those that are waited for."""
        for h in self.hosts.values():
            for _ in h.heard():
                pass
        payload = payload or os.urandom(16).hex().encode()
        counts = collections.Counter()
        sender.send(to, payload, source)
        end = time.monotonic() + 5
        grace = None
        while time.monotonic() < (grace or end):
            with selectors.DefaultSelector() as ears:
                for h in self.hosts.values():
                    ears.register(h.listen(), selectors.EVENT_READ)
                ears.select(0.05)
            for h in self.hosts.values():
                counts[h.name] += sum(heard == payload for heard in h.heard())
            if not grace and all(counts[name] for name in want):
                grace = time.monotonic() + GRACE_S
        return {name: n for name, n in counts.items() if n}

    def expect(self, sender, to, want, source=None):
        """A frame reaches exactly `want` (host names), each once.  Open vSwitch answers a barrier before its caches follow:
        there it is only to come to pass."""
        if self.kind is OpenVSwitch and not source:
            self.comes_to_pass(sender, to, want)
            return
        got = self.reached(self.hosts[sender], self.hosts[to] if to in self.hosts else to, want, source=source)
        assert got == {name: 1 for name in want}, f"{sender} -> {to}: reached {got}, not {want}"

    def comes_to_pass(self, sender, to, want):
        """The same, some time: while tables change."""
        to = self.hosts[to] if to in self.hosts else to
        last = {}

        def try_it():
            last["got"] = self.reached(self.hosts[sender], to, want)
            return last["got"] == {name: 1 for name in want}
        until(f"{sender} reaches {want} ({last})", try_it, 20)

    # --- the end ---
    def tell_logs(self):
        for name in sorted(os.listdir(self.dir)):
            if name.endswith(".log"):
                with open(f"{self.dir}/{name}", encoding="utf-8", errors="replace") as f:
                    lines = f.readlines()[-15:]
                print(f"--- {name}\n{''.join(lines)}", end="")

    def close(self):
        atexit.unregister(self.close)
        for process in reversed(self.processes):
            try:
                self.end(process)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.relay:
            self.relay.close()
        for host in self.hosts.values():
            for ear in host.ears.values():
                ear.close()
        for netns in self.netns.values():
            subprocess.run(["ip", "netns", "del", netns], capture_output=True, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


class Stream:
    """Numbered frames from one host to another, about a thousand a second, until `end`, which gives how many were lost."""

    def __init__(self, sender, to):
        self.sender, self.to, self.n, self.seen = sender, to, 0, set()
        self.is_on = True
        sender.listen(ETHER_TYPE_STREAM)
        to.listen(ETHER_TYPE_STREAM)
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def hear(self):
        self.seen.update(int(p[2:]) for p in self.to.heard(ETHER_TYPE_STREAM) if p.startswith(b"n="))

    def work(self):
        while self.is_on:
            try:
                self.sender.send(self.to, b"n=%d" % self.n, ether_type=ETHER_TYPE_STREAM)
                self.hear()
            except OSError:  # the interface is gone for the moment: lost
                pass
            self.n += 1
            time.sleep(0.001)

    def end(self):
        self.is_on = False
        self.thread.join()

        def is_all_here():
            self.hear()
            return len(self.seen) == self.n
        try:
            until("the last frame comes", is_all_here, 2)
        except AssertionError:
            pass
        return self.n - len(self.seen)

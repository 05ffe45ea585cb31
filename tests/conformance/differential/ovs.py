# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch with dummy ports: frames are given by command and leave into capture files.  Everything of it, sockets,
database and processes, belongs to one directory."""
import json
import os
import signal
import socket
import struct
import subprocess
import time

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
VSWITCHD, DB_SERVER = "/usr/sbin/ovs-vswitchd", "/usr/sbin/ovsdb-server"
PATIENCE = 30


def is_installed():
    return all(os.path.exists(path) for path in (SCHEMA, VSWITCHD, DB_SERVER))


class Ovs:
    """With ports on one bridge: {number: what ovs-vsctl is to set of the port}."""

    def __init__(self, where, ports):
        self.where, self.ports, self.processes, self.control = where, ports, [], None
        self.env = dict(os.environ, OVS_RUNDIR=where, OVS_LOGDIR=where, OVS_DBDIR=where, OVS_SYSCONFDIR=where)
        self.read = {}

    def run(self, *args):
        return subprocess.run(args, env=self.env, check=True, capture_output=True, text=True).stdout

    def spawn(self, *args):
        with open(os.path.join(self.where, os.path.basename(args[0]) + ".out"), "w", encoding="utf-8") as log:
            self.processes.append(subprocess.Popen(args, env=self.env, stdout=log, stderr=log))

    def wait_for(self, path):
        end = time.monotonic() + PATIENCE
        while not os.path.exists(path):
            if time.monotonic() > end:
                raise TimeoutError(f"no {path}")
            time.sleep(0.01)

    def start(self):
        db = os.path.join(self.where, "db.sock")
        self.run("ovsdb-tool", "create", os.path.join(self.where, "conf.db"), SCHEMA)
        self.spawn(DB_SERVER, os.path.join(self.where, "conf.db"), f"--remote=punix:{db}", "--unixctl=" +
                   os.path.join(self.where, "db.ctl"))
        self.wait_for(db)
        self.run("ovs-vsctl", "--retry", "--timeout=30", "--no-wait", f"--db=unix:{db}", "init")
        self.spawn(VSWITCHD, "--enable-dummy=override", "--disable-system", "--disable-system-route",
                   "--unixctl=" + self.ctl, f"unix:{db}")
        args = ["ovs-vsctl", f"--db=unix:{db}", "--timeout=30", "set", "open_vswitch", ".", "other_config:vlan-limit=2", "--",
                "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "fail_mode=secure",
                "protocols=OpenFlow13", "other_config:disable-in-band=true"]
        for i, settings in self.ports.items():
            args += ["--", "add-port", "br0", f"p{i}", *settings, "--", "set", "interface", f"p{i}", "type=dummy",
                     f"ofport_request={i}", f"options:tx_pcap={self.pcap(i)}"]
        self.run(*args)
        self.wait_for(os.path.join(self.where, "br0.mgmt"))
        self.control = socket.socket(socket.AF_UNIX)
        self.control.settimeout(PATIENCE)
        self.control.connect(self.ctl)
        self.call("upcall/disable-megaflows")  # README.md

    @property
    def ctl(self):
        return os.path.join(self.where, "vswitchd.ctl")

    @property
    def mgmt(self):
        return "unix:" + os.path.join(self.where, "br0.mgmt")

    def pcap(self, port):
        return os.path.join(self.where, f"p{port}.pcap")

    def call(self, method, *params):
        """What ovs-appctl does, over one connection."""
        self.control.sendall(json.dumps({"id": 0, "method": method, "params": params}).encode())
        text = b""
        while True:
            piece = self.control.recv(1 << 20)
            if not piece:
                raise ConnectionResetError(f"{method}: no answer")
            text += piece
            try:
                reply = json.loads(text)
            except ValueError:
                continue
            assert not reply["error"], f"{method}: {reply['error']}"
            return reply["result"]

    def forget(self):
        """Has every frame meet the tables as they are now: the switch's barrier does not wait for its caches."""
        self.call("revalidator/purge")

    def give(self, port, frames):
        self.call("netdev-dummy/receive", f"p{port}", *[f.hex() for f in frames])

    def take(self, port):
        """What has left by the port since the last call."""
        frames = []
        with open(self.pcap(port), "rb") as f:
            f.seek(self.read.get(port, 24))
            while True:
                head = f.read(16)
                if len(head) < 16:
                    break
                length = struct.unpack("=IIII", head)[2]
                frame = f.read(length)
                if len(frame) < length:
                    break
                frames.append(frame)
                self.read[port] = f.tell()
        return frames

    def has_died(self):
        """Told soon after it does not answer: its end takes a moment."""
        try:
            return self.processes[-1].wait(1) is not None
        except subprocess.TimeoutExpired:
            return False

    def last_words(self):
        with open(os.path.join(self.where, "ovs-vswitchd.out"), encoding="utf-8", errors="replace") as f:
            return f.read()[-400:]

    def stop(self):
        if self.control:
            self.control.close()
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(PATIENCE)

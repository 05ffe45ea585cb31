# SPDX-License-Identifier: Apache-2.0
"""A trama-switchd of the test's own, with ports that the test holds in its hands, and sessions to it.

    TRAMA_SWITCHD names the binary.  Nothing needs root but ports other than `test`."""
import atexit
import glob
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from support import wire

PATIENCE = 20  # seconds until something that must come is given up; nothing is measured by it
MACS = {}


class Switch:
    """with Switch({"p1": 1, "p2": 2}) as sw: ..."""

    def __init__(self, ports, extra="", bridge=""):
        self.dir = tempfile.mkdtemp(prefix="trama-conf-")
        self.ports = ports
        lines = [f"run_dir: {self.dir}", "dpdk: {hugepages: off}", "bridges:", "  br0:", "    datapath_id: 0x1122334455667788"]
        lines += [bridge] if bridge else []
        lines += ["    ports:"] + [f"      {name}: {{type: test, ofport: {number}}}" for name, number in ports.items()]
        lines += [extra] if extra else []
        self.file = os.path.join(self.dir, "sw.yaml")
        with open(self.file, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        self.log = os.path.join(self.dir, "log")
        self.process = None
        atexit.register(self.stop)

    def start(self):
        pid = os.path.join(self.dir, "pid")
        command = [os.environ["TRAMA_SWITCHD"], "-c", self.file, "--test", "--daemon", "--pidfile", pid, "--log", self.log]
        env = dict(os.environ)
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):  # a daemon's stderr is nowhere
            env[name] = ":".join(filter(None, (env.get(name), f"log_path={self.dir}/sanitizer")))
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
        assert done.returncode == 0, done.stderr
        with open(pid, encoding="utf-8") as f:
            self.process = int(f.read())
        return self

    def stop(self):
        """Ends the daemon; fails when it did not end by itself, or a sanitizer complained."""
        if self.process:
            assert self.is_alive(), "the switch has died:\n" + self.log_text()
            self.call("exit")
            until(lambda: not self.is_alive(), "the switch does not end")
            self.process = None
        if os.path.isdir(self.dir):
            found = [pathlib.Path(p).read_text(errors="replace") for p in glob.glob(os.path.join(self.dir, "sanitizer.*"))]
            shutil.rmtree(self.dir)
            assert not found, found[0]

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    def is_alive(self):
        try:
            with open(f"/proc/{self.process}/stat", encoding="utf-8") as f:
                return f.read().rpartition(")")[2].split()[0] not in "ZX"
        except FileNotFoundError:
            return False

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def rss_kb(self):
        with open(f"/proc/{self.process}/status", encoding="utf-8") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def memory_kb(self, kb):
        """A bound of memory; AddressSanitizer keeps what was freed for a while."""
        with open(f"/proc/{self.process}/maps", encoding="utf-8") as f:
            return kb + (512 << 10 if "libasan" in f.read() else 0)

    @property
    def mgmt(self):
        return os.path.join(self.dir, "br0.mgmt")

    def call(self, method, *params):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(os.path.join(self.dir, "trama-switchd.ctl"))
            s.sendall(json.dumps({"method": method, "params": [str(p) for p in params], "id": 0}).encode())
            text = b""
            while True:
                piece = s.recv(1 << 16)
                assert piece, f"{method}: no answer, {text}"
                text += piece
                try:
                    reply = json.loads(text)
                except ValueError:
                    continue
                assert not reply["error"], f"{method}: {reply['error']}"
                result = reply["result"]
                return json.loads(result) if isinstance(result, str) and result[:1] in ("{", "[") else result

    def frames(self):
        return sum(w["frames"] for w in self.call("stats")["workers"])

    def give(self, port, frame):
        """A frame comes in; it has met the flows when this returns."""
        before = self.frames()
        self.call("testport/give", port, frame.hex())
        until(lambda: self.frames() > before, f"port {port}: the frame is not taken")

    def take(self, port):
        """The frames that left by a port."""
        return [bytes.fromhex(x) for x in self.call("testport/take", port)]

    def take_some(self, port, n):
        """Exactly n frames, waiting for them."""
        out = []

        def has_all():
            out.extend(self.take(port))
            return len(out) >= n
        until(has_all, f"port {port}: {n} frames do not come")
        assert len(out) == n, f"port {port}: {len(out)} frames instead of {n}"
        return out

    def warp(self, seconds):
        self.call("clock/warp", int(seconds * 1000))

    def session(self, **options):
        return Session(self.mgmt, **options)


def until(condition, what, patience=PATIENCE):
    end = time.monotonic() + patience
    wait = 0.0005
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(wait)
        wait = min(wait * 2, 0.05)


class Session:
    """One OpenFlow connection."""

    def __init__(self, to, greet=True, hears=False):
        """`to`: the path of the switch's socket, or a connection that the switch has made."""
        self.socket = socket.socket(socket.AF_UNIX) if isinstance(to, str) else to
        if isinstance(to, str):
            self.socket.connect(to)  # waits for its turn
        self.socket.settimeout(PATIENCE)
        self.data = b""
        self.xid = 100
        self.late = []  # asynchronous messages that came before an answer
        if greet:
            self.send(wire.hello())
            assert wire.header(self.read())["type"] == wire.HELLO
        if hears:
            self.send(wire.set_config())
            self.barrier()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        """The next message, or b"" when the connection has ended; that we live is answered on the way."""
        end = time.monotonic() + PATIENCE
        while True:
            got = self.read_one()
            assert time.monotonic() < end, "nothing comes but echo requests"
            if got[1:2] != bytes([wire.ECHO_REQUEST]):
                return got
            self.send(got[:1] + bytes([wire.ECHO_REPLY]) + got[2:])

    def read_one(self):
        while True:
            if len(self.data) >= 8:
                length = wire.header(self.data)["length"]
                if len(self.data) >= length:
                    out, self.data = self.data[:length], self.data[length:]
                    return out
            try:
                piece = self.socket.recv(1 << 20)
            except ConnectionResetError:
                piece = b""
            if not piece:
                assert not self.data, self.data
                return b""
            self.data += piece

    def say(self, data):
        """Sends a message under a fresh xid, which it returns."""
        self.xid += 1
        self.send(data[:4] + self.xid.to_bytes(4, "big") + data[8:])
        return self.xid

    def answers(self, data):
        """Every answer to a message, found by a barrier behind it; what else comes is kept in `late`."""
        xid = self.say(data)
        end = self.say(wire.message(wire.BARRIER_REQUEST))
        out = []
        while True:
            got = self.read()
            assert got, "the switch has hung up"
            head = wire.header(got)
            if head["type"] == wire.BARRIER_REPLY and head["xid"] == end:
                return out
            if head["xid"] == xid:
                out.append(got)
            else:
                assert head["xid"] == 0, got.hex()
                self.late.append(got)

    def ask(self, data, kind):
        """The one answer to a message."""
        out = self.answers(data)
        assert len(out) == 1, [wire.header(x) for x in out]
        assert out[0][1] == kind, f"type {out[0][1]} instead of {kind}: {out[0].hex()}"
        return out[0]

    def barrier(self):
        assert not self.answers(wire.message(wire.ECHO_REPLY))

    def do(self, *messages):
        """Each must be taken without a word."""
        for data in messages:
            out = self.answers(data)
            assert not out, f"refused with {wire.read_error(out[0])[:2]}: {data.hex()}"

    def refusal(self, data):
        """-> (type, code); the error must carry the xid and the first bytes of the message."""
        got = self.ask(data, wire.ERROR)
        kind, code, echo = wire.read_error(got)
        sent = data[:4] + wire.header(got)["xid"].to_bytes(4, "big") + data[8:]
        assert echo == sent[:len(echo)] and len(echo) >= min(64, len(data)), (echo.hex(), sent.hex())
        return kind, code

    def parts(self, data):
        """The body of a multipart reply, put together."""
        out = self.answers(data)
        assert out and all(x[1] == wire.MULTIPART_REPLY for x in out), [x.hex() for x in out]
        assert all(x[8:10] == data[8:10] for x in out), "the type of a part is another"
        assert [x[11] for x in out] == [1] * (len(out) - 1) + [0], "flag MORE"
        return b"".join(x[16:] for x in out)

    def flows(self, **query):
        return wire.read_flows(self.parts(wire.flow_request(**query)))

    def next_async(self, kind):
        """The next asynchronous message, which must be of that type."""
        got = self.late.pop(0) if self.late else self.read()
        assert got and got[1] == kind, f"type {got[1:2].hex()} instead of {kind}: {got.hex()}"
        assert wire.header(got)["xid"] == 0
        return got

    def silence(self):
        """Nothing came on its own."""
        self.barrier()
        assert not self.late, [x.hex() for x in self.late]


class SwitchTest(unittest.TestCase):
    """One switch for a class of tests; every test begins without flows and with a session that hears everything."""
    PORTS = {"p1": 11, "p2": 22, "p3": 33}
    EXTRA = BRIDGE = ""

    @classmethod
    def setUpClass(cls):
        cls.sw = Switch(cls.PORTS, cls.EXTRA, cls.BRIDGE).start()

    @classmethod
    def tearDownClass(cls):
        cls.sw.stop()

    def setUp(self):
        self.c = self.sw.session(hears=True)
        self.c.do(wire.flow_mod(command=wire.DELETE, table=wire.ALL_TABLES))
        self.c.late.clear()

    def tearDown(self):
        self.c.close()
        for port in self.PORTS:
            self.sw.take(port)

    def refused(self, data, kind, code, name=""):
        with self.subTest(name or data[:64].hex()):
            before = self.state()
            self.assertEqual(self.c.refusal(data), (kind, code))
            self.assertEqual(self.state(), before, "a refused message has changed something")

    def state(self):
        """What no refused message may change."""
        flows = [{k: v for k, v in f.items() if k not in ("seconds", "nanoseconds")} for f in self.c.flows()]
        ports = [wire.read_port(x) for x in wire.each(self.c.parts(wire.multipart(wire.MP_PORT_DESC)), 64, bytes)]
        return flows, ports, self.c.ask(wire.message(wire.GET_CONFIG_REQUEST), wire.GET_CONFIG_REPLY)[8:]


class ControlledTest(SwitchTest):
    """The switch connects to a controller, which is whoever accepts at `door`."""
    SETTINGS = '    controllers: ["%s"]'

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="trama-conf-")
        path = os.path.join(cls.dir, "controller")
        cls.door = socket.socket(socket.AF_UNIX)
        cls.door.bind(path)
        cls.door.listen()
        cls.door.settimeout(PATIENCE)
        cls.BRIDGE = cls.SETTINGS % f"unix:{path}"
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.door.close()
        shutil.rmtree(cls.dir)

    def accept(self):
        return Session(self.door.accept()[0])


def run():
    """What a test file ends with: its classes, by unittest."""
    assert "TRAMA_SWITCHD" in os.environ, "TRAMA_SWITCHD must name the binary"
    unittest.main(verbosity=1)

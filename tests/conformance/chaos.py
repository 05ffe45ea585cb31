#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ten controllers at once, killed and restarted at random: six that claim roles and change flows, two ovs-ofctl that watch,
trama-controller and an os-ken application.  At the end: no descriptor and no memory is lost, the flows are those that were
taken, and every role was as OpenFlow 1.3.5, 6.3.6 says.  TRAMA_SEED repeats the choices.
    CHAOS_SECONDS=600 chaos.py SWITCHD CONTROLLER          by hand; 20 seconds without
Theory.  Each controller of ours is a process that writes down what it says before it says it, and what it hears.  A life of it
has flows of its own (its number is their eth_src), so that what an earlier life has left in a socket cannot mix with them.
Nobody knows the order in which the switch took messages of two connections at the same time: what is asked is that there is
one that explains everything, and only what was certain by the clock is demanded."""
import bisect
import json
import mmap
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter

from support import wire
from support.switch import PATIENCE, Switch, until
from support.wire import flow_mod, match

SECONDS = float(os.environ.get("CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("TRAMA_SEED", time.time_ns() & 0xffffff))
NOCHANGE, EQUAL, MASTER, SLAVE = range(4)
STALE, IS_SLAVE = [wire.ROLE_REQUEST_FAILED, 0], [wire.BAD_REQUEST, 10]
FIRST_TABLE, N_RAW, FLOWS, APP_TABLE = 100, 6, 150, 120
DATAPATH, PREFIX = 0x1122334455667788, 0x7472616d  # of the cookies of trama-controller's flows
GROWTH_KB = 8192
LATE = 10  # seconds: what was said and not answered is done by then
NET = f"""networks:
  one: {{vlan: 10, subnet: 10.98.10.0/24}}
switches:
  s1: {{datapath_id: {DATAPATH:#x}}}
hosts:
  p1: {{network: one, switch: s1, address: 10.98.10.1}}
  p2: {{network: one, switch: s1, address: 10.98.10.2}}
"""
APP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chaos_app.py")
OSKEN = "/usr/bin/osken-manager"


def newest_by(timed):
    """-> a function: the largest of the values until a time, -1 for none."""
    times, values, best = [], [], -1
    for t, value in sorted(timed):
        best = max(best, value)
        times.append(t)
        values.append(best)
    return lambda t: values[k - 1] if (k := bisect.bisect_left(times, t)) else -1


class Raw:
    """One life of a controller of ours, in a process of its own."""

    def __init__(self, sw, number, life, log, newest):
        self.number, self.life, self.newest = number, life, newest
        self.random = random.Random(f"{SEED} {number} {life}")
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.s, self.n = sw.session(hears=self.random.random() < 0.5), 0

    def write(self, **what):
        os.write(self.log, (json.dumps({"life": self.life, "t": time.monotonic(), **what}) + "\n").encode())

    def claim(self):
        newest = struct.unpack("!Q", self.newest[:8])[0]
        role = self.random.choice((EQUAL, MASTER, MASTER, SLAVE))
        generation = max(0, newest + self.random.choice((-3, -1, 0, 0, 1, 2)))
        self.newest[:8] = struct.pack("!Q", max(newest, generation))  # about that: others write, too
        self.write(say="claim", role=role, generation=generation)
        [got] = self.s.answers(wire.role_request(role, generation))
        self.write(heard="claim", code=list(wire.read_error(got)[:2]) if got[1] == wire.ERROR else None,
                   role=struct.unpack_from("!I", got, 8)[0])

    def change(self, mods, data):
        self.write(say="flows", mods=mods)
        first = self.s.xid + 1
        sent = [m[:4] + (first + i).to_bytes(4, "big") + m[8:] for i, m in enumerate(data)]
        self.s.xid += len(sent)
        self.s.send(b"".join(sent))
        codes = [None] * len(sent)
        end = self.s.say(wire.message(wire.BARRIER_REQUEST))
        while True:
            got = self.s.read()
            xid = wire.header(got)["xid"]
            if xid == end:
                break
            if xid:
                assert got[1] == wire.ERROR, got.hex()
                codes[xid - first] = list(wire.read_error(got)[:2])
        self.write(heard="flows", codes=codes)

    def changes(self):
        table, fields = FIRST_TABLE + self.number, match(eth_src=self.life)
        mods, data = [], []
        for _ in range(self.random.randrange(1, 20)):
            self.n += 1
            kind, priority = self.random.choice(("add", "add", "del")), self.random.randrange(1, FLOWS)
            mods.append([kind, priority, self.n])
            data.append(flow_mod(table=table, priority=priority, cookie=self.n, match=fields) if kind == "add" else
                        flow_mod(table=table, priority=priority, match=fields, command=wire.DELETE_STRICT))
        self.change(mods, data)

    def run(self):
        table, old = FIRST_TABLE + self.number, self.life - 2
        if old >= 0:
            self.change([["forget", old, 0]], [flow_mod(table=table, match=match(eth_src=old), command=wire.DELETE)])
        while True:
            self.random.choices((self.claim, self.changes, lambda: self.s.flows(table=table)), (3, 10, 1))[0]()
            self.s.late.clear()


class Member:
    """Whoever is killed and restarted."""

    def __init__(self, name, weight, start):
        self.name, self.weight, self.start, self.pid, self.life = name, weight, start, None, 0

    def live(self):
        self.pid = self.start(self.life)
        self.life += 1

    def kill(self, how):
        os.kill(self.pid, how)
        os.waitpid(self.pid, 0)
        self.pid = None


class Chaos:
    def __init__(self, switchd, controller):
        os.environ["TRAMA_SWITCHD"] = switchd
        self.dir, self.controller = None, controller
        self.random, self.newest = random.Random(SEED), mmap.mmap(-1, 4096)
        self.kills = Counter()

    def log(self, name):
        return os.path.join(self.sw.dir, name + ".jsonl")

    def raw(self, number):
        def start(life):
            pid = os.fork()
            if pid:
                return pid
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            code = 1
            try:
                Raw(self.sw, number, life, self.log(f"raw{number}"), self.newest).run()
            except BaseException as e:  # whatever it is, the parent is told
                with open(os.path.join(self.sw.dir, "failed"), "a", encoding="utf-8") as f:
                    f.write(f"raw{number}, life {life}: {e!r}\n")
            finally:
                os._exit(code)
        return start

    def program(self, *command, **env):
        def start(life):
            out = open(os.path.join(self.sw.dir, "programs.out"), "ab")
            more = {k: v(life) if callable(v) else v for k, v in env.items()}
            pid = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=dict(os.environ, **more))
            out.close()
            pid.returncode = 0  # waited for by its number
            return pid.pid
        return start

    def members(self):
        at = self.sw.dir
        out = [Member(f"raw{i}", 8, self.raw(i)) for i in range(N_RAW)]
        watch = ["ovs-ofctl", "-O", "OpenFlow13", "monitor", self.sw.mgmt, "65534", "watch:"]
        if shutil.which("ovs-ofctl"):
            out += [Member(f"ovs-ofctl{i}", 3, self.program(*watch, OVS_RUNDIR=at)) for i in range(2)]
        out.append(Member("trama-controller", 3, self.program(self.controller, "-d", os.path.join(at, "net.yaml"), "--run-dir", at,
                                                              "--listen", "punix:" + os.path.join(at, "ours"))))
        if os.path.exists(OSKEN):
            out.append(Member("os-ken", 1, self.program("/usr/bin/python3", OSKEN, "--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port",
                                                        str(self.port), APP, CHAOS_LOG=self.log("app"), CHAOS_LIFE=lambda life: str(life + 1))))
        return out

    def fds(self):
        return len(os.listdir(f"/proc/{self.sw.process}/fd"))

    def run(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.sw = Switch({"p1": 1, "p2": 2})
        with open(self.sw.file, "r+", encoding="utf-8") as f:
            text = f.read().replace("    ports:", f'    controllers: ["unix:{self.sw.dir}/ours", "tcp:127.0.0.1:{self.port}"]\n    ports:')
            f.seek(0)
            f.write(text)
        with open(os.path.join(self.sw.dir, "net.yaml"), "w", encoding="utf-8") as f:
            f.write(NET)
        self.sw.start()
        members = []
        try:
            before = self.fds()
            members = self.members()
            self.storm(members)
            self.settle(members)
            for m in members:
                m.kill(signal.SIGTERM)
            until(lambda: self.fds() <= before, f"{self.fds()} descriptors instead of {before}", 3 * PATIENCE)
            self.judge()
            print(f"descriptors: {before} before, {self.fds()} after; resident: {self.rss[0]} KiB after a quarter of the time, {self.rss[1]} KiB at "
                  f"the end; messages: {self.sw.call('switch/show')['bridges'][0]['messages_in']}")
            assert self.rss[1] - self.rss[0] <= self.sw.memory_kb(GROWTH_KB), self.rss
        finally:
            for m in members:
                if m.pid:
                    m.kill(signal.SIGKILL)
            self.sw.stop()

    def storm(self, members):
        begin, quarter = time.monotonic(), None
        for m in members:
            m.live()
        while time.monotonic() < begin + SECONDS:
            time.sleep(self.random.uniform(0.02, 0.4))  # the storm's own pace; nothing is waited for
            m = self.random.choices(members, [m.weight for m in members])[0]
            how = self.random.choice((signal.SIGTERM, signal.SIGKILL))
            m.kill(how)
            self.kills[m.name.rstrip("0123456789"), how.name] += 1
            m.live()
            if quarter is None and time.monotonic() > begin + SECONDS / 4:
                quarter = self.sw.rss_kb()
        self.rss = quarter or self.sw.rss_kb(), self.sw.rss_kb()

    def settle(self, members):
        """Everybody is there once more: each has said something in its last life."""
        def has_spoken(m):
            if m.name == "trama-controller":
                with self.sw.session() as s:
                    return any(f["cookie"] >> 32 == PREFIX for f in s.flows())
            name = "app" if m.name == "os-ken" else m.name
            life = m.life if m.name == "os-ken" else m.life - 1
            return m.name.startswith("ovs") or any(e["life"] == life and e.get("heard") == "flows" for e in self.events(name))
        for m in members:
            until(lambda m=m: has_spoken(m), f"{m.name} does not come back", 6 * PATIENCE)

    def events(self, name):
        try:
            with open(self.log(name), encoding="utf-8") as f:
                return [json.loads(line) for line in f if line.endswith("}\n")]
        except FileNotFoundError:
            return []

    # --- judgement ---

    def pairs(self, name):
        """(what was said, what was heard or None), in order."""
        out = []
        for e in self.events(name):
            if "say" in e:
                out.append([e, None])
            elif out and out[-1][0]["life"] == e["life"] and out[-1][0]["say"] == e["heard"]:
                out[-1][1] = e
        return out

    def judge(self):
        failed = os.path.join(self.sw.dir, "failed")
        if os.path.exists(failed):
            with open(failed, encoding="utf-8") as f:
                raise AssertionError(f.read())
        said = {f"raw{i}": self.pairs(f"raw{i}") for i in range(N_RAW)}
        claims = [(name, say, heard) for name, pairs in said.items() for say, heard in pairs if say["say"] == "claim"]
        self.judge_generations(claims)
        for name, pairs in said.items():
            self.judge_roles(name, pairs, claims)
        with self.sw.session() as s:
            flows = s.flows()
        regions = {FIRST_TABLE + i: said[f"raw{i}"] for i in range(N_RAW)}
        regions[APP_TABLE] = self.pairs("app")
        self.judge_flows(flows, regions)
        codes = Counter("refused" if c else "taken" for pairs in regions.values() for _, h in pairs if h and h["heard"] == "flows" for c in h["codes"])
        print(f"TRAMA_SEED={SEED}, {SECONDS:g} s; killed: {dict(sorted((' '.join(k), n) for k, n in self.kills.items()))}; claims: {len(claims)}, of them stale: "
              f"{sum(1 for _, _, h in claims if h and h['code'])}; flow-mods: {dict(codes)}; flows at the end: {len(flows)}")

    @staticmethod
    def judge_generations(claims):
        """A claim is stale if, and only if, a newer generation came before it."""
        timed = [(say, heard) for _, say, heard in claims if say["role"] != EQUAL]
        taken = [(s, h) for s, h in timed if not h or not h["code"]]
        certain = newest_by((h["t"], s["generation"]) for s, h in taken if h)  # was there by then
        possible = newest_by((s["t"], s["generation"]) for s, _ in taken)  # may have been
        for say, heard in timed:
            if heard and not heard["code"]:
                assert certain(say["t"]) <= say["generation"], ("an old generation was taken", say, heard)
                assert heard["role"] == say["role"], (say, heard)
            elif heard:
                assert heard["code"] == STALE, heard
                assert possible(heard["t"]) > say["generation"], ("stale without reason", say, heard)

    @staticmethod
    def judge_roles(name, pairs, claims):
        """Who is a slave is refused, and nobody else."""
        masters = sorted((s["t"], h["t"] if h else s["t"] + LATE, bool(h), n, s["life"]) for n, s, h in claims
                         if s["role"] == MASTER and not (h and h["code"]))
        longest = max((end - begin for begin, end, *_ in masters), default=0)
        role, mine, life = EQUAL, None, None
        for say, heard in pairs:
            if say["life"] != life:
                role, mine, life = EQUAL, None, say["life"]
            if not heard:
                continue
            if say["say"] == "claim":
                if not heard["code"]:
                    role, mine = say["role"], (say["t"], heard["t"])
                continue
            is_possible = is_certain = role == SLAVE
            for k in range(bisect.bisect(masters, (mine[0] - longest,)) if role == MASTER else len(masters), len(masters)):
                begin, end, is_answered, n, other = masters[k]
                if begin > heard["t"] or is_certain:
                    break
                if (n, other) != (name, life) and end >= mine[0]:
                    is_possible = True
                    is_certain = is_answered and begin > mine[1] and end < say["t"]
            refused = [code for code in heard["codes"] if code]
            assert all(code == IS_SLAVE for code in refused), (name, say, heard)
            assert not refused or is_possible, ("refused, and no slave", name, say, heard)
            assert not is_certain or len(refused) == len(heard["codes"]), ("a slave was obeyed", name, say, heard)

    @staticmethod
    def judge_flows(flows, regions):
        """Each flow that was taken is there, and none else; of what was not answered both is right."""
        there = {}
        for f in flows:
            if f["table"] in regions:
                there[f["table"], f["match"]["eth_src"], f["priority"]] = f["cookie"]
            else:
                assert f["cookie"] >> 32 == PREFIX, ("whose is this?", f)
        for table, pairs in regions.items():
            may = {}  # (life, priority) -> the cookies that may be there, None for no flow
            for say, heard in pairs:
                if say["say"] != "flows":
                    continue
                for i, (kind, what, cookie) in enumerate(say["mods"]):
                    keys = [k for k in may if k[0] == what] if kind == "forget" else [(say["life"], what)]
                    for key in keys:
                        after = cookie if kind == "add" else None
                        if heard and not heard["codes"][i]:
                            may[key] = {after}
                        elif not heard:
                            may[key] = may.get(key, {None}) | {after}
            for (life, priority), cookies in may.items():
                got = there.pop((table, life, priority), None)
                assert got in cookies, (f"table {table}, life {life}, priority {priority}: {got} instead of one of {cookies}")
        assert not there, ("flows that nobody has added", list(there.items())[:10])


if __name__ == "__main__":
    Chaos(*sys.argv[1:]).run()

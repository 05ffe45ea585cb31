#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Translation by trama-switchd beside that of the kernel (nf_nat, in a namespace that routes): each frame of random traces, sound and
hostile, must leave both with the same addresses, inner ones of ICMP errors included, or neither; ports may be chosen differently.

    kernel.py [--seed N] [--traces N] [--keep-going]
    TRAMA_SWITCHD names the binary.

Many traces go on at once, one frame of each at a time; a datagram behind them says that all are through.  What is explained is in
JUDGED, with its reason, and counted.   Exit status 77: needs root, or nft."""
import argparse
import collections
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from differential.tracked import ACK, FIN, PSH, RST, SYN, icmp, pseudo, tcp, total, udp  # noqa: E402

OUTER, FORWARDED, WEB = [192, 0, 2, 1], 8080, [10, 3, 0, 80]
MAC = {"in": "020000000001", "out": "020000000002", "sw-in": "0200000000a1", "sw-out": "0200000000a2"}
AT_ONCE, PATIENCE = 250, 20
IN, OUT = 0, 1
NFT = """table ip nat {
    chain out { type nat hook postrouting priority 100
        oifname "ko" snat to 192.0.2.1
    }
    chain in { type nat hook prerouting priority -100
        iifname "ko" ip daddr 192.0.2.1 tcp dport 8080 dnat to 10.3.0.80:80
    }
}
table ip filter {
    chain through { type filter hook forward priority 0
        ct state invalid drop
        iifname "ko" oifname "ko" drop
        iifname "ko" ct state new ct status & dnat != dnat drop
    }
    chain own { type filter hook output priority 0
        drop
    }
}
"""
# As the kernel: a connection begins behind routing, which drops a frame of TTL 1.
FLOWS = f"""table=0,ip,in_port=1,actions=ct(table=1,zone=1,nat)
table=0,ip,in_port=2,actions=ct(table=2,zone=1,nat)
table=1,priority=9,ct_state=+trk+new-inv,ip,actions=dec_ttl,ct(commit,zone=1,nat(src=192.0.2.1),table=5)
table=1,priority=1,ct_state=+trk-inv,ip,actions=resubmit(,3)
table=2,priority=9,ct_state=+trk+new-inv,tcp,nw_dst=192.0.2.1,tp_dst={FORWARDED},actions=dec_ttl,ct(commit,zone=1,nat(dst=10.3.0.80:80),table=6)
table=2,priority=8,ct_state=+trk+new+dnat-inv,ip,actions=resubmit(,4)
table=2,priority=5,ct_state=+trk+new,ip,actions=drop
table=2,priority=1,ct_state=+trk-inv,ip,actions=resubmit(,4)
table=3,ip,actions=dec_ttl,resubmit(,5)
table=4,ip,actions=dec_ttl,resubmit(,6)
table=5,ip,actions=mod_dl_src:02:00:00:00:00:a2,mod_dl_dst:02:00:00:00:00:02,output:2
table=6,ip,actions=mod_dl_src:02:00:00:00:00:a1,mod_dl_dst:02:00:00:00:00:01,output:1
"""


def run(*args, **more):
    return subprocess.run(args, check=True, capture_output=True, text=True, timeout=PATIENCE, **more).stdout


class Box:
    """One translator between two interfaces, whose other ends the test holds."""

    def __init__(self, tag):
        self.tag, self.ns, self.sockets = tag, f"nat{tag}{os.getpid()}", []
        run("ip", "netns", "add", self.ns)
        for side, inner in (("in", f"{tag}i"), ("out", f"{tag}o")):
            end = f"{tag}{side}{os.getpid() % 100000}"
            run("ip", "link", "add", end, "type", "veth", "peer", "name", inner, "netns", self.ns)
            for args in ((), ("-n", self.ns)):
                name = inner if args else end
                where = ["ip", "netns", "exec", self.ns] if args else []
                run(*where, "sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1")
                run(*where, "ethtool", "-K", name, "tx", "off", "rx", "off", "gro", "off", "gso", "off", "tso", "off")
            run("ip", "link", "set", end, "address", ":".join(MAC[side][i:i + 2] for i in range(0, 12, 2)), "up")
            run("ip", "-n", self.ns, "link", "set", inner, "address", ":".join(MAC["sw-" + side][i:i + 2] for i in range(0, 12, 2)), "up")
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE if hasattr(socket, "SO_RCVBUFFORCE") else 33, 1 << 26)
            s.bind((end, 0x0800))
            s.setblocking(False)
            self.sockets.append(s)

    def send(self, side, packet):
        head = bytes.fromhex(MAC["sw-in" if side == IN else "sw-out"] + MAC["in" if side == IN else "out"]) + b"\x08\0"
        f = head + packet
        self.sockets[side].send(f + bytes(max(0, 60 - len(f))))

    def receive(self):
        """(side, packet) of what has left."""
        for side, s in enumerate(self.sockets):
            while True:
                try:
                    data, at = s.recvfrom(4096)
                except BlockingIOError:
                    break
                if at[2] != socket.PACKET_OUTGOING:
                    yield side, data[14:14 + struct.unpack(">H", data[16:18])[0]]

    def close(self):
        for s in self.sockets:
            s.close()
        run("ip", "netns", "del", self.ns)


class Kernel(Box):
    def __init__(self):
        super().__init__("k")
        inside = ("ip", "netns", "exec", self.ns)
        run(*inside, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; for f in all default ki ko; do echo 0 > /proc/sys/net/ipv4/conf/$f/rp_filter; done")
        run(*inside, "nft", "-f", "-", input=NFT)
        run(*inside, "sh", "-c", "echo 1 > /proc/sys/net/netfilter/nf_conntrack_checksum; echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal; "
                                 "echo 262144 > /proc/sys/net/netfilter/nf_conntrack_max 2>/dev/null || true")
        for dev, gateway, mac, route in (("ki", "10.255.255.1", MAC["in"], "10.0.0.0/8"), ("ko", "172.31.255.1", MAC["out"], "default")):
            run("ip", "-n", self.ns, "addr", "add", gateway[:-1] + "254/32", "dev", dev)
            run("ip", "-n", self.ns, "route", "add", gateway, "dev", dev)
            run("ip", "-n", self.ns, "neigh", "add", gateway, "lladdr", ":".join(mac[i:i + 2] for i in range(0, 12, 2)), "dev", dev, "nud", "permanent")
            run("ip", "-n", self.ns, "route", "add", route, "via", gateway, "dev", dev)


class Trama(Box):
    def __init__(self):
        super().__init__("t")
        self.dir = tempfile.mkdtemp(prefix="trama-nat-")
        with open(f"{self.dir}/sw.yaml", "w", encoding="utf-8") as f:
            f.write(f"run_dir: {self.dir}\ndpdk: {{hugepages: off, mbufs: 16384}}\nbridges:\n  br0:\n    ports:\n"
                    "      ti: {type: netdev, ofport: 1}\n      to: {type: netdev, ofport: 2}\n")
        with open(f"{self.dir}/log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(["ip", "netns", "exec", self.ns, os.environ["TRAMA_SWITCHD"], "-c", f"{self.dir}/sw.yaml"], stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while not os.path.exists(f"{self.dir}/br0.mgmt"):
            assert self.process.poll() is None and time.monotonic() < end, open(f"{self.dir}/log", encoding="utf-8").read()
            time.sleep(0.01)
        run("ovs-ofctl", "-O", "OpenFlow13", "add-flows", f"{self.dir}/br0.mgmt", "-", input=FLOWS)

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        super().close()
        shutil.rmtree(self.dir)


# --- traces ---

WHOLE, SHUFFLED, HOLED, OVERLAPPED = range(4)


def fragments(packet, sizes, ident, kind, r):
    """The packet in pieces; of a kind."""
    body, pieces, at = packet[20:], [], 0
    for size in [*sizes, None]:
        part = body[at:] if size is None else body[at:at + size]
        pieces.append((at, part, size is not None))
        at += len(part)
    if kind == SHUFFLED:
        r.shuffle(pieces)
    out = []
    for start, part, more in pieces:
        h = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(part), ident, (0x2000 if more else 0) | start // 8, 64, packet[9], 0) + packet[12:20]
        out.append(h[:10] + struct.pack(">H", total(h)) + h[12:] + part)
    if kind == HOLED:
        out.pop(1)
    if kind == OVERLAPPED: # RFC 5722, RFC 1858
        start, part, more = pieces[0]
        h = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(part), ident, 0x2001, 64, packet[9], 0) + packet[12:20]
        out.insert(1, h[:10] + struct.pack(">H", total(h)) + h[12:] + bytes(len(part)))
    return out


class Trace:
    """A host inside and one outside.  What it sends is told by (side, function of the outer port that a translator has chosen)."""

    def __init__(self, r, number):
        self.r, self.number = r, number
        self.low = [number >> 8 & 255, number & 255]
        self.remote, self.far, self.near = [203, 0, *self.low], [100, 64, *self.low], [10, 128, *self.low]
        self.kind = r.choice(["tcp"] * 5 + ["udp"] * 3 + ["icmp"] * 2 + ["forward"])
        self.host = WEB if self.kind == "forward" else [10, 0, *self.low]
        self.port, self.rport = r.randrange(1024, 65000), r.choice([80, 443, 7777])
        if self.kind == "forward":
            self.port, self.rport = 80, r.randrange(1024, 65000)
        self.ident = r.randrange(1, 65535)
        self.seq = [r.randrange(1 << 32), r.randrange(1 << 32)] # of the host inside, of the one outside
        self.opened = [False, False]
        self.n, self.history = 0, []
        self.last = [None, None] # what came out at each side last, by translator: dict

    def ends(self, who, outer):
        """(src, sport, dst, dport) of what the inner (0) or the outer host (1) sends."""
        if who == 0:
            return self.host, self.port, self.remote, self.rport
        return self.remote, self.rport, OUTER, FORWARDED if self.kind == "forward" else outer

    def next(self):
        """(side, [outer, last -> packets])"""
        out = self.choose()
        self.history.append(f"{'<' if out[0] else '>'}{self.what}")
        return out

    def choose(self):
        r, first = self.r, 1 if self.kind == "forward" else 0
        self.n += 1
        self.what = "sound"
        who = first if not self.opened[first] else r.randrange(2)
        if self.n > 2 and r.randrange(8) == 0:
            return self.error(r.randrange(2))
        before = list(self.seq), list(self.opened)
        make = {"tcp": self.tcp, "forward": self.tcp, "udp": self.udp, "icmp": self.icmp}[self.kind](who)
        ttl = 1 if r.randrange(30) == 0 and (self.kind in ("udp", "icmp") or all(self.opened)) else 64 # else it is taken up in its midst
        cut = r.randrange(4) if r.randrange(10) == 0 else None
        if cut in (HOLED, OVERLAPPED): # it does not arrive, or it is whole
            self.seq, self.opened = before
        sizes, ident = [8 * r.randrange(1, 4) for _ in range(r.randrange(1, 3))], r.randrange(1, 65535)
        state = r.getstate()

        def packets(outer, _):
            p = make(outer)
            if ttl == 1:
                h = p[:8] + b"\1" + p[9:10] + b"\0\0" + p[12:20]
                p = h[:10] + struct.pack(">H", total(h)) + h[12:] + p[20:]
            again = random.Random()
            again.setstate(state)
            if cut is None or len(p) <= 20 + sum(sizes):
                return [] if cut in (HOLED, OVERLAPPED) else [p]
            return fragments(p, sizes, ident, cut, again)
        return who, packets

    def udp(self, who):
        r = self.r
        data, is_summed, bad = bytes(r.randrange(256) for _ in range(r.choice([0, 5, 100]))), r.randrange(4) > 0, r.randrange(15) == 0
        self.opened[who] = True

        def make(outer):
            src, sport, dst, dport = self.ends(who, outer)
            return udp(src, dst, sport, dport, data, is_summed or bad, bad)
        return make

    def icmp(self, who):
        r = self.r
        kind, seq, data = (8 if who == 0 else 0) if r.randrange(10) else r.choice([0, 8, 13, 14]), r.randrange(9), bytes(r.randrange(60))
        self.opened[who] = True

        def make(outer):
            src, _, dst, _ = self.ends(who, outer)
            return icmp(src, dst, kind, 0, struct.pack(">HH", self.ident if who == 0 else outer, seq), data + bytes(12 if kind in (13, 14) else 0))
        return make

    def tcp(self, who):
        r = self.r
        seq, ack, flags, data, bad = self.seq[who], self.seq[1 - who], ACK, b"", r.randrange(25) == 0
        is_first = who == (1 if self.kind == "forward" else 0)
        if not self.opened[who]:
            flags = SYN if is_first and not self.opened[1 - who] else SYN | ACK
            ack = 0 if flags == SYN else ack
            self.opened[who] = not bad
            self.seq[who] += 0 if bad else 1
        elif not self.opened[1 - who]:
            seq, ack, flags = seq - 1, 0, SYN # again
        else:
            what = r.randrange(12)
            if what == 0:
                flags = FIN | ACK
                self.what = "fin"
            elif what == 1:
                flags = RST | (ACK if r.randrange(2) else 0)
                self.what = "good reset"
            elif what == 2:
                seq, flags = seq + r.choice([1 << 30, -(1 << 30), 1 << 20]), r.choice([ACK, RST, SYN])
                self.what = {ACK: "sequence", RST: "reset", SYN: "syn"}[flags]
            elif what == 3:
                ack += r.choice([1 << 30, -(1 << 30)])
                self.what = "acknowledgement"
            elif what < 9:
                data, flags = bytes(r.randrange(1, 80)), PSH | ACK
            if what > 3 or what == 0:
                self.seq[who] += 0 if bad else len(data) + bool(flags & FIN)

        self.what = "bad sum" if bad else self.what

        def make(outer):
            src, sport, dst, dport = self.ends(who, outer)
            return tcp(src, dst, sport, dport, seq, ack, flags, 60000, data, bad=bad)
        return make

    def error(self, who):
        """Of a router on either side, or an end, about what came out there last, or something that never did."""
        r = self.r
        self.what = "error"
        kind, code = r.choice([(3, 1), (3, 3), (3, 4), (11, 0), (12, 0)])
        by = r.choice([self.near if who == 0 else self.far, self.host if who == 0 else self.remote])
        is_fake, size = r.randrange(5) == 0, r.choice([28, 28, 48, 1000])

        def packets(outer, last):
            about = last.get(who)
            if is_fake or not about:
                src, sport, dst, dport = self.ends(1 - who, outer) if who == 0 else (OUTER, outer, self.remote, self.rport)
                about = udp(src, self.host if who == 0 else dst, sport, dport ^ 0x1111, bytes(4))
            to = list(about[12:16])
            return [icmp(by, to, kind, code, bytes(4), about[:size])]
        return who, packets


# --- what came out ---

def shape(packet, outer, is_inner=False):
    """What must be equal: all but the outer port, TTL, identification and checksums, which must be right."""
    n = (packet[0] & 15) * 4
    src, dst, proto, rest = packet[12:16], packet[16:20], packet[9], packet[n:]
    if not is_inner:
        assert total(packet[:n]) == 0, "the IP header's checksum is wrong"

    def named(address, port):
        return ("outer" if address == bytes(OUTER) and port == outer else port)
    if proto in (6, 17) and len(rest) >= 8:
        sport, dport = struct.unpack(">HH", rest[:4])
        if not is_inner and not (proto == 17 and rest[6:8] == b"\0\0"):
            assert total(pseudo(src, dst, proto, len(rest)) + rest) == 0, "the transport's checksum is wrong"
        at = 16 if proto == 6 else 6
        return src, dst, proto, named(src, sport), named(dst, dport), rest[4:at] + (rest[at + 2:] if len(rest) > at else b"")
    if proto == 1 and len(rest) >= 8:
        if not is_inner:
            assert total(rest) == 0, "the checksum of ICMP is wrong"
        if rest[0] in (0, 8, 13, 14):
            ident = struct.unpack(">H", rest[4:6])[0]
            side = bytes(OUTER) in (src, dst)
            return src, dst, proto, rest[:2], "outer" if side and ident == outer else ident, rest[6:]
        if len(rest) >= 36 and not is_inner:
            return src, dst, proto, rest[:2], rest[4:8], shape(rest[8:], outer, True)
    return src, dst, proto, rest


def joined(pieces):
    """Datagrams whose pieces all came are put together; what is left of others stays."""
    whole, parts = [], collections.defaultdict(list)
    for side, p in pieces:
        if struct.unpack(">H", p[6:8])[0] & 0x3fff:
            parts[side, p[12:20], p[4:6], p[9]].append(p)
        else:
            whole.append((side, p))
    for (side, *_), some in parts.items():
        some.sort(key=lambda p: struct.unpack(">H", p[6:8])[0] & 0x1fff)
        h = some[0][:20]
        body = b"".join(p[20:] for p in some)
        h = h[:2] + struct.pack(">H", 20 + len(body)) + h[4:6] + b"\0\0" + h[8:10] + b"\0\0" + h[12:20]
        whole.append((side, h[:10] + struct.pack(">H", total(h)) + h[12:] + body))
    return whole


def trace_of(packet):
    """Its number is in the address of whoever is not the translator's or the forward's."""
    for a in (packet[12:16], packet[16:20]):
        if a[0] in (203, 100) or (a[0] == 10 and a[1] in (0, 128)):
            return a[2] << 8 | a[3]
    inner = packet[20 + 8:]
    return trace_of(inner) if packet[9] == 1 and len(inner) >= 20 and inner[0] >> 4 == 4 else None


class Translator:
    """A box, and what it has chosen for each trace."""

    def __init__(self, box):
        self.box, self.outer, self.last = box, {}, collections.defaultdict(dict)
        self.mark_port = None
        self.n = 0

    def pass_all(self):
        """Everything that comes out until two datagrams, one for each way, have passed behind it; by trace."""
        self.n += 1
        text = struct.pack(">I", self.n)
        self.box.send(IN, udp([10, 77, 0, 1], [198, 18, 0, 1], 9, 9, text))
        seen, got, end = [False, False], [], time.monotonic() + PATIENCE
        while not all(seen):
            assert time.monotonic() < end, "the last datagram does not come"
            for side, p in self.box.receive():
                if p[16:20] == bytes([198, 18, 0, 1]) and p[28:32] == text:
                    seen[OUT], self.mark_port = True, struct.unpack(">H", p[20:22])[0]
                    self.box.send(OUT, udp([198, 18, 0, 1], OUTER, 9, self.mark_port, text))
                elif p[12:16] == bytes([198, 18, 0, 1]) and p[28:32] == text:
                    seen[IN] = True
                else:
                    got.append((side, p))
        return got

    def step(self, frames):
        """{trace: what came of its frames, in order}"""
        for t, side, packets in frames:
            for p in packets(self.outer.get(t.number, t.ident if t.kind == "icmp" else t.port), self.last[t.number]):
                self.box.send(side, p)
        out = collections.defaultdict(list)
        for side, p in joined(self.pass_all()):
            number = trace_of(p)
            if p[12:16] == bytes(OUTER) and p[9] in (6, 17):
                self.outer.setdefault(number, struct.unpack(">H", p[20:22])[0])
            elif p[12:16] == bytes(OUTER) and p[9] == 1 and p[20] in (8, 13):
                self.outer.setdefault(number, struct.unpack(">H", p[24:26])[0])
            self.last[number][side] = p
            out[number].append((side, shape(p, self.outer.get(number))))
        return out


# One of the two has dropped the frame; what is its receiver's to judge, with a sentence.
JUDGED = {
    "syn": "RFC 5961, 4.2: a SYN in an open connection is challenged by its receiver",
    "reset": "RFC 5961, 3.2: a reset that is not exactly where it must be is challenged by its receiver, or dropped",
    "sequence": "RFC 9293, 3.10.7.4: what is outside of the window is answered by its receiver, or dropped",
    "acknowledgement": "RFC 5961, 5.2: an acknowledgement of what was never sent, or long ago, is dropped by its receiver",
}
ENDED = "RFC 9293, 3.5.3: after a reset, or a guess at one, there may be no connection any more"


def explain(trace, ours, theirs):
    """The name of a known difference, or None."""
    if ours and theirs or trace.kind not in ("tcp", "forward"):
        return None
    if any(x[1:] in ("good reset", "reset", "syn") for x in trace.history[:-1]):
        return ENDED
    return JUDGED.get(trace.what)


def run_batch(pair, seed, first, n, explained, watched=None):
    r = random.Random(seed * 1000003 + first)
    traces = {first + i: Trace(r, first + i) for i in range(n)}
    frames, bad = 0, []
    for _ in range(12):
        given = [(t, *t.next()) for t in traces.values() if r.randrange(6)]
        frames += len(given)
        ours, theirs = (translator.step(given) for translator in pair)
        for t, side, packets in given:
            if t.number == watched:
                print(f"trace {t.number}, from {'outside' if side else 'inside'}, {t.what}: {[x.hex() for x in packets(pair[0].outer.get(t.number, t.port), {})]}")
                print(f"  trama: {ours.get(t.number)}\n  kernel: {theirs.get(t.number)}")
            a, b = ours.get(t.number, []), theirs.get(t.number, [])
            if a == b:
                continue
            name = explain(t, a, b)
            if name:
                explained[name] += 1
            else:
                bad.append((t, side, packets(pair[0].outer.get(t.number, t.port), pair[0].last[t.number]), a, b))
            traces.pop(t.number) # the two have drifted apart
    return frames, bad


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--traces", type=int, default=500)
    p.add_argument("--watch", type=int, help="a trace whose frames are all shown")
    p.add_argument("--keep-going", action="store_true")
    args = p.parse_args()
    if os.geteuid() or not shutil.which("nft") or not shutil.which("ovs-ofctl"):
        print("skipped: needs root, nft and ovs-ofctl")
        return 77
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]}) # or frames overtake each other on their way into the kernel
    boxes, frames, differ, explained = [], 0, 0, collections.Counter()
    try:
        for make in (Trama, Kernel):
            boxes.append(make())
        pair = [Translator(b) for b in boxes]
        for first in range(0, args.traces, AT_ONCE):
            n, bad = run_batch(pair, args.seed, first, min(AT_ONCE, args.traces - first), explained, args.watch)
            frames, differ = frames + n, differ + len(bad)
            for t, side, packets, ours, theirs in bad[:40]:
                print(f"trace {t.number} ({t.kind}, {t.what} after {t.history[:-1]}), frame {t.n} from {'outside' if side else 'inside'}:\n    " + "\n    ".join(x.hex() for x in packets))
                for name, got in (("trama", ours), ("kernel", theirs)):
                    print(f"  {name}: {got}")
            if bad and not args.keep_going:
                break
    finally:
        for b in boxes:
            b.close()
    print(f"{frames} frames of {args.traces} traces from seed {args.seed} on: {differ} differ" +
          "".join(f"; {n} explained: {name}" for name, n in explained.items()))
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())

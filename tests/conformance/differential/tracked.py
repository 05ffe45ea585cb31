#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Connections through trama-switchd and through Open vSwitch's own tracker: each frame of random conversations, sound and
hostile, must leave both in the same way, with what ct_state, mark, label and the original tuple are written into its addresses.

    tracked.py [--seed N] [--rounds N] [--frames N] [--keep-going]
    TRAMA_SWITCHD names the binary.

Frames are given one at a time.  What is known to differ, and is not given: README.md.   Exit status 77: no Open vSwitch here."""
import argparse
import os
import random
import shutil
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from differential import ovs, run  # noqa: E402

INSIDE, OUTSIDE = 1, 4
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
SIZE = 120
SHOWN = [
    "move:NXM_NX_CT_MARK[]->NXM_OF_ETH_DST[0..31]",
    "move:NXM_NX_CT_LABEL[0..39]->NXM_OF_ETH_DST[0..39]",
    "move:NXM_NX_CT_LABEL[88..127]->NXM_OF_ETH_DST[0..39]",
    "move:NXM_NX_CT_ZONE[]->NXM_OF_ETH_DST[0..15]",
    "move:NXM_NX_CT_NW_SRC[]->NXM_OF_ETH_DST[0..31]",
    "move:NXM_NX_CT_NW_DST[]->NXM_OF_ETH_DST[0..31]",
    "move:NXM_NX_CT_TP_SRC[]->NXM_OF_ETH_DST[0..15],move:NXM_NX_CT_TP_DST[]->NXM_OF_ETH_DST[16..31]",
    "move:NXM_NX_CT_NW_PROTO[]->NXM_OF_ETH_DST[0..7]",
    "resubmit(,9,ct),move:NXM_NX_REG5[0..7]->NXM_OF_ETH_DST[0..7]",
    "resubmit(,9,ct),move:NXM_NX_REG5[0..7]->NXM_OF_ETH_DST[0..7]",
]
STATE = "move:NXM_NX_CT_STATE[0..7]->NXM_OF_ETH_SRC[0..7]"
ORIGINAL = ["nw_src=10.0.0.1", "nw_src=10.0.0.2,tcp", "nw_dst=10.1.0.1,udp", "tcp,tcp_dst=80", "udp,udp_dst=0x35/0xff", "tcp,tcp_src=0x8000/0x8000", "icmp,icmp_type=8",
            "icmp,icmp_type=3", "nw_src=192.0.2.1", "ct_nw_src=192.0.2.1", "ct_nw_src=10.1.0.0/16,ct_tp_src=80,ct_nw_proto=6", "ct_nw_dst=10.0.0.1,ct_nw_proto=17"]
NATS = ["", "", "nat(src=192.0.2.1)", "nat(src=192.0.2.1-192.0.2.1)", "nat(dst=10.1.0.77)",
        "nat(dst=10.1.0.77:4321)"]


def total(data):
    data += bytes(len(data) % 2)
    n = sum(struct.unpack(f">{len(data) // 2}H", data))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return 0xffff - n


def ip(src, dst, proto, payload, ttl=64, bad=False):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, ttl, proto, 0, bytes(src), bytes(dst))
    return head[:10] + struct.pack(">H", total(head) ^ (0x1234 if bad else 0)) + head[12:] + payload


def pseudo(src, dst, proto, n):
    return bytes(src) + bytes(dst) + struct.pack(">BBH", 0, proto, n)


def summed(src, dst, proto, data, at, bad=False):
    n = total(pseudo(src, dst, proto, len(data)) + data) or (0xffff if proto == 17 else 0)
    return data[:at] + struct.pack(">H", n ^ (0x0101 if bad else 0)) + data[at + 2:]


def tcp(src, dst, sport, dport, seq, ack, flags, window=1000, data=b"", options=b"", bad=False):
    offset = (20 + len(options)) // 4 << 4
    h = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, offset, flags, window, 0, 0) + options + data
    return ip(src, dst, 6, summed(src, dst, 6, h, 16, bad))


def udp(src, dst, sport, dport, data, is_summed=True, bad=False):
    h = struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data
    return ip(src, dst, 17, summed(src, dst, 17, h, 6, bad) if is_summed else h)


def icmp(src, dst, kind, code, rest, data):
    h = struct.pack(">BBH4s", kind, code, 0, rest) + data
    return ip(src, dst, 1, h[:2] + struct.pack(">H", total(h)) + h[4:])


def frame(packet, number):
    """The number stands behind the packet, as padding."""
    f = bytes.fromhex("0200000000bb0200000000aa0800") + packet
    return f + bytes(max(0, SIZE - 4 - len(f))) + struct.pack(">I", number)


class Side:
    def __init__(self, r, address, port):
        self.address, self.port, self.seq = address, port, r.randrange(1 << 32)
        self.high = self.seq
        self.window, self.scale, self.is_open = r.choice([4000, 5000, 65535]), r.choice([None, 0, 2, 7]), False


class Conversation:
    """Of a client inside with a server outside (or the other way round), as each end of it believes it to be."""

    def __init__(self, r, nat, may_begin_outside):
        self.r, self.kind = r, r.choice(["tcp"] * 4 + ["udp", "udp", "icmp"])
        self.client = Side(r, [10, 0, 0, r.randrange(1, 4)], r.randrange(1024, 65000))
        self.server = Side(r, [10, 1, 0, r.randrange(1, 3)], r.choice([80, 53, 7777, 443]))
        self.is_inbound = may_begin_outside and r.randrange(4) == 0
        self.nat = "" if self.is_inbound else nat
        self.ident = r.randrange(65536)
        self.last = {INSIDE: None, OUTSIDE: None}
        self.is_ending = self.is_over = self.is_acked = False
        self.n = 0 # frames

    def seen(self, is_client):
        """(source, destination) of what an end sends, as the switch takes it in."""
        c, s = (self.client.address, self.client.port), (self.server.address, self.server.port)
        if is_client:
            return c, s
        if "src=" in self.nat:
            c = ([192, 0, 2, 1], c[1] if ":" not in self.nat or 5000 <= c[1] <= 60000 else None)
        if "dst=" in self.nat:
            s = ([10, 1, 0, 77], 4321 if ":" in self.nat else s[1])
        return s, c

    def one(self, number):
        """(port, frame)."""
        r = self.r
        is_client = bool(r.randrange(5) < 3)
        source, destination = self.seen(is_client)
        if source[1] is None or destination[1] is None: # whichever port it was
            is_client = True
            source, destination = self.seen(True)
        if (self.kind == "tcp" or self.nat or self.is_inbound) and not self.client.is_open or self.server.is_open and not self.is_acked:
            is_client = True # a connection taken up in its midst, or that takes a translation's port: README.md
            source, destination = self.seen(True)
        self.client.is_open |= is_client and self.kind != "tcp"
        port = INSIDE if is_client != self.is_inbound else OUTSIDE
        self.n += 1
        about = self.last[port ^ INSIDE ^ OUTSIDE]
        if about and r.randrange(12) == 0:
            kind, code = r.choice([(3, 1), (3, 3), (11, 0), (12, 0)])
            packet = icmp(r.choice([source[0], [10, 9, 9, 9]]), list(about[12:16]), kind, code, bytes(4), about[:28 + r.choice([0, 8, 20])])
        else:
            packet = getattr(self, self.kind)(r, is_client, source, destination)
            self.last[port] = None if self.nat else packet
        return port, frame(packet, number)

    def udp(self, r, is_client, source, destination):
        return udp(*source[:1], *destination[:1], source[1], destination[1], bytes(r.randrange(30)), r.randrange(4) > 0,
                   self.n > 2 and r.randrange(20) == 0)

    def icmp(self, r, is_client, source, destination):
        kind = r.choice([8, 8, 8, 0] if is_client else [0, 0, 0, 8])
        return icmp(source[0], destination[0], kind, 0, struct.pack(">HH", self.ident, r.randrange(9)), bytes(r.randrange(30)))

    def tcp(self, r, is_client, source, destination):
        me, you = (self.client, self.server) if is_client else (self.server, self.client)
        size, flags, options, seq, ack = 0, ACK, b"", me.seq, you.seq
        if is_client and me.is_open and not you.is_open: # again
            return tcp(source[0], destination[0], source[1], destination[1], seq - 1, 0, SYN, me.window, b"",
                       b"" if me.scale is None else bytes([1, 3, 3, me.scale]))
        if me.is_open and r.randrange(30) == 0:
            return tcp(source[0], destination[0], source[1], destination[1], seq, ack, PSH | ACK, me.window, bytes(7), bad=True)
        if not me.is_open:
            flags = SYN if is_client and not you.is_open else SYN | ACK
            if self.client.scale is not None and me.scale is not None: # both, or none
                options = bytes([1, 3, 3, me.scale])
            me.is_open = True
        elif r.randrange(10) == 0:
            flags = FIN | ACK
        elif r.randrange(16) == 0 and not self.is_inbound:
            flags = RST | ACK
        elif r.randrange(2):
            size, flags = r.randrange(1, 40), PSH | ACK
        self.is_ending |= bool(flags & FIN) # from then on Open vSwitch asks for less: README.md
        self.is_over |= bool(flags & RST)
        is_strange = not flags & (RST | SYN) and not self.is_ending and r.randrange(6) == 0
        if is_strange and r.randrange(2): # somebody else's; what becomes of resets is in README.md
            seq += r.choice([1 << 30, -(1 << 30), 1 << 29])
        elif is_strange:
            ack += r.choice([1 << 30, -(1 << 30)])
        else:
            self.is_acked |= is_client and not flags & SYN
            me.high = max(me.high, seq + size + bool(flags & (SYN | FIN)))
            if flags & (SYN | FIN) or r.randrange(4):
                me.seq = me.high
            if flags & RST: # an older one is as good where an answer to it may be under way: README.md
                seq = me.high
        return tcp(source[0], destination[0], source[1], destination[1], seq, 0 if flags == SYN else ack, flags, me.window, bytes(size),
                   options)


def rules_of(r):
    zone, nat, show = r.choice([0, 5, 65534]), r.choice(NATS), r.choice(SHOWN)
    back = ",nat" if nat or r.randrange(2) else ""
    marks = r.choice(["", ",exec(load:0x12345678->NXM_NX_CT_MARK[])", ",exec(load:0xabcdef->NXM_NX_CT_LABEL[8..31],load:7->NXM_NX_CT_LABEL[100..107])",
                      ",exec(move:NXM_OF_IP_SRC[]->NXM_NX_CT_MARK[],load:3->NXM_NX_CT_LABEL[0..7])"])
    force = ",force" if not nat and r.randrange(6) == 0 else ""
    where = f"zone={zone}" if r.randrange(2) else "zone=NXM_NX_REG3[0..15]"
    begin = f"load:{zone}->NXM_NX_REG3[]," if "REG3" in where else ""
    lines = ["table=0,priority=9,arp,actions=drop", f"table=0,ip,actions={begin}ct(table=1,{where}{back})"]
    may_begin_outside = bool(r.randrange(2))
    for here, there in ((INSIDE, OUTSIDE), (OUTSIDE, INSIDE)):
        if here == INSIDE or may_begin_outside:
            do = f"ct(commit{force},{where}{',' + nat if nat and here == INSIDE else ''}{marks})"
            lines.append(f"table=1,priority=9,ct_state=+new-inv+trk,ip,in_port={here},actions={begin}{STATE},{show},{do},output:{there}")
        lines.append(f"table=1,priority=5,ct_state=+trk-inv,ip,in_port={here},actions={STATE},{show},output:{there}")
        lines.append(f"table=1,priority=6,ct_state=+trk+rel-rpl,ip,in_port={here},actions={STATE},output:{there}") # README.md
        lines.append(f"table=1,priority=4,ct_state=+trk+inv,ip,in_port={here},actions={STATE},output:{there}")
    for i, what in enumerate(r.sample(ORIGINAL, r.randrange(3, 8)), 1):
        if what.startswith("ct_"):
            what = "ct_state=+trk-inv," + what
        lines.append(f"table=9,priority={i},ip,{what},actions=load:{i}->NXM_NX_REG5[]".replace(",ip,tcp", ",tcp").replace(",ip,udp", ",udp").replace(",ip,icmp", ",icmp"))
    if "force" not in lines[2] and marks and r.randrange(3) == 0: # the mark of one that is there already
        lines.append(f"table=1,priority=8,ct_state=+est+rpl+trk-inv,ip,in_port={OUTSIDE},actions={begin}{STATE},{show},ct(commit,{where}{marks}),output:{INSIDE}")
    return ["flow add " + line for line in lines] + [run.LAST_RULE], nat, may_begin_outside


def run_round(pair, seed, n):
    r = random.Random(seed)
    lines, *kind = rules_of(r)
    said = pair.load(["flow delete"]) or pair.load(lines)
    assert not said, f"{said}: {lines}"
    pair.other.call("dpctl/flush-conntrack")
    pair.switch.call("conn/flush")
    talks, given, bad = [Conversation(r, *kind) for _ in range(4)], [], []
    for i in range(n):
        if r.randrange(25) == 0:
            talks[r.randrange(len(talks))] = Conversation(r, *kind)
        talk = r.randrange(len(talks))
        if talks[talk].is_over:
            talks[talk] = Conversation(r, *kind)
        one = talks[talk].one(run.FIRST + i)
        given.append(one)
        pair.give([one])
        ours, theirs = pair.ours.all(), pair.theirs.all()
        if ours != theirs:
            bad.append((i, one, ours, theirs))
            break # the two have drifted apart
    if bad:
        i, _, ours, theirs = bad[0]
        print(f"seed {seed}, frame {i}\n" + "\n".join("    " + line for line in lines))
        for port, f in given[max(0, i - 60):]:
            print(f"    by port {port}: {f.hex()}")
        for name, got in (("trama", ours), ("Open vSwitch", theirs)):
            print(f"  {name}:" + "".join(run.text_of(copies) for copies in got.values()))
    return len(given), len(bad)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--rounds", type=int, default=20)
    p.add_argument("--frames", type=int, default=80)
    p.add_argument("--keep-going", action="store_true")
    args = p.parse_args()
    if not ovs.is_installed():
        print("there is no Open vSwitch")
        return 77
    given = bad = 0
    where = tempfile.mkdtemp(prefix="trama-tracked-")
    try:
        with run.Pair(where) as pair:
            for seed in range(args.seed, args.seed + args.rounds):
                n, differ = run_round(pair, seed, args.frames)
                given, bad = given + n, bad + differ
                if differ and not args.keep_going:
                    break
    finally:
        shutil.rmtree(where)
    print(f"{given} frames of random conversations from seed {args.seed} on: {bad} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3.5, 5.12, 7.2.3.7 and 7.2.5: random frames and random actions, against the model in support/model.py, byte for
byte, checksums included; and between two actions the tables match what the model says that the frame then has.

    SEED and CASES in the environment: others than those of every day."""
import os
import random
import struct

from support import wire
from support.model import ARP, AUTH, DESTINATION, ESP, FRAGMENT, Frame, Gone, HOP, IPV4, IPV6, MASKABLE, MPLS, NO_NEXT, PBB, ROUTING
from support.switch import SwitchTest, run, until
from support.wire import apply, flow_mod, goto, match, oxm, output, packet_out

PREREQUISITES = ["eth_type", "vlan_vid", "ip_proto", "icmpv4_type", "icmpv6_type"]
BATCH, STEPS = 100, 5
SEED, N_CASES = int(os.environ.get("SEED", 1)), int(os.environ.get("CASES", 1500))


# --- frames ---

def mac(r):
    return b"\2" + r.randbytes(5)


def l4(r, is_v6, proto):
    """-> a whole transport packet with its checksum field zero"""
    body = r.randbytes(r.choice((0, 1, 7, 18, 33, 64)))
    if proto == 6:
        return r.randbytes(12) + b"\x50\x18" + r.randbytes(2) + bytes(4) + body
    if proto == 17:
        return r.randbytes(4) + struct.pack("!HH", 8 + len(body), 0) + body
    if proto == 132:
        return r.randbytes(8) + bytes(4) + body
    if proto == 1:
        return bytes((r.choice((0, 3, 8)), r.randrange(4))) + bytes(2) + r.randbytes(4) + body
    if proto == 58 and r.random() < .7:
        kind = r.choice((135, 136))
        options = [struct.pack("!BB", 14, 1) + r.randbytes(6)] * r.randrange(2)
        options += [struct.pack("!BB", r.choice((1, 2)), 1) + r.randbytes(6) for _ in range(r.randrange(3))]
        return bytes((kind, 0)) + bytes(2) + r.randbytes(20) + b"".join(options)
    return bytes((128 if is_v6 else 0, 0)) + bytes(2) + r.randbytes(4) + body


def ipv4(r, place):
    proto = r.choice((6, 17, 132, 1, 47))
    data = l4(r, False, proto)
    options = bytes([1]) * 4 * r.choice((0, 0, 0, 3))
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, r.randrange(256), 20 + len(options) + len(data), r.randrange(65536), place,
                       r.choice((0, 1, 2, 64, 255)), proto, 0)
    return IPV4, head + r.randbytes(8) + options, data


def extension(r, kind, following, place):
    if kind == FRAGMENT:
        return struct.pack("!BBHI", following, 0, place, 7)
    if kind == AUTH:
        return struct.pack("!BB", following, 4) + r.randbytes(22)
    if kind == ROUTING:
        left = r.randrange(2)
        return struct.pack("!BBBB", following, 2, 0, left) + bytes(4) + r.randbytes(16)
    return struct.pack("!BB", following, 1) + r.randbytes(14)


def ipv6(r, place, is_fragment):
    proto = r.choice((6, 17, 132, 58, 58, 47, NO_NEXT, ESP))
    kinds = []
    if r.random() < .5:
        kinds = r.choice(([HOP], [HOP, DESTINATION, ROUTING, AUTH, DESTINATION], [ROUTING, HOP], [DESTINATION] * 3, [HOP, HOP],
                          r.choices((HOP, DESTINATION, ROUTING, AUTH), k=r.randrange(4))))
    if is_fragment:
        kinds = kinds + [FRAGMENT]
    data = b"" if proto == NO_NEXT else l4(r, True, proto)
    chain, following = b"", proto
    for kind in reversed(kinds):
        chain = extension(r, kind, following, place) + chain
        following = kind
    head = struct.pack("!IHBB", 6 << 28 | r.randrange(1 << 28), len(chain) + len(data), following, r.choice((0, 1, 2, 64, 255)))
    return IPV6, head + r.randbytes(32) + chain, data


def payload(r):
    """-> ethertype, bytes, what other fragments of the same datagram carry"""
    what = r.random()
    if what < .08:
        return ARP, struct.pack("!HHBBH", 1, IPV4, 6, 4, r.choice((1, 2))) + r.randbytes(20), b""
    if what < .14:
        return 0x88b5, b"\0" + r.randbytes(45), b""
    is_fragment = r.random() < .15
    is_later = is_fragment and r.random() < .5
    is_v6 = r.random() < .5
    if is_v6:
        kind, head, data = ipv6(r, 0x0128 if is_later else 1 if is_fragment else 0, is_fragment)
    else:
        kind, head, data = ipv4(r, 0x0025 if is_later else 0x2000 if is_fragment else 0x4000)
    return kind, head + data, r.randbytes(16) if is_fragment and not is_later else b""


def build(r):
    kind, data, tail = payload(r)
    whole = Frame(bytes(12) + struct.pack("!H", kind) + data, tail)  # sums up before anything hides the packet
    whole.sum_up()
    h = whole.headers()
    if h.proto == 17 and r.random() < .2:
        whole.data[h.l4 + 6:h.l4 + 8] = b"\0\0"
    data = bytes(whole.data[14:])
    if kind in (IPV4, IPV6) and r.random() < .3:
        data += bytes(r.randrange(1, 9))  # padding
    labels = r.choice((0, 0, 0, 1, 1, 2, 3, 4, 6))
    for i in range(labels):
        data = struct.pack("!I", r.randrange(1 << 23) << 9 | (i == 0) << 8 | r.choice((0, 1, 2, 64, 255))) + data
    kind = r.choice(MPLS) if labels else kind
    if not labels and kind == IPV4 and r.random() < .05:  # SNAP
        data = bytes.fromhex("aaaa03000000") + struct.pack("!H", kind) + data
        kind = len(data)
    elif r.random() < .03:
        kind, data = 40, b"\x42\x42\3" + r.randbytes(37)
    data = struct.pack("!H", kind) + data
    for i in range(r.choice((0, 0, 1, 1, 2, 3))):
        data = struct.pack("!HH", r.choice((0x8100, 0x88a8)) if i else 0x8100, r.randrange(65536)) + data
    data = mac(r) + mac(r) + data
    for _ in range(r.choice((0, 0, 0, 0, 0, 1, 2))):
        data = mac(r) + mac(r) + r.choice((b"", struct.pack("!HH", 0x88a8, r.randrange(65536)))) + struct.pack("!HI", PBB, r.getrandbits(32)) + data
    return Frame(data.ljust(60, b"\0"), tail)


# --- actions: (name of the model's method, arguments) ---

def payload_type(frame, h):
    """What to say when the last label goes: the truth, if the payload is an IP packet."""
    if not h.fields["mpls_bos"]:
        return h.fields["eth_type"]
    for kind in (IPV4, IPV6):
        inner = Frame(bytes(12) + struct.pack("!H", kind) + bytes(frame.data[h.label + 4:]), frame.tail)
        before = bytes(inner.data)
        if inner.headers().l3 is not None:
            inner.sum_up()
            return kind if bytes(inner.data) == before else 0x88b5
    return 0x88b5


def random_value(r, frame, name):
    size = wire.FIELDS[name][1]
    if name == "vlan_vid":
        return 0x1000 | r.randrange(4096)
    if name in ("eth_dst", "eth_src"):
        return int.from_bytes(mac(r), "big")
    if name == "eth_type":
        return r.choice((0x88b5, 0x9999, IPV6 if frame.fields().get("eth_type") == IPV4 else ARP))
    if name == "icmpv6_type":
        return r.choice((128, 129, 135, 136))
    if name == "ip_proto":
        return r.choice((253, 6, 17, 47))
    bits = {"vlan_pcp": 3, "ip_dscp": 6, "ip_ecn": 2, "ipv6_flabel": 20, "mpls_label": 20, "mpls_tc": 3, "mpls_bos": 1}.get(name, size * 8)
    return r.choice((r.getrandbits(bits), r.getrandbits(bits), 0, (1 << bits) - 1))


def applicable(r, frame):
    """One action that the frame has the headers for, and whether the list had better end with it."""
    h = frame.headers()
    kind = h.fields["eth_type"]
    choices = [("push_vlan", r.choice((0x8100, 0x88a8)))] + [("push_pbb", PBB)] * (r.random() < .3)
    if h.ethernet_type_at is not None:
        choices += [("push_mpls", r.choice(MPLS))]
    if h.n_tags:
        choices += [("pop_vlan",)] * 2
    if h.label is not None:
        choices += [("pop_mpls", payload_type(frame, h))] * 3
        choices += [("copy_ttl_in",), ("copy_ttl_out",), ("set_mpls_ttl", r.choice((0, 1, 99))), ("dec_mpls_ttl",)]
    if kind == PBB and not h.n_tags:
        choices += [("pop_pbb",)] * 3
    if kind in (IPV4, IPV6) and h.l3 is not None:
        choices += [("set_nw_ttl", r.choice((0, 1, 99))), ("dec_nw_ttl",)]
    names = [name for name in h.places if name != "ipv6_exthdr"] + ["tunnel_id"]
    for _ in range(len(choices) // 2 + 3):
        name = r.choice(names)
        choices.append(("set_field", name, random_value(r, frame, name)))
    action = r.choice(choices)
    return action, action[0] == "set_field" and action[1] in ("eth_type", "ip_proto", "mpls_bos")


def anything(r, frame):
    """One action, whether the frame has the header for it or not."""
    h = frame.headers()
    if r.random() < .5:
        return applicable(r, frame)
    name = r.choice([name for name in wire.FIELDS if name not in ("in_port", "in_phy_port", "metadata", "ipv6_exthdr")])
    action = r.choice([("push_vlan", 0x88a8), ("pop_vlan",), ("push_mpls", 0x8847), ("push_pbb", PBB), ("pop_pbb",), ("copy_ttl_in",),
                       ("copy_ttl_out",), ("dec_nw_ttl",), ("dec_mpls_ttl",), ("set_nw_ttl", 7), ("set_mpls_ttl", 9),
                       ("pop_mpls", payload_type(frame, h) if h.label is not None else IPV4)]
                      + [("set_field", name, random_value(r, frame, name))] * 12)
    return action, action[0] == "set_field" and action[1] in ("eth_type", "ip_proto", "mpls_bos")


def do(frame, actions):
    """Does them in the model; False: the frame goes no further."""
    try:
        for action in actions:
            getattr(frame, action[0])(*action[1:])
    except Gone:
        return False
    return True


def on_wire(action):
    return {"copy_ttl_out": lambda: wire.action(11, bytes(4)), "copy_ttl_in": lambda: wire.action(12, bytes(4)),
            "set_mpls_ttl": lambda x: wire.action(15, struct.pack("!B3x", x))}.get(action[0]) or getattr(wire, action[0])


def encode(actions):
    return b"".join(on_wire(a)(*a[1:]) for a in actions)


# --- matches ---

def needed(fields, name):
    """The fields that the specification demands before this one (7.2.3.8)."""
    if name.startswith(("ipv6_nd", "icmpv6")):
        return ["eth_type", "ip_proto"] + ["icmpv6_type"] * name.startswith("ipv6_nd")
    if name.startswith(("tcp", "udp", "sctp", "icmpv4")):
        return ["eth_type", "ip_proto"]
    return ["vlan_vid"] if name == "vlan_pcp" else [] if name in ("eth_dst", "eth_src", "eth_type", "vlan_vid", "tunnel_id", "metadata") else ["eth_type"]


def describe(r, fields, also=()):
    """A match that the frame meets: a few of its fields, some under a mask, and all of `also`."""
    names = set(also) | set(r.sample(sorted(fields), k=min(len(fields), r.randrange(4))))
    exact = set(also)
    for name in list(names):
        exact.update(needed(fields, name))
    names |= exact
    out = []
    for name in PREREQUISITES + sorted(names - set(PREREQUISITES)):
        if name in names:
            mask = r.getrandbits(wire.FIELDS[name][1] * 8) if name in MASKABLE and name not in exact and r.random() < .5 else None
            if name == "ipv6_flabel" and mask is not None:
                mask &= 0xfffff
            if name == "ipv6_exthdr" and mask is not None:
                mask &= 0x1ff
            out.append(oxm(name, fields[name] if mask is None else fields[name] & mask, mask))
    return out


class Case:
    """One frame, and a chain of tables with an action each; the last one puts it out."""

    def __init__(self, r, serial):
        self.frame = build(r)
        self.given = bytes(self.frame.data)
        self.actions, self.flows, self.serial = [], [], serial
        self.flow(0, match(oxm("eth_dst", int.from_bytes(self.given[:6], "big")), oxm("eth_src", int.from_bytes(self.given[6:12], "big"))),
                  wire.write_metadata(serial), goto(1))
        self.comes_out = self.chain(r)

    def flow(self, table, fields, *instructions):
        self.flows.append(flow_mod(*instructions, match=fields, table=table))

    def chain(self, r):
        for table in range(1, r.randrange(2, STEPS + 2)):
            fields = self.frame.fields()
            action, is_end = applicable(r, self.frame)
            self.actions.append(action)
            also = list(needed(fields, action[1]) if action[0] == "set_field" else ["vlan_vid"] if action[0] == "pop_vlan" else
                        ["eth_type"] if action[0] not in ("push_vlan", "push_pbb", "push_mpls") else [])
            if also == ["eth_type"] and action[0] == "set_field" and action[1] == "vlan_pcp":
                also = ["vlan_vid"]
            if action[0] == "set_field" and action[1] == "vlan_vid":
                also = ["vlan_vid"]
            self.flow(table, match(oxm("metadata", self.serial), *describe(r, fields, also)), apply(encode([action])), goto(table + 1))
            if not do(self.frame, [action]):
                return False
            if is_end:
                break
        self.flow(table + 1, match(oxm("metadata", self.serial), *describe(r, self.frame.fields())), apply(output(22)))
        return True

    def __str__(self):
        return f"given    {self.given.hex()}\nactions  {self.actions}\nexpected {self.frame.data.hex() if self.comes_out else 'nothing'}"


class Actions(SwitchTest):
    FENCE = b"\2\xfe" * 6 + b"\x88\xb6" + bytes(46)

    def out(self, frames):
        """What leaves by p2; whatever meets no rule of its own leaves by p3 -> (frames, number of those)"""
        for frame in frames:
            self.sw.give("p1", frame)
        got = []

        def is_done():
            got.extend(self.sw.take("p2"))
            return got[-1:] == [self.FENCE]
        until(is_done, "the switch stands still")
        return got[:-1], len(self.sw.take("p3"))  # all that was before the fence

    def batch(self, r, n):
        """Frames and their flows, all at once: what comes out must be what the model says, in order."""
        cases = [Case(r, serial + 1) for serial in range(n)]
        for table in range(STEPS + 3):
            self.c.send(flow_mod(apply(output(33)), priority=0, table=table))
        self.c.send(flow_mod(apply(output(22)), priority=0xffff, match=match(eth_type=0x88b6)))
        for flow in (flow for case in cases for flow in case.flows):
            self.c.send(flow)
        self.c.barrier()
        got, n_missed = self.out([case.given for case in cases] + [self.FENCE])
        want = [case for case in cases if case.comes_out]
        if n_missed or [bytes(case.frame.data) for case in want] != got:
            self.look_closer(cases)
        self.c.do(flow_mod(command=wire.DELETE, table=wire.ALL_TABLES))

    def look_closer(self, cases):
        for case in cases:
            got, n_missed = self.out([case.given, self.FENCE])
            self.assertEqual(n_missed, 0, f"a table does not match what the frame then has:\n{case}")
            self.assertEqual([x.hex() for x in got], [case.frame.data.hex()] * case.comes_out, case)
        self.fail("frames that are right one by one are wrong together")

    def lists(self, r, send):
        """Lists of actions; `send`(frame, actions) returns them in the order that they are to be done in."""
        for _ in range(N_CASES // 3 // BATCH):
            want = []
            for _ in range(BATCH):
                frame = build(r)
                given, actions, is_end = Frame(frame.data, frame.tail), [], False
                while len(actions) < 8 and not is_end:
                    action, is_end = anything(r, frame)
                    actions.append(action)
                    if not do(frame, [action]):
                        break
                about = f"given {given.data.hex()}\n"
                done = send(bytes(given.data), actions)
                if do(given, done):
                    want.append((given.data.hex(), f"{about}{done}"))
            send(self.FENCE, [])
            got, _ = self.out([])
            for frame, (expected, about) in zip(got, want):
                self.assertEqual(frame.hex(), expected, about)
            self.assertEqual(len(got), len(want))

    def test_packet_out(self):
        """Any action on any frame: what it has no header for stays as it is."""
        def send(frame, actions):
            self.c.send(packet_out(frame, encode(actions), output(22)))
            return actions
        self.lists(random.Random(SEED + 1), send)

    def test_action_sets(self):
        """5.10: done in this order, whatever the order that they were written in."""
        order = ["copy_ttl_in", "pop", "push_mpls", "push_pbb", "push_vlan", "copy_ttl_out", "dec", "set"]

        def place(action):
            return next(i for i, word in enumerate(order) if action[0].startswith(word))

        def send(frame, actions):
            kinds = {}
            for action in actions:
                if not (action[0].startswith("pop") and any(k[0].startswith("pop") for k in kinds)):
                    kinds[action[:2] if action[0] == "set_field" else action[:1]] = action
            dst, src = int.from_bytes(frame[:6], "big"), int.from_bytes(frame[6:12], "big")
            self.c.do(flow_mod(wire.write(encode(kinds.values()), output(22)), match=match(eth_dst=dst, eth_src=src)))
            self.sw.give("p1", frame)
            return sorted(kinds.values(), key=place)
        self.lists(random.Random(SEED + 2), send)

    def test_chains_of_tables(self):
        r = random.Random(SEED)
        for _ in range(N_CASES // BATCH):
            self.batch(r, BATCH)


if __name__ == "__main__":
    run()

# SPDX-License-Identifier: Apache-2.0
"""Random tables, as ovs-ofctl reads them, and random frames, small enough in their choices that frames meet rules often.

A rule is made from what its match says the frame is, so that both switches take it: an action that works on a header stands
only where match and earlier actions say that the header is there."""
import struct

PORTS = 4
TABLES = 6
MACS = [f"02:00:00:00:00:{i:02x}" for i in (1, 2, 3, 4)]
V4 = [f"10.0.{i}.{j}" for i in (0, 1) for j in (1, 2)]
V6 = [f"fd00::{i}:{j}" for i in (1, 2) for j in (1, 2)]
L4 = [1, 2, 80, 443]
VIDS = [1, 2, 3]
DSCP = [0, 10, 46]
# No TTL comes near 1: what is to be done then, Open vSwitch leaves half undone (it still does the action set).
READ_ONLY = "NXM_NX_IP_TTL"


def v4(text):
    return bytes(int(x) for x in text.split("."))


def v6(text):
    head, _, tail = text.partition("::")
    words = [int(x, 16) for x in head.split(":")], [int(x, 16) for x in tail.split(":")]
    return struct.pack(">8H", *words[0], *[0] * (8 - len(words[0]) - len(words[1])), *words[1])


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def csum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Frames:
    """The last four bytes of every frame are its number, by which its copies are known again."""

    def __init__(self, random):
        self.r = random

    def l4(self, proto, pseudo, number):
        r = self.r
        tail = bytes(r.randrange(4, 12)) + struct.pack(">I", number)
        src, dst = r.choice(L4), r.choice(L4)
        if proto == 6:
            body = struct.pack(">HHIIBBHHH", src, dst, 1, 2, 0x50, r.choice([2, 0x10, 0x11, 0x12]), 100, 0, 0) + tail
            at = 16
        elif proto == 17:
            body = struct.pack(">HHHH", src, dst, 8 + len(tail), 0) + tail
            at = 6
        else:
            body = struct.pack(">BBHHH", r.choice([0, 8, 3]) if proto == 1 else r.choice([128, 129]), 0, 0, 1, 1) + tail
            at = 2
        total = csum((pseudo + struct.pack(">HBB", len(body), 0, proto) if proto != 1 else b"") + body)
        return body[:at] + struct.pack(">H", total) + body[at + 2:]

    def ipv4(self, number):
        r, proto = self.r, self.r.choice([1, 6, 6, 17, 17, 99])
        src, dst = v4(r.choice(V4)), v4(r.choice(V4))
        body = bytes(8) + struct.pack(">I", number) if proto == 99 else self.l4(proto, src + dst, number)
        head = struct.pack(">BBHHHBBH", 0x45, r.choice(DSCP) << 2 | r.randrange(4), 20 + len(body), 7, 0, 64, proto,
                           0) + src + dst
        return head[:10] + struct.pack(">H", csum(head)) + head[12:] + body

    def ipv6(self, number):
        r, proto = self.r, self.r.choice([58, 6, 17])
        src, dst = v6(r.choice(V6)), v6(r.choice(V6))
        body = self.l4(proto, src + dst + b"\0\0", number)
        return struct.pack(">IHBB", 0x60000000 | r.choice(DSCP) << 22 | r.randrange(3), len(body), proto,
                           64) + src + dst + body

    def arp(self, number):
        r = self.r
        return struct.pack(">HHBBH", 1, 0x0800, 6, 4, r.choice([1, 2])) + mac(r.choice(MACS)) + v4(r.choice(V4)) + \
            mac(r.choice(MACS)) + v4(r.choice(V4)) + bytes(18) + struct.pack(">I", number)

    def one(self, number):
        r = self.r
        kind, make = r.choice([(0x0800, self.ipv4), (0x0800, self.ipv4), (0x86dd, self.ipv6), (0x0806, self.arp),
                               (0x88b5, lambda n: bytes(46) + struct.pack(">I", n))])
        tag = struct.pack(">HH", 0x8100, r.randrange(8) << 13 | r.choice(VIDS)) if r.randrange(2) else b""
        return mac(r.choice(MACS)) + mac(r.choice(MACS)) + tag + struct.pack(">H", kind) + make(number)


class Rules:
    def __init__(self, random, features):
        self.r, self.features = random, features

    # --- matches ---

    def some_mac(self):
        return self.r.choice(MACS) if self.r.randrange(4) else "02:00:00:00:00:00/ff:ff:ff:ff:ff:fe"

    def match(self, table):
        """Returns (words, what is known: kind of payload, protocol, tagged or None)."""
        r, words = self.r, []
        kind, proto, tagged = None, None, None
        if r.randrange(3) == 0:
            words.append(f"in_port={r.randrange(1, PORTS + 1)}")
        if r.randrange(4) == 0:
            words.append(f"dl_src={self.some_mac()}")
        if r.randrange(4) == 0:
            words.append(f"dl_dst={self.some_mac()}")
        tagged = r.choice([None, None, True, False])
        if tagged:
            words.append(r.choice([f"dl_vlan={r.choice(VIDS)}", "vlan_tci=0x1000/0x1000", f"dl_vlan_pcp={r.randrange(8)}"]))
        elif tagged is False:
            words.append("vlan_tci=0/0x1fff")
        kind = r.choice([None, "ip", "ip", "ipv6", "arp"])
        if kind in ("ip", "ipv6"):
            words += self.ip_words(kind)
            proto = r.choice([None, None, "tcp", "udp"])
        if proto:
            words.append(proto + ("6" if kind == "ipv6" else ""))
            if r.randrange(2):
                words.append(r.choice(["tp_src", "tp_dst"]) + f"={r.choice(L4)}" + r.choice(["", "", "/0xfffe" if 0 else ""]))
        elif kind:
            words.append(kind)
            if kind == "arp" and r.randrange(2):
                words.append(f"arp_op={r.choice([1, 2])}")
        if table and r.randrange(3) == 0:
            words.append(f"metadata={r.randrange(4)}/3")
        if table and "reg" in self.features and r.randrange(3) == 0:
            words.append(r.choice([f"reg{r.randrange(4)}={r.randrange(3)}", f"reg{r.randrange(4)}={r.randrange(2)}/1",
                                   f"xreg1={r.randrange(2)}"]))
        return words, kind, proto, tagged

    def ip_words(self, kind):
        r, pool = self.r, V4 if kind == "ip" else V6
        name = {"ip": "nw", "ipv6": "ipv6"}[kind]
        words = []
        for side in ("src", "dst"):
            if r.randrange(4) == 0:
                words.append(f"{name}_{side}={r.choice(pool)}" + r.choice(["", "", "/24" if kind == "ip" else "/96"]))
        if r.randrange(6) == 0:
            words.append(f"nw_tos={r.choice(DSCP) << 2}")
        if r.randrange(8) == 0:
            words.append(f"nw_ecn={r.randrange(4)}")
        return words

    # --- actions ---

    def settable(self, kind, proto, tagged):
        """(NXM name, bits) of fields that can be written and read here."""
        fields = [("NXM_OF_ETH_SRC", 48), ("NXM_OF_ETH_DST", 48), ("NXM_NX_REG0", 32), ("NXM_NX_REG1", 32), ("NXM_NX_REG2", 32),
                  ("NXM_NX_REG3", 32), ("OXM_OF_PKT_REG1", 64), ("NXM_NX_XXREG0", 128), ("OXM_OF_METADATA", 64)]
        if tagged:
            fields += [("OXM_OF_VLAN_PCP", 3)]
        if kind == "ip":
            fields += [("NXM_OF_IP_SRC", 32), ("NXM_OF_IP_DST", 32), (READ_ONLY, 8)]
        if kind == "ipv6":
            fields += [("NXM_NX_IPV6_SRC", 128), ("NXM_NX_IPV6_DST", 128)]
        if kind == "arp":
            fields += [("NXM_OF_ARP_SPA", 32), ("NXM_OF_ARP_TPA", 32), ("NXM_NX_ARP_SHA", 48)]
        if proto:
            fields += [(f"NXM_OF_{proto.upper()}_SRC", 16), (f"NXM_OF_{proto.upper()}_DST", 16)]
        return fields

    def subfield(self, fields, n=None, is_read=False):
        """Of n bits, or of any number."""
        name, bits = self.r.choice([f for f in fields if (n is None or f[1] >= n) and (is_read or f[0] != READ_ONLY)])
        n = n or self.r.choice([bits, min(bits, 4), 1, min(bits, 16)])
        at = self.r.randrange(bits - n + 1)
        return f"{name}[{at}..{at + n - 1}]" if n > 1 else f"{name}[{at}]", n

    def register_action(self, known):
        r, fields = self.r, self.settable(*known)
        what = r.choice(["move", "load", "load", "push", "pop", "out"] + ["bundle"] * ("bundle" in self.features))
        if what == "move":
            src, n = self.subfield(fields, is_read=True)
            return f"move:{src}->{self.subfield(fields, n)[0]}"
        if what == "load":
            dst, n = self.subfield(fields)
            return f"load:{r.randrange(1 << min(n, 3)):#x}->{dst}"
        if what == "bundle":
            members = ",".join(str(r.randrange(1, PORTS + 1)) for _ in range(2))
            return f"bundle_load(eth_src,0,active_backup,ofport,NXM_NX_REG3[0..15],members:{members})" if r.randrange(2) else \
                f"bundle(eth_src,0,active_backup,ofport,members:{members})"
        if what == "out":
            return f"load:{r.randrange(PORTS + 2)}->NXM_NX_REG3[0..15],output:NXM_NX_REG3[0..15]"
        if known[0] in ("ip", "ipv6") and r.randrange(3) == 0:
            return r.choice([f"load:{r.choice(DSCP) << 2}->NXM_OF_IP_TOS[]", "move:NXM_OF_IP_TOS[]->NXM_NX_REG1[8..15]",
                             "move:NXM_NX_REG1[4..11]->NXM_OF_IP_TOS[]", "push:NXM_OF_IP_TOS[]", "pop:NXM_OF_IP_TOS[]"])
        return f"{what}:{self.subfield(fields)[0]}"

    def set_action(self, known):
        r = self.r
        kind, proto, tagged = known
        choices = [f"mod_dl_src:{r.choice(MACS)}", f"mod_dl_dst:{r.choice(MACS)}"]
        if tagged:
            choices += [f"mod_vlan_vid:{r.choice(VIDS)}", f"mod_vlan_pcp:{r.randrange(8)}"]
        if kind in ("ip", "ipv6"):
            choices += [f"mod_nw_tos:{r.choice(DSCP) << 2}", f"mod_nw_ecn:{r.randrange(4)}", f"mod_nw_ttl:{r.choice([33, 200])}",
                        "dec_ttl"]
        if kind == "ip":
            choices += [f"mod_nw_src:{r.choice(V4)}", f"mod_nw_dst:{r.choice(V4)}"]
        if kind == "ipv6":
            choices += [f"set_field:{r.choice(V6)}->ipv6_src", f"set_field:{r.choice(V6)}->ipv6_dst"]
        if kind == "arp":
            choices += [f"set_field:{r.choice([1, 2])}->arp_op", f"set_field:{r.choice(V4)}->arp_spa",
                        f"set_field:{r.choice(MACS)}->arp_tha"]
        if proto:
            choices += [f"mod_tp_src:{r.choice(L4)}", f"mod_tp_dst:{r.choice(L4)}"]
        return r.choice(choices)

    def output(self):
        r = self.r
        return r.choice([f"output:{r.randrange(1, PORTS + 1)}"] * 6 + ["in_port", "all"])

    def actions(self, table, known, depth=0):
        """A list, and what is known of the frame behind it."""
        r, out = self.r, []
        for _ in range(r.choice([0, 1, 1, 2, 3, 4])):
            kind, proto, tagged = known
            what = r.choice(["output", "output", "set", "set", "tag", "reg", "resubmit", "clone", "exit"])
            if what == "output":
                out.append(self.output())
            elif what == "set":
                out.append(self.set_action(known))
            elif what == "tag" and tagged is True:
                out.append("pop_vlan")
                known = (kind, proto, False)
            elif what == "tag" and tagged is False:
                out.append("push_vlan:0x8100")
                known = (kind, proto, True)
            elif what == "reg" and "reg" in self.features:
                out.append(self.register_action(known))
            elif what == "resubmit" and "resubmit" in self.features and table + 1 < TABLES:
                port = r.choice(["", "", "", str(r.randrange(1, PORTS + 1)), "in_port"])
                out.append(f"resubmit({port},{r.randrange(table + 1, TABLES)})")
                known = (kind, proto, None)  # what it does to tags nobody knows here
            elif what == "clone" and "clone" in self.features and depth < 2:
                out.append("clone(" + ",".join(self.actions(table, known, depth + 1)[0]) + ")")
            elif what == "exit" and "exit" in self.features and r.randrange(4) == 0:
                out.append("exit")
        return out, known

    def write_set(self, known):
        out = [self.set_action(known) for _ in range(self.r.randrange(3))] + [self.output()]
        return [a for a in out if a != "dec_ttl"] or ["drop"]

    def instructions(self, table, known):
        r = self.r
        out, known = self.actions(table, known)
        if r.randrange(6) == 0:
            out.append("clear_actions")
        if r.randrange(4) == 0:
            out.append("write_actions(" + ",".join(self.write_set(("", None, False))) + ")")
        if r.randrange(4) == 0:
            out.append(f"write_metadata:{r.randrange(4)}/{r.choice([1, 3])}")
        if table + 1 < TABLES and r.randrange(2):
            out.append(f"goto_table:{r.randrange(table + 1, TABLES)}")
        return ",".join(out) or "drop"

    def one(self, table):
        words, kind, proto, tagged = self.match(table)
        return f"table={table},priority={self.r.randrange(1, 1000)}," + ",".join(words + [""]) + \
            "actions=" + self.instructions(table, (kind, proto, tagged))

    def conjunctions(self, table, id_):
        """The parts, all of one priority that nothing else in the table has, and the rule that they lead to.

        No other rule has a part's match (which nw_frag sees to): Open vSwitch, when a conjunction is whole but leads nowhere,
        does not see a rule of lower priority behind an equal match."""
        r, priority, n = self.r, 1000 + id_, self.r.choice([2, 2, 3])
        dimensions = [[f"nw_src={a}" for a in V4], [f"nw_dst={a}" for a in V4], [f"in_port={p}" for p in range(1, PORTS + 1)],
                      [f"dl_src={m}" for m in MACS]]
        rules = []
        for k, dimension in enumerate(r.sample(dimensions, n), 1):
            for words in r.sample(dimension, r.choice([1, 2, 3])):
                rules.append(f"table={table},priority={priority},ip,nw_frag=no,{words},actions=conjunction({id_},{k}/{n})")
        final = f"table={table},priority={2000 + id_},conj_id={id_},ip,actions=" + self.instructions(table, ("ip", None, None))
        return rules + ([final] if r.randrange(5) else [])

    def all(self, n):
        """No two of one table have the same priority: which of two would win is left open."""
        rules = {}
        while len(rules) < n:
            table = min(self.r.randrange(TABLES), self.r.randrange(TABLES))
            rule = self.one(table)
            rules.setdefault(rule.split(",", 2)[0] + rule.split(",", 2)[1], rule)
        parts = []
        if "conjunction" in self.features:
            for id_ in range(1, self.r.choice([1, 3, 8])):
                parts += self.conjunctions(self.r.randrange(TABLES), id_)
        return list(rules.values()) + parts + [f"table={t},priority=0,actions=drop" for t in range(TABLES)]

# SPDX-License-Identifier: Apache-2.0
"""Random flows, as ovs-ofctl reads them.

A rule is made from what its match says the frame is, so that both switches take it: an action that works on a header stands
only where match and earlier actions say that the header is there.  What stands in an action set or in a bucket meets any frame."""
from differential import fields, frames
from differential.fields import NOTHING, Known

PORTS = 4
TABLES = 6
GROUPS = 8
METERS = 3
ALL_FEATURES = ("reg resubmit clone exit conjunction bundle multipath group meter mpls qinq ttl masked set note mods").split()
SLOW_FEATURES = "normal learn".split()  # what a frame leaves behind concerns the next: one frame at a time

REGISTER_NAMES = {f.name for f in fields.REGISTERS}


class Rules:
    def __init__(self, random, features):
        self.r, self.features = random, features
        self.n_learn = 0
        self.is_bucket_pushing = self.maybe(2)
        self.is_list_pushing = self.maybe(2)  # labels; the other rounds take off those that frames come with
        self.label_type = self.some("0x8847", "0x8847", "0x8848")  # one in a round: README.md

    def some(self, *choices):
        return self.r.choice(choices)

    def maybe(self, n):
        return self.r.randrange(n) == 0

    def has(self, feature):
        return feature in self.features

    def port(self):
        return self.r.randrange(1, PORTS + 1)

    # --- matches ---

    def value(self, f):
        value = self.r.choice(f.values)
        return f"{value:#x}" if f.bits > 16 and isinstance(value, int) else value

    def mask_of(self, f):
        mask = self.some((1 << f.bits) - 1, (1 << f.bits) - 2, 1, 3 if f.bits > 1 else 1, self.r.getrandbits(f.bits) | 1)
        if isinstance(f.values[0], str) and f.bits == 48:
            return ":".join(f"{mask >> s & 255:02x}" for s in range(40, -8, -8))
        if isinstance(f.values[0], str) and f.bits == 32:
            return self.some(str(self.r.randrange(24, 33)), ".".join(str(mask >> s & 255) for s in (24, 16, 8, 0)))
        if isinstance(f.values[0], str):
            return str(self.r.choice([64, 96, 112, 127, 128]))
        return f"{mask:#x}"

    def word(self, f, is_plain=False):
        """A match on a field."""
        value = self.value(f)
        if f.name == "tcp_flags":
            return f"tcp_flags={value:#x}/{self.some(0xfff, 0x12, 0x10):#x}"
        if f.name == "vlan_vid":
            return self.some(f"dl_vlan={value & 0xfff}", f"vlan_vid={value & 0x1001:#x}/0x1001")
        if f.is_masked and not is_plain and self.maybe(3):
            return f"{f.name}={value}/{self.mask_of(f)}"
        return f"{f.name}={value}"

    def match(self, table):
        """Returns (words, what is known)."""
        r, words = self.r, []
        tags = self.some(None, None, None, 1, 0)
        eth = self.some(None, None, "ip", "ip", "ip", "ipv6", "ipv6", "arp", "rarp", *["mpls"] * 2 * self.has("mpls"))
        proto = r.choice(fields.PROTOS.get(eth, [None])) if self.maybe(2) else None
        if eth == "ipv6" and self.has("later"):
            proto = None
        known = Known(eth, proto, tags, tags == 0 or (tags == 1 and not self.has("qinq")),
                      self.some(None, True, False) if eth == "mpls" else None, None)
        if self.maybe(4):
            words.append(f"in_port={self.port()}")
        if tags:
            words.append("vlan_tci=0x1000/0x1000")
        elif tags == 0:
            words.append("vlan_tci=0/0x1fff" if self.maybe(2) else "vlan_vid=0")
        if proto:
            words += fields.PROTO_WORDS.get(proto, [proto])
        elif eth:
            words += fields.ETH_WORDS[eth]
        if known.is_bottom is not None:
            words.append(f"mpls_bos={known.is_bottom:d}")
        if eth == "mpls" and self.maybe(5):
            words = [w if w != "mpls" else "mplsm" for w in words]
        known = known._replace(is_other=eth == "mpls" and ("mplsm" in words) != (self.label_type == "0x8848"))
        there = [f for f in fields.there(known, self.features) if table or f not in fields.REGISTERS + fields.META]
        if proto or (eth == "ipv6" and self.has("later")):
            there = [f for f in there if f.name != "nw_proto"]
        for f in r.sample(there, min(len(there), self.some(0, 1, 1, 1, 2, 3))):
            words.append(self.word(f))
        if eth in ("ip", "ipv6") and self.maybe(6):
            words.append("ip_frag=" + self.some("no", "not_later", "first", *["yes", "later"] * (not proto)))
        return self.tidy(words), known

    def tidy(self, words):
        """One word for a field, and none for two whose bits are the same."""
        seen, out = set(), []
        for word in words:
            name = word.partition("=")[0]
            place = {"dl_vlan": "vlan", "vlan_vid": "vlan", "vlan_tci": "vlan"}.get(name, name)
            if name in REGISTER_NAMES:
                place = "registers"
            if place not in seen:
                out.append(word)
            elif place == "vlan" and name == "dl_vlan":
                out = [w for w in out if not w.startswith(("vlan_tci", "vlan_vid"))] + [word]
            seen.add(place)
        return out

    # --- actions ---

    def may_set(self, f, known):
        """Not what Open vSwitch does not do, and not in frames that are cut off: README.md."""
        if f in fields.ALWAYS + fields.VLAN:
            return f.name != "vlan_vid" or not self.has("normal")
        if self.has("later") and f in fields.IPV4 + fields.IPV6[:2] + fields.ICMP + fields.ICMP6 + fields.ND:
            return False
        return f.is_set and not self.has("cut") and known.eth != "rarp"

    def subfield(self, known, n=None, is_read=False):
        """Of n bits, or of any number; (text, bits)."""
        there = [f for f in fields.there(known, self.features)
                 if (n is None or f.bits >= n) and (is_read or (self.may_set(f, known) and f.name != "arp_op"))]
        f = self.r.choice(there)
        n = n or self.some(f.bits, min(f.bits, 4), 1, min(f.bits, 16))
        at = self.r.randrange(f.bits - n + 1)
        return f"{f.name}[{at}..{at + n - 1}]" if n > 1 else f"{f.name}[{at}]", n

    def ends_ttl(self, text):
        """Would the action bring a TTL near its end?"""
        return "_ttl[" in text.rpartition("->")[2]

    def register_action(self, known):
        r = self.r
        what = self.some("move", "load", "load", "push", "pop", "out", *["bundle"] * self.has("bundle"),
                         *["multipath"] * self.has("multipath"))
        if known.eth in ("ip", "ipv6") and not self.has("cut") and self.maybe(6):
            return self.some(f"load:{self.some(*frames.DSCP) << 2}->NXM_OF_IP_TOS[]", "move:NXM_OF_IP_TOS[]->reg1[8..15]",
                             "move:reg1[4..11]->NXM_OF_IP_TOS[]", "push:NXM_OF_IP_TOS[]", "pop:NXM_OF_IP_TOS[]")
        if what == "move":
            src, n = self.subfield(known, is_read=True)
            return f"move:{src}->{self.subfield(known, n)[0]}"
        if what == "load":
            dst, n = self.subfield(known)
            return f"load:{r.randrange(1 << min(n, self.some(3, 64))):#x}->{dst}"
        if what == "multipath":
            return f"multipath({self.some('eth_src', 'symmetric_l4', 'symmetric_l3l4')},{r.randrange(99)},modulo_n,1,0,reg{r.randrange(4)}[0..7])"
        if what == "bundle":
            members = ",".join(str(self.port()) for _ in range(2))
            return self.some(f"bundle_load(eth_src,0,active_backup,ofport,reg3[0..15],members:{members})",
                             f"bundle(eth_src,0,active_backup,ofport,members:{members})")
        if what == "out":
            return f"load:{r.randrange(PORTS + 2)}->reg3[0..15],output:reg3[0..15]"
        return f"{what}:{self.subfield(known, is_read=what == 'push')[0]}"

    def set_action(self, known):
        there = [f for f in fields.there(known, self.features) if self.may_set(f, known) and f not in fields.REGISTERS + fields.META[1:]]
        f = self.r.choice([f for f in there if f.name != "metadata"])
        if f.name == "vlan_vid":
            return self.some(f"mod_vlan_vid:{self.value(f) & 0xfff}", f"set_field:{self.value(f):#x}->vlan_vid")
        if f.name == "ip_dscp":
            return self.some(f"mod_nw_tos:{self.value(f) << 2}", f"set_field:{self.value(f)}->ip_dscp")
        if f.name == "nw_ttl" and self.maybe(2):
            return f"mod_nw_ttl:{self.value(f)}"
        if f.name == "mpls_ttl":
            return f"set_mpls_ttl({self.value(f)})"
        if f.is_masked and self.has("masked") and self.maybe(3):
            return f"set_field:{self.value(f)}/{self.mask_of(f)}->{f.name}"
        return f"set_field:{self.value(f)}->{f.name}"

    def ttl_action(self, known):
        if self.has("cut"):
            return None  # the TTL of a header that is not whole is 0 for Open vSwitch
        if known.eth in ("ip", "ipv6"):
            return self.some("dec_ttl", "dec_ttl", "dec_ttl(1,2)")
        return "dec_mpls_ttl" if known.eth == "mpls" else None

    def push_vlan(self, tags):
        """A second tag is to be like the first (OpenFlow 1.3.5, 5.12.1), but Open vSwitch makes it zero: README.md."""
        push = "push_vlan:" + self.some("0x8100", "0x8100", "0x88a8")
        return push + (f",set_field:{self.r.choice(fields.VLAN[1].values):#x}->vlan_vid,set_field:{self.r.randrange(8)}->vlan_pcp"
                       if tags != 0 else "")

    def tag_action(self, known):
        """Returns (action or None, what is known then)."""
        tags = known.tags or 0
        if tags and self.maybe(2):
            return "pop_vlan", known._replace(tags=tags - 1)
        if known.is_exact and tags < (2 if self.has("qinq") else 1):
            return self.push_vlan(tags), known._replace(tags=tags + 1)
        return None, known

    def push_mpls(self):
        """All of the new label, which OpenFlow 1.3.5, 5.12.1, and Open vSwitch fill in differently: README.md."""
        label, tc, ttl = [self.value(f) for f in fields.MPLS[:3]]
        return f"push_mpls:{self.label_type}" + \
            f",set_field:{label}->mpls_label,set_field:{tc}->mpls_tc,set_mpls_ttl({ttl})"

    def mpls_action(self, known, depth):
        may_pop = known.inner or (known.is_bottom is not None and not self.is_list_pushing and not known.is_other)  # README.md
        if may_pop and depth == 0 and self.maybe(2):
            to = known.inner or (self.some("ip", "ip", "ipv6") if known.is_bottom else "mpls")
            ethertype = {"ip": "0x0800", "ipv6": "0x86dd", "mpls": "0x8847", "arp": "0x0806", "rarp": "0x8035"}[to]
            return f"pop_mpls:{ethertype}", known._replace(eth=to, proto=None, is_bottom=None, inner=None)
        if known.eth not in (None, "mpls") and self.is_list_pushing:
            return self.push_mpls(), known._replace(eth="mpls", proto=None, is_bottom=True, inner=known.eth)
        return None, known

    def output(self):
        return self.some(*[f"output:{self.port()}"] * 8, "in_port", "all", "flood")

    def resubmit(self, table):
        port = self.some("", "", "", str(self.port()), "in_port")
        return f"resubmit({port},{self.r.randrange(table + 1, TABLES)})"

    def learn(self, table, known):
        """Flows of a priority that no other has; equal ones replace each other."""
        self.n_learn += 1
        steps = self.some(["NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]"],
                          ["eth_type=0x800", "NXM_OF_IP_DST[]=NXM_OF_IP_SRC[]"] if known.eth == "ip" else ["eth_type=0x86dd"],
                          ["NXM_OF_VLAN_TCI[0..11]", "NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]"], ["NXM_OF_IN_PORT[]", "NXM_OF_ETH_SRC[]"],
                          ["NXM_OF_ETH_SRC[0..7]=NXM_OF_ETH_DST[0..7]"])
        then = self.some(["output:NXM_OF_IN_PORT[]"], ["load:NXM_OF_IN_PORT[]->NXM_NX_REG1[0..15]", "output:NXM_OF_IN_PORT[]"],
                         ["load:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]", "output:NXM_OF_IN_PORT[]"],
                         ["load:0x2->NXM_NX_REG0[0..3]", f"load:{self.port()}->NXM_NX_REG2[0..15]", "output:NXM_OF_IN_PORT[]"])
        return f"learn(table={self.r.randrange(table + 1, TABLES)},priority={5000 + self.n_learn}," + ",".join(steps + then) + ")"

    def action(self, what, table, known, depth):
        """Returns (text or None, what is known behind it)."""
        features = self.features
        if what == "tag":
            return self.tag_action(known)
        if what == "mpls" and what in features:
            return self.mpls_action(known, depth)
        if what == "resubmit" and what in features and table + 1 < TABLES:
            return self.resubmit(table), known._replace(tags=None, is_exact=False)  # what became of tags?
        if what == "clone" and what in features and depth < 2:
            inner = self.actions(table, known, depth + 1)[0]
            return (f"clone({','.join(inner)})" if inner else None), known
        text = None
        if what == "output":
            text = self.output()
        elif what == "normal" and what in features:
            text = "NORMAL"
        elif what == "set":
            text = self.set_action(known)
        elif what == "reg" and what in features:
            text = self.register_action(known)
        elif what == "ttl" and what in features:
            text = self.ttl_action(known)
        elif what == "group" and what in features:
            text = f"group:{self.r.randrange(1, GROUPS + 1)}"
        elif what == "learn" and what in features and table + 1 < TABLES:
            text = self.learn(table, known)
        elif what == "note" and what in features:
            text = self.some("note:01.02.03", f"set_queue:{self.r.randrange(3)}")
        elif what == "exit" and what in features and self.maybe(4):
            text = "exit"
        return (None if text and self.ends_ttl(text) else text), known

    def actions(self, table, known, depth=0):
        """A list, and what is known of the frame behind it."""
        out = []
        for _ in range(self.some(0, 1, 1, 2, 3, 4, 6)):
            what = self.some("output", "output", "output", "set", "set", "tag", "mpls", "reg", "reg", "ttl", "resubmit", "clone",
                             "exit", "group", "note", "normal", "learn")
            text, known = self.action(what, table, known, depth)
            if text:
                out.append(text)
        return out, known

    def may_push(self, many, lowest_group):
        """Can a set push, and the frame will have no more tags or labels than Open vSwitch can do with?  Buckets do in some rounds,
        action sets in others; `many`: what those rounds have where the frames have many already."""
        return not self.has(many) and self.is_bucket_pushing == (lowest_group > 1)

    def set_list(self, known, lowest_group=1):
        """Actions of an action set, or of a bucket: at most one of a kind, but any number of fields."""
        out, pushes = [], []
        for _ in range(self.r.randrange(4)):
            text = self.set_action(known)
            if not self.ends_ttl(text) and "vlan_vid" not in text:  # which Open vSwitch takes for a push: README.md
                out.append(text)
        if self.has("mpls") and self.maybe(6) and self.may_push("labels", lowest_group):
            pushes.append(self.push_mpls())
        elif self.maybe(8) and (known.tags or 0) < 2 and self.may_push("qinq", lowest_group):
            pushes.append(self.push_vlan(None))
        elif self.maybe(8):
            out.append("pop_vlan")
        if self.has("group") and lowest_group <= GROUPS and self.maybe(4) and not pushes:
            out.append(f"group:{self.r.randrange(lowest_group, GROUPS + 1)}")
        if self.r.randrange(8):
            out.append(self.output())
        return out + pushes

    def instructions(self, table, known):
        out, behind = [], NOTHING
        if self.has("meter") and self.maybe(8):
            out.append(f"meter:{self.r.randrange(1, METERS + 1)}")
        acts, behind = self.actions(table, known)
        out += acts
        if self.maybe(6):
            out.append("clear_actions")
        if self.maybe(4):
            inner = self.set_list(behind)
            if inner:
                out.append("write_actions(" + ",".join(inner) + ")")
        if self.maybe(4):
            out.append(f"write_metadata:{self.r.randrange(4)}/{self.some(1, 3, 0xff)}")
        if table + 1 < TABLES and self.maybe(2):
            out.append(f"goto_table:{self.r.randrange(table + 1, TABLES)}")
        return ",".join(out) or "drop"

    def one(self, table):
        """(priority, text)"""
        words, known = self.match(table)
        priority = self.r.randrange(1, 1000)
        return priority, f"table={table},priority={priority}," + ",".join(words + [""]) + \
            f"cookie={self.r.randrange(4)},actions=" + self.instructions(table, known)

    def conjunctions(self, table, id_):
        """The parts, all of one priority that nothing else in the table has, and the rule that they lead to.

        No other rule has a part's match (which ip_frag sees to): see README.md."""
        r, priority, n = self.r, 1000 + id_, self.some(2, 2, 3)
        dimensions = [[f"nw_src={a}" for a in frames.V4] + ["nw_src=10.0.0.0/24"], [f"nw_dst={a}" for a in frames.V4],
                      [f"in_port={p}" for p in range(1, PORTS + 1)], [f"dl_src={m}" for m in frames.MACS]]
        out = []
        for k, dimension in enumerate(r.sample(dimensions, n), 1):
            for words in r.sample(dimension, self.some(1, 2, 3)):
                out.append(f"table={table},priority={priority},ip,ip_frag=no,{words},actions=conjunction({id_},{k}/{n})")
        final = f"table={table},priority={2000 + id_},conj_id={id_},ip,actions=" + \
            self.instructions(table, NOTHING._replace(eth="ip"))
        return out + ([final] if r.randrange(5) else [])

    # --- groups ---

    def bucket(self, kind, id_):
        words = []
        if kind == "ff":
            higher = id_ < GROUPS and self.maybe(4)
            words.append(f"watch_group:{self.r.randrange(id_ + 1, GROUPS + 1)}" if higher else f"watch_port:{self.port()}")
        acts = self.set_list(NOTHING, id_ + 1)
        return "bucket=" + ",".join(words + ["actions=" + ",".join(acts or ["drop"])])

    def group(self, id_):
        """Groups lead to groups of higher numbers only.  None is of type select: what follows it in a clone, Open vSwitch forgets."""
        kind = self.some("all", "all", "indirect", "ff")
        n = 1 if kind == "indirect" else self.some(1, 2, 2, 3, 4)
        return f"group_id={id_},type={kind}," + ",".join(self.bucket(kind, id_) for _ in range(n))

    def groups(self):
        return [self.group(i) for i in range(GROUPS, 0, -1)] if self.has("group") else []

    # --- all of it ---

    def all(self, n):
        """No two of one table have the same priority: which of two would win is left open."""
        rules = {}
        while len(rules) < n:
            table = min(self.r.randrange(TABLES), self.r.randrange(TABLES))
            priority, text = self.one(table)
            rules.setdefault((table, priority), text)
        parts = []
        if self.has("conjunction"):
            for id_ in range(1, self.some(1, 3, 8)):
                parts += self.conjunctions(self.r.randrange(TABLES), id_)
        return [f"group add {g}" for g in self.groups()] + [
            f"flow add {f}" for f in list(rules.values()) + parts + [f"table={t},priority=0,actions=drop" for t in range(TABLES)]]

    def changes(self, n, flows):
        """Lines that change what stands: `flows` are the lines that made it.  No group is deleted: when a flow names it twice, that
        ends Open vSwitch by an assertion."""
        flows = [f for f in flows if f.startswith("flow add") and "priority=0," not in f and "conj" not in f]
        out = []
        for _ in range(n):
            head, _, _ = self.r.choice(flows)[len("flow add "):].partition("cookie=")
            table, _, words = head.partition(",")
            priority, _, words = words.partition(",")
            table = int(table.partition("=")[2])
            what = self.some("modify", "strict", "strict", "delete", "delete_strict", "cookie", "port", "group", "replace")
            loose = ",".join([w for w in words.split(",") if w][:2] + [""])
            if what == "modify":
                out.append(f"flow modify table={table},{loose}actions=" + self.instructions(table, NOTHING))
            elif what == "strict":
                out.append(f"flow modify_strict table={table},{priority},{words}actions=" + self.instructions(table, NOTHING))
            elif what == "replace":
                out.append(f"flow add table={table},{priority},{words}actions=" + self.instructions(table, NOTHING))
            elif what == "delete" and loose:
                out.append(f"flow delete table={table},{loose}".rstrip(","))
            elif what == "delete_strict":
                out.append(f"flow delete_strict table={table},{priority},{words}".rstrip(","))
            elif what == "cookie":
                out.append(f"flow delete cookie={self.r.randrange(4)}/-1,table={table},{loose}".rstrip(","))
            elif what == "port":
                out.append(f"flow delete out_port={self.port()},table={table},{loose}".rstrip(","))
            elif what == "group" and self.has("group"):
                out.append(f"group mod {self.group(self.r.randrange(1, GROUPS + 1))}")
        return out

# SPDX-License-Identifier: Apache-2.0
"""What OpenFlow 1.3.5 says that actions do to a frame: a slow model that works on plain bytes, and knows nothing of the switch.

Written from 5.12 and 7.2.5 of the specification: a frame is read anew for every action, the header is changed, and every
checksum is computed from scratch."""
import struct

TPIDS = (0x8100, 0x88a8, 0x9100)
MPLS = (0x8847, 0x8848)
PBB, IPV4, IPV6, ARP = 0x88e7, 0x0800, 0x86dd, 0x0806
NOT_A_TYPE = 0x05ff
HOP, ROUTING, FRAGMENT, ESP, AUTH, ICMP6, NO_NEXT, DESTINATION = 0, 43, 44, 50, 51, 58, 59, 60
EXTENSIONS = (HOP, ROUTING, FRAGMENT, AUTH, DESTINATION)
EXTENSION_BITS = {NO_NEXT: 1, ESP: 2, AUTH: 4, DESTINATION: 8, FRAGMENT: 16, ROUTING: 32, HOP: 64}
REPEATED, OUT_OF_ORDER = 128, 256
L4_NAMES = {6: "tcp", 17: "udp", 132: "sctp"}
SUM_AT = {1: 2, 6: 16, 17: 6, 58: 2}
MASKABLE = ("eth_dst eth_src ipv4_src ipv4_dst arp_spa arp_tpa arp_sha arp_tha ipv6_src ipv6_dst ipv6_flabel pbb_isid tunnel_id "
            "ipv6_exthdr metadata").split()


def number(data, at, size):
    return int.from_bytes(data[at:at + size], "big")


def sum16(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return (crc ^ 0xffffffff).to_bytes(4, "little")


def extension_bits(kinds):
    """ipv6_exthdr of a chain of header types (7.2.3.7; the order is that of RFC 8200, 4.1)."""
    bits = 0
    for i, kind in enumerate(kinds):
        if kind != HOP or i == 0:
            bits |= EXTENSION_BITS[kind]
        if kind == HOP and i:
            bits |= OUT_OF_ORDER
    if any(kinds.count(kind) > (2 if kind == DESTINATION else 1) for kind in kinds):
        bits |= REPEATED
    once = []
    for kind in kinds:
        if once[-1:] != [kind] if kind != DESTINATION else once.count(kind) < 2:
            once.append(kind)
    wanted = iter([HOP, DESTINATION, ROUTING, FRAGMENT, AUTH, ESP, DESTINATION, NO_NEXT])
    if not all(kind in wanted for kind in once):
        bits |= OUT_OF_ORDER
    return bits


class Headers:
    """The fields of a frame, and where they are: `fields` name -> value, `places` name -> (offset, bytes, shift, bits)."""

    def __init__(self, data):
        self.data, self.fields, self.places = data, {}, {}
        self.l3 = self.l4 = self.label = self.type_at = None
        self.proto = None  # of an L4 header that is there
        self.final_dst = None
        self.add("eth_dst", 0, 6)
        self.add("eth_src", 6, 6)
        self.read_tags()

    def add(self, name, at, size, shift=0, bits=None):
        bits = size * 8 if bits is None else bits
        self.places[name] = (at, size, shift, bits)
        self.fields[name] = number(self.data, at, size) >> shift & ((1 << bits) - 1)

    def read_tags(self):
        at, self.n_tags = 12, 0
        while number(self.data, at, 2) in TPIDS:
            at += 4
            self.n_tags += 1
        self.fields["vlan_vid"] = 0
        if self.n_tags:
            self.add("vlan_vid", 14, 2, 0, 12)
            self.fields["vlan_vid"] |= 0x1000
            self.add("vlan_pcp", 14, 2, 13, 3)
        kind, payload = number(self.data, at, 2), at + 2
        self.ethernet_type_at = at if kind >= 0x600 else None
        if kind < 0x600:
            is_snap = self.data[at + 2:at + 8] == bytes.fromhex("aaaa03000000")
            kind = number(self.data, at + 8, 2) if is_snap else NOT_A_TYPE
            payload = at + 10 if is_snap else at + 2
        self.payload = payload
        self.fields["eth_type"] = kind
        if kind != NOT_A_TYPE:
            self.type_at = payload - 2
            self.places["eth_type"] = (payload - 2, 2, 0, 16)
        if kind in MPLS:
            self.label = payload
            self.add("mpls_label", payload, 4, 12, 20)
            self.add("mpls_tc", payload, 4, 9, 3)
            self.add("mpls_bos", payload, 4, 8, 1)
        elif kind == PBB:
            self.add("pbb_isid", payload, 4, 0, 24)
        elif kind == IPV4:
            self.read_ipv4(payload)
        elif kind == IPV6:
            self.read_ipv6(payload)
        elif kind == ARP:
            self.read_arp(payload)

    def read_ipv4(self, at):
        data = self.data[at:]
        if len(data) < 20 or data[0] >> 4 != 4:
            return
        size, total = (data[0] & 15) * 4, number(data, 2, 2)
        if size < 20 or not size <= total <= len(data):
            return
        self.l3 = at
        self.add("ip_dscp", at + 1, 1, 2, 6)
        self.add("ip_ecn", at + 1, 1, 0, 2)
        self.add("ip_proto", at + 9, 1)
        self.add("ipv4_src", at + 12, 4)
        self.add("ipv4_dst", at + 16, 4)
        self.ttl_at = at + 8
        self.is_fragment = number(data, 6, 2) & 0x3fff != 0
        if not number(data, 6, 2) & 0x1fff:
            self.read_l4(at + size, at + total, self.fields["ip_proto"])

    def read_ipv6(self, at):
        data = self.data[at:]
        if len(data) < 40 or data[0] >> 4 != 6 or number(data, 4, 2) > len(data) - 40:
            return
        self.l3 = at
        end = at + 40 + number(data, 4, 2)
        self.add("ip_dscp", at, 2, 6, 6)
        self.add("ip_ecn", at, 2, 4, 2)
        self.add("ipv6_flabel", at, 4, 0, 20)
        self.add("ipv6_src", at + 8, 16)
        self.add("ipv6_dst", at + 24, 16)
        self.ttl_at = at + 7
        self.is_fragment = is_later = False
        next_at, here, kinds = at + 6, at + 40, []
        while self.data[next_at] in EXTENSIONS and not is_later:
            kind = self.data[next_at]
            kinds.append(kind)
            if kind == FRAGMENT:
                place = number(self.data, here + 2, 2)
                self.is_fragment, is_later = place & 0xfff9 != 0, place & 0xfff8 != 0
            if kind == ROUTING and self.data[here + 3]:
                self.final_dst = self.data[here + 8:here + 24]
            size = 8 if kind == FRAGMENT else (self.data[here + 1] + 2) * 4 if kind == AUTH else (self.data[here + 1] + 1) * 8
            next_at, here = here, here + size
        if self.data[next_at] in (ESP, NO_NEXT) and not is_later:
            kinds.append(self.data[next_at])
        self.add("ip_proto", next_at, 1)
        self.fields["ipv6_exthdr"] = extension_bits(kinds)
        if not is_later:
            self.read_l4(here, end, self.fields["ip_proto"])

    def read_arp(self, at):
        if len(self.data) < at + 28 or self.data[at:at + 6] != bytes.fromhex("000108000604"):
            return
        for name, ofs, size in (("arp_op", 6, 2), ("arp_sha", 8, 6), ("arp_spa", 14, 4), ("arp_tha", 18, 6), ("arp_tpa", 24, 4)):
            self.add(name, at + ofs, size)

    def read_l4(self, at, end, proto):
        is_v6 = self.fields["eth_type"] == IPV6
        size = {6: 20, 17: 8, 132: 12, 1: 4, ICMP6: 4}.get(proto)
        if not size or end - at < size or proto == (1 if is_v6 else ICMP6):
            return
        self.l4, self.l4_end, self.proto = at, end, proto
        if proto in L4_NAMES:
            if proto == 132 and self.is_fragment:  # its checksum cannot be made from one fragment
                self.fields["sctp_src"], self.fields["sctp_dst"] = number(self.data, at, 2), number(self.data, at + 2, 2)
                return
            self.add(L4_NAMES[proto] + "_src", at, 2)
            self.add(L4_NAMES[proto] + "_dst", at + 2, 2)
            return
        name = "icmpv6" if is_v6 else "icmpv4"
        self.add(name + "_type", at, 1)
        self.add(name + "_code", at + 1, 1)
        if is_v6 and self.data[at] in (135, 136):
            self.read_nd(at, end, self.data[at])

    def read_nd(self, at, end, kind):
        if end - at < 24:
            return
        self.add("ipv6_nd_target", at + 8, 16)
        option, name = (1, "ipv6_nd_sll") if kind == 135 else (2, "ipv6_nd_tll")
        self.fields[name] = 0
        here = at + 24
        while here + 8 <= end and self.data[here + 1]:
            size = self.data[here + 1] * 8
            if self.data[here] == option and size == 8:
                self.add(name, here + 2, 6)
                return
            here += size


class Gone(Exception):
    """The frame goes no further: its TTL is used up."""


class Frame:
    """A frame with the pipeline's fields.  `tail`: what the other fragments of its datagram carry."""

    def __init__(self, data, tail=b""):
        self.data, self.tail, self.tunnel_id = bytearray(data), tail, 0

    def headers(self):
        return Headers(bytes(self.data))

    def fields(self):
        return {**self.headers().fields, "tunnel_id": self.tunnel_id}

    def put(self, place, value):
        at, size, shift, bits = place
        ones = ((1 << bits) - 1) << shift
        old = number(self.data, at, size)
        self.data[at:at + size] = ((old & ~ones) | (value << shift & ones)).to_bytes(size, "big")

    def sum_up(self):
        """Every checksum of the IP packet that can be seen."""
        h = self.headers()
        if h.l3 is None:
            return
        if h.fields["eth_type"] == IPV4:
            self.sum_ipv4(h.l3)
        if h.l4 is None:
            return
        l4 = bytes(self.data[h.l4:h.l4_end])
        if h.proto == 132:
            if not h.is_fragment:
                self.data[h.l4 + 8:h.l4 + 12] = crc32c(l4[:8] + bytes(4) + l4[12:])
            return
        at = SUM_AT[h.proto]
        if h.proto == 17 and l4[at:at + 2] == b"\0\0":
            return
        pseudo = b"" if h.proto == 1 else self.pseudo(h, len(l4) + len(self.tail))
        value = 0xffff ^ sum16(pseudo + l4[:at] + b"\0\0" + l4[at + 2:] + self.tail)
        self.put((h.l4 + at, 2, 0, 16), value if value or h.proto != 17 else 0xffff)

    def pseudo(self, h, size):
        if h.fields["eth_type"] == IPV4:
            return bytes(self.data[h.l3 + 12:h.l3 + 20]) + struct.pack("!BBH", 0, h.proto, size)
        dst = h.final_dst or bytes(self.data[h.l3 + 24:h.l3 + 40])
        return bytes(self.data[h.l3 + 8:h.l3 + 24]) + dst + struct.pack("!II", size, h.proto)

    def sum_ipv4(self, at):
        size = (self.data[at] & 15) * 4
        self.data[at + 10:at + 12] = b"\0\0"
        self.put((at + 10, 2, 0, 16), 0xffff ^ sum16(bytes(self.data[at:at + size])))

    # --- actions: what the frame has no header for is left undone ---

    def set_field(self, name, value):
        if name == "tunnel_id":
            self.tunnel_id = value
            return
        h = self.headers()
        if name not in h.places or name == "ipv6_exthdr":
            return
        if name in ("ipv6_nd_sll", "ipv6_nd_tll") and not h.fields[name]:
            return  # as if it were not there: an option of zeros
        if name == "ip_proto":
            self.set_proto(h, value)
            return
        self.put(h.places[name], value & 0xfff if name == "vlan_vid" else value)
        if name != "eth_type":
            self.sum_up()

    def set_proto(self, h, value):
        """The bytes behind stay, so does their checksum's place: it covers the number in the pseudo-header."""
        old = h.fields["ip_proto"]
        self.put(h.places["ip_proto"], value)
        if h.fields["eth_type"] == IPV4:
            self.sum_ipv4(h.l3)
        if h.proto not in (6, 17, ICMP6):
            return
        at = h.l4 + SUM_AT[h.proto]
        field = number(self.data, at, 2)
        if h.proto == 17 and not field:
            return
        total = (0xffff ^ field) + (0xffff ^ old) + value
        field = 0xffff ^ sum16(struct.pack("!I", total))
        self.put((at, 2, 0, 16), field if field or h.proto != 17 else 0xffff)

    def push_vlan(self, tpid):
        old = number(self.data, 14, 2) & 0xefff if self.headers().n_tags else 0
        self.data[12:12] = struct.pack("!HH", tpid, old)

    def pop_vlan(self):
        if self.headers().n_tags:
            del self.data[12:16]

    def push_mpls(self, kind):
        h = self.headers()
        if h.ethernet_type_at is None:
            return
        if h.label is not None:
            entry = number(self.data, h.label, 4) & ~0x100
        else:
            entry = 0x100 | (self.data[h.ttl_at] if h.l3 is not None else 0)
        self.data[h.payload:h.payload] = entry.to_bytes(4, "big")
        self.put(h.places["eth_type"], kind)

    def pop_mpls(self, kind):
        h = self.headers()
        if h.label is None:
            return
        self.put(h.places["eth_type"], kind)
        del self.data[h.label:h.label + 4]

    def push_pbb(self, kind):
        h = self.headers()
        isid, pcp = h.fields.get("pbb_isid", 0), h.fields.get("vlan_pcp", 0)
        self.data[0:0] = self.data[:12] + struct.pack("!HI", kind, pcp << 29 | isid)

    def pop_pbb(self):
        h = self.headers()
        if h.fields["eth_type"] == PBB and not h.n_tags:
            del self.data[:18]

    def ip_ttl(self, change):
        h = self.headers()
        if h.l3 is not None:
            self.data[h.ttl_at] = change(self.data[h.ttl_at])
            self.sum_up()

    def mpls_ttl(self, change):
        h = self.headers()
        if h.label is not None:
            self.data[h.label + 3] = change(self.data[h.label + 3])

    def set_nw_ttl(self, ttl):
        self.ip_ttl(lambda _: ttl)

    def dec_nw_ttl(self):
        self.ip_ttl(one_less)

    def set_mpls_ttl(self, ttl):
        self.mpls_ttl(lambda _: ttl)

    def dec_mpls_ttl(self):
        self.mpls_ttl(one_less)

    def inner_ttl(self, h):
        """Where the TTL of what follows the outermost label is."""
        behind = h.label + 4
        if not h.fields["mpls_bos"]:
            return behind + 3
        for kind, ttl in ((IPV4, 8), (IPV6, 7)):
            if Headers(bytes(12) + struct.pack("!H", kind) + bytes(self.data[behind:])).l3 is not None:
                return behind + ttl
        return None

    def copy_ttl_out(self):
        h = self.headers()
        at = self.inner_ttl(h) if h.label is not None else None
        if at is not None:
            self.data[h.label + 3] = self.data[at]

    def copy_ttl_in(self):
        h = self.headers()
        at = self.inner_ttl(h) if h.label is not None else None
        if at is None:
            return
        self.data[at] = self.data[h.label + 3]
        if h.fields["mpls_bos"] and self.data[h.label + 4] >> 4 == 4:
            self.sum_ipv4(h.label + 4)


def one_less(ttl):
    if ttl < 2:
        raise Gone
    return ttl - 1

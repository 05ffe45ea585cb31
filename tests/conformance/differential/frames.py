# SPDX-License-Identifier: Apache-2.0
"""Random frames, small enough in their choices that they meet random rules often: tags, labels, every protocol whose fields
either switch knows, extension headers, fragments, and frames that are cut off or lie about their lengths.

The last four bytes of a frame are its number, by which its copies are known again."""
import struct

MACS = [f"02:00:00:00:00:{i:02x}" for i in (1, 2, 3, 4)]
V4 = [f"10.0.{i}.{j}" for i in (0, 1) for j in (1, 2)]
V6 = [f"fd00::{i}:{j}" for i in (1, 2) for j in (1, 2)]
L4 = [1, 2, 80, 443]
VIDS = [1, 2, 3]
LABELS = [16, 17, 0x54321]
DSCP = [0, 10, 46]
TTLS = [33, 64, 200]         # none is near its end, see README.md
TCP_FLAGS = [0x02, 0x10, 0x11, 0x12, 0x18]
ND_SOLICIT, ND_ADVERT = 135, 136
HOP, ROUTING, FRAGMENT, AUTH, NONE, DEST = 0, 43, 44, 51, 59, 60


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


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


class Frames:
    """features: qinq, frames with two tags; labels, with more than two labels; cut, frames that are cut off or lie; later, fragments that
    are not the first, and every IPv6 fragment."""

    def __init__(self, random, features):
        self.r, self.features = random, features

    def some(self, *choices):
        return self.r.choice(choices)

    def maybe(self, n):
        return self.r.randrange(n) == 0

    # --- layer 4: each gives bytes that end in `tail`, and where its checksum is ---

    def tcp(self, tail):
        options = self.some(b"", b"", b"\x02\x04\x05\xb4")
        return struct.pack(">HHIIBBHHH", self.some(*L4), self.some(*L4), 1, 2, (5 + len(options) // 4) << 4,
                           self.some(*TCP_FLAGS), 100, 0, 0) + options + tail, 16

    def udp(self, tail):
        return struct.pack(">HHHH", self.some(*L4), self.some(*L4), 8 + len(tail), 0) + tail, 6

    def sctp(self, tail):
        tail = bytes(-len(tail) % 4) + tail
        body = struct.pack(">HHII", self.some(*L4), self.some(*L4), 5, 0) + tail
        return body[:8] + struct.pack("<I", crc32c(body)) + body[12:], None

    def icmp(self, tail):
        return struct.pack(">BBHHH", self.some(0, 3, 8), self.some(0, 1), 0, 1, 1) + tail, 2

    def icmp6(self, tail):
        return struct.pack(">BBHHH", self.some(1, 128, 129), self.some(0, 1), 0, 1, 1) + tail, 2

    def nd(self, tail):
        kind = self.some(ND_SOLICIT, ND_ADVERT)
        option = struct.pack(">BB", self.some(1, 2), 1) + mac(self.some(*MACS))
        options = self.some(b"", option, option, struct.pack(">BB6x", 5, 1) + option)
        # What follows must be an option too.
        rest = struct.pack(">BB", 253, 1 + (len(tail) + 5) // 8) + bytes((-len(tail) - 2) % 8) + tail
        return struct.pack(">BBHI", kind, 0, 0, 0) + v6(self.some(*V6)) + options + rest, 2

    def payload(self, proto, pseudo, tail):
        """`pseudo`: addresses, for the checksum."""
        make = {1: self.icmp, 6: self.tcp, 17: self.udp, 132: self.sctp, 58: self.icmp6, ND_SOLICIT: self.nd}.get(proto)
        if not make:
            return bytes(8) + tail
        body, at = make(tail)
        if at is None or (proto == 17 and len(pseudo) == 8 and self.maybe(6)):
            return body  # UDP without a checksum
        number = 58 if proto == ND_SOLICIT else proto
        total = csum((pseudo + struct.pack(">IBBH", len(body), 0, 0, number) if proto != 1 else b"") + body)
        if self.maybe(12):
            total ^= 0x0101  # wrong, and must stay as wrong
        return body[:at] + struct.pack(">H", total or 0xffff) + body[at + 2:]

    # --- layer 3: each gives (bytes, whether the number stands outside, as padding) ---

    def ipv4(self, tail):
        proto = self.some(1, 6, 6, 17, 17, 132, 99)
        src, dst = v4(self.some(*V4)), v4(self.some(*V4))
        body = self.payload(proto, src + dst, tail)
        fragment = 0 if proto == 132 else self.some(0, 0, 0, 0, 0, 0x4000, 0x2000, *[0x2003, 5] * ("later" in self.features))
        options = self.some(b"", b"", b"", b"\x94\x04\0\0", bytes(8))
        total = 20 + len(options) + len(body)
        if "cut" in self.features and self.maybe(20):
            total = self.some(total + 1, total - 1, 19, 0)
        head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, self.some(*DSCP) << 2 | self.r.randrange(4), total, 7,
                           fragment, self.some(*TTLS), proto, 0) + src + dst + options
        total = csum(head) ^ (0x0101 if self.maybe(30) else 0)
        return head[:10] + struct.pack(">H", total) + head[12:] + body

    def extensions(self, proto):
        """Headers in front of `proto`: (the first's type, their bytes)."""
        out, kinds = b"", []
        if self.maybe(3) and "cut" not in self.features:  # what is behind a header that is cut off: README.md
            kinds = [k for k in (HOP, DEST, ROUTING, FRAGMENT, AUTH, DEST) if self.maybe(4) and (k, proto) != (FRAGMENT, 132)]
        if "later" not in self.features:
            kinds = [k for k in kinds if k != FRAGMENT]
        if self.maybe(8):
            self.r.shuffle(kinds)
        for kind in reversed(kinds):
            if kind == FRAGMENT:
                head = struct.pack(">BBHI", proto, 0, self.some(0, 1, 1, 0x19, 0x50), 9)
            elif kind == AUTH:
                head = struct.pack(">BBHIII", proto, 2, 0, 1, 1, 0)
            elif kind == ROUTING:
                head = struct.pack(">BBBBI", proto, 0, 4, 0, 0)
            else:
                more = self.some(0, 0, 1)
                head = struct.pack(">BBBB4x", proto, more, 1, 4 + 8 * more) + bytes(8 * more)
            out, proto = head + out, kind
        return proto, out

    def ipv6(self, tail):
        proto = self.some(58, 6, 6, 17, 17, ND_SOLICIT, ND_SOLICIT, 132, 99, NONE)
        src, dst = v6(self.some(*V6)), v6(self.some(*V6))
        body = self.payload(proto, src + dst, tail)
        first, headers = self.extensions(58 if proto == ND_SOLICIT else proto)
        length = len(headers) + len(body)
        if "cut" in self.features and self.maybe(20):
            length = self.some(length + 1, length - 1, 0)
        return struct.pack(">IHBB", 0x60000000 | self.some(*DSCP) << 22 | self.r.randrange(4) << 20 | self.some(0, 0, 0x12345),
                           length, first, self.some(*TTLS)) + src + dst + headers + body

    def arp(self, tail):
        head = struct.pack(">HHBBH", 1, 0x0800, 6, self.some(4, 4, 4, 4, 5) if "cut" in self.features else 4, self.some(1, 2))
        return head + mac(self.some(*MACS)) + v4(self.some(*V4)) + mac(self.some(*MACS)) + v4(self.some(*V4)) + bytes(14) + tail

    def other(self, tail):
        return bytes(42) + tail

    def kinds(self):
        return [(0x0800, self.ipv4)] * 5 + [(0x86dd, self.ipv6)] * 4 + [(0x0806, self.arp)] * 2 + [
            (0x8035, self.arp), (0x88b5, self.other)]

    def mpls(self, tail):
        labels = self.some(1, 1, 2, 2, *[3, 4] * ("labels" in self.features))
        out = b""
        for i in range(labels):
            out += struct.pack(">I", self.some(*LABELS) << 12 | self.r.randrange(8) << 9 | (i + 1 == labels) << 8 |
                               self.some(*TTLS))
        return out + self.some(self.ipv4, self.ipv4, self.ipv6, self.other)(tail)

    # --- layer 2 ---

    def tags(self):
        if self.maybe(2):
            return b""
        tpids = self.some([0x8100], [0x8100], [0x88a8], *[[0x88a8, 0x8100], [0x8100, 0x8100]] * ("qinq" in self.features))
        vids = VIDS + [0] if "normal" not in self.features and self.maybe(8) else VIDS
        return b"".join(struct.pack(">HH", t, self.r.randrange(8) << 13 | self.some(*vids)) for t in tpids)

    def one(self, number):
        tail = bytes(self.r.randrange(4, 14)) + struct.pack(">I", number)
        kinds = self.kinds() + [(self.some(0x8847, 0x8847, 0x8848), self.mpls)] * (3 if "mpls" in self.features else 1)
        kind, make = self.some(*kinds)
        body = make(tail)
        if self.maybe(10):
            body += bytes(self.r.randrange(9)) + struct.pack(">I", number)  # padding
        head = mac(self.some(*MACS)) + mac(self.some(*MACS)) + self.tags()
        if "mpls" not in self.features and self.maybe(30):  # a label is not for such frames: README.md
            head += struct.pack(">H", len(body) + 8) + b"\xaa\xaa\x03\0\0\0"
        frame = head + struct.pack(">H", kind) + body
        if "cut" in self.features and self.maybe(6):  # cut off, or so short that the number lies where a header should be
            frame = frame[:self.r.randrange(12, len(frame))] + struct.pack(">I", number)
        return frame

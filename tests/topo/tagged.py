#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends tagged UDP datagrams whose checksum is still to be done from one namespace, and checks that another gets the same
tags and a checksum that is right, or still to be done at the right place.
    tagged.py NETNS IFACE NETNS IFACE"""
import os
import socket
import struct
import sys

SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR = 263, 8, 15
VLAN_VALID, TPID_VALID = 1 << 4, 1 << 6
STACKS = [[], [(0x8100, 7)], [(0x8100, 0xe000)], [(0x8100, 0)], [(0x88a8, 8)], [(0x88a8, 8), (0x8100, 9)],
          [(0x8100, 0x3011), (0x8100, 12)], [(0x88a8, 0), (0x88a8, 13), (0x8100, 14)]]


def total(data):
    data += b"\0" * (len(data) % 2)
    value = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return value


def in_netns(name, iface):
    """A packet socket in a namespace."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/var/run/netns/" + name, os.O_RDONLY)
    libc_setns(there)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    s.bind((iface, 3))
    libc_setns(here)
    os.close(here)
    os.close(there)
    s.settimeout(3)
    return s


def libc_setns(fd):
    import ctypes
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0):
        raise OSError(ctypes.get_errno(), "setns")


def datagram(number):
    payload = struct.pack("!H", number) + b"weft" * 20
    udp = struct.pack("!HHHH", 1111, 2222, 8 + len(payload), 0) + payload
    addresses = bytes([10, 9, 0, 1, 10, 9, 0, 2])
    pseudo = total(addresses + struct.pack("!BBH", 0, 17, len(udp)))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0) + addresses
    ip = ip[:10] + struct.pack("!H", 0xffff ^ total(ip)) + ip[12:]
    return ip + udp[:6] + struct.pack("!H", pseudo) + udp[8:]


def receive(s, number):
    """The tags and the IP packet of our datagram `number`, with its checksum completed."""
    while True:
        data, extra, _, _ = s.recvmsg(4096, 256)
        flags, _, _, _, start, offset = struct.unpack("=BBHHHH", data[:10])
        frame = bytearray(data[10:])
        tags = []
        for level, kind, aux in extra:
            status, tci, tpid = struct.unpack("=I12xHH", aux[:20])
            if level == SOL_PACKET and kind == PACKET_AUXDATA and status & VLAN_VALID:
                tags.append((tpid if status & TPID_VALID else 0x8100, tci))
        if flags & 1:
            struct.pack_into("!H", frame, start + offset, 0xffff ^ total(bytes(frame[start:])))
        at = 12
        while struct.unpack_from("!H", frame, at)[0] in (0x8100, 0x88a8):
            tags.append(struct.unpack_from("!HH", frame, at))
            at += 4
        if struct.unpack_from("!H", frame, at)[0] == 0x800 and struct.unpack_from("!H", frame, at + 6)[0] == number:
            return tags, bytes(frame[at + 2:])


def main():
    tx, rx = in_netns(sys.argv[1], sys.argv[2]), in_netns(sys.argv[3], sys.argv[4])
    wrong = 0
    for number, stack in enumerate(STACKS, 77):
        ip = datagram(number)
        head = bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]) + b"".join(struct.pack("!HH", *t) for t in stack) + b"\x08\0"
        tx.send(struct.pack("=BBHHHH", 1, 0, 0, 0, len(head) + 20, 6) + head + ip)
        try:
            tags, got = receive(rx, number)
        except socket.timeout:
            tags, got = "nothing", b""
        pseudo = total(got[12:20] + struct.pack("!BBH", 0, 17, len(got) - 20)) if got else 0
        if tags != stack or total(got[20:] + struct.pack("!H", pseudo)) != 0xffff:
            print("sent with tags %s: got %s, %s" % (stack, tags, got.hex()))
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

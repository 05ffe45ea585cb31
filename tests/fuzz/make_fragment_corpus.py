# SPDX-License-Identifier: Apache-2.0
"""Writes seeds for fuzz_fragment: datagrams in pieces, in several orders, with options, extension headers and tags; copies, overlaps.
    make_fragment_corpus.py DIRECTORY"""
import os
import struct
import sys

ETH = bytes.fromhex("02000000002b02000000001a")


def ipv4(start, data, more, options=b"", tag=b"", flags=0):
    size = 20 + len(options)
    head = struct.pack("!BBHHHBBHII", 0x40 | size // 4, 2, size + len(data), 7, flags | more << 13 | start // 8, 64, 17, 0, 0x0a000001, 0x0a000002)
    return ETH + tag + b"\x08\0" + head + options + data


def ipv6(start, data, more, extensions=b"", tag=b""):
    fragment = struct.pack("!BxHI", 17, start | more, 77)
    kind = 0 if extensions else 44
    rest = extensions + fragment + data
    return ETH + tag + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(rest), kind, 64) + bytes(range(32)) + rest


def pieces(make, data, step, **options):
    return [make(i, data[i:i + step], int(i + step < len(data)), **options) for i in range(0, len(data), step)]


def main(directory):
    os.makedirs(directory, exist_ok=True)
    data = bytes(i % 251 for i in range(600))
    routes = bytes.fromhex("2b00010400000000" "2c00040000000000")
    cases = {
        "v4": pieces(ipv4, data, 200), "v4_tag": pieces(ipv4, data, 304, tag=bytes.fromhex("81000005")),
        "v4_df": pieces(ipv4, data, 304, flags=0x4000), "v4_options": pieces(ipv4, data, 96, options=bytes.fromhex("940400000707040000000000")),
        "v6": pieces(ipv6, data, 200), "v6_extensions": pieces(ipv6, data, 304, extensions=routes),
        "tiny": pieces(ipv4, data[:80], 8), "mixed": [x for pair in zip(pieces(ipv4, data, 200), pieces(ipv6, data, 200)) for x in pair],
    }
    cases["backwards"] = cases["v6"][::-1]
    cases["twice"] = [x for x in cases["v4"] for _ in range(2)]
    cases["overlap"] = [cases["v4"][0], ipv4(192, data[:208], 1), *cases["v4"][1:]]
    for name, frames in cases.items():
        with open(os.path.join(directory, name), "wb") as f:
            for i, frame in enumerate(frames):
                f.write(struct.pack("!HB", len(frame), 9 + i * 5) + frame)


if __name__ == "__main__":
    main(sys.argv[1])

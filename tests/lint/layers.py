#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks which directory may include what: the table that ARCHITECTURE.md shows.

A directory may include itself, the directories in its row, the libraries in its row, and what libc and the kernel's user
headers give.  Includes of our own files are root-relative; a file of ours that is not there is an error too, unless the
build generates it."""
import pathlib
import re
import sys

# directory -> (our directories, libraries)
TABLE = {
    "base": ("", ""),
    "openflow": ("base", ""),
    "io": ("base openflow", "ev jansson yaml nl openssl"),
    "net": ("base openflow io", ""),
    "datapath": ("base", "mbuf dpdk pcap nl nftables"),
    "vswitch": ("base openflow io datapath", "mbuf ev jansson"),
    "controller": ("base openflow io net", "ev jansson sqlite"),
    "tools": ("base openflow io net", "ev jansson pcap edit"),
    "tests": ("base openflow io net datapath vswitch controller tools tests", "ev jansson sqlite yaml nl mbuf dpdk pcap cmocka"),
}

# library -> what its headers' names begin with
LIBRARIES = {
    "ev": ["ev.h"],
    "jansson": ["jansson.h"],
    "sqlite": ["sqlite3.h"],
    "yaml": ["yaml.h"],
    "nl": ["netlink/"],
    "nftables": ["nftables/"],
    "mbuf": ["rte_mbuf.h"],  # frames, which the datapath hands over its border
    "dpdk": ["rte_"],
    "pcap": ["pcap.h", "pcap/"],
    "edit": ["histedit.h", "editline/"],
    "cmocka": ["cmocka.h"],
    "microhttpd": ["microhttpd.h"],
    "openssl": ["openssl/"],
    "sqlite": ["sqlite3.h"],
    "seccomp": ["seccomp.h"],
    "cap-ng": ["cap-ng.h"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
GENERATED = re.compile(r"_gen\.h$")


def library_of(header):
    for library, starts in LIBRARIES.items():
        if any(header == s or (s[-1] in "/_" and header.startswith(s)) for s in starts):
            return library
    return None


def check_include(root, path, kind, header):
    """Returns what is wrong with one include, or None."""
    top = path.parts[0]
    ours, libraries = (words.split() for words in TABLE[top])
    if kind == "<":
        library = library_of(header)
        if library and library not in libraries:
            return f"{top}/ may not include {library} ({header})"
        return None
    if "/" not in header:
        if top == "tests" and (root / path.parent / header).exists():
            return None
        return f'"{header}" is not root-relative'
    other = header.split("/")[0]
    if other != top and other not in ours:
        return f"{top}/ may not include {other}/ ({header})"
    if not GENERATED.search(header) and not (root / header).exists():
        return f'"{header}" does not exist'
    return None


def main(root):
    root = pathlib.Path(root)
    bad = seen = 0
    for path in sorted(p for ext in ("*.c", "*.h") for p in root.rglob(ext)):
        path = path.relative_to(root)
        if path.parts[0] not in TABLE:
            continue
        seen += 1
        for number, line in enumerate((root / path).read_text(encoding="utf-8").split("\n"), 1):
            m = INCLUDE.match(line)
            wrong = check_include(root, path, m.group(1), m.group(2)) if m else None
            if wrong:
                print(f"{path}:{number}: {wrong}")
                bad += 1
    print(f"{seen} files, {bad} includes against the table")
    return 1 if bad or not seen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))

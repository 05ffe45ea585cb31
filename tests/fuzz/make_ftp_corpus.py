# SPDX-License-Identifier: Apache-2.0
"""Writes seeds for fuzz_ftp: a file for each line of a text, in which \\r and \\n are written out.
    make_ftp_corpus.py TEXT DIRECTORY"""
import os
import sys


def main(text, directory):
    os.makedirs(directory, exist_ok=True)
    with open(text, encoding="ascii") as f:
        for i, line in enumerate(f.read().splitlines()):
            with open(os.path.join(directory, f"{i:02}"), "wb") as out:
                out.write(bytes((int(line[0]),)) + line[1:].replace("\\r", "\r").replace("\\n", "\n").encode())


main(*sys.argv[1:])

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Formats every manual page and finds what a reader would stumble over: warnings of the formatter, and quotes within quotes
(a macro such as .Pq Ql a , Ql b closes what it opened at the end of its line only)."""
import pathlib
import re
import shutil
import subprocess
import sys

NESTED = re.compile("‘[^’]*‘|’’|“[^”]*“")


def faults(page):
    """Yields what is wrong with one page, each with the line of the page as it is shown."""
    run = subprocess.run(["groff", "-ww", "-mandoc", "-Tutf8", "-P-cbou", page], capture_output=True, check=False)
    for line in run.stderr.decode(errors="replace").splitlines():
        yield line
    text = run.stdout.decode(errors="replace").splitlines()
    for i, line in enumerate(text):
        # a quotation may go on in the next line, in which no other begins before it ends
        if NESTED.search(line) or NESTED.search(line + " " + text[i + 1] if i + 1 < len(text) else ""):
            yield f"{page}: shown line {i + 1}: quotes within quotes: {line.strip()}"


def main(root):
    if not shutil.which("groff"):
        print("groff is not installed")
        return 77
    found = [f for page in sorted(pathlib.Path(root, "docs").glob("*.[158]")) for f in faults(str(page))]
    for f in found:
        print(f)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))

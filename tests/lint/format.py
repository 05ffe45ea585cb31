#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every C file has the form of .clang-format; script/format brings it there.  Skipped without clang-format."""
import shutil
import subprocess
import sys


def main(root):
    tool = shutil.which("clang-format")
    if not tool:
        print("no clang-format here")
        return 77
    out = subprocess.run(["git", "-C", root, "ls-files", "-z", "*.c", "*.h"], capture_output=True, check=True).stdout
    bad = 0
    for path in filter(None, out.decode().split("\0")):
        try:
            have = open(f"{root}/{path}", encoding="utf-8").read()
        except FileNotFoundError:
            continue
        want = subprocess.run([tool, f"{root}/{path}"], capture_output=True, check=True, text=True).stdout
        if have != want:
            print(f"{path}: not in the form of .clang-format; run script/format {path}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))

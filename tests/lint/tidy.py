#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy on the C files of the last commit and on those changed since.  With file names: on these.
    tests/lint/tidy.py ROOT BUILD [FILE...]
Skipped (77) without clang-tidy, or when no C file was changed."""
import json
import os
import shutil
import subprocess
import sys


def changed(root):
    """C files that differ from the commit before the last one; all of the last commit when it is the first."""
    def git(*args):
        return subprocess.run(["git", "-C", root, *args], capture_output=True, text=True)

    diff = git("diff", "--name-only", "--diff-filter=d", "HEAD~1")
    if diff.returncode:
        diff = git("ls-files")
    return [line for line in diff.stdout.split("\n") if line.endswith(".c")]


def main(root, build, names):
    tool = shutil.which("clang-tidy")
    if not tool:
        print("no clang-tidy here")
        return 77
    root = os.path.realpath(root)
    known = {os.path.realpath(os.path.join(entry["directory"], entry["file"]))
             for entry in json.load(open(f"{build}/compile_commands.json", encoding="utf-8"))}
    paths = [os.path.join(root, name) for name in names or changed(root)]
    paths = [path for path in paths if path in known]
    if not paths:
        print("no C file was changed")
        return 77
    # gcc's own warning options mean nothing to clang.
    return subprocess.run([tool, "-p", build, "--quiet", "--extra-arg=-Wno-unknown-warning-option", *paths], cwd=root).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))

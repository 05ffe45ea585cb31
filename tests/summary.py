#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up meson's test logs.  Prints what failed and what was skipped and why, then "N passed, N failed, N skipped"."""
import json
import pathlib
import sys

PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP", "IGNORED"}


def reason(test):
    """What a skipped test printed last."""
    lines = (test.get("stdout") or "").split("\n") + (test.get("stderr") or "").split("\n")
    lines = [line.strip() for line in lines if line.strip()]
    return lines[-1] if lines else "no reason given"


def main(paths):
    passed = failed = skipped = 0
    for path in paths:
        build = pathlib.Path(path).stem
        for line in open(path, encoding="utf-8"):
            test = json.loads(line)
            name = f"{build}: {test['name']}"
            if test["result"] in PASSED:
                passed += 1
            elif test["result"] in SKIPPED:
                skipped += 1
                print(f"skipped  {name}: {reason(test)}")
            else:
                failed += 1
                print(f"failed   {name}: {test['result'].lower()}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

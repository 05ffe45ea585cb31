#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests that the lints and the summary find what they are for, in trees made for it."""
import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import layers  # noqa: E402
import pages  # noqa: E402
import style  # noqa: E402
import summary  # noqa: E402

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"

# path, text, which lint, what it must say; None: nothing
CASES = [
    ("base/a.h", SPDX + "/* a.h - x. */\n", "layers", None),
    ("base/a.c", '#include "openflow/ofp.h"\n', "layers", "base/a.c:1: base/ may not include openflow/ (openflow/ofp.h)"),
    ("base/a.c", "#include <jansson.h>\n", "layers", "base/ may not include jansson (jansson.h)"),
    ("openflow/a.c", "#include <rte_mbuf.h>\n", "layers", "openflow/ may not include mbuf (rte_mbuf.h)"),
    ("vswitch/a.c", "#include <rte_mbuf.h>\n", "layers", None),
    ("vswitch/a.c", "#include <rte_ethdev.h>\n", "layers", "vswitch/ may not include dpdk (rte_ethdev.h)"),
    ("datapath/a.c", "#include <rte_mbuf.h>\n", "layers", None),
    ("datapath/a.c", '#include "openflow/ofp.h"\n', "layers", "datapath/ may not include openflow/"),
    ("datapath/a.c", "#include <ev.h>\n", "layers", "datapath/ may not include ev (ev.h)"),
    ("controller/a.c", '#include "datapath/port.h"\n', "layers", "controller/ may not include datapath/"),
    ("vswitch/a.c", '#include "a.h"\n', "layers", '"a.h" is not root-relative'),
    ("vswitch/a.c", '#include "base/none.h"\n', "layers", '"base/none.h" does not exist'),
    ("vswitch/a.c", '#include "base/x_gen.h"\n', "layers", None),
    ("base/a.c", SPDX + "/* a.c - x. */\nint x;\n", "style", None),
    ("base/a.c", "int x;\n", "style", "base/a.c:1: the first line is not"),
    ("base/a.c", SPDX + "/* b.c - x. */\n", "style", "base/a.c:2: the head does not begin"),
    ("base/meson.build", "x = 1\n", "style", "base/meson.build:1: no line # SPDX"),
    ("base/a.c", SPDX + "/* a.c - x. */\nint x; \n", "style", "base/a.c:3: white space at the end"),
    ("base/a.c", SPDX + "/* a.c - x. */\n\tint x;\n", "style", "base/a.c:3: a tab"),
    ("base/a.c", SPDX + "/* a.c - x. */\nint x;", "style", "no newline at the end"),
    ("base/a.c", SPDX + "/* a.c - x. */\n/* TO" + "DO: y */\n", "style", "base/a.c:3: unfinished work"),
    ("base/a.c", SPDX + "/* a.c - x. */\n/* TO" + "DO(#7): y */\n", "style", None),
    ("base/a.c", SPDX + "/* a.c - x.\n *\n * Theory.  `gone` */\nint x;\n", "style", "base/a.c:4: `gone` is the name of nothing"),
    ("base/a.c", SPDX + "/* a.c - x.\n *\n * Theory.  `here()` */\nint here;\n", "style", None),
    ("base/a.c", SPDX + "/* a.c - x. */\nint x(void)\n{\n" + "    y();\n" * 99 + "}\n", "style", "a function of 101 lines"),
    ("base/a.c", SPDX + "/* a.c - x. */\n/* long: a table */\nint x(void)\n{\n" + "    y();\n" * 99 + "}\n", "style", None),
    ("base/a.c", SPDX + "/* a.c - x. */\n" + "int x;\n" * 1000, "style", "1003 lines; at most 1000"),
    ("base/a.c", SPDX + "/* a.c - x. */\nint x = ntohs" + "(1);\n", "style", "byte order is turned in"),
    ("tests/a.c", SPDX + "/* a.c - x. */\nint x = usleep" + "(1);\n", "style", "tests wait for events"),
]

SUMMARY = [
    ([("a", "OK"), ("b", "OK"), ("c", "SKIP")], 0, "2 passed, 0 failed, 1 skipped"),
    ([("a", "OK"), ("b", "FAIL"), ("c", "TIMEOUT"), ("d", "ERROR")], 1, "1 passed, 3 failed, 0 skipped"),
    ([("a", "SKIP")], 1, "0 passed, 0 failed, 1 skipped"),
    ([], 1, "0 passed, 0 failed, 0 skipped"),
]

PAGE = ".Dd January 1, 2026\n.Dt A 1\n.Os\n.Sh NAME\n.Nm a\n.Nd b\n.Sh DESCRIPTION\n"
PAGES = [
    (".Po Ql b ,\n.Ql c\n.Pc .\n", None),
    (".Pq Ql b , Ql c .\n", "quotes within quotes"),
    (".Ql " + "b," * 60 + "\n", "can't break line"),
]


def run(main, arg):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(arg)
    return code, out.getvalue()


def check_case(path, text, lint, want):
    with tempfile.TemporaryDirectory() as root:
        full = pathlib.Path(root) / path
        full.parent.mkdir(parents=True)
        full.write_text(text, encoding="utf-8")
        subprocess.run(["git", "-C", root, "init", "-q"], check=True)
        subprocess.run(["git", "-C", root, "add", "-A"], check=True)
        code, out = run({"layers": layers.main, "style": style.main}[lint], root)
    return code == (1 if want else 0) and (want or "") in out, out


def check_page(text, want):
    """A case of pages.py; good where there is no formatter."""
    with tempfile.TemporaryDirectory() as root:
        docs = pathlib.Path(root) / "docs"
        docs.mkdir()
        (docs / "a.1").write_text(PAGE + text, encoding="utf-8")
        code, out = run(pages.main, root)
    return code == 77 or (code == (1 if want else 0) and (want or "") in out), out


def check_summary(tests, code, want):
    with tempfile.TemporaryDirectory() as root:
        log = pathlib.Path(root) / "build.json"
        log.write_text("".join(json.dumps({"name": n, "result": r, "stdout": "why\n"}) + "\n" for n, r in tests))
        got, out = run(summary.main, [str(log)])
    return got == code and out.rstrip().split("\n")[-1] == want, out


def main():
    bad = 0
    for case in CASES:
        good, out = check_case(*case)
        if not good:
            print(f"{case[0]}: wanted {case[3]!r}, got:\n{out}")
            bad += 1
    for case in PAGES:
        good, out = check_page(*case)
        if not good:
            print(f"pages: wanted {case[1]!r}, got:\n{out}")
            bad += 1
    for case in SUMMARY:
        good, out = check_summary(*case)
        if not good:
            print(f"summary: wanted {case[2]!r}, got:\n{out}")
            bad += 1
    print(f"{len(CASES) + len(PAGES) + len(SUMMARY)} cases, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what clang-format does not: heads of files, sizes, names in Theory comments, and things that have one place.

A function of more than 100 lines needs a line "/* long: why */" right before it."""
import pathlib
import re
import subprocess
import sys

LINES_MAX, FUNCTION_MAX, COLUMNS_MAX = 1000, 100, 132
LONG_TEXT = re.compile(r'"[^"]{40,}"')  # is not broken, so that it can be searched for
SPDX = "SPDX-License-Identifier: Apache-2.0"
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
NAMED = re.compile(r"`([A-Za-z_][A-Za-z0-9_]*)(?:\(\))?`")
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
UNFINISHED = re.compile(r"\b(FIXME|XXX|HACK)\b|\bTODO\b(?!\(#\d+\))")
SWAP = re.compile(r"\b(?:ntohs|ntohl|htons|htonl)\s*\(")
SLEEP = re.compile(r"\b(?:sleep|usleep|nanosleep)\s*\(")


def tracked(root):
    out = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=True).stdout.decode()
    return [pathlib.Path(p) for p in out.split("\0") if p and (pathlib.Path(root) / p).is_file()]


def is_script(path, text):
    return path.suffix in {".py", ".sh"} or path.name == "meson.build" or text.startswith("#!")


def check_head(path, text, is_c):
    lines = text.split("\n")
    if is_c and lines[0] != f"/* {SPDX} */":
        yield 1, f"the first line is not /* {SPDX} */"
    elif is_c and not lines[1].startswith(f"/* {path.name} - "):
        yield 2, f'the head does not begin with "/* {path.name} - "'
    elif not is_c and is_script(path, text) and not any(line == f"# {SPDX}" for line in lines[:3]):
        yield 1, f"no line # {SPDX}"


def check_lines(path, lines, is_c):
    if is_c and len(lines) > LINES_MAX:
        yield LINES_MAX, f"{len(lines)} lines; at most {LINES_MAX}"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "white space at the end"
        if "\t" in line and is_c:
            yield number, "a tab"
        if is_c and len(line) > COLUMNS_MAX and not LONG_TEXT.search(line):
            yield number, f"{len(line)} columns; at most {COLUMNS_MAX}"
        if UNFINISHED.search(line) and path.suffix != ".py":
            yield number, "unfinished work: only TODO(#issue) is possible"


def check_functions(lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            head = start - 1
            while head > 1 and lines[head - 2] and not lines[head - 2].endswith(("}", "*/", ";")):
                head -= 1
            marked = head > 1 and lines[head - 2].startswith("/* long: ")
            if number - start + 1 > FUNCTION_MAX and not marked:
                yield start, f"a function of {number - start + 1} lines; at most {FUNCTION_MAX}, or /* long: why */ before it"
            start = None


def check_text(path, text, words):
    for comment in COMMENT.finditer(text):
        if "Theory" not in comment.group():
            continue
        first = text.count("\n", 0, comment.start()) + 1
        for m in NAMED.finditer(comment.group()):
            if m.group(1) not in words:
                yield first + comment.group().count("\n", 0, m.start()), f"`{m.group(1)}` is the name of nothing here"
    code = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    for number, line in enumerate(code.split("\n"), 1):
        if SWAP.search(line):
            yield number, "byte order is turned in base/bytes.h only"
        if SLEEP.search(line) and path.parts[0] == "tests":
            yield number, "tests wait for events, they do not sleep"


def main(root):
    files = {p: (pathlib.Path(root) / p) for p in tracked(root)}
    texts = {}
    for path, full in files.items():
        try:
            texts[path] = full.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            pass
    words = set()
    for path, text in texts.items():
        if path.suffix in {".c", ".h"}:
            words |= set(WORD.findall(COMMENT.sub(" ", text)))
        elif path.suffix in {".spec", ".py"}:
            words |= set(WORD.findall(text))
    bad = 0
    for path, text in texts.items():
        is_c = path.suffix in {".c", ".h"}
        if not is_c and not is_script(path, text):
            continue
        lines = text.split("\n")
        found = list(check_head(path, text, is_c)) + list(check_lines(path, lines, is_c))
        if not text.endswith("\n"):
            found.append((len(lines), "no newline at the end"))
        if is_c:
            found += list(check_functions(lines)) + list(check_text(path, text, words))
        for number, wrong in sorted(found):
            print(f"{path}:{number}: {wrong}")
        bad += len(found)
    print(f"{len(texts)} files, {bad} findings")
    return 1 if bad or not texts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks by name: one module each, with `about`, `options(parser)` and `measure(args)`, which returns
{"columns": [...], "rows": [[...]]} or raises RuntimeError with a sentence."""
import argparse
import json
import os
import signal
import sys

import bench_conns
import bench_datapath
import bench_flowmods
import bench_queues
import bench_tcp
import bench_workers
import system

BENCHES = {"tcp": bench_tcp, "conns": bench_conns, "datapath": bench_datapath, "flowmods": bench_flowmods, "queues": bench_queues,
           "workers": bench_workers}


def show(result):
    m = result["machine"]
    print(f"trama {m['commit']} on {m['cpus']} x {m['cpu']}, Linux {m['kernel']}, load {m['load']:.1f}")
    rows = [result["columns"], *([str(cell) for cell in row] for row in result["rows"])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))))


def main():
    parser = argparse.ArgumentParser(prog="script/bench", description="Measures trama against its peers on this machine.")
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, bench in BENCHES.items():
        sub = names.add_parser(name, help=bench.about, description=bench.about)
        sub.add_argument("--json", action="store_true", help="print one JSON object")
        sub.add_argument("--build", default="build", help="where trama was built (default: build)")
        bench.options(sub)
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("script/bench: must be root, for namespaces and interfaces")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("script/bench: terminated"))  # what was made is undone
    try:
        result = {"bench": args.name, "machine": system.machine(), **BENCHES[args.name].measure(args)}
    except (RuntimeError, OSError) as error:
        sys.exit(f"script/bench: {error}")
    print(json.dumps(result, indent=2)) if args.json else show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fuzzes every type of message, and sessions, for as much processor time as is wanted.  By hand:

    script/build build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false     (CC=clang)
    tests/fuzz/long.py [--seconds N] [--slice N] [--jobs N] [--only WORD] build-fuzz DIRECTORY

DIRECTORY keeps the corpora, what was found, and the table: type, processor seconds since something was found last (and with
the present programs), executions, coverage.  Types take turns, a slice each, those that can do most harm first; what is
interrupted goes on where it was.  Kinds of one type (multipart, experimenter) share its seconds.  Ends when every type has had
its seconds: with status 1 when something was found."""
import argparse
import concurrent.futures
import glob
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

FIRST = ['session', 'flow_mod', 'experimenter-onf-bundle_add_message', 'experimenter-onf-bundle_control', 'group_mod',
         'packet_out', 'meter_mod', 'multipart_request-table_features', 'multipart_request-flow',
         'multipart_request-aggregate', 'table_mod', 'port_mod']
# What only a switch says: for who reads it.
REPLY = re.compile(r'.*_reply|multipart_reply-.*|packet_in|flow_removed|port_status|error|experimenter-nicira-packet_in2?')
TICK_HZ = os.sysconf('SC_CLK_TCK')


class Table:
    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()
        self.rows = json.load(open(path, encoding='utf-8')) if os.path.exists(path) else {}

    def row(self, name, program):
        row = self.rows.setdefault(name, {'since': 0, 'total': 0, 'runs': 0, 'coverage': 0, 'found': [], 'program': '', 'present': 0})
        if row['program'] != program:
            row['program'], row['present'] = program, 0
        return row

    def save(self):
        with open(self.path + '.new', 'w', encoding='utf-8') as out:
            json.dump(self.rows, out, indent=1)
        os.rename(self.path + '.new', self.path)
        with open(os.path.splitext(self.path)[0] + '.txt', 'w', encoding='utf-8') as out:
            out.write(f'{"TYPE":44}{"SINCE_FOUND":>12}{"PRESENT":>9}{"TOTAL":>9}{"RUNS":>11}{"COVERAGE":>10}  FOUND\n')
            for name, r in sorted(self.rows.items()):
                out.write(f'{name:44}{r["since"]:12.0f}{r["present"]:9.0f}{r["total"]:9.0f}{r["runs"]:11}{r["coverage"]:10}  {len(r["found"])}\n')


def seconds_of(name, names, seconds):
    """The share of a kind in its type's seconds."""
    kind_of = name.split('-')[0]
    return seconds / sum(n.split('-')[0] == kind_of for n in names)


def hash_of(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()[:12]


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as f:
        fields = f.read().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK_HZ


def watch(process, limit):
    """Interrupts the process when it has used its time; returns what it used."""
    used = 0
    while process.poll() is None:
        try:
            used = cpu_seconds(process.pid)
        except (FileNotFoundError, ProcessLookupError):
            break
        if used >= limit:
            process.send_signal(signal.SIGINT)
            limit = used + 5  # it may have come before anybody listened
        time.sleep(0.5)
    return used


def run_slice(table, args, name, wanted):
    """One turn of one type."""
    tests = os.path.join(args.build, 'tests', 'fuzz')
    target = 'fuzz_session' if name == 'session' else 'fuzz_ofp_decode' if REPLY.fullmatch(name) else 'fuzz_message'
    program = os.path.join(tests, target + '_libfuzzer')
    seeds = os.path.join(tests, 'script_corpus') if name == 'session' else os.path.join(tests, 'ofp_corpus', name)
    corpus, found = os.path.join(args.directory, 'corpus', name), os.path.join(args.directory, 'found', name)
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(found, exist_ok=True)
    before = set(glob.glob(found + '/*'))
    env = dict(os.environ, FUZZ_KIND=name, UBSAN_OPTIONS='halt_on_error=1:print_stacktrace=1',
               ASAN_OPTIONS='quarantine_size_mb=8:' + os.environ.get('ASAN_OPTIONS', ''))
    command = [program, f'-artifact_prefix={found}/', '-entropic=0', '-use_value_profile=0', '-print_final_stats=1', '-reload=0',
               f'-max_len={8192 if name == "session" else 2048}', '-timeout=1000', '-report_slow_units=1000', '-rss_limit_mb=3000', corpus, seeds]
    with open(os.path.join(args.directory, f'{name}.log'), 'w', encoding='utf-8') as log:
        with subprocess.Popen(command, stdout=log, stderr=log, env=env) as process:
            used = watch(process, min(args.slice, wanted - table.rows.get(name, {'since': 0})['since'] + 1))
    with open(os.path.join(args.directory, f'{name}.log'), encoding='utf-8', errors='replace') as log:
        text = log.read()
    new = sorted(set(glob.glob(found + '/*')) - before)
    with table.lock:
        row = table.row(name, hash_of(program))
        row['total'] += used
        row['since'] = 0 if new else row['since'] + used
        row['present'] = 0 if new else row['present'] + used
        runs = re.findall(r'^#(\d+)', text, re.M)
        coverage = re.findall(r'cov: (\d+)', text)
        row['runs'] += int(runs[-1]) if runs else 0
        row['coverage'] = max(row['coverage'], int(coverage[-1]) if coverage else 0)
        row['found'] += [os.path.basename(path) for path in new]
        table.save()
    if new:
        os.rename(os.path.join(args.directory, f'{name}.log'), new[0] + '.log')
        print(f'{name}: found {new[0]}', flush=True)
    elif process.returncode not in (0, 72, -signal.SIGINT) or not used:
        sys.exit(f'{name}: {target} ended with {process.returncode}; see {name}.log')
    return bool(new)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--seconds', type=float, default=600, help='of processor time for each type, without finding anything')
    p.add_argument('--slice', type=float, default=60)
    p.add_argument('--jobs', type=int, default=1)
    p.add_argument('--only', default='', help='types whose name this regular expression is found in')
    p.add_argument('build')
    p.add_argument('directory')
    args = p.parse_args()
    os.makedirs(args.directory, exist_ok=True)
    table = Table(os.path.join(args.directory, 'table.json'))
    names = sorted(os.listdir(os.path.join(args.build, 'tests', 'fuzz', 'ofp_corpus')))
    names = FIRST + [n for n in names if n not in FIRST]
    wanted = {n: seconds_of(n, names, args.seconds) for n in names}
    names = [n for n in names if re.search(args.only, n)]
    has_found = False
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        while names:
            has_found |= any(list(pool.map(lambda name: run_slice(table, args, name, wanted[name]), names)))
            names = [n for n in names if table.rows[n]['since'] < wanted[n]]
    return 1 if has_found else 0


if __name__ == '__main__':
    sys.exit(main())

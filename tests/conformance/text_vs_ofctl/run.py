# SPDX-License-Identifier: Apache-2.0
"""The text syntax against ovs-ofctl, which defines it: run.py OFP_TEXT.

For every line of texts.txt ("KIND TEXT"):
  1. ovs-ofctl sends the text to a switch made here.  Its message and ours must mean the same: ovs-ofctl prints both alike,
     and so does our own printer.
  Lines that begin with "!" are mistakes, which both must refuse.
  2. A reply of a switch that shows what the text describes is printed by us exactly as ovs-ofctl prints it.
Exit status 77: there is no ovs-ofctl."""
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

HEADER = 8
HELLO, ECHO, FEATURES, FLOW_MOD, GROUP_MOD, MULTIPART, BARRIER, METER_MOD = 0, 2, 5, 14, 15, 18, 20, 29
ANSWERS = {ECHO: b'', BARRIER: b'', FEATURES: struct.pack('>QIBBxxII', 1, 0, 254, 0, 0, 0)}
COMMANDS = {'add': ['add-flow'], 'mod': ['mod-flows'], 'mod-strict': ['--strict', 'mod-flows'], 'del': ['del-flows'],
            'del-strict': ['--strict', 'del-flows'], 'group-add': ['add-group'], 'group-mod': ['mod-group'],
            'group-del': ['del-groups'], 'meter-add': ['add-meter'], 'meter-mod': ['mod-meter'], 'meter-del': ['del-meters']}


class Switch(threading.Thread):
    """Greets, answers barriers, and keeps the modifications that it gets."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.got = []

    def run(self):
        while True:
            conn, _ = self.listener.accept()
            with conn:
                self.serve(conn)

    def serve(self, conn):
        conn.sendall(struct.pack('>BBHI', 4, HELLO, HEADER, 1))
        while True:
            head = conn.recv(HEADER, socket.MSG_WAITALL)
            if len(head) < HEADER:
                return
            _, kind, length, xid = struct.unpack('>BBHI', head)
            body = conn.recv(length - HEADER, socket.MSG_WAITALL) if length > HEADER else b''
            if kind in (FLOW_MOD, GROUP_MOD, METER_MOD):
                self.got.append(head[:4] + struct.pack('>I', 1) + body)
            elif kind in ANSWERS:
                answer = body if kind == ECHO else ANSWERS[kind]
                conn.sendall(struct.pack('>BBHI', 4, kind + 1, HEADER + len(answer), xid) + answer)
            elif kind == MULTIPART:
                conn.sendall(struct.pack('>BBHI', 4, kind + 1, 16, xid) + body[:2] + bytes(6))


def ofctl(*args):
    return subprocess.run(['ovs-ofctl', '-O', 'OpenFlow13', '--no-names', *args], capture_output=True, text=True, check=False)


def sent_by_ofctl(switch, path, kind, text):
    """The message that ovs-ofctl makes of the text, or its complaint."""
    switch.got.clear()
    done = ofctl(*COMMANDS[kind], f'unix:{path}', *([text] if text else []))
    return switch.got[-1] if switch.got and not done.returncode else done.stderr.strip()


def ofp_text(tool, mode, lines):
    done = subprocess.run([tool, mode], input=''.join(f'{line}\n' for line in lines), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def shown(hexes, where):
    """What ovs-ofctl says of messages in hex; a list of texts."""
    path = os.path.join(where, 'messages')
    with open(path, 'wb') as f:
        f.write(b''.join(bytes.fromhex(h) for h in hexes))
    text = ofctl('ofp-parse', path).stdout
    return [t.strip() for t in re.split(r'^OFPT?S?T?\w* .*?\(xid=0x1\):', text, flags=re.M)[1:]]


def compare(tool, where, lines):
    path = os.path.join(where, 'switch')
    switch = Switch(path)
    switch.start()
    bad = []
    theirs = []
    for line in lines:
        kind, _, text = line.partition(' ')
        theirs.append(sent_by_ofctl(switch, path, kind, text))
    ours = ofp_text(tool, 'encode', lines)
    same = 0
    for line, them, us in zip(lines, theirs, ours):
        if isinstance(them, str) or us.startswith('error'):
            bad.append(f'{line}\n  ovs-ofctl: {them if isinstance(them, str) else "accepted"}\n  ours: {us[:200]}')
            continue
        same += them.hex() == us
        for who, a, b in zip(('ovs-ofctl prints', 'we print'), (shown([them.hex()], where), ofp_text(tool, 'print', [them.hex()])),
                             (shown([us], where), ofp_text(tool, 'print', [us]))):
            if a != b:
                bad.append(f'{line}\n  {who} of ovs-ofctl: {a}\n  {who} of ours: {b}')
    return bad, same


def compare_mistakes(tool, where, lines):
    bad = []
    path = os.path.join(where, 'switch-of-mistakes')
    switch = Switch(path)
    switch.start()
    for line, us in zip(lines, ofp_text(tool, 'encode', lines)):
        kind, _, text = line.partition(' ')
        them = sent_by_ofctl(switch, path, kind, text)
        if not isinstance(them, str) or not us.startswith('error'):
            bad.append(f'! {line}\n  ovs-ofctl: {them if isinstance(them, str) else "accepted"}\n  ours: {us[:200]}')
    return bad


def compare_dumps(tool, where, lines):
    bad = []
    lines = [line for line in lines if line.split()[0].endswith('add')]
    for line, out in zip(lines, ofp_text(tool, 'dump', lines)):
        reply, _, print_ = out.partition('\t')
        want = shown([reply], where) if not reply.startswith('error') else [reply]
        if want != [print_.replace('\\n', '\n')]:
            bad.append(f'{line}\n  ovs-ofctl dumps: {want}\n  we dump: {print_}')
    return bad, len(lines)


def main():
    if not shutil.which('ovs-ofctl'):
        print('there is no ovs-ofctl')
        return 77
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'texts.txt'), encoding='ascii') as f:
        lines = [line.rstrip('\n') for line in f if line.strip() and not line.startswith('#')]
    with tempfile.TemporaryDirectory() as where:
        mistakes = [line[2:] for line in lines if line.startswith('!')]
        lines = [line for line in lines if not line.startswith('!')]
        bad, same = compare(sys.argv[1], where, lines)
        bad_mistakes = compare_mistakes(sys.argv[1], where, mistakes)
        bad_dumps, n_dumps = compare_dumps(sys.argv[1], where, lines)
    print('\n'.join(bad + bad_mistakes + bad_dumps))
    print(f'{len(lines)} texts, {len(bad)} mean something else ({same} messages are the same to the byte); '
          f'{len(mistakes)} mistakes, {len(bad_mistakes)} accepted; {n_dumps} dumps, {len(bad_dumps)} differ')
    return 1 if bad or bad_mistakes or bad_dumps else 0


if __name__ == '__main__':
    sys.exit(main())

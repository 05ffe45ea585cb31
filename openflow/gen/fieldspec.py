# SPDX-License-Identifier: Apache-2.0
"""Reads openflow/spec/fields.spec (its grammar is in its head) into a list of Field, with key places given out."""

import re
import sys

LAYERS = ['meta', 'tunnel', 'ct', 'l2', 'mpls', 'l3', 'l4']
FORMS = ['dec', 'hex', 'eth', 'ipv4', 'ipv6', 'port', 'vlan', 'frag', 'tcpflags', 'packettype', 'ctstate', 'be64']

# What the registry's class names mean: (OXM class, experimenter id, lowest wire version that we send it in).
OXM_CLASSES = {
    'basic': (0x8000, 0, 0x04),
    'basic15': (0x8000, 0, 0x06),
    'preg': (0x8001, 0, 0x04),
    'onf': (0xffff, 0x4f4e4600, 0x04),
    'nxm0': (0x0000, 0, 0x01),
    'nxm1': (0x0001, 0, 0x01),
}

# Limits of struct field_info in base/field.h.
MAX_NEEDS, MAX_CONDS, MAX_NAMES = 3, 2, 4


class SpecError(Exception):
    """One sentence that names the file, the line and what is wrong there."""


class Oxm:
    """One way to write a field on the wire."""

    def __init__(self, cls, number, wire_bits):
        self.cls = cls
        self.number = number
        self.wire_bits = wire_bits


class Field:
    def __init__(self, name, bits, form, layer):
        self.name = name
        self.bits = bits
        self.form = form
        self.layer = layer
        self.oxms = []
        self.needs = []      # rows of (field name, value or None)
        self.names = []
        self.settable = True
        self.is_view = False
        self.hole = 0        # lowest bits that are not the field's
        self.word = self.shift = 0

    @property
    def c_name(self):
        return 'FIELD_' + self.name.upper()


class Places:
    """Gives out key places: from the most significant bit of the current word down."""

    def __init__(self):
        self.n_words = 0
        self.left = 0        # bits free in the newest word

    def new_word(self):
        if self.left != 64:
            self.n_words += 1
            self.left = 64

    def take(self, bits):
        if bits > 64:
            self.new_word()
            word = self.n_words - 1
            self.n_words += 1
            self.left = 0
            return word, 0
        if bits > self.left:
            self.new_word()
        self.left -= bits
        return self.n_words - 1, self.left


def parse_need(text):
    rows = []
    for row in text.split('|'):
        conds = []
        for cond in row.split('&'):
            name, _, value = cond.partition('=')
            conds.append((name, int(value, 0) if value else None))
        rows.append(conds)
    return rows


def parse_oxm(text, bits):
    m = re.fullmatch(r'(\w+):(\d+)(?:/(\d+))?', text)
    if not m or m.group(1) not in OXM_CLASSES:
        raise SpecError(f'"{text}" is not CLASS:NUMBER[/BITS] of a known class')
    wire = int(m.group(3)) if m.group(3) else bits
    if wire % 8 or wire < bits and m.group(1) != 'nxm0':
        raise SpecError(f'"{text}": {wire} bits on the wire cannot hold {bits}')
    return Oxm(m.group(1), int(m.group(2)), wire)


def parse_field(words, layer, fields, places):
    """words: the line without "field"."""
    if len(words) < 3 or words[2] not in FORMS or not words[1].isdigit():
        raise SpecError('expected: field NAME BITS FORM ...')
    f = Field(words[0], int(words[1]), words[2], layer)
    if not 1 <= f.bits <= 64 and f.bits != 128:
        raise SpecError(f'"{f.name}": {f.bits} bits; 1 to 64, or 128')
    alias = None
    for w in words[3:]:
        key, _, value = w.partition('=')
        if key == 'oxm':
            f.oxms.append(parse_oxm(value, f.bits))
        elif key == 'need':
            f.needs = parse_need(value)
        elif key == 'alias':
            alias = fields.get(value)
            if alias is None:
                raise SpecError(f'"{f.name}": no earlier field "{value}" to share a place with')
        elif key == 'view':
            alias = fields.get(value)
            f.is_view = True
            if alias is None:
                raise SpecError(f'"{f.name}": no earlier field "{value}" to be a view of')
        elif key == 'hole':
            f.hole = int(value)
        elif key == 'names':
            f.names = value.split(',')
        elif w == 'ro':
            f.settable = False
        else:
            raise SpecError(f'"{w}" is not a property of a field')
    if alias is None:
        f.word, f.shift = places.take(f.bits)
    elif f.is_view and f.bits <= 64:
        f.word, f.shift = alias.word, max(alias.shift + alias.bits - f.bits, 0) if f.bits > alias.bits else alias.shift
    elif alias.bits == f.bits:
        f.word, f.shift = alias.word, alias.shift
    elif f.bits in (64, 128) and (alias.bits + alias.shift == 64 or alias.bits == 128):
        f.word, f.shift = alias.word, 0
    else:
        raise SpecError(f'"{f.name}" cannot share the place of "{alias.name}"')
    return f


def check(fields):
    seen = {}
    for f in fields.values():
        for name in [f.name] + f.names:
            if name in seen:
                raise SpecError(f'"{name}" names both {seen[name]} and {f.name}')
            seen[name] = f.name
        if len(f.names) > MAX_NAMES or len(f.needs) > MAX_NEEDS or any(len(r) > MAX_CONDS for r in f.needs):
            raise SpecError(f'"{f.name}" has more names or needs than struct field_info holds')
        for row in f.needs:
            for need, _ in row:
                if need not in fields:
                    raise SpecError(f'"{f.name}" needs "{need}", which is no field')


def read(path):
    """Returns (fields in order, number of key words)."""
    fields, places, layer = {}, Places(), None
    with open(path, encoding='utf-8') as src:
        for number, line in enumerate(src, 1):
            words = line.partition('#')[0].split()
            if not words:
                continue
            try:
                if words == ['word']:
                    places.new_word()
                elif words[0] == 'layer' and len(words) == 2 and words[1] in LAYERS:
                    layer = words[1]
                elif words[0] == 'field' and layer:
                    f = parse_field(words[1:], layer, fields, places)
                    if f.name in fields:
                        raise SpecError(f'field "{f.name}" is there twice')
                    fields[f.name] = f
                else:
                    raise SpecError(f'cannot read "{line.strip()}"')
            except (SpecError, ValueError) as e:
                sys.exit(f'{path}:{number}: {e}')
    try:
        check(fields)
    except SpecError as e:
        sys.exit(f'{path}: {e}')
    return list(fields.values()), places.n_words

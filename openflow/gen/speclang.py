# SPDX-License-Identifier: Apache-2.0
"""Reads a protocol description (the language is in openflow/spec/README.md) into Spec, Enum, Struct and Union."""

import re
import sys


class SpecError(Exception):
    """What is wrong with one line of a description."""


class Enum:
    """kind: enum (closed), names (a number with some named values), flags (named bits), bits (bit n is value n of `of`)."""

    def __init__(self, kind, name, prefix=''):
        self.kind, self.name, self.prefix = kind, name, prefix
        self.values = []        # (name, number)
        self.of = None          # for bits: the enum's name
        self.error_type = None  # for error codes: the enumerator of ofp_error_type

    @property
    def mask(self):
        return sum(v for _, v in self.values)


class Member:
    """One line of a struct.  kind: int, enum, pad, fill, len, lenof, str, mac, match, oxm, fieldid, list, bytes, struct, given, tag."""

    def __init__(self, kind, name=None, **props):
        self.kind, self.name = kind, name
        self.bits = props.get('bits', 0)
        self.fmt = props.get('fmt')             # hex, or the name of an Enum
        self.count = props.get('count', 0)      # array length, pad bytes, string size; 0: one value
        self.type = props.get('type')           # list element, nested struct, enum, or the target of lenof
        self.check = props.get('check')         # (type, code) of the error for a value that is not in `fmt`
        self.when = props.get('when')           # (member, value): only there then
        self.multiple = props.get('multiple', 1)
        self.padded = props.get('padded', 1)
        self.masked = props.get('masked', False) # oxm: may have a mask


class Struct:
    is_union = False

    def __init__(self, name, error):
        self.name, self.error, self.members = name, error, []

    def find(self, kind):
        return next((m for m in self.members if m.kind == kind), None)

    @property
    def len(self):
        return self.find('len')


class Union(Struct):
    """Members common to all cases, one of them the tag, then a case's struct."""
    is_union = True

    def __init__(self, name, error):
        super().__init__(name, error)
        self.cases = []     # (enumerator without prefix, struct name)
        self.other = None   # struct of every value that has no case

    @property
    def tag(self):
        return self.find('tag')


class Spec:
    def __init__(self, path):
        self.path = path
        self.version, self.prefix = None, None
        self.enums, self.structs = {}, {}   # by name, in order

    def error_codes(self, error):
        """The C enumerators of an error given as (type, code), as text for a call."""
        etype, code = error
        for e in self.enums.values():
            if e.error_type == etype and any(n == code for n, _ in e.values):
                return f'OFPET_{etype}, {e.prefix}{code}'
        raise SpecError(f'no error {etype}.{code}')

    def wire_size(self, name):
        """Bytes on the wire, None when that depends on the contents."""
        s = self.structs[name]
        if s.is_union or s.len:
            return None
        total = 0
        for m in s.members:
            if m.when or m.kind in ('match', 'oxm', 'fieldid', 'list', 'bytes', 'fill'):
                return None
            if m.kind == 'struct':
                inner = self.wire_size(m.type)
                if inner is None:
                    return None
                total += inner
            else:
                total += fixed_size(m)
        return total

    def least_size(self, name):
        """Bytes on the wire of a struct with nothing in what depends on the contents; its match has a header and padding."""
        return sum(8 if m.kind == 'match' else fixed_size(m) for m in self.structs[name].members)

    def c_members(self, name):
        """Has the struct anything that a C struct shows?"""
        s = self.structs[name]
        return s.is_union or any(m.kind not in ('pad', 'fill', 'len', 'lenof') for m in s.members)


def fixed_size(m):
    """Bytes of a member whose size is fixed."""
    if m.kind in ('pad', 'str'):
        return m.count
    return {'mac': 6, 'given': 0}.get(m.kind, m.bits // 8 * (m.count or 1))


INT = re.compile(r'u(8|16|32|64)$')


def take_error(words):
    """Removes `!TYPE.CODE` from the end of a line."""
    if words and words[-1].startswith('!'):
        etype, _, code = words.pop()[1:].partition('.')
        return etype, code
    return None


def take_pair(words, key):
    """Removes `KEY A B`; returns (A, B)."""
    if key not in words:
        return None
    i = words.index(key)
    pair = words[i + 1], int(words[i + 2], 0)
    del words[i:i + 3]
    return pair


def take_option(words, key, default):
    if key not in words:
        return default
    i = words.index(key)
    value = words[i + 1]
    del words[i:i + 2]
    return value


def bits_of(word):
    m = INT.match(word)
    if not m:
        raise SpecError(f'"{word}" is not u8, u16, u32 or u64')
    return int(m.group(1))


def parse_member(words):
    words = list(words)
    check, when = take_error(words), take_pair(words, 'when')
    fmt = take_option(words, ':', None)
    kind = words[0]
    if INT.match(kind):
        count = int(words[2]) if len(words) > 2 else 0
        return Member('int', words[1], bits=bits_of(kind), fmt=fmt, count=count, check=check, when=when)
    if kind == 'given':
        return Member('given', words[2], bits=bits_of(words[1]), fmt=fmt)
    if kind == 'enum':
        return Member('enum', words[2], bits=bits_of(words[1]), fmt=words[3], type=words[3], check=check)
    if kind == 'tag':
        bits = 0 if words[1] == 'given' else bits_of(words[1])
        return Member('tag', words[2], bits=bits, fmt=words[3], type=words[3], check=check)
    if kind == 'len':
        multiple, padded = take_option(words, 'multiple', 1), take_option(words, 'padded', 1)
        return Member('len', bits=bits_of(words[1]), multiple=int(multiple), padded=int(padded))
    if kind == 'lenof':
        return Member('lenof', words[2] + '_len', bits=bits_of(words[1]), type=words[2])
    if kind == 'pad':
        return Member('pad', count=int(words[1]))
    if kind == 'str':
        return Member('str', words[1], count=int(words[2]))
    if kind in ('list', 'struct'):
        return Member(kind, words[2], type=words[1], fmt=fmt)
    if kind == 'fill':
        return Member('fill')
    if kind in ('mac', 'match', 'oxm', 'fieldid', 'bytes'):
        return Member(kind, words[1], masked=words[2:] == ['masked'])
    raise SpecError(f'no kind of member is called "{kind}"')


def open_block(spec, words):
    """The first line of a block, without its brace.  Returns what it opens."""
    words = list(words)
    kind = words[0]
    if kind in ('enum', 'names', 'flags'):
        spec.enums[words[1]] = Enum(kind, words[1], words[2])
        return spec.enums[words[1]]
    if kind == 'codes':
        e = Enum('enum', words[2], words[3])
        e.error_type = words[1]
        spec.enums[e.name] = e
        return e
    error = take_error(words)
    if kind in ('struct', 'union'):
        s = (Struct if kind == 'struct' else Union)(words[1], error)
        if s.name in spec.structs:
            raise SpecError(f'"{s.name}" is there twice')
        spec.structs[s.name] = s
        return s
    raise SpecError(f'no kind of block is called "{kind}"')


def parse_line(spec, block, words):
    """Returns the block that the next line belongs to."""
    if block is None:
        if words[0] == 'version':
            spec.version, spec.prefix = int(words[1], 0), words[2]
            return None
        if words[0] == 'bits':
            e = Enum('bits', words[1])
            e.of = words[2]
            spec.enums[e.name] = e
            return None
        if words[-1] != '{':
            raise SpecError('expected a block')
        return open_block(spec, words[:-1])
    if words == ['}']:
        return None
    if isinstance(block, Enum):
        block.values.append((words[0], int(words[1], 0)))
    elif words[0] == 'case' and block.is_union:
        block.cases.append((words[1], words[2]))
    elif words[0] == 'other' and block.is_union:
        block.other = words[1]
    else:
        block.members.append(parse_member(words))
    return block


def check(spec):
    """Every name that is used is there, and every rule has an error to answer with."""
    for s in spec.structs.values():
        for m in s.members:
            known = m.type is None or m.type in spec.structs or m.type in spec.enums or m.kind == 'lenof' \
                or m.type in ('oxm_id', 'u8', 'u16', 'u32', 'u64')
            if not known:
                raise SpecError(f'{s.name}: no "{m.type}"')
            if m.fmt and m.fmt != 'hex' and m.fmt not in spec.enums:
                raise SpecError(f'{s.name}.{m.name}: no enum "{m.fmt}"')
            if m.check:
                spec.error_codes(m.check)
        if s.len and not s.error:
            raise SpecError(f'{s.name}: has a length but no error for a wrong one')
        if s.error:
            spec.error_codes(s.error)
        if s.is_union:
            if not s.other and not s.tag.check:
                raise SpecError(f'{s.name}: no error for an unknown {s.tag.name}')
            tags = dict(spec.enums[s.tag.type].values)
            for case, struct in s.cases:
                if case not in tags or struct not in spec.structs:
                    raise SpecError(f'{s.name}: case {case} {struct} is not known')


def read(path):
    spec, block = Spec(path), None
    with open(path, encoding='utf-8') as src:
        for number, line in enumerate(src, 1):
            words = line.partition('#')[0].split()
            if not words:
                continue
            try:
                block = parse_line(spec, block, words)
            except (SpecError, ValueError, IndexError) as e:
                sys.exit(f'{path}:{number}: cannot read "{line.strip()}": {e}')
    try:
        if block is not None or spec.version is None:
            raise SpecError('an unfinished block, or no version')
        check(spec)
    except SpecError as e:
        sys.exit(f'{path}: {e}')
    return spec

# SPDX-License-Identifier: Apache-2.0
"""Emits a maker of random valid messages (ofp_random_gen.c), for round-trip tests and seeds of fuzzers."""

from emit_mutate import Mutate
from emit_types import HEAD, case_member, element_type
from speclang import fixed_size

VARIABLE = ('match', 'oxm', 'list', 'bytes', 'fill', 'struct')

# An unknown value for unions that have an `other`.
OTHER_TAG = 0x4321


class Random:
    def __init__(self, spec):
        self.spec = spec
        # The bodies of unions whose length is a multiple of something: so are their bytes.
        self.aligned = {}
        for s in spec.structs.values():
            if s.is_union and s.len and s.len.multiple > 1:
                self.align(s, 0)

    def align(self, s, before):
        """Notes for each struct within, which begins `before` bytes into the region, what its bytes must fill up."""
        fixed = before + sum(4 if m.kind == 'fieldid' else fixed_size(m) for m in s.members if m.kind not in VARIABLE)
        if not s.is_union:
            self.aligned[s.name] = -fixed % 8
            return
        for t in [c[1] for c in s.cases] + ([s.other] if s.other else []):
            self.align(self.spec.structs[t], fixed)

    def number(self, m):
        e = self.spec.enums.get(m.fmt)
        if e and e.kind == 'flags':
            return f'(uint{m.bits}_t)(random_bits(r) & {e.mask:#x})'
        return f'(uint{m.bits}_t)random_bits(r)'

    def member(self, s, m):
        x = f'x->{m.name}'
        if m.kind == 'int':
            if m.count:
                return f'    for (size_t i = 0; i < {m.count}; i++)\n        {x}[i] = {self.number(m)};\n'
            cond = f'    if (x->{m.when[0]} == {m.when[1]:#x})\n    ' if m.when else ''
            return f'{cond}    {x} = {self.number(m)};\n'
        if m.kind == 'enum':
            return f'    {x} = (enum {m.type})random_value(r, &{m.type}_names);\n'
        if m.kind == 'mac':
            return f'    random_fill(r, {x}, 6);\n'
        if m.kind == 'str':
            to = x if m.count <= 32 else f'(char *)({x} = random_room(r, {m.count}))'
            return f'    random_text(r, {to}, {m.count});\n'
        if m.kind == 'bytes':
            step, more = (8, self.aligned[s.name]) if s.name in self.aligned else (1, 0)
            return f'    {x} = random_bytes(r, {step}, {more}, &x->n_{m.name});\n'
        if m.kind == 'match':
            return f'    random_match(r, &{x});\n'
        if m.kind == 'oxm':
            return f'    random_set_field{"_masked" if m.masked else ""}(r, &{x});\n'
        if m.kind == 'fieldid':
            return f'    {x} = random_fieldid(r);\n'
        if m.kind == 'struct':
            return f'    random_{m.type}(r, &{x});\n'
        if m.kind == 'list':
            if m.type == 'oxm_id':
                item = f'random_oxm_id(r, &{x}[i])'
            elif m.type in self.spec.structs:
                item = f'random_{m.type}(r, &{x}[i])'
            else:
                item = f'{x}[i] = ({element_type(m)})random_bits(r)'
            return f'    x->n_{m.name} = random_count(r);\n    {x} = random_room(r, x->n_{m.name} * sizeof *{x});\n' \
                   f'    for (size_t i = 0; i < x->n_{m.name}; i++)\n        {item};\n'
        return ''

    def struct(self, s):
        body = ''.join(self.member(s, m) for m in s.members)
        if s.is_union:
            body += self.union(s)
        return f'static void random_{s.name}(struct ofp_random *r, struct {s.name} *x)\n{{\n{body}}}\n\n'

    def union(self, s):
        tag, enum = s.tag.name, s.tag.type
        prefix = self.spec.enums[enum].prefix
        text = '' if s.tag.bits == 0 else f'    x->{tag} = (enum {enum})random_value(r, &{enum}_names);\n'
        if s.other:
            text += f'    if (random_bits(r) % 8 == 0)\n        x->{tag} = (enum {enum}){OTHER_TAG:#x};\n'
        text += f'    switch ((unsigned)x->{tag}) {{\n'
        for case, t in s.cases:
            text += f'    case {prefix}{case}:\n'
            if self.spec.c_members(t):
                text += f'        random_{t}(r, &x->{case_member(case)});\n'
            text += '        break;\n'
        if s.other:
            text += f'    default:\n        random_{s.other}(r, &x->other);\n        break;\n'
        return text + '    }\n'

    def source(self):
        out = [HEAD, '#include "tests/support/ofp_random.h"\n\n']
        bodies = [self.struct(s) for s in self.spec.structs.values() if self.spec.c_members(s.name)]
        out += [b.partition('\n{')[0] + ';\n' for b in bodies] + bodies
        out.append('void ofp_random(struct ofp_msg *m, enum ofp_type type, struct ofp_random *r)\n{\n'
                   '    random_begin(r, type);\n    memset(m, 0, sizeof *m);\n'
                   f'    m->version = {self.spec.version};\n    m->type = type;\n    m->xid = (uint32_t)random_bits(r);\n'
                   '    random_ofp_msg(r, m);\n}\n')
        return ''.join(out)


def emit(spec):
    random = Random(spec)
    return random.source() + '\n' + Mutate(spec, random).source()

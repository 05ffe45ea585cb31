# SPDX-License-Identifier: Apache-2.0
"""Emits the encoder of one version: a function per struct, which appends to a writer and patches lengths afterwards."""

from emit_decode import PUBLIC, len_offset
from emit_types import HEAD, case_member


def length_of(s, m):
    return next((o for o in s.members if o.kind == 'lenof' and o.type == m.name), None)


class Encode:
    def __init__(self, spec):
        self.spec = spec

    def member(self, s, m):
        x, wr = f'x->{m.name}', f'wr_u{m.bits}'
        cast = f'(uint{m.bits}_t)'
        if m.kind == 'int':
            if m.count:
                return f'    for (size_t i = 0; i < {m.count}; i++)\n        {wr}(w, {x}[i]);\n'
            cond = f'    if (x->{m.when[0]} == {m.when[1]:#x})\n    ' if m.when else ''
            return f'{cond}    {wr}(w, {x});\n'
        if m.kind == 'enum' or m.kind == 'tag' and m.bits:
            return f'    {wr}(w, {cast}{x});\n'
        if m.kind == 'pad':
            return f'    wr_zero(w, {m.count});\n'
        if m.kind == 'len':
            return '    wr_u16(w, 0);\n'
        if m.kind == 'lenof':
            return f'    size_t {m.name} = w->len;\n    wr_u16(w, 0);\n'
        if m.kind == 'mac':
            return f'    wr_bytes(w, {x}, 6);\n'
        if m.kind == 'str':
            return f'    enc_str(w, {x}, {m.count});\n'
        if m.kind == 'bytes':
            return f'    wr_bytes(w, {x}, x->n_{m.name});\n'
        if m.kind == 'match':
            owner = length_of(s, m)
            call = f'enc_match(w, {owner.name}, &{x}' if owner else f'ofp_match_encode(w, &{x}'
            return f'    {call}, {self.spec.version:#x});\n'
        if m.kind == 'oxm':
            return f'    ofp_oxm_encode(w, &{x}, {self.spec.version:#x});\n'
        if m.kind == 'fieldid':
            return f'    enc_fieldid(w, {x});\n'
        if m.kind == 'struct':
            return f'    enc_{m.type}(w, &{x});\n'
        if m.kind == 'list':
            return self.list_member(s, m)
        return ''

    def list_member(self, s, m):
        item = f'&x->{m.name}[i]'
        if m.type == 'oxm_id':
            call = f'ofp_oxm_id_encode(w, {item}, {self.spec.version:#x})'
        elif m.type in self.spec.structs:
            call = f'enc_{m.type}(w, {item})'
        else:
            call = f'wr_{m.type}(w, x->{m.name}[i])'
        text = f'    for (size_t i = 0; i < x->n_{m.name}; i++)\n        {call};\n'
        owner = length_of(s, m)
        return text + (f'    enc_len(w, {owner.name} + 2 + {self.gap(s, owner)}, {owner.name});\n' if owner else '')

    @staticmethod
    def gap(s, owner):
        """Bytes between a lenof member and the list it measures."""
        i = s.members.index(owner) + 1
        total = 0
        while s.members[i].kind != 'list':
            total += s.members[i].count
            i += 1
        return total

    def cases(self, s):
        text = f'    switch ((unsigned)x->{s.tag.name}) {{\n'
        prefix = self.spec.enums[s.tag.type].prefix
        for case, t in s.cases:
            arg = f', &x->{case_member(case)}' if self.spec.c_members(t) else ''
            text += f'    case {prefix}{case}:\n        enc_{t}(w{arg});\n        break;\n'
        other = f'        enc_{s.other}(w, &x->other);\n' if s.other else '        w->bad = true; /* no such type on the wire */\n'
        return text + '    default:\n' + other + '        break;\n    }\n'

    def struct(self, s):
        arg = f', const struct {s.name} *x' if self.spec.c_members(s.name) else ''
        body = ''.join(self.member(s, m) for m in s.members)
        if s.is_union:
            body += self.cases(s)
        decl = ''
        if s.len:
            decl = '    size_t start = w->len;\n\n'
            if s.len.multiple > 1:
                body += f'    enc_align(w, start, {s.len.multiple});\n'
            body += f'    enc_len(w, start, start + {len_offset(s)});\n'
            if s.len.padded > 1:
                body += f'    enc_align(w, start, {s.len.padded});\n'
        return f'static void enc_{s.name}(struct wr *w{arg})\n{{\n{decl}{body}}}\n\n'

    def source(self):
        spec = self.spec
        out = [HEAD, f'#include "openflow/{spec.prefix}_gen.h"\n\n']
        out += [self.struct(s).partition('\n{')[0] + ';\n' for s in spec.structs.values()]
        out += [self.struct(s) for s in spec.structs.values()]
        for plural, t in PUBLIC:
            out.append(f'void {spec.prefix}_{plural}_encode(struct wr *w, const struct {t} *xs, size_t n)\n{{\n'
                       f'    for (size_t i = 0; i < n; i++)\n        enc_{t}(w, &xs[i]);\n}}\n\n')
        out.append(f'void {spec.prefix}_body_encode(struct wr *w, const struct ofp_msg *m)\n{{\n    enc_ofp_msg(w, m);\n}}\n\n')
        out.append(self.elements())
        return ''.join(out)

    def elements(self):
        """Encodes one element of a multipart reply that is a list."""
        out = f'bool {self.spec.prefix}_reply_element_encode(struct wr *w, enum ofp_multipart_type type, const void *x)\n{{\n' \
              '    switch ((unsigned)type) {\n'
        for case, t in self.spec.structs['ofp_multipart_reply'].cases:
            members = self.spec.structs[t].members
            if len(members) == 1 and members[0].kind == 'list':
                out += f'    case OFPMP_{case}:\n        enc_{members[0].type}(w, x);\n        return true;\n'
        return out + '    default:\n        return false;\n    }\n}\n'


def emit(spec):
    return Encode(spec).source()


def emit_header(spec):
    """What the hand-written part calls: one set per version."""
    p = spec.prefix
    guard = f'OPENFLOW_{p.upper()}_GEN_H'
    out = [HEAD, f'#ifndef {guard}\n#define {guard}\n\n#include "openflow/codec.h"\n\n']
    for plural, t in PUBLIC:
        out.append(f'int {p}_{plural}_decode(struct dec *d, struct rd *r, struct {t} **xs, size_t *n);\n'
                   f'void {p}_{plural}_encode(struct wr *w, const struct {t} *xs, size_t n);\n')
    out.append(f'int {p}_body_decode(struct dec *d, struct rd *r, struct ofp_msg *m);\n'
               f'void {p}_body_encode(struct wr *w, const struct ofp_msg *m);\n'
               f'bool {p}_reply_element_encode(struct wr *w, enum ofp_multipart_type type, const void *x);\n')
    return ''.join(out) + '\n#endif\n'

# SPDX-License-Identifier: Apache-2.0
"""Emits the decoder of one version: a function per struct, which reads a cursor.

A struct with its own length, and a union with one, cut their region off the cursor and answer for everything inside it
that is too short or too long.  A struct without leaves the cursor bad, for the owner of the region to see."""

import re

from emit_types import HEAD, case_member, element_type
from speclang import fixed_size


def at(r):
    """The members of the cursor that expression `r` points to."""
    return r[1:] + '.' if r.startswith('&') else r + '->'


class Decode:
    def __init__(self, spec):
        self.spec = spec
        self.out = []

    def fail(self, error):
        return f'dec_fail(d, {self.spec.error_codes(error)})'

    def check(self, m, value, indent):
        """Refuses values that the enum or flag set does not have."""
        e = self.spec.enums[m.fmt]
        if e.kind == 'flags':
            cond = f'{value} & ~{e.mask:#x}u'
        else:
            cond = f'!ofp_enum_has(&{e.name}_names, {value})'
        return f'{indent}if ({cond})\n{indent}    return {self.fail(m.check)};\n'

    def member(self, s, m, r):
        """Statements that read one member from cursor expression `r`."""
        x, rd = f'x->{m.name}', f'rd_u{m.bits}({r})'
        if m.kind == 'int':
            if m.count:
                text = f'    for (size_t i = 0; i < {m.count}; i++)\n        {x}[i] = {rd};\n'
            elif m.when:
                text = f'    if (x->{m.when[0]} == {m.when[1]:#x})\n        {x} = {rd};\n'
            else:
                text = f'    {x} = {rd};\n'
            return text + (self.check(m, x, '    ') if m.check else '')
        if m.kind == 'enum':
            return f'    {x} = (enum {m.type}){rd};\n' + (self.check(m, x, '    ') if m.check else '')
        if m.kind == 'tag':
            return f'    {x} = (enum {m.type}){rd};\n' if m.bits else ''
        if m.kind in ('pad', 'len'):
            return f'    rd_skip({r}, {fixed_size(m)});\n'
        if m.kind == 'fill':
            return f'    dec_fill({r});\n'
        if m.kind == 'lenof' and any(o.kind == 'match' and o.name == m.type for o in s.members):
            return f'    rd_skip({r}, {fixed_size(m)});\n' # the match has a length of its own
        if m.kind == 'lenof':
            return f'    size_t {m.name} = {rd};\n'
        if m.kind == 'mac':
            return f'    rd_copy({r}, {x}, 6);\n'
        if m.kind == 'str' and m.count <= 32:
            return f'    rd_copy({r}, {x}, {m.count});\n    {x}[{m.count - 1}] = 0;\n'
        if m.kind == 'str':
            return f'    if (!dec_str(d, {r}, {m.count}, &{x}))\n        return -ENOMEM;\n'
        if m.kind == 'bytes':
            return f'    x->n_{m.name} = {at(r)}left;\n    {x} = rd_bytes({r}, x->n_{m.name});\n'
        if m.kind == 'match':
            return self.call(f'dec_match(d, {r}, &{x})')
        if m.kind == 'oxm':
            return self.call(f'dec_oxm{"_masked" if m.masked else ""}(d, {r}, &{x})')
        if m.kind == 'fieldid':
            return self.call(f'dec_fieldid(d, {r}, &{x})')
        if m.kind == 'struct':
            return self.call(f'dec_{m.type}(d, {r}, &{x})')
        if m.kind == 'list':
            return self.list_member(s, m, r)
        return ''

    @staticmethod
    def call(expr):
        return f'    err = {expr};\n    if (err)\n        return err;\n'

    def list_member(self, s, m, r):
        owner = next((o for o in s.members if o.kind == 'lenof' and o.type == m.name), None)
        if owner:
            sub = f'{m.name}_rd'
            return f'    struct rd {sub} = rd_sub({r}, {owner.name});\n' + \
                self.call(f'dec_list_{m.type}(d, &{sub}, &x->{m.name}, &x->n_{m.name})') + \
                f'    if ({sub}.bad)\n        {at(r)}bad = true;\n'
        return self.call(f'dec_list_{m.type}(d, {r}, &x->{m.name}, &x->n_{m.name})')

    def cases(self, s, r):
        text = f'    switch ((unsigned)x->{s.tag.name}) {{\n'
        prefix = self.spec.enums[s.tag.type].prefix
        for case, t in s.cases:
            text += f'    case {prefix}{case}:\n'
            arg = f', &x->{case_member(case)}' if self.spec.c_members(t) else ''
            text += f'        err = dec_{t}(d, {r}{arg});\n        break;\n'
        text += '    default:\n'
        text += f'        err = dec_{s.other}(d, {r}, &x->other);\n        break;\n' if s.other else \
            f'        return {self.fail(s.tag.check)};\n'
        return text + '    }\n'

    def struct(self, s):
        """The function for one struct or union."""
        arg = f', struct {s.name} *x' if self.spec.c_members(s.name) else ''
        region = s.len is not None
        r = '&s' if region else 'r'
        body = ''.join(self.member(s, m, r) for m in s.members)
        if s.is_union:
            body += self.cases(s, r)
        head = f'static int dec_{s.name}(struct dec *d, struct rd *r{arg})\n{{\n'
        decls = '    struct rd s;\n' if region else ''
        if re.search(r'\berr = ', body):
            decls += '    int err;\n'
        if region:
            cut = f'    if (!dec_cut(r, {len_offset(s)}, {s.len.multiple}, {s.len.padded}, &s))\n        return {self.fail(s.error)};\n'
            tail = '    if (err)\n        return err;\n' if s.is_union else ''
            tail += f'    if (s.bad || s.left)\n        return {self.fail(s.error)};\n    return 0;\n'
        else:
            cut, tail = '', '    return err;\n' if s.is_union else '    return 0;\n'
        return head + decls + ('\n' if decls else '') + cut + body + tail + '}\n\n'

    def prototype(self, s):
        """Structs may hold lists of what is described only later."""
        arg = f', struct {s.name} *x' if self.spec.c_members(s.name) else ''
        return f'static int dec_{s.name}(struct dec *d, struct rd *r{arg});\n'

    def list_function(self, m):
        """Reads elements to the end of the cursor."""
        ctype, t = element_type(m), m.type
        head = f'static int dec_list_{t}(struct dec *d, struct rd *r, {ctype} **out, size_t *n_out)\n{{\n'
        tail = '    d->depth--;\n    *out = xs;\n    *n_out = n;\n    return 0;\n}\n\n'
        alloc = '    if (!n)\n        return 0;\n    if (!dec_deeper(d))\n        return -EBADMSG;\n    xs = arena_calloc(d->arena, n, sizeof *xs);\n    if (!xs)\n        return -ENOMEM;\n'
        loop = '    for (size_t i = 0; i < n; i++) {\n        int err = dec_%s(d, r, &xs[i]);\n\n' \
               '        if (err)\n            return err;\n    }\n' % t
        s = self.spec.structs.get(t)
        if t == 'oxm_id':
            count = '    size_t n = dec_count_oxm_ids(*r);\n'
            refuse = ''
        elif s is None:
            size = int(t[1:]) // 8
            count = f'    size_t n = r->left / {size};\n'
            refuse = f'    if (r->left % {size})\n        r->bad = true;\n' if size > 1 else ''
            loop = f'    for (size_t i = 0; i < n; i++)\n        xs[i] = rd_{t}(r);\n'
        elif s.len:
            count = f'    size_t n = dec_count(*r, {len_offset(s)}, {s.len.padded});\n'
            refuse = f'    if (n == SIZE_MAX)\n        return {self.fail(s.error)};\n'
        elif self.spec.wire_size(t) is None:    # as many as there are
            count = f'    size_t n = r->left / {self.spec.least_size(t)};\n'
            refuse = '    if (!n && r->left)\n        r->bad = true;\n'
            loop = '    size_t n_max = n;\n\n    for (n = 0; n < n_max && r->left && !r->bad; n++) {\n' \
                   f'        int err = dec_{t}(d, r, &xs[n]);\n\n        if (err)\n            return err;\n    }}\n'
        else:
            size = self.spec.wire_size(t)
            count = f'    size_t n = r->left / {size};\n'
            refuse = f'    if (r->left % {size})\n        r->bad = true;\n'
        return head + count + f'    {ctype} *xs;\n\n    *out = NULL;\n    *n_out = 0;\n' + refuse + alloc + loop + tail

    def source(self):
        spec = self.spec
        out = [HEAD, f'#include "openflow/{spec.prefix}_gen.h"\n\n#include <errno.h>\n\n']
        lists = set()
        out += [self.prototype(s) for s in spec.structs.values()]
        for s in spec.structs.values():
            for m in s.members:
                if m.kind == 'list' and m.type not in lists:
                    lists.add(m.type)
                    out.append(self.list_function(m))
            out.append(self.struct(s))
        for plural, t in PUBLIC:
            out.append(f'int {spec.prefix}_{plural}_decode(struct dec *d, struct rd *r, struct {t} **xs, size_t *n)\n{{\n'
                       f'    return dec_list_{t}(d, r, xs, n);\n}}\n\n')
        out.append(f'int {spec.prefix}_body_decode(struct dec *d, struct rd *r, struct ofp_msg *m)\n{{\n'
                   f'    return dec_ofp_msg(d, r, m);\n}}\n')
        return ''.join(out)


# Lists that stand alone, too.
PUBLIC = [('actions', 'ofp_action'), ('instructions', 'ofp_instruction'), ('buckets', 'ofp_bucket'), ('bands', 'ofp_meter_band'),
          ('flow_updates', 'ofp_flow_update')]


def len_offset(s):
    """Where in the struct its length lies."""
    offset = 0
    for m in s.members:
        if m.kind == 'len':
            return offset
        offset += fixed_size(m)
    raise AssertionError(s.name)


def emit(spec):
    return Decode(spec).source()

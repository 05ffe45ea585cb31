# SPDX-License-Identifier: Apache-2.0
"""Emits the printer (ofp_print_gen.c): a function per struct that adds "name=value" for every member."""

from emit_types import HEAD, case_member


def scalar(m, value):
    """A statement that prints one number."""
    if m.fmt == 'hex':
        return f'str_printf(s, "%#" PRIx64, (uint64_t){value});'
    if m.fmt:
        return f'ofp_enum_print(s, &{m.fmt}_names, (uint32_t){value});'
    return f'str_printf(s, "%" PRIu64, (uint64_t){value});'


class Print:
    def __init__(self, spec):
        self.spec = spec

    def loop(self, m, body, n):
        return f'    str_add_char(s, \'[\');\n    for (size_t i = 0; i < {n}; i++) {{\n' \
               f'        if (i)\n            str_add(s, ", ");\n        {body}\n    }}\n    str_add_char(s, \']\');\n'

    def value(self, m):
        x = f'x->{m.name}'
        if m.kind in ('int', 'given', 'enum'):
            if m.count:
                return self.loop(m, scalar(m, f'{x}[i]'), m.count)
            return f'    {scalar(m, x)}\n'
        if m.kind == 'mac':
            return f'    print_mac(s, {x});\n'
        if m.kind == 'str':
            return f'    print_text(s, {x});\n'
        if m.kind == 'bytes':
            return f'    print_bytes(s, {x}, x->n_{m.name});\n'
        if m.kind == 'match':
            return f'    ofp_match_print(s, &{x});\n'
        if m.kind == 'oxm':
            return f'    ofp_oxm_print(s, &{x});\n'
        if m.kind == 'fieldid':
            return f'    str_add(s, {x} == FIELD_NONE ? "unknown" : field_table[{x}].name);\n'
        if m.kind == 'struct':
            return f'    str_add_char(s, \'{{\');\n    print_{m.type}(s, &{x});\n    str_add_char(s, \'}}\');\n'
        if m.type == 'oxm_id':
            return self.loop(m, f'ofp_oxm_id_print(s, &{x}[i]);', f'x->n_{m.name}')
        if m.type not in self.spec.structs:
            return self.loop(m, scalar(m, f'{x}[i]'), f'x->n_{m.name}')
        if self.spec.structs[m.type].is_union:
            return self.loop(m, f'print_{m.type}(s, &{x}[i]);', f'x->n_{m.name}')
        body = f'str_add_char(s, \'{{\');\n        print_{m.type}(s, &{x}[i]);\n        str_add_char(s, \'}}\');'
        return self.loop(m, body, f'x->n_{m.name}')

    def struct(self, s):
        body, first = '', True
        for m in s.members:
            if m.kind in ('pad', 'fill', 'len', 'lenof', 'tag'):
                continue
            gap = '' if first else ' '
            first = False
            body += f'    str_add(s, "{gap}{m.name}=");\n{self.value(m)}'
        if s.is_union:
            body = self.union(s, body)
        return f'static void print_{s.name}(struct str *s, const struct {s.name} *x)\n{{\n{body}}}\n\n'

    def union(self, s, common):
        """type{common members, those of the case}"""
        head = f'    ofp_enum_print(s, &{s.tag.type}_names, x->{s.tag.name});\n    str_add_char(s, \'{{\');\n'
        prefix = self.spec.enums[s.tag.type].prefix
        text = head + common + f'    switch ((unsigned)x->{s.tag.name}) {{\n'
        gap = '        str_add_char(s, \' \');\n' if common else ''
        for case, t in s.cases:
            if self.spec.c_members(t):
                text += f'    case {prefix}{case}:\n{gap}        print_{t}(s, &x->{case_member(case)});\n        break;\n'
            else:
                text += f'    case {prefix}{case}:\n        break;\n'
        if s.other:
            text += f'    default:\n{gap}        print_{s.other}(s, &x->other);\n        break;\n'
        return text + '    }\n    str_add_char(s, \'}\');\n'

    def source(self):
        out = [HEAD, '#include "openflow/print.h"\n\n#include <inttypes.h>\n\n']
        bodies = [self.struct(s) for s in self.spec.structs.values() if self.spec.c_members(s.name)]
        out += [b.partition('\n{')[0] + ';\n' for b in bodies] + bodies
        out.append('void ofp_print(struct str *s, const struct ofp_msg *m)\n{\n    print_ofp_msg(s, m);\n}\n')
        for plural, t in (('actions', 'ofp_action'), ('instructions', 'ofp_instruction')):
            out.append(f'\nvoid ofp_{plural}_print(struct str *s, const struct {t} *xs, size_t n)\n{{\n'
                       f'    for (size_t i = 0; i < n; i++) {{\n        if (i)\n            str_add(s, ", ");\n'
                       f'        print_{t}(s, &xs[i]);\n    }}\n}}\n')
        return ''.join(out)


def emit(spec):
    return Print(spec).source()

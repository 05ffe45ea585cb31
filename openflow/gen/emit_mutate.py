# SPDX-License-Identifier: Apache-2.0
"""Emits the part of ofp_random_gen.c that changes one thing in a message: a walk over its members, one of which is hit.

Every place that can change is a step.  The first walk counts them, the second changes the one whose number was drawn, so
that a long message and a short one, a member and a list, are all changed in one place."""

from emit_types import case_member, element_type


class Mutate:
    def __init__(self, spec, random):
        self.spec, self.random = spec, random

    def member(self, s, m):
        x = f'x->{m.name}'
        if m.kind == 'int':
            return self.number(m, x)
        if m.kind == 'bytes':
            step, more = (8, self.random.aligned[s.name]) if s.name in self.random.aligned else (1, 0)
            return f'    if (mutate_here(r))\n        {x} = mutate_bytes(r, {x}, &x->n_{m.name}, {step}, {more});\n'
        if m.kind == 'match':
            return f'    mutate_match(r, &{x});\n'
        if m.kind == 'struct':
            return f'    mutate_{m.type}(r, &{x});\n'
        if m.kind == 'list':
            return self.list_member(m, x)
        text = self.random.member(s, m)
        return '    if (mutate_here(r)) {\n    ' + text.rstrip('\n').replace('\n', '\n    ') + '\n    }\n' if text else ''

    def number(self, m, x):
        e = self.spec.enums.get(m.fmt)
        mask = f' & {e.mask:#x}' if e and e.kind == 'flags' else ''
        at = f'{x}[random_bits(r) % {m.count}]' if m.count else x
        when = f'x->{m.when[0]} == {m.when[1]:#x} && ' if m.when else ''
        return f'    if ({when}mutate_here(r))\n        {at} = (uint{m.bits}_t)(mutate_number(r, {x}{"[0]" if m.count else ""}){mask});\n'

    def list_member(self, m, x):
        n = f'x->n_{m.name}'
        if m.type == 'oxm_id':
            fill, deeper = f'random_oxm_id(r, &{x}[at])', f'if (mutate_here(r))\n            random_oxm_id(r, &{x}[i])'
        elif m.type in self.spec.structs:
            fill, deeper = f'random_{m.type}(r, &{x}[at])', f'mutate_{m.type}(r, &{x}[i])'
        else:
            fill = f'{x}[at] = ({element_type(m)})random_bits(r)'
            deeper = f'if (mutate_here(r))\n            {x}[i] = ({element_type(m)})mutate_number(r, {x}[i])'
        return '    if (mutate_here(r)) {\n        size_t at;\n\n' \
               f'        {x} = mutate_list(r, {x}, &{n}, sizeof *{x}, &at);\n' \
               f'        if (at < {n})\n            {fill};\n    }}\n' \
               f'    for (size_t i = 0; i < {n}; i++)\n        {deeper};\n'

    def struct(self, s):
        body = ''.join(self.member(s, m) for m in s.members if m.kind != 'tag')
        if s.is_union:
            body = self.union(s, body)
        return f'static void mutate_{s.name}(struct ofp_random *r, struct {s.name} *x)\n{{\n{body}}}\n\n'

    def union(self, s, common):
        prefix = self.spec.enums[s.tag.type].prefix
        text = f'    if (mutate_here(r)) {{\n        random_{s.name}(r, x);\n        return;\n    }}\n' if s.tag.bits else ''
        text += common + f'    switch ((unsigned)x->{s.tag.name}) {{\n'
        for case, t in s.cases:
            if self.spec.c_members(t):
                text += f'    case {prefix}{case}:\n        mutate_{t}(r, &x->{case_member(case)});\n        break;\n'
            elif s.other:
                text += f'    case {prefix}{case}:\n        break;\n'
        if s.other:
            text += f'    default:\n        mutate_{s.other}(r, &x->other);\n        break;\n'
        return text + '    }\n'

    def source(self):
        bodies = [self.struct(s) for s in self.spec.structs.values() if self.spec.c_members(s.name)]
        out = [b.partition('\n{')[0] + ';\n' for b in bodies] + bodies
        out.append('void ofp_mutate(struct ofp_msg *m, struct ofp_random *r)\n{\n'
                   '    random_begin(r, m->type);\n    mutate_count(r);\n    mutate_ofp_msg(r, m);\n'
                   '    if (mutate_draw(r))\n        mutate_ofp_msg(r, m);\n}\n')
        return ''.join(out)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the codec from protocol descriptions.  Usage: ofpgen.py SPEC OUT...

What an output holds follows from its name: ofp_gen.h (structs), ofp_names_gen.c, ofp_print_gen.c, ofp_random_gen.c, and
of a version (say of13) of13_gen.h, of13_decode_gen.c, of13_encode_gen.c."""

import os
import sys

import emit_decode
import emit_encode
import emit_print
import emit_random
import emit_types
import speclang


def main():
    spec = speclang.read(sys.argv[1])
    makers = {
        'ofp_gen.h': emit_types.emit_header,
        'ofp_names_gen.c': emit_types.emit_names,
        'ofp_print_gen.c': emit_print.emit,
        'ofp_random_gen.c': emit_random.emit,
        f'{spec.prefix}_gen.h': emit_encode.emit_header,
        f'{spec.prefix}_decode_gen.c': emit_decode.emit,
        f'{spec.prefix}_encode_gen.c': emit_encode.emit,
    }
    for path in sys.argv[2:]:
        maker = makers.get(os.path.basename(path))
        if not maker:
            sys.exit(f'ofpgen: nothing known makes "{path}"')
        with open(path, 'w', encoding='utf-8') as out:
            out.write(maker(spec))


if __name__ == '__main__':
    main()

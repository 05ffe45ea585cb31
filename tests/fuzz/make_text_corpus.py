# SPDX-License-Identifier: Apache-2.0
"""Makes seeds for fuzz_flow_text out of the texts that the conformance test has: make_text_corpus.py TEXTS DIRECTORY."""
import os
import sys

EVERY = 4  # the replay takes each seed apart byte by byte; some are enough


def main():
    texts, where = sys.argv[1:]
    os.makedirs(where, exist_ok=True)
    with open(texts, encoding='ascii') as f:
        lines = [line.rstrip('\n') for line in f if line.strip() and not line.startswith('#')]
    for i, line in enumerate(lines):
        text = line.removeprefix('! ').partition(' ')[2]
        if i % EVERY == 0 or not line.startswith(('add', '! add')):
            with open(os.path.join(where, f'{i:03}'), 'w', encoding='ascii') as f:
                f.write(text)


main()

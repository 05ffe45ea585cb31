/* SPDX-License-Identifier: Apache-2.0 */
/* subfield.h - some bits of a field, as Nicira's actions name them: `NXM_NX_REG0[0..15]`, `eth_src[]`.   Thread: any. */
#ifndef OPENFLOW_SUBFIELD_H
#define OPENFLOW_SUBFIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/errbuf.h"
#include "base/subfield.h"
#include "openflow/text_lex.h"

struct match;
struct str;

/* The wire has the two numbers in one of 16 bits. */
static inline struct subfield subfield_of(enum field_id field, uint16_t ofs_nbits)
{
    return (struct subfield){ field, ofs_nbits >> 6, (uint16_t)((ofs_nbits & 63) + 1) };
}

static inline uint16_t subfield_ofs_nbits(struct subfield s)
{
    return (uint16_t)(s.ofs << 6 | (s.n_bits - 1));
}

/* By NXM's or OXM's name, or by the one that matches use (of frames that `m` matches, or NULL).  -EINVAL with a sentence. */
int subfield_text_parse(struct subfield *out, struct span s, const struct match *m, struct errbuf *e);
void subfield_text_print(struct str *s, struct subfield f);

#endif

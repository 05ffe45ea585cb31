/* SPDX-License-Identifier: Apache-2.0 */
/* subfield.h - some bits of a field, and values of as many bits.   Thread: any. */
#ifndef BASE_SUBFIELD_H
#define BASE_SUBFIELD_H

#include "base/field.h"

struct subfield {
    enum field_id field;
    uint16_t ofs, n_bits; /* from the least significant bit up */
};

static inline struct value value_ones(unsigned n_bits)
{
    if (n_bits >= 128)
        return (struct value){ UINT64_MAX, UINT64_MAX };
    if (n_bits > 64)
        return (struct value){ (UINT64_C(1) << (n_bits - 64)) - 1, UINT64_MAX };
    return value_of(n_bits == 64 ? UINT64_MAX : (UINT64_C(1) << n_bits) - 1);
}

static inline struct value value_shift_left(struct value v, unsigned n)
{
    if (n >= 64)
        return (struct value){ .hi = n < 128 ? v.lo << (n - 64) : 0 };
    if (!n)
        return v;
    return (struct value){ .hi = v.hi << n | v.lo >> (64 - n), .lo = v.lo << n };
}

static inline struct value value_shift_right(struct value v, unsigned n)
{
    if (n >= 64)
        return value_of(n < 128 ? v.hi >> (n - 64) : 0);
    if (!n)
        return v;
    return (struct value){ .hi = v.hi >> n, .lo = v.lo >> n | v.hi << (64 - n) };
}

static inline struct value value_and(struct value a, struct value b)
{
    return (struct value){ a.hi & b.hi, a.lo & b.lo };
}

/* The bits, where they are in the field. */
static inline struct value subfield_mask(struct subfield s)
{
    return value_shift_left(value_ones(s.n_bits), s.ofs);
}

/* A value of n_bits, moved to where the bits are in the field. */
static inline struct value subfield_place(struct subfield s, struct value v)
{
    return value_shift_left(value_and(v, value_ones(s.n_bits)), s.ofs);
}

/* The bits of the field's value. */
static inline struct value subfield_take(struct subfield s, struct value v)
{
    return value_and(value_shift_right(v, s.ofs), value_ones(s.n_bits));
}

static inline bool subfield_is_whole(struct subfield s)
{
    return !s.ofs && s.n_bits == field_table[s.field].bits;
}

/* Does the field have these bits? */
static inline bool subfield_is_valid(struct subfield s)
{
    return s.field != FIELD_NONE && s.n_bits && s.ofs + s.n_bits <= field_table[s.field].bits;
}

/* As one number of 32 bits, and back. */
static inline uint32_t subfield_pack(struct subfield s)
{
    return (uint32_t)s.field | (uint32_t)s.ofs << 16 | (uint32_t)s.n_bits << 24;
}

static inline struct subfield subfield_unpack(uint32_t packed)
{
    return (struct subfield){ (enum field_id)(packed & 0xffff), packed >> 16 & 0xff, (uint16_t)(packed >> 24) };
}

#endif

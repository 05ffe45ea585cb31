/* SPDX-License-Identifier: Apache-2.0 */
/* field.h - the registry of match fields: what each is called, how wide it is, where it lies in a `struct key`, and
 * which other fields must be there first.  The table is generated from openflow/spec/fields.spec, so that the wire
 * codec and the datapath share one list without knowing each other.
 * Thread: any (constant data). */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Generated: enum field_id { FIELD_IN_PORT, ..., FIELD_N }, FIELD_NONE = -1, KEY_WORDS,
 * enum layer { LAYER_META, LAYER_TUNNEL, LAYER_CT, LAYER_L2, LAYER_MPLS, LAYER_L3, LAYER_L4, LAYER_N },
 * enum field_form { FORM_PORT, FORM_HEX, ..., FORM_N }. */
#include "base/field_gen.h"

enum { FIELD_NEEDS = 3, FIELD_CONDS = 2, FIELD_NAMES = 4 };

/* One condition on another field of the same frame. */
struct field_cond {
    enum field_id field; /* FIELD_NONE: unused */
    bool is_any;         /* present with whatever value */
    uint64_t value;
};

struct field_info {
    const char *name;               /* the specification's name, lower case */
    const char *names[FIELD_NAMES]; /* what text syntax accepts too; NULL ends */
    uint16_t bits;                  /* 1..64, or 128 */
    uint64_t ones;                  /* the bits that are the field's own; of one of 128 bits, the lower 64 */
    uint8_t word, shift; /* place: bits >> shift of key word `word`; a 128-bit field has `word` (high) and `word`+1 */
    enum layer layer;
    enum field_form form;
    bool is_settable;
    bool is_view; /* the bits are those of other fields, which matches are shown with */
    struct field_cond need[FIELD_NEEDS][FIELD_CONDS]; /* any row, all conditions of that row */
};

extern const struct field_info field_table[FIELD_N];

/* Returns the field called `name` (or one of its other names), FIELD_NONE when there is none. */
enum field_id field_by_name(const char *name, size_t len);

/* The value of a field, whatever its width: bits 127..64 in `hi`, 63..0 in `lo`; host order. */
struct value {
    uint64_t hi, lo;
};

static inline struct value value_of(uint64_t lo)
{
    return (struct value){ .lo = lo };
}

/* All bits of the field set. */
static inline struct value field_ones(enum field_id id)
{
    return (struct value){ .hi = field_table[id].bits > 64 ? UINT64_MAX : 0, .lo = field_table[id].ones };
}

#endif

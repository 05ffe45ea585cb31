/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - what the numbers of the protocol are called.  A name is the specification's, lower case, without its prefix:
 * OFPFC_MODIFY_STRICT is "modify_strict".  The tables are generated: `ofp_type_names`, `ofp_flow_mod_flags_names`, ...
 * (struct ofp_enum NAME_names for every enum NAME of openflow/spec, declared in openflow/ofp_gen.h).
 * Thread: any (constant data). */
#ifndef OPENFLOW_NAMES_H
#define OPENFLOW_NAMES_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A plain enumeration; a set of flags; a set in which bit n stands for value n of an enumeration. */
enum ofp_enum_kind { OFP_ENUM, OFP_FLAGS, OFP_BITS };

struct ofp_enum_value {
    const char *name;
    uint32_t value;
};

struct ofp_enum {
    enum ofp_enum_kind kind;
    const char *prefix; /* what the specification puts before each name */
    const struct ofp_enum_value *values;
    size_t n_values;
};

bool ofp_enum_has(const struct ofp_enum *e, uint32_t value);
const char *ofp_enum_name(const struct ofp_enum *e, uint32_t value);                         /* NULL: has none */
bool ofp_enum_find(const struct ofp_enum *e, const char *name, size_t len, uint32_t *value); /* by name, any case */

/* Adds the name, or the number when it has none; "a|b|0x40" for a set, "0" for an empty one. */
void ofp_enum_print(struct str *s, const struct ofp_enum *e, uint32_t value);

/* Errors.  The name is the specification's whole one ("OFPBRC_BAD_LEN"); NULL when it has none. */
const char *ofp_err_name(uint16_t type, uint16_t code, char buf[64]);
const char *ofp_type_name(unsigned type); /* "OFPT_" is left out: "flow_mod"; "unknown" when there is none */

/* The codes of one error type; the table ends after n_ofp_error_codes. */
struct ofp_error_codes {
    uint16_t type;
    const struct ofp_enum *codes;
};
extern const struct ofp_error_codes ofp_error_codes[];
extern const size_t n_ofp_error_codes;

/* Finds an error by its whole name, any case ("OFPBRC_BAD_LEN"). */
bool ofp_err_find(const char *name, uint16_t *type, uint16_t *code);

#endif

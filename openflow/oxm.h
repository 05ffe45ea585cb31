/* SPDX-License-Identifier: Apache-2.0 */
/* oxm.h - the match of OpenFlow 1.2 and later as a list of fields, each with a value and a mask (OpenFlow 1.3.5, 7.2.3).
 * Flow: bytes -> struct ofp_match -> struct match of base/match.h (by the user), and back.
 * Which number of which class is which field of the registry is generated from openflow/spec/fields.spec. */
#ifndef OPENFLOW_OXM_H
#define OPENFLOW_OXM_H

#include "base/bytes.h"
#include "base/field.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OXM_CLASS_NXM0 = 0x0000, OXM_CLASS_NXM1 = 0x0001, OXM_CLASS_BASIC = 0x8000, OXM_CLASS_EXPERIMENTER = 0xffff };

/* One field.  A known one (`field` >= 0): value and mask in host order as in base/field.h; without has_mask the mask is
 * all ones.  The encoder looks at `field`, not at the class and number, which only tell how it came.
 * An unknown one (`field` == FIELD_NONE) keeps its payload as `raw`, borrowed from the decoded bytes. */
struct ofp_oxm {
    enum field_id field;
    uint16_t oxm_class;
    uint8_t oxm_field;
    bool has_mask;
    uint32_t experimenter; /* of class 0xffff */
    union {
        struct {
            struct value value, mask;
        };
        struct {
            const uint8_t *raw; /* behind the experimenter id */
            size_t n_raw;
        };
    };
};

struct ofp_match {
    struct ofp_oxm *oxms;
    size_t n_oxms;
};

/* A field's header alone, as table features list them.  For a known `field` the encoder works out class, number, length. */
struct ofp_oxm_id {
    enum field_id field;
    uint16_t oxm_class;
    uint8_t oxm_field;
    bool has_mask;
    uint8_t length; /* of the payload, mask included; for the encoder only when the field is unknown */
    uint32_t experimenter;
};

/* One way to write a field.  Generated; the ways of a field follow each other, best first. */
struct oxm_way {
    enum field_id field;
    uint16_t oxm_class;
    uint8_t oxm_field;
    uint8_t size;          /* bytes of the value */
    uint8_t version;       /* lowest OpenFlow version that it is sent in */
    uint32_t experimenter; /* 0: none */
};

/* How `field` is written in `version` (4 is OpenFlow 1.3); NULL when it is no field of the wire. */
const struct oxm_way *oxm_way_of(enum field_id field, uint8_t version);
/* What a class and number mean; NULL: unknown. */
const struct oxm_way *oxm_way_find(uint16_t oxm_class, uint8_t oxm_field, uint32_t experimenter);

/* What a number means in Nicira's actions, where in_port has 16 bits and vlan_tci is a field, and what they call a field:
 * by NXM's number where it has one.  False: it has no name there. */
enum field_id ofp_nxm_field(uint16_t oxm_class, uint8_t oxm_field, uint32_t experimenter);
bool ofp_nxm_number(enum field_id id, uint16_t *oxm_class, uint8_t *oxm_field);

/* An exact field, and one under a mask (the same as exact when the mask is all ones); bits outside the mask are cleared. */
struct ofp_oxm ofp_oxm_make(enum field_id field, struct value value);
struct ofp_oxm ofp_oxm_make_masked(enum field_id field, struct value value, struct value mask);

/* Append the wire form.  A field that has no form in `version` makes the writer bad. */
void ofp_oxm_encode(struct wr *w, const struct ofp_oxm *oxm, uint8_t version);
void ofp_oxm_id_encode(struct wr *w, const struct ofp_oxm_id *id, uint8_t version);
void ofp_match_encode(struct wr *w, const struct ofp_match *m, uint8_t version); /* struct ofp_match with its padding */

/* Adds "in_port=1", "ipv4_dst=10.0.0.0/255.0.0.0". */
void ofp_oxm_print(struct str *s, const struct ofp_oxm *oxm);
void ofp_oxm_id_print(struct str *s, const struct ofp_oxm_id *id);
void ofp_match_print(struct str *s, const struct ofp_match *m);

/* Adds the value of a field in its form; under a mask "value/mask". */
void ofp_field_print(struct str *s, enum field_id field, struct value value, struct value mask);

#endif

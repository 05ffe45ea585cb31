/* SPDX-License-Identifier: Apache-2.0 */
/* ofp_random.h - random valid OpenFlow messages, for round trips and for seeds of fuzzers.  The walk over the structs is
 * generated from openflow/spec; the same seed gives the same message. */
#ifndef TESTS_SUPPORT_OFP_RANDOM_H
#define TESTS_SUPPORT_OFP_RANDOM_H

#include "openflow/ofp.h"

struct ofp_random {
    uint64_t seed;       /* any */
    struct arena *arena; /* what the messages borrow from */
    bool is_from_switch; /* unknown match fields may occur */
};

/* Fills `m` with random contents of that type, version 1.3. */
void ofp_random(struct ofp_msg *m, enum ofp_type type, struct ofp_random *r);

/* For the generated walk. */
void random_begin(struct ofp_random *r, enum ofp_type type);
uint64_t random_bits(struct ofp_random *r); /* small numbers and all ones are frequent */
uint32_t random_value(struct ofp_random *r, const struct ofp_enum *e);
size_t random_count(struct ofp_random *r);
void *random_room(struct ofp_random *r, size_t size); /* zeros from the arena */
void random_fill(struct ofp_random *r, uint8_t *p, size_t n);
uint8_t *random_bytes(struct ofp_random *r, size_t step, size_t more, size_t *n); /* a multiple of `step`, and `more` */
void random_text(struct ofp_random *r, char *p, size_t size);                     /* at most size - 1 characters */
void random_match(struct ofp_random *r, struct ofp_match *m);
void random_set_field(struct ofp_random *r, struct ofp_oxm *oxm);
void random_set_field_masked(struct ofp_random *r, struct ofp_oxm *oxm);
enum field_id random_fieldid(struct ofp_random *r);
void random_oxm_id(struct ofp_random *r, struct ofp_oxm_id *id);

#endif

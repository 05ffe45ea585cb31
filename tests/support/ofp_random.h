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
    /* for fuzzers that want to come far */
    const uint64_t *likely; /* half of the numbers are of these; NULL: none are */
    size_t n_likely;
    bool is_legal;        /* match fields come with what they need */
    size_t step, step_at; /* of ofp_mutate's walk */
};

/* Fills `m` with random contents of that type, version 1.3. */
void ofp_random(struct ofp_msg *m, enum ofp_type type, struct ofp_random *r);

/* Changes one thing in a decoded message of version 1.3: a number, a list by an element, another action.  The type stays. */
void ofp_mutate(struct ofp_msg *m, struct ofp_random *r);

/* For the generated walks. */
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
bool mutate_here(struct ofp_random *r); /* a step; is it the one? */
void mutate_count(struct ofp_random *r);
bool mutate_draw(struct ofp_random *r); /* of the steps counted; false: there were none */
uint64_t mutate_number(struct ofp_random *r, uint64_t v);
const uint8_t *mutate_bytes(struct ofp_random *r, const uint8_t *p, size_t *n, size_t step, size_t more);
/* One element less, doubled, moved, or more; that one, to be filled in, is `at`, else that is SIZE_MAX. */
void *mutate_list(struct ofp_random *r, const void *xs, size_t *n, size_t size, size_t *at);
void mutate_match(struct ofp_random *r, struct ofp_match *m);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* ofp_random.c - random values, see ofp_random.h.  The generator of numbers is splitmix64 (Steele, Lea, Flood, 2014). */
#include "tests/support/ofp_random.h"

#include <assert.h>
#include <stdlib.h>

static uint64_t next(struct ofp_random *r)
{
    uint64_t z = r->seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void random_begin(struct ofp_random *r, enum ofp_type type)
{
    r->is_from_switch = type == OFPT_PACKET_IN || type == OFPT_FLOW_REMOVED;
}

uint64_t random_bits(struct ofp_random *r)
{
    switch (next(r) % 8) {
    case 0:
        return UINT64_MAX;
    case 1:
        return next(r) % 4;
    }
    return next(r);
}

uint32_t random_value(struct ofp_random *r, const struct ofp_enum *e)
{
    return e->values[next(r) % e->n_values].value;
}

size_t random_count(struct ofp_random *r)
{
    return next(r) % 4;
}

void *random_room(struct ofp_random *r, size_t size)
{
    void *p = arena_calloc(r->arena, size ? size : 1, 1);

    if (!p)
        abort();
    return p;
}

void random_fill(struct ofp_random *r, uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)next(r);
}

uint8_t *random_bytes(struct ofp_random *r, size_t step, size_t more, size_t *n)
{
    uint8_t *p;

    *n = next(r) % 24 / step * step + more;
    p = random_room(r, *n);
    random_fill(r, p, *n);
    return p;
}

void random_text(struct ofp_random *r, char *p, size_t size)
{
    size_t len = next(r) % size;

    for (size_t i = 0; i < len; i++)
        p[i] = (char)('!' + next(r) % 94);
    p[len] = '\0';
}

static struct value random_number(struct ofp_random *r, enum field_id field)
{
    struct value ones = field_ones(field);

    return (struct value){ .hi = random_bits(r) & ones.hi, .lo = random_bits(r) & ones.lo };
}

static enum field_id random_field(struct ofp_random *r)
{
    enum field_id field;

    do {
        field = (enum field_id)(next(r) % FIELD_N);
    } while (!oxm_way_of(field, OFP_VERSION_13));
    return field;
}

static void random_raw(struct ofp_random *r, struct ofp_oxm *oxm)
{
    bool is_exp = next(r) % 2;

    *oxm = (struct ofp_oxm){ .field = FIELD_NONE,
                             .oxm_class = is_exp ? 0xffff : 0x7777,
                             .oxm_field = next(r) % 128,
                             .has_mask = next(r) % 2,
                             .experimenter = is_exp ? 0x12345678 : 0 };
    oxm->raw = random_bytes(r, 1, 0, &oxm->n_raw);
}

void random_match(struct ofp_random *r, struct ofp_match *m)
{
    bool seen[FIELD_N] = { false };

    m->oxms = random_room(r, 8 * sizeof *m->oxms);
    m->n_oxms = next(r) % 8;
    for (size_t i = 0; i < m->n_oxms; i++) {
        enum field_id field = random_field(r);

        if (r->is_from_switch && next(r) % 8 == 0) {
            random_raw(r, &m->oxms[i]);
        } else if (seen[field]) {
            i--;
        } else {
            seen[field] = true;
            m->oxms[i] = next(r) % 2 ? ofp_oxm_make(field, random_number(r, field))
                                     : ofp_oxm_make_masked(field, random_number(r, field), random_number(r, field));
        }
    }
}

void random_set_field(struct ofp_random *r, struct ofp_oxm *oxm)
{
    enum field_id field;

    do {
        field = random_field(r);
    } while (!field_table[field].is_settable);
    *oxm = ofp_oxm_make(field, random_number(r, field));
}

void random_set_field_masked(struct ofp_random *r, struct ofp_oxm *oxm)
{
    random_set_field(r, oxm);
    if (next(r) % 2)
        *oxm = ofp_oxm_make_masked(oxm->field, oxm->value, random_number(r, oxm->field));
}

enum field_id random_fieldid(struct ofp_random *r)
{
    enum field_id field;
    uint16_t oxm_class;
    uint8_t number;

    do {
        field = random_field(r);
    } while (!ofp_nxm_number(field, &oxm_class, &number) || oxm_class == OXM_CLASS_EXPERIMENTER ||
             field == FIELD_IN_PORT);
    return field;
}

void random_oxm_id(struct ofp_random *r, struct ofp_oxm_id *id)
{
    *id = (struct ofp_oxm_id){ .field = random_field(r), .has_mask = next(r) % 2 };
    if (next(r) % 4 == 0)
        *id = (struct ofp_oxm_id){
            .field = FIELD_NONE, .oxm_class = 0x7777, .oxm_field = next(r) % 128, .length = (uint8_t)next(r)
        };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* ofp_random.c - random values, see ofp_random.h.  The generator of numbers is splitmix64 (Steele, Lea, Flood, 2014). */
#include "tests/support/ofp_random.h"

#include <assert.h>
#include <stdlib.h>

enum { MATCH_FIELDS = 24 };

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
    if (r->n_likely && next(r) % 2)
        return r->likely[next(r) % r->n_likely];
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

    return (struct value){ .hi = ones.hi ? random_bits(r) & ones.hi : 0, .lo = random_bits(r) & ones.lo };
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

static bool has_field(const struct ofp_match *m, enum field_id field)
{
    for (size_t i = 0; i < m->n_oxms; i++)
        if (m->oxms[i].field == field)
            return true;
    return false;
}

/* Behind those that it needs, for one of the ways that there are; as far as there is room. */
static void add_field(struct ofp_random *r, struct ofp_match *m, enum field_id field, struct ofp_oxm oxm)
{
    const struct field_cond *need = field_table[field].need[0];
    size_t rows = 0;

    if (has_field(m, field))
        return;
    while (r->is_legal && rows < FIELD_NEEDS && field_table[field].need[rows][0].field != FIELD_NONE)
        rows++;
    if (rows)
        need = field_table[field].need[next(r) % rows];
    for (size_t i = 0; rows && i < FIELD_CONDS && need[i].field != FIELD_NONE; i++) {
        struct value v = need[i].is_any ? random_number(r, need[i].field) : value_of(need[i].value);

        if (oxm_way_of(need[i].field, OFP_VERSION_13))
            add_field(r, m, need[i].field, ofp_oxm_make(need[i].field, v));
    }
    if (m->n_oxms < MATCH_FIELDS)
        m->oxms[m->n_oxms++] = oxm;
}

static void add_random(struct ofp_random *r, struct ofp_match *m)
{
    enum field_id field = random_field(r);

    if (r->is_from_switch && m->n_oxms < MATCH_FIELDS && next(r) % 8 == 0)
        random_raw(r, &m->oxms[m->n_oxms++]);
    else
        add_field(r, m, field,
                  next(r) % 2 ? ofp_oxm_make(field, random_number(r, field))
                              : ofp_oxm_make_masked(field, random_number(r, field), random_number(r, field)));
}

void random_match(struct ofp_random *r, struct ofp_match *m)
{
    size_t n = next(r) % 8;

    m->oxms = random_room(r, MATCH_FIELDS * sizeof *m->oxms);
    m->n_oxms = 0;
    while (n--)
        add_random(r, m);
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

/* --- changes --- */

bool mutate_here(struct ofp_random *r)
{
    return r->step++ == r->step_at;
}

void mutate_count(struct ofp_random *r)
{
    r->step = 0;
    r->step_at = SIZE_MAX;
}

bool mutate_draw(struct ofp_random *r)
{
    if (!r->step)
        return false;
    r->step_at = next(r) % r->step;
    r->step = 0;
    return true;
}

uint64_t mutate_number(struct ofp_random *r, uint64_t v)
{
    switch (next(r) % 4) {
    case 0:
        return v + next(r) % 5 - 2;
    case 1:
        return v ^ UINT64_C(1) << next(r) % 64;
    }
    return random_bits(r);
}

const uint8_t *mutate_bytes(struct ofp_random *r, const uint8_t *p, size_t *n, size_t step, size_t more)
{
    uint8_t *copy;

    if (!*n || next(r) % 4 == 0)
        return random_bytes(r, step, more, n);
    copy = random_room(r, *n + step);
    memcpy(copy, p, *n);
    if (next(r) % 4 == 0)
        *n += step;
    else if (next(r) % 4 == 0 && *n >= step + more)
        *n -= step;
    else
        copy[next(r) % *n] = (uint8_t)random_bits(r);
    return copy;
}

void *mutate_list(struct ofp_random *r, const void *xs, size_t *n, size_t size, size_t *at)
{
    uint8_t *copy = random_room(r, (*n + 1) * size);
    size_t i = *n ? next(r) % *n : 0, j = *n ? next(r) % *n : 0;

    *at = SIZE_MAX;
    if (*n)
        memcpy(copy, xs, *n * size);
    switch (*n ? next(r) % 5 : 0) {
    case 0:
    case 1:
        memmove(copy + (i + 1) * size, copy + i * size, (*n - i) * size);
        memset(copy + i * size, 0, size);
        ++*n;
        *at = i;
        break;
    case 2:
        --*n;
        memmove(copy + i * size, copy + (i + 1) * size, (*n - i) * size);
        break;
    case 3:
        memcpy(copy + *n * size, copy + i * size, size);
        ++*n;
        break;
    case 4:
        memcpy(copy + *n * size, copy + i * size, size);
        memcpy(copy + i * size, copy + j * size, size);
        memcpy(copy + j * size, copy + *n * size, size);
        break;
    }
    return copy;
}

void mutate_match(struct ofp_random *r, struct ofp_match *m)
{
    struct ofp_oxm *copy;

    for (size_t i = 0; i < m->n_oxms; i++) {
        struct ofp_oxm *oxm = &m->oxms[i];

        if (!mutate_here(r) || oxm->field == FIELD_NONE)
            continue;
        *oxm = next(r) % 3 ? ofp_oxm_make(oxm->field, random_number(r, oxm->field))
                           : ofp_oxm_make_masked(oxm->field, oxm->value, random_number(r, oxm->field));
    }
    if (!mutate_here(r))
        return;
    if (next(r) % 8 == 0) {
        random_match(r, m);
        return;
    }
    if (m->n_oxms && (next(r) % 3 == 0 || m->n_oxms >= MATCH_FIELDS)) {
        size_t i = next(r) % m->n_oxms;

        m->oxms[i] = m->oxms[--m->n_oxms];
        return;
    }
    copy = random_room(r, MATCH_FIELDS * sizeof *copy);
    if (m->n_oxms)
        memcpy(copy, m->oxms, m->n_oxms * sizeof *copy);
    m->oxms = copy;
    add_random(r, m);
}

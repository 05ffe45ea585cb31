/* SPDX-License-Identifier: Apache-2.0 */
/* oxm.c - match fields on the wire.  Spec: OpenFlow 1.3.5, 7.2.3; Nicira's NXM has the same form in other classes.
 * A field's value is read as one number of up to 128 bits; the registry says how many of them count. */
#include "openflow/oxm.h"

#include "openflow/codec.h"
#include "openflow/oxm_gen.h"

enum { OXM_HEADER = 4, MATCH_HEADER = 4 };

/* What can be wrong with one field; match and set-field answer each with an error of their own. */
enum oxm_fault { OXM_OK, OXM_BAD_LEN, OXM_UNKNOWN, OXM_BAD_VALUE, OXM_BAD_MASK, OXM_BAD_WILDCARDS };

const struct oxm_way *oxm_way_of(enum field_id field, uint8_t version)
{
    if (field < 0 || field >= FIELD_N)
        return NULL;
    for (size_t i = oxm_first[field]; i < oxm_first[field + 1]; i++)
        if (oxm_ways[i].version <= version)
            return &oxm_ways[i];
    return NULL;
}

const struct oxm_way *oxm_way_find(uint16_t oxm_class, uint8_t oxm_field, uint32_t experimenter)
{
    uint16_t at = 0;

    if (oxm_field > 127)
        return NULL;
    for (size_t i = 0; i < OXM_SLOTS && !at; i++)
        if (oxm_slots[i].oxm_class == oxm_class && oxm_slots[i].experimenter == experimenter)
            at = oxm_slots[i].way[oxm_field];
    return at ? &oxm_ways[at - 1] : NULL;
}

struct ofp_oxm ofp_oxm_make_masked(enum field_id field, struct value value, struct value mask)
{
    struct value ones = field_ones(field);
    struct ofp_oxm oxm = { .field = field };

    mask.hi &= ones.hi;
    mask.lo &= ones.lo;
    oxm.has_mask = mask.hi != ones.hi || mask.lo != ones.lo;
    oxm.value = (struct value){ .hi = value.hi & mask.hi, .lo = value.lo & mask.lo };
    oxm.mask = mask;
    return oxm;
}

struct ofp_oxm ofp_oxm_make(enum field_id field, struct value value)
{
    return ofp_oxm_make_masked(field, value, field_ones(field));
}

static uint64_t read_uint(struct rd *r, size_t size)
{
    uint64_t v = 0;

    switch (size) {
    case 1:
        return rd_u8(r);
    case 2:
        return rd_u16(r);
    case 4:
        return rd_u32(r);
    case 8:
        return rd_u64(r);
    }
    while (size--)
        v = v << 8 | rd_u8(r);
    return v;
}

static struct value read_value(struct rd *r, size_t size)
{
    struct value v = { 0 };

    if (size > 8)
        v.hi = read_uint(r, size - 8);
    v.lo = read_uint(r, size > 8 ? 8 : size);
    return v;
}

static void write_uint(struct wr *w, uint64_t v, size_t size)
{
    while (size--)
        wr_u8(w, (uint8_t)(v >> 8 * size));
}

static void write_value(struct wr *w, struct value v, size_t size)
{
    if (size > 8)
        write_uint(w, v.hi, size - 8);
    write_uint(w, v.lo, size > 8 ? 8 : size);
}

static bool is_outside(struct value v, struct value mask)
{
    return (v.hi & ~mask.hi) || (v.lo & ~mask.lo);
}

/* A port of 16 bits, as NXM has it, becomes one of 32: the reserved ones (0xff00 and up) are at the end there too. */
static enum oxm_fault widen_port(struct ofp_oxm *oxm)
{
    if (oxm->has_mask && oxm->mask.lo != UINT16_MAX)
        return OXM_BAD_MASK;
    *oxm = (struct ofp_oxm){ .field = oxm->field,
                             .oxm_class = oxm->oxm_class,
                             .oxm_field = oxm->oxm_field,
                             .value = oxm->value,
                             .mask = value_of(UINT32_MAX) };
    if (oxm->value.lo >= 0xff00)
        oxm->value.lo |= 0xffff0000;
    return OXM_OK;
}

static enum oxm_fault read_known(const struct oxm_way *way, struct rd *payload, struct ofp_oxm *oxm)
{
    struct value ones = field_ones(way->field);

    if (payload->left != (size_t)way->size << oxm->has_mask)
        return OXM_BAD_LEN;
    oxm->value = read_value(payload, way->size);
    oxm->mask = oxm->has_mask ? read_value(payload, way->size) : ones;
    if (is_outside(oxm->mask, ones))
        return OXM_BAD_MASK;
    if (is_outside(oxm->value, ones))
        return OXM_BAD_VALUE;
    if (is_outside(oxm->value, oxm->mask))
        return OXM_BAD_WILDCARDS;
    return way->field == FIELD_IN_PORT && way->size == 2 ? widen_port(oxm) : OXM_OK;
}

/* Reads a field's header; `length` is left for the caller to spend. */
static size_t read_header(struct rd *r, uint16_t *oxm_class, uint8_t *oxm_field, bool *has_mask)
{
    uint8_t number;

    *oxm_class = rd_u16(r);
    number = rd_u8(r);
    *oxm_field = number >> 1;
    *has_mask = number & 1;
    return rd_u8(r);
}

static enum oxm_fault read_oxm(const struct dec *d, struct rd *r, struct ofp_oxm *oxm)
{
    size_t length = read_header(r, &oxm->oxm_class, &oxm->oxm_field, &oxm->has_mask);
    struct rd payload = rd_sub(r, length);
    const struct oxm_way *way;

    oxm->field = FIELD_NONE;
    oxm->experimenter = oxm->oxm_class == OXM_CLASS_EXPERIMENTER ? rd_u32(&payload) : 0;
    if (r->bad || payload.bad)
        return OXM_BAD_LEN;
    way = oxm_way_find(oxm->oxm_class, oxm->oxm_field, oxm->experimenter);
    if (way && way->version <= d->version) {
        oxm->field = way->field;
        return read_known(way, &payload, oxm);
    }
    if (!d->is_lenient)
        return OXM_UNKNOWN;
    oxm->n_raw = payload.left;
    oxm->raw = rd_bytes(&payload, payload.left);
    return OXM_OK;
}

/* Fields up to the end; SIZE_MAX when the last one is cut off. */
static size_t count_oxms(struct rd r)
{
    size_t n = 0;

    for (; r.left; n++) {
        rd_skip(&r, 3);
        rd_skip(&r, rd_u8(&r));
        if (r.bad)
            return SIZE_MAX;
    }
    return n;
}

static int match_fault(struct dec *d, enum oxm_fault fault)
{
    static const uint16_t code[] = {
        [OXM_BAD_LEN] = OFPBMC_BAD_LEN,
        [OXM_UNKNOWN] = OFPBMC_BAD_FIELD,
        [OXM_BAD_VALUE] = OFPBMC_BAD_VALUE,
        [OXM_BAD_MASK] = OFPBMC_BAD_MASK,
        [OXM_BAD_WILDCARDS] = OFPBMC_BAD_WILDCARDS,
    };

    return dec_fail(d, OFPET_BAD_MATCH, code[fault]);
}

static int read_oxms(struct dec *d, struct rd *r, struct ofp_match *m)
{
    uint64_t seen[(FIELD_N + 63) / 64] = { 0 };

    for (size_t i = 0; i < m->n_oxms; i++) {
        struct ofp_oxm *oxm = &m->oxms[i];
        enum oxm_fault fault = read_oxm(d, r, oxm);

        if (fault)
            return match_fault(d, fault);
        if (oxm->field == FIELD_NONE)
            continue;
        if (seen[oxm->field / 64] >> oxm->field % 64 & 1)
            return dec_fail(d, OFPET_BAD_MATCH, OFPBMC_DUP_FIELD);
        seen[oxm->field / 64] |= UINT64_C(1) << oxm->field % 64;
    }
    return 0;
}

int dec_match(struct dec *d, struct rd *r, struct ofp_match *m)
{
    uint16_t type;
    struct rd region;
    size_t n;

    *m = (struct ofp_match){ 0 };
    if (r->bad) /* cut off before the match; whoever holds the region says so */
        return 0;
    type = r->left >= 2 ? be16_load(r->p) : OFPMT_OXM;
    if (type != OFPMT_OXM)
        return dec_fail(d, OFPET_BAD_MATCH, OFPBMC_BAD_TYPE);
    if (!dec_cut(r, 2, 1, 8, &region))
        return dec_fail(d, OFPET_BAD_MATCH, OFPBMC_BAD_LEN);
    rd_skip(&region, MATCH_HEADER);
    n = count_oxms(region);
    if (n == SIZE_MAX)
        return dec_fail(d, OFPET_BAD_MATCH, OFPBMC_BAD_LEN);
    if (!n)
        return 0;
    m->oxms = arena_calloc(d->arena, n, sizeof *m->oxms);
    if (!m->oxms)
        return -ENOMEM;
    m->n_oxms = n;
    return read_oxms(d, &region, m);
}

/* What set-field writes by NXM's number of in_port is a port of 16 bits. */
static bool is_in_port16(uint16_t oxm_class, uint8_t oxm_field)
{
    return oxm_class == OXM_CLASS_NXM0 && oxm_field == 0;
}

static int set_field_fault(struct dec *d, enum oxm_fault fault)
{
    switch (fault) {
    case OXM_OK:
        return 0;
    case OXM_BAD_LEN:
        return dec_fail(d, OFPET_BAD_ACTION, OFPBAC_BAD_SET_LEN);
    case OXM_UNKNOWN:
    case OXM_BAD_MASK:
        return dec_fail(d, OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE);
    case OXM_BAD_VALUE:
    case OXM_BAD_WILDCARDS:
        return dec_fail(d, OFPET_BAD_ACTION, OFPBAC_BAD_SET_ARGUMENT);
    }
    return 0;
}

int dec_oxm_masked(struct dec *d, struct rd *r, struct ofp_oxm *oxm)
{
    int err = set_field_fault(d, read_oxm(d, r, oxm));

    if (!err && is_in_port16(oxm->oxm_class, oxm->oxm_field)) {
        oxm->field = FIELD_IN_PORT16;
        oxm->value.lo &= UINT16_MAX;
        oxm->mask = field_ones(FIELD_IN_PORT16);
    }
    if (!err && !d->is_lenient && !field_table[oxm->field].is_settable)
        err = dec_fail(d, OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE);
    return err;
}

int dec_oxm(struct dec *d, struct rd *r, struct ofp_oxm *oxm)
{
    int err = dec_oxm_masked(d, r, oxm);

    if (!err && !d->is_lenient && oxm->has_mask)
        err = dec_fail(d, OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE);
    return err;
}

/* Table features list headers only: the length says what the field would take, no payload follows but an experimenter. */
size_t dec_count_oxm_ids(struct rd r)
{
    size_t n = 0;

    for (; r.left; n++)
        rd_skip(&r, rd_u16(&r) == OXM_CLASS_EXPERIMENTER ? 6 : 2);
    return n;
}

int dec_oxm_id(struct dec *d, struct rd *r, struct ofp_oxm_id *id)
{
    const struct oxm_way *way;

    id->length = (uint8_t)read_header(r, &id->oxm_class, &id->oxm_field, &id->has_mask);
    id->experimenter = id->oxm_class == OXM_CLASS_EXPERIMENTER ? rd_u32(r) : 0;
    way = oxm_way_find(id->oxm_class, id->oxm_field, id->experimenter);
    id->field = way ? way->field : FIELD_NONE;
    return 0;
}

/* How the field is named in Nicira's actions. */
static const struct oxm_way *nxm_way_of(enum field_id id)
{
    static const struct oxm_way in_port16 = { FIELD_IN_PORT16, OXM_CLASS_NXM0, 0, 2, 1, 0 };

    if (id == FIELD_IN_PORT16)
        return &in_port16;
    if (id == FIELD_IN_PORT)
        return oxm_way_of(id, OFP_VERSION_13);
    if (id < 0 || id >= FIELD_N)
        return NULL;
    for (size_t i = oxm_first[id]; i < oxm_first[id + 1]; i++)
        if (oxm_ways[i].oxm_class <= OXM_CLASS_NXM1)
            return &oxm_ways[i];
    return oxm_way_of(id, OFP_VERSION_13);
}

enum field_id ofp_nxm_field(uint16_t oxm_class, uint8_t oxm_field, uint32_t experimenter)
{
    const struct oxm_way *way = oxm_way_find(oxm_class, oxm_field, experimenter);

    if (is_in_port16(oxm_class, oxm_field))
        return FIELD_IN_PORT16;
    return way ? way->field : FIELD_NONE;
}

bool ofp_nxm_number(enum field_id id, uint16_t *oxm_class, uint8_t *oxm_field)
{
    const struct oxm_way *way = nxm_way_of(id);

    if (way) {
        *oxm_class = way->oxm_class;
        *oxm_field = way->oxm_field;
    }
    return way != NULL;
}

int dec_fieldid(struct dec *d, struct rd *r, enum field_id *id)
{
    uint16_t oxm_class;
    uint8_t oxm_field;
    bool has_mask;
    const struct oxm_way *way;
    size_t length = read_header(r, &oxm_class, &oxm_field, &has_mask);
    uint32_t experimenter = oxm_class == OXM_CLASS_EXPERIMENTER ? rd_u32(r) : 0;

    *id = ofp_nxm_field(oxm_class, oxm_field, experimenter);
    way = oxm_way_find(oxm_class, oxm_field, experimenter);
    if (r->bad)
        return 0; /* the owner of the region tells */
    if (*id == FIELD_NONE)
        return d->is_lenient ? 0 : dec_fail(d, OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE);
    if (has_mask)
        return dec_fail(d, OFPET_BAD_ACTION, OFPBAC_BAD_SET_ARGUMENT);
    if (length != (way ? (size_t)way->size : 2) + (experimenter ? 4 : 0))
        return dec_fail(d, OFPET_BAD_ACTION, OFPBAC_BAD_SET_LEN);
    return 0;
}

static void write_header(struct wr *w, uint16_t oxm_class, uint8_t oxm_field, bool has_mask, size_t length)
{
    if (length > UINT8_MAX)
        w->bad = true;
    wr_u16(w, oxm_class);
    wr_u8(w, (uint8_t)(oxm_field << 1 | has_mask));
    wr_u8(w, (uint8_t)length);
}

/* Bytes of a known field's payload. */
static size_t payload_size(const struct oxm_way *way, bool has_mask)
{
    return ((size_t)way->size << has_mask) + (way->oxm_class == OXM_CLASS_EXPERIMENTER ? 4 : 0);
}

void ofp_oxm_encode(struct wr *w, const struct ofp_oxm *oxm, uint8_t version)
{
    const struct oxm_way *way;

    if (oxm->field == FIELD_NONE) {
        bool is_exp = oxm->oxm_class == OXM_CLASS_EXPERIMENTER;

        write_header(w, oxm->oxm_class, oxm->oxm_field, oxm->has_mask, oxm->n_raw + (is_exp ? 4 : 0));
        if (is_exp)
            wr_u32(w, oxm->experimenter);
        wr_bytes(w, oxm->raw, oxm->n_raw);
        return;
    }
    way = field_table[oxm->field].is_view ? nxm_way_of(oxm->field) : oxm_way_of(oxm->field, version);
    if (!way) {
        w->bad = true;
        return;
    }
    write_header(w, way->oxm_class, way->oxm_field, oxm->has_mask, payload_size(way, oxm->has_mask));
    if (way->oxm_class == OXM_CLASS_EXPERIMENTER)
        wr_u32(w, way->experimenter);
    write_value(w, oxm->value, way->size);
    if (oxm->has_mask)
        write_value(w, oxm->mask, way->size);
}

void ofp_oxm_id_encode(struct wr *w, const struct ofp_oxm_id *id, uint8_t version)
{
    const struct oxm_way *way = oxm_way_of(id->field, version);

    if (!way) {
        if (id->field != FIELD_NONE)
            w->bad = true;
        write_header(w, id->oxm_class, id->oxm_field, id->has_mask, id->length);
        if (id->oxm_class == OXM_CLASS_EXPERIMENTER)
            wr_u32(w, id->experimenter);
        return;
    }
    write_header(w, way->oxm_class, way->oxm_field, id->has_mask, payload_size(way, id->has_mask));
    if (way->oxm_class == OXM_CLASS_EXPERIMENTER)
        wr_u32(w, way->experimenter);
}

void enc_fieldid(struct wr *w, enum field_id id)
{
    const struct oxm_way *way = nxm_way_of(id);

    if (!way) {
        w->bad = true;
        return;
    }
    write_header(w, way->oxm_class, way->oxm_field, false, payload_size(way, false));
    if (way->oxm_class == OXM_CLASS_EXPERIMENTER)
        wr_u32(w, way->experimenter);
}

void ofp_match_encode(struct wr *w, const struct ofp_match *m, uint8_t version)
{
    size_t start = w->len;

    wr_u16(w, OFPMT_OXM);
    wr_u16(w, 0);
    for (size_t i = 0; i < m->n_oxms; i++)
        ofp_oxm_encode(w, &m->oxms[i], version);
    enc_len(w, start, start + 2);
    enc_align(w, start, 8);
}

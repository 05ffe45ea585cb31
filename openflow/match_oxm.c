/* SPDX-License-Identifier: Apache-2.0 */
/* match_oxm.c - matches between the wire's list of OXM fields and the key form; see semantics.h.
 * Spec: OpenFlow 1.3.5, 7.2.3.6 (prerequisites), 7.2.3.7 (fields) with table 13 (VLAN ids). */
#include "openflow/semantics.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "openflow/ofp.h"

enum { VLAN_PCP_SHIFT = 13 };

static bool is_subset(struct value v, struct value of)
{
    return !(v.hi & ~of.hi) && !(v.lo & ~of.lo);
}

/* Does the match say that there is a VLAN tag?  Without one, all bits of the field are zero. */
static bool is_tagged(const struct match *m)
{
    return key_get(&m->value, FIELD_VLAN_VID).lo != 0;
}

/* `is_seen`: fields whose own prerequisites were found to be there; NULL: none. */
static bool allows(const struct match *m, enum field_id id, const bool *is_seen);

static bool cond_follows(const struct match *m, const struct field_cond *c, const bool *is_seen)
{
    if (c->field == FIELD_NONE)
        return true;
    if (c->is_any ? !match_has(m, c->field)
                  : !match_is_exact(m, c->field) || key_get(&m->value, c->field).lo != c->value)
        return false;
    return (is_seen && is_seen[c->field]) || allows(m, c->field, is_seen);
}

static bool allows(const struct match *m, enum field_id id, const bool *is_seen)
{
    const struct field_info *f = &field_table[id];

    if (id == FIELD_VLAN_PCP)
        return is_tagged(m);
    if (f->need[0][0].field == FIELD_NONE)
        return true;
    for (int row = 0; row < FIELD_NEEDS && f->need[row][0].field != FIELD_NONE; row++) {
        bool follows = true;

        for (int i = 0; i < FIELD_CONDS; i++)
            follows = follows && cond_follows(m, &f->need[row][i], is_seen);
        if (follows)
            return true;
    }
    return false;
}

bool match_allows_field(const struct match *m, enum field_id id)
{
    return allows(m, id, NULL);
}

bool field_value_is_valid(enum field_id id, struct value v, struct value mask)
{
    if (!is_subset(v, field_ones(id)))
        return false;
    if (id == FIELD_RECIRC_ID || id == FIELD_DP_HASH)
        return !v.lo; /* no frame ever has another */
    if (id == FIELD_VLAN_VID && mask.lo & OFPVID_PRESENT)
        return v.lo & OFPVID_PRESENT || !v.lo;
    return true;
}

static int bad_match(struct ofp_err *err, enum ofp_bad_match_code code)
{
    err->type = OFPET_BAD_MATCH;
    err->code = (uint16_t)code;
    return -EBADMSG;
}

/* The whole tag.  Without one all bits are zero, so that a priority or an id means that there is one: the match is then what
 * vlan_vid and vlan_pcp say, as far as they can.  False: no frame is like that. */
static bool set_vlan_tci(struct match *m, uint64_t v, uint64_t mask)
{
    if (mask & OFPVID_PRESENT && !(v & OFPVID_PRESENT)) {
        if (v)
            return false;
        mask &= 0x1fff;
    } else if (v >> VLAN_PCP_SHIFT) {
        v |= OFPVID_PRESENT;
        mask |= OFPVID_PRESENT;
    }
    match_set_masked(m, FIELD_VLAN_TCI, value_of(v), value_of(mask));
    return true;
}

int ofp_match_to_match(struct match *out, const struct ofp_match *in, struct ofp_err *err)
{
    struct match m;
    bool is_seen[FIELD_N] = { false };

    memset(&m, 0, sizeof m);
    for (size_t i = 0; i < in->n_oxms; i++) {
        const struct ofp_oxm *o = &in->oxms[i];
        struct value mask;

        if (o->field == FIELD_NONE)
            return bad_match(err, OFPBMC_BAD_FIELD);
        if (is_seen[o->field] || match_has(&m, o->field)) /* also its bits under another name */
            return bad_match(err, OFPBMC_DUP_FIELD);
        mask = o->has_mask ? o->mask : field_ones(o->field);
        if (o->has_mask && !is_subset(o->value, mask))
            return bad_match(err, OFPBMC_BAD_WILDCARDS);
        if (!allows(&m, o->field, is_seen))
            return bad_match(err, OFPBMC_BAD_PREREQ);
        is_seen[o->field] = true;
        if (!field_value_is_valid(o->field, o->value, mask))
            return bad_match(err, OFPBMC_BAD_VALUE);
        if (o->field != FIELD_VLAN_TCI)
            match_set_masked(&m, o->field, o->value, mask);
        else if (!set_vlan_tci(&m, o->value.lo, mask.lo))
            return bad_match(err, OFPBMC_BAD_VALUE);
    }
    *out = m;
    return 0;
}

/* Bits of a priority that must be zero, whether there is a tag or not: only vlan_tci can say that. */
static bool is_told_as_tci(const struct match *m)
{
    return match_has(m, FIELD_VLAN_PCP) && !is_tagged(m);
}

/* Is this a field of the wire, in whatever version, that the match says something about?  Of fields that share a place,
 * prerequisites allow one. */
static bool is_shown(const struct match *m, enum field_id id)
{
    if (id == FIELD_VLAN_TCI)
        return is_told_as_tci(m);
    if (id == FIELD_VLAN_VID && is_told_as_tci(m))
        return false;
    return oxm_way_of(id, UINT8_MAX) && !field_table[id].is_view && match_has(m, id) && match_allows_field(m, id);
}

/* Appends the field, and before it those that it asks for. */

static void add_field(struct ofp_match *out, bool *is_done, const struct match *m, enum field_id id)
{
    const struct field_info *f = &field_table[id];

    if (is_done[id] || !is_shown(m, id))
        return;
    is_done[id] = true;
    for (int row = 0; row < FIELD_NEEDS && f->need[row][0].field != FIELD_NONE; row++)
        for (int i = 0; i < FIELD_CONDS; i++)
            if (f->need[row][i].field != FIELD_NONE)
                add_field(out, is_done, m, f->need[row][i].field);
    out->oxms[out->n_oxms++] = ofp_oxm_make_masked(id, key_get(&m->value, id), key_get(&m->mask, id));
}

int match_to_ofp_match(struct ofp_match *out, struct arena *a, const struct match *in)
{
    bool is_done[FIELD_N] = { false };
    size_t n = 0;

    for (int i = 0; i < FIELD_N; i++)
        n += is_shown(in, (enum field_id)i);
    *out = (struct ofp_match){ 0 };
    if (!n)
        return 0;
    out->oxms = arena_calloc(a, n, sizeof *out->oxms);
    if (!out->oxms)
        return -ENOMEM;
    for (int i = 0; i < FIELD_N; i++)
        add_field(out, is_done, in, (enum field_id)i);
    return 0;
}

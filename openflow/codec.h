/* SPDX-License-Identifier: Apache-2.0 */
/* codec.h - what generated decoders and encoders share.  Private to openflow/; users include openflow/ofp.h. */
#ifndef OPENFLOW_CODEC_H
#define OPENFLOW_CODEC_H

#include "base/arena.h"
#include "base/bytes.h"
#include "openflow/names.h"
#include "openflow/ofp.h"

#include <errno.h>

/* One decoding.  `is_lenient`: unknown match fields are kept raw instead of refused, as a controller must that reads what
 * a switch with extensions says.  `version`: a field that came with a later one is unknown. */
struct dec {
    struct arena *arena;
    struct ofp_err *err;
    uint8_t version;
    bool is_lenient;
    unsigned depth; /* of lists within lists */
};

/* Says what to answer; returns -EBADMSG. */
int dec_fail(struct dec *d, uint16_t type, uint16_t code);

/* Goes one list further in; false, with an error, when that is too deep (actions hold actions). */
enum { DEC_DEPTH = 24 };
static inline bool dec_deeper(struct dec *d)
{
    if (d->depth++ < DEC_DEPTH)
        return true;
    (void)dec_fail(d, OFPET_BAD_ACTION, OFPBAC_TOO_MANY);
    return false;
}

/* Cuts the next element off `r`, as long as the 16-bit length at `offset` in it says, and moves behind its padding.
 * False when the length is too small for itself, no multiple of `multiple`, or more than there is. */
static inline bool dec_cut(struct rd *r, size_t offset, size_t multiple, size_t padded, struct rd *out)
{
    size_t len, whole;

    if (r->left < offset + 2)
        return false;
    len = be16_load(r->p + offset);
    whole = (len + padded - 1) / padded * padded;
    if (len < offset + 2 || len % multiple || whole > r->left)
        return false;
    *out = rd_init(r->p, len);
    rd_skip(r, whole);
    return true;
}

/* The number of elements up to the end, by their lengths; SIZE_MAX when one is illegal. */
size_t dec_count(struct rd r, size_t offset, size_t padded);
size_t dec_count_oxm_ids(struct rd r);

/* Skips the zeros that fill up to a multiple of 8; more is bad. */
static inline void dec_fill(struct rd *r)
{
    if (r->left < 8)
        rd_skip(r, r->left);
    else
        r->bad = true;
}

bool dec_str(struct dec *d, struct rd *r, size_t size, const char **out); /* false: no memory */
int dec_match(struct dec *d, struct rd *r, struct ofp_match *m);
int dec_oxm(struct dec *d, struct rd *r, struct ofp_oxm *oxm); /* of set-field */
int dec_oxm_masked(struct dec *d, struct rd *r, struct ofp_oxm *oxm);
/* A field's header alone, as Nicira's actions name fields: those of NXM by NXM's numbers, in every version. */
int dec_fieldid(struct dec *d, struct rd *r, enum field_id *id);
void enc_fieldid(struct wr *w, enum field_id id);
int dec_oxm_id(struct dec *d, struct rd *r, struct ofp_oxm_id *id);

void enc_match(struct wr *w, size_t length_at, const struct ofp_match *m,
               uint8_t version);                             /* its length goes there, too */
void enc_str(struct wr *w, const char *text, size_t size);   /* cut to size - 1, zeros behind */
void enc_len(struct wr *w, size_t start, size_t offset);     /* puts the bytes since `start` at `offset` */
void enc_align(struct wr *w, size_t start, size_t multiple); /* zeros, counted from `start` */

#endif

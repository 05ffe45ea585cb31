/* SPDX-License-Identifier: Apache-2.0 */
/* ofp.c - the message header and the choice of the version's generated codec.  Spec: OpenFlow 1.3.5, 7.1 and 6.3.1. */
#include "openflow/ofp.h"

#include "openflow/codec.h"
#include "openflow/of13_gen.h"

bool ofp_header_read(struct ofp_header *h, const uint8_t *p, size_t n)
{
    struct rd r = rd_init(p, n);

    h->version = rd_u8(&r);
    h->type = rd_u8(&r);
    h->length = rd_u16(&r);
    h->xid = rd_u32(&r);
    return !r.bad;
}

bool ofp_version_known(uint8_t version)
{
    return version == OFP_VERSION_13;
}

/* Do all versions write this type the same way? */
static bool is_common(uint8_t type)
{
    return type <= OFPT_ECHO_REPLY;
}

/* What only switches send may carry fields of their own. */
static bool is_from_switch(enum ofp_type type)
{
    return type == OFPT_PACKET_IN || type == OFPT_FLOW_REMOVED || type == OFPT_MULTIPART_REPLY;
}

static struct dec dec_init(struct arena *a, uint8_t version, struct ofp_err *err)
{
    *err = (struct ofp_err){ 0 };
    return (struct dec){ .arena = a, .err = err, .version = version };
}

int ofp_decode(struct ofp_msg *out, struct arena *a, const uint8_t *p, size_t n, struct ofp_err *err)
{
    struct dec d = dec_init(a, 0, err);
    struct rd r = rd_init(p, n);
    struct ofp_header h;
    int rc;

    memset(out, 0, sizeof *out);
    if (!ofp_header_read(&h, p, n))
        return dec_fail(&d, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN);
    out->version = h.version;
    out->xid = h.xid;
    out->type = (enum ofp_type)h.type;
    if (h.length != n)
        return dec_fail(&d, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN);
    if (!ofp_version_known(h.version) && !is_common(h.type))
        return dec_fail(&d, OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION);
    rd_skip(&r, OFP_HEADER_SIZE);
    if (h.type == OFPT_HELLO && h.version < OFP_VERSION_13)
        return 0; /* elements came with 1.3.1; what an older hello carries is ignored */
    d.version = h.version;
    d.is_lenient = is_from_switch(out->type);
    rc = of13_body_decode(&d, &r, out);
    if (!rc && (r.bad || r.left))
        rc = dec_fail(&d, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN);
    return rc;
}

uint32_t ofp_err_experimenter(uint16_t code)
{
    return code < OFPBFC_UNKNOWN ? OFPEXP_NICIRA : OFPEXP_ONF;
}

void ofp_encode(struct wr *w, const struct ofp_msg *m)
{
    size_t start = w->len;

    if (!ofp_version_known(m->version) && !is_common((uint8_t)m->type))
        w->bad = true;
    wr_u8(w, m->version);
    wr_u8(w, (uint8_t)m->type);
    wr_u16(w, 0);
    wr_u32(w, m->xid);
    of13_body_encode(w, m);
    enc_len(w, start, start + 2);
}

/* A version that has no codec says so in the same way as a message of it would. */
static int unknown_version(struct dec *d)
{
    return dec_fail(d, OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION);
}

int ofp_buckets_decode(struct ofp_bucket **xs, size_t *n_xs, struct arena *a, uint8_t version, const uint8_t *p,
                       size_t n, struct ofp_err *err)
{
    struct dec d = dec_init(a, version, err);
    struct rd r = rd_init(p, n);

    return ofp_version_known(version) ? of13_buckets_decode(&d, &r, xs, n_xs) : unknown_version(&d);
}

int ofp_bands_decode(struct ofp_meter_band **xs, size_t *n_xs, struct arena *a, uint8_t version, const uint8_t *p,
                     size_t n, struct ofp_err *err)
{
    struct dec d = dec_init(a, version, err);
    struct rd r = rd_init(p, n);

    return ofp_version_known(version) ? of13_bands_decode(&d, &r, xs, n_xs) : unknown_version(&d);
}

int ofp_match_decode(struct ofp_match *out, struct arena *a, const uint8_t *p, size_t n, struct ofp_err *err)
{
    struct dec d = dec_init(a, UINT8_MAX, err);
    struct rd r = rd_init(p, n);
    int rc = dec_match(&d, &r, out);

    return !rc && r.left ? dec_fail(&d, OFPET_BAD_MATCH, OFPBMC_BAD_LEN) : rc;
}

void ofp_instructions_encode(struct wr *w, uint8_t version, const struct ofp_instruction *xs, size_t n_xs)
{
    if (!ofp_version_known(version))
        w->bad = true;
    of13_instructions_encode(w, xs, n_xs);
}

void ofp_buckets_encode(struct wr *w, uint8_t version, const struct ofp_bucket *xs, size_t n_xs)
{
    if (!ofp_version_known(version))
        w->bad = true;
    of13_buckets_encode(w, xs, n_xs);
}

void ofp_bands_encode(struct wr *w, uint8_t version, const struct ofp_meter_band *xs, size_t n_xs)
{
    if (!ofp_version_known(version))
        w->bad = true;
    of13_bands_encode(w, xs, n_xs);
}

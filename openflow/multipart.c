/* SPDX-License-Identifier: Apache-2.0 */
/* multipart.c - splits long multipart replies.  An element is appended first; when the message has become too long for it,
 * a new message's header is put before the element and the old message is finished with the MORE flag. */
#include "openflow/multipart.h"

#include "openflow/codec.h"
#include "openflow/of13_gen.h"

#include <assert.h>

enum { MP_HEADER = 16, MP_EXPERIMENTER = 8, MP_FLAGS_AT = 10 };

static size_t header_size(const struct ofp_mp *mp)
{
    return mp->type == OFPMP_EXPERIMENTER ? MP_HEADER + MP_EXPERIMENTER : MP_HEADER;
}

static void put_header(struct ofp_mp *mp, uint8_t *p)
{
    memset(p, 0, MP_HEADER);
    p[0] = mp->version;
    p[1] = OFPT_MULTIPART_REPLY;
    be32_store(p + 4, mp->xid);
    be16_store(p + 8, (uint16_t)mp->type);
    if (mp->type == OFPMP_EXPERIMENTER) {
        be32_store(p + MP_HEADER, OFPEXP_ONF);
        be32_store(p + MP_HEADER + 4, ONFMP_FLOW_MONITOR);
    }
}

void ofp_mp_begin(struct ofp_mp *mp, struct wr *w, uint8_t version, uint32_t xid, enum ofp_multipart_type type)
{
    uint8_t header[MP_HEADER + MP_EXPERIMENTER];

    *mp = (struct ofp_mp){
        .w = w, .start = w->len, .size_limit = OFP_MAX_SIZE, .xid = xid, .version = version, .type = type
    };
    if (!ofp_version_known(version))
        w->bad = true;
    put_header(mp, header);
    wr_bytes(w, header, header_size(mp));
}

void ofp_mp_end(struct ofp_mp *mp)
{
    enc_len(mp->w, mp->start, mp->start + 2);
    mp->start = mp->w->len;
}

void ofp_mp_end_part(struct ofp_mp *mp)
{
    wr_patch_u16(mp->w, mp->start + MP_FLAGS_AT, OFPMPF_REPLY_MORE);
    ofp_mp_end(mp);
}

/* Begins a new message at `at`, where the newest element begins. */
static void split(struct ofp_mp *mp, size_t at)
{
    struct wr *w = mp->w;
    size_t tail = w->len - at, n = header_size(mp);

    if (at == mp->start + n || n + tail > mp->size_limit) {
        w->bad = true; /* longer than any message */
        return;
    }
    if (!wr_room(w, n))
        return;
    wr_patch_u16(w, mp->start + 2, (uint16_t)(at - mp->start));
    wr_patch_u16(w, mp->start + MP_FLAGS_AT, OFPMPF_REPLY_MORE);
    memmove(w->p + at + n, w->p + at, tail);
    put_header(mp, w->p + at);
    mp->start = at;
}

static void element_done(struct ofp_mp *mp, size_t at)
{
    if (!mp->w->bad && mp->w->len - mp->start > mp->size_limit)
        split(mp, at);
}

static void add(struct ofp_mp *mp, enum ofp_multipart_type type, const void *x)
{
    size_t at = mp->w->len;

    if (mp->type != type || !of13_reply_element_encode(mp->w, type, x))
        mp->w->bad = true;
    element_done(mp, at);
}

void ofp_mp_add_flow(struct ofp_mp *mp, const struct ofp_flow_stats *x)
{
    add(mp, OFPMP_FLOW, x);
}

void ofp_mp_add_table(struct ofp_mp *mp, const struct ofp_table_stats *x)
{
    add(mp, OFPMP_TABLE, x);
}

void ofp_mp_add_port_stats(struct ofp_mp *mp, const struct ofp_port_stats *x)
{
    add(mp, OFPMP_PORT_STATS, x);
}

void ofp_mp_add_queue(struct ofp_mp *mp, const struct ofp_queue_stats *x)
{
    add(mp, OFPMP_QUEUE, x);
}

void ofp_mp_add_group(struct ofp_mp *mp, const struct ofp_group_stats *x)
{
    add(mp, OFPMP_GROUP, x);
}

void ofp_mp_add_group_desc(struct ofp_mp *mp, const struct ofp_group_desc *x)
{
    add(mp, OFPMP_GROUP_DESC, x);
}

void ofp_mp_add_meter(struct ofp_mp *mp, const struct ofp_meter_stats *x)
{
    add(mp, OFPMP_METER, x);
}

void ofp_mp_add_meter_config(struct ofp_mp *mp, const struct ofp_meter_config *x)
{
    add(mp, OFPMP_METER_CONFIG, x);
}

void ofp_mp_add_table_features(struct ofp_mp *mp, const struct ofp_table_features *x)
{
    add(mp, OFPMP_TABLE_FEATURES, x);
}

void ofp_mp_add_port(struct ofp_mp *mp, const struct ofp_port *x)
{
    add(mp, OFPMP_PORT_DESC, x);
}

void ofp_mp_add_flow_encoded(struct ofp_mp *mp, const struct ofp_flow_stats *x, const uint8_t *instructions, size_t n)
{
    size_t at = mp->w->len;
    struct ofp_flow_stats head = *x;

    head.n_instructions = 0;
    if (mp->type != OFPMP_FLOW || !of13_reply_element_encode(mp->w, OFPMP_FLOW, &head))
        mp->w->bad = true;
    wr_bytes(mp->w, instructions, n);
    enc_len(mp->w, at, at);
    element_done(mp, at);
}

void ofp_mp_add_update_encoded(struct ofp_mp *mp, const struct ofp_flow_update *x, const uint8_t *instructions,
                               size_t n)
{
    size_t at = mp->w->len;

    if (mp->type != OFPMP_EXPERIMENTER)
        mp->w->bad = true;
    of13_flow_updates_encode(mp->w, x, 1);
    wr_bytes(mp->w, instructions, n);
    enc_len(mp->w, at, at);
    element_done(mp, at);
}

size_t ofp_mp_ready(const struct ofp_mp *mp)
{
    return mp->start;
}

void ofp_mp_sent(struct ofp_mp *mp, size_t n)
{
    struct wr *w = mp->w;

    assert(n <= mp->start);
    if (!n || w->bad)
        return;
    memmove(w->p, w->p + n, w->len - n);
    w->len -= n;
    mp->start -= n;
}

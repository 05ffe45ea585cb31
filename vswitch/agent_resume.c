/* SPDX-License-Identifier: Apache-2.0 */
/* agent_resume.c - frames that wait for a controller: what it is told of their state, and that they go on (NXT_RESUME).
 *
 * Theory.  The state leaves with the packet-in and is kept nowhere else: a frame may wait for ever, be gone on with twice or
 * never, and costs nothing.  It is bytes of our own structs (datapath/pause.h), so it is taken back only with the mark that it
 * was given out with (io/seal.h), under a key that this bridge's agent makes when it starts.  What the controller may change is
 * the frame, and its fields: those are read as of any packet-out and match. */
#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/log.h"
#include "vswitch/agent_impl.h"

/* The one property in the continuation: type, length and four bytes of nothing, the mark, the state. */
enum { PROP_TYPE = 0x7472, PROP_HEAD = 8, CONTINUATION_HEAD = PROP_HEAD + SEAL_SIZE };

const uint8_t *continuation_make(struct agent *a, const struct event *ev, size_t *n)
{
    uint32_t n_state = rte_pktmbuf_pkt_len(ev->state);
    uint8_t *p = arena_calloc(&a->arena, 1, CONTINUATION_HEAD + n_state);
    uint8_t *state = p ? p + CONTINUATION_HEAD : NULL;
    const void *at = p ? rte_pktmbuf_read(ev->state, 0, n_state, state) : NULL;

    *n = CONTINUATION_HEAD + n_state;
    if (!at || *n > UINT16_MAX)
        return NULL;
    if (at != state)
        memcpy(state, at, n_state);
    be16_store(p, PROP_TYPE);
    be16_store(p + 2, (uint16_t)*n);
    return seal_make(&a->seal, state, n_state, p + PROP_HEAD) ? NULL : p;
}

/* Gives the state that this agent gave out. */
static int continuation_read(const struct agent *a, const uint8_t *p, size_t n, struct paused *out, struct ofp_err *err)
{
    if (n < CONTINUATION_HEAD || be16_load(p) != PROP_TYPE || be16_load(p + 2) < CONTINUATION_HEAD ||
        be16_load(p + 2) > n)
        return refuse(err, OFPET_EXPERIMENTER, NXR_STALE);
    out->state = p + CONTINUATION_HEAD;
    out->n_state = be16_load(p + 2) - (size_t)CONTINUATION_HEAD;
    if (!seal_is_good(&a->seal, out->state, out->n_state, p + PROP_HEAD))
        return refuse(err, OFPET_EXPERIMENTER, NXR_STALE);
    return 0;
}

/* The fields that a frame carries, as a match without its header. */
static int fields_read(struct agent *a, const uint8_t *p, size_t n, struct match *out, struct ofp_err *err)
{
    enum { MATCH_HEADER = 4 };
    size_t size = (MATCH_HEADER + n + 7) / 8 * 8;
    uint8_t *whole = arena_calloc(&a->arena, 1, size);
    struct ofp_match wire;
    int res;

    if (!whole || n > UINT16_MAX - MATCH_HEADER)
        return -ENOMEM;
    be16_store(whole, OFPMT_OXM);
    be16_store(whole + 2, (uint16_t)(MATCH_HEADER + n));
    if (n)
        memcpy(whole + MATCH_HEADER, p, n);
    res = ofp_match_decode(&wire, &a->arena, whole, size, err);
    return res ? res : ofp_match_to_match(out, &wire, err);
}

/* Of what is told twice, the last. */
static int properties_read(struct agent *a, const struct ofp_nx_packet_in2 *m, struct paused *out, struct match *fields,
                           struct ofp_err *err)
{
    int res = 0;

    for (size_t i = 0; i < m->n_properties && !res; i++) {
        const struct ofp_nx_packet_in_prop *p = &m->properties[i];

        switch (p->type) {
        case NXPINT_PACKET:
            out->frame = p->packet.data;
            out->len = p->packet.n_data;
            break;
        case NXPINT_METADATA:
            res = fields_read(a, p->metadata.data, p->metadata.n_data, fields, err);
            break;
        case NXPINT_CONTINUATION:
            res = continuation_read(a, p->continuation.data, p->continuation.n_data, out, err);
            break;
        case NXPINT_FULL_LEN: /* told to the controller, and of no use back here */
        case NXPINT_BUFFER_ID:
        case NXPINT_TABLE_ID:
        case NXPINT_COOKIE:
        case NXPINT_REASON:
        case NXPINT_USERDATA:
            break;
        }
    }
    if (!res && !out->state)
        res = refuse(err, OFPET_EXPERIMENTER, NXR_STALE);
    if (!res && out->len < FRAME_MIN)
        res = refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_PACKET);
    return res;
}

int handle_resume(struct session *s, const struct ofp_nx_packet_in2 *m, struct ofp_err *err)
{
    struct paused paused = { 0 };
    struct match fields = { 0 };
    struct agent *a = s->agent;
    int res;

    if (s->main->role == OFPCR_ROLE_SLAVE)
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
    res = properties_read(a, m, &paused, &fields, err);
    paused.in_port = match_has(&fields, FIELD_IN_PORT) ? (uint32_t)key_get(&fields.value, FIELD_IN_PORT).lo : OFPP_ANY;
    if (!res)
        res = in_port_check(a, paused.in_port, err);
    for (unsigned i = 0; i < EVENT_FIELDS; i++)
        paused.fields[i] = key_get(&fields.value, event_fields[i]);
    if (!res)
        res = datapath_resume(a->conf.bridge, &paused);
    if (res == -EINVAL)
        return refuse(err, OFPET_EXPERIMENTER, NXR_STALE);
    if (!res || res == -EBADMSG)
        return res;
    a->stats.packet_outs_dropped++;
    log_limited(LOG_WARNING, "bridge %s: a frame that was gone on with was dropped: %s", a->name, strerror(-res));
    return 0;
}

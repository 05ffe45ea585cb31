/* SPDX-License-Identifier: Apache-2.0 */
/* agent_packet.c - frames to and from controllers (OpenFlow 1.3.5, 7.3.7, 7.4.1).  A packet-in that is to carry less
 * than the frame leaves it in a buffer; without room there, it carries all of it. */
#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/log.h"
#include "datapath/flow_hash.h"
#include "datapath/offload.h"
#include "datapath/pkt.h"
#include "datapath/proto.h"
#include "vswitch/agent_impl.h"
#include "vswitch/packet_buffer.h"

/* --- packet-out --- */

int in_port_check(const struct agent *a, uint32_t port, struct ofp_err *err)
{
    if (port == OFPP_CONTROLLER || port == OFPP_ANY || agent_port_find(a, port))
        return 0;
    return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT);
}

int buffer_check(struct agent *a, uint32_t buffer_id, struct ofp_err *err)
{
    int res = buffer_id == OFP_NO_BUFFER ? 0 : packet_buffers_check(a->buffers, buffer_id);

    if (!res)
        return 0;
    return refuse(err, OFPET_BAD_REQUEST, res == -EALREADY ? OFPBRC_BUFFER_EMPTY : OFPBRC_BUFFER_UNKNOWN);
}

/* The frame's bytes in one piece; NULL: no memory. */
static const uint8_t *bytes_of(struct arena *arena, struct rte_mbuf *m)
{
    uint32_t len = rte_pktmbuf_pkt_len(m);
    uint8_t *room = m->nb_segs > 1 ? arena_calloc(arena, 1, len) : NULL;

    return m->nb_segs > 1 && !room ? NULL : rte_pktmbuf_read(m, 0, len, room);
}

/* Has a worker do it.  -E2BIG: nothing is done; else what cannot be sent is lost, as a full queue drops a frame. */
static int send_out(struct agent *a, uint32_t in_port, const struct act *acts, size_t n_acts, const uint8_t *p,
                    size_t n)
{
    int res = p ? datapath_send(a->conf.bridge, in_port, acts, n_acts, p, n) : -ENOMEM;

    if (!res || res == -E2BIG)
        return res;
    a->stats.packet_outs_dropped++;
    log_limited(LOG_WARNING, "bridge %s: a packet-out was dropped: %s", a->name, strerror(-res));
    return 0;
}

void buffer_release(struct agent *a, uint32_t buffer_id)
{
    struct act table = { .type = ACT_OUTPUT, .port = OFPP_TABLE };
    struct rte_mbuf *frame;
    uint32_t in_port;

    if (packet_buffers_take(a->buffers, buffer_id, &frame, &in_port))
        return;
    (void)send_out(a, in_port, &table, 1, bytes_of(&a->arena, frame), rte_pktmbuf_pkt_len(frame));
    rte_pktmbuf_free(frame);
}

/* Takes the frame only once its actions are found to fit. */
static int send_buffered(struct agent *a, const struct ofp_packet_out *m, const struct act *acts, size_t n_acts)
{
    struct rte_mbuf *frame = packet_buffers_find(a->buffers, m->buffer_id);
    int res = send_out(a, m->in_port, acts, n_acts, bytes_of(&a->arena, frame), rte_pktmbuf_pkt_len(frame));
    uint32_t in_port;

    if (!res && !packet_buffers_take(a->buffers, m->buffer_id, &frame, &in_port))
        rte_pktmbuf_free(frame);
    return res;
}

int handle_packet_out(struct session *s, const struct ofp_msg *msg, struct ofp_err *err)
{
    const struct ofp_packet_out *m = &msg->packet_out;
    bool is_buffered = m->buffer_id != OFP_NO_BUFFER; /* then what comes with the message is not looked at */
    struct agent *a = s->agent;
    struct ofp_check check;
    struct act *acts;
    uint16_t n_acts;
    int res;

    res = buffer_check(a, m->buffer_id, err);
    if (!res)
        res = in_port_check(a, m->in_port, err);
    check_init(&check, a, OFPTT_ALL);
    check.is_packet_out = true;
    check.has_nx = has_nx;
    if (!res)
        res = ofp_actions_check(&check, NULL, m->actions, m->n_actions, err);
    if (!res && !is_buffered && m->n_data < FRAME_MIN)
        res = refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_PACKET);
    if (!res)
        res = translate_actions_to_acts(&a->arena, m->actions, m->n_actions, &acts, &n_acts);
    for (unsigned i = 0; !res && i < n_acts; i++)
        if (acts[i].type == ACT_LEARN)
            acts[i].learn.flags &= (uint16_t)~LEARN_TAKES_ALONG; /* there is no flow to go with */
    if (res)
        return res == -EOPNOTSUPP ? refuse(err, OFPET_BAD_ACTION, OFPBAC_BAD_EXP_TYPE) : res;
    res = is_buffered ? send_buffered(a, m, acts, n_acts) : send_out(a, m->in_port, acts, n_acts, m->data, m->n_data);
    return res ? refuse(err, OFPET_BAD_ACTION, OFPBAC_TOO_MANY) : 0;
}

/* --- packet-in --- */

/* A wide register is told as the two that it is, each unless it is zero. */
static void set_if_any(struct match *m, enum field_id id, struct value v)
{
    if (!field_table[id].is_view) {
        if (v.hi || v.lo)
            match_set_masked(m, id, v, field_ones(id));
        return;
    }
    set_if_any(m, (enum field_id)(FIELD_REG0 + 2 * (id - FIELD_XREG0)), value_of(v.lo >> 32));
    set_if_any(m, (enum field_id)(FIELD_REG0 + 2 * (id - FIELD_XREG0) + 1), value_of(v.lo & UINT32_MAX));
}

static void make_match(struct match *m, const struct event *ev)
{
    *m = (struct match){ 0 };
    match_set(m, FIELD_IN_PORT, ev->in_port);
    for (unsigned i = 0; i < EVENT_FIELDS; i++)
        set_if_any(m, event_fields[i], ev->fields[i]);
    if (!match_has(m, FIELD_CT_NW_PROTO))
        return;
    match_set(m, FIELD_ETH_TYPE, match_has(m, FIELD_CT_IPV6_SRC) ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4); /* of the tuple */
    match_set(m, FIELD_CT_TP_SRC, key_get(&m->value, FIELD_CT_TP_SRC).lo); /* also when it is 0 */
    match_set(m, FIELD_CT_TP_DST, key_get(&m->value, FIELD_CT_TP_DST).lo);
}

/* What a packet-in says, in whichever of the three forms. */
struct told {
    const struct event *ev;
    const struct ofp_match *match;
    const uint8_t *continuation; /* NULL: nothing waits */
    size_t n_continuation;
    const uint8_t *frame;
    size_t n_frame, n_data; /* bytes of all, and those told */
    uint32_t buffer_id;
};

static void make_standard(struct ofp_msg *m, const struct told *t)
{
    *m = (struct ofp_msg){
        .type = OFPT_PACKET_IN,
        .packet_in = {
            .buffer_id = t->buffer_id, .total_len = (uint16_t)t->n_frame,
            .reason = (enum ofp_packet_in_reason)t->ev->reason, .table_id = t->ev->table_id, .cookie = t->ev->cookie,
            .match = *t->match, .data = t->frame, .n_data = t->n_data,
        },
    };
}

/* The fields of a match, without header and padding; -ENOMEM. */
static int fields_of(struct arena *a, const struct ofp_match *match, const uint8_t **p, size_t *n)
{
    enum { MATCH_HEADER = 4 };
    struct wr w;
    int err = 0;

    wr_init(&w);
    ofp_match_encode(&w, match, OFP_VERSION_13);
    *n = w.bad ? 0 : be16_load(w.p + 2) - (size_t)MATCH_HEADER;
    *p = w.bad ? NULL : arena_dup(a, w.p + MATCH_HEADER, *n);
    if (!*p)
        err = -ENOMEM;
    wr_fini(&w);
    return err;
}

static int make_nx1(struct ofp_nx_message *m, struct arena *a, const struct told *t)
{
    const uint8_t *fields;
    size_t n, padded;
    uint8_t *rest;

    if (fields_of(a, t->match, &fields, &n))
        return -ENOMEM;
    padded = (n + 7) / 8 * 8 + 2;
    rest = arena_calloc(a, 1, padded + t->n_data);
    if (!rest)
        return -ENOMEM;
    memcpy(rest, fields, n);
    memcpy(rest + padded, t->frame, t->n_data);
    *m = (struct ofp_nx_message){
        .exp_type = NXT_PACKET_IN,
        .packet_in = { t->buffer_id, (uint16_t)t->n_frame, (enum ofp_packet_in_reason)t->ev->reason, t->ev->table_id,
                       t->ev->cookie, (uint16_t)n, rest, padded + t->n_data },
    };
    return 0;
}

static int make_nx2(struct ofp_nx_message *m, struct arena *a, const struct told *t)
{
    struct ofp_nx_packet_in_prop *p = arena_calloc(a, NXPINT_CONTINUATION + 1, sizeof *p);
    const uint8_t *fields;
    size_t n_fields, n = 0;

    if (!p || fields_of(a, t->match, &fields, &n_fields))
        return -ENOMEM;
    p[n++] = (struct ofp_nx_packet_in_prop){ .type = NXPINT_PACKET, .packet = { t->frame, t->n_data } };
    if (t->n_data < t->n_frame)
        p[n++] = (struct ofp_nx_packet_in_prop){ .type = NXPINT_FULL_LEN, .full_len = { (uint32_t)t->n_frame } };
    if (t->buffer_id != OFP_NO_BUFFER)
        p[n++] = (struct ofp_nx_packet_in_prop){ .type = NXPINT_BUFFER_ID, .buffer_id = { t->buffer_id } };
    p[n++] = (struct ofp_nx_packet_in_prop){ .type = NXPINT_TABLE_ID, .table_id = { t->ev->table_id } };
    if (t->ev->cookie != UINT64_MAX)
        p[n++] = (struct ofp_nx_packet_in_prop){ .type = NXPINT_COOKIE, .cookie = { t->ev->cookie } };
    p[n++] = (struct ofp_nx_packet_in_prop){ .type = NXPINT_REASON, .reason = { (uint8_t)t->ev->reason } };
    p[n++] = (struct ofp_nx_packet_in_prop){ .type = NXPINT_METADATA, .metadata = { fields, n_fields } };
    if (t->ev->n_userdata)
        p[n++] = (struct ofp_nx_packet_in_prop){ .type = NXPINT_USERDATA,
                                                 .userdata = { t->ev->userdata, t->ev->n_userdata } };
    if (t->continuation)
        p[n++] = (struct ofp_nx_packet_in_prop){ .type = NXPINT_CONTINUATION,
                                                 .continuation = { t->continuation, t->n_continuation } };
    *m = (struct ofp_nx_message){ .exp_type = NXT_PACKET_IN2, .packet_in2 = { p, n } };
    return 0;
}

/* Writes it in one form to a->out; false: it could not be. */
static bool write_packet_in(struct agent *a, enum ofp_nx_packet_in_format format, const struct told *t)
{
    struct ofp_msg m = { .type = OFPT_EXPERIMENTER, .experimenter = { .experimenter = OFPEXP_NICIRA } };
    int err = 0;

    if (format == NXPIF_STANDARD)
        make_standard(&m, t);
    else if (format == NXPIF_NXT_PACKET_IN)
        err = make_nx1(&m.experimenter.nicira, &a->arena, t);
    else
        err = make_nx2(&m.experimenter.nicira, &a->arena, t);
    m.version = OFP_VERSION_13;
    wr_reset(&a->out);
    if (!err)
        ofp_encode(&a->out, &m);
    return !err && !a->out.bad;
}

static bool is_for(const struct session *s, const struct event *ev)
{
    return s->controller_id == ev->controller_id && session_wants(s, ASYNC_PACKET_IN, ev->reason);
}

/* 6.3.7: packet-ins are spread over the auxiliary connections, those of one flow over the same. */
static struct session *way_to(struct session *main, struct rte_mbuf *frame, uint32_t in_port)
{
    const struct agent *a = main->agent;
    unsigned n = 0, i;
    struct pkt p;

    for_each_list (struct session, s, &a->sessions, link)
        n += s->main == main && s != main;
    if (!n)
        return main;
    pkt_init(&p, frame, in_port);
    i = flow_hash(&p, 0) % n;
    for_each_list (struct session, s, &a->sessions, link)
        if (s->main == main && s != main && !i--)
            return s;
    return main;
}

struct cut {
    struct agent *agent;
    const struct event *ev;
    const struct ofp_match *match;
    const uint8_t *continuation;
    size_t n_continuation;
    bool *is_heard; /* by one who can have it go on */
};

/* How much of a frame goes to the session: what the action asks for, or where no action sends it, the session (7.3.2).
 * Who is to send it back gets it whole. */
static uint16_t max_len_of(const struct session *s, const struct event *ev)
{
    if (ev->state)
        return OFPCML_NO_BUFFER;
    return ev->reason == EVENT_INVALID_TTL ? s->miss_send_len : ev->max_len;
}

/* One frame, with its checksums done, to each session in the form that it asked for: whole, or its beginning and where the
 * rest of it waits. */
static void send_frame(const struct cut *c, struct rte_mbuf *frame, const uint8_t *p, size_t n)
{
    struct agent *a = c->agent;
    struct told t = { .ev = c->ev,
                      .match = c->match,
                      .continuation = c->continuation,
                      .n_continuation = c->n_continuation,
                      .frame = p,
                      .n_frame = n };
    uint32_t id = OFP_NO_BUFFER;
    bool has_tried = false;

    a->stats.packet_ins++;
    for_each_list (struct session, s, &a->sessions, link) {
        uint16_t max_len = max_len_of(s, c->ev);

        if (!is_for(s, c->ev))
            continue;
        if (max_len != OFPCML_NO_BUFFER && !has_tried) {
            id = packet_buffers_put(a->buffers, frame, c->ev->in_port);
            has_tried = true;
        }
        t.buffer_id = max_len == OFPCML_NO_BUFFER ? OFP_NO_BUFFER : id;
        t.n_data = t.buffer_id != OFP_NO_BUFFER && max_len < n ? max_len : n;
        if (write_packet_in(a, s->packet_in_format, &t))
            session_send_async(way_to(s, frame, c->ev->in_port), a->out.p, a->out.len);
        else
            a->stats.async_dropped++;
        *c->is_heard |= s->packet_in_format == NXPIF_NXT_PACKET_IN2 && s->main->role != OFPCR_ROLE_SLAVE;
    }
}

static void send_mbuf(const struct cut *c, struct rte_mbuf *m)
{
    uint32_t len = rte_pktmbuf_pkt_len(m);
    const uint8_t *p = bytes_of(&c->agent->arena, m);

    if (p && len <= UINT16_MAX)
        send_frame(c, m, p, len);
    else
        c->agent->stats.async_dropped++;
}

static void send_mbufs(void *arg, struct rte_mbuf **frames, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        send_mbuf(arg, frames[i]);
        rte_pktmbuf_free(frames[i]);
    }
}

/* A frame with work left for later: the work is done on a copy. */
static void send_unfinished(struct cut *c)
{
    struct rte_mempool *pool = c->ev->frame->pool;
    struct rte_mbuf *copy = rte_pktmbuf_copy(c->ev->frame, pool, 0, UINT32_MAX);
    struct offload_out out = { .pool = pool, .emit = send_mbufs, .arg = c };

    if (copy)
        offload_prepare(&copy, 1, &out);
    c->agent->stats.async_dropped += out.n_lost + !copy;
}

static void tell(struct agent *a, const struct event *ev, bool *is_heard)
{
    struct ofp_match wire;
    struct match match;
    struct cut c = { .agent = a, .ev = ev, .match = &wire, .is_heard = is_heard };

    if (!agent_has_listener(a, ASYNC_PACKET_IN, ev->reason))
        return;
    arena_reset(&a->arena);
    make_match(&match, ev);
    if (ev->state)
        c.continuation = continuation_make(a, ev, &c.n_continuation);
    if (match_to_ofp_match(&wire, &a->arena, &match) || (ev->state && !c.continuation))
        a->stats.async_dropped++;
    else if (offload_of(ev->frame))
        send_unfinished(&c);
    else
        send_mbuf(&c, ev->frame);
}

void agent_packet_in(struct agent *a, const struct event *ev)
{
    bool is_heard = false;

    tell(a, ev, &is_heard);
    if (ev->state && !is_heard)
        datapath_lose(a->conf.dp, DROP_UNHEARD);
}

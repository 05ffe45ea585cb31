/* SPDX-License-Identifier: Apache-2.0 */
/* agent_packet.c - frames to and from controllers (OpenFlow 1.3.5, 7.3.7, 7.4.1).  Nothing is buffered here, so every
 * packet-in carries the whole frame, whatever max_len says (7.4.1: a switch without buffers must). */
#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/log.h"
#include "datapath/offload.h"
#include "vswitch/agent_impl.h"

/* --- packet-out --- */

enum { FRAME_MIN = 14 }; /* an Ethernet header */

static int check_in_port(const struct agent *a, uint32_t port, struct ofp_err *err)
{
    if (port == OFPP_CONTROLLER || port == OFPP_ANY || agent_port_find(a, port))
        return 0;
    return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT);
}

int handle_packet_out(struct session *s, const struct ofp_msg *msg, struct ofp_err *err)
{
    const struct ofp_packet_out *m = &msg->packet_out;
    struct agent *a = s->agent;
    struct ofp_check check;
    struct act *acts;
    uint16_t n_acts;
    int res;

    if (m->buffer_id != OFP_NO_BUFFER)
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BUFFER_UNKNOWN);
    res = check_in_port(a, m->in_port, err);
    check_init(&check, a, OFPTT_ALL);
    check.is_packet_out = true;
    if (!res)
        res = ofp_actions_check(&check, NULL, m->actions, m->n_actions, err);
    if (!res && m->n_data < FRAME_MIN)
        res = refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_PACKET);
    if (!res)
        res = translate_actions_to_acts(&a->arena, m->actions, m->n_actions, &acts, &n_acts);
    if (res)
        return res;
    res = datapath_send(a->conf.bridge, m->in_port, acts, n_acts, m->data, m->n_data);
    if (res == -E2BIG)
        return refuse(err, OFPET_BAD_ACTION, OFPBAC_TOO_MANY);
    if (res) { /* as a full queue drops a frame */
        a->stats.packet_outs_dropped++;
        log_limited(LOG_WARNING, "bridge %s: a packet-out was dropped: %s", a->name, strerror(-res));
    }
    return 0;
}

/* --- packet-in --- */

static void make_match(struct match *m, const struct event *ev)
{
    *m = (struct match){ 0 };
    match_set(m, FIELD_IN_PORT, ev->in_port);
    if (ev->metadata)
        match_set(m, FIELD_METADATA, ev->metadata);
    if (ev->tunnel_id)
        match_set(m, FIELD_TUNNEL_ID, ev->tunnel_id);
}

/* One frame, whole and with its checksums done. */
static void send_frame(struct agent *a, const struct event *ev, const struct ofp_match *match, const uint8_t *p,
                       size_t n)
{
    struct ofp_msg m = {
        .type = OFPT_PACKET_IN,
        .packet_in = {
            .buffer_id = OFP_NO_BUFFER, .total_len = (uint16_t)n, .reason = (enum ofp_packet_in_reason)ev->reason,
            .table_id = ev->table_id, .cookie = ev->cookie, .match = *match, .data = p, .n_data = n,
        },
    };

    a->stats.packet_ins++;
    agent_broadcast(a, ASYNC_PACKET_IN, ev->reason, &m);
}

struct cut {
    struct agent *agent;
    const struct event *ev;
    const struct ofp_match *match;
};

static void send_mbuf(const struct cut *c, struct rte_mbuf *m)
{
    uint32_t len = rte_pktmbuf_pkt_len(m);
    uint8_t *room = m->nb_segs > 1 ? arena_calloc(&c->agent->arena, 1, len) : NULL;
    const uint8_t *p = m->nb_segs > 1 && !room ? NULL : rte_pktmbuf_read(m, 0, len, room);

    if (p && len <= UINT16_MAX)
        send_frame(c->agent, c->ev, c->match, p, len);
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

void agent_packet_in(struct agent *a, const struct event *ev)
{
    struct ofp_match wire;
    struct match match;
    struct cut c = { .agent = a, .ev = ev, .match = &wire };

    if (!agent_has_listener(a, ASYNC_PACKET_IN, ev->reason))
        return;
    arena_reset(&a->arena);
    make_match(&match, ev);
    if (match_to_ofp_match(&wire, &a->arena, &match))
        a->stats.async_dropped++;
    else if (offload_of(ev->frame))
        send_unfinished(&c);
    else
        send_mbuf(&c, ev->frame);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* agent_queue.c - the queues of ports, for controllers (OpenFlow 1.3.5, 7.2.2, 7.3.5.8, 7.3.6).  They are configured, not
 * programmed: OpenFlow 1.3 only reads them. */
#include <errno.h>

#include "base/clock.h"
#include "vswitch/agent_impl.h"

enum { TENTHS_OF_PERCENT = 1000 };
static const uint64_t UNKNOWN_SPEED_BPS = UINT64_C(10000000000); /* what rates are told in parts of, without a speed */

int agent_port_set_queues(struct agent_port *p, const struct shaper_conf *conf)
{
    int err = datapath_port_set_queues(p->agent->conf.dp, p->index, conf);

    if (err)
        return err;
    p->queues = *conf;
    p->queues_ns = clock_now(p->agent->conf.clock);
    return 0;
}

/* --- configuration --- */

/* Rates are parts of the port's speed on the wire: its limit, or else its device's. */
static uint64_t speed_of(const struct agent_port *p)
{
    if (p->queues.max_bps)
        return p->queues.max_bps;
    return p->status.speed_mbps ? (uint64_t)p->status.speed_mbps * 1000000 : UNKNOWN_SPEED_BPS;
}

static uint16_t part_of(uint64_t bps, uint64_t speed)
{
    uint64_t part = (bps * TENTHS_OF_PERCENT + speed / 2) / speed;

    return part < TENTHS_OF_PERCENT ? (uint16_t)part : TENTHS_OF_PERCENT;
}

static int describe(struct arena *a, const struct agent_port *p, const struct shaper_queue_conf *q,
                    struct ofp_packet_queue *out)
{
    struct ofp_queue_prop *props = arena_calloc(a, 2, sizeof *props);

    if (!props)
        return -ENOMEM;
    *out = (struct ofp_packet_queue){ .queue_id = q->id, .port = p->number, .properties = props };
    if (q->min_bps)
        props[out->n_properties++] = (struct ofp_queue_prop){
            .type = OFPQT_MIN_RATE,
            .min_rate = { .rate = part_of(q->min_bps, speed_of(p)) },
        };
    if (q->max_bps)
        props[out->n_properties++] = (struct ofp_queue_prop){
            .type = OFPQT_MAX_RATE,
            .max_rate = { .rate = part_of(q->max_bps, speed_of(p)) },
        };
    return 0;
}

int handle_queue_config(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct agent *a = s->agent;
    uint32_t number = m->queue_get_config_request.port;
    struct ofp_packet_queue *list;
    size_t n = 0;

    if (number != OFPP_ANY && !agent_port_find(a, number))
        return refuse(err, OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_PORT);
    for_each_hmap (struct agent_port, p, &a->ports, by_number)
        n += number == OFPP_ANY || p->number == number ? p->queues.n_queues : 0;
    list = arena_calloc(&a->arena, n + 1, sizeof *list);
    if (!list)
        return -ENOMEM;
    n = 0;
    for_each_hmap (struct agent_port, p, &a->ports, by_number)
        for (unsigned i = 0; (number == OFPP_ANY || p->number == number) && i < p->queues.n_queues; i++)
            if (describe(&a->arena, p, &p->queues.queues[i], &list[n++]))
                return -ENOMEM;

    struct ofp_msg reply = {
        .type = OFPT_QUEUE_GET_CONFIG_REPLY,
        .queue_get_config_reply = { .port = number, .queues = list, .n_queues = n },
    };

    session_send(s, &reply, m->xid);
    return 0;
}

/* --- statistics --- */

static void add_stats(struct ofp_mp *mp, const struct agent *a, const struct agent_port *p, uint32_t queue)
{
    struct ofp_queue_stats x = { .port_no = p->number, .queue_id = queue };
    struct shaper_stats st;

    if (datapath_port_queue_stats(a->conf.dp, p->index, queue, &st))
        return;
    x.tx_bytes = st.tx_bytes;
    x.tx_packets = st.tx_packets;
    x.tx_errors = st.tx_dropped;
    duration_split(clock_now(a->conf.clock) - p->queues_ns, &x.duration_sec, &x.duration_nsec);
    ofp_mp_add_queue(mp, &x);
}

/* Adds the port's queues that `queue` means; returns how many. */
static unsigned add_port(struct ofp_mp *mp, const struct agent *a, const struct agent_port *p, uint32_t queue)
{
    unsigned n = 0;

    for (unsigned i = 0; i < p->queues.n_queues; i++) {
        uint32_t id = p->queues.queues[i].id;

        if (queue != OFPQ_ALL && queue != id)
            continue;
        n++;
        if (mp)
            add_stats(mp, a, p, id);
    }
    return n;
}

static unsigned add_ports(struct ofp_mp *mp, const struct agent *a, uint32_t port, uint32_t queue)
{
    unsigned n = 0;

    for_each_hmap (struct agent_port, p, &a->ports, by_number)
        if (port == OFPP_ANY || p->number == port)
            n += add_port(mp, a, p, queue);
    return n;
}

int multipart_queue(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    const struct ofp_queue_stats_request *r = &m->multipart_request.queue;
    struct ofp_mp mp;

    if (r->port_no != OFPP_ANY && !agent_port_find(s->agent, r->port_no))
        return refuse(err, OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_PORT);
    if (r->queue_id != OFPQ_ALL && !add_ports(NULL, s->agent, r->port_no, r->queue_id))
        return refuse(err, OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_QUEUE);
    mp_list_begin(s, &mp, m);
    add_ports(&mp, s->agent, r->port_no, r->queue_id);
    return mp_list_finish(s, &mp);
}

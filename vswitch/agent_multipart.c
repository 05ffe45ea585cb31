/* SPDX-License-Identifier: Apache-2.0 */
/* agent_multipart.c - what controllers ask of the switch (OpenFlow 1.3.5, 7.3.5). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "vswitch/agent_impl.h"
#include "vswitch/group_table.h"
#include "base/version.h"

typedef int part_fn(struct session *s, const struct ofp_msg *m, struct ofp_err *err);

void mp_list_begin(struct session *s, struct ofp_mp *mp, const struct ofp_msg *m)
{
    wr_reset(&s->agent->out);
    ofp_mp_begin(mp, &s->agent->out, m->version, m->xid, m->multipart_request.type);
}

int mp_list_finish(struct session *s, struct ofp_mp *mp)
{
    ofp_mp_end(mp);
    if (s->agent->out.bad)
        return -ENOMEM;
    session_send_bytes(s, s->agent->out.p, s->agent->out.len);
    return 0;
}

static int desc(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct ofp_msg reply = { .type = OFPT_MULTIPART_REPLY, .multipart_reply = { .type = OFPMP_DESC } };
    struct utsname host;
    char hw[256];

    if (uname(&host))
        snprintf(hw, sizeof hw, "unknown");
    else
        snprintf(hw, sizeof hw, "%s %s, DPDK", host.sysname, host.machine);
    reply.multipart_reply.desc = (struct ofp_desc){
        .mfr_desc = "trama",
        .hw_desc = hw,
        .sw_desc = "trama-switchd " TRAMA_VERSION,
        .serial_num = "None",
        .dp_desc = s->agent->name,
    };
    session_send(s, &reply, m->xid);
    return 0;
}

static int flow(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    int res = dump_begin(s, m, &m->multipart_request.flow, false, err);

    if (!res)
        dump_run(s);
    return res;
}

static int aggregate(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    int res = dump_begin(s, m, &m->multipart_request.aggregate, true, err);

    if (!res)
        dump_run(s);
    return res;
}

static int table(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct agent *a = s->agent;
    struct ofp_mp mp;

    mp_list_begin(s, &mp, m);
    for (unsigned i = 0; i < DP_TABLES; i++) {
        struct table_stats st;

        if (!agent_has_table(a, (uint8_t)i))
            continue;
        bridge_table_stats(a->conf.bridge, (uint8_t)i, &st);

        struct ofp_table_stats x = {
            .table_id = (uint8_t)i,
            .active_count = flow_table_count(a->flows, (uint8_t)i),
            .lookup_count = st.lookups,
            .matched_count = st.matched,
        };

        ofp_mp_add_table(&mp, &x);
    }
    return mp_list_finish(s, &mp);
}

static void add_port_stats(struct ofp_mp *mp, const struct agent *a, const struct agent_port *p)
{
    struct port_stats st = { 0 };
    struct ofp_port_stats x = { .port_no = p->number };

    p->port->ops->stats(p->port, &st);
    x.rx_packets = st.rx_packets;
    x.tx_packets = st.tx_packets;
    x.rx_bytes = st.rx_bytes;
    x.tx_bytes = st.tx_bytes;
    x.rx_dropped = st.rx_dropped;
    x.tx_dropped = st.tx_dropped;
    x.rx_errors = st.rx_errors;
    x.tx_errors = st.tx_errors;
    x.rx_frame_err = st.rx_frame_err;
    x.rx_over_err = st.rx_over_err;
    x.rx_crc_err = st.rx_crc_err;
    x.collisions = st.collisions;
    duration_split(clock_now(a->conf.clock) - p->added_ns, &x.duration_sec, &x.duration_nsec);
    ofp_mp_add_port_stats(mp, &x);
}

static int port_stats(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    uint32_t number = m->multipart_request.port_stats.port_no;
    const struct agent_port *one = agent_port_find(s->agent, number);
    struct ofp_mp mp;

    if (number != OFPP_ANY && !one)
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT);
    mp_list_begin(s, &mp, m);
    if (one)
        add_port_stats(&mp, s->agent, one);
    else
        for_each_hmap (struct agent_port, p, &s->agent->ports, by_number)
            add_port_stats(&mp, s->agent, p);
    return mp_list_finish(s, &mp);
}

static int port_desc(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct ofp_mp mp;

    mp_list_begin(s, &mp, m);
    for_each_hmap (struct agent_port, p, &s->agent->ports, by_number) {
        struct ofp_port x;

        port_describe(p, &x);
        ofp_mp_add_port(&mp, &x);
    }
    return mp_list_finish(s, &mp);
}

static int group(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    uint32_t id = m->multipart_request.group.group_id;

    return dump_begin_ids(s, m, group_table_items(s->agent->groups), id == OFPG_ALL ? NULL : &id);
}

static int group_desc(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    return dump_begin_ids(s, m, group_table_items(s->agent->groups), NULL);
}

static int experimenter(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    switch ((unsigned)m->multipart_request.experimenter.experimenter) {
    case OFPEXP_ONF:
        return multipart_monitor(s, m, err); /* the only type there is */
    case OFPEXP_NICIRA:
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXP_TYPE);
    }
    return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER);
}

static part_fn *const parts[] = {
    [OFPMP_DESC] = desc,
    [OFPMP_FLOW] = flow,
    [OFPMP_AGGREGATE] = aggregate,
    [OFPMP_TABLE] = table,
    [OFPMP_PORT_STATS] = port_stats,
    [OFPMP_QUEUE] = multipart_queue,
    [OFPMP_GROUP] = group,
    [OFPMP_GROUP_DESC] = group_desc,
    [OFPMP_GROUP_FEATURES] = multipart_group_features,
    [OFPMP_METER] = multipart_meter,
    [OFPMP_METER_CONFIG] = multipart_meter,
    [OFPMP_METER_FEATURES] = multipart_meter_features,
    [OFPMP_TABLE_FEATURES] = multipart_table_features,
    [OFPMP_PORT_DESC] = port_desc,
};

int handle_multipart(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    enum ofp_multipart_type type = m->multipart_request.type;

    if (type != OFPMP_EXPERIMENTER && (type >= sizeof parts / sizeof *parts || !parts[type]))
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_MULTIPART);
    if (m->multipart_request.flags & OFPMPF_REQ_MORE && type != OFPMP_TABLE_FEATURES) /* no other has many parts */
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_MULTIPART_BUFFER_OVERFLOW);
    return type == OFPMP_EXPERIMENTER ? experimenter(s, m, err) : parts[type](s, m, err);
}

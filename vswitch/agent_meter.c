/* SPDX-License-Identifier: Apache-2.0 */
/* agent_meter.c - meter-mods, and what is told of meters (OpenFlow 1.3.5, 5.7, 7.3.4.4, 7.3.5.10 to 7.3.5.12).
 *
 * The controller meter (OFPM_CONTROLLER) is one like others but that no flow names it: every packet-in meets it.  There is no
 * slow path, hence no OFPM_SLOWPATH.  The rate is in kbit/s unless OFPMF_PKTPS says otherwise; statistics are always kept. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "vswitch/agent_impl.h"
#include "vswitch/meter_table.h"

static int meter_failed(struct ofp_err *err, enum ofp_meter_mod_failed_code code)
{
    return refuse(err, OFPET_METER_MOD_FAILED, (uint16_t)code);
}

/* --- meter-mod --- */

static int check_band(const struct ofp_meter_mod *m, const struct ofp_meter_band *x, struct ofp_err *err)
{
    if (x->type != OFPMBT_DROP && x->type != OFPMBT_DSCP_REMARK)
        return meter_failed(err, OFPMMFC_BAD_BAND);
    if (!x->rate)
        return meter_failed(err, OFPMMFC_BAD_RATE);
    if (m->flags & OFPMF_BURST && !x->burst_size)
        return meter_failed(err, OFPMMFC_BAD_BURST);
    if (x->type == OFPMBT_DSCP_REMARK && !x->dscp_remark.prec_level)
        return meter_failed(err, OFPMMFC_BAD_BAND_VALUE);
    return 0;
}

static int put(struct agent *a, const struct ofp_meter_mod *m, struct ofp_err *err)
{
    struct band_spec bands[METER_BANDS_MAX];
    struct meter_spec spec = {
        .id = m->meter_id,
        .is_pktps = m->flags & OFPMF_PKTPS,
        .bands = bands,
        .n_bands = (unsigned)m->n_bands,
    };
    int res = 0;

    if (m->flags & OFPMF_KBPS && m->flags & OFPMF_PKTPS)
        return meter_failed(err, OFPMMFC_BAD_FLAGS);
    if (m->n_bands > METER_BANDS_MAX)
        return meter_failed(err, OFPMMFC_OUT_OF_BANDS);
    for (size_t i = 0; i < m->n_bands && !res; i++) {
        const struct ofp_meter_band *x = &m->bands[i];

        res = check_band(m, x, err);
        bands[i] = (struct band_spec){
            .kind = x->type == OFPMBT_DROP ? BAND_DROP : BAND_REMARK,
            .rate = x->rate,
            .burst = m->flags & OFPMF_BURST ? x->burst_size : 0,
            .prec_level = x->type == OFPMBT_DSCP_REMARK ? x->dscp_remark.prec_level : 0,
        };
    }
    if (res)
        return res;
    wr_reset(&a->out);
    ofp_bands_encode(&a->out, OFP_VERSION_13, m->bands, m->n_bands);
    res = a->out.bad ? -ENOMEM : meter_table_put(a->meters, &spec, m->flags, a->out.p, a->out.len);
    if (res)
        return meter_failed(err, res == -ENOSPC ? OFPMMFC_OUT_OF_METERS : OFPMMFC_UNKNOWN);
    return 0;
}

/* The flows that use the meter go with it. */
static int delete_one(struct agent *a, struct id_item *item)
{
    struct match any = { 0 };
    struct flow_query q = {
        .table_id = FLOW_TABLE_ALL,
        .match = &any,
        .out_port = FLOW_ANY,
        .out_group = FLOW_ANY,
        .meter_id = item->id,
    };
    int res = item->n_flows ? flow_delete(a->flows, &q, FLOW_GONE_DELETE) : 0;

    return res ? res : meter_table_delete(a->meters, item);
}

static int delete_meters(struct agent *a, uint32_t id)
{
    struct id_item *one = meter_table_find(a->meters, id);
    int res = 0;

    if (id != OFPM_ALL)
        return one ? delete_one(a, one) : 0;
    /* nothing leaves the table before the commit */
    for_each_hmap (struct id_item, item, &meter_table_items(a->meters)->items, by_id)
        if (item->now && !res)
            res = delete_one(a, item);
    return res;
}

static bool is_valid_id(uint32_t id)
{
    return (id && id <= OFPM_MAX) || id == OFPM_CONTROLLER;
}

int meter_mod_prepare(struct session *s, const struct ofp_msg *msg, struct ofp_err *err)
{
    const struct ofp_meter_mod *m = &msg->meter_mod;
    struct agent *a = s->agent;
    bool is_there = meter_table_find(a->meters, m->meter_id);
    int res;

    switch (m->command) {
    case OFPMC_ADD:
        if (!is_valid_id(m->meter_id))
            return meter_failed(err, OFPMMFC_INVALID_METER);
        if (is_there)
            return meter_failed(err, OFPMMFC_METER_EXISTS);
        if (meter_table_items(a->meters)->n >= a->conf.max_meters)
            return meter_failed(err, OFPMMFC_OUT_OF_METERS);
        return put(a, m, err);
    case OFPMC_MODIFY:
        if (!is_valid_id(m->meter_id))
            return meter_failed(err, OFPMMFC_INVALID_METER);
        if (!is_there)
            return meter_failed(err, OFPMMFC_UNKNOWN_METER);
        return put(a, m, err);
    case OFPMC_DELETE:
        res = delete_meters(a, m->meter_id);
        return res ? meter_failed(err, OFPMMFC_UNKNOWN) : 0;
    }
    return meter_failed(err, OFPMMFC_BAD_COMMAND);
}

int handle_meter_mod(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    return agent_finish(s->agent, meter_mod_prepare(s, m, err));
}

/* --- what is told --- */

int multipart_meter(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct agent *a = s->agent;
    uint32_t id = m->multipart_request.type == OFPMP_METER ? m->multipart_request.meter.meter_id
                                                           : m->multipart_request.meter_config.meter_id;

    if (id != OFPM_ALL && !meter_table_find(a->meters, id))
        return meter_failed(err, OFPMMFC_UNKNOWN_METER);
    return dump_begin_ids(s, m, meter_table_items(a->meters), id == OFPM_ALL ? NULL : &id);
}

int meter_say_stats(struct ofp_mp *mp, struct agent *a, const struct id_item *item)
{
    const struct meter_entry *e = item->now;
    struct ofp_meter_band_stats bands[METER_BANDS_MAX];
    struct ofp_meter_stats x = {
        .meter_id = item->id, .flow_count = item->n_flows, .bands = bands, .n_bands = e->meter->n_bands
    };
    struct rule_stat st;

    for (unsigned i = 0; i < e->meter->n_bands; i++) {
        meter_band_stats(e->meter, i, &st);
        bands[i] = (struct ofp_meter_band_stats){ .packet_band_count = st.packets, .byte_band_count = st.bytes };
    }
    meter_stats(e->meter, &st);
    x.packet_in_count = st.packets;
    x.byte_in_count = st.bytes;
    duration_split(clock_now(a->conf.clock) - e->created_ns, &x.duration_sec, &x.duration_nsec);
    ofp_mp_add_meter(mp, &x);
    return 0;
}

int meter_say_config(struct ofp_mp *mp, struct arena *arena, const struct id_item *item)
{
    const struct meter_entry *e = item->now;
    struct ofp_meter_config x = { .flags = e->flags, .meter_id = item->id };
    struct ofp_err err;
    int res = ofp_bands_decode(&x.bands, &x.n_bands, arena, OFP_VERSION_13, e->bands, e->n_bands, &err);

    if (!res)
        ofp_mp_add_meter_config(mp, &x);
    return res;
}

int multipart_meter_features(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct ofp_msg reply = {
        .type = OFPT_MULTIPART_REPLY,
        .multipart_reply = { .type = OFPMP_METER_FEATURES,
                             .meter_features = { .max_meter = s->agent->conf.max_meters,
                                                 .band_types = 1u << OFPMBT_DROP | 1u << OFPMBT_DSCP_REMARK,
                                                 .capabilities = OFPMF_KBPS | OFPMF_PKTPS | OFPMF_BURST | OFPMF_STATS,
                                                 .max_bands = METER_BANDS_MAX } },
    };

    session_send(s, &reply, m->xid);
    return 0;
}

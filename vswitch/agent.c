/* SPDX-License-Identifier: Apache-2.0 */
/* agent.c - see agent.h: sessions, dispatch by message type, roles, and who hears of what. */
#include "vswitch/agent.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "vswitch/agent_impl.h"
#include "vswitch/group_table.h"
#include "vswitch/learn_table.h"
#include "vswitch/meter_table.h"
#include "vswitch/packet_buffer.h"

enum { ERROR_DATA = 64 }; /* bytes of the refused message that go back, 7.4.4 */

/* --- sending --- */

void session_send_bytes(struct session *s, const void *p, size_t n)
{
    int err = s->ops->send(s->arg, p, n);

    if (err)
        log_limited(LOG_WARNING, "bridge %s: a reply of %zu bytes was not sent: %s", s->agent->name, n, strerror(-err));
}

void session_send(struct session *s, struct ofp_msg *m, uint32_t xid)
{
    struct wr *w = &s->agent->out;

    wr_reset(w);
    m->version = OFP_VERSION_13;
    m->xid = xid;
    ofp_encode(w, m);
    if (w->bad)
        log_limited(LOG_ERROR, "bridge %s: a reply could not be written", s->agent->name);
    else
        session_send_bytes(s, w->p, w->len);
}

static uint32_t reasons_of(const struct session *s, enum async_kind kind)
{
    unsigned i = s->role == OFPCR_ROLE_SLAVE;

    if (s != s->main || (s->kind == SESSION_SERVICE && !s->miss_send_len))
        return 0;
    switch (kind) {
    case ASYNC_PACKET_IN:
        return s->async.packet_in_mask[i];
    case ASYNC_PORT_STATUS:
        return s->async.port_status_mask[i];
    case ASYNC_FLOW_REMOVED:
        return s->async.flow_removed_mask[i];
    }
    return 0;
}

bool session_wants(const struct session *s, enum async_kind kind, unsigned reason)
{
    return reasons_of(s, kind) >> reason & 1;
}

void session_send_async(struct session *s, const void *p, size_t n)
{
    if (s->ops->send_async(s->arg, p, n))
        s->agent->stats.async_dropped++; /* whoever does not read misses messages; replies keep their place */
}

bool agent_has_listener(const struct agent *a, enum async_kind kind, unsigned reason)
{
    for_each_list (struct session, s, &a->sessions, link)
        if (session_wants(s, kind, reason))
            return true;
    return false;
}

void agent_broadcast(struct agent *a, enum async_kind kind, unsigned reason, struct ofp_msg *m)
{
    if (!agent_has_listener(a, kind, reason))
        return;
    wr_reset(&a->out);
    m->version = OFP_VERSION_13;
    m->xid = 0;
    ofp_encode(&a->out, m);
    if (a->out.bad) {
        a->stats.async_dropped++;
        return;
    }
    for_each_list (struct session, s, &a->sessions, link)
        if (session_wants(s, kind, reason))
            session_send_async(s, a->out.p, a->out.len);
}

void session_send_error(struct session *s, const struct ofp_err *err, const uint8_t *p, size_t n, uint32_t xid)
{
    struct ofp_msg m = {
        .type = OFPT_ERROR,
        .error = { .type = err->type, .code = err->code, .data = p, .n_data = n < ERROR_DATA ? n : ERROR_DATA },
    };

    if (err->type == OFPET_EXPERIMENTER)
        m.error.experimenter = ofp_err_experimenter(err->code);
    s->agent->stats.errors_out++;
    session_send(s, &m, xid);
}

/* --- small messages --- */

static int handle_nothing(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    return 0; /* a hello or an echo reply that comes late */
}

static int handle_error(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    log_limited(LOG_NOTICE, "bridge %s: the controller answered with error type %u code %u", s->agent->name,
                m->error.type, m->error.code);
    return 0;
}

static int handle_echo(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct ofp_msg reply = { .type = OFPT_ECHO_REPLY, .echo_reply = m->echo_request };

    session_send(s, &reply, m->xid);
    return 0;
}

static int handle_onf(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    switch (m->experimenter.onf.exp_type) {
    case ONFT_BUNDLE_CONTROL:
        return handle_bundle_control(s, m, err);
    case ONFT_BUNDLE_ADD_MESSAGE:
        return handle_bundle_add(s, m, err);
    case ONFT_FLOW_MONITOR_CANCEL:
        return handle_monitor_cancel(s, m, err);
    case ONFT_FLOW_MONITOR_PAUSED:
    case ONFT_FLOW_MONITOR_RESUMED:
        break;
    }
    return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXP_TYPE);
}

static void set_async2(struct ofp_async_config *a, const struct ofp_nx_async_prop *p)
{
    switch (p->type) {
    case NXAPT_PACKET_IN_SLAVE:
    case NXAPT_PACKET_IN_MASTER:
        a->packet_in_mask[p->type == NXAPT_PACKET_IN_SLAVE] = p->mask;
        return;
    case NXAPT_PORT_STATUS_SLAVE:
    case NXAPT_PORT_STATUS_MASTER:
        a->port_status_mask[p->type == NXAPT_PORT_STATUS_SLAVE] = p->mask;
        return;
    case NXAPT_FLOW_REMOVED_SLAVE:
    case NXAPT_FLOW_REMOVED_MASTER:
        a->flow_removed_mask[p->type == NXAPT_FLOW_REMOVED_SLAVE] = p->mask;
        return;
    case NXAPT_ROLE_STATUS_SLAVE: /* OpenFlow 1.3 has no such messages */
    case NXAPT_ROLE_STATUS_MASTER:
    case NXAPT_TABLE_STATUS_SLAVE:
    case NXAPT_TABLE_STATUS_MASTER:
    case NXAPT_REQUESTFORWARD_SLAVE:
    case NXAPT_REQUESTFORWARD_MASTER:
        return;
    }
}

static int handle_nx(struct session *s, const struct ofp_nx_message *m, struct ofp_err *err)
{
    switch (m->exp_type) {
    case NXT_SET_ASYNC_CONFIG:
        s->main->async = m->set_async_config;
        return 0;
    case NXT_SET_ASYNC_CONFIG2:
        for (size_t i = 0; i < m->set_async_config2.n_properties; i++)
            set_async2(&s->main->async, &m->set_async_config2.properties[i]);
        return 0;
    case NXT_RESUME:
        return handle_resume(s, &m->resume, err);
    case NXT_SET_PACKET_IN_FORMAT:
        s->main->packet_in_format = m->set_packet_in_format.format;
        return 0;
    case NXT_SET_CONTROLLER_ID:
        s->main->controller_id = m->set_controller_id.controller_id;
        return 0;
    case NXT_CT_FLUSH_ZONE:
        return handle_ct_flush_zone(s, &m->ct_flush_zone, err);
    case NXT_CT_FLUSH:
        return handle_ct_flush(s, &m->ct_flush, err);
    case NXT_PACKET_IN:
    case NXT_PACKET_IN2:
        break;
    }
    return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXP_TYPE);
}

static int handle_experimenter(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    switch ((unsigned)m->experimenter.experimenter) {
    case OFPEXP_ONF:
        return handle_onf(s, m, err);
    case OFPEXP_NICIRA:
        return handle_nx(s, &m->experimenter.nicira, err);
    }
    return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER);
}

static int handle_features(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct ofp_msg reply = {
        .type = OFPT_FEATURES_REPLY,
        .features_reply = { .datapath_id = s->agent->conf.datapath_id,
                            .n_buffers = PACKET_BUFFERS,
                            .n_tables = DP_TABLES,
                            .auxiliary_id = s->auxiliary_id,
                            .capabilities = OFPC_FLOW_STATS | OFPC_TABLE_STATS | OFPC_PORT_STATS | OFPC_GROUP_STATS |
                                            OFPC_IP_REASM },
    };

    session_send(s, &reply, m->xid);
    return 0;
}

static int handle_get_config(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct ofp_msg reply = {
        .type = OFPT_GET_CONFIG_REPLY,
        .get_config_reply = { .flags = s->agent->fragments, .miss_send_len = s->main->miss_send_len },
    };

    session_send(s, &reply, m->xid);
    return 0;
}

static int handle_set_config(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct agent *a = s->agent;

    if (m->set_config.flags > OFPC_FRAG_REASM)
        return refuse(err, OFPET_SWITCH_CONFIG_FAILED, OFPSCFC_BAD_FLAGS);
    if (m->set_config.flags != a->fragments && s->main->role == OFPCR_ROLE_SLAVE) /* the flags are the switch's */
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
    if (bridge_set_fragments(a->conf.bridge, (enum fragment_mode)m->set_config.flags)) /* no memory */
        return refuse(err, OFPET_SWITCH_CONFIG_FAILED, OFPSCFC_EPERM);
    a->fragments = m->set_config.flags;
    s->main->miss_send_len = m->set_config.miss_send_len;
    return 0;
}

/* Every message before it was handled to its end, and its changes committed: nothing to wait for. */
static int handle_barrier(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct ofp_msg reply = { .type = OFPT_BARRIER_REPLY };

    session_send(s, &reply, m->xid);
    return 0;
}

/* 6.3.6: a master or slave claims with a generation id that must not be older than the newest seen. */
static int handle_role(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct agent *a = s->agent;
    const struct ofp_role *want = &m->role_request;

    if (want->role == OFPCR_ROLE_MASTER || want->role == OFPCR_ROLE_SLAVE) {
        if (a->has_generation && (int64_t)(want->generation_id - a->generation_id) < 0)
            return refuse(err, OFPET_ROLE_REQUEST_FAILED, OFPRRFC_STALE);
        a->has_generation = true;
        a->generation_id = want->generation_id;
    }
    if (want->role == OFPCR_ROLE_MASTER)
        for_each_list (struct session, other, &a->sessions, link)
            if (other->role == OFPCR_ROLE_MASTER)
                other->role = OFPCR_ROLE_SLAVE;
    if (want->role != OFPCR_ROLE_NOCHANGE)
        s->main->role = want->role;

    struct ofp_msg reply = {
        .type = OFPT_ROLE_REPLY,
        .role_reply = { .role = s->main->role, .generation_id = a->has_generation ? a->generation_id : UINT64_MAX },
    };

    session_send(s, &reply, m->xid);
    return 0;
}

static int handle_get_async(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    struct ofp_msg reply = { .type = OFPT_GET_ASYNC_REPLY, .get_async_reply = s->main->async };

    session_send(s, &reply, m->xid);
    return 0;
}

static int handle_set_async(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    s->main->async = m->set_async;
    return 0;
}

/* --- dispatch --- */

static const struct {
    handler_fn *handle;  /* NULL: a switch does not take this type */
    bool is_for_masters; /* changes the switch: not for a slave, 6.3.6 */
} handlers[] = {
    [OFPT_HELLO] = { handle_nothing, false },
    [OFPT_ERROR] = { handle_error, false },
    [OFPT_ECHO_REQUEST] = { handle_echo, false },
    [OFPT_ECHO_REPLY] = { handle_nothing, false },
    [OFPT_EXPERIMENTER] = { handle_experimenter, false },
    [OFPT_FEATURES_REQUEST] = { handle_features, false },
    [OFPT_GET_CONFIG_REQUEST] = { handle_get_config, false },
    [OFPT_SET_CONFIG] = { handle_set_config, false },
    [OFPT_PACKET_OUT] = { handle_packet_out, true },
    [OFPT_FLOW_MOD] = { handle_flow_mod, true },
    [OFPT_GROUP_MOD] = { handle_group_mod, true },
    [OFPT_PORT_MOD] = { handle_port_mod, true },
    [OFPT_TABLE_MOD] = { handle_table_mod, true },
    [OFPT_MULTIPART_REQUEST] = { handle_multipart, false },
    [OFPT_BARRIER_REQUEST] = { handle_barrier, false },
    [OFPT_QUEUE_GET_CONFIG_REQUEST] = { handle_queue_config, false },
    [OFPT_ROLE_REQUEST] = { handle_role, false },
    [OFPT_GET_ASYNC_REQUEST] = { handle_get_async, false },
    [OFPT_SET_ASYNC] = { handle_set_async, false },
    [OFPT_METER_MOD] = { handle_meter_mod, true },
};

static int dispatch(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    if (m->type >= sizeof handlers / sizeof *handlers || !handlers[m->type].handle)
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE);
    if (handlers[m->type].is_for_masters && s->main->role == OFPCR_ROLE_SLAVE)
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
    return handlers[m->type].handle(s, m, err);
}

static bool is_answering(const struct session *s)
{
    return s->dump.is_active || monitor_is_starting(s);
}

static void hold_if_full(struct session *s)
{
    if (s->is_held || (!is_answering(s) && s->ops->room(s->arg) >= SESSION_ROOM))
        return;
    s->is_held = true;
    s->ops->hold(s->arg);
}

static void resume_if_free(struct session *s)
{
    if (!s->is_held || is_answering(s) || s->ops->room(s->arg) < SESSION_ROOM)
        return;
    s->is_held = false;
    s->ops->resume(s->arg);
}

void session_message(struct session *s, const struct ofp_msg *m, const uint8_t *p, size_t n)
{
    struct ofp_err why = { .type = OFPET_BAD_REQUEST, .code = OFPBRC_EPERM };
    int err;

    arena_reset(&s->agent->arena);
    s->agent->stats.messages_in++;
    s->agent->asker = s;
    flow_table_mark(s->agent->flows, m->xid);
    err = dispatch(s, m, &why);
    s->agent->asker = NULL;
    if (err)
        session_send_error(s, &why, p, n, m->xid);
    hold_if_full(s);
}

/* --- life --- */

static struct session *session_new(struct agent *a, const struct session_ops *ops, void *arg)
{
    struct session *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    list_init(&s->bundles);
    s->agent = a;
    s->ops = ops;
    s->arg = arg;
    s->main = s;
    list_push_back(&a->sessions, &s->link);
    return s;
}

int session_open_auxiliary(struct session **out, struct session *main, uint8_t auxiliary_id,
                           const struct session_ops *ops, void *arg)
{
    struct session *s = session_new(main->agent, ops, arg);

    if (!s)
        return -ENOMEM;
    s->kind = main->kind;
    s->main = main;
    s->auxiliary_id = auxiliary_id;
    *out = s;
    return 0;
}

int session_open(struct session **out, struct agent *a, enum session_kind kind, const struct session_ops *ops,
                 void *arg)
{
    struct session *s = session_new(a, ops, arg);

    if (!s)
        return -ENOMEM;
    s->kind = kind;
    s->role = OFPCR_ROLE_EQUAL;
    s->miss_send_len = kind == SESSION_SERVICE ? 0 : 128; /* 7.3.2: the default */
    s->async = (struct ofp_async_config){
        .packet_in_mask = { 1 << OFPR_NO_MATCH | 1 << OFPR_ACTION, 0 },
        .port_status_mask = { 1 << OFPPR_ADD | 1 << OFPPR_DELETE | 1 << OFPPR_MODIFY,
                              1 << OFPPR_ADD | 1 << OFPPR_DELETE | 1 << OFPPR_MODIFY },
        .flow_removed_mask = { 0xf, 0 },
    };
    *out = s;
    return 0;
}

void session_close(struct session *s)
{
    if (!s)
        return;
    dump_end(s);
    monitors_free(s);
    bundles_free(s);
    table_request_free(s);
    list_remove(&s->link);
    free(s);
}

unsigned agent_controller_count(const struct agent *a)
{
    unsigned n = 0;

    for_each_list (struct session, s, &a->sessions, link)
        n += s->kind == SESSION_CONTROLLER && s == s->main;
    return n;
}

static void count_flow(void *arg, const struct rule *r, int by)
{
    const struct agent *a = arg;

    group_table_count_flow(a->groups, &r->code, by);
    meter_table_count_flow(a->meters, &r->code, by);
    learn_table_count(a->learns, r, by);
}

int agent_finish(struct agent *a, int res)
{
    if (!res)
        res = learn_table_delete(a->learns, a->flows);
    if (res) {
        group_table_abort(a->groups);
        meter_table_abort(a->meters);
        flow_table_abort(a->flows);
    } else {
        flow_table_commit(a->flows);
        group_table_commit(a->groups);
        meter_table_commit(a->meters);
        monitors_flush(a);
    }
    learn_table_settle(a->learns);
    return res;
}

int agent_new(struct agent **out, const struct agent_conf *conf)
{
    struct agent *a = calloc(1, sizeof *a);

    if (!a)
        return -ENOMEM;
    a->conf = *conf;
    snprintf(a->name, sizeof a->name, "%s", conf->name);
    a->conf.name = a->name;
    table_settings_init(a);
    list_init(&a->sessions);
    arena_init(&a->arena);
    wr_init(&a->out);

    struct flow_table_conf flows = {
        .dp = conf->dp,
        .bridge = conf->bridge,
        .clock = conf->clock,
        .max_flows = conf->max_flows,
        .removed = agent_flow_removed,
        .changed = agent_flow_changed,
        .count = count_flow,
        .arg = a,
    };
    int err = learn_table_new(&a->learns, conf->bridge);

    if (!err)
        err = flow_table_new(&a->flows, &flows);

    if (!a->conf.max_groups)
        a->conf.max_groups = GROUP_TABLE_MAX;
    if (!a->conf.max_meters)
        a->conf.max_meters = METER_TABLE_MAX;
    if (!a->conf.max_monitor_bytes)
        a->conf.max_monitor_bytes = 256 << 20;
    if (!err)
        err = group_table_new(&a->groups, conf->bridge, conf->clock);
    if (!err)
        err = meter_table_new(&a->meters, conf->bridge, conf->clock);
    if (!err)
        err = packet_buffers_new(&a->buffers, conf->clock);
    if (!err)
        err = seal_init(&a->seal);
    if (err) {
        packet_buffers_free(a->buffers);
        meter_table_free(a->meters);
        group_table_free(a->groups);
        flow_table_free(a->flows);
        learn_table_free(a->learns);
        free(a);
        return err;
    }
    *out = a;
    return 0;
}

void agent_free(struct agent *a)
{
    if (!a)
        return;
    assert(list_is_empty(&a->sessions) && !a->ports.n);
    packet_buffers_free(a->buffers);
    flow_table_free(a->flows);
    group_table_free(a->groups);
    meter_table_free(a->meters);
    learn_table_free(a->learns);
    datapath_commit(a->conf.dp);
    hmap_fini(&a->ports);
    arena_fini(&a->arena);
    wr_fini(&a->out);
    free(a);
}

uint64_t agent_datapath_id(const struct agent *a)
{
    return a->conf.datapath_id;
}

void agent_set_datapath_id(struct agent *a, uint64_t datapath_id)
{
    a->conf.datapath_id = datapath_id;
}

struct flow_table *agent_flows(struct agent *a)
{
    return a->flows;
}

void agent_stats(const struct agent *a, struct agent_stats *out)
{
    *out = a->stats;
}

void agent_event(struct agent *a, const struct event *ev)
{
    switch (ev->type) {
    case EVENT_PACKET_IN:
        agent_packet_in(a, ev);
        return;
    case EVENT_LEARN:
        agent_learn(a, ev);
        return;
    case EVENT_FIN:
        agent_fin(a, ev);
        return;
    case EVENT_CAPTURE_RX:
    case EVENT_CAPTURE_TX:
        return;
    }
}

bool agent_run(struct agent *a)
{
    bool has_more = false;

    flow_table_run(a->flows);
    if (learn_table_is_due(a->learns))
        (void)agent_finish(a, 0); /* without memory they stay */
    packet_buffers_run(a->buffers);
    for_each_list_safe (struct session, s, next, &a->sessions, link) {
        if (s->dump.is_active)
            has_more |= dump_run(s);
        has_more |= monitor_run(s);
        resume_if_free(s);
    }
    return has_more || flow_table_next_ns(a->flows) <= clock_now(a->conf.clock);
}

uint64_t agent_next_ns(const struct agent *a)
{
    uint64_t flow = flow_table_next_ns(a->flows), frame = packet_buffers_next_ns(a->buffers);

    return flow < frame ? flow : frame;
}

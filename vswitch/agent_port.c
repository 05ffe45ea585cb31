/* SPDX-License-Identifier: Apache-2.0 */
/* agent_port.c - ports as controllers see them (OpenFlow 1.3.5, 7.2.1, 7.3.4.3, 7.4.3). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "vswitch/agent_impl.h"

enum { PORT_CONFIG = OFPPC_PORT_DOWN | OFPPC_NO_RECV | OFPPC_NO_FWD | OFPPC_NO_PACKET_IN };

static uint32_t hash_of(uint32_t number)
{
    return (uint32_t)hash_mix(number);
}

/* --- describing --- */

static uint32_t features_of(const struct port_status *st)
{
    static const struct {
        uint32_t mbps, full, half;
    } speeds[] = {
        { 10, OFPPF_10MB_FD, OFPPF_10MB_HD },    { 100, OFPPF_100MB_FD, OFPPF_100MB_HD },
        { 1000, OFPPF_1GB_FD, OFPPF_1GB_HD },    { 10000, OFPPF_10GB_FD, OFPPF_10GB_FD },
        { 40000, OFPPF_40GB_FD, OFPPF_40GB_FD }, { 100000, OFPPF_100GB_FD, OFPPF_100GB_FD },
        { 1000000, OFPPF_1TB_FD, OFPPF_1TB_FD },
    };

    for (size_t i = 0; i < sizeof speeds / sizeof *speeds; i++)
        if (st->speed_mbps == speeds[i].mbps)
            return st->is_full_duplex ? speeds[i].full : speeds[i].half;
    return st->speed_mbps ? OFPPF_OTHER : 0;
}

static uint32_t state_of(const struct agent_port *p)
{
    bool is_up = p->status.is_link_up && !p->status.is_gone;

    return (is_up ? 0 : OFPPS_LINK_DOWN) | (is_up && !(p->flags & PORT_FLAG_DOWN) ? OFPPS_LIVE : 0);
}

void port_describe(const struct agent_port *p, struct ofp_port *out)
{
    uint64_t kbps = (uint64_t)p->status.speed_mbps * 1000;

    *out = (struct ofp_port){
        .port_no = p->number,
        .config = p->flags & PORT_CONFIG,
        .state = state_of(p),
        .curr = features_of(&p->status),
        .curr_speed = kbps < UINT32_MAX ? (uint32_t)kbps : UINT32_MAX,
    };
    out->max_speed = out->curr_speed;
    memcpy(out->hw_addr, p->status.mac, sizeof out->hw_addr);
    snprintf(out->name, sizeof out->name, "%.15s", p->name);
}

static void tell(struct agent_port *p, enum ofp_port_reason reason)
{
    struct ofp_msg m = { .type = OFPT_PORT_STATUS, .port_status = { .reason = reason } };

    port_describe(p, &m.port_status.desc);
    agent_broadcast(p->agent, ASYNC_PORT_STATUS, reason, &m);
}

/* --- coming, going, changing --- */

struct agent_port *agent_port_find(const struct agent *a, uint32_t number)
{
    for_each_hmap_hash (struct agent_port, p, &a->ports, hash_of(number), by_number)
        if (p->number == number)
            return p;
    return NULL;
}

/* Asks the device, and lets the datapath know. */
static void refresh_status(struct agent_port *p)
{
    p->status = (struct port_status){ 0 };
    p->port->ops->status(p->port, &p->status);
    datapath_port_set_link(p->agent->conf.dp, p->index, p->status.is_link_up && !p->status.is_gone);
    datapath_port_set_mtu(p->agent->conf.dp, p->index, p->status.mtu);
}

void agent_port_add(struct agent *a, struct agent_port *p)
{
    p->agent = a;
    p->added_ns = clock_now(a->conf.clock);
    refresh_status(p);
    hmap_insert(&a->ports, &p->by_number, hash_of(p->number));
    tell(p, OFPPR_ADD);
}

void agent_port_remove(struct agent *a, struct agent_port *p)
{
    if (!p->agent)
        return;
    hmap_remove(&a->ports, &p->by_number);
    tell(p, OFPPR_DELETE);
    p->agent = NULL;
}

bool agent_port_check(struct agent_port *p)
{
    struct port_status was = p->status, now;

    refresh_status(p);
    now = p->status;
    if (now.is_link_up && now.is_admin_up)
        datapath_port_rearm(p->agent->conf.dp, p->index);
    if (was.is_link_up == now.is_link_up && was.is_admin_up == now.is_admin_up && was.is_gone == now.is_gone &&
        was.mtu == now.mtu && was.speed_mbps == now.speed_mbps && was.is_full_duplex == now.is_full_duplex &&
        !memcmp(was.mac, now.mac, sizeof now.mac))
        return false;
    if (was.is_gone != now.is_gone)
        log_warning("port %s: its device %s", p->name, now.is_gone ? "is gone" : "is back");
    else if (was.is_link_up != now.is_link_up)
        log_info("port %s: link %s", p->name, now.is_link_up ? "up" : "down");
    tell(p, OFPPR_MODIFY);
    return true;
}

void agent_port_set_flags(struct agent_port *p, unsigned flags)
{
    if (p->flags == flags)
        return;

    unsigned changed = p->flags ^ flags;

    p->flags = flags;
    datapath_port_set_flags(p->agent->conf.dp, p->index, flags);
    if (changed & PORT_FLAG_DOWN) {
        int err = p->port->ops->set_admin_up(p->port, !(flags & PORT_FLAG_DOWN));

        if (err)
            log_warning("port %s: its device could not be set %s: %s", p->name, flags & PORT_FLAG_DOWN ? "down" : "up",
                        strerror(-err));
        refresh_status(p);
    }
    if (changed & PORT_CONFIG)
        tell(p, OFPPR_MODIFY);
}

/* --- messages --- */

int port_mod_check(struct session *s, const struct ofp_msg *msg, struct ofp_err *err)
{
    const struct ofp_port_mod *m = &msg->port_mod;
    struct agent_port *p = agent_port_find(s->agent, m->port_no);

    if (!p)
        return refuse(err, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_PORT);
    if (memcmp(m->hw_addr, p->status.mac, sizeof p->status.mac))
        return refuse(err, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_HW_ADDR);
    if ((m->config | m->mask) & ~(uint32_t)PORT_CONFIG)
        return refuse(err, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_CONFIG);
    if (m->advertise) /* nothing that we drive can choose */
        return refuse(err, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_ADVERTISE);
    return 0;
}

void port_mod_apply(struct session *s, const struct ofp_msg *msg)
{
    const struct ofp_port_mod *m = &msg->port_mod;
    struct agent_port *p = agent_port_find(s->agent, m->port_no);

    agent_port_set_flags(p, (p->flags & ~m->mask) | (m->config & m->mask));
}

int handle_port_mod(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    int res = port_mod_check(s, m, err);

    if (!res)
        port_mod_apply(s, m);
    return res;
}

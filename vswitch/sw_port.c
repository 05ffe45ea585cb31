/* SPDX-License-Identifier: Apache-2.0 */
/* sw_port.c - a port's life: device, datapath, agent, and back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vswitch/vswitch_impl.h"

int sw_port_open(struct port **out, const struct sw_port_conf *conf, struct errbuf *e)
{
    struct port_handle h = { 0 };
    int err = port_acquire(&h, &conf->port, e);

    return err ? err : port_open(out, &conf->port, &h, eal_pool(), e);
}

/* Is the number asked for by a port of the bridge's configuration? */
static bool is_reserved(const struct sw_bridge *b, uint32_t number)
{
    for (size_t i = 0; i < b->conf->n_ports; i++)
        if (b->conf->ports[i].ofport == number)
            return true;
    return false;
}

static uint32_t free_number(const struct sw_bridge *b)
{
    uint32_t n = 1;

    while (is_reserved(b, n) || agent_port_find(b->agent, n))
        n++;
    return n;
}

int sw_port_set_queues(struct sw_port *p, const struct shaper_conf *conf)
{
    int err = agent_port_set_queues(&p->at, conf);

    if (!err)
        p->conf.queues = *conf;
    return err;
}

int sw_port_attach(struct sw_port **out, struct sw_bridge *b, const struct sw_port_conf *conf, struct port *port,
                   struct errbuf *e)
{
    struct sw_port *p = calloc(1, sizeof *p);
    int err;

    if (!p) {
        port_close(port);
        return errbuf_set(e, -ENOMEM, "port %s: not enough memory", conf->port.name);
    }
    p->bridge = b;
    p->conf = *conf;
    p->at.port = port;
    p->at.number = conf->ofport ? conf->ofport : free_number(b);
    snprintf(p->at.name, sizeof p->at.name, "%s", conf->port.name);
    err = datapath_port_add(b->bridge, port, p->at.number, &conf->vlan, &p->at.index, e);
    if (err) {
        port_close(port);
        free(p);
        return err;
    }
    list_push_back(&b->ports, &p->link);
    p->watch = link_watch_get(b->sw, &conf->port);
    agent_port_add(b->agent, &p->at);
    agent_port_set_flags(&p->at, conf->flags);
    if (sw_port_set_queues(p, &conf->queues))
        log_error("port %s: not enough memory for its queues", p->at.name);
    log_info("port %s: %s on bridge %s as port %u", p->at.name, switch_conf_port_type(port->type), b->name,
             p->at.number);
    if (out)
        *out = p;
    return 0;
}

void sw_port_close(struct sw_port *p)
{
    struct vswitch *sw = p->bridge->sw;

    capture_end_port(sw, p);
    agent_port_remove(p->bridge->agent, &p->at);
    datapath_port_remove(sw->dp, p->at.index);
    vswitch_finish_events(sw);
    port_close(p->at.port);
    list_remove(&p->link);
    link_watch_put(p->watch);
    log_info("port %s: removed from bridge %s", p->at.name, p->bridge->name);
    if (p->is_by_command)
        doc_fini(&p->doc);
    free(p);
}

/* Puts a device opened anew in the place of one that is gone: number, VLANs, flags and counters of flows stay. */
static int replace(struct sw_port *p, struct port *fresh, struct errbuf *e)
{
    struct vswitch *sw = p->bridge->sw;
    int err;

    capture_end_port(sw, p);
    datapath_port_remove(sw->dp, p->at.index);
    err = datapath_port_add(p->bridge->bridge, fresh, p->at.number, &p->conf.vlan, &p->at.index, e);
    if (err) {
        port_close(fresh);
        return err;
    }
    port_close(p->at.port);
    p->at.port = fresh;
    datapath_port_set_flags(sw->dp, p->at.index, p->at.flags);
    if (p->at.flags & PORT_FLAG_DOWN)
        fresh->ops->set_admin_up(fresh, false);
    return 0;
}

void sw_port_check(struct sw_port *p)
{
    struct errbuf e = { { 0 } };
    struct port *fresh;

    agent_port_check(&p->at);
    if (!p->at.status.is_gone || sw_port_open(&fresh, &p->conf, &e)) /* not back yet: asked again at the next tick */
        return;
    if (replace(p, fresh, &e)) {
        log_error("%s; the port is removed", e.text);
        sw_port_close(p);
        return;
    }
    agent_port_check(&p->at);
}

struct sw_port *sw_port_find(const struct vswitch *sw, const char *name)
{
    for_each_list (struct sw_bridge, b, &sw->bridges, link)
        for_each_list (struct sw_port, p, &b->ports, link)
            if (!strcmp(p->at.name, name))
                return p;
    return NULL;
}

struct sw_port *sw_port_by_index(const struct vswitch *sw, uint16_t index)
{
    for_each_list (struct sw_bridge, b, &sw->bridges, link)
        for_each_list (struct sw_port, p, &b->ports, link)
            if (p->at.index == index)
                return p;
    return NULL;
}

/* Takes over settings that need no other device or number. */
void sw_port_update(struct sw_port *p, const struct sw_port_conf *conf)
{
    unsigned diff = sw_port_conf_diff(&p->conf, conf);

    if (diff & SW_PORT_VLAN_DIFFERS && datapath_port_set_vlan(p->bridge->sw->dp, p->at.index, &conf->vlan))
        log_error("port %s: not enough memory to change its VLANs", p->at.name);
    if (diff & SW_PORT_FLAGS_DIFFER)
        agent_port_set_flags(&p->at, conf->flags);
    if (diff & SW_PORT_QUEUES_DIFFER && sw_port_set_queues(p, &conf->queues))
        log_error("port %s: not enough memory to change its queues", p->at.name);
    p->conf = *conf;
}

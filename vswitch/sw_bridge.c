/* SPDX-License-Identifier: Apache-2.0 */
/* sw_bridge.c - a bridge's life: datapath, agent, management socket, controllers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "datapath/mac_table.h"
#include "vswitch/flow_table.h"
#include "vswitch/vswitch_impl.h"

static int open_management(struct sw_bridge *b, struct errbuf *e)
{
    struct endpoint at = { .kind = ENDPOINT_UNIX, .is_passive = true };
    int n = snprintf(at.path, sizeof at.path, "%s/%s.mgmt", b->sw->conf.run_dir, b->name);

    if (n >= (int)sizeof at.path)
        return errbuf_set(e, -ENAMETOOLONG,
                          "bridge %s: the path of its management socket is longer than %zu bytes; use a "
                          "shorter run_dir",
                          b->name, sizeof at.path - 1);
    return channel_listen(b, &at, SESSION_SERVICE, e);
}

static int open_controller(struct sw_bridge *b, const struct controller_conf *c, struct errbuf *e)
{
    return c->target.is_passive ? channel_listen(b, &c->target, SESSION_CONTROLLER, e) : channel_connect(b, c, e);
}

/* What a bridge does that nobody programs, when it is to stand alone. */
static int add_default(struct sw_bridge *b, struct errbuf *e)
{
    if (b->conf->fail_mode != FAIL_STANDALONE || b->conf->n_controllers)
        return 0;

    int err = agent_add_normal_flow(b->agent);

    return err ? errbuf_set(e, err, "bridge %s: its flow could not be added: %s", b->name, strerror(-err)) : 0;
}

int sw_bridge_open(struct sw_bridge **out, struct vswitch *sw, const struct sw_bridge_conf *conf, struct errbuf *e)
{
    struct sw_bridge *b = calloc(1, sizeof *b);
    int err;

    if (!b)
        return errbuf_set(e, -ENOMEM, "bridge %s: not enough memory", conf->name);
    b->sw = sw;
    b->conf = conf;
    snprintf(b->name, sizeof b->name, "%s", conf->name);
    list_init(&b->link);
    list_init(&b->ports);
    list_init(&b->listeners);
    list_init(&b->channels);
    err = bridge_open(&b->bridge, sw->dp, e);
    if (err)
        goto free_bridge;

    struct agent_conf agent = {
        .name = conf->name,
        .datapath_id = conf->datapath_id,
        .dp = sw->dp,
        .bridge = b->bridge,
        .clock = sw->clock,
        .max_flows = conf->max_flows,
    };

    err = agent_new(&b->agent, &agent);
    if (err) {
        errbuf_set(e, err, "bridge %s: %s", conf->name, strerror(-err));
        goto close_datapath;
    }
    mac_table_set_aging(bridge_macs(b->bridge), conf->mac_aging_s);
    err = open_management(b, e);
    if (!err)
        err = add_default(b, e);
    for (unsigned i = 0; i < conf->n_controllers && !err; i++)
        err = open_controller(b, &conf->controllers[i], e);
    if (err)
        goto close_channels;
    bridge_update_fail_mode(b);
    list_push_back(&sw->bridges, &b->link);
    log_info("bridge %s: datapath id %016llx, %s", b->name, (unsigned long long)conf->datapath_id,
             conf->fail_mode == FAIL_STANDALONE ? "standalone without a controller" : "fail-secure");
    *out = b;
    return 0;

close_channels:
    channels_close(b);
    agent_free(b->agent);
close_datapath:
    bridge_close(b->bridge);
free_bridge:
    free(b);
    return err;
}

void sw_bridge_close(struct sw_bridge *b)
{
    for_each_list_safe (struct sw_port, p, next, &b->ports, link)
        sw_port_close(p);
    channels_close(b);
    list_remove(&b->link);
    agent_free(b->agent);
    bridge_close(b->bridge);
    vswitch_finish_events(b->sw);
    log_info("bridge %s: removed", b->name);
    free(b);
}

struct sw_bridge *sw_bridge_find(const struct vswitch *sw, const char *name)
{
    for_each_list (struct sw_bridge, b, &sw->bridges, link)
        if (!strcmp(b->name, name))
            return b;
    return NULL;
}

/* --- changes --- */

static const struct controller_conf *find_controller(const struct sw_bridge_conf *conf, const struct endpoint *ep)
{
    for (unsigned i = 0; i < conf->n_controllers; i++)
        if (endpoint_equal(&conf->controllers[i].target, ep))
            return &conf->controllers[i];
    return NULL;
}

static int update_controllers(struct sw_bridge *b, const struct sw_bridge_conf *was, const struct sw_bridge_conf *now,
                              struct errbuf *e)
{
    int err = 0;

    for_each_list_safe (struct doorway, d, next_d, &b->listeners, link)
        if (d->kind == SESSION_CONTROLLER && !find_controller(now, &d->endpoint))
            doorway_close(d);
    for_each_list_safe (struct channel, c, next_c, &b->channels, link) {
        const struct controller_conf *same = find_controller(now, &c->endpoint);

        if (c->kind != SESSION_CONTROLLER || c->is_accepted)
            continue;
        if (same)
            channel_set_auxiliary(c, same->n_auxiliary);
        else
            channel_close(c);
    }
    for (unsigned i = 0; i < now->n_controllers && !err; i++)
        if (!find_controller(was, &now->controllers[i].target))
            err = open_controller(b, &now->controllers[i], e);
    return err;
}

int sw_bridge_update(struct sw_bridge *b, const struct sw_bridge_conf *conf, struct errbuf *e)
{
    const struct sw_bridge_conf *was = b->conf;
    bool is_other_id = was->datapath_id != conf->datapath_id;
    bool needs_default = (was->fail_mode != FAIL_STANDALONE || was->n_controllers);
    int err;

    b->conf = conf;
    flow_table_set_limit(agent_flows(b->agent), conf->max_flows);
    mac_table_set_aging(bridge_macs(b->bridge), conf->mac_aging_s);
    agent_set_datapath_id(b->agent, conf->datapath_id);
    err = update_controllers(b, was, conf, e);
    for_each_list (struct channel, c, &b->channels, link)
        if (is_other_id)
            of_conn_drop(c->conn, "the bridge has another datapath id");
    if (!err && needs_default && !flow_table_count(agent_flows(b->agent), 0))
        err = add_default(b, e);
    bridge_update_fail_mode(b);
    return err;
}

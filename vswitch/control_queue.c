/* SPDX-License-Identifier: Apache-2.0 */
/* control_queue.c - the queues of ports by command: shown with their counters, set, cleared. */
#include <string.h>

#include "vswitch/control_impl.h"

/* The port that the request names; answers it when there is none. */
static struct sw_port *port_of(struct rpc_request *r, const struct control *c, const json_t *params)
{
    const char *name = rpc_param_text(params, 0, "port");
    struct sw_port *p = name ? sw_port_find(c->conf.sw, name) : NULL;

    if (!name)
        rpc_reply_error(r, "a port must be named");
    else if (!p)
        rpc_reply_error(r, "there is no port %s", name);
    return p;
}

static json_t *show_queue(const struct sw_port *p, const struct shaper_queue_conf *q)
{
    struct shaper_stats st = { 0 };

    datapath_port_queue_stats(p->bridge->sw->dp, p->at.index, q->id, &st);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "queue", (json_int_t)q->id, "min_bps", (json_int_t)q->min_bps,
                     "max_bps", (json_int_t)q->max_bps, "tx_packets", (json_int_t)st.tx_packets, "tx_bytes",
                     (json_int_t)st.tx_bytes, "tx_dropped", (json_int_t)st.tx_dropped);
}

static json_t *show_port(const struct sw_port *p)
{
    const struct shaper_conf *conf = &p->at.queues;
    json_t *queues = json_array();

    for (unsigned i = 0; i < conf->n_queues; i++)
        json_array_append_new(queues, show_queue(p, &conf->queues[i]));
    return json_pack("{s:s, s:s, s:I, s:o}", "bridge", p->bridge->name, "port", p->at.name, "rate_bps",
                     (json_int_t)conf->max_bps, "queues", queues);
}

void show_queues(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;
    bool is_one = rpc_param_text(params, 0, "port") != NULL;
    struct sw_port *one = is_one ? port_of(r, c, params) : NULL;
    json_t *list;

    if (is_one && !one)
        return;
    list = json_array();
    for_each_list (struct sw_bridge, b, &c->conf.sw->bridges, link)
        for_each_list (struct sw_port, p, &b->ports, link)
            if (one ? p == one : p->at.queues.n_queues || p->at.queues.max_bps)
                json_array_append_new(list, show_port(p));
    rpc_reply_either(r, params, list);
}

static void set(struct rpc_request *r, struct sw_port *p, const struct shaper_conf *conf)
{
    int err = sw_port_set_queues(p, conf);

    if (err)
        rpc_reply_error(r, "port %s: %s", p->at.name, strerror(-err));
    else
        rpc_reply_text(r, "");
}

void run_queue_set(struct rpc_request *r, json_t *params, void *arg)
{
    const char *text =
        rpc_param_text(params, 1, "settings"); /* first: without a port, there is a reply, and no params */
    struct sw_port *p = port_of(r, arg, params);
    struct shaper_conf conf;
    struct errbuf e = { 0 };

    if (!p)
        return;
    if (!text)
        rpc_reply_error(r, "queue/set needs settings, such as '{rate: 1Gbit, queues: {1: {min: 10Mbit}}}'");
    else if (switch_conf_parse_queues(&conf, p->at.name, text, &e))
        rpc_reply_error(r, "%s", e.text);
    else
        set(r, p, &conf);
}

void run_queue_clear(struct rpc_request *r, json_t *params, void *arg)
{
    struct sw_port *p = port_of(r, arg, params);

    if (p)
        set(r, p, &(struct shaper_conf){ 0 });
}

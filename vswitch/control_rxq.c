/* SPDX-License-Identifier: Apache-2.0 */
/* control_rxq.c - receive queues by command: which worker polls them and what that takes, moved, let go. */
#include <stdlib.h>
#include <string.h>

#include "vswitch/control_impl.h"

static json_t *show_rxq(const struct sw_port *p, unsigned queue)
{
    const struct vswitch *sw = p->bridge->sw;
    struct queue_info info = { 0 };

    datapath_queue_info(sw->dp, p->at.index, queue, &info);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:b, s:f}", "bridge", p->bridge->name, "port", p->at.name, "queue",
                     (json_int_t)queue, "worker", (json_int_t)info.worker, "cpu",
                     (json_int_t)sw->conf.cpus[info.worker], "is_pinned", info.is_pinned, "cpu_part",
                     (double)info.cpu_part);
}

void show_rxqs(struct rpc_request *r, json_t *params, void *arg)
{
    const struct vswitch *sw = ((struct control *)arg)->conf.sw;
    json_t *list = json_array();

    for_each_list (struct sw_bridge, b, &sw->bridges, link)
        for_each_list (struct sw_port, p, &b->ports, link)
            for (unsigned q = 0; p->at.port && q < p->at.port->n_queues; q++)
                json_array_append_new(list, show_rxq(p, q));
    rpc_reply_either(r, params,
                     json_pack("{s:o, s:I}", "queues", list, "moved", (json_int_t)datapath_queues_moved(sw->dp)));
}

/* A number of a parameter below `n`; or it is answered that there is none such. */
static bool number_below(struct rpc_request *r, json_t *params, int at, const char *name, unsigned n, unsigned *out)
{
    const char *text = rpc_param_text(params, (size_t)at, name);
    char *end;
    unsigned long v = text ? strtoul(text, &end, 10) : 0;

    if (text && *text >= '0' && *text <= '9' && !*end && v < n) {
        *out = (unsigned)v;
        return true;
    }
    if (!text)
        rpc_reply_error(r, "a %s must be named", name);
    else
        rpc_reply_error(r, "%s '%s' is not one of 0 to %u", name, text, n - 1);
    return false;
}

/* The port and its queue that a request names; NULL: it is answered. */
static struct sw_port *queue_of(struct rpc_request *r, json_t *params, const struct vswitch *sw, unsigned *queue)
{
    const char *name = rpc_param_text(params, 0, "port");
    struct sw_port *p = name ? sw_port_find(sw, name) : NULL;

    if (!name)
        rpc_reply_error(r, "a port must be named");
    else if (!p || !p->at.port)
        rpc_reply_error(r, "there is no port %s", name);
    else if (number_below(r, params, 1, "queue", p->at.port->n_queues, queue))
        return p;
    return NULL;
}

void run_rxq_move(struct rpc_request *r, json_t *params, void *arg)
{
    struct vswitch *sw = ((struct control *)arg)->conf.sw;
    unsigned queue, worker;
    struct sw_port *p = queue_of(r, params, sw, &queue);
    int err;

    if (!p || !number_below(r, params, 2, "worker", sw->conf.n_workers, &worker))
        return;
    err = datapath_queue_move(sw->dp, p->at.index, queue, worker);
    if (err)
        rpc_reply_error(r, "port %s: %s", p->at.name, strerror(-err));
    else
        rpc_reply_text(r, "");
}

void run_rxq_free(struct rpc_request *r, json_t *params, void *arg)
{
    struct vswitch *sw = ((struct control *)arg)->conf.sw;
    unsigned queue;
    struct sw_port *p = queue_of(r, params, sw, &queue);

    if (!p)
        return;
    datapath_queue_free(sw->dp, p->at.index, queue);
    rpc_reply_text(r, "");
}

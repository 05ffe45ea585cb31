/* SPDX-License-Identifier: Apache-2.0 */
/* port.c - see port.h: hands a configured port to its kind. */
#include "datapath/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "datapath/port_impl.h"

static const struct port_kind *const kinds[] = {
    [PORT_TAP] = &port_kind_tap,
    [PORT_NETDEV] = &port_kind_netdev,
    [PORT_DPDK] = &port_kind_dpdk,
    [PORT_MEM] = &port_kind_mem,
};
_Static_assert(sizeof kinds / sizeof *kinds == PORT_TYPES, "every kind of port");

const char *port_type_name(enum port_type t)
{
    return (unsigned)t < PORT_TYPES ? kinds[t]->name : "unknown";
}

int port_type_by_name(const char *name)
{
    for (int t = 0; t < PORT_TYPES; t++)
        if (!strcmp(kinds[t]->name, name))
            return t;
    return -ENOENT;
}

static int check_conf(const struct port_conf *conf, struct errbuf *e)
{
    if (!conf->name || !conf->name[0] || strlen(conf->name) >= PORT_NAME_SIZE)
        return errbuf_set(e, -EINVAL, "port %s: a name has 1 to %d bytes", conf->name ? conf->name : "",
                          PORT_NAME_SIZE - 1);
    if ((unsigned)conf->type >= PORT_TYPES)
        return errbuf_set(e, -EINVAL, "port %s: there is no port type %d", conf->name, (int)conf->type);
    if (conf->n_queues > PORT_QUEUES_MAX)
        return errbuf_set(e, -EINVAL, "port %s: queues: %u is more than %d", conf->name, conf->n_queues,
                          PORT_QUEUES_MAX);
    return 0;
}

int port_acquire(struct port_handle *h, const struct port_conf *conf, struct errbuf *e)
{
    int err;

    memset(h, 0, sizeof *h);
    h->netns_fd = -1;
    err = check_conf(conf, e);
    if (err)
        return err;
    err = kinds[conf->type]->acquire ? kinds[conf->type]->acquire(h, conf, e) : 0;
    if (err)
        port_handle_release(h);
    return err;
}

void port_handle_release(struct port_handle *h)
{
    for (int i = 0; i < h->n_fds; i++)
        if (h->fds[i] >= 0)
            close(h->fds[i]);
    if (h->netns_fd >= 0)
        close(h->netns_fd);
    h->n_fds = 0;
    h->netns_fd = -1;
}

int port_open(struct port **out, const struct port_conf *conf, struct port_handle *h, struct rte_mempool *pool,
              struct errbuf *e)
{
    int err = check_conf(conf, e);

    if (!err)
        err = kinds[conf->type]->open(out, conf, h, pool, e);
    port_handle_release(h); /* whatever the kind has not taken */
    return err;
}

void port_close(struct port *p)
{
    if (p)
        p->ops->close(p);
}

void port_init(struct port *p, const struct port_ops *ops, const struct port_conf *conf)
{
    p->ops = ops;
    p->type = conf->type;
    p->n_queues = port_conf_queues(conf);
    snprintf(p->name, sizeof p->name, "%s", conf->name);
    for (int i = 0; i < PORT_QUEUES_MAX; i++)
        p->rx_fd[i] = -1;
}

void port_counters_sum(struct port_stats *out, const struct port_counters *c)
{
    out->rx_packets += atomic_load_explicit(&c->rx_packets, memory_order_relaxed);
    out->rx_bytes += atomic_load_explicit(&c->rx_bytes, memory_order_relaxed);
    out->rx_dropped += atomic_load_explicit(&c->rx_dropped, memory_order_relaxed);
    out->rx_errors += atomic_load_explicit(&c->rx_errors, memory_order_relaxed);
    out->rx_frame_err += atomic_load_explicit(&c->rx_frame_err, memory_order_relaxed);
    out->tx_packets += atomic_load_explicit(&c->tx_packets, memory_order_relaxed);
    out->tx_bytes += atomic_load_explicit(&c->tx_bytes, memory_order_relaxed);
    out->tx_dropped += atomic_load_explicit(&c->tx_dropped, memory_order_relaxed);
    out->tx_errors += atomic_load_explicit(&c->tx_errors, memory_order_relaxed);
    out->tx_too_big += atomic_load_explicit(&c->tx_too_big, memory_order_relaxed);
}

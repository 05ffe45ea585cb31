/* SPDX-License-Identifier: Apache-2.0 */
/* port_impl.h - what the kinds of port share; nobody else includes it. */
#ifndef DATAPATH_PORT_IMPL_H
#define DATAPATH_PORT_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "datapath/port.h"

/* After so many bytes a burst is carried on, even when more wait: what was read is still in the core's own cache when it is
 * sent.  Counts with frames of 64 KB. */
enum { PORT_BURST_BYTES = 200000 };

/* One table entry of port.c for each enum port_type; `open` takes the descriptors of `h`, also when it fails. */
struct port_kind {
    const char *name;
    int (*acquire)(struct port_handle *h, const struct port_conf *conf, struct errbuf *e);
    int (*open)(struct port **out, const struct port_conf *conf, struct port_handle *h, struct rte_mempool *pool,
                struct errbuf *e);
};
extern const struct port_kind port_kind_tap, port_kind_netdev, port_kind_dpdk, port_kind_mem;

/* Opens an ethdev by devargs, for any kind of port that is one underneath. */
int port_dpdk_open(struct port **out, const struct port_conf *conf, const char *devargs, struct rte_mempool *pool,
                   struct errbuf *e);
/* It is on an interface of the kernel, which can tell how that is, and gives frames whose checksum may be missing.  Takes the
 * control socket. */
void port_dpdk_set_interface(struct port *p, int ctl_fd, int ifindex);

/* Counters of one queue: only its worker writes, anyone reads. */
struct port_counters {
    _Alignas(64) _Atomic uint64_t rx_packets;
    _Atomic uint64_t rx_bytes, rx_dropped, rx_errors, rx_frame_err;
    _Atomic uint64_t tx_packets, tx_bytes, tx_dropped, tx_errors, tx_too_big;
};

static inline void counter_add(_Atomic uint64_t *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Adds a queue's counters to `out`. */
void port_counters_sum(struct port_stats *out, const struct port_counters *c);

static inline uint16_t port_conf_queues(const struct port_conf *conf)
{
    return conf->n_queues ? conf->n_queues : 1;
}

/* Fills in what every port begins with. */
void port_init(struct port *p, const struct port_ops *ops, const struct port_conf *conf);

#endif

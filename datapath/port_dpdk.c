/* SPDX-License-Identifier: Apache-2.0 */
/* port_dpdk.c - whatever DPDK drives: a NIC or VF, or a virtual device such as net_pcap or net_memif, named by devargs.
 * Flow: ethdev -> [dpdk_rx] -> pipeline -> [dpdk_tx] -> ethdev.
 * Spec: DPDK 22.11 Programmer's Guide, "Poll Mode Driver" and "Mbuf Library" (transmit offloads). */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "datapath/eal.h"
#include "datapath/offload.h"
#include "datapath/port.h"
#include "datapath/port_impl.h"
#include "datapath/port_netns.h"

enum { DESCRIPTORS = 1024, TX_TRIES = 4, DRAIN_BURSTS = 64, DEVICE_NAME_SIZE = RTE_ETH_NAME_MAX_LEN };

struct port_dpdk {
    struct port port;
    struct rte_mempool *pool;
    unsigned caps;
    bool has_multi_segs, is_started;
    bool is_admin_up; /* C */
    uint16_t id;      /* of the ethdev */
    struct rte_device *device;
    int ctl_fd, ifindex; /* of the interface of the kernel that it is on; ifindex 0: none */
    atomic_bool is_gone;
    struct port_counters count[];
};

static struct port_dpdk *port_dpdk(struct port *p)
{
    return (struct port_dpdk *)p;
}

/* --- W --- */

static uint16_t dpdk_rx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
    struct port_dpdk *d = port_dpdk(p);
    uint16_t got;

    if (unlikely(atomic_load_explicit(&d->is_gone, memory_order_relaxed)))
        return 0;
    got = rte_eth_rx_burst(d->id, (uint16_t)queue, frames, n);
    for (uint16_t i = 0; i < got; i++) /* what was received is complete, whatever a virtual device left in it */
        frames[i]->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
    if (d->ifindex)
        for (uint16_t i = 0; i < got; i++)
            offload_guess(frames[i]);
    return got;
}

struct dpdk_out {
    struct port_dpdk *d;
    uint16_t queue;
};

/* Brings a frame into the form that drivers take.  NULL: it cannot be sent, and is freed. */
static struct rte_mbuf *adapt(struct dpdk_out *o, struct rte_mbuf *m)
{
    struct port_dpdk *d = o->d;

    if (unlikely(offload_of(m) & OFFLOAD_ANY_SEG)) {
        if (offload_is_shared(m)) {
            struct rte_mbuf *copy = rte_pktmbuf_copy(m, d->pool, 0, UINT32_MAX);

            rte_pktmbuf_free(m);
            if (!copy)
                return NULL;
            m = copy;
        }
        offload_to_ethdev(m);
    }
    if (unlikely(m->nb_segs > 1 && !d->has_multi_segs && rte_pktmbuf_linearize(m))) {
        counter_add(&d->count[o->queue].tx_too_big, 1);
        rte_pktmbuf_free(m);
        return NULL;
    }
    return m;
}

/* Sends frames in the form that drivers take, or frees and counts them. */
static void send_ready(struct dpdk_out *o, struct rte_mbuf **frames, uint16_t ready, bool has_offloads)
{
    uint16_t sent = 0, n = ready;

    for (int tries = 0; sent < ready && tries < TX_TRIES; tries++) {
        uint16_t good = ready;

        if (has_offloads)
            good = (uint16_t)(sent + rte_eth_tx_prepare(o->d->id, o->queue, frames + sent, (uint16_t)(ready - sent)));
        sent = (uint16_t)(sent + rte_eth_tx_burst(o->d->id, o->queue, frames + sent, (uint16_t)(good - sent)));
        if (unlikely(sent == good && good < ready)) { /* the driver cannot send this one */
            rte_pktmbuf_free(frames[good]);
            memmove(frames + good, frames + good + 1, (size_t)(ready - good - 1) * sizeof *frames);
            ready--;
            tries = -1;
        }
    }
    if (sent < ready)
        rte_pktmbuf_free_bulk(frames + sent, ready - sent);
    if (unlikely(sent < n))
        counter_add(&o->d->count[o->queue].tx_dropped, (uint64_t)n - sent);
}

static void dpdk_emit(void *arg, struct rte_mbuf **frames, uint16_t n)
{
    struct dpdk_out *o = arg;
    uint16_t ready = 0;
    bool has_offloads = false;

    for (uint16_t i = 0; i < n; i++) {
        struct rte_mbuf *m = adapt(o, frames[i]);

        if (unlikely(!m))
            continue;
        has_offloads |= offload_of(m) != 0;
        frames[ready++] = m;
    }
    if (unlikely(ready < n))
        counter_add(&o->d->count[o->queue].tx_dropped, (uint64_t)n - ready);
    if (ready)
        send_ready(o, frames, ready, has_offloads);
}

/* No frame asks for anything but to be sent as it is. */
static bool are_simple(struct rte_mbuf *const *frames, uint16_t n)
{
    uint64_t flags = 0;
    unsigned more_segs = 0;

    for (uint16_t i = 0; i < n; i++) {
        flags |= frames[i]->ol_flags;
        more_segs |= frames[i]->nb_segs - 1u;
    }
    return !(flags & RTE_MBUF_F_TX_OFFLOAD_MASK) && !more_segs;
}

static void dpdk_tx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
    struct port_dpdk *d = port_dpdk(p);
    struct dpdk_out to = { .d = d, .queue = (uint16_t)queue };
    struct offload_out out = { .caps = d->caps, .pool = d->pool, .emit = dpdk_emit, .arg = &to };

    if (unlikely(atomic_load_explicit(&d->is_gone, memory_order_relaxed))) {
        rte_pktmbuf_free_bulk(frames, n);
        counter_add(&d->count[queue].tx_dropped, n);
        return;
    }
    if (likely(are_simple(frames, n))) {
        send_ready(&to, frames, n, false);
        return;
    }
    offload_prepare(frames, n, &out);
    if (unlikely(out.n_lost))
        counter_add(&d->count[queue].tx_dropped, out.n_lost);
}

/* --- C --- */

static void dpdk_status(struct port *p, struct port_status *out)
{
    struct port_dpdk *d = port_dpdk(p);
    struct rte_ether_addr mac;
    struct rte_eth_link link;

    memset(out, 0, sizeof *out);
    if (d->ifindex)
        iface_status(d->ctl_fd, d->ifindex, out);
    if (out->is_gone || rte_eth_dev_is_removed(d->id))
        atomic_store(&d->is_gone, true);
    out->is_gone = atomic_load(&d->is_gone);
    if (out->is_gone || d->ifindex)
        return;
    out->is_admin_up = d->is_admin_up;
    if (rte_eth_macaddr_get(d->id, &mac) == 0)
        memcpy(out->mac, mac.addr_bytes, 6);
    rte_eth_dev_get_mtu(d->id, &out->mtu);
    if (rte_eth_link_get_nowait(d->id, &link))
        return;
    out->is_link_up = d->is_admin_up && link.link_status == RTE_ETH_LINK_UP;
    out->speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
    out->is_full_duplex = link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
}

/* A driver that cannot switch its link has the pipeline alone keep frames from it. */
static int dpdk_set_admin_up(struct port *p, bool is_up)
{
    struct port_dpdk *d = port_dpdk(p);
    int err = d->ifindex ? iface_set_up(d->ctl_fd, d->ifindex, is_up)
              : is_up    ? rte_eth_dev_set_link_up(d->id)
                         : rte_eth_dev_set_link_down(d->id);

    if (err && err != -ENOTSUP)
        return err;
    d->is_admin_up = is_up;
    return 0;
}

static void dpdk_stats(struct port *p, struct port_stats *out)
{
    struct port_dpdk *d = port_dpdk(p);
    struct rte_eth_stats s;

    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < p->n_queues; i++)
        port_counters_sum(out, &d->count[i]);
    if (rte_eth_stats_get(d->id, &s))
        return;
    out->rx_packets = s.ipackets;
    out->rx_bytes = s.ibytes;
    out->tx_packets = s.opackets;
    out->tx_bytes = s.obytes;
    out->rx_dropped += s.imissed + s.rx_nombuf;
    out->rx_over_err = s.imissed;
    out->rx_errors = s.ierrors;
    out->tx_errors = s.oerrors;
}

static int on_removed(uint16_t id, enum rte_eth_event_type event, void *arg, void *ret)
{
    struct port_dpdk *d = arg;

    (void)id, (void)event, (void)ret;
    atomic_store(&d->is_gone, true);
    return 0;
}

/* Frees what waits in a virtual device, which would keep it for ever (net_ring); some never run dry (net_null). */
static void drain(struct port_dpdk *d)
{
    struct rte_mbuf *frames[PORT_BURST];
    uint16_t n = PORT_BURST;

    for (uint16_t q = 0; q < d->port.n_queues; q++)
        for (int i = 0; n && i < DRAIN_BURSTS; i++) {
            n = rte_eth_rx_burst(d->id, q, frames, PORT_BURST);
            rte_pktmbuf_free_bulk(frames, n);
        }
}

/* What a driver forgets stays in DPDK's heap: net_null of DPDK 22.11 keeps 384 bytes for each pair of queues, as it frees none
 * when it is closed (net_ring keeps nothing). */
static void dpdk_close(struct port *p)
{
    struct port_dpdk *d = port_dpdk(p);

    if (d->is_started)
        drain(d);
    rte_eth_dev_callback_unregister(d->id, RTE_ETH_EVENT_INTR_RMV, on_removed, d);
    rte_eth_dev_stop(d->id);
    rte_eth_dev_close(d->id);
    if (d->device)
        rte_dev_remove(d->device);
    if (d->ifindex)
        close(d->ctl_fd);
    free(d);
}

void port_dpdk_set_interface(struct port *p, int ctl_fd, int ifindex)
{
    port_dpdk(p)->ctl_fd = ctl_fd;
    port_dpdk(p)->ifindex = ifindex;
}

static const struct port_ops dpdk_ops = {
    .type_name = "dpdk",
    .rx = dpdk_rx,
    .tx = dpdk_tx,
    .status = dpdk_status,
    .set_admin_up = dpdk_set_admin_up,
    .stats = dpdk_stats,
    .close = dpdk_close,
};

/* One of DPDK's offload flags and ours. */
static const struct {
    uint64_t device;
    unsigned cap;
} cap_of[] = {
    { RTE_ETH_TX_OFFLOAD_TCP_CKSUM, OFFLOAD_TCP_CKSUM },
    { RTE_ETH_TX_OFFLOAD_UDP_CKSUM, OFFLOAD_UDP_CKSUM },
    { RTE_ETH_TX_OFFLOAD_SCTP_CKSUM, OFFLOAD_SCTP_CKSUM },
    { RTE_ETH_TX_OFFLOAD_TCP_TSO, OFFLOAD_TCP4_SEG | OFFLOAD_TCP6_SEG },
};

/* Configures queues and offloads; `conf`'s numbers were checked. */
static int configure(struct port_dpdk *d, const struct rte_eth_dev_info *info)
{
    struct rte_eth_conf conf = { .rxmode.mq_mode = RTE_ETH_MQ_RX_NONE };
    uint16_t n = d->port.n_queues, n_rx = DESCRIPTORS, n_tx = DESCRIPTORS;
    uint64_t capa = info->tx_offload_capa;
    int err;

    if (n > 1) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf =
            (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) & info->flow_type_rss_offloads;
        if (!conf.rx_adv_conf.rss_conf.rss_hf)
            conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
    }
    d->has_multi_segs = capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    if (capa & RTE_ETH_TX_OFFLOAD_TCP_TSO && !(capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM && d->has_multi_segs))
        capa &= ~RTE_ETH_TX_OFFLOAD_TCP_TSO; /* of no use to us without these */
    conf.txmode.offloads = capa & (RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
    for (size_t i = 0; i < sizeof cap_of / sizeof *cap_of; i++) {
        if (!(capa & cap_of[i].device))
            continue;
        conf.txmode.offloads |= cap_of[i].device;
        d->caps |= cap_of[i].cap;
    }
    conf.rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
    err = rte_eth_dev_configure(d->id, n, n, &conf);
    if (!err)
        err = rte_eth_dev_adjust_nb_rx_tx_desc(d->id, &n_rx, &n_tx);
    for (uint16_t q = 0; !err && q < n; q++) {
        err = rte_eth_rx_queue_setup(d->id, q, n_rx, SOCKET_ID_ANY, NULL, d->pool);
        if (!err)
            err = rte_eth_tx_queue_setup(d->id, q, n_tx, SOCKET_ID_ANY, NULL);
    }
    return err;
}

/* Why DPDK refused, in its own words if it has some. */
static int refuse(struct errbuf *e, int err, const char *name, const char *devargs)
{
    return errbuf_set(e, err, "port %s: devargs \"%s\": %s", name, devargs, eal_log()[0] ? eal_log() : strerror(-err));
}

static int attach(uint16_t *id, const char *devargs, const char *name, struct errbuf *e)
{
    char device[DEVICE_NAME_SIZE];
    size_t len = strcspn(devargs, ",");
    int err;

    if (!len || len >= sizeof device)
        return errbuf_set(e, -EINVAL, "port %s: devargs \"%s\" does not begin with a device's name", name, devargs);
    snprintf(device, sizeof device, "%.*s", (int)len, devargs);
    if (rte_eth_dev_count_total() >= RTE_MAX_ETHPORTS)
        return errbuf_set(e, -ENOSPC, "port %s: there are %d dpdk ports already, which is all that DPDK can have", name,
                          RTE_MAX_ETHPORTS);
    if (rte_eth_dev_get_port_by_name(device, id) == 0)
        return errbuf_set(e, -EEXIST, "port %s: device %s is a port already", name, device);
    eal_log_reset();
    err = rte_dev_probe(devargs);
    if (err)
        return refuse(e, err, name, devargs);
    if (rte_eth_dev_get_port_by_name(device, id))
        return errbuf_set(e, -ENODEV, "port %s: devargs \"%s\" made no Ethernet device", name, devargs);
    return 0;
}

int port_dpdk_open(struct port **out, const struct port_conf *conf, const char *devargs, struct rte_mempool *pool,
                   struct errbuf *e)
{
    uint16_t n = port_conf_queues(conf), id = 0;
    size_t size = sizeof(struct port_dpdk) + n * sizeof(struct port_counters);
    struct rte_eth_dev_info info;
    struct port_dpdk *d;
    int err = attach(&id, devargs, conf->name, e);

    if (err)
        return err;
    d = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (!d) {
        rte_eth_dev_close(id);
        return errbuf_set(e, -ENOMEM, "port %s: out of memory", conf->name);
    }
    memset(d, 0, size);
    port_init(&d->port, &dpdk_ops, conf);
    d->pool = pool;
    d->id = id;
    d->is_admin_up = true;
    err = rte_eth_dev_info_get(id, &info);
    if (!err)
        d->device = info.device;
    if (!err && (n > info.max_rx_queues || n > info.max_tx_queues)) {
        err = errbuf_set(e, -EINVAL, "port %s: queues: %u is more than the %u that %s has", conf->name, n,
                         RTE_MIN(info.max_rx_queues, info.max_tx_queues), info.driver_name);
        goto close_port;
    }
    if (!err)
        err = configure(d, &info);
    if (!err && conf->mtu) {
        err = rte_eth_dev_set_mtu(id, conf->mtu);
        if (err)
            errbuf_set(e, err, "port %s: mtu: %s does not take %u: %s", conf->name, info.driver_name, conf->mtu,
                       strerror(-err));
    }
    if (!err)
        err = rte_eth_dev_start(id);
    if (err) {
        refuse(e, err, conf->name, devargs);
        goto close_port;
    }
    d->is_started = true;
    rte_eth_promiscuous_enable(id); /* virtual devices need not know it */
    rte_eth_dev_callback_register(id, RTE_ETH_EVENT_INTR_RMV, on_removed, d);
    *out = &d->port;
    return 0;

close_port:
    dpdk_close(&d->port);
    return err;
}

static int dpdk_open(struct port **out, const struct port_conf *conf, struct port_handle *h, struct rte_mempool *pool,
                     struct errbuf *e)
{
    (void)h;
    if (!conf->devargs)
        return errbuf_set(e, -EINVAL, "port %s: a dpdk port needs devargs", conf->name);
    return port_dpdk_open(out, conf, conf->devargs, pool, e);
}

const struct port_kind port_kind_dpdk = { .name = "dpdk", .open = dpdk_open };

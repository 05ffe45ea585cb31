/* SPDX-License-Identifier: Apache-2.0 */
/* port_tap.c - a network interface of the kernel whose wire ends in the switch (/dev/net/tun), placed in any namespace.
 * Flow: host's stack -> tun queue -> [tap_rx] -> pipeline -> [tap_tx] -> host's stack.
 * Spec: Linux Documentation/networking/tuntap.rst; virtio 1.2, 5.1.6 (the header before each frame).
 *
 * Theory: with IFF_VNET_HDR the kernel gives TCP segments of up to 64 KB, not summed, and takes them so.  The interface exists
 * as long as its descriptors: nothing is left of it when the daemon is killed.  When somebody deletes it, reading fails with
 * EBADFD for ever, and polling too; the descriptor is then replaced by one on which nothing ever happens. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <rte_mbuf.h>

#include "datapath/offload.h"
#include "datapath/port.h"
#include "datapath/port_chain.h"
#include "datapath/port_impl.h"
#include "datapath/port_netns.h"
#include "datapath/port_route.h"

enum {
    TUN_OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
    TUN_OFFLOADS_USO = 0x60, /* TUN_F_USO4 | TUN_F_USO6, since Linux 6.2 */
};

struct tap_queue {
    struct port_counters count;
    struct rx_chain chain;
    struct iovec send[1 + CHAIN_SEND_SEGS_MAX];
};

struct port_tap {
    struct port port;
    struct rte_mempool *pool;
    unsigned caps;
    int ctl_fd, ifindex;
    struct netns_mark netns;
    atomic_bool is_gone;
    struct tap_queue queue[];
};

static struct port_tap *port_tap(struct port *p)
{
    return (struct port_tap *)p;
}

/* --- W --- */

/* The interface was deleted: see the theory above. */
static void silence(struct port_tap *t, unsigned queue)
{
    int silent = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    atomic_store(&t->is_gone, true);
    if (silent < 0)
        return; /* no descriptor left: tried again at the next read */
    dup3(silent, t->port.rx_fd[queue], O_CLOEXEC);
    close(silent);
}

/* Without mbufs, frames are read and dropped: the kernel would keep old ones. */
static uint16_t discard(struct port_tap *t, unsigned queue, uint16_t n)
{
    uint8_t scratch[64];
    uint16_t dropped = 0;

    while (dropped < n && read(t->port.rx_fd[queue], scratch, sizeof scratch) > 0)
        dropped++;
    counter_add(&t->queue[queue].count.rx_dropped, dropped);
    return 0;
}

static uint16_t tap_rx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
    struct port_tap *t = port_tap(p);
    struct tap_queue *q = &t->queue[queue];
    uint64_t bytes = 0, errors = 0;
    uint16_t got = 0;

    if (unlikely(atomic_load_explicit(&t->is_gone, memory_order_relaxed)))
        n = 0;
    while (got < n && bytes < PORT_BURST_BYTES) {
        struct rte_mbuf *m;
        ssize_t len;

        if (unlikely(!chain_fill(&q->chain, t->pool))) {
            discard(t, queue, (uint16_t)(n - got));
            break;
        }
        len = readv(p->rx_fd[queue], q->chain.iov, 1 + q->chain.n_segs);
        if (len < 0) {
            if (unlikely(errno == EBADFD))
                silence(t, queue);
            break;
        }
        len -= (ssize_t)sizeof q->chain.hdr;
        if (unlikely(len < 14 || len >= (ssize_t)q->chain.size)) { /* all room used: it may have been cut off */
            errors++;
            continue;
        }
        m = chain_take(&q->chain, (uint32_t)len);
        if (unlikely(offload_from_vnet(m, &q->chain.hdr))) {
            rte_pktmbuf_free(m);
            errors++;
            continue;
        }
        bytes += (uint64_t)len;
        frames[got++] = m;
    }
    if (got || errors) {
        counter_add(&q->count.rx_packets, got);
        counter_add(&q->count.rx_bytes, bytes);
        counter_add(&q->count.rx_errors, errors);
        counter_add(&q->count.rx_frame_err, errors);
    }
    return got;
}

struct tap_out {
    struct tap_queue *q;
    int fd;
};

static void tap_emit(void *arg, struct rte_mbuf **frames, uint16_t n)
{
    struct tap_out *o = arg;
    struct iovec *iov = o->q->send;
    uint64_t bytes = 0, sent = 0, errors = 0, dropped = 0, too_big = 0;

    for (uint16_t i = 0; i < n; i++) {
        struct virtio_net_hdr hdr;
        unsigned segs = chain_gather(frames[i], iov + 1, CHAIN_SEND_SEGS_MAX);

        offload_to_vnet(frames[i], &hdr);
        iov[0] = (struct iovec){ &hdr, sizeof hdr };
        if (segs && writev(o->fd, iov, (int)(1 + segs)) >= 0) {
            sent++;
            bytes += frames[i]->pkt_len;
        } else if (!segs || errno == EINVAL || errno == EMSGSIZE) {
            errors++;
            too_big += !segs || errno == EMSGSIZE;
        } else {
            dropped++;
        }
    }
    rte_pktmbuf_free_bulk(frames, n);
    counter_add(&o->q->count.tx_packets, sent);
    counter_add(&o->q->count.tx_bytes, bytes);
    counter_add(&o->q->count.tx_errors, errors);
    counter_add(&o->q->count.tx_too_big, too_big);
    counter_add(&o->q->count.tx_dropped, dropped);
}

static void tap_tx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
    struct port_tap *t = port_tap(p);
    struct tap_out to = { .q = &t->queue[queue], .fd = p->rx_fd[queue] };
    struct offload_out out = { .caps = t->caps, .pool = t->pool, .emit = tap_emit, .arg = &to };

    if (unlikely(atomic_load_explicit(&t->is_gone, memory_order_relaxed))) {
        rte_pktmbuf_free_bulk(frames, n);
        counter_add(&to.q->count.tx_dropped, n);
        return;
    }
    offload_prepare(frames, n, &out);
    if (unlikely(out.n_lost))
        counter_add(&to.q->count.tx_dropped, out.n_lost);
}

/* --- C --- */

static void tap_status(struct port *p, struct port_status *out)
{
    struct port_tap *t = port_tap(p);

    iface_status(t->ctl_fd, t->ifindex, out);
    if (atomic_load(&t->is_gone) || !netns_is_there(&t->netns))
        *out = (struct port_status){ .is_gone = true };
}

static int tap_set_admin_up(struct port *p, bool is_up)
{
    return iface_set_up(port_tap(p)->ctl_fd, port_tap(p)->ifindex, is_up);
}

static void tap_stats(struct port *p, struct port_stats *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < p->n_queues; i++)
        port_counters_sum(out, &port_tap(p)->queue[i].count);
}

static void tap_close(struct port *p)
{
    struct port_tap *t = port_tap(p);

    for (unsigned i = 0; i < p->n_queues; i++) {
        chain_fini(&t->queue[i].chain);
        if (p->rx_fd[i] >= 0)
            close(p->rx_fd[i]);
    }
    if (t->ctl_fd >= 0)
        close(t->ctl_fd);
    free(t);
}

static const struct port_ops tap_ops = {
    .type_name = "tap",
    .rx = tap_rx,
    .tx = tap_tx,
    .status = tap_status,
    .set_admin_up = tap_set_admin_up,
    .stats = tap_stats,
    .close = tap_close,
};

struct tap_make {
    struct port_handle *h;
    const struct port_conf *conf;
    struct errbuf *e;
};

static int make_queue(struct tap_make *mk)
{
    struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };
    const char *name = mk->conf->name;
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return errbuf_set(mk->e, -errno, "port %s: /dev/net/tun: %s", name, strerror(errno));
    mk->h->fds[mk->h->n_fds++] = fd;
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    if (ioctl(fd, TUNSETIFF, &r))
        return errbuf_set(mk->e, -errno, "port %s: cannot create interface %s: %s", name, name,
                          errno == EBUSY || errno == EEXIST || errno == EINVAL ? "the name is taken" : strerror(errno));
    snprintf(mk->h->ifname, sizeof mk->h->ifname, "%s", r.ifr_name);
    if (ioctl(fd, TUNSETOFFLOAD, TUN_OFFLOADS | TUN_OFFLOADS_USO) && ioctl(fd, TUNSETOFFLOAD, TUN_OFFLOADS))
        return errbuf_set(mk->e, -errno, "port %s: the kernel's tap has no checksum offload: %s", name,
                          strerror(errno));
    return 0;
}

/* In the namespace. */
static int make_tap(void *arg)
{
    struct tap_make *mk = arg;
    struct port_handle *h = mk->h;
    const struct port_conf *conf = mk->conf;
    int ctl, err;

    for (uint16_t i = 0; i < port_conf_queues(conf); i++) {
        err = make_queue(mk);
        if (err)
            return err;
    }
    ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ctl < 0)
        return errbuf_set(mk->e, -errno, "port %s: no control socket: %s", conf->name, strerror(errno));
    h->fds[h->n_fds++] = ctl;
    h->ifindex = iface_index(ctl, h->ifname);
    if (h->ifindex < 0)
        return errbuf_set(mk->e, h->ifindex, "port %s: interface %s vanished", conf->name, h->ifname);
    if (memcmp(conf->mac, (const uint8_t[6]){ 0 }, 6) && (err = iface_set_mac(ctl, h->ifindex, conf->mac)))
        return errbuf_set(mk->e, err, "port %s: mac: the interface does not take it: %s", conf->name, strerror(-err));
    if (conf->mtu && (err = iface_set_mtu(ctl, h->ifindex, conf->mtu)))
        return errbuf_set(mk->e, err, "port %s: mtu: the interface does not take %u: %s", conf->name, conf->mtu,
                          strerror(-err));
    err = iface_set_up(ctl, h->ifindex, true);
    if (err)
        return errbuf_set(mk->e, err, "port %s: interface %s does not come up: %s", conf->name, h->ifname,
                          strerror(-err));
    return route_configure(h->ifindex, conf, mk->e);
}

static int tap_acquire(struct port_handle *h, const struct port_conf *conf, struct errbuf *e)
{
    struct tap_make mk = { .h = h, .conf = conf, .e = e };
    int err;

    if (strlen(conf->name) >= IFNAMSIZ || strpbrk(conf->name, "/: \t%"))
        return errbuf_set(e, -EINVAL,
                          "port %s: an interface's name has 1 to 15 bytes, without '/', ':', '%%' and spaces",
                          conf->name);
    err = route_check(conf, e);
    if (!err)
        err = port_netns_open(h, conf, e);
    if (!err)
        err = netns_call(h->netns_fd, make_tap, &mk);
    if (err)
        errbuf_set(e, err, "port %s: network namespace %s: %s", conf->name, conf->netns ? conf->netns : "",
                   strerror(-err));
    return err;
}

static int tap_open(struct port **out, const struct port_conf *conf, struct port_handle *h, struct rte_mempool *pool,
                    struct errbuf *e)
{
    uint16_t n = port_conf_queues(conf);
    size_t size = sizeof(struct port_tap) + n * sizeof(struct tap_queue);
    struct port_tap *t;

    if (h->n_fds != n + 1)
        return errbuf_set(e, -EINVAL, "port %s: %d descriptors instead of %d", conf->name, h->n_fds, n + 1);
    t = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (!t)
        return errbuf_set(e, -ENOMEM, "port %s: out of memory", conf->name);
    memset(t, 0, size);
    port_init(&t->port, &tap_ops, conf);
    t->pool = pool;
    t->ifindex = h->ifindex;
    t->netns = h->netns;
    t->ctl_fd = h->fds[n];
    t->caps = OFFLOAD_TCP_CKSUM | OFFLOAD_UDP_CKSUM | OFFLOAD_TCP4_SEG | OFFLOAD_TCP6_SEG;
    if (ioctl(h->fds[0], TUNSETOFFLOAD, TUN_OFFLOADS | TUN_OFFLOADS_USO) == 0)
        t->caps |= OFFLOAD_UDP_SEG;
    for (uint16_t i = 0; i < n; i++)
        t->port.rx_fd[i] = h->fds[i];
    h->n_fds = 0;
    for (uint16_t i = 0; i < n; i++) {
        int err = chain_init(&t->queue[i].chain, pool);

        if (err) {
            tap_close(&t->port);
            return errbuf_set(e, err, "port %s: the pool's mbufs are too small", conf->name);
        }
    }
    *out = &t->port;
    return 0;
}

const struct port_kind port_kind_tap = { .name = "tap", .acquire = tap_acquire, .open = tap_open };

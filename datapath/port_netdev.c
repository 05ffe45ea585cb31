/* SPDX-License-Identifier: Apache-2.0 */
/* port_netdev.c - an interface that the kernel has already: a veth end, a VM's tap, a NIC (packet sockets).
 * Flow: interface -> packet socket -> [netdev_rx] -> pipeline -> [netdev_tx] -> interface.
 * Spec: Linux packet(7), Documentation/networking/packet_mmap.rst; virtio 1.2, 5.1.6; IEEE 802.1Q (the tag that is restored).
 *
 * Theory: PACKET_VNET_HDR passes segments of 64 KB with their checksum still to be done, both ways.  The kernel has taken the
 * outer VLAN tag off before the socket sees a frame; it is put back from PACKET_AUXDATA, and what the header says of offsets
 * moves by its 4 bytes.  The host's stack is shut out by port_guard.h.  A socket whose device goes down reports ENETDOWN once,
 * and works again when it is up; only when the interface's index is gone has the port gone. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "datapath/offload.h"
#include "datapath/port.h"
#include "datapath/port_chain.h"
#include "datapath/port_guard.h"
#include "datapath/port_impl.h"
#include "datapath/port_netns.h"

enum {
    RX_BATCH = 4,    /* messages of one call; each holds room for 64 KB (PORT_BURST_BYTES) */
    SEND_IOV = 1024, /* of all messages of one call */
    SOCKET_BUFFER = 8 << 20,
    FANOUT_IGNORE_OUTGOING = 0x4000, /* since Linux 5.6; not in Debian 12's linux/if_packet.h */
};

struct netdev_queue {
    struct port_counters count;
    _Atomic uint64_t rx_over; /* C: frames that did not fit into the socket's buffer */
    struct mmsghdr rx_msg[RX_BATCH];
    _Alignas(8) uint8_t aux[RX_BATCH][CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    struct rx_chain chain[RX_BATCH];
    struct mmsghdr tx_msg[PORT_BURST];
    struct virtio_net_hdr tx_hdr[PORT_BURST];
    struct iovec tx_iov[SEND_IOV];
};

struct port_netdev {
    struct port port;
    struct rte_mempool *pool;
    unsigned caps;
    int ctl_fd, guard_fd, ifindex;
    struct netns_mark netns;
    atomic_bool is_gone;
    struct netdev_queue queue[];
};

static struct port_netdev *port_netdev(struct port *p)
{
    return (struct port_netdev *)p;
}

/* --- W --- */

/* After an error that a device gone for ever would give too. */
static void check_gone(struct port_netdev *nd, int fd)
{
    struct ifreq r = { .ifr_ifindex = nd->ifindex };

    if (ioctl(fd, SIOCGIFNAME, &r) && errno == ENODEV)
        atomic_store(&nd->is_gone, true);
}

/* Puts the VLAN tag back that the kernel took off. */
static int restore_tag(struct rte_mbuf *m, struct virtio_net_hdr *h, struct msghdr *msg)
{
    struct tpacket_auxdata aux;
    struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    uint8_t *frame;

    if (!c || c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
        return 0;
    memcpy(&aux, CMSG_DATA(c), sizeof aux);
    if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
        return 0;
    frame = (uint8_t *)rte_pktmbuf_prepend(m, 4);
    if (!frame)
        return -ENOSPC;
    memmove(frame, frame + 4, 12);
    be16_store(frame + 12, aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : ETH_P_8021Q);
    be16_store(frame + 14, aux.tp_vlan_tci);
    if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        if (h->csum_start > UINT16_MAX - 4)
            return -EBADMSG;
        h->csum_start = (uint16_t)(h->csum_start + 4);
    }
    return 0;
}

/* Makes a frame of the i-th message read; NULL: it is damaged. */
static struct rte_mbuf *take_frame(struct netdev_queue *q, unsigned i)
{
    struct rx_chain *c = &q->chain[i];
    uint32_t len = q->rx_msg[i].msg_len;
    struct rte_mbuf *m;

    if (unlikely(q->rx_msg[i].msg_hdr.msg_flags & MSG_TRUNC || len < sizeof c->hdr + ETH_HLEN ||
                 len - sizeof c->hdr > c->size))
        return NULL;
    m = chain_take(c, len - (uint32_t)sizeof c->hdr);
    if (unlikely(restore_tag(m, &c->hdr, &q->rx_msg[i].msg_hdr) || offload_from_vnet(m, &c->hdr))) {
        rte_pktmbuf_free(m);
        return NULL;
    }
    return m;
}

/* Readies up to `n` messages; returns how many have room. */
static unsigned fill_messages(struct port_netdev *nd, struct netdev_queue *q, unsigned n)
{
    unsigned i;

    for (i = 0; i < n && i < RX_BATCH; i++) {
        if (unlikely(!chain_fill(&q->chain[i], nd->pool)))
            break;
        q->rx_msg[i].msg_hdr.msg_controllen = sizeof q->aux[i];
    }
    return i;
}

/* Without mbufs, frames are read and dropped: the kernel would keep old ones. */
static void discard(struct netdev_queue *q, int fd, uint16_t n)
{
    uint8_t scratch[64];
    uint16_t dropped = 0;

    while (dropped < n && recv(fd, scratch, sizeof scratch, MSG_DONTWAIT) >= 0)
        dropped++;
    counter_add(&q->count.rx_dropped, dropped);
}

static uint16_t netdev_rx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
    struct port_netdev *nd = port_netdev(p);
    struct netdev_queue *q = &nd->queue[queue];
    uint64_t bytes = 0, errors = 0;
    uint16_t got = 0;

    if (unlikely(atomic_load_explicit(&nd->is_gone, memory_order_relaxed)))
        return 0;
    while (got < n && bytes < PORT_BURST_BYTES) {
        unsigned room = fill_messages(nd, q, n - got);
        int k;

        if (unlikely(!room)) {
            discard(q, p->rx_fd[queue], (uint16_t)(n - got));
            break;
        }
        k = recvmmsg(p->rx_fd[queue], q->rx_msg, room, MSG_DONTWAIT, NULL);
        if (k <= 0) {
            if (unlikely(k < 0 && errno != EAGAIN))
                check_gone(nd, p->rx_fd[queue]);
            break;
        }
        for (int i = 0; i < k; i++) {
            struct rte_mbuf *m = take_frame(q, (unsigned)i);

            if (unlikely(!m)) {
                errors++;
                continue;
            }
            bytes += m->pkt_len;
            frames[got++] = m;
        }
        if ((unsigned)k < room)
            break;
    }
    if (got || errors) {
        counter_add(&q->count.rx_packets, got);
        counter_add(&q->count.rx_bytes, bytes);
        counter_add(&q->count.rx_errors, errors);
        counter_add(&q->count.rx_frame_err, errors);
    }
    return got;
}

struct netdev_out {
    struct port_netdev *nd;
    struct netdev_queue *q;
    int fd;
};

/* Sends messages first..last-1; a frame that the device refuses does not stop those behind it. */
static void send_messages(struct netdev_out *o, struct rte_mbuf **frames, unsigned first, unsigned last)
{
    struct netdev_queue *q = o->q;
    uint64_t bytes = 0, sent = 0, errors = 0, dropped = 0, too_big = 0;

    while (first < last) {
        int k = sendmmsg(o->fd, q->tx_msg + first, last - first, MSG_DONTWAIT);

        for (int i = 0; i < k; i++)
            bytes += frames[first + (unsigned)i]->pkt_len;
        if (k > 0) {
            sent += (unsigned)k;
            first += (unsigned)k;
            continue;
        }
        if (errno == ENXIO || errno == ENETDOWN || errno == ENODEV)
            check_gone(o->nd, o->fd);
        too_big += errno == EMSGSIZE;
        if (errno == EMSGSIZE || errno == EINVAL)
            errors++;
        else
            dropped++;
        first++;
    }
    counter_add(&q->count.tx_packets, sent);
    counter_add(&q->count.tx_bytes, bytes);
    counter_add(&q->count.tx_errors, errors);
    counter_add(&q->count.tx_too_big, too_big);
    counter_add(&q->count.tx_dropped, dropped);
}

static void netdev_emit(void *arg, struct rte_mbuf **frames, uint16_t n)
{
    struct netdev_out *o = arg;
    struct netdev_queue *q = o->q;
    unsigned first = 0, used = 0;

    for (unsigned i = 0; i < n; i++) {
        unsigned segs = 0;

        if (frames[i]->nb_segs < SEND_IOV && used + 1 + frames[i]->nb_segs > SEND_IOV) {
            send_messages(o, frames, first, i);
            first = i;
            used = 0;
        }
        segs = chain_gather(frames[i], q->tx_iov + used + 1, SEND_IOV - used - 1);
        if (unlikely(!segs)) { /* more pieces than one call takes: it goes nowhere */
            send_messages(o, frames, first, i);
            first = i + 1;
            counter_add(&q->count.tx_errors, 1);
            counter_add(&q->count.tx_too_big, 1);
            continue;
        }
        offload_to_vnet(frames[i], &q->tx_hdr[i]);
        q->tx_iov[used] = (struct iovec){ &q->tx_hdr[i], sizeof q->tx_hdr[i] };
        q->tx_msg[i].msg_hdr = (struct msghdr){ .msg_iov = q->tx_iov + used, .msg_iovlen = 1 + segs };
        used += 1 + segs;
    }
    send_messages(o, frames, first, n);
    rte_pktmbuf_free_bulk(frames, n);
}

static void netdev_tx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
    struct port_netdev *nd = port_netdev(p);
    struct netdev_out to = { .nd = nd, .q = &nd->queue[queue], .fd = p->rx_fd[queue] };
    struct offload_out out = { .caps = nd->caps, .pool = nd->pool, .emit = netdev_emit, .arg = &to };

    if (unlikely(atomic_load_explicit(&nd->is_gone, memory_order_relaxed))) {
        rte_pktmbuf_free_bulk(frames, n);
        counter_add(&to.q->count.tx_dropped, n);
        return;
    }
    offload_prepare(frames, n, &out);
    if (unlikely(out.n_lost))
        counter_add(&to.q->count.tx_dropped, out.n_lost);
}

/* --- C --- */

static void netdev_status(struct port *p, struct port_status *out)
{
    struct port_netdev *nd = port_netdev(p);

    iface_status(nd->ctl_fd, nd->ifindex, out);
    if (out->is_gone)
        atomic_store(&nd->is_gone, true);
    else if (atomic_load(&nd->is_gone) || !netns_is_there(&nd->netns))
        *out = (struct port_status){ .is_gone = true };
}

static int netdev_set_admin_up(struct port *p, bool is_up)
{
    return iface_set_up(port_netdev(p)->ctl_fd, port_netdev(p)->ifindex, is_up);
}

static void netdev_stats(struct port *p, struct port_stats *out)
{
    struct port_netdev *nd = port_netdev(p);

    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < p->n_queues; i++) {
        struct tpacket_stats ts;
        socklen_t len = sizeof ts;
        uint64_t over;

        port_counters_sum(out, &nd->queue[i].count);
        if (getsockopt(p->rx_fd[i], SOL_PACKET, PACKET_STATISTICS, &ts, &len) == 0) /* clears what it reports */
            counter_add(&nd->queue[i].rx_over, ts.tp_drops);
        over = atomic_load_explicit(&nd->queue[i].rx_over, memory_order_relaxed);
        out->rx_dropped += over;
        out->rx_over_err += over;
    }
}

static void netdev_close(struct port *p)
{
    struct port_netdev *nd = port_netdev(p);

    for (unsigned i = 0; i < p->n_queues; i++) {
        for (unsigned j = 0; j < RX_BATCH; j++)
            chain_fini(&nd->queue[i].chain[j]);
        if (p->rx_fd[i] >= 0)
            close(p->rx_fd[i]);
    }
    if (nd->ctl_fd >= 0)
        close(nd->ctl_fd);
    if (nd->guard_fd >= 0)
        close(nd->guard_fd); /* last: the host's stack sees no frame of ours */
    free(nd);
}

static const struct port_ops netdev_ops = {
    .type_name = "netdev",
    .rx = netdev_rx,
    .tx = netdev_tx,
    .status = netdev_status,
    .set_admin_up = netdev_set_admin_up,
    .stats = netdev_stats,
    .close = netdev_close,
};

struct netdev_make {
    struct port_handle *h;
    const struct port_conf *conf;
    struct errbuf *e;
};

static const char *device_name(const struct port_conf *conf)
{
    return conf->device ? conf->device : conf->name;
}

static int set_options(int fd, int ifindex)
{
    struct packet_mreq promisc = { .mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC };
    int one = 1, size = SOCKET_BUFFER;

    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one) ||
        setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one) ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof promisc))
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size); /* as much as the limit lets */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return 0;
}

/* Spreads flows over the queues; the first makes the group, the others join it. */
static int join_fanout(int fd, uint32_t *group)
{
    uint32_t flags = PACKET_FANOUT_HASH | FANOUT_IGNORE_OUTGOING;
    uint32_t arg = *group ? *group & 0xffff : PACKET_FANOUT_FLAG_UNIQUEID << 16;
    socklen_t len = sizeof *group;

    arg |= flags << 16;
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof arg))
        return -errno;
    if (!*group && getsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, &len))
        return -errno;
    return 0;
}

static int make_queue(struct netdev_make *mk, uint32_t *fanout)
{
    struct port_handle *h = mk->h;
    struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = h->ifindex };
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* receives nothing before it is bound */
    int err;

    if (fd < 0)
        return errbuf_set(mk->e, -errno, "port %s: packet socket: %s", mk->conf->name, strerror(errno));
    h->fds[h->n_fds++] = fd;
    be16_store(&to.sll_protocol, ETH_P_ALL);
    err = set_options(fd, h->ifindex);
    if (!err && bind(fd, (struct sockaddr *)&to, sizeof to))
        err = -errno;
    if (!err && port_conf_queues(mk->conf) > 1)
        err = join_fanout(fd, fanout);
    return err ? errbuf_set(mk->e, err, "port %s: packet socket on %s: %s", mk->conf->name, h->ifname, strerror(-err))
               : 0;
}

/* In the namespace.  Descriptors: the queues, the control socket, the guard. */
static int make_netdev(void *arg)
{
    struct netdev_make *mk = arg;
    struct port_handle *h = mk->h;
    const struct port_conf *conf = mk->conf;
    int ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), guard, err;
    uint32_t fanout = 0;
    struct ifreq r = { 0 };

    if (ctl < 0)
        return errbuf_set(mk->e, -errno, "port %s: no control socket: %s", conf->name, strerror(errno));
    h->fds[h->n_fds++] = ctl;
    h->ifindex = iface_index(ctl, device_name(conf));
    if (h->ifindex < 0)
        return errbuf_set(mk->e, h->ifindex, "port %s: there is no interface %s%s%s", conf->name, device_name(conf),
                          conf->netns ? " in namespace " : "", conf->netns ? conf->netns : "");
    snprintf(h->ifname, sizeof h->ifname, "%s", device_name(conf));
    memcpy(r.ifr_name, h->ifname, sizeof r.ifr_name);
    if (ioctl(ctl, SIOCGIFHWADDR, &r) == 0 && r.ifr_hwaddr.sa_family != 1 /* ARPHRD_ETHER */)
        return errbuf_set(mk->e, -EINVAL, "port %s: %s is not an Ethernet interface", conf->name, h->ifname);
    guard = guard_open(h->ifname, h->ifindex, conf->name, mk->e);
    if (guard < 0)
        return guard;
    h->fds[h->n_fds++] = guard;
    if (conf->mtu && (err = iface_set_mtu(ctl, h->ifindex, conf->mtu)))
        return errbuf_set(mk->e, err, "port %s: mtu: %s does not take %u: %s", conf->name, h->ifname, conf->mtu,
                          strerror(-err));
    err = iface_set_up(ctl, h->ifindex, true);
    if (err)
        return errbuf_set(mk->e, err, "port %s: interface %s does not come up: %s", conf->name, h->ifname,
                          strerror(-err));
    for (uint16_t i = 0; i < port_conf_queues(conf); i++) {
        err = make_queue(mk, &fanout);
        if (err)
            return err;
    }
    return 0;
}

/* AF_XDP is DPDK's: nothing to open here but the control socket, and the interface must be there, and up. */
static int acquire_xdp(struct port_handle *h, const struct port_conf *conf, struct errbuf *e)
{
    int ctl, err;

    if (conf->netns)
        return errbuf_set(e, -EOPNOTSUPP, "port %s: mode xdp does not reach into a namespace; use mode packet",
                          conf->name);
    ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ctl < 0)
        return errbuf_set(e, -errno, "port %s: no control socket: %s", conf->name, strerror(errno));
    h->fds[h->n_fds++] = ctl;
    h->ifindex = iface_index(ctl, device_name(conf));
    if (h->ifindex < 0)
        return errbuf_set(e, h->ifindex, "port %s: there is no interface %s", conf->name, device_name(conf));
    err = iface_set_up(ctl, h->ifindex, true);
    return err ? errbuf_set(e, err, "port %s: interface %s does not come up: %s", conf->name, device_name(conf),
                            strerror(-err))
               : 0;
}

/* The index in the device's name: an interface that comes back is another one, while that of the old one is still there. */
static int open_xdp(struct port **out, const struct port_conf *conf, struct port_handle *h, struct rte_mempool *pool,
                    struct errbuf *e)
{
    char devargs[128];
    int err;

    snprintf(devargs, sizeof devargs, "net_af_xdp_%d,iface=%.15s,start_queue=0,queue_count=%u", h->ifindex,
             device_name(conf), port_conf_queues(conf));
    err = port_dpdk_open(out, conf, devargs, pool, e);
    if (err)
        return err;
    port_dpdk_set_interface(*out, h->fds[0], h->ifindex);
    h->n_fds = 0;
    return 0;
}

static int netdev_acquire(struct port_handle *h, const struct port_conf *conf, struct errbuf *e)
{
    struct netdev_make mk = { .h = h, .conf = conf, .e = e };
    int err;

    if (strlen(device_name(conf)) >= IFNAMSIZ || !device_name(conf)[0])
        return errbuf_set(e, -EINVAL, "port %s: device: \"%s\" is not an interface's name", conf->name,
                          device_name(conf));
    if (conf->is_xdp)
        return acquire_xdp(h, conf, e);
    err = port_netns_open(h, conf, e);
    if (!err)
        err = netns_call(h->netns_fd, make_netdev, &mk);
    if (err)
        errbuf_set(e, err, "port %s: network namespace %s: %s", conf->name, conf->netns ? conf->netns : "",
                   strerror(-err));
    return err;
}

/* Since Linux 6.2 a packet socket takes UDP to be cut (VIRTIO_NET_HDR_GSO_UDP_L4); it has no way to ask. */
static bool has_udp_seg(void)
{
    struct utsname u;
    unsigned major = 0, minor = 0;

    return uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 2));
}

static void prepare_queue(struct netdev_queue *q)
{
    for (unsigned i = 0; i < RX_BATCH; i++)
        q->rx_msg[i].msg_hdr = (struct msghdr){
            .msg_iov = q->chain[i].iov,
            .msg_iovlen = 1u + q->chain[i].n_segs,
            .msg_control = q->aux[i],
            .msg_controllen = sizeof q->aux[i],
        };
}

static int netdev_open(struct port **out, const struct port_conf *conf, struct port_handle *h, struct rte_mempool *pool,
                       struct errbuf *e)
{
    uint16_t n = port_conf_queues(conf);
    size_t size = sizeof(struct port_netdev) + n * sizeof(struct netdev_queue);
    struct port_netdev *nd;

    if (conf->is_xdp)
        return open_xdp(out, conf, h, pool, e);
    if (h->n_fds != n + 2)
        return errbuf_set(e, -EINVAL, "port %s: %d descriptors instead of %d", conf->name, h->n_fds, n + 2);
    nd = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (!nd)
        return errbuf_set(e, -ENOMEM, "port %s: out of memory", conf->name);
    memset(nd, 0, size);
    port_init(&nd->port, &netdev_ops, conf);
    nd->pool = pool;
    nd->ifindex = h->ifindex;
    nd->netns = h->netns;
    nd->ctl_fd = h->fds[0];
    nd->guard_fd = h->fds[1];
    nd->caps = OFFLOAD_TCP_CKSUM | OFFLOAD_UDP_CKSUM | OFFLOAD_TCP4_SEG | OFFLOAD_TCP6_SEG |
               (has_udp_seg() ? OFFLOAD_UDP_SEG : 0);
    for (uint16_t i = 0; i < n; i++)
        nd->port.rx_fd[i] = h->fds[2 + i];
    h->n_fds = 0;
    for (uint16_t i = 0; i < n; i++) {
        for (unsigned j = 0; j < RX_BATCH; j++) {
            int err = chain_init(&nd->queue[i].chain[j], pool);

            if (err) {
                netdev_close(&nd->port);
                return errbuf_set(e, err, "port %s: the pool's mbufs are too small", conf->name);
            }
        }
        prepare_queue(&nd->queue[i]);
    }
    *out = &nd->port;
    return 0;
}

const struct port_kind port_kind_netdev = { .name = "netdev", .acquire = netdev_acquire, .open = netdev_open };

/* SPDX-License-Identifier: Apache-2.0 */
/* port_netns.c - see port_netns.h. */
#include "datapath/port_netns.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

int port_netns_open(struct port_handle *h, const struct port_conf *conf, struct errbuf *e)
{
    struct netns_mark *m = &h->netns;
    struct stat st;

    if (!conf->netns)
        return 0;
    if (snprintf(m->path, sizeof m->path, "%s%s", strchr(conf->netns, '/') ? "" : "/var/run/netns/", conf->netns) >=
        (int)sizeof m->path)
        return errbuf_set(e, -ENAMETOOLONG, "port %s: netns: the name is too long", conf->name);
    h->netns_fd = open(m->path, O_RDONLY | O_CLOEXEC);
    if (h->netns_fd < 0 || fstat(h->netns_fd, &st))
        return errbuf_set(e, -errno, "port %s: network namespace %s: %s", conf->name, conf->netns, strerror(errno));
    m->device = st.st_dev;
    m->inode = st.st_ino;
    return 0;
}

bool netns_is_there(const struct netns_mark *m)
{
    struct stat st;

    return !m->path[0] || (stat(m->path, &st) == 0 && st.st_dev == m->device && st.st_ino == m->inode);
}

struct visit {
    int netns_fd, result;
    int (*fn)(void *arg);
    void *arg;
};

static void *visit_main(void *arg)
{
    struct visit *v = arg;

    v->result = setns(v->netns_fd, CLONE_NEWNET) ? -errno : v->fn(v->arg);
    return NULL;
}

int netns_call(int netns_fd, int (*fn)(void *arg), void *arg)
{
    struct visit v = { .netns_fd = netns_fd, .fn = fn, .arg = arg };
    pthread_t thread;
    int err;

    if (netns_fd < 0)
        return fn(arg);
    err = pthread_create(&thread, NULL, visit_main, &v);
    if (err)
        return -err;
    pthread_join(thread, NULL);
    return v.result;
}

int iface_index(int fd, const char *name)
{
    struct ifreq r = { 0 };

    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    return ioctl(fd, SIOCGIFINDEX, &r) ? -errno : r.ifr_ifindex;
}

/* Begins a request on an interface, whatever it is called now. */
static int iface_request(int fd, int ifindex, struct ifreq *r)
{
    memset(r, 0, sizeof *r);
    r->ifr_ifindex = ifindex;
    return ioctl(fd, SIOCGIFNAME, r) ? -errno : 0;
}

int iface_set_up(int fd, int ifindex, bool is_up)
{
    struct ifreq r;
    int err = iface_request(fd, ifindex, &r);

    if (err)
        return err;
    if (ioctl(fd, SIOCGIFFLAGS, &r))
        return -errno;
    r.ifr_flags = (short)(is_up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &r) ? -errno : 0;
}

int iface_set_mtu(int fd, int ifindex, uint16_t mtu)
{
    struct ifreq r;
    int err = iface_request(fd, ifindex, &r);

    if (err)
        return err;
    r.ifr_mtu = mtu;
    return ioctl(fd, SIOCSIFMTU, &r) ? -errno : 0;
}

int iface_set_mac(int fd, int ifindex, const uint8_t mac[6])
{
    struct ifreq r;
    int err = iface_request(fd, ifindex, &r);

    if (err)
        return err;
    r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(r.ifr_hwaddr.sa_data, mac, 6);
    return ioctl(fd, SIOCSIFHWADDR, &r) ? -errno : 0;
}

static void read_speed(int fd, struct ifreq *r, struct port_status *out)
{
    struct ethtool_cmd cmd = { .cmd = ETHTOOL_GSET };
    uint32_t speed;

    out->is_full_duplex = true;
    r->ifr_data = (char *)&cmd;
    if (ioctl(fd, SIOCETHTOOL, r))
        return;
    speed = ethtool_cmd_speed(&cmd);
    if (speed != (uint32_t)SPEED_UNKNOWN)
        out->speed_mbps = speed;
    out->is_full_duplex = cmd.duplex != DUPLEX_HALF;
}

void iface_status(int fd, int ifindex, struct port_status *out)
{
    struct ifreq r;

    memset(out, 0, sizeof *out);
    if (iface_request(fd, ifindex, &r)) {
        out->is_gone = true;
        return;
    }
    if (ioctl(fd, SIOCGIFFLAGS, &r) == 0) {
        out->is_admin_up = r.ifr_flags & IFF_UP;
        out->is_link_up = r.ifr_flags & IFF_RUNNING;
    }
    if (ioctl(fd, SIOCGIFHWADDR, &r) == 0)
        memcpy(out->mac, r.ifr_hwaddr.sa_data, 6);
    if (ioctl(fd, SIOCGIFMTU, &r) == 0)
        out->mtu = r.ifr_mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)r.ifr_mtu;
    read_speed(fd, &r, out);
}

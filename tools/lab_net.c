/* SPDX-License-Identifier: Apache-2.0 */
/* lab_net.c - see lab_net.h.
 *
 * Theory: no interface of a lab is ever in the host's namespace, so that names need not differ between labs, the host's own
 * stack and tools are not disturbed, and everything is gone with the namespaces.  In a switch's namespace IPv6 is off: the
 * kernel there must not speak on the wires that the switch daemon reads.  In a host's, duplicate address detection is off,
 * because the document says already that addresses differ, and waiting a second for it teaches nothing. */
#include "tools/lab_net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/netlink.h"
#include "io/netns.h"
#include "tools/lab_process.h"

enum { WAIT_MS = 10000, AGAIN_MS = 10 };

/* --- namespaces --- */

struct sysctl {
    const char *path, *value;
};

static const struct sysctl of_host[] = {
    { "/proc/sys/net/ipv6/conf/all/accept_dad", "0" },
    { "/proc/sys/net/ipv6/conf/default/accept_dad", "0" },
    { NULL, NULL },
};
/* With addresses of its own it needs no others, which nobody would expect it to use. */
static const struct sysctl of_addressed_host[] = {
    { "/proc/sys/net/ipv6/conf/all/accept_dad", "0" },
    { "/proc/sys/net/ipv6/conf/default/accept_dad", "0" },
    { "/proc/sys/net/ipv6/conf/default/autoconf", "0" },
    { NULL, NULL },
};
static const struct sysctl of_switch[] = {
    { "/proc/sys/net/ipv6/conf/all/disable_ipv6", "1" },
    { "/proc/sys/net/ipv6/conf/default/disable_ipv6", "1" },
    { NULL, NULL },
};

/* In the namespace.  A kernel without IPv6 does not have the files, and needs nothing. */
static int write_sysctls(void *arg)
{
    for (const struct sysctl *s = arg; s->path; s++) {
        int fd = open(s->path, O_WRONLY | O_CLOEXEC), err = 0;

        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0 || write(fd, s->value, 1) != 1)
            err = -errno;
        if (fd >= 0)
            close(fd);
        if (err)
            return err;
    }
    return 0;
}

static int make_netns(const char *name, const struct sysctl *settings, struct errbuf *e)
{
    int err = netns_create(name, e);

    if (err)
        return err;
    err = netns_run(name, write_sysctls, (void *)settings, e);
    return err ? errbuf_set(e, err, "network namespace %s: its IPv6 settings: %s", name, strerror(-err)) : 0;
}

/* --- interfaces --- */

/* A host's end of a veth pair gets what a tap gets from the switch daemon. */
static int configure_host(const struct lab_host *at, const struct net_host *h, struct errbuf *e)
{
    struct netlink *nl;
    uint8_t mac[6];
    int err = netlink_open(&nl, at->netns, e);

    if (err)
        return err;
    net_mac_bytes(h->mac, mac);
    err = netlink_link_set_mac(nl, at->ifname, mac, e);
    if (!err)
        err = netlink_link_up(nl, at->ifname, e);
    for (size_t i = 0; i < h->n_addresses && !err; i++)
        err = netlink_addr_add(nl, at->ifname, &h->addresses[i], e);
    netlink_close(nl);
    return err;
}

/* In the namespace: a tap that is there without a process, for the switch daemon to attach and for the guest to use. */
static int make_tap(void *arg)
{
    struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), err = 0;

    if (fd < 0)
        return -errno;
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", (const char *)arg);
    if (ioctl(fd, TUNSETIFF, &r) || ioctl(fd, TUNSETPERSIST, 1))
        err = -errno;
    close(fd);
    return err;
}

static int make_host(const struct lab *lab, size_t i, struct netlink *nl, struct errbuf *e)
{
    const struct net_host *h = &lab->doc->hosts[i];
    const struct lab_host *at = &lab->hosts[i];
    int err = 0;

    switch (h->kind) {
    case NET_HOST_NETNS:
        if (h->attach == NET_ATTACH_TAP)
            break;
        err = netlink_veth_add(nl, at->ifname, at->ifname, at->netns, e);
        if (!err)
            err = netlink_link_up(nl, at->ifname, e);
        if (!err)
            err = configure_host(at, h, e);
        break;
    case NET_HOST_VM:
        err = netns_run(lab->switches[h->at.sw].netns, make_tap, (void *)at->ifname, e);
        break;
    case NET_HOST_EXTERNAL:
        break;
    }
    if (err)
        errbuf_set(e, err, "tap %s: %s", at->ifname, strerror(-err));
    if (err)
        errbuf_prefix(e, "host %s", h->name);
    return err;
}

static int link_up_in(const char *netns, const char *name, struct errbuf *e)
{
    struct netlink *nl;
    int err = netlink_open(&nl, netns, e);

    if (err)
        return err;
    err = netlink_link_up(nl, name, e);
    netlink_close(nl);
    return err;
}

static int make_link(const struct lab *lab, const struct net_link *l, struct netlink *nl, struct errbuf *e)
{
    const char *other = lab->switches[l->end[1].sw].netns;
    char a[NET_PORT_NAME], b[NET_PORT_NAME];
    int err = netlink_veth_add(nl, lab_port_name(&l->end[0].port, a), lab_port_name(&l->end[1].port, b), other, e);

    if (!err)
        err = netlink_link_up(nl, a, e);
    if (!err)
        err = link_up_in(other, b, e);
    if (err)
        errbuf_prefix(e, "link %s:%s - %s:%s", lab->doc->switches[l->end[0].sw].name, a,
                      lab->doc->switches[l->end[1].sw].name, b);
    return err;
}

/* All of one switch: links that begin at it, hosts on it. */
static int make_interfaces(const struct lab *lab, int sw, struct errbuf *e)
{
    struct netlink *nl;
    int err = netlink_open(&nl, lab->switches[sw].netns, e);

    if (err)
        return err;
    for (size_t i = 0; i < lab->doc->n_links && !err; i++)
        if (lab->doc->links[i].end[0].sw == sw && lab->doc->links[i].kind == NET_LINK_VETH)
            err = make_link(lab, &lab->doc->links[i], nl, e);
    for (size_t i = 0; i < lab->doc->n_hosts && !err; i++)
        if (lab->doc->hosts[i].at.sw == sw)
            err = make_host(lab, i, nl, e);
    netlink_close(nl);
    return err;
}

/* --- waiting --- */

static int wait_interface(const char *netns, const char *name, uint64_t end_ns, struct errbuf *e)
{
    struct netlink *nl;
    struct netlink_link link = { 0 };
    int err = netlink_open(&nl, netns, e);

    if (err)
        return err;
    for (;;) {
        err = netlink_link_find(nl, name, &link, e);
        if (err || (link.is_up && link.has_carrier))
            break;
        if (clock_now(NULL) > end_ns) {
            err = errbuf_set(e, -ETIMEDOUT, "interface %s in namespace %s does not come up", name, netns);
            break;
        }
        if (poll(NULL, 0, AGAIN_MS) && errno == EINTR) {
            err = -EINTR;
            break;
        }
    }
    netlink_close(nl);
    return err;
}

static uint64_t deadline(void)
{
    return clock_now(NULL) + (uint64_t)WAIT_MS * NSEC_PER_MS;
}

/* So that switch daemons find their ports up, and nobody has to be told later. */
static int wait_veths(const struct lab *lab, struct errbuf *e)
{
    uint64_t end_ns = deadline();
    char name[NET_PORT_NAME];
    int err = 0;

    for (size_t i = 0; i < lab->doc->n_hosts && !err; i++)
        if (lab->hosts[i].netns[0] && lab->doc->hosts[i].attach == NET_ATTACH_NETDEV)
            err = wait_interface(lab->hosts[i].netns, lab->hosts[i].ifname, end_ns, e);
    for (size_t i = 0; i < lab->doc->n_links && !err; i++)
        for (int k = 0; k < 2 && lab->doc->links[i].kind == NET_LINK_VETH && !err; k++) {
            const struct net_end *end = &lab->doc->links[i].end[k];

            err = wait_interface(lab->switches[end->sw].netns, lab_port_name(&end->port, name), end_ns, e);
        }
    return err;
}

int lab_net_wait(const struct lab *lab, struct errbuf *e)
{
    uint64_t end_ns = deadline();
    int err = 0;

    for (size_t i = 0; i < lab->doc->n_hosts && !err; i++)
        if (lab->hosts[i].netns[0])
            err = wait_interface(lab->hosts[i].netns, lab->hosts[i].ifname, end_ns, e);
    return err;
}

/* --- all of it --- */

static bool has_ipv6(const struct net_host *h)
{
    for (size_t i = 0; i < h->n_addresses; i++)
        if (h->addresses[i].family == 6)
            return true;
    return false;
}

int lab_net_build(const struct lab *lab, struct errbuf *e)
{
    int err = 0;

    for (size_t i = 0; i < lab->doc->n_switches && !err; i++)
        err = make_netns(lab->switches[i].netns, of_switch, e);
    for (size_t i = 0; i < lab->doc->n_hosts && !err; i++)
        if (lab->hosts[i].netns[0])
            err = make_netns(lab->hosts[i].netns, has_ipv6(&lab->doc->hosts[i]) ? of_addressed_host : of_host, e);
    for (size_t i = 0; i < lab->doc->n_switches && !err; i++)
        err = make_interfaces(lab, (int)i, e);
    return err ? err : wait_veths(lab, e);
}

/* --- removing --- */

static int remove_netns(void *arg, const char *name)
{
    return netns_delete(name, arg);
}

int lab_net_remove(const char *lab, struct errbuf *e)
{
    return lab_process_netns(lab, remove_netns, e);
}

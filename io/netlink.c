/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.c - see netlink.h; libnl does the talking. */
#include "io/netlink.h"

#include "io/netns.h"

#include <errno.h>
#include <ev.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct netlink {
    struct nl_sock *sock;
};

struct netlink_watch {
    struct ev_loop *loop;
    struct nl_sock *sock;
    ev_io readable;
    const struct netlink_watch_events *events;
    void *arg;
};

/* libnl has numbers of its own. */
static int errno_of(int nle)
{
    static const struct {
        int nle, err;
    } map[] = {
        { NLE_NODEV, ENODEV }, { NLE_OBJ_NOTFOUND, ENOENT },  { NLE_EXIST, EEXIST },
        { NLE_PERM, EPERM },   { NLE_NOACCESS, EACCES },      { NLE_NOMEM, ENOMEM },
        { NLE_INVAL, EINVAL }, { NLE_RANGE, ERANGE },         { NLE_OPNOTSUPP, EOPNOTSUPP },
        { NLE_BUSY, EBUSY },   { NLE_NOADDR, EADDRNOTAVAIL }, { NLE_AGAIN, EAGAIN },
    };

    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (abs(nle) == map[i].nle)
            return -map[i].err;
    return nle ? -EIO : 0;
}

/* 0, or the errno with "interface NAME: what failed: why". */
static int check(int nle, const char *name, const char *what, struct errbuf *e)
{
    int err = errno_of(nle);

    if (nle >= 0)
        return 0;
    errbuf_set(e, err, "interface %.32s: %s: %s", name, what, nl_geterror(nle));
    return err < 0 ? err : -EIO;
}

static int sock_open(void *arg)
{
    struct nl_sock **out = arg;
    struct nl_sock *s = nl_socket_alloc();
    int nle;

    if (!s)
        return -ENOMEM;
    nle = nl_connect(s, NETLINK_ROUTE);
    if (nle < 0) {
        nl_socket_free(s);
        return errno_of(nle);
    }
    *out = s;
    return 0;
}

/* The socket is the namespace's in which it is opened. */
static int sock_open_in(struct nl_sock **out, const char *netns, struct errbuf *e)
{
    int err = netns ? netns_run(netns, sock_open, out, e) : sock_open(out);

    if (err)
        errbuf_set(e, err, "netlink: %s", strerror(-err));
    return err;
}

int netlink_open(struct netlink **out, const char *netns, struct errbuf *e)
{
    struct netlink *nl = calloc(1, sizeof *nl);
    int err;

    if (!nl)
        return errbuf_set(e, -ENOMEM, "netlink: not enough memory");
    err = sock_open_in(&nl->sock, netns, e);
    if (err) {
        free(nl);
        return err;
    }
    *out = nl;
    return 0;
}

void netlink_close(struct netlink *nl)
{
    if (!nl)
        return;
    nl_socket_free(nl->sock);
    free(nl);
}

static void link_fill(struct netlink_link *out, struct rtnl_link *l)
{
    struct nl_addr *mac = rtnl_link_get_addr(l);
    const char *name = rtnl_link_get_name(l), *kind = rtnl_link_get_type(l);
    unsigned flags = rtnl_link_get_flags(l);

    *out = (struct netlink_link){
        .ifindex = rtnl_link_get_ifindex(l),
        .mtu = rtnl_link_get_mtu(l),
        .peer_ifindex = rtnl_link_get_link(l),
        .is_up = flags & IFF_UP,
        .has_carrier = rtnl_link_get_carrier(l) || flags & IFF_RUNNING,
    };
    if (name)
        strncpy(out->name, name, sizeof out->name - 1);
    if (kind)
        strncpy(out->kind, kind, sizeof out->kind - 1);
    if (mac && nl_addr_get_len(mac) == sizeof out->mac)
        memcpy(out->mac, nl_addr_get_binary_addr(mac), sizeof out->mac);
}

int netlink_links(struct netlink *nl, struct netlink_link **out, size_t *n, struct errbuf *e)
{
    struct nl_cache *cache;
    int err = check(rtnl_link_alloc_cache(nl->sock, AF_UNSPEC, &cache), "(all)", "list", e);
    size_t i = 0;

    if (err)
        return err;
    *n = (size_t)nl_cache_nitems(cache);
    *out = calloc(*n ? *n : 1, sizeof **out);
    if (!*out)
        err = errbuf_set(e, -ENOMEM, "netlink: not enough memory");
    for (struct nl_object *o = err ? NULL : nl_cache_get_first(cache); o && i < *n; o = nl_cache_get_next(o))
        link_fill(&(*out)[i++], (struct rtnl_link *)o);
    nl_cache_free(cache);
    return err;
}

/* The caller ends with rtnl_link_put. */
static int link_get(struct netlink *nl, const char *name, struct rtnl_link **out, struct errbuf *e)
{
    if (!*name || strlen(name) >= NETLINK_NAME_SIZE)
        return errbuf_set(e, -EINVAL, "'%.64s' is not a possible name of an interface", name);

    int nle = rtnl_link_get_kernel(nl->sock, 0, name, out);

    if (nle == -NLE_NODEV || nle == -NLE_OBJ_NOTFOUND)
        return errbuf_set(e, -ENODEV, "interface %s: there is none", name);
    return check(nle, name, "look up", e);
}

int netlink_link_find(struct netlink *nl, const char *name, struct netlink_link *out, struct errbuf *e)
{
    struct rtnl_link *l;
    int err = link_get(nl, name, &l, e);

    if (err)
        return err;
    link_fill(out, l);
    rtnl_link_put(l);
    return 0;
}

/* Applies what `change` sets. */
static int link_change(struct netlink *nl, const char *name, const char *what,
                       void (*change)(struct rtnl_link *l, const void *arg), const void *arg, struct errbuf *e)
{
    struct rtnl_link *old, *l;
    int err = link_get(nl, name, &old, e);

    if (err)
        return err;
    l = rtnl_link_alloc();
    if (l) {
        change(l, arg);
        err = check(rtnl_link_change(nl->sock, old, l, 0), name, what, e);
        rtnl_link_put(l);
    } else {
        err = errbuf_set(e, -ENOMEM, "netlink: not enough memory");
    }
    rtnl_link_put(old);
    return err;
}

static void change_up(struct rtnl_link *l, const void *arg)
{
    rtnl_link_set_flags(l, IFF_UP);
}

static void change_down(struct rtnl_link *l, const void *arg)
{
    rtnl_link_unset_flags(l, IFF_UP);
}

static void change_mtu(struct rtnl_link *l, const void *arg)
{
    rtnl_link_set_mtu(l, *(const uint32_t *)arg);
}

static void change_mac(struct rtnl_link *l, const void *arg)
{
    struct nl_addr *a = nl_addr_build(AF_LLC, arg, 6);

    rtnl_link_set_addr(l, a);
    nl_addr_put(a);
}

static void change_netns(struct rtnl_link *l, const void *arg)
{
    rtnl_link_set_ns_fd(l, *(const int *)arg);
}

int netlink_link_up(struct netlink *nl, const char *name, struct errbuf *e)
{
    return link_change(nl, name, "set up", change_up, NULL, e);
}

int netlink_link_down(struct netlink *nl, const char *name, struct errbuf *e)
{
    return link_change(nl, name, "set down", change_down, NULL, e);
}

int netlink_link_set_mtu(struct netlink *nl, const char *name, uint32_t mtu, struct errbuf *e)
{
    return link_change(nl, name, "set the MTU", change_mtu, &mtu, e);
}

int netlink_link_set_mac(struct netlink *nl, const char *name, const uint8_t mac[6], struct errbuf *e)
{
    return link_change(nl, name, "set the MAC address", change_mac, mac, e);
}

int netlink_link_set_netns(struct netlink *nl, const char *name, const char *netns, struct errbuf *e)
{
    int fd = netns_open(netns, e), err;

    if (fd < 0)
        return fd;
    err = link_change(nl, name, "move to another namespace", change_netns, &fd, e);
    close(fd);
    return err;
}

int netlink_link_delete(struct netlink *nl, const char *name, struct errbuf *e)
{
    struct rtnl_link *l;
    int err = link_get(nl, name, &l, e);

    if (err)
        return err;
    err = check(rtnl_link_delete(nl->sock, l), name, "delete", e);
    rtnl_link_put(l);
    return err;
}

int netlink_veth_add(struct netlink *nl, const char *name, const char *peer, const char *peer_netns, struct errbuf *e)
{
    int fd = peer_netns ? netns_open(peer_netns, e) : -1, err;
    struct rtnl_link *l;

    if (peer_netns && fd < 0)
        return fd;
    l = rtnl_link_veth_alloc();
    if (l) {
        struct rtnl_link *other = rtnl_link_veth_get_peer(l);

        rtnl_link_set_name(l, name);
        rtnl_link_set_name(other, peer);
        if (fd >= 0)
            rtnl_link_set_ns_fd(other, fd);
        err = check(rtnl_link_add(nl->sock, l, NLM_F_CREATE | NLM_F_EXCL), name, "create", e);
        rtnl_link_put(other);
        rtnl_link_put(l);
    } else {
        err = errbuf_set(e, -ENOMEM, "netlink: not enough memory");
    }
    if (fd >= 0)
        close(fd);
    return err;
}

static struct nl_addr *addr_build(const struct ip_addr *a)
{
    struct nl_addr *n = nl_addr_build(a->family == 4 ? AF_INET : AF_INET6, a->bytes, a->family == 4 ? 4 : 16);

    if (n)
        nl_addr_set_prefixlen(n, a->prefix_len);
    return n;
}

static int addr_do(struct netlink *nl, const char *name, const struct ip_addr *addr, bool is_add, struct errbuf *e)
{
    struct netlink_link link;
    int err = netlink_link_find(nl, name, &link, e);
    struct rtnl_addr *a = err ? NULL : rtnl_addr_alloc();
    struct nl_addr *local = a ? addr_build(addr) : NULL;

    if (err)
        return err;
    if (local) {
        rtnl_addr_set_ifindex(a, link.ifindex);
        err = check(rtnl_addr_set_local(a, local), name, "address", e);
        if (addr->family == 6)
            rtnl_addr_set_flags(a, IFA_F_NODAD); /* usable at once */
        if (!err)
            err = is_add ? check(rtnl_addr_add(nl->sock, a, 0), name, "add an address", e)
                         : check(rtnl_addr_delete(nl->sock, a, 0), name, "delete an address", e);
    } else {
        err = errbuf_set(e, -ENOMEM, "netlink: not enough memory");
    }
    nl_addr_put(local);
    rtnl_addr_put(a);
    return err;
}

int netlink_addr_add(struct netlink *nl, const char *name, const struct ip_addr *addr, struct errbuf *e)
{
    return addr_do(nl, name, addr, true, e);
}

int netlink_addr_delete(struct netlink *nl, const char *name, const struct ip_addr *addr, struct errbuf *e)
{
    return addr_do(nl, name, addr, false, e);
}

/* Fills in the route; -ENOMEM when something could not be allocated. */
static int route_fill(struct rtnl_route *r, const struct ip_addr *to, const struct ip_addr *gateway, int ifindex)
{
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    struct nl_addr *dst = addr_build(to), *via = addr_build(gateway);

    if (hop && dst && via) {
        rtnl_route_set_family(r, to->family == 4 ? AF_INET : AF_INET6);
        rtnl_route_set_dst(r, dst);
        rtnl_route_nh_set_gateway(hop, via);
        if (ifindex)
            rtnl_route_nh_set_ifindex(hop, ifindex);
        rtnl_route_add_nexthop(r, hop); /* takes it */
    } else {
        rtnl_route_nh_free(hop);
        hop = NULL;
    }
    nl_addr_put(dst);
    nl_addr_put(via);
    return hop ? 0 : -ENOMEM;
}

int netlink_route_add(struct netlink *nl, const struct ip_addr *to, const struct ip_addr *gateway, const char *name,
                      struct errbuf *e)
{
    struct ip_addr any = { .family = gateway->family };
    char text[ADDR_TEXT_SIZE];
    struct netlink_link link = { 0 };
    int err = name ? netlink_link_find(nl, name, &link, e) : 0;
    struct rtnl_route *r = err ? NULL : rtnl_route_alloc();

    if (err)
        return err;
    err = r ? route_fill(r, to ? to : &any, gateway, link.ifindex) : -ENOMEM;
    if (err) {
        errbuf_set(e, err, "netlink: not enough memory");
    } else {
        /* Beside one that an IPv6 host learned by an advertisement, whichever was first (RFC 4861, 6.3.6). */
        int nle = rtnl_route_add(nl->sock, r, NLM_F_CREATE | (gateway->family == 6 ? NLM_F_APPEND : NLM_F_EXCL));

        if (nle < 0)
            err = errbuf_set(e, errno_of(nle), "route by %s: %s", ip_format(gateway, text, sizeof text),
                             nl_geterror(nle));
    }
    rtnl_route_put(r);
    return err;
}

/* ---- watching ---- */

static void on_object(struct nl_object *o, void *arg)
{
    struct netlink_watch *w = arg;
    struct netlink_link link;

    if (nl_object_get_msgtype(o) != RTM_NEWLINK && nl_object_get_msgtype(o) != RTM_DELLINK)
        return;
    if (rtnl_link_get_family((struct rtnl_link *)o) != AF_UNSPEC)
        return; /* a bridge speaking of its port, not of the interface */
    link_fill(&link, (struct rtnl_link *)o);
    w->events->changed(w->arg, &link, nl_object_get_msgtype(o) == RTM_DELLINK);
}

static int on_message(struct nl_msg *msg, void *arg)
{
    return nl_msg_parse(msg, on_object, arg) < 0 ? NL_SKIP : NL_OK;
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    struct netlink_watch *w = io->data;
    int nle;

    do
        nle = nl_recvmsgs_default(w->sock);
    while (nle >= 0);
    if (nle != -NLE_AGAIN && w->events->overrun)
        w->events->overrun(w->arg);
}

int netlink_watch_open(struct netlink_watch **out, struct ev_loop *loop, const char *netns,
                       const struct netlink_watch_events *events, void *arg, struct errbuf *e)
{
    struct netlink_watch *w = calloc(1, sizeof *w);
    int err;

    if (!w)
        return errbuf_set(e, -ENOMEM, "netlink: not enough memory");
    err = sock_open_in(&w->sock, netns, e);
    if (err)
        goto free_watch;
    nl_socket_disable_seq_check(w->sock);
    nl_socket_modify_cb(w->sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, w);
    err = check(nl_socket_add_membership(w->sock, RTNLGRP_LINK), "(all)", "watch", e);
    if (!err)
        err = check(nl_socket_set_nonblocking(w->sock), "(all)", "watch", e);
    if (err)
        goto free_sock;
    w->loop = loop;
    w->events = events;
    w->arg = arg;
    ev_io_init(&w->readable, on_readable, nl_socket_get_fd(w->sock), EV_READ);
    w->readable.data = w;
    ev_io_start(loop, &w->readable);
    *out = w;
    return 0;

free_sock:
    nl_socket_free(w->sock);
free_watch:
    free(w);
    return err;
}

void netlink_watch_close(struct netlink_watch *w)
{
    if (!w)
        return;
    ev_io_stop(w->loop, &w->readable);
    nl_socket_free(w->sock);
    free(w);
}

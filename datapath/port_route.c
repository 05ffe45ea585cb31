/* SPDX-License-Identifier: Apache-2.0 */
/* port_route.c - see port_route.h. */
#include "datapath/port_route.h"

#include <errno.h>
#include <stdbool.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/route.h>

enum { ADDRESSES = sizeof((struct port_conf *)0)->addresses / sizeof(char *) };

/* An IP address, or NULL; libnl would take other families too. */
static struct nl_addr *parse_ip(const char *text)
{
    struct nl_addr *a;

    if (nl_addr_parse(text, AF_UNSPEC, &a))
        return NULL;
    if (nl_addr_get_family(a) != AF_INET && nl_addr_get_family(a) != AF_INET6) {
        nl_addr_put(a);
        return NULL;
    }
    return a;
}

int route_check(const struct port_conf *conf, struct errbuf *e)
{
    struct nl_addr *a;

    for (int i = 0; i < ADDRESSES && conf->addresses[i]; i++) {
        a = parse_ip(conf->addresses[i]);
        if (!a)
            return errbuf_set(e, -EINVAL, "port %s: address: \"%s\" is not an IP address with prefix length",
                              conf->name, conf->addresses[i]);
        nl_addr_put(a);
    }
    if (!conf->gateway)
        return 0;
    a = parse_ip(conf->gateway);
    if (!a)
        return errbuf_set(e, -EINVAL, "port %s: gateway: \"%s\" is not an IP address", conf->name, conf->gateway);
    nl_addr_put(a);
    return 0;
}

/* IPv6 addresses skip duplicate detection: they are declared, and wanted at once. */
static int add_address(struct nl_sock *sk, int ifindex, const char *text)
{
    struct rtnl_addr *a = rtnl_addr_alloc();
    struct nl_addr *local = parse_ip(text);
    int err = a && local ? 0 : -NLE_NOMEM;

    if (!err)
        err = rtnl_addr_set_local(a, local);
    if (!err) {
        rtnl_addr_set_ifindex(a, ifindex);
        if (nl_addr_get_family(local) == AF_INET6)
            rtnl_addr_set_flags(a, IFA_F_NODAD);
        err = rtnl_addr_add(sk, a, 0);
    }
    nl_addr_put(local);
    rtnl_addr_put(a);
    return err == -NLE_EXIST ? 0 : err;
}

static int add_default_route(struct nl_sock *sk, int ifindex, const char *gateway)
{
    struct nl_addr *via = parse_ip(gateway), *any = NULL;
    struct rtnl_route *r = rtnl_route_alloc();
    struct rtnl_nexthop *nh = rtnl_route_nh_alloc();
    int err = -NLE_NOMEM;

    if (via)
        any = nl_addr_build(nl_addr_get_family(via), NULL, 0);
    if (!via || !any || !r || !nh) {
        rtnl_route_nh_free(nh);
        goto put_all;
    }
    rtnl_route_set_family(r, (uint8_t)nl_addr_get_family(via));
    rtnl_route_set_table(r, RT_TABLE_MAIN);
    rtnl_route_set_scope(r, RT_SCOPE_UNIVERSE);
    err = rtnl_route_set_dst(r, any);
    rtnl_route_nh_set_ifindex(nh, ifindex);
    rtnl_route_nh_set_gateway(nh, via);
    rtnl_route_add_nexthop(r, nh); /* takes nh */
    if (!err)
        err = rtnl_route_add(sk, r, NLM_F_REPLACE);

put_all:
    rtnl_route_put(r);
    nl_addr_put(any);
    nl_addr_put(via);
    return err;
}

int route_configure(int ifindex, const struct port_conf *conf, struct errbuf *e)
{
    struct nl_sock *sk;
    int err = 0;

    if (!conf->addresses[0] && !conf->gateway)
        return 0;
    sk = nl_socket_alloc();
    if (!sk || nl_connect(sk, NETLINK_ROUTE)) {
        nl_socket_free(sk);
        return errbuf_set(e, -EIO, "port %s: no route socket", conf->name);
    }
    for (int i = 0; !err && i < ADDRESSES && conf->addresses[i]; i++) {
        err = add_address(sk, ifindex, conf->addresses[i]);
        if (err)
            errbuf_set(e, -EINVAL, "port %s: address: the interface does not take %s: %s", conf->name,
                       conf->addresses[i], nl_geterror(err));
    }
    if (!err && conf->gateway) {
        err = add_default_route(sk, ifindex, conf->gateway);
        if (err)
            errbuf_set(e, -EINVAL, "port %s: gateway: no route by %s: %s", conf->name, conf->gateway, nl_geterror(err));
    }
    nl_socket_free(sk);
    return err ? -EINVAL : 0;
}

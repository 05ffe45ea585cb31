/* SPDX-License-Identifier: Apache-2.0 */
/* test_netlink.c - io/netlink.h and io/netns.h in two namespaces of their own.  Needs root; skipped (77) without. */
#include "io/netlink.h"

#include "io/netns.h"

#include <errno.h>
#include <ev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char ns_a[32], ns_b[32];
static struct netlink *nl_a, *nl_b;

static int make(void **state)
{
    struct errbuf e = { 0 };

    snprintf(ns_a, sizeof ns_a, "utest-%d-a", (int)getpid());
    snprintf(ns_b, sizeof ns_b, "utest-%d-b", (int)getpid());
    if (netns_create(ns_a, &e) || netns_create(ns_b, &e) || netlink_open(&nl_a, ns_a, &e) ||
        netlink_open(&nl_b, ns_b, &e)) {
        print_error("%s\n", e.text);
        return -1;
    }
    return 0;
}

static int clear(void **state)
{
    netlink_close(nl_a);
    netlink_close(nl_b);
    return netns_delete(ns_a, NULL) || netns_delete(ns_b, NULL);
}

static void namespaces(void **state)
{
    struct errbuf e = { 0 };
    struct netlink_link lo;

    assert_true(netns_exists(ns_a));
    assert_int_equal(netns_create(ns_a, &e), -EEXIST);
    assert_non_null(strstr(e.text, ns_a));
    assert_false(netns_exists("utest-none"));
    assert_int_equal(netns_delete("utest-none", &e), 0);
    assert_int_equal(netns_create("..", &e), -EINVAL);
    assert_int_equal(netlink_open(&(struct netlink *){ NULL }, "utest-none", &e), -ENOENT);
    assert_int_equal(netlink_link_find(nl_a, "lo", &lo, &e), 0);
    assert_true(lo.is_up);
}

static int count_interfaces(void *arg)
{
    struct netlink_link *links;
    struct netlink *nl;
    size_t n;

    if (netlink_open(&nl, NULL, NULL) || netlink_links(nl, &links, &n, NULL))
        return -1;
    free(links);
    netlink_close(nl);
    return (int)n + *(int *)arg;
}

static void running_inside(void **state)
{
    int add = 40;

    assert_true(netns_run(ns_a, count_interfaces, &add, NULL) >= 41);
    assert_int_equal(netns_run("utest-none", count_interfaces, &add, NULL), -ENOENT);
}

static void links(void **state)
{
    static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0x17 };
    struct netlink_link a, b, *all;
    struct errbuf e = { 0 };
    size_t n, seen = 0;

    assert_int_equal(netlink_veth_add(nl_a, "va", "vb", ns_b, &e), 0);
    assert_int_equal(netlink_veth_add(nl_a, "va", "vc", NULL, &e), -EEXIST);
    assert_non_null(strstr(e.text, "interface va: create"));
    assert_int_equal(netlink_link_set_mtu(nl_a, "va", 1400, NULL), 0);
    assert_int_equal(netlink_link_set_mac(nl_a, "va", mac, NULL), 0);
    assert_int_equal(netlink_link_find(nl_a, "va", &a, NULL), 0);
    assert_int_equal(netlink_link_find(nl_b, "vb", &b, NULL), 0);
    assert_int_equal(a.peer_ifindex, b.ifindex);
    assert_int_equal(a.mtu, 1400);
    assert_memory_equal(a.mac, mac, 6);
    assert_string_equal(a.kind, "veth");
    assert_false(a.is_up);
    assert_int_equal(netlink_link_up(nl_a, "va", NULL), 0);
    assert_int_equal(netlink_link_up(nl_b, "vb", NULL), 0);
    assert_int_equal(netlink_link_find(nl_a, "va", &a, NULL), 0);
    assert_true(a.is_up && a.has_carrier);
    assert_int_equal(netlink_link_down(nl_b, "vb", NULL), 0);
    assert_int_equal(netlink_link_find(nl_a, "va", &a, NULL), 0);
    assert_true(a.is_up && !a.has_carrier);
    assert_int_equal(netlink_links(nl_a, &all, &n, NULL), 0);
    for (size_t i = 0; i < n; i++)
        seen += !strcmp(all[i].name, "va") || !strcmp(all[i].name, "lo");
    free(all);
    assert_int_equal(seen, 2);

    e.text[0] = '\0';
    assert_int_equal(netlink_link_find(nl_a, "vb", &b, &e), -ENODEV);
    assert_string_equal(e.text, "interface vb: there is none");
    assert_int_equal(netlink_link_up(nl_a, "a-name-that-is-too-long", NULL), -EINVAL);
    assert_int_equal(netlink_link_set_netns(nl_a, "va", ns_b, NULL), 0);
    assert_int_equal(netlink_link_find(nl_b, "va", &a, NULL), 0);
    assert_int_equal(netlink_link_delete(nl_b, "va", NULL), 0);
    assert_int_equal(netlink_link_find(nl_b, "vb", &b, NULL), -ENODEV);
    assert_int_equal(netlink_link_delete(nl_b, "va", NULL), -ENODEV);
}

static void addresses_and_routes(void **state)
{
    struct ip_addr a4, a6, via4, via6, to;
    struct errbuf e = { 0 };

    ip_prefix_parse(&a4, "10.9.0.1/24", NULL);
    ip_prefix_parse(&a6, "fd09::1/64", NULL);
    ip_parse(&via4, "10.9.0.254", NULL);
    ip_parse(&via6, "fd09::fe", NULL);
    ip_subnet_parse(&to, "10.77.0.0/16", NULL);
    assert_int_equal(netlink_veth_add(nl_a, "r0", "r1", NULL, &e), 0);
    assert_int_equal(netlink_link_up(nl_a, "r0", &e), 0);
    assert_int_equal(netlink_link_up(nl_a, "r1", &e), 0);
    assert_true(netlink_route_add(nl_a, NULL, &via4, NULL, &e) < 0); /* not reachable yet */
    assert_int_equal(netlink_addr_add(nl_a, "r0", &a4, NULL), 0);
    assert_int_equal(netlink_addr_add(nl_a, "r0", &a6, NULL), 0);
    assert_int_equal(netlink_addr_add(nl_a, "r0", &a4, NULL), -EEXIST);
    assert_int_equal(netlink_route_add(nl_a, NULL, &via4, NULL, NULL), 0);
    assert_int_equal(netlink_route_add(nl_a, NULL, &via6, "r0", NULL), 0);
    ip_parse(&via6, "fd09::fd", NULL); /* another router, at the same distance */
    assert_int_equal(netlink_route_add(nl_a, NULL, &via6, "r0", NULL), 0);
    assert_int_equal(netlink_route_add(nl_a, &to, &via4, "r0", NULL), 0);
    assert_int_equal(netlink_route_add(nl_a, &to, &via4, "r0", NULL), -EEXIST);
    assert_int_equal(netlink_addr_delete(nl_a, "r0", &a4, NULL), 0);
    assert_true(netlink_addr_delete(nl_a, "r0", &a4, NULL) < 0);
    assert_int_equal(netlink_link_delete(nl_a, "r0", NULL), 0);
}

struct seen {
    int n_new, n_gone;
};

static void on_changed(void *arg, const struct netlink_link *link, bool is_gone)
{
    struct seen *s = arg;

    if (strcmp(link->name, "w0") != 0)
        return;
    if (is_gone)
        s->n_gone++;
    else
        s->n_new++;
}

static void watching(void **state)
{
    static const struct netlink_watch_events events = { .changed = on_changed };
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct netlink_watch *w;
    struct seen seen = { 0 };

    assert_int_equal(netlink_watch_open(&w, loop, ns_a, &events, &seen, NULL), 0);
    assert_int_equal(netlink_veth_add(nl_a, "w0", "w1", NULL, NULL), 0);
    while (!seen.n_new)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(seen.n_gone, 0);
    assert_int_equal(netlink_link_delete(nl_a, "w0", NULL), 0);
    while (!seen.n_gone)
        ev_run(loop, EVRUN_ONCE);
    netlink_watch_close(w);
    ev_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(namespaces),           cmocka_unit_test(running_inside), cmocka_unit_test(links),
        cmocka_unit_test(addresses_and_routes), cmocka_unit_test(watching),
    };

    if (geteuid() != 0) {
        puts("needs root");
        return 77;
    }
    return cmocka_run_group_tests(tests, make, clear);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_port_mem.c - mem ports, and what port.c refuses whatever the kind. */
#include "datapath/port_mem.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include <cmocka.h>

#include "datapath/eal.h"
#include "datapath/offload.h"
#include "datapath/port.h"

static struct port *open_mem(uint16_t n_queues)
{
    struct port_conf conf = {
        .name = "m1", .type = PORT_MEM, .n_queues = n_queues, .mtu = 1400, .mac = { 2, 3, 4, 5, 6, 7 }
    };
    struct port_handle h;
    struct port *p = NULL;
    struct errbuf e = { "" };

    assert_int_equal(port_acquire(&h, &conf, &e), 0);
    assert_int_equal(port_open(&p, &conf, &h, eal_pool(), &e), 0);
    return p;
}

static int is_readable(int fd)
{
    struct pollfd f = { .fd = fd, .events = POLLIN };

    return poll(&f, 1, 0);
}

static void carries_frames(void **state)
{
    struct port *p = open_mem(2);
    struct rte_mbuf *frames[PORT_BURST];
    struct port_stats st;
    static uint8_t big[9000], got[9000];

    (void)state;
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 7);
    assert_int_equal(p->ops->rx(p, 1, frames, PORT_BURST), 0);
    assert_int_equal(is_readable(p->rx_fd[1]), 0);
    assert_int_equal(port_mem_give(p, 1, big, 60), 0);
    assert_int_equal(port_mem_give(p, 1, big, sizeof big), 0);
    assert_int_equal(is_readable(p->rx_fd[1]), 1);
    assert_int_equal(is_readable(p->rx_fd[0]), 0);
    assert_int_equal(p->ops->rx(p, 0, frames, PORT_BURST), 0);
    assert_int_equal(p->ops->rx(p, 1, frames, PORT_BURST), 2);
    assert_int_equal(is_readable(p->rx_fd[1]), 0);
    assert_int_equal(frames[0]->pkt_len, 60);
    assert_int_equal(frames[1]->pkt_len, sizeof big);
    p->ops->tx(p, 0, frames, 2);
    assert_int_equal(port_mem_take(p, 0, got, sizeof got), 60);
    assert_memory_equal(got, big, 60);
    assert_int_equal(port_mem_take(p, 0, got, 100), sizeof big);
    assert_int_equal(port_mem_take(p, 0, got, sizeof got), 0);
    p->ops->stats(p, &st);
    assert_int_equal(st.rx_packets, 2);
    assert_int_equal(st.rx_bytes, 60 + sizeof big);
    assert_int_equal(st.tx_packets, 2);
    assert_int_equal(st.tx_bytes, 60 + sizeof big);
    assert_int_equal(port_mem_give(p, 0, big, 65536), -EMSGSIZE);
    port_close(p);
    assert_int_equal(rte_mempool_in_use_count(eal_pool()), 0);
}

static void counts_what_it_drops(void **state)
{
    struct port *p = open_mem(1);
    struct rte_mbuf *frames[PORT_BURST];
    struct port_stats st;
    uint8_t byte = 9;
    int n = 0;

    (void)state;
    while (port_mem_give(p, 0, &byte, 1) == 0)
        n++;
    assert_int_equal(n, PORT_MEM_RING - 1);
    assert_int_equal(port_mem_give(p, 0, &byte, 1), -ENOBUFS);
    while (p->ops->rx(p, 0, frames, PORT_BURST) == PORT_BURST)
        p->ops->tx(p, 0, frames, PORT_BURST);
    p->ops->tx(p, 0, frames, 31);
    for (int i = 0; i < PORT_BURST; i++)
        frames[i] = rte_pktmbuf_alloc(eal_pool());
    p->ops->tx(p, 0, frames, PORT_BURST);
    p->ops->stats(p, &st);
    assert_int_equal(st.tx_packets, PORT_MEM_RING - 1);
    assert_int_equal(st.tx_dropped, PORT_BURST);
    port_close(p);
    assert_int_equal(rte_mempool_in_use_count(eal_pool()), 0);
}

static void reports_its_state(void **state)
{
    struct port *p = open_mem(1);
    struct port_status st;
    struct port_stats s;
    struct rte_mbuf *m = rte_pktmbuf_alloc(eal_pool());

    (void)state;
    p->ops->status(p, &st);
    assert_true(st.is_link_up && st.is_admin_up && !st.is_gone);
    assert_int_equal(st.mtu, 1400);
    assert_memory_equal(st.mac, "\2\3\4\5\6\7", 6);
    port_mem_set_link(p, false);
    p->ops->status(p, &st);
    assert_true(!st.is_link_up && st.is_admin_up);
    port_mem_set_link(p, true);
    assert_int_equal(p->ops->set_admin_up(p, false), 0);
    p->ops->tx(p, 0, &m, 1);
    p->ops->status(p, &st);
    assert_true(!st.is_link_up && !st.is_admin_up);
    port_mem_set_gone(p);
    p->ops->status(p, &st);
    assert_true(st.is_gone);
    p->ops->stats(p, &s);
    assert_int_equal(s.tx_dropped, 1);
    port_close(p);
}

static const struct {
    const char *name;
    struct port_conf conf;
    int err;
    const char *text;
} refused[] = {
    { "no name", { .name = "", .type = PORT_MEM }, -EINVAL, "port : a name has 1 to 31 bytes" },
    { "long name",
      { .name = "p23456789012345678901234567890123", .type = PORT_MEM },
      -EINVAL,
      "port p23456789012345678901234567890123: a name has 1 to 31 bytes" },
    { "type", { .name = "p2", .type = (enum port_type)9 }, -EINVAL, "port p2: there is no port type 9" },
    { "queues", { .name = "p3", .type = PORT_MEM, .n_queues = 17 }, -EINVAL, "port p3: queues: 17 is more than 16" },
    { "tap name",
      { .name = "p234567890123456", .type = PORT_TAP },
      -EINVAL,
      "port p234567890123456: an interface's name has 1 to 15 bytes, without '/', ':', '%' and spaces" },
    { "tap address",
      { .name = "p5", .type = PORT_TAP, .addresses = { "10.0.0.300/24" } },
      -EINVAL,
      "port p5: address: \"10.0.0.300/24\" is not an IP address with prefix length" },
    { "tap gateway",
      { .name = "p6", .type = PORT_TAP, .gateway = "fe80::x" },
      -EINVAL,
      "port p6: gateway: \"fe80::x\" is not an IP address" },
    { "tap netns",
      { .name = "p7", .type = PORT_TAP, .netns = "no-such-ns" },
      -ENOENT,
      "port p7: network namespace no-such-ns: No such file or directory" },
    { "netdev",
      { .name = "p8", .type = PORT_NETDEV, .device = "no-such-dev" },
      -ENODEV,
      "port p8: there is no interface no-such-dev" },
    { "netdev name",
      { .name = "p9", .type = PORT_NETDEV, .device = "" },
      -EINVAL,
      "port p9: device: \"\" is not an interface's name" },
    { "xdp",
      { .name = "p10", .type = PORT_NETDEV, .is_xdp = true, .netns = "x" },
      -EOPNOTSUPP,
      "port p10: mode xdp does not reach into a namespace; use mode packet" },
    { "xdp device",
      { .name = "p11", .type = PORT_NETDEV, .is_xdp = true, .device = "no-such-dev" },
      -ENODEV,
      "port p11: there is no interface no-such-dev" },
};

static void refuses_bad_ports(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct port_handle h;
        struct errbuf e = { "" };
        int err = port_acquire(&h, &refused[i].conf, &e);

        if (err != refused[i].err || strcmp(e.text, refused[i].text))
            fail_msg("%s: %d, %s", refused[i].name, err, e.text);
        assert_int_equal(h.n_fds, 0);
        assert_int_equal(h.netns_fd, -1);
    }
}

static void knows_type_names(void **state)
{
    (void)state;
    for (int t = 0; t < PORT_TYPES; t++)
        assert_int_equal(port_type_by_name(port_type_name((enum port_type)t)), t);
    assert_int_equal(port_type_by_name("carrier-pigeon"), -ENOENT);
    port_close(NULL);
}

int main(void)
{
    char dir[] = "/tmp/trama-test-XXXXXX";
    struct errbuf e = { "" };
    int failed;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_frames),    cmocka_unit_test(counts_what_it_drops),
        cmocka_unit_test(reports_its_state), cmocka_unit_test(refuses_bad_ports),
        cmocka_unit_test(knows_type_names),
    };

    if (!mkdtemp(dir) ||
        eal_start(&(struct eal_conf){ .run_dir = dir, .hugepages = EAL_HUGEPAGES_OFF, .n_mbufs = 4096 }, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eal_stop();
    rmdir(dir);
    return failed;
}

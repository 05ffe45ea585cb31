/* SPDX-License-Identifier: Apache-2.0 */
/* test_port_dpdk.c - virtual devices of DPDK as ports, by devargs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include <cmocka.h>

#include "datapath/eal.h"
#include "datapath/offload.h"
#include "datapath/port.h"

static char dir[] = "/tmp/trama-test-XXXXXX";

static int open_dpdk(struct port **p, const char *name, const char *devargs, struct errbuf *e)
{
    struct port_conf conf = { .name = name, .type = PORT_DPDK, .devargs = devargs };
    struct port_handle h;

    memset(e, 0, sizeof *e);
    *p = NULL;
    assert_int_equal(port_acquire(&h, &conf, e), 0);
    return port_open(p, &conf, &h, eal_pool(), e);
}

static struct rte_mbuf *make_frame(uint8_t fill, unsigned len)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(eal_pool());

    assert_non_null(m);
    memset(rte_pktmbuf_append(m, (uint16_t)len), fill, len);
    return m;
}

static void passes_a_ring(void **state)
{
    struct rte_mbuf *frames[PORT_BURST] = { make_frame(3, 70), make_frame(5, 90) };
    struct port_stats st;
    struct port_status status;
    struct errbuf e;
    struct port *p;

    (void)state;
    assert_int_equal(open_dpdk(&p, "loop", "net_ring3", &e), 0);
    p->ops->tx(p, 0, frames, 2);
    assert_int_equal(p->ops->rx(p, 0, frames, PORT_BURST), 2);
    assert_int_equal(frames[0]->pkt_len, 70);
    assert_int_equal(frames[1]->pkt_len, 90);
    p->ops->stats(p, &st);
    assert_int_equal(st.rx_packets, 2);
    assert_int_equal(st.tx_packets, 2);
    p->ops->status(p, &status);
    assert_true(status.is_admin_up && !status.is_gone);
    p->ops->tx(p, 0, frames, 2); /* left behind: close frees them */
    port_close(p);
    assert_int_equal(rte_mempool_in_use_count(eal_pool()), 0);
}

static void opens_again(void **state)
{
    struct errbuf e;
    struct port *p, *twice;

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(open_dpdk(&p, "null", "net_null5", &e), 0);
        port_close(p);
    }
    assert_int_equal(open_dpdk(&p, "null", "net_null5", &e), 0);
    assert_int_equal(open_dpdk(&twice, "nil", "net_null5,size=70", &e), -EEXIST);
    assert_string_equal(e.text, "port nil: device net_null5 is a port already");
    port_close(p);
}

static void refuses_more_than_there_can_be(void **state)
{
    struct port *p[RTE_MAX_ETHPORTS], *more;
    char name[32];
    struct errbuf e;

    (void)state;
    for (int i = 0; i < RTE_MAX_ETHPORTS; i++) {
        snprintf(name, sizeof name, "net_null%d", i);
        assert_int_equal(open_dpdk(&p[i], name, name, &e), 0);
    }
    assert_int_equal(open_dpdk(&more, "more", "net_null77", &e), -ENOSPC);
    assert_string_equal(e.text, "port more: there are 32 dpdk ports already, which is all that DPDK can have");
    for (int i = 0; i < RTE_MAX_ETHPORTS; i++)
        port_close(p[i]);
}

/* A TCP segment of 2000 bytes to be cut by 1000, into a capture file, which is then read back as a port. */
static void writes_and_reads_a_capture(void **state)
{
    struct rte_mbuf *frames[PORT_BURST] = { make_frame(0, 54) };
    uint8_t *ip = rte_pktmbuf_mtod_offset(frames[0], uint8_t *, 14);
    char path[64], devargs[160];
    struct errbuf e;
    struct port *p;

    (void)state;
    snprintf(path, sizeof path, "%s/out.pcap", dir);
    snprintf(devargs, sizeof devargs, "net_pcap6,tx_pcap=%s", path);
    ip[0] = 0x45;
    ip[20 + 12] = 0x50;
    assert_non_null(rte_pktmbuf_append(frames[0], 1900));
    frames[0]->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
    frames[0]->l2_len = 14;
    frames[0]->l3_len = frames[0]->l4_len = 20;
    frames[0]->tso_segsz = 1000;
    assert_int_equal(open_dpdk(&p, "out", devargs, &e), 0);
    p->ops->tx(p, 0, frames, 1);
    port_close(p);
    snprintf(devargs, sizeof devargs, "net_pcap7,rx_pcap=%s", path);
    assert_int_equal(open_dpdk(&p, "in", devargs, &e), 0);
    assert_int_equal(p->ops->rx(p, 0, frames, PORT_BURST), 2);
    assert_int_equal(frames[0]->pkt_len, 1054);
    assert_int_equal(frames[1]->pkt_len, 954);
    rte_pktmbuf_free_bulk(frames, 2);
    port_close(p);
    unlink(path);
    assert_int_equal(rte_mempool_in_use_count(eal_pool()), 0);
}

static const struct {
    const char *devargs, *text;
} refused[] = {
    { NULL, "port bad: a dpdk port needs devargs" },
    { "", "port bad: devargs \"\" does not begin with a device's name" },
    { ",size=3", "port bad: devargs \",size=3\" does not begin with a device's name" },
    { "net_nonsense0", "port bad: devargs \"net_nonsense0\": " },
    { "net_pcap8,rx_pcap=/nowhere/x.pcap", "port bad: devargs \"net_pcap8,rx_pcap=/nowhere/x.pcap\": " },
    { "net_null8,colour=red", "port bad: devargs \"net_null8,colour=red\": " },
};

static void refuses_bad_devargs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct errbuf e;
        struct port *p;

        assert_true(open_dpdk(&p, "bad", refused[i].devargs, &e) < 0);
        assert_null(p);
        if (strncmp(e.text, refused[i].text, strlen(refused[i].text)))
            fail_msg("%s: %s", refused[i].devargs, e.text);
    }
}

int main(void)
{
    struct errbuf e = { "" };
    int failed;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_a_ring),
        cmocka_unit_test(opens_again),
        cmocka_unit_test(refuses_more_than_there_can_be),
        cmocka_unit_test(writes_and_reads_a_capture),
        cmocka_unit_test(refuses_bad_devargs),
    };

    if (!mkdtemp(dir) ||
        eal_start(&(struct eal_conf){ .run_dir = dir, .hugepages = EAL_HUGEPAGES_OFF, .n_mbufs = 65536 }, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eal_stop();
    rmdir(dir);
    return failed;
}

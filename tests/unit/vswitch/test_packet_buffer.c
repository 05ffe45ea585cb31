/* SPDX-License-Identifier: Apache-2.0 */
/* test_packet_buffer.c - vswitch/packet_buffer.h: ids, bounds, and frames that are dropped in time. */
#include "vswitch/packet_buffer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include <rte_mbuf.h>

#include "base/clock.h"
#include "datapath/eal.h"
#include "openflow/ofp.h"

enum { POOL = 4096, PORT = 77 };

static struct clock now;
static struct packet_buffers *buffers;

static int begin(void **state)
{
    return packet_buffers_new(&buffers, &now);
}

/* Nothing of the pool may be held by then. */
static int end(void **state)
{
    packet_buffers_free(buffers);
    return rte_mempool_in_use_count(eal_pool()) != 0;
}

/* Its only reference is in the buffer then, if it has one. */
static uint32_t put(void)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(eal_pool());
    uint32_t id;

    assert_non_null(m);
    id = packet_buffers_put(buffers, m, PORT);
    assert_int_equal(rte_mbuf_refcnt_read(m), id == OFP_NO_BUFFER ? 1 : 2);
    rte_pktmbuf_free(m);
    return id;
}

static int take(uint32_t id)
{
    struct rte_mbuf *m = NULL;
    uint32_t in_port = 0;
    int err = packet_buffers_take(buffers, id, &m, &in_port);

    if (!err) {
        assert_int_equal(in_port, PORT);
        assert_int_equal(rte_mbuf_refcnt_read(m), 1);
    }
    rte_pktmbuf_free(m);
    return err;
}

static void once(void **state)
{
    uint32_t id = put(), other = put();

    assert_int_not_equal(id, other);
    assert_int_equal(packet_buffers_check(buffers, id), 0);
    assert_int_equal(take(id), 0);
    assert_int_equal(take(id), -EALREADY);
    assert_int_equal(packet_buffers_check(buffers, id), -EALREADY);
    assert_int_equal(take(other), 0);
    assert_int_equal(take(OFP_NO_BUFFER), -ENOENT);
    for (uint32_t i = 0; i < PACKET_BUFFERS; i++)
        assert_int_equal(take(i), -ENOENT);
    assert_null(packet_buffers_find(buffers, id));
}

static void bounded(void **state)
{
    uint32_t ids[PACKET_BUFFERS];

    for (int i = 0; i < PACKET_BUFFERS; i++) {
        ids[i] = put();
        assert_int_not_equal(ids[i], OFP_NO_BUFFER);
    }
    assert_int_equal(put(), OFP_NO_BUFFER);
    assert_int_equal(take(ids[9]), 0);

    uint32_t next = put(); /* in the same place */

    assert_int_equal(next % PACKET_BUFFERS, ids[9] % PACKET_BUFFERS);
    assert_int_equal(take(ids[9]), -ENOENT);
    assert_int_equal(take(next), 0);
}

static void half_of_the_pool(void **state)
{
    struct rte_mbuf *taken[POOL / 2 + 1];

    for (int i = 0; i < POOL / 2 + 1; i++)
        assert_non_null(taken[i] = rte_pktmbuf_alloc(eal_pool()));
    assert_int_equal(put(), OFP_NO_BUFFER);
    for (int i = 0; i < POOL / 2 + 1; i++)
        rte_pktmbuf_free(taken[i]);
    assert_int_not_equal(put(), OFP_NO_BUFFER);
}

static void time_passes(void **state)
{
    uint64_t second = NSEC_PER_S, next;
    uint32_t early, late;

    assert_int_equal(packet_buffers_next_ns(buffers), UINT64_MAX);
    early = put();
    next = packet_buffers_next_ns(buffers);
    assert_int_equal(next, clock_now(&now) + PACKET_BUFFER_S * second);
    clock_warp(&now, second);
    late = put();
    assert_int_equal(packet_buffers_next_ns(buffers), next);
    clock_warp(&now, (PACKET_BUFFER_S - 1) * second - 1);
    assert_int_equal(packet_buffers_check(buffers, early), 0);
    clock_warp(&now, 1);
    assert_int_equal(take(early), -ENOENT);
    assert_int_equal(rte_mempool_in_use_count(eal_pool()), 1);
    clock_warp(&now, second);
    packet_buffers_run(buffers);
    assert_int_equal(rte_mempool_in_use_count(eal_pool()), 0);
    assert_int_equal(packet_buffers_check(buffers, late), -ENOENT);
}

int main(void)
{
    static char dir[] = "/tmp/trama-test-XXXXXX";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(once, begin, end),
        cmocka_unit_test_setup_teardown(bounded, begin, end),
        cmocka_unit_test_setup_teardown(half_of_the_pool, begin, end),
        cmocka_unit_test_setup_teardown(time_passes, begin, end),
    };
    struct errbuf e = { { 0 } };
    int failed;

    clock_stop(&now);
    if (!mkdtemp(dir) ||
        eal_start(&(struct eal_conf){ .run_dir = dir, .hugepages = EAL_HUGEPAGES_OFF, .n_mbufs = POOL }, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eal_stop();
    rmdir(dir);
    return failed;
}

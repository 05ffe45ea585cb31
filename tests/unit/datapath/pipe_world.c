/* SPDX-License-Identifier: Apache-2.0 */
/* pipe_world.c - see pipe_world.h. */
#include "pipe_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "datapath/eal.h"
#include "datapath/port_mem.h"

const uint32_t pipe_number[PIPE_PORTS] = { 11, 7, 300, 42, 5 };

static char dir[] = "/tmp/trama-test-XXXXXX";

int pipe_start(void)
{
    struct errbuf e = { { 0 } };

    if (!mkdtemp(dir))
        return 1;
    if (!eal_start(&(struct eal_conf){ .run_dir = dir, .hugepages = EAL_HUGEPAGES_OFF, .n_mbufs = 8192 }, &e))
        return 0;
    fprintf(stderr, "%s\n", e.text);
    return 1;
}

void pipe_stop(void)
{
    eal_stop();
    rmdir(dir);
}

static void open_world(struct pipe_world *w, unsigned n_workers, uint32_t conns_max)
{
    struct datapath_conf conf = { .n_workers = n_workers,
                                  .cpu = { -1, -1 },
                                  .is_manual = n_workers == 1,
                                  .conns_max = conns_max,
                                  .pool = eal_pool(),
                                  .clock = &w->clock };
    struct errbuf e = { { 0 } };

    memset(w, 0, sizeof *w);
    clock_stop(&w->clock);
    assert_int_equal(datapath_open(&w->dp, &conf, &e), 0);
    assert_int_equal(bridge_open(&w->b, w->dp, &e), 0);
    for (int i = 0; i < PIPE_PORTS; i++) {
        char name[16];
        struct port_conf pc = { .name = name, .type = PORT_MEM };
        struct port_handle h;

        snprintf(name, sizeof name, "p%d", i);
        assert_int_equal(port_acquire(&h, &pc, &e), 0);
        assert_int_equal(port_open(&w->port[i], &pc, &h, eal_pool(), &e), 0);
        assert_int_equal(datapath_port_add(w->b, w->port[i], pipe_number[i], NULL, &w->index[i], &e), 0);
    }
}

void pipe_open(struct pipe_world *w)
{
    open_world(w, 1, 0);
}

void pipe_open_conns(struct pipe_world *w, uint32_t conns_max)
{
    open_world(w, 1, conns_max);
}

void pipe_open_threads(struct pipe_world *w, uint32_t conns_max)
{
    open_world(w, 2, conns_max);
}

void pipe_close(struct pipe_world *w)
{
    datapath_commit(w->dp);
    for (int i = 0; i < PIPE_PORTS; i++) {
        datapath_port_remove(w->dp, w->index[i]);
        port_close(w->port[i]);
    }
    bridge_close(w->b);
    datapath_close(w->dp);
}

void pipe_udp(uint8_t *f, uint64_t src, uint32_t ip_src, uint16_t port_src)
{
    static const uint8_t header[] = { 0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0 };

    memset(f, 0, PIPE_FRAME);
    be16_store(f, (uint16_t)(PIPE_DST >> 32));
    be32_store(f + 2, (uint32_t)PIPE_DST);
    be16_store(f + 6, (uint16_t)(src >> 32));
    be32_store(f + 8, (uint32_t)src);
    memcpy(f + 12, header, sizeof header);
    be32_store(f + 26, ip_src);
    be32_store(f + 30, 0x0a000002);
    be16_store(f + 34, port_src);
    be16_store(f + 36, 2222);
    be16_store(f + 38, 26);
}

void pipe_give(struct pipe_world *w, int port, const uint8_t *f)
{
    assert_int_equal(port_mem_give(w->port[port], 0, f, PIPE_FRAME), 0);
    datapath_poll(w->dp, 0);
    datapath_poll(w->dp, 0);
}

int pipe_take(struct pipe_world *w, int port)
{
    uint8_t f[2048];

    return port_mem_take(w->port[port], 0, f, sizeof f) ? f[5] : -1;
}

unsigned pipe_sent(struct pipe_world *w)
{
    unsigned ports = 0;

    for (int i = 0; i < PIPE_PORTS; i++)
        if (pipe_take(w, i) >= 0)
            ports |= 1u << i;
    return ports;
}

uint64_t pipe_dropped(const struct pipe_world *w, enum drop why)
{
    uint64_t drops[DROP_N];

    datapath_drops(w->dp, drops);
    return drops[why];
}

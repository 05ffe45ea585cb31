/* SPDX-License-Identifier: Apache-2.0 */
/* generate.c - traffic that no capture played again can give, over net_memif to a switch on another core.
 *   generate SOCKET flows N SECONDS         N flows, in turn
 *   generate SOCKET new 1 SECONDS           every frame is of a flow that was never seen before
 *   generate SOCKET connections N SECONDS   connections of N frames, a thousand at a time, each flow new
 *   generate SOCKET flood 1 SECONDS         TCP SYNs from addresses and ports without end to one service
 *   generate SOCKET answered N SECONDS      a datagram of each of N hosts' connections and its answer, in turn, the answer as it
 *                                           is addressed when a translation to 192.0.2.1 keeps the host's port
 *   generate SOCKET begun 1 SECONDS         the first datagram of such connections, without end
 *   generate SOCKET handshakes 6 SECONDS    likewise new TCP connections, a thousand at a time: each is opened and closed by
 *                                           six segments, of both sides
 *   generate SOCKET play FILE PER_S         what a capture holds, once, every frame of it, at that rate; and waits
 *                                           to be ended: what the peer has not taken by then is lost
 * The peer is the server on the socket.  Frames of 60 bytes, sent as fast as it takes them, or PER_S a second if that is given
 * after SECONDS; prints one JSON object: how many were sent, how often the peer had no room for one, in how many seconds. */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_dev.h>

#include "base/bytes.h"

enum { FRAME = 60, BURST = 64, AT_ONCE = 1000, POOL = 8191, RING_LOG2 = 11, LINK_SECONDS = 20 };

enum kind {
    KIND_FLOWS,
    KIND_NEW,
    KIND_CONNECTIONS,
    KIND_FLOOD,
    KIND_ANSWERED,
    KIND_BEGUN,
    KIND_HANDSHAKES,
    KIND_PLAY,
    KINDS
};
static const char *const kind_name[KINDS] = { "flows",    "new",   "connections", "flood",
                                              "answered", "begun", "handshakes",  "play" };

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "generate: %s\n", what);
    exit(1);
}

/* Which flow the `i`-th frame is of; numbers of new flows do not come again within 2^40. */
static uint64_t flow_of(enum kind kind, uint64_t i, uint64_t n)
{
    switch (kind) {
    case KIND_FLOWS:
        return i % n;
    case KIND_ANSWERED:
        return i / 2 % n;
    case KIND_CONNECTIONS:
    case KIND_HANDSHAKES:
        return i / (AT_ONCE * n) * AT_ONCE + i % AT_ONCE;
    case KIND_NEW:
    case KIND_FLOOD:
    case KIND_BEGUN:
    case KIND_PLAY:
    case KINDS:
        break;
    }
    return i;
}

static uint16_t sum_of(const uint8_t *p, int n, uint32_t sum)
{
    for (int i = 0; i < n; i += 2)
        sum += be16_load(p + i);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

static const uint8_t udp_head[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17 };

/* Source address and port are the flow's own; it goes to one of 1000 addresses, those of the other benchmarks. */
static void write_frame(uint8_t *f, enum kind kind, uint64_t flow)
{
    uint32_t to = (uint32_t)(flow % 1000), dst = 10u << 24 | to % 16 << 16 | (to >> 8) << 8 | (to & 255);
    uint32_t scrambled = (uint32_t)flow * 0x9e3779b1; /* odd: each number comes once */

    memset(f, 0, FRAME);
    memcpy(f, udp_head, sizeof udp_head);
    f[23] = kind == KIND_FLOOD ? 6 : 17;
    be32_store(f + 26, 11u << 24 | scrambled >> 8);
    be32_store(f + 30, kind == KIND_FLOOD ? 10u << 24 | 9 : dst);
    be16_store(f + 24, sum_of(f + 14, 20, 0));
    be16_store(f + 34, (uint16_t)(1024 + (scrambled & 255) + (flow >> 32 << 8)));
    be16_store(f + 36, kind == KIND_FLOOD ? 80 : 2048);
    if (kind == KIND_FLOOD) {
        f[46] = 0x50; /* 20 bytes of header */
        f[47] = 0x02; /* SYN */
        be16_store(f + 48, 0xffff);
        be16_store(f + 50, sum_of(f + 26, 8 + 26, 6 + 26));
    } else {
        be16_store(f + 38, 26);
    }
}

/* The n-th segment of a connection's six. */
static void write_segment(uint8_t *f, unsigned n, uint32_t first)
{
    static const struct {
        uint8_t flags, seq, ack; /* beyond the first number of its side, and of the other */
    } segment[] = { { 2, 0, 0 }, { 0x12, 0, 1 }, { 0x10, 1, 1 }, { 0x11, 1, 1 }, { 0x11, 1, 2 }, { 0x10, 2, 2 } };

    f[17] = 40; /* no payload */
    f[23] = 6;
    be32_store(f + 38, first + segment[n].seq);
    be32_store(f + 42, segment[n].flags & 0x10 ? first + segment[n].ack : 0);
    be16_store(f + 46, (uint16_t)(0x5000 | segment[n].flags));
    be16_store(f + 48, 0xffff);
    be16_store(f + 50, sum_of(f + 26, 28, 6 + 20));
}

/* A frame of a host's connection, or of what answers it.  Its port and the remote address belong to no other of 16 million. */
static void write_conversation(uint8_t *f, enum kind kind, uint64_t flow, unsigned n)
{
    static const bool is_answer[] = { false, true, false, false, true, false };
    uint32_t host = 11u << 24 | (uint32_t)(flow & 0xffffff),
             remote = 10u << 24 | 7u << 16 | (uint32_t)(flow / 60000 & 0xffff);
    uint16_t port = (uint16_t)(2000 + flow % 60000);

    memset(f, 0, FRAME);
    memcpy(f, udp_head, sizeof udp_head);
    be32_store(f + 26, is_answer[n] ? remote : host);
    be32_store(f + 30, is_answer[n] ? 192u << 24 | 2u << 8 | 1 : remote);
    be16_store(f + 34, is_answer[n] ? 2048 : port);
    be16_store(f + 36, is_answer[n] ? port : 2048);
    if (kind == KIND_HANDSHAKES)
        write_segment(f, n, (uint32_t)flow);
    else
        be16_store(f + 38, 26);
    be16_store(f + 24, sum_of(f + 14, 20, 0));
}

static uint16_t open_port(const char *socket, struct rte_mempool *pool)
{
    struct rte_eth_conf conf = { 0 };
    char args[256];
    uint16_t port;

    snprintf(args, sizeof args, "net_memif0,role=client,socket=%s,socket-abstract=no,rsize=%d", socket, RING_LOG2);
    if (rte_dev_probe(args) || rte_eth_dev_get_port_by_name("net_memif0", &port))
        fail("no net_memif device");
    if (rte_eth_dev_configure(port, 1, 1, &conf) || rte_eth_rx_queue_setup(port, 0, 1 << RING_LOG2, 0, NULL, pool) ||
        rte_eth_tx_queue_setup(port, 0, 1 << RING_LOG2, 0, NULL) || rte_eth_dev_start(port))
        fail("the device does not start");
    return port;
}

static void wait_for_peer(uint16_t port)
{
    struct rte_eth_link link = { 0 };
    double end = now_s() + LINK_SECONDS;
    struct timespec pause = { .tv_nsec = 1000000 };

    while (rte_eth_link_get_nowait(port, &link) || link.link_status != RTE_ETH_LINK_UP) {
        if (now_s() > end)
            fail("nobody serves the socket");
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
}

/* Sends the frame once; waits until the peer has room. */
static void send_one(uint16_t port, struct rte_mbuf *m)
{
    while (!rte_eth_tx_burst(port, 0, &m, 1))
        rte_pause();
}

/* Frames of a capture of this machine's byte order, up to FRAME bytes each. */
static uint64_t play(uint16_t port, struct rte_mempool *pool, const char *path, double per_s)
{
    struct {
        uint32_t s, us, length, whole;
    } head;
    uint8_t skipped[24];
    FILE *f = fopen(path, "rb");
    double start = now_s();
    uint64_t sent = 0;

    if (!f || fread(skipped, sizeof skipped, 1, f) != 1)
        fail("the capture cannot be read");
    while (fread(&head, sizeof head, 1, f) == 1) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

        if (!m || head.length > FRAME || fread(rte_pktmbuf_mtod(m, uint8_t *), head.length, 1, f) != 1)
            fail("the capture holds a frame that is too long, or cut off");
        m->pkt_len = m->data_len = (uint16_t)head.length;
        while ((now_s() - start) * per_s < (double)sent)
            rte_pause();
        send_one(port, m);
        sent++;
    }
    fclose(f);
    return sent;
}

static void fill(uint8_t *f, enum kind kind, uint64_t i, uint64_t n)
{
    uint64_t flow = flow_of(kind, i, n);

    if (kind == KIND_ANSWERED || kind == KIND_BEGUN)
        write_conversation(f, kind, flow, kind == KIND_ANSWERED && i % 2);
    else if (kind == KIND_HANDSHAKES)
        write_conversation(f, kind, flow, (unsigned)(i / AT_ONCE % 6));
    else
        write_frame(f, kind, flow);
}

/* `per_s` 0: as many as the peer takes. */
static uint64_t make(uint16_t port, struct rte_mempool *pool, enum kind kind, uint64_t n, double seconds, double per_s,
                     uint64_t *refused)
{
    static const struct timespec pause = { .tv_nsec = 20000 }; /* another generator may share the CPU */
    struct rte_mbuf *frames[BURST];
    double end = now_s() + seconds, start = now_s(), now;
    uint64_t sent = 0;

    while ((now = now_s()) < end) {
        uint16_t took;

        if (per_s > 0 &&
            (now - start) * per_s > (double)(sent + 8 * BURST)) /* it lost its CPU: that is not made up for */
            start = now - (double)(sent + BURST) / per_s;
        if (per_s > 0 && (now - start) * per_s < (double)(sent + BURST)) {
            clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
            continue;
        }
        if (rte_pktmbuf_alloc_bulk(pool, frames, BURST))
            fail("no frames");
        for (unsigned i = 0; i < BURST; i++) {
            frames[i]->pkt_len = frames[i]->data_len = FRAME;
            fill(rte_pktmbuf_mtod(frames[i], uint8_t *), kind, sent + i, n);
        }
        took = rte_eth_tx_burst(port, 0, frames, BURST);
        rte_pktmbuf_free_bulk(frames + took, BURST - took);
        sent += took;
        *refused += BURST - took;
    }
    return sent;
}

int main(int argc, char **argv)
{
    char lcores[32];
    char *eal[] = { argv[0],    "--no-huge",      "--no-shconf",         "-m",  "128",
                    "--no-pci", "--no-telemetry", "--log-level=*:error", lcores };
    struct rte_mempool *pool;
    unsigned kind = 0;
    uint64_t sent = 0, refused = 0, n;
    double start;
    uint16_t port;

    while (argc >= 5 && kind < KINDS && strcmp(argv[2], kind_name[kind]))
        kind++;
    n = argc >= 5 ? strtoull(argv[3], NULL, 10) : 0;
    if (kind == KIND_HANDSHAKES)
        n = 6;
    if (argc < 5 || argc > 6 || (argc == 6 && kind == KIND_PLAY) || kind == KINDS || (!n && kind != KIND_PLAY)) {
        fprintf(stderr,
                "usage: generate SOCKET flows|new|connections|flood|answered|begun|handshakes N SECONDS [PER_S], "
                "or SOCKET play FILE PER_S\n");
        return 2;
    }
    snprintf(lcores, sizeof lcores, "--lcores=0@%d", sched_getcpu());
    if (rte_eal_init(sizeof eal / sizeof *eal, eal) < 0)
        fail("EAL does not start");
    pool = rte_pktmbuf_pool_create("frames", POOL, 256, 0, 512, SOCKET_ID_ANY);
    if (!pool)
        fail("no memory for frames");
    port = open_port(argv[1], pool);
    wait_for_peer(port);
    start = now_s();
    sent = kind == KIND_PLAY ? play(port, pool, argv[3], strtod(argv[4], NULL))
                             : make(port, pool, (enum kind)kind, n, strtod(argv[4], NULL),
                                    argc > 5 ? strtod(argv[5], NULL) : 0, &refused);
    printf("{\"sent\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"seconds\": %.3f}\n", sent, refused, now_s() - start);
    fflush(stdout);
    if (kind == KIND_PLAY)
        pause();
    rte_eth_dev_stop(port);
    rte_eal_cleanup();
    return 0;
}

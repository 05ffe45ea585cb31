/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_fragment.c - any frames as fragments: what they are put together to is a sound packet, and cut and put together again
 * it is the same, to the byte; no mbuf is lost.
 * Input: any number of frames, each behind its length (2 bytes, big-endian) and a byte that places a seam and the MTU.
 * Seeds: make_fragment_corpus.py. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/bytes.h"
#include "datapath/eal.h"
#include "datapath/fragment.h"
#include "datapath/pkt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WHOLE_MAX = 66000, FRAMES = 512, SEED = 5 };

static struct fragment parts[FRAGMENTS_MAX]; /* one thread */

static void stop(void)
{
    eal_stop();
}

static void start(void)
{
    static char dir[] = "/tmp/trama-fuzz-XXXXXX";
    struct errbuf e = { { 0 } };
    struct eal_conf conf = { .run_dir = dir, .hugepages = EAL_HUGEPAGES_OFF, .n_mbufs = 4096 };

    if (!mkdtemp(dir) || eal_start(&conf, &e) || fragment_init()) {
        fprintf(stderr, "%s\n", e.text);
        abort();
    }
    rmdir(dir);
    atexit(stop);
}

static void lose(void *arg, struct rte_mbuf *m, enum drop why)
{
    (void)arg, (void)why;
    rte_pktmbuf_free(m);
}

static struct fragment_table *table(void)
{
    struct fragment_table_conf conf = { .datagrams = 4, .mbufs = FRAMES, .timeout_ns = 100, .lose = lose };
    struct fragment_table *t;

    if (fragment_table_new(&t, &conf))
        abort();
    return t;
}

/* Takes a frame; gives the whole datagram when this was the last of it. */
static struct rte_mbuf *add(struct fragment_table *t, struct rte_mbuf *m, uint64_t now_ns)
{
    struct pkt p, scratch;
    struct fragment_key key;
    struct fragment f;
    enum drop why;
    unsigned n;

    pkt_init(&p, m, 1);
    pkt_parse(&p, 1u << LAYER_L3);
    if (!p.is_fragment || !fragment_read(&p, 3, &key, &f)) {
        rte_pktmbuf_free(m);
        return NULL;
    }
    n = fragment_table_add(t, &key, fragment_hash(&key, SEED), &f, now_ns, parts);
    return n ? fragment_join(parts, n, &scratch, &why) : NULL;
}

static struct rte_mbuf *frame(const uint8_t *b, uint32_t n, uint32_t seam)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(eal_pool()), *rest = rte_pktmbuf_alloc(eal_pool());

    if (!m || !rest)
        abort();
    seam = RTE_MIN(seam, n);
    memcpy(rte_pktmbuf_append(m, (uint16_t)seam), b, seam);
    memcpy(rte_pktmbuf_append(rest, (uint16_t)(n - seam)), b + seam, n - seam);
    if (rte_pktmbuf_chain(m, rest))
        abort();
    return m;
}

static void bytes_of(const struct rte_mbuf *m, uint8_t *out)
{
    const uint8_t *p = rte_pktmbuf_read(m, 0, m->pkt_len, out);

    if (m->pkt_len > WHOLE_MAX)
        abort();
    if (p != out)
        memcpy(out, p, m->pkt_len);
}

/* Cuts the frame, and puts it together again. */
static void there_and_back(struct rte_mbuf *m, uint16_t mtu)
{
    static uint8_t was[WHOLE_MAX], is[WHOLE_MAX];
    struct rte_mbuf *again = NULL, *piece;
    struct fragment_table *t = table();
    struct fragment_cut c;
    struct pkt scratch;

    bytes_of(m, was);
    if (fragment_fit(&c, m, mtu, &scratch) == FRAGMENT_CUT && c.size / c.step < FRAGMENTS_MAX) {
        for (uint32_t at = 0; at < c.size; at += c.step) {
            piece = fragment_piece(&c, at, eal_pool());
            if (!piece || again)
                abort();
            again = add(t, piece, 0);
        }
        if (!again || again->pkt_len != m->pkt_len)
            abort();
        bytes_of(again, is);
        if (memcmp(was, is, m->pkt_len) != 0)
            abort();
        rte_pktmbuf_free(again);
    }
    fragment_table_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd r = rd_init(data, size);
    struct fragment_table *t;
    unsigned before;

    if (!eal_pool())
        start();
    before = rte_mempool_in_use_count(eal_pool());
    t = table();
    for (unsigned i = 0; r.left > 3 && i < FRAMES; i++) {
        uint32_t n = rd_u16(&r) % 1600;
        uint8_t at = rd_u8(&r);
        struct rte_mbuf *m;

        n = (uint32_t)RTE_MIN(n, r.left);
        m = add(t, frame(rd_bytes(&r, n), n, at), i);
        if (m)
            there_and_back(m, (uint16_t)(68 + at * 8));
        rte_pktmbuf_free(m);
    }
    fragment_table_free(t);
    if (rte_mempool_in_use_count(eal_pool()) != before)
        abort();
    return 0;
}

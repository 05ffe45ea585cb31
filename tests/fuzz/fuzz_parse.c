/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_parse.c - any bytes as a frame: the parser reads only what is there, gives the same key however the frame is cut
 * into segments, and every change leaves frame and key in agreement.
 * Input: byte 0 places the seam, byte 1 says how many following bytes are changes to make (four bytes each); then the frame.
 * Seeds: make_frame_corpus.c. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "datapath/key_edit.h"
#include "tests/unit/datapath/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void agree(const struct pkt *a, const struct pkt *b, const char *when)
{
    const char *what = pkt_differs(a, b);

    if (what) {
        fprintf(stderr, "%s: %s differs\n", when, what);
        abort();
    }
}

static void change(struct pkt *p, const uint8_t *c)
{
    static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8847, 0x8848, 0x8100, 0x88a8, 0x88e7, 0x9100, 0x05ff };
    uint16_t type = types[c[1] % (sizeof types / sizeof *types)];
    struct value v = { .hi = c[2] * UINT64_C(0x0102030405060708), .lo = c[2] * UINT64_C(0x1122334455667788) + c[3] };

    switch (c[0] % 15) {
    case 0:
        (void)pkt_push_vlan(p, type);
        return;
    case 1:
        (void)pkt_pop_vlan(p);
        return;
    case 2:
        (void)pkt_push_mpls(p, type);
        return;
    case 3:
        (void)pkt_pop_mpls(p, type);
        return;
    case 4:
        (void)pkt_push_pbb(p, type);
        return;
    case 5:
        (void)pkt_pop_pbb(p);
        return;
    case 6:
        (void)pkt_set_mpls_ttl(p, c[2]);
        return;
    case 7:
        (void)pkt_set_ip_ttl(p, c[2]);
        return;
    case 8:
        (void)pkt_dec_mpls_ttl(p);
        return;
    case 9:
        (void)pkt_dec_ip_ttl(p);
        return;
    case 10:
        (void)pkt_copy_ttl_out(p);
        return;
    case 11:
        (void)pkt_copy_ttl_in(p);
        return;
    case 12:
        (void)pkt_clamp_mss(p, be16_load(c + 2));
        return;
    default:
        (void)pkt_set_field(p, (enum field_id)(c[1] % FIELD_N), v, field_ones((enum field_id)(c[1] % FIELD_N)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame_mbuf whole_mbuf, split_mbuf;
    struct pkt whole, split;
    size_t n_changes;

    if (size < 2)
        return 0;
    n_changes = RTE_MIN((size_t)data[1] % 16, (size - 2) / 4);
    const uint8_t *changes = data + 2, *frame = changes + 4 * n_changes;
    unsigned n = (unsigned)RTE_MIN(size - 2 - 4 * n_changes, (size_t)4096);

    pkt_init(&whole, frame_mbuf_init(&whole_mbuf, frame, n, n), 1);
    pkt_init(&split, frame_mbuf_init(&split_mbuf, frame, n, data[0]), 1);
    pkt_parse(&whole, PKT_LAYERS_ALL);
    pkt_parse(&split, PKT_LAYERS_ALL);
    agree(&whole, &split, "whole and split frame");
    for (size_t i = 0; i < n_changes; i++) {
        struct pkt again;

        change(&whole, changes + 4 * i);
        pkt_parse(&whole, PKT_LAYERS_ALL);
        pkt_init(&again, whole.m, 1);
        pkt_parse(&again, PKT_LAYERS_ALL);
        agree(&whole, &again, "maintained and parsed key");
    }
    frame_mbuf_fini(&whole_mbuf);
    frame_mbuf_fini(&split_mbuf);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_quick.c - plain frames: their keys are those of the parser, and a quick program changes them as the slow way does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>

#include <cmocka.h>

#include "datapath/quick.h"
#include "tests/unit/datapath/check.h"
#include "tests/unit/datapath/frames.h"

enum { IN_PORT = 300, MAX_OPS = 12 };

static struct burst f;

static uint64_t random_state = 88172645463325252u;

static uint64_t random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 2685821657736338717u;
}

/* Puts the first `n` bytes of a frame of that form into the burst. */
static void put(struct frame_mbuf *fm, const struct frame *frame, unsigned n)
{
    f.m[f.n++] = frame_mbuf_init(fm, frame->b, n, n);
}

/* Every word of every layer of frames, under a random mask. */
static struct entry_mask random_mask(void)
{
    struct entry_mask m = { .n = 1, .n_meta = 1 };

    m.mask[0] = UINT64_MAX;
    for (unsigned i = field_place[FIELD_TUNNEL_ID].word; i < KEY_WORDS; i++) {
        m.word[m.n] = (uint8_t)i;
        m.mask[m.n++] = random_u64() | random_u64();
    }
    if (random_u64() % 4 == 0) /* nothing but the type */
        m.mask[field_place[FIELD_ETH_TYPE].word - field_place[FIELD_TUNNEL_ID].word + 1u] = 0xffff;
    plain_choose(&m);
    return m;
}

/* All forms, each whole and cut after every byte, several to a burst. */
static void keys_are_the_parsers(void **state)
{
    static struct frame_mbuf fm[PORT_BURST];
    unsigned n_plain = 0;

    for (int form = 0; form < FRAME_FORMS; form++) {
        struct frame frame;

        frame_build(&frame, &frame_forms[form], FRAME_DONE);
        for (unsigned from = 0; from < frame.n; from += PORT_BURST) {
            struct entry_mask m = random_mask();

            f = (struct burst){ .in_port = IN_PORT };
            for (unsigned k = 0; k < PORT_BURST && from + k < frame.n; k++)
                put(&fm[k], &frame, frame.n - from - k);
            n_plain += f.n - plain_look_over(&f);
            plain_keys(&f, &m, 0);
            for (unsigned k = 0; k < f.n; k++) {
                struct key key = { 0 };
                struct pkt p;

                plain_whole_keys(&f, &m, &(uint8_t){ (uint8_t)k }, 1, &key);
                pkt_init(&p, f.m[k], IN_PORT);
                pkt_parse(&p, PKT_LAYERS_ALL);
                CHECK(!f.l3_ofs[k] || (f.l3_ofs[k] == p.l3_ofs && p.l4_ofs == p.l3_ofs + 20 && !p.is_fragment),
                      "%s: at %u", frame_forms[form].name, (unsigned)f.l3_ofs[k]);
                for (unsigned j = 1; f.l3_ofs[k] && j < m.n; j++)
                    CHECK(key.w[m.word[j]] == (p.key.w[m.word[j]] & m.mask[j]), "%s: word %u is another",
                          frame_forms[form].name, (unsigned)m.word[j]);
                frame_mbuf_fini(&fm[k]);
            }
        }
    }
    assert_true(n_plain > 8); /* most cuts leave less than the IP header says */
}

static const enum field_id settable[] = { FIELD_ETH_DST, FIELD_ETH_SRC,  FIELD_VLAN_VID, FIELD_VLAN_PCP, FIELD_IP_DSCP,
                                          FIELD_IP_ECN,  FIELD_IPV4_SRC, FIELD_IPV4_DST, FIELD_TCP_SRC,  FIELD_TCP_DST,
                                          FIELD_UDP_SRC, FIELD_UDP_DST,  FIELD_METADATA, FIELD_REG5 };

/* A program of random operations that plain frames know.  `can_set_ttl`: then it may not be decremented. */
static void random_program(struct program_buf *out, bool can_set_ttl)
{
    unsigned n = 1 + (unsigned)(random_u64() % MAX_OPS);

    program_reset(out);
    for (unsigned i = 0; i < n; i++) {
        enum field_id id = settable[random_u64() % (sizeof settable / sizeof *settable)];
        uint64_t *p, ones = field_ones(id).lo;

        switch (random_u64() % 8) {
        case 0:
            program_add(out, OP_PUSH_VLAN, 0, random_u64() % 2 ? 0x8100 : 0x88a8);
            break;
        case 1:
            program_add(out, OP_POP_VLAN, 0, 0);
            break;
        case 2:
            if (can_set_ttl)
                program_add(out, OP_SET_IP_TTL, 0, random_u64() & 0xff);
            else
                memset(program_add(out, OP_DEC_IP_TTL, 5, 0), 0, 40);
            break;
        default:
            p = program_add(out, OP_SET_FIELD, 2, (uint64_t)id);
            p[0] = random_u64() & ones;
            if (random_u64() % 8 == 0) /* checksums of zero, and what makes them */
                p[0] = random_u64() % 2 ? 0 : ones;
            p[1] = ones;
        }
    }
    program_add(out, OP_OUTPUT, 0, 77);
    program_add(out, OP_END, 0, 0);
}

/* As exec.c does it, but for where the frame goes; false: it must not be quick. */
static bool run_slowly(struct pkt *p, const uint64_t *at)
{
    for (; op_code(*at) != OP_OUTPUT; at += 1 + op_payload(*at)) {
        int err = 0;

        switch ((int)op_code(*at)) {
        case OP_SET_FIELD:
            err = pkt_set_field(p, (enum field_id)op_arg(*at), value_of(at[1]), value_of(at[2]));
            break;
        case OP_PUSH_VLAN:
            err = pkt_push_vlan(p, (uint16_t)op_arg(*at));
            break;
        case OP_POP_VLAN:
            err = pkt_pop_vlan(p);
            break;
        case OP_SET_IP_TTL:
            err = pkt_set_ip_ttl(p, (uint8_t)op_arg(*at));
            break;
        case OP_DEC_IP_TTL:
            err = pkt_dec_ip_ttl(p);
            break;
        }
        if (err && err != -ENOENT)
            return false;
    }
    return true;
}

static void check_same(const struct frame_form *form, const struct frame *frame, struct program *prog)
{
    static struct frame_mbuf fm[2];
    uint8_t which[1] = { 0 };
    struct pkt slow;

    f = (struct burst){ .in_port = IN_PORT };
    put(&fm[0], frame, frame->n);
    pkt_init(&slow, frame_mbuf_init(&fm[1], frame->b, frame->n, frame->n), IN_PORT);
    if (quick_sort(&f, prog, which, 1)) {
        quick_run(NULL, NULL, &f, prog, which, 1);
        CHECK(run_slowly(&slow, program_words(prog)), "%s: the slow way refuses", form->name);
        CHECK(rte_pktmbuf_pkt_len(f.m[0]) == rte_pktmbuf_pkt_len(slow.m) &&
                  rte_pktmbuf_data_len(f.m[0]) == rte_pktmbuf_data_len(slow.m),
              "%s: other lengths", form->name);
        CHECK(!memcmp(rte_pktmbuf_mtod(f.m[0], uint8_t *), rte_pktmbuf_mtod(slow.m, uint8_t *),
                      rte_pktmbuf_data_len(slow.m)),
              "%s: other bytes", form->name);
    }
    frame_mbuf_fini(&fm[0]);
    frame_mbuf_fini(&fm[1]);
}

static void edits_are_the_slow_ways(void **state)
{
    uint64_t words[256], made[512];
    struct program_buf buf = { .w = words, .size = 256 };
    struct program *prog = (struct program *)(void *)made;
    unsigned n_quick = 0, n_sorted = 0;

    for (int round = 0; round < 20000; round++) {
        const struct frame_form *form = &frame_forms[(unsigned)round % FRAME_FORMS];
        struct frame frame;

        random_program(&buf, round % 2);
        program_make(prog, &buf);
        assert_memory_equal(program_words(prog), words, buf.n * sizeof words[0]);
        n_quick += prog->kind == QUICK_OUTPUT;
        if (prog->kind == QUICK_NONE)
            continue;
        assert_int_equal(prog->out, 77);
        frame_build(&frame, form, FRAME_DONE);
        check_same(form, &frame, prog);
        n_sorted += f.l3_ofs[0] != 0;
    }
    assert_true(n_quick > 10000 && n_sorted > 500);
}

/* What a plain frame's program may not hold, or a frame not be, sends it the slow way. */
static void others_go_the_slow_way(void **state)
{
    static const struct {
        enum op op;
        uint64_t arg;
    } cases[] = { { OP_POP_MPLS, 0x800 }, { OP_OUTPUT, 5 }, { OP_METER, 1 }, { OP_CONTROLLER, 0 },
                  { OP_SET_QUEUE, 2 },    { OP_SELECT, 0 }, { OP_NORMAL, 0 } };
    uint64_t words[8], made[64];
    struct program *prog = (struct program *)(void *)made;
    struct frame frame;
    struct frame_mbuf fm;
    uint8_t which[1] = { 0 };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct program_buf buf = { .w = words, .size = 8 };

        program_add(&buf, cases[i].op, 0, cases[i].arg);
        program_add(&buf, OP_OUTPUT, 0, 9);
        program_add(&buf, OP_END, 0, 0);
        program_make(prog, &buf);
        assert_int_equal(prog->kind, QUICK_NONE);
    }
    words[0] = op_head(OP_SET_IP_TTL, 0, 9);
    words[1] = op_head(OP_OUTPUT, 0, 9);
    words[2] = op_head(OP_END, 0, 0);
    program_make(prog, &(struct program_buf){ .w = words, .n = 3 });
    assert_int_equal(prog->kind, QUICK_OUTPUT);
    for (int shared = 0; shared < 2; shared++) {
        frame_build(&frame, &frame_forms[0], FRAME_DONE);
        f = (struct burst){ .in_port = IN_PORT };
        put(&fm, &frame, frame.n);
        rte_mbuf_refcnt_set(f.m[0], (uint16_t)(1 + shared));
        assert_int_equal(quick_sort(&f, prog, which, 1), !shared);
        frame_mbuf_fini(&fm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_the_parsers),
        cmocka_unit_test(edits_are_the_slow_ways),
        cmocka_unit_test(others_go_the_slow_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

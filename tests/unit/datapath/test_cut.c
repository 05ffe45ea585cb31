/* SPDX-License-Identifier: Apache-2.0 */
/* test_cut.c - frames of every form, cut at every byte, through the pipeline with every action: nothing behind the last byte
 * is read (each segment's memory ends where it ends, for a sanitizer to see), and no frame and no mbuf is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "check.h"
#include "datapath/eal.h"
#include "datapath/group.h"
#include "datapath/meter.h"
#include "datapath/port_mem.h"
#include "frames.h"
#include "pipe_world.h"

enum { IN = 0, OUT = 3, METER = 4, HASH = 8, EDIT = 9, ACTS_MAX = 4, HEADROOM = 64 };

static struct pipe_world w;
static struct meter *meter;
static struct group *groups[2];

/* --- frames in memory of exactly their size --- */

static void free_memory(void *memory, void *info)
{
    free(memory);
    free(info);
}

static struct rte_mbuf *exact(const uint8_t *b, unsigned n, unsigned headroom)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(eal_pool());
    struct rte_mbuf_ext_shared_info *info = malloc(sizeof *info);
    uint8_t *memory = malloc(headroom + n + !(headroom + n));

    assert_true(m && info && memory);
    if (n)
        memcpy(memory + headroom, b, n);
    info->free_cb = free_memory;
    info->fcb_opaque = info;
    rte_mbuf_ext_refcnt_set(info, 1);
    rte_pktmbuf_attach_extbuf(m, memory, RTE_BAD_IOVA, (uint16_t)(headroom + n), info);
    m->data_off = (uint16_t)headroom;
    m->data_len = (uint16_t)n;
    m->pkt_len = n;
    return m;
}

/* In one segment, or in two with the seam at `seam`. */
static struct rte_mbuf *cut_frame(const struct frame *f, unsigned n, unsigned seam)
{
    struct rte_mbuf *m = exact(f->b, seam < n ? seam : n, HEADROOM);

    if (seam < n) {
        m->next = exact(f->b + seam, n - seam, 0);
        m->nb_segs = 2;
        m->pkt_len = n;
    }
    return m;
}

/* --- the world --- */

static struct act act(enum act_type type, uint32_t arg)
{
    return (struct act){ .type = type, .port = arg };
}

static struct act output(int port)
{
    return act(ACT_OUTPUT, pipe_number[port]);
}

static struct act tagged(enum act_type type, uint16_t ethertype)
{
    return (struct act){ .type = type, .ethertype = ethertype };
}

static struct act set(enum field_id f)
{
    struct value ones = field_ones(f);

    return (struct act){ .type = ACT_SET_FIELD,
                         .field = f,
                         .value = { ones.hi & 0x5a5a5a5a5a5a5a5a, ones.lo & 0xa5a5a5a5a5a5a5a5 },
                         .mask = ones };
}

static uint16_t width(enum field_id f)
{
    return field_table[f].bits < 32 ? field_table[f].bits : 32;
}

static struct act move(enum field_id from, enum field_id to)
{
    uint16_t n = width(from) < width(to) ? width(from) : width(to);

    return (struct act){ .type = ACT_MOVE, .src = { from, 0, n }, .dst = { to, 0, n } };
}

static void make_groups(void)
{
    struct act hash[2][1] = { { output(OUT) }, { output(1) } };
    struct act edit[2][3] = { { tagged(ACT_PUSH_VLAN, 0x8100), set(FIELD_IPV4_SRC), output(OUT) },
                              { act(ACT_DEC_IP_TTL, 0), set(FIELD_ETH_SRC), output(1) } };
    struct bucket k[4];
    struct band_spec band = { .kind = BAND_REMARK, .rate = 1, .burst = 1, .prec_level = 1 };
    struct meter_spec spec = { .id = METER, .is_pktps = true, .bands = &band, .n_bands = 1 };

    for (int i = 0; i < 4; i++)
        k[i] = (struct bucket){ .acts = i < 2 ? hash[i] : edit[i - 2],
                                .n_acts = i < 2 ? 1 : 3,
                                .weight = 1,
                                .watch_port = DP_PORT_NONE,
                                .watch_group = GROUP_NONE };
    assert_int_equal(group_new(&groups[0], w.b, &(struct group_spec){ HASH, GROUP_SELECT, k, 2, NULL }), 0);
    assert_int_equal(group_new(&groups[1], w.b, &(struct group_spec){ EDIT, GROUP_ALL, k + 2, 2, NULL }), 0);
    for (int i = 0; i < 2; i++)
        bridge_group_add(w.b, groups[i]);
    assert_int_equal(meter_new(&meter, w.b, &spec), 0);
    bridge_meter_add(w.b, meter);
}

static int setup(void **state)
{
    pipe_open(&w);
    make_groups();
    return 0;
}

static int teardown(void **state)
{
    for (int i = 0; i < 2; i++)
        bridge_group_remove(w.b, groups[i]);
    bridge_meter_remove(w.b, meter);
    pipe_close(&w);
    return 0;
}

static struct rule *add_rule(uint8_t table, const struct act *acts, unsigned n, uint32_t meter_id)
{
    struct match any = { 0 };
    struct rule_code code = { .apply = acts, .n_apply = (uint16_t)n, .goto_table = NO_GOTO, .meter_id = meter_id };
    struct rule_conf conf = { table, 17, &any, &code, .cookie = 5 };
    struct rule *r;

    assert_int_equal(rule_new(&r, w.b, &conf), 0);
    assert_int_equal(bridge_rule_add(w.b, r), 0);
    return r;
}

/* --- what is done to them --- */

struct program {
    struct act acts[ACTS_MAX];
    unsigned n;
    uint32_t meter_id;
};

/* The i-th program; one without actions: no more. */
static struct program program_of(unsigned i)
{
    const struct program one[] = {
        { { output(OUT) }, 1, 0 },
        { { output(OUT) }, 1, METER },
        { { act(ACT_OUTPUT, DP_PORT_NORMAL) }, 1, 0 },
        { { act(ACT_OUTPUT, DP_PORT_FLOOD) }, 1, 0 },
        { { act(ACT_OUTPUT, DP_PORT_ALL) }, 1, 0 },
        { { act(ACT_OUTPUT, DP_PORT_IN_PORT) }, 1, 0 },
        { { { .type = ACT_CONTROLLER, .max_len = 33 } }, 1, 0 },
        { { { .type = ACT_CONTROLLER, .max_len = UINT16_MAX }, output(OUT) }, 2, 0 },
        { { act(ACT_GROUP, HASH) }, 1, 0 },
        { { act(ACT_GROUP, EDIT) }, 1, 0 },
        { { tagged(ACT_PUSH_VLAN, 0x8100), tagged(ACT_PUSH_VLAN, 0x88a8), output(OUT) }, 3, 0 },
        { { act(ACT_POP_VLAN, 0), output(OUT) }, 2, 0 },
        { { tagged(ACT_PUSH_MPLS, 0x8847), output(OUT) }, 2, 0 },
        { { tagged(ACT_POP_MPLS, 0x0800), output(OUT) }, 2, 0 },
        { { tagged(ACT_POP_MPLS, 0x8847), set(FIELD_MPLS_LABEL), output(OUT) }, 3, 0 },
        { { tagged(ACT_PUSH_PBB, 0x88e7), output(OUT) }, 2, 0 },
        { { act(ACT_POP_PBB, 0), set(FIELD_TCP_SRC), output(OUT) }, 3, 0 },
        { { { .type = ACT_SET_IP_TTL, .ttl = 9 }, output(OUT) }, 2, 0 },
        { { act(ACT_DEC_IP_TTL, 0), output(OUT) }, 2, 0 },
        { { { .type = ACT_SET_MPLS_TTL, .ttl = 9 }, output(OUT) }, 2, 0 },
        { { act(ACT_DEC_MPLS_TTL, 0), output(OUT) }, 2, 0 },
        { { act(ACT_COPY_TTL_OUT, 0), output(OUT) }, 2, 0 },
        { { act(ACT_COPY_TTL_IN, 0), output(OUT) }, 2, 0 },
        { { act(ACT_SET_QUEUE, 6), output(OUT) }, 2, 0 },
        { { { .type = ACT_CHECK_SIZE, .max_len = 40, .dst = { FIELD_REG0, 0, 1 } }, output(OUT) }, 2, 0 },
        { { { .type = ACT_STACK_PUSH, .src = { FIELD_IPV6_SRC, 0, 128 } },
            { .type = ACT_STACK_POP, .dst = { FIELD_IPV6_DST, 0, 128 } },
            output(OUT) },
          3,
          0 },
        { { { .type = ACT_OUTPUT_FIELD, .src = { FIELD_ETH_TYPE, 0, 16 }, .max_len = 40 }, output(OUT) }, 2, 0 },
        { { { .type = ACT_RESUBMIT, .table_id = 2 }, output(OUT) }, 2, 0 },
        { { { .type = ACT_CLONE, .n_body = 2 }, set(FIELD_UDP_DST), output(1), output(OUT) }, 4, 0 },
    };
    enum { ONES = sizeof one / sizeof *one };

    if (i < ONES)
        return one[i];
    i -= ONES;

    enum field_id f = (enum field_id)(i / 3);

    if (f >= FIELD_N)
        return (struct program){ .n = 0 };
    if (i % 3 == 0 || !field_table[f].is_settable)
        return (struct program){ { move(f, FIELD_REG0), output(OUT) }, 2, 0 };
    return i % 3 == 1 ? (struct program){ { set(f), output(OUT) }, 2, 0 }
                      : (struct program){ { move(FIELD_REG0, f), output(OUT) }, 2, 0 };
}

static unsigned n_events;

static void count_event(void *arg, const struct event *ev)
{
    (void)arg, (void)ev;
    n_events++;
}

/* Takes everything that came of a frame; returns how many of it there were: sent, told or dropped. */
static uint64_t take_all(uint64_t *n_dropped)
{
    uint64_t drops[DROP_N], dropped = 0, n;

    datapath_poll(w.dp, 0);
    datapath_poll(w.dp, 0);
    n_events = 0;
    datapath_events(w.dp, 64, count_event, NULL);
    n = n_events;
    for (int i = 0; i < PIPE_PORTS; i++)
        for (struct rte_mbuf *m; (m = port_mem_take_mbuf(w.port[i], 0)); n++)
            rte_pktmbuf_free(m);
    datapath_drops(w.dp, drops);
    for (int i = DROP_NONE + 1; i < DROP_N; i++)
        dropped += drops[i];
    n += dropped - *n_dropped;
    *n_dropped = dropped;
    return n;
}

static void every_action_on_every_cut(void **state)
{
    struct act second = output(OUT);
    struct rule *at_2 = add_rule(2, &second, 1, 0);
    unsigned n_mbufs = rte_mempool_in_use_count(eal_pool());
    uint64_t n_dropped = 0;
    struct program p;

    for (unsigned i = 0; (p = program_of(i)).n; i++) {
        struct rule *r = add_rule(0, p.acts, p.n, p.meter_id);

        datapath_commit(w.dp);
        for (int form = 0; form < FRAME_FORMS; form++) {
            struct frame f;

            frame_build(&f, &frame_forms[form], FRAME_DONE);
            for (unsigned n = 0; n <= f.n; n++) {
                unsigned seam = (n + i) % 3 ? n : n / 2;

                assert_int_equal(port_mem_give_mbuf(w.port[IN], 0, cut_frame(&f, n, seam)), 0);
                CHECK(take_all(&n_dropped), "program %u: %s cut to %u bytes went nowhere", i, frame_forms[form].name,
                      n);
            }
        }
        bridge_rule_remove(w.b, r);
        datapath_commit(w.dp);
    }
    assert_int_equal(rte_mempool_in_use_count(eal_pool()), n_mbufs);
    bridge_rule_remove(w.b, at_2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(every_action_on_every_cut, setup, teardown) };
    int failed = pipe_start();

    if (!failed)
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    pipe_stop();
    return failed;
}

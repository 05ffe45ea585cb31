/* SPDX-License-Identifier: Apache-2.0 */
/* test_agent_meter.c - meters as controllers see them: made, changed, deleted, asked for, refused. */
#include "agent_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "datapath/port_mem.h"
#include "openflow/meter_text.h"
#include "vswitch/meter_table.h"

/* "add meter=1,pktps,...", "mod ...", "del meter=1" */
static void say_meter(struct tape *t, const char *text)
{
    static const struct {
        const char *word;
        enum ofp_meter_mod_command command;
    } words[] = { { "add ", OFPMC_ADD }, { "mod ", OFPMC_MODIFY }, { "del ", OFPMC_DELETE } };
    struct ofp_msg m = { .type = OFPT_METER_MOD };
    struct errbuf e = { { 0 } };
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strncmp(text, words[i].word, 4)) {
            if (meter_text_parse(&m.meter_mod, &arena, text + 4, words[i].command, &e))
                fail_msg("%s: %s", text, e.text);
            tape_say(t, &m);
        }
    arena_fini(&arena);
}

static void make(struct tape *t, const char *text)
{
    say_meter(t, text);
    assert_silence(t);
}

static const struct ofp_msg *ask(struct tape *t, enum ofp_multipart_type type, uint32_t id)
{
    struct ofp_msg m = { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = type } };
    const struct ofp_msg *r;

    if (type == OFPMP_METER)
        m.multipart_request.meter.meter_id = id;
    else
        m.multipart_request.meter_config.meter_id = id;
    tape_say(t, &m);
    r = tape_hear(t);
    assert_non_null(r);
    assert_int_equal(r->multipart_reply.type, type);
    return r;
}

static const struct ofp_meter_stats *stats_of(struct tape *t, uint32_t id)
{
    return ask(t, OFPMP_METER, id)->multipart_reply.meter.meters;
}

/* Every meter as ovs-ofctl shows them, one a line. */
static const char *dump_meters(struct tape *t)
{
    static char text[8192];
    const struct ofp_msg *r = ask(t, OFPMP_METER_CONFIG, OFPM_ALL);
    struct str s = { 0 };

    for (size_t i = 0; i < r->multipart_reply.meter_config.n_meters; i++) {
        meter_text_print_config(&s, &r->multipart_reply.meter_config.meters[i]);
        str_add_char(&s, '\n');
    }
    snprintf(text, sizeof text, "%s", str_text(&s));
    str_fini(&s);
    return text;
}

/* `n` frames in by port 7; how many leave by 300. */
static int forward(struct world *w, int n)
{
    static const uint8_t frame[60] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5 };
    uint8_t out[2048];
    int got = 0;

    while (n--)
        assert_int_equal(port_mem_give(w->ports[0].port, 0, frame, sizeof frame), 0);
    world_turn(w);
    while (port_mem_take(w->ports[1].port, 0, out, sizeof out))
        got++;
    return got;
}

static void life(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    const struct ofp_meter_stats *st;

    make(t, "add meter=9,kbps,burst,stats,bands=type=dscp_remark,rate=100,burst_size=5,prec_level=2,type=drop,rate=300,"
            "burst_size=7");
    make(t, "add meter=3,pktps,burst,bands=type=drop,rate=10,burst_size=4");
    make(t, "add meter=controller,pktps,bands=type=drop,rate=77");
    assert_string_equal(dump_meters(t),
                        "meter=3 pktps burst bands=\ntype=drop rate=10 burst_size=4\n"
                        "meter=9 kbps burst stats bands=\ntype=dscp_remark rate=100 burst_size=5 prec_level=2\n"
                        "type=drop rate=300 burst_size=7\n"
                        "meter=controller pktps bands=\ntype=drop rate=77\n");
    tape_say_flow(t, "add priority=1,actions=meter:3,output:300");
    tape_say_flow(t, "add priority=2,in_port=300,actions=meter:3");
    assert_silence(t);
    assert_string_equal(tape_dump(t, ""), "table=0, n_packets=0, n_bytes=0, priority=1 actions=meter:3,output:300\n"
                                          "table=0, n_packets=0, n_bytes=0, priority=2,in_port=300 actions=meter:3\n");
    assert_int_equal(forward(w, 6), 4);
    clock_warp(&w->clock, 2 * (uint64_t)NSEC_PER_S + 9);
    st = stats_of(t, 3);
    assert_int_equal(st->meter_id, 3);
    assert_int_equal(st->flow_count, 2);
    assert_int_equal(st->packet_in_count, 6);
    assert_int_equal(st->byte_in_count, 360);
    assert_int_equal(st->duration_sec, 2);
    assert_int_equal(st->duration_nsec, 9);
    assert_int_equal(st->n_bands, 1);
    assert_int_equal(st->bands[0].packet_band_count, 2);
    assert_int_equal(st->bands[0].byte_band_count, 120);
    assert_int_equal(stats_of(t, OFPM_ALL)[1].n_bands, 2);

    make(t, "mod meter=3,pktps,burst,bands=type=drop,rate=10,burst_size=1");
    assert_int_equal(forward(w, 6), 1);
    st = stats_of(t, 3);
    assert_int_equal(st->flow_count, 2);
    assert_int_equal(st->packet_in_count, 12);
    assert_int_equal(st->bands[0].packet_band_count, 5);
    assert_int_equal(st->duration_sec, 2);
    world_free(w);
}

/* A meter takes its flows with it. */
static void deletion(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    const struct ofp_msg *r;

    for (int round = 0; round < 2; round++) {
        make(t, "add meter=3,pktps,bands=type=drop,rate=10");
        make(t, "add meter=4,pktps,bands=type=drop,rate=10");
        tape_say_flow(t, "add table=1,priority=1,send_flow_rem,actions=meter:3,output:300");
        tape_say_flow(t, "add table=2,priority=2,actions=meter:4,output:300");
        tape_say_flow(t, "add table=3,priority=3,actions=output:300");
        make(t, "del meter=8");
        say_meter(t, round ? "del meter=all" : "del meter=3");
        r = tape_hear(t);
        assert_non_null(r);
        assert_int_equal(r->type, OFPT_FLOW_REMOVED);
        assert_int_equal(r->flow_removed.reason, OFPRR_DELETE);
        assert_int_equal(r->flow_removed.priority, 1);
        assert_silence(t);
        if (!round) {
            assert_string_equal(tape_dump(t, ""),
                                "table=2, n_packets=0, n_bytes=0, priority=2 actions=meter:4,output:300\n"
                                "table=3, n_packets=0, n_bytes=0, priority=3 actions=output:300\n");
            make(t, "del meter=4");
        }
        assert_string_equal(tape_dump(t, ""), "table=3, n_packets=0, n_bytes=0, priority=3 actions=output:300\n");
        assert_string_equal(dump_meters(t), "");
    }
    world_free(w);
}

static void refusals(void **state)
{
    static const struct ofp_meter_band drop = { .type = OFPMBT_DROP, .rate = 5 },
                                       other = { .type = OFPMBT_EXPERIMENTER, .rate = 5 },
                                       no_rate = { .type = OFPMBT_DROP },
                                       no_level = { .type = OFPMBT_DSCP_REMARK, .rate = 5 };
    static const struct {
        const char *name;
        struct ofp_meter_mod m;
        uint16_t code;
    } cases[] = {
        { "there already", { .command = OFPMC_ADD, .meter_id = 3 }, OFPMMFC_METER_EXISTS },
        { "not there", { .command = OFPMC_MODIFY, .meter_id = 4 }, OFPMMFC_UNKNOWN_METER },
        { "number 0", { .command = OFPMC_ADD, .meter_id = 0 }, OFPMMFC_INVALID_METER },
        { "number too high", { .command = OFPMC_ADD, .meter_id = OFPM_MAX + 1 }, OFPMMFC_INVALID_METER },
        { "no slow path", { .command = OFPMC_ADD, .meter_id = OFPM_SLOWPATH }, OFPMMFC_INVALID_METER },
        { "add all", { .command = OFPMC_ADD, .meter_id = OFPM_ALL }, OFPMMFC_INVALID_METER },
        { "modify all", { .command = OFPMC_MODIFY, .meter_id = OFPM_ALL }, OFPMMFC_INVALID_METER },
        { "two units", { .command = OFPMC_ADD, .meter_id = 4, .flags = 3 }, OFPMMFC_BAD_FLAGS },
        { "experimenter's band", { .meter_id = 4, .bands = (void *)&other, .n_bands = 1 }, OFPMMFC_BAD_BAND },
        { "rate 0", { .meter_id = 4, .bands = (void *)&no_rate, .n_bands = 1 }, OFPMMFC_BAD_RATE },
        { "burst 0", { .meter_id = 4, .flags = 4, .bands = (void *)&drop, .n_bands = 1 }, OFPMMFC_BAD_BURST },
        { "level 0", { .meter_id = 4, .bands = (void *)&no_level, .n_bands = 1 }, OFPMMFC_BAD_BAND_VALUE },
    };
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_meter_band bands[METER_BANDS_MAX + 1];
    struct ofp_msg m = { .type = OFPT_METER_MOD };
    char before[256];

    make(t, "add meter=3,kbps,bands=type=drop,rate=10");
    snprintf(before, sizeof before, "%s", dump_meters(t));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        m.meter_mod = cases[i].m;
        tape_say(t, &m);
        assert_refused(t, OFPET_METER_MOD_FAILED, cases[i].code, cases[i].name);
    }
    for (int i = 0; i <= METER_BANDS_MAX; i++)
        bands[i] = drop;
    m.meter_mod = (struct ofp_meter_mod){ .meter_id = 4, .bands = bands, .n_bands = METER_BANDS_MAX + 1 };
    tape_say(t, &m);
    assert_refused(t, OFPET_METER_MOD_FAILED, OFPMMFC_OUT_OF_BANDS, "bands");
    tape_say_flow(t, "add actions=meter:4,output:300");
    assert_refused(t, OFPET_METER_MOD_FAILED, OFPMMFC_UNKNOWN_METER, "a flow with no meter");
    assert_string_equal(dump_meters(t), before);
    assert_string_equal(tape_dump(t, ""), "");

    m.meter_mod = (struct ofp_meter_mod){ .command = OFPMC_ADD }; /* in kbit/s, without a band: it counts */
    for (m.meter_mod.meter_id = 4; m.meter_mod.meter_id < 3 + WORLD_METERS; m.meter_mod.meter_id++)
        tape_say(t, &m);
    assert_silence(t);
    tape_say(t, &m);
    assert_refused(t, OFPET_METER_MOD_FAILED, OFPMMFC_OUT_OF_METERS, "one too many");
    world_free(w);
}

static void features(void **state)
{
    struct world *w = world_new(0);
    struct ofp_msg m = { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_METER_FEATURES } };
    const struct ofp_meter_features *f;

    tape_say(&w->tape, &m);
    f = &tape_hear(&w->tape)->multipart_reply.meter_features;
    assert_int_equal(f->max_meter, WORLD_METERS);
    assert_int_equal(f->band_types, 1 << OFPMBT_DROP | 1 << OFPMBT_DSCP_REMARK);
    assert_int_equal(f->capabilities, 0xf);
    assert_int_equal(f->max_bands, METER_BANDS_MAX);
    world_free(w);
}

/* Fewer packet-ins, and as many frames. */
static void controller(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    int n = 0;

    make(t, "add meter=controller,pktps,burst,bands=type=drop,rate=1,burst_size=2");
    tape_say_flow(t, "add priority=1,actions=controller,output:300");
    assert_int_equal(forward(w, 5), 5);
    while (tape_hear(t))
        n++;
    assert_int_equal(n, 2);
    assert_int_equal(stats_of(t, OFPM_CONTROLLER)->bands[0].packet_band_count, 3);
    make(t, "del meter=controller");
    assert_int_equal(forward(w, 5), 5);
    for (n = 0; tape_hear(t); n++)
        ;
    assert_int_equal(n, 5);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life),     cmocka_unit_test(deletion),   cmocka_unit_test(refusals),
        cmocka_unit_test(features), cmocka_unit_test(controller),
    };
    int failed;

    if (world_start())
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_stop();
    return failed;
}

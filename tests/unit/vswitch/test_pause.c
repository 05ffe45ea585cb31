/* SPDX-License-Identifier: Apache-2.0 */
/* test_pause.c - frames that wait for the controller, and go on when it says so: datapath/pause.c, vswitch/agent_resume.c. */
#include "agent_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "datapath/drop.h"
#include "datapath/port_mem.h"
#include "openflow/oxm.h"

enum { FRAME = 60, FLOWS_MAX = 6 };

/* 02:00:00:00:00:01 -> 02:00:00:00:00:02, IPv4 10.0.0.1 -> 10.0.0.2, UDP 7 -> 9, TTL 64. */
static const uint8_t udp[FRAME] = {
    2,  0, 0, 0,  0, 2,  2, 0, 0,  0,  0,    1,    8,  0,                    /* Ethernet */
    69, 0, 0, 46, 0, 0,  0, 0, 64, 17, 0x66, 0xbd, 10, 0, 0, 1, 10, 0, 0, 2, /* IPv4 */
    0,  7, 0, 9,  0, 26, 0, 0,                                               /* UDP, no checksum */
};

/* What leaves by port 300 (or 7): "SRC>DST" of each frame, the last bytes of its addresses. */
static const char *told(struct world *w)
{
    static char out[400];
    uint8_t f[2048];
    size_t at = 0;

    out[0] = '\0';
    for (int port = 1; port >= 0; port--)
        while (port_mem_take(w->ports[port].port, 0, f, sizeof f) > 0)
            at += (size_t)snprintf(out + at, sizeof out - at, "%s%s%02x>%02x", at ? " " : "", port ? "" : "7:", f[11],
                                   f[5]);
    return out;
}

static uint64_t drops(struct world *w, enum drop why)
{
    uint64_t out[DROP_N];

    datapath_drops(w->dp, out);
    return out[why];
}

static void give(struct world *w)
{
    assert_int_equal(port_mem_give(w->ports[0].port, 0, udp, FRAME), 0);
    world_turn(w);
}

static void say_nx(struct tape *t, struct ofp_nx_message nx)
{
    struct ofp_msg m = { .type = OFPT_EXPERIMENTER, .experimenter = { .experimenter = OFPEXP_NICIRA, .nicira = nx } };

    tape_say(t, &m);
}

static struct world *world_with(const char *const flows[])
{
    struct world *w = world_new(0);
    char flow[8000];

    say_nx(&w->tape, (struct ofp_nx_message){ .exp_type = NXT_SET_PACKET_IN_FORMAT,
                                              .set_packet_in_format = { NXPIF_NXT_PACKET_IN2 } });
    for (int i = 0; i < FLOWS_MAX && flows[i]; i++) {
        snprintf(flow, sizeof flow, "add %s", flows[i]);
        tape_say_flow(&w->tape, flow);
    }
    assert_silence(&w->tape);
    return w;
}

/* A packet-in that waits for an answer, copied. */
struct waiting {
    uint8_t frame[FRAME], fields[256], state[32768];
    size_t n_frame, n_fields, n_state;
};

static void hear(struct world *w, struct waiting *out)
{
    const struct ofp_msg *m = tape_hear(&w->tape);
    const struct ofp_nx_packet_in2 *p;

    memset(out, 0, sizeof *out);
    assert_non_null(m);
    assert_int_equal(m->type, OFPT_EXPERIMENTER);
    assert_int_equal(m->experimenter.nicira.exp_type, NXT_PACKET_IN2);
    p = &m->experimenter.nicira.packet_in2;
    for (size_t i = 0; i < p->n_properties; i++) {
        const struct ofp_nx_packet_in_prop *x = &p->properties[i];

        if (x->type == NXPINT_PACKET)
            memcpy(out->frame, x->packet.data, out->n_frame = x->packet.n_data);
        if (x->type == NXPINT_METADATA)
            memcpy(out->fields, x->metadata.data, out->n_fields = x->metadata.n_data);
        if (x->type == NXPINT_CONTINUATION)
            memcpy(out->state, x->continuation.data, out->n_state = x->continuation.n_data);
    }
    assert_int_equal(out->n_frame, FRAME);
    assert_true(out->n_state > 0);
}

static void answer(struct tape *t, const struct waiting *p)
{
    struct ofp_nx_packet_in_prop props[3] = {
        { .type = NXPINT_PACKET, .packet = { p->frame, p->n_frame } },
        { .type = NXPINT_METADATA, .metadata = { p->fields, p->n_fields } },
        { .type = NXPINT_CONTINUATION, .continuation = { p->state, p->n_state } },
    };

    say_nx(t, (struct ofp_nx_message){ .exp_type = NXT_RESUME, .resume = { props, p->n_state ? 3 : 2 } });
}

/* Each runs twice, the second time from the cache. */
static const struct {
    const char *name;
    const char *flows[FLOWS_MAX];
    const char *before, *after; /* what leaves until the controller answers, and then */
} cases[] = {
    { "what follows waits", { "actions=output:300,controller(pause,userdata=01),in_port" }, "01>02", "7:01>02" },
    { "in every list that led here, and the action set",
      { "actions=resubmit(,1),load:0x11->NXM_OF_ETH_DST[0..7],output:300",
        "table=1,actions=resubmit(,2),load:0x22->NXM_OF_ETH_SRC[0..7],write_actions(output:300),goto_table:3",
        "table=2,actions=controller(pause),load:0x33->NXM_OF_ETH_SRC[0..7],output:300",
        "table=3,actions=load:0x44->NXM_OF_ETH_DST[0..7]" },
      "",
      "33>02 22>11 22>11" },
    { "registers, metadata, tunnel fields and the stack",
      { "actions=load:0x5->NXM_NX_REG15[],set_field:0x6->tun_id,set_field:10.0.0.9->tun_src,set_field:2001:db8::7->tun_ipv6_dst,"
        "push:NXM_OF_ETH_SRC[0..7],set_field:9->metadata,controller(pause),goto_table:1",
        "table=1,reg15=5,tun_id=6,tun_src=10.0.0.9,tun_ipv6_dst=2001:db8::7,metadata=9,in_port=7,"
        "actions=pop:NXM_OF_ETH_DST[0..7],output:300" },
      "",
      "01>01" },
    { "a clone waits by itself",
      { "actions=write_actions(output:300),goto_table:1",
        "table=1,actions=clone(load:0x21->NXM_OF_ETH_SRC[0..7],controller(pause),load:0x22->NXM_OF_ETH_DST[0..7]),in_port" },
      "01>02 7:01>02",
      "21>22" },
    { "exit is exit afterwards too",
      { "actions=resubmit(,1),in_port,write_actions(output:300)", "table=1,actions=controller(pause),output:300,exit" },
      "",
      "01>02" },
    { "nothing follows", { "actions=controller(pause)" }, "", "" },
    { "not even the action set, when it is empty", { "actions=output:300,controller(pause)" }, "01>02", "" },
};

static void goes_on(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world *w = world_with(cases[i].flows);

        for (int round = 0; round < 2; round++) {
            struct waiting p;
            const char *got;

            give(w);
            got = told(w);
            if (strcmp(got, cases[i].before))
                fail_msg("%s: wanted '%s' before, got '%s'", cases[i].name, cases[i].before, got);
            hear(w, &p);
            answer(&w->tape, &p);
            world_turn(w);
            assert_silence(&w->tape);
            got = told(w);
            if (strcmp(got, cases[i].after))
                fail_msg("%s: wanted '%s' after, got '%s'", cases[i].name, cases[i].after, got);
        }
        world_free(w);
    }
}

/* A controller may answer twice, late, and when the rules that led here are gone. */
static void needs_no_rules(void **state)
{
    static const char *const flows[] = {
        "ip,actions=controller(pause),move:NXM_OF_IP_DST[0..7]->NXM_NX_REG0[0..7],goto_table:1",
        "table=1,reg0=2,actions=output:300", "table=1,priority=1,actions=in_port", NULL
    };
    struct world *w = world_with(flows);
    struct waiting p;

    give(w);
    hear(w, &p);
    tape_say_flow(&w->tape, "del table=0");
    answer(&w->tape, &p);
    answer(&w->tape, &p);
    world_turn(w);
    assert_string_equal(told(w), "01>02 01>02");
    assert_silence(&w->tape);
    world_free(w);
}

/* ... and with another frame and other fields. */
static void may_be_changed(void **state)
{
    static const char *const flows[] = { "actions=controller(pause),goto_table:1", "table=1,reg0=5,actions=output:300",
                                         "table=1,priority=1,actions=in_port", NULL };
    static const uint8_t reg0[] = { 0, 1, 0, 4, 0, 0, 0, 5 };
    struct world *w = world_with(flows);
    struct waiting p;

    give(w);
    hear(w, &p);
    p.frame[5] = 0x66;
    memcpy(p.fields + p.n_fields, reg0, sizeof reg0);
    p.n_fields += sizeof reg0;
    answer(&w->tape, &p);
    world_turn(w);
    assert_string_equal(told(w), "01>66");
    world_free(w);
}

/* State of several segments; and more than there may be is dropped, with a reason. */
static void is_bounded(void **state)
{
    static char flow[8000];
    const char *flows[] = { flow, NULL };

    for (unsigned n = 100; n <= 300; n += 200) {
        size_t at = 0;
        struct waiting p;
        struct world *w;

        at += (size_t)snprintf(flow + at, sizeof flow - at, "actions=");
        for (unsigned i = 0; i < 20; i++)
            at += (size_t)snprintf(flow + at, sizeof flow - at, "push:reg%u,", i % 16);
        at += (size_t)snprintf(flow + at, sizeof flow - at, "controller(pause),");
        for (unsigned i = 0; i < n; i++)
            at += (size_t)snprintf(flow + at, sizeof flow - at, "load:%u->reg%u,", i, i % 16);
        snprintf(flow + at, sizeof flow - at, "output:300");
        w = world_with(flows);
        give(w);
        assert_int_equal(drops(w, DROP_TOO_LONG), n == 300);
        if (n == 100) {
            hear(w, &p);
            assert_in_range(p.n_state, 2200, 8000);
            answer(&w->tape, &p);
            world_turn(w);
            assert_string_equal(told(w), "01>02");
        }
        assert_silence(&w->tape);
        world_free(w);
    }
}

static void assert_stale(struct world *w, const struct waiting *p, const char *what)
{
    answer(&w->tape, p);
    assert_refused(&w->tape, OFPET_EXPERIMENTER, NXR_STALE, what);
}

/* A state that is not what was given out is refused, whichever bit of it is another; then the right one is still good. */
static void trusts_nobody(void **state)
{
    static const char *const flows[] = { "actions=push:reg1,controller(pause),output:300", NULL };
    static const uint8_t unknown[] = { 0, 1, 0xfe, 4, 0, 0, 0, 5 }, no_port[] = { 0x80, 0, 0, 4, 0, 0, 0, 99 };
    struct world *w = world_with(flows), *other = world_with(flows);
    struct waiting p, q;

    give(w);
    hear(w, &p);
    for (size_t bit = 0; bit < p.n_state * 8; bit++) {
        q = p;
        q.state[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (bit / 8 < 4 || bit / 8 >= 8) /* the four bytes of nothing */
            assert_stale(w, &q, "one bit");
    }
    for (size_t n = 0; n < p.n_state; n++) {
        q = p;
        q.n_state = n;
        assert_stale(w, &q, "cut off");
    }
    assert_stale(other, &p, "another bridge's");
    q = p;
    q.n_frame = 13;
    answer(&w->tape, &q);
    assert_refused(&w->tape, OFPET_BAD_REQUEST, OFPBRC_BAD_PACKET, "no Ethernet header");
    q = p;
    memcpy(q.fields + q.n_fields, unknown, sizeof unknown);
    q.n_fields += sizeof unknown;
    answer(&w->tape, &q);
    assert_refused(&w->tape, OFPET_BAD_MATCH, OFPBMC_BAD_FIELD, "an unknown field");
    q = p;
    memcpy(q.fields, no_port, q.n_fields = sizeof no_port);
    answer(&w->tape, &q);
    assert_refused(&w->tape, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT, "from no port");
    world_turn(w);
    assert_string_equal(told(w), "");
    answer(&w->tape, &p);
    world_turn(w);
    assert_string_equal(told(w), "01>02");
    world_free(other);
    world_free(w);
}

static void is_not_for_slaves(void **state)
{
    static const char *const flows[] = { "actions=controller(pause),output:300", NULL };
    struct ofp_msg slave = { .type = OFPT_ROLE_REQUEST, .role_request = { .role = OFPCR_ROLE_SLAVE } };
    struct world *w = world_with(flows);
    struct waiting p;

    give(w);
    hear(w, &p);
    tape_say(&w->tape, &slave);
    assert_non_null(tape_hear(&w->tape));
    answer(&w->tape, &p);
    assert_refused(&w->tape, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE, "a slave");
    world_free(w);
}

/* A meter of the action's own. */
static void is_metered(void **state)
{
    struct ofp_meter_band band = { .type = OFPMBT_DROP, .rate = 1, .burst_size = 2 };
    struct ofp_msg mod = { .type = OFPT_METER_MOD,
                           .meter_mod = { .command = OFPMC_ADD,
                                          .flags = OFPMF_PKTPS | OFPMF_BURST,
                                          .meter_id = 5,
                                          .bands = &band,
                                          .n_bands = 1 } };
    static const char *const none[] = { NULL };
    struct world *w = world_with(none);

    tape_say_flow(&w->tape, "add actions=controller(meter_id=5)");
    assert_refused(&w->tape, OFPET_METER_MOD_FAILED, OFPMMFC_UNKNOWN_METER, "there is none");
    tape_say(&w->tape, &mod);
    tape_say_flow(&w->tape, "add actions=controller(meter_id=5),output:300");
    assert_silence(&w->tape);
    for (int i = 0; i < 5; i++)
        give(w);
    for (int i = 0; i < 2; i++)
        assert_non_null(tape_hear(&w->tape));
    assert_silence(&w->tape);
    assert_int_equal(drops(w, DROP_METER), 3);
    assert_string_equal(told(w), "01>02 01>02 01>02 01>02 01>02");
    world_free(w);
}

static int group_start(void **state)
{
    return world_start();
}

static int group_stop(void **state)
{
    world_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on),    cmocka_unit_test(needs_no_rules), cmocka_unit_test(may_be_changed),
        cmocka_unit_test(is_bounded), cmocka_unit_test(trusts_nobody),  cmocka_unit_test(is_not_for_slaves),
        cmocka_unit_test(is_metered),
    };

    return cmocka_run_group_tests(tests, group_start, group_stop);
}

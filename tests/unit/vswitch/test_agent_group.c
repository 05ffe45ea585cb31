/* SPDX-License-Identifier: Apache-2.0 */
/* test_agent_group.c - groups as controllers see them: made, changed, deleted, asked for, refused. */
#include "agent_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "datapath/port_mem.h"
#include "openflow/group_text.h"
#include "vswitch/group_table.h"

/* "add group_id=1,type=...", "mod ...", "del group_id=1" */
static void say_group(struct tape *t, const char *text)
{
    static const struct {
        const char *word;
        enum ofp_group_mod_command command;
    } words[] = { { "add ", OFPGC_ADD }, { "mod ", OFPGC_MODIFY }, { "del ", OFPGC_DELETE } };
    struct ofp_msg m = { .type = OFPT_GROUP_MOD };
    struct errbuf e = { { 0 } };
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strncmp(text, words[i].word, 4)) {
            if (group_text_parse(&m.group_mod, &arena, text + 4, words[i].command, NULL, &e))
                fail_msg("%s: %s", text, e.text);
            tape_say(t, &m);
        }
    arena_fini(&arena);
}

static void make(struct tape *t, const char *text)
{
    say_group(t, text);
    assert_silence(t);
}

/* Every group as ovs-ofctl shows them, one a line. */
static const char *dump_groups(struct tape *t)
{
    static char text[8192];
    struct ofp_msg m = { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_GROUP_DESC } };
    const struct ofp_msg *r;
    struct str s = { 0 };

    tape_say(t, &m);
    r = tape_hear(t);
    assert_non_null(r);
    assert_int_equal(r->multipart_reply.type, OFPMP_GROUP_DESC);
    for (size_t i = 0; i < r->multipart_reply.group_desc.n_groups; i++) {
        group_text_print_desc(&s, &r->multipart_reply.group_desc.groups[i], NULL);
        str_add_char(&s, '\n');
    }
    snprintf(text, sizeof text, "%s", str_text(&s));
    str_fini(&s);
    return text;
}

static const struct ofp_group_stats *stats_of(struct tape *t, uint32_t id)
{
    struct ofp_msg m = { .type = OFPT_MULTIPART_REQUEST,
                         .multipart_request = { .type = OFPMP_GROUP, .group = { .group_id = id } } };
    const struct ofp_msg *r;

    tape_say(t, &m);
    r = tape_hear(t);
    assert_non_null(r);
    assert_int_equal(r->multipart_reply.type, OFPMP_GROUP);
    return r->multipart_reply.group.n_groups ? r->multipart_reply.group.groups : NULL;
}

/* One frame in by port 7; how many leave by 300. */
static int forward(struct world *w)
{
    static const uint8_t frame[60] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5 };
    uint8_t out[2048];
    int n = 0;

    assert_int_equal(port_mem_give(w->ports[0].port, 0, frame, sizeof frame), 0);
    world_turn(w);
    world_turn(w);
    while (port_mem_take(w->ports[1].port, 0, out, sizeof out))
        n++;
    return n;
}

static void life(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    const struct ofp_group_stats *st;

    make(t, "add group_id=5,type=all,bucket=actions=output:300,bucket=actions=set_field:02:00:00:00:00:77->eth_dst,"
            "output:300");
    make(t, "add group_id=3,type=indirect,bucket=actions=group:5");
    make(t, "add group_id=4,type=ff,bucket=watch_port:300,actions=output:300,bucket=watch_group:5,actions=drop");
    make(t, "add group_id=0,type=select,bucket=weight:0,actions=drop,bucket=weight:7,actions=group:3");
    assert_string_equal(
        dump_groups(t),
        "group_id=0,type=select,bucket=weight:0,actions=drop,bucket=weight:7,actions=group:3\n"
        "group_id=3,type=indirect,bucket=actions=group:5\n"
        "group_id=4,type=ff,bucket=watch_port:300,actions=output:300,bucket=watch_group:5,actions=drop\n"
        "group_id=5,type=all,bucket=actions=output:300,bucket=actions="
        "set_field:02:00:00:00:00:77->eth_dst,output:300\n");
    tape_say_flow(t, "add priority=1,actions=group:0,group:3,group:0");
    tape_say_flow(t, "add priority=2,in_port=300,actions=write_actions(group:3)");
    assert_silence(t);
    assert_string_equal(tape_dump(t, "out_group=3"), tape_dump(t, ""));
    assert_string_equal(tape_dump(t, "out_group=5"), "");
    assert_int_equal(forward(w), 6);

    clock_warp(&w->clock, 3 * (uint64_t)NSEC_PER_S + 5);
    st = stats_of(t, 3);
    assert_int_equal(st->ref_count, 3); /* two flows, and group 0 */
    assert_int_equal(st->packet_count, 3);
    assert_int_equal(st->byte_count, 180);
    assert_int_equal(st->duration_sec, 3);
    assert_int_equal(st->duration_nsec, 5);
    assert_int_equal(st->n_buckets, 1);
    assert_int_equal(st->buckets[0].packet_count, 3);
    st = stats_of(t, OFPG_ALL);
    assert_int_equal(st[0].group_id, 0);
    assert_int_equal(st[0].ref_count, 1);
    assert_int_equal(st[0].buckets[0].packet_count, 0);
    assert_int_equal(st[0].buckets[1].packet_count, 2);
    assert_int_equal(st[3].ref_count, 1); /* group 3; that 4 watches it is no reference */
    assert_null(stats_of(t, 77));

    /* a change goes on counting, but for its buckets, and keeps its age and its flows */
    make(t, "mod group_id=3,type=all,bucket=actions=output:300");
    st = stats_of(t, 3);
    assert_int_equal(st->packet_count, 3);
    assert_int_equal(st->buckets[0].packet_count, 0);
    assert_int_equal(st->duration_sec, 3);
    assert_int_equal(stats_of(t, 5)->ref_count, 0);
    assert_int_equal(forward(w), 3);
    make(t, "mod group_id=3,type=all");
    assert_int_equal(forward(w), 0);
    assert_int_equal(stats_of(t, 3)->n_buckets, 0);
    world_free(w);
}

/* A group takes its flows with it; they are told as such. */
static void deletion(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    const struct ofp_msg *r;

    make(t, "add group_id=1,type=all,bucket=actions=output:300");
    make(t, "add group_id=2,type=all,bucket=actions=output:300");
    tape_say_flow(t, "add priority=1,send_flow_rem,actions=output:300,group:1");
    tape_say_flow(t, "add table=7,priority=2,send_flow_rem,actions=write_actions(group:1)");
    tape_say_flow(t, "add table=7,priority=3,actions=write_actions(group:2)");
    tape_say_flow(t, "add table=8,priority=4,actions=output:300");
    make(t, "del group_id=9");
    say_group(t, "del group_id=1");
    for (int i = 0; i < 2; i++) {
        r = tape_hear(t);
        assert_non_null(r);
        assert_int_equal(r->type, OFPT_FLOW_REMOVED);
        assert_int_equal(r->flow_removed.reason, OFPRR_GROUP_DELETE);
        assert_int_equal(r->flow_removed.priority, i + 1);
    }
    assert_silence(t);
    assert_string_equal(tape_dump(t, ""), "table=7, n_packets=0, n_bytes=0, priority=3 actions=write_actions(group:2)\n"
                                          "table=8, n_packets=0, n_bytes=0, priority=4 actions=output:300\n");
    assert_string_equal(dump_groups(t), "group_id=2,type=all,bucket=actions=output:300\n");
    make(t, "add group_id=3,type=all,bucket=actions=group:2");
    make(t, "del ");
    assert_string_equal(tape_dump(t, ""), "table=8, n_packets=0, n_bytes=0, priority=4 actions=output:300\n");
    assert_string_equal(dump_groups(t), "");
    make(t, "del ");
    world_free(w);
}

static void refusals(void **state)
{
    static const struct {
        const char *text;
        uint16_t type, code;
    } cases[] = {
        { "add group_id=1,type=all", OFPET_GROUP_MOD_FAILED, OFPGMFC_GROUP_EXISTS },
        { "mod group_id=7,type=all", OFPET_GROUP_MOD_FAILED, OFPGMFC_UNKNOWN_GROUP },
        { "add group_id=7,type=ff,bucket=actions=output:300", OFPET_GROUP_MOD_FAILED, OFPGMFC_INVALID_GROUP },
        { "add group_id=7,type=all,bucket=watch_port:300,actions=output:300", OFPET_GROUP_MOD_FAILED,
          OFPGMFC_WATCH_UNSUPPORTED },
        { "add group_id=7,type=indirect,bucket=watch_group:1,actions=output:300", OFPET_GROUP_MOD_FAILED,
          OFPGMFC_WATCH_UNSUPPORTED },
        { "add group_id=7,type=ff,bucket=watch_group:6,actions=output:300", OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_WATCH },
        { "add group_id=7,type=ff,bucket=watch_port:0,actions=output:300", OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_WATCH },
        { "add group_id=7,type=ff,bucket=watch_port:ALL,actions=output:300", OFPET_GROUP_MOD_FAILED,
          OFPGMFC_BAD_WATCH },
        { "add group_id=7,type=ff,bucket=watch_group:7,actions=output:300", OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_WATCH },
        { "mod group_id=4,type=ff,bucket=watch_group:5,actions=output:300", OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_WATCH },
        { "add group_id=7,type=all,bucket=actions=group:7", OFPET_GROUP_MOD_FAILED, OFPGMFC_LOOP },
        { "mod group_id=1,type=select,bucket=actions=group:3", OFPET_GROUP_MOD_FAILED, OFPGMFC_LOOP },
        { "add group_id=7,type=all,bucket=actions=group:8", OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP },
        { "add group_id=7,type=all,bucket=actions=output:TABLE", OFPET_BAD_ACTION, OFPBAC_BAD_OUT_PORT },
        { "add group_id=7,type=all,bucket=actions=resubmit(,3)", OFPET_BAD_ACTION, OFPBAC_BAD_EXP_TYPE },
        { "del group_id=2", OFPET_GROUP_MOD_FAILED, OFPGMFC_CHAINED_GROUP },
    };
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_bucket bucket = { .weight = 3, .watch_port = OFPP_ANY, .watch_group = OFPG_ANY };
    struct ofp_bucket many[GROUP_BUCKETS_MAX + 1];
    struct ofp_msg m = { .type = OFPT_GROUP_MOD, .group_mod = { .group_id = 7, .buckets = &bucket, .n_buckets = 1 } };
    char before[1024];

    make(t, "add group_id=1,type=indirect,bucket=actions=output:300");
    make(t, "add group_id=2,type=all,bucket=actions=group:1");
    make(t, "add group_id=3,type=all,bucket=actions=group:2");
    make(t, "add group_id=4,type=ff,bucket=watch_port:300,actions=output:300");
    make(t, "add group_id=5,type=select,bucket=watch_group:4,actions=output:300");
    snprintf(before, sizeof before, "%s", dump_groups(t));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        say_group(t, cases[i].text);
        assert_refused(t, cases[i].type, cases[i].code, cases[i].text);
    }
    tape_say(t, &m);
    assert_refused(t, OFPET_GROUP_MOD_FAILED, OFPGMFC_INVALID_GROUP, "weight in a group of type all");
    m.group_mod = (struct ofp_group_mod){ .type = OFPGT_INDIRECT, .group_id = 7 };
    tape_say(t, &m);
    assert_refused(t, OFPET_GROUP_MOD_FAILED, OFPGMFC_INVALID_GROUP, "indirect without a bucket");
    for (int i = 0; i < 2; i++) {
        m.group_mod = (struct ofp_group_mod){ .command = i ? OFPGC_ADD : OFPGC_MODIFY, .group_id = OFPG_MAX + 1 };
        tape_say(t, &m);
        assert_refused(t, OFPET_GROUP_MOD_FAILED, OFPGMFC_INVALID_GROUP, "id");
    }
    bucket.weight = 0;
    for (int i = 0; i <= GROUP_BUCKETS_MAX; i++)
        many[i] = bucket;
    m.group_mod = (struct ofp_group_mod){ .group_id = 7, .buckets = many, .n_buckets = GROUP_BUCKETS_MAX + 1 };
    tape_say(t, &m);
    assert_refused(t, OFPET_GROUP_MOD_FAILED, OFPGMFC_OUT_OF_BUCKETS, "buckets");
    tape_say_flow(t, "add actions=group:7");
    assert_refused(t, OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP, "a flow to no group");
    assert_string_equal(dump_groups(t), before);

    for (uint32_t id = 100; id < 100 + WORLD_GROUPS - 5; id++) {
        m.group_mod = (struct ofp_group_mod){ .group_id = id };
        tape_say(t, &m);
    }
    assert_silence(t);
    m.group_mod.group_id = 99;
    tape_say(t, &m);
    assert_refused(t, OFPET_GROUP_MOD_FAILED, OFPGMFC_OUT_OF_GROUPS, "one too many");
    world_free(w);
}

/* A long list is told in parts, as the connection has room, without what goes meanwhile. */
static void long_list(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_bucket buckets[20];
    struct ofp_msg m = { .type = OFPT_GROUP_MOD, .group_mod = { .buckets = buckets, .n_buckets = 20 } };
    struct ofp_msg ask = { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_GROUP_DESC } };
    const struct ofp_msg *r;
    size_t n = 0;
    bool has_more = true;

    for (int i = 0; i < 20; i++)
        buckets[i] = (struct ofp_bucket){ .watch_port = OFPP_ANY, .watch_group = OFPG_ANY };
    for (m.group_mod.group_id = 0; m.group_mod.group_id < WORLD_GROUPS; m.group_mod.group_id++)
        tape_say(t, &m);
    t->room = 300 << 10;
    tape_say(t, &ask);
    assert_true(t->is_held);
    for (int i = 0; has_more; i++) {
        assert_true(i < 100);
        while ((r = tape_hear(t))) {
            n += r->multipart_reply.group_desc.n_groups;
            has_more = r->multipart_reply.flags & OFPMPF_REPLY_MORE;
        }
        t->room = 2 << 20;
        world_turn(w);
    }
    assert_int_equal(n, WORLD_GROUPS);
    assert_false(t->is_held);
    world_free(w);
}

static void features(void **state)
{
    struct world *w = world_new(0);
    struct ofp_msg m = { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_GROUP_FEATURES } };
    const struct ofp_group_features *f;

    tape_say(&w->tape, &m);
    f = &tape_hear(&w->tape)->multipart_reply.group_features;
    assert_int_equal(f->types, 0xf);
    assert_int_equal(f->capabilities, 0xf);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(f->max_groups[i], WORLD_GROUPS);
        assert_true(f->actions[i] & 1 << OFPAT_GROUP);
    }
    world_free(w);
}

/* The link of a port that a bucket watches, and its PORT_DOWN. */
static void failover(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_msg down = { .type = OFPT_PORT_MOD,
                            .port_mod = { .port_no = 300, .config = OFPPC_PORT_DOWN, .mask = OFPPC_PORT_DOWN } };

    make(t, "add group_id=1,type=ff,bucket=watch_port:300,actions=output:300,bucket=watch_port:7,actions=in_port");
    tape_say_flow(t, "add priority=1,actions=group:1");
    assert_int_equal(forward(w), 1);
    port_mem_set_link(w->ports[1].port, false);
    assert_true(agent_port_check(&w->ports[1]));
    assert_int_equal(forward(w), 0);
    assert_int_equal(tape_hear(t)->type, OFPT_PORT_STATUS);
    assert_int_equal(stats_of(t, 1)->buckets[1].packet_count, 1);
    port_mem_set_link(w->ports[1].port, true);
    assert_true(agent_port_check(&w->ports[1]));
    assert_int_equal(tape_hear(t)->type, OFPT_PORT_STATUS);
    assert_int_equal(forward(w), 1);
    memcpy(down.port_mod.hw_addr, w->ports[1].status.mac, 6);
    tape_say(t, &down);
    assert_int_equal(tape_hear(t)->type, OFPT_PORT_STATUS);
    assert_int_equal(forward(w), 0);
    assert_int_equal(stats_of(t, 1)->buckets[1].packet_count, 2);
    world_free(w);
}

static void packet_out(void **state)
{
    static const uint8_t frame[60] = { 2, 0, 0, 0, 0, 9 };
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_action act = { .type = OFPAT_GROUP, .group = { 4 } };
    struct ofp_msg m = { .type = OFPT_PACKET_OUT,
                         .packet_out = { .buffer_id = OFP_NO_BUFFER,
                                         .in_port = OFPP_CONTROLLER,
                                         .actions = &act,
                                         .n_actions = 1,
                                         .data = frame,
                                         .n_data = sizeof frame } };
    uint8_t out[2048];

    tape_say(t, &m);
    assert_refused(t, OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP, "packet-out");
    make(t, "add group_id=4,type=all,bucket=actions=output:300,bucket=actions=output:7");
    tape_say(t, &m);
    assert_silence(t);
    world_turn(w);
    world_turn(w);
    assert_int_equal(port_mem_take(w->ports[0].port, 0, out, sizeof out), sizeof frame);
    assert_int_equal(port_mem_take(w->ports[1].port, 0, out, sizeof out), sizeof frame);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life),       cmocka_unit_test(deletion), cmocka_unit_test(refusals),
        cmocka_unit_test(features),   cmocka_unit_test(failover), cmocka_unit_test(long_list),
        cmocka_unit_test(packet_out),
    };
    int failed;

    if (world_start())
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_stop();
    return failed;
}

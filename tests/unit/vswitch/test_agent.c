/* SPDX-License-Identifier: Apache-2.0 */
/* test_agent.c - vswitch/agent.h: what a controller asks and what it is answered, message by message. */
#include "agent_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "datapath/port_mem.h"
#include "openflow/flow_text.h"
#include "vswitch/flow_table.h"

static struct ofp_msg part(enum ofp_multipart_type type)
{
    return (struct ofp_msg){ .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = type } };
}

static const struct ofp_msg *ask(struct tape *t, struct ofp_msg m, enum ofp_type want)
{
    const struct ofp_msg *r;

    tape_say(t, &m);
    r = tape_hear(t);
    assert_non_null(r);
    assert_int_equal(r->type, want);
    assert_int_equal(r->xid, t->xid);
    return r;
}

static void handshake(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    const struct ofp_msg *r;

    r = ask(t, (struct ofp_msg){ .type = OFPT_FEATURES_REQUEST }, OFPT_FEATURES_REPLY);
    assert_int_equal(r->features_reply.datapath_id, 0x1122334455667788);
    assert_int_equal(r->features_reply.n_tables, 254);
    assert_int_equal(r->features_reply.n_buffers, 256);

    struct ofp_msg set = { .type = OFPT_SET_CONFIG, .set_config = { .miss_send_len = 99 } };

    tape_say(t, &set);
    assert_silence(t);
    r = ask(t, (struct ofp_msg){ .type = OFPT_GET_CONFIG_REQUEST }, OFPT_GET_CONFIG_REPLY);
    assert_int_equal(r->get_config_reply.miss_send_len, 99);
    assert_int_equal(r->get_config_reply.flags, OFPC_FRAG_NORMAL);

    uint8_t bytes[] = { 3, 1, 4, 1, 5 };

    r = ask(t, (struct ofp_msg){ .type = OFPT_ECHO_REQUEST, .echo_request = { bytes, sizeof bytes } }, OFPT_ECHO_REPLY);
    assert_int_equal(r->echo_reply.n_data, sizeof bytes);
    assert_memory_equal(r->echo_reply.data, bytes, sizeof bytes);
    ask(t, (struct ofp_msg){ .type = OFPT_BARRIER_REQUEST }, OFPT_BARRIER_REPLY);
    r = ask(t, (struct ofp_msg){ .type = OFPT_QUEUE_GET_CONFIG_REQUEST, .queue_get_config_request = { 300 } },
            OFPT_QUEUE_GET_CONFIG_REPLY);
    assert_int_equal(r->queue_get_config_reply.n_queues, 0);
    assert_silence(t);
    world_free(w);
}

static const uint8_t zero_frame[60];

static const struct {
    const char *name;
    struct ofp_msg m;
    uint16_t type, code;
} refusal_cases[] = {
    { "a reply", { .type = OFPT_FEATURES_REPLY }, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE },
    { "a packet-in", { .type = OFPT_PACKET_IN }, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE },
    { "experimenter",
      { .type = OFPT_EXPERIMENTER, .experimenter = { .experimenter = 5 } },
      OFPET_BAD_REQUEST,
      OFPBRC_BAD_EXPERIMENTER },
    { "drop and reassemble",
      { .type = OFPT_SET_CONFIG, .set_config = { .flags = OFPC_FRAG_MASK } },
      OFPET_SWITCH_CONFIG_FAILED,
      OFPSCFC_BAD_FLAGS },
    { "packet-out, buffer",
      { .type = OFPT_PACKET_OUT, .packet_out = { .buffer_id = 9, .in_port = 7 } },
      OFPET_BAD_REQUEST,
      OFPBRC_BUFFER_UNKNOWN },
    { "packet-out, port",
      { .type = OFPT_PACKET_OUT,
        .packet_out = { .buffer_id = OFP_NO_BUFFER, .in_port = 8, .data = zero_frame, .n_data = 60 } },
      OFPET_BAD_REQUEST,
      OFPBRC_BAD_PORT },
    { "packet-out, short",
      { .type = OFPT_PACKET_OUT,
        .packet_out = { .buffer_id = OFP_NO_BUFFER, .in_port = 7, .data = zero_frame, .n_data = 13 } },
      OFPET_BAD_REQUEST,
      OFPBRC_BAD_PACKET },
    { "packet-out, group",
      { .type = OFPT_PACKET_OUT,
        .packet_out = { .buffer_id = OFP_NO_BUFFER,
                        .in_port = 7,
                        .data = zero_frame,
                        .n_data = 60,
                        .n_actions = 1,
                        .actions = &(struct ofp_action){ .type = OFPAT_GROUP, .group = { 4 } } } },
      OFPET_BAD_ACTION,
      OFPBAC_BAD_OUT_GROUP },
    { "table",
      { .type = OFPT_TABLE_MOD, .table_mod = { .table_id = 254 } },
      OFPET_TABLE_MOD_FAILED,
      OFPTMFC_BAD_TABLE },
    { "table config",
      { .type = OFPT_TABLE_MOD, .table_mod = { .table_id = 3, .config = 4 } },
      OFPET_TABLE_MOD_FAILED,
      OFPTMFC_BAD_CONFIG },
    { "port-mod, port",
      { .type = OFPT_PORT_MOD, .port_mod = { .port_no = 8 } },
      OFPET_PORT_MOD_FAILED,
      OFPPMFC_BAD_PORT },
    { "port-mod, address",
      { .type = OFPT_PORT_MOD, .port_mod = { .port_no = 7, .hw_addr = { 9, 9, 9, 9, 9, 9 } } },
      OFPET_PORT_MOD_FAILED,
      OFPPMFC_BAD_HW_ADDR },
    { "queue config",
      { .type = OFPT_QUEUE_GET_CONFIG_REQUEST, .queue_get_config_request = { 8 } },
      OFPET_QUEUE_OP_FAILED,
      OFPQOFC_BAD_PORT },
    { "flow stats, table",
      { .type = OFPT_MULTIPART_REQUEST,
        .multipart_request = { .type = OFPMP_FLOW,
                               .flow = { .table_id = 254, .out_port = OFPP_ANY, .out_group = OFPG_ANY } } },
      OFPET_BAD_REQUEST,
      OFPBRC_BAD_TABLE_ID },
    { "port stats",
      { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_PORT_STATS, .port_stats = { 8 } } },
      OFPET_BAD_REQUEST,
      OFPBRC_BAD_PORT },
    { "queue stats, port",
      { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_QUEUE, .queue = { 8, OFPQ_ALL } } },
      OFPET_QUEUE_OP_FAILED,
      OFPQOFC_BAD_PORT },
    { "queue stats, queue",
      { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_QUEUE, .queue = { 7, 1 } } },
      OFPET_QUEUE_OP_FAILED,
      OFPQOFC_BAD_QUEUE },
    { "meter stats",
      { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_METER, .meter = { 5 } } },
      OFPET_METER_MOD_FAILED,
      OFPMMFC_UNKNOWN_METER },
    { "set table features, incomplete",
      { .type = OFPT_MULTIPART_REQUEST,
        .multipart_request = { .type = OFPMP_TABLE_FEATURES,
                               .table_features = { &(struct ofp_table_features){ .table_id = 1 }, 1 } } },
      OFPET_TABLE_FEATURES_FAILED,
      OFPTFFC_BAD_ARGUMENT },
    { "more parts",
      { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_PORT_DESC, .flags = 1 } },
      OFPET_BAD_REQUEST,
      OFPBRC_MULTIPART_BUFFER_OVERFLOW },
    { "experimenter part",
      { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_EXPERIMENTER } },
      OFPET_BAD_REQUEST,
      OFPBRC_BAD_EXPERIMENTER },
};

/* Messages that are refused: with what, and nothing changes. */
static void refusals(void **state)
{
    struct world *w = world_new(0);

    for (size_t i = 0; i < sizeof refusal_cases / sizeof *refusal_cases; i++) {
        struct ofp_msg m = refusal_cases[i].m;

        tape_say(&w->tape, &m);
        assert_refused(&w->tape, refusal_cases[i].type, refusal_cases[i].code, refusal_cases[i].name);
    }

    struct ofp_msg port = { .type = OFPT_PORT_MOD, .port_mod = { .port_no = 7, .config = 1 << 4, .mask = 1 << 4 } };

    memcpy(port.port_mod.hw_addr, w->ports[0].status.mac, 6);
    tape_say(&w->tape, &port);
    assert_refused(&w->tape, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_CONFIG, "port-mod, config");
    assert_string_equal(tape_dump(&w->tape, ""), "");
    world_free(w);
}

static void bad_flow_mods(void **state)
{
    static const struct {
        const char *flow;
        int table; /* instead of the flow's; -1: no */
        uint32_t buffer;
        uint16_t type, code;
    } cases[] = {
        { "priority=1,actions=drop", 254, OFP_NO_BUFFER, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID },
        { "priority=1,actions=drop", 255, OFP_NO_BUFFER, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID },
        { "priority=1,actions=drop", -1, 77, OFPET_BAD_REQUEST, OFPBRC_BUFFER_UNKNOWN },
        { "priority=5,check_overlap,in_port=7,actions=drop", -1, OFP_NO_BUFFER, OFPET_FLOW_MOD_FAILED,
          OFPFMFC_OVERLAP },
        { "priority=6,in_port=9,actions=drop", -1, OFP_NO_BUFFER, OFPET_FLOW_MOD_FAILED, OFPFMFC_TABLE_FULL },
    };
    struct world *w = world_new(2);

    tape_say_flow(&w->tape, "add priority=5,tcp,actions=output:300");
    tape_say_flow(&w->tape, "add priority=6,in_port=7,actions=output:300");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ofp_msg m = { .type = OFPT_FLOW_MOD };
        struct arena arena;
        struct errbuf e = { { 0 } };

        arena_init(&arena);
        assert_int_equal(flow_text_parse(&m.flow_mod, &arena, cases[i].flow, FLOW_TEXT_ADD, NULL, &e), 0);
        if (cases[i].table >= 0)
            m.flow_mod.table_id = (uint8_t)cases[i].table;
        m.flow_mod.buffer_id = cases[i].buffer;
        tape_say(&w->tape, &m);
        assert_refused(&w->tape, cases[i].type, cases[i].code, cases[i].flow);
        arena_fini(&arena);
    }

    /* Instructions that do not go. */
    struct ofp_instruction back = { .type = OFPIT_GOTO_TABLE, .goto_table = { 3 } };
    struct ofp_instruction meter = { .type = OFPIT_METER, .meter = { 3 } };
    struct ofp_msg m = { .type = OFPT_FLOW_MOD,
                         .flow_mod = { .table_id = 3,
                                       .buffer_id = OFP_NO_BUFFER,
                                       .out_port = OFPP_ANY,
                                       .out_group = OFPG_ANY,
                                       .instructions = &back,
                                       .n_instructions = 1 } };

    tape_say(&w->tape, &m);
    assert_refused(&w->tape, OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID, "goto the same table");
    m.flow_mod.instructions = &meter;
    tape_say(&w->tape, &m);
    assert_refused(&w->tape, OFPET_METER_MOD_FAILED, OFPMMFC_UNKNOWN_METER, "no such meter");
    assert_string_equal(tape_dump(&w->tape, ""),
                        "table=0, n_packets=0, n_bytes=0, priority=5,tcp actions=output:300\n"
                        "table=0, n_packets=0, n_bytes=0, priority=6,in_port=7 actions=output:300\n");
    world_free(w);
}

static void flows(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;

    tape_say_flow(t, "add table=3,priority=9,idle_timeout=4,hard_timeout=5,send_flow_rem,in_port=7,dl_vlan=10,"
                     "actions=pop_vlan,output:300,goto_table:8");
    tape_say_flow(t, "add cookie=0x1f,priority=2,ip,nw_dst=10.1.0.0/16,actions=write_metadata:0x5/0xf,goto_table:3");
    tape_say_flow(t, "add cookie=0x2f,priority=2,ip,nw_dst=10.2.0.0/16,actions=controller:65535");
    assert_silence(t);
    assert_string_equal(
        tape_dump(t, ""),
        "table=0, n_packets=0, n_bytes=0, priority=2,ip,nw_dst=10.1.0.0/16 "
        "actions=write_metadata:0x5/0xf,goto_table:3\n"
        "table=0, n_packets=0, n_bytes=0, priority=2,ip,nw_dst=10.2.0.0/16 actions=CONTROLLER:65535\n"
        "table=3, n_packets=0, n_bytes=0, idle_timeout=4, hard_timeout=5, send_flow_rem priority=9,in_port=7,"
        "dl_vlan=10 actions=pop_vlan,output:300,goto_table:8\n");
    assert_string_equal(tape_dump(t, "out_port=300,table=3"), tape_dump(t, "table=3"));
    assert_string_equal(tape_dump(t, "out_port=7"), "");
    assert_string_equal(tape_dump(t, "cookie=0x10/0x10,ip,nw_dst=10.1.0.0/16"), tape_dump(t, "cookie=0x1f/-1"));

    struct ofp_msg sum = part(OFPMP_AGGREGATE);

    sum.multipart_request.aggregate = (struct ofp_flow_stats_request){ 0, OFPP_ANY, OFPG_ANY, 0, 0, { NULL, 0 } };
    assert_int_equal(ask(t, sum, OFPT_MULTIPART_REPLY)->multipart_reply.aggregate.flow_count, 2);

    tape_say_flow(t, "mod cookie=0x1f/-1,ip,actions=drop");
    tape_say_flow(t, "del cookie=0x2f/-1,ip");
    tape_say_flow(t, "del_strict table=3,priority=8,in_port=7,dl_vlan=10");
    assert_string_equal(tape_dump(t, "table=0"),
                        "table=0, n_packets=0, n_bytes=0, priority=2,ip,nw_dst=10.1.0.0/16 actions=drop\n");

    /* Its end is told. */
    assert_silence(t);
    clock_warp(&w->clock, 4 * (uint64_t)NSEC_PER_S + 2 * WHEEL_TICK_NS);
    world_turn(w);

    const struct ofp_msg *r = tape_hear(t);

    assert_non_null(r);
    assert_int_equal(r->type, OFPT_FLOW_REMOVED);
    assert_int_equal(r->flow_removed.reason, OFPRR_IDLE_TIMEOUT);
    assert_int_equal(r->flow_removed.table_id, 3);
    assert_int_equal(r->flow_removed.priority, 9);
    assert_int_equal(r->flow_removed.duration_sec, 4);
    assert_int_equal(r->flow_removed.idle_timeout, 4);
    assert_int_equal(r->flow_removed.hard_timeout, 5);
    assert_int_equal(r->flow_removed.match.n_oxms, 2);
    assert_silence(t);
    tape_say_flow(t, "add send_flow_rem,actions=drop");
    tape_say_flow(t, "del table=0");
    r = tape_hear(t);
    assert_int_equal(r->flow_removed.reason, OFPRR_DELETE);
    assert_silence(t);
    world_free(w);
}

static void parts(void **state)
{
    struct world *w = world_new(50);
    struct tape *t = &w->tape;
    const struct ofp_msg *r;
    size_t n = 0;

    r = ask(t, part(OFPMP_DESC), OFPT_MULTIPART_REPLY);
    assert_string_equal(r->multipart_reply.desc.dp_desc, "br5");
    assert_string_equal(r->multipart_reply.desc.mfr_desc, "trama");
    r = ask(t, part(OFPMP_TABLE), OFPT_MULTIPART_REPLY);
    assert_int_equal(r->multipart_reply.table.n_tables, 254);
    r = ask(t, part(OFPMP_PORT_DESC), OFPT_MULTIPART_REPLY);
    assert_int_equal(r->multipart_reply.port_desc.n_ports, 2);

    struct ofp_msg one = part(OFPMP_PORT_STATS);

    one.multipart_request.port_stats.port_no = 300;
    r = ask(t, one, OFPT_MULTIPART_REPLY);
    assert_int_equal(r->multipart_reply.port_stats.n_ports, 1);
    assert_int_equal(r->multipart_reply.port_stats.ports[0].port_no, 300);
    one.multipart_request.port_stats.port_no = OFPP_ANY;
    assert_int_equal(ask(t, one, OFPT_MULTIPART_REPLY)->multipart_reply.port_stats.n_ports, 2);

    struct ofp_msg queue = part(OFPMP_QUEUE), meter = part(OFPMP_METER);

    queue.multipart_request.queue = (struct ofp_queue_stats_request){ OFPP_ANY, OFPQ_ALL };
    meter.multipart_request.meter.meter_id = OFPM_ALL;
    assert_int_equal(ask(t, queue, OFPT_MULTIPART_REPLY)->multipart_reply.queue.n_queues, 0);
    assert_int_equal(ask(t, part(OFPMP_GROUP), OFPT_MULTIPART_REPLY)->multipart_reply.group.n_groups, 0);
    assert_int_equal(ask(t, part(OFPMP_GROUP_DESC), OFPT_MULTIPART_REPLY)->multipart_reply.group_desc.n_groups, 0);
    assert_int_equal(ask(t, part(OFPMP_GROUP_FEATURES), OFPT_MULTIPART_REPLY)->multipart_reply.group_features.types,
                     0xf);
    assert_int_equal(ask(t, meter, OFPT_MULTIPART_REPLY)->multipart_reply.meter.n_meters, 0);
    assert_int_equal(ask(t, part(OFPMP_METER_FEATURES), OFPT_MULTIPART_REPLY)->multipart_reply.meter_features.max_meter,
                     WORLD_METERS);
    assert_silence(t);

    struct ofp_msg features = part(OFPMP_TABLE_FEATURES);

    tape_say(t, &features);
    do {
        r = tape_hear(t);
        assert_non_null(r);
        for (size_t i = 0; i < r->multipart_reply.table_features.n_tables; i++) {
            const struct ofp_table_features *f = &r->multipart_reply.table_features.tables[i];

            assert_int_equal(f->table_id, n++);
            assert_int_equal(f->max_entries, 50);
            assert_int_equal(f->n_properties, 14);
        }
    } while (r->multipart_reply.flags & OFPMPF_REPLY_MORE);
    assert_int_equal(n, 254);
    assert_silence(t);
    world_free(w);
}

static void roles(void **state)
{
    struct world *w = world_new(0);
    struct tape *a = &w->tape, b;
    struct ofp_msg claim = { .type = OFPT_ROLE_REQUEST, .role_request = { OFPCR_ROLE_MASTER, 41 } };
    struct ofp_msg ask_role = { .type = OFPT_ROLE_REQUEST, .role_request = { OFPCR_ROLE_NOCHANGE, 0 } };
    const struct ofp_msg *r;

    tape_open(&b, w, SESSION_CONTROLLER);
    assert_int_equal(ask(a, ask_role, OFPT_ROLE_REPLY)->role_reply.role, OFPCR_ROLE_EQUAL);
    assert_int_equal(ask(a, claim, OFPT_ROLE_REPLY)->role_reply.role, OFPCR_ROLE_MASTER);
    claim.role_request.generation_id = 40;
    tape_say(&b, &claim);
    assert_refused(&b, OFPET_ROLE_REQUEST_FAILED, OFPRRFC_STALE, "an old generation");
    claim.role_request.generation_id = 42;
    r = ask(&b, claim, OFPT_ROLE_REPLY);
    assert_int_equal(r->role_reply.role, OFPCR_ROLE_MASTER);
    assert_int_equal(r->role_reply.generation_id, 42);
    assert_int_equal(ask(a, ask_role, OFPT_ROLE_REPLY)->role_reply.role, OFPCR_ROLE_SLAVE);

    tape_say_flow(a, "add actions=drop");
    assert_refused(a, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE, "a slave's flow-mod");
    assert_string_equal(tape_dump(a, ""), "");

    /* A slave hears of ports only, until it asks for more. */
    tape_say_flow(&b, "add send_flow_rem,actions=drop");
    tape_say_flow(&b, "del ");
    assert_silence(a);
    assert_int_equal(tape_hear(&b)->type, OFPT_FLOW_REMOVED);
    r = ask(a, (struct ofp_msg){ .type = OFPT_GET_ASYNC_REQUEST }, OFPT_GET_ASYNC_REPLY);
    assert_int_equal(r->get_async_reply.packet_in_mask[0], 3);
    assert_int_equal(r->get_async_reply.packet_in_mask[1], 0);

    struct ofp_msg set = { .type = OFPT_SET_ASYNC, .set_async = { .flow_removed_mask = { 0, 1 << OFPRR_DELETE } } };

    tape_say(a, &set);
    tape_say_flow(&b, "add send_flow_rem,actions=drop");
    tape_say_flow(&b, "del ");
    assert_int_equal(tape_hear(a)->type, OFPT_FLOW_REMOVED);
    assert_silence(a);
    tape_close(&b);
    world_free(w);
}

static void ports(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_msg mod = { .type = OFPT_PORT_MOD,
                           .port_mod = {
                               .port_no = 7, .config = OFPPC_NO_FWD | OFPPC_PORT_DOWN, .mask = OFPPC_NO_FWD } };
    const struct ofp_msg *r;

    memcpy(mod.port_mod.hw_addr, w->ports[0].status.mac, 6);
    tape_say(t, &mod);
    r = tape_hear(t);
    assert_non_null(r);
    assert_int_equal(r->type, OFPT_PORT_STATUS);
    assert_int_equal(r->port_status.reason, OFPPR_MODIFY);
    assert_int_equal(r->port_status.desc.port_no, 7);
    assert_string_equal(r->port_status.desc.name, "seven");
    assert_int_equal(r->port_status.desc.config, OFPPC_NO_FWD);
    tape_say(t, &mod); /* nothing changes, nothing is told */
    assert_silence(t);

    port_mem_set_link(w->ports[1].port, false);
    assert_true(agent_port_check(&w->ports[1]));
    r = tape_hear(t);
    assert_int_equal(r->port_status.desc.port_no, 300);
    assert_int_equal(r->port_status.desc.state, OFPPS_LINK_DOWN);
    assert_false(agent_port_check(&w->ports[1]));
    port_mem_set_gone(w->ports[1].port);
    assert_true(agent_port_check(&w->ports[1]));
    assert_int_equal(tape_hear(t)->type, OFPT_PORT_STATUS);
    agent_port_remove(w->agent, &w->ports[1]);
    assert_int_equal(tape_hear(t)->port_status.reason, OFPPR_DELETE);
    assert_null(agent_port_find(w->agent, 300));
    agent_port_add(w->agent, &w->ports[1]);
    assert_int_equal(tape_hear(t)->port_status.reason, OFPPR_ADD);
    world_free(w);
}

static void packets(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape, service;
    const struct ofp_msg *r;
    uint8_t frame[60] = { 0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5, 1, 2, 3 }, got[100];
    struct ofp_action out = { .type = OFPAT_OUTPUT, .output = { .port = 300 } };

    tape_open(&service, w, SESSION_SERVICE);
    tape_say_flow(t, "add cookie=0x77,priority=3,in_port=7,actions=write_metadata:0x9,goto_table:2");
    tape_say_flow(t, "add cookie=0x78,table=2,priority=0,actions=controller:20");
    assert_int_equal(port_mem_give(w->ports[0].port, 0, frame, sizeof frame), 0);
    world_turn(w);
    r = tape_hear(t);
    assert_non_null(r);
    assert_int_equal(r->type, OFPT_PACKET_IN);
    assert_int_not_equal(r->packet_in.buffer_id, OFP_NO_BUFFER);
    assert_int_equal(r->packet_in.total_len, sizeof frame);
    assert_int_equal(r->packet_in.n_data, 20);
    assert_memory_equal(r->packet_in.data, frame, 20);
    assert_int_equal(r->packet_in.table_id, 2);
    assert_int_equal(r->packet_in.cookie, 0x78);
    assert_int_equal(r->packet_in.reason, OFPR_NO_MATCH); /* of a table-miss flow */
    assert_int_equal(r->packet_in.match.n_oxms, 2);
    assert_int_equal(r->packet_in.match.oxms[0].field, FIELD_IN_PORT);
    assert_int_equal(r->packet_in.match.oxms[0].value.lo, 7);
    assert_int_equal(r->packet_in.match.oxms[1].field, FIELD_METADATA);
    assert_int_equal(r->packet_in.match.oxms[1].value.lo, 9);
    assert_silence(t);
    assert_silence(&service);

    /* The management session hears of it when it asks for bytes. */
    struct ofp_msg set = { .type = OFPT_SET_CONFIG, .set_config = { .miss_send_len = 128 } };

    tape_say(&service, &set);
    assert_int_equal(port_mem_give(w->ports[0].port, 0, frame, sizeof frame), 0);
    world_turn(w);
    assert_int_equal(tape_hear(t)->type, OFPT_PACKET_IN);
    assert_int_equal(tape_hear(&service)->type, OFPT_PACKET_IN);

    /* And back out, from the controller and through the tables. */
    struct ofp_msg send = { .type = OFPT_PACKET_OUT,
                            .packet_out = { .buffer_id = OFP_NO_BUFFER,
                                            .in_port = OFPP_CONTROLLER,
                                            .actions = &out,
                                            .n_actions = 1,
                                            .data = frame,
                                            .n_data = sizeof frame } };

    tape_say(t, &send);
    world_turn(w);
    assert_int_equal(port_mem_take(w->ports[1].port, 0, got, sizeof got), sizeof frame);
    assert_memory_equal(got, frame, sizeof frame);
    out.output.port = OFPP_TABLE;
    send.packet_out.in_port = 7;
    tape_say(t, &send);
    world_turn(w);
    assert_int_equal(tape_hear(t)->type, OFPT_PACKET_IN);
    assert_silence(t);
    tape_close(&service);
    world_free(w);
}

/* A long dump: in pieces, no more than there is room for, with what comes behind it kept waiting. */
static void long_dump(void **state)
{
    enum { N = 30000 };
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_msg m = part(OFPMP_FLOW);
    size_t n = 0, turns = 0;
    bool is_last = false;
    char text[100];

    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "add table=%d,priority=%d,in_port=%d,actions=output:%d", i % 3, i % 100, i + 1,
                 i + 2);
        tape_say_flow(t, text);
    }
    assert_silence(t);
    m.multipart_request.flow = (struct ofp_flow_stats_request){ OFPTT_ALL, OFPP_ANY, OFPG_ANY, 0, 0, { NULL, 0 } };
    t->room = 600000;
    tape_say(t, &m);
    assert_true(t->is_held);
    while (!is_last) {
        const struct ofp_msg *r = tape_hear(t);

        if (!r) {
            assert_true(++turns < 1000);
            if (t->room < 300000)
                t->room = 600000;
            agent_run(w->agent);
            continue;
        }
        assert_true(t->bytes.len - t->at < 600000);
        assert_int_equal(r->type, OFPT_MULTIPART_REPLY);
        n += r->multipart_reply.flow.n_flows;
        is_last = !(r->multipart_reply.flags & OFPMPF_REPLY_MORE);
    }
    assert_int_equal(n, N);
    assert_true(turns > 3);
    assert_true(t->is_held); /* there is no room for an answer yet */
    t->room = 8 << 20;
    agent_run(w->agent);
    assert_false(t->is_held);

    /* The connection may end in the midst of one. */
    t->room = 600000;
    tape_say(t, &m);
    assert_true(t->is_held);
    world_free(w);
}

/* A controller that does not read: asynchronous messages are dropped and counted, requests wait. */
static void no_room(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_msg barrier = { .type = OFPT_BARRIER_REQUEST };
    struct agent_stats st;
    uint8_t frame[60] = { 0 };

    tape_say_flow(t, "add actions=controller");
    t->room = 100;
    for (int i = 0; i < 3; i++)
        assert_int_equal(port_mem_give(w->ports[0].port, 0, frame, sizeof frame), 0);
    world_turn(w);
    assert_silence(t);
    agent_stats(w->agent, &st);
    assert_int_equal(st.packet_ins, 3);
    assert_int_equal(st.async_dropped, 3);
    tape_say(t, &barrier);
    assert_true(t->is_held);
    assert_int_equal(tape_hear(t)->type, OFPT_BARRIER_REPLY);
    agent_run(w->agent);
    assert_true(t->is_held);
    t->room = SESSION_ROOM;
    agent_run(w->agent);
    assert_false(t->is_held);
    world_free(w);
}

/* --- bytes that are no messages --- */

static size_t record(struct wr *out, struct ofp_msg m)
{
    size_t at = out->len;

    m.version = OFP_VERSION_13;
    m.xid = 0x01020304;
    ofp_encode(out, &m);
    assert_false(out->bad);
    return out->len - at;
}

/* A session with a message of every kind that a controller sends. */
static void record_session(struct wr *out)
{
    static const char *const flow_texts[] = {
        "priority=9,in_port=7,dl_vlan=10,actions=pop_vlan,set_field:02:00:00:00:00:09->eth_dst,output:300,goto_table:8",
        "tcp6,ipv6_src=fd00::/16,tp_dst=80,actions=write_actions(dec_ttl,output:7),write_metadata:0x5/0xf",
        "arp,arp_op=1,actions=push_vlan:0x8100,set_field:4099->vlan_vid,controller:99",
    };
    static const uint8_t frame[60] = { 1, 2, 3 };
    struct ofp_action act = { .type = OFPAT_OUTPUT, .output = { .port = OFPP_FLOOD } };
    struct ofp_bucket bucket = { .watch_port = OFPP_ANY, .watch_group = OFPG_ANY, .actions = &act, .n_actions = 1 };
    struct ofp_meter_band band = { .type = OFPMBT_DROP, .rate = 5 };
    struct arena arena;
    struct errbuf e = { { 0 } };

    arena_init(&arena);
    for (size_t i = 0; i < sizeof flow_texts / sizeof *flow_texts; i++) {
        struct ofp_msg m = { .type = OFPT_FLOW_MOD };

        if (flow_text_parse(&m.flow_mod, &arena, flow_texts[i], FLOW_TEXT_ADD, NULL, &e))
            fail_msg("%s: %s", flow_texts[i], e.text);
        record(out, m);
    }
    arena_fini(&arena);
    record(out, (struct ofp_msg){ .type = OFPT_PACKET_OUT,
                                  .packet_out = { .buffer_id = OFP_NO_BUFFER,
                                                  .in_port = 7,
                                                  .actions = &act,
                                                  .n_actions = 1,
                                                  .data = frame,
                                                  .n_data = sizeof frame } });
    record(out, (struct ofp_msg){ .type = OFPT_GROUP_MOD,
                                  .group_mod = { .group_id = 4, .buckets = &bucket, .n_buckets = 1 } });
    record(out,
           (struct ofp_msg){ .type = OFPT_METER_MOD, .meter_mod = { .meter_id = 4, .bands = &band, .n_bands = 1 } });
    record(out, (struct ofp_msg){ .type = OFPT_PORT_MOD, .port_mod = { .port_no = 7 } });
    record(out, (struct ofp_msg){ .type = OFPT_TABLE_MOD, .table_mod = { .table_id = 7 } });
    record(out, (struct ofp_msg){ .type = OFPT_ROLE_REQUEST, .role_request = { OFPCR_ROLE_EQUAL, 7 } });
    record(out, (struct ofp_msg){ .type = OFPT_SET_ASYNC });
    record(out, (struct ofp_msg){ .type = OFPT_SET_CONFIG });
    record(out, (struct ofp_msg){ .type = OFPT_QUEUE_GET_CONFIG_REQUEST, .queue_get_config_request = { 7 } });
    record(out, (struct ofp_msg){ .type = OFPT_ECHO_REQUEST, .echo_request = { frame, 3 } });
    record(out, (struct ofp_msg){ .type = OFPT_ERROR, .error = { .data = frame, .n_data = 9 } });
    record(out,
           (struct ofp_msg){ .type = OFPT_EXPERIMENTER, .experimenter = { .other = { .data = frame, .n_data = 9 } } });
    record(out, (struct ofp_msg){ .type = OFPT_FEATURES_REQUEST });
    record(out, (struct ofp_msg){ .type = OFPT_BARRIER_REQUEST });
    for (int type = 0; type <= OFPMP_PORT_DESC; type++)
        record(out, part((enum ofp_multipart_type)type));
}

static void truncations(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct wr rec;
    unsigned n = 0;

    wr_init(&rec);
    record_session(&rec);
    for (size_t at = 0, len; at < rec.len; at += len) {
        uint8_t copy[1024];

        len = be16_load(rec.p + at + 2);
        assert_true(len <= sizeof copy);
        for (size_t cut = 0; cut <= len; cut++, n++) {
            /* on the heap, so that a read beyond its end is found */
            uint8_t *p = malloc(cut + 1);

            memcpy(p, rec.p + at, cut);
            tape_say_bytes(t, p, cut);
            if (cut >= OFP_HEADER_SIZE) {
                be16_store(p + 2, (uint16_t)cut);
                tape_say_bytes(t, p, cut);
            }
            free(p);
        }
        for (size_t i = 0; i < len; i++)
            for (int bit = 0; bit < 8; bit++, n++) {
                memcpy(copy, rec.p + at, len);
                copy[i] ^= (uint8_t)(1 << bit);
                tape_say_bytes(t, copy, len);
            }
        wr_reset(&t->bytes);
        t->at = 0;
        t->room = 64 << 20;
        world_turn(w);
    }
    wr_fini(&rec);
    assert_true(n > 10000);
    /* It still works. */
    tape_say_flow(t, "del ");
    wr_reset(&t->bytes);
    t->at = 0;
    ask(t, (struct ofp_msg){ .type = OFPT_BARRIER_REQUEST }, OFPT_BARRIER_REPLY);
    assert_string_equal(tape_dump(t, ""), "");
    world_free(w);
}

static void normal_flow(void **state)
{
    struct world *w = world_new(0);

    assert_int_equal(agent_add_normal_flow(w->agent), 0);
    assert_string_equal(tape_dump(&w->tape, ""), "table=0, n_packets=0, n_bytes=0, priority=0 actions=NORMAL\n");
    tape_say_flow(&w->tape, "del ");
    assert_string_equal(tape_dump(&w->tape, ""), "");
    world_free(w);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake), cmocka_unit_test(refusals),    cmocka_unit_test(bad_flow_mods),
        cmocka_unit_test(flows),     cmocka_unit_test(parts),       cmocka_unit_test(roles),
        cmocka_unit_test(ports),     cmocka_unit_test(packets),     cmocka_unit_test(long_dump),
        cmocka_unit_test(no_room),   cmocka_unit_test(truncations), cmocka_unit_test(normal_flow),
    };
    int failed;

    if (world_start())
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_stop();
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_nx.c - Nicira's actions from the text of a flow to the frame that leaves: vswitch/agent_action_nx.c, datapath/. */
#include "agent_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <rte_mbuf.h>

#include "datapath/drop.h"
#include "datapath/eal.h"
#include "datapath/mbuf_bytes.h"
#include "datapath/port_mem.h"

enum { FRAME = 60, FLOWS_MAX = 10 };

/* 02:00:00:00:00:01 -> 02:00:00:00:00:02, IPv4 10.0.0.1 -> 10.0.0.2, UDP 7 -> 9, TTL 64. */
static const uint8_t udp[FRAME] = {
    2,  0, 0, 0,  0, 2,  2, 0, 0,  0,  0,    1,    8,  0,                    /* Ethernet */
    69, 0, 0, 46, 0, 0,  0, 0, 64, 17, 0x66, 0xbd, 10, 0, 0, 1, 10, 0, 0, 2, /* IPv4 */
    0,  7, 0, 9,  0, 26, 0, 0,                                               /* UDP, no checksum */
};

/* What leaves by port 300 (or 7) is told as text: "DST SRC" of each frame, the last bytes of its addresses. */
static void told(struct world *w, char *out, size_t size)
{
    uint8_t f[2048];
    size_t at = 0;

    out[0] = '\0';
    for (int port = 1; port >= 0; port--)
        while (port_mem_take(w->ports[port].port, 0, f, sizeof f) > 0)
            at += (size_t)snprintf(out + at, size - at, "%s%s%02x>%02x/%u", at ? " " : "", port ? "" : "7:", f[11],
                                   f[5], (unsigned)f[22]);
}

static uint64_t drops(struct world *w, enum drop why)
{
    uint64_t out[DROP_N];

    datapath_drops(w->dp, out);
    return out[why];
}

static void give(struct world *w, const uint8_t *frame)
{
    assert_int_equal(port_mem_give(w->ports[0].port, 0, frame, FRAME), 0);
    world_turn(w);
}

/* Each runs twice, the second time from the cache. */
static const struct {
    const char *name;
    const char *flows[FLOWS_MAX];
    const char *want; /* SRC>DST/TTL of what leaves */
} cases[] = {
    { "move between registers and frame",
      { "actions=move:NXM_OF_ETH_SRC[0..7]->NXM_NX_REG0[8..15],move:NXM_NX_REG0[8..15]->NXM_OF_ETH_DST[0..7],output:300" },
      "01>01/64" },
    { "wide registers lie over the narrow ones",
      { "actions=load:0x11->NXM_NX_REG1[],load:0x22->NXM_NX_REG2[],move:NXM_NX_XXREG0[64..71]->NXM_OF_ETH_SRC[0..7],"
        "move:OXM_OF_PKT_REG1[32..39]->NXM_OF_ETH_DST[0..7],output:300" },
      "11>22/64" },
    { "what is moved decides a later lookup, of UDP",
      { "udp,actions=move:NXM_OF_UDP_DST[]->NXM_NX_REG5[4..19],goto_table:1", "table=1,reg5=0x90,actions=output:300",
        "table=1,priority=1,actions=in_port" },
      "01>02/64" },
    { "moved over two hops",
      { "ip,actions=move:NXM_OF_IP_SRC[0..7]->NXM_NX_REG1[0..7],move:NXM_NX_REG1[0..7]->NXM_NX_REG2[8..15],goto_table:1",
        "table=1,reg2=0x100,actions=output:300", "table=1,priority=1,actions=in_port" },
      "01>02/64" },
    { "the stack",
      { "actions=push:NXM_OF_ETH_SRC[],push:NXM_OF_ETH_DST[],pop:NXM_OF_ETH_SRC[],pop:NXM_OF_ETH_DST[],output:300" },
      "02>01/64" },
    { "the stack over a lookup",
      { "ip,actions=push:NXM_OF_IP_DST[0..7],pop:NXM_NX_REG3[0..7],goto_table:1", "table=1,reg3=2,actions=output:300",
        "table=1,priority=1,actions=in_port" },
      "01>02/64" },
    { "an empty stack gives nothing", { "actions=pop:NXM_OF_ETH_SRC[],output:300" }, "01>02/64" },
    { "resubmit comes back",
      { "actions=resubmit(,1),output:300", "table=1,actions=set_field:02:00:00:00:00:77->eth_src" },
      "77>02/64" },
    { "resubmit within resubmit, and registers stay",
      { "actions=resubmit(,1),resubmit(,3),output:300", "table=1,actions=load:3->NXM_NX_REG0[],resubmit(,2)",
        "table=2,reg0=3,actions=set_field:4->reg1", "table=3,reg1=4,actions=load:0x44->NXM_OF_ETH_SRC[0..7]" },
      "44>02/64" },
    { "resubmit by another port looks up by it, and only that",
      { "in_port=7,actions=resubmit(9,0),in_port", "in_port=9,actions=output:300" },
      "01>02/64 7:01>02/64" },
    { "resubmit:PORT stays in its table",
      { "actions=goto_table:2", "table=2,in_port=7,actions=resubmit:9", "table=2,in_port=9,actions=output:300" },
      "01>02/64" },
    { "a resubmit that finds nothing does nothing", { "actions=resubmit(,9),output:300" }, "01>02/64" },
    { "what a resubmitted rule writes is done at the end",
      { "actions=resubmit(,1),set_field:02:00:00:00:00:55->eth_src", "table=1,actions=write_actions(output:300)" },
      "55>02/64" },
    { "goto in a resubmitted rule comes back",
      { "actions=resubmit(,1),output:300", "table=1,actions=goto_table:2",
        "table=2,actions=set_field:02:00:00:00:00:66->eth_src" },
      "66>02/64" },
    { "clone changes a copy",
      { "actions=clone(set_field:02:00:00:00:00:33->eth_src,load:5->NXM_NX_REG0[],output:300),goto_table:1",
        "table=1,reg0=0,actions=output:300" },
      "33>02/64 01>02/64" },
    { "the action set is done in the clone, and at the end",
      { "actions=write_actions(output:300),goto_table:1", "table=1,actions=clone(load:0x21->NXM_OF_ETH_SRC[0..7])" },
      "21>02/64 01>02/64" },
    { "clone in clone, with a resubmit",
      { "actions=clone(load:0x21->NXM_OF_ETH_SRC[0..7],clone(load:0x22->NXM_OF_ETH_DST[0..7],resubmit(,1)),output:300),"
        "output:300",
        "table=1,actions=output:300" },
      "21>22/64 21>02/64 01>02/64" },
    { "a clone has a stack of its own",
      { "actions=push:NXM_OF_ETH_SRC[],clone(pop:NXM_OF_ETH_DST[],push:NXM_NX_REG0[],output:300),"
        "pop:NXM_OF_ETH_DST[],output:300" },
      "01>01/64 01>01/64" },
    { "exit ends everything",
      { "actions=resubmit(,1),output:300", "table=1,actions=output:300,exit,in_port" },
      "01>02/64" },
    { "exit ends the action set too",
      { "actions=write_actions(output:300),goto_table:1", "table=1,actions=exit,in_port" },
      "" },
    { "exit in a clone ends everything", { "actions=clone(output:300,exit,in_port),output:300" }, "01>02/64" },
    { "output to a register's port",
      { "actions=load:300->NXM_NX_REG4[0..15],output:NXM_NX_REG4[0..15],load:0xfff8->NXM_NX_REG4[0..15],output:NXM_NX_REG4[]" },
      "01>02/64 7:01>02/64" },
    { "output to the port that the frame names", { "udp,actions=load:300->NXM_NX_REG4[],output:reg4" }, "01>02/64" },
    { "a register that is no port", { "actions=load:0x10000->NXM_NX_REG4[],output:NXM_NX_REG4[]" }, "" },
    { "the type of service is the six bits of DSCP, as NXM has it",
      { "ip,actions=load:0xb8->NXM_OF_IP_TOS[],move:NXM_OF_IP_TOS[]->NXM_OF_ETH_SRC[0..7],"
        "load:3->nw_ecn[],move:NXM_OF_IP_TOS[2..7]->NXM_OF_ETH_DST[0..5],goto_table:1",
        "table=1,ip,nw_tos=0xb8,nw_ecn=3,actions=output:300" },
      "b8>2e/64" },
    { "what no frame has reads as zero",
      { "actions=move:NXM_NX_RECIRC_ID[0..7]->NXM_OF_ETH_SRC[0..7],goto_table:1",
        "table=1,recirc_id=0,dp_hash=0/0xf,actions=output:300" },
      "00>02/64" },
    { "pop_queue", { "actions=set_queue:5,pop_queue,output:300" }, "01>02/64" },
    { "note does nothing", { "actions=note:01.02,output:300" }, "01>02/64" },
    { "in_port may be set", { "actions=load:0->NXM_OF_IN_PORT[],output:7" }, "7:01>02/64" },
    { "part of a field may be set", { "ip,actions=load:0xf->NXM_NX_IP_TTL[0..3],output:300" }, "01>02/79" },
    { "dec_ttl with controllers", { "ip,actions=dec_ttl(1,2),output:300" }, "01>02/63" },
    { "vlan_tci pushes and pops",
      { "actions=load:0x1005->NXM_OF_VLAN_TCI[],goto_table:1",
        "table=1,dl_vlan=5,actions=load:0->NXM_OF_VLAN_TCI[],goto_table:2", "table=2,vlan_tci=0,actions=output:300" },
      "01>02/64" },
    { "a lookup behind what only bare bytes tell, within a resubmit",
      { "ip,actions=push_mpls:0x8847,resubmit(,1),load:0x99->NXM_OF_ETH_SRC[0..7],output:300",
        "table=1,mpls,actions=pop_mpls:0x0800,resubmit(,2)",
        "table=2,udp,tp_dst=9,actions=load:0x98->NXM_OF_ETH_DST[0..7]" },
      "99>98/64" },
};

static void check_leaves(const char *name, const char *const flows[FLOWS_MAX], const char *want)
{
    struct world *w = world_new(0);
    char flow[600], got[200];

    for (int j = 0; j < FLOWS_MAX && flows[j]; j++) {
        snprintf(flow, sizeof flow, "add %s", flows[j]);
        tape_say_flow(&w->tape, flow);
    }
    assert_silence(&w->tape);
    for (int round = 0; round < 2; round++) {
        give(w, udp);
        told(w, got, sizeof got);
        if (strcmp(got, want))
            fail_msg("%s: wanted '%s', got '%s'", name, want, got);
    }
    world_free(w);
}

static void leaves(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_leaves(cases[i].name, cases[i].flows, cases[i].want);
}

#define PARTS_OF_5 \
    "ip,nw_src=10.0.0.1,priority=50,actions=conjunction(5,1/2)", \
        "ip,nw_src=10.0.0.7,priority=50,actions=conjunction(5,1/2)", \
        "udp,tp_dst=9,priority=50,actions=conjunction(5,2/2)", "udp,tp_dst=8,priority=50,actions=conjunction(5,2/2)"

/* Each runs twice.  ovs-fields(7), "Conjunctive Match Fields". */
static const struct {
    const char *name;
    const char *flows[FLOWS_MAX];
    const char *want;
} conjunctions[] = {
    { "a whole", { PARTS_OF_5, "conj_id=5,ip,actions=output:300", "priority=1,actions=in_port" }, "01>02/64" },
    { "a clause is missing",
      { "ip,nw_src=10.0.0.1,priority=50,actions=conjunction(5,1/2)",
        "udp,tp_dst=8,priority=50,actions=conjunction(5,2/2)", "conj_id=5,ip,actions=output:300",
        "priority=1,actions=in_port" },
      "7:01>02/64" },
    { "a rule of higher priority wins",
      { PARTS_OF_5, "conj_id=5,ip,actions=output:300", "priority=51,ip,actions=in_port" },
      "7:01>02/64" },
    { "the priority of the final rule does not matter",
      { PARTS_OF_5, "priority=2,conj_id=5,ip,actions=output:300", "priority=49,ip,actions=in_port" },
      "7:01>02/64" },
    { "but it must be there", { PARTS_OF_5, "priority=1,actions=in_port" }, "7:01>02/64" },
    { "parts of other priorities do not count",
      { "ip,nw_src=10.0.0.1,priority=50,actions=conjunction(5,1/2)",
        "udp,tp_dst=9,priority=49,actions=conjunction(5,2/2)", "conj_id=5,ip,actions=output:300",
        "priority=1,actions=in_port" },
      "7:01>02/64" },
    { "one lower, when the higher makes no whole",
      { "ip,nw_src=10.0.0.1,priority=60,actions=conjunction(6,1/3)", PARTS_OF_5, "conj_id=5,ip,actions=output:300",
        "conj_id=6,actions=in_port" },
      "01>02/64" },
    { "one lower, when the higher has no final rule",
      { "ip,nw_src=10.0.0.1,priority=60,actions=conjunction(6,1/2)",
        "udp,tp_dst=9,priority=60,actions=conjunction(6,2/2)", PARTS_OF_5, "conj_id=5,ip,actions=output:300" },
      "01>02/64" },
    { "a part of several",
      { "ip,nw_src=10.0.0.1,priority=50,actions=conjunction(4,1/2),conjunction(5,2/2)",
        "udp,tp_dst=9,priority=50,actions=conjunction(5,1/2),note:01", "conj_id=5,actions=output:300",
        "conj_id=4,actions=in_port" },
      "01>02/64" },
    { "in a table that is resubmitted to",
      { "actions=resubmit(,1)", "table=1,ip,nw_src=10.0.0.1,priority=50,actions=conjunction(5,1/2)",
        "table=1,udp,tp_dst=9,priority=50,actions=conjunction(5,2/2)", "table=1,conj_id=5,actions=output:300" },
      "01>02/64" },
};

static void matches_in_parts(void **state)
{
    for (size_t i = 0; i < sizeof conjunctions / sizeof *conjunctions; i++)
        check_leaves(conjunctions[i].name, conjunctions[i].flows, conjunctions[i].want);
}

/* A frame that asks for too much is dropped whole, with a reason, and the next one is served. */
static void is_bounded(void **state)
{
    struct world *w = world_new(0);
    char flow[120], got[200];

    tape_say_flow(&w->tape, "add actions=output:300,resubmit(,0)");
    give(w, udp);
    told(w, got, sizeof got);
    assert_string_equal(got, "");
    assert_int_equal(drops(w, DROP_RESUBMIT_DEPTH), 1);
    tape_say_flow(&w->tape, "add actions=output:300,clone(resubmit(,0))");
    give(w, udp);
    told(w, got, sizeof got);
    assert_string_equal(got, "");
    assert_int_equal(drops(w, DROP_RESUBMIT_DEPTH), 2);
    for (int i = 0; i < 13; i++) {
        snprintf(flow, sizeof flow, "add table=%d,actions=resubmit(,%d),resubmit(,%d)", i, i + 1, i + 1);
        tape_say_flow(&w->tape, flow);
    }
    give(w, udp);
    assert_int_equal(drops(w, DROP_RESUBMIT_WORK), 1);
    tape_say_flow(&w->tape, "add actions=resubmit(,2),output:300"); /* 2^11 of them */
    give(w, udp);
    told(w, got, sizeof got);
    assert_string_equal(got, "01>02/64");
    assert_int_equal(drops(w, DROP_RESUBMIT_WORK), 1);
    world_free(w);
}

/* What is only moved leaves the cache's mask alone; what is looked up widens it.  Told by the frames that miss. */
static void masks_what_decides(void **state)
{
    struct world *w = world_new(0);
    struct worker_stats before, after;
    uint8_t frame[FRAME];
    char got[200], want[32];

    memcpy(frame, udp, sizeof frame);
    tape_say_flow(&w->tape, "add actions=move:NXM_OF_ETH_SRC[0..7]->NXM_OF_ETH_DST[0..7],output:300");
    give(w, frame);
    told(w, got, sizeof got);
    datapath_worker_stats(w->dp, 0, &before);
    for (uint8_t i = 10; i < 60; i++) {
        frame[11] = i;
        give(w, frame);
        told(w, got, sizeof got);
        snprintf(want, sizeof want, "%02x>%02x/64", i, i);
        assert_string_equal(got, want);
    }
    datapath_worker_stats(w->dp, 0, &after);
    assert_int_equal(after.cache_misses, before.cache_misses);
    tape_say_flow(&w->tape, "add actions=move:NXM_OF_ETH_SRC[0..7]->NXM_NX_REG0[0..7],goto_table:1");
    tape_say_flow(&w->tape, "add table=1,reg0=0x20,actions=output:300");
    tape_say_flow(&w->tape, "add table=1,priority=1,actions=in_port");
    for (uint8_t i = 10; i < 60; i++) {
        frame[11] = i;
        give(w, frame);
        told(w, got, sizeof got);
        snprintf(want, sizeof want, "%s%02x>02/64", i == 0x20 ? "" : "7:", i);
        assert_string_equal(got, want);
    }
    world_free(w);
}

static void give_by(struct world *w, int port, uint8_t src, uint8_t dst)
{
    uint8_t frame[FRAME];

    memcpy(frame, udp, sizeof frame);
    frame[5] = dst;
    frame[11] = src;
    assert_int_equal(port_mem_give(w->ports[port].port, 0, frame, FRAME), 0);
    world_turn(w);
}

/* ovs-actions(7): a learning switch, and flows that live as long as frames ask for them. */
static void learns(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    uint64_t version;
    char got[200];

    tape_say_flow(t,
                  "add actions=learn(table=1,hard_timeout=10,priority=7,cookie=0x9,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],"
                  "output:NXM_OF_IN_PORT[]),goto_table:1");
    tape_say_flow(t, "add table=1,priority=0,actions=output:300");
    give(w, udp);
    told(w, got, sizeof got);
    assert_string_equal(got, "01>02/64"); /* it does not wait for its own flow */
    assert_string_equal(tape_dump(t, "table=1,cookie=9/-1"),
                        "table=1, n_packets=0, n_bytes=0, hard_timeout=10, priority=7,dl_dst=02:00:00:00:00:01 "
                        "actions=output:7\n");
    version = datapath_version(w->dp);
    give(w, udp);
    assert_int_equal(datapath_version(w->dp), version); /* asked for lately */
    told(w, got, sizeof got);
    give_by(w, 1, 0x55, 0x01);
    told(w, got, sizeof got);
    assert_string_equal(got, "7:55>01/64");

    /* asked for anew, it lives on; else its time is over */
    clock_warp(&w->clock, 6 * (uint64_t)NSEC_PER_S);
    give(w, udp);
    clock_warp(&w->clock, 6 * (uint64_t)NSEC_PER_S);
    world_turn(w);
    assert_string_equal(tape_dump(t, "table=1,cookie=9/-1"),
                        "table=1, n_packets=1, n_bytes=60, hard_timeout=10, priority=7,dl_dst=02:00:00:00:00:01 "
                        "actions=output:7\n");
    clock_warp(&w->clock, 6 * (uint64_t)NSEC_PER_S);
    world_turn(w);
    assert_string_equal(tape_dump(t, "table=1,cookie=9/-1"), "");
    world_free(w);
}

/* A station that moves and comes back at once is where it was seen last. */
static void learns_moves(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;

    (void)state;
    tape_say_flow(t, "add actions=learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])");
    give_by(w, 0, 0x01, 0x02);
    give_by(w, 1, 0x01, 0x02);
    give_by(w, 0, 0x01, 0x02);
    assert_non_null(strstr(tape_dump(t, "table=1"), "actions=output:7\n"));
    world_free(w);
}

/* Values of the frame and of the action, in match and actions; a flow that cannot be is counted. */
static void learns_fields(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct agent_stats stats;

    tape_say_flow(t,
                  "add udp,actions=load:0x5->NXM_NX_REG2[],learn(table=3,idle_timeout=4,send_flow_rem,eth_type=0x800,"
                  "nw_proto=17,NXM_OF_UDP_SRC[]=NXM_OF_UDP_DST[],NXM_OF_VLAN_TCI[0..11],in_port=7,"
                  "load:NXM_NX_REG2[0..3]->NXM_NX_REG1[4..7],load:0x3->NXM_NX_REG4[],output:NXM_OF_IN_PORT[])");
    give(w, udp);
    assert_string_equal(
        tape_dump(t, "table=3"),
        "table=3, n_packets=0, n_bytes=0, idle_timeout=4, send_flow_rem udp,in_port=7,vlan_tci=0x0000/0x0fff,"
        "tp_src=9 actions=load:0x5->NXM_NX_REG1[4..7],load:0x3->NXM_NX_REG4[],output:7\n");
    agent_stats(w->agent, &stats);
    assert_int_equal(stats.learn_failed, 0);
    tape_say_flow(t, "add udp,actions=load:0x12345->NXM_NX_REG2[],learn(table=4,output:NXM_NX_REG2[0..31])");
    give(w, udp);
    agent_stats(w->agent, &stats);
    assert_int_equal(stats.learn_failed, 1);
    assert_string_equal(tape_dump(t, "table=4"), "");
    world_free(w);
}

/* Of 64 flows, how many leave by port 300; the others come back, and none takes another way the second time. */
static unsigned by_300(struct world *w)
{
    unsigned n = 0;
    char got[2][200];

    for (uint8_t i = 1; i <= 64; i++) {
        for (int round = 0; round < 2; round++) {
            give_by(w, 0, i, 2);
            told(w, got[round], sizeof got[round]);
        }
        assert_string_equal(got[0], got[1]);
        n += got[0][0] && strncmp(got[0], "7:", 2);
    }
    return n;
}

/* multipath and bundle_load tell what they chose to a later lookup; a bundle passes over ports that are down. */
static void chooses_links(void **state)
{
    static const char *const choices[] = {
        "multipath(eth_src,50,modulo_n,2,0,NXM_NX_REG0[0..7])",
        "multipath(symmetric_l4,50,hash_threshold,2,0,NXM_NX_REG0[0..7])",
        "multipath(symmetric_l4,50,hrw,2,0,NXM_NX_REG0[0..7])",
        "multipath(symmetric_l4,50,iter_hash,2,7,NXM_NX_REG0[0..7])",
        "bundle_load(eth_src,0,hrw,ofport,NXM_NX_REG0[0..15],members:300,7)",
    };
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    char flow[200], got[200];

    tape_say_flow(t, "add table=1,reg0=0,actions=output:300");
    tape_say_flow(t, "add table=1,reg0=300,actions=output:300");
    tape_say_flow(t, "add table=1,reg0=1,actions=in_port");
    tape_say_flow(t, "add table=1,reg0=7,actions=in_port");
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        snprintf(flow, sizeof flow, "add actions=%s,goto_table:1", choices[i]);
        tape_say_flow(t, flow);
        assert_in_range(by_300(w), 10, 54);
    }
    tape_say_flow(t, "add actions=multipath(nw_src,50,hrw,2,0,NXM_NX_REG0[0..7]),goto_table:1");
    assert_int_equal(by_300(w) % 64, 0); /* one address, one link */
    tape_say_flow(t, "add actions=bundle(eth_src,0,hrw,ofport,members:300,7)");
    assert_in_range(by_300(w), 10, 54); /* what would go back is not sent */
    tape_say_flow(
        t, "add actions=bundle_load(eth_src,0,active_backup,ofport,NXM_NX_REG0[0..15],members:300,7),goto_table:1");
    assert_int_equal(by_300(w), 64);
    assert_silence(t);
    port_mem_set_link(w->ports[1].port, false);
    agent_port_check(&w->ports[1]);
    assert_int_equal(by_300(w), 0);
    give(w, udp);
    told(w, got, sizeof got);
    assert_string_equal(got, "7:01>02/64");
    world_free(w);
}

static void say_nx(struct tape *t, struct ofp_nx_message nx)
{
    struct ofp_msg m = { .type = OFPT_EXPERIMENTER, .experimenter = { .experimenter = OFPEXP_NICIRA, .nicira = nx } };

    tape_say(t, &m);
}

/* A session gets packet-ins in the form that it asked for, and those for its own controller id. */
static void packet_in_forms(void **state)
{
    struct world *w = world_new(0);
    struct tape second, third;
    const struct ofp_nx_packet_in2 *p;
    const struct ofp_nx_message *nx;
    const struct ofp_msg *m;

    tape_open(&second, w, SESSION_CONTROLLER);
    tape_open(&third, w, SESSION_CONTROLLER);
    say_nx(&second, (struct ofp_nx_message){ .exp_type = NXT_SET_PACKET_IN_FORMAT,
                                             .set_packet_in_format = { NXPIF_NXT_PACKET_IN2 } });
    say_nx(&second, (struct ofp_nx_message){ .exp_type = NXT_SET_CONTROLLER_ID, .set_controller_id = { 9 } });
    say_nx(&third, (struct ofp_nx_message){ .exp_type = NXT_SET_PACKET_IN_FORMAT,
                                            .set_packet_in_format = { NXPIF_NXT_PACKET_IN } });
    tape_say_flow(&w->tape,
                  "add cookie=0x77,actions=load:5->NXM_NX_REG3[],controller(id=9,userdata=01.02.03),controller");
    assert_silence(&w->tape);
    give(w, udp);

    m = tape_hear(&w->tape);
    assert_non_null(m);
    assert_int_equal(m->type, OFPT_PACKET_IN);
    assert_int_equal(m->packet_in.cookie, 0x77);
    assert_int_equal(m->packet_in.match.n_oxms, 2); /* in_port, reg3 */
    assert_int_equal(m->packet_in.n_data, FRAME);
    assert_silence(&w->tape);

    m = tape_hear(&third);
    assert_non_null(m);
    nx = &m->experimenter.nicira;
    assert_int_equal(nx->exp_type, NXT_PACKET_IN);
    assert_int_equal(nx->packet_in.match_len, 16);
    assert_int_equal(nx->packet_in.n_rest, 16 + 2 + FRAME);
    assert_memory_equal(nx->packet_in.rest + 18, udp, FRAME);
    assert_silence(&third);

    m = tape_hear(&second);
    assert_non_null(m);
    assert_int_equal(m->experimenter.nicira.exp_type, NXT_PACKET_IN2);
    p = &m->experimenter.nicira.packet_in2;
    assert_int_equal(p->n_properties, 6);
    assert_memory_equal(p->properties[0].packet.data, udp, FRAME);
    assert_int_equal(p->properties[2].cookie.value, 0x77);
    assert_int_equal(p->properties[5].type, NXPINT_USERDATA);
    assert_int_equal(p->properties[5].userdata.n_data, 3);
    assert_memory_equal(p->properties[5].userdata.data, "\1\2\3", 3);
    assert_silence(&second);

    say_nx(&second, (struct ofp_nx_message){ .exp_type = NXT_PACKET_IN2 });
    assert_refused(&second, OFPET_BAD_REQUEST, OFPBRC_BAD_EXP_TYPE, "a switch sends these");
    tape_close(&second);
    tape_close(&third);
    world_free(w);
}

/* Nicira's two ways to say who hears of what are as good as the specification's; the second changes only what it names. */
static void async_config(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_msg get = { .type = OFPT_GET_ASYNC_REQUEST };
    struct ofp_async_config set = { { 1, 2 }, { 3, 4 }, { 5, 6 } }, want = { { 7, 2 }, { 3, 9 }, { 8, 6 } };
    struct ofp_nx_async_prop props[] = {
        { NXAPT_PACKET_IN_MASTER, 1 << OFPR_INVALID_TTL | 3 },
        { NXAPT_FLOW_REMOVED_MASTER, 8 },
        { NXAPT_PORT_STATUS_SLAVE, 9 },
        { NXAPT_ROLE_STATUS_MASTER, 1 }, /* there is none in 1.3 */
    };
    uint8_t bad[] = { 4, 4, 0, 24, 0, 0, 0, 5, 0, 0, 0x23, 0x20, 0, 0, 0, 27, 0, 99, 0, 8, 0, 0, 0, 0 };
    const struct ofp_msg *m;
    struct ofp_msg no;
    struct ofp_err err;

    say_nx(t, (struct ofp_nx_message){ .exp_type = NXT_SET_ASYNC_CONFIG, .set_async_config = set });
    tape_say(t, &get);
    m = tape_hear(t);
    assert_non_null(m);
    assert_memory_equal(&m->get_async_reply, &set, sizeof set);
    say_nx(t, (struct ofp_nx_message){ .exp_type = NXT_SET_ASYNC_CONFIG2, .set_async_config2 = { props, 4 } });
    assert_int_equal(ofp_decode(&no, &t->arena, bad, sizeof bad, &err), -EBADMSG);
    assert_true(err.type == OFPET_BAD_REQUEST && err.code == OFPBRC_BAD_EXP_TYPE); /* of type 99 */
    bad[17] = 1;
    bad[19] = 9;
    assert_int_equal(ofp_decode(&no, &t->arena, bad, sizeof bad, &err), -EBADMSG);
    assert_true(err.type == OFPET_BAD_REQUEST && err.code == OFPBRC_BAD_LEN);
    tape_say(t, &get);
    m = tape_hear(t);
    assert_non_null(m);
    assert_memory_equal(&m->get_async_reply, &want, sizeof want);
    assert_silence(t);
    world_free(w);
}

/* output(port=,max_len=): of what leaves by that port alone, the beginning. */
static void cuts(void **state)
{
    static const struct {
        const char *actions, *want; /* bytes of what leaves by 300, and by 7 */
    } wanted[] = {
        { "output(port=300,max_len=20),output:300", "20 60" },
        { "output:300,output(port=300,max_len=14)", "60 14" },
        { "output(port=300,max_len=60),output(port=300,max_len=59)", "60 59" },
        { "output(port=300,max_len=4294967295)", "60" },
        { "output(port=in_port,max_len=30),output:300", "60 7:30" },
        { "output(port=7,max_len=30)", "" }, /* it came from there */
        { "output(port=LOCAL,max_len=30),output:300", "60" },
    };
    static const struct {
        uint16_t port;
        uint32_t max_len;
        uint16_t code;
    } bad[] = { { 300, 13, OFPBAC_BAD_ARGUMENT },
                { 0xfffc, 100, OFPBAC_BAD_OUT_PORT }, /* ALL */
                { 0xfffa, 100, OFPBAC_BAD_OUT_PORT } /* NORMAL */,
                { 0xfffd, 100, OFPBAC_BAD_OUT_PORT }, /* CONTROLLER */
                { 0, 100, OFPBAC_BAD_OUT_PORT } };
    uint8_t f[2048];
    char flow[200], got[200];

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct world *w = world_new(0);

        snprintf(flow, sizeof flow, "add actions=%s", wanted[i].actions);
        tape_say_flow(&w->tape, flow);
        assert_silence(&w->tape);
        for (int round = 0; round < 2; round++) {
            size_t at = 0;
            int n;

            give(w, udp);
            got[0] = '\0';
            for (int port = 1; port >= 0; port--)
                while ((n = port_mem_take(w->ports[port].port, 0, f, sizeof f)) > 0) {
                    assert_memory_equal(f, udp, (size_t)n);
                    at += (size_t)snprintf(got + at, sizeof got - at, "%s%s%d", at ? " " : "", port ? "" : "7:", n);
                }
            if (strcmp(got, wanted[i].want))
                fail_msg("%s: wanted '%s', got '%s'", wanted[i].actions, wanted[i].want, got);
        }
        world_free(w);
    }
    struct world *w = world_new(0);

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ofp_action act = { .type = OFPAT_EXPERIMENTER,
                                  .experimenter = { .experimenter = OFPEXP_NICIRA,
                                                    .nicira = { .subtype = NXAST_OUTPUT_TRUNC,
                                                                .output_trunc = { bad[i].port, bad[i].max_len } } } };
        struct ofp_instruction apply = { .type = OFPIT_APPLY_ACTIONS, .apply_actions = { &act, 1 } };
        struct ofp_msg m = { .type = OFPT_FLOW_MOD,
                             .flow_mod = { .buffer_id = OFP_NO_BUFFER, .instructions = &apply, .n_instructions = 1 } };

        tape_say(&w->tape, &m);
        assert_refused(&w->tape, OFPET_BAD_ACTION, bad[i].code, "output_trunc");
    }
    world_free(w);
}

/* A frame that is still to be segmented is cut after that; and what else is done with it does not suffer. */
static void cuts_segments(void **state)
{
    enum { HEADERS = 54, PAYLOAD = 2000, SEGMENT = 700 };
    static const size_t want[] = {
        100, 100, 100, HEADERS + SEGMENT, HEADERS + SEGMENT, HEADERS + PAYLOAD - 2 * SEGMENT
    };
    struct world *w = world_new(0);
    uint8_t f[HEADERS + PAYLOAD] = { 2, 0, 0, 0, 0, 2,  2, 0, 0, 0,  0, 1, 8, 0,  69, 0, 8,
                                     8, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0,  0, 2 };
    uint8_t out[2048];
    struct rte_mbuf *m;

    f[46] = 5 << 4; /* TCP's header length */
    m = mbuf_of_bytes(eal_pool(), f, sizeof f);
    assert_non_null(m);
    m->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
    m->l2_len = 14;
    m->l3_len = m->l4_len = 20;
    m->tso_segsz = SEGMENT;
    tape_say_flow(&w->tape, "add actions=output(port=300,max_len=100),output:300");
    assert_silence(&w->tape);
    assert_int_equal(port_mem_give_mbuf(w->ports[0].port, 0, m), 0);
    world_turn(w);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_int_equal(port_mem_take(w->ports[1].port, 0, out, sizeof out), want[i]);
    assert_int_equal(port_mem_take(w->ports[1].port, 0, out, sizeof out), 0);
    world_free(w);
}

/* What the switch cannot do is refused when it is said. */
static void refuses(void **state)
{
    static const char *const flows[] = {
        "actions=write_actions(push:NXM_NX_REG0[])",
    };
    struct world *w = world_new(0);
    char flow[200];

    for (size_t i = 0; i < sizeof flows / sizeof *flows; i++) {
        snprintf(flow, sizeof flow, "add %s", flows[i]);
        tape_say_flow(&w->tape, flow);
        assert_refused(&w->tape, OFPET_BAD_ACTION, OFPBAC_BAD_EXP_TYPE, flows[i]);
    }
    assert_string_equal(tape_dump(&w->tape, ""), "");
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
        cmocka_unit_test(leaves),          cmocka_unit_test(matches_in_parts),
        cmocka_unit_test(is_bounded),      cmocka_unit_test(masks_what_decides),
        cmocka_unit_test(learns),          cmocka_unit_test(learns_fields),
        cmocka_unit_test(packet_in_forms), cmocka_unit_test(chooses_links),
        cmocka_unit_test(refuses),         cmocka_unit_test(cuts),
        cmocka_unit_test(cuts_segments),   cmocka_unit_test(async_config),
        cmocka_unit_test(learns_moves),
    };

    return cmocka_run_group_tests(tests, group_start, group_stop);
}

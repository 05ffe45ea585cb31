/* SPDX-License-Identifier: Apache-2.0 */
/* test_learn.c - what goes with the action learn: flows that go along, limits, and timeouts that the end of a connection
 * shortens: vswitch/learn_table.c, datapath/learn.c.   Spec: ovs-actions(7), learn, fin_timeout. */
#include "agent_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "datapath/port_mem.h"
#include "vswitch/agent.h"

enum { FRAME = 60, TCP_FLAGS_AT = 47, FIN = 1, RST = 4, ACK = 16 };

/* 02:00:00:00:00:01 -> 02:00:00:00:00:02, IPv4 10.0.0.1 -> 10.0.0.2, TCP 7 -> 9. */
static const uint8_t tcp[FRAME] = {
    2,  0, 0, 0,  0, 2, 2, 0, 0,  0, 0,    1,    8,  0,                      /* Ethernet */
    69, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0x66, 0xce, 10, 0,   0, 1, 10, 0, 0, 2, /* IPv4 */
    0,  7, 0, 9,  0, 0, 0, 0, 0,  0, 0,    0,    80, ACK,                    /* TCP */
};

/* A frame with this source and these TCP flags comes in by port 7. */
static void give(struct world *w, uint8_t src, uint8_t flags)
{
    uint8_t f[FRAME];

    memcpy(f, tcp, sizeof f);
    f[11] = src;
    f[TCP_FLAGS_AT] = flags;
    assert_int_equal(port_mem_give(w->ports[0].port, 0, f, FRAME), 0);
    world_turn(w);
}

/* The last byte of the source of the frame that left by port 300 (or, plus 256, by port 7); 0: none. */
static unsigned took(struct world *w)
{
    uint8_t f[2048];

    if (port_mem_take(w->ports[1].port, 0, f, sizeof f) > 0)
        return f[11];
    return port_mem_take(w->ports[0].port, 0, f, sizeof f) > 0 ? 256u + f[11] : 0;
}

static void pass(struct world *w, unsigned s)
{
    clock_warp(&w->clock, s * (uint64_t)NSEC_PER_S);
    world_turn(w);
}

static unsigned flows_in(struct world *w, const char *filter)
{
    const char *text = tape_dump(&w->tape, filter);
    unsigned n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* FIN and RST shorten both timeouts of the flow that does fin_timeout, whichever frame brings them; nothing else does. */
static void shortens(void **state)
{
    static const uint8_t ends[] = { FIN | ACK, RST };
    struct world *w = world_new(0);
    struct tape *t = &w->tape;

    for (unsigned i = 0; i < sizeof ends; i++) {
        tape_say_flow(
            t, "add tcp,idle_timeout=100,hard_timeout=3,actions=fin_timeout(idle_timeout=5,hard_timeout=7),output:300");
        give(w, 1, ACK);
        assert_string_equal(tape_dump(t, ""), "table=0, n_packets=1, n_bytes=60, idle_timeout=100, hard_timeout=3, tcp "
                                              "actions=fin_timeout(idle_timeout=5,hard_timeout=7),output:300\n");
        give(w, 1, ends[i]);
        assert_string_equal(tape_dump(t, ""), "table=0, n_packets=2, n_bytes=120, idle_timeout=5, hard_timeout=3, tcp "
                                              "actions=fin_timeout(idle_timeout=5,hard_timeout=7),output:300\n");
        pass(w, 4);
        assert_string_equal(tape_dump(t, ""), "");
    }
    tape_say_flow(t, "add tcp,actions=resubmit(,1),output:300");
    tape_say_flow(t, "add table=1,tcp,actions=fin_timeout(idle_timeout=5)");
    give(w, 1, FIN);
    pass(w, 4);
    assert_int_equal(flows_in(w, "table=1"), 1);
    pass(w, 2);
    assert_int_equal(flows_in(w, "table=1"), 0);
    assert_int_equal(flows_in(w, "table=0"), 1);
    world_free(w);
}

/* Only of the flow that it was, also when another has taken its place. */
static void shortens_its_own(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    uint8_t f[FRAME];

    memcpy(f, tcp, sizeof f);
    f[TCP_FLAGS_AT] = FIN;
    tape_say_flow(t, "add cookie=0x1,tcp,idle_timeout=100,actions=fin_timeout(idle_timeout=5),output:300");
    assert_int_equal(port_mem_give(w->ports[0].port, 0, f, FRAME), 0);
    while (datapath_poll(w->dp, 0))
        ;
    tape_say_flow(t, "add cookie=0x2,tcp,idle_timeout=100,actions=fin_timeout(idle_timeout=5),output:300");
    world_turn(w);
    assert_int_equal(flows_in(w, ""), 1);
    pass(w, 50);
    assert_int_equal(flows_in(w, "cookie=0x2/-1"), 1);
    world_free(w);
}

/* learn's fin_idle_timeout and fin_hard_timeout; learning it anew does not lengthen it again. */
static void learns_fin(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;

    tape_say_flow(
        t, "add actions=learn(table=1,idle_timeout=100,fin_idle_timeout=6,fin_hard_timeout=8,eth_type=0x800,nw_proto=6,"
           "NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),resubmit(,1)");
    give(w, 1, ACK);
    assert_string_equal(tape_dump(t, "table=1"),
                        "table=1, n_packets=0, n_bytes=0, idle_timeout=100, tcp,dl_src=02:00:00:00:00:01 "
                        "actions=fin_timeout(idle_timeout=6,hard_timeout=8),output:7\n");
    give(w, 1, FIN);
    pass(w, 1);
    give(w, 1, ACK); /* asks for the flow as it was */
    assert_string_equal(tape_dump(t, "table=1"),
                        "table=1, n_packets=2, n_bytes=120, idle_timeout=6, hard_timeout=8, tcp,"
                        "dl_src=02:00:00:00:00:01 actions=fin_timeout(idle_timeout=6,hard_timeout=8),output:7\n");
    pass(w, 7);
    assert_int_equal(flows_in(w, "table=1"), 0);
    world_free(w);
}

#define LEARNS "learn(table=1,cookie=0x9,delete_learned,NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])"

/* With the last flow that has delete_learned of a table and cookie, the flows with these go; however it goes. */
static void goes_along(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;

    tape_say_flow(t, "add priority=5,actions=" LEARNS);
    tape_say_flow(t, "add priority=4,hard_timeout=9,actions=clone(" LEARNS ")");
    tape_say_flow(t, "add table=1,cookie=0x9,priority=77,actions=drop");
    tape_say_flow(t, "add table=1,cookie=0x8,priority=78,actions=drop");
    tape_say_flow(t, "add table=2,cookie=0x9,actions=drop");
    give(w, 1, ACK);
    give(w, 2, ACK);
    assert_int_equal(flows_in(w, "cookie=0x9/-1,table=1"), 3);
    tape_say_flow(t, "del_strict priority=5");
    assert_int_equal(flows_in(w, "cookie=0x9/-1,table=1"), 3);
    pass(w, 10);
    assert_int_equal(flows_in(w, "cookie=0x9/-1,table=1"), 0);
    assert_int_equal(flows_in(w, ""), 2);

    /* other actions in its place are as good as its end */
    tape_say_flow(t, "add actions=" LEARNS);
    give(w, 1, ACK);
    assert_int_equal(flows_in(w, "cookie=0x9/-1,table=1"), 1);
    tape_say_flow(t, "mod_strict actions=" LEARNS ",output:300");
    assert_int_equal(flows_in(w, "cookie=0x9/-1,table=1"), 1);
    tape_say_flow(t, "mod_strict actions=output:300");
    assert_int_equal(flows_in(w, "cookie=0x9/-1,table=1"), 0);

    /* one that is refused takes nothing along, and what a frame asked for before its end is not made after it */
    tape_say_flow(t, "add actions=" LEARNS);
    pass(w, 1); /* what was asked for lately is not asked for again */
    give(w, 1, ACK);
    tape_say_flow(t, "add actions=group:99");
    assert_refused(t, OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP, "there is none");
    assert_int_equal(flows_in(w, "cookie=0x9/-1,table=1"), 1);
    pass(w, 1);
    assert_int_equal(port_mem_give(w->ports[0].port, 0, tcp, FRAME), 0);
    while (datapath_poll(w->dp, 0))
        ;
    tape_say_flow(t, "del table=0");
    world_turn(w);
    assert_int_equal(flows_in(w, "cookie=0x9/-1,table=1"), 0);

    /* those that go may be the last to take others along, in a circle too */
    tape_say_flow(t, "add table=3,cookie=0x3,actions=learn(table=4,cookie=0x4,delete_learned)");
    tape_say_flow(t, "add table=4,cookie=0x4,actions=learn(table=5,cookie=0x5,delete_learned)");
    tape_say_flow(t, "add table=5,cookie=0x5,actions=learn(table=4,cookie=0x4,delete_learned)");
    tape_say_flow(t, "del table=3");
    assert_int_equal(flows_in(w, "table=4"), 1); /* table 5 keeps it */
    tape_say_flow(t, "del table=5");
    assert_int_equal(flows_in(w, "table=4"), 0);
    assert_silence(t);
    world_free(w);
}

/* The limit counts flows of that table and cookie; result_dst tells the frame, and a later lookup goes by it. */
static void is_limited(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;

    tape_say_flow(t, "add table=1,cookie=0x9,priority=77,dl_src=02:00:00:00:00:77,actions=drop");
    tape_say_flow(
        t,
        "add actions=learn(table=1,cookie=0x9,limit=3,hard_timeout=9,result_dst=reg0[3],NXM_OF_ETH_SRC[]),goto_table:2");
    tape_say_flow(t, "add table=2,reg0=0x8/0x8,actions=output:300");
    tape_say_flow(t, "add table=2,priority=1,actions=in_port");
    assert_silence(t);
    for (unsigned round = 0; round < 3; round++) {
        for (uint8_t src = 1; src <= 4; src++) {
            give(w, src, ACK);
            assert_int_equal(took(w), src <= 2 ? src : 256u + src);
        }
        assert_int_equal(flows_in(w, "cookie=0x9/-1,table=1"), 3);
        pass(w, 1); /* what was asked for lately is asked for again */
    }
    tape_say_flow(t, "del table=1,dl_src=02:00:00:00:00:77");
    give(w, 5, ACK);
    assert_int_equal(took(w), 5);
    give(w, 6, ACK);
    assert_int_equal(took(w), 256 + 6);
    pass(w, 10);
    give(w, 6, ACK); /* the others have timed out */
    assert_int_equal(took(w), 6);
    assert_int_equal(flows_in(w, "cookie=0x9/-1,table=1"), 1);
    world_free(w);
}

/* Many that ask at once, before any is made. */
static void is_limited_at_once(void **state)
{
    struct world *w = world_new(0);
    uint8_t f[FRAME];
    unsigned n = 0;

    tape_say_flow(&w->tape,
                  "add actions=learn(table=1,cookie=0x9,limit=10,result_dst=reg0[0],NXM_OF_ETH_SRC[]),goto_table:2");
    tape_say_flow(&w->tape, "add table=2,reg0=1,actions=output:300");
    memcpy(f, tcp, sizeof f);
    for (uint8_t i = 1; i <= 30; i++) {
        f[11] = i;
        assert_int_equal(port_mem_give(w->ports[0].port, 0, f, FRAME), 0);
    }
    world_turn(w);
    while (took(w))
        n++;
    assert_int_equal(n, 10);
    assert_int_equal(flows_in(w, "table=1"), 10);
    world_free(w);
}

/* Without a limit the result is 1, and stays what it is for the action's own frame. */
static void tells_result(void **state)
{
    struct world *w = world_new(0);

    tape_say_flow(&w->tape, "add actions=learn(table=1,result_dst=NXM_OF_ETH_SRC[7],NXM_OF_ETH_DST[]),output:300");
    assert_silence(&w->tape);
    give(w, 5, ACK);
    assert_int_equal(took(w), 0x85);
    give(w, 5, ACK);
    assert_int_equal(took(w), 0x85);
    world_free(w);
}

/* There is room for LEARN_ROOMS limits. */
static void rooms_end(void **state)
{
    struct world *w = world_new(0);
    char flow[120];

    for (unsigned i = 0; i <= LEARN_ROOMS; i++) {
        snprintf(flow, sizeof flow, "add priority=%u,actions=learn(table=1,cookie=%u,limit=3)", 1 + i, 1000 + i);
        tape_say_flow(&w->tape, flow);
        if (i == LEARN_ROOMS)
            assert_refused(&w->tape, OFPET_BAD_ACTION, OFPBAC_TOO_MANY, flow);
    }
    tape_say_flow(&w->tape, "del_strict priority=7");
    tape_say_flow(&w->tape, flow);
    assert_silence(&w->tape);
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
        cmocka_unit_test(shortens),   cmocka_unit_test(shortens_its_own), cmocka_unit_test(learns_fin),
        cmocka_unit_test(goes_along), cmocka_unit_test(is_limited),       cmocka_unit_test(is_limited_at_once),
        cmocka_unit_test(rooms_end),  cmocka_unit_test(tells_result),
    };

    return cmocka_run_group_tests(tests, group_start, group_stop);
}

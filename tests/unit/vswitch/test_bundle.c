/* SPDX-License-Identifier: Apache-2.0 */
/* test_bundle.c - vswitch/agent_bundle.c: bundles open, take messages, close, commit, are discarded, and what is wrong with
 * each is told; a commit is whole, also for frames under way.  Also run under ThreadSanitizer. */
#include "agent_world.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "datapath/port_mem.h"
#include "openflow/flow_text.h"
#include "openflow/group_text.h"

enum { BOTH = OFPBF_ATOMIC | OFPBF_ORDERED };

static void say_control(struct tape *t, enum ofp_bundle_control_type type, uint32_t id, uint16_t flags)
{
    struct ofp_msg m = {
        .type = OFPT_EXPERIMENTER,
        .experimenter = { .experimenter = OFPEXP_ONF,
                          .onf = { .exp_type = ONFT_BUNDLE_CONTROL,
                                   .bundle_control = { .bundle_id = id, .type = type, .flags = flags } } },
    };

    tape_say(t, &m);
}

/* Asks, and hears the reply that belongs to it. */
static void control(struct tape *t, enum ofp_bundle_control_type type, uint32_t id, uint16_t flags)
{
    const struct ofp_msg *r;

    say_control(t, type, id, flags);
    r = tape_hear(t);
    assert_non_null(r);
    assert_int_equal(r->type, OFPT_EXPERIMENTER);
    assert_int_equal(r->xid, t->xid);
    assert_int_equal(r->experimenter.experimenter, OFPEXP_ONF);
    assert_int_equal(r->experimenter.onf.exp_type, ONFT_BUNDLE_CONTROL);
    assert_int_equal(r->experimenter.onf.bundle_control.bundle_id, id);
    assert_int_equal(r->experimenter.onf.bundle_control.type, type + 1);
    assert_int_equal(r->experimenter.onf.bundle_control.flags, flags);
    assert_silence(t);
}

static void refused(struct tape *t, enum ofp_bundle_control_type type, uint32_t id, uint16_t flags,
                    enum ofp_bundle_failed_code code)
{
    say_control(t, type, id, flags);
    assert_refused(t, OFPET_EXPERIMENTER, (uint16_t)code, "bundle control");
}

/* Adds the bytes of a message whose xid differs from the bundle-add's by `xid_off`. */
static void say_add(struct tape *t, uint32_t id, uint16_t flags, struct ofp_msg *inner, uint32_t xid_off)
{
    struct ofp_msg m = {
        .type = OFPT_EXPERIMENTER,
        .experimenter = { .experimenter = OFPEXP_ONF,
                          .onf = { .exp_type = ONFT_BUNDLE_ADD_MESSAGE,
                                   .bundle_add_message = { .bundle_id = id, .flags = flags } } },
    };
    struct ofp_bundle_add_message *add = &m.experimenter.onf.bundle_add_message;
    struct wr w;

    wr_init(&w);
    inner->version = OFP_VERSION_13;
    inner->xid = t->xid + 1 + xid_off;
    ofp_encode(&w, inner);
    assert_false(w.bad);
    add->message = w.p;
    add->n_message = w.len;
    tape_say(t, &m);
    wr_fini(&w);
}

static void say_add_flow(struct tape *t, uint32_t id, uint16_t flags, const char *text, enum flow_text_command cmd)
{
    struct ofp_msg m = { .type = OFPT_FLOW_MOD };
    struct errbuf e = { { 0 } };
    struct arena arena;

    arena_init(&arena);
    if (flow_text_parse(&m.flow_mod, &arena, text, cmd, NULL, &e))
        fail_msg("%s: %s", text, e.text);
    say_add(t, id, flags, &m, 0);
    arena_fini(&arena);
}

static void add_flow(struct tape *t, uint32_t id, const char *text)
{
    say_add_flow(t, id, BOTH, text, FLOW_TEXT_ADD);
}

static const char *const three = "table=0, n_packets=0, n_bytes=0, priority=1,in_port=1 actions=drop\n"
                                 "table=4, n_packets=0, n_bytes=0, priority=2,in_port=2 actions=output:300\n"
                                 "table=5, n_packets=0, n_bytes=0, priority=3,in_port=3 actions=output:7\n";

static void commits(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;

    control(t, OFPBCT_OPEN_REQUEST, 11, BOTH);
    add_flow(t, 11, "priority=1,in_port=1,actions=drop");
    add_flow(t, 11, "table=4,priority=2,in_port=2,actions=output:7");
    add_flow(t, 11, "table=5,priority=3,in_port=3,actions=output:7");
    add_flow(t, 11, "table=6,priority=3,in_port=3,actions=output:7");
    say_add_flow(t, 11, BOTH, "table=6", FLOW_TEXT_DELETE); /* in order: what came before goes */
    add_flow(t, 11, "table=4,priority=2,in_port=2,actions=output:300");
    assert_silence(t);
    assert_string_equal(tape_dump(t, ""), "");
    control(t, OFPBCT_CLOSE_REQUEST, 11, BOTH);
    assert_string_equal(tape_dump(t, ""), "");
    control(t, OFPBCT_COMMIT_REQUEST, 11, BOTH);
    assert_string_equal(tape_dump(t, ""), three);
    refused(t, OFPBCT_COMMIT_REQUEST, 11, BOTH, OFPBFC_BAD_ID);
    world_free(w);
}

static void say_add_group(struct tape *t, uint32_t id, const char *text, enum ofp_group_mod_command cmd)
{
    struct ofp_msg m = { .type = OFPT_GROUP_MOD };
    struct errbuf e = { { 0 } };
    struct arena arena;

    arena_init(&arena);
    if (group_text_parse(&m.group_mod, &arena, text, cmd, NULL, &e))
        fail_msg("%s: %s", text, e.text);
    say_add(t, id, BOTH, &m, 0);
    arena_fini(&arena);
}

/* Group 6, as it counts who names it; -1: there is no such group. */
static int refs_of_6(struct tape *t)
{
    struct ofp_msg m = { .type = OFPT_MULTIPART_REQUEST,
                         .multipart_request = { .type = OFPMP_GROUP, .group = { .group_id = 6 } } };
    const struct ofp_msg *r;

    tape_say(t, &m);
    r = tape_hear(t);
    assert_non_null(r);
    assert_int_equal(r->type, OFPT_MULTIPART_REPLY);
    return r->multipart_reply.group.n_groups ? (int)r->multipart_reply.group.groups[0].ref_count : -1;
}

/* Flows find the groups that the bundle made before them, and all of it comes, or goes, together. */
static void groups_too(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;

    for (int is_good = 0; is_good < 2; is_good++) {
        control(t, OFPBCT_OPEN_REQUEST, 1, BOTH);
        say_add_group(t, 1, "group_id=6,type=all,bucket=actions=output:7", OFPGC_ADD);
        say_add_group(t, 1, "group_id=8,type=all,bucket=actions=group:6", OFPGC_ADD);
        add_flow(t, 1, "priority=1,in_port=1,actions=group:6");
        add_flow(t, 1, "priority=2,in_port=1,actions=group:6");
        add_flow(t, 1, "priority=2,in_port=1,actions=group:8");
        say_add_group(t, 1, "group_id=6,type=all,bucket=actions=output:300", OFPGC_MODIFY);
        if (!is_good)
            add_flow(t, 1, "priority=3,actions=group:9");
        assert_silence(t);
        if (is_good) {
            control(t, OFPBCT_COMMIT_REQUEST, 1, BOTH);
            assert_int_equal(refs_of_6(t), 2); /* a flow and a group */
        } else {
            say_control(t, OFPBCT_COMMIT_REQUEST, 1, BOTH);
            assert_int_equal(tape_hear(t)->error.code, OFPBAC_BAD_OUT_GROUP);
            assert_refused(t, OFPET_EXPERIMENTER, OFPBFC_MSG_FAILED, "commit");
            assert_int_equal(refs_of_6(t), -1);
            assert_string_equal(tape_dump(t, ""), "");
        }
    }

    /* away with all of it, and back again */
    control(t, OFPBCT_OPEN_REQUEST, 2, BOTH);
    say_add_group(t, 2, "", OFPGC_DELETE);
    say_add_group(t, 2, "group_id=6,type=all,bucket=actions=output:7", OFPGC_ADD);
    add_flow(t, 2, "priority=5,actions=group:6");
    say_add_group(t, 2, "group_id=6", OFPGC_DELETE);
    add_flow(t, 2, "priority=5,actions=group:6");
    say_control(t, OFPBCT_COMMIT_REQUEST, 2, BOTH);
    assert_int_equal(tape_hear(t)->error.code, OFPBAC_BAD_OUT_GROUP);
    assert_refused(t, OFPET_EXPERIMENTER, OFPBFC_MSG_FAILED, "commit");
    assert_int_equal(refs_of_6(t), 2);
    assert_string_equal(tape_dump(t, ""), "table=0, n_packets=0, n_bytes=0, priority=1,in_port=1 actions=group:6\n"
                                          "table=0, n_packets=0, n_bytes=0, priority=2,in_port=1 actions=group:8\n");
    world_free(w);
}

/* The one that is wrong is named, then the commit; nothing has changed, ports neither. */
static void takes_everything_back(void **state)
{
    struct world *w = world_new(3);
    struct tape *t = &w->tape;
    struct ofp_msg down = { .type = OFPT_PORT_MOD,
                            .port_mod = { .port_no = 300, .config = OFPPC_NO_FWD, .mask = OFPPC_NO_FWD } };
    const struct ofp_msg *r;
    uint32_t xid;

    tape_say_flow(t, "add priority=1,in_port=1,actions=drop");
    tape_say_flow(t, "add table=4,priority=2,in_port=2,actions=output:300");
    tape_say_flow(t, "add table=5,priority=3,in_port=3,actions=output:7");
    assert_silence(t);
    control(t, OFPBCT_OPEN_REQUEST, 12, BOTH);
    memcpy(down.port_mod.hw_addr, w->ports[1].status.mac, 6);
    say_add(t, 12, BOTH, &down, 0);
    say_add_flow(t, 12, BOTH, "", FLOW_TEXT_DELETE);
    for (int i = 1; i <= 4; i++) { /* a table holds three */
        char text[64];

        snprintf(text, sizeof text, "priority=9,in_port=%d,actions=drop", 10 + i);
        add_flow(t, 12, text);
    }
    xid = t->xid;
    assert_silence(t);
    say_control(t, OFPBCT_COMMIT_REQUEST, 12, BOTH);
    r = tape_hear(t);
    assert_non_null(r);
    assert_int_equal(r->type, OFPT_ERROR);
    assert_int_equal(r->xid, xid);
    assert_int_equal(r->error.type, OFPET_FLOW_MOD_FAILED);
    assert_int_equal(r->error.code, OFPFMFC_TABLE_FULL);
    assert_int_equal(r->error.data[1], OFPT_FLOW_MOD);
    assert_refused(t, OFPET_EXPERIMENTER, OFPBFC_MSG_FAILED, "the commit");
    assert_string_equal(tape_dump(t, ""), three);
    assert_int_equal(w->ports[1].flags, 0);
    refused(t, OFPBCT_DISCARD_REQUEST, 12, BOTH, OFPBFC_BAD_ID);
    world_free(w);
}

static void sets_ports(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_msg m = { .type = OFPT_PORT_MOD,
                         .port_mod = { .port_no = 300, .config = OFPPC_NO_FWD, .mask = OFPPC_NO_FWD } };

    memcpy(m.port_mod.hw_addr, w->ports[1].status.mac, 6);
    say_add(t, 13, 0, &m, 0); /* opens the bundle */
    assert_int_equal(w->ports[1].flags, 0);
    say_control(t, OFPBCT_COMMIT_REQUEST, 13, 0);
    assert_int_equal(w->ports[1].flags, OFPPC_NO_FWD);
    assert_int_equal(tape_hear(t)->type, OFPT_PORT_STATUS);
    assert_int_equal(tape_hear(t)->type, OFPT_EXPERIMENTER);
    assert_silence(t);
    world_free(w);
}

static void faults_of_control(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;

    refused(t, OFPBCT_CLOSE_REQUEST, 1, 0, OFPBFC_BAD_ID);
    refused(t, OFPBCT_COMMIT_REQUEST, 1, 0, OFPBFC_BAD_ID);
    refused(t, OFPBCT_DISCARD_REQUEST, 1, 0, OFPBFC_BAD_ID);
    for (int type = OFPBCT_OPEN_REPLY; type <= OFPBCT_DISCARD_REPLY; type += 2)
        refused(t, (enum ofp_bundle_control_type)type, 1, 0, OFPBFC_BAD_TYPE);

    /* each fault discards the bundle that it was about */
    control(t, OFPBCT_OPEN_REQUEST, 2, 0);
    refused(t, OFPBCT_OPEN_REQUEST, 2, 0, OFPBFC_BUNDLE_EXIST);
    control(t, OFPBCT_OPEN_REQUEST, 2, OFPBF_ATOMIC);
    refused(t, OFPBCT_CLOSE_REQUEST, 2, OFPBF_ORDERED, OFPBFC_BAD_FLAGS);
    control(t, OFPBCT_OPEN_REQUEST, 2, OFPBF_ATOMIC);
    refused(t, OFPBCT_COMMIT_REQUEST, 2, BOTH, OFPBFC_BAD_FLAGS);
    control(t, OFPBCT_OPEN_REQUEST, 2, 0);
    control(t, OFPBCT_CLOSE_REQUEST, 2, 0);
    refused(t, OFPBCT_CLOSE_REQUEST, 2, 0, OFPBFC_BUNDLE_CLOSED);
    control(t, OFPBCT_OPEN_REQUEST, 2, 0);
    control(t, OFPBCT_DISCARD_REQUEST, 2, 0);
    refused(t, OFPBCT_CLOSE_REQUEST, 2, 0, OFPBFC_BAD_ID);

    for (uint32_t id = 100; id < 164; id++)
        control(t, OFPBCT_OPEN_REQUEST, id, 0);
    refused(t, OFPBCT_OPEN_REQUEST, 164, 0, OFPBFC_OUT_OF_BUNDLES);
    control(t, OFPBCT_COMMIT_REQUEST, 163, 0); /* empty, and open: it is committed all the same */
    control(t, OFPBCT_OPEN_REQUEST, 164, 0);
    world_free(w);
}

static void faults_of_add(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_msg barrier = { .type = OFPT_BARRIER_REQUEST };
    struct ofp_msg flow = { .type = OFPT_FLOW_MOD, .flow_mod = { .buffer_id = OFP_NO_BUFFER } };
    struct ofp_msg short_of = {
        .type = OFPT_EXPERIMENTER,
        .experimenter = { .experimenter = OFPEXP_ONF, .onf = { .exp_type = ONFT_BUNDLE_ADD_MESSAGE } },
    };
    static const uint8_t head[] = { 4, OFPT_FLOW_MOD, 0, 56, 0, 0, 0, 1 };

    say_add(t, 3, 0, &barrier, 0);
    assert_refused(t, OFPET_EXPERIMENTER, OFPBFC_MSG_UNSUP, "barrier");
    say_add(t, 3, 0, &flow, 1);
    assert_refused(t, OFPET_EXPERIMENTER, OFPBFC_MSG_BAD_XID, "another xid");
    for (size_t n = 0; n <= sizeof head; n++) {
        short_of.experimenter.onf.bundle_add_message.message = head;
        short_of.experimenter.onf.bundle_add_message.n_message = n;
        tape_say(t, &short_of);
        assert_refused(t, OFPET_EXPERIMENTER, OFPBFC_MSG_BAD_LEN, "cut off");
    }
    refused(t, OFPBCT_COMMIT_REQUEST, 3, 0, OFPBFC_BAD_ID); /* none of these has opened one */

    control(t, OFPBCT_OPEN_REQUEST, 3, 0);
    say_add(t, 3, OFPBF_ATOMIC, &flow, 0);
    assert_refused(t, OFPET_EXPERIMENTER, OFPBFC_BAD_FLAGS, "other flags");
    control(t, OFPBCT_OPEN_REQUEST, 3, 0);
    control(t, OFPBCT_CLOSE_REQUEST, 3, 0);
    say_add(t, 3, 0, &flow, 0);
    assert_refused(t, OFPET_EXPERIMENTER, OFPBFC_BUNDLE_CLOSED, "closed");
    refused(t, OFPBCT_COMMIT_REQUEST, 3, 0, OFPBFC_BAD_ID);
    assert_string_equal(tape_dump(t, ""), "");
    world_free(w);
}

/* A bundle belongs to its session, and goes with it; a slave has none. */
static void belongs_to_a_session(void **state)
{
    struct world *w = world_new(0);
    struct tape other, *t = &w->tape;
    struct ofp_msg slave = { .type = OFPT_ROLE_REQUEST, .role_request = { .role = OFPCR_ROLE_SLAVE } };

    tape_open(&other, w, SESSION_CONTROLLER);
    control(t, OFPBCT_OPEN_REQUEST, 5, BOTH);
    add_flow(t, 5, "actions=drop");
    refused(&other, OFPBCT_COMMIT_REQUEST, 5, BOTH, OFPBFC_BAD_ID);
    control(&other, OFPBCT_OPEN_REQUEST, 5, 0);
    tape_close(&other);
    tape_say(t, &slave);
    assert_int_equal(tape_hear(t)->type, OFPT_ROLE_REPLY);
    add_flow(t, 5, "actions=drop");
    assert_refused(t, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE, "a slave adds");
    say_control(t, OFPBCT_COMMIT_REQUEST, 5, BOTH);
    assert_int_equal(tape_hear(t)->error.code, OFPBRC_IS_SLAVE);
    assert_refused(t, OFPET_EXPERIMENTER, OFPBFC_MSG_FAILED, "a slave commits");
    assert_string_equal(tape_dump(t, ""), "");
    world_free(w);
}

/* --- frames meet all of a bundle or none ---
 * Ten tables of 1000 flows each set a bit of the metadata to what the bundle says; the last table sends frames whose bits
 * differ back to where they came from. */

enum { TABLES = 10, FLOWS = 1000, ROUNDS = 6, FRAME = 60, MARK = 6 + 5 };

struct feeder {
    struct world *w;
    atomic_bool stop;
    atomic_ulong n_old, n_new; /* frames that came out */
    atomic_ulong n_mixed;
};

static void feed_once(struct feeder *f, unsigned i)
{
    uint8_t in[FRAME] = { 2, 0, 0, 0, (uint8_t)(i % FLOWS >> 8), (uint8_t)(i % FLOWS), 2, 0, 0, 0, 0, 0, 0x88, 0xb5 };
    uint8_t out[FRAME];

    (void)port_mem_give(f->w->ports[0].port, 0, in, sizeof in); /* full: the worker is behind */
    while (port_mem_take(f->w->ports[1].port, 0, out, sizeof out))
        atomic_fetch_add(out[MARK] ? &f->n_new : &f->n_old, 1);
    while (port_mem_take(f->w->ports[0].port, 0, out, sizeof out))
        atomic_fetch_add(&f->n_mixed, 1);
}

static void *feed(void *arg)
{
    struct feeder *f = arg;

    for (unsigned i = 0; !atomic_load(&f->stop); i++) {
        feed_once(f, i);
        if (i % 64 == 0)
            sched_yield();
    }
    return NULL;
}

/* A bundle that gives every flow the bit `is_new`. */
static void turn_over(struct tape *t, uint32_t id, bool is_new)
{
    char text[128];

    control(t, OFPBCT_OPEN_REQUEST, id, BOTH);
    for (unsigned table = 0; table < TABLES; table++)
        for (unsigned i = 0; i < FLOWS; i++) {
            snprintf(text, sizeof text,
                     "table=%u,dl_dst=02:00:00:00:%02x:%02x,actions=write_metadata:%#x/%#x,goto_table:%u", table,
                     i >> 8, i & 0xff, is_new ? 1u << table : 0, 1u << table, table + 1);
            add_flow(t, id, text);
        }
    control(t, OFPBCT_COMMIT_REQUEST, id, BOTH);
}

static void wait_for(const atomic_ulong *n)
{
    unsigned long from = atomic_load(n);

    while (atomic_load(n) < from + 2 * PORT_MEM_RING) /* more than may still be on their way */
        sched_yield();
}

static void is_met_whole(void **state)
{
    struct world *w = world_new_live();
    struct tape *t = &w->tape;
    struct feeder f = { .w = w };
    pthread_t thread;

    tape_say_flow(t, "add table=10,priority=9,metadata=0,actions=output:300");
    tape_say_flow(t, "add table=10,priority=9,metadata=0x3ff,actions=set_field:02:00:00:00:00:01->dl_src,output:300");
    tape_say_flow(t, "add table=10,priority=1,actions=in_port");
    turn_over(t, 99, false);
    assert_int_equal(pthread_create(&thread, NULL, feed, &f), 0);
    wait_for(&f.n_old);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        turn_over(t, round, round % 2 == 0);
        wait_for(round % 2 == 0 ? &f.n_new : &f.n_old);
    }
    atomic_store(&f.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&f.n_mixed), 0);
    world_free(w);
}

/* A meter, and a flow that uses it, come and go together too. */
static void meters_too(void **state)
{
    struct world *w = world_new(0);
    struct tape *t = &w->tape;
    struct ofp_msg add = { .type = OFPT_METER_MOD, .meter_mod = { .meter_id = 5 } };
    struct ofp_msg del = { .type = OFPT_METER_MOD, .meter_mod = { .command = OFPMC_DELETE, .meter_id = OFPM_ALL } };

    control(t, OFPBCT_OPEN_REQUEST, 1, BOTH);
    say_add(t, 1, BOTH, &add, 0);
    add_flow(t, 1, "priority=1,in_port=1,actions=meter:5,output:7");
    control(t, OFPBCT_COMMIT_REQUEST, 1, BOTH);
    control(t, OFPBCT_OPEN_REQUEST, 2, BOTH);
    say_add(t, 2, BOTH, &del, 0);
    say_add(t, 2, BOTH, &add, 0);
    say_add(t, 2, BOTH, &add, 0);
    say_control(t, OFPBCT_COMMIT_REQUEST, 2, BOTH);
    assert_int_equal(tape_hear(t)->error.code, OFPMMFC_METER_EXISTS);
    assert_refused(t, OFPET_EXPERIMENTER, OFPBFC_MSG_FAILED, "commit");
    assert_string_equal(tape_dump(t, ""),
                        "table=0, n_packets=0, n_bytes=0, priority=1,in_port=1 actions=meter:5,output:7\n");
    control(t, OFPBCT_OPEN_REQUEST, 3, BOTH);
    say_add(t, 3, BOTH, &del, 0);
    control(t, OFPBCT_COMMIT_REQUEST, 3, BOTH);
    assert_string_equal(tape_dump(t, ""), "");
    world_free(w);
}

/* A frame that is marked by a flow, and by two groups one behind the other: all three marks are of the same bundle. */
static void count_marks(struct feeder *f, unsigned i)
{
    uint8_t in[FRAME] = { 2, 0, 0, (uint8_t)(i >> 8), (uint8_t)i, 0, 2, 0, 0, 0, 0, 0, 0x88, 0xb5 }, out[FRAME + 4];

    (void)port_mem_give(f->w->ports[0].port, 0, in, sizeof in);
    while (port_mem_take(f->w->ports[1].port, 0, out, sizeof out)) {
        unsigned marks = (out[5] == 9) + (out[11] == 9) + (out[15] == 9);

        atomic_fetch_add(marks == 3 ? &f->n_new : marks ? &f->n_mixed : &f->n_old, 1);
    }
}

static void *feed_groups(void *arg)
{
    struct feeder *f = arg;

    for (unsigned i = 0; !atomic_load(&f->stop); i++) {
        count_marks(f, i);
        if (i % 64 == 0)
            sched_yield();
    }
    return NULL;
}

static void turn_groups_over(struct tape *t, uint32_t id, bool is_new, bool is_first)
{
    enum ofp_group_mod_command cmd = is_first ? OFPGC_ADD : OFPGC_MODIFY;
    unsigned mark = is_new ? 9 : 8;
    char text[160];

    control(t, OFPBCT_OPEN_REQUEST, id, BOTH);
    snprintf(text, sizeof text, "group_id=2,type=all,bucket=push_vlan:0x8100,set_field:%u->vlan_vid,output:300",
             0x1000 | mark);
    say_add_group(t, id, text, cmd);
    snprintf(text, sizeof text, "group_id=1,type=select,bucket=set_field:02:00:00:00:00:0%u->dl_dst,group:2", mark);
    say_add_group(t, id, text, cmd);
    for (unsigned i = 0; i < FLOWS; i++) { /* what takes its time */
        snprintf(text, sizeof text, "table=9,priority=%u,actions=drop", i);
        add_flow(t, id, text);
    }
    snprintf(text, sizeof text, "actions=set_field:02:00:00:00:00:0%u->dl_src,group:1", mark);
    add_flow(t, id, text);
    control(t, OFPBCT_COMMIT_REQUEST, id, BOTH);
}

static void groups_are_met_whole(void **state)
{
    struct world *w = world_new_live();
    struct tape *t = &w->tape;
    struct feeder f = { .w = w };
    pthread_t thread;

    tape_say_flow(
        t, "add priority=60000,dl_dst=02:ff:ff:ff:ff:ff,actions=drop"); /* so that few frames meet a cached program */
    turn_groups_over(t, 99, false, true);
    assert_int_equal(pthread_create(&thread, NULL, feed_groups, &f), 0);
    wait_for(&f.n_old);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        turn_groups_over(t, round, round % 2 == 0, false);
        wait_for(round % 2 == 0 ? &f.n_new : &f.n_old);
    }
    atomic_store(&f.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&f.n_mixed), 0);
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
        cmocka_unit_test(commits),       cmocka_unit_test(takes_everything_back),
        cmocka_unit_test(sets_ports),    cmocka_unit_test(faults_of_control),
        cmocka_unit_test(faults_of_add), cmocka_unit_test(belongs_to_a_session),
        cmocka_unit_test(is_met_whole),  cmocka_unit_test(groups_too),
        cmocka_unit_test(meters_too),    cmocka_unit_test(groups_are_met_whole),
    };

    return cmocka_run_group_tests(tests, group_start, group_stop);
}

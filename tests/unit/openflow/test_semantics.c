/* SPDX-License-Identifier: Apache-2.0 */
/* test_semantics.c - each error that matches, instructions and actions can have, and what is allowed. */
#include "openflow/semantics.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "openflow/ofp.h"

#define COUNT(a_) (sizeof(a_) / sizeof *(a_))

enum { OXMS_MAX = 6 };

static struct ofp_oxm exact(enum field_id id, uint64_t v)
{
    return (struct ofp_oxm){ .field = id, .value = { .lo = v }, .mask = field_ones(id) };
}

static struct ofp_oxm masked(enum field_id id, uint64_t v, uint64_t mask)
{
    return (struct ofp_oxm){ .field = id, .has_mask = true, .value = { .lo = v }, .mask = { .lo = mask } };
}

#define E(field_, v_) \
    { \
        .field = FIELD_##field_, .value = {.lo = (v_) } \
    }
#define M(field_, v_, mask_) \
    { \
        .field = FIELD_##field_, .has_mask = true, .value = { .lo = (v_) }, .mask = {.lo = (mask_) } \
    }
#define UNKNOWN \
    { \
        .field = FIELD_NONE \
    }

enum { OK = -1 };
static const struct {
    const char *name;
    int code; /* OFPBMC_..., or OK */
    size_t n;
    struct ofp_oxm oxms[OXMS_MAX];
} match_cases[] = {
    { "empty", OK, 0, { { 0 } } },
    { "port and tag", OK, 3, { E(IN_PORT, 7), E(VLAN_VID, 0x100a), E(VLAN_PCP, 3) } },
    { "twice", OFPBMC_DUP_FIELD, 2, { E(IN_PORT, 7), E(IN_PORT, 7) } },
    { "twice, one without mask bits", OFPBMC_DUP_FIELD, 2, { M(METADATA, 0, 0), E(METADATA, 7) } },
    { "unknown", OFPBMC_BAD_FIELD, 2, { E(IN_PORT, 7), UNKNOWN } },
    { "prerequisite missing", OFPBMC_BAD_PREREQ, 1, { E(IPV4_SRC, 0x0a000001) } },
    { "prerequisite behind", OFPBMC_BAD_PREREQ, 2, { E(IPV4_SRC, 0x0a000001), E(ETH_TYPE, 0x0800) } },
    { "prerequisite other", OFPBMC_BAD_PREREQ, 2, { E(ETH_TYPE, 0x86dd), E(IPV4_SRC, 0x0a000001) } },
    { "prerequisite under a mask", OFPBMC_BAD_PREREQ, 2, { M(ETH_TYPE, 0x0800, 0xff00), E(IPV4_SRC, 1) } },
    { "tcp over ipv6", OK, 3, { E(ETH_TYPE, 0x86dd), E(IP_PROTO, 6), E(TCP_DST, 80) } },
    { "udp port of tcp", OFPBMC_BAD_PREREQ, 3, { E(ETH_TYPE, 0x86dd), E(IP_PROTO, 6), E(UDP_DST, 80) } },
    { "icmpv6 over ipv4", OFPBMC_BAD_PREREQ, 3, { E(ETH_TYPE, 0x0800), E(IP_PROTO, 58), E(ICMPV6_TYPE, 135) } },
    { "nd", OK, 5, { E(ETH_TYPE, 0x86dd), E(IP_PROTO, 58), E(ICMPV6_TYPE, 135), E(ND_TARGET, 5), E(ND_SLL, 6) } },
    { "nd, other type",
      OFPBMC_BAD_PREREQ,
      4,
      { E(ETH_TYPE, 0x86dd), E(IP_PROTO, 58), E(ICMPV6_TYPE, 135), E(ND_TLL, 6) } },
    { "physical port alone", OFPBMC_BAD_PREREQ, 1, { E(IN_PHY_PORT, 7) } },
    { "mpls", OK, 2, { E(ETH_TYPE, 0x8848), E(MPLS_LABEL, 7) } },
    { "pbb", OFPBMC_BAD_PREREQ, 2, { E(ETH_TYPE, 0x8848), E(PBB_ISID, 7) } },
    { "untagged", OK, 1, { E(VLAN_VID, 0) } },
    { "any tag", OK, 1, { M(VLAN_VID, 0x1000, 0x1000) } },
    { "any tag and its priority", OK, 2, { M(VLAN_VID, 0x1000, 0x1000), E(VLAN_PCP, 5) } },
    { "tag without its bit", OFPBMC_BAD_VALUE, 1, { E(VLAN_VID, 10) } },
    { "tag without its bit, masked", OFPBMC_BAD_VALUE, 1, { M(VLAN_VID, 2, 0x1002) } },
    { "vid bits of a tag", OK, 1, { M(VLAN_VID, 2, 0x002) } },
    { "priority without a tag", OFPBMC_BAD_PREREQ, 1, { E(VLAN_PCP, 5) } },
    { "priority of the untagged", OFPBMC_BAD_PREREQ, 2, { E(VLAN_VID, 0), E(VLAN_PCP, 5) } },
    { "a whole tag without its bit", OFPBMC_BAD_VALUE, 1, { M(VLAN_TCI, 0x011c, 0x957f) } },
    { "no bit of a priority", OK, 1, { M(VLAN_TCI, 0, 0x2000) } },
    { "tag twice", OFPBMC_DUP_FIELD, 2, { E(VLAN_VID, 0x100a), E(VLAN_TCI, 0x100a) } },
    { "register twice", OFPBMC_DUP_FIELD, 2, { E(XREG0, 7), E(REG1, 7) } },
    { "dscp too large", OFPBMC_BAD_VALUE, 2, { E(ETH_TYPE, 0x0800), E(IP_DSCP, 64) } },
    { "vid too large", OFPBMC_BAD_VALUE, 1, { E(VLAN_VID, 0x3001) } },
    { "bits outside the mask", OFPBMC_BAD_WILDCARDS, 1, { M(ETH_DST, 0x010000000001, 0x010000000000) } },
    { "masked port", OK, 1, { M(IN_PORT, 4, 0xc) } },
};

static void test_match(void **state)
{
    for (size_t i = 0; i < COUNT(match_cases); i++) {
        struct ofp_oxm oxms[OXMS_MAX];
        struct ofp_match in = { .oxms = oxms, .n_oxms = match_cases[i].n };
        struct ofp_err err = { 0 };
        struct match m;

        memcpy(oxms, match_cases[i].oxms, sizeof oxms);
        memset(&m, 0x55, sizeof m);

        int got = ofp_match_to_match(&m, &in, &err);
        int code = got ? (int)err.code : OK;

        if (code != match_cases[i].code || (got && (got != -EBADMSG || err.type != OFPET_BAD_MATCH)))
            fail_msg("%s: got %d, type %u, code %u", match_cases[i].name, got, err.type, err.code);
        if (got)
            assert_int_equal(m.value.w[0], 0x5555555555555555); /* nothing was changed */
    }
}

/* Nicira's whole tag is told as id and priority, and means the same then. */
static void test_match_tag(void **state)
{
    static const struct {
        uint64_t tci, mask;
        size_t n;
        struct ofp_oxm oxms[2];
    } cases[] = {
        { 0x7007, 0xffff, 2, { E(VLAN_PCP, 3), E(VLAN_VID, 0x1007) } },
        { 0, 0xffff, 1, { E(VLAN_VID, 0) } },
        { 0, 0xb000, 1, { M(VLAN_VID, 0, 0x1000) } },
        { 0x6000, 0xe000, 2, { E(VLAN_PCP, 3), M(VLAN_VID, 0x1000, 0x1000) } },
        { 0x0005, 0x2fff, 2, { M(VLAN_PCP, 0, 1), M(VLAN_VID, 5, 0xfff) } },
        { 0, 0x2000, 1, { M(VLAN_TCI, 0, 0x2000) } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ofp_oxm oxm = masked(FIELD_VLAN_TCI, cases[i].tci, cases[i].mask);
        struct ofp_match in = { .oxms = &oxm, .n_oxms = 1 }, back;
        struct ofp_err err;
        struct match m, again;
        struct arena a;

        arena_init(&a);
        assert_int_equal(ofp_match_to_match(&m, &in, &err), 0);
        assert_int_equal(match_to_ofp_match(&back, &a, &m), 0);
        assert_int_equal(back.n_oxms, cases[i].n);
        for (size_t k = 0; k < back.n_oxms; k++) {
            const struct ofp_oxm *got = &back.oxms[k], *want = &cases[i].oxms[cases[i].n - 1 - k];

            assert_int_equal(got->field, want->field);
            assert_int_equal(got->value.lo, want->value.lo);
            assert_int_equal(got->mask.lo, want->has_mask ? want->mask.lo : field_ones(want->field).lo);
        }
        assert_int_equal(ofp_match_to_match(&again, &back, &err), 0);
        assert_true(match_equal(&m, &again));
        arena_fini(&a);
    }
}

static void test_match_values(void **state)
{
    struct ofp_oxm oxms[] = { exact(FIELD_ETH_TYPE, 0x0800), masked(FIELD_IPV4_DST, 0x0a010000, 0xffff0000),
                              masked(FIELD_METADATA, 0, 0) };
    struct ofp_match in = { .oxms = oxms, .n_oxms = COUNT(oxms) };
    struct ofp_err err;
    struct match m;

    assert_int_equal(ofp_match_to_match(&m, &in, &err), 0);
    assert_int_equal(key_get(&m.value, FIELD_IPV4_DST).lo, 0x0a010000);
    assert_int_equal(key_get(&m.mask, FIELD_IPV4_DST).lo, 0xffff0000);
    assert_false(match_has(&m, FIELD_METADATA)); /* a mask of zeros asks for nothing */
    assert_true(match_is_exact(&m, FIELD_ETH_TYPE));
}

/* What goes out comes in again, whatever the order of the registry; shared places come back as the right field. */
static void test_match_back(void **state)
{
    for (size_t i = 0; i < COUNT(match_cases); i++) {
        struct ofp_oxm oxms[OXMS_MAX];
        struct ofp_match in = { .oxms = oxms, .n_oxms = match_cases[i].n }, back;
        struct ofp_err err;
        struct match m, again;
        struct arena a;

        memcpy(oxms, match_cases[i].oxms, sizeof oxms);
        if (match_cases[i].code != OK)
            continue;
        arena_init(&a);
        assert_int_equal(ofp_match_to_match(&m, &in, &err), 0);
        assert_int_equal(match_to_ofp_match(&back, &a, &m), 0);
        assert_int_equal(back.n_oxms, in.n_oxms);
        if (ofp_match_to_match(&again, &back, &err))
            fail_msg("%s: comes back with code %u", match_cases[i].name, err.code);
        assert_true(match_equal(&m, &again));
        for (size_t j = 0; j < back.n_oxms; j++) {
            bool is_there = false;

            for (size_t k = 0; k < in.n_oxms; k++)
                is_there |= in.oxms[k].field == back.oxms[j].field;
            if (!is_there)
                fail_msg("%s: got %s", match_cases[i].name, field_table[back.oxms[j].field].name);
        }
        arena_fini(&a);
    }
}

/* --- actions --- */

#define OUT(port_) \
    { \
        .type = OFPAT_OUTPUT, .output = {.port = (port_) } \
    }
#define PUSH_VLAN(type_) \
    { \
        .type = OFPAT_PUSH_VLAN, .push_vlan = {.ethertype = (type_) } \
    }
#define PUSH_MPLS(type_) \
    { \
        .type = OFPAT_PUSH_MPLS, .push_mpls = {.ethertype = (type_) } \
    }
#define POP_MPLS(type_) \
    { \
        .type = OFPAT_POP_MPLS, .pop_mpls = {.ethertype = (type_) } \
    }
#define PUSH_PBB(type_) \
    { \
        .type = OFPAT_PUSH_PBB, .push_pbb = {.ethertype = (type_) } \
    }
#define POP_VLAN \
    { \
        .type = OFPAT_POP_VLAN \
    }
#define POP_PBB \
    { \
        .type = OFPAT_POP_PBB \
    }
#define DEC_TTL \
    { \
        .type = OFPAT_DEC_NW_TTL \
    }
#define SET(field_, v_) \
    { \
        .type = OFPAT_SET_FIELD, .set_field = {.field = E(field_, v_) } \
    }
#define SET_MASKED(field_, v_, mask_) \
    { \
        .type = OFPAT_SET_FIELD, .set_field = {.field = M(field_, v_, mask_) } \
    }
#define GROUP(id_) \
    { \
        .type = OFPAT_GROUP, .group = {.group_id = (id_) } \
    }
#define QUEUE(id_) \
    { \
        .type = OFPAT_SET_QUEUE, .set_queue = {.queue_id = (id_) } \
    }
#define SIMPLE(type_) \
    { \
        .type = (type_) \
    }

enum frame { ANY, TAGGED, IP4, TCP4, IP6_ND, MPLS_, PBB_, ARP_ };

static struct match match_of(enum frame f)
{
    struct match m;

    memset(&m, 0, sizeof m);
    switch (f) {
    case ANY:
        break;
    case TAGGED:
        match_set(&m, FIELD_VLAN_VID, 0x1005);
        break;
    case TCP4:
        match_set(&m, FIELD_IP_PROTO, 6);
        match_set(&m, FIELD_ETH_TYPE, 0x0800);
        break;
    case IP4:
        match_set(&m, FIELD_ETH_TYPE, 0x0800);
        break;
    case IP6_ND:
        match_set(&m, FIELD_ETH_TYPE, 0x86dd);
        match_set(&m, FIELD_IP_PROTO, 58);
        match_set(&m, FIELD_ICMPV6_TYPE, 136);
        break;
    case MPLS_:
        match_set(&m, FIELD_ETH_TYPE, 0x8847);
        break;
    case PBB_:
        match_set(&m, FIELD_ETH_TYPE, 0x88e7);
        break;
    case ARP_:
        match_set(&m, FIELD_ETH_TYPE, 0x0806);
        break;
    }
    return m;
}

static const struct {
    const char *name;
    enum frame frame;
    int code; /* OFPBAC_..., or OK */
    size_t n;
    struct ofp_action acts[OXMS_MAX];
} action_cases[] = {
    { "port", ANY, OK, 1, { OUT(3) } },
    { "last port", ANY, OK, 1, { OUT(OFPP_MAX) } },
    { "no port", ANY, OFPBAC_BAD_OUT_PORT, 1, { OUT(0) } },
    { "port that no frame can go to", ANY, OFPBAC_BAD_OUT_PORT, 2, { OUT(3), OUT(OFPP_ANY) } },
    { "behind the last port", ANY, OFPBAC_BAD_OUT_PORT, 1, { OUT(0xffffff01u) } },
    { "table", ANY, OFPBAC_BAD_OUT_PORT, 1, { OUT(OFPP_TABLE) } },
    { "reserved",
      ANY,
      OK,
      6,
      { OUT(OFPP_IN_PORT), OUT(OFPP_NORMAL), OUT(OFPP_FLOOD), OUT(OFPP_ALL), OUT(OFPP_CONTROLLER), OUT(OFPP_LOCAL) } },
    { "group", ANY, OK, 1, { GROUP(44) } },
    { "no such group", ANY, OFPBAC_BAD_OUT_GROUP, 1, { GROUP(45) } },
    { "all groups", ANY, OFPBAC_BAD_OUT_GROUP, 1, { GROUP(OFPG_ALL) } },
    { "queue", ANY, OK, 1, { QUEUE(55) } },
    { "no such queue", ANY, OFPBAC_BAD_QUEUE, 1, { QUEUE(56) } },
    { "push", ANY, OK, 3, { PUSH_VLAN(0x8100), PUSH_VLAN(0x88a8), SET(VLAN_VID, 0x1005) } },
    { "push of no tag", ANY, OFPBAC_BAD_ARGUMENT, 1, { PUSH_VLAN(0x8847) } },
    { "push of no label", ANY, OFPBAC_BAD_ARGUMENT, 1, { PUSH_MPLS(0x8100) } },
    { "push of no service tag", ANY, OFPBAC_BAD_ARGUMENT, 1, { PUSH_PBB(0x88a8) } },
    { "too many headers",
      ANY,
      OFPBAC_BAD_TAG,
      4,
      { PUSH_PBB(0x88e7), PUSH_PBB(0x88e7), PUSH_PBB(0x88e7), PUSH_PBB(0x88e7) } },
    { "pop", TAGGED, OK, 1, { POP_VLAN } },
    { "pop of nothing", ANY, OFPBAC_MATCH_INCONSISTENT, 1, { POP_VLAN } },
    { "pop twice", TAGGED, OFPBAC_MATCH_INCONSISTENT, 2, { POP_VLAN, POP_VLAN } },
    { "push and pop twice", TAGGED, OK, 3, { PUSH_VLAN(0x8100), POP_VLAN, POP_VLAN } },
    { "tag of the untagged", ANY, OFPBAC_MATCH_INCONSISTENT, 1, { SET(VLAN_VID, 0x1005) } },
    { "priority after pop", TAGGED, OFPBAC_MATCH_INCONSISTENT, 2, { POP_VLAN, SET(VLAN_PCP, 5) } },
    { "tag without its bit", TAGGED, OFPBAC_BAD_SET_ARGUMENT, 1, { SET(VLAN_VID, 5) } },
    { "no tag", TAGGED, OFPBAC_BAD_SET_ARGUMENT, 1, { SET(VLAN_VID, 0) } },
    { "field that cannot be set", ANY, OFPBAC_BAD_SET_TYPE, 1, { SET(IN_PORT, 5) } },
    { "unknown field",
      ANY,
      OFPBAC_BAD_SET_TYPE,
      1,
      { { .type = OFPAT_SET_FIELD, .set_field = { .field = UNKNOWN } } } },
    { "value too large", IP4, OFPBAC_BAD_SET_ARGUMENT, 1, { SET(IP_DSCP, 64) } },
    { "part of a field", ANY, OFPBAC_BAD_SET_ARGUMENT, 1, { SET_MASKED(METADATA, 4, 6) } },
    { "address", ANY, OK, 1, { SET(ETH_DST, 5) } },
    { "address of ip", IP4, OK, 2, { SET(IPV4_SRC, 5), DEC_TTL } },
    { "address of no ip", ARP_, OFPBAC_MATCH_INCONSISTENT, 1, { SET(IPV4_SRC, 5) } },
    { "port of tcp", TCP4, OK, 1, { SET(TCP_DST, 5) } },
    { "port of udp in tcp", TCP4, OFPBAC_MATCH_INCONSISTENT, 1, { SET(UDP_DST, 5) } },
    { "port of ip", IP4, OFPBAC_MATCH_INCONSISTENT, 1, { SET(TCP_DST, 5) } },
    { "arp", ARP_, OK, 1, { SET(ARP_OP, 2) } },
    { "ttl of arp", ARP_, OFPBAC_MATCH_INCONSISTENT, 1, { DEC_TTL } },
    { "nd", IP6_ND, OK, 2, { SET(ND_TARGET, 5), SET(ND_TLL, 6) } },
    { "nd becomes another", IP6_ND, OFPBAC_MATCH_INCONSISTENT, 2, { SET(ICMPV6_TYPE, 135), SET(ND_TLL, 6) } },
    { "label hides tcp", TCP4, OFPBAC_MATCH_INCONSISTENT, 2, { PUSH_MPLS(0x8847), SET(TCP_DST, 5) } },
    { "label", TCP4, OK, 4, { PUSH_MPLS(0x8848), SET(MPLS_LABEL, 5), POP_MPLS(0x0800), SET(IPV4_DST, 6) } },
    { "what is below a label", MPLS_, OFPBAC_MATCH_INCONSISTENT, 2, { POP_MPLS(0x0800), SET(TCP_DST, 6) } },
    { "pop of no label", IP4, OFPBAC_MATCH_INCONSISTENT, 1, { POP_MPLS(0x0800) } },
    { "ttl of labels",
      MPLS_,
      OK,
      4,
      { SIMPLE(OFPAT_DEC_MPLS_TTL), SIMPLE(OFPAT_SET_MPLS_TTL), SIMPLE(OFPAT_COPY_TTL_IN),
        SIMPLE(OFPAT_COPY_TTL_OUT) } },
    { "ttl of no label", IP4, OFPBAC_MATCH_INCONSISTENT, 1, { SIMPLE(OFPAT_DEC_MPLS_TTL) } },
    { "service tag", PBB_, OK, 2, { SET(PBB_ISID, 5), POP_PBB } },
    { "service tag hides the tag", TAGGED, OFPBAC_MATCH_INCONSISTENT, 2, { PUSH_PBB(0x88e7), POP_VLAN } },
    { "pop of no service tag", IP4, OFPBAC_MATCH_INCONSISTENT, 1, { POP_PBB } },
    { "experimenter", ANY, OFPBAC_BAD_EXPERIMENTER, 1, { SIMPLE(OFPAT_EXPERIMENTER) } },
    { "no such type", ANY, OFPBAC_BAD_TYPE, 1, { SIMPLE((enum ofp_action_type)99) } },
    { "too many", ANY, OFPBAC_TOO_MANY, 6, { OUT(1), OUT(2), OUT(3), OUT(4), OUT(5), OUT(6) } },
};

static bool has_44(void *arg, uint32_t id)
{
    return id == 44;
}

static bool has_55(void *arg, uint32_t id)
{
    return id == 55;
}

static bool has_66(void *arg, uint32_t id)
{
    return id == 66;
}

static struct ofp_check check_of(const char *name)
{
    return (struct ofp_check){ .table_id = 7,
                               .n_tables = 20,
                               .max_actions = strcmp(name, "too many") ? 0 : 5,
                               .has_group = has_44,
                               .has_queue = has_55,
                               .has_meter = has_66 };
}

static void test_actions(void **state)
{
    for (size_t i = 0; i < COUNT(action_cases); i++) {
        struct ofp_check c = check_of(action_cases[i].name);
        struct match m = match_of(action_cases[i].frame);
        struct ofp_err err = { 0 };
        int got = ofp_actions_check(&c, &m, action_cases[i].acts, action_cases[i].n, &err);
        int code = got ? (int)err.code : OK;

        if (code != action_cases[i].code || (got && (got != -EBADMSG || err.type != OFPET_BAD_ACTION)))
            fail_msg("%s: got %d, type %u, code %u", action_cases[i].name, got, err.type, err.code);
        got = ofp_actions_check(&c, NULL, action_cases[i].acts, action_cases[i].n, &err);
        code = got ? (int)err.code : OK;
        if (code != (action_cases[i].code == OFPBAC_MATCH_INCONSISTENT ? OK : action_cases[i].code))
            fail_msg("%s, of any frame: got %d, type %u, code %u", action_cases[i].name, got, err.type, err.code);
    }
}

static void test_actions_options(void **state)
{
    struct ofp_check c = { .is_packet_out = true, .can_mask_set = true };
    struct ofp_action acts[] = { OUT(OFPP_TABLE), SET_MASKED(METADATA, 4, 6) };
    struct ofp_action outside = SET_MASKED(METADATA, 4, 3), group = GROUP(44), queue = QUEUE(55);
    struct ofp_err err;

    assert_int_equal(ofp_actions_check(&c, NULL, acts, COUNT(acts), &err), 0);
    assert_int_equal(ofp_actions_check(&c, NULL, &outside, 1, &err), -EBADMSG);
    assert_int_equal(err.code, OFPBAC_BAD_SET_ARGUMENT);
    assert_int_equal(ofp_actions_check(&c, NULL, &group, 1, &err), -EBADMSG); /* without callback: none */
    assert_int_equal(err.code, OFPBAC_BAD_OUT_GROUP);
    assert_int_equal(ofp_actions_check(&c, NULL, &queue, 1, &err), -EBADMSG);
    assert_int_equal(err.code, OFPBAC_BAD_QUEUE);
}

/* --- instructions --- */

#define GOTO(id_) \
    { \
        .type = OFPIT_GOTO_TABLE, .goto_table = {.table_id = (id_) } \
    }
#define METER(id_) \
    { \
        .type = OFPIT_METER, .meter = {.meter_id = (id_) } \
    }
#define WITH(type_, member_, act_) \
    { \
        .type = (type_), .member_ = {.actions = (act_), .n_actions = 1 } \
    }

static struct ofp_action out_3 = OUT(3), out_0 = OUT(0), pop = POP_VLAN;

static const struct {
    const char *name;
    int type; /* OFPET_..., or OK */
    unsigned code;
    size_t n;
    struct ofp_instruction insts[6];
} instruction_cases[] = {
    { "none", OK, 0, 0, { { 0 } } },
    { "all",
      OK,
      0,
      6,
      { METER(66), WITH(OFPIT_APPLY_ACTIONS, apply_actions, &out_3), SIMPLE(OFPIT_CLEAR_ACTIONS),
        WITH(OFPIT_WRITE_ACTIONS, write_actions, &out_3), SIMPLE(OFPIT_WRITE_METADATA), GOTO(8) } },
    { "last table", OK, 0, 1, { GOTO(19) } },
    { "goto itself", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID, 1, { GOTO(7) } },
    { "goto backwards", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID, 1, { GOTO(3) } },
    { "goto past the end", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID, 1, { GOTO(20) } },
    { "twice", OFPET_BAD_INSTRUCTION, OFPBIC_UNSUP_INST, 2, { GOTO(8), GOTO(8) } },
    { "experimenter", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_EXPERIMENTER, 1, { SIMPLE(OFPIT_EXPERIMENTER) } },
    { "unknown", OFPET_BAD_INSTRUCTION, OFPBIC_UNKNOWN_INST, 1, { SIMPLE((enum ofp_instruction_type)99) } },
    { "no such meter", OFPET_METER_MOD_FAILED, OFPMMFC_UNKNOWN_METER, 1, { METER(67) } },
    { "no meter", OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER, 1, { METER(0) } },
    { "all meters", OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER, 1, { METER(OFPM_ALL) } },
    { "apply of a bad port",
      OFPET_BAD_ACTION,
      OFPBAC_BAD_OUT_PORT,
      1,
      { WITH(OFPIT_APPLY_ACTIONS, apply_actions, &out_0) } },
    { "write of a bad port",
      OFPET_BAD_ACTION,
      OFPBAC_BAD_OUT_PORT,
      1,
      { WITH(OFPIT_WRITE_ACTIONS, write_actions, &out_0) } },
    { "apply of a pop",
      OFPET_BAD_ACTION,
      OFPBAC_MATCH_INCONSISTENT,
      1,
      { WITH(OFPIT_APPLY_ACTIONS, apply_actions, &pop) } },
    { "write of a pop", OK, 0, 1, { WITH(OFPIT_WRITE_ACTIONS, write_actions, &pop) } },
};

static void test_instructions(void **state)
{
    for (size_t i = 0; i < COUNT(instruction_cases); i++) {
        struct ofp_check c = check_of("");
        struct match m = match_of(ANY);
        struct ofp_err err = { 0 };
        int got = ofp_instructions_check(&c, &m, instruction_cases[i].insts, instruction_cases[i].n, &err);
        int type = got ? (int)err.type : OK;

        if (type != instruction_cases[i].type || (got && err.code != instruction_cases[i].code))
            fail_msg("%s: got %d, type %u, code %u", instruction_cases[i].name, got, err.type, err.code);
    }
}

/* OpenFlow 1.3.5, 5.10. */
static void test_action_set_order(void **state)
{
    static const struct ofp_action order[] = {
        SIMPLE(OFPAT_COPY_TTL_IN),
        POP_VLAN,
        PUSH_MPLS(0x8847),
        PUSH_PBB(0x88e7),
        PUSH_VLAN(0x8100),
        SIMPLE(OFPAT_COPY_TTL_OUT),
        DEC_TTL,
        SET(ETH_DST, 5),
        QUEUE(55),
        GROUP(44),
        OUT(3),
    };
    static const struct ofp_action set_src = SET(ETH_SRC, 6), set_dst = SET(ETH_DST, 7), out_4 = OUT(4);

    for (size_t i = 1; i < COUNT(order); i++)
        assert_true(ofp_action_set_rank(&order[i - 1]) < ofp_action_set_rank(&order[i]));
    assert_true(ofp_action_set_is_same(&order[7], &set_dst));
    assert_false(ofp_action_set_is_same(&order[7], &set_src));
    assert_true(ofp_action_set_is_same(&order[10], &out_4));
    assert_false(ofp_action_set_is_same(&order[10], &set_src));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),        cmocka_unit_test(test_match_tag),
        cmocka_unit_test(test_match_values), cmocka_unit_test(test_match_back),
        cmocka_unit_test(test_actions),      cmocka_unit_test(test_actions_options),
        cmocka_unit_test(test_instructions), cmocka_unit_test(test_action_set_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_rewrite.c - whatever is done to a frame: parsed anew it has the key that was maintained, the key alone was edited
 * the same way, and every checksum is right by a naive computation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>

#include <rte_eal.h>
#include <rte_mempool.h>

#include "datapath/key_edit.h"
#include "tests/unit/datapath/check.h"
#include "tests/unit/datapath/frames.h"

enum op_type {
    OP_SET_FIELD,
    OP_PUSH_VLAN,
    OP_POP_VLAN,
    OP_PUSH_MPLS,
    OP_POP_MPLS,
    OP_PUSH_PBB,
    OP_POP_PBB,
    OP_SET_MPLS_TTL,
    OP_SET_IP_TTL,
    OP_DEC_MPLS_TTL,
    OP_DEC_IP_TTL,
    OP_COPY_TTL_OUT,
    OP_COPY_TTL_IN,
    OP_TYPES
};

static const char *const op_names[OP_TYPES] = {
    "set_field",    "push_vlan",  "pop_vlan",     "push_mpls",  "pop_mpls",     "push_pbb",    "pop_pbb",
    "set_mpls_ttl", "set_ip_ttl", "dec_mpls_ttl", "dec_ip_ttl", "copy_ttl_out", "copy_ttl_in",
};

struct op {
    enum op_type type;
    enum field_id field;
    struct value v, mask;
    uint16_t ethertype;
    uint8_t ttl;
};

static int op_pkt(const struct op *o, struct pkt *p)
{
    switch (o->type) {
    case OP_SET_FIELD:
        return pkt_set_field(p, o->field, o->v, o->mask);
    case OP_PUSH_VLAN:
        return pkt_push_vlan(p, o->ethertype);
    case OP_POP_VLAN:
        return pkt_pop_vlan(p);
    case OP_PUSH_MPLS:
        return pkt_push_mpls(p, o->ethertype);
    case OP_POP_MPLS:
        return pkt_pop_mpls(p, o->ethertype);
    case OP_PUSH_PBB:
        return pkt_push_pbb(p, o->ethertype);
    case OP_POP_PBB:
        return pkt_pop_pbb(p);
    case OP_SET_MPLS_TTL:
        return pkt_set_mpls_ttl(p, o->ttl);
    case OP_SET_IP_TTL:
        return pkt_set_ip_ttl(p, o->ttl);
    case OP_DEC_MPLS_TTL:
        return pkt_dec_mpls_ttl(p);
    case OP_DEC_IP_TTL:
        return pkt_dec_ip_ttl(p);
    case OP_COPY_TTL_OUT:
        return pkt_copy_ttl_out(p);
    case OP_COPY_TTL_IN:
        return pkt_copy_ttl_in(p);
    case OP_TYPES:
        break;
    }
    return -EINVAL;
}

static int op_key(const struct op *o, struct key *k)
{
    switch (o->type) {
    case OP_SET_FIELD:
        return key_set_field(k, o->field, o->v, o->mask);
    case OP_PUSH_VLAN:
        return key_push_vlan(k, o->ethertype);
    case OP_POP_VLAN:
        return key_pop_vlan(k);
    case OP_PUSH_MPLS:
        return key_push_mpls(k, o->ethertype);
    case OP_POP_MPLS:
        return key_pop_mpls(k, o->ethertype);
    case OP_PUSH_PBB:
        return key_push_pbb(k, o->ethertype);
    case OP_POP_PBB:
        return key_pop_pbb(k);
    case OP_SET_MPLS_TTL:
        return key_set_mpls_ttl(k, o->ttl);
    case OP_SET_IP_TTL:
        return key_set_ip_ttl(k, o->ttl);
    case OP_DEC_MPLS_TTL:
        return key_dec_mpls_ttl(k);
    case OP_DEC_IP_TTL:
        return key_dec_ip_ttl(k);
    case OP_COPY_TTL_OUT:
        return key_copy_ttl_out(k);
    case OP_COPY_TTL_IN:
        return key_copy_ttl_in(k);
    case OP_TYPES:
        break;
    }
    return -EINVAL;
}

static uint64_t random_state = 88172645463325252u;

static uint64_t random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 2685821657736338717u;
}

/* All bytes of a frame, over its segments. */
static unsigned bytes_of(const struct rte_mbuf *m, uint8_t *out)
{
    unsigned n = 0;

    assert_true(rte_pktmbuf_pkt_len(m) <= FRAME_MAX);
    for (const struct rte_mbuf *s = m; s; s = s->next) {
        memcpy(out + n, rte_pktmbuf_mtod(s, const uint8_t *), s->data_len);
        n += s->data_len;
    }
    assert_int_equal(n, rte_pktmbuf_pkt_len(m));
    return n;
}

static const char *op_text(const struct op *o)
{
    static char text[96];

    snprintf(text, sizeof text, "%s %s", op_names[o->type], o->type == OP_SET_FIELD ? field_table[o->field].name : "");
    return text;
}

/* Does `o` to the frame, of which nothing but `layers` is parsed before, and checks all that must hold.  Returns what it gave. */
static int op_check(const struct op *o, struct pkt *p, struct frame *f, const char *name)
{
    static uint8_t before[FRAME_MAX], after[FRAME_MAX];
    struct pkt was, now, all = *p;
    struct frame as;
    struct key k;
    const char *what;
    unsigned n_before = bytes_of(p->m, before), n;
    int err, key_err;

    pkt_parse(&all, FRAME_LAYERS);
    was = all;
    k = all.key;
    err = op_pkt(o, p);
    key_err = op_key(o, &k);
    n = bytes_of(p->m, after);
    pkt_parse(p, FRAME_LAYERS);
    pkt_init(&now, p->m, p->in_port);
    pkt_parse(&now, FRAME_LAYERS);
    what = pkt_differs(p, &now);
    CHECK(!what, "%s: %s: %s is not what the frame says", name, op_text(o), what);
    if (err) {
        CHECK(n == n_before && !memcmp(before, after, n), "%s: %s failed and changed the frame", name, op_text(o));
        what = pkt_differs(p, &was);
        CHECK(!what, "%s: %s failed and changed %s", name, op_text(o), what);
        CHECK(err == key_err || err == -ENOENT || err == -ENOSPC, "%s: %s: %d, key %d", name, op_text(o), err, key_err);
        return err;
    }
    CHECK(key_err == 0 || key_err == -EAGAIN, "%s: %s: the key alone gave %d", name, op_text(o), key_err);
    if (!(p->m->ol_flags & RTE_MBUF_F_TX_L4_MASK))
        f->todo = FRAME_DONE; /* had to be finished in software */
    if (o->type == OP_SET_FIELD && o->field == FIELD_IP_PROTO)
        f->named_proto = (uint8_t)key_get(&k, FIELD_IP_PROTO).lo; /* of `now`: behind extension headers that it made */
    what = key_err ? NULL : key_differs(&k, &now.key, FRAME_LAYERS);
    CHECK(!what, "%s: %s: %s of the key alone is another", name, op_text(o), what);
    as = *f;
    if (!(p->m->ol_flags & RTE_MBUF_F_TX_L4_MASK))
        as.todo = FRAME_DONE; /* had to be finished in software */
    what = ref_check(&as, after, n);
    CHECK(!what, "%s: %s: wrong %s", name, op_text(o), what);
    if (f->todo && f->l4_end && p->m->ol_flags & RTE_MBUF_F_TX_L4_MASK)
        CHECK(p->m->l2_len == n - f->l3_end, "%s: %s: l2_len %u", name, op_text(o), (unsigned)p->m->l2_len);
    return 0;
}

/* Forms whose checksum or segmentation a device can be left to do. */
static bool can_be(const struct frame_form *form, enum frame_todo todo)
{
    if (todo == FRAME_DONE)
        return true;
    if (form->frag || form->is_unsummed || form->l3 > FRAME_V6 || form->n_tags > 8)
        return false;
    if (form->exthdrs && strpbrk(form->exthdrs, "en"))
        return false;
    return form->proto == IP_PROTO_TCP || form->proto == IP_PROTO_UDP ||
           (todo == FRAME_PARTIAL && form->proto == IP_PROTO_SCTP);
}

static struct value random_value(enum field_id id)
{
    struct value ones = field_ones(id);

    return (struct value){ random_u64() & ones.hi, random_u64() & ones.lo };
}

static void check_set_field(const struct frame_form *form, enum frame_todo todo, enum field_id id, unsigned round)
{
    struct op o = { OP_SET_FIELD, .field = id, .v = random_value(id),
                    .mask = round % 2 ? random_value(id) : field_ones(id) };
    struct frame f;
    struct frame_mbuf fm;
    struct pkt p;
    struct value old, got;

    frame_build(&f, form, todo);
    pkt_init(&p, frame_mbuf_init(&fm, f.b, f.n, round & 2 && f.n > PKT_HEADERS_MAX ? PKT_HEADERS_MAX : f.n), 3);
    frame_mbuf_offload(p.m, &f);
    assert_null(ref_check(&f, f.b, f.n));
    if (round & 4)
        pkt_parse(&p, FRAME_LAYERS);
    pkt_parse(&p, 1u << field_table[id].layer);
    old = key_get(&p.key, id);
    if (!op_check(&o, &p, &f, form->name) && id != FIELD_VLAN_TCI && !(id == FIELD_IP_PROTO && f.is_v6)) {
        uint64_t lo = (old.lo & ~o.mask.lo) | (o.v.lo & o.mask.lo);

        got = key_get(&p.key, id);
        if (id == FIELD_VLAN_VID)
            lo |= VLAN_PRESENT;
        CHECK(got.lo == lo && got.hi == ((old.hi & ~o.mask.hi) | (o.v.hi & o.mask.hi)), "%s: %s: not set", form->name,
              field_table[id].name);
    }
    frame_mbuf_fini(&fm);
}

static void set_every_field_of_every_frame(void **state)
{
    for (int i = 0; i < FRAME_FORMS; i++)
        for (int todo = 0; todo < FRAME_TODOS; todo++)
            for (int id = 0; id < FIELD_N; id++)
                for (unsigned round = 0; round < 16 && can_be(&frame_forms[i], (enum frame_todo)todo); round++)
                    check_set_field(&frame_forms[i], (enum frame_todo)todo, (enum field_id)id, round);
}

/* Whatever is missing of a frame: what can be done is done to it and its key alike, the rest changes neither. */
static void cut_anywhere(void **state)
{
    static const uint16_t types[] = {
        [OP_PUSH_VLAN] = 0x88a8, [OP_PUSH_MPLS] = 0x8847, [OP_POP_MPLS] = 0x0800, [OP_PUSH_PBB] = 0x88e7, [OP_TYPES] = 0
    };
    for (int i = 0; i < FRAME_FORMS; i++)
        for (int op = 0; op < OP_TYPES - 1 + FIELD_N; op++) {
            struct op o = { .type = op < FIELD_N ? OP_SET_FIELD : (enum op_type)(op - FIELD_N + 1), .ttl = 9 };
            struct frame f;

            if (o.type == OP_SET_FIELD)
                o = (struct op){ .field = (enum field_id)op,
                                 .v = random_value((enum field_id)op),
                                 .mask = field_ones((enum field_id)op) };
            o.ethertype = types[o.type];
            frame_build(&f, &frame_forms[i], FRAME_DONE);
            for (unsigned n = 0; n < f.n; n++) {
                struct frame unknown = { 0 }; /* its sums cannot be right */
                struct frame_mbuf fm;
                struct pkt p;

                pkt_init(&p, frame_mbuf_init(&fm, f.b, n, n), 3);
                op_check(&o, &p, &unknown, frame_forms[i].name);
                frame_mbuf_fini(&fm);
            }
        }
}

/* The whole tag as a field: without the bit that says there is one, there is none. */
static void vlan_tci_pushes_and_pops(void **state)
{
    static const struct {
        const char *form;
        uint16_t v, mask, want; /* tag afterwards, 0: none */
    } cases[] = {
        { "tcp4", 0x3007, 0xffff, 0x3007 },
        { "tcp4", 0x0007, 0x0fff, 0 },
        { "tcp4 tagged", 0, 0xffff, 0 },
        { "tcp4 tagged", 0xb123, 0xffff, 0xb123 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct frame_form *form = frame_forms;
        struct frame_mbuf fm;
        struct frame f;
        struct pkt p;

        while (strcmp(form->name, cases[i].form))
            assert_true(++form < frame_forms + FRAME_FORMS);
        frame_build(&f, form, FRAME_DONE);
        pkt_init(&p, frame_mbuf_init(&fm, f.b, f.n, f.n), 3);
        assert_int_equal(pkt_set_field(&p, FIELD_VLAN_TCI, value_of(cases[i].v), value_of(cases[i].mask)), 0);
        assert_int_equal(key_get(&p.key, FIELD_VLAN_TCI).lo, cases[i].want);

        const uint8_t *tag = rte_pktmbuf_mtod_offset(p.m, uint8_t *, 12);

        if (cases[i].want)
            assert_int_equal(be32_load(tag), 0x81000000u | (cases[i].want & 0xefff));
        else
            assert_int_equal(be16_load(tag), 0x0800);
        frame_mbuf_fini(&fm);
    }
}

/* What is there must be settable: the property above would hold for code that always refuses. */
static void fields_that_are_there_can_be_set(void **state)
{
    static const struct {
        const char *form, *fields;
    } cases[] = {
        { "tcp4",
          "eth_type ip_proto eth_dst eth_src ip_dscp ip_ecn ip_ttl ipv4_src ipv4_dst tcp_src tcp_dst metadata reg3 tunnel_id" },
        { "tcp4 tagged", "vlan_vid vlan_pcp tcp_dst" },
        { "udp4 unsummed", "udp_src udp_dst ipv4_dst" },
        { "udp4 later fragment", "ipv4_src ipv4_dst ip_dscp" },
        { "udp4 first fragment", "udp_dst" },
        { "sctp4", "sctp_src sctp_dst" },
        { "icmp4", "icmpv4_type icmpv4_code" },
        { "tcp6", "ipv6_src ipv6_dst ipv6_flabel ip_dscp ip_ecn ip_ttl tcp_src" },
        { "icmp6", "icmpv6_type icmpv6_code" },
        { "ns", "nd_target nd_sll" },
        { "na", "nd_target nd_tll" },
        { "tcp6 all headers", "ip_proto tcp_src ipv6_src ipv6_dst" },
        { "tcp6 later fragment", "ip_proto" },
        { "arp", "arp_op arp_spa arp_tpa arp_sha arp_tha" },
        { "mpls three", "eth_type mpls_label mpls_tc mpls_bos mpls_ttl" },
        { "pbb", "pbb_isid pbb_uca eth_dst" },
        { "snap", "eth_type ip_proto ipv4_src udp_dst" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct frame_form *form = frame_forms;
        char names[160], *save = NULL;

        while (strcmp(form->name, cases[i].form))
            assert_true(++form < frame_forms + FRAME_FORMS);
        snprintf(names, sizeof names, "%s", cases[i].fields);
        for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
            enum field_id id = field_by_name(name, strlen(name));
            struct op o = { OP_SET_FIELD, .field = id, .v = random_value(id), .mask = field_ones(id) };
            struct frame f;
            struct frame_mbuf fm;
            struct pkt p;

            frame_build(&f, form, FRAME_DONE);
            pkt_init(&p, frame_mbuf_init(&fm, f.b, f.n, f.n), 3);
            if (id == FIELD_ETH_TYPE)
                o.v.lo |= ETH_TYPE_MIN; /* none of the few that cannot be set */
            CHECK(!op_check(&o, &p, &f, form->name), "%s: cannot set %s", form->name, name);
            frame_mbuf_fini(&fm);
        }
    }
}

static void what_is_not_there_is_refused(void **state)
{
    static const struct {
        const char *form, *field;
        int want;
    } cases[] = {
        { "tcp4", "vlan_vid", -ENOENT },
        { "tcp4", "vlan_pcp", -ENOENT },
        { "tcp4", "udp_src", -ENOENT },
        { "tcp4", "ipv6_src", -ENOENT },
        { "tcp4", "arp_op", -ENOENT },
        { "tcp4", "mpls_label", -ENOENT },
        { "tcp4", "pbb_isid", -ENOENT },
        { "tcp4", "icmpv4_type", -ENOENT },
        { "udp4 later fragment", "udp_src", -ENOENT },
        { "sctp4 first fragment", "sctp_src", -ENOENT },
        { "ns without option", "nd_sll", -ENOENT },
        { "ns", "nd_tll", -ENOENT },
        { "mpls ip4", "ipv4_src", -ENOENT },
        { "pbb", "ipv4_src", -ENOENT },
        { "arp", "ip_dscp", -ENOENT },
        { "tcp4", "ipv6_exthdr", -EINVAL },
        { "llc", "eth_type", -ENOENT },
        { "arp", "ip_proto", -ENOENT },
        { "tcp4", "in_port", -EINVAL },
        { "tcp4", "tcp_flags", -EINVAL },
        { "esp6", "tcp_src", -ENOENT },
        { "nine tags", "ipv4_src", -ENOENT },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct frame_form *form = frame_forms;
        enum field_id id = field_by_name(cases[i].field, strlen(cases[i].field));
        struct op o = { OP_SET_FIELD, .field = id, .v = random_value(id), .mask = field_ones(id) };
        struct frame f;
        struct frame_mbuf fm;
        struct pkt p;
        int got;

        while (strcmp(form->name, cases[i].form))
            assert_true(++form < frame_forms + FRAME_FORMS);
        frame_build(&f, form, FRAME_DONE);
        pkt_init(&p, frame_mbuf_init(&fm, f.b, f.n, f.n), 3);
        got = op_check(&o, &p, &f, form->name);
        CHECK(got == cases[i].want, "%s: %s: %d", form->name, cases[i].field, got);
        frame_mbuf_fini(&fm);
    }
}

/* An operation that leaves it known where the L3 header is. */
static struct op random_op(struct pkt *p, const struct frame *f)
{
    static const uint16_t tpids[] = { 0x8100, 0x88a8, 0x9100 };
    struct op o = { (enum op_type)(random_u64() % OP_TYPES), .ttl = (uint8_t)random_u64() };
    struct pkt q = *p;

    pkt_parse(&q, FRAME_LAYERS);
    if (random_u64() % 3 == 0)
        o.type = OP_SET_FIELD;
    switch ((int)o.type) {
    case OP_SET_FIELD:
        do
            o.field = (enum field_id)(random_u64() % FIELD_N);
        while (o.field == FIELD_MPLS_BOS || o.field == FIELD_ETH_TYPE || o.field == FIELD_IP_PROTO);
        o.v = random_value(o.field);
        o.mask = random_u64() % 2 ? field_ones(o.field) : random_value(o.field);
        break;
    case OP_PUSH_VLAN:
        o.ethertype = tpids[random_u64() % 3];
        break;
    case OP_PUSH_MPLS:
        o.ethertype = random_u64() % 2 ? ETH_TYPE_MPLS : ETH_TYPE_MPLS_MC;
        if (key_get(&q.key, FIELD_ETH_TYPE).lo == ETH_TYPE_PBB)
            o.type = OP_POP_PBB;
        break;
    case OP_POP_MPLS:
        o.ethertype = !key_get(&q.key, FIELD_MPLS_BOS).lo ? ETH_TYPE_MPLS
                      : !f->l3_end                        ? 0x9abc
                      : f->is_v6                          ? 0x86dd
                                                          : 0x0800;
        break;
    case OP_PUSH_PBB:
        o.ethertype = ETH_TYPE_PBB;
        break;
    }
    return o;
}

static void random_sequences(void **state)
{
    for (int i = 0; i < 40 * FRAME_FORMS * FRAME_TODOS; i++) {
        const struct frame_form *form = &frame_forms[i % FRAME_FORMS];
        enum frame_todo todo = (enum frame_todo)(i / FRAME_FORMS % FRAME_TODOS);
        struct frame f;
        struct frame_mbuf fm;
        struct pkt p;

        if (!can_be(form, todo))
            continue;
        frame_build(&f, form, todo);
        pkt_init(&p, frame_mbuf_init(&fm, f.b, f.n, f.n), 3);
        frame_mbuf_offload(p.m, &f);
        for (int step = 0; step < 25; step++) {
            struct op o = random_op(&p, &f);
            struct pkt q;

            if (random_u64() % 2) {
                pkt_init(&q, p.m, 3); /* forget, and parse only a part */
                p = q;
                pkt_parse(&p, (unsigned)random_u64() & FRAME_LAYERS);
            }
            op_check(&o, &p, &f, form->name);
        }
        frame_mbuf_fini(&fm);
    }
}

/* --- bytes, as the specification has them --- */

struct bytes_case {
    const char *name;
    struct op ops[3];
    const char *in, *want; /* hex, from byte 12 on; "-": what the last operation gave is in `err` */
    int err;
};

static unsigned from_hex(const char *hex, uint8_t *out)
{
    unsigned n = 0;

    for (; *hex; hex += 2, n++) {
        while (*hex == ' ')
            hex++;
        out[n] = (uint8_t)strtoul((char[3]){ hex[0], hex[1], 0 }, NULL, 16);
    }
    return n;
}

#define ADDRESSES \
    "020102030405" \
    "060708090a0b"
#define IP4 \
    "4500001c00004000" \
    "0711" \
    "5fc4" \
    "0a010203" \
    "0a040506" \
    "0035003600080000"
#define ND_SHORT \
    "86dd 60000000 0008 3aff fe800000000000000000000000000001 ff0200000000000000000001ff000002" \
    "8700 0000 00000000" \
    "00000000000000000000000000000000"

static const struct bytes_case byte_cases[] = {
    { "push on untagged: zeros",
      { { OP_PUSH_VLAN, .ethertype = 0x8100 } },
      ADDRESSES "0800" IP4,
      ADDRESSES "8100 0000 0800" IP4 },
    { "push copies VID and PCP",
      { { OP_PUSH_VLAN, .ethertype = 0x88a8 } },
      ADDRESSES "8100 b123 0800" IP4,
      ADDRESSES "88a8 a123 8100 b123 0800" IP4 },
    { "pop of the outermost",
      { { OP_POP_VLAN } },
      ADDRESSES "88a8 0007 8100 b123 0800" IP4,
      ADDRESSES "8100 b123 0800" IP4 },
    { "pop without tag", { { OP_POP_VLAN } }, ADDRESSES "0800" IP4, ADDRESSES "0800" IP4, -ENOENT },
    { "no VLAN type", { { OP_PUSH_VLAN, .ethertype = 0x0800 } }, ADDRESSES "0800" IP4, ADDRESSES "0800" IP4, -EINVAL },
    { "the ninth tag",
      { { OP_PUSH_VLAN, .ethertype = 0x8100 } },
      ADDRESSES "81000001 81000002 81000003 81000004 81000005 81000006 81000007 81000008 0800" IP4,
      ADDRESSES "81000001 81000002 81000003 81000004 81000005 81000006 81000007 81000008 0800" IP4,
      -ENOSPC },
    { "vid of a tag keeps PCP and DEI",
      { { OP_SET_FIELD, .field = FIELD_VLAN_VID, .v = { 0, 0x1456 }, .mask = { 0, 0x1fff } } },
      ADDRESSES "8100 b123 0800" IP4,
      ADDRESSES "8100 b456 0800" IP4 },
    { "vid of a tag sets no DEI",
      { { OP_SET_FIELD, .field = FIELD_VLAN_VID, .v = { 0, 0x1456 }, .mask = { 0, 0x1fff } } },
      ADDRESSES "8100 a123 0800" IP4,
      ADDRESSES "8100 a456 0800" IP4 },
    { "padding is no target",
      { { OP_SET_FIELD, .field = FIELD_ND_TARGET, .v = { 1, 2 }, .mask = { 3, 3 } } },
      ADDRESSES ND_SHORT,
      ADDRESSES ND_SHORT,
      -ENOENT },
    { "label on IP: TTL of IP, bottom",
      { { OP_PUSH_MPLS, .ethertype = 0x8847 } },
      ADDRESSES "0800" IP4,
      ADDRESSES "8847 00000107" IP4 },
    { "label behind tags",
      { { OP_PUSH_MPLS, .ethertype = 0x8848 } },
      ADDRESSES "8100 0005 0800" IP4,
      ADDRESSES "8100 0005 8848 00000107" IP4 },
    { "label on label: label, TC and TTL of it",
      { { OP_PUSH_MPLS, .ethertype = 0x8847 } },
      ADDRESSES "8847 12345b21" IP4,
      ADDRESSES "8847 12345a21 12345b21" IP4 },
    { "label on what has no TTL",
      { { OP_PUSH_MPLS, .ethertype = 0x8847 } },
      ADDRESSES "9abc 0102030405",
      ADDRESSES "8847 00000100 0102030405" },
    { "label on a length",
      { { OP_PUSH_MPLS, .ethertype = 0x8847 } },
      ADDRESSES "0005 0102030405",
      ADDRESSES "0005 0102030405",
      -ENOENT },
    { "pop label", { { OP_POP_MPLS, .ethertype = 0x0800 } }, ADDRESSES "8847 12345b21" IP4, ADDRESSES "0800" IP4 },
    { "pop without label",
      { { OP_POP_MPLS, .ethertype = 0x0800 } },
      ADDRESSES "0800" IP4,
      ADDRESSES "0800" IP4,
      -ENOENT },
    { "PBB: addresses copied, PCP of the VLAN",
      { { OP_PUSH_PBB, .ethertype = 0x88e7 } },
      ADDRESSES "8100 b123 0800" IP4,
      ADDRESSES "88e7 a0000000" ADDRESSES "8100 b123 0800" IP4 },
    { "PBB on PBB copies the I-SID",
      { { OP_PUSH_PBB, .ethertype = 0x88e7 } },
      ADDRESSES "88e7 a8123456" ADDRESSES "0800" IP4,
      ADDRESSES "88e7 00123456" ADDRESSES "88e7 a8123456" ADDRESSES "0800" IP4 },
    { "PBB with B-TAG",
      { { OP_PUSH_PBB, .ethertype = 0x88e7 }, { OP_PUSH_VLAN, .ethertype = 0x88a8 } },
      ADDRESSES "0800" IP4,
      ADDRESSES "88a8 0000 88e7 00000000" ADDRESSES "0800" IP4 },
    { "pop PBB",
      { { OP_POP_PBB } },
      "0c0102030405 0e0708090a0b 88e7 a8123456" ADDRESSES "8100 b123 0800" IP4,
      ADDRESSES "8100 b123 0800" IP4 },
    { "pop PBB below a B-TAG",
      { { OP_POP_PBB } },
      ADDRESSES "88a8 0001 88e7 a8123456" ADDRESSES "0800" IP4,
      ADDRESSES "88a8 0001 88e7 a8123456" ADDRESSES "0800" IP4,
      -ENOENT },
    { "copy TTL out, label to label",
      { { OP_COPY_TTL_OUT } },
      ADDRESSES "8847 12345a21 23456b42" IP4,
      ADDRESSES "8847 12345a42 23456b42" IP4 },
    { "copy TTL out, IP to label",
      { { OP_COPY_TTL_OUT } },
      ADDRESSES "8847 12345b21" IP4,
      ADDRESSES "8847 12345b07" IP4 },
    { "copy TTL in, label to IP",
      { { OP_COPY_TTL_IN } },
      ADDRESSES "8847 12345b08" IP4,
      ADDRESSES "8847 12345b08"
                "4500001c00004000"
                "0811"
                "5ec4"
                "0a010203"
                "0a040506"
                "0035003600080000" },
    { "copy TTL, no IP packet but like one",
      { { OP_COPY_TTL_IN } },
      ADDRESSES "8847 12345b08 4500001d000040000711 5fc4 0a010203 0a040506 0035003600080000",
      ADDRESSES "8847 12345b08 4500001d000040000711 5fc4 0a010203 0a040506 0035003600080000",
      -ENOENT },
    { "protocol of IP: sums of both headers",
      { { OP_SET_FIELD, .field = FIELD_IP_PROTO, .v = { 0, 6 }, .mask = { 0, 0xff } } },
      ADDRESSES "0800 4500001c0000400007115fc40a0102030a040506 0035003600081234",
      ADDRESSES "0800 4500001c0000400007065fcf0a0102030a040506 003500360008123f" },
    { "copy TTL without label", { { OP_COPY_TTL_IN } }, ADDRESSES "0800" IP4, ADDRESSES "0800" IP4, -ENOENT },
    { "decrement of MPLS TTL 1",
      { { OP_DEC_MPLS_TTL } },
      ADDRESSES "8847 12345b01" IP4,
      ADDRESSES "8847 12345b01" IP4,
      -ETIME },
    { "decrement of MPLS TTL", { { OP_DEC_MPLS_TTL } }, ADDRESSES "8847 12345b02" IP4, ADDRESSES "8847 12345b01" IP4 },
    { "decrement of IP TTL",
      { { OP_DEC_IP_TTL } },
      ADDRESSES "0800" IP4,
      ADDRESSES "0800"
                "4500001c00004000"
                "0611"
                "60c4"
                "0a010203"
                "0a040506"
                "0035003600080000" },
    { "decrement to the end",
      { { OP_SET_IP_TTL, .ttl = 1 }, { OP_DEC_IP_TTL } },
      ADDRESSES "0800" IP4,
      ADDRESSES "0800"
                "4500001c00004000"
                "0111"
                "65c4"
                "0a010203"
                "0a040506"
                "0035003600080000",
      -ETIME },
};

static void structure_changes_as_specified(void **state)
{
    for (size_t i = 0; i < sizeof byte_cases / sizeof *byte_cases; i++) {
        static const struct op none;
        static uint8_t in[FRAME_MAX], want[FRAME_MAX], got[FRAME_MAX];
        unsigned n = from_hex(byte_cases[i].in, in), n_want = from_hex(byte_cases[i].want, want), n_got;
        struct frame_mbuf fm;
        struct pkt p;
        int err = 0;

        pkt_init(&p, frame_mbuf_init(&fm, in, n, n), 3);
        for (int j = 0; j < 3 && memcmp(&byte_cases[i].ops[j], &none, sizeof none); j++)
            err = op_pkt(&byte_cases[i].ops[j], &p);
        CHECK(err == byte_cases[i].err, "%s: %d", byte_cases[i].name, err);
        n_got = bytes_of(p.m, got);
        CHECK(n_got == n_want && !memcmp(got, want, n_got), "%s: other bytes than expected", byte_cases[i].name);
        frame_mbuf_fini(&fm);
    }
}

/* A sum of zero would say that there is none (RFC 768). */
static void udp_sum_never_becomes_zero(void **state)
{
    for (int i = 0; i < FRAME_FORMS; i++) {
        struct op o = { OP_SET_FIELD, .field = FIELD_UDP_SRC, .mask = { 0, UINT16_MAX } };
        struct frame f;
        struct frame_mbuf fm;
        struct pkt p;
        const uint8_t *udp;

        frame_build(&f, &frame_forms[i], FRAME_DONE);
        pkt_init(&p, frame_mbuf_init(&fm, f.b, f.n, f.n), 3);
        pkt_parse(&p, FRAME_LAYERS);
        if (p.l4_proto == IP_PROTO_UDP && !f.is_unsummed) {
            udp = rte_pktmbuf_mtod_offset(p.m, const uint8_t *, p.l4_ofs);
            o.v.lo = be16_load(udp) + be16_load(udp + 6);
            o.v.lo = (o.v.lo & 0xffff) + (o.v.lo >> 16);
            assert_int_equal(op_check(&o, &p, &f, frame_forms[i].name), 0);
            assert_int_equal(be16_load(udp + 6), 0xffff);
        }
        frame_mbuf_fini(&fm);
    }
}

static void no_headroom_is_refused(void **state)
{
    static const struct op ops[] = {
        { OP_PUSH_VLAN, .ethertype = 0x8100 },
        { OP_PUSH_MPLS, .ethertype = 0x8847 },
        { OP_PUSH_PBB, .ethertype = 0x88e7 },
    };

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        struct frame f;
        struct frame_mbuf fm;
        struct pkt p;

        frame_build(&f, &frame_forms[0], FRAME_DONE);
        pkt_init(&p, frame_mbuf_init(&fm, f.b, f.n, f.n), 3);
        fm.seg[0].buf_addr = (uint8_t *)fm.memory[0] + FRAME_HEADROOM - 3;
        fm.seg[0].data_off = 3;
        assert_int_equal(op_check(&ops[i], &p, &f, "no headroom"), -ENOSPC);
        frame_mbuf_fini(&fm);
    }
}

/* l2_len has seven bits: what would not fit is finished in software, or refused when it is still to be cut. */
static void l2_len_does_not_overflow(void **state)
{
    for (int todo = FRAME_PARTIAL; todo < FRAME_TODOS; todo++) {
        static const struct frame_form forms[] = {
            { "deep tcp", FRAME_V4, IP_PROTO_TCP, .n_tags = 1, .n_labels = 26, .payload = 21 },
            { "deep udp", FRAME_V6, IP_PROTO_UDP, .n_tags = 1, .n_labels = 26, .payload = 21 },
            { "deep sctp", FRAME_V4, IP_PROTO_SCTP, .n_tags = 1, .n_labels = 26, .payload = 21 },
        };

        for (size_t i = 0; i < 3 - (todo == FRAME_TSO); i++) {
            struct op push = { OP_PUSH_VLAN, .ethertype = 0x88a8 };
            struct frame f;
            struct frame_mbuf fm;
            struct pkt p;
            int err;

            frame_build(&f, &forms[i], (enum frame_todo)todo);
            pkt_init(&p, frame_mbuf_init(&fm, f.b, f.n, f.n), 3);
            frame_mbuf_offload(p.m, &f);
            assert_int_equal(p.m->l2_len, 122);
            assert_int_equal(op_check(&push, &p, &f, forms[i].name), 0);
            assert_int_equal(p.m->l2_len, 126);
            err = op_check(&push, &p, &f, forms[i].name);
            assert_int_equal(err, todo == FRAME_TSO ? -ENOSPC : 0);
            assert_int_equal(!!(p.m->ol_flags & RTE_MBUF_F_TX_L4_MASK), todo == FRAME_TSO);
            frame_mbuf_fini(&fm);
        }
    }
}

/* --- frames from a pool: shared ones, and headers split over segments --- */

static struct rte_mempool *pool;

static int start_dpdk(void **state)
{
    char *args[] = { (char[]){ "test" },     (char[]){ "--no-shconf" },         (char[]){ "--no-huge" },
                     (char[]){ "--no-pci" }, (char[]){ "--no-telemetry" },      (char[]){ "-m" },
                     (char[]){ "32" },       (char[]){ "--log-level=*:error" }, NULL };

    if (rte_eal_init(8, args) < 0)
        return -1;
    pool = rte_pktmbuf_pool_create("frames", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    return pool ? 0 : -1;
}

static int stop_dpdk(void **state)
{
    rte_mempool_free(pool);
    return rte_eal_cleanup();
}

static void shared_and_split_frames_become_writable(void **state)
{
    static const struct op ops[] = {
        { OP_PUSH_VLAN, .ethertype = 0x8100 },
        { OP_SET_FIELD, .field = FIELD_IPV4_SRC, .v = { 0, 0x0b0c0d0e }, .mask = { 0, UINT32_MAX } },
        { OP_SET_FIELD, .field = FIELD_TCP_DST, .v = { 0, 0xfeed }, .mask = { 0, UINT16_MAX } },
    };

    for (unsigned first = 1; first < 80; first++) {
        static uint8_t bytes[FRAME_MAX];
        struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *tail = rte_pktmbuf_alloc(pool), *held;
        struct frame f;
        struct pkt p;

        frame_build(&f, &frame_forms[1], FRAME_PARTIAL);
        memcpy(rte_pktmbuf_append(m, (uint16_t)first), f.b, first);
        memcpy(rte_pktmbuf_append(tail, (uint16_t)(f.n - first)), f.b + first, f.n - first);
        assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
        frame_mbuf_offload(m, &f);
        held = first % 3 == 0 ? rte_pktmbuf_clone(m, pool) : first % 3 == 1 ? m : NULL;
        if (first % 6 == 0) { /* the original is held, the clone goes on */
            struct rte_mbuf *other = held;

            held = m;
            m = other;
        }
        if (first % 3 == 1)
            rte_mbuf_refcnt_update(m, 1), rte_mbuf_refcnt_update(tail, 1);
        pkt_init(&p, m, 3);
        pkt_parse(&p, FRAME_LAYERS);
        assert_int_equal(pkt_writable(&p), 0);
        assert_int_equal(p.m->l2_len, 18);
        for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
            assert_int_equal(op_check(&ops[i], &p, &f, "split"), 0);
        if (held) {
            assert_int_equal(bytes_of(held, bytes), f.n);
            assert_memory_equal(bytes, f.b, f.n);
            rte_pktmbuf_free(held);
        }
        rte_pktmbuf_free(p.m);
        assert_int_equal(rte_mempool_avail_count(pool), 63);
    }
}

/* Of a long shared frame only the headers are copied; wherever they are split. */
static void long_shared_frames_share_their_payload(void **state)
{
    for (unsigned first = 1; first < 600; first += 7) {
        static uint8_t bytes[FRAME_MAX];
        static const struct frame_form form = { "long", FRAME_V4, IP_PROTO_TCP, .n_tags = 1, .payload = 900 };
        const struct op ops[] = {
            { OP_PUSH_VLAN, .ethertype = 0x8100 },
            { OP_SET_FIELD, .field = FIELD_IPV4_DST, .v = { 0, 0x0b0c0d0e }, .mask = { 0, UINT32_MAX } },
            { OP_SET_FIELD, .field = FIELD_TCP_DST, .v = { 0, 0xfeed }, .mask = { 0, UINT16_MAX } },
        };
        struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *held;
        struct frame f;
        struct pkt p;

        frame_build(&f, &form, FRAME_DONE);
        memcpy(rte_pktmbuf_append(m, (uint16_t)first), f.b, first);
        for (unsigned at = first, n; at < f.n; at += n) {
            struct rte_mbuf *seg = rte_pktmbuf_alloc(pool);

            n = RTE_MIN(f.n - at, 200u);
            memcpy(rte_pktmbuf_append(seg, (uint16_t)n), f.b + at, n);
            assert_int_equal(rte_pktmbuf_chain(m, seg), 0);
        }
        held = first % 2 ? rte_pktmbuf_clone(m, pool) : NULL;
        pkt_init(&p, m, 3);
        assert_int_equal(pkt_writable(&p), 0);
        m = p.m;
        assert_int_equal(pkt_writable(&p), 0);
        assert_ptr_equal(p.m, m);
        for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
            assert_int_equal(op_check(&ops[i], &p, &f, "long"), 0);
        if (held) {
            assert_int_equal(bytes_of(held, bytes), f.n);
            assert_memory_equal(bytes, f.b, f.n);
            rte_pktmbuf_free(held);
        }
        rte_pktmbuf_free(p.m);
        assert_int_equal(rte_mempool_avail_count(pool), 63);
    }
}

static void no_memory_leaves_the_frame(void **state)
{
    struct rte_mbuf *all[63];
    struct frame f;
    struct pkt p;

    frame_build(&f, &frame_forms[0], FRAME_DONE);
    assert_int_equal(rte_pktmbuf_alloc_bulk(pool, all, 63), 0);
    memcpy(rte_pktmbuf_append(all[0], (uint16_t)f.n), f.b, f.n);
    rte_mbuf_refcnt_update(all[0], 1);
    pkt_init(&p, all[0], 3);
    assert_int_equal(pkt_writable(&p), -ENOMEM);
    assert_ptr_equal(p.m, all[0]);
    rte_mbuf_refcnt_update(all[0], -1);
    assert_int_equal(pkt_writable(&p), 0);
    rte_pktmbuf_free_bulk(all, 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_every_field_of_every_frame),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(vlan_tci_pushes_and_pops),
        cmocka_unit_test(fields_that_are_there_can_be_set),
        cmocka_unit_test(what_is_not_there_is_refused),
        cmocka_unit_test(structure_changes_as_specified),
        cmocka_unit_test(random_sequences),
        cmocka_unit_test(udp_sum_never_becomes_zero),
        cmocka_unit_test(no_headroom_is_refused),
        cmocka_unit_test(l2_len_does_not_overflow),
        cmocka_unit_test(shared_and_split_frames_become_writable),
        cmocka_unit_test(long_shared_frames_share_their_payload),
        cmocka_unit_test(no_memory_leaves_the_frame),
    };

    return cmocka_run_group_tests(tests, start_dpdk, stop_dpdk);
}

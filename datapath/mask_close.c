/* SPDX-License-Identifier: Apache-2.0 */
/* mask_close.c - see mask_close.h.
 *
 * Theory.  Two sorts of actions move values about.  Those that put on and take off headers move whole groups of fields: if
 * one of a group is read, all are.  Moves go from some bits to some others, directly or over the stack, where anything that
 * was pushed may be what is popped.  Both are applied until the mask grows no more; it does so at most once per bit.  What
 * is loaded is no value of the frame, and what is only moved, never looked up, leaves no trace in the mask. */
#include "datapath/mask_close.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* The stack stands as FIELD_NONE on its side, and a hash over the frame as FIELD_N. */
struct move {
    struct hmap_link link;
    struct subfield src, dst;
    size_t n;
};

void act_counts_fini(struct act_counts *c)
{
    for_each_hmap_safe (struct move, m, next, &c->moves, link) {
        hmap_remove(&c->moves, &m->link);
        free(m);
    }
    hmap_fini(&c->moves);
}

static bool move_of(const struct act *a, struct subfield *src, struct subfield *dst)
{
    static const struct subfield stack = { .field = FIELD_NONE };

    switch ((int)a->type) {
    case ACT_MOVE:
        *src = a->src;
        *dst = a->dst;
        return true;
    case ACT_STACK_PUSH:
        *src = a->src;
        *dst = stack;
        return true;
    case ACT_MULTIPATH:
    case ACT_BUNDLE:
        *src = (struct subfield){ .field = (enum field_id)FIELD_N };
        *dst = subfield_unpack(a->choice.dst);
        return a->choice.dst != (uint32_t)LINK_NO_DST;
    case ACT_STACK_POP:
        *src = stack;
        *dst = a->dst;
        return true;
    }
    return false;
}

static int count_move(struct act_counts *c, struct subfield src, struct subfield dst, bool is_add)
{
    uint32_t hash = (uint32_t)hash_mix(hash_add(subfield_pack(src), subfield_pack(dst)));
    struct move *m;

    for_each_hmap_hash (struct move, old, &c->moves, hash, link) {
        if (subfield_pack(old->src) != subfield_pack(src) || subfield_pack(old->dst) != subfield_pack(dst))
            continue;
        old->n += is_add ? 1 : (size_t)-1;
        if (old->n)
            return 0;
        hmap_remove(&c->moves, &old->link);
        free(old);
        return 1;
    }
    m = calloc(1, sizeof *m);
    if (!m)
        return -ENOMEM;
    m->src = src;
    m->dst = dst;
    m->n = 1;
    hmap_insert(&c->moves, &m->link, hash);
    return 1;
}

/* The tag as a whole pushes and pops when it is set. */
static bool is_tag_push(const struct act *a)
{
    switch ((int)a->type) {
    case ACT_SET_FIELD:
        return a->field == FIELD_VLAN_TCI;
    case ACT_MOVE:
    case ACT_STACK_POP:
    case ACT_CHECK_SIZE:
        return a->dst.field == FIELD_VLAN_TCI;
    case ACT_MULTIPATH:
    case ACT_BUNDLE:
        return subfield_unpack(a->choice.dst).field == FIELD_VLAN_TCI;
    }
    return false;
}

static int count_type(struct act_counts *c, enum act_type type, bool is_add)
{
    c->n[type] += is_add ? 1 : (size_t)-1;
    return is_add ? c->n[type] == 1 : c->n[type] == 0;
}

static int count_act(struct act_counts *c, const struct act *a, bool is_add)
{
    int change = count_type(c, a->type, is_add);
    struct subfield src, dst;
    int res = 0;

    if (is_tag_push(a))
        change |= count_type(c, ACT_PUSH_VLAN, is_add);
    if (move_of(a, &src, &dst))
        res = count_move(c, src, dst, is_add);
    return res < 0 ? res : change | res;
}

static int count_all(struct act_counts *c, const struct rule_code *code, bool is_add)
{
    unsigned n = (unsigned)code->n_apply + code->n_write;
    int change = 0;

    for (unsigned i = 0; i < n; i++) {
        int res = count_act(c, i < code->n_apply ? &code->apply[i] : &code->write[i - code->n_apply], is_add);

        if (res <
            0) { /* of an addition: what was counted is taken back, but for the type of this one, which is harmless */
            while (i--)
                (void)count_act(c, i < code->n_apply ? &code->apply[i] : &code->write[i - code->n_apply], false);
            return res;
        }
        change |= res;
    }
    return change;
}

int act_counts_add(struct act_counts *c, const struct rule_code *code)
{
    return count_all(c, code, true);
}

int act_counts_remove(struct act_counts *c, const struct rule_code *code)
{
    return count_all(c, code, false);
}

/* --- closing --- */

static const enum field_id vlan_fields[] = { FIELD_VLAN_TPID, FIELD_VLAN_VID,  FIELD_VLAN_PCP, FIELD_VLAN2_TPID,
                                             FIELD_VLAN2_VID, FIELD_VLAN2_PCP, FIELD_VLAN_MORE };
static const enum field_id mpls_fields[] = { FIELD_MPLS_LABEL,  FIELD_MPLS_TC,  FIELD_MPLS_BOS,  FIELD_MPLS_TTL,
                                             FIELD_MPLS2_LABEL, FIELD_MPLS2_TC, FIELD_MPLS2_BOS, FIELD_MPLS2_TTL,
                                             FIELD_MPLS3_LABEL, FIELD_MPLS3_TC, FIELD_MPLS3_BOS, FIELD_MPLS3_TTL,
                                             FIELD_IP_TTL,      FIELD_ETH_TYPE };
static const enum field_id pbb_fields[] = { FIELD_PBB_ISID, FIELD_PBB_UCA, FIELD_VLAN_PCP, FIELD_ETH_TYPE };

static bool reads_any(const struct key *mask, enum field_id id, struct value bits)
{
    struct value v = value_and(key_get(mask, id), bits);

    return v.hi | v.lo;
}

/* If the mask reads a bit of one of these fields, it must read all bits of all of them: the action moves them about. */
static void close_group(struct key *mask, const enum field_id *fields, size_t n)
{
    bool is_read = false;

    for (size_t i = 0; i < n; i++)
        is_read |= reads_any(mask, fields[i], field_ones(fields[i]));
    for (size_t i = 0; is_read && i < n; i++)
        key_set(mask, fields[i], field_ones(fields[i]));
}

/* Fields that are read in one place of two, and all that says where they are, and whether. */
static void close_tuple(struct key *mask)
{
    static const enum field_id always[] = { FIELD_ETH_TYPE, FIELD_IP_PROTO, FIELD_CT_NW_PROTO };
    static const enum field_id pairs[][2] = { { FIELD_IPV4_SRC, FIELD_CT_NW_SRC },
                                              { FIELD_IPV4_DST, FIELD_CT_NW_DST },
                                              { FIELD_IPV6_SRC, FIELD_CT_IPV6_SRC },
                                              { FIELD_IPV6_DST, FIELD_CT_IPV6_DST } };
    static const enum field_id sources[] = { FIELD_TCP_SRC, FIELD_ICMPV4_TYPE, FIELD_CT_TP_SRC };
    static const enum field_id targets[] = { FIELD_TCP_DST, FIELD_ICMPV4_CODE, FIELD_CT_TP_DST };
    static const enum field_id families[] = { FIELD_CT_NW_SRC, FIELD_CT_NW_DST, FIELD_CT_IPV6_SRC, FIELD_CT_IPV6_DST };

    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        key_set(mask, always[i], field_ones(always[i]));
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) /* of which family the tuple is */
        key_set(mask, families[i], field_ones(families[i]));
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct value bits = key_get(mask, pairs[i][1]);

        key_set_masked(mask, pairs[i][0], bits, bits);
    }
    close_group(mask, sources, sizeof sources / sizeof *sources);
    close_group(mask, targets, sizeof targets / sizeof *targets);
}

static void close_groups(struct key *mask, const size_t n[ACT_TYPES])
{
    static const enum field_id ttl_fields[] = { FIELD_IP_TTL }, mpls_ttl_fields[] = { FIELD_MPLS_TTL };

    if (n[ACT_DEC_IP_TTL])
        close_group(mask, ttl_fields, 1);
    if (n[ACT_DEC_MPLS_TTL])
        close_group(mask, mpls_ttl_fields, 1);
    if (n[ACT_PUSH_PBB] || n[ACT_POP_PBB])
        close_group(mask, pbb_fields, sizeof pbb_fields / sizeof *pbb_fields);
    if (n[ACT_PUSH_MPLS] || n[ACT_POP_MPLS] || n[ACT_COPY_TTL_IN] || n[ACT_COPY_TTL_OUT])
        close_group(mask, mpls_fields, sizeof mpls_fields / sizeof *mpls_fields);
    if (n[ACT_RESUBMIT_CT])
        close_tuple(mask);
    if (n[ACT_PUSH_VLAN] || n[ACT_POP_VLAN])
        close_group(mask, vlan_fields, sizeof vlan_fields / sizeof *vlan_fields);
}

static void read_bits(struct key *mask, struct subfield s)
{
    struct value bits = subfield_mask(s);

    key_set_masked(mask, s.field, bits, bits);
}

static void read_source(struct key *mask, struct subfield src)
{
    if (src.field != (enum field_id)FIELD_N) {
        read_bits(mask, src);
        return;
    }
    for (unsigned i = 0; i < LINK_FIELDS; i++)
        key_set(mask, link_fields[i], field_ones(link_fields[i]));
}

static void close_moves(struct key *mask, const struct act_counts *c)
{
    bool is_stack_read = false;

    for_each_hmap (struct move, m, &c->moves, link)
        is_stack_read |= m->src.field == FIELD_NONE && reads_any(mask, m->dst.field, subfield_mask(m->dst));
    for_each_hmap (struct move, m, &c->moves, link) {
        if (m->src.field == FIELD_NONE)
            continue;
        if (m->dst.field == FIELD_NONE ? is_stack_read : reads_any(mask, m->dst.field, subfield_mask(m->dst)))
            read_source(mask, m->src);
    }
}

void mask_close(struct key *mask, const struct act_counts *c)
{
    struct key before;

    do {
        before = *mask;
        close_groups(mask, c->n);
        close_moves(mask, c);
        if (reads_any(mask, FIELD_VLAN_VID, field_ones(FIELD_VLAN_VID))) /* setting it depends on there being a tag */
            key_set_masked(mask, FIELD_VLAN_VID, value_of(1u << 12), value_of(1u << 12));
    } while (memcmp(&before, mask, sizeof before));
}

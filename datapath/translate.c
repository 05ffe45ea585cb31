/* SPDX-License-Identifier: Apache-2.0 */
/* translate.c - walks the tables for one key and writes down what is to be done.
 *
 * Theory.  A translation is valid for every frame whose masked key is the same, because the mask holds each bit that any
 * lookup reads.  `struct walk` carries a copy of the key and does to it what the actions will do to the frame, so that
 * later tables see the changed fields.  Where an action brings headers to light that the key does not hold (a pop of
 * MPLS, PBB, or of the outer of three VLAN tags) the key is no longer enough: the program then ends in OP_CONTINUE, and
 * the worker parses the frame again and comes back here with the action set gathered so far. */
#include "datapath/translate.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "datapath/bridge.h"
#include "datapath/datapath.h"
#include "datapath/key_edit.h"
#include "datapath/table.h"

struct walk {
    struct program_buf *out;
    const struct bridge *b;
    struct key *key;
    uint64_t version;
    bool is_stale; /* the key no longer tells what the frame holds */
    bool has_output;
    /* whose actions are being translated; for packet-ins */
    uint64_t cookie;
    uint8_t table_id;
    enum event_reason reason;
};

enum { ACT_WORDS = sizeof(struct act) / sizeof(uint64_t) };
static_assert(sizeof(struct act) % sizeof(uint64_t) == 0, "actions are kept in programs as whole words");

static void emit_set_field(struct walk *w, const struct act *a)
{
    bool is_wide = field_table[a->field].bits > 64;
    uint64_t *p = program_add(w->out, OP_SET_FIELD, is_wide ? 4 : 2, (uint64_t)a->field);

    if (!p)
        return;
    if (is_wide) {
        p[0] = a->value.hi;
        p[1] = a->value.lo;
        p[2] = a->mask.hi;
        p[3] = a->mask.lo;
    } else {
        p[0] = a->value.lo;
        p[1] = a->mask.lo;
    }
}

static void emit_controller(struct walk *w, uint16_t max_len)
{
    uint64_t *p =
        program_add(w->out, OP_CONTROLLER, 1, max_len | (uint64_t)w->reason << 16 | (uint64_t)w->table_id << 24);

    if (p)
        p[0] = w->cookie;
    w->has_output = true;
}

static void emit_dec_ttl(struct walk *w, enum op op)
{
    uint64_t *p = program_add(w->out, op, 1, w->table_id);

    if (p)
        p[0] = w->cookie;
}

static void emit_output(struct walk *w, uint32_t port)
{
    uint16_t index;

    w->has_output = true;
    switch (port) {
    case DP_PORT_IN_PORT:
        program_add(w->out, OP_IN_PORT, 0, 0);
        return;
    case DP_PORT_TABLE:
        program_add(w->out, OP_PIPELINE, 0, 0);
        return;
    case DP_PORT_NORMAL:
        program_add(w->out, OP_NORMAL, 0, 0);
        return;
    case DP_PORT_FLOOD:
        program_add(w->out, OP_FLOOD, 0, 0);
        return;
    case DP_PORT_ALL:
        program_add(w->out, OP_ALL, 0, 0);
        return;
    case DP_PORT_CONTROLLER:
        emit_controller(w, UINT16_MAX);
        return;
    default:
        break;
    }
    index = bridge_port_index(w->b, port);
    if (index == DP_INDEX_NONE)
        program_add(w->out, OP_DROP, 0, DROP_NO_SUCH_PORT);
    else
        program_add(w->out, OP_OUTPUT, 0, index);
}

/* Notes what a key-side edit said: when it cannot know, the key is stale from here on. */
static void edited(struct walk *w, int err)
{
    if (err == -EAGAIN)
        w->is_stale = true;
}

static void do_act(struct walk *w, const struct act *a)
{
    switch (a->type) {
    case ACT_OUTPUT:
        emit_output(w, a->port);
        break;
    case ACT_CONTROLLER:
        emit_controller(w, a->max_len);
        break;
    case ACT_SET_FIELD:
        emit_set_field(w, a);
        edited(w, key_set_field(w->key, a->field, a->value, a->mask));
        break;
    case ACT_PUSH_VLAN:
        program_add(w->out, OP_PUSH_VLAN, 0, a->ethertype);
        edited(w, key_push_vlan(w->key, a->ethertype));
        break;
    case ACT_POP_VLAN:
        program_add(w->out, OP_POP_VLAN, 0, 0);
        edited(w, key_pop_vlan(w->key));
        break;
    case ACT_PUSH_MPLS:
        program_add(w->out, OP_PUSH_MPLS, 0, a->ethertype);
        edited(w, key_push_mpls(w->key, a->ethertype));
        break;
    case ACT_POP_MPLS:
        program_add(w->out, OP_POP_MPLS, 0, a->ethertype);
        edited(w, key_pop_mpls(w->key, a->ethertype));
        break;
    case ACT_PUSH_PBB:
        program_add(w->out, OP_PUSH_PBB, 0, a->ethertype);
        edited(w, key_push_pbb(w->key, a->ethertype));
        break;
    case ACT_POP_PBB:
        program_add(w->out, OP_POP_PBB, 0, 0);
        edited(w, key_pop_pbb(w->key));
        break;
    case ACT_SET_IP_TTL:
        program_add(w->out, OP_SET_IP_TTL, 0, a->ttl);
        edited(w, key_set_ip_ttl(w->key, a->ttl));
        break;
    case ACT_DEC_IP_TTL:
        emit_dec_ttl(w, OP_DEC_IP_TTL);
        edited(w, key_dec_ip_ttl(w->key));
        break;
    case ACT_SET_MPLS_TTL:
        program_add(w->out, OP_SET_MPLS_TTL, 0, a->ttl);
        edited(w, key_set_mpls_ttl(w->key, a->ttl));
        break;
    case ACT_DEC_MPLS_TTL:
        emit_dec_ttl(w, OP_DEC_MPLS_TTL);
        edited(w, key_dec_mpls_ttl(w->key));
        break;
    case ACT_COPY_TTL_OUT:
        program_add(w->out, OP_COPY_TTL_OUT, 0, 0);
        edited(w, key_copy_ttl_out(w->key));
        break;
    case ACT_COPY_TTL_IN:
        program_add(w->out, OP_COPY_TTL_IN, 0, 0);
        edited(w, key_copy_ttl_in(w->key));
        break;
    case ACT_TYPES:
        break;
    }
}

/* OpenFlow 1.3.5, 5.10: the order in which a set is done, whatever the order it was written in. */
static const uint8_t set_order[ACT_TYPES] = {
    [ACT_COPY_TTL_IN] = 1, [ACT_POP_VLAN] = 2,   [ACT_POP_MPLS] = 2,     [ACT_POP_PBB] = 2,    [ACT_PUSH_MPLS] = 3,
    [ACT_PUSH_PBB] = 4,    [ACT_PUSH_VLAN] = 5,  [ACT_COPY_TTL_OUT] = 6, [ACT_DEC_IP_TTL] = 7, [ACT_DEC_MPLS_TTL] = 7,
    [ACT_SET_FIELD] = 8,   [ACT_SET_IP_TTL] = 8, [ACT_SET_MPLS_TTL] = 8, [ACT_CONTROLLER] = 9, [ACT_OUTPUT] = 9,
};
enum { SET_ORDER_LAST = 9 };

/* A controller action is an output of its own kind: it replaces an output, and is replaced by one. */
static bool same_place(const struct act *a, const struct act *b)
{
    if (set_order[a->type] == SET_ORDER_LAST)
        return set_order[b->type] == SET_ORDER_LAST;
    return a->type == b->type && (a->type != ACT_SET_FIELD || a->field == b->field);
}

static void action_set_write(struct action_set *s, const struct act *a)
{
    for (unsigned i = 0; i < s->n; i++) {
        struct act *old = &s->acts[i];

        if (!same_place(old, a))
            continue;
        if (a->type == ACT_SET_FIELD) {
            old->value.hi = (old->value.hi & ~a->mask.hi) | (a->value.hi & a->mask.hi);
            old->value.lo = (old->value.lo & ~a->mask.lo) | (a->value.lo & a->mask.lo);
            old->mask.hi |= a->mask.hi;
            old->mask.lo |= a->mask.lo;
        } else {
            *old = *a;
        }
        return;
    }
    if (s->n == ACTION_SET_MAX)
        s->is_overflown = true;
    else
        s->acts[s->n++] = *a;
}

static void action_set_run(struct walk *w, const struct action_set *s)
{
    bool has_output = false;

    if (s->is_overflown) {
        program_add(w->out, OP_DROP, 0, DROP_TOO_LONG);
        w->has_output = true;
        return;
    }
    for (unsigned i = 0; i < s->n; i++)
        has_output |= set_order[s->acts[i].type] == SET_ORDER_LAST;
    if (!has_output)
        return; /* "If neither an output action nor a group action were specified, the packet is dropped" */
    for (unsigned place = 1; place <= SET_ORDER_LAST; place++)
        for (unsigned i = 0; i < s->n; i++)
            if (set_order[s->acts[i].type] == place)
                do_act(w, &s->acts[i]);
}

static void emit_continue(struct walk *w, uint8_t table_id, const struct action_set *s)
{
    uint64_t *p = program_add(w->out, OP_CONTINUE, s->n * ACT_WORDS, table_id);

    if (p && s->n)
        memcpy(p, s->acts, s->n * sizeof s->acts[0]);
    w->has_output = true;
}

static void do_metadata(struct walk *w, const struct rule_code *c)
{
    struct act set = {
        .type = ACT_SET_FIELD,
        .field = FIELD_METADATA,
        .value = value_of(c->metadata & c->metadata_mask),
        .mask = value_of(c->metadata_mask),
    };

    do_act(w, &set);
}

/* Does one rule; returns the next table, or NO_GOTO when the pipeline ends. */
static uint8_t do_rule(struct walk *w, const struct rule *r, struct action_set *set)
{
    const struct rule_code *c = &r->code;

    program_add(w->out, OP_HIT, 0, (uint64_t)r->table_id << 32 | r->stat);
    w->cookie = r->cookie;
    w->table_id = r->table_id;
    w->reason = r->is_table_miss ? EVENT_NO_MATCH : EVENT_ACTION;
    for (unsigned i = 0; i < c->n_apply; i++)
        do_act(w, &c->apply[i]);
    if (c->is_clear)
        set->n = 0;
    for (unsigned i = 0; i < c->n_write; i++)
        action_set_write(set, &c->write[i]);
    if (c->metadata_mask)
        do_metadata(w, c);
    return c->goto_table;
}

void translate_tables(struct program_buf *out, const struct bridge *b, struct key *key, uint64_t version,
                      struct resume *at)
{
    struct walk w = { .out = out, .b = b, .key = key, .version = version };
    uint8_t table_id = at->table_id;

    while (table_id != NO_GOTO) {
        if (w.is_stale) {
            emit_continue(&w, table_id, &at->set);
            break;
        }

        const struct table *t = bridge_table(b, table_id);
        const struct rule *r = t ? table_find(t, key, version) : NULL;

        if (!r) {
            program_add(out, OP_MISS, 0, table_id);
            program_add(out, OP_DROP, 0, DROP_TABLE_MISS);
            w.has_output = true;
            break;
        }
        table_id = do_rule(&w, r, &at->set);
        if (table_id == NO_GOTO) {
            w.reason = EVENT_ACTION;
            action_set_run(&w, &at->set);
        }
    }
    if (!w.has_output)
        program_add(out, OP_DROP, 0, DROP_NO_ACTION);
    program_add(out, OP_END, 0, 0);
}

void translate_actions(struct program_buf *out, const struct bridge *b, const struct act *acts, size_t n_acts)
{
    struct key key = { 0 };
    struct walk w = { .out = out, .b = b, .key = &key, .cookie = UINT64_MAX, .table_id = 0, .reason = EVENT_ACTION };

    for (size_t i = 0; i < n_acts; i++)
        do_act(&w, &acts[i]);
    if (!w.has_output)
        program_add(out, OP_DROP, 0, DROP_NO_ACTION);
    program_add(out, OP_END, 0, 0);
}

static const enum field_id vlan_fields[] = { FIELD_VLAN_TPID, FIELD_VLAN_VID,  FIELD_VLAN_PCP, FIELD_VLAN2_TPID,
                                             FIELD_VLAN2_VID, FIELD_VLAN2_PCP, FIELD_VLAN_MORE };
static const enum field_id mpls_fields[] = { FIELD_MPLS_LABEL,  FIELD_MPLS_TC,  FIELD_MPLS_BOS,  FIELD_MPLS_TTL,
                                             FIELD_MPLS2_LABEL, FIELD_MPLS2_TC, FIELD_MPLS2_BOS, FIELD_MPLS2_TTL,
                                             FIELD_MPLS3_LABEL, FIELD_MPLS3_TC, FIELD_MPLS3_BOS, FIELD_MPLS3_TTL,
                                             FIELD_IP_TTL,      FIELD_ETH_TYPE };
static const enum field_id pbb_fields[] = { FIELD_PBB_ISID, FIELD_PBB_UCA, FIELD_VLAN_PCP, FIELD_ETH_TYPE };

/* If the mask reads a bit of one of these fields, it must read all bits of all of them: the action moves them about. */
static void mask_close_group(struct key *mask, const enum field_id *fields, size_t n)
{
    bool is_read = false;

    for (size_t i = 0; i < n; i++) {
        struct value v = key_get(mask, fields[i]);

        is_read |= (v.hi | v.lo) != 0;
    }
    for (size_t i = 0; is_read && i < n; i++)
        key_set(mask, fields[i], field_ones(fields[i]));
}

void translate_close_mask(struct key *mask, const size_t n_acts[ACT_TYPES])
{
    static const enum field_id ttl_fields[] = { FIELD_IP_TTL }, mpls_ttl_fields[] = { FIELD_MPLS_TTL };

    if (n_acts[ACT_DEC_IP_TTL])
        mask_close_group(mask, ttl_fields, 1);
    if (n_acts[ACT_DEC_MPLS_TTL])
        mask_close_group(mask, mpls_ttl_fields, 1);
    if (n_acts[ACT_PUSH_PBB] || n_acts[ACT_POP_PBB])
        mask_close_group(mask, pbb_fields, sizeof pbb_fields / sizeof *pbb_fields);
    if (n_acts[ACT_PUSH_MPLS] || n_acts[ACT_POP_MPLS] || n_acts[ACT_COPY_TTL_IN] || n_acts[ACT_COPY_TTL_OUT])
        mask_close_group(mask, mpls_fields, sizeof mpls_fields / sizeof *mpls_fields);
    if (n_acts[ACT_PUSH_VLAN] || n_acts[ACT_POP_VLAN])
        mask_close_group(mask, vlan_fields, sizeof vlan_fields / sizeof *vlan_fields);
}

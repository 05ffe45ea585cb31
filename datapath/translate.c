/* SPDX-License-Identifier: Apache-2.0 */
/* translate.c - walks the tables for one key and writes down what is to be done.
 *
 * Theory.  A translation is valid for every frame whose masked key is the same, because the mask holds each bit that any
 * lookup reads.  `struct walk` carries a copy of the key and does to it what the actions will do to the frame, so that
 * later tables see the changed fields.  Where an action brings headers to light that the key does not hold (a pop of
 * MPLS, PBB, or of the outer of three VLAN tags) the key is no longer enough: the program then ends in OP_CONTINUE, and
 * the worker parses the frame again and comes back here with the action set gathered so far.
 *
 * Groups become branches (program.h).  Which bucket of a select group takes a frame is decided when the program runs, by a
 * hash over fields that the mask need not hold; which are live is decided here, and a change of liveness makes a new version.
 * No table is looked up behind a bucket's actions, so what they do to the key concerns nobody: they run on a copy of it. */
#include "datapath/translate.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "datapath/bridge.h"
#include "datapath/datapath.h"
#include "datapath/group.h"
#include "datapath/key_edit.h"
#include "datapath/meter.h"
#include "datapath/table.h"

struct walk {
    struct program_buf *out;
    const struct bridge *b;
    struct key *key;
    uint64_t version;
    bool is_stale; /* the key no longer tells what the frame holds */
    bool has_output;
    bool is_packet_out; /* groups are for the worker to look up */
    unsigned n_edits;   /* operations so far that change the frame */
    unsigned depth;     /* groups in each other */
    /* whose actions are being translated; for packet-ins */
    uint64_t cookie;
    uint8_t table_id;
    enum event_reason reason;
};

enum { GROUP_DEPTH_MAX = PROGRAM_DEPTH_MAX - 1 }; /* a group makes one clone at most */
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
        w->n_edits++; /* it puts tags on and off */
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
    w->n_edits++;
    if (err == -EAGAIN)
        w->is_stale = true;
}

static void emit_group(struct walk *w, uint32_t id);
static void emit_group_copy(struct walk *w, uint32_t id);

static void do_act(struct walk *w, const struct act *a)
{
    switch (a->type) {
    case ACT_OUTPUT:
        emit_output(w, a->port);
        break;
    case ACT_CONTROLLER:
        emit_controller(w, a->max_len);
        break;
    case ACT_GROUP:
        emit_group_copy(w, a->group);
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
    case ACT_SET_QUEUE:
        w->n_edits++; /* a copy's queue is its own */
        program_add(w->out, OP_SET_QUEUE, 0, a->queue);
        w->n_edits++;
        break;
    case ACT_TYPES:
        break;
    }
}

/* --- groups --- */

/* A body that runs on a copy of the frame: what it does to the key is undone at its end. */
struct clone {
    uint32_t at; /* of its OP_CLONE */
    unsigned n_edits;
    bool is_stale;
    struct key key;
};

static void clone_begin(struct walk *w, struct clone *c)
{
    c->at = w->out->n;
    c->n_edits = w->n_edits;
    c->is_stale = w->is_stale;
    c->key = *w->key;
    program_add(w->out, OP_CLONE, 0, 0);
}

/* The body has ended the frame. */
static void clone_end(struct walk *w, const struct clone *c)
{
    uint64_t n_words = w->out->n - c->at - 1;

    if (!w->out->is_full)
        w->out->w[c->at] = op_head(OP_CLONE, 0, n_words | (w->n_edits != c->n_edits ? CLONE_EDITS : 0));
    w->is_stale = c->is_stale;
    *w->key = c->key;
}

static void emit_drop(struct walk *w, enum drop why)
{
    program_add(w->out, OP_DROP, 0, why);
    program_add(w->out, OP_END, 0, 0);
}

static void run_set(struct walk *w, const struct act *acts, unsigned n);

static void emit_bucket(struct walk *w, const struct bucket *k)
{
    program_add(w->out, OP_COUNT, 0, k->stat);
    if (k->n_acts)
        run_set(w, k->acts, k->n_acts);
    else
        emit_drop(w, DROP_NO_ACTION);
}

static void emit_all(struct walk *w, const struct group *g)
{
    for (unsigned i = 0; i + 1 < g->n_buckets && !w->out->is_full; i++) {
        struct clone c;

        clone_begin(w, &c);
        emit_bucket(w, &g->buckets[i]);
        clone_end(w, &c);
    }
    emit_bucket(w, &g->buckets[g->n_buckets - 1]);
}

static void emit_first_live(struct walk *w, const struct group *g)
{
    for (unsigned i = 0; i < g->n_buckets; i++)
        if (bucket_is_live(w->b, &g->buckets[i], w->version)) {
            emit_bucket(w, &g->buckets[i]);
            return;
        }
    emit_drop(w, DROP_NO_BUCKET);
}

/* The choices of a select group: every bucket with weight, and, for the flows of those that are dead, the live ones once
 * more: a bucket that dies moves no other flow. */
struct choices {
    uint32_t at; /* of the OP_SELECT */
    uint32_t sum;
    uint64_t *next; /* the payload word to be written */
};

static void choices_begin(struct walk *w, struct choices *c, unsigned n, uint64_t salt)
{
    *c = (struct choices){ .at = w->out->n };
    c->next = program_add(w->out, OP_SELECT, n, salt);
}

static void choices_add(struct choices *c, uint16_t weight, uint32_t target)
{
    c->sum += weight;
    *c->next++ = (uint64_t)c->sum << 32 | (target - c->at);
}

static void emit_select(struct walk *w, const struct group *g)
{
    enum { SECOND = 1 };
    struct choices first, second = { 0 };
    unsigned n = 0, n_live = 0;

    for (unsigned i = 0; i < g->n_buckets; i++) {
        n += g->buckets[i].weight != 0;
        n_live += g->buckets[i].weight && bucket_is_live(w->b, &g->buckets[i], w->version);
    }
    if (!n_live) {
        emit_drop(w, DROP_NO_BUCKET);
        return;
    }
    choices_begin(w, &first, n, (uint64_t)g->object.id << 1);
    if (n_live < n)
        choices_begin(w, &second, n_live, (uint64_t)g->object.id << 1 | SECOND);
    for (unsigned i = 0; i < g->n_buckets && !w->out->is_full; i++) {
        const struct bucket *k = &g->buckets[i];
        struct clone c = { .is_stale = w->is_stale, .key = *w->key };

        if (!k->weight)
            continue;
        if (n_live < n && !bucket_is_live(w->b, k, w->version)) {
            choices_add(&first, k->weight, second.at);
            continue;
        }
        choices_add(&first, k->weight, w->out->n);
        if (n_live < n)
            choices_add(&second, k->weight, w->out->n);
        emit_bucket(w, k);
        w->is_stale = c.is_stale;
        *w->key = c.key;
    }
}

/* What a group does with a frame that it takes: every way through it ends the frame. */
static void emit_group(struct walk *w, uint32_t id)
{
    const struct group *g = group_find(w->b, id, w->version);
    enum event_reason reason = w->reason;

    w->has_output = true;
    if (w->out->is_full)
        return; /* or groups that hold each other often would cost time without end */
    if (w->depth == GROUP_DEPTH_MAX) {
        emit_drop(w, DROP_GROUP_DEPTH);
        return;
    }
    if (!g) {
        emit_drop(w, DROP_NO_GROUP);
        return;
    }
    w->depth++;
    w->reason = EVENT_ACTION;
    program_add(w->out, OP_COUNT, 0, g->stat);
    if (!g->n_buckets)
        emit_drop(w, DROP_NO_BUCKET);
    else if (g->type == GROUP_SELECT)
        emit_select(w, g);
    else if (g->type == GROUP_FF)
        emit_first_live(w, g);
    else
        emit_all(w, g); /* an indirect group has one bucket */
    w->depth--;
    w->reason = reason;
}

/* In a list of actions "a copy of the packet in its current state is processed by the relevant group buckets" (5.11). */
static void emit_group_copy(struct walk *w, uint32_t id)
{
    struct clone c;

    w->has_output = true;
    if (w->is_packet_out) {
        program_add(w->out, OP_GROUP, 0, id);
        return;
    }
    clone_begin(w, &c);
    emit_group(w, id);
    clone_end(w, &c);
}

/* Does a finished action set and ends the frame. */
static void run_set(struct walk *w, const struct act *acts, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (acts[i].type == ACT_GROUP) {
            emit_group(w, acts[i].group);
            return;
        } else {
            do_act(w, &acts[i]);
        }
    program_add(w->out, OP_END, 0, 0);
}

static void action_set_run(struct walk *w, struct action_set *s)
{
    if (s->is_overflown) {
        program_add(w->out, OP_DROP, 0, DROP_TOO_LONG);
        w->has_output = true;
    } else if (action_set_finish(s)) {
        run_set(w, s->acts, s->n);
    } /* else: "If neither an output action nor a group action were specified, the packet is dropped" */
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

/* What the meter's bands do to DSCP is known when the program runs: a later lookup that reads it must look again. */
static void do_meter(struct walk *w, uint32_t id)
{
    const struct meter *m = meter_find(w->b, id, w->version);
    const struct entry_mask *mask = atomic_load_explicit(&w->b->entry, memory_order_acquire);
    const struct field_info *dscp = &field_table[FIELD_IP_DSCP];

    if (!m)
        return;
    program_add(w->out, OP_METER, 0, m->slot);
    for (unsigned i = 0; m->has_remark && i < mask->n; i++)
        if (mask->word[i] == dscp->word && mask->mask[i] >> dscp->shift & field_ones(FIELD_IP_DSCP).lo)
            w->is_stale = true;
}

/* Does one rule; returns the next table, or NO_GOTO when the pipeline ends. */
static uint8_t do_rule(struct walk *w, const struct rule *r, struct action_set *set)
{
    const struct rule_code *c = &r->code;

    program_add(w->out, OP_HIT, 0, (uint64_t)r->table_id << 32 | r->stat);
    w->cookie = r->cookie;
    w->table_id = r->table_id;
    w->reason = r->is_table_miss ? EVENT_NO_MATCH : EVENT_ACTION;
    if (c->meter_id)
        do_meter(w, c->meter_id);
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
    struct walk w = {
        .out = out, .b = b, .key = &key, .cookie = UINT64_MAX, .reason = EVENT_ACTION, .is_packet_out = true
    };

    for (size_t i = 0; i < n_acts; i++)
        do_act(&w, &acts[i]);
    if (!w.has_output)
        program_add(out, OP_DROP, 0, DROP_NO_ACTION);
    program_add(out, OP_END, 0, 0);
}

void translate_group(struct program_buf *out, const struct bridge *b, uint32_t group_id, uint64_t version)
{
    struct key key = { 0 };
    struct walk w = {
        .out = out, .b = b, .key = &key, .version = version, .cookie = UINT64_MAX, .reason = EVENT_ACTION
    };

    emit_group(&w, group_id);
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

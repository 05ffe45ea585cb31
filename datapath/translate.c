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
 * No table is looked up behind a bucket's actions, so what they do to the key concerns nobody: they run on a copy of it.
 *
 * `todo` is a stack of lists: of the rule that is being done, of the rules whose resubmit led to it, down to the first.  A
 * list that is at its end gives way to its rule's instructions, the last of which, goto, puts the next rule in its place.
 * When a lookup must wait for a continuation, all that is on the stack goes with it, as actions (`emit_continue`).  Depth
 * and number of resubmits are bounded; a frame that asks for more is dropped, whatever it did before (`fail`). */
#include "datapath/translate.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "datapath/conjunction.h"
#include "datapath/conn_track.h"
#include "datapath/datapath.h"
#include "datapath/group.h"
#include "datapath/key_edit.h"
#include "datapath/meter.h"
#include "datapath/table.h"
#include "datapath/translate_impl.h"

enum { GROUP_DEPTH_MAX = PROGRAM_DEPTH_MAX - 1 }; /* a group makes one clone at most */
static_assert(sizeof((struct act *)0)->ttl_ids <= 4 * sizeof(uint64_t), "fits OP_DEC_IP_TTL");
enum { ACT_WORDS = sizeof(struct act) / sizeof(uint64_t) };
static_assert(sizeof(struct act) % sizeof(uint64_t) == 0, "actions are kept in programs as whole words");

uint64_t walk_packet_in_arg(const struct walk *w, uint16_t max_len, uint8_t reason)
{
    return max_len | (uint64_t)reason << 16 | (uint64_t)w->context.table_id << 24;
}

void walk_edited(struct walk *w, int err)
{
    w->n_edits++;
    if (err == -EAGAIN)
        w->is_stale = true;
}

void walk_fail(struct walk *w, enum drop why)
{
    w->error = why;
    w->n_todo = 0;
}

bool walk_is_looked_at(const struct walk *w, struct subfield s)
{
    const struct entry_mask *mask = atomic_load_explicit(&w->b->entry, memory_order_acquire);
    struct key bits = { 0 };

    key_set_masked(&bits, s.field, subfield_mask(s), subfield_mask(s));
    for (unsigned i = 0; i < mask->n; i++)
        if (bits.w[mask->word[i]] & mask->mask[i])
            return true;
    return false;
}

void translate_set_field(struct program_buf *out, enum field_id id, struct value v, struct value mask)
{
    bool is_wide = field_table[id].bits > 64;
    uint64_t *p = program_add(out, OP_SET_FIELD, is_wide ? 4 : 2, (uint64_t)id);

    if (!p)
        return;
    if (is_wide) {
        p[0] = v.hi;
        p[1] = v.lo;
        p[2] = mask.hi;
        p[3] = mask.lo;
    } else {
        p[0] = v.lo;
        p[1] = mask.lo;
    }
}

/* `a`: ACT_CONTROLLER with its data.  Gives where the payload of that operation ends, NULL when it does not fit; `n_more`
 * words are left behind it. */
static uint64_t *emit_to_controller(struct walk *w, const struct act *a, enum op op, uint64_t arg, unsigned n_more)
{
    unsigned n_userdata = a->to.n_userdata, n_words = (n_userdata + 7) / 8;
    uint8_t reason = a->to.has_reason ? a->to.reason : w->context.reason;
    uint64_t *p = program_add(w->out, op, 2 + n_words + n_more, arg | walk_packet_in_arg(w, a->max_len, reason));

    w->has_output = true;
    if (!p)
        return NULL;
    p[0] = w->context.cookie;
    p[1] = a->to.controller_id | (uint64_t)n_userdata << 16 | (uint64_t)a->to.meter_id << 32;
    for (unsigned i = 0; i < n_userdata; i += ACT_DATA_SIZE)
        memcpy(&p[2 + i / 8], a[1 + i / ACT_DATA_SIZE].data,
               n_words * 8 - i < ACT_DATA_SIZE ? n_words * 8 - i : ACT_DATA_SIZE);
    return p + 2 + n_words;
}

static void emit_controller(struct walk *w, const struct act *a)
{
    (void)emit_to_controller(w, a, OP_CONTROLLER, 0, 0);
}

static void emit_dec_ttl(struct walk *w, enum op op, const struct act *a)
{
    uint64_t *p = program_add(w->out, op, 5, w->context.table_id);

    if (!p)
        return;
    p[0] = w->context.cookie;
    memset(p + 1, 0, 4 * sizeof *p);
    if (a)
        memcpy(p + 1, &a->ttl_ids, sizeof a->ttl_ids);
}

static void emit_output(struct walk *w, uint32_t port)
{
    static const struct act to_controller = { .type = ACT_CONTROLLER, .max_len = UINT16_MAX };
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
        emit_controller(w, &to_controller);
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

/* The key as if the frame had not been tracked. */
static void walk_clear_ct(struct walk *w)
{
    for (unsigned i = field_table[FIELD_CT_STATE].word; i < field_table[FIELD_ETH_DST].word; i++)
        w->key->w[i] = 0;
    w->n_edits++;
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
        emit_controller(w, a);
        break;
    case ACT_GROUP:
        emit_group_copy(w, a->group);
        break;
    case ACT_SET_FIELD:
        translate_set_field(w->out, a->field, a->value, a->mask);
        walk_edited(w, key_set_field(w->key, a->field, a->value, a->mask));
        break;
    case ACT_PUSH_VLAN:
        program_add(w->out, OP_PUSH_VLAN, 0, a->ethertype);
        walk_edited(w, key_push_vlan(w->key, a->ethertype));
        break;
    case ACT_POP_VLAN:
        program_add(w->out, OP_POP_VLAN, 0, 0);
        walk_edited(w, key_pop_vlan(w->key));
        break;
    case ACT_PUSH_MPLS:
        program_add(w->out, OP_PUSH_MPLS, 0, a->ethertype);
        walk_edited(w, key_push_mpls(w->key, a->ethertype));
        break;
    case ACT_POP_MPLS:
        program_add(w->out, OP_POP_MPLS, 0, a->ethertype);
        walk_edited(w, key_pop_mpls(w->key, a->ethertype));
        break;
    case ACT_PUSH_PBB:
        program_add(w->out, OP_PUSH_PBB, 0, a->ethertype);
        walk_edited(w, key_push_pbb(w->key, a->ethertype));
        break;
    case ACT_POP_PBB:
        program_add(w->out, OP_POP_PBB, 0, 0);
        walk_edited(w, key_pop_pbb(w->key));
        break;
    case ACT_SET_IP_TTL:
        program_add(w->out, OP_SET_IP_TTL, 0, a->ttl);
        walk_edited(w, key_set_ip_ttl(w->key, a->ttl));
        break;
    case ACT_DEC_IP_TTL:
        emit_dec_ttl(w, OP_DEC_IP_TTL, a);
        walk_edited(w, key_dec_ip_ttl(w->key));
        break;
    case ACT_SET_MPLS_TTL:
        program_add(w->out, OP_SET_MPLS_TTL, 0, a->ttl);
        walk_edited(w, key_set_mpls_ttl(w->key, a->ttl));
        break;
    case ACT_DEC_MPLS_TTL:
        emit_dec_ttl(w, OP_DEC_MPLS_TTL, NULL);
        walk_edited(w, key_dec_mpls_ttl(w->key));
        break;
    case ACT_COPY_TTL_OUT:
        program_add(w->out, OP_COPY_TTL_OUT, 0, 0);
        walk_edited(w, key_copy_ttl_out(w->key));
        break;
    case ACT_COPY_TTL_IN:
        program_add(w->out, OP_COPY_TTL_IN, 0, 0);
        walk_edited(w, key_copy_ttl_in(w->key));
        break;
    case ACT_SET_QUEUE:
        program_add(w->out, OP_SET_QUEUE, 0, a->queue);
        w->n_edits++; /* a copy's queue is its own */
        break;
    case ACT_MOVE:
    case ACT_STACK_PUSH:
    case ACT_STACK_POP:
    case ACT_OUTPUT_FIELD:
    case ACT_LEARN:
    case ACT_MULTIPATH:
    case ACT_BUNDLE:
    case ACT_OUTPUT_CUT:
    case ACT_CHECK_SIZE:
    case ACT_FIN_TIMEOUT:
    case ACT_NPTV6:
    case ACT_CLAMP_MSS:
        walk_do_nx(w, a);
        break;
    case ACT_CT_CLEAR:
        program_add(w->out, OP_CT_CLEAR, 0, 0);
        walk_clear_ct(w);
        break;
    case ACT_CT: /* these lead elsewhere: step() */
    case ACT_RESUBMIT:
    case ACT_RESUBMIT_CT:
    case ACT_CLONE:
    case ACT_EXIT:
    case ACT_GOTO:
    case ACT_CLEAR_SET:
    case ACT_WRITE_SET:
    case ACT_CONTEXT:
    case ACT_CONJUNCTION:
    case ACT_DATA:
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
    uint8_t reason = w->context.reason;

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
    w->context.reason = EVENT_ACTION;
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
    w->context.reason = reason;
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

/* --- tables, resubmits, clones --- */

struct continuation {
    struct act acts[ACTION_SET_MAX + RESUME_TODO_MAX];
    unsigned n;
    bool is_full;
};

static void put(struct continuation *c, struct act a)
{
    if (c->n == sizeof c->acts / sizeof *c->acts)
        c->is_full = true;
    else
        c->acts[c->n++] = a;
}

static struct act metadata_act(const struct rule_code *c)
{
    return (struct act){ .type = ACT_SET_FIELD,
                         .field = FIELD_METADATA,
                         .value = value_of(c->metadata & c->metadata_mask),
                         .mask = value_of(c->metadata_mask) };
}

/* What is left of one list, with the instructions behind it. */
static void put_todo(struct continuation *c, const struct todo *t)
{
    put(c, (struct act){ .type = ACT_CONTEXT, .context = t->context });
    for (const struct act *a = t->at; a < t->end; a++)
        put(c, *a);
    if (!t->code)
        return;
    if (t->code->is_clear)
        put(c, (struct act){ .type = ACT_CLEAR_SET });
    if (t->code->n_write)
        put(c, (struct act){ .type = ACT_WRITE_SET, .n_body = t->code->n_write });
    for (unsigned i = 0; i < t->code->n_write; i++)
        put(c, t->code->write[i]);
    if (t->code->metadata_mask)
        put(c, metadata_act(t->code));
    if (t->code->goto_table != NO_GOTO)
        put(c, (struct act){ .type = ACT_GOTO, .table_id = t->code->goto_table });
}

/* The action set, and what is left of the lists above `base`.  False: it is too much. */
static bool gather(const struct walk *w, unsigned base, struct continuation *c)
{
    c->n = 0;
    c->is_full = false;
    for (unsigned i = 0; i < w->set->n; i++)
        put(c, w->set->acts[i]);
    for (unsigned i = w->n_todo; i-- > base;)
        put_todo(c, &w->todo[i]);
    return !c->is_full && c->n - w->set->n <= RESUME_TODO_MAX;
}

/* In a clone: its frame is copied, and the copy goes on with the lookup, as one that was paused. */
static void emit_late_clone(struct walk *w, uint8_t table_id, uint32_t port, enum lookup_kind kind)
{
    static const enum act_type types[] = {
        [LOOKUP_GOTO] = ACT_GOTO, [LOOKUP_RESUBMIT] = ACT_RESUBMIT, [LOOKUP_ORIGINAL] = ACT_RESUBMIT_CT
    };
    struct act lookup = { .type = types[kind], .port = port, .table_id = table_id };
    struct continuation c;
    uint64_t *p;

    if (!gather(w, w->base, &c) || c.n - w->set->n == RESUME_TODO_MAX) {
        walk_fail(w, DROP_TOO_LONG);
        return;
    }
    p = program_add(w->out, OP_FORK, (c.n + 1) * ACT_WORDS, w->set->n);
    if (p) {
        memcpy(p, c.acts, w->set->n * sizeof c.acts[0]);
        p += w->set->n * ACT_WORDS;
        memcpy(p, &lookup, sizeof lookup);
        if (c.n > w->set->n)
            memcpy(p + ACT_WORDS, c.acts + w->set->n, (c.n - w->set->n) * sizeof c.acts[0]);
    }
    w->has_output = true;
    w->is_ended = true;
    w->n_todo = w->base;
}

/* Leaves the lookup, and everything behind it, to be done when the frame has been parsed again. */
static void emit_continue(struct walk *w, uint8_t table_id, uint32_t port, enum lookup_kind kind)
{
    struct continuation c;
    uint64_t *p;

    if (w->n_clones) {
        emit_late_clone(w, table_id, port, kind);
        return;
    }
    if (!gather(w, 0, &c)) {
        walk_fail(w, DROP_TOO_LONG);
        return;
    }
    p = program_add(w->out, OP_CONTINUE, 1 + c.n * ACT_WORDS,
                    table_id | (uint64_t)kind << 8 | (uint64_t)w->set->n << 16);
    if (p) {
        *p = port;
        if (c.n)
            memcpy(p + 1, c.acts, c.n * sizeof c.acts[0]);
    }
    w->has_output = true;
    w->is_ended = true;
    w->n_todo = 0;
}

/* Tells the controller, and leaves to it what else there is to do: for the frame, or for the copy that a clone is about. */
static void emit_pause(struct walk *w, const struct act *a)
{
    struct continuation c;
    uint64_t *p;

    if (!gather(w, w->base, &c)) {
        walk_fail(w, DROP_TOO_LONG);
        return;
    }
    p = emit_to_controller(w, a, OP_PAUSE, (uint64_t)w->set->n << 32, c.n * ACT_WORDS);
    if (p && c.n)
        memcpy(p, c.acts, c.n * sizeof c.acts[0]);
    w->is_ended = true;
    w->n_todo = w->base;
}

/* What the meter's bands do to DSCP is known when the program runs: a later lookup that reads it must look again. */
static void do_meter(struct walk *w, uint32_t id)
{
    const struct meter *m = meter_find(w->b, id, w->version);
    static const struct subfield dscp = { FIELD_IP_DSCP, 0, 6 };

    if (!m)
        return;
    program_add(w->out, OP_METER, 0, m->slot);
    w->is_stale |= m->has_remark && walk_is_looked_at(w, dscp);
}

static void push_rule(struct walk *w, const struct rule *r)
{
    const struct rule_code *c = &r->code;

    program_add(w->out, OP_HIT, 0, (uint64_t)r->table_id << 32 | r->stat);
    w->context = (struct act_context){ r->cookie, r->table_id,
                                       (uint8_t)(r->is_table_miss ? EVENT_NO_MATCH : EVENT_ACTION), r->stat };
    if (w->n_todo == RESUBMIT_DEPTH_MAX) {
        walk_fail(w, DROP_RESUBMIT_DEPTH);
        return;
    }
    if (c->meter_id)
        do_meter(w, c->meter_id);
    w->todo[w->n_todo++] = (struct todo){
        .at = c->apply,
        .end = c->apply + c->n_apply,
        .code = c,
        .context = w->context,
    };
}

/* Writes down which table is asked, and in which words the key is another one than at the entry point. */
static void note_lookup(struct walk *w, uint8_t table_id, bool has_conjunctions)
{
    struct lookups *l = &w->out->lookups;

    l->tables |= UINT64_C(1) << table_id % 64;
    for (unsigned i = 0; i < KEY_WORDS; i++)
        l->edits |= (uint64_t)(w->key->w[i] != w->before.w[i]) << i % 64;
    if (has_conjunctions) /* it is asked with many */
        l->edits |= UINT64_C(1) << field_table[FIELD_CONJ_ID].word % 64;
}

/* Looks for the frame's rule, as if it had come in by `port` unless that is 0, and has it done next. */
static void look_up(struct walk *w, uint8_t table_id, uint32_t port, enum lookup_kind kind)
{
    const struct table *t = bridge_table(w->b, table_id);
    struct key whole = *w->key;
    bool has_conjunctions = t && table_has_conjunctions(t);
    const struct rule *r;

    if (w->is_stale) {
        emit_continue(w, table_id, port, kind);
        return;
    }
    if (kind == LOOKUP_ORIGINAL && !key_swap_tuple(w->key))
        return; /* there is no connection to look by */
    if (port)
        key_set_u64(w->key, FIELD_IN_PORT, port);
    note_lookup(w, table_id, has_conjunctions);
    if (has_conjunctions)
        r = conjunction_find(t, w->key, w->version);
    else
        r = t ? table_find(t, w->key, w->version) : NULL;
    *w->key = whole;
    if (r) {
        push_rule(w, r);
        return;
    }
    program_add(w->out, OP_MISS, 0, table_id);
    if (kind != LOOKUP_GOTO || w->n_todo || w->n_clones)
        return; /* the lists that led here go on */
    program_add(w->out, OP_DROP, 0, DROP_TABLE_MISS);
    w->has_output = true;
    w->is_ended = true;
}

/* --- connection tracking --- */

/* Is there nothing left to be done for the frame, so that it can itself go where its copy would? */
static bool is_last(const struct walk *w)
{
    const struct todo *t = &w->todo[0];
    const struct rule_code *c = t->code;

    return w->n_todo == 1 && t->at == t->end && !w->n_clones && !w->set->n &&
           (!c || (!c->n_write && c->goto_table == NO_GOTO));
}

static void emit_fork(struct walk *w, uint8_t table_id)
{
    unsigned n_set = w->set->n;
    uint64_t *p = program_add(w->out, OP_FORK, (n_set + 1) * ACT_WORDS, n_set);
    struct act go_to = { .type = ACT_GOTO, .table_id = table_id };

    if (!p)
        return;
    if (n_set)
        memcpy(p, w->set->acts, n_set * sizeof go_to);
    memcpy(p + (size_t)n_set * ACT_WORDS, &go_to, sizeof go_to);
}

static void mark_bits(struct ct_action *out, enum field_id field, struct value mask)
{
    if (field == FIELD_CT_MARK) {
        out->mark_mask |= (uint32_t)mask.lo;
    } else if (field == FIELD_CT_LABEL) {
        out->label_mask.hi |= mask.hi;
        out->label_mask.lo |= mask.lo;
    }
}

/* What is done to the connection's mark and label is done to the frame's, and noted as bits. */
static void do_ct_body(struct walk *w, struct ct_action *out, const struct act *body, unsigned n)
{
    for (const struct act *a = body; a < body + n; a++) {
        do_act(w, a);
        if (a->type == ACT_SET_FIELD)
            mark_bits(out, a->field, a->mask);
        else if (a->type == ACT_MOVE)
            mark_bits(out, a->dst.field, subfield_mask(a->dst));
    }
}

static void do_ct(struct walk *w, const struct act *a)
{
    struct ct_action ct = {
        .flags = a->ct.flags, .zone = a->ct.zone, .zone_src = a->ct.zone_src, .helper = a->ct.helper
    };
    const struct act *body = a + 1;
    unsigned n = a->n_body;
    uint64_t *p;

    if (ct.flags & CT_NAT) {
        memcpy(&ct.nat, body[0].data, ACT_DATA_SIZE);
        memcpy((uint8_t *)&ct.nat + ACT_DATA_SIZE, body[1].data, sizeof ct.nat - ACT_DATA_SIZE);
        body += 2;
        n -= 2;
    }
    do_ct_body(w, &ct, body, n);
    p = program_add(w->out, OP_CT, CT_ACTION_WORDS, 0);
    if (p)
        memcpy(p, &ct, sizeof ct);
    walk_clear_ct(w); /* what it says is for the copy alone */
    w->is_stale |= (ct.flags & CT_NAT) != 0;
    if (a->ct.table_id != ACT_TABLE_SAME) {
        w->has_output = true;
        if (is_last(w)) {
            p = program_add(w->out, OP_CONTINUE, 1, a->ct.table_id);
            if (p)
                *p = 0;
            w->is_ended = true;
            w->n_todo = 0;
            return;
        }
        emit_fork(w, a->ct.table_id);
    }
    program_add(w->out, OP_CT_CLEAR, 0, 0);
}

static void resubmit(struct walk *w, const struct act *a)
{
    uint8_t table_id = a->table_id == ACT_TABLE_SAME ? w->context.table_id : a->table_id;

    if (++w->n_resubmits > RESUBMITS_MAX)
        walk_fail(w, DROP_RESUBMIT_WORK);
    else
        look_up(w, table_id, a->port == DP_PORT_IN_PORT ? 0 : a->port,
                a->type == ACT_RESUBMIT_CT ? LOOKUP_ORIGINAL : LOOKUP_RESUBMIT);
}

static void run_todo(struct walk *w, unsigned base);

/* Does the actions, and then the action set, to a copy of the frame and of all that goes with it. */
static void do_clone(struct walk *w, const struct act *body, unsigned n)
{
    struct action_set set = *w->set;
    struct act_context context = w->context;
    struct value stack[STACK_MAX];
    unsigned n_stack = w->n_stack, base = w->n_todo, outer = w->base;
    struct clone c;

    if (w->depth == GROUP_DEPTH_MAX || base == RESUBMIT_DEPTH_MAX) {
        walk_fail(w, DROP_RESUBMIT_DEPTH);
        return;
    }
    memcpy(stack, w->stack, n_stack * sizeof stack[0]);
    w->depth++;
    w->n_clones++;
    clone_begin(w, &c);
    w->todo[w->n_todo++] = (struct todo){ .at = body, .end = body + n, .context = context };
    w->base = base;
    run_todo(w, base);
    if (!w->is_exit && !w->is_ended && !w->error)
        action_set_run(w, w->set);
    w->base = outer;
    w->is_ended = false; /* by a pause, or for later: it is the copy that waits */
    program_add(w->out, OP_END, 0, 0);
    clone_end(w, &c);
    w->depth--;
    w->n_clones--;
    w->n_stack = n_stack;
    memcpy(w->stack, stack, n_stack * sizeof stack[0]);
    *w->set = set;
    w->context = context;
}

/* Does the next action of the list on top. */
static void step(struct walk *w)
{
    struct todo *t = &w->todo[w->n_todo - 1];
    const struct act *a = t->at++;

    w->context = t->context;
    switch ((int)a->type) {
    case ACT_CONTROLLER:
        if (!a->to.is_pause)
            break;
        t->at += (a->to.n_userdata + ACT_DATA_SIZE - 1) / ACT_DATA_SIZE;
        emit_pause(w, a);
        return;
    case ACT_RESUBMIT:
    case ACT_RESUBMIT_CT:
        resubmit(w, a);
        return;
    case ACT_CT:
        t->at += a->n_body;
        do_ct(w, a);
        return;
    case ACT_CLONE:
        t->at += a->n_body;
        do_clone(w, a + 1, a->n_body);
        return;
    case ACT_EXIT:
        w->n_todo = 0;
        w->is_exit = true;
        return;
    case ACT_GOTO:
        look_up(w, a->table_id, 0, LOOKUP_GOTO);
        return;
    case ACT_CLEAR_SET:
        w->set->n = 0;
        return;
    case ACT_WRITE_SET:
        t->at += a->n_body;
        for (unsigned i = 1; i <= a->n_body; i++)
            action_set_write(w->set, a + i);
        return;
    case ACT_CONTEXT:
        t->context = a->context;
        return;
    }
    do_act(w, a);
}

/* The list on top is at its end: its rule's instructions. */
static void end_list(struct walk *w)
{
    const struct todo *t = &w->todo[--w->n_todo];
    const struct rule_code *c = t->code;
    struct act metadata;

    w->context = t->context; /* the action set is the last rule's, also when it applied nothing */
    if (!c)
        return;
    if (c->is_clear)
        w->set->n = 0;
    for (unsigned i = 0; i < c->n_write; i++)
        action_set_write(w->set, &c->write[i]);
    metadata = metadata_act(c);
    if (c->metadata_mask)
        do_act(w, &metadata);
    if (c->goto_table != NO_GOTO)
        look_up(w, c->goto_table, 0, LOOKUP_GOTO);
}

/* Does the lists above `base`. */
static void run_todo(struct walk *w, unsigned base)
{
    while (w->n_todo > base && !w->out->is_full) {
        const struct todo *t = &w->todo[w->n_todo - 1];

        if (t->at < t->end)
            step(w);
        else
            end_list(w);
    }
}

/* All lists are done: what the action set says, and the end. */
static void finish(struct walk *w)
{
    w->context.reason = EVENT_ACTION;
    if (w->error) {
        struct lookups lookups = w->out->lookups;

        program_reset(w->out);
        w->out->lookups = lookups;
        program_add(w->out, OP_DROP, 0, w->error);
        w->has_output = true;
    } else if (!w->is_ended && !w->is_exit) {
        action_set_run(w, w->set);
    }
    if (!w->has_output)
        program_add(w->out, OP_DROP, 0, DROP_NO_ACTION);
    program_add(w->out, OP_END, 0, 0);
}

void translate_tables(struct program_buf *out, const struct bridge *b, struct key *key, uint64_t version,
                      struct resume *at)
{
    struct walk w;

    memset(&w, 0, offsetof(struct walk, todo));
    w.out = out;
    w.b = b;
    w.key = key;
    w.version = version;
    w.set = &at->set;
    w.n_stack = at->n_stack;
    memcpy(w.stack, at->stack, at->n_stack * sizeof at->stack[0]);
    w.before = *key;
    if (at->n_todo)
        w.todo[w.n_todo++] = (struct todo){ .at = at->todo, .end = at->todo + at->n_todo };
    if (!at->is_paused)
        look_up(&w, at->table_id, at->port, (enum lookup_kind)at->lookup);
    run_todo(&w, 0);
    finish(&w);
}

/* A packet-out's key is for the worker to know: the first lookup waits for it. */
void translate_actions(struct program_buf *out, const struct bridge *b, const struct act *acts, size_t n_acts)
{
    struct action_set set = { 0 };
    struct key key = { 0 };
    struct walk w;

    memset(&w, 0, offsetof(struct walk, todo));
    w.n_stack = 0;
    w.out = out;
    w.b = b;
    w.key = &key;
    w.set = &set;
    w.is_stale = true;
    w.is_packet_out = true;
    w.todo[w.n_todo++] =
        (struct todo){ .at = acts, .end = acts + n_acts, .context = { UINT64_MAX, 0, EVENT_ACTION, ACT_NO_STAT } };
    run_todo(&w, 0);
    finish(&w);
}

void translate_group(struct program_buf *out, const struct bridge *b, uint32_t group_id, uint64_t version)
{
    struct key key = { 0 };
    struct walk w;

    memset(&w, 0, offsetof(struct walk, todo));
    w.n_stack = 0;
    w.out = out;
    w.b = b;
    w.key = &key;
    w.version = version;
    w.context = (struct act_context){ UINT64_MAX, 0, EVENT_ACTION, ACT_NO_STAT };

    emit_group(&w, group_id);
}

void resume_begin(struct resume *r)
{
    r->table_id = 0;
    r->lookup = LOOKUP_GOTO;
    r->forks_left = FORKS_MAX;
    r->is_paused = false;
    r->port = 0;
    r->set.n = 0;
    r->set.is_overflown = false;
    r->n_todo = 0;
    r->n_stack = 0;
}

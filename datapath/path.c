/* SPDX-License-Identifier: Apache-2.0 */
/* path.c - straight ways through the tables; see path.h.
 *
 * Theory.  A translation reads the frame's key in lookups only, unless an action makes it do otherwise.  So of rules whose
 * actions are not of that kind, those that a frame meets, with the table that knew nothing of it at last, say all of its program:
 * `struct path` is their list, and the name under which the program is kept.  Which lookups saw another key than the frame came
 * with (`edits`) belongs to the name too, since the program says that of itself.  Goto only leads forward: one pass over the
 * tables, in which each is asked for all frames that have come to it, is the walk of all.  A program is good for the version
 * it was made in; addresses of rules, too, mean nothing in another. */
#include "datapath/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/key_edit.h"
#include "datapath/table.h"

enum { PATH_RULES = 13, SLOTS = 4096 };

struct path {
    uint64_t edits;
    uint8_t n;
    bool is_straight;
    const struct rule *rule[PATH_RULES];
};

struct slot {
    uint32_t round;
    uint8_t n;
    uint8_t last_table; /* that had no rule for the frame; NO_GOTO: the last rule ends the way */
    struct program *program;
    const struct bridge *bridge;
    const struct rule *rule[PATH_RULES];
};
static_assert(sizeof(struct slot) == 128, "two cache lines, of which most paths need the first");

struct paths {
    uint32_t round; /* of the slots that mean something */
    uint64_t version, outer_round;
    const struct bridge *bridge;
    uint64_t mask_serial; /* of the mask beyond which `key` is zero, unless is_edited */
    bool is_edited;
    /* of the frames last asked for */
    struct key key[PORT_BURST];
    struct path path[PORT_BURST];
    uint8_t at_table[PORT_BURST]; /* where it is; at the end as `last_table` */
    struct slot slot[SLOTS];
};

int paths_new(struct paths **out)
{
    *out = aligned_alloc(64, (sizeof **out + 63) & ~(size_t)63);
    if (!*out)
        return -ENOMEM;
    memset(*out, 0, sizeof **out);
    return 0;
}

void paths_free(struct paths *p)
{
    free(p);
}

/* --- rules --- */

/* Its key-side is for edit() to do. */
static bool is_edit(const struct act *a)
{
    return a->type == ACT_SET_FIELD || a->type == ACT_PUSH_VLAN || a->type == ACT_POP_VLAN ||
           a->type == ACT_SET_IP_TTL || a->type == ACT_DEC_IP_TTL;
}

/* Leaves the key alone, whatever it does. */
static bool is_deed(const struct act *a)
{
    return a->type == ACT_OUTPUT || a->type == ACT_SET_QUEUE || a->type == ACT_DATA || a->type == ACT_CLAMP_MSS ||
           (a->type == ACT_CONTROLLER && !a->to.is_pause);
}

/* Changes the key, but where nobody reads it any more that is no matter. */
static bool is_last_edit(const struct act *a)
{
    return a->type == ACT_GROUP || a->type == ACT_PUSH_MPLS || a->type == ACT_POP_MPLS || a->type == ACT_PUSH_PBB ||
           a->type == ACT_POP_PBB || a->type == ACT_SET_MPLS_TTL || a->type == ACT_DEC_MPLS_TTL ||
           a->type == ACT_COPY_TTL_OUT || a->type == ACT_COPY_TTL_IN || a->type == ACT_MOVE;
}

enum rule_way path_rule_way(const struct rule_code *code)
{
    bool goes_on = code->goto_table != NO_GOTO;
    enum rule_way way = goes_on ? WAY_ON : WAY_END;

    if (goes_on && code->meter_id) /* it may remark what a later lookup reads */
        return WAY_OTHER;
    for (unsigned i = 0; i < code->n_apply; i++) {
        const struct act *a = &code->apply[i];

        if (is_edit(a))
            way = goes_on ? WAY_ON_EDITED : WAY_END;
        else if (!is_deed(a) && (goes_on || !is_last_edit(a)))
            return WAY_OTHER;
    }
    return goes_on && code->metadata_mask ? WAY_ON_EDITED : way;
}

/* --- walking --- */

static int edit_key(struct key *key, const struct act *a)
{
    switch ((int)a->type) {
    case ACT_SET_FIELD:
        return key_set_field(key, a->field, a->value, a->mask);
    case ACT_PUSH_VLAN:
        return key_push_vlan(key, a->ethertype);
    case ACT_POP_VLAN:
        return key_pop_vlan(key);
    case ACT_SET_IP_TTL:
        return key_set_ip_ttl(key, a->ttl);
    case ACT_DEC_IP_TTL:
        return key_dec_ip_ttl(key);
    }
    return 0;
}

/* Does to the key what the rule does to the frame, and notes what became another word.  False: the key does not tell. */
static bool edit(struct key *key, const struct rule_code *c, uint64_t *edits)
{
    struct key before = *key;

    for (unsigned i = 0; i < c->n_apply; i++)
        if (edit_key(key, &c->apply[i]) == -EAGAIN)
            return false;
    key_set_field(key, FIELD_METADATA, (struct value){ .lo = c->metadata & c->metadata_mask },
                  (struct value){ .lo = c->metadata_mask });
    for (unsigned i = 0; i < KEY_WORDS; i++)
        *edits |= (uint64_t)(key->w[i] != before.w[i]) << i % 64;
    return true;
}

/* The frame has met its rule; returns the table where it goes on, NO_GOTO: nowhere. */
static uint8_t meet(struct paths *p, unsigned k, const struct rule *r)
{
    struct path *way = &p->path[k];

    if (r->way == WAY_OTHER || way->n == PATH_RULES) {
        way->is_straight = false;
        return NO_GOTO;
    }
    way->rule[way->n++] = r;
    p->is_edited |= r->way == WAY_ON_EDITED;
    if (r->way == WAY_ON_EDITED && !edit(&p->key[k], &r->code, &way->edits))
        way->is_straight = false;
    return r->way == WAY_END || !way->is_straight ? NO_GOTO : r->code.goto_table;
}

/* Takes the frames that have come to that table on; returns whether any goes to another. */
static void walk_table(struct paths *p, const struct bridge *b, uint64_t version, uint8_t table_id, unsigned n)
{
    const struct table *t = bridge_table(b, table_id);
    const struct key *keys[PORT_BURST];
    const struct rule *found[PORT_BURST];
    uint8_t here[PORT_BURST];
    unsigned n_here = 0;

    if (!t)
        return; /* as a table that has no rule for them */
    for (unsigned k = 0; k < n; k++)
        if (p->at_table[k] == table_id && p->path[k].is_straight) {
            keys[n_here] = &p->key[k];
            here[n_here++] = (uint8_t)k;
        }
    if (table_has_conjunctions(t)) {
        for (unsigned j = 0; j < n_here; j++)
            p->path[here[j]].is_straight = false;
        return;
    }
    table_find_burst(t, keys, n_here, version, found);
    for (unsigned j = 0; j < n_here; j++)
        if (found[j])
            p->at_table[here[j]] = meet(p, here[j], found[j]);
}

/* The lowest table behind `table_id` that a frame has come to; NO_GOTO: none. */
static uint8_t next_table(const struct paths *p, unsigned table_id, unsigned n)
{
    uint8_t next = NO_GOTO;

    for (unsigned k = 0; k < n; k++)
        if (p->at_table[k] > table_id && p->at_table[k] < next)
            next = p->at_table[k];
    return next;
}

/* --- the programs of paths --- */

static struct slot *slot_of(struct paths *p, const struct path *way, uint8_t last_table)
{
    uint64_t h = hash_add(way->edits, last_table);

    for (unsigned i = 0; i < way->n; i++)
        h = hash_add(h, (uintptr_t)way->rule[i]);
    return &p->slot[cache_hash_end(h) >> 32 & (SLOTS - 1)];
}

static struct program *find_program(const struct paths *p, const struct slot *s, const struct path *way,
                                    uint8_t last_table)
{
    if (s->round != p->round || s->n != way->n || s->last_table != last_table || s->bridge != p->bridge)
        return NULL;
    for (unsigned i = 0; i < way->n; i++)
        if (s->rule[i] != way->rule[i])
            return NULL;
    return s->program->lookups.edits == way->edits ? s->program : NULL;
}

/* Forgets all, when what is kept is of another version or round. */
static void turn(struct paths *p, uint64_t version, uint64_t outer_round)
{
    if (p->version == version && p->outer_round == outer_round && p->round)
        return;
    p->version = version;
    p->outer_round = outer_round;
    if (++p->round == 0) {
        memset(p->slot, 0, sizeof p->slot);
        p->round = 1;
    }
}

void paths_find(struct paths *p, const struct bridge *b, const struct cache_point *at, uint64_t round, struct burst *f,
                const uint8_t *which, unsigned n)
{
    const struct entry_mask *m = at->mask;
    struct slot *slot[PORT_BURST];

    turn(p, at->version, round);
    p->bridge = b;
    if (p->is_edited || p->mask_serial != m->serial) {
        memset(p->key, 0, sizeof p->key);
        p->is_edited = false;
        p->mask_serial = m->serial;
    }
    plain_whole_keys(f, m, which, n, p->key);
    for (unsigned k = 0; k < n; k++) {
        p->path[k].n = 0;
        p->path[k].edits = 0;
        p->path[k].is_straight = true;
        p->at_table[k] = 0;
    }
    for (uint8_t table_id = 0; table_id != NO_GOTO; table_id = next_table(p, table_id, n))
        walk_table(p, b, at->version, table_id, n);
    for (unsigned k = 0; k < n; k++) {
        slot[k] = slot_of(p, &p->path[k], p->at_table[k]);
        __builtin_prefetch(slot[k]);
    }
    for (unsigned k = 0; k < n; k++)
        f->program[which[k]] = p->path[k].is_straight ? find_program(p, slot[k], &p->path[k], p->at_table[k]) : NULL;
}

void paths_keep(struct paths *p, unsigned k, struct program *program)
{
    const struct path *way = &p->path[k];
    struct slot *s;

    if (!way->is_straight)
        return;
    s = slot_of(p, way, p->at_table[k]);
    s->round = p->round;
    s->n = way->n;
    s->last_table = p->at_table[k];
    s->bridge = p->bridge;
    s->program = program;
    memcpy(s->rule, way->rule, way->n * sizeof s->rule[0]);
}

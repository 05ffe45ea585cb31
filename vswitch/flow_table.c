/* SPDX-License-Identifier: Apache-2.0 */
/* flow_table.c - see flow_table.h.
 *
 * Theory.  A `struct flow` does not change once it is in the table: whatever happens to it is a `struct change`, the flow
 * that was (`old`) and the one that is now (`new`), either of them NULL for an addition or a deletion.  The log of changes
 * since the last commit is in `changes`; commit walks it forwards and frees what was, abort walks it backwards and puts
 * everything back where it stood.  Room in the log is made before anything is touched, so that logging cannot fail.
 * Only when it times out does change: learning it anew, or the end of its connection (flow_shorten). */
#include "vswitch/flow_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/slab.h"

enum { RUN_MAX = 4096 };           /* timeouts taken in one go */
enum { SEEN_SLACK_NS = 10000000 }; /* a worker reads the clock once a burst */

struct change {
    struct flow *old, *new;
    struct list *at;    /* deletion: `old` stood in front of this */
    enum flow_gone why; /* deletion */
    uint32_t mark;
};

struct subtable {
    struct hmap index;
    struct list flows;
    uint32_t max_flows; /* UINT32_MAX: that of all tables holds */
};

struct flow_table {
    struct flow_table_conf conf;
    struct subtable tables[DP_TABLES];
    struct wheel wheel;
    struct slab_pool memory; /* of the flows */
    uint64_t serial;         /* of the next flow */
    uint32_t mark;
    struct change *changes;
    size_t n_changes, max_changes;
    struct flow **by_stat; /* the flows with an action fin_timeout, by their rules' statistics slots */
    size_t n_by_stat;
};

/* A compact match that fits any match, for looking up. */
union match_buf {
    struct compact_match c;
    uint64_t room[(sizeof(struct compact_match) + 7) / 8 + 2 * KEY_WORDS];
};

/* --- the log of changes --- */

static int log_reserve(struct flow_table *ft, size_t n)
{
    size_t max = ft->max_changes ? ft->max_changes : 16;

    if (n > SIZE_MAX / sizeof *ft->changes / 2 - ft->n_changes)
        return -ENOMEM;
    while (max < ft->n_changes + n)
        max *= 2;
    if (max == ft->max_changes)
        return 0;

    struct change *p = realloc(ft->changes, max * sizeof *p);

    if (!p)
        return -ENOMEM;
    ft->changes = p;
    ft->max_changes = max;
    return 0;
}

static struct subtable *table_of(struct flow_table *ft, const struct flow *f)
{
    return &ft->tables[f->rule->table_id];
}

static void count(const struct flow_table *ft, const struct flow *f, int by)
{
    if (f && ft->conf.count)
        ft->conf.count(ft->conf.arg, f->rule, by);
}

/* --- flows that frames may shorten --- */

static bool has_fin_timeout(const struct rule_code *c)
{
    for (unsigned i = 0; i < c->n_apply; i++)
        if (c->apply[i].type == ACT_FIN_TIMEOUT)
            return true;
    return false;
}

static int by_stat_reserve(struct flow_table *ft, const struct rule *r)
{
    size_t n = ft->n_by_stat ? ft->n_by_stat : 64;
    struct flow **p;

    if (!has_fin_timeout(&r->code) || r->stat < ft->n_by_stat)
        return 0;
    while (n <= r->stat)
        n *= 2;
    p = realloc(ft->by_stat, n * sizeof *p);
    if (!p)
        return -ENOMEM;
    memset(p + ft->n_by_stat, 0, (n - ft->n_by_stat) * sizeof *p);
    ft->by_stat = p;
    ft->n_by_stat = n;
    return 0;
}

/* `f` is (or no longer is) the flow of its rule's slot. */
static void by_stat_set(struct flow_table *ft, const struct rule *r, struct flow *f)
{
    if (has_fin_timeout(&r->code))
        ft->by_stat[r->stat] = f;
}

/* Puts the change into effect in our index and writes it down; the datapath's part was done. */
static void log_change(struct flow_table *ft, struct flow *old, struct flow *new, enum flow_gone why)
{
    struct change *c = &ft->changes[ft->n_changes++];

    assert(ft->n_changes <= ft->max_changes);
    *c = (struct change){ .old = old, .new = new, .why = why, .mark = ft->mark };
    count(ft, old, -1);
    count(ft, new, 1);
    if (old)
        by_stat_set(ft, old->rule, NULL);
    if (new)
        by_stat_set(ft, new->rule, new);
    if (new) {
        list_insert(old ? &old->node.link : &table_of(ft, new)->flows, &new->node.link);
        hmap_insert(&table_of(ft, new)->index, &new->by_match, new->by_match.hash);
    }
    if (old) {
        c->at = old->node.link.next;
        list_remove(&old->node.link);
        hmap_remove(&table_of(ft, old)->index, &old->by_match);
    }
}

static void undo(struct flow_table *ft, const struct change *c)
{
    count(ft, c->new, -1);
    count(ft, c->old, 1);
    if (c->new)
        by_stat_set(ft, c->new->rule, NULL);
    if (c->old)
        by_stat_set(ft, c->old->rule, c->old);
    if (c->old) {
        list_insert(c->new ? &c->new->node.link : c->at, &c->old->node.link);
        hmap_insert(&table_of(ft, c->old)->index, &c->old->by_match, c->old->by_match.hash);
    }
    if (c->new) {
        list_remove(&c->new->node.link);
        hmap_remove(&table_of(ft, c->new)->index, &c->new->by_match);
        slab_free(&ft->memory, c->new);
    }
}

void flow_table_abort(struct flow_table *ft)
{
    while (ft->n_changes)
        undo(ft, &ft->changes[--ft->n_changes]);
    datapath_abort(ft->conf.dp);
}

/* --- timeouts --- */

static uint64_t last_used_ns(const struct flow_table *ft, const struct flow *f)
{
    struct rule_stat s;

    flow_stats(ft, f, &s);
    return s.used_ns > f->idle_from_ns ? s.used_ns : f->idle_from_ns;
}

static uint64_t hard_end_ns(const struct flow *f)
{
    return f->hard_s ? f->hard_from_ns + (uint64_t)f->hard_s * NSEC_PER_S : WHEEL_NEVER;
}

static uint64_t idle_end_ns(const struct flow_table *ft, const struct flow *f)
{
    return f->idle_s ? last_used_ns(ft, f) + (uint64_t)f->idle_s * NSEC_PER_S : WHEEL_NEVER;
}

static void arm(struct flow_table *ft, struct flow *f)
{
    uint64_t hard = hard_end_ns(f), idle = idle_end_ns(ft, f);

    if (f->idle_s || f->hard_s)
        wheel_arm(&ft->wheel, &f->timer, hard < idle ? hard : idle);
}

static void shorten(uint16_t *s, uint16_t to)
{
    if (to && (!*s || *s > to))
        *s = to;
}

/* A slot is another's only after no frame can name the rule that had it; but what a frame said may be read late. */
void flow_shorten(struct flow_table *ft, const struct flow_mark *mark, uint16_t idle_s, uint16_t hard_s)
{
    struct flow *f = mark->stat < ft->n_by_stat ? ft->by_stat[mark->stat] : NULL;

    assert(!ft->n_changes);
    if (!f || f->rule->table_id != mark->table_id || f->rule->cookie != mark->cookie ||
        f->created_ns > mark->seen_ns + SEEN_SLACK_NS)
        return;
    shorten(&f->idle_s, idle_s);
    shorten(&f->hard_s, hard_s);
    arm(ft, f);
}

uint64_t flow_table_next_ns(const struct flow_table *ft)
{
    return wheel_next_ns(&ft->wheel);
}

void flow_table_run(struct flow_table *ft)
{
    uint64_t now = clock_now(ft->conf.clock);
    struct wheel_link *l;

    assert(!ft->n_changes);
    while (ft->n_changes < RUN_MAX && !log_reserve(ft, 1) && (l = wheel_pop(&ft->wheel, now))) {
        struct flow *f = (struct flow *)((char *)l - offsetof(struct flow, timer));

        if (hard_end_ns(f) <= now || idle_end_ns(ft, f) <= now) {
            bridge_rule_remove(ft->conf.bridge, f->rule);
            log_change(ft, f, NULL, hard_end_ns(f) <= now ? FLOW_GONE_HARD : FLOW_GONE_IDLE);
        } else {
            arm(ft, f);
        }
    }
    if (ft->n_changes)
        flow_table_commit(ft);
}

/* --- commit --- */

void flow_table_mark(struct flow_table *ft, uint32_t mark)
{
    ft->mark = mark;
}

static void tell(struct flow_table *ft, const struct change *c)
{
    struct flow_change told = { c->old, c->new, c->why, c->mark };

    if (ft->conf.changed)
        ft->conf.changed(ft->conf.arg, &told);
}

void flow_table_commit(struct flow_table *ft)
{
    for (size_t i = 0; i < ft->n_changes; i++) {
        const struct change *c = &ft->changes[i];

        if (c->new)
            arm(ft, c->new);
        else if (ft->conf.removed)
            ft->conf.removed(ft->conf.arg, c->old, c->why);
        tell(ft, c);
    }
    datapath_commit(ft->conf.dp); /* rules that were removed may be gone after this */
    for (size_t i = 0; i < ft->n_changes; i++)
        if (ft->changes[i].old) {
            wheel_disarm(&ft->wheel, &ft->changes[i].old->timer);
            slab_free(&ft->memory, ft->changes[i].old);
        }
    ft->n_changes = 0;
    if (ft->max_changes > RUN_MAX) { /* a large request; do not hold on to its memory */
        free(ft->changes);
        ft->changes = NULL;
        ft->max_changes = 0;
    }
}

/* --- finding --- */

static struct flow *flow_of(struct flow_node *n)
{
    return (struct flow *)n; /* its first member */
}

static uint32_t hash_of(const struct compact_match *m, uint16_t priority)
{
    return compact_match_hash(m, priority);
}

static struct flow *find_strict(struct subtable *t, uint16_t priority, const struct compact_match *m, uint32_t hash)
{
    for_each_hmap_hash (struct flow, f, &t->index, hash, by_match)
        if (f->rule->priority == priority && compact_match_equal(f->rule->match, m))
            return f;
    return NULL;
}

void flow_table_expect(const struct flow_table *ft, uint8_t table_id, uint16_t priority, const struct match *match)
{
    union match_buf m;

    compact_match_init(&m.c, match);
    hmap_prefetch(&ft->tables[table_id].index, hash_of(&m.c, priority));
    bridge_rule_expect(ft->conf.bridge, table_id, &m.c);
}

static bool acts_output_to(const struct act *a, size_t n, uint32_t port)
{
    for (size_t i = 0; i < n; i++)
        if (((a[i].type == ACT_OUTPUT || a[i].type == ACT_OUTPUT_CUT) && a[i].port == port) ||
            (a[i].type == ACT_CONTROLLER && port == DP_PORT_CONTROLLER))
            return true;
    return false;
}

static bool acts_go_to_group(const struct act *a, size_t n, uint32_t group)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].type == ACT_GROUP && (group == FLOW_EVERY_GROUP || a[i].group == group))
            return true;
    return false;
}

/* Everything of a query but its match and priority (7.3.4.1: cookie, out_port, out_group). */
static bool passes_filters(const struct flow_query *q, const struct flow *f)
{
    const struct rule_code *code = &f->rule->code;

    if ((f->rule->cookie ^ q->cookie) & q->cookie_mask)
        return false;
    if (q->out_port != FLOW_ANY && !acts_output_to(code->apply, code->n_apply, q->out_port) &&
        !acts_output_to(code->write, code->n_write, q->out_port))
        return false;
    if (q->meter_id && code->meter_id != q->meter_id)
        return false;
    return q->out_group == FLOW_ANY || acts_go_to_group(code->apply, code->n_apply, q->out_group) ||
           acts_go_to_group(code->write, code->n_write, q->out_group);
}

bool flow_is_meant(const struct flow_query *q, const struct compact_match *m, const struct flow *f)
{
    return passes_filters(q, f) && compact_match_covers(m, f->rule->match) &&
           (!q->is_strict || (q->priority == f->rule->priority && compact_match_equal(m, f->rule->match)));
}

struct found {
    struct flow **flows;
    size_t n, max;
};

static int found_add(struct found *r, struct flow *f)
{
    if (r->n == r->max) {
        size_t max = r->max ? r->max * 2 : 16;
        struct flow **p = realloc(r->flows, max * sizeof *p);

        if (!p)
            return -ENOMEM;
        r->flows = p;
        r->max = max;
    }
    r->flows[r->n++] = f;
    return 0;
}

static int find_in(struct found *r, struct subtable *t, const struct flow_query *q, const struct compact_match *m)
{
    if (q->is_strict) {
        struct flow *f = find_strict(t, q->priority, m, hash_of(m, q->priority));

        return f && passes_filters(q, f) ? found_add(r, f) : 0;
    }
    for_each_list (struct flow_node, n, &t->flows, link) {
        int err = n->serial && flow_is_meant(q, m, flow_of(n)) ? found_add(r, flow_of(n)) : 0;

        if (err)
            return err;
    }
    return 0;
}

/* Gives the flows meant (caller frees `r->flows`, also on failure) and makes room in the log for a change to each. */
static int find_meant(struct flow_table *ft, const struct flow_query *q, struct found *r)
{
    union match_buf m;
    int err = 0;

    compact_match_init(&m.c, q->match);
    *r = (struct found){ 0 };
    if (q->table_id != FLOW_TABLE_ALL)
        err = find_in(r, &ft->tables[q->table_id], q, &m.c);
    else
        for (int i = 0; i < DP_TABLES && !err; i++)
            err = find_in(r, &ft->tables[i], q, &m.c);
    return err ? err : log_reserve(ft, r->n);
}

/* --- requests --- */

static struct flow *flow_new(struct flow_table *ft, const struct flow_spec *s, uint32_t hash)
{
    struct flow *f = slab_alloc(&ft->memory, sizeof *f + s->n_instructions);
    uint64_t now = clock_now(ft->conf.clock);

    if (!f)
        return NULL;
    *f = (struct flow){
        .node.serial = ft->serial,
        .birth = ft->serial,
        .by_match.hash = hash,
        .created_ns = now,
        .hard_from_ns = now,
        .idle_from_ns = now,
        .idle_s = s->idle_s,
        .hard_s = s->hard_s,
        .asked_idle_s = s->idle_s,
        .asked_hard_s = s->hard_s,
        .flags = s->flags,
        .n_instructions = s->n_instructions,
    };
    list_init(&f->node.link);
    wheel_link_init(&f->timer);
    if (s->n_instructions)
        memcpy(f->instructions, s->instructions, s->n_instructions);
    return f;
}

/* Makes the rule of `f`, which takes the place of `old` (or NULL), in table, index and datapath. */
static int put(struct flow_table *ft, struct flow *f, struct flow *old, const struct flow_spec *s,
               const struct compact_match *match)
{
    struct rule_conf conf = {
        .table_id = s->table_id,
        .priority = s->priority,
        .compact = match,
        .code = s->code,
        .cookie = s->cookie,
        .replaces = old && !(s->flags & FLOW_RESET_COUNTS) ? old->rule : NULL,
    };
    int err = rule_new(&f->rule, ft->conf.bridge, &conf);

    if (!err)
        err = bridge_rule_add(ft->conf.bridge, f->rule);
    if (!err)
        err = by_stat_reserve(ft, f->rule);
    if (err)
        return err;
    if (old) {
        bridge_rule_remove(ft->conf.bridge, old->rule);
        f->node.serial = old->node.serial;
    }
    log_change(ft, old, f, FLOW_GONE_DELETE);
    return 0;
}

static bool has_overlap(const struct subtable *t, uint16_t priority, const struct compact_match *m)
{
    for_each_list (struct flow_node, n, &t->flows, link)
        if (n->serial && flow_of(n)->rule->priority == priority && compact_match_overlaps(flow_of(n)->rule->match, m))
            return true;
    return false;
}

static bool is_equal(const struct flow *f, const struct flow_spec *s)
{
    return f->rule->cookie == s->cookie && f->asked_idle_s == s->idle_s && f->asked_hard_s == s->hard_s &&
           f->flags == s->flags && f->n_instructions == s->n_instructions &&
           !memcmp(f->instructions, s->instructions, s->n_instructions);
}

int flow_add(struct flow_table *ft, const struct flow_spec *spec)
{
    struct subtable *t = &ft->tables[spec->table_id];
    union match_buf m;
    uint32_t hash;

    assert(spec->table_id < DP_TABLES);
    compact_match_init(&m.c, spec->match);
    hash = hash_of(&m.c, spec->priority);
    if (spec->flags & FLOW_CHECK_OVERLAP && has_overlap(t, spec->priority, &m.c))
        return -EEXIST;

    struct flow *old = find_strict(t, spec->priority, &m.c, hash);

    if (old && spec->is_learned && is_equal(old, spec)) {
        old->hard_from_ns = clock_now(ft->conf.clock);
        return 0;
    }
    if (!old && (spec->is_replacing || t->index.n >= flow_table_limit(ft, spec->table_id)))
        return -ENOSPC;
    if (log_reserve(ft, 1))
        return -ENOMEM;

    struct flow *f = flow_new(ft, spec, hash);
    int err = f ? put(ft, f, old, spec, &m.c) : -ENOMEM;

    if (err) {
        slab_free(&ft->memory, f);
        return err;
    }
    ft->serial++;
    return 0;
}

static int modify_one(struct flow_table *ft, struct flow *old, const struct flow_spec *spec)
{
    struct flow_spec s = *spec;

    s.table_id = old->rule->table_id;
    s.priority = old->rule->priority;
    s.cookie = old->rule->cookie;
    s.idle_s = old->idle_s;
    s.hard_s = old->hard_s;

    struct flow *f = flow_new(ft, &s, old->by_match.hash);

    if (!f)
        return -ENOMEM;
    f->birth = old->birth;
    f->created_ns = old->created_ns;
    f->hard_from_ns = old->hard_from_ns;
    f->idle_from_ns = old->idle_s ? last_used_ns(ft, old) : old->idle_from_ns;
    f->asked_idle_s = old->asked_idle_s;
    f->asked_hard_s = old->asked_hard_s;
    f->flags = old->flags;

    int err = put(ft, f, old, &s, old->rule->match);

    if (err)
        slab_free(&ft->memory, f);
    return err;
}

int flow_modify(struct flow_table *ft, const struct flow_query *q, const struct flow_spec *spec)
{
    struct found r;
    int err = find_meant(ft, q, &r);

    for (size_t i = 0; i < r.n && !err; i++)
        err = modify_one(ft, r.flows[i], spec);
    free(r.flows);
    return err;
}

int flow_delete(struct flow_table *ft, const struct flow_query *q, enum flow_gone why)
{
    struct found r;
    int err = find_meant(ft, q, &r);

    for (size_t i = 0; i < r.n && !err; i++) {
        bridge_rule_remove(ft->conf.bridge, r.flows[i]->rule);
        log_change(ft, r.flows[i], NULL, why);
    }
    free(r.flows);
    return err;
}

/* --- asking --- */

uint32_t flow_table_count(const struct flow_table *ft, uint8_t table_id)
{
    return (uint32_t)ft->tables[table_id].index.n;
}

uint32_t flow_table_count_cookie(const struct flow_table *ft, uint8_t table_id, uint64_t cookie)
{
    uint32_t n = 0;

    for_each_list (struct flow_node, node, &ft->tables[table_id].flows, link)
        n += node->serial && flow_of(node)->rule->cookie == cookie;
    return n;
}

uint32_t flow_table_limit(const struct flow_table *ft, uint8_t table_id)
{
    uint32_t own = ft->tables[table_id].max_flows;

    return own < ft->conf.max_flows ? own : ft->conf.max_flows;
}

uint32_t flow_table_limit_max(const struct flow_table *ft)
{
    return ft->conf.max_flows;
}

void flow_table_set_table_limit(struct flow_table *ft, uint8_t table_id, uint32_t max_flows)
{
    ft->tables[table_id].max_flows = max_flows;
}

void flow_table_set_limit(struct flow_table *ft, uint32_t max_flows)
{
    ft->conf.max_flows = max_flows;
}

void flow_stats(const struct flow_table *ft, const struct flow *f, struct rule_stat *out)
{
    rule_stats(ft->conf.bridge, f->rule, out);
}

uint64_t flow_table_birth(const struct flow_table *ft)
{
    return ft->serial;
}

uint64_t flow_age_ns(const struct flow_table *ft, const struct flow *f)
{
    return clock_now(ft->conf.clock) - f->created_ns;
}

/* --- a walk that may pause --- */

int flow_cursor_init(struct flow_cursor *c, struct flow_table *ft, const struct flow_query *q)
{
    bool is_all = q->table_id == FLOW_TABLE_ALL;

    *c = (struct flow_cursor){
        .ft = ft,
        .table_id = is_all ? 0 : q->table_id,
        .last_table = is_all ? DP_TABLES - 1 : q->table_id,
        .end = ft->serial,
        .match = malloc(compact_match_size(q->match)),
        .query = *q,
    };
    list_init(&c->node.link);
    if (!c->match)
        return -ENOMEM;
    compact_match_init(c->match, q->match);
    c->query.match = NULL;
    list_push_front(&ft->tables[c->table_id].flows, &c->node.link);
    return 0;
}

void flow_cursor_fini(struct flow_cursor *c)
{
    list_remove(&c->node.link);
    free(c->match);
    c->match = NULL;
    c->ft = NULL;
}

/* Goes on to the next table; false when that was the last. */
static bool next_table(struct flow_cursor *c)
{
    list_remove(&c->node.link);
    if (c->table_id == c->last_table)
        return false;
    c->table_id++;
    list_push_front(&c->ft->tables[c->table_id].flows, &c->node.link);
    return true;
}

const struct flow *flow_cursor_next(struct flow_cursor *c, unsigned *budget)
{
    while (c->ft && *budget) {
        struct list *next = c->node.link.next;
        struct flow_node *n = (struct flow_node *)next; /* `link` is its first member */

        if (next == &c->ft->tables[c->table_id].flows || n->serial >= c->end) {
            if (!next_table(c))
                c->ft = NULL;
            continue;
        }
        list_remove(&c->node.link);
        list_insert(next->next, &c->node.link);
        if (!n->serial)
            continue;
        --*budget;
        if (flow_is_meant(&c->query, c->match, flow_of(n)))
            return flow_of(n);
    }
    return NULL;
}

/* --- life --- */

int flow_table_new(struct flow_table **out, const struct flow_table_conf *conf)
{
    struct flow_table *ft = calloc(1, sizeof *ft);

    if (!ft)
        return -ENOMEM;
    ft->conf = *conf;
    if (!ft->conf.max_flows)
        ft->conf.max_flows = FLOW_TABLE_MAX_FLOWS;
    ft->serial = 1;
    slab_init(&ft->memory);
    wheel_init(&ft->wheel, clock_now(conf->clock));
    for (int i = 0; i < DP_TABLES; i++) {
        list_init(&ft->tables[i].flows);
        ft->tables[i].max_flows = UINT32_MAX;
    }
    *out = ft;
    return 0;
}

void flow_table_free(struct flow_table *ft)
{
    if (!ft)
        return;
    flow_table_abort(ft);
    for (int i = 0; i < DP_TABLES; i++) {
        for_each_list_safe (struct flow_node, n, next, &ft->tables[i].flows, link) {
            assert(n->serial); /* a cursor must not outlive its table */
            bridge_rule_remove(ft->conf.bridge, flow_of(n)->rule);
            slab_free(&ft->memory, flow_of(n));
        }
        hmap_fini(&ft->tables[i].index);
    }
    datapath_commit(ft->conf.dp);
    free(ft->changes);
    free(ft->by_stat);
    slab_fini(&ft->memory);
    free(ft);
}

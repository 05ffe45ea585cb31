/* SPDX-License-Identifier: Apache-2.0 */
/* bridge.c - a bridge's tables and the rules in them, and how changes become visible.
 *
 * Theory.  The datapath has one version counter.  Rules added since the last commit carry the next version and are thus
 * invisible; rules removed carry it as `removed_in` and are thus still visible.  `datapath_commit` stores the counter,
 * and with it everything becomes visible at once: a worker reads the counter once per burst.  Entry masks are published
 * before the counter, so that a worker that sees a version sees a mask that covers its rules; a mask may be too wide, never
 * too narrow.  The rules added
 * and removed by the version being made are linked through `change`, so that it can be taken back. */
#include "datapath/conn_track.h"
#include "datapath/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "datapath/datapath_impl.h"
#include "datapath/group.h"
#include "datapath/mac_table.h"
#include "datapath/mask_close.h"
#include "datapath/meter.h"
#include "datapath/path.h"
#include "datapath/pkt.h"
#include "datapath/plain.h"
#include "datapath/rcu.h"
#include "datapath/translate.h"

enum { MAC_ENTRIES = 8192 };

#define NARROW_AFTER_NS (2 * (uint64_t)NSEC_PER_S)

int bridge_open(struct bridge **out, struct datapath *dp, struct errbuf *e)
{
    struct bridge *b = calloc(1, sizeof *b);
    struct port_map *map = calloc(1, sizeof *map);
    int err = -ENOMEM;

    if (!b || !map)
        goto fail;
    b->dp = dp;
    b->groups.dp = dp;
    b->groups.free = group_free_object;
    b->meters.dp = dp;
    b->meters.free = meter_free_object;
    for (b->index = 0; b->index < DP_BRIDGES_MAX && dp->bridges[b->index]; b->index++)
        ;
    if (b->index == DP_BRIDGES_MAX) {
        err = errbuf_set(e, -ENOSPC, "there are %d bridges already, and no room for more", DP_BRIDGES_MAX);
        goto fail;
    }
    atomic_store(&b->ports, map);
    map = NULL;
    err = mac_table_new(&b->macs, MAC_ENTRIES);
    for (unsigned i = 0; !err && i < dp->n_workers; i++) {
        b->counters[i] = calloc(DP_TABLES, sizeof *b->counters[i]);
        if (!b->counters[i])
            err = -ENOMEM;
    }
    if (!err)
        err = bridge_update_mask(b);
    if (err)
        goto fail;
    dp->bridges[b->index] = b;
    *out = b;
    return 0;

fail:
    free(map);
    bridge_close(b);
    return err == -ENOSPC ? err : errbuf_set(e, err, "no memory for a bridge");
}

static void bridge_destroy(void *arg)
{
    struct bridge *b = arg;

    for (unsigned i = 0; i < DP_TABLES; i++)
        table_free(atomic_load(&b->tables[i]));
    free((void *)(uintptr_t)atomic_load(&b->entry));
    free((void *)(uintptr_t)atomic_load(&b->ports));
    for (unsigned i = 0; i < DP_WORKERS_MAX; i++)
        free(b->counters[i]);
    mac_table_free(b->macs);
    act_counts_fini(&b->acts);
    change_log_fini(&b->changes);
    free(b);
}

void bridge_close(struct bridge *b)
{
    if (!b)
        return;
    if (b->index < DP_BRIDGES_MAX && b->dp && b->dp->bridges[b->index] == b) {
        datapath_drain(b->dp);
        b->dp->bridges[b->index] = NULL;
    }
    bridge_destroy(b);
}

void bridge_tend(struct bridge *b)
{
    for (unsigned i = 0; i < DP_TABLES; i++) {
        struct table *t = atomic_load(&b->tables[i]);

        if (t)
            table_tend(t);
    }
}

void bridge_set_standalone(struct bridge *b, bool is_on)
{
    atomic_store(&b->is_standalone, is_on);
}

int bridge_set_fragments(struct bridge *b, enum fragment_mode mode)
{
    int err = mode == FRAGMENTS_JOIN ? reassembly_open(b->dp) : 0;

    if (!err)
        atomic_store(&b->fragments, mode);
    return err;
}

struct mac_table *bridge_macs(struct bridge *b)
{
    return b->macs;
}

uint16_t bridge_port_index(const struct bridge *b, uint32_t number)
{
    const struct port_map *map = atomic_load_explicit(&b->ports, memory_order_acquire);
    unsigned lo = 0, hi = map->n;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (map->at[mid].number < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < map->n && map->at[lo].number == number ? map->at[lo].index : DP_INDEX_NONE;
}

/* What the rules that there are ask for. */
static void needed_mask(const struct bridge *b, struct key *mask)
{
    *mask = (struct key){ 0 };
    for (unsigned t = 0; t < DP_TABLES; t++) {
        const struct table *table = bridge_table(b, (uint8_t)t);
        const struct key *k = table ? table_mask(table) : NULL;

        for (unsigned i = 0; k && i < KEY_WORDS; i++)
            mask->w[i] |= k->w[i];
    }
    mask_close(mask, &b->acts);
}

static int publish_mask(struct bridge *b, const struct key *mask)
{
    const struct entry_mask *old = atomic_load(&b->entry);
    struct entry_mask *m = calloc(1, sizeof *m);

    if (!m)
        return -ENOMEM;
    memset(m->place, ENTRY_NO_PLACE, sizeof m->place);
    for (unsigned i = 0; i < KEY_WORDS; i++)
        if (mask->w[i]) {
            m->map.bits[i / 64] |= UINT64_C(1) << i % 64;
            m->n_meta = (uint16_t)(m->n_meta + (i < field_place[FIELD_TUNNEL_ID].word));
            m->place[i] = (uint8_t)m->n;
            m->word[m->n] = (uint8_t)i;
            m->mask[m->n++] = mask->w[i];
        }
    m->layers = key_map_layers(&m->map);
    plain_choose(m);
    m->serial = ++b->dp->mask_serial;
    atomic_store_explicit(&b->entry, m, memory_order_release);
    if (old)
        rcu_defer(b->dp->rcu, free, (void *)(uintptr_t)old);
    return 0;
}

/* A wider mask is published at once.  A narrower one, which no frame needs, waits for bridge_narrow_mask(): each new mask costs
 * workers all that they have cached, and what was removed may come again. */
int bridge_update_mask(struct bridge *b)
{
    const struct entry_mask *m = atomic_load(&b->entry);
    struct key need, mask;

    needed_mask(b, &need);
    mask = need;
    for (unsigned i = 0; m && i < m->n; i++)
        mask.w[m->word[i]] |= m->mask[i];
    b->narrow_ns = memcmp(&mask, &need, sizeof mask) ? clock_now(b->dp->conf.clock) + NARROW_AFTER_NS : UINT64_MAX;

    bool is_wider = !m;

    for (unsigned i = 0; !is_wider && i < KEY_WORDS; i++)
        is_wider = mask.w[i] != (m->place[i] == ENTRY_NO_PLACE ? 0 : m->mask[m->place[i]]);
    return is_wider ? publish_mask(b, &mask) : 0;
}

void bridge_narrow_mask(struct bridge *b)
{
    struct key need;

    if (clock_now(b->dp->conf.clock) < b->narrow_ns)
        return;
    b->narrow_ns = UINT64_MAX;
    needed_mask(b, &need);
    (void)publish_mask(b, &need); /* without memory the wide one does */
}

/* --- rules --- */

/* One allocation: the rule, its match, its actions. */

int rule_new(struct rule **out, struct bridge *b, const struct rule_conf *conf)
{
    const struct rule_code *code = conf->code;
    size_t match_size = conf->compact ? compact_match_bytes(conf->compact) : compact_match_size(conf->match);
    size_t n_acts = (size_t)code->n_apply + code->n_write;
    struct rule *r = slab_alloc(&b->dp->rules, sizeof *r + match_size + n_acts * sizeof(struct act));
    int err;

    if (!r)
        return -ENOMEM;
    memset(r, 0, sizeof *r);
    if (conf->replaces) {
        r->stat = conf->replaces->stat;
        stat_ref(b->dp->stats, r->stat);
    } else {
        err = stat_alloc(b->dp->stats, &r->stat);
        if (err) {
            slab_free(&b->dp->rules, r);
            return err;
        }
    }

    struct compact_match *cm = (struct compact_match *)(r + 1);
    struct act *acts = (struct act *)(void *)((uint8_t *)cm + match_size);

    if (conf->compact)
        memcpy(cm, conf->compact, match_size);
    else
        compact_match_init(cm, conf->match);
    r->match = cm;
    r->bridge = b;
    r->priority = conf->priority;
    r->table_id = conf->table_id;
    r->cookie = conf->cookie;
    r->is_table_miss = conf->priority == 0 && cm->n == 0;
    r->code = *code;
    if (code->n_apply)
        memcpy(acts, code->apply, code->n_apply * sizeof *acts);
    if (code->n_write)
        memcpy(acts + code->n_apply, code->write, code->n_write * sizeof *acts);
    r->way = path_rule_way(code);
    r->code.apply = acts;
    r->code.write = acts + code->n_apply;
    atomic_store(&r->removed_in, RULE_FOREVER);
    *out = r;
    return 0;
}

void bridge_rule_expect(const struct bridge *b, uint8_t table_id, const struct compact_match *match)
{
    const struct table *t = bridge_table(b, table_id);

    if (t)
        table_expect(t, match);
}

static void free_rule(void *arg)
{
    struct rule *r = arg;
    struct datapath *dp = r->bridge->dp;

    stat_free(dp->stats, r->stat);
    slab_free(&dp->rules, r);
}

static struct table *table_of(struct bridge *b, uint8_t table_id)
{
    struct table *t = atomic_load(&b->tables[table_id]);

    if (!t && !table_new(&t, b->dp->rcu, b->dp->builder))
        atomic_store_explicit(&b->tables[table_id], t, memory_order_release);
    return t;
}

/* `is_changed`: what the rules' actions move. */
static int refresh_mask(struct bridge *b, const struct rule *r, bool is_changed)
{
    const struct table *t = bridge_table(b, r->table_id);
    uint64_t serial = table_mask_serial(t);

    if (serial == b->mask_serial[r->table_id] && !is_changed)
        return 0;
    b->mask_serial[r->table_id] = serial;
    return bridge_update_mask(b);
}

/* Takes out of its table a rule that no frame can see any more; chains of hash tables may still lead a reader to it. */
static void bury(void *arg)
{
    struct rule *r = arg;
    struct bridge *b = r->bridge;

    table_unlink(atomic_load(&b->tables[r->table_id]), r);
    refresh_mask(b, r,
                 act_counts_remove(&b->acts, &r->code)); /* too wide a mask is harmless: a failure here may pass */
    rcu_defer(b->dp->rcu, free_rule, r);
}

/* The lists of what the version being made adds and removes. */
enum { CHANGE_ADD, CHANGE_REMOVE };

static bool has_ct(const struct rule_code *code)
{
    for (unsigned i = 0; i < code->n_apply; i++)
        if (code->apply[i].type == ACT_CT)
            return true;
    return false;
}

int bridge_rule_add(struct bridge *b, struct rule *r)
{
    struct datapath *dp = b->dp;
    struct table *t = table_of(b, r->table_id);
    int err, is_changed;

    if (!t) {
        free_rule(r);
        return -ENOMEM;
    }
    is_changed = has_ct(&r->code) ? conn_track_open(dp) : 0;
    if (!is_changed)
        is_changed = act_counts_add(&b->acts, &r->code);
    if (is_changed < 0) {
        free_rule(r);
        return is_changed;
    }
    r->added_in = atomic_load(&dp->version) + 1;
    err = table_insert(t, r);
    if (err) {
        act_counts_remove(&b->acts, &r->code);
        free_rule(r);
        return err;
    }
    err = refresh_mask(b, r, is_changed);
    if (err) {
        bury(r);
        return err;
    }
    r->change[CHANGE_ADD] = dp->added;
    dp->added = r;
    return 0;
}

void bridge_rule_remove(struct bridge *b, struct rule *r)
{
    struct datapath *dp = b->dp;

    atomic_store(&r->removed_in, atomic_load(&dp->version) + 1);
    r->change[CHANGE_REMOVE] = dp->removed;
    dp->removed = r;
}

void datapath_abort(struct datapath *dp)
{
    struct rule *r, *next;

    for (r = dp->removed; r; r = r->change[CHANGE_REMOVE])
        atomic_store(&r->removed_in, RULE_FOREVER);
    for (r = dp->added; r; r = next) {
        next = r->change[CHANGE_ADD];
        bury(r); /* no version ever showed it */
    }
    dp->added = dp->removed = NULL;
    objects_abort(dp);
}

/* No program is good any more in the version being made. */
void datapath_forget(struct datapath *dp)
{
    for (unsigned i = 0; i < DP_BRIDGES_MAX; i++)
        if (dp->bridges[i])
            change_log_note_all(&dp->bridges[i]->changes, atomic_load(&dp->version) + 1);
}

void datapath_commit(struct datapath *dp)
{
    uint64_t version = atomic_load(&dp->version) + 1;
    struct rule *r, *next;

    if (!dp->added && !dp->removed && !dp->objects_added && !dp->objects_removed) {
        rcu_reclaim(dp->rcu);
        return;
    }
    for (r = dp->added; r; r = r->change[CHANGE_ADD])
        change_log_note(&r->bridge->changes, dp->rcu, r->table_id, r->match, version);
    for (r = dp->removed; r; r = r->change[CHANGE_REMOVE])
        change_log_note(&r->bridge->changes, dp->rcu, r->table_id, r->match, version);
    if (dp->objects_added || dp->objects_removed)
        datapath_forget(dp);
    atomic_store_explicit(&dp->version, version, memory_order_release);
    /* a worker in the middle of a burst reads the old version on, and must find there what this one removes */
    for (r = dp->removed; r; r = next) {
        next = r->change[CHANGE_REMOVE];
        rcu_defer(dp->rcu, bury, r);
    }
    dp->added = dp->removed = NULL;
    objects_commit(dp);
    rcu_reclaim(dp->rcu);
}

void bridge_learn_room_set(struct bridge *b, uint16_t room, uint32_t n_flows)
{
    atomic_store(&b->learn_rooms[room].n_flows, n_flows);
}

void bridge_learn_room_answer(struct bridge *b, uint16_t room)
{
    atomic_fetch_sub(&b->learn_rooms[room].n_asked, 1);
}

void rule_stats(const struct bridge *b, const struct rule *r, struct rule_stat *out)
{
    stat_read(b->dp->stats, r->stat, out);
}

void bridge_table_stats(const struct bridge *b, uint8_t table_id, struct table_stats *out)
{
    *out = (struct table_stats){ 0 };
    for (unsigned i = 0; i < b->dp->n_workers && table_id < DP_TABLES; i++) {
        const struct table_counter *c = &b->counters[i][table_id];

        out->lookups += atomic_load_explicit(&c->lookups, memory_order_relaxed);
        out->matched += atomic_load_explicit(&c->matched, memory_order_relaxed);
    }
}

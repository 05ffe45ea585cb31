/* SPDX-License-Identifier: Apache-2.0 */
/* learn_table.c - see learn_table.h.
 *
 * Theory.  An entry counts the flows that name it and, once one of them has a limit, the flows of its table and cookie; these
 * the workers see too (datapath/learn.h, rooms).  Counts follow every change of the flow table, those of an abort included.
 * Entries whose numbers have changed hang in `touched` until the commit or abort looks at them. */
#include "vswitch/learn_table.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/hmap.h"
#include "base/list.h"
#include "datapath/datapath.h"
#include "vswitch/flow_table.h"

struct entry {
    struct hmap_link link;
    struct list touched;
    uint64_t cookie;
    uint32_t n_deleting, n_limiting; /* flows that name it */
    uint32_t n_flows;                /* of its table and cookie; with a room only */
    uint16_t room;                   /* LEARN_NO_ROOM: none has a limit */
    uint8_t table_id;
    bool is_touched;
    bool was_deleting; /* in the version that frames see */
    bool is_deleted;   /* in the one being made */
};

struct learn_table {
    struct bridge *bridge;
    struct hmap entries;
    struct list touched;
    bool is_taken[LEARN_ROOMS];
};

int learn_table_new(struct learn_table **out, struct bridge *b)
{
    struct learn_table *lt = calloc(1, sizeof *lt);

    if (!lt)
        return -ENOMEM;
    lt->bridge = b;
    list_init(&lt->touched);
    *out = lt;
    return 0;
}

void learn_table_free(struct learn_table *lt)
{
    if (!lt)
        return;
    for_each_hmap_safe (struct entry, e, next, &lt->entries, link) {
        hmap_remove(&lt->entries, &e->link);
        free(e);
    }
    hmap_fini(&lt->entries);
    free(lt);
}

static uint32_t hash_of(uint8_t table_id, uint64_t cookie)
{
    return (uint32_t)hash_mix(hash_add(table_id, cookie));
}

static struct entry *find(const struct learn_table *lt, uint8_t table_id, uint64_t cookie)
{
    if (!lt->entries.n)
        return NULL;
    for_each_hmap_hash (struct entry, e, &lt->entries, hash_of(table_id, cookie), link)
        if (e->table_id == table_id && e->cookie == cookie)
            return e;
    return NULL;
}

static void touch(struct learn_table *lt, struct entry *e)
{
    if (!e->is_touched)
        list_push_back(&lt->touched, &e->touched);
    e->is_touched = true;
}

static struct entry *find_or_make(struct learn_table *lt, uint8_t table_id, uint64_t cookie)
{
    struct entry *e = find(lt, table_id, cookie);

    if (e)
        return e;
    e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->table_id = table_id;
    e->cookie = cookie;
    e->room = LEARN_NO_ROOM;
    hmap_insert(&lt->entries, &e->link, hash_of(table_id, cookie));
    touch(lt, e); /* or it would stay when the flow does not come */
    return e;
}

static void show(const struct learn_table *lt, const struct entry *e)
{
    if (e->room != LEARN_NO_ROOM)
        bridge_learn_room_set(lt->bridge, e->room, e->n_flows);
}

static int take_room(struct learn_table *lt, const struct flow_table *ft, struct entry *e)
{
    uint16_t room = 0;

    if (e->room != LEARN_NO_ROOM)
        return 0;
    while (room < LEARN_ROOMS && lt->is_taken[room])
        room++;
    if (room == LEARN_ROOMS)
        return -E2BIG;
    lt->is_taken[room] = true;
    e->room = room;
    e->n_flows = flow_table_count_cookie(ft, e->table_id, e->cookie);
    show(lt, e);
    return 0;
}

int learn_table_reserve(struct learn_table *lt, const struct flow_table *ft, struct rule_code *code)
{
    for (unsigned i = 0; i < code->n_apply; i++) {
        struct act *a = (struct act *)(uintptr_t)&code->apply[i]; /* the caller's own */
        struct entry *e;
        int err;

        if (a->type != ACT_LEARN || !(a->learn.limit || a->learn.flags & LEARN_TAKES_ALONG))
            continue;
        e = find_or_make(lt, a->learn.table_id, a->learn.cookie);
        if (!e)
            return -ENOMEM;
        err = a->learn.limit ? take_room(lt, ft, e) : 0;
        if (err)
            return err;
        if (a->learn.limit)
            a->learn.room = e->room;
    }
    return 0;
}

void learn_table_count(struct learn_table *lt, const struct rule *r, int by)
{
    struct entry *own = find(lt, r->table_id, r->cookie);

    if (own && own->room != LEARN_NO_ROOM) {
        own->n_flows += (uint32_t)by;
        show(lt, own);
    }
    for (unsigned i = 0; i < r->code.n_apply; i++) {
        const struct act *a = &r->code.apply[i];
        struct entry *e = a->type == ACT_LEARN ? find(lt, a->learn.table_id, a->learn.cookie) : NULL;

        if (!e)
            continue;
        e->n_deleting += a->learn.flags & LEARN_TAKES_ALONG ? (uint32_t)by : 0;
        e->n_limiting += a->learn.limit ? (uint32_t)by : 0;
        touch(lt, e);
    }
}

static bool is_due(const struct entry *e)
{
    return e->was_deleting && !e->n_deleting;
}

bool learn_table_is_due(const struct learn_table *lt)
{
    for_each_list (struct entry, e, &lt->touched, touched)
        if (is_due(e))
            return true;
    return false;
}

static struct entry *next_due(struct learn_table *lt)
{
    for_each_list (struct entry, e, &lt->touched, touched)
        if (is_due(e) && !e->is_deleted)
            return e;
    return NULL;
}

/* What is deleted may itself be the last to take others along. */
int learn_table_delete(struct learn_table *lt, struct flow_table *ft)
{
    static const struct match any;
    struct entry *e;
    int err = 0;

    while (!err && (e = next_due(lt))) {
        struct flow_query q = { .table_id = e->table_id,
                                .match = &any,
                                .cookie = e->cookie,
                                .cookie_mask = UINT64_MAX,
                                .out_port = FLOW_ANY,
                                .out_group = FLOW_ANY };

        e->is_deleted = true;
        err = flow_delete(ft, &q, FLOW_GONE_DELETE);
    }
    return err;
}

void learn_table_settle(struct learn_table *lt)
{
    for_each_list_safe (struct entry, e, next, &lt->touched, touched) {
        list_remove(&e->touched);
        e->is_touched = e->is_deleted = false;
        e->was_deleting = e->n_deleting;
        if (e->n_deleting || e->n_limiting)
            continue;
        if (e->room != LEARN_NO_ROOM)
            lt->is_taken[e->room] = false;
        hmap_remove(&lt->entries, &e->link);
        free(e);
    }
}

bool learn_table_takes_along(const struct learn_table *lt, uint8_t table_id, uint64_t cookie)
{
    const struct entry *e = find(lt, table_id, cookie);

    return e && e->n_deleting;
}

uint32_t learn_table_flows(const struct learn_table *lt, const struct flow_table *ft, uint8_t table_id, uint64_t cookie)
{
    const struct entry *e = find(lt, table_id, cookie);

    return e && e->room != LEARN_NO_ROOM ? e->n_flows : flow_table_count_cookie(ft, table_id, cookie);
}

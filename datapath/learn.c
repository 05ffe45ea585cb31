/* SPDX-License-Identifier: Apache-2.0 */
/* learn.c - see learn.h. */
#include "datapath/learn.h"

#include <string.h>

#include "base/hash.h"
#include "datapath/datapath_impl.h"
#include "datapath/pkt.h"
#include "datapath/proto.h"

static uint64_t hash_more(uint64_t h, const void *words, size_t n_bytes)
{
    const uint64_t *w = words;

    for (size_t i = 0; i < n_bytes / sizeof *w; i++)
        h = hash_mix(hash_add(h, w[i]));
    return h;
}

/* What is asked for: which flow, and all that it shall be. */
struct wish {
    uint64_t identity, hash;
};

static bool is_posted(const struct worker *w, struct wish wish)
{
    unsigned slot = wish.identity % LEARN_MEMO;

    return w->learned->at[slot].hash == wish.hash && w->now_ns - w->learned->at[slot].time_ns < LEARN_AGAIN_NS;
}

static bool post(struct worker *w, struct event *ev, struct wish wish)
{
    unsigned slot = wish.identity % LEARN_MEMO;

    ev->time_ns = w->now_ns;
    if (!event_post(w, ev))
        return false;
    w->learned->at[slot].hash = wish.hash;
    w->learned->at[slot].time_ns = w->now_ns;
    return true;
}

void learned_match(const struct learned *l, struct match *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < l->head.n_steps; i++) {
        const struct learn_step *s = &l->steps[i];
        struct subfield dst = subfield_unpack(s->dst);
        struct value mask = subfield_mask(dst);

        if (s->kind != LEARN_STEP_MATCH)
            continue;
        if (dst.field == FIELD_IN_PORT16 && subfield_is_whole(dst)) {
            match_set(out, FIELD_IN_PORT, s->value.lo >= 0xff00 ? 0xffff0000 | s->value.lo : s->value.lo);
            continue;
        }
        key_set_masked(&out->mask, dst.field, mask, mask);
        key_set_masked(&out->value, dst.field, subfield_place(dst, s->value), mask);
    }
}

/* Is the flow there? */
static bool is_there(const struct worker *w, const struct bridge *b, const struct learned *l)
{
    union {
        struct compact_match c;
        uint64_t room[(sizeof(struct compact_match) + 7) / 8 + 2 * KEY_WORDS];
    } compact;
    struct match m;
    struct table_iter it = { bridge_table(b, l->head.table_id), &m.value, w->version, NULL };
    const struct rule *r;

    learned_match(l, &m);
    compact_match_init(&compact.c, &m);
    while (it.table && (r = table_next(&it)) && r->priority >= l->head.priority)
        if (r->priority == l->head.priority && compact_match_equal(r->match, &compact.c))
            return true;
    return false;
}

/* Counts the flow as asked for, unless that makes too many. */
static bool take_room(struct learn_room *room, struct learned *l)
{
    uint32_t n = atomic_fetch_add(&room->n_asked, 1) + atomic_load(&room->n_flows);

    l->is_counted = n < l->head.limit;
    if (!l->is_counted)
        atomic_fetch_sub(&room->n_asked, 1);
    return l->is_counted;
}

/* Of what makes it this flow and no other: table, priority and match. */
static uint64_t hash_identity(const struct bridge *b, const struct learned *l)
{
    uint64_t h = hash_add(b->index, (uint64_t)l->head.table_id << 16 | l->head.priority);

    for (unsigned i = 0; i < l->head.n_steps; i++)
        if (l->steps[i].kind == LEARN_STEP_MATCH)
            h = hash_more(h, &l->steps[i], sizeof l->steps[i]);
    return hash_mix(h);
}

bool learn_frame(struct worker *w, const struct bridge *b, struct pkt *p, const void *head, const void *steps)
{
    struct event ev = { .type = EVENT_LEARN, .bridge = w->dp->bridges[b->index], .in_port = p->in_port };
    struct learned *l = &ev.learned;
    struct learn_room *room = NULL;
    struct wish wish;

    memcpy(&l->head, head, sizeof l->head);
    memcpy(l->steps, steps, l->head.n_steps * sizeof l->steps[0]);
    for (unsigned i = 0; i < l->head.n_steps; i++) {
        struct learn_step *s = &l->steps[i];

        if (s->is_value)
            continue;
        s->value = pkt_take(p, subfield_unpack(s->src));
        s->is_value = true;
    }
    wish.identity = hash_identity(b, l);
    wish.hash = hash_more(wish.identity, l, sizeof l->head + l->head.n_steps * sizeof l->steps[0]);
    if (l->head.room != LEARN_NO_ROOM && !is_there(w, b, l)) {
        if (is_posted(w, wish))
            return true; /* it is under way */
        room = &w->dp->bridges[b->index]->learn_rooms[l->head.room];
        if (!take_room(room, l))
            return false;
    } else if (is_posted(w, wish)) {
        return true;
    }
    if (post(w, &ev, wish))
        return true;
    if (l->is_counted)
        atomic_fetch_sub(&room->n_asked, 1);
    return false;
}

void fin_frame(struct worker *w, const struct bridge *b, struct pkt *p, struct fin_timeout to, uint64_t at,
               uint64_t cookie)
{
    enum { TCP_FIN = 1, TCP_RST = 4 };
    struct event ev = { .type = EVENT_FIN, .bridge = w->dp->bridges[b->index], .cookie = cookie };
    struct wish wish;

    pkt_parse(p, 1u << LAYER_L4);
    if (p->l4_proto != IP_PROTO_TCP || !(key_get(&p->key, FIELD_TCP_FLAGS).lo & (TCP_FIN | TCP_RST)))
        return;
    ev.table_id = (uint8_t)(at >> 32);
    ev.fin.stat = (uint32_t)at;
    ev.fin.to = to;
    wish.hash = wish.identity = hash_mix(hash_add(hash_add(b->index, at), (uint64_t)to.idle_s << 16 | to.hard_s));
    if (!is_posted(w, wish))
        (void)post(w, &ev, wish);
}

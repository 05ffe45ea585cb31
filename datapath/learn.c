/* SPDX-License-Identifier: Apache-2.0 */
/* learn.c - see learn.h. */
#include "datapath/learn.h"

#include <string.h>

#include "base/hash.h"
#include "datapath/datapath_impl.h"
#include "datapath/pkt.h"

static uint64_t hash_of(const struct bridge *b, const struct learned *l)
{
    const uint64_t *w = (const uint64_t *)(const void *)l;
    size_t n = (sizeof l->head + l->head.n_steps * sizeof l->steps[0]) / sizeof *w;
    uint64_t h = b->index;

    for (size_t i = 0; i < n; i++)
        h = hash_mix(hash_add(h, w[i]));
    return h;
}

void learn_frame(struct worker *w, const struct bridge *b, struct pkt *p, const void *head, const void *steps)
{
    struct event ev = { .type = EVENT_LEARN, .bridge = w->dp->bridges[b->index], .in_port = p->in_port };
    struct learned *l = &ev.learned;
    uint64_t hash;
    unsigned slot;

    memcpy(&l->head, head, sizeof l->head);
    memcpy(l->steps, steps, l->head.n_steps * sizeof l->steps[0]);
    for (unsigned i = 0; i < l->head.n_steps; i++) {
        struct learn_step *s = &l->steps[i];

        if (s->is_value)
            continue;
        s->value = pkt_take(p, subfield_unpack(s->src));
        s->is_value = true;
    }
    hash = hash_of(b, l);
    slot = hash % LEARN_MEMO;
    if (w->learned->at[slot].hash == hash && w->now_ns - w->learned->at[slot].time_ns < LEARN_AGAIN_NS)
        return;
    ev.time_ns = w->now_ns;
    if (!event_post(w, &ev))
        return;
    w->learned->at[slot].hash = hash;
    w->learned->at[slot].time_ns = w->now_ns;
}

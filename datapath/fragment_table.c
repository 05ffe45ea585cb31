/* SPDX-License-Identifier: Apache-2.0 */
/* fragment_table.c - see fragment_table.h.
 *
 * Theory.  Datagrams stand in hash chains and, from the oldest to the newest, in one list: as all may wait equally long, the
 * oldest is the next to expire.  It is also the one to go when there is no room: whoever fills the table with fragments
 * that never come to a whole pushes out his own, while datagrams of others, whole within milliseconds, get through.  The
 * parts of a datagram are a list ordered by `start`, without gaps in the numbers of `bytes` held: since no two overlap, it
 * is whole when they are as many as its end says.  Two fragments that overlap end the datagram (RFC 5722: nobody who sends in
 * good faith does that); the very same one again is a copy that the network made, and ignored.
 *
 * librte_ip_frag is not used: it takes 8 fragments of a datagram as Debian builds it, an IPv6 fragment header at the first
 * place only, a copied fragment for an error, and joins at once. */
#include "datapath/fragment_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_jhash.h>
#include <rte_mbuf.h>

enum { NONE = UINT32_MAX };

struct part {
    struct fragment f;
    uint32_t next;
};

struct datagram {
    struct fragment_key key;
    uint64_t born_ns;
    uint32_t hash, chain; /* the next in the same bucket, or of the free ones */
    uint32_t older, newer;
    uint32_t first, last; /* parts */
    uint32_t bytes, end;  /* held; 0: not known yet */
    uint32_t n;
};

struct fragment_table {
    struct fragment_table_conf conf;
    struct datagram *datagrams;
    struct part *parts;
    uint32_t *buckets;
    uint32_t mask;
    uint32_t free_datagram, free_part;
    uint32_t oldest, newest;
    unsigned length, mbufs;
};

/* --- life --- */

static void release(struct fragment_table *t)
{
    free(t->datagrams);
    free(t->parts);
    free(t->buckets);
    free(t);
}

int fragment_table_new(struct fragment_table **out, const struct fragment_table_conf *conf)
{
    struct fragment_table *t = calloc(1, sizeof *t);
    uint32_t n_buckets = rte_align32pow2(conf->datagrams);

    if (!t)
        return -ENOMEM;
    t->conf = *conf;
    t->mask = n_buckets - 1;
    t->oldest = t->newest = NONE;
    t->datagrams = calloc(conf->datagrams, sizeof *t->datagrams);
    t->parts = calloc(conf->mbufs, sizeof *t->parts);
    t->buckets = malloc(n_buckets * sizeof *t->buckets);
    if (!t->datagrams || !t->parts || !t->buckets) {
        release(t);
        return -ENOMEM;
    }
    memset(t->buckets, 0xff, n_buckets * sizeof *t->buckets);
    for (uint32_t i = 0; i < conf->datagrams; i++)
        t->datagrams[i].chain = i + 1 < conf->datagrams ? i + 1 : NONE;
    for (uint32_t i = 0; i < conf->mbufs; i++)
        t->parts[i].next = i + 1 < conf->mbufs ? i + 1 : NONE;
    *out = t;
    return 0;
}

void fragment_table_free(struct fragment_table *t)
{
    if (!t)
        return;
    for (uint32_t d = t->oldest; t->length; d = t->datagrams[d].newer, t->length--)
        for (uint32_t i = t->datagrams[d].first; i != NONE; i = t->parts[i].next)
            rte_pktmbuf_free(t->parts[i].f.m);
    release(t);
}

unsigned fragment_table_length(const struct fragment_table *t)
{
    return t->length;
}

uint64_t fragment_table_next_ns(const struct fragment_table *t)
{
    return t->length ? t->datagrams[t->oldest].born_ns + t->conf.timeout_ns : UINT64_MAX;
}

/* --- datagrams --- */

uint32_t fragment_hash(const struct fragment_key *key, uint32_t seed)
{
    return rte_jhash(key->w, sizeof key->w, seed);
}

static uint32_t *bucket_of(struct fragment_table *t, uint32_t hash)
{
    return &t->buckets[hash >> 8 & t->mask]; /* the last bits have chosen the worker */
}

static uint32_t find(struct fragment_table *t, const struct fragment_key *key, uint32_t hash)
{
    uint32_t d = *bucket_of(t, hash);

    while (d != NONE && (t->datagrams[d].hash != hash || memcmp(&t->datagrams[d].key, key, sizeof *key) != 0))
        d = t->datagrams[d].chain;
    return d;
}

/* Takes a free one, which there is. */
static uint32_t begin(struct fragment_table *t, const struct fragment_key *key, uint32_t hash, uint64_t now_ns)
{
    uint32_t d = t->free_datagram, *bucket = bucket_of(t, hash);
    struct datagram *x = &t->datagrams[d];

    t->free_datagram = x->chain;
    *x = (struct datagram){ .key = *key,
                            .born_ns = now_ns,
                            .hash = hash,
                            .chain = *bucket,
                            .older = t->newest,
                            .newer = NONE,
                            .first = NONE,
                            .last = NONE };
    *bucket = d;
    if (t->newest == NONE)
        t->oldest = d;
    else
        t->datagrams[t->newest].newer = d;
    t->newest = d;
    t->length++;
    return d;
}

/* Gives the datagram's parts, when `parts` is there, or else loses them. */
static void end(struct fragment_table *t, uint32_t d, struct fragment *parts, enum drop why)
{
    struct datagram *x = &t->datagrams[d];
    uint32_t *at = bucket_of(t, x->hash), next;

    for (uint32_t i = x->first; i != NONE; i = next) {
        struct part *p = &t->parts[i];

        next = p->next;
        t->mbufs -= p->f.m->nb_segs;
        if (parts)
            *parts++ = p->f;
        else
            t->conf.lose(t->conf.arg, p->f.m, why);
        p->next = t->free_part;
        t->free_part = i;
    }
    while (*at != d)
        at = &t->datagrams[*at].chain;
    *at = x->chain;
    *(x->older == NONE ? &t->oldest : &t->datagrams[x->older].newer) = x->newer;
    *(x->newer == NONE ? &t->newest : &t->datagrams[x->newer].older) = x->older;
    x->chain = t->free_datagram;
    t->free_datagram = d;
    t->length--;
}

void fragment_table_expire(struct fragment_table *t, uint64_t now_ns)
{
    while (t->length && t->datagrams[t->oldest].born_ns + t->conf.timeout_ns <= now_ns)
        end(t, t->oldest, NULL, DROP_FRAGMENT_TIMEOUT);
}

/* --- parts --- */

/* Where it belongs among the parts: behind `*before`.  DROP_NONE when it fits there. */
static enum drop place(const struct fragment_table *t, const struct datagram *x, const struct fragment *f,
                       uint32_t *before)
{
    uint32_t stop = f->start + f->size, next;

    *before = x->last; /* as most come in order */
    if (x->last == NONE || t->parts[x->last].f.start >= f->start) {
        *before = NONE;
        for (uint32_t i = x->first; i != NONE && t->parts[i].f.start < f->start; i = t->parts[i].next)
            *before = i;
    }
    next = *before == NONE ? x->first : t->parts[*before].next;
    if (next != NONE && t->parts[next].f.start == f->start && t->parts[next].f.size == f->size &&
        t->parts[next].f.is_last == f->is_last)
        return DROP_FRAGMENT_TWICE;
    if ((*before != NONE && t->parts[*before].f.start + t->parts[*before].f.size > f->start) ||
        (next != NONE && t->parts[next].f.start < stop) || (x->end && (stop > x->end || f->is_last)) ||
        (f->is_last && next != NONE))
        return DROP_FRAGMENT_OVERLAP;
    return DROP_NONE;
}

/* Makes room by losing others, the oldest first; false: the datagram itself has too much. */
static bool make_room(struct fragment_table *t, uint32_t d, unsigned mbufs)
{
    while (t->mbufs + mbufs > t->conf.mbufs) {
        if (t->oldest == d && t->newest == d)
            return false;
        end(t, t->oldest == d ? t->datagrams[d].newer : t->oldest, NULL, DROP_FRAGMENT_NO_ROOM);
    }
    return t->datagrams[d].n < FRAGMENTS_MAX;
}

static void insert(struct fragment_table *t, struct datagram *x, const struct fragment *f, uint32_t before)
{
    uint32_t i = t->free_part, *link = before == NONE ? &x->first : &t->parts[before].next;
    struct part *p = &t->parts[i];

    t->free_part = p->next;
    p->f = *f;
    p->next = *link;
    *link = i;
    if (p->next == NONE)
        x->last = i;
    x->n++;
    x->bytes += f->size;
    if (f->is_last)
        x->end = f->start + f->size;
    t->mbufs += f->m->nb_segs;
}

unsigned fragment_table_add(struct fragment_table *t, const struct fragment_key *key, uint32_t hash,
                            const struct fragment *f, uint64_t now_ns, struct fragment *parts)
{
    uint32_t d, before;
    struct datagram *x;
    enum drop why;
    unsigned n;

    fragment_table_expire(t, now_ns);
    d = find(t, key, hash);
    if (d == NONE) {
        if (t->length == t->conf.datagrams)
            end(t, t->oldest, NULL, DROP_FRAGMENT_NO_ROOM);
        d = begin(t, key, hash, now_ns);
    }
    x = &t->datagrams[d];
    why = place(t, x, f, &before);
    if (!why && !make_room(t, d, f->m->nb_segs))
        why = DROP_FRAGMENT_NO_ROOM;
    if (why) {
        t->conf.lose(t->conf.arg, f->m, why);
        if (why != DROP_FRAGMENT_TWICE)
            end(t, d, NULL, why);
        return 0;
    }
    insert(t, x, f, before);
    if (!x->end || x->bytes != x->end)
        return 0;
    n = x->n;
    end(t, d, parts, DROP_NONE);
    return n;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* hmap.c - see hmap.h. */
#include "base/hmap.h"

#include <stdlib.h>

#include "base/pages.h"

enum { HMAP_FIRST = 8 };

void hmap_init(struct hmap *m)
{
    *m = (struct hmap){ 0 };
}

void hmap_fini(struct hmap *m)
{
    if (!m)
        return;
    free(m->buckets);
    *m = (struct hmap){ 0 };
}

static struct hmap_bucket *bucket_of(struct hmap *m, uint32_t hash)
{
    return m->buckets ? &m->buckets[hash & m->mask] : &m->one;
}

static size_t bucket_count(const struct hmap *m)
{
    return m->buckets ? m->mask + 1 : 1;
}

/* `next`: what link->next is so far; when that is right already, the item need not be touched. */
static void push(struct hmap_bucket *b, struct hmap_link *link, uint32_t hash, const struct hmap_link *next)
{
    if (next != b->first)
        link->next = b->first;
    b->has_more = b->first != NULL;
    b->first = link;
    b->hash = hash;
}

static void grow(struct hmap *m)
{
    size_t n_old = bucket_count(m), n_new = m->buckets ? n_old * 2 : HMAP_FIRST;
    struct hmap_bucket *buckets = pages_calloc(n_new, sizeof *buckets);

    if (!buckets)
        return;
    for (size_t i = 0; i < n_old; i++) {
        const struct hmap_bucket *b = m->buckets ? &m->buckets[i] : &m->one;
        struct hmap_link *l = b->first;
        uint32_t hash = b->hash;

        while (l) {
            struct hmap_link *next = b->has_more ? l->next : NULL;

            push(&buckets[hash & (n_new - 1)], l, hash, next);
            l = next;
            hash = l ? l->hash : 0;
        }
    }
    free(m->buckets);
    m->buckets = buckets;
    m->one = (struct hmap_bucket){ 0 };
    m->mask = n_new - 1;
}

void hmap_insert(struct hmap *m, struct hmap_link *link, uint32_t hash)
{
    if (m->n >= bucket_count(m))
        grow(m);
    link->hash = hash;
    link->next = NULL;
    push(bucket_of(m, hash), link, hash, NULL);
    m->n++;
}

void hmap_remove(struct hmap *m, struct hmap_link *link)
{
    struct hmap_bucket *b = bucket_of(m, link->hash);
    struct hmap_link **at = &b->first;

    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    link->next = NULL;
    if (b->first) {
        b->hash = b->first->hash;
        b->has_more = b->first->next != NULL;
    }
    m->n--;
}

struct hmap_link *hmap_next(const struct hmap *m, const struct hmap_link *link)
{
    if (link && link->next)
        return link->next;
    if (!m->buckets)
        return link ? NULL : m->one.first;
    for (size_t i = link ? (link->hash & m->mask) + 1 : 0; i <= m->mask; i++)
        if (m->buckets[i].first)
            return m->buckets[i].first;
    return NULL;
}

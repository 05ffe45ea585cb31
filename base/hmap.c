/* SPDX-License-Identifier: Apache-2.0 */
/* hmap.c - see hmap.h. */
#include "base/hmap.h"

#include <stdlib.h>

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

static struct hmap_link **bucket_of(struct hmap *m, uint32_t hash)
{
    return m->buckets ? &m->buckets[hash & m->mask] : &m->one;
}

static size_t bucket_count(const struct hmap *m)
{
    return m->buckets ? m->mask + 1 : 1;
}

static void grow(struct hmap *m)
{
    size_t n_old = bucket_count(m), n_new = m->buckets ? n_old * 2 : HMAP_FIRST;
    struct hmap_link **buckets = calloc(n_new, sizeof *buckets);

    if (!buckets)
        return;
    for (size_t i = 0; i < n_old; i++) {
        struct hmap_link *l = m->buckets ? m->buckets[i] : m->one;

        while (l) {
            struct hmap_link *next = l->next, **to = &buckets[l->hash & (n_new - 1)];

            l->next = *to;
            *to = l;
            l = next;
        }
    }
    free(m->buckets);
    m->buckets = buckets;
    m->one = NULL;
    m->mask = n_new - 1;
}

void hmap_insert(struct hmap *m, struct hmap_link *link, uint32_t hash)
{
    if (m->n >= bucket_count(m))
        grow(m);

    struct hmap_link **b = bucket_of(m, hash);

    link->hash = hash;
    link->next = *b;
    *b = link;
    m->n++;
}

void hmap_remove(struct hmap *m, struct hmap_link *link)
{
    struct hmap_link **at = bucket_of(m, link->hash);

    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    link->next = NULL;
    m->n--;
}

struct hmap_link *hmap_next(const struct hmap *m, const struct hmap_link *link)
{
    if (link && link->next)
        return link->next;
    if (!m->buckets)
        return link ? NULL : m->one;
    for (size_t i = link ? (link->hash & m->mask) + 1 : 0; i <= m->mask; i++)
        if (m->buckets[i])
            return m->buckets[i];
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* hmap.h - hash map whose links lie in the items: chains, the hash kept in the link, growing by doubling.
 * It never compares keys: walk the items of one hash with for_each_hmap_hash and compare there.
 * Inserting cannot fail: when there is no memory to grow, chains get longer.  Thread: whoever owns the map.
 * A bucket knows the hash of its first item, so that looking for what is not there seldom touches an item, which in a
 * large map is not in any cache. */
#ifndef BASE_HMAP_H
#define BASE_HMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hmap_link {
    struct hmap_link *next;
    uint32_t hash;
};

struct hmap_bucket {
    struct hmap_link *first;
    uint32_t hash; /* of `first` */
    bool has_more; /* behind `first` */
};

struct hmap {
    struct hmap_bucket *buckets; /* NULL: only `one` */
    struct hmap_bucket one;      /* the single bucket of a map that never grew */
    size_t mask;                 /* buckets - 1 */
    size_t n;                    /* items */
};

void hmap_init(struct hmap *m); /* all zero is as good */
void hmap_fini(struct hmap *m); /* frees the buckets; the items are the caller's */
void hmap_insert(struct hmap *m, struct hmap_link *link, uint32_t hash);
void hmap_remove(struct hmap *m, struct hmap_link *link); /* `link` must be in `m` */
/* The link behind `link` in walking order, the first one for NULL; NULL at the end. */
struct hmap_link *hmap_next(const struct hmap *m, const struct hmap_link *link);

static inline const struct hmap_bucket *hmap_bucket(const struct hmap *m, uint32_t hash)
{
    return m->buckets ? &m->buckets[hash & m->mask] : &m->one;
}

/* Says that items of this hash will be asked for soon. */
static inline void hmap_prefetch(const struct hmap *m, uint32_t hash)
{
    __builtin_prefetch(hmap_bucket(m, hash), 1);
}

static inline struct hmap_link *hmap_first_of(const struct hmap *m, uint32_t hash)
{
    const struct hmap_bucket *b = hmap_bucket(m, hash);
    struct hmap_link *l = b->first;

    if (l && b->hash != hash)
        l = b->has_more ? l->next : NULL;
    while (l && l->hash != hash)
        l = l->next;
    return l;
}

static inline struct hmap_link *hmap_next_of(const struct hmap_link *link)
{
    struct hmap_link *l = link->next;

    while (l && l->hash != link->hash)
        l = l->next;
    return l;
}

static inline void *hmap_item_at(const struct hmap_link *link, size_t offset)
{
    return link ? (char *)link - offset : NULL;
}

/* Every item with this hash; the body may not remove it (unless it leaves the loop then). */
#define for_each_hmap_hash(type_, it_, map_, hash_, member_) \
    for (type_ *it_ = hmap_item_at(hmap_first_of((map_), (hash_)), offsetof(type_, member_)); it_; \
         it_ = hmap_item_at(hmap_next_of(&it_->member_), offsetof(type_, member_)))

/* Every item, in no order; the body may neither insert nor remove. */
#define for_each_hmap(type_, it_, map_, member_) \
    for (type_ *it_ = hmap_item_at(hmap_next((map_), NULL), offsetof(type_, member_)); it_; \
         it_ = hmap_item_at(hmap_next((map_), &it_->member_), offsetof(type_, member_)))

/* Every item; the body may remove and free `it_`, not `next_`, and may not insert. */
#define for_each_hmap_safe(type_, it_, next_, map_, member_) \
    for (type_ * next_, *it_ = hmap_item_at(hmap_next((map_), NULL), offsetof(type_, member_)); \
         it_ && ((next_ = hmap_item_at(hmap_next((map_), &it_->member_), offsetof(type_, member_))), true); \
         it_ = next_)

#endif

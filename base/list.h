/* SPDX-License-Identifier: Apache-2.0 */
/* list.h - doubly linked circular list whose links lie in the items.  Head and link have the same type; an empty head,
 * and a link that is in no list, point to themselves.  Nothing is allocated.  Thread: whoever owns the list. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

/* Puts `link` in front of `at`; with the head as `at` it becomes the last item. */
static inline void list_insert(struct list *at, struct list *link)
{
    link->prev = at->prev;
    link->next = at;
    at->prev->next = link;
    at->prev = link;
}

static inline void list_push_back(struct list *head, struct list *link)
{
    list_insert(head, link);
}

static inline void list_push_front(struct list *head, struct list *link)
{
    list_insert(head->next, link);
}

/* Takes the link out; it points to itself then, so removing it again does nothing. */
static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* Moves every item of `from` to the end of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

static inline size_t list_count(const struct list *head)
{
    size_t n = 0;

    for (const struct list *l = head->next; l != head; l = l->next)
        n++;
    return n;
}

/* The item around a link, NULL when the link is the head itself. */
static inline void *list_item_at(const struct list *head, const struct list *link, size_t offset)
{
    return link == head ? NULL : (char *)link - offset;
}

/* First item, last item, the one after `item`: NULL when there is none. */
#define list_first(head_, type_, member_) ((type_ *)list_item_at((head_), (head_)->next, offsetof(type_, member_)))
#define list_last(head_, type_, member_) ((type_ *)list_item_at((head_), (head_)->prev, offsetof(type_, member_)))
#define list_after(head_, item_, type_, member_) \
    ((type_ *)list_item_at((head_), (item_)->member_.next, offsetof(type_, member_)))

/* for_each_list(struct port, p, &ports, link) { ... } - the body may not remove `p`. */
#define for_each_list(type_, it_, head_, member_) \
    for (type_ *it_ = list_first((head_), type_, member_); it_; it_ = list_after((head_), it_, type_, member_))

/* The body may remove and free `it_`, but not the item behind it, which is `next_`. */
#define for_each_list_safe(type_, it_, next_, head_, member_) \
    for (type_ * next_, *it_ = list_first((head_), type_, member_); \
         it_ && ((next_ = list_after((head_), it_, type_, member_)), true); it_ = next_)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* slab.c - see slab.h.
 *
 * Theory.  A block is 2 MiB, aligned to as much, and has PAGES pages of 64 KiB.  The first has its `struct block`, and a
 * `struct page` there says of each other what
 * its objects' size is, which of them are free and from where on none was ever given.  So what an object belongs to
 * follows from its address.  A page without objects is its block's again, for any size, and a block without pages is the
 * kernel's, but for one that is kept for what comes next.
 * A head is where the block's address says in the first page: were they all at the beginning, they would compete for a few sets
 * of the caches.
 * Objects of a page are at multiples of SLAB_STEP; one that malloc() gave is not, and known by that. */
#include "base/slab.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__has_include) && __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum {
    BLOCK_SIZE = 2 << 20,
    PAGE_SIZE = 64 << 10,
    PAGES = BLOCK_SIZE / PAGE_SIZE,
    HEAD_SIZE = 2048,
    LARGE_AT = SLAB_STEP / 2
};

#define ALL_FREE (UINT32_MAX - 1) /* page 0 never is */

struct free_object {
    struct free_object *next;
};

struct page {
    struct list link; /* while it has room, in its size's list */
    struct free_object *free;
    uint32_t size, n_used; /* bytes of an object; objects given */
    uint32_t at, end;      /* bytes from the block's beginning: what was never given */
};

struct block {
    struct list link;    /* while it has free pages */
    uint32_t free_pages; /* bits */
    struct page page[PAGES];
};

static_assert(PAGES == 32, "a bit each");
static_assert(sizeof(struct block) <= HEAD_SIZE, "the first page has room for a head at each multiple");

void slab_init(struct slab_pool *s)
{
    *s = (struct slab_pool){ 0 };
    list_init(&s->blocks);
    for (size_t i = 0; i < SLAB_MAX / SLAB_STEP; i++)
        list_init(&s->partial[i]);
}

/* --- blocks --- */

static uint8_t *base_of(const void *p)
{
    return (uint8_t *)((uintptr_t)p & ~(uintptr_t)(BLOCK_SIZE - 1));
}

static struct block *block_of(const void *p)
{
    size_t color = (uintptr_t)p / BLOCK_SIZE % (PAGE_SIZE / HEAD_SIZE);

    return (struct block *)(void *)(base_of(p) + color * HEAD_SIZE);
}

/* The kernel aligns to small pages only: what is around is given back. */
static uint8_t *map_block(void)
{
    uint8_t *p = mmap(NULL, 2 * BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t before;

    if (p == MAP_FAILED)
        return NULL;
    before = BLOCK_SIZE - ((uintptr_t)p & (BLOCK_SIZE - 1));
    before &= BLOCK_SIZE - 1;
    if (before)
        munmap(p, before);
    munmap(p + before + BLOCK_SIZE, BLOCK_SIZE - before);
    return p + before;
}

static struct block *block_new(struct slab_pool *s)
{
    uint8_t *base = map_block();
    struct block *b = block_of(base);

    if (!base)
        return NULL;
    b->free_pages = ALL_FREE;
    list_push_front(&s->blocks, &b->link);
    s->n_blocks++;
    s->n_empty++;
    return b;
}

static void block_free(struct slab_pool *s, struct block *b)
{
    list_remove(&b->link);
    s->n_blocks--;
    s->n_empty--;
    ASAN_UNPOISON_MEMORY_REGION(base_of(b), BLOCK_SIZE);
    munmap(base_of(b), BLOCK_SIZE);
}

void slab_fini(struct slab_pool *s)
{
    for_each_list_safe (struct block, b, next, &s->blocks, link) {
        assert(b->free_pages == ALL_FREE);
        block_free(s, b);
    }
    assert(!s->n_blocks);
}

/* --- pages --- */

static struct page *page_new(struct slab_pool *s, uint32_t size)
{
    struct block *b =
        list_is_empty(&s->blocks) ? block_new(s) : (struct block *)s->blocks.next; /* `link` comes first */
    struct page *p;
    uint32_t i;

    if (!b)
        return NULL;
    i = (uint32_t)__builtin_ctz(b->free_pages);
    s->n_empty -= b->free_pages == ALL_FREE;
    b->free_pages &= b->free_pages - 1;
    if (!b->free_pages)
        list_remove(&b->link);
    p = &b->page[i];
    *p = (struct page){ .size = size, .at = i * PAGE_SIZE, .end = (i + 1) * PAGE_SIZE };
    (void)madvise(base_of(b) + p->at, PAGE_SIZE, MADV_POPULATE_WRITE); /* a kernel without it gives pages later */
    list_push_front(&s->partial[(size - 1) / SLAB_STEP], &p->link);
    return p;
}

static void page_free(struct slab_pool *s, struct block *b, struct page *p)
{
    list_remove(&p->link);
    if (!b->free_pages)
        list_push_back(&s->blocks, &b->link);
    b->free_pages |= UINT32_C(1) << (p - b->page);
    if (b->free_pages != ALL_FREE)
        return;
    s->n_empty++;
    if (s->n_empty > 1)
        block_free(s, b);
}

static bool has_room(const struct page *p)
{
    return p->free || p->at + p->size <= p->end;
}

/* --- objects --- */

static void *large_alloc(size_t size)
{
    uint8_t *p = size < SIZE_MAX / 2 ? malloc(size + SLAB_STEP + LARGE_AT) : NULL;

    if (!p)
        return NULL;

    uint8_t *at = p + (SLAB_STEP + LARGE_AT - ((uintptr_t)p & (SLAB_STEP - 1))) % SLAB_STEP;

    if (at == p) /* there is room in front for where it begins */
        at += SLAB_STEP;
    *(void **)(void *)(at - sizeof(void *)) = p;
    return at;
}

void *slab_alloc(struct slab_pool *s, size_t size)
{
    uint32_t rounded = (uint32_t)((size ? size : 1) + SLAB_STEP - 1) & ~(uint32_t)(SLAB_STEP - 1);
    struct list *partial;
    struct page *p;
    void *object;

    if (size > SLAB_MAX)
        return large_alloc(size);
    partial = &s->partial[rounded / SLAB_STEP - 1];
    p = list_is_empty(partial) ? page_new(s, rounded) : (struct page *)partial->next; /* `link` comes first */
    if (!p)
        return NULL;
    if (p->free) {
        object = p->free;
        ASAN_UNPOISON_MEMORY_REGION(object, sizeof *p->free);
        p->free = p->free->next;
    } else {
        object = base_of(p) + p->at;
        p->at += rounded;
    }
    ASAN_UNPOISON_MEMORY_REGION(object, rounded);
    p->n_used++;
    if (!has_room(p))
        list_remove(&p->link);
    return object;
}

void slab_free(struct slab_pool *s, void *object)
{
    if ((uintptr_t)object & LARGE_AT) {
        free(*(void **)(void *)((uint8_t *)object - sizeof(void *)));
        return;
    }
    if (!object)
        return;

    struct block *b = block_of(object);
    struct page *p = &b->page[((uintptr_t)object & (BLOCK_SIZE - 1)) / PAGE_SIZE];
    struct free_object *f = object;

    if (!has_room(p))
        list_push_front(&s->partial[p->size / SLAB_STEP - 1], &p->link);
    f->next = p->free;
    p->free = f;
    ASAN_POISON_MEMORY_REGION(object, p->size);
    if (!--p->n_used)
        page_free(s, b, p);
}

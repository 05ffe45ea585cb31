/* SPDX-License-Identifier: Apache-2.0 */
/* forest_build.c - compiles rules into the trees of a forest; see forest_impl.h for their form.
 *
 * Theory.  A node has the rules that a key which comes there may still match.  It is cut by the windows of bits that leave
 * the fewest rules to a child (`cut_choose`).  A rule that says nothing about those bits belongs to every child.  So that copies
 * do not fill the memory, a rule which would have more than `COPIES_MAX` of them in a tree leaves it for the next (`sort_out`),
 * whose nodes are cut by other bits: rules of a kind come together, as in EffiCuts (Vamanan et al., SIGCOMM 2010), but no field is
 * named in advance.  The last tree has to keep what is left, and stops cutting when its share of copies is used up: its leaves
 * may be long.  Bits, not fields, are cut as in BitCuts (Liu et al., 2017). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "datapath/forest_cut.h"
#include "datapath/forest_impl.h"

enum {
    COPIES_MAX = 8,   /* of one rule in the first tree; four times as many in the next, which has fewer */
    COPIES_SHARE = 8, /* of all rules: so many times their number, in all trees */
    COPIES_FEW = 4096,
    DEPTH_MAX = 64,
};

static const double LEFT_MAX = 0.9; /* of a node's rules in a child, for a cut to pay */

struct build {
    struct forest *f;
    unsigned n_words, tree;
    bool is_last;
    uint32_t *copies; /* of each rule in this tree */
    uint8_t *kicked;  /* 1 + the tree that the rule was kicked from last; 0: none */
    uint32_t n_slots, slots_room, n_blocks, blocks_room;
    uint64_t n_copies, copies_room; /* of all rules */
    uint32_t *list; /* a stack of lists of rules: those of the nodes from the root to here, and their children */
    size_t list_used, list_room;
    struct cutter *cutter;
};

/* --- memory --- */

/* Large arrays lie on huge pages where there are some: a lookup touches few bytes in many places. */
static void *grow_array(void *old, size_t used, size_t size)
{
    size_t align = size >= (2 << 20) ? (size_t)2 << 20 : 64;
    void *fresh = aligned_alloc(align, (size + align - 1) / align * align);

    if (!fresh)
        return NULL;
    if (align > 64)
        madvise(fresh, size, MADV_HUGEPAGE);
    if (old)
        memcpy(fresh, old, used);
    free(old);
    return fresh;
}

/* Returns the first of `n` new slots; 0: no memory. */
static uint32_t slots_add(struct build *b, uint32_t n)
{
    uint32_t at = b->n_slots;

    if (b->slots_room - at < n) {
        uint32_t room = b->slots_room + b->slots_room / 2 + n;
        struct slot *s = grow_array(b->f->slots, (size_t)at * sizeof *s, (size_t)room * sizeof *s);

        if (!s)
            return 0;
        b->f->slots = s;
        b->slots_room = room;
    }
    b->n_slots += n;
    return at;
}

static uint32_t blocks_add(struct build *b, uint32_t n)
{
    uint32_t at = b->n_blocks;

    if (b->blocks_room - at < n) {
        uint32_t room = b->blocks_room + b->blocks_room / 2 + n;
        uint8_t *p = grow_array(b->f->blocks, at * b->f->block_size, room * b->f->block_size);

        if (!p)
            return 0;
        b->f->blocks = p;
        b->blocks_room = room;
    }
    b->n_blocks += n;
    return at;
}

/* Room for `n` more on the stack of lists: their place in it, or SIZE_MAX. */
static size_t list_add(struct build *b, size_t n)
{
    size_t at = b->list_used;

    if (b->list_room - at < n) {
        size_t room = (b->list_room + n) * 2;
        uint32_t *p = realloc(b->list, room * sizeof *p);

        if (!p)
            return SIZE_MAX;
        b->list = p;
        b->list_room = room;
    }
    b->list_used += n;
    return at;
}

/* --- leaves --- */

static void fill_block(const struct build *b, struct block *k, const uint32_t *rules, uint32_t n)
{
    memset(k, 0, b->f->block_size);
    k->n = (uint8_t)n;
    for (uint32_t i = 0; i < LANES; i++) {
        k->place[i] = i < n ? b->f->order[rules[i]] : 0;
        k->priority[i] = i < n ? b->f->priority[rules[i]] : 0;
        for (unsigned w = 0; w < b->n_words; w++) {
            uint64_t *value = k->lanes + (size_t)w * 2 * LANES + i;

            value[0] = i < n ? forest_value(b->f, rules[i])[w] : 1; /* without a mask: never equal */
            value[LANES] = i < n ? forest_mask(b->f, rules[i])[w] : 0;
        }
    }
}

static int make_leaf(struct build *b, struct slot *out, const uint32_t *rules, uint32_t n)
{
    uint32_t n_blocks = (n + LANES - 1) / LANES, at;

    *out = (struct slot){ .high = SLOT_IS_LEAF };
    if (!n)
        return 0;
    at = blocks_add(b, n_blocks);
    if (!at)
        return -ENOMEM;
    out->at = at;
    out->priority = b->f->priority[rules[0]];
    for (uint32_t i = 0; i < n_blocks; i++) {
        struct block *k = (struct block *)(void *)(b->f->blocks + (size_t)(at + i) * b->f->block_size);
        uint32_t rest = n - i * LANES;

        fill_block(b, k, rules + i * LANES, rest < LANES ? rest : LANES);
        k->has_next = i + 1 < n_blocks;
    }
    return 0;
}

/* --- nodes --- */

/* A node being cut.  Lists are places on the stack of lists. */
struct cutting {
    struct cut_choice c;
    const uint64_t *fixed;   /* bits that are the same for all keys that come here */
    size_t list, told, wide; /* its rules: those that the windows tell apart, and those that belong to every child */
    uint32_t n, n_told, n_wide, n_children;
    uint32_t *first; /* of each child's rules among the copies of `told`; n_children + 1 */
    size_t copies;
    unsigned depth;
};

static int place(struct build *b, struct slot *out, size_t list, uint32_t n, const uint64_t *fixed, unsigned depth);

/* Rules that have left for the next tree need no place here. */
static uint32_t drop_kicked(const struct build *b, uint32_t *rules, uint32_t n)
{
    uint32_t n_left = 0;

    for (uint32_t i = 0; i < n; i++)
        if (b->kicked[rules[i]] != b->tree + 1)
            rules[n_left++] = rules[i];
    return n_left;
}

static unsigned bits_of(const struct cut_choice *c)
{
    return cut_bits(c->high) + cut_bits(c->low);
}

static uint32_t take_both(const struct cut_choice *c, const uint64_t *words)
{
    return cut_take(c->high, words) << cut_bits(c->low) | cut_take(c->low, words);
}

/* The bits of the windows that the rule leaves open. */
static uint32_t open_bits(const struct build *b, const struct cutting *x, uint32_t rule)
{
    uint64_t mask[PACK_WORDS_MAX];

    for (unsigned w = 0; w < b->n_words; w++)
        mask[w] = forest_mask(b->f, rule)[w] & ~x->fixed[w];
    return ~take_both(&x->c, mask) & (x->n_children - 1);
}

/* Bits of the windows that are fixed are like open ones: whatever child they choose, it is one that keys come to. */
static uint32_t value_bits(const struct build *b, const struct cutting *x, uint32_t rule)
{
    return take_both(&x->c, forest_value(b->f, rule)) & ~open_bits(b, x, rule);
}

static int push(struct build *b, uint32_t rule)
{
    size_t at = list_add(b, 1);

    if (at == SIZE_MAX)
        return -ENOMEM;
    b->list[at] = rule;
    return 0;
}

/* Tells rules for some children from those for all, and sends those with too many copies to the next tree.  1: the node is
 * better not cut, all in all there would be too many copies. */
static int sort_out(struct build *b, struct cutting *x)
{
    uint32_t all = x->n_children - 1, n_told = 0;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < x->n; i++)
        n_told += open_bits(b, x, b->list[x->list + i]) != all;
    for (uint32_t i = 0; i < x->n; i++) {
        uint32_t rule = b->list[x->list + i], open = open_bits(b, x, rule), copies = 1u << __builtin_popcount(open);

        if (open == all && copies > n_told + 1)
            copies = n_told + 1;
        if (!b->is_last && b->copies[rule] + copies - 1 > (uint32_t)COPIES_MAX << 2 * b->tree) {
            b->kicked[rule] = (uint8_t)(b->tree + 1);
            continue;
        }
        b->copies[rule] += copies - 1;
        sum += copies - 1;
    }
    if (b->n_copies + sum > b->copies_room)
        return 1;
    b->n_copies += sum;
    x->n = drop_kicked(b, b->list + x->list, x->n);
    for (int is_wide = 0; is_wide < 2; is_wide++) {
        *(is_wide ? &x->wide : &x->told) = b->list_used;
        for (uint32_t i = 0; i < x->n; i++) {
            uint32_t rule = b->list[x->list + i];

            if ((open_bits(b, x, rule) == all) != is_wide)
                continue;
            if (push(b, rule))
                return -ENOMEM;
            ++*(is_wide ? &x->n_wide : &x->n_told);
        }
    }
    return 0;
}

/* Copies of `told` by child, each child's in falling priority. */
static int distribute(struct build *b, struct cutting *x)
{
    for (uint32_t i = 0; i < x->n_told; i++) {
        uint32_t rule = b->list[x->told + i], open = open_bits(b, x, rule), value = value_bits(b, x, rule), sub = 0;

        do {
            x->first[(value | sub) + 2]++;
            sub = (sub - open) & open;
        } while (sub);
    }
    for (uint32_t i = 2; i < x->n_children + 2; i++)
        x->first[i] += x->first[i - 1];
    x->copies = list_add(b, x->first[x->n_children + 1]);
    if (x->copies == SIZE_MAX)
        return -ENOMEM;
    for (uint32_t i = 0; i < x->n_told;
         i++) { /* this moves first[child + 1] from the child's first to behind its last */
        uint32_t rule = b->list[x->told + i], open = open_bits(b, x, rule), value = value_bits(b, x, rule), sub = 0;

        do {
            b->list[x->copies + x->first[(value | sub) + 1]++] = rule;
            sub = (sub - open) & open;
        } while (sub);
    }
    return 0;
}

/* The windows' bits are the same for all keys of a child. */
static void fix_bits(uint64_t *out, const struct build *b, const struct cutting *x)
{
    const cut cuts[] = { x->c.high, x->c.low };

    memcpy(out, x->fixed, b->n_words * sizeof *out);
    for (unsigned i = 0; i < 2; i++)
        if (cut_bits(cuts[i]))
            out[cuts[i] >> 10] |= ((UINT64_C(1) << cut_bits(cuts[i])) - 1) << (cuts[i] >> 4 & 63);
}

/* Makes a child of its own rules and of those that all children have. */
static int place_child(struct build *b, struct slot *out, const struct cutting *x, size_t own, uint32_t n_own,
                       const uint64_t *fixed)
{
    size_t used = b->list_used, at = list_add(b, n_own + x->n_wide);
    uint32_t i = 0, k = 0;
    int err;

    if (at == SIZE_MAX)
        return -ENOMEM;
    while (i + k < n_own + x->n_wide)
        if (k == x->n_wide || (i < n_own && b->list[own + i] < b->list[x->wide + k])) {
            b->list[at + i + k] = b->list[own + i];
            i++;
        } else {
            b->list[at + i + k] = b->list[x->wide + k];
            k++;
        }
    err = place(b, out, at, n_own + x->n_wide, fixed, x->depth + 1);
    b->list_used = used;
    return err;
}

/* Children without rules of their own are one, and so are neighbours with the same. */
static int place_children(struct build *b, const struct cutting *x, uint32_t slots)
{
    uint64_t fixed[PACK_WORDS_MAX];
    struct slot before = { 0 }, bare = { 0 };
    bool has_bare = false;

    fix_bits(fixed, b, x);
    for (uint32_t i = 0; i < x->n_children; i++) {
        uint32_t n = x->first[i + 1] - x->first[i], n_before = i ? x->first[i] - x->first[i - 1] : UINT32_MAX;
        size_t own = x->copies + x->first[i];
        int err;

        if (!n && has_bare) {
            b->f->slots[slots + i] = bare;
            continue;
        }
        if (n && n == n_before && !memcmp(b->list + own, b->list + own - n, n * sizeof *b->list)) {
            b->f->slots[slots + i] = before;
            continue;
        }
        err = place_child(b, &before, x, own, n, fixed);
        if (err)
            return err;
        b->f->slots[slots + i] = before;
        if (!n) {
            bare = before;
            has_bare = true;
        }
    }
    return 0;
}

/* 1: it is better not cut. */
static int place_cut(struct build *b, struct slot *out, struct cutting *x)
{
    uint32_t slots;
    int err = sort_out(b, x);

    if (err)
        return err;
    x->first = calloc(x->n_children + 2, sizeof x->first[0]);
    if (!x->first)
        return -ENOMEM;
    err = distribute(b, x);
    slots = err ? 0 : slots_add(b, x->n_children);
    if (slots) {
        *out = (struct slot){ .at = slots, .high = x->c.high, .low = x->c.low };
        err = place_children(b, x, slots);
    } else {
        err = -ENOMEM;
    }
    free(x->first);
    return err;
}

/* Makes what `n` rules need; `list`: where they stand, in falling priority. */
static int place(struct build *b, struct slot *out, size_t list, uint32_t n, const uint64_t *fixed, unsigned depth)
{
    struct cutting x = { .list = list, .fixed = fixed, .depth = depth };
    size_t used = b->list_used;
    int err = 1;

    x.n = drop_kicked(b, b->list + list, n);
    if (x.n > LANES && depth < DEPTH_MAX) {
        x.c = cut_choose(b->cutter, b->f, &(struct cut_node){ b->list + list, x.n, fixed });
        x.n_children = 1u << bits_of(&x.c);
        if (x.n_children > 1 && x.c.left < LEFT_MAX * x.n)
            err = place_cut(b, out, &x);
        b->list_used = used;
    }
    return err == 1 ? make_leaf(b, out, b->list + list, x.n) : err;
}

/* --- trees --- */

static int build_tree(struct build *b, struct tree *t, uint32_t n)
{
    const uint64_t fixed[PACK_WORDS_MAX] = { 0 };

    for (uint32_t i = 0; i < n; i++)
        b->copies[b->list[i]] = 1;
    t->priority = b->f->priority[b->list[0]];
    return place(b, &t->root, 0, n, fixed, 0);
}

static void sort_trees(struct forest *f)
{
    for (unsigned i = 1; i < f->n_trees; i++) {
        struct tree t = f->trees[i];
        unsigned at = i;

        for (; at && f->trees[at - 1].priority < t.priority; at--)
            f->trees[at] = f->trees[at - 1];
        f->trees[at] = t;
    }
}

static int build_trees(struct build *b)
{
    uint32_t n = b->f->n_rules, n_before = UINT32_MAX;

    for (; n; b->tree++) {
        uint32_t n_kicked = 0;
        int err;

        b->is_last = b->tree == FOREST_TREES_MAX - 1 || n > n_before - n_before / 8;
        err = build_tree(b, &b->f->trees[b->f->n_trees++], n);
        if (err)
            return err;
        for (uint32_t i = 0; i < b->f->n_rules; i++)
            if (b->kicked[i] == b->tree + 1)
                b->list[n_kicked++] = i;
        n_before = n;
        n = n_kicked;
        b->list_used = n;
    }
    return 0;
}

/* The rules' copies by falling priority; from here on a rule is known by where it stands in that order. */
static int sort_rules(struct forest *f)
{
    uint32_t *first = calloc(UINT16_MAX + 2, sizeof *first);
    size_t rule_words = (size_t)2 * f->packing.n_words;
    uint64_t *words = malloc((f->n_rules * rule_words + 1) * sizeof *words);
    uint16_t *priority = malloc((f->n_rules + 1) * sizeof *priority);

    f->order = malloc((f->n_rules + 1) * sizeof *f->order);
    if (!first || !words || !priority || !f->order) {
        free(first);
        free(words);
        free(priority);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < f->n_rules; i++)
        first[UINT16_MAX - f->priority[i] + 1]++;
    for (uint32_t i = 1; i <= UINT16_MAX; i++)
        first[i] += first[i - 1];
    for (uint32_t i = 0; i < f->n_rules; i++) {
        uint32_t at = first[UINT16_MAX - f->priority[i]]++;

        f->order[at] = i;
        priority[at] = f->priority[i];
        memcpy(words + at * rule_words, f->words + i * rule_words, rule_words * sizeof *words);
    }
    free(first);
    free(f->words);
    free(f->priority);
    f->words = words;
    f->priority = priority;
    return 0;
}

/* What only the build needed. */
static void forget_copies(struct forest *f)
{
    free(f->words);
    free(f->priority);
    free(f->order);
    f->words = NULL;
    f->priority = NULL;
    f->order = NULL;
}

int forest_build(struct forest *f)
{
    struct build *b = calloc(1, sizeof *b);
    int err = -ENOMEM;

    if (!b)
        return err;
    b->f = f;
    b->n_words = f->packing.n_words;
    b->n_slots = b->n_blocks = b->slots_room = b->blocks_room = 1; /* the first is none */
    b->copies_room = (uint64_t)f->n_rules * COPIES_SHARE + COPIES_FEW;
    b->copies = calloc(f->n_rules + 1, sizeof *b->copies);
    b->kicked = calloc(f->n_rules + 1, 1);
    b->list = calloc(f->n_rules + 1, sizeof *b->list);
    b->list_room = f->n_rules + 1;
    b->list_used = f->n_rules;
    b->cutter = cutter_new();
    if (b->copies && b->kicked && b->list && b->cutter)
        err = 0;
    for (uint32_t i = 0; !err && i < f->n_rules; i++)
        b->list[i] = i;
    if (!err)
        err = sort_rules(f);
    if (!err)
        err = build_trees(b);
    forget_copies(f);
    sort_trees(f);
    f->bytes =
        sizeof *f + b->slots_room * sizeof *f->slots + b->blocks_room * f->block_size + f->n_rules * sizeof *f->rules;
    free(b->copies);
    free(b->kicked);
    cutter_free(b->cutter);
    free(b->list);
    free(b);
    return err;
}

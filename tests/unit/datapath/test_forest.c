/* SPDX-License-Identifier: Apache-2.0 */
/* test_forest.c - forests against a plain list of rules: random matches of several kinds, versions, rules taken out, every kind
 * of vector instruction that this CPU has; and the bounds of a build. */
#include "datapath/forest.h"

#include "datapath/forest_impl.h"
#include "datapath/table.h"
#include "tests/unit/datapath/rule_make.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { RULES_MAX = 4000, KEYS = 640 };

/* What the matches of a set are like. */
enum kind { KIND_PREFIXES, KIND_MIXED, KIND_ROUTES, KIND_PORTS, KIND_WIDE, KINDS };

struct world {
    struct forest *forest;
    struct rule *rules[RULES_MAX];
    struct key mask;
    uint32_t n, place[RULES_MAX];
    uint64_t random;
};

static void add_prefix(struct world *w, struct match *m, enum field_id id, unsigned bits)
{
    unsigned length = random_below(&w->random, bits / 4 + 1) * 4;
    uint64_t mask = ((UINT64_C(1) << length) - 1) << (bits - length);

    /* few values above, so that prefixes nest */
    match_set_masked(m, id, value_of(((random_next(&w->random) & 0x11111111) | 3u << (bits - 2)) & mask),
                     value_of(mask));
}

static void random_match(struct world *w, struct match *m, enum kind kind)
{
    static const enum field_id wide[] = { FIELD_IPV6_SRC, FIELD_IPV6_DST, FIELD_ETH_SRC, FIELD_ETH_DST,
                                          FIELD_METADATA, FIELD_REG0,     FIELD_REG5,    FIELD_REG7 };

    memset(m, 0, sizeof *m);
    switch (kind) {
    case KIND_PREFIXES:
        add_prefix(w, m, FIELD_IPV4_SRC, 32);
        add_prefix(w, m, FIELD_IPV4_DST, 32);
        add_prefix(w, m, FIELD_TCP_DST, 16);
        if (random_below(&w->random, 3))
            match_set(m, FIELD_IP_PROTO, random_below(&w->random, 2) ? 6 : 17);
        break;
    case KIND_MIXED: /* masks with holes */
        match_set_masked(m, FIELD_IPV4_SRC, value_of(random_next(&w->random) & 0x0f00ff05), value_of(0x0f00ff05));
        match_set_masked(m, FIELD_TCP_SRC, value_of(random_next(&w->random) & 0x8421), value_of(0x8421));
        if (random_below(&w->random, 2))
            match_set_masked(m, FIELD_REG3, value_of(random_next(&w->random) & 0x70), value_of(0x70));
        break;
    case KIND_ROUTES:
        add_prefix(w, m, FIELD_IPV4_DST, 32);
        break;
    case KIND_PORTS:
        match_set(m, FIELD_IN_PORT, random_below(&w->random, 300));
        break;
    case KIND_WIDE:
        for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
            if (random_below(&w->random, 2))
                match_set_masked(m, wide[i], value_of(random_below(&w->random, 4)), value_of(7));
        break;
    case KINDS:
        break;
    }
}

static void world_init(struct world *w, enum kind kind, uint32_t n, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->random = seed;
    w->n = n;
    for (uint32_t i = 0; i < n; i++) {
        struct match m;

        random_match(w, &m, kind);
        for (unsigned k = 0; k < KEY_WORDS; k++)
            w->mask.w[k] |= m.mask.w[k];
        w->rules[i] = rule_make(&m, (uint16_t)random_below(&w->random, 40), 1 + random_below(&w->random, 8));
        if (!random_below(&w->random, 4))
            atomic_store(&w->rules[i]->removed_in, w->rules[i]->added_in + random_below(&w->random, 6));
    }
    assert_int_equal(forest_new(&w->forest, &w->mask, n), 0);
    for (uint32_t i = 0; i < n; i++)
        w->place[i] = forest_add(w->forest, w->rules[i]);
    assert_int_equal(forest_build(w->forest), 0);
}

static void world_fini(struct world *w)
{
    forest_free(w->forest);
    for (uint32_t i = 0; i < w->n; i++)
        free(w->rules[i]);
}

/* A key that one of the rules matches, or nearly. */
static void random_key(struct world *w, struct key *k)
{
    struct match m;

    compact_match_expand(&m, w->rules[random_below(&w->random, w->n)]->match);
    for (unsigned i = 0; i < KEY_WORDS; i++)
        k->w[i] = m.value.w[i] | (random_next(&w->random) & 0x1111111111111111 & ~m.mask.w[i]);
    if (!random_below(&w->random, 3))
        k->w[random_below(&w->random, KEY_WORDS)] ^= UINT64_C(1) << random_below(&w->random, 64);
}

static bool matches(const struct rule *r, const struct key *key, uint64_t version)
{
    const uint64_t *values = compact_match_values(r->match), *masks = compact_match_masks(r->match);
    unsigned word, at = 0;

    for_each_key_word (word, &r->match->map) {
        if ((key->w[word] & masks[at]) != values[at])
            return false;
        at++;
    }
    return rule_is_visible(r, version);
}

/* Rules taken out have been made NULL here. */
static unsigned in_list(const struct world *w, const struct key *key, uint64_t version, int *best)
{
    unsigned n = 0;

    *best = -1;
    for (uint32_t i = 0; i < w->n; i++)
        if (w->place[i] != UINT32_MAX && matches(w->rules[i], key, version)) {
            n++;
            *best = w->rules[i]->priority > *best ? w->rules[i]->priority : *best;
        }
    return n;
}

static void check_burst(struct world *w, const struct key *const *keys, unsigned n, uint64_t version)
{
    for (unsigned v = 0; v < FOREST_VECTORS; v++) {
        const struct rule *found[TABLE_BURST] = { NULL };

        if (!forest_has_vectors(v))
            continue;
        forest_find_with(v, w->forest, keys, n, version, found);
        for (unsigned i = 0; i < n; i++) {
            int best;

            in_list(w, keys[i], version, &best);
            assert_int_equal(found[i] ? found[i]->priority : -1, best);
            assert_true(!found[i] || matches(found[i], keys[i], version));
        }
    }
}

static void check_order(struct world *w, const struct key *key, uint64_t version)
{
    const struct rule *last = NULL, *r;
    unsigned n_seen = 0;
    int best;
    unsigned n = in_list(w, key, version, &best);

    while ((r = forest_next(w->forest, key, version, last, NULL))) {
        assert_true(matches(r, key, version));
        assert_true(!last || last->priority > r->priority || (last->priority == r->priority && last < r));
        last = r;
        assert_true(++n_seen <= n);
    }
    assert_int_equal(n_seen, n);
}

static void check_keys(struct world *w)
{
    static struct key keys[TABLE_BURST];
    const struct key *at[TABLE_BURST];

    for (unsigned i = 0; i < KEYS; i += TABLE_BURST) {
        uint64_t version = random_below(&w->random, 12);
        unsigned n = 1 + random_below(&w->random, TABLE_BURST);

        for (unsigned k = 0; k < n; k++) {
            random_key(w, &keys[k]);
            at[k] = &keys[k];
        }
        check_burst(w, at, n, version);
        check_order(w, &keys[0], version);
    }
}

static void agrees_with_list(void **state)
{
    static const uint32_t sizes[] = { 1, 3, 8, 9, 40, 500, RULES_MAX };
    static struct world w;

    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            world_init(&w, kind, sizes[i], 4711 + i);
            check_keys(&w);
            for (uint32_t k = 0; k < w.n; k += 3) {
                forest_remove(w.forest, w.place[k]);
                w.place[k] = UINT32_MAX;
            }
            assert_int_equal(forest_count(w.forest), w.n - (w.n + 2) / 3);
            check_keys(&w);
            world_fini(&w);
        }
}

/* What is better already is left alone. */
static void beats_what_is_there(void **state)
{
    static struct world w;
    struct match m = { 0 };
    struct rule *high = rule_make(&m, 100, 1), *low = rule_make(&m, 0, 1);
    struct key key;

    (void)state;
    world_init(&w, KIND_ROUTES, 100, 5);
    for (unsigned i = 0; i < 100; i++) {
        const struct key *keys[] = { &key, &key };
        const struct rule *out[] = { high, low };
        int best;

        random_key(&w, &key);
        in_list(&w, &key, 4, &best);
        forest_find(w.forest, keys, 2, 4, out);
        assert_ptr_equal(out[0], high);
        assert_int_equal(out[1]->priority, best > 0 ? best : 0);
    }
    world_fini(&w);
    free(high);
    free(low);
}

/* Rules of which every one overlaps every other in a field of its own: there is no good cut, and memory stays bounded. */
static void memory_is_bounded(void **state)
{
    enum { N = 3000 };
    static struct world w;
    struct rule *rules[N];
    struct key mask = { 0 };

    (void)state;
    mask.w[field_table[FIELD_METADATA].word] = mask.w[field_table[FIELD_XREG0].word] = UINT64_MAX;
    assert_int_equal(forest_new(&w.forest, &mask, N), 0);
    for (unsigned i = 0; i < N; i++) {
        struct match m = { 0 };
        uint64_t a = UINT64_C(1) << i % 64, b = UINT64_C(1) << i / 64 % 64;

        match_set_masked(&m, FIELD_METADATA, value_of(a), value_of(a));
        match_set_masked(&m, FIELD_XREG0, value_of(b), value_of(b));
        rules[i] = rule_make(&m, (uint16_t)i, 1);
        forest_add(w.forest, rules[i]);
    }
    assert_int_equal(forest_build(w.forest), 0);
    assert_true(forest_bytes(w.forest) < N * 8192);
    for (unsigned i = 0; i < N; i += 7) {
        struct key key = { 0 };
        const struct key *at = &key;
        const struct rule *found = NULL;

        key_set_u64(&key, FIELD_METADATA, UINT64_C(1) << i % 64);
        key_set_u64(&key, FIELD_XREG0, UINT64_C(1) << i / 64 % 64);
        forest_find(w.forest, &at, 1, 1, &found);
        assert_ptr_equal(found, rules[i]);
    }
    forest_free(w.forest);
    for (unsigned i = 0; i < N; i++)
        free(rules[i]);
}

static void too_many_bits_are_refused(void **state)
{
    struct forest *f;
    struct key mask;

    (void)state;
    memset(&mask, 0xff, sizeof mask);
    assert_int_equal(forest_new(&f, &mask, 1), -E2BIG);
    forest_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_list),
        cmocka_unit_test(beats_what_is_there),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(too_many_bits_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

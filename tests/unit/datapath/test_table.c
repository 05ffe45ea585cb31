/* SPDX-License-Identifier: Apache-2.0 */
/* test_table.c - tables against a plain list of rules, over random rules, versions and orders of events; tables that grow
 * under readers; sizes at which anything quadratic would be seen. */
#include "datapath/table.h"

#include "datapath/builder.h"
#include "datapath/rcu.h"
#include "tests/unit/datapath/rule_make.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MASKS = 30, RULES_MAX = 400, STEPS = 6000 };

/* The list that the table is held against: what is linked. */
struct model {
    struct rcu *rcu;
    struct table *table;
    struct rule *rules[RULES_MAX];
    size_t n;
    uint64_t version, random;
    struct key masks[MASKS];
};

static const struct {
    enum field_id id;
    uint64_t mask;
} parts[] = {
    { FIELD_IN_PORT, UINT64_MAX }, { FIELD_ETH_SRC, 0xff }, { FIELD_ETH_SRC, 2 },  { FIELD_VLAN_VID, 0x1003 },
    { FIELD_ETH_TYPE, 0xffff },    { FIELD_IPV4_DST, 3 },   { FIELD_IPV4_DST, 1 }, { FIELD_TCP_DST, 0xffff },
    { FIELD_REG3, 0xff },          { FIELD_IPV6_SRC, 3 },   { FIELD_METADATA, 1 }, { FIELD_IP_PROTO, 0xff },
};

static void random_key(struct model *m, struct key *k)
{
    memset(k, 0, sizeof *k);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        key_set_u64(k, parts[i].id, random_below(&m->random, 3));
}

static void model_init(struct model *m, uint64_t seed)
{
    *m = (struct model){ .version = 1, .random = seed };
    assert_int_equal(rcu_new(&m->rcu, 2), 0);
    assert_int_equal(table_new(&m->table, m->rcu, NULL), 0);
    for (int i = 1; i < MASKS; i++) /* the first matches everything */
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
            if (!random_below(&m->random, 3)) {
                struct match one = { 0 };

                match_set_masked(&one, parts[k].id, value_of(0), value_of(parts[k].mask));
                for (int w = 0; w < KEY_WORDS; w++)
                    m->masks[i].w[w] |= one.mask.w[w];
            }
}

static void model_fini(struct model *m)
{
    table_free(m->table);
    rcu_free(m->rcu);
    for (size_t i = 0; i < m->n; i++)
        free(m->rules[i]);
}

static bool matches(const struct rule *r, const struct key *key, uint64_t version)
{
    struct match m;

    compact_match_expand(&m, r->match);
    for (int i = 0; i < KEY_WORDS; i++)
        if ((key->w[i] ^ m.value.w[i]) & m.mask.w[i])
            return false;
    return rule_is_visible(r, version);
}

static void check_key(const struct model *m, const struct key *key, uint64_t version)
{
    const struct rule *found = table_find(m->table, key, version), *last = NULL;
    struct table_iter it = { .table = m->table, .key = key, .version = version };
    size_t n = 0, n_seen = 0;
    int best = -1;

    for (size_t i = 0; i < m->n; i++)
        if (matches(m->rules[i], key, version)) {
            n++;
            best = m->rules[i]->priority > best ? m->rules[i]->priority : best;
        }
    assert_int_equal(found ? found->priority : -1, best);
    assert_true(!found || matches(found, key, version));
    for (const struct rule *r; (r = table_next(&it)) != NULL; last = r, n_seen++) {
        assert_true(matches(r, key, version));
        assert_true(!last || last->priority >= r->priority);
        assert_ptr_not_equal(r, last);
        if (n_seen > n)
            fail_msg("the enumeration repeats itself");
    }
    assert_int_equal(n_seen, n);
}

static void check_mask(const struct model *m)
{
    struct key want = { 0 };

    for (size_t i = 0; i < m->n; i++) {
        struct match match;

        compact_match_expand(&match, m->rules[i]->match);
        for (int w = 0; w < KEY_WORDS; w++)
            want.w[w] |= match.mask.w[w];
    }
    assert_memory_equal(table_mask(m->table), &want, sizeof want);
    assert_int_equal(table_count(m->table), m->n);
}

static void model_insert(struct model *m)
{
    struct match match = { 0 };
    struct key key;
    uint64_t serial = table_mask_serial(m->table);
    struct key before = *table_mask(m->table);

    if (m->n && !random_below(&m->random, 3)) { /* another version of one that is there */
        compact_match_expand(&match, m->rules[random_below(&m->random, (unsigned)m->n)]->match);
    } else {
        random_key(m, &key);
        match.mask = m->masks[random_below(&m->random, MASKS)];
        for (int w = 0; w < KEY_WORDS; w++)
            match.value.w[w] = key.w[w] & match.mask.w[w];
    }
    m->rules[m->n] = rule_make(&match, (uint16_t)(random_below(&m->random, 12) * 5957), m->version + 1);
    assert_int_equal(table_insert(m->table, m->rules[m->n++]), 0);
    assert_int_equal(serial != table_mask_serial(m->table), memcmp(&before, table_mask(m->table), sizeof before) != 0);
}

static void model_unlink(struct model *m, size_t i)
{
    struct rule *r = m->rules[i];

    table_unlink(m->table, r);
    rcu_defer(m->rcu, free, r);
    m->rules[i] = m->rules[--m->n];
}

static void model_commit(struct model *m)
{
    m->version++;
    for (size_t i = 0; i < m->n;)
        if (atomic_load(&m->rules[i]->removed_in) <= m->version && random_below(&m->random, 2))
            model_unlink(m, i);
        else
            i++;
    rcu_reclaim(m->rcu);
}

static void agrees_with_list(void **state)
{
    static struct model m;

    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        model_init(&m, seed * 7919);
        for (int step = 0; step < STEPS; step++) {
            bool is_filling = step / 1000 % 2 == 0;
            unsigned what = random_below(&m.random, 10);
            struct key key;

            if (what < (is_filling ? 5 : 2) && m.n < RULES_MAX)
                model_insert(&m);
            else if (what < 7 && m.n)
                atomic_store(&m.rules[random_below(&m.random, (unsigned)m.n)]->removed_in, m.version + 1);
            else if (what == 7)
                model_commit(&m);
            else if (what == 8 && !random_below(&m.random, 8))
                table_tend(m.table);
            random_key(&m, &key);
            check_key(&m, &key, m.version);
            if (step % 50 == 0) {
                check_key(&m, &key, m.version + 1);
                check_mask(&m);
            }
        }
        while (m.n) {
            model_unlink(&m, 0);
            check_mask(&m);
        }
        model_fini(&m);
    }
}

static struct rule *insert_value(struct table *t, enum field_id id, uint64_t v, uint16_t priority, uint64_t version)
{
    struct match m = { 0 };

    match_set(&m, id, v);

    struct rule *r = rule_make(&m, priority, version);

    assert_int_equal(table_insert(t, r), 0);
    return r;
}

static const struct rule *find_value(const struct table *t, enum field_id id, uint64_t v, uint64_t version)
{
    struct key k = { 0 };

    key_set_u64(&k, id, v);
    return table_find(t, &k, version);
}

static void versions_of_one_match(void **state)
{
    struct rcu *rcu;
    struct table *t;

    (void)state;
    assert_int_equal(rcu_new(&rcu, 1), 0);
    assert_int_equal(table_new(&t, rcu, NULL), 0);

    struct rule *old = insert_value(t, FIELD_IN_PORT, 3, 9, 5), *new = insert_value(t, FIELD_IN_PORT, 3, 9, 8);

    atomic_store(&old->removed_in, 8);
    assert_null(find_value(t, FIELD_IN_PORT, 3, 4));
    assert_ptr_equal(find_value(t, FIELD_IN_PORT, 3, 5), old);
    assert_ptr_equal(find_value(t, FIELD_IN_PORT, 3, 7), old);
    assert_ptr_equal(find_value(t, FIELD_IN_PORT, 3, 8), new);
    assert_null(find_value(t, FIELD_IN_PORT, 2, 8));
    table_unlink(t, old);
    assert_ptr_equal(find_value(t, FIELD_IN_PORT, 3, 8), new);
    assert_int_equal(table_count(t), 1);
    table_unlink(t, new);
    assert_int_equal(table_mask(t)->w[field_table[FIELD_IN_PORT].word], 0);
    free(old);
    free(new);
    table_free(t);
    table_free(NULL);
    rcu_free(rcu);
}

/* A reader that does not pass a quiescent state holds the second growth back, and loses nothing by it. */
static void grows_late_under_a_reader(void **state)
{
    enum { FEW = 8, N = 200, MORE = 500 };
    struct rule *rules[MORE], *links[FEW];
    struct rcu *rcu;
    struct table *t;

    (void)state;
    assert_int_equal(rcu_new(&rcu, 1), 0);
    assert_int_equal(table_new(&t, rcu, NULL), 0);
    rcu_register(rcu, 0);
    rcu_online(rcu, 0);
    for (unsigned i = 0; i < MORE; i++) {
        if (i == FEW) /* a reader may stand anywhere in the chains of now */
            for (unsigned k = 0; k < FEW; k++)
                links[k] = atomic_load(&rules[k]->next[0]);
        if (i == N) {
            assert_int_equal(rcu_reclaim(rcu), 1); /* the first buckets; no second growth */
            for (unsigned k = 0; k < FEW; k++)
                assert_ptr_equal(atomic_load(&rules[k]->next[0]), links[k]);
        }
        if (i >= N)
            rcu_quiescent(rcu, 0);
        rules[i] = insert_value(t, FIELD_ETH_DST, i, 4, 1);
    }
    for (unsigned i = 0; i < MORE; i++)
        assert_ptr_equal(find_value(t, FIELD_ETH_DST, i, 1), rules[i]);
    for (unsigned i = MORE; i-- > 2;) { /* shrinks */
        rcu_quiescent(rcu, 0);
        table_unlink(t, rules[i]);
        assert_null(find_value(t, FIELD_ETH_DST, i, 1));
        assert_ptr_equal(find_value(t, FIELD_ETH_DST, i / 2, 1), i / 2 < i ? rules[i / 2] : NULL);
    }
    assert_int_equal(table_count(t), 2);
    rcu_offline(rcu, 0);
    rcu_unregister(rcu, 0);
    table_free(t);
    rcu_free(rcu);
    for (unsigned i = 0; i < MORE; i++)
        free(rules[i]);
}

static void many_rules_in_one_subtable(void **state)
{
    enum { N = 200000 };
    struct rule **rules = calloc(N, sizeof *rules);
    struct rcu *rcu;
    struct table *t;

    (void)state;
    assert_non_null(rules);
    assert_int_equal(rcu_new(&rcu, 1), 0);
    assert_int_equal(table_new(&t, rcu, NULL), 0);
    for (unsigned i = 0; i < N; i++) /* each one raises the bound, each removal lowers it */
        rules[i] = insert_value(t, FIELD_ETH_DST, i * UINT64_C(77), (uint16_t)(i / 4), 1);
    for (unsigned i = 0; i < N; i += 7)
        assert_ptr_equal(find_value(t, FIELD_ETH_DST, i * UINT64_C(77), 1), rules[i]);
    for (unsigned i = N; i-- > 0;)
        table_unlink(t, rules[i]);
    assert_int_equal(table_count(t), 0);
    table_free(t);
    rcu_free(rcu);
    for (unsigned i = 0; i < N; i++)
        free(rules[i]);
    free(rules);
}

static void many_subtables(void **state)
{
    enum { N = 9000 };
    struct rule **rules = calloc(N, sizeof *rules);
    struct rcu *rcu;
    struct table *t;

    (void)state;
    assert_non_null(rules);
    assert_int_equal(rcu_new(&rcu, 1), 0);
    assert_int_equal(table_new(&t, rcu, NULL), 0);
    for (unsigned i = 0; i < N; i++) {
        struct match m = { 0 };

        match_set_masked(&m, FIELD_ETH_DST, value_of(i), value_of(i + 1));
        rules[i] = rule_make(&m, (uint16_t)(i % 1000), 1);
        assert_int_equal(table_insert(t, rules[i]), 0);
        if (i % 100 == 0)
            rcu_reclaim(rcu);
    }
    for (unsigned i = 0; i < N; i += 3)
        table_unlink(t, rules[i]);
    for (unsigned i = 2; i < N; i += 3)
        table_unlink(t, rules[i]);

    struct key k = { 0 };

    /* Of the rules 1, 4, 7, ... only 1, 7, 31, 127, 511, 2047 and 8191 ask for no bit that is set: i & (i + 1) is 0. */
    assert_ptr_equal(table_find(t, &k, 1), rules[511]);
    assert_int_equal(table_count(t), N / 3);
    table_free(t);
    rcu_free(rcu);
    for (unsigned i = 0; i < N; i++)
        free(rules[i]);
    free(rules);
}

/* --- readers on threads of their own --- */

enum { READERS = 2, VALUES = 64, ROUNDS = 3000 };

struct shared {
    struct rcu *rcu;
    struct builder *builder;
    struct table *table;
    _Atomic uint64_t version;
    atomic_bool is_done;
    atomic_uint n_wrong, n_ready;
};

struct reader {
    struct shared *shared;
    unsigned id;
    pthread_t thread;
};

static bool is_right(const struct rule *r, uint64_t v, uint64_t version)
{
    const struct field_info *f = &field_table[FIELD_ETH_DST];

    return r && r->priority == 20 && rule_is_visible(r, version) && compact_match_values(r->match)[0] == v << f->shift;
}

/* In every version each value has exactly one rule of priority 20. */
static void *read_table(void *arg)
{
    struct reader *reader = arg;
    struct shared *s = reader->shared;
    uint64_t random = reader->id + 1;

    rcu_register(s->rcu, reader->id);
    rcu_online(s->rcu, reader->id);
    atomic_fetch_add(&s->n_ready, 1);
    while (!atomic_load_explicit(&s->is_done, memory_order_relaxed)) {
        uint64_t version = atomic_load_explicit(&s->version, memory_order_acquire);

        for (int i = 0; i < 32; i++) {
            uint64_t v = random_below(&random, VALUES);
            const struct rule *r = find_value(s->table, FIELD_ETH_DST, v, version);

            if (!is_right(r, v, version))
                atomic_fetch_add(&s->n_wrong, 1);
        }
        rcu_quiescent(s->rcu, reader->id);
    }
    rcu_offline(s->rcu, reader->id);
    rcu_unregister(s->rcu, reader->id);
    return NULL;
}

struct leaving {
    struct shared *shared;
    struct rule *rule;
};

/* No reader is in a version that shows the rule: take it out, and free it when no reader stands on it. */
static void leave(void *arg)
{
    struct leaving *l = arg;

    table_unlink(l->shared->table, l->rule);
    rcu_defer(l->shared->rcu, free, l->rule);
    free(l);
}

static void remove_later(struct shared *s, struct rule *r)
{
    struct leaving *l = malloc(sizeof *l);

    assert_non_null(l);
    *l = (struct leaving){ .shared = s, .rule = r };
    rcu_defer(s->rcu, leave, l);
}

static struct rule *insert_other(struct table *t, unsigned i, uint64_t version)
{
    struct match m = { 0 };

    match_set_masked(&m, FIELD_ETH_SRC, value_of(i + 1), value_of(i + 1)); /* readers' frames have none of these */
    match_set(&m, FIELD_IN_PORT, 7);

    struct rule *r = rule_make(&m, (uint16_t)(i % 60), version);

    assert_int_equal(table_insert(t, r), 0);
    return r;
}

static void write_table(struct shared *s, struct rule **rules, uint64_t *random)
{
    struct rule *others[200], *bulk[600];
    size_t n_others = 0, n_bulk = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t version = atomic_load_explicit(&s->version, memory_order_relaxed) + 1;
        struct rule *gone[4];
        unsigned v = random_below(random, VALUES), n_gone = 0;

        gone[n_gone++] = rules[v];
        rules[v] = insert_value(s->table, FIELD_ETH_DST, v, 20, version);
        if (n_others < 200 && random_below(random, 3))
            others[n_others++] = insert_other(s->table, random_below(random, 500), version);
        else if (n_others)
            gone[n_gone++] = others[--n_others];
        if (round % 1200 < 600) {
            bulk[n_bulk] = insert_value(s->table, FIELD_ETH_DST, 1000 + n_bulk, 30, version);
            n_bulk++;
        } else {
            gone[n_gone++] = bulk[--n_bulk];
        }
        for (unsigned i = 0; i < n_gone; i++)
            atomic_store_explicit(&gone[i]->removed_in, version, memory_order_relaxed);
        atomic_store_explicit(&s->version, version, memory_order_release);
        for (unsigned i = 0; i < n_gone; i++)
            remove_later(s, gone[i]);
        rcu_reclaim(s->rcu);
        if (round % 16 == 0) /* the builder compiles while rules come and go */
            table_tend(s->table);
    }
    atomic_store(&s->is_done, true);
    while (n_others)
        remove_later(s, others[--n_others]);
    while (n_bulk)
        remove_later(s, bulk[--n_bulk]);
}

static void readers_meet_one_version(void **state)
{
    static struct shared s;
    struct reader readers[READERS];
    uint64_t random = 4711;

    (void)state;
    atomic_init(&s.version, 1);
    assert_int_equal(rcu_new(&s.rcu, READERS), 0);
    assert_int_equal(builder_new(&s.builder, NULL, 0), 0);
    assert_int_equal(table_new(&s.table, s.rcu, s.builder), 0);

    struct rule *rules[VALUES];

    for (unsigned v = 0; v < VALUES; v++)
        rules[v] = insert_value(s.table, FIELD_ETH_DST, v, 20, 1);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){ .shared = &s, .id = i };
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_table, &readers[i]), 0);
    }
    while (atomic_load(&s.n_ready) < READERS)
        sched_yield();
    write_table(&s, rules, &random);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
    rcu_wait(s.rcu);
    rcu_wait(s.rcu);
    assert_int_equal(atomic_load(&s.n_wrong), 0);
    assert_int_equal(table_count(s.table), VALUES);
    for (unsigned v = 0; v < VALUES; v++) {
        table_unlink(s.table, rules[v]);
        free(rules[v]);
    }
    assert_int_equal(table_count(s.table), 0);
    table_free(s.table);
    builder_free(s.builder);
    rcu_free(s.rcu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_list),
        cmocka_unit_test(versions_of_one_match),
        cmocka_unit_test(grows_late_under_a_reader),
        cmocka_unit_test(many_rules_in_one_subtable),
        cmocka_unit_test(many_subtables),
        cmocka_unit_test(readers_meet_one_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

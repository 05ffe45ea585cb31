/* SPDX-License-Identifier: Apache-2.0 */
/* test_path.c - the program that a frame gets for its path is, word by word, what a translation of its own would have made:
 * random rules over several tables, random frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "datapath/datapath_impl.h"
#include "datapath/eal.h"
#include "datapath/path.h"
#include "tests/unit/datapath/pipe_world.h"
#include "tests/unit/datapath/rule_make.h"

enum { TABLES = 6, RULES = 40, BURSTS = 300, WORLDS = 12, WORDS = 4096, KEPT = BURSTS * PORT_BURST };

static uint64_t state = 77;
static struct pipe_world w;
static struct paths *paths;
static struct program *kept[KEPT];
static unsigned n_kept;
static struct burst f;

static unsigned below(unsigned n)
{
    return random_below(&state, n);
}

/* Few values, so that frames and rules meet. */
static struct match random_match(void)
{
    static const enum field_id fields[] = { FIELD_IPV4_SRC, FIELD_UDP_SRC, FIELD_IP_DSCP, FIELD_VLAN_VID,
                                            FIELD_METADATA, FIELD_ETH_SRC, FIELD_IN_PORT, FIELD_IP_TTL };
    struct match m = { 0 };

    for (unsigned i = 0; i < 2; i++) {
        enum field_id id = fields[below(8)];
        uint64_t v = id == FIELD_IN_PORT    ? pipe_number[0]
                     : id == FIELD_VLAN_VID ? (below(2) ? 0x1000u + below(3) : 0)
                     : id == FIELD_IP_TTL   ? 62 + below(3)
                                            : below(3);

        if (below(3))
            match_set(&m, id, v);
    }
    return m;
}

static struct act set(enum field_id id, uint64_t v)
{
    return (struct act){ .type = ACT_SET_FIELD, .field = id, .value = value_of(v), .mask = field_ones(id) };
}

static struct act random_act(void)
{
    switch (below(10)) {
    case 0:
        return set(FIELD_IPV4_SRC, below(3));
    case 1:
        return set(FIELD_UDP_SRC, below(3));
    case 2:
        return set(FIELD_IP_DSCP, below(3));
    case 3:
        return set(FIELD_VLAN_VID, 0x1000u + below(3));
    case 4:
        return (struct act){ .type = ACT_PUSH_VLAN, .ethertype = 0x8100 };
    case 5:
        return (struct act){ .type = ACT_POP_VLAN };
    case 6:
        return (struct act){ .type = ACT_DEC_IP_TTL, .ttl_ids = { .n = 1 } };
    case 7:
        return below(8) ? (struct act){ .type = ACT_SET_IP_TTL, .ttl = (uint8_t)(62 + below(3)) }
                        : (struct act){ .type = ACT_RESUBMIT, .table_id = TABLES - 1 };
    default:
        return (struct act){ .type = ACT_OUTPUT, .port = pipe_number[1 + below(3)] };
    }
}

static struct rule *add_random(void)
{
    struct act apply[3], write = { .type = ACT_OUTPUT, .port = pipe_number[1 + below(3)] };
    uint8_t table_id = (uint8_t)below(TABLES);
    struct rule_code code = { .apply = apply, .write = &write, .n_apply = (uint16_t)below(4), .goto_table = NO_GOTO };
    struct match m = random_match();
    struct rule_conf conf = { table_id, (uint16_t)(1 + below(4)), &m, &code, .cookie = 1 };
    struct rule *r;

    for (unsigned i = 0; i < 3; i++)
        apply[i] = random_act();
    code.n_write = below(4) == 0;
    code.is_clear = below(8) == 0;
    if (below(4) && table_id < TABLES - 1)
        code.goto_table = (uint8_t)(table_id + 1 + below(TABLES - 1u - table_id));
    if (below(4) == 0) {
        code.metadata = below(3);
        code.metadata_mask = UINT64_MAX;
    }
    assert_int_equal(rule_new(&r, w.b, &conf), 0);
    assert_int_equal(bridge_rule_add(w.b, r), 0);
    return r;
}

static struct rte_mbuf *random_frame(void)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(eal_pool());
    uint8_t *p;

    assert_non_null(m);
    p = (uint8_t *)rte_pktmbuf_append(m, PIPE_FRAME);
    pipe_udp(p, below(3), below(3), (uint16_t)below(3));
    p[15] = (uint8_t)(below(3) << 2);
    p[22] = (uint8_t)(62 + below(3));
    if (below(2)) { /* tagged */
        memmove(p + 16, p + 12, PIPE_FRAME - 16 - 4);
        be16_store(p + 12, 0x8100);
        be16_store(p + 14, (uint16_t)below(3));
        be16_store(p + 16 + 4, 38); /* what was cut off */
        be16_store(p + 18 + 24, 18);
    }
    return m;
}

static void check_equal(const struct program *p, const struct program_buf *made)
{
    assert_memory_equal(program_words(p), made->w, made->n * sizeof *made->w);
    assert_int_equal(p->lookups.tables, made->lookups.tables);
    assert_int_equal(p->lookups.edits, made->lookups.edits);
}

/* Returns how many frames of a random burst had the program of a path. */
static unsigned run_burst(uint64_t round)
{
    static uint64_t words[WORDS];
    static struct resume at;
    const struct entry_mask *m = atomic_load(&w.b->entry);
    uint64_t version = atomic_load(&w.dp->version);
    uint8_t which[PORT_BURST];
    unsigned n_found = 0;

    f = (struct burst){ .in_port = pipe_number[0] };
    for (f.n = 0; f.n < PORT_BURST; f.n++) {
        which[f.n] = (uint8_t)f.n;
        f.m[f.n] = random_frame();
    }
    assert_int_equal(plain_look_over(&f), 0);
    plain_keys(&f, m, 0);
    paths_find(paths, w.b, &(struct cache_point){ .version = version, .mask = m }, round, &f, which, f.n);
    for (unsigned k = 0; k < f.n; k++) {
        struct program_buf made = { .w = words, .size = WORDS };
        struct key key = { 0 };

        plain_whole_keys(&f, m, &which[k], 1, &key);
        resume_begin(&at);
        translate_tables(&made, w.b, &key, version, &at);
        assert_false(made.is_full);
        if (f.program[k]) {
            check_equal(f.program[k], &made);
            n_found++;
        } else {
            kept[n_kept] = malloc(sizeof **kept + (made.n + PROGRAM_HEAD_WORDS) * sizeof *made.w);
            assert_non_null(kept[n_kept]);
            program_make(kept[n_kept], &made);
            paths_keep(paths, k, kept[n_kept++]);
        }
        rte_pktmbuf_free(f.m[k]);
    }
    return n_found;
}

static void programs_are_the_translations(void **arg)
{
    unsigned n_found = 0;

    assert_int_equal(paths_new(&paths), 0);
    for (unsigned world = 0; world < WORLDS; world++) {
        struct rule *rules[RULES];

        pipe_open(&w);
        for (unsigned i = 0; i < RULES; i++)
            rules[i] = add_random();
        datapath_commit(w.dp);
        for (unsigned i = 0; i < BURSTS; i++) {
            if (i % 64 == 63) { /* other rules, another version */
                bridge_rule_remove(w.b, rules[i % RULES]);
                datapath_commit(w.dp);
                rules[i % RULES] = add_random();
                datapath_commit(w.dp);
            }
            n_found += run_burst(world);
        }
        for (unsigned i = 0; i < RULES; i++)
            bridge_rule_remove(w.b, rules[i]);
        pipe_close(&w);
        while (n_kept)
            free(kept[--n_kept]);
    }
    paths_free(paths);
    assert_true(n_found > WORLDS * BURSTS * PORT_BURST / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(programs_are_the_translations) };
    int err = pipe_start();

    if (err)
        return err;
    err = cmocka_run_group_tests(tests, NULL, NULL);
    pipe_stop();
    return err;
}

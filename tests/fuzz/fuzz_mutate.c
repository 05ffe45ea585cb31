/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mutate.c - see fuzz_mutate.h. */
#include "tests/fuzz/fuzz_mutate.h"

#include <string.h>

#include "tests/support/ofp_random.h"

enum { TRIES = 16 };

const uint64_t fuzz_likely[] = {
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    7,
    300,
    300,
    0x800,
    0x86dd,
    0x8847,
    6,
    17,
    0xff,
    0xfe,
    0xffff,
    0xffffffff,
    UINT64_MAX,
    0x100,
    0x101,
    OFPP_IN_PORT,
    OFPP_TABLE,
    OFPP_NORMAL,
    OFPP_FLOOD,
    OFPP_ALL,
    OFPP_CONTROLLER,
    OFPG_ALL,
};
const size_t n_fuzz_likely = sizeof fuzz_likely / sizeof *fuzz_likely;

/* Returns numbers of its own to decide by. */
static uint64_t random_init(struct ofp_random *r, uint64_t seed, struct arena *a)
{
    uint64_t dice;

    *r = (struct ofp_random){ .seed = seed, .arena = a };
    dice = random_bits(r) >> 8;
    dice ^= random_bits(r) >> 16;
    r->is_legal = dice % 8 != 0;
    if (dice / 8 % 4) {
        r->likely = fuzz_likely;
        r->n_likely = n_fuzz_likely;
    }
    return dice / 32;
}

/* 0: not of the kind, or too long. */
static size_t write(uint8_t *p, size_t max, const struct ofp_msg *m, const struct fuzz_kind *k)
{
    size_t n = 0;
    struct wr w;

    wr_init(&w);
    ofp_encode(&w, m);
    if (!w.bad && w.len <= max && fuzz_kind_is(k, w.p, w.len)) {
        n = w.len;
        memcpy(p, w.p, n);
    }
    wr_fini(&w);
    return n;
}

size_t fuzz_make(uint8_t *p, size_t max, uint64_t seed, const struct fuzz_kind *k)
{
    struct ofp_random r;
    struct arena arena;
    struct ofp_msg m;
    size_t n = 0;

    arena_init(&arena);
    (void)random_init(&r, seed, &arena);
    for (int i = 0; i < TRIES && !n; i++) {
        ofp_random(&m, k->type, &r);
        n = write(p, max, &m, k);
        arena_reset(&arena);
    }
    arena_fini(&arena);
    return n;
}

/* What a bundle is to hold. */
static void mutate_inner(struct ofp_msg *outer, struct ofp_random *r)
{
    static const enum ofp_type types[] = { OFPT_FLOW_MOD, OFPT_GROUP_MOD, OFPT_METER_MOD, OFPT_PORT_MOD };
    struct ofp_bundle_add_message *add = &outer->experimenter.onf.bundle_add_message;
    struct ofp_err err;
    struct ofp_msg m;
    struct wr w;

    if (ofp_decode(&m, r->arena, add->message, add->n_message, &err) || random_bits(r) % 8 == 0)
        ofp_random(&m, types[random_bits(r) % 4], r);
    else
        ofp_mutate(&m, r);
    m.version = OFP_VERSION_13;
    if (random_bits(r) % 8)
        m.xid = outer->xid;
    wr_init(&w);
    ofp_encode(&w, &m);
    if (!w.bad) {
        uint8_t *copy = random_room(r, w.len);

        memcpy(copy, w.p, w.len);
        add->message = copy;
        add->n_message = w.len;
    }
    wr_fini(&w);
}

static bool is_bundle_add(const struct ofp_msg *m)
{
    return m->type == OFPT_EXPERIMENTER && m->experimenter.experimenter == OFPEXP_ONF &&
           m->experimenter.onf.exp_type == ONFT_BUNDLE_ADD_MESSAGE;
}

/* 0: what is there is not understood, or what came out is not of the kind. */
static size_t mutate_decoded(uint8_t *p, size_t n, size_t max, struct ofp_random *r, const struct fuzz_kind *k)
{
    struct ofp_err err;
    struct ofp_msg m;

    if (ofp_decode(&m, r->arena, p, n, &err) || m.version != OFP_VERSION_13)
        return 0;
    for (unsigned i = 0; i < 1 + (unsigned)(r->seed % 3); i++) {
        if (is_bundle_add(&m) && random_bits(r) % 4)
            mutate_inner(&m, r);
        else
            ofp_mutate(&m, r);
    }
    return write(p, max, &m, k);
}

static size_t mutate_bytes_of(uint8_t *p, size_t n, size_t max, const struct fuzz_kind *k)
{
    n = LLVMFuzzerMutate(p, n, max);
    if (n < k->n_prefix) {
        memset(p + n, 0, k->n_prefix - n);
        n = k->n_prefix;
    }
    fuzz_kind_pin(k, p, n);
    return n;
}

size_t fuzz_mutate(uint8_t *p, size_t n, size_t max, uint64_t seed, const struct fuzz_kind *k)
{
    struct ofp_random r;
    struct arena arena;
    size_t out = 0;
    uint64_t dice;

    if (max > OFP_MAX_SIZE)
        max = OFP_MAX_SIZE;
    arena_init(&arena);
    dice = random_init(&r, seed, &arena) % 16;
    if (dice > 2)
        out = mutate_decoded(p, n, max, &r, k);
    else if (dice == 2)
        out = fuzz_make(p, max, r.seed, k);
    arena_fini(&arena);
    return out ? out : mutate_bytes_of(p, n, max, k);
}

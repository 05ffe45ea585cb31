/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_session.c - any script (fuzz_script.h): messages on several sessions, frames, time, links, sessions that end; what
 * must hold is in fuzz_world.h.  Seeds: make_script_corpus.c. */
#include <string.h>

#include "tests/fuzz/fuzz_mutate.h"
#include "tests/fuzz/fuzz_script.h"
#include "tests/fuzz/fuzz_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t n, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b, uint8_t *out, size_t max,
                                 unsigned seed);

static uint16_t number_of(const struct script_step *s)
{
    return s->n < 2 ? 1 : be16_load(s->p);
}

static void play(struct fuzz_world *f, const struct script_step *s)
{
    enum fuzz_slot slot = (enum fuzz_slot)(s->where % SLOTS);

    switch (s->what) {
    case SCRIPT_MESSAGE:
    case SCRIPT_MESSAGE_TOO:
    case SCRIPT_MESSAGE_AGAIN:
        fuzz_say(f, slot, s->p, s->n);
        break;
    case SCRIPT_FRAME:
        fuzz_frame(f, s->where, s->p, s->n);
        break;
    case SCRIPT_TIME:
        fuzz_warp(f, number_of(s) * (uint64_t)(NSEC_PER_S / 10));
        break;
    case SCRIPT_HANG_UP:
        fuzz_hang_up(f, slot);
        break;
    case SCRIPT_ROOM:
        fuzz_set_room(f, slot, number_of(s));
        break;
    case SCRIPT_LINK:
        fuzz_link(f, s->where, s->n && s->p[0] & 1);
        break;
    case SCRIPT_QUEUES:
        fuzz_queues(f, s->where, s->p, s->n);
        break;
    case SCRIPT_RESUME:
        fuzz_resume(f, slot, number_of(s));
        break;
    case SCRIPT_N:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct rd r = rd_init(p, n);
    struct script_step s;
    struct fuzz_world f;

    fuzz_world_open(&f);
    f.one_of = 4;
    for (int i = 0; i < SCRIPT_STEPS_MAX && script_read(&r, &s); i++)
        play(&f, &s);
    fuzz_check(&f);
    fuzz_warp(&f, 10 * (uint64_t)NSEC_PER_S);
    fuzz_world_close(&f);
    return 0;
}

/* --- changes --- */

static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static struct fuzz_kind kinds[FUZZ_KINDS_MAX]; /* all of them, once something is changed */
static size_t n_kinds;

/* Messages by how much there is to go wrong with them; any other by its number. */
static const struct fuzz_kind *draw_kind(uint64_t *seed)
{
    static const char *const often[] = {
        "flow_mod",
        "flow_mod",
        "flow_mod",
        "group_mod",
        "group_mod",
        "meter_mod",
        "packet_out",
        "experimenter-onf-bundle_control",
        "experimenter-onf-bundle_add_message",
        "experimenter-onf-bundle_add_message",
        "role_request",
        "multipart_request-flow",
    };
    size_t i = draw(seed) % (2 * sizeof often / sizeof *often);

    for (size_t k = 0; k < n_kinds && i < sizeof often / sizeof *often; k++)
        if (!strcmp(kinds[k].name, often[i]))
            return &kinds[k];
    return &kinds[n_kinds ? draw(seed) % n_kinds : 0];
}

enum { ROOM = 4096 };

static void draw_step(struct script_step *s, uint8_t room[ROOM], uint64_t *seed)
{
    *s = (struct script_step){ .what = (enum script_what)(draw(seed) % SCRIPT_N),
                               .where = (uint8_t)(draw(seed) % SLOTS),
                               .p = room };
    if (draw(seed) % 2)
        s->what = SCRIPT_MESSAGE;
    if (script_is_message(s->what)) {
        s->n = fuzz_make(room, ROOM, draw(seed), draw_kind(seed));
        return;
    }
    s->n = s->what == SCRIPT_QUEUES ? draw(seed) % 4 * 3 : 2;
    for (size_t i = 0; i < s->n; i++)
        room[i] = (uint8_t)draw(seed);
    if (s->what == SCRIPT_TIME)
        room[0] &= 1;
}

static void change_step(struct script_step *s, uint8_t room[ROOM], uint64_t *seed)
{
    size_t k;

    if (s->n > ROOM)
        s->n = ROOM;
    if (s->n)
        memcpy(room, s->p, s->n);
    s->p = room;
    if (draw(seed) % 16 == 0)
        s->where = (uint8_t)(draw(seed) % SLOTS);
    for (k = 0; k < n_kinds && script_is_message(s->what); k++)
        if (fuzz_kind_is(&kinds[k], s->p, s->n)) {
            s->n = fuzz_mutate(room, s->n, ROOM, draw(seed), &kinds[k]);
            return;
        }
    s->n = LLVMFuzzerMutate(room, s->n, s->n < 64 ? 64 : s->n);
}

/* Writes the steps, one of them changed, left out, doubled, moved to the end, or with a new one before it. */
size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t n, size_t max, unsigned seed)
{
    uint8_t room[ROOM], more[ROOM];
    uint64_t dice = seed;
    struct script_step s, late = { .p = NULL };
    struct rd r = rd_init(p, n);
    size_t n_steps = 0, at, out;
    unsigned how;
    struct wr w;

    if (!n_kinds)
        n_kinds = fuzz_kinds(kinds);
    if (draw(&dice) % 64 == 0)
        return LLVMFuzzerMutate(p, n, max);
    while (script_read(&r, &s))
        n_steps++;
    at = draw(&dice) % (n_steps + 1);
    how = (unsigned)(draw(&dice) % 12);
    r = rd_init(p, n);
    wr_init(&w);
    for (size_t i = 0; i <= n_steps; i++) {
        if (i == at && (how < 3 || i == n_steps)) {
            draw_step(&late, more, &dice);
            script_write(&w, &late);
            late.p = NULL;
        }
        if (!script_read(&r, &s))
            break;
        if (i == at && how == 3)
            continue;
        if (i == at && how == 4)
            script_write(&w, &s);
        if (i == at && how == 5) {
            late = s;
            continue;
        }
        if (i == at && how > 5)
            change_step(&s, room, &dice);
        script_write(&w, &s);
    }
    if (late.p)
        script_write(&w, &late);
    out = w.len < max ? w.len : max;
    if (out)
        memcpy(p, w.p, out);
    wr_fini(&w);
    return out;
}

/* The beginning of one and the end of the other, cut between steps. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b, uint8_t *out, size_t max,
                                 unsigned seed)
{
    struct rd r = rd_init(a, n_a);
    uint64_t dice = seed;
    struct script_step s;
    struct wr w;
    size_t n;

    wr_init(&w);
    while (draw(&dice) % 8 && script_read(&r, &s))
        script_write(&w, &s);
    r = rd_init(b, n_b);
    while (draw(&dice) % 8 && script_read(&r, &s))
        ;
    while (script_read(&r, &s))
        script_write(&w, &s);
    n = w.len < max ? w.len : max;
    if (n)
        memcpy(out, w.p, n);
    wr_fini(&w);
    return n;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* translate_nx.c - Nicira's actions, and trama's own, that work on one frame, as operations; see translate.c. */
#include <assert.h>
#include <string.h>

#include "base/nptv6.h"
#include "datapath/group.h"
#include "datapath/key_edit.h"
#include "datapath/translate_impl.h"

/* --- moves; `take` and `give` also work on the key, as far as it tells --- */

static struct value take(const struct walk *w, struct subfield s)
{
    return subfield_take(s, key_get(w->key, s.field));
}

static void give(struct walk *w, struct subfield s, struct value v)
{
    walk_edited(w, key_set_field(w->key, s.field, subfield_place(s, v), subfield_mask(s)));
}

static void emit_move(struct walk *w, const struct act *a)
{
    uint64_t *p = program_add(w->out, OP_MOVE, 1, 0);

    if (p)
        p[0] = subfield_pack(a->src) | (uint64_t)subfield_pack(a->dst) << 32;
    give(w, a->dst, take(w, a->src));
}

static void emit_stack_push(struct walk *w, const struct act *a)
{
    if (w->n_stack == STACK_MAX) {
        walk_fail(w, DROP_TOO_LONG);
        return;
    }
    program_add(w->out, OP_STACK_PUSH, 0, subfield_pack(a->src));
    w->stack[w->n_stack++] = take(w, a->src);
    w->n_edits++; /* a clone has a stack of its own */
}

static void emit_stack_pop(struct walk *w, const struct act *a)
{
    if (!w->n_stack)
        return; /* nothing to pop changes nothing */
    program_add(w->out, OP_STACK_POP, 0, subfield_pack(a->dst));
    give(w, a->dst, w->stack[--w->n_stack]);
}

static_assert(sizeof(struct link_choice) == CHOICE_WORDS * sizeof(uint64_t), "programs hold it as it is");
enum { NPTV6_WORDS = sizeof(struct nptv6) / sizeof(uint64_t) };
static_assert(sizeof(struct nptv6) % sizeof(uint64_t) == 0, "kept in programs as whole words");
enum { PORTS_A_DATA = ACT_DATA_SIZE / sizeof(uint32_t) };

static uint64_t *emit_choice(struct walk *w, const struct link_choice *c, unsigned n_ports)
{
    uint64_t *p = program_add(w->out, OP_CHOOSE, CHOICE_WORDS + n_ports, 0);

    if (p)
        memcpy(p, c, sizeof *c);
    return p ? p + CHOICE_WORDS : NULL;
}

static void emit_multipath(struct walk *w, const struct act *a)
{
    (void)emit_choice(w, &a->choice, 0);
    give(w, subfield_unpack(a->choice.dst), value_of(link_choose(&a->choice, w->key, NULL)));
}

/* Which ports are live is decided here: a change of that is a new version. */
static void emit_bundle(struct walk *w, const struct act *a)
{
    struct link_choice c = a->choice;
    uint64_t live[LINK_HRW_MAX], *p;

    c.n_links = 0;
    for (unsigned i = 0; i < a->choice.n_links; i++) {
        uint32_t port;

        memcpy(&port, a[1 + i / PORTS_A_DATA].data + i % PORTS_A_DATA * sizeof port, sizeof port);
        if (port_is_live(w->b, port))
            live[c.n_links++] = port;
    }
    if (!c.n_links) /* told as "no port", as OpenFlow 1.0 numbers it */
        live[c.n_links++] = DP_PORT_NONE;
    if (c.algorithm == LINK_FIRST)
        c.n_links = 1;
    p = emit_choice(w, &c, c.n_links);
    if (p)
        memcpy(p, live, c.n_links * sizeof *p);
    if (c.dst == (uint32_t)LINK_NO_DST)
        w->has_output = true;
    else
        give(w, subfield_unpack(c.dst), value_of(live[link_choose(&c, w->key, live)] & UINT16_MAX));
}

static_assert(sizeof(struct learn_head) == LEARN_HEAD_WORDS * sizeof(uint64_t) &&
                  sizeof(struct learn_step) == LEARN_STEP_WORDS * sizeof(uint64_t) &&
                  sizeof(struct learn_step) == ACT_DATA_SIZE,
              "programs and lists of actions hold them as they are");

static void emit_learn(struct walk *w, const struct act *a)
{
    unsigned n = a->learn.n_steps;
    uint64_t *p = program_add(w->out, OP_LEARN, LEARN_HEAD_WORDS + n * LEARN_STEP_WORDS, 0);

    if (!p)
        return;
    if (a->learn.result != LEARN_NO_RESULT) { /* known when the program runs */
        w->n_edits++;
        w->is_stale |= walk_is_looked_at(w, subfield_unpack(a->learn.result));
    }
    memcpy(p, &a->learn, sizeof a->learn);
    for (unsigned i = 0; i < n; i++)
        memcpy(p + LEARN_HEAD_WORDS + i * LEARN_STEP_WORDS, a[1 + i].data, ACT_DATA_SIZE);
}

static void emit_output_field(struct walk *w, const struct act *a)
{
    uint64_t *p = program_add(w->out, OP_OUTPUT_FIELD, 2, subfield_pack(a->src));

    if (p) {
        p[0] = walk_packet_in_arg(w, a->max_len, w->context.reason);
        p[1] = w->context.cookie;
    }
    w->n_edits++; /* it may be NORMAL */
    w->has_output = true;
}

static void emit_output_cut(struct walk *w, const struct act *a)
{
    uint64_t *p = program_add(w->out, OP_OUTPUT_CUT, 1, a->max_bytes);

    if (p)
        p[0] = a->port;
    w->has_output = true;
}

/* Each frame says it anew, and not the key. */
static void emit_check_size(struct walk *w, const struct act *a)
{
    uint64_t *p = program_add(w->out, OP_CHECK_SIZE, 1, subfield_pack(a->dst));

    if (p)
        p[0] = a->max_len;
    w->n_edits++;
    w->is_stale |= walk_is_looked_at(w, a->dst);
}

static void emit_fin_timeout(struct walk *w, const struct act *a)
{
    uint64_t *p;

    if (w->context.stat == ACT_NO_STAT)
        return; /* a packet-out is nobody's flow */
    p = program_add(w->out, OP_FIN_TIMEOUT, 2, a->fin.idle_s | (uint64_t)a->fin.hard_s << 16);
    if (p) {
        p[0] = (uint64_t)w->context.table_id << 32 | w->context.stat;
        p[1] = w->context.cookie;
    }
}

/* The frame's own address decides, so what follows looks at the frame anew. */
static void emit_nptv6(struct walk *w, const struct act *a)
{
    struct nptv6 t = {
        .inside = a->value, .outside = a->mask, .inside_len = a->nptv6.inside_len, .outside_len = a->nptv6.outside_len
    };
    uint64_t *p = program_add(w->out, OP_NPTV6, NPTV6_WORDS, a->nptv6.is_in);

    if (p)
        memcpy(p, &t, sizeof t);
    w->n_edits++;
    w->is_stale = true;
}

void walk_do_nx(struct walk *w, const struct act *a)
{
    switch ((int)a->type) {
    case ACT_MOVE:
        emit_move(w, a);
        break;
    case ACT_STACK_PUSH:
        emit_stack_push(w, a);
        break;
    case ACT_STACK_POP:
        emit_stack_pop(w, a);
        break;
    case ACT_OUTPUT_FIELD:
        emit_output_field(w, a);
        break;
    case ACT_LEARN:
        emit_learn(w, a);
        break;
    case ACT_MULTIPATH:
        emit_multipath(w, a);
        break;
    case ACT_BUNDLE:
        emit_bundle(w, a);
        break;
    case ACT_OUTPUT_CUT:
        emit_output_cut(w, a);
        break;
    case ACT_CHECK_SIZE:
        emit_check_size(w, a);
        break;
    case ACT_FIN_TIMEOUT:
        emit_fin_timeout(w, a);
        break;
    case ACT_NPTV6:
        emit_nptv6(w, a);
        break;
    case ACT_CLAMP_MSS:
        program_add(w->out, OP_CLAMP_MSS, 0, a->mss);
        w->n_edits++;
        break;
    }
}

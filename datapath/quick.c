/* SPDX-License-Identifier: Apache-2.0 */
/* quick.c - programs in a form for plain frames: made once when a program is remembered, run for all frames of a burst that
 * share it.
 *
 * Theory.  A quick operation is one word: what to do, and the values, prepared as far as the program alone tells.  What is
 * not known before the frame is seen (does it have a tag, enough TTL, a buffer of its own?) is either asked for each frame,
 * or before the first operation by `quick_sort`, so that a frame is done with wholly here or wholly by exec.c.  Registers
 * and metadata are values of the key alone: a program that sets them for later tables to match has nothing to do here, as
 * one that reads them is not quick.  Behind a ct they count again: each is the same for all frames of a program, which says
 * it (`quick_note`).  Frames may be changed before a ct, too, but for what their tuple is made of.
 *
 * Frames are counted for the program, and handed on to its rules and tables later, however many these are: a queue holds the
 * programs with such frames, and each round of the worker settles the one that has waited longest.  All are settled before the
 * worker sleeps, and before it tells of a quiescent state with a version newer than theirs: slots of statistics go to new
 * owners two grace periods after the version that let go of them. */
#include "datapath/quick.h"

#include <rte_mbuf.h>
#include <string.h>

#include "base/bytes.h"
#include "datapath/plain_edit.h"
#include "datapath/conn_track.h"
#include "datapath/proto.h"
#include "datapath/worker.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum { TAG_LEN = 4, TAGS_MAX = 6, ETH_LEN = 14 };

/* The operation is the low byte; `arg` is above. */
enum quick {
    QUICK_HIT,     /* table << 32 | statistics slot */
    QUICK_MISS,    /* table */
    QUICK_COUNT,   /* statistics slot */
    QUICK_ETH_DST, /* address */
    QUICK_ETH_SRC, /* address */
    QUICK_VLAN,    /* bits to keep << 16 | bits to set, of the tag, if there is one */
    QUICK_PUSH,    /* tpid << 32, then as QUICK_VLAN */
    QUICK_POP,
    QUICK_TOS,     /* bits to keep << 8 | bits to set */
    QUICK_SET_TTL, /* TTL */
    QUICK_DEC_TTL,
    QUICK_ADDRESS, /* offset in the IP header << 32 | address */
    QUICK_PORT,    /* IP protocol << 24 | offset in the header << 16 | port */
};

/* --- making --- */

struct making {
    struct program *p;
    uint64_t edits[QUICK_OPS_MAX];
    unsigned n_tags;          /* pushed so far */
    bool has_popped, has_ttl; /* a tag was, the TTL was set */
    bool has_note;            /* the key alone has changed */
    bool has_tuple_edit;      /* an address or a port has */
};

static bool add_count(struct making *k, enum quick op, uint64_t arg)
{
    if (k->p->n_counts + k->p->n_ops == QUICK_OPS_MAX)
        return false;
    k->p->w[k->p->n_counts++] = (uint64_t)op | arg << 8;
    return true;
}

static bool add_edit(struct making *k, enum quick op, uint64_t arg)
{
    if (k->p->n_counts + k->p->n_ops == QUICK_OPS_MAX)
        return false;
    k->edits[k->p->n_ops++] = (uint64_t)op | arg << 8;
    return true;
}

/* Adds to a tag that was just pushed, or else to the one there is. */
static bool add_vlan(struct making *k, unsigned keep, unsigned set)
{
    uint64_t *last = k->p->n_ops ? &k->edits[k->p->n_ops - 1] : NULL;

    if (last && (*last & 0xff) == QUICK_PUSH) {
        unsigned was_kept = *last >> 24 & 0xffff, was_set = *last >> 8 & 0xffff;

        *last = (*last & ~(UINT64_C(0xffffffff) << 8)) | (uint64_t)(was_kept & keep) << 24 |
                (uint64_t)((was_set & keep) | set) << 8;
        return true;
    }
    return add_edit(k, QUICK_VLAN, (uint64_t)keep << 16 | set);
}

bool quick_is_note(unsigned word)
{
    return word == field_place[FIELD_METADATA].word ||
           (word >= field_place[FIELD_REG0].word && word < field_place[FIELD_TUNNEL_ID].word);
}

static bool add_set_field(struct making *k, enum field_id id, uint64_t v, uint64_t mask)
{
    if (mask != field_ones(id).lo && !(id == FIELD_VLAN_VID && (mask & 0xfff) == 0xfff))
        return false;
    switch ((int)id) {
    case FIELD_ETH_DST:
        return add_edit(k, QUICK_ETH_DST, v);
    case FIELD_ETH_SRC:
        return add_edit(k, QUICK_ETH_SRC, v);
    case FIELD_VLAN_VID:
        return add_vlan(k, 0xf000, v & 0xfff);
    case FIELD_VLAN_PCP:
        return add_vlan(k, 0x1fff, (unsigned)v << 13);
    case FIELD_IP_DSCP:
        return add_edit(k, QUICK_TOS, 0x03 << 8 | v << 2);
    case FIELD_IP_ECN:
        return add_edit(k, QUICK_TOS, 0xfc << 8 | v);
    case FIELD_IPV4_SRC:
        return add_edit(k, QUICK_ADDRESS, UINT64_C(12) << 32 | v);
    case FIELD_IPV4_DST:
        return add_edit(k, QUICK_ADDRESS, UINT64_C(16) << 32 | v);
    case FIELD_TCP_SRC:
        return add_edit(k, QUICK_PORT, (uint64_t)IP_PROTO_TCP << 24 | 0 << 16 | v);
    case FIELD_TCP_DST:
        return add_edit(k, QUICK_PORT, (uint64_t)IP_PROTO_TCP << 24 | 2 << 16 | v);
    case FIELD_UDP_SRC:
        return add_edit(k, QUICK_PORT, (uint64_t)IP_PROTO_UDP << 24 | 0 << 16 | v);
    case FIELD_UDP_DST:
        return add_edit(k, QUICK_PORT, (uint64_t)IP_PROTO_UDP << 24 | 2 << 16 | v);
    }
    return false;
}

static bool is_of_tuple(enum field_id id)
{
    return field_place[id].word == field_place[FIELD_IPV4_SRC].word ||
           field_place[id].word == field_place[FIELD_TCP_SRC].word;
}

static bool add_push(struct making *k, uint16_t tpid)
{
    if (!is_vlan_tpid(tpid) || k->n_tags++ == TAGS_MAX)
        return false;
    k->p->room = (uint8_t)(k->p->room + TAG_LEN);
    return add_edit(k, QUICK_PUSH, (uint64_t)tpid << 32 | UINT64_C(0xffff) << 16);
}

/* Frames whose TTL is too small are not for us to tell of. */
static bool add_dec_ttl(struct making *k)
{
    k->p->ttl_min++;
    return !k->has_ttl && add_edit(k, QUICK_DEC_TTL, 0);
}

/* Adds what the operation at `at` does; false: it is not one for plain frames. */
static bool add_op(struct making *k, const uint64_t *at)
{
    uint64_t arg = op_arg(*at);

    switch ((int)op_code(*at)) {
    case OP_HIT:
        return add_count(k, QUICK_HIT, arg);
    case OP_MISS:
        return add_count(k, QUICK_MISS, arg);
    case OP_COUNT:
        return !k->has_popped && add_count(k, QUICK_COUNT, arg | (uint64_t)k->p->room << 32);
    case OP_SET_FIELD:
        if (quick_is_note(field_place[arg].word))
            return k->has_note = true;
        k->has_tuple_edit |= is_of_tuple((enum field_id)arg);
        return op_payload(*at) == 2 && add_set_field(k, (enum field_id)arg, at[1], at[2]);
    case OP_PUSH_VLAN:
        return add_push(k, (uint16_t)arg);
    case OP_POP_VLAN:
        k->has_popped = true;
        return add_edit(k, QUICK_POP, 0);
    case OP_SET_IP_TTL:
        k->has_ttl = true;
        return add_edit(k, QUICK_SET_TTL, arg);
    case OP_DEC_IP_TTL:
        return add_dec_ttl(k);
    }
    return false;
}

/* Begins connections of which nothing is kept but how they are translated, of those that are not so by a mapping. */
static bool is_quick_commit(const struct ct_action *a)
{
    return !(a->flags & CT_FORCE) && !a->helper && !a->mark_mask && !(a->label_mask.hi | a->label_mask.lo) &&
           a->nat.mapping != NAT_MAPPING_KNOWN && !a->nat.prefix_len;
}

/* Tracking, and a table where the frame goes on with nothing; or a commit, and a port. */
static enum quick_kind make_ct(struct making *k, const uint64_t *at, uint32_t ofs)
{
    const uint64_t *next = at + 1 + op_payload(*at);
    struct ct_action a;

    memcpy(&a, at + 1, sizeof a);
    if (k->has_tuple_edit || a.zone_src || (a.flags & CT_COMMIT && !is_quick_commit(&a)))
        return QUICK_NONE;
    next += a.flags & CT_COMMIT && op_code(*next) == OP_CT_CLEAR; /* of fields that nothing asks for any more */
    k->p->ct_at = (uint16_t)ofs;
    k->p->has_notes = k->has_note;
    k->p->out = (uint16_t)op_arg(*next);
    if (a.flags & CT_COMMIT && op_code(*next) == OP_OUTPUT)
        return op_code(next[1]) == OP_END && !k->p->n_ops && !a.nat.goes_on ? QUICK_COMMIT : QUICK_NONE;
    return op_code(*next) != OP_CONTINUE || op_arg(*next) >> 8 || op_payload(*next) != 1 || next[1] ? QUICK_NONE
                                                                                                    : QUICK_CT;
}

static enum quick_kind make(struct making *k, const uint64_t *at)
{
    const uint64_t *begin = at;

    for (;; at += 1 + op_payload(*at)) {
        enum op op = op_code(*at);

        if (op == OP_CT)
            return make_ct(k, at, (uint32_t)(at - begin));
        if (op == OP_OUTPUT || op == OP_DROP) {
            k->p->out = (uint16_t)op_arg(*at);
            if (op_code(at[1]) != OP_END)
                return QUICK_NONE;
            return op == OP_OUTPUT ? QUICK_OUTPUT : QUICK_DROP;
        }
        if (!add_op(k, at))
            return QUICK_NONE;
    }
}

uint32_t program_make(struct program *out, const struct program_buf *made)
{
    struct making k;

    *out = (struct program){ .lookups = made->lookups };
    k.p = out;
    k.n_tags = 0;
    k.has_popped = k.has_ttl = k.has_note = k.has_tuple_edit = false;
    out->kind = (uint8_t)make(&k, made->w);
    if (out->kind == QUICK_NONE)
        out->n_counts = out->n_ops = 0;
    memcpy(out->w + out->n_counts, k.edits, out->n_ops * sizeof *made->w);
    memcpy(out->w + out->n_counts + out->n_ops, made->w, made->n * sizeof *made->w);
    return (uint32_t)(sizeof *out / sizeof *made->w) + out->n_counts + out->n_ops + made->n;
}

/* Of a field as wide as two words `v` and `mask` are the two. */
static void note_word(struct key *key, unsigned word, uint64_t v, uint64_t mask)
{
    key->w[word] = (key->w[word] & ~mask) | (v & mask);
}

void quick_note(const struct program *p, struct key *key)
{
    const uint64_t *words = program_words(p);

    for (const uint64_t *at = words; at < words + p->ct_at; at += 1 + op_payload(*at)) {
        unsigned word, shift;

        if (op_code(*at) != OP_SET_FIELD)
            continue;
        word = field_place[op_arg(*at)].word;
        shift = field_place[op_arg(*at)].shift;
        if (!quick_is_note(word))
            continue;
        if (op_payload(*at) == 2) {
            note_word(key, word, at[1] << shift, at[2] << shift);
        } else {
            note_word(key, word, at[1], at[3]);
            note_word(key, word + 1, at[2], at[4]);
        }
    }
}

/* --- running --- */

static ALWAYS_INLINE bool is_fit(const struct burst *f, const struct program *p, unsigned i)
{
    const struct rte_mbuf *m = f->m[i];
    uint32_t l3 = f->l3_ofs[i];

    return l3 && plain_is_own(m) && f->p[i][l3 + 8] > p->ttl_min && rte_pktmbuf_headroom(m) >= p->room &&
           rte_pktmbuf_data_len(m) <= UINT16_MAX - p->room;
}

unsigned quick_sort(struct burst *f, const struct program *p, uint8_t *which, unsigned n)
{
    uint8_t others[PORT_BURST];
    unsigned n_fit = 0, n_others = 0;

    if (!p->n_ops)
        return n;
    if (!f->is_looked_over)
        plain_look_over(f);
    for (unsigned k = 0; k < n; k++)
        if (is_fit(f, p, which[k]))
            which[n_fit++] = which[k];
        else
            others[n_others++] = which[k];
    memcpy(which + n_fit, others, n_others);
    return n_fit;
}

static ALWAYS_INLINE void store_mac(uint8_t *at, uint64_t mac)
{
    be32_store(at, (uint32_t)(mac >> 16));
    be16_store(at + 4, (uint16_t)mac);
}

static ALWAYS_INLINE void set_tag(uint8_t *tci, uint64_t arg)
{
    be16_store(tci, (uint16_t)((be16_load(tci) & arg >> 16) | (arg & 0xffff)));
}

static ALWAYS_INLINE void push(struct burst *f, unsigned i, uint64_t arg)
{
    struct rte_mbuf *m = f->m[i];
    uint8_t *p = f->p[i] - TAG_LEN;
    uint64_t first = be64_load(p + TAG_LEN);
    uint32_t rest = be32_load(p + TAG_LEN + 8);
    uint16_t tci = f->l3_ofs[i] > ETH_LEN ? be16_load(p + TAG_LEN + 14) & 0xefff : 0; /* the old tag's (5.12.1) */

    m->data_off = (uint16_t)(m->data_off - TAG_LEN);
    m->data_len = (uint16_t)(m->data_len + TAG_LEN);
    m->pkt_len += TAG_LEN;
    be64_store(p, first);
    be32_store(p + 8, rest);
    be16_store(p + 12, (uint16_t)(arg >> 32));
    be16_store(p + 14, (uint16_t)((tci & arg >> 16) | (arg & 0xffff)));
    f->p[i] = p;
    f->l3_ofs[i] = (uint8_t)(f->l3_ofs[i] + TAG_LEN);
}

static ALWAYS_INLINE void pop(struct burst *f, unsigned i)
{
    struct rte_mbuf *m = f->m[i];
    uint8_t *p = f->p[i];
    uint64_t first = be64_load(p);
    uint32_t rest = be32_load(p + 8);

    if (f->l3_ofs[i] == ETH_LEN)
        return;
    m->data_off = (uint16_t)(m->data_off + TAG_LEN);
    m->data_len = (uint16_t)(m->data_len - TAG_LEN);
    m->pkt_len -= TAG_LEN;
    be64_store(p + TAG_LEN, first);
    be32_store(p + TAG_LEN + 8, rest);
    f->p[i] = p + TAG_LEN;
    f->l3_ofs[i] = (uint8_t)(f->l3_ofs[i] - TAG_LEN);
}

/* Does one operation to one frame; `op` is the same for a whole loop, and its switch is taken out of that. */
static ALWAYS_INLINE void edit(struct burst *f, unsigned i, enum quick op, uint64_t arg)
{
    uint8_t *p = f->p[i], *ip = p + f->l3_ofs[i];

    switch (op) {
    case QUICK_HIT:
    case QUICK_MISS:
    case QUICK_COUNT:
        break;
    case QUICK_ETH_DST:
        store_mac(p, arg);
        break;
    case QUICK_ETH_SRC:
        store_mac(p + 6, arg);
        break;
    case QUICK_VLAN:
        if (f->l3_ofs[i] > ETH_LEN)
            set_tag(p + 14, arg);
        break;
    case QUICK_PUSH:
        push(f, i, arg);
        break;
    case QUICK_POP:
        pop(f, i);
        break;
    case QUICK_TOS:
        plain_set_ip16(ip, 0, (unsigned)((be16_load(ip) & (0xff00 | arg >> 8)) | (arg & 0xff)));
        break;
    case QUICK_SET_TTL:
        plain_set_ip16(ip, 8, (unsigned)(arg << 8 | ip[9]));
        break;
    case QUICK_DEC_TTL:
        plain_set_ip16(ip, 8, be16_load(ip + 8) - 0x100u);
        break;
    case QUICK_ADDRESS:
        plain_set_address(ip, (unsigned)(arg >> 32), (uint32_t)arg);
        break;
    case QUICK_PORT:
        if (ip[9] == arg >> 24)
            plain_set_port(ip, arg >> 16 & 0xff, (uint16_t)arg);
        break;
    }
}

static ALWAYS_INLINE void edit_all(struct burst *f, enum quick op, uint64_t arg, const uint8_t *which, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        edit(f, which[k], op, arg);
}

/* --- counting --- */

/* Hands on to the rules what the program's frames were. */
static void settle(struct worker *w, struct program *p)
{
    for (unsigned o = 0; o < p->n_counts; o++) {
        uint64_t arg = p->w[o] >> 8;

        switch ((int)(p->w[o] & 0xff)) {
        case QUICK_HIT:
            count_hit(w, p->bridge, arg, p->n_frames, p->n_bytes);
            break;
        case QUICK_MISS:
            counter_add(&p->bridge->counters[w->id][arg].lookups, p->n_frames);
            break;
        case QUICK_COUNT:
            stat_add(w->stats, (uint32_t)arg, p->n_frames, p->n_bytes + p->n_frames * (arg >> 32), w->now_ns);
            break;
        }
    }
    p->n_frames = 0;
    p->n_bytes = 0;
}

void quick_settle(struct worker *w, unsigned n)
{
    for (; n-- && w->counted_in != w->counted_out; w->counted_out++) {
        struct program *p = w->counted[w->counted_out % COUNTED_MAX];

        settle(w, p);
        p->is_queued = false;
    }
}

static void count(struct worker *w, const struct bridge *b, struct program *p, unsigned n, uint64_t bytes)
{
    if (!p->is_queued) {
        if (w->counted_in - w->counted_out == COUNTED_MAX)
            quick_settle(w, 1);
        w->counted[w->counted_in++ % COUNTED_MAX] = p;
        p->is_queued = true;
    } else if (unlikely(p->bridge != b)) {
        settle(w, p);
    }
    p->bridge = b;
    p->n_frames += n;
    p->n_bytes += bytes;
}

static uint64_t length_of_all(const struct burst *f, const uint8_t *which, unsigned n)
{
    uint64_t sum = 0;

    for (unsigned k = 0; k < n; k++)
        sum += rte_pktmbuf_pkt_len(f->m[which[k]]);
    return sum;
}

void quick_count(struct worker *w, const struct bridge *b, struct burst *f, struct program *p, const uint8_t *which,
                 unsigned n)
{
    if (p->n_counts)
        count(w, b, p, n, length_of_all(f, which, n));
}

void quick_run(struct worker *w, const struct bridge *b, struct burst *f, struct program *p, const uint8_t *which,
               unsigned n)
{
    const uint64_t *ops = p->w + p->n_counts;

    quick_count(w, b, f, p, which, n);
    for (unsigned o = 0; o < p->n_ops; o++) {
        uint64_t arg = ops[o] >> 8;

        switch ((enum quick)(ops[o] & 0xff)) {
        case QUICK_HIT:
        case QUICK_MISS:
        case QUICK_COUNT:
            break;
        case QUICK_ETH_DST:
            edit_all(f, QUICK_ETH_DST, arg, which, n);
            break;
        case QUICK_ETH_SRC:
            edit_all(f, QUICK_ETH_SRC, arg, which, n);
            break;
        case QUICK_VLAN:
            edit_all(f, QUICK_VLAN, arg, which, n);
            break;
        case QUICK_PUSH:
            edit_all(f, QUICK_PUSH, arg, which, n);
            break;
        case QUICK_POP:
            edit_all(f, QUICK_POP, arg, which, n);
            break;
        case QUICK_TOS:
            edit_all(f, QUICK_TOS, arg, which, n);
            break;
        case QUICK_SET_TTL:
            edit_all(f, QUICK_SET_TTL, arg, which, n);
            break;
        case QUICK_DEC_TTL:
            edit_all(f, QUICK_DEC_TTL, arg, which, n);
            break;
        case QUICK_ADDRESS:
            edit_all(f, QUICK_ADDRESS, arg, which, n);
            break;
        case QUICK_PORT:
            edit_all(f, QUICK_PORT, arg, which, n);
            break;
        }
    }
}

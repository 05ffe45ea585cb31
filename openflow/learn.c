/* SPDX-License-Identifier: Apache-2.0 */
/* learn.c - the wire form of learn's specs; see learn.h.  A spec is a number of 16 bits (how many bits it is about, where they
 * come from, where they go), then the source, a field with an offset or the value itself, then the destination.  Zero ends. */
#include "openflow/learn.h"

#include <errno.h>

#include "openflow/codec.h"

enum { SRC_IMMEDIATE = 1 << 13, DST_SHIFT = 11, DST_MASK = 3, N_BITS = 0x7ff, RESERVED = 0xc000 };

static int bad(struct dec *d)
{
    return dec_fail(d, OFPET_BAD_ACTION, OFPBAC_BAD_ARGUMENT);
}

/* Bytes of an immediate value. */
static size_t imm_size(unsigned n_bits)
{
    return (n_bits + 15) / 16 * 2;
}

static struct value read_imm(struct rd *r, unsigned n_bits)
{
    struct value v = { 0 };

    for (size_t n = imm_size(n_bits); n; n -= 2) {
        v.hi = v.hi << 16 | v.lo >> 48;
        v.lo = v.lo << 16 | rd_u16(r);
    }
    return v;
}

static int read_subfield(struct dec *d, struct rd *r, uint16_t n_bits, struct subfield *out)
{
    int err = dec_fieldid(d, r, &out->field);

    out->ofs = rd_u16(r);
    out->n_bits = n_bits;
    if (err)
        return err;
    return r->bad || out->field == FIELD_NONE || subfield_is_valid(*out) ? 0 : bad(d);
}

static int read_spec(struct dec *d, struct rd *r, uint16_t head, struct learn_spec *s)
{
    struct value ones = value_ones(head & N_BITS);
    int err = 0;

    *s = (struct learn_spec){ .kind = (enum learn_dst)(head >> DST_SHIFT & DST_MASK),
                              .is_immediate = head & SRC_IMMEDIATE,
                              .n_bits = head & N_BITS };
    if (head & RESERVED || s->kind > LEARN_OUTPUT || !s->n_bits || s->n_bits > 128 ||
        (s->kind == LEARN_OUTPUT && s->is_immediate))
        return bad(d);
    if (s->is_immediate)
        s->imm = read_imm(r, s->n_bits);
    else
        err = read_subfield(d, r, s->n_bits, &s->src);
    if (!err && (s->imm.hi & ~ones.hi || s->imm.lo & ~ones.lo))
        err = bad(d);
    if (!err && s->kind != LEARN_OUTPUT)
        err = read_subfield(d, r, s->n_bits, &s->dst);
    return err;
}

static int read_specs(struct dec *d, struct rd *r, struct learn *out)
{
    out->specs = arena_calloc(d->arena, r->left / 8 + 1, sizeof *out->specs); /* none is shorter */
    if (!out->specs)
        return -ENOMEM;
    while (r->left >= 2) {
        uint16_t head = rd_u16(r);
        int err;

        if (!head)
            break;
        err = read_spec(d, r, head, &out->specs[out->n_specs]);
        if (err)
            return err;
        if (r->bad)
            return dec_fail(d, OFPET_BAD_ACTION, OFPBAC_BAD_LEN);
        out->n_specs++;
    }
    while (r->left)
        if (rd_u8(r))
            return bad(d);
    return 0;
}

int learn_decode(struct learn *out, struct arena *a, const struct ofp_nx_action *act, struct ofp_err *err)
{
    const struct ofp_nx_learn *l = &act->learn;
    const struct ofp_nx_learn2 *l2 = &act->learn2;
    struct dec d = { .arena = a, .err = err, .version = OFP_VERSION_13 };
    struct rd r;
    int res = 0;

    if (act->subtype == NXAST_LEARN) {
        r = rd_init(l->specs, l->n_specs);
        *out = (struct learn){ l->idle_timeout, l->hard_timeout, l->fin_idle_timeout, l->fin_hard_timeout, l->priority,
                               l->cookie,       l->flags,        l->table_id };
        if (l->flags & NX_LEARN_F_WRITE_RESULT)
            return bad(&d);
    } else {
        r = rd_init(l2->specs, l2->n_specs);
        *out = (struct learn){ l2->idle_timeout,
                               l2->hard_timeout,
                               l2->fin_idle_timeout,
                               l2->fin_hard_timeout,
                               l2->priority,
                               l2->cookie,
                               l2->flags,
                               l2->table_id,
                               l2->limit };
        if (l2->flags & NX_LEARN_F_WRITE_RESULT) {
            res = dec_fieldid(&d, &r, &out->result_dst.field);
            out->result_dst.ofs = l2->result_dst_ofs;
            out->result_dst.n_bits = 1;
            if (!res && (r.bad || !subfield_is_valid(out->result_dst)))
                res = bad(&d);
        }
    }
    return res ? res : read_specs(&d, &r, out);
}

/* --- writing --- */

static void write_imm(struct wr *w, unsigned n_bits, struct value v)
{
    for (size_t n = imm_size(n_bits); n; n -= 2) {
        unsigned shift = (unsigned)(n - 2) * 8;

        wr_u16(w, (uint16_t)(shift >= 64 ? v.hi >> (shift - 64) : v.lo >> shift));
    }
}

static void write_spec(struct wr *w, const struct learn_spec *s)
{
    wr_u16(w, (uint16_t)((s->is_immediate ? SRC_IMMEDIATE : 0) | (unsigned)s->kind << DST_SHIFT | s->n_bits));
    if (s->is_immediate) {
        write_imm(w, s->n_bits, s->imm);
    } else {
        enc_fieldid(w, s->src.field);
        wr_u16(w, s->src.ofs);
    }
    if (s->kind != LEARN_OUTPUT) {
        enc_fieldid(w, s->dst.field);
        wr_u16(w, s->dst.ofs);
    }
}

void learn_encode(struct ofp_nx_action *out, struct wr *w, const struct learn *l)
{
    bool is_2 = l->limit || l->flags & NX_LEARN_F_WRITE_RESULT;

    if (l->flags & NX_LEARN_F_WRITE_RESULT)
        enc_fieldid(w, l->result_dst.field);
    for (size_t i = 0; i < l->n_specs; i++)
        write_spec(w, &l->specs[i]);
    *out = (struct ofp_nx_action){ .subtype = is_2 ? NXAST_LEARN2 : NXAST_LEARN };
    if (is_2)
        out->learn2 = (struct ofp_nx_learn2){
            l->idle_timeout,     l->hard_timeout,     l->priority, l->cookie,         l->flags, l->table_id,
            l->fin_idle_timeout, l->fin_hard_timeout, l->limit,    l->result_dst.ofs, w->p,     w->len
        };
    else
        out->learn =
            (struct ofp_nx_learn){ l->idle_timeout, l->hard_timeout,     l->priority,         l->cookie, l->flags,
                                   l->table_id,     l->fin_idle_timeout, l->fin_hard_timeout, w->p,      w->len };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* quick_ct.c - see quick_ct.h.
 *
 * Theory.  Three loops over the frames, so that each waits for memory together with the others: tuples and hashes (and the buckets
 * are asked for), buckets (and the connections are asked for), connections.  Then the frames are as they go on, and a fourth
 * finds the programs of the table that follows, under the same entry mask and in the same cache as exec's continuation does. */
#include "datapath/quick_ct.h"

#include <rte_cycles.h>
#include <string.h>

#include "datapath/conn_packet.h"
#include "datapath/datapath_impl.h"
#include "datapath/plain_edit.h"
#include "datapath/quick.h"

/* --- frames --- */

static uint16_t sum_of(const uint8_t *p, unsigned n)
{
    uint64_t sum = 0;

    for (; n >= 8; p += 8, n -= 8) {
        uint64_t v;

        memcpy(&v, p, sizeof v);
        sum += v & 0xffffffff;
        sum += v >> 32;
    }
    for (; n >= 2; p += 2, n -= 2) {
        uint16_t v;

        memcpy(&v, p, sizeof v);
        sum += v;
    }
    if (n)
        sum += *p; /* sums are over words as memory has them */
    return csum_fold(sum);
}

/* Headers and payload in one piece, and right. */
static bool is_summed_right(const struct rte_mbuf *m, const uint8_t *ip, unsigned n_l4)
{
    uint64_t flags = m->ol_flags;
    uint64_t sum;

    if (sum_of(ip, 20) != 0xffff)
        return false;
    if ((flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD ||
        (ip[9] == IP_PROTO_UDP && !be16_load(ip + 26)))
        return true;
    sum = (uint64_t)sum_of(ip + 12, 8 + n_l4) + __builtin_bswap16((uint16_t)n_l4) + __builtin_bswap16(ip[9]);
    return csum_fold(sum) == 0xffff;
}

/* Of a plain frame.  False: for conn_packet_read() to look at. */
static bool read_packet(struct conn_packet *cp, const struct rte_mbuf *m, const uint8_t *ip, uint16_t zone)
{
    const uint8_t *h = ip + 20;
    unsigned n_l4 = be16_load(ip + 2) - 20u, header = (h[12] >> 4) * 4u;

    if (!plain_is_own(m) || !is_summed_right(m, ip, n_l4))
        return false;
    cp->tuple = (struct conn_tuple){
        .src = value_of(be32_load(ip + 12)),
        .dst = value_of(be32_load(ip + 16)),
        .src_port = be16_load(h),
        .dst_port = be16_load(h + 2),
        .zone = zone,
        .proto = ip[9],
        .family = 4,
    };
    if (ip[9] == IP_PROTO_UDP) {
        cp->kind = CONN_KIND_UDP;
        return be16_load(h + 4) >= 8 && be16_load(h + 4) <= n_l4;
    }
    cp->kind = CONN_KIND_TCP;
    cp->tcp = (struct tcp_segment){
        .seq = be32_load(h + 4),
        .ack = be32_load(h + 8),
        .len = n_l4 - header,
        .window = be16_load(h + 14),
        .flags = h[13] & 0x3f,
        .scale = -1,
    };
    return header >= 20 && header <= n_l4 && !(h[13] & TCP_SYN); /* a SYN has options */
}

static void translate(uint8_t *ip, const struct ct_seen *s)
{
    const struct conn_tuple *is = &s->tuple[s->dir],
                            *answer = &s->tuple[!s->dir]; /* wanted is the inverse of the answer */

    if (answer->dst.lo != is->src.lo)
        plain_set_address(ip, 12, (uint32_t)answer->dst.lo);
    if (answer->src.lo != is->dst.lo)
        plain_set_address(ip, 16, (uint32_t)answer->src.lo);
    if (answer->dst_port != is->src_port)
        plain_set_port(ip, 0, answer->dst_port);
    if (answer->src_port != is->dst_port)
        plain_set_port(ip, 2, answer->src_port);
}

/* --- keys --- */

static uint64_t at(enum field_id id, uint64_t v)
{
    return v << field_place[id].shift;
}

/* A word of the ct fields. */
static uint64_t ct_word(const struct ct_seen *s, unsigned word)
{
    const struct conn_tuple *o = &s->tuple[CONN_ORIGINAL];

    if (word == field_place[FIELD_CT_STATE].word)
        return at(FIELD_CT_STATE, s->state) | at(FIELD_CT_MARK, s->mark);
    if (word == field_place[FIELD_CT_LABEL].word)
        return s->label.hi;
    if (word == field_place[FIELD_CT_LABEL].word + 1u)
        return s->label.lo;
    if (word == field_place[FIELD_CT_NW_SRC].word)
        return at(FIELD_CT_NW_SRC, o->src.lo) | at(FIELD_CT_NW_DST, o->dst.lo);
    if (word == field_place[FIELD_CT_ZONE].word)
        return at(FIELD_CT_ZONE, o->zone) | at(FIELD_CT_TP_SRC, o->src_port) | at(FIELD_CT_TP_DST, o->dst_port) |
               at(FIELD_CT_NW_PROTO, o->proto);
    return 0;
}

static bool is_ct_word(unsigned word)
{
    return word >= field_place[FIELD_CT_STATE].word && word < field_place[FIELD_ETH_DST].word;
}

/* As key_alone() of pipeline.c makes them. */
static void make_keys(struct quick_ct *q, const struct entry_mask *m, const struct cache_point *point)
{
    struct burst *f = &q->burst;
    struct key_columns *k = &f->keys;

    k->n_words = m->n;
    for (unsigned i = 0; i < f->n; i++)
        k->hash[i] = cache_hash_begin(point);
    for (unsigned j = 0; j < m->n; j++) {
        uint64_t *out = k->word[j], mask = m->mask[j], port = ((uint64_t)f->in_port << 32 | f->in_port) & mask;
        unsigned word = m->word[j];

        if (word == field_place[FIELD_IN_PORT].word)
            for (unsigned i = 0; i < f->n; i++)
                out[i] = port;
        else if (is_ct_word(word))
            for (unsigned i = 0; i < f->n; i++)
                out[i] = ct_word(&q->seen[i], word) & mask;
        else
            plain_word(f, word, mask, out);
        for (unsigned i = 0; i < f->n; i++)
            k->hash[i] = hash_add(k->hash[i], out[i]);
    }
    for (unsigned i = 0; i < f->n; i++)
        k->hash[i] = cache_hash_end(k->hash[i]);
}

/* --- all of it --- */

/* Finds connections; fills the burst and what is seen of its frames. */
static void track(struct worker *w, struct burst *f, const struct ct_action *a, const uint8_t *which, unsigned n,
                  struct quick_ct_rest *rest)
{
    struct conn_table *t = conn_track_table(w->dp);
    struct quick_ct *q = w->ct;
    struct conn_packet packets[PORT_BURST];
    uint64_t hash[PORT_BURST];
    uint8_t from[PORT_BURST];
    struct conn *held = NULL;
    unsigned n_read = 0, n_known = 0;

    for (unsigned k = 0; k < n; k++) {
        unsigned i = which[k];

        if (!t || !f->l3_ofs[i] || !read_packet(&packets[n_read], f->m[i], f->p[i] + f->l3_ofs[i], a->zone)) {
            rest->others[rest->n_others++] = (uint8_t)i;
            continue;
        }
        hash[n_read] = conn_hash(t, &packets[n_read].tuple);
        conn_expect_bucket(t, hash[n_read]);
        from[n_read++] = (uint8_t)i;
    }
    for (unsigned k = 0; k < n_read; k++)
        conn_expect(t, hash[k]);
    for (unsigned k = 0; k < n_read; k++) {
        struct ct_seen *s = &q->seen[n_known];
        unsigned i = from[k];

        if (!conn_track_quick(w, t, &packets[k], hash[k], rte_pktmbuf_pkt_len(f->m[i]), s, &held)) {
            rest->others[rest->n_others++] = (uint8_t)i;
            continue;
        }
        if (s->nat && a->flags & CT_NAT) {
            translate(f->p[i] + f->l3_ofs[i], s);
            s->state |= conn_track_nat_bits(s);
        }
        q->burst.m[n_known] = f->m[i];
        q->burst.p[n_known] = f->p[i];
        q->burst.l3_ofs[n_known++] = f->l3_ofs[i];
    }
    if (held)
        conn_unlock(held);
    q->burst.n = n_known;
    q->burst.in_port = f->in_port;
    q->burst.is_looked_over = true;
}

/* Puts those without a quick program aside. */
static void sort_out(struct quick_ct *q, struct quick_ct_rest *rest)
{
    struct burst *f = &q->burst;
    unsigned n = 0;

    for (unsigned i = 0; i < f->n; i++) {
        const struct program *p = f->program[i];

        if (!p || p->kind == QUICK_NONE || p->kind == QUICK_CT) {
            rest->frames[rest->n_alone] = f->m[i];
            rest->alone[rest->n_alone++] = (uint8_t)i;
            continue;
        }
        f->m[n] = f->m[i];
        f->p[n] = f->p[i];
        f->l3_ofs[n] = f->l3_ofs[i];
        f->program[n++] = f->program[i];
    }
    f->n = n;
}

void quick_ct_run(struct worker *w, const struct bridge *b, struct burst *f, struct program *p, const uint8_t *which,
                  unsigned n, struct quick_ct_rest *rest)
{
    const struct entry_mask *m = atomic_load_explicit(&b->entry, memory_order_acquire);
    struct cache_point point = {
        .space = cache_space(m->serial, p->out), .version = w->version, .mask = m, .changes = &b->changes
    };
    struct quick_ct *q = w->ct;
    struct ct_action a;

    memcpy(&a, program_words(p) + p->ct_at + 1, sizeof a);
    if (!f->is_looked_over)
        plain_look_over(f);
    rest->n_alone = rest->n_others = 0;
    track(w, f, &a, which, n, rest);
    if (!q->burst.n)
        return;
    make_keys(q, m, &point);
    counter_add(&w->cache_hits, cache_find(w->cache, &point, &q->burst.keys, q->burst.n, q->burst.program));
    sort_out(q, rest);
}

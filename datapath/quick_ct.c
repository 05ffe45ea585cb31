/* SPDX-License-Identifier: Apache-2.0 */
/* quick_ct.c - see quick_ct.h.
 *
 * Theory.  Three loops over the frames, so that each waits for memory together with the others: tuples and hashes (and the buckets
 * are asked for), buckets (and the connections are asked for), connections.  What making a connection will read is asked for
 * already, too.  A frame of no connection begins one where the action commits, or else goes on with the others, as a new one;
 * where all that follows is a commit and a port, those of a burst begin together, and go out.  Frames of one connection come in
 * runs: what was found for the last two is not looked for again.  Then the frames are as they go on, and a fourth loop finds the
 * programs of the table that follows, under the same entry mask and in the same cache as exec's continuation does. */
#include "datapath/quick_ct.h"

#include <errno.h>
#include <string.h>

#include "datapath/conn_packet.h"
#include "datapath/datapath_impl.h"
#include "datapath/plain_edit.h"
#include "datapath/quick.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* --- frames --- */

/* Adds a word, and the carry back in at the bottom. */
static ALWAYS_INLINE uint64_t add_word(uint64_t sum, uint64_t v)
{
    uint64_t out;
    bool carry = __builtin_add_overflow(sum, v, &out);

    return out + carry;
}

/* Over words as memory has them: their sum is that of words in network order, its bytes the other way around. */
static ALWAYS_INLINE uint64_t sum_of(const uint8_t *p, unsigned n)
{
    uint64_t sum = 0, v = 0;

    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&v, p, sizeof v);
        sum = add_word(sum, v);
    }
    v = 0;
    if (n & 4) {
        uint32_t v32;

        memcpy(&v32, p, sizeof v32);
        sum = add_word(sum, v32);
        p += 4;
    }
    for (unsigned i = 0; i < (n & 3); i++)
        v |= (uint64_t)p[i] << 8 * i;
    return add_word(sum, v);
}

static ALWAYS_INLINE uint16_t fold(uint64_t sum)
{
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    return csum_fold(sum);
}

/* Headers and payload in one piece, and right. */
static bool is_summed_right(const struct rte_mbuf *m, const uint8_t *ip, unsigned n_l4)
{
    uint64_t flags = m->ol_flags;
    uint64_t sum;

    if (fold(sum_of(ip, 20)) != 0xffff)
        return false;
    if ((flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD ||
        (ip[9] == IP_PROTO_UDP && !be16_load(ip + 26)))
        return true;
    sum = __builtin_bswap16((uint16_t)n_l4) + (uint64_t)__builtin_bswap16(ip[9]);
    return fold(add_word(sum_of(ip + 12, 8 + n_l4), sum)) == 0xffff;
}

/* Of a plain frame, all but the tuple.  False: for conn_packet_read() to look at. */
static bool read_packet(struct conn_packet *cp, const struct rte_mbuf *m, const uint8_t *ip)
{
    const uint8_t *h = ip + 20;
    unsigned n_l4 = be16_load(ip + 2) - 20u, header = (h[12] >> 4) * 4u;

    if (!plain_is_own(m) || !is_summed_right(m, ip, n_l4))
        return false;
    if (ip[9] == IP_PROTO_UDP) {
        cp->kind = CONN_KIND_UDP;
        return be16_load(h + 4) == n_l4; /* one that ends before its packet does is summed otherwise */
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
    if (header < 20 || header > n_l4)
        return false;
    if (cp->tcp.flags & TCP_SYN)
        cp->tcp.scale = conn_packet_scale(h, header);
    return true;
}

static ALWAYS_INLINE void read_tuple(struct conn_tuple *out, const uint8_t *ip, uint16_t zone)
{
    *out = (struct conn_tuple){
        .src = value_of(be32_load(ip + 12)),
        .dst = value_of(be32_load(ip + 16)),
        .src_port = be16_load(ip + 20),
        .dst_port = be16_load(ip + 22),
        .zone = zone,
        .proto = ip[9],
        .family = 4,
    };
}

/* What a translation does to the frames of one side: addresses and ports as they shall be, and how the checksums change. */
struct edit {
    uint64_t addresses;
    uint32_t ports;
    uint16_t ip_delta, l4_delta;
};

static struct edit edit_of(const uint8_t *ip, const struct ct_seen *s)
{
    const struct conn_tuple *answer = &s->tuple[!s->dir]; /* wanted is its inverse */
    uint64_t src = (uint32_t)answer->dst.lo, dst = (uint32_t)answer->src.lo;
    uint32_t ports = (uint32_t)answer->dst_port << 16 | answer->src_port;
    uint64_t was = (uint64_t)be32_load(ip + 12) + be32_load(ip + 16);

    return (struct edit){
        .addresses = src << 32 | dst,
        .ports = ports,
        .ip_delta = csum_delta(csum_fold(was), csum_fold(src + dst)),
        .l4_delta = csum_delta(csum_fold(was + be32_load(ip + 20)), csum_fold(src + dst + ports)),
    };
}

static void translate(uint8_t *ip, const struct edit *e)
{
    be64_store(ip + 12, e->addresses);
    be32_store(ip + 20, e->ports);
    plain_fix_ip(ip, e->ip_delta);
    plain_fix_l4(ip, e->l4_delta);
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
    struct key notes;
    struct burst *f = &q->burst;
    struct key_columns *k = &f->keys;

    if (q->from->has_notes) {
        memset(&notes, 0, sizeof notes);
        quick_note(q->from, &notes);
    }
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
        else if (q->from->has_notes && quick_is_note(word))
            for (unsigned i = 0; i < f->n; i++)
                out[i] = notes.w[word] & mask;
        else
            plain_word(f, word, mask, out);
        for (unsigned i = 0; i < f->n; i++)
            k->hash[i] = hash_add(k->hash[i], out[i]);
    }
    for (unsigned i = 0; i < f->n; i++)
        k->hash[i] = cache_hash_end(k->hash[i]);
}

/* --- all of it --- */

enum { NOT_ALIKE = UINT8_MAX, TAGGED_LEN = 18 };

/* Frames that have been read, and what their connections are. */
struct reading {
    struct conn_table *table;
    const struct ct_action *action;
    unsigned n;
    /* A frame that begins a connection may go with the others: nothing is expected, no mapping lets it in. */
    bool has_new;
    struct conn_packet packet[PORT_BURST];
    uint64_t addresses[PORT_BURST], ports[PORT_BURST]; /* and protocol: as the frame has them, to be compared */
    uint64_t hash[PORT_BURST];
    uint8_t from[PORT_BURST];
    uint8_t like[PORT_BURST]; /* an earlier one of the same tuple; NOT_ALIKE: none was found */
    unsigned n_new;
    uint64_t new_hash[PORT_BURST]; /* of those that begin a connection */
    struct conn *conn[PORT_BURST];
    /* Of the connection: another one may have taken its place when it was let go meanwhile. */
    uint32_t serial[PORT_BURST];
    enum conn_dir dir[PORT_BURST];
    struct edit edit[PORT_BURST]; /* of those that are translated */
};

/* Frames of one connection come in runs, and often in both directions: one of the last two may have been alike.  Of a run it is the
 * first that all are like: only its tuple has been read. */
static uint8_t find_like(const struct reading *r, unsigned k)
{
    for (unsigned back = 1; back <= 2 && back <= k; back++) {
        unsigned j = k - back;

        if (r->addresses[k] == r->addresses[j] && r->ports[k] == r->ports[j])
            return r->like[j] == NOT_ALIKE ? (uint8_t)j : r->like[j];
    }
    return NOT_ALIKE;
}

static uint64_t addresses_of(const uint8_t *ip)
{
    uint64_t v;

    memcpy(&v, ip + 12, sizeof v);
    return v;
}

static uint64_t ports_of(const uint8_t *ip)
{
    uint32_t v;

    memcpy(&v, ip + 20, sizeof v);
    return (uint64_t)ip[9] << 32 | v;
}

/* A frame behind one of its connection that goes alone, or begins it, goes alone, too: in its turn, when the connection is there
 * and the others are sent. */
static bool is_behind(const struct reading *r, unsigned k, const struct burst *f, const struct quick_ct_rest *rest)
{
    for (unsigned j = 0; j < r->n_new; j++)
        if (r->hash[k] == r->new_hash[j])
            return true;
    for (unsigned j = 0; j < rest->n_others; j++) {
        const uint8_t *ip = f->p[rest->others[j]] + f->l3_ofs[rest->others[j]];

        if (r->addresses[k] == addresses_of(ip) && r->ports[k] == ports_of(ip))
            return true;
    }
    return false;
}

/* Reads frame `i`; false: it is not simple. */
static bool read_frame(struct reading *r, const struct conn_table *t, const struct burst *f, unsigned i, uint16_t zone)
{
    const uint8_t *ip = f->p[i] + f->l3_ofs[i];
    unsigned k = r->n;

    if (!f->l3_ofs[i] || f->l3_ofs[i] > TAGGED_LEN || !read_packet(&r->packet[k], f->m[i], ip))
        return false;
    r->addresses[k] = addresses_of(ip);
    r->ports[k] = ports_of(ip);
    r->like[k] = find_like(r, k);
    if (r->like[k] != NOT_ALIKE) {
        r->hash[k] = r->hash[r->like[k]];
    } else {
        read_tuple(&r->packet[k].tuple, ip, zone);
        r->hash[k] = conn_hash(t, &r->packet[k].tuple);
        conn_expect_bucket(t, r->hash[k]);
    }
    r->from[r->n++] = (uint8_t)i;
    return true;
}

/* A connection is likely to begin, after `n_before` others: its waits for memory begin now. */
static void expect_new(struct worker *w, const struct conn_table *t, const struct conn_tuple *tuple, unsigned n_before)
{
    conn_expect_place(t, w->id, n_before);
    nat_expect(t, tuple, &w->ct->expected);
}

enum tracked { TRACKED, TRACKED_NOT, TRACKED_DROP };

/* A frame has no connection: with a commit it begins one.  DROP: it cannot, and that is counted. */
static enum tracked begin_tracked(struct worker *w, struct conn_table *t, const struct ct_action *a,
                                  const struct ct_frame *frame, struct ct_seen *s)
{
    int err = a->flags & CT_COMMIT ? conn_track_begin(w, t, frame, a, s) : 0;

    if (!err || err == -EEXIST ||
        a->nat.goes_on) /* another worker was quicker, or the frame goes on without a connection */
        return err ? TRACKED_NOT : TRACKED;
    worker_drop(w, conn_track_drop(err));
    return TRACKED_DROP;
}

/* The k-th frame's connection, counted and locked (`*held`), or that it would begin one, or has; NOT: it is not as simple as
 * that. */
static enum tracked track_one(struct worker *w, struct reading *r, unsigned k, const struct burst *f, struct ct_seen *s,
                              struct conn **held)
{
    uint8_t like = r->like[k];
    struct ct_frame frame = {
        .packet = &r->packet[k],
        .hash = r->hash[k],
        .n_bytes = rte_pktmbuf_pkt_len(f->m[r->from[k]]),
        .is_held = like != NOT_ALIKE && *held && r->conn[like] == *held && r->serial[like] == (*held)->serial,
    };

    if (frame.is_held)
        s->dir = r->dir[like];
    else if (like != NOT_ALIKE)
        r->packet[k].tuple = r->packet[like].tuple;
    r->conn[k] = NULL;
    switch (conn_track_quick(w, r->table, &frame, s, held)) {
    case CT_QUICK_OTHER:
        return TRACKED_NOT;
    case CT_QUICK_NEW: /* nothing is held then */
        r->new_hash[r->n_new++] = r->hash[k];
        return r->has_new ? begin_tracked(w, r->table, r->action, &frame, s) : TRACKED_NOT;
    case CT_QUICK_KNOWN:
        break;
    }
    r->conn[k] = *held;
    r->serial[k] = (*held)->serial;
    r->dir[k] = s->dir;
    return TRACKED;
}

/* Finds connections; fills the burst and what is seen of its frames. */
static void track(struct worker *w, struct burst *f, const struct ct_action *a, const uint8_t *which, unsigned n,
                  struct quick_ct_rest *rest)
{
    struct conn_table *t = conn_track_table(w->dp);
    struct quick_ct *q = w->ct;
    struct reading r;
    struct conn *held = NULL;
    unsigned n_known = 0, n_new = 0;

    r.table = t;
    r.action = a;
    r.n = r.n_new = 0;
    r.has_new = t && !conn_n_expected(t) && !(a->flags & CT_NAT && a->nat.mapping == NAT_MAPPING_KNOWN);
    for (unsigned k = 0; k < n; k++)
        if (!t || !read_frame(&r, t, f, which[k], a->zone))
            rest->others[rest->n_others++] = which[k];
    for (unsigned k = 0; k < r.n; k++)
        if (r.like[k] == NOT_ALIKE && !conn_expect(t, r.hash[k]))
            expect_new(w, t, &r.packet[k].tuple, n_new++);
    for (unsigned k = 0; k < r.n; k++) {
        struct ct_seen *s = &q->seen[n_known];
        unsigned i = r.from[k];

        enum tracked is = is_behind(&r, k, f, rest) ? TRACKED_NOT : track_one(w, &r, k, f, s, &held);

        if (is == TRACKED_NOT)
            rest->others[rest->n_others++] = (uint8_t)i;
        else if (is == TRACKED_DROP)
            rest->dropped[rest->n_dropped++] = (uint8_t)i;
        if (is != TRACKED)
            continue;
        if (s->nat && a->flags & CT_NAT) {
            bool is_known =
                r.like[k] != NOT_ALIKE && r.conn[r.like[k]] == r.conn[k] && r.serial[r.like[k]] == r.serial[k];

            r.edit[k] = is_known ? r.edit[r.like[k]] : edit_of(f->p[i] + f->l3_ofs[i], s);
            translate(f->p[i] + f->l3_ofs[i], &r.edit[k]);
            s->state |= conn_track_nat_bits(s);
        }
        if (!s->has_conn) /* it may begin one yet */
            q->fresh[n_known] = r.packet[k];
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

/* The action ct of a program that has one. */
static void action_of(struct ct_action *a, const struct program *p)
{
    memcpy(a, program_words(p) + p->ct_at + 1, sizeof *a);
}

/* Can the program be carried out on a frame of which this has been seen?  A connection begins in the zone that was looked into. */
static bool is_quick(const struct program *p, const struct ct_seen *s)
{
    struct ct_action a;

    if (!p || p->kind == QUICK_NONE || p->kind == QUICK_CT)
        return false;
    if (p->kind != QUICK_COMMIT)
        return true;
    action_of(&a, p);
    return !s->has_conn && a.zone == s->tuple[CONN_ORIGINAL].zone;
}

/* Puts those without a quick program aside. */
static void sort_out(struct quick_ct *q, struct quick_ct_rest *rest)
{
    struct burst *f = &q->burst;
    unsigned n = 0;

    for (unsigned i = 0; i < f->n; i++) {
        const struct program *p = f->program[i];

        if (!is_quick(p, &q->seen[i])) {
            rest->frames[rest->n_alone] = f->m[i];
            rest->words[rest->n_alone] = p ? program_words(p) : NULL;
            rest->alone[rest->n_alone++] = (uint8_t)i;
            continue;
        }
        f->m[n] = f->m[i];
        f->p[n] = f->p[i];
        f->l3_ofs[n] = f->l3_ofs[i];
        q->at[n] = (uint8_t)i;
        f->program[n++] = f->program[i];
    }
    f->n = n;
}

void quick_ct_run(struct worker *w, const struct bridge *b, struct burst *f, const uint8_t *which, unsigned n_fit,
                  unsigned n, struct quick_ct_rest *rest)
{
    struct program *p = f->program[which[0]];
    const struct entry_mask *m = atomic_load_explicit(&b->entry, memory_order_acquire);
    struct cache_point point = {
        .space = cache_space(m->serial, p->out), .version = w->version, .mask = m, .changes = &b->changes
    };
    struct quick_ct *q = w->ct;
    struct ct_action a;

    action_of(&a, p);
    if (!f->is_looked_over)
        plain_look_over(f);
    rest->n_alone = rest->n_dropped = 0;
    rest->n_others = n - n_fit;
    memcpy(rest->others, which + n_fit, n - n_fit);
    q->from = p;
    track(w, f, &a, which, n_fit, rest);
    if (!q->burst.n)
        return;
    make_keys(q, m, &point);
    counter_add(&w->cache_hits, cache_find(w->cache, &point, &q->burst.keys, q->burst.n, q->burst.program));
    sort_out(q, rest);
}

/* Begins the connection of frame `i` of the burst, and translates it.  0, or as conn_track_begin(). */
static int begin(struct worker *w, struct conn_table *t, const struct ct_action *a, unsigned i)
{
    struct quick_ct *q = w->ct;
    struct ct_seen *s = &q->seen[q->at[i]];
    struct ct_frame frame = { .packet = &q->fresh[q->at[i]], .n_bytes = rte_pktmbuf_pkt_len(q->burst.m[i]) };
    uint8_t *ip = q->burst.p[i] + q->burst.l3_ofs[i];
    int err = conn_track_begin(w, t, &frame, a, s);
    struct edit e;

    if (err || !s->nat)
        return err;
    e = edit_of(ip, s);
    translate(ip, &e);
    return 0;
}

struct quick_ct_begun quick_ct_commit(struct worker *w, struct program *p, uint8_t *which, unsigned n)
{
    struct conn_table *t = conn_track_table(w->dp);
    struct quick_ct_begun out = { 0 };
    uint8_t dropped[PORT_BURST], again[PORT_BURST];
    unsigned n_again = 0;
    struct ct_action a;

    action_of(&a, p);
    for (unsigned k = 0; k < n; k++) {
        /* another worker may expect it, or have begun it, since it was looked for */
        int err = conn_n_expected(t) ? -EEXIST : begin(w, t, &a, which[k]);

        if (!err) {
            which[out.n_sent++] = which[k];
        } else if (err == -EEXIST) {
            again[n_again++] = which[k];
        } else {
            worker_drop(w, conn_track_drop(err));
            dropped[out.n_dropped++] = which[k];
        }
    }
    memcpy(which + out.n_sent, dropped, out.n_dropped);
    memcpy(which + out.n_sent + out.n_dropped, again, n_again);
    return out;
}

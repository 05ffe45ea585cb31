/* SPDX-License-Identifier: Apache-2.0 */
/* conn_track.c - see conn_track.h. */
#include "datapath/conn_track.h"

#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_random.h>

#include "datapath/conn_expect.h"
#include "datapath/conn_helper.h"
#include "datapath/conn_holder.h"
#include "datapath/conn_packet.h"
#include "datapath/datapath_impl.h"
#include "datapath/fragment.h"
#include "datapath/nat64.h"
#include "datapath/pkt.h"
#include "datapath/quick_ct.h"

enum { CONNS_DEFAULT = 1 << 18, INSERT_TRIES = 3 };

int conn_track_open(struct datapath *dp)
{
    struct conn_table_conf conf = { .max = dp->conf.conns_max ? dp->conf.conns_max : CONNS_DEFAULT,
                                    .n_workers = dp->n_workers,
                                    .seed = rte_rand() };
    struct conn_table *t;
    int err;

    if (conn_track_table(dp))
        return 0;
    err = reassembly_open(dp);
    if (!err)
        err = conn_table_new(&t, &conf);
    if (!err)
        atomic_store_explicit(&dp->conns, t, memory_order_release);
    return err;
}

struct conn_table *conn_track_table(const struct datapath *dp)
{
    return atomic_load_explicit(&dp->conns, memory_order_acquire);
}

void conn_track_clear(struct pkt *p)
{
    p->layers &= (uint16_t) ~(1u << LAYER_CT);
    pkt_parse(p, 1u << LAYER_CT);
}

/* --- time --- */

static enum conn_timer tcp_timer(const struct conn_tcp *t)
{
    uint8_t a = t->side[0].state, b = t->side[1].state;

    if (a == TCP_STATE_RESET)
        return CONN_TCP_CLOSE;
    if (a == TCP_STATE_FIN_ACKED && b == TCP_STATE_FIN_ACKED)
        return CONN_TCP_TIME_WAIT;
    if (a >= TCP_STATE_FIN_SENT || b >= TCP_STATE_FIN_SENT)
        return CONN_TCP_FIN_WAIT;
    if (a == TCP_STATE_OPEN && b == TCP_STATE_OPEN)
        return CONN_TCP_ESTABLISHED;
    return b == TCP_STATE_NONE ? CONN_TCP_SYN_SENT : CONN_TCP_SYN_RECV;
}

/* SCTP's chunks that end an association (RFC 9260, 3.3.7, 3.3.13). */
static bool is_sctp_end(uint8_t chunk)
{
    enum { ABORT = 6, SHUTDOWN_COMPLETE = 14 };

    return chunk == ABORT || chunk == SHUTDOWN_COMPLETE;
}

/* Each side says when it begins what the other's frames are to bear. */
static void note_tag(struct conn *c, enum conn_dir dir, const struct conn_packet *cp)
{
    uint32_t *tag = &c->sctp_tag[!dir];

    if (cp->sctp.init_tag && cp->sctp.tag == c->sctp_tag[dir] && (!*tag || !c->is_answered))
        *tag = cp->sctp.init_tag;
}

/* An end that somebody guessed bears no tag of the association: it may pass, and changes nothing. */
static bool is_sctp_over(const struct conn *c, const struct conn_packet *cp)
{
    const uint32_t *tag = c->sctp_tag;

    return is_sctp_end(cp->chunk) && (!tag[0] || !tag[1] || cp->sctp.tag == tag[0] || cp->sctp.tag == tag[1]);
}

static enum conn_timer timer_of(const struct conn *c, const struct conn_packet *cp)
{
    switch ((enum conn_kind)cp->kind) {
    case CONN_KIND_TCP:
        return tcp_timer(&c->tcp);
    case CONN_KIND_UDP:
        return c->is_answered ? CONN_UDP_STREAM : c->is_repeated ? CONN_UDP_SINGLE : CONN_UDP_FIRST;
    case CONN_KIND_QUERY:
    case CONN_KIND_REPLY:
        return c->is_answered ? CONN_ICMP_REPLY : CONN_ICMP_FIRST;
    case CONN_KIND_SCTP:
        return is_sctp_over(c, cp) ? CONN_SCTP_CLOSE : c->is_answered ? CONN_SCTP_ESTABLISHED : CONN_SCTP_FIRST;
    case CONN_KIND_OTHER:
    case CONN_KIND_ERROR:
    case CONN_KIND_NONE:
        break;
    }
    return c->is_answered ? CONN_OTHER_STREAM : CONN_OTHER_FIRST;
}

/* --- one frame and its connection --- */

/* Does the frame belong where its tuple says?  `*is_over`: it begins another connection. */
static bool update(struct conn *c, enum conn_dir dir, const struct conn_packet *cp, bool *is_over)
{
    *is_over = false;
    switch ((enum conn_kind)cp->kind) {
    case CONN_KIND_TCP:
        switch (tcp_update(&c->tcp, dir, &cp->tcp)) {
        case TCP_VALID:
            return true;
        case TCP_AGAIN:
            *is_over = true;
            return false;
        case TCP_INVALID:
            return false;
        }
        return false;
    case CONN_KIND_SCTP:
        note_tag(c, dir, cp);
        return true;
    case CONN_KIND_QUERY:
        return dir == CONN_ORIGINAL;
    case CONN_KIND_REPLY:
        return dir == CONN_REPLY;
    default:
        return true;
    }
}

static void set_marks(struct conn *c, const struct pkt *p, const struct ct_action *a)
{
    struct value label = key_get(&p->key, FIELD_CT_LABEL);

    c->mark = (c->mark & ~a->mark_mask) | ((uint32_t)key_get(&p->key, FIELD_CT_MARK).lo & a->mark_mask);
    c->label.hi = (c->label.hi & ~a->label_mask.hi) | (label.hi & a->label_mask.hi);
    c->label.lo = (c->label.lo & ~a->label_mask.lo) | (label.lo & a->label_mask.lo);
    c->has_label = (c->label.hi | c->label.lo) != 0;
}

static void see(struct ct_seen *s, const struct conn *c)
{
    s->has_conn = true;
    s->nat = c->nat;
    s->prefix_len = c->prefix_len;
    s->tuple[CONN_ORIGINAL] = c->original;
    s->tuple[CONN_REPLY] = c->reply;
    s->mark = c->mark;
    s->label = c->has_label ? c->label : value_of(0);
}

static void see_helper(struct ct_seen *s, const struct conn *c)
{
    s->helper = c->helper;
    s->index = c->index;
    s->serial = c->serial;
}

/* The frame belongs to a connection, which is locked.  False: that is over, and gone. */
static bool take_known(struct worker *w, struct conn_table *t, struct conn *c, const struct pkt *p,
                       const struct conn_packet *cp, const struct ct_action *a, struct ct_seen *s)
{
    bool is_over = (a->flags & CT_FORCE) && s->dir == CONN_REPLY && cp->kind != CONN_KIND_ERROR;
    struct conn_packet own;

    if (unlikely(c->helper) && cp->kind == CONN_KIND_TCP) { /* as its sender, and not its receiver, counts */
        own = *cp;
        s->moves = conn_helper_segment(c, s->dir, &own.tcp);
        cp = &own;
    }
    if (cp->kind == CONN_KIND_ERROR) {
        s->state |= CT_REL;
    } else if (is_over || !update(c, s->dir, cp, &is_over)) {
        if (is_over) {
            conn_remove(t, w->id, c);
            return false;
        }
        s->state |= CT_INV; /* translated all the same: an inner address shall not get out */
        see(s, c);
        conn_unlock(c);
        return true;
    } else {
        conn_count_frame(c, s->dir, rte_pktmbuf_pkt_len(p->m));
        c->is_answered |= s->dir == CONN_REPLY;
        s->state |= c->is_answered ? CT_EST : CT_NEW;
        if (c->is_related)
            s->state |= CT_REL;
        conn_set_timer(t, c, timer_of(c, cp), w->now_ns);
        if (a->flags & CT_COMMIT)
            set_marks(c, p, a);
        see_helper(s, c);
    }
    if (s->dir == CONN_REPLY)
        s->state |= CT_RPL;
    see(s, c);
    conn_unlock(c);
    return true;
}

static bool may_begin(const struct conn_packet *cp)
{
    switch ((enum conn_kind)cp->kind) {
    case CONN_KIND_TCP:
        return tcp_may_begin(&cp->tcp);
    case CONN_KIND_UDP:
    case CONN_KIND_QUERY:
    case CONN_KIND_OTHER:
        return true;
    case CONN_KIND_SCTP:
        return !is_sctp_end(cp->chunk);
    case CONN_KIND_REPLY:
    case CONN_KIND_ERROR:
    case CONN_KIND_NONE:
        break;
    }
    return false;
}

static bool admits(const struct ct_action *a)
{
    return a->flags & CT_NAT && a->nat.mapping == NAT_MAPPING_KNOWN;
}

/* A connection that the frame begins, in no table yet.  NULL: there is no room. */
static struct conn *make(struct worker *w, struct conn_table *t, const struct conn_packet *cp, uint32_t n_bytes)
{
    struct conn *c = conn_make(t, w->id, &cp->tuple, w->now_ns);

    if (!c)
        return NULL;
    if (cp->kind == CONN_KIND_TCP)
        tcp_begin(&c->tcp, &cp->tcp);
    else if (cp->kind == CONN_KIND_SCTP)
        note_tag(c, CONN_ORIGINAL, cp);
    conn_count_frame(c, CONN_ORIGINAL, n_bytes);
    return c;
}

/* Puts it into the table, translated as the action says. */
static int insert(struct worker *w, struct conn_table *t, struct conn *c, const struct ct_action *a)
{
    static const struct nat_spec none;

    w->ct->expected = a->flags & CT_NAT ? a->nat : none;
    return nat_begin(t, w->id, c, &w->ct->expected);
}

/* It is in the table, locked. */
static void begun(struct worker *w, struct conn_table *t, struct conn *c, const struct conn_packet *cp,
                  struct ct_seen *s)
{
    conn_set_timer(t, c, timer_of(c, cp), w->now_ns);
    see(s, c);
    see_helper(s, c);
    conn_unlock(c);
}

/* Makes the frame's connection.  -EEXIST: another worker has, a moment ago; -ENOSPC, -EADDRINUSE, -EDQUOT.  -ENOENT: it is not
 * committed, and no mapping lets it in. */
static int begin(struct worker *w, struct conn_table *t, const struct pkt *p, const struct conn_packet *cp,
                 const struct ct_action *a, const struct conn_expected *e, struct ct_seen *s)
{
    struct conn_tuple inside;
    uint32_t holder = admits(a) && !e ? conn_admit(t, w->id, &cp->tuple, &inside) : 0;
    struct conn *c;
    int err;

    if (!holder && !(a->flags & CT_COMMIT))
        return -ENOENT;
    c = make(w, t, cp, rte_pktmbuf_pkt_len(p->m));
    if (!c) {
        conn_let_go(t, w->id, holder);
        return -ENOSPC;
    }
    c->holder = holder;
    c->helper = a->helper;
    if (e) {
        c->is_related = true;
        c->mark = e->mark;
        c->label = e->label;
    }
    set_marks(c, p, a);
    if (holder) {
        c->nat = CT_DNAT;
        c->prefix_len = conn_at(t, holder)->prefix_len;
        err = conn_insert(t, w->id, c, &inside);
    } else if (e && a->flags & CT_NAT) {
        err = nat_begin_expected(t, w->id, c, &e->reply, e->has_source ? &e->source : NULL);
    } else {
        err = insert(w, t, c, a);
    }
    if (err) {
        conn_drop(t, w->id, c);
        return err;
    }
    begun(w, t, c, cp, s);
    if (e)
        conn_expected_take(t, w->id, e, w->now_ns);
    return 0;
}

enum drop conn_track_drop(int err)
{
    switch (err) {
    case -EADDRINUSE:
        return DROP_NAT_PORTS;
    case -EEXIST:
        return DROP_CONN_CLASH;
    case -EDQUOT:
        return DROP_CONN_HOST;
    default:
        return DROP_CONN_FULL;
    }
}

/* Of a frame that went through this zone before, as its fields say. */
enum again {
    AGAIN_NOT,    /* it did not, or that does not count */
    AGAIN_KNOWN,  /* its connection has counted it, and may have translated it */
    AGAIN_ABSENT, /* it has none */
    AGAIN_LOST    /* it was translated for one that is gone: as it is now it belongs to nobody */
};

/* Does the connection begin as the frame's fields say? */
static bool is_its_original(const struct pkt *p, const struct conn_tuple *o)
{
    struct value src = key_get(&p->key, o->family == 4 ? FIELD_CT_NW_SRC : FIELD_CT_IPV6_SRC);
    uint16_t port = (uint16_t)key_get(&p->key, FIELD_CT_TP_SRC).lo;

    return src.lo == o->src.lo && src.hi == o->src.hi && port == (conn_tuple_has_ids(o) ? o->dst_port : o->src_port);
}

/* It is the other side's tuple that leads from a translated frame to its connection. */
static enum again take_again(struct worker *w, struct conn_table *t, const struct pkt *p, const struct conn_packet *cp,
                             const struct ct_action *a, struct ct_seen *s)
{
    unsigned state = (unsigned)key_get(&p->key, FIELD_CT_STATE).lo;
    bool is_translated = state & (CT_SNAT | CT_DNAT);
    struct conn_tuple tuple = is_translated ? conn_tuple_inverse(&cp->tuple) : cp->tuple;
    struct conn *c;

    if (!(state & CT_TRK) || state & CT_INV || key_get(&p->key, FIELD_CT_ZONE).lo != tuple.zone ||
        (a->flags & CT_FORCE && state & CT_RPL))
        return AGAIN_NOT;
    c = conn_find(t, w->id, &tuple, w->now_ns, &s->dir);
    if (c && is_translated && !is_its_original(p, &c->original)) { /* another one, made since */
        conn_unlock(c);
        c = NULL;
    }
    if (!c)
        return is_translated ? AGAIN_LOST : AGAIN_ABSENT;
    if (is_translated)
        s->dir = s->dir == CONN_ORIGINAL ? CONN_REPLY : CONN_ORIGINAL;
    if (a->flags & CT_COMMIT)
        set_marks(c, p, a);
    s->state = state;
    see(s, c);
    conn_unlock(c);
    return AGAIN_KNOWN;
}

/* Finds the frame's connection, or makes it if that is asked for. */
static enum drop look_up(struct worker *w, struct conn_table *t, const struct pkt *p, const struct conn_packet *cp,
                         const struct ct_action *a, struct ct_seen *s)
{
    enum again again = take_again(w, t, p, cp, a, s);
    struct conn_expected e;
    bool is_expected;
    int err = 0;

    if (again == AGAIN_KNOWN || again == AGAIN_LOST)
        return again == AGAIN_LOST ? DROP_CONN_CLASH : DROP_NONE;
    for (unsigned i = 0; i < INSERT_TRIES; i++) {
        struct conn *c = again == AGAIN_ABSENT && !i ? NULL : conn_find(t, w->id, &cp->tuple, w->now_ns, &s->dir);

        if (c && take_known(w, t, c, p, cp, a, s))
            return DROP_NONE;
        s->dir = CONN_ORIGINAL;
        if (!may_begin(cp)) {
            s->state |= CT_INV;
            return DROP_NONE;
        }
        is_expected = conn_expected_find(t, w->id, &cp->tuple, w->now_ns, &e);
        s->state |= is_expected ? CT_REL : 0;
        err = a->flags & CT_COMMIT || admits(a) ? begin(w, t, p, cp, a, is_expected ? &e : NULL, s) : -ENOENT;
        if (err != -EEXIST) {
            s->state |= CT_NEW;
            break;
        }
    }
    if (err == -ENOENT) /* nobody asks for a connection */
        return DROP_NONE;
    return err ? conn_track_drop(err) : DROP_NONE;
}

/* --- the frame's fields --- */

static void write_fields(struct pkt *p, const struct conn_tuple *own, const struct ct_seen *s, uint16_t zone)
{
    const struct conn_tuple *o = s->has_conn ? &s->tuple[CONN_ORIGINAL] : own;
    bool has_ids = conn_tuple_has_ids(o);

    conn_track_clear(p);
    key_set_u64(&p->key, FIELD_CT_STATE, s->state);
    key_set_u64(&p->key, FIELD_CT_ZONE, zone);
    if (s->has_conn) {
        key_set_u64(&p->key, FIELD_CT_MARK, s->mark);
        key_set(&p->key, FIELD_CT_LABEL, s->label);
    }
    if (s->state & CT_INV && !s->has_conn)
        return;
    key_set(&p->key, o->family == 4 ? FIELD_CT_NW_SRC : FIELD_CT_IPV6_SRC, o->src);
    key_set(&p->key, o->family == 4 ? FIELD_CT_NW_DST : FIELD_CT_IPV6_DST, o->dst);
    key_set_u64(&p->key, FIELD_CT_NW_PROTO, o->proto);
    key_set_u64(&p->key, FIELD_CT_TP_SRC, has_ids ? o->dst_port : o->src_port);
    key_set_u64(&p->key, FIELD_CT_TP_DST, has_ids ? 0 : o->dst_port);
}

/* What the translation looks like from the side that the frame is of. */
static unsigned nat_bits(uint8_t nat, enum conn_dir dir)
{
    if (dir == CONN_ORIGINAL || !nat)
        return nat;
    return nat ^ (CT_SNAT | CT_DNAT);
}

/* The frame as the other side of its connection shall see it. */
static int translate(struct worker *w, struct conn_table *t, struct pkt *p, const struct conn_packet *cp,
                     const struct ct_seen *s)
{
    struct nat64 x = { .tuple = s->tuple, .dir = s->dir, .prefix_len = s->prefix_len };
    struct conn_tuple want = conn_tuple_inverse(&s->tuple[!s->dir]);
    int err;

    if (!is_nat64(s->tuple))
        return nat_frame(p, cp, s->tuple, s->dir);
    x.id = (uint16_t)conn_draw(t, w->id);
    err = nat64_frame(p, cp, &x);
    if (err)
        return err;
    w->has_joined |= is_joined(p->m);
    pkt_parse(p, 1u << LAYER_L4);
    return cp->kind == CONN_KIND_ERROR ? 0 : nat_ports(p, &s->tuple[s->dir], &want);
}

enum drop conn_track(struct worker *w, struct pkt *p, const struct ct_action *a)
{
    struct conn_table *t = conn_track_table(w->dp);
    struct ct_seen s = { .state = CT_TRK };
    struct conn_packet cp;
    uint16_t zone = a->zone_src ? (uint16_t)pkt_take(p, subfield_unpack(a->zone_src)).lo : a->zone;
    enum drop why = DROP_NONE;

    pkt_parse(p, 1u << LAYER_CT);
    conn_packet_read(&cp, p, zone);
    if (!t || cp.kind == CONN_KIND_NONE)
        s.state |= CT_INV;
    else
        why = look_up(w, t, p, &cp, a, &s);
    if (why && !(a->flags & CT_NAT && a->nat.goes_on))
        return why;
    if (why) { /* counted as if it went no further */
        worker_drop(w, why);
        s.state |= CT_NEW | CT_INV;
    }
    if (s.has_conn && s.nat && a->flags & CT_NAT && !(s.state & (CT_SNAT | CT_DNAT))) {
        int err = translate(w, t, p, &cp, &s);

        if (err) /* it would get out, or in, as it is */
            return err == -ENOMEM ? DROP_NO_ROOM : DROP_NAT_FRAME;
        s.state |= nat_bits(s.nat, s.dir);
    }
    if (unlikely(s.helper) && !s.prefix_len) {
        int err = conn_helper_frame(w, t, p, &cp, &s, s.nat && a->flags & CT_NAT);

        if (err)
            return err == -ENOMEM ? DROP_NO_ROOM : DROP_NAT_FRAME;
    }
    write_fields(p, &cp.tuple, &s, zone);
    return DROP_NONE;
}

/* --- many at once --- */

/* The connection that is held, if the frame is of it, or the frame's own, which is held then. */
static struct conn *hold(struct worker *w, struct conn_table *t, const struct conn_packet *cp, uint64_t hash,
                         struct ct_seen *s, struct conn **held)
{
    struct conn *c = *held;

    if (c && conn_tuple_equal(&c->original, &cp->tuple)) {
        s->dir = CONN_ORIGINAL;
    } else if (c && conn_tuple_equal(&c->reply, &cp->tuple)) {
        s->dir = CONN_REPLY;
    } else {
        if (c)
            conn_unlock(c);
        c = *held = conn_find_hashed(t, w->id, &cp->tuple, hash, w->now_ns, &s->dir);
    }
    return c;
}

enum ct_quick conn_track_quick(struct worker *w, struct conn_table *t, const struct ct_frame *f, struct ct_seen *s,
                               struct conn **held)
{
    const struct conn_packet *cp = f->packet;
    struct conn *c = f->is_held ? *held : hold(w, t, cp, f->hash, s, held);
    bool is_over;

    if (!c) {
        *s = (struct ct_seen){ .state = CT_TRK | CT_NEW, .tuple[CONN_ORIGINAL] = cp->tuple };
        return may_begin(cp) ? CT_QUICK_NEW : CT_QUICK_OTHER;
    }
    if (c->prefix_len || unlikely(c->helper) || !update(c, s->dir, cp, &is_over))
        return CT_QUICK_OTHER;
    conn_count_frame(c, s->dir, f->n_bytes);
    c->is_answered |= s->dir == CONN_REPLY;
    s->state = CT_TRK | (c->is_answered ? CT_EST : CT_NEW) | (c->is_related ? CT_REL : 0) |
               (s->dir == CONN_REPLY ? CT_RPL : 0);
    conn_set_timer(t, c, timer_of(c, cp), w->now_ns);
    see(s, c);
    return CT_QUICK_KNOWN;
}

int conn_track_begin(struct worker *w, struct conn_table *t, const struct ct_frame *f, const struct ct_action *a,
                     struct ct_seen *s)
{
    struct conn *c = make(w, t, f->packet, f->n_bytes);
    int err;

    if (!c)
        return -ENOSPC;
    err = insert(w, t, c, a);
    if (err)
        conn_drop(t, w->id, c);
    else
        begun(w, t, c, f->packet, s);
    return err;
}

unsigned conn_track_nat_bits(const struct ct_seen *s)
{
    return nat_bits(s->nat, s->dir);
}

void conn_track_fields(struct pkt *p, const struct ct_seen *s)
{
    write_fields(p, &s->tuple[CONN_ORIGINAL], s, s->tuple[CONN_ORIGINAL].zone);
}

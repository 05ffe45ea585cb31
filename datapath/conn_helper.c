/* SPDX-License-Identifier: Apache-2.0 */
/* conn_helper.c - see conn_helper.h.
 *
 * Theory.  When a line changes its length, all that its side sends later is moved by that much, and what the other side
 * acknowledges is moved back.  `shift` of a side says so for numbers up to the last text that was changed, and for those behind it;
 * that text sent again, in whatever segment, is changed again in the same way, and not counted twice.  The tracker sees each side's
 * own numbers. */
#include "datapath/conn_helper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <rte_mbuf.h>

#include "datapath/checksum.h"
#include "datapath/conn_expect.h"
#include "datapath/conn_packet.h"
#include "datapath/pkt.h"
#include "datapath/rewrite.h"
#include "datapath/worker.h"

enum {
    TCP_HEADER = 20,
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_SACK = 5,
    TFTP_READ = 1,
    TFTP_WRITE = 2,
    TEXT_SIZE = INET6_ADDRSTRLEN + 16,
};

/* --- lines of FTP --- */

/* What is left of a line. */
struct line {
    const char *p, *end;
};

static bool take_char(struct line *l, char c)
{
    if (l->p == l->end || *l->p != c)
        return false;
    l->p++;
    return true;
}

static bool take_number(struct line *l, unsigned max, unsigned *out)
{
    const char *begin = l->p;

    *out = 0;
    for (; l->p < l->end && l->p - begin < 5 && *l->p >= '0' && *l->p <= '9'; l->p++)
        *out = *out * 10 + (unsigned)(*l->p - '0');
    return l->p > begin && *out <= max && (l->p == l->end || *l->p < '0' || *l->p > '9');
}

/* h1,h2,h3,h4,p1,p2 */
static bool take_six(struct line *l, struct ftp_announced *out)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < 6; i++) {
        unsigned n;

        if ((i && !take_char(l, ',')) || !take_number(l, 255, &n))
            return false;
        all = all << 8 | n;
    }
    out->family = 4;
    out->addr = value_of(all >> 16);
    out->port = (uint16_t)all;
    return out->port;
}

static bool take_address(struct line *l, char delimiter, struct ftp_announced *out)
{
    const char *end = memchr(l->p, delimiter, (size_t)(l->end - l->p));
    char text[INET6_ADDRSTRLEN];
    uint8_t b[16];

    if (!end || (size_t)(end - l->p) >= sizeof text)
        return false;
    memcpy(text, l->p, (size_t)(end - l->p));
    text[end - l->p] = '\0';
    l->p = end;
    if (inet_pton(out->family == 4 ? AF_INET : AF_INET6, text, b) != 1)
        return false;
    out->addr = out->family == 4 ? value_of(be32_load(b)) : (struct value){ be64_load(b), be64_load(b + 8) };
    return true;
}

/* |1|10.0.0.1|5000|, or |||5000| where no address is told; any printable delimiter. */
static bool take_extended(struct line *l, bool has_address, struct ftp_announced *out)
{
    char delimiter = l->p < l->end ? *l->p : 0;
    unsigned n = 0;

    if (delimiter < 33 || delimiter > 126 || (delimiter >= '0' && delimiter <= '9') || !take_char(l, delimiter))
        return false;
    if (has_address) {
        if (!take_number(l, 2, &n) || !n)
            return false;
        out->family = n == 1 ? 4 : 6;
    }
    if (!take_char(l, delimiter) || (has_address && !take_address(l, delimiter, out)) || !take_char(l, delimiter) ||
        !take_number(l, UINT16_MAX, &n) || !n || !take_char(l, delimiter))
        return false;
    out->port = (uint16_t)n;
    return true;
}

static bool parse_line(struct line l, bool is_reply, struct ftp_announced *out)
{
    const char *head[2][2] = { { "PORT ", "EPRT " }, { "227 ", "229 " } }, *open;
    enum ftp_form form[2][2] = { { FTP_PORT, FTP_EPRT }, { FTP_PASV, FTP_EPSV } };
    bool is_extended;

    if (l.end - l.p < 5)
        return false;
    is_extended = !strncasecmp(l.p, head[is_reply][1], strlen(head[is_reply][1]));
    if (!is_extended && strncasecmp(l.p, head[is_reply][0], strlen(head[is_reply][0])) != 0)
        return false;
    *out = (struct ftp_announced){ .form = form[is_reply][is_extended] };
    open = is_reply ? memchr(l.p, '(', (size_t)(l.end - l.p)) : l.p + 4;
    if (!open)
        return false;
    l.p = open + 1;
    open = l.p;
    if (is_extended ? !take_extended(&l, !is_reply, out) : !take_six(&l, out))
        return false;
    out->at = (unsigned)(open - l.end); /* from the end: see ftp_parse() */
    out->n = (unsigned)(l.p - open);
    return !is_reply || take_char(&l, ')');
}

bool ftp_parse(const char *data, size_t n, bool is_reply, struct ftp_announced *out)
{
    const char *end;

    for (const char *p = data; (end = memchr(p, '\n', (size_t)(data + n - p))); p = end + 1)
        if (parse_line((struct line){ p, end }, is_reply, out)) {
            out->at += (unsigned)(end - data);
            return true;
        }
    return false;
}

/* --- sequence numbers --- */

static int before_of(const struct conn_shift *s)
{
    return s->after - s->last;
}

static int shift_of(const struct conn_shift *s, uint32_t seq)
{
    return (int32_t)(seq - s->at) > 0 ? s->after : before_of(s);
}

/* An acknowledgement of what a side has sent, as the other side saw that: what it is to this one. */
static uint32_t acked(const struct conn_shift *s, uint32_t ack)
{
    return ack - (uint32_t)((int32_t)(ack - (uint32_t)before_of(s) - s->at) > 0 ? s->after : before_of(s));
}

struct conn_moves conn_helper_segment(const struct conn *c, enum conn_dir dir, struct tcp_segment *segment)
{
    struct conn_moves moves = { .seq = shift_of(&c->shift[dir], segment->seq), .acked = c->shift[!dir] };

    if (segment->flags & TCP_ACK)
        segment->ack = acked(&moves.acked, segment->ack);
    return moves;
}

/* By how much a segment's text has grown, and where in its data. */
struct growth {
    int by;
    unsigned at;
};

/* The text at `seq` has grown. */
static void note_growth(struct conn_shift *s, uint32_t seq, int growth)
{
    if (s->last && (int32_t)(seq - s->at) <= 0)
        return; /* it is sent again */
    s->last = growth;
    s->after += growth;
    s->at = seq;
}

/* --- frames --- */

static bool is_sum_todo(const struct pkt *p)
{
    return (p->m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM ||
           p->m->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
}

static void put_number(struct pkt *p, uint8_t *at, uint32_t v)
{
    uint8_t *sum = byte_at(p, p->l4_ofs + 16u);
    uint16_t old = csum_words(at, 4);

    be32_store(at, v);
    if (!is_sum_todo(p))
        be16_store(sum, csum_complete(be16_load(sum), csum_delta(old, csum_words(at, 4))));
}

/* The blocks that are told to have come, in the numbers of who sent them; a number of options is no reason to look beyond the
 * header. */
static void move_sack(struct pkt *p, uint8_t *h, unsigned header, const struct conn_shift *shift)
{
    for (unsigned i = TCP_HEADER; i < header && h[i] != OPTION_END;) {
        unsigned size = h[i] == OPTION_NOP ? 1 : i + 1 < header ? h[i + 1] : 0;

        if (h[i] != OPTION_NOP && (size < 2 || i + size > header))
            return;
        for (unsigned k = 2; h[i] == OPTION_SACK && k + 4 <= size; k += 4)
            if ((i + k) % 2 == 0) { /* else no sender pads like that, and its sum would be another */
                put_number(p, h + i + k, acked(shift, be32_load(h + i + k)));
            }
        i += size;
    }
}

/* The header is in one piece and writable. */
static void move_numbers(struct pkt *p, const struct conn_moves *moves)
{
    uint8_t *h = byte_at(p, p->l4_ofs);
    unsigned header = (h[12] >> 4) * 4u;

    if (moves->seq)
        put_number(p, h + 4, be32_load(h + 4) + (uint32_t)moves->seq);
    if (!(moves->acked.after | moves->acked.last) || !(h[13] & TCP_ACK))
        return;
    put_number(p, h + 8, acked(&moves->acked, be32_load(h + 8)));
    if (header >= TCP_HEADER && p->l4_ofs + header <= rte_pktmbuf_data_len(p->m))
        move_sack(p, h, header, &moves->acked);
}

/* Lengths and checksums after the segment has grown; TCP's is made anew. */
static void finish(struct pkt *p, bool is_v4, int growth)
{
    uint8_t *ip = byte_at(p, p->l3_ofs), *length = ip + (is_v4 ? 2 : 4), *sum = byte_at(p, p->l4_ofs + 16u);
    uint16_t old = be16_load(length), now = (uint16_t)(old + growth), old_l4 = p->l4_len, total;

    be16_store(length, now);
    if (is_v4)
        be16_store(ip + 10, csum_complete(be16_load(ip + 10), csum_delta(old, now)));
    p->l4_len = (uint16_t)(p->l4_len + growth);
    if (is_sum_todo(p)) { /* it holds the pseudo-header's sum */
        be16_store(sum, csum_add(be16_load(sum), csum_delta(old_l4, p->l4_len)));
        return;
    }
    be16_store(sum, 0);
    total = csum_frame(p->m, p->l4_ofs, p->l4_len);
    total = csum_add(total, csum_words(ip + (is_v4 ? 12 : 8), is_v4 ? 8 : 32));
    be16_store(sum, (uint16_t)~csum_fold((uint64_t)total + IP_PROTO_TCP + p->l4_len));
}

/* Puts `n` bytes in place of the `n_old` at `ofs` of the frame, which is in one piece. */
static int replace(struct pkt *p, uint32_t ofs, unsigned n_old, const char *text, unsigned n)
{
    uint32_t behind = rte_pktmbuf_data_len(p->m) - ofs - n_old;

    if (n > n_old && !rte_pktmbuf_append(p->m, (uint16_t)(n - n_old)))
        return -ENOSPC;
    memmove(byte_at(p, ofs + n), byte_at(p, ofs + n_old), behind);
    memcpy(byte_at(p, ofs), text, n);
    if (n < n_old)
        rte_pktmbuf_trim(p->m, (uint16_t)(n_old - n));
    return 0;
}

static const char *address_text(const struct value *v, uint8_t family, char out[INET6_ADDRSTRLEN])
{
    uint8_t b[16];

    be64_store(b, v->hi);
    be64_store(b + 8, v->lo);
    return inet_ntop(family == 4 ? AF_INET : AF_INET6, family == 4 ? b + 12 : b, out, INET6_ADDRSTRLEN);
}

/* As the line says it, of another address and port. */
static unsigned write_announced(char out[TEXT_SIZE], enum ftp_form form, const struct conn_tuple *to)
{
    uint32_t a = (uint32_t)to->dst.lo, port = to->dst_port;
    char text[INET6_ADDRSTRLEN];

    switch (form) {
    case FTP_PORT:
    case FTP_PASV:
        return (unsigned)snprintf(out, TEXT_SIZE, "%u,%u,%u,%u,%u,%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255,
                                  port >> 8, port & 255);
    case FTP_EPRT:
        return (unsigned)snprintf(out, TEXT_SIZE, "|%d|%s|%u|", to->family == 4 ? 1 : 2,
                                  address_text(&to->dst, to->family, text), port);
    case FTP_EPSV:
        break;
    }
    return (unsigned)snprintf(out, TEXT_SIZE, "|||%u|", port);
}

/* --- what is expected --- */

static bool is_same(const struct value *a, const struct value *b)
{
    return a->hi == b->hi && a->lo == b->lo;
}

/* A connection to `real`, `port` of the side that has announced it, begun by the other side. */
static struct conn_expected expected_of(const struct ct_seen *s, enum conn_dir announced_by, uint16_t port)
{
    const struct conn_tuple *o = &s->tuple[CONN_ORIGINAL], *r = &s->tuple[CONN_REPLY];
    bool is_client = announced_by == CONN_ORIGINAL;
    struct conn_expected e = { .master = s->index, .master_serial = s->serial, .mark = s->mark, .label = s->label };

    e.reply = *o;
    e.reply.src = is_client ? o->src : r->src;
    e.reply.dst = is_client ? r->src : o->src;
    e.reply.src_port = port;
    e.reply.dst_port = 0;
    e.frame = e.reply;
    e.frame.src = e.reply.dst;
    e.frame.dst = is_client ? r->dst : o->dst; /* where the other side thinks that this one is */
    e.frame.src_port = 0;
    e.frame.dst_port = 0;
    e.source = is_client ? o->dst : r->dst; /* and where this one thinks that the other is */
    e.has_source = !is_same(&e.source, &e.frame.src);
    return e;
}

/* The line of a control connection. */
static int on_ftp(struct worker *w, struct conn_table *t, struct pkt *p, const struct conn_packet *cp,
                  const struct ct_seen *s, bool is_translating, struct growth *growth)
{
    uint32_t at = p->l4_ofs + p->l4_len - cp->tcp.len;
    unsigned len = cp->tcp.len < HELPER_DATA ? cp->tcp.len : HELPER_DATA, n;
    const struct conn_tuple *sender = &s->tuple[s->dir];
    struct ftp_announced said;
    struct conn_expected e;
    char text[TEXT_SIZE], data[HELPER_DATA];
    const char *read = rte_pktmbuf_read(p->m, at, len, data);

    if (!read || !ftp_parse(read, len, s->dir == CONN_REPLY, &said))
        return 0;
    if (said.family && (said.family != sender->family || !is_same(&said.addr, &sender->src))) {
        worker_drop(w, DROP_CONN_BOUNCE); /* counted only: the frame goes on, and nothing is expected */
        return 0;
    }
    e = expected_of(s, s->dir, said.port);
    if (conn_announce(t, w->id, &e, w->now_ns) || !is_translating)
        return 0;
    if (is_same(&e.frame.dst, &e.reply.src) && e.frame.dst_port == said.port)
        return 0;
    n = write_announced(text, said.form, &e.frame);
    if ((p->m->nb_segs > 1 && rte_pktmbuf_linearize(p->m)) || replace(p, at + said.at, said.n, text, n))
        return -ENOSPC;
    *growth = (struct growth){ .by = (int)n - (int)said.n, .at = said.at };
    finish(p, sender->family == 4, growth->by);
    return 0;
}

/* A request: what it asks for comes from another port of the server. */
static void on_tftp(struct worker *w, struct conn_table *t, const struct pkt *p, const struct ct_seen *s)
{
    uint8_t room[2];
    const uint8_t *code = p->l4_len >= 10 ? rte_pktmbuf_read(p->m, p->l4_ofs + 8u, 2, room) : NULL;
    struct conn_expected e;

    if (s->dir != CONN_ORIGINAL || !code || (be16_load(code) != TFTP_READ && be16_load(code) != TFTP_WRITE))
        return;
    e = expected_of(s, CONN_ORIGINAL, s->tuple[CONN_ORIGINAL].src_port);
    e.frame.dst_port = s->tuple[CONN_REPLY].dst_port; /* where the server saw it come from */
    (void)conn_announce(t, w->id, &e, w->now_ns);
}

int conn_helper_frame(struct worker *w, struct conn_table *t, struct pkt *p, const struct conn_packet *cp,
                      const struct ct_seen *s, bool is_translating)
{
    struct growth growth = { 0 };
    int err = 0;
    struct conn *c;

    if (s->helper == CONN_HELPER_TFTP && cp->kind == CONN_KIND_UDP)
        on_tftp(w, t, p, s);
    if (s->helper != CONN_HELPER_FTP || cp->kind != CONN_KIND_TCP)
        return 0;
    if (is_translating)
        err = pkt_writable(p);
    if (!err && cp->tcp.len)
        err = on_ftp(w, t, p, cp, s, is_translating, &growth);
    if (err || !is_translating)
        return err;
    move_numbers(p, &s->moves);
    c = growth.by ? conn_lock_at(t, s->index, s->serial) : NULL;
    if (c) {
        note_growth(&c->shift[s->dir], cp->tcp.seq + growth.at, growth.by);
        conn_unlock(c);
    }
    return 0;
}

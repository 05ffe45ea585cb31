/* SPDX-License-Identifier: Apache-2.0 */
/* conn_tcp.c - see conn_tcp.h.
 *
 * Theory.  Of each side is known what it has sent up to (`end`), what the other has allowed it to send up to (`limit`), and what
 * the other waits for (`acked`).  A segment belongs to the connection when
 *     1. it does not end behind `limit`,
 *     2. it does not begin so far before `end` that it left the largest window the other ever offered,
 *     3. it acknowledges nothing that the other did not send,
 *     4. what it acknowledges is not older than what it let the other send: its own largest window.
 * These hold whatever order segments pass in and whichever were lost on either side of the switch, so they never refuse an
 * honest one.  A segment that takes no sequence number is held to the latter two alone, since it moves nothing by its place,
 * and not all that send one do it with the number they should.  A reset ends the connection only with the very number that its
 * receiver waits for (the last acknowledged, or, should that acknowledgement still be on its way, the last sent), since all
 * others are answered by a challenge (RFC 5961, 3.2); those within the bounds may pass, and change nothing.  The same holds for
 * a SYN within a connection (4.2): a host that lost its memory finds out by the challenge.
 *
 * A connection that was there before the switch is taken up in its midst: scales are not known, so windows count as if they
 * were of the largest. */
#include "datapath/conn_tcp.h"

#include <assert.h>
#include <string.h>

enum {
    SCALE_MAX = 14,
    ACK_WINDOW_LEAST = 66000
}; /* an old acknowledgement can be as old as the largest unscaled window */

static const char *const names[] = {
    [TCP_STATE_NONE] = "none",         [TCP_STATE_SYN_SENT] = "syn-sent",   [TCP_STATE_OPEN] = "open",
    [TCP_STATE_FIN_SENT] = "fin-sent", [TCP_STATE_FIN_ACKED] = "fin-acked", [TCP_STATE_RESET] = "reset",
};
static_assert(sizeof names / sizeof *names == TCP_STATES, "name every state");

const char *tcp_state_name(enum tcp_state s)
{
    return s >= 0 && s < TCP_STATES ? names[s] : "unknown";
}

/* Sequence numbers go round: a is at or behind b. */
static bool is_at_least(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) >= 0;
}

static uint32_t later(uint32_t a, uint32_t b)
{
    return is_at_least(a, b) ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Flags that no sound sender combines. */
static bool is_odd(uint8_t flags)
{
    if (flags & TCP_SYN)
        return flags & (TCP_RST | TCP_FIN);
    return !(flags & (TCP_ACK | TCP_RST));
}

static uint32_t end_of(const struct tcp_segment *s)
{
    return s->seq + s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
}

static uint32_t window_of(const struct conn_side *src, const struct tcp_segment *s)
{
    return s->flags & TCP_SYN ? s->window : (uint32_t)s->window << src->scale;
}

bool tcp_may_begin(const struct tcp_segment *s)
{
    if (is_odd(s->flags) || s->flags & TCP_RST)
        return false;
    return (s->flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK);
}

/* The first segment of a side. */
static void side_begin(struct conn_side *src, const struct tcp_segment *s)
{
    src->end = end_of(s);
    src->acked = s->seq + !!(s->flags & TCP_SYN);
    if (s->flags & TCP_SYN) {
        src->state = TCP_STATE_SYN_SENT;
        src->has_scale = s->scale >= 0;
        src->scale = s->scale < 0 ? 0 : s->scale > SCALE_MAX ? SCALE_MAX : (uint8_t)s->scale;
    } else {
        src->state = s->flags & TCP_FIN ? TCP_STATE_FIN_SENT : TCP_STATE_OPEN;
        src->scale = SCALE_MAX;
        src->is_guessed = true;
    }
    src->max_window = larger(window_of(src, s), 1);
    src->limit = src->end;
}

void tcp_begin(struct conn_tcp *t, const struct tcp_segment *s)
{
    struct conn_side *src = &t->side[0], *dst = &t->side[1];

    memset(t, 0, sizeof *t);
    side_begin(src, s);
    if (!src->is_guessed)
        return;
    /* The other has sent up to what is acknowledged, or more; and may have offered any window. */
    src->limit = src->end + ((uint32_t)UINT16_MAX << SCALE_MAX);
    dst->end = s->ack;
    dst->acked = s->ack;
    dst->limit = s->ack + src->max_window;
    dst->max_window = (uint32_t)UINT16_MAX << SCALE_MAX;
    dst->scale = SCALE_MAX;
    dst->is_guessed = true;
    dst->state = TCP_STATE_OPEN;
}

/* Are both sides done with what was, so that the same ports may be used again (RFC 9293, 3.6.1; RFC 6191)? */
static bool is_over(const struct conn_tcp *t)
{
    return t->side[0].state >= TCP_STATE_FIN_ACKED && t->side[1].state >= TCP_STATE_FIN_ACKED;
}

static bool is_within(const struct conn_side *src, const struct conn_side *dst, const struct tcp_segment *s)
{
    uint32_t end = end_of(s), ack_window = larger(src->max_window, ACK_WINDOW_LEAST);
    bool is_probe = end - src->limit == 1; /* of a window that is closed (RFC 9293, 3.8.6.1) */

    if ((end != s->seq || s->flags & TCP_RST) &&
        ((!is_probe && !is_at_least(src->limit, end)) || !is_at_least(s->seq, src->end - larger(dst->max_window, 1))))
        return false;
    if (!(s->flags & TCP_ACK))
        return true;
    if (!is_at_least(dst->end, s->ack) && !dst->is_guessed)
        return false;
    return is_at_least(s->ack, dst->end - ack_window);
}

/* A SYN that begins nothing new: of a side that has sent one, or of one that has not.  It must fit what the other sent. */
static enum tcp_verdict take_syn(struct conn_tcp *t, unsigned dir, const struct tcp_segment *s)
{
    struct conn_side *src = &t->side[dir], *dst = &t->side[!dir];
    bool acks = s->flags & TCP_ACK;

    if (acks && (!is_at_least(dst->end, s->ack) || !is_at_least(s->ack, dst->acked)) && dst->state != TCP_STATE_NONE)
        return TCP_INVALID;
    if (src->state == TCP_STATE_NONE) {
        side_begin(src, s);
    } else if (src->state != TCP_STATE_SYN_SENT && dst->state != TCP_STATE_SYN_SENT) {
        return TCP_VALID; /* to be challenged */
    } else if (s->seq + 1 != src->acked) {
        if (dst->state != TCP_STATE_NONE)
            return TCP_VALID;
        side_begin(src, s); /* nobody has answered the first one: the host has begun anew */
    }
    src->limit = later(src->limit, src->end + dst->max_window); /* 0 as long as it has said nothing */
    dst->limit = later(dst->limit, (acks ? s->ack : dst->end) + larger(s->window, 1));
    if (!(src->has_scale && dst->has_scale) && dst->state != TCP_STATE_NONE)
        src->scale = dst->scale = 0; /* both must offer it (RFC 7323, 1.3) */
    if (acks && dst->state == TCP_STATE_SYN_SENT) {
        dst->state = TCP_STATE_OPEN;
        dst->acked = s->ack;
    }
    return TCP_VALID;
}

static enum tcp_verdict take_reset(struct conn_tcp *t, unsigned dir, const struct tcp_segment *s)
{
    struct conn_side *src = &t->side[dir], *dst = &t->side[!dir];

    if (src->state == TCP_STATE_NONE) { /* refused: it must acknowledge the SYN (RFC 9293, 3.10.7.3) */
        if (!(s->flags & TCP_ACK) || s->ack != dst->end)
            return TCP_INVALID;
    } else if (s->seq != src->acked && s->seq != src->end && !(src->is_guessed && is_within(src, dst, s))) {
        return is_within(src, dst, s) ? TCP_VALID : TCP_INVALID;
    }
    src->state = dst->state = TCP_STATE_RESET;
    return TCP_VALID;
}

enum tcp_verdict tcp_update(struct conn_tcp *t, unsigned dir, const struct tcp_segment *s)
{
    struct conn_side *src = &t->side[dir], *dst = &t->side[!dir];
    uint32_t window;

    if (is_odd(s->flags))
        return TCP_INVALID;
    if ((s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && is_over(t))
        return TCP_AGAIN;
    if (s->flags & TCP_SYN)
        return take_syn(t, dir, s);
    if (s->flags & TCP_RST)
        return take_reset(t, dir, s);
    if (src->state == TCP_STATE_NONE || dst->state == TCP_STATE_NONE)
        return TCP_INVALID; /* first come the SYNs */
    if (!is_within(src, dst, s) || (dst->state == TCP_STATE_SYN_SENT && !is_at_least(s->ack, dst->acked)))
        return TCP_INVALID;
    window = window_of(src, s);
    src->max_window = larger(src->max_window, window);
    if (end_of(s) != s->seq)
        src->end = later(src->end, end_of(s));
    dst->limit = later(dst->limit, s->ack + larger(window, 1));
    dst->acked = later(dst->acked, s->ack);
    if (dst->is_guessed)
        dst->end = later(dst->end, s->ack);
    if (s->flags & TCP_FIN && src->state < TCP_STATE_FIN_SENT)
        src->state = TCP_STATE_FIN_SENT;
    if (dst->state == TCP_STATE_SYN_SENT)
        dst->state = TCP_STATE_OPEN;
    else if (dst->state == TCP_STATE_FIN_SENT && s->ack == dst->end)
        dst->state = TCP_STATE_FIN_ACKED;
    return TCP_VALID;
}

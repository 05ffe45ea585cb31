/* SPDX-License-Identifier: Apache-2.0 */
/* conn_tcp.h - follows a TCP connection from outside, by the segments that pass: which belong to it, and how far it has come.
 * Spec: RFC 9293, RFC 5961 (resets and SYNs that somebody guessed), RFC 5382 and 7857 (what a translator in between may do);
 * the four bounds are those of van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2001).
 * Thread: any; pure. */
#ifndef DATAPATH_CONN_TCP_H
#define DATAPATH_CONN_TCP_H

#include <stdbool.h>
#include <stdint.h>

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

/* How far one side has come, as the other may know it. */
enum tcp_state {
    TCP_STATE_NONE,      /* has sent nothing */
    TCP_STATE_SYN_SENT,  /* its SYN is not acknowledged yet */
    TCP_STATE_OPEN,      /* ... is */
    TCP_STATE_FIN_SENT,  /* its FIN is not acknowledged yet */
    TCP_STATE_FIN_ACKED, /* ... is */
    TCP_STATE_RESET,
    TCP_STATES
};
const char *tcp_state_name(enum tcp_state s);

/* What a side has sent and may send. */
struct conn_side {
    uint32_t end;        /* behind the last sequence number that it used */
    uint32_t limit;      /* up to where the other has said that it may send */
    uint32_t acked;      /* what the other expects next from it */
    uint32_t max_window; /* the largest that it offered, scaled */
    uint8_t state;       /* enum tcp_state */
    uint8_t scale;       /* of its windows (RFC 7323) */
    bool has_scale;      /* its SYN had the option */
    bool is_guessed;     /* its SYN was not seen: what is known of it is less than exact */
};

struct conn_tcp {
    struct conn_side side[2]; /* of who began, and of who answers */
};

struct tcp_segment {
    uint32_t seq, ack;
    uint32_t len; /* of data; SYN and FIN not counted */
    uint16_t window;
    uint8_t flags;
    int8_t scale; /* of the option; -1: none */
};

enum tcp_verdict {
    TCP_VALID,
    TCP_INVALID, /* of no connection, or not of this one: nothing has changed */
    TCP_AGAIN    /* a new connection between the same ports: the old one is over */
};

/* May a connection begin with this?  A SYN, or, as one that was there before the switch, a segment in its midst. */
bool tcp_may_begin(const struct tcp_segment *s);
void tcp_begin(struct conn_tcp *t, const struct tcp_segment *s);
/* `dir`: 0, of who began; 1, an answer. */
enum tcp_verdict tcp_update(struct conn_tcp *t, unsigned dir, const struct tcp_segment *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - byte streams over TCP, TLS and unix sockets on a libev loop: nothing here ever blocks.
 * Bytes received are kept until the reader has taken them, up to `max_in`; bytes to send are queued up to `max_out`, so
 * that a peer that stops reading costs a bounded amount of memory.  What one turn of the loop queues is sent with one
 * system call at its end.
 * Thread: C, the one that runs the loop; callbacks come from the loop only, never from inside a call. */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errbuf.h"
#include "io/addr.h"

struct ev_loop;
struct stream;
struct listener;
struct tls;

/* A callback may close its stream.  Any may be NULL but `received`. */
struct stream_events {
    void (*opened)(void *arg); /* connected, or first turn of an accepted one; with TLS: after its handshake */
    /* Takes some of the bytes received so far and returns how many; the rest comes again, with more behind it.
     * When it takes nothing from `max_in` bytes, the stream is closed with -EMSGSIZE. */
    size_t (*received)(void *arg, const uint8_t *p, size_t n);
    void (*has_room)(void *arg); /* after a stream_send was refused, or stream_want_room: half of `max_out` is free */
    /* The stream has ended and is freed when this returns.  `err`: 0 the peer closed it, else a negative errno;
     * `why`: the same in words. */
    void (*closed)(void *arg, int err, const char *why);
};

struct stream_conf {
    const struct stream_events *events;
    void *arg;
    size_t max_in, max_out; /* bytes */
    struct tls *tls;        /* for endpoints that ask for TLS (else -ENOKEY); borrowed during the call */
    bool has_connected;     /* stream_from_fd: the socket did connect, rather than accept; TLS must know */
};

/* Begins to connect to an active endpoint; `opened` or `closed` follows, unless this fails at once.
 * Returns 0 or a negative errno with `e` set. */
int stream_connect(struct stream **out, struct ev_loop *loop, const struct endpoint *to, const struct stream_conf *conf,
                   struct errbuf *e);
/* Makes a stream of a connected socket, such as a listener gives; takes `fd`, also when it fails (-ENOMEM). */
int stream_from_fd(struct stream **out, struct ev_loop *loop, int fd, const struct endpoint *peer,
                   const struct stream_conf *conf);
/* Sends what the socket takes at once of what is queued, and ends the stream.  No callback follows.  NULL is fine. */
void stream_close(struct stream *s);

/* Queues all `n` bytes, or refuses: -ENOBUFS when there is no room, -ENOTCONN when the stream is not open. */
int stream_send(struct stream *s, const void *p, size_t n);
/* Bytes queued and bytes that would still be taken. */
size_t stream_pending(const struct stream *s);
size_t stream_room(const struct stream *s);
void stream_want_room(struct stream *s);            /* asks for one `has_room`, from the loop, now or when it is so */
uint64_t stream_sent_bytes(const struct stream *s); /* what the socket has taken since the beginning */
/* Stops reading, so that the peer feels our slowness; nor do we notice then that it is gone.  stream_resume reads again,
 * held or not, and offers again what is already here. */
void stream_hold(struct stream *s);
void stream_resume(struct stream *s);
const struct endpoint *stream_peer(const struct stream *s);
/* Ends the stream from the next turn of the loop, with `closed` called: for a reader that found an error. */
void stream_fail(struct stream *s, int err, const char *why);

/* Gives a connected non-blocking socket; the callee closes it, in any case. */
typedef void listener_accepted_fn(void *arg, int fd, const struct endpoint *peer);

/* Listens at a passive endpoint.  A unix socket is made with mode 0600, in place of one that nobody listens on.
 * Returns 0 or a negative errno with `e` set. */
int listener_open(struct listener **out, struct ev_loop *loop, const struct endpoint *at,
                  listener_accepted_fn *accepted, void *arg, struct errbuf *e);
void listener_close(struct listener *l);                            /* NULL is fine; removes the unix socket */
const struct endpoint *listener_endpoint(const struct listener *l); /* with the port that the kernel chose */

#endif

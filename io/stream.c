/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c - one socket, two buffers; see stream.h.
 *
 * Theory.  Writing happens in the `flush` watcher, which libev runs before it sleeps: all that one turn queued goes out
 * together, and the `writable` watcher is started only when the socket takes no more.  A stream is freed when no callback
 * is running (`depth` 0) and it is over (`is_over`).
 * A turn offers a bounded number of times what is here (a message each), so that a peer that floods leaves the other streams
 * of the loop their turns: the rest waits (`has_more`) for `again`, in the next turn.
 * With TLS there is a handshake between connected and open (`is_shaking`).  A session may hold bytes that the socket no
 * longer tells of, and may have to write before it can read on (`read_wants_write`); it never has to read before it can
 * write, since keys are not negotiated anew (tls.c). */
#include "io/stream.h"

#include "base/bytes.h"
#include "io/tls.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10, READS_PER_TURN = 8, OFFERS_PER_TURN = 64, KEEP_SIZE = 128 << 10 };

struct stream {
    struct ev_loop *loop;
    const struct stream_events *events;
    void *arg;
    int fd; /* -1 when over */
    struct endpoint peer;
    struct tls_session *tls; /* NULL: in the clear */
    ev_io readable, writable;
    ev_prepare flush;
    ev_idle awake;  /* while there is something to do in `flush` or `again`: the loop does not sleep */
    ev_timer again; /* the next turn of what waits here */
    uint8_t *in;
    size_t in_start, in_len, in_size, max_in; /* in_len bytes from in_start */
    struct wr out;
    size_t out_start, max_out; /* sent already */
    uint64_t n_sent;
    unsigned depth, offers; /* left of this turn */
    bool has_more;          /* bytes that wait for the next turn; nothing is read meanwhile */
    bool is_open, is_held, is_over, wants_room, is_shaking, read_wants_write;
    int fail_err;
    char fail_why[128]; /* not empty: stream_fail was called */
};

static void stream_free(struct stream *s)
{
    free(s->in);
    wr_fini(&s->out);
    free(s);
}

/* Stops everything; the struct lives on while callbacks run. */
static void stream_stop(struct stream *s)
{
    s->is_over = true;
    s->is_open = false;
    if (s->fd < 0)
        return;
    ev_io_stop(s->loop, &s->readable);
    ev_io_stop(s->loop, &s->writable);
    ev_prepare_stop(s->loop, &s->flush);
    ev_idle_stop(s->loop, &s->awake);
    ev_timer_stop(s->loop, &s->again);
    tls_session_close(s->tls);
    s->tls = NULL;
    close(s->fd);
    s->fd = -1;
}

static void enter(struct stream *s)
{
    s->depth++;
}

static void leave(struct stream *s)
{
    if (!--s->depth && s->is_over)
        stream_free(s);
}

/* Ends the stream and says so; the caller is between enter and leave. */
static void stream_end(struct stream *s, int err, const char *why)
{
    if (s->is_over)
        return;
    stream_stop(s);
    if (s->events->closed)
        s->events->closed(s->arg, err, why);
}

static void end_broken(struct stream *s, int err)
{
    char why[128];

    snprintf(why, sizeof why, "%s", err == -EPROTO && s->tls ? tls_session_why(s->tls) : strerror(-err));
    stream_end(s, err, why);
}

/* --- the socket, with TLS or without: bytes, or a negative errno, -EAGAIN for "later" --- */

static ssize_t socket_send(struct stream *s, const void *p, size_t n)
{
    enum tls_wait wait;
    ssize_t sent;

    if (s->tls) {
        sent = tls_write(s->tls, p, n, &wait);
        return sent == -EAGAIN && wait == TLS_WAIT_READ ? -EPROTO : sent;
    }
    do
        sent = send(s->fd, p, n, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

static ssize_t socket_receive(struct stream *s, void *p, size_t n)
{
    enum tls_wait wait;
    ssize_t got;

    if (s->tls) {
        got = tls_read(s->tls, p, n, &wait);
        s->read_wants_write = got == -EAGAIN && wait == TLS_WAIT_WRITE;
        if (s->read_wants_write)
            ev_io_start(s->loop, &s->writable);
        return got;
    }
    do
        got = recv(s->fd, p, n, 0);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

size_t stream_pending(const struct stream *s)
{
    return s->out.len - s->out_start;
}

size_t stream_room(const struct stream *s)
{
    size_t pending = stream_pending(s);

    return s->is_open && pending < s->max_out ? s->max_out - pending : 0;
}

static void sleep_if_done(struct stream *s)
{
    if (!ev_is_active(&s->again))
        ev_idle_stop(s->loop, &s->awake);
}

/* Has `flush` called, in this turn or the next; the loop does not sleep before. */
static void wake(struct stream *s)
{
    ev_prepare_start(s->loop, &s->flush);
    ev_idle_start(s->loop, &s->awake);
}

void stream_want_room(struct stream *s)
{
    if (!s->is_open)
        return;
    s->wants_room = true;
    wake(s);
}

uint64_t stream_sent_bytes(const struct stream *s)
{
    return s->n_sent;
}

const struct endpoint *stream_peer(const struct stream *s)
{
    return &s->peer;
}

static void out_trim(struct stream *s)
{
    if (s->out_start == s->out.len) {
        s->out_start = 0;
        wr_reset(&s->out);
        if (s->out.size > KEEP_SIZE)
            wr_fini(&s->out);
    } else if (s->out_start > s->out.len / 2) {
        memmove(s->out.p, s->out.p + s->out_start, s->out.len - s->out_start);
        s->out.len -= s->out_start;
        s->out_start = 0;
    }
}

/* Sends what the socket takes.  Returns 0 or a negative errno other than "later". */
static int out_write(struct stream *s)
{
    while (stream_pending(s)) {
        ssize_t n = socket_send(s, s->out.p + s->out_start, stream_pending(s));

        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        s->out_start += (size_t)n;
        s->n_sent += (uint64_t)n;
    }
    out_trim(s);
    return 0;
}

/* Between enter and leave. */
static void flush(struct stream *s)
{
    int err = out_write(s);

    if (err) {
        end_broken(s, err);
        return;
    }
    if (!s->fail_why[0]) {
        ev_prepare_stop(s->loop, &s->flush);
        sleep_if_done(s);
    }
    if (stream_pending(s))
        ev_io_start(s->loop, &s->writable);
    else
        ev_io_stop(s->loop, &s->writable);
    if (s->wants_room && stream_pending(s) <= s->max_out / 2) {
        s->wants_room = false;
        if (s->events->has_room)
            s->events->has_room(s->arg);
    }
}

int stream_send(struct stream *s, const void *p, size_t n)
{
    if (!s->is_open || s->fail_why[0])
        return -ENOTCONN;
    if (n > stream_room(s)) {
        s->wants_room = true;
        wake(s);
        return -ENOBUFS;
    }
    if (s->out_start > s->out.len / 2)
        out_trim(s);
    wr_bytes(&s->out, p, n);
    if (s->out.bad) {
        s->out.bad = false;
        s->wants_room = true;
        return -ENOBUFS;
    }
    wake(s);
    return 0;
}

void stream_fail(struct stream *s, int err, const char *why)
{
    if (s->is_over || s->fail_why[0])
        return;
    s->fail_err = err;
    snprintf(s->fail_why, sizeof s->fail_why, "%s", why);
    wake(s);
}

void stream_close(struct stream *s)
{
    if (!s || s->is_over)
        return;
    if (s->is_open)
        (void)out_write(s);
    stream_stop(s);
    if (!s->depth)
        stream_free(s);
}

/* Has `again` called; it is a timer, and those alone would let the loop sleep for a millisecond. */
static void call_again(struct stream *s)
{
    ev_timer_start(s->loop, &s->again);
    ev_idle_start(s->loop, &s->awake);
}

/* The rest is for the next turn. */
static void end_turn(struct stream *s)
{
    s->has_more = true;
    ev_io_stop(s->loop, &s->readable);
    call_again(s);
}

/* Offers what is here to the reader.  Between enter and leave. */
static void deliver(struct stream *s)
{
    while (s->in_len && !s->is_held && !s->is_over && !s->fail_why[0]) {
        size_t n;

        if (!s->offers) {
            end_turn(s);
            return;
        }
        s->offers--;
        n = s->events->received(s->arg, s->in + s->in_start, s->in_len);
        assert(n <= s->in_len);
        s->in_start += n;
        s->in_len -= n;
        if (!n)
            break;
    }
    if (!s->in_len) {
        s->in_start = 0;
        if (s->in_size > KEEP_SIZE) {
            free(s->in);
            s->in = NULL;
            s->in_size = 0;
        }
    } else if (s->in_len >= s->max_in && !s->is_held && !s->is_over) {
        stream_end(s, -EMSGSIZE, "the peer sent more than one message may hold");
    }
}

/* Free space behind what is here: at least one byte, or false. */
static bool in_reserve(struct stream *s)
{
    if (s->in_start && s->in_size - s->in_start - s->in_len < READ_SIZE / 2) {
        memmove(s->in, s->in + s->in_start, s->in_len);
        s->in_start = 0;
    }
    if (s->in_start + s->in_len < s->in_size)
        return true;

    size_t size = s->in_size ? s->in_size * 2 : READ_SIZE;

    if (size > s->max_in)
        size = s->max_in;

    uint8_t *p = size > s->in_size ? realloc(s->in, size) : NULL;

    if (!p)
        return false;
    s->in = p;
    s->in_size = size;
    return true;
}

/* Reads what is there, up to a bound.  Between enter and leave. */
static void take_in(struct stream *s)
{
    for (int i = 0; i < READS_PER_TURN && !s->is_over && !s->is_held && !s->has_more && !s->fail_why[0]; i++) {
        if (!in_reserve(s)) {
            stream_end(s, -ENOMEM, strerror(ENOMEM));
            break;
        }

        size_t room = s->in_size - s->in_start - s->in_len;
        ssize_t n = socket_receive(s, s->in + s->in_start + s->in_len, room);

        if (n == -EAGAIN)
            break;
        if (n < 0) {
            end_broken(s, (int)n);
            break;
        }
        if (n == 0) {
            stream_end(s, 0, "closed by the peer");
            break;
        }
        s->in_len += (size_t)n;
        deliver(s);
        if ((size_t)n < room && !s->tls)
            break;
    }
    if (s->tls && !s->is_held && tls_has_pending(s->tls))
        end_turn(s);
}

static void opened(struct stream *s)
{
    s->is_open = true;
    ev_io_stop(s->loop, &s->writable);
    if (!s->is_held)
        ev_io_start(s->loop, &s->readable);
    if (s->events->opened)
        s->events->opened(s->arg);
}

/* Goes on with the handshake of TLS.  Between enter and leave. */
static void shake(struct stream *s)
{
    enum tls_wait wait = TLS_WAIT_READ;
    int err = tls_handshake(s->tls, &wait);

    s->is_shaking = err == -EAGAIN;
    if (!err) {
        opened(s);
    } else if (err != -EAGAIN) {
        end_broken(s, err);
    } else if (wait == TLS_WAIT_READ) {
        ev_io_stop(s->loop, &s->writable);
        ev_io_start(s->loop, &s->readable);
    } else {
        ev_io_stop(s->loop, &s->readable);
        ev_io_start(s->loop, &s->writable);
    }
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct stream *s = w->data;

    enter(s);
    s->offers = OFFERS_PER_TURN;
    if (s->is_shaking)
        shake(s);
    else
        take_in(s);
    leave(s);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct stream *s = w->data;

    enter(s);
    if (s->is_open) {
        s->offers = OFFERS_PER_TURN;
        if (s->read_wants_write)
            take_in(s);
        if (!s->is_over)
            flush(s);
    } else if (s->is_shaking) {
        shake(s);
    } else {
        int err = 0;
        socklen_t len = sizeof err;

        if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len))
            err = errno;
        if (err)
            stream_end(s, -err, strerror(err));
        else if (s->tls)
            shake(s);
        else
            opened(s);
    }
    leave(s);
}

/* A turn of a stream whose bytes wait here. */
static void on_again(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct stream *s = w->data;

    enter(s);
    ev_idle_stop(s->loop, &s->awake); /* what else it was on for comes before the loop sleeps */
    s->has_more = false;
    s->offers = OFFERS_PER_TURN;
    if (!s->is_held && s->is_open)
        ev_io_start(s->loop, &s->readable);
    deliver(s);
    if (s->tls && s->is_open && !s->has_more && !s->is_held && tls_has_pending(s->tls))
        take_in(s);
    leave(s);
}

static void on_awake(struct ev_loop *loop, ev_idle *w, int revents)
{
    /* the loop turns, which is all it is for */
}

static void on_flush(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct stream *s = w->data;

    enter(s);
    sleep_if_done(s);
    if (s->fail_why[0]) {
        if (s->is_open)
            (void)out_write(s);
        stream_end(s, s->fail_err, s->fail_why);
    } else if (s->is_open) {
        flush(s);
    } else {
        ev_prepare_stop(s->loop, &s->flush);
    }
    leave(s);
}

void stream_hold(struct stream *s)
{
    if (s->is_over)
        return;
    s->is_held = true;
    ev_io_stop(s->loop, &s->readable);
}

void stream_resume(struct stream *s)
{
    if (s->is_over)
        return;
    if (s->is_held && s->is_open)
        ev_io_start(s->loop, &s->readable);
    s->is_held = false;
    call_again(s);
}

/* Takes `fd`, also when it fails. */
static int stream_new(struct stream **out, struct ev_loop *loop, int fd, const struct endpoint *peer,
                      const struct stream_conf *conf, enum tls_role role)
{
    struct stream *s = calloc(1, sizeof *s);
    int on = 1, err = s ? 0 : -ENOMEM;

    if (s && peer->is_tls)
        err = tls_session_open(&s->tls, conf->tls, fd, role);
    if (err) {
        close(fd);
        free(s);
        return err;
    }
    s->loop = loop;
    s->events = conf->events;
    s->arg = conf->arg;
    s->fd = fd;
    s->peer = *peer;
    s->max_in = conf->max_in;
    s->max_out = conf->max_out;
    if (peer->kind == ENDPOINT_TCP)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only slower without */
    ev_io_init(&s->readable, on_readable, fd, EV_READ);
    ev_io_init(&s->writable, on_writable, fd, EV_WRITE);
    ev_prepare_init(&s->flush, on_flush);
    ev_idle_init(&s->awake, on_awake);
    ev_timer_init(&s->again, on_again, 0, 0);
    s->readable.data = s->writable.data = s->flush.data = s->again.data = s;
    ev_io_start(loop, &s->writable); /* tells when it is connected */
    *out = s;
    return 0;
}

int stream_from_fd(struct stream **out, struct ev_loop *loop, int fd, const struct endpoint *peer,
                   const struct stream_conf *conf)
{
    return stream_new(out, loop, fd, peer, conf, conf->has_connected ? TLS_CLIENT : TLS_SERVER);
}

int stream_connect(struct stream **out, struct ev_loop *loop, const struct endpoint *to, const struct stream_conf *conf,
                   struct errbuf *e)
{
    char text[ENDPOINT_TEXT_SIZE];
    struct sockaddr_storage addr;
    socklen_t len = endpoint_to_sockaddr(to, &addr);
    int err, fd;

    endpoint_format(to, text, sizeof text);
    if (to->is_passive)
        return errbuf_set(e, -EINVAL, "%s is an endpoint to listen on, not to connect to", text);
    fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errbuf_set(e, -errno, "%s: socket: %s", text, strerror(errno));
    if (connect(fd, (struct sockaddr *)&addr, len) && errno != EINPROGRESS) {
        err = -errno;
        close(fd);
        return errbuf_set(e, err, "%s: %s", text, strerror(-err));
    }
    err = stream_new(out, loop, fd, to, conf, TLS_CLIENT);
    return err ? errbuf_set(e, err, "%s: %s", text, strerror(-err)) : 0;
}

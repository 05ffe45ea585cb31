/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_wire.c - see fuzz_wire.h. */
#include "tests/fuzz/fuzz_wire.h"

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/of_conn.h"
#include "vswitch/agent.h"

enum { TURNS = 4 };

static int ops_send(void *arg, const void *p, size_t n)
{
    return of_conn_send_bytes(((struct fuzz_wire *)arg)->conn, p, n);
}

static size_t ops_room(void *arg)
{
    return of_conn_room(((struct fuzz_wire *)arg)->conn);
}

static void ops_hold(void *arg)
{
    of_conn_hold(((struct fuzz_wire *)arg)->conn);
}

static void ops_resume(void *arg)
{
    of_conn_resume(((struct fuzz_wire *)arg)->conn);
}

static const struct session_ops ops = {
    .send = ops_send, .send_async = ops_send, .room = ops_room, .hold = ops_hold, .resume = ops_resume
};

static void on_up(void *arg, struct of_conn *c)
{
    struct fuzz_wire *w = arg;

    if (session_open(&w->s, w->agent, SESSION_CONTROLLER, &ops, w))
        abort();
}

static void on_message(void *arg, struct of_conn *c, const struct ofp_msg *m, const uint8_t *p, size_t n)
{
    session_message(((struct fuzz_wire *)arg)->s, m, p, n);
}

static void on_down(void *arg, struct of_conn *c, const char *why)
{
    struct fuzz_wire *w = arg;

    session_close(w->s);
    w->s = NULL;
    w->conn = NULL;
}

static const struct of_conn_events events = { .up = on_up, .message = on_message, .down = on_down };

void fuzz_wire_open(struct fuzz_wire *w, struct agent *a, const struct clock *clock)
{
    static const uint8_t hello[OFP_HEADER_SIZE] = { OFP_VERSION_13, OFPT_HELLO, 0, OFP_HEADER_SIZE };
    struct of_conn_conf conf = { .events = &events, .arg = w, .name = "wire", .clock = clock };
    struct endpoint peer = { 0 };
    int fds[2];

    *w = (struct fuzz_wire){ .agent = a, .loop = ev_loop_new(EVFLAG_AUTO) };
    if (!w->loop || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) ||
        of_conn_accept(&w->conn, w->loop, fds[0], &peer, &conf))
        abort();
    w->fd = fds[1];
    wr_init(&w->heard);
    fuzz_wire_write(w, hello, sizeof hello);
}

/* Takes whole messages off what was heard. */
static void check_heard(struct fuzz_wire *w)
{
    struct ofp_header h;
    struct arena arena;
    struct ofp_msg m;
    struct ofp_err err;
    size_t at = 0;

    arena_init(&arena);
    while (ofp_header_read(&h, w->heard.p + at, w->heard.len - at)) {
        if (h.length < OFP_HEADER_SIZE) {
            fprintf(stderr, "the switch says what is no message\n");
            abort();
        }
        if (h.length > w->heard.len - at)
            break;
        if (ofp_decode(&m, &arena, w->heard.p + at, h.length, &err)) {
            fprintf(stderr, "the switch says what cannot be decoded\n");
            abort();
        }
        at += h.length;
        arena_reset(&arena);
    }
    if (at)
        memmove(w->heard.p, w->heard.p + at, w->heard.len - at);
    w->heard.len -= at;
    arena_fini(&arena);
}

void fuzz_wire_turn(struct fuzz_wire *w)
{
    uint8_t buf[4096];

    if (!w->loop)
        return;
    if (w->conn)
        of_conn_tick(w->conn);
    for (int i = 0; i < TURNS; i++) {
        ssize_t n;

        ev_run(w->loop, EVRUN_NOWAIT);
        while ((n = read(w->fd, buf, sizeof buf)) > 0)
            wr_bytes(&w->heard, buf, (size_t)n);
    }
    if (w->heard.len)
        check_heard(w);
}

void fuzz_wire_write(struct fuzz_wire *w, const uint8_t *p, size_t n)
{
    /* what does not fit, because the session is held, is lost: any bytes may come */
    if (w->conn && n && send(w->fd, p, n, MSG_NOSIGNAL) < 0 && errno != EAGAIN && errno != EPIPE)
        abort();
    fuzz_wire_turn(w);
}

void fuzz_wire_close(struct fuzz_wire *w)
{
    if (!w->loop)
        return;
    close(w->fd);
    w->fd = -1;
    ev_run(w->loop, EVRUN_NOWAIT); /* it hears of the end; what it still has to do it does without */
    if (w->conn) {
        session_close(w->s);
        of_conn_close(w->conn);
    }
    ev_loop_destroy(w->loop);
    wr_fini(&w->heard);
    *w = (struct fuzz_wire){ 0 };
}

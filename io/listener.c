/* SPDX-License-Identifier: Apache-2.0 */
/* listener.c - the passive end of stream.h. */
#include "io/stream.h"

#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 64, ACCEPTS_PER_TURN = 16 };
static const double PAUSE_S = 0.1; /* when the process has no descriptor left */

struct listener {
    struct ev_loop *loop;
    ev_io readable;
    ev_timer pause;
    int fd;
    struct endpoint at;
    listener_accepted_fn *accepted;
    void *arg;
};

static void listener_pause(struct listener *l)
{
    ev_io_stop(l->loop, &l->readable);
    ev_timer_set(&l->pause, PAUSE_S, 0);
    ev_timer_start(l->loop, &l->pause);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct listener *l = w->data;

    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage addr = { 0 };
        socklen_t len = sizeof addr;
        struct endpoint peer;
        int fd = accept4(l->fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                listener_pause(l);
            return;
        }
        endpoint_from_sockaddr(&peer, &addr);
        peer.is_tls = l->at.is_tls;
        if (peer.kind == ENDPOINT_UNIX)
            memcpy(peer.path, l->at.path, sizeof peer.path); /* clients have no name of their own */
        l->accepted(l->arg, fd, &peer);
    }
}

static void on_pause_over(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct listener *l = w->data;

    ev_io_start(loop, &l->readable);
}

/* Removes a socket that nobody listens on; leaves everything else where it is. */
static void stale_remove(const struct sockaddr_storage *addr, socklen_t len, const char *path)
{
    struct stat st;
    int fd;

    if (lstat(path, &st) || !S_ISSOCK(st.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)addr, len) && errno == ECONNREFUSED)
        unlink(path);
    close(fd);
}

static int unix_bind(int fd, const struct sockaddr_storage *addr, socklen_t len, const char *path)
{
    mode_t old;
    int err;

    stale_remove(addr, len, path);
    old = umask(0177);
    err = bind(fd, (const struct sockaddr *)addr, len) ? -errno : 0;
    umask(old);
    return err;
}

static int tcp_bind(int fd, const struct sockaddr_storage *addr, socklen_t len, uint16_t *port)
{
    struct sockaddr_storage bound;
    struct endpoint got;
    int on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* else a restart waits for old connections */
    if (bind(fd, (const struct sockaddr *)addr, len))
        return -errno;
    len = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &len))
        return -errno;
    endpoint_from_sockaddr(&got, &bound);
    *port = got.port;
    return 0;
}

/* Returns a listening socket or a negative errno. */
static int socket_listen(struct endpoint *at)
{
    struct sockaddr_storage addr;
    socklen_t len = endpoint_to_sockaddr(at, &addr);
    int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

    if (fd < 0 && errno == EAFNOSUPPORT && at->kind == ENDPOINT_TCP && !at->ip.family) {
        at->ip.family = 4; /* any address, on a host without IPv6 */
        len = endpoint_to_sockaddr(at, &addr);
        fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (fd < 0)
        return -errno;
    err = at->kind == ENDPOINT_UNIX ? unix_bind(fd, &addr, len, at->path) : tcp_bind(fd, &addr, len, &at->port);
    if (!err && listen(fd, BACKLOG))
        err = -errno;
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}

int listener_open(struct listener **out, struct ev_loop *loop, const struct endpoint *at,
                  listener_accepted_fn *accepted, void *arg, struct errbuf *e)
{
    char text[ENDPOINT_TEXT_SIZE];
    struct listener *l;

    endpoint_format(at, text, sizeof text);
    if (!at->is_passive)
        return errbuf_set(e, -EINVAL, "%s is an endpoint to connect to, not to listen on", text);
    l = calloc(1, sizeof *l);
    if (!l)
        return errbuf_set(e, -ENOMEM, "%s: %s", text, strerror(ENOMEM));
    l->loop = loop;
    l->at = *at;
    l->accepted = accepted;
    l->arg = arg;
    l->fd = socket_listen(&l->at);
    if (l->fd < 0) {
        int err = l->fd;

        free(l);
        return errbuf_set(e, err, "%s: %s", text, strerror(-err));
    }
    ev_io_init(&l->readable, on_readable, l->fd, EV_READ);
    ev_init(&l->pause, on_pause_over);
    l->readable.data = l->pause.data = l;
    ev_io_start(loop, &l->readable);
    *out = l;
    return 0;
}

void listener_close(struct listener *l)
{
    if (!l)
        return;
    ev_io_stop(l->loop, &l->readable);
    ev_timer_stop(l->loop, &l->pause);
    close(l->fd);
    if (l->at.kind == ENDPOINT_UNIX)
        unlink(l->at.path);
    free(l);
}

const struct endpoint *listener_endpoint(const struct listener *l)
{
    return &l->at;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* probe_tcp.c - connects, sends data and wants the same back, to the last byte; see probe_serve.c for the other side.
 * The data are many and given to the kernel at once, so that it makes segments as large as its offloads permit. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tools/probe_impl.h"

enum { CONNECT_MS = 1000, PAUSE_MS = 100, BUFFER_SIZE = 256 << 10, STALL_MS = 5000, EXCHANGE_MS = 60000 };

struct tcp {
    const struct probe_target *target;
    uint64_t deadline_ns;
    uint64_t bytes, sent, received; /* of this attempt */
    char why[128];
    bool was_reached; /* some attempt got a connection */
};

static int wrong(struct tcp *t, const char *what, int err)
{
    snprintf(t->why, sizeof t->why, "%s: %s", what, strerror(err));
    return -err;
}

/* Waits at most CONNECT_MS: the kernel's own second try comes later than a new connection of ours. */
static int tcp_connect(struct tcp *t, int *out)
{
    int fd = socket(t->target->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err = 0;
    struct pollfd f = { .fd = fd, .events = POLLOUT };
    socklen_t len = sizeof err;

    if (fd < 0)
        return wrong(t, "socket", errno);
    *out = fd;
    if (!connect(fd, (const struct sockaddr *)&t->target->addr, t->target->len))
        return 0;
    if (errno != EINPROGRESS)
        return wrong(t, "connect", errno);
    if (poll(&f, 1, probe_left_ms(t->deadline_ns, CONNECT_MS)) != 1)
        return wrong(t, "connect", ETIMEDOUT);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
    return err ? wrong(t, "connect", err) : 0;
}

static int data_send(struct tcp *t, int fd)
{
    static uint8_t buffer[BUFFER_SIZE];
    uint64_t left = t->bytes - t->sent;
    size_t n = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
    ssize_t sent;

    for (size_t i = 0; i < n; i++)
        buffer[i] = probe_byte(t->sent + i);
    sent = send(fd, buffer, n, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN ? 0 : wrong(t, "send", errno);
    t->sent += (uint64_t)sent;
    if (t->sent == t->bytes)
        shutdown(fd, SHUT_WR);
    return 0;
}

/* 1 at the end of the stream. */
static int data_receive(struct tcp *t, int fd)
{
    static uint8_t buffer[BUFFER_SIZE];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);

    if (n < 0)
        return errno == EAGAIN ? 0 : wrong(t, "receive", errno);
    for (ssize_t i = 0; i < n; i++)
        if (t->received + (uint64_t)i >= t->bytes || buffer[i] != probe_byte(t->received + (uint64_t)i)) {
            snprintf(t->why, sizeof t->why, "byte %llu came back wrong", (unsigned long long)t->received + (unsigned)i);
            return -EBADMSG;
        }
    t->received += (uint64_t)n;
    return n == 0;
}

/* However slow a host is, it is not stuck as long as something moves. */
static int exchange(struct tcp *t, int fd)
{
    uint64_t end_ns = clock_now(NULL) + (uint64_t)EXCHANGE_MS * NSEC_PER_MS;
    int err = 0;

    while (!err) {
        struct pollfd f = { .fd = fd, .events = (short)(POLLIN | (t->sent < t->bytes ? POLLOUT : 0)) };

        if (poll(&f, 1, probe_left_ms(end_ns, STALL_MS)) != 1) {
            snprintf(t->why, sizeof t->why, "connected, but after %llu of %llu bytes nothing came back any more",
                     (unsigned long long)t->received, (unsigned long long)t->bytes);
            return -ETIMEDOUT;
        }
        if (f.revents & POLLOUT)
            err = data_send(t, fd);
        if (!err && f.revents & (POLLIN | POLLHUP | POLLERR))
            err = data_receive(t, fd);
    }
    if (err < 0 || t->received == t->bytes)
        return err < 0 ? err : 0;
    snprintf(t->why, sizeof t->why, "the connection ended after %llu of %llu bytes", (unsigned long long)t->received,
             (unsigned long long)t->bytes);
    return -EPIPE;
}

static int attempt(struct tcp *t)
{
    int fd = -1, err = tcp_connect(t, &fd);

    t->sent = t->received = 0;
    if (!err) {
        t->was_reached = true;
        err = exchange(t, fd);
    }
    if (fd >= 0)
        close(fd);
    return err;
}

int probe_tcp(const json_t *request)
{
    uint64_t begin_ns = clock_now(NULL);
    struct probe_target target;
    struct tcp t = { .target = &target,
                     .deadline_ns = probe_deadline(request),
                     .bytes = (uint64_t)json_integer_value(json_object_get(request, "bytes")) };
    int err =
        probe_target(&target, probe_text(request, "to"), (int)json_integer_value(json_object_get(request, "port")));
    unsigned tries = 0;

    if (err)
        return probe_fail("%s: %s", probe_text(request, "to"), strerror(-err));
    do {
        tries++;
        if (!attempt(&t))
            return probe_succeed(begin_ns, tries);
        poll(NULL, 0, probe_left_ms(t.deadline_ns, PAUSE_MS));
    } while (clock_now(NULL) < t.deadline_ns);
    probe_say(json_pack("{s:b, s:s, s:b}", "ok", 0, "why", t.why, "reached", (int)t.was_reached));
    return 1;
}

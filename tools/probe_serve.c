/* SPDX-License-Identifier: Apache-2.0 */
/* probe_serve.c - the other side of the tcp and udp probes: gives back what it gets.  A process for each connection. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tools/probe_impl.h"

enum { ADDRESSES_MAX = 64, BUFFER_SIZE = 256 << 10, BACKLOG = 128 };

/* Gives *out; free to bind an address that is still being tried for duplicates. */
static int socket_serve(int *out, const struct probe_target *t, int type)
{
    int fd = socket(t->addr.ss_family, type | SOCK_CLOEXEC, 0), on = 1, err;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
    if (!bind(fd, (const struct sockaddr *)&t->addr, t->len) && (type == SOCK_DGRAM || !listen(fd, BACKLOG))) {
        *out = fd;
        return 0;
    }
    err = -errno;
    close(fd);
    return err;
}

static void connection_serve(int fd)
{
    static uint8_t buffer[BUFFER_SIZE];
    ssize_t n;

    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        for (ssize_t done = 0, sent; done < n; done += sent) {
            sent = send(fd, buffer + done, (size_t)(n - done), MSG_NOSIGNAL);
            if (sent < 0)
                return;
        }
}

static void connection_take(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (!fork()) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        connection_serve(fd);
        _exit(0);
    }
    close(fd);
}

static void datagram_answer(int fd)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    uint8_t buffer[2048];
    ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &len);

    if (n >= 0)
        (void)!sendto(fd, buffer, (size_t)n, 0, (struct sockaddr *)&from, len);
}

int probe_serve(const json_t *request)
{
    const json_t *at = json_object_get(request, "at");
    int port = (int)json_integer_value(json_object_get(request, "port")), err = 0;
    struct pollfd fds[2 * ADDRESSES_MAX];
    size_t n = json_array_size(at);

    for (size_t i = 0; i < n && i < ADDRESSES_MAX && !err; i++) {
        struct probe_target t;

        fds[2 * i].events = fds[2 * i + 1].events = POLLIN;
        err = probe_target(&t, json_string_value(json_array_get(at, i)), port);
        if (!err)
            err = socket_serve(&fds[2 * i].fd, &t, SOCK_STREAM);
        if (!err)
            err = socket_serve(&fds[2 * i + 1].fd, &t, SOCK_DGRAM);
    }
    if (err || !n || n > ADDRESSES_MAX) {
        probe_say(json_pack("{s:b, s:o}", "ready", 0, "why",
                            json_sprintf("port %d cannot be served: %s", port, strerror(err ? -err : EINVAL))));
        return 1;
    }
    signal(SIGCHLD, SIG_IGN);
    probe_say(json_pack("{s:b}", "ready", 1));
    while (poll(fds, (nfds_t)(2 * n), -1) >= 0 || errno == EINTR)
        for (size_t i = 0; i < n; i++) {
            if (fds[2 * i].revents)
                connection_take(fds[2 * i].fd);
            if (fds[2 * i + 1].revents)
                datagram_answer(fds[2 * i + 1].fd);
        }
    return 1;
}

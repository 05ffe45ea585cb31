/* SPDX-License-Identifier: Apache-2.0 */
/* rpc_client.c - the side that waits; see rpc.h. */
#include "io/rpc.h"

#include "base/clock.h"
#include "io/json_scan.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10 };

struct rpc_client {
    int fd;
    char *path;
    int id; /* of the last request */
    uint8_t *in;
    size_t in_len, in_size;
    struct json_scan scan;
    rpc_notified_fn *notified;
    void *notified_arg;
};

int rpc_client_open(struct rpc_client **out, const char *path, struct errbuf *e)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct rpc_client *c;
    int err = 0;

    if (strlen(path) >= sizeof addr.sun_path)
        return errbuf_set(e, -ENAMETOOLONG, "the socket path '%s' has %zu bytes; at most %zu are possible", path,
                          strlen(path), sizeof addr.sun_path - 1);
    memcpy(addr.sun_path, path, strlen(path));
    c = calloc(1, sizeof *c);
    if (!c)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    c->path = strdup(path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!c->path)
        err = -ENOMEM;
    else if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&addr, sizeof addr))
        err = -errno;
    if (!err) {
        *out = c;
        return 0;
    }
    rpc_client_close(c);
    if (err == -ENOENT || err == -ECONNREFUSED)
        return errbuf_set(e, err, "no daemon answers at %s (%s)", path, strerror(-err));
    return errbuf_set(e, err, "%s: %s", path, strerror(-err));
}

void rpc_client_close(struct rpc_client *c)
{
    if (!c)
        return;
    if (c->fd >= 0)
        close(c->fd);
    free(c->path);
    free(c->in);
    free(c);
}

void rpc_client_on_notify(struct rpc_client *c, rpc_notified_fn *notified, void *arg)
{
    c->notified = notified;
    c->notified_arg = arg;
}

/* Waits until the socket is readable.  `end_ns`: UINT64_MAX waits for ever. */
static int wait_readable(struct rpc_client *c, uint64_t end_ns, struct errbuf *e)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };

    for (;;) {
        uint64_t now = clock_now(NULL), left_ms = end_ns > now ? (end_ns - now) / NSEC_PER_MS + 1 : 0;
        int n = poll(&p, 1, end_ns == UINT64_MAX ? -1 : left_ms > INT_MAX ? INT_MAX : (int)left_ms);

        if (n > 0)
            return 0;
        if (n == 0 && clock_now(NULL) >= end_ns)
            return errbuf_set(e, -ETIMEDOUT, "the daemon at %s did not answer in time", c->path);
        if (n < 0 && errno != EINTR)
            return errbuf_set(e, -errno, "%s: %s", c->path, strerror(errno));
    }
}

static int read_more(struct rpc_client *c, uint64_t end_ns, struct errbuf *e)
{
    int err = wait_readable(c, end_ns, e);
    ssize_t n;

    if (err)
        return err;
    if (c->in_len == c->in_size) {
        size_t size = c->in_size ? c->in_size * 2 : READ_SIZE;
        uint8_t *p = size <= RPC_REPLY_MAX ? realloc(c->in, size) : NULL;

        if (!p)
            return errbuf_set(e, -EMSGSIZE, "the reply of the daemon at %s is too large", c->path);
        c->in = p;
        c->in_size = size;
    }
    do
        n = recv(c->fd, c->in + c->in_len, c->in_size - c->in_len, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errbuf_set(e, -errno, "%s: %s", c->path, strerror(errno));
    if (n == 0)
        return errbuf_set(e, -ECONNRESET, "the daemon at %s closed the connection without an answer", c->path);
    c->in_len += (size_t)n;
    return 0;
}

/* The next message, the caller's. */
static int read_message(struct rpc_client *c, uint64_t end_ns, json_t **out, struct errbuf *e)
{
    json_error_t error;
    long len;

    while (!(len = json_scan_next(&c->scan, c->in, c->in_len))) {
        int err = read_more(c, end_ns, e);

        if (err)
            return err;
    }
    *out = len > 0 ? json_loadb((const char *)c->in, (size_t)len, 0, &error) : NULL;
    if (!*out)
        return errbuf_set(e, -EBADMSG, "what answers at %s does not speak JSON-RPC", c->path);
    c->in_len -= (size_t)len;
    memmove(c->in, c->in + len, c->in_len);
    return 0;
}

/* Takes `params`. */
static int request_send(struct rpc_client *c, const char *method, json_t *params, struct errbuf *e)
{
    json_t *message =
        json_pack("{s:i, s:s, s:o}", "id", ++c->id, "method", method, "params", params ? params : json_array());
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    size_t left = text ? strlen(text) : 0, at = 0;
    int err = 0;

    json_decref(message);
    if (!text)
        return errbuf_set(e, -EINVAL, "the arguments of %s are not valid UTF-8 text", method);
    while (left) {
        ssize_t n = send(c->fd, text + at, left, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err = errbuf_set(e, -errno, "%s: %s", c->path, strerror(errno));
            break;
        }
        at += (size_t)n;
        left -= (size_t)n;
    }
    free(text);
    return err;
}

/* 1: this was the reply; 0: something else. */
static int message_take(struct rpc_client *c, json_t *m, json_t **result, struct errbuf *e)
{
    const char *method = json_string_value(json_object_get(m, "method"));
    json_t *error = json_object_get(m, "error");

    if (method) {
        if (c->notified && !c->notified(c->notified_arg, method, json_object_get(m, "params")))
            return errbuf_set(e, -ECANCELED, "given up");
        return 0;
    }
    if (json_integer_value(json_object_get(m, "id")) != c->id)
        return 0;
    if (error && !json_is_null(error)) {
        const char *text = json_string_value(error);

        return errbuf_set(e, -EREMOTEIO, "%s", text ? text : "refused without a reason");
    }
    *result = json_incref(json_object_get(m, "result"));
    return *result ? 1 : errbuf_set(e, -EBADMSG, "the daemon at %s answered without a result", c->path);
}

int rpc_client_call(struct rpc_client *c, const char *method, json_t *params, int timeout_ms, json_t **result,
                    struct errbuf *e)
{
    uint64_t end_ns = timeout_ms < 0 ? UINT64_MAX : clock_now(NULL) + (uint64_t)timeout_ms * NSEC_PER_MS;
    int err = request_send(c, method, params, e);

    while (!err) {
        json_t *m = NULL;

        err = read_message(c, end_ns, &m, e);
        if (!err)
            err = message_take(c, m, result, e);
        json_decref(m);
    }
    return err > 0 ? 0 : err;
}

int rpc_call(const char *path, const char *method, json_t *params, int timeout_ms, json_t **result, struct errbuf *e)
{
    struct rpc_client *c;
    int err = rpc_client_open(&c, path, e);

    if (err) {
        json_decref(params);
        return err;
    }
    err = rpc_client_call(c, method, params, timeout_ms, result, e);
    rpc_client_close(c);
    return err;
}

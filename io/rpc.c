/* SPDX-License-Identifier: Apache-2.0 */
/* rpc.c - the server; see rpc.h.
 *
 * Theory.  A client has one request under way at a time, `current`: while that waits, what the client sends meanwhile is
 * left in its stream, whose bound is `RPC_REQUEST_MAX`.  The stream is not held, for a client that leaves must be noticed. */
#include "io/rpc.h"

#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "io/json_scan.h"
#include "io/stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct rpc_server {
    struct ev_loop *loop;
    struct listener *listener;
    const struct rpc_method *methods;
    void *arg;
    struct list conns; /* struct rpc_conn */
    size_t n_conns;
};

struct rpc_conn {
    struct list link;
    struct rpc_server *server;
    struct stream *stream;
    struct json_scan scan;
    struct rpc_request *current;
};

struct rpc_request {
    struct rpc_conn *conn; /* NULL: the client is gone */
    json_t *message;       /* owns the params */
    bool is_notification;
    void (*gone)(struct rpc_request *r, void *arg);
    void *gone_arg;
};

/* Takes `message`.  Returns 0, -ENOMEM, -ENOBUFS. */
static int message_send(struct rpc_conn *c, json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    int err = text ? stream_send(c->stream, text, strlen(text)) : -ENOMEM;

    free(text);
    json_decref(message);
    return err;
}

/* Takes both.  Ends the request. */
static void finish(struct rpc_request *r, json_t *result, json_t *error)
{
    struct rpc_conn *c = r->conn;

    if (c && !r->is_notification) {
        json_t *id = json_object_get(r->message, "id");
        int err = message_send(c, json_pack("{s:O, s:o, s:o}", "id", id, "result", result ? result : json_null(),
                                            "error", error ? error : json_null()));

        if (err == -ENOBUFS)
            err = message_send(c, json_pack("{s:O, s:n, s:s}", "id", id, "result", "error", "the reply is too large"));
        if (err)
            stream_fail(c->stream, err, "the reply cannot be sent");
    } else {
        json_decref(result);
        json_decref(error);
    }
    if (c) {
        c->current = NULL;
        stream_resume(c->stream);
    }
    json_decref(r->message);
    free(r);
}

void rpc_reply(struct rpc_request *r, json_t *result)
{
    finish(r, result, result ? NULL : json_string("the daemon has no memory left for the reply"));
}

void rpc_reply_text(struct rpc_request *r, const char *text)
{
    rpc_reply(r, json_string(text));
}

void rpc_reply_either(struct rpc_request *r, const json_t *params, json_t *result)
{
    char *text;

    if (!json_is_array(params) || !result) {
        rpc_reply(r, result);
        return;
    }
    text = json_is_string(result) ? strdup(json_string_value(result))
                                  : json_dumps(result, JSON_INDENT(2) | JSON_ENCODE_ANY);
    json_decref(result);
    rpc_reply(r, text ? json_sprintf("%s\n", text) : NULL);
    free(text);
}

void rpc_reply_error(struct rpc_request *r, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    json_t *error;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    error = json_string(text);
    finish(r, NULL, error ? error : json_string("refused, for a reason that is not UTF-8"));
}

int rpc_notify(struct rpc_request *r, const char *method, json_t *params)
{
    if (!r->conn) {
        json_decref(params);
        return -ENOTCONN;
    }
    return message_send(r->conn, json_pack("{s:n, s:s, s:o}", "id", "method", method, "params", params));
}

void rpc_on_gone(struct rpc_request *r, void (*gone)(struct rpc_request *r, void *arg), void *arg)
{
    r->gone = gone;
    r->gone_arg = arg;
}

bool rpc_is_gone(const struct rpc_request *r)
{
    return !r->conn;
}

const char *rpc_param_text(const json_t *params, size_t i, const char *key)
{
    return json_string_value(json_is_array(params) ? json_array_get(params, i) : json_object_get(params, key));
}

static void list_commands(struct rpc_request *r, const struct rpc_method *methods)
{
    struct str text = { 0 };

    str_add(&text, "The available commands are:\n");
    for (const struct rpc_method *m = methods; m->name; m++)
        str_printf(&text, "  %-23s %s\n", m->name, m->usage ? m->usage : "");
    str_printf(&text, "  %-23s \n", "list-commands");
    rpc_reply_text(r, str_text(&text));
    str_fini(&text);
}

/* Is `key` one of the words of "[BRIDGE [NAME]]", in any case? */
static bool is_param(const char *usage, const char *key)
{
    static const char between[] = "[] ";
    size_t len = strlen(key);

    for (const char *p = usage + strspn(usage, between); *p; p += strspn(p, between)) {
        size_t n = strcspn(p, between);

        if (n == len && !strncasecmp(p, key, n))
            return true;
        p += n;
    }
    return false;
}

/* Numbers become text, which is what ovs-appctl sends for them; false: there is something else. */
static bool params_to_text(json_t *params)
{
    json_t *value;
    const char *key;
    size_t i;

    json_array_foreach(params, i, value)
    {
        if (json_is_integer(value))
            json_array_set_new(params, i, json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value)));
        else if (!json_is_string(value))
            return false;
    }
    json_object_foreach(params, key, value)
    {
        if (json_is_integer(value)) /* the key is there already: the iterator stays good */
            json_object_set_new(params, key, json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value)));
        else if (!json_is_string(value))
            return false;
    }
    return true;
}

/* Whether the method can have them; replies when not. */
static bool check_params(struct rpc_request *r, const struct rpc_method *m, json_t *params)
{
    const char *usage = m->usage ? m->usage : "", *key;
    size_t n = json_array_size(params);
    json_t *value;

    if (json_is_array(params) && n < m->min) {
        rpc_reply_error(r, "\"%s\" command requires at least %zu arguments", m->name, m->min);
        return false;
    }
    if (json_is_array(params) && n > m->max) {
        rpc_reply_error(r, "\"%s\" command takes at most %zu arguments", m->name, m->max);
        return false;
    }
    json_object_foreach(params, key, value)
    {
        if (is_param(usage, key))
            continue;
        rpc_reply_error(r, "\"%s\" command has no argument '%.64s'%s%s", m->name, key, *usage ? "; it takes " : "",
                        usage);
        return false;
    }
    if (!params_to_text(params)) {
        rpc_reply_error(r, "\"%s\" command: an argument is neither text nor a whole number", m->name);
        return false;
    }
    return true;
}

static void request_run(struct rpc_request *r, const struct rpc_server *s)
{
    const char *name = json_string_value(json_object_get(r->message, "method"));
    json_t *params = json_object_get(r->message, "params");
    const struct rpc_method *m = s->methods;

    if (!name || (!json_is_array(params) && !json_is_object(params))) {
        rpc_reply_error(r, "a request is an object with id, method (text) and params (array or object)");
        return;
    }
    if (!strcmp(name, "list-commands")) {
        list_commands(r, s->methods);
        return;
    }
    while (m->name && strcmp(m->name, name) != 0)
        m++;
    if (!m->name)
        rpc_reply_error(r, "\"%.64s\" is not a valid command (use \"list-commands\" to see a list of them)", name);
    else if (check_params(r, m, params))
        m->run(r, params, s->arg);
}

static size_t on_received(void *arg, const uint8_t *p, size_t n)
{
    struct rpc_conn *c = arg;
    json_error_t error;
    struct rpc_request *r;
    json_t *message;
    long len = c->current ? 0 : json_scan_next(&c->scan, p, n);

    if (len == 0)
        return 0;
    message = len > 0 ? json_loadb((const char *)p, (size_t)len, 0, &error) : NULL;
    r = message ? calloc(1, sizeof *r) : NULL;
    if (!r) {
        json_decref(message);
        stream_fail(c->stream, -EBADMSG, message ? "not enough memory" : "what the client sent is not a JSON object");
        return n;
    }
    r->conn = c;
    r->message = message;
    r->is_notification = !json_object_get(message, "id") || json_is_null(json_object_get(message, "id"));
    c->current = r;
    request_run(r, c->server);
    return (size_t)len;
}

static void conn_free(struct rpc_conn *c)
{
    struct rpc_request *r = c->current;

    list_remove(&c->link);
    c->server->n_conns--;
    free(c);
    if (!r)
        return;
    r->conn = NULL;
    if (r->gone)
        r->gone(r, r->gone_arg);
}

static void on_closed(void *arg, int err, const char *why)
{
    if (err)
        log_limited(LOG_WARNING, "control socket: client dropped: %s", why);
    conn_free(arg);
}

static const struct stream_events conn_events = { .received = on_received, .closed = on_closed };

static void on_accepted(void *arg, int fd, const struct endpoint *peer)
{
    struct rpc_server *s = arg;
    struct rpc_conn *c = calloc(1, sizeof *c);
    struct stream_conf conf = { &conn_events, c, RPC_REQUEST_MAX, RPC_REPLY_MAX };
    int err = s->n_conns >= RPC_CLIENTS_MAX ? -EMFILE : 0;

    if (!c || err) {
        close(fd);
        free(c);
        log_limited(LOG_WARNING, "control socket: client refused: %s", strerror(c ? -err : ENOMEM));
        return;
    }
    err = stream_from_fd(&c->stream, s->loop, fd, peer, &conf);
    if (err) {
        free(c);
        log_limited(LOG_WARNING, "control socket: client refused: %s", strerror(-err));
        return;
    }
    c->server = s;
    list_push_back(&s->conns, &c->link);
    s->n_conns++;
}

int rpc_server_open(struct rpc_server **out, struct ev_loop *loop, const char *path, const struct rpc_method *methods,
                    void *arg, struct errbuf *e)
{
    struct rpc_server *s = calloc(1, sizeof *s);
    struct endpoint at = { .kind = ENDPOINT_UNIX, .is_passive = true };
    int err;

    if (!s)
        return errbuf_set(e, -ENOMEM, "%s: not enough memory", path);
    s->loop = loop;
    s->methods = methods;
    s->arg = arg;
    list_init(&s->conns);
    if (strlen(path) >= sizeof at.path) {
        err = errbuf_set(e, -ENAMETOOLONG, "the socket path '%s' has %zu bytes; at most %zu are possible", path,
                         strlen(path), sizeof at.path - 1);
    } else {
        memcpy(at.path, path, strlen(path));
        err = listener_open(&s->listener, loop, &at, on_accepted, s, e);
    }
    if (err) {
        free(s);
        return err;
    }
    *out = s;
    return 0;
}

void rpc_server_close(struct rpc_server *s)
{
    if (!s)
        return;
    listener_close(s->listener);
    for_each_list_safe (struct rpc_conn, c, next, &s->conns, link) {
        stream_close(c->stream);
        conn_free(c);
    }
    free(s);
}

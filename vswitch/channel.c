/* SPDX-License-Identifier: Apache-2.0 */
/* channel.c - OpenFlow connections of a bridge: to its controllers, and from those that come in.
 * Flow: io/of_conn -> [channel] -> session of the agent, and back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "vswitch/vswitch_impl.h"

enum { MAX_OUT = 16 << 20 };

/* --- what a session needs of its connection --- */

static int ops_send(void *arg, const void *p, size_t n)
{
    struct channel *c = arg;

    return of_conn_send_bytes(c->conn, p, n);
}

static int ops_send_async(void *arg, const void *p, size_t n)
{
    struct channel *c = arg;

    return of_conn_room(c->conn) < MAX_OUT / 2 ? -ENOBUFS : of_conn_send_bytes(c->conn, p, n);
}

static size_t ops_room(void *arg)
{
    struct channel *c = arg;

    return of_conn_room(c->conn);
}

static void ops_hold(void *arg)
{
    struct channel *c = arg;

    of_conn_hold(c->conn);
}

static void ops_resume(void *arg)
{
    struct channel *c = arg;

    of_conn_resume(c->conn);
}

static void ops_drop(void *arg, const char *why)
{
    struct channel *c = arg;

    of_conn_drop(c->conn, why);
}

static const struct session_ops session_ops = {
    .send = ops_send,
    .send_async = ops_send_async,
    .room = ops_room,
    .hold = ops_hold,
    .resume = ops_resume,
    .drop = ops_drop,
};

/* --- events of the connection --- */

static void open_auxiliaries(struct channel *c);

/* All but the first `n`. */
static void close_auxiliaries(struct channel *c, uint8_t n)
{
    for_each_list_safe (struct channel, x, next, &c->auxiliaries, link)
        if (x->auxiliary_id > n)
            channel_close(x);
}

static void on_up(void *arg, struct of_conn *conn)
{
    struct channel *c = arg;
    int err = c->main ? session_open_auxiliary(&c->session, c->main->session, c->auxiliary_id, &session_ops, c)
                      : session_open(&c->session, c->bridge->agent, c->kind, &session_ops, c);

    if (err) {
        c->session = NULL;
        of_conn_drop(conn, "not enough memory for a session");
    } else {
        open_auxiliaries(c);
    }
    bridge_update_fail_mode(c->bridge);
}

static void on_message(void *arg, struct of_conn *conn, const struct ofp_msg *m, const uint8_t *bytes, size_t n)
{
    struct channel *c = arg;

    if (c->session)
        session_message(c->session, m, bytes, n);
}

static void on_down(void *arg, struct of_conn *conn, const char *why)
{
    struct channel *c = arg;

    close_auxiliaries(c, 0);
    session_close(c->session);
    c->session = NULL;
    bridge_update_fail_mode(c->bridge);
    if (c->is_accepted) {
        list_remove(&c->link);
        free(c);
    }
}

static const struct of_conn_events events = { .up = on_up, .message = on_message, .down = on_down };

static struct channel *channel_new(struct sw_bridge *b, enum session_kind kind, const struct endpoint *ep)
{
    struct channel *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->bridge = b;
    c->kind = kind;
    c->endpoint = *ep;
    list_init(&c->auxiliaries);
    list_push_back(&b->channels, &c->link);
    return c;
}

static void channel_conf(struct of_conn_conf *conf, const struct channel *c, char *name, size_t size)
{
    if (c->main)
        snprintf(name, size, "bridge %s: auxiliary %u", c->bridge->name, c->auxiliary_id);
    else
        snprintf(name, size, "bridge %s: %s", c->bridge->name,
                 c->kind == SESSION_CONTROLLER ? "controller" : "management");
    *conf = (struct of_conn_conf){
        .events = &events,
        .arg = (void *)(uintptr_t)c,
        .name = name,
        .clock = c->bridge->sw->clock,
        .max_out = MAX_OUT,
        .tls = c->bridge->sw->tls,
    };
}

static int begin_to_connect(struct channel *c, struct errbuf *e)
{
    struct of_conn_conf conf;
    char name[128];
    int err;

    channel_conf(&conf, c, name, sizeof name);
    err = of_conn_open(&c->conn, c->bridge->sw->loop, &c->endpoint, &conf, e);
    if (err) {
        c->conn = NULL;
        channel_close(c);
    }
    return err;
}

int channel_connect(struct sw_bridge *b, const struct controller_conf *to, struct errbuf *e)
{
    struct channel *c = channel_new(b, SESSION_CONTROLLER, &to->target);

    if (!c)
        return errbuf_set(e, -ENOMEM, "bridge %s: not enough memory", b->name);
    c->n_auxiliary = to->n_auxiliary;
    return begin_to_connect(c, e);
}

/* Those that a main channel that is up lacks.  One that cannot be made is missing until the main one comes anew. */
static void open_auxiliaries(struct channel *c)
{
    struct errbuf e = { { 0 } };

    for (unsigned id = (unsigned)list_count(&c->auxiliaries) + 1; id <= c->n_auxiliary; id++) {
        struct channel *x = channel_new(c->bridge, c->kind, &c->endpoint);

        if (x) {
            list_remove(&x->link);
            list_push_back(&c->auxiliaries, &x->link);
            x->main = c;
            x->auxiliary_id = (uint8_t)id;
        }
        if (!x || begin_to_connect(x, &e)) {
            log_warning("bridge %s: auxiliary connection %u was not made: %s", c->bridge->name, id,
                        x ? e.text : "not enough memory");
            return;
        }
    }
}

void channel_set_auxiliary(struct channel *c, uint8_t n)
{
    c->n_auxiliary = n;
    close_auxiliaries(c, n);
    if (c->session)
        open_auxiliaries(c);
}

void channel_tick(struct channel *c)
{
    for_each_list (struct channel, x, &c->auxiliaries, link)
        of_conn_tick(x->conn);
    of_conn_tick(c->conn);
}

static void on_accepted(void *arg, int fd, const struct endpoint *peer)
{
    struct doorway *d = arg;
    struct channel *c = channel_new(d->bridge, d->kind, peer);
    struct of_conn_conf conf;
    char name[128];
    int err = -ENOMEM;

    if (c) {
        c->is_accepted = true;
        channel_conf(&conf, c, name, sizeof name);
        err = of_conn_accept(&c->conn, d->bridge->sw->loop, fd, peer, &conf);
    } else {
        close(fd);
    }
    if (err) {
        log_limited(LOG_WARNING, "bridge %s: a connection was not accepted: %s", d->bridge->name, strerror(-err));
        if (c) {
            c->conn = NULL;
            channel_close(c);
        }
    }
}

int channel_listen(struct sw_bridge *b, const struct endpoint *at, enum session_kind kind, struct errbuf *e)
{
    struct doorway *d = calloc(1, sizeof *d);
    int err;

    if (!d)
        return errbuf_set(e, -ENOMEM, "bridge %s: not enough memory", b->name);
    d->bridge = b;
    d->kind = kind;
    d->endpoint = *at;
    err = listener_open(&d->listener, b->sw->loop, at, on_accepted, d, e);
    if (err) {
        free(d);
        return err;
    }
    list_push_back(&b->listeners, &d->link);
    return 0;
}

void channel_close(struct channel *c)
{
    close_auxiliaries(c, 0);
    session_close(c->session);
    of_conn_close(c->conn);
    list_remove(&c->link);
    free(c);
}

void doorway_close(struct doorway *d)
{
    listener_close(d->listener);
    list_remove(&d->link);
    free(d);
}

void channels_close(struct sw_bridge *b)
{
    for_each_list_safe (struct doorway, d, next_d, &b->listeners, link)
        doorway_close(d);
    for_each_list_safe (struct channel, c, next_c, &b->channels, link)
        channel_close(c);
}

void bridge_update_fail_mode(struct sw_bridge *b)
{
    bool is_alone =
        b->conf->fail_mode == FAIL_STANDALONE && b->conf->n_controllers && !agent_controller_count(b->agent);

    bridge_set_standalone(b->bridge, is_alone);
}

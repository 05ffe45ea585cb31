/* SPDX-License-Identifier: Apache-2.0 */
/* of_client.c - see of_client.h. */
#include "tools/of_client.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/arena.h"
#include "io/of_conn.h"

enum { SILENCE_S = 30, CONNECT_S = 10, CHUNK = 64 << 10 };

struct port_name {
    uint32_t number;
    const char *name;
    struct port_name *next;
};

struct of_client {
    struct ev_loop *loop;
    struct of_conn *conn; /* NULL once it has ended */
    ev_timer silence;
    char name[128];
    uint32_t next_xid;

    bool is_up, has_room, is_done;
    int err; /* the connection is of no more use */
    struct errbuf why;

    uint32_t xid; /* of the request that is waited for; 0: none */
    int refusal;  /* -EREMOTEIO */
    of_reply_fn *reply;
    void *reply_arg;
    const struct of_batch *batch;

    struct arena arena; /* of the names */
    struct port_name *ports;
    struct port_names names;
};

static int fail(struct of_client *c, int err, const char *what)
{
    if (!c->err) {
        c->err = err;
        errbuf_set(&c->why, err, "%s: %s", c->name, what);
    }
    return err;
}

/* --- what comes from the connection --- */

static void on_up(void *arg, struct of_conn *conn)
{
    ((struct of_client *)arg)->is_up = true;
}

static void on_room(void *arg, struct of_conn *conn)
{
    ((struct of_client *)arg)->has_room = true;
}

static void on_down(void *arg, struct of_conn *conn, const char *why)
{
    struct of_client *c = arg;

    c->conn = NULL; /* it frees itself */
    fail(c, -ECONNRESET, why);
}

static void on_error(struct of_client *c, const struct ofp_msg *m)
{
    const struct of_batch *b = c->batch;
    struct str s = { 0 };

    if (b && m->xid - b->first_xid < b->n) {
        b->refused(b->arg, m->xid - b->first_xid, &m->error);
    } else if (c->xid && m->xid == c->xid) {
        of_error_text(&s, m->error.type, m->error.code);
        errbuf_set(&c->why, -EREMOTEIO, "%s refuses: %s", c->name, str_text(&s));
        c->refusal = -EREMOTEIO;
        c->is_done = true;
        str_fini(&s);
    }
}

static void on_message(void *arg, struct of_conn *conn, const struct ofp_msg *m, const uint8_t *bytes, size_t n)
{
    struct of_client *c = arg;

    ev_timer_again(c->loop, &c->silence);
    if (m->type == OFPT_ERROR) {
        on_error(c, m);
        return;
    }
    if (!c->xid || m->xid != c->xid)
        return;
    if (c->reply)
        c->reply(c->reply_arg, m);
    c->is_done = m->type != OFPT_MULTIPART_REPLY || !(m->multipart_reply.flags & OFPMPF_REPLY_MORE);
}

static const struct of_conn_events events = {
    .up = on_up,
    .message = on_message,
    .has_room = on_room,
    .down = on_down,
};

static void on_silence(struct ev_loop *loop, ev_timer *w, int revents)
{
    fail(w->data, -ETIMEDOUT, "the switch does not answer");
}

static int wait_for(struct of_client *c, const bool *is_it, double silence_s)
{
    c->silence.repeat = silence_s;
    ev_timer_again(c->loop, &c->silence);
    while (!*is_it && !c->err)
        ev_run(c->loop, EVRUN_ONCE);
    ev_timer_stop(c->loop, &c->silence);
    return *is_it ? 0 : c->err;
}

/* --- connecting --- */

static int connect_to(const struct endpoint *to, int *out)
{
    struct sockaddr_storage addr;
    socklen_t len = endpoint_to_sockaddr(to, &addr);
    struct timeval limit = { .tv_sec = CONNECT_S };
    int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err = 0;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* bounds connect() too */
    if (connect(fd, (struct sockaddr *)&addr, len) || fcntl(fd, F_SETFL, O_NONBLOCK))
        err = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
    if (err)
        close(fd);
    else
        *out = fd;
    return err;
}

int of_client_open(struct of_client **out, const struct endpoint *to, const char *name, struct tls *tls,
                   struct errbuf *e)
{
    struct of_client *c = calloc(1, sizeof *c);
    struct of_conn_conf conf = { .events = &events, .arg = c, .name = "switch", .tls = tls, .has_connected = true };
    int fd = -1, err = c ? connect_to(to, &fd) : -ENOMEM;

    if (err) {
        free(c);
        return errbuf_set(e, err, "no switch answers at %s: %s", name, strerror(-err));
    }
    snprintf(c->name, sizeof c->name, "%s", name);
    arena_init(&c->arena);
    c->loop = ev_loop_new(0);
    if (!c->loop) {
        close(fd);
        err = errbuf_set(e, -ENOMEM, "libev found no way to wait for events");
    } else {
        ev_init(&c->silence, on_silence);
        c->silence.data = c;
        err = of_conn_accept(&c->conn, c->loop, fd, to, &conf);
        if (!err && wait_for(c, &c->is_up, CONNECT_S))
            err = errbuf_set(e, c->err, "%s", c->why.text);
    }
    if (err)
        of_client_close(c);
    else
        *out = c; /* gives */
    return err;
}

void of_client_close(struct of_client *c)
{
    if (!c)
        return;
    if (c->loop) {
        of_conn_close(c->conn);
        ev_timer_stop(c->loop, &c->silence);
        ev_loop_destroy(c->loop);
    }
    arena_fini(&c->arena);
    free(c);
}

/* --- asking --- */

uint32_t of_client_xids(struct of_client *c, size_t n)
{
    uint32_t first = c->next_xid + 1;

    c->next_xid += (uint32_t)n;
    return first;
}

int of_client_request(struct of_client *c, struct ofp_msg *m, of_reply_fn *reply, void *arg, struct errbuf *e)
{
    int err = c->err;

    m->xid = of_client_xids(c, 1);
    c->xid = m->xid;
    c->reply = reply;
    c->reply_arg = arg;
    c->is_done = false;
    c->refusal = 0;
    while (!err && (err = of_conn_send(c->conn, m)) == -ENOBUFS) {
        c->has_room = false;
        err = wait_for(c, &c->has_room, SILENCE_S);
    }
    if (!err)
        err = wait_for(c, &c->is_done, SILENCE_S);
    if (!err)
        err = c->refusal;
    c->xid = 0;
    if (!err)
        return 0;
    errbuf_set(e, err, "%s", c->why.text[0] ? c->why.text : strerror(-err));
    c->why = (struct errbuf){ { 0 } };
    return err;
}

/* The bytes of the whole messages that begin `p`, about CHUNK of them. */
static size_t chunk_of(const uint8_t *p, size_t len)
{
    size_t n = 0;
    struct ofp_header h;

    while (n < len && n < CHUNK && ofp_header_read(&h, p + n, len - n))
        n += h.length;
    return n;
}

int of_client_send_batch(struct of_client *c, const struct of_batch *batch, struct errbuf *e)
{
    struct ofp_msg barrier = { .type = OFPT_BARRIER_REQUEST };
    size_t at = 0;
    int err = 0;

    c->batch = batch;
    while (!err && at < batch->len) {
        size_t n = chunk_of(batch->p + at, batch->len - at);

        err = c->err ? c->err : of_conn_send_bytes(c->conn, batch->p + at, n);
        if (err == -ENOBUFS) {
            c->has_room = false;
            err = wait_for(c, &c->has_room, SILENCE_S);
        } else if (!err) {
            at += n;
        }
    }
    if (err)
        errbuf_set(e, err, "%s", c->why.text[0] ? c->why.text : strerror(-err));
    else
        err = of_client_request(c, batch->end ? batch->end : &barrier, NULL, NULL, e);
    c->batch = NULL;
    return err;
}

/* --- names of ports --- */

static void take_ports(void *arg, const struct ofp_msg *m)
{
    const struct ofp_port_desc_reply *r = &m->multipart_reply.port_desc;
    struct of_client *c = arg;

    for (size_t i = 0; i < r->n_ports; i++) {
        struct port_name *p = arena_calloc(&c->arena, 1, sizeof *p);

        if (!p || !r->ports[i].name[0])
            continue;
        p->number = r->ports[i].port_no;
        p->name = arena_dup(&c->arena, r->ports[i].name, strnlen(r->ports[i].name, sizeof r->ports[i].name));
        p->next = c->ports;
        if (p->name)
            c->ports = p;
    }
}

static bool find_port(void *arg, const char *name, size_t len, uint32_t *number)
{
    for (const struct port_name *p = ((struct of_client *)arg)->ports; p; p = p->next)
        if (strlen(p->name) == len && !memcmp(p->name, name, len)) {
            *number = p->number;
            return true;
        }
    return false;
}

static const char *name_port(void *arg, uint32_t number)
{
    for (const struct port_name *p = ((struct of_client *)arg)->ports; p; p = p->next)
        if (p->number == number)
            return p->name;
    return NULL;
}

int of_client_port_names(struct of_client *c, struct errbuf *e)
{
    struct ofp_msg m = { .type = OFPT_MULTIPART_REQUEST, .multipart_request = { .type = OFPMP_PORT_DESC } };

    c->names = (struct port_names){ .arg = c, .find = find_port, .name = name_port };
    return of_client_request(c, &m, take_ports, c, e);
}

const struct port_names *of_client_names(const struct of_client *c)
{
    return &c->names;
}

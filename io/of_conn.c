/* SPDX-License-Identifier: Apache-2.0 */
/* of_conn.c - see of_conn.h.
 *
 * Theory.  States go `ST_WAIT` (for the next attempt) -> `ST_CONNECT` -> `ST_HELLO` -> `ST_UP`, and from each of the last
 * three back to `ST_WAIT` (active) or to the end (accepted).  One timer, `due_ns`, serves all states: the next attempt, the
 * end of patience with connect and hello, the next echo request, the end of patience with its answer.  Whatever the peer
 * sends, and whatever it takes from what waits for it, counts as a sign of life.
 * When more than half of the room for replies is taken, reading stops (`is_choked`) until the peer has read, so that a peer
 * that only asks cannot make us keep answers without bound. */
#include "io/of_conn.h"

#include "base/log.h"
#include "io/stream.h"

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ERROR_DATA = 64, IN_SIZE = 256 << 10, OUT_SIZE = 16 << 20, NAME_SIZE = 160 };
static const uint64_t probe_default_ns = 5 * (uint64_t)NSEC_PER_S;
static const uint64_t backoff_default_ns = NSEC_PER_S;
static const uint64_t backoff_max_default_ns = 8 * (uint64_t)NSEC_PER_S;

enum state { ST_WAIT, ST_CONNECT, ST_HELLO, ST_UP };

struct of_conn {
    struct ev_loop *loop;
    struct of_conn_conf conf;
    char name[NAME_SIZE];
    struct endpoint peer;
    bool is_active, is_closed, is_choked, is_held, is_probing;
    unsigned depth; /* callbacks running */
    enum state state;
    struct stream *stream;
    ev_timer timer;
    uint64_t due_ns, backoff_ns, heard_ns, sent_bytes;
    uint8_t version; /* agreed; 0 before */
    uint32_t xid;
    struct arena arena; /* of the message under way */
    struct wr out;
    char why[128];
    struct of_conn_stats stats;
};

static uint64_t now_of(const struct of_conn *c)
{
    return clock_now(c->conf.clock);
}

static uint8_t version_max(uint32_t versions)
{
    return versions ? (uint8_t)(31 - __builtin_clz(versions)) : 0;
}

static void conn_free(struct of_conn *c)
{
    ev_timer_stop(c->loop, &c->timer);
    arena_fini(&c->arena);
    wr_fini(&c->out);
    free(c);
}

static void enter(struct of_conn *c)
{
    c->depth++;
}

static void leave(struct of_conn *c)
{
    if (!--c->depth && c->is_closed)
        conn_free(c);
}

static void timer_set(struct of_conn *c, uint64_t due_ns)
{
    uint64_t now = now_of(c);

    c->due_ns = due_ns;
    ev_timer_stop(c->loop, &c->timer);
    ev_timer_set(&c->timer, due_ns > now ? (double)(due_ns - now) / NSEC_PER_S : 0, 0);
    ev_timer_start(c->loop, &c->timer);
}

/* ---- sending ---- */

static int bytes_send(struct of_conn *c, const uint8_t *p, size_t n)
{
    int err = c->stream ? stream_send(c->stream, p, n) : -ENOTCONN;

    if (!err)
        c->stats.n_out++;
    return err;
}

/* In whatever state; `version` 0 takes the message's own. */
static int msg_send(struct of_conn *c, const struct ofp_msg *m, uint8_t version)
{
    struct ofp_msg copy = *m;

    if (version)
        copy.version = version;
    wr_reset(&c->out);
    ofp_encode(&c->out, &copy);
    return c->out.bad ? -EMSGSIZE : bytes_send(c, c->out.p, c->out.len);
}

int of_conn_send(struct of_conn *c, const struct ofp_msg *m)
{
    return c->state == ST_UP ? msg_send(c, m, c->version) : -ENOTCONN;
}

int of_conn_send_async(struct of_conn *c, const struct ofp_msg *m)
{
    int err = of_conn_room(c) < c->conf.max_out / 2 ? -ENOBUFS : of_conn_send(c, m);

    if (err)
        c->stats.n_dropped++;
    return err;
}

int of_conn_send_bytes(struct of_conn *c, const uint8_t *p, size_t n)
{
    return c->state == ST_UP ? bytes_send(c, p, n) : -ENOTCONN;
}

static int error_send(struct of_conn *c, uint8_t version, uint32_t xid, struct ofp_err err, const void *data, size_t n)
{
    struct ofp_msg m = {
        .version = version,
        .xid = xid,
        .type = OFPT_ERROR,
        .error = { .type = err.type, .code = err.code, .data = data, .n_data = n },
    };

    if (err.type == OFPET_EXPERIMENTER)
        m.error.experimenter = ofp_err_experimenter(err.code);
    return msg_send(c, &m, 0);
}

int of_conn_send_error(struct of_conn *c, const uint8_t *bytes, size_t n, struct ofp_err err)
{
    struct ofp_header h = { 0 };

    if (c->state != ST_UP)
        return -ENOTCONN;
    (void)ofp_header_read(&h, bytes, n);
    return error_send(c, c->version, h.xid, err, bytes, n < ERROR_DATA ? n : ERROR_DATA);
}

uint32_t of_conn_next_xid(struct of_conn *c)
{
    if (!++c->xid)
        c->xid = 1;
    return c->xid;
}

/* ---- coming up and going down ---- */

/* The stream is gone, or is to go.  Between enter and leave, or from outside of callbacks when nothing is called back. */
static void went_down(struct of_conn *c, const char *why)
{
    bool was_up = c->state == ST_UP;

    stream_close(c->stream);
    c->stream = NULL;
    c->state = ST_WAIT;
    c->version = 0;
    c->is_choked = c->is_held = false;
    snprintf(c->why, sizeof c->why, "%s", why);
    c->stats.since_ns = now_of(c);
    if (c->is_active) {
        timer_set(c, now_of(c) + c->backoff_ns);
        log_limited(LOG_INFORM, "%s: %s (%s), next attempt in %.1f s", c->name,
                    was_up ? "connection lost" : "no connection", why, (double)c->backoff_ns / NSEC_PER_S);
        c->backoff_ns = c->backoff_ns * 2 < c->conf.backoff_max_ns ? c->backoff_ns * 2 : c->conf.backoff_max_ns;
    } else {
        log_debug("%s: connection ended: %s", c->name, why);
        c->is_closed = true;
    }
    if ((was_up || !c->is_active) && c->conf.events->down)
        c->conf.events->down(c->conf.arg, c, c->why);
}

static void on_closed(void *arg, int err, const char *why)
{
    struct of_conn *c = arg;

    enter(c);
    c->stream = NULL;
    went_down(c, why);
    leave(c);
}

static void hello_send(struct of_conn *c)
{
    uint32_t bitmap = c->conf.versions;
    struct ofp_hello_elem elem = { .type = OFPHET_VERSIONBITMAP, .versionbitmap = { &bitmap, 1 } };
    struct ofp_msg m = {
        .version = version_max(c->conf.versions),
        .xid = of_conn_next_xid(c),
        .type = OFPT_HELLO,
        .hello = { &elem, 1 },
    };

    (void)msg_send(c, &m, 0); /* a fresh stream has room */
}

static void on_opened(void *arg)
{
    struct of_conn *c = arg;

    c->state = ST_HELLO;
    c->heard_ns = now_of(c);
    hello_send(c);
    timer_set(c, c->heard_ns + 2 * c->conf.probe_ns);
}

/* The highest version that both can speak (6.3.1), 0 when there is none. */
static uint8_t version_agree(uint32_t ours, const struct ofp_msg *hello)
{
    for (size_t i = 0; i < hello->hello.n_elements; i++) {
        const struct ofp_hello_elem *e = &hello->hello.elements[i];

        if (e->type == OFPHET_VERSIONBITMAP && e->versionbitmap.n_bitmaps)
            return version_max(ours & e->versionbitmap.bitmaps[0]);
    }

    uint8_t most = version_max(ours), v = hello->version < most ? hello->version : most;

    return ours >> v & 1 ? v : 0;
}

static void hello_fail(struct of_conn *c, const struct ofp_header *h, const char *text, const char *why)
{
    uint8_t most = version_max(c->conf.versions);

    (void)error_send(c, h->version && h->version < most ? h->version : most, h->xid,
                     (struct ofp_err){ OFPET_HELLO_FAILED, OFPHFC_INCOMPATIBLE }, text, strlen(text));
    stream_fail(c->stream, -EPROTONOSUPPORT, why);
}

static void hello_take(struct of_conn *c, const uint8_t *p, size_t n)
{
    struct ofp_header h;
    struct ofp_msg m;
    struct ofp_err err;
    uint8_t v = 0;

    (void)ofp_header_read(&h, p, n);
    if (h.type == OFPT_ERROR) {
        stream_fail(c->stream, -EPROTO, "the peer refused our hello");
        return;
    }
    if (h.type != OFPT_HELLO) {
        hello_fail(c, &h, "the first message must be a hello", "the peer's first message is not a hello");
        return;
    }
    if (!ofp_decode(&m, &c->arena, p, n, &err))
        v = version_agree(c->conf.versions, &m);
    if (!v) {
        hello_fail(c, &h, "no common OpenFlow version", "no common OpenFlow version");
        return;
    }
    c->version = v;
    c->state = ST_UP;
    c->why[0] = '\0';
    c->backoff_ns = c->conf.backoff_min_ns;
    c->is_probing = false;
    c->stats.n_ups++;
    c->stats.since_ns = now_of(c);
    timer_set(c, c->heard_ns + c->conf.probe_ns);
    if (c->is_active)
        log_info("%s: connected", c->name);
    if (c->conf.events->up)
        c->conf.events->up(c->conf.arg, c);
}

/* ---- receiving ---- */

static void echo_answer(struct of_conn *c, const struct ofp_msg *m)
{
    struct ofp_msg reply = { .xid = m->xid, .type = OFPT_ECHO_REPLY, .echo_reply = m->echo_request };

    /* Without room the peer does not read, and will find out by itself. */
    (void)of_conn_send(c, &reply);
}

static void message_take(struct of_conn *c, const uint8_t *p, size_t n)
{
    struct ofp_err err;
    struct ofp_msg m;
    int rc = ofp_decode(&m, &c->arena, p, n, &err);

    c->stats.n_in++;
    if (!rc && m.version != c->version) {
        rc = -EBADMSG;
        err = (struct ofp_err){ OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION };
    }
    if (rc == -ENOMEM) {
        stream_fail(c->stream, rc, strerror(ENOMEM));
    } else if (rc) {
        c->stats.n_bad++;
        log_limited(LOG_WARNING, "%s: a message of type %u and %zu bytes is not as it should be: error type %u code %u",
                    c->name, p[1], n, err.type, err.code);
        (void)of_conn_send_error(c, p, n, err);
    } else if (m.type == OFPT_ECHO_REQUEST) {
        echo_answer(c, &m);
    } else if (m.type != OFPT_ECHO_REPLY && m.type != OFPT_HELLO) {
        c->conf.events->message(c->conf.arg, c, &m, p, n);
    }
}

/* A header that cannot be true leaves no way to find the next message. */
static void length_fail(struct of_conn *c, const uint8_t *p, size_t n, const struct ofp_header *h)
{
    uint8_t v = c->version ? c->version : version_max(c->conf.versions);

    c->stats.n_bad++;
    (void)error_send(c, v, h->xid, (struct ofp_err){ OFPET_BAD_REQUEST, OFPBRC_BAD_LEN }, p,
                     n < ERROR_DATA ? n : ERROR_DATA);
    stream_fail(c->stream, -EBADMSG, "a message of fewer than 8 bytes");
}

static void choke_check(struct of_conn *c)
{
    if (c->is_choked || !c->stream || stream_room(c->stream) >= c->conf.max_out / 2)
        return;
    c->is_choked = true;
    stream_hold(c->stream);
    stream_want_room(c->stream);
}

static size_t on_received(void *arg, const uint8_t *p, size_t n)
{
    struct of_conn *c = arg;
    struct ofp_header h;

    c->heard_ns = now_of(c);
    c->is_probing = false;
    if (!ofp_header_read(&h, p, n))
        return 0;
    if (h.length < OFP_HEADER_SIZE) {
        length_fail(c, p, n, &h);
        return n;
    }
    if (h.length > n)
        return 0;
    enter(c);
    if (c->state == ST_UP)
        message_take(c, p, h.length);
    else
        hello_take(c, p, h.length);
    if (!c->is_closed) {
        arena_reset(&c->arena);
        choke_check(c);
    }
    leave(c);
    return h.length;
}

static void on_room(void *arg)
{
    struct of_conn *c = arg;

    enter(c);
    if (c->is_choked) {
        c->is_choked = false;
        if (!c->is_held)
            stream_resume(c->stream);
    }
    if (c->state == ST_UP && c->conf.events->has_room)
        c->conf.events->has_room(c->conf.arg, c);
    leave(c);
}

static const struct stream_events stream_events = {
    .opened = on_opened,
    .received = on_received,
    .has_room = on_room,
    .closed = on_closed,
};

/* ---- time ---- */

static void attempt(struct of_conn *c)
{
    struct stream_conf conf = { &stream_events, c, IN_SIZE, c->conf.max_out, c->conf.tls };
    struct errbuf e = { 0 };
    int err = stream_connect(&c->stream, c->loop, &c->peer, &conf, &e);

    if (err) {
        c->stream = NULL;
        went_down(c, err == -ENOKEY ? "no TLS key is configured" : strerror(-err));
        return;
    }
    c->state = ST_CONNECT;
    timer_set(c, now_of(c) + 2 * c->conf.probe_ns);
}

static void probe(struct of_conn *c)
{
    struct ofp_msg m = { .xid = of_conn_next_xid(c), .type = OFPT_ECHO_REQUEST };

    if (c->is_probing) {
        went_down(c, "no answer to an echo request");
        return;
    }
    c->is_probing = true;
    (void)of_conn_send(c, &m); /* when even this finds no room, silence will tell */
    timer_set(c, now_of(c) + c->conf.probe_ns);
}

void of_conn_tick(struct of_conn *c)
{
    uint64_t now = now_of(c);

    enter(c);
    if (c->state == ST_UP && stream_sent_bytes(c->stream) != c->sent_bytes && stream_pending(c->stream)) {
        c->sent_bytes = stream_sent_bytes(c->stream);
        c->heard_ns = now;
        c->is_probing = false;
    }
    if (c->state == ST_UP && (c->is_held || (!c->is_probing && now < c->heard_ns + c->conf.probe_ns)))
        timer_set(c, (c->is_held ? now : c->heard_ns) + c->conf.probe_ns);
    else if (now < c->due_ns)
        timer_set(c, c->due_ns);
    else if (c->state == ST_WAIT)
        attempt(c);
    else if (c->state == ST_UP)
        probe(c);
    else
        went_down(c, c->state == ST_CONNECT ? "no answer to the attempt to connect" : "no hello from the peer");
    leave(c);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    of_conn_tick(w->data);
}

/* ---- life ---- */

static struct of_conn *conn_new(struct ev_loop *loop, const struct endpoint *peer, const struct of_conn_conf *conf)
{
    struct of_conn *c = calloc(1, sizeof *c);
    char text[ENDPOINT_TEXT_SIZE];

    if (!c)
        return NULL;
    c->loop = loop;
    c->conf = *conf;
    c->conf.versions = conf->versions ? conf->versions : 1u << OFP_VERSION_13;
    c->conf.probe_ns = conf->probe_ns ? conf->probe_ns : probe_default_ns;
    c->conf.backoff_min_ns = conf->backoff_min_ns ? conf->backoff_min_ns : backoff_default_ns;
    c->conf.backoff_max_ns = conf->backoff_max_ns ? conf->backoff_max_ns : backoff_max_default_ns;
    c->conf.max_out = conf->max_out ? conf->max_out : OUT_SIZE;
    c->conf.name = NULL;
    c->peer = *peer;
    c->backoff_ns = c->conf.backoff_min_ns;
    c->stats.since_ns = clock_now(conf->clock);
    snprintf(c->name, sizeof c->name, "%.31s %s", conf->name ? conf->name : "connection",
             endpoint_format(peer, text, sizeof text));
    arena_init(&c->arena);
    wr_init(&c->out);
    ev_init(&c->timer, on_timer);
    c->timer.data = c;
    return c;
}

int of_conn_open(struct of_conn **out, struct ev_loop *loop, const struct endpoint *to, const struct of_conn_conf *conf,
                 struct errbuf *e)
{
    char text[ENDPOINT_TEXT_SIZE];
    struct of_conn *c;

    if (to->is_passive)
        return errbuf_set(e, -EINVAL, "%s is an endpoint to listen on, not to connect to",
                          endpoint_format(to, text, sizeof text));
    c = conn_new(loop, to, conf);
    if (!c)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    c->is_active = true;
    timer_set(c, now_of(c)); /* the first attempt is the loop's, as all others */
    *out = c;
    return 0;
}

int of_conn_accept(struct of_conn **out, struct ev_loop *loop, int fd, const struct endpoint *peer,
                   const struct of_conn_conf *conf)
{
    struct of_conn *c = conn_new(loop, peer, conf);
    struct stream_conf stream_conf = { &stream_events, c, IN_SIZE, 0, conf->tls, conf->has_connected };
    int err;

    if (!c) {
        close(fd);
        return -ENOMEM;
    }
    stream_conf.max_out = c->conf.max_out;
    err = stream_from_fd(&c->stream, loop, fd, peer, &stream_conf);
    if (err) {
        conn_free(c);
        return err;
    }
    c->state = ST_CONNECT;
    timer_set(c, now_of(c) + 2 * c->conf.probe_ns);
    *out = c;
    return 0;
}

void of_conn_close(struct of_conn *c)
{
    if (!c || c->is_closed)
        return;
    c->is_closed = true;
    stream_close(c->stream);
    c->stream = NULL;
    c->state = ST_WAIT;
    ev_timer_stop(c->loop, &c->timer);
    if (!c->depth)
        conn_free(c);
}

void of_conn_drop(struct of_conn *c, const char *why)
{
    if (c->stream)
        stream_fail(c->stream, -ECONNABORTED, why);
}

void of_conn_hold(struct of_conn *c)
{
    if (!c->stream)
        return;
    c->is_held = true;
    stream_hold(c->stream);
}

void of_conn_resume(struct of_conn *c)
{
    if (!c->stream || !c->is_held)
        return;
    c->is_held = false;
    c->heard_ns = now_of(c);
    if (!c->is_choked)
        stream_resume(c->stream);
}

size_t of_conn_room(const struct of_conn *c)
{
    return c->state == ST_UP ? stream_room(c->stream) : 0;
}

bool of_conn_is_up(const struct of_conn *c)
{
    return c->state == ST_UP;
}

bool of_conn_is_active(const struct of_conn *c)
{
    return c->is_active;
}

uint8_t of_conn_version(const struct of_conn *c)
{
    return c->version;
}

const struct endpoint *of_conn_peer(const struct of_conn *c)
{
    return &c->peer;
}

const char *of_conn_last_error(const struct of_conn *c)
{
    return c->why;
}

void of_conn_stats(const struct of_conn *c, struct of_conn_stats *out)
{
    *out = c->stats;
}

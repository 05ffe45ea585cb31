/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c - frames of a port as a pcapng stream, for whoever connects to the capture's socket: `tcpdump -r -` and the
 * like read it.  One reader per capture; it ends when the reader leaves, when the port goes, or when nobody comes.
 * Flow: worker -> event ring -> [capture] -> unix socket.   Spec: draft-ietf-opsawg-pcapng (section header, interface
 * description, enhanced packet block with epb_flags for the direction and epb_dropcount for what the reader missed). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "vswitch/vswitch_impl.h"

enum { CAPTURES_MAX = 64, MAX_OUT = 8 << 20, WAIT_S = 10 };

struct capture {
    struct list link;
    struct vswitch *sw;
    uint16_t index; /* of the port, the datapath's */
    uint32_t snaplen;
    char name[PORT_NAME_SIZE];
    struct listener *listener; /* takes one reader, and refuses more */
    struct stream *stream;
    ev_timer timeout;
    uint64_t n_lost; /* frames that the reader was too slow for */
    uint64_t n_told; /* of these the reader knows */
    struct wr out;
};

static void update_snaplen(struct vswitch *sw, uint16_t index)
{
    uint32_t most = 0;

    for_each_list (struct capture, c, &sw->captures, link)
        if (c->index == index && c->stream && c->snaplen > most)
            most = c->snaplen;
    datapath_port_capture(sw->dp, index, most);
}

static void capture_end(struct capture *c)
{
    struct vswitch *sw = c->sw;
    uint16_t index = c->index;

    ev_timer_stop(sw->loop, &c->timeout);
    listener_close(c->listener);
    stream_close(c->stream);
    wr_fini(&c->out);
    list_remove(&c->link);
    if (c->n_lost)
        log_notice("port %s: the reader of a capture missed %llu frames", c->name, (unsigned long long)c->n_lost);
    free(c);
    update_snaplen(sw, index);
}

/* --- pcapng, in our own byte order, as it allows --- */

static void put_u16(struct wr *w, uint16_t v)
{
    wr_bytes(w, &v, sizeof v);
}

static void put_u32(struct wr *w, uint32_t v)
{
    wr_bytes(w, &v, sizeof v);
}

static void put_padded(struct wr *w, const void *p, size_t n)
{
    wr_bytes(w, p, n);
    wr_zero(w, -n & 3);
}

static size_t block_begin(struct wr *w, uint32_t type)
{
    size_t at = w->len;

    put_u32(w, type);
    put_u32(w, 0);
    return at;
}

static void block_end(struct wr *w, size_t at)
{
    uint32_t len = (uint32_t)(w->len - at + 4);

    put_u32(w, len);
    if (!w->bad)
        memcpy(w->p + at + 4, &len, sizeof len);
}

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    LINK_ETHERNET = 1,
    OPTION_END = 0,
    OPTION_IF_NAME = 2,
    OPTION_IF_TSRESOL = 9,
    OPTION_EPB_FLAGS = 2,
    OPTION_EPB_DROPCOUNT = 4,
    TSRESOL_NS = 9
};

static void put_head(struct wr *w, const char *name, uint32_t snaplen)
{
    static const uint8_t ns = TSRESOL_NS;
    size_t at = block_begin(w, BLOCK_SECTION);

    put_u32(w, BYTE_ORDER_MAGIC);
    put_u16(w, 1);
    put_u16(w, 0);
    put_u32(w, UINT32_MAX); /* length of the section: not known */
    put_u32(w, UINT32_MAX);
    block_end(w, at);
    at = block_begin(w, BLOCK_INTERFACE);
    put_u16(w, LINK_ETHERNET);
    put_u16(w, 0);
    put_u32(w, snaplen);
    put_u16(w, OPTION_IF_NAME);
    put_u16(w, (uint16_t)strlen(name));
    put_padded(w, name, strlen(name));
    put_u16(w, OPTION_IF_TSRESOL);
    put_u16(w, 1);
    put_padded(w, &ns, 1);
    put_u32(w, OPTION_END);
    block_end(w, at);
}

/* `n_lost`: frames that are missing right before this one. */
static void put_frame(struct wr *w, const struct event *ev, uint64_t wall_ns, uint32_t snaplen, uint64_t n_lost)
{
    uint32_t len = rte_pktmbuf_pkt_len(ev->frame);
    size_t at = block_begin(w, BLOCK_PACKET);

    len = len < snaplen ? len : snaplen;
    put_u32(w, 0);
    put_u32(w, (uint32_t)(wall_ns >> 32));
    put_u32(w, (uint32_t)wall_ns);
    put_u32(w, len);
    put_u32(w, ev->frame_len);

    uint8_t *room = wr_room(w, len);
    const uint8_t *p = room ? rte_pktmbuf_read(ev->frame, 0, len, room) : NULL;

    if (p && p != room)
        memcpy(room, p, len);
    wr_zero(w, -len & 3u);
    put_u16(w, OPTION_EPB_FLAGS);
    put_u16(w, 4);
    put_u32(w, ev->type == EVENT_CAPTURE_RX ? 1 : 2); /* inbound: what the port took in */
    if (n_lost) {
        put_u16(w, OPTION_EPB_DROPCOUNT);
        put_u16(w, sizeof n_lost);
        wr_bytes(w, &n_lost, sizeof n_lost);
    }
    put_u32(w, OPTION_END);
    block_end(w, at);
}

/* --- the reader --- */

static void on_opened(void *arg)
{
    struct capture *c = arg;

    wr_reset(&c->out);
    put_head(&c->out, c->name, c->snaplen);
    if (c->out.bad || stream_send(c->stream, c->out.p, c->out.len))
        stream_fail(c->stream, -ENOMEM, "no memory");
    else
        update_snaplen(c->sw, c->index);
}

static size_t on_received(void *arg, const uint8_t *p, size_t n)
{
    return n; /* there is nothing to say to a capture */
}

static void on_closed(void *arg, int err, const char *why)
{
    struct capture *c = arg;

    c->stream = NULL; /* it frees itself */
    capture_end(c);
}

static const struct stream_events events = { .opened = on_opened, .received = on_received, .closed = on_closed };

static void on_accepted(void *arg, int fd, const struct endpoint *peer)
{
    struct capture *c = arg;
    struct stream_conf conf = { .events = &events, .arg = c, .max_in = 4096, .max_out = MAX_OUT };

    int err;

    if (c->stream) {
        close(fd);
        log_limited(LOG_WARNING, "port %s: a capture has one reader, a second one was refused", c->name);
        return;
    }
    err = stream_from_fd(&c->stream, c->sw->loop, fd, peer, &conf);
    if (err)
        log_limited(LOG_WARNING, "port %s: the reader of a capture cannot be served: %s", c->name, strerror(-err));
    else
        ev_timer_stop(c->sw->loop, &c->timeout);
}

static void on_timeout(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct capture *c = w->data;

    log_notice("port %s: nobody came to read a capture", c->name);
    capture_end(c);
}

int capture_start(struct vswitch *sw, struct sw_port *p, uint32_t snaplen, char *path, size_t path_size,
                  struct errbuf *e)
{
    struct endpoint at = { .kind = ENDPOINT_UNIX, .is_passive = true };
    struct capture *c = calloc(1, sizeof *c);
    int err;

    if (!c)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    if (list_count(&sw->captures) >= CAPTURES_MAX) {
        free(c);
        return errbuf_set(e, -ENOSPC, "there are %d captures already", CAPTURES_MAX);
    }
    c->sw = sw;
    c->index = p->at.index;
    c->snaplen = snaplen;
    snprintf(c->name, sizeof c->name, "%s", p->at.name);
    wr_init(&c->out);
    snprintf(at.path, sizeof at.path, "%s/capture.%u", sw->conf.run_dir, ++sw->n_captures);
    snprintf(path, path_size, "%s", at.path);
    err = listener_open(&c->listener, sw->loop, &at, on_accepted, c, e);
    if (err) {
        free(c);
        return err;
    }
    ev_timer_init(&c->timeout, on_timeout, WAIT_S, 0);
    c->timeout.data = c;
    ev_timer_start(sw->loop, &c->timeout);
    list_push_back(&sw->captures, &c->link);
    return 0;
}

void capture_event(struct vswitch *sw, const struct event *ev)
{
    uint64_t wall_ns = clock_wall_ns(), now = clock_now(sw->clock);

    if (ev->time_ns < now) /* the workers' clock is the monotonic one */
        wall_ns -= now - ev->time_ns;
    for_each_list (struct capture, c, &sw->captures, link) {
        if (c->index != ev->port || !c->stream)
            continue;
        wr_reset(&c->out);
        put_frame(&c->out, ev, wall_ns, c->snaplen, c->n_lost - c->n_told);
        if (c->out.bad || stream_send(c->stream, c->out.p, c->out.len))
            c->n_lost++;
        else
            c->n_told = c->n_lost;
    }
}

void capture_end_port(struct vswitch *sw, const struct sw_port *p)
{
    for_each_list_safe (struct capture, c, next, &sw->captures, link)
        if (c->index == p->at.index)
            capture_end(c);
}

void capture_end_all(struct vswitch *sw)
{
    for_each_list_safe (struct capture, c, next, &sw->captures, link)
        capture_end(c);
}

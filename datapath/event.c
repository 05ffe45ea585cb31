/* SPDX-License-Identifier: Apache-2.0 */
/* event.c - what workers tell the control thread: frames for the controller, and captured ones.
 * Flow: exec -> [event ring] -> vswitch.
 * Bounded: a fixed pool of notes.  When the control thread is behind, workers drop the copy and count it. */
#include "datapath/datapath_impl.h"
#include "datapath/meter.h"
#include "datapath/pause.h"
#include "datapath/pkt.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { N_EVENTS = 2047, EVENT_BURST = 32 };

const enum field_id event_fields[EVENT_FIELDS] = {
    FIELD_METADATA,      FIELD_PKT_MARK,     FIELD_XREG0,        FIELD_XREG1,     FIELD_XREG2,
    FIELD_XREG3,         FIELD_XREG4,        FIELD_XREG5,        FIELD_XREG6,     FIELD_XREG7,
    FIELD_TUNNEL_ID,     FIELD_TUN_SRC,      FIELD_TUN_DST,      FIELD_TUN_FLAGS, FIELD_TUN_GBP_ID,
    FIELD_TUN_GBP_FLAGS, FIELD_TUN_IPV6_SRC, FIELD_TUN_IPV6_DST, FIELD_CT_STATE,  FIELD_CT_ZONE,
    FIELD_CT_MARK,       FIELD_CT_LABEL,     FIELD_CT_NW_SRC,    FIELD_CT_NW_DST, FIELD_CT_IPV6_SRC,
    FIELD_CT_IPV6_DST,   FIELD_CT_NW_PROTO,  FIELD_CT_TP_SRC,    FIELD_CT_TP_DST,
};

struct events {
    struct rte_ring *ring;
    struct rte_mempool *pool;
    int fd;
    atomic_bool is_signalled; /* the control thread knows that there is something */
};

int events_open(struct events **out, struct datapath *dp)
{
    struct events *ev = calloc(1, sizeof *ev);
    char name[32];

    if (!ev)
        return -ENOMEM;
    ev->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    snprintf(name, sizeof name, "events-%p", (void *)ev);
    ev->ring = rte_ring_create(name, N_EVENTS + 1, SOCKET_ID_ANY, RING_F_SC_DEQ);
    ev->pool = rte_mempool_create(name, N_EVENTS, sizeof(struct event), 0, 0, NULL, NULL, NULL, NULL, SOCKET_ID_ANY, 0);
    if (ev->fd < 0 || !ev->ring || !ev->pool) {
        events_close(ev);
        return -ENOMEM;
    }
    *out = ev;
    return 0;
}

void events_close(struct events *ev)
{
    struct event *e;

    if (!ev)
        return;
    while (ev->ring && !rte_ring_dequeue(ev->ring, (void **)&e)) {
        rte_pktmbuf_free(e->frame);
        rte_pktmbuf_free(e->state);
    }
    rte_ring_free(ev->ring);
    rte_mempool_free(ev->pool);
    if (ev->fd >= 0)
        close(ev->fd);
    free(ev);
}

bool event_post(struct worker *w, const struct event *e)
{
    struct events *ev = w->dp->events;
    struct event *note;
    uint64_t one = 1;

    if (rte_mempool_get(ev->pool, (void **)&note)) {
        worker_drop(w, DROP_EVENT_FULL);
        rte_pktmbuf_free(e->frame);
        rte_pktmbuf_free(e->state);
        return false;
    }
    *note = *e;
    if (rte_ring_enqueue(ev->ring, note)) {
        worker_drop(w, DROP_EVENT_FULL);
        rte_pktmbuf_free(e->frame);
        rte_pktmbuf_free(e->state);
        rte_mempool_put(ev->pool, note);
        return false;
    }
    if (!atomic_exchange(&ev->is_signalled, true) && write(ev->fd, &one, sizeof one) < 0)
        atomic_store(&ev->is_signalled, false);
    return true;
}

static void hold(struct rte_mbuf *m)
{
    for (; m; m = m->next)
        rte_mbuf_refcnt_update(m, 1);
}

/* Has the frame met by a meter, if there is one of that number.  0, and what it made of the frame when it changed it;
 * or the frame is not to be told. */
static int meet_meter(struct worker *w, const struct bridge *b, uint32_t id, const struct pkt *p,
                      struct rte_mbuf **changed)
{
    const struct meter *m = meter_find(b, id, w->version);
    struct pkt copy;
    int err;

    if (!m)
        return 0;
    copy = *p;
    hold(copy.m); /* a remark makes a frame of its own */
    err = meter_frame(w, &copy, atomic_load_explicit(&w->dp->meters[m->slot], memory_order_acquire));
    if (err)
        rte_pktmbuf_free(copy.m);
    else
        *changed = copy.m;
    return err;
}

void event_packet_in(struct worker *w, const struct bridge *b, struct pkt *p, const struct packet_in *in)
{
    struct dp_port *from = datapath_port(w->dp, bridge_port_index(b, p->in_port));
    struct rte_mbuf *copy = NULL;
    struct event ev = {
        .type = EVENT_PACKET_IN,
        .reason = in->reason,
        .bridge = w->dp->bridges[b->index],
        .in_port = p->in_port,
        .port = from ? from->index : DP_INDEX_NONE,
        .table_id = in->table_id,
        .max_len = in->max_len,
        .controller_id = in->controller_id,
        .n_userdata = in->n_userdata,
        .cookie = in->cookie,
        .time_ns = w->now_ns,
        .frame_len = rte_pktmbuf_pkt_len(p->m),
        .frame = p->m,
    };

    if (from && atomic_load_explicit(&from->flags, memory_order_relaxed) & PORT_FLAG_NO_PACKET_IN) {
        worker_drop(w, DROP_NO_PACKET_IN);
        return;
    }
    if (meet_meter(w, b, in->meter_id ? in->meter_id : METER_CONTROLLER, p, &copy)) {
        worker_drop(w, DROP_METER);
        return;
    }
    if (in->pause) {
        ev.state = pause_save(w, in->pause);
        if (!ev.state) {
            worker_drop(w, DROP_NO_ROOM);
            rte_pktmbuf_free(copy);
            return;
        }
    }
    pkt_parse(p, 1u << LAYER_TUNNEL | 1u << LAYER_CT);
    for (unsigned i = 0; i < sizeof event_fields / sizeof *event_fields; i++)
        ev.fields[i] = key_get(&p->key, event_fields[i]);
    if (in->n_userdata)
        memcpy(ev.userdata, in->userdata, in->n_userdata);
    if (copy)
        ev.frame = copy;
    else
        hold(p->m);
    (void)event_post(w, &ev);
}

void event_capture(struct worker *w, struct dp_port *dp, struct rte_mbuf *m, enum event_type type, uint32_t snaplen)
{
    struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->dp->conf.pool, 0, snaplen);

    if (!copy) {
        worker_drop(w, DROP_EVENT_FULL);
        return;
    }
    (void)event_post(w, &(struct event){ .type = type,
                                         .port = dp->index,
                                         .time_ns = w->now_ns,
                                         .frame_len = rte_pktmbuf_pkt_len(m),
                                         .frame = copy });
}

int datapath_event_fd(const struct datapath *dp)
{
    return dp->events->fd;
}

unsigned datapath_events(struct datapath *dp, unsigned max, void (*fn)(void *arg, const struct event *ev), void *arg)
{
    struct events *ev = dp->events;
    struct event *notes[EVENT_BURST];
    unsigned done = 0, n;
    uint64_t count;

    /* first forget the signal, then look: what comes after the look signals anew */
    if (read(ev->fd, &count, sizeof count) < 0)
        count = 0;
    atomic_store(&ev->is_signalled, false);
    while (done < max) {
        n = rte_ring_dequeue_burst(ev->ring, (void **)notes, max - done < EVENT_BURST ? max - done : EVENT_BURST, NULL);
        if (!n)
            return done;
        for (unsigned i = 0; i < n; i++) {
            fn(arg, notes[i]);
            rte_pktmbuf_free(notes[i]->frame);
            rte_pktmbuf_free(notes[i]->state);
            rte_mempool_put(ev->pool, notes[i]);
        }
        done += n;
    }
    /* more may wait: be called again */
    count = 1;
    if (rte_ring_count(ev->ring) && write(ev->fd, &count, sizeof count) < 0)
        return done;
    return done;
}

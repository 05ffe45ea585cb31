/* SPDX-License-Identifier: Apache-2.0 */
/* vswitch.c - see vswitch.h: the loop's side of the datapath, start and end.  How a configuration is applied is in apply.c. */
#include "vswitch/vswitch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "datapath/eal.h"
#include "io/tls.h"
#include "vswitch/vswitch_impl.h"

enum { EVENTS_A_TURN = 256, LOOK_TICKS = 8 };
static const double TICK_S = 0.25;

static struct sw_bridge *bridge_of(const struct vswitch *sw, const struct bridge *bridge)
{
    for_each_list (struct sw_bridge, b, &sw->bridges, link)
        if (b->bridge == bridge)
            return b;
    return NULL;
}

static void on_event(void *arg, const struct event *ev)
{
    struct vswitch *sw = arg;
    struct sw_bridge *b;

    if (ev->type == EVENT_CAPTURE_RX || ev->type == EVENT_CAPTURE_TX) {
        capture_event(sw, ev);
        return;
    }
    b = bridge_of(sw, ev->bridge);
    if (b) /* else it has been removed since */
        agent_event(b->agent, ev);
}

void vswitch_finish_events(struct vswitch *sw)
{
    while (datapath_events(sw->dp, EVENTS_A_TURN, on_event, sw) == EVENTS_A_TURN)
        ;
}

static void on_events(struct ev_loop *loop, ev_io *w, int revents)
{
    struct vswitch *sw = w->data;

    datapath_events(sw->dp, EVENTS_A_TURN, on_event, sw);
}

static void on_more(struct ev_loop *loop, ev_idle *w, int revents)
{
    /* the loop turns, which is all it is for */
}

static void on_due(struct ev_loop *loop, ev_timer *w, int revents)
{
    ((struct vswitch *)w->data)->is_due = true; /* as above: on_prepare does the work */
}

/* Before the loop waits: what the turn left to do, and when to wake up. */
static void on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct vswitch *sw = w->data;
    uint64_t next = UINT64_MAX, now = clock_now(sw->clock);
    bool has_more = sw->is_due, had_more = sw->has_more;

    sw->is_due = false;
    has_more |= link_watch_run(sw);
    for_each_list (struct sw_bridge, b, &sw->bridges, link) {
        uint64_t at;

        has_more |= agent_run(b->agent);
        at = agent_next_ns(b->agent);
        next = at < next ? at : next;
    }
    sw->has_more = has_more;
    if (has_more || had_more) /* a turn longer: what was sent just now is written in the next turn's preparation */
        ev_idle_start(loop, &sw->more);
    else
        ev_idle_stop(loop, &sw->more);
    ev_timer_stop(loop, &sw->due);
    if (next != UINT64_MAX && next - now < 3600 * (uint64_t)NSEC_PER_S) {
        ev_timer_set(&sw->due, next > now ? (double)(next - now) / NSEC_PER_S : 0, 0);
        ev_timer_start(loop, &sw->due);
    }
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct vswitch *sw = w->data;

    bool is_look = ++sw->n_ticks % LOOK_TICKS == 0; /* in case something was not heard */

    datapath_reclaim(sw->dp);
    datapath_balance(sw->dp);
    link_watch_verify(sw);
    for_each_list (struct sw_bridge, b, &sw->bridges, link)
        for_each_list_safe (struct sw_port, p, next, &b->ports, link) {
            if (is_look || p->at.status.is_gone || !link_watch_hears(p->watch))
                sw_port_check(p);
            else if (p->at.status.is_link_up && p->at.status.is_admin_up)
                datapath_port_rearm(sw->dp, p->at.index);
        }
}

static void watch(struct vswitch *sw)
{
    ev_io_init(&sw->events, on_events, datapath_event_fd(sw->dp), EV_READ);
    ev_prepare_init(&sw->prepare, on_prepare);
    ev_idle_init(&sw->more, on_more);
    ev_timer_init(&sw->due, on_due, 0, 0);
    ev_timer_init(&sw->tick, on_tick, TICK_S, TICK_S);
    sw->events.data = sw->prepare.data = sw->due.data = sw->tick.data = sw;
    ev_io_start(sw->loop, &sw->events);
    ev_prepare_start(sw->loop, &sw->prepare);
    ev_timer_start(sw->loop, &sw->tick);
}

static void unwatch(struct vswitch *sw)
{
    ev_io_stop(sw->loop, &sw->events);
    ev_prepare_stop(sw->loop, &sw->prepare);
    ev_idle_stop(sw->loop, &sw->more);
    ev_timer_stop(sw->loop, &sw->due);
    ev_timer_stop(sw->loop, &sw->tick);
}

static int open_datapath(struct vswitch *sw, const struct switch_conf *conf, struct errbuf *e)
{
    struct eal_conf eal = conf->eal;
    struct datapath_conf dp = { .n_workers = conf->n_workers, .conns_max = conf->conns_max, .clock = sw->clock };
    int err;

    eal.run_dir = conf->run_dir;
    err = eal_start(&eal, e);
    if (err)
        return err;
    memcpy(dp.cpu, conf->cpus, sizeof dp.cpu);
    dp.pool = eal_pool();
    err = datapath_open(&sw->dp, &dp, e);
    if (err)
        eal_stop();
    return err;
}

int vswitch_open(struct vswitch **out, struct ev_loop *loop, struct clock *clock, struct switch_conf *conf,
                 struct errbuf *e)
{
    struct vswitch *sw = calloc(1, sizeof *sw);
    int err;

    if (!sw) {
        switch_conf_fini(conf);
        return errbuf_set(e, -ENOMEM, "not enough memory");
    }
    sw->loop = loop;
    sw->clock = clock;
    list_init(&sw->bridges);
    list_init(&sw->captures);
    list_init(&sw->watches);
    err = tls_new(&sw->tls);
    err = err ? errbuf_set(e, err, "not enough memory") : open_datapath(sw, conf, e);
    if (err) {
        switch_conf_fini(conf);
        tls_free(sw->tls);
        free(sw);
        return err;
    }
    watch(sw);
    err = vswitch_apply(sw, conf, e);
    if (err) {
        vswitch_close(sw);
        return err;
    }
    *out = sw;
    return 0;
}

void vswitch_close(struct vswitch *sw)
{
    if (!sw)
        return;
    capture_end_all(sw);
    for_each_list_safe (struct sw_bridge, b, next, &sw->bridges, link)
        sw_bridge_close(b);
    unwatch(sw);
    datapath_close(sw->dp);
    eal_stop();
    tls_free(sw->tls);
    switch_conf_fini(&sw->conf);
    free(sw);
}

const char *vswitch_run_dir(const struct vswitch *sw)
{
    return sw->conf.run_dir;
}

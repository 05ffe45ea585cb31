/* SPDX-License-Identifier: Apache-2.0 */
/* control.c - see control.h. */
#include "controller/control.h"

#include "base/log.h"
#include "base/str.h"
#include "base/version.h"
#include "controller/control_policies.h"
#include "controller/control_show.h"
#include "controller/domain.h"
#include "io/rpc.h"
#include "openflow/flow_text.h"
#include "openflow/ofp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_DEFAULT_MS = 30000 };

struct control {
    struct controller *controller;
    struct rpc_server *server;
    struct list waiters; /* struct waiter */
};

/* A net/wait that has no answer yet. */
struct waiter {
    struct list link;
    struct control *control;
    struct rpc_request *request;
    const json_t *params; /* the request's */
    struct ev_timer timeout;
};

/* --- net/wait --- */
static void waiter_end(struct waiter *w, bool is_settled)
{
    rpc_reply_either(w->request, w->params,
                     json_pack("{s:b, s:o}", "settled", is_settled, "missing", show_missing(w->control->controller)));
    ev_timer_stop(w->control->controller->loop, &w->timeout);
    list_remove(&w->link);
    free(w);
}

static void on_settled(void *arg)
{
    struct control *c = arg;

    if (list_is_empty(&c->waiters) || !controller_is_settled(c->controller))
        return;
    for_each_list_safe (struct waiter, w, next, &c->waiters, link)
        waiter_end(w, true);
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *t, int revents)
{
    waiter_end(t->data, false);
}

static void run_wait(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;
    const char *text = rpc_param_text(params, 0, "timeout_ms");
    long ms = text ? strtol(text, NULL, 10) : WAIT_DEFAULT_MS;
    struct waiter *w = calloc(1, sizeof *w);

    if (!w || (text && (!*text || text[strspn(text, "0123456789")]))) {
        rpc_reply_error(r, "net/wait: %s", w ? "the time is a number of milliseconds" : "not enough memory");
        free(w);
        return;
    }
    w->control = c;
    w->request = r;
    w->params = params;
    list_push_back(&c->waiters, &w->link);
    ev_timer_init(&w->timeout, on_timeout, (double)ms / 1000., 0.);
    w->timeout.data = w;
    ev_timer_start(c->controller->loop, &w->timeout);
    on_settled(c);
}

/* --- documents --- */
static void run_show(struct rpc_request *r, json_t *params, void *arg)
{
    rpc_reply_either(r, params, show_net(((struct control *)arg)->controller));
}

static void run_text(struct rpc_request *r, json_t *params, void *arg)
{
    const struct domain *d = ((struct control *)arg)->controller->domain;

    rpc_reply_either(r, params, json_pack("{s:s, s:s}", "file", d->doc->file, "text", d->text));
}

static void run_apply(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;
    const char *file = rpc_param_text(params, 0, "file"), *text = rpc_param_text(params, 1, "text");
    struct errbuf e = { 0 };

    if (!file || !text)
        rpc_reply_error(r, "net/apply: FILE and TEXT are needed");
    else if (controller_apply(c->controller, file, text, strlen(text), &e))
        rpc_reply_error(r, "%s", e.text);
    else
        rpc_reply_either(r, params, json_pack("{s:s}", "applied", c->controller->domain->doc->name));
}

static void run_diff(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;
    const char *file = rpc_param_text(params, 0, "file"), *text = rpc_param_text(params, 1, "text");
    struct difference d;
    struct errbuf e = { 0 };

    if (!file != !text) {
        rpc_reply_error(r, "net/diff: FILE and TEXT are needed, or neither");
        return;
    }
    if (controller_diff(c->controller, file, text, text ? strlen(text) : 0, &d, &e)) {
        rpc_reply_error(r, "%s", e.text);
        return;
    }
    rpc_reply_either(r, params, show_difference(&d));
    difference_fini(&d);
}

/* --- net/flows --- */
struct flows_reply {
    struct rpc_request *request;
    const json_t *params; /* the request's */
    json_t *switches;
    size_t n_left; /* readings under way, and one while they are begun */
};

struct flows_part {
    struct flows_reply *reply;
    json_t *flows;
    size_t place; /* among the switches of the reply */
    char name[64];
};

static void flows_end(struct flows_reply *f)
{
    if (--f->n_left)
        return;
    rpc_reply_either(f->request, f->params, json_pack("{s:o}", "switches", f->switches));
    free(f);
}

static void on_flow(void *arg, const struct ofp_flow_stats *fs)
{
    struct flows_part *p = arg;
    bool is_ours = flow_cookie_is_ours(fs->cookie);
    struct str s = { 0 };

    flow_text_print_stats(&s, fs, NULL);
    json_array_append_new(p->flows, json_pack("{s:i, s:i, s:s, s:s, s:I, s:I, s:s}", "table", fs->table_id, "priority",
                                              fs->priority, "owner", is_ours ? "trama" : "other", "kind",
                                              is_ours ? flow_kind_name[flow_cookie_kind(fs->cookie)] : "", "packets",
                                              (json_int_t)fs->packet_count, "bytes", (json_int_t)fs->byte_count, "flow",
                                              str_text(&s)));
    str_fini(&s);
}

static void on_flows_done(void *arg, int err)
{
    struct flows_part *p = arg;
    json_t *o = json_pack("{s:s, s:o}", "switch", p->name, "flows", p->flows);

    if (err)
        json_object_set_new(o, "error", json_string(err == -ENOTCONN ? "it is not connected" : strerror(-err)));
    json_array_set_new(p->reply->switches, p->place, o);
    flows_end(p->reply);
    free(p);
}

static void flows_begin(struct flows_reply *f, struct domain *d, int sw)
{
    struct flows_part *p = calloc(1, sizeof *p);
    const struct session_reader reader = { .flow = on_flow, .done = on_flows_done, .arg = p };
    int err = p ? domain_is_connected(d, sw) ? 0 : -ENOTCONN : -ENOMEM;

    if (!p)
        return;
    f->n_left++;
    *p = (struct flows_part){ .reply = f, .flows = json_array(), .place = json_array_size(f->switches) };
    json_array_append_new(f->switches, json_null());
    strncat(p->name, d->doc->switches[sw].name, sizeof p->name - 1);
    if (!err)
        err = session_read(d->members[sw].session, &reader);
    if (err)
        on_flows_done(p, err);
}

static void run_flows(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;
    struct domain *d = c->controller->domain;
    const char *name = rpc_param_text(params, 0, "switch");
    int only = name ? net_doc_switch(d->doc, name) : NET_NONE;
    struct flows_reply *f;

    if (name && only == NET_NONE) {
        rpc_reply_error(r, "there is no switch '%.64s' in %s", name, d->doc->file);
        return;
    }
    f = calloc(1, sizeof *f);
    if (!f) {
        rpc_reply_error(r, "not enough memory");
        return;
    }
    *f = (struct flows_reply){ .request = r, .params = params, .switches = json_array(), .n_left = 1 };
    for (size_t i = 0; i < d->doc->n_switches; i++)
        if (only == NET_NONE || (size_t)only == i)
            flows_begin(f, d, (int)i);
    flows_end(f);
}

static void run_policies(struct rpc_request *r, json_t *params, void *arg)
{
    control_policies(((struct control *)arg)->controller, r, params);
}

/* --- the daemon itself --- */
static void run_version(struct rpc_request *r, json_t *params, void *arg)
{
    rpc_reply_either(r, params, json_pack("{s:s, s:s}", "program", "trama-controller", "version", TRAMA_VERSION));
}

static void run_log_level(struct rpc_request *r, json_t *params, void *arg)
{
    const char *name = rpc_param_text(params, 0, "level");
    int level = name ? log_level_by_name(name) : -EINVAL;

    if (level < 0) {
        rpc_reply_error(r, "there is no log level '%.32s'; error, warning, notice, info and debug are",
                        name ? name : "");
        return;
    }
    log_set_level((enum log_level)level);
    rpc_reply_either(r, params, json_pack("{s:s}", "level", log_level_name((enum log_level)level)));
}

static void run_exit(struct rpc_request *r, json_t *params, void *arg)
{
    rpc_reply_either(r, params, json_object());
    ev_break(((struct control *)arg)->controller->loop, EVBREAK_ALL);
}

static const struct rpc_method methods[] = {
    { "net/show", "", 0, 0, run_show },
    { "net/text", "", 0, 0, run_text },
    { "net/apply", "FILE TEXT", 2, 2, run_apply },
    { "net/diff", "[FILE TEXT]", 0, 2, run_diff },
    { "net/flows", "[SWITCH]", 0, 1, run_flows },
    { "net/policies", "", 0, 0, run_policies },
    { "net/wait", "[TIMEOUT_MS]", 0, 1, run_wait },
    { "version", "", 0, 0, run_version },
    { "log/level", "LEVEL", 1, 1, run_log_level },
    { "exit", "", 0, 0, run_exit },
    { 0 },
};

int control_open(struct control **out, struct controller *controller, const char *path, struct errbuf *e)
{
    struct control *c = calloc(1, sizeof *c);
    int err;

    if (!c)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    c->controller = controller;
    list_init(&c->waiters);
    err = rpc_server_open(&c->server, controller->loop, path, methods, c, e);
    if (err) {
        free(c);
        return err;
    }
    controller->settled = on_settled;
    controller->settled_arg = c;
    *out = c;
    return 0;
}

void control_close(struct control *c)
{
    if (!c)
        return;
    c->controller->settled = NULL;
    for_each_list_safe (struct waiter, w, next, &c->waiters, link)
        waiter_end(w, false);
    rpc_server_close(c->server);
    free(c);
}

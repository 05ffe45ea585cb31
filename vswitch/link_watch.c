/* SPDX-License-Identifier: Apache-2.0 */
/* link_watch.c - hears from the kernel when a device that a port is on changes, goes or comes back.
 * Flow: kernel -> netlink_watch -> [link_watch] -> sw_port_check -> port-status, buckets that watch the port.
 *
 * Theory.  One `struct link_watch` for each network namespace that ports live in, held by those ports (sw_port.c).  What is
 * heard only marks ports: looking at one may close it, and with it the watch that is speaking.  The marked ones are looked at
 * before the loop waits again (link_watch_run).  The kernel does not tell when a namespace's name is taken away or given to
 * another: link_watch_verify looks for that. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "io/netlink.h"
#include "vswitch/vswitch_impl.h"

struct link_watch {
    struct list link; /* in sw->watches */
    struct vswitch *sw;
    unsigned n_holders;
    char netns[256];              /* "": the daemon's own */
    ino_t inode;                  /* of the namespace when `kernel` was opened; 0: there was none */
    struct netlink_watch *kernel; /* NULL: could not be opened, or there is no such namespace now */
};

/* The marks of all ports of the namespace, or of those on one device. */
static void mark(struct link_watch *w, const char *device)
{
    for_each_list (struct sw_bridge, b, &w->sw->bridges, link)
        for_each_list (struct sw_port, p, &b->ports, link) {
            const char *name = p->conf.port.device ? p->conf.port.device : p->at.name;

            if (p->watch != w || (device && strcmp(device, name)))
                continue;
            p->is_marked = true;
            w->sw->has_marks = true;
        }
}

static void on_changed(void *arg, const struct netlink_link *link, bool is_gone)
{
    mark(arg, link->name);
}

static void on_overrun(void *arg)
{
    mark(arg, NULL);
}

/* What the name leads to now; 0: to nothing. */
static ino_t inode_of(const struct link_watch *w)
{
    char path[300];
    struct stat st;

    if (!w->netns[0])
        return 1;
    snprintf(path, sizeof path, "%s%s", strchr(w->netns, '/') ? "" : "/run/netns/", w->netns);
    return stat(path, &st) ? 0 : st.st_ino;
}

static void open_kernel(struct link_watch *w)
{
    static const struct netlink_watch_events events = { .changed = on_changed, .overrun = on_overrun };
    struct errbuf e = { { 0 } };

    netlink_watch_close(w->kernel);
    w->kernel = NULL;
    w->inode = inode_of(w);
    if (w->inode && netlink_watch_open(&w->kernel, w->sw->loop, w->netns[0] ? w->netns : NULL, &events, w, &e))
        log_warning("%s; links of ports %s%s are looked at now and then instead", e.text,
                    w->netns[0] ? "in namespace " : "without a namespace", w->netns);
}

struct link_watch *link_watch_get(struct vswitch *sw, const struct port_conf *conf)
{
    const char *netns = conf->netns ? conf->netns : "";
    struct link_watch *w;

    if (conf->type != PORT_TAP && conf->type != PORT_NETDEV)
        return NULL;
    for_each_list (struct link_watch, other, &sw->watches, link)
        if (!strcmp(other->netns, netns)) {
            other->n_holders++;
            return other;
        }
    w = strlen(netns) < sizeof w->netns ? calloc(1, sizeof *w) : NULL;
    if (!w)
        return NULL;
    snprintf(w->netns, sizeof w->netns, "%s", netns);
    w->sw = sw;
    w->n_holders = 1;
    list_push_back(&sw->watches, &w->link);
    open_kernel(w);
    return w;
}

void link_watch_put(struct link_watch *w)
{
    if (!w || --w->n_holders)
        return;
    netlink_watch_close(w->kernel);
    list_remove(&w->link);
    free(w);
}

bool link_watch_hears(const struct link_watch *w)
{
    return w && w->kernel;
}

void link_watch_verify(struct vswitch *sw)
{
    for_each_list (struct link_watch, w, &sw->watches, link)
        if (inode_of(w) != w->inode) {
            open_kernel(w);
            mark(w, NULL);
        }
}

bool link_watch_run(struct vswitch *sw)
{
    if (!sw->has_marks)
        return false;
    sw->has_marks = false;
    for_each_list (struct sw_bridge, b, &sw->bridges, link)
        for_each_list_safe (struct sw_port, p, next, &b->ports, link)
            if (p->is_marked) {
                p->is_marked = false;
                sw_port_check(p);
            }
    return true;
}

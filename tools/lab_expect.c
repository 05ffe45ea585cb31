/* SPDX-License-Identifier: Apache-2.0 */
/* lab_expect.c - see lab_expect.h: a trial from its beginning to its end, and the links that it cuts. */
#include "tools/lab_expect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "io/netlink.h"
#include "tools/lab_blame.h"
#include "tools/lab_trial.h"

int lab_trial_open(struct lab_trial **out, const struct lab *lab, struct errbuf *e)
{
    struct lab_trial *t = calloc(1, sizeof *t);

    if (t) {
        t->lab = lab;
        t->agents = calloc(lab->doc->n_hosts + 1, sizeof *t->agents);
        t->is_cut = calloc(lab->doc->n_links + 1, sizeof *t->is_cut);
    }
    if (!t || !t->agents || !t->is_cut) {
        lab_trial_close(t);
        return errbuf_set(e, -ENOMEM, "not enough memory");
    }
    *out = t;
    return 0;
}

/* One end of a link, in the namespace of its switch. */
static int end_set(const struct lab *lab, const struct net_end *end, bool is_up, struct errbuf *e)
{
    char name[NET_PORT_NAME];
    struct netlink *nl;
    int err = netlink_open(&nl, lab->switches[end->sw].netns, e);

    if (err)
        return err;
    lab_port_name(&end->port, name);
    err = is_up ? netlink_link_up(nl, name, e) : netlink_link_down(nl, name, e);
    netlink_close(nl);
    return err;
}

/* Down: one end, as of a cable that is pulled out there; the other sees its carrier go. */
static int link_set(struct lab_trial *t, int link, bool is_up, struct errbuf *e)
{
    const struct net_link *l = &t->lab->doc->links[link];
    int err = l->kind == NET_LINK_VETH
                  ? end_set(t->lab, &l->end[0], is_up, e)
                  : errbuf_set(e, -EINVAL, "this link is external: the lab can neither cut nor restore it");

    if (!err && is_up)
        err = end_set(t->lab, &l->end[1], is_up, e);
    if (!err)
        t->is_cut[link] = !is_up;
    return err;
}

int lab_try_link(struct lab_trial *t, const struct net_expect *x, struct errbuf *e)
{
    return link_set(t, x->link, x->kind == NET_EXPECT_RESTORE, e);
}

void lab_trial_close(struct lab_trial *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->is_cut && i < t->lab->doc->n_links; i++)
        if (t->is_cut[i])
            link_set(t, (int)i, true, NULL);
    for (size_t i = 0; t->agents && i < t->lab->doc->n_hosts; i++)
        agent_link_close(t->agents[i]);
    json_decref(t->before);
    free(t->agents);
    free(t->is_cut);
    free(t);
}

/* --- what it is, in words --- */

static void add_hosts(struct str *s, const struct net_doc *doc, const int *hosts, size_t n)
{
    if (n > 1 && n == doc->n_hosts) {
        str_add(s, "all");
        return;
    }
    for (size_t i = 0; i < n; i++)
        str_printf(s, "%s%s", i ? "," : "", doc->hosts[hosts[i]].name);
}

static void add_link(struct str *s, const struct net_doc *doc, int link)
{
    char port[NET_PORT_NAME];

    for (int k = 0; k < 2; k++) {
        const struct net_end *end = &doc->links[link].end[k];

        str_printf(s, "%s%s:%s", k ? " - " : " ", doc->switches[end->sw].name, net_port_text(&end->port, port));
    }
}

static void describe(struct str *s, const struct net_doc *doc, const struct net_expect *x)
{
    static const char *const names[] = {
        [NET_EXPECT_PING] = "ping",   [NET_EXPECT_TCP] = "tcp", [NET_EXPECT_UDP] = "udp",
        [NET_EXPECT_FLOOD] = "flood", [NET_EXPECT_CUT] = "cut", [NET_EXPECT_RESTORE] = "restore"
    };
    char address[ADDR_TEXT_SIZE];

    str_add(s, names[x->kind]);
    switch (x->kind) {
    case NET_EXPECT_PING:
    case NET_EXPECT_TCP:
    case NET_EXPECT_UDP:
        str_add(s, x->must_work ? " works " : " fails ");
        add_hosts(s, doc, x->from, x->n_from);
        str_add(s, " -> ");
        add_hosts(s, doc, x->to, x->n_to);
        if (x->at.family)
            str_printf(s, " at %s", ip_format(&x->at, address, sizeof address));
        if (x->kind != NET_EXPECT_PING)
            str_printf(s, " port %u", x->port);
        if (x->listen != x->port)
            str_printf(s, " listening at %u", x->listen);
        if (x->family)
            str_printf(s, " IPv%u", x->family);
        break;
    case NET_EXPECT_FLOOD:
        str_add(s, " once from ");
        add_hosts(s, doc, x->from, x->n_from);
        break;
    case NET_EXPECT_CUT:
    case NET_EXPECT_RESTORE:
        add_link(s, doc, x->link);
        break;
    }
}

int lab_trial_run(struct lab_trial *t, size_t i, struct lab_verdict *v, struct errbuf *e)
{
    const struct net_expect *x = &t->lab->doc->expects[i];
    uint64_t begin_ns = clock_now(NULL);
    int err = 0;

    *v = (struct lab_verdict){ 0 };
    describe(&v->text, t->lab->doc, x);
    json_decref(t->before);
    t->before = lab_blame_counts(t->lab);
    switch (x->kind) {
    case NET_EXPECT_PING:
    case NET_EXPECT_TCP:
    case NET_EXPECT_UDP:
        err = lab_try_pairs(t, x, v, e);
        break;
    case NET_EXPECT_FLOOD:
        err = lab_try_flood(t, x, v, e);
        break;
    case NET_EXPECT_CUT:
    case NET_EXPECT_RESTORE:
        err = lab_try_link(t, x, e);
        break;
    }
    v->time_ns = clock_now(NULL) - begin_ns;
    if (!err && v->n_failures)
        lab_blame_lab(t, &v->all);
    return err;
}

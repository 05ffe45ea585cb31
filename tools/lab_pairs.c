/* SPDX-License-Identifier: Apache-2.0 */
/* lab_pairs.c - tries ping, tcp and udp between pairs of hosts; see lab_trial.h.  Many pairs at a time: one that must fail
 * only waits, one that must work is over soon, unless it fails too. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tools/lab_blame.h"
#include "tools/lab_gateway.h"
#include "tools/lab_trial.h"

enum {
    WORKS_AT_A_TIME = 16,
    FAILS_AT_A_TIME = 64,
    TCP_BYTES = 1 << 20,
    READY_MS = 10000,
    GRACE_MS = 90000, /* tcp goes on after its time as long as data flow */
    TICK_MS = 100,
};

enum pair_state { PAIR_WAITS, PAIR_RUNS, PAIR_DONE };

struct pairs;

struct pair {
    struct pairs *all;
    int from, to;
    const struct ip_addr *ip; /* of `to` */
    enum pair_state state;
    bool has_worked, was_reached;
    char why[160];
    uint64_t us; /* until it worked */
    unsigned tries;
};

/* The other side of tcp and udp, in one host. */
struct server {
    struct pairs *all;
    int host;
    struct agent_link *link;
    long id;
    bool is_ready, is_over;
    char why[160];
};

struct pairs {
    struct lab_trial *t;
    const struct net_expect *x;
    struct pair *pair;
    size_t n_pairs, n_left_out; /* with hosts that are none of ours */
    struct server *server;
    size_t n_servers;
    size_t n_running;
    struct route *route;
    size_t n_routes;
};

/* A route that was made for the time of the try. */
struct route {
    int host;
    const struct ip_addr *to;
};

static const struct ip_addr *address_of(const struct net_host *h, uint8_t family)
{
    for (size_t i = 0; i < h->n_addresses; i++)
        if (h->addresses[i].family == family)
            return &h->addresses[i];
    return NULL;
}

/* --- servers --- */

static void heard_server(void *arg, const json_t *o)
{
    struct server *s = arg;
    const json_t *says = json_object_get(o, "says");
    const char *why = json_string_value(json_object_get(says, "why"));

    s->is_ready |= json_is_true(json_object_get(says, "ready"));
    s->is_over |= json_object_get(o, "exit") != NULL;
    if (why)
        snprintf(s->why, sizeof s->why, "%s", why);
}

static int server_start(struct pairs *p, int host, struct errbuf *e)
{
    const struct net_host *h = &p->t->lab->doc->hosts[host];
    struct server *s = &p->server[p->n_servers++];
    json_t *at = json_array();
    char text[ADDR_TEXT_SIZE];
    int err;

    *s = (struct server){ .all = p, .host = host, .why = "does not answer" };
    for (size_t i = 0; i < h->n_addresses; i++)
        json_array_append_new(at, json_string(ip_format(&h->addresses[i], text, sizeof text)));
    err = lab_trial_agent(p->t, host, &s->link, e);
    if (err) {
        json_decref(at);
        return err;
    }
    s->id = agent_link_start(s->link, json_pack("{s:s, s:o, s:i}", "do", "serve", "at", at, "port", (int)p->x->listen),
                             heard_server, s);
    return s->id < 0 ? (int)s->id : 0;
}

/* One in each host that is a `to` of some pair, all ready. */
static int servers_start(struct pairs *p, struct errbuf *e)
{
    uint64_t end_ns = clock_now(NULL) + (uint64_t)READY_MS * NSEC_PER_MS;
    int err = 0;

    for (size_t i = 0; i < p->x->n_to && !err; i++)
        if (lab_trial_has(p->t, p->x->to[i]))
            err = server_start(p, p->x->to[i], e);
    for (size_t i = 0; i < p->n_servers && !err; i++) {
        struct server *s = &p->server[i];

        while (!err && !s->is_ready && !s->is_over && clock_now(NULL) < end_ns)
            err = lab_trial_wait(p->t, TICK_MS, e);
        if (!err && !s->is_ready)
            err = errbuf_set(e, -EADDRINUSE, "host %s: %s", p->t->lab->doc->hosts[s->host].name, s->why);
    }
    return err;
}

/* --- pairs --- */

static void heard_pair(void *arg, const json_t *o)
{
    struct pair *p = arg;
    const json_t *says = json_object_get(o, "says");
    const char *why = json_string_value(json_object_get(says, "why"));

    if (says) {
        p->has_worked = json_is_true(json_object_get(says, "ok"));
        p->was_reached = json_is_true(json_object_get(says, "reached"));
        p->us = (uint64_t)json_integer_value(json_object_get(says, "us"));
        p->tries = (unsigned)json_integer_value(json_object_get(says, "tries"));
        snprintf(p->why, sizeof p->why, "%s", why ? why : "");
    }
    if (json_object_get(o, "exit")) {
        p->state = PAIR_DONE;
        p->all->n_running--;
    }
}

static void pairs_add(struct pairs *p, int from, int to, uint8_t family)
{
    const struct net_doc *doc = p->t->lab->doc;
    const struct ip_addr *ip = p->x->at.family ? &p->x->at : address_of(&doc->hosts[to], family);

    if (from == to || !ip || ip->family != family || (p->x->family && p->x->family != family) ||
        (!address_of(&doc->hosts[from], family) && !(doc->hosts[from].has_dhcp && family == 4)))
        return;
    if (!lab_trial_has(p->t, from) || !lab_trial_has(p->t, to)) {
        p->n_left_out++;
        return;
    }
    p->pair[p->n_pairs++] =
        (struct pair){ .all = p, .from = from, .to = to, .ip = ip, .why = "the probe says nothing" };
}

static int pairs_make(struct pairs *p, struct errbuf *e)
{
    size_t n = p->x->n_from * p->x->n_to;

    p->pair = calloc(2 * n + 1, sizeof *p->pair);
    p->server = calloc(p->x->n_to + 1, sizeof *p->server);
    if (!p->pair || !p->server)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    for (size_t i = 0; i < n; i++) {
        pairs_add(p, p->x->from[i / p->x->n_to], p->x->to[i % p->x->n_to], 4);
        pairs_add(p, p->x->from[i / p->x->n_to], p->x->to[i % p->x->n_to], 6);
    }
    return p->n_pairs ? 0 : errbuf_set(e, -EINVAL, "there is no pair of hosts of this lab to try it with");
}

static int pair_start(struct pair *p, struct errbuf *e)
{
    static const char *const kinds[] = {
        [NET_EXPECT_PING] = "ping", [NET_EXPECT_TCP] = "tcp", [NET_EXPECT_UDP] = "udp"
    };
    struct pairs *all = p->all;
    struct agent_link *link;
    char text[ADDR_TEXT_SIZE];
    long id;
    int err = lab_trial_agent(all->t, p->from, &link, e);

    if (err)
        return err;
    id = agent_link_start(link,
                          json_pack("{s:s, s:s, s:I, s:i, s:i}", "do", kinds[all->x->kind], "to",
                                    ip_format(p->ip, text, sizeof text), "ms", (json_int_t)all->x->within_ms, "port",
                                    (int)all->x->port, "bytes", TCP_BYTES),
                          heard_pair, p);
    if (id < 0)
        return errbuf_set(e, (int)id, "host %s does not answer any more", all->t->lab->doc->hosts[p->from].name);
    p->state = PAIR_RUNS;
    all->n_running++;
    return 0;
}

static int pairs_run(struct pairs *p, struct errbuf *e)
{
    size_t n_at_a_time = p->x->must_work ? WORKS_AT_A_TIME : FAILS_AT_A_TIME, next = 0;
    uint64_t limit_ns = 0;
    int err = 0;

    while (!err && (next < p->n_pairs || p->n_running)) {
        while (!err && next < p->n_pairs && p->n_running < n_at_a_time) {
            err = pair_start(&p->pair[next++], e);
            limit_ns = clock_now(NULL) + (uint64_t)(p->x->within_ms + GRACE_MS) * NSEC_PER_MS;
        }
        if (!err)
            err = lab_trial_wait(p->t, TICK_MS, e);
        if (!err && clock_now(NULL) > limit_ns)
            break; /* those that still run have said nothing, and failed */
    }
    return err;
}

/* --- routes --- */

/* Hosts that have no common subnet do not even try to reach each other, and that shows nothing about the network between
 * them: so where that must fail, each gets a route to the other meanwhile. */
static bool has_route(const struct net_doc *doc, const struct net_host *h, const struct ip_addr *to)
{
    if (lab_gateway_leads_out(doc, h->network, to->family))
        return true;
    for (size_t i = 0; i < h->n_addresses; i++)
        if (h->addresses[i].family == to->family && ip_is_in(to, &h->addresses[i]))
            return true;
    return false;
}

static bool route_change(struct pairs *p, const struct route *r, bool is_new)
{
    char text[ADDR_TEXT_SIZE];
    json_t *said = lab_trial_ask(
        p->t, r->host,
        json_pack("{s:s, s:s, s:b}", "do", "route", "to", ip_format(r->to, text, sizeof text), "add", is_new),
        READY_MS);
    bool was_changed = json_is_true(json_object_get(said, "changed"));

    json_decref(said);
    return was_changed;
}

static void route_add(struct pairs *p, int host, const struct ip_addr *to)
{
    struct route r = { .host = host, .to = to };

    if (to && !has_route(p->t->lab->doc, &p->t->lab->doc->hosts[host], to) && route_change(p, &r, true))
        p->route[p->n_routes++] = r;
}

static int routes_add(struct pairs *p, struct errbuf *e)
{
    p->route = calloc(2 * p->n_pairs + 1, sizeof *p->route);
    if (!p->route)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    for (size_t i = 0; i < p->n_pairs; i++) {
        const struct pair *pair = &p->pair[i];

        route_add(p, pair->from, pair->ip);
        route_add(p, pair->to, address_of(&p->t->lab->doc->hosts[pair->from], pair->ip->family));
    }
    return 0;
}

/* --- the verdict --- */

static void pair_failed(struct pairs *p, const struct pair *pair, struct lab_verdict *v)
{
    const struct net_doc *doc = p->t->lab->doc;
    const struct net_host *a = &doc->hosts[pair->from], *b = &doc->hosts[pair->to];
    const struct net_network *na = &doc->networks[a->network], *nb = &doc->networks[b->network];
    struct lab_failure *f;

    if (p->x->must_work) {
        f = lab_verdict_fail(v, "%s -> %s (IPv%u): %s", a->name, b->name, pair->ip->family, pair->why);
        if (f)
            lab_blame_pair(p->t, f, pair->from, pair->to, pair->ip);
        return;
    }
    if (pair->has_worked)
        f = lab_verdict_fail(v, "%s -> %s (IPv%u): it works, after %.1f ms", a->name, b->name, pair->ip->family,
                             (double)pair->us / 1000);
    else
        f = lab_verdict_fail(v, "%s -> %s (IPv%u): a connection was made, although %s", a->name, b->name,
                             pair->ip->family, pair->why);
    if (f && a->network == b->network)
        lab_failure_hint(f, "both are in network %s (VLAN %u)", na->name, na->vlan);
    else if (f)
        lab_failure_hint(f, "%s is in network %s (VLAN %u), %s in %s (VLAN %u)", a->name, na->name, na->vlan, b->name,
                         nb->name, nb->vlan);
}

static void judge(struct pairs *p, struct lab_verdict *v)
{
    uint64_t worst_us = 0;

    for (size_t i = 0; i < p->n_pairs; i++) {
        const struct pair *pair = &p->pair[i];

        if (pair->us > worst_us)
            worst_us = pair->us;
        if (p->x->must_work ? !pair->has_worked : pair->has_worked || pair->was_reached)
            pair_failed(p, pair, v);
    }
    str_printf(&v->note, "%zu %s", p->n_pairs, p->n_pairs == 1 ? "try" : "tries");
    if (p->x->must_work && !v->n_failures)
        str_printf(&v->note, ", at most %.1f ms", (double)worst_us / 1000);
    if (p->n_left_out)
        str_printf(&v->note, "; %zu with external hosts left out", p->n_left_out);
}

int lab_try_pairs(struct lab_trial *t, const struct net_expect *x, struct lab_verdict *v, struct errbuf *e)
{
    struct pairs p = { .t = t, .x = x };
    int err = pairs_make(&p, e);

    if (!err && x->kind != NET_EXPECT_PING)
        err = servers_start(&p, e);
    if (!err && !x->must_work)
        err = routes_add(&p, e);
    if (!err)
        err = pairs_run(&p, e);
    if (!err)
        judge(&p, v);
    lab_trial_end_jobs(t);
    for (size_t i = 0; i < p.n_routes; i++)
        route_change(&p, &p.route[i], false);
    free(p.route);
    free(p.pair);
    free(p.server);
    return err;
}

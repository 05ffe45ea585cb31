/* SPDX-License-Identifier: Apache-2.0 */
/* domain.c - see domain.h. */
#include "controller/domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool domain_is_connected(const struct domain *d, int sw)
{
    return d->members[sw].session && session_is_ready(d->members[sw].session);
}

int domain_network_of_vlan(const struct domain *d, uint16_t vlan)
{
    for (size_t i = 0; i < d->doc->n_networks; i++)
        if (d->doc->networks[i].vlan == vlan)
            return (int)i;
    return NET_NONE;
}

static struct view_switch switch_view(const struct domain *d, int sw)
{
    struct view_switch v = { .is_live = d->members[sw].is_live, .has_ports = domain_is_connected(d, sw) };

    if (v.has_ports) {
        v.ports = session_ports(d->members[sw].session, &v.n_ports);
        v.is_trama = session_is_trama(d->members[sw].session);
    }
    return v;
}

/* --- making one --- */
void domain_free(struct domain *d)
{
    if (!d)
        return;
    if (d->has_plan)
        plan_fini(&d->plan);
    net_doc_free(d->doc);
    free(d->text);
    free(d->members);
    free(d->links);
    free(d->strays);
    free(d->tree);
    free(d->in_force);
    free(d);
}

static int same_link(const struct domain *old, const struct net_doc *doc, size_t link)
{
    const struct net_end *want = doc->links[link].end;

    for (size_t i = 0; i < old->doc->n_links; i++) {
        const struct net_end *have = old->doc->links[i].end;
        bool is_same = true;

        for (int j = 0; j < 2; j++)
            is_same = is_same && net_port_same(&have[j].port, &want[j].port) &&
                      old->doc->switches[have[j].sw].datapath_id == doc->switches[want[j].sw].datapath_id;
        if (is_same)
            return (int)i;
    }
    return NET_NONE;
}

static void inherit(struct domain *d, const struct domain *old)
{
    for (size_t i = 0; i < d->doc->n_switches; i++) {
        int sw = net_doc_switch_by_id(old->doc, d->doc->switches[i].datapath_id);

        if (sw != NET_NONE)
            d->members[i] = old->members[sw];
    }
    for (size_t i = 0; i < d->doc->n_links; i++) {
        int link = same_link(old, d->doc, i);

        if (link == NET_NONE) {
            link_track_init(&d->links[i], LINK_DOWN); /* until it is heard */
            continue;
        }
        d->links[i] = old->links[link];
        for (size_t n = 0; n < d->doc->n_networks; n++) {
            int network = domain_network_of_vlan(old, d->doc->networks[n].vlan);

            if (network != NET_NONE && old->has_tree)
                d->in_force[n * d->doc->n_links + i] =
                    old->in_force[(size_t)network * old->doc->n_links + (size_t)link];
        }
    }
    d->has_tree = old->has_tree;
}

int domain_new(struct domain **out, const struct domain *old, const char *file, const char *text, size_t len,
               uint64_t now_ns, struct errbuf *e)
{
    struct domain *d = calloc(1, sizeof *d);
    int err = d ? net_doc_parse(&d->doc, file, text, len, e) : -ENOMEM;

    if (!err && !d->doc->is_controlled)
        err = errbuf_set(e, -EINVAL, "%s: the document says controller: none; its switches stand alone", file);
    if (err)
        goto fail;
    d->text = strndup(text, len);
    d->members = calloc(d->doc->n_switches, sizeof *d->members);
    d->links = calloc(d->doc->n_links + 1, sizeof *d->links);
    d->strays = calloc(d->doc->n_links + 1, sizeof *d->strays);
    d->tree = calloc(d->doc->n_networks * d->doc->n_links + 1, sizeof *d->tree);
    d->in_force = calloc(d->doc->n_networks * d->doc->n_links + 1, sizeof *d->in_force);
    err = d->text && d->members && d->links && d->strays && d->tree && d->in_force ? 0 : -ENOMEM;
    if (err)
        goto fail;
    for (size_t i = 0; i < d->doc->n_switches; i++)
        d->members[i] = (struct member){ .is_live = true, .lost_ns = now_ns };
    for (size_t i = 0; i < d->doc->n_links; i++) {
        link_track_init(&d->links[i], LINK_PRESUMED);
        d->strays[i][0].sw = d->strays[i][1].sw = NET_NONE;
    }
    if (old)
        inherit(d, old);
    *out = d;
    return 0;

fail:
    if (err == -ENOMEM)
        errbuf_set(e, err, "%s: not enough memory", file);
    domain_free(d);
    return err;
}

/* --- its view --- */
void domain_view_fini(struct domain_view *v)
{
    free(v->switches);
    free(v->link_is_up);
    free(v->hosts);
    free(v->neighbors);
}

/* Those whose address the document gives to nobody, and whose network it has. */
static size_t neighbors_view(struct view_neighbor *out, const struct domain *d, const struct neighbors *neighbors)
{
    size_t n = 0;

    for_each_neighbor(of, neighbors)
    {
        int network = domain_network_of_vlan(d, of->vlan);

        if (of->mac && network != NET_NONE)
            out[n++] = (struct view_neighbor){ .network = network, .ip = of->ip, .mac = of->mac };
    }
    return n;
}

int domain_view_init(struct domain_view *v, const struct domain *d, const struct hosts *hosts,
                     const struct neighbors *neighbors)
{
    size_t n = 0;

    v->switches = calloc(d->doc->n_switches, sizeof *v->switches);
    v->link_is_up = calloc(d->doc->n_links + 1, sizeof *v->link_is_up);
    v->hosts = calloc(hosts->map.n + 1, sizeof *v->hosts);
    v->neighbors = calloc(neighbors->map.n + 1, sizeof *v->neighbors);
    if (!v->switches || !v->link_is_up || !v->hosts || !v->neighbors) {
        domain_view_fini(v);
        return -ENOMEM;
    }
    for (size_t i = 0; i < d->doc->n_switches; i++)
        v->switches[i] = switch_view(d, (int)i);
    for (size_t i = 0; i < d->doc->n_links; i++)
        v->link_is_up[i] = link_is_used(&d->links[i]);
    for_each_host(h, hosts)
    {
        int sw = net_doc_switch_by_id(d->doc, h->datapath_id), network = domain_network_of_vlan(d, h->vlan);

        if (sw != NET_NONE && network != NET_NONE)
            v->hosts[n++] = (struct view_host){ .mac = h->mac, .network = network, .sw = sw, .port = h->port };
    }
    v->view = (struct view){
        .switches = v->switches,
        .link_is_up = v->link_is_up,
        .n_hosts = n,
        .hosts = v->hosts,
        .n_neighbors = neighbors_view(v->neighbors, d, neighbors),
        .neighbors = v->neighbors,
    };
    return 0;
}

/* The trees to use next, in d->tree. */
static int trees_move(struct domain *d, const struct view *v)
{
    size_t n = d->doc->n_networks * d->doc->n_links + 1;
    bool *want = calloc(n, sizeof *want), *next = calloc(n, sizeof *next);
    int err = want && next ? compile_trees(d->doc, v, want) : -ENOMEM;

    d->is_final = true;
    if (!err && d->has_tree)
        err = compile_trees_toward(d->doc, v, d->in_force, want, next, &d->is_final);
    if (!err) {
        memcpy(d->tree, d->has_tree ? next : want, n * sizeof *want);
        d->has_tree = true;
        for (size_t i = 0; i < n; i++)
            d->in_force[i] |= d->tree[i];
    }
    free(want);
    free(next);
    return err;
}

int domain_compile(struct domain *d, const struct hosts *hosts, const struct neighbors *neighbors)
{
    struct domain_view v;
    int err = domain_view_init(&v, d, hosts, neighbors);

    if (err)
        return err;
    if (d->has_plan)
        plan_fini(&d->plan);
    d->has_plan = false;
    err = trees_move(d, &v.view);
    if (!err)
        err = compile(&d->plan, d->doc, &v.view, d->tree);
    d->has_plan = !err;
    domain_view_fini(&v);
    return err;
}

void domain_trees_are_held(struct domain *d)
{
    memcpy(d->in_force, d->tree, d->doc->n_networks * d->doc->n_links * sizeof *d->tree);
}

static void recall_flood(struct domain *d, int sw, const struct flow *f)
{
    int network = domain_network_of_vlan(d, (uint16_t)(f->spec.cookie & 0xfff));

    for (size_t i = 0; i < f->spec.n_acts && network != NET_NONE; i++) {
        struct link_end end = { NET_NONE, 0 };

        if (f->spec.acts[i].type == FLOW_ACT_OUTPUT)
            end = domain_find_end(d, sw, f->spec.acts[i].port);
        if (end.link == NET_NONE)
            continue;
        d->in_force[(size_t)network * d->doc->n_links + (size_t)end.link] = true;
        d->has_tree = true;
    }
}

/* The link that frames are taken in from by this flow, NET_NONE: none. */
static int trunk_link(const struct domain *d, int sw, const struct flow *f)
{
    struct match m;

    if (flow_cookie_kind(f->spec.cookie) != FLOW_KIND_TRUNK)
        return NET_NONE;
    compact_match_expand(&m, f->match);
    return domain_find_end(d, sw, (uint32_t)key_get(&m.value, FIELD_IN_PORT).lo).link;
}

void domain_recall(struct domain *d, int sw, const struct flow_set *held)
{
    bool *is_taken = calloc(d->doc->n_links + 1, sizeof *is_taken);

    if (!is_taken)
        return;
    for_each_flow (f, held) {
        int link = trunk_link(d, sw, f);

        if (link != NET_NONE)
            is_taken[link] = true;
        if (flow_cookie_kind(f->spec.cookie) == FLOW_KIND_FLOOD)
            recall_flood(d, sw, f);
    }
    for (size_t i = 0; i < d->doc->n_links; i++) {
        const struct net_end *end = d->doc->links[i].end;

        if ((end[0].sw == sw || end[1].sw == sw) && flow_set_count(held) && !is_taken[i] &&
            d->links[i].state == LINK_PRESUMED)
            d->links[i].state = LINK_DOWN;
    }
    free(is_taken);
}

/* --- switches and links --- */
bool domain_set_live(struct domain *d, uint64_t now_ns, uint64_t start_ns)
{
    bool is_changed = false;

    for (size_t i = 0; i < d->doc->n_switches; i++) {
        struct member *m = &d->members[i];
        bool is_live = domain_is_connected(d, (int)i) || now_ns - m->lost_ns < (uint64_t)SWITCH_HOLD_MS * NSEC_PER_MS;

        is_changed = is_changed || is_live != m->is_live;
        m->is_live = is_live;
    }
    return is_changed;
}

bool domain_set_ends(struct domain *d, int sw, uint64_t now_ns)
{
    struct view_switch v = switch_view(d, sw);
    bool is_changed = false;

    for (size_t i = 0; i < d->doc->n_links; i++) {
        for (int j = 0; j < 2; j++) {
            const struct net_end *end = &d->doc->links[i].end[j];
            const struct view_port *port;
            enum end_state state = END_UNKNOWN;

            if (end->sw != sw)
                continue;
            port = v.has_ports ? view_port_find(&v, view_port_number(&v, &end->port)) : NULL;
            if (v.has_ports)
                state = port && port->is_up ? END_UP : END_DOWN;
            is_changed = link_set_end(&d->links[i], j, state, now_ns) || is_changed;
        }
    }
    return is_changed;
}

uint32_t domain_end_port(const struct domain *d, int link, int end)
{
    const struct net_end *e = &d->doc->links[link].end[end];
    struct view_switch v = switch_view(d, e->sw);

    return view_port_number(&v, &e->port);
}

struct link_end domain_find_end(const struct domain *d, int sw, uint32_t port)
{
    struct view_switch v = switch_view(d, sw);
    const struct view_port *p = view_port_find(&v, port);

    for (size_t i = 0; p && i < d->doc->n_links; i++)
        for (int j = 0; j < 2; j++)
            if (d->doc->links[i].end[j].sw == sw && view_port_is(p, &d->doc->links[i].end[j].port))
                return (struct link_end){ (int)i, j };
    return (struct link_end){ NET_NONE, 0 };
}

int domain_port_network(const struct domain *d, int sw, uint32_t port)
{
    struct view_switch v = switch_view(d, sw);
    const struct net_switch *s = &d->doc->switches[sw];
    const struct view_port *p = view_port_find(&v, port);

    for (size_t i = 0; p && i < s->n_ports; i++)
        if (view_port_is(p, &s->ports[i].port))
            return s->ports[i].network;
    for (size_t i = 0; p && i < d->doc->n_hosts; i++)
        if (d->doc->hosts[i].at.sw == sw && view_port_is(p, &d->doc->hosts[i].at.port))
            return d->doc->hosts[i].network;
    return NET_NONE;
}

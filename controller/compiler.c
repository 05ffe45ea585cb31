/* SPDX-License-Identifier: Apache-2.0 */
/* compiler.c - see compiler.h. */
#include "controller/compiler_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "controller/graph.h"

bool view_port_is(const struct view_port *p, const struct net_port_ref *ref)
{
    return ref->name[0] ? !strcmp(p->name, ref->name) : p->number == ref->number;
}

uint32_t view_port_number(const struct view_switch *sw, const struct net_port_ref *ref)
{
    for (size_t i = 0; i < sw->n_ports && sw->has_ports; i++)
        if (view_port_is(&sw->ports[i], ref))
            return sw->ports[i].number;
    return 0;
}

const struct view_port *view_port_find(const struct view_switch *sw, uint32_t number)
{
    for (size_t i = 0; i < sw->n_ports && sw->has_ports; i++)
        if (sw->ports[i].number == number)
            return &sw->ports[i];
    return NULL;
}

/* --- the graph --- */
static int edges_make(const struct net_doc *doc, const struct view *v, struct graph_edge **out)
{
    struct graph_edge *edges = calloc(doc->n_links + 1, sizeof *edges);

    if (!edges)
        return -ENOMEM;
    for (size_t i = 0; i < doc->n_links; i++) {
        const struct net_end *end = doc->links[i].end;

        edges[i] = (struct graph_edge){
            .node = { end[0].sw, end[1].sw },
            .is_up = v->link_is_up[i] && v->switches[end[0].sw].is_live && v->switches[end[1].sw].is_live,
        };
    }
    *out = edges;
    return 0;
}

/* Which switches have a port of the network, or may have a host of it. */
static void members_find(const struct net_doc *doc, const struct view *v, int network, bool *is_member)
{
    memset(is_member, 0, doc->n_switches * sizeof *is_member);
    for (size_t i = 0; i < doc->n_hosts; i++)
        if (doc->hosts[i].network == network)
            is_member[doc->hosts[i].at.sw] = true;
    if (doc->networks[network].router != NET_NONE && doc->routers[doc->networks[network].router].gateway != NET_NONE)
        is_member[doc->routers[doc->networks[network].router].gateway] = true;
    for (size_t i = 0; i < doc->n_switches; i++) {
        const struct net_leg *leg = net_doc_leg(doc, network);

        if (leg && leg->is_outside && net_router_is_spread(&doc->routers[doc->networks[network].router]))
            is_member[i] = true; /* each switch leads there */
        for (size_t j = 0; j < doc->switches[i].n_ports; j++)
            if (doc->switches[i].ports[j].network == network)
                is_member[i] = true;
        is_member[i] = is_member[i] && v->switches[i].is_live;
    }
}

int compile_trees(const struct net_doc *doc, const struct view *v, bool *tree)
{
    struct graph g = { .n_nodes = (int)doc->n_switches, .n_edges = (int)doc->n_links };
    bool *is_member = calloc(doc->n_switches, sizeof *is_member);
    struct graph_edge *edges = NULL;
    int err = is_member ? edges_make(doc, v, &edges) : -ENOMEM;

    g.edges = edges;
    for (size_t n = 0; n < doc->n_networks && !err; n++) {
        members_find(doc, v, (int)n, is_member);
        err = graph_tree(&g, is_member, tree + n * doc->n_links);
    }
    free(edges);
    free(is_member);
    return err;
}

int compile_trees_toward(const struct net_doc *doc, const struct view *v, const bool *before, const bool *want,
                         bool *tree, bool *is_final)
{
    struct graph g = { .n_nodes = (int)doc->n_switches, .n_edges = (int)doc->n_links };
    bool *alive = calloc(doc->n_links + 1, sizeof *alive);
    struct graph_edge *edges = NULL;
    int err = alive ? edges_make(doc, v, &edges) : -ENOMEM;

    g.edges = edges;
    *is_final = true;
    for (size_t n = 0; n < doc->n_networks && !err; n++) {
        const bool *w = want + n * doc->n_links, *b = before + n * doc->n_links;
        int has_cycle;

        for (size_t i = 0; i < doc->n_links; i++)
            alive[i] = b[i] && edges[i].is_up;
        has_cycle = graph_has_cycle(&g, alive, w);
        if (has_cycle < 0)
            err = has_cycle;
        if (has_cycle > 0)
            *is_final = false;
        for (size_t i = 0; i < doc->n_links; i++)
            tree[n * doc->n_links + i] = w[i] && (!has_cycle || alive[i]);
    }
    free(edges);
    free(alive);
    return err;
}

/* --- problems --- */
void compiler_problem(struct compiler *c, int sw, const char *fmt, ...)
{
    struct problem *grown = realloc(c->plan->problems, (c->plan->n_problems + 1) * sizeof *grown);
    va_list ap;

    if (!grown) {
        c->err = -ENOMEM;
        return;
    }
    c->plan->problems = grown;
    grown += c->plan->n_problems++;
    grown->sw = sw;
    va_start(ap, fmt);
    vsnprintf(grown->text, sizeof grown->text, fmt, ap);
    va_end(ap);
}

/* --- the ports of one switch --- */
static uint32_t number_hash(uint32_t number)
{
    return (uint32_t)hash_mix(number);
}

static uint32_t ref_hash(const struct net_port_ref *ref)
{
    return ref->name[0] ? hash_bytes(ref->name, strlen(ref->name), 0) : number_hash(ref->number);
}

struct port_entry *compiler_port(const struct compiler *c, const struct net_port_ref *ref)
{
    if (ref->name[0]) {
        for_each_hmap_hash (struct port_entry, e, &c->names, ref_hash(ref), by_name)
            if (view_port_is(e->port, ref))
                return e;
    } else {
        for_each_hmap_hash (struct port_entry, e, &c->numbers, ref_hash(ref), by_number)
            if (view_port_is(e->port, ref))
                return e;
    }
    return NULL;
}

static void ports_forget(struct compiler *c)
{
    hmap_fini(&c->names);
    hmap_fini(&c->numbers);
    free(c->entries);
    c->entries = NULL;
}

static int ports_index(struct compiler *c)
{
    const struct view_switch *sw = &c->view->switches[c->sw];

    ports_forget(c);
    hmap_init(&c->names);
    hmap_init(&c->numbers);
    c->entries = calloc(sw->n_ports + 1, sizeof *c->entries);
    if (!c->entries)
        return -ENOMEM;
    for (size_t i = 0; i < sw->n_ports; i++) {
        struct net_port_ref name = { 0 };

        memcpy(name.name, sw->ports[i].name, sizeof name.name);
        c->entries[i].port = &sw->ports[i];
        if (!compiler_port(c, &name))
            hmap_insert(&c->names, &c->entries[i].by_name, ref_hash(&name));
        hmap_insert(&c->numbers, &c->entries[i].by_number, number_hash(sw->ports[i].number));
    }
    return 0;
}

static struct role_port *role_of(const struct compiler *c, uint32_t number)
{
    struct port_entry *e = compiler_port(c, &(struct net_port_ref){ .number = number });

    return e ? e->role : NULL;
}

/* `what`, `name`: who wants the port, for the message. */
static void port_add(struct compiler *c, const struct net_port_ref *ref, struct role_port want, const char *what,
                     const char *name, unsigned line)
{
    struct port_entry *named = compiler_port(c, ref), *e;
    const char *sw = c->doc->switches[c->sw].name;
    char text[NET_PORT_NAME];
    uint32_t number;

    if (!named) {
        compiler_problem(c, c->sw, "switch %s has no port %s (%s%s%s, line %u)", sw, net_port_text(ref, text), what,
                         *name ? " " : "", name, line);
        return;
    }
    number = named->port->number;
    e = compiler_port(c, &(struct net_port_ref){ .number = number });
    if (e->role) {
        if (want.role != ROLE_ACCESS || e->role->role != ROLE_ACCESS || e->role->of != want.of)
            compiler_problem(
                c, c->sw, "switch %s: port %s is number %u, which the document uses by another name (%s%s%s, line %u)",
                sw, net_port_text(ref, text), number, what, *name ? " " : "", name, line);
        return;
    }
    want.number = number;
    e->role = &c->ports[c->n_ports];
    c->ports[c->n_ports++] = want;
}

static int roles_find(struct compiler *c)
{
    const struct net_doc *doc = c->doc;
    const struct net_switch *sw = &doc->switches[c->sw];

    c->n_ports = 0;
    if (ports_index(c))
        return -ENOMEM;
    for (size_t i = 0; i < doc->n_links; i++)
        for (int j = 0; j < 2; j++)
            if (doc->links[i].end[j].sw == c->sw)
                port_add(c, &doc->links[i].end[j].port, (struct role_port){ .role = ROLE_LINK, .of = (int)i }, "link",
                         "", doc->links[i].line);
    for (size_t i = 0; i < sw->n_ports; i++)
        port_add(c, &sw->ports[i].port, (struct role_port){ .role = ROLE_ACCESS, .of = sw->ports[i].network }, "ports",
                 "", sw->ports[i].line);
    for (size_t i = 0; i < doc->n_hosts; i++)
        if (doc->hosts[i].at.sw == c->sw)
            port_add(c, &doc->hosts[i].at.port, (struct role_port){ .role = ROLE_ACCESS, .of = doc->hosts[i].network },
                     "host", doc->hosts[i].name, doc->hosts[i].line);
    for (size_t i = 0; i < c->view->n_hosts; i++) {
        struct role_port *p = c->view->hosts[i].sw == c->sw ? role_of(c, c->view->hosts[i].port) : NULL;

        if (p)
            p->n_learned++;
    }
    return c->err;
}

/* --- flows --- */
void compiler_emit(struct compiler *c, struct flow_spec *spec, const struct match *m)
{
    int err = flow_set_add(&c->plan->flows[c->sw], spec, m);

    if (err && !c->err)
        c->err = err;
}

static void emit_guards(struct compiler *c)
{
    static const uint64_t group_bit = UINT64_C(1) << 40;
    struct flow_spec drop = {
        .table = TABLE_INGRESS,
        .goto_table = FLOW_NO_GOTO,
        .priority = PRIO_GUARD,
        .cookie = flow_cookie(FLOW_KIND_GUARD, 0),
    };
    struct match m = { 0 };

    match_set_masked(&m, FIELD_ETH_DST, value_of(UINT64_C(0x0180c2000000)), value_of(UINT64_C(0xfffffffffff0)));
    compiler_emit(c, &drop, &m);
    m = (struct match){ 0 };
    match_set_masked(&m, FIELD_ETH_SRC, value_of(group_bit), value_of(group_bit));
    compiler_emit(c, &drop, &m);
}

/* Ingress of a host's port: the network's tag. */
static void emit_access(struct compiler *c, const struct role_port *p)
{
    uint16_t vlan = c->doc->networks[p->of].vlan;
    const struct flow_act acts[] = {
        { .type = FLOW_ACT_PUSH_VLAN, .arg = ETH_TYPE_VLAN },
        { .type = FLOW_ACT_SET_VLAN, .arg = vlan },
    };
    struct flow_spec spec = {
        .table = TABLE_INGRESS,
        .goto_table = TABLE_SOURCE,
        .priority = PRIO_INGRESS,
        .cookie = flow_cookie(FLOW_KIND_ACCESS, vlan),
        .metadata = compiler_origin(c, p->of),
        .metadata_mask = compiler_origin(c, p->of) ? METADATA_ORIGIN_MASK : 0,
        .acts = acts,
        .n_acts = 2,
    };
    struct match m = { 0 };

    match_set(&m, FIELD_IN_PORT, p->number);
    match_set(&m, FIELD_VLAN_VID, 0);
    compiler_emit(c, &spec, &m);
    match_set(&m, FIELD_VLAN_VID, VID_PRESENT); /* VLAN id 0: the tag holds a priority only, IEEE 802.1Q, 9.6 */
    spec.acts = acts + 1;
    spec.n_acts = 1;
    compiler_emit(c, &spec, &m);
}

static void emit_link(struct compiler *c, const struct role_port *p)
{
    const bool *tree = c->tree + p->of;
    const struct flow_act show[] = { { .type = FLOW_ACT_OUTPUT, .port = PORT_CONTROLLER, .arg = UINT16_MAX } };
    struct flow_spec spec = {
        .table = TABLE_INGRESS,
        .goto_table = FLOW_NO_GOTO,
        .priority = PRIO_LLDP,
        .cookie = flow_cookie(FLOW_KIND_LLDP, 0),
        .acts = show,
        .n_acts = 1,
    };
    struct match m = { 0 };

    match_set(&m, FIELD_IN_PORT, p->number);
    match_set(&m, FIELD_ETH_DST, UINT64_C(0x0180c200000e));
    match_set(&m, FIELD_ETH_TYPE, ETH_TYPE_LLDP);
    compiler_emit(c, &spec, &m);
    if (!c->view->link_is_up[p->of])
        return;
    for (size_t n = 0; n < c->doc->n_networks; n++) {
        uint16_t vlan = c->doc->networks[n].vlan;
        bool is_in_tree = tree[n * c->doc->n_links];

        if (!c->network_is_used[n])
            continue;
        spec = (struct flow_spec){
            .table = TABLE_INGRESS,
            .goto_table = compiler_entry(c, (int)n),
            .priority = PRIO_INGRESS,
            .cookie = flow_cookie(FLOW_KIND_TRUNK, vlan),
            .metadata = is_in_tree ? 0 : METADATA_OFF_TREE,
            .metadata_mask = is_in_tree ? 0 : METADATA_OFF_TREE,
        };
        if (compiler_origin(c, (int)n)) {
            spec.metadata |= compiler_origin(c, (int)n) | METADATA_TRUSTED;
            spec.metadata_mask |= METADATA_ORIGIN_MASK | METADATA_TRUSTED;
        }
        m = (struct match){ 0 };
        match_set(&m, FIELD_IN_PORT, p->number);
        match_set(&m, FIELD_VLAN_VID, VID_PRESENT | vlan);
        compiler_emit(c, &spec, &m);
    }
}

/* Table 1, what becomes of senders that are not known at this port. */
static void emit_learn(struct compiler *c, const struct role_port *p)
{
    const struct flow_act show[] = { { .type = FLOW_ACT_OUTPUT, .port = PORT_CONTROLLER, .arg = LEARN_BYTES } };
    struct flow_spec spec = {
        .table = TABLE_SOURCE,
        .goto_table = compiler_after_source(c, p->of),
        .priority = PRIO_LEARN,
        .cookie = flow_cookie(FLOW_KIND_LEARN, c->doc->networks[p->of].vlan),
        .acts = show,
        .n_acts = 1,
    };
    struct match m = { 0 };

    if (p->n_learned >= HOSTS_PER_PORT_MAX)
        spec.n_acts = 0; /* a port that shows ever more senders tells the controller nothing new */
    match_set(&m, FIELD_IN_PORT, p->number);
    compiler_emit(c, &spec, &m);
}

/* Table 1, a host at its port. */
static void emit_source(struct compiler *c, net_mac mac, int network, uint32_t port, bool is_learned)
{
    struct flow_spec spec = {
        .table = TABLE_SOURCE,
        .goto_table = compiler_after_source(c, network),
        .priority = PRIO_SOURCE,
        .cookie = flow_cookie(FLOW_KIND_SOURCE, c->doc->networks[network].vlan),
        .idle_s = is_learned ? LEARN_IDLE_S : 0,
        .flags = is_learned ? SEND_FLOW_REM : 0,
    };
    struct match m = { 0 };

    match_set(&m, FIELD_IN_PORT, port);
    match_set(&m, FIELD_ETH_SRC, mac);
    compiler_emit(c, &spec, &m);
}

void compiler_emit_spoof(struct compiler *c, net_mac mac, int network)
{
    struct flow_spec spec = {
        .table = TABLE_SOURCE,
        .goto_table = FLOW_NO_GOTO,
        .priority = PRIO_SPOOF,
        .cookie = flow_cookie(FLOW_KIND_SPOOF, c->doc->networks[network].vlan),
    };
    struct match m = { 0 };

    match_set(&m, FIELD_VLAN_VID, VID_PRESENT | c->doc->networks[network].vlan);
    match_set(&m, FIELD_ETH_SRC, mac);
    compiler_emit(c, &spec, &m);
}

/* The port of this switch that a link ends at, 0: none that is there. */
uint32_t compiler_link_port(const struct compiler *c, int link)
{
    const struct net_end *end = c->doc->links[link].end;
    const struct port_entry *e = compiler_port(c, &end[end[0].sw == c->sw ? 0 : 1].port);

    return e ? e->port->number : 0;
}

/* Table 2, the way to a host.  `port`: on its own switch. */
void compiler_emit_host(struct compiler *c, net_mac mac, int network, int sw, uint32_t port)
{
    uint16_t vlan = c->doc->networks[network].vlan;
    int link = sw == c->sw ? GRAPH_NONE : c->next[(size_t)sw * c->doc->n_switches + (size_t)c->sw];
    struct flow_act acts[2];
    struct flow_spec spec = {
        .table = TABLE_FORWARD,
        .goto_table = FLOW_NO_GOTO,
        .priority = PRIO_HOST,
        .cookie = flow_cookie(FLOW_KIND_HOST, vlan),
        .acts = acts,
    };
    struct match m = { 0 };

    if (sw == c->sw)
        acts[spec.n_acts++] = (struct flow_act){ .type = FLOW_ACT_POP_VLAN };
    else if (link != GRAPH_NONE)
        port = compiler_link_port(c, link);
    else
        return; /* out of reach: like an unknown one */
    if (!port)
        return;
    acts[spec.n_acts++] = (struct flow_act){ .type = FLOW_ACT_OUTPUT, .port = port };
    match_set(&m, FIELD_VLAN_VID, VID_PRESENT | vlan);
    match_set(&m, FIELD_ETH_DST, mac);
    compiler_emit(c, &spec, &m);
}

/* Table 2: links of the tree first, while the tag is on, then the hosts' ports. */
static void emit_flood(struct compiler *c, int network)
{
    uint16_t vlan = c->doc->networks[network].vlan;
    const bool *tree = c->tree + (size_t)network * c->doc->n_links;
    struct flow_spec spec = {
        .table = TABLE_FORWARD,
        .goto_table = FLOW_NO_GOTO,
        .priority = PRIO_FLOOD,
        .cookie = flow_cookie(FLOW_KIND_FLOOD, vlan),
        .acts = c->acts,
    };
    struct match m = { 0 };
    bool is_popped = false;

    for (size_t i = 0; i < c->n_ports; i++)
        if (c->ports[i].role == ROLE_LINK && tree[c->ports[i].of])
            c->acts[spec.n_acts++] = (struct flow_act){ .type = FLOW_ACT_OUTPUT, .port = c->ports[i].number };
    for (size_t i = 0; i < c->n_ports; i++) {
        if (c->ports[i].role != ROLE_ACCESS || c->ports[i].of != network)
            continue;
        if (!is_popped)
            c->acts[spec.n_acts++] = (struct flow_act){ .type = FLOW_ACT_POP_VLAN };
        is_popped = true;
        c->acts[spec.n_acts++] = (struct flow_act){ .type = FLOW_ACT_OUTPUT, .port = c->ports[i].number };
    }
    if (!spec.n_acts)
        return;
    match_set_masked(&m, FIELD_METADATA, value_of(0), value_of(METADATA_OFF_TREE));
    match_set(&m, FIELD_VLAN_VID, VID_PRESENT | vlan);
    compiler_emit(c, &spec, &m);
}

static bool port_is_access(const struct compiler *c, uint32_t number, int network)
{
    const struct role_port *p = role_of(c, number);

    return p && p->role == ROLE_ACCESS && p->of == network;
}

/* A learned host that the document has, or whose port is not its network's any more, is left out. */
static void emit_hosts(struct compiler *c)
{
    for (size_t i = 0; i < c->view->n_hosts; i++) {
        const struct view_host *h = &c->view->hosts[i];

        if (!c->is_undeclared[i] || (h->sw == c->sw && !port_is_access(c, h->port, h->network)))
            continue;
        if (h->sw == c->sw)
            emit_source(c, h->mac, h->network, h->port, true);
        compiler_emit_host(c, h->mac, h->network, h->sw, h->port);
    }
    for (size_t i = 0; i < c->doc->n_hosts; i++) {
        const struct net_host *h = &c->doc->hosts[i];
        const struct port_entry *e = h->at.sw == c->sw ? compiler_port(c, &h->at.port) : NULL;
        uint32_t port = e ? e->port->number : 0;

        if (!h->mac)
            continue;
        compiler_emit_spoof(c, h->mac, h->network);
        if (port)
            emit_source(c, h->mac, h->network, port, false);
        compiler_emit_host(c, h->mac, h->network, h->at.sw, port);
    }
}

/* Frames that the controller makes come with the tag of their network. */
static void emit_inject(struct compiler *c)
{
    for (size_t n = 0; n < c->doc->n_networks; n++) {
        struct draft d = draft_new(TABLE_INGRESS, PRIO_INGRESS, FLOW_KIND_INJECT, c->doc->networks[n].vlan);

        if (!compiler_is_routed(c, (int)n))
            continue;
        match_set(&d.m, FIELD_IN_PORT, PORT_CONTROLLER);
        draft_match_vlan(&d, c->doc->networks[n].vlan);
        d.spec.goto_table = TABLE_FORWARD;
        draft_emit(c, &d);
    }
}

static int compile_switch(struct compiler *c)
{
    int err = roles_find(c);

    if (err)
        return err;
    emit_guards(c);
    emit_inject(c);
    for (size_t i = 0; i < c->n_ports; i++) {
        if (c->ports[i].role == ROLE_LINK) {
            emit_link(c, &c->ports[i]);
            continue;
        }
        emit_access(c, &c->ports[i]);
        emit_learn(c, &c->ports[i]);
    }
    emit_hosts(c);
    for (size_t n = 0; n < c->doc->n_networks; n++)
        emit_flood(c, (int)n);
    compile_guards(c);
    compile_routers(c);
    compile_policies(c);
    return c->err;
}

/* --- the whole --- */
static int routes_find(struct compiler *c)
{
    struct graph g = { .n_nodes = (int)c->doc->n_switches, .n_edges = (int)c->doc->n_links };
    struct graph_edge *edges;
    int err = edges_make(c->doc, c->view, &edges);

    if (err)
        return err;
    g.edges = edges;
    for (int to = 0; to < g.n_nodes && !err; to++)
        err = graph_routes(&g, to, c->next + (size_t)to * c->doc->n_switches);
    free(edges);
    return err;
}

static int plan_init(struct plan *p, const struct net_doc *doc, const bool *tree)
{
    size_t n_tree = doc->n_networks * doc->n_links;

    *p = (struct plan){ .n_switches = doc->n_switches, .n_networks = doc->n_networks, .n_links = doc->n_links };
    p->flows = calloc(doc->n_switches, sizeof *p->flows);
    p->tree = calloc(n_tree + 1, sizeof *p->tree);
    if (!p->flows || !p->tree)
        return -ENOMEM;
    if (n_tree)
        memcpy(p->tree, tree, n_tree * sizeof *tree);
    return 0;
}

static void compiler_fini(struct compiler *c)
{
    free(c->next);
    free(c->ports);
    free(c->acts);
    free(c->network_is_used);
    free(c->is_undeclared);
    free(c->by_mac);
    ports_forget(c);
}

static void undeclared_find(struct compiler *c)
{
    for (size_t i = 0; i < c->view->n_hosts; i++) {
        const struct view_host *h = &c->view->hosts[i];

        c->is_undeclared[i] = net_doc_host_by_mac(c->doc, h->network, h->mac) == NET_NONE;
    }
}

static int order_of(const struct view_neighbor *n, int network, net_mac mac)
{
    if (n->network != network)
        return n->network < network ? -1 : 1;
    return n->mac < mac ? -1 : n->mac > mac;
}

static int by_mac_compare(const void *a, const void *b)
{
    const struct view_neighbor *y = *(const struct view_neighbor *const *)b;

    return order_of(*(const struct view_neighbor *const *)a, y->network, y->mac);
}

static void neighbors_sort(struct compiler *c)
{
    for (size_t i = 0; i < c->view->n_neighbors; i++)
        c->by_mac[i] = &c->view->neighbors[i];
    qsort(c->by_mac, c->view->n_neighbors, sizeof *c->by_mac, by_mac_compare);
}

size_t compiler_neighbors(const struct compiler *c, int network, net_mac mac)
{
    size_t lo = 0, hi = c->view->n_neighbors;

    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;

        if (order_of(c->by_mac[middle], network, mac) < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

static int compiler_init(struct compiler *c)
{
    const struct net_doc *doc = c->doc;
    size_t n_ports = 2 * doc->n_links + doc->n_hosts + 2;

    for (size_t i = 0; i < doc->n_switches; i++)
        n_ports += doc->switches[i].n_ports;
    c->next = calloc(doc->n_switches * doc->n_switches, sizeof *c->next);
    c->ports = calloc(n_ports, sizeof *c->ports);
    c->acts = calloc(n_ports + 1, sizeof *c->acts);
    c->network_is_used = calloc(doc->n_networks, sizeof *c->network_is_used);
    c->is_undeclared = calloc(c->view->n_hosts + 1, sizeof *c->is_undeclared);
    c->by_mac = calloc(c->view->n_neighbors + 1, sizeof *c->by_mac);
    if (!c->next || !c->ports || !c->acts || !c->network_is_used || !c->is_undeclared || !c->by_mac)
        return -ENOMEM;
    undeclared_find(c);
    neighbors_sort(c);
    for (size_t i = 0; i < doc->n_hosts; i++)
        c->network_is_used[doc->hosts[i].network] = true;
    for (size_t i = 0; i < doc->n_switches; i++)
        for (size_t j = 0; j < doc->switches[i].n_ports; j++)
            c->network_is_used[doc->switches[i].ports[j].network] = true;
    return routes_find(c);
}

int compile(struct plan *out, const struct net_doc *doc, const struct view *v, const bool *tree)
{
    struct compiler c = { .doc = doc, .view = v, .tree = tree, .plan = out };
    int err = plan_init(out, doc, tree);

    if (!err)
        err = compiler_init(&c);
    for (size_t i = 0; i < doc->n_switches && !err; i++) {
        c.sw = (int)i;
        if (v->switches[i].has_ports)
            err = compile_switch(&c);
    }
    compiler_fini(&c);
    if (err)
        plan_fini(out);
    return err;
}

void plan_fini(struct plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_switches && p->flows; i++)
        flow_set_fini(&p->flows[i]);
    free(p->flows);
    free(p->tree);
    free(p->problems);
    *p = (struct plan){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* control_show.c - see control_show.h. */
#include "controller/control_show.h"

#include "base/str.h"
#include "controller/domain.h"
#include "controller/flow_wire.h"
#include "io/addr.h"
#include "openflow/flow_text.h"

#include <stdio.h>
#include <string.h>

static json_t *show_end(const struct net_doc *doc, const struct net_end *end)
{
    char port[NET_PORT_NAME];

    return json_sprintf("%s:%s", doc->switches[end->sw].name, net_port_text(&end->port, port));
}

static json_t *show_port(const struct domain *d, int sw, const struct view_port *p)
{
    struct link_end end = domain_find_end(d, sw, p->number);
    int network = domain_port_network(d, sw, p->number);
    json_t *o = json_pack("{s:I, s:s, s:b}", "number", (json_int_t)p->number, "name", p->name, "up", p->is_up);

    json_object_set_new(o, "role",
                        json_string(end.link != NET_NONE  ? "link"
                                    : network != NET_NONE ? "access"
                                                          : "none"));
    if (end.link == NET_NONE && network != NET_NONE)
        json_object_set_new(o, "network", json_string(d->doc->networks[network].name));
    return o;
}

static void show_session(json_t *o, const struct domain *d, int sw, const struct session *s)
{
    json_t *ports = json_array();
    struct session_counts n;
    char peer[ENDPOINT_TEXT_SIZE];
    size_t n_ports;
    const struct view_port *list = session_ports(s, &n_ports);

    session_counts(s, &n);
    for (size_t i = 0; i < n_ports; i++)
        json_array_append_new(ports, show_port(d, sw, &list[i]));
    json_object_set_new(o, "peer", json_string(session_peer(s, peer, sizeof peer)));
    json_object_set_new(o, "in_sync", json_boolean(session_is_in_sync(s)));
    json_object_set_new(o, "flows",
                        json_pack("{s:I, s:I, s:I, s:I}", "ours", (json_int_t)n.n_held, "others",
                                  (json_int_t)n.n_others, "conflicts", (json_int_t)n.n_conflicts, "refused",
                                  (json_int_t)n.n_refused));
    json_object_set_new(o, "changes", json_integer((json_int_t)n.n_changes));
    json_object_set_new(o, "batches", json_integer((json_int_t)n.n_batches));
    json_object_set_new(o, "packet_ins", json_integer((json_int_t)n.n_packet_ins));
    json_object_set_new(o, "ports", ports);
    if (n.last_refusal[0])
        json_object_set_new(o, "refusal", json_string(n.last_refusal));
}

static json_t *show_switch(const struct domain *d, int sw)
{
    const struct net_switch *s = &d->doc->switches[sw];
    const struct session *session = d->members[sw].session;
    bool is_ready = domain_is_connected(d, sw);
    json_t *o = json_pack("{s:s, s:I, s:s}", "name", s->name, "datapath_id", (json_int_t)s->datapath_id, "state",
                          is_ready                 ? "connected"
                          : session                ? "connecting"
                          : d->members[sw].is_live ? "absent"
                                                   : "lost");

    if (o && session)
        show_session(o, d, sw, session);
    return o;
}

static json_t *show_link(const struct domain *d, int link)
{
    const struct net_link *l = &d->doc->links[link];
    json_t *trees = json_array();
    json_t *o =
        json_pack("{s:[o,o], s:s, s:s}", "ends", show_end(d->doc, &l->end[0]), show_end(d->doc, &l->end[1]), "state",
                  link_state_name[d->links[link].state], "kind", l->kind == NET_LINK_VETH ? "veth" : "external");

    for (size_t n = 0; n < d->doc->n_networks; n++)
        if (d->has_tree && d->tree[n * d->doc->n_links + (size_t)link])
            json_array_append_new(trees, json_string(d->doc->networks[n].name));
    json_object_set_new(o, "floods", trees);
    return o;
}

static json_t *show_declared(const struct net_doc *doc, const struct net_host *h)
{
    json_t *addresses = json_array();
    char port[NET_PORT_NAME], mac[NET_MAC_TEXT], text[ADDR_TEXT_SIZE];
    json_t *o;

    for (size_t i = 0; i < h->n_addresses; i++)
        json_array_append_new(addresses, json_string(ip_prefix_format(&h->addresses[i], text, sizeof text)));
    o = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o}", "name", h->name, "network", doc->networks[h->network].name,
                  "switch", doc->switches[h->at.sw].name, "port", net_port_text(&h->at.port, port), "declared", 1,
                  "addresses", addresses);
    if (h->mac)
        json_object_set_new(o, "mac", json_string(net_mac_text(h->mac, mac)));
    return o;
}

static json_t *show_learned(const struct controller *c, const struct host *h)
{
    const struct net_doc *doc = c->domain->doc;
    int sw = net_doc_switch_by_id(doc, h->datapath_id), network = domain_network_of_vlan(c->domain, h->vlan);
    char mac[NET_MAC_TEXT];

    if (sw == NET_NONE || network == NET_NONE)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:o, s:b, s:I, s:I}", "mac", net_mac_text(h->mac, mac), "network",
                     doc->networks[network].name, "switch", doc->switches[sw].name, "port",
                     json_sprintf("%u", (unsigned)h->port), "declared", 0, "moves", (json_int_t)h->n_moves, "age_s",
                     (json_int_t)((clock_now(c->clock) - h->since_ns) / NSEC_PER_S));
}

/* A switch that is connected more than once, or two that say that they are the same. */
static void show_twins(json_t *list, const struct controller *c)
{
    const struct domain *d = c->domain;

    for_each_list (struct session_item, item, &c->sessions, link) {
        int sw = net_doc_switch_by_id(d->doc, session_datapath_id(item->session));
        char peer[ENDPOINT_TEXT_SIZE];

        if (sw != NET_NONE && d->members[sw].session != item->session)
            json_array_append_new(
                list, json_sprintf("switch %s is connected more than once; the connection from %s waits",
                                   d->doc->switches[sw].name, session_peer(item->session, peer, sizeof peer)));
    }
}

static json_t *show_problems(const struct controller *c)
{
    const struct domain *d = c->domain;
    json_t *list = json_array();

    for (size_t i = 0; d->has_plan && i < d->plan.n_problems; i++)
        json_array_append_new(list, json_string(d->plan.problems[i].text));
    for (size_t i = 0; i < d->doc->n_links; i++) {
        for (int j = 0; j < 2; j++) {
            const struct stray *s = &d->strays[i][j];
            json_t *end;

            if (s->sw == NET_NONE || clock_now(c->clock) - s->seen_ns > (uint64_t)LINK_TIMEOUT_MS * NSEC_PER_MS)
                continue;
            end = show_end(d->doc, &d->doc->links[i].end[j]);
            json_array_append_new(
                list, json_sprintf("%s is wired to port %u of switch %s, not as the document says (line %u)",
                                   json_string_value(end), (unsigned)s->port, d->doc->switches[s->sw].name,
                                   d->doc->links[i].line));
            json_decref(end);
        }
    }
    show_twins(list, c);
    return list;
}

/* Switches that are connected and in no document. */
static json_t *show_strangers(const struct controller *c)
{
    json_t *list = json_array();

    for_each_list (struct session_item, item, &c->sessions, link) {
        char peer[ENDPOINT_TEXT_SIZE];
        uint64_t id = session_datapath_id(item->session);

        if (id && net_doc_switch_by_id(c->domain->doc, id) == NET_NONE)
            json_array_append_new(list, json_pack("{s:I, s:s}", "datapath_id", (json_int_t)id, "peer",
                                                  session_peer(item->session, peer, sizeof peer)));
    }
    return list;
}

/* MAC addresses that are known for addresses which the document gives to nobody, and for how long more by a lease. */
static json_t *show_neighbor(const struct controller *c, const struct neighbor *n)
{
    int network = domain_network_of_vlan(c->domain, n->vlan);
    char address[ADDR_TEXT_SIZE], mac[NET_MAC_TEXT];
    json_t *o;

    if (!n->mac || network == NET_NONE)
        return NULL;
    o = json_pack("{s:s, s:s, s:s}", "address", ip_format(&n->ip, address, sizeof address), "mac",
                  net_mac_text(n->mac, mac), "network", c->domain->doc->networks[network].name);
    for_each_lease(l, &c->services.dhcp) if (l->vlan == n->vlan && n->ip.family == 4 &&
                                             be32_load(n->ip.bytes) == l->address && l->state == DHCP_BOUND)
    {
        json_object_set_new(o, "lease_s", json_integer((json_int_t)((l->end_ns - clock_now(c->clock)) / NSEC_PER_S)));
        json_object_set_new(o, "name", json_string(l->name));
    }
    if (n->ip.family == 6) {
        const struct dhcp6_lease *l = dhcp6_lease_at(&c->services.dhcp6, n->vlan, &n->ip);

        if (l && !l->is_declined)
            json_object_set_new(o, "lease_s",
                                json_integer((json_int_t)((l->end_ns - clock_now(c->clock)) / NSEC_PER_S)));
    }
    return o;
}

static json_t *show_router(const struct net_doc *doc, const struct net_router *r)
{
    json_t *legs = json_array();
    char text[ADDR_TEXT_SIZE], mac[NET_MAC_TEXT];

    for (size_t i = 0; i < r->n_legs; i++) {
        json_t *addresses = json_array();

        for (size_t j = 0; j < r->legs[i].n_addresses; j++)
            json_array_append_new(addresses,
                                  json_string(ip_prefix_format(&r->legs[i].addresses[j], text, sizeof text)));
        json_array_append_new(legs, json_pack("{s:s, s:b, s:o}", "network", doc->networks[r->legs[i].network].name,
                                              "outside", r->legs[i].is_outside, "addresses", addresses));
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "name", r->name, "mac", net_mac_text(r->mac, mac), "gateway",
                     r->gateway == NET_NONE ? "" : doc->switches[r->gateway].name, "networks", legs);
}

json_t *show_net(const struct controller *c)
{
    const struct domain *d = c->domain;
    json_t *networks = json_array(), *switches = json_array(), *links = json_array(), *hosts = json_array(),
           *routers = json_array(), *neighbors = json_array();

    for (size_t i = 0; i < d->doc->n_networks; i++)
        json_array_append_new(
            networks, json_pack("{s:s, s:i}", "name", d->doc->networks[i].name, "vlan", d->doc->networks[i].vlan));
    for (size_t i = 0; i < d->doc->n_switches; i++)
        json_array_append_new(switches, show_switch(d, (int)i));
    for (size_t i = 0; i < d->doc->n_links; i++)
        json_array_append_new(links, show_link(d, (int)i));
    for (size_t i = 0; i < d->doc->n_hosts; i++)
        json_array_append_new(hosts, show_declared(d->doc, &d->doc->hosts[i]));
    for_each_host(h, &c->hosts) json_array_append_new(hosts, show_learned(c, h));
    for (size_t i = 0; i < d->doc->n_routers; i++)
        json_array_append_new(routers, show_router(d->doc, &d->doc->routers[i]));
    for_each_neighbor(n, &c->services.neighbors) json_array_append_new(neighbors, show_neighbor(c, n));
    return json_pack("{s:s, s:s, s:b, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", d->doc->name, "file",
                     d->doc->file, "settled", controller_is_settled(c), "plans", (json_int_t)c->n_plans, "networks",
                     networks, "switches", switches, "links", links, "hosts", hosts, "routers", routers, "neighbors",
                     neighbors, "problems", show_problems(c), "strangers", show_strangers(c));
}

static json_t *show_change(const struct change *c)
{
    static const char *const verbs[] = { [CHANGE_ADD] = "add", [CHANGE_MODIFY] = "modify", [CHANGE_DELETE] = "delete" };
    struct ofp_msg m;
    struct arena a;
    struct str s = { 0 };
    json_t *o;

    arena_init(&a);
    if (!flow_to_mod(&m, &a, c))
        flow_text_print_mod(&s, &m.flow_mod, NULL);
    o = json_pack("{s:s, s:s, s:s}", "change", verbs[c->type], "kind",
                  flow_kind_name[flow_cookie_kind(c->flow->spec.cookie)], "flow", str_text(&s));
    str_fini(&s);
    arena_fini(&a);
    return o;
}

json_t *show_difference(const struct difference *d)
{
    json_t *switches = json_array();

    for (size_t i = 0; i < d->doc->n_switches; i++) {
        json_t *list = json_array();

        for (size_t j = 0; j < d->changes[i].n; j++)
            json_array_append_new(list, show_change(&d->changes[i].list[j]));
        json_array_append_new(switches, json_pack("{s:s, s:b, s:o}", "switch", d->doc->switches[i].name, "connected",
                                                  d->is_known[i], "changes", list));
    }
    return json_pack("{s:o}", "switches", switches);
}

json_t *show_missing(const struct controller *c)
{
    const struct domain *d = c->domain;
    json_t *list = json_array();

    for (size_t i = 0; i < d->doc->n_switches; i++) {
        if (!domain_is_connected(d, (int)i))
            json_array_append_new(list, json_sprintf("switch %s is not connected", d->doc->switches[i].name));
        else if (!session_is_in_sync(d->members[i].session))
            json_array_append_new(list,
                                  json_sprintf("switch %s does not hold its flows yet", d->doc->switches[i].name));
    }
    for (size_t i = 0; i < d->doc->n_links; i++) {
        json_t *a, *b;

        if (link_is_settled(&d->links[i], clock_now(c->clock)))
            continue;
        a = show_end(d->doc, &d->doc->links[i].end[0]);
        b = show_end(d->doc, &d->doc->links[i].end[1]);
        json_array_append_new(
            list, json_sprintf("link %s - %s has not been tried yet", json_string_value(a), json_string_value(b)));
        json_decref(a);
        json_decref(b);
    }
    return list;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* lab_blame.c - see lab_blame.h. */
#include "tools/lab_blame.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "io/rpc.h"
#include "tools/reply.h"

enum { ASK_MS = 3000, PROBE_MS = 5000 };

/* The answer of a daemon, NULL when there is none. */
static json_t *ask(const char *socket, const char *method, json_t *params)
{
    json_t *reply = NULL;

    if (rpc_call(socket, method, params ? params : json_object(), ASK_MS, &reply, NULL))
        return NULL;
    return reply;
}

json_t *lab_blame_counts(const struct lab *lab)
{
    json_t *all = json_array();

    for (size_t i = 0; i < lab->doc->n_switches; i++) {
        json_t *o = json_object(), *stats = ask(lab->switches[i].control, "stats", NULL);
        json_t *ports = ask(lab->switches[i].control, "port/stats", NULL);

        if (stats)
            json_object_set(o, "drops", json_object_get(stats, "drops"));
        if (ports)
            json_object_set(o, "ports", ports);
        json_decref(stats);
        json_decref(ports);
        json_array_append_new(all, o);
    }
    return all;
}

/* --- of a pair --- */

static uint64_t port_count(const json_t *counts, int sw, const char *port, const char *key)
{
    const json_t *list = json_object_get(json_array_get(counts, (size_t)sw), "ports"), *o;
    size_t i;

    json_array_foreach(list, i, o) if (!strcmp(reply_text(o, "name"), port)) return reply_number(o, key);
    return 0;
}

/* Frames that went in and out at a host's port since before. */
static void blame_port(struct lab_trial *t, struct lab_failure *f, const json_t *now, int host)
{
    const struct net_host *h = &t->lab->doc->hosts[host];
    char port[NET_PORT_NAME];

    lab_port_name(&h->at.port, port);
    lab_failure_hint(f, "port %s of %s, where %s is: %llu frames came in, %llu went out meanwhile", port,
                     t->lab->doc->switches[h->at.sw].name, h->name,
                     (unsigned long long)(port_count(now, h->at.sw, port, "rx_packets") -
                                          port_count(t->before, h->at.sw, port, "rx_packets")),
                     (unsigned long long)(port_count(now, h->at.sw, port, "tx_packets") -
                                          port_count(t->before, h->at.sw, port, "tx_packets")));
}

static const char *owner_of(const struct net_doc *doc, const char *mac)
{
    char text[NET_MAC_TEXT];

    for (size_t i = 0; i < doc->n_hosts; i++)
        if (!strcmp(net_mac_text(doc->hosts[i].mac, text), mac))
            return doc->hosts[i].name;
    return "no host of the document";
}

/* Has `from` found out the link address of `ip`, and is it the right one? */
static void blame_neighbour(struct lab_trial *t, struct lab_failure *f, int from, int to, const struct ip_addr *ip)
{
    const struct net_doc *doc = t->lab->doc;
    const char *how = ip->family == 4 ? "ARP" : "neighbour discovery";
    char text[ADDR_TEXT_SIZE], wanted[NET_MAC_TEXT];
    json_t *o = lab_trial_ask(
        t, from, json_pack("{s:s, s:s}", "do", "neighbour", "to", ip_format(ip, text, sizeof text)), PROBE_MS);
    const char *mac = reply_text(o, "mac");

    net_mac_text(doc->hosts[to].mac, wanted);
    if (!o || !*reply_text(o, "state"))
        lab_failure_hint(f, "%s cannot be asked for its neighbours", doc->hosts[from].name);
    else if (!*mac)
        lab_failure_hint(f, "%s has no answer to its %s for %s", doc->hosts[from].name, how, text);
    else if (doc->hosts[to].mac && strcmp(mac, wanted) != 0)
        lab_failure_hint(f, "%s takes %s to be at %s, which is %s", doc->hosts[from].name, text, mac,
                         owner_of(doc, mac));
    else
        lab_failure_hint(f, "%s has resolved %s by %s", doc->hosts[from].name, text, how);
    json_decref(o);
}

/* Does the switch of `from` hold a flow that names the link address of `to`? */
static void blame_flows(struct lab_trial *t, struct lab_failure *f, int from, int to)
{
    const struct net_doc *doc = t->lab->doc;
    const char *sw = doc->switches[doc->hosts[from].at.sw].name;
    char wanted[64], mac[NET_MAC_TEXT];
    json_t *o = ask(t->lab->controller, "net/flows", json_pack("{s:s}", "switch", sw));
    const json_t *list = json_object_get(json_array_get(json_object_get(o, "switches"), 0), "flows"), *flow;
    bool is_found = false;
    size_t i;

    snprintf(wanted, sizeof wanted, "dl_dst=%s", net_mac_text(doc->hosts[to].mac, mac));
    json_array_foreach(list, i, flow) is_found |= strstr(reply_text(flow, "flow"), wanted) != NULL;
    if (json_array_size(list) && !is_found && doc->hosts[to].mac)
        lab_failure_hint(f, "%s has no flow to %s (%s)", sw, doc->hosts[to].name, mac);
    json_decref(o);
}

void lab_blame_pair(struct lab_trial *t, struct lab_failure *f, int from, int to, const struct ip_addr *ip)
{
    const struct net_doc *doc = t->lab->doc;
    const struct net_host *a = &doc->hosts[from], *b = &doc->hosts[to];
    json_t *now = lab_blame_counts(t->lab);

    if (a->network != b->network && (doc->networks[a->network].router == NET_NONE ||
                                     doc->networks[a->network].router != doc->networks[b->network].router))
        lab_failure_hint(f, "%s is in network %s, %s in %s, and nothing connects these", a->name,
                         doc->networks[a->network].name, b->name, doc->networks[b->network].name);
    blame_neighbour(t, f, from, to, ip);
    blame_port(t, f, now, from);
    blame_port(t, f, now, to);
    if (doc->is_controlled)
        blame_flows(t, f, from, to);
    json_decref(now);
}

/* --- of the lab --- */

static void blame_drops(struct lab_trial *t, struct lab_failure *f, int sw, const json_t *now)
{
    const json_t *before = json_object_get(json_array_get(t->before, (size_t)sw), "drops"), *value;
    const char *key;

    json_object_foreach((json_t *)json_object_get(now, "drops"), key,
                        value) if ((uint64_t)json_integer_value(value) > reply_number(before, key))
        lab_failure_hint(f, "%s dropped %llu frames meanwhile: %s", t->lab->doc->switches[sw].name,
                         (unsigned long long)json_integer_value(value) - reply_number(before, key), key);
}

static void blame_switch(struct lab_trial *t, struct lab_failure *f, int sw, const json_t *now)
{
    const char *name = t->lab->doc->switches[sw].name;
    json_t *ports = ask(t->lab->switches[sw].control, "port/list", NULL);
    const json_t *o;
    size_t i;

    if (!ports)
        lab_failure_hint(f, "the daemon of switch %s does not answer", name);
    json_array_foreach(ports, i, o) if (strcmp(reply_text(o, "link"), "up") != 0)
        lab_failure_hint(f, "port %s of %s: its link is %s", reply_text(o, "name"), name, reply_text(o, "link"));
    json_decref(ports);
    blame_drops(t, f, sw, now);
}

static void blame_controller(struct lab_trial *t, struct lab_failure *f)
{
    json_t *net = ask(t->lab->controller, "net/show", NULL);
    const json_t *o;
    size_t i;

    if (!net)
        lab_failure_hint(f, "the controller does not answer");
    json_array_foreach(json_object_get(net, "switches"), i, o)
    {
        if (strcmp(reply_text(o, "state"), "connected") != 0)
            lab_failure_hint(f, "controller: switch %s is %s", reply_text(o, "name"), reply_text(o, "state"));
        else if (!json_is_true(json_object_get(o, "in_sync")))
            lab_failure_hint(f, "controller: switch %s does not hold its flows yet", reply_text(o, "name"));
        if (*reply_text(o, "refusal"))
            lab_failure_hint(f, "controller: switch %s refused: %s", reply_text(o, "name"), reply_text(o, "refusal"));
    }
    json_array_foreach(json_object_get(net, "links"), i, o)
    {
        const json_t *ends = json_object_get(o, "ends");

        if (strcmp(reply_text(o, "state"), "up") != 0)
            lab_failure_hint(f, "controller: link %s - %s is %s", json_string_value(json_array_get(ends, 0)),
                             json_string_value(json_array_get(ends, 1)), reply_text(o, "state"));
    }
    json_array_foreach(json_object_get(net, "problems"), i, o)
        lab_failure_hint(f, "controller: %s", json_string_value(o));
    json_decref(net);
}

void lab_blame_lab(struct lab_trial *t, struct lab_failure *f)
{
    json_t *now = lab_blame_counts(t->lab);

    for (size_t i = 0; i < t->lab->doc->n_switches; i++)
        blame_switch(t, f, (int)i, json_array_get(now, i));
    if (t->lab->doc->is_controlled)
        blame_controller(t, f);
    json_decref(now);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* net_doc.c - looks up the names of a network document and checks that everything fits together; see net_doc.h. */
#include "net/net_doc.h"

#include "base/hash.h"
#include "net/net_check.h"
#include "net/net_doc_expect.h"
#include "net/net_doc_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *net_need(struct net_check *c, size_t n, size_t size)
{
    void *p = arena_calloc(&c->doc->source.arena, n ? n : 1, size);

    if (!p)
        errbuf_set(c->e, -ENOMEM, "%s: not enough memory", c->doc->file);
    return p;
}

/* Notes that `who` uses the thing (a, b, text).  Gives who used it before, or NULL in `*before`. */
int net_use(struct net_check *c, struct net_using thing, const void **before)
{
    uint64_t words[2] = { thing.a, thing.b };
    uint32_t hash = hash_words(words, 2, thing.text ? hash_bytes(thing.text, strlen(thing.text), 7) : 3);
    struct net_using *u;

    *before = NULL;
    for_each_hmap_hash (struct net_using, old, &c->uses, hash, link) {
        if (old->a != thing.a || old->b != thing.b || !old->text != !thing.text ||
            (thing.text && strcmp(old->text, thing.text) != 0))
            continue;
        *before = old->who;
        return 0;
    }
    u = net_need(c, 1, sizeof *u);
    if (!u)
        return -ENOMEM;
    *u = thing;
    hmap_insert(&c->uses, &u->link, hash);
    return 0;
}

/* --- the index --- */
enum index_kind { INDEX_NETWORK = 1, INDEX_SWITCH, INDEX_HOST, INDEX_MAC, INDEX_ADDRESS };
struct index_entry {
    struct hmap_link link;
    enum index_kind kind;
    int at; /* of networks, switches, hosts */
};

static uint32_t name_hash(enum index_kind kind, const char *name)
{
    return hash_bytes(name, strlen(name), kind);
}

static uint32_t mac_hash(int network, net_mac mac)
{
    return hash_words(&mac, 1, (uint32_t)network * 8 + INDEX_MAC);
}

static uint32_t address_hash(int network, const struct ip_addr *ip)
{
    return hash_bytes(ip->bytes, ip->family == 4 ? 4 : 16, (uint32_t)network * 8 + INDEX_ADDRESS);
}

static int index_add(struct net_check *c, enum index_kind kind, size_t at, uint32_t hash)
{
    struct index_entry *e = net_need(c, 1, sizeof *e);

    if (!e)
        return -ENOMEM;
    *e = (struct index_entry){ .kind = kind, .at = (int)at };
    hmap_insert(&c->doc->index, &e->link, hash);
    return 0;
}

static int index_host(struct net_check *c, size_t at)
{
    const struct net_host *h = &c->doc->hosts[at];
    int err = index_add(c, INDEX_HOST, at, name_hash(INDEX_HOST, h->name));

    if (!err && h->mac)
        err = index_add(c, INDEX_MAC, at, mac_hash(h->network, h->mac));
    for (size_t i = 0; i < h->n_addresses && !err; i++)
        err = index_add(c, INDEX_ADDRESS, at, address_hash(h->network, &h->addresses[i]));
    return err;
}

/* --- networks --- */
static int network_make(struct net_check *c, struct net_network *out, const struct raw_network *raw)
{
    const struct ip_addr *subnets = raw->subnets.items;
    const void *other;
    int err = net_use(c, (struct net_using){ .a = net_thing(NET_THING_VLAN, raw->vlan), .who = raw->name }, &other);
    char x[ADDR_TEXT_SIZE], y[ADDR_TEXT_SIZE];

    if (err)
        return err;
    if (other)
        return doc_error(raw->node, c->e, "network %s has VLAN %u, which network %s has already", raw->name, raw->vlan,
                         (const char *)other);
    for (size_t i = 0; i < raw->subnets.n; i++)
        for (size_t j = 0; j < i; j++)
            if (ip_is_in(&subnets[i], &subnets[j]) || ip_is_in(&subnets[j], &subnets[i]))
                return doc_error(raw->node, c->e, "network %s: the subnets %s and %s overlap", raw->name,
                                 ip_prefix_format(&subnets[j], x, sizeof x),
                                 ip_prefix_format(&subnets[i], y, sizeof y));
    *out = (struct net_network){
        .name = raw->name,
        .line = raw->node->line,
        .vlan = raw->vlan,
        .n_subnets = raw->subnets.n,
        .subnets = subnets,
        .mtu = raw->mtu,
        .has_guard = raw->has_guard,
        .router = NET_NONE,
    };
    return 0;
}

static int networks_make(struct net_check *c, const struct doc_array *raw)
{
    struct net_network *networks = net_need(c, raw->n, sizeof *networks);
    const struct raw_network *r = raw->items;
    int err = networks ? 0 : -ENOMEM;

    for (size_t i = 0; i < raw->n && !err; i++)
        err = network_make(c, &networks[i], &r[i]);
    c->doc->networks = networks;
    c->doc->n_networks = raw->n;
    for (size_t i = 0; i < raw->n && !err; i++)
        err = index_add(c, INDEX_NETWORK, i, name_hash(INDEX_NETWORK, networks[i].name));
    return err;
}

/* --- who uses which port --- */
struct port_user {
    const char *what; /* "host", "link", "the ports of the switch" */
    const char *name;
    unsigned line;
    const struct net_access_port *access; /* of the switch's `ports`, or NULL */
    struct net_port_ref port;             /* set by port_use */
};

/* Notes the use; `*before` is who has it already, NULL: nobody. */
static int port_use(struct net_check *c, const struct net_end *end, const struct port_user *user,
                    const struct port_user **before)
{
    const void *other;
    struct port_user *copy = net_need(c, 1, sizeof *copy);
    int err;

    if (!copy)
        return -ENOMEM;
    *copy = *user;
    copy->port = end->port;
    err = net_use(c,
                  (struct net_using){ .a = net_thing(NET_THING_PORT, (uint64_t)end->sw),
                                      .b = copy->port.number,
                                      .text = copy->port.name,
                                      .who = copy },
                  &other);
    *before = other;
    return err;
}

/* --- switches --- */
static int ports_make(struct net_check *c, int sw, struct net_switch *out, const struct raw_switch *raw)
{
    const struct raw_port *r = raw->ports.items;
    struct net_access_port *ports = net_need(c, raw->ports.n, sizeof *ports);
    char text[NET_PORT_NAME];

    if (!ports)
        return -ENOMEM;
    out->ports = ports;
    out->n_ports = raw->ports.n;
    for (size_t i = 0; i < raw->ports.n; i++) {
        const struct port_user *before;
        struct net_end end = { sw, r[i].port };
        int network = net_doc_network(c->doc, r[i].network.text), err;

        if (network == NET_NONE)
            return doc_error(r[i].network.node, c->e, "port %s of switch %s: there is no network '%.64s'",
                             net_port_text(&r[i].port, text), raw->name, r[i].network.text);
        ports[i] = (struct net_access_port){ r[i].port, r[i].node->line, network, r[i].is_shared };
        err = port_use(c, &end, &(struct port_user){ "the ports of", raw->name, r[i].node->line, &ports[i] }, &before);
        if (err)
            return err;
        if (before)
            return doc_error(r[i].node, c->e, "port %s of switch %s is there twice", net_port_text(&r[i].port, text),
                             raw->name);
    }
    return 0;
}

static int switches_make(struct net_check *c, const struct doc_array *raw)
{
    struct net_switch *switches = net_need(c, raw->n, sizeof *switches);
    const struct raw_switch *r = raw->items;

    if (!switches)
        return -ENOMEM;
    c->doc->switches = switches;
    c->doc->n_switches = raw->n;
    for (size_t i = 0; i < raw->n; i++) {
        const void *other;
        int err = net_use(
            c, (struct net_using){ .a = net_thing(NET_THING_DATAPATH, 0), .b = r[i].datapath_id, .who = r[i].name },
            &other);

        if (err)
            return err;
        if (other)
            return doc_error(r[i].node, c->e, "switch %s has datapath id %#jx, which switch %s has already", r[i].name,
                             (uintmax_t)r[i].datapath_id, (const char *)other);
        switches[i] = (struct net_switch){
            .name = r[i].name,
            .line = r[i].node->line,
            .datapath_id = r[i].datapath_id,
            .fail_mode = (enum net_fail_mode)r[i].fail_mode,
        };
        err = ports_make(c, (int)i, &switches[i], &r[i]);
        if (!err)
            err = index_add(c, INDEX_SWITCH, i, name_hash(INDEX_SWITCH, r[i].name));
        if (err)
            return err;
    }
    return 0;
}

/* --- links --- */
static int end_make(struct net_check *c, struct net_end *out, const struct raw_end *raw)
{
    const struct port_user *before;
    char text[NET_PORT_NAME];
    int err;

    *out = (struct net_end){ net_doc_switch(c->doc, raw->sw), raw->port };
    if (out->sw == NET_NONE)
        return doc_error(raw->node, c->e, "link: there is no switch '%.64s'", raw->sw);
    err = port_use(c, out, &(struct port_user){ "a link", "", raw->node->line, NULL }, &before);
    if (!err && before)
        err = doc_error(raw->node, c->e, "link: port %s of switch %s is used already by %s%s%s (line %u)",
                        net_port_text(&raw->port, text), raw->sw, before->what, *before->name ? " " : "", before->name,
                        before->line);
    return err;
}

static int links_make(struct net_check *c, const struct doc_array *raw)
{
    struct net_link *links = net_need(c, raw->n, sizeof *links);
    const struct raw_link *r = raw->items;

    if (!links)
        return -ENOMEM;
    c->doc->links = links;
    c->doc->n_links = raw->n;
    for (size_t i = 0; i < raw->n; i++) {
        const struct raw_end *ends = r[i].ends.items;
        int err = end_make(c, &links[i].end[0], &ends[0]);

        links[i].line = r[i].node->line;
        links[i].kind = (enum net_link_kind)r[i].kind;
        if (!err)
            err = end_make(c, &links[i].end[1], &ends[1]);
        if (err)
            return err;
        if (links[i].end[0].sw == links[i].end[1].sw)
            return doc_error(r[i].node, c->e, "link: both ends are on switch %s", ends[0].sw);
    }
    return 0;
}

/* --- hosts --- */
const struct ip_addr *net_subnet_of(const struct net_network *n, const struct ip_addr *ip)
{
    for (size_t i = 0; i < n->n_subnets; i++)
        if (ip_is_in(ip, &n->subnets[i]))
            return &n->subnets[i];
    return NULL;
}

/* Whether every bit behind the prefix has this value. */
bool net_host_bits_are(const struct ip_addr *ip, unsigned want)
{
    for (unsigned i = ip->prefix_len; i < (ip->family == 4 ? 32 : 128); i++)
        if ((ip->bytes[i / 8] >> (7 - i % 8) & 1u) != want)
            return false;
    return true;
}

bool net_is_for_no_host(const struct ip_addr *ip)
{
    return ip->prefix_len + 2u <= (ip->family == 4 ? 32u : 128u) &&
           (net_host_bits_are(ip, 0) || (ip->family == 4 && net_host_bits_are(ip, 1)));
}

static int address_make(struct net_check *c, const struct raw_host *raw, const struct net_network *n,
                        const struct raw_address *a, struct ip_addr *out)
{
    const struct ip_addr *subnet = net_subnet_of(n, &a->ip);
    char text[ADDR_TEXT_SIZE], other[ADDR_TEXT_SIZE];

    *out = a->ip;
    ip_format(&a->ip, text, sizeof text);
    if (n->n_subnets && !subnet)
        return doc_error(a->node, c->e, "host %s: the address %s is outside of the subnet of network %s", raw->name,
                         text, n->name);
    if (!subnet && !a->has_prefix)
        return doc_error(a->node, c->e,
                         "host %s: the address %s needs a prefix length (\"/24\"), because network %s has no subnet",
                         raw->name, text, n->name);
    if (subnet && a->has_prefix && a->ip.prefix_len != subnet->prefix_len)
        return doc_error(a->node, c->e, "host %s: the address %s/%u does not have the prefix length of the subnet %s",
                         raw->name, text, a->ip.prefix_len, ip_prefix_format(subnet, other, sizeof other));
    if (subnet)
        out->prefix_len = subnet->prefix_len;
    if (net_is_for_no_host(out))
        return doc_error(a->node, c->e, "host %s: the address %s is that of the subnet itself or its broadcast address",
                         raw->name, text);
    return 0;
}

static int addresses_make(struct net_check *c, struct net_host *out, const struct raw_host *raw)
{
    const struct net_network *n = &c->doc->networks[out->network];
    const struct raw_address *r = raw->addresses.items;
    struct ip_addr *list = net_need(c, raw->addresses.n, sizeof *list);

    if (!list)
        return -ENOMEM;
    out->addresses = list;
    out->n_addresses = raw->addresses.n;
    for (size_t i = 0; i < raw->addresses.n; i++) {
        char *text = net_need(c, 1, ADDR_TEXT_SIZE);
        const void *other;
        int err = text ? address_make(c, raw, n, &r[i], &list[i]) : -ENOMEM;

        if (!err)
            err = net_use(c,
                          (struct net_using){ .a = net_thing(NET_THING_ADDRESS, (uint64_t)out->network),
                                              .text = ip_format(&list[i], text, ADDR_TEXT_SIZE),
                                              .who = out },
                          &other);
        if (err)
            return err;
        if (other)
            return doc_error(r[i].node, c->e, "host %s has address %s, which host %s has already", raw->name, text,
                             ((const struct net_host *)other)->name);
    }
    return 0;
}

/* A locally administered address that depends on nothing but the name (the hash is FNV-1a). */
net_mac net_mac_of_name(const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    return UINT64_C(0x02) << 40 | (hash_mix(h) & UINT64_C(0xffffffffff));
}

static int host_mac_make(struct net_check *c, struct net_host *out, const struct raw_host *raw)
{
    const void *other;
    char text[NET_MAC_TEXT];
    int err;

    out->mac = net_mac_of(raw->mac);
    if (!out->mac && out->kind != NET_HOST_EXTERNAL)
        out->mac = net_mac_of_name(raw->name);
    if (!out->mac)
        return 0;
    err = net_use(c, (struct net_using){ .a = net_thing(NET_THING_MAC, 0), .b = out->mac, .who = out }, &other);
    if (!err && other)
        err = doc_error(raw->node, c->e, "host %s has MAC address %s, which host %s has already", raw->name,
                        net_mac_text(out->mac, text), ((const struct net_host *)other)->name);
    return err;
}

static int host_port_make(struct net_check *c, struct net_host *out, const struct raw_host *raw)
{
    const struct doc_node *node = raw->port_node ? raw->port_node : raw->node;
    const struct port_user *before;
    char text[NET_PORT_NAME];
    int err;

    out->at.port = raw->port;
    if (!raw->port_node) {
        if (strlen(raw->name) >= NET_PORT_NAME || !raw->name[strspn(raw->name, "0123456789")])
            return doc_error(node, c->e, "host %s: the key 'port' is missing, and the host's name cannot be a port's",
                             raw->name);
        memcpy(out->at.port.name, raw->name, strlen(raw->name) + 1);
    }
    err = port_use(c, &out->at, &(struct port_user){ "host", raw->name, node->line, NULL }, &before);
    if (err || !before)
        return err;
    net_port_text(&out->at.port, text);
    if (!before->access)
        return doc_error(node, c->e, "host %s: port %s of switch %s is used already by %s%s%s (line %u)", raw->name,
                         text, raw->sw.text, before->what, *before->name ? " " : "", before->name, before->line);
    if (before->access->network != out->network)
        return doc_error(
            node, c->e, "host %s is of network %s, but port %s of switch %s is declared (line %u) as one of network %s",
            raw->name, raw->network.text, text, raw->sw.text, before->line,
            c->doc->networks[before->access->network].name);
    if (before->access->is_shared)
        return 0;
    /* A port that is declared and not shared takes one host: the first comer uses it by a second thing. */
    err = net_use(c,
                  (struct net_using){ .a = net_thing(NET_THING_PORT, UINT64_C(1) << 40 | (uint64_t)out->at.sw),
                                      .b = out->at.port.number,
                                      .text = out->at.port.name,
                                      .who = out },
                  (const void **)&before);
    if (!err && before)
        err =
            doc_error(node, c->e,
                      "host %s: port %s of switch %s is used already by host %s; a port for several has `shared: true`",
                      raw->name, text, raw->sw.text, ((const struct net_host *)(const void *)before)->name);
    return err;
}

static int host_make(struct net_check *c, struct net_host *out, const struct raw_host *raw)
{
    int err;

    *out = (struct net_host){
        .name = raw->name,
        .line = raw->node->line,
        .kind = (enum net_host_kind)raw->kind,
        .network = net_doc_network(c->doc, raw->network.text),
        .at.sw = net_doc_switch(c->doc, raw->sw.text),
        .has_dhcp = raw->has_dhcp,
        .attach = raw->attach != NET_NONE       ? (enum net_attach)raw->attach
                  : raw->kind == NET_HOST_NETNS ? NET_ATTACH_TAP
                                                : NET_ATTACH_NETDEV,
    };
    if (!strcmp(raw->name, "all"))
        return doc_error(raw->node, c->e, "a host cannot be called 'all', which means every host in `expect`");
    if (out->network == NET_NONE)
        return doc_error(raw->network.node, c->e, "host %s: there is no network '%.64s'", raw->name, raw->network.text);
    if (out->at.sw == NET_NONE)
        return doc_error(raw->sw.node, c->e, "host %s: there is no switch '%.64s'", raw->name, raw->sw.text);
    if (raw->attach == NET_ATTACH_TAP && raw->kind != NET_HOST_NETNS)
        return doc_error(raw->node, c->e, "host %s: attach: tap is for hosts of kind netns", raw->name);
    err = host_port_make(c, out, raw);
    if (!err)
        err = addresses_make(c, out, raw);
    if (!err)
        err = host_mac_make(c, out, raw);
    return err;
}

static int hosts_make(struct net_check *c, const struct doc_array *raw)
{
    struct net_host *hosts = net_need(c, raw->n, sizeof *hosts);
    const struct raw_host *r = raw->items;
    int err = hosts ? 0 : -ENOMEM;

    c->doc->hosts = hosts;
    c->doc->n_hosts = raw->n;
    for (size_t i = 0; i < raw->n && !err; i++) {
        err = host_make(c, &hosts[i], &r[i]);
        if (!err)
            err = index_host(c, i);
    }
    return err;
}

/* --- the whole --- */
/* The file's name without directory and ".yaml". */
static const char *name_of_file(struct net_check *c)
{
    const char *slash = strrchr(c->doc->file, '/'), *base = slash ? slash + 1 : c->doc->file, *dot = strrchr(base, '.');
    size_t len =
        dot && dot != base && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml")) ? (size_t)(dot - base) : strlen(base);

    return arena_dup(&c->doc->source.arena, base, len);
}

static int make(struct net_check *c, const struct raw_doc *raw)
{
    struct net_doc *doc = c->doc;
    int err;

    doc->name = raw->name ? raw->name : name_of_file(c);
    doc->description = raw->description ? raw->description : "";
    doc->is_controlled = raw->controller == 0;
    if (!doc->name)
        return errbuf_set(c->e, -ENOMEM, "%s: not enough memory", doc->file);
    err = networks_make(c, &raw->networks);
    if (!err)
        err = switches_make(c, &raw->switches);
    if (!err)
        err = links_make(c, &raw->links);
    if (!err)
        err = hosts_make(c, &raw->hosts);
    if (!err)
        err = net_routers_make(c, raw);
    if (!err)
        err = net_doc_expect(doc, &raw->expects, c->e);
    return err;
}

/* Takes `doc`, whose source has been read. */
static int finish(struct net_doc **out, struct net_doc *doc, struct errbuf *e)
{
    struct net_check c = { .doc = doc, .e = e };
    struct raw_doc raw = { 0 };
    int err;

    doc->file = doc->source.name;
    err = doc->source.root ? net_doc_read(&doc->source, &raw, e)
                           : errbuf_set(e, -EINVAL, "%s: the document is empty", doc->file);
    if (!err)
        err = make(&c, &raw);
    hmap_fini(&c.uses);
    if (err) {
        net_doc_free(doc);
        return err;
    }
    *out = doc;
    return 0;
}

int net_doc_load(struct net_doc **out, const char *path, struct errbuf *e)
{
    struct net_doc *doc = calloc(1, sizeof *doc);
    int err;

    if (!doc)
        return errbuf_set(e, -ENOMEM, "%s: not enough memory", path);
    err = doc_open(&doc->source, path, e);
    if (err) {
        free(doc);
        return err;
    }
    return finish(out, doc, e);
}

int net_doc_parse(struct net_doc **out, const char *file, const char *text, size_t len, struct errbuf *e)
{
    struct net_doc *doc = calloc(1, sizeof *doc);
    int err;

    if (!doc)
        return errbuf_set(e, -ENOMEM, "%s: not enough memory", file);
    err = doc_parse(&doc->source, file, text, len, e);
    if (err) {
        free(doc);
        return err;
    }
    return finish(out, doc, e);
}

void net_doc_free(struct net_doc *doc)
{
    if (!doc)
        return;
    hmap_fini(&doc->index);
    doc_fini(&doc->source);
    free(doc);
}

int net_doc_network(const struct net_doc *doc, const char *name)
{
    for_each_hmap_hash (struct index_entry, e, &doc->index, name_hash(INDEX_NETWORK, name), link)
        if (e->kind == INDEX_NETWORK && !strcmp(doc->networks[e->at].name, name))
            return e->at;
    return NET_NONE;
}

int net_doc_switch(const struct net_doc *doc, const char *name)
{
    for_each_hmap_hash (struct index_entry, e, &doc->index, name_hash(INDEX_SWITCH, name), link)
        if (e->kind == INDEX_SWITCH && !strcmp(doc->switches[e->at].name, name))
            return e->at;
    return NET_NONE;
}

int net_doc_host(const struct net_doc *doc, const char *name)
{
    for_each_hmap_hash (struct index_entry, e, &doc->index, name_hash(INDEX_HOST, name), link)
        if (e->kind == INDEX_HOST && !strcmp(doc->hosts[e->at].name, name))
            return e->at;
    return NET_NONE;
}

int net_doc_host_by_mac(const struct net_doc *doc, int network, net_mac mac)
{
    for_each_hmap_hash (struct index_entry, e, &doc->index, mac_hash(network, mac), link)
        if (e->kind == INDEX_MAC && doc->hosts[e->at].mac == mac && doc->hosts[e->at].network == network)
            return e->at;
    return NET_NONE;
}

int net_doc_host_by_address(const struct net_doc *doc, int network, const struct ip_addr *ip)
{
    for_each_hmap_hash (struct index_entry, e, &doc->index, address_hash(network, ip), link) {
        const struct net_host *h = &doc->hosts[e->at];

        for (size_t i = 0; e->kind == INDEX_ADDRESS && h->network == network && i < h->n_addresses; i++)
            if (ip_equal(&h->addresses[i], ip))
                return e->at;
    }
    return NET_NONE;
}

const struct net_leg *net_doc_leg(const struct net_doc *doc, int network)
{
    const struct net_router *r;

    if (doc->networks[network].router == NET_NONE)
        return NULL;
    r = &doc->routers[doc->networks[network].router];
    for (size_t i = 0; i < r->n_legs; i++)
        if (r->legs[i].network == network)
            return &r->legs[i];
    return NULL;
}

const struct ip_addr *net_doc_gateway(const struct net_doc *doc, int network, uint8_t family)
{
    const struct net_leg *leg = net_doc_leg(doc, network);

    for (size_t i = 0; leg && i < leg->n_addresses; i++)
        if (leg->addresses[i].family == family)
            return &leg->addresses[i];
    return NULL;
}

int net_doc_switch_by_id(const struct net_doc *doc, uint64_t datapath_id)
{
    for (size_t i = 0; i < doc->n_switches; i++)
        if (doc->switches[i].datapath_id == datapath_id)
            return (int)i;
    return NET_NONE;
}

const char *net_mac_text(net_mac mac, char out[NET_MAC_TEXT])
{
    uint8_t bytes[6];

    net_mac_bytes(mac, bytes);
    return mac_format(bytes, out, NET_MAC_TEXT);
}

void net_mac_bytes(net_mac mac, uint8_t out[6])
{
    for (int i = 0; i < 6; i++)
        out[i] = (uint8_t)(mac >> (40 - 8 * i));
}

net_mac net_mac_of(const uint8_t bytes[6])
{
    net_mac mac = 0;

    for (int i = 0; i < 6; i++)
        mac = mac << 8 | bytes[i];
    return mac;
}

const char *net_port_text(const struct net_port_ref *port, char out[NET_PORT_NAME])
{
    if (port->name[0])
        snprintf(out, NET_PORT_NAME, "%s", port->name);
    else
        snprintf(out, NET_PORT_NAME, "%u", (unsigned)port->number);
    return out;
}

bool net_port_same(const struct net_port_ref *a, const struct net_port_ref *b)
{
    return a->number == b->number && !strcmp(a->name, b->name);
}

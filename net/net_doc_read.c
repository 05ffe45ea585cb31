/* SPDX-License-Identifier: Apache-2.0 */
/* net_doc_read.c - the schema of the network document; see net_doc.h for the format. */
#include "net/net_doc_read.h"

#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_LEN = 31, SWITCHES_MAX = 4096, NETWORKS_MAX = 4094 };

const struct doc_text net_name_rule = {
    .min = 1,
    .max = NAME_MAX_LEN,
    .chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.",
};

int net_read_word(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    struct raw_word *w = out;

    w->node = n;
    return doc_read_string(n, arg, &w->text, e);
}

/* Text of any kind, with line breaks. */
static int read_text(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    if (n->kind != DOC_SCALAR)
        return doc_error(n, e, "text is expected here, not %s", doc_kind_name(n->kind));
    *(const char **)out = n->text;
    return 0;
}

/* `text`: a port's name or number. */
static int port_parse(const struct doc_node *n, const char *text, struct net_port_ref *out, struct errbuf *e)
{
    size_t len = strlen(text);
    uint64_t number = 0;

    *out = (struct net_port_ref){ 0 };
    if (!len || len >= NET_PORT_NAME || text[strspn(text, net_name_rule.chars)] || text[0] == '-' || text[0] == '.')
        return doc_error(n, e, "'%.64s' is not a port: a name of 1 to %d letters, digits and \"_.-\", or a number",
                         text, NET_PORT_NAME - 1);
    if (text[strspn(text, "0123456789")]) {
        memcpy(out->name, text, len);
        return 0;
    }
    for (size_t i = 0; i < len; i++)
        number = number * 10 + (uint64_t)(text[i] - '0');
    if (number < 1 || number > NET_PORT_MAX)
        return doc_error(n, e, "%s is not a port number: 1 to %u are possible", text, NET_PORT_MAX);
    out->number = (uint32_t)number;
    return 0;
}

static int read_port(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    const char *text;
    int err = doc_read_string(n, NULL, &text, e);

    return err ? err : port_parse(n, text, out, e);
}

/* One thing, or a list of them.  `arg`: struct doc_items. */
int net_read_one_or_list(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    const struct doc_items *items = arg;
    struct doc_array *a = out;

    if (n->kind == DOC_SEQ)
        return doc_read_list(n, arg, out, e);
    *a = (struct doc_array){ arena_calloc(&n->doc->arena, 1, items->size), 1 };
    if (!a->items)
        return errbuf_set(e, -ENOMEM, "%s: not enough memory", n->doc->name);
    return items->read(n, items->arg, a->items, e);
}

static int read_dhcp(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    struct raw_dhcp *d = out;

    d->node = n;
    d->is_given = true;
    return doc_read_map(n, net_dhcp_fields, d, e);
}

static const struct doc_items subnet_items = { .size = sizeof(struct ip_addr), .read = doc_read_subnet, .min = 1 };
static const struct doc_field network_fields[] = {
    { "vlan", doc_read_vid, offsetof(struct raw_network, vlan), .is_required = true },
    { "subnet", net_read_one_or_list, offsetof(struct raw_network, subnets), &subnet_items },
    { "mtu", doc_read_u16, offsetof(struct raw_network, mtu), &(struct doc_range){ NET_MTU_MIN, NET_MTU_MAX } },
    { "dhcp", read_dhcp, offsetof(struct raw_network, dhcp) },
    { "guard", doc_read_bool, offsetof(struct raw_network, has_guard) },
    { NULL },
};

static const struct doc_field port_fields[] = {
    { "network", net_read_word, offsetof(struct raw_port, network), .is_required = true },
    { "shared", doc_read_bool, offsetof(struct raw_port, is_shared) },
    { NULL },
};
static const struct doc_items port_items = {
    .size = sizeof(struct raw_port),
    .read = doc_read_fields,
    .arg = port_fields,
    .read_name = read_port,
    .name_offset = offsetof(struct raw_port, port),
    .node_offset = offsetof(struct raw_port, node),
};
static const char *const fail_modes[] = { [NET_FAIL_SECURE] = "secure", [NET_FAIL_STANDALONE] = "standalone", NULL };
static const struct doc_field switch_fields[] = {
    { "datapath_id", doc_read_dpid, offsetof(struct raw_switch, datapath_id), .is_required = true },
    { "fail_mode", doc_read_enum, offsetof(struct raw_switch, fail_mode), fail_modes },
    { "ports", doc_read_named, offsetof(struct raw_switch, ports), &port_items },
    { NULL },
};

static int read_end(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    struct raw_end *end = out;
    const char *text, *colon;
    int err = doc_read_string(n, NULL, &text, e);

    if (err)
        return err;
    colon = strchr(text, ':');
    if (!colon || colon == text)
        return doc_error(n, e, "'%.64s' is not an end of a link: SWITCH:PORT is expected", text);
    end->node = n;
    end->sw = arena_dup(&n->doc->arena, text, (size_t)(colon - text));
    if (!end->sw)
        return errbuf_set(e, -ENOMEM, "%s: not enough memory", n->doc->name);
    return port_parse(n, colon + 1, &end->port, e);
}

/* [s1:to2, s2:to1] */
static int read_ends(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    static const struct doc_items items = { .size = sizeof(struct raw_end), .read = read_end };

    if (n->kind != DOC_SEQ || n->n != 2)
        return doc_error(n, e, "a link has two ends, as in [s1:to2, s2:to1]");
    return doc_read_list(n, &items, out, e);
}

static const char *const link_kinds[] = { [NET_LINK_VETH] = "veth", [NET_LINK_EXTERNAL] = "external", NULL };
static const struct doc_field link_fields[] = {
    { "ends", read_ends, offsetof(struct raw_link, ends), .is_required = true },
    { "kind", doc_read_enum, offsetof(struct raw_link, kind), link_kinds },
    { NULL },
};

static int read_link(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    struct raw_link *link = out;

    link->node = n;
    return n->kind == DOC_MAP ? doc_read_map(n, link_fields, out, e) : read_ends(n, NULL, &link->ends, e);
}

int net_read_address(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    struct raw_address *a = out;
    const char *text;
    int err = doc_read_string(n, NULL, &text, e);

    if (err)
        return err;
    a->node = n;
    a->has_prefix = strchr(text, '/');
    return a->has_prefix ? doc_read_ip_prefix(n, NULL, &a->ip, e) : doc_read_ip(n, NULL, &a->ip, e);
}

static int read_host_port(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    struct raw_host *h = out;

    h->port_node = n;
    return read_port(n, NULL, &h->port, e);
}

const struct doc_items net_address_items = { .size = sizeof(struct raw_address), .read = net_read_address, .min = 1 };
static const char *const host_kinds[] = {
    [NET_HOST_NETNS] = "netns",
    [NET_HOST_VM] = "vm",
    [NET_HOST_EXTERNAL] = "external",
    NULL,
};
static const char *const attachments[] = { [NET_ATTACH_TAP] = "tap", [NET_ATTACH_NETDEV] = "netdev", NULL };
static const struct doc_field host_fields[] = {
    { "network", net_read_word, offsetof(struct raw_host, network), .is_required = true },
    { "switch", net_read_word, offsetof(struct raw_host, sw), .is_required = true },
    { "port", read_host_port, 0 },
    { "address", net_read_one_or_list, offsetof(struct raw_host, addresses), &net_address_items },
    { "mac", doc_read_mac, offsetof(struct raw_host, mac) },
    { "kind", doc_read_enum, offsetof(struct raw_host, kind), host_kinds },
    { "attach", doc_read_enum, offsetof(struct raw_host, attach), attachments },
    { "dhcp", doc_read_bool, offsetof(struct raw_host, has_dhcp) },
    { NULL },
};

static int read_expect_port(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    struct raw_expect *x = out;
    int err = net_read_word(n, NULL, &x->port_word, e);

    return err ? err : doc_read_u16(n, &(struct doc_range){ 1, UINT16_MAX }, &x->port, e);
}

static int read_expect_family(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    struct raw_expect *x = out;
    int err = net_read_word(n, NULL, &x->family_word, e);

    if (err)
        return err;
    if (strcmp(x->family_word.text, "4") != 0 && strcmp(x->family_word.text, "6") != 0)
        return doc_error(n, e, "'%.64s' is not one of: 4, 6", x->family_word.text);
    x->family = (uint8_t)(x->family_word.text[0] - '0');
    return 0;
}

static int read_expect_within(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    struct raw_expect *x = out;

    x->has_within = true;
    return doc_read_time(n, &(struct doc_range){ NSEC_PER_MS, UINT64_C(3600) * NSEC_PER_S }, &x->within_ns, e);
}

const struct doc_items net_word_items = { .size = sizeof(struct raw_word), .read = net_read_word, .min = 1 };
static const struct doc_field expect_fields[] = {
    { "ping", net_read_word, offsetof(struct raw_expect, ping) },
    { "tcp", net_read_word, offsetof(struct raw_expect, tcp) },
    { "udp", net_read_word, offsetof(struct raw_expect, udp) },
    { "flood", net_read_word, offsetof(struct raw_expect, flood) },
    { "cut", read_ends, offsetof(struct raw_expect, cut) },
    { "restore", read_ends, offsetof(struct raw_expect, restore) },
    { "from", net_read_one_or_list, offsetof(struct raw_expect, from), &net_word_items },
    { "to", net_read_one_or_list, offsetof(struct raw_expect, to), &net_word_items },
    { "port", read_expect_port, 0 },
    { "family", read_expect_family, 0 },
    { "at", net_read_address, offsetof(struct raw_expect, at) },
    { "listen", doc_read_u16, offsetof(struct raw_expect, listen), &(struct doc_range){ 1, UINT16_MAX } },
    { "within", read_expect_within, 0 },
    { NULL },
};

static int read_expect(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    ((struct raw_expect *)out)->node = n;
    return doc_read_map(n, expect_fields, out, e);
}

static const struct raw_network network_defaults = {
    .mtu = NET_MTU,
    .dhcp = { .lease_ns = UINT64_C(3600) * NSEC_PER_S, .domain = "" },
};
static const struct doc_items network_items = {
    .size = sizeof(struct raw_network),
    .defaults = &network_defaults,
    .read = doc_read_fields,
    .arg = network_fields,
    .name_arg = &net_name_rule,
    .name_offset = offsetof(struct raw_network, name),
    .node_offset = offsetof(struct raw_network, node),
    .min = 1,
    .max = NETWORKS_MAX,
};
static const struct doc_items switch_items = {
    .size = sizeof(struct raw_switch),
    .read = doc_read_fields,
    .arg = switch_fields,
    .name_arg = &net_name_rule,
    .name_offset = offsetof(struct raw_switch, name),
    .node_offset = offsetof(struct raw_switch, node),
    .min = 1,
    .max = SWITCHES_MAX,
};
static const struct raw_host host_defaults = { .attach = NET_NONE };
static const struct doc_items host_items = {
    .size = sizeof(struct raw_host),
    .read = doc_read_fields,
    .arg = host_fields,
    .name_arg = &net_name_rule,
    .name_offset = offsetof(struct raw_host, name),
    .node_offset = offsetof(struct raw_host, node),
    .defaults = &host_defaults,
};
static const struct doc_items link_items = { .size = sizeof(struct raw_link), .read = read_link };
static const struct doc_items expect_items = { .size = sizeof(struct raw_expect), .read = read_expect };
static const char *const controllers[] = { "trama", "none", NULL };
static const struct doc_field doc_fields[] = {
    { "name", doc_read_name, offsetof(struct raw_doc, name), &net_name_rule },
    { "description", read_text, offsetof(struct raw_doc, description) },
    { "controller", doc_read_enum, offsetof(struct raw_doc, controller), controllers },
    { "networks", doc_read_named, offsetof(struct raw_doc, networks), &network_items, true },
    { "switches", doc_read_named, offsetof(struct raw_doc, switches), &switch_items, true },
    { "links", doc_read_list, offsetof(struct raw_doc, links), &link_items },
    { "hosts", doc_read_named, offsetof(struct raw_doc, hosts), &host_items },
    { "routers", doc_read_named, offsetof(struct raw_doc, routers), &net_router_items },
    { "policies", doc_read_list, offsetof(struct raw_doc, policies), &net_policy_items },
    { "expect", doc_read_list, offsetof(struct raw_doc, expects), &expect_items },
    { NULL },
};

int net_doc_read(const struct doc *d, struct raw_doc *out, struct errbuf *e)
{
    *out = (struct raw_doc){ 0 };
    return doc_read_map(d->root, doc_fields, out, e);
}

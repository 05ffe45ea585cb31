/* SPDX-License-Identifier: Apache-2.0 */
/* switch_conf_port.c - what a switch file says of one port: which keys go with which kind, and how VLANs are written. */
#include "vswitch/switch_conf_port.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/addr.h"
#include "vswitch/switch_conf.h"

struct vlan_doc {
    uint16_t access, native, native_tagged;
    const struct doc_node *trunk;
};

struct queue_doc {
    const char *id;
    uint64_t min_bps, max_bps;
    const struct doc_node *node;
};

struct qos_doc {
    uint64_t rate;
    struct doc_array queues; /* struct queue_doc */
};

struct port_doc {
    const char *name;
    int type;
    const char *device, *devargs, *netns;
    const struct doc_node *address;
    struct ip_addr gateway;
    uint8_t mac[6];
    uint16_t mtu, queues;
    int mode;
    uint32_t ofport;
    struct vlan_doc vlan;
    struct qos_doc qos;
    struct doc_array flags; /* int, places in flag_names */
    const struct doc_node *node;
};

/* The words of a switch file; `test` is the port of arrays that unit tests use too. */
static const char *const types[] = {
    [PORT_TAP] = "tap", [PORT_NETDEV] = "netdev", [PORT_DPDK] = "dpdk", [PORT_MEM] = "test", NULL,
};
static_assert(sizeof types / sizeof *types == PORT_TYPES + 1, "name every kind");

const char *switch_conf_port_type(enum port_type type)
{
    return types[type];
}

enum { MODE_PACKET, MODE_XDP };
static const char *const modes[] = { [MODE_PACKET] = "packet", [MODE_XDP] = "xdp", NULL };

static const char *const flag_names[] = { "down", "no_recv", "no_flood", "no_fwd", "no_packet_in", NULL };
static const unsigned flag_values[] = {
    PORT_FLAG_DOWN, PORT_FLAG_NO_RECV, PORT_FLAG_NO_FLOOD, PORT_FLAG_NO_FWD, PORT_FLAG_NO_PACKET_IN,
};

static const struct doc_field vlan_fields[] = {
    { "access", doc_read_vid, offsetof(struct vlan_doc, access) },
    { "trunk", doc_read_node, offsetof(struct vlan_doc, trunk) },
    { "native", doc_read_vid, offsetof(struct vlan_doc, native) },
    { "native_tagged", doc_read_vid, offsetof(struct vlan_doc, native_tagged) },
    { NULL },
};

static const struct doc_range rate_range = { 1000, SHAPER_RATE_MAX };
static const struct doc_field queue_fields[] = {
    { "min", doc_read_rate, offsetof(struct queue_doc, min_bps), &rate_range },
    { "max", doc_read_rate, offsetof(struct queue_doc, max_bps), &rate_range },
    { NULL },
};

static const struct doc_field qos_fields[] = {
    { "rate", doc_read_rate, offsetof(struct qos_doc, rate), &rate_range },
    { "queues", doc_read_named, offsetof(struct qos_doc, queues),
      &(struct doc_items){ .size = sizeof(struct queue_doc),
                           .read = doc_read_fields,
                           .arg = queue_fields,
                           .name_offset = offsetof(struct queue_doc, id),
                           .node_offset = offsetof(struct queue_doc, node),
                           .read_name = doc_read_name,
                           .name_arg = &(struct doc_text){ .min = 1, .max = 10, .chars = "0123456789" },
                           .max = SHAPER_QUEUES_MAX } },
    { NULL },
};

static const struct doc_field port_fields[] = {
    { "type", doc_read_enum, offsetof(struct port_doc, type), types, .is_required = true },
    { "device", doc_read_ifname, offsetof(struct port_doc, device) },
    { "devargs", doc_read_string, offsetof(struct port_doc, devargs), &(struct doc_text){ .min = 1, .max = 1000 } },
    { "netns", doc_read_string, offsetof(struct port_doc, netns), &(struct doc_text){ .min = 1, .max = 250 } },
    { "address", doc_read_node, offsetof(struct port_doc, address) },
    { "gateway", doc_read_ip, offsetof(struct port_doc, gateway) },
    { "mac", doc_read_mac, offsetof(struct port_doc, mac) },
    { "mtu", doc_read_mtu, offsetof(struct port_doc, mtu) },
    { "queues", doc_read_u16, offsetof(struct port_doc, queues), &(struct doc_range){ 1, PORT_QUEUES_MAX } },
    { "mode", doc_read_enum, offsetof(struct port_doc, mode), modes },
    { "ofport", doc_read_u32, offsetof(struct port_doc, ofport), &(struct doc_range){ 1, DP_PORT_MAX } },
    { "vlan", doc_read_fields, offsetof(struct port_doc, vlan), vlan_fields },
    { "qos", doc_read_fields, offsetof(struct port_doc, qos), qos_fields },
    { "flags", doc_read_list, offsetof(struct port_doc, flags),
      &(struct doc_items){ .size = sizeof(int), .read = doc_read_enum, .arg = flag_names, .max = 5 } },
    { NULL },
};

/* Which keys a kind has beside those that every kind has. */
static const struct {
    const char *key;
    bool has[PORT_TYPES];
} kind_keys[] = {
    { "device", { [PORT_NETDEV] = true } },
    { "devargs", { [PORT_DPDK] = true } },
    { "netns", { [PORT_TAP] = true, [PORT_NETDEV] = true } },
    { "address", { [PORT_TAP] = true } },
    { "gateway", { [PORT_TAP] = true } },
    { "mac", { [PORT_TAP] = true } },
    { "mode", { [PORT_NETDEV] = true } },
};

static int check_kind(const struct port_doc *in, const struct switch_conf_opts *opts, struct errbuf *e)
{
    if (in->type == PORT_MEM && !opts->has_test_ports)
        return doc_error(in->node, e, "port %s: type test needs the start option --test", in->name);
    for (size_t i = 0; i < sizeof kind_keys / sizeof *kind_keys; i++) {
        const struct doc_node *value = doc_find(in->node, kind_keys[i].key);

        if (value && !kind_keys[i].has[in->type])
            return doc_error(value, e, "port %s: a port of type %s has no %s", in->name, types[in->type],
                             kind_keys[i].key);
    }
    if (in->type == PORT_DPDK && !in->devargs)
        return doc_error(in->node, e, "port %s: type dpdk needs devargs", in->name);
    if ((in->type == PORT_TAP || (in->type == PORT_NETDEV && !in->device)) && strlen(in->name) > 15)
        return doc_error(in->node, e, "port %s: the name is the interface's too, and can have 15 bytes", in->name);
    return 0;
}

/* --- VLANs --- */

static int add_vids(struct vlan_conf *v, const struct doc_node *n, struct errbuf *e)
{
    unsigned long first, last;
    char *end = NULL;

    if (n->kind != DOC_SCALAR)
        return doc_error(n, e, "a VLAN or a range such as 10-20 is expected here, not %s", doc_kind_name(n->kind));
    first = last = strtoul(n->text, &end, 10);
    if (end != n->text && *end == '-' && end[1] >= '0' && end[1] <= '9')
        last = strtoul(end + 1, &end, 10);
    if (end == n->text || *end || n->text[0] < '0' || n->text[0] > '9')
        return doc_error(n, e, "'%.64s' is no VLAN; write a number, or a range such as 10-20", n->text);
    if (last > 4094 || first > last)
        return doc_error(n, e, "'%.64s' is no VLAN; they go from 0 (untagged) to 4094", n->text);
    for (unsigned long vid = first; vid <= last; vid++) {
        uint64_t bit = UINT64_C(1) << vid % 64;

        if (v->trunks[vid / 64] & bit)
            return doc_error(n, e, "VLAN %lu is named twice", vid);
        v->trunks[vid / 64] |= bit;
    }
    return 0;
}

static int read_trunk(struct vlan_conf *v, const struct doc_node *n, struct errbuf *e)
{
    int err = 0;

    if (n->kind == DOC_SCALAR && !strcmp(n->text, "all")) {
        v->is_all = true;
        return 0;
    }
    if (n->kind == DOC_SCALAR)
        return add_vids(v, n, e);
    if (n->kind != DOC_SEQ || !n->n)
        return doc_error(n, e, "trunk is a list of VLANs, or all");
    for (uint32_t i = 0; i < n->n && !err; i++)
        err = add_vids(v, n->items[i], e);
    return err;
}

static int read_vlan(struct vlan_conf *v, const struct port_doc *in, struct errbuf *e)
{
    const struct vlan_doc *d = &in->vlan;
    const struct doc_node *n = doc_find(in->node, "vlan");
    uint16_t native = d->native ? d->native : d->native_tagged;
    int err = 0;

    if (n && n->kind == DOC_MAP && !n->n)
        return doc_error(n, e, "port %s: vlan says nothing; it needs access, trunk or native", in->name);
    if (d->access && (d->trunk || native))
        return doc_error(n, e, "port %s: access does not go with trunk or native", in->name);
    if (d->native && d->native_tagged)
        return doc_error(n, e, "port %s: native and native_tagged do not go together", in->name);
    *v = (struct vlan_conf){ .mode = VLAN_TRUNK, .is_all = !d->trunk && !d->access };
    if (d->access) {
        v->mode = VLAN_ACCESS;
        v->vid = d->access;
    } else if (native) {
        v->mode = d->native ? VLAN_NATIVE_UNTAGGED : VLAN_NATIVE_TAGGED;
        v->vid = native;
    }
    if (d->trunk)
        err = read_trunk(v, d->trunk, e);
    if (native && !v->is_all)
        v->trunks[native / 64] |= UINT64_C(1) << native % 64;
    return err;
}

/* --- queues --- */

static int read_queue(struct shaper_conf *s, const struct queue_doc *in, struct errbuf *e)
{
    unsigned long long id = strtoull(in->id, NULL, 10);

    if (id >= SHAPER_QUEUE_NONE)
        return doc_error(in->node, e, "queue %s: the highest number is %u", in->id, SHAPER_QUEUE_NONE - 1);
    for (unsigned i = 0; i < s->n_queues; i++)
        if (s->queues[i].id == id)
            return doc_error(in->node, e, "queue %llu is there twice", id);
    if (in->max_bps && in->min_bps > in->max_bps)
        return doc_error(in->node, e, "queue %llu: min is more than max", id);
    s->queues[s->n_queues++] =
        (struct shaper_queue_conf){ .id = (uint32_t)id, .min_bps = in->min_bps, .max_bps = in->max_bps };
    return 0;
}

static int read_queues(struct shaper_conf *s, const struct qos_doc *in, struct errbuf *e)
{
    int err = 0;

    *s = (struct shaper_conf){ .max_bps = in->rate };
    for (size_t i = 0; i < in->queues.n && !err; i++)
        err = read_queue(s, &((const struct queue_doc *)in->queues.items)[i], e);
    return err;
}

/* --- addresses --- */

static int read_addresses(struct port_conf *p, const struct port_doc *in, struct errbuf *e)
{
    const struct doc_node *n = in->address;
    enum { MAX = sizeof p->addresses / sizeof *p->addresses - 1 };
    uint32_t count = n && n->kind == DOC_SEQ ? n->n : n ? 1 : 0;
    bool has_family[7] = { false };
    struct ip_addr ip[MAX];
    int err = 0;

    if (count > MAX)
        return doc_error(n, e, "port %s: %u addresses are more than the %d that are possible", in->name, count, MAX);
    for (uint32_t i = 0; i < count && !err; i++) {
        const struct doc_node *item = n->kind == DOC_SEQ ? n->items[i] : n;

        err = doc_read_ip_prefix(item, NULL, &ip[i], e);
        for (uint32_t k = 0; k < i && !err; k++)
            if (ip_equal(&ip[i], &ip[k]))
                err = doc_error(item, e, "port %s: address %s stands here twice", in->name, item->text);
        if (err)
            break;
        p->addresses[i] = item->text;
        has_family[ip[i].family] = true;
    }
    if (!err && in->gateway.family && !has_family[in->gateway.family])
        err = doc_error(doc_find(in->node, "gateway"), e,
                        "port %s: a gateway needs an address of the same kind beside it", in->name);
    if (in->gateway.family)
        p->gateway = doc_find(in->node, "gateway")->text;
    return err;
}

static unsigned read_flags(const struct doc_array *flags)
{
    unsigned all = 0;

    for (size_t i = 0; i < flags->n; i++)
        all |= flag_values[((const int *)flags->items)[i]];
    return all;
}

static int fill_port(struct sw_port_conf *out, const struct port_doc *in, const struct switch_conf_opts *opts,
                     struct errbuf *e)
{
    int err = check_kind(in, opts, e);

    *out = (struct sw_port_conf){
        .port = { .name = in->name,
                  .type = (enum port_type)in->type,
                  .device = in->device,
                  .devargs = in->devargs,
                  .netns = in->netns,
                  .mtu = in->mtu,
                  .n_queues = in->queues,
                  .is_xdp = in->mode == MODE_XDP },
        .ofport = in->ofport,
        .flags = read_flags(&in->flags),
        .node = in->node,
    };
    memcpy(out->port.mac, in->mac, sizeof in->mac);
    if (!err)
        err = read_addresses(&out->port, in, e);
    if (!err)
        err = read_queues(&out->queues, &in->qos, e);
    return err ? err : read_vlan(&out->vlan, in, e);
}

static const struct doc_items port_items = {
    .size = sizeof(struct port_doc),
    .read = doc_read_fields,
    .arg = port_fields,
    .name_offset = offsetof(struct port_doc, name),
    .node_offset = offsetof(struct port_doc, node),
    .read_name = doc_read_name,
    .name_arg = &(struct doc_text){ .min = 1,
                                    .max = PORT_NAME_SIZE - 1,
                                    .chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@" },
};

int switch_conf_read_ports(const struct doc_node *n, const struct switch_conf_opts *opts, struct doc_array *out,
                           struct errbuf *e)
{
    struct doc_array docs = { 0 };
    int err;

    if (doc_is_null(n))
        return 0;
    err = doc_read_named(n, &port_items, &docs, e);
    if (err)
        return err;

    struct sw_port_conf *ports = arena_calloc(&n->doc->arena, docs.n + 1, sizeof *ports);

    if (!ports)
        return doc_error(n, e, "not enough memory");
    for (size_t i = 0; i < docs.n && !err; i++)
        err = fill_port(&ports[i], &((struct port_doc *)docs.items)[i], opts, e);
    *out = (struct doc_array){ .items = ports, .n = docs.n };
    return err;
}

int switch_conf_parse_port(struct sw_port_conf *out, struct doc *d, const char *name, const char *text,
                           const struct switch_conf_opts *opts, struct errbuf *e)
{
    struct port_doc in = { 0 };
    int err = doc_parse(d, name, text, strlen(text), e);

    if (err)
        return err;
    if (!d->root)
        err = errbuf_set(e, -EINVAL, "%s: nothing is said of the port; it needs a type at least", name);
    in.name = arena_dup(&d->arena, name, strlen(name));
    in.node = d->root;
    if (!err && !in.name)
        err = errbuf_set(e, -ENOMEM, "%s: not enough memory", name);
    if (!err)
        err = port_items.read_name(&(struct doc_node){ .kind = DOC_SCALAR, .text = in.name, .doc = d, .line = 1 },
                                   port_items.name_arg, &in.name, e);
    if (!err)
        err = doc_read_map(d->root, port_fields, &in, e);
    if (!err)
        err = fill_port(out, &in, opts, e);
    if (err)
        doc_fini(d);
    return err;
}

int switch_conf_parse_queues(struct shaper_conf *out, const char *name, const char *text, struct errbuf *e)
{
    struct qos_doc in = { 0 };
    struct doc d;
    int err = doc_parse(&d, name, text, strlen(text), e);

    if (err)
        return err;
    err = doc_read_map(d.root, qos_fields, &in, e);
    if (!err)
        err = read_queues(out, &in, e);
    doc_fini(&d);
    return err;
}

static bool is_same_queues(const struct shaper_conf *a, const struct shaper_conf *b)
{
    bool is_same = a->max_bps == b->max_bps && a->n_queues == b->n_queues;

    for (unsigned i = 0; is_same && i < a->n_queues; i++)
        is_same = a->queues[i].id == b->queues[i].id && a->queues[i].min_bps == b->queues[i].min_bps &&
                  a->queues[i].max_bps == b->queues[i].max_bps;
    return is_same;
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static bool is_same_vlan(const struct vlan_conf *a, const struct vlan_conf *b)
{
    return a->mode == b->mode && a->vid == b->vid && a->is_all == b->is_all &&
           !memcmp(a->trunks, b->trunks, sizeof a->trunks);
}

unsigned sw_port_conf_diff(const struct sw_port_conf *a, const struct sw_port_conf *b)
{
    const struct port_conf *p = &a->port, *q = &b->port;
    unsigned diff = SW_PORT_SAME;
    bool is_same_device = p->type == q->type && is_same(p->device, q->device) && is_same(p->devargs, q->devargs) &&
                          is_same(p->netns, q->netns) && is_same(p->gateway, q->gateway) &&
                          !memcmp(p->mac, q->mac, sizeof p->mac) && p->mtu == q->mtu && p->n_queues == q->n_queues &&
                          p->is_xdp == q->is_xdp;

    for (size_t i = 0; i < sizeof p->addresses / sizeof *p->addresses && is_same_device; i++) {
        is_same_device = is_same(p->addresses[i], q->addresses[i]);
        if (!p->addresses[i])
            break;
    }
    if (!is_same_device)
        diff |= SW_PORT_NEEDS_OPEN;
    if (b->ofport && a->ofport != b->ofport)
        diff |= SW_PORT_NEEDS_MOVE;
    if (!is_same_vlan(&a->vlan, &b->vlan))
        diff |= SW_PORT_VLAN_DIFFERS;
    if (!is_same_queues(&a->queues, &b->queues))
        diff |= SW_PORT_QUEUES_DIFFER;
    if (a->flags != b->flags)
        diff |= SW_PORT_FLAGS_DIFFER;
    return diff;
}

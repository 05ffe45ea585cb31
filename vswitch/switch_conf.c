/* SPDX-License-Identifier: Apache-2.0 */
/* switch_conf.c - see switch_conf.h: the file as a whole and its bridges.  Ports are read in switch_conf_port.c. */
#include "vswitch/switch_conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/doc_read.h"
#include "vswitch/flow_table.h"
#include "vswitch/switch_conf_port.h"

/* The file as the schema reads it. */
struct bridge_doc {
    const char *name;
    uint64_t datapath_id;
    int fail_mode;
    uint32_t max_flows;
    uint64_t mac_aging_ns;
    struct doc_array controllers; /* struct controller_conf */
    const struct doc_node *ports;
    const struct doc_node *node;
};

struct dpdk_doc {
    int hugepages;
    uint32_t mbufs, memory_mb;
    struct doc_array pci, extra; /* const char * */
};

struct conntrack_doc {
    uint32_t max;
    struct doc_array zones; /* struct sw_zone_conf */
};

struct file_doc {
    const char *run_dir;
    struct conntrack_doc conntrack;
    struct doc_array workers; /* uint16_t */
    struct dpdk_doc dpdk;
    struct tls_files tls;
    struct doc_array bridges; /* struct bridge_doc */
};

static const char *const fail_modes[] = { [FAIL_SECURE] = "secure", [FAIL_STANDALONE] = "standalone", NULL };
static const char *const hugepages[] = {
    [EAL_HUGEPAGES_AUTO] = "auto",
    [EAL_HUGEPAGES_OFF] = "off",
    [EAL_HUGEPAGES_ON] = "on",
    NULL,
};
static const struct doc_text path_rule = { .min = 1, .max = 80 };
static const struct doc_text word_rule = { .min = 1, .max = 200 };

static const struct doc_field controller_fields[] = {
    { "target", doc_read_endpoint, offsetof(struct controller_conf, target), .is_required = true },
    { "auxiliary", doc_read_u8, offsetof(struct controller_conf, n_auxiliary),
      &(struct doc_range){ 0, SWITCH_AUXILIARY_MAX } },
    { NULL },
};

/* An endpoint, or a map with one. */
static int read_controller(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    struct controller_conf *c = out;

    return n->kind == DOC_MAP ? doc_read_map(n, controller_fields, c, e) : doc_read_endpoint(n, NULL, &c->target, e);
}

static const struct doc_field bridge_fields[] = {
    { "datapath_id", doc_read_dpid, offsetof(struct bridge_doc, datapath_id) },
    { "fail_mode", doc_read_enum, offsetof(struct bridge_doc, fail_mode), fail_modes },
    { "max_flows", doc_read_u32, offsetof(struct bridge_doc, max_flows), &(struct doc_range){ 1, 16000000 } },
    { "mac_aging", doc_read_time, offsetof(struct bridge_doc, mac_aging_ns),
      &(struct doc_range){ UINT64_C(1000000000), UINT64_C(1000000) * 1000000000 } },
    { "controllers", doc_read_list, offsetof(struct bridge_doc, controllers),
      &(struct doc_items){
          .size = sizeof(struct controller_conf), .read = read_controller, .max = SWITCH_CONTROLLERS_MAX } },
    { "ports", doc_read_node, offsetof(struct bridge_doc, ports) },
    { NULL },
};

static const struct bridge_doc bridge_defaults = {
    .fail_mode = FAIL_SECURE,
    .max_flows = FLOW_TABLE_MAX_FLOWS,
    .mac_aging_ns = UINT64_C(300000000000),
};

static const struct doc_field dpdk_fields[] = {
    { "hugepages", doc_read_enum, offsetof(struct dpdk_doc, hugepages), hugepages },
    { "mbufs", doc_read_u32, offsetof(struct dpdk_doc, mbufs), &(struct doc_range){ 1024, 16777216 } },
    { "memory_mb", doc_read_u32, offsetof(struct dpdk_doc, memory_mb), &(struct doc_range){ 16, 1048576 } },
    { "pci", doc_read_list, offsetof(struct dpdk_doc, pci),
      &(struct doc_items){ .size = sizeof(char *), .read = doc_read_string, .arg = &word_rule, .max = 32 } },
    { "extra", doc_read_list, offsetof(struct dpdk_doc, extra),
      &(struct doc_items){
          .size = sizeof(char *), .read = doc_read_string, .arg = &word_rule, .max = EAL_EXTRA_MAX - 1 } },
    { NULL },
};

/* `timeouts: {udp-stream: 60s}`: a time for each state that is named. */
static int read_timeouts(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    static const struct doc_range possible = { NSEC_PER_S, UINT64_C(30) * 86400 * NSEC_PER_S };
    uint64_t ns[CONN_TIMERS] = { 0 };
    struct doc_field states[CONN_TIMERS + 1] = { { NULL } };
    uint32_t *timeout_s = out;
    int err;

    for (unsigned i = 0; i < CONN_TIMERS; i++)
        states[i] = (struct doc_field){ conn_timer_name((enum conn_timer)i), doc_read_time, i * sizeof *ns, &possible };
    err = doc_read_map(n, states, ns, e);
    for (unsigned i = 0; i < CONN_TIMERS && !err; i++) {
        if (ns[i] % NSEC_PER_S)
            err = doc_error(doc_find(n, states[i].key), e, "%s: %s is not a number of whole seconds", states[i].key,
                            doc_find(n, states[i].key)->text);
        timeout_s[i] = (uint32_t)(ns[i] / NSEC_PER_S);
    }
    return err;
}

static const struct doc_range limit_rule = { 1, UINT32_MAX };
static const struct doc_field zone_fields[] = {
    { "limit", doc_read_u32, offsetof(struct sw_zone_conf, set.limit), &limit_rule },
    { "host_limit", doc_read_u32, offsetof(struct sw_zone_conf, set.host_limit), &limit_rule },
    { "timeouts", read_timeouts, offsetof(struct sw_zone_conf, set.timeout_s) },
    { NULL },
};

static const struct doc_field conntrack_fields[] = {
    { "max", doc_read_u32, offsetof(struct conntrack_doc, max), &(struct doc_range){ 1, CONN_MAX - 1 } },
    { "zones", doc_read_named, offsetof(struct conntrack_doc, zones),
      &(struct doc_items){ .size = sizeof(struct sw_zone_conf),
                           .read = doc_read_fields,
                           .arg = zone_fields,
                           .read_name = doc_read_u16,
                           .name_offset = offsetof(struct sw_zone_conf, zone),
                           .node_offset = offsetof(struct sw_zone_conf, node) } },
    { NULL },
};

static const struct doc_text file_rule = { .min = 1, .max = 1000 };
static const struct doc_field tls_fields[] = {
    { "key", doc_read_string, offsetof(struct tls_files, key), &file_rule, true },
    { "certificate", doc_read_string, offsetof(struct tls_files, certificate), &file_rule, true },
    { "ca", doc_read_string, offsetof(struct tls_files, ca), &file_rule, true },
    { NULL },
};

static const struct doc_field file_fields[] = {
    { "run_dir", doc_read_string, offsetof(struct file_doc, run_dir), &path_rule },
    { "workers", doc_read_list, offsetof(struct file_doc, workers),
      &(struct doc_items){ .size = sizeof(uint16_t),
                           .read = doc_read_u16,
                           .arg = &(struct doc_range){ 0, 1023 },
                           .min = 1,
                           .max = DP_WORKERS_MAX } },
    { "dpdk", doc_read_fields, offsetof(struct file_doc, dpdk), dpdk_fields },
    { "conntrack", doc_read_fields, offsetof(struct file_doc, conntrack), conntrack_fields },
    { "tls", doc_read_fields, offsetof(struct file_doc, tls), tls_fields },
    { "bridges", doc_read_named, offsetof(struct file_doc, bridges),
      &(struct doc_items){ .size = sizeof(struct bridge_doc),
                           .read = doc_read_fields,
                           .arg = bridge_fields,
                           .defaults = &bridge_defaults,
                           .name_offset = offsetof(struct bridge_doc, name),
                           .node_offset = offsetof(struct bridge_doc, node),
                           .max = DP_BRIDGES_MAX },
      .is_required = true },
    { NULL },
};

/* --- what must differ within the file --- */

static int check_controllers(const struct switch_conf *c, const struct sw_bridge_conf *b, struct errbuf *e)
{
    const struct doc_node *list = doc_find(b->node, "controllers");
    char text[ENDPOINT_TEXT_SIZE];

    for (unsigned i = 0; i < b->n_controllers; i++) {
        const struct endpoint *target = &b->controllers[i].target;

        endpoint_format(target, text, sizeof text);
        if (target->is_tls && !c->tls.key)
            return doc_error(list->items[i], e,
                             "bridge %s: the controller %s needs 'tls: {key: FILE, certificate: FILE, ca: FILE}'",
                             b->name, text);
        if (target->is_passive && b->controllers[i].n_auxiliary)
            return doc_error(list->items[i], e, "bridge %s: %s listens, and cannot have auxiliary connections", b->name,
                             text);
        for (unsigned k = 0; k < i; k++)
            if (endpoint_equal(target, &b->controllers[k].target))
                return doc_error(list->items[i], e, "bridge %s has the controller %s twice", b->name, text);
    }
    return 0;
}

static const char *device_of(const struct port_conf *p)
{
    return p->device ? p->device : p->name;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* Two ports, of one bridge or of two, that cannot live side by side. */
static int check_pair(const struct sw_port_conf *a, const struct sw_port_conf *b, bool is_same_bridge, struct errbuf *e)
{
    if (!strcmp(a->port.name, b->port.name))
        return doc_error(b->node, e, "port %s stands on line %u already; a name is for one port of the switch",
                         b->port.name, a->node->line);
    if (is_same_bridge && b->ofport && a->ofport == b->ofport)
        return doc_error(b->node, e, "port %s: ofport %u is that of port %s", b->port.name, b->ofport, a->port.name);
    if (a->port.type == PORT_NETDEV && b->port.type == PORT_NETDEV && is_same_text(a->port.netns, b->port.netns) &&
        !strcmp(device_of(&a->port), device_of(&b->port)))
        return doc_error(b->node, e, "port %s: device %s belongs to port %s already", b->port.name, device_of(&b->port),
                         a->port.name);
    if (a->port.type == PORT_DPDK && b->port.type == PORT_DPDK && !strcmp(a->port.devargs, b->port.devargs))
        return doc_error(b->node, e, "port %s: devargs '%.64s' belong to port %s already", b->port.name,
                         b->port.devargs, a->port.name);
    return 0;
}

static int check_against(const struct switch_conf *c, size_t bridge, size_t port, struct errbuf *e)
{
    const struct sw_port_conf *p = &c->bridges[bridge].ports[port];

    for (size_t i = 0; i <= bridge; i++)
        for (size_t k = 0; k < (i == bridge ? port : c->bridges[i].n_ports); k++) {
            int err = check_pair(&c->bridges[i].ports[k], p, i == bridge, e);

            if (err)
                return err;
        }
    return 0;
}

/* A zone is one however its number is written. */
static int check_zones(const struct switch_conf *c, struct errbuf *e)
{
    for (size_t i = 0; i < c->n_zones; i++)
        for (size_t k = 0; k < i; k++)
            if (c->zones[k].zone == c->zones[i].zone)
                return doc_error(c->zones[i].node, e, "zone %u stands here twice", c->zones[i].zone);
    return 0;
}

static int check_together(const struct switch_conf *c, struct errbuf *e)
{
    size_t n_ports = 0;
    int err = check_zones(c, e);

    for (size_t i = 0; i < c->n_bridges && !err; i++) {
        const struct sw_bridge_conf *b = &c->bridges[i];

        for (size_t k = 0; k < i; k++)
            if (c->bridges[k].datapath_id == b->datapath_id)
                return doc_error(b->node, e, "bridge %s: datapath_id 0x%llx is that of bridge %s", b->name,
                                 (unsigned long long)b->datapath_id, c->bridges[k].name);
        err = check_controllers(c, b, e);
        for (size_t k = 0; k < b->n_ports && !err; k++)
            err = check_against(c, i, k, e);
        n_ports += b->n_ports;
        if (!err && n_ports > DP_PORTS_MAX)
            return doc_error(b->node, e, "bridge %s: %zu ports are more than the %d that a switch can have", b->name,
                             n_ports, DP_PORTS_MAX);
    }
    return err;
}

/* --- from the schema's structs to ours --- */

static int fill_bridge(struct switch_conf *c, struct sw_bridge_conf *b, const struct bridge_doc *in,
                       const struct switch_conf_opts *opts, struct errbuf *e)
{
    struct doc_array ports = { 0 };
    int err = in->ports ? switch_conf_read_ports(in->ports, opts, &ports, e) : 0;

    *b = (struct sw_bridge_conf){
        .name = in->name,
        .datapath_id = in->datapath_id,
        .fail_mode = (enum fail_mode)in->fail_mode,
        .max_flows = in->max_flows,
        .mac_aging_s = (uint32_t)(in->mac_aging_ns / 1000000000),
        .n_controllers = (unsigned)in->controllers.n,
        .ports = ports.items,
        .n_ports = ports.n,
        .node = in->node,
    };
    if (in->controllers.n)
        memcpy(b->controllers, in->controllers.items, in->controllers.n * sizeof *b->controllers);
    return err;
}

static int fill_dpdk(struct switch_conf *c, const struct dpdk_doc *in)
{
    c->eal = (struct eal_conf){
        .hugepages = (enum eal_hugepages)in->hugepages,
        .n_mbufs = in->mbufs,
        .memory_mb = in->memory_mb,
    };
    for (size_t i = 0; i < in->pci.n && i < sizeof c->eal.pci / sizeof *c->eal.pci; i++)
        c->eal.pci[i] = ((const char **)in->pci.items)[i];
    for (size_t i = 0; i < in->extra.n && i < EAL_EXTRA_MAX - 1; i++)
        c->eal.extra[i] = ((const char **)in->extra.items)[i];
    return 0;
}

static int fill_workers(struct switch_conf *c, const struct doc_array *in, struct errbuf *e)
{
    const uint16_t *cpus = in->items;
    const struct doc_node *list = doc_find(c->doc.root, "workers");

    c->has_workers = in->n > 0;
    c->n_workers = in->n ? (unsigned)in->n : 1;
    c->cpus[0] = -1;
    for (size_t i = 0; i < in->n; i++) {
        for (size_t k = 0; k < i; k++)
            if (cpus[k] == cpus[i])
                return doc_error(list->items[i], e, "CPU %u is named twice; a CPU can have one worker", cpus[i]);
        if (cpus[i] >= sysconf(_SC_NPROCESSORS_CONF))
            return doc_error(list->items[i], e, "there is no CPU %u here, the last one is %ld", cpus[i],
                             sysconf(_SC_NPROCESSORS_CONF) - 1);
        c->cpus[i] = cpus[i];
    }
    return 0;
}

static void host_id(char *text, size_t size)
{
    FILE *f = fopen("/etc/machine-id", "re");

    text[0] = '\0';
    if (f) {
        if (!fgets(text, (int)size, f))
            text[0] = '\0';
        fclose(f);
    }
    if (!text[0] && gethostname(text, size - 1))
        text[0] = '\0';
    text[size - 1] = '\0';
}

uint64_t switch_conf_default_dpid(const char *host, const char *run_dir, const char *bridge)
{
    const char *parts[] = { host, run_dir, bridge };
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a: the same on every machine and in every version */

    for (int i = 0; i < 3; i++) {
        const char *p = parts[i];

        do
            h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
        while (*p++);
    }
    h ^= h >> 32; /* the low 48 bits look like a locally administered MAC address */
    return (h & UINT64_C(0xfcffffffffff)) | UINT64_C(0x020000000000);
}

static int fill(struct switch_conf *c, const struct switch_conf_opts *opts, struct errbuf *e)
{
    struct file_doc file = { .run_dir = "/run/trama" };
    int err = doc_read_map(c->doc.root, file_fields, &file, e);
    char host[80];

    if (err)
        return err;
    c->tls = file.tls;
    c->run_dir = opts->run_dir ? opts->run_dir : file.run_dir;
    if (!opts->run_dir && c->run_dir[0] != '/')
        return doc_error(doc_find(c->doc.root, "run_dir"), e, "run_dir '%s' must begin with '/'", c->run_dir);
    c->bridges = arena_calloc(&c->doc.arena, file.bridges.n + 1, sizeof *c->bridges);
    if (!c->bridges)
        return errbuf_set(e, -ENOMEM, "%s: not enough memory", c->doc.name);
    c->n_bridges = file.bridges.n;
    err = fill_workers(c, &file.workers, e);
    if (!err)
        err = fill_dpdk(c, &file.dpdk);
    c->conns_max = file.conntrack.max;
    c->zones = file.conntrack.zones.items;
    c->n_zones = file.conntrack.zones.n;
    host_id(host, sizeof host);
    for (size_t i = 0; i < c->n_bridges && !err; i++) {
        err = fill_bridge(c, &c->bridges[i], &((struct bridge_doc *)file.bridges.items)[i], opts, e);
        if (!c->bridges[i].datapath_id)
            c->bridges[i].datapath_id = switch_conf_default_dpid(host, c->run_dir, c->bridges[i].name);
    }
    return err ? err : check_together(c, e);
}

static int finish(struct switch_conf *c, const struct switch_conf_opts *opts, struct errbuf *e)
{
    int err = c->doc.root ? fill(c, opts, e) : errbuf_set(e, -EINVAL, "%s: the file is empty", c->doc.name);

    if (err)
        switch_conf_fini(c);
    return err;
}

int switch_conf_open(struct switch_conf *c, const char *path, const struct switch_conf_opts *opts, struct errbuf *e)
{
    *c = (struct switch_conf){ 0 };

    int err = doc_open(&c->doc, path, e);

    return err ? err : finish(c, opts, e);
}

int switch_conf_parse(struct switch_conf *c, const char *name, const char *text, size_t len,
                      const struct switch_conf_opts *opts, struct errbuf *e)
{
    *c = (struct switch_conf){ 0 };

    int err = doc_parse(&c->doc, name, text, len, e);

    return err ? err : finish(c, opts, e);
}

void switch_conf_fini(struct switch_conf *c)
{
    doc_fini(&c->doc);
    *c = (struct switch_conf){ 0 };
}

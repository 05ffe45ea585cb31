/* SPDX-License-Identifier: Apache-2.0 */
/* compile.c - how long the controller takes for a large document.
 *   compile HOSTS SWITCHES LEARNED
 * Makes a document: four networks behind a router (one with a guard) and one outside, the hosts spread over the switches, links
 * from each to the first, 200 policies and 100 forwards that name hosts; and a view with as many hosts learned besides, each with
 * its address.  Prints one JSON object: milliseconds to read it and to compile all switches (the better of two), flows of all,
 * and the resident memory in MB. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/str.h"
#include "controller/compiler.h"

enum { NETWORKS = 4, POLICIES = 200, FORWARDS = 100, LEARNED_PORTS = 100 };

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void document(struct str *s, unsigned n_hosts, unsigned n_switches)
{
    str_add(s, "networks:\n");
    for (unsigned i = 0; i < NETWORKS; i++)
        str_printf(s, "  n%u: {vlan: %u, subnet: 10.%u.0.0/16, guard: %s}\n", i, 10 + i, i, i ? "false" : "true");
    str_add(s, "  world: {vlan: 100, subnet: 198.51.100.0/24}\nswitches:\n");
    for (unsigned i = 0; i < n_switches; i++) {
        str_printf(s, "  s%u: {datapath_id: %u, ports: {", i, i + 1);
        for (unsigned j = 0; j < LEARNED_PORTS; j++)
            str_printf(s, "x%u: {network: n%u}, ", j, j % NETWORKS);
        str_add(s, "}}\n");
    }
    str_add(s, "links:\n");
    for (unsigned i = 1; i < n_switches; i++)
        str_printf(s, "  - [s0:l%u, s%u:up]\n", i, i);
    str_add(s, "routers:\n  r:\n    gateway: s0\n    networks: {");
    for (unsigned i = 0; i < NETWORKS; i++)
        str_printf(s, "n%u: 10.%u.255.254, ", i, i);
    str_add(s, "world: 198.51.100.1}\n    outside: world\n    routes: [{to: 0.0.0.0/0, via: 198.51.100.2}]\n"
               "    source_nat: [{from: [n0, n1, n2, n3]}]\n    forwards:\n");
    for (unsigned i = 0; i < FORWARDS; i++)
        str_printf(s, "      - {protocol: tcp, port: %u, to: h%u, to_port: 80}\n", 8000 + i, i * (n_hosts / FORWARDS));
    str_add(s, "hosts:\n");
    for (unsigned i = 0; i < n_hosts; i++)
        str_printf(s, "  h%u: {network: n%u, switch: s%u, address: 10.%u.%u.%u}\n", i, i % NETWORKS,
                   i / NETWORKS % n_switches, i % NETWORKS, (i / NETWORKS + 1) >> 8, (i / NETWORKS + 1) & 255);
    str_add(s, "policies:\n");
    for (unsigned i = 0; i < POLICIES; i++)
        str_printf(s, "  - {name: p%u, from: h%u, to: [h%u, n1], protocol: tcp, port: 22, action: deny}\n", i,
                   i * (n_hosts / POLICIES), n_hosts - 1 - i);
}

/* Every port that the document names, numbered in its order. */
static void ports_make(struct view_switch *out, const struct net_doc *doc, int sw)
{
    const struct net_switch *s = &doc->switches[sw];
    struct view_port *p = calloc(2 * doc->n_links + s->n_ports + doc->n_hosts, sizeof *p);
    size_t n = 0;

    if (!p)
        abort();
    for (size_t i = 0; i < s->n_ports; i++)
        memcpy(p[n++].name, s->ports[i].port.name, PORT_NAME_SIZE);
    for (size_t i = 0; i < doc->n_links; i++)
        for (int j = 0; j < 2; j++)
            if (doc->links[i].end[j].sw == sw)
                memcpy(p[n++].name, doc->links[i].end[j].port.name, PORT_NAME_SIZE);
    for (size_t i = 0; i < doc->n_hosts; i++)
        if (doc->hosts[i].at.sw == sw)
            memcpy(p[n++].name, doc->hosts[i].at.port.name, PORT_NAME_SIZE);
    for (size_t i = 0; i < n; i++) {
        p[i].number = (uint32_t)(i + 1);
        p[i].is_up = true;
    }
    *out = (struct view_switch){ .is_live = true, .has_ports = true, .is_trama = true, .n_ports = n, .ports = p };
}

static void learned_make(struct view *v, const struct net_doc *doc, size_t n)
{
    struct view_host *hosts = calloc(n + 1, sizeof *hosts);
    struct view_neighbor *neighbors = calloc(n + 1, sizeof *neighbors);

    if (!hosts || !neighbors)
        abort();
    for (size_t i = 0; i < n; i++) {
        unsigned port = (unsigned)(i / doc->n_switches % LEARNED_PORTS), network = port % NETWORKS;
        net_mac mac = UINT64_C(0x060000000000) | i;

        hosts[i] = (struct view_host){ mac, (int)network, (int)(i % doc->n_switches), port + 1 };
        neighbors[i] = (struct view_neighbor){
            (int)network, { 4, 32, { 10, (uint8_t)network, (uint8_t)(200 + (i >> 8) % 50), (uint8_t)i } }, mac
        };
    }
    v->hosts = hosts;
    v->neighbors = neighbors;
    v->n_hosts = v->n_neighbors = n;
}

static double compile_once(const struct net_doc *doc, const struct view *v, size_t *n_flows)
{
    bool *tree = calloc(doc->n_networks * doc->n_links + 1, sizeof *tree);
    double began = now_ms(), took;
    struct plan plan;

    if (!tree || compile_trees(doc, v, tree) || compile(&plan, doc, v, tree))
        abort();
    took = now_ms() - began;
    *n_flows = 0;
    for (size_t i = 0; i < doc->n_switches; i++)
        *n_flows += flow_set_count(&plan.flows[i]);
    for (size_t i = 0; i < plan.n_problems && i < 3; i++)
        fprintf(stderr, "%s\n", plan.problems[i].text);
    plan_fini(&plan);
    free(tree);
    return took;
}

int main(int argc, char **argv)
{
    enum { SWITCHES = 256 };
    static struct view_switch switches[SWITCHES];
    static bool link_is_up[SWITCHES];
    unsigned n_hosts = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    unsigned n_switches = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 10;
    size_t n_learned = argc > 3 ? strtoul(argv[3], NULL, 10) : 0, n_flows;
    struct view v = { .switches = switches, .link_is_up = link_is_up };
    struct errbuf e = { 0 };
    struct net_doc *doc;
    struct str text = { 0 };
    struct rusage usage;
    double began, read_ms, first, second;

    if (n_hosts < POLICIES || !n_switches || n_switches > SWITCHES)
        return 2;
    document(&text, n_hosts, n_switches);
    began = now_ms();
    if (net_doc_parse(&doc, "bench.yaml", str_text(&text), text.len, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    read_ms = now_ms() - began;
    for (unsigned i = 0; i < n_switches; i++) {
        link_is_up[i] = true;
        ports_make(&switches[i], doc, (int)i);
    }
    learned_make(&v, doc, n_learned);
    first = compile_once(doc, &v, &n_flows);
    second = compile_once(doc, &v, &n_flows);
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"hosts\": %u, \"switches\": %u, \"learned\": %zu, ", n_hosts, n_switches, n_learned);
    printf("\"read_ms\": %.1f, \"compile_ms\": %.1f, \"flows\": %zu, \"mb\": %ld}\n", read_ms,
           first < second ? first : second, n_flows, usage.ru_maxrss / 1024);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* net_world.c - see net_world.h. */
#include "net_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A reproducible generator (xorshift64*). */
static uint64_t seed;

void world_seed(unsigned round)
{
    seed = round * UINT64_C(0x9e3779b97f4a7c15);
}

unsigned pick(unsigned n)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (unsigned)((seed * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

static struct net_doc *parse(const char *text)
{
    struct errbuf e = { 0 };
    struct net_doc *doc = NULL;

    if (net_doc_parse(&doc, "w.yaml", text, strlen(text), &e))
        fail_msg("%s\n%s", e.text, text);
    return doc;
}

static void port_add(struct world *w, const struct net_end *end)
{
    struct view_switch *sw = &w->switches[end->sw];
    struct view_port *p = &w->ports[end->sw][sw->n_ports];

    if (view_port_number(sw, &end->port))
        return;
    assert_true(sw->n_ports < WORLD_PORTS_MAX);
    p->number = end->port.number ? end->port.number : (unsigned)(100 * (end->sw + 1) + (int)sw->n_ports);
    snprintf(p->name, sizeof p->name, "%s", end->port.name[0] ? end->port.name : "by-number");
    p->is_up = true;
    sw->n_ports++;
}

void world_init(struct world *w, const char *text)
{
    *w = (struct world){ .doc = parse(text) };
    for (size_t i = 0; i < w->doc->n_switches; i++)
        w->switches[i] = (struct view_switch){ .is_live = true, .has_ports = true, .ports = w->ports[i] };
    for (size_t i = 0; i < w->doc->n_links; i++) {
        port_add(w, &w->doc->links[i].end[0]);
        port_add(w, &w->doc->links[i].end[1]);
        w->link_is_up[i] = true;
    }
    for (size_t i = 0; i < w->doc->n_hosts; i++)
        port_add(w, &w->doc->hosts[i].at);
    for (size_t i = 0; i < w->doc->n_switches; i++)
        for (size_t j = 0; j < w->doc->switches[i].n_ports; j++)
            port_add(w, &(struct net_end){ (int)i, w->doc->switches[i].ports[j].port });
    w->view = (struct view){ .switches = w->switches, .link_is_up = w->link_is_up };
}

void world_fini(struct world *w)
{
    net_doc_free(w->doc);
}

uint32_t host_port(const struct world *w, int host)
{
    return view_port_number(&w->switches[w->doc->hosts[host].at.sw], &w->doc->hosts[host].at.port);
}

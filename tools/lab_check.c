/* SPDX-License-Identifier: Apache-2.0 */
/* lab_check.c - which documents make a lab; see lab_up.h.  What is wrong with a document as such net_doc has said before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/lab_up.h"

static int wrong(const struct net_doc *doc, unsigned line, struct errbuf *e)
{
    errbuf_prefix(e, "%s:%u", doc->file, line);
    return -EINVAL;
}

/* A shared port stands for a whole segment of somebody else's. */
static int check_shared(const struct net_doc *doc, struct errbuf *e)
{
    char port[NET_PORT_NAME];

    for (size_t i = 0; i < doc->n_hosts; i++)
        for (size_t k = 0; k < i; k++) {
            const struct net_host *a = &doc->hosts[k], *b = &doc->hosts[i];

            if (a->kind == NET_HOST_EXTERNAL || b->kind == NET_HOST_EXTERNAL || a->at.sw != b->at.sw ||
                !net_port_same(&a->at.port, &b->at.port))
                continue;
            errbuf_set(e, -EINVAL, "host %s: a lab gives each host a port of its own, and port %s is that of host %s",
                       b->name, net_port_text(&b->at.port, port), a->name);
            return wrong(doc, b->line, e);
        }
    return 0;
}

/* Whether a port of this switch is called `name`. */
static bool has_port(const struct net_doc *doc, int sw, const char *name)
{
    for (size_t i = 0; i < doc->n_hosts; i++)
        if (doc->hosts[i].at.sw == sw && !strcmp(doc->hosts[i].at.port.name, name))
            return true;
    for (size_t i = 0; i < doc->n_links; i++)
        for (int k = 0; k < 2; k++)
            if (doc->links[i].end[k].sw == sw && !strcmp(doc->links[i].end[k].port.name, name))
                return true;
    return false;
}

/* A port that has a number gets a name, which nobody else may have. */
static int check_number(const struct net_doc *doc, const struct net_end *end, unsigned line, struct errbuf *e)
{
    char name[NET_PORT_NAME];

    if (!end->port.number || !has_port(doc, end->sw, lab_port_name(&end->port, name)))
        return 0;
    errbuf_set(e, -EINVAL, "port %u of switch %s is called %s in a lab, as another port of that switch is",
               (unsigned)end->port.number, doc->switches[end->sw].name, name);
    return wrong(doc, line, e);
}

static int check_numbers(const struct net_doc *doc, struct errbuf *e)
{
    int err = 0;

    for (size_t i = 0; i < doc->n_hosts && !err; i++)
        err = check_number(doc, &doc->hosts[i].at, doc->hosts[i].line, e);
    for (size_t i = 0; i < 2 * doc->n_links && !err; i++)
        err = check_number(doc, &doc->links[i / 2].end[i % 2], doc->links[i / 2].line, e);
    return err;
}

static int root_of(const int *above, int sw)
{
    while (above[sw] != sw)
        sw = above[sw];
    return sw;
}

/* Switches that stand alone flood a loop for ever. */
static int check_loop(const struct net_doc *doc, struct errbuf *e)
{
    int *above = calloc(doc->n_switches, sizeof *above), err = 0;

    if (!above)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    for (size_t i = 0; i < doc->n_switches; i++)
        above[i] = (int)i;
    for (size_t i = 0; i < doc->n_links && !err; i++) {
        const struct net_link *l = &doc->links[i];
        int a = root_of(above, l->end[0].sw), b = root_of(above, l->end[1].sw);

        if (a == b) {
            errbuf_set(e, -EINVAL, "this link closes a loop, and without a controller its broadcasts would never end");
            err = wrong(doc, l->line, e);
        }
        above[a] = b;
    }
    free(above);
    return err;
}

int lab_check(const struct net_doc *doc, struct errbuf *e)
{
    int err = check_shared(doc, e);

    if (!err)
        err = check_numbers(doc, e);
    if (!err && !doc->is_controlled)
        err = check_loop(doc, e);
    return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* net_doc_expect.c - see net_doc_expect.h. */
#include "net/net_doc_expect.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WITHIN_WORKS_MS = 5000, WITHIN_FAILS_MS = 1000 };

static const char *const kind_names[] = {
    [NET_EXPECT_PING] = "ping",   [NET_EXPECT_TCP] = "tcp", [NET_EXPECT_UDP] = "udp",
    [NET_EXPECT_FLOOD] = "flood", [NET_EXPECT_CUT] = "cut", [NET_EXPECT_RESTORE] = "restore",
};

/* Which of the kinds this entry is: exactly one key of them. */
static int kind_find(const struct raw_expect *raw, struct net_expect *out, struct errbuf *e)
{
    const bool given[] = { raw->ping.text, raw->tcp.text, raw->udp.text, raw->flood.text, raw->cut.n, raw->restore.n };
    size_t n = 0;

    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        n += given[i];
        if (given[i])
            out->kind = (enum net_expect_kind)i;
    }
    if (n != 1)
        return doc_error(raw->node, e,
                         "expect: an entry has one of the keys ping, tcp, udp, flood, cut, restore; this one has %zu",
                         n);
    return 0;
}

/* Names, or `all`, to indexes. */
static int hosts_find(struct net_doc *doc, const struct doc_array *raw, const int **out, size_t *n_out,
                      struct errbuf *e)
{
    const struct raw_word *words = raw->items;
    bool is_all = raw->n == 1 && !strcmp(words[0].text, "all");
    size_t n = is_all ? doc->n_hosts : raw->n;
    int *list = arena_calloc(&doc->source.arena, n ? n : 1, sizeof *list);

    if (!list)
        return errbuf_set(e, -ENOMEM, "%s: not enough memory", doc->file);
    for (size_t i = 0; i < n; i++) {
        list[i] = is_all ? (int)i : net_doc_host(doc, words[i].text);
        if (list[i] == NET_NONE)
            return doc_error(words[i].node, e, "expect: there is no host '%.64s'", words[i].text);
    }
    *out = list;
    *n_out = n;
    return 0;
}

static bool has_family(const struct net_host *h, uint8_t family)
{
    for (size_t i = 0; i < h->n_addresses; i++)
        if (h->addresses[i].family == family)
            return true;
    return false;
}

/* Every pair must have addresses that can be tried. */
static int pairs_check(const struct net_doc *doc, const struct raw_expect *raw, const struct net_expect *x,
                       struct errbuf *e)
{
    size_t n = 0;

    for (size_t i = 0; i < x->n_from; i++) {
        for (size_t j = 0; j < x->n_to; j++) {
            const struct net_host *a = &doc->hosts[x->from[i]], *b = &doc->hosts[x->to[j]];
            bool is_4 = has_family(b, 4) || x->at.family == 4, is_6 = has_family(b, 6) || x->at.family == 6;
            bool has_v4 = is_4 && (has_family(a, 4) || a->has_dhcp), has_v6 = is_6 && has_family(a, 6);

            if (a == b)
                continue;
            n++;
            if (x->family == 4 ? !has_v4 : x->family == 6 ? !has_v6 : !has_v4 && !has_v6)
                return doc_error(raw->node, e, "expect: hosts %s and %s have no addresses of the same %s to try",
                                 a->name, b->name,
                                 x->family == 4   ? "family IPv4"
                                 : x->family == 6 ? "family IPv6"
                                                  : "family");
        }
    }
    return n ? 0 : doc_error(raw->node, e, "expect: 'from' and 'to' name no two different hosts");
}

static int works_read(const struct raw_word *w, struct net_expect *out, struct errbuf *e)
{
    out->must_work = !strcmp(w->text, "works");
    if (!out->must_work && strcmp(w->text, "fails") != 0)
        return doc_error(w->node, e, "expect: '%.64s' is not one of: works, fails", w->text);
    return 0;
}

/* ping, tcp, udp */
static int try_make(struct net_doc *doc, const struct raw_expect *raw, struct net_expect *out, struct errbuf *e)
{
    const struct raw_word *verbs[] = { &raw->ping, &raw->tcp, &raw->udp };
    int err = works_read(verbs[out->kind], out, e);

    if (err)
        return err;
    if (!raw->from.n || !raw->to.n)
        return doc_error(raw->node, e, "expect: the key '%s' is missing", raw->from.n ? "to" : "from");
    if (raw->port_word.text && out->kind == NET_EXPECT_PING)
        return doc_error(raw->port_word.node, e, "expect: 'port' does not go with ping");
    if (raw->listen && out->kind == NET_EXPECT_PING)
        return doc_error(raw->node, e, "expect: 'listen' does not go with ping");
    if (raw->at.has_prefix)
        return doc_error(raw->at.node, e, "expect: at: an address without prefix length is expected");
    if (raw->at.ip.family && raw->family && raw->at.ip.family != raw->family)
        return doc_error(raw->at.node, e, "expect: 'at' is not of family %u", raw->family);
    out->port = out->kind == NET_EXPECT_PING ? 0 : raw->port ? raw->port : NET_EXPECT_PORT;
    out->listen = raw->listen ? raw->listen : out->port;
    out->at = raw->at.ip;
    out->family = raw->at.ip.family ? raw->at.ip.family : raw->family;
    if (!raw->has_within)
        out->within_ms = out->must_work ? WITHIN_WORKS_MS : WITHIN_FAILS_MS;
    err = hosts_find(doc, &raw->from, &out->from, &out->n_from, e);
    if (!err)
        err = hosts_find(doc, &raw->to, &out->to, &out->n_to, e);
    if (!err)
        err = pairs_check(doc, raw, out, e);
    return err;
}

static int flood_make(struct net_doc *doc, const struct raw_expect *raw, struct net_expect *out, struct errbuf *e)
{
    if (strcmp(raw->flood.text, "once") != 0)
        return doc_error(raw->flood.node, e, "expect: '%.64s' is not possible for flood, only once", raw->flood.text);
    if (!raw->from.n)
        return doc_error(raw->node, e, "expect: the key 'from' is missing");
    if (raw->to.n || raw->port_word.text || raw->family_word.text || raw->listen || raw->at.ip.family)
        return doc_error(raw->node, e, "expect: 'to', 'port', 'listen', 'at' and 'family' do not go with flood");
    if (!raw->has_within)
        out->within_ms = WITHIN_WORKS_MS;
    return hosts_find(doc, &raw->from, &out->from, &out->n_from, e);
}

static bool is_end(const struct net_doc *doc, const struct net_end *end, const struct raw_end *raw)
{
    return !strcmp(doc->switches[end->sw].name, raw->sw) && net_port_same(&end->port, &raw->port);
}

/* cut, restore; `is_cut`: state of each link after the entries before this one. */
static int link_make(const struct net_doc *doc, const struct raw_expect *raw, struct net_expect *out, bool *is_cut,
                     struct errbuf *e)
{
    const struct raw_end *ends = out->kind == NET_EXPECT_CUT ? raw->cut.items : raw->restore.items;
    const char *verb = kind_names[out->kind];

    if (raw->from.n || raw->to.n || raw->port_word.text || raw->family_word.text || raw->has_within || raw->listen ||
        raw->at.ip.family)
        return doc_error(raw->node, e,
                         "expect: 'from', 'to', 'port', 'listen', 'at', 'family' and 'within' do not go with %s", verb);
    for (size_t i = 0; i < doc->n_links && out->link == NET_NONE; i++) {
        const struct net_end *end = doc->links[i].end;

        if ((is_end(doc, &end[0], &ends[0]) && is_end(doc, &end[1], &ends[1])) ||
            (is_end(doc, &end[0], &ends[1]) && is_end(doc, &end[1], &ends[0])))
            out->link = (int)i;
    }
    if (out->link == NET_NONE)
        return doc_error(raw->node, e, "expect: %s names no link of the document", verb);
    if (is_cut[out->link] == (out->kind == NET_EXPECT_CUT))
        return doc_error(raw->node, e, "expect: %s of a link that is %s", verb,
                         is_cut[out->link] ? "cut already" : "not cut");
    is_cut[out->link] = !is_cut[out->link];
    return 0;
}

int net_doc_expect(struct net_doc *doc, const struct doc_array *raw, struct errbuf *e)
{
    const struct raw_expect *r = raw->items;
    struct net_expect *list = arena_calloc(&doc->source.arena, raw->n ? raw->n : 1, sizeof *list);
    bool *is_cut = arena_calloc(&doc->source.arena, doc->n_links ? doc->n_links : 1, sizeof *is_cut);
    int err = 0;

    if (!list || !is_cut)
        return errbuf_set(e, -ENOMEM, "%s: not enough memory", doc->file);
    doc->expects = list;
    doc->n_expects = raw->n;
    for (size_t i = 0; i < raw->n && !err; i++) {
        list[i] = (struct net_expect){ .line = r[i].node->line,
                                       .link = NET_NONE,
                                       .within_ms = (uint32_t)(r[i].within_ns / NSEC_PER_MS) };
        err = kind_find(&r[i], &list[i], e);
        if (err)
            break;
        switch (list[i].kind) {
        case NET_EXPECT_PING:
        case NET_EXPECT_TCP:
        case NET_EXPECT_UDP:
            err = try_make(doc, &r[i], &list[i], e);
            break;
        case NET_EXPECT_FLOOD:
            err = flood_make(doc, &r[i], &list[i], e);
            break;
        case NET_EXPECT_CUT:
        case NET_EXPECT_RESTORE:
            err = link_make(doc, &r[i], &list[i], is_cut, e);
            break;
        }
    }
    return err;
}

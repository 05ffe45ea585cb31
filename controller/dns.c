/* SPDX-License-Identifier: Apache-2.0 */
/* dns.c - see dns.h. */
#include "controller/dns_impl.h"

#include "controller/dns64.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    EDNS_DO = 0x8000,
    ODD = 1, /* in a name's text: a byte that no declared name has */
};

/* --- reading --- */
/* A name without pointers: there is nothing before a question that one could lead to. */
static bool question_name(struct rd *r, char out[DNS_NAME_SIZE])
{
    size_t len = 0, label;

    while ((label = rd_u8(r)) != 0) {
        const uint8_t *p = label <= LABEL_MAX ? rd_bytes(r, label) : NULL;

        if (!p || len + label + 2 > DNS_NAME_SIZE - 1)
            return false;
        if (len)
            out[len++] = '.';
        for (size_t i = 0; i < label; i++)
            out[len++] =
                p[i] > ' ' && p[i] < 127 && p[i] != '.' ? (char)(p[i] | (p[i] >= 'A' && p[i] <= 'Z' ? 0x20 : 0)) : ODD;
    }
    out[len] = '\0';
    return !r->bad;
}

/* Past a name, whatever it is: a pointer ends it, so that none is followed and none can lead in a circle. */
static void name_skip(struct rd *r)
{
    uint8_t label;

    while ((label = rd_u8(r)) != 0 && !r->bad) {
        if (label >= 0xc0) {
            rd_skip(r, 1);
            return;
        }
        if (label > LABEL_MAX)
            r->bad = true;
        rd_skip(r, label);
    }
}

/* The records behind the question: the OPT one is looked at, there may be one of it (RFC 6891, 6.1.1). */
static bool additional_read(struct query *q, struct rd *r, unsigned n_records)
{
    for (unsigned i = 0; i < n_records; i++) {
        bool is_root = r->left && *r->p == 0;
        uint16_t type;
        size_t at;

        name_skip(r);
        type = rd_u16(r);
        at = (size_t)(r->p - q->bytes);
        if (type == TYPE_OPT) {
            if (q->opt_at || !is_root)
                return false;
            q->opt_at = at;
            q->size = rd_u16(r);
            rd_skip(r, 1);
            q->version = rd_u8(r);
            q->wants_dnssec = rd_u16(r) & EDNS_DO;
        } else {
            rd_skip(r, 6);
        }
        rd_skip(r, rd_u16(r));
        if (r->bad)
            return false;
    }
    return true;
}

enum dns_rcode dns_query_read(struct query *q, const uint8_t *bytes, size_t n)
{
    struct rd r = rd_init(bytes, n);
    uint16_t n_questions, n_answers, n_authorities, n_additional;

    *q = (struct query){ .bytes = bytes };
    rd_skip(&r, 2);
    q->flags = rd_u16(&r);
    n_questions = rd_u16(&r);
    n_answers = rd_u16(&r);
    n_authorities = rd_u16(&r);
    n_additional = rd_u16(&r);
    if (q->flags & OPCODE_MASK)
        return DNS_NOTIMP;
    if (n_questions != 1 || n_answers || n_authorities || !question_name(&r, q->name))
        return DNS_FORMERR;
    q->type = rd_u16(&r);
    q->class = rd_u16(&r);
    if (r.bad)
        return DNS_FORMERR;
    q->end = (size_t)(r.p - bytes);
    if (!additional_read(q, &r, n_additional))
        return DNS_FORMERR;
    if (q->size < PLAIN_MAX)
        q->size = PLAIN_MAX;
    else if (q->size > DNS_ANSWER_MAX)
        q->size = DNS_ANSWER_MAX;
    return q->version ? DNS_BADVERS : DNS_NOERROR;
}

/* --- writing --- */
void dns_reply_begin(struct reply *a, struct wr *w, const struct query *q, uint16_t flags)
{
    *a = (struct reply){ .w = w, .q = q, .start = w->len, .flags = (uint16_t)(FLAG_QR | flags) };
    wr_bytes(w, q->bytes, 2);
    wr_u16(w, 0);
    wr_u16(w, q->end ? 1 : 0);
    wr_zero(w, 6);
    if (q->end)
        wr_bytes(w, q->bytes + DNS_HEADER, q->end - DNS_HEADER);
}

void dns_reply_end(struct reply *a, enum dns_rcode rcode)
{
    const struct query *q = a->q;

    wr_patch_u16(a->w, a->start + 2,
                 (uint16_t)(a->flags | (q->flags & (OPCODE_MASK | FLAG_RD | FLAG_CD)) | FLAG_RA | (rcode & 0xf)));
    wr_patch_u16(a->w, a->start + 6, a->n_answers);
    wr_patch_u16(a->w, a->start + 8, a->n_authorities);
    if (!q->opt_at)
        return;
    wr_patch_u16(a->w, a->start + 10, 1);
    wr_u8(a->w, 0);
    wr_u16(a->w, TYPE_OPT);
    wr_u16(a->w, DNS_ANSWER_MAX);
    wr_u32(a->w, (uint32_t)rcode >> 4 << 24);
    wr_u16(a->w, 0);
}

static void wr_name(struct wr *w, const char *name)
{
    while (*name) {
        size_t n = strcspn(name, ".");

        wr_u8(w, (uint8_t)n);
        wr_bytes(w, name, n);
        name += n + (name[n] == '.');
    }
    wr_u8(w, 0);
}

/* A record about the name that was asked for; one that does not fit is left out, and the answer says so. */
static void record(struct reply *a, enum type type, const uint8_t *data, size_t n)
{
    size_t opt = a->q->opt_at ? OPT_SIZE : 0;

    if (a->w->len - a->start + DNS_HEADER + n + opt > a->q->size) {
        a->flags |= FLAG_TC;
        return;
    }
    wr_u16(a->w, QUESTION_NAME);
    wr_u16(a->w, (uint16_t)type);
    wr_u16(a->w, CLASS_IN);
    wr_u32(a->w, DNS_TTL_S);
    wr_u16(a->w, (uint16_t)n);
    wr_bytes(a->w, data, n);
    a->n_answers++;
}

void dns_refuse(struct wr *w, const uint8_t *query, size_t n, enum dns_rcode rcode)
{
    struct query q;
    struct reply a;

    (void)dns_query_read(&q, query, n);
    dns_reply_begin(&a, w, &q, 0);
    dns_reply_end(&a, rcode);
}

void dns_cut(struct wr *w, const uint8_t *query, size_t n)
{
    struct query q;
    struct reply a;

    (void)dns_query_read(&q, query, n);
    dns_reply_begin(&a, w, &q, FLAG_TC);
    dns_reply_end(&a, DNS_NOERROR);
}

void dns_limit(uint8_t *query, size_t n)
{
    struct query q;

    if (dns_query_read(&q, query, n) == DNS_NOERROR && q.opt_at && be16_load(query + q.opt_at) > DNS_ANSWER_MAX)
        be16_store(query + q.opt_at, DNS_ANSWER_MAX);
}

bool dns_is_answer(const uint8_t *query, size_t n, const uint8_t *answer, size_t n_answer)
{
    struct query q;

    return dns_query_read(&q, query, n) == DNS_NOERROR && n_answer >= q.end && !memcmp(query, answer, 2) &&
           (be16_load(answer + 2) & (FLAG_QR | OPCODE_MASK)) == FLAG_QR && be16_load(answer + 4) == 1 &&
           !memcmp(query + DNS_HEADER, answer + DNS_HEADER, q.end - DNS_HEADER);
}

/* --- what the document says --- */
/* Whose names are asked for. */
struct zone {
    const struct net_doc *doc;
    const struct net_router *router;
    const struct net_leg *leg; /* that the asker is at */
    char apex[DNS_NAME_SIZE];  /* of what the question belongs to: the owner of its SOA record */
};

/* What is known about the name. */
struct found {
    bool is_ours, is_there; /* of this zone; exists, at least on the way to another name */
    struct ip_addr reverse; /* that it is the reverse name of; family 0: none */
};

static void full_name(const struct zone *z, const char *name, char out[DNS_NAME_SIZE])
{
    const char *domain = z->router->dns->domain;

    snprintf(out, DNS_NAME_SIZE, "%.31s%s%.220s", name, domain[0] ? "." : "", domain);
}

static bool is_router_network(const struct zone *z, int network)
{
    return z->doc->networks[network].router == (int)(z->router - z->doc->routers);
}

/* `name` without its domain; whether something is called so, or ends so. */
static bool is_called(const struct zone *z, const char *name)
{
    size_t n = strlen(name);

    if (!strcasecmp(name, z->router->name))
        return true;
    for (size_t i = 0; i < z->doc->n_hosts; i++) {
        const char *host = z->doc->hosts[i].name;
        size_t len = strlen(host);

        if (is_router_network(z, z->doc->hosts[i].network) && len >= n && !strcasecmp(host + len - n, name) &&
            (len == n || host[len - n - 1] == '.'))
            return true;
    }
    return false;
}

/* Takes the domain off the end; false: it is not there. */
static bool in_domain(const char *domain, char *name)
{
    size_t n = strlen(name), len = strlen(domain);

    if (!len || n < len || strcasecmp(name + n - len, domain) != 0)
        return false;
    if (n == len) {
        *name = '\0';
        return true;
    }
    if (name[n - len - 1] != '.')
        return false;
    name[n - len - 1] = '\0';
    return true;
}

/* "2.10.0.10.in-addr.arpa" and "...ip6.arpa" (RFC 1035, 3.5; RFC 3596, 2.5): the prefix that it names. */
static bool reverse_read(const char *name, struct ip_addr *out)
{
    char rest[DNS_NAME_SIZE];
    unsigned n_parts = 0, most, bits, value;

    snprintf(rest, sizeof rest, "%s", name);
    *out = (struct ip_addr){ .family = 4 };
    if (!in_domain("in-addr.arpa", rest)) {
        out->family = 6;
        if (!in_domain("ip6.arpa", rest))
            return false;
    }
    bits = out->family == 4 ? 8 : 4;
    most = out->family == 4 ? 4 : 32;
    while (rest[0]) {
        char *dot = strrchr(rest, '.'), *part = dot ? dot + 1 : rest;
        int end = 0;

        if (n_parts == most || sscanf(part, bits == 8 ? "%3u%n" : "%1x%n", &value, &end) != 1 || part[end] ||
            part[0] == '+' || part[0] == '-' || value >> bits || (bits == 8 && part[0] == '0' && part[1]))
            return false;
        out->bytes[n_parts * bits / 8] |= (uint8_t)(bits == 8 ? value : value << (n_parts & 1 ? 0 : 4));
        n_parts++;
        *(dot ? dot : rest) = '\0';
    }
    out->prefix_len = (uint8_t)(n_parts * bits);
    return true;
}

/* The name cut to its last `n` labels. */
static const char *last_labels(const char *name, unsigned n)
{
    const char *p = name + strlen(name);

    while (p > name && (n -= *p == '.'))
        p--;
    return *p == '.' ? p + 1 : p;
}

static void find_reverse(struct zone *z, const struct query *q, struct found *f)
{
    struct ip_addr ip;

    if (!reverse_read(q->name, &ip))
        return;
    for (size_t i = 0; i < z->router->n_legs; i++) {
        const struct net_network *n = &z->doc->networks[z->router->legs[i].network];

        for (size_t j = 0; !z->router->legs[i].is_outside && j < n->n_subnets; j++) {
            unsigned bits = ip.family == 4 ? 8 : 4;
            unsigned labels = (n->subnets[j].prefix_len + bits - 1) / bits + 2;

            if (ip.family != n->subnets[j].family || ip.prefix_len < n->subnets[j].prefix_len ||
                !ip_is_in(&ip, &n->subnets[j]))
                continue;
            f->is_ours = true;
            f->is_there = ip.prefix_len < (ip.family == 4 ? 32 : 128);
            f->reverse = f->is_there ? (struct ip_addr){ 0 } : ip;
            snprintf(z->apex, sizeof z->apex, "%s", last_labels(q->name, labels));
        }
    }
}

static void find_name(struct zone *z, const struct query *q, struct found *f, char name[DNS_NAME_SIZE])
{
    snprintf(name, DNS_NAME_SIZE, "%s", q->name);
    if (in_domain(z->router->dns->domain, name)) {
        f->is_ours = true;
        f->is_there = !name[0] || is_called(z, name);
        snprintf(z->apex, sizeof z->apex, "%s", z->router->dns->domain);
    } else if (name[0] && !strchr(name, '.') && is_called(z, name)) {
        f->is_ours = f->is_there = true;
        snprintf(z->apex, sizeof z->apex, "%s", q->name);
    } else {
        find_reverse(z, q, f);
    }
}

static void addresses(struct reply *a, const struct ip_addr *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum type type = list[i].family == 4 ? TYPE_A : TYPE_AAAA;

        if (a->q->type == type || a->q->type == TYPE_ANY)
            record(a, type, list[i].bytes, list[i].family == 4 ? 4 : 16);
    }
}

/* DNS64 (RFC 6147): hosts outside without IPv6 are reached by the router's NAT64. */
static void synthesize(const struct zone *z, struct reply *a, const struct net_host *h)
{
    const struct net_leg *leg = net_doc_leg(z->doc, h->network);

    for (size_t i = 0; z->router->nat64 && leg->is_outside && i < h->n_addresses; i++) {
        struct ip_addr ip;

        if (h->addresses[i].family != 4)
            continue;
        ip = dns64_address(&z->router->nat64->prefix, h->addresses[i].bytes);
        record(a, TYPE_AAAA, ip.bytes, 16);
    }
}

static void answer_name(const struct zone *z, struct reply *a, const char *name)
{
    bool is_host = false;

    for (size_t i = 0; i < z->doc->n_hosts; i++) {
        const struct net_host *h = &z->doc->hosts[i];

        if (!is_router_network(z, h->network) || strcasecmp(h->name, name) != 0)
            continue;
        is_host = true;
        addresses(a, h->addresses, h->n_addresses);
        if (!a->n_answers && a->q->type == TYPE_AAAA)
            synthesize(z, a, h);
    }
    if (!is_host && !strcasecmp(z->router->name, name))
        addresses(a, z->leg->addresses, z->leg->n_addresses);
}

static void pointer(struct reply *a, const struct zone *z, const char *name)
{
    char full[DNS_NAME_SIZE];
    struct wr data;

    wr_init(&data);
    full_name(z, name, full);
    wr_name(&data, full);
    if (data.bad)
        a->w->bad = true;
    else
        record(a, TYPE_PTR, data.p, data.len);
    wr_fini(&data);
}

/* Whether somebody has the address. */
static bool answer_reverse(const struct zone *z, struct reply *a, const struct ip_addr *ip)
{
    bool is_asked = a->q->type == TYPE_PTR || a->q->type == TYPE_ANY, is_there = false;

    for (size_t i = 0; i < z->doc->n_hosts; i++)
        for (size_t j = 0; is_router_network(z, z->doc->hosts[i].network) && j < z->doc->hosts[i].n_addresses; j++) {
            if (!ip_equal(&z->doc->hosts[i].addresses[j], ip))
                continue;
            is_there = true;
            if (is_asked)
                pointer(a, z, z->doc->hosts[i].name);
        }
    for (size_t i = 0; i < z->router->n_legs; i++)
        for (size_t j = 0; j < z->router->legs[i].n_addresses; j++) {
            if (!ip_equal(&z->router->legs[i].addresses[j], ip))
                continue;
            is_there = true;
            if (is_asked)
                pointer(a, z, z->router->name);
        }
    return is_there;
}

/* RFC 2308, 3: with an empty answer, so that it is remembered; and the answer when it is asked for at the apex. */
static void soa(const struct zone *z, struct reply *a, bool is_asked)
{
    size_t before = a->w->len, at;
    char server[DNS_NAME_SIZE];

    full_name(z, z->router->name, server);
    wr_name(a->w, z->apex);
    wr_u16(a->w, TYPE_SOA);
    wr_u16(a->w, CLASS_IN);
    wr_u32(a->w, DNS_TTL_S);
    at = a->w->len;
    wr_u16(a->w, 0);
    wr_name(a->w, server);
    wr_bytes(a->w, "\012hostmaster", 11);
    wr_name(a->w, z->apex);
    wr_u32(a->w, 1);
    wr_u32(a->w, 3600); /* refresh, retry, expire: nobody transfers it */
    wr_u32(a->w, 600);
    wr_u32(a->w, 86400);
    wr_u32(a->w, DNS_TTL_S);
    wr_patch_u16(a->w, at, (uint16_t)(a->w->len - at - 2));
    if (a->w->len - a->start + (a->q->opt_at ? OPT_SIZE : 0) > a->q->size) {
        a->w->len = before;
        a->flags |= FLAG_TC;
    } else if (is_asked) {
        a->n_answers++;
    } else {
        a->n_authorities++;
    }
}

static void answer(struct zone *z, const struct query *q, struct found *f, const char *name, struct wr *w)
{
    struct reply a;

    dns_reply_begin(&a, w, q, FLAG_AA);
    if (f->reverse.family)
        f->is_there = answer_reverse(z, &a, &f->reverse);
    else if (f->is_there && name[0])
        answer_name(z, &a, name);
    if (q->type == TYPE_SOA && f->is_there && !strcasecmp(q->name, z->apex))
        soa(z, &a, true);
    else if (!a.n_answers && !(a.flags & FLAG_TC))
        soa(z, &a, false);
    dns_reply_end(&a, f->is_there ? DNS_NOERROR : DNS_NXDOMAIN);
}

enum dns_verdict dns_serve(const struct net_doc *doc, int network, const uint8_t *query, size_t n, struct wr *w)
{
    struct zone z = { .doc = doc, .leg = net_doc_leg(doc, network) };
    struct found f = { 0 };
    char name[DNS_NAME_SIZE];
    enum dns_rcode bad;
    struct query q;

    if (n < DNS_HEADER || query[2] & 0x80 || !z.leg)
        return DNS_DROP;
    z.router = &doc->routers[doc->networks[network].router];
    bad = dns_query_read(&q, query, n);
    if (bad || !z.router->dns) {
        dns_refuse(w, query, n, bad ? bad : DNS_REFUSED);
        return DNS_ANSWER;
    }
    if (q.class == CLASS_IN)
        find_name(&z, &q, &f, name);
    if (f.is_ours)
        answer(&z, &q, &f, name, w);
    else if (z.router->dns->n_forward)
        return DNS_FORWARD;
    else
        dns_refuse(w, query, n, DNS_REFUSED);
    return DNS_ANSWER;
}

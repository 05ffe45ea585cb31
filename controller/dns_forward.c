/* SPDX-License-Identifier: Apache-2.0 */
/* dns_forward.c - see dns_forward.h. */
#include "controller/dns_forward.h"

#include "base/clock.h"
#include "controller/dns.h"
#include "controller/dns64.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

struct dns_query {
    struct list link;
    struct dns_forward *of;
    struct dns_asker from;
    struct ip_addr resolvers[NET_DNS_MAX];
    size_t n_resolvers;
    unsigned n_tried, n_tries;
    int fd; /* -1: none */
    struct ev_io readable;
    struct ev_timer timeout;
    uint16_t id;          /* the asker's */
    struct ip_addr nat64; /* DNS64's prefix; family 0: the answer goes on as it is */
    uint8_t *empty;       /* the answer that has no IPv6 address: IPv4 ones are asked for now; NULL: not yet */
    size_t n_empty;
    uint32_t ttl_s; /* how long that holds */
    size_t n;
    uint8_t bytes[]; /* as it is sent: with an id of our own */
};

static void hang_up(struct dns_query *q)
{
    ev_timer_stop(q->of->loop, &q->timeout);
    if (q->fd < 0)
        return;
    ev_io_stop(q->of->loop, &q->readable);
    close(q->fd);
    q->fd = -1;
}

static void query_free(struct dns_query *q)
{
    hang_up(q);
    list_remove(&q->link);
    q->of->n_queries--;
    free(q->empty);
    free(q);
}

static void query_answer(struct dns_query *q, uint8_t *bytes, size_t n)
{
    be16_store(bytes, q->id);
    q->of->answer(q->of->arg, &q->from, bytes, n);
    query_free(q);
}

static void query_fail(struct dns_query *q)
{
    struct wr w;

    if (q->empty) { /* it was an answer */
        query_answer(q, q->empty, q->n_empty);
        return;
    }
    wr_init(&w);
    dns_refuse(&w, q->bytes, q->n, DNS_SERVFAIL);
    q->of->n_failed++;
    if (w.bad)
        query_free(q);
    else
        query_answer(q, w.p, w.len);
    wr_fini(&w);
}

/* Sends it to the next resolver.  False: that is not possible. */
static bool query_send(struct dns_query *q)
{
    const struct endpoint to = {
        .kind = ENDPOINT_TCP,
        .ip = q->resolvers[q->n_tried % q->n_resolvers],
        .port = q->of->port,
    };
    struct sockaddr_storage address;
    socklen_t len = endpoint_to_sockaddr(&to, &address);

    q->n_tried++;
    if (getrandom(q->bytes, 2, 0) != 2)
        return false;
    q->fd = socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (q->fd < 0)
        return false;
    ev_io_set(&q->readable, q->fd, EV_READ);
    ev_timer_set(&q->timeout, DNS_TRY_MS / 1000., 0.);
    if (connect(q->fd, (const struct sockaddr *)&address, len) || send(q->fd, q->bytes, q->n, 0) != (ssize_t)q->n)
        return false;
    ev_io_start(q->of->loop, &q->readable);
    ev_timer_start(q->of->loop, &q->timeout);
    return true;
}

static void query_next(struct dns_query *q)
{
    do
        hang_up(q);
    while (q->n_tried < q->n_tries && !query_send(q));
    if (q->fd < 0)
        query_fail(q);
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *w, int revents)
{
    query_next(w->data);
}

/* DNS64: an answer without IPv6 addresses waits until IPv4 ones are known. */
static bool ask_again(struct dns_query *q, const uint8_t *bytes, size_t n)
{
    if (!q->nat64.family || q->empty || !dns64_is_empty(q->bytes, q->n, bytes, n, &q->ttl_s))
        return false;
    q->empty = malloc(n);
    if (!q->empty)
        return false;
    memcpy(q->empty, bytes, n);
    q->n_empty = n;
    dns64_ask(q->bytes, q->n, 4);
    q->n_tried = 0;
    query_next(q);
    return true;
}

/* The IPv4 addresses, or that there are none. */
static void answer_synthesized(struct dns_query *q, const uint8_t *bytes, size_t n)
{
    struct wr w;

    wr_init(&w);
    dns64_ask(q->bytes, q->n, 6);
    if (dns64_answer(&w, q->bytes, q->n, bytes, n, &q->nat64, q->ttl_s) && !w.bad)
        query_answer(q, w.p, w.len);
    else
        query_answer(q, q->empty, q->n_empty);
    wr_fini(&w);
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
    struct dns_query *q = w->data;
    uint8_t bytes[DNS_ANSWER_MAX + 1];
    ssize_t n = recv(q->fd, bytes, sizeof bytes, 0);
    struct wr cut;

    if (n < 0) { /* nobody is there */
        query_next(q);
        return;
    }
    if (!dns_is_answer(q->bytes, q->n, bytes, (size_t)n))
        return;
    if ((bytes[3] & 0xf) == DNS_SERVFAIL || (bytes[3] & 0xf) == DNS_REFUSED) {
        if (q->n_tried < q->n_resolvers) {
            query_next(q);
            return;
        }
    }
    if (n <= DNS_ANSWER_MAX && ask_again(q, bytes, (size_t)n))
        return;
    q->of->n_answered++;
    if (q->empty) {
        answer_synthesized(q, bytes, (size_t)n);
        return;
    }
    if (n <= DNS_ANSWER_MAX) {
        query_answer(q, bytes, (size_t)n);
        return;
    }
    wr_init(&cut);
    dns_cut(&cut, q->bytes, q->n);
    if (cut.bad)
        query_free(q);
    else
        query_answer(q, cut.p, cut.len);
    wr_fini(&cut);
}

void dns_forward_init(struct dns_forward *f, struct ev_loop *loop,
                      void (*answer)(void *arg, const struct dns_asker *to, const uint8_t *bytes, size_t n), void *arg)
{
    *f = (struct dns_forward){ .loop = loop, .answer = answer, .arg = arg, .port = DNS_PORT };
    list_init(&f->queries);
}

void dns_forward_fini(struct dns_forward *f)
{
    for_each_list_safe (struct dns_query, q, next, &f->queries, link)
        query_free(q);
}

static bool is_room(struct dns_forward *f, const struct dns_asker *from)
{
    size_t n = 0;

    for_each_list (struct dns_query, q, &f->queries, link)
        n += q->from.vlan == from->vlan && ip_equal(&q->from.ip, &from->ip);
    return n < DNS_QUERIES_OF_ONE && f->n_queries < DNS_QUERIES_MAX;
}

/* It is asked again while we wait for the answer. */
static bool is_under_way(const struct dns_forward *f, const struct dns_asker *from, uint16_t id)
{
    for_each_list (struct dns_query, q, &f->queries, link)
        if (q->id == id && q->from.udp_port == from->udp_port && q->from.vlan == from->vlan &&
            ip_equal(&q->from.ip, &from->ip))
            return true;
    return false;
}

void dns_forward_query(struct dns_forward *f, const struct net_router *r, const struct dns_asker *from,
                       const uint8_t *bytes, size_t n)
{
    const struct net_dns *dns = r->dns;
    struct dns_query *q;

    if (n < DNS_HEADER || n > DNS_QUERY_MAX || is_under_way(f, from, be16_load(bytes)))
        return;
    q = calloc(1, sizeof *q + n);
    if (!q)
        return;
    *q = (struct dns_query){ .of = f, .from = *from, .fd = -1, .id = be16_load(bytes), .n = n };
    memcpy(q->bytes, bytes, n);
    dns_limit(q->bytes, n);
    if (r->nat64 && dns64_is_asked(bytes, n))
        q->nat64 = r->nat64->prefix;
    for (; q->n_resolvers < dns->n_forward && q->n_resolvers < NET_DNS_MAX; q->n_resolvers++)
        q->resolvers[q->n_resolvers] = dns->forward[q->n_resolvers];
    q->n_tries = is_room(f, from) ? DNS_TRIES : 0;
    ev_io_init(&q->readable, on_readable, -1, EV_READ);
    ev_timer_init(&q->timeout, on_timeout, 0., 0.);
    q->readable.data = q->timeout.data = q;
    list_push_back(&f->queries, &q->link);
    f->n_queries++;
    if (q->n_tries)
        f->n_forwarded++;
    else
        f->n_kept_back++;
    query_next(q);
}

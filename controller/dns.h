/* SPDX-License-Identifier: Apache-2.0 */
/* dns.h - DNS messages: what the document itself answers, and what is to be asked of others.
 * Flow: packet-in of a query -> [dns] -> answer, or dns_forward.
 * Spec: RFC 1035, 2308 (negative answers), 6891 (EDNS), 3596 (AAAA), 9619 (one question).   Pure.   Thread: any.
 *
 * The names of a network are those of its router: HOST.DOMAIN and HOST for each declared host in one of the router's networks,
 * the router's own name, and the reverse names of the subnets inside.  What lies in DOMAIN or in these subnets and is not
 * declared does not exist; nobody else is asked about it. */
#ifndef CONTROLLER_DNS_H
#define CONTROLLER_DNS_H

#include "base/bytes.h"
#include "net/net_doc.h"

enum {
    DNS_PORT = 53,
    DNS_HEADER = 12,
    DNS_NAME_SIZE = 256,
    DNS_ANSWER_MAX = 1232, /* bytes: with its headers it fits into an IPv6 packet of the smallest MTU */
    DNS_TTL_S = 60,
};
enum dns_rcode { DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED, DNS_BADVERS = 16 };

enum dns_verdict {
    DNS_DROP,   /* it is no query at all */
    DNS_ANSWER, /* `w` has the answer */
    DNS_FORWARD /* others know */
};
enum dns_verdict dns_serve(const struct net_doc *doc, int network, const uint8_t *query, size_t n, struct wr *w);

/* Says that there is no answer to a query that dns_serve wants forwarded. */
void dns_refuse(struct wr *w, const uint8_t *query, size_t n, enum dns_rcode rcode);
/* The same with the mark that the answer did not fit. */
void dns_cut(struct wr *w, const uint8_t *query, size_t n);
/* The asker takes at most DNS_ANSWER_MAX bytes: changes such a query in place. */
void dns_limit(uint8_t *query, size_t n);
/* Whether it answers the query: same id and question. */
bool dns_is_answer(const uint8_t *query, size_t n, const uint8_t *answer, size_t n_answer);

#endif

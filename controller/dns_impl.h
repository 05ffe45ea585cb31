/* SPDX-License-Identifier: Apache-2.0 */
/* dns_impl.h - what dns.c and dns64.c share.  Private to them. */
#ifndef CONTROLLER_DNS_IMPL_H
#define CONTROLLER_DNS_IMPL_H

#include "controller/dns.h"

enum {
    FLAG_QR = 0x8000,
    FLAG_AA = 0x0400,
    FLAG_TC = 0x0200,
    FLAG_RD = 0x0100,
    FLAG_RA = 0x0080,
    FLAG_CD = 0x0010,
    OPCODE_MASK = 0x7800,
    CLASS_IN = 1,
    PLAIN_MAX = 512, /* bytes of an answer without EDNS, RFC 1035, 4.2.1 */
    LABEL_MAX = 63,
    OPT_SIZE = 11,
    POINTER = 0xc000,
    QUESTION_NAME = POINTER | DNS_HEADER, /* a pointer to it */
};
enum type {
    TYPE_A = 1,
    TYPE_NS = 2,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_PTR = 12,
    TYPE_AAAA = 28,
    TYPE_OPT = 41,
    TYPE_ANY = 255
};

struct query {
    const uint8_t *bytes;
    uint16_t flags, type, class;
    char name[DNS_NAME_SIZE]; /* text, lower case, without the last dot */
    size_t end;               /* of the question */
    size_t opt_at;            /* of the size in the OPT record; 0: none */
    uint16_t size;            /* of an answer that the asker takes */
    uint8_t version;          /* of EDNS */
    bool wants_dnssec;        /* DO of EDNS */
};

/* DNS_NOERROR: it is a good query. */
enum dns_rcode dns_query_read(struct query *q, const uint8_t *bytes, size_t n);

/* An answer in the making. */
struct reply {
    struct wr *w;
    const struct query *q;
    size_t start;
    uint16_t flags, n_answers, n_authorities;
};
void dns_reply_begin(struct reply *a, struct wr *w, const struct query *q, uint16_t flags);
void dns_reply_end(struct reply *a, enum dns_rcode rcode);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* dns64.c - see dns64.h.
 * Records that follow one which grows would have other places, so names are written out, without pointers but to the question's. */
#include "controller/dns64.h"

#include "base/embedded.h"
#include "controller/dns_impl.h"

#include <string.h>

enum { NAME_MAX_WIRE = 255, RECORD_HEAD = 10, RR_A = 4, RR_AAAA = 16 };

/* A resource record, as it was received. */
struct record {
    uint8_t owner[NAME_MAX_WIRE];
    size_t n_owner;
    uint16_t type, class, size;
    uint32_t ttl_s;
    size_t at; /* of its data */
};

/* Walks over the records of a message. */
struct walk {
    const uint8_t *bytes;
    size_t n, at;
};

static uint16_t u16_at(const struct walk *k, size_t at)
{
    return at + 2 <= k->n ? be16_load(k->bytes + at) : 0;
}

/* The name at `*at`, which is left behind it; pointers lead backwards only.  0: it is none. */
static size_t name_expand(const struct walk *k, size_t *at, uint8_t out[NAME_MAX_WIRE])
{
    size_t len = 0, pos = *at, limit = *at, label;
    bool has_jumped = false;

    for (;;) {
        label = pos < k->n ? k->bytes[pos] : UINT8_MAX;
        if (label >= POINTER >> 8) {
            size_t to = u16_at(k, pos) & ~(unsigned)POINTER;

            if (pos + 2 > k->n || to >= limit)
                return 0;
            if (!has_jumped)
                *at = pos + 2;
            has_jumped = true;
            pos = limit = to;
            continue;
        }
        if (label > LABEL_MAX || pos + 1 + label > k->n || len + 1 + label > NAME_MAX_WIRE)
            return 0;
        memcpy(out + len, k->bytes + pos, 1 + label);
        len += 1 + label;
        pos += 1 + label;
        if (label)
            continue;
        if (!has_jumped)
            *at = pos;
        return len;
    }
}

static bool record_next(struct walk *k, struct record *r)
{
    r->n_owner = name_expand(k, &k->at, r->owner);
    if (!r->n_owner || k->at + RECORD_HEAD > k->n)
        return false;
    r->type = u16_at(k, k->at);
    r->class = u16_at(k, k->at + 2);
    r->ttl_s = be32_load(k->bytes + k->at + 4);
    r->size = u16_at(k, k->at + 8);
    r->at = k->at + RECORD_HEAD;
    k->at = r->at + r->size;
    return k->at <= k->n;
}

bool dns64_is_asked(const uint8_t *query, size_t n)
{
    struct query q;

    return dns_query_read(&q, query, n) == DNS_NOERROR && q.type == TYPE_AAAA && q.class == CLASS_IN &&
           !(q.wants_dnssec && q.flags & FLAG_CD);
}

/* RFC 6147, 5.1.4: an address that stands for an IPv4 one by itself is none that helps. */
static bool is_mapped(const uint8_t addr[16])
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

    return !memcmp(addr, prefix, sizeof prefix);
}

bool dns64_is_empty(const uint8_t *query, size_t n, const uint8_t *answer, size_t n_answer, uint32_t *ttl_s)
{
    struct walk k = { answer, n_answer, 0 };
    unsigned n_answers = u16_at(&k, 6), n_all = n_answers + u16_at(&k, 8);
    struct record r;
    struct query q;

    *ttl_s = DNS64_TTL_S;
    (void)dns_query_read(&q, query, n);
    if ((answer[3] & 0xf) == DNS_NXDOMAIN || be16_load(answer + 2) & FLAG_TC) /* it has no address of any kind: 5.1.2 */
        return false;
    k.at = q.end;
    for (unsigned i = 0; i < n_all && record_next(&k, &r); i++) {
        if (i < n_answers && r.type == TYPE_AAAA && r.class == CLASS_IN && r.size == RR_AAAA &&
            !is_mapped(answer + r.at))
            return false;
        if (i >= n_answers && r.type == TYPE_SOA)
            *ttl_s = r.ttl_s;
    }
    return true;
}

void dns64_ask(uint8_t *query, size_t n, uint8_t family)
{
    struct query q;

    if (dns_query_read(&q, query, n) == DNS_NOERROR)
        be16_store(query + q.end - 4, family == 4 ? TYPE_A : TYPE_AAAA);
}

struct ip_addr dns64_address(const struct ip_addr *prefix, const uint8_t ipv4[4])
{
    struct value p = { be64_load(prefix->bytes), be64_load(prefix->bytes + 8) };
    struct value v = embedded_make(p, prefix->prefix_len, be32_load(ipv4));
    struct ip_addr ip = { .family = 6, .prefix_len = 128 };

    be64_store(ip.bytes, v.hi);
    be64_store(ip.bytes + 8, v.lo);
    return ip;
}

/* False: it does not fit any more. */
static bool put(struct reply *a, const struct record *r, enum type type, const uint8_t *data, size_t n)
{
    const struct query *q = a->q;
    struct walk question = { q->bytes, q->end, DNS_HEADER };
    uint8_t name[NAME_MAX_WIRE];
    size_t at = DNS_HEADER, len = name_expand(&question, &at, name);
    bool is_question = len == r->n_owner && !memcmp(name, r->owner, len);
    size_t size = (is_question ? 2 : r->n_owner) + RECORD_HEAD + n + (q->opt_at ? OPT_SIZE : 0);

    if (a->w->len - a->start + size > q->size)
        return false;
    if (is_question)
        wr_u16(a->w, QUESTION_NAME);
    else
        wr_bytes(a->w, r->owner, r->n_owner);
    wr_u16(a->w, (uint16_t)type);
    wr_u16(a->w, CLASS_IN);
    wr_u32(a->w, r->ttl_s);
    wr_u16(a->w, (uint16_t)n);
    wr_bytes(a->w, data, n);
    a->n_answers++;
    return true;
}

/* An address of the other family, or a name on the way to one. */
static bool put_record(struct reply *a, const struct walk *k, struct record *r, const struct ip_addr *prefix)
{
    uint8_t name[NAME_MAX_WIRE];
    struct ip_addr ip;
    size_t at = r->at, n;

    if (r->type == TYPE_A) {
        ip = dns64_address(prefix, k->bytes + r->at);
        return put(a, r, TYPE_AAAA, ip.bytes, RR_AAAA);
    }
    n = name_expand(k, &at, name);
    return n && put(a, r, TYPE_CNAME, name, n);
}

bool dns64_answer(struct wr *w, const uint8_t *query, size_t n, const uint8_t *answer, size_t n_answer,
                  const struct ip_addr *prefix, uint32_t ttl_s)
{
    struct walk k = { answer, n_answer, 0 };
    unsigned n_answers = u16_at(&k, 6), n_addresses = 0;
    struct record r;
    struct reply a;
    struct query q;

    if ((answer[3] & 0xf) != DNS_NOERROR || dns_query_read(&q, query, n))
        return false;
    dns_reply_begin(&a, w, &q, be16_load(answer + 2) & FLAG_TC);
    k.at = q.end;
    for (unsigned i = 0; i < n_answers && record_next(&k, &r); i++) {
        bool is_address = r.type == TYPE_A && r.size == RR_A;

        if (r.class != CLASS_IN || (!is_address && r.type != TYPE_CNAME))
            continue;
        if (is_address && r.ttl_s > ttl_s)
            r.ttl_s = ttl_s;
        if (!put_record(&a, &k, &r, prefix)) {
            a.flags |= FLAG_TC;
            break;
        }
        n_addresses += is_address;
    }
    if (!n_addresses && !(a.flags & FLAG_TC)) {
        w->len = a.start;
        return false;
    }
    dns_reply_end(&a, DNS_NOERROR);
    return true;
}

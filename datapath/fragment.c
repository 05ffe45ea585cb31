/* SPDX-License-Identifier: Apache-2.0 */
/* fragment.c - see fragment.h. */
#include "datapath/fragment.h"

#include <errno.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf_dyn.h>

#include "base/bytes.h"
#include "datapath/pkt.h"
#include "datapath/proto.h"

enum {
    IPV4_DF = 0x4000,
    IPV4_MF = 0x2000,
    IPV4_PLACE = 0x1fff,
    IPV6_HEADER = 40,
    IPV6_MTU_MIN = 1280,
    FRAGMENT_HEADER = 8,
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_COPIED = 0x80,
    ECN_NOT = 0,
    ECN_CE = 3,
};

int fragment_init(void)
{
    static const struct rte_mbuf_dynflag flag = { .name = "trama_fragment_joined" };

    return rte_mbuf_dynflag_register_bitnum(&flag, (unsigned)__builtin_ctzll(FRAGMENT_JOINED)) < 0 ? -EBUSY : 0;
}

static bool is_ipv6(const struct pkt *p)
{
    return key_get(&p->key, FIELD_ETH_TYPE).lo == ETH_TYPE_IPV6;
}

/* Of an IPv6 packet's first `n` bytes, at least 40: where its fragment header is, or else belongs (RFC 8200, 4.5: behind what
 * every node on the way reads), and where the byte is that gives the type of the header there. */
static uint32_t fragment_header_at(const uint8_t *ip, uint32_t n, uint32_t *type_at)
{
    uint32_t ofs = IPV6_HEADER, at = 6, place = ofs;

    *type_at = at;
    while ((ip[at] == IP_PROTO_HOPOPTS || ip[at] == IP_PROTO_ROUTING || ip[at] == IP_PROTO_DSTOPTS) && ofs + 8 <= n) {
        bool is_for_all = ip[at] != IP_PROTO_DSTOPTS;

        at = ofs;
        ofs += (ip[ofs + 1] + 1u) * 8;
        if (is_for_all) {
            place = ofs;
            *type_at = at;
        }
    }
    if (ip[at] != IP_PROTO_FRAGMENT || ofs + FRAGMENT_HEADER > n)
        return place;
    *type_at = at;
    return ofs;
}

/* --- reading --- */

static bool read_ipv4(const uint8_t *ip, const struct pkt *p, struct fragment_key *key, struct fragment *f)
{
    uint16_t place = be16_load(ip + 6);

    f->ip_size = be16_load(ip + 2);
    f->headers = (uint16_t)(p->l3_ofs + p->l3_len);
    f->start = (place & IPV4_PLACE) * 8u;
    f->size = (uint32_t)f->ip_size - p->l3_len;
    f->is_last = !(place & IPV4_MF);
    f->ecn = ip[1] & 3;
    key->w[0] = be64_load(ip + 12); /* both addresses */
    key->w[4] = UINT64_C(1) << 63 | (uint64_t)ip[9] << 32 | be16_load(ip + 4);
    return f->start + f->size + p->l3_len <= UINT16_MAX;
}

static bool read_ipv6(const uint8_t *ip, uint32_t n, const struct pkt *p, struct fragment_key *key, struct fragment *f)
{
    uint32_t type_at, ofs = fragment_header_at(ip, n, &type_at);
    uint16_t place;

    if (ip[type_at] != IP_PROTO_FRAGMENT)
        return false;
    if (be16_load(ip + 4) > UINT16_MAX - IPV6_HEADER)
        return false;
    place = be16_load(ip + ofs + 2);
    f->ip_size = (uint16_t)(be16_load(ip + 4) + IPV6_HEADER);
    f->headers = (uint16_t)(p->l3_ofs + ofs + FRAGMENT_HEADER);
    f->start = place & 0xfff8;
    if (f->headers > p->l3_ofs + f->ip_size)
        return false;
    f->size = (uint32_t)f->ip_size + p->l3_ofs - f->headers;
    f->is_last = !(place & 1);
    f->ecn = ip[1] >> 4 & 3;
    for (unsigned i = 0; i < 4; i++)
        key->w[i] = be64_load(ip + 8 + 8 * i);
    key->w[4] = be32_load(ip + ofs + 4);
    return f->start + f->size + ofs - IPV6_HEADER <= UINT16_MAX;
}

bool fragment_read(const struct pkt *p, uint32_t port, struct fragment_key *key, struct fragment *f)
{
    uint8_t copy[PKT_HEADERS_MAX];
    uint32_t n = RTE_MIN(rte_pktmbuf_pkt_len(p->m), (uint32_t)PKT_HEADERS_MAX);
    const uint8_t *frame = rte_pktmbuf_read(p->m, 0, n, copy);
    uint64_t vids = key_get(&p->key, FIELD_VLAN_VID).lo << 16 | key_get(&p->key, FIELD_VLAN2_VID).lo;
    bool is_sound;

    *key = (struct fragment_key){ 0 };
    f->m = p->m;
    is_sound =
        is_ipv6(p) ? read_ipv6(frame + p->l3_ofs, n - p->l3_ofs, p, key, f) : read_ipv4(frame + p->l3_ofs, p, key, f);
    key->w[5] = (uint64_t)port << 32 | vids;
    return is_sound && f->size && (f->is_last || f->size % 8 == 0);
}

/* --- joining --- */

/* Takes the first `n` bytes of a frame off; it has more. */
static struct rte_mbuf *cut_front(struct rte_mbuf *m, uint32_t n)
{
    while (n >= m->data_len) {
        struct rte_mbuf *next = m->next;

        n -= m->data_len;
        next->nb_segs = (uint16_t)(m->nb_segs - 1);
        next->pkt_len = m->pkt_len - m->data_len;
        rte_pktmbuf_free_seg(m);
        m = next;
    }
    (void)rte_pktmbuf_adj(m, (uint16_t)n);
    return m;
}

/* Leaves the first `n` bytes of a frame. */
static void cut_back(struct rte_mbuf *m, uint32_t n)
{
    struct rte_mbuf *seg = m;
    uint16_t n_segs = 1;

    m->pkt_len = n;
    for (; n > seg->data_len; n_segs++) {
        n -= seg->data_len;
        seg = seg->next;
    }
    seg->data_len = (uint16_t)n;
    rte_pktmbuf_free(seg->next);
    seg->next = NULL;
    m->nb_segs = n_segs;
}

/* The ECN bits of the whole (RFC 3168, 5.3); -1: there is none that is true to all. */
static int join_ecn(const struct fragment *parts, unsigned n)
{
    bool has_not = false, has_ce = false;

    for (unsigned i = 0; i < n; i++) {
        has_not |= parts[i].ecn == ECN_NOT;
        has_ce |= parts[i].ecn == ECN_CE;
    }
    return has_ce ? has_not ? -1 : ECN_CE : parts[0].ecn;
}

/* Makes the headers of the first fragment those of the whole, which carries `size` bytes. */
static void fix_headers(struct rte_mbuf *m, const struct pkt *p, uint32_t size, uint8_t ecn)
{
    uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, p->l3_ofs);
    uint16_t sum;

    if (!is_ipv6(p)) {
        be16_store(ip + 2, (uint16_t)(p->l3_len + size));
        be16_store(ip + 6, be16_load(ip + 6) & IPV4_DF);
        ip[1] = (uint8_t)((ip[1] & 0xfc) | ecn);
        be16_store(ip + 10, 0);
        sum = (uint16_t)~rte_raw_cksum(ip, p->l3_len);
        memcpy(ip + 10, &sum, 2);
        return;
    }

    uint32_t type_at, ofs = fragment_header_at(ip, rte_pktmbuf_data_len(m) - p->l3_ofs, &type_at);

    ip[1] = (uint8_t)((ip[1] & 0xcf) | ecn << 4);
    ip[type_at] = ip[ofs];
    m->hash.usr = be32_load(ip + ofs + 4);
    be16_store(ip + 4, (uint16_t)(ofs - IPV6_HEADER + size));
    memmove(rte_pktmbuf_mtod_offset(m, uint8_t *, FRAGMENT_HEADER), rte_pktmbuf_mtod(m, uint8_t *), p->l3_ofs + ofs);
    (void)rte_pktmbuf_adj(m, FRAGMENT_HEADER);
}

/* Hangs all but the first fragment's payload to the first, whose tail is `last`. */
static void chain(struct rte_mbuf *m, struct fragment *parts, unsigned n)
{
    struct rte_mbuf *last = rte_pktmbuf_lastseg(m);

    for (unsigned i = 1; i < n; i++) {
        struct rte_mbuf *x = cut_front(parts[i].m, parts[i].headers);

        cut_back(x, parts[i].size);
        last->next = x;
        last = rte_pktmbuf_lastseg(x);
        m->nb_segs = (uint16_t)(m->nb_segs + x->nb_segs);
        m->pkt_len += x->pkt_len;
    }
}

struct rte_mbuf *fragment_join(struct fragment *parts, unsigned n, struct pkt *scratch, enum drop *why)
{
    const struct fragment *last = &parts[n - 1];
    int ecn = join_ecn(parts, n);
    uint16_t largest = 0;

    pkt_init(scratch, parts[0].m, 0);
    if (ecn < 0 || pkt_writable(scratch)) {
        *why = ecn < 0 ? DROP_FRAGMENT_BAD : DROP_NO_ROOM;
        for (unsigned i = 0; i < n; i++)
            rte_pktmbuf_free(parts[i].m);
        return NULL;
    }
    pkt_parse(scratch, 1u << LAYER_L3);

    struct rte_mbuf *m = scratch->m;

    for (unsigned i = 0; i < n; i++)
        largest = RTE_MAX(largest, parts[i].ip_size);
    cut_back(m, parts[0].headers + parts[0].size);
    chain(m, parts, n);
    m->ol_flags |= FRAGMENT_JOINED;
    m->tso_segsz = largest;
    fix_headers(m, scratch, last->start + last->size, (uint8_t)ecn);
    return m;
}

/* --- cutting --- */

enum fragment_fit fragment_fit(struct fragment_cut *c, struct rte_mbuf *m, uint16_t mtu, struct pkt *scratch)
{
    uint16_t largest = m->tso_segsz;
    uint32_t ip_size, limit = RTE_MIN(largest, mtu), l3_headers;
    uint8_t copy[sizeof c->bytes];
    const uint8_t *ip;
    bool is_fixed;

    if (!mtu)
        return FRAGMENT_FITS;
    pkt_init(scratch, m, 0);
    pkt_parse(scratch, 1u << LAYER_L3);
    if (!scratch->l3_len || !(is_ipv6(scratch) || key_get(&scratch->key, FIELD_ETH_TYPE).lo == ETH_TYPE_IPV4))
        return FRAGMENT_FITS; /* no IP packet any more: as any other frame */
    *c = (struct fragment_cut){ .m = m, .l3_ofs = scratch->l3_ofs, .is_ipv6 = is_ipv6(scratch), .id = m->hash.usr };
    ip = rte_pktmbuf_read(m, c->l3_ofs, scratch->l3_len, copy);
    ip_size = c->is_ipv6 ? be16_load(ip + 4) + IPV6_HEADER : be16_load(ip + 2);
    if (ip_size <= mtu && !(c->is_ipv6 && largest == IPV6_MTU_MIN))
        return FRAGMENT_FITS;
    is_fixed = c->is_ipv6 || be16_load(ip + 6) & IPV4_DF;
    l3_headers = c->is_ipv6 ? fragment_header_at(ip, scratch->l3_len, &c->type_at) : scratch->l3_len;
    c->headers = c->l3_ofs + l3_headers;
    c->size = ip_size - l3_headers;
    l3_headers += c->is_ipv6 ? FRAGMENT_HEADER : 0;
    if ((is_fixed && largest > mtu) || limit < l3_headers + 8 || c->headers > sizeof c->bytes)
        return FRAGMENT_TOO_BIG;
    c->step = (limit - l3_headers) / 8 * 8;
    ip = rte_pktmbuf_read(m, 0, c->headers, c->bytes);
    if (ip != c->bytes)
        memcpy(c->bytes, ip, c->headers);
    return FRAGMENT_CUT;
}

/* Options that only the first piece has become ones that say nothing. */
static void blank_options(uint8_t *ip, uint32_t n)
{
    for (uint32_t i = 20, len; i < n && ip[i] != OPTION_END; i += len) {
        len = ip[i] == OPTION_NOP || i + 1 == n || ip[i + 1] < 2 ? 1 : RTE_MIN(ip[i + 1], n - i);
        if (!(ip[i] & OPTION_COPIED))
            memset(ip + i, OPTION_NOP, len);
    }
}

static void put_ipv4(uint8_t *ip, uint32_t headers, uint32_t start, uint32_t n, bool is_last)
{
    uint16_t sum;

    if (start)
        blank_options(ip, headers);
    be16_store(ip + 2, (uint16_t)(headers + n));
    be16_store(ip + 6, (uint16_t)((be16_load(ip + 6) & IPV4_DF) | (is_last ? 0 : IPV4_MF) | start / 8));
    be16_store(ip + 10, 0);
    sum = (uint16_t)~rte_raw_cksum(ip, headers);
    memcpy(ip + 10, &sum, 2);
}

static void put_ipv6(uint8_t *ip, const struct fragment_cut *c, uint32_t start, uint32_t n, bool is_last)
{
    uint32_t headers = c->headers - c->l3_ofs;
    uint8_t *h = ip + headers;

    be16_store(ip + 4, (uint16_t)(headers - IPV6_HEADER + FRAGMENT_HEADER + n));
    h[0] = ip[c->type_at];
    h[1] = 0;
    be16_store(h + 2, (uint16_t)(start | !is_last));
    be32_store(h + 4, c->id);
    ip[c->type_at] = IP_PROTO_FRAGMENT;
}

struct rte_mbuf *fragment_piece(const struct fragment_cut *c, uint32_t start, struct rte_mempool *pool)
{
    uint32_t n = RTE_MIN(c->step, c->size - start), more = c->is_ipv6 ? FRAGMENT_HEADER : 0;
    bool is_last = start + n == c->size;
    struct rte_mbuf *s = rte_pktmbuf_copy(c->m, pool, c->headers + start, n);
    char *head = s ? rte_pktmbuf_prepend(s, (uint16_t)(c->headers + more)) : NULL;
    uint8_t *ip;

    if (!head) {
        rte_pktmbuf_free(s);
        return NULL;
    }
    memcpy(head, c->bytes, c->headers);
    ip = (uint8_t *)head + c->l3_ofs;
    s->ol_flags &= ~FRAGMENT_JOINED;
    s->tso_segsz = 0;
    if (c->is_ipv6)
        put_ipv6(ip, c, start, n, is_last);
    else
        put_ipv4(ip, c->headers - c->l3_ofs, start, n, is_last);
    return s;
}

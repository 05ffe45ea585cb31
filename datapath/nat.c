/* SPDX-License-Identifier: Apache-2.0 */
/* nat.c - see nat.h.
 *
 * Theory.  A translated connection is nothing but one whose answers are not the inverse of its original tuple.  To translate the
 * source is to choose where answers go to, to translate the destination is to choose where they come from; that the choice is
 * nobody else's is what the table of connections knows, since no two share a tuple.  So a choice is tried by inserting.
 *
 * The address is chosen by a hash of the host alone, so a host keeps its address (RFC 4787, REQ-2: "paired").  The port stays
 * when it may (REQ-7 by nature of ports: parity is kept too); else a few of the same parity are tried, from a place that the hash
 * or chance gives.  Where many are taken, a pool (port_pool.h) says which are not, of the same parity, then of any: so the last
 * free port of a range costs no more tries than the first.  Where none is left, a few ports are drawn, and of those who have them
 * one that nobody has answered, or that is over, gives way (conn_rank): so many that it costs the same however full it is.
 *
 * An endpoint-independent mapping is chosen in the same way, as the answers of an entry that has no remote end (conn_holder.h):
 * that no two share an outer port is what the table sees to there, too. */
#include "datapath/nat.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "base/bytes.h"
#include "base/embedded.h"
#include "datapath/checksum.h"
#include "datapath/conn_holder.h"
#include "datapath/conn_packet.h"
#include "datapath/pkt.h"
#include "datapath/port_pool.h"
#include "datapath/rewrite.h"

enum {
    TRIES = 16,
    POOL_TRIES = PORT_POOL_MIN, /* for ports that a pool does not know yet */
    ADDRESSES_TRIED = 8,
    MAPPING_TRIES = 8,
    MAPPING_WAITS = 4096,  /* for another worker, some tens of cycles each */
    GIVING_LOOKED_AT = 16, /* ports, when none is free */
    PORT_WELL_KNOWN_LAST = 1023
};

/* --- the choice --- */

static bool is_value(struct value a, struct value b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

struct ports {
    uint32_t min, n;
    bool are_given;
};

/* RFC 4787, REQ-3b: ports below 1024 stay below, others above. */
static struct ports ports_of(const struct nat_spec *spec, uint16_t own, bool has_ids)
{
    if (spec->port_min)
        return (struct ports){ spec->port_min, spec->port_max - spec->port_min + 1u, true };
    if (has_ids)
        return (struct ports){ 0, 65536, false };
    if (own <= PORT_WELL_KNOWN_LAST)
        return (struct ports){ 1, PORT_WELL_KNOWN_LAST, false };
    return (struct ports){ PORT_WELL_KNOWN_LAST + 1, 65535 - PORT_WELL_KNOWN_LAST, false };
}

static struct value value_plus(struct value v, uint64_t n)
{
    struct value sum = { v.hi, v.lo + n };

    sum.hi += sum.lo < v.lo;
    return sum;
}

/* How many addresses there are, as far as they are used. */
static uint64_t n_addresses(const struct nat_spec *spec)
{
    uint64_t hi = spec->addr_max.hi - spec->addr_min.hi - (spec->addr_max.lo < spec->addr_min.lo);
    uint64_t lo = spec->addr_max.lo - spec->addr_min.lo;

    return hi || lo >= UINT32_MAX ? UINT32_MAX : lo + 1;
}

/* Which side of the answers is chosen. */
struct target {
    struct conn_tuple reply;
    struct value *addr;
    uint16_t *port;
    bool has_ports;
};

/* An IPv6 connection's answers, as IPv4 has them but for the address that is to be chosen. */
static struct conn_tuple inverse64(const struct conn_tuple *original, const struct nat_spec *spec)
{
    struct conn_tuple t = conn_tuple_inverse(original);
    uint8_t holder = original->family & CONN_HOLDER;

    t.family = 4 | holder;
    t.src = value_of(holder ? 0 : embedded_ipv4(original->dst, spec->prefix_len));
    t.dst = value_of(0);
    if (original->proto == IP_PROTO_ICMPV6) {
        t.proto = IP_PROTO_ICMP;
        t.dst_port = 0; /* an echo reply: no other query begins a connection */
    }
    return t;
}

static bool is_for_nat64(const struct conn_tuple *original, const struct nat_spec *spec)
{
    return spec->prefix_len && (original->family & ~CONN_HOLDER) == 6 &&
           embedded_is_in(original->dst, spec->prefix, spec->prefix_len);
}

static void target_init(struct target *g, const struct conn_tuple *original, const struct nat_spec *spec)
{
    uint8_t kind = spec->kind;

    g->reply = is_for_nat64(original, spec) ? inverse64(original, spec) : conn_tuple_inverse(original);
    if (original->family & CONN_HOLDER && conn_tuple_has_ids(&g->reply))
        g->reply.dst_port = 0; /* a mapping is of all types of queries */
    g->addr = kind == CT_SNAT ? &g->reply.dst : &g->reply.src;
    g->port = kind == CT_SNAT ? &g->reply.dst_port : &g->reply.src_port;
    switch (original->proto) {
    case IP_PROTO_TCP:
    case IP_PROTO_UDP:
    case IP_PROTO_SCTP:
        g->has_ports = true;
        break;
    default:
        g->has_ports = conn_tuple_has_ids(original) && kind == CT_SNAT;
        if (g->has_ports)
            g->port = &g->reply.src_port;
    }
}

/* What is tried for one connection. */
struct attempt {
    struct conn_table *table;
    unsigned worker;
    struct conn *conn;
    struct target *target;
    struct port_pool *pool; /* held; NULL: none */
};

/* Tries a port; whether it is taken is known to the pool then. */
static int try(const struct attempt *a, uint16_t port)
{
    int err;

    *a->target->port = port;
    err = conn_insert(a->table, a->worker, a->conn, &a->target->reply);
    if (a->pool && (!err || err == -EADDRINUSE))
        port_pool_take(a->pool, port);
    return err;
}

/* Looks for a free port without a pool: neighbors of the same parity first. */
static int try_some(const struct attempt *a, struct ports r, uint32_t at)
{
    int err = -EADDRINUSE;

    for (unsigned i = 0; i < TRIES && i < r.n && err == -EADDRINUSE; i++)
        err = try(a, (uint16_t)(r.min + (at + (r.n <= TRIES ? i : 2 * i)) % r.n));
    return err;
}

/* ... with a pool: of this parity, as long as there are some. */
static int try_pool(const struct attempt *a, struct ports r, uint32_t at, enum port_parity parity)
{
    uint32_t last = r.min + r.n - 1;

    for (unsigned i = 0; i < POOL_TRIES; i++) {
        int port = port_pool_next(a->pool, r.min + at, last, parity), err;

        if (port < 0)
            port = port_pool_next(a->pool, r.min, last, parity);
        if (port < 0)
            return -EADDRINUSE;
        err = try(a, (uint16_t)port);
        if (err != -EADDRINUSE)
            return err;
        at = (uint32_t)(conn_draw(a->table, a->worker) >> 32) %
             r.n; /* out of a row that somebody holds unknown to the pool */
    }
    return -EADDRINUSE;
}

static int search(struct attempt *a, struct ports r, uint32_t at, enum port_parity parity)
{
    struct port_pools *pp = conn_ports(a->table);
    enum port_side side = port_side_of(&a->target->reply, a->conn->nat & CT_SNAT);
    int err = -EADDRINUSE;

    if (!a->pool) {
        err = try_some(a, r, at);
        if (err != -EADDRINUSE || r.n <= TRIES)
            return err;
        a->pool = port_pool_hold(pp, &a->target->reply, side);
    }
    if (a->pool)
        err = try_pool(a, r, at, parity);
    if (a->pool && err == -EADDRINUSE && parity != PORT_ANY)
        err = try_pool(a, r, at, PORT_ANY);
    return err;
}

/* Tries ports with the address that is in `g`. */
static int try_ports(struct conn_table *t, unsigned worker, struct conn *c, const struct nat_spec *spec,
                     struct target *g, uint64_t hash)
{
    struct conn_tuple plain = conn_tuple_inverse(&c->original);
    bool has_ids = conn_tuple_has_ids(&plain);
    uint16_t own = spec->kind == CT_SNAT && !has_ids ? plain.dst_port : plain.src_port;
    struct ports r = ports_of(spec, own, has_ids);
    bool is_own_good = spec->order == NAT_ORDER_KEEP && own >= r.min && own < r.min + r.n;
    bool is_fixed = !g->has_ports || (spec->kind == CT_DNAT && !r.are_given);
    enum port_parity parity = spec->order == NAT_ORDER_KEEP ? own & 1 ? PORT_ODD : PORT_EVEN : PORT_ANY;
    enum port_side side = port_side_of(&g->reply, spec->kind == CT_SNAT);
    struct attempt a = { .table = t, .worker = worker, .conn = c, .target = g };
    uint32_t at = (uint32_t)((hash >> 32) % r.n);
    int err = -EADDRINUSE;

    if (is_fixed)
        return try(&a, own);
    if (r.n > TRIES &&
        port_pools_count(conn_ports(t), &g->reply, side) >= (r.n < 2 * PORT_POOL_MIN ? r.n / 2 : PORT_POOL_MIN))
        a.pool = port_pool_hold(conn_ports(t), &g->reply, side);
    if (is_own_good && !(a.pool && port_pool_is_taken(a.pool, own)))
        err = try(&a, own);
    if (r.n > 1 && spec->order == NAT_ORDER_KEEP)
        at = (at & ~1u) | ((own ^ r.min) & 1u); /* of the same parity */
    if (err == -EADDRINUSE)
        err = search(&a, r, at, parity);
    if (a.pool)
        port_pool_release(conn_ports(t), a.pool);
    return err;
}

/* The hash that a host's address is chosen by. */
static uint64_t host_of(const struct conn_tuple *original)
{
    return hash_mix(hash_add(hash_add(7, original->src.hi), original->src.lo));
}

/* A connection whose answers go to a port. */
struct giver {
    uint32_t index, serial;
    uint64_t rank;
    uint16_t port;
};

/* Who has the port that is in the target, if he may give way. */
static struct giver giver_of(const struct attempt *a)
{
    struct giver v = { .rank = CONN_STAYS, .port = *a->target->port };
    enum conn_dir dir;
    struct conn *c = conn_find(a->table, a->worker, &a->target->reply, 0, &dir);

    if (!c)
        return v;
    if (dir == CONN_REPLY && c->nat & CT_SNAT) {
        v.index = c->index;
        v.serial = c->serial;
        v.rank = conn_rank(c);
    }
    conn_unlock(c);
    return v;
}

/* No port is free: of some random ones, who needs his least gives it away.  No pool is held, as it is told of that. */
static int take_from_another(const struct attempt *a, struct ports r)
{
    struct giver best = { .rank = CONN_STAYS };
    struct conn *c;

    for (unsigned i = 0; i < GIVING_LOOKED_AT; i++) {
        struct giver v;

        *a->target->port = (uint16_t)(r.min + (conn_draw(a->table, a->worker) >> 32) % r.n);
        v = giver_of(a);
        best = v.rank < best.rank ? v : best;
    }
    c = best.rank == CONN_STAYS ? NULL : conn_lock_at(a->table, best.index, best.serial);
    if (!c)
        return -EADDRINUSE;
    if (conn_rank(c) == CONN_STAYS) {
        conn_unlock(c);
        return -EADDRINUSE;
    }
    conn_push_out(a->table, a->worker, c);
    return try(a, best.port);
}

/* The same of the connection's own address, when all have been tried in vain.  A mapping, and what is expected, has to wait. */
static int give_way(struct conn_table *t, unsigned worker, struct conn *c, const struct nat_spec *spec,
                    struct target *g)
{
    struct conn_tuple plain = conn_tuple_inverse(&c->original);
    bool has_ids = conn_tuple_has_ids(&plain);
    struct attempt a = { .table = t, .worker = worker, .conn = c, .target = g };

    if (spec->kind != CT_SNAT || !g->has_ports || c->original.family & CONN_HOLDER)
        return -EADDRINUSE;
    return take_from_another(&a, ports_of(spec, has_ids ? plain.src_port : plain.dst_port, has_ids));
}

/* Chooses an address, and then a port. */
static int choose(struct conn_table *t, unsigned worker, struct conn *c, const struct nat_spec *spec, struct target *g)
{
    const struct conn_tuple *original = &c->original;
    uint64_t host = host_of(original);
    uint64_t hash = conn_tuple_hash(original, spec->order == NAT_ORDER_RANDOM ? conn_draw(t, worker) : 11);
    uint64_t n = spec->family ? n_addresses(spec) : 1;

    if (!spec->is_persistent && spec->kind == CT_DNAT)
        host = hash; /* spread over servers */
    for (uint64_t i = 0; i < n && i < ADDRESSES_TRIED; i++) {
        struct value addr = value_plus(spec->addr_min, (host + i) % n);
        int err;

        if (spec->family && (addr.hi | addr.lo)) /* all zero: the address stays, only ports may change */
            *g->addr = addr;
        err = try_ports(t, worker, c, spec, g, hash);
        if (err != -EADDRINUSE)
            return err;
    }
    if (spec->family && (spec->addr_max.hi | spec->addr_max.lo))
        *g->addr = value_plus(spec->addr_min, host % n);
    return give_way(t, worker, c, spec, g);
}

/* Holds who begins a connection, as the spec limits hosts. */
static int hold_host(struct conn_table *t, unsigned worker, enum conn_hold_for use, const struct conn *c,
                     const struct nat_spec *spec, uint32_t *out)
{
    return conn_hold_host(t, worker, use, &c->original, spec->host_limit ? spec->host_limit : UINT32_MAX, out);
}

/* A mapping that is not there yet, held.  -EEXIST: it is there now; -EAGAIN, -EDQUOT: conn_hold_host(). */
static int make_mapping(struct conn_table *t, unsigned worker, const struct conn *c, const struct nat_spec *spec,
                        const struct conn_tuple *tuple, struct conn **out)
{
    struct conn *m = *out = conn_make_holder(t, worker, tuple);
    struct target g;
    uint32_t host;
    int err;

    if (!m)
        return -ENOSPC;
    m->nat = CT_SNAT;
    m->helper = spec->filtering;
    m->prefix_len = c->prefix_len;
    target_init(&g, tuple, spec);
    err = hold_host(t, worker, CONN_HOLD_FOR_MAPPING, c, spec, &m->holder);
    host = err ? 0 : m->holder;
    if (!err)
        err = choose(t, worker, m, spec, &g);
    if (!err) {
        m->n_held = 1;
        conn_unlock(m);
    }
    conn_host_made(t, host);
    if (err)
        conn_drop(t, worker, m);
    return err;
}

/* The mapping of who sends the connection's first frame, held, or made.  Who is at the host's limit looks once more, as another
 * worker may have made it meanwhile, and waits a moment for one that is about to. */
static int hold_mapping(struct conn_table *t, unsigned worker, const struct conn *c, const struct nat_spec *spec,
                        struct conn **out)
{
    struct conn_tuple tuple = conn_mapping_tuple(&c->original);
    unsigned n_tries = 0, n_waits = 0;
    int err = -EEXIST;

    if (c->prefix_len) /* another than towards IPv6 */
        tuple.dst = spec->prefix;
    while (n_tries < MAPPING_TRIES && n_waits < MAPPING_WAITS) {
        *out = conn_hold(t, worker, &tuple);
        if (*out)
            return 0;
        if (err == -EDQUOT)
            break;
        err = make_mapping(t, worker, c, spec, &tuple, out);
        if (err == -EAGAIN) {
            n_waits++;
            rte_pause();
        } else if (err == -EEXIST) {
            n_tries++;
        } else if (err != -EDQUOT) {
            return err;
        }
    }
    if (err == -EEXIST)
        return err;
    conn_count_refused(t, worker);
    return -EDQUOT;
}

static int begin_mapped(struct conn_table *t, unsigned worker, struct conn *c, const struct nat_spec *spec,
                        struct target *g)
{
    struct conn *mapping;
    const struct conn *m;
    int err = hold_mapping(t, worker, c, spec, &mapping);

    if (err)
        return err;
    if (mapping->helper == NAT_FILTERING_ADDRESS)
        err = conn_hold_permission(t, worker, mapping, &c->original, &c->holder);
    else
        c->holder = mapping->index;
    if (err)
        return err;
    m = conn_at(t, c->holder);
    *g->addr = m->reply.dst;
    *g->port = conn_tuple_has_ids(&m->reply) ? m->reply.src_port : m->reply.dst_port;
    return conn_insert(t, worker, c, &g->reply);
}

int nat_begin(struct conn_table *t, unsigned worker, struct conn *c, const struct nat_spec *spec)
{
    const struct conn_tuple *original = &c->original;
    bool is_mapped =
        spec->mapping == NAT_MAPPING_ENDPOINT &&
        (original->proto == IP_PROTO_TCP || original->proto == IP_PROTO_UDP || conn_tuple_has_ids(original));
    struct target g;
    int err = 0;

    target_init(&g, original, spec);
    c->prefix_len = is_for_nat64(original, spec) ? spec->prefix_len : 0;
    c->nat = c->prefix_len == spec->prefix_len && (!spec->family || spec->family == g.reply.family) ? spec->kind : 0;
    if (c->nat && is_mapped)
        return begin_mapped(t, worker, c, spec, &g);
    if (c->nat != CT_DNAT)
        err = hold_host(t, worker, CONN_HOLD_FOR_CONNECTION, c, spec, &c->holder);
    if (err)
        return err;
    if (c->nat)
        return choose(t, worker, c, spec, &g);
    err = conn_insert(t, worker, c, &g.reply);
    return err == -EADDRINUSE ? -EEXIST : err;
}

/* One address, and of its ports the own one, or another. */
static struct nat_spec spec_of_address(const struct value *addr, uint8_t family)
{
    return (struct nat_spec){ .addr_min = *addr, .addr_max = *addr, .kind = CT_SNAT, .family = family };
}

int nat_reserve(struct conn_table *t, unsigned worker, struct conn *c, struct value addr)
{
    struct nat_spec spec = spec_of_address(&addr, c->original.family);
    struct target g;

    c->nat = CT_SNAT;
    target_init(&g, &c->original, &spec);
    return choose(t, worker, c, &spec, &g);
}

int nat_begin_expected(struct conn_table *t, unsigned worker, struct conn *c, const struct conn_tuple *reply,
                       const struct value *source)
{
    struct nat_spec spec = spec_of_address(source ? source : &reply->dst, c->original.family);
    struct target g;
    int err;

    target_init(&g, &c->original, &spec);
    if (!is_value(reply->src, g.reply.src) || reply->src_port != g.reply.src_port)
        c->nat |= CT_DNAT;
    err = c->nat ? 0
                 : conn_hold_host(t, worker, CONN_HOLD_FOR_CONNECTION, &c->original, CONN_HOST_LIMIT_AS_BEFORE,
                                  &c->holder);
    if (err)
        return err;
    g.reply = *reply;
    if (!source)
        return conn_insert(t, worker, c, reply);
    c->nat |= CT_SNAT;
    return choose(t, worker, c, &spec, &g);
}

void nat_expect(const struct conn_table *t, const struct conn_tuple *original, const struct nat_spec *spec)
{
    struct target g;

    target_init(&g, original, spec);
    if (spec->kind && spec->family == g.reply.family)
        *g.addr = value_plus(spec->addr_min, host_of(original) % n_addresses(spec));
    conn_expect_none(t, conn_hash(t, &g.reply));
}

/* --- frames --- */

/* Writes `n` bytes (even), and gives by how much the sum over them has grown. */
static uint16_t write_bytes(struct pkt *p, uint32_t ofs, const uint8_t *bytes, unsigned n)
{
    uint8_t *at = byte_at(p, ofs);
    uint16_t delta = csum_delta(csum_words(at, n), csum_words(bytes, n));

    memcpy(at, bytes, n);
    return delta;
}

static uint16_t add_to_sum(struct pkt *p, uint32_t ofs, uint16_t delta)
{
    uint8_t bytes[2];

    be16_store(bytes, csum_complete(be16_load(byte_at(p, ofs)), delta));
    return write_bytes(p, ofs, bytes, 2);
}

static unsigned address_bytes(uint8_t out[16], uint8_t family, struct value v)
{
    if (family == 4) {
        be32_store(out, (uint32_t)v.lo);
        return 4;
    }
    be64_store(out, v.hi);
    be64_store(out + 8, v.lo);
    return 16;
}

/* Where the checksum of a packet that an error is about lies behind its transport header's start; 0: none that is there. */
static unsigned inner_sum_at(const struct pkt *p, const struct conn_packet *cp)
{
    unsigned at = cp->tuple.proto == IP_PROTO_TCP   ? 16
                  : cp->tuple.proto == IP_PROTO_UDP ? 6
                  : conn_tuple_has_ids(&cp->tuple)  ? 2
                                                    : 0;

    if (!at || cp->inner_l4_ofs + at + 2 > (uint32_t)p->l4_ofs + p->l4_len)
        return 0;
    return cp->tuple.proto == IP_PROTO_UDP && !be16_load(byte_at(p, cp->inner_l4_ofs + at)) ? 0 : at;
}

/* The packet that an error is about, as its sender sent it. */
static int inner_frame(struct pkt *p, const struct conn_packet *cp, const struct conn_tuple *sent)
{
    bool is_v4 = sent->family == 4;
    uint32_t src_at = cp->inner_ofs + (is_v4 ? 12u : 8u), dst_at = src_at + (is_v4 ? 4u : 16u);
    uint16_t addresses, ports = 0, all;
    unsigned n, sum_at = inner_sum_at(p, cp);
    uint8_t bytes[16];

    if ((uint32_t)cp->inner_l4_ofs + 8 > rte_pktmbuf_data_len(p->m) ||
        (sum_at && cp->inner_l4_ofs + sum_at + 2 > rte_pktmbuf_data_len(p->m)))
        return -ENOSPC;
    n = address_bytes(bytes, sent->family, sent->src);
    addresses = write_bytes(p, src_at, bytes, n);
    n = address_bytes(bytes, sent->family, sent->dst);
    addresses = csum_add(addresses, write_bytes(p, dst_at, bytes, n));
    all = addresses;
    if (is_v4)
        all = csum_add(all, add_to_sum(p, cp->inner_ofs + 10u, addresses));
    if (conn_tuple_has_ids(sent)) {
        be16_store(bytes, sent->src_port);
        ports = write_bytes(p, cp->inner_l4_ofs + 4u, bytes, 2);
    } else if (sent->proto == IP_PROTO_TCP || sent->proto == IP_PROTO_UDP || sent->proto == IP_PROTO_SCTP) {
        be16_store(bytes, sent->src_port);
        be16_store(bytes + 2, sent->dst_port);
        ports = write_bytes(p, cp->inner_l4_ofs, bytes, 4);
    }
    all = csum_add(all, ports);
    if (sum_at)
        all = csum_add(all, add_to_sum(p, cp->inner_l4_ofs + sum_at,
                                       sent->proto == IP_PROTO_ICMP ? ports : csum_add(ports, addresses)));
    (void)add_to_sum(p, p->l4_ofs + 2u, all); /* of the error itself */
    return 0;
}

static int set_address(struct pkt *p, uint8_t family, bool is_src, struct value v)
{
    enum field_id v4 = is_src ? FIELD_IPV4_SRC : FIELD_IPV4_DST, v6 = is_src ? FIELD_IPV6_SRC : FIELD_IPV6_DST;
    enum field_id id = family == 4 ? v4 : v6;

    return pkt_set_field(p, id, v, field_ones(id));
}

static int set_port(struct pkt *p, uint8_t proto, bool is_src, uint16_t port)
{
    enum field_id id = proto == IP_PROTO_TCP   ? is_src ? FIELD_TCP_SRC : FIELD_TCP_DST
                       : proto == IP_PROTO_UDP ? is_src ? FIELD_UDP_SRC : FIELD_UDP_DST
                       : is_src                ? FIELD_SCTP_SRC
                                               : FIELD_SCTP_DST;

    return pkt_set_field(p, id, value_of(port), field_ones(id));
}

int nat_frame(struct pkt *p, const struct conn_packet *cp, const struct conn_tuple tuple[CONN_DIRS], enum conn_dir dir)
{
    const struct conn_tuple *seen = &tuple[dir];
    struct conn_tuple want = conn_tuple_inverse(&tuple[!dir]);
    bool is_error = cp->kind == CONN_KIND_ERROR;
    int err = pkt_writable(p);

    if (!err && is_error)
        err = inner_frame(p, cp, &tuple[!dir]);
    if (err)
        return err;
    /* an error may come from any router on the way: one on the hidden side is hidden, too (RFC 5508, REQ-5) */
    if (!is_value(want.src, seen->src))
        err = set_address(p, want.family, true, want.src);
    if (!err && !is_value(want.dst, seen->dst))
        err = set_address(p, want.family, false, want.dst);
    return err || is_error ? err : nat_ports(p, seen, &want);
}

int nat_ports(struct pkt *p, const struct conn_tuple *seen, const struct conn_tuple *want)
{
    uint8_t bytes[2];
    int err = 0;

    if (conn_tuple_has_ids(seen)) {
        if (want->src_port != seen->src_port) {
            be16_store(bytes, want->src_port);
            (void)add_to_sum(p, p->l4_ofs + 2u, write_bytes(p, p->l4_ofs + 4u, bytes, 2));
        }
        return 0;
    }
    if (want->src_port != seen->src_port)
        err = set_port(p, want->proto, true, want->src_port);
    if (!err && want->dst_port != seen->dst_port)
        err = set_port(p, want->proto, false, want->dst_port);
    return err;
}

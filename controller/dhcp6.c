/* SPDX-License-Identifier: Apache-2.0 */
/* dhcp6.c - see dhcp6.h. */
#include "controller/dhcp6.h"

#include "base/clock.h"
#include "base/hash.h"
#include "controller/frame.h"

#include <stdlib.h>
#include <string.h>

enum { PORT_CLIENT = 546, PORT_SERVER = 547, DUID_MAX = 130, SERVER_ID_SIZE = 10 };

enum type {
    SOLICIT = 1,
    ADVERTISE,
    REQUEST,
    CONFIRM,
    RENEW,
    REBIND,
    REPLY,
    RELEASE,
    DECLINE,
    INFORMATION_REQUEST = 11
};
enum option {
    OPT_CLIENT_ID = 1,
    OPT_SERVER_ID = 2,
    OPT_IA_NA = 3,
    OPT_IA_TA = 4,
    OPT_IA_ADDRESS = 5,
    OPT_REQUESTED = 6,
    OPT_STATUS = 13,
    OPT_RAPID_COMMIT = 14,
    OPT_DNS = 23,
    OPT_DOMAINS = 24,
    OPT_IA_PD = 25,
};
enum status { SUCCESS, NO_ADDRESSES = 2, NO_BINDING = 3, NOT_ON_LINK = 4, NO_PREFIX = 6 };

struct ia {
    enum option kind;
    uint32_t id;
    struct ip_addr addresses[DHCP6_ADDRESSES_MAX];
    size_t n_addresses;
};
struct message {
    enum type type;
    uint32_t head; /* type and transaction id */
    net_mac mac;
    struct ip_addr from;
    const uint8_t *duid, *server; /* NULL: none; borrowed */
    size_t n_duid, n_server;
    struct ia ias[DHCP6_IAS_MAX];
    size_t n_ias;
    bool is_rapid, wants_dns, wants_domain;
};

/* The network that is served, and by whom. */
struct place {
    const struct net_doc *doc;
    const struct net_network *network;
    const struct net_dhcp *dhcp;
    net_mac mac;
    int index;
    uint64_t now_ns;
    uint8_t id[SERVER_ID_SIZE]; /* a DUID-LL: RFC 8415, 11.4 */
};

/* --- leases --- */
void dhcp6_init(struct dhcp6_server *s)
{
    hmap_init(&s->by_client);
    hmap_init(&s->by_address);
}

static void lease_drop(struct dhcp6_server *s, struct dhcp6_lease *l)
{
    hmap_remove(&s->by_client, &l->by_client);
    hmap_remove(&s->by_address, &l->by_address);
    free(l);
}

void dhcp6_fini(struct dhcp6_server *s)
{
    for_each_hmap_safe (struct dhcp6_lease, l, next, &s->by_client, by_client)
        lease_drop(s, l);
    hmap_fini(&s->by_client);
    hmap_fini(&s->by_address);
}

static struct dhcp6_lease *lease_of(const struct dhcp6_server *s, uint16_t vlan, const uint8_t *client, size_t n)
{
    for_each_hmap_hash (struct dhcp6_lease, l, &s->by_client, hash_bytes(client, n, vlan), by_client)
        if (l->vlan == vlan && l->n_client == n && !memcmp(l->client, client, n))
            return l;
    return NULL;
}

static struct dhcp6_lease *lease_at(const struct dhcp6_server *s, uint16_t vlan, const struct ip_addr *ip)
{
    for_each_hmap_hash (struct dhcp6_lease, l, &s->by_address, hash_bytes(ip->bytes, 16, vlan), by_address)
        if (l->vlan == vlan && ip_equal(&l->ip, ip))
            return l;
    return NULL;
}

const struct dhcp6_lease *dhcp6_lease_at(const struct dhcp6_server *s, uint16_t vlan, const struct ip_addr *ip)
{
    return lease_at(s, vlan, ip);
}

/* A copy that is found; NULL: there are too many. */
static struct dhcp6_lease *lease_add(struct dhcp6_server *s, const struct dhcp6_lease *like)
{
    struct dhcp6_lease *l = s->by_client.n < DHCP_LEASES_MAX ? malloc(sizeof *l) : NULL;

    if (!l)
        return NULL;
    *l = *like;
    hmap_insert(&s->by_client, &l->by_client, hash_bytes(l->client, l->n_client, l->vlan));
    hmap_insert(&s->by_address, &l->by_address, hash_bytes(l->ip.bytes, 16, l->vlan));
    return l;
}

void dhcp6_restore(struct dhcp6_server *s, const struct dhcp6_lease *l)
{
    if (!lease_of(s, l->vlan, l->client, l->n_client) && !lease_at(s, l->vlan, &l->ip))
        (void)lease_add(s, l);
}

void dhcp6_tick(struct dhcp6_server *s, uint64_t now_ns)
{
    for_each_hmap_safe (struct dhcp6_lease, l, next, &s->by_client, by_client)
        if (l->end_ns < now_ns)
            lease_drop(s, l);
}

/* --- reading --- */
static void ia_read(struct message *m, enum option kind, struct rd o)
{
    struct ia *ia = &m->ias[m->n_ias];

    if (m->n_ias == DHCP6_IAS_MAX)
        return;
    *ia = (struct ia){ .kind = kind, .id = rd_u32(&o) };
    if (kind != OPT_IA_TA)
        rd_skip(&o, 8);
    while (o.left && !o.bad) {
        uint16_t code = rd_u16(&o);
        struct rd in = rd_sub(&o, rd_u16(&o));

        if (code != OPT_IA_ADDRESS || ia->n_addresses == DHCP6_ADDRESSES_MAX)
            continue;
        ia->addresses[ia->n_addresses] = (struct ip_addr){ .family = 6, .prefix_len = 128 };
        rd_copy(&in, ia->addresses[ia->n_addresses].bytes, 16);
        if (!in.bad)
            ia->n_addresses++;
    }
    if (!o.bad)
        m->n_ias++;
}

static void option_read(struct message *m, uint16_t code, struct rd o)
{
    switch (code) {
    case OPT_CLIENT_ID:
        m->duid = o.p;
        m->n_duid = o.left;
        break;
    case OPT_SERVER_ID:
        m->server = o.p;
        m->n_server = o.left;
        break;
    case OPT_IA_NA:
    case OPT_IA_TA:
    case OPT_IA_PD:
        ia_read(m, (enum option)code, o);
        break;
    case OPT_REQUESTED:
        while (o.left) {
            uint16_t wanted = rd_u16(&o);

            m->wants_dns |= wanted == OPT_DNS;
            m->wants_domain |= wanted == OPT_DOMAINS;
        }
        break;
    case OPT_RAPID_COMMIT:
        m->is_rapid = true;
        break;
    default:
        break;
    }
}

/* RFC 8415, 16: what a message must and must not have. */
static bool is_valid(const struct message *m, const struct place *p)
{
    bool is_mine = m->server && m->n_server == sizeof p->id && !memcmp(m->server, p->id, sizeof p->id);

    if (m->duid && (m->n_duid < 3 || m->n_duid > DUID_MAX))
        return false;
    switch (m->type) {
    case SOLICIT:
    case CONFIRM:
    case REBIND:
        return m->duid && !m->server;
    case REQUEST:
    case RENEW:
    case RELEASE:
    case DECLINE:
        return m->duid && is_mine;
    case INFORMATION_REQUEST:
        return !m->n_ias && (!m->server || is_mine);
    case ADVERTISE:
    case REPLY:
        break;
    }
    return false;
}

static bool message_read(struct message *m, const struct place *p, const uint8_t *bytes, size_t n)
{
    struct ip_packet ip;
    struct frame f;
    struct udp u;
    struct rd r;

    *m = (struct message){ 0 };
    if (!frame_read(&f, bytes, n) || !ip_read(&ip, &f) || ip.src.family != 6 || !udp_read(&u, &ip) ||
        u.dst != PORT_SERVER || !ip_is_single(&ip.src) || f.src >> 40 & 1)
        return false;
    m->mac = f.src;
    m->from = ip.src;
    r = rd_init(u.data, u.n_data);
    m->head = rd_u32(&r);
    m->type = (enum type)(m->head >> 24);
    while (r.left && !r.bad) {
        uint16_t code = rd_u16(&r);
        struct rd o = rd_sub(&r, rd_u16(&r));

        if (!o.bad)
            option_read(m, code, o);
        r.bad |= o.bad;
    }
    return !r.bad && is_valid(m, p);
}

/* --- choosing --- */
static size_t declared_addresses(const struct place *p, net_mac mac, struct ip_addr out[DHCP6_ADDRESSES_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < p->doc->n_hosts; i++) {
        const struct net_host *h = &p->doc->hosts[i];

        for (size_t j = 0; h->mac == mac && h->network == p->index && j < h->n_addresses && n < DHCP6_ADDRESSES_MAX;
             j++)
            if (h->addresses[j].family == 6)
                out[n++] = h->addresses[j];
    }
    return n;
}

static bool is_declared(const struct place *p, const struct ip_addr *ip)
{
    const struct net_leg *leg = net_doc_leg(p->doc, p->index);
    bool is_there = net_doc_host_by_address(p->doc, p->index, ip) != NET_NONE;

    for (size_t i = 0; i < leg->n_addresses; i++)
        is_there |= ip_equal(&leg->addresses[i], ip);
    return is_there;
}

static bool is_on_link(const struct place *p, const struct ip_addr *ip)
{
    for (size_t i = 0; i < p->network->n_subnets; i++)
        if (ip_is_in(ip, &p->network->subnets[i]))
            return true;
    return false;
}

static bool may_have(const struct place *p, const struct ip_addr *ip)
{
    return p->dhcp->first6.family && memcmp(ip->bytes, p->dhcp->first6.bytes, 16) >= 0 &&
           memcmp(ip->bytes, p->dhcp->last6.bytes, 16) <= 0 && !is_declared(p, ip);
}

/* An address that nobody has: one that is wished for, else one that depends on the client. */
static bool free_address(const struct dhcp6_server *s, const struct place *p, const struct dhcp6_lease *l,
                         const struct ia *ia, struct ip_addr *out)
{
    uint64_t first = be64_load(p->dhcp->first6.bytes + 8), n = be64_load(p->dhcp->last6.bytes + 8) - first + 1;
    uint32_t at = hash_bytes(l->client, l->n_client, 0);

    for (size_t i = 0; i < ia->n_addresses; i++) {
        *out = ia->addresses[i];
        if (may_have(p, out) && !lease_at(s, l->vlan, out))
            return true;
    }
    *out = p->dhcp->first6;
    out->prefix_len = 128;
    for (uint64_t i = 0; out->family && i < n; i++) {
        be64_store(out->bytes + 8, first + (at + i) % n);
        if (may_have(p, out) && !lease_at(s, l->vlan, out))
            return true;
    }
    return false;
}

/* A lease as it may be for the IA; its address has family 0 when there is none to give. */
static struct dhcp6_lease lease_make(const struct message *m, const struct place *p, const struct ia *ia)
{
    struct dhcp6_lease l = { .vlan = p->network->vlan, .mac = m->mac, .n_client = (uint8_t)(4 + m->n_duid) };

    be32_store(l.client, ia->id);
    memcpy(l.client + 4, m->duid, m->n_duid);
    return l;
}

/* The addresses of the client's IA, the first of all when it is a declared host; taken when `is_final`. */
static size_t addresses_get(struct dhcp6_server *s, const struct place *p, const struct message *m, const struct ia *ia,
                            bool is_final, struct ip_addr out[DHCP6_ADDRESSES_MAX])
{
    size_t n = declared_addresses(p, m->mac, out);
    struct dhcp6_lease l = lease_make(m, p, ia), *old = lease_of(s, l.vlan, l.client, l.n_client);

    if (n)
        return ia == m->ias ? n : 0;
    if (old && !may_have(p, &old->ip)) {
        lease_drop(s, old);
        old = NULL;
    }
    if (old)
        l.ip = old->ip;
    else if (!free_address(s, p, &l, ia, &l.ip))
        return 0;
    if (is_final && !old)
        old = lease_add(s, &l);
    if (is_final && !old)
        return 0;
    if (is_final) {
        old->mac = m->mac;
        old->end_ns = p->now_ns + p->dhcp->lease_s * (uint64_t)NSEC_PER_S;
    }
    out[0] = l.ip;
    return 1;
}

/* --- answering --- */
/* An option whose length is filled in by option_end. */
static size_t option_begin(struct wr *w, enum option code)
{
    wr_u16(w, (uint16_t)code);
    wr_u16(w, 0);
    return w->len;
}

static void option_end(struct wr *w, size_t start)
{
    wr_patch_u16(w, start - 2, (uint16_t)(w->len - start));
}

static void wr_option(struct wr *w, enum option code, const void *value, size_t n)
{
    wr_u16(w, (uint16_t)code);
    wr_u16(w, (uint16_t)n);
    wr_bytes(w, value, n);
}

static void wr_status(struct wr *w, enum status status)
{
    uint8_t bytes[2] = { 0, (uint8_t)status };

    wr_option(w, OPT_STATUS, bytes, sizeof bytes);
}

static void wr_address(struct wr *w, const struct ip_addr *ip, uint32_t lifetime_s)
{
    size_t at = option_begin(w, OPT_IA_ADDRESS);

    wr_bytes(w, ip->bytes, 16);
    wr_u32(w, lifetime_s);
    wr_u32(w, lifetime_s);
    option_end(w, at);
}

static size_t ia_begin(struct wr *w, const struct ia *ia, uint32_t lease_s)
{
    size_t at = option_begin(w, ia->kind);

    wr_u32(w, ia->id);
    if (ia->kind != OPT_IA_TA) {
        wr_u32(w, lease_s / 2);
        wr_u32(w, lease_s / 5 * 4);
    }
    return at;
}

static void bound(struct dhcp6_answer *out, const struct ip_addr *ip)
{
    if (out->n_bound < DHCP6_ADDRESSES_MAX)
        out->bound[out->n_bound++] = *ip;
}

/* Solicit, Request, Renew, Rebind: RFC 8415, 18.3.1 to 18.3.5.  Addresses that the client has and may not end at once. */
static void give(struct dhcp6_server *s, const struct place *p, const struct message *m, struct wr *w,
                 struct dhcp6_answer *out)
{
    bool is_final = m->type != SOLICIT || m->is_rapid;

    for (size_t i = 0; i < m->n_ias; i++) {
        const struct ia *ia = &m->ias[i];
        struct ip_addr list[DHCP6_ADDRESSES_MAX];
        size_t n = ia->kind == OPT_IA_NA ? addresses_get(s, p, m, ia, is_final, list) : 0;
        size_t at = ia_begin(w, ia, n ? p->dhcp->lease_s : 0);
        bool is_lost = false;

        for (size_t j = 0; j < n; j++) {
            wr_address(w, &list[j], p->dhcp->lease_s);
            if (is_final)
                bound(out, &list[j]);
        }
        for (size_t j = 0; m->type != SOLICIT && ia->kind == OPT_IA_NA && j < ia->n_addresses; j++) {
            bool is_kept = false;

            for (size_t k = 0; k < n; k++)
                is_kept |= ip_equal(&list[k], &ia->addresses[j]);
            is_lost |= !is_kept;
            if (!is_kept && m->type != REQUEST)
                wr_address(w, &ia->addresses[j], 0);
        }
        if (!n && !(is_lost && m->type != REQUEST))
            wr_status(w, ia->kind == OPT_IA_PD ? NO_PREFIX : NO_ADDRESSES);
        option_end(w, at);
    }
}

/* RFC 8415, 18.3.3.  False: it has no address to ask about. */
static bool confirm(const struct place *p, const struct message *m, struct wr *w)
{
    enum status status = SUCCESS;
    size_t n = 0;

    for (size_t i = 0; i < m->n_ias; i++)
        for (size_t j = 0; j < m->ias[i].n_addresses; j++, n++)
            if (!is_on_link(p, &m->ias[i].addresses[j]))
                status = NOT_ON_LINK;
    wr_status(w, status);
    return n;
}

/* Release and Decline: RFC 8415, 18.3.7, 18.3.8. */
static void give_back(struct dhcp6_server *s, const struct place *p, const struct message *m, struct wr *w,
                      struct dhcp6_answer *out)
{
    struct ip_addr declared[DHCP6_ADDRESSES_MAX];
    bool is_declared_host = declared_addresses(p, m->mac, declared) != 0;

    for (size_t i = 0; i < m->n_ias; i++) {
        const struct ia *ia = &m->ias[i];
        struct dhcp6_lease like = lease_make(m, p, ia), *l = lease_of(s, like.vlan, like.client, like.n_client);
        bool is_known = false;

        for (size_t j = 0; l && j < ia->n_addresses; j++)
            is_known |= ip_equal(&l->ip, &ia->addresses[j]);
        if (!is_known) {
            size_t at = ia_begin(w, ia, 0);

            if (!is_declared_host)
                wr_status(w, NO_BINDING);
            option_end(w, at);
            continue;
        }
        if (out->n_released < DHCP6_ADDRESSES_MAX)
            out->released[out->n_released++] = l->ip;
        like.ip = l->ip;
        lease_drop(s, l);
        if (m->type != DECLINE)
            continue;
        like.n_client = 4 + 16; /* nobody's: known by the address itself */
        memset(like.client, 0xff, 4);
        memcpy(like.client + 4, like.ip.bytes, 16);
        like.is_declined = true;
        like.mac = 0;
        like.end_ns = p->now_ns + DHCP_DECLINED_S * (uint64_t)NSEC_PER_S;
        (void)lease_add(s, &like);
    }
    wr_status(w, SUCCESS);
}

/* RFC 3646. */
static void wr_network(struct wr *w, const struct place *p, const struct message *m)
{
    const char *name = p->dhcp->domain;
    bool has_dns = false;
    size_t at;

    for (size_t i = 0; i < p->dhcp->n_dns; i++)
        has_dns |= p->dhcp->dns[i].family == 6;
    if (m->wants_dns && has_dns) {
        at = option_begin(w, OPT_DNS);
        for (size_t i = 0; i < p->dhcp->n_dns; i++)
            if (p->dhcp->dns[i].family == 6)
                wr_bytes(w, p->dhcp->dns[i].bytes, 16);
        option_end(w, at);
    }
    if (!m->wants_domain || !name[0])
        return;
    at = option_begin(w, OPT_DOMAINS);
    while (*name) {
        size_t n = strcspn(name, ".");

        if (n && n < 64) {
            wr_u8(w, (uint8_t)n);
            wr_bytes(w, name, n);
        }
        name += n + (name[n] == '.');
    }
    wr_u8(w, 0);
    option_end(w, at);
}

static void answer(struct dhcp6_server *s, const struct place *p, const struct message *m, struct wr *w,
                   struct dhcp6_answer *out)
{
    enum type type = m->type == SOLICIT && !m->is_rapid ? ADVERTISE : REPLY;

    out->has_frame = true;
    wr_u32(w, (uint32_t)type << 24 | (m->head & 0xffffff));
    wr_option(w, OPT_SERVER_ID, p->id, sizeof p->id);
    if (m->duid)
        wr_option(w, OPT_CLIENT_ID, m->duid, m->n_duid);
    if (type == REPLY && m->type == SOLICIT)
        wr_option(w, OPT_RAPID_COMMIT, NULL, 0);
    switch (m->type) {
    case SOLICIT:
    case REQUEST:
    case RENEW:
    case REBIND:
        give(s, p, m, w, out);
        break;
    case CONFIRM:
        out->has_frame = confirm(p, m, w);
        break;
    case RELEASE:
    case DECLINE:
        give_back(s, p, m, w, out);
        return;
    case INFORMATION_REQUEST:
    case ADVERTISE:
    case REPLY:
        break;
    }
    wr_network(w, p, m);
}

bool dhcp6_is_served(const struct net_doc *doc, int network)
{
    return doc->networks[network].dhcp && net_doc_gateway(doc, network, 6);
}

bool dhcp6_has_addresses(const struct net_doc *doc, int network)
{
    bool has = dhcp6_is_served(doc, network) && doc->networks[network].dhcp->first6.family;

    for (size_t i = 0; i < doc->n_hosts && dhcp6_is_served(doc, network); i++)
        for (size_t j = 0; doc->hosts[i].network == network && doc->hosts[i].mac && j < doc->hosts[i].n_addresses; j++)
            has |= doc->hosts[i].addresses[j].family == 6;
    return has;
}

void dhcp6_serve(struct dhcp6_server *s, const struct net_doc *doc, int network, const struct dhcp_frame *in,
                 struct wr *w, struct dhcp6_answer *out)
{
    struct place p = { .doc = doc, .network = &doc->networks[network], .index = network, .now_ns = in->now_ns };
    struct ip_addr own;
    struct message m;
    struct wr body;

    *out = (struct dhcp6_answer){ 0 };
    if (!dhcp6_is_served(doc, network))
        return;
    p.dhcp = p.network->dhcp;
    p.mac = doc->routers[p.network->router].mac;
    own = ip_link_local(p.mac);
    be32_store(p.id, UINT32_C(0x00030001));
    net_mac_bytes(p.mac, p.id + 4);
    if (!message_read(&m, &p, in->bytes, in->n))
        return;
    out->mac = m.mac;
    dhcp6_tick(s, in->now_ns);
    wr_init(&body);
    answer(s, &p, &m, &body, out);
    if (out->has_frame && !body.bad) {
        const struct ip_write how = {
            .dst_mac = m.mac, .src_mac = p.mac, .src = &own, .dst = &m.from, .ttl = FRAME_ANSWER_TTL
        };

        udp_write(w, &how, &(struct udp){ .src = PORT_SERVER, .dst = PORT_CLIENT, .data = body.p, .n_data = body.len });
    }
    w->bad |= body.bad;
    wr_fini(&body);
}

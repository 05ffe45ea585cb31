/* SPDX-License-Identifier: Apache-2.0 */
/* dhcp4.c - see dhcp4.h. */
#include "controller/dhcp4.h"

#include "base/clock.h"
#include "base/hash.h"
#include "controller/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PORT_SERVER = 67,
    PORT_CLIENT = 68,
    BOOTREQUEST = 1,
    BOOTREPLY = 2,
    FIXED_SIZE = 236, /* before the magic cookie */
    MESSAGE_MIN = 300,
    FLAG_BROADCAST = 0x8000,
    LIST_MAX = 8, /* of DNS servers */
};
#define MAGIC UINT32_C(0x63825363)

enum type { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };
enum option {
    OPT_PAD = 0,
    OPT_MASK = 1,
    OPT_ROUTER = 3,
    OPT_DNS = 6,
    OPT_HOST_NAME = 12,
    OPT_DOMAIN = 15,
    OPT_MTU = 26,
    OPT_BROADCAST = 28,
    OPT_REQUESTED = 50,
    OPT_LEASE = 51,
    OPT_TYPE = 53,
    OPT_SERVER = 54,
    OPT_T1 = 58,
    OPT_T2 = 59,
    OPT_CLIENT = 61,
    OPT_END = 255,
};

struct request {
    enum type type;
    uint32_t xid, ciaddr, requested, server; /* host order; 0: none */
    uint16_t flags;
    net_mac mac;
    uint8_t client[DHCP_CLIENT_MAX];
    uint8_t n_client;
    char name[64];
};

/* The network that is served, and by whom. */
struct place {
    const struct net_doc *doc;
    const struct net_network *network;
    const struct net_dhcp *dhcp;
    const struct ip_addr *own; /* the server's address */
    net_mac mac;
    int index;
};

static uint32_t ip_of(const struct ip_addr *ip)
{
    return be32_load(ip->bytes);
}

static struct ip_addr ip_from(uint32_t address, uint8_t prefix_len)
{
    struct ip_addr ip = { .family = 4, .prefix_len = prefix_len };

    be32_store(ip.bytes, address);
    return ip;
}

/* --- leases --- */
void dhcp_init(struct dhcp_server *s)
{
    *s = (struct dhcp_server){ 0 };
    hmap_init(&s->by_client);
    hmap_init(&s->by_address);
}

static void lease_drop(struct dhcp_server *s, struct dhcp_lease *l)
{
    hmap_remove(&s->by_client, &l->by_client);
    hmap_remove(&s->by_address, &l->by_address);
    free(l);
}

void dhcp_fini(struct dhcp_server *s)
{
    for_each_hmap_safe (struct dhcp_lease, l, next, &s->by_client, by_client)
        lease_drop(s, l);
    hmap_fini(&s->by_client);
    hmap_fini(&s->by_address);
}

static uint32_t client_hash(uint16_t vlan, const uint8_t *client, size_t n)
{
    return hash_bytes(client, n, vlan);
}

static uint32_t address_hash(uint16_t vlan, uint32_t address)
{
    uint64_t word = (uint64_t)vlan << 32 | address;

    return hash_words(&word, 1, 5);
}

static struct dhcp_lease *lease_of(const struct dhcp_server *s, uint16_t vlan, const struct request *r)
{
    for_each_hmap_hash (struct dhcp_lease, l, &s->by_client, client_hash(vlan, r->client, r->n_client), by_client)
        if (l->vlan == vlan && l->n_client == r->n_client && !memcmp(l->client, r->client, l->n_client))
            return l;
    return NULL;
}

static struct dhcp_lease *lease_at(const struct dhcp_server *s, uint16_t vlan, uint32_t address)
{
    for_each_hmap_hash (struct dhcp_lease, l, &s->by_address, address_hash(vlan, address), by_address)
        if (l->vlan == vlan && l->address == address)
            return l;
    return NULL;
}

static struct dhcp_lease *lease_new(struct dhcp_server *s, uint16_t vlan, const struct request *r, uint32_t address)
{
    struct dhcp_lease *l = s->by_client.n < DHCP_LEASES_MAX ? calloc(1, sizeof *l) : NULL;

    if (!l)
        return NULL;
    l->vlan = vlan;
    l->n_client = r->n_client;
    memcpy(l->client, r->client, r->n_client);
    l->mac = r->mac;
    l->address = address;
    snprintf(l->name, sizeof l->name, "%s", r->name);
    hmap_insert(&s->by_client, &l->by_client, client_hash(vlan, l->client, l->n_client));
    hmap_insert(&s->by_address, &l->by_address, address_hash(vlan, address));
    return l;
}

const struct dhcp_lease *dhcp_lease_at(const struct dhcp_server *s, uint16_t vlan, uint32_t address)
{
    return lease_at(s, vlan, address);
}

void dhcp_restore(struct dhcp_server *s, const struct dhcp_lease *l)
{
    struct request r = { .mac = l->mac, .n_client = l->n_client };
    struct dhcp_lease *copy;

    memcpy(r.client, l->client, l->n_client);
    memcpy(r.name, l->name, sizeof r.name);
    if (lease_of(s, l->vlan, &r) || lease_at(s, l->vlan, l->address))
        return;
    copy = lease_new(s, l->vlan, &r, l->address);
    if (!copy)
        return;
    copy->state = DHCP_BOUND;
    copy->end_ns = l->end_ns;
}

void dhcp_tick(struct dhcp_server *s, uint64_t now_ns)
{
    for_each_hmap_safe (struct dhcp_lease, l, next, &s->by_client, by_client)
        if (l->end_ns < now_ns)
            lease_drop(s, l);
}

/* --- reading --- */
static void option_read(struct request *r, uint8_t code, struct rd o)
{
    switch (code) {
    case OPT_TYPE:
        r->type = (enum type)rd_u8(&o);
        break;
    case OPT_REQUESTED:
        r->requested = rd_u32(&o);
        break;
    case OPT_SERVER:
        r->server = rd_u32(&o);
        break;
    case OPT_CLIENT:
        if (o.left < 2 || o.left > DHCP_CLIENT_MAX)
            break;
        r->n_client = (uint8_t)o.left;
        rd_copy(&o, r->client, r->n_client);
        break;
    case OPT_HOST_NAME:
        for (size_t i = 0; i < o.left && i + 1 < sizeof r->name; i++)
            r->name[i] = o.p[i] > ' ' && o.p[i] < 127 ? (char)o.p[i] : '?';
        break;
    default:
        break;
    }
}

/* Options to the end mark; what is cut short is not looked at (RFC 2132, 2). */
static bool options_read(struct request *r, struct rd *in)
{
    while (in->left) {
        uint8_t code = rd_u8(in);
        struct rd o;

        if (code == OPT_PAD)
            continue;
        if (code == OPT_END)
            break;
        o = rd_sub(in, rd_u8(in));
        if (in->bad)
            return false;
        option_read(r, code, o);
    }
    return r->type >= DISCOVER && r->type <= INFORM;
}

static bool request_read(struct request *r, const uint8_t *bytes, size_t n)
{
    struct frame f;
    struct ip_packet ip;
    struct rd in;
    uint8_t mac[6], op, hardware, n_mac;

    *r = (struct request){ 0 };
    if (!frame_read(&f, bytes, n) || !ip_read(&ip, &f) || ip.src.family != 4 || ip.proto != FRAME_UDP ||
        ip.is_later_fragment)
        return false;
    in = rd_init(ip.data, ip.n_data);
    rd_skip(&in, 2);
    if (rd_u16(&in) != PORT_SERVER)
        return false;
    rd_skip(&in, 4);
    op = rd_u8(&in);
    hardware = rd_u8(&in);
    n_mac = rd_u8(&in);
    rd_skip(&in, 1);
    r->xid = rd_u32(&in);
    rd_skip(&in, 2);
    r->flags = rd_u16(&in);
    r->ciaddr = rd_u32(&in);
    rd_skip(&in, 12);
    rd_copy(&in, mac, sizeof mac);
    r->mac = net_mac_of(mac);
    rd_skip(&in, FIXED_SIZE - 34);
    if (rd_u32(&in) != MAGIC || in.bad || op != BOOTREQUEST || hardware != 1 || n_mac != 6 || !r->mac || mac[0] & 1)
        return false;
    r->n_client = 7;
    r->client[0] = 1;
    memcpy(r->client + 1, mac, sizeof mac);
    return options_read(r, &in);
}

/* --- choosing --- */
static bool is_declared(const struct place *p, uint32_t address)
{
    struct ip_addr ip = { .family = 4 };

    be32_store(ip.bytes, address);
    return net_doc_host_by_address(p->doc, p->index, &ip) != NET_NONE || address == ip_of(p->own);
}

/* The document's own host with that MAC address, NULL: none with an IPv4 address in this network. */
static const struct ip_addr *declared_address(const struct place *p, net_mac mac)
{
    int host = net_doc_host_by_mac(p->doc, p->index, mac);

    for (size_t j = 0; host != NET_NONE && j < p->doc->hosts[host].n_addresses; j++)
        if (p->doc->hosts[host].addresses[j].family == 4)
            return &p->doc->hosts[host].addresses[j];
    return NULL;
}

static bool is_in_range(const struct place *p, uint32_t address)
{
    return p->dhcp->first.family && address >= ip_of(&p->dhcp->first) && address <= ip_of(&p->dhcp->last);
}

static bool is_free(const struct dhcp_server *s, const struct place *p, uint32_t address)
{
    return is_in_range(p, address) && !is_declared(p, address) && !lease_at(s, p->network->vlan, address);
}

/* Where the search begins is made from the client, so that it tends to get the same address again (RFC 2131, 4.3.1). */
static uint32_t free_address(const struct dhcp_server *s, const struct place *p, const struct request *r)
{
    uint32_t first, n;

    if (r->requested && is_free(s, p, r->requested))
        return r->requested;
    if (!p->dhcp->first.family)
        return 0;
    first = ip_of(&p->dhcp->first);
    n = ip_of(&p->dhcp->last) - first + 1;
    for (uint32_t i = 0, at = client_hash(0, r->client, r->n_client) % n; i < n; i++)
        if (is_free(s, p, first + (at + i) % n))
            return first + (at + i) % n;
    return 0;
}

/* The lease of the client, at an address that it may have now; NULL: there is none to give. */
static struct dhcp_lease *lease_get(struct dhcp_server *s, const struct place *p, const struct request *r,
                                    uint64_t now_ns)
{
    const struct ip_addr *declared = declared_address(p, r->mac);
    struct dhcp_lease *l = lease_of(s, p->network->vlan, r), *other;
    uint32_t address = declared ? ip_of(declared) : 0;

    if (l && (declared ? l->address == address : is_in_range(p, l->address) && !is_declared(p, l->address))) {
        l->mac = r->mac;
        return l;
    }
    if (l)
        lease_drop(s, l);
    if (declared) {
        other = lease_at(s, p->network->vlan, address);
        if (other)
            lease_drop(s, other);
    } else {
        dhcp_tick(s, now_ns);
        address = free_address(s, p, r);
    }
    l = address ? lease_new(s, p->network->vlan, r, address) : NULL;
    if (l)
        l->end_ns = now_ns + DHCP_OFFER_S * (uint64_t)NSEC_PER_S;
    else
        s->n_full++;
    return l;
}

/* --- answering --- */
static void wr_option(struct wr *w, uint8_t code, const void *value, size_t n)
{
    wr_u8(w, code);
    wr_u8(w, (uint8_t)n);
    wr_bytes(w, value, n);
}

static void wr_option_u32(struct wr *w, uint8_t code, uint32_t value)
{
    uint8_t bytes[4];

    be32_store(bytes, value);
    wr_option(w, code, bytes, sizeof bytes);
}

static uint32_t mask_of(const struct place *p)
{
    return p->own->prefix_len ? UINT32_MAX << (32 - p->own->prefix_len) : 0;
}

/* What a host must know about its network. */
static void wr_network(struct wr *w, const struct place *p, const struct request *r)
{
    uint8_t dns[4 * LIST_MAX], mtu[2];
    size_t n = 0;

    wr_option_u32(w, OPT_MASK, mask_of(p));
    wr_option_u32(w, OPT_ROUTER, ip_of(p->own));
    wr_option_u32(w, OPT_BROADCAST, ip_of(p->own) | ~mask_of(p));
    be16_store(mtu, p->network->mtu);
    wr_option(w, OPT_MTU, mtu, sizeof mtu);
    for (size_t i = 0; i < p->dhcp->n_dns && n < LIST_MAX; i++)
        if (p->dhcp->dns[i].family == 4)
            memcpy(dns + 4 * n++, p->dhcp->dns[i].bytes, 4);
    if (n)
        wr_option(w, OPT_DNS, dns, 4 * n);
    if (p->dhcp->domain[0])
        wr_option(w, OPT_DOMAIN, p->dhcp->domain, strlen(p->dhcp->domain));
    for (size_t i = 0; i < p->doc->n_hosts; i++)
        if (p->doc->hosts[i].mac == r->mac)
            wr_option(w, OPT_HOST_NAME, p->doc->hosts[i].name, strlen(p->doc->hosts[i].name));
}

static void message_write(struct wr *m, const struct place *p, const struct request *r, enum type type, uint32_t yiaddr)
{
    uint8_t mac[6], kind = (uint8_t)type;

    wr_u16(m, PORT_SERVER);
    wr_u16(m, PORT_CLIENT);
    wr_u32(m, 0); /* length and checksum, later */
    wr_u32(m, UINT32_C(0x02010600));
    wr_u32(m, r->xid);
    wr_u16(m, 0);
    wr_u16(m, r->flags);
    wr_u32(m, type == ACK ? r->ciaddr : 0);
    wr_u32(m, yiaddr);
    wr_zero(m, 8);
    net_mac_bytes(r->mac, mac);
    wr_bytes(m, mac, sizeof mac);
    wr_zero(m, FIXED_SIZE - 34);
    wr_u32(m, MAGIC);
    wr_option(m, OPT_TYPE, &kind, 1);
    wr_option_u32(m, OPT_SERVER, ip_of(p->own));
    if (yiaddr) {
        wr_option_u32(m, OPT_LEASE, p->dhcp->lease_s);
        wr_option_u32(m, OPT_T1, p->dhcp->lease_s / 2);
        wr_option_u32(m, OPT_T2, p->dhcp->lease_s / 8 * 7);
    }
    if (type != NAK)
        wr_network(m, p, r);
    wr_u8(m, OPT_END);
    if (m->len < MESSAGE_MIN + 8)
        wr_zero(m, MESSAGE_MIN + 8 - m->len);
    if (!m->bad)
        be16_store(m->p + 4, (uint16_t)m->len);
}

/* Where an answer goes: RFC 2131, 4.1. */
static void answer(struct wr *w, const struct place *p, const struct request *r, enum type type, uint32_t yiaddr)
{
    bool is_broadcast = type == NAK || (!r->ciaddr && (r->flags & FLAG_BROADCAST || !yiaddr));
    struct ip_addr dst = ip_from(is_broadcast ? UINT32_MAX : r->ciaddr ? r->ciaddr : yiaddr, 32);
    const struct ip_write how = {
        .dst_mac = is_broadcast ? UINT64_C(0xffffffffffff) : r->mac,
        .src_mac = p->mac,
        .src = p->own,
        .dst = &dst,
        .proto = FRAME_UDP,
        .ttl = FRAME_ANSWER_TTL,
        .sum_at = 6,
    };
    struct wr m;

    wr_init(&m);
    message_write(&m, p, r, type, yiaddr);
    if (m.bad)
        w->bad = true;
    else
        ip_write(w, &how, m.p, m.len);
    wr_fini(&m);
}

static void on_discover(struct dhcp_server *s, const struct place *p, const struct request *r, uint64_t now_ns,
                        struct wr *w, struct dhcp_answer *out)
{
    const struct dhcp_lease *l = lease_get(s, p, r, now_ns);

    if (!l)
        return;
    s->n_offers++;
    out->has_frame = true;
    answer(w, p, r, OFFER, l->address);
}

/* SELECTING, INIT-REBOOT, RENEWING, REBINDING: RFC 2131, 4.3.2. */
static void on_request(struct dhcp_server *s, const struct place *p, const struct request *r, uint64_t now_ns,
                       struct wr *w, struct dhcp_answer *out)
{
    uint32_t wanted = r->ciaddr ? r->ciaddr : r->requested;
    struct request ask = *r;
    struct dhcp_lease *l;

    if (r->server && r->server != ip_of(p->own))
        return; /* it chose another server */
    ask.requested = wanted;
    l = lease_get(s, p, &ask, now_ns);
    out->has_frame = true;
    if (!l || l->address != wanted) {
        s->n_naks++;
        answer(w, p, r, NAK, 0);
        return;
    }
    l->state = DHCP_BOUND;
    l->end_ns = now_ns + p->dhcp->lease_s * (uint64_t)NSEC_PER_S;
    if (r->name[0])
        snprintf(l->name, sizeof l->name, "%s", r->name);
    s->n_acks++;
    out->is_bound = true;
    out->address = ip_from(l->address, p->own->prefix_len);
    out->mac = r->mac;
    answer(w, p, r, ACK, l->address);
}

/* Somebody uses the address already; nobody gets it for a while. */
static void on_decline(struct dhcp_server *s, const struct place *p, const struct request *r, uint64_t now_ns)
{
    struct dhcp_lease *l = lease_of(s, p->network->vlan, r);
    struct request nobody = { 0 };

    if (!l || l->address != r->requested || declared_address(p, r->mac))
        return;
    nobody.n_client = 5;
    be32_store(nobody.client + 1, l->address);
    lease_drop(s, l);
    l = lease_new(s, p->network->vlan, &nobody, r->requested);
    if (!l)
        return;
    l->state = DHCP_DECLINED;
    l->end_ns = now_ns + DHCP_DECLINED_S * (uint64_t)NSEC_PER_S;
}

static void on_release(struct dhcp_server *s, const struct place *p, const struct request *r, struct dhcp_answer *out)
{
    struct dhcp_lease *l = lease_of(s, p->network->vlan, r);

    if (!l || l->address != r->ciaddr)
        return;
    out->is_released = true;
    out->address = ip_from(l->address, p->own->prefix_len);
    lease_drop(s, l);
}

static void serve(struct dhcp_server *s, const struct place *p, const struct request *r, uint64_t now_ns, struct wr *w,
                  struct dhcp_answer *out)
{
    switch (r->type) {
    case DISCOVER:
        on_discover(s, p, r, now_ns, w, out);
        break;
    case REQUEST:
        on_request(s, p, r, now_ns, w, out);
        break;
    case DECLINE:
        on_decline(s, p, r, now_ns);
        break;
    case RELEASE:
        on_release(s, p, r, out);
        break;
    case INFORM:
        out->has_frame = r->ciaddr != 0;
        if (out->has_frame)
            answer(w, p, r, ACK, 0);
        break;
    case OFFER:
    case ACK:
    case NAK:
        break;
    }
}

void dhcp_serve(struct dhcp_server *s, const struct net_doc *doc, int network, const struct dhcp_frame *in,
                struct wr *w, struct dhcp_answer *out)
{
    struct place p = { .doc = doc, .network = &doc->networks[network], .index = network };
    struct request r;

    *out = (struct dhcp_answer){ 0 };
    p.dhcp = p.network->dhcp;
    p.own = net_doc_gateway(doc, network, 4);
    if (!p.dhcp || !p.own || !request_read(&r, in->bytes, in->n))
        return;
    p.mac = doc->routers[p.network->router].mac;
    serve(s, &p, &r, in->now_ns, w, out);
}

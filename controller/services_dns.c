/* SPDX-License-Identifier: Apache-2.0 */
/* services_dns.c - a router answers DNS queries of the hosts inside.   See services.h, dns.h, dns_forward.h. */
#include "controller/dns.h"
#include "controller/domain.h"
#include "controller/services_impl.h"

static void send_answer(struct controller *c, int sw, const struct dns_asker *to, const uint8_t *bytes, size_t n)
{
    int network = domain_network_of_vlan(c->domain, to->vlan);
    const struct net_router *r = network == NET_NONE ? NULL : services_router(c, network);
    const struct udp u = { .src = DNS_PORT, .dst = to->udp_port, .data = bytes, .n_data = n };
    struct ip_write how = { .dst_mac = to->mac, .src = &to->own, .dst = &to->ip, .ttl = FRAME_ANSWER_TTL };
    struct wr w;

    if (!r)
        return; /* the document is another one by now */
    how.src_mac = r->mac;
    wr_init(&w);
    udp_write(&w, &how, &u);
    services_send(c, sw, to->port, &w);
}

static void on_answer(void *arg, const struct dns_asker *to, const uint8_t *bytes, size_t n)
{
    struct controller *c = arg;
    int sw = net_doc_switch_by_id(c->domain->doc, to->datapath_id);

    if (sw != NET_NONE)
        send_answer(c, sw, to, bytes, n);
}

void services_dns_init(struct controller *c)
{
    dns_forward_init(&c->services.dns, c->loop, on_answer, c);
}

void services_dns(struct controller *c, int sw, uint32_t in_port, int network, const struct frame *f,
                  const struct ip_packet *ip)
{
    const struct net_doc *doc = c->domain->doc;
    struct dns_asker from = {
        .datapath_id = doc->switches[sw].datapath_id,
        .port = in_port,
        .vlan = f->vlan,
        .mac = f->src,
        .ip = ip->src,
        .own = ip->dst,
    };
    struct udp u;
    struct wr w;

    if (!udp_read(&u, ip) || u.dst != DNS_PORT || !ip_is_single(&ip->src) || !services_is_own(c, network, &ip->dst))
        return;
    from.udp_port = u.src;
    wr_init(&w);
    switch (dns_serve(doc, network, u.data, u.n_data, &w)) {
    case DNS_ANSWER:
        if (!w.bad)
            send_answer(c, sw, &from, w.p, w.len);
        break;
    case DNS_FORWARD:
        dns_forward_query(&c->services.dns, services_router(c, network), &from, u.data, u.n_data);
        break;
    case DNS_DROP:
        break;
    }
    wr_fini(&w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* controller.c - see controller.h. */
#include "controller/controller.h"

#include "base/bytes.h"
#include "base/log.h"
#include "controller/domain.h"
#include "io/addr.h"
#include "openflow/ofp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SERIALS_BACK = 3 }; /* discovery frames of so many periods ago are no news */

static uint64_t now(const struct controller *c)
{
    return clock_now(c->clock);
}

static void tell_settled(struct controller *c)
{
    if (c->settled)
        c->settled(c->settled_arg);
}

/* --- discovery --- */
static void lldp_send(struct controller *c, int link, int end)
{
    const struct domain *d = c->domain;
    int sw = d->doc->links[link].end[end].sw;
    uint32_t port = domain_end_port(d, link, end);
    const struct lldp l = { .datapath_id = d->doc->switches[sw].datapath_id, .port = port, .serial = c->serial };
    uint8_t mac[6];
    struct wr w;

    if (!port || !session_port_mac(d->members[sw].session, port, mac))
        return;
    wr_init(&w);
    lldp_write(&w, &c->key, &l, mac, d->doc->switches[sw].name);
    if (!w.bad)
        session_packet_out(d->members[sw].session, port, w.p, w.len);
    wr_fini(&w);
}

/* On every link that ends at `sw` (NET_NONE: on all), from both ends. */
static void lldp_send_all(struct controller *c, int sw)
{
    const struct domain *d = c->domain;

    for (size_t i = 0; i < d->doc->n_links; i++) {
        const struct net_end *end = d->doc->links[i].end;

        if (sw != NET_NONE && end[0].sw != sw && end[1].sw != sw)
            continue;
        for (int j = 0; j < 2; j++)
            if (d->links[i].end[j] == END_UP)
                lldp_send(c, (int)i, j);
    }
}

static void link_changed(struct controller *c, int link)
{
    const struct net_link *l = &c->domain->doc->links[link];
    const struct net_switch *s = c->domain->doc->switches;
    char a[NET_PORT_NAME], b[NET_PORT_NAME];

    log_notice("link %s:%s - %s:%s: %s", s[l->end[0].sw].name, net_port_text(&l->end[0].port, a), s[l->end[1].sw].name,
               net_port_text(&l->end[1].port, b), link_state_name[c->domain->links[link].state]);
    controller_touch(c);
}

static void on_lldp(struct controller *c, int sw, uint32_t in_port, const struct ofp_packet_in *p)
{
    struct domain *d = c->domain;
    struct link_end here = domain_find_end(d, sw, in_port);
    struct lldp l;
    enum lldp_verdict verdict = lldp_read(&l, &c->key, p->data, p->n_data);
    int from;

    if (verdict == LLDP_FORGED)
        log_limited(LOG_WARNING, "switch %s: port %u: a discovery frame that this controller did not make",
                    d->doc->switches[sw].name, (unsigned)in_port);
    if (verdict != LLDP_GOOD || here.link == NET_NONE || c->serial - l.serial > SERIALS_BACK)
        return;
    from = net_doc_switch_by_id(d->doc, l.datapath_id);
    if (from == d->doc->links[here.link].end[1 - here.end].sw &&
        l.port == domain_end_port(d, here.link, 1 - here.end)) {
        enum link_state before = d->links[here.link].state;

        d->strays[here.link][here.end].sw = NET_NONE;
        if (link_heard(&d->links[here.link], here.end, now(c)))
            link_changed(c, here.link);
        else if (d->links[here.link].state != before)
            tell_settled(c);
        return;
    }
    if (from == NET_NONE)
        return;
    if (d->strays[here.link][here.end].sw == NET_NONE)
        log_warning("switch %s: port %u is wired to port %u of switch %s, not as the document says",
                    d->doc->switches[sw].name, (unsigned)in_port, (unsigned)l.port, d->doc->switches[from].name);
    d->strays[here.link][here.end] = (struct stray){ .sw = from, .port = l.port, .seen_ns = now(c) };
}

static void links_tick(struct controller *c)
{
    for (size_t i = 0; i < c->domain->doc->n_links; i++)
        if (link_tick(&c->domain->links[i], now(c)))
            link_changed(c, (int)i);
}

/* The ports of a switch are other ones, or it is gone. */
static void ends_changed(struct controller *c, int sw)
{
    struct domain *d = c->domain;
    enum link_state *before = calloc(d->doc->n_links + 1, sizeof *before);

    for (size_t i = 0; i < d->doc->n_links && before; i++)
        before[i] = d->links[i].state;
    domain_set_ends(d, sw, now(c));
    for (size_t i = 0; i < d->doc->n_links && before; i++)
        if ((before[i] == LINK_DOWN) != (d->links[i].state == LINK_DOWN))
            link_changed(c, (int)i);
    free(before);
    lldp_send_all(c, sw);
}

/* --- hosts --- */
static void on_learn(struct controller *c, int sw, uint32_t in_port, const struct ofp_packet_in *p)
{
    const struct net_doc *doc = c->domain->doc;
    int network = domain_port_network(c->domain, sw, in_port);
    struct rd r = rd_init(p->data, p->n_data);
    struct host_place at = { doc->switches[sw].datapath_id, in_port };
    char text[NET_MAC_TEXT];
    uint8_t bytes[6];
    net_mac mac;

    rd_skip(&r, 6);
    rd_copy(&r, bytes, sizeof bytes);
    mac = net_mac_of(bytes);
    if (r.bad || network == NET_NONE || !mac || bytes[0] & 1)
        return;
    if (doc->networks[network].router != NET_NONE && !doc->networks[network].has_guard) /* else what passes the guard */
        services_learn(c, network, p->data, p->n_data);
    if (net_doc_host_by_mac(doc, network, mac) != NET_NONE)
        return; /* was sent before the switch knew it */
    switch (hosts_see(&c->hosts, doc->networks[network].vlan, mac, at, now(c))) {
    case HOSTS_SAME:
        return;
    case HOSTS_REFUSED:
        log_limited(
            LOG_WARNING,
            "host %s of network %s: not learned at port %u of switch %s: it moves too often, or there are too many",
            net_mac_text(mac, text), doc->networks[network].name, (unsigned)in_port, doc->switches[sw].name);
        return;
    case HOSTS_NEW:
    case HOSTS_MOVED:
        break;
    }
    log_limited(LOG_INFORM, "host %s of network %s: learned at port %u of switch %s", net_mac_text(mac, text),
                doc->networks[network].name, (unsigned)in_port, doc->switches[sw].name);
    controller_touch(c);
}

/* The learned host that a source flow is about. */
static bool flow_is_host(const struct flow *f, net_mac *mac, uint32_t *port, uint16_t *vlan)
{
    struct match m;

    if (flow_cookie_kind(f->spec.cookie) != FLOW_KIND_SOURCE || f->spec.table != TABLE_SOURCE)
        return false;
    compact_match_expand(&m, f->match);
    *mac = key_get(&m.value, FIELD_ETH_SRC).lo;
    *port = (uint32_t)key_get(&m.value, FIELD_IN_PORT).lo;
    *vlan = (uint16_t)(f->spec.cookie & 0xfff);
    return match_is_exact(&m, FIELD_ETH_SRC) && match_is_exact(&m, FIELD_IN_PORT);
}

static void on_flow_idle(void *arg, struct session *s, const struct flow *f)
{
    struct session_item *item = arg;
    struct controller *c = item->controller;
    struct host_place at = { session_datapath_id(s), 0 };
    uint16_t vlan;
    net_mac mac;

    if (flow_is_host(f, &mac, &at.port, &vlan))
        (void)hosts_forget(&c->hosts, vlan, mac, at);
    controller_touch(c);
}

/* A switch came with flows for hosts that an earlier controller learned: so they are not learned anew. */
static void hosts_recall(struct controller *c, const struct session *s, int sw)
{
    for_each_flow (f, session_held(s)) {
        struct host_place at = { session_datapath_id(s), 0 };
        uint16_t vlan;
        net_mac mac;
        int network;

        if (!f->spec.idle_s || !flow_is_host(f, &mac, &at.port, &vlan))
            continue;
        network = domain_port_network(c->domain, sw, at.port);
        if (network != NET_NONE && c->domain->doc->networks[network].vlan == vlan)
            (void)hosts_see(&c->hosts, vlan, mac, at, now(c));
    }
}

/* After another document: hosts whose port is not their network's any more, or that it declares, are forgotten. */
static void hosts_check(struct controller *c)
{
    const struct domain *d = c->domain;

    for_each_hmap_safe (struct host, h, next, &c->hosts.map, link) {
        int sw = net_doc_switch_by_id(d->doc, h->datapath_id), network = domain_network_of_vlan(d, h->vlan);
        bool is_good = sw != NET_NONE && network != NET_NONE &&
                       (!domain_is_connected(d, sw) || domain_port_network(d, sw, h->port) == network);

        if (!is_good || net_doc_host_by_mac(d->doc, network, h->mac) != NET_NONE)
            (void)hosts_forget(&c->hosts, h->vlan, h->mac, (struct host_place){ h->datapath_id, h->port });
    }
}

/* --- the plan --- */
static bool may_plan(const struct controller *c)
{
    if (now(c) - c->start_ns >= (uint64_t)START_WAIT_MS * NSEC_PER_MS)
        return true;
    for (size_t i = 0; i < c->domain->doc->n_switches; i++)
        if (!domain_is_connected(c->domain, (int)i))
            return false;
    return true;
}

static void plan_make(struct controller *c)
{
    struct domain *d = c->domain;
    int err;

    if (!d->has_plan && !may_plan(c))
        return; /* the tick comes back to it */
    domain_set_live(d, now(c), c->start_ns);
    err = domain_compile(d, &c->hosts, &c->services.neighbors);
    for (size_t i = 0; i < d->doc->n_switches && !err; i++)
        if (domain_is_connected(d, (int)i))
            err = session_want(d->members[i].session, &d->plan.flows[i]);
    c->n_plans++;
    if (err)
        log_error("controller: cannot compute the flows: %s", strerror(-err));
    else
        tell_settled(c); /* when no switch is connected nothing else will */
}

static void on_touch(struct ev_loop *loop, struct ev_timer *w, int revents)
{
    plan_make(w->data);
}

void controller_touch(struct controller *c)
{
    if (!ev_is_active(&c->touch)) {
        ev_timer_set(&c->touch, TOUCH_MS / 1000., 0.);
        ev_timer_start(c->loop, &c->touch);
    }
}

/* Every switch of the document, or every one that may forward frames, holds the plan. */
enum which { WHICH_ALL, WHICH_LIVE };
static bool all_in_sync(const struct controller *c, enum which which)
{
    const struct domain *d = c->domain;

    for (size_t i = 0; i < d->doc->n_switches; i++) {
        if (which == WHICH_LIVE && !d->members[i].is_live)
            continue;
        if (!domain_is_connected(d, (int)i) || !session_is_in_sync(d->members[i].session))
            return false;
    }
    return true;
}

bool controller_is_settled(const struct controller *c)
{
    const struct domain *d = c->domain;

    if (ev_is_active(&c->touch) || !d->has_plan || !d->is_final || !all_in_sync(c, WHICH_ALL))
        return false;
    for (size_t i = 0; i < d->doc->n_links; i++)
        if (!link_is_settled(&d->links[i], now(c)))
            return false;
    return true;
}

/* --- sessions --- */
static int member_of(const struct controller *c, const struct session *s)
{
    for (size_t i = 0; i < c->domain->doc->n_switches; i++)
        if (c->domain->members[i].session == s)
            return (int)i;
    return NET_NONE;
}

/* A switch said who it is.  When it has a connection already the new one waits until that ends: two switches with one
 * datapath id would otherwise put each other out for ever. */
static void session_adopt(struct controller *c, struct session *s)
{
    int sw = net_doc_switch_by_id(c->domain->doc, session_datapath_id(s));
    char peer[ENDPOINT_TEXT_SIZE];
    struct member *m;

    if (sw == NET_NONE)
        return;
    m = &c->domain->members[sw];
    if (!m->session) {
        m->session = s;
        session_accept(s, c->domain->doc->switches[sw].name);
    } else if (m->session == s) {
        session_accept(s, c->domain->doc->switches[sw].name); /* it may have another name now */
    } else {
        session_probe(m->session);
        log_limited(LOG_WARNING, "switch %s: connected once more, from %s; that connection waits for the first to end",
                    c->domain->doc->switches[sw].name, session_peer(s, peer, sizeof peer));
    }
}

/* The connection of a switch is lost: another one of it may wait. */
static void session_succeed(struct controller *c, const struct session *lost)
{
    for_each_list (struct session_item, item, &c->sessions, link) {
        if (item->session == lost || session_datapath_id(item->session) != session_datapath_id(lost))
            continue;
        session_adopt(c, item->session);
        return;
    }
}

/* A switch that is ours no longer is left without our flows. */
static void session_leave(struct session *s)
{
    static const struct flow_set nothing;

    if (session_is_ready(s))
        (void)session_want(s, &nothing);
}

static void on_features(void *arg, struct session *s)
{
    struct session_item *item = arg;

    session_adopt(item->controller, s);
    if (net_doc_switch_by_id(item->controller->domain->doc, session_datapath_id(s)) == NET_NONE)
        log_notice("switch %#jx: is not in the document; left alone", (uintmax_t)session_datapath_id(s));
}

static void on_ready(void *arg, struct session *s)
{
    struct session_item *item = arg;
    struct controller *c = item->controller;
    int sw = member_of(c, s);

    if (sw == NET_NONE) { /* another document has come since it was accepted */
        session_leave(s);
        return;
    }
    c->domain->members[sw].read_ns = now(c);
    domain_recall(c->domain, sw, session_held(s));
    ends_changed(c, sw);
    hosts_recall(c, s, sw);
    services_recall(c, session_held(s));
    controller_touch(c);
}

static void on_ports(void *arg, struct session *s)
{
    struct session_item *item = arg;
    int sw = member_of(item->controller, s);

    if (sw == NET_NONE)
        return;
    ends_changed(item->controller, sw);
    controller_touch(item->controller);
}

static void on_port_gone(void *arg, struct session *s, uint32_t port)
{
    struct session_item *item = arg;

    hosts_forget_place(&item->controller->hosts, (struct host_place){ session_datapath_id(s), port });
}

static void on_in_sync(void *arg, struct session *s)
{
    struct session_item *item = arg;
    struct controller *c = item->controller;
    int sw = member_of(c, s);

    if (sw != NET_NONE)
        lldp_send_all(c, sw); /* it shows us such frames only from now on */
    if (all_in_sync(c, WHICH_LIVE)) {
        domain_trees_are_held(c->domain);
        if (!c->domain->is_final)
            controller_touch(c);
    }
    tell_settled(c);
}

static void on_packet_in(void *arg, struct session *s, uint32_t in_port, const struct ofp_packet_in *p)
{
    struct session_item *item = arg;
    int sw = member_of(item->controller, s);

    if (sw == NET_NONE)
        return;
    switch (flow_cookie_kind(p->cookie)) {
    case FLOW_KIND_LLDP:
        on_lldp(item->controller, sw, in_port, p);
        break;
    case FLOW_KIND_LEARN:
        on_learn(item->controller, sw, in_port, p);
        break;
    case FLOW_KIND_SERVICE:
    case FLOW_KIND_TTL:
    case FLOW_KIND_NO_ROUTE:
    case FLOW_KIND_TOO_BIG:
    case FLOW_KIND_REFUSED:
    case FLOW_KIND_CLOSED:
    case FLOW_KIND_RESOLVE:
        services_packet_in(item->controller, sw, in_port, (enum flow_kind)flow_cookie_kind(p->cookie), p);
        break;
    }
}

static void on_down(void *arg, struct session *s, const char *why)
{
    struct session_item *item = arg;
    struct controller *c = item->controller;
    int sw = member_of(c, s);

    if (session_datapath_id(s))
        log_notice("switch %s: connection lost: %s", session_name(s), why);
    if (sw != NET_NONE) {
        c->domain->members[sw].session = NULL;
        c->domain->members[sw].lost_ns = now(c);
        session_succeed(c, s);
    }
    if (!session_is_active(s)) {
        list_remove(&item->link);
        free(item);
    }
    if (sw == NET_NONE)
        return;
    ends_changed(c, sw);
    controller_touch(c);
}

static const struct session_events session_events = {
    .features = on_features,
    .ready = on_ready,
    .ports = on_ports,
    .port_gone = on_port_gone,
    .in_sync = on_in_sync,
    .packet_in = on_packet_in,
    .flow_idle = on_flow_idle,
    .down = on_down,
};

static struct session_item *item_new(struct controller *c)
{
    struct session_item *item = calloc(1, sizeof *item);

    if (!item)
        return NULL;
    item->controller = c;
    list_init(&item->link);
    return item;
}

int controller_add_fd(struct controller *c, int fd, const struct endpoint *peer)
{
    struct session_item *item = item_new(c);
    const struct session_conf conf = { .events = &session_events, .arg = item, .clock = c->clock, .tls = c->tls };
    int err;

    if (!item) {
        close(fd);
        return -ENOMEM;
    }
    err = session_from_fd(&item->session, c->loop, fd, peer, &conf);
    if (err) {
        free(item);
        return err;
    }
    list_push_back(&c->sessions, &item->link);
    return 0;
}

int controller_add_endpoint(struct controller *c, const struct endpoint *to, struct errbuf *e)
{
    struct session_item *item = item_new(c);
    const struct session_conf conf = { .events = &session_events, .arg = item, .clock = c->clock, .tls = c->tls };
    int err = item ? session_connect(&item->session, c->loop, to, &conf, e) : -ENOMEM;

    if (err) {
        free(item);
        return err;
    }
    list_push_back(&c->sessions, &item->link);
    return 0;
}

/* --- documents --- */
/* Sessions of switches that the new document does not have, and those that it has and the old had not. */
static void sessions_sort(struct controller *c)
{
    for_each_list (struct session_item, item, &c->sessions, link)
        if (session_datapath_id(item->session))
            session_adopt(c, item->session);
}

int controller_apply(struct controller *c, const char *file, const char *text, size_t len, struct errbuf *e)
{
    struct domain *d, *old = c->domain;
    int err = domain_new(&d, old, file, text, len, now(c), e);

    if (err)
        return err;
    c->domain = d;
    if (old) {
        for (size_t i = 0; i < old->doc->n_switches; i++)
            if (old->members[i].session && member_of(c, old->members[i].session) == NET_NONE)
                session_leave(old->members[i].session);
        sessions_sort(c);
        for (size_t i = 0; i < d->doc->n_switches; i++)
            ends_changed(c, (int)i);
        hosts_check(c);
        log_notice("document %s: applied", file);
    }
    domain_free(old);
    controller_touch(c);
    return 0;
}

int controller_diff(struct controller *c, const char *file, const char *text, size_t len, struct difference *out,
                    struct errbuf *e)
{
    struct domain *d;
    int err = domain_new(&d, c->domain, text ? file : c->domain->doc->file, text ? text : c->domain->text,
                         text ? len : strlen(c->domain->text), now(c), e);

    *out = (struct difference){ 0 };
    if (err)
        return err;
    d->has_tree = false; /* straight to where it ends */
    for (size_t i = 0; i < d->doc->n_switches; i++)
        domain_set_ends(d, (int)i, now(c));
    err = domain_compile(d, &c->hosts, &c->services.neighbors);
    if (err)
        goto out;
    out->changes = calloc(d->doc->n_switches, sizeof *out->changes);
    out->is_known = calloc(d->doc->n_switches, sizeof *out->is_known);
    err = out->changes && out->is_known ? 0 : -ENOMEM;
    for (size_t i = 0; i < d->doc->n_switches && !err; i++) {
        out->is_known[i] = domain_is_connected(d, (int)i);
        if (out->is_known[i])
            err = session_diff(d->members[i].session, &d->plan.flows[i], &out->changes[i]);
    }
    out->doc = d->doc;
    if (err)
        difference_fini(out);
    d->doc = NULL;
out:
    if (err)
        errbuf_set(e, err, "not enough memory");
    domain_free(d);
    return err;
}

void difference_fini(struct difference *d)
{
    for (size_t i = 0; d->doc && d->changes && i < d->doc->n_switches; i++)
        changes_fini(&d->changes[i]);
    free(d->changes);
    free(d->is_known);
    net_doc_free(d->doc);
    *d = (struct difference){ 0 };
}

/* --- time --- */
static void on_tick(struct ev_loop *loop, struct ev_timer *w, int revents)
{
    struct controller *c = w->data;
    struct domain *d = c->domain;

    if (!d)
        return;
    for_each_list_safe (struct session_item, item, next, &c->sessions, link)
        session_tick(item->session);
    links_tick(c);
    c->serial++;
    lldp_send_all(c, NET_NONE);
    services_tick(c);
    if (domain_set_live(d, now(c), c->start_ns) || !d->has_plan)
        controller_touch(c);
    for (size_t i = 0; i < d->doc->n_switches; i++) {
        struct member *m = &d->members[i];

        if (!domain_is_connected(d, (int)i) || now(c) - m->read_ns < (uint64_t)READ_AGAIN_MS * NSEC_PER_MS)
            continue;
        m->read_ns = now(c);
        (void)session_read(m->session, NULL); /* busy or gone: the next time */
    }
    tell_settled(c);
}

int controller_init(struct controller *c, struct ev_loop *loop, const struct clock *clock)
{
    *c = (struct controller){ .loop = loop, .clock = clock, .start_ns = clock_now(clock) };
    hosts_init(&c->hosts);
    services_init(c);
    list_init(&c->sessions);
    ev_timer_init(&c->touch, on_touch, 0., 0.);
    ev_timer_init(&c->tick, on_tick, LINK_PERIOD_MS / 1000., LINK_PERIOD_MS / 1000.);
    c->touch.data = c->tick.data = c;
    ev_timer_start(loop, &c->tick);
    return lldp_key_make(&c->key);
}

void controller_fini(struct controller *c)
{
    ev_timer_stop(c->loop, &c->touch);
    ev_timer_stop(c->loop, &c->tick);
    for_each_list_safe (struct session_item, item, next, &c->sessions, link) {
        session_close(item->session);
        free(item);
    }
    domain_free(c->domain);
    hosts_fini(&c->hosts);
    services_fini(&c->services);
}

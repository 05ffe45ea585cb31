/* SPDX-License-Identifier: Apache-2.0 */
/* control_show.c - the switch as JSON. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "datapath/eal.h"
#include "datapath/mac_table.h"
#include "vswitch/control_impl.h"
#include "vswitch/flow_table.h"

static void add(json_t *o, const char *key, json_t *value)
{
    json_object_set_new(o, key, value);
}

static void add_u64(json_t *o, const char *key, uint64_t v)
{
    add(o, key, json_integer((json_int_t)v));
}

/* Does the request name a bridge that is not there?  Answers it then. */
static bool is_bad_bridge(struct rpc_request *r, const struct vswitch *sw, const char *bridge)
{
    if (!bridge || sw_bridge_find(sw, bridge))
        return false;
    rpc_reply_error(r, "there is no bridge %s", bridge);
    return true;
}

/* --- bridges --- */

static const char *role_of(const struct channel *c)
{
    return !c->session ? "not connected" : "connected";
}

static json_t *show_channel(const struct channel *c)
{
    char text[ENDPOINT_TEXT_SIZE];
    json_t *o = json_object();
    unsigned n_auxiliary = 0;

    add(o, "endpoint", json_string(endpoint_format(&c->endpoint, text, sizeof text)));
    add(o, "state", json_string(role_of(c)));
    for_each_list (struct channel, x, &c->auxiliaries, link)
        n_auxiliary += x->session != NULL;
    if (c->n_auxiliary)
        add_u64(o, "auxiliary", n_auxiliary);
    if (c->conn && !c->session && of_conn_last_error(c->conn)[0])
        add(o, "last_error", json_string(of_conn_last_error(c->conn)));
    return o;
}

static json_t *show_bridge(const struct sw_bridge *b)
{
    json_t *o = json_object(), *controllers = json_array(), *listeners = json_array();
    char text[ENDPOINT_TEXT_SIZE];
    uint64_t n_flows = 0;
    struct agent_stats st;

    snprintf(text, sizeof text, "%016llx", (unsigned long long)agent_datapath_id(b->agent));
    add(o, "name", json_string(b->name));
    add(o, "datapath_id", json_string(text));
    add(o, "fail_mode", json_string(b->conf->fail_mode == FAIL_STANDALONE ? "standalone" : "secure"));
    for (unsigned i = 0; i < DP_TABLES; i++)
        n_flows += flow_table_count(agent_flows(b->agent), (uint8_t)i);
    add_u64(o, "ports", list_count(&b->ports));
    add_u64(o, "flows", n_flows);
    for_each_list (struct channel, c, &b->channels, link)
        if (c->kind == SESSION_CONTROLLER)
            json_array_append_new(controllers, show_channel(c));
    for_each_list (struct doorway, d, &b->listeners, link)
        json_array_append_new(listeners, json_string(endpoint_format(&d->endpoint, text, sizeof text)));
    add(o, "controllers", controllers);
    add(o, "listeners", listeners);
    agent_stats(b->agent, &st);
    add_u64(o, "messages_in", st.messages_in);
    add_u64(o, "errors_out", st.errors_out);
    add_u64(o, "packet_ins", st.packet_ins);
    add_u64(o, "async_dropped", st.async_dropped);
    add_u64(o, "packet_outs_dropped", st.packet_outs_dropped);
    return o;
}

void show_switch(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;
    const char *bridge = rpc_param_text(params, 0, "bridge");
    json_t *bridges, *o;

    if (is_bad_bridge(r, c->conf.sw, bridge))
        return;
    o = json_object();
    bridges = json_array();
    for_each_list (struct sw_bridge, b, &c->conf.sw->bridges, link)
        if (!bridge || !strcmp(b->name, bridge))
            json_array_append_new(bridges, show_bridge(b));
    add(o, "run_dir", json_string(vswitch_run_dir(c->conf.sw)));
    add_u64(o, "workers", c->conf.sw->conf.n_workers);
    add(o, "hugepages", json_boolean(eal_has_hugepages()));
    add(o, "bridges", bridges);
    rpc_reply_either(r, params, o);
}

/* --- ports --- */

static json_t *show_vlan(const struct vlan_conf *v)
{
    static const char *const modes[] = {
        [VLAN_TRUNK] = "trunk",
        [VLAN_ACCESS] = "access",
        [VLAN_NATIVE_TAGGED] = "native-tagged",
        [VLAN_NATIVE_UNTAGGED] = "native-untagged",
    };
    json_t *o = json_object(), *trunks;

    add(o, "mode", json_string(modes[v->mode]));
    if (v->mode != VLAN_TRUNK)
        add_u64(o, "vid", v->vid);
    if (v->mode == VLAN_ACCESS)
        return o;
    if (v->is_all) {
        add(o, "trunks", json_string("all"));
        return o;
    }
    trunks = json_array();
    for (int vid = 0; vid < 4096; vid++)
        if (v->trunks[vid / 64] >> vid % 64 & 1)
            json_array_append_new(trunks, json_integer(vid));
    add(o, "trunks", trunks);
    return o;
}

static json_t *show_flags(unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {
        { PORT_FLAG_DOWN, "down" },     { PORT_FLAG_NO_RECV, "no_recv" },           { PORT_FLAG_NO_FLOOD, "no_flood" },
        { PORT_FLAG_NO_FWD, "no_fwd" }, { PORT_FLAG_NO_PACKET_IN, "no_packet_in" },
    };
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (flags & names[i].flag)
            json_array_append_new(list, json_string(names[i].name));
    return list;
}

static json_t *show_port(struct sw_port *p)
{
    const struct port_status *st = &p->at.status;
    json_t *o = json_object();
    char mac[ADDR_TEXT_SIZE];

    agent_port_check(&p->at);
    add(o, "bridge", json_string(p->bridge->name));
    add(o, "name", json_string(p->at.name));
    add_u64(o, "ofport", p->at.number);
    add(o, "type", json_string(switch_conf_port_type(p->at.port->type)));
    add(o, "mac", json_string(mac_format(st->mac, mac, sizeof mac)));
    add_u64(o, "mtu", st->mtu);
    add_u64(o, "queues", p->at.port->n_queues);
    add(o, "link", json_string(st->is_gone ? "gone" : st->is_link_up ? "up" : "down"));
    add(o, "is_admin_up", json_boolean(st->is_admin_up));
    add_u64(o, "speed_mbps", st->speed_mbps);
    add(o, "vlan", show_vlan(&p->conf.vlan));
    add(o, "flags", show_flags(p->at.flags));
    add(o, "is_by_command", json_boolean(p->is_by_command));
    if (p->conf.port.type == PORT_NETDEV)
        add(o, "device", json_string(p->conf.port.device ? p->conf.port.device : p->at.name));
    if (p->conf.port.netns)
        add(o, "netns", json_string(p->conf.port.netns));
    return o;
}

static json_t *show_counters(struct sw_port *p)
{
    struct port_stats st = { 0 };
    json_t *o = json_object();

    p->at.port->ops->stats(p->at.port, &st);
    add(o, "bridge", json_string(p->bridge->name));
    add(o, "name", json_string(p->at.name));
    add_u64(o, "ofport", p->at.number);
    add_u64(o, "rx_packets", st.rx_packets);
    add_u64(o, "tx_packets", st.tx_packets);
    add_u64(o, "rx_bytes", st.rx_bytes);
    add_u64(o, "tx_bytes", st.tx_bytes);
    add_u64(o, "rx_dropped", st.rx_dropped);
    add_u64(o, "tx_dropped", st.tx_dropped);
    add_u64(o, "rx_errors", st.rx_errors);
    add_u64(o, "tx_errors", st.tx_errors);
    add_u64(o, "tx_too_big", st.tx_too_big);
    return o;
}

static void show_each_port(struct rpc_request *r, const json_t *params, const struct vswitch *sw,
                           json_t *(*show)(struct sw_port *p))
{
    const char *bridge = rpc_param_text(params, 0, "bridge"), *name = rpc_param_text(params, 1, "name");
    struct sw_port *one = name ? sw_port_find(sw, name) : NULL;
    json_t *list;

    if (is_bad_bridge(r, sw, bridge))
        return;
    if (name && (!one || (bridge && strcmp(one->bridge->name, bridge)))) {
        rpc_reply_error(r, "there is no port %s%s%s", name, bridge ? " on bridge " : "", bridge ? bridge : "");
        return;
    }
    list = json_array();
    for_each_list (struct sw_bridge, b, &sw->bridges, link)
        for_each_list (struct sw_port, p, &b->ports, link)
            if ((!bridge || !strcmp(b->name, bridge)) && (!name || p == one))
                json_array_append_new(list, show(p));
    rpc_reply_either(r, params, list);
}

void show_ports(struct rpc_request *r, json_t *params, void *arg)
{
    show_each_port(r, params, ((struct control *)arg)->conf.sw, show_port);
}

void show_port_stats(struct rpc_request *r, json_t *params, void *arg)
{
    show_each_port(r, params, ((struct control *)arg)->conf.sw, show_counters);
}

/* --- counters, MAC addresses --- */

void show_stats(struct rpc_request *r, json_t *params, void *arg)
{
    const struct vswitch *sw = ((struct control *)arg)->conf.sw;
    json_t *o = json_object(), *drops = json_object(), *workers = json_array();
    uint64_t n[DROP_N];

    datapath_drops(sw->dp, n);
    for (int d = DROP_NONE + 1; d < DROP_N; d++)
        add_u64(drops, drop_name((enum drop)d), n[d]);
    for (unsigned i = 0; i < sw->conf.n_workers; i++) {
        json_t *w = json_object();
        struct worker_stats st;

        datapath_worker_stats(sw->dp, i, &st);
        add(w, "cpu", json_integer(sw->conf.cpus[i]));
        add_u64(w, "frames", st.frames);
        add_u64(w, "cache_hits", st.cache_hits);
        add_u64(w, "cache_misses", st.cache_misses);
        add_u64(w, "polls", st.polls);
        add_u64(w, "sleeps", st.sleeps);
        add_u64(w, "joined", st.joined);
        add_u64(w, "cut", st.cut);
        json_array_append_new(workers, w);
    }
    add(o, "drops", drops);
    add(o, "workers", workers);
    add_u64(o, "version", datapath_version(sw->dp));
    rpc_reply_either(r, params, o);
}

void show_times(struct rpc_request *r, json_t *params, void *arg)
{
    static const char *const names[] = {
        [STAGE_RX] = "rx", [STAGE_KEY] = "key", [STAGE_LOOKUP] = "lookup", [STAGE_RUN] = "run", [STAGE_TX] = "tx"
    };
    static_assert(sizeof names / sizeof *names == STAGES, "name every stage");
    const struct vswitch *sw = ((struct control *)arg)->conf.sw;
    json_t *all = json_array();

    for (unsigned i = 0; i < sw->conf.n_workers; i++) {
        json_t *o = json_object(), *cycles = json_object();
        struct worker_times t;

        datapath_worker_times(sw->dp, i, &t);
        for (unsigned s = 0; s < STAGES; s++)
            add_u64(cycles, names[s], t.cycles[s]);
        add(o, "cpu", json_integer(sw->conf.cpus[i]));
        add_u64(o, "frames", t.frames);
        add_u64(o, "hz", t.hz);
        add(o, "cycles", cycles);
        json_array_append_new(all, o);
    }
    rpc_reply_either(r, params, all);
}

void show_gaps(struct rpc_request *r, json_t *params, void *arg)
{
    const struct vswitch *sw = ((struct control *)arg)->conf.sw;
    json_t *gaps = json_array();

    for (unsigned i = 0; i < sw->conf.n_workers; i++) {
        json_t *o = json_object();
        struct worker_gap gap;

        datapath_worker_gap(sw->dp, i, &gap);
        add_u64(o, "own_ns", gap.own_ns);
        add_u64(o, "absent_ns", gap.absent_ns);
        json_array_append_new(gaps, o);
    }
    rpc_reply_either(r, params, gaps);
}

static json_t *show_mac(const struct vswitch *sw, const struct sw_bridge *b, const struct mac_entry *m)
{
    const struct sw_port *p = sw_port_by_index(sw, m->port);
    json_t *o = json_object();
    char text[ADDR_TEXT_SIZE];
    uint8_t mac[6];

    for (int i = 0; i < 6; i++)
        mac[i] = (uint8_t)(m->mac >> (40 - 8 * i));
    add(o, "bridge", json_string(b->name));
    add(o, "mac", json_string(mac_format(mac, text, sizeof text)));
    add_u64(o, "vlan", m->vlan);
    add(o, "port", p ? json_string(p->at.name) : json_null());
    add_u64(o, "ofport", p ? p->at.number : 0);
    add_u64(o, "age", m->age_s);
    return o;
}

void show_macs(struct rpc_request *r, json_t *params, void *arg)
{
    const struct vswitch *sw = ((struct control *)arg)->conf.sw;
    const char *bridge = rpc_param_text(params, 0, "bridge");
    uint64_t now_ms = clock_now(sw->clock) / NSEC_PER_MS;
    json_t *list;

    if (is_bad_bridge(r, sw, bridge))
        return;
    list = json_array();
    for_each_list (struct sw_bridge, b, &sw->bridges, link) {
        struct mac_entry m;
        uint32_t at = 0;

        while ((!bridge || !strcmp(b->name, bridge)) && mac_table_next(bridge_macs(b->bridge), &at, now_ms, &m))
            json_array_append_new(list, show_mac(sw, b, &m));
    }
    rpc_reply_either(r, params, list);
}

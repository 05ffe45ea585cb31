/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c - makes the running switch what a configuration says.
 *
 * Theory.  Whatever can fail is done first and can be taken back: new bridges are made, new ports opened, numbers checked.
 * Then what is gone is removed, what is new is put in place, and what differs is changed.  A port whose device must be
 * opened anew (other settings, other bridge) has to be closed for that; only these can fail late. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "datapath/conn_track.h"
#include "io/tls.h"
#include "vswitch/vswitch_impl.h"

/* One port of the new configuration and what is to become of it. */
struct step {
    const struct sw_bridge_conf *bridge;
    const struct sw_port_conf *conf;
    struct sw_port *running; /* of this name; NULL: new */
    bool is_kept;            /* `running` stays as it is, but for settings */
    struct port *opened;     /* new, and open already */
};

struct plan {
    struct step *steps;
    size_t n;
    struct sw_bridge **new_bridges; /* made for this plan */
    size_t n_new_bridges;
};

/* --- what must stay the same while the daemon runs --- */

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static bool is_same_eal(const struct eal_conf *a, const struct eal_conf *b)
{
    for (size_t i = 0; i < sizeof a->pci / sizeof *a->pci; i++)
        if (!is_same_text(a->pci[i], b->pci[i]))
            return false;
    for (size_t i = 0; i < EAL_EXTRA_MAX; i++)
        if (!is_same_text(a->extra[i], b->extra[i]))
            return false;
    return a->hugepages == b->hugepages && a->n_mbufs == b->n_mbufs && a->memory_mb == b->memory_mb;
}

static int check_fixed(const struct switch_conf *was, const struct switch_conf *now, struct errbuf *e)
{
    if (!was->run_dir) /* the first one */
        return 0;
    if (strcmp(was->run_dir, now->run_dir))
        return errbuf_set(e, -EINVAL, "run_dir cannot change from %s to %s while the switch runs", was->run_dir,
                          now->run_dir);
    if (was->n_workers != now->n_workers || memcmp(was->cpus, now->cpus, was->n_workers * sizeof *was->cpus))
        return errbuf_set(e, -EINVAL, "workers cannot change while the switch runs; start it anew");
    if (was->conns_max != now->conns_max)
        return errbuf_set(e, -EINVAL, "conntrack: max cannot change while the switch runs; start it anew");
    if (!is_same_eal(&was->eal, &now->eal))
        return errbuf_set(e, -EINVAL, "dpdk cannot change while the switch runs; start it anew");
    return 0;
}

/* --- the plan --- */

static const char *device_of(const struct sw_port_conf *c)
{
    return c->port.device ? c->port.device : c->port.name;
}

static bool uses_device_of(const struct sw_port_conf *a, const struct sw_port_conf *b)
{
    if (a->port.type != b->port.type)
        return false;
    return a->port.type == PORT_DPDK ? is_same_text(a->port.devargs, b->port.devargs)
                                     : !strcmp(device_of(a), device_of(b));
}

/* A running port holds this device now. */
static bool is_device_busy(const struct vswitch *sw, const struct sw_port_conf *conf)
{
    for_each_list (struct sw_bridge, b, &sw->bridges, link)
        for_each_list (struct sw_port, p, &b->ports, link)
            if (uses_device_of(&p->conf, conf))
                return true;
    return false;
}

static int make_plan(struct plan *plan, const struct vswitch *sw, const struct switch_conf *conf, struct errbuf *e)
{
    size_t n = 0;

    for (size_t i = 0; i < conf->n_bridges; i++)
        n += conf->bridges[i].n_ports;
    *plan = (struct plan){
        .steps = calloc(n + 1, sizeof *plan->steps),
        .new_bridges = calloc(conf->n_bridges + 1, sizeof(struct sw_bridge *)),
    };
    if (!plan->steps || !plan->new_bridges)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    for (size_t i = 0; i < conf->n_bridges; i++)
        for (size_t k = 0; k < conf->bridges[i].n_ports; k++) {
            struct step *s = &plan->steps[plan->n++];

            s->bridge = &conf->bridges[i];
            s->conf = &conf->bridges[i].ports[k];
            s->running = sw_port_find(sw, s->conf->port.name);
            s->is_kept = s->running && !strcmp(s->running->bridge->name, s->bridge->name) &&
                         !(sw_port_conf_diff(&s->running->conf, s->conf) & SW_PORT_NEEDS_OPEN) &&
                         (!s->conf->ofport || s->conf->ofport == s->running->at.number);
        }
    return 0;
}

static const struct step *step_of(const struct plan *plan, const struct sw_port *p)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->steps[i].running == p)
            return &plan->steps[i];
    return NULL;
}

static bool stays(const struct plan *plan, const struct sw_port *p)
{
    const struct step *s = step_of(plan, p);

    return s ? s->is_kept : p->is_by_command;
}

/* A number that the file gives to a port must not be that of another one that stays. */
static int check_numbers(const struct plan *plan, const struct vswitch *sw, struct errbuf *e)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct step *s = &plan->steps[i];
        struct sw_bridge *b = sw_bridge_find(sw, s->bridge->name);

        if (!b || s->is_kept || !s->conf->ofport)
            continue;
        for_each_list (struct sw_port, p, &b->ports, link)
            if (p->at.number == s->conf->ofport && p != s->running && stays(plan, p))
                return errbuf_set(e, -EEXIST, "port %s: ofport %u is that of port %s", s->conf->port.name,
                                  s->conf->ofport, p->at.name);
    }
    return 0;
}

static int open_new(struct plan *plan, struct vswitch *sw, const struct switch_conf *conf, struct errbuf *e)
{
    int err = 0;

    for (size_t i = 0; i < conf->n_bridges && !err; i++) {
        if (sw_bridge_find(sw, conf->bridges[i].name))
            continue;
        err = sw_bridge_open(&plan->new_bridges[plan->n_new_bridges], sw, &conf->bridges[i], e);
        plan->n_new_bridges += !err;
    }
    for (size_t i = 0; i < plan->n && !err; i++) {
        struct step *s = &plan->steps[i];

        if (!s->running && !is_device_busy(sw, s->conf))
            err = sw_port_open(&s->opened, s->conf, e);
    }
    return err;
}

/* Connections that are up keep the keys they have. */
static int load_keys(const struct vswitch *sw, const struct switch_conf *conf, struct errbuf *e)
{
    if (conf->tls.key)
        return tls_load(sw->tls, &conf->tls, e);
    tls_unload(sw->tls);
    return 0;
}

/* What the file sets for a zone; nothing of one that it does not name. */
static struct conn_zone_conf zone_conf(const struct switch_conf *conf, uint16_t zone)
{
    for (size_t i = 0; i < conf->n_zones; i++)
        if (conf->zones[i].zone == zone)
            return conf->zones[i].set;
    return (struct conn_zone_conf){ 0 };
}

/* Zones of which the file says something else than before; of others, what commands have set stays. */
static int set_zones(const struct vswitch *sw, const struct switch_conf *conf, struct errbuf *e)
{
    const struct switch_conf *both[] = { &sw->conf, conf };
    int err = conf->n_zones ? conn_track_open(sw->dp) : 0;

    for (unsigned i = 0; i < 2 && !err; i++)
        for (size_t k = 0; k < both[i]->n_zones && !err; k++) {
            uint16_t zone = both[i]->zones[k].zone;
            struct conn_zone_conf was = zone_conf(&sw->conf, zone), now = zone_conf(conf, zone);

            if (memcmp(&was, &now, sizeof now) != 0)
                err = conn_zone_set(conn_track_table(sw->dp), zone, &now);
        }
    return err ? errbuf_set(e, err, "not enough memory for connections") : 0;
}

static void take_back(struct plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        port_close(plan->steps[i].opened);
    for (size_t i = 0; i < plan->n_new_bridges; i++)
        sw_bridge_close(plan->new_bridges[i]);
}

/* --- from here on things change --- */

static const struct sw_bridge_conf *conf_of(const struct switch_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->n_bridges; i++)
        if (!strcmp(conf->bridges[i].name, name))
            return &conf->bridges[i];
    return NULL;
}

static void remove_old(const struct plan *plan, struct vswitch *sw, const struct switch_conf *conf)
{
    for_each_list_safe (struct sw_bridge, b, next_b, &sw->bridges, link) {
        if (!conf_of(conf, b->name)) {
            sw_bridge_close(b);
            continue;
        }
        for_each_list_safe (struct sw_port, p, next_p, &b->ports, link)
            if (!stays(plan, p))
                sw_port_close(p);
    }
}

static int put_in_place(struct plan *plan, struct vswitch *sw, bool wants_number, struct errbuf *e)
{
    int first = 0;

    for (size_t i = 0; i < plan->n; i++) {
        struct step *s = &plan->steps[i];
        int err = 0;

        if (s->is_kept || (s->conf->ofport != 0) != wants_number)
            continue;
        if (!s->opened)
            err = sw_port_open(&s->opened, s->conf, e);
        if (!err)
            err = sw_port_attach(NULL, sw_bridge_find(sw, s->bridge->name), s->conf, s->opened, e);
        s->opened = NULL;
        if (err && !first)
            first = err;
    }
    return first;
}

static int change(struct plan *plan, struct vswitch *sw, const struct switch_conf *conf, struct errbuf *e)
{
    int first = 0, err;

    remove_old(plan, sw, conf);
    for (size_t i = 0; i < conf->n_bridges; i++) {
        err = sw_bridge_update(sw_bridge_find(sw, conf->bridges[i].name), &conf->bridges[i], e);
        first = first ? first : err;
    }
    for (size_t i = 0; i < plan->n; i++) {
        const struct step *s = &plan->steps[i];

        if (!s->is_kept)
            continue;
        sw_port_update(s->running, s->conf);
        if (s->running->is_by_command) /* from now on it is the file's */
            doc_fini(&s->running->doc);
        s->running->is_by_command = false;
    }
    err = put_in_place(plan, sw, true, e); /* chosen numbers come after those that are asked for */
    first = first ? first : err;
    err = put_in_place(plan, sw, false, e);
    return first ? first : err;
}

int vswitch_apply(struct vswitch *sw, struct switch_conf *conf, struct errbuf *e)
{
    struct plan plan = { 0 };
    bool is_first = !sw->conf.run_dir;
    int err = check_fixed(&sw->conf, conf, e);

    if (is_first)
        sw->conf.run_dir = conf->run_dir; /* bridges look there */
    if (!err)
        err = make_plan(&plan, sw, conf, e);
    if (!err)
        err = check_numbers(&plan, sw, e);
    if (!err)
        err = open_new(&plan, sw, conf, e);
    if (!err)
        err = load_keys(sw, conf, e);
    if (!err)
        err = set_zones(sw, conf, e); /* last: it takes nothing back */
    if (err) {
        take_back(&plan);
        if (is_first)
            sw->conf = (struct switch_conf){ 0 };
        switch_conf_fini(conf);
    } else {
        err = change(&plan, sw, conf, e);
        if (err)
            errbuf_prefix(e, "everything else was applied, but");
        if (is_first)
            sw->conf = (struct switch_conf){ 0 };
        switch_conf_fini(&sw->conf);
        sw->conf = *conf;
        *conf = (struct switch_conf){ 0 };
    }
    free(plan.steps);
    free(plan.new_bridges);
    return err;
}

/* --- single ports, by command --- */

int vswitch_port_add(struct vswitch *sw, const char *bridge, const char *name, const char *text,
                     const struct switch_conf_opts *opts, struct errbuf *e)
{
    struct sw_bridge *b = sw_bridge_find(sw, bridge);
    struct sw_port_conf conf;
    struct sw_port *p;
    struct port *port;
    struct doc doc;
    int err;

    if (!b)
        return errbuf_set(e, -ENOENT, "there is no bridge %s", bridge);
    if (sw_port_find(sw, name))
        return errbuf_set(e, -EEXIST, "port %s exists already, on bridge %s", name,
                          sw_port_find(sw, name)->bridge->name);
    err = switch_conf_parse_port(&conf, &doc, name, text, opts, e);
    if (err)
        return err;
    if (conf.ofport && agent_port_find(b->agent, conf.ofport))
        err = errbuf_set(e, -EEXIST, "port %s: ofport %u is that of port %s", name, conf.ofport,
                         agent_port_find(b->agent, conf.ofport)->name);
    if (!err)
        err = sw_port_open(&port, &conf, e);
    if (!err)
        err = sw_port_attach(&p, b, &conf, port, e);
    if (err) {
        doc_fini(&doc);
        return err;
    }
    p->is_by_command = true;
    p->doc = doc;
    return 0;
}

int vswitch_port_del(struct vswitch *sw, const char *bridge, const char *name, struct errbuf *e)
{
    struct sw_port *p = sw_port_find(sw, name);

    if (!p || strcmp(p->bridge->name, bridge))
        return errbuf_set(e, -ENOENT, "bridge %s has no port %s", bridge, name);
    sw_port_close(p);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* control.c - see control.h: the methods that do something.  Those that show are in control_show.c, those of --test in
 * control_test.c. */
#include "vswitch/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "datapath/mac_table.h"
#include "vswitch/control_impl.h"
#include "base/version.h"

static void run_version(struct rpc_request *r, json_t *params, void *arg)
{
    rpc_reply_either(r, params, json_string("trama-switchd " TRAMA_VERSION));
}

static void run_port_add(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;
    const char *bridge = rpc_param_text(params, 0, "bridge"), *name = rpc_param_text(params, 1, "name");
    const char *text = rpc_param_text(params, 2, "settings");
    struct errbuf e = { { 0 } };

    if (!bridge || !name || !text)
        rpc_reply_error(r, "port/add needs bridge, name and settings, such as '{type: tap, netns: h1}'");
    else if (vswitch_port_add(c->conf.sw, bridge, name, text, c->conf.opts, &e))
        rpc_reply_error(r, "%s", e.text);
    else
        rpc_reply_either(
            r, params,
            json_pack("{s:s, s:I}", "name", name, "ofport", (json_int_t)sw_port_find(c->conf.sw, name)->at.number));
}

static void run_port_del(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;
    const char *bridge = rpc_param_text(params, 0, "bridge"), *name = rpc_param_text(params, 1, "name");
    struct errbuf e = { { 0 } };

    if (!bridge || !name)
        rpc_reply_error(r, "port/del needs bridge and name");
    else if (vswitch_port_del(c->conf.sw, bridge, name, &e))
        rpc_reply_error(r, "%s", e.text);
    else
        rpc_reply_text(r, "");
}

static void run_mac_flush(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;
    const char *bridge = rpc_param_text(params, 0, "bridge");

    if (bridge && !sw_bridge_find(c->conf.sw, bridge)) {
        rpc_reply_error(r, "there is no bridge %s", bridge);
        return;
    }
    for_each_list (struct sw_bridge, b, &c->conf.sw->bridges, link)
        if (!bridge || !strcmp(b->name, bridge))
            mac_table_flush(bridge_macs(b->bridge));
    rpc_reply_text(r, "");
}

int control_reload(struct control *c, struct errbuf *e)
{
    struct switch_conf conf;
    int err = switch_conf_open(&conf, c->conf.path, c->conf.opts, e);

    if (!err)
        err = vswitch_apply(c->conf.sw, &conf, e);
    if (err)
        log_error("reload: %s", e->text);
    else
        log_notice("reload: %s is applied", c->conf.path);
    return err;
}

static void run_reload(struct rpc_request *r, json_t *params, void *arg)
{
    struct errbuf e = { { 0 } };

    if (control_reload(arg, &e))
        rpc_reply_error(r, "%s", e.text);
    else
        rpc_reply_text(r, "");
}

static void run_capture(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;
    const char *name = rpc_param_text(params, 0, "port"), *text = rpc_param_text(params, 1, "snaplen");
    struct sw_port *p = name ? sw_port_find(c->conf.sw, name) : NULL;
    unsigned long snaplen = text ? strtoul(text, NULL, 10) : 262144;
    char path[ENDPOINT_PATH_SIZE];
    struct errbuf e = { { 0 } };

    if (!p)
        rpc_reply_error(r, name ? "there is no port %s" : "capture/start needs a port", name);
    else if (snaplen < 14 || snaplen > 262144)
        rpc_reply_error(r, "snaplen '%s' is not between 14 and 262144", text);
    else if (capture_start(c->conf.sw, p, (uint32_t)snaplen, path, sizeof path, &e))
        rpc_reply_error(r, "%s", e.text);
    else
        rpc_reply_either(r, params, json_string(path));
}

static void run_log_level(struct rpc_request *r, json_t *params, void *arg)
{
    const char *name = rpc_param_text(params, 0, "level");
    int level = name ? log_level_by_name(name) : -EINVAL;

    if (level < 0) {
        rpc_reply_error(r, "log/level needs one of error, warning, notice, info and debug");
        return;
    }
    log_set_level((enum log_level)level);
    rpc_reply_text(r, "");
}

static void run_exit(struct rpc_request *r, json_t *params, void *arg)
{
    struct control *c = arg;

    rpc_reply_text(r, "");
    ev_break(c->conf.loop, EVBREAK_ALL);
}

#define COMMON \
    { "version", "", 0, 0, run_version }, { "switch/show", "[BRIDGE]", 0, 1, show_switch }, \
        { "port/list", "[BRIDGE]", 0, 1, show_ports }, { "port/add", "BRIDGE NAME SETTINGS", 3, 3, run_port_add }, \
        { "port/del", "BRIDGE NAME", 2, 2, run_port_del }, { "port/stats", "[BRIDGE [NAME]]", 0, 2, show_port_stats }, \
        { "stats", "", 0, 0, show_stats }, { "worker/gap", "", 0, 0, show_gaps }, \
        { "worker/times", "", 0, 0, show_times }, { "mac/show", "[BRIDGE]", 0, 1, show_macs }, \
        { "mac/flush", "[BRIDGE]", 0, 1, run_mac_flush }, { "reload", "", 0, 0, run_reload }, \
        { "queue/list", "[PORT]", 0, 1, show_queues }, { "queue/set", "PORT SETTINGS", 2, 2, run_queue_set }, \
        { "queue/clear", "PORT", 1, 1, run_queue_clear }, { "capture/start", "PORT [SNAPLEN]", 1, 2, run_capture }, \
        { "rxq/list", "", 0, 0, show_rxqs }, { "rxq/move", "PORT QUEUE WORKER", 3, 3, run_rxq_move }, \
        { "rxq/free", "PORT QUEUE", 2, 2, run_rxq_free }, { "conn/list", "[FILTER [LIMIT]]", 0, 2, conn_list }, \
        { "conn/count", "[FILTER]", 0, 1, conn_counts }, { "conn/flush", "[FILTER]", 0, 1, conn_flush }, \
        { "conn/zone", "ZONE [SETTINGS]", 1, 2, conn_zone }, \
        { "nat/mappings", "[FILTER [LIMIT]]", 0, 2, nat_mappings }, { "log/level", "LEVEL", 1, 1, run_log_level }, \
    { \
        "exit", "", 0, 0, run_exit \
    }

static const struct rpc_method methods[] = { COMMON, { NULL } };
static const struct rpc_method test_methods[] = {
    COMMON,
    { "clock/warp", "MILLISECONDS", 1, 1, test_warp },
    { "tick/stop", "", 0, 0, test_tick_stop },
    { "connection/tick", "", 0, 0, test_connection_tick },
    { "testport/give", "PORT HEX [HEX...]", 2, 1 + TEST_GIVE_MAX, test_give },
    { "testport/take", "PORT", 1, 1, test_take },
    { NULL },
};

int control_open(struct control **out, const struct control_conf *conf, struct errbuf *e)
{
    struct control *c = calloc(1, sizeof *c);
    const char *dir = vswitch_run_dir(conf->sw);
    int err;

    if (!c)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    c->conf = *conf;
    if (snprintf(c->path, sizeof c->path, "%s/trama-switchd.%ld.ctl", dir, (long)getpid()) >= (int)sizeof c->path) {
        free(c);
        return errbuf_set(e, -ENAMETOOLONG, "run_dir %s: the path is too long for a socket in it", dir);
    }
    snprintf(c->link, sizeof c->link, "%.80s/trama-switchd.ctl", dir);
    err = rpc_server_open(&c->server, conf->loop, c->path, conf->has_test ? test_methods : methods, c, e);
    if (err) {
        free(c);
        return err;
    }
    unlink(c->link);
    if (symlink(strrchr(c->path, '/') + 1, c->link))
        log_warning("%s cannot be made: %s", c->link, strerror(errno));
    *out = c;
    return 0;
}

void control_close(struct control *c)
{
    if (!c)
        return;
    unlink(c->link);
    rpc_server_close(c->server);
    free(c);
}

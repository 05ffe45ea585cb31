/* SPDX-License-Identifier: Apache-2.0 */
/* test_apply.c - vswitch_apply(): a running switch of `test` ports follows its file, and stays as it is when it cannot.
 * DPDK starts once per process, so the cases follow each other on one switch. */
#include "vswitch/vswitch_impl.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "datapath/conn_track.h"
#include "vswitch/flow_table.h"

static char dir[] = "/tmp/trama-test-XXXXXX";
static struct switch_conf_opts opts = { .run_dir = dir, .has_test_ports = true };
static struct ev_loop *loop;
static struct clock now;
static struct vswitch *sw;

#define DPDK "dpdk: {hugepages: off, mbufs: 4096}\n"

static int apply(const char *text, struct errbuf *e)
{
    struct switch_conf conf;
    int err;

    e->text[0] = '\0';
    err = switch_conf_parse(&conf, "sw.yaml", text, strlen(text), &opts, e);
    if (!err)
        err = sw ? vswitch_apply(sw, &conf, e) : vswitch_open(&sw, loop, &now, &conf, e);
    ev_run(loop, EVRUN_NOWAIT);
    return err;
}

/* What there is: "br0[p1=1 p2=7:access5] br1[]"; `!` marks ports by command, `*n` a bridge's n doors and connections. */
static const char *picture(void)
{
    static char text[1024];
    struct str s = { 0 };

    for_each_list (struct sw_bridge, b, &sw->bridges, link) {
        size_t n = list_count(&b->channels) + list_count(&b->listeners) - 1; /* the management door is always there */

        str_printf(&s, "%s%s", s.len ? " " : "", b->name);
        if (n)
            str_printf(&s, "*%zu", n);
        str_add(&s, "[");
        for_each_list (struct sw_port, p, &b->ports, link) {
            str_printf(&s, "%s%s=%u", str_text(&s)[s.len - 1] == '[' ? "" : " ", p->at.name, p->at.number);
            if (p->conf.vlan.mode == VLAN_ACCESS)
                str_printf(&s, ":access%u", p->conf.vlan.vid);
            if (p->at.flags & PORT_FLAG_NO_FWD)
                str_add(&s, ":no_fwd");
            if (p->is_by_command)
                str_add(&s, "!");
            assert_ptr_equal(agent_port_find(b->agent, p->at.number), &p->at);
        }
        str_add(&s, "]");
    }
    snprintf(text, sizeof text, "%s", str_text(&s));
    str_fini(&s);
    return text;
}

static void follows_the_file(void **state)
{
    static const struct {
        const char *text;
        const char *want;
        const char *refused; /* the beginning of the sentence, NULL: good */
        const char *kept;    /* a port whose device stays open */
    } steps[] = {
        { DPDK "bridges: {br0: {ports: {a: {type: test, ofport: 2}, b: {type: test}, c: {type: test}}}}",
          "br0[a=2 b=1 c=3]", NULL, NULL },
        { DPDK "bridges: {br0: {ports: {a: {type: test, ofport: 2}, b: {type: test}, c: {type: test}}}}",
          "br0[a=2 b=1 c=3]", NULL, "b" },
        { DPDK
          "bridges: {br0: {ports: {a: {type: test, ofport: 2, vlan: {access: 5}}, b: {type: test, flags: [no_fwd]}}}}",
          "br0[a=2:access5 b=1:no_fwd]", NULL, "a" },
        { DPDK "bridges: {br0: {ports: {b: {type: test}, d: {type: test, ofport: 7}}}, br1: {}}", "br0[b=1 d=7] br1[]",
          NULL, "b" },
        /* a number that another port has, which stays */
        { DPDK
          "bridges: {br0: {ports: {b: {type: test}, d: {type: test, ofport: 7}, e: {type: test, ofport: 1}}}, br1: {}}",
          "br0[b=1 d=7] br1[]", "port e: ofport 1 is that of port b", "b" },
        /* a device that is not there: nothing else happens either */
        { DPDK "bridges: {br0: {ports: {x: {type: netdev, device: nosuchdevice}}}, br2: {}}", "br0[b=1 d=7] br1[]",
          "port x: ", "d" },
        /* to the other bridge, with other settings, under another number */
        { DPDK "bridges: {br0: {ports: {d: {type: test, ofport: 8}}}, br1: {ports: {b: {type: test, queues: 2}}}}",
          "br0[d=8] br1[b=1]", NULL, NULL },
        /* two ports change places */
        { DPDK "bridges: {br0: {ports: {d: {type: test, ofport: 1}, f: {type: test, ofport: 2}}}}", "br0[d=1 f=2]",
          NULL, NULL },
        { DPDK "bridges: {br0: {ports: {d: {type: test, ofport: 2}, f: {type: test, ofport: 1}}}}", "br0[d=2 f=1]",
          NULL, NULL },
        { DPDK "bridges: {br0: {controllers: [\"tcp:127.0.0.1:1\", \"ptcp:0:127.0.0.1\"]}}", "br0*2[]", NULL, NULL },
        { DPDK "bridges: {br0: {controllers: [\"ptcp:0:127.0.0.1\"]}}", "br0*1[]", NULL, NULL },
        { DPDK "bridges: {}", "", NULL, NULL },
        { "bridges: {br0: {}}", "", "dpdk cannot change", NULL },
        { DPDK "workers: [0]\nbridges: {br0: {}}", "", "workers cannot change", NULL },
    };

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const struct sw_port *kept = steps[i].kept ? sw_port_find(sw, steps[i].kept) : NULL;
        const struct port *device = kept ? kept->at.port : NULL;
        struct errbuf e;
        int err = apply(steps[i].text, &e);

        if (!steps[i].refused != !err || (err && strncmp(e.text, steps[i].refused, strlen(steps[i].refused))))
            fail_msg("step %zu: %d, '%s'", i, err, e.text);
        if (strcmp(picture(), steps[i].want))
            fail_msg("step %zu: %s instead of %s", i, picture(), steps[i].want);
        if (kept) {
            assert_ptr_equal(sw_port_find(sw, steps[i].kept), kept);
            assert_ptr_equal(kept->at.port, device);
        }
    }
}

static void ports_by_command(void **state)
{
    struct errbuf e;

    assert_int_equal(apply(DPDK "bridges: {br0: {ports: {a: {type: test, ofport: 2}}}, br1: {}}", &e), 0);
    assert_int_equal(vswitch_port_add(sw, "br0", "p", "{type: test, ofport: 5, vlan: {access: 9}}", &opts, &e), 0);
    assert_string_equal(picture(), "br0[a=2 p=5:access9!] br1[]");

    static const struct {
        const char *bridge, *name, *text;
        int err;
    } bad[] = {
        { "br7", "q", "{type: test}", -ENOENT },
        { "br1", "p", "{type: test}", -EEXIST },
        { "br0", "q", "{type: test, ofport: 5}", -EEXIST },
        { "br0", "q", "{type: wire}", -EINVAL },
        { "br0", "q", "", -EINVAL },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        e.text[0] = '\0';
        assert_int_equal(vswitch_port_add(sw, bad[i].bridge, bad[i].name, bad[i].text, &opts, &e), bad[i].err);
        assert_true(e.text[0]);
    }

    /* It outlives a reload, until the file wants its number or its name. */
    assert_int_equal(apply(DPDK "bridges: {br0: {}, br1: {}}", &e), 0);
    assert_string_equal(picture(), "br0[p=5:access9!] br1[]");
    assert_int_equal(apply(DPDK "bridges: {br0: {ports: {q: {type: test, ofport: 5}}}, br1: {}}", &e), -EEXIST);
    assert_int_equal(apply(DPDK "bridges: {br0: {ports: {p: {type: test}}}, br1: {}}", &e), 0);
    assert_string_equal(picture(), "br0[p=5] br1[]");
    assert_int_equal(vswitch_port_del(sw, "br1", "p", &e), -ENOENT);
    assert_int_equal(vswitch_port_del(sw, "br0", "p", &e), 0);
    assert_string_equal(picture(), "br0[] br1[]");
    assert_int_equal(apply(DPDK "bridges: {br0: {ports: {p: {type: test}}}, br1: {}}", &e), 0); /* the file says so */
    assert_string_equal(picture(), "br0[p=1] br1[]");
}

static void zones_of_connections(void **state)
{
    static const struct {
        const char *zones;       /* NULL: refused */
        uint32_t limit, first_s; /* of zone 3 */
        uint32_t host_limit;     /* of zone 4 */
    } steps[] = {
        { "3: {limit: 10, timeouts: {udp-first: 20s}}", 10, 20, 0 },
        { "3: {limit: 10, timeouts: {udp-first: 20s}}, 4: {host_limit: 5}", 10, 20, 5 },
        { NULL, 10, 20, 5 },
        { "3: {limit: 11}, 4: {host_limit: 5}", 11, 0, 5 },
        { "4: {host_limit: 6}", 0, 0, 6 },
        { "", 0, 0, 0 },
    };
    struct conn_zone_conf conf;
    struct errbuf e;

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char text[200];

        snprintf(text, sizeof text, DPDK "bridges: {%s}\nconntrack: {zones: {%s}}",
                 steps[i].zones ? "" : "br0: {ports: {x: {type: netdev, device: nosuchdevice}}}",
                 steps[i].zones ? steps[i].zones : "3: {limit: 99}");
        assert_int_equal(!apply(text, &e), steps[i].zones != NULL);
        conn_zone_get(conn_track_table(sw->dp), 3, &conf);
        assert_int_equal(conf.limit, steps[i].limit);
        assert_int_equal(conf.timeout_s[CONN_UDP_FIRST], steps[i].first_s);
        conn_zone_get(conn_track_table(sw->dp), 4, &conf);
        assert_int_equal(conf.host_limit, steps[i].host_limit);
    }

    /* By command, of a zone that the file does not name, or names as before. */
    assert_int_equal(conn_zone_set(conn_track_table(sw->dp), 5, &(struct conn_zone_conf){ .limit = 8 }), 0);
    assert_int_equal(apply(DPDK "bridges: {}\nconntrack: {zones: {6: {limit: 9}}}", &e), 0);
    conn_zone_get(conn_track_table(sw->dp), 5, &conf);
    assert_int_equal(conf.limit, 8);
    assert_int_equal(apply(DPDK "bridges: {}\nconntrack: {max: 77}", &e), -EINVAL);
    assert_string_equal(e.text, "conntrack: max cannot change while the switch runs; start it anew");
}

static void stands_alone(void **state)
{
    static const struct {
        const char *bridge;
        uint32_t n_flows;
    } steps[] = {
        { "br5: {fail_mode: secure}", 0 },
        { "br5: {fail_mode: standalone}", 1 },
        { "br5: {fail_mode: standalone, controllers: [\"ptcp:0:127.0.0.1\"]}", 1 }, /* flows stay whoever comes */
        { "br6: {fail_mode: standalone}", 1 },
        { "br7: {fail_mode: standalone, controllers: [\"ptcp:0:127.0.0.1\"]}", 0 },
    };

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char text[200];
        struct errbuf e;

        snprintf(text, sizeof text, DPDK "bridges: {%s}", steps[i].bridge);
        assert_int_equal(apply(text, &e), 0);

        struct sw_bridge *b = list_first(&sw->bridges, struct sw_bridge, link);

        assert_int_equal(flow_table_count(agent_flows(b->agent), 0), steps[i].n_flows);
    }
}

static void ends(void **state)
{
    vswitch_close(sw);
    sw = NULL;
    assert_int_equal(rmdir(dir), 0); /* nothing is left in it */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_file),
        cmocka_unit_test(ports_by_command),
        cmocka_unit_test(zones_of_connections),
        cmocka_unit_test(stands_alone),
        cmocka_unit_test(ends),
    };

    if (!mkdtemp(dir))
        return 1;
    log_set_level(LOG_ERROR);
    loop = ev_default_loop(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

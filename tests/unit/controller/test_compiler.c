/* SPDX-License-Identifier: Apache-2.0 */
/* test_compiler.c - flows of random networks with random failures, executed by model switches: who shall talk talks, once;
 * nobody else does; nothing circles, not even while half of the switches have the new flows and half the old. */
#include "controller/compiler.h"
#include "base/str.h"
#include "model_net.h"
#include "net_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 400 };
#define PORT_CONTROLLER UINT32_C(0xfffffffd)
#define BROADCAST UINT64_C(0xffffffffffff)

static void world_random(struct world *w)
{
    unsigned n_sw = 1 + pick(SWITCHES_MAX), n_net = 1 + pick(3), n_links = n_sw > 1 ? pick(2 * n_sw) : 0,
             n_hosts = 2 + pick(8);
    struct str s = { 0 };

    str_add(&s, "networks: {");
    for (unsigned i = 0; i < n_net; i++)
        str_printf(&s, "n%u: {vlan: %u}, ", i, 10 + 7 * i);
    str_add(&s, "}\nswitches: {");
    for (unsigned i = 0; i < n_sw; i++)
        str_printf(&s, "s%u: {datapath_id: %u}, ", i, 50 + i);
    str_add(&s, "}\nlinks:\n");
    for (unsigned i = 0; i < n_links; i++) {
        unsigned a = pick(n_sw), b = (a + 1 + pick(n_sw - 1)) % n_sw;

        str_printf(&s, "  - [s%u:l%u, s%u:%u]\n", a, i, b, 30 + i);
    }
    str_add(&s, "hosts:\n");
    for (unsigned i = 0; i < n_hosts; i++)
        str_printf(&s, "  h%u: {network: n%u, switch: s%u}\n", i, pick(n_net), pick(n_sw));
    world_init(w, str_text(&s));
    str_fini(&s);
}

/* --- model --- */
struct run {
    struct plan plan;
    struct model_net net;
    const struct flow_set *flows[SWITCHES_MAX];
};

static void run_init(struct run *r, const struct world *w, const bool *tree)
{
    bool *trees = calloc(w->doc->n_networks * w->doc->n_links + 1, sizeof *trees);

    if (!tree)
        assert_int_equal(compile_trees(w->doc, &w->view, trees), 0);
    assert_int_equal(compile(&r->plan, w->doc, &w->view, tree ? tree : trees), 0);
    free(trees);
    for (size_t i = 0; i < w->doc->n_switches; i++)
        r->flows[i] = &r->plan.flows[i];
    r->net.doc = w->doc;
    r->net.view = &w->view;
    r->net.flows = r->flows;
    r->net.link_is_up = w->link_is_up;
    model_forget(&r->net);
}

static void run_fini(struct run *r)
{
    plan_fini(&r->plan);
}

/* Reachability by links, as simple as can be: not the code under test. */
static bool connected(const struct world *w, int a, int b)
{
    bool seen[SWITCHES_MAX] = { false };

    seen[a] = true;
    for (size_t round = 0; round < w->doc->n_switches; round++) {
        for (size_t i = 0; i < w->doc->n_links; i++) {
            const struct net_end *end = w->doc->links[i].end;

            if (w->link_is_up[i] && (seen[end[0].sw] || seen[end[1].sw]))
                seen[end[0].sw] = seen[end[1].sw] = true;
        }
    }
    return seen[b];
}

static void check_unicast(struct run *r, const struct world *w, int from, int to)
{
    const struct net_host *a = &w->doc->hosts[from], *b = &w->doc->hosts[to];
    struct model_frame f = { .dst = b->mac, .src = a->mac, .vid = MODEL_UNTAGGED, .type = 0x0800 };
    bool can = a->network == b->network && connected(w, a->at.sw, b->at.sw);

    model_forget(&r->net);
    model_send(&r->net, a->at.sw, host_port(w, from), &f);
    assert_true(r->net.n_steps < MODEL_STEPS_MAX);
    if (model_count(&r->net, b->at.sw, host_port(w, to)) != can)
        fail_msg("%s to %s: %zu frames", a->name, b->name, model_count(&r->net, b->at.sw, host_port(w, to)));
    if (can) {
        assert_int_equal(r->net.n_out, 1);
        assert_memory_equal(&r->net.out[0].frame, &f, sizeof f);
    }
    for (size_t i = 0; i < w->doc->n_hosts; i++) /* whatever became of it, no other network saw it */
        if (w->doc->hosts[i].network != a->network)
            assert_int_equal(model_count(&r->net, w->doc->hosts[i].at.sw, host_port(w, (int)i)), 0);
}

/* `exactly`: each that can be reached gets one; else nobody gets more than one. */
static void check_flood(struct run *r, const struct world *w, int from, bool exactly)
{
    const struct net_host *a = &w->doc->hosts[from];
    struct model_frame f = { .dst = BROADCAST, .src = a->mac, .vid = MODEL_UNTAGGED, .type = 0x0806 };

    model_forget(&r->net);
    model_send(&r->net, a->at.sw, host_port(w, from), &f);
    assert_true(r->net.n_steps < MODEL_STEPS_MAX);
    for (size_t i = 0; i < w->doc->n_hosts; i++) {
        const struct net_host *b = &w->doc->hosts[i];
        size_t n = model_count(&r->net, b->at.sw, host_port(w, (int)i));
        bool can = a != b && a->network == b->network && connected(w, a->at.sw, b->at.sw);

        if (exactly ? n != can : n > can)
            fail_msg("flood of %s to %s: %zu frames", a->name, b->name, n);
    }
    for (size_t i = 0; i < r->net.n_out; i++)
        assert_int_equal(r->net.out[i].frame.vid, MODEL_UNTAGGED);
}

static void check_all(struct run *r, const struct world *w)
{
    assert_int_equal(r->plan.n_problems, 0);
    for (size_t i = 0; i < w->doc->n_hosts; i++) {
        check_flood(r, w, (int)i, true);
        for (size_t j = 0; j < w->doc->n_hosts; j++)
            if (i != j)
                check_unicast(r, w, (int)i, (int)j);
    }
}

static void test_random_networks(void **state)
{
    static struct run r;

    for (unsigned round = 1; round <= ROUNDS; round++) {
        struct world w;

        world_seed(round);
        world_random(&w);
        for (int failures = 0; failures < 4; failures++) {
            run_init(&r, &w, NULL);
            check_all(&r, &w);
            run_fini(&r);
            for (size_t i = 0; i < w.doc->n_links; i++)
                w.link_is_up[i] = pick(3) > 0;
        }
        world_fini(&w);
    }
}

/* Floods while switch i has the flows of `a` or, where bit i of `which` is set, those of `b`. */
static void check_mixed(struct run *a, struct run *b, const struct world *w, unsigned which)
{
    const struct flow_set *mixed[SWITCHES_MAX];

    for (size_t i = 0; i < w->doc->n_switches; i++)
        mixed[i] = which >> i & 1 ? b->flows[i] : a->flows[i];
    b->net.flows = mixed;
    for (size_t i = 0; i < w->doc->n_hosts; i++)
        check_flood(b, w, (int)i, false);
    b->net.flows = b->flows;
}

static void test_no_circle_on_the_way(void **state)
{
    static struct run before, between, after;
    unsigned n_two_steps = 0;

    for (unsigned round = 1; round <= ROUNDS; round++) {
        bool old[3 * 64], want[3 * 64], tree[3 * 64], is_final;
        struct world w;

        world_seed(round);
        world_random(&w);
        for (size_t i = 0; i < w.doc->n_links; i++)
            w.link_is_up[i] = pick(3) > 0;
        run_init(&before, &w, NULL);
        memcpy(old, before.plan.tree, w.doc->n_networks * w.doc->n_links);
        for (size_t i = 0; i < w.doc->n_links; i++)
            w.link_is_up[i] = pick(3) > 0;
        assert_int_equal(compile_trees(w.doc, &w.view, want), 0);
        assert_int_equal(compile_trees_toward(w.doc, &w.view, old, want, tree, &is_final), 0);
        run_init(&between, &w, tree);
        run_init(&after, &w, want);
        n_two_steps += !is_final;
        for (unsigned which = 0; which < 1u << w.doc->n_switches; which++) {
            check_mixed(&before, &between, &w, which);
            check_mixed(&between, &after, &w, which);
        }
        if (is_final)
            check_all(&between, &w);
        run_fini(&before);
        run_fini(&between);
        run_fini(&after);
        world_fini(&w);
    }
    assert_true(n_two_steps > 10); /* the case that it is about occurred */
}

/* A link of a ring is restored: between the old tree and the new one all four links would carry floods. */
static void test_ring_restored(void **state)
{
    static struct run before, between, after;
    bool want[4], tree[4], is_final;
    struct world w;

    world_init(
        &w, "networks: {red: {vlan: 10}}\n"
            "switches: {s0: {datapath_id: 1}, s1: {datapath_id: 2}, s2: {datapath_id: 3}, s3: {datapath_id: 4}}\n"
            "links: [['s0:5', 's1:6'], ['s1:7', 's2:8'], ['s2:9', 's3:10'], ['s3:11', 's0:12']]\n"
            "hosts: {h0: {network: red, switch: s0}, h2: {network: red, switch: s2}, h1: {network: red, switch: s1},\n"
            "        h3: {network: red, switch: s3}}\n");
    w.link_is_up[0] = false;
    run_init(&before, &w, NULL);
    w.link_is_up[0] = true;
    assert_int_equal(compile_trees(w.doc, &w.view, want), 0);
    assert_int_equal(compile_trees_toward(w.doc, &w.view, before.plan.tree, want, tree, &is_final), 0);
    assert_false(is_final);
    run_init(&between, &w, tree);
    run_init(&after, &w, want);
    for (unsigned which = 0; which < 16; which++) {
        check_mixed(&before, &between, &w, which);
        check_mixed(&between, &after, &w, which);
    }
    check_all(&after, &w);
    run_fini(&before);
    run_fini(&between);
    run_fini(&after);
    world_fini(&w);
}

/* --- by hand: two switches, two networks --- */
static const char vlans[] = "networks: {red: {vlan: 10}, blue: {vlan: 20}}\n"
                            "switches: {s1: {datapath_id: 1, ports: {9: {network: blue}}}, s2: {datapath_id: 2}}\n"
                            "links: [['s1:to2', 's2:to1']]\n"
                            "hosts:\n"
                            "  h1: {network: red, switch: s1}\n"
                            "  h2: {network: red, switch: s2}\n"
                            "  h3: {network: blue, switch: s1}\n"
                            "  h4: {network: blue, switch: s2, kind: external}\n";

static size_t cookies_of_kind(const struct model_net *net, enum flow_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < net->n_out; i++)
        n += net->out[i].port == PORT_CONTROLLER && flow_cookie_kind(net->out[i].cookie) == kind;
    return n;
}

static void test_edges(void **state)
{
    static struct run r;
    struct world w;
    struct model_frame f;
    net_mac h1, h2;

    world_init(&w, vlans);
    run_init(&r, &w, NULL);
    h1 = w.doc->hosts[0].mac;
    h2 = w.doc->hosts[1].mac;

    f = (struct model_frame){ .dst = h2, .src = h1, .vid = 0, .pcp = 5, .type = 0x0800 }; /* a priority tag alone */
    model_send(&r.net, 0, host_port(&w, 0), &f);
    assert_int_equal(model_count(&r.net, 1, host_port(&w, 1)), 1);

    static const struct {
        const char *what;
        int sw, host; /* host: at whose port; -1: the link's */
        int vid;
        net_mac src, dst; /* 0: h1, h2 */
        uint16_t type;
    } dropped[] = {
        { "a host's own tag", 0, 0, 10, 0, 0, 0x0800 },
        { "another network's tag", 0, 0, 20, 0, BROADCAST, 0x0800 },
        { "an unknown tag on a link", 1, -1, 30, 0, 0, 0x0800 },
        { "no tag on a link", 1, -1, MODEL_UNTAGGED, 0, 0, 0x0800 },
        { "LLDP of a host", 0, 0, MODEL_UNTAGGED, 0, UINT64_C(0x0180c200000e), 0x88cc },
        { "spanning tree of a host", 0, 0, MODEL_UNTAGGED, 0, UINT64_C(0x0180c2000000), 0x0027 },
        { "a group as source", 0, 0, MODEL_UNTAGGED, UINT64_C(0x010000000001), 0, 0x0800 },
    };
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
        uint32_t port = dropped[i].host < 0
                            ? view_port_number(&w.switches[dropped[i].sw], &w.doc->links[0].end[dropped[i].sw].port)
                            : host_port(&w, dropped[i].host);

        f = (struct model_frame){ .src = dropped[i].src ? dropped[i].src : h1,
                                  .dst = dropped[i].dst ? dropped[i].dst : h2,
                                  .vid = dropped[i].vid,
                                  .type = dropped[i].type };
        model_forget(&r.net);
        model_send(&r.net, dropped[i].sw, port, &f);
        if (r.net.n_out)
            fail_msg("%s: went out of switch %d port %u", dropped[i].what, r.net.out[0].sw, r.net.out[0].port);
    }
    run_fini(&r);
    world_fini(&w);
}

static void test_lldp_and_learning(void **state)
{
    static struct run r;
    struct world w;
    struct model_frame f;
    net_mac stranger = UINT64_C(0x021111111111), red_host;

    world_init(&w, vlans);
    run_init(&r, &w, NULL);
    red_host = w.doc->hosts[0].mac;

    f = (struct model_frame){ .dst = UINT64_C(0x0180c200000e), .src = stranger, .vid = MODEL_UNTAGGED, .type = 0x88cc };
    model_send(&r.net, 0, view_port_number(&w.switches[0], &w.doc->links[0].end[0].port), &f);
    assert_int_equal(cookies_of_kind(&r.net, FLOW_KIND_LLDP), 1);
    assert_int_equal(r.net.n_out, 1);

    /* A stranger at blue's spare port: shown to the controller, and flooded in blue. */
    model_forget(&r.net);
    f = (struct model_frame){ .dst = UINT64_C(0x022222222222), .src = stranger, .vid = MODEL_UNTAGGED, .type = 0x0800 };
    model_send(&r.net, 0, 9, &f);
    assert_int_equal(cookies_of_kind(&r.net, FLOW_KIND_LEARN), 1);
    assert_int_equal(r.net.out[0].frame.vid, 20);
    assert_int_equal(model_count(&r.net, 0, host_port(&w, 2)), 1);
    assert_int_equal(model_count(&r.net, 1, host_port(&w, 3)), 1);
    assert_int_equal(r.net.n_out, 3);

    /* A declared host's address at another port of its network. */
    model_forget(&r.net);
    f.src = w.doc->hosts[2].mac;
    model_send(&r.net, 0, 9, &f);
    assert_int_equal(r.net.n_out, 0);
    /* The same address in another network is another host. */
    f.src = red_host;
    model_send(&r.net, 0, 9, &f);
    assert_int_equal(cookies_of_kind(&r.net, FLOW_KIND_LEARN), 1);
    run_fini(&r);

    /* Learned: silent, and reached from the other switch by one frame. */
    struct view_host learned[] = { { stranger, 1, 0, 9 }, { red_host, 0, 1, 7 /* declared: the document wins */ } };

    w.view.hosts = learned;
    w.view.n_hosts = 2;
    run_init(&r, &w, NULL);
    f.src = stranger;
    model_send(&r.net, 0, 9, &f);
    assert_int_equal(cookies_of_kind(&r.net, FLOW_KIND_LEARN), 0);
    model_forget(&r.net);
    f = (struct model_frame){ .dst = stranger, .src = UINT64_C(0x023333333333), .vid = MODEL_UNTAGGED, .type = 0x0800 };
    model_send(&r.net, 1, host_port(&w, 3), &f);
    assert_int_equal(model_count(&r.net, 0, 9), 1);
    assert_int_equal(r.net.n_out, 2); /* the other one: h4's first frame, to the controller */
    check_unicast(&r, &w, 1, 0);
    run_fini(&r);
    world_fini(&w);
}

/* A port with very many strangers stops telling the controller. */
static void test_port_full(void **state)
{
    static struct run r;
    static struct view_host learned[HOSTS_PER_PORT_MAX];
    struct model_frame f = { .dst = BROADCAST, .src = UINT64_C(0x024444444444), .vid = MODEL_UNTAGGED, .type = 0x0800 };
    struct world w;

    world_init(&w, vlans);
    for (size_t i = 0; i < HOSTS_PER_PORT_MAX; i++)
        learned[i] = (struct view_host){ UINT64_C(0x025500000000) + i, 1, 0, 9 };
    w.view.hosts = learned;
    w.view.n_hosts = HOSTS_PER_PORT_MAX;
    run_init(&r, &w, NULL);
    model_send(&r.net, 0, 9, &f);
    assert_int_equal(cookies_of_kind(&r.net, FLOW_KIND_LEARN), 0);
    assert_int_equal(model_count(&r.net, 0, host_port(&w, 2)), 1);
    run_fini(&r);
    world_fini(&w);
}

static void test_problems(void **state)
{
    static struct run r;
    struct world w;

    world_init(&w, vlans);
    w.switches[0].n_ports--;                               /* port 9, made last, is not there */
    snprintf(w.ports[1][1].name, PORT_NAME_SIZE, "other"); /* h2's */
    run_init(&r, &w, NULL);
    assert_int_equal(r.plan.n_problems, 2);
    assert_string_equal(r.plan.problems[0].text, "switch s1 has no port 9 (ports, line 2)");
    assert_int_equal(r.plan.problems[0].sw, 0);
    assert_string_equal(r.plan.problems[1].text, "switch s2 has no port h2 (host h2, line 6)");
    run_fini(&r);
    world_fini(&w);
}

/* One switch's ports are not known yet: it gets no flows, the ways to it are there. */
static void test_unknown_ports(void **state)
{
    static struct run r;
    struct world w;

    world_init(&w, vlans);
    run_init(&r, &w, NULL);
    size_t with = flow_set_count(&r.plan.flows[0]);
    run_fini(&r);
    w.switches[1].has_ports = false;
    run_init(&r, &w, NULL);
    assert_int_equal(flow_set_count(&r.plan.flows[0]), with);
    assert_int_equal(flow_set_count(&r.plan.flows[1]), 0);
    run_fini(&r);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_networks),
        cmocka_unit_test(test_no_circle_on_the_way),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_ring_restored),
        cmocka_unit_test(test_lldp_and_learning),
        cmocka_unit_test(test_port_full),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_unknown_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

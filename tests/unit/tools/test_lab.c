/* SPDX-License-Identifier: Apache-2.0 */
/* test_lab.c - what a lab is called everywhere, and the switch files that are made of a document. */
#include "tools/lab.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "tools/lab_daemons.h"
#include "tools/lab_up.h"

static const char text[] =
    "networks:\n"
    "  red:  {vlan: 10, subnet: 10.0.10.0/24}\n"
    "  blue: {vlan: 20, subnet: [10.0.20.0/24, 'fd00:20::/64']}\n"
    "switches:\n"
    "  s1: {datapath_id: 0x11}\n"
    "  s2: {datapath_id: 12, fail_mode: standalone}\n"
    "links:\n"
    "  - [s1:to2, s2:7]\n"
    "  - {ends: [s1:8, s2:8], kind: external}\n"
    "hosts:\n"
    "  h1: {network: red, switch: s1, address: 10.0.10.1, mac: 02:00:00:00:0a:01}\n"
    "  h2: {network: blue, switch: s1, port: 4, address: [10.0.20.2, 'fd00:20::2'], mac: 02:00:00:00:0a:02}\n"
    "  h3: {network: blue, switch: s1, attach: netdev}\n"
    "  h4: {network: red, switch: s1, kind: vm}\n"
    "  h5: {network: red, switch: s1, kind: external}\n";

static struct lab *make(const char *document, const char *name)
{
    struct errbuf e = { { 0 } };
    struct net_doc *doc;
    struct lab *lab;

    assert_int_equal(net_doc_parse(&doc, "t.yaml", document, strlen(document), &e), 0);
    assert_int_equal(lab_new(&lab, name, doc, &e), 0);
    return lab;
}

static void test_names(void **state)
{
    struct lab *lab = make(text, "office");

    assert_string_equal(lab->dir, "/run/trama/lab/office");
    assert_string_equal(lab->controller, "/run/trama/lab/office/trama-controller.ctl");
    assert_string_equal(lab->switches[1].netns, "office@s2");
    assert_string_equal(lab->switches[1].run_dir, "/run/trama/lab/office/s2");
    assert_string_equal(lab->switches[1].control, "/run/trama/lab/office/s2/trama-switchd.ctl");
    assert_string_equal(lab->switches[1].mgmt, "/run/trama/lab/office/s2/s2.mgmt");
    assert_string_equal(lab->hosts[0].netns, "office:h1");
    assert_string_equal(lab->hosts[0].ifname, "h1");
    assert_string_equal(lab->hosts[1].ifname, "p4");
    assert_string_equal(lab->hosts[3].netns, "");
    assert_string_equal(lab->hosts[3].ifname, "h4");
    assert_string_equal(lab->hosts[4].ifname, "");
    lab_close(lab);
}

static void check_file(const struct lab *lab, int sw, const char *want)
{
    struct str out = { 0 };

    lab_switch_file(&out, lab, sw);
    assert_string_equal(str_text(&out), want);
    str_fini(&out);
}

static void test_switch_files(void **state)
{
    struct lab *lab = make(text, "office");

    check_file(
        lab, 0,
        "# Made by `trama lab up` for switch s1 of lab office.\n"
        "run_dir: \"/run/trama/lab/office/s1\"\n"
        "dpdk: {hugepages: off}\n"
        "bridges:\n"
        "  \"s1\":\n"
        "    datapath_id: 0x11\n"
        "    fail_mode: secure\n"
        "    controllers: [\"unix:/run/trama/lab/office/openflow.sock\"]\n"
        "    ports:\n"
        "      \"h1\": {type: tap, netns: \"office:h1\", mac: \"02:00:00:00:0a:01\", address: [\"10.0.10.1/24\"], "
        "vlan: {access: 10}}\n"
        "      \"p4\": {type: tap, ofport: 4, netns: \"office:h2\", mac: \"02:00:00:00:0a:02\", address: "
        "[\"10.0.20.2/24\", \"fd00:20::2/64\"], vlan: {access: 20}}\n"
        "      \"h3\": {type: netdev, vlan: {access: 20}}\n"
        "      \"h4\": {type: netdev, vlan: {access: 10}}\n"
        "      \"to2\": {type: netdev, vlan: {trunk: [10, 20]}}\n");
    check_file(lab, 1,
               "# Made by `trama lab up` for switch s2 of lab office.\n"
               "run_dir: \"/run/trama/lab/office/s2\"\n"
               "dpdk: {hugepages: off}\n"
               "bridges:\n"
               "  \"s2\":\n"
               "    datapath_id: 0xc\n"
               "    fail_mode: standalone\n"
               "    controllers: [\"unix:/run/trama/lab/office/openflow.sock\"]\n"
               "    ports:\n"
               "      \"p7\": {type: netdev, ofport: 7, vlan: {trunk: [10, 20]}}\n");
    lab_close(lab);
}

static void test_without_controller(void **state)
{
    struct lab *lab = make("controller: none\nnetworks: {n: {vlan: 3}}\nswitches: {s: {datapath_id: 5}}\n", "alone");

    assert_string_equal(lab->controller, "");
    check_file(lab, 0,
               "# Made by `trama lab up` for switch s of lab alone.\nrun_dir: \"/run/trama/lab/alone/s\"\n"
               "dpdk: {hugepages: off}\nbridges:\n  \"s\":\n    datapath_id: 0x5\n    fail_mode: standalone\n"
               "    ports:\n");
    lab_close(lab);
}

static void test_too_long(void **state)
{
    struct errbuf e = { { 0 } };
    struct net_doc *doc;
    struct lab *lab;
    char document[256], name[LAB_NAME_SIZE];

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(document, sizeof document, "networks: {n: {vlan: 1}}\nswitches: {%s: {datapath_id: 1}}\n", name);
    assert_int_equal(net_doc_parse(&doc, "t.yaml", document, strlen(document), &e), 0);
    assert_int_equal(lab_new(&lab, name, doc, &e), -ENAMETOOLONG);
    assert_non_null(strstr(e.text, name));
}

static void test_lab_names(void **state)
{
    static const char *const good[] = { "a", "7", "a-b_c.d", "abcdefghijabcdefghijabcdefghija" };
    static const char *const bad[] = { "",    "-a",  ".a",
                                       "..",  "a/b", "a:b",
                                       "a@b", "a b", "abcdefghijabcdefghijabcdefghijab" };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(lab_check_name(good[i], NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct errbuf e = { { 0 } };

        assert_int_equal(lab_check_name(bad[i], &e), -EINVAL);
        assert_non_null(strstr(e.text, bad[i]));
    }
}

/* Loops are for labs with a controller. */
static void test_loops(void **state)
{
    static const char head[] = "networks: {n: {vlan: 1}}\n"
                               "switches: {a: {datapath_id: 1}, b: {datapath_id: 2}, c: {datapath_id: 3}}\n";
    static const struct {
        const char *rest;
        bool is_good;
    } cases[] = {
        { "links: [[a:1, b:1], [b:2, c:1], [c:2, a:2]]\n", true },
        { "controller: none\nlinks: [[a:1, b:1], [b:2, c:1]]\n", true },
        { "controller: none\nlinks: [[a:1, b:1], [b:2, c:1], [c:2, a:2]]\n", false },
        { "controller: none\nlinks: [[c:1, b:1], [b:2, c:2]]\n", false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct errbuf e = { { 0 } };
        struct net_doc *doc;
        char document[512];

        snprintf(document, sizeof document, "%s%s", head, cases[i].rest);
        assert_int_equal(net_doc_parse(&doc, "t.yaml", document, strlen(document), &e), 0);
        assert_int_equal(lab_check(doc, &e), cases[i].is_good ? 0 : -EINVAL);
        assert_true(cases[i].is_good == !strstr(e.text, "t.yaml:4: this link closes a loop"));
        net_doc_free(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_switch_files), cmocka_unit_test(test_without_controller),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_lab_names),    cmocka_unit_test(test_loops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

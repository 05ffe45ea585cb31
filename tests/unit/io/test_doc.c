/* SPDX-License-Identifier: Apache-2.0 */
/* test_doc.c - io/doc.h and io/doc_read.h: what a document becomes, and each kind of mistake with its sentence. */
#include "io/doc_read.h"

#include "base/str.h"
#include "io/addr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const kinds[] = { "tap", "netdev", "mem", NULL };

struct port {
    const char *name;
    int kind;
    uint32_t ofport;
    uint16_t mtu;
    bool is_up;
    uint8_t mac[6];
    struct ip_addr address;
    struct doc_array vlans; /* uint16_t */
    const struct doc_node *node;
};

static const struct doc_field port_fields[] = {
    { "type", doc_read_enum, offsetof(struct port, kind), kinds, .is_required = true },
    { "ofport", doc_read_u32, offsetof(struct port, ofport), &(struct doc_range){ 1, 0xffffff00 } },
    { "mtu", doc_read_mtu, offsetof(struct port, mtu) },
    { "up", doc_read_bool, offsetof(struct port, is_up) },
    { "mac", doc_read_mac, offsetof(struct port, mac) },
    { "address", doc_read_ip_prefix, offsetof(struct port, address) },
    { "trunk", doc_read_list, offsetof(struct port, vlans),
      &(struct doc_items){ .size = sizeof(uint16_t), .read = doc_read_vid, .min = 1, .max = 3 } },
    { NULL },
};

struct file {
    const char *run_dir;
    uint64_t wait_ns, dpid;
    struct endpoint controller;
    struct doc_array ports; /* struct port */
};

static const struct port port_defaults = { .mtu = 1500, .is_up = true };

static const struct doc_field file_fields[] = {
    { "run_dir", doc_read_string, offsetof(struct file, run_dir), &(struct doc_text){ .min = 1, .max = 20 } },
    { "wait", doc_read_time, offsetof(struct file, wait_ns), &(struct doc_range){ 1, UINT64_C(3600000000000) } },
    { "dpid", doc_read_dpid, offsetof(struct file, dpid) },
    { "controller", doc_read_endpoint, offsetof(struct file, controller) },
    { "ports", doc_read_named, offsetof(struct file, ports),
      &(struct doc_items){ .size = sizeof(struct port),
                           .read = doc_read_fields,
                           .arg = port_fields,
                           .defaults = &port_defaults,
                           .name_offset = offsetof(struct port, name),
                           .read_name = doc_read_ifname,
                           .node_offset = offsetof(struct port, node) },
      .is_required = true },
    { NULL },
};

static int file_parse(struct doc *d, struct file *f, const char *text, struct errbuf *e)
{
    int err = doc_parse(d, "t.yaml", text, strlen(text), e);

    *f = (struct file){ .run_dir = "/default" };
    if (!err)
        err = doc_read_map(d->root, file_fields, f, e);
    return err;
}

static void good(void **state)
{
    static const char text[] = "# a comment\n"
                               "wait: 300ms\n"
                               "dpid: 0x1f\n"
                               "controller: tcp:[fd00::7]:99\n"
                               "ports:\n"
                               "  h1: &one\n"
                               "    {type: netdev, ofport: 0x10, mac: 02:00:00:00:00:0a, trunk: [10, 20]}\n"
                               "  \"h2\":\n"
                               "    type: tap\n"
                               "    up: no\n"
                               "    mtu: 9000\n"
                               "    address: 10.2.3.4/24\n"
                               "  h3: *one\n";
    struct errbuf e = { 0 };
    struct file f;
    struct doc d;

    assert_int_equal(file_parse(&d, &f, text, &e), 0);
    assert_string_equal(f.run_dir, "/default");
    assert_int_equal(f.wait_ns, 300000000);
    assert_int_equal(f.dpid, 31);
    assert_int_equal(f.controller.port, 99);
    assert_int_equal(f.ports.n, 3);

    const struct port *p = f.ports.items;

    assert_string_equal(p[0].name, "h1");
    assert_int_equal(p[0].kind, 1);
    assert_int_equal(p[0].ofport, 16);
    assert_int_equal(p[0].mtu, 1500);
    assert_true(p[0].is_up);
    assert_int_equal(p[0].mac[5], 10);
    assert_int_equal(p[0].vlans.n, 2);
    assert_int_equal(((uint16_t *)p[0].vlans.items)[1], 20);
    assert_int_equal(p[0].node->line, 6);
    assert_string_equal(p[1].name, "h2");
    assert_false(p[1].is_up);
    assert_int_equal(p[1].mtu, 9000);
    assert_int_equal(p[1].address.prefix_len, 24);
    assert_int_equal(p[2].ofport, 16);
    doc_fini(&d);
}

static void refused(void **state)
{
    static const struct {
        const char *text, *want; /* what the sentence begins with */
    } cases[] = {
        { "", "the document is empty; the key 'ports' is missing" },
        { "run_dir: x\n", "t.yaml:1: the key 'ports' is missing" },
        { "ports: {}\nport: 3\n", "t.yaml:2: the key 'port' is not known here; known are run_dir, wait, dpid" },
        { "ports: {}\nwait: 1s\nports: {}\n", "t.yaml:3: the key 'ports' stands here twice, first in line 1" },
        { "- a\n", "t.yaml:1: a map (key: value) is expected here, not a list" },
        { "ports: [a]\n", "t.yaml:1: ports: a map is expected here, not a list" },
        { "ports:\n  a: tap\n", "t.yaml:2: a map (key: value) is expected here, not a value" },
        { "ports:\n  a:\n    ofport: 3\n", "t.yaml:3: the key 'type' is missing" },
        { "ports:\n  a:\n", "t.yaml:2: the key 'type' is missing" },
        { "ports:\n  a: {type: taps}\n", "t.yaml:2: type: 'taps' is not one of: tap, netdev, mem" },
        { "ports:\n  a: {type: [tap]}\n", "t.yaml:2: type: a word is expected here, not a list" },
        { "ports:\n  a: {type: }\n", "t.yaml:2: type: a word is expected here, not nothing" },
        { "ports:\n  a: {type: tap,\n   ofport: 0}\n",
          "t.yaml:3: ofport: 0 is out of range: 1 to 4294967040 are possible" },
        { "ports:\n  a: {type: tap, ofport: 1e3}\n", "t.yaml:2: ofport: '1e3' is not a whole number" },
        { "ports:\n  a: {type: tap, ofport: -1}\n", "t.yaml:2: ofport: '-1' is not a whole number" },
        { "ports:\n  a: {type: tap, ofport: 010}\n", "t.yaml:2: ofport: '010' is not a whole number" },
        { "ports:\n  a: {type: tap, ofport: 0x0x1}\n", "t.yaml:2: ofport: '0x0x1' is not a whole number" },
        { "ports:\n  a: {type: tap, ofport: 99999999999999999999}\n",
          "t.yaml:2: ofport: 99999999999999999999 is out of" },
        { "ports:\n  a: {type: tap, up: maybe}\n", "t.yaml:2: up: 'maybe' is neither true nor false" },
        { "ports:\n  a: {type: tap, mtu: 67}\n", "t.yaml:2: mtu: 67 is out of range: 68 to 65535" },
        { "ports:\n  a: {type: tap, mac: 01:00:00:00:00:0a}\n",
          "t.yaml:2: mac: the MAC address '01:00:00:00:00:0a' cannot" },
        { "ports:\n  a: {type: tap, mac: 02:00:00:00:0a}\n", "t.yaml:2: mac: '02:00:00:00:0a' is not a MAC address" },
        { "ports:\n  a: {type: tap, address: 10.0.0.1}\n", "t.yaml:2: address: '10.0.0.1' has no prefix length" },
        { "ports:\n  a: {type: tap, trunk: []}\n", "t.yaml:2: trunk: 0 entries are too few; at least 1" },
        { "ports:\n  a: {type: tap, trunk: [1, 2, 3, 4]}\n", "t.yaml:2: trunk: 4 entries are too many; at most 3" },
        { "ports:\n  a: {type: tap, trunk: [1, 4095]}\n", "t.yaml:2: trunk: 4095 is out of range: 1 to 4094" },
        { "ports:\n  a: {type: tap, trunk: 5}\n", "t.yaml:2: trunk: a list is expected here, not a value" },
        { "ports:\n  a/b: {type: tap}\n", "t.yaml:2: 'a/b' is not a possible name of an interface" },
        { "ports:\n  a234567890123456: {type: tap}\n", "t.yaml:2: 'a234567890123456' has 16 bytes; 1 to 15" },
        { "run_dir: \"a\\tb\"\nports: {}\n",
          "t.yaml:1: run_dir: 'a\tb' contains a character that is not possible here" },
        { "run_dir: \"a\\0b\"\nports: {}\n", "t.yaml:1: a value contains a NUL character" },
        { "wait: 5x\nports: {}\n", "t.yaml:1: wait: '5x' is not a time such as" },
        { "wait: 2h\nports: {}\n", "t.yaml:1: wait: the time '2h' is out of range" },
        { "dpid: 0\nports: {}\n", "t.yaml:1: dpid: a datapath id must not be 0" },
        { "controller: 1.2.3.4\nports: {}\n", "t.yaml:1: controller: '1.2.3.4' is not tcp:IP[:PORT]" },
        { "ports: {}\n---\na: b\n", "t.yaml:2: a second document begins here" },
        { "ports: !!str {}\n", "t.yaml:1: tags such as" },
        { "ports: *x\n", "t.yaml:1: '*x' names an anchor that" },
        { "ports: &x {a: *x}\n", "t.yaml:1: '*x' names an anchor that" },
        { "ports: {[a]: b}\n", "t.yaml:1: a key must be a word, not a list" },
        { "ports: {\n\n", "t.yaml:3: did not find expected node content" },
        { "ports:\n\t- x\n", "t.yaml:2: found character that cannot start any token" },
        { "a: \xff\n", "t.yaml: byte 3: invalid leading UTF-8 octet" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct errbuf e = { 0 };
        struct file f;
        struct doc d;

        assert_int_equal(file_parse(&d, &f, cases[i].text, &e), -EINVAL);
        if (strncmp(e.text, cases[i].want, strlen(cases[i].want)) != 0)
            fail_msg("case %zu: got \"%s\", want \"%s\"", i, e.text, cases[i].want);
        doc_fini(&d);
    }
}

static void limits(void **state)
{
    struct str text = { 0 };
    struct errbuf e = { 0 };
    struct doc d;

    for (int i = 0; i < DOC_DEPTH_MAX + 1; i++)
        str_add(&text, "[");
    assert_int_equal(doc_parse(&d, "deep", text.s, text.len, &e), -E2BIG);
    assert_string_equal(e.text, "deep:1: nested more than 64 deep");

    /* Eight levels of ten aliases each: a hundred million values from a short text. */
    str_reset(&text);
    str_add(&text, "- &a0 [x]\n");
    for (int i = 1; i < 9; i++) {
        str_printf(&text, "- &a%d [", i);
        for (int j = 0; j < 10; j++)
            str_printf(&text, "%s*a%d", j ? ", " : "", i - 1);
        str_add(&text, "]\n");
    }
    e.text[0] = '\0';
    assert_int_equal(doc_parse(&d, "laughs", text.s, text.len, &e), -E2BIG);
    assert_non_null(strstr(e.text, "too large"));

    str_reset(&text);
    for (int i = 0; i < 1025; i++)
        str_printf(&text, "- &b%d x\n", i);
    e.text[0] = '\0';
    assert_int_equal(doc_parse(&d, "anchors", text.s, text.len, &e), -E2BIG);
    assert_string_equal(e.text, "anchors:1025: more than 1024 anchors");
    str_fini(&text);
}

static void many_keys(void **state)
{
    struct str text = { 0 };
    struct errbuf e = { 0 };
    char key[32];
    struct doc d;

    for (int i = 0; i < 20000; i++)
        str_printf(&text, "key%d: v%d\n", i, i * 3);
    assert_int_equal(doc_parse(&d, "many", text.s, text.len, &e), 0);
    for (int i = 0; i < 20000; i += 7) {
        snprintf(key, sizeof key, "key%d", i);

        const struct doc_node *n = doc_find(d.root, key);

        assert_non_null(n);
        assert_int_equal(atoi(n->text + 1), i * 3);
        assert_int_equal(n->line, i + 1);
    }
    assert_null(doc_find(d.root, "key20000"));
    doc_fini(&d);
    str_add(&text, "key777: again\n");
    assert_int_equal(doc_parse(&d, "many", text.s, text.len, &e), -EINVAL);
    assert_string_equal(e.text, "many:20001: the key 'key777' stands here twice, first in line 778");
    str_fini(&text);
}

/* Every beginning of a good document is read or refused with a sentence; nothing else. */
static void cut_anywhere(void **state)
{
    static const char text[] = "a: &x [1, 'two', \"th\\u0072ee\", {b: ~}]\nc: |\n  block\n  text\nd: *x\n";

    for (size_t len = 0; len < sizeof text; len++) {
        struct errbuf e = { 0 };
        struct doc d;
        int err = doc_parse(&d, "cut", text, len, &e);

        assert_true(err == 0 || (err == -EINVAL && !strncmp(e.text, "cut:", 4)));
        doc_fini(&d);
    }
}

static void from_file(void **state)
{
    char path[] = "/tmp/test_doc.XXXXXX";
    struct errbuf e = { 0 };
    struct doc d;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a: b\n", 5), 5);
    close(fd);
    assert_int_equal(doc_open(&d, path, &e), 0);
    assert_string_equal(doc_find(d.root, "a")->text, "b");
    doc_fini(&d);
    unlink(path);
    assert_int_equal(doc_open(&d, path, &e), -ENOENT);
    assert_non_null(strstr(e.text, path));
    e.text[0] = '\0';
    assert_int_equal(doc_open(&d, "/tmp", &e), -EISDIR);
    assert_string_equal(e.text, "/tmp: Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),      cmocka_unit_test(refused),      cmocka_unit_test(limits),
        cmocka_unit_test(many_keys), cmocka_unit_test(cut_anywhere), cmocka_unit_test(from_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_addr.c - io/addr.h: what is read, what is refused, and that what is written reads back. */
#include "io/addr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void prefixes(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: refused */
        bool is_subnet;
    } cases[] = {
        { "10.1.2.3/24", "10.1.2.3/24" },
        { "10.1.2.3/0", "10.1.2.3/0" },
        { "10.1.2.3/32", "10.1.2.3/32" },
        { "FD00::1/64", "fd00::1/64" },
        { "::/0", "::/0" },
        { "10.1.2.0/24", "10.1.2.0/24", true },
        { "fd00:1::/33", "fd00:1::/33", true },
        { "10.1.2.3/24", NULL, true },
        { "fd00:0:4000::/33", NULL, true },
        { "10.1.2.128/25", "10.1.2.128/25", true },
        { "10.1.2.3/33" },
        { "fd00::1/129" },
        { "10.1.2.3/" },
        { "10.1.2.3/-1" },
        { "10.1.2.3/ 1" },
        { "10.1.2.3/1x" },
        { "10.1.2.3" },
        { "10.1.2/24" },
        { "/24" },
        { "" },
        { "10.1.2.3/99999999999999999999" },
        { "fd00::1%eth0/64" },
        { "010.1.2.3.4/5" },
        { "1111111111111111111111111111111111111111111111111111111111111111111111111111/24" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct errbuf e = { 0 };
        struct ip_addr a;
        char text[ADDR_TEXT_SIZE];
        int err = cases[i].is_subnet ? ip_subnet_parse(&a, cases[i].text, &e) : ip_prefix_parse(&a, cases[i].text, &e);

        if (cases[i].want) {
            assert_int_equal(err, 0);
            assert_string_equal(ip_prefix_format(&a, text, sizeof text), cases[i].want);
        } else {
            assert_int_equal(err, -EINVAL);
            assert_true(strlen(e.text) > 10);
        }
    }
}

static void membership(void **state)
{
    static const struct {
        const char *addr, *subnet;
        bool want;
    } cases[] = {
        { "10.1.2.3", "10.1.0.0/16", true }, { "10.2.2.3", "10.1.0.0/16", false }, { "10.1.2.3", "0.0.0.0/0", true },
        { "fd00::5", "0.0.0.0/0", false },   { "fd00::6", "fd00::4/127", false },  { "fd00::5", "fd00::4/126", true },
        { "10.1.2.3", "10.1.2.3/32", true }, { "10.1.2.2", "10.1.2.3/32", false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ip_addr a, net;

        assert_int_equal(ip_parse(&a, cases[i].addr, NULL), 0);
        assert_int_equal(ip_prefix_parse(&net, cases[i].subnet, NULL), 0);
        assert_int_equal(ip_is_in(&a, &net), cases[i].want);
    }
}

static void macs(void **state)
{
    static const char *const bad[] = {
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:0a:0b",
        "02:00:00:00:00:0g",
        "2:0:0:0:0:a",
        "02-00:00:00:00:0a",
        "02:00:00:00:00:0a ",
        "0200.0000.000a",
    };
    char text[ADDR_TEXT_SIZE];
    uint8_t mac[6];

    assert_int_equal(mac_parse(mac, "02:1b:Cc:dd:ee:0F", NULL), 0);
    assert_string_equal(mac_format(mac, text, sizeof text), "02:1b:cc:dd:ee:0f");
    assert_int_equal(mac_parse(mac, "02-1b-cc-dd-ee-10", NULL), 0);
    assert_int_equal(mac[5], 0x10);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mac_parse(mac, bad[i], NULL), -EINVAL);
}

static void dpids(void **state)
{
    static const struct {
        const char *text;
        uint64_t want; /* 0: refused */
    } cases[] = {
        { "17", 17 },
        { "0x1F", 31 },
        { "00000000000000a1", 0xa1 },
        { "00:00:00:00:00:00:01:02", 0x102 },
        { "18446744073709551615", UINT64_MAX },
        { "0xffffffffffffffff", UINT64_MAX },
        { "0" },
        { "" },
        { "0x" },
        { "18446744073709551616" },
        { "0x10000000000000000" },
        { "-1" },
        { "a1" },
        { "00:00:00:00:00:00:01" },
        { "0x0x5" },
        { " 7" },
        { "000000000000000g" },
        { "0000000000000000" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct errbuf e = { 0 };
        uint64_t got = 0;
        int err = dpid_parse(&got, cases[i].text, &e);

        assert_int_equal(err, cases[i].want ? 0 : -EINVAL);
        assert_true(cases[i].want ? got == cases[i].want : e.text[0] != '\0');
    }
}

static void endpoints(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: refused */
    } cases[] = {
        { "tcp:10.0.0.1", "tcp:10.0.0.1:6653" },
        { "tcp:10.0.0.1:7", "tcp:10.0.0.1:7" },
        { "tcp:[fd00::1]:8", "tcp:[fd00::1]:8" },
        { "tcp:[fd00::1]", "tcp:[fd00::1]:6653" },
        { "tcp:fd00::1", "tcp:[fd00::1]:6653" },
        { "tcp:[10.0.0.1]:9", "tcp:10.0.0.1:9" },
        { "unix:/run/x.sock", "unix:/run/x.sock" },
        { "punix:x:y", "punix:x:y" },
        { "ptcp:", "ptcp:6653" },
        { "ptcp:6634", "ptcp:6634" },
        { "ptcp:0:127.0.0.1", "ptcp:0:127.0.0.1" },
        { "ptcp:5:[::1]", "ptcp:5:[::1]" },
        { "ptcp::127.0.0.1", "ptcp:6653:127.0.0.1" },
        { "ptcp:5:::1", "ptcp:5:[::1]" },
        { "ssl:10.0.0.1", "ssl:10.0.0.1:6653" },
        { "ssl:[fd00::1]:8", "ssl:[fd00::1]:8" },
        { "pssl:6634", "pssl:6634" },
        { "pssl:5:[::1]", "pssl:5:[::1]" },
        { "ssl:host" },
        { "tcp:" },
        { "tcp:host" },
        { "tcp:10.0.0.1:" },
        { "tcp:10.0.0.1:0" },
        { "tcp:10.0.0.1:65536" },
        { "tcp:10.0.0.1:x" },
        { "tcp:[fd00::1" },
        { "tcp:[fd00::1]x" },
        { "unix:" },
        { "" },
        { "tcp" },
        { "tls:10.0.0.1" },
        { "ptcp:x" },
        { "ptcp:70000" },
        { "ptcp:5:x" },
        { "ptcp:5:[::1]:6" },
        { "unix:/23456789/23456789/23456789/23456789/23456789/23456789/23456789/23456789/23456789/23456789/23456789/23456789" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct errbuf e = { 0 };
        struct endpoint ep, again, back;
        struct sockaddr_storage ss;
        char text[ENDPOINT_TEXT_SIZE];
        int err = endpoint_parse(&ep, cases[i].text, &e);

        if (!cases[i].want) {
            assert_int_equal(err, -EINVAL);
            assert_true(strlen(e.text) > 10);
            continue;
        }
        assert_int_equal(err, 0);
        assert_string_equal(endpoint_format(&ep, text, sizeof text), cases[i].want);
        assert_int_equal(endpoint_parse(&again, text, &e), 0);
        assert_true(endpoint_equal(&ep, &again));
        assert_true(endpoint_to_sockaddr(&ep, &ss) > 0);
        endpoint_from_sockaddr(&back, &ss);
        assert_int_equal(back.kind, ep.kind);
        assert_int_equal(back.port, ep.port);
        assert_string_equal(back.path, ep.path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes), cmocka_unit_test(membership), cmocka_unit_test(macs),
        cmocka_unit_test(dpids),    cmocka_unit_test(endpoints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

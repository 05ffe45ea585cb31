/* SPDX-License-Identifier: Apache-2.0 */
/* test_addr.c - addresses as text, and which lie in which subnet. */
#include "net/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *in, *out; /* out NULL: refused */
    bool has_prefix;
} ips[] = {
    { "10.0.0.1", "10.0.0.1/32", false },
    { "10.0.0.0/8", "10.0.0.0/8", true },
    { "0.0.0.0/0", "0.0.0.0/0", true },
    { "FD00:0:0::1/64", "fd00::1/64", true },
    { "::", "::/128", false },
    { "10.0.0.1/33", NULL, false },
    { "fd00::/129", NULL, false },
    { "10.0.0", NULL, false },
    { "10.0.0.1/", NULL, false },
    { "10.0.0.1/x", NULL, false },
    { "10.0.0.1/-1", NULL, false },
    { "10.0.0.1/0000000000000000000008", NULL, false },
    { "", NULL, false },
    { "h1", NULL, false },
    { "fd00:::1", NULL, false },
};

static void test_ip_parse(void **state)
{
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        struct net_ip ip = { 0 };
        bool has_prefix = false;
        char text[NET_ADDR_TEXT];

        if (net_ip_parse(&ip, ips[i].in, &has_prefix) != (ips[i].out != NULL))
            fail_msg("%s: accepted or refused wrongly", ips[i].in);
        if (!ips[i].out)
            continue;
        assert_string_equal(net_ip_prefix_text(&ip, text), ips[i].out);
        assert_int_equal(has_prefix, ips[i].has_prefix);
    }
}

static const struct {
    const char *ip, *subnet;
    bool is_in, is_zero, is_ones; /* zero, ones: of the host bits of `ip` under the subnet's prefix */
} nets[] = {
    { "10.0.10.1", "10.0.10.0/24", true, false, false },  { "10.0.10.0", "10.0.10.0/24", true, true, false },
    { "10.0.10.255", "10.0.10.0/24", true, false, true }, { "10.0.11.1", "10.0.10.0/24", false, false, false },
    { "10.0.11.1", "10.0.10.0/23", true, false, false },  { "fd00::1", "fd00::/64", true, false, false },
    { "fd00::1", "10.0.0.0/0", false, false, false },     { "fe00::1", "fd00::/7", false, false, false },
    { "10.0.0.1", "10.0.0.1/32", true, true, true },
};

static void test_ip_subnet(void **state)
{
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct net_ip ip, subnet;
        bool has_prefix;

        assert_true(net_ip_parse(&ip, nets[i].ip, &has_prefix));
        assert_true(net_ip_parse(&subnet, nets[i].subnet, &has_prefix));
        if (net_ip_is_in(&ip, &subnet) != nets[i].is_in)
            fail_msg("%s in %s: wrong", nets[i].ip, nets[i].subnet);
        if (!nets[i].is_in)
            continue;
        ip.prefix = subnet.prefix;
        assert_int_equal(net_ip_host_is_zero(&ip), nets[i].is_zero);
        assert_int_equal(net_ip_host_is_ones(&ip), nets[i].is_ones);
        assert_true(net_ip_overlap(&ip, &subnet));
    }
}

static void test_mac(void **state)
{
    static const char *const bad[] = { "", "02:00:00:00:0a", "02:00:00:00:0a:1", "02:00:00:00:0a:011", "02-00-00-00-0a-01",
                                       "02:00:00:00:0a:0g", "02:00:00:00:0a:01 " };
    char text[NET_ADDR_TEXT];
    net_mac mac;

    assert_true(net_mac_parse(&mac, "02:AB:03:cd:0a:01"));
    assert_true(mac == UINT64_C(0x02ab03cd0a01));
    assert_string_equal(net_mac_text(mac, text), "02:ab:03:cd:0a:01");
    assert_false(net_mac_is_multicast(mac));
    assert_true(net_mac_parse(&mac, "01:00:5e:00:00:01") && net_mac_is_multicast(mac));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (net_mac_parse(&mac, bad[i]))
            fail_msg("%s: accepted", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ip_parse),
        cmocka_unit_test(test_ip_subnet),
        cmocka_unit_test(test_mac),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

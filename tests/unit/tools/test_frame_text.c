/* SPDX-License-Identifier: Apache-2.0 */
/* test_frame_text.c - tools/frame_text.h: lines for frames of every kind, frames cut at every byte, and any bytes. */
#include "tools/frame_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/str.h"

#define MACS \
    "020000000002" \
    "020000000001"
#define HEAD "02:00:00:00:00:01 > 02:00:00:00:00:02"
#define IP6 \
    "fd000000000000000000000000000001" \
    "fd000000000000000000000000000002"

static const struct {
    const char *hex, *want;
} cases[] = {
    { MACS "0806"
           "0001080006040001"
           "020000000001"
           "0a000001"
           "000000000000"
           "0a000002",
      HEAD " ARP who-has 10.0.0.2 tell 10.0.0.1" },
    { MACS "0806"
           "0001080006040002"
           "020000000001"
           "0a000001"
           "020000000002"
           "0a000002",
      HEAD " ARP 10.0.0.1 is-at 02:00:00:00:00:01" },
    { MACS "8100"
           "600a"
           "0800"
           "45000028"
           "00010000"
           "40060000"
           "0a000001"
           "0a000002"
           "1234"
           "0050"
           "00000007"
           "00000009"
           "5012"
           "0400"
           "00000000",
      HEAD " vlan 10 pcp 3 IPv4 10.0.0.1:4660 > 10.0.0.2:80 TCP SA seq 7 ack 9 win 1024 len 0" },
    { MACS "88a8"
           "0014"
           "8100"
           "000a"
           "0800"
           "46000024"
           "00010000"
           "40110000"
           "0a000001"
           "0a000002"
           "01010101"
           "0035"
           "0400"
           "000c"
           "0000"
           "61626364",
      HEAD " s-vlan 20 vlan 10 IPv4 10.0.0.1:53 > 10.0.0.2:1024 UDP len 4" },
    { MACS "0800"
           "4500001c"
           "00010000"
           "40010000"
           "0a000001"
           "0a000002"
           "0800"
           "0000"
           "0005"
           "0006",
      HEAD " IPv4 10.0.0.1 > 10.0.0.2 ICMP echo request id 5 seq 6" },
    { MACS "0800"
           "4500001c"
           "00012001"
           "40110000"
           "0a000001"
           "0a000002"
           "0000000000000000",
      HEAD " IPv4 10.0.0.1 > 10.0.0.2 fragment at 8, more follow" },
    { MACS "0800"
           "45000014"
           "00010000"
           "402f0000"
           "0a000001"
           "0a000002",
      HEAD " IPv4 10.0.0.1 > 10.0.0.2 protocol 47" },
    { MACS "86dd"
           "60000000"
           "0020"
           "00"
           "ff" IP6 "3a000502"
           "00000000"
           "8700"
           "0000"
           "00000000"
           "fd000000000000000000000000000009",
      HEAD " IPv6 fd00::1 > fd00::2 ICMPv6 neighbor solicitation fd00::9" },
    { MACS "86dd"
           "60000000"
           "0014"
           "2c"
           "40" IP6 "06000001"
           "00000001"
           "0400"
           "0016"
           "00000003"
           "00000000",
      HEAD " IPv6 fd00::1 > fd00::2 protocol 6 fragment at 0, more follow (bad or cut header)" },
    { MACS "88cc"
           "0000",
      HEAD " LLDP" },
    { MACS "9999", HEAD " type 0x9999" },
    { MACS "0026"
           "424203",
      HEAD " 802.3 length 38" },
};

static size_t from_hex(uint8_t *out, const char *hex)
{
    size_t n = 0;

    for (; *hex; hex += 2) {
        char byte[3] = { hex[0], hex[1] };

        out[n++] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return n;
}

static void lines(void **state)
{
    uint8_t frame[256];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = from_hex(frame, cases[i].hex);
        struct str s = { 0 };

        frame_text(&s, frame, n, n);
        assert_string_equal(str_text(&s), cases[i].want);
        str_fini(&s);
    }
}

/* A copy of its exact size, so that a read behind its end is found. */
static void one(const uint8_t *p, size_t n, size_t len)
{
    uint8_t *copy = malloc(n ? n : 1);
    struct str s = { 0 };

    memcpy(copy, p, n);
    frame_text(&s, copy, n, len);
    assert_true(s.len > 0);
    json_decref(frame_json(copy, n, len));
    str_fini(&s);
    free(copy);
}

static void cut_frames(void **state)
{
    uint8_t frame[256];
    struct str s = { 0 };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = from_hex(frame, cases[i].hex);

        for (size_t n = 0; n < len; n++)
            one(frame, n, len);
    }
    frame_text(&s, frame, 13, 60);
    assert_string_equal(str_text(&s), "no whole Ethernet header in 13 bytes");
    str_reset(&s);
    from_hex(frame, cases[4].hex);
    frame_text(&s, frame, 20, 42);
    assert_string_equal(str_text(&s), HEAD " IPv4 (cut off by snaplen)");
    str_fini(&s);
}

static void any_bytes(void **state)
{
    uint8_t frame[120];

    srand(4);
    for (int i = 0; i < 20000; i++) {
        size_t n = from_hex(frame, cases[i % 9].hex);

        for (int k = 0; k < 6; k++)
            frame[(size_t)rand() % n] = (uint8_t)rand();
        one(frame, n, n);
    }
}

static void json(void **state)
{
    uint8_t frame[256];
    size_t n = from_hex(frame, cases[2].hex);
    json_t *got = frame_json(frame, n, n), *want;

    want = json_pack("{s:s, s:s, s:[{s:s, s:i, s:i}], s:s, s:{s:i, s:s, s:s, s:i, s:i},"
                     " s:{s:i, s:i, s:s, s:i, s:i, s:i, s:i}}",
                     "src", "02:00:00:00:00:01", "dst", "02:00:00:00:00:02", "vlans", "tpid", "0x8100", "vid", 10,
                     "pcp", 3, "ethertype", "0x0800", "ip", "version", 4, "src", "10.0.0.1", "dst", "10.0.0.2",
                     "protocol", 6, "ttl", 64, "tcp", "src_port", 0x1234, "dst_port", 80, "flags", "SA", "seq", 7,
                     "ack", 9, "window", 1024, "payload", 0);
    assert_non_null(want);
    assert_true(json_equal(got, want));
    json_decref(got);
    json_decref(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines), cmocka_unit_test(cut_frames),
                                        cmocka_unit_test(any_bytes), cmocka_unit_test(json) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

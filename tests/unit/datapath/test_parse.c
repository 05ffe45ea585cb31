/* SPDX-License-Identifier: Apache-2.0 */
/* test_parse.c - frames to keys: what each header gives, what a damaged one does not, and that neither a cut nor a seam
 * between segments anywhere lets the parser read what is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/datapath/check.h"
#include "tests/unit/datapath/frames.h"

static unsigned from_hex(const char *hex, uint8_t *out)
{
    unsigned n = 0;

    for (; *hex; n++) {
        while (*hex == ' ')
            hex++;
        out[n] = (uint8_t)strtoul((char[3]){ hex[0], hex[1], 0 }, NULL, 16);
        hex += 2;
    }
    return n;
}

/* Every field of the layers L2 to L4 as text: "name=hex ..." of those that are not zero, each place once. */
static void key_text(const struct key *k, char *out, size_t size)
{
    size_t len = 0;

    out[0] = 0;
    for (int i = 0; i < FIELD_N; i++) {
        const struct field_info *f = &field_table[i];
        struct value v = key_get(k, (enum field_id)i);
        bool is_alias = false;

        for (int j = 0; j < i; j++)
            is_alias |= field_table[j].word == f->word && field_table[j].shift == f->shift;
        if (is_alias || !(FRAME_LAYERS >> f->layer & 1) || !(v.hi | v.lo))
            continue;
        if (f->bits > 64)
            len += (size_t)snprintf(out + len, size - len, "%s=%lx:%lx ", f->name, (unsigned long)v.hi,
                                    (unsigned long)v.lo);
        else
            len += (size_t)snprintf(out + len, size - len, "%s=%lx ", f->name, (unsigned long)v.lo);
        assert_true(len < size);
    }
    if (len)
        out[len - 1] = 0;
}

#define ETH \
    "020102030405" \
    "060708090a0b"
#define ETH_KEY(type_) "eth_dst=20102030405 eth_type=" type_ " eth_src=60708090a0b"
#define V4(total_, frag_, proto_) "45b9" total_ "7788" frag_ "3f" proto_ "0000 0a0b0c0d c0a81e2f"
#define V4_KEY "ip_dscp=2e ip_ecn=1 ip_ttl=3f"
#define V4_ADDRESSES "ipv4_src=a0b0c0d ipv4_dst=c0a81e2f"
#define TCP "1357 2468 01020304 05060708 5a12 2000 0000 0000"
#define V6(len_, next_) "6b954321" len_ next_ "3f 20010db8000000000000000000000001 20010db8000000000000000000000002"
#define V6_KEY "ip_dscp=2e ip_ecn=1 ip_ttl=3f"
#define V6_ADDRESSES "ipv6_src=20010db800000000:1 ipv6_dst=20010db800000000:2"
#define ND6(len_) "60000000" len_ "3aff fe800000000000000000000000000001 ff0200000000000000000001ff000002"
#define ND6_KEY ETH_KEY("86dd") " ip_proto=3a ip_ttl=ff ipv6_src=fe80000000000000:1 ipv6_dst=ff02000000000000:1ff000002"

static const struct {
    const char *name, *frame, *key;
} cases[] = {
    { "empty", "", "" },
    { "less than Ethernet", "02010203040506070809 0a0b 08", "" },
    { "Ethernet", ETH "9abc", ETH_KEY("9abc") },
    { "LLC", ETH "0003 424203", ETH_KEY("5ff") },
    { "SNAP of another organisation", ETH "0008 aaaa03 00000c 2000", ETH_KEY("5ff") },
    { "SNAP with a length for a type", ETH "0008 aaaa03 000000 05ff", ETH_KEY("5ff") },
    { "SNAP", ETH "0008 aaaa03 000000 0806 0001080006040001 0102030405060708090a0b0c0d0e0f1011121314",
      ETH_KEY("806") " arp_op=1 arp_sha=10203040506 arp_spa=708090a arp_tpa=11121314 arp_tha=b0c0d0e0f10" },
    { "802.1Q", ETH "8100 b123 9abc", ETH_KEY("9abc") " vlan_pcp=5 vlan_vid=1123 vlan_tpid=8100" },
    { "802.1Q, VID 0", ETH "8100 0000 9abc", ETH_KEY("9abc") " vlan_vid=1000 vlan_tpid=8100" },
    { "802.1ad", ETH "88a8 6064 8100 e065 9abc",
      ETH_KEY("9abc") " vlan_pcp=3 vlan_vid=1064 vlan_tpid=88a8 vlan2_tpid=8100 vlan2_pcp=7 vlan2_vid=1065" },
    { "three tags", ETH "9100 0001 88a8 0002 8100 0003 9abc",
      ETH_KEY("9abc") " vlan_vid=1001 vlan_tpid=9100 vlan2_tpid=88a8 vlan2_vid=1002 vlan_more=1" },
    { "tag without a type", ETH "8100 b123", ETH_KEY("8100") },
    { "tag and LLC", ETH "8100 0007 0003 424203", ETH_KEY("5ff") " vlan_vid=1007 vlan_tpid=8100" },
    { "PBB", ETH "88e7 08123456 0102", ETH_KEY("88e7") " pbb_isid=123456 pbb_uca=1" },
    { "PBB with B-TAG", ETH "88a8 0005 88e7 f7123456",
      ETH_KEY("88e7") " vlan_vid=1005 vlan_tpid=88a8 pbb_isid=123456" },
    { "one label; IP behind is payload", ETH "8847 12345b21" V4("0028", "0000", "06") TCP,
      ETH_KEY("8847") " mpls_label=12345 mpls_tc=5 mpls_bos=1 mpls_ttl=21" },
    { "four labels", ETH "8848 00001021 00002222 00003423 00004124",
      ETH_KEY(
          "8848") " mpls_label=1 mpls_ttl=21 mpls2_label=2 mpls2_tc=1 mpls2_ttl=22 mpls3_label=3 mpls3_tc=2 mpls3_ttl=23" },
    { "label cut off", ETH "8847 123450", ETH_KEY("8847") },
    { "ARP", ETH "0806 0001080006040002 0102030405060708090a0b0c0d0e0f1011121314",
      ETH_KEY("806") " arp_op=2 arp_sha=10203040506 arp_spa=708090a arp_tpa=11121314 arp_tha=b0c0d0e0f10" },
    { "RARP", ETH "8035 0001080006040003 0102030405060708090a0b0c0d0e0f1011121314",
      ETH_KEY("8035") " arp_op=3 arp_sha=10203040506 arp_spa=708090a arp_tpa=11121314 arp_tha=b0c0d0e0f10" },
    { "ARP of other hardware", ETH "0806 0006080006040002 0102030405060708090a0b0c0d0e0f1011121314", ETH_KEY("806") },
    { "ARP cut short", ETH "0806 0001080006040002 0102030405060708090a0b0c0d0e0f10111213", ETH_KEY("806") },
    { "TCP", ETH "0800" V4("0028", "4000", "06") TCP,
      ETH_KEY("800") " ip_proto=6 " V4_KEY " " V4_ADDRESSES " tcp_src=1357 tcp_dst=2468 tcp_flags=a12" },
    { "TCP header cut short", ETH "0800" V4("0027", "4000", "06") "1357 2468 01020304 05060708 5a12 2000 0000 00",
      ETH_KEY("800") " ip_proto=6 " V4_KEY " " V4_ADDRESSES },
    { "padding is no header", ETH "0800" V4("0016", "0000", "11") "1357 2468 0008 0000",
      ETH_KEY("800") " ip_proto=11 " V4_KEY " " V4_ADDRESSES },
    { "UDP behind options",
      ETH "0800"
          "46b9 0020 7788 0000 3f11 0000 0a0b0c0d c0a81e2f 01010101 1357 2468 0008 0000",
      ETH_KEY("800") " ip_proto=11 " V4_KEY " " V4_ADDRESSES " tcp_src=1357 tcp_dst=2468" },
    { "SCTP", ETH "0800" V4("0020", "0000", "84") "1357 2468 01020304 05060708",
      ETH_KEY("800") " ip_proto=84 " V4_KEY " " V4_ADDRESSES " tcp_src=1357 tcp_dst=2468" },
    { "ICMP", ETH "0800" V4("001c", "0000", "01") "0302 0000 00000000",
      ETH_KEY("800") " ip_proto=1 " V4_KEY " " V4_ADDRESSES " icmpv4_type=3 icmpv4_code=2" },
    { "ICMPv6 in IPv4 is nothing", ETH "0800" V4("001c", "0000", "3a") "8700 0000 00000000",
      ETH_KEY("800") " ip_proto=3a " V4_KEY " " V4_ADDRESSES },
    { "first fragment", ETH "0800" V4("001c", "2000", "11") "1357 2468 0100 0000",
      ETH_KEY("800") " ip_proto=11 " V4_KEY " ip_frag=1 " V4_ADDRESSES " tcp_src=1357 tcp_dst=2468" },
    { "middle fragment", ETH "0800" V4("001c", "2001", "11") "1357 2468 0100 0000",
      ETH_KEY("800") " ip_proto=11 " V4_KEY " ip_frag=3 " V4_ADDRESSES },
    { "last fragment", ETH "0800" V4("001c", "0001", "11") "1357 2468 0100 0000",
      ETH_KEY("800") " ip_proto=11 " V4_KEY " ip_frag=3 " V4_ADDRESSES },
    { "IPv4 of version 5",
      ETH "0800"
          "55b9 001c 7788 0000 3f11 0000 0a0b0c0d c0a81e2f 1357246800080000",
      ETH_KEY("800") },
    { "IHL below 5",
      ETH "0800"
          "44b9 001c 7788 0000 3f11 0000 0a0b0c0d c0a81e2f 1357246800080000",
      ETH_KEY("800") },
    { "IHL beyond the frame",
      ETH "0800"
          "4fb9 001c 7788 0000 3f11 0000 0a0b0c0d c0a81e2f 1357246800080000",
      ETH_KEY("800") },
    { "total length beyond the frame", ETH "0800" V4("001d", "0000", "11") "1357 2468 0008 0000", ETH_KEY("800") },
    { "total length below IHL", ETH "0800" V4("0013", "0000", "11") "1357 2468 0008 0000", ETH_KEY("800") },
    { "UDP over IPv6", ETH "86dd" V6("0008", "11") "1357 2468 0008 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 " V6_ADDRESSES " tcp_src=1357 tcp_dst=2468" },
    { "IPv6 of version 4",
      ETH "86dd"
          "4b954321 0008 113f 20010db8000000000000000000000001 20010db8000000000000000000000002"
          "1357246800080000",
      ETH_KEY("86dd") },
    { "payload length beyond the frame", ETH "86dd" V6("0009", "11") "1357 2468 0008 0000", ETH_KEY("86dd") },
    { "ICMPv6", ETH "86dd" V6("0008", "3a") "8003 0000 00000000",
      ETH_KEY("86dd") " ip_proto=3a " V6_KEY " ipv6_flabel=54321 " V6_ADDRESSES " icmpv4_type=80 icmpv4_code=3" },
    { "ICMP in IPv6 is nothing", ETH "86dd" V6("0008", "01") "0800 0000 00000000",
      ETH_KEY("86dd") " ip_proto=1 " V6_KEY " ipv6_flabel=54321 " V6_ADDRESSES },
    { "hop-by-hop", ETH "86dd" V6("0010", "00") "1100010400000000 1357 2468 0008 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=40 " V6_ADDRESSES
                      " tcp_src=1357 tcp_dst=2468" },
    { "in order: hop, dest, routing, fragment, AH, dest",
      ETH "86dd" V6(
          "0040",
          "00") "3c00010400000000 2b00010400000000 2c00010400000000 3300000011223344 3c04000000000001 0000000211223344"
                "5566778899aabbcc 1100010400000000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=7c " V6_ADDRESSES },
    { "routing before destination is fine",
      ETH "86dd" V6("0018", "2b") "3c00010400000000 1100010400000000 1357 2468 0008 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=28 " V6_ADDRESSES
                      " tcp_src=1357 tcp_dst=2468" },
    { "routing twice", ETH "86dd" V6("0018", "2b") "2b00010400000000 1100010400000000 1357 2468 0008 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=a0 " V6_ADDRESSES
                      " tcp_src=1357 tcp_dst=2468" },
    { "fragment before routing", ETH "86dd" V6("0018", "2c") "2b00000011223344 1100010400000000 1357 2468 0008 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=130 " V6_ADDRESSES
                      " tcp_src=1357 tcp_dst=2468" },
    { "hop-by-hop not first", ETH "86dd" V6("0018", "3c") "0000010400000000 1100010400000000 1357 2468 0008 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=108 " V6_ADDRESSES
                      " tcp_src=1357 tcp_dst=2468" },
    { "hop-by-hop twice", ETH "86dd" V6("0018", "00") "0000010400000000 1100010400000000 1357 2468 0008 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=1c0 " V6_ADDRESSES
                      " tcp_src=1357 tcp_dst=2468" },
    { "destination twice at the end",
      ETH "86dd" V6("0020", "2b") "3c00010400000000 3c00010400000000 1100010400000000 1357 2468 0008 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=128 " V6_ADDRESSES
                      " tcp_src=1357 tcp_dst=2468" },
    { "destination three times",
      ETH "86dd" V6("0020", "3c") "3c00010400000000 3c00010400000000 1100010400000000 1357 2468 0008 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=88 " V6_ADDRESSES
                      " tcp_src=1357 tcp_dst=2468" },
    { "ESP", ETH "86dd" V6("0008", "32") "0102030405060708",
      ETH_KEY("86dd") " ip_proto=32 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=2 " V6_ADDRESSES },
    { "no next header", ETH "86dd" V6("0000", "3b"),
      ETH_KEY("86dd") " ip_proto=3b " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=1 " V6_ADDRESSES },
    { "IPv6 first fragment", ETH "86dd" V6("0010", "2c") "1100000111223344 1357 2468 0100 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ip_frag=1 ipv6_flabel=54321 ipv6_exthdr=10 " V6_ADDRESSES
                      " tcp_src=1357 tcp_dst=2468" },
    { "IPv6 later fragment", ETH "86dd" V6("0010", "2c") "1100000811223344 1357 2468 0100 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ip_frag=3 ipv6_flabel=54321 ipv6_exthdr=10 " V6_ADDRESSES },
    { "atomic fragment is whole", ETH "86dd" V6("0010", "2c") "1100000011223344 1357 2468 0008 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=10 " V6_ADDRESSES
                      " tcp_src=1357 tcp_dst=2468" },
    { "extension header beyond the packet", ETH "86dd" V6("0010", "00") "1101010400000000 1357 2468 0008 0000",
      ETH_KEY("86dd") " ip_proto=11 " V6_KEY " ipv6_flabel=54321 ipv6_exthdr=40 " V6_ADDRESSES },
    { "extension header cut off", ETH "86dd" V6("0004", "2b") "11000104",
      ETH_KEY("86dd") " ip_proto=2b " V6_KEY " ipv6_flabel=54321 " V6_ADDRESSES },
    { "solicitation", ETH "86dd" ND6("0020") "8700 0000 00000000 fe800000000000000000000000000002 0101 0c0d0e0f1011",
      ND6_KEY " icmpv4_type=87 nd_target=fe80000000000000:2 nd_sll=c0d0e0f1011" },
    { "advertisement, behind another option",
      ETH "86dd" ND6("0028") "8800 0000 00000000 fe800000000000000000000000000002 0e01010203040506 0201 0c0d0e0f1011",
      ND6_KEY " icmpv4_type=88 nd_target=fe80000000000000:2 nd_tll=c0d0e0f1011" },
    { "solicitation with the other option",
      ETH "86dd" ND6("0020") "8700 0000 00000000 fe800000000000000000000000000002 0201 0c0d0e0f1011",
      ND6_KEY " icmpv4_type=87 nd_target=fe80000000000000:2" },
    { "option of length zero",
      ETH "86dd" ND6("0020") "8700 0000 00000000 fe800000000000000000000000000002 0100 0c0d0e0f1011",
      ND6_KEY " icmpv4_type=87 nd_target=fe80000000000000:2" },
    { "option beyond the packet",
      ETH "86dd" ND6("0020") "8700 0000 00000000 fe800000000000000000000000000002 0e02 0c0d0e0f1011",
      ND6_KEY " icmpv4_type=87 nd_target=fe80000000000000:2" },
    { "solicitation without target", ETH "86dd" ND6("0008") "8700 0000 00000000", ND6_KEY " icmpv4_type=87" },
};

static void headers_give_their_fields(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static uint8_t bytes[FRAME_MAX];
        static char got[1024];
        unsigned n = from_hex(cases[i].frame, bytes);
        struct frame_mbuf fm;
        struct pkt p;

        pkt_init(&p, frame_mbuf_init(&fm, bytes, n, n), 7);
        pkt_parse(&p, PKT_LAYERS_ALL);
        assert_int_equal(p.layers, PKT_LAYERS_ALL);
        assert_int_equal(key_get(&p.key, FIELD_IN_PORT).lo, 7);
        key_text(&p.key, got, sizeof got);
        CHECK(!strcmp(got, cases[i].key), "%s:\n got %s\nwant %s", cases[i].name, got, cases[i].key);
        frame_mbuf_fini(&fm);
    }
}

/* Parses the first `n` bytes whole, and again with a seam behind `first`. */
static void check_seam(const char *name, const uint8_t *b, unsigned n, unsigned first)
{
    struct frame_mbuf whole_mbuf, split_mbuf;
    struct pkt whole, split;
    const char *what;

    memset(&whole.key, 0x55, sizeof whole.key);
    memset(&split.key, 0xaa, sizeof split.key);
    pkt_init(&whole, frame_mbuf_init(&whole_mbuf, b, n, n), 7);
    pkt_init(&split, frame_mbuf_init(&split_mbuf, b, n, first), 7);
    pkt_parse(&whole, PKT_LAYERS_ALL);
    pkt_parse(&split, PKT_LAYERS_ALL);
    what = pkt_differs(&whole, &split);
    CHECK(!what, "%s: %u bytes, seam at %u: %s", name, n, first, what);
    CHECK(!memcmp(&whole.key, &split.key, sizeof whole.key), "%s: %u bytes, seam at %u: a word was not written", name,
          n, first);
    frame_mbuf_fini(&whole_mbuf);
    frame_mbuf_fini(&split_mbuf);
}

static void cut_at_every_byte(void **state)
{
    for (int i = 0; i < FRAME_FORMS; i++) {
        struct frame f;

        frame_build(&f, &frame_forms[i], FRAME_DONE);
        for (unsigned n = 0; n <= f.n; n++)
            check_seam(frame_forms[i].name, f.b, n, n / 3);
    }
}

static void split_at_every_byte(void **state)
{
    for (int i = 0; i < FRAME_FORMS; i++) {
        struct frame f;

        frame_build(&f, &frame_forms[i], FRAME_DONE);
        for (unsigned first = 0; first <= f.n; first++)
            check_seam(frame_forms[i].name, f.b, f.n, first);
    }
}

/* A sound header is found whatever else is on the frame. */
static void builder_and_parser_agree(void **state)
{
    for (int i = 0; i < FRAME_FORMS; i++) {
        const struct frame_form *form = &frame_forms[i];
        struct frame f;
        struct frame_mbuf fm;
        struct pkt p;
        bool is_seen = !form->n_labels && !form->is_pbb && form->n_tags <= PKT_VLANS_MAX;

        frame_build(&f, form, FRAME_DONE);
        assert_null(ref_check(&f, f.b, f.n));
        pkt_init(&p, frame_mbuf_init(&fm, f.b, f.n, f.n), 7);
        pkt_parse(&p, PKT_LAYERS_ALL);
        if (f.l3_end && is_seen) {
            CHECK(p.l3_ofs == f.n - f.l3_end && p.l3_len, "%s: l3_ofs %u", form->name, p.l3_ofs);
            CHECK(!f.l4_end || (p.l4_ofs == f.n - f.l4_end && p.l4_len == f.l4_len), "%s: l4_ofs %u", form->name,
                  p.l4_ofs);
            assert_int_equal(p.is_fragment, form->frag != FRAME_WHOLE);
            assert_int_equal(p.is_source_routed, f.is_routed);
        }
        CHECK(!form->n_labels || form->is_pbb || p.mpls_ofs == 14 + 4 * form->n_tags, "%s: mpls_ofs %u", form->name,
              p.mpls_ofs);
        CHECK(form->is_pbb || p.n_vlans == (form->n_tags > 8 ? 8 : form->n_tags), "%s: %u tags", form->name, p.n_vlans);
        frame_mbuf_fini(&fm);
    }
}

static void only_what_is_asked_is_parsed(void **state)
{
    static const struct {
        unsigned ask, want;
    } asks[] = {
        { 1 << LAYER_META, 0 },
        { 1 << LAYER_L2, 1 << LAYER_L2 },
        { 1 << LAYER_MPLS, 1 << LAYER_L2 | 1 << LAYER_MPLS },
        { 1 << LAYER_L3, 1 << LAYER_L2 | 1 << LAYER_L3 },
        { 1 << LAYER_L4, 1 << LAYER_L2 | 1 << LAYER_L3 | 1 << LAYER_L4 },
        { 1 << LAYER_TUNNEL, 1 << LAYER_TUNNEL },
        { 1 << LAYER_CT, 1 << LAYER_CT },
    };

    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        struct frame f;
        struct frame_mbuf fm;
        struct pkt p;

        frame_build(&f, &frame_forms[0], FRAME_DONE);
        memset(&p.key, 0x5a, sizeof p.key);
        pkt_init(&p, frame_mbuf_init(&fm, f.b, f.n, f.n), 7);
        pkt_parse(&p, asks[i].ask);
        assert_int_equal(p.layers, asks[i].want | 1u << LAYER_META);
        for (int id = 0; id < FIELD_N; id++) {
            const struct field_info *info = &field_table[id];

            if (!(p.layers >> info->layer & 1))
                CHECK(p.key.w[info->word] == 0x5a5a5a5a5a5a5a5a, "ask %x: %s was written", asks[i].ask, info->name);
        }
        frame_mbuf_fini(&fm);
    }
}

static void map_names_its_layers(void **state)
{
    for (int id = 0; id < FIELD_N; id++) {
        const struct field_info *f = &field_table[id];

        for (unsigned w = f->word; w < f->word + (f->bits > 64 ? 2u : 1u); w++) {
            struct key_map map = { 0 };

            map.bits[w / 64] = UINT64_C(1) << w % 64;
            CHECK(key_map_layers(&map) == 1u << f->layer, "%s", f->name);
        }
    }
    assert_int_equal(key_map_layers(&(struct key_map){ 0 }), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_give_their_fields),    cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(split_at_every_byte),          cmocka_unit_test(builder_and_parser_agree),
        cmocka_unit_test(only_what_is_asked_is_parsed), cmocka_unit_test(map_names_its_layers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_flow_text.c - flows as text: what is read is written in one form, which reads the same; mistakes get their sentence. */
#include "openflow/flow_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "openflow/action_text.h"
#include "openflow/match_text.h"
#include "openflow/ofp.h"
#include "openflow/semantics.h"
#include "openflow/value_text.h"

#define COUNT(a_) (sizeof(a_) / sizeof *(a_))

static bool find_port(void *arg, const char *name, size_t len, uint32_t *number)
{
    if (len != 6 || memcmp(name, "uplink", 6) != 0)
        return false;
    *number = 41;
    return true;
}

static const char *name_port(void *arg, uint32_t number)
{
    return number == 41 ? "uplink" : number == 42 ? "17" : number == 43 ? "a,b" : NULL;
}

static const struct port_names names = { .find = find_port, .name = name_port };

/* Writes the flow-mod that `text` is; false and the sentence when it is none. */
static bool rewrite(struct str *s, const char *text, enum flow_text_command cmd, struct errbuf *e)
{
    struct ofp_flow_mod fm;
    struct arena a;
    int err;

    e->text[0] = '\0';
    str_reset(s);
    arena_init(&a);
    err = flow_text_parse(&fm, &a, text, cmd, &names, e);
    if (!err)
        flow_text_print_mod(s, &fm, &names);
    arena_fini(&a);
    return !err;
}

static const struct {
    enum flow_text_command cmd;
    const char *in, *out; /* out NULL: as `in` */
} cases[] = {
    { FLOW_TEXT_ADD, "priority=10,in_port=1,dl_vlan=10 actions=pop_vlan,output:2", NULL },
    { FLOW_TEXT_ADD, "ipv6 actions=nptv6(out,inside=fd00:1::/48,outside=2001:db8::/32),output:2", NULL },
    { FLOW_TEXT_ADD, "tcp,tcp_flags=+syn actions=clamp_mss(1360),output:2", NULL },
    { FLOW_TEXT_ADD, "ipv6 actions=nptv6(outside=2001:0db8::/32,inside=fd00:1::/48,in)",
      "ipv6 actions=nptv6(in,inside=fd00:1::/48,outside=2001:db8::/32)" },
    { FLOW_TEXT_ADD, "ipv6 actions=ct(commit,table=2,zone=7,nat64(prefix=64:ff9b::/96,src=192.0.2.1))", NULL },
    { FLOW_TEXT_ADD,
      "ipv6 actions=ct(commit,nat64(src=192.0.2.1-192.0.2.9:1024-2047,random,prefix=2001:0db8:122:344::/64),exec(load:5->NXM_NX_CT_"
      "MARK[]))",
      "ipv6 actions=ct(commit,nat64(prefix=2001:db8:122:344::/64,src=192.0.2.1-192.0.2.9:1024-2047,random),exec(load:0x5->"
      "NXM_NX_CT_MARK[]))" },
    { FLOW_TEXT_ADD,
      "ipv6 actions=ct(commit,nat64(prefix=2001:db8::/32,src=192.0.2.1:5000,mapping=endpoint-independent,filtering=address-"
      "dependent,host-limit=9))",
      NULL },
    { FLOW_TEXT_ADD, "priority=10,in_port=1,dl_vlan=10,actions=strip_vlan,2",
      "priority=10,in_port=1,dl_vlan=10 actions=pop_vlan,output:2" },
    { FLOW_TEXT_ADD, "actions=", "actions=drop" },
    { FLOW_TEXT_ADD, "action=drop", "actions=drop" },
    { FLOW_TEXT_ADD, "priority=0 actions=CONTROLLER:128", NULL },
    { FLOW_TEXT_ADD,
      "table=3,cookie=0x5,idle_timeout=6,hard_timeout=7,send_flow_rem,check_overlap,reset_counts,no_packet_counts,no_byte_counts,priority=8 actions=output:9",
      NULL },
    { FLOW_TEXT_ADD,
      " cookie=0x5, duration=1.234s, table=3, n_packets=4, n_bytes=5, idle_age=3, send_flow_rem priority=8,in_port=6 actions=NORMAL",
      "table=3,cookie=0x5,send_flow_rem,priority=8,in_port=6 actions=NORMAL" },
    { FLOW_TEXT_ADD, "buffer_id=7,actions=1", "buffer_id=7,actions=output:1" },
    { FLOW_TEXT_MODIFY, "cookie=5/-1,actions=1", "cookie=0x5/0xffffffffffffffff,actions=output:1" },
    { FLOW_TEXT_MODIFY_STRICT, "priority=5,ip actions=output:1", NULL },
    { FLOW_TEXT_DELETE, "", NULL },
    { FLOW_TEXT_DELETE, "table=4", NULL },
    { FLOW_TEXT_DELETE, "cookie=0x5/0xff,out_port=LOCAL,out_group=6,ip", NULL },
    { FLOW_TEXT_DELETE_STRICT, "table=4,priority=5,ip,nw_src=10.0.0.0/8", NULL },

    /* matches */
    { FLOW_TEXT_ADD, "in_port=LOCAL actions=drop", NULL },
    { FLOW_TEXT_ADD, "in_port=uplink actions=output:uplink", NULL },
    { FLOW_TEXT_ADD, "in_port=41,actions=41,output:\"uplink\"", "in_port=uplink actions=output:uplink,output:uplink" },
    { FLOW_TEXT_ADD, "in_port=42 actions=output:43", NULL }, /* their names read as something else */
    { FLOW_TEXT_ADD, "in_port=0x4/0xc actions=drop", NULL },
    { FLOW_TEXT_ADD, "in_port=1,in_phy_port=2 actions=drop", NULL },
    { FLOW_TEXT_ADD, "dl_vlan=0xffff,actions=drop", "vlan_tci=0x0000/0x1fff actions=drop" },
    { FLOW_TEXT_ADD, "vlan_tci=0,actions=drop", "vlan_tci=0x0000/0x1fff actions=drop" },
    { FLOW_TEXT_ADD, "vlan_tci=0x1000/0x1000 actions=drop", NULL },
    { FLOW_TEXT_ADD, "vlan_vid=0x1000/0x1000,actions=drop", "vlan_tci=0x1000/0x1000 actions=drop" },
    { FLOW_TEXT_ADD, "vlan_tci=0x7007,actions=drop", "dl_vlan=7,dl_vlan_pcp=3 actions=drop" },
    { FLOW_TEXT_ADD, "vlan_tci=0x0002/0x0002 actions=drop", NULL },
    { FLOW_TEXT_ADD, "vlan_vid=4106,vlan_pcp=5,actions=drop", "dl_vlan=10,dl_vlan_pcp=5 actions=drop" },
    { FLOW_TEXT_ADD, "dl_vlan_pcp=5 actions=drop", NULL },
    { FLOW_TEXT_ADD, "dl_vlan=4,vlan_vid=0x1004,actions=drop", "dl_vlan=4 actions=drop" },
    { FLOW_TEXT_ADD, "eth_src=1:2:3:4:5:6,eth_dst=01:00:00:00:00:00/01:00:00:00:00:00,eth_type=0x88cc,actions=drop",
      "dl_src=01:02:03:04:05:06,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,dl_type=0x88cc actions=drop" },
    { FLOW_TEXT_ADD, "tp_dst=80,tcp,nw_src=10.1.2.3/8,nw_dst=10.1.2.3/255.0.255.0,actions=drop",
      "tcp,nw_src=10.0.0.0/8,nw_dst=10.0.2.0/255.0.255.0,tp_dst=80 actions=drop" },
    { FLOW_TEXT_ADD, "dl_type=0x0800,nw_proto=17,udp_src=5,udp_dst=0x100/0xff00,actions=drop",
      "udp,tp_src=5,tp_dst=0x100/0xff00 actions=drop" },
    { FLOW_TEXT_ADD, "sctp6,ipv6_src=2001:db8::/32,ipv6_dst=::1,ipv6_label=5,tp_src=6,actions=drop",
      "sctp6,ipv6_src=2001:db8::/32,ipv6_dst=::1,ipv6_label=0x00005,tp_src=6 actions=drop" },
    { FLOW_TEXT_ADD, "ip,nw_tos=35,nw_ecn=2,nw_ttl=3,nw_frag=later actions=drop",
      "ip,nw_tos=32,nw_ecn=2,nw_ttl=3,nw_frag=later actions=drop" },
    { FLOW_TEXT_ADD, "ipv6,ip_dscp=9,ip_ecn=2,ip_frag=not_later,nw_proto=99,actions=drop",
      "ipv6,nw_proto=99,nw_tos=36,nw_ecn=2,nw_frag=not_later actions=drop" },
    { FLOW_TEXT_ADD, "ip,ip_dscp=0x8/0xc actions=drop", NULL },
    { FLOW_TEXT_ADD, "arp,nw_src=1.2.3.4,arp_tpa=1.2.3.5,nw_proto=2,arp_sha=1:2:3:4:5:6,actions=drop",
      "arp,arp_spa=1.2.3.4,arp_tpa=1.2.3.5,arp_op=2,arp_sha=01:02:03:04:05:06 actions=drop" },
    { FLOW_TEXT_ADD, "rarp actions=drop", NULL },
    { FLOW_TEXT_ADD, "icmp,icmp_type=8,icmp_code=1 actions=drop", NULL },
    { FLOW_TEXT_ADD, "icmp6,icmp_type=135,nd_target=::5,nd_sll=00:00:00:00:00:06 actions=drop", NULL },
    { FLOW_TEXT_ADD, "icmp6,icmpv6_type=136,icmpv6_code=0,nd_tll=0:0:0:0:0:6,actions=drop",
      "icmp6,icmp_type=136,icmp_code=0,nd_tll=00:00:00:00:00:06 actions=drop" },
    { FLOW_TEXT_ADD, "tcp,tcp_flags=+syn-ack actions=drop", NULL },
    { FLOW_TEXT_ADD, "tcp,tcp_flags=0x12,actions=drop", "tcp,tcp_flags=syn|ack actions=drop" },
    { FLOW_TEXT_ADD, "tcp,tcp_flags=fin|[400] actions=drop", NULL },
    { FLOW_TEXT_ADD, "tcp,tcp_flags=0 actions=drop", NULL },
    { FLOW_TEXT_ADD, "tcp,tcp_flags=0x400/0x402 actions=drop", NULL },
    { FLOW_TEXT_ADD, "ct_state=0x21,actions=drop", "ct_state=new|trk actions=drop" },
    { FLOW_TEXT_ADD, "ct_state=0x21/0xffffffff actions=drop", NULL },
    { FLOW_TEXT_ADD, "ct_state=+new+trk,ct_zone=5,ct_mark=0x6/0xf,ct_label=0x12345678901234567890,ip actions=drop",
      NULL },
    { FLOW_TEXT_ADD, "mpls,mpls_label=5,mpls_tc=3,mpls_ttl=9,mpls_bos=1 actions=drop", NULL },
    { FLOW_TEXT_ADD, "mplsm actions=drop", NULL },
    { FLOW_TEXT_ADD, "dl_type=0x88e7,pbb_isid=0x5/0xff,pbb_uca=1 actions=drop", NULL },
    { FLOW_TEXT_ADD,
      "pkt_mark=0x4,reg0=0,reg1=0x5/0xf,reg15=0x6,tun_id=0x7/0xff,tun_src=1.1.1.1,metadata=0x8 actions=drop", NULL },
    { FLOW_TEXT_ADD, "ipv6,ipv6_exthdr=0x5/0xd actions=drop", NULL },
    { FLOW_TEXT_ADD, "dl_type=0x0800/0xff00 actions=drop", NULL },
    { FLOW_TEXT_ADD, "metadata=5/0,actions=drop", "actions=drop" },
    { FLOW_TEXT_ADD, "metadata=5/-1,actions=drop", "metadata=0x5 actions=drop" },

    /* actions */
    { FLOW_TEXT_ADD, "actions=NORMAL,FLOOD,ALL,IN_PORT,LOCAL,TABLE,output:4294967040", NULL },
    { FLOW_TEXT_ADD,
      "actions=normal,output:flood,controller,output:CONTROLLER,controller(max_len=5,reason=action,id=0)",
      "actions=NORMAL,FLOOD,CONTROLLER:65535,CONTROLLER:65535,CONTROLLER:5" },
    { FLOW_TEXT_ADD, "actions=group:5,set_queue:6,output:7", NULL },
    { FLOW_TEXT_ADD, "actions=push_vlan:0x88a8,set_field:4106->vlan_vid,set_field:3->vlan_pcp,output:1", NULL },
    { FLOW_TEXT_ADD, "actions=mod_vlan_vid:10,mod_vlan_pcp:3",
      "actions=push_vlan:0x8100,set_field:4106->vlan_vid,set_field:3->vlan_pcp" },
    { FLOW_TEXT_ADD, "dl_vlan=5,actions=mod_vlan_vid:10", "dl_vlan=5 actions=set_field:4106->vlan_vid" },
    { FLOW_TEXT_ADD, "dl_vlan=5,actions=pop_vlan,set_vlan_vid:10",
      "dl_vlan=5 actions=pop_vlan,push_vlan:0x8100,set_field:4106->vlan_vid" },
    { FLOW_TEXT_ADD, "ip actions=mod_nw_src:1.2.3.4,mod_nw_dst:1.2.3.5,mod_nw_tos:32,mod_nw_ecn:1,mod_nw_ttl:6,dec_ttl",
      "ip actions=set_field:1.2.3.4->ip_src,set_field:1.2.3.5->ip_dst,set_field:8->ip_dscp,set_field:1->nw_ecn,mod_nw_ttl:6,dec_ttl" },
    { FLOW_TEXT_ADD, "actions=mod_dl_src:1:2:3:4:5:6,mod_dl_dst:1:2:3:4:5:7",
      "actions=set_field:01:02:03:04:05:06->eth_src,set_field:01:02:03:04:05:07->eth_dst" },
    { FLOW_TEXT_ADD, "udp6,actions=mod_tp_src:5,mod_tp_dst:6,set_field:7->tp_dst",
      "udp6 actions=set_field:5->udp_src,set_field:6->udp_dst,set_field:7->udp_dst" },
    { FLOW_TEXT_ADD, "arp,actions=set_field:2->arp_op,set_field:1.1.1.1->nw_src",
      "arp actions=set_field:2->arp_op,set_field:1.1.1.1->arp_spa" },
    { FLOW_TEXT_ADD, "ipv6 actions=set_field:2001:db8::1->ipv6_dst,set_field:0x5->ipv6_label,set_field:8->nw_tos",
      "ipv6 actions=set_field:2001:db8::1->ipv6_dst,set_field:0x5->ipv6_label,set_field:2->ip_dscp" },
    { FLOW_TEXT_ADD, "icmp6,icmp_type=136 actions=set_field:::5->nd_target,set_field:135->icmpv6_type", NULL },
    { FLOW_TEXT_ADD, "actions=set_field:0x5/0xffffffff->reg3,set_tunnel:7,set_field:8->metadata",
      "actions=set_field:0x5->reg3,set_field:0x7->tun_id,set_field:0x8->metadata" },
    { FLOW_TEXT_ADD,
      "mpls actions=set_field:5->mpls_label,set_mpls_ttl(7),dec_mpls_ttl,copy_ttl_in,copy_ttl_out,pop_mpls:0x0800",
      NULL },
    { FLOW_TEXT_ADD, "actions=push_mpls:0x8847,set_mpls_label:6,set_mpls_tc:2,set_mpls_ttl:5",
      "actions=push_mpls:0x8847,set_field:6->mpls_label,set_field:2->mpls_tc,set_mpls_ttl(5)" },
    { FLOW_TEXT_ADD, "dl_type=0x88e7 actions=set_field:0x5->pbb_isid,pop_pbb,push_pbb:0x88e7", NULL },
    { FLOW_TEXT_ADD,
      "actions=meter:3,output:4,clear_actions,write_actions(group:5,output:6),write_metadata:0x7/0xff,goto_table:8",
      NULL },
    { FLOW_TEXT_ADD, "actions=write_actions(drop),goto_table:8", NULL },
    { FLOW_TEXT_ADD, "actions=write_actions(pop_vlan,dec_ttl),write_metadata:0x7", NULL },
};

static void test_rewrite(void **state)
{
    struct str once, twice;
    struct errbuf e;

    str_init(&once);
    str_init(&twice);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *want = cases[i].out ? cases[i].out : cases[i].in;
        bool is_flow = rewrite(&once, cases[i].in, cases[i].cmd, &e);

        if (!is_flow)
            fail_msg("'%s': %s", cases[i].in, e.text);
        if (strcmp(str_text(&once), want) != 0)
            fail_msg("'%s' became '%s', not '%s'", cases[i].in, str_text(&once), want);
        if (!rewrite(&twice, want, cases[i].cmd, &e) || strcmp(str_text(&twice), want) != 0)
            fail_msg("'%s' became '%s' (%s)", want, str_text(&twice), e.text);
    }
    str_fini(&once);
    str_fini(&twice);
}

static const struct {
    enum flow_text_command cmd;
    const char *in, *sentence;
} mistakes[] = {
    { FLOW_TEXT_ADD, "in_port=1", "the flow has no actions; end it with actions=..., if need be with actions=drop" },
    { FLOW_TEXT_ADD, "in_port=1,actions", "'actions' must be followed by '='" },
    { FLOW_TEXT_ADD, "foo=1,actions=drop", "'foo' is not a match field or keyword" },
    { FLOW_TEXT_ADD, "ipv6,actions=nptv6(out,inside=fd00:1::1/48,outside=2001:db8::/32)",
      "nptv6: 'fd00:1::1/48' is no IPv6 prefix of 1 to 64 bits with zeros behind it" },
    { FLOW_TEXT_ADD, "ipv6,actions=nptv6(out,inside=fd00:1::/48,outside=2001:db8::/65)",
      "nptv6: '2001:db8::/65' is no IPv6 prefix of 1 to 64 bits with zeros behind it" },
    { FLOW_TEXT_ADD, "ipv6,actions=nptv6(inside=fd00:1::/48,outside=2001:db8::/32)",
      "nptv6: 'inside=fd00:1::/48,outside=2001:db8::/32' needs out or in, inside=PREFIX and outside=PREFIX" },
    { FLOW_TEXT_ADD, "tcp,actions=clamp_mss(0)", "clamp_mss: '0' is no segment size from 1 to 65535, in parentheses" },
    { FLOW_TEXT_ADD, "tcp,actions=clamp_mss(65536)",
      "clamp_mss: '65536' is no segment size from 1 to 65535, in parentheses" },
    { FLOW_TEXT_ADD, "tcp,actions=clamp_mss", "clamp_mss: '' is no segment size from 1 to 65535, in parentheses" },
    { FLOW_TEXT_ADD, "ipv6,actions=nptv6(up)", "nptv6: 'up' is none of out, in, inside=PREFIX, outside=PREFIX" },
    { FLOW_TEXT_ADD, "ipv6,actions=nptv6", "nptv6: '' needs out or in, inside=PREFIX and outside=PREFIX" },
    { FLOW_TEXT_ADD, "ipv6,actions=ct(nat64(prefix=64:ff9b::/95,src=192.0.2.1))",
      "nat64: '64:ff9b::/95' is no IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits, zero behind and in bits 64 to 71 (RFC 6052)" },
    { FLOW_TEXT_ADD, "ipv6,actions=ct(nat64(prefix=64:ff9b::1/96,src=192.0.2.1))",
      "nat64: '64:ff9b::1/96' is no IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits, zero behind and in bits 64 to 71 (RFC 6052)" },
    { FLOW_TEXT_ADD, "ipv6,actions=ct(nat64(prefix=10.0.0.0/32,src=192.0.2.1))",
      "nat64: '10.0.0.0/32' is no IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits, zero behind and in bits 64 to 71 (RFC 6052)" },
    { FLOW_TEXT_ADD, "ipv6,actions=ct(nat64(src=192.0.2.1))",
      "nat64: 'src=192.0.2.1' needs prefix=IPV6/LEN and src=IPV4[-IPV4][:PORT[-PORT]], at most one of hash and random, and "
      "mapping with filtering" },
    { FLOW_TEXT_ADD, "ipv6,actions=ct(nat64(prefix=64:ff9b::/96,src=2001:db8::1))",
      "nat64: 'prefix=64:ff9b::/96,src=2001:db8::1' needs prefix=IPV6/LEN and src=IPV4[-IPV4][:PORT[-PORT]], at most one of "
      "hash and random, and mapping with filtering" },
    { FLOW_TEXT_ADD, "ipv6,actions=ct(nat64(prefix=64:ff9b::/96,dst=192.0.2.1))",
      "nat64: 'dst' is what the prefix says; only src is given" },
    { FLOW_TEXT_ADD, "ipv6,actions=ct(nat64)",
      "nat64: '' needs prefix=IPV6/LEN and src=IPV4[-IPV4][:PORT[-PORT]], at most one of "
      "hash and random, and mapping with filtering" },
    { FLOW_TEXT_ADD, "vlan_tpid=1,actions=drop", "'vlan_tpid' is not a match field or keyword" },
    { FLOW_TEXT_ADD, "packet_type=(1,0x800),actions=drop", "'packet_type' is not a match field or keyword" },
    { FLOW_TEXT_ADD, "recirc_id=5,actions=drop", "recirc_id: it is 0 of every frame, none would match" },
    { FLOW_TEXT_ADD, "dp_hash=1/3,actions=drop", "dp_hash: it is 0 of every frame, none would match" },
    { FLOW_TEXT_ADD, "=1,actions=drop", "'' is not a match field or keyword" },
    { FLOW_TEXT_ADD, "in_port,actions=drop", "in_port needs a value" },
    { FLOW_TEXT_ADD, "in_port=nowhere,actions=drop", "in_port: 'nowhere' is not a port number or name" },
    { FLOW_TEXT_ADD, "in_port=4294967296,actions=drop", "in_port: '4294967296' is more than its 32 bits hold" },
    { FLOW_TEXT_ADD, "priority=65536,actions=drop", "priority: '65536' is not a number from 0 to 65535" },
    { FLOW_TEXT_ADD, "priority=010,actions=drop", "priority: '010' is not a number from 0 to 65535" },
    { FLOW_TEXT_ADD, "priority=-1,actions=drop", "priority: '-1' is not a number from 0 to 65535" },
    { FLOW_TEXT_ADD, "priority,actions=drop", "priority needs a number" },
    { FLOW_TEXT_ADD, "table=255,actions=drop", "table: only a deletion can be for all tables (255)" },
    { FLOW_TEXT_ADD, "table=256,actions=drop", "table: '256' is not a number from 0 to 255" },
    { FLOW_TEXT_ADD, "cookie=1/2,actions=drop", "cookie: '1/2' has a mask, but a new flow has all of its cookie" },
    { FLOW_TEXT_ADD, "cookie=x,actions=drop", "cookie: 'x' is not a number from 0 to 18446744073709551615" },
    { FLOW_TEXT_MODIFY, "cookie=5,actions=1", "cookie: only a new flow gets one; to choose flows, write cookie=5/-1" },
    { FLOW_TEXT_DELETE, "cookie=1", "cookie: only a new flow gets one; to choose flows, write cookie=1/-1" },
    { FLOW_TEXT_DELETE, "priority=1", "priority cannot be said here" },
    { FLOW_TEXT_DELETE, "actions=drop", "actions cannot be said here" },
    { FLOW_TEXT_DELETE, "send_flow_rem", "send_flow_rem cannot be said here" },
    { FLOW_TEXT_DELETE, "out_port=nowhere", "out_port: 'nowhere' is not a port number or name" },
    { FLOW_TEXT_ADD, "out_port=1,actions=drop", "out_port cannot be said here" },
    { FLOW_TEXT_ADD, "check_overlap=1,actions=drop", "check_overlap takes no value, but got '1'" },
    { FLOW_TEXT_ADD, "dl_src=1:2:3:4:5,actions=drop", "dl_src: '1:2:3:4:5' is not an Ethernet address" },
    { FLOW_TEXT_ADD, "ip,nw_src=1.2.3,actions=drop", "nw_src: '1.2.3' is not an IPv4 address" },
    { FLOW_TEXT_ADD, "ip,nw_src=1.2.3.4/33,actions=drop",
      "nw_src: '1.2.3.4/33' is not value and mask of an IPv4 address" },
    { FLOW_TEXT_ADD, "dl_vlan=4096,actions=drop",
      "dl_vlan: '4096' is not a VLAN id from 0 to 4095, nor 0xffff for no tag" },
    { FLOW_TEXT_ADD, "vlan_vid=5,actions=drop",
      "vlan_vid: bit 0x1000 must be set, it says that there is a tag (or write dl_vlan)" },
    { FLOW_TEXT_ADD, "vlan_tci=5,actions=drop", "vlan_tci: '5' wants a VLAN id or priority of frames without a tag" },
    { FLOW_TEXT_ADD, "vlan_tci=0x6007,actions=drop",
      "vlan_tci: '0x6007' wants a VLAN id or priority of frames without a tag" },
    { FLOW_TEXT_ADD, "dl_vlan=0xffff,dl_vlan_pcp=3,actions=drop",
      "dl_vlan_pcp: frames without a VLAN tag have no priority" },
    { FLOW_TEXT_ADD, "ip,ip_dscp=64,actions=drop", "ip_dscp: '64' is more than its 6 bits hold" },
    { FLOW_TEXT_ADD, "tcp,udp,actions=drop", "udp contradicts what was said of nw_proto before" },
    { FLOW_TEXT_ADD, "in_port=1,in_port=2,actions=drop", "in_port contradicts what was said of in_port before" },
    { FLOW_TEXT_ADD, "nw_src=1.2.3.4,actions=drop", "nw_src needs eth_type=0x0800 beside it" },
    { FLOW_TEXT_ADD, "ipv6,nw_src=1.2.3.4,actions=drop", "nw_src needs eth_type=0x0800 beside it" },
    { FLOW_TEXT_ADD, "ip,tp_dst=5,actions=drop", "tp_dst: say of which protocol, such as tcp or udp6" },
    { FLOW_TEXT_ADD, "udp,tcp_dst=5,actions=drop", "tcp_dst needs ip_proto=6 beside it" },
    { FLOW_TEXT_ADD, "icmp6,nd_target=::1,actions=drop",
      "nd_target needs icmpv6_type=135 or icmpv6_type=136 beside it" },
    { FLOW_TEXT_ADD, "in_phy_port=1,actions=drop", "in_phy_port needs in_port beside it" },
    { FLOW_TEXT_ADD, "tcp,tcp_flags=+syn-foo,actions=drop",
      "tcp_flags: '+syn-foo' is not a set of TCP flags (such as +syn-ack)" },
    { FLOW_TEXT_ADD, "tcp,tcp_flags=+syn-syn,actions=drop",
      "tcp_flags: '+syn-syn' is not a set of TCP flags (such as +syn-ack)" },
    { FLOW_TEXT_ADD, "ip,nw_frag=some,actions=drop",
      "nw_frag: 'some' is not a kind of fragment (no, yes, first, later, not_later)" },

    { FLOW_TEXT_ADD, "actions=foo", "'foo' is not an action" },
    { FLOW_TEXT_ADD, "actions=foo:1", "'foo' is not an action" },
    { FLOW_TEXT_ADD, "actions=drop,1", "drop must stand alone" },
    { FLOW_TEXT_ADD, "actions=drop,goto_table:1", "drop must stand alone" },
    { FLOW_TEXT_ADD, "actions=drop:1", "drop takes no value, but got '1'" },
    { FLOW_TEXT_ADD, "actions=output:nowhere", "output: 'nowhere' is not a port number or name" },
    { FLOW_TEXT_ADD, "actions=output:", "output: '' is not a port number or name" },
    { FLOW_TEXT_ADD, "actions=0", "output:0: no frame can be sent there" },
    { FLOW_TEXT_ADD, "actions=output:ANY", "output:ANY: no frame can be sent there" },
    { FLOW_TEXT_ADD, "actions=output(port=1,max_len=5)",
      "output(port=1,max_len=5): needs port=PORT and max_len=N, which is 14 at least" },
    { FLOW_TEXT_ADD, "actions=NORMAL:5", "NORMAL takes no value, but got '5'" },
    { FLOW_TEXT_ADD, "actions=controller(nope=5)", "controller: 'nope' is not one of its arguments" },
    { FLOW_TEXT_ADD, "actions=controller(userdata=0)", "userdata: '0' are not pairs of hexadecimal digits" },
    { FLOW_TEXT_ADD, "actions=controller:x", "controller: 'x' is not a number from 0 to 65535" },
    { FLOW_TEXT_ADD, "actions=group:all", "group: 'all' is not a number from 0 to 4294967040" },
    { FLOW_TEXT_ADD, "actions=set_queue:x", "set_queue: 'x' is not a number from 0 to 4294967295" },
    { FLOW_TEXT_ADD, "actions=enqueue:1:2", "enqueue is not in OpenFlow 1.3; write set_queue:QUEUE,output:PORT" },
    { FLOW_TEXT_ADD, "actions=sample(probability=5)",
      "sample is an extension of Open vSwitch, which is not supported" },
    { FLOW_TEXT_ADD, "actions=resubmit", "resubmit needs a port or a table: resubmit:PORT, resubmit(,TABLE)" },
    { FLOW_TEXT_ADD, "actions=resubmit(,1,nat)", "resubmit takes a port, a table and ct, not 'nat'" },
    { FLOW_TEXT_ADD, "actions=load:5->reg0[0..1]", "load: '5' is not a number of 2 bits" },
    { FLOW_TEXT_ADD, "actions=load:5->nope[]", "'nope' is not a field" },
    { FLOW_TEXT_ADD, "actions=load:5->reg0[32]", "reg0: '[32]' are not bits of a field that has 32" },
    { FLOW_TEXT_ADD, "actions=load:5", "load: '5' is not of the form FROM->TO" },
    { FLOW_TEXT_ADD, "actions=move:reg0[]->reg1[0]", "move: 'reg0[]' has 32 bits, but 'reg1[0]' has 1" },
    { FLOW_TEXT_ADD, "actions=learn(table=1,foo)", "learn: 'foo' is neither a field nor a keyword" },
    { FLOW_TEXT_ADD, "actions=learn(reg0[]=reg1[0])", "learn: reg1[0]: one side has 32 bits, the other 1" },
    { FLOW_TEXT_ADD, "actions=conjunction(1,3/2)",
      "conjunction: '1,3/2' is not ID,K/N with 1 <= K <= N and 2 <= N <= 64" },
    { FLOW_TEXT_ADD, "actions=multipath(nope,1,hrw,1,0,reg0[])", "'nope' is not a set of fields to hash" },
    { FLOW_TEXT_ADD, "actions=bundle(eth_src,1,hrw,ofport,x:1)", "'x' should be members:PORT,PORT,..." },
    { FLOW_TEXT_ADD, "actions=check_pkt_larger(9)",
      "check_pkt_larger is not of the form check_pkt_larger(BYTES)->FIELD[BIT]" },
    { FLOW_TEXT_ADD, "actions=check_pkt_larger(9)->reg0[0..1]",
      "check_pkt_larger: 'reg0[0..1]' has 2 bits, and must have one" },
    { FLOW_TEXT_ADD, "actions=check_pkt_larger(65536)->reg0[0]",
      "check_pkt_larger: '65536' is not a number from 0 to 65535" },
    { FLOW_TEXT_ADD, "tcp,actions=fin_timeout(x=1)", "fin_timeout: 'x' is not one of its arguments" },
    { FLOW_TEXT_ADD, "actions=push_vlan:0x8847", "push_vlan:0x8847: not an Ethernet type of such a header" },
    { FLOW_TEXT_ADD, "actions=push_vlan:x", "push_vlan: 'x' is not a number from 0 to 65535" },
    { FLOW_TEXT_ADD, "actions=push_pbb:0x88e7,push_pbb:0x88e7,push_pbb:0x88e7,push_pbb:0x88e7",
      "push_pbb:0x88e7: more headers than there is room for" },
    { FLOW_TEXT_ADD, "actions=1,pop_vlan",
      "pop_vlan: match and earlier actions do not say that the frame has what this works on" },
    { FLOW_TEXT_ADD, "actions=mod_vlan_vid:4096", "mod_vlan_vid: '4096' is not a number from 0 to 4095" },
    { FLOW_TEXT_ADD, "actions=dec_ttl(1,2)",
      "dec_ttl(1,2): match and earlier actions do not say that the frame has what this works on" },
    { FLOW_TEXT_ADD, "ip,actions=mod_nw_ttl:256", "mod_nw_ttl: '256' is not a number from 0 to 255" },
    { FLOW_TEXT_ADD, "ip,actions=mod_nw_tos:33", "mod_nw_tos: '33' sets the two lower bits, which are nw_ecn's" },
    { FLOW_TEXT_ADD, "actions=mod_tp_dst:5",
      "set_field:5->tcp_dst: match and earlier actions do not say that the frame has what this works on" },
    { FLOW_TEXT_ADD, "actions=mod_dl_src:5", "mod_dl_src: '5' is not an Ethernet address" },
    { FLOW_TEXT_ADD, "actions=mod_dl_src:1:1:1:1:1:1/0:0:0:0:0:1",
      "mod_dl_src: '1:1:1:1:1:1/0:0:0:0:0:1' has a mask; to set part of a field, write set_field" },
    { FLOW_TEXT_ADD, "actions=set_field:5", "set_field: '5' is not of the form VALUE->FIELD" },
    { FLOW_TEXT_ADD, "actions=set_field:5->", "set_field: '5->' is not of the form VALUE->FIELD" },
    { FLOW_TEXT_ADD, "actions=set_field:5->foo", "set_field: 'foo' is not a field of OpenFlow 1.3" },
    { FLOW_TEXT_ADD, "actions=set_field:5->ipv6_exthdr", "set_field: ipv6_exthdr cannot be set" },
    { FLOW_TEXT_ADD, "actions=set_field:->reg0", "reg0 needs a value" },
    { FLOW_TEXT_ADD, "dl_vlan=4,actions=set_field:5->vlan_vid",
      "set_field:5->vlan_vid: the field cannot have this value; a VLAN id needs bit 0x1000 (or write mod_vlan_vid)" },
    { FLOW_TEXT_ADD, "actions=write_actions(1", "'write_actions(1' opens a parenthesis that is not closed" },
    { FLOW_TEXT_ADD, "actions=write_actions(1)2", "'2': a comma must follow the ')' of write_actions" },
    { FLOW_TEXT_ADD, "actions=1)", "'1)' closes a parenthesis that was not opened" },
    { FLOW_TEXT_ADD, "actions=output:1)", "'output:1)' closes a parenthesis that was not opened" },
    { FLOW_TEXT_ADD, "actions=output:(1", "'output:(1' opens a parenthesis that is not closed" },
    { FLOW_TEXT_ADD, "actions=write_actions:1", "write_actions needs its actions in parentheses" },
    { FLOW_TEXT_ADD, "actions=write_actions(goto_table:1)",
      "goto_table is an instruction, but only actions can be here" },
    { FLOW_TEXT_ADD, "actions=write_actions(output:0)", "output:0: no frame can be sent there" },
    { FLOW_TEXT_ADD, "actions=goto_table:255", "goto_table: '255' is not a number from 0 to 254" },
    { FLOW_TEXT_ADD, "actions=goto_table:1,goto_table:2", "goto_table is there twice" },
    { FLOW_TEXT_ADD, "actions=goto_table:1,output:2", "output must stand before goto_table" },
    { FLOW_TEXT_ADD, "actions=output:2,meter:3", "meter must stand before actions" },
    { FLOW_TEXT_ADD, "actions=meter:0", "meter: there is no meter 0" },
    { FLOW_TEXT_ADD, "actions=apply_actions(1)",
      "apply_actions is what happens anyway; write its actions as they are" },
    { FLOW_TEXT_ADD, "actions=clear_actions:1", "clear_actions takes no value, but got '1'" },
    { FLOW_TEXT_ADD, "actions=write_metadata:x", "write_metadata: 'x' is not a number" },
};

static void test_mistakes(void **state)
{
    struct str s;
    struct errbuf e;

    str_init(&s);
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        if (rewrite(&s, mistakes[i].in, mistakes[i].cmd, &e))
            fail_msg("'%s' became '%s'", mistakes[i].in, str_text(&s));
        if (strcmp(e.text, mistakes[i].sentence) != 0)
            fail_msg("'%s': '%s'", mistakes[i].in, e.text);
    }
    str_fini(&s);
}

/* A failure leaves what was there. */
static void test_mistake_changes_nothing(void **state)
{
    struct ofp_flow_mod fm;
    struct errbuf e = { "" };
    struct arena a;

    memset(&fm, 0x5a, sizeof fm);
    arena_init(&a);
    assert_int_equal(flow_text_parse(&fm, &a, "table=3,actions=drop,1", FLOW_TEXT_ADD, NULL, &e), -EINVAL);
    assert_int_equal(fm.table_id, 0x5a);
    assert_int_equal(fm.n_instructions, (size_t)0x5a5a5a5a5a5a5a5a);
    arena_fini(&a);
}

static void test_stats(void **state)
{
    struct ofp_flow_stats fs = { .table_id = 3,
                                 .duration_sec = 12,
                                 .duration_nsec = 34000000,
                                 .cookie = 0xab,
                                 .packet_count = 5,
                                 .byte_count = 678,
                                 .idle_timeout = 9,
                                 .hard_timeout = 10,
                                 .flags = OFPFF_SEND_FLOW_REM };
    const char *text = "priority=11,tcp,in_port=uplink actions=output:12,goto_table:13";
    struct errbuf e = { "" };
    struct ofp_flow_mod fm;
    struct arena a;
    struct str s;

    arena_init(&a);
    str_init(&s);
    assert_int_equal(flow_text_parse(&fm, &a, text, FLOW_TEXT_ADD, &names, &e), 0);
    fs.priority = fm.priority;
    fs.match = fm.match;
    fs.instructions = fm.instructions;
    fs.n_instructions = fm.n_instructions;
    flow_text_print_stats(&s, &fs, &names);
    assert_string_equal(str_text(&s),
                        "cookie=0xab, duration=12.034s, table=3, n_packets=5, n_bytes=678, idle_timeout=9, "
                        "hard_timeout=10, send_flow_rem priority=11,tcp,in_port=uplink "
                        "actions=output:12,goto_table:13");
    assert_int_equal(flow_text_parse(&fm, &a, str_text(&s), FLOW_TEXT_ADD, &names, &e), 0);
    assert_int_equal(fm.hard_timeout, 10);
    assert_int_equal(fm.flags, OFPFF_SEND_FLOW_REM);
    str_fini(&s);
    arena_fini(&a);
}

/* Without a match (packet-out) nobody can say whether an action fits the frame. */
static void test_actions_alone(void **state)
{
    static const struct {
        const char *in, *out; /* out NULL: a mistake */
    } lists[] = {
        { "pop_vlan,dec_ttl,output:3", "pop_vlan,dec_ttl,output:3" },
        { "output:TABLE", "TABLE" },
        { "", "drop" },
        { "drop", "drop" },
        { "goto_table:3", NULL },
        { "meter:3", NULL },
        { "output:0", NULL },
    };

    for (size_t i = 0; i < COUNT(lists); i++) {
        struct errbuf e = { "" };
        struct action_list list;
        struct arena a;
        struct str s;
        int err;

        arena_init(&a);
        str_init(&s);
        err = actions_text_parse(&list, &(struct action_text){ .arena = &a, .e = &e }, lists[i].in);
        assert_int_equal(err, lists[i].out ? 0 : -EINVAL);
        if (!err) {
            actions_text_print(&s, list.actions, list.n_actions, NULL);
            assert_string_equal(str_text(&s), lists[i].out);
        } else {
            assert_true(e.text[0]);
        }
        str_fini(&s);
        arena_fini(&a);
    }
}

/* --- random flows: text -> struct -> text is one and the same --- */

static uint64_t seed = 20240711;

static uint64_t rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

static struct value random_value(void)
{
    return (struct value){ .hi = rnd(UINT64_MAX), .lo = rnd(UINT64_MAX) };
}

/* Some fields, each with what it asks for. */
static void random_match(struct match *m)
{
    static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8847, 0x88e7, 0x1234 };
    static const uint8_t protos[] = { 1, 6, 17, 58, 132, 99 };

    memset(m, 0, sizeof *m);
    if (rnd(4))
        match_set(m, FIELD_ETH_TYPE, types[rnd(COUNT(types))]);
    if (match_allows_field(m, FIELD_IP_PROTO) && rnd(4))
        match_set(m, FIELD_IP_PROTO, protos[rnd(COUNT(protos))]);
    if (rnd(2))
        match_set_masked(m, FIELD_VLAN_VID, value_of(OFPVID_PRESENT | rnd(4096)),
                         value_of(OFPVID_PRESENT | (rnd(2) ? 0xfff : rnd(4096))));
    if (match_allows_field(m, FIELD_ICMPV6_TYPE) && rnd(2))
        match_set(m, FIELD_ICMPV6_TYPE, 134 + rnd(4));
    for (int i = 0; i < 12; i++) {
        enum field_id id = (enum field_id)rnd(FIELD_N);
        struct value v = random_value(), mask = rnd(2) ? field_ones(id) : random_value(), ones = field_ones(id);

        mask = (struct value){ mask.hi & ones.hi, mask.lo & ones.lo };
        if (!oxm_way_of(id, OFP_VERSION_13) || field_table[id].is_view || match_has(m, id) ||
            !match_allows_field(m, id) || id == FIELD_VLAN_VID || id == FIELD_RECIRC_ID || id == FIELD_DP_HASH)
            continue;
        match_set_masked(m, id, v, mask);
    }
}

static void test_random(void **state)
{
    for (int round = 0; round < 3000; round++) {
        struct ofp_flow_mod fm = { .command = OFPFC_ADD,
                                   .priority = (uint16_t)rnd(65536),
                                   .cookie = random_value().lo,
                                   .table_id = (uint8_t)rnd(255),
                                   .buffer_id = OFP_NO_BUFFER,
                                   .out_port = OFPP_ANY,
                                   .out_group = OFPG_ANY,
                                   .flags = (uint16_t)rnd(32),
                                   .idle_timeout = (uint16_t)rnd(65536) };
        struct errbuf e = { "" };
        struct ofp_flow_mod back;
        struct ofp_err err;
        struct match m, again;
        struct str s, t;
        struct arena a;

        arena_init(&a);
        str_init(&s);
        str_init(&t);
        random_match(&m);
        assert_int_equal(match_to_ofp_match(&fm.match, &a, &m), 0);
        flow_text_print_mod(&s, &fm, NULL);
        if (flow_text_parse(&back, &a, str_text(&s), FLOW_TEXT_ADD, NULL, &e))
            fail_msg("'%s': %s", str_text(&s), e.text);
        assert_int_equal(ofp_match_to_match(&again, &back.match, &err), 0);
        flow_text_print_mod(&t, &back, NULL);
        assert_string_equal(str_text(&s), str_text(&t));
        if (!match_equal(&m, &again))
            fail_msg("'%s' does not come back as the same match", str_text(&s));
        assert_int_equal(back.cookie, fm.cookie);
        assert_int_equal(back.flags, fm.flags);
        str_fini(&s);
        str_fini(&t);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewrite),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_mistake_changes_nothing),
        cmocka_unit_test(test_stats),
        cmocka_unit_test(test_actions_alone),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

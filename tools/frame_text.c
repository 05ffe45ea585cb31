/* SPDX-License-Identifier: Apache-2.0 */
/* frame_text.c - see frame_text.h. */
#include "tools/frame_text.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/str.h"
#include "io/addr.h"
#include "tools/frame_parse.h"

static const struct {
    uint16_t type;
    const char *name;
} type_names[] = {
    { 0x0800, "IPv4" }, { 0x0806, "ARP" },   { 0x86dd, "IPv6" },  { 0x8847, "MPLS" },  { 0x8848, "MPLS" },
    { 0x8809, "slow" }, { 0x8863, "PPPoE" }, { 0x8864, "PPPoE" }, { 0x888e, "EAPOL" }, { 0x88cc, "LLDP" },
    { 0x88f7, "PTP" },  { 0x8942, "LLDP" },  { 0x88e7, "PBB" },
};

static const char *type_name(uint16_t type)
{
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
        if (type_names[i].type == type)
            return type_names[i].name;
    return NULL;
}

static const char *l4_name(enum frame_l4 l4)
{
    static const char *const names[] = {
        [FRAME_L4_NONE] = "",     [FRAME_L4_TCP] = "TCP",   [FRAME_L4_UDP] = "UDP",
        [FRAME_L4_SCTP] = "SCTP", [FRAME_L4_ICMP] = "ICMP", [FRAME_L4_ICMP6] = "ICMPv6",
    };

    return names[l4];
}

static const char *icmp_name(const struct frame_parsed *f)
{
    static const struct {
        enum frame_l4 l4;
        uint8_t type;
        const char *name;
    } names[] = {
        { FRAME_L4_ICMP, 0, "echo reply" },
        { FRAME_L4_ICMP, 3, "unreachable" },
        { FRAME_L4_ICMP, 5, "redirect" },
        { FRAME_L4_ICMP, 8, "echo request" },
        { FRAME_L4_ICMP, 11, "time exceeded" },
        { FRAME_L4_ICMP6, 1, "unreachable" },
        { FRAME_L4_ICMP6, 2, "packet too big" },
        { FRAME_L4_ICMP6, 3, "time exceeded" },
        { FRAME_L4_ICMP6, 128, "echo request" },
        { FRAME_L4_ICMP6, 129, "echo reply" },
        { FRAME_L4_ICMP6, 133, "router solicitation" },
        { FRAME_L4_ICMP6, 134, "router advertisement" },
        { FRAME_L4_ICMP6, 135, "neighbor solicitation" },
        { FRAME_L4_ICMP6, 136, "neighbor advertisement" },
        { FRAME_L4_ICMP6, 143, "multicast listener report" },
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].l4 == f->l4 && names[i].type == f->icmp_type)
            return names[i].name;
    return NULL;
}

static bool is_echo(const struct frame_parsed *f)
{
    return f->l4 == FRAME_L4_ICMP ? f->icmp_type == 8 || f->icmp_type == 0 : f->icmp_type == 128 || f->icmp_type == 129;
}

static const char *ip_text(uint8_t version, const uint8_t *p, char text[INET6_ADDRSTRLEN])
{
    return inet_ntop(version == 4 ? AF_INET : AF_INET6, p, text, INET6_ADDRSTRLEN);
}

/* The letters that tcpdump uses, but A for acknowledgment; "" is written as "-". */
static const char *flags_text(uint8_t flags, char text[12])
{
    static const char letters[] = "FSRPAUEC";
    size_t n = 0;

    for (size_t i = 0; i < 8; i++)
        if (flags >> i & 1)
            text[n++] = letters[i];
    if (!n)
        text[n++] = '-';
    text[n] = '\0';
    return text;
}

/* --- text --- */

static void put_arp(struct str *s, const struct frame_parsed *f)
{
    char spa[INET6_ADDRSTRLEN], tpa[INET6_ADDRSTRLEN], sha[ADDR_TEXT_SIZE];

    ip_text(4, f->arp_spa, spa);
    ip_text(4, f->arp_tpa, tpa);
    if (f->arp_op == 1)
        str_printf(s, " who-has %s tell %s", tpa, spa);
    else if (f->arp_op == 2)
        str_printf(s, " %s is-at %s", spa, mac_format(f->arp_sha, sha, sizeof sha));
    else
        str_printf(s, " op %u", f->arp_op);
}

static void put_address(struct str *s, const struct frame_parsed *f, const uint8_t *ip, uint16_t port)
{
    bool has_port = f->l4 == FRAME_L4_TCP || f->l4 == FRAME_L4_UDP || f->l4 == FRAME_L4_SCTP;
    char text[INET6_ADDRSTRLEN];

    ip_text(f->ip_version, ip, text);
    if (has_port)
        str_printf(s, f->ip_version == 6 ? " [%s]:%u" : " %s:%u", text, port);
    else
        str_printf(s, " %s", text);
}

static void put_icmp(struct str *s, const struct frame_parsed *f)
{
    const char *name = icmp_name(f);
    char text[INET6_ADDRSTRLEN];

    if (name)
        str_printf(s, " %s", name);
    else
        str_printf(s, " type %u", f->icmp_type);
    if (is_echo(f))
        str_printf(s, " id %u seq %u", f->icmp_id, f->icmp_seq);
    else if (f->icmp_target)
        str_printf(s, " %s", ip_text(6, f->icmp_target, text));
    else if (f->icmp_code)
        str_printf(s, " code %u", f->icmp_code);
}

static void put_l4(struct str *s, const struct frame_parsed *f)
{
    char flags[12];

    if (f->l4)
        str_printf(s, " %s", l4_name(f->l4));
    else if (!f->fragment_offset)
        str_printf(s, " protocol %u", f->ip_proto);
    switch (f->l4) {
    case FRAME_L4_TCP:
        str_printf(s, " %s seq %u", flags_text(f->tcp_flags, flags), f->seq);
        if (f->tcp_flags & 0x10)
            str_printf(s, " ack %u", f->ack);
        str_printf(s, " win %u len %zu", f->window, f->payload);
        break;
    case FRAME_L4_UDP:
        str_printf(s, " len %zu", f->payload);
        break;
    case FRAME_L4_ICMP:
    case FRAME_L4_ICMP6:
        put_icmp(s, f);
        break;
    case FRAME_L4_SCTP:
    case FRAME_L4_NONE:
        break;
    }
}

static void put_ip(struct str *s, const struct frame_parsed *f)
{
    put_address(s, f, f->ip_src, f->sport);
    str_add(s, " >");
    put_address(s, f, f->ip_dst, f->dport);
    put_l4(s, f);
    if (f->is_fragment)
        str_printf(s, " fragment at %u%s", f->fragment_offset, f->has_more ? ", more follow" : ", the last");
}

void frame_text(struct str *s, const uint8_t *p, size_t n, size_t len)
{
    char src[ADDR_TEXT_SIZE], dst[ADDR_TEXT_SIZE];
    struct frame_parsed f;

    if (!frame_parse(&f, p, n)) {
        str_printf(s, "no whole Ethernet header in %zu bytes", n);
        return;
    }
    str_printf(s, "%s > %s", mac_format(f.src, src, sizeof src), mac_format(f.dst, dst, sizeof dst));
    for (unsigned i = 0; i < f.n_vlans; i++) {
        str_printf(s, f.vlans[i].tpid == 0x8100 ? " vlan %u" : " s-vlan %u", f.vlans[i].vid);
        if (f.vlans[i].pcp)
            str_printf(s, " pcp %u", f.vlans[i].pcp);
    }
    if (f.ethertype < 0x600)
        str_printf(s, " 802.3 length %u", f.ethertype);
    else if (type_name(f.ethertype))
        str_printf(s, " %s", type_name(f.ethertype));
    else
        str_printf(s, " type 0x%04x", f.ethertype);
    if (f.arp_op)
        put_arp(s, &f);
    else if (f.ip_version)
        put_ip(s, &f);
    if (f.is_cut)
        str_add(s, n < len ? " (cut off by snaplen)" : " (bad or cut header)");
}

/* --- JSON --- */

static json_t *mac_json(const uint8_t *mac)
{
    char text[ADDR_TEXT_SIZE];

    return json_string(mac_format(mac, text, sizeof text));
}

static json_t *ip_json(uint8_t version, const uint8_t *p)
{
    char text[INET6_ADDRSTRLEN];

    return json_string(ip_text(version, p, text));
}

static json_t *l4_json(const struct frame_parsed *f)
{
    char flags[12];

    switch (f->l4) {
    case FRAME_L4_TCP:
        return json_pack("{s:i, s:i, s:s, s:I, s:I, s:i, s:i}", "src_port", f->sport, "dst_port", f->dport, "flags",
                         flags_text(f->tcp_flags, flags), "seq", (json_int_t)f->seq, "ack", (json_int_t)f->ack,
                         "window", f->window, "payload", (int)f->payload);
    case FRAME_L4_UDP:
    case FRAME_L4_SCTP:
        return json_pack("{s:i, s:i}", "src_port", f->sport, "dst_port", f->dport);
    case FRAME_L4_ICMP:
    case FRAME_L4_ICMP6: {
        json_t *o = json_pack("{s:i, s:i}", "type", f->icmp_type, "code", f->icmp_code);

        if (is_echo(f)) {
            json_object_set_new(o, "id", json_integer(f->icmp_id));
            json_object_set_new(o, "seq", json_integer(f->icmp_seq));
        }
        if (f->icmp_target)
            json_object_set_new(o, "target", ip_json(6, f->icmp_target));
        return o;
    }
    case FRAME_L4_NONE:
        break;
    }
    return NULL;
}

static void add_ip(json_t *o, const struct frame_parsed *f)
{
    static const char *const keys[] = {
        [FRAME_L4_NONE] = NULL,   [FRAME_L4_TCP] = "tcp",   [FRAME_L4_UDP] = "udp",
        [FRAME_L4_SCTP] = "sctp", [FRAME_L4_ICMP] = "icmp", [FRAME_L4_ICMP6] = "icmp",
    };
    json_t *ip =
        json_pack("{s:i, s:o, s:o, s:i, s:i}", "version", f->ip_version, "src", ip_json(f->ip_version, f->ip_src),
                  "dst", ip_json(f->ip_version, f->ip_dst), "protocol", f->ip_proto, "ttl", f->ttl);

    if (f->is_fragment)
        json_object_set_new(ip, "fragment", json_pack("{s:i, s:b}", "offset", f->fragment_offset, "more", f->has_more));
    json_object_set_new(o, "ip", ip);
    if (keys[f->l4])
        json_object_set_new(o, keys[f->l4], l4_json(f));
}

json_t *frame_json(const uint8_t *p, size_t n, size_t len)
{
    struct frame_parsed f;
    json_t *o = json_object(), *vlans = json_array();

    if (frame_parse(&f, p, n)) {
        json_object_set_new(o, "src", mac_json(f.src));
        json_object_set_new(o, "dst", mac_json(f.dst));
        for (unsigned i = 0; i < f.n_vlans; i++)
            json_array_append_new(vlans, json_pack("{s:o, s:i, s:i}", "tpid", json_sprintf("0x%04x", f.vlans[i].tpid),
                                                   "vid", f.vlans[i].vid, "pcp", f.vlans[i].pcp));
        json_object_set(o, "vlans", vlans);
        json_object_set_new(o, "ethertype", json_sprintf("0x%04x", f.ethertype));
        if (f.arp_op)
            json_object_set_new(o, "arp",
                                json_pack("{s:i, s:o, s:o, s:o}", "op", f.arp_op, "sender_mac", mac_json(f.arp_sha),
                                          "sender", ip_json(4, f.arp_spa), "target", ip_json(4, f.arp_tpa)));
        else if (f.ip_version)
            add_ip(o, &f);
    } else {
        f.is_cut = true;
    }
    if (f.is_cut)
        json_object_set_new(o, "cut", json_string(n < len ? "snaplen" : "header"));
    json_decref(vlans);
    return o;
}

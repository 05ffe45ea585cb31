/* SPDX-License-Identifier: Apache-2.0 */
/* net_doc.h - the network document: one YAML file that says what the user wants.  Used by the controller, which makes
 * flow tables of it, and by the command line and its lab, which builds it on one machine and tries its expectations.
 *
 *   name: vlans                       # optional; default: the file's name without directory and ".yaml"
 *   description: Two VLANs ...        # optional
 *   controller: trama                 # or none: switches stand alone, the lab gives their ports VLANs; default trama
 *   networks:
 *     red:   {vlan: 10, subnet: 10.0.10.0/24}          # vlan 1..4094; subnet optional, one or a list (v4, v6)
 *     blue:  {vlan: 20, subnet: [10.0.20.0/24, "fd00:20::/64"], guard: true}    # hosts send from their own addresses only
 *   switches:
 *     s1: {datapath_id: 1}                             # 1..2^64-1, decimal or 0x...
 *     s2:
 *       datapath_id: 2
 *       fail_mode: secure                              # or standalone; default secure
 *       ports:                                         # optional: ports that more than declared hosts may use
 *         p7: {network: red, shared: true}             # member of red, untagged; shared: several hosts may be declared on it
 *   links:                                             # between switches; carry every network, tagged
 *     - [s1:to2, s2:to1]
 *     - {ends: [s1:8, s2:8], kind: veth}               # veth (default; the lab makes it) or external (a cable)
 *   hosts:
 *     h1: {network: red, switch: s1, address: 10.0.10.1}
 *     h2:
 *       network: red
 *       switch: s2
 *       port: 4                                        # default: the host's name
 *       address: [10.0.10.2, "fd00:10::2"]             # optional; with "/n" where the network has no subnet
 *       mac: 02:00:00:00:0a:02                         # default: made from the host's name (external: learned)
 *       kind: netns                                    # netns (default), vm, or external (a machine that is there already)
 *       attach: tap                                    # tap (default of netns) or netdev (default of vm)
 *       dhcp: true                                     # a lab runs a DHCP client there instead of setting addresses
 *   expect:                                            # what `trama lab test` tries, in this order
 *     - {ping: works, from: h1, to: h2}                # ping, tcp or udp: works or fails
 *     - {tcp: works, from: h1, to: h2, port: 80}       # port: default 7777
 *     - {ping: fails, from: [h1, h2], to: [h3, h4]}    # every pair; `all`: every host; a host and itself: left out
 *     - {ping: works, from: h1, to: h2, family: 6}     # default: each family that both have
 *     - {flood: once, from: h1}                        # a broadcast of h1 reaches each other host of its network once, no one else
 *     - {tcp: works, from: h1, to: h2, at: 198.51.100.1, port: 8080, listen: 80}   # h2 listens at 80, 198.51.100.1:8080 is tried
 *     - {cut: [s1:to2, s2:to1]}                        # takes a link of `links` down
 *     - {ping: works, from: h1, to: h2, within: 2s}    # 300ms, 5s; a bare number: seconds.  May fail until then
 *     - {restore: [s1:to2, s2:to1]}                    # `within`: default 5s, with `fails` 1s
 *
 * Routers, policies, DHCP: net_router.h.
 * A port is a name (1..15 of letters, digits and "_.-", not all digits), as the switch reports it in its port description,
 * or an OpenFlow port number (1..0xffffff00).  Names of everything else: 1..31 of the same letters, the first a letter or
 * digit.  Everything is strict: an unknown key, a doubled name, VLAN, datapath id, address or use of a port, and
 * whatever does not fit together is refused with file, line and a sentence, and nothing of the document is used.
 *
 * Thread: a document is constant once made; any may read it. */
#ifndef NET_NET_DOC_H
#define NET_NET_DOC_H

#include "base/errbuf.h"
#include "base/hmap.h"
#include "io/addr.h"
#include "io/doc.h"
#include "net/net_router.h"

enum { NET_PORT_NAME = 16, NET_NONE = -1, NET_EXPECT_PORT = 7777, NET_MAC_TEXT = 18 };
#define NET_PORT_MAX UINT32_C(0xffffff00) /* OFPP_MAX, OpenFlow 1.3.5, 7.2.1 */

/* A port of a switch, by name or by number: exactly one is given. */
struct net_port_ref {
    char name[NET_PORT_NAME]; /* "": by number */
    uint32_t number;          /* 0: by name */
};

struct net_network {
    const char *name;
    unsigned line; /* of the document, here and below */
    uint16_t vlan;
    size_t n_subnets;
    const struct ip_addr *subnets;
    uint16_t mtu;
    const struct net_dhcp *dhcp; /* NULL: none */
    int router;                  /* NET_NONE: none */
    bool has_guard;              /* hosts send from their own addresses only */
};

enum net_fail_mode { NET_FAIL_SECURE, NET_FAIL_STANDALONE };

/* A port that anybody's host may use, as a member of `network`. */
struct net_access_port {
    struct net_port_ref port;
    unsigned line;
    int network;
    bool is_shared;
};

struct net_switch {
    const char *name;
    unsigned line;
    uint64_t datapath_id;
    enum net_fail_mode fail_mode;
    size_t n_ports;
    const struct net_access_port *ports;
};

enum net_link_kind { NET_LINK_VETH, NET_LINK_EXTERNAL };
struct net_end {
    int sw; /* index into switches */
    struct net_port_ref port;
};
struct net_link {
    unsigned line;
    enum net_link_kind kind;
    struct net_end end[2]; /* of two different switches */
};

enum net_host_kind { NET_HOST_NETNS, NET_HOST_VM, NET_HOST_EXTERNAL };
enum net_attach { NET_ATTACH_TAP, NET_ATTACH_NETDEV };
struct net_host {
    const char *name;
    unsigned line;
    enum net_host_kind kind;
    enum net_attach attach;
    int network;
    struct net_end at;
    net_mac mac; /* 0: not known (external only) */
    size_t n_addresses;
    const struct ip_addr *addresses; /* prefix: that of the subnet */
    bool has_dhcp;                   /* a lab runs a client there */
};

enum net_expect_kind {
    NET_EXPECT_PING,
    NET_EXPECT_TCP,
    NET_EXPECT_UDP,
    NET_EXPECT_FLOOD,
    NET_EXPECT_CUT,
    NET_EXPECT_RESTORE
};
struct net_expect {
    unsigned line;
    enum net_expect_kind kind;
    bool must_work;      /* ping, tcp, udp: must work; false: must fail */
    size_t n_from, n_to; /* hosts, as indexes; the runner tries every pair of two different ones */
    const int *from, *to;
    uint16_t port;      /* tcp, udp: tried */
    uint16_t listen;    /* tcp, udp: the servers' */
    struct ip_addr at;  /* tried instead of the servers' addresses; family 0: theirs */
    uint8_t family;     /* 4, 6, or 0: each that both hosts have (none in common: refused by net_doc) */
    uint32_t within_ms; /* works: tried again until then; fails: must not work in that time */
    int link;           /* cut, restore: index into links */
};

struct net_doc {
    const char *file;               /* as given; for messages */
    const char *name, *description; /* description: "" when there is none */
    bool is_controlled;             /* false: controller: none */
    size_t n_networks, n_switches, n_links, n_hosts, n_routers, n_policies, n_expects;
    const struct net_network *networks;
    const struct net_switch *switches;
    const struct net_link *links;
    const struct net_host *hosts;
    const struct net_router *routers;
    const struct net_policy *policies;
    const struct net_expect *expects;
    struct hmap index; /* names, and hosts by address: what the functions below look in */
    struct doc source; /* its arena holds all of the above */
};

/* Reads the file / the text (`file` is its name in messages; need not exist).  Gives `*out` (caller ends with
 * net_doc_free).  -EINVAL: the document is wrong; `e` has "FILE:LINE: sentence" (FILE: sentence, where no line is to
 * blame).  -errno: the file cannot be read. */
int net_doc_load(struct net_doc **out, const char *path, struct errbuf *e);
int net_doc_parse(struct net_doc **out, const char *file, const char *text, size_t len, struct errbuf *e);
void net_doc_free(struct net_doc *doc);

/* By name; NET_NONE: there is none. */
int net_doc_network(const struct net_doc *doc, const char *name);
int net_doc_switch(const struct net_doc *doc, const char *name);
int net_doc_host(const struct net_doc *doc, const char *name);
/* The host of the network with that address. */
int net_doc_host_by_mac(const struct net_doc *doc, int network, net_mac mac);
int net_doc_host_by_address(const struct net_doc *doc, int network, const struct ip_addr *ip);
/* The first of the router's source_nat that is for the network; NULL: none. */
const struct net_source_nat *net_source_nat_of(const struct net_router *r, int network);
bool net_router_is_spread(const struct net_router *r); /* some source_nat is each switch's */
void net_spread_block(const struct net_source_nat *s, int sw, uint16_t *first, uint16_t *last); /* the switch's ports */
net_mac net_router_mac_at(const struct net_doc *doc, const struct net_router *r, int sw);       /* where it is spread */
/* The leg of the network's router there, NULL: it has none. */
const struct net_leg *net_doc_leg(const struct net_doc *doc, int network);
/* The router's address in the network, of that family; NULL: none. */
const struct ip_addr *net_doc_gateway(const struct net_doc *doc, int network, uint8_t family);
int net_doc_switch_by_id(const struct net_doc *doc, uint64_t datapath_id);

/* A locally administered address that depends on nothing but the name. */
net_mac net_mac_of_name(const char *name);
const char *net_mac_text(net_mac mac, char out[NET_MAC_TEXT]);
void net_mac_bytes(net_mac mac, uint8_t out[6]);
net_mac net_mac_of(const uint8_t bytes[6]);

/* "to2" or "8". */
const char *net_port_text(const struct net_port_ref *port, char out[NET_PORT_NAME]);
bool net_port_same(const struct net_port_ref *a, const struct net_port_ref *b);

#endif
